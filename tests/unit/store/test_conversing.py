"""What return calls ask of the store: who calls, what he dialled last, what he has; transcripts."""

from __future__ import annotations

import msgspec
import pytest
from sqlalchemy import Engine

from controller.admin.model import Kind
from controller.callback.events import Credit
from controller.policy.model import Policy
from controller.policy.records import AuthorisedCaller
from controller.store.conversing import Conversing
from controller.store.requests import Request, Requests
from controller.store.transcripts import LONGEST, TranscriptLine, Transcripts, transcript
from tests.seed import ADMIN, directory, keep
from tests.unit.store.asked import CALLER, begun, stored

OTHER = "+12125550198"
LISTED = AuthorisedCaller(
    extension="100",
    number=CALLER,
    pin_hash="$argon2id$pin",
    language="de",
    speed_dials={"1": "+12125550123"},
    presets={"+12025550102": "+442079460000"},
)


@pytest.fixture
def conversing(engine: Engine, policy: Policy) -> Conversing:
    keep(engine, policy)
    return Conversing(engine)


def talked_to(requests: Requests, destination: str, now: int, number: str = CALLER) -> None:
    """Store a callback that came to a destination."""
    request = stored(requests, number, due=now, now=now)
    assert requests.lease_due("a", now, now + 100, 10)
    assert begun(requests, request, until=now + 100)
    requests.finish(
        request.id,
        outcome="completed",
        cause="NORMAL_CLEARING",
        destination=destination,
        now=now + 10,
    )


# --- who calls ---------------------------------------------------------------------------------


def test_a2_whoever_is_on_the_list_is_known_with_all_that_is_his(
    engine: Engine, conversing: Conversing
) -> None:
    directory(engine).apply(ADMIN, Kind.CALLERID, [LISTED])
    assert conversing.facts("100", CALLER, "").caller == LISTED
    assert conversing.member("100", CALLER) == LISTED


@pytest.mark.parametrize("number", [None, OTHER])
def test_a5_whoever_is_not_on_the_list_is_nobody(
    engine: Engine, conversing: Conversing, number: str | None
) -> None:
    directory(engine).apply(ADMIN, Kind.CALLERID, [LISTED])
    assert conversing.facts("100", number, "").caller is None
    assert conversing.member("100", OTHER) is None
    assert conversing.member("100", "") is None
    assert conversing.member("200", CALLER) is None


def test_a2_whoever_is_switched_off_is_not_on_the_list(
    engine: Engine, conversing: Conversing
) -> None:
    off = msgspec.structs.replace(LISTED, enabled=False)
    directory(engine).apply(ADMIN, Kind.CALLERID, [off])
    assert conversing.facts("100", CALLER, "").caller is None
    assert conversing.member("100", CALLER) is None


def test_a5_whoever_proved_to_be_a_member_counts_as_him(
    engine: Engine, conversing: Conversing
) -> None:
    directory(engine).apply(ADMIN, Kind.CALLERID, [LISTED])
    assert conversing.facts("100", OTHER, CALLER).caller == LISTED
    assert conversing.facts("100", None, CALLER).caller == LISTED


def test_d3_the_number_dialled_last_is_that_of_his_last_call_that_got_so_far(
    requests: Requests, conversing: Conversing
) -> None:
    assert conversing.facts("100", CALLER, "").redial == ""
    talked_to(requests, "+12125550001", 100)
    talked_to(requests, "+12125550002", 200)
    talked_to(requests, "+12125550003", 300, number=OTHER)
    stored(requests, due=400, now=400)
    assert conversing.facts("100", CALLER, "").redial == "+12125550002"
    assert conversing.facts("200", CALLER, "").redial == ""
    assert conversing.facts("100", None, "").redial == ""


# --- credit ------------------------------------------------------------------------------------


def test_m9_the_callers_own_account_goes_before_the_extensions(
    engine: Engine, conversing: Conversing
) -> None:
    store = directory(engine)
    store.apply(ADMIN, Kind.CALLERID, [LISTED])
    assert conversing.balance("100", CALLER) is None
    common = store.create(ADMIN, Kind.ACCOUNT, {"extension": "100", "currency": "EUR"})
    store.add_entry(ADMIN, common.key, {"key": "a", "amount": 5_000_000})
    assert conversing.balance("100", CALLER) == Credit(5_000_000, "EUR", unlimited=False)
    own = store.create(
        ADMIN,
        Kind.ACCOUNT,
        {"extension": "100", "caller": CALLER, "currency": "USD", "unlimited": True},
    )
    assert conversing.balance("100", CALLER) == Credit(0, "USD", unlimited=True)
    store.add_entry(ADMIN, own.key, {"key": "a", "amount": -1, "kind": "correction"})
    assert conversing.balance("100", CALLER) == Credit(-1, "USD", unlimited=True)
    assert conversing.balance("100", OTHER) == Credit(5_000_000, "EUR", unlimited=False)
    assert conversing.balance("100", None) == Credit(5_000_000, "EUR", unlimited=False)
    assert conversing.balance("200", CALLER) is None


# --- transcripts -------------------------------------------------------------------------------


def line(request: Request, at: int, number: int, text: str) -> TranscriptLine:
    """Make a line."""
    return TranscriptLine(request.id, at, number, "leg", "said", text)


def test_a_transcript_is_kept_in_order_whoever_wrote_it(engine: Engine, requests: Requests) -> None:
    """Issue 5: a later controller's lines follow those of an earlier one."""
    kept = Transcripts(engine)
    request, another = stored(requests), stored(requests, OTHER)
    lines = [line(request, 1, 7, "a"), line(request, 1, 8, "b"), line(request, 2, 3, "c")]
    kept.add(lines[2:])
    kept.add([*lines[:2], line(another, 1, 9, "not his")])
    kept.add([])
    with engine.connect() as connection:
        assert transcript(connection, request.id) == lines
        assert [found.text for found in transcript(connection, another.id)] == ["not his"]


def test_a_line_that_is_written_twice_is_kept_once(engine: Engine, requests: Requests) -> None:
    """O5: a write of which nobody knows whether it was made is made again."""
    kept = Transcripts(engine)
    request = stored(requests)
    kept.add([line(request, 1, 1, "a")])
    kept.add([line(request, 1, 1, "a"), line(request, 1, 2, "b")])
    with engine.connect() as connection:
        assert [found.text for found in transcript(connection, request.id)] == ["a", "b"]


def test_a_line_is_never_longer_than_can_be_kept(engine: Engine, requests: Requests) -> None:
    kept = Transcripts(engine)
    request = stored(requests)
    kept.add([line(request, 1, 1, "x" * (LONGEST + 1))])
    with engine.connect() as connection:
        assert [len(found.text) for found in transcript(connection, request.id)] == [LONGEST]
