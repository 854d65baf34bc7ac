"""T4, G1: who rang, from what a stranger wrote, by the headers that a trunk is believed in."""

from __future__ import annotations

import re
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from controller.guard.destinations import refusal_of_return_call
from controller.guard.ranges import shipped
from controller.numbers import withheld
from controller.numbers.caller import Caller, Identity, identify, read_identity
from controller.numbers.e164 import is_e164
from controller.numbers.withheld import Withheld, name_hides
from controller.policy.fields import IdentityHeader
from controller.policy.model import Policy
from tests import abuse

POLICY = Policy(
    extension="100",
    dids=("+12025550100",),
    country="US",
    caller_ids=("+12025550100",),
    default_caller_id="+12025550100",
)
WORLDWIDE = Policy(
    extension="100",
    dids=("+12025550100",),
    country="US",
    caller_ids=("+12025550100",),
    default_caller_id="+12025550100",
    return_countries=("US", "GB", "DE"),
)
FROM = IdentityHeader.FROM
PAI = IdentityHeader.P_ASSERTED_IDENTITY
RPID = IdentityHeader.REMOTE_PARTY_ID
PPI = IdentityHeader.P_PREFERRED_IDENTITY
NUMBER = "+12125550199"
OTHER = "+12125550188"
HIDDEN = Caller(reason="hidden")

#: Why each hostile CallerID is not called back.
#: How each header may say a user: From, bare, with a host, whole, with a name, as `tel:`.
WAYS: dict[str, tuple[IdentityHeader, str]] = {
    "from": (FROM, "{user}"),
    "pai-user": (PAI, "{user}"),
    "pai-user-host": (PAI, "{user}@carrier.example"),
    "pai-address": (PAI, "sip:{user}@carrier.example;user=phone"),
    "pai-whole": (PAI, '"Bob" <sip:{user}@carrier.example;user=phone>'),
    "pai-tel": (PAI, "<tel:{user}>"),
    "rpid": (RPID, "<sip:{user}@192.0.2.1>;party=calling;screen=yes;privacy=off"),
    "rpid-name": (RPID, 'Bob <SIPS:{user}@[2001:db8::1]:5061> ; privacy="name"'),
    "ppi": (PPI, '"Smith, \\"Bob\\"" <sip:{user}@192.0.2.1>'),
}
every_way = pytest.mark.parametrize("way", WAYS)


def named(user: str | None, display: str | None = None, host: str | None = None) -> Identity:
    """What From says."""
    return Identity(user=user, display=display, host=host, raw=quote(user or "%FF"))


def said_by(way: str, user: str) -> dict[IdentityHeader, Identity]:
    """What a header says of a user, read as the switch gives it."""
    header, written = WAYS[way]
    if header is FROM:
        return {FROM: named(user)}
    text = written.format(user=user)
    identity = read_identity(header, text, quote(text))
    assert identity is not None
    return {header: identity}


def from_(user: str | None, display: str | None = None, *privacy: str | None) -> Caller:
    """Who rang, by From alone."""
    return identify({FROM: named(user, display)}, privacy=privacy, country="US")


# --- hostile text ----------------------------------------------------------------------------


@every_way
@pytest.mark.parametrize("number", abuse.CASES["caller_id_number"])
@pytest.mark.parametrize("policy", [POLICY, WORLDWIDE], ids=["own country", "several"])
def test_g1_no_hostile_callerid_is_called_back_and_each_has_its_reason(
    number: str, policy: Policy, way: str
) -> None:
    identities = said_by(way, abuse.written(number))
    caller = identify(identities, order=tuple(identities), country=policy.country)
    reason = caller.reason
    if caller.number is not None:
        assert is_e164(caller.number)
        reason = refusal_of_return_call(caller.number, policy, shipped())
    assert reason == abuse.REASONS[number]
    kept = caller.reason in ("not_digits", "not_a_number")
    assert (caller.said is not None) == kept
    assert caller.said is None or is_plain(caller.said)


def is_plain(said: str) -> bool:
    """Whether a text is harmless to look at, and short."""
    return said.isascii() and said.isprintable() and len(said) <= 100


@pytest.mark.parametrize("name", abuse.CASES["caller_id_name"])
def test_g1_nothing_of_a_hostile_name_goes_on(name: str) -> None:
    assert from_(NUMBER, name) == Caller(number=NUMBER)
    assert from_(name).number is None


