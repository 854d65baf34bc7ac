"""A switch's event socket for tests of the inbound link, and the link to it."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

from gevent.queue import Queue

from controller.esl import commands
from controller.esl.commands import Route
from controller.esl.errors import EslError
from controller.esl.events import Event
from controller.esl.switch import Job, SwitchLink

from .peer import Peer, api_reply, event, listening, reply

ASK = b"Content-Type: auth/request\n\n"
REFUSAL = b"Access Denied, go away.\n"
RUDE = b"Content-Type: text/rude-rejection\nContent-Length: %d\n\n" % len(REFUSAL) + REFUSAL
CORE = "8b5a8f0e-0000-4000-8000-000000000001"
EVENTS = ("BACKGROUND_JOB", "CHANNEL_HANGUP_COMPLETE")


def job_done(job: str, body: str) -> bytes:
    """BACKGROUND_JOB of a job."""
    return event("BACKGROUND_JOB", Job_UUID=job, _body=body)


def originate(job: str) -> bytes:
    """A return call."""
    return commands.originate(
        {}, [Route("g", "12125550199")], extension="x", context="c", job_uuid=job
    )


class Node:
    """A switch's event socket, and our link to it."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._listener = stack.enter_context(listening())
        self.port = self._listener.getsockname()[1]
        self.ups: Queue[list[Job]] = Queue()
        self.downs: Queue[EslError | None] = Queue()
        self.events: Queue[Event] = Queue()
        self.answers: Queue[tuple[str | None, EslError | None]] = Queue()

    def link(self, **options: Any) -> SwitchLink:
        """Make a link; it is stopped at the test's end."""
        link = SwitchLink(
            "node1",
            "127.0.0.1",
            self.port,
            "secret",
            on_event=self.events.put,
            on_up=lambda _, jobs: self.ups.put(jobs),
            on_down=lambda _, error: self.downs.put(error),
            events=EVENTS,
            **{"filters": [("variable_callback_leg", "return")], **options},
        )
        self._stack.callback(link.stop)
        return link

    def accept(self) -> Peer:
        """Take one connection of the link's."""
        return self._stack.enter_context(Peer(self._listener.accept()[0]))

    def log_in(self) -> Peer:
        """Take a connection and let it log in and subscribe."""
        peer = self.accept()
        peer.send(ASK)
        assert peer.answer("auth", "+OK accepted") == "auth secret"
        peer.answer("filter variable_callback_leg return")
        peer.answer("event json BACKGROUND_JOB CHANNEL_HANGUP_COMPLETE")
        peer.expect("api global_getvar core_uuid")
        peer.send(api_reply(CORE))
        return peer

    def up(self, **options: Any) -> tuple[SwitchLink, Peer]:
        """Give a link that is up, and the switch's side of it."""
        link = self.link(**options)
        link.start()
        peer = self.log_in()
        assert self.ups.get() == []
        return link, peer

    def submit(self, link: SwitchLink, peer: Peer, job: str, text: str | None = "+OK") -> None:
        """Send a job, and take it as the switch does."""
        link.submit(originate(job), job, [f"leg-{job}"], lambda *got: self.answers.put(got))
        assert peer.command().endswith(f"\nJob-UUID: {job}")
        if text is not None:
            peer.send(reply(text))
