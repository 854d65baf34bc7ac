"""Policies, sessions and events to try the machines with, plain and generated."""

from __future__ import annotations

from typing import Final

import msgspec
from hypothesis import strategies as st

from controller.callback import limits
from controller.callback import stage as stages
from controller.callback.events import (
    Bridged,
    LegEnded,
    PasswordChecked,
    RequestStored,
    ReturnAttached,
    ReturnEvent,
    SecondTry,
    Secret,
    SocketClosed,
    StepDone,
    TimerFired,
    TriggerAttached,
    TriggerEvent,
)
from controller.callback.return_session import ReturnSession
from controller.callback.states import Return, Trigger
from controller.callback.trigger import TriggerSession
from controller.numbers.caller import Caller
from controller.policy.fields import EarlyHangUp
from controller.policy.model import Policy

NOW: Final = 1_795_475_771.25
DID: Final = "+12025550100"
CALLER: Final = "+12125550199"
DESTINATION: Final = "+12125550123"
#: What stands for a hash; no machine looks into it.
HASH: Final = "$argon2id$stored"

POLICY: Final = Policy(
    extension="100",
    dids=(DID,),
    country="US",
    caller_ids=("+12025550101",),
    default_caller_id="+12025550101",
    caller_id_name="Acme",
)
WITH_PASSWORD: Final = msgspec.structs.replace(POLICY, password_hash=HASH)

#: Digits that a caller may type, and what only a broken switch would send.
typed = st.one_of(
    st.sampled_from(["12125550123", "442079460000", "9005550100", "911", "12345678", "1*2"]),
    st.text("0123456789*#ABCD", max_size=25),
    st.text(max_size=10),
)
secrets = st.builds(Secret, typed)
causes = st.sampled_from(["NORMAL_CLEARING", "ALLOTTED_TIMEOUT", "USER_BUSY", "NO_ANSWER", "?"])
e164 = st.sampled_from([DESTINATION, CALLER, DID, "+442079460000", "+19005550100"])
callers = st.one_of(
    st.builds(Caller, number=e164),
    st.builds(Caller, reason=st.sampled_from(["hidden", "not_digits", "not_a_number"])),
)
nows = st.floats(NOW - 400, NOW + 400, allow_nan=False)
#: None running, long over, over at this very moment, soon, and beyond every policy.
deadlines = st.one_of(st.sampled_from([0.0, 1.0, NOW, NOW + 500, 999_999_999_999.0]), nows)
policies = st.builds(
    Policy,
    extension=st.just("100"),
    dids=st.just((DID,)),
    country=st.sampled_from(["US", "US", "GB", "DE"]),
    caller_ids=st.just(("+12025550101",)),
    default_caller_id=st.just("+12025550101"),
    enabled=st.booleans(),
    ring_seconds=st.integers(1, 60),
    early_hang_up=st.sampled_from(EarlyHangUp),
    early_hang_up_seconds=st.integers(1, 60),
    delay_seconds=st.integers(0, 3600),
    password_hash=st.sampled_from([None, HASH]),
    dial_seconds=st.integers(5, 300),
    destination_ring_seconds=st.integers(5, 120),
    destination_countries=st.sampled_from([(), ("US", "GB")]),
    sound_before_disconnecting=st.sampled_from([None, "/sounds/over.wav"]),
)

stage_texts = st.one_of(
    st.none(),
    st.text(max_size=40),
    st.builds(
        stages.Stage,
        state=st.sampled_from(
            [Return.PASSWORD, Return.DESTINATION, Return.BRIDGING, Return.ENDING]
        ),
        step=st.integers(0, 999_999_999),
        tries=st.integers(0, 999),
        dialled=st.integers(0, 999),
        talked=st.integers(0, 999),
        deadline=deadlines,
        destination=st.one_of(st.just(""), e164),
        outcome=st.sampled_from(["", "completed", "password_failed"]),
    ).map(stages.write),
)


