"""The states of a callback and what happens in each: the whole product in two tables.

A callback is two legs that never exist at the same time. The **trigger leg** is the unanswered
call: it rings for X seconds, a request is stored, and it is refused. The **return leg** is the
call back: "press 1", a number and a password, the credit, a destination, a conversation, and all
of that again or the end. Each leg has a machine of its own, and nothing but the stored request
joins them, so that any controller can drive any leg.

A machine is a table: for every state and every event one row, with the action that is taken and
the states that it may lead to. There is no default: an event that means nothing in a state is a
row that says why. Four kinds of stale event never get to the table, since they are told apart by
number alone: a timer that was set for an earlier wait, an application (or what was looked up) that
is not the one under way, a storing that another one followed, and a bridge that is not of the last
destination dialled (see `machine.step`).

Keys come one by one, as the switch hears them, in whatever state the leg is: what is typed ahead of
a question is kept for it. Only the keys of a password do not come so: the switch reads them by
itself, so that no event shows them.

Two rules hold in both tables:

- **A leg's end ends everything.** `LegEnded` leads to `ENDED` from every state, with a record.
- **A connection's end ends nothing.** When the socket goes and the leg does not, the switch
  connects again, to us or to another controller. Of a trigger leg nothing has to be kept: how
  long it has rung is the switch's own knowledge. A return leg's variables tell where it was; the
  session here becomes `DETACHED`: it does nothing any more, but records the leg's end if it is
  told of it before anybody else went on with the leg.

While people talk the controller has let go of the socket: `TALKING` is left by the switch, which
connects again when the conversation is over, or by the end of the return leg. Where nothing is to
be asked or told after it, or its time was over, the switch's dialplan says the last sentence and
hangs up by itself, as it was told when the destination was called: that is such an end.
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
    HUMAN = "human"
    MEMBER = "member"
    PASSWORD = "password"  # noqa: S105  (the name of a state)
    CHECKING = "checking"
    MENU = "menu"
    CREDIT = "credit"
    DESTINATION = "destination"
    CONNECTING = "connecting"
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
NO_LOOK_UP: Final = nothing("nothing is being looked up here")
NO_BRIDGE: Final = nothing("no destination is being called here")
NO_KEYS: Final = nothing("no key means anything here")
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
