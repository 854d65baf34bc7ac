"""Secrets come from files of their own as well, and no error and no text shows any of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.settings import Node, Settings, SettingsError, load

CANARY = "canary-5f1c"


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "secret"
    path.write_text(f"{CANARY}\n")
    return path


def test_a_variable_may_name_a_file(secret: Path) -> None:
    """Docker and Kubernetes mount secrets as files."""
    settings = load(
        None,
        {
            "CALLBACKD_DATABASE__URL_FILE": str(secret),
            "CALLBACKD_REDIS__URL_FILE": str(secret),
            "CALLBACKD_CHANNEL_PASSWORDS__TRUNK_FILE": str(secret),
        },
    )
    assert settings.database.url == settings.redis.url == CANARY
    assert settings.channel_passwords == {"trunk": CANARY}


def test_a_file_of_a_table_is_read_as_the_variable_would_be(tmp_path: Path) -> None:
    path = tmp_path / "passwords"
    path.write_text(f'{{ trunk = "{CANARY}", other = "x" }}\n')
    settings = load(None, {"CALLBACKD_CHANNEL_PASSWORDS_FILE": str(path)})
    assert settings.channel_passwords == {"trunk": CANARY, "other": "x"}


def test_every_secret_of_the_file_may_be_in_another(tmp_path: Path, secret: Path) -> None:
    here = f'{{ file = "{secret}" }}'
    long = tmp_path / "long"
    long.write_text(f"{CANARY}-sixteen letters\r\n")
    path = tmp_path / "callbackd.toml"
    path.write_text(f"""
        database.url = {here}
        redis.url = {here}
        channel_passwords = {{ trunk = {here} }}
        notices = {{ url = "https://a.invalid/", secret = {{ file = "{long}" }} }}
        [[nodes]]
        password = {here}
        [[records.streams]]
        name = "billing"
        url = "https://b.invalid/"
        secret = {{ file = "{long}" }}
        [[records.streams]]
        name = "tape"
        file = "/var/log/tape"
    """)
    settings = load(str(path), {})
    assert settings.database.url == settings.redis.url == settings.nodes[0].password == CANARY
    assert settings.channel_passwords == {"trunk": CANARY}
    long_secret = f"{CANARY}-sixteen letters"
    assert settings.notices.secret == settings.records.streams[0].secret == long_secret
    # A stream's own `file` is what it was.
    assert settings.records.streams[1].file == "/var/log/tape"
    # Nor does any text of the settings show one.
    assert CANARY not in repr(settings)
    assert "https" not in repr(settings)
    assert "password=…" in repr(settings.nodes)


def test_nodes_of_the_environment_name_files_too(secret: Path) -> None:
    nodes = f'[{{name = "fs1", password = {{file = "{secret}"}}}}]'
    assert load(None, {"CALLBACKD_NODES": nodes}).nodes == (Node(name="fs1", password=CANARY),)


def test_what_goes_wrong_names_the_setting_and_the_file(tmp_path: Path, secret: Path) -> None:
    empty, binary, long = (tmp_path / name for name in ("empty", "binary", "long"))
    empty.write_text("\n")
    binary.write_bytes(b"\xff\xfe" + CANARY.encode())
    long.write_text(CANARY * 10_000)
    name = "CALLBACKD_DATABASE__URL_FILE"
    for path, says in (
        (tmp_path / "none", "cannot be read: No such file"),
        (tmp_path, "cannot be read: Is a directory"),
        (empty, "is empty"),
        (binary, "is no text"),
        (long, "is longer"),
    ):
        with pytest.raises(SettingsError) as error:
            load(None, {name: str(path)})
        assert str(error.value).startswith(f"{name}: {path} {says}")
        assert CANARY not in str(error.value)
    with pytest.raises(SettingsError, match="write the path of a file"):
        load(None, {name: ""})
    with pytest.raises(SettingsError, match=f"{name}: CALLBACKD_DATABASE__URL is set too"):
        load(None, {name: str(secret), "CALLBACKD_DATABASE__URL": "x"})
    with pytest.raises(SettingsError, match=r"nodes\.password: write the path"):
        load(None, {"CALLBACKD_NODES": "[{password = {file = 1}}]"})


def test_a_section_is_no_file(secret: Path) -> None:
    with pytest.raises(SettingsError, match="unknown field `file`"):
        load(None, {"CALLBACKD_NOTICES": f'{{file = "{secret}"}}'})
    with pytest.raises(SettingsError, match="missing required field `name`"):
        load(None, {"CALLBACKD_RECORDS__STREAMS": f'[{{file = "{secret}"}}]'})


@pytest.mark.parametrize("field", ["WEB__PROXIES", "WEB__METRICS_ALLOW", "LISTEN__ALLOW"])
def test_networks_are_networks(field: str) -> None:
    for bad in ('["x"]', '["192.0.2.7/24"]', '[""]'):
        with pytest.raises(SettingsError, match=rf"{field.lower().replace('__', '.')}: .*write"):
            load(None, {f"CALLBACKD_{field}": bad})


def test_the_defaults_answer_this_machine_and_believe_no_proxy() -> None:
    web = Settings().web
    assert (web.proxies, web.metrics_allow) == ((), ("127.0.0.0/8", "::1/128"))
