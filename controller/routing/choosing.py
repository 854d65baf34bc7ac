"""Which channels take a number now, and in which order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from operator import attrgetter

from controller.policy.channels import Channel
from controller.routing.hours import is_open
from controller.routing.model import Candidate, Choice, Passed

#: Of a channel: that it has failed lately, and is left alone while another one can be had.
FAILING = "failing"


def choose(
    number: str, channels: Iterable[Channel], troubles: Mapping[str, str], now: int
) -> Choice:
    """Give the channels for an E.164 number: first those that take it by the longest beginning.

    Of those, the ones of lower priority number come first, then the cheaper ones, then by name.
    `troubles`: by the channel's name, what is wrong with it: `down` is not used; `failing` comes
    last, whatever its beginning: what failed for some may work for this one, and is better than
    nothing. `now`: microseconds since 1970, for their hours. In whichever order they are given,
    the answer is the same.
    """
    candidates: list[Candidate] = []
    passed: list[Passed] = []
    for channel in channels:
        failing = False
        beginning = _longest_beginning(number, channel)
        if not channel.enabled:
            reason = "off"
        elif beginning is None:
            reason = "not_its_number"
        elif not is_open(channel.hours, channel.time_zone, now):
            reason = "closed"
        else:
            reason = troubles.get(channel.name, "")
            failing = reason == FAILING
            reason = "" if failing else reason
        if beginning is None or reason:
            passed.append(Passed(channel.name, reason))
        else:
            cost = channel.destinations.get(beginning, 0)
            candidates.append(Candidate(channel, beginning, cost, failing))
    return Choice(
        tuple(sorted(candidates, key=_order)), tuple(sorted(passed, key=attrgetter("channel")))
    )


def _longest_beginning(number: str, channel: Channel) -> str | None:
    """Give by which beginning a channel takes a number, `+` where it takes all; None: by none."""
    if not channel.destinations:
        return "+"
    # A number has few beginnings, and a channel may have thousands.
    beginnings = (number[:length] for length in range(len(number), 0, -1))
    return next((some for some in beginnings if some in channel.destinations), None)


def _order(candidate: Candidate) -> tuple[bool, int, int, int, str]:
    channel = candidate.channel
    place = (-len(candidate.beginning), channel.priority, candidate.cost, channel.name)
    return (candidate.failing, *place)
