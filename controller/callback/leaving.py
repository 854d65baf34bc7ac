"""When a leg is best left to another controller: where its caller hears no difference (SPEC O4).

A controller that is told to stop hands its legs over. Whoever gets one asks what was being asked
last, from its beginning. So the best moment is the one at which a question is to be asked: the next
controller asks it, and nobody hears it twice. The next best is when nothing was typed for a while:
then the question would soon be asked again anyway. What is typed by halves, or checked, is lost.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from controller.callback.effects import Ask, Effect, Tell
from controller.callback.return_session import ReturnSession
from controller.callback.states import Return, Trigger
from controller.callback.trigger import TriggerSession

#: Where keys are waited for that come one by one.
_ASKING: Final = frozenset({Return.HUMAN, Return.MEMBER, Return.MENU, Return.DESTINATION})


def asks(session: ReturnSession, effects: Iterable[Effect]) -> bool:
    """Whether these effects ask a question that another controller would ask in just this way.

    Not where it comes after a sentence (why the last answer was none), where its answer has begun,
    or where whoever goes on would have to ask for more (A5: the number that a password is for) or
    oftener (T9).
    """
    if session.keys.reveal():
        return False
    for effect in effects:
        if isinstance(effect, Tell) and not effect.final and session.state in _ASKING:
            first = session.state is not Return.HUMAN or session.said <= 1
            return first and len(effect.prompts) == 1
        if isinstance(effect, Ask):
            return not session.names_member and len(effect.prompts) == 1
    return False


def unasked(effects: Iterable[Effect]) -> tuple[Effect, ...]:
    """Give the effects without the question that they ask."""
    return tuple(effect for effect in effects if not isinstance(effect, (Tell, Ask)))


def is_untouched(session: ReturnSession) -> bool:
    """Whether a question is to be asked, or was, and no key of its answer was pressed."""
    return session.state in (*_ASKING, Return.PASSWORD) and not session.keys.reveal()


def is_at_rest(session: ReturnSession) -> bool:
    """Whether a question was heard to its end, and nothing of its answer was typed.

    Of a password nobody knows: only the switch sees its keys.
    """
    return session.state in _ASKING and not session.playing and not session.keys.reveal()


def is_over(session: ReturnSession) -> bool:
    """Whether the last sentence is being heard, which nobody would say again."""
    return session.state is Return.TELLING


def rings_on(session: TriggerSession, now: float, seconds: float = 0.0) -> bool:
    """Whether a trigger call rings for longer than so many seconds from `now` on.

    X counts from the switch's first ring, whoever has the leg (T1).
    """
    if session.state is not Trigger.RINGING or session.policy is None:
        return False
    return session.since + session.policy.ring_seconds > now + seconds
