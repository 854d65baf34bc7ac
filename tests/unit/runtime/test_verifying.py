"""A3: who guesses learns nothing, neither of what is done nor of how long it takes."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest

from controller.cache.lockouts import Locks
from controller.callback.effects import CheckPassword
from controller.callback.events import PasswordChecked, Secret
from controller.callback.return_session import ReturnSession
from controller.metrics import Metrics
from controller.policy.model import Policy
from controller.policy.records import AuthorisedCaller
from controller.runtime.services import Services
from controller.runtime.verifying import forget_wrong, verify

NOW = 1_795_475_771.0
DID = "+12025550100"
RINGS = "+12125550199"
MEMBER = "+12125550198"
PLAIN = "+12125550197"
LIST = {
    MEMBER: AuthorisedCaller(extension="100", number=MEMBER, pin_hash="hash of 1234"),
    PLAIN: AuthorisedCaller(extension="100", number=PLAIN),
}


class Office:
    """What a check works with; it writes down all that is done."""

    def __init__(self, locked: float = 0.0, locks: float = 0.0) -> None:
        self.done: list[str] = []
        self.counted: list[tuple[str, tuple[str, ...], str]] = []
        self._locked, self._locks = locked, locks
        #: What is locked by the time that the password was checked.
        self.locked_since: float | None = None
        self.services = cast(
            Services,
            SimpleNamespace(
                lockouts=self,
                passwords=self,
                conversing=self,
                hashing=self,
                reads=self,
                metrics=Metrics(),
                clock=SimpleNamespace(now=lambda: NOW),
            ),
        )

    @staticmethod
    def run(function: Any, *args: Any) -> Any:
        """Do what is done in a thread."""
        return function(*args)

    #: Callers go before people who log in.
    run_first = run

    def locked(self, extension: str, numbers: Sequence[str], did: str) -> Locks:
        self.done.append("asks for locks")
        if self.locked_since is not None and "hashes" in self.done:
            return Locks(self.locked_since, "number")
        return Locks(self._locked, "number" if self._locked else "")

    def failed(self, extension: str, numbers: Sequence[str], did: str) -> Locks:
        self.done.append("counts")
        self.counted.append((extension, tuple(numbers), did))
        return Locks(self._locks, "number" if self._locks else "")

    def succeeded(self, extension: str, numbers: Sequence[str]) -> None:
        self.done.append("forgets")
        self.counted.append((extension, tuple(numbers), ""))

    def member(self, extension: str, number: str) -> AuthorisedCaller | None:
        self.done.append("looks up")
        return LIST.get(number)

    def check(self, digits: str, stored: str) -> bool:
        self.done.append("hashes")
        return stored == f"hash of {digits}"

    def check_nobodys(self, digits: str) -> bool:
        self.done.append("hashes")
        return False


def checked(
    office: Office,
    digits: str,
    member: str | None = None,
    of_extension: str | None = None,
    number: str = RINGS,
) -> PasswordChecked:
    """Check a password."""
    policy = Policy(extension="100", dids=(DID,), country="US")
    session = ReturnSession(leg="leg", request="request", policy=policy, did=DID, number=number)
    return verify(office.services, session, CheckPassword(7, Secret(digits), of_extension, member))


@pytest.mark.parametrize(
    ("member", "digits", "of_extension"),
    [
        pytest.param(MEMBER, "9999", None, id="wrong PIN"),
        pytest.param("+12125550000", "1234", None, id="not on the list"),
        pytest.param("", "1234", "hash of 1234", id="no number at all"),
        pytest.param(PLAIN, "1234", None, id="on the list, without a PIN"),
        pytest.param(PLAIN, "9999", "hash of 1234", id="on the list, the extension's is wrong"),
    ],
)
def test_a3_a5_whatever_is_wrong_the_same_is_done(
    member: str, digits: str, of_extension: str | None
) -> None:
    office = Office()
    answer = checked(office, digits, member, of_extension)
    assert answer == PasswordChecked(7, right=False)
    assert office.done == ["asks for locks", "looks up", "hashes", "counts"]


def test_a3_a5_a_locked_number_is_refused_as_if_the_password_were_wrong() -> None:
    """And takes as long: the right one is not told apart from a wrong one."""
    office = Office(locked=NOW + 60, locks=NOW + 300)
    answer = checked(office, "1234", MEMBER)
    assert answer == PasswordChecked(7, right=False, locked=True)
    assert office.done == ["asks for locks", "looks up", "hashes", "counts"]


def test_a3_a_wrong_password_that_locks_says_so() -> None:
    office = Office(locks=NOW + 60)
    assert checked(office, "9", of_extension="hash of 1") == PasswordChecked(
        7, right=False, locked=True
    )
    # A lock that is over is none.
    office = Office(locked=NOW - 1, locks=NOW - 1)
    assert checked(office, "9", of_extension="hash of 1") == PasswordChecked(7, right=False)


@pytest.mark.parametrize(
    ("number", "member", "counted"),
    [
        (RINGS, None, (RINGS,)),
        ("", None, ()),
        (RINGS, MEMBER, (RINGS, MEMBER)),
        ("", MEMBER, (MEMBER,)),
        (MEMBER, MEMBER, (MEMBER,)),
        (RINGS, "", (RINGS,)),
    ],
)
def test_a3_it_is_counted_by_who_rang_and_for_whom_he_says_he_calls(
    number: str, member: str | None, counted: tuple[str, ...]
) -> None:
    office = Office()
    checked(office, "9999", member, "hash of 1", number)
    assert office.counted == [("100", counted, DID)]


def test_a1_a2_a_right_password_is_forgotten_to_have_been_wrong() -> None:
    office = Office()
    assert checked(office, "1234", of_extension="hash of 1234") == PasswordChecked(7, right=True)
    # What was wrong before is forgotten after the caller has gone on.
    assert office.done == ["asks for locks", "hashes", "asks for locks"]
    policy = Policy(extension="100", dids=(DID,), country="US")
    session = ReturnSession(leg="leg", request="request", policy=policy, did=DID, number=RINGS)
    forget_wrong(office.services, session, CheckPassword(7, Secret("1234"), "hash", MEMBER))
    assert office.done[-1] == "forgets"
    # A5: one member's password does not make the telephone's wrong ones for others undone.
    assert office.counted == [("100", (MEMBER,), "")]
    forget_wrong(office.services, session, CheckPassword(7, Secret("1234"), "hash"))
    assert office.counted[-1] == ("100", (RINGS,), "")


def test_a5_a_member_is_known_by_his_own_pin_or_else_by_the_extensions_password() -> None:
    assert checked(Office(), "1234", MEMBER).member == LIST[MEMBER]
    assert checked(Office(), "1234", PLAIN, "hash of 1234").member == LIST[PLAIN]
    # His own goes before the extension's.
    assert not checked(Office(), "77", MEMBER, "hash of 77").right


def test_a3_a_right_password_is_too_late_after_a_lock_that_began_meanwhile() -> None:
    """Many guesses at once, the right one last in the queue for its hash."""
    office = Office(locks=NOW + 60)
    office.locked_since = NOW + 60
    assert checked(office, "1234", of_extension="hash of 1234") == PasswordChecked(
        7, right=False, locked=True
    )
    assert office.done == ["asks for locks", "hashes", "asks for locks", "counts"]


def test_a4_nothing_that_is_written_down_shows_the_digits() -> None:
    check = CheckPassword(7, Secret("739146"), "hash", MEMBER)
    assert "739146" not in repr(check)
    assert b"739146" not in msgspec.json.encode(check, enc_hook=repr)
