"""O5: several PostgreSQL servers, of which one is the primary; silent, frozen and replaced ones."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, make_url, text

from controller.store.database import Away, DatabaseError, open_database
from controller.store.postgres import Servers, one_url, with_primary
from controller.store.requests import Requests
from tests.postgres_pair import Pair
from tests.proxies import Proxy, proxy
from tests.redis_servers import until
from tests.unit.store import asked

PORT = text("SELECT inet_server_port()")


@pytest.mark.parametrize(
    ("written", "hosts", "ports"),
    [
        ("postgresql://u:p@a:1,b:2/db", "a,b", "1,2"),
        ("postgres://u:p,x@a,b:2/db?sslmode=require", "a,b", "5432,2"),
        ("postgresql+psycopg://a,b", "a,b", "5432,5432"),
        ("postgresql://u:p@[::1]:1,[fe80::1]/db", "::1,fe80::1", "1,5432"),
        ("postgresql://u@/db?host=a,b&port=1,2", "a,b", "1,2"),
    ],
)
def test_o5_several_servers_are_read_as_libpq_writes_them(
    written: str, hosts: str, ports: str
) -> None:
    url = with_primary(make_url(one_url(written)))
    assert (url.query["host"], url.query["port"]) == (hosts, ports)
    assert url.query["target_session_attrs"] == "read-write"


@pytest.mark.parametrize("url", ["postgresql://u:p@host:1/db?sslmode=require", "sqlite:////a,b"])
def test_any_other_url_is_what_it_was(url: str) -> None:
    assert one_url(url) == url
    assert with_primary(make_url(url)) == make_url(url)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("postgresql://u:secret@a:1,:2/db", "is no URL"),
        ("postgresql://u:secret@a:x,b/db", "is no URL"),
        ("postgresql://u:secret@a:1:2/db", "is no URL"),
        ("postgresql://u:secret@a,b/db?target_session_attrs=any", "takes no writes"),
        ("postgresql://u:secret@a/db?target_session_attrs=standby", "takes no writes"),
    ],
)
def test_o1_servers_that_cannot_be_read_are_refused_by_their_setting(url: str, says: str) -> None:
    with pytest.raises(DatabaseError, match=f"^database.url: .*{says}") as caught:
        open_database(url)
    assert "secret" not in str(caught.value)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits as long as in service."""
    for name, seconds in (
        *(("waiting.SILENT", 0.3), ("waiting.ANSWER", 0.2)),
        *(("postgres.CONNECT", 2), ("postgres.AWAY", 0.0), ("postgres.UNUSED", 0.0)),
    ):
        monkeypatch.setattr(f"controller.store.{name}_SECONDS", seconds)


@pytest.fixture
def engine(postgres_pair: Pair, quick: None) -> Iterator[Engine]:
    """An engine for both servers, with more than one connection in its pool."""
    made = open_database(postgres_pair.url(postgres_pair.shared()))
    held = [made.connect() for _ in range(3)]
    for connection in held:
        connection.close()
    yield made
    made.dispose()


def written_to(engine: Engine) -> int:
    """Write something, and say to which server."""
    asked.stored(Requests(engine))
    with engine.begin() as connection:
        return int(connection.execute(PORT).scalar_one())


def written_at_last(engine: Engine) -> int:
    """Write something as soon as a server takes it, and say to which."""
    found: list[int] = []

    def write() -> bool:
        try:
            found.append(written_to(engine))
        except Away:
            return False
        return True

    until(write, "a server takes it", pause=time.sleep)
    return found[0]


def test_o5_a_primary_that_is_frozen_and_replaced_is_not_written_to_again(
    postgres_pair: Pair, engine: Engine
) -> None:
    """It is there, takes connections and says nothing; then it goes on as if nothing had been."""
    old = postgres_pair.primary
    assert written_to(engine) == old.port
    old.freeze()
    for _ in range(2):  # the second time with another connection of the pool
        with pytest.raises(Away):
            written_to(engine)
    postgres_pair.promote()
    assert written_at_last(engine) == postgres_pair.primary.port
    old.thaw()
    assert old.is_primary()
    # Nobody who saw the new one takes the old one, nor does who starts and can see both.
    started = open_database(postgres_pair.url(str(engine.url.database)))
    for one in (engine, started):
        assert written_to(one) == postgres_pair.primary.port
    postgres_pair.primary.freeze()
    with pytest.raises(Away):
        written_to(engine)
    with pytest.raises(Away, match="was replaced by another server"):
        written_to(engine)
    started.dispose()


