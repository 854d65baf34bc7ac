"""Calls on credit, on a real switch: who is cut when, who hears what, and what is in the ledger.

All calls of the table are made at once, but for one: its controller dies. A second costs a cent.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest

from . import sounds
from .conftest import Site
from .eventsocket import Event, HangupWatch, lasted
from .net import wait_until
from .office import Office
from .phones import Phone, Phones
from .switch import PASSWORD
from .test_callback import ASK_NUMBER, GOODBYE, is_about

CENT = 10_000
WARNING = "ivr/ivr-one_moment_please.wav"
OVER = "ivr/ivr-thank_you.wav"
SORRY = "ivr/ivr-im_sorry.wav"
#: Return calls to the one cost nothing, to the other as much as destinations.
FREE, PAID = "305", "786"
RATES = [
    {
        "price_list": "usual",
        "prefix": f"+1{area}",
        "since": "2026-01-01T00:00:00Z",
        "per_minute": 60 * cents,
    }
    for area, cents in ((FREE, 0), (PAID, CENT), ("212", CENT))
]
#: The switch counts whole seconds of its clock, and looks every half second.
EARLY_S, LATE_S = 1.05, 1.5


@dataclass(frozen=True)
class Row:
    """An extension with an account, and who has himself called back by it.

    Attributes:
        cents: what is on the account: so many seconds.
        more: what is added when the warning is heard.
        callers: how many, at the same moment; each is connected to a number of his own.
        rings: where they are; `asked`: they are not connected but asked for a number.

    """

    place: int
    cents: int
    more: int = 0
    callers: int = 1
    rings: str = FREE
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
        return f"1212557{self.place:03}{which}"

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


CUT = Row(1, 20, settings={"warning_seconds": 8})
TOPPED_UP = Row(2, 20, more=10, settings={"warning_seconds": 10})
ASKED = Row(3, 20, rings=PAID, asked=True, settings={"dial_seconds": 60})
TWO = Row(4, 25, callers=2, talk=4)
KILLED = Row(5, 20, settings={"warning_seconds": 15})
ROWS = (CUT, TOPPED_UP, ASKED, TWO, KILLED)


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
        #: When the caller of a row heard the warning.
        self.warned: dict[Row, datetime] = {}
        self.calls: dict[Row, list[Call]] = {}

    def begin(self, row: Row) -> None:
        """Put money on the account, and let all its callers ring."""
        self.top_up(row, row.cents)
        scenario = "answer" if row.talk is None else "answer_and_hang_up"
        talk_ms = str(1000 * (row.talk or 0))
        made = self.calls.setdefault(row, [])
        for n in range(row.callers):
            phone = self.phones.expect(row.caller(n))
            far = None
            if not row.asked:
                far = self.phones.expect(row.destination(n), scenario, talk_ms=talk_ms)
            made.append(Call(row, n, phone, far, self.phones.ring(row.did, row.caller(n))))

    def top_up(self, row: Row, cents: int) -> None:
        """Add to a row's account."""
        amount = f"0.{cents:02}"
        self.office.controller.run("account", "top-up", row.extension, amount, "--order", "A-1")

    def hear_warning(self, row: Row) -> None:
        """Wait until the caller hears that the credit is nearly used."""
        self.calls[row][0].phone.media.wait_for(WARNING)
        self.warned[row] = datetime.now()  # noqa: DTZ005  (as SIPp's)

    def charges(self, row: Row) -> dict[str, int]:
        """Give what is in the ledger for calls: leg and micro-units."""
        return {
            line["key"].removeprefix("leg:"): -line["amount"]
            for line in self._entries(row)
            if line["kind"] == "call"
        }

    def wait_charged(self, row: Row) -> None:
        """Wait until a call of a row is in the ledger."""
        what = f"{row.extension} is charged"
        wait_until(what, lambda: bool(self.charges(row)), every=0.5)

    def left(self, row: Row) -> int:
        """Give the balance, which is the sum of all entries."""
        lines = self._entries(row)
        assert lines[-1]["left_after"] == sum(line["amount"] for line in lines)
        return int(lines[-1]["left_after"])

    def _entries(self, row: Row) -> list[dict[str, Any]]:
        path = f"/accounts?owner={row.extension}"
        (account,) = self.office.controller.ask(path)["items"]
        found = self.office.controller.ask(f"/accounts/{account['id']}/entries?limit=1000")
        items: list[dict[str, Any]] = found["items"]
        return items

    def leg(self, role: str, number: str) -> Event:
        """Wait for the end of a leg to a number."""

        def found() -> list[Event]:
            legs = self.legs.legs(role)
            return [
                leg for leg in legs if leg["Caller-Destination-Number"] in {number, f"+{number}"}
            ]

        wait_until(f"the {role} leg to {number} has ended", lambda: bool(found()))
        return found()[0]

    def far_leg(self, row: Row) -> Event:
        """Give the end of a row's one destination."""
        return self.leg("destination", row.destination())


