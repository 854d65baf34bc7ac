"""What fields must keep together, both ways; and the policy in force."""

from __future__ import annotations

from typing import Any

import pytest

from controller.policy.fields import NumberType, ShownFrom
from controller.policy.model import PolicyError
from controller.policy.rules import DEFAULTS, effective, validate
from controller.prompts.catalogue import NAMES
from tests.unit.policy.given import LEAST, policy

ONE, TWO, DID = "+12025550150", "+12025550151", LEAST["dids"][0]

#: What goes together.
TOGETHER: list[dict[str, Any]] = [
    # T2: at most as long as it rings.
    {"early_hang_up": "callback", "early_hang_up_seconds": 5, "ring_seconds": 5},
    # T3
    {"return_calls": "fixed", "fixed_number": "+12125550199"},
    # I1
    {"caller_id_name": "Acme", "caller_id_name_from": "custom"},
    {"caller_id_name": "", "caller_id_name_from": "server"},
    # I2
    {"caller_id_number": ONE, "caller_id_number_from": "custom"},
    {"caller_id_number": TWO, "caller_id_number_from": "custom"},
    {"caller_id_number_from": "equipment", "caller_id_name_from": "equipment"},
    # It falls back on nothing, and nothing is to be shown.
    {
        "caller_ids": [],
        "default_caller_id": None,
        "caller_id_number_from": "equipment",
        "hide_caller_id": True,
    },
    # I3: of one number there is nothing to choose, and more may come.
    {"caller_id_choice": "sticky"},
    {"caller_ids": [ONE, TWO], "caller_id_choice": "sticky"},
    # I6, I7: a channel says what becomes of the identity.
    {
        "hide_caller_id": True,
        "p_asserted_identity": True,
        "p_preferred_identity": "sip:a@b.example",
    },
    # Nothing has to be assigned where nothing is shown, or another number is.
    {"caller_ids": [], "default_caller_id": None, "hide_caller_id": True},
    {
        "caller_ids": [],
        "default_caller_id": None,
        "caller_id_number": ONE,
        "caller_id_number_from": "custom",
    },
    # I5, I8: one of those assigned; also one that is the extension's own DID.
    {"caller_ids": [ONE, TWO], "default_caller_id": TWO},
    {"caller_ids": [DID], "default_caller_id": DID},
    # C2
    {"credit_query": True, "credit_query_again": True},
    {"credit_query": True},
    # G3: what is more often in less time can be reached.
    {"callbacks_per_did": {"minute": 5, "hour": 5, "day": 5}},
    {"callbacks_per_did": {"minute": 1, "day": 2}},
    {"callbacks_per_did": {"minute": 0}},
    {"callbacks_per_did": {}},
    # S2: each prompt by its name; a language that has words, or is spoken like one that has.
    {"prompts": dict.fromkeys(sorted(NAMES), "/a.wav")},
    {"prompts": {"goodbye": "bye"}},
    {"language": "pt-BR"},
    {"language": "en-GB"},
    # G2
    {"return_countries": ["US", "GB"], "destination_countries": ["GB", "US"]},
]

