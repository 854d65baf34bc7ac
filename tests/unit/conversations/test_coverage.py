"""The table of conversations leaves out no row that acts, no prompt, no outcome and no rule."""

from __future__ import annotations

from controller.callback.return_table import RETURN
from controller.callback.said import SOUND
from controller.callback.states import Return
from controller.prompts.catalogue import FALLBACK, NAMES, catalogue

from .language import OUTCOMES
from .playing import played, rows

#: Outcomes that no conversation has, with the reason.
NO_CONVERSATION = {
    "no_controller": "a leg that ended before any controller had it: there was no conversation",
}
_FIRST = "a session is told of its leg's data in the same breath in which it is made"
#: Rows that act and that no conversation reaches, with the reason.
NOT_REACHED = {(Return.NEW, "LegEnded"): _FIRST, (Return.NEW, "SocketClosed"): _FIRST}
#: The rules that are about conversations; each is named by some row.
RULES = {
    *("T9", "A1", "A2", "A3", "A4", "A5", "C1", "C2"),
    *("D1", "D2", "D3", "D4", "D5", "D6", "M3", "M4", "M5", "M9", "S2", "G2", "O4", "O5"),
}


def test_every_row_of_the_return_table_that_acts_is_reached() -> None:
    acts = {
        (state, event)
        for state, events in RETURN.items()
        for event, row in events.items()
        if row.action
    }
    reached = set().union(*(played(row.id).acted for row in rows()))
    assert reached == acts - NOT_REACHED.keys()


def test_every_prompt_is_said_and_every_one_that_is_said_has_words() -> None:
    said = set().union(*(played(row.id).said for row in rows()))
    prompts = {prompt for prompt in said if not prompt.startswith(SOUND)}
    assert prompts == NAMES == catalogue(FALLBACK).prompts.keys()


def test_every_outcome_is_expected_somewhere() -> None:
    assert {row.ends for row in rows()} == OUTCOMES - NO_CONVERSATION.keys()


def test_every_rule_about_conversations_is_shown() -> None:
    assert {rule for row in rows() for rule in row.spec} >= RULES


def test_there_are_conversations_enough() -> None:
    """A table that could not be read to its end would have fewer."""
    assert len(rows()) >= 180
