"""Import and export on the command line: what is printed, what ends with which status."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest

from controller.commands import transfer

from .running import Run, complaint, ok, refused, said

TREE: dict[str, Any] = {
    "version": 1,
    "channels": [{"name": "pstn"}],
    "numbers": [{"number": "+12025550111", "channel": "pstn", "client": "main"}],
    "extensions": [
        {
            "extension": "1001",
            "dids": ["+12025550100"],
            "country": "US",
            "caller_ids": ["+12025550111"],
            "password": "24682468",
        }
    ],
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A document with a password in clear."""
    path = tmp_path / "in.json"
    path.write_text(json.dumps(TREE), encoding="utf-8")
    return path


def test_a_document_is_imported_once_and_the_second_time_nothing_is(run: Run, file: Path) -> None:
    trial = ok(run("import", str(file), "--dry-run"))
    assert "extension  1 created, 0 changed, 0 same" in trial
    assert trial.endswith("a dry run: nothing was written\n")
    assert said(run("extension", "list", "--json")) == []
    assert "extension  1 created, 0 changed, 0 same" in ok(run("import", str(file)))
    again = said(run("import", str(file), "--json"))
    assert again["extension"] == {"created": 0, "changed": 0, "same": 1}
    assert (again["dry_run"], again["problems"]) == (False, [])
    assert said(run("extension", "show", "1001", "--json"))["password_set"] is True


