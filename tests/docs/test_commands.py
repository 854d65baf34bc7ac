"""Each command of the documentation is run, and what cannot be run here exists all the same."""

from __future__ import annotations

import ast
import json
import re
import shlex
import tempfile
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

import pytest
import yaml

from controller.guard import ranges
from controller.settings import load
from tests.docs import shell, tree
from tests.docs.blocks import PAGES, ROOT, Block, Page, commands, parse
from tests.docs.blocks import read as read_page
from tests.docs.worlds import PARTS, Worlds

read = cache(read_page)
#: Words of code that begin with `callbackd ` and are no command: what it prints, and the like.
NO_COMMANDS: Final = {"callbackd session has expired"}
#: Languages of blocks, and what is done with them besides looking at what they name.
#: The ranges that are shipped, which an operator may have in a file of his own.
RANGES: Final = Path(ranges.__file__).parent / "ranges.toml"
#: How a command begins, wherever it stands.
COMMAND: Final = re.compile(r"\s*(?:[$#] |sudo )?(?:callbackd|curl|docker|fs_cli|make|systemctl)\s")
LANGUAGES: Final = {"sh", "toml", "json", "yaml", "python", "text", "xml", "mermaid", "csv"}


@pytest.fixture(scope="module")
def worlds() -> Iterator[Worlds]:
    # A path of a unix socket is short.
    with tempfile.TemporaryDirectory(prefix="docs-") as directory:
        made = Worlds(Path(directory))
        yield made
        made.close()


def pages_that_run() -> list[str]:
    return [name for name in PAGES if list(read(name).commands(run=True))]


@pytest.mark.parametrize("name", pages_that_run())
def test_each_command_of_a_page_does_what_is_said(
    name: str, worlds: Worlds, tmp_path: Path
) -> None:
    page = read(name)
    directory = tmp_path / "page"
    directory.mkdir()
    with worlds.world(directory, page.tried_with) as made:
        there, away = shell.apart(page.commands(run=True))
        assert shell.run(there, made, worlds.runner) == []
    if away:
        pytest.skip(f"{len(away)} commands need curl, which is not there; the others were run")


@pytest.mark.parametrize("name", PAGES)
def test_a_page_has_no_block_that_nothing_looks_at(name: str) -> None:
    page = read(name)
    assert page.indented == (), "fence it, and say in which language it is"
    for block in page.blocks:
        assert block.language in LANGUAGES, f"{name}:{block.line}"
        assert set(block.said) <= {"not run", "fails"}, f"{name}:{block.line}"
        for what, why in block.said.items():
            assert why.strip(), f"{name}:{block.line}: {what}: and why?"
        if block.language == "sh":
            assert list(commands(block)), f"{name}:{block.line}: no command"
        elif block.language == "text":
            assert not COMMAND.match(block.text), f"{name}:{block.line}: a command"
    assert set(page.tried_with) <= set(PARTS)


def named(page: Page) -> Iterator[tuple[str, list[str]]]:
    """Give the words of every `callbackd` that a page names, and where."""
    for block in page.blocks:
        if block.language != "sh":
            continue
        for command in commands(block):
            for words in tree.shell_words(command.text):
                if (ours := tree.callbackd(words)) is not None:
                    yield f"{page.name}:{command.line}", ours
    for span in page.spans():
        if span.startswith("callbackd ") and span not in NO_COMMANDS:
            yield f"{page.name}: {span}", shlex.split(span)[1:]


@pytest.mark.parametrize("name", PAGES)
def test_every_word_and_option_of_callbackd_exists(name: str) -> None:
    faults = [
        f"{where}: {fault}" for where, words in named(read(name)) for fault in tree.wrong(words)
    ]
    assert faults == []


@pytest.mark.parametrize("name", PAGES)
def test_every_path_target_and_variable_exists(name: str) -> None:
    page = read(name)
    shown = [*page.spans(), *(block.text for block in page.blocks if block.language == "sh")]
    assert [path for text in shown for path in tree.missing_paths(text)] == []
    assert [target for text in shown for target in tree.unknown_targets(text)] == []
    everything = "\n".join([page.prose, *(block.text for block in page.blocks)])
    assert tree.unknown_variables(everything) == []


def blocks(*languages: str) -> list[Block]:
    return [block for name in PAGES for block in read(name).blocks if block.language in languages]


def where(block: Block) -> str:
    return f"{block.page}:{block.line}"


