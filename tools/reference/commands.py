"""docs/reference/commands.md: every command, of the tree that `callbackd` is."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Any, Final

import click
import msgspec

from controller.cli import main
from tools.reference.page import Page, anchor_of, plain

#: What begins a paragraph whose lines click leaves as they are.
_KEPT: Final = "\b\n"


class Entry(msgspec.Struct, frozen=True):
    """A command, or a group of commands: the words that call it, and what click knows of it."""

    path: tuple[str, ...]
    command: Any

    @property
    def name(self) -> str:
        """As it is typed."""
        return " ".join(self.path)

    @property
    def sentences(self) -> str:
        """What it does; "" where nobody has said it."""
        return inspect.cleandoc(self.command.help or "")

    @property
    def context(self) -> click.Context:
        """What click asks a command with."""
        return click.Context(self.command, info_name=self.name)

    def options(self) -> list[click.Option]:
        """Give its options, but `--help`, which each has."""
        own = self.command.get_params(self.context)
        return [one for one in own if isinstance(one, click.Option) and "--help" not in one.opts]


def entries() -> Iterator[Entry]:
    """Give the program itself, then all groups and commands by their names."""
    yield from _below(Entry(("callbackd",), main))


def _below(entry: Entry) -> Iterator[Entry]:
    yield entry
    if isinstance(entry.command, click.Group):
        for name, command in sorted(entry.command.commands.items()):
            if not command.hidden:
                yield from _below(Entry((*entry.path, name), command))


def page() -> str:
    """Give the page."""
    made = Page(
        "Commands",
        "Made of `controller/commands` by `make reference`.",
        "Each command has `--help`. Options of `callbackd` itself stand before the command: "
        "`callbackd --config FILE extension list`. Commands work on the database itself and need "
        "no controller, unless they say so; the audit log has each change under `cli:` and the "
        "name of the machine's user. A command that did not do what was asked says why on standard "
        "error and ends with a status other than 0. `--json` is for programs.",
    )
    known = list(entries())
    made.say("\n".join(_contents(known)))
    for entry in known:
        _add(made, entry)
    return made.text()


def _contents(known: list[Entry]) -> Iterator[str]:
    for entry in known:
        if len(entry.path) == 2:
            text = entry.sentences.partition("\n")[0]
            yield f"- [`{entry.name}`](#{anchor_of(entry.name)}): {plain(text)}"


def _add(made: Page, entry: Entry) -> None:
    made.heading(f"`{entry.name}`", min(len(entry.path) + 1, 4), anchor_of(entry.name))
    for paragraph in entry.sentences.split("\n\n"):
        kept, is_kept = paragraph.removeprefix(_KEPT), paragraph.startswith(_KEPT)
        made.say(f"```text\n{kept}\n```" if is_kept else plain(paragraph))
    usage = " ".join(entry.command.collect_usage_pieces(entry.context))
    made.say(f"Usage: `{entry.name} {usage}`")
    if isinstance(entry.command, click.Group):
        below = [
            f"[`{name}`](#{anchor_of(entry.name, name)})"
            for name, command in sorted(entry.command.commands.items())
            if not command.hidden
        ]
        made.say(f"Commands: {', '.join(below)}.")
    lines = [_line(entry, option) for option in entry.options()]
    if lines:
        made.say("\n".join(lines))


def _line(entry: Entry, option: click.Option) -> str:
    record = option.get_help_record(entry.context)
    names, text = record if record is not None else ("", "")
    secondary = option.get_default(entry.context)
    notes = []
    if option.required:
        notes.append("it has to be given")
    elif not option.show_default and _says(secondary) and "default" not in text.lower():
        notes.append(f"default: {secondary}")
    if option.envvar:
        notes.append(f"variable: {option.envvar}")
    text = re.sub(r" +", " ", text.replace("[required]", "")).strip()
    told = " ".join(
        [*([plain(text)] if text else []), *([f"({'; '.join(notes)})"] if notes else [])]
    )
    return f"- `{names}`: {told}" if told else f"- `{names}`"


def _says(default: Any) -> bool:  # noqa: ANN401
    return isinstance(default, str | int | float) and default not in ("", False)