@pytest.fixture(scope="module")
def desk(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """Make all calls of the table, and see them through."""
    sounds.make(site.switch.folder / "sounds")
    folder = tmp_path_factory.mktemp("money")
    office = Office(
        folder,
        site.controller_ports[0],
        site.switch.event_port,
        [row.document() for row in ROWS],
        settings="[dispatcher]\npoll_seconds = 0.2\n",
        price_lists=[{"name": "usual", "currency": "USD"}],
        rates=RATES,
        accounts=[
            {"extension": row.extension, "currency": "USD", "price_list": "usual"} for row in ROWS
        ],
    )
    phones = Phones(folder / "phones", site.sipp, site.switch.sip_port, site.carriers)
    legs = HangupWatch(site.switch.event_port, PASSWORD)
    made = Desk(site, office, phones, legs)
    try:
        _all_at_once(made)
        _with_a_controller_that_dies(made)
        site.switch.wait_idle()
        yield made
    finally:
        office.controller.stop()
        site.switch.api("hupall")
        phones.close()
        legs.close()


def _all_at_once(desk: Desk) -> None:
    for row in ROWS:
        if row is not KILLED:
            desk.begin(row)
    desk.hear_warning(TOPPED_UP)
    desk.top_up(TOPPED_UP, TOPPED_UP.more)
    desk.hear_warning(CUT)
    for row, calls in desk.calls.items():
        for call in calls:
            call.trigger.finish()
            call.phone.finish()
            if call.far is not None and row is not TWO:
                call.far.finish()
        desk.office.over(row.extension, row.callers)
        desk.wait_charged(row)


def _with_a_controller_that_dies(desk: Desk) -> None:
    desk.begin(KILLED)
    (call,) = desk.calls[KILLED]
    # It is heard when 15 s are left: after 5.
    desk.hear_warning(KILLED)
    desk.office.controller.kill()
    call.phone.finish()
    desk.office.controller.start()
    desk.wait_charged(KILLED)


def billed(leg: Event) -> int:
    """Count the seconds of a leg: whole ones, the nearest, one at least."""
    return max(1, int(lasted(leg, "Answered") + 0.5))


def assert_cut(desk: Desk, leg: Event, row: Row, seconds: int) -> None:
    """M5, M7: ended by the switch when the money was used, and charged to the second."""
    assert leg["Hangup-Cause"] == "ALLOTTED_TIMEOUT"
    assert seconds - EARLY_S < lasted(leg, "Answered") < seconds + LATE_S
    # A busy switch may be late: what was not held for is not charged.
    charge = CENT * min(billed(leg), seconds)
    assert desk.charges(row) == {leg["Unique-ID"]: charge}
    assert desk.left(row) == CENT * (row.cents + row.more) - charge


def test_m5_the_destination_is_cut_when_the_credit_is_used(desk: Desk) -> None:
    """M5, M6, M7: after 20 s; the caller alone hears the warning, and then the sound."""
    (call,) = desk.calls[CUT]
    assert_cut(desk, desk.far_leg(CUT), CUT, 20)
    assert call.phone.media.names() == [WARNING, OVER]
    assert call.far is not None
    assert call.far.media.names() == []
    answered = call.far.wait_message("ACK").at
    assert is_about((desk.warned[CUT] - answered) / timedelta(seconds=1), 20 - 8 - 0.5)
    (request,) = desk.office.requests(CUT.extension)
    assert (request["state"], request["outcome"]) == ("done", "completed")


def test_m6_a_top_up_lets_the_call_run_on(desk: Desk) -> None:
    """M5, M6: of ten seconds, after ten; the warning is given anew."""
    (call,) = desk.calls[TOPPED_UP]
    assert_cut(desk, desk.far_leg(TOPPED_UP), TOPPED_UP, 30)
    assert call.phone.media.names() == [WARNING, WARNING, OVER]


def test_m5_the_return_leg_has_a_limit_of_its_own(desk: Desk) -> None:
    """M3, M5: whoever is asked for a number is cut, too."""
    (call,) = desk.calls[ASKED]
    assert_cut(desk, desk.leg("return", ASKED.caller()), ASKED, 20)
    assert call.phone.media.names()[0] == ASK_NUMBER


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
    assert outcomes.count("completed") == 1


def test_m5_a_dead_controller_changes_nothing(desk: Desk) -> None:
    """M5, M7: SIGKILL after 5 s; cut after 20, told by the dialplan; exact when one is back."""
    (call,) = desk.calls[KILLED]
    assert_cut(desk, desk.far_leg(KILLED), KILLED, 20)
    assert call.phone.media.names() == [WARNING, SORRY, GOODBYE]
    assert call.far is not None
    assert call.far.media.names() == []
