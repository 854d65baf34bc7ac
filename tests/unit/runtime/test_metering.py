"""Calls on credit while they go on: more is held in time, limits are moved, a warning is heard.

The engine and its database are real; the switch only notes what it is told.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import gevent
import msgspec
import pytest
from gevent.event import Event
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from controller.callback import stage as stages
from controller.callback.return_session import ReturnSession
from controller.callback.states import Return
from controller.callback.uuids import destination_legs
from controller.credit.model import Granted, Refused
from controller.esl.errors import NotConnected
from controller.esl.wire import Frame
from controller.metrics import Metrics
from controller.policy.model import Policy
from controller.policy.records import AuthorisedCaller
from controller.policy.sounds import SoundTable
from controller.routing.model import Plan
from controller.runtime import metering
from controller.runtime.attaching import paying_of
from controller.runtime.beginning import caller_of
from controller.runtime.charges import Charges
from controller.runtime.metering import AT_ONCE, Metering
from controller.runtime.paying import Call, Limit, Paying, Talk, begin
from controller.runtime.return_leg import ReturnLeg
from controller.settings import Credit, Settings
from controller.store.charging import SqlCharging
from controller.store.conversing import Conversing
from controller.store.database import open_database
from tests.databases import new_file
from tests.unit.runtime.standing import alone
from tests.unit.store.paying import (
    ABROAD,
    HOME,
    NOW,
    SECOND,
    account,
    add,
    dialling,
    extended,
    extending,
    listed,
)

POLICY = Policy(extension="100", dids=("+12025550100",), country="US", warning_seconds=5)
REQUEST = cast(Any, SimpleNamespace(id="of-a", extension="100", caller=None, number=HOME))
PLAN = cast(Any, SimpleNamespace(ways=(1,), kind="public"))
#: The attempt, and its leg.
CALL = "a"
FAR = "far"


class Switch:
    """A node, and the link to it."""

    def __init__(self) -> None:
        self.name = "fs1"
        self.down = False
        self.up = SimpleNamespace(is_set=lambda: not self.down)
        self.answer = b"+OK Added: 1"
        self.told: list[str] = []
        self.dumps: dict[str, dict[str, str]] = {}

    def request(self, command: bytes) -> Frame:
        """Take a command and answer it."""
        self.send(command)
        return Frame({}, self.answer)

    def send(self, command: bytes) -> None:
        """Take a command."""
        if self.down:
            raise NotConnected("no link")
        self.told.append(command.decode().strip().removeprefix("api "))

    def api(self, command: str, *words: str) -> str:
        """Give what is known of a leg."""
        assert (command, words[1]) == ("uuid_dump", "json")
        dump = self.dumps.get(words[0])
        return "-ERR No such channel!" if dump is None else json.dumps(dump)


class World:
    """A controller's services, as far as money goes, and one call."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.now = NOW
        self.switch = Switch()
        self.legs: dict[str, Any] = {}
        self.faults: list[str] = []
        self.lines: list[tuple[str, ...]] = []
        #: What was noted of destinations with which people talk.
        self.noted: list[tuple[Any, ...]] = []
        self.policy = POLICY
        self.holder: str | None = None
        self.services = cast(
            Any,
            SimpleNamespace(
                settings=Settings(credit=Credit(slice_seconds=30)),
                clock=SimpleNamespace(micros=lambda: self.now),
                charging=SqlCharging(engine, lambda: self.now),
                conversing=Conversing(engine),
                reads=SimpleNamespace(run=lambda function, *given: function(*given)),
                write=lambda function, *given, **named: function(*given, **named),
                write_first=lambda function, *given: function(*given),
                keep=lambda function, *given: function(*given),
                spawn=lambda function, *given: function(*given),
                note_store_fault=self.faults.append,
                links={"fs1": self.switch},
                live_links=lambda: [] if self.switch.down else [self.switch],
                legs=SimpleNamespace(get=self.legs.get),
                sounds=SimpleNamespace(get=lambda: SoundTable((), "")),
                metrics=Metrics(),
                transcribing=SimpleNamespace(add=lambda *line: self.lines.append(line)),
                placing=SimpleNamespace(
                    plan=lambda *of: SimpleNamespace(channels=("pstn", "pstn2")),
                    connected=lambda *noted: self.noted.append(noted),
                ),
                requests=SimpleNamespace(get=lambda request: REQUEST, take_over=self.take_over),
                name="controller1",
                standing=alone(),
                policies=SimpleNamespace(get=lambda extension: self.policy),
            ),
        )
        self.services.charges = Charges(self.services)
        self.metering = Metering(self.services)
        self.paying = self.new()

    def take_over(self, request: str, holder: str, *, before: str | None) -> bool:
        """Say which controller follows the call."""
        if before != self.holder:
            return False
        self.holder = holder
        return True

    def new(self, granted: Granted | None = None, *, charged: bool = True) -> Paying:
        """Give what a controller knows of the call, whose leg it holds."""
        call = Call(
            call=CALL, request="of-a", leg=CALL, node="fs1", number=HOME, free=False, answered=NOW
        )
        paying = Paying(self.services, call, self.policy, charged=charged, granted=granted)
        self.hold(paying)
        self.metering.follow(paying)
        return paying

    def hold(self, paying: Paying, state: Return = Return.DESTINATION) -> None:
        """Have the controller hold the call's leg, in this state."""
        session = SimpleNamespace(state=state)
        self.legs[CALL] = SimpleNamespace(paying=paying, session=session)

    def begin(self, **policy: Any) -> Granted | Refused:
        """Begin the return call, and have it answered."""
        self.policy = msgspec.structs.replace(POLICY, **policy)
        listed = caller_of(self.services, REQUEST)
        answer = begin(self.services, REQUEST, self.policy, CALL, HOME, PLAN, listed)
        if isinstance(answer, Granted):
            self.paying = self.new(answer, charged=answer.charged)
        return answer

    def dial(self, number: str = ABROAD, kind: str = "public") -> Granted | Refused | None:
        """Find whether a destination can be paid."""
        plan = cast(Plan, SimpleNamespace(ways=(1,), kind=kind))
        return self.paying.dial(number, 1, plan)

    def talk(self) -> Granted:
        """Dial a destination, which answers after ten seconds."""
        granted = self.dial()
        assert isinstance(granted, Granted)
        self.paying.limit.moved(granted.serial)
        self.now += 10 * SECOND
        self.paying.talk = Talk(self.now, Limit(FAR, granted.serial), 1)
        return granted

    def live(self, seconds: int) -> list[str]:
        """Let time pass; give what the switch was told."""
        before = len(self.switch.told)
        for _ in range(seconds):
            self.now += SECOND
            self.metering.look()
        return self.switch.told[before:]

    def held(self) -> int:
        """Give what is held for the call, micro-units."""
        return sum(one.amount for one in self.services.charging.held_on("fs1")) or sum(
            one.amount for one in self.services.charging.overdue(10**17)
        )


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Give a world: a second of the return call costs a cent, one abroad two."""
    engine = open_database(new_file(tmp_path / "callbackd.sqlite3"))
    extended(engine, "100")
    listed(engine)
    yield World(engine)
    engine.dispose()


def money(world: World, cents: int, **of: Any) -> None:
    """Put cents on an account of the extension."""
    account(world.engine, "account", cents * 10_000, **of)


def kinds(told: list[str]) -> list[str]:
    """Give what was told, without the times."""
    return [" ".join(w for w in line.split() if not w.startswith("+")) for line in told]


def times(told: list[str], of: str) -> list[int]:
    """Give the times that were told of something."""
    return [int(line.split()[1]) for line in told if line.startswith("sched_api") and of in line]


# --- before it is made -----------------------------------------------------------------------


def test_m3_without_credit_no_return_call_is_made(world: World) -> None:
    money(world, 5)
    assert world.begin() == Refused("no_credit")


def test_m3_no_more_is_held_than_may_be_spent_on_nobody(world: World) -> None:
    money(world, 1000)
    granted = world.begin(return_call_exposure=400_000)
    assert isinstance(granted, Granted)
    assert (granted.return_seconds, world.held()) == (40, 400_000)


def test_m3_asked_twice_it_is_held_once(world: World) -> None:
    """A controller died between holding and sending; the next one sends it."""
    money(world, 1000)
    assert world.begin() == world.begin()
    assert world.held() == 120 * 10_000


def test_m9_who_is_asked_for_no_password_pays_from_the_start(world: World) -> None:
    money(world, 100, caller=HOME)
    REQUEST.caller = HOME
    try:
        granted = world.begin()
        asked = world.begin(password_hash="$argon2id$")
    finally:
        REQUEST.caller = None
    assert isinstance(granted, Granted)
    assert granted.charged
    # Whom it is asked of pays too, where the extension has no account.
    assert isinstance(asked, Granted)
    assert asked.charged


def test_m1_where_nobody_pays_nothing_is_asked_any_more(world: World) -> None:
    granted = world.begin()
    assert isinstance(granted, Granted)
    assert not granted.charged
    assert world.dial() is None
    assert world.live(400) == []


def test_m4_a_look_at_very_many_calls_lets_all_others_go_on(world: World) -> None:
    """M4: and of calls that are others' by then nothing more is done."""
    money(world, 1000)
    world.begin()
    call = world.paying.call
    for number in range(2 * AT_ONCE):
        leg = f"leg-{number}"
        other = Paying(world.services, msgspec.structs.replace(call, leg=leg), POLICY, charged=True)
        world.legs[leg] = SimpleNamespace(
            paying=other, session=SimpleNamespace(state=Return.DESTINATION)
        )
        world.metering.follow(other)
    last = world.metering.get(f"leg-{2 * AT_ONCE - 1}")
    assert last is not None
    last.dialogue = True
    seen: list[int] = []
    meanwhile = gevent.spawn(lambda: seen.append(len(world.metering)))
    world.metering.look()
    assert seen == [2 * AT_ONCE + 1]
    assert last.granted is not None
    last.granted, last.next_look = None, 0
    gevent.spawn(world.metering.forget_all)
    world.metering.look()
    assert (last.granted, meanwhile.successful()) == (None, True)


