"""The return calls that a controller is setting up: sent, and neither answered nor refused."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from controller.callback.uuids import leg_uuids
from controller.esl.events import Event, text
from controller.esl.switch import SwitchLink
from controller.runtime.services import Services
from controller.runtime.ways import note_causes


class Sent(msgspec.Struct, frozen=True):
    """A return call that was sent and is neither answered nor refused.

    Attributes:
        until: when it counts as lost, seconds since 1970.
        link, attempt: None until it is sent; the attempt is its job's uuid too.
        number: whom it calls.
        failed: the channels on which it has come to nothing so far, each with the cause.

    """

    until: float
    link: SwitchLink | None = None
    attempt: str | None = None
    number: str = ""
    failed: dict[str, str] = msgspec.field(default_factory=dict)


class Underway:
    """Them, by their requests."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._calling: dict[str, Sent] = {}
        services.on_attempt_over = self.over

    def __len__(self) -> int:
        return len(self._calling)

    @property
    def unsent(self) -> bool:
        """Whether some are leased and not sent yet."""
        return any(sent.link is None for sent in self._calling.values())

    def over(self, request: str) -> Mapping[str, str]:
        """An attempt is over: its leg has attached, or its answer has come, or never will.

        Gives the cause of each channel on which it came to nothing, as far as that was told.
        """
        sent = self._calling.pop(request, None)
        if sent is not None and sent.link is not None and sent.attempt is not None:
            sent.link.forget(sent.attempt)
        self._count()
        return {} if sent is None else sent.failed

    def forget_lost(self, now: float) -> None:
        """Let go of what counts as lost."""
        for request, sent in list(self._calling.items()):
            if sent.until < now:
                self.over(request)

    def _count(self) -> None:
        self._services.metrics.calling.set(len(self._calling))

    def leg_failed(self, event: Event) -> None:
        """A leg of a return call has come to nothing on its channel; others may be tried."""
        if text(event.answer_uepoch) not in (None, "0"):
            return
        channel, cause = text(event.channel), text(event.hangup_cause)
        sent = self._calling.get(text(event.request) or "")
        if sent is None or sent.attempt is None or channel is None or cause is None:
            return
        if sent.link is not None and text(event.uuid) in leg_uuids(sent.attempt):
            sent.failed[channel] = cause
            # Here and nowhere else: its answer and the leg that is answered may both come to us.
            note_causes(self._services, sent.link.name, sent.number, {channel: cause}, None)
