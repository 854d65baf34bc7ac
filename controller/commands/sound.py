"""`callbackd sound`: sounds by name, uploaded ones and files of the switch."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from controller.commands import completing
from controller.commands.common import Context, Opened, as_json, opened, pass_context
from controller.commands.records import Named, add_commands, group
from controller.commands.shown import echo_item, echo_json

if TYPE_CHECKING:
    from controller.sounds.mirror import Brought


class _NamedSound(Named):
    """A sound has its name once in each language."""

    def also(self) -> list[click.Parameter]:
        """Give the option that says which language's is meant."""
        return [
            click.Option(
                ["--language"], default="en", show_default=True, help="The one in this language."
            )
        ]

    def key(self, store: Opened, given: dict[str, Any]) -> str:
        """Give the key of the sound that is named."""
        del store
        return f"{given['language']}/{given['name']}"


sound = group("sound", "Sounds: uploaded ones, and files of the switch, by name and language.")
add_commands(
    sound,
    _NamedSound("sound", "name"),
    ("name", "language", "switch_path", "client", "description"),
)

_language = click.option(
    "--language", default="en", show_default=True, help="In which language it speaks."
)


@sound.command()
@click.argument("file", type=click.File("rb"))
@click.option("--name", help="By which it is found; that of the file where nothing is said.")
@_language
@click.option(
    "--client",
    help="Whose it is, where it is new; everybody's without one.",
    shell_complete=completing.of_field("client"),
)
@click.option("--description", help="A line for people.")
@as_json
@pass_context
def upload(
    context: Context,
    file: BinaryIO,
    name: str | None,
    language: str,
    client: str | None,
    description: str | None,
    *,
    as_json: bool,
) -> None:
    """Upload a sound, or another in its place: WAV, MP3, OGG or FLAC; `-` reads it from a pipe.

    It is converted to what FreeSWITCH plays best, and brought to every node.
    """
    from controller.admin.model import Kind, NotFound
    from controller.sounds.model import MOST_BYTES

    called = Path(getattr(file, "name", "-")).name
    if name is None:
        if file is sys.stdin.buffer or called in ("-", "<stdin>"):
            raise click.UsageError("--name: a pipe has no name; say by which it is to be found")
        name = Path(called).stem
    values = {"name": name, "language": language, "client": client, "description": description}
    given = {field: value for field, value in values.items() if value is not None}
    # One byte more than is taken says that it is too much.
    data = file.read(MOST_BYTES + 1)
    key = f"{language}/{name}"
    with opened(context.settings()) as store:
        directory, actor = store.directory, store.actor
        try:
            directory.get(actor, Kind.SOUND, key)
            new = False
        except NotFound:
            directory.create(actor, Kind.SOUND, given)
            new = True
        try:
            item = directory.upload(actor, key, data, uploaded_name=_printable(called))
        except Exception:
            if new:
                # There is no sound of that name before there is something to hear.
                directory.delete(actor, Kind.SOUND, key)
            raise
        rest: dict[str, Any] = {
            field: given[field] for field in ("client", "description") if field in given
        }
        if not new and rest:
            item = directory.change(actor, Kind.SOUND, key, rest)
    echo_item(item, as_json=as_json)


def _printable(name: str) -> str:
    return "".join(letter if letter.isprintable() else "_" for letter in name)[:200]


@sound.command()
@click.argument("name", shell_complete=completing.names("sound", "name"))
@click.argument("file", type=click.File("wb"), default="-")
@_language
@click.option(
    "--rate",
    type=click.Choice(["8000", "16000"]),
    default="16000",
    show_default=True,
    help="Samples a second.",
)
@pass_context
def download(context: Context, name: str, file: BinaryIO, language: str, rate: str) -> None:
    """Write an uploaded sound as the switch plays it, WAV, to a FILE or to a pipe."""
    with opened(context.settings()) as store:
        found = store.directory.listen(store.actor, f"{language}/{name}", int(rate))
    file.write(found.data)


@sound.command()
@click.argument("directory", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--watch",
    type=click.FloatRange(min=0.1, max=3600),
    metavar="SECONDS",
    help="Go on, and look so often for sounds that were changed.",
)
@as_json
@pass_context
def mirror(context: Context, directory: Path, watch: float | None, *, as_json: bool) -> None:
    """Bring all uploaded sounds into DIRECTORY, on a node where no controller runs.

    It is the directory that `sounds.directory` names for the controllers. What is no sound any
    more goes after five minutes, so with --watch only; other files are left alone.
    """
    from time import sleep

    from controller.sounds.mirror import Mirror, bring
    from controller.store.database import Away
    from controller.store.sounds import SoundSource

    kept = Mirror(directory)
    with opened(context.settings()) as store:
        source = SoundSource(store.engine, str(directory))
        while True:
            try:
                _say(bring(kept, source), as_json=as_json, always=watch is None)
            except Away as error:
                if watch is None:
                    raise
                # Sounds that are there go on to be played; it comes back.
                click.echo(f"the database cannot be reached: {error.__class__.__name__}", err=True)
            if watch is None:
                return
            sleep(watch)


def _say(brought: Brought, *, as_json: bool, always: bool) -> None:
    from msgspec import structs

    if as_json and (always or brought != type(brought)()):
        echo_json(structs.asdict(brought))
    elif always or brought.added or brought.removed:
        click.echo(f"{brought.added} files came, {brought.removed} went")
    for fault in brought.faults:
        click.echo(fault, err=True)
    if always and brought.faults:
        raise click.ClickException("not all sounds are there; see above")
