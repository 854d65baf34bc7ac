"""The states of a callback and what happens in each: the whole product in two tables.

A callback is two legs that never exist at the same time. The **trigger leg** is the unanswered
call: it rings for X seconds, a request is stored, and it is refused. The **return leg** is the
call back: a password, a destination, a conversation, the end. Each leg has a machine of its own,
and nothing but the stored request joins them, so that any controller can drive any leg.

A machine is a table: for every state and every event one row, with the action that is taken and
the states that it may lead to. There is no default: an event that means nothing in a state is a
row that says why. Four kinds of stale event never get to the table, since they are told apart by
number alone: a timer that was set for an earlier wait, an application that is not the one under
way, a storing that another one followed, and a bridge that is not of the last destination dialled
(see `machine.step`).

Two rules hold in both tables:

- **A leg's end ends everything.** `LegEnded` leads to `ENDED` from every state, with a record.
- **A connection's end ends nothing.** When the socket goes and the leg does not, the switch
  connects again, to us or to another controller. Of a trigger leg nothing has to be kept: how
  long it has rung is the switch's own knowledge. A return leg's variables tell where it was; the
  session here becomes `DETACHED`: it does nothing any more, but records the leg's end if it is
  told of it before anybody else went on with the leg.

While people talk the controller has let go of the socket: `TALKING` is left by the switch, which
connects again when the conversation is over, or by the end of the return leg.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import msgspec


class Trigger(StrEnum):
    """States of a trigger leg."""

    NEW = "new"
    RINGING = "ringing"
    STORING = "storing"
    REFUSING = "refusing"
    ENDED = "ended"


class Return(StrEnum):
    """States of a return leg."""

    NEW = "new"
    PASSWORD = "password"  # noqa: S105  (the name of a state)
    CHECKING = "checking"
    DESTINATION = "destination"
    BRIDGING = "bridging"
    TALKING = "talking"
    TELLING = "telling"
    ENDING = "ending"
    DETACHED = "detached"
    ENDED = "ended"


State = Trigger | Return


class Row(msgspec.Struct, frozen=True):
    """What a state does with an event.

    Attributes:
        action: the function that is called, by name; empty where nothing is done.
        to: the states that it may lead to; empty: it stays.
        why: for a row that does nothing, the reason.

    """

    action: str = ""
    to: tuple[State, ...] = ()
    why: str = ""


def go(action: str, *to: State) -> Row:
    """Make a row that acts."""
    return Row(action=action, to=to)


def nothing(why: str) -> Row:
    """Make a row that does nothing, with the reason."""
    return Row(why=why)


#: Why a row does nothing, where the same reason holds in many states.
NOT_ATTACHED: Final = nothing("the leg's data comes first; nothing was asked for yet")
ONE_ATTACH: Final = nothing("a connection attaches once; a new connection is a new session")
NO_QUESTION: Final = nothing("nothing is being played or collected here")
NO_WAIT: Final = nothing("this state waits for no moment of its own")
OVER: Final = nothing("the leg is over and recorded")
NOT_OURS: Final = nothing("the leg goes on elsewhere")
NO_STORE: Final = nothing("no request is being stored here")
NO_CHECK: Final = nothing("no password is being checked here")
NO_BRIDGE: Final = nothing("no destination is being called here")
LEAVING: Final = nothing("the leg is being hung up; nothing else counts any more")

TRIGGER: Final[dict[Trigger, dict[str, Row]]] = {
    Trigger.NEW: {
        "Attached": go("begin_ringing", Trigger.RINGING, Trigger.STORING, Trigger.REFUSING),
        "SecondTry": NOT_ATTACHED,
        "TimerFired": NO_WAIT,
        "RequestStored": NO_STORE,
        "LegEnded": go("ended", Trigger.ENDED),
        "SocketClosed": go("let_go", Trigger.ENDED),
    },
    Trigger.RINGING: {
        "Attached": ONE_ATTACH,
        "SecondTry": go("second_try", Trigger.STORING),
        # X is over; or, where a caller who hangs up early is called back, the time is from which on
        # he is (T2): that is stored ahead, since a controller that dies when he does would know
        # nothing of it.
        "TimerFired": go("time_over", Trigger.STORING, Trigger.RINGING),
        "RequestStored": nothing("stored ahead; it rings on"),
        "LegEnded": go("hung_up_early", Trigger.ENDED),
        "SocketClosed": go("let_go", Trigger.ENDED),
    },
    # X seconds are over. What was decided is stored before the refusal is sent: a controller that
    # dies in between leaves a leg that still rings, and the next one refuses it and joins.
    Trigger.STORING: {
        "Attached": ONE_ATTACH,
        "SecondTry": nothing("it is being stored already, and joins as it is"),
        "TimerFired": go("refuse_unstored", Trigger.REFUSING),
        "RequestStored": go("refuse", Trigger.REFUSING),
        "LegEnded": go("ended", Trigger.ENDED),
        "SocketClosed": go("let_go", Trigger.ENDED),
    },
    Trigger.REFUSING: {
        "Attached": ONE_ATTACH,
        "SecondTry": nothing("it is being refused already"),
        "TimerFired": go("kill", Trigger.REFUSING),
        "RequestStored": nothing("stored later than it was waited for; the refusal is on its way"),
        "LegEnded": go("ended", Trigger.ENDED),
        "SocketClosed": go("let_go", Trigger.ENDED),
    },
    Trigger.ENDED: {
        "Attached": ONE_ATTACH,
        "SecondTry": OVER,
        "TimerFired": OVER,
        "RequestStored": OVER,
        "LegEnded": OVER,
        "SocketClosed": OVER,
    },
}

RETURN: Final[dict[Return, dict[str, Row]]] = {
    Return.NEW: {
        # A fresh leg begins with the password, or with the destination where none is set. A leg
        # that another controller had goes on where its variables say it was.
        "Attached": go(
            "begin",
            Return.PASSWORD,
            Return.DESTINATION,
            Return.TELLING,
            Return.ENDING,
        ),
        "StepDone": NOT_ATTACHED,
        "PasswordChecked": NO_CHECK,
        "Bridged": NO_BRIDGE,
        "TimerFired": NO_WAIT,
        "LegEnded": go("ended", Return.ENDED),
        "SocketClosed": go("detach", Return.DETACHED),
    },
    Return.PASSWORD: {
        "Attached": ONE_ATTACH,
        "StepDone": go("password_typed", Return.CHECKING, Return.PASSWORD, Return.TELLING),
        "PasswordChecked": NO_CHECK,
        "Bridged": NO_BRIDGE,
        "TimerFired": go("give_up_stuck", Return.ENDING),
        "LegEnded": go("ended", Return.ENDED),
        "SocketClosed": go("detach", Return.DETACHED),
    },
    Return.CHECKING: {
        "Attached": ONE_ATTACH,
        "StepDone": NO_QUESTION,
        "PasswordChecked": go(
            "password_checked", Return.DESTINATION, Return.PASSWORD, Return.TELLING
        ),
        "Bridged": NO_BRIDGE,
        "TimerFired": go("check_stuck", Return.TELLING),
        "LegEnded": go("ended", Return.ENDED),
        "SocketClosed": go("detach", Return.DETACHED),
    },
    Return.DESTINATION: {
        "Attached": ONE_ATTACH,
        "StepDone": go("number_typed", Return.BRIDGING, Return.DESTINATION, Return.TELLING),
        "PasswordChecked": NO_CHECK,
        "Bridged": NO_BRIDGE,
        # D1: the time to dial is over, whatever was being played or typed.
        "TimerFired": go("dial_time_over", Return.TELLING),
        "LegEnded": go("ended", Return.ENDED),
        "SocketClosed": go("detach", Return.DETACHED),
    },
    Return.BRIDGING: {
        "Attached": ONE_ATTACH,
        "StepDone": go("not_connected", Return.DESTINATION, Return.TELLING),
        "PasswordChecked": NO_CHECK,
        "Bridged": go("let_go", Return.TALKING),
        "TimerFired": go("give_up_stuck", Return.ENDING),
        "LegEnded": go("ended", Return.ENDED),
        "SocketClosed": go("detach", Return.DETACHED),
    },
    Return.TALKING: {
        "Attached": ONE_ATTACH,
        "StepDone": nothing("the conversation ended before we had let go: the switch connects"),
        "PasswordChecked": NO_CHECK,
        "Bridged": nothing("said once already"),
        "TimerFired": NO_WAIT,
        "LegEnded": go("ended", Return.ENDED),
        "SocketClosed": nothing("that is what letting go of it means"),
    },
    # The last sentence is being played; what it is was decided before, and so was the outcome.
    Return.TELLING: {
        "Attached": ONE_ATTACH,
        "StepDone": go("told", Return.ENDING),
        "PasswordChecked": NO_CHECK,
        "Bridged": NO_BRIDGE,
        "TimerFired": go("give_up_stuck", Return.ENDING),
        "LegEnded": go("ended", Return.ENDED),
        "SocketClosed": go("detach", Return.DETACHED),
    },
    Return.ENDING: {
        "Attached": ONE_ATTACH,
        "StepDone": LEAVING,
        "PasswordChecked": LEAVING,
        "Bridged": LEAVING,
        "TimerFired": go("kill", Return.ENDING),
        "LegEnded": go("ended", Return.ENDED),
        "SocketClosed": go("detach", Return.DETACHED),
    },
    Return.DETACHED: {
        "Attached": ONE_ATTACH,
        "StepDone": NOT_OURS,
        "PasswordChecked": NOT_OURS,
        "Bridged": NOT_OURS,
        "TimerFired": NOT_OURS,
        "LegEnded": go("ended", Return.ENDED),
        "SocketClosed": NOT_OURS,
    },
    Return.ENDED: {
        "Attached": ONE_ATTACH,
        "StepDone": OVER,
        "PasswordChecked": OVER,
        "Bridged": OVER,
        "TimerFired": OVER,
        "LegEnded": OVER,
        "SocketClosed": OVER,
    },
}
