"""The world of the pages' tests: that of the API's, and the pages over it, with users logged in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from flask import Flask
from werkzeug.test import Client as Browser
from werkzeug.test import TestResponse

from controller.admin.figures import Figures
from controller.admin.live import Live
from controller.admin.model import Actor
from controller.admin.people import People
from controller.admin.searching import Searching
from controller.policy.records import Role
from controller.store.database import Away
from controller.store.passwords import LogInPasswords
from controller.store.people import User, add_user, get_user
from controller.web.api.records import Run
from controller.web.pages.application import COOKIE, create_pages
from controller.web.pages.desks import Desks
from controller.web.pages.entering import Session
from controller.web.pages.every import every_page
from controller.web.pages.pages import Pages
from tests.hashing import HASHER
from tests.web.server import Running, running
from tests.web.world import World, at_once

#: Who is logged in where a test does not say: by these names, as the roles they have.
SESSIONS: Final = {
    name: Session(name, Actor(f"user:{name}", role, client), f"csrf-of-{name}")
    for name, role, client in (
        ("ada", Role.ADMIN, None),
        ("rod", Role.READ_ONLY, None),
        ("acme", Role.CLIENT, "acme"),
        ("bolt", Role.CLIENT, "bolt"),
    )
}


class Known:
    """A doorkeeper who knows those: the secret of a session is its user's name."""

    def session(self, secret: str, *, used: bool = True) -> Session | None:
        """Give a session."""
        return SESSIONS.get(secret)


class Switchboard:
    """The links to switches of a world: to fs1 alone. What is hung up there is remembered."""

    def __init__(self) -> None:
        #: Node, attempt, and how many channels it may be on.
        self.ended: list[tuple[str, str, int]] = []
        #: Whether the node has the call, and what it fails with.
        self.has_call = True
        self.error: Exception | None = None

    def reaches(self, node: str) -> bool:
        """Whether there is a link."""
        return node == "fs1"

    def hang_up(self, node: str, attempt: str, channels: int) -> bool:
        """End a call."""
        if self.error is not None:
            raise self.error
        self.ended.append((node, attempt, channels))
        return self.has_call


def desks(world: World, switches: Switchboard | None = None, run: Run = at_once) -> Desks:
    """Give the desks of a world."""
    return Desks(
        directory=world.directory,
        callbacks=world.callbacks,
        calls=world.calls,
        stopping=world.stopping,
        suspecting=world.suspecting,
        lockouts=world.lockouts,
        explaining=world.explaining,
        nodes=world.nodes,
        live=Live(world.engine, run=run, now=lambda: world.now, switches=switches or Switchboard()),
        troubles=lambda: {"fs1": {"spare": "down"}},
        # Its time goes on a little with all that is made: until a second later all of it is past.
        figures=Figures(world.engine, now=lambda: world.now + 1_000_000),
        searching=Searching(world.directory, world.callbacks, world.calls, country="US"),
        people=people(world),
        persons=world.persons,
        run=run,
    )


def people(world: World) -> People:
    """Give the desk of people of a world; its hashes cost nothing."""
    passwords = LogInPasswords(bytes(32), HASHER)
    return People(
        world.engine,
        passwords=lambda: passwords,
        now=lambda: world.now,
        clock=lambda: world.clock,
    )


def _keep_users(world: World) -> None:
    """Have those be users who are logged in, without a password: it is never asked for here."""
    with world.engine.begin() as connection:
        for session in SESSIONS.values():
            if get_user(connection, session.user) is None:
                user = User(
                    name=session.user,
                    role=session.actor.role.value,
                    client=session.actor.client,
                    created=world.now,
                    changed=world.now,
                )
                add_user(connection, user)


class Site:
    """The pages over a world; `get` and `post` ask as somebody who is logged in."""

    def __init__(
        self, world: World, parts: Sequence[Pages] | None = None, *, run: Run = at_once
    ) -> None:
        self.world = world
        self.faults = 0
        self.switches = Switchboard()
        _keep_users(world)
        self.desks = desks(world, self.switches, run)
        self.app: Flask = create_pages(
            self.desks,
            Known(),
            every_page(self.desks) if parts is None else parts,
            away=Away,
            on_fault=self._fault,
        )

    def _fault(self) -> None:
        self.faults += 1

    def get(self, path: str, who: str | None = "ada", **more: Any) -> TestResponse:
        """Ask for a page."""
        return self._browser(who).get(path, **more)

    def post(
        self, path: str, form: dict[str, Any], who: str = "ada", *, token: str | None = None
    ) -> TestResponse:
        """Send a form, as a browser does from a page of ours; `token`: another secret than his."""
        said = SESSIONS[who].csrf if token is None else token
        return self._browser(who).post(
            path, data={"csrf": said, **form}, headers={"Sec-Fetch-Site": "same-origin"}
        )

    def send(
        self, path: str, data: bytes, who: str = "ada", *, token: str | None = None
    ) -> TestResponse:
        """Send a file as a page's script does: as it is, with the session's secret in a header."""
        return self._browser(who).post(
            path,
            data=data,
            headers={
                "Sec-Fetch-Site": "same-origin",
                "X-CSRF-Token": SESSIONS[who].csrf if token is None else token,
                "HX-Request": "true",
                "Content-Type": "application/octet-stream",
            },
        )

    def _browser(self, who: str | None) -> Browser:
        browser = Browser(self.app)
        if who is not None:
            browser.set_cookie(COOKIE, who)
        return browser


@contextmanager
def served(world: World, **options: Any) -> Iterator[Running]:
    """Serve the pages of a world by the real server, what blocks in its threads."""
    made: list[Site] = []

    def make(run: Run) -> None:
        made.append(Site(world, run=run))

    def pages(environ: Any, start_response: Any) -> Any:
        return made[0].app(environ, start_response)

    with running(make, pages=pages, **options) as server:
        yield server
