"""What return calls ask of the store: who calls, what he dialled last, what he has; transcripts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import Engine, event, update

from controller.admin.directory import Directory
from controller.admin.model import Kind
from controller.callback.events import Credit
from controller.callerid.model import Numbers
from controller.policy.model import Policy
from controller.policy.records import AuthorisedCaller, PublicNumber
from controller.store import schema
from controller.store.conversing import Conversing
from controller.store.database import open_database
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


# --- which numbers it may show -----------------------------------------------------------------

SHOWN = "+12025550100"
ELSEWHERE, FOREIGN, NOBODYS = "+12025550151", "+12025550152", "+12025550153"


@pytest.fixture
def numbered(engine: Engine, conversing: Conversing) -> Directory:
    """Two channels; the client `main` has numbers on both, and other numbers are not his."""
    store = directory(engine)
    store.create(ADMIN, Kind.CHANNEL, {"name": "second"})
    store.create(ADMIN, Kind.CLIENT, {"name": "acme"})
    for number, client in ((ELSEWHERE, "main"), (FOREIGN, "acme"), (NOBODYS, None)):
        values = {"number": number, "channel": "second", "client": client}
        store.create(ADMIN, Kind.NUMBER, values)
    return store


def choose(store: Directory, number: str) -> None:
    """Have extension 100 show a number of its choice."""
    chosen = {"caller_id_number_from": "custom", "caller_id_number": number}
    store.change(ADMIN, Kind.EXTENSION, "100", chosen)


@pytest.mark.parametrize("caller", [CALLER, OTHER, None])
def test_i3_i4_the_assigned_numbers_are_known_with_their_channels_whoever_calls(
    numbered: Directory, conversing: Conversing, caller: str | None
) -> None:
    assert conversing.facts("100", caller, "").numbers == Numbers(channels={SHOWN: "pstn"})
    numbered.change(ADMIN, Kind.EXTENSION, "100", {"caller_ids": [ELSEWHERE, SHOWN]})
    both = Numbers(channels={SHOWN: "pstn", ELSEWHERE: "second"})
    assert conversing.facts("100", caller, "").numbers == both
    # Where it is defined can change.
    numbered.change(ADMIN, Kind.NUMBER, SHOWN, {"channel": "second"})
    moved = Numbers(channels={SHOWN: "second", ELSEWHERE: "second"})
    assert conversing.facts("100", caller, "").numbers == moved
    assert conversing.facts("200", caller, "").numbers == Numbers()


def test_i2_the_number_that_is_chosen_is_known_where_it_is_the_clients(
    numbered: Directory, conversing: Conversing
) -> None:
    choose(numbered, ELSEWHERE)
    found = conversing.facts("100", CALLER, "").numbers
    assert found == Numbers(channels={SHOWN: "pstn", ELSEWHERE: "second"})
    # A DID of its own, and one of another extension of the client's.
    numbered.create(
        ADMIN,
        Kind.EXTENSION,
        {
            "extension": "300",
            "dids": ["+12025550300", "+12025550301"],
            "country": "US",
            "caller_ids": [SHOWN],
        },
    )
    for did in ("+12025550101", "+12025550300"):
        choose(numbered, did)
        found = conversing.facts("100", CALLER, "").numbers
        assert found == Numbers(channels={SHOWN: "pstn"}, own=frozenset({did}))
    # One that is both.
    numbered.create(
        ADMIN, Kind.NUMBER, {"number": "+12025550300", "channel": "second", "client": "main"}
    )
    assert conversing.facts("100", CALLER, "").numbers == Numbers(
        channels={SHOWN: "pstn", "+12025550300": "second"}, own=frozenset({"+12025550300"})
    )
    # What others show and own is not asked for.
    assert conversing.facts("300", CALLER, "").numbers == Numbers(channels={SHOWN: "pstn"})


def test_i2_what_is_not_the_clients_any_more_is_shown_by_nobody(
    engine: Engine, numbered: Directory, conversing: Conversing
) -> None:
    """Taken away past everything that would have refused it."""
    choose(numbered, ELSEWHERE)
    table = schema.public_number
    for client in ("acme", None):
        with engine.begin() as connection:
            connection.execute(update(table).values(client=client))
        assert conversing.facts("100", CALLER, "").numbers == Numbers()
    choosing = {"main": frozenset({"+12025550300"}), "acme": frozenset[str]()}
    for client, own in choosing.items():
        with engine.begin() as connection:
            connection.execute(update(table).values(client="main"))
        numbered.create(
            ADMIN,
            Kind.EXTENSION,
            {
                "extension": f"30{len(client)}",
                "dids": ["+12025550300"],
                "country": "US",
                "caller_ids": [SHOWN],
            },
        )
        choose(numbered, "+12025550300")
        with engine.begin() as connection:
            of_did = schema.extension.c.extension == f"30{len(client)}"
            connection.execute(update(schema.extension).where(of_did).values(client=client))
        assert conversing.facts("100", CALLER, "").numbers.own == own
        choose(numbered, SHOWN)
        numbered.delete(ADMIN, Kind.EXTENSION, f"30{len(client)}")


def test_i5_what_the_first_release_wrote_is_read(
    engine: Engine, numbered: Directory, conversing: Conversing
) -> None:
    """There, `caller_id_number` was the number that was assigned."""
    document = f'{{"country": "US", "caller_id_number": "{SHOWN}"}}'
    with engine.begin() as connection:
        connection.execute(update(schema.extension).values(policy=document))
    found = conversing.facts("100", CALLER, "").numbers
    assert found == Numbers(channels={SHOWN: "pstn"})


@pytest.mark.parametrize("number", ["+12025550101", ELSEWHERE, SHOWN])
def test_numbers_are_found_by_indexes_however_many_there_are(
    tmp_path: Path, policy: Policy, number: str
) -> None:
    engine = open_database(f"sqlite:///{tmp_path}/callbackd.sqlite3")
    keep(engine, policy)
    store = directory(engine)
    numbers = [
        PublicNumber(number=f"+1203555{digits:04}", channel="pstn", client="main")
        for digits in range(300)
    ]
    store.apply(ADMIN, Kind.NUMBER, numbers)
    others = [
        msgspec.structs.replace(policy, extension=f"{digits}", dids=(f"+1204555{digits}",))
        for digits in range(1000, 1200)
    ]
    store.apply(ADMIN, Kind.EXTENSION, others)
    store.create(ADMIN, Kind.NUMBER, {"number": ELSEWHERE, "channel": "pstn", "client": "main"})
    choose(store, number)
    ran: list[tuple[str, Any]] = []

    def note(_: object, __: object, statement: str, parameters: Any, *___: object) -> None:
        if statement.startswith("SELECT"):
            ran.append((statement, parameters))

    for analysed in (False, True):
        with engine.begin() as connection:
            if analysed:
                connection.exec_driver_sql("ANALYZE")
        event.listen(engine, "before_cursor_execute", note)
        assert Conversing(engine).facts("100", CALLER, "").numbers.channels[SHOWN] == "pstn"
        event.remove(engine, "before_cursor_execute", note)
        # Who calls, what he dialled last; and of the numbers: which is chosen, and whose they are.
        assert len(ran) == 4
        with engine.connect() as connection:
            for statement, parameters in ran:
                plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
                steps = [row.detail for row in plan]
                assert not [step for step in steps if step.startswith("SCAN")], (statement, steps)
                assert not [step for step in steps if "public_number_client" in step], steps
                # Of an extension's calls there are far more than of one caller's.
                assert not [step for step in steps if "callback_request_of" in step], steps
        ran.clear()
    engine.dispose()


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
