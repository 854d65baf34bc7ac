"""I9: what a call shows, where it goes and whether it is made can be explained, with no call."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import msgspec
import pytest
from sqlalchemy import Engine, event

from controller.admin.directory import Directory
from controller.admin.explained import ExplainedCallerId, ExplainedRoute, Recognised
from controller.admin.explaining import Explaining
from controller.admin.explaining_channels import PASSED, REFUSALS
from controller.admin.model import Actor, Forbidden, Invalid, Kind, NotFound
from controller.callerid.model import Rang, Tried
from controller.guard.patterns import Pattern, Sighting, Subject
from controller.guard.ranges import shipped
from controller.metrics import Metrics
from controller.policy.records import Role
from controller.routing.model import Plan
from controller.runtime.health import ChannelHealth
from controller.runtime.ways import Wanted, find_destination
from controller.settings import Route, Settings
from controller.store.conversing import Conversing
from controller.store.database import open_database
from controller.store.extensions import Extensions
from controller.store.suspicions import Suspicions
from tests.seed import ADMIN, directory

NOW: Final = 1_800_000_000_000_000
CALLEE, CALLER = "+12125550199", "+12125550177"
DID, OTHERS_DID = "+12025550100", "+12025550200"
#: Of acme's pool, on `pstn` and on `backup`; nobody else's.
ON_PSTN, ON_BACKUP = "+12025550111", "+12025550121"
MORE = ("+12025550112", "+12025550113")
ACME: Final = Actor(name="acme's", role=Role.CLIENT, client="acme")
ACME_LOOKS: Final = Actor(name="acme looks", role=Role.READ_ONLY, client="acme")
LOOKS: Final = Actor(name="looks", role=Role.READ_ONLY)
ROUTE: Final = Route(
    internal_gateway="pbx",
    internal_lengths=(4,),
    internal_prefixes=("+1646555",),
    domain="service.example",
)
EMERGENCY: Final = msgspec.structs.replace(
    ROUTE, emergency_channel="backup", emergency_caller_id="+12025550121"
)


def filled(path: Path, fill: Callable[[Engine], None]) -> Path:
    """Make a store and fill it."""
    engine = open_database(f"sqlite:///{path}")
    fill(engine)
    # Its last connection writes all into the one file.
    engine.dispose()
    return path


@contextmanager
def copied(whole: Path, path: Path) -> Iterator[Engine]:
    """Open a copy of a store, and remove it after that."""
    shutil.copy(whole, path)
    engine = open_database(f"sqlite:///{path}")
    try:
        yield engine
    finally:
        engine.dispose()
        path.unlink()


@contextmanager
def reading_only(engine: Engine) -> Iterator[list[str]]:
    """Check that nothing is written; gives the statements."""
    said: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        said.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield said
    finally:
        event.remove(engine, "before_cursor_execute", note)
    for statement in said:
        assert statement.split()[0] in ("SELECT", "BEGIN", "SHOW", "WITH"), statement


def explaining(engine: Engine, route: Route = ROUTE, **more: Any) -> Explaining:
    """Give what explains, over a store."""
    return Explaining(
        engine,
        route,
        expiry_seconds=900,
        ranges=shipped(),
        run=lambda function, *args: function(*args),
        now=lambda: NOW,
        **more,
    )


def fill(engine: Engine) -> None:
    """Make acme's extension 1001, which shows a number of each channel, and other's 2001."""
    store = directory(engine)
    store.create(ADMIN, Kind.CLIENT, {"name": "acme", "contact_name": "Acme Inc"})
    store.create(ADMIN, Kind.CLIENT, {"name": "other"})
    pstn = {"name": "pstn", "priority": 1, "trust_callers": True, "dial_prefix": "99"}
    backup = {
        "name": "backup", "priority": 2, "number_format": "plus", "caller_id_format": "plus",
        "domain": "backup.example", "hidden_identity": "private",
    }  # fmt: skip
    for channel in (pstn, backup):
        store.create(ADMIN, Kind.CHANNEL, channel)
    for number in (ON_PSTN, *MORE):
        store.create(ADMIN, Kind.NUMBER, {"number": number, "channel": "pstn", "client": "acme"})
    store.create(ADMIN, Kind.NUMBER, {"number": ON_BACKUP, "channel": "backup", "client": "acme"})
    store.create(
        ADMIN, Kind.NUMBER, {"number": "+12025550131", "channel": "pstn", "client": "other"}
    )
    for extension, client, did, shown in (
        ("1001", "acme", DID, [ON_PSTN, ON_BACKUP]),
        ("2001", "other", OTHERS_DID, ["+12025550131"]),
    ):
        values = {
            "extension": extension, "client": client, "dids": [did], "country": "US",
            "caller_ids": shown,
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


def change(store: Directory, **values: Any) -> None:
    """Change extension 1001."""
    store.change(ADMIN, Kind.EXTENSION, "1001", values)


def seen(engine: Engine, to: str = CALLEE, actor: Actor = ADMIN, **more: Any) -> ExplainedCallerId:
    """Explain what is seen of a call of 1001."""
    with reading_only(engine):
        return explaining(engine).callerid(actor, extension="1001", to=to, **more)


def way(
    engine: Engine,
    to: str = CALLEE,
    actor: Actor = ADMIN,
    route: Route = ROUTE,
    troubles: Any = None,
    **more: Any,
) -> ExplainedRoute:
    """Explain how 1001 calls a number."""
    with reading_only(engine):
        return explaining(engine, route, troubles=troubles).route(
            actor, extension="1001", to=to, **more
        )


# --- what is shown ---------------------------------------------------------------------------


def test_i4_each_channel_shows_its_own_number_in_the_order_they_are_tried(
    engine: Engine, world: Directory
) -> None:
    found = seen(engine)
    assert (found.answer, found.refusal, found.to) == (True, None, CALLEE)
    assert found.recognised is Recognised.PUBLIC
    assert [(one.channel, one.number, one.written, one.rule) for one in found.channels] == [
        ("pstn", ON_PSTN, ON_PSTN[1:], "I4"),
        ("backup", ON_BACKUP, ON_BACKUP, "I4"),
    ]
    assert all((one.name, one.name_rule) == ("Acme Inc", "I1") for one in found.channels)
    assert found.said == (
        f'{ON_PSTN} "Acme Inc", by I4, on pstn; {ON_BACKUP} "Acme Inc", by I4, on backup'
    )
    # Each rule that was asked is told: about the number, and on each channel.
    assert [one.rule for one in found.tried] == ["D3", "G2", "T7"]
    assert [one.rule for one in found.channels[0].tried] == ["I6", "I2", "I4", "I1"]


def test_i3_one_of_several_at_random_is_said_to_be_an_example(
    engine: Engine, world: Directory
) -> None:
    change(world, caller_ids=[ON_PSTN, *MORE])
    found = seen(engine)
    first = found.channels[0]
    assert (first.rule, first.at_random, first.pool) == ("I3", True, (ON_PSTN, *MORE))
    assert first.number in first.pool
    assert found.said.startswith(f"one of 3 numbers at random, such as {first.number}")
    # On the other channel the default one is shown, and is no example.
    assert (found.channels[1].rule, found.channels[1].at_random) == ("I5", False)
    change(world, caller_id_choice="sticky")
    again = seen(engine).channels[0]
    assert (again.rule, again.at_random, again.pool) == ("I3", False, first.pool)
    assert seen(engine).channels[0].number == again.number


def test_i5_i1_where_all_channels_show_the_same_it_is_said_once(
    engine: Engine, world: Directory
) -> None:
    change(world, caller_ids=[ON_BACKUP], caller_id_name="Desk")
    found = seen(engine)
    assert [one.rule for one in found.channels] == ["I5", "I4"]
    change(world, caller_id_number_from="custom", caller_id_number=DID)
    assert seen(engine).said == f'{DID} "Desk", by I2'


def test_i6_i7_hidden_is_hidden_and_each_channel_says_what_becomes_of_identities(
    engine: Engine, world: Directory
) -> None:
    change(world, p_asserted_identity=True, p_preferred_identity="sip:desk@acme.example")
    asserted = [
        (one.p_asserted_identity, one.p_preferred_identity) for one in seen(engine).channels
    ]
    assert asserted == [
        ("sip:1001@service.example", "sip:desk@acme.example"),
        ("sip:1001@backup.example", "sip:desk@acme.example"),
    ]
    change(world, hide_caller_id=True)
    found = seen(engine)
    assert found.said == "Anonymous, by I6"
    assert [(one.hidden, one.number, one.written) for one in found.channels] == [
        (True, None, None)
    ] * 2
    assert [one.p_asserted_identity for one in found.channels] == [
        None,
        "sip:1001@backup.example",
    ]


@pytest.mark.parametrize(
    ("said", "number", "name"),
    [
        ({"caller": CALLER, "name": "Bob", "over": "pstn"}, CALLER, "Bob"),
        # As the trunk's country writes it.
        ({"caller": "(212) 555-0177", "over": "pstn"}, CALLER, "Acme Inc"),
        # A trunk that is not trusted, none of ours, and somebody who hides.
        ({"caller": CALLER, "name": "Bob", "over": "backup"}, ON_PSTN, "Acme Inc"),
        ({"caller": CALLER, "name": "Bob"}, ON_PSTN, "Acme Inc"),
        ({"caller": CALLER, "name": "Anonymous", "over": "pstn"}, ON_PSTN, "Acme Inc"),
        ({"caller": "anonymous", "over": "pstn"}, ON_PSTN, "Acme Inc"),
        ({"over": "pstn"}, ON_PSTN, "Acme Inc"),
        # A name that may not be shown to others.
        ({"caller": CALLER, "name": "it's", "over": "pstn"}, CALLER, "Acme Inc"),
    ],
)
def test_i2_i1_the_equipments_own_is_shown_where_it_is_trusted(
    engine: Engine, world: Directory, said: dict[str, Any], number: str, name: str
) -> None:
    change(world, caller_id_number_from="equipment", caller_id_name_from="equipment")
    first = seen(engine, **said).channels[0]
    assert (first.number, first.name) == (number, name)
    assert {one.rule for one in first.tried} >= {"I1", "I2"}


def test_i2_where_nothing_is_left_to_show_it_is_said_of_each_channel(
    engine: Engine, world: Directory
) -> None:
    number = {"caller_id_number_from": "custom", "caller_id_number": MORE[0]}
    change(world, **number)
    with engine.begin() as connection:
        connection.exec_driver_sql(f"DELETE FROM public_number WHERE number = '{MORE[0]}'")
    found = seen(engine)
    assert (found.answer, found.refusal) == (False, "no_caller_id")
    assert found.said.startswith("no call: no_caller_id, by I2")
    assert [(one.channel, one.refusal, one.number) for one in found.channels] == [
        ("pstn", "no_caller_id", None),
        ("backup", "no_caller_id", None),
    ]
    for one in found.channels:
        assert "not the client's any more" in one.tried[-1].said


def test_nothing_of_it_is_for_calls_that_stay_inside(engine: Engine, world: Directory) -> None:
    change(world, hide_caller_id=True, p_asserted_identity=True)
    found = seen(engine, "2001", caller=CALLER)
    (only,) = found.channels
    assert (found.recognised, only.channel, only.rule) == (
        Recognised.INTERNAL,
        "pbx",
        "internal",
    )
    assert (only.number, only.hidden, only.p_asserted_identity) == (CALLER, False, None)
    assert seen(engine, "2001").channels[0].number == "1001"


def test_i9_over_any_database(database_url: str) -> None:
    opened = open_database(database_url)
    fill(opened)
    assert [one.number for one in seen(opened).channels] == [ON_PSTN, ON_BACKUP]
    assert [one.channel for one in way(opened).orders[0].channels] == ["pstn", "backup"]
    assert way(opened, OTHERS_DID, ACME).refusal == "own_number"
    opened.dispose()


# --- where it goes ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("to", "recognised", "refusal", "rule"),
    [
        ("(212) 555-0199", Recognised.PUBLIC, None, "I4"),
        ("011 44 20 7946 0000", Recognised.PUBLIC, "country_not_allowed", "G2"),
        ("+19005550199", Recognised.PUBLIC, "costly_number", "G2"),
        ("+13105550199", Recognised.PUBLIC, "blocked", "G2"),
        ("+18095550199", Recognised.PUBLIC, "country_not_allowed", "G2"),
        (DID, Recognised.OWN_NUMBER, "own_number", "T7"),
        (OTHERS_DID, Recognised.OWN_NUMBER, "own_number", "T7"),
        ("2001", Recognised.INTERNAL, None, "I4"),
        ("+16465550100", Recognised.INTERNAL, None, "I4"),
        ("911", Recognised.EMERGENCY, "emergency", "D3"),
        ("411", Recognised.SPECIAL, "special_number", "D3"),
    ],
)
def test_d3_t7_g2_a_number_is_what_a_call_takes_it_for(
    engine: Engine,
    world: Directory,
    to: str,
    recognised: Recognised,
    refusal: str | None,
    rule: str,
) -> None:
    change(world, blocked_prefixes=["+1310"])
    found = way(engine, to)
    assert (found.recognised, found.refusal, found.answer) == (recognised, refusal, refusal is None)
    assert found.tried[-1].rule == rule
    assert found.at == NOW
    if refusal is not None:
        assert found.said.startswith(f"no call: {refusal}, by {rule}: ")
        assert found.orders == ()
    # What is seen of it is refused for the same reason.
    assert (seen(engine, to).refusal, seen(engine, to).recognised) == (refusal, recognised)


def test_d3_emergency_calls_go_where_the_service_says(engine: Engine, world: Directory) -> None:
    found = way(engine, "911", route=EMERGENCY)
    assert (found.recognised, found.answer) == (Recognised.EMERGENCY, True)
    (channel,) = found.orders[0].channels
    assert (channel.channel, channel.number, channel.priority) == ("backup", "911", None)
    shown = explaining(engine, EMERGENCY).callerid(ADMIN, extension="1001", to="911").channels[0]
    assert (shown.number, shown.rule) == ("+12025550121", "emergency")
    gone = msgspec.structs.replace(EMERGENCY, emergency_channel="gone")
    assert way(engine, "911", route=gone).refusal == "emergency"


@pytest.mark.parametrize("actor", [ADMIN, ACME], ids=["admin", "client"])
def test_g3_sudden_spending_keeps_calls_from_public_numbers_where_it_blocks(
    engine: Engine, world: Directory, actor: Actor
) -> None:
    """As calls find it, until it is released: what stays inside, and emergency calls, are made."""
    Suspicions(engine, now=lambda: NOW).saw([Sighting(
        subject=Subject(Pattern.SUDDEN_SPEND, "1001"), blocks=True, extension="1001",
        client="acme", at=NOW, said="9.00 USD were spent",
    )])  # fmt: skip
    explains = explaining(engine, EMERGENCY)

    def refused(to: str) -> tuple[str | None, str | None]:
        return (
            explains.route(actor, extension="1001", to=to).refusal,
            explains.callerid(actor, extension="1001", to=to).refusal,
        )

    assert refused(CALLEE) == ("suspicion_sudden_spend",) * 2
    said = explains.route(actor, extension="1001", to=CALLEE)
    assert said.tried[-1] == Tried("G3", "it looks like fraud, suspicion 1: 9.00 USD were spent")
    assert (said.answer, said.orders) == (False, ())
    for to in ("911", "1002"):
        assert refused(to) == (None, None)
    assert refused("+19005550199") == ("costly_number",) * 2
    change(world, on_sudden_spend="ignore")
    assert refused(CALLEE) == (None, None)


def test_d3_a_speed_dial_is_the_callers(engine: Engine, world: Directory) -> None:
    entry = {"extension": "1001", "number": CALLER, "speed_dials": {"1": CALLEE}}
    world.create(ADMIN, Kind.CALLERID, entry)
    assert way(engine, "1", caller=CALLER).to == CALLEE
    with pytest.raises(Invalid, match="no speed dial"):
        way(engine, "1")


def test_i4_channels_come_in_order_and_each_other_one_says_why_not(
    engine: Engine, world: Directory
) -> None:
    others: dict[str, dict[str, Any]] = {
        "cheap": {"destinations": {"+1": 5}},
        "dear": {"destinations": {"+1": 900}},
        "near": {"destinations": {"+1212": 1000}, "priority": 900},
        "off": {"enabled": False},
        "abroad": {"destinations": {"+44": 1}},
        # NOW is a Friday.
        "weekend": {"hours": ["sat-sun 00:00-24:00"]},
    }
    for name, more in others.items():
        world.create(ADMIN, Kind.CHANNEL, {"name": name, **more})
    found = way(engine)
    (order,) = found.orders
    assert [
        (one.channel, one.beginning, one.priority, one.cost, one.number) for one in order.channels
    ] == [
        ("near", "+1212", 900, 1000, CALLEE[1:]),
        ("cheap", "+1", 10, 5, CALLEE[1:]),
        ("dear", "+1", 10, 900, CALLEE[1:]),
        ("pstn", "+", 1, 0, "99" + CALLEE[1:]),
        ("backup", "+", 2, 0, CALLEE),
    ]
    assert {one.channel: one.reason for one in order.passed} == {
        "off": "off", "abroad": "not_its_number", "weekend": "closed",
    }  # fmt: skip
    assert all(one.said == PASSED[one.reason] for one in order.passed)
    assert found.said.endswith("over near, then cheap, then dear, then pstn, then backup")
    on_saturday = way(engine, at=NOW + 86_400_000_000)
    assert {one.channel: one.reason for one in on_saturday.orders[0].passed} == {
        "off": "off", "abroad": "not_its_number", "weekend": "beyond",
    }  # fmt: skip


def test_i9_what_only_the_running_service_knows_is_told_or_said_not_to_be_known(
    engine: Engine, world: Directory
) -> None:
    assert way(engine).health_known is False
    # No node is there of which anything could be known.
    assert way(engine, troubles=dict).health_known is False
    well = way(engine, troubles=lambda: {"fs1": {}, "fs2": {}})
    assert well.health_known is True
    assert [order.nodes for order in well.orders] == [("fs1", "fs2")]
    found = way(engine, troubles=lambda: {"fs1": {"pstn": "down"}, "fs2": {}, "fs3": {}})
    assert [(order.nodes, [one.channel for one in order.channels]) for order in found.orders] == [
        (("fs1",), ["backup"]),
        (("fs2", "fs3"), ["pstn", "backup"]),
    ]
    assert [(one.channel, one.reason) for one in found.orders[0].passed] == [("pstn", "down")]
    assert found.said == (
        f"{CALLEE} is called over backup on fs1; over pstn, then backup on fs2 and fs3"
    )
    failing = way(engine, troubles=lambda: {"fs1": {"pstn": "failing"}})
    assert [one.channel for one in failing.orders[0].channels] == ["backup", "pstn"]
    all_down = {"fs1": {"pstn": "down", "backup": "down"}}
    none = way(engine, troubles=lambda: all_down)
    assert (none.answer, none.refusal) == (False, "no_channel")
    assert REFUSALS["no_channel"][1] in none.said


# --- it is what a call does ------------------------------------------------------------------

#: What is said of the trigger call, and the same as a call has it.
RANG: Final[tuple[tuple[dict[str, str], Rang], ...]] = (
    ({}, Rang()),
    ({"caller": CALLER, "name": "Bob", "over": "pstn"}, Rang(CALLER, "Bob", trusted=True)),
    ({"caller": CALLER, "name": "Bob", "over": "backup"}, Rang(CALLER, "Bob", trusted=False)),
)


POLICIES: Final[tuple[dict[str, Any], ...]] = (
    {},
    {"hide_caller_id": True, "p_asserted_identity": True},
    {"hide_caller_id": False, "caller_id_number_from": "equipment"},
    {"caller_id_name_from": "equipment", "p_preferred_identity": "sip:desk@acme.example"},
    {"caller_id_number_from": "server", "caller_ids": [ON_PSTN, *MORE, ON_BACKUP]},
    {"caller_id_number_from": "custom", "caller_id_number": MORE[1]},
)


def test_i9_what_is_explained_is_what_a_call_finds(engine: Engine, world: Directory) -> None:
    """The plan of the running service, over the same store, is the one that is explained."""
    change(world, destination_countries=["US", "GB"], caller_id_choice="sticky")
    extensions, metrics = Extensions(engine), Metrics()
    trunks = extensions.trunks()
    health = ChannelHealth(
        channels=lambda: ["pstn", "backup"], metrics=metrics, now=lambda: NOW / 1_000_000
    )
    for _ in range(20):
        health.failed("fs1", "pstn", NOW / 1_000_000)
    assert health.troubles("fs1", NOW / 1_000_000) == {"pstn": "failing"}
    services: Any = SimpleNamespace(
        settings=Settings(route=EMERGENCY),
        ranges=shipped(),
        trunks=SimpleNamespace(get=lambda: trunks),
        policies=extensions,
        health=health,
        metrics=metrics,
        clock=SimpleNamespace(now=lambda: NOW / 1_000_000, micros=lambda: NOW),
    )
    for values in POLICIES:
        change(world, **values)
        policy = extensions.get("1001")
        assert policy is not None
        for (said, rang), node in itertools.product(RANG, ("fs1", "fs2")):
            facts = Conversing(engine).facts("1001", rang.number or None, "")
            known = {node: health.troubles(node, NOW / 1_000_000)}
            explains = explaining(engine, EMERGENCY, troubles=lambda: known)  # noqa: B023
            for to in (CALLEE, "2001", "911", DID, OTHERS_DID, "+442079460000"):
                wanted = Wanted(
                    policy=policy, node=node, member="", number=to, caller=rang.number,
                    numbers=facts.numbers, rang=rang,
                )  # fmt: skip
                plan = find_destination(services, wanted)
                asked: dict[str, Any] = {"extension": "1001", "to": to, **said}
                check_route(explains.route(ADMIN, **asked), plan)
                if node == "fs2":
                    check_shown(explains.callerid(ADMIN, **asked), plan)


def check_route(route: ExplainedRoute, plan: Plan) -> None:
    """Check that a route is the way that a call finds."""
    assert (route.refusal or "") == plan.refusal
    channels = [one for order in route.orders for one in order.channels]
    assert [(one.channel, one.number) for one in channels] == [
        (one.channel, one.number) for one in plan.ways
    ]
    passed = [one for order in route.orders for one in order.passed]
    assert [(one.channel, one.reason) for one in passed] == [
        (one.channel, one.reason) for one in plan.passed
    ]


def check_shown(found: ExplainedCallerId, plan: Plan) -> None:
    """Check that what is seen is what a call shows."""
    assert (found.refusal or "") == plan.refusal
    assert [
        (one.number, one.name, one.hidden, one.written, one.p_asserted_identity, one.tried)
        for one in found.channels
    ] == [
        (
            one.shown.number or None,
            one.shown.name,
            one.shown.hidden,
            one.caller_id or None,
            one.p_asserted or None,
            one.tried,
        )
        for one in plan.ways
    ]


# --- who may ask -----------------------------------------------------------------------------


@pytest.mark.parametrize("actor", [ACME, ACME_LOOKS])
def test_o2_a_client_sees_what_is_shown_and_why_and_no_trunk(
    engine: Engine, world: Directory, actor: Actor
) -> None:
    change(world, caller_ids=[*MORE, ON_BACKUP], default_caller_id=ON_BACKUP)
    world.create(ADMIN, Kind.CHANNEL, {"name": "third", "destinations": {"+44": 1}})
    change(world, p_asserted_identity=True)
    troubles = {"fs1": {"pstn": "down"}, "fs2": {}}
    found = seen(engine, actor=actor)
    assert [(one.channel, one.number, one.rule) for one in found.channels] == [
        ("channel 1", MORE[0], "I3"),
        ("channel 2", ON_BACKUP, "I4"),
    ]
    assert "of the 2 numbers on channel 1" in found.channels[0].tried[2].said
    route = way(engine, actor=actor, troubles=lambda: troubles)
    assert [one.channel for one in route.orders[0].channels] == ["channel 1"]
    called = explaining(engine, troubles=lambda: troubles).callback(actor, did=DID, caller=CALLER)
    everything = msgspec.json.encode([found, route, called]).decode()
    for word in ("pstn", "backup", "third", "fs1", "fs2", "service.example", '"99', 'priority":1'):
        assert word not in everything
    change(world, caller_ids=[ON_BACKUP])
    said = seen(engine, actor=actor).channels[0].tried[2].said
    assert said == f"no number is on channel 1: the default, {ON_BACKUP} on channel 2"


@pytest.mark.parametrize("actor", [ACME, ACME_LOOKS])
def test_o2_a_client_asks_about_his_own_and_names_no_channel(
    engine: Engine, world: Directory, actor: Actor
) -> None:
    explains = explaining(engine)
    for extension in ("2001", "9001"):
        for ask in (explains.callerid, explains.route):
            with pytest.raises(NotFound, match=f"no extension {extension}"):
                ask(actor, extension=extension, to=CALLEE)
    said = set()
    for did in (OTHERS_DID, "+12025550299"):
        with pytest.raises(NotFound) as caught:
            explains.callback(actor, did=did, caller=CALLER)
        said.add(str(caught.value).replace(did, ""))
    assert len(said) == 1
    for over in ("pstn", "nowhere"):
        with pytest.raises(Forbidden, match="over: "):
            explains.callerid(actor, extension="1001", to=CALLEE, over=over)
        with pytest.raises(Forbidden, match="over: "):
            explains.callback(actor, did=DID, caller=CALLER, over=over)


def test_o2_who_only_looks_may_ask(engine: Engine, world: Directory) -> None:
    assert seen(engine, actor=LOOKS).channels[0].channel == "pstn"


@pytest.mark.parametrize("to", ["", "()", "12", "999999", "12345678901234567890123", "+1", "+99"])
def test_g1_what_is_no_number_is_refused_by_name(engine: Engine, world: Directory, to: str) -> None:
    for ask in (explaining(engine).callerid, explaining(engine).route):
        with pytest.raises(Invalid) as caught:
            ask(ADMIN, extension="1001", to=to)
        assert caught.value.field == "to"


def test_g1_what_cannot_be_asked_names_its_field(engine: Engine, world: Directory) -> None:
    explains = explaining(engine)
    cases: tuple[tuple[str, dict[str, Any]], ...] = (
        ("over", {"over": "nowhere"}),
        ("at", {"at": -1}),
        ("at", {"at": 10**16}),
    )
    for field, values in cases:
        with pytest.raises(Invalid) as caught:
            explains.route(ADMIN, extension="1001", to=CALLEE, **values)
        assert caught.value.field == field
    both: dict[str, Any] = {"caller": CALLER, "hidden": True}
    for said in ({}, both):
        with pytest.raises(Invalid) as caught:
            explains.callback(ADMIN, did=DID, **said)
        assert caught.value.field == "caller"
    with pytest.raises(Invalid) as caught:
        explains.callback(ADMIN, did="()", hidden=True)
    assert caught.value.field == "did"