# --- who pays --------------------------------------------------------------------------------


def test_m9_identification_moves_the_hold_and_the_limit(world: World) -> None:
    money(world, 100)
    world.begin()
    account(world.engine, "his", 5_000_000, caller=HOME)
    told: list[Granted] = []
    world.paying.on_payer = told.append
    world.paying.identified(HOME)
    world.paying.identify()
    (granted,) = told
    assert granted.charged
    assert granted.return_seconds == 120
    assert world.services.charging.overdue(10**17)[0].account == "his"
    # Once is enough.
    world.paying.identify()
    assert told == [granted]


def test_m9_where_the_same_account_pays_on_the_switch_is_told_of_nothing(world: World) -> None:
    """M9, M4: what is held lasts for a while, and before it is used up more is held."""
    money(world, 1000)
    world.begin()
    before = world.services.charging.overdue(10**17)
    told: list[Granted] = []
    world.paying.on_payer = told.append
    world.now += 5 * SECOND
    world.paying.identified(HOME)
    world.paying.identify()
    assert (told, world.switch.told) == ([], [])
    assert world.services.charging.overdue(10**17) == before
    world.paying.dialogue = True
    assert world.live(80) == []
    assert world.live(40)
    (held,) = world.services.charging.overdue(10**17)
    assert held.return_seconds > before[0].return_seconds


