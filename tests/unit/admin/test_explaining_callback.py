"""I9: whether a trigger call is called back can be explained, and is what then comes of it."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, insert, update

from controller.admin.callback_shapes import StopScope
from controller.admin.directory import Directory
from controller.admin.explained import ExplainedCallback
from controller.admin.explaining import Explaining
from controller.admin.explaining_live import Everybodys
from controller.admin.model import Actor, Kind
from controller.admin.stopping import Stopping
from controller.admin.suspicions import Suspecting
from controller.callback.asking import REASONS, Asking, Wanted, ask
from controller.callerid.model import Tried
from controller.guard.often import Count, Limit, OftenKind, Rates
from controller.guard.patterns import Pattern, Sighting, Subject, short_answers_of
from controller.guard.ranges import shipped
from controller.numbers.caller import Caller
from controller.policy.fields import Rate
from controller.settings import Route
from controller.store.database import open_database
from controller.store.extensions import Extensions
from controller.store.requests import Request, Requests
from controller.store.schema import callback_attempt as attempts
from controller.store.schema import callback_request as requests_table
from controller.store.stops import is_stopped, read_stops
from controller.store.suspicions import Suspicions
from tests.seed import ADMIN, directory
from tests.unit.admin.test_explaining import ACME, copied, filled, reading_only
from tests.unit.examples import many

SECOND: Final = 1_000_000
#: Noon, UTC.
NOW: Final = 1_795_435_200 * SECOND
DID, OTHERS_DID = "+12025550100", "+12025550200"
CALLER, OTHER = "+12125550199", "+16465550124"
ASKED: Final = {"did": DID, "caller": CALLER}


class Locked(msgspec.Struct):
    """What is locked, and who was asked about."""

    until: float = 0.0
    asked: list[tuple[str, tuple[str, ...], str]] = []

    def locked(self, extension: str, numbers: tuple[str, ...], did: str) -> Locked:
        """Give what is locked."""
        self.asked.append((extension, numbers, did))
        return self


#: What the running service knows, and what limits it.
LIVE = ("locks", "often", "everybodys")


class Made(msgspec.Struct):
    """How many callbacks were made lately, by kind of limit and node; each is free in a minute."""

    counts: dict[str, int] = {}
    asked: list[tuple[str, ...]] = []

    def peek(self, limits: Sequence[Limit]) -> tuple[Count, ...]:
        """Say how many are counted."""
        self.asked.append(tuple(limit.kind.value for limit in limits))
        found = []
        for limit in limits:
            count = self.counts.get(limit.name, self.counts.get(limit.kind.value, 0))
            free = NOW // 1000 + (60_000 if count >= limit.most else 0)
            found.append(Count(limit, count, free))
        return tuple(found)


def fill(engine: Engine) -> None:
    """Fill a store: acme has extension 100, other 200, and there is a channel."""
    store = directory(engine)
    store.create(ADMIN, Kind.CHANNEL, {"name": "pstn", "trust_callers": True, "country": "GB"})
    for client, digit in (("acme", 1), ("other", 2)):
        number = f"+120255501{digit}0"
        store.create(ADMIN, Kind.CLIENT, {"name": client, "contact_name": client.title()})
        store.create(ADMIN, Kind.NUMBER, {"number": number, "channel": "pstn", "client": client})
        values = {
            "extension": f"{digit}00", "client": client, "dids": [f"+12025550{digit}00"],
            "country": "US", "caller_ids": [number],
        }  # fmt: skip
        store.create(ADMIN, Kind.EXTENSION, values)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store that is filled; others are copies of it."""
    return filled(tmp_path_factory.mktemp("whole") / "callbackd.sqlite3", fill)


@pytest.fixture
def engine(whole: Path, tmp_path: Path) -> Iterator[Engine]:
    """A store of its own for each test."""
    with copied(whole, tmp_path / "callbackd.sqlite3") as made:
        yield made


@pytest.fixture
def world(engine: Engine) -> Directory:
    return directory(engine)


