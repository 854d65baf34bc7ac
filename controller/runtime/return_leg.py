"""A return leg on its connection."""

from __future__ import annotations

from typing import Any

import msgspec
import structlog

from controller.callback import conversation
from controller.callback.effects import (
    Ask,
    Bridge,
    CheckPassword,
    DropKeys,
    Effect,
    ForgetSecret,
    HoldOn,
    LetGo,
    LookUpCredit,
    LookUpTime,
    Note,
    Record,
    SaveStage,
    Tell,
)
from controller.callback.events import (
    Bridged,
    CreditKnown,
    Key,
    LegEnded,
    PasswordChecked,
    ReturnAttached,
    Secret,
    StepDone,
    TimeKnown,
)
from controller.callback.return_session import ReturnSession
from controller.callback.said import Prompt
from controller.callback.stage import read as read_stage
from controller.callback.transcript import words
from controller.esl import commands
from controller.esl.errors import NotConnected
from controller.esl.events import DIGITS_VARIABLE, ChannelData, Event, text
from controller.esl.session import SUBSCRIPTION, OutboundSession
from controller.policy.model import Policy
from controller.prompts.segments import Files, Segment
from controller.runtime.answers import answered_until, finish, unmark
from controller.runtime.dialling import bridge_command
from controller.runtime.legs import VARIABLE, Leg, step_id, step_of
from controller.runtime.own_sounds import own_prompts, own_sounds
from controller.runtime.services import Services
from controller.runtime.speaking import Speaking
from controller.runtime.verifying import forget_wrong, verify
from controller.store.conversing import Facts
from controller.store.requests import Request

log: Any = structlog.get_logger("leg")

#: The variable that holds the leg's stage.
STAGE_VARIABLE = "callback_stage"
#: From so many connections on, the dialplan's count of them is set back (`cb_hops`, one x each),
#: but only when the leg gets on: one that fails at every connection must come to its end.
MANY_HOPS = 5
#: What a return leg is told of: keys too, except those of a password.
EVENTS = (*SUBSCRIPTION, "DTMF")
#: What the switch says of a password that it has read: ended by `#`, or by a pause.
READ = frozenset({"success", "timeout"})
#: The variable that says which keys cut what is played.
TERMINATORS = "playback_terminators"
#: Keys that a telephone has; the other four that can be sent mean nothing here.
KEYS = frozenset("0123456789*#")
#: What is played where a question is not asked any more, since the answer has begun.
SILENCE = "silence_stream://10"
#: D4: the keys that drop the destination, and the realm that they are bound in while people talk.
DROP_KEYS = "talk,**,api:uuid_kill,{leg} NORMAL_CLEARING,self,self"
DROP_REALM = "talk"


