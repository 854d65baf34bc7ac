"""A return leg on its connection."""

from __future__ import annotations

from typing import Any

import msgspec
import structlog

from controller.callback import conversation
from controller.callback.effects import (
    Ask,
    Bridge,
    CallConnected,
    CallOver,
    CheckPassword,
    DropKeys,
    Effect,
    FindRoute,
    ForgetSecret,
    HoldOn,
    Identified,
    LetGo,
    LookUpCredit,
    LookUpTime,
    MoveLimit,
    NotCalled,
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
    RouteFound,
    Secret,
    StepDone,
    TimeKnown,
)
from controller.callback.return_session import ReturnSession
from controller.callback.said import Prompt
from controller.callback.states import Return
from controller.callback.transcript import words
from controller.credit.model import Granted
from controller.esl import commands
from controller.esl.errors import EslError, NotConnected
from controller.esl.events import DIGITS_VARIABLE, Event, cause, text
from controller.esl.failures import failed_legs
from controller.esl.session import OutboundSession
from controller.esl.wire import Frame
from controller.prompts.segments import Files, Segment
from controller.runtime.answers import finish
from controller.runtime.at_a_time import give_places_back
from controller.runtime.calls_out import CallsOut
from controller.runtime.dialling import bridge_command
from controller.runtime.legs import VARIABLE, Leg, step_id, step_of, weakly
from controller.runtime.metering import warning_name
from controller.runtime.own_sounds import own_prompts, own_sounds
from controller.runtime.parting import Parting
from controller.runtime.paying import CHARGED_VARIABLE, Limit, Paying, Talk, release
from controller.runtime.services import Services
from controller.runtime.speaking import Speaking
from controller.runtime.verifying import forget_wrong, verify
from controller.store.database import Away

log: Any = structlog.get_logger("leg")

#: The variable that holds the leg's stage.
STAGE_VARIABLE = "callback_stage"
#: What the switch says of a password that it has read: ended by `#`, or by a pause.
READ = frozenset({"success", "timeout"})
#: The variable that says which keys cut what is played.
TERMINATORS = "playback_terminators"
#: Keys that a telephone has; the other four that can be sent mean nothing here.
KEYS = frozenset("0123456789*#")
#: What is played where a question is not asked any more, since the answer has begun.
SILENCE = "silence_stream://10"
#: D4: the keys that drop the destination, and the realm that they are bound in while people talk.
DROP_KEYS = "**"
DROP_REALM = "talk"
#: Where somebody who is known is asked or told something: more may be held for that (M3).
DIALOGUE = frozenset({Return.MENU, Return.CREDIT, Return.DESTINATION})


