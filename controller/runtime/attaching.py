"""A return leg connects, or ends while nobody holds it: whose it is, and what is known of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec
import structlog

from controller.callback import conversation
from controller.callback.effects import CallOver, NotCalled, Note, Record
from controller.callback.events import ReturnAttached
from controller.callback.return_session import ReturnSession
from controller.callback.stage import read as read_stage
from controller.callback.states import Return
from controller.callback.uuids import leg_uuids
from controller.callerid.model import Numbers, Rang
from controller.credit.model import Granted
from controller.esl import commands
from controller.esl.channel_data import ChannelData
from controller.esl.events import Event, cause, text
from controller.esl.failures import failed_legs_of
from controller.esl.session import SUBSCRIPTION, OutboundSession
from controller.policy.model import Policy
from controller.routing.model import Plan
from controller.runtime.about import REQUEST_VARIABLE
from controller.runtime.answers import answered_until, unmark
from controller.runtime.at_a_time import keep_places
from controller.runtime.calls_out import CallsOut
from controller.runtime.legs import ended
from controller.runtime.parting import DIALPLAN_VARIABLE, PARTS_ALONE
from controller.runtime.paying import CHARGED_VARIABLE, MICROS, Call, Paying
from controller.runtime.placing import rang_of
from controller.runtime.return_leg import STAGE_VARIABLE, ReturnLeg, record
from controller.runtime.services import Services
from controller.runtime.ways import has_limits, note_causes, platform_of
from controller.store.conversing import Facts
from controller.store.requests import Request

log: Any = structlog.get_logger("leg")

#: From so many connections on, the dialplan's count of them is set back (`cb_hops`, one x each),
#: but only when the leg gets on: one that fails at every connection must come to its end.
MANY_HOPS: Final = 5
#: Where a leg is whose caller nobody knows yet.
ASKED_WHO: Final = frozenset({Return.HUMAN, Return.MEMBER, Return.PASSWORD})
#: What a return leg is told of: keys too, except those of a password.
EVENTS: Final = (*SUBSCRIPTION, "DTMF")


def attach(services: Services, socket: OutboundSession, data: ChannelData, uuid: str) -> None:
    """Take a return leg that has connected, for the first time or again."""
    # What happens before we know whose leg it is (a key is pressed) is not lost.
    early: list[Event] = []
    epoch = services.standing.epoch
    socket.on_event = early.append
    socket.subscribe(uuid, EVENTS)
    services.clock.follow()
    stage = data.variable(STAGE_VARIABLE)
    found = _find_with_facts(services, data.variable(REQUEST_VARIABLE) or "", stage)
    if found is None:
        # A leg of a request that nobody knows: nothing of ours may happen on it.
        log.error("unknown_request")
        services.metrics.faults.labels("unknown_request").inc()
        socket.transmit(commands.hangup("NORMAL_TEMPORARY_FAILURE"))
        socket.transmit(commands.EXIT)
        return
    request, policy, facts = found
    failed = services.on_attempt_over(request.id)
    if stage is None:
        until, channel = answered_until(services, policy), data.variable("callback_channel")
        services.spawn(_answered, services, request, until, channel, failed, epoch)
    elif request.holder != services.name:
        services.spawn(_taken_over, services, request.id, epoch)
    session = _known(services, _session(services, uuid, request, policy), facts)
    if data.variable(DIALPLAN_VARIABLE) == PARTS_ALONE:
        session = msgspec.structs.replace(session, parts_alone=True)
    paying = paying_of(services, data, uuid, request, session, stage)
    services.metering.follow(paying)
    calls = CallsOut(
        services,
        node=request.node,
        numbers=facts.numbers,
        rang=rang_of(request, services.trunks.get()),
        plans=_plans(services, request.id, uuid, stage),
        paying=paying,
    )
    leg = ReturnLeg(services, socket, uuid, session, calls, paying)
    leg.node = request.node
    leg.many_hops = len(data.variable("cb_hops") or "") >= MANY_HOPS
    if stage is not None:
        # Whoever had it may have bound them, where another number could be dialled after a call.
        leg.has_drop_keys = policy.further_calls > 0
        services.metrics.taken_over.inc()
        leg.talk_is_over()
    leg.begin(
        ReturnAttached(
            stage=stage,
            last_bridge_to=data.variable("last_bridge_to"),
            bridge_hangup_cause=cause(data.variable("bridge_hangup_cause")),
            originate_disposition=cause(data.variable("originate_disposition")),
            failed=failed_legs_of(data),
        ),
        epoch,
    )
    for event in early:
        leg.on_event(event)


def paying_of(
    services: Services,
    data: ChannelData,
    uuid: str,
    request: Request,
    session: ReturnSession,
    stage: str | None,
) -> Paying:
    """Give what is known of a leg's money: what we know, or what its variables say."""
    before, left = services.legs.get(uuid), read_stage(stage)
    gone_on = 0 if left is None else left.step
    if isinstance(before, ReturnLeg) and gone_on <= before.session.step:
        return before.paying
    # Else somebody else has gone on with it since, and it may be another account that pays.
    charged = data.variable(CHARGED_VARIABLE)
    granted = None
    now = services.clock.micros()
    if charged is not None and charged.isdigit() and stage is None:
        seconds = int(charged)
        until = now + (seconds or services.settings.credit.dialogue_seconds) * MICROS
        granted = Granted(charged=True, return_seconds=seconds, until=until)
    # By the switch's own clock, whatever the time is here.
    here = data.microseconds("Event-Date-Timestamp")
    answered = data.microseconds("Caller-Channel-Answered-Time")
    since = max(here - answered, 0) if here and answered else 0
    number = request.number or ""
    call = Call(
        call=data.variable("callback_call") or request.attempt or uuid,
        request=request.id,
        leg=uuid,
        node=request.node,
        number=number,
        free=session.platform.is_internal(number),
        answered=now - since,
    )
    paying = Paying(services, call, session.policy, charged=charged is not None, granted=granted)
    if left is not None and left.state not in ASKED_WHO and _asks(session):
        # Whoever had the leg may not have got to say so, or was told that his has too little.
        paying.identified("" if session.caller is None else session.caller.number)
    return paying


