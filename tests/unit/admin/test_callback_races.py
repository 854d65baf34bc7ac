"""T11: several who ask at once, with one key or with none: one callback, and each is given it."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from sqlalchemy import Engine

from controller.admin.callback_shapes import State, StopScope
from controller.admin.callbacks import Callbacks
from controller.admin.directory import Directory
from controller.admin.model import Conflict
from controller.admin.stopping import Stopping
from controller.guard.ranges import shipped
from controller.store.requests import Requests
from tests.seed import ADMIN
from tests.unit.admin.given import two_clients
from tests.unit.admin.test_directory_races import ROUNDS, at_once, kinds
from tests.unit.store.asked import begun, stored

NOW = 1_800_000_000_000_000


@pytest.fixture
def callbacks(engine: Engine, store: Directory) -> Callbacks:
    two_clients(store)
    ticks = itertools.count(NOW)
    return Callbacks(engine, now=lambda: next(ticks), expiry_seconds=900, ranges=shipped())


@pytest.fixture
def requests(engine: Engine) -> Requests:
    return Requests(engine)


def wanted(turn: int, **more: Any) -> dict[str, Any]:
    """Give what is asked for in a turn."""
    return {"extension": "100", "number": f"+121255501{turn:02}", **more}


def audited(store: Directory, callback: str) -> int:
    """Count the lines of the audit log about a callback."""
    return len(store.audit(ADMIN, {"key": callback}).items)


@pytest.mark.parametrize("refused", [False, True])
def test_t11_of_those_who_ask_at_once_with_one_key_each_is_given_the_first(
    callbacks: Callbacks, engine: Engine, store: Directory, refused: bool
) -> None:
    if refused:
        Stopping(engine, now=lambda: NOW).stop(ADMIN, StopScope.EVERYWHERE)
    for turn in range(ROUNDS):
        values = wanted(turn, key=f"k{turn}")
        given = at_once(*[lambda: callbacks.ask(ADMIN, values)] * 4)  # noqa: B023
        assert kinds(given) == {"Given": 4}
        assert sum(one.new for one in given) == 1
        assert len({one.callback.id for one in given}) == 1
        found = callbacks.get(ADMIN, given[0].callback.id)
        # Nothing was counted twice.
        assert found.joined == 0
        assert (found.state is State.REFUSED) is refused
        assert audited(store, found.id) == 1


def test_t6_of_those_who_ask_at_once_with_keys_of_their_own_one_asks_and_the_others_join(
    callbacks: Callbacks, store: Directory
) -> None:
    for turn in range(ROUNDS):
        given = at_once(
            *[
                lambda key=key: callbacks.ask(ADMIN, wanted(turn, key=f"{turn}/{key}"))  # noqa: B023
                for key in range(4)
            ]
        )
        assert kinds(given) == {"Given": 4}
        assert sum(one.new for one in given) == 1
        found = callbacks.get(ADMIN, given[0].callback.id)
        assert found.joined == 3
        assert audited(store, found.id) == 4
        for key in range(4):
            again = callbacks.ask(ADMIN, wanted(turn, key=f"{turn}/{key}"))
            assert (again.new, again.callback.id, again.callback.joined) == (False, found.id, 3)


def test_t11_of_those_who_join_at_once_with_one_key_one_is_counted(
    callbacks: Callbacks, requests: Requests
) -> None:
    for turn in range(ROUNDS):
        values = wanted(turn, key=f"k{turn}")
        called = stored(requests, values["number"], due=NOW)
        given = at_once(*[lambda: callbacks.ask(ADMIN, values)] * 4)  # noqa: B023
        assert {one.callback.id for one in given} == {called.id}
        assert callbacks.get(ADMIN, called.id).joined == 1


def test_t11_one_key_for_two_at_once_is_the_firsts(callbacks: Callbacks) -> None:
    for turn in range(ROUNDS):
        given = at_once(
            lambda: callbacks.ask(ADMIN, wanted(turn, key=f"k{turn}")),  # noqa: B023
            lambda: callbacks.ask(ADMIN, wanted(turn + 50, key=f"k{turn}")),  # noqa: B023
        )
        assert kinds(given) == {"Given": 1, "Conflict": 1}


def test_t11_a_key_is_the_same_callback_also_while_that_is_being_cancelled(
    callbacks: Callbacks,
) -> None:
    for turn in range(ROUNDS):
        values = wanted(turn, key=f"k{turn}")
        first = callbacks.ask(ADMIN, values).callback
        outcomes = at_once(
            lambda: callbacks.cancel(ADMIN, first.id),  # noqa: B023
            lambda: callbacks.ask(ADMIN, values),  # noqa: B023
        )
        assert outcomes[1].callback.id == first.id


def test_t11_what_is_cancelled_and_begun_at_once_is_one_of_the_two(
    callbacks: Callbacks, requests: Requests
) -> None:
    for turn in range(ROUNDS):
        found = callbacks.ask(ADMIN, wanted(turn, delay_seconds=0)).callback
        kept = requests.lease_due("a", NOW * 2, NOW * 2 + 1, 1)[0]
        assert kept.id == found.id
        cancelled, began = at_once(
            lambda: callbacks.cancel(ADMIN, found.id),  # noqa: B023
            lambda: begun(requests, kept),  # noqa: B023
        )
        assert isinstance(cancelled, Conflict) is began
        state = callbacks.get(ADMIN, found.id).state
        assert state is (State.CALLING if began else State.DONE)


def test_o6_those_who_stop_everything_at_once_all_do(engine: Engine, store: Directory) -> None:
    two_clients(store)
    stopping = Stopping(engine, now=lambda: NOW)
    for scope, name in (
        (StopScope.EVERYWHERE, ""),
        (StopScope.CLIENT, "acme"),
        (StopScope.EXTENSION, "100"),
    ):
        for _ in range(ROUNDS):
            made = at_once(
                *[
                    lambda reason=str(number): stopping.stop(ADMIN, scope, name, reason=reason)  # noqa: B023
                    for number in range(4)
                ]
            )
            assert kinds(made) == {"tuple": 4}
            assert sum(new for _, new in made) == 1
            assert len(stopping.stops(ADMIN)) == 1
            stopping.resume(ADMIN, scope, name)
