"""`callbackd bundle`: what others need to help, in one file, without secrets (A4, O7)."""

from __future__ import annotations

import contextlib
import io
import os
import socket
import tarfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import click

from controller.commands.callback import public
from controller.commands.check import find
from controller.commands.common import Context, actor, logs_to_stderr, now, pass_context
from controller.commands.masking import Masking
from controller.commands.node import announced_nodes
from controller.commands.waiting import Late, within
from controller.settings import Settings, SettingsError, load, ranges_of
from controller.settings.secret_values import secrets_of

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from controller.commands.bundle_parts import File

#: No part is waited for longer, seconds: one that has many switches to ask has so long for all.
_PART_SECONDS: Final = 60.0
#: What each file is.
_FILES: Final = {
    "versions.json": "this service, Python, its packages, the system",
    "settings.json": "the settings, and which variables set them",
    "check.json": "what callbackd check finds",
    "check-switch.json": "what callbackd check --switch finds",
    "switches/": "what each switch says of itself: version, status, SIP profiles, modules",
    "database.json": "the database's revision and server, and how many rows its tables have",
    "nodes.json": "the switches as controllers saw them last",
    "controllers.json": "the controllers as they stand in Redis, and that Redis",
    "callbacks.jsonl": "the last callbacks, and what became of them",
    "readyz.json": "what this machine's controller says is wrong",
    "metrics.txt": "its metrics",
    "log-": "the last lines of the logs that were named",
    "errors.txt": "what could not be had, and why",
}


@click.command("bundle")
@click.argument("file", required=False, type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--log",
    "logs",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, allow_dash=True),
    help="A file with what `serve` has logged; - is standard input. May be given several times.",
)
@click.option(
    "--lines",
    type=click.IntRange(1, 1_000_000),
    default=20_000,
    show_default=True,
    help="So many of its last lines.",
)
@click.option(
    "--callbacks",
    "most",
    type=click.IntRange(0, 10_000),
    default=200,
    show_default=True,
    help="So many callbacks, the newest ones.",
)
@click.option("--numbers", is_flag=True, help="Leave telephone numbers as they are.")
@pass_context
def bundle(
    context: Context,
    /,
    file: Path | None,
    logs: tuple[str, ...],
    lines: int,
    most: int,
    numbers: bool,
) -> None:
    """Put what others need to help into FILE, a .tar.gz: settings, checks, switches, callbacks.

    Secrets are taken out, and telephone numbers are masked. It works with half of everything dead:
    what cannot be had is said in errors.txt. It changes nothing. Look at it before you send it:
    names of machines and of your customers are left in.
    """
    logs_to_stderr()
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    root = f"callbackd-bundle-{stamp}"
    path = Path(f"{root}.tar.gz") if file is None else file
    with _new(path) as out:
        made = _Making(context, numbers=numbers)
        made.all(logs, lines, most)
        with tarfile.open(fileobj=out, mode="w:gz") as archive:
            for name, content in sorted(made.files.items()):
                _put(archive, f"{root}/{name}", content)
            _put(archive, f"{root}/MANIFEST.txt", _manifest(made, stamp).encode())
    if made.errors:
        click.echo(f"{len(made.errors)} things could not be had; errors.txt says which", err=True)
    click.echo(f"{path}: look at it before you send it")


@contextlib.contextmanager
def _new(path: Path) -> Iterator[BinaryIO]:
    """Open a file that has its name when it is whole; one that is not whole is left nowhere.

    Raises `click.ClickException`.
    """
    part = path.with_name(f"{path.name}.part")
    if path.exists():
        raise click.ClickException(f"{path} is there already")
    try:
        # It is nobody else's, though secrets are taken out.
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError as error:
        text = f"{part} is there already: another bundle is made, or one was ended; remove it"
        raise click.ClickException(text) from error
    except OSError as error:
        raise click.ClickException(f"{path}: {error.strerror}") from error
    try:
        with os.fdopen(handle, "wb") as out:
            yield out
        part.rename(path)
    except BaseException as error:
        part.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise click.ClickException(f"{path}: {error.strerror or error}") from error
        raise


