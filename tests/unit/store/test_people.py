"""O2: users, sessions and links in the database."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import IntegrityError

from controller.store import people
from controller.store.people import Failed, Invitation, User, WebSession


def user(name: str, **values: Any) -> User:
    """A user."""
    made = {"name": name, "role": "admin", "client": None, "created": 1, "changed": 1}
    return User(**{**made, **values})


def session(digest: str, name: str, seen: int = 10, expires: int = 100) -> WebSession:
    """A whole session."""
    return WebSession(digest, name, True, "192.0.2.7", 5, seen, expires)


@pytest.fixture
def filled(engine: Engine) -> Engine:
    """Two users with sessions and links."""
    with engine.begin() as connection:
        for name in ("ada", "rod"):
            people.add_user(connection, user(name, recovery=("a", "b")))
            people.add_session(connection, session(f"s-{name}", name))
            people.add_invitation(connection, Invitation(f"i-{name}", name, 1, 50))
        people.add_invitation(connection, Invitation("i-first", None, 1, 50))
        people.put_failed(connection, "n", Failed(3, 20))
    return engine


def test_what_is_written_is_read(filled: Engine) -> None:
    with filled.begin() as connection:
        assert people.get_user(connection, "ada") == user("ada", recovery=("a", "b"))
        changed = user("ada", role="read_only", enabled=False, totp="x", totp_step=2**40, version=2)
        people.replace_user(connection, changed)
        assert people.get_session(connection, "s-ada") == (session("s-ada", "ada"), changed)
        assert people.get_invitation(connection, "i-first") == Invitation("i-first", None, 1, 50)
        assert people.get_failed(connection, "n") == Failed(3, 20)
        assert people.get_failed(connection, "m") == Failed(0, 0)
        for nothing in (people.get_user, people.get_session, people.get_invitation):
            assert nothing(connection, "") is None


def test_a_user_goes_with_his_sessions_and_links_and_nobody_elses(filled: Engine) -> None:
    with filled.begin() as connection:
        people.remove_user(connection, "ada")
        assert people.get_session(connection, "s-ada") is None
        assert people.get_invitation(connection, "i-ada") is None
        assert people.get_session(connection, "s-rod") is not None
        assert people.get_invitation(connection, "i-rod") is not None
        assert people.get_invitation(connection, "i-first") is not None


def test_a_user_is_of_a_client_that_there_is_and_has_his_name_alone(filled: Engine) -> None:
    for wrong in (user("eve", client="nobody"), user("ada")):
        with pytest.raises(IntegrityError), filled.begin() as connection:
            people.add_user(connection, wrong)


def test_who_can_enter_is_enabled_and_has_a_password(filled: Engine) -> None:
    with filled.begin() as connection:
        assert people.who_enter(connection, "admin") == []
        people.replace_user(connection, user("ada", password_hash="x"))
        people.replace_user(connection, user("rod", password_hash="x", enabled=False))
        assert people.who_enter(connection, "admin") == ["ada"]
        assert people.who_enter(connection, "client") == []


def test_sessions_of_one_end_all_or_all_but_one(filled: Engine) -> None:
    with filled.begin() as connection:
        people.add_session(connection, session("second", "ada", seen=12))
        people.saw_session(connection, "s-ada", 15)
        assert people.last_seen(connection, ["ada", "rod", "eve"]) == {"ada": 15, "rod": 10}
        assert people.end_sessions(connection, "ada", but="second") == 1
        assert [one.digest for one in people.sessions_of(connection, "ada")] == ["second"]
        assert people.end_sessions(connection, "ada") == 1
        assert people.end_session(connection, "s-rod")
        assert not people.end_session(connection, "s-rod")


def test_what_is_over_is_forgotten(filled: Engine) -> None:
    with filled.begin() as connection:
        people.add_session(connection, session("old", "ada", seen=99, expires=60))
        people.forget_over(connection, 50, idle=9, failed=19)
        assert people.get_session(connection, "s-ada") is not None
        assert people.get_invitation(connection, "i-ada") is None
        assert people.get_failed(connection, "n") == Failed(3, 20)
        people.forget_over(connection, 60, idle=10, failed=20)
        assert people.get_session(connection, "s-ada") is None
        assert people.get_session(connection, "old") is None
        assert people.get_failed(connection, "n") == Failed(0, 0)