class ReturnLeg(Leg[ReturnSession]):
    """Runs the conversation machine."""

    kind = "return"
    #: Whether the dialplan has counted many connections of this leg.
    many_hops = False
    #: The node that it lives on, by name.
    node: str | None = None
    #: Whether keys may be bound on it that drop a destination.
    has_drop_keys = False

    def __init__(
        self,
        services: Services,
        link: OutboundSession,
        uuid: str,
        session: ReturnSession,
        calls: CallsOut,
        paying: Paying,
    ) -> None:
        super().__init__(services, link, uuid, session)
        self.request = session.request
        self.calls = calls
        self.paying = paying
        paying.on_payer = weakly(self._payer_changed)
        #: Ways that were found and are not taken up yet, by the step that asked for them.
        self._found: dict[int, FindRoute] = {}
        self._speaking = Speaking(weakly(self.transmit))
        self.parting = Parting(self)

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
            other = text(event.bridge_b_uuid) or text(event.other_leg_uuid)
            self.post(Bridged(other, failed_legs(event.originate_causes)))
        elif event.name == "CHANNEL_HANGUP_COMPLETE":
            # The link may be down.
            self.services.settling.leg_ended(self.node, event)
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
            self.set_variables(cb_hops="x")

    def _done(self, step: int, event: Event) -> StepDone:
        digits = text(event.digits) if event.read_result in READ else None
        return StepDone(
            step=step,
            digits=Secret(digits) if digits else None,
            disposition=cause(event.originate_disposition),
            bridge_hangup_cause=cause(event.bridge_hangup_cause),
            last_bridge_to=text(event.last_bridge_to),
            failed=failed_legs(event.originate_causes),
        )

    def transition(self, event: Any, now: float) -> tuple[ReturnSession, tuple[Effect, ...]]:  # noqa: ANN401
        """Take one step of the conversation machine, and keep what it says of the call."""
        granted = self.paying.granted
        if isinstance(event, LegEnded) and granted is not None and granted.spend_limit:
            event = msgspec.structs.replace(event, spend_limit=True)
        after, effects = conversation.step(self.session, event, now)
        if isinstance(event, RouteFound):
            found = self._found.pop(event.step, None)
            if found is not None and after.plan is not event.plan:
                self.calls.abandon(self.session, found)
        for line in words(effects):
            self.services.transcribing.add(self.session.request, self.uuid, line.what, line.text)
        # The last words of a call whose caller nobody knows cost no more than is held.
        told = after.state is Return.TELLING and bool(after.dialled)
        self.paying.dialogue = told or after.state in DIALOGUE
        self.paying.language = after.language
        return after, effects

    def perform(self, effect: Effect) -> None:
        """Do one effect."""
        match effect:
            case SaveStage(stage):
                self.set_variables(**{STAGE_VARIABLE: stage})
            case Ask():
                self._ask(effect)
            case ForgetSecret():
                self._forget_secret()
            case Tell(step, prompts, final):
                if final:
                    # Who types on hears all the same why the call is over.
                    self.set_variables(**{TERMINATORS: "none"})
                self._speaking.begin(self.segments(prompts), step_id(step), final=final)
            case CheckPassword():
                self.spawn(self._check, effect)
            case LookUpCredit(step):
                self.spawn(self._look_up_credit, step)
            case LookUpTime(step):
                self.post(TimeKnown(step, self.session.time_left))
            case FindRoute():
                self.spawn(self._find_route, effect)
            case Identified(caller):
                self.paying.identified(caller)
                self.spawn(self._identify)
            case MoveLimit(seconds, serial):
                self._move_limit(seconds, serial)
            case NotCalled(position):
                self.spawn(self.paying.not_called, position)
            case CallConnected():
                self._talk_begins(effect)
                self.spawn(self.calls.connected, self.session, effect)
            case CallOver():
                self.parting.over(effect)
            case DropKeys(on, leg):
                self._drop_keys(leg if on else None)
            case Note():
                pass  # a line of the transcript, which was written before
            case HoldOn(resume):
                self._hold_on(resume)
            case Bridge():
                self._speaking.stop()
                self.parting.leave(effect)
                call, request = self.paying.call.call, self.session.request
                command = bridge_command(effect, step_id(effect.step), call=call, request=request)
                self.transmit(command)
            case LetGo():
                self.let_go()
            case Record():
                self.spawn(record, self.services, effect, *self.paying.names)
            case _:
                super().perform(effect)

    def segments(self, prompts: tuple[Prompt, ...]) -> tuple[Segment, ...]:
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
        for part in self.segments(ask.prompts):
            # Nothing is counted in these questions.
            assert isinstance(part, Files)
            sounds += part.files
        # No DTMF event, no log line and no `digits_dialed` shows these keys; and of who hangs up
        # before they are forgotten there is no record, which would have them.
        self.set_variables(process_cdr="false", sensitive_dtmf="true")
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

    def _forget_secret(self) -> None:
        # First the keys are reported again: who types on is not heard until then.
        self.set_variables(**{"sensitive_dtmf": "", DIGITS_VARIABLE: "", "process_cdr": ""})

    def _drop_keys(self, leg: str | None) -> None:
        """D4: let `**` drop the destination's leg, which is talked to; None: stop that.

        By its uuid, and not as "the other side": of `****` the second half found no other side any
        more, and hung up the caller (seen on 1.11.1).
        """
        if self.has_drop_keys or leg is not None:
            self.transmit(commands.execute("clear_digit_action", "all", VARIABLE))
        self.has_drop_keys = leg is not None
        if leg is not None:
            self.transmit(commands.end_on_keys(DROP_REALM, DROP_KEYS, leg, VARIABLE))
            self.transmit(commands.execute("digit_action_set_realm", DROP_REALM, VARIABLE))

    def _hold_on(self, resume: bool) -> None:
        self.set_variables(socket_resume="true" if resume else "")

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

    def _find_route(self, effect: FindRoute) -> None:
        # What cannot be found out is late, as the machine has it: the caller is told.
        try:
            found = self.calls.find(self.session, effect)
        except Exception:
            # Nobody knows how far that got.
            self.calls.abandon(self.session, effect)
            raise
        self._found[effect.step] = effect
        self.post(found)
        if self.over and self._found.pop(effect.step, None) is not None:
            self.calls.abandon(self.session, effect)

    # --- money -------------------------------------------------------------------------------

    def _identify(self) -> None:
        try:
            self.paying.identify()
        except Away:
            # It is asked again before anything is dialled.
            self.services.note_store_fault("identify")
        if self.session.state is Return.ENDED:
            # He has hung up meanwhile, and nothing is left to be paid.
            release(self.services, self.paying.call.call)

    def _payer_changed(self, granted: Granted) -> None:
        """Another account pays from now on: the leg says so, and has that one's limit (M9)."""
        try:
            charged = str(granted.return_seconds) if granted.charged else ""
            self.set_variables(**{CHARGED_VARIABLE: charged})
            if granted.return_seconds:
                self._move_limit(granted.return_seconds, granted.serial)
        except NotConnected:
            return  # whoever goes on with the leg asks anew

    def _move_limit(self, seconds: int, serial: int) -> None:
        """Move this leg's own limit (M5): the new one is there before the old one goes."""
        paying, socket = self.paying, self.socket
        if socket is None:
            raise NotConnected("the leg has no connection")
        left = paying.left_in(paying.call.answered + seconds * 1_000_000)

        def on_reply(frame: Frame | None, error: EslError | None) -> None:
            if frame is None or not frame.body.startswith(b"+OK"):
                # Metering tells it anew, over the node's link.
                log.warning(
                    "limit_not_moved", request=self.request, leg=self.uuid,
                    error=str(error or "refused"),
                )  # fmt: skip
                return
            if (paying.limit.told or 0) < serial and socket.connected:
                for command in paying.limit.moved(serial):
                    socket.transmit(command)

        socket.transmit(paying.limit.new(left, serial), on_reply)

    def _talk_begins(self, effect: CallConnected) -> None:
        self.parting.connected(effect)
        paying, leg = self.paying, effect.leg
        if leg is not None and paying.granted is not None and paying.charged:
            now = self.services.clock.micros()
            # With its answer it got the limit that was granted for it.
            paying.talk = Talk(now, Limit(leg, paying.granted.serial), effect.position)
            paying.next_look = 0

    def talk_is_over(self) -> None:
        """Have no warning heard any more: nobody talks."""
        if self.paying.charged:
            self.transmit(commands.forget_task(warning_name(self.uuid)))
        self.paying.talk, self.paying.warned = None, 0

    def _look_up_credit(self, step: int) -> None:
        services, caller = self.services, self.session.caller
        try:
            credit = services.charges.read(
                services.charging.credit,
                self.session.policy.extension,
                None if caller is None else caller.number,
                self.paying.call.call,
            )
        except Exception:
            self.post(CreditKnown(step, None))
            raise
        self.post(CreditKnown(step, credit))


def record(services: Services, entry: Record, extension: str, attempt: str | None) -> None:
    """Keep how a request ended."""
    assert entry.request is not None
    # G4: a machine that answers is nobody who answers, however long it has listened.
    counts = True if entry.outcome == "no_human" else None
    finish(services, entry.request, entry.outcome, entry.cause, entry.destination, counts=counts)
    give_places_back(services, extension, attempt)
