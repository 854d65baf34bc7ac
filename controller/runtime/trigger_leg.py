"""A trigger leg on its connection."""

from __future__ import annotations

import contextlib
import re
from typing import Any
from urllib.parse import unquote

import structlog

from controller.callback import trigger
from controller.callback.asking import Asking
from controller.callback.effects import Effect, Hangup, NoteTrigger, StoreRequest
from controller.callback.events import LegEnded, RequestStored, SecondTry, TriggerAttached
from controller.callback.trigger import TriggerSession
from controller.esl.channel_data import ChannelData
from controller.esl.events import Event
from controller.esl.session import OutboundSession
from controller.numbers.caller import Caller, Identity, identify, read_identity
from controller.numbers.e164 import BadNumber, is_e164, parse
from controller.policy.channels import Channel
from controller.policy.fields import IdentityHeader
from controller.policy.model import Policy
from controller.runtime.about import REQUEST_VARIABLE
from controller.runtime.legs import Leg
from controller.runtime.services import Services
from controller.store.database import Away
from controller.store.requests import Request, Requests

log: Any = structlog.get_logger("leg")

#: What speaks of privacy: the header, and what the switch made of identity headers.
PRIVACY = (
    "variable_sip_h_Privacy",
    "variable_sip_Privacy",
    "variable_privacy",
    "Caller-Privacy-Hide-Number",
)
#: The switch's variables of identity headers; of From it has several.
IDENTITY = {
    IdentityHeader.P_ASSERTED_IDENTITY: "variable_sip_P-Asserted-Identity",
    IdentityHeader.REMOTE_PARTY_ID: "variable_sip_Remote-Party-ID",
    IdentityHeader.P_PREFERRED_IDENTITY: "variable_sip_P-Preferred-Identity",
}
#: Those of the kind that the switch calls `pid`.
_PID = (IdentityHeader.P_ASSERTED_IDENTITY, IdentityHeader.P_PREFERRED_IDENTITY)
#: What the switch puts in place of a From that has no user, and no host (`tel:`).
NOBODY, NOWHERE = "nobody", "nowhere"
#: By what a call is read that came over no trunk of ours: defaults.
_NO_TRUNK = Channel(name="none")
#: Nothing rings longer: the longest X is a minute.
LONGEST_RINGING = 3600
#: What stands for a value that is there and cannot be read: several values, or odd bytes.
UNREADABLE = "unavailable"


