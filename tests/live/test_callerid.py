"""What a callee sees, on a real switch: the INVITEs as trunks get them, header by header.

Of each row of the table one callback is made, all at once: a trigger call, the return call, and
the destination that is preset for who rang. Each of them says of itself whatever headers can say,
and nothing of that may be seen by anybody else.
"""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from . import sounds
from .carrier import Call
from .conftest import Bench, Site
from .messages import Message
from .net import HOST, OTHER_HOST
from .office import Office
from .phones import Phone, Phones
from .test_callback import ASK_NUMBER, GOODBYE, NOT_ALLOWED, refused
from .trunks import Trunks, opened

# Numbers of the client's on the trunks, as ten digits; one that no extension has, and one that is
# taken away while its extension shows it.
ONE, TWO, THREE, FREE, LOST = ("2025550111", "2025550112", "2025550113", "2025550119", "2025550118")
ELSEWHERE, AT_HOME = "6465550121", "2125550131"
CONTACT, DOMAIN, ACCOUNT = "Acme Ltd.", "acme.example", "tollaccount"
OTHER_DOMAIN = "voice.example.org"
PREFERRED = "sip:switchboard@acme.example"
ON_CHANNELS = {
    "pstn": (ONE, TWO, THREE, FREE, LOST),
    "pstn2": (ELSEWHERE,),
    "home": (AT_HOME,),
}
# Which numbers go where: over the first trunk, the second, the first and then the second, one that
# wants them as they are dialled, and to the platform itself. And who rings.
FIRST, SECOND, BOTH, HOME, INSIDE = "212", "646", "718", "347", "917"
RINGS, RINGS_SECOND = "305", "415"

ANONYMOUS = "sip:anonymous@anonymous.invalid"
MALLORY = "Mallory"
# A number of those that only headers name.
TOLD = "404555019"
TELLTALES = (
    f'P-Asserted-Identity: "{MALLORY}" <sip:+1{TOLD}0@carrier.example>\n'
    f"P-Preferred-Identity: <sip:+1{TOLD}1@carrier.example>\n"
    f'Remote-Party-ID: "{MALLORY}" <sip:+1{TOLD}2@carrier.example>;party=calling;privacy=off\n'
    "Privacy: none\n"
    f"Diversion: <sip:+1{TOLD}3@carrier.example>;reason=unconditional\n"
    f"History-Info: <sip:+1{TOLD}4@carrier.example>;index=1\n"
    f"P-Charge-Info: <sip:+1{TOLD}5@carrier.example>\n"
    f"X-{MALLORY}: +1{TOLD}6\n"
    f"Subject: {MALLORY}\n"
)
# What says nothing of who calls. Any other header is one too many.
HARMLESS = {
    "Via", "Max-Forwards", "Call-ID", "CSeq", "User-Agent", "Allow", "Supported", "Allow-Events",
    "Session-Expires", "Min-SE", "Content-Type", "Content-Disposition", "Content-Length",
}  # fmt: skip


@dataclass(frozen=True)
class Seen:
    """What one INVITE is to show: the trunk, From, the identities, and by which rule (I9).

    `number`: as it is written there, or those of which one is; None is Anonymous. `asserted`: the
    domain of P-Asserted-Identity.
    """

    channel: str
    name: str
    number: str | tuple[str, ...] | None
    rule: str
    asserted: str | None = None
    preferred: bool = False

    @property
    def numbers(self) -> tuple[str, ...]:
        """Give the numbers of which one is shown."""
        return (self.number,) if isinstance(self.number, str) else self.number or ()


