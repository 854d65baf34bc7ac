"""I1, G1: the name that comes with a trigger call: as it came, or not at all."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.numbers.caller import Caller, Identity, identify, read_identity
from controller.numbers.names import shown_name
from controller.policy.fields import IdentityHeader
from tests import abuse

FROM = IdentityHeader.FROM
PAI = IdentityHeader.P_ASSERTED_IDENTITY
RPID = IdentityHeader.REMOTE_PARTY_ID
NUMBER = "+12125550199"


@pytest.mark.parametrize(
    ("display", "name"),
    [
        ("Ann", "Ann"),
        ("Smith & Sons (Sales)", "Smith & Sons (Sales)"),
        ("Müller-Lüdenscheidt", "Müller-Lüdenscheidt"),
        ("Иванов И.И.", "Иванов И.И."),
        ("田中", "田中"),
        ("WIRELESS CALLER", "WIRELESS CALLER"),
        ("1-800-FLOWERS", "1-800-FLOWERS"),
        ("Private Bank", "Private Bank"),
        ("a" * 40, "a" * 40),
        # Carriers fill names up.
        ("SMITH JOHN     ", "SMITH JOHN"),
        (" Ann ", "Ann"),
    ],
)
def test_i1_a_name_of_letters_that_may_be_shown_is_one(display: str, name: str) -> None:
    assert shown_name(display) == name


@pytest.mark.parametrize(
    "display",
    [
        None, "", " ", "-", "...", "()", "_",
        # A number in a name's place, this one or another.
        "+12125550199", "12125550199", "(212) 555-0199", "+1 900 555 0100", "007", "0", "١٢٣",
        # Of more letters, or of others: nothing is taken out.
        "a" * 41, "O'Brien", "Smith, Ann", "Ann;x", "Ann\tB", "Ann\nB", "\nAnn", "Ann\n", "Ann\x00",
        'Ann "B"', "Ann\\", "a|b", "a=b", "{a}", "[a]", "<a>", "$a", "%41", "a:b", "a@b",
        "Jos\ufffd", "a\u202eb", "a\u2028b", "\udcffa", "a\u0301",
        # There is none.
        "unknown", "UNAVAILABLE", "Out of area", "anonymous", "Private Number", "Unterdrückt",
        "No name", "非通知",
    ],
)  # fmt: skip
def test_g1_what_is_no_such_name_is_none_and_never_repaired(display: str | None) -> None:
    assert shown_name(display) == ""


@pytest.mark.parametrize("case", [*abuse.CASES["caller_id_name"], *abuse.CASES["caller_id_number"]])
@pytest.mark.parametrize("written", ["{}", '"{}" <sip:{}@h>', "{} <sip:{}@h>"])
@pytest.mark.parametrize("header", [FROM, PAI, RPID])
def test_g1_no_hostile_name_gets_through(case: str, written: str, header: IdentityHeader) -> None:
    text = abuse.written(case)
    assert shown_name(text) == ""
    if header is FROM:
        identity: Identity | None = Identity(user=NUMBER, display=text)
    else:
        identity = read_identity(header, written.format(text, NUMBER), "")
    assert identity is not None
    caller = identify({header: identity}, order=(header,), country="US")
    assert caller.name == ""


@given(st.text(max_size=60) | st.text("Ann +1.()&/-_", max_size=45))
def test_g1_whatever_is_written_the_name_is_of_these_letters(display: str) -> None:
    name = shown_name(display)
    assert name in ("", display.strip(" "))
    assert re.fullmatch(r"[\w .&()/+-]{0,40}", name)


# --- whose name it is --------------------------------------------------------------------------


def who(*order: IdentityHeader, privacy: str | None = None, **names: str | None) -> Caller:
    """Who rang, by From and by an asserted identity with these names."""
    identities = {
        FROM: Identity(user="+12125550111", display=names.get("from_")),
        PAI: Identity(user=NUMBER, display=names.get("asserted")),
    }
    return identify(identities, order=order, country="US", privacy=(privacy,))


def test_i1_the_name_is_that_of_the_header_that_gave_the_number() -> None:
    both = {"from_": "Mallory", "asserted": "Ann"}
    assert who(PAI, FROM, **both) == Caller(number=NUMBER, name="Ann")
    assert who(FROM, PAI, **both) == Caller(number="+12125550111", name="Mallory")
    # What is not believed gives no name to a number that is.
    assert who(PAI, FROM, from_="Mallory") == Caller(number=NUMBER)


def test_i1_without_a_number_there_is_no_name() -> None:
    for identity in (
        Identity(user="anonymous", display="Ann"),
        Identity(user="", display="Ann"),
        Identity(user="x", display="Ann"),
        Identity(user="123", display="Ann"),
        Identity(user=None, display="Ann"),
    ):
        caller = identify({FROM: identity}, country="US")
        assert (caller.number, caller.name) == (None, "")
    assert who(PAI, asserted="Ann", privacy="id") == Caller(reason="hidden")


@pytest.mark.parametrize(
    ("privacy", "name"),
    [("off", "Ann"), ("none", "Ann"), ("name", ""), ("Name-Network", ""), ('"name"', "")],
)
def test_i1_a_name_that_is_not_to_be_seen_is_not(privacy: str, name: str) -> None:
    """Remote-Party-ID may hide the name alone; it counts wherever it stands (T4)."""
    text = f'"Ann" <sip:{NUMBER}@h>;party=calling;privacy={privacy}'
    identity = read_identity(RPID, text, "")
    assert identity is not None
    assert identify({RPID: identity}, order=(RPID,), country="US") == Caller(NUMBER, name=name)
    identities = {RPID: identity, FROM: Identity(user=NUMBER, display="Ann")}
    assert identify(identities, order=(FROM,), country="US") == Caller(NUMBER, name=name)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (f'"Ann" <sip:{NUMBER}@h>', "Ann"),
        (f"Ann <sip:{NUMBER}@h>", "Ann"),
        (f"Ann  B <sip:{NUMBER}@h>", "Ann  B"),
        (f'"" <sip:{NUMBER}@h>', ""),
        (f"<sip:{NUMBER}@h>", ""),
        (f"sip:{NUMBER}@h", ""),
        (f'"Ann \\"B\\"" <sip:{NUMBER}@h>', ""),
    ],
)
def test_i1_a_name_is_read_with_and_without_quotes(text: str, name: str) -> None:
    identity = read_identity(PAI, text, "")
    assert identity is not None
    assert identify({PAI: identity}, order=(PAI,), country="US") == Caller(NUMBER, name=name)
