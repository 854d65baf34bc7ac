"""T4, G1: identity headers as FreeSWITCH 1.11.1 gives them, seen on one with `fs-config/`.

A block is the reply to `connect`: what stands there was sent over SIP, and is encoded as it came.
"""

from __future__ import annotations

import pytest

from controller.esl.channel_data import ChannelData
from controller.numbers.caller import Caller, identify
from controller.policy.fields import IdentityHeader
from controller.runtime.trigger_leg import identities_of

FROM = IdentityHeader.FROM
PAI = IdentityHeader.P_ASSERTED_IDENTITY
RPID = IdentityHeader.REMOTE_PARTY_ID
PPI = IdentityHeader.P_PREFERRED_IDENTITY
HIDDEN = Caller(reason="hidden")
#: From: <sip:+12125550111@h>
PLAIN = """
variable_sip_from_user: %2B12125550111
variable_sip_from_host: h
variable_sip_full_from: %3Csip%3A%2B12125550111%40h%3E%3Btag%3D2382bf5a
"""


def data(block: str) -> ChannelData:
    """Read a block."""
    pairs = (line.partition(": ") for line in block.splitlines() if line)
    return ChannelData({name: value for name, _, value in pairs})


def who(block: str, *order: IdentityHeader) -> Caller:
    """Who rang, by these headers."""
    return identify(identities_of(data(block)), order=order or (FROM,), country="US")


def test_t4_from_is_read_with_its_name_and_its_host() -> None:
    assert who(PLAIN) == Caller(number="+12125550111")
    block = PLAIN + "variable_sip_from_display: Nummer%20unterdr%C3%BCckt\n"
    assert who(block) == HIDDEN
    block = PLAIN + "variable_sip_from_display: Smith%20%26%20S%C3%B6hne\n"
    assert who(block) == Caller(number="+12125550111", name="Smith & Söhne")
    assert who(PLAIN.replace("_host: h", "_host: anonymous.invalid")) == HIDDEN
    # A name in no known encoding is no wish, and no name.
    odd = PLAIN + "variable_sip_from_display: Jos%E9\n"
    assert who(odd) == Caller(number="+12125550111")


def test_t4_a_from_without_user_is_nobody() -> None:
    """From: <sip:@h>: the switch invents a user."""
    block = "variable_sip_from_user: nobody\nvariable_sip_from_host: h\n"
    assert who(block) == HIDDEN
    asserted = block + "variable_sip_P-Asserted-Identity: %3Csip%3A%2B12125550199%40h%3E\n"
    assert who(asserted, PAI) == HIDDEN


def test_t4_a_call_without_from_names_nobody() -> None:
    assert identities_of(data("Unique-ID: x\n")) == {}
    assert who("Unique-ID: x\n") == HIDDEN


def test_g1_a_from_that_the_switch_would_expand_is_no_number_and_is_kept() -> None:
    """From: <sip:+1${system(id)}@h>: the switch makes no variable of it, but for the host."""
    block = "variable_sip_from_host: h\nCaller-Caller-ID-Number: %2B1$%7Bsystem(id)%7D\n"
    assert who(block) == Caller(reason="not_digits", said="'%2B1$%7Bsystem(id)%7D'")
    # Of a header that counts before it, that one's.
    asserted = block + "variable_sip_P-Asserted-Identity: %3Csip%3A%2B12125550199%40h%3E\n"
    assert who(asserted, PAI, FROM) == Caller(number="+12125550199")
    # And it hides whoever asks for that.
    assert identify(identities_of(data(block)), privacy=["id"], country="US") == HIDDEN


TEL = """
variable_sip_from_user: {user}
variable_sip_from_host: nowhere
variable_sip_full_from: %3Ctel%3A{whole}%3E%3Btag%3D8e11a2ea
"""


@pytest.mark.parametrize(
    ("user", "whole", "caller"),
    [
        ("%2B12125550199", "%2B12125550199", Caller(number="+12125550199")),
        ("2125550199", "2125550199", Caller(number="+12125550199")),
        # The user has lost what makes it a number of somewhere else.
        (
            "2125550199",
            "2125550199%3Bphone-context%3D%2B44",
            Caller(
                reason="not_digits",
                said="'%3Ctel%3A2125550199%3Bphone-context%3D%2B44%3E%3Btag%3D8e11a2ea'",
            ),
        ),
    ],
)
def test_g1_a_tel_address_is_read_with_its_parameters(
    user: str, whole: str, caller: Caller
) -> None:
    assert who(TEL.format(user=user, whole=whole)) == caller


