"""T4, T1: each trunk is believed as the operator says, and refuses as he says."""

from __future__ import annotations

from typing import Any

import pytest

from controller.admin.model import Kind
from tests import abuse
from tests.peer.world import World
from tests.seed import ADMIN, directory

CARRIER, CUSTOMER, STRANGER = "192.0.2.7", "198.51.100.7", "203.0.113.7"
REASONS = {"hidden", "not_digits", "not_a_number", "costly_number", "country_not_allowed"}


def trunks(world: World) -> None:
    """A carrier that is believed, and a customer's exchange that is not."""
    store = directory(world.engine)
    store.change(
        ADMIN,
        Kind.CHANNEL,
        "pstn",
        {
            "addresses": ["192.0.2.0/24"],
            "identity": ["p-asserted-identity", "from"],
            "rewrite": {"00": "+"},
            "refusal_cause": "CALL_REJECTED",
        },
    )
    store.create(ADMIN, Kind.CHANNEL, {"name": "pbx", "addresses": [CUSTOMER], "country": "GB"})
    store.create(
        ADMIN,
        Kind.CHANNEL,
        {"name": "strict", "addresses": ["192.0.2.64/26"], "identity": ["p-asserted-identity"]},
    )


def asserted(number: str, **headers: str) -> dict[str, str]:
    """Headers that assert a number."""
    return {"P-Asserted-Identity": f'"Bob" <sip:{number}@carrier.example;user=phone>', **headers}


@pytest.fixture
def three(world: World) -> World:
    """A world with three trunks, and an extension that calls to two countries."""
    world.extension(return_countries=["US", "GB"])
    trunks(world)
    world.controller()
    return world


def called(world: World, count: int) -> dict[str | None, tuple[str | None, Any, str | None]]:
    """Who was asked to be called, by leg: the number, the reason where there is none, the trunk."""
    requests = world.ended(count)
    world.idle()
    assert len(requests) == count
    return {
        request.leg: (
            request.number,
            request.outcome if request.state == "refused" else None,
            request.channel,
        )
        for request in requests
    }


def test_t4_a_header_counts_on_the_trunk_that_is_believed_and_on_no_other(three: World) -> None:
    """T4: the trunk is told by where the INVITE came from."""
    expected = {
        # Of the carrier the asserted identity counts, and From where there is none.
        three.ring("+12125550101", headers=asserted("+12125550102"), address=CARRIER): (
            "+12125550102", None, "pstn",
        ),
        three.ring("+12125550103", address=CARRIER): ("+12125550103", None, "pstn"),
        three.ring("0012125550104", address=CARRIER): ("+12125550104", None, "pstn"),
        # Whom the strict one does not name is nobody.
        three.ring("+12125550105", address="192.0.2.70"): (None, "hidden", "strict"),
        # What a customer asserts is not believed; he writes as at home.
        three.ring("02079460106", headers=asserted("+12125550107"), address=CUSTOMER): (
            "+442079460106", None, "pbx",
        ),
        # Neither is what comes over no trunk.
        three.ring("+12125550108", headers=asserted("+12125550109"), address=STRANGER): (
            "+12125550108", None, None,
        ),
    }  # fmt: skip
    assert called(three, len(expected)) == expected
    shown = {entry.number for entry in three.switch.seen("called", role="return")}
    assert shown == {
        number.removeprefix("+") for number, _, _ in expected.values() if number is not None
    }


def test_t1_each_trunk_refuses_as_it_is_set(three: World) -> None:
    """T1: 603 where a carrier would try another way after 486."""
    causes = {
        three.ring("+12125550101", address=CARRIER): ("CALL_REJECTED", "603 Decline"),
        three.ring("anonymous", address=CARRIER): ("CALL_REJECTED", "603 Decline"),
        three.ring("+12125550102", address="192.0.2.70"): ("USER_BUSY", "486 Busy Here"),
        three.ring("+12125550103", address=CUSTOMER): ("USER_BUSY", "486 Busy Here"),
        three.ring("+12125550104", address=STRANGER): ("USER_BUSY", "486 Busy Here"),
    }
    three.ended(len(causes))
    three.idle()
    refused = three.switch.seen("refused", role="trigger")
    assert {e.leg: (e.detail["cause"], e.detail["sip"]) for e in refused} == causes


HIDING: list[dict[str, Any]] = [
    {"caller": "anonymous", "host": "anonymous.invalid"},
    {"caller": "+12125550111", "host": "anonymous.invalid"},
    {"caller": "", "host": "anonymous.invalid"},
    {"caller": ""},
    {"caller": "Restricted"},
    {"caller": "+12125550112", "name": "Rufnummer unterdrückt"},
    {"caller": "+12125550113", "headers": {"Privacy": "id"}},
    {"caller": "+12125550114", "headers": {"Privacy": "user;header"}},
    {"caller": "+12125550115", "headers": {"Remote-Party-ID": "<sip:1@h>;privacy=full"}},
    {"caller": "+12125550116", "headers": {"Remote-Party-ID": '<sip:1@h>;privacy="uri"'}},
    {"caller": "+12125550117", "headers": {"P-Preferred-Identity": '"Anonymous" <sip:x@h>'}},
]