def explained(engine: Engine, **more: Any) -> ExplainedCallback:
    """Explain a call to a DID, by default by a caller who is called back."""
    parts = {name: more.pop(name) for name in ("troubles", *LIVE) if name in more}
    actor = more.pop("actor", ADMIN)
    explaining = Explaining(
        engine,
        Route(),
        expiry_seconds=900,
        ranges=shipped(),
        run=lambda function, *args: function(*args),
        now=lambda: NOW,
        **parts,
    )
    with reading_only(engine):
        return explaining.callback(actor, **{**ASKED, **more})


def change(store: Directory, **values: Any) -> None:
    """Change extension 100."""
    store.change(ADMIN, Kind.EXTENSION, "100", values)


def really(engine: Engine, caller: Caller, did: str = DID, now: int = NOW) -> Request:
    """Ask as a trigger call does."""
    found = Extensions(engine).by_dids([did])
    policy = None if found is None else found[1]
    asking = Asking(
        policy=policy,
        did=did,
        caller=caller,
        now=now,
        expiry_seconds=900,
        ranges=shipped(),
        stopped=policy is not None and is_stopped(read_stops(engine), policy),
        leg=str(uuid.uuid4()),
    )
    return ask(Requests(engine), asking)


def opened(
    engine: Engine, extension: str, number: str, state: str = "pending", did: str = DID
) -> str:
    """Store an open callback, and give its id."""
    policy = Extensions(engine).get(extension)
    assert policy is not None
    asking = Asking(
        policy=policy, did=did, caller=Caller(number=number), now=NOW - SECOND,
        expiry_seconds=900, ranges=shipped(), leg=str(uuid.uuid4()),
    )  # fmt: skip
    wanted = Wanted(asking=asking, number=number, due=NOW + 2 * SECOND, expires=NOW + 60 * SECOND)
    request = Requests(engine).store(wanted).id
    with engine.begin() as connection:
        connection.execute(
            update(requests_table).where(requests_table.c.id == request).values(state=state)
        )
    return request


def unanswered(engine: Engine, extension: str, number: str, count: int) -> None:
    """Store return calls that came to nothing."""
    request = opened(engine, extension, number, state="done")
    with engine.begin() as connection:
        for index in range(count):
            connection.execute(
                insert(attempts).values(
                    id=str(uuid.uuid4()), request=request, extension=extension, number=number,
                    node="fs1", channels="[]", begun=NOW - (index + 1) * 60 * SECOND,
                    ended=NOW - index * 60 * SECOND, counts=True,
                )
            )  # fmt: skip


# --- who is called back ----------------------------------------------------------------------


def test_i9_who_rings_is_called_back_by_these_rules(engine: Engine, world: Directory) -> None:
    found = explained(engine)
    assert (found.answer, found.refusal, found.extension) == (True, None, "100")
    assert (found.number, found.caller, found.at) == (CALLER, CALLER, NOW)
    assert (found.due, found.expires) == (NOW + 3 * SECOND, NOW + 903 * SECOND)
    assert (found.joins, found.shown, found.shown_name) == (None, DID, "Acme")
    assert found.said == f"{CALLER} is called back 3 seconds after the call"
    assert [one.rule for one in found.tried] == [
        "did", "O6", "off", "T4", "T3", "G2", "T7", "G4", "T5", "T6", "A3", "T8", "I4",
        "G3",
    ]  # fmt: skip
    (order,) = found.orders
    assert [(one.channel, one.number) for one in order.channels] == [("pstn", CALLER[1:])]
    assert found.tried[-2].said == "it goes over pstn"


def stop_all(engine: Engine, _: Directory) -> None:
    Stopping(engine, now=lambda: NOW).stop(ADMIN, StopScope.EVERYWHERE, reason="maintenance")


def stop_client(engine: Engine, _: Directory) -> None:
    Stopping(engine, now=lambda: NOW).stop(ADMIN, StopScope.CLIENT, "acme")


def set_to(**values: Any) -> Any:
    """Give what changes extension 100."""
    return lambda _, store: change(store, **values)


def switch_off_client(_: Engine, store: Directory) -> None:
    store.change(ADMIN, Kind.CLIENT, "acme", {"enabled": False})


def block_for_client(_: Engine, store: Directory) -> None:
    store.change(ADMIN, Kind.CLIENT, "acme", {"blocked_prefixes": ["+1212"]})


