"""Completion of keys from the store: extensions, clients, numbers.

Whoever presses Tab wants words or nothing: where the store cannot be read, there are none, and
nothing is made, upgraded or said.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import click

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from controller.settings import Settings

#: How many words are offered; more cannot be read.
_MOST: Final = 200
#: How many callbacks are looked at for them, the newest first.
_MOST_NEWEST: Final = 1000
#: How many records are looked at for them.
_MOST_LOOKED_AT: Final = 20_000

Complete = Callable[[click.Context, click.Parameter, str], list[str]]
#: The kind of record that a field names, and which of its fields that is.
_NAMED: Final = {
    "client": ("client", "name"),
    "channel": ("channel", "name"),
    "price_list": ("price_list", "name"),
    "cost_list": ("price_list", "name"),
    "extension": ("extension", "extension"),
    "caller_ids": ("number", "number"),
    "default_caller_id": ("number", "number"),
    "caller_id_number": ("number", "number"),
    "sound_before_disconnecting": ("sound", "name"),
    "warning_sound": ("sound", "name"),
}


def of_field(field: str) -> Complete | None:
    """Give what completes the option of a field, where it names a record."""
    return names(*_NAMED[field]) if field in _NAMED else None


def names(kind: str, field: str, within: str | None = None) -> Complete:
    """Give what completes a field of a kind; `within`: of records that agree in that argument."""

    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
        del param

        def find(engine: Engine) -> Iterable[str]:
            filters = {within: ctx.params[within]} if within else {}
            return _find(engine, kind, field, filters, incomplete)

        return _words(ctx, find)

    return complete


def nodes(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Complete the name of a node of the settings."""
    from controller.settings import SettingsError

    del param
    try:
        return [node.name for node in _settings(ctx).nodes if node.name.startswith(incomplete)]
    except SettingsError:
        return []


def known_nodes(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Complete the name of a node: of the settings, or that controllers have seen."""
    configured = nodes(ctx, param, incomplete)
    seen = _words(ctx, lambda engine: _seen_nodes(engine, incomplete))
    return list(dict.fromkeys([*configured, *seen]))


def callbacks(state: str | None = None) -> Complete:
    """Give what completes the id of a callback: the newest ones; `state`: of those that are so."""

    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
        del param
        filters = {} if state is None else {"state": state}
        return _words(ctx, lambda engine: _newest(engine, filters, incomplete))

    return complete


def suspicions(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Complete the id of a suspicion that is open, the newest ones first."""
    del param
    return _words(ctx, lambda engine: _open_suspicions(engine, incomplete))


def users(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Complete the name of a user."""
    del param
    return _words(ctx, lambda engine: _users(engine, incomplete))


def _words(ctx: click.Context, find: Callable[[Engine], Iterable[str]]) -> list[str]:
    """Give what is found in the store, if it is there, and as this release knows it."""
    from controller.store.database import look_at_database
    from controller.store.upgrade import head

    try:
        with look_at_database(_settings(ctx).database_url) as (engine, revision):
            return list(islice(find(engine), _MOST)) if revision == head() else []
    except Exception:  # noqa: BLE001  (no store, no words: a shell's prompt is no place for it)
        return []


def _newest(engine: Engine, filters: dict[str, str], incomplete: str) -> list[str]:
    from controller.admin.callbacks import Callbacks
    from controller.commands.common import actor
    from controller.guard.ranges import NO_RANGES

    found = Callbacks(engine, now=lambda: 0, expiry_seconds=1, ranges=NO_RANGES)
    page = found.list(actor(), filters, limit=_MOST_NEWEST)
    return [one.id for one in page.items if one.id.startswith(incomplete)]


def _seen_nodes(engine: Engine, incomplete: str) -> Iterable[str]:
    from controller.store.nodes_seen import NodesSeen

    return [name for name in NodesSeen(engine).all() if name.startswith(incomplete)]


def _open_suspicions(engine: Engine, incomplete: str) -> list[str]:
    from controller.admin.suspicions import Suspecting
    from controller.commands.common import actor

    page = Suspecting(engine, now=lambda: 0).list(actor(), {"open": True})
    return [str(one.id) for one in page.items if str(one.id).startswith(incomplete)]


def _users(engine: Engine, incomplete: str) -> list[str]:
    from controller.store.database import reader
    from controller.store.people import list_users

    with reader(engine).connect() as connection:
        found = list_users(connection, None, _MOST_LOOKED_AT)
    return [user.name for user in found if user.name.startswith(incomplete)]


def _find(
    engine: Engine, kind: str, field: str, filters: dict[str, str], incomplete: str
) -> Iterable[str]:
    from controller.admin.directory import Directory
    from controller.admin.model import MOST_ITEMS, Kind
    from controller.admin.shapes import FILTERS
    from controller.commands.common import actor

    directory = Directory(engine, passwords=_no_passwords, now=lambda: 0)
    # What begins so has it in it, too.
    if FILTERS[Kind(kind)].get(field) in ("prefix", "part"):
        filters = {**filters, field: incomplete}
    # Keys are in order: what begins so comes next after it, and it alone before that.
    ordered = bool(incomplete) and not filters
    after = incomplete if ordered else None
    found: dict[str, None] = {}
    looked_at = 0
    if after is not None and _is_there(directory, kind, after):
        found[after] = None
    while len(found) < _MOST and looked_at < _MOST_LOOKED_AT:
        page = directory.list(actor(), Kind(kind), filters, after=after, limit=MOST_ITEMS)
        words = [str(item.values[field]) for item in page.items]
        found |= dict.fromkeys(word for word in words if word.startswith(incomplete))
        looked_at += len(words)
        after = page.next
        if after is None or (ordered and not words[-1].startswith(incomplete)):
            break
    return found


def _is_there(directory: Any, kind: str, key: str) -> bool:
    from controller.admin.model import Kind, NotFound
    from controller.commands.common import actor

    try:
        directory.get(actor(), Kind(kind), key)
    except NotFound:
        return False
    return True


def _settings(ctx: click.Context) -> Settings:
    """Load the settings. Raises `SettingsError`."""
    from controller.settings import load

    environment = {name: value for name, value in os.environ.items() if name != "CALLBACKD_CONFIG"}
    return load(ctx.find_root().params.get("config"), environment)


def _no_passwords() -> Any:
    raise NotImplementedError