class TriggerLeg(Leg[TriggerSession]):
    """Runs the trigger machine.

    It is told of no event, and does not linger: all that counts is that the leg is over, and that
    the switch says when it closes the connection.
    """

    kind = "trigger"

    def on_event(self, event: Event) -> None:
        """Take an event of the switch: it was asked for none."""

    def closed(self, link: OutboundSession) -> object:
        """Give what the end of the connection tells: the leg is over, where the switch says so."""
        return LegEnded(cause="UNKNOWN") if link.disconnect_notice else super().closed(link)

    def transition(self, event: Any, now: float) -> tuple[TriggerSession, tuple[Effect, ...]]:  # noqa: ANN401
        """Take one step of the trigger machine."""
        return trigger.step(self.session, event, now)

    def perform(self, effect: Effect) -> None:
        """Do one effect."""
        match effect:
            case StoreRequest():
                self.spawn(self._store, effect)
            case NoteTrigger(did, caller, reason):
                self.spawn(self._note, did, caller, reason)
            case Hangup():
                self._note_lateness()
                if self.request is not None:
                    # For the switch's own record of it (O3).
                    self.set_variables(**{REQUEST_VARIABLE: self.request})
                super().perform(effect)
            case _:
                super().perform(effect)

    def _note_lateness(self) -> None:
        if self.session.policy is not None and self.due is not None:
            self.services.metrics.refusal_late.observe(self.services.clock.now() - self.due)

    #: When X is over, seconds since 1970; None where the leg is refused at once.
    due: float | None = None
    #: The trunk that it came over, by name.
    channel: str | None = None
    #: The request that it joins, where it is a carrier's second try.
    second_of: str | None = None

    def _store(self, request: StoreRequest) -> None:
        services = self.services
        began = services.clock.now()
        # The machine's deadlines and the store's times go by clocks of their own.
        ends = services.clock.micros() + int((request.ends - began) * 1_000_000)
        rang = _rang(request.ends - self.session.since)
        asking = self._asking(request.did, request.caller, ends, rang)
        second_of = self.second_of if request.second else None
        stored = services.keep(ask_or_join, services.requests, asking, second_of)
        services.metrics.store_seconds.observe(services.clock.now() - began)
        self.request = stored.id
        self.post(RequestStored(request.number))
        if stored.state == "refused":
            outcome = stored.outcome or "unknown"
        else:
            outcome = "joined" if stored.joined else "callback"
            if stored.state == "pending":
                services.on_request(stored.due / 1_000_000)
        if request.number == 1:
            services.metrics.triggers.labels(outcome).inc()
            log.info("trigger", leg=self.uuid, request=stored.id, outcome=outcome)

    def _note(self, did: str, caller: Caller, reason: str) -> None:
        services = self.services
        rang = _rang(services.clock.now() - self.session.since)
        asking = self._asking(did, caller, services.clock.micros(), rang, reason)
        stored = services.keep(services.requests.ask, asking)
        self.request = stored.id
        outcome = stored.outcome or reason
        services.metrics.triggers.labels(outcome).inc()
        log.info("trigger", leg=self.uuid, request=stored.id, outcome=outcome)

    def look_back(self, did: str, caller: str, ends: int) -> None:
        """Find out what the caller asked for before (T1, T5), while it rings.

        `ends` is when he is called back at the earliest, microseconds since 1970: after this call.
        """
        services = self.services
        now = services.clock.micros()
        try:
            earlier = services.reads.run(services.requests.earlier, did, caller, now)
        except Away:
            # It rings X like any other, and joins when it is stored.
            services.note_store_fault("earlier")
            return
        if earlier.second_of is not None:
            self.second_of, self.due = earlier.second_of.id, None
            self.post(SecondTry())
        elif earlier.waits:
            services.keep(services.requests.put_off, caller, ends)

    def _asking(
        self, did: str, caller: Caller, now: int, rang: int | None, reason: str | None = None
    ) -> Asking:
        policy = self.session.policy
        return Asking(
            policy=policy,
            did=did,
            caller=caller,
            now=now,
            expiry_seconds=self.services.settings.dispatcher.expiry_seconds,
            ranges=self.services.ranges,
            stopped=policy is not None and self.services.is_stopped(policy),
            reason=reason,
            leg=self.uuid,
            channel=self.channel,
            rang_milliseconds=rang,
        )


def _rang(seconds: float) -> int | None:
    """Give how long a leg rang, milliseconds; None where a clock must have been set meanwhile."""
    return round(seconds * 1000) if 0 <= seconds <= LONGEST_RINGING else None


def ask_or_join(requests: Requests, asking: Asking, second_of: str | None) -> Request:
    """Ask for a callback, or join the one that a carrier's second try belongs to (T1)."""
    joined = None if second_of is None else requests.join(second_of, asking)
    return requests.ask(asking) if joined is None else joined


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


#: So long is what is kept of a number that is nobody's.
LONGEST_DID = 16


def _nobodys(readings: list[str], rung: str) -> str:
    """Give what is kept of a number that was rung and is nobody's: digits, or quoted (G1)."""
    if readings:
        return readings[0]
    if re.fullmatch(r"\+?[0-9]*", rung, re.ASCII):
        return rung[:LONGEST_DID]
    return ascii(rung[:LONGEST_DID])[:LONGEST_DID]


def _wish(data: ChannelData, name: str) -> str | None:
    """Give a value that may ask for privacy; where it cannot be read, it does (T4)."""
    if data.raw(name) is None:
        return None
    value = data.get(name)
    return UNREADABLE if value is None else value


