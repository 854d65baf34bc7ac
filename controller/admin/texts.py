"""A document's text: YAML, JSON and JSON Lines, read into plain trees and written from them.

YAML's guesses are not made: `NO` is Norway, `1001` an extension and `+12025550100` a number, not
False and two integers. Every scalar is text here; what a field wants to be is known by its type.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final, TextIO

import yaml

#: How deep a document may be nested; ours are five deep.
_DEEPEST: Final = 20
#: How much a document may say by aliases (`*name`), in values: a few lines can stand for billions.
_MOST_ALIASED: Final = 100_000
#: How long a line of JSON Lines may be, bytes.
_LONGEST_LINE: Final = 10_000_000

_NULLS: Final = frozenset({"", "~", "null", "Null", "NULL"})
_TEXT_TAGS: Final = frozenset({None, "!", "tag:yaml.org,2002:str"})
#: The one written in C, where it was built.
_LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DUMPER: Final[Any] = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class Unreadable(ValueError):
    """A text that is no document; the message says where and why."""


def format_of(path: Path) -> str:
    """Tell the format of a file by its suffix, or else by how it begins."""
    known = {".yaml": "yaml", ".yml": "yaml", ".json": "json", ".jsonl": "jsonl"}
    found = known.get(path.suffix.lower())
    if found is not None:
        return found
    with path.open("rb") as file:
        first = file.readline(_LONGEST_LINE).removeprefix(b"\xef\xbb\xbf").strip()
    if not first.startswith(b"{"):
        return "yaml"
    try:
        return "jsonl" if "kind" in json.loads(first) else "json"
    except ValueError:
        return "json"


def read_tree(path: Path, written_as: str) -> Any:  # noqa: ANN401  (whatever stands there)
    """Read a YAML or JSON file. Raises `Unreadable`, `OSError`."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Unreadable(f"byte {error.start + 1}: is not UTF-8; save the file as UTF-8") from error
    return read_yaml(text) if written_as == "yaml" else read_json(text)


def read_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Give the lines of JSON Lines with their numbers, empty ones left out."""
    with path.open("rb") as file:
        number = 0
        while line := file.readline(_LONGEST_LINE + 1):
            number += 1
            if len(line) > _LONGEST_LINE:
                raise Unreadable(f"line {number}: is too long; write one record in a line")
            line = line.removeprefix(b"\xef\xbb\xbf").strip()
            if line:
                yield number, line


# --- JSON ------------------------------------------------------------------------------------


def read_json(text: str | bytes) -> Any:  # noqa: ANN401
    """Read JSON. Raises `Unreadable`."""
    try:
        return json.loads(text, object_pairs_hook=_once, parse_constant=_refuse)
    except json.JSONDecodeError as error:
        raise Unreadable(
            f"line {error.lineno}, column {error.colno}: is no JSON: {error.msg}"
        ) from error
    except UnicodeDecodeError as error:
        raise Unreadable("is not UTF-8; save the file as UTF-8") from error
    except RecursionError as error:
        raise Unreadable("is nested too deeply") from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise Unreadable(f"{twice[:80]!r} stands twice in one object; only one can be meant")
    return made


def _refuse(word: str) -> None:
    raise Unreadable(f"{word} is no JSON")


# --- YAML ------------------------------------------------------------------------------------


def read_yaml(text: str) -> Any:  # noqa: ANN401
    """Read YAML: mappings, lists, text and null, and nothing that is guessed.

    Raises `Unreadable`.
    """
    try:
        return _Yaml(yaml.parse(text, Loader=_LOADER)).document()
    except yaml.MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise Unreadable(f"{line}is no YAML: {error.problem}") from error
    except yaml.YAMLError as error:
        raise Unreadable(f"is no YAML: {str(error).splitlines()[0]}") from error


class _Yaml:
    """Builds a tree of YAML's events."""

    def __init__(self, events: Iterable[Any]) -> None:
        self._events = iter(events)
        # What each anchor stands for, and how many values that is, aliases followed.
        self._anchors: dict[str, tuple[Any, int]] = {}
        self._values = 0
        self._aliased = 0

    def document(self) -> Any:  # noqa: ANN401
        tree: Any = None
        seen = False
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                if seen:
                    raise self._wrong(event, "a second document begins; write one")
                seen = True
                tree = self._node(next(self._events), 0)
        return tree

    def _node(self, event: Any, depth: int) -> Any:  # noqa: ANN401  (an event of PyYAML)
        if depth > _DEEPEST:
            raise self._wrong(event, "is nested too deeply")
        before = self._values
        self._values += 1
        value: Any
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        if isinstance(event, yaml.ScalarEvent):
            value = self._scalar(event)
        elif event.tag not in (None, "!"):
            raise self._wrong(event, f"the tag {event.tag} means nothing here; leave it out")
        elif isinstance(event, yaml.SequenceStartEvent):
            value = []
            while not isinstance(inner := next(self._events), yaml.SequenceEndEvent):
                value.append(self._node(inner, depth + 1))
        else:
            value = self._mapping(depth)
        if event.anchor is not None:
            self._anchors[event.anchor] = (value, self._values - before)
        return value

    def _mapping(self, depth: int) -> dict[str, Any]:
        made: dict[str, Any] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            if not isinstance(event, yaml.ScalarEvent):
                raise self._wrong(event, "a key is text, and nothing else")
            key = self._scalar(event)
            if key is None:
                raise self._wrong(event, "a key is missing")
            if key in made:
                raise self._wrong(event, f"{key[:80]!r} stands twice; only one can be meant")
            made[key] = self._node(next(self._events), depth + 1)
        return made

    def _scalar(self, event: Any) -> str | None:  # noqa: ANN401
        if event.tag not in _TEXT_TAGS:
            raise self._wrong(event, f"the tag {event.tag} means nothing here; leave it out")
        # `implicit[0]`: it stands there plainly, without quotes and without a tag.
        if event.implicit[0] and event.tag is None and event.value in _NULLS:
            return None
        text: str = event.value
        return text

    def _alias(self, event: Any) -> Any:  # noqa: ANN401
        if event.anchor not in self._anchors:
            raise self._wrong(event, f"*{event.anchor} stands for nothing that ended before it")
        value, size = self._anchors[event.anchor]
        self._values += size
        self._aliased += size
        if self._aliased > _MOST_ALIASED:
            raise self._wrong(event, "aliases (*name) stand for too much; write it out")
        return value

    @staticmethod
    def _wrong(event: Any, message: str) -> Unreadable:  # noqa: ANN401
        return Unreadable(f"line {event.start_mark.line + 1}: {message}")


