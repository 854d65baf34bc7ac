"""People who log in, for tests: hashes that cost nothing, a clock that stands until it is moved."""

from __future__ import annotations

import re
from typing import Any, Final

import pyotp
from sqlalchemy import Engine

from controller.admin.people import People
from controller.admin.people_shapes import SECOND
from controller.store.passwords import LogInPasswords
from tests.hashing import HASHER
from tests.seed import ADMIN

#: Long enough, and nobody's.
PASSWORD: Final = "correct horse 7 battery"
OTHER: Final = "another staple 8 horse"


class Counting(LogInPasswords):
    """Counts what is checked."""

    def __init__(self) -> None:
        super().__init__(bytes(32), HASHER)
        self.checked = 0

    def check(self, password: str, stored: str) -> bool:
        """Check a password."""
        self.checked += 1
        return super().check(password, stored)


class Office:
    """A desk of people, its time, and what it told."""

    def __init__(self, engine: Engine) -> None:
        self.now = 1_795_000_000 * SECOND
        self.clock = 0.0
        self.told: list[str] = []
        self.passwords = Counting()
        self.people = self.another(engine)

    def another(self, engine: Engine) -> People:
        """Make another desk over the same database, as another controller has."""
        return People(
            engine,
            passwords=lambda: self.passwords,
            now=lambda: self.now,
            clock=lambda: self.clock,
            on_log_in=self.told.append,
        )

    def later(self, micros: int) -> None:
        """Let time go on."""
        self.now += micros
        self.clock += micros / SECOND

    def admin(self, name: str = "ada") -> str:
        """Make the first administrator by a link; give the secret of his session."""
        secret = self.people.first_link()
        assert secret is not None
        return self.people.accept(secret, name, PASSWORD, "192.0.2.1").secret

    def user(self, name: str, role: str = "read_only", client: str | None = None) -> None:
        """Make a user who has set his password."""
        _, link = self.people.make(ADMIN, {"name": name, "role": role, "client": client})
        secret = self.people.accept(link, "", PASSWORD, "192.0.2.1").secret
        self.people.log_out(secret)

    def authenticator(self, name: str) -> tuple[Any, tuple[str, ...]]:
        """Give a user an authenticator: what makes its codes, and those for when it is lost."""
        enrolment = self.people.enrol(name)
        made: Any = pyotp.parse_uri(enrolment.uri)
        codes = self.people.use_totp(name, enrolment.salt, self.code(made), PASSWORD)
        return made, codes

    def code(self, made: Any) -> str:
        """Give the code of now."""
        code: str = made.at(self.now // SECOND)
        return code


def digits(text: str) -> str:
    """Give another code than this."""
    return re.sub(".", lambda found: str((int(found[0]) + 1) % 10), text)
