"""Lock-outs after wrong passwords (the part of SPEC A3 that goes across calls). Pure.

Wrong passwords are counted by whom they could harm: by (extension, number), by extension, and by
DID. So many within a window lock, each lock longer than the one before, up to a longest one.

- **(extension, number)** is the sharp one: each third wrong password of a day locks, for a minute,
  then 5, 25, 125 minutes, up to a day. Who mistypes three times in a call may try again when he has
  found the note with the password; a password of four digits takes one telephone years. A right
  password forgets all of it.
- **extension** and **DID** are there for those who guess from many telephones: 15 and 30 wrong ones
  of an hour lock for 5, 25, 125 minutes, up to 4 hours. Whoever can lock these keeps honest
  callers out, so it must not be cheap: one telephone alone cannot, since its own lock lets it be
  wrong 12 times in its first hour and fewer later; no lock lasts a day; a wrong password counts
  only where one was asked for, which is after a callback to the number that it comes from. The
  right password of one caller forgets nothing here: it says nothing of the others.

A lock's level, from which the next one's length follows, is remembered for `remember_seconds` from
its end: longer than the longest lock, or a lock of a day would be followed by one of a minute.

A wrong password that comes in during a lock (of a call that was on already) counts too: calls side
by side gain nothing.

Times in a tally are whole milliseconds since 1970: scripts in Redis reckon with the same.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from controller.numbers.e164 import is_e164

#: No level is higher: any lock is at its longest long before.
MOST_LEVEL: Final = 99

_EXTENSION: Final = re.compile(r"[0-9]{1,10}\Z", re.ASCII)

Failures = Annotated[int, Meta(ge=1, le=100)]
Window = Annotated[int, Meta(ge=60, le=604_800)]
Lasts = Annotated[int, Meta(ge=1, le=604_800)]
Growth = Annotated[int, Meta(ge=1, le=10)]
#: Not less than the longest lock may be.
Remember = Annotated[int, Meta(ge=86_400, le=2_592_000)]


class LockKind(StrEnum):
    """What is locked; `number` is the pair of an extension and a number."""

    NUMBER = "number"
    EXTENSION = "extension"
    DID = "did"


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How wrong passwords of one kind lock.

    Attributes:
        failures: so many wrong passwords lock.
        window_seconds: where they come within so long.
        first_seconds: how long the first lock lasts.
        growth: how many times as long each further one lasts.
        longest_seconds: the most that one lasts; not less than the first.
        remember_seconds: how long after its end a lock is remembered, so that the next is longer.

    """

    failures: Failures
    window_seconds: Window
    first_seconds: Lasts
    growth: Growth = 5
    longest_seconds: Lasts
    remember_seconds: Remember = 604_800

    @property
    def alone_failures(self) -> int:
        """From which wrong password on each one locks while a controller counts alone: half."""
        return (self.failures + 1) // 2

    @property
    def window_ms(self) -> int:
        """The window, milliseconds."""
        return self.window_seconds * 1000

    @property
    def remember_ms(self) -> int:
        """How long a lock is remembered after its end, milliseconds."""
        return self.remember_seconds * 1000

    @property
    def keep_ms(self) -> int:
        """The longest that anything can be known of a tally, milliseconds."""
        return max(self.window_ms, self.longest_seconds * 1000 + self.remember_ms)

    def lasts_ms(self, level: int) -> int:
        """How long the lock of this level (1 is the first) lasts, milliseconds."""
        longer: int = self.growth ** (level - 1)
        return 1000 * min(self.first_seconds * longer, self.longest_seconds)


class NumberRule(Rule, frozen=True):
    """The rule for an extension and a number."""

    failures: Failures = 3
    window_seconds: Window = 86_400
    first_seconds: Lasts = 60
    longest_seconds: Lasts = 86_400


class ExtensionRule(Rule, frozen=True):
    """The rule for an extension, whatever number it is."""

    failures: Failures = 15
    window_seconds: Window = 3_600
    first_seconds: Lasts = 300
    longest_seconds: Lasts = 14_400


class DidRule(Rule, frozen=True):
    """The rule for a DID."""

    failures: Failures = 30
    window_seconds: Window = 3_600
    first_seconds: Lasts = 300
    longest_seconds: Lasts = 14_400


