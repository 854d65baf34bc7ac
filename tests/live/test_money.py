"""Calls on credit, on a real switch: who is cut when, who hears what, and what is in the ledger.

Most calls of the table are made at once. A second costs a cent.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from . import sounds
from .conftest import Site
from .eventsocket import Event, HangupWatch, lasted
from .media import Packet
from .net import wait_until
from .office import Office
from .phones import Phone, Phones
from .switch import PASSWORD
from .test_callback import ASK_NUMBER, GOODBYE, LATE_S, leg_of
from .test_conversation import MENU

CENT = 10_000
WARNING = "ivr/ivr-one_moment_please.wav"
OVER = "ivr/ivr-thank_you.wav"
#: The same to our ears as the file, and long enough to hear what else is heard meanwhile.
LONG_WARNING = f"tone_stream://%(1500,0,{sounds.pitch_of_name(WARNING)})"
#: What is hummed by who is called back, and by who is called.
NEAR_HZ, FAR_HZ = 250, 350
#: Return calls to the one cost nothing, to the other as much as destinations.
FREE, PAID = "305", "786"
#: Destinations: the usual, and those of which a minute and forty seconds are paid in any case.
USUAL, DEAR = "212", "646"
RATES = [
    {
        "price_list": "usual",
        "prefix": f"+1{area}",
        "since": "2026-01-01T00:00:00Z",
        "per_minute": 60 * price,
        **more,
    }
    for area, price, more in (
        (FREE, 0, {}),
        (PAID, CENT, {}),
        (USUAL, CENT, {}),
        (DEAR, 10 * CENT, {"first_block": 100}),
    )
]
#: What is said of 12.50 before and after a call of ten dollars, and of the 125 seconds it buys.
CENTS = ("currency/dollars.wav", "currency/and.wav", "digits/50.wav", "currency/cents.wav")
BEFORE = ("ivr/ivr-account_balance_is.wav", "digits/12.wav", *CENTS)
AFTER = ("ivr/ivr-account_balance_is.wav", "digits/2.wav", *CENTS)
MINUTES = ("callback/time_left_is.wav", "digits/2.wav", "time/minutes.wav")
TIME = (*MINUTES, "digits/5.wav", "time/seconds.wav")
#: The switch counts whole seconds of its clock, and looks every half second; where it is told of
#: an end by its controller, that one has counted whole seconds, too.
EARLY_S, CUT_LATE_S = 1.05, 1.5


@dataclass(frozen=True)
class Row:
    """An extension with an account, and who has himself called back by it.

    Attributes:
        cents: what is on the account; of the usual calls, so many seconds.
        more: what is added when the warning is heard.
        callers: how many, at the same moment; each is connected to a number of his own.
        rings: where they are.
        calls: where those are whom they call; None: they call nobody.
        asked: whether they are asked for the number.
        talk: how long whoever is called talks, seconds; None: until he is cut off.

    """

    place: int
    cents: int
    more: int = 0
    callers: int = 1
    rings: str = FREE
    calls: str | None = USUAL
    asked: bool = False
    talk: int | None = None
    settings: dict[str, Any] = field(default_factory=dict, hash=False)

    @property
    def extension(self) -> str:
        return f"8100{self.place:04}"

    @property
    def did(self) -> str:
        return f"1202557{self.place:03}0"

    def caller(self, which: int = 0) -> str:
        return f"1{self.rings}557{self.place:03}{which}"

    def destination(self, which: int = 0) -> str:
        return f"1{self.calls}557{self.place:03}{which}"

    def document(self) -> dict[str, Any]:
        """Give the extension, with who may ring it."""
        presets = [
            {} if self.asked else {f"+{self.did}": f"+{self.destination(n)}"} for n in range(9)
        ]
        return {
            "extension": self.extension,
            "dids": [f"+{self.did}"],
            "delay_seconds": 0,
            "warning_sound": WARNING,
            "sound_before_disconnecting": OVER,
            "authorised_callers": [
                {"number": f"+{self.caller(n)}", "presets": presets[n]} for n in range(self.callers)
            ],
            **self.settings,
        }


CUT = Row(1, 20, settings={"warning_seconds": 8, "warning_sound": LONG_WARNING})
TOPPED_UP = Row(2, 20, more=10, settings={"warning_seconds": 10})
ASKED = Row(
    3, 20, rings=PAID, calls=None, asked=True, settings={"minimum_credit": CENT, "dial_seconds": 60}
)
TWO = Row(4, 25, callers=2, talk=4)
TOLD = Row(
    5,
    1250,
    calls=DEAR,
    asked=True,
    talk=1,
    settings={"credit_query": True, "credit_query_again": True, "say_time_left": True},
)
KILLED = Row(6, 20, settings={"warning_seconds": 15})
#: Both legs are paid, and it is the policy that ends it.
SLEPT = Row(7, 500, rings=PAID, settings={"warning_seconds": 0, "longest_call_seconds": 26})
ROWS = (CUT, TOPPED_UP, ASKED, TWO, TOLD, KILLED, SLEPT)


@dataclass
class Call:
    """One callback of a row, from the trigger call to its end; its phones hear and tell."""

    row: Row
    which: int
    phone: Phone
    far: Phone | None
    trigger: Phone

    @property
    def destination(self) -> str:
        return self.row.destination(self.which)


class Desk:
    """Makes the calls, and knows what became of them."""

    def __init__(self, site: Site, office: Office, phones: Phones, legs: HangupWatch) -> None:
        self.site = site
        self.office = office
        self.phones = phones
        self.legs = legs
        self.calls: dict[Row, list[Call]] = {}
        #: Which controller is asked.
        self.answering = office.controller
        #: What the switch was to do when the caller who was topped up was warned again.
        self.tasks = ""

    def begin(self, row: Row) -> None:
        """Put money on the account, and let all its callers ring."""
        self.top_up(row, row.cents)
        scenario = "answer" if row.talk is None else "answer_and_hang_up"
        talk_ms = str(1000 * (row.talk or 0))
        made = self.calls.setdefault(row, [])
        for n in range(row.callers):
            phone = self.phones.expect(row.caller(n))
            far = None
            if row.calls is not None:
                far = self.phones.expect(row.destination(n), scenario, talk_ms=talk_ms)
            made.append(Call(row, n, phone, far, self.phones.ring(row.did, row.caller(n))))

    def top_up(self, row: Row, cents: int) -> None:
        """Add to a row's account; not by the controller that has its calls."""
        key = f"{row.place}/{cents}"
        self.office.controllers[1].top_up(row.extension, cents * CENT, key)

    def hear_warning(self, row: Row, times: int = 1) -> None:
        """Wait until the caller hears that the credit is nearly used."""
        self.calls[row][0].phone.media.wait_for(WARNING, times)

    def finish(self, row: Row) -> None:
        """Wait until the calls of a row are over, and charged."""
        for call in self.calls[row]:
            call.trigger.finish()
            # Of two, the phone of one need not ring.
            if row.callers == 1:
                call.phone.finish()
                if call.far is not None:
                    call.far.finish()
        self.office.over(row.extension, row.callers)
        self.wait_charged(row)

    def charges(self, row: Row) -> dict[str, int]:
        """Give what is in the ledger for calls: leg and micro-units."""
        return {
            line["key"].removeprefix("leg:"): -line["amount"]
            for line in self.answering.entries(row.extension)
            if line["kind"] == "call"
        }

    def wait_charged(self, row: Row, legs: int = 1) -> None:
        """Wait until so many legs of a row are in the ledger."""
        what = f"{row.extension} is charged"
        wait_until(what, lambda: len(self.charges(row)) >= legs, every=0.5)

    def left(self, row: Row) -> int:
        """Give the balance, which is the sum of all entries."""
        lines = self.answering.entries(row.extension)
        left = sum(int(line["amount"]) for line in lines)
        assert left == lines[-1]["left_after"] == self.answering.account(row.extension)["balance"]
        return left

    def leg(self, phone: Phone) -> Event:
        """Wait for the end of the leg to a phone."""
        return leg_of(self.legs, phone)

    def far_leg(self, row: Row) -> Event:
        """Wait for the end of a row's one destination."""
        (call,) = self.calls[row]
        assert call.far is not None
        return self.leg(call.far)


