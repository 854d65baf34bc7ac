"""`callbackd switch records`: settle legs by the call records that a switch has written (M7)."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from controller.commands.common import Context, opened, pass_context

if TYPE_CHECKING:
    from controller.runtime.switch_records import Found
    from controller.settings import Settings
    from controller.store.charging import SqlCharging


@click.command("records")
@click.argument("directory", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--keep", is_flag=True, help="Remove and rename nothing.")
@pass_context
def records(context: Context, directory: Path, *, keep: bool) -> None:
    """Settle what the call records in DIRECTORY tell of, and remove those of our legs.

    DIRECTORY is where mod_json_cdr writes on this machine (`log_dir`/json_cdr). Run it there by a
    timer where no controller can read that directory; else [[nodes]] records_dir does the same. A
    leg that is settled already is not settled again. The records of other calls are left alone; one
    that stays broken is renamed. Ends with status 1 if any was, or could not be read or removed.
    """
    from controller.runtime.switch_records import look
    from controller.store.charging import SqlCharging

    settings = context.settings()
    node = _node_of(settings, directory)
    counts: Counter[str] = Counter()
    passed: frozenset[str] = frozenset()
    faults: list[str] = []
    with opened(settings) as store:
        charging = SqlCharging(store.engine)
        while True:
            try:
                found = look(directory, passed, node)
            except OSError as error:
                raise click.ClickException(f"{directory}: {error.strerror or error}") from error
            counts += _settle(charging, found)
            faults += _tidy(found, keep=keep)
            passed |= found.names
            if found.whole:
                break
    click.echo(
        f"settled {counts['settled']}, known {counts['known']}, of others {counts['others']}, "
        f"broken {counts['broken']}"
    )
    for fault in faults:
        click.echo(fault, err=True)
    if faults or counts["broken"]:
        sys.exit(1)


def _node_of(settings: Settings, directory: Path) -> str | None:
    """Give the node whose records these are, where the settings tell."""
    for node in settings.nodes:
        if node.records_dir and Path(node.records_dir).absolute() == directory.absolute():
            return node.name
    return settings.nodes[0].name if len(settings.nodes) == 1 else None


def _settle(charging: SqlCharging, found: Found) -> Counter[str]:
    known = charging.settled([end.leg for _, end in found.ends]) if found.ends else frozenset()
    counts: Counter[str] = Counter(others=len(found.others), broken=len(found.bad))
    for _, end in found.ends:
        first = end.leg not in known and charging.settle(end).first
        counts["settled" if first else "known"] += 1
    return counts


def _tidy(found: Found, *, keep: bool) -> list[str]:
    from controller.runtime.switch_records import remove, set_aside

    faults = [f"{path}: is no JSON" for path in found.bad]
    failed = list(found.unreadable)
    if not keep:
        failed += remove([path for path, _ in found.ends] + found.done) + set_aside(found.bad)
    return faults + [f"{path}: {error.strerror or error}" for path, error in failed]
