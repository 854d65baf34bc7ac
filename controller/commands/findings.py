"""What `callbackd check` finds."""

from __future__ import annotations

import msgspec


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was looked at.

    Attributes:
        subject: `settings`, `doors`, `files`, `ranges`, `records`, `notices`, `database`,
            `controllers`, `nodes`, `node`, `sounds`, `gateways` or `password`; with --switch also
            `release`, `event socket`, `core`, `profile`, `dialplan`, `modules` or `switch`.
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