def test_m9_whose_account_has_too_little_calls_nobody(world: World) -> None:
    """M9: nobody else pays for him; but what costs nothing he may call."""
    money(world, 1000)
    world.begin()
    account(world.engine, "his", 1, caller=HOME)
    world.paying.identified(HOME)
    assert world.dial() == Refused("no_credit")
    assert isinstance(world.dial("204", "internal"), Granted)
    assert world.paying.refused == "no_credit"


def test_m9_what_he_adds_meanwhile_lets_him_call(world: World) -> None:
    """M9, M6: whose account had too little is asked for it again when he dials."""
    money(world, 1000)
    world.begin()
    account(world.engine, "his", 1, caller=HOME)
    world.paying.identified(HOME)
    assert world.dial() == Refused("no_credit")
    add(world.engine, "his", 5_000_000, "more")
    assert isinstance(world.dial(), Granted)
    assert world.services.charging.overdue(10**17)[0].account == "his"


def test_m3_who_cannot_pay_is_asked_for_no_longer_than_is_held(world: World) -> None:
    """M3, M9: the extension pays for no more of it than for somebody who is not known."""
    money(world, 100_000)
    world.begin()
    account(world.engine, "his", 1, caller=HOME)
    world.paying.identified(HOME)
    world.paying.identify()
    world.paying.dialogue = True
    assert world.live(119) == []


def test_m9_whoever_pays_for_a_destination_pays_to_the_end(world: World) -> None:
    """M9, O4: another controller says once more who he is; an account is new meanwhile."""
    money(world, 1000)
    world.begin()
    assert isinstance(world.dial(), Granted)
    before = world.services.charging.overdue(10**17)
    account(world.engine, "his", 5_000_000, caller=HOME)
    world.paying.identified(HOME)
    world.paying.identify()
    assert world.services.charging.overdue(10**17) == before


