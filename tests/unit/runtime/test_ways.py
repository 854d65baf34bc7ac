"""How the way of a call is found while the service runs, and what becomes of it."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest

from controller.callback.effects import CallConnected, CallOver, FindRoute
from controller.callback.return_session import ReturnSession
from controller.callerid.model import Numbers, Rang
from controller.esl.channel_data import channel_data
from controller.esl.events import decode_event
from controller.esl.failures import failed_legs, failed_legs_of
from controller.esl.wire import Frame
from controller.guard.ranges import NO_RANGES
from controller.metrics import Metrics
from controller.policy.channels import Channel
from controller.policy.model import Policy
from controller.policy.trunks import Trunks
from controller.routing.model import Passed, Plan
from controller.runtime.calls_out import CallsOut
from controller.runtime.health import ChannelHealth
from controller.runtime.services import Services
from controller.runtime.ways import Wanted, find_destination, find_return, member_of, platform_of
from controller.settings import Route, Settings

NOW = 1_795_000_000.0
DID, OWN, OTHERS = "+12025550100", "+12025550101", "+12025550102"
DESTINATION = "+12125550123"
POLICY = Policy(
    extension="1001",
    dids=(DID,),
    country="US",
    caller_ids=(OWN, OTHERS),
    default_caller_id=OWN,
)
NUMBERS = Numbers(channels={OWN: "one", OTHERS: "two"})
ONE = Channel(name="one", priority=1)
TWO = Channel(name="two", priority=2)


class World:
    """The parts that finding a way asks, and what they are told."""

    def __init__(self, *channels: Channel, **route: Any) -> None:
        self.trunks = Trunks(channels or (ONE, TWO))
        self.now = NOW
        self.metrics = Metrics()
        self.health = ChannelHealth(
            channels=lambda: self.trunks.names, metrics=self.metrics, now=lambda: self.now
        )
        self.dids = {DID, "+12025550199"}
        self.placed: list[Any] = []
        self.places: list[Any] = []
        self.full: set[str] = set()
        #: Why no further destination is called (G3).
        self.suspected: str | None = None
        self.services = cast(
            Services,
            SimpleNamespace(
                settings=Settings(route=Route(**route)),
                ranges=NO_RANGES,
                trunks=SimpleNamespace(get=lambda: self.trunks),
                clock=SimpleNamespace(
                    now=lambda: self.now, micros=lambda: int(self.now * 1_000_000)
                ),
                standing=SimpleNamespace(epoch=0),
                policies=SimpleNamespace(
                    by_dids=lambda numbers: next(
                        ((number, POLICY) for number in numbers if number in self.dids), None
                    )
                ),
                health=self.health,
                metrics=self.metrics,
                watching=SimpleNamespace(destination_refusal=lambda policy: self.suspected),
                spawn=lambda function, *arguments: function(*arguments),
                places=SimpleNamespace(
                    take=self._take,
                    hold=lambda *held: self.places.append(("hold", *held)),
                    release=lambda member: self.places.append(("release", member)),
                ),
                placing=SimpleNamespace(
                    begin=lambda *of: self.placed.append(("begin", *of)),
                    connected=lambda *of: self.placed.append(("connected", *of)),
                    over=lambda *of: self.placed.append(("over", *of)),
                ),
            ),
        )

    def _take(self, member: str, limits: dict[str, int], until: float) -> set[str]:
        self.places.append(("take", member, dict(limits), until))
        return set(limits) - self.full

    def find(self, number: str = DESTINATION, policy: Policy = POLICY) -> Plan:
        """Find the way to a destination."""
        wanted = Wanted(
            policy=policy, node="fs1", member="leg/1", number=number, caller="+12125550199",
            numbers=NUMBERS, rang=Rang(),
        )  # fmt: skip
        return find_destination(self.services, wanted)

    def fails(self, channel: str) -> None:
        """Have a channel fail until it is left alone."""
        for _ in range(3):
            self.health.failed("fs1", channel, self.now)


def test_i4_a_destination_is_called_over_the_channels_in_order_each_with_its_number() -> None:
    plan = World().find()
    assert [(way.channel, way.shown.number) for way in plan.ways] == [("one", OWN), ("two", OTHERS)]
    assert not plan.passed


def test_i4_a_channel_that_fails_again_and_again_comes_last_and_is_tried_again_later() -> None:
    world = World()
    world.fails("one")
    plan = world.find()
    assert [(way.channel, way.failing) for way in plan.ways] == [("two", False), ("one", True)]
    world.now += 3600
    assert world.find().channels == ("one", "two")
    # Until that one is over nobody else tries it first.
    assert world.find().channels == ("two", "one")


def test_i4_one_number_that_fails_takes_no_channel_from_anybody_else() -> None:
    """A redirecting or broken far end, dialled again and again, says nothing of other calls."""
    world = World()
    for _ in range(9):
        world.placed.clear()
        made = calls(world)
        failed = tuple((leg, "REQUESTED_CHAN_UNAVAIL") for leg in LEGS[:2])
        made.over(SESSION, CallOver(1, "REQUESTED_CHAN_UNAVAIL", None, failed))
    assert [way.failing for way in world.find().ways] == [False, False]


def test_g3_a_channel_that_is_full_is_passed_and_places_are_taken_on_those_that_have_a_limit() -> (
    None
):
    world = World(
        msgspec.structs.replace(ONE, concurrent_calls=1),
        TWO,
        Channel(name="three", priority=3, concurrent_calls=9),
    )
    world.full = {"one"}
    plan = world.find()
    assert plan.channels == ("two", "three")
    assert plan.passed == (Passed("one", "full"),)
    ((_, member, limits, until),) = world.places
    assert (member, limits) == ("leg/1", {"one": 1, "three": 9})
    assert until > world.now


def test_d3_what_stays_on_the_platform_never_leaves() -> None:
    """D3, I7: by its own gateway, whether it is dialled short or in full, with no identity."""
    world = World(internal_gateway="pbx", internal_lengths=(4,), internal_prefixes=("+4930555",))
    policy = msgspec.structs.replace(POLICY, p_asserted_identity=True, hide_caller_id=True)
    for number in ("1002", "+493055512"):
        plan = world.find(number, policy)
        assert (plan.kind, plan.channels) == ("internal", ("pbx",))
        (way,) = plan.ways
        assert (way.shown.number, way.p_asserted) == ("+12125550199", "")


def test_t7_a_number_of_our_own_is_not_called_over_the_public_network() -> None:
    plan = World().find("+12025550199")
    assert (plan.refusal, plan.ways) == ("own_number", ())


def test_d3_an_emergency_call_shows_the_number_that_is_set_for_it_and_no_other() -> None:
    world = World(emergency_channel="two", emergency_caller_id="+12025550111")
    assert platform_of(world.services).emergency_connected
    hidden = msgspec.structs.replace(POLICY, hide_caller_id=True)
    for policy in (POLICY, hidden):
        plan = world.find("911", policy)
        assert (plan.kind, plan.channels) == ("emergency", ("two",))
        (way,) = plan.ways
        assert (way.number, way.shown.number, way.shown.hidden) == ("911", "+12025550111", False)


def test_d3_an_emergency_channel_that_is_gone_is_a_fault_and_no_other_is_used() -> None:
    world = World(emergency_channel="gone", emergency_caller_id="+12025550111")
    assert world.find("911").refusal == "emergency"
    sample = world.metrics.registry.get_sample_value(
        "callbackd_faults_total", {"where": "emergency_channel_missing"}
    )
    assert sample == 1


def test_t8_a_return_call_goes_the_same_ways_and_shows_the_did() -> None:
    world = World()

    def find(*busy: str) -> Plan:
        return find_return(
            world.services, policy=POLICY, node="fs1", member="r", number=DESTINATION, did=DID,
            busy=busy,
        )  # fmt: skip

    assert {way.shown.number for way in find().ways} == {DID}
    plan = find("one")
    assert (plan.channels, plan.passed) == (("two",), (Passed("one", "full"),))
    world.fails("one")
    world.fails("two")
    # What has failed is tried all the same, where there is nothing else.
    assert find().channels == ("one", "two")


def test_d3_a_number_of_the_platform_is_called_back_inside() -> None:
    """T8: and shows the DID there too."""
    world = World(internal_gateway="pbx", internal_lengths=(4,), internal_prefixes=("+4930555",))
    plan = find_return(
        world.services, policy=POLICY, node="fs1", member="r", number="+493055512", did=DID,
        busy=(),
    )  # fmt: skip
    assert (plan.kind, plan.channels, plan.ways[0].shown.number) == ("internal", ("pbx",), DID)


def test_t7_a_did_of_ours_is_none_to_call_inside_either() -> None:
    world = World(internal_gateway="pbx", internal_lengths=(4,), internal_prefixes=("+1202555",))
    assert world.find(DID).refusal == "own_number"


# --- what becomes of it ----------------------------------------------------------------------

SESSION = ReturnSession(
    leg="leg", request="r", policy=POLICY, did=DID, dialled=1, destination=DESTINATION
)
LEGS = SESSION.destination_legs


def calls(world: World) -> CallsOut:
    """Give a leg's calls, of which one is under way."""
    made = CallsOut(world.services, node="fs1", numbers=NUMBERS, rang=Rang())
    plan = made.find(SESSION, FindRoute(step=4, number=DESTINATION, position=1)).plan
    micros = int(NOW * 1_000_000)
    assert world.placed == [("begin", "r", "leg", 1, DESTINATION, plan, micros)]
    world.placed.clear()
    return made


