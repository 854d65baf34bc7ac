"""G1: INVITEs with what no number and no name holds, on a real switch: nothing else comes of them.

The raw bytes are those of abuse-cases.json and the `%0A` ones that other clients of the event
socket take for headers. For the time of these tests the switch expands `${api(…)}`, which ours do
not: what holds then holds on a shared one.
"""

import json
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests import abuse

from .conftest import Bench, Site
from .eventsocket import Event
from .hostile import Stranger
from .net import OTHER_HOST, wait_until
from .office import Office
from .test_callback import ASK_NUMBER, NOT_ALLOWED, refused

DID, OTHER_DID, THIRD_DID = "12025550140", "12025550141", "12025550142"
HONEST, NAMED, TYPIST = "16465550140", "17185550140", "19175550140"
FRIEND = "12125550160"
#: Variables that callers tried to set, and those that only a controller and our dialplan set.
FORGED = ("evil", "pin_ok", "origination_uuid", "execute_on_answer", "Event-Name", "callback_stage")
OURS = {"callback_leg": "trigger", "cb_hops": "x", "socket_resume": "true"}
#: All that our dialplan and a controller do on a call from outside.
APPLICATIONS = {
    "multiset",
    "unset",
    "ring_ready",
    "sched_hangup",
    "socket",
    "hangup",
    "sleep",
    "transfer",
}
FORGED_FROM = b'"Bob%0Avariable_pin_ok:%20true" <sip:+1212%0Avariable_evil:%20yes@h>'


