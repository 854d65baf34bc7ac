"""A controller dies by SIGKILL with a call in each state of a conversation, on a real switch.

All calls of the table are held by one controller, each goes as far as the state of its row, and
then that controller dies; the other one goes on with all of them. What callers and destinations saw
is SIPp's to say, what was heard is read from RTP, and what was charged is compared with the clock
of the switch: a second costs a cent, of either leg.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import pytest

from . import sounds
from .conftest import LOCKOUTS, Site
from .eventsocket import Event, HangupWatch, lasted
from .net import wait_until
from .office import Office
from .phones import Phone, Phones
from .switch import PASSWORD
from .test_callback import ASK_NUMBER, ASK_PIN, GOODBYE, WRONG_PIN, is_about, leg_of
from .test_conversation import MENU, said_at
from .test_money import CENT, DEAR, FREE, PAID, RATES, USUAL, billed

PIN, WRONG = "7391468", "739146"
#: Which question of the human check; and for what stands that no stock file of ours says.
HUMAN = "ivr/ivr-to_accept_press_one.wav"
ASK_MEMBER = "ivr/ivr-please_try_again.wav"
BALANCE = "ivr/ivr-account_balance_is.wav"
TIME_LEFT = "callback/time_left_is.wav"
#: What an amount and a time are made of; how much of it is heard depends on the moment.
COUNTED = ("digits/", "currency/", "time/")
#: How long a trigger call rings, and how long a number may take to be dialled, where that counts.
RINGS_S, DIALS_S = 10, 30


def long(name: str) -> str:
    """Give what is the same to our ears as a file, and long enough to die in."""
    return f"tone_stream://%(20000,0,{sounds.pitch_of_name(name)})"


#: A method of `Call`, and what it is given.
Steps = list[tuple[Any, ...]]


@dataclass(frozen=True, eq=False)
class Row:
    """One call, and the state that it is in when the controller dies.

    Attributes:
        held: what brings it into that state. It stays there for a while.
        half: keys that are pressed last, when all calls are held: half of an answer.
        after: what the caller does when the controller is dead.
        heard: what he heard in all, repeated questions once.
        called: how many destinations were called, each once.
        turn: in which it is begun, of three: when those before are held. Its state does not last.
        talk: how long whoever is called talks, seconds; `ring`: for how long he rings.
        listed: whether the caller is on the list himself.

    """

    place: int
    held: Steps
    heard: list[str]
    after: Steps = field(default_factory=list)
    half: str = ""
    called: int = 1
    outcome: str = "completed"
    turn: int = 0
    rings: str = PAID
    calls: str = USUAL
    talk: int = 1
    ring: int = 0
    listed: bool = True
    settings: dict[str, Any] = field(default_factory=dict)
    #: On the account: $12.50, of which the sounds are there.
    cents: int = 1250

    @property
    def extension(self) -> str:
        return f"8200{self.place:04}"

    @property
    def did(self) -> str:
        return f"1202558{self.place:03}0"

    @property
    def member(self) -> str:
        return f"1{self.rings}558{self.place:03}1"

    @property
    def caller(self) -> str:
        return self.member if self.listed else f"1{self.rings}558{self.place:03}2"

    def destination(self, which: int = 0) -> str:
        return f"1{self.calls}558{self.place:03}{which}"

    def document(self) -> dict[str, Any]:
        """Give the extension, with who may ring it."""
        return {
            "extension": self.extension,
            "dids": [f"+{self.did}"],
            "delay_seconds": 0,
            "password": PIN,
            "dial_seconds": 60,
            "authorised_callers": [{"number": f"+{self.member}"}],
            **self.settings,
        }


@dataclass
class Call:
    """A call of a row: the phones of who is called back and of those whom he calls."""

    row: Row
    phone: Phone
    fars: list[Phone]
    #: How much the caller had heard when the controller died.
    before: int = 0

    def do(self, steps: Steps) -> None:
        """Take steps, one after the other."""
        for name, *given in steps:
            getattr(self, name)(*given)

    def hears(self, name: str, times: int = 1) -> None:
        """Wait until the caller has heard something so many times."""
        self.phone.media.wait_for(name, times)

    def hears_again(self, name: str) -> None:
        """Wait until the caller hears what he was asked once more: that, and nothing else."""
        self.phone.media.wait_for(name, after=self.before)
        assert self.phone.media.names()[self.before] == name

    def types(self, keys: str) -> None:
        """Press keys."""
        self.phone.media.dial(keys)

    def identify(self) -> None:
        """Give the password when it is asked for."""
        self.hears(ASK_PIN)
        self.types(f"{PIN}#")

    def dial(self, which: int = 0) -> None:
        """Dial a destination."""
        self.types(f"{self.row.destination(which)[1:]}#")

    def far_says(self, message: str) -> None:
        """Wait for a message of the first destination's phone."""
        self.fars[0].wait_message(message)