def _asks(session: ReturnSession) -> bool:
    return session.password_hash is not None or session.names_member


def _plans(services: Services, request: str, leg: str, stage: str | None) -> Mapping[int, Plan]:
    """Give how the destination is called that a leg comes back from: what we know, or is kept."""
    before = services.legs.get(leg)
    if isinstance(before, ReturnLeg):
        return before.calls.plans
    left = read_stage(stage)
    if left is None or left.state is not Return.BRIDGING:
        return {}
    plan = services.reads.run(services.placing.plan, request, leg, left.dialled)
    return {} if plan is None else {left.dialled: plan}


def _answered(
    services: Services,
    request: Request,
    until: int,
    channel: str | None,
    failed: Mapping[str, str],
    epoch: int,
) -> None:
    keep_places(services, request.extension, request.attempt)
    moved = services.keep(
        services.requests.answered,
        request.id,
        until,
        now=services.clock.micros(),
        attempt=request.attempt,
        channel=channel,
        causes=failed,
        holder=services.name,
    )
    if request.attempt is not None:
        services.known.answered.add(request.attempt)
    if request.node is not None:
        services.node_health.took(request.node)
    if not moved:
        # Somebody else was told of it first, or had the leg before it got to us.
        _taken_over(services, request.id, epoch)
    note_causes(services, request.node, request.number or "", {}, channel)
    if channel is not None and has_limits(services):
        services.places.hold(request.id, (channel,), until / 1_000_000)
    # Whoever sent it is told no more: its answer comes after the leg itself.
    unmark(services, request.node, request.attempt)


def _taken_over(services: Services, request: str, epoch: int) -> None:
    """Keep that the leg of a live call is ours now, and nobody else's."""
    if services.standing.epoch == epoch:
        services.keep(services.requests.hold, request, services.name)


def _find(services: Services, request_id: str) -> tuple[Request, Policy] | None:
    request = services.reads.run(services.requests.get, request_id)
    policy = None if request is None else services.policies.get(request.extension)
    return None if request is None or policy is None else (request, policy)


def _find_with_facts(
    services: Services, request_id: str, stage: str | None
) -> tuple[Request, Policy, Facts] | None:
    """Give a request, and what is known of whoever calls (A2), or said who he is (A5)."""
    before = read_stage(stage)
    member = "" if before is None else before.member
    found = services.reads.run(services.conversing.facts_of, request_id, member)
    policy = None if found is None else services.policies.get(found[0].extension)
    return None if found is None or policy is None else (found[0], policy, found[1])


def _session(services: Services, uuid: str, request: Request, policy: Policy) -> ReturnSession:
    return ReturnSession(
        leg=uuid,
        request=request.id,
        policy=policy,
        platform=platform_of(services),
        did=request.did,
        number=request.caller or "",
    )


def _known(services: Services, session: ReturnSession, facts: Facts) -> ReturnSession:
    """Give the session with what is known of whoever calls, and whether he is locked out (A3)."""
    session = msgspec.structs.replace(session, caller=facts.caller, redial=facts.redial)
    if not _asks(session):
        return session
    numbers = (session.number,) if session.number else ()
    locks = services.lockouts.locked(session.policy.extension, numbers, session.did)
    return msgspec.structs.replace(session, locked=locks.until > services.clock.now())


def unseen_end(services: Services, event: Event) -> None:
    """Record the end of an answered return leg that no controller holds any more."""
    uuid, request_id = text(event.uuid), text(event.request)
    if uuid is None or request_id is None or text(event.answer_uepoch) in (None, "0"):
        return
    if request_id in services.known.ended:
        return
    found = services.insist("unseen_end", lambda: _find(services, request_id))
    if found is None or found[0].state not in ("calling", "answered"):
        return
    if uuid not in leg_uuids(found[0].attempt or ""):
        return  # of a try before this one
    end = ended(event)
    session = _session(services, uuid, *found)
    for effect in conversation.record_of_unseen_end(session, end):
        match effect:
            case Record():
                record(services, effect, found[0].extension, found[0].attempt)
            case CallOver():
                calls = CallsOut(services, node=found[0].node, numbers=Numbers(), rang=Rang())
                last = msgspec.structs.replace(session, dialled=effect.position)
                calls.plans = services.insist(
                    "plan", lambda: _plans(services, request_id, uuid, end.stage)
                )
                calls.over(last, effect)
            case Note(what, words):
                services.transcribing.add(request_id, uuid, what, words)
            case NotCalled(position):
                call = text(event.call) or uuid
                services.charges.not_called(call, position)
            case _:
                raise AssertionError(f"{type(effect).__name__} does not end a leg")
    unmark(services, found[0].node, found[0].attempt)
