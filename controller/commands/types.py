"""Types of options that click does not have."""

from __future__ import annotations

import re
from typing import Any, Final

import click

_LASTS: Final = re.compile(r"([1-9][0-9]{0,5})([dhm])\Z", re.ASCII)
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z", re.ASCII)
_SECONDS: Final = {"d": 86_400, "h": 3600, "m": 60}


class Pair(click.ParamType[Any]):
    """`1=+12025550100`: a key and its value; either may be empty.

    `numbers`: values are whole numbers, `+49=12000`.
    """

    name = "key=value"

    def __init__(self, *, numbers: bool = False) -> None:
        self._numbers = numbers

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str | int]:
        """Part a pair."""
        if isinstance(value, tuple):
            return value
        key, equals, text = str(value).partition("=")
        if not equals:
            self.fail(f"{value!r} is no pair; write KEY=VALUE", param, ctx)
        if not self._numbers:
            return key, text
        if not re.fullmatch("-?[0-9]{1,18}", text, re.ASCII):
            self.fail(f"{text!r} in {value!r} is no whole number", param, ctx)
        return key, int(text)


class Parts(click.ParamType[Any]):
    """`minute=3,hour=10`: numbers by name."""

    name = "parts"

    def __init__(self, names: tuple[str, ...]) -> None:
        self._names = names

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """Give how it is written."""
        return ",".join(f"{name}=N" for name in self._names)

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> dict[str, int]:
        """Read numbers by name."""
        if isinstance(value, dict):
            return value
        made: dict[str, int] = {}
        for part in str(value).split(","):
            name, _, number = part.partition("=")
            if name not in self._names or not re.fullmatch("[0-9]{1,12}", number, re.ASCII):
                self.fail(
                    f"{part!r} is none of {', '.join(f'{known}=N' for known in self._names)}",
                    param,
                    ctx,
                )
            made[name] = int(number)
        return made


class Moment(click.ParamType[Any]):
    """A time that was: a day, `2027-01-31`, one as it is printed, RFC 3339, or `2h` ago.

    Microseconds since 1970; what does not say its zone is UTC.
    """

    name = "moment"

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """Give how it is written."""
        return "YYYY-MM-DD[THH:MM:SS]|7d|12h|30m"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read a day, a time, or how long ago it was."""
        from datetime import UTC, datetime, timedelta

        from controller.commands.common import now

        if isinstance(value, int):
            return value
        ago = _LASTS.match(str(value))
        if ago is not None:
            return now() - int(ago[1]) * _SECONDS[ago[2]] * 1_000_000
        try:
            when = datetime.fromisoformat(str(value))
            when = when if when.tzinfo is not None else when.replace(tzinfo=UTC)
            return (when - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
        except (ValueError, OverflowError):
            self.fail(
                f"{value!r} is no time; write 2027-01-31, 2027-01-31T12:00:00Z, or 2h", param, ctx
            )


class When(click.ParamType[Any]):
    """A time that may be still to come, as a record has it: a day, RFC 3339, or `now`."""

    name = "when"

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """Give how it is written."""
        return "YYYY-MM-DD[THH:MM:SSZ]|now"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Read a time; a day is its beginning, UTC."""
        from controller.commands.common import now
        from controller.policy.moments import canonical, written

        text = str(value)
        if text == "now":
            return written(now())
        try:
            return canonical(f"{text}T00:00:00Z" if _DAY.match(text) else text)
        except ValueError:
            self.fail(
                f"{value!r} is no time; write 2027-01-31, 2027-01-31T12:00:00Z, or now", param, ctx
            )


class Amount(click.ParamType[Any]):
    """An amount of a currency's unit, `0.0125`, as micro-units; it is not negative."""

    name = "amount"

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """Give how it is written."""
        return "AMOUNT"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read an amount, exactly."""
        from controller.policy.amounts import counted

        if isinstance(value, int):
            return value
        try:
            amount = counted(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)
        if amount < 0:
            self.fail(f"{value} is less than nothing; write 0 or more", param, ctx)
        return amount


class Expires(click.ParamType[Any]):
    """A day, `2027-01-31`, or a time from now, `90d`: seconds since 1970."""

    name = "expires"

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """Give how it is written."""
        return "YYYY-MM-DD|90d|12h|30m"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read a day or a time from now, which is still to come."""
        from datetime import UTC, datetime

        from controller.commands.common import now

        if isinstance(value, int):
            return value
        seconds = now() // 1_000_000
        lasts = _LASTS.match(str(value))
        if lasts is not None:
            return seconds + int(lasts[1]) * _SECONDS[lasts[2]]
        try:
            when = datetime.strptime(str(value), "%Y-%m-%d").replace(tzinfo=UTC)
        except ValueError:
            self.fail(f"{value!r} is no time; write 2027-01-31, or 90d", param, ctx)
        if when.timestamp() <= seconds:
            self.fail(f"{value} is over already", param, ctx)
        return int(when.timestamp())
