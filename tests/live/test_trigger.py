"""Who is called back, when and how often: what follows from a trigger call, on a real switch."""

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest

from .conftest import Bench, Site
from .controllers import COMMAND, ROOT
from .eventsocket import EventSocket
from .net import HOST, OTHER_HOST, free_ports, wait_until
from .office import Office
from .phones import Phone
from .switch import PASSWORD
from .test_callback import ASK_NUMBER, is_about, leg_of, rang, refused, shown_number

# One that is called and rings nobody, and one that never is.
FRIEND = "12125550160"
ANONYMOUS = '"Anonymous" <sip:anonymous@anonymous.invalid>'
MARK = "callback_sent_"


@dataclass(frozen=True)
class Line:
    """The extension of one test, its DID, and numbers that ring no other."""

    place: int

    @property
    def extension(self) -> str:
        return f"10{self.place:02}"

    @property
    def did(self) -> str:
        return f"120255501{self.place:02}"

    @property
    def callers(self) -> list[str]:
        return [f"1{area}55501{self.place:02}" for area in (646, 718, 917, 347)]


(REFUSED, BELIEVED, EARLY, IGNORED, AGAIN, FIXED, HIDDEN, LISTED, BUSY, MARKED, DEAD, STOPPED) = (
    Line(place) for place in range(12)
)
SETTINGS: dict[Line, dict[str, Any]] = {
    REFUSED: {"ring_seconds": 2},
    BELIEVED: {},
    EARLY: {"ring_seconds": 10, "early_hang_up": "callback", "early_hang_up_seconds": 2},
    IGNORED: {"ring_seconds": 10},
    AGAIN: {"ring_seconds": 6, "delay_seconds": 2},
    FIXED: {"return_calls": "fixed", "fixed_number": f"+{FRIEND}"},
    HIDDEN: {},
    LISTED: {
        "return_calls": "authorized",
        "authorised_callers": [
            {"number": f"+{LISTED.callers[0]}", "callback_number": f"+{FRIEND}"},
            {"number": f"+{LISTED.callers[1]}"},
            {"number": f"+{LISTED.callers[2]}", "enabled": False},
        ],
    },
    BUSY: {"retries_busy": 1, "retry_seconds": 5},
    MARKED: {},
    DEAD: {"delay_seconds": 3},
    STOPPED: {"longest_call_seconds": 60, "return_ring_seconds": 60},
}


