"""What is read where somebody asks why (I9): as calls read it, and as he may see it."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Final

import msgspec
from sqlalchemy import Engine

from controller.admin import finding, rights
from controller.admin.callers_csv import BETWEEN
from controller.admin.explained import Recognised
from controller.admin.explaining_number import Destination
from controller.admin.model import Actor, Invalid, Kind, NotFound
from controller.callback.events import Credit
from controller.callback.platform import Platform
from controller.callerid.model import Rang, Tried
from controller.guard.patterns import Pattern, Subject, blocking, subjects_of
from controller.guard.ranges import Ranges
from controller.numbers.caller import Caller, Identity, identify
from controller.numbers.e164 import BadNumber, is_e164, parse
from controller.policy.channels import Channel
from controller.policy.clients import ClientLimits
from controller.policy.model import Policy
from controller.policy.trunks import Trunks
from controller.store import asked
from controller.store.conversing import Conversing, Facts
from controller.store.database import reader
from controller.store.extensions import Extensions
from controller.store.requests import Request, Requests
from controller.store.schema import OPEN_STATES
from controller.store.schema import callback_request as requests
from controller.store.stops import Stop, is_stopped, read_stops
from controller.store.suspicions import open_of

#: By what a call is read that came over no channel: defaults.
_NO_CHANNEL: Final = Channel(name="none")


class RouteSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The service's settings that decide about ways: those of the section `route` of that name."""

    country: str
    domain: str
    internal_gateway: str
    internal_lengths: tuple[int, ...]
    internal_prefixes: tuple[str, ...]
    emergency_numbers: tuple[str, ...]
    emergency_channel: str
    emergency_caller_id: str

    def platform(self, ranges: Ranges) -> Platform:
        """Which numbers are no ordinary destinations; `ranges`: or known for fraud."""
        return Platform(
            internal_lengths=self.internal_lengths,
            internal_prefixes=self.internal_prefixes,
            emergency_numbers=self.emergency_numbers,
            emergency_connected=bool(self.emergency_channel),
            ranges=ranges,
        )


class Ringing(msgspec.Struct, frozen=True):
    """A trigger call as somebody describes it.

    `caller` and `name` are what the channel `over` says; no caller: he hides his number; no
    channel: it comes from elsewhere.
    """

    caller: str | None = None
    name: str | None = None
    over: str | None = None


class Suspected(msgspec.Struct, frozen=True):
    """Why a callback is not made that looks like fraud (G3): in a word, and in a sentence."""

    reason: str
    said: str


class Rung(msgspec.Struct, frozen=True):
    """A trigger call as its channel says it: who rang, and what of it may be shown to others."""

    caller: Caller = Caller(reason="hidden")
    rang: Rang = Rang()


