"""Says a row of prompts on a leg: files, and what is said with `say`, one after the other.

Only what is played as one application can be cut by one key. So the parts of a row are sent one by
one, each when the one before has ended, and no more once a key was pressed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from controller.esl import commands
from controller.prompts.segments import Files, Segment

#: The `Event-UUID` of a part that others follow begins so.
PART_PREFIX: Final = "part-"


def _command(segment: Segment, event_uuid: str) -> bytes:
    if isinstance(segment, Files):
        return commands.playback(segment.files, event_uuid)
    return commands.say(segment.module, segment.kind, segment.method, segment.text, event_uuid)


class Speaking:
    """What is being said on one leg. `transmit` sends a command on its connection."""

    def __init__(self, transmit: Callable[[bytes], None]) -> None:
        self._transmit = transmit
        self._left: list[Segment] = []
        self._step = ""
        self._part = ""
        self._parts = 0
        self._cut = False
        self._final = False

    def begin(self, segments: Sequence[Segment], step: str, *, final: bool = False) -> None:
        """Say a row in place of any before; `step` is the `Event-UUID` of its last part.

        `final`: no key cuts it.
        """
        self._left = list(segments)
        self._final = final
        self._step = step
        self._cut = False
        self._next()

    def cut(self) -> None:
        """A key was pressed: the switch stops what it plays, and nothing follows it."""
        self._cut = True

    def stop(self) -> None:
        """Something else is done on the leg: nothing follows any more."""
        self._left = []
        self._part = ""

    def done(self, event_uuid: str | None) -> str | None:
        """Take the end of a part; give the step that is over by that, or None."""
        if not self._part or event_uuid != self._part:
            return None
        if (self._cut and not self._final) or not self._left:
            step = self._step
            self.stop()
            return step
        self._next()
        return None

    def _next(self) -> None:
        segment = self._left.pop(0)
        if not self._left:
            # The last part's end is the step's.
            self._part = ""
            self._transmit(_command(segment, self._step))
            return
        self._parts += 1
        self._part = f"{PART_PREFIX}{self._parts}"
        self._transmit(_command(segment, self._part))