def test_i9_over_which_channel_people_talked_and_why_over_no_other_is_kept() -> None:
    world = World(msgspec.structs.replace(ONE, concurrent_calls=5), TWO)
    made, micros = calls(world), int(NOW * 1_000_000)
    made.connected(SESSION, CallConnected(1, LEGS[1]))
    failed = ((LEGS[0], "NORMAL_TEMPORARY_FAILURE"), ("of an earlier one", "USER_BUSY"))
    made.over(SESSION, CallOver(1, "NORMAL_CLEARING", LEGS[1], failed))
    assert world.placed == [
        ("connected", "r", "leg", 1, "two", micros),
        ("over", "r", "leg", 1, "NORMAL_CLEARING", {"one": "NORMAL_TEMPORARY_FAILURE"}, micros),
    ]
    # Of what it had it keeps the one that it is on, and gives that back in the end.
    kinds = [place[:3] for place in world.places[1:]]
    assert kinds == [("hold", "leg/1", ("two",)), ("release", "leg/1")]
    assert member_of("leg", 1) == "leg/1"


def test_i4_a_person_who_is_busy_says_nothing_against_the_channel() -> None:
    world = World()
    for cause, order in (
        ("USER_BUSY", ("one", "two")),
        ("NORMAL_TEMPORARY_FAILURE", ("two", "one")),
    ):
        for number in ("+12125550123", "+12125550124", "+12125550125"):
            world.placed.clear()
            session = msgspec.structs.replace(SESSION, destination=number)
            calls(world).over(session, CallOver(1, cause, None, ((LEGS[0], cause),)))
        assert world.find().channels == order