@dataclass(frozen=True)
class Row:
    """An extension, who rings it, whom he calls, and what is seen there.

    `calls`: how many ring at once. `dials`: no destination is preset. `hidden`: nobody knows who
    rings, and one number is called always.
    """

    place: int
    what: str
    settings: dict[str, Any]
    area: str
    seen: tuple[Seen, ...]
    rings: str = RINGS
    host: str = HOST
    calls: int = 1
    dials: bool = False
    hidden: bool = False
    #: What the return call shows besides the DID.
    returns: Seen = Seen("pstn", CONTACT, "", "T8")

    @property
    def extension(self) -> str:
        return f"7000{self.place:04}"

    @property
    def did(self) -> str:
        return f"202555{self.place:03}0"

    @property
    def callers(self) -> list[str]:
        return [f"{self.rings}555{self.place:03}{n}" for n in range(self.calls)]

    @property
    def destination(self) -> str:
        return f"{self.area}555{self.place:03}0"

    @property
    def from_(self) -> list[str]:
        if self.hidden:
            return [f'"Anonymous" <{ANONYMOUS}>']
        return [f'"Bob Ross" <sip:1{caller}@{HOST}>' for caller in self.callers]

    def document(self) -> dict[str, Any]:
        """Give the extension, with who may ring it."""
        presets = {} if self.dials else {f"+1{self.did}": f"+1{self.destination}"}
        listed = [{"number": f"+1{caller}", "presets": presets} for caller in self.callers]
        own: dict[str, Any] = {
            "extension": self.extension,
            "client": "acme",
            "dids": [f"+1{self.did}"],
            "caller_ids": [f"+1{ONE}"],
            "delay_seconds": 0,
            **self.settings,
        }
        if self.hidden:
            fixed = f"+1{self.callers[0]}"
            return {**own, "return_calls": "fixed", "fixed_number": fixed}
        return {**own, "authorised_callers": listed}


def e164(*numbers: str) -> list[str]:
    """Write ten digits as they are kept."""
    return [f"+1{number}" for number in numbers]


EQUIPMENT = {"caller_id_name_from": "equipment", "caller_id_number_from": "equipment"}
HIDDEN = {"hide_caller_id": True}
IDENTITIES = {"p_asserted_identity": True, "p_preferred_identity": PREFERRED}
BOTH_IDENTITIES = Seen("pstn", CONTACT, "", "T8", asserted=DOMAIN, preferred=True)