@pytest.fixture(scope="module")
def office(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """One controller; the second trunk is one whose P-Asserted-Identity is believed."""
    shown = {"caller_id_name_from": "equipment"}
    extensions: list[dict[str, Any]] = [
        {"extension": "1040", "dids": [f"+{DID}"], **shown},
        {"extension": "1041", "dids": [f"+{OTHER_DID}"], **shown},
        {"extension": "1042", "dids": [f"+{THIRD_DID}"], "dial_seconds": 90},
    ]
    folder = tmp_path_factory.mktemp("office")
    made = Office(folder, site.controller_ports[0], site.switch.event_port, extensions)
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def expanding(site: Site) -> Iterator[None]:
    """Have the switch expand `${api(…)}`."""
    assert "is on" in site.switch.api("fsctl api_expansion on")
    try:
        yield
    finally:
        site.switch.api("fsctl api_expansion off")


def on_the_wire(value: str) -> list[bytes]:
    """Write a value as bytes of SIP: as it is, and with its odd bytes escaped."""
    plain = value.encode()
    escaped = quote(value, safe="+;=-.%").encode()
    # A line's end, a NUL or a quote would end the header: that is another message, no value.
    raw = [] if re.search(rb'[\r\n\0"]', plain) else [plain]
    return [*raw, *([escaped] if escaped not in raw else [])]


def kept(office: Office) -> dict[str, tuple[str | None, str | None, str | None]]:
    """Give what is kept of each trigger call: the outcome, what was said, the name; by its leg."""
    with sqlite3.connect(office.data / "callbackd.sqlite3") as store:
        rows = store.execute(
            "SELECT leg, outcome, said, last_name FROM callback_request"
        ).fetchall()
    return {leg: (outcome, said, name) for leg, outcome, said, name in rows}


def variables(bench: Bench, leg: str) -> dict[str, Any]:
    """Dump what a leg has."""
    dump: dict[str, Any] = json.loads(bench.switch.api(f"uuid_dump {leg} json"))
    return {name: value for name, value in dump.items() if name.startswith("variable_")}


def executed(bench: Bench, legs: list[Event]) -> dict[str, set[str]]:
    """Give the applications that ran on legs, with their arguments, by the switch's log."""
    log = (bench.switch.folder / "log" / "freeswitch.log").read_text("utf-8", "replace")
    found: dict[str, set[str]] = {}
    for leg in legs:
        lines = re.findall(rf"^{leg['Unique-ID']} EXECUTE .* (\w+)\((.*)\)$", log, re.MULTILINE)
        for name, argument in lines:
            found.setdefault(name, set()).add(argument)
    return found


def by_call(bench: Bench, calls: int) -> dict[str, Event]:
    """Wait until so many trigger legs have ended, and give them by their Call-IDs."""
    wait_until("all legs are over", lambda: len(bench.legs.legs("trigger")) >= calls)
    return {leg["variable_sip_call_id"]: leg for leg in bench.legs.legs("trigger")}


def logged(bench: Bench, leg: str, begins: str, text: str) -> str:
    """Have a leg write a text into the switch's log, and give what is there then."""
    said = bench.switch.api(f"uuid_broadcast {leg} 'log::ERR {text}' aleg")
    assert said.startswith("+OK"), said
    log = bench.switch.folder / "log" / "freeswitch.log"
    found: list[str] = []

    def there() -> bool:
        lines = log.read_text("utf-8", "replace").splitlines()
        # Not where the application itself is told of.
        found[:] = [line for line in lines if begins in line and "[ERR]" in line]
        return bool(found)

    wait_until("it is logged", there)
    return found[0][found[0].index(begins) :]


def nothing_forged(bench: Bench, legs: list[Event]) -> None:
    """Check that no call set a variable of ours, nor had anything done that is not ours."""
    for leg in legs:
        assert not {f"variable_{name}" for name in FORGED} & set(leg)
        assert {name: leg[f"variable_{name}"] for name in OURS} == OURS
    done = executed(bench, legs)
    assert set(done) <= APPLICATIONS
    # Of the dialplan's own ends; a controller's is no application.
    assert done.get("hangup", set()) <= {"USER_BUSY", "CALL_REJECTED"}
    assert {leg["Hangup-Cause"] for leg in legs} <= {"USER_BUSY", "CALL_REJECTED"}
    arguments = " ".join(text for texts in done.values() for text in texts)
    assert not re.search(
        r"evil|pin_ok|system|touch|sofia/gateway|\$\{(?!callback|cb_hops)", arguments
    )


def ring_all(bench: Bench, numbers: list[str]) -> tuple[dict[str, str], dict[str, int]]:
    """Ring with each number, in From and asserted; give the number and the end of each call."""
    said: dict[str, str] = {}
    trunk, trusted = Stranger(bench.switch.sip_port), Stranger(bench.switch.sip_port, OTHER_HOST)
    try:
        for place, case in enumerate(numbers):
            for how, user in enumerate(on_the_wire(abuse.written(case))):
                said[f"f{place}-{how}"] = said[f"p{place}-{how}"] = case
                trunk.invite(f"f{place}-{how}", DID, b'"Bob" <sip:%b@h>' % user)
                asserted = b'P-Asserted-Identity: "Bob" <sip:%b@h>\r\n' % user
                # Where the switch cannot read that, From counts: it is none to be called either.
                trusted.invite(f"p{place}-{how}", DID, b"<sip:+19005550101@h>", asserted)
        trunk.invite("forged", DID, FORGED_FROM)
        said["forged"] = "+1212%0Avariable_evil:%20yes"
        trunk.invite("rung", "%0Avariable_evil:%20yes", b"<sip:+12125550199@h>")
        trunk.invite("rung2", "${system(id)}", b"<sip:+12125550199@h>")
        ends = {**trunk.wait(), **trusted.wait()}
    finally:
        trunk.close()
        trusted.close()
    return said, ends


def test_g1_no_hostile_number_does_more_than_ring(
    bench: Bench, office: Office, expanding: None, tmp_path: Path
) -> None:
    """G1, T4, T10: through From, and through a P-Asserted-Identity that is believed."""
    evil = tmp_path / "evil"
    numbers = [*abuse.CASES["caller_id_number"], f"+1${{system(touch {evil})}}"]
    # Somebody else's call goes on meanwhile.
    phone = bench.phones.expect(HONEST)
    refused(bench.phones.ring(OTHER_DID, HONEST))
    phone.media.wait_for(ASK_NUMBER)
    (request,) = office.requests("1041")
    (attempt,) = office.tries(request["id"])
    before = variables(bench, attempt["id"])
    assert before["variable_app_disable_expand_variables"] == "true"

    said, ends = ring_all(bench, numbers)
    # What the switch cannot read it refuses by itself; nothing goes without an answer.
    assert set(ends) == {*said, "rung", "rung2"}
    assert set(ends.values()) <= {400, 404, 484, 486, 603}
    assert {ends["rung"], ends["rung2"]} <= {400, 404}
    rang = [call for call in said if ends[call] in {486, 603}]
    assert {said[call] for call in rang} == set(numbers)
    legs = by_call(bench, len(rang) + 1)
    hostile = [legs[call] for call in rang]
    nothing_forged(bench, hostile)
    wait_until("all are kept", lambda: len(kept(office)) >= len(rang) + 1)
    reasons = kept(office)
    for call in rang:
        outcome, quoted, name = reasons[legs[call]["Unique-ID"]]
        wanted = abuse.REASONS.get(said[call], "not_digits")
        # Of a header that the switch makes no variable of, only that it was there is known.
        unread = {"hidden", "costly_number"} if call.startswith("p") else set()
        assert outcome in {wanted, *unread}, (call, said[call], outcome)
        assert name is None
        assert (quoted is not None) == (outcome in {"not_digits", "not_a_number"})
        assert quoted is None or (quoted.isascii() and quoted.isprintable() and len(quoted) <= 100)
    after = variables(bench, attempt["id"])
    # A sentence may have ended since; what the call is, and may do, is as it was.
    own = ("playback_", "current_", "total_loops", "sound_prefix")
    changed = {name for name in {*before, *after} if before.get(name) != after.get(name)}
    assert {name for name in changed if not name.removeprefix("variable_").startswith(own)} == set()
    phone.media.dial("9005550100#")
    phone.media.wait_for(NOT_ALLOWED)
    bench.switch.api(f"uuid_kill {attempt['id']}")
    phone.finish()
    assert [number for carrier in bench.site.carriers for number in carrier.called] == [HONEST]
    assert not evil.exists()


def test_g1_no_hostile_name_is_more_than_none(
    bench: Bench, office: Office, expanding: None, tmp_path: Path
) -> None:
    """G1, I1: who has one is called back as ever, and nobody sees it."""
    evil = tmp_path / "evil"
    names = [*abuse.NAMES, f"${{system(touch {evil})}}", f"$${{system(touch {evil})}}"]
    phone, far = bench.phones.expect(NAMED), bench.phones.expect(FRIEND, "busy")
    trunk = Stranger(bench.switch.sip_port)
    try:
        for place, name in enumerate(names):
            for how, written in enumerate(on_the_wire(name)):
                from_ = b'"%b" <sip:+%b@h>' % (written, NAMED.encode())
                trunk.invite(f"n{place}-{how}", DID, from_)
        ends = trunk.wait()
    finally:
        trunk.close()
    assert set(ends.values()) == {486}
    legs = by_call(bench, len(ends))
    nothing_forged(bench, list(legs.values()))
    phone.media.wait_for(ASK_NUMBER)
    (request,) = [r for r in office.requests("1040") if r["caller"] == f"+{NAMED}"]
    (attempt,) = office.tries(request["id"])
    returned = variables(bench, attempt["id"])
    assert returned["variable_callback_leg"] == "return"
    assert not {"variable_evil", "variable_pin_ok", "variable_Event-Name"} & set(returned)
    # On a leg of ours an argument is text, also while the switch expands; without that it is not.
    text = f"first-${{callback_leg}}-${{system(touch {evil})}}"
    assert logged(bench, attempt["id"], "first-", text) == text
    bench.switch.api(f"uuid_setvar {attempt['id']} app_disable_expand_variables")
    assert logged(bench, attempt["id"], "second-", "second-${callback_leg}") == "second-return"
    bench.switch.api(f"uuid_setvar {attempt['id']} app_disable_expand_variables true")
    phone.media.dial(f"{FRIEND[1:]}#")
    invite = far.wait_message("INVITE")
    assert invite.headers("From")[0].startswith('"12025550111" <')
    far.finish()
    bench.switch.api(f"uuid_kill {attempt['id']}")
    phone.finish()
    assert not evil.exists()


def test_g1_hostile_digits_are_told_to_be_wrong(bench: Bench, office: Office) -> None:
    """G1, D2, D3: row after row of keys; it is asked anew, and nobody is called."""
    phone = bench.phones.expect(TYPIST)
    refused(bench.phones.ring(THIRD_DID, TYPIST))
    phone.media.wait_for(ASK_NUMBER)
    for digits in abuse.DIGITS:
        phone.media.dial(digits + "#", pause=0.04)
    # It is asked anew, as often as something was wrong.
    phone.media.wait_for(ASK_NUMBER, 2)
    (request,) = office.requests("1042")
    (attempt,) = office.tries(request["id"])
    bench.switch.api(f"uuid_kill {attempt['id']}")
    phone.finish()
    assert [number for carrier in bench.site.carriers for number in carrier.called] == [TYPIST]