class ReturnLeg(Leg[ReturnSession]):
    """Runs the conversation machine."""

    kind = "return"
    #: Whether the dialplan has counted many connections of this leg.
    many_hops = False
    #: The node that it lives on, by name.
    node: str | None = None

    def __init__(
        self, services: Services, link: OutboundSession, uuid: str, session: ReturnSession
    ) -> None:
        super().__init__(services, link, uuid, session)
        self._speaking = Speaking(self.transmit)

    def on_event(self, event: Event) -> None:
        """Take an event of the switch."""
        if event.name == "CHANNEL_EXECUTE_COMPLETE":
            # What the hang-up cut short is no answer to a question: its own event follows.
            if event.hangup_cause is None:
                self._application_ended(event)
        elif event.name == "DTMF":
            digit = text(event.digit)
            if digit in KEYS:
                self._speaking.cut()
                self.post(Key(digit))
        elif event.name == "CHANNEL_BRIDGE":
            self.post(Bridged(other=text(event.bridge_b_uuid) or text(event.other_leg_uuid)))
        elif event.name == "CHANNEL_HANGUP_COMPLETE":
            self.leg_ended(event)

    def _application_ended(self, event: Event) -> None:
        application = text(event.application_uuid)
        try:
            step = step_of(self._speaking.done(application) or application)
        except NotConnected:
            return  # it went between two parts of a sentence; that is an event of its own
        if step is not None:
            self._count_anew()
            self.post(self._done(step, event))

    def _count_anew(self) -> None:
        if self.many_hops and self.socket is not None:
            self.many_hops = False
            self.socket.transmit(commands.set_variable("cb_hops", "x", VARIABLE))

    def _done(self, step: int, event: Event) -> StepDone:
        digits = text(event.digits) if event.read_result in READ else None
        return StepDone(
            step=step,
            digits=Secret(digits) if digits else None,
            disposition=text(event.originate_disposition),
            bridge_hangup_cause=text(event.bridge_hangup_cause),
            last_bridge_to=text(event.last_bridge_to),
        )

    def transition(self, event: Any, now: float) -> tuple[ReturnSession, tuple[Effect, ...]]:  # noqa: ANN401
        """Take one step of the conversation machine, and keep what it says of the call."""
        after, effects = conversation.step(self.session, event, now)
        for line in words(effects):
            self.services.transcribing.add(self.session.request, self.uuid, line.what, line.text)
        return after, effects

    def perform(self, effect: Effect) -> None:
        """Do one effect."""
        match effect:
            case SaveStage(stage):
                self.transmit(commands.set_variable(STAGE_VARIABLE, stage, VARIABLE))
            case Ask():
                self._ask(effect)
            case ForgetSecret():
                # First the keys are reported again: who types on is not heard until then.
                self.transmit(commands.unset_variable("sensitive_dtmf", VARIABLE))
                self.transmit(commands.unset_variable(DIGITS_VARIABLE, VARIABLE))
            case Tell(step, prompts, final):
                if final:
                    # Who types on hears all the same why the call is over.
                    self.transmit(commands.set_variable(TERMINATORS, "none", VARIABLE))
                self._speaking.begin(self._segments(prompts), step_id(step), final=final)
            case CheckPassword():
                self.spawn(self._check, effect)
            case LookUpCredit(step):
                self.spawn(self._look_up_credit, step)
            case LookUpTime(step):
                # What ends a conversation is its longest length alone, until calls are rated.
                self.post(TimeKnown(step, self.session.policy.longest_call_seconds))
            case DropKeys(on, leg):
                self._drop_keys(leg if on else None)
            case Note():
                pass  # a line of the transcript, which was written before
            case HoldOn(resume):
                self._hold_on(resume)
            case Bridge():
                self._speaking.stop()
                self.transmit(bridge_command(effect, step_id(effect.step)))
            case LetGo():
                self.let_go()
            case Record():
                self.spawn(record, self.services, effect)
            case _:
                super().perform(effect)

    def _segments(self, prompts: tuple[Prompt, ...]) -> tuple[Segment, ...]:
        """Give what this leg's node plays and says for prompts, in the call's language (S2)."""
        session, services = self.session, self.services
        return services.prompts.segments(
            own_sounds(services.sounds.get(), prompts, session.policy, session.language),
            language=session.language,
            own=own_prompts(services.sounds.get(), session.policy, session.language),
            absent=services.sound_watch.absent.get(self.node or "", ()),
        )

    def _ask(self, ask: Ask) -> None:
        self._speaking.stop()
        sounds: tuple[str, ...] = ()
        for part in self._segments(ask.prompts):
            # Nothing is counted in these questions.
            assert isinstance(part, Files)
            sounds += part.files
        # No DTMF event, no log line and no `digits_dialed` shows these keys.
        self.transmit(commands.set_variable("sensitive_dtmf", "true", VARIABLE))
        self.transmit(
            commands.play_and_get_digits(
                sounds=sounds or (SILENCE,),
                event_uuid=step_id(ask.step),
                min_digits=1,
                max_digits=ask.max_digits,
                timeout_ms=max(int(ask.timeout * 1000), 1),
                digit_timeout_ms=max(int(ask.digit_timeout * 1000), 1),
            )
        )

    def _drop_keys(self, leg: str | None) -> None:
        """D4: let `**` drop the destination's leg, which is talked to; None: stop that.

        By its uuid, and not as "the other side": of `****` the second half found no other side any
        more, and hung up the caller (seen on 1.11.1).
        """
        self.transmit(commands.execute("clear_digit_action", "all", VARIABLE))
        if leg is not None:
            bound = DROP_KEYS.format(leg=leg)
            self.transmit(commands.execute("bind_digit_action", bound, VARIABLE))
            self.transmit(commands.execute("digit_action_set_realm", DROP_REALM, VARIABLE))

    def _hold_on(self, resume: bool) -> None:
        if resume:
            self.transmit(commands.set_variable("socket_resume", "true", VARIABLE))
        else:
            self.transmit(commands.unset_variable("socket_resume", VARIABLE))

    def _check(self, check: CheckPassword) -> None:
        services, session = self.services, self.session
        try:
            checked = verify(services, session, check)
        except Exception:
            services.metrics.passwords.labels("failed").inc()
            self.post(PasswordChecked(check.step, right=None))
            raise
        self.post(checked)
        if checked.right:
            # Nobody waits for that.
            forget_wrong(services, session, check)

    def _look_up_credit(self, step: int) -> None:
        services, caller = self.services, self.session.caller
        try:
            credit = services.reads.run(
                services.conversing.balance,
                self.session.policy.extension,
                None if caller is None else caller.number,
            )
        except Exception:
            self.post(CreditKnown(step, None))
            raise
        self.post(CreditKnown(step, credit))


