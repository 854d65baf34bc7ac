"""What settings must keep beyond their types."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from controller.guard.lists import is_address
from controller.guard.locking import LockKind
from controller.guard.ranges import Ranges, RangesError, parse, shipped
from controller.numbers.e164 import is_country
from controller.policy.urls import trouble
from controller.prompts.catalogue import languages
from controller.settings.sections import Settings, networks

_DIRECTORY: Final = re.compile(r"[A-Za-z0-9_./:@~+-]{0,256}\Z", re.ASCII)


class SettingsError(ValueError):
    """A setting that cannot be; the message names the setting and the remedy."""


def tellable(directory: str) -> bool:
    """Whether the switch can be told this directory: absolute, of harmless letters."""
    return directory.startswith("/") and _DIRECTORY.match(directory) is not None


def check(settings: Settings) -> None:
    """Check what settings must keep together. Raises `SettingsError`."""
    for field, texts in (
        ("listen.allow", settings.listen.allow),
        ("discovery.allow", settings.discovery.allow),
        ("web.proxies", settings.web.proxies),
        ("web.metrics_allow", settings.web.metrics_allow),
    ):
        try:
            networks(texts)
        except ValueError as error:
            raise SettingsError(
                f"{field}: {error}; write networks such as 192.0.2.0/24 or 192.0.2.7/32"
            ) from error
    if settings.listen.advertise and not is_address(settings.listen.advertise):
        raise SettingsError(
            f"listen.advertise: {settings.listen.advertise!r} is no address; write host:port, as "
            "the switches reach this controller"
        )
    if not _DIRECTORY.match(settings.prompts.directory):
        raise SettingsError(
            f"prompts.directory: {settings.prompts.directory!r} is no directory that the switch "
            "can be told; spaces, quotes and '!' cannot be in it"
        )
    for kind in LockKind:
        rule = settings.lockouts.of(kind)
        if rule.longest_seconds < rule.first_seconds:
            raise SettingsError(
                f"lockouts.{kind.value}.longest_seconds: {rule.longest_seconds} is less than "
                f"first_seconds, {rule.first_seconds}; no lock is shorter than the first"
            )
    for field in ("callbacks_per_node", "callbacks"):
        unreachable = getattr(settings.guard, field).trouble
        if unreachable is not None:
            raise SettingsError(f"guard.{field}: {unreachable}")
    if settings.sounds.directory and not tellable(settings.sounds.directory):
        raise SettingsError(
            f"sounds.directory: {settings.sounds.directory!r} is no directory that the switch can "
            "be told; write an absolute path without spaces, quotes and '!'"
        )
    for field, named in (
        ("prompts.language", (settings.prompts.language,)),
        ("prompts.voices", tuple(settings.prompts.voices)),
    ):
        for language in named:
            if language not in languages():
                raise SettingsError(
                    f"{field}: there are no prompts in {language!r}; there are "
                    f"{', '.join(languages())}"
                )
    if bool(settings.route.internal_gateway) != bool(settings.route.internal_lengths):
        raise SettingsError(
            "route.internal_lengths: extensions of the platform have a gateway and a number of "
            "digits; set both internal_gateway and internal_lengths, or neither"
        )
    if bool(settings.route.emergency_channel) != bool(settings.route.emergency_caller_id):
        raise SettingsError(
            "route.emergency_caller_id: emergency calls need a channel and the number that they "
            "show; set both emergency_channel and emergency_caller_id, or neither"
        )
    if settings.route.internal_prefixes and not settings.route.internal_gateway:
        raise SettingsError(
            "route.internal_prefixes: these numbers stay on the platform and need a way there; set "
            "internal_gateway and internal_lengths too"
        )
    names = [node.name for node in settings.nodes]
    if len(set(names)) != len(names):
        raise SettingsError("nodes: two nodes have one name; give each its own")
    _check_discovery(settings)
    _check_told(settings)
    if settings.guard.risky_ranges:
        # What is shipped is right, and every command loads the settings.
        ranges_of(settings)
    if not is_country(settings.route.country):
        raise SettingsError(
            f"route.country: {settings.route.country!r} is no country; write two capitals: US"
        )


def _check_discovery(settings: Settings) -> None:
    """Check that there may be a node at all, and that what is announced can be believed."""
    discovery = settings.discovery
    if not settings.nodes and not discovery.allow:
        raise SettingsError(
            "nodes: there is none; name one in [[nodes]], or the networks of switches that "
            "announce themselves in discovery.allow"
        )
    if discovery.allow and not discovery.password:
        raise SettingsError(
            "discovery.password: is not set; it is that of the event sockets of switches that "
            "announce themselves"
        )
    if discovery.allow and not settings.redis.url:
        raise SettingsError(
            "discovery.allow: switches announce themselves in a Redis that all reach; set redis.url"
        )


def ranges_of(settings: Settings) -> Ranges:
    """Read the ranges that are known for fraud (G2). Raises `SettingsError`, which names the line.

    It reads the file each time: ask at start.
    """
    path = settings.guard.risky_ranges
    if not path:
        return shipped()
    where = f"guard.risky_ranges: {path}"
    try:
        return parse(Path(path).read_text(encoding="utf-8"))
    except RangesError as error:
        raise SettingsError(f"{where}: {error}") from error
    except OSError as error:
        raise SettingsError(f"{where}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{where}: is not UTF-8; write it anew") from error


def _check_told(settings: Settings) -> None:
    """Check whom records and notices are told."""
    told = [("notices.url", settings.notices.url, settings.notices.secret)]
    streams = settings.records.streams
    for what in ("name", "file"):
        given = [value for stream in streams if (value := getattr(stream, what))]
        if len(set(given)) != len(given):
            raise SettingsError(f"records.streams: two streams have one {what}; give each its own")
    for stream in streams:
        where = f"records.streams: {stream.name}"
        if bool(stream.file) == bool(stream.url):
            raise SettingsError(f"{where}: set one of file and url")
        if stream.file and not Path(stream.file).is_absolute():
            raise SettingsError(f"{where}: file: {stream.file!r} is no absolute path")
        told.append((f"{where}: url", stream.url, stream.secret))
    for where, url, secret in told:
        wrong = trouble(url, secret) if url else None
        if wrong is not None:
            raise SettingsError(f"{where}: {wrong}")
