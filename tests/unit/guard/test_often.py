"""G3: how often callbacks are made: windows that slide, whatever the order of calls."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.commands.outcomes import ENDED
from controller.guard.often import (
    PARTS,
    REASONS,
    Limit,
    OftenKind,
    Rates,
    block_of,
    counted,
    free_at,
    limits_of,
    turn_after,
    unanswered_limits,
)
from controller.policy.clients import ClientLimits
from controller.policy.fields import Rate
from tests.unit.policy.given import policy

NUMBER = "+12025550199"
DID = "+12025550100"
NOW = 1_795_000_000_000


def test_g3_what_is_limited_by_nothing_is_counted_nowhere() -> None:
    assert limits_of(policy(), NUMBER, DID) == ()


def test_g3_each_window_of_each_kind_is_a_limit_of_its_own() -> None:
    rate = Rate(minute=1, day=5)
    given_policy = policy(
        callbacks_per_number=rate,
        callbacks_per_block=Rate(hour=9),
        callbacks_per_did=Rate(hour=8),
        callbacks_per_extension=Rate(hour=7),
    )
    extension = given_policy.extension
    found = limits_of(given_policy, NUMBER, DID)
    assert [(limit.kind.value, limit.name, limit.seconds, limit.most) for limit in found] == [
        ("number", f"{extension}:{NUMBER}", 60, 1),
        ("number", f"{extension}:{NUMBER}", 86_400, 5),
        ("block", f"{extension}:+120255501", 3_600, 9),
        ("did", f"{extension}:{DID}", 3_600, 8),
        ("extension", extension, 3_600, 7),
    ]
    assert len({limit.key for limit in found}) == len(found)
    assert {limit.reason for limit in found} == {
        f"too_often_{kind}" for kind in ("number", "block", "did", "extension")
    }


def test_g3_clients_nodes_and_all_are_asked_last_since_a_callback_may_wait_for_them() -> None:
    given_policy = policy(
        callbacks_per_extension=Rate(hour=7),
        unanswered_per_block=Rate(minute=2),
        unanswered_per_extension=Rate(day=3),
    )
    client = ClientLimits(given_policy.client, Rate(hour=20))
    rates = Rates(node=Rate(minute=30), together=Rate(minute=50))
    found = limits_of(given_policy, NUMBER, DID, client, "fs1", rates)
    extension = given_policy.extension
    assert [(limit.reason, limit.name, limit.owner, limit.most) for limit in found] == [
        ("too_often_extension", extension, extension, 7),
        ("unanswered_too_often_block", f"{extension}:+120255501", extension, 2),
        ("unanswered_too_often_extension", extension, extension, 3),
        ("too_often_client", given_policy.client, given_policy.client, 20),
        ("too_often_node", "fs1", "fs1", 30),
        ("too_often_all", "", "", 50),
    ]
    waits = [limit.kind.waits for limit in found]
    assert waits == sorted(waits)
    assert found[1:3] == unanswered_limits(given_policy, NUMBER)
    assert [limit.kind.unanswered for limit in found] == [False, True, True, False, False, False]
    # No node is asked about where there is none to ask about.
    assert found[4] not in limits_of(given_policy, NUMBER, DID, client, "", rates)


@pytest.mark.parametrize("reason", REASONS)
def test_t10_every_reason_has_a_sentence(reason: str) -> None:
    assert ENDED[reason].endswith(".")


@given(st.integers(1, 50), st.lists(st.integers(0, 5_000), max_size=40))
def test_g3_those_who_wait_come_in_turn_as_fast_as_the_limit_allows(
    most: int, steps: list[int]
) -> None:
    """Never more within a window than there may be, none before it is free, each in its turn."""
    limit = Limit(OftenKind.ALL, "", 60, most)
    now, last, turns = NOW, 0, []
    for step in steps:
        now += step
        free = now + 1_000
        turn = turn_after(limit, free, last)
        assert turn >= free
        # A part of the window longer than that, as above.
        assert turn == free or turn - last < 61_000 / most + 1
        turns.append(turn)
        last = turn
    for index, turn in enumerate(turns):
        assert sum(turn <= other < turn + 60_000 for other in turns[index:]) <= most


def test_g3_what_nobody_may_have_divides_by_nothing() -> None:
    limit = Limit(OftenKind.NODE, "fs1", 60, 0)
    assert free_at({}, limit, NOW) == NOW + 60_000
    assert turn_after(limit, NOW + 60_000, NOW) == NOW + 61_000


def test_g3_a_callback_of_no_did_is_counted_by_the_others() -> None:
    found = limits_of(
        policy(callbacks_per_did=Rate(hour=8), callbacks_per_extension=Rate(hour=7)),
        NUMBER,
        "",
    )
    assert [limit.kind for limit in found] == [OftenKind.EXTENSION]


def test_g3_a_block_is_a_hundred_numbers() -> None:
    assert len({block_of(f"+120255501{n:02}") for n in range(100)}) == 1
    assert block_of("+12025550100") != block_of("+12025550200")


@given(
    st.sampled_from([60, 3_600, 86_400]),
    st.integers(1, 20),
    st.lists(st.integers(0, 100_000), max_size=80),
)
def test_g3_never_more_in_any_window_and_no_later_than_a_part_of_it(
    seconds: int, most: int, steps: list[int]
) -> None:
    """Against every call's own time: the slow model."""
    limit = Limit(OftenKind.NUMBER, "x", seconds, most)
    parts: dict[int, int] = {}
    made: list[int] = []
    now = NOW
    for step in steps:
        now += step * seconds // 1000
        free = free_at(parts, limit, now)
        within = [at for at in made if at > now - seconds * 1000]
        if free <= now:
            assert len(within) < most
            made.append(now)
            part = now // limit.part_ms
            parts[part] = parts.get(part, 0) + 1
        else:
            # A part more of the window is looked at, and no more than that.
            longer = [at for at in made if at >= now - seconds * 1000 - 2 * limit.part_ms]
            assert len(longer) >= most
            assert counted(parts, limit, free) < most
            assert counted(parts, limit, free - 1) >= most
            assert free - now <= seconds * 1000 + 2 * limit.part_ms


@pytest.mark.parametrize("seconds", [60, 3_600, 86_400])
def test_g3_parts_make_the_window(seconds: int) -> None:
    assert Limit(OftenKind.DID, "x", seconds, 1).part_ms * PARTS == seconds * 1000