def _put(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mtime, entry.mode = len(content), int(time.time()), 0o600
    archive.addfile(entry, io.BytesIO(content))


class _Making:
    """A bundle that is being made."""

    def __init__(self, context: Context, *, numbers: bool) -> None:
        self._context = context
        self.numbers = numbers
        self.files: dict[str, bytes] = {}
        self.errors: list[str] = []
        self.settings: Settings | None = None
        try:
            self.settings = load(context.config, os.environ)
        except SettingsError as error:
            self.errors.append(f"settings: {error}")
        known = frozenset[str]() if self.settings is None else secrets_of(self.settings)
        self.masking = Masking(known, numbers=numbers)

    def all(self, logs: tuple[str, ...], lines: int, most: int) -> None:
        """Make all parts that can be made."""
        from controller.commands import bundle_parts as parts

        masking, context, settings = self.masking, self._context, self.settings
        self._part("versions", lambda: parts.versions(masking))
        self._part("check", lambda: parts.check(masking, "check.json", find(context)))
        if settings is not None:
            self._with(settings, most)
            for number, path in enumerate(logs, 1):
                # As long as it takes: who named it waits for it.
                self._part(path, partial(parts.log, masking, number, path, lines), seconds=None)
        else:
            # Without the settings nobody knows what is secret in it.
            self.errors += [
                f"{path}: is left out, since the settings cannot be read" for path in logs
            ]
        if self.errors:
            text = "".join(f"{masking.text(line)}\n" for line in self.errors)
            self.files["errors.txt"] = text.encode()

    def _with(self, settings: Settings, most: int) -> None:
        from controller.commands import bundle_parts as parts

        masking, context = self.masking, self._context
        url = settings.database_url
        self._part("settings", lambda: parts.settings(masking, settings, context.config))
        self._part(
            "check --switch",
            lambda: parts.check(masking, "check-switch.json", find(context, only_switch=True)),
        )
        self._part("switches", lambda: parts.switches(masking, _nodes(settings)))
        self._part("database", lambda: parts.database(masking, url))
        self._part("this machine's controller", lambda: parts.running(masking, settings))
        self._part("nodes", lambda: _of(url, lambda engine: parts.nodes(masking, engine)))
        self._part(
            "controllers",
            lambda: _of(url, lambda engine: parts.controllers(masking, settings, engine)),
        )
        self._part(
            "callbacks",
            lambda: _of(
                url, lambda engine: parts.callbacks(masking, _callbacks(engine, settings, most))
            ),
        )

    def _part(
        self,
        name: str,
        make: Callable[[], Iterator[File]],
        seconds: float | None = _PART_SECONDS,
    ) -> None:
        """Make a part; what it gave before it failed is kept.

        It has a thread of its own, since most of what it waits for blocks, and a generator cannot
        be ended from outside while it does.
        """
        given: list[File] = []

        def run() -> None:
            for file in make():  # what it has given counts, also where it goes no further
                given.append(file)  # noqa: PERF402

        try:
            if seconds is None:
                run()
            else:
                within(seconds, run)
        except Late as late:
            self.errors.append(f"{name}: {late}")
        except click.ClickException as error:
            self.errors.append(f"{name}: {error.message}")
        except Exception as error:  # noqa: BLE001  (whatever is broken, the rest is wanted)
            said = (str(error).splitlines() or [""])[0]
            self.errors.append(f"{name}: {type(error).__name__}: {said}")
        # One that is late may give more yet: that is nobody's.
        self.files.update(tuple(given))


def _nodes(settings: Settings) -> Iterator[Any]:
    yield from settings.nodes
    yield from announced_nodes(settings) or ()


def _of(url: str, make: Callable[[Engine], Iterator[File]]) -> Iterator[File]:
    """Make a part of the database, where this release knows its tables."""
    from controller.store.database import DatabaseError, look_at_database
    from controller.store.upgrade import head

    with look_at_database(url) as (engine, revision):
        if revision != head():
            raise DatabaseError(f"revision {revision or 'none'}: this release knows {head()}")
        yield from make(engine)


def _callbacks(engine: Engine, settings: Settings, most: int) -> Iterator[dict[str, Any]]:
    from controller.admin.callbacks import Callbacks
    from controller.commands.common import pages

    callbacks = Callbacks(
        engine,
        now=now,
        expiry_seconds=settings.dispatcher.expiry_seconds,
        ranges=ranges_of(settings),
    )

    def fetch(after: Any, wanted: int) -> Any:
        return callbacks.list(actor(), after=after, limit=wanted)

    if most:
        for page in pages(fetch, most):
            yield from (public(one) for one in page)


def _manifest(made: _Making, stamp: str) -> str:
    masking = made.masking
    lines = [
        f"A bundle of callbackd for support, made {stamp} on {_host()}.",
        "",
        "In it:",
    ]
    for name in sorted(made.files):
        what = next((text for begin, text in _FILES.items() if name.startswith(begin)), "")
        lines.append(f"  {name}: {what}, {len(made.files[name])} bytes")
    lines += [
        "",
        "Taken out:",
        f"  secrets, {masking.secrets} times: passwords, secrets and tokens, also in URLs, and the",
        "    paths of webhooks; hashes of passwords; what a log calls a password, a PIN or a token",
    ]
    if made.numbers:
        lines.append("  no telephone numbers: --numbers was given")
    else:
        lines.append(
            f"  telephone numbers, {masking.numbers} times: of each its beginning is left, and a "
            "mark\n    by which it can be told from others in this bundle; what else has 7 to 15 "
            "digits too,\n    names of extensions among it"
        )
    lines += [
        "",
        "Never in it: the pepper, users and their second factors, callers and their PINs,",
        "accounts, prices, transcripts, sounds, and what callers typed.",
        "",
        "Left in: names of machines, addresses, names of extensions, clients, channels and trunks.",
    ]
    return "\n".join(lines) + "\n"


def _host() -> str:
    with contextlib.suppress(OSError):
        return socket.gethostname()
    return "a host without a name"
