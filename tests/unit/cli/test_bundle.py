"""`callbackd bundle`, with half of everything dead (O3)."""

from __future__ import annotations

import json
import socket
import tarfile
from pathlib import Path

import pytest

from controller.commands import bundle_parts
from controller.commands.masking import Masking
from controller.settings import Node

from .running import Run, ok, refused


def unpacked(path: Path) -> dict[str, bytes]:
    """Give the files of a bundle, without its own name before theirs."""
    found: dict[str, bytes] = {}
    with tarfile.open(path) as archive:
        for member in archive.getmembers():
            content = archive.extractfile(member)
            assert content is not None
            found[member.name.partition("/")[2]] = content.read()
    return found


def test_o3_what_cannot_be_had_is_said_and_the_rest_is_there(run: Run, tmp_path: Path) -> None:
    """O3: no database, no switch, no controller, no Redis; and nothing is made."""
    path = tmp_path / "x.tar.gz"
    result = run("bundle", str(path), CALLBACKD_WEB__PORT="1")
    assert result.exit_code == 0
    assert "5 things could not be had" in result.stderr
    found = unpacked(path)
    errors = found["errors.txt"].decode()
    assert "there is no file" in errors
    assert {"versions.json", "settings.json", "check.json", "switches/fs1.txt"} < found.keys()
    assert json.loads(found["versions.json"])["packages"]["gevent"]
    for name in found.keys() - {"MANIFEST.txt"}:
        assert f"  {name}: " in found["MANIFEST.txt"].decode()
    assert not (tmp_path / "data").exists()
    refused(run("bundle", str(path)), "is there already")
    refused(run("bundle", str(tmp_path / "none" / "x")), "No such file")


def test_o3_callbacks_and_rows_are_of_the_store(
    stocked: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """O3, O7: so many callbacks; a name of a file of its own where none is given."""
    for last in range(3):
        ok(stocked("callback", "ask", "100", f"+1212555019{last}"))
    monkeypatch.chdir(tmp_path)
    ok(stocked("bundle", "--callbacks", "2"))
    (path,) = tmp_path.glob("callbackd-bundle-*.tar.gz")
    found = unpacked(path)
    assert len(found["callbacks.jsonl"].splitlines()) == 2
    rows = json.loads(found["database.json"])["rows"]
    assert rows["callback_request"] == 3
    assert all(type(count) is int for count in rows.values())
    assert b"1212555019" not in b"".join(found.values())
    path.unlink()
    ok(stocked("bundle", "--numbers", "--callbacks", "1"))
    (path,) = tmp_path.glob("callbackd-bundle-*.tar.gz")
    assert b"+12125550192" in unpacked(path)["callbacks.jsonl"]


def test_o3_of_a_log_the_last_lines_are_in_it(stocked: Run, tmp_path: Path) -> None:
    log, path = tmp_path / "a.log", tmp_path / "x.tar.gz"
    log.write_text("".join(f'{{"event": "e{at}", "timestamp": "x"}}\n' for at in range(9)))
    ok(
        stocked(
            "bundle", str(path), "--log", str(log), "--log", "-", "--lines", "2", types="no json"
        )
    )
    found = unpacked(path)
    assert [json.loads(line)["event"] for line in found["log-1.jsonl"].splitlines()] == ["e7", "e8"]
    assert found["log-2.jsonl"] == b"no json\n"


def test_o3_a_switch_that_says_nothing_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """O3: it is connected to, and never answers."""
    monkeypatch.setattr(bundle_parts, "_SWITCH_SECONDS", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        node = Node(name="mute", port=silent.getsockname()[1], password="x")
        ((name, content),) = bundle_parts.switches(Masking(), [node])
    assert name == "switches/mute.txt"
    assert b"it did not answer within 0.05 seconds" in content
