"""`callbackd callerid`: the telephone numbers that may use an extension."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click

from controller.commands import completing
from controller.commands.common import Context, as_json, opened, pass_context, reading
from controller.commands.files import dry_run, echo_report, file_in, file_out
from controller.commands.records import Named, add_commands, group
from controller.commands.transfer import complete

callerid = group("callerid", "Authorised CallerIDs: the numbers that may use an extension.")
add_commands(
    callerid,
    Named("callerid", "extension", "number"),
    ("extension", "number", "enabled", "pin_set", "callback_number", "language", "notes"),
)
_extension = click.argument("extension", shell_complete=completing.names("extension", "extension"))


@callerid.command("import")
@_extension
@file_in
@dry_run
@as_json
@pass_context
def import_(context: Context, /, extension: str, file: Path, dry_run: bool, as_json: bool) -> None:
    """Add and change authorised CallerIDs of EXTENSION by a CSV FILE.

    The first line names the columns, in any order: number, enabled (on, off), pin,
    callback_number, language, speed_dials and presets (1=+12025550100|22=+16465550100), notes.
    Commas, semicolons or tabs part them; numbers may be written as they are dialled in the
    extension's country. A column that is not there leaves what is stored; an empty cell is the
    default. A PIN stays as it is where its cell is empty, or `*`; `-` takes it away.

    If anything is wrong nothing is written, and every bad line is told. Numbers that are not in
    the file stay as they are.
    """
    from controller.admin.callers_csv import CallersFile, load
    from controller.admin.importing import Importer
    from controller.admin.model import Kind

    with opened(context.settings()) as store, contextlib.ExitStack() as stack:
        country = store.directory.get(store.actor, Kind.EXTENSION, extension).values["country"]
        tick: list[Callable[[], None]] = []
        importer = Importer(
            store.directory,
            store.engine,
            store.actor,
            passwords=store.passwords,
            hashed=lambda: tick[0]() if tick else None,
        )

        def checked(pins: int) -> None:
            if pins and _is_watched():
                tick.append(stack.enter_context(_progress(pins)))

        with reading(file):
            rows = CallersFile(file, extension, country)
            report = load(importer, rows, dry_run=dry_run, checked=checked)
    echo_report(file, report, dry_run=dry_run, as_json=as_json)


def _is_watched() -> bool:
    return sys.stderr.isatty()


@contextlib.contextmanager
def _progress(pins: int) -> Iterator[Callable[[], None]]:
    with click.progressbar(length=pins, label="PINs", file=sys.stderr) as bar:
        yield lambda: bar.update(1)


@callerid.command("export")
@_extension
@file_out
@click.option(
    "--with-secrets",
    is_flag=True,
    help="With the hashes of the PINs, which are worth nothing without the file `pepper`.",
)
@pass_context
def export(context: Context, /, extension: str, file: Path | None, with_secrets: bool) -> None:
    """Write the authorised CallerIDs of EXTENSION as CSV, to FILE or standard output.

    `*` in the column `pin` stands for a PIN, which nobody can read any more.
    """
    from controller.admin.callers_csv import save
    from controller.admin.model import Kind

    with opened(context.settings()) as store:
        store.directory.get(store.actor, Kind.EXTENSION, extension)
        callers: Any = store.directory.walk(store.actor, Kind.CALLERID, {"extension": extension})
        with complete(file, private=with_secrets) as stream:
            save(callers, stream, secrets=with_secrets)