def taken_over(world: World, stage: stages.Stage, *, before: ReturnLeg | None = None) -> Paying:
    """Take the leg over from another controller, which has left it there."""
    if before is not None:
        world.legs[CALL] = before
    else:
        world.legs.clear()
    data = cast(
        Any,
        SimpleNamespace(
            variable={"callback_call": CALL, "callback_charged": "120"}.get,
            microseconds={
                "Event-Date-Timestamp": world.now,
                "Caller-Channel-Answered-Time": NOW,
            }.get,
        ),
    )
    policy = msgspec.structs.replace(world.policy, password_hash="$argon2id$")
    him = AuthorisedCaller(extension="100", number=HOME)
    session = ReturnSession(CALL, "of-a", policy, number=HOME, caller=him)
    request = cast(Any, SimpleNamespace(id="of-a", number=HOME, attempt=CALL, node="fs1"))
    return paying_of(world.services, data, CALL, request, session, stages.write(stage))


def test_m9_o4_nobody_else_pays_for_him_after_another_controller_took_over(world: World) -> None:
    """M9, O4: he was told that his account has too little, and dials once more."""
    money(world, 1000)
    world.begin()
    account(world.engine, "his", 1, caller=HOME)
    world.paying = taken_over(world, stages.Stage(Return.DESTINATION, step=9, dialled=1))
    assert world.dial() == Refused("no_credit")


def test_m3_o4_nor_is_he_asked_for_longer_than_is_held(world: World) -> None:
    """M3, M9, O4: whoever had the call died before his account was asked."""
    money(world, 100_000)
    world.begin()
    account(world.engine, "his", 1, caller=HOME)
    before = world.services.charging.overdue(10**17)
    world.paying = taken_over(world, stages.Stage(Return.DESTINATION, step=9))
    world.hold(world.paying)
    world.metering.follow(world.paying)
    world.paying.dialogue = True
    assert world.live(119) == []
    assert world.services.charging.overdue(10**17) == before


def test_m9_o4_who_has_paid_pays_on_after_another_controller_took_over(world: World) -> None:
    money(world, 1000)
    world.begin()
    account(world.engine, "his", 5_000_000, caller=HOME)
    world.paying.identified(HOME)
    assert isinstance(world.dial(), Granted)
    world.services.charging.not_called(CALL, 1)
    world.paying = taken_over(world, stages.Stage(Return.DESTINATION, step=9, dialled=1))
    plan = cast(Plan, SimpleNamespace(ways=(1,), kind="public"))
    assert isinstance(world.paying.dial(ABROAD, 2, plan), Granted)
    (held,) = world.services.charging.overdue(10**17)
    assert (held.account, held.position) == ("his", 2)


def test_o4_what_we_know_of_a_call_counts_unless_somebody_has_gone_on_with_it(
    world: World,
) -> None:
    """O4, M9: he may have identified himself meanwhile, so that another account pays."""
    money(world, 1000)
    world.begin()
    before = ReturnLeg.__new__(ReturnLeg)
    before.paying = world.paying
    before.session = ReturnSession(CALL, "of-a", world.policy, step=5)
    ours = stages.Stage(Return.DESTINATION, step=5)
    assert taken_over(world, ours, before=before) is world.paying
    theirs = stages.Stage(Return.DESTINATION, step=6)
    assert taken_over(world, theirs, before=before) is not world.paying


# --- where the store is away -----------------------------------------------------------------


def away(*_: Any) -> Any:
    """Stand for a store that cannot be asked."""
    raise OperationalError("", {}, Exception("away"))


def test_m4_what_costs_something_is_not_called_while_nobody_can_be_asked(world: World) -> None:
    money(world, 1000)
    world.begin()
    world.services.write_first = away
    with pytest.raises(OperationalError):
        world.dial()


def test_m4_an_emergency_call_waits_for_nobody(world: World) -> None:
    """M4: nor is it cut when what is held is used."""
    money(world, 1000)
    world.begin()
    world.services.write_first = away
    granted = world.dial("911", "emergency")
    assert isinstance(granted, Granted)
    assert granted.return_seconds > granted.destination_seconds >= 3600
    assert granted.serial > 0
    # Inside the platform it is cut when that is used: nobody knows who pays for the return call.
    assert world.dial("204", "internal") is None


def test_m4_nor_for_a_store_that_is_slow(world: World) -> None:
    money(world, 1000)
    world.begin()
    world.services.write_first = lambda *_: Event().wait()
    assert isinstance(world.dial("911", "emergency"), Granted)


