"""`callbackd switch`: the files of gateways, and what is said where they cannot be.

What nodes make of them is tried in tests/peer and tests/live.
"""

from __future__ import annotations

import fcntl
import os
import stat
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from click.testing import Result

from .running import Run, ok, refused, told
from .test_completion import complete

SECRET = "s3cret & <more>"
PASSWORDS = {"CALLBACKD_CHANNEL_PASSWORDS": f'{{ trunk = "{SECRET}" }}'}


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    made = tmp_path / "callback_public"
    made.mkdir(mode=0o755)
    return made


@pytest.fixture
def trunks(run: Run) -> Run:
    """Channels by address, by password, and by hand."""
    ok(run("channel", "add", "pstn", "--proxy", "192.0.2.10:5070", "--ping-seconds", "30"))
    ok(
        run(
            *("channel", "add", "trunk", "--proxy", "sip.example.com", "--username", "1234"),
            *("--register", "--transport", "tcp", "--domain", "example.org", "--no-enabled"),
        )
    )
    ok(run("channel", "add", "other"))
    return run


def config(run: Run, directory: Path, *options: str, **environment: str) -> Result:
    """Write the files, and ask no node."""
    return run(
        *("switch", "config", "--directory", str(directory), "--no-rescan", *options),
        **{**PASSWORDS, **environment},
    )


def changes(result: Result) -> dict[str, str]:
    """Read what became of each file."""
    found = {}
    for line in told(ok(result)):
        what, path, *rest = line.split(" ", 2)
        found[Path(path).name] = " ".join([what, *rest])
    return found


def params(path: Path) -> dict[str, str]:
    """Read the parameters of a file."""
    root = ET.fromstring(path.read_text())
    return {one.attrib["name"]: one.attrib["value"] for one in root.iter("param")}


# --- the files -------------------------------------------------------------------------------


def test_each_channel_with_a_proxy_gets_a_file_and_no_other(trunks: Run, directory: Path) -> None:
    assert changes(config(trunks, directory)) == {"pstn.xml": "added", "trunk.xml": "added"}
    assert sorted(path.name for path in directory.iterdir()) == ["pstn.xml", "trunk.xml"]
    assert params(directory / "pstn.xml")["proxy"] == "192.0.2.10:5070"
    assert params(directory / "trunk.xml") == {
        "proxy": "sip.example.com",
        "register-transport": "tcp",
        "username": "1234",
        "password": SECRET,
        "register": "true",
        "extension": "auto_to_user",
        "caller-id-in-from": "true",
        "from-domain": "example.org",
    }
    again = config(trunks, directory)
    assert changes(again) == {"pstn.xml": "unchanged", "trunk.xml": "unchanged"}


def test_a4_a_file_with_a_password_is_its_owner_s_alone(trunks: Run, directory: Path) -> None:
    ok(config(trunks, directory))
    path = directory / "trunk.xml"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    owner = directory.stat()
    assert (path.stat().st_uid, path.stat().st_gid) == (owner.st_uid, owner.st_gid)
    path.chmod(0o644)
    before = path.read_text()
    assert changes(config(trunks, directory))["trunk.xml"] == "changed mode: 644 -> 600"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_text() == before


def test_a_directory_that_is_a_group_s_lets_it_read(trunks: Run, directory: Path) -> None:
    """Switch and controller in containers of their own, or as users of one group."""
    directory.chmod(0o2770)
    ok(config(trunks, directory))
    assert stat.S_IMODE((directory / "trunk.xml").stat().st_mode) == 0o640


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory to somebody else")
def test_a_directory_s_owner_owns_what_is_written_there(trunks: Run, directory: Path) -> None:
    os.chown(directory, 65534, 65534)
    ok(config(trunks, directory))
    written = (directory / "trunk.xml").stat()
    assert (written.st_uid, written.st_gid, stat.S_IMODE(written.st_mode)) == (65534, 65534, 0o600)


def test_a_directory_of_somebody_else_who_could_not_read_is_refused(
    trunks: Run, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: directory.stat().st_uid + 1)
    refused(config(trunks, directory), "belongs to another user", "chmod g+ws")
    assert list(directory.iterdir()) == []