@pytest.mark.parametrize("name", abuse.CASES["caller_id_name"])
@pytest.mark.parametrize("quoted", ['"{}" <sip:{}@h>', "{} <sip:{}@h>"])
@pytest.mark.parametrize("header", [PAI, RPID, PPI])
def test_g1_a_hostile_name_in_a_header_changes_no_number(
    header: IdentityHeader, quoted: str, name: str
) -> None:
    text = quoted.format(name, NUMBER)
    identity = read_identity(header, text, quote(text))
    assert identity is not None
    caller = identify({header: identity}, order=(header,), country="US")
    assert caller.number in (None, NUMBER)
    assert caller.reason in (None, "not_digits")


@given(
    st.text('"\\<>;,@:= %3CE2sip+1x\n\u2028', max_size=40)
    | st.builds("{0}<sip:+19005550100@h>{1}".format, st.text('"\\;,= a'), st.text('"\\;,= a')),
    st.sampled_from(['"{}" <sip:{}@h>;party=calling', "{} <sip:{}@h>", "<sip:{1}@h>;x={0}"]),
    st.sampled_from([PAI, RPID, PPI]),
)
@example('x" <sip:+19005550100@h>;a="', '"{}" <sip:{}@h>;party=calling', RPID)
@example("x\\", '"{}" <sip:{}@h>;party=calling', RPID)
def test_g1_no_name_and_no_parameter_names_another_number(
    name: str, written: str, header: IdentityHeader
) -> None:
    """The switch's encoding does not tell `%22`, which a caller wrote, from a quote of its own."""
    text = written.format(name, NUMBER)
    identity = read_identity(header, text, "")
    if identity is not None:
        caller = identify({header: identity}, order=(header,), country="US")
        assert caller.number in (None, NUMBER)


@pytest.mark.parametrize(
    ("user", "said"),
    [
        ("\uff11\uff12\uff11", "'%EF%BC%91%EF%BC%92%EF%BC%91'"),
        ("+8811234567", "'%2B8811234567'"),
        ("1" * 98, f"'{'1' * 98}'"),
        ("1" * 99, f"'{'1' * 96}..."),
        ("1" * 5000, f"'{'1' * 96}..."),
        ("'; DROP TABLE extension; --", "'%27%3B%20DROP%20TABLE%20extension%3B%20--'"),
    ],
)
def test_t10_what_was_said_is_kept_quoted_and_cut_short(user: str, said: str) -> None:
    assert from_(user).said == said


def test_t10_nothing_is_kept_of_a_hidden_caller_and_of_a_number() -> None:
    assert from_("anonymous").said is None
    assert from_(NUMBER).said is None
    raw = "a\x1b[2J\x00\u202e\ud800"
    caller = identify({FROM: Identity(user=None, raw=raw)}, country="US")
    assert caller == Caller(reason="not_digits", said=r"'a\x1b[2J\x00\u202e\ud800'")


@pytest.mark.parametrize(
    "text",
    [
        "<sip:+12125550199@h>, <tel:+12125550188>", "sip:+12125550199@h, sip:+12125550188@h",
        "sip:+12125550199@h,sip:+12125550188@h", "<sip:+12125550199@h> <sip:+12125550188@h>",
        "<sip:+12125550199@h", "sip:+12125550199@h>", '"Bob <sip:+12125550199@h>',
        'Bob" <sip:+12125550199@h>', "Smith, Bob <sip:+12125550199@h>", "garbage",
        "<sip:+12125550199@h>;a=<b>", '<sip:+12125550199@h>;a="b', "<http://h/+12125550199>",
        "<urn:service:sos>", "<sip:+12125550199@h@i>", "<sip:+1 212 555 0199@h>",
        "<sip:+12125550199:secret@h>", "<sip:+1-212-555-0199@h>", "<tel:+1-212-555-0199>",
        "<tel:2125550199;phone-context=+1>", "<tel:+12125550199;ext=1>", "tel:+12125550199;ext=1",
        "<sip:%2B12125550199@h>", "<sip:+12125550199\n@h>", "ARRAY::<sip:+12125550199@h>|:<b>",
        '"a"b" <sip:+12125550199@h>', "sip:+12125550188@h <sip:+12125550199@h>",
        f'"{"x" * 1000}" <sip:+12125550199@h>', "<sip:+12125550199@h>" + " " * 1000, "<" * 500,
        " " * 60_000 + "x", ";" * 60_000,
    ],
)  # fmt: skip
@pytest.mark.parametrize("header", [PAI, RPID, PPI])
def test_g1_a_header_that_is_not_plainly_one_address_is_refused_and_never_repaired(
    header: IdentityHeader, text: str
) -> None:
    identity = read_identity(header, text, quote(text))
    assert identity is not None
    # Neither does a header that is believed less come in its place.
    both = {header: identity, FROM: named(OTHER)}
    caller = identify(both, order=(header, FROM), country="US")
    if text.startswith("<sip:+12125550199@h> "):
        # But for blanks at its end, which nobody sees.
        assert caller.number == (NUMBER if text.endswith("h>" + " " * 1000) else None)
    else:
        assert caller.reason == "not_digits"
        assert caller.said is not None


