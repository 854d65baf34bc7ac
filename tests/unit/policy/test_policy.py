"""The settings of an extension: bounds, defaults, and errors that name field and remedy."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.esl import commands
from controller.policy import fields
from controller.policy.model import Policy, PolicyError
from controller.policy.rules import DEFAULTS, NOT_YET, WRITTEN, plain, validate
from tests import abuse
from tests.unit.policy.given import LEAST, SET, policy, settings_of_any_kind

CONTROLLER = Path(fields.__file__).parents[1]

#: Each number with a bound, by the rule that sets it: T1, T2, T5, T8, D1, D4, M6, G3, G4.
BOUNDS = [
    ("ring_seconds", 1, 60),
    ("early_hang_up_seconds", 1, 60),
    ("delay_seconds", 0, 3600),
    ("retries_busy", 0, 20),
    ("retries_no_answer", 0, 20),
    ("retries_failed", 0, 20),
    ("retry_seconds", 5, 86_400),
    ("expiry_seconds", 1, 86_400),
    ("return_ring_seconds", 5, 120),
    ("dial_seconds", 5, 300),
    ("further_calls", 0, 100),
    ("destination_ring_seconds", 5, 120),
    ("minimum_credit", 0, 10**15),
    ("return_call_exposure", 0, 10**15),
    ("warning_seconds", 0, 3600),
    ("concurrent_calls", 1, 100_000),
    ("most_spent_per_hour", 0, 10**15),
    ("most_spent_per_day", 0, 10**15),
    ("longest_call_seconds", 1, 86_400),
    ("stop_after_unanswered", 1, 1000),
]

#: What a field can be None for: where nothing is set, there is no such limit, sound, number.
MAY_BE_NONE = {name for name, value in DEFAULTS.items() if value is None}


def test_what_is_not_set_has_the_default_of_spec() -> None:
    assert validate(LEAST) == Policy(
        extension="100",
        client="main",
        dids=("+12025550100",),
        country="US",
        caller_ids=("+12025550150",),
        # I5: the first number assigned, unless another is set.
        default_caller_id="+12025550150",
        # T1, T2, T5, T8, D1, M6 as SPEC has them.
        ring_seconds=5,
        early_hang_up=fields.EarlyHangUp.IGNORE,
        delay_seconds=3,
        dial_seconds=30,
        warning_seconds=60,
        # I7: default off.
        p_asserted_identity=False,
        p_preferred_identity=None,
    )


def test_all_but_what_an_extension_is_has_a_default() -> None:
    assert set(DEFAULTS) == set(Policy.__struct_fields__) - {"extension", "dids", "country"}


def numbers() -> set[str]:
    """The fields that are numbers."""
    return {
        field.name
        for field in msgspec.structs.fields(Policy)
        if int in _parts(field.type) and bool not in _parts(field.type)
    }


def _parts(annotation: Any) -> set[Any]:
    """Give the plain types that an annotation is made of."""
    if get_origin(annotation) in (Union, UnionType):
        return set().union(*map(_parts, get_args(annotation)))
    inner = getattr(annotation, "__origin__", annotation)
    return {inner} if inner is annotation else _parts(inner)


def test_every_number_is_in_the_table_of_bounds() -> None:
    assert numbers() == {name for name, _, _ in BOUNDS}


@pytest.mark.parametrize(("field", "least", "most"), BOUNDS)
def test_every_number_has_its_bounds(field: str, least: int, most: int) -> None:
    more: dict[str, object] = {"ring_seconds": 60} if field == "early_hang_up_seconds" else {}
    for value in (least, most):
        assert getattr(policy(**{**more, field: value}), field) == value
    for value, bound in ((least - 1, least), (most + 1, most)):
        with pytest.raises(PolicyError, match=rf"^{field}: expected `int.* [<>]= {bound}"):
            validate({**LEAST, field: value})
    odd: tuple[object, ...] = ("5", 5.5, True, [5], {})
    for wrong in odd if field in MAY_BE_NONE else (*odd, None):
        with pytest.raises(PolicyError, match=rf"^{field}: expected `int"):
            validate({**LEAST, field: wrong})


NUMBER = "is not written as it has to be: E.164, such as +12025550100."
NAME = "is not written as it has to be: At most 40 letters"
SOUND = "is not written as it has to be: A sound file's path"
COUNTRY = "is not written as it has to be: ISO 3166, two capitals"
PREFIX = "is not written as it has to be: The beginning of E.164 numbers"
WRONG = [
    ("extension", "", "1-10 digits"),
    ("extension", "12345678901", "1-10 digits"),
    ("extension", "1\n", "1-10 digits"),
    ("extension", "\uff11", "1-10 digits"),
    ("extension", 100, "expected `str`"),
    ("client", "", "small letters, digits and dashes"),
    ("client", "Main", "small letters, digits and dashes"),
    ("client", "-main", "small letters, digits and dashes"),
    ("client", "x" * 33, "small letters, digits and dashes"),
    ("dids", [], "length >= 1"),
    ("dids", ["+12025550100"] * 1001, "length <= 1000"),
    ("dids", "+12025550100", "expected `array`"),
    ("dids", ["2025550100"], NUMBER),
    ("dids", ["+02025550100"], NUMBER),
    ("dids", ["+1202"], NUMBER),
    ("dids", ["+1234567890123456"], NUMBER),
    ("dids", ["+12025550100\n"], NUMBER),
    ("dids", ["+1202555010\u0660"], NUMBER),
    ("country", "us", COUNTRY),
    ("country", "USA", COUNTRY),
    ("country", "XX", "is no country; write two capitals"),
    ("return_countries", ["US", "Germany"], COUNTRY),
    ("destination_countries", ["de"], COUNTRY),
    ("destination_countries", ["ZZ"], "is no country; write two capitals"),
    ("destination_countries", ["US"] * 301, "length <= 300"),
    ("language", "english", "ISO 639"),
    ("language", "../en", "ISO 639"),
    ("description", "x" * 201, "length <= 200"),
    ("description", "two\nlines", "One line of text"),
    ("description", "\u2028", "One line of text"),
    ("caller_ids", ["anonymous"], NUMBER),
    ("default_caller_id", "anonymous", NUMBER),
    ("default_caller_id", "", NUMBER),
    ("caller_id_name", "x" * 41, NAME),
    ("caller_id_name", 'a"b', NAME),
    ("caller_id_name", "Bob's", NAME),
    ("caller_id_name", "Bob\n", NAME),
    ("caller_id_name", "a\u00a0b", NAME),
    ("caller_id_name_from", "nobody", "invalid enum value 'nobody'"),
    ("early_hang_up", "IGNORE", "invalid enum value 'IGNORE'"),
    ("return_calls", "authorised", "invalid enum value 'authorised'"),
    ("caller_id_choice", "", "invalid enum value ''"),
    ("p_preferred_identity", "100@example.com", "sip:user@domain"),
    ("p_preferred_identity", "sip:a@b>\r\nVia: x", "sip:user@domain"),
    ("sound_before_disconnecting", "", SOUND),
    ("sound_before_disconnecting", "/with space.wav", SOUND),
    ("sound_before_disconnecting", "/a.wav\n", SOUND),
    ("sound_before_disconnecting", "${system(id)}", SOUND),
    ("sound_before_disconnecting", "x" * 513, SOUND),
    ("warning_sound", "'a'", SOUND),
    ("blocked_prefixes", ["900"], PREFIX),
    ("blocked_prefixes", ["+"], PREFIX),
    ("prompts", {"Goodbye": "/a.wav"}, "A prompt: small letters"),
    ("prompts", {"goodbye": "a b"}, "A sound file's path"),
    ("prompts", [], "expected `object`"),
    ("callbacks_per_number", {"minute": -1}, "expected `int` >= 0"),
    ("callbacks_per_number", {"minute": 1_000_001}, "expected `int` <= 1000000"),
    ("callbacks_per_block", {"week": 1}, "there is no such setting"),
    ("callbacks_per_did", 5, "expected `object`"),
    ("enabled", "yes", "expected `bool`"),
    ("enabled", 1, "expected `bool`"),
    ("human_check", None, "expected `bool`"),
    ("password_hash", 1234, "expected `str"),
    ("description", "half \ud800", "write it anew, in UTF-8"),
    ("password_hash", "\udfff", "write it anew, in UTF-8"),
    ("prompts", {"goodbye": ["\ud800"]}, "write it anew, in UTF-8"),
    ("prompts", {"\ud800": "/a.wav"}, "write it anew, in UTF-8"),
]


@pytest.mark.parametrize(("field", "value", "remedy"), WRONG)
def test_a_wrong_value_is_refused_by_the_name_of_its_field_and_with_the_remedy(
    field: str, value: object, remedy: str
) -> None:
    with pytest.raises(PolicyError) as caught:
        validate({**LEAST, field: value})
    assert re.match(rf"{field}(\.\w+|\[\d+\]|\[\.\.\.\])?: ", str(caught.value))
    assert remedy in str(caught.value)


@pytest.mark.parametrize("field", ["extension", "dids", "country", "caller_ids"])
def test_a_field_that_is_missing_is_named(field: str) -> None:
    values = {name: value for name, value in LEAST.items() if name != field}
    with pytest.raises(PolicyError, match=rf"^{field}: (is missing; |no number is assigned, )"):
        validate(values)


def test_a_field_that_nobody_reads_is_refused_by_name() -> None:
    for name in ("ring_second", "Ring_seconds", "version", "a`b", "\ud800"):
        with pytest.raises(PolicyError) as caught:
            validate({**LEAST, name: 5})
        shown = name.encode("ascii", "backslashreplace").decode()
        assert str(caught.value).startswith(f"{shown}: ")


@given(settings_of_any_kind())
def test_any_values_make_a_policy_or_an_error_of_a_field(values: dict[str, Any]) -> None:
    made, said = None, "a: b"
    try:
        made = validate(values)
    except PolicyError as error:
        said = str(error)
    assert ": " in said
    # It goes to terminals, pages and logs, which take no half characters.
    assert said.encode()
    assert "regex" not in said
    if made is not None:
        # Whatever is accepted is a policy again, and can be written.
        assert validate(msgspec.to_builtins(made)) == made
        assert msgspec.json.encode(made)


# --- what errors say -------------------------------------------------------------------------


def patterns(annotation: Any) -> list[msgspec.Meta]:
    """Give what types of text say of how they are written."""
    found = [
        meta
        for meta in getattr(annotation, "__metadata__", ())
        if isinstance(meta, msgspec.Meta) and meta.pattern
    ]
    inner = getattr(annotation, "__origin__", None)
    for part in (*get_args(annotation), *([inner] if inner is not None else [])):
        if part is not annotation:
            found += patterns(part)
    return found


def test_each_pattern_is_described_to_people() -> None:
    """Else an error could only say that something is wrong with a field, and not what."""
    from controller.admin.shapes import MODELS
    from controller.policy.records import Entry

    models: list[type[Any]] = [*MODELS.values(), Entry]
    found = [
        meta
        for model in models
        for field in msgspec.structs.fields(model)
        for meta in patterns(field.type)
    ]
    assert len(found) > len(Policy.__struct_fields__) // 2
    for meta in found:
        assert meta.pattern is not None
        assert WRITTEN.get(meta.pattern) == meta.description, meta.pattern
        # A pattern is looked for anywhere in the text, unless it says where it begins and ends.
        assert meta.pattern.startswith("^"), meta.pattern
        assert meta.pattern.endswith(r"\Z"), meta.pattern


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("Expected `int` <= 60 - at `$.ring_seconds`", "ring_seconds: expected `int` <= 60"),
        ("Expected `int`, got `str` - at `$.a[0].b`", "a[0].b: expected `int`, got `str`"),
        ("Expected `object`, got `array`", "expected `object`, got `array`"),
        (
            "Object contains unknown field `rign_seconds`",
            "rign_seconds: there is no such setting; look for a typing error",
        ),
        (
            "Object contains unknown field `week` - at `$.callbacks_per_did`",
            "callbacks_per_did.week: there is no such setting; look for a typing error",
        ),
        ("Object missing required field `dids`", "dids: is missing; it has no default"),
        (
            r"Expected `str` matching regex '^[A-Z]{2}\\Z' - at `$.country`",
            "country: is not written as it has to be: ISO 3166, two capitals, such as US.",
        ),
        (
            r"Expected `str` matching regex '^[A-Z]{2}\\Z' - at `key` in `$.prompts`",
            "prompts: is not written as it has to be: ISO 3166, two capitals, such as US.",
        ),
        (
            "Expected `str` matching regex 'nobody knows this' - at `$.a`",
            "a: is not written as it has to be",
        ),
    ],
)
def test_what_is_wrong_is_said_with_the_field_first_and_never_as_a_regex(
    said: str, expected: str
) -> None:
    assert plain(said) == expected


# --- hostile values --------------------------------------------------------------------------


@pytest.mark.parametrize("case", abuse.CASES["caller_id_number"])
def test_g1_a_hostile_number_is_refused_or_is_a_number(case: str) -> None:
    for field, value in (
        ("default_caller_id", case),
        ("fixed_number", case),
        ("caller_id_number", case),
        ("dids", [case]),
        ("caller_ids", [case]),
    ):
        if re.fullmatch(r"\+[1-9][0-9]{4,14}", case, re.ASCII):
            # Where it may be called is asked elsewhere (G2); it is digits and nothing else.
            assert msgspec.convert([case], list[fields.Number]) == [case]
            continue
        with pytest.raises(PolicyError, match=rf"^{field}(\[0\])?: "):
            validate({**LEAST, field: value})


@pytest.mark.parametrize("case", abuse.CASES["caller_id_name"])
def test_g1_a_hostile_name_is_refused(case: str) -> None:
    for field in ("caller_id_name", "extension", "country", "language", "client"):
        with pytest.raises(PolicyError, match=rf"^{field}: "):
            validate({**LEAST, field: case})


@pytest.mark.parametrize("case", [c for cases in abuse.CASES.values() for c in cases])
def test_g1_a_hostile_description_is_refused_or_kept_as_it_is(case: str) -> None:
    said = kept = None
    try:
        kept = validate({**LEAST, "description": case}).description
    except PolicyError as error:
        said = str(error).partition(":")[0]
    # Nothing in between: it is neither shortened nor cleaned.
    assert (kept, said) in ((case, None), (None, "description"))
    assert kept is None or "\n" not in kept


@given(st.one_of(st.text(max_size=40), st.text("aé_\uff11 .&'()/+-,:^%$<>|[]{}", max_size=8)))
def test_g1_a_name_that_is_accepted_can_be_shown(name: str) -> None:
    """A name that the switch's dial string cannot hold would fail each call, so it is refused."""
    try:
        shown = validate({**LEAST, "caller_id_name": name}).caller_id_name
    except PolicyError:
        return
    commands.dial_string(
        {"origination_caller_id_name": shown}, [commands.Route("pstn", "12125550199")]
    )


