"""Policies, sessions and events to try the machines with, plain and generated."""

from __future__ import annotations

from typing import Final

import msgspec
from hypothesis import assume
from hypothesis import strategies as st

from controller.callback import limits
from controller.callback import stage as stages
from controller.callback.events import (
    Bridged,
    Credit,
    CreditKnown,
    Key,
    LegEnded,
    PasswordChecked,
    RequestStored,
    ReturnAttached,
    ReturnEvent,
    RouteFound,
    SecondTry,
    Secret,
    SocketClosed,
    StepDone,
    TimeKnown,
    TimerFired,
    TriggerAttached,
    TriggerEvent,
)
from controller.callback.platform import Platform
from controller.callback.return_session import ReturnSession
from controller.callback.states import Return, Trigger
from controller.callback.trigger import TriggerSession
from controller.callerid.model import Shown
from controller.credit.model import Granted
from controller.numbers.caller import Caller
from controller.policy.fields import EarlyHangUp, ReturnCalls
from controller.policy.model import Policy
from controller.policy.records import AuthorisedCaller
from controller.routing.model import Plan, Way

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
#: Who rings, as the list has him.
MEMBER: Final = AuthorisedCaller(extension="100", number=CALLER)
#: Another one of the list, for whom somebody may call who is not on it (A5).
OTHER: Final = AuthorisedCaller(
    extension="100", number="+12125550177", pin_hash=HASH, speed_dials={"5": DESTINATION}
)

#: How numbers are called.
SHOWN: Final = Shown(number="+12025550101", name="Acme", rule="I4", name_rule="I1")


def plan(*channels: str, kind: str = "public", number: str = "12125550123") -> Plan:
    """Give a plan by these channels; without any, none can be had."""
    ways = tuple(Way(name, number, SHOWN, caller_id="12025550101") for name in channels)
    return Plan(ways=ways, refusal="" if ways else "no_channel", kind=kind)