@st.composite
def return_sessions(draw: st.DrawFn, states: tuple[Return, ...] = tuple(Return)) -> ReturnSession:
    """Make a session in any state, with counters and deadlines that no call would have too."""
    return ReturnSession(
        leg=draw(st.sampled_from(["leg-a", "leg-b"])),
        request="request",
        policy=draw(policies),
        gateways=draw(st.sampled_from([("one",), ("one", "two")])),
        state=draw(st.sampled_from(states)),
        timer=draw(st.integers(0, 50)),
        step=draw(st.integers(0, 50)),
        tries=draw(st.integers(0, 5)),
        dialled=draw(st.integers(0, 5)),
        talked=draw(st.integers(0, 2)),
        deadline=draw(deadlines),
        destination=draw(st.one_of(st.just(""), e164)),
        outcome=draw(st.sampled_from([None, "completed", "stuck"])),
        asked=draw(st.sampled_from([0.0, NOW])),
        hasty=draw(st.integers(0, limits.MAX_HASTY)),
    )


def return_events(session: ReturnSession) -> dict[str, st.SearchStrategy[ReturnEvent]]:
    """Make events of each kind for a session: with its own numbers, and those around them."""
    steps = around(session.step)
    legs = st.one_of(st.none(), st.sampled_from(session.destination_legs), st.text(max_size=5))
    disposition = st.one_of(st.none(), causes, st.text(max_size=10))
    return {
        "Attached": st.builds(
            ReturnAttached,
            stage=stage_texts,
            last_bridge_to=legs,
            bridge_hangup_cause=st.one_of(st.none(), causes),
            originate_disposition=disposition,
        ),
        "StepDone": st.builds(
            StepDone,
            step=steps,
            digits=st.one_of(st.none(), secrets),
            disposition=disposition,
            bridge_hangup_cause=st.one_of(st.none(), causes),
            last_bridge_to=legs,
        ),
        "PasswordChecked": st.builds(
            PasswordChecked, step=steps, right=st.sampled_from([True, False, None])
        ),
        "Bridged": st.builds(Bridged, other=legs),
        "TimerFired": st.builds(TimerFired, number=around(session.timer)),
        "LegEnded": st.builds(LegEnded, cause=causes, stage=stage_texts, talked_to=legs),
        "SocketClosed": st.builds(SocketClosed),
    }


def around(number: int) -> st.SearchStrategy[int]:
    """Give a number itself, mostly, and its neighbours."""
    return st.sampled_from([number, number, number, number - 1, number + 1])


@st.composite
def return_moments(
    draw: st.DrawFn, states: tuple[Return, ...] = tuple(Return), event: str | None = None
) -> tuple[ReturnSession, ReturnEvent, float]:
    """Make a session, an event for it (of one kind, if named), and a time."""
    session = draw(return_sessions(states))
    events = return_events(session)
    chosen = events[event] if event else st.one_of(*events.values())
    return session, draw(chosen), draw(nows)


@st.composite
def trigger_moments(
    draw: st.DrawFn, states: tuple[Trigger, ...] = tuple(Trigger), event: str | None = None
) -> tuple[TriggerSession, TriggerEvent, float]:
    """Make a trigger session, an event for it (of one kind, if named), and a time."""
    state = draw(st.sampled_from(states))
    # A number that is nobody's is refused at once, so it never rings and nothing is stored.
    owned = state in (Trigger.RINGING, Trigger.STORING)
    session = TriggerSession(
        leg="leg-t",
        policy=draw(policies if owned else st.one_of(st.none(), policies)),
        state=state,
        timer=draw(st.integers(0, 50)),
        step=draw(st.integers(0, 50)),
        did=draw(st.sampled_from(["", DID])),
        caller=draw(callers),
        since=draw(nows),
        ahead=draw(st.booleans()),
        stored=draw(st.integers(0, 3)),
        refusal=draw(st.sampled_from(["USER_BUSY", "CALL_REJECTED"])),
    )
    events: dict[str, st.SearchStrategy[TriggerEvent]] = {
        "Attached": st.builds(
            TriggerAttached,
            rung=st.floats(0, 500, allow_nan=False),
            caller=callers,
            did=st.just(DID),
            refusal=st.sampled_from(["USER_BUSY", "CALL_REJECTED"]),
        ),
        "SecondTry": st.builds(SecondTry),
        "TimerFired": st.builds(TimerFired, number=around(session.timer)),
        "RequestStored": st.builds(RequestStored, number=around(session.stored)),
        "LegEnded": st.builds(LegEnded, cause=causes, stage=stage_texts),
        "SocketClosed": st.builds(SocketClosed),
    }
    chosen = events[event] if event else st.one_of(*events.values())
    return session, draw(chosen), draw(nows)
