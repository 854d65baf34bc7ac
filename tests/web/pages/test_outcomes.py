"""No word by which something ends is without a sentence (T10, I9)."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

import pytest

from controller.admin import explaining_channels
from controller.callback.asking import REASONS
from controller.callback.limits import UNPAID
from controller.commands import outcomes as commands
from controller.guard import at_a_time, often, patterns
from controller.policy.endings import ENDINGS
from controller.routing import model
from controller.web.pages import causes, outcomes, rules, shown, story

ROOT: Final = Path(__file__).parents[3] / "controller"
#: Where calls are decided.
ROOMS: Final = ("callback", "guard", "runtime", "store", "routing", "callerid", "policy", "admin")
#: Which argument of these says how something ended, or why it is not made.
SAYS: Final = {
    "tell_and_end": 2,
    "hang_up": 1,
    "Ending": 0,
    "refused": 0,
    "_end_leased": 1,
    "_end_claimed": 3,
    "_not_called": 1,
    "Refused": 0,
}
#: Named arguments that say it, in calls of these.
NAMED: Final = ("outcome", "refusal")
WORDS: Final = {*outcomes.ENDED, *outcomes.REFUSED, *outcomes.UNPLACED}


@cache
def calls() -> tuple[tuple[str, ast.Call], ...]:
    """Give all calls in those rooms, by the name of what is called."""
    found = []
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call):
                    function = node.func
                    name = function.attr if isinstance(function, ast.Attribute) else ""
                    found.append((getattr(function, "id", name), node))
    return tuple(found)


def texts(node: ast.AST | None) -> Iterator[str]:
    """Give the texts that an expression may be."""
    match node:
        case ast.Constant(value=str(text)):
            yield text
        case ast.IfExp(body=one, orelse=other):
            yield from texts(one)
            yield from texts(other)
        case ast.BoolOp(values=values):
            for value in values:
                yield from texts(value)


def ends() -> set[str]:
    """Give every word that stands where an outcome, or a refusal, is said."""
    found: set[str] = set()
    for name, node in calls():
        place = SAYS.get(name)
        if place is not None and len(node.args) > place:
            found |= set(texts(node.args[place]))
        if name not in ("info", "warning", "error"):
            for keyword in node.keywords:
                if keyword.arg in NAMED:
                    found |= set(texts(keyword.value))
    return found - {""}


def test_t10_every_word_that_is_written_where_calls_are_decided_has_its_sentence() -> None:
    """T10: found in the code itself, so that a new one cannot be forgotten."""
    found = ends()
    assert {"completed", "no_human", "stopped", "cancelled", "no_channel", "emergency"} <= found
    # By which a callback is told to be made, and a switch what to refuse with.
    assert sorted(word for word in found - WORDS if word.islower()) == []


def test_t10_every_list_of_reasons_is_known() -> None:
    """T10: those that are lists of their own, and those that commands have words for."""
    lists = {
        *REASONS,
        *often.REASONS,
        *patterns.REASONS,
        *at_a_time.REASONS,
        *UNPAID,
        *(ending.outcome for ending in ENDINGS.values()),
    }
    assert lists - WORDS == set()
    assert set(commands.ENDED) <= set(outcomes.ENDED)
    assert set(commands.REFUSED) == set(outcomes.REFUSED)
    assert set(commands.UNPLACED) <= set(outcomes.UNPLACED)
    assert set(explaining_channels.PASSED) == set(outcomes.PASSED)
    assert set(explaining_channels.REFUSALS) <= set(outcomes.UNPLACED)
    assert model.Passed.__doc__ is not None
    for reason in outcomes.PASSED:
        assert f"`{reason}`" in model.Passed.__doc__


def test_t10_sentences_are_sentences_and_name_no_command() -> None:
    """T10: they are for people who never type one."""
    for table in (outcomes.ENDED, outcomes.REFUSED, outcomes.UNPLACED, outcomes.PASSED):
        for sentence in table.values():
            assert sentence[0].isupper(), sentence
            assert sentence.endswith("."), sentence
            for sign in ("--", "callbackd", "`"):
                assert sign not in sentence


def test_every_usual_hang_up_cause_has_words() -> None:
    """T5: those by which it is decided whether a call is made again."""
    assert set(ENDINGS) - set(causes.CAUSES) == set()
    assert causes.cause("USER_BUSY") == "the line was busy"
    assert causes.cause("STALE_DATE") == "STALE_DATE"
    assert causes.cause(None) == causes.cause("") == shown.NOTHING


def test_i9_every_rule_that_is_told_has_words() -> None:
    """I9: in plans, and in what is explained."""
    told = {
        text
        for name, node in calls()
        if name == "Tried" and node.args
        for text in texts(node.args[0])
    }
    told |= {rule for rule, _ in explaining_channels.REFUSALS.values()}
    assert len(told) > 12
    assert told - set(rules.RULES) == set()


def test_o3_every_line_of_a_transcript_has_words() -> None:
    """O3: whatever a machine notes."""
    # What was said is told word by word (`story.heard`), whoever notes it.
    notes: dict[str, set[str]] = {"typed": set(), "decided": set(), "said": set()}
    for name, node in calls():
        if name == "Note" and len(node.args) == 2:
            for what in texts(node.args[0]):
                notes[what] |= set(texts(node.args[1]))
    wrong = {
        text
        for name, node in calls()
        if name == "Dialled"
        for keyword in node.keywords
        if keyword.arg == "wrong"
        for text in texts(keyword.value)
    }
    assert "password_right" in notes["decided"]
    assert "speed_dial_unknown" in wrong
    assert (notes["decided"] | wrong) - WORDS - set(story.DECIDED) == set()
    # A key that is typed says itself.
    assert {text for text in notes["typed"] if text.startswith("(")} <= set(story.TYPED)
    assert "(password)" in story.TYPED


@pytest.mark.parametrize(
    ("state", "outcome", "sentence"),
    [
        ("pending", None, "It is still to be made."),
        ("pending", "busy", "It is still to be made. The last try: The caller's line was busy."),
        ("done", "completed", outcomes.ENDED["completed"]),
        ("refused", "hidden", outcomes.REFUSED["hidden"]),
        ("done", "of_a_later_release", "Of a later release"),
        ("done", None, shown.NOTHING),
    ],
)
def test_t10_where_a_callback_is_is_said(state: str, outcome: str | None, sentence: str) -> None:
    """T10: also with a word that only a later release knows."""
    assert outcomes.why(state, outcome) == sentence


def test_a_tag_is_good_or_bad_as_its_outcome_is() -> None:
    """Nobody is alarmed by who does not answer."""
    assert outcomes.tone("done", "completed") == "good"
    assert outcomes.tone("done", "busy") == ""
    assert outcomes.tone("refused", "not_authorised") == "bad"
    assert outcomes.tone("calling", None) == "warn"