@given(st.from_regex(r"[A-Za-z0-9_./:%(),;=@~+!$ -]{1,60}\Z"))
def test_g1_a_sound_that_is_accepted_can_be_played(sound: str) -> None:
    try:
        accepted = validate({**LEAST, "sound_before_disconnecting": sound})
    except PolicyError:
        return
    assert accepted.sound_before_disconnecting is not None
    commands.playback([accepted.sound_before_disconnecting], "step-1")


# --- a setting is acted on or refused --------------------------------------------------------

#: What says of an extension whose it is, and nothing of its calls.
SAYS_ONLY = {"client", "description"}
#: Rooms that keep, show and change settings, and act on none.
KEEPS_ONLY = {"policy", "admin", "store", "cache", "web", "commands", "demo"}
#: What of the policy's own room decides of calls.
DECIDES = {"endings.py", "quiet.py", "returning.py"}


def read_in_calls() -> set[str]:
    """Every attribute that is read in the rooms where calls are made, of a policy by its name."""
    found: set[str] = set()
    for path in CONTROLLER.rglob("*.py"):
        if path.relative_to(CONTROLLER).parts[0] in KEEPS_ONLY and path.name not in DECIDES:
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        found |= {
            node.attr
            for node in ast.walk(tree)
            if isinstance(node, ast.Attribute) and _is_policy(node.value)
        }
    # Methods of the policy read for those who call them.
    model = ast.parse((CONTROLLER / "policy" / "model.py").read_text(encoding="utf-8"))
    for node in ast.walk(model):
        if isinstance(node, ast.FunctionDef) and node.name in found:
            found |= {
                inner.attr
                for inner in ast.walk(node)
                if isinstance(inner, ast.Attribute)
                and isinstance(inner.value, ast.Name)
                and inner.value.id == "self"
            }
    return found


def _is_policy(node: ast.expr) -> bool:
    name = node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
    return name == "policy"


def test_a_setting_is_acted_on_or_refused() -> None:
    acted_on = read_in_calls()
    assert "ring_seconds" in acted_on
    everything = set(Policy.__struct_fields__)
    ignored = everything - set(NOT_YET) - acted_on - SAYS_ONLY
    assert ignored == set()
    # Who builds a rule strikes its fields: what is acted on cannot be refused.
    assert set(NOT_YET) & acted_on == set()


def test_what_nothing_acts_on_is_refused_by_name_and_accepted_at_its_default(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No field is there that nothing acts on; of the next one that is, this is true."""
    monkeypatch.setitem(NOT_YET, "human_check", "A4")
    assert not validate({**LEAST, "human_check": False}).human_check
    with pytest.raises(PolicyError) as caught:
        validate({**LEAST, "human_check": True})
    assert str(caught.value) == (
        "human_check: is not built in this release (A4) and would be ignored; leave it out"
    )
    # But for that, it could be set.
    assert policy(human_check=True).human_check


@pytest.mark.parametrize("setting", SET)
def test_what_is_acted_on_can_be_set(setting: str) -> None:
    assert validate({**LEAST, **SET[setting]}) == policy(**SET[setting])
