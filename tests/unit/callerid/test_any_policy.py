"""I1 to I7, whatever the policy, the channels and what has become of the numbers meanwhile."""

from __future__ import annotations

import re
from typing import Final

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.callerid.model import Numbers, Rang, Shown
from controller.numbers.sending import as_sent
from controller.policy.channels import Channel, HiddenIdentity, NumberFormat
from controller.policy.fields import Choice, ShownFrom
from controller.policy.model import Policy
from controller.routing.model import MOST_WAYS, Candidate, Passed, Plan, Way
from controller.routing.planning import plan_destination, plan_return
from tests.unit.callerid.given import dice
from tests.unit.examples import many

DID: Final = "+12025550100"
CALLER: Final = "+12125550199"
DESTINATION: Final = "+442079460000"
NAMES: Final = ("a", "b", "c", "d", "e", "f", "g")
PUBLIC: Final = tuple(f"+12025550{n}" for n in range(110, 118))

numbers_of_the_client = st.sampled_from((*PUBLIC, DID))
policies = st.builds(
    Policy,
    extension=st.just("1001"),
    dids=st.just((DID,)),
    country=st.just("US"),
    caller_ids=st.lists(st.sampled_from(PUBLIC), unique=True).map(tuple),
    # Whatever `rules` would say of these together.
    default_caller_id=st.none() | st.sampled_from(PUBLIC),
    caller_id_number=st.none() | numbers_of_the_client,
    caller_id_number_from=st.sampled_from(ShownFrom),
    caller_id_name_from=st.sampled_from(ShownFrom),
    caller_id_name=st.sampled_from(("", "Acme Ltd")),
    caller_id_choice=st.sampled_from(Choice),
    hide_caller_id=st.booleans(),
    p_asserted_identity=st.booleans(),
    p_preferred_identity=st.none() | st.just(f"sip:{CALLER}@example.net"),
)
tables = st.builds(
    Numbers,
    st.dictionaries(st.sampled_from(PUBLIC), st.sampled_from(NAMES)),
    st.sampled_from((frozenset(), frozenset({DID}))),
)
triggers = st.builds(
    Rang, st.sampled_from(("", CALLER)), st.sampled_from(("", "Bob")), st.booleans()
)
formats = st.sampled_from(NumberFormat)
channels = st.builds(
    Channel,
    name=st.sampled_from(NAMES),
    country=st.sampled_from(("US", "GB", "BR")),
    number_format=formats,
    caller_id_format=formats,
    domain=st.none() | st.just("trunk.example"),
    hidden_identity=st.sampled_from(HiddenIdentity),
)
candidates = st.lists(channels, unique_by=lambda one: one.name, max_size=len(NAMES)).map(
    lambda some: [Candidate(one) for one in some]
)


def as_server(policy: Policy, numbers: Numbers, channel: str, shown: Shown) -> bool:
    """Whether a number is one of those assigned, here, or the default; and still the client's."""
    if shown.number not in numbers.channels:
        return False
    here = {one for one in policy.caller_ids if numbers.channels.get(one) == channel}
    return shown.number in here if here else shown.number == policy.default_caller_id


def may_show(policy: Policy, numbers: Numbers, rang: Rang, way: Way) -> bool:
    """Whether a number may be shown by I2."""
    number = way.shown.number
    match policy.caller_id_number_from:
        case ShownFrom.CUSTOM:
            owned = number in numbers.channels or number in numbers.own
            return number == policy.caller_id_number and owned
        case ShownFrom.EQUIPMENT if rang.trusted and rang.number:
            return number == rang.number
        case _:
            return as_server(policy, numbers, way.channel, way.shown)


def may_name(policy: Policy, rang: Rang, name: str) -> bool:
    """Whether a name may be shown by I1."""
    if policy.caller_id_name_from is ShownFrom.EQUIPMENT and rang.trusted and rang.number:
        return name == (rang.name or policy.caller_id_name)
    return name == policy.caller_id_name