TO_NUMBER: Steps = [("identify",), ("hears", ASK_NUMBER)]
DIALLED: Steps = [*TO_NUMBER, ("dial",)]
QUERY = {"credit_query": True}

AT_HUMAN = Row(
    1,
    held=[("hears", HUMAN)],
    after=[("hears_again", HUMAN), ("types", "1"), *DIALLED],
    heard=[HUMAN, ASK_PIN, ASK_NUMBER, GOODBYE],
    turn=2,
    settings={"human_check": True},
)
AT_MEMBER = Row(
    2,
    held=[("hears", ASK_MEMBER)],
    half=PAID,
    after=[("hears_again", ASK_MEMBER), ("types", "7865580021#"), *DIALLED],
    heard=[ASK_MEMBER, ASK_PIN, ASK_NUMBER, GOODBYE],
    turn=2,
    listed=False,
    settings={"caller_passwords": True, "prompts": {"number_enter": ASK_MEMBER}}
    | {"authorised_callers": [{"number": "+17865580021", "pin": PIN}]},
)
AT_PASSWORD = Row(
    3,
    held=[("hears", ASK_PIN), ("types", f"{WRONG}#"), ("hears", ASK_PIN, 2)],
    half=PIN[:3],
    after=[
        ("hears_again", ASK_PIN),
        *(("types", f"{WRONG}#"), ("hears", WRONG_PIN, 2), ("hears", ASK_PIN, 4)),
        ("types", f"{WRONG}#"),
    ],
    heard=[ASK_PIN, WRONG_PIN, ASK_PIN, WRONG_PIN, ASK_PIN, WRONG_PIN, GOODBYE],
    called=0,
    outcome="password_failed",
    turn=2,
)
AT_MENU = Row(
    4,
    held=[("identify",), ("hears", MENU)],
    after=[("hears_again", MENU), ("dial",)],
    heard=[ASK_PIN, MENU, GOODBYE],
    settings=QUERY,
)
AT_CREDIT = Row(
    5,
    held=[("identify",), ("hears", MENU), ("types", "1"), ("hears", BALANCE)],
    after=[("hears_again", MENU), ("dial",)],
    heard=[ASK_PIN, MENU, BALANCE, MENU, GOODBYE],
    turn=1,
    rings=FREE,
    settings={**QUERY, "prompts": {"credit_is": long(BALANCE)}},
)
AT_NUMBER = Row(
    6,
    held=TO_NUMBER,
    half="21255",
    after=[("hears_again", ASK_NUMBER), ("dial",)],
    heard=[ASK_PIN, ASK_NUMBER, GOODBYE],
)
AT_DEADLINE = Row(
    7,
    held=TO_NUMBER,
    after=[("hears_again", ASK_NUMBER)],
    heard=[ASK_PIN, ASK_NUMBER, GOODBYE],
    called=0,
    outcome="dial_time_over",
    turn=1,
    settings={"dial_seconds": DIALS_S},
)
AT_TIME = Row(
    8,
    held=[*DIALLED, ("hears", TIME_LEFT)],
    after=[("hears_again", ASK_NUMBER), ("dial",)],
    heard=[ASK_PIN, ASK_NUMBER, TIME_LEFT, ASK_NUMBER, TIME_LEFT, GOODBYE],
    rings=FREE,
    calls=DEAR,
    turn=1,
    settings={"say_time_left": True, "prompts": {"time_left_is": long(TIME_LEFT)}},
)
RINGING = Row(
    9,
    held=[*DIALLED, ("far_says", "SIP/2.0 180")],
    heard=[ASK_PIN, ASK_NUMBER, GOODBYE],
    turn=1,
    ring=20,
)
TALKING = Row(
    10,
    held=[*DIALLED, ("far_says", "ACK")],
    heard=[ASK_PIN, ASK_NUMBER, GOODBYE],
    turn=1,
    talk=20,
)
AFTERWARDS = Row(
    11,
    held=[*DIALLED, ("far_says", "BYE"), ("hears", ASK_NUMBER, 2)],
    after=[("hears_again", ASK_NUMBER), ("dial", 1)],
    heard=[ASK_PIN, ASK_NUMBER, GOODBYE],
    called=2,
    settings={"further_calls": 1},
)
AT_GOODBYE = Row(
    12,
    held=[*DIALLED, ("far_says", "BYE"), ("hears", GOODBYE)],
    heard=[ASK_PIN, ASK_NUMBER, GOODBYE],
    turn=1,
    settings={"prompts": {"goodbye": long(GOODBYE)}},
)
#: It is not called back for long: that phone is busy.
TRIGGER = Row(
    13,
    held=[],
    heard=[],
    called=0,
    outcome="busy",
    turn=2,
    settings={"ring_seconds": RINGS_S},
)
ROWS = [
    *(AT_HUMAN, AT_MEMBER, AT_PASSWORD, AT_MENU, AT_CREDIT, AT_NUMBER, AT_DEADLINE, AT_TIME),
    *(RINGING, TALKING, AFTERWARDS, AT_GOODBYE, TRIGGER),
]
NAMES = (
    *("human", "member", "password", "menu", "credit", "number", "deadline", "time"),
    *("ringing", "talking", "afterwards", "goodbye"),
)


