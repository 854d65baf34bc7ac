"""`callbackd switch records`: settle legs by the call records that a switch has written (M7)."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from controller.commands.common import Context, opened, pass_context

if TYPE_CHECKING:
    from controller.credit.engine import Charging
    from controller.runtime.switch_records import Found
    from controller.settings import Settings


@click.command("records")
@click.argument("directory", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--keep", is_flag=True, help="Remove and rename nothing.")
@pass_context
def records(context: Context, directory: Path, *, keep: bool) -> None:
    """Settle what the call records in DIRECTORY tell of, and remove those of our legs.

    DIRECTORY is where mod_json_cdr writes on this machine (`log_dir`/json_cdr). Run it there by a
    timer where no controller can read that directory; else [[nodes]] records_dir does the same. A
    leg that is settled already is not settled again. The records of other calls are left alone; one
    that stays broken is renamed. Ends with status 1 if any was, or could not be read, settled or
    removed.
    """
    from controller.runtime.switch_records import look, names_in
    from controller.store.charging_elsewhere import EngineError, open_charging

    settings = context.settings()
    node = _node_of(settings, directory)
    counts: Counter[str] = Counter()
    faults: list[str] = []
    with opened(settings) as store:
        try:
            charging = open_charging(store.engine, settings.credit.engine, settings.credit.options)
        except EngineError as error:
            raise click.ClickException(str(error)) from error
        try:
            parts = names_in(directory, set())
        except OSError as error:
            raise click.ClickException(f"{directory}: {error.strerror or error}") from error
        for names in parts:
            found = look(directory, names, node)
            faults += _settle(charging, found, counts)
            faults += _tidy(found, keep=keep)
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


def _settle(charging: Charging, found: Found, counts: Counter[str]) -> list[str]:
    """Settle what was found, and count it; give what was wrong. What could not be is left there."""
    from controller.store.database import Away

    faults: list[str] = []
    known = charging.settled([end.leg for _, end, _ in found.ends]) if found.ends else frozenset()
    counts.update(others=len(found.others), broken=len(found.bad))
    for path, end, _ in found.ends:
        try:
            first = end.leg not in known and charging.settle(end).first
        except Away:
            raise
        except Exception as error:  # noqa: BLE001  (it keeps no other from being settled)
            faults.append(f"{path}: {error}")
        else:
            counts["settled" if first else "known"] += 1
            found.done.append(path)
    return faults


def _tidy(found: Found, *, keep: bool) -> list[str]:
    from controller.runtime.switch_records import remove, set_aside

    faults = [f"{path}: is no JSON" for path in found.bad]
    failed = list(found.unreadable)
    if not keep:
        failed += remove(found.done) + set_aside(found.bad)
    return faults + [f"{path}: {error.strerror or error}" for path, error in failed]