@every_way
@pytest.mark.parametrize(
    "parameters",
    ["verstat=TN-Validation-Passed", "VERSTAT=No-TN-Validation", "npdi", "npdi;rn=+12125550000",
     "cpc=ordinary", "isup-oli=62;cpc=payphone"],
)  # fmt: skip
def test_t4_parameters_that_say_nothing_of_the_number_are_read_past(
    way: str, parameters: str
) -> None:
    """American carriers say in the user part whether the number was checked (STIR)."""
    identities = said_by(way, f"{NUMBER};{parameters}")
    assert identify(identities, order=tuple(identities), country="US").number == NUMBER


@pytest.mark.parametrize(
    "parameters",
    ["ext=1", "phone-context=+1", "isub=1", "verstat", "verstat=a b", "verstat=%0a", "x", "", "="],
)
def test_g1_any_other_parameter_makes_it_no_number(parameters: str) -> None:
    expected = NUMBER if parameters == "verstat" else None
    assert from_(f"{NUMBER};{parameters}").number == expected


# --- hidden ----------------------------------------------------------------------------------

SPELLINGS = [
    "anonymous", "ANONYMOUS", "Anonymous ", "anonym", "Anonymous Caller", "Restricted", "private",
    "Private Number", "Number Withheld", "number-withheld", "withheld", "Caller ID withheld",
    "hidden", "blocked", "Blocked Call", "No Caller ID", "nocallerid", "no_caller_id",
    "id_restricted", "Caller ID Blocked", "anonymous.invalid", "private, unknown",
    "Unterdrückt", "Rufnummer unterdrückt", "Nummer unterdrueckt", "Anonymer Anruf", "Privat",
    "Numéro masqué", "NUMERO MASQUE", "Numéro privé", "Appel anonyme", "Appelant anonyme",
    "Número oculto", "Privado", "Llamada anónima", "Numero restringido", "Número restrito",
    "Chamada não identificada", "Numero privato", "Anonimo", "Chiamata anonima", "Anoniem",
    "Privénummer", "Nummer afgeschermd", "Dolt nummer", "Skjult nummer", "Hemmeligt nummer",
    "Skjult nr", "Salattu numero", "Numer zastrzeżony", "Numer prywatny", "Skryté číslo",
    "Rejtett szám", "Număr ascuns", "Gizli Numara", "Skriveni broj", "Номер скрыт", "Анонимный",
    "Прихований номер", "Απόκρυψη", "非通知", "非通知設定", "匿名", "私人号码", "隐藏号码",
    "발신번호표시제한", "חסוי", "מספר חסוי", "رقم خاص",
]  # fmt: skip
#: What is said of a number that nobody has, and of a name that nobody has found.
UNKNOWN = [
    "unavailable", "Unavailable", "UNKNOWN", "unavail", "not available", "Not-Available",
    "out of area", "OUT_OF_AREA", "Unknown Caller", "caller unknown", "Unknown Name", "no name",
    "none", "null", "nobody", "Unbekannt", "Inconnu", "Desconocido", "Sconosciuto", "Onbekend",
    "неизвестно", "不明", "未知",
]  # fmt: skip
#: The same of the number, by its word.
NO_NUMBER = [
    "Number unavailable", "unavailable number", "Caller ID unavailable", "number not available",
    "Unknown Number", "Unbekannte Rufnummer", "Numéro inconnu", "Número desconocido",
]  # fmt: skip


