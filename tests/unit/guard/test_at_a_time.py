"""G3: by what calls at a time are counted, and what is said where there is no place."""

from __future__ import annotations

import msgspec
import pytest

from controller.commands.outcomes import ENDED
from controller.guard.at_a_time import (
    AGAIN_SECONDS,
    REASONS,
    Waiting,
    limits_at_a_time,
    member_at_a_time,
    narrowest,
    reason_of,
)
from controller.policy.clients import ClientLimits
from controller.policy.fields import ChannelName
from controller.policy.model import Policy

POLICY = Policy(extension="1001", dids=("+12025550100",), country="US", client="acme")
FEW = msgspec.structs.replace(POLICY, concurrent_calls=3)


def test_g3_a_call_counts_for_its_extension_its_client_and_all_where_there_are_limits() -> None:
    assert limits_at_a_time(POLICY, ClientLimits("acme"), None) == {}
    assert limits_at_a_time(FEW, ClientLimits("acme", concurrent_calls=5), 9) == {
        "extension/1001": 3,
        "client/acme": 5,
        "in/all": 9,
    }
    assert limits_at_a_time(POLICY, ClientLimits("acme", concurrent_calls=5), None) == {
        "client/acme": 5
    }


def test_g3_nothing_is_counted_under_the_name_of_a_channel() -> None:
    """Not even of one that is called so: places on channels are counted beside them."""
    counted = limits_at_a_time(FEW, ClientLimits("acme", concurrent_calls=5), 9)
    for name in counted:
        assert not any(char.isspace() for char in name)
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(name, ChannelName)


@pytest.mark.parametrize(
    ("full", "reason"),
    [
        ({"extension/1001"}, "too_many_calls_extension"),
        ({"client/acme"}, "too_many_calls_client"),
        ({"in/all"}, "too_many_calls_all"),
        ({"in/all", "client/acme"}, "too_many_calls_client"),
        ({"in/all", "client/acme", "extension/1001"}, "too_many_calls_extension"),
    ],
)
def test_t10_of_several_that_are_full_the_narrowest_is_the_reason(
    full: set[str], reason: str
) -> None:
    assert reason_of(full) == reason
    assert reason in REASONS


def test_g3_each_try_has_places_of_its_own() -> None:
    """Or whoever gives back late those of one would give back those of the next."""
    assert member_at_a_time("one") != member_at_a_time("other")


def test_t10_each_reason_is_told_in_words() -> None:
    assert set(REASONS) <= set(ENDED)


def test_g3_however_many_wait_for_a_place_few_are_asked_at_a_time() -> None:
    """A flood that waits is little work, and takes the last try before it expires from nobody."""
    waiting, now, last = Waiting(), 1_795_000_000.0, 1_795_000_300.0
    for _ in range(50):
        assert waiting.turn("extension/1002", now, last) <= now + AGAIN_SECONDS + 5
    turns = [waiting.turn("extension/1001", now, last) for _ in range(5_000)]
    assert turns[0] == now + AGAIN_SECONDS
    assert turns == sorted(turns)
    for second in range(10, 300, 10):
        assert sum(now + second <= turn < now + second + 1 for turn in turns) <= 11
    assert turns[-1] == last
    # Those have no turn: who comes later, and waits for longer, waits not behind them.
    assert waiting.turn("extension/1001", now, last + 600) < last + 1
    # Nobody is asked at once, however soon he expires.
    assert waiting.turn("extension/1001", now, now - 1) == now + AGAIN_SECONDS


def test_t10_g3_of_several_that_are_full_the_narrowest_is_said() -> None:
    assert narrowest({"in/all", "client/acme", "extension/1001"}) == "extension/1001"
    assert narrowest({"in/all", "client/acme"}) == "client/acme"