def test_i4_a_channel_that_failed_is_known_when_the_next_one_is_answered() -> None:
    """Not when they have talked: that would be of an hour ago; and an end says nothing more."""
    world = World()
    for number in ("+12125550123", "+12125550124", "+12125550125"):
        world.placed.clear()
        made = calls(world)
        session = msgspec.structs.replace(SESSION, destination=number)
        failed = ((LEGS[0], "NORMAL_TEMPORARY_FAILURE"),)
        made.connected(session, CallConnected(1, LEGS[1], failed))
    assert world.find().channels == ("two", "one")
    world.now += 3600
    made.over(session, CallOver(1, "NORMAL_CLEARING", LEGS[1], failed))
    assert world.find().channels == ("one", "two")


def test_g3_a_way_that_nobody_goes_gives_its_places_back() -> None:
    """The caller hung up, or was told that it takes too long, while it was looked for."""
    world = World(msgspec.structs.replace(ONE, concurrent_calls=5), TWO)
    made = calls(world)
    made.abandon(SESSION, FindRoute(step=4, number=DESTINATION, position=1))
    assert world.places[-1] == ("release", "leg/1")
    assert world.placed[-1][:5] == ("over", "r", "leg", 1, "too_late")


def test_i2_a_call_without_a_way_is_kept_with_its_reason() -> None:
    world = World()
    made = CallsOut(world.services, node="fs1", numbers=Numbers(), rang=Rang())
    plan = made.find(SESSION, FindRoute(step=4, number=DESTINATION, position=1)).plan
    assert plan.refusal == "no_caller_id"
    assert [of[0] for of in world.placed] == ["begin", "over"]
    assert world.placed[1][4:6] == ("no_caller_id", {})
    sample = world.metrics.registry.get_sample_value(
        "callbackd_calls_not_routed_total", {"reason": "no_caller_id"}
    )
    assert sample == 1


