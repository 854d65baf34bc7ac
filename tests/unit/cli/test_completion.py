"""What a shell offers when Tab is pressed, and that it costs nothing when it is not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner

from controller.admin.directory import Directory
from controller.cli import main
from controller.settings import Settings
from controller.store.database import open_database

from .running import Run, ok

_CALL = "import sys; from controller.cli import main; main(prog_name='callbackd')"


def process(
    *arguments: str, code: str = _CALL, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a process of ours."""
    clean = {name: value for name, value in os.environ.items() if "CALLBACKD" not in name}
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code, *arguments],
        env={**clean, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def complete(line: str, data: Path, shell: str = "bash", **environment: str) -> list[str]:
    """Give what is offered at the end of a line, as the shell's script asks for it.

    The program is run as it runs in a process of its own, which takes half a second to begin.
    """
    words = line.split(" ")
    asked = {
        "_CALLBACKD_COMPLETE": f"{shell}_complete",
        "COMP_WORDS": line if shell != "fish" else " ".join(words[:-1]),
        "COMP_CWORD": str(len(words) - 1) if shell != "fish" else words[-1],
        "CALLBACKD_DATA_DIR": str(data),
    }
    env = {name: None for name in os.environ if "CALLBACKD" in name}
    done = CliRunner().invoke(main, [], prog_name="callbackd", env={**env, **asked, **environment})
    assert (done.exit_code, done.stderr) == (0, ""), done.stderr
    offered = [text for text in done.stdout.splitlines() if text]
    if shell == "bash":
        return [word.partition(",")[2] for word in offered]
    return offered[1::3] if shell == "zsh" else offered


@pytest.fixture
def several(stocked: Run, data: Path) -> Path:
    """A store with something to complete."""
    for number in ("1001", "1002", "20"):
        ok(
            stocked(
                "extension", "add", number, "--country", "US", "--did", f"+1202555{number:0>4}",
                "--caller-id", "+12025550111",
            )
        )  # fmt: skip
    ok(stocked("client", "add", "acme"))
    ok(stocked("callerid", "add", "1001", "+12125550199"))
    ok(stocked("callerid", "add", "20", "+12125550198"))
    ok(stocked("account", "add", "1001/+12125550199", "--currency", "EUR"))
    ok(stocked("sound", "add", "welcome", "--path", "/a.wav"))
    ok(stocked("token", "add", "web", "--role", "admin"))
    return data


def test_commands_options_and_words_are_completed(tmp_path: Path) -> None:
    assert complete("callbackd ex", tmp_path) == ["explain", "export", "extension"]
    assert complete("callbackd extension s", tmp_path) == ["set", "show"]
    assert complete("callbackd extension set --ring", tmp_path) == ["--ring-seconds"]
    assert "ring-seconds" in complete("callbackd extension set --reset ring", tmp_path)
    assert complete("callbackd token add --role c", tmp_path) == ["client"]
    # Nothing was made for it.
    assert list(tmp_path.iterdir()) == []


def test_keys_are_completed_from_the_store(several: Path) -> None:
    assert complete("callbackd extension show ", several) == ["100", "1001", "1002", "20"]
    assert complete("callbackd callerid show 1001 +", several) == ["+12125550199"]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("extension show 100", ["100", "1001", "1002"]),
        ("extension show 1001", ["1001"]),
        ("extension show 9", []),
        ("client set a", ["acme"]),
        ("channel set p", ["pstn"]),
        ("channel set pstn --add-identity p-", ["p-asserted-identity", "p-preferred-identity"]),
        ("channel add new --refusal-cause C", ["CALL_REJECTED"]),
        ("number add +12025550188 --client ", ["acme", "main"]),
        ("number set +1202", ["+12025550111"]),
        ("extension set 20 --caller-id +", ["+12025550111"]),
        ("extension list --client m", ["main"]),
        ("callerid add 2", ["20"]),
        # Those of the extension before it.
        ("callerid show 20 +", ["+12125550198"]),
        ("callerid export 1", ["100", "1001", "1002"]),
        ("account show 1001/", ["1001/+12125550199"]),
        ("account top-up 1", ["1001/+12125550199"]),
        ("account add 20", ["20"]),
        ("sound remove w", ["welcome"]),
        ("sound download w", ["welcome"]),
        ("extension set 100 --sound-before-disconnecting w", ["welcome"]),
        ("token show w", ["web"]),
        # A new one's name is nobody's guess.
        ("client add a", []),
    ],
)
def test_each_argument_completes_what_it_names(
    several: Path, monkeypatch: pytest.MonkeyPatch, line: str, words: list[str]
) -> None:
    monkeypatch.setenv("CALLBACKD_DATA_DIR", str(several))
    *before, incomplete = line.split(" ")
    shell = ShellComplete(main, {}, "callbackd", "_CALLBACKD_COMPLETE")
    assert [item.value for item in shell.get_completions(before, incomplete)] == words


