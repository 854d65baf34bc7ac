"""By which trunk a call goes out on a real switch, when it goes on to the next, and what is kept.

Of each row of the table one callback is made, nearly all at once. Trunks for one area come before
those for the whole country, since their beginning is longer.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from controller.esl import commands
from controller.esl.events import Event, decode_event
from controller.metrics import Metrics
from controller.runtime.health import ChannelHealth
from controller.runtime.link_events import LINK_EVENTS, LINK_FILTERS

from . import sounds
from .carrier import SILENCE, Call
from .conftest import Site
from .eventsocket import EventSocket
from .net import HOST, wait_until
from .office import Office
from .phones import Phone, Phones
from .switch import PASSWORD
from .test_callback import ASK_NUMBER
from .trunks import Trunks, opened

RINGS = "305"
UNAVAILABLE = "503 Service Unavailable"
BROKEN = "NORMAL_TEMPORARY_FAILURE"
SAID_NOTHING = "PROGRESS_TIMEOUT"
#: Where a trunk that answers 302 says that the call should go.
SENT_ON = "19005550199"
HELPS, HELP_SHOWS = "911", "2025550166"
#: Every trunk that is made here, with what is set of it besides where its calls are sent.
OTHER_DAY = f"{datetime.now(UTC) + timedelta(days=3):%a}".lower()
CHANNELS: dict[str, dict[str, Any]] = {
    "broken": {"destinations": {"+1212": 0}},
    "silent": {"destinations": {"+1646": 0}, "progress_seconds": 1},
    "turned": {"destinations": {"+1415": 0}},
    "city": {"destinations": {"+1718": 0}},
    "closed": {"destinations": {"+1917": 0}, "hours": [f"{OTHER_DAY} 00:00-24:00"]},
    "off": {"destinations": {"+1512": 0}, "enabled": False},
    "narrow": {"destinations": {"+1347": 0}, "concurrent_calls": 1},
    "dying": {"destinations": {"+1929": 0}, "ping_seconds": 5},
    "wide": {"destinations": {"+1617": 0}, "priority": 1},
    "near": {"destinations": {"+16175550": 0}, "priority": 900},
    # For emergency calls only: no other goes out over it.
    "rescue": {"enabled": False, "caller_id_format": "national", "country": "US"},
}


@dataclass(frozen=True)
class Row:
    """An extension whose caller calls one number; `answers`: with what a trunk answers that.

    Attributes:
        ways: the trunks that are to be tried in turn, before those for the whole country.
        reached: those that an INVITE came to, in order; the last one carried the call.
        passed: those that were not to be used, and why.
        cause: why it came to an end.
        failed: the cause on each trunk that failed.
        rings: where the caller is; `returned`: what failed of the return call.
        when: after which others it is made.

    """

    place: int
    what: str
    area: str
    ways: tuple[str, ...]
    reached: tuple[str, ...]
    passed: dict[str, str] = field(default_factory=dict)
    answers: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    cause: str = "NORMAL_CLEARING"
    rings: str = RINGS
    returned: dict[str, str] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    when: str = "at once"

    @property
    def extension(self) -> str:
        return f"8000{self.place:04}"

    @property
    def did(self) -> str:
        return f"1202556{self.place:03}0"

    @property
    def caller(self) -> str:
        return f"1{self.rings}556{self.place:03}0"

    @property
    def destination(self) -> str:
        return f"1{self.area}555{self.place:04}"

    @property
    def talked(self) -> bool:
        return self.cause == "NORMAL_CLEARING"

    def document(self) -> dict[str, Any]:
        """Give the extension, with who may ring it."""
        presets = {f"+{self.did}": f"+{self.destination}"} if self.area else {}
        return {
            "extension": self.extension,
            "dids": [f"+{self.did}"],
            "delay_seconds": 0,
            "authorised_callers": [{"number": f"+{self.caller}", "presets": presets}],
            **self.settings,
        }


HELD = Row(10, "G3 there is a place", "347", ("narrow",), ("narrow",), when="held")
ROWS = (
    Row(1, "503", "212", ("broken",), ("broken", "pstn"), failed={"broken": BROKEN}),
    Row(
        2,
        "a trunk that swallows all",
        "646",
        ("silent",),
        ("silent", "pstn"),
        answers={"silent": SILENCE},
        failed={"silent": SAID_NOTHING},
    ),
    Row(
        3,
        "302, which nobody follows",
        "415",
        ("turned",),
        ("turned", "pstn"),
        answers={"turned": f"302 Moved Temporarily\nContact: <sip:{SENT_ON}@{HOST}:PORT>"},
        failed={"turned": "REQUESTED_CHAN_UNAVAIL"},
    ),
    Row(
        4,
        "486 is the last word",
        "718",
        ("city",),
        ("city",),
        answers={"city": "486 Busy Here"},
        failed={"city": "USER_BUSY"},
        cause="USER_BUSY",
    ),
    Row(
        5,
        "404 is the last word",
        "718",
        ("city",),
        ("city",),
        answers={"city": "404 Not Found"},
        failed={"city": "UNALLOCATED_NUMBER"},
        cause="UNALLOCATED_NUMBER",
    ),
    Row(
        6,
        "who rings to the end is rung no more",
        "718",
        ("city",),
        ("city",),
        failed={"city": "ALLOTTED_TIMEOUT"},
        cause="ALLOTTED_TIMEOUT",
        settings={"destination_ring_seconds": 5},
    ),
    Row(7, "outside its hours", "917", (), ("pstn",), passed={"closed": "closed"}),
    Row(8, "switched off", "512", (), ("pstn",), passed={"off": "off"}),
    Row(9, "the longest beginning comes first", "617", ("near", "wide"), ("near",)),
    HELD,
    Row(
        11,
        "G3 there is no place",
        "347",
        (),
        ("pstn",),
        passed={"narrow": "full"},
        when="while another is held",
    ),
    Row(12, "G3 there is a place again", "347", ("narrow",), ("narrow",), when="after that"),
    Row(
        13,
        "the switch says that it is down",
        "929",
        (),
        ("pstn",),
        passed={"dying": "down"},
        when="after it died",
    ),
    Row(
        14,
        "T8 the return call goes on after 503",
        "813",
        (),
        ("pstn",),
        rings="212",
        returned={"broken": BROKEN},
    ),
    Row(
        15,
        "T8 the return call goes on after 100 and nothing",
        "813",
        (),
        ("pstn",),
        rings="646",
        returned={"silent": SAID_NOTHING},
    ),
)
#: He hides his number, and his call asserts who he is, wherever else he calls.
HELPED = Row(
    20,
    "",
    "",
    ("rescue",),
    ("rescue",),
    settings={"hide_caller_id": True, "p_asserted_identity": True, "caller_id_name": "Anna Bell"},
)
ALL = {"pstn", "pstn2", *CHANNELS}


@dataclass
class Made:
    """What came of all rows."""

    site: Site
    trunks: Trunks
    office: Office
    calls: dict[str, list[Call]]
    kept: dict[str, dict[str, Any]]
    metrics: str
    log: str
    events: list[bytes]

    def reached(self, number: str) -> list[tuple[str, Call]]:
        """List the calls to a number in their order: the trunk, and the call."""
        found = [
            (name, call)
            for name, calls in self.calls.items()
            for call in calls
            if call.number == number
        ]
        return sorted(found, key=lambda pair: pair[1].invite.at)


class Link:
    """What a node's link is told of, on a connection that asks for the same."""

    def __init__(self, port: int) -> None:
        self._link = EventSocket(port, PASSWORD)
        asked = [commands.filter_events(*one) for one in LINK_FILTERS]
        for command in (*asked, commands.subscribe(LINK_EVENTS)):
            reply, _ = self._link.command(command.decode().strip())
            assert reply["Reply-Text"].startswith("+OK")

    def state(self, gateway: str) -> bytes:
        """Wait for the next event that tells the state of a gateway."""
        while True:
            headers, body = self._link.read()
            if headers.get("Content-Type") == "text/event-json":
                event = decode_event(body.encode())
                if (event.name, event.gateway) == ("CUSTOM", gateway):
                    return body.encode()

    def close(self) -> None:
        """Close the connection."""
        self._link.close()


