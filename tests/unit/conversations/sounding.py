"""What runs on a leg: sentences, questions for a password, calls to a destination.

The switch runs an application that it is told of inside the one that runs already, which goes on
afterwards; so they are a pile, and only the uppermost sounds and takes keys.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from controller.callback.effects import Ask, Bridge
from controller.callback.said import Prompt

from .clock import Clock, Ticket
from .language import CUT, Far, Fate, written

#: How long after the first `*` the second one must come to drop a destination, seconds.
DROP_SECONDS = 1.5
#: What the switch says of a destination that was not reached.
DISPOSITIONS = {
    Fate.BUSY: "USER_BUSY",
    Fate.NO_ANSWER: "NO_ANSWER",
    Fate.UNREACHABLE: "NO_ROUTE_DESTINATION",
    Fate.WRONG_NUMBER: "UNALLOCATED_NUMBER",
}


class Sentence:
    """What a caller hears at a time, and whether it came to its end."""

    def __init__(self) -> None:
        self.words: list[str] = []
        self.cut = False

    def __str__(self) -> str:
        return " ".join(self.words) + (CUT if self.cut else "")


class Around(Protocol):
    """What an application needs of its leg."""

    clock: Clock
    heard: list[Sentence]

    def lasts(self, prompt: Prompt) -> float: ...
    def begins(self, thing: str) -> None: ...
    def ends(self, thing: str) -> None: ...
    def sound(self, seconds: float, do: Callable[[], None]) -> Ticket: ...


class Telling:
    """Prompts, one after the other. `done` is called when the last one has ended, or a key came."""

    def __init__(
        self,
        around: Around,
        prompts: Sequence[Prompt],
        done: Callable[[], None],
        *,
        final: bool = False,
    ) -> None:
        self._around = around
        self._final = final
        self._left = list(prompts)
        self._done = done
        self._sentence = Sentence()
        self._thing = ""
        self._until = 0.0
        self._ticket: Ticket | None = None

    def start(self) -> None:
        self._end_of_prompt()
        if not self._left:
            # Nothing to be heard: over at the switch's next tick.
            self._ticket = self._around.sound(0.0, self._done)
            return
        prompt = self._left.pop(0)
        lasts = self._around.lasts(prompt)
        if lasts:
            if not self._sentence.words:
                self._around.heard.append(self._sentence)
            self._sentence.words.append(written(prompt))
            self._thing = prompt if isinstance(prompt, str) else "(said)"
            self._around.begins(self._thing)
        self._until = self._around.clock.now + lasts
        self._ticket = self._around.sound(lasts, self.start)

    def _end_of_prompt(self) -> None:
        thing, self._thing = self._thing, ""
        if thing:
            self._around.ends(thing)

    def stop(self) -> None:
        """Cut it short; `done` is not called."""
        if self._ticket is not None:
            self._ticket.cancel()
        if self._thing:
            self._sentence.cut = True
        self._end_of_prompt()

    def pause(self) -> None:
        """Stand still for what is run in between."""
        self._until -= self._around.clock.now
        self.stop()

    def resume(self) -> None:
        """Go on, once what came in between is over."""
        self._ticket = self._around.sound(self._until, self.start)
        self._until += self._around.clock.now

    def key(self, digit: str) -> bool:
        """Take a key; whether it is an event. Any key cuts all but the last sentence."""
        if self._final:
            return True
        self.stop()
        self._ticket = self._around.sound(0.0, self._done)
        return True


class Asking:
    """`play_and_get_digits` for a password: no event shows its keys."""

    def __init__(self, around: Around, ask: Ask, done: Callable[[str | None], None]) -> None:
        self._around = around
        self._ask = ask
        self._done = done
        self._typed = ""
        self._prompts = Telling(around, ask.prompts, self._wait)
        self._waits = False
        self._ticket: Ticket | None = None

    def start(self) -> None:
        # Seen: where the sound is missing the question is over at once, and nothing was asked.
        if self._ask.prompts and not any(map(self._around.lasts, self._ask.prompts)):
            self._ticket = self._around.sound(0.0, lambda: self._done(None))
            return
        self._prompts.start()

    def _wait(self) -> None:
        self._waits = True
        seconds = self._ask.digit_timeout if self._typed else self._ask.timeout
        self._ticket = self._around.sound(seconds, self._end)

    def _end(self) -> None:
        self._done(self._typed or None)

    def key(self, digit: str) -> bool:
        """Take a digit of the password, or its end."""
        self.stop()
        if digit != "#":
            self._typed += digit
        if digit == "#" or len(self._typed) >= self._ask.max_digits:
            self._ticket = self._around.sound(0.0, self._end)
        else:
            self._wait()
        return False

    def stop(self) -> None:
        if self._ticket is not None:
            self._ticket.cancel()
        if not self._waits:
            self._prompts.stop()

    pause = stop

    def resume(self) -> None:
        self._wait()


class Calling:
    """`bridge`. `answered` and `done` are called when the two legs are joined, and when it ends.

    `done` is told the disposition, and of a conversation why it ended; `drops` says whether `**`
    drops the destination (D4).
    """

    def __init__(
        self,
        around: Around,
        bridge: Bridge,
        far: Far,
        answered: Callable[[], None],
        done: Callable[[str, str | None], None],
        drops: Callable[[], bool],
    ) -> None:
        self._around = around
        self._drops = drops
        self._bridge = bridge
        self._far = far
        self._answered = answered
        self._done = done
        self._sentence = Sentence()
        self._tickets: list[Ticket] = []
        self._last_star = 0.0
        self.thing = ""

    def _now_is(self, thing: str) -> None:
        self._stop_thing()
        self.thing = thing
        self._sentence = Sentence()
        self._sentence.words.append(f"[{thing}]")
        self._around.heard.append(self._sentence)
        self._around.begins(thing)

    def _stop_thing(self) -> None:
        thing, self.thing = self.thing, ""
        if thing:
            self._around.ends(thing)

    def _plan(self, seconds: float, do: Callable[[], None]) -> None:
        self._tickets.append(self._around.sound(seconds, do))

    def start(self) -> None:
        self._now_is("ringing")
        far, most = self._far, float(self._bridge.ring_seconds)
        if far.fate is Fate.NO_ANSWER or far.after >= most:
            self._plan(most, lambda: self._over("NO_ANSWER", None))
        elif far.fate is Fate.ANSWERS:
            self._plan(far.after, self._joined)
        else:
            self._plan(far.after, lambda: self._over(DISPOSITIONS[far.fate], None))

    def _joined(self) -> None:
        self._now_is("talking")
        most = float(self._bridge.longest_seconds)
        if self._far.talks is not None and self._far.talks < most:
            self._plan(self._far.talks, lambda: self._over("SUCCESS", "NORMAL_CLEARING"))
        else:
            self._plan(most, lambda: self._over("SUCCESS", "ALLOTTED_TIMEOUT"))
        self._answered()

    def _over(self, disposition: str, cause: str | None) -> None:
        self.stop()
        self._done(disposition, cause)

    def key(self, digit: str) -> bool:
        """Take a key of a conversation: the destination's, unless it is the second `*` of D4."""
        now = self._around.clock.now
        star, self._last_star = self._last_star, now if digit == "*" else 0.0
        if self._drops() and digit == "*" and star and now - star <= DROP_SECONDS:
            self._over("SUCCESS", "NORMAL_CLEARING")
        return False

    def stop(self) -> None:
        """End it; `done` is not called."""
        for ticket in self._tickets:
            ticket.cancel()
        self._stop_thing()

    def pause(self) -> None:
        """A bridge goes on whatever else is run."""

    def resume(self) -> None:
        """It never stood still."""


Application = Telling | Asking | Calling