def test_m4_an_emergency_call_that_nothing_is_held_for_is_left_alone(world: World) -> None:
    money(world, 1000)
    world.begin()
    world.services.write_first = away
    assert isinstance(world.dial("911", "emergency"), Granted)
    world.services.write_first = lambda function, *given: function(*given)
    # No conversation is known that somebody pays for.
    assert world.paying.granted is None
    assert world.live(300) == []


# --- while people talk -----------------------------------------------------------------------


def test_m4_more_is_held_before_what_is_held_is_used(world: World) -> None:
    money(world, 100_000)
    world.begin()
    granted = world.talk()
    assert (granted.destination_seconds, granted.more) == (30, True)
    told = world.live(29)
    moved = [line for line in kinds(told) if "uuid_kill" in line and "_0 " not in line]
    assert moved[0] == f"sched_api limit_a_2 uuid_kill {CALL} ALLOTTED_TIMEOUT"
    assert moved[1] == f"sched_api limit_{FAR}_2 uuid_kill {FAR} ALLOTTED_TIMEOUT"
    assert world.paying.granted is not None
    assert world.paying.granted.destination_seconds > 30


def test_m5_the_new_limit_is_there_before_the_old_one_goes(world: World) -> None:
    money(world, 100_000)
    world.begin()
    world.talk()
    told = kinds(world.live(29))
    for leg, new, old in ((CALL, 0, "limit_a_1"), (CALL, 2, "limit_a_0"), (FAR, 2, FAR)):
        added = told.index(f"sched_api limit_{leg}_{new} uuid_kill {leg} ALLOTTED_TIMEOUT")
        assert told.index(f"sched_del {old}") > added


def test_m5_what_the_switch_does_not_take_leaves_the_old_limit(world: World) -> None:
    money(world, 100_000)
    world.begin()
    world.talk()
    world.switch.answer = b"-ERR no"
    told = world.live(20)
    assert not any(line.startswith("sched_del") for line in told)
    world.switch.answer = b"+OK Added: 2"
    assert any(line == f"sched_del {FAR}" for line in world.live(4))


def test_m5_a_link_that_is_down_leaves_the_limits_and_is_told_when_it_is_back(
    world: World,
) -> None:
    money(world, 100_000)
    world.begin()
    world.talk()
    world.switch.down = True
    assert world.live(25) == []
    world.switch.down = False
    assert any("uuid_kill" in line for line in world.live(4))


def test_m4_for_the_time_that_it_might_have_rung_nothing_is_held_any_more(world: World) -> None:
    """M4: it was answered after 10 s of 40; the switch is told of it before the database is."""
    money(world, 120)
    world.begin()
    granted = world.talk()
    assert granted.destination_seconds < 30
    asked: list[tuple[list[int], int]] = []
    charging, extend = world.services.charging, world.services.charging.extend

    def extended_by(call: Any) -> Granted:
        ends = [
            (world.now - NOW) // SECOND + left for left in times(world.switch.told, "limit_a_0")
        ]
        asked.append((ends, call.shortened))
        return cast(Granted, extend(call))

    charging.extend = extended_by
    world.live(12)
    (ends, shortened), *_ = asked
    assert ends == [shortened]
    assert shortened < granted.return_seconds
    # All that there is can be talked away: a cent a second for the one leg, two for the other.
    assert world.paying.granted is not None
    talk = world.paying.granted.destination_seconds
    assert world.paying.granted.return_seconds == 10 + talk + 15
    assert 120 - 3 < 10 + talk + 15 + 2 * talk <= 120
    assert world.held() == (10 + talk + 15 + 2 * talk) * 10_000


def test_m5_what_the_switch_does_not_end_sooner_is_held(world: World) -> None:
    money(world, 120)
    world.begin()
    granted = world.talk()
    world.switch.answer = b"-ERR no"
    world.live(10)
    (held,) = world.services.charging.overdue(10**17)
    assert held.return_seconds >= granted.return_seconds


def test_m5_what_somebody_else_has_told_it_since_is_held(world: World) -> None:
    """M5, O4: another controller has held for more, and moved the limit."""
    money(world, 100_000)
    world.begin()
    world.talk()
    charging = world.services.charging
    more = charging.extend(
        extending(CALL, at=25, connected=10, tail=15, slice=60, now=world.now + SECOND)
    )
    charging.extend(
        extending(
            CALL, at=25, connected=10, tail=15, slice=30, now=world.now, shortened=40, serial=1
        )
    )
    (held,) = charging.overdue(10**17)
    assert (held.serial, held.return_seconds) == (more.serial, more.return_seconds)


