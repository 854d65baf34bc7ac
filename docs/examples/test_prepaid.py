"""The contract on the example: `pytest docs/examples/test_prepaid.py`."""

from __future__ import annotations

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