#: What does not, with the field that is named, and what to do.
APART: list[tuple[dict[str, Any], str, str]] = [
    (
        {"early_hang_up_seconds": 6, "ring_seconds": 5},
        "early_hang_up_seconds",
        r"longer than the call rings \(ring_seconds: 5\); write at most that",
    ),
    ({"return_calls": "fixed"}, "fixed_number", "needs the number that is always called; set it"),
    ({"fixed_number": "+12125550199"}, "fixed_number", "set that, or leave the number out"),
    (
        {"fixed_number": "+12125550199", "return_calls": "authorized"},
        "fixed_number",
        "set that, or leave the number out",
    ),
    (
        {"return_calls": "fixed", "fixed_number": DID},
        "fixed_number",
        "write the number of the person",
    ),
    (
        {"caller_id_name": "Acme", "caller_id_name_from": "server"},
        "caller_id_name",
        "set that, or leave the name out",
    ),
    (
        {"caller_id_name": "Acme", "caller_id_name_from": "equipment"},
        "caller_id_name",
        "set that, or leave the name out",
    ),
    ({"caller_id_number_from": "custom"}, "caller_id_number", "set it"),
    ({"caller_id_number": ONE}, "caller_id_number", "set that, or leave the number out"),
    (
        {"caller_id_number": ONE, "caller_id_number_from": "equipment"},
        "caller_id_number",
        "set that, or leave the number out",
    ),
    (
        {"caller_ids": [], "default_caller_id": None},
        "caller_ids",
        "assign one of the client's public numbers",
    ),
    (
        {"caller_ids": [], "default_caller_id": None, "caller_id_number_from": "equipment"},
        "caller_ids",
        "assign one",
    ),
    (
        {"caller_ids": [ONE], "default_caller_id": TWO},
        "default_caller_id",
        "write one of caller_ids, or add it there",
    ),
    ({"caller_ids": [], "default_caller_id": ONE}, "default_caller_id", "write one of caller_ids"),
    (
        {"caller_ids": [ONE], "default_caller_id": DID},
        "default_caller_id",
        "write one of caller_ids",
    ),
    ({"caller_ids": [ONE, ONE]}, "caller_ids", "name each once"),
    ({"dids": [DID, TWO, DID]}, "dids", rf"\{DID} stands twice; name each once"),
    ({"return_countries": ["US", "GB", "US"]}, "return_countries", "US stands twice"),
    ({"destination_countries": ["GB", "GB"]}, "destination_countries", "name each once"),
    ({"country": "AA"}, "country", "ISO 3166: US"),
    ({"return_countries": ["AA"]}, "return_countries", "ISO 3166: US"),
    ({"destination_countries": ["EU"]}, "destination_countries", "ISO 3166: US"),
    ({"credit_query_again": True}, "credit_query_again", "set credit_query too"),
    ({"return_prefixes": ["+4420", "+4420"]}, "return_prefixes", "name each once"),
    ({"destination_prefixes": ["+1", "+1"]}, "destination_prefixes", "name each once"),
    ({"blocked_prefixes": ["+1", "+1"]}, "blocked_prefixes", "name each once"),
    ({"blocked_countries": ["AA"]}, "blocked_countries", "ISO 3166: US"),
    ({"return_types": ["voip", "voip"]}, "return_types", "voip stands twice; name each once"),
    ({"destination_types": ["mobile", "mobile"]}, "destination_types", "name each once"),
    ({"blocked_types": ["voip", "voip"]}, "blocked_types", "name each once"),
    ({"return_prefixes": ["+8816"]}, "return_prefixes", r"\(G2\); leave it out"),
    ({"destination_prefixes": ["+979"]}, "destination_prefixes", "leave it out"),
    ({"quiet_from": "22:00"}, "quiet_until", "set both quiet_from and quiet_until"),
    ({"quiet_until": "07:00"}, "quiet_from", "set both quiet_from and quiet_until"),
    (
        {"quiet_from": "07:00", "quiet_until": "07:00"},
        "quiet_until",
        r"switch the extension off \(enabled\)",
    ),
    ({"retry_causes": {"USR_BUSY": "never"}}, "retry_causes", "by its name: USER_BUSY"),
    ({"retry_causes": {"CALL_REJECTED": "busy"}}, "retry_causes", r"\(T5\); leave it out"),
    ({"retry_causes": {"UNALLOCATED_NUMBER": "failed"}}, "retry_causes", "leave it out"),
    (
        {"prompts": {"goodbye": "/a.wav", "good_bye": "/b.wav"}},
        r"prompts\.good_bye",
        rf"there is no such prompt; write one of: {', '.join(sorted(NAMES))}$",
    ),
    ({"language": "xx"}, "language", "there are no prompts in 'xx'; write one of: de, en, es"),
    ({"time_zone": "Europe/Nowhere"}, "time_zone", "IANA's list: Europe/Berlin"),
    *(
        (
            {field: {shorter: 3, longer: 2}},
            field,
            f"3 in a {shorter} cannot be reached where 2 in a {longer} are the most; write at "
            f"most 2 for the {shorter}",
        )
        for field in (
            "callbacks_per_number",
            "callbacks_per_block",
            "callbacks_per_did",
            "callbacks_per_extension",
            "unanswered_per_block",
            "unanswered_per_extension",
        )
        for shorter, longer in (("minute", "hour"), ("hour", "day"), ("minute", "day"))
    ),
]


@pytest.mark.parametrize("values", TOGETHER, ids=str)
def test_what_goes_together_is_a_policy(values: dict[str, Any]) -> None:
    policy(**values)


@pytest.mark.parametrize(("values", "field", "remedy"), APART, ids=str)
def test_what_contradicts_itself_is_refused_by_its_field_with_the_remedy(
    values: dict[str, Any], field: str, remedy: str
) -> None:
    with pytest.raises(PolicyError, match=rf"^{field}: .*{remedy}"):
        policy(**values)


