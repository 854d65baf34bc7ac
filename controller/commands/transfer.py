"""`callbackd export` and `import`: the whole configuration as one document."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

import click
import msgspec

from controller.commands.common import Context, as_json, opened, pass_context
from controller.commands.shown import echo_json

_format = click.option(
    "--format",
    "written_as",
    type=click.Choice(["yaml", "json", "jsonl"]),
    help="By default what the file's suffix says; jsonl (a record in a line) is for large ones.",
)


@click.command("export")
@click.argument("file", required=False, type=click.Path(dir_okay=False, path_type=Path))
@_format
@click.option(
    "--with-secrets",
    is_flag=True,
    help="With the hashes of passwords and PINs. They are worth nothing without the file `pepper` "
    "of data_dir: move that too, by another way.",
)
@pass_context
def export(
    context: Context, /, file: Path | None, written_as: str | None, with_secrets: bool
) -> None:
    """Write the whole configuration as one document, to FILE or standard output.

    Clients, channels, numbers, extensions with their authorised CallerIDs, accounts (not their
    entries) and sounds; of each only what is not the default. Tokens are not in it. Without
    --with-secrets it says of a password only that there is one.
    """
    from controller.admin import document
    from controller.admin.texts import Writer

    suffixes = {".json": "json", ".jsonl": "jsonl"}
    chosen = written_as or suffixes.get(file.suffix.lower() if file else "", "yaml")

    with opened(context.settings()) as store, complete(file, private=with_secrets) as stream:
        document.export(
            store.directory,
            store.actor,
            Writer(stream, chosen),
            nested=chosen != "jsonl",
            secrets=with_secrets,
        )


@contextlib.contextmanager
def complete(path: Path | None, *, private: bool) -> Iterator[TextIO]:
    """Write a file, or standard output, that is there when it is complete, and not otherwise."""
    if path is not None:
        with _replacing(path, private=private) as stream:
            yield stream
        return
    # On disk, since it may be large; nobody else can open what has no name.
    with tempfile.TemporaryFile("w+", encoding="utf-8", newline="") as stream:
        yield stream
        stream.seek(0)
        shutil.copyfileobj(stream, sys.stdout)


@contextlib.contextmanager
def _replacing(path: Path, *, private: bool) -> Iterator[TextIO]:
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        mode = 0o600 if private else 0o666
        with open(
            os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode),
            "w",
            encoding="utf-8",
            newline="",
        ) as stream:
            yield stream
        temporary.replace(path)
    except OSError as error:
        raise click.ClickException(f"{path}: cannot be written: {error.strerror}") from error
    finally:
        temporary.unlink(missing_ok=True)


@click.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@_format
@click.option("--dry-run", is_flag=True, help="Check it, and tell what would be done.")
@as_json
@pass_context
def import_(
    context: Context, /, file: Path, written_as: str | None, dry_run: bool, as_json: bool
) -> None:
    """Make the configuration what FILE says: YAML, JSON or JSON Lines.

    What is not there is created, what differs is changed; the second time nothing is. A setting
    that a record leaves out has its default, but for passwords and PINs: those stay as they are.
    What is in the database and not in the document is left alone.

    A password may stand there in clear (`password`, `pin`; null takes it away), or as its hash
    (`password_hash`, `pin_hash`, as `export --with-secrets` writes it): a hash is worth nothing
    without the file `pepper` of the data_dir that it comes from.

    The whole is checked first. If anything is wrong, every error is told with its place, and
    nothing is written.
    """
    from controller.admin.document import open_document
    from controller.admin.importing import Importer, Refused
    from controller.admin.texts import Unreadable, format_of

    with opened(context.settings()) as store:
        importer = Importer(store.directory, store.engine, store.actor, passwords=store.passwords)
        try:
            source = open_document(file, written_as or format_of(file))
            done = importer.run(source, dry_run=dry_run)
        except (Unreadable, OSError) as error:
            raise click.ClickException(f"{file}: {error}") from error
        except Refused as error:
            if as_json:
                found = [msgspec.structs.asdict(problem) for problem in error.problems]
                echo_json({"dry_run": dry_run, "problems": found})
            for problem in error.problems:
                click.echo(f"{file}: {problem}", err=True)
            count = len(error.problems)
            raise click.ClickException(
                f"{count} thing{'s are' if count > 1 else ' is'} wrong, and nothing was written"
            ) from error
    counts: dict[str, Any] = {
        kind.value: msgspec.structs.asdict(applied) for kind, applied in done.items()
    }
    if as_json:
        echo_json({"dry_run": dry_run, "problems": [], **counts})
        return
    for kind, applied in counts.items():
        told = ", ".join(f"{number} {what}" for what, number in applied.items())
        click.echo(f"{kind:<10} {told}")
    if dry_run:
        click.echo("a dry run: nothing was written")
