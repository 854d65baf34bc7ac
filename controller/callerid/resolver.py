"""The CallerID resolver: what a public call shows on one channel, and by which rule (I1-I6, I9).

The rules are asked in this order, and the first that has an answer decides:

- I6 nothing is shown at all;
- I2 the number is the one set (`custom`), or the caller's own (`equipment`), or one of those
  assigned (`server`): I3 one of several on the channel, I4 the only one on it, or I5 the default;
- I1 the name.

Nothing is ever invented: where a number is not the client's any more, none takes its place.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from typing import Final

from controller.callerid.model import Decision, Numbers, Rang, Shown, Tried
from controller.policy.fields import Choice, ShownFrom
from controller.policy.model import Policy

_HIDDEN: Final = Decision(
    Shown(hidden=True, rule="I6"), (Tried("I6", "no CallerID is sent: nothing is shown"),)
)
#: Of a pool so many are named with a call: it is kept with each.
MOST_NAMED: Final = 20
#: What is said of most calls, made once.
_NOT_HIDDEN: Final = Tried("I6", "a CallerID is sent")
_NOBODY: Final = Tried("I2", "equipment: no number rang, or it was hidden; as server")
_NOT_TRUSTED: Final = Tried(
    "I2", "equipment: the channel that it rang over is not trusted with numbers; as server"
)
_SERVER: Final = Tried("I2", "server: one of the assigned numbers")
_NAME_SET: Final = Tried("I1", "custom: the name that is set, or the contact name")
_NAME_OF_CLIENT: Final = Tried("I1", "server: the contact name")
_NAME_RANG: Final = Tried("I1", "equipment: the name that came with the trigger call")
_NO_NAME_RANG: Final = Tried("I1", "equipment: no name that may be shown came; the contact name")


def resolve(
    policy: Policy,
    numbers: Numbers,
    rang: Rang,
    *,
    channel: str,
    destination: str,
    pick: Callable[[int], int],
) -> Decision:
    """Decide what a public call to `destination` (E.164) shows on `channel`.

    `policy` as `rules.effective` gives it: with its client's contact name. `pick(n)` gives one of 0
    to n-1, each as likely as any other; it is asked where one of several numbers is taken at
    random.
    """
    if policy.hide_caller_id:
        return _HIDDEN
    tried = [_NOT_HIDDEN]
    number, rule, pool = _number(policy, numbers, rang, channel, destination, pick, tried)
    if number is None:
        return Decision(None, tuple(tried))
    name = _name(policy, rang, tried)
    shown = Shown(number=number, name=name, rule=rule, name_rule="I1", pool=pool)
    return Decision(shown, tuple(tried))


def for_return_call(policy: Policy, did: str) -> Shown:
    """Give what the return call shows, on every channel: the number that was rung (T8).

    Also where the extension hides its number: the caller has to know who it is that calls.
    """
    return Shown(number=did, name=policy.caller_id_name, rule="T8", name_rule="I1")


def for_internal(policy: Policy, number: str) -> Shown:
    """Give what an extension of the platform sees: who calls, whatever is shown on public calls.

    `number` is the caller's, E.164; where he hides it, it is the extension that he called.
    """
    return Shown(number=number or policy.extension, rule="internal")


def for_emergency(number: str) -> Shown:
    """Give what an emergency call shows: the number (E.164) that is set for such calls.

    It is never hidden and never another: help is sent to where it is registered.
    """
    return Shown(number=number, rule="emergency")


#: A number, the rule that decided it, and among which it was chosen; None: there is none to show.
_Found = tuple[str | None, str, tuple[str, ...]]


def _number(
    policy: Policy,
    numbers: Numbers,
    rang: Rang,
    channel: str,
    destination: str,
    pick: Callable[[int], int],
    tried: list[Tried],
) -> _Found:
    source = policy.caller_id_number_from
    if source is ShownFrom.CUSTOM:
        return _custom(policy.caller_id_number, numbers, tried)
    if source is ShownFrom.EQUIPMENT:
        if rang.number and rang.trusted:
            tried.append(Tried("I2", f"equipment: {rang.number} rang"))
            return rang.number, "I2", ()
        tried.append(_NOT_TRUSTED if rang.number else _NOBODY)
    else:
        tried.append(_SERVER)
    return _assigned(policy, numbers, channel, destination, pick, tried)


def _custom(number: str | None, numbers: Numbers, tried: list[Tried]) -> _Found:
    if number is not None and (number in numbers.channels or number in numbers.own):
        tried.append(Tried("I2", f"custom: {number}, which the client owns"))
        return number, "I2", ()
    said = f"{number} is not the client's any more" if number else "no number is set"
    tried.append(Tried("I2", f"custom: {said}, and none is shown in its place"))
    return None, "", ()


def _assigned(
    policy: Policy,
    numbers: Numbers,
    channel: str,
    destination: str,
    pick: Callable[[int], int],
    tried: list[Tried],
) -> _Found:
    defined = numbers.channels
    pool = tuple(number for number in policy.caller_ids if defined.get(number) == channel)
    if len(pool) > 1:
        if policy.caller_id_choice is Choice.STICKY:
            number, how = _sticky(policy.extension, destination, pool), "for this destination"
        else:
            number, how = pool[pick(len(pool))], "at random"
        tried.append(Tried("I3", f"{number}, {how}, of the {len(pool)} numbers on {channel}"))
        return number, "I3", pool[:MOST_NAMED]
    if pool:
        tried.append(Tried("I4", f"{pool[0]}, the only number on {channel}"))
        return pool[0], "I4", ()
    default = policy.default_caller_id
    if default is not None and default in defined:
        said = f"no number is on {channel}: the default, {default} on {defined[default]}"
        tried.append(Tried("I5", said))
        return default, "I5", ()
    said = "none is set" if default is None else f"{default} is not the client's any more"
    tried.append(Tried("I5", f"no number is on {channel}, and of the default: {said}"))
    return None, "", ()


def _sticky(extension: str, destination: str, pool: tuple[str, ...]) -> str:
    """Give the number that a destination always sees.

    Each number is weighed together with the destination, and the heaviest wins (rendezvous
    hashing): a number that is added takes its share from all others, and only the share of one
    that is taken away moves. SHA-256 weighs alike in every process and release.
    """
    return max(pool, key=lambda one: sha256(f"{extension} {destination} {one}".encode()).digest())


def _name(policy: Policy, rang: Rang, tried: list[Tried]) -> str:
    if policy.caller_id_name_from is ShownFrom.EQUIPMENT:
        # Who hides his number hides his name, whatever came with it.
        if rang.name and rang.trusted and rang.number:
            tried.append(_NAME_RANG)
            return rang.name
        tried.append(_NO_NAME_RANG)
    elif policy.caller_id_name_from is ShownFrom.SERVER:
        tried.append(_NAME_OF_CLIENT)
    else:
        tried.append(_NAME_SET)
    return policy.caller_id_name
