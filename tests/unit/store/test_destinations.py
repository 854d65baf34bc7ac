"""I9: the destinations of return calls in real databases: how each was called, and its end."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, delete, update

from controller.routing.model import Plan
from controller.store.destinations import (
    Called,
    Change,
    Connected,
    Destination,
    Destinations,
    Over,
    destinations_of,
)
from controller.store.plans import read_causes, read_plan, write_causes, write_plan
from controller.store.requests import Request, Requests
from controller.store.schema_callbacks import callback_destination as table
from controller.store.schema_callbacks import callback_request
from tests.unit.store.asked import stored
from tests.unit.store.placed import NO_WAY, PLAN

TO = "+442079460000"
NOW = 1_795_489_015_954_821


@pytest.fixture
def kept(engine: Engine) -> Destinations:
    return Destinations(engine)


@pytest.fixture
def request_(requests: Requests) -> Request:
    return stored(requests)


def called(request: Request, position: int = 1, at: int = NOW, leg: str = "leg") -> Called:
    """A destination is called."""
    return Called(request.id, leg, position, TO, write_plan(PLAN), at)


def connected(request: Request, position: int = 1, channel: str = "gsm") -> Connected:
    """People talk."""
    return Connected(request.id, "leg", position, channel, NOW + 5)


def over(request: Request, position: int = 1, cause: str | None = "NORMAL_CLEARING") -> Over:
    """It is over."""
    causes = write_causes({"pstn": "NORMAL_TEMPORARY_FAILURE"})
    return Over(request.id, "leg", position, cause, causes, NOW + 9)


def of(engine: Engine, request: Request) -> list[Destination]:
    """Give the destinations of a request."""
    with engine.connect() as connection:
        return destinations_of(connection, request.id)


def whole(request: Request) -> Destination:
    """One that was called, talked to and left."""
    return Destination(
        request=request.id,
        leg="leg",
        position=1,
        number=TO,
        begun=NOW,
        plan=write_plan(PLAN),
        channel="gsm",
        connected=NOW + 5,
        ended=NOW + 9,
        cause="NORMAL_CLEARING",
        causes={"pstn": "NORMAL_TEMPORARY_FAILURE"},
    )


# --- what is kept ------------------------------------------------------------------------------


@pytest.mark.parametrize("at_once", [True, False])
def test_i9_a_destination_is_kept_with_its_way_and_its_end(
    engine: Engine, kept: Destinations, request_: Request, at_once: bool
) -> None:
    changes: list[Change] = [called(request_), connected(request_), over(request_)]
    for some in [changes] if at_once else [[change] for change in changes]:
        kept.keep(some)
    assert of(engine, request_) == [whole(request_)]
    assert read_plan(of(engine, request_)[0].plan) == PLAN


def test_i9_one_that_was_not_called_is_kept_with_its_reason(
    engine: Engine, kept: Destinations, request_: Request
) -> None:
    plan = write_plan(NO_WAY)
    kept.keep(
        [
            Called(request_.id, "leg", 1, TO, plan, NOW),
            Over(request_.id, "leg", 1, "no_channel", "{}", NOW),
        ]
    )
    (one,) = of(engine, request_)
    assert (one.cause, one.connected, one.channel, one.causes) == ("no_channel", None, None, {})
    assert read_plan(one.plan) == NO_WAY


def test_destinations_come_in_the_order_in_which_they_were_called(
    engine: Engine, requests: Requests, kept: Destinations, request_: Request
) -> None:
    """D4, T5: several in a call, and several return calls of a callback."""
    another = stored(requests, "+12125550198")
    kept.keep(
        [
            called(request_, 2, NOW + 7),
            called(another),
            called(request_, 1, NOW + 9, leg="a later leg"),
            called(request_),
        ]
    )
    assert [(one.leg, one.position) for one in of(engine, request_)] == [
        ("leg", 1),
        ("leg", 2),
        ("a later leg", 1),
    ]
    kept.keep([])


def test_what_is_too_long_is_cut_and_never_a_fault(
    engine: Engine, kept: Destinations, request_: Request
) -> None:
    """PostgreSQL refuses what is longer than a column, and with it all that is written at once."""
    kept.keep(
        [
            Called(request_.id, "leg", 1, "9" * 40, write_plan(PLAN), NOW),
            over(request_, cause="X" * 100),
        ]
    )
    (one,) = of(engine, request_)
    assert (one.number, one.cause) == ("9" * 16, "X" * 64)


# --- twice, late, never ------------------------------------------------------------------------


@pytest.mark.parametrize("at_once", [True, False])
def test_o5_what_is_said_twice_counts_once_and_the_first_end_counts(
    engine: Engine, kept: Destinations, request_: Request, at_once: bool
) -> None:
    first: list[Change] = [called(request_), connected(request_), over(request_)]
    again: list[Change] = [
        Called(request_.id, "leg", 1, "+12125550188", "{}", NOW + 100),
        connected(request_, channel="pstn"),
        over(request_, cause="MANAGER_REQUEST"),
    ]
    for some in [first + again] if at_once else [first, again]:
        kept.keep(some)
    assert of(engine, request_) == [whole(request_)]


@pytest.mark.parametrize("at_once", [True, False])
def test_o5_of_a_call_that_is_over_nobody_talks(
    engine: Engine, kept: Destinations, request_: Request, at_once: bool
) -> None:
    changes: list[Change] = [called(request_), over(request_), connected(request_)]
    for some in [changes] if at_once else [[change] for change in changes]:
        kept.keep(some)
    (one,) = of(engine, request_)
    assert (one.connected, one.channel, one.ended) == (None, None, NOW + 9)


def test_o4_what_is_said_of_one_that_nobody_wrote_changes_nothing(
    engine: Engine, kept: Destinations, request_: Request
) -> None:
    """Whoever began it was killed before it was written; another one goes on with the call."""
    kept.keep([connected(request_), over(request_)])
    assert of(engine, request_) == []
    kept.keep([called(request_), over(request_, position=2)])
    (one,) = of(engine, request_)
    assert (one.position, one.ended) == (1, None)


def test_o4_another_controller_ends_what_one_began(
    engine: Engine, kept: Destinations, request_: Request
) -> None:
    kept.keep([called(request_)])
    other = Destinations(engine)
    other.keep([connected(request_)])
    kept.keep([over(request_)])
    assert of(engine, request_) == [whole(request_)]


def test_o7_what_is_known_of_calls_goes_with_their_callback(
    engine: Engine, kept: Destinations, request_: Request
) -> None:
    kept.keep([called(request_)])
    with engine.begin() as connection:
        connection.execute(delete(callback_request).where(callback_request.c.id == request_.id))
    assert of(engine, request_) == []


# --- documents ---------------------------------------------------------------------------------

BROKEN = [
    "", "{", "null", "[]", "5", '"x"', '{"ways": 5}', '{"ways": [{"channel": "x"}]}',
    '{"ways": [{"channel": 5, "number": "1", "shown": {}}]}', '{"passed": [{"channel": "x"}]}',
    '{"kind": null}', "\\x00", "[" * 100_000, '{"a": ' * 100_000,
]  # fmt: skip


@pytest.mark.parametrize("document", BROKEN)
def test_a_document_that_cannot_be_read_breaks_no_list(
    engine: Engine, kept: Destinations, request_: Request, document: str
) -> None:
    kept.keep([called(request_), called(request_, 2)])
    with engine.begin() as connection:
        connection.execute(
            update(table).where(table.c.position == 1).values(plan=document, causes=document)
        )
    first, second = of(engine, request_)
    assert read_plan(first.plan) is None
    assert first.causes == {}
    assert read_plan(second.plan) == PLAN


def test_a_document_of_another_release_is_read_as_far_as_it_is_known() -> None:
    written = msgspec.json.decode(write_plan(PLAN))
    written["colour"] = "red"
    written["ways"][0]["weather"] = {"rain": True}
    del written["ways"][1]["progress_seconds"]
    del written["kind"]
    assert read_plan(msgspec.json.encode(written).decode()) == PLAN
    assert read_plan("{}") == Plan()
    assert read_plan(None) is None
    assert read_causes(None) == {}
    assert read_causes('{"pstn": 5}') == {}


@given(st.text(max_size=200))
def test_whatever_stands_there_is_a_plan_or_none(document: str) -> None:
    assert read_plan(document) is None or isinstance(read_plan(document), Plan)
    assert isinstance(read_causes(document), dict)


def test_causes_are_kept_by_channel() -> None:
    assert read_causes(write_causes({})) == {}
    causes = {"pstn": "USER_BUSY", "gsm": "X" * 100}
    assert read_causes(write_causes(causes)) == {"pstn": "USER_BUSY", "gsm": "X" * 64}
