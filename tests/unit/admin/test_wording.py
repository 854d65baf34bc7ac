"""What is wrong with a value is said in words for people (O1, O2)."""

from __future__ import annotations

from typing import Any

import pytest

from controller.admin.drafts import draft
from controller.admin.model import Invalid, Kind
from controller.admin.wording import worded
from controller.policy.records import Entry


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("ring_seconds: expected `int` <= 60", "ring_seconds: write a whole number, at most 60"),
        ("dial_seconds: expected `int` >= 5", "dial_seconds: write a whole number, at least 5"),
        (
            "description: expected `str` of length <= 200",
            "description: is too long; write at most 200 characters",
        ),
        ("key: expected `str` of length >= 3", "key: is too short; write at least 3 characters"),
        ("dids: expected `array` of length >= 1", "dids: are too few; write at least 1 of them"),
        (
            "presets: expected `object` of length <= 1000",
            "presets: are too many; write at most 1000 of them",
        ),
        ("enabled: expected `bool`, got `str`", "enabled: write true or false, not text"),
        (
            "concurrent_calls: expected `int | null`, got `str`",
            "concurrent_calls: write a whole number, not text",
        ),
        ("hours[0]: expected `str`, got `int`", "hours[0]: write text, not a number"),
        (
            "amount: expected `int`, got `float`; write a whole number",
            "amount: write a whole number",
        ),
        ("expected `object`, got `array`", "write names and their values, not a list"),
        (
            "kind: invalid enum value 'gift'",
            "kind: 'gift' is none that there is; look for a typing error",
        ),
        (
            "return_types[0]: invalid enum value 'a'; write one of: fixed",
            "return_types[0]: 'a' is none that there is; write one of: fixed",
        ),
        ("number: is not written as it has to be", "number: is not written as it has to be"),
        ("there is no expected `int`", "there is no expected `int`"),
    ],
)
def test_o2_types_are_no_words(said: str, words: str) -> None:
    """O2: the field is first, and what to write is said."""
    assert worded(said) == words


def test_o2_what_there_is_to_choose_from_is_named() -> None:
    """O2: of a field that is one of some, all of them."""
    said = worded("kind: invalid enum value 'gift'", Entry)
    assert said == "kind: 'gift' is none that there is; write one of: top_up, correction, call"


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"ring_seconds": 61}, "ring_seconds: write a whole number, at most 60"),
        ({"description": "x" * 201}, "description: is too long; write at most 200 characters"),
        ({"dids": []}, "dids: are too few; write at least 1 of them"),
        (
            {"return_calls": "all"},
            "return_calls: 'all' is none that there is; write one of: authorized, caller, fixed",
        ),
        ({"callbacks_per_did": {"day": -1}}, "callbacks_per_did.day: write a whole number, at"),
    ],
)
def test_o2_an_extension_that_cannot_be_is_said_so_in_words(
    values: dict[str, Any], said: str
) -> None:
    """O2: whoever asks, by page, API or command."""
    given = {"extension": "1001", "dids": ["+12025550100"], "country": "US", **values}
    with pytest.raises(Invalid) as caught:
        draft(Kind.EXTENSION, given, lambda: pytest.fail("no password"), hashes=False)
    assert str(caught.value).startswith(said)