def record(services: Services, entry: Record) -> None:
    """Keep how a request ended."""
    assert entry.request is not None
    # G4: a machine that answers is nobody who answers, however long it has listened.
    counts = True if entry.outcome == "no_human" else None
    finish(services, entry.request, entry.outcome, entry.cause, entry.destination, counts=counts)


def attach(services: Services, socket: OutboundSession, data: ChannelData, uuid: str) -> None:
    """Take a return leg that has connected, for the first time or again."""
    # What happens before we know whose leg it is (a key is pressed) is not lost.
    early: list[Event] = []
    socket.on_event = early.append
    socket.subscribe(uuid, EVENTS)
    services.clock.follow()
    stage = data.variable(STAGE_VARIABLE)
    found = _find_with_facts(services, data.variable("callback_request") or "", stage)
    if found is None:
        # A leg of a request that nobody knows: nothing of ours may happen on it.
        log.error("unknown_request", leg=uuid)
        services.metrics.faults.labels("unknown_request").inc()
        socket.transmit(commands.hangup("NORMAL_TEMPORARY_FAILURE", VARIABLE))
        socket.transmit(commands.EXIT)
        return
    request, policy, facts = found
    services.on_attempt_over(request.id)
    if request.state == "calling":
        services.spawn(_answered, services, request, answered_until(services, policy))
    session = _known(services, _session(services, uuid, request, policy), facts)
    leg = ReturnLeg(services, socket, uuid, session)
    leg.node = request.node
    leg.many_hops = len(data.variable("cb_hops") or "") >= MANY_HOPS
    if stage is not None:
        services.metrics.taken_over.inc()
    leg.begin(
        ReturnAttached(
            stage=stage,
            last_bridge_to=data.variable("last_bridge_to"),
            bridge_hangup_cause=data.variable("bridge_hangup_cause"),
            originate_disposition=data.variable("originate_disposition"),
        )
    )
    for event in early:
        leg.on_event(event)


def _answered(services: Services, request: Request, until: int) -> None:
    services.keep(
        services.requests.answered,
        request.id,
        until,
        now=services.clock.micros(),
        attempt=request.attempt,
    )
    # Whoever sent it is told no more: its answer comes after the leg itself.
    unmark(services, request.node, request.attempt)


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

    def read() -> tuple[Request, Facts] | None:
        request = services.requests.get(request_id)
        if request is None:
            return None
        return request, services.conversing.facts(request.extension, request.caller, member)

    found = services.reads.run(read)
    policy = None if found is None else services.policies.get(found[0].extension)
    return None if found is None or policy is None else (found[0], policy, found[1])


def _session(services: Services, uuid: str, request: Request, policy: Policy) -> ReturnSession:
    gateways = services.settings.route.gateways
    return ReturnSession(
        leg=uuid,
        request=request.id,
        policy=policy,
        gateways=gateways,
        internal_gateway=services.settings.route.internal_gateway,
        internal_lengths=services.settings.route.internal_lengths,
        did=request.did,
        number=request.caller or "",
    )


def _known(services: Services, session: ReturnSession, facts: Facts) -> ReturnSession:
    """Give the session with what is known of whoever calls, and whether he is locked out (A3)."""
    session = msgspec.structs.replace(session, caller=facts.caller, redial=facts.redial)
    if session.password_hash is None and not session.names_member:
        return session
    numbers = (session.number,) if session.number else ()
    locks = services.lockouts.locked(session.policy.extension, numbers, session.did)
    return msgspec.structs.replace(session, locked=locks.until > services.clock.now())


def unseen_end(services: Services, event: Event) -> None:
    """Record the end of an answered return leg that no controller holds any more."""
    uuid, request_id = text(event.uuid), text(event.request)
    if uuid is None or request_id is None or text(event.answer_uepoch) in (None, "0"):
        return
    found = _find(services, request_id)
    if found is None or found[0].state not in ("calling", "answered"):
        return
    ended = LegEnded(
        cause=text(event.hangup_cause) or "UNKNOWN",
        stage=text(event.stage),
        talked_to=text(event.last_bridge_to),
    )
    session = _session(services, uuid, *found)
    record(services, conversation.record_of_unseen_end(session, ended))
    unmark(services, found[0].node, found[0].attempt)