@every_way
@pytest.mark.parametrize("spelling", ["", " ", *SPELLINGS, *UNKNOWN, *NO_NUMBER])
def test_t4_a_number_withheld_in_any_usual_spelling_is_hidden(spelling: str, way: str) -> None:
    identities = said_by(way, spelling)
    assert identify(identities, order=tuple(identities), country="US") == HIDDEN


@every_way
def test_t4_parameters_do_not_keep_a_withheld_number_from_being_hidden(way: str) -> None:
    identities = said_by(way, "anonymous;verstat=No-TN-Validation")
    assert identify(identities, order=tuple(identities), country="US") == HIDDEN


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_t4_a_wish_in_any_place_hides_a_number_that_is_believed(spelling: str) -> None:
    assert from_(NUMBER, spelling) == HIDDEN
    for user, display in ((spelling, None), (OTHER, spelling)):
        identities = {PAI: named(NUMBER), FROM: named(user, display)}
        assert identify(identities, order=(PAI,), country="US") == HIDDEN
        # Also in a header that the trunk is not believed in.
        identities = {FROM: named(NUMBER), PPI: named(user, display)}
        assert identify(identities, order=(FROM,), country="US") == HIDDEN


@pytest.mark.parametrize("name", UNKNOWN)
def test_t4_a_name_that_nobody_found_hides_no_number(name: str) -> None:
    """American carriers send it beside a good number where a look-up of the name failed."""
    assert from_(NUMBER, name) == Caller(number=NUMBER)
    identities = {FROM: named(OTHER), PAI: named(NUMBER, name)}
    assert identify(identities, order=(PAI,), country="US") == Caller(number=NUMBER)
    # In the number's place it hides: of From always, of others where they count.
    assert identify({PAI: named(NUMBER), FROM: named(name)}, order=(PAI,), country="US") == HIDDEN
    identities = {FROM: named(NUMBER), PPI: named(name)}
    assert identify(identities, order=(FROM,), country="US") == Caller(number=NUMBER)


@pytest.mark.parametrize("name", NO_NUMBER)
def test_t4_a_name_that_says_that_there_is_no_number_hides(name: str) -> None:
    assert from_(NUMBER, name) == HIDDEN


@pytest.mark.parametrize(
    "name",
    [None, "", " ", "-", "Ann Onymous", "Private Bank", "Unknown Pleasures", "Hidden Valley Inn",
     "Blocked Drains Ltd", "Secret Garden", "No", "Line", "Caller", "Number One", "WIRELESS CALLER",
     "Nobody", "Özel", "Ms Unknown", "a" * 5000],
)  # fmt: skip
def test_t4_an_empty_name_and_one_that_only_begins_so_hide_nobody(name: str | None) -> None:
    assert from_(NUMBER, name).number == NUMBER


@pytest.mark.parametrize(
    ("host", "hidden"),
    [("anonymous.invalid", True), ("Anonymous.Invalid.", True), ("restricted.invalid", True),
     ("unknown.invalid", True), ("unavailable.invalid", True), ("default.invalid", False),
     ("invalid", False), ("anonymous.example", False), (".invalid", False), (None, False)],
)  # fmt: skip
def test_t4_a_host_that_means_nobody_hides_a_number_that_is_still_there(
    host: str | None, hidden: bool
) -> None:
    """RFC 3323; the switch gives From's host apart."""
    for identities in (
        {FROM: named(NUMBER, host=host)},
        {FROM: named(OTHER, host=host), PAI: named(NUMBER)},
    ):
        caller = identify(identities, order=(PAI, FROM), country="US")
        assert caller == (HIDDEN if hidden else Caller(number=NUMBER))


@pytest.mark.parametrize(
    "wish", ["id", "ID", "user", "header", "session", "id;critical", "none;id", "true", " id "]
)
def test_t4_a_wish_for_privacy_hides_a_number_that_is_still_there(wish: str) -> None:
    assert from_(NUMBER, "Ann", None, wish) == HIDDEN
    identities = {PAI: named(NUMBER), FROM: named(NUMBER)}
    assert identify(identities, order=(PAI,), privacy=["none", wish], country="US") == HIDDEN


@pytest.mark.parametrize("wish", [None, "", "none", "None", " none ", "false", "no", "off"])
def test_t4_no_wish_for_privacy_hides_nobody(wish: str | None) -> None:
    assert from_(NUMBER, "Ann", wish) == Caller(number=NUMBER, name="Ann")