class Reading:
    """Reads the store. Calls block."""

    def __init__(self, engine: Engine, service: RouteSettings) -> None:
        self._engine = engine
        self._reader = reader(engine)
        self._extensions = Extensions(engine)
        self._conversing = Conversing(engine)
        self._service = service
        self.requests = Requests(engine)

    def policy(self, actor: Actor, extension: str) -> Policy:
        """Give the policy in force of an extension that the actor may see. Raises `NotFound`."""
        with self._reader.connect() as connection:
            finding.find(connection, actor, Kind.EXTENSION, extension)
        policy = self._extensions.get(extension)
        if policy is None or actor.client not in (None, policy.client):
            # It went meanwhile, or to somebody else.
            raise NotFound(f"there is no extension {extension}")
        return policy

    def by_did(self, actor: Actor, did: str) -> tuple[str, Policy | None]:
        """Give a number that is rung as E.164, and the policy of the extension that it reaches.

        A client is told of his own alone. Raises `Invalid`, `NotFound`.
        """
        readings = _readings(did, self._service.country)
        found = self._extensions.by_dids(readings)
        if actor.client is not None and (found is None or found[1].client != actor.client):
            raise NotFound(f"{readings[0]} reaches no extension of yours")
        return (readings[0], None) if found is None else found

    def suspected(
        self, policy: Policy, caller: str | None, number: str, opened: Request | None
    ) -> Suspected | None:
        """Give what looks like fraud, so that a callback is not made (G3); None: nothing does.

        `opened`: the callback that it joins; one that is being called already goes on.
        """
        if opened is not None and opened.state != "pending":
            return None
        return self._open_suspicion(policy, subjects_of(policy, caller, number))

    def allowed(self, policy: Policy, destination: Destination) -> Destination:
        """Give a destination as it was judged; refused, where much was spent suddenly (G3)."""
        if destination.recognised is not Recognised.PUBLIC or destination.refusal is not None:
            return destination
        found = self._open_suspicion(policy, [Subject(Pattern.SUDDEN_SPEND, policy.extension)])
        if found is None:
            return destination
        tried = (*destination.tried, Tried("G3", found.said))
        return msgspec.structs.replace(destination, refusal=found.reason, tried=tried)

    def _open_suspicion(self, policy: Policy, subjects: Sequence[Subject]) -> Suspected | None:
        with self._reader.connect() as connection:
            found = open_of(connection, subjects)
        subject = blocking(policy, subjects, {key: one.blocks for key, one in found.items()})
        if subject is None:
            return None
        row = found[subject.key]
        # Through how many extensions of others a number rings is the operator's to know.
        said = "" if row.extension is None else f": {row.said}"
        return Suspected(subject.pattern.reason, f"it looks like fraud, suspicion {row.id}{said}")

    def is_did(self, number: str) -> bool:
        """Whether a number is one of our own DIDs, whosever."""
        return self._extensions.by_did(number).policy is not None

    def trunks(self) -> Trunks:
        """Give all channels."""
        return self._extensions.trunks()

    def facts(self, policy: Policy, caller: Caller) -> Facts:
        """Give what is known of a caller, and which numbers the extension may show."""
        return self._conversing.facts(policy.extension, caller.number, "")

    def credit(self, policy: Policy, caller: Caller) -> Credit | None:
        """Give what whoever pays for a caller's call has (M9); None: there is no account."""
        return self._conversing.balance(policy.extension, caller.number)

    def client(self, policy: Policy) -> ClientLimits:
        """Give what the client of an extension may have (G3)."""
        return self._extensions.client_limits().of(policy.client)

    def stop(self, policy: Policy) -> Stop | None:
        """Give why callbacks of an extension are stopped (O6); None: they are not."""
        stops = read_stops(self._engine)
        return next((one for one in stops if is_stopped([one], policy)), None)

    def opened(self, policy: Policy, number: str) -> Request | None:
        """Give the callback of an extension to a number that is open (T6)."""
        conditions = (
            requests.c.extension == policy.extension,
            requests.c.number == number,
            requests.c.state.in_(OPEN_STATES),
        )
        with self._reader.connect() as connection:
            return next(iter(asked.page(connection, conditions, None, 1)), None)

    def rung(self, actor: Actor, trunks: Trunks, policy: Policy | None, ringing: Ringing) -> Rung:
        """Read a trigger call as the channel that it comes over says it (T4, I2).

        Raises `Forbidden`, and `Invalid` where there is no such channel.
        """
        channel = _NO_CHANNEL
        if ringing.over is not None:
            rights.may_name_channels(actor)
            named = trunks.get(ringing.over)
            if named is None:
                raise Invalid(f"over: there is no channel {ringing.over}")
            channel = named
        caller = ringing.caller
        if caller is None:
            return Rung()
        country = self._service.country if policy is None else policy.country
        said = Identity(user=BETWEEN.sub("", caller), display=ringing.name, raw=caller)
        found = identify(
            {channel.identity[0]: said},
            order=channel.identity,
            country=channel.country or country,
            rewrite=channel.rewrite,
        )
        rang = Rang(number=found.number or "", name=found.name, trusted=channel.trust_callers)
        return Rung(found, rang)


def _readings(did: str, country: str) -> list[str]:
    """Give what a number that is rung may be as E.164, the likeliest first. Raises `Invalid`."""
    text = BETWEEN.sub("", did)
    found = []
    with contextlib.suppress(BadNumber):
        found.append(parse(text, country))
    international = "+" + text.lstrip("+")
    if is_e164(international) and international not in found:
        found.append(international)
    if not found:
        raise Invalid(f"did: {did[:40]!r} is no telephone number; write it as +12025550100")
    return found