@pytest.fixture(scope="module")
def made(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    """Make the callbacks of all rows."""
    trunks = Trunks(site, list(CHANNELS))
    folder = tmp_path_factory.mktemp("routing")
    country: list[dict[str, Any]] = [
        {"name": "pstn", "addresses": [f"{HOST}/32"], "destinations": {"+1": 0}},
        {"name": "pstn2", "destinations": {"+1": 0}, "priority": 20},
    ]
    settings = (
        f'[route]\nemergency_channel = "rescue"\nemergency_caller_id = "+1{HELP_SHOWS}"\n'
        "[dispatcher]\npoll_seconds = 0.2\n"
    )
    with opened(
        trunks,
        folder,
        [row.document() for row in (*ROWS, HELPED)],
        settings=settings,
        channels=[
            *country,
            *({"name": name, "proxy": trunks.proxy(name), **v} for name, v in CHANNELS.items()),
        ],
    ) as office:
        sounds.make(site.switch.folder / "sounds")
        phones = Phones(
            folder / "phones", site.sipp, site.switch.sip_port, list(trunks.carriers.values())
        )
        link = Link(site.switch.event_port)
        try:
            yield Everything(phones, trunks, office, link).make()
        finally:
            link.close()
            phones.close()


class Everything:
    """All calls of the table, each in its time."""

    def __init__(self, phones: Phones, trunks: Trunks, office: Office, link: Link) -> None:
        self.phones = phones
        self.trunks = trunks
        self.office = office
        self.link = link

    def make(self) -> Made:
        """Make them, and see them through."""
        office, carriers = self.office, self.trunks.carriers
        dying = up(office, "dying")
        assert dying == "1.0"
        carriers["dying"].pings = UNAVAILABLE
        carriers["broken"].refuses = UNAVAILABLE
        carriers["silent"].answers[caller_of(15)] = "100 Trying"
        for row in ROWS:
            for name, said in row.answers.items():
                at = str(carriers["pstn2"].port)
                carriers[name].answers[row.destination] = said.replace("PORT", at)
        returns = self.phones.expect(ROWS[0].caller, calls=len(ROWS))
        for row in ROWS:
            self.phones.connect(row.caller, returns)
        far = self.phones.expect(
            ROWS[0].destination,
            "answer_and_hang_up",
            calls=sum(row.talked and row is not HELD for row in ROWS),
            talk_ms="300",
        )
        for row in ROWS:
            if row.talked:
                self.phones.connect(row.destination, far)
        held = self.phones.expect(HELD.destination)
        rung = [row for row in ROWS if row.cause == "ALLOTTED_TIMEOUT"]
        for row in rung:
            self.phones.expect(row.destination, "no_answer")
        helped = self.phones.expect(HELPED.caller)
        self.phones.expect(HELPS, "answer_and_hang_up", talk_ms="300")

        triggers = [*self.ring("at once", "held"), self.phones.ring(HELPED.did, HELPED.caller)]
        held.wait_message("ACK")
        triggers += self.ring("while another is held")
        helped.media.wait_for(ASK_NUMBER)
        helped.media.dial(f"{HELPS}#")
        event = self.link.state("dying")
        wait_until("the trunk is down", lambda: up(office, "dying") == "0.0")
        triggers += self.ring("after it died")
        row = next(row for row in ROWS if row.when == "while another is held")
        kept = {row.extension: self.over(row)}
        end_leg(self.trunks.site, HELD.destination)
        kept[HELD.extension] = self.over(HELD)
        triggers += self.ring("after that")
        carriers["dying"].pings = "200 OK"
        for phone in triggers:
            phone.finish()
        kept |= {row.extension: self.over(row) for row in (*ROWS, HELPED)}
        self.trunks.site.switch.wait_idle()
        events = [event, self.link.state("dying")]
        wait_until("the trunk is up", lambda: up(office, "dying") == "1.0")
        return Made(
            self.trunks.site,
            self.trunks,
            office,
            {name: carrier.calls for name, carrier in carriers.items()},
            kept,
            office.controller.fetch("/metrics"),
            office.controller.log.read_text("utf-8"),
            events,
        )

    def ring(self, *when: str) -> list[Phone]:
        """Make the trigger calls of those whose time it is."""
        calls = [(row.did, f'"Bob" <sip:{row.caller}@{HOST}>') for row in ROWS if row.when in when]
        return [self.phones.ring_all(calls)]

    def over(self, row: Row) -> dict[str, Any]:
        """Wait until the callback of a row is over, and give what is kept of it."""
        (callback,) = self.office.callbacks(row.extension)
        return callback


def caller_of(place: int) -> str:
    """Give who rings in a row."""
    return next(row.caller for row in ROWS if row.place == place)


def up(office: Office, channel: str) -> str | None:
    """Give whether a channel is up, as the metrics have it."""
    head = f'callbackd_channel_up{{channel="{channel}",node="fs1"}} '
    lines = office.controller.fetch("/metrics").splitlines()
    return next((line.removeprefix(head) for line in lines if line.startswith(head)), None)


def end_leg(site: Site, number: str) -> None:
    """Hang up the leg to a number, as the network would."""
    legs = site.switch.api("show channels").splitlines()
    # Their names are in the fifth column.
    rows = [leg.split(",") for leg in legs if leg.count(",") > 4]
    (uuid,) = [row[0] for row in rows if number in row[4]]
    assert site.switch.api(f"uuid_kill {uuid} NORMAL_CLEARING").startswith("+OK")


# --- the table -----------------------------------------------------------------------------------

each_row = pytest.mark.parametrize("row", ROWS, ids=[row.what for row in ROWS])


@each_row
def test_i4_a_call_goes_by_the_trunks_that_take_it_in_turn(made: Made, row: Row) -> None:
    """I4, G3, T8: which trunks see an INVITE, and in which order; each of them one."""
    assert [name for name, _ in made.reached(row.destination)] == list(row.reached)
    returned = [*row.returned, "pstn"]
    assert [name for name, _ in made.reached(row.caller)] == returned


@each_row
def test_i9_the_record_says_which_trunks_and_why(made: Made, row: Row) -> None:
    """I9, O3: the plan in its order, who was passed and why, what failed, who carried the call."""
    callback = made.kept[row.extension]
    assert callback["outcome"] == ("completed" if row.talked else "not_reached")
    (called,) = callback["destinations"]
    plan = called["plan"]
    assert [way["channel"] for way in plan["ways"]] == [*row.ways, "pstn", "pstn2"]
    passed = {one["channel"]: one["reason"] for one in plan["passed"]}
    reasons = dict.fromkeys(ALL - {*row.ways, "pstn", "pstn2"}, "not_its_number")
    assert passed == reasons | {"off": "off", "rescue": "off"} | row.passed
    assert called["causes"] == row.failed
    assert called["channel"] == (row.reached[-1] if row.talked else None)
    assert called["cause"] == row.cause
    (tried,) = callback["tries"]
    assert (tried["channel"], tried["causes"]) == ("pstn", row.returned)


def test_302_is_followed_nowhere(made: Made) -> None:
    """G1, G2: a trunk does not say where a call goes, at our cost."""
    assert made.reached(SENT_ON) == []


def test_an_emergency_call_goes_over_its_channel_with_its_number(made: Made) -> None:
    """D3, I6, I7: whoever calls hides nothing there; the number is dialled as it is."""
    ((name, call),) = made.reached(HELPS)
    assert name == "rescue"
    invite = call.invite
    assert invite.start == f"INVITE sip:{HELPS}@{made.trunks.proxy('rescue')} SIP/2.0"
    (from_,) = invite.headers("From")
    assert from_.partition(";")[0] == f'"{HELP_SHOWS}" <sip:{HELP_SHOWS}@{HOST}>'
    for header in ("P-Asserted-Identity", "P-Preferred-Identity", "Remote-Party-ID", "Privacy"):
        assert invite.headers(header) == []
    (called,) = made.kept[HELPED.extension]["destinations"]
    assert (called["number"], called["channel"], called["cause"]) == (
        HELPS,
        "rescue",
        "NORMAL_CLEARING",
    )
    assert called["plan"]["kind"] == "emergency"
    assert made.kept[HELPED.extension]["outcome"] == "completed"


def test_o3_what_a_link_is_told_of_a_gateway_is_known_at_once(made: Made) -> None:
    """O3: the switch tells by itself, and a node's link is told of it by what it asks for."""
    events = [decode_event(body) for body in made.events]
    assert [event.gateway_status for event in events] == ["DOWN", "UP"]
    health = ChannelHealth(channels=lambda: ["dying"], metrics=Metrics(), now=lambda: 0.0)
    health._usable["fs1"] = {"dying": True}
    known = [told(health, event) for event in events]
    assert known == [{"dying": "down"}, {}]


def told(health: ChannelHealth, event: Event) -> dict[str, str]:
    """Tell of an event; give what is wrong then."""
    health.told("fs1", event)
    return health.troubles("fs1", 0.0)


def test_o3_metrics_and_log_say_which_trunks_fail(made: Made) -> None:
    """O3, I4: a trunk that is down, and each failure by what it was; none of a person's."""
    failures = {
        line.partition("}")[0].partition("{")[2]: float(line.rpartition(" ")[2])
        for line in made.metrics.splitlines()
        if line.startswith("callbackd_channel_failures_total{")
    }
    assert failures == {
        'cause="failed",channel="broken"': 2.0,
        'cause="silent",channel="silent"': 2.0,
        'cause="full",channel="turned"': 1.0,
    }
    for said in ("channel_down", "channel_up"):
        (line,) = [line for line in made.log.splitlines() if f'"{said}"' in line]
        assert '"dying"' in line
