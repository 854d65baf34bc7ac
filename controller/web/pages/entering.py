"""Who is in front of a page: what pages ask of whoever keeps users and their sessions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, cast

from flask import current_app, g

from controller.admin.model import Actor
from controller.admin.people_shapes import Session

__all__ = ["Doorkeeper", "Session", "actor", "session", "still_there"]


class Doorkeeper(Protocol):
    """Knows sessions by the secrets of their cookies."""

    def session(self, secret: str, *, used: bool = True) -> Session | None:
        """Give the session of this secret; None where it is none, or none any more. It blocks.

        Not `used`: a page asks by itself, which does not keep a session from ending.
        """
        ...


def session() -> Session:
    """Give the session of the request; views behind the log-in have one."""
    return cast(Session, g.session)


def actor() -> Actor:
    """Give who asks."""
    return session().actor


def still_there() -> Callable[[], bool]:
    """Give what tells, later and again and again, whether the session of the request goes on.

    One whose user may do other things by now is another one. It waits for the database.
    """
    ask, secret, found = current_app.extensions["session"], g.secret, session()

    def asked() -> bool:
        now = ask(secret)
        return now is not None and (now.actor, now.csrf) == (found.actor, found.csrf)

    return asked