def test_m6_the_warning_comes_before_the_end_and_only_there(world: World) -> None:
    """40 s of both, and there is no more."""
    money(world, 120)
    world.begin()
    world.talk()
    told, ends = [], []
    for _ in range(25):
        told += (now := world.live(1))
        ends += [world.now + left * SECOND for left in times(now, "warn_")]
    assert world.paying.granted is not None
    assert not world.paying.granted.more
    warnings = [line for line in kinds(told) if "warn_" in line]
    heard = "sched_api warn_a uuid_displace a start tone_stream://%(300,200,600) 0 mux"
    # It was told within a look of the answer, for five seconds before the end; and anew when that
    # was moved, since it had rung less than it might have.
    assert warnings == [heard, "sched_del warn_a", heard]
    assert 0 <= world.paying.talk_end - 5 * SECOND - ends[-1] < SECOND


def test_g3_a_call_that_ends_because_no_more_may_be_spent_says_so_once(world: World) -> None:
    """And is warned of it, and asks on: in an hour there is more again."""
    money(world, 100_000)
    world.begin(most_spent_per_hour=1_900_000)
    granted = world.talk()
    assert (granted.destination_seconds, granted.more) == (30, True)
    assert world.lines == []
    told = world.live(60)
    assert world.lines == [("of-a", CALL, "decided", "spend_limit")]
    assert world.services.metrics.spend_limited._value.get() == 1
    assert any("warn_" in line for line in told)
    assert world.held() <= 1_900_000
    assert world.begin() == world.paying.granted


def test_g3_a_call_that_ends_because_the_credit_is_used_says_nothing_of_a_limit(
    world: World,
) -> None:
    money(world, 190)
    world.begin(most_spent_per_hour=1_900_001)
    world.talk()
    world.live(60)
    assert world.lines == []


def test_g3_who_may_spend_no_more_is_not_called_back_and_calls_nobody(world: World) -> None:
    account(world.engine, "account", unlimited=True)
    assert world.begin(most_spent_per_day=290_000) == Refused("spend_limit")
    world.begin(most_spent_per_day=850_000)
    assert world.dial() == Refused("spend_limit")
    # D3: an emergency call is made, whatever may be spent.
    help_ = world.dial("112", kind="emergency")
    assert isinstance(help_, Granted)
    assert help_.destination_seconds >= 3600


def test_m6_a_top_up_lets_it_run_on_and_moves_the_warning(world: World) -> None:
    """Whoever takes it: an entry of the ledger is all there is."""
    money(world, 120)
    world.begin()
    world.talk()
    world.live(20)
    before = world.paying.talk_end
    add(world.engine, "account", 300_000, "more")
    told = world.live(4)
    # Three cents a second: one of the return leg, which is paid for no longer than it lasts.
    assert world.paying.talk_end == before + 10 * SECOND
    assert kinds(told)[-2:] == [
        "sched_del warn_a",
        "sched_api warn_a uuid_displace a start tone_stream://%(300,200,600) 0 mux",
    ]


def test_m6_without_a_warning_none_is_heard(world: World) -> None:
    money(world, 120)
    world.begin(warning_seconds=0)
    world.talk()
    assert not any("warn_" in line for line in world.live(30))


def test_m4_nobody_talks_longer_than_the_policy_lets_him(world: World) -> None:
    money(world, 100_000)
    world.begin(longest_call_seconds=40)
    world.talk()
    world.live(39)
    assert world.paying.granted is not None
    assert world.paying.granted.destination_seconds == 40


# --- while he is asked -----------------------------------------------------------------------


def test_m3_the_dialogue_goes_on_for_somebody_who_is_known(world: World) -> None:
    money(world, 100_000)
    world.begin()
    assert world.live(100) == []  # nobody is known yet
    world.paying.dialogue = True
    told = world.live(9)
    assert times(told, "uuid_kill a")
    assert f"sched_del {CALL}" in told


def test_m3_nobody_else_is_asked_for_longer(world: World) -> None:
    money(world, 100_000)
    world.begin(return_call_exposure=400_000)
    world.live(60)
    assert world.held() == 400_000


# --- after a conversation --------------------------------------------------------------------


def test_m4_nothing_is_held_for_a_conversation_that_is_over(world: World) -> None:
    """M4, O4: whoever goes on with the call: the destination's end is told to everybody."""
    money(world, 100_000)
    world.begin()
    world.talk()
    world.metering.destination_ended(CALL, FAR)
    held = world.services.charging.overdue(10**17)
    assert world.live(60) == []
    assert world.services.charging.overdue(10**17) == held


