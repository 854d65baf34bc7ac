"""The contract on the example: `pytest docs/examples/test_prepaid.py`."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import prepaid
import pytest

from controller.contract import ChargingContract
from controller.credit.engine import Provider


class TestPrepaid(ChargingContract):
    """Whatever callbackd asks of an engine, this one keeps."""

    @pytest.fixture(autouse=True)
    def _books(self, tmp_path: Path) -> None:
        self.path = str(tmp_path / "prepaid.sqlite3")
        made = prepaid.engine({"path": self.path})
        made.set_price(self.home)
        made.set_price(self.abroad)

    def engine(self) -> Provider:
        """Each time another one, as of another controller."""
        return prepaid.engine({"path": self.path})

    def account(
        self, extension: str, money: int, *, caller: str | None = None, unlimited: bool = False
    ) -> None:
        """Make an account with so much on it."""
        made, name = prepaid.engine({"path": self.path}), f"{extension}{caller or ''}"
        made.open_account(name, extension, caller=caller, unlimited=unlimited)
        made.top_up(name, money)

    def add(self, extension: str, money: int) -> None:
        """Put money on the account of the extension."""
        prepaid.engine({"path": self.path}).top_up(extension, money)


def test_an_extension_and_each_of_its_callers_has_one_account(tmp_path: Path) -> None:
    """Which of two would pay is chance."""
    made = prepaid.engine({"path": str(tmp_path / "prepaid.sqlite3")})
    for name, caller in (("of-100", None), ("of-ann", "+12125550100")):
        made.open_account(name, "100", caller=caller)
        with pytest.raises(sqlite3.IntegrityError):
            made.open_account(f"other-{name}", "100", caller=caller)


def test_money_for_an_account_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """It would be nowhere, and whoever typed it told that all is well."""
    made = prepaid.engine({"path": str(tmp_path / "prepaid.sqlite3")})
    made.open_account("of-100", "100")
    with pytest.raises(KeyError, match="of-1000"):
        made.top_up("of-1000", 5_000_000)
    made.top_up("of-100", 5_000_000)
    credit = made.credit("100", None)
    assert credit is not None
    assert credit.micros == 5_000_000
