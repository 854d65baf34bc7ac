"""A trigger leg on its connection."""

from __future__ import annotations

from typing import Any

import structlog

from controller.callback import trigger
from controller.callback.effects import Effect, Hangup, NoteTrigger, StoreRequest
from controller.callback.events import RequestStored, TriggerAttached
from controller.callback.trigger import TriggerSession
from controller.esl.events import ChannelData, Event
from controller.esl.session import OutboundSession
from controller.numbers.caller import identify
from controller.numbers.e164 import BadNumber, is_e164, parse
from controller.policy.model import Policy
from controller.runtime.legs import Leg
from controller.runtime.services import Services

log: Any = structlog.get_logger("leg")

#: The only thing that we need to be told of a trigger leg.
SUBSCRIPTION = ("CHANNEL_HANGUP_COMPLETE",)
#: What speaks of privacy: the header, and what the switch made of identity headers.
PRIVACY_VARIABLES = ("sip_h_Privacy", "sip_Privacy", "privacy")
PRIVACY_HEADERS = ("Caller-Privacy-Hide-Number",)


class TriggerLeg(Leg[TriggerSession]):
    """Runs the trigger machine."""

    kind = "trigger"

    def on_event(self, event: Event) -> None:
        """Take an event of the switch; the end of the leg is the only one that counts."""
        if event.name == "CHANNEL_HANGUP_COMPLETE":
            self.leg_ended(event)

    def transition(self, event: Any, now: float) -> tuple[TriggerSession, tuple[Effect, ...]]:  # noqa: ANN401
        """Take one step of the trigger machine."""
        return trigger.step(self.session, event, now)

    def perform(self, effect: Effect) -> None:
        """Do one effect."""
        match effect:
            case StoreRequest():
                self.spawn(self._store, effect)
            case NoteTrigger(extension, did, number, reason):
                self.spawn(self._note, extension, did, number, reason)
            case Hangup():
                self._note_lateness()
                super().perform(effect)
            case _:
                super().perform(effect)

    def _note_lateness(self) -> None:
        if self.session.policy is not None and self.due is not None:
            self.services.metrics.refusal_late.observe(self.services.clock.now() - self.due)

    #: When X is over, seconds since 1970; None where the leg is refused at once.
    due: float | None = None

    def _store(self, request: StoreRequest) -> None:
        services = self.services
        began = services.clock.now()
        try:
            if request.number is None:
                reason = request.reason or "unknown"
                stored = services.sql.run(
                    services.requests.refuse,
                    extension=request.extension,
                    did=request.did,
                    number=None,
                    reason=reason,
                    now=services.clock.micros(),
                )
            else:
                stored = services.sql.run(
                    services.requests.store,
                    extension=request.extension,
                    did=request.did,
                    number=request.number,
                    due=int(request.due * 1_000_000),
                    now=services.clock.micros(),
                )
        except Exception:
            self.post(RequestStored(stored=False))
            services.metrics.triggers.labels("not_stored").inc()
            raise
        services.metrics.store_seconds.observe(services.clock.now() - began)
        self.post(RequestStored())
        if stored.state == "refused":
            outcome = stored.outcome or "unknown"
        else:
            outcome = "joined" if stored.joined else "callback"
            services.on_request(stored.due / 1_000_000)
        services.metrics.triggers.labels(outcome).inc()
        log.info("trigger", leg=self.uuid, request=stored.id, outcome=outcome)

    def _note(self, extension: str, did: str, number: str | None, reason: str) -> None:
        services = self.services
        services.metrics.triggers.labels(reason).inc()
        stored = services.sql.run(
            services.requests.refuse,
            extension=extension,
            did=did,
            number=number,
            reason=reason,
            now=services.clock.micros(),
        )
        log.info("trigger", leg=self.uuid, request=stored.id, outcome=reason)


def did_of(data: ChannelData, country: str) -> str:
    """Give the number that was rung as E.164; as it came where it is none."""
    rung = data.get("Caller-Destination-Number") or ""
    international = "+" + rung.lstrip("+")
    if is_e164(international):
        try:
            return parse(international, country)
        except BadNumber:
            pass
    try:
        return parse(rung, country)
    except BadNumber:
        return rung[:16]


def attach(services: Services, socket: OutboundSession, data: ChannelData, uuid: str) -> None:
    """Take a trigger leg that has connected."""
    socket.subscribe(uuid, SUBSCRIPTION)
    did = did_of(data, services.settings.route.country)
    policy: Policy | None = services.sql.run(services.extensions.by_did, did)
    privacy = tuple(data.variable(name) for name in PRIVACY_VARIABLES) + tuple(
        data.get(name) for name in PRIVACY_HEADERS
    )
    caller = identify(
        data.variable("sip_from_user"),
        data.variable("sip_from_display"),
        privacy,
        policy.country if policy is not None else services.settings.route.country,
    )
    created = data.microseconds("Caller-Channel-Created-Time")
    said = data.microseconds("Event-Date-Timestamp")
    rung = (said - created) / 1_000_000 if created and said and said > created else 0.0
    leg = TriggerLeg(services, socket, uuid, TriggerSession(leg=uuid, policy=policy))
    if policy is not None:
        leg.due = services.clock.now() + policy.ring_seconds - rung
    leg.begin(TriggerAttached(rung=rung, caller=caller, did=did))