class Desk:
    """Makes the calls, lets the controller die, and knows what became of them."""

    def __init__(self, site: Site, office: Office, phones: Phones, legs: HangupWatch) -> None:
        self.site = site
        self.office = office
        self.dying, self.other = office.controllers
        self.legs = legs
        self.calls: dict[Row, Call] = {}
        self._phones = phones

    def make(self) -> None:
        """Make all calls of the table, and see them through."""
        for row in ROWS:
            self.other.top_up(row.extension, row.cents * CENT, "first")
            self.calls[row] = self._phones_of(row)
        calls = [call for row, call in self.calls.items() if row is not TRIGGER]
        with ThreadPoolExecutor(len(ROWS)) as people:
            for turn in range(3):
                some = [call for call in calls if call.row.turn == turn]
                self._phones.ring_all([(c.row.did, from_(c.row.caller)) for c in some])
                list(people.map(lambda call: call.do(call.row.held), some))
            self.trigger = self._phones.ring(TRIGGER.did, TRIGGER.caller)
            self._wait_ringing()
            list(people.map(lambda call: call.types(call.row.half), calls))
            self._kill()
            list(people.map(lambda call: call.do(call.row.after), calls))
        self.trigger.finish()
        for call in self.calls.values():
            call.phone.finish()
            for far in call.fars[: call.row.called]:
                far.finish()
        for row in ROWS:
            self._wait_over(row)

    def _phones_of(self, row: Row) -> Call:
        if row is TRIGGER:
            return Call(row, self._phones.expect(row.caller, "busy"), [])
        phone = self._phones.expect(row.caller)
        talk, ring = str(1000 * row.talk), str(1000 * row.ring + 300)
        fars = [
            self._phones.expect(
                row.destination(n), "answer_and_hang_up", talk_ms=talk, ring_ms=ring
            )
            for n in range(row.called)
        ]
        return Call(row, phone, fars)

    def _wait_ringing(self) -> None:
        self.trigger.wait_message("SIP/2.0 180")
        held = 'callbackd_legs{kind="trigger"} 1.0'
        wait_until("it has the trigger leg", lambda: held in self.dying.fetch("/metrics"))

    def _kill(self) -> None:
        #: What there was to be kept: nobody is at the end, and the other one has nothing.
        self.ended = [call.row for call in self.calls.values() if call.phone.once("BYE")]
        self.hung_up = [row for row in (RINGING, TALKING) if self.far(row).once("BYE")]
        self.others = self.other.fetch("/metrics").partition("callbackd_legs{")[2].splitlines()
        for call in self.calls.values():
            call.before = len(call.phone.media.names())
        self.dying.kill()

    def _wait_over(self, row: Row) -> None:
        def over() -> bool:
            found = self.requests(row)
            return [one["state"] in ("done", "refused") for one in found] == [True]

        wait_until(f"{row.extension} is over", over, every=0.3)
        legs = set(self.costs(row))
        what = f"{row.extension} is charged"
        wait_until(what, lambda: set(self.charges(row)) >= legs, every=0.3)

    def far(self, row: Row) -> Phone:
        """Give the phone of a row's first destination."""
        return self.calls[row].fars[0]

    def requests(self, row: Row) -> list[dict[str, Any]]:
        """List the callbacks of a row."""
        found = self.other.ask(f"/callbacks?extension={row.extension}")
        items: list[dict[str, Any]] = found["items"]
        return items

    def leg(self, phone: Phone) -> Event:
        """Wait for the end of the leg to a phone."""
        return leg_of(self.legs, phone)

    def costs(self, row: Row) -> dict[str, int]:
        """Give what the legs of a row have cost, by the switch's clock: leg and micro-units."""
        call = self.calls[row]
        cost: dict[str, int] = {}
        if row is TRIGGER:
            return cost
        if row.rings == PAID:
            leg = self.leg(call.phone)
            cost[leg["Unique-ID"]] = CENT * billed(leg)
        for far in call.fars:
            leg = self.leg(far)
            cost[leg["Unique-ID"]] = 1000 * CENT if row.calls == DEAR else CENT * billed(leg)
        return cost

    def entries(self, row: Row) -> list[dict[str, Any]]:
        """Give the ledger of a row's account."""
        return self.other.entries(row.extension)

    def charges(self, row: Row) -> dict[str, int]:
        """Give what is in the ledger for calls: leg and micro-units; each leg is there once."""
        lines = [line for line in self.entries(row) if line["kind"] == "call"]
        charges = {line["key"].removeprefix("leg:"): -line["amount"] for line in lines}
        assert len(charges) == len(lines)
        return charges


