"""The settings of an extension: bounds, defaults, and errors that name field and remedy."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.esl import commands
from controller.policy.model import Policy, PolicyError, validate

LEAST: dict[str, Any] = {
    "extension": "100",
    "dids": ["+12025550100"],
    "country": "US",
    "caller_id_number": "+12025550100",
}

BOUNDS = [
    ("ring_seconds", 1, 60),
    ("delay_seconds", 0, 3600),
    ("return_ring_seconds", 5, 120),
    ("dial_seconds", 5, 300),
    ("destination_ring_seconds", 5, 120),
    ("longest_call_seconds", 1, 86_400),
]


def test_what_is_not_set_has_the_default_of_spec() -> None:
    assert validate(LEAST) == Policy(
        extension="100",
        dids=("+12025550100",),
        country="US",
        caller_id_number="+12025550100",
        caller_id_name="",
        enabled=True,
        ring_seconds=5,
        delay_seconds=3,
        return_ring_seconds=30,
        password_hash=None,
        dial_seconds=30,
        destination_ring_seconds=45,
        longest_call_seconds=3600,
        return_countries=(),
        destination_countries=(),
        sound_before_disconnecting=None,
    )


@pytest.mark.parametrize(("field", "least", "most"), BOUNDS)
def test_every_time_has_its_bounds(field: str, least: int, most: int) -> None:
    """T1 1-60, T5, T8, D1 5-300, G3."""
    for value in (least, most):
        assert getattr(validate({**LEAST, field: value}), field) == value
    for value in (least - 1, most + 1):
        with pytest.raises(PolicyError, match=rf"^{field}: .*({least}|{most})"):
            validate({**LEAST, field: value})
    for odd in ("5", 5.5, None, True):
        with pytest.raises(PolicyError, match=rf"^{field}: expected `int`"):
            validate({**LEAST, field: odd})


WRONG = [
    ("extension", "", "expected `str`"),
    ("extension", "12345678901", "expected `str`"),
    ("extension", "1\n", "expected `str`"),
    ("extension", "\uff11", "expected `str`"),
    ("extension", 100, "expected `str`"),
    ("dids", [], "length >= 1"),
    ("dids", "+12025550100", "expected `array`"),
    ("dids", ["2025550100"], "write it as +12025550100"),
    ("dids", ["+12025550100", "+12025550100"], "name each once"),
    ("country", "us", "write two capitals"),
    ("country", "XX", "write two capitals"),
    ("return_countries", ["US", "Germany"], "write two capitals"),
    ("destination_countries", ["de"], "write two capitals"),
    ("caller_id_number", "anonymous", "write it as +12025550100"),
    ("caller_id_number", "", "write it as +12025550100"),
    ("caller_id_name", "x" * 41, "at most 40"),
    ("caller_id_name", 'a"b', "at most 40"),
    ("caller_id_name", "Bob's", "at most 40"),
    ("caller_id_name", "a,origination_uuid=1", "at most 40"),
    ("caller_id_name", "${expand(${system(id)})}", "at most 40"),
    ("caller_id_name", "\u202e\u0000\u2028", "at most 40"),
    ("caller_id_name", "Bob\n", "at most 40"),
    ("caller_id_name", "a\u00a0b", "at most 40"),
    ("sound_before_disconnecting", "", "no path of a sound"),
    ("sound_before_disconnecting", "/with space.wav", "no path of a sound"),
    ("sound_before_disconnecting", "/a.wav\n", "no path of a sound"),
    ("sound_before_disconnecting", "${system(id)}", "no path of a sound"),
    ("sound_before_disconnecting", "x" * 513, "no path of a sound"),
    ("enabled", "yes", "expected `bool`"),
]


@pytest.mark.parametrize(("field", "value", "remedy"), WRONG)
def test_a_wrong_value_is_refused_by_the_name_of_its_field_and_with_the_remedy(
    field: str, value: object, remedy: str
) -> None:
    with pytest.raises(PolicyError) as caught:
        validate({**LEAST, field: value})
    assert str(caught.value).startswith(field)
    assert remedy in str(caught.value)


@pytest.mark.parametrize("field", sorted(LEAST))
def test_a_field_that_is_missing_is_named(field: str) -> None:
    values = {name: value for name, value in LEAST.items() if name != field}
    with pytest.raises(PolicyError, match=f"required field `{field}`"):
        validate(values)


def test_a_field_that_nobody_reads_is_refused_by_name() -> None:
    with pytest.raises(PolicyError, match="unknown field `ring_second`"):
        validate({**LEAST, "ring_second": 5})


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