def test_what_changes_is_said_and_passwords_are_not(trunks: Run, directory: Path) -> None:
    """A4: also where the password is what changed."""
    ok(config(trunks, directory))
    before = (directory / "pstn.xml").read_text()
    ok(trunks("channel", "set", "pstn", "--proxy", "192.0.2.11", "--reset", "ping-seconds"))
    other = {"CALLBACKD_CHANNEL_PASSWORDS": '{ trunk = "n3w" }'}
    changed = config(trunks, directory, **other)
    assert changes(changed) == {
        "pstn.xml": "changed proxy: 192.0.2.10:5070 -> 192.0.2.11, ping: 30 -> -",
        "trunk.xml": "changed password",
    }
    assert "n3w" not in changed.output
    assert SECRET not in changed.output
    assert params(directory / "trunk.xml")["password"] == "n3w"
    assert (directory / "pstn.xml").read_text() != before


def test_a_channel_that_is_gone_or_has_no_proxy_any_more_has_no_file(
    trunks: Run, directory: Path
) -> None:
    ok(config(trunks, directory))
    ok(trunks("channel", "remove", "pstn", "--yes"))
    fields = ("proxy", "transport", "username", "register")
    ok(trunks("channel", "set", "trunk", *(word for f in fields for word in ("--reset", f))))
    assert changes(config(trunks, directory)) == {"pstn.xml": "removed", "trunk.xml": "removed"}
    assert list(directory.iterdir()) == []


def test_a_dry_run_says_what_would_change_and_changes_nothing(trunks: Run, directory: Path) -> None:
    said = trunks(
        *("switch", "config", "--directory", str(directory), "--dry-run"),
        **{**PASSWORDS, "CALLBACKD_NODES": '[{ name = "fs1", port = 1 }]'},
    )
    assert changes(said) == {"pstn.xml": "added", "trunk.xml": "added"}
    assert list(directory.iterdir()) == []


def test_without_a_directory_all_is_printed_with_its_passwords_masked(trunks: Run) -> None:
    printed = ok(trunks("switch", "config", **PASSWORDS))
    assert SECRET not in printed
    assert "s3cret" not in printed
    roots = [ET.fromstring(text + "</include>") for text in printed.split("</include>")[:-1]]
    assert [next(root.iter("gateway")).get("name") for root in roots] == ["pstn", "trunk"]
    assert '<param name="password" value="***" />' in printed


# --- what is in the way ----------------------------------------------------------------------


def test_a_file_by_hand_is_never_written_over(trunks: Run, directory: Path) -> None:
    by_hand = directory / "trunk.xml"
    by_hand.write_text('<include>\n<gateway name="trunk"/>\n</include>\n')
    refused(config(trunks, directory), str(by_hand), "--reset proxy")
    by_hand.write_text("not even XML")
    refused(config(trunks, directory), str(by_hand), "remove it")
    assert by_hand.read_text() == "not even XML"
    assert list(directory.iterdir()) == [by_hand]


def test_a_gateway_of_the_same_name_in_another_file_is_in_the_way(
    trunks: Run, directory: Path
) -> None:
    """The switch takes whichever it reads first."""
    ok(config(trunks, directory))
    copy = directory / "a-copy.xml"
    copy.write_text((directory / "pstn.xml").read_text())
    refused(config(trunks, directory), str(copy), "gateway pstn")
    copy.unlink()
    other = directory / "other.xml"
    other.write_text('<include>\n<gateway name="other"/>\n</include>\n')
    assert changes(config(trunks, directory)) == {"pstn.xml": "unchanged", "trunk.xml": "unchanged"}
    assert other.exists()


def test_a_username_without_a_password_is_refused_by_the_setting_s_name(
    trunks: Run, directory: Path
) -> None:
    refused(trunks("switch", "config"), "channel_passwords.trunk", "CALLBACKD_CHANNEL_PASSWORDS")
    none = {"CALLBACKD_CHANNEL_PASSWORDS": "{}"}
    refused(config(trunks, directory, **none), "channel_passwords.trunk")
    assert list(directory.iterdir()) == []


