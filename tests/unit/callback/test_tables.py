"""The tables by themselves: whole, reachable, and each entry with its action or its reason."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

import pytest

from controller.callback import conversation, trigger
from controller.callback.events import ReturnEvent, TriggerEvent, kind
from controller.callback.machine import Action, reachable
from controller.callback.return_table import RETURN
from controller.callback.states import TRIGGER, Return, Row, Trigger
from controller.numbers.caller import Caller
from controller.routing.model import Plan

Table = Mapping[Any, Mapping[str, Row]]
MACHINES = [
    pytest.param(TRIGGER, Trigger, TriggerEvent, trigger.ACTIONS, id="trigger"),
    pytest.param(RETURN, Return, ReturnEvent, conversation.ACTIONS, id="return"),
]
each_machine = pytest.mark.parametrize(("table", "states", "events", "actions"), MACHINES)


#: What the fields without a default are filled with.
FILL = {
    "rung": 0.0, "caller": Caller(), "did": "", "number": 0, "step": 0, "right": None,
    "other": None, "cause": "", "digit": "1", "credit": None, "seconds": None,
    "plan": Plan(),
}  # fmt: skip


def kinds(union: Any) -> set[str]:
    """Give the names by which a table knows the events of a union."""
    return {
        kind(event(**{name: FILL[name] for name in event.__struct_fields__ if name in FILL}))
        for event in get_args(union)
    }


@each_machine
def test_every_state_has_a_row_for_every_event_and_no_other(
    table: Table, states: Any, events: Any, actions: dict[str, Action]
) -> None:
    assert set(table) == set(states)
    for state, rows in table.items():
        assert set(rows) == kinds(events), state


@each_machine
def test_every_action_named_is_there_and_every_one_there_is_named(
    table: Table, states: Any, events: Any, actions: dict[str, Action]
) -> None:
    named = {row.action for rows in table.values() for row in rows.values() if row.action}
    assert named == set(actions)


@each_machine
def test_a_row_acts_or_does_nothing_and_says_why(
    table: Table, states: Any, events: Any, actions: dict[str, Action]
) -> None:
    for state, rows in table.items():
        for event, row in rows.items():
            assert bool(row.action) != bool(row.why), (state, event)
            # A row that acts and names no state stays where it is.
            assert row.action or not row.to, (state, event)
            assert len(set(row.to)) == len(row.to), (state, event)


@each_machine
def test_every_state_can_be_reached_and_from_every_one_the_end(
    table: Table, states: Any, events: Any, actions: dict[str, Action]
) -> None:
    assert reachable(table) == set(states)
    ended = states("ended")
    for state in states:
        if state is not ended:
            assert ended in table[state]["LegEnded"].to, state
    assert not any(row.to for row in table[ended].values())
