"""G2: where calls go: not to what is known for fraud, costs more than a call, or is blocked."""

from __future__ import annotations

from typing import Any

import pytest

from controller.admin.model import Kind
from controller.settings import Guard
from controller.simulator import HangUp
from tests.peer.world import CALLER, FRIEND, World, answering, talking, typed, until
from tests.seed import ADMIN, directory

#: A number of the Dominican Republic: in a range that the Federal Trade Commission warned of.
RISKY = "18095550199"
#: What is said of a number that may not be dialled.
NOT_ALLOWED = "no_route_destination"
#: shared/abuse-cases.json: costly, of no country, of no plan.
COSTLY = ("+19005550100", "+8811234567", "+8821234567", "+9791234567", "+4470123456789")
HANG_UP = HangUp(when="heard", what="enter", after=0.1)
EVERYWHERE: dict[str, Any] = {
    "return_countries": ["US", "DO", "GB"],
    "destination_countries": ["US", "DO", "GB"],
}


def test_g2_a_caller_of_a_risky_range_in_a_country_that_is_allowed_is_not_called_back(
    world: World,
) -> None:
    world.extension(**EVERYWHERE)
    world.controller()
    world.ring("+" + RISKY)
    (request,) = world.ended()
    world.idle()
    assert (request.state, request.outcome) == ("refused", "risky_range")
    assert request.number == "+" + RISKY
    assert not world.switch.seen("called", role="return")


def test_g2_a_risky_number_that_is_dialled_is_refused_with_the_sentence(world: World) -> None:
    world.extension(**EVERYWHERE)
    world.controller()
    world.phone(FRIEND, talking(0.3))
    world.phone(RISKY, talking(0.3))
    world.phone(CALLER, answering(typed(RISKY), typed("19005550100"), typed(FRIEND)))
    world.ring()
    (request,) = world.ended()
    world.idle()
    assert request.outcome == "completed"
    assert request.destination == "+" + FRIEND
    # Once for each of the two.
    assert len(world.heard(NOT_ALLOWED)) == 2
    assert len(world.switch.seen("called", role="destination")) == 1


def test_g2_a_file_of_ones_own_takes_the_place_of_what_is_shipped(
    world: World,
) -> None:
    ours = world.directory / "ranges.toml"
    ours.write_text(
        'dated = 2026-11-29\n[sources.us]\ntitle = "Ours"\nurl = "https://example.com/"\n'
        '[[range]]\nwhy = "revenue_share"\nsource = "us"\nprefixes = ["+1212555"]\n',
        encoding="utf-8",
    )
    world.extension(**EVERYWHERE)
    world.controller(guard=Guard(risky_ranges=str(ours)))
    world.ring()
    (request,) = world.ended()
    world.idle()
    # The extension is in that country; but it is a range within it.
    assert (request.state, request.outcome) == ("refused", "risky_range")
    # What is shipped does not count besides.
    world.phone(RISKY, answering(hang_up=HANG_UP))
    world.ring("+" + RISKY)
    world.ended(2)
    world.idle()
    assert len(world.switch.seen("called", role="return")) == 1


def test_g2_who_allows_the_range_by_its_beginning_means_it(world: World) -> None:
    world.extension(return_prefixes=["+1809"], destination_prefixes=["+18095"])
    world.controller()
    world.phone(RISKY, answering(typed("18095550123")))
    world.phone("18095550123", talking(0.3))
    world.ring("+" + RISKY)
    (request,) = world.ended()
    world.idle()
    assert (request.outcome, request.destination) == ("completed", "+18095550123")


def test_g2_numbers_that_cost_more_are_neither_called_back_nor_dialled(world: World) -> None:
    world.extension(**EVERYWHERE)
    world.controller()
    for number in COSTLY:
        world.ring(number)
    requests = world.ended(len(COSTLY))
    assert {request.state for request in requests} == {"refused"}
    world.idle()
    dialled = ["00" + number[1:] for number in COSTLY]
    hang_up = HangUp(when="heard", what="enter", after=0.3, count=len(COSTLY) + 1)
    world.phone(CALLER, answering(*(typed(number) for number in dialled), hang_up=hang_up))
    world.ring()
    world.ended(len(COSTLY) + 1)
    world.idle()
    assert len(world.questions()) == len(COSTLY) + 1
    assert not world.switch.seen("called", role="destination")
    assert len(world.switch.seen("called", role="return")) == 1


@pytest.mark.parametrize(
    "blocked",
    [
        {"blocked_countries": ["US"]},
        {"blocked_prefixes": ["+1212"]},
        {"blocked_types": ["fixed_or_mobile"]},
    ],
)
def test_g2_what_a_client_blocks_counts_at_once_though_the_policy_is_cached(
    world: World, blocked: dict[str, Any]
) -> None:
    world.extension()
    policies = world.controller().services.policies
    # It is cached from here on.
    before = policies.get("1001")
    directory(world.engine).change(ADMIN, Kind.CLIENT, "main", blocked)
    until(lambda: policies.get("1001") != before)
    world.ring()
    (request,) = world.ended()
    world.idle()
    assert (request.state, request.outcome) == ("refused", "blocked")
