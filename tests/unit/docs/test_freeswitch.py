"""docs/freeswitch.md: each fact has its reason and its tests, and these are there."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "freeswitch.md").read_text(encoding="utf-8")
#: What a fact is: everything under a heading of the third level.
FACTS = {
    title: text
    for title, _, text in (
        part.partition("\n") for part in re.split(r"^### ", PAGE, flags=re.MULTILINE)[1:]
    )
}
_TEST = re.compile(r"`(tests/[a-z0-9_/]+\.py)::(\w+)`")
_RECORDING = re.compile(r"\(recorded: ([^)]*)\)")


@cache
def functions(file: str) -> set[str]:
    """Give the names of a file's tests."""
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_there_are_facts() -> None:
    assert len(FACTS) > 40


@pytest.mark.parametrize("title", FACTS)
def test_a_fact_says_why_it_matters_and_which_tests_prove_it(title: str) -> None:
    text = FACTS[title]
    assert "- Why it matters: " in text
    proven = text.partition("- Proven by:")[2].partition("\n\n")[0]
    named = _TEST.findall(proven)
    assert named
    # All that stands there is tests.
    assert re.sub(r"[,\s]", "", _TEST.sub("", proven)) == ""
    for file, function in named:
        assert function.startswith("test_"), function
        assert function in functions(file), f"{file} has no {function}"


def test_every_recording_that_is_named_is_there() -> None:
    kept = [path.stem for path in (ROOT / "tests" / "replay").glob("*/*/*.json")]
    named = [
        name
        for said in _RECORDING.findall(PAGE.replace("\n", " "))
        for name in re.findall(r"`([^`]+)`", said)
    ]
    assert len(named) > 8
    for name in named:
        assert any(one.startswith(name.removesuffix("…")) for one in kept), name


def test_the_versions_are_those_of_the_recordings() -> None:
    versions = {path.parent.name for path in (ROOT / "tests" / "replay").glob("*/*/*.json")}
    assert versions == {"1.10.12", "1.11.3-dev", "1.11.1"}
    for version in versions:
        assert version in PAGE