def check_whole(plan: Plan, channels: list[Candidate]) -> None:
    """Check that each channel is used or passed, in order, and that a plan is one or a refusal."""
    used, passed = list(plan.channels), [one.channel for one in plan.passed]
    names = [one.channel.name for one in channels]
    assert sorted(used + passed) == sorted(names)
    assert used == [name for name in names if name in used]
    assert len(used) <= MOST_WAYS
    assert bool(plan.refusal) != bool(plan.ways)
    if plan.refusal:
        nothing = any(one.reason == "no_caller_id" for one in plan.passed)
        assert plan.refusal == ("no_caller_id" if nothing else "no_channel")
    beyond = [one.reason == "beyond" for one in plan.passed]
    assert not any(beyond) or len(used) == MOST_WAYS


@settings(max_examples=many(600))
@given(policies, tables, triggers, candidates, st.integers(0, 2**32))
def test_i2_only_what_may_be_shown_is_shown_on_every_channel(
    policy: Policy, numbers: Numbers, rang: Rang, some: list[Candidate], seed: int
) -> None:
    plan = plan_destination(
        DESTINATION, some, (), policy=policy, numbers=numbers, rang=rang,
        domain="example.com", pick=dice(seed).randrange,
    )  # fmt: skip
    check_whole(plan, some)
    by_name = {one.channel.name: one.channel for one in some}
    for way in plan.ways:
        channel = by_name[way.channel]
        if policy.hide_caller_id:
            check_hidden(policy, channel, way)
            continue
        assert may_show(policy, numbers, rang, way)
        assert may_name(policy, rang, way.shown.name)
        assert not way.shown.hidden
        assert way.caller_id == as_sent(way.shown.number, channel.caller_id_format, channel.country)
        host = channel.domain or "example.com"
        asserted = f"sip:1001@{host}" if policy.p_asserted_identity else ""
        assert way.p_asserted == asserted
        assert way.p_preferred == (policy.p_preferred_identity or "")
    # I2: a call is refused only where nothing is left to show.
    if not policy.hide_caller_id and policy.default_caller_id in numbers.channels:
        custom = policy.caller_id_number_from is ShownFrom.CUSTOM
        assert custom or not any(one.reason == "no_caller_id" for one in plan.passed)


def check_hidden(policy: Policy, channel: Channel, way: Way) -> None:
    """Check that nobody learns a number from a call that hides it (I6)."""
    assert way.shown == Shown(hidden=True, rule="I6")
    told = msgspec.json.encode([way.shown, way.caller_id, way.tried])
    assert re.search(rb"[0-9]{2,}", told) is None
    identities = (way.p_asserted, way.p_preferred)
    if channel.hidden_identity is HiddenIdentity.OMIT:
        assert identities == ("", "")
    else:
        # To a network that is trusted, the extension's own address, and no other.
        host = channel.domain or "example.com"
        asserted = f"sip:1001@{host}" if policy.p_asserted_identity else ""
        assert identities == (asserted, "")


@settings(max_examples=many(200))
@given(policies, candidates)
def test_t8_the_return_call_shows_the_did_on_every_channel(
    policy: Policy, some: list[Candidate]
) -> None:
    plan = plan_return(CALLER, some, (), policy=policy, did=DID, domain="example.com")
    check_whole(plan, some)
    by_name = {one.channel.name: one.channel for one in some}
    for way in plan.ways:
        channel = by_name[way.channel]
        assert way.shown == Shown(DID, policy.caller_id_name, rule="T8", name_rule="I1")
        assert way.caller_id == as_sent(DID, channel.caller_id_format, channel.country)
        assert way.number == as_sent(CALLER, channel.number_format, channel.country)
        assert bool(way.p_asserted) == policy.p_asserted_identity
    assert all(one == Passed(one.channel, "beyond") for one in plan.passed)
