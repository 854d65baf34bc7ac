"""The channels of a call as they are explained (I4, I9): in words, and as somebody may see them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from controller.admin.explained import ChannelOrder, PassedChannel, ShownOn, TriedChannel
from controller.admin.model import Actor
from controller.callerid.model import Numbers, Tried
from controller.policy.channels import Channel
from controller.policy.fields import Choice as NumberChoice
from controller.policy.model import Policy
from controller.routing.model import Candidate, Choice, Plan, Way

#: Why a channel is passed over (`routing.model.Passed`).
PASSED: Final[dict[str, str]] = {
    "off": "It is switched off.",
    "not_its_number": "It does not take this number.",
    "closed": "It is outside its hours.",
    "down": "The switch says that it is down.",
    "full": "It has as many calls as it may.",
    "no_caller_id": "There is no number to show on it (I2).",
    "beyond": "As many channels as one call tries come before it.",
}
#: Those that go by: a return call waits for that.
GOES_BY: Final = frozenset({"closed", "down", "full"})
#: Why a number is not called at all (`routing.model.Plan`), with the rule that says so.
REFUSALS: Final[dict[str, tuple[str, str]]] = {
    "no_channel": ("I4", "no channel takes it, or none can be used"),
    "no_caller_id": ("I2", "there is no number to show on any channel that takes it"),
    "own_number": ("T7", "it is one of our own DIDs: the call would come home and be refused"),
    "emergency": ("D3", "it is an emergency number, and those are not connected here"),
    "special_number": ("D3", "it is a short number that is nobody's telephone"),
}


#: What is known of the health of channels: by node and channel, what is wrong with it there
#: (`down`, `failing`). Every node is in it, also one that has no troubles.
Troubles = Mapping[str, Mapping[str, str]]


class Found(msgspec.Struct, frozen=True):
    """What was found for a call on some nodes: the channels that take it, and its plan."""

    nodes: tuple[str, ...]
    candidates: tuple[Candidate, ...]
    plan: Plan


def by_node(troubles: Troubles | None) -> list[tuple[tuple[str, ...], Mapping[str, str]]]:
    """Give the nodes, each with its troubles; where nothing is known, all of them without any."""
    if not troubles:
        return [((), {})]
    return [((node,), known) for node, known in sorted(troubles.items())]


def best_of(found: Sequence[Found]) -> Plan:
    """Give the plan that a call goes by: that of the first node that has a way."""
    return next((one.plan for one in found if one.plan.ways), found[0].plan)


def refusal_tried(refusal: str, *, waits: bool = False) -> Tried:
    """Say why a plan has no way; `waits`: it is tried again."""
    rule, said = REFUSALS[refusal]
    return Tried(rule, f"{said}; it waits for one until it expires" if waits else said)


class Names:
    """What channels are called in an answer: to a client `channel 1`, `channel 2`, as tried.

    They get these names before anything is decided, so that no sentence has another.
    """

    def __init__(self, actor: Actor) -> None:
        self.whole = actor.client is None
        self._known: dict[str, str] = {}

    def of(self, channel: str) -> str:
        """Give what a channel is called."""
        if self.whole:
            return channel
        return self._known.setdefault(channel, f"channel {len(self._known) + 1}")

    def channel(self, channel: Channel) -> Channel:
        """Give a channel as it is called here."""
        if self.whole:
            return channel
        return msgspec.structs.replace(channel, name=self.of(channel.name))

    def choice(self, choice: Choice) -> Choice:
        """Give a choice as its channels are called here; a client is told of those tried alone."""
        if self.whole:
            return choice
        named = tuple(
            msgspec.structs.replace(one, channel=self.channel(one.channel))
            for one in choice.candidates
        )
        return Choice(named)

    def numbers(self, numbers: Numbers) -> Numbers:
        """Give the numbers that may be shown, with their channels as they are called here."""
        if self.whole:
            return numbers
        named = {
            number: self._known.get(channel, "another channel")
            for number, channel in numbers.channels.items()
        }
        return msgspec.structs.replace(numbers, channels=named)


# --- what is shown ---------------------------------------------------------------------------


def shown_of(policy: Policy, plan: Plan, *, whole: bool) -> tuple[ShownOn, ...]:
    """Give what is seen on each channel of a plan, and of those that have nothing to show, why.

    Not `whole`: without what only the operator sees.
    """
    seen = [_seen(policy, way, whole=whole) for way in plan.ways]
    nothing = [
        ShownOn(
            channel=one.channel,
            number=None,
            written=None,
            name="",
            hidden=False,
            p_asserted_identity=None,
            p_preferred_identity=None,
            rule="I2",
            name_rule="",
            pool=(),
            at_random=False,
            refusal=one.reason,
            tried=one.tried,
        )
        for one in plan.passed
        if one.reason == "no_caller_id"
    ]
    return (*seen, *nothing)


def _seen(policy: Policy, way: Way, *, whole: bool) -> ShownOn:
    shown = way.shown
    return ShownOn(
        channel=way.channel,
        number=shown.number or None,
        written=(way.caller_id or None) if whole else None,
        name=shown.name,
        hidden=shown.hidden,
        # Their domain may be the trunk's.
        p_asserted_identity=(way.p_asserted or None) if whole else None,
        p_preferred_identity=(way.p_preferred or None) if whole else None,
        rule=shown.rule,
        name_rule=shown.name_rule,
        pool=shown.pool,
        at_random=shown.rule == "I3" and policy.caller_id_choice is NumberChoice.RANDOM,
        refusal=None,
        tried=way.tried,
    )


def shown_said(shown: Sequence[ShownOn]) -> str:
    """Say what is seen, on all channels at once where it is the same."""
    parts: dict[str, list[str]] = {}
    for one in shown:
        if one.refusal is None:
            parts.setdefault(_said(one), []).append(one.channel)
    if len(parts) == 1:
        return next(iter(parts))
    return "; ".join(f"{said}, on {_and(channels)}" for said, channels in parts.items())


def _said(one: ShownOn) -> str:
    if one.hidden:
        return f"Anonymous, by {one.rule}"
    if one.at_random:
        number = f"one of {len(one.pool)} numbers at random, such as {one.number}"
    else:
        number = str(one.number)
    name = f' "{one.name}"' if one.name else ""
    return f"{number}{name}, by {one.rule}"


# --- over which channels ---------------------------------------------------------------------


def orders_of(names: Names, found: Sequence[Found]) -> tuple[ChannelOrder, ...]:
    """Give the order of channels, once for all nodes on which it is the same.

    To a client, which has no nodes, that by which a call goes.
    """
    if not names.whole:
        return (_order(names, (), best_of(found)),)
    orders: dict[ChannelOrder, list[str]] = {}
    for one in found:
        orders.setdefault(_order(names, one.candidates, one.plan), []).extend(one.nodes)
    return tuple(
        msgspec.structs.replace(order, nodes=tuple(nodes)) for order, nodes in orders.items()
    )


def _order(names: Names, candidates: tuple[Candidate, ...], plan: Plan) -> ChannelOrder:
    priorities = {one.channel.name: one.channel.priority for one in candidates}
    return ChannelOrder(
        nodes=(),
        channels=tuple(_tried(names, way, priorities) for way in plan.ways),
        passed=tuple(
            PassedChannel(
                channel=one.channel, reason=one.reason, said=PASSED.get(one.reason, one.reason)
            )
            for one in plan.passed
        ),
    )


def _tried(names: Names, way: Way, priorities: Mapping[str, int]) -> TriedChannel:
    # One of the platform, or for emergencies, has no place in an order.
    ordered = names.whole and way.channel in priorities
    return TriedChannel(
        channel=way.channel,
        number=way.number if names.whole else None,
        beginning=way.beginning if ordered else None,
        priority=priorities[way.channel] if ordered else None,
        cost=way.cost if ordered else None,
    )


def orders_said(orders: Sequence[ChannelOrder]) -> str:
    """Say over which channels a call goes, on all nodes at once where it is the same."""
    parts = []
    for order in orders:
        where = f" on {_and(order.nodes)}" if len(orders) > 1 and order.nodes else ""
        channels = ", then ".join(one.channel for one in order.channels) or "no channel"
        parts.append(f"over {channels}{where}")
    return "; ".join(parts)


def _and(words: Sequence[str]) -> str:
    return " and ".join((", ".join(words[:-1]), words[-1])) if len(words) > 1 else "".join(words)
