"""Calls that look like fraud (G3): which patterns there are, and what follows from one. Pure.

- `sequential_numbers`: one extension is rung from many numbers of one block within an hour. So do
  robots that have rented one; so does a company that has one, and that is why it is only told of
  where nobody says otherwise.
- `many_extensions`: one number rings through many extensions within an hour.
- `short_answers`: return calls to one number are answered and over at once, again and again: so
  earns whoever is paid by the answer.
- `sudden_spend`: much more is spent on an extension's calls within an hour than was usual there.

What was seen is a suspicion: of a pattern, at a subject. It is open until an operator releases it;
what was seen before that counts no more. An extension's policy says what follows for its own calls:
nothing, it is told of, or no call is made either. Times are microseconds since 1970.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Final

import msgspec

from controller.guard.often import block_of
from controller.policy.endings import SHORT_SECONDS
from controller.policy.fields import OnPattern
from controller.policy.model import Policy

_MICROS: Final = 1_000_000
#: In how long a time patterns are looked for, microseconds.
WINDOW_MICROS: Final = 3_600 * _MICROS
#: So many different ones are kept of a subject; no threshold is higher.
MOST_MEMBERS: Final = 100

#: `sudden_spend`: how far back its own history goes, and how long it must be, microseconds.
HISTORY_MICROS: Final = 28 * 86_400 * _MICROS
LEAST_HISTORY_MICROS: Final = 7 * 86_400 * _MICROS
#: Less than so many legs that cost something are no fraud that is worth anybody's while.
LEAST_LEGS: Final = 5
#: After a release it is not looked at for so long, microseconds: the hour that was right goes on.
SPEND_REST_MICROS: Final = 86_400 * _MICROS


class Pattern(StrEnum):
    """What looks like fraud."""

    SEQUENTIAL_NUMBERS = "sequential_numbers"
    MANY_EXTENSIONS = "many_extensions"
    SHORT_ANSWERS = "short_answers"
    SUDDEN_SPEND = "sudden_spend"

    @property
    def reason(self) -> str:
        """Give why no callback is made for it (T10)."""
        return f"suspicion_{self.value}"

    def on(self, policy: Policy) -> OnPattern:
        """Give what is done about it on the calls of an extension."""
        match self:
            case Pattern.SEQUENTIAL_NUMBERS:
                return policy.on_sequential_numbers
            case Pattern.MANY_EXTENSIONS:
                return policy.on_many_extensions
            case Pattern.SHORT_ANSWERS:
                return policy.on_short_answers
            case Pattern.SUDDEN_SPEND:
                return policy.on_sudden_spend


#: All reasons there are.
REASONS: Final = tuple(pattern.reason for pattern in Pattern)


class Subject(msgspec.Struct, frozen=True):
    """What a pattern is seen at. `key` names both.

    `name`: `1001/+121255501` (an extension and a block), `+12125550199` (a number),
    `1001/+12125550199` (an extension and a number), `1001` (an extension).
    """

    pattern: Pattern
    name: str

    @property
    def key(self) -> str:
        """Give its name among all."""
        return f"{self.pattern.value}:{self.name}"


class Seen(msgspec.Struct, frozen=True):
    """Something that counts towards a pattern: `member` is one of those that must be different.

    `since`: what was seen up to then does not count any more: an operator released it.
    """

    subject: Subject
    member: str
    at: int
    since: int = 0


class Sighting(msgspec.Struct, frozen=True, kw_only=True):
    """A pattern was seen: `times` times up to `at`.

    Attributes:
        blocks: whether the policy said that no calls are made.
        extension, client: whose it is; None: it is of several, and the operator's.
        said: what was seen, in a sentence; empty where that is said already.
        since: the last release of it that was known when it was counted, 0: none.
        apart: it is the same one where one was kept less than so long ago, microseconds.
        opens: whether it opens a suspicion, where none is open.

    """

    subject: Subject
    blocks: bool
    extension: str | None
    client: str | None
    at: int
    said: str = ""
    since: int = 0
    times: int = 1
    apart: int = 0
    opens: bool = True


class Known(msgspec.Struct, frozen=True):
    """The suspicions that count: by their keys, whether an open one blocks; releases of late."""

    open: Mapping[str, bool] = {}
    released: Mapping[str, int] = {}


# --- what is looked at ---------------------------------------------------------------------------


def subjects_of(policy: Policy, caller: str | None, number: str) -> list[Subject]:
    """Give all that a callback could be suspected by. `caller`: who rang, E.164, where known."""
    extension = policy.extension
    made = [Subject(Pattern.SUDDEN_SPEND, extension), short_answers_of(extension, number)]
    return made if caller is None else [*made, *rung_by(extension, caller)]


def rung_by(extension: str, caller: str) -> tuple[Subject, Subject]:
    """Give what is looked at where a number rings an extension."""
    return (
        Subject(Pattern.SEQUENTIAL_NUMBERS, f"{extension}/{block_of(caller)}"),
        Subject(Pattern.MANY_EXTENSIONS, caller),
    )


def short_answers_of(extension: str, number: str) -> Subject:
    """Give what is looked at where a return call is over at once."""
    return Subject(Pattern.SHORT_ANSWERS, f"{extension}/{number}")


def rings(policy: Policy, caller: str, at: int, known: Known) -> tuple[Seen, ...]:
    """Give what counts where a number rings an extension: nothing of what that ignores."""
    members = {
        Pattern.SEQUENTIAL_NUMBERS: caller,
        Pattern.MANY_EXTENSIONS: policy.extension,
    }
    return tuple(
        Seen(subject, members[subject.pattern], at, known.released.get(subject.key, 0))
        for subject in rung_by(policy.extension, caller)
        if subject.pattern.on(policy) is not OnPattern.IGNORE
    )


def is_short(answered: int | None, ended: int) -> bool:
    """Whether a return call was answered, and over within a moment (G4)."""
    return answered is not None and ended - answered < SHORT_SECONDS * _MICROS


def sighting(seen: Seen, count: int, threshold: int, policy: Policy) -> Sighting | None:
    """Give the suspicion where so many different ones are as many as make one; else None."""
    if count < threshold:
        return None
    subject = seen.subject
    pattern, name = subject.pattern, subject.name
    extension, _, rest = name.partition("/")
    match pattern:
        case Pattern.SEQUENTIAL_NUMBERS:
            said = f"{count} numbers of the block {rest} rang {extension} within an hour"
        case Pattern.MANY_EXTENSIONS:
            said = f"{name} rang {count} extensions within an hour"
        case _:
            said = f"{count} return calls to {rest} were over at once within an hour"
    return _sighting(subject, policy, seen.at, said=said, since=seen.since)


def again(subject: Subject, policy: Policy, at: int) -> Sighting:
    """Give that a suspicion which is open was met once more."""
    return _sighting(subject, policy, at, opens=False)


def _sighting(
    subject: Subject,
    policy: Policy,
    at: int,
    *,
    said: str = "",
    since: int = 0,
    apart: int = 0,
    opens: bool = True,
) -> Sighting:
    """Give a sighting on the calls of an extension: whose it is, and what its policy says."""
    own = subject.pattern is not Pattern.MANY_EXTENSIONS
    return Sighting(
        subject=subject,
        blocks=subject.pattern.on(policy) is OnPattern.BLOCK,
        extension=policy.extension if own else None,
        client=policy.client if own else None,
        at=at,
        said=said,
        since=since,
        apart=apart,
        opens=opens,
    )


# --- what follows --------------------------------------------------------------------------------


def blocking(
    policy: Policy, subjects: Sequence[Subject], is_open: Mapping[str, bool]
) -> Subject | None:
    """Give the suspicion for which no call is made; None: there is none.

    One that was blocked when it was seen blocks until it is released, or the extension ignores it.
    A number that rings through many extensions is blocked by those that say so, and no others.
    """
    for subject in subjects:
        on = subject.pattern.on(policy)
        blocks = is_open.get(subject.key)
        if blocks is None or on is OnPattern.IGNORE:
            continue
        if subject.pattern is Pattern.MANY_EXTENSIONS:
            blocks = on is OnPattern.BLOCK
        if blocks:
            return subject
    return None


# --- spending ------------------------------------------------------------------------------------


class Spent(msgspec.Struct, frozen=True):
    """What an extension has spent within the hour, micro-units of a currency, and on how many legs.

    Legs that cost nothing are none.
    """

    extension: str
    currency: str
    amount: int
    legs: int


class History(msgspec.Struct, frozen=True):
    """What an extension spent before that: hour by hour, where it spent at all.

    `first`: when its first leg began that cost something; None: there is none.
    """

    first: int | None = None
    hours: tuple[int, ...] = ()


def is_sudden(spent: Spent, history: History, times: int, now: int) -> bool:
    """Whether much more was spent than is usual.

    More than so many times what an hour costs on the average, and more than any hour did: what has
    been once and was right is nothing new. Whoever is new has nothing that is usual.
    """
    if spent.legs < LEAST_LEGS or not history.hours:
        return False
    if history.first is None or now - history.first < LEAST_HISTORY_MICROS:
        return False
    hours = history.hours
    return spent.amount * len(hours) > times * sum(hours) and spent.amount > max(hours)


def spend_sighting(
    spent: Spent, history: History, policy: Policy, now: int, since: int
) -> Sighting:
    """Give the suspicion of an extension that has spent much suddenly."""
    average = sum(history.hours) // len(history.hours)
    return _sighting(
        Subject(Pattern.SUDDEN_SPEND, policy.extension),
        policy,
        now,
        said=f"{_money(spent.amount)} {spent.currency} were spent within an hour, on "
        f"{spent.legs} calls; {_money(average)} is usual",
        since=since,
        # Every controller looks once a minute.
        apart=30 * _MICROS,
    )


def _money(amount: int) -> str:
    return f"{amount // _MICROS}.{amount % _MICROS // 10_000:02}"


def added(sightings: Sequence[Sighting]) -> list[Sighting]:
    """Give sightings by subject: of several of one, the last one, with how often it was seen."""
    found: dict[str, Sighting] = {}
    for one in sightings:
        before = found.get(one.subject.key)
        found[one.subject.key] = one if before is None else _together(before, one)
    return [found[key] for key in sorted(found)]


def _together(before: Sighting, one: Sighting) -> Sighting:
    last, first = (one, before) if one.at >= before.at else (before, one)
    return msgspec.structs.replace(
        last,
        said=last.said or first.said,
        times=last.times + first.times,
        blocks=last.blocks or first.blocks,
        opens=last.opens or first.opens,
        # Whoever knew less must open nothing that the other one knows to be released.
        since=min((side.since for side in (last, first) if side.opens), default=0),
    )
