"""Every setting of the service: one typed tree, from a file and the environment, checked at start.

A TOML file gives the tree; an environment variable `CALLBACKD_SECTION__FIELD` (two underscores)
goes before it: `CALLBACKD_LISTEN__PORT=9084`. Lists and tables are written there as in TOML
(`["pstn"]`), all else as plain text. Without either, the defaults work by themselves.

What is secret can be in a file of its own: `{ file = "/run/secrets/fs1" }` in the place of any
value, or the variable with `_FILE` behind its name, which then holds the path.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from controller.settings.checks import SettingsError, check, ranges_of, tellable
from controller.settings.secret_files import read_secret
from controller.settings.sections import (
    Credit,
    Discovery,
    Dispatcher,
    Guard,
    Presence,
    RecordStream,
    Retention,
    Settings,
)
from controller.settings.surroundings import Listen, Node, Redis, Route, Sounds, Web

__all__ = [
    "Credit",
    "Discovery",
    "Dispatcher",
    "Guard",
    "Listen",
    "Node",
    "Presence",
    "RecordStream",
    "Redis",
    "Retention",
    "Route",
    "Settings",
    "SettingsError",
    "Sounds",
    "Web",
    "load",
    "ranges_of",
    "tellable",
]

_PREFIX: Final = "CALLBACKD_"
#: A variable that ends so holds the path of a file, and the file the value.
_IN_FILE: Final = "_FILE"
#: What Kubernetes sets in every container for a Service that is called callbackd.
_KUBERNETES: Final = re.compile(r"CALLBACKD_(SERVICE_(HOST|PORT).*|PORT(_.*)?)\Z")


def load(path: str | None, environment: Mapping[str, str]) -> Settings:
    """Load and check the settings. Raises `SettingsError`, which names the setting."""
    tree: dict[str, Any] = {}
    if path is not None:
        try:
            tree = tomllib.loads(Path(path).read_text(encoding="utf-8"))
        except OSError as error:
            raise SettingsError(f"{path}: cannot be read: {error.strerror}") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise SettingsError(f"{path}: is not TOML: {error}") from error
    for name, value in sorted(environment.items()):
        if not name.startswith(_PREFIX) or _KUBERNETES.match(name):
            continue
        plain = name.removesuffix(_IN_FILE)
        if plain == name:
            _put(tree, name, value)
        elif plain in environment:
            raise SettingsError(f"{name}: {plain} is set too; set one of them")
        else:
            _put(tree, plain, read_secret(name, value))
    for name, section in tree.items():
        _put_files(section, name)
    route = tree.get("route")
    if isinstance(route, dict) and "gateways" in route:
        raise SettingsError(
            "route.gateways: is no setting any more: the channels of the database are used, in the "
            "order of their priority; take it out, and see `callbackd channel list`"
        )
    redis = tree.setdefault("redis", {})
    if environment.get("REDIS_URL") and isinstance(redis, dict):
        redis.setdefault("url", environment["REDIS_URL"])
    try:
        settings = msgspec.convert(tree, Settings, strict=False)
    except msgspec.ValidationError as error:
        raise SettingsError(_plain(str(error))) from error
    check(settings)
    return settings


def _put_files(place: object, where: str) -> None:
    """Put what stands in files in the place of the tables that name these, however deep."""
    if isinstance(place, list):
        for inner in place:
            _put_files(inner, where)
    elif isinstance(place, dict):
        for name, inner in place.items():
            at = f"{where}.{name}"
            if isinstance(inner, dict) and inner.keys() == {"file"}:
                place[name] = read_secret(at, inner["file"])
            else:
                _put_files(inner, at)


def _put(tree: dict[str, Any], name: str, value: str) -> None:
    *sections, field = name[len(_PREFIX) :].lower().split("__")
    place = tree
    for section in sections:
        inner = place.setdefault(section, {})
        if not isinstance(inner, dict):
            raise SettingsError(f"{name}: {section!r} is no section")
        place = inner
    if value[:1] not in ("[", "{"):
        place[field] = value
        return
    try:
        place[field] = tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{name}: is no list or table as TOML writes it: {error}") from error


def _plain(message: str) -> str:
    text, _, path = message.partition(" - at `$")
    where = path.strip("`").lstrip(".") or "settings"
    return f"{where}: {text[:1].lower()}{text[1:]}"