@pytest.mark.parametrize(
    "raw",
    [
        # p-asserted-id-parse: verbatim, user-domain, default
        "%22Bob%22%20%3Csip%3A%2B12125550199%3Bverstat%3DNo-TN-Validation%40carrier.example"
        "%3Buser%3Dphone%3E",
        "%2B12125550199%3Bverstat%3DNo-TN-Validation%40carrier.example",
        "%2B12125550199%3Bverstat%3DNo-TN-Validation",
        "sip%3A%2B12125550199%40h",
        "%22A,%20B%22%20%3Csip%3A%2B12125550199%40h%3E",
        "%3Ctel%3A%2B12125550199%3E",
    ],
)
def test_t4_an_asserted_identity_is_read_whatever_the_profile_makes_of_it(raw: str) -> None:
    block = f"{PLAIN}variable_sip_P-Asserted-Identity: {raw}\nvariable_sip_cid_type: pid\n"
    name = "Bob" if "Bob" in raw else ""
    assert who(block, PAI, FROM) == Caller(number="+12125550199", name=name)
    assert who(block, FROM, PAI) == Caller(number="+12125550111")


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ("%3Csip%3A%2B12125550199%0Ax%40h%3E", "'%3Csip%3A%2B12125550199%0Ax%40h%3E'"),
        ("%3Ctel%3A%2B12125550199%3Bext%3D5%3E", "'%3Ctel%3A%2B12125550199%3Bext%3D5%3E'"),
        ("%FF", "'%FF'"),
        ("ARRAY%3A%3A%2B12125550199|%3A%2B12125550188", None),
        ("ARRAY::%2B12125550199|:%2B12125550188", None),
    ],
)
def test_g1_what_cannot_be_read_counts_and_is_kept(raw: str, said: str | None) -> None:
    block = f"{PLAIN}variable_sip_P-Asserted-Identity: {raw}\n"
    assert who(block, PAI, FROM) == Caller(reason="not_digits", said=said or f"'{raw}'")
    assert who(block, FROM) == Caller(number="+12125550111")


@pytest.mark.parametrize(("kind", "header"), [("pid", PAI), ("rpid", RPID)])
def test_t4_a_header_that_names_nobody_leaves_its_mark(kind: str, header: IdentityHeader) -> None:
    """P-Asserted-Identity: "Anonymous" <sip:anonymous.invalid>: no variable has it."""
    block = f"{PLAIN}variable_sip_cid_type: {kind}\n"
    assert who(block, header, FROM) == HIDDEN
    assert who(block, FROM) == Caller(number="+12125550111")
    # Which of the two it was nobody knows.
    assert who(block, PPI if kind == "pid" else RPID, FROM) == HIDDEN
    preferred = f"{block}variable_sip_P-Preferred-Identity: Bob%20%3Csip%3A%2B12125550199%40h%3E\n"
    if kind == "pid":
        assert who(preferred, PAI, FROM) == Caller(number="+12125550111")
    assert who(preferred, PPI, FROM) == Caller(number="+12125550199", name="Bob")


def test_t4_remote_party_id_is_read_with_its_wish_and_its_party() -> None:
    rpid = "variable_sip_cid_type: rpid\nvariable_sip_Remote-Party-ID: "
    seen = PLAIN + rpid + "%22Jos%E9%22%20%3Csip%3A%2B12125550199%40h%3Buser%3Dphone%3E"
    assert who(seen, RPID, FROM) == Caller(number="+12125550199")
    assert who(seen + "%3Bparty%3Dcalling%3Bscreen%3Dyes%3Bprivacy%3Dfull", RPID) == HIDDEN
    assert who(seen + "%3Bprivacy%3D%22uri,name%22", FROM) == HIDDEN
    # It is there, and of somebody else.
    assert who(seen + "%3Bparty%3Dcalled", RPID, FROM) == Caller(number="+12125550111")
    quoted = "%22a%20%5C%22q%5C%22%20b%22%20%3Csip%3A%2B12125550199%40h%3E"
    assert who(PLAIN + rpid + quoted, RPID) == Caller(number="+12125550199")
    # `"Bob %22 Q"`: the switch does not tell it from a quote, and neither do we.
    odd = "%22Bob%20%22%20Q%22%20%3Csip%3A%2B12125550199%40h%3E"
    assert who(PLAIN + rpid + odd, RPID).reason == "not_digits"
