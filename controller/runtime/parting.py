"""The end of a call that needs no controller: the dialplan says the last sentence, and hangs up.

Before a destination is called the return leg is told what is to be said when the conversation is
over: where it was cut off (M5), and, if nothing else is to be said or asked then, where it was not
(D4). It counts when the switch has joined the two: of a destination that was not reached we hear,
or whoever comes after us. So no second connection is made for one sentence, and whoever was put
through hears it though every controller is gone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final
from weakref import ref

from controller.callback.effects import Bridge, CallConnected, CallOver
from controller.callback.limits import TIME_OVER
from controller.callback.states import Return
from controller.esl import commands
from controller.esl.events import Event, cause, text
from controller.prompts.segments import Files, Segment

if TYPE_CHECKING:
    from controller.runtime.return_leg import ReturnLeg

#: What the dialplan plays to whoever was cut off, and to who was not.
FAREWELL_VARIABLE: Final = "callback_farewell"
GOODBYE_VARIABLE: Final = "callback_goodbye"
#: Where the switch says whom it has joined the leg with.
TALKED_VARIABLE: Final = "last_bridge_to"
#: Where the dialplan says what it is, and what one says that parts by itself.
DIALPLAN_VARIABLE: Final = "callback_dialplan"
PARTS_ALONE: Final = "2"


class Parting:
    """What was left on one leg for its dialplan to say."""

    def __init__(self, leg: ReturnLeg) -> None:
        # The leg has this: held by it, it would stay when it is over (`legs.weakly`).
        self._weak = ref(leg)
        self._left: frozenset[str] = frozenset()
        self._talk: CallConnected | None = None
        #: The destination of which it was noted that it is over, while the last words are said.
        self._told_over = 0

    @property
    def _leg(self) -> ReturnLeg:
        leg = self._weak()
        assert leg is not None, "a leg asks for itself"
        return leg

    def leave(self, bridge: Bridge) -> None:
        """Leave on the leg what is said after this conversation, in place of any before."""
        leg = self._leg
        leg.set_variables(**{TALKED_VARIABLE: ""})
        left = set()
        for name, prompts in (
            (FAREWELL_VARIABLE, bridge.time_over),
            (GOODBYE_VARIABLE, bridge.goodbye),
        ):
            sound = one_sound(leg.segments(prompts)) if prompts else None
            if sound is not None:
                left.add(name)
            if sound is None or commands.is_plain(sound):
                leg.set_variables(**{name: sound or ""})
            else:
                leg.transmit(commands.set_sound(leg.uuid, name, sound))
        self._left = frozenset(left) if leg.session.parts_alone else frozenset()

    def connected(self, effect: CallConnected) -> None:
        """People talk."""
        self._talk = effect

    def may_follow(self, over: Event) -> bool:
        """Whether the dialplan says the last words now that this destination's leg is over."""
        name = FAREWELL_VARIABLE if cause(over.hangup_cause) == TIME_OVER else GOODBYE_VARIABLE
        talk = self._talk
        return talk is not None and talk.leg == text(over.uuid) and name in self._left

    def lasts(self, over: Event) -> None:
        """The destination is over for a while, and its caller is there: he hears the last words.

        They may be a sound of minutes. Nothing is kept for the destination any more, and the leg
        may last until its end; else both is seen to when it has ended.
        """
        leg, talk = self._weak(), self._talk
        if leg is None or talk is None or leg.over or leg.session.state is not Return.TALKING:
            return
        self.over(CallOver(talk.position, cause(over.hangup_cause), talk.leg, talk.failed))
        self._told_over = talk.position
        # As of any last words of ours: more is held for them, and no warning comes into them.
        leg.paying.dialogue = True
        leg.services.metering.follow(leg.paying)

    def over(self, effect: CallOver) -> None:
        """Keep that a destination is over, once."""
        if effect.position != self._told_over:
            self._leg.calls.over(self._leg.session, effect)


def one_sound(segments: Sequence[Segment]) -> str | None:
    """Give what can be played as one sound; None: some of it cannot be told so."""
    if len(segments) != 1 or not isinstance(segments[0], Files):
        return None
    files = segments[0].files
    if not all(map(commands.can_be_played, files)):
        return None
    sound = commands.file_string(files)
    return sound if len(sound) <= commands.LONGEST_SOUND else None