def list_switched_off(_: Engine, store: Directory) -> None:
    change(store, return_calls="authorized")
    entry = {"extension": "100", "number": CALLER, "enabled": False}
    store.create(ADMIN, Kind.CALLERID, entry)


def call_elsewhere(engine: Engine, _: Directory) -> None:
    opened(engine, "200", CALLER, state="calling", did=OTHERS_DID)


def let_ring(engine: Engine, store: Directory) -> None:
    change(store, stop_after_unanswered=2)
    unanswered(engine, "100", CALLER, 2)


#: What is done first, what is asked, the reason, the rule, and what is said of it.
REFUSED: Final[dict[str, tuple[Any, dict[str, Any], str, str, str]]] = {
    "nobody's": (None, {"did": "+12025550999"}, "unknown_did", "did", "reaches no extension"),
    "stopped": (stop_all, {}, "stopped", "O6", "stopped everywhere: maintenance"),
    "client stopped": (stop_client, {}, "stopped", "O6", "stopped of client acme"),
    "off": (set_to(enabled=False), {}, "disabled", "off", "is off"),
    "client off": (switch_off_client, {}, "disabled", "off", "is off"),
    "hidden": (None, {"hidden": True, "caller": None}, "hidden", "T4", "hides"),
    "anonymous": (None, {"caller": "anonymous"}, "hidden", "T4", "hides"),
    "named anonymous": (None, {"name": "Anonymous"}, "hidden", "T4", "hides"),
    "letters": (None, {"caller": "bob"}, "not_digits", "T4", "more than digits: 'bob'"),
    "no number": (None, {"caller": "+1555"}, "not_a_number", "T4", "no country's plan: '+1555'"),
    "not on the list": (
        set_to(return_calls="authorized"), {}, "not_authorised", "T3", "is not on the list",
    ),
    "off on the list": (list_switched_off, {}, "not_authorised", "T3", "switched off"),
    "own": (None, {"caller": DID}, "own_number", "T7", "a DID of this extension"),
    "another's": (None, {"caller": OTHERS_DID}, "own_number", "T7", "one of our own DIDs"),
    "costly": (None, {"caller": "+19005550199"}, "costly_number", "G2", "costs more"),
    "blocked": (
        set_to(blocked_countries=["US"]), {}, "blocked", "G2", "(blocked_countries: US)",
    ),
    "its kind blocked": (
        set_to(blocked_types=["fixed_or_mobile"]), {}, "blocked", "G2",
        "its kind is blocked (blocked_types: fixed_or_mobile)",
    ),
    "blocked for the client": (
        block_for_client, {}, "blocked", "G2", "it is blocked (blocked_prefixes: +1212)",
    ),
    "abroad": (
        set_to(return_countries=["DE", "FR"]), {}, "country_not_allowed", "G2", "DE, FR only",
    ),
    "of another kind": (
        set_to(return_types=["mobile"]), {}, "type_not_allowed", "G2",
        "is of the kind fixed_or_mobile; return calls go to numbers of mobile only",
    ),
    "risky": (
        set_to(return_countries=["DO"]), {"caller": "+18095550199"}, "risky_range", "G2",
        "begins with +1809, a range known for one-ring scams (Federal Trade Commission",
    ),
    "elsewhere": (call_elsewhere, {}, "called_elsewhere", "T7", "another extension"),
    "unanswered": (let_ring, {}, "unanswered_too_often", "G4", "2 return calls to it in a row"),
    "quiet": (
        set_to(quiet_from="11:00", quiet_until="13:00"), {}, "quiet_hours", "T5", "11:00 to 13:00",
    ),
}  # fmt: skip


def test_every_reason_that_asking_has_is_explained_here() -> None:
    # Whoever asks rings to the end (T2).
    assert {one[2] for one in REFUSED.values()} == set(REASONS) - {"hung_up_early"}


@pytest.mark.parametrize("name", REFUSED)
def test_i9_who_is_not_called_back_is_told_by_which_rule(
    engine: Engine, world: Directory, name: str
) -> None:
    first, asked, reason, rule, says = REFUSED[name]
    if first is not None:
        first(engine, world)
    found = explained(engine, **asked)
    assert (found.answer, found.refusal) == (False, reason)
    assert (found.due, found.number, found.orders) == (None, None, ())
    last = found.tried[-1]
    assert last.rule == rule
    assert says in last.said
    assert found.said == f"nobody is called back: {reason}, by {rule}: {last.said}"


