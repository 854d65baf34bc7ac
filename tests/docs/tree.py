"""What a command of the documentation names: words and options of `callbackd`, files, variables."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from typing import Any, Final, get_args, get_origin

import click
import msgspec

from controller.cli import main
from controller.settings import Settings
from tests.docs.blocks import ROOT

#: Variables that are no settings, and whose they are.
OTHERS: Final = {
    "CALLBACKD_CONFIG": "the file of settings",
    "CALLBACKD_COMMIT": "what a package is made of, while it is built",
    "CALLBACKD_HOSTNAME": "of deploy/compose",
}
#: What looks like a path of the project, and is none.
NO_PATHS: Final = {"deploy/callbackd": "what kubectl calls the Deployment"}
#: Rooms of the project: what begins so is a path of it, but where a part of it is left open.
_PATH: Final = re.compile(
    r"(?<![\w./$-])(?:bench|controller|deploy|docs|fs-config|tests|tools)/(?![\w./-]*[<*{])[\w./-]*\w"
)
#: Programs that run another one, and options of theirs behind which a name stands.
RUN: Final = {"docker", "env", "nice", "sudo", "time"}
NAMES: Final = {"-u", "--user"}
#: What stands for words that somebody chooses: `[OPTIONS]`, `[NUMBER]`, `COMMAND`.
_LEFT_OPEN: Final = re.compile(r"\[[A-Z_|]+\](?:\.\.\.)?\Z|COMMAND\Z")
_SET: Final = re.compile(r"[A-Za-z_]\w*=")
#: Where a command of a shell ends and another one begins.
_NEXT: Final = {"|", "||", "&&", ";", "&", "(", ")", "$(", "`"}


def shell_words(text: str) -> Iterator[list[str]]:
    """Give the words of each command of a shell's line, comments and redirections left out.

    Raises `ValueError` for quotes that are not closed.
    """
    # What is run within another one is a command by itself.
    for inside in re.findall(r"\$\(([^()]*)\)", text):
        yield from shell_words(inside)
    text = re.sub(r"\$\([^()]*\)", "X", text.replace("\\\n", " "))
    lexer = shlex.shlex(text, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    words: list[str] = []
    for word in lexer:
        if word in _NEXT:
            yield words
            words = []
        else:
            words.append(word)
    yield words


def callbackd(words: list[str]) -> list[str] | None:
    """Give the words of `callbackd` in a command, where it is one, or None.

    It begins a command, or stands behind `--`, or is what another program runs. Elsewhere it is a
    user, a unit, a namespace.
    """
    for at, word in enumerate(words):
        before = [one for one in words[:at] if not _SET.match(one)]
        is_run = not before or before[-1] == "--" or (before[0] in RUN and before[-1] not in NAMES)
        if word.rpartition("/")[2] == "callbackd" and is_run:
            return words[at + 1 :]
    return None


def wrong(words: list[str]) -> list[str]:
    """Say what is wrong with words of `callbackd`: commands and options that there are not.

    `a|b` stands for either; what is left out is `…`, `[OPTIONS]` or `COMMAND`. Values are not
    looked at.
    """
    words = [word for word in words if word.strip("….,") and not _LEFT_OPEN.match(word)]
    for at, word in enumerate(words):
        if re.fullmatch(r"[\w-]+(\|[\w-]+)+", word):
            several = ([*words[:at], one, *words[at + 1 :]] for one in word.split("|"))
            return [fault for each in several for fault in wrong(each)]
    return _wrong(main, words, "callbackd")


def _wrong(command: click.Command, words: list[str], name: str) -> list[str]:
    context = click.Context(command, info_name=name, **command.context_settings)
    redirected = [at for at, word in enumerate(words) if word in ("<", ">", ">>", "2>", "<<<")]
    if redirected:
        words = words[: redirected[0]]
    parser = command.make_parser(context)
    # What follows a group's own options is for its command.
    if isinstance(command, click.Group):
        parser.allow_interspersed_args = False
    try:
        _, rest, _ = parser.parse_args(list(words))
    except click.UsageError as error:
        return [f"{name}: {error.format_message()}"]
    if not isinstance(command, click.Group):
        return [f"{name}: more words than it takes: {' '.join(rest)}"] if rest else []
    if not rest:
        return []
    found = command.get_command(context, rest[0])
    if found is None:
        return [f"{name}: there is no command {rest[0]}"]
    return _wrong(found, rest[1:], f"{name} {rest[0]}")


def missing_paths(text: str) -> list[str]:
    """Give the paths of the project that a text names and that are not there."""
    found = {path[0] for path in _PATH.finditer(text)} - NO_PATHS.keys()
    return sorted(path for path in found if not (ROOT / path).exists())


def unknown_targets(text: str) -> list[str]:
    """Give what code asks of `make` and `tox`, and Makefile and tox.ini do not have."""
    made = set(re.findall(r"^([\w-]+):(?!=)", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    tried = set(
        re.findall(r"^\[testenv:(\w+)\]", (ROOT / "tox.ini").read_text("utf-8"), re.MULTILINE)
    )
    tried |= {"py312", "py313"}
    targets = re.findall(r"(?:^|[\s;&])make ((?:[a-z][a-z-]*)(?: [a-z][a-z-]*)*)", text)
    environments = re.findall(r"\btox -e ([\w,]+)", text)
    return sorted(
        {target for several in targets for target in several.split()} - made
        | {name for several in environments for name in several.split(",")} - tried
    )


def unknown_variables(text: str) -> list[str]:
    """Give the variables `CALLBACKD_…` that a text names and that are no setting."""
    return [
        name
        for name in re.findall(r"\bCALLBACKD_[A-Z0-9_]+", text)
        if name not in OTHERS and not _is_setting(name.removesuffix("_FILE"))
    ]


def _is_setting(name: str) -> bool:
    node: Any = Settings
    for part in name.removeprefix("CALLBACKD_").lower().split("__"):
        if get_origin(node) is dict:
            # Its names are whatever somebody chooses.
            node = get_args(node)[1]
            continue
        types = {field.name: field.type for field in _fields(node)}
        if part not in types:
            return False
        node = types[part]
    return True


def _fields(node: Any) -> tuple[msgspec.structs.FieldInfo, ...]:
    is_section = isinstance(node, type) and issubclass(node, msgspec.Struct)
    return msgspec.structs.fields(node) if is_section else ()