ROWS = (
    Row(
        1,
        "I1 custom, I4 the only number on the channel",
        {"caller_id_name": "Anna Bell"},
        FIRST,
        (Seen("pstn", "Anna Bell", f"1{ONE}", "I4"),),
        returns=Seen("pstn", "Anna Bell", "", "T8"),
    ),
    Row(
        2,
        "I1 custom and empty, I2 custom, I8 a number that no extension has",
        {
            "caller_id_number_from": "custom",
            "caller_id_number": f"+1{FREE}",
            "caller_ids": [],
        },
        FIRST,
        (Seen("pstn", CONTACT, f"1{FREE}", "I2"),),
    ),
    Row(
        3,
        "I1 all letters, I2 custom, the DID of another extension",
        {
            "caller_id_name": "Zoë & Jürgen (Köln) +1-a/b.",
            "caller_id_number_from": "custom",
            "caller_id_number": "+12025550010",
        },
        FIRST,
        (Seen("pstn", "Zoë & Jürgen (Köln) +1-a/b.", "12025550010", "I2"),),
        returns=Seen("pstn", "Zoë & Jürgen (Köln) +1-a/b.", "", "T8"),
    ),
    Row(
        4,
        "I1 server, I2 equipment",
        {"caller_id_name_from": "server", "caller_id_number_from": "equipment"},
        FIRST,
        (Seen("pstn", CONTACT, "13055550040", "I2"),),
    ),
    Row(
        5,
        "I1 equipment, I3 one of several",
        {"caller_id_name_from": "equipment", "caller_ids": e164(ONE, TWO)},
        FIRST,
        (Seen("pstn", "Bob Ross", (f"1{ONE}", f"1{TWO}"), "I3"),),
    ),
    Row(
        6,
        "I1 I2 equipment that nobody believes, as server",
        EQUIPMENT,
        FIRST,
        (Seen("pstn", CONTACT, f"1{ONE}", "I4"),),
        host=OTHER_HOST,
    ),
    Row(
        7,
        "I1 I2 equipment that is hidden, as server",
        EQUIPMENT,
        FIRST,
        (Seen("pstn", CONTACT, f"1{ONE}", "I4"),),
        dials=True,
        hidden=True,
    ),
    Row(
        8,
        "I2 equipment, written as it is dialled",
        {"caller_id_number_from": "equipment"},
        HOME,
        (Seen("home", CONTACT, "3055550080", "I2"),),
    ),
    Row(
        9,
        "I3 sticky",
        {"caller_ids": e164(ONE, TWO, THREE), "caller_id_choice": "sticky"},
        FIRST,
        (Seen("pstn", CONTACT, (f"1{ONE}", f"1{TWO}", f"1{THREE}"), "I3"),),
        calls=2,
    ),
    Row(
        10,
        "I4 I7 the channel that routes, after fail-over too",
        {"caller_ids": e164(ONE, ELSEWHERE), **IDENTITIES},
        BOTH,
        (
            Seen("pstn", CONTACT, f"1{ONE}", "I4", asserted=DOMAIN, preferred=True),
            Seen("pstn2", CONTACT, f"+1{ELSEWHERE}", "I4", asserted=OTHER_DOMAIN, preferred=True),
        ),
        returns=BOTH_IDENTITIES,
    ),
    Row(
        11,
        "I5 the default, of another channel",
        {"caller_ids": e164(ONE, TWO), "default_caller_id": f"+1{TWO}"},
        SECOND,
        (Seen("pstn2", CONTACT, f"+1{TWO}", "I5"),),
    ),
    Row(
        12,
        "I6 I7 hidden, identities left out",
        {**HIDDEN, **IDENTITIES},
        FIRST,
        (Seen("pstn", "Anonymous", None, "I6"),),
        returns=BOTH_IDENTITIES,
    ),
    Row(
        13,
        "I6 I7 hidden, P-Asserted-Identity sent as private",
        {**HIDDEN, **IDENTITIES},
        SECOND,
        (Seen("pstn2", "Anonymous", None, "I6", asserted=OTHER_DOMAIN),),
        returns=BOTH_IDENTITIES,
    ),
    Row(
        14,
        "I6 hidden, no identity is to be sent",
        {**HIDDEN, **EQUIPMENT},
        SECOND,
        (Seen("pstn2", "Anonymous", None, "I6"),),
    ),
    Row(
        15,
        "I6 I7 hidden, each channel as it says, after fail-over too",
        {**HIDDEN, "p_asserted_identity": True},
        BOTH,
        (
            Seen("pstn", "Anonymous", None, "I6"),
            Seen("pstn2", "Anonymous", None, "I6", asserted=OTHER_DOMAIN),
        ),
        returns=Seen("pstn", CONTACT, "", "T8", asserted=DOMAIN),
    ),
    Row(
        16,
        "I7 P-Asserted-Identity alone",
        {"p_asserted_identity": True},
        FIRST,
        (Seen("pstn", CONTACT, f"1{ONE}", "I4", asserted=DOMAIN),),
        returns=Seen("pstn", CONTACT, "", "T8", asserted=DOMAIN),
    ),
    Row(
        17,
        "I7 P-Preferred-Identity alone",
        {"p_preferred_identity": PREFERRED},
        FIRST,
        (Seen("pstn", CONTACT, f"1{ONE}", "I4", preferred=True),),
        returns=Seen("pstn", CONTACT, "", "T8", preferred=True),
    ),
    Row(
        18,
        "I7 nothing of all this to the platform itself",
        {**HIDDEN, **IDENTITIES, "caller_id_name": "Anna Bell"},
        INSIDE,
        (Seen("inside", "13055550180", "13055550180", "internal"),),
        returns=Seen("pstn", "Anna Bell", "", "T8", asserted=DOMAIN, preferred=True),
    ),
    Row(
        19,
        "I4 written as the channel wants it, T8 with a plus",
        {"caller_ids": e164(ONE, AT_HOME), "p_asserted_identity": True},
        HOME,
        (Seen("home", CONTACT, AT_HOME, "I4", asserted=DOMAIN),),
        rings=RINGS_SECOND,
        returns=Seen("pstn2", CONTACT, "", "T8", asserted=OTHER_DOMAIN),
    ),
    Row(
        20,
        "I6 hidden, over a trunk that knows us by a name",
        HIDDEN,
        HOME,
        (Seen("home", "Anonymous", None, "I6"),),
    ),
)
NOTHING_LEFT = Row(21, "", {"caller_ids": e164(LOST)}, FIRST, ())
DIALLED = Row(
    22,
    "",
    {"caller_ids": e164(ONE, ELSEWHERE), "further_calls": 3, **IDENTITIES},
    FIRST,
    (
        Seen("pstn", CONTACT, f"1{ONE}", "I4", DOMAIN, preferred=True),
        Seen("pstn2", CONTACT, f"+1{ELSEWHERE}", "I4", OTHER_DOMAIN, preferred=True),
        Seen("inside", "13055550220", "13055550220", "internal"),
    ),
    dials=True,
)
EVERY = (*ROWS, NOTHING_LEFT, DIALLED)
#: How numbers are written on each trunk.
WRITTEN = {"pstn": "1", "pstn2": "+1", "home": "99", "inside": "1"}
each_row = pytest.mark.parametrize("row", ROWS, ids=[row.what for row in ROWS])