def test_every_error_is_printed_with_the_file_and_its_place(run: Run, file: Path) -> None:
    tree = {**TREE, "extensions": [{**TREE["extensions"][0], "ring_seconds": 99, "x": 1}] * 2}
    file.write_text(json.dumps(tree), encoding="utf-8")
    for options in ((), ("--dry-run",)):
        result = run("import", str(file), *options)
        assert (result.exit_code, result.stdout) == (1, "")
        *places, last = complaint(result).splitlines()
        assert [place.partition(": ")[0] for place in places] == [str(file), str(file)]
        assert "extensions[0] (1001): " in places[0]
        assert last == "Error: 2 things are wrong, and nothing was written"
        assert "24682468" not in result.output
    result = run("import", str(file), "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["problems"][0]["place"] == "extensions[0] (1001)"
    assert said(run("channel", "list", "--json")) == []


def test_what_is_no_document_is_an_error(run: Run, file: Path, tmp_path: Path) -> None:
    file.write_text("{", encoding="utf-8")
    refused(run("import", str(file)), f"{file}: line 1, column 2: is no JSON")
    refused(run("import", str(file), "--format", "yaml"), f"{file}: line 2: is no YAML")
    assert run("import", str(tmp_path / "nowhere")).exit_code == 2
    assert run("import", str(file), "--format", "xml").exit_code == 2


@pytest.mark.parametrize("suffix", ["yaml", "json", "jsonl"])
def test_the_suffix_says_how_an_export_is_written(
    run: Run, file: Path, tmp_path: Path, suffix: str
) -> None:
    ok(run("import", str(file)))
    out = tmp_path / f"out.{suffix}"
    assert ok(run("export", str(out))) == ""
    assert out.read_text(encoding="utf-8") == ok(run("export", "--format", suffix))
    begin = {"yaml": "version: 1\n", "json": '{\n  "version": 1', "jsonl": '{"kind":"document"'}
    assert out.read_text(encoding="utf-8").startswith(begin[suffix])
    done = said(run("import", str(out), "--json"))
    assert done["extension"] == {"created": 0, "changed": 0, "same": 1}


def test_hashes_are_written_only_where_they_are_asked_for(
    run: Run, file: Path, tmp_path: Path
) -> None:
    ok(run("import", str(file)))
    assert "argon2" not in ok(run("export"))
    out = tmp_path / "out.yaml"
    ok(run("export", str(out), "--with-secrets"))
    assert "password_hash: $argon2id$" in out.read_text(encoding="utf-8")
    # For nobody else's eyes.
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert "pepper" in ok(run("export", "--help"))


def test_a_file_is_there_when_it_is_complete_and_not_otherwise(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "out.yaml"
    out.write_text("before", encoding="utf-8")

    def fail() -> None:
        with transfer.complete(out, private=False) as stream:
            stream.write("half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert out.read_text(encoding="utf-8") == "before"
    assert list(tmp_path.glob(".out*")) == []
    refused(run("export", str(tmp_path / "nowhere" / "out.yaml")), "cannot be written")


# --- CSV -------------------------------------------------------------------------------------


def test_callerids_are_imported_and_exported_as_csv(stocked: Run, tmp_path: Path) -> None:
    file = tmp_path / "in.csv"
    file.write_text("number;pin;notes\n(212) 555-0199;2468;=x\n", encoding="utf-8")
    trial = stocked("callerid", "import", "100", str(file), "--dry-run")
    assert ok(trial) == "1 created, 0 changed, 0 same\na dry run: nothing was written\n"
    assert said(stocked("callerid", "list", "--json")) == []
    assert ok(stocked("callerid", "import", "100", str(file))) == "1 created, 0 changed, 0 same\n"
    out = tmp_path / "out.csv"
    ok(stocked("callerid", "export", "100", str(out)))
    text = out.read_text(encoding="utf-8")
    assert text.splitlines()[1] == "+12125550199,on,*,,,,,'=x"
    assert ok(stocked("callerid", "export", "100")).splitlines() == text.splitlines()
    again = said(stocked("callerid", "import", "100", str(out), "--json"))
    assert again == {"dry_run": False, "created": 0, "changed": 0, "same": 1, "bad": []}
    ok(stocked("callerid", "export", "100", str(out), "--with-secrets"))
    assert "$argon2id$" in out.read_text(encoding="utf-8")
    assert stat.S_IMODE(out.stat().st_mode) == 0o600


def test_every_bad_line_is_printed_with_the_file(stocked: Run, tmp_path: Path) -> None:
    file = tmp_path / "in.csv"
    file.write_text("number,enabled\n12,maybe\n+12125550199,on\n", encoding="utf-8")
    result = stocked("callerid", "import", "100", str(file))
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.splitlines()[0].startswith(f"{file}: line 2, number: '12' is no")
    assert result.stderr.splitlines()[1].startswith(f"{file}: line 2, enabled: 'maybe' is neither")
    assert result.stderr.splitlines()[2] == "Error: 1 line is bad, and nothing was written"
    result = stocked("callerid", "import", "100", str(file), "--dry-run")
    assert result.exit_code == 1
    assert "of the others it would be: 1 created, 0 changed, 0 same" in result.stderr
    result = stocked("callerid", "import", "100", str(file), "--dry-run", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["bad"][1]["column"] == "enabled"
    assert said(stocked("callerid", "list", "--json")) == []


def test_a_file_that_is_no_such_csv_is_an_error(stocked: Run, tmp_path: Path) -> None:
    file = tmp_path / "in.csv"
    file.write_text("colour\nred\n", encoding="utf-8")
    refused(stocked("callerid", "import", "100", str(file)), f"{file}: there is no column 'colour'")
    refused(stocked("callerid", "import", "200", str(file)), "there is no extension 200")
    refused(stocked("callerid", "export", "200"), "there is no extension 200")


def test_progress_is_shown_on_a_terminal_only(
    stocked: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "in.csv"
    file.write_text("number,pin\n+12125550199,2468\n", encoding="utf-8")
    assert "PINs" not in stocked("callerid", "import", "100", str(file)).stderr
    monkeypatch.setattr("controller.commands.callerid._is_watched", lambda: True)
    result = stocked("callerid", "import", "100", str(file))
    assert ok(result) == "0 created, 0 changed, 1 same\n"
    assert "PINs" in result.stderr