def test_m6_no_warning_is_left_of_it(world: World) -> None:
    money(world, 120)
    world.begin()
    world.talk()
    assert "warn_" in " ".join(world.live(4))
    world.metering.destination_ended(CALL, FAR)
    assert world.live(4) == ["sched_del warn_a"]


def test_m3_m5_last_words_that_the_switch_says_by_itself_are_paid_for(world: World) -> None:
    """M3, M5, M6: they may be long, as ours may; no warning of the conversation comes into them."""
    money(world, 120)
    world.begin()
    world.talk()
    assert "warn_" in " ".join(world.live(4))
    world.hold(world.paying, Return.TALKING)
    world.metering.destination_ended(CALL, FAR)
    assert world.live(1) == []
    assert len(world.metering) == 0
    world.paying.dialogue = True
    world.metering.follow(world.paying)
    assert "sched_del warn_a" in world.live(4)
    assert len(world.metering) == 1


def test_m4_d4_an_earlier_conversation_holds_nothing_of_the_next(world: World) -> None:
    """M4, D4, O4: somebody else has dialled a second one, and it was not heard that it is over."""
    money(world, 100_000)
    world.begin()
    world.talk()
    world.now += 20 * SECOND
    charging = world.services.charging
    charging.dial(dialling(CALL, 2, answered=NOW, now=world.now, slice=30))
    (before,) = charging.overdue(10**17)
    world.live(60)
    (after,) = charging.overdue(10**17)
    assert (after.position, after.connected) == (2, None)
    assert after.destination_seconds == before.destination_seconds


# --- other controllers -----------------------------------------------------------------------


def talk_on(world: World, connected: int, holder: str | None = None) -> str:
    """Have the switch and the store know of a conversation; give the destination's leg.

    `connected`: since when they talk; `holder`: which controller has the call.
    """
    far = destination_legs(CALL, 1)[0]
    stage = stages.write(stages.Stage(Return.BRIDGING, step=3, dialled=1, destination=ABROAD))
    world.switch.dumps = {
        CALL: _dump(world, NOW) | {"variable_callback_stage": stage},
        far: _dump(world, connected),
    }
    world.holder, charging = holder, world.services.charging
    charging.held_on = lambda node: [
        msgspec.structs.replace(held, holder=holder) for held in charging.overdue(10**17)
    ]
    return far


def _dump(world: World, answered: int) -> dict[str, str]:
    # The switch has a clock of its own.
    behind = 7 * SECOND
    return {
        "Event-Date-Timestamp": str(world.now - behind),
        "Caller-Channel-Answered-Time": str(answered - behind),
    }


def test_o4_a_call_whose_controller_is_gone_runs_on(world: World) -> None:
    """M4, M6: it died while they talked; another one asks the switch, and holds for more."""
    money(world, 100_000)
    world.begin()
    world.talk()
    connected = world.now
    other = Metering(world.services)
    world.legs.clear()
    world.now += 5 * SECOND
    far = talk_on(world, connected)
    other.adopt()
    assert len(other) == 1
    # M7: it may be that nobody was there when they began to talk.
    ((_, leg, position, channel, since),) = world.noted
    assert (leg, position, channel, since) == (CALL, 1, "pstn", connected)
    for _ in range(24):
        world.now += SECOND
        other.look()
    assert f"limit_{far}_2" in " ".join(world.switch.told)
    # It is over: nobody looks after it any more.
    world.services.charging.held_on = lambda node: ()
    other.adopt()
    assert len(other) == 0


def test_o4_m5_a_grant_that_was_never_told_leaves_no_older_limit(world: World) -> None:
    """M5: its controller died before it told the switch; the limit of before would end the call."""
    money(world, 100_000)
    world.begin()
    world.talk()
    connected = world.now
    for _ in range(2):
        world.now += 15 * SECOND
        untold = world.paying.extend().serial
    world.legs.clear()
    far = talk_on(world, connected)
    other = Metering(world.services)
    other.adopt()
    for _ in range(30):
        world.now += SECOND
        other.look()
    told = kinds(world.switch.told)
    for leg in (CALL, far):
        assert any(line.startswith(f"sched_api limit_{leg}_{untold + 1} ") for line in told), told
        for old in range(1, untold + 1):
            assert f"sched_del limit_{leg}_{old}" in told