@dataclass
class Made:
    """What came of all rows."""

    site: Site
    trunks: Trunks
    office: Office
    calls: dict[str, list[Call]]
    kept: dict[str, list[dict[str, Any]]]
    heard: list[str]

    def calls_to(self, number: str) -> list[tuple[str, Call]]:
        """List the calls to a number: the trunk, and the call."""
        return [
            (name, call)
            for name, calls in self.calls.items()
            for call in calls
            if call.number.endswith(number)
        ]


@pytest.fixture(scope="module")
def made(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    """Make the callbacks of all rows."""
    trunks = Trunks(site, ["home", "inside"])
    trunks.by_hand("inside")
    settings = (
        f'[route]\ndomain = "{DOMAIN}"\ninternal_gateway = "inside"\ninternal_lengths = [4]\n'
        f'internal_prefixes = ["+1{INSIDE}"]\n[channel_passwords]\nhome = "secret"\n'
    )
    folder = tmp_path_factory.mktemp("callerid")
    with opened(
        trunks,
        folder,
        [row.document() for row in EVERY],
        settings=settings,
        clients=[{"name": "acme", "contact_name": CONTACT}],
        channels=channels(trunks),
        numbers=[
            {"number": f"+1{number}", "channel": channel, "client": "acme"}
            for channel, numbers in ON_CHANNELS.items()
            for number in numbers
        ],
    ) as office:
        sounds.make(site.switch.folder / "sounds")
        phones = Phones(
            folder / "phones", site.sipp, site.switch.sip_port, list(trunks.carriers.values())
        )
        try:
            heard = make_all(phones, trunks, office)
            kept = {row.extension: office.callbacks(row.extension, row.calls) for row in ROWS}
            kept[NOTHING_LEFT.extension] = office.callbacks(NOTHING_LEFT.extension)
            site.switch.wait_idle()
            calls = {name: carrier.calls for name, carrier in trunks.carriers.items()}
        finally:
            phones.close()
        yield Made(site, trunks, office, calls, kept, heard)


def channels(trunks: Trunks) -> list[dict[str, Any]]:
    """Give the trunks as the operator has set them."""
    return [
        {
            "name": "pstn",
            "addresses": [f"{HOST}/32"],
            "trust_callers": True,
            "destinations": {f"+1{area}": 0 for area in (FIRST, BOTH, RINGS)},
        },
        {
            "name": "pstn2",
            "addresses": [f"{OTHER_HOST}/32"],
            "priority": 20,
            "number_format": "plus",
            "caller_id_format": "plus",
            "domain": OTHER_DOMAIN,
            "hidden_identity": "private",
            "destinations": {f"+1{area}": 0 for area in (SECOND, BOTH, RINGS_SECOND)},
        },
        {
            "name": "home",
            "proxy": trunks.proxy("home"),
            "username": ACCOUNT,
            "country": "US",
            "number_format": "national",
            "dial_prefix": "99",
            "caller_id_format": "national",
            "destinations": {f"+1{HOME}": 0},
        },
    ]


def make_all(phones: Phones, trunks: Trunks, office: Office) -> list[str]:
    """Ring for every row, and see the calls through; give what NOTHING_LEFT's caller heard."""
    with sqlite3.connect(office.data / "callbackd.sqlite3") as connection:
        # The commands refuse that while an extension shows it; calls look again all the same.
        connection.execute("UPDATE public_number SET client = NULL WHERE number = ?", e164(LOST))
    connection.close()
    listed = [row for row in ROWS if not row.dials]
    callers = [f"1{caller}" for row in listed for caller in row.callers]
    returns = phones.expect(callers[0], calls=len(callers), extra_headers=TELLTALES)
    for caller in callers:
        phones.connect(caller, returns)
        phones.connect(f"+{caller}", returns)
    answered = [
        WRITTEN[row.seen[-1].channel] + row.destination for row in ROWS for _ in row.callers
    ]
    far = phones.expect(
        answered[0],
        "answer_and_hang_up",
        calls=len(answered),
        extra_headers=TELLTALES,
        talk_ms="400",
    )
    for number in answered:
        phones.connect(number, far)
    for row in ROWS:
        if row.area == BOTH:
            trunks.carriers["pstn"].answers[f"1{row.destination}"] = "503 Service Unavailable"
    dialling = {row.place: phones.expect(f"1{row.callers[0]}") for row in ROWS if row.dials}
    lost = phones.expect(f"1{NOTHING_LEFT.callers[0]}")
    rung = [
        phones.ring_all(
            [
                (f"1{row.did}", from_)
                for row in (*ROWS, NOTHING_LEFT)
                if row.host == host
                for from_ in row.from_
            ],
            host=host,
            extra_headers=TELLTALES,
        )
        for host in (HOST, OTHER_HOST)
    ]
    for row in ROWS:
        if row.dials:
            dial(dialling[row.place], row.destination)
    for phone in (*rung, lost):
        phone.finish()
    return lost.media.names()


def dial(phone: Phone, number: str, after: int = 0) -> None:
    """Dial a number when it is asked for, after so many prompts."""
    phone.media.wait_for(ASK_NUMBER, after=after)
    phone.media.dial(f"{number}#")


# --- comparing -----------------------------------------------------------------------------------


def told(invite: Message) -> dict[str, list[str]]:
    """Give all that an INVITE says of who calls whom: every header but the harmless ones."""
    found: dict[str, list[str]] = {}
    for name, value in invite.pairs():
        if name not in HARMLESS:
            found.setdefault(name, []).append(value.partition(";tag=")[0])
    return found


def wanted(
    made: Made, extension: str, written: str, seen: Seen, shown: str
) -> dict[str, list[str]]:
    """Give all that it is to say. `shown`: the number of those that may be."""
    trunk = seen.channel
    address = ANONYMOUS if seen.number is None else f"sip:{shown}@{HOST}"
    own = f"sip:gw+{trunk}@{HOST}:{made.site.switch.sip_port};transport=udp;gw={trunk}"
    headers = {
        "From": [f'"{seen.name}" <{address}>'],
        "To": [f"<sip:{written}@{made.trunks.proxy(trunk)}>"],
        "Contact": [f"<{own}>"],
    }
    if seen.number is None:
        headers["Privacy"] = ["id"]
    if seen.asserted is not None:
        headers["P-Asserted-Identity"] = [f"<sip:{extension}@{seen.asserted}>"]
    if seen.preferred:
        headers["P-Preferred-Identity"] = [f"<{PREFERRED}>"]
    return headers


def check(made: Made, extension: str, written: str, seen: Seen, call: Call) -> str:
    """Compare one call with what is to be seen; give the number that it showed.

    `written`: the number that it is to, as it is written there.
    """
    assert call.invite.start == f"INVITE sip:{written}@{made.trunks.proxy(seen.channel)} SIP/2.0"
    shown = shown_in(call.invite)
    assert seen.number is None or shown in seen.numbers
    assert told(call.invite) == wanted(made, extension, written, seen, shown)
    return shown


def shown_in(invite: Message) -> str:
    """Read the number in From."""
    return invite.headers("From")[0].partition("sip:")[2].partition("@")[0]


def leaks(call: Call, *may: str) -> list[str]:
    """List what a call says, in any of its messages, that only others may know."""
    said = call.said()
    known = {
        *chain(*ON_CHANNELS.values()),
        *chain(*((row.did, row.destination, row.extension, *row.callers) for row in EVERY)),
    }
    secrets = {MALLORY, "Bob Ross", TOLD, ACCOUNT, "carrier.example"} | known
    return sorted(s for s in secrets if s.lower() in said.lower() and s not in may)


def national(number: str) -> str:
    """Give the ten digits of a number, however it is written."""
    return number[-10:]


# --- the table -----------------------------------------------------------------------------------


@each_row
def test_the_destination_sees_what_the_rule_says(made: Made, row: Row) -> None:
    """I1 to I7: every header of every INVITE; nothing besides, and nothing twice."""
    found = made.calls_to(row.destination)
    assert [name for name, _ in found] == [seen.channel for seen in row.seen for _ in row.callers]
    for seen in row.seen:
        written = WRITTEN[seen.channel] + row.destination
        shown = {
            check(made, row.extension, written, seen, call)
            for name, call in found
            if name == seen.channel
        }
        # I3: of several calls to one destination, where that is asked for.
        assert len(shown) == 1


@each_row
def test_the_return_call_shows_the_did_that_was_rung(made: Made, row: Row) -> None:
    """T8, I7: whatever the extension shows, or hides, where it calls."""
    for caller in row.callers:
        ((name, call),) = made.calls_to(caller)
        assert name == row.returns.channel
        seen = replace(row.returns, number=WRITTEN[name] + row.did)
        check(made, row.extension, WRITTEN[name] + caller, seen, call)


@each_row
def test_nobody_is_told_what_is_not_for_him(made: Made, row: Row) -> None:
    """I2, I6, G1: neither in a header, nor in the SDP, nor in what follows the INVITE."""
    extension = [row.extension] if row.settings.get("p_asserted_identity") else []
    for seen, (_, call) in zip(row.seen * row.calls, made.calls_to(row.destination), strict=True):
        shown = national(shown_in(call.invite))
        name = [seen.name] if seen.name == "Bob Ross" else []
        asserted = extension if seen.asserted else []
        assert leaks(call, row.destination, shown, *name, *asserted) == []
    for caller in row.callers:
        ((_, call),) = made.calls_to(caller)
        assert leaks(call, caller, row.did, *extension) == []


@each_row
def test_i9_what_was_shown_is_kept_with_the_callback(made: Made, row: Row) -> None:
    """I9: by which rule, on which channel, as it was written there; and what had failed before."""
    for callback in made.kept[row.extension]:
        assert (callback["state"], callback["outcome"]) == ("done", "completed")
        (called,) = callback["destinations"]
        assert called["number"] == f"+1{row.destination}"
        assert called["channel"] == row.seen[-1].channel
        failed = dict.fromkeys((seen.channel for seen in row.seen[:-1]), "NORMAL_TEMPORARY_FAILURE")
        assert called["causes"] == failed
        ways = called["plan"]["ways"]
        assert [way["channel"] for way in ways] == [seen.channel for seen in row.seen]
        for seen, way in zip(row.seen, ways, strict=True):
            assert way["shown"]["rule"] == seen.rule
            assert way["shown"]["hidden"] is (seen.number is None)
            shown = [
                shown_in(c.invite) for n, c in made.calls_to(row.destination) if n == seen.channel
            ]
            assert way["caller_id"] in (shown if seen.number else [""])
            if seen.rule == "I3":
                assert len(way["shown"]["pool"]) == len(seen.numbers)
            asserted = f"sip:{row.extension}@{seen.asserted}" if seen.asserted else ""
            assert way["p_asserted"] == asserted
            assert way["p_preferred"] == (PREFERRED if seen.preferred else "")
            assert way["tried"] or seen.channel == "inside"
        (tried,) = callback["tries"]
        assert tried["channel"] == row.returns.channel
        assert {way["shown"]["rule"] for way in tried["plan"]["ways"]} == {"T8"}


@each_row
def test_i9_a_dry_run_says_what_was_seen(made: Made, row: Row) -> None:
    """I9: who asks beforehand, without a call, is told what the trunks have got."""
    asked = {"extension": row.extension, "to": f"+1{row.destination}"}
    if not row.hidden:
        over = {HOST: "pstn", OTHER_HOST: "pstn2"}[row.host]
        asked |= {"caller": f"+1{row.callers[0]}", "name": "Bob Ross", "over": over}
    said = made.office.controller.ask(f"/explain/callerid?{urlencode(asked, quote_via=quote)}")
    assert said["answer"] is True
    assert [on["channel"] for on in said["channels"]] == [seen.channel for seen in row.seen]
    for seen, on in zip(row.seen, said["channels"], strict=True):
        assert (on["rule"], on["hidden"]) == (seen.rule, seen.number is None)
        assert on["written"] in (seen.numbers or (None,))
        if seen.number is not None:
            assert on["name"] == ("" if seen.rule == "internal" else seen.name)
        asserted = f"sip:{row.extension}@{seen.asserted}" if seen.asserted else None
        assert on["p_asserted_identity"] == asserted
        assert on["p_preferred_identity"] == (PREFERRED if seen.preferred else None)


def test_i2_where_nothing_is_left_to_show_nobody_is_called(made: Made) -> None:
    """I2, I9: the caller is told; the record says why, and how that was found."""
    assert made.calls_to(NOTHING_LEFT.destination) == []
    # A prompt that a busy machine breaks in two is heard twice.
    assert list(dict.fromkeys(made.heard)) == [NOT_ALLOWED, GOODBYE]
    (callback,) = made.kept[NOTHING_LEFT.extension]
    assert (callback["state"], callback["outcome"]) == ("done", "not_reached")
    (called,) = callback["destinations"]
    assert (called["channel"], called["cause"]) == (None, "no_caller_id")
    plan = called["plan"]
    assert (plan["refusal"], plan["ways"]) == ("no_caller_id", [])
    (passed,) = [one for one in plan["passed"] if one["reason"] == "no_caller_id"]
    assert passed["channel"] == "pstn"
    assert passed["tried"][-1]["rule"] == "I5"
    assert "is not the client's any more" in passed["tried"][-1]["said"]


# --- a whole conversation ------------------------------------------------------------------------

EMERGENCY = "callback/emergency_not_connected.wav"


def test_d4_each_of_several_destinations_that_are_dialled_sees_its_own(
    made: Made, bench: Bench
) -> None:
    """D3, D4, I4, I7: dialled on the keypad; and nobody is called for an emergency number."""
    row, carriers = DIALLED, made.trunks.carriers
    bench.phones.carriers[:] = carriers.values()
    caller = f"1{row.callers[0]}"
    phone = bench.phones.expect(caller)
    written = ("12125550220", "+16465550220", "5501")
    far = bench.phones.expect(
        written[0], "answer_and_hang_up", calls=3, talk_ms="300", extra_headers=TELLTALES
    )
    for number in written[1:]:
        bench.phones.connect(number, far)
    refused(bench.phones.ring(f"1{row.did}", caller))
    dial(phone, "911")
    phone.media.wait_for(EMERGENCY)
    heard = phone.media.names().index(EMERGENCY)
    for calls, number in enumerate(("2125550220", "6465550220", "5501"), 1):
        dial(phone, number, heard)
        far.wait_count("INVITE", calls)
        heard = len(phone.media.names())
    far.finish()
    phone.media.wait_for(ASK_NUMBER, after=heard)
    bench.switch.api("hupall")
    phone.finish()
    (callback,) = made.office.callbacks(row.extension)
    called = [one["number"] for one in callback["destinations"]]
    assert called == ["+12125550220", "+16465550220", "5501"]
    # The return call, and these.
    assert sum(len(carrier.calls) for carrier in carriers.values()) == 4
    for seen, number in zip(row.seen, written, strict=True):
        call = carriers[seen.channel].calls[-1]
        shown = check(made, row.extension, number, seen, call)
        asserted = [row.extension] if seen.asserted else []
        assert leaks(call, national(number), national(shown), *asserted) == []
    typed = [line["text"] for line in callback["transcript"] if line["what"] == "decided"]
    assert typed[0] == "emergency_not_connected"
