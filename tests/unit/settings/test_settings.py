"""O1: the defaults work by themselves; file, environment, and errors that name the setting."""

from __future__ import annotations

import ipaddress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.guard.often import Rates
from controller.policy.fields import Rate
from controller.settings import Settings, SettingsError, load


def test_o1_no_configuration_at_all_loads() -> None:
    settings = load(None, {})
    assert settings == Settings()
    assert settings == load(None, {"PATH": "/bin", "callbackd_name": "x"})
    # What has neither TLS nor a password listens on this machine only.
    assert settings.listen.host == settings.web.host == settings.nodes[0].host == "127.0.0.1"
    assert settings.networks == (
        ipaddress.ip_network("127.0.0.0/8"),
        ipaddress.ip_network("::1/128"),
    )
    assert (
        settings.database_url == f"sqlite:///{Path('callbackd-data/callbackd.sqlite3').absolute()}"
    )
    assert settings.pepper_path == Path("callbackd-data/pepper")


def written(tmp_path: Path, text: str) -> str:
    """Write a file of settings."""
    path = tmp_path / "callbackd.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_o1_a_file_gives_the_tree_and_the_environment_goes_before_it(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        """
        name = "one"
        data_dir = "/var/lib/callbackd"
        [listen]
        port = 9084
        allow = ["192.0.2.0/24"]
        [[nodes]]
        name = "fs1"
        host = "192.0.2.7"
        [[nodes]]
        name = "fs2"
        host = "192.0.2.8"
        """,
    )
    settings = load(path, {})
    assert (settings.name, settings.listen.port) == ("one", 9084)
    assert [node.host for node in settings.nodes] == ["192.0.2.7", "192.0.2.8"]
    assert settings.database_url == "sqlite:////var/lib/callbackd/callbackd.sqlite3"
    # What the file does not say keeps its default.
    assert settings.listen.host == "127.0.0.1"
    settings = load(
        path,
        {
            "CALLBACKD_NAME": "two",
            "CALLBACKD_LISTEN__PORT": "9999",
            "CALLBACKD_LISTEN__HOST": "192.0.2.1",
            "CALLBACKD_ROUTE__INTERNAL_LENGTHS": "[3, 4]",
            "CALLBACKD_ROUTE__INTERNAL_GATEWAY": "pbx",
            "CALLBACKD_DRAIN_SECONDS": "2.5",
            "CALLBACKD_NODES": '[{name = "fs3", host = "192.0.2.9", password = "p"}]',
            "CALLBACKD_DATABASE__URL": "sqlite:////tmp/x.sqlite3",
        },
    )
    assert (settings.name, settings.listen.port, settings.listen.host) == (
        "two",
        9999,
        "192.0.2.1",
    )
    assert settings.listen.allow == ("192.0.2.0/24",)
    assert settings.route.internal_lengths == (3, 4)
    assert settings.drain_seconds == 2.5
    assert [node.name for node in settings.nodes] == ["fs3"]
    assert settings.database_url == "sqlite:////tmp/x.sqlite3"


def test_redis_is_our_own_unless_one_is_named(tmp_path: Path) -> None:
    """`REDIS_URL` counts, and whatever names our own setting goes before it."""
    assert load(None, {}).redis.url == ""
    one, two, three = (f"redis://192.0.2.{number}/0" for number in (1, 2, 3))
    assert load(None, {"REDIS_URL": one}).redis.url == one
    path = written(tmp_path, f'[redis]\nurl = "{two}"\n')
    assert load(path, {"REDIS_URL": one}).redis.url == two
    both = {"REDIS_URL": one, "CALLBACKD_REDIS__URL": three}
    assert load(path, both).redis.url == three


def test_a_text_that_looks_like_a_number_stays_a_text() -> None:
    settings = load(None, {"CALLBACKD_NAME": "7", "CALLBACKD_DATA_DIR": "1e3"})
    assert (settings.name, settings.data_dir) == ("7", "1e3")


def test_o1_what_kubernetes_sets_for_a_service_of_our_name_is_not_ours() -> None:
    environment = {
        "CALLBACKD_PORT": "tcp://192.0.2.7:8084",
        "CALLBACKD_PORT_8084_TCP": "tcp://192.0.2.7:8084",
        "CALLBACKD_SERVICE_HOST": "192.0.2.7",
        "CALLBACKD_SERVICE_PORT_HTTP": "8085",
    }
    assert load(None, environment) == Settings()


def test_an_empty_value_of_the_environment_is_an_empty_text() -> None:
    assert load(None, {"CALLBACKD_PROMPTS__DIRECTORY": ""}).prompts.directory == ""


BAD = [
    ("CALLBACKD_LISTEN__PORT", "65536", "listen.port"),
    ("CALLBACKD_LISTEN__PORT", "-1", "listen.port"),
    ("CALLBACKD_LISTEN__PORT", "http", "listen.port"),
    ("CALLBACKD_LISTEN__PORT", "", "listen.port"),
    ("CALLBACKD_WEB__PORT", "65536", "web.port"),
    ("CALLBACKD_LISTEN__ALLOW", '["192.0.2.300"]', "listen.allow"),
    ("CALLBACKD_LISTEN__ALLOW", '["192.0.2.7/24"]', "listen.allow"),
    ("CALLBACKD_LISTEN__ALLOW", "192.0.2.0/24", "listen.allow"),
    ("CALLBACKD_LISTEN__MAX_CONNECTIONS", "0", "listen.max_connections"),
    ("CALLBACKD_LISTEN__ADVERTISE", "192.0.2.7", "listen.advertise"),
    ("CALLBACKD_LISTEN__ADVERTISE", "192.0.2.7:0", "listen.advertise"),
    ("CALLBACKD_LISTEN__ADVERTISE", "fd00::7:8084", "listen.advertise"),
    ("CALLBACKD_LISTEN__ADVERTISE", "tcp://cb:8084", "listen.advertise"),
    ("CALLBACKD_NAME", "the first", "name"),
    ("CALLBACKD_NAME", "a|b", "name"),
    ("CALLBACKD_LISTEN__SILENT_SECONDS", "0", "listen.silent_seconds"),
    ("CALLBACKD_LISTEN__SILENT_SECONDS", "nan", "listen.silent_seconds"),
    ("CALLBACKD_DRAIN_SECONDS", "-1", "drain_seconds"),
    ("CALLBACKD_DRAIN_SECONDS", "inf", "drain_seconds"),
    ("CALLBACKD_DATA_DIR", "", "data_dir"),
    ("CALLBACKD_PROMPTS__DIRECTORY", "/my sounds", "prompts.directory"),
    ("CALLBACKD_PROMPTS__DIRECTORY", "/sounds!", "prompts.directory"),
    ("CALLBACKD_SOUNDS__DIRECTORY", "/my sounds", "sounds.directory"),
    ("CALLBACKD_SOUNDS__DIRECTORY", "sounds", "sounds.directory"),
    ("CALLBACKD_PROMPTS__LANGUAGE", "xx", "prompts.language"),
    ("CALLBACKD_PROMPTS__LANGUAGE", "english", "prompts.language"),
    ("CALLBACKD_PROMPTS__VOICES", '{xx = "xx/xx/x"}', "prompts.voices"),
    ("CALLBACKD_PROMPTS__VOICES", '{de = "../x"}', "prompts.voices"),
    ("CALLBACKD_PROMPTS__VOICES", '{de = "de"}', "prompts.voices"),
    ("CALLBACKD_NODES", "[{name = ", "CALLBACKD_NODES"),
    ("CALLBACKD_NODES", "[]", "nodes"),
    ("CALLBACKD_NODES", '[{name = "a"}, {name = "a"}]', "nodes"),
    ("CALLBACKD_NODES", '[{name = "a b"}]', "nodes"),
    ("CALLBACKD_NODES", '[{port = "x"}]', "nodes"),
    ("CALLBACKD_ROUTE__GATEWAYS", "[]", "route.gateways"),
    ("CALLBACKD_ROUTE__GATEWAYS", '["a,b"]', "route.gateways"),
    ("CALLBACKD_ROUTE__GATEWAYS", "pstn", "route.gateways"),
    ("CALLBACKD_ROUTE__EXTENSION", "a b", "route.extension"),
    ("CALLBACKD_ROUTE__CONTEXT", "${x}", "route.context"),
    ("CALLBACKD_ROUTE__COUNTRY", "us", "route.country"),
    ("CALLBACKD_DISPATCHER__MAX_CALLING", "0", "dispatcher.max_calling"),
    ("CALLBACKD_DISPATCHER__EXPIRY_SECONDS", "0", "dispatcher.expiry_seconds"),
    ("CALLBACKD_DISPATCHER__POLL_SECONDS", "0", "dispatcher.poll_seconds"),
    ("CALLBACKD_GUARD__CALLBACKS__HOUR", "-1", "guard.callbacks.hour"),
    ("CALLBACKD_GUARD__CALLBACKS__WEEK", "1", "week"),
    ("CALLBACKD_GUARD__CALLBACKS", "{minute = 9, hour = 5}", "guard.callbacks: 9 in a minute"),
    ("CALLBACKD_GUARD__CALLBACKS_PER_NODE", "5", "guard.callbacks_per_node"),
    ("CALLBACKD_DISCOVERY__ALLOW", '["192.0.2.1/24"]', "discovery.allow"),
    ("CALLBACKD_DISCOVERY__ALLOW", '["192.0.2.0/24"]', "discovery.password"),
    ("CALLBACKD_DISCOVERY__GROUP", "a b", "discovery.group"),
    ("CALLBACKD_DISPATCHER__NODE_LOST_SECONDS", "0", "dispatcher.node_lost_seconds"),
    ("CALLBACKD_LISTEN", "8084", "listen"),
    ("CALLBACKD_NAMES", "x", "names"),
    ("CALLBACKD_LISTEN__PROT", "8084", "prot"),
    ("CALLBACKD_", "x", "settings"),
]


@pytest.mark.parametrize(("variable", "value", "named"), BAD)
def test_o1_a_bad_value_is_refused_by_the_name_of_its_setting(
    variable: str, value: str, named: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        load(None, {variable: value})
    message = str(caught.value)
    assert message.startswith(f"{named}") or f"unknown field `{named}`" in message, message


def test_o1_a_variable_that_goes_through_a_value_is_refused_by_its_name() -> None:
    with pytest.raises(SettingsError, match=r"^CALLBACKD_LISTEN__PORT__X: 'port' is no section"):
        load(None, {"CALLBACKD_LISTEN__PORT": "1", "CALLBACKD_LISTEN__PORT__X": "1"})


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("listen = ", "is not TOML"),
        ("[listen]\nport = 'x'", "listen.port"),
        ("[listen]\nprot = 1", "unknown field `prot`"),
        ("[listn]\nport = 1", "unknown field `listn`"),
    ],
)
def test_o1_a_bad_file_is_refused_with_what_is_wrong(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        load(written(tmp_path, text), {})


def test_o1_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    missing = str(tmp_path / "missing.toml")
    with pytest.raises(SettingsError, match=r"missing.toml: cannot be read: No such file"):
        load(missing, {})
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match=r"binary.toml: is not TOML"):
        load(str(binary), {})


@given(
    st.dictionaries(st.from_regex(r"CALLBACKD_[A-Za-z_]{0,20}\Z"), st.text(max_size=20), max_size=4)
)
def test_o1_any_environment_gives_settings_or_an_error_of_ours(environment: dict[str, str]) -> None:
    try:
        settings = load(None, environment)
    except SettingsError:
        return
    assert isinstance(settings, Settings)


def test_s1_uploaded_sounds_are_in_data_dir_unless_told_otherwise(tmp_path: Path) -> None:
    """Absolute: the switch has no idea of where the controller was started."""
    assert load(None, {}).sounds_directory == str(Path("callbackd-data/sounds").absolute())
    at = load(None, {"CALLBACKD_DATA_DIR": str(tmp_path)})
    assert at.sounds_directory == f"{tmp_path}/sounds"
    told = load(None, {"CALLBACKD_SOUNDS__DIRECTORY": "/var/lib/sounds"})
    assert told.sounds_directory == "/var/lib/sounds"


def test_g3_how_often_callbacks_are_made_on_a_node_and_in_all_is_set(tmp_path: Path) -> None:
    assert load(None, {}).guard.rates == Rates()
    path = tmp_path / "callbackd.toml"
    path.write_text("[guard]\ncallbacks = { minute = 60, hour = 600 }\n", encoding="utf-8")
    found = load(str(path), {"CALLBACKD_GUARD__CALLBACKS_PER_NODE__MINUTE": "30"}).guard
    assert found.rates == Rates(node=Rate(minute=30), together=Rate(minute=60, hour=600))


def test_o4_switches_may_be_found_alone() -> None:
    """No node has to be named then; and they need a Redis that all reach."""
    found = {
        "CALLBACKD_NODES": "[]",
        "CALLBACKD_DISCOVERY__ALLOW": '["192.0.2.0/24"]',
        "CALLBACKD_DISCOVERY__PASSWORD": "secret-of-the-switches",
    }
    with pytest.raises(SettingsError, match=r"^discovery.allow: .*set redis.url"):
        load(None, found)
    settings = load(None, {**found, "REDIS_URL": "redis://redis.example"})
    assert settings.nodes == ()
    assert "secret-of-the-switches" not in repr(settings)


def test_a3_one_rule_of_lockouts_is_set_and_all_else_is_as_it_was() -> None:
    settings = load(None, {"CALLBACKD_LOCKOUTS__DID__FAILURES": "50"})
    assert settings.lockouts.did.failures == 50
    assert settings.lockouts.did.window_seconds == Settings().lockouts.did.window_seconds
    assert settings.lockouts.number == Settings().lockouts.number


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("failures", "0"), ("failures", "101"), ("growth", "0"), ("window_seconds", "59"),
        ("first_seconds", "0"), ("remember_seconds", "60"), ("longest_seconds", "700000"),
        # Less than the first one.
        ("longest_seconds", "10"),
    ],
)  # fmt: skip
def test_a3_a_rule_of_lockouts_that_cannot_be_is_named(field: str, value: str) -> None:
    with pytest.raises(SettingsError, match=rf"^lockouts\.number\.{field}: "):
        load(None, {f"CALLBACKD_LOCKOUTS__NUMBER__{field.upper()}": value})


SECRET = "sixteen letters."


def test_o5_streams_of_records_and_the_server_of_notices_are_set(tmp_path: Path) -> None:
    settings = load(
        written(
            tmp_path,
            f"""
            [[records.streams]]
            name = "tape"
            file = "/var/log/callbackd/legs.jsonl"
            [[records.streams]]
            name = "billing"
            url = "https://billing.example:8443/legs?from=us"
            secret = "{SECRET}"
            timeout_seconds = 5
            [notices]
            url = "http://[::1]:8080/"
            """,
        ),
        {"CALLBACKD_NOTICES__SECRET": SECRET},
    )
    tape, billing = settings.records.streams
    assert (tape.file, tape.url, tape.secret) == ("/var/log/callbackd/legs.jsonl", "", "")
    assert (billing.secret, billing.timeout_seconds) == (SECRET, 5)
    assert settings.notices.secret == SECRET
    assert (Settings().records.streams, Settings().notices.url) == ((), "")


@pytest.mark.parametrize(
    ("stream", "says"),
    [
        ("", "set one of file and url"),
        (f'file = "/x", url = "https://a/", secret = "{SECRET}"', "set one of file and url"),
        ('file = "legs.jsonl"', "no absolute path"),
        ('url = "https://a/"', "set secret"),
        ('url = "https://a/", secret = "short"', "set secret, 16 to 128 letters"),
        (f'url = "https://a/", secret = "{SECRET}", timeout_seconds = 61', "timeout_seconds: "),
        ('file = "/x", colour = "red"', "colour"),
        *(
            (f'url = "{url}", secret = "{SECRET}"', says)
            for url, says in (
                ("billing.example/legs", "is no URL"),
                ("ftp://billing.example/", "is no URL"),
                ("https:///legs", "is no URL"),
                ("https://a:99999/", "is no URL"),
                ("https://a/b c", "is no URL"),
                ("https://a/\\r\\nX: y", "is no URL"),
                ("https://[::1/", "is no URL"),
                ("https://b\u00fccher.example/", "is no URL"),
                ("https://user:password@a/", "are not sent"),
                ("https://a/#part", "are not sent"),
            )
        ),
    ],
)
def test_o5_a_stream_that_cannot_be_is_named(stream: str, says: str) -> None:
    streams = f'[{{name = "ok", file = "/ok"}}, {{name = "two", {stream}}}]'.replace(", }", "}")
    with pytest.raises(SettingsError, match=says) as error:
        load(None, {"CALLBACKD_RECORDS__STREAMS": streams})
    assert str(error.value).startswith("records.streams")
    assert "password" not in str(error.value).replace("a user, a password", "")
    assert SECRET not in str(error.value)


@pytest.mark.parametrize(
    ("two", "says"),
    [
        ('{name = "a", file = "/a"}, {name = "a", file = "/b"}', "two streams have one name"),
        ('{name = "a", file = "/a"}, {name = "b", file = "/a"}', "two streams have one file"),
    ],
)
def test_o5_two_streams_have_two_names_and_two_files(two: str, says: str) -> None:
    with pytest.raises(SettingsError, match=rf"^records\.streams: {says}"):
        load(None, {"CALLBACKD_RECORDS__STREAMS": f"[{two}]"})


def test_m8_a_server_of_notices_that_cannot_be_is_named() -> None:
    for url, says in (("nonsense", "is no URL"), ("https://a/", "set secret")):
        with pytest.raises(SettingsError, match=rf"^notices\.url: .*{says}"):
            load(None, {"CALLBACKD_NOTICES__URL": url})