#: Digits that a caller may type, and what only a broken switch would send.
typed = st.one_of(
    st.sampled_from(["12125550123", "442079460000", "9005550100", "911", "12345678", "1*2"]),
    st.text("0123456789*#ABCD", max_size=25),
    st.text(max_size=10),
)
digits = st.sampled_from("0123456789")
keys = st.one_of(st.sampled_from("##*1"), st.sampled_from("#1"), digits)
#: The beginning of an answer: it has no `#`, and fewer digits than any answer has.
begun = st.one_of(
    st.sampled_from(["", "1", "2125550123"]),
    st.sampled_from(["1", "2", "12125550123", "2125550123", "911", "5", "*0", "*", "1*2"]),
    st.text("0123456789*", max_size=limits.MAX_NUMBER_DIGITS - 1),
)
#: What was typed ahead of a question.
ahead = st.one_of(
    st.sampled_from(["", "1#", "2125550123#"]),
    st.sampled_from(["#", "1#", "2#", "3#", "2125550123#", "5#", "1#2#", "1234#2125550123#"]),
    st.text("0123456789*#", max_size=30),
    begun,
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
    country=st.sampled_from(["US", "US", "US", "GB", "DE"]),
    caller_ids=st.just(("+12025550101",)),
    default_caller_id=st.just("+12025550101"),
    enabled=st.booleans(),
    ring_seconds=st.integers(1, 60),
    early_hang_up=st.sampled_from(EarlyHangUp),
    early_hang_up_seconds=st.integers(1, 60),
    delay_seconds=st.integers(0, 3600),
    password_hash=st.sampled_from([None, HASH]),
    return_calls=st.sampled_from(ReturnCalls),
    fixed_number=st.just(CALLER),
    human_check=st.sampled_from([False, False, True]),
    caller_passwords=st.booleans(),
    credit_query=st.booleans(),
    credit_query_again=st.booleans(),
    further_calls=st.sampled_from([0, 0, 1, 2, 100]),
    say_time_left=st.booleans(),
    dial_seconds=st.integers(5, 300),
    destination_ring_seconds=st.integers(5, 120),
    destination_countries=st.sampled_from([(), ("US", "GB")]),
    sound_before_disconnecting=st.sampled_from([None, "/sounds/over.wav"]),
    prompts=st.sampled_from([{}, {"goodbye": "/sounds/bye.wav", "credit_menu": "menu"}]),
)
#: Of the list: with a password, speed dials and a preset destination of their own, or without.
members = st.builds(
    AuthorisedCaller,
    extension=st.just("100"),
    number=st.sampled_from([CALLER, OTHER.number]),
    pin_hash=st.sampled_from([None, HASH]),
    language=st.sampled_from([None, "de"]),
    speed_dials=st.sampled_from([{}, {"5": DESTINATION, "12": "+19005550100"}]),
    presets=st.sampled_from([{}, {DID: DESTINATION}, {DID: "+19005550100"}]),
)
platforms = st.builds(
    Platform,
    internal_lengths=st.sampled_from([(), (3, 4)]),
    internal_prefixes=st.sampled_from([(), ("+4420",)]),
    emergency_connected=st.booleans(),
)
granted = st.one_of(
    st.none(),
    st.builds(
        Granted,
        charged=st.booleans(),
        return_seconds=st.sampled_from([0, 1, 200]),
        destination_seconds=st.sampled_from([0, 10, 100_000]),
        lasts=st.sampled_from([None, 10, 1000]),
        more=st.booleans(),
        serial=st.integers(0, 3),
    ),
)
plans = st.sampled_from(
    [
        plan("one"),
        plan("one", "two"),
        plan("a", "b", "c", "d", "e"),
        plan("inside", kind="internal"),
        plan("one", kind="emergency"),
        plan(),
        Plan(refusal="no_caller_id"),
        Plan(refusal="own_number"),
        Plan(refusal="emergency"),
        Plan(refusal="no_credit"),
        Plan(refusal="no_rate"),
    ]
)
called = plans.filter(lambda plan: bool(plan.ways))
money = st.builds(
    Credit,
    micros=st.sampled_from([0, 1, -5_000_000, 12_340_000]),
    currency=st.sampled_from(["EUR", "JPY"]),
    unlimited=st.booleans(),
)

#: Where a stage can say that a leg is.
STAGES: Final = (
    Return.HUMAN,
    Return.MEMBER,
    Return.PASSWORD,
    Return.MENU,
    Return.DESTINATION,
    Return.BRIDGING,
    Return.ENDING,
)
all_stages = st.builds(
    stages.Stage,
    state=st.sampled_from(STAGES),
    step=st.integers(0, 999_999_999),
    tries=st.integers(0, 999),
    dialled=st.integers(0, 999),
    talked=st.integers(0, 999),
    unreached=st.integers(0, 999),
    deadline=deadlines,
    destination=st.one_of(st.sampled_from(["", "204"]), e164),
    member=st.sampled_from(["", OTHER.number]),
    outcome=st.sampled_from(["", "completed", "password_failed"]),
)
stage_texts = st.one_of(st.none(), st.text(max_size=40), all_stages.map(stages.write))

#: Where an answer is being typed, and where keys are kept for the question that comes next.
ANSWERED: Final = (Return.MEMBER, Return.MENU, Return.DESTINATION)
AHEAD: Final = (Return.PASSWORD, Return.CHECKING, Return.CREDIT)