@pytest.mark.parametrize("block", blocks("toml"), ids=where)
def test_settings_that_are_shown_are_settings(block: Block, tmp_path: Path) -> None:
    """Files of secrets that they name are elsewhere: they are put where the settings say."""
    text = block.text.replace("/etc/callbackd/ranges.toml", str(RANGES))
    for number, path in enumerate(re.findall(r'\{ file = "(/[^"]+)"', text)):
        secret = tmp_path / f"secret{number}"
        is_url = re.search(rf'url = {{ file = "{re.escape(path)}"', text)
        secret.write_text("sqlite:////tmp/x" if is_url else "a secret of some length", "utf-8")
        text = text.replace(path, str(secret))
    file = tmp_path / "callbackd.toml"
    file.write_text(text, "utf-8")
    assert tomllib.loads(text)
    load(str(file), {})


@pytest.mark.parametrize("block", blocks("json", "yaml", "python"), ids=where)
def test_what_is_shown_can_be_read(block: Block) -> None:
    if block.language == "json":
        json.loads(block.text)
    elif block.language == "yaml":
        assert yaml.safe_load(block.text) is not None
    else:
        ast.parse(block.text)


# --- what looks after all this can fail ----------------------------------------------------------

PAGE: Final = """\
<!-- tried with: extension 1001 -->
# A page

Text with `callbackd call lst`, `deploy/nowhere`, `make tea`, `make demo`, `tox -e ready,py27`
and `CALLBACKD_LISTEN__PROT`.

```sh
callbackd call list \\
    --limit 3
false             # fails: it always does
true
```

<!-- not run: no such thing here -->
```sh
systemctl restart callbackd
callbackd check --swich
```

1. An item

       callbackd serve

and

    callbackd serve
"""


def test_a_page_is_taken_apart() -> None:
    page = parse("page.md", PAGE)
    assert page.tried_with == ("extension 1001",)
    assert page.indented == (22, 26)
    assert [one.text for one in page.commands(run=False)] == [
        "systemctl restart callbackd", "callbackd check --swich",
    ]  # fmt: skip
    first, second, third = page.commands(run=True)
    assert (first.line, first.text) == (8, "callbackd call list \\\n    --limit 3")
    assert [one.fails for one in (first, second, third)] == [False, True, False]


def test_what_a_page_names_and_there_is_not_is_found() -> None:
    page = parse("page.md", PAGE)
    faults = [fault for _, words in named(page) for fault in tree.wrong(words)]
    assert faults == [
        "callbackd check: No such option '--swich'. Did you mean '--switch'?",
        "callbackd call: there is no command lst",
    ]
    text = "\n".join(page.spans())
    assert tree.missing_paths(text) == ["deploy/nowhere"]
    assert tree.unknown_targets(text) == ["py27", "tea"]
    assert tree.unknown_variables(text) == ["CALLBACKD_LISTEN__PROT"]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("callbackd call list", "call list"),
        ("A=1 /opt/callbackd/bin/callbackd serve", "serve"),
        ("docker compose exec controller-a callbackd check", "check"),
        ("runuser -u callbackd -- callbackd check", "check"),
        ("kubectl -n callbackd exec deploy/callbackd -- callbackd node list", "node list"),
        ("x=$(callbackd stops)", "stops"),
        ("true && callbackd resume", "resume"),
        ("systemctl restart callbackd", None),
        ("install -o callbackd -g callbackd /x", None),
    ],
)
def test_callbackd_is_found_where_it_is_a_command(line: str, words: str | None) -> None:
    found = [ours for each in tree.shell_words(line) if (ours := tree.callbackd(each)) is not None]
    assert found == ([] if words is None else [words.split()])


def test_a_command_that_does_not_end_as_it_should_is_found(worlds: Worlds, tmp_path: Path) -> None:
    text = (
        "```sh\ncallbackd call show none\nexport MORE=limit\ncallbackd call list --$MORE 3\n"
        "callbackd stops --json  # fails: it does not\n```\n"
    )
    (tmp_path / "page").mkdir()
    with worlds.world(tmp_path / "page", ()) as made:
        found = shell.run(list(parse("page.md", text).commands(run=True)), made, worlds.runner)
    assert len(found) == 2
    assert "page.md:2" in found[0]
    assert "there is no call none" in found[0]
    assert "page.md:5" in found[1]
    assert "[]" in found[1]


def test_every_page_of_the_project_that_has_commands_is_looked_at() -> None:
    elsewhere = {
        str(page.relative_to(ROOT))
        for page in ROOT.rglob("*.md")
        if not {"build", "replay"} & set(page.parts)
        and not any(part.startswith(".") for part in page.relative_to(ROOT).parts)
    } - set(PAGES)
    assert elsewhere <= {"CHANGELOG.md"}