@pytest.fixture(scope="module")
def office(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """One controller for all of these tests."""
    extensions = [
        {"extension": line.extension, "dids": [f"+{line.did}"], **settings}
        for line, settings in SETTINGS.items()
    ]
    folder = tmp_path_factory.mktemp("office")
    made = Office(folder, site.controller_ports[0], site.switch.event_port, extensions)
    try:
        yield made
    finally:
        made.controller.stop()


def seconds(first: str, then: str) -> float:
    """Give the time between two moments that the controller kept."""
    return (datetime.fromisoformat(then) - datetime.fromisoformat(first)).total_seconds()


def after(bench: Bench, call: Phone, attempt: dict[str, Any]) -> float:
    """Give how long after a trigger call a return call was begun, by the switch's own clock."""
    ended = leg_of(bench.legs, call)["Caller-Channel-Hangup-Time"]
    begun = bench.legs.wait_where("Unique-ID", attempt["id"])["Caller-Channel-Created-Time"]
    return (int(begun) - int(ended)) / 1_000_000


def called(bench: Bench) -> list[str]:
    """List the numbers that were called over any trunk, in order of the alphabet."""
    return sorted(number for carrier in bench.site.carriers for number in carrier.called)


def marks(bench: Bench) -> set[str]:
    """Give the marks of attempts that the switch has, with their values."""
    return {line for line in bench.switch.api("global_getvar").splitlines() if MARK in line}


def test_t1_the_trunk_says_with_which_code_it_is_refused(bench: Bench, office: Office) -> None:
    """T1, T5, T8: 486, or 603 where the trunk is set so; and X and the delay are kept."""
    busy, rejected = REFUSED.callers[:2]
    phones = [bench.phones.expect(number, "busy") for number in (busy, rejected)]
    calls = {
        "486": bench.phones.ring(REFUSED.did, busy),
        "603": bench.phones.ring(REFUSED.did, rejected, host=OTHER_HOST, refusal="603"),
    }
    for code, call in calls.items():
        refused(call, code)
        assert is_about(rang(bench, call), 2)
    for phone in phones:
        phone.finish()
        assert shown_number(phone.wait_message("INVITE")) == REFUSED.did
    causes = {leg["Hangup-Cause"] for leg in bench.legs.legs("trigger")}
    assert causes == {"USER_BUSY", "CALL_REJECTED"}
    became = office.outcomes(REFUSED.extension, 2)
    assert became == {f"+{busy}": "busy", f"+{rejected}": "busy"}
    for request in office.requests(REFUSED.extension):
        # The delay, from the refusal on.
        assert seconds(request["created"], request["due"]) == 1
        (only,) = office.tries(request["id"])
        assert seconds(request["due"], only["begun"]) >= 0
        call = calls["486" if request["caller"] == f"+{busy}" else "603"]
        assert after(bench, call, only) > 0


def test_t1_a_second_try_is_refused_at_once_and_joins(bench: Bench, office: Office) -> None:
    """T1, T5, T6: within 10 s of the refusal; the delay counts from the end of the last call."""
    caller = AGAIN.callers[0]
    phone = bench.phones.expect(caller, "busy")
    first = bench.phones.ring(AGAIN.did, caller)
    refused(first)
    assert is_about(rang(bench, first), 6)
    second = bench.phones.ring(AGAIN.did, caller)
    refused(second)
    assert rang(bench, second) < 5
    phone.finish()
    (only,) = office.over(AGAIN.extension)
    assert (only["joined"], only["attempts"], only["outcome"]) == (1, 1, "busy")
    # From the second one's end, and not from the first one's.
    assert seconds(only["created"], only["due"]) > 2
    (attempt,) = office.tries(only["id"])
    assert after(bench, second, attempt) > 0
    assert seconds(only["due"], attempt["begun"]) >= 0
    assert called(bench) == [caller]


def test_t2_who_hangs_up_before_x_gets_what_is_set(bench: Bench, office: Office) -> None:
    """T2, T10: nothing by default; a callback, where that is set, after N seconds of ringing."""
    patient, hasty, ignored = EARLY.callers[0], EARLY.callers[1], IGNORED.callers[0]
    phone = bench.phones.expect(patient, "busy")
    cancelled = "trigger_cancelled"
    calls = [
        bench.phones.ring(EARLY.did, patient, cancelled, ring_ms="3000"),
        bench.phones.ring(EARLY.did, hasty, cancelled, ring_ms="200"),
        bench.phones.ring(IGNORED.did, ignored, cancelled, ring_ms="3000"),
    ]
    for call in calls:
        call.finish()
    phone.finish()
    became = office.outcomes(EARLY.extension, 2)
    assert became == {f"+{patient}": "busy", f"+{hasty}": "hung_up_early"}
    (request,) = [r for r in office.requests(EARLY.extension) if r["outcome"] == "busy"]
    (attempt,) = office.tries(request["id"])
    # From the end of the call, and not from that of X.
    assert is_about(after(bench, calls[0], attempt), 1)
    assert office.outcomes(IGNORED.extension) == {f"+{ignored}": "hung_up_early"}
    assert called(bench) == [patient]


def test_t3_only_who_is_listed_is_called_and_where_the_list_says(
    bench: Bench, office: Office
) -> None:
    """T3, T10: `authorized`: his own callback number, or the one that rang; nobody else."""
    elsewhere, here, off, unknown = LISTED.callers
    phones = [bench.phones.expect(number, "busy") for number in (FRIEND, here)]
    for call in [bench.phones.ring(LISTED.did, caller) for caller in LISTED.callers]:
        refused(call)
        assert is_about(rang(bench, call), 1)
    for phone in phones:
        phone.finish()
    assert office.outcomes(LISTED.extension, 4) == {
        f"+{elsewhere}": "busy",
        f"+{here}": "busy",
        f"+{off}": "not_authorised",
        f"+{unknown}": "not_authorised",
    }
    assert called(bench) == sorted([FRIEND, here])


def test_t4_a_hidden_caller_is_called_back_at_a_fixed_number_only(
    bench: Bench, office: Office
) -> None:
    """T3, T4, T10: whatever P-Asserted-Identity says, also on a trunk that is trusted in that."""
    caller = HIDDEN.callers[0]
    headers = f"P-Asserted-Identity: <sip:+{caller}@{HOST}>\nPrivacy: id\n"
    phone = bench.phones.expect(FRIEND, "busy")
    for call in [
        bench.phones.ring(
            line.did,
            caller,
            host=OTHER_HOST,
            refusal="603",
            from_=ANONYMOUS,
            extra_headers=headers,
        )
        for line in (HIDDEN, FIXED)
    ]:
        # Who gets no callback hears no difference.
        refused(call, "603")
        assert is_about(rang(bench, call), 1)
    phone.finish()
    assert office.outcomes(FIXED.extension) == {None: "busy"}
    assert office.outcomes(HIDDEN.extension) == {None: "hidden"}
    assert called(bench) == [FRIEND]


def test_t4_p_asserted_identity_counts_where_the_trunk_is_trusted(
    bench: Bench, office: Office
) -> None:
    """T4: From and P-Asserted-Identity name two numbers; which one is called says the trunk."""
    said, asserted, believed, ignored = BELIEVED.callers
    phones = [bench.phones.expect(number, "busy") for number in (asserted, believed)]
    trusted = f"P-Asserted-Identity: <sip:+{asserted}@{HOST}>\n"
    other = f"P-Asserted-Identity: <sip:+{ignored}@{HOST}>\n"
    calls = {
        "603": bench.phones.ring(
            BELIEVED.did, said, host=OTHER_HOST, refusal="603", extra_headers=trusted
        ),
        "486": bench.phones.ring(BELIEVED.did, believed, extra_headers=other),
    }
    for code, call in calls.items():
        refused(call, code)
    for phone in phones:
        phone.finish()
    office.over(BELIEVED.extension, 2)
    assert called(bench) == sorted([asserted, believed])


def test_t5_a_busy_phone_is_called_again(bench: Bench, office: Office) -> None:
    """T5: after the interval; the second attempt is answered."""
    caller, before = BUSY.callers[0], marks(bench)
    first = bench.phones.expect(caller, "busy")
    refused(bench.phones.ring(BUSY.did, caller))
    first.finish()
    second = bench.phones.expect(caller, "answer_and_hang_up", talk_ms="500")
    second.finish()
    (only,) = office.over(BUSY.extension)
    assert (only["attempts"], only["outcome"]) == (2, "hung_up")
    before_it, answered = office.tries(only["id"])
    assert is_about(seconds(before_it["ended"], answered["begun"]), 5)
    assert called(bench) == [caller, caller]
    # Of neither attempt.
    wait_until("no mark is left", lambda: marks(bench) == before)


def test_o5_the_mark_of_an_attempt_is_there_until_its_answer_is(
    bench: Bench, office: Office
) -> None:
    """O5: while it rings the switch knows that it was sent, and afterwards nothing of it."""
    caller, before = MARKED.callers[0], marks(bench)
    phone = bench.phones.expect(caller, "answer_and_hang_up", ring_ms="1000", talk_ms="300")
    refused(bench.phones.ring(MARKED.did, caller))
    phone.wait_message("INVITE")
    assert len(marks(bench) - before) == 1
    phone.finish()
    assert office.outcomes(MARKED.extension) == {f"+{caller}": "hung_up"}
    wait_until("the mark is gone", lambda: marks(bench) == before)


@pytest.fixture
def simulated() -> Iterator[EventSocket]:
    """Give the event socket of a simulated switch."""
    port = free_ports(1)[0]
    words = ["simulate", "--listen", f"{HOST}:{port}", "--password", PASSWORD]
    with subprocess.Popen(
        [*COMMAND, *words], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        try:
            assert process.stdout is not None
            assert b"ready" in process.stdout.readline()
            link = EventSocket(port, PASSWORD)
            try:
                yield link
            finally:
                link.close()
        finally:
            process.terminate()


def test_o5_marks_are_kept_as_the_simulator_keeps_them(
    bench: Bench, simulated: EventSocket
) -> None:
    """O5: the same commands have the same answers, word for word."""
    mark = f"{MARK}3f0c1e6a-6d0c-4a5e-9f5e-0123456789ab"
    nobody = "3f0c1e6a-6d0c-4a5e-9f5e-ba9876543210"
    for command in (
        f"global_getvar {mark}",
        f"global_setvar {mark}=1",
        f"global_getvar {mark}",
        f"global_setvar {mark}=2",
        f"global_getvar {mark}",
        f"global_setvar {mark}=",
        f"global_getvar {mark}",
        f"global_setvar {mark}=",
        f"global_setvar {mark}=1",
        f"global_setvar {mark}",
        f"global_getvar {mark}",
        # Only where it has been what stands last; and names are the same in any case.
        f"global_setvar {mark}=1=0",
        f"global_getvar {mark}",
        f"global_setvar {mark}=1",
        f"global_setvar {mark}=2=1",
        f"global_getvar {mark.upper()}",
        f"global_setvar {mark}= 3",
        f"global_getvar {mark}",
        f"global_setvar {mark}=",
        "global_setvar =1",
        f"uuid_exists {nobody}",
        f"uuid_kill {nobody} MANAGER_REQUEST",
    ):
        assert (command, bench.switch.api(command)) == (command, simulated.api(command))


def test_o5_a_callback_outlives_the_only_controller(bench: Bench, office: Office) -> None:
    """O5: SIGKILL between the refusal and the return call; started again, it calls, and once."""
    caller = DEAD.callers[0]
    phone = bench.phones.expect(caller, "answer_and_hang_up", talk_ms="500")
    call = bench.phones.ring(DEAD.did, caller)
    refused(call)
    office.controller.kill()
    (waiting,) = office.requests(DEAD.extension)
    assert (waiting["state"], waiting["attempts"]) == ("pending", 0)
    office.controller.start()
    phone.finish()
    (only,) = office.over(DEAD.extension)
    assert (only["attempts"], only["outcome"]) == (1, "hung_up")
    assert seconds(only["created"], only["due"]) == 3
    (attempt,) = office.tries(only["id"])
    assert seconds(only["due"], attempt["begun"]) >= 0
    assert called(bench) == [caller]


def test_o6_the_stop_switch_ends_what_rings_and_what_talks(bench: Bench, office: Office) -> None:
    """O6, T10: at once, where that is asked for; who rings then is refused as ever."""
    talks, rings, late = STOPPED.callers[:3]
    talking = bench.phones.expect(talks)
    far = bench.phones.expect(FRIEND)
    ringing = bench.phones.expect(rings, "no_answer")
    for call in [bench.phones.ring(STOPPED.did, caller) for caller in (talks, rings)]:
        refused(call)
    talking.media.wait_for(ASK_NUMBER)
    talking.media.dial(f"{FRIEND[1:]}#")
    far.wait_message("ACK")
    ringing.wait_message("INVITE")
    office.controller.run("stop", "--extension", STOPPED.extension, "--hang-up")
    try:
        for phone in (talking, far, ringing):
            phone.finish()
        bench.legs.wait("return", 2)
        causes = {leg["Hangup-Cause"] for leg in bench.legs.legs("return")}
        assert causes == {"MANAGER_REQUEST"}
        call = bench.phones.ring(STOPPED.did, late)
        refused(call)
        assert is_about(rang(bench, call), 1)
        assert called(bench) == sorted([FRIEND, talks, rings])
        assert office.outcomes(STOPPED.extension, 3) == {
            f"+{talks}": "completed",
            f"+{rings}": "stopped",
            f"+{late}": "stopped",
        }
    finally:
        office.controller.run("resume", "--extension", STOPPED.extension)