def test_i5_the_default_is_the_first_number_assigned_unless_another_is_set() -> None:
    assert validate(LEAST).default_caller_id == ONE
    assert validate({**LEAST, "default_caller_id": None}).default_caller_id == ONE
    assert policy(caller_ids=[TWO, ONE], default_caller_id=ONE).default_caller_id == ONE
    with pytest.raises(PolicyError, match=r"^default_caller_id: "):
        validate({**LEAST, "default_caller_id": TWO})


def test_g2_a_call_goes_to_the_countries_that_are_named_or_to_the_extensions_own() -> None:
    own = validate(LEAST)
    assert (own.may_return_to("+1", "US"), own.may_dial_to("+1", "US")) == (True, True)
    assert (own.may_return_to("+44", "GB"), own.may_dial_to("+44", "GB")) == (False, False)
    # Satellite and global numbers are of no country: denied.
    assert (own.may_return_to("+881", None), own.may_dial_to("+881", None)) == (False, False)
    named = validate({**LEAST, "return_countries": ["GB"], "destination_countries": ["FR"]})
    codes = ("GB", "FR", "US", None)
    assert [named.may_return_to("+", code) for code in codes] == [True, False, False, False]
    assert [named.may_dial_to("+", code) for code in codes] == [False, True, False, False]


def test_g2_beginnings_are_allowed_besides_and_what_is_blocked_is_not() -> None:
    found = validate(
        {
            **LEAST,
            "return_prefixes": ["+4420"],
            "destination_prefixes": ["+33"],
            "blocked_prefixes": ["+1212", "+44207"],
            "blocked_countries": ["FR"],
        }
    )
    assert found.may_return_to("+442085550100", "GB")
    assert not found.may_return_to("+441615550100", "GB")
    assert not found.may_dial_to("+442085550100", "GB")
    # Blocked is blocked, whatever allows it.
    assert not found.may_return_to("+442079460000", "GB")
    assert not found.may_return_to("+12125550199", "US")
    assert found.may_return_to("+13105550199", "US")
    assert not found.may_dial_to("+33145550100", "FR")


# --- the policy in force ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("own", "client", "expected"),
    [(True, True, True), (True, False, False), (False, True, False), (False, False, False)],
)
def test_o6_an_extension_is_on_where_it_and_its_client_are(
    own: bool, client: bool, expected: bool
) -> None:
    found = effective(policy(enabled=own), contact_name="", client_enabled=client)
    assert found.enabled is expected


@pytest.mark.parametrize(
    ("name_from", "own", "contact", "expected"),
    [
        ("custom", "Sales", "Acme", "Sales"),
        ("custom", "", "Acme", "Acme"),
        ("custom", "", "", ""),
        ("server", "", "Acme", "Acme"),
        ("equipment", "", "Acme", "Acme"),
    ],
)
def test_i1_the_name_is_the_extensions_own_or_the_clients_contact_name(
    name_from: str, own: str, contact: str, expected: str
) -> None:
    before = policy(caller_id_name_from=name_from, caller_id_name=own)
    found = effective(before, contact_name=contact, client_enabled=True)
    assert found.caller_id_name == expected
    assert found.caller_id_name_from is ShownFrom(name_from)


def test_what_the_client_says_nothing_to_stays_as_it_is() -> None:
    before = policy(ring_seconds=9, caller_id_name="Sales", password_hash="x")
    assert effective(before, contact_name="Acme", client_enabled=True) == before


def test_g2_what_the_client_blocks_is_blocked_besides() -> None:
    before = policy(blocked_countries=["FR"], blocked_prefixes=["+1900"], blocked_types=["voip"])
    found = effective(
        before,
        contact_name="",
        client_enabled=True,
        blocked_countries=("GB", "FR"),
        blocked_prefixes=("+44",),
        blocked_types=(NumberType.VOIP, NumberType.TOLL_FREE),
    )
    assert found.blocked_countries == ("FR", "GB")
    assert found.blocked_prefixes == ("+1900", "+44")
    assert found.blocked_types == (NumberType.VOIP, NumberType.TOLL_FREE)


def test_defaults_are_policies_of_their_own_and_share_nothing() -> None:
    first, second = validate(LEAST), validate(LEAST)
    assert first.prompts is not second.prompts
    assert DEFAULTS["prompts"] == {}
