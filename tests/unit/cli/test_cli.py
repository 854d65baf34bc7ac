"""The commands: what they print, what they refuse, and what they never show."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from controller.release import release
from controller.settings import Settings
from controller.store.database import open_database
from controller.store.extensions import Extensions
from controller.store.journal import Journal
from controller.store.passwords import Passwords, load_pepper

from .running import ADD, PREPARED, Run, ok, refused, said, shown, told

# --- extensions ------------------------------------------------------------------------------


def test_o1_an_extension_is_added_with_the_defaults_and_shown(prepared: Run, data: Path) -> None:
    added = shown(ok(prepared(*ADD)))
    assert added == shown(ok(prepared("extension", "show", "100")))
    assert added["extension"] == "100"
    assert added["dids"] == "+12025550100"
    # The first number assigned is what destinations see, where nothing else is said.
    assert added["default_caller_id"] == "+12025550111"
    assert (added["ring_seconds"], added["delay_seconds"]) == ("5", "3")
    assert (added["enabled"], added["password_set"], added["caller_id_name"]) == ("on", "no", "-")
    assert (data / "callbackd.sqlite3").exists()


def test_every_option_of_add_is_a_field_of_the_policy(prepared: Run) -> None:
    printed = said(
        prepared(
            *ADD, "--did", "+12025550101", "--default-caller-id", "+12025550111",
            "--caller-id-name", "Acme & Co", "--caller-id-name-from", "custom", "--ring-seconds",
            "7", "--delay-seconds", "0", "--return-ring-seconds", "20", "--password", "4711",
            "--dial-seconds", "60", "--destination-ring-seconds", "50", "--longest-call-seconds",
            "1", "--return-country", "US", "--return-country", "GB", "--dial-country", "DE",
            "--sound-before-disconnecting", "/over.wav", "--description", "Front desk",
            "--no-enabled", "--client", "main", "--json",
            "--early-hang-up", "callback", "--early-hang-up-seconds", "2", "--return-calls",
            "fixed", "--fixed-number", "+12125550199", "--retries-busy", "1",
            "--retries-no-answer", "2", "--retries-failed", "3", "--retry-cause",
            "SUBSCRIBER_ABSENT=busy", "--retry-seconds", "30", "--expiry-seconds", "600",
            "--time-zone", "America/New_York", "--quiet-from", "22:00", "--quiet-until", "07:00",
            "--return-prefix", "+4420", "--dial-prefix", "+33", "--destination-prefix", "+34",
            "--blocked-country", "FR", "--blocked-prefix", "+1900", "--stop-after-unanswered", "5",
            "--return-type", "fixed_or_mobile", "--return-type", "mobile", "--destination-type",
            "fixed", "--dial-type", "mobile", "--blocked-type", "voip",
            "--callbacks-per-number", "minute=2,hour=5", "--callbacks-per-block", "day=50",
            "--callbacks-per-did", "minute=10", "--callbacks-per-extension", "hour=20",
            "--unanswered-per-block", "minute=3,day=9", "--unanswered-per-extension", "hour=30",
            "--concurrent-calls", "4", "--most-spent-per-hour", "2.5", "--most-spent-per-day", "20",
            "--minimum-credit", "0.10",
            "--return-call-exposure", "0.2", "--warning-seconds", "30",
            "--warning-sound", "/warn.wav",
            "--language", "de", "--human-check", "--caller-passwords", "--credit-query",
            "--credit-query-again", "--further-calls", "3", "--say-time-left",
            "--prompt", "goodbye=/bye.wav", "--prompt", "sorry=/sorry.wav",
            "--caller-id-number-from", "custom", "--caller-id-number", "+12025550101",
            "--caller-id-choice", "sticky", "--hide-caller-id", "--p-asserted-identity",
            "--p-preferred-identity", "sip:desk@example.com",
            "--on-sequential-numbers", "block", "--on-many-extensions", "ignore",
            "--on-short-answers", "block", "--on-sudden-spend", "ignore",
        )
    )  # fmt: skip
    del printed["created"], printed["changed"]
    assert printed == {
        "extension": "100",
        "client": "main",
        "dids": ["+12025550100", "+12025550101"],
        "country": "US",
        "description": "Front desk",
        "caller_ids": ["+12025550111"],
        "default_caller_id": "+12025550111",
        "caller_id_name_from": "custom",
        "caller_id_name": "Acme & Co",
        "enabled": False,
        "ring_seconds": 7,
        "delay_seconds": 0,
        "return_ring_seconds": 20,
        "password_set": True,
        "dial_seconds": 60,
        "destination_ring_seconds": 50,
        "longest_call_seconds": 1,
        "return_countries": ["US", "GB"],
        "destination_countries": ["DE"],
        "sound_before_disconnecting": "/over.wav",
        "early_hang_up": "callback",
        "early_hang_up_seconds": 2,
        "return_calls": "fixed",
        "fixed_number": "+12125550199",
        "retries_busy": 1,
        "retries_no_answer": 2,
        "retries_failed": 3,
        "retry_causes": {"SUBSCRIBER_ABSENT": "busy"},
        "retry_seconds": 30,
        "expiry_seconds": 600,
        "time_zone": "America/New_York",
        "quiet_from": "22:00",
        "quiet_until": "07:00",
        "return_prefixes": ["+4420"],
        "destination_prefixes": ["+33", "+34"],
        "blocked_countries": ["FR"],
        "blocked_prefixes": ["+1900"],
        "return_types": ["fixed_or_mobile", "mobile"],
        "destination_types": ["fixed", "mobile"],
        "blocked_types": ["voip"],
        "on_sequential_numbers": "block",
        "on_many_extensions": "ignore",
        "on_short_answers": "block",
        "on_sudden_spend": "ignore",
        "stop_after_unanswered": 5,
        "callbacks_per_number": {"minute": 2, "hour": 5, "day": None},
        "callbacks_per_block": {"minute": None, "hour": None, "day": 50},
        "callbacks_per_did": {"minute": 10, "hour": None, "day": None},
        "callbacks_per_extension": {"minute": None, "hour": 20, "day": None},
        "unanswered_per_block": {"minute": 3, "hour": None, "day": 9},
        "unanswered_per_extension": {"minute": None, "hour": 30, "day": None},
        "concurrent_calls": 4,
        "most_spent_per_hour": 2_500_000,
        "most_spent_per_day": 20_000_000,
        "minimum_credit": 100_000,
        "return_call_exposure": 200_000,
        "warning_seconds": 30,
        "warning_sound": "/warn.wav",
        "language": "de",
        "human_check": True,
        "caller_passwords": True,
        "credit_query": True,
        "credit_query_again": True,
        "further_calls": 3,
        "say_time_left": True,
        "prompts": {"goodbye": "/bye.wav", "sorry": "/sorry.wav"},
        "caller_id_number_from": "custom",
        "caller_id_number": "+12025550101",
        "caller_id_choice": "sticky",
        "hide_caller_id": True,
        "p_asserted_identity": True,
        "p_preferred_identity": "sip:desk@example.com",
        "version": 1,
    }


def test_i8_a_number_that_is_not_the_clients_is_refused_with_the_commands_that_make_it_so(
    run: Run,
) -> None:
    refused(
        run(*ADD),
        "callbackd channel add pstn",
        "callbackd number add +12025550111 --channel pstn --client main",
    )
    for command in PREPARED:
        ok(run(*command))
    ok(run("client", "add", "acme"))
    ok(run("number", "set", "+12025550111", "--client", "acme"))
    refused(run(*ADD), "callbackd number set +12025550111 --client main makes it so")
    ok(run("number", "set", "+12025550111", "--client", "main"))
    ok(run(*ADD))


def test_i2_what_is_said_to_do_about_a_number_that_is_shown_elsewhere_helps(
    prepared: Run,
) -> None:
    ok(prepared(*ADD))
    custom = ("--caller-id-number-from", "custom", "--caller-id-number", "+12025550100")
    ok(prepared(*ADD[:2], "200", *ADD[3:6], "+12025550200", *ADD[7:], *custom))
    reset = (
        "extension", "set", "200", "--reset", "caller-id-number-from", "--reset",
        "caller-id-number",
    )  # fmt: skip
    refused(prepared("extension", "remove", "100", "--yes"), "callbackd " + " ".join(reset))
    refused(
        prepared("extension", "set", "100", "--did", "+12025550101"), "callbackd " + " ".join(reset)
    )
    ok(prepared(*reset))
    ok(prepared("extension", "remove", "100", "--yes"))


def test_i2_an_extension_without_a_number_to_show_is_refused_with_the_remedy(run: Run) -> None:
    add = ("extension", "add", "100", "--country", "US", "--did", "+12025550100")
    refused(run(*add), "caller_ids: no number is assigned", "assign one of the client's public")


def test_a_number_is_printed_as_a_number_even_0_and_1(prepared: Run) -> None:
    added = shown(ok(prepared(*ADD, "--delay-seconds", "0", "--longest-call-seconds", "1")))
    assert (added["delay_seconds"], added["longest_call_seconds"]) == ("0", "1")


def test_extensions_are_listed(prepared: Run) -> None:
    assert ok(prepared("extension", "list")) == ""
    assert said(prepared("extension", "list", "--json")) == []
    ok(prepared(*ADD))
    ok(
        prepared(
            "extension", "add", "99", "--country", "GB", "--did", "+442079460000",
            "--caller-id", "+12025550111",
        )
    )  # fmt: skip
    assert told(ok(prepared("extension", "list"))) == [
        "extension enabled client country dids caller ids description",
        "100 on main US +12025550100 +12025550111 -",
        "99 on main GB +442079460000 +12025550111 -",
    ]
    listed = said(prepared("extension", "list", "--json"))
    assert listed[0] == said(prepared("extension", "show", "100", "--json"))
    assert [entry["extension"] for entry in listed] == ["100", "99"]


def test_a4_neither_the_password_nor_its_hash_is_ever_printed(prepared: Run, data: Path) -> None:
    results = [
        prepared(*ADD, "--password", "47114711"),
        prepared("extension", "set", "100", "--ring-seconds", "6", "--json"),
        prepared("audit", "list", "--json"),
        prepared("export"),
        *(
            prepared("extension", command, *arguments, *options)
            for command, arguments in (("show", ["100"]), ("list", []))
            for options in ([], ["--json"])
        ),
        prepared("extension", "remove", "100", "--yes", "--json"),
    ]
    for result in results[:-1]:
        ok(result)
        assert "argon2" not in result.output
        assert "47114711" not in result.output
        assert "password_hash" not in result.output
    assert b"47114711" not in b"".join(path.read_bytes() for path in data.iterdir())


def test_a4_what_is_stored_of_a_password_is_its_hash(prepared: Run, data: Path) -> None:
    ok(prepared(*ADD, "--password", "47114711"))
    settings = Settings(data_dir=str(data))
    engine = open_database(settings.database_url)
    policy = Extensions(engine).by_extension("100").policy
    engine.dispose()
    assert policy is not None
    assert policy.password_hash is not None
    assert Passwords(load_pepper(settings.pepper_path)).check("47114711", policy.password_hash)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--ring-seconds", "61"), "ring_seconds: write a whole number, at most 60"),
        (("--dial-seconds", "4"), "dial_seconds: write a whole number, at least 5"),
        (("--did", "2025550100"), "dids[1]: is not written as it has to be: E.164, such as +12025"),
        (("--caller-id", "anonymous"), "caller_ids[1]: is not written as it has to be: E.164"),
        (("--caller-id-name", "Bob's"), "caller_id_name: is not written as it has to be: At most"),
        (("--dial-country", "Germany"), "destination_countries[0]: is not written as it has to be"),
        (("--dial-country", "ZZ"), "destination_countries: 'ZZ' is no country"),
        (("--password", "12"), "password: write 4 to 20 digits"),
        (("--password", ""), "password: write 4 to 20 digits"),
        (("--sound-before-disconnecting", "a b"), "sound_before_disconnecting: "),
        (("--description", "\udcff"), "description: is not UTF-8"),
        (("--client", "nobody"), "client: there is no client nobody"),
    ],
)
def test_what_cannot_be_is_refused_and_not_stored(
    prepared: Run, options: tuple[str, ...], says: str
) -> None:
    refused(prepared(*ADD, *options), says)
    assert ok(prepared("extension", "list")) == ""


def test_what_is_there_already_is_refused(prepared: Run) -> None:
    ok(prepared(*ADD))
    refused(prepared(*ADD), "extension 100 is there already")
    refused(prepared(*ADD[:2], "200", *ADD[3:]), "+12025550100 reaches extension 100 already")


def test_what_is_not_there_is_an_error(run: Run) -> None:
    for command in ("show", "set", "remove"):
        options = {"set": ("--ring-seconds", "6"), "remove": ("--yes",)}.get(command, ())
        refused(run("extension", command, "100", *options), "there is no extension 100")


def test_a_command_that_is_not_understood_ends_with_2(run: Run) -> None:
    for arguments in (
        ("extension", "add", "100"),
        (*ADD, "--ring-seconds", "x"),
        (*ADD, "--colour", "red"),
        ("extension", "set", "100", "--reset", "extension"),
        ("extension", "set", "100", "--did", "+12025550100", "--add-did", "+12025550101"),
        ("nothing",),
    ):
        assert run(*arguments).exit_code == 2


def test_s2_a_prompt_that_there_is_not_is_refused_with_those_that_there_are(prepared: Run) -> None:
    says = ("prompts.good_bye: there is no such prompt; write one of: ", "goodbye")
    refused(prepared(*ADD, "--prompt", "good_bye=/bye.wav"), *says)
    ok(prepared(*ADD))
    refused(prepared("extension", "set", "100", "--prompt", "good_bye=/bye.wav"), *says)
    assert shown(ok(prepared("extension", "show", "100")))["prompts"] == "-"


def test_a_stored_extension_that_this_release_cannot_read_is_an_error(
    stocked: Run, data: Path
) -> None:
    engine = open_database(Settings(data_dir=str(data)).database_url)
    with engine.begin() as connection:
        connection.execute(
            text("""UPDATE extension SET policy = '{"version": 2, "colour": "red"}'""")
        )
    engine.dispose()
    refused(stocked("extension", "show", "100"), "colour")
    refused(stocked("extension", "list"), "colour")
    refused(stocked("export"), "colour")


def test_a4_a_password_can_be_typed_where_no_history_keeps_it(
    prepared: Run, terminal: None
) -> None:
    result = prepared(*ADD, "--password", "-", "--json", types="47114711\n47114711\n")
    # Asked on standard error: what a program reads is the record alone.
    assert said(result)["password_set"] is True
    assert "47114711" not in result.output


def test_a4_a_password_that_is_typed_differently_the_second_time_is_asked_for_again(
    prepared: Run, terminal: None
) -> None:
    result = prepared(*ADD, "--password", "-", types="1111\n2222\n3333\n3333\n")
    assert shown(ok(result))["password_set"] == "yes"


def test_a4_a_program_may_give_the_password_on_standard_input(prepared: Run) -> None:
    assert said(prepared(*ADD, "--password", "-", "--json", types="4711\n"))["password_set"] is True


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


def test_it_runs_as_a_process(stocked: Run, data: Path) -> None:
    def run_process(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "controller", *arguments],
            env={**os.environ, "CALLBACKD_DATA_DIR": str(data)},
            capture_output=True,
            text=True,
            check=False,
        )

    assert run_process("--version").stdout == f"callbackd, version {release()}\n"
    assert run_process("channel", "add", "pstn2").returncode == 0
    done = run_process("extension", "show", "100", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["extension"] == "100"
    failed = run_process("extension", "show", "200")
    assert (failed.returncode, failed.stdout) == (1, "")
    assert failed.stderr == "Error: there is no extension 200\n"


def test_o5_a_database_that_goes_away_while_a_controller_starts_is_named(
    stocked: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """O5: whoever starts it again, mostly systemd, is told why in one sentence."""

    def gone(journal: Journal) -> None:
        raise OperationalError("SELECT", None, Exception("server closed the connection"))

    monkeypatch.setattr(Journal, "position", gone)
    # What it logs goes to where it always does, and stays as it is for others.
    monkeypatch.setattr("controller.logs.configure", lambda **_: None)
    refused(stocked("serve"), "the database went away while the controller started")