def test_t3_t4_the_mode_says_whom(engine: Engine, world: Directory) -> None:
    change(world, return_calls="fixed", fixed_number=OTHER)
    found = explained(engine, caller=None, hidden=True)
    assert (found.number, found.caller, found.answer) == (OTHER, None, True)
    change(world, return_calls="authorized", fixed_number=None)
    entry = {"extension": "100", "number": CALLER, "callback_number": OTHER}
    world.create(ADMIN, Kind.CALLERID, entry)
    found = explained(engine)
    assert found.number == OTHER
    assert f"called at {OTHER}" in {one.rule: one.said for one in found.tried}["T3"]


def test_t4_the_trunk_that_it_comes_over_says_how_numbers_are_read(
    engine: Engine, world: Directory
) -> None:
    change(world, return_countries=["US", "GB"])
    assert explained(engine, caller="2125550199").caller == CALLER
    assert explained(engine, caller="020 7946 0000", over="pstn").number == "+442079460000"


@pytest.mark.parametrize("did", ["2025550100", "12025550100", "+1 (202) 555-0100"])
def test_a_did_may_be_written_as_trunks_do(engine: Engine, world: Directory, did: str) -> None:
    assert explained(engine, did=did).did == DID


def test_t5_quiet_hours_put_it_off(engine: Engine, world: Directory) -> None:
    change(world, quiet_from="11:00", quiet_until="12:10")
    found = explained(engine)
    assert found.due == NOW + 600 * SECOND
    assert "put off to their end" in {one.rule: one.said for one in found.tried}["T5"]
    assert explained(engine, at=NOW + 3600 * SECOND).due == NOW + 3603 * SECOND


@pytest.mark.parametrize("state", ["pending", "calling", "answered"])
def test_t6_who_is_called_back_already_joins(engine: Engine, world: Directory, state: str) -> None:
    request = opened(engine, "100", CALLER, state=state)
    found = explained(engine)
    assert (found.answer, found.joins) == (True, request)
    assert request in found.said
    real = really(engine, Caller(number=CALLER))
    assert (found.due, found.expires, found.number) == (real.due, real.expires, real.number)
    # What is called already needs no way.
    assert (found.orders != ()) == (state == "pending")


def test_t6_over_any_database(database_url: str) -> None:
    engine = open_database(database_url)
    fill(engine)
    request = opened(engine, "100", CALLER)
    assert explained(engine).joins == request
    assert explained(engine, caller=OTHER).joins is None
    assert explained(engine, caller=OTHERS_DID).refusal == "own_number"
    engine.dispose()


# --- A3 --------------------------------------------------------------------------------------


def test_a3_who_is_locked_out_is_called_when_he_is_not(engine: Engine, world: Directory) -> None:
    locks = Locked(until=NOW / SECOND + 60)
    found = explained(engine, locks=locks)
    assert (locks.asked, found.due) == ([], NOW + 3 * SECOND)
    assert (found.locks_known, found.locked_until) == (True, None)
    change(world, password="2468")
    found = explained(engine, locks=locks)
    assert locks.asked == [("100", (CALLER,), DID)]
    assert (found.answer, found.due, found.locked_until) == (
        True, NOW + 60 * SECOND, NOW + 60 * SECOND,
    )  # fmt: skip
    outlasts = explained(engine, locks=Locked(until=NOW / SECOND + 1000))
    assert (outlasts.answer, outlasts.refusal) == (False, "locked_out")
    assert (outlasts.tried[-1].rule, outlasts.orders) == ("A3", ())
    unknown = explained(engine)
    assert (unknown.answer, unknown.locks_known, unknown.locked_until) == (True, False, None)


@pytest.mark.parametrize(
    ("values", "entry", "asks"),
    [
        ({}, None, False),
        ({"password": "2468"}, None, True),
        ({"caller_passwords": True}, None, True),
        ({"caller_passwords": True}, {}, False),
        ({"caller_passwords": True}, {"pin": "1357"}, True),
        ({"caller_passwords": True}, {"enabled": False}, True),
    ],
)
def test_a1_a2_a5_whether_a_password_is_asked_for(
    engine: Engine,
    world: Directory,
    values: dict[str, Any],
    entry: dict[str, Any] | None,
    asks: bool,
) -> None:
    if values:
        change(world, **values)
    if entry is not None:
        world.create(ADMIN, Kind.CALLERID, {"extension": "100", "number": CALLER, **entry})
    locks = Locked(until=0)
    explained(engine, locks=locks)
    assert bool(locks.asked) == asks


