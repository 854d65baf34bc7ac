"""`callbackd bundle`, with half of everything dead (O3)."""

from __future__ import annotations

import errno
import json
import socket
import tarfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from controller.commands import bundle as bundles
from controller.commands import bundle_parts
from controller.commands.findings import Finding
from controller.commands.masking import Masking
from controller.commands.waiting import Late, within
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


def test_o3_what_blocks_for_ever_costs_what_it_had_not_given_yet(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """O3: findings before it are kept, the rest is made, and errors.txt has its name."""
    moved, ever = threading.Event(), threading.Event()

    def find(*_: object, **__: object) -> Iterator[Finding]:
        yield Finding(subject="first", well=True, text="of +12125550199")
        moved.set()
        ever.wait(300)
        yield Finding(subject="second", well=True, text="too late")

    def blocked(seconds: float, do: Callable[[], object]) -> None:
        """Be late as soon as something blocks."""
        ended: list[Exception | None] = []

        def run() -> None:
            try:
                do()
            except Exception as error:  # noqa: BLE001
                ended.append(error)
            else:
                ended.append(None)
            moved.set()

        moved.clear()
        threading.Thread(target=run, daemon=True).start()
        assert moved.wait(60)
        if not ended:
            raise Late(seconds)
        if ended[0] is not None:
            raise ended[0]

    monkeypatch.setattr(bundles, "find", find)
    monkeypatch.setattr(bundles, "within", blocked)
    path = tmp_path / "x.tar.gz"
    ok(run("bundle", str(path), "--log", "-", CALLBACKD_WEB__PORT="1", types="{}"))
    ever.set()
    files = unpacked(path)
    (finding,) = json.loads(files["check.json"])
    assert finding["subject"] == "first"
    assert b"5550199" not in files["check.json"]
    errors = files["errors.txt"].decode()
    assert "check: it took longer than 60 seconds\ncheck --switch: it took" in errors
    assert {"settings.json", "log-1.jsonl"} < files.keys()


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "No space left"),
        (KeyboardInterrupt(), ""),
    ],
)
def test_o3_half_a_bundle_is_left_nowhere(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: BaseException, says: str
) -> None:
    """O3: a full disk, Ctrl-C; and then its name is free for another."""
    path = tmp_path / "made" / "x.tar.gz"
    path.parent.mkdir()

    def put(*_: object) -> None:
        assert [one.name for one in path.parent.iterdir()] == ["x.tar.gz.part"]
        raise fault

    with monkeypatch.context() as broken:
        broken.setattr(bundles, "_put", put)
        result = run("bundle", str(path), CALLBACKD_WEB__PORT="1")
    assert result.exit_code == 1
    assert says in result.stderr
    assert "Traceback" not in result.stderr
    assert list(path.parent.iterdir()) == []
    ok(run("bundle", str(path), CALLBACKD_WEB__PORT="1"))
    assert path.stat().st_mode & 0o777 == 0o600
    (path.parent / "y.part").touch()
    refused(run("bundle", str(path.parent / "y")), "y.part is there already")


def test_what_is_waited_for_gives_raises_or_is_late() -> None:
    with pytest.raises(Late, match=r"longer than 0\.05 seconds"):
        within(0.05, lambda: threading.Event().wait(300))
    assert within(60, lambda: 5) == 5
    with pytest.raises(ZeroDivisionError):
        within(60, lambda: 1 // 0)


def test_o3_a_log_has_as_long_as_it_takes(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """O3: it may be a long one, or come from a pipe."""

    def late(seconds: float, do: object) -> None:
        raise Late(seconds)

    monkeypatch.setattr(bundles, "within", late)
    path = tmp_path / "x.tar.gz"
    ok(run("bundle", str(path), "--log", "-", types="one line\n"))
    files = unpacked(path)
    assert files["log-1.jsonl"] == b"one line\n"
    assert b"check: it took longer" in files["errors.txt"]


def test_o3_a_switch_that_says_nothing_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """O3: it is connected to, and never answers."""
    monkeypatch.setattr(bundle_parts, "_SWITCH_SECONDS", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        node = Node(name="mute", port=silent.getsockname()[1], password="x")
        ((name, content),) = bundle_parts.switches(Masking(), [node])
    assert name == "switches/mute.txt"
    assert b"it did not answer within 0.05 seconds" in content
