"""A4: argon2id with a pepper, which is made once and readable by its owner only."""

from __future__ import annotations

import contextlib
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from controller.store.passwords import BadPassword, LogInPasswords, Passwords, load_pepper

PEPPER = b"p" * 32


@pytest.fixture(scope="module")
def passwords() -> Passwords:
    return Passwords(PEPPER)


@pytest.fixture(scope="module")
def stored(passwords: Passwords) -> str:
    return passwords.hash("1234")


def test_a4_a_password_is_stored_as_argon2id_and_as_nothing_else(stored: str) -> None:
    assert stored.startswith("$argon2id$")
    assert "1234" not in stored


def test_a4_the_right_password_is_right_and_others_are_not(
    passwords: Passwords, stored: str
) -> None:
    assert passwords.check("1234", stored)
    for wrong in ("1235", "12345", "", "*", "\uff11\uff12\uff13\uff14"):
        assert not passwords.check(wrong, stored)


def test_a4_the_same_password_is_stored_differently_each_time(
    passwords: Passwords, stored: str
) -> None:
    assert passwords.hash("1234") != stored


def test_a4_without_the_pepper_the_right_password_is_wrong(stored: str) -> None:
    assert not Passwords(b"q" * 32).check("1234", stored)


@pytest.mark.parametrize(
    "password", ["", "123", "1" * 21, "12a4", "1234\n", " 1234", "\uff11\uff12\uff13\uff14", "12*4"]
)
def test_a_password_that_no_phone_can_type_is_refused(passwords: Passwords, password: str) -> None:
    with pytest.raises(BadPassword, match=r"^password: write 4 to 20 digits"):
        passwords.hash(password)


@pytest.mark.parametrize(
    "damage", ["", "x", "$argon2id$", "$2b$12$abcdefghijklmnopqrstuu", "\u00e9", "cut", "changed"]
)
def test_a_damaged_hash_is_an_error_and_never_a_right_password(
    passwords: Passwords, stored: str, damage: str
) -> None:
    if damage == "changed":
        # Another valid hash altogether: wrong, not damaged.
        other = stored[:-1] + ("A" if stored[-1] != "A" else "Q")
        with contextlib.suppress(ValueError):
            assert not passwords.check("1234", other)
        return
    with pytest.raises(ValueError, match="not an argon2id hash"):
        passwords.check("1234", stored[:-20] + "!" if damage == "cut" else damage)


# --- the pepper ------------------------------------------------------------------------------


def test_a4_the_pepper_is_made_once_and_is_its_owners_only(tmp_path: Path) -> None:
    path = tmp_path / "data" / "pepper"
    pepper = load_pepper(path)
    assert len(pepper) == 32
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert load_pepper(path) == pepper
    assert [file.name for file in path.parent.iterdir()] == ["pepper"]


def test_a4_each_installation_has_a_pepper_of_its_own(tmp_path: Path) -> None:
    assert load_pepper(tmp_path / "a") != load_pepper(tmp_path / "b")


def test_a_pepper_that_is_too_short_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "pepper"
    path.write_bytes(b"short")
    with pytest.raises(ValueError, match="pepper holds no pepper: restore it"):
        load_pepper(path)
    assert path.read_bytes() == b"short"


def test_a_pepper_that_cannot_be_read_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="Is a directory"):
        load_pepper(tmp_path)


LOAD = """
import sys
from pathlib import Path
from controller.store.passwords import load_pepper
sys.stdin.readline()
print(load_pepper(Path(sys.argv[1])).hex())
"""


def test_o4_processes_that_start_at_the_same_time_have_one_pepper(tmp_path: Path) -> None:
    path = tmp_path / "data" / "pepper"
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", LOAD, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    said = {process.communicate()[0].strip() for process in processes}
    assert said == {path.read_bytes().hex()}
    assert [file.name for file in path.parent.iterdir()] == ["pepper"]


def test_o4_who_finds_the_pepper_made_meanwhile_takes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "pepper"
    link = Path.hardlink_to

    def beaten(self: Path, target: Path) -> None:
        self.write_bytes(PEPPER)
        link(self, target)

    monkeypatch.setattr(Path, "hardlink_to", beaten)
    assert load_pepper(path) == PEPPER


# --- those of people who log in ----------------------------------------------------------------


@pytest.fixture(scope="module")
def texts() -> LogInPasswords:
    return LogInPasswords(PEPPER, PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


def test_o2_a_password_to_log_in_with_is_text_however_it_is_composed(
    texts: LogInPasswords,
) -> None:
    stored = texts.hash("caf\u00e9 au lait 7")
    assert stored.startswith("$argon2id$")
    assert texts.check("cafe\u0301 au lait 7", stored)
    for wrong in ("cafe au lait 7", "", "\ud800", "x" * 10_000):
        assert not texts.check(wrong, stored)
        assert not texts.check_nobodys(wrong)


@pytest.mark.parametrize(
    ("password", "says"),
    [
        ("", "12 to 200"),
        ("eleven lett", "12 to 200"),
        ("ab" * 101, "12 to 200"),
        ("abab" * 5, "repeats"),
        # Twelve that are typed, and six when they are composed.
        ("e\u0301" * 6, "12 to 200"),
    ],
)
def test_o2_one_that_is_too_short_too_long_or_too_simple_is_refused(
    texts: LogInPasswords, password: str, says: str
) -> None:
    with pytest.raises(BadPassword, match=f"^password: .*{says}"):
        texts.hash(password)


def test_o2_the_hash_of_a_caller_is_none_of_somebody_who_logs_in(texts: LogInPasswords) -> None:
    """A code that a caller types is no password of a user, whatever is copied where."""
    assert not texts.check("123456789012", Passwords(PEPPER).hash("123456789012"))


def test_o2_a_secret_is_made_of_the_pepper(texts: LogInPasswords) -> None:
    assert texts.secret("a") == texts.secret("a") != texts.secret("b")
    assert LogInPasswords(b"q" * 32).secret("a") != texts.secret("a")
