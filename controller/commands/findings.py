"""What `callbackd check` finds."""

from __future__ import annotations

from typing import Any

import msgspec


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was looked at.

    Attributes:
        subject: `settings`, `doors`, `files`, `host`, `ranges`, `records`, `notices`, `credit`,
            `redis`, `database`, `pepper`, `clock`, `presence`, `controllers`, `nodes`, `node`,
            `release`, `modules`, `dialplan`, `call records`, `sounds`, `gateways` or `password`;
            with --switch also `event socket`, `core`, `profile` or `switch`.
        node: the node that it is about; None: it is about none.
        well: whether it is as it should be; a warning is, and says what could be better.
        text: what was found.
        remedy: what to do, empty where nothing has to be.
    """

    subject: str
    well: bool
    text: str
    node: str | None = None
    remedy: str = ""

    @property
    def level(self) -> str:
        """What it means: `ok`, `warning` or `error`."""
        if not self.well:
            return "error"
        return "warning" if self.remedy else "ok"


def told(finding: Finding) -> dict[str, Any]:
    """Give a finding for programs, with what it means."""
    return {**msgspec.structs.asdict(finding), "level": finding.level}