def test_o4_a_call_that_was_adopted_is_left_when_they_have_talked(world: World) -> None:
    """M4, D4: what comes next is another conversation, and adopted anew."""
    money(world, 100_000)
    world.begin()
    world.talk()
    far = talk_on(world, world.now)
    world.legs.clear()
    first, second = Metering(world.services), Metering(world.services)
    for other in (first, second):
        # Both have asked before either has said that it is his.
        world.holder = None
        other.adopt()
        assert len(other) == 1
    first.destination_ended(CALL, far)
    first.look()
    assert len(first) == 0
    # Whoever was not told finds that it is not that one any more.
    world.services.charging.dial(dialling(CALL, 2, answered=NOW, now=world.now, slice=30))
    second.adopt()
    assert len(second) == 0


def test_o4_a_call_is_adopted_from_whoever_is_gone_and_by_one_of_those_who_find_it(
    world: World,
) -> None:
    """And not from a controller that is there, unless he lets the end come near."""
    money(world, 100_000)
    world.begin()
    world.talk()
    there = {"other"}
    world.services.standing.is_held_by_another = there.__contains__
    talk_on(world, world.now, holder="other")
    world.legs.clear()
    first, second = Metering(world.services), Metering(world.services)
    first.adopt()
    assert (len(first), world.holder) == (0, "other")
    # Judged away: it is taken on at once.
    there.clear()
    for one in (first, second):
        one.adopt()
    assert (len(first), len(second), world.holder) == (1, 0, "controller1")


def test_o4_a_call_whose_controller_does_not_see_to_it_in_time_is_adopted(world: World) -> None:
    """He says that he is there, and has forgotten it."""
    money(world, 100_000)
    world.begin()
    world.talk()
    world.services.standing.is_held_by_another = lambda holder: True
    talk_on(world, world.now, holder="other")
    world.legs.clear()
    (held,) = world.services.charging.held_on("fs1")
    world.now = held.until - 9 * SECOND
    metering = Metering(world.services)
    metering.adopt()
    assert len(metering) == 1


def test_o4_who_stood_still_while_he_asked_for_more_tells_the_switch_nothing(
    world: World,
) -> None:
    """The limits are another's to move by then; what was granted is held, and told by that one."""
    money(world, 100_000)
    world.begin()
    world.talk()
    extend = world.services.charging.extend
    before: list[str] = []

    def still(*given: Any) -> Granted:
        before[:] = world.switch.told
        world.services.standing.epoch += 1
        world.metering.forget_all()
        granted: Granted = extend(*given)
        return granted

    world.services.charging.extend = still
    world.live(30)
    assert world.services.standing.epoch == 1
    assert world.switch.told == before
    assert len(world.metering) == 0


@pytest.mark.parametrize("state", [Return.DETACHED, Return.TALKING])
def test_o4_a_call_that_we_have_lost_and_nobody_looks_after_runs_on(
    world: World, state: Return
) -> None:
    """M4, O4: our connection broke, and whoever went on with it has died while they talked."""
    money(world, 100_000)
    world.begin()
    world.talk()
    far = talk_on(world, world.now)
    # Of this conversation we were not told; an earlier one is over.
    world.paying.talk = None
    world.hold(world.paying, state)
    world.live(1)
    world.metering.adopt()
    assert f"limit_{far}_2" in " ".join(world.live(29))


def test_o4_a_call_that_its_controller_holds_is_his(world: World) -> None:
    money(world, 100_000)
    world.begin()
    world.talk()
    world.services.charging.held_on = lambda node: world.services.charging.overdue(10**17)
    world.metering.adopt()
    assert not world.paying.orphan
    assert len(world.metering) == 1


def test_m4_of_calls_that_we_follow_nothing_is_made_out_to_find_those_that_nobody_does(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """M4: with very many calls that would be what a look is spent on."""
    money(world, 100_000)
    world.begin()
    world.talk()
    world.services.charging.held_on = lambda node: world.services.charging.overdue(10**17)
    made: list[str] = []

    def made_out(call: str) -> tuple[str, ...]:
        made.append(call)
        return (call,)

    monkeypatch.setattr(metering, "leg_uuids", made_out)
    world.metering.adopt()
    assert made == []
    world.metering.forget_all()
    world.metering.adopt()
    assert made == [CALL]


def test_a_call_that_is_over_is_forgotten(world: World) -> None:
    money(world, 100_000)
    world.begin()
    world.legs.clear()
    world.live(1)
    assert len(world.metering) == 0
