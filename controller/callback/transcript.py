"""What is kept of a return call in words: what was said, typed and decided, in order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import ROUND_DOWN, Decimal

import msgspec

from controller.callback.effects import Ask, Bridge, Effect, Hangup, Kill, Note, Record, Tell
from controller.callback.said import Duration, Money, Prompt
from controller.policy.fields import currency_digits


class Words(msgspec.Struct, frozen=True):
    """One line: `what` is `said`, `typed`, `decided`, `called` or `ended`."""

    what: str
    text: str


def words(effects: Iterable[Effect]) -> Iterator[Words]:
    """Give what effects say of a call. Passwords are in none of them."""
    for effect in effects:
        match effect:
            case Tell(prompts=prompts) | Ask(prompts=prompts):
                if prompts:
                    yield Words("said", " ".join(map(_written, prompts)))
            case Note(what, text):
                yield Words(what, text)
            case Bridge(number=number):
                yield Words("called", number)
            case Hangup(cause=cause) | Kill(cause=cause):
                yield Words("decided", f"hang up {cause}")
            case Record(outcome=outcome, cause=cause):
                yield Words("ended", f"{outcome} {cause}")
            case _:
                pass


def _written(prompt: Prompt) -> str:
    match prompt:
        case Money(micros, currency):
            # As it is said: nobody has the last part of a cent.
            smallest = Decimal(1).scaleb(-currency_digits(currency))
            return f"({Decimal(micros).scaleb(-6).quantize(smallest, ROUND_DOWN)} {currency})"
        case Duration(seconds):
            return f"({seconds} s)"
        case str():
            return prompt