@pytest.mark.parametrize(
    ("parameters", "hidden"),
    [
        ("", False), (";privacy=off", False), (";privacy=OFF;screen=yes", False),
        (";privacy=no", False), (";privacy=none", False), (";privacy=name", False),
        (";privacy=name-network", False), (';privacy="off"', False), (";x=privacy", False),
        (";privacy=full", True), (";Privacy=Full;screen=no", True), (";privacy=uri", True),
        (";privacy=number", True), (";privacy=yes", True), (";privacy=uri-network", True),
        (';privacy="name,uri"', True), (";screen=yes ; privacy = full", True), (";privacy", True),
        (";privacy=", True), (";privacy=off;privacy=full", True), (";privacy=\ufffd", True),
    ],
)  # fmt: skip
def test_t4_remote_party_id_asks_for_privacy_itself(parameters: str, hidden: bool) -> None:
    text = f'"Bob" <sip:{NUMBER}@h>;party=calling{parameters}'
    identity = read_identity(RPID, text, "")
    assert identity is not None
    assert identity.private is hidden
    for order in ((RPID,), (FROM,)):
        caller = identify({RPID: identity, FROM: named(NUMBER)}, order=order, country="US")
        assert (caller.number, caller.reason) == ((None, "hidden") if hidden else (NUMBER, None))
    # What cannot be read otherwise asks all the same; in no other header is it a wish.
    broken = read_identity(RPID, "<" + text, "")
    assert broken is not None
    assert (broken.user, broken.private) == (None, hidden)
    other = read_identity(PPI, text, "")
    assert other is not None
    assert not other.private


def test_t4_remote_party_id_of_another_party_is_not_the_callers() -> None:
    for party in ("called", "CALLED", '"called"', "x"):
        assert read_identity(RPID, f"<sip:{NUMBER}@h>;party={party};privacy=full", "") is None
    for text in (f"<sip:{NUMBER}@h>", f"<sip:{NUMBER}@h>;party=Calling", f"sip:{NUMBER}@h"):
        identity = read_identity(RPID, text, "")
        assert identity is not None
        assert identity.user == NUMBER


# --- which header counts ---------------------------------------------------------------------


def test_t4_the_first_header_that_is_there_counts() -> None:
    identities = {FROM: named("12025550111"), PAI: named(NUMBER), RPID: named(OTHER)}

    def who(*order: IdentityHeader, without: tuple[IdentityHeader, ...] = ()) -> str | None:
        there = {header: said for header, said in identities.items() if header not in without}
        return identify(there, order=order, country="US").number

    assert who(FROM) == "+12025550111"
    assert who(PAI, FROM) == who(PAI) == NUMBER
    assert who(RPID, PAI, FROM) == OTHER
    assert who(PAI, FROM, without=(PAI,)) == "+12025550111"
    assert who(PPI, RPID) == OTHER


def test_t4_a_caller_whom_nobody_believed_names_is_hidden() -> None:
    assert identify({FROM: named(NUMBER)}, order=(PAI,), country="US") == HIDDEN
    assert identify({}, order=(PAI, FROM), country="US") == HIDDEN


def test_t4_a_header_that_is_there_and_names_nobody_counts_too() -> None:
    identities = {PAI: named(""), FROM: named(NUMBER)}
    assert identify(identities, order=(PAI, FROM), country="US") == HIDDEN
    assert identify(identities, order=(FROM,), country="US").number == NUMBER


def test_g1_a_header_that_held_what_no_number_holds_is_none() -> None:
    """The event socket gives None for control characters and bytes that are no text."""
    assert from_(None, "Ann") == Caller(reason="not_digits", said="'%25FF'")
    identities = {FROM: named(None), PAI: named(NUMBER)}
    assert identify(identities, order=(PAI, FROM), country="US").number == NUMBER


def test_a_name_in_no_known_encoding_is_no_fault_of_the_number() -> None:
    text = f'"Jos\ufffd" <sip:{NUMBER}@h>'
    identity = read_identity(RPID, text, "")
    assert identity is not None
    assert identify({RPID: identity}, order=(RPID,), country="US").number == NUMBER


# --- how it is written -----------------------------------------------------------------------