def attach(services: Services, socket: OutboundSession, data: ChannelData, uuid: str) -> None:
    """Take a trigger leg that has connected."""
    services.clock.follow()
    arrived, epoch = services.clock.now(), services.standing.epoch
    rung_number = data.get("Caller-Destination-Number") or ""
    readings = readings_of(rung_number, services.settings.route.country)
    found = services.policies.by_dids(readings)
    policy: Policy | None = found[1] if found is not None else None
    did = found[0] if found is not None else _nobodys(readings, rung_number)
    channel = services.trunks.get().find(data.variable("sip_network_ip"))
    caller = _caller(services, data, channel, policy)
    leg = TriggerLeg(services, socket, uuid, TriggerSession(leg=uuid, policy=policy))
    leg.channel = channel.name if channel is not None else None
    # What all this took is ringing too.
    rung = _rung(data) + services.clock.now() - arrived
    if policy is not None:
        leg.due = services.clock.now() + policy.ring_seconds - rung
    leg.begin(
        TriggerAttached(
            rung=rung,
            caller=caller,
            did=did,
            refusal=str(channel.refusal_cause) if channel is not None else trigger.REFUSAL,
        ),
        epoch,
    )
    if policy is not None and caller.number is not None:
        seconds = policy.ring_seconds - rung + policy.delay_seconds
        ends = services.clock.micros() + int(seconds * 1_000_000)
        services.spawn(leg.look_back, did, caller.number, ends)


def _rung(data: ChannelData) -> float:
    """Give how long a leg has rung when it connected, by the switch's own clock, seconds."""
    # From the 180 on, where the switch says when it sent it.
    began = data.microseconds("Caller-Channel-Progress-Time") or data.microseconds(
        "Caller-Channel-Created-Time"
    )
    said = data.microseconds("Event-Date-Timestamp")
    return (said - began) / 1_000_000 if began and said and said > began else 0.0


def _caller(
    services: Services, data: ChannelData, channel: Channel | None, policy: Policy | None
) -> Caller:
    trunk = channel if channel is not None else _NO_TRUNK
    country = policy.country if policy is not None else services.settings.route.country
    return identify(
        identities_of(data),
        order=trunk.identity,
        privacy=[_wish(data, name) for name in PRIVACY],
        country=trunk.country or country,
        rewrite=trunk.rewrite,
    )


def identities_of(data: ChannelData) -> dict[IdentityHeader, Identity]:
    """Give what each identity header says of the caller; those that are not there are not in it."""
    found: dict[IdentityHeader, Identity] = {}
    for header, name in IDENTITY.items():
        raw = data.raw(name)
        identity = _identity(header, raw) if raw is not None else None
        if identity is not None:
            found[header] = identity
    # An identity header without a user gets no variable, but leaves its mark (sofia.c).
    kind = data.variable("sip_cid_type")
    if kind == "pid" and not any(data.raw(IDENTITY[header]) is not None for header in _PID):
        found |= dict.fromkeys(_PID, Identity(user=""))
    if kind == "rpid" and data.raw(IDENTITY[IdentityHeader.REMOTE_PARTY_ID]) is None:
        found[IdentityHeader.REMOTE_PARTY_ID] = Identity(user="")
    from_ = _from(data)
    if from_ is not None:
        found[IdentityHeader.FROM] = from_
    return found


def _identity(header: IdentityHeader, raw: str) -> Identity | None:
    return read_identity(header, unquote(raw, errors="replace"), raw)


def _from(data: ChannelData) -> Identity | None:
    host = data.variable("sip_from_host")
    whole = data.raw("variable_sip_full_from")
    if host == NOWHERE and whole is not None:
        # Of `tel:` the user has lost its parameters, `;phone-context=` among them.
        return _identity(IdentityHeader.FROM, whole)
    raw = data.raw("variable_sip_from_user")
    if raw is None:
        return _unset(data, host)
    user = data.variable("sip_from_user")
    return Identity(
        user="" if user == NOBODY else user,
        # A name that cannot be read is no wish: many switches send names that are not UTF-8.
        display=data.variable("sip_from_display"),
        host=host,
        raw=raw,
    )


def _unset(data: ChannelData, host: str | None) -> Identity | None:
    """Give what From says where its user has no variable; None: there was no From.

    The switch makes none of a value with `${…}`, which it would expand (seen on 1.11.1). What its
    caller profile has instead is of any header: it is kept for the operator, and is no number.
    """
    shown = data.raw("Caller-Caller-ID-Number")
    return None if host is None or shown is None else Identity(user=None, host=host, raw=shown)
