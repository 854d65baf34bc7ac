"""A4: the settings without their secrets, and which these are."""

from __future__ import annotations

import pytest

from controller.settings import Node, RecordStream, Settings
from controller.settings.secret_values import bare, cleaned, secrets_of
from controller.settings.sections import Credit, Notices, Records
from controller.settings.surroundings import Database, Redis

SETTINGS = Settings(
    database=Database(url="postgresql+psycopg://me:p%40ss@db1:5432,db2/x?sslpassword=key1"),
    redis=Redis(url="redis+sentinel://:red1@s1:1,s2:2/main?sentinel_password=sent1"),
    nodes=(Node(name="a", password="node1"), Node(name="b", password="node2")),
    notices=Notices(
        url="https://hooks.example.com/services/T0123456/aSecretWithoutDigits?token=tok1",
        secret="notice1",
    ),
    records=Records(streams=(RecordStream(name="s", url="http://h/p", secret="stream1"),)),
    channel_passwords={"pstn": "trunk1"},
)


def test_a4_of_a_url_its_scheme_and_hosts_are_left() -> None:
    made = cleaned(SETTINGS)
    assert made["database"] == {"url": "postgresql+psycopg://db1:5432,db2"}
    assert made["redis"]["url"] == "redis+sentinel://s1:1,s2:2"
    assert made["notices"]["url"] == "https://hooks.example.com"
    assert made["channel_passwords"] == {"pstn": "(removed)"}
    assert [node["password"] for node in made["nodes"]] == ["(removed)", "(removed)"]
    # What is not set is no secret; a path of a file is none.
    assert cleaned(Settings())["redis"]["url"] == ""
    file = Settings(database=Database(url="sqlite:////var/x.sqlite3?y=1"))
    assert cleaned(file)["database"]["url"] == "sqlite:////var/x.sqlite3"


def test_a4_all_values_that_are_secret_are_known_as_they_may_be_written() -> None:
    known = secrets_of(SETTINGS)
    assert {
        "p@ss", "p%40ss", "key1", "red1", "sent1", "node1", "node2", "T0123456",
        "aSecretWithoutDigits", "tok1", "notice1", "stream1", "trunk1",
    } <= known  # fmt: skip
    assert not {"", "main", "s", "pstn", "services", "h", "p"} & known


@pytest.mark.parametrize(
    "password", ["aB3/xY9+q==", "aB3#xY9", "aB3?xY9", "aB3[xY9", "aB3/x?Y#9", ""]
)
def test_a4_a_password_in_a_url_need_not_be_quoted(password: str) -> None:
    """A4: SQLAlchemy connects with all of these, whatever RFC 3986 says of them."""
    url = f"postgresql+psycopg://callbackd:{password}@db1:5432/x?sslpassword=key1"
    settings = Settings(database=Database(url=url))
    assert cleaned(settings)["database"]["url"] == "postgresql+psycopg://db1:5432"
    assert secrets_of(settings) >= {password, "key1"} - {""}


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("redis://:pa@ss1@h:1/0", "redis://h:1"),
        ("unix://me:pass1@/run/redis.sock?db=1", "unix:///run/redis.sock"),
        # Nobody connects with these; and who mistyped one shows it to nobody.
        ("redis://:pa/ss1@h:1/0", "redis://(removed)"),
        ("redis://:pa#ss1@h:1/0", "redis://(removed)"),
        ("redis://h:1/0?password=pa@ss1", "redis://(removed)"),
        ("postgresql://me:pa@ss1@h/x", "postgresql://h"),
    ],
)
def test_a4_nothing_of_a_password_is_left_of_a_url(url: str, host: str) -> None:
    assert bare(url) == host
    assert any("ss1" in one for one in secrets_of(Settings(redis=Redis(url=url))))


def test_a4_what_only_tells_how_to_connect_is_no_secret() -> None:
    """A4: else each 3 and each name of ours would be taken out of the bundle."""
    settings = Settings(
        database=Database(
            url="postgresql://me:pw1@h/x?connect_timeout=3&application_name=callbackd"
            "&sslpassword=key1&passfile=pass1"
        ),
        redis=Redis(url="redis://h/?db=0&protocol=3&sentinel_password=s1"),
        notices=Notices(url="https://h/p?v=1&auth=abc&sig=longer", secret="n" * 16),
        credit=Credit(
            engine="a:b",
            options={"timeout": "5", "api_key": "k1", "to": "billing-7", "url": "http://u:pw2@h/x"},
        ),
    )
    known = secrets_of(settings)
    assert {"pw1", "key1", "s1", "abc", "longer", "k1", "billing-7", "pw2"} <= known
    assert not {"3", "0", "1", "5", "callbackd", "http", "h"} & known