# --- the return call -------------------------------------------------------------------------


def test_t8_i4_without_a_channel_nobody_is_called(engine: Engine, world: Directory) -> None:
    found = explained(engine, troubles=lambda: {"fs1": {"pstn": "down"}, "fs2": {}})
    assert (found.answer, found.health_known, len(found.orders)) == (True, True, 2)
    down = explained(engine, troubles=lambda: {"fs1": {"pstn": "down"}})
    assert (down.answer, down.refusal) == (False, "no_channel")
    assert "waits for one until it expires" in down.tried[-1].said
    world.change(ADMIN, Kind.CHANNEL, "pstn", {"enabled": False})
    off = explained(engine)
    assert off.refusal == "no_channel"
    assert "waits" not in off.tried[-1].said
    # Hours are those of when it is due.
    hours = {"enabled": True, "hours": ["mon-sun 12:30-13:00"]}
    world.change(ADMIN, Kind.CHANNEL, "pstn", hours)
    assert explained(engine).refusal == "no_channel"
    change(world, delay_seconds=3600 // 2)
    assert explained(engine).answer


def test_o2_a_client_sees_no_trunk(engine: Engine, world: Directory) -> None:
    found = explained(engine, actor=ACME)
    assert [(one.channel, one.number, one.cost) for one in found.orders[0].channels] == [
        ("channel 1", None, None)
    ]
    assert b"pstn" not in msgspec.json.encode(found)


# --- it is what then comes of it -------------------------------------------------------------

CALLERS: Final[dict[str, Caller]] = {
    CALLER: Caller(number=CALLER),
    OTHER: Caller(number=OTHER),
    OTHERS_DID: Caller(number=OTHERS_DID),
    DID: Caller(number=DID),
    "+442079460000": Caller(number="+442079460000"),
    "+19005550199": Caller(number="+19005550199"),
    "bob": Caller(reason="not_digits", said="'bob'"),
    "anonymous": Caller(reason="hidden"),
}
ENTRIES: Final = st.none() | st.fixed_dictionaries(
    {},
    optional={
        "enabled": st.booleans(),
        "callback_number": st.sampled_from([OTHER, "+442079460000", OTHERS_DID, DID]),
    },
)
MODES: Final = st.sampled_from(
    [
        {"return_calls": "caller"},
        {"return_calls": "authorized"},
        *(
            {"return_calls": "fixed", "fixed_number": number}
            for number in (OTHER, OTHERS_DID, "+442079460000")
        ),
    ]
)
HOURS: Final = st.sampled_from(
    [{}]
    + [
        {"quiet_from": begins, "quiet_until": ends}
        for begins, ends in (("11:59", "12:01"), ("12:10", "11:00"), ("12:00", "12:20"))
    ]
)
VALUES: Final = st.fixed_dictionaries(
    {},
    optional={
        "enabled": st.sampled_from([True, True, True, False]),
        "delay_seconds": st.sampled_from([0, 3, 3600]),
        "expiry_seconds": st.sampled_from([1, 60, 86_400]),
        "return_countries": st.sampled_from([["US"], ["GB"], ["US", "GB"]]),
        "return_prefixes": st.sampled_from([["+1212"], ["+4420"]]),
        "blocked_prefixes": st.sampled_from([["+1212"], ["+1646"]]),
        "stop_after_unanswered": st.sampled_from([1, 2, 3]),
    },
)
STATES: Final = st.none() | st.sampled_from(["pending", "calling", "answered"])


_COUNT = itertools.count()


@settings(
    max_examples=many(100),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    mode=MODES,
    hours=HOURS,
    values=VALUES,
    entry=ENTRIES,
    caller=st.sampled_from(list(CALLERS)),
    did=st.sampled_from([DID] * 7 + ["+12025550999"]),
    stop=st.sampled_from([None, None, None, StopScope.EVERYWHERE, StopScope.EXTENSION]),
    own=STATES,
    elsewhere=STATES,
    count=st.integers(0, 3),
)
def test_i9_any_explanation_is_what_asking_then_does(
    whole: Path,
    tmp_path: Path,
    mode: dict[str, Any],
    hours: dict[str, Any],
    values: dict[str, Any],
    entry: dict[str, Any] | None,
    caller: str,
    did: str,
    stop: StopScope | None,
    own: str | None,
    elsewhere: str | None,
    count: int,
) -> None:
    with copied(whole, tmp_path / f"{next(_COUNT)}.sqlite3") as engine:
        store = directory(engine)
        change(store, **mode, **hours, **values)
        if entry is not None:
            record = {"extension": "100", "number": CALLER, **entry}
            store.create(ADMIN, Kind.CALLERID, record)
        if stop is not None:
            name = "" if stop is StopScope.EVERYWHERE else "100"
            Stopping(engine, now=lambda: NOW).stop(ADMIN, stop, name)
        number = CALLERS[caller].number or OTHER
        if count:
            unanswered(engine, "100", number, count)
        if elsewhere is not None:
            opened(engine, "200", number, state=elsewhere, did=OTHERS_DID)
        if own is not None and (own == "pending" or elsewhere in (None, "pending")):
            opened(engine, "100", number, state=own)
        found = explained(engine, did=did, caller=caller)
        real = really(engine, CALLERS[caller], did)
        if real.state == "refused":
            assert (found.answer, found.refusal) == (False, real.outcome)
            assert (found.number, found.due) == (None, None)
        else:
            assert (found.answer, found.refusal) == (True, None)
            assert (found.number, found.due, found.expires) == (
                real.number, real.due, real.expires,
            )  # fmt: skip
            assert found.joins == (real.id if real.joined else None)
            assert (found.shown, found.extension) == (real.did, real.extension)
        assert found.caller == CALLERS[caller].number
        assert found.tried


# --- G3 --------------------------------------------------------------------------------------

OFTEN = {
    "callbacks_per_number": {"hour": 5}, "callbacks_per_block": {"hour": 6},
    "callbacks_per_did": {"hour": 7}, "callbacks_per_extension": {"hour": 8},
    "unanswered_per_block": {"minute": 3}, "unanswered_per_extension": {"day": 4},
}  # fmt: skip
EVERYBODYS = Everybodys(Rates(node=Rate(minute=20), together=Rate(minute=30)), ("fs1", "fs2"))


def g3(found: ExplainedCallback) -> list[str]:
    """Give what was said by G3."""
    return [one.said for one in found.tried if one.rule == "G3"]


def test_g3_it_is_said_how_many_were_made_of_how_many(engine: Engine, world: Directory) -> None:
    assert g3(explained(engine, often=Made())) == ["nothing limits how often"]
    change(world, **OFTEN)
    world.change(ADMIN, Kind.CLIENT, "acme", {"callbacks": {"hour": 9}})
    made = Made({"number": 4, "unanswered_block": 2, "client": 8, "all": 29, "fs1": 20})
    found = explained(engine, often=made, everybodys=EVERYBODYS)
    assert (found.answer, found.counts_known) == (True, True)
    assert g3(found) == [
        "not too often: 4 of 5 to the number in an hour, 0 of 6 to its block in an hour, 0 of 7 "
        "for the DID in an hour, 0 of 8 of the extension in an hour, 2 of 3 to its block that came "
        "to nothing in a minute, 0 of 4 of the extension that came to nothing in a day, 8 of 9 of "
        "client acme in an hour, 29 of 30 in all in a minute, 20 of 20 on node fs1 in a minute, 0 "
        "of 20 on node fs2 in a minute"
    ]
    assert made.asked == [(*(kind.value for kind in OftenKind if kind != "node"), "node", "node")]
    # What nobody looked at is said too.
    unknown = explained(engine)
    assert (unknown.answer, unknown.counts_known) == (True, False)
    assert g3(unknown) == ["how many were made was not looked at"]


@pytest.mark.parametrize("kind", [kind for kind in OftenKind if not kind.waits])
def test_g3_who_has_had_his_callbacks_gets_none(
    engine: Engine, world: Directory, kind: OftenKind
) -> None:
    change(world, **OFTEN)
    world.change(ADMIN, Kind.CLIENT, "acme", {"callbacks": {"hour": 9}})
    made = Made({kind.value: 9, "all": 99})
    found = explained(engine, often=made, everybodys=EVERYBODYS)
    assert (found.answer, found.refusal, found.tried[-1].rule) == (False, kind.reason, "G3")
    assert g3(found)[0].startswith("as many as there may be: 9 of ")
    # When it is due, there is a place again.
    change(world, delay_seconds=60)
    assert explained(engine, often=made).answer


def test_g3_whoever_waits_for_others_is_told_how_long(engine: Engine, world: Directory) -> None:
    for counts, said in (
        ({"all": 30}, "30 of 30 in all in a minute"),
        ({"node": 20}, "20 of 20 on node fs1 in a minute"),
    ):
        found = explained(engine, often=Made(counts), everybodys=EVERYBODYS)
        assert (found.answer, found.due) == (True, NOW + 60 * SECOND)
        assert g3(found) == [
            f"as many as there may be: {said}; there is a place in 60 seconds; it waits for it"
        ]
    change(world, expiry_seconds=30)
    found = explained(engine, often=Made({"all": 30}), everybodys=EVERYBODYS)
    assert (found.answer, found.refusal) == (False, "too_often_all")
    assert "it expires before" in found.said


def test_o2_g3_a_client_is_told_nothing_of_what_everybody_makes(
    engine: Engine, world: Directory
) -> None:
    for counts, said in (
        ({"all": 29}, "not too often"),
        ({"all": 30}, "the service makes as many callbacks now as it may; there is a place in 60 "
         "seconds; it waits for it"),
    ):  # fmt: skip
        found = explained(engine, actor=ACME, often=Made(counts), everybodys=EVERYBODYS)
        assert g3(found) == [said]


def test_t5_g3_one_that_was_tried_already_is_asked_what_came_to_nothing_alone(
    engine: Engine, world: Directory
) -> None:
    change(world, **OFTEN)
    request = opened(engine, "100", CALLER)
    with engine.begin() as connection:
        connection.execute(update(requests_table).values(attempts=1))
    made = Made({"number": 9})
    found = explained(engine, often=made, everybodys=EVERYBODYS)
    assert (found.answer, found.joins) == (True, request)
    assert made.asked == [("unanswered_block", "unanswered_extension")]


def test_g3_of_what_is_called_already_nobody_is_asked(engine: Engine, world: Directory) -> None:
    change(world, **OFTEN)
    opened(engine, "100", CALLER, state="calling")
    made = Made({"number": 9})
    assert explained(engine, often=made).answer
    assert made.asked == []


@pytest.mark.parametrize("actor", [ADMIN, ACME], ids=["admin", "client"])
@pytest.mark.parametrize("on", ["ignore", "flag", "block"])
def test_g3_who_looks_like_fraud_is_not_called_where_that_is_blocked(
    engine: Engine, world: Directory, on: str, actor: Actor
) -> None:
    change(world, on_many_extensions=on, on_short_answers=on)
    Suspicions(engine, now=lambda: NOW).saw([
        Sighting(
            subject=Subject(Pattern.MANY_EXTENSIONS, CALLER), blocks=False, extension=None,
            client=None, at=NOW, said=f"{CALLER} rang 9 extensions within an hour",
        ),
        Sighting(
            subject=short_answers_of("100", CALLER), blocks=on == "block", extension="100",
            client="acme", at=NOW, said="3 return calls were over at once",
        ),
    ])  # fmt: skip
    found = explained(engine, actor=actor)
    assert found.answer is (on != "block")
    if on != "block":
        return
    assert found.refusal == "suspicion_short_answers"
    assert found.tried[-1] == Tried(
        "G3", "it looks like fraud, suspicion 2: 3 return calls were over at once"
    )
    Suspecting(engine, now=lambda: NOW).release(ADMIN, 2)
    found = explained(engine, actor=actor)
    assert found.tried[-1] == Tried("G3", "it looks like fraud, suspicion 1")
    # What is being called already goes on.
    opened(engine, "100", CALLER, "calling")
    assert explained(engine, actor=actor).refusal is None
