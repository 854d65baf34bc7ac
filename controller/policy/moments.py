"""Times as they are written (RFC 3339), and as they are counted: microseconds since 1970."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
#: As `fields.Moment` has it: Python reads much else.
_MOMENT: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})\Z",
    re.ASCII,
)


def counted(text: str) -> int:
    """Give a time of RFC 3339 as microseconds since 1970. Raises `ValueError` for none."""
    if not _MOMENT.match(text):
        raise ValueError("is no time of RFC 3339")
    try:
        # As UTC has it: what is a year earlier or later there may be none that can be written.
        return (datetime.fromisoformat(text).astimezone(UTC) - _EPOCH) // timedelta(microseconds=1)
    except OverflowError as error:
        raise ValueError("there is no such time") from error


def written(microseconds: int) -> str:
    """Give microseconds since 1970 as RFC 3339 writes them, UTC, always of the same length."""
    when = _EPOCH + timedelta(microseconds=microseconds)
    return when.isoformat(timespec="microseconds").replace("+00:00", "Z")


def canonical(text: str) -> str:
    """Give a time as it is written here: of one moment there is one text, and they sort by time.

    Raises `ValueError` for none.
    """
    return written(counted(text))