@pytest.mark.parametrize("kind", ["public", "emergency"])
def test_g3_where_much_is_spent_suddenly_nobody_is_called_any_more(
    kind: str,
) -> None:
    """But for help: a way that was found is given back, and why is kept."""
    world = World(emergency_channel="one", emergency_caller_id=DID)
    world.suspected = "suspicion_sudden_spend"
    made = CallsOut(world.services, node="fs1", numbers=NUMBERS, rang=Rang())
    number = DESTINATION if kind == "public" else "911"
    plan = made.find(SESSION, FindRoute(step=4, number=number, position=1)).plan
    assert plan.kind == kind
    if kind == "emergency":
        assert plan.ways
        return
    assert (plan.ways, plan.refusal) == ((), "suspicion_sudden_spend")
    assert world.placed[1][4:6] == ("suspicion_sudden_spend", {})


def test_o4_what_another_controller_called_is_known_from_its_plan() -> None:
    """Whoever takes a call over reads it; where nobody kept it, the channels are not known."""
    plan = World().find()
    for plans, causes in (({1: plan}, {"two": "NETWORK_OUT_OF_ORDER"}), ({}, {})):
        world = World()
        made = CallsOut(world.services, node="fs1", numbers=NUMBERS, rang=Rang(), plans=plans)
        failed = ((LEGS[1], "NETWORK_OUT_OF_ORDER"),)
        made.over(SESSION, CallOver(1, "NORMAL_CLEARING", LEGS[0], failed))
        assert [of[:6] for of in world.placed] == [
            ("over", "r", "leg", 1, "NORMAL_CLEARING", causes)
        ]


SAID = ["a;NORMAL_TEMPORARY_FAILURE", "b;NONE", "c;USER_BUSY"]
MEANT = (("a", "NORMAL_TEMPORARY_FAILURE"), ("c", "USER_BUSY"))


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        (SAID, MEANT),
        (SAID[0], MEANT[:1]),
        (SAID[1], ()),
        (None, ()),
        (["", "x", ";", "y;", "bad\n;USER_BUSY"], ()),
    ],
)
def test_i4_the_causes_of_legs_are_read_as_the_switch_writes_them(
    said: list[str] | str | None, meant: tuple[tuple[str, str], ...]
) -> None:
    """Seen on 1.11.1: one as a text, several as a list; in plain text after `ARRAY::`."""
    body = {"Event-Name": "CHANNEL_EXECUTE_COMPLETE", "variable_originate_causes": said}
    assert failed_legs(decode_event(json.dumps(body).encode()).originate_causes) == meant


def test_i4_a_leg_that_connects_says_the_causes_in_plain_text() -> None:
    for text, meant in (
        ("ARRAY::a%3BNORMAL_TEMPORARY_FAILURE|:b%3BNONE|:c%3BUSER_BUSY", MEANT),
        ("a%3BNORMAL_TEMPORARY_FAILURE", MEANT[:1]),
        ("", ()),
    ):
        headers = {"Unique-ID": "u", "variable_originate_causes": text}
        assert failed_legs_of(channel_data(Frame(headers=headers, body=b""))) == meant