class Rules(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How wrong passwords lock (A3), by whom they could harm: `lockouts` of the settings."""

    #: An extension and a number together.
    number: NumberRule = NumberRule()
    #: An extension, whatever number it is.
    extension: ExtensionRule = ExtensionRule()
    #: A DID.
    did: DidRule = DidRule()

    def of(self, kind: LockKind) -> Rule:
        """Give the rule of a kind."""
        rule: Rule = getattr(self, kind.value)
        return rule


class Target(msgspec.Struct, frozen=True):
    """What wrong passwords are counted by. `key` names it: `number/1001/+12125550199`."""

    kind: LockKind
    extension: str | None = None
    number: str | None = None
    did: str | None = None

    @property
    def key(self) -> str:
        """Its name, of the characters of numbers and kinds alone."""
        parts = (self.kind.value, self.extension, self.number, self.did)
        return "/".join(part for part in parts if part is not None)


def targets(extension: str, numbers: Sequence[str], did: str) -> list[Target]:
    """Give what a wrong password is counted by.

    What is no extension or no E.164 number is left out: it must become no key (G1), and counts as
    a hidden number does.
    """
    found: list[Target] = []
    if _EXTENSION.match(extension):
        found += [
            Target(LockKind.NUMBER, extension, number)
            for number in dict.fromkeys(numbers)
            if is_e164(number)
        ]
        found.append(Target(LockKind.EXTENSION, extension))
    if is_e164(did):
        found.append(Target(LockKind.DID, did=did))
    return found


def target_of(key: str) -> Target | None:
    """Give what a key names; None where it can be none."""
    match key.split("/"):
        case ["number", extension, number]:
            return next((t for t in targets(extension, (number,), "") if t.key == key), None)
        case ["extension", extension]:
            return next(iter(targets(extension, (), "")), None)
        case ["did", did]:
            return next(iter(targets("", (), did)), None)
    return None


class Tally(msgspec.Struct, frozen=True):
    """What is known of one target. All times are milliseconds since 1970, 0 is never.

    Attributes:
        times: of the wrong passwords that led to no lock yet, in order.
        level: how many locks there were, one after the other.
        since, until: of the last lock.
        cleared: up to when wrong passwords have led to their lock.
        last: of the last wrong password.
        released: when all was forgotten last, by an administrator or by a right password.

    """

    times: tuple[int, ...] = ()
    level: int = 0
    since: int = 0
    until: int = 0
    cleared: int = 0
    last: int = 0
    released: int = 0

    @property
    def counts(self) -> bool:
        """Whether anything is counted or remembered."""
        return bool(self.times or self.level)


class Listed(msgspec.Struct, frozen=True):
    """What is known of targets, in the order of their keys.

    `next` is the key to go on after, None at the end. `everywhere`: it is what all controllers
    share; else Redis is away, and it is what one of them knows.
    """

    items: tuple[tuple[Target, Tally], ...]
    next: str | None
    everywhere: bool


def aged(tally: Tally, rule: Rule, now: int) -> Tally:
    """Give what still counts of a tally."""
    times = tuple(time for time in tally.times if time > now - rule.window_ms)
    level, since, until = tally.level, tally.since, tally.until
    if now >= until + rule.remember_ms:
        level = since = until = 0
    if not times and not level:
        return Tally(released=tally.released)
    return msgspec.structs.replace(tally, times=times, level=level, since=since, until=until)


def wrong(tally: Tally, rule: Rule, now: int) -> Tally:
    """Count a wrong password."""
    return _settled(_counted(tally, rule, now), rule)


def wrong_alone(tally: Tally, rule: Rule, now: int) -> Tally:
    """Count a wrong password where nobody knows what other controllers count.

    From half of the failures on each one locks. What is counted is the same as otherwise, and all
    that would lock otherwise locks here, so it is never less strict.
    """
    counted = _counted(tally, rule, now)
    if rule.alone_failures <= len(counted.times) < rule.failures:
        return _locked(counted, rule, now)
    return _settled(counted, rule)


def merged(one: Tally, other: Tally, rule: Rule) -> Tally:
    """Give all that two know of one target, who may have heard of the same wrong passwords.

    In any order and however often, it comes to the same.
    """
    released = max(one.released, other.released)
    one, other = (
        Tally(released=released) if side.released < released and side.last <= released else side
        for side in (one, other)
    )
    newer = one if one.until >= other.until else other
    # The same one may be known to both; two of one moment are known to one of them at least.
    times = Counter(_after(one.times, other, one)) | Counter(_after(other.times, one, other))
    return _settled(
        Tally(
            times=tuple(sorted(times.elements())),
            level=max(one.level, other.level),
            since=newer.since,
            until=newer.until,
            cleared=max(one.cleared, other.cleared),
            last=max(one.last, other.last),
            released=released,
        ),
        rule,
    )


def forgotten_at(tally: Tally, rule: Rule) -> int:
    """Give from when on nothing of a tally counts any more, milliseconds since 1970."""
    return max(
        tally.times[-1] + rule.window_ms if tally.times else 0,
        tally.until + rule.remember_ms if tally.level else 0,
        tally.released + rule.keep_ms if tally.released else 0,
    )


def _after(times: tuple[int, ...], other: Tally, own: Tally) -> tuple[int, ...]:
    """Give those times that have not led to a lock of which only the other one knows."""
    # Several locks of one moment are told by their levels.
    if (other.cleared, other.level) <= (own.cleared, own.level):
        return times
    return tuple(time for time in times if time > other.cleared)


def _counted(tally: Tally, rule: Rule, now: int) -> Tally:
    tally = aged(tally, rule, now)
    # Clocks of two controllers differ a little.
    times = tuple(sorted((*tally.times, now)))
    return msgspec.structs.replace(tally, times=times, last=max(tally.last, now))


def _settled(tally: Tally, rule: Rule) -> Tally:
    """Lock for as many wrong passwords as lock."""
    while len(tally.times) >= rule.failures:
        at = tally.times[rule.failures - 1]
        tally = msgspec.structs.replace(
            _locked(tally, rule, at),
            times=tally.times[rule.failures :],
            cleared=max(tally.cleared, at),
        )
    return tally


def _locked(tally: Tally, rule: Rule, at: int) -> Tally:
    level = min(tally.level + 1, MOST_LEVEL)
    return msgspec.structs.replace(
        tally,
        level=level,
        # One that goes on is one lock.
        since=tally.since if at < tally.until else at,
        until=max(tally.until, at + rule.lasts_ms(level)),
    )