def test_a_password_that_no_file_can_hold_is_refused(trunks: Run, directory: Path) -> None:
    bad = {"CALLBACKD_CHANNEL_PASSWORDS": '{ trunk = "ab:cd" }'}
    refused(config(trunks, directory, **bad), "channel_passwords.trunk", "colon")
    assert list(directory.iterdir()) == []


def test_a_password_that_nothing_uses_is_told(trunks: Run, directory: Path) -> None:
    both = {"CALLBACKD_CHANNEL_PASSWORDS": '{ trunk = "x", pstn = "y", gone = "z" }'}
    said = config(trunks, directory, **both)
    assert changes(said) == {"pstn.xml": "added", "trunk.xml": "added"}
    assert [line.partition(":")[0] for line in said.stderr.splitlines()] == [
        "channel_passwords.gone",
        "channel_passwords.pstn",
    ]


def test_two_at_once_do_not_get_into_each_other_s_way(trunks: Run, directory: Path) -> None:
    folder = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        refused(config(trunks, directory), "another `callbackd switch config`", "try again")
    finally:
        os.close(folder)
    ok(config(trunks, directory))


def test_what_a_death_left_half_written_is_cleared_away(trunks: Run, directory: Path) -> None:
    """O5: the switch does not read it: its name begins with a dot."""
    (directory / ".callbackd-switch-config.tmp").write_text("half a fi")
    ok(config(trunks, directory))
    assert sorted(path.name for path in directory.iterdir()) == ["pstn.xml", "trunk.xml"]


def test_a_name_that_no_gateway_can_have_is_refused(run: Run, directory: Path) -> None:
    ok(run("channel", "add", "_ALL_", "--proxy", "192.0.2.10"))
    refused(config(run, directory), "channel _ALL_")
    refused(run("switch", "compare"), "channel _ALL_")


# --- the nodes -------------------------------------------------------------------------------

GONE = {**PASSWORDS, "CALLBACKD_NODES": '[{ name = "fs1", port = 1 }, { name = "fs2", port = 1 }]'}


def test_a_node_that_cannot_be_asked_is_found_before_anything_is_written(
    trunks: Run, directory: Path
) -> None:
    said = trunks("switch", "config", "--directory", str(directory), **GONE)
    refused(said, "fs1: cannot connect", "nothing was written", "--no-rescan")
    assert list(directory.iterdir()) == []


def test_a_comparison_names_each_node_that_cannot_be_asked(trunks: Run) -> None:
    said = trunks("switch", "compare", "--json", **GONE)
    assert (said.exit_code, said.stdout) == (1, "[]\n")
    assert [line.partition(":")[0] for line in said.stderr.splitlines()] == ["fs1", "fs2"]
    one = trunks("switch", "compare", "--node", "fs2", **GONE)
    assert [line.partition(":")[0] for line in one.stderr.splitlines()] == ["fs2"]


def test_a_node_that_the_settings_do_not_have_is_refused(trunks: Run, directory: Path) -> None:
    for command in (("config", "--directory", str(directory)), ("compare",)):
        said = trunks("switch", *command, "--node", "fs9", **GONE)
        assert said.exit_code == 2
        assert "fs1, fs2" in said.stderr


def test_options_of_files_need_files(trunks: Run) -> None:
    for option in ("--dry-run", "--no-rescan"):
        said = trunks("switch", "config", option, **PASSWORDS)
        assert said.exit_code == 2
        assert "--directory" in said.stderr


def test_names_of_nodes_are_completed(trunks: Run, data: Path) -> None:
    del trunks
    nodes = {"CALLBACKD_NODES": GONE["CALLBACKD_NODES"]}
    assert complete("callbackd switch compare --node f", data, **nodes) == ["fs1", "fs2"]
    assert complete("callbackd switch config --node fs2", data, **nodes) == ["fs2"]
    assert complete("callbackd switch compare --node ", data, CALLBACKD_NODES="[") == []