def from_(number: str) -> str:
    """Give what a trigger call says of who rings."""
    return f"<sip:{number}@127.0.0.1>"


@pytest.fixture(scope="module")
def desk(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """Make all calls of the table."""
    sounds.make(site.switch.folder / "sounds")
    office = Office(
        tmp_path_factory.mktemp("killed"),
        site.controller_ports[0],
        site.switch.event_port,
        [row.document() for row in ROWS],
        other_port=site.controller_ports[1],
        settings=f"[dispatcher]\npoll_seconds = 0.2\nreconcile_seconds = 1\n{LOCKOUTS}",
        records=site.switch.records,
        # Where a controller's address is not known, the switch's own list counts: the first first.
        host="0.0.0.0",
        price_lists=[{"name": "usual", "currency": "USD"}],
        rates=RATES,
        accounts=[
            {"extension": row.extension, "currency": "USD", "price_list": "usual"} for row in ROWS
        ],
    )
    phones = Phones(
        tmp_path_factory.mktemp("phones"), site.sipp, site.switch.sip_port, site.carriers
    )
    legs = HangupWatch(site.switch.event_port, PASSWORD)
    try:
        made = Desk(site, office, phones, legs)
        made.make()
        site.switch.wait_idle()
        yield made
    finally:
        site.switch.api("hupall")
        phones.close()
        legs.close()
        office.close()


def test_o5_one_controller_held_all_of_them_when_it_died(desk: Desk) -> None:
    """O5: none was over, people rang and talked, and the other one had nothing to do."""
    assert desk.ended == desk.hung_up == []
    assert all(line.endswith(" 0.0") for line in desk.others if line.startswith("kind="))


@pytest.mark.parametrize("row", ROWS[:-1], ids=NAMES)
def test_o5_the_caller_hears_what_he_was_asked_again(desk: Desk, row: Row) -> None:
    """O4, O5, A3, D1: and never the password once it was given; the call goes on to its end."""
    call = desk.calls[row]
    names = [name for name in call.phone.media.names() if not name.startswith(COUNTED)]
    assert [name for name, _ in groupby(names)] == row.heard
    assert names.count(ASK_PIN) == (4 if row is AT_PASSWORD else 1)
    (request,) = desk.requests(row)
    assert (request["state"], request["outcome"]) == ("done", row.outcome)


@pytest.mark.parametrize("row", ROWS[:-1], ids=NAMES)
def test_o5_each_phone_sees_one_whole_call(desk: Desk, row: Row) -> None:
    """O5: called once, answered once; it is the switch that ends the caller's, and no other."""
    call = desk.calls[row]
    ends = call.phone.once("BYE")
    assert [end.sent for end in ends] == [False]
    (carrier, second) = desk.site.carriers
    assert not [n for n in second.called if n in (row.caller, row.destination())]
    assert carrier.called.count(row.caller) == 1
    called = [carrier.called.count(row.destination(n)) for n in range(2)]
    assert called == [1] * row.called + [0] * (2 - row.called)
    for far in call.fars:
        assert [end.sent for end in far.once("BYE")] == [True]


@pytest.mark.parametrize("row", ROWS[:-1], ids=NAMES)
def test_m7_o5_each_second_is_charged_once(desk: Desk, row: Row) -> None:
    """M4, M5, M7, O5: by the switch's own clock, whoever saw the end of a leg."""
    costs = desk.costs(row)
    assert desk.charges(row) == costs
    assert desk.entries(row)[-1]["left_after"] == row.cents * CENT - sum(costs.values())


def test_t1_o5_a_trigger_call_rings_as_long_as_it_should(desk: Desk) -> None:
    """T1, O5: X counts on, it is refused unanswered, and called back once."""
    for message, times in (("SIP/2.0 486", 1), ("SIP/2.0 183", 0), ("SIP/2.0 200", 0)):
        assert len(desk.trigger.messages(message)) == times
    assert is_about(lasted(desk.leg(desk.trigger), "Progress"), RINGS_S)
    assert desk.site.carriers[0].called.count(TRIGGER.caller) == 1
    (request,) = desk.requests(TRIGGER)
    assert (request["outcome"], request["joined"]) == ("busy", 0)


def test_d1_o5_the_time_to_dial_goes_on(desk: Desk) -> None:
    """D1, O4: the other controller does not begin it anew."""
    (request,) = desk.requests(AT_DEADLINE)
    lines = desk.other.show(request["id"])["transcript"]
    took = said_at(lines, "goodbye") - said_at(lines, "destination_enter")
    assert is_about(took.total_seconds(), DIALS_S)


def test_o5_a_conversation_does_not_notice(desk: Desk) -> None:
    """O5: it lasts until who was called hangs up."""
    for row in (RINGING, TALKING):
        far = desk.far(row)
        talked = far.messages("BYE")[0].at - far.messages("ACK")[0].at
        assert is_about(talked.total_seconds(), row.talk)
