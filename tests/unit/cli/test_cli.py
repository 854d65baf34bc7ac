"""The commands: what they print, what they refuse, and what they never show."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import text

from controller import __version__
from controller.cli import main
from controller.settings import Settings
from controller.store.database import open_database
from controller.store.extensions import Extensions
from controller.store.passwords import Passwords, load_pepper
from controller.store.requests import Requests

Run = Callable[..., Result]
ADD = ("extension", "add", "100", "--country", "US", "--did", "+12025550100")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def run(data: Path) -> Run:
    def run_command(*arguments: str, **environment: str) -> Result:
        env = {"CALLBACKD_DATA_DIR": str(data), **environment}
        return CliRunner().invoke(main, arguments, env=env)

    return run_command


def ok(result: Result) -> str:
    """Give what a command printed that went well."""
    assert result.exit_code == 0, result.output
    return result.stdout


def refused(result: Result, *says: str) -> None:
    """Check that a command ended with 1, a message, and nothing else."""
    assert result.exit_code == 1, result.output
    assert isinstance(result.exception, SystemExit)
    assert result.stdout == ""
    assert result.stderr.startswith("Error: ")
    for part in says:
        assert part in result.stderr


def shown(printed: str) -> dict[str, str]:
    """Read the lines that show an extension."""
    found: dict[str, str] = {}
    for line in printed.splitlines():
        name, value = re.split(r"\s+", line, maxsplit=1)
        found[name] = value
    return found


# --- extensions ------------------------------------------------------------------------------


def test_o1_an_extension_is_added_with_the_defaults_and_shown(run: Run, data: Path) -> None:
    added = shown(ok(run(*ADD)))
    assert added == shown(ok(run("extension", "show", "100")))
    assert added["extension"] == "100"
    assert added["dids"] == "+12025550100"
    # The first DID is what destinations see, where nothing else is said.
    assert added["caller_id_number"] == "+12025550100"
    assert (added["ring_seconds"], added["delay_seconds"]) == ("5", "3")
    assert (added["enabled"], added["password"], added["caller_id_name"]) == ("yes", "no", "-")
    assert (data / "callbackd.sqlite3").exists()


def test_every_option_of_add_is_a_field_of_the_policy(run: Run) -> None:
    printed = ok(
        run(
            *ADD, "--did", "+12025550101", "--caller-id", "+442079460000", "--caller-id-name",
            "Acme & Co", "--ring-seconds", "7", "--delay-seconds", "0", "--return-ring-seconds",
            "20", "--password", "4711", "--dial-seconds", "60", "--destination-ring-seconds", "50",
            "--longest-call-seconds", "1", "--return-country", "US", "--return-country", "GB",
            "--dial-country", "DE", "--sound-before-disconnecting", "/over.wav", "--json",
        )
    )  # fmt: skip
    assert json.loads(printed) == {
        "extension": "100",
        "dids": ["+12025550100", "+12025550101"],
        "country": "US",
        "caller_id_number": "+442079460000",
        "caller_id_name": "Acme & Co",
        "enabled": True,
        "ring_seconds": 7,
        "delay_seconds": 0,
        "return_ring_seconds": 20,
        "password": True,
        "dial_seconds": 60,
        "destination_ring_seconds": 50,
        "longest_call_seconds": 1,
        "return_countries": ["US", "GB"],
        "destination_countries": ["DE"],
        "sound_before_disconnecting": "/over.wav",
    }


def test_a_number_is_printed_as_a_number_even_0_and_1(run: Run) -> None:
    added = shown(ok(run(*ADD, "--delay-seconds", "0", "--longest-call-seconds", "1")))
    assert (added["delay_seconds"], added["longest_call_seconds"]) == ("0", "1")


def test_extensions_are_listed(run: Run) -> None:
    assert ok(run("extension", "list")) == ""
    assert json.loads(ok(run("extension", "list", "--json"))) == []
    ok(run(*ADD))
    ok(run("extension", "add", "99", "--country", "GB", "--did", "+442079460000"))
    assert ok(run("extension", "list")).splitlines() == [
        "100        on   US +12025550100",
        "99         on   GB +442079460000",
    ]
    listed = json.loads(ok(run("extension", "list", "--json")))
    assert listed[0] == json.loads(ok(run("extension", "show", "100", "--json")))
    assert [entry["extension"] for entry in listed] == ["100", "99"]


def test_a4_neither_the_password_nor_its_hash_is_ever_printed(run: Run, data: Path) -> None:
    add = run(*ADD, "--password", "47114711")
    results = [add] + [
        run("extension", command, *arguments, *options)
        for command, arguments in (("show", ["100"]), ("list", []))
        for options in ([], ["--json"])
    ]
    for result in results:
        ok(result)
        assert "argon2" not in result.output
        assert "47114711" not in result.output
        assert "password_hash" not in result.output
    # What is stored is the password all the same.
    settings = Settings(data_dir=str(data))
    engine = open_database(settings.database_url)
    policy = Extensions(engine).get("100")
    engine.dispose()
    assert policy is not None
    assert policy.password_hash is not None
    assert Passwords(load_pepper(settings.pepper_path)).check("47114711", policy.password_hash)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--ring-seconds", "61"), "ring_seconds: expected `int` <= 60"),
        (("--dial-seconds", "4"), "dial_seconds: expected `int` >= 5"),
        (("--did", "2025550100"), "dids: '2025550100' is not E.164; write it as +12025550100"),
        (("--caller-id", "anonymous"), "caller_id_number: 'anonymous' is not E.164"),
        (("--caller-id-name", "Bob's"), "caller_id_name: at most 40"),
        (("--dial-country", "Germany"), "destination_countries: 'Germany' is no country"),
        (("--password", "12"), "password: write 4 to 20 digits"),
        (("--password", ""), "password: write 4 to 20 digits"),
        (("--sound-before-disconnecting", "a b"), "sound_before_disconnecting: "),
    ],
)
def test_what_cannot_be_is_refused_and_not_stored(
    run: Run, options: tuple[str, ...], says: str
) -> None:
    refused(run(*ADD, *options), says)
    assert ok(run("extension", "list")) == ""


def test_what_is_there_already_is_refused(run: Run) -> None:
    ok(run(*ADD))
    refused(run(*ADD), "extension: 100 is there already")
    other = ("extension", "add", "200", "--country", "US", "--did", "+12025550100")
    refused(run(*other), "+12025550100 reaches extension 100 already")


def test_what_is_not_there_is_an_error(run: Run) -> None:
    refused(run("extension", "show", "100"), "there is no extension 100")


def test_a_command_that_is_not_understood_ends_with_2(run: Run) -> None:
    for arguments in (("extension", "add", "100"), (*ADD, "--ring-seconds", "x"), ("nothing",)):
        assert run(*arguments).exit_code == 2


def test_a_stored_extension_that_this_release_cannot_read_is_an_error(run: Run, data: Path) -> None:
    ok(run(*ADD))
    engine = open_database(Settings(data_dir=str(data)).database_url)
    with engine.begin() as connection:
        connection.execute(text("""UPDATE extension SET policy = '{"colour": "red"}'"""))
    engine.dispose()
    refused(run("extension", "show", "100"), "colour")
    refused(run("extension", "list"), "colour")


def test_a4_a_password_can_be_typed_where_no_history_keeps_it(data: Path) -> None:
    result = CliRunner().invoke(
        main,
        [*ADD, "--password", "-"],
        input="47114711\n47114711\n",
        env={"CALLBACKD_DATA_DIR": str(data)},
    )
    assert result.exit_code == 0, result.output
    assert "47114711" not in result.output
    assert re.search(r"password +yes", result.output)


# --- callbacks -------------------------------------------------------------------------------


def test_t10_the_operator_sees_callbacks_and_what_got_none(run: Run, data: Path) -> None:
    assert ok(run("callback", "list")) == ""
    engine = open_database(Settings(data_dir=str(data)).database_url)
    requests = Requests(engine)
    asked: dict[str, Any] = {"extension": "100", "did": "+12025550100"}
    stored = requests.store(**asked, number="+12125550199", due=2, now=1_000_000)
    requests.refuse(**asked, number=None, reason="hidden", now=2_000_000)
    engine.dispose()
    assert ok(run("callback", "list")).splitlines() == [
        "1970-01-01 00:00:02  100        -                refused   hidden",
        "1970-01-01 00:00:01  100        +12125550199     pending   -",
    ]
    listed = json.loads(ok(run("callback", "list", "--json")))
    assert [entry["outcome"] for entry in listed] == ["hidden", None]
    assert listed[1]["id"] == stored.id
    assert len(ok(run("callback", "list", "--limit", "1")).splitlines()) == 1
    assert run("callback", "list", "--limit", "0").exit_code == 2


# --- settings --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments", [("extension", "list"), ("extension", "show", "1"), ("callback", "list"), ADD]
)
def test_o1_a_bad_setting_ends_each_command_by_its_name(
    run: Run, arguments: tuple[str, ...]
) -> None:
    refused(run(*arguments, CALLBACKD_LISTEN__PORT="x"), "listen.port: ")
    refused(run(*arguments, CALLBACKD_DATABASE__URL="nonsense"), "database.url: ")
    refused(run("--config", "missing.toml", *arguments), "missing.toml: cannot be read")


def test_the_file_is_named_by_the_option_or_the_environment(run: Run, tmp_path: Path) -> None:
    config = tmp_path / "callbackd.toml"
    config.write_text("[web]\nport = 'x'", encoding="utf-8")
    refused(run("--config", str(config), "extension", "list"), "web.port: ")
    refused(run("extension", "list", CALLBACKD_CONFIG=str(config)), "web.port: ")


# --- a process -------------------------------------------------------------------------------


def test_it_runs_as_a_process(data: Path) -> None:
    def run_process(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "controller", *arguments],
            env={**os.environ, "CALLBACKD_DATA_DIR": str(data)},
            capture_output=True,
            text=True,
            check=False,
        )

    assert run_process("--version").stdout == f"callbackd, version {__version__}\n"
    assert run_process(*ADD).returncode == 0
    done = run_process("extension", "show", "100", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["extension"] == "100"
    failed = run_process("extension", "show", "200")
    assert (failed.returncode, failed.stdout) == (1, "")
    assert failed.stderr == "Error: there is no extension 200\n"
