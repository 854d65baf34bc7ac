"""Keeps calls going while there is credit for them (M4), and warns before it ends (M6).

The switch ends each leg by itself when the time is over that was granted for it. Before that comes,
more is held and the limits are moved, here, over the node's link. A call whose credit is used up is
asked for again and again: somebody may add to it, whichever controller takes that. Where the store
or the link is away the limits stay as they are, which costs nobody anything.

A call whose controller has gone while people talked is looked after by any other that finds it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import gevent
import structlog

from controller.callback import stage as stages
from controller.callback.states import Return
from controller.callback.uuids import destination_legs, leg_uuids
from controller.credit.model import Held
from controller.esl import commands
from controller.esl.errors import EslError
from controller.esl.switch import SwitchLink
from controller.runtime.about import about
from controller.runtime.asking_legs import asked
from controller.runtime.own_sounds import warning_sound
from controller.runtime.paying import MICROS, Call, Limit, Paying, Talk
from controller.runtime.placing import found_talking
from controller.store.database import Away

if TYPE_CHECKING:
    from controller.runtime.services import Services

log: Any = structlog.get_logger("metering")

#: How often all calls are looked at, seconds.
LOOK_SECONDS: Final = 1.0
#: After so many of them all others go on.
AT_ONCE: Final = 250
#: How often one whose credit is used up is asked for, seconds.
RETRY_SECONDS: Final = 3
#: The least time before the end at which more is held, seconds.
LEAST_MARGIN_SECONDS: Final = 10
#: So many seconds that a return leg may last longer than it needs are worth being given back.
SPARE_SECONDS: Final = 5
#: How often calls are looked for whose controller has gone, seconds.
ORPHANS_SECONDS: Final = 5


class Metering:
    """The calls of one controller that somebody pays for, by the uuid of the return leg."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._calls: dict[str, Paying] = {}
        #: When a call that is not ours was looked at last, by its return leg's attempt.
        self._seen: dict[str, int] = {}
        self._greenlet: Any = None

    def start(self) -> None:
        """Begin to look."""
        self._greenlet = gevent.spawn(self._run)

    def stop(self) -> None:
        """Look no more: the limits stay as they are."""
        if self._greenlet is not None:
            self._greenlet.kill()

    def follow(self, paying: Paying) -> None:
        """Look after a call until its leg is not held or followed here any more."""
        self._calls[paying.call.leg] = paying

    def get(self, leg: str) -> Paying | None:
        """Give what is known of the money of a call, by its return leg."""
        return self._calls.get(leg)

    def forget_all(self) -> None:
        """We stood still: whoever looks finds the calls that nobody follows, we among them."""
        self._calls.clear()
        self._seen.clear()

    def destination_ended(self, call: str, leg: str) -> None:
        """Take it that nobody talks with a destination any more, whoever goes on with its call."""
        for uuid in leg_uuids(call):
            paying = self._calls.get(uuid)
            if paying is not None and paying.talk is not None and paying.talk.limit.leg == leg:
                paying.talk = None

    def __len__(self) -> int:
        return len(self._calls)

    def _run(self) -> None:
        looks = 0
        while True:
            gevent.sleep(LOOK_SECONDS)
            looks += 1
            try:
                self.look()
                if looks % ORPHANS_SECONDS == 0:
                    self._services.spawn(self.adopt)
            except Exception:
                # It outlives any fault, as the dispatcher does.
                log.exception("fault", where="metering")
                self._services.metrics.faults.labels("metering").inc()

    # --- looking -------------------------------------------------------------------------------

    def look(self) -> None:
        """See to each call whose time it is. It waits for nobody, but lets all others go on."""
        standing = self._services.standing
        standing.check()
        epoch, now = standing.epoch, self._services.clock.micros()
        for count, (leg, paying) in enumerate(list(self._calls.items()), 1):
            if count % AT_ONCE == 0:
                gevent.sleep(0)
                if self._stood_still(epoch):
                    return
            if self._calls.get(leg) is not paying:
                continue
            held = self._held(leg)
            over = held is not None or paying.talk is None
            if over if paying.orphan else held is not paying:
                del self._calls[leg]
            elif paying.charged and not paying.busy and paying.next_look <= now:
                more = self._needs_more(paying, now)
                if more or self._untold(paying) or self._unwarned(paying):
                    paying.busy = True
                    call = paying.call
                    with about(request=call.request, attempt=call.call, leg=call.leg):
                        self._services.spawn(self._see_to, paying, more)

    def _held(self, leg: str) -> Paying | None:
        """Give what is known of a leg that is ours.

        It is not any more where its connection broke, nor where they have talked and it has not
        come back: others go on with it. We only wait for its end.
        """
        held = self._services.legs.get(leg)
        paying: Paying | None = getattr(held, "paying", None)
        if held is None or paying is None or held.session.state is Return.DETACHED:
            return None
        left = held.session.state is Return.TALKING and paying.talk is None
        # The dialplan may be saying the last words to him (`parting`).
        return None if left and not paying.dialogue else paying

    def _margin(self, paying: Paying) -> int:
        """Give how long before the end more is held, seconds; a call that is ours comes first."""
        least = LEAST_MARGIN_SECONDS
        if paying.orphan:
            return max(least, self._services.settings.credit.slice_seconds // 3) // 2
        slice_seconds = self._services.settings.credit.slice_seconds
        warned = paying.policy.warning_seconds
        return max(least, slice_seconds // 3, warned + least if warned else 0)

    def _needs_more(self, paying: Paying, now: int) -> bool:
        granted = paying.granted
        if paying.talk is None and (paying.refused or not paying.dialogue):
            # M3: nor for who has identified himself and cannot pay.
            return False
        if granted is None:
            return True
        soon = now + self._margin(paying) * MICROS
        if granted.until < now + LEAST_MARGIN_SECONDS * MICROS:
            return True
        if paying.talk is None:
            return 0 < paying.end < soon
        # At the longest that the policy lets it last, nothing more can be had.
        most = paying.talk.connected + paying.policy.longest_call_seconds * MICROS
        return paying.talk_end < min(soon, most)

    def _untold(self, paying: Paying) -> bool:
        """Whether the switch keeps an older limit than what is granted."""
        granted, talk = paying.granted, paying.talk
        if granted is None or not (paying.dialogue or talk is not None):
            return False
        if granted.return_seconds and paying.limit.told != granted.serial:
            return True
        return talk is not None and talk.limit.told != granted.serial

    def _has_spare(self, paying: Paying) -> bool:
        """Whether the return leg may last longer than it needs: the destination has rung less."""
        granted, talk = paying.granted, paying.talk
        if talk is None or granted is None or paying.orphan:
            return False
        told = paying.limit.told == granted.serial
        return told and granted.return_seconds >= paying.needed + SPARE_SECONDS

    def _warned_end(self, paying: Paying) -> int:
        """Give the end that a warning goes before; 0: none does."""
        granted, seconds = paying.granted, paying.policy.warning_seconds
        if paying.talk is None or granted is None or granted.more or not seconds:
            return 0
        return paying.talk_end

    def _unwarned(self, paying: Paying) -> bool:
        return not paying.orphan and self._warned_end(paying) != paying.warned

    # --- telling the switch --------------------------------------------------------------------

    def _see_to(self, paying: Paying, more: bool) -> None:
        services = self._services
        epoch = services.standing.epoch
        try:
            before = paying.granted
            try:
                if more and paying.talk is None:
                    # Whose account it is comes first: whoever had the call may not have asked (M9).
                    paying.identify()
                    more = self._needs_more(paying, services.clock.micros())
                if more and not self._stood_still(epoch):
                    if self._has_spare(paying):
                        self._free(paying)
                    paying.extend()
                    self._note_limit(paying)
            except Away:
                services.note_store_fault("extend")
            if self._stood_still(epoch):
                return  # others look after it by now
            moved = (
                before is None or paying.granted is None or (before.serial != paying.granted.serial)
            )
            self._tell(paying, warn=moved or not paying.orphan)
        except EslError as error:
            log.warning("limit_not_moved", leg=paying.call.leg, error=str(error))
        finally:
            paying.busy = False
            paying.next_look = services.clock.micros() + RETRY_SECONDS * MICROS

    def _stood_still(self, epoch: int) -> bool:
        standing = self._services.standing
        standing.check()
        return standing.epoch != epoch

    def _note_limit(self, paying: Paying) -> None:
        """Keep that a call is to end because the extension may spend no more now (G3), once."""
        granted, call = paying.granted, paying.call
        if granted is None or granted.more or not granted.spend_limit or paying.at_limit:
            return
        paying.at_limit = True
        self._services.metrics.spend_limited.inc()
        self._services.transcribing.add(call.request, call.leg, "decided", "spend_limit")
        log.warning("spend_limit", extension=paying.policy.extension)

    def _tell(self, paying: Paying, *, warn: bool) -> None:
        link = self._services.links.get(paying.call.node or "")
        granted, talk = paying.granted, paying.talk
        if link is None or not link.up.is_set() or granted is None or not paying.charged:
            return
        # The caller's leg first: the other one's end must never be his.
        if granted.return_seconds and paying.limit.told != granted.serial:
            self._move(link, paying.limit, paying.left_in(paying.end), granted.serial)
        if talk is not None and talk.limit.told != granted.serial:
            self._move(link, talk.limit, paying.left_in(paying.talk_end), granted.serial)
        if warn:
            self._warn(link, paying)

    def _free(self, paying: Paying) -> None:
        """Have the return leg end as soon as it need; only then may less be held for it."""
        link = self._services.links.get(paying.call.node or "")
        if link is None or not link.up.is_set():
            return
        seconds, limit = paying.needed, paying.limit
        left = paying.left_in(paying.call.answered + seconds * MICROS)
        if not link.request(limit.sooner(left)).body.startswith(b"+OK"):
            log.error("limit_refused", leg=limit.leg)
            return
        for command in limit.shortened():
            link.send(command)
        paying.shortened = seconds
        log.info("limit_shortened", leg=limit.leg, seconds=left)

    def _move(self, link: SwitchLink, limit: Limit, seconds: int, serial: int) -> None:
        answer = link.request(limit.new(seconds, serial)).body
        if not answer.startswith(b"+OK"):
            log.error("limit_refused", leg=limit.leg, answer=answer.decode(errors="replace")[:80])
            return
        for command in limit.moved(serial):
            link.send(command)
        log.info("limit_moved", leg=limit.leg, seconds=seconds, serial=serial)

    def _warn(self, link: SwitchLink, paying: Paying) -> None:
        """Have the caller alone hear a warning before the end (M6), in place of any before."""
        end = self._warned_end(paying)
        if end == paying.warned:
            return
        leg, services = paying.call.leg, self._services
        if paying.warned or paying.orphan:
            link.send(commands.forget_task(warning_name(leg)))
        seconds = paying.left_in(end) - paying.policy.warning_seconds
        if end and seconds > 0:
            sound = warning_sound(services.sounds.get(), paying.policy, paying.language)
            link.send(commands.play_later(leg, seconds, warning_name(leg), sound))
        paying.warned = end

    # --- calls whose controller is gone --------------------------------------------------------

    def adopt(self) -> None:
        """Look for calls that nobody looks after, and look after them. It waits."""
        services = self._services
        known: dict[str, int] = {}
        # Nearly all that is held is for these, and whose legs they are need not be made out.
        ours = {paying.call.call for paying in self._calls.values()}
        for link in services.live_links():
            try:
                for held in services.charges.read(services.charging.held_on, link.name):
                    known[held.call] = held.position
                    if held.call in ours or self._is_looked_after(held):
                        continue
                    if self._may_be_alone(held):
                        self._adopt(link, held)
            except Away:
                services.note_store_fault("held_on")
                return
            except EslError as error:
                log.warning("not_adopted", node=link.name, error=str(error))
        self._seen = {call: at for call, at in self._seen.items() if call in known}
        for leg, paying in list(self._calls.items()):
            talk = paying.talk
            if paying.orphan and (talk is None or known.get(paying.call.call) != talk.position):
                del self._calls[leg]

    def _may_be_alone(self, held: Held) -> bool:
        if not held.position or not held.destination_seconds:
            return False
        legs, now = leg_uuids(held.call), self._services.clock.micros()
        if any(self._held(leg) is not None or leg in self._calls for leg in legs):
            return False
        again = self._services.settings.credit.slice_seconds // 6 * MICROS
        if self._seen.get(held.call, 0) + again > now:
            return False
        self._seen[held.call] = now
        return True

    def _is_looked_after(self, held: Held) -> bool:
        """Whether another controller that is there has a call: he sees to it in time.

        Where he does not, though it will end in a moment, he cannot.
        """
        soon = self._services.clock.micros() + LEAST_MARGIN_SECONDS * MICROS
        cut = held.until  # where nobody has told yet since when they talk
        if held.connected is not None:
            cut = held.connected + held.destination_seconds * MICROS
        return soon < cut and self._services.standing.is_held_by_another(held.holder)

    def _adopt(self, link: SwitchLink, held: Held) -> None:
        """Ask the switch for a call: since when it talks, and with whom."""
        # Before it is asked: no limit comes later than what is held for.
        services, now = self._services, self._services.clock.micros()
        legs = ((uuid, asked(link, uuid)) for uuid in leg_uuids(held.call))
        uuid, data = next(((uuid, data) for uuid, data in legs if data is not None), ("", None))
        stage = None if data is None else stages.read(data.stage)
        if data is None or stage is None or stage.state is not Return.BRIDGING:
            return
        others = ((leg, asked(link, leg)) for leg in destination_legs(uuid, held.position))
        other, talks = next(((leg, got) for leg, got in others if got is not None), ("", None))
        if talks is None or not talks.since or not data.since:
            return
        request = services.reads.run(services.requests.get, held.request)
        policy = None if request is None else services.policies.get(request.extension)
        if request is None or policy is None or self._held(uuid) is not None:
            return
        if not services.write(
            services.requests.take_over, held.request, services.name, before=held.holder
        ):
            return  # another one was first, or it is over
        found_talking(services, held.request, uuid, held.position, other, now - talks.since)
        call = Call(
            call=held.call, request=held.request, leg=uuid, node=link.name,
            number=request.number or "", free=False, answered=now - data.since,
        )  # fmt: skip
        paying = Paying(services, call, policy, charged=True, orphan=True)
        paying.talk = Talk(now - talks.since, Limit(other, None), held.position)
        # What was granted was told, as far as anybody knows.
        paying.limit.told = paying.talk.limit.told = held.serial
        paying.granted = held.granted()
        self.follow(paying)
        log.info("call_adopted", request=held.request, attempt=held.call, leg=uuid)


def warning_name(leg: str) -> str:
    """Give the name of a leg's warning in its switch's schedule."""
    return f"warn_{leg}"