def test_completion_looks_no_further_than_what_begins_so(
    several: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("controller.admin.model.MOST_ITEMS", 1)
    looked_at = []
    real = Directory.list

    def watched(*arguments: Any, **more: Any) -> Any:
        looked_at.append(more["after"])
        return real(*arguments, **more)

    monkeypatch.setattr(Directory, "list", watched)
    monkeypatch.setenv("CALLBACKD_DATA_DIR", str(several))
    shell = ShellComplete(main, {}, "callbackd", "_CALLBACKD_COMPLETE")
    found = shell.get_completions(["extension", "show"], "1001")
    assert [item.value for item in found] == ["1001"]
    assert looked_at == ["1001"]


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_every_shell_is_answered(several: Path, shell: str) -> None:
    offered = complete("callbackd extension show 1001", several, shell)
    assert any("1001" in word for word in offered)


@pytest.mark.parametrize("by_option", [True, False])
def test_the_file_of_settings_counts_for_completion_too(
    several: Path, tmp_path: Path, by_option: bool
) -> None:
    config = tmp_path / "callbackd.toml"
    config.write_text(f'data_dir = "{several}"\n', encoding="utf-8")
    line = f"callbackd {f'--config {config} ' if by_option else ''}extension show 20"
    done = process(
        _CALLBACKD_COMPLETE="bash_complete",
        COMP_WORDS=line,
        COMP_CWORD=str(len(line.split(" ")) - 1),
        **({} if by_option else {"CALLBACKD_CONFIG": str(config)}),
    )
    assert done.stdout == "plain,20\n"


def test_completion_is_silent_where_the_store_cannot_be_read(several: Path, tmp_path: Path) -> None:
    line = "callbackd extension show "
    assert complete(line, tmp_path / "nowhere") == []
    assert not (tmp_path / "nowhere").exists()
    assert complete(line, several, CALLBACKD_DATABASE__URL="nonsense") == []
    assert complete(line, several, CALLBACKD_LISTEN__PORT="x") == []
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "callbackd.sqlite3").write_text("no database", encoding="utf-8")
    assert complete(line, broken) == []


def test_completion_upgrades_no_database(several: Path) -> None:
    """A Tab must not do what an operator has to decide on."""
    engine = open_database(Settings(data_dir=str(several)).database_url)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0001'")
    engine.dispose()
    assert complete("callbackd extension show ", several) == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_asks_this_program(run: Run, shell: str) -> None:
    printed = ok(run("completion", shell))
    assert f"_CALLBACKD_COMPLETE={shell}_complete" in printed
    assert "callbackd" in printed


def test_there_is_no_script_for_other_shells(run: Run) -> None:
    assert run("completion", "csh").exit_code == 2


def test_the_help_loads_nothing_that_takes_long() -> None:
    heavy = "{'sqlalchemy', 'alembic', 'yaml', 'argon2', 'gevent', 'flask'} & set(sys.modules)"
    code = (
        "import sys, atexit; sys.argv[1:] = ['--help'];"
        f"atexit.register(lambda: print({heavy}, file=sys.stderr));"
        "from controller.cli import main; main(prog_name='callbackd')"
    )
    done = process(code=code)
    assert done.returncode == 0
    assert "extension" in done.stdout
    assert done.stderr == "set()\n"
