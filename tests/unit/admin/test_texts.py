"""YAML, JSON and JSON Lines: what is read, and what is not guessed."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from controller.admin import importing, texts
from controller.admin.bulk import Applied
from controller.admin.texts import Unreadable, Writer, read_json, read_yaml

from .documents import WHOLE, World

# --- lines -----------------------------------------------------------------------------------


def test_lines_may_stand_in_any_order(world: World) -> None:
    world.take(WHOLE)
    lines = world.give("jsonl").splitlines()
    text = "\n\n".join(reversed(lines))
    assert world.take(text, "jsonl") == Applied(same=16)


def test_every_bad_line_is_told(world: World) -> None:
    text = "\n".join(
        [
            '{"kind": "document", "version": 2}',
            '{"kind": "colour"}',
            '{"name": "acme"}',
            "[]",
            '{"kind": "client", "name": "Acme"}',
            '{"kind": "extension", "extension": "1"',
            '{"kind": "callerid", "extension": "1", "number": "+12025550100"}',
            '{"kind": "token", "name": "web"}',
        ]
    )
    assert [error.partition(": ")[0] for error in world.refused(text, "jsonl")] == [
        "line 1", "line 2", "line 3", "line 4", "line 6", "line 8", "line 5 (Acme)",
        "line 7 (1/+12025550100)",
    ]  # fmt: skip
    with pytest.raises(Unreadable, match="line 1: 'name' stands twice"):
        world.take('{"kind": "client", "name": "a", "name": "b"}', "jsonl")


def test_a_callerid_that_stands_twice_is_told(world: World) -> None:
    world.take(WHOLE)
    line = '{"kind": "callerid", "extension": "%s", "number": "+12025550190"}'
    assert world.take("\n".join(line % name for name in ("1001", "007")), "jsonl").created == 2
    errors = world.refused("\n".join(line % name for name in ("1001", "007", "1001")), "jsonl")
    assert errors == [
        "line 3 (1001/+12025550190): stands twice in the document; only one can be meant"
    ]


def test_a_line_has_an_end(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texts, "_LONGEST_LINE", 50)
    with pytest.raises(Unreadable, match="line 2: is too long"):
        world.take('{"kind": "document", "version": 1}\n' + " " * 51, "jsonl")


def test_a_large_document_is_taken_some_at_a_time(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "BATCH", 3)
    head = [json.loads(line) for line in WHOLE_LINES]
    callers = [
        {"kind": "callerid", "extension": "1001", "number": f"+1212555{number:04}"}
        for number in range(20)
    ]
    text = "\n".join(json.dumps(line) for line in head + callers)
    assert world.take(text, "jsonl").created == len(head) + 20
    assert world.take(text, "jsonl") == Applied(same=len(head) + 20)


WHOLE_LINES = (
    '{"kind": "channel", "name": "pstn"}',
    '{"kind": "number", "number": "+12025550111", "channel": "pstn", "client": "main"}',
    '{"kind": "extension", "extension": "1001", "dids": ["+12025550100"], "country": "US", '
    '"caller_ids": ["+12025550111"]}',
)


# --- texts -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is no configuration"),
        ("- a", "is no configuration"),
        ("clients: []", "version: is missing"),
        ("version: 2", "version: is 2, and this release reads 1"),
        ("version: [", "line 2: is no YAML"),
        ("a: b: c", "line 1: is no YAML"),
        ("version: 1\nversion: 1", "line 2: 'version' stands twice"),
        ("version: 1\n? [a]\n: b", "line 2: a key is text"),
        ("version: 1\n~: b", "line 2: a key is missing"),
        ("version: !!int 1", "line 1: the tag tag:yaml.org,2002:int means nothing here"),
        ("version: !!python/object:os.system {}", "means nothing here"),
        ("version: !!set {1}", "means nothing here"),
        ("version: 1\n--- \nversion: 1", "a second document begins"),
        ("version: 1\na: *b", "line 2: "),
        ("a: &a [*a]", "stands for nothing that ended before it"),
        ("a: \x00", "is no YAML"),
        ("a: " + "[" * 50 + "]" * 50, "line 1: is nested too deeply"),
    ],
)
def test_yaml_that_is_none_is_told_with_its_line(world: World, text: str, says: str) -> None:
    with pytest.raises(Unreadable) as error:
        world.take(text)
    assert says in str(error.value)


def test_yaml_is_text_and_null_and_nothing_else() -> None:
    text = "[NO, on, 1001, +12, 0x1F, 1e3, 2026-01-31, 12:30, .nan, ~, null, '', '~', \"null\", =]"
    assert read_yaml(text) == [
        "NO", "on", "1001", "+12", "0x1F", "1e3", "2026-01-31", "12:30", ".nan", None, None, "",
        "~", "null", "=",
    ]  # fmt: skip
    assert read_yaml("a:\nb: !!str 5\nc: ! x\n1: [ ]\n<<: x") == {
        "a": None, "b": "5", "c": "x", "1": [], "<<": "x",
    }  # fmt: skip


def test_yaml_is_read_alike_where_it_is_not_written_in_c(monkeypatch: pytest.MonkeyPatch) -> None:
    tree = read_yaml(WHOLE)
    monkeypatch.setattr(texts, "_LOADER", yaml.SafeLoader)
    assert read_yaml(WHOLE) == tree
    with pytest.raises(Unreadable, match="line 1: is no YAML"):
        read_yaml("a: b: c")


def test_an_alias_is_read_and_a_thousand_millions_are_not() -> None:
    assert read_yaml("a: &x [1, 2]\nb: *x\nc: [*x]") == {
        "a": ["1", "2"],
        "b": ["1", "2"],
        "c": [["1", "2"]],
    }
    bomb = ["a: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    bomb += [f"b{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    with pytest.raises(Unreadable, match=r"aliases .* stand for too much"):
        read_yaml("\n".join(bomb))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "line 1, column 2: is no JSON"),
        ('{"a": 1,\n"a": 2}', "'a' stands twice in one object"),
        ('{"a": NaN}', "NaN is no JSON"),
        ("[" * 100_000, "is nested too deeply"),
        ("[]", "is no configuration"),
    ],
)
def test_json_that_is_none_is_told(world: World, text: str, says: str) -> None:
    with pytest.raises(Unreadable) as error:
        world.take(text, "json")
    assert says in str(error.value)


def test_a_file_that_is_not_utf_8_is_told(world: World, tmp_path: Path) -> None:
    file = tmp_path / "latin.yaml"
    file.write_bytes(b"version: 1 # \xe9")
    with pytest.raises(Unreadable, match="byte 14: is not UTF-8"):
        texts.read_tree(file, "yaml")
    with pytest.raises(Unreadable, match="is not UTF-8"):
        read_json(b'"\xe9"')


@pytest.mark.parametrize(
    ("name", "text", "written_as"),
    [
        ("a.yaml", "", "yaml"),
        ("a.yml", "", "yaml"),
        ("a.JSON", "", "json"),
        ("a.jsonl", "", "jsonl"),
        ("a", "version: 1", "yaml"),
        ("a", '{"version": 1}', "json"),
        ("a", '\ufeff {\n "version": 1}', "json"),
        ("a.txt", '{"kind": "client"}\n', "jsonl"),
    ],
)
def test_the_format_is_told_by_the_suffix_or_the_content(
    tmp_path: Path, name: str, text: str, written_as: str
) -> None:
    file = tmp_path / name
    file.write_text(text, encoding="utf-8")
    assert texts.format_of(file) == written_as


@given(
    st.recursive(
        st.none() | st.text(st.characters(exclude_categories=["Cs"])),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=3)
        ),
        max_leaves=8,
    )
)
def test_what_is_written_as_yaml_is_read_as_it_was(tree: Any) -> None:
    stream = io.StringIO()
    writer = Writer(stream, "yaml")
    writer.begin(1)
    writer.record("section", "kind", {"a": tree})
    writer.end()
    assert read_yaml(stream.getvalue()) == {"version": "1", "section": [{"a": tree}]}