@st.composite
def return_sessions(draw: st.DrawFn, states: tuple[Return, ...] = tuple(Return)) -> ReturnSession:
    """Make a session in any state, with counters and deadlines that no call would have too.

    Only its keys are some that a call can have there.
    """
    state = draw(st.sampled_from(states))
    text = draw(begun if state in ANSWERED else ahead if state in AHEAD else st.just(""))
    return ReturnSession(
        leg=draw(st.sampled_from(["leg-a", "leg-b"])),
        request="request",
        policy=draw(policies),
        did=draw(st.sampled_from([DID, DID, DID, ""])),
        number=draw(st.sampled_from([CALLER, ""])),
        caller=draw(st.one_of(st.none(), members)),
        redial=draw(st.one_of(st.sampled_from(["", "204"]), e164)),
        platform=draw(platforms),
        locked=draw(st.sampled_from([False, False, True])),
        state=state,
        timer=draw(st.integers(0, 50)),
        step=draw(st.integers(0, 50)),
        tries=draw(st.integers(0, 5)),
        dialled=draw(st.integers(0, 5)),
        talked=draw(st.integers(0, 2)),
        unreached=draw(st.integers(0, limits.MAX_UNREACHED)),
        deadline=draw(deadlines),
        destination=draw(st.one_of(st.sampled_from(["", "204"]), e164)),
        outcome=draw(st.sampled_from([None, "completed", "stuck"])),
        keys=Secret(text),
        ahead=draw(st.sampled_from([0, len(text) // 2, len(text)])),
        deaf_until=draw(st.sampled_from([0.0, 0.0, NOW])),
        playing=draw(st.booleans()),
        pause=draw(st.one_of(st.sampled_from([0.0, NOW, NOW + 4]), nows)),
        said=draw(st.integers(0, limits.MAX_HUMAN)),
        member=draw(st.sampled_from(["", OTHER.number])),
        credits=draw(st.integers(0, limits.MAX_CREDIT)),
        after_credit=draw(st.sampled_from([Return.MENU, Return.DESTINATION, Return.TELLING])),
        asked=draw(st.sampled_from([0.0, NOW])),
        hasty=draw(st.integers(0, limits.MAX_HASTY)),
        plan=draw(st.one_of(st.none(), called)),
        granted=draw(granted),
    )


def return_events(session: ReturnSession) -> dict[str, st.SearchStrategy[ReturnEvent]]:
    """Make events of each kind for a session: with its own numbers, and those around them."""
    steps = around(session.step)
    legs = st.one_of(st.none(), st.sampled_from(session.destination_legs), st.text(max_size=5))
    disposition = st.one_of(st.none(), causes, st.text(max_size=10))
    failed = st.lists(st.tuples(st.sampled_from(session.destination_legs), causes), max_size=3)
    own = all_stages.map(
        lambda stage: stages.write(
            msgspec.structs.replace(stage, state=Return.BRIDGING, dialled=session.dialled)
        )
    )
    return {
        "Attached": st.builds(
            ReturnAttached,
            stage=st.one_of(own, stage_texts),
            last_bridge_to=legs,
            bridge_hangup_cause=st.one_of(st.none(), causes),
            originate_disposition=disposition,
            failed=failed.map(tuple),
        ),
        "StepDone": st.builds(
            StepDone,
            step=steps,
            digits=st.one_of(st.none(), secrets),
            disposition=disposition,
            bridge_hangup_cause=st.one_of(st.none(), causes),
            last_bridge_to=legs,
            failed=failed.map(tuple),
        ),
        "Key": st.builds(Key, digit=keys),
        "PasswordChecked": st.builds(
            PasswordChecked,
            step=steps,
            right=st.sampled_from([True, False, None]),
            locked=st.booleans(),
            member=st.one_of(st.none(), members),
        ),
        "CreditKnown": st.builds(CreditKnown, step=steps, credit=st.one_of(st.none(), money)),
        "TimeKnown": st.builds(
            TimeKnown, step=steps, seconds=st.sampled_from([None, 0, 59, 3600, -1])
        ),
        "RouteFound": st.builds(RouteFound, step=steps, plan=plans, granted=granted),
        "Bridged": st.builds(Bridged, other=legs),
        "TimerFired": st.builds(TimerFired, number=around(session.timer)),
        "LegEnded": st.builds(
            LegEnded, cause=causes, stage=stage_texts, talked_to=legs, charged=st.booleans()
        ),
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
    chosen = draw(events[event] if event else st.one_of(*events.values()))
    # How long a call may last is looked up and said only when a way was found.
    said = session.state is Return.CONNECTING and isinstance(chosen, (StepDone, TimeKnown))
    assume(not said or session.plan is not None)
    return session, chosen, draw(nows)


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