@every_way
@pytest.mark.parametrize(
    ("user", "country", "rewrite", "number"),
    [
        ("2125550199", "US", {}, "+12125550199"),
        ("030123456", "DE", {}, "+4930123456"),
        ("0049301234567", "DE", {}, "+49301234567"),
        ("0012125550199", "US", {"00": "+"}, "+12125550199"),
        ("0301234567", "US", {"00": "+", "0": "+49"}, "+49301234567"),
        ("0012125550199", "US", {"0": "+49", "00": "+"}, "+12125550199"),
        ("49301234567", "US", {"": "+"}, "+49301234567"),
        ("+12125550199", "US", {"00": "+"}, "+12125550199"),
        ("99912125550199", "US", {"999": ""}, "+12125550199"),
        ("+12125550199", "US", {"+1": "+44"}, None),
        ("12125550199", "US", {"1": "++"}, None),
        ("+12125550199", "US", {"": "+"}, "+12125550199"),
    ],
)
def test_t4_a_trunks_own_way_of_writing_is_read(
    way: str, user: str, country: str, rewrite: dict[str, str], number: str | None
) -> None:
    identities = said_by(way, user)
    caller = identify(identities, order=tuple(identities), country=country, rewrite=rewrite)
    assert caller.number == number


def test_g1_rewriting_makes_no_number_of_what_is_none() -> None:
    for user in ("00+12125550199", "00 12125550199", "00\uff11", "00", "00;ext=1"):
        caller = identify({FROM: named(user)}, country="US", rewrite={"00": ""})
        assert caller.reason == "not_digits"


# --- whatever comes --------------------------------------------------------------------------

E164 = re.compile(r"\+[1-9][0-9]{4,14}\Z", re.ASCII)
TEXTS = st.text(max_size=30) | st.text(
    '+0123456789;@<>":,=% \n\x00\ud800sipteldprvacyx', max_size=60
)
USERS = TEXTS | st.sampled_from(
    [*abuse.CASES["caller_id_number"], *SPELLINGS, NUMBER, "0049301234567"]
)
IDENTITIES = st.fixed_dictionaries(
    {},
    optional={
        FROM: st.builds(
            Identity,
            user=st.none() | USERS,
            display=st.none() | TEXTS,
            host=st.none() | TEXTS,
            raw=USERS,
        ),
        **{
            header: st.builds(
                read_identity,
                st.just(header),
                TEXTS | st.builds('"{}" <sip:{}@{}>'.format, TEXTS, USERS, TEXTS) | USERS,
                TEXTS,
            )
            for header in (PAI, RPID, PPI)
        },
    },
)
BEGINNINGS = st.from_regex(r"\+?[0-9]{0,4}", fullmatch=True)


@given(
    IDENTITIES,
    st.permutations(list(IdentityHeader)),
    st.integers(1, 4),
    st.lists(st.none() | st.sampled_from(["none", "id", ""]) | TEXTS, max_size=2),
    st.sampled_from(["US", "GB", "DE"]),
    st.dictionaries(BEGINNINGS, BEGINNINGS, max_size=3),
)
def test_g1_whatever_is_written_gives_e164_or_a_reason(
    identities: dict[IdentityHeader, Identity | None],
    order: list[IdentityHeader],
    count: int,
    privacy: list[str | None],
    country: str,
    rewrite: dict[str, str],
) -> None:
    there = {header: identity for header, identity in identities.items() if identity is not None}
    caller = identify(there, order=order[:count], privacy=privacy, country=country, rewrite=rewrite)
    assert (caller.number is None) != (caller.reason is None)
    assert caller.name == "" or caller.number is not None
    assert re.fullmatch(r"[\w .&()/+-]{0,40}", caller.name)
    assert caller.number is None or E164.match(caller.number)
    assert caller.reason in (None, "hidden", "not_digits", "not_a_number")
    assert (caller.said is None) == (caller.reason in (None, "hidden"))
    assert caller.said is None or is_plain(caller.said)


@given(st.text(max_size=300))
def test_t4_any_text_is_asked_what_it_says(text: str) -> None:
    assert withheld.says(text) in (None, *Withheld)
    assert name_hides(text) in (True, False)


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_t4_case_and_what_stands_between_words_do_not_count(spelling: str) -> None:
    for written in (spelling.upper(), f"-{spelling}_", f"({spelling.replace(' ', '. ')})"):
        assert withheld.says(written) is Withheld.ASKED
