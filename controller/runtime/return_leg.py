"""A return leg on its connection."""

from __future__ import annotations

from typing import Any

import structlog

from controller.callback import conversation
from controller.callback.effects import (
    Ask,
    Bridge,
    CheckPassword,
    Effect,
    ForgetSecret,
    HoldOn,
    LetGo,
    Record,
    SaveStage,
    Tell,
)
from controller.callback.events import (
    Bridged,
    LegEnded,
    PasswordChecked,
    ReturnAttached,
    Secret,
    StepDone,
)
from controller.callback.return_session import ReturnSession
from controller.esl import commands
from controller.esl.events import DIGITS_VARIABLE, ChannelData, Event, text
from controller.esl.session import OutboundSession
from controller.policy.model import Policy
from controller.runtime.answers import answered_until, finish, unmark
from controller.runtime.dialling import bridge_command
from controller.runtime.legs import VARIABLE, Leg, step_id, step_of
from controller.runtime.services import Services
from controller.store.requests import Request

log: Any = structlog.get_logger("leg")

#: The variable that holds the leg's stage.
STAGE_VARIABLE = "callback_stage"
#: From so many connections on, the dialplan's count of them is set back (`cb_hops`, one x each),
#: but only when the leg gets on: one that fails at every connection must come to its end.
MANY_HOPS = 5


class ReturnLeg(Leg[ReturnSession]):
    """Runs the conversation machine."""

    kind = "return"
    #: Whether the dialplan has counted many connections of this leg.
    many_hops = False
    #: The node that it lives on, by name.
    node: str | None = None

    def on_event(self, event: Event) -> None:
        """Take an event of the switch."""
        if event.name == "CHANNEL_EXECUTE_COMPLETE":
            step = step_of(text(event.application_uuid))
            # What the hang-up cut short is no answer to a question: its own event follows.
            if step is not None and event.hangup_cause is None:
                self._count_anew()
                self.post(self._done(step, event))
        elif event.name == "CHANNEL_BRIDGE":
            self.post(Bridged(other=text(event.bridge_b_uuid) or text(event.other_leg_uuid)))
        elif event.name == "CHANNEL_HANGUP_COMPLETE":
            self.leg_ended(event)

    def _count_anew(self) -> None:
        if self.many_hops and self.socket is not None:
            self.many_hops = False
            self.socket.transmit(commands.set_variable("cb_hops", "x", VARIABLE))

    def _done(self, step: int, event: Event) -> StepDone:
        digits = text(event.digits) if event.read_result == "success" else None
        return StepDone(
            step=step,
            digits=Secret(digits) if digits else None,
            disposition=text(event.originate_disposition),
            bridge_hangup_cause=text(event.bridge_hangup_cause),
            last_bridge_to=text(event.last_bridge_to),
        )

    def transition(self, event: Any, now: float) -> tuple[ReturnSession, tuple[Effect, ...]]:  # noqa: ANN401
        """Take one step of the conversation machine."""
        return conversation.step(self.session, event, now)

    def perform(self, effect: Effect) -> None:
        """Do one effect."""
        match effect:
            case SaveStage(stage):
                self.transmit(commands.set_variable(STAGE_VARIABLE, stage, VARIABLE))
            case Ask():
                self._ask(effect)
            case ForgetSecret():
                self.transmit(commands.unset_variable(DIGITS_VARIABLE, VARIABLE))
                self.transmit(commands.unset_variable("sensitive_dtmf", VARIABLE))
            case Tell(step, prompts):
                files = self.services.prompts.files(prompts)
                self.transmit(commands.playback(files, step_id(step)))
            case CheckPassword():
                self.spawn(self._check, effect)
            case HoldOn(resume):
                self._hold_on(resume)
            case Bridge():
                self.transmit(bridge_command(effect, step_id(effect.step)))
            case LetGo():
                self.let_go()
            case Record():
                self.spawn(record, self.services, effect)
            case _:
                super().perform(effect)

    def _ask(self, ask: Ask) -> None:
        if ask.secret:
            # No DTMF event, no log line and no `digits_dialed` shows these keys.
            self.transmit(commands.set_variable("sensitive_dtmf", "true", VARIABLE))
        self.transmit(
            commands.play_and_get_digits(
                sounds=self.services.prompts.files(ask.prompts),
                event_uuid=step_id(ask.step),
                min_digits=1,
                max_digits=ask.max_digits,
                timeout_ms=max(int(ask.timeout * 1000), 1),
                digit_timeout_ms=max(int(ask.digit_timeout * 1000), 1),
            )
        )

    def _hold_on(self, resume: bool) -> None:
        if resume:
            self.transmit(commands.set_variable("socket_resume", "true", VARIABLE))
        else:
            self.transmit(commands.unset_variable("socket_resume", VARIABLE))

    def _check(self, check: CheckPassword) -> None:
        services = self.services
        try:
            right = services.hashing.run(
                services.passwords.check, check.digits.reveal(), check.password_hash
            )
        except Exception:
            services.metrics.passwords.labels("failed").inc()
            self.post(PasswordChecked(check.step, right=None))
            raise
        services.metrics.passwords.labels("right" if right else "wrong").inc()
        self.post(PasswordChecked(check.step, right=right))


def record(services: Services, entry: Record) -> None:
    """Keep how a request ended."""
    assert entry.request is not None
    finish(services, entry.request, entry.outcome, entry.cause, entry.destination)


def attach(services: Services, socket: OutboundSession, data: ChannelData, uuid: str) -> None:
    """Take a return leg that has connected, for the first time or again."""
    socket.subscribe(uuid)
    services.clock.follow()
    found = _find(services, data.variable("callback_request") or "")
    if found is None:
        # A leg of a request that nobody knows: nothing of ours may happen on it.
        log.error("unknown_request", leg=uuid)
        services.metrics.faults.labels("unknown_request").inc()
        socket.transmit(commands.hangup("NORMAL_TEMPORARY_FAILURE", VARIABLE))
        socket.transmit(commands.EXIT)
        return
    request, policy = found
    services.on_attempt_over(request.id)
    if request.state == "calling":
        services.spawn(_answered, services, request, answered_until(services, policy))
    leg = ReturnLeg(services, socket, uuid, _session(services, uuid, request, policy))
    leg.node = request.node
    leg.many_hops = len(data.variable("cb_hops") or "") >= MANY_HOPS
    stage = data.variable(STAGE_VARIABLE)
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


def _session(services: Services, uuid: str, request: Request, policy: Policy) -> ReturnSession:
    gateways = services.settings.route.gateways
    return ReturnSession(leg=uuid, request=request.id, policy=policy, gateways=gateways)


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
