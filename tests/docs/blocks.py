"""What is in the documentation's pages: blocks, spans of code, and what a page is tried with.

A page is read by lines, as Markdown is written here, and not by all that Markdown could be: the
tests demand that a block is fenced and has its language, so that none is overlooked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

ROOT: Final = Path(__file__).parents[2]
#: Every page whose commands are run: those of the site, and those that stand with what they are of.
PAGES: Final = (
    "README.md",
    *sorted(str(page.relative_to(ROOT)) for page in (ROOT / "docs").rglob("*.md")),
    "deploy/compose/README.md",
    "fs-config/README.md",
)

_FENCE: Final = re.compile(r"(?P<indent> *)(?P<ticks>```+)(?P<language>[\w+-]*)\s*\Z")
_COMMENT: Final = re.compile(r"\s*<!--\s*(?P<what>[a-z ]+?):\s*(?P<said>.*?)\s*-->\s*\Z")
_ITEM: Final = re.compile(r"(?P<head> *(?:[-*+]|\d+[.)]) +)\S")
_SPAN: Final = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)", re.DOTALL)


class Block(msgspec.Struct, frozen=True):
    """A fenced block: from which line of the page on, in which language, and what stands in it.

    `said` is what the comments on the lines before it say, by what they are: `not run`, `fails`.
    """

    page: str
    line: int
    language: str
    lines: tuple[str, ...]
    said: dict[str, str]

    @property
    def text(self) -> str:
        """What stands in it."""
        return "".join(f"{line}\n" for line in self.lines)


class Command(msgspec.Struct, frozen=True):
    """A command of a block: one line, or several that a backslash joins."""

    block: Block
    line: int
    text: str

    @property
    def fails(self) -> bool:
        """Whether it is said to fail, by its own comment or its block's."""
        return "fails" in self.block.said or re.search(r"\s#\s*fails: \S", self.text) is not None


class Page(msgspec.Struct, frozen=True):
    """A page: its blocks, what it is tried with, and its text without the blocks."""

    name: str
    blocks: tuple[Block, ...]
    tried_with: tuple[str, ...]
    prose: str
    #: The lines at which a block begins that is indented, and not fenced.
    indented: tuple[int, ...]

    def commands(self, *, run: bool) -> Iterator[Command]:
        """Give the commands of its `sh` blocks: those that are run, or those that cannot be."""
        for block in self.blocks:
            if block.language == "sh" and ("not run" not in block.said) == run:
                yield from commands(block)

    def spans(self) -> Iterator[str]:
        """Give what stands in code style within its sentences, each on one line."""
        for paragraph in re.split(r"\n\s*\n", self.prose):
            for found in _SPAN.finditer(paragraph):
                yield re.sub(r"\s+", " ", found[2]).strip()


def read(name: str) -> Page:
    """Read a page, by its path in the project."""
    return parse(name, (ROOT / name).read_text("utf-8"))


def parse(name: str, text: str) -> Page:
    """Take a page apart. Raises `ValueError` for a fence that is not closed."""
    blocks: list[Block] = []
    tried_with: tuple[str, ...] = ()
    prose: list[str] = []
    indented: list[int] = []
    said: dict[str, str] = {}
    #: What a block has to be indented by, where it would be code: more within a list.
    code = 4
    lines = text.splitlines()
    at = 0
    while at < len(lines):
        line = lines[at]
        if fence := _FENCE.match(line):
            end = _end(name, lines, at, fence["ticks"])
            inside = (one.removeprefix(fence["indent"]) for one in lines[at + 1 : end])
            blocks.append(Block(name, at + 1, fence["language"], tuple(inside), said))
            said = {}
            prose += [""] * (end - at + 1)
            at = end + 1
            continue
        if comment := _COMMENT.match(line):
            if comment["what"] == "tried with":
                tried_with = tuple(part.strip() for part in comment["said"].split(","))
            else:
                said = {**said, comment["what"]: comment["said"]}
        elif line.strip():
            said = {}
            if item := _ITEM.match(line):
                code = len(item["head"]) + 4
            elif not line.startswith(" "):
                code = 4
            elif not lines[at - 1].strip() and len(line) - len(line.lstrip()) >= code:
                indented.append(at + 1)
        prose.append("" if comment else line)
        at += 1
    return Page(name, tuple(blocks), tried_with, "\n".join(prose), tuple(indented))


def _end(name: str, lines: list[str], start: int, ticks: str) -> int:
    for at in range(start + 1, len(lines)):
        if lines[at].strip() == ticks:
            return at
    raise ValueError(f"{name}:{start + 1}: a block without an end")


def commands(block: Block) -> Iterator[Command]:
    """Give the commands of a block: one a line, but for those that a backslash goes on with."""
    begun: list[str] = []
    for number, line in enumerate(block.lines, block.line + 1):
        if not begun and (not line.strip() or line.lstrip().startswith("#")):
            continue
        begun.append(line)
        if not line.endswith("\\"):
            yield Command(block, number - len(begun) + 1, "\n".join(begun))
            begun = []
    if begun:
        raise ValueError(f"{block.page}:{block.line}: its last line goes on nowhere")