# --- writing ---------------------------------------------------------------------------------


class _Dumper(_DUMPER):  # type: ignore[misc]
    """Writes text of several lines as such, and lists inside their key."""


def _text(dumper: Any, value: str) -> Any:  # noqa: ANN401
    style = None
    if "\n" in value:
        # What ends with empty lines would end the document too (`...`) if it stood there as it is.
        style = '"' if value.endswith("\n\n") or not value.strip("\n") else "|"
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _text)


class Writer:
    """Writes a document section by section and record by record, and keeps none of them."""

    def __init__(self, stream: TextIO, written_as: str) -> None:
        self._stream = stream
        self._format = written_as
        self._section: str | None = None

    def begin(self, version: int) -> None:
        """Write what comes before all records."""
        if self._format == "yaml":
            self._stream.write(f"version: {version}\n")
        elif self._format == "json":
            self._stream.write(f'{{\n  "version": {version}')
        else:
            self._line({"kind": "document", "version": version})

    def record(self, section: str, kind: str, record: dict[str, Any]) -> None:
        """Write a record; those of one section come one after the other."""
        if self._format == "jsonl":
            self._line({"kind": kind, **record})
            return
        first = section != self._section
        if self._format == "yaml":
            if first:
                self._stream.write(f"\n{section}:\n")
            self._stream.write(
                yaml.dump(
                    [record], Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=10**6
                )
            )
        else:
            if first:
                self._stream.write(f'{self._end()},\n  "{section}": [\n')
            else:
                self._stream.write(",\n")
            lines = json.dumps(record, ensure_ascii=False, indent=2).splitlines()
            self._stream.write("\n".join(f"    {line}" for line in lines))
        self._section = section

    def end(self) -> None:
        """Write what comes after all records."""
        if self._format == "json":
            self._stream.write(f"{self._end()}\n}}\n")

    def _end(self) -> str:
        return "" if self._section is None else "\n  ]"

    def _line(self, record: dict[str, Any]) -> None:
        self._stream.write(json.dumps(record, ensure_ascii=False, separators=(",", ":")) + "\n")
