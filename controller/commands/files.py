"""What the commands share that read and write CSV files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from controller.commands.shown import echo_json

if TYPE_CHECKING:
    from controller.admin.csv_lines import Report

file_in = click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
file_out = click.argument("file", required=False, type=click.Path(dir_okay=False, path_type=Path))
dry_run = click.option("--dry-run", is_flag=True, help="Write nothing; tell every bad line.")


def echo_report(file: Path, report: Report, *, dry_run: bool, as_json: bool) -> None:
    """Print what an import did, or would do; bad lines end the command."""
    done = msgspec.structs.asdict(report.applied)
    if as_json:
        bad = [msgspec.structs.asdict(found) for found in report.bad]
        echo_json({"dry_run": dry_run, **done, "bad": bad})
    for found in report.bad:
        click.echo(f"{file}: {found}", err=True)
    told = ", ".join(f"{count} {what}" for what, count in done.items())
    if report.bad:
        rest = f"; of the others it would be: {told}" if dry_run else ""
        lines = len({found.line for found in report.bad})
        some = f"{lines} lines are" if lines > 1 else "1 line is"
        raise click.ClickException(f"{some} bad, and nothing was written{rest}")
    if not as_json:
        click.echo(told)
        if dry_run:
            click.echo("a dry run: nothing was written")