def test_o5_a_pooled_connection_to_a_primary_that_was_replaced_is_not_used_again(
    postgres_pair: Pair, engine: Engine
) -> None:
    """The old primary lives on, cut off from those who promote, and nothing ends its sessions."""
    old = postgres_pair.primary
    with engine.connect() as one:
        assert one.execute(PORT).scalar_one() == old.port
        postgres_pair.promote()
        # One connection is found broken: the next one is to the new primary.
        one.invalidate()
    # Which server is asked first, of two that take writes, is for whoever asks first.
    old.freeze()
    with engine.connect() as one, engine.connect() as two:
        assert {one.execute(PORT).scalar_one(), two.execute(PORT).scalar_one()} == {
            postgres_pair.primary.port
        }


@pytest.fixture
def before(postgres_pair: Pair, quick: None) -> Iterator[tuple[Proxy, Engine]]:
    """A proxy before the primary, and an engine that knows it only."""
    name = postgres_pair.shared()
    with proxy(postgres_pair.primary.address) as made:
        engine = open_database(f"postgresql://postgres@127.0.0.1:{made.port}/{name}")
        yield made, engine
        engine.dispose()


@pytest.mark.parametrize("fault", ["swallow", "refuse", "cut"])
def test_o5_a_network_that_fails_is_a_store_that_is_away_and_comes_back(
    before: tuple[Proxy, Engine], fault: str
) -> None:
    made, engine = before
    written_to(engine)
    with engine.connect() as connection:
        connection.execute(PORT)
        getattr(made, fault)()
        with pytest.raises(Away):
            connection.execute(PORT)
    if fault != "cut":
        with pytest.raises(Away):
            written_to(engine)
    made.open()
    written_at_last(engine)


def test_o5_a_statement_that_takes_long_is_waited_for_while_its_server_is_there(
    before: tuple[Proxy, Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    # A busy machine may take its time to say that it is there.
    monkeypatch.setattr("controller.store.waiting.ANSWER_SECONDS", 30.0)
    _, engine = before
    with engine.connect() as connection:
        assert connection.execute(text("SELECT 7 FROM pg_sleep(1.5)")).scalar_one() == 7


def test_o5_what_its_server_never_answers_is_given_up(
    before: tuple[Proxy, Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server is there, and only this connection was forgotten by something on the way."""
    monkeypatch.setattr("controller.store.waiting.Watched.hung_seconds", 1.0)
    _, engine = before
    with engine.connect() as connection:
        connection.connection.dbapi_connection.hung_seconds = 1.0  # type: ignore[union-attr]
        with pytest.raises(Away, match="said nothing for"):
            connection.execute(text("SELECT pg_sleep(30)"))
    written_to(engine)


def test_o5_while_no_server_answers_only_one_thread_waits_for_it(postgres_pair: Pair) -> None:
    """A queue of calls does not wait for a dead server one after the other."""
    now = 0.0
    servers = Servers(now=lambda: now)
    name = postgres_pair.shared()
    with proxy(postgres_pair.primary.address) as made:
        where = {"host": "127.0.0.1", "port": made.port, "user": "postgres", "dbname": name}
        made.swallow()
        with pytest.raises(Exception, match="timeout expired"):
            servers.connect(where)
        taken = made.taken
        with pytest.raises(Exception, match="just now"):
            servers.connect(where)
        now = 1.0
        asking = threading.Thread(target=lambda: _in_vain(servers, where))
        asking.start()
        until(lambda: made.taken > taken, "one asks", pause=time.sleep)
        for _ in range(20):
            with pytest.raises(Exception, match="just now"):
                servers.connect(where)
        assert made.taken == taken + 1
        asking.join()
        made.open()
        now = 2.0
        servers.connect(where).close()
        servers.connect(where).close()


def _in_vain(servers: Servers, where: dict[str, object]) -> None:
    with pytest.raises(Exception, match="timeout expired"):
        servers.connect(where)


def test_o1_what_the_url_says_of_a_connection_counts(postgres_pair: Pair) -> None:
    name = postgres_pair.shared()
    more = "application_name=other&options=-c%20work_mem%3D5MB&connect_timeout=4"
    engine = open_database(postgres_pair.url(name, options=more))
    with engine.connect() as connection:
        for setting, value in (
            ("application_name", "other"),
            ("work_mem", "5MB"),
            ("lock_timeout", "5s"),
            ("statement_timeout", "1min"),
            ("TimeZone", "UTC"),
        ):
            assert connection.execute(text(f"SHOW {setting}")).scalar_one() == value
    engine.dispose()