@pytest.mark.parametrize("address", [CARRIER, "192.0.2.70"])
def test_t4_privacy_hides_whom_an_identity_header_names(three: World, address: str) -> None:
    """T4: even where a header that is believed still names the number."""
    for call in HIDING:
        headers = asserted("+12125550199", **call.get("headers", {}))
        three.ring(**{**call, "headers": headers, "address": address})
    # An identity of nobody is one too.
    three.ring(
        "+12125550118",
        headers={"P-Asserted-Identity": '"Anonymous" <sip:anonymous.invalid>'},
        address=address,
    )
    requests = three.ended(len(HIDING) + 1)
    three.idle()
    found = {(r.state, r.outcome, r.number, r.caller, r.said) for r in requests}
    assert found == {("refused", "hidden", None, None, None)}
    assert not three.switch.seen("called", role="return")


def test_t4_a_name_that_nobody_found_hides_no_number(three: World) -> None:
    """T4: a look-up of the name failed, and the number is there."""
    for index, name in enumerate(("UNAVAILABLE", "Unknown", "OUT OF AREA")):
        three.ring(f"+1212555012{index}", name=name, address=CARRIER)
    assert {number for number, _, _ in called(three, 3).values()} == {
        "+12125550120",
        "+12125550121",
        "+12125550122",
    }


def test_t10_what_was_said_is_kept_for_the_operator(three: World) -> None:
    """T10, G1: quoted and cut short; of hidden callers nothing is."""
    said = {
        three.ring("+12125550101;ext=1", address=CUSTOMER): (
            "not_digits", "'%2B12125550101%3Bext%3D1'",
        ),
        three.ring("+8811234567", address=CUSTOMER): ("not_a_number", "'%2B8811234567'"),
        three.ring("1" * 5000, address=CUSTOMER): ("not_digits", f"'{'1' * 96}..."),
        three.ring("anonymous", address=CUSTOMER): ("hidden", None),
        # Of the header that counts.
        three.ring(
            "+12125550101",
            headers={"P-Asserted-Identity": "<tel:5550199;phone-context=+1212>"},
            address=CARRIER,
        ): ("not_digits", "'%3Ctel%3A5550199%3Bphone-context%3D%2B1212%3E'"),
    }  # fmt: skip
    requests = three.ended(len(said))
    three.idle()
    assert {r.leg: (r.outcome, r.said) for r in requests} == said
    assert {r.state for r in requests} == {"refused"}


def test_i1_the_name_that_came_with_the_number_is_kept(three: World) -> None:
    """I1: that of the header that is believed, where it may be shown to others."""
    expected = {
        three.ring("+12125550101", name="Eve", headers=asserted("+12125550102"), address=CARRIER): (
            "Bob"
        ),
        three.ring("+12125550103", name="Smith & Söhne", address=CARRIER): "Smith & Söhne",
        # What a customer asserts is not believed.
        three.ring("+442079460106", headers=asserted("+12125550107"), address=CUSTOMER): None,
        three.ring("+12125550104", name="+12125550104", address=CARRIER): None,
        three.ring("+12125550105", name="Unknown", address=CARRIER): None,
        three.ring("+12125550106", name="O'Brien", address=CARRIER): None,
    }
    requests = three.ended(len(expected))
    three.idle()
    assert {request.leg: request.last_name for request in requests} == expected


@pytest.mark.parametrize(
    "header", ["P-Asserted-Identity", "Remote-Party-ID", "P-Preferred-Identity"]
)
def test_g1_no_hostile_identity_is_called_back(world: World, header: str) -> None:
    """G1: every number and name of the abuse list, through every header that may count."""
    world.extension()
    store = directory(world.engine)
    store.change(
        ADMIN,
        Kind.CHANNEL,
        "pstn",
        {"addresses": [CARRIER], "identity": [header.lower()]},
    )
    world.controller()
    calls = [f'"Bob" <sip:{number}@h>' for number in abuse.NUMBERS]
    calls += [f'"{name}" <sip:anonymous@h>' for name in abuse.NAMES]
    for value in calls:
        world.ring("+12125550199", headers={header: value}, address=CARRIER)
    requests = world.ended(len(calls))
    world.idle()
    assert {request.state for request in requests} == {"refused"}
    assert {request.outcome for request in requests} <= REASONS
    assert not world.switch.seen("called", role="return")
    for request in requests:
        assert request.said is None or (request.said.isascii() and request.said.isprintable())
