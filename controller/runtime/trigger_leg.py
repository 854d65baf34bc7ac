"""A trigger leg on its connection."""

from __future__ import annotations

import contextlib
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
from controller.store.requests import Request

log: Any = structlog.get_logger("leg")

#: The only thing that we need to be told of a trigger leg.
SUBSCRIPTION = ("CHANNEL_HANGUP_COMPLETE",)
#: What speaks of privacy: the header, and what the switch made of identity headers.
PRIVACY = (
    "variable_sip_h_Privacy",
    "variable_sip_Privacy",
    "variable_privacy",
    "Caller-Privacy-Hide-Number",
)
#: What stands for a value that is there and cannot be read: several values, or odd bytes.
UNREADABLE = "unavailable"


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
        # The machine's deadlines and the store's leases go by clocks of their own.
        due = services.clock.micros() + int((request.due - began) * 1_000_000)
        if request.reason is not None or request.number is None:
            reason = request.reason or "unknown"
            stored = self._refuse(request.extension, request.did, request.number, reason)
        else:
            stored = services.keep(
                services.requests.store,
                extension=request.extension,
                did=request.did,
                number=request.number,
                due=due,
                now=services.clock.micros(),
            )
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
        self.services.metrics.triggers.labels(reason).inc()
        stored = self._refuse(extension, did, number, reason)
        log.info("trigger", leg=self.uuid, request=stored.id, outcome=reason)

    def _refuse(self, extension: str, did: str, number: str | None, reason: str) -> Request:
        return self.services.keep(
            self.services.requests.refuse,
            extension=extension,
            did=did,
            number=number,
            reason=reason,
            now=self.services.clock.micros(),
        )


def readings_of(rung: str, country: str) -> list[str]:
    """Give what the number that was rung may be as E.164, the likeliest first.

    Trunks write DIDs nationally or internationally, with or without the plus. Both readings are
    looked up: of two numbers only one is ours.
    """
    readings = []
    with contextlib.suppress(BadNumber):
        readings.append(parse(rung, country))
    international = "+" + rung.lstrip("+")
    if is_e164(international) and international not in readings:
        readings.append(international)
    return readings


def _wish(data: ChannelData, name: str) -> str | None:
    """Give a value that may ask for privacy; where it cannot be read, it does (T4)."""
    if data.raw(name) is None:
        return None
    value = data.get(name)
    return UNREADABLE if value is None else value


def attach(services: Services, socket: OutboundSession, data: ChannelData, uuid: str) -> None:
    """Take a trigger leg that has connected."""
    socket.subscribe(uuid, SUBSCRIPTION)
    services.clock.follow()
    rung_number = data.get("Caller-Destination-Number") or ""
    readings = readings_of(rung_number, services.settings.route.country)
    found = services.policies.by_dids(readings)
    policy: Policy | None = found[1] if found is not None else None
    did = found[0] if found is not None else (readings or [rung_number[:16]])[0]
    caller = identify(
        data.variable("sip_from_user"),
        # A name that cannot be read is no wish: many switches send names that are not UTF-8.
        data.variable("sip_from_display"),
        tuple(_wish(data, name) for name in PRIVACY),
        policy.country if policy is not None else services.settings.route.country,
    )
    created = data.microseconds("Caller-Channel-Created-Time")
    said = data.microseconds("Event-Date-Timestamp")
    rung = (said - created) / 1_000_000 if created and said and said > created else 0.0
    leg = TriggerLeg(services, socket, uuid, TriggerSession(leg=uuid, policy=policy))
    if policy is not None:
        leg.due = services.clock.now() + policy.ring_seconds - rung
    leg.begin(TriggerAttached(rung=rung, caller=caller, did=did))