@pytest.fixture(scope="module")
def office(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """Two controllers, and what is on the accounts."""
    sounds.make(site.switch.folder / "sounds")
    folder = tmp_path_factory.mktemp("money")
    made = Office(
        folder,
        site.controller_ports[0],
        site.switch.event_port,
        [row.document() for row in ROWS],
        other_port=site.controller_ports[1],
        settings="[dispatcher]\npoll_seconds = 0.2\nreconcile_seconds = 1\n",
        records=site.switch.records,
        price_lists=[{"name": "usual", "currency": "USD"}],
        rates=RATES,
        accounts=[
            {"extension": row.extension, "currency": "USD", "price_list": "usual"} for row in ROWS
        ],
    )
    yield made
    made.close()


@pytest.fixture(scope="module")
def desk(site: Site, office: Office, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """Make all calls of the table, and see them through."""
    folder = tmp_path_factory.mktemp("phones")
    phones = Phones(folder, site.sipp, site.switch.sip_port, site.carriers)
    legs = HangupWatch(site.switch.event_port, PASSWORD)
    made = Desk(site, office, phones, legs)
    try:
        _make_calls(made)
        site.switch.wait_idle()
        yield made
    finally:
        site.switch.api("hupall")
        phones.close()
        legs.close()


def _make_calls(desk: Desk) -> None:
    rows, dying = (CUT, TOPPED_UP, ASKED, TWO, TOLD), (KILLED, SLEPT)
    for row in rows:
        desk.begin(row)
    _talk(*desk.calls[CUT])
    _be_told(*desk.calls[TOLD])
    desk.hear_warning(TOPPED_UP)
    desk.top_up(TOPPED_UP, TOPPED_UP.more)
    desk.hear_warning(TOPPED_UP, 2)
    desk.tasks = desk.site.switch.api("show tasks")
    for row in rows:
        if row is not TOPPED_UP:
            desk.finish(row)
    for row in dying:
        desk.begin(row)
    # The last of the others: when controllers die it is over.
    desk.finish(TOPPED_UP)
    _have_controllers_die(desk)


def _talk(call: Call) -> None:
    assert call.far is not None
    call.far.media.listen_for(NEAR_HZ)
    call.phone.media.listen_for(FAR_HZ)
    call.phone.hum(NEAR_HZ)
    call.far.hum(FAR_HZ)


def _be_told(call: Call) -> None:
    call.phone.media.wait_for(MENU)
    call.phone.media.dial("1")
    call.phone.media.wait_for(MENU, 2)
    call.phone.media.dial(f"{call.destination[1:]}#")


def _have_controllers_die(desk: Desk) -> None:
    first, other = desk.office.controllers
    (killed,), (slept,) = desk.calls[KILLED], desk.calls[SLEPT]
    assert slept.far is not None
    slept.far.wait_message("ACK")
    # It is heard when 15 s are left: after 5.
    desk.hear_warning(KILLED)
    first.kill()
    desk.answering = other
    killed.phone.finish()
    desk.wait_charged(KILLED)
    other.kill()
    slept.phone.finish()
    first.start()
    desk.answering = first
    desk.wait_charged(SLEPT, 2)


def billed(leg: Event) -> int:
    """Count the seconds of a leg: whole ones, the nearest, one at least."""
    return max(1, int(lasted(leg, "Answered") + 0.5))


def assert_cut(desk: Desk, leg: Event, row: Row, seconds: int, early: float = EARLY_S) -> None:
    """M5, M7: ended by the switch when the money was used, and charged to the second."""
    assert leg["Hangup-Cause"] == "ALLOTTED_TIMEOUT"
    assert seconds - early < lasted(leg, "Answered") < seconds + CUT_LATE_S
    # A busy switch may be late: what was not held for is not charged.
    charge = CENT * min(billed(leg), seconds)
    assert desk.charges(row) == {leg["Unique-ID"]: charge}
    assert desk.left(row) == CENT * (row.cents + row.more) - charge


def most_hum(packets: list[Packet]) -> bool:
    """Tell whether a hum was heard, whatever a busy machine has lost of it."""
    return sum(packet.hum for packet in packets) > len(packets) / 2


def test_m5_the_destination_is_cut_when_the_credit_is_used(desk: Desk) -> None:
    """M5, M7: after 20 s; the caller alone hears the extension's sound, and is let go."""
    (call,) = desk.calls[CUT]
    assert_cut(desk, desk.far_leg(CUT), CUT, 20)
    assert call.phone.media.names() == [WARNING, OVER]
    assert call.far is not None
    assert call.far.media.names() == []
    (request,) = desk.office.requests(CUT.extension)
    assert (request["state"], request["outcome"]) == ("done", "completed")


def test_m6_the_caller_alone_hears_the_warning_and_both_hear_each_other(desk: Desk) -> None:
    """M6: eight seconds before the end, and the conversation goes on meanwhile."""
    (call,) = desk.calls[CUT]
    near, far = call.phone, call.far
    assert far is not None
    since = (near.media.times[0] - far.wait_message("ACK").at) / timedelta(seconds=1)
    assert 20 - 8 - 2 * EARLY_S < since < 20 - 8 + LATE_S
    warning = [packet for packet in near.media.all if packet.name == WARNING]
    assert most_hum(warning)
    begin, end = warning[0].at, warning[-1].at
    assert end - begin > timedelta(seconds=1)
    assert most_hum([packet for packet in far.media.all if begin < packet.at < end])


def test_m6_a_top_up_lets_the_call_run_on(desk: Desk) -> None:
    """M5, M6: by another controller, after ten seconds; the warning is given anew."""
    (call,) = desk.calls[TOPPED_UP]
    assert_cut(desk, desk.far_leg(TOPPED_UP), TOPPED_UP, 30, 2 * EARLY_S)
    assert call.phone.media.names() == [WARNING, WARNING, OVER]
    for leg in (desk.far_leg(TOPPED_UP), desk.leg(call.phone)):
        # Both legs' limits are later ones, and none before them is left.
        assert f",{leg['Unique-ID']}," not in desk.tasks
        (serial,) = set(re.findall(rf"\blimit_{leg['Unique-ID']}_(\d+)\b", desk.tasks))
        assert int(serial) > 1


def test_m5_the_return_leg_has_a_limit_of_its_own(desk: Desk) -> None:
    """M3, M5: whoever is asked for a number is cut, too."""
    (call,) = desk.calls[ASKED]
    assert_cut(desk, desk.leg(call.phone), ASKED, 20)
    assert call.phone.media.names()[0] == ASK_NUMBER
    (request,) = desk.office.requests(ASKED.extension)
    assert request["outcome"] == "credit_over"


def test_m3_of_two_at_once_on_the_credit_of_one_one_is_connected(desk: Desk) -> None:
    """M3, M4: what one holds the other has not; afterwards what was not used is there again."""
    called = [
        leg
        for leg in desk.legs.legs("destination")
        if leg["Caller-Destination-Number"].lstrip("+")[:-1] == TWO.destination()[:-1]
    ]
    assert len(called) == 1
    (leg,) = called
    assert desk.charges(TWO) == {leg["Unique-ID"]: CENT * billed(leg)}
    assert desk.left(TWO) == CENT * (TWO.cents - billed(leg))
    outcomes = sorted(str(r["outcome"]) for r in desk.office.requests(TWO.extension))
    assert outcomes == ["completed", "no_credit"]


def test_c2_d6_the_caller_hears_his_credit_and_how_long_it_lasts(desk: Desk) -> None:
    """C1, C2, D6: by the figures that he is charged by, and again what is left of it."""
    (call,) = desk.calls[TOLD]
    assert call.phone.media.names() == [MENU, *BEFORE, MENU, *TIME, *AFTER, GOODBYE]
    leg = desk.far_leg(TOLD)
    assert desk.charges(TOLD) == {leg["Unique-ID"]: 1000 * CENT}
    assert desk.left(TOLD) == 250 * CENT


def test_m5_a_dead_controller_changes_nothing(desk: Desk) -> None:
    """M5, M7: SIGKILL after 5 s; cut after 20, the sound is heard, and another one charges."""
    (call,) = desk.calls[KILLED]
    assert_cut(desk, desk.far_leg(KILLED), KILLED, 20)
    assert call.phone.media.names() == [WARNING, OVER]
    assert call.far is not None
    assert call.far.media.names() == []


def test_m7_what_no_controller_saw_is_charged_by_the_switchs_records(desk: Desk) -> None:
    """M5, M7: none is there at the end: the dialplan plays the sound; exact when one is back."""
    (call,) = desk.calls[SLEPT]
    far, near = desk.far_leg(SLEPT), desk.leg(call.phone)
    assert far["Hangup-Cause"] == "ALLOTTED_TIMEOUT"
    assert 26 - EARLY_S < lasted(far, "Answered") < 26 + CUT_LATE_S
    assert call.phone.media.names() == [OVER]
    charges = {leg["Unique-ID"]: CENT * billed(leg) for leg in (far, near)}
    assert desk.charges(SLEPT) == charges
    assert desk.left(SLEPT) == CENT * SLEPT.cents - sum(charges.values())
    for leg in charges:
        assert desk.answering.ask(f"/calls/{leg}")["source"] == "record"
