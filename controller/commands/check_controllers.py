"""Whether switches can be told of this controller, where there are several (O4): for `check`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click

from controller.commands.findings import Finding
from controller.settings.addresses import for_switches, is_anywhere, is_this_machine

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from controller.guard.members import Seen
    from controller.settings import Settings


def controllers(settings: Settings, engine: Engine) -> Iterator[Finding]:
    """Say where no switch can be told of this controller, while others are there.

    And where others on other machines cannot ask it whether it lives. Who is there stands in Redis;
    where that cannot be asked nothing is said.
    """
    there = [
        one.member
        for one in _seen(settings, engine) or ()
        if one.left > 0 and one.member.name != settings.name
    ]
    others = sorted(member.name for member in there)
    if address := for_switches(settings, settings.listen.port):
        host = address.rpartition(":")[0]
        elsewhere = sorted(m.name for m in there if m.address.rpartition(":")[0] not in ("", host))
        if elsewhere and is_this_machine(settings.web.host):
            yield Finding(
                subject="controllers",
                well=True,
                text=f"web.host: {settings.web.host} is another machine for "
                f"{', '.join(elsewhere)}: should this controller lose Redis alone, they take it "
                "for dead, and its calls",
                remedy="set web.host to an address by which they reach it",
            )
        return
    # Without a name of its own it cannot be told from others, if it runs.
    if len(others) > (0 if settings.name else 1):
        host = settings.listen.host
        why = "is every address" if is_anywhere(host) else "is another machine for each switch"
        yield Finding(
            subject="controllers",
            well=True,
            text=f"listen.host: {host} {why}, so no switch can be told where this controller is, "
            f"and calls are not spread over it and {', '.join(others)}",
            remedy="set listen.advertise to host:port by which the switches reach it",
        )


def presence(settings: Settings, engine: Engine) -> Iterator[Finding]:
    """Say which controllers are there, and which should be and are not."""
    seen = _seen(settings, engine)
    if seen is None:
        if not settings.redis.url:
            # A controller has a Redis of its own for as long as it runs.
            yield Finding(
                subject="presence",
                well=True,
                text="no controller runs here: the Redis that it would keep cannot be reached",
                remedy="start it; or run this with its data_dir, as the user of the service",
            )
        return
    there = [one.member for one in seen if one.left > 0]
    if there:
        names = ", ".join(f"{one.name} ({one.version or '-'})" for one in there)
        yield Finding(subject="presence", well=True, text=f"running: {names}")
    else:
        yield Finding(
            subject="presence",
            well=True,
            text="no controller runs, as far as its Redis knows",
            remedy="start one; or see that redis.url and database.url are those of the service",
        )
    versions = {one.version for one in there if one.version}
    if len(versions) > 1:
        yield Finding(
            subject="presence",
            well=True,
            text=f"they are of several releases: {', '.join(sorted(versions))}",
            remedy="bring those that are left behind up to date, one after the other",
        )
    for one in seen:
        if one.left <= 0:
            yield Finding(
                subject="presence",
                well=True,
                text=f"{one.member.name} has not been heard of for {-one.left // 1000} s",
                remedy="restart it, or its machine; one that was taken away is forgotten within an "
                "hour: callbackd controller list",
            )


def _seen(settings: Settings, engine: Engine) -> Sequence[Seen] | None:
    """Give all controllers that Redis knows; None: it cannot be asked."""
    from controller.cache.address import CacheSettingsError
    from controller.commands.lockout import counts_of

    try:
        with counts_of(settings, engine, what="controllers") as counts:
            return counts.presence.look()
    except (click.ClickException, CacheSettingsError):
        # What is wrong with Redis, or its setting, is told by itself.
        return None
