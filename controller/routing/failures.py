"""When a channel that fails is set aside, and when it is tried again: one channel's state, pure.

A node that refuses calls has one too.

It fails three times in a row within a minute: then it is set aside for a while. After that one call
may try it, and the others pass it by until it is known what became of that one. If it fails, the
channel is set aside for twice as long, up to five minutes; if it works, all is forgotten.

    well --- the third failure in a row, within a minute ---> set aside, 15 s
    set aside --- its time is over ---> on trial --- fails ---> set aside, twice as long
    any of them --- works ---> well

Times are seconds of any clock that never goes backwards.
"""

from __future__ import annotations

from typing import Final

import msgspec

#: How many failures in a row, within how many seconds, set a channel aside.
MOST_FAILURES: Final = 3
WITHIN_SECONDS: Final = 60.0
#: For how long it is set aside first, and at most, seconds.
FIRST_SECONDS: Final = 15.0
LONGEST_SECONDS: Final = 300.0
#: How long others wait for what becomes of the call that tries it, seconds: it may have gone out
#: over another channel, and then nothing comes of it.
TRIAL_SECONDS: Final = 60.0

#: The same of a node that refuses calls, as a switch does that is paused or has as many as it may:
#: it says so at once, and may take the next one in a second.
FIRST_REFUSED_SECONDS: Final = 2.0
LONGEST_REFUSED_SECONDS: Final = 60.0
REFUSAL_SECONDS: Final = 2.0


class Failures(msgspec.Struct, frozen=True):
    """What is remembered of one channel.

    Attributes:
        times: of its last failures in a row, while it is well.
        seconds: for how long it was set aside last; 0: it is well.
        until: when that ends, or ended.
        trial: until when a call is on its way that tries it.

    """

    times: tuple[float, ...] = ()
    seconds: float = 0.0
    until: float = 0.0
    trial: float = 0.0


WELL: Final = Failures()


def may_call(state: Failures, now: float) -> bool:
    """Whether a call may go out over the channel."""
    return state.seconds == 0 or (now >= state.until and now >= state.trial)


def is_set_aside(state: Failures, now: float) -> bool:
    """Whether its time is not over yet."""
    return state.seconds > 0 and now < state.until


def tried(state: Failures, now: float, seconds: float = TRIAL_SECONDS) -> Failures:
    """Give the state when a call is sent that may go out over it: one that is on trial has one.

    `seconds`: how long others wait for what becomes of it.
    """
    if state.seconds == 0 or not may_call(state, now):
        return state
    return msgspec.structs.replace(state, trial=now + seconds)


def failed(state: Failures, now: float) -> Failures:
    """Give the state after a failure of the channel itself."""
    if state.seconds == 0:
        recent = (*(time for time in state.times if time > now - WITHIN_SECONDS), now)
        if len(recent) < MOST_FAILURES:
            return Failures(times=recent)
        return Failures(seconds=FIRST_SECONDS, until=now + FIRST_SECONDS)
    return _set_aside_again(state, now, LONGEST_SECONDS)


def refused(state: Failures, now: float) -> Failures:
    """Give the state of a node that refused a call: that leaves no doubt, and may be over soon."""
    if state.seconds == 0:
        return Failures(seconds=FIRST_REFUSED_SECONDS, until=now + FIRST_REFUSED_SECONDS)
    return _set_aside_again(state, now, LONGEST_REFUSED_SECONDS)


def _set_aside_again(state: Failures, now: float, longest: float) -> Failures:
    if now < state.until:
        # A call that was sent before it was set aside: it says nothing new.
        return state
    seconds = min(2 * state.seconds, longest)
    return Failures(seconds=seconds, until=now + seconds)


def asked(state: Failures, now: float) -> Failures:
    """Give the state of a node when a call is sent there: a refusal comes at once, or never."""
    if state.trial and now >= state.trial:
        # Its trial came to no refusal.
        return WELL
    return tried(state, now, REFUSAL_SECONDS)
