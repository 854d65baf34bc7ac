"""T3, T4: which number is called back."""

from __future__ import annotations

import pytest

from controller.numbers.caller import Caller
from controller.policy.records import AuthorisedCaller
from controller.policy.returning import number_to_call
from tests.unit.policy.given import policy

MINE, OTHER, FIXED = "+12125550199", "+16465550124", "+12125550100"
KNOWN, HIDDEN, NONSENSE = Caller(number=MINE), Caller(reason="hidden"), Caller(reason="not_digits")


def entry(**values: object) -> AuthorisedCaller:
    """The caller's entry of the list."""
    return AuthorisedCaller(extension="100", number=MINE, **values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("mode", "caller", "listed", "expected"),
    [
        ("caller", KNOWN, None, (MINE, None)),
        # The list is for `authorized`.
        ("caller", KNOWN, entry(enabled=False, callback_number=OTHER), (MINE, None)),
        ("caller", HIDDEN, None, (None, "hidden")),
        ("caller", NONSENSE, None, (None, "not_digits")),
        ("authorized", KNOWN, None, (None, "not_authorised")),
        ("authorized", KNOWN, entry(enabled=False), (None, "not_authorised")),
        ("authorized", KNOWN, entry(), (MINE, None)),
        ("authorized", KNOWN, entry(callback_number=OTHER), (OTHER, None)),
        ("authorized", HIDDEN, None, (None, "hidden")),
        ("fixed", KNOWN, None, (FIXED, None)),
        ("fixed", KNOWN, entry(callback_number=OTHER), (FIXED, None)),
        ("fixed", HIDDEN, None, (FIXED, None)),
        ("fixed", NONSENSE, None, (FIXED, None)),
    ],
)
def test_t3_t4_who_is_called_back(
    mode: str,
    caller: Caller,
    listed: AuthorisedCaller | None,
    expected: tuple[str | None, str | None],
) -> None:
    fixed = {"fixed_number": FIXED} if mode == "fixed" else {}
    assert (
        number_to_call(policy(return_calls=mode, dids=["+12025550100"], **fixed), caller, listed)
        == expected
    )
