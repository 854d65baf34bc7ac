"""Moves the legs of a controller that is dead or stands still to another one (O4, O5).

A controller that is frozen holds its connections, and the switch waits for it. When it is judged
away (`standing`), its legs that are in dialogue, or ring as trigger calls, are sent through the
dialplan again, which connects them to one that is there. Whose a leg is, is said by its variable
`socket_path` (`unheld`): also while the switch is still connecting it, or is not answered.

Who talks is left talking, and a destination that is called is called on: such a leg is moved when
that is over and nobody else has it. Any controller may do all this, and to do it twice is harmless;
they take turns, so that mostly one does. First the lists of the node are right (`is_listed`): a leg
that is moved must not come to the same controller again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeVar

import gevent
import msgspec
import structlog
from gevent.event import Event as Flag

from controller.callback import stage as stages
from controller.callback.states import Return
from controller.callback.uuids import destination_legs
from controller.esl import commands
from controller.esl.errors import CommandRefused, EslError, UnsafeText
from controller.esl.switch import SwitchLink
from controller.runtime.about import REQUEST_VARIABLE, about
from controller.runtime.return_leg import STAGE_VARIABLE
from controller.runtime.unheld import NO_LEG, NO_VALUE, SOCKET_PATH

if TYPE_CHECKING:
    from controller.runtime.services import Services

log: Any = structlog.get_logger("moving")

#: How often a node is looked at while somebody is away, seconds: while legs of his are left there,
#: while its lists are not right yet, and when nothing is left.
LOOK_SECONDS: Final = 2.0
LISTING_SECONDS: Final = 0.25
QUIET_SECONDS: Final = 30.0
#: So much later each controller looks than the one before it by name, so that it finds no work.
TURN_SECONDS: Final = 0.25
#: So many legs are asked for at a time: whatever else is asked of the node waits for that.
AT_ONCE: Final = 50
#: A leg that was told to move and has not is told again after so long, seconds. One that the switch
#: is connecting to a dead machine moves when that has failed, and may not be told for ever.
AGAIN_SECONDS: Final = 10.0
#: The dialplan's context of trigger calls.
TRIGGER_CONTEXT: Final = "callback_trigger"
#: The state of a leg that runs the dialplan.
EXECUTING: Final = "CS_EXECUTE"

T = TypeVar("T")


class _Row(msgspec.Struct, frozen=True):
    """A leg as `show channels` lists it; `call_uuid` is another one's where that one calls it."""

    uuid: str = ""
    state: str = ""
    context: str = ""
    dest: str = ""
    call_uuid: str = ""


class _Listing(msgspec.Struct, frozen=True):
    rows: tuple[_Row, ...] = ()


class _Node:
    """What is known of one node."""

    def __init__(self) -> None:
        #: When it is looked at next, by a clock that never goes back.
        self.due = 0.0
        self.looking = False
        #: Whether it is to be looked at once more when the look is over that is under way.
        self.again = False
        #: Whose each leg was, at the last look, and who was away then.
        self.paths: dict[str, str] = {}
        self.away: frozenset[str] = frozenset()
        #: When a leg was told to move.
        self.told: dict[str, float] = {}
        #: Whether it was said that nothing can be told apart there.
        self.nameless = False


class Mover:
    """Moves legs of those who are away.

    `is_listed(node)`: whether the lists that the dialplan of a node reads name those controllers
    that are there, and nobody else.
    """

    def __init__(self, services: Services, is_listed: Callable[[str], bool]) -> None:
        self._services = services
        self._is_listed = is_listed
        self._wake = Flag()
        self._changed = False
        self._greenlet: Any = None
        self._nodes: dict[str, _Node] = {}
        #: Of whom it was said that legs of his are moved.
        self._said: set[str] = set()
        services.standing.on_change.append(self.wake)

    def start(self) -> None:
        """Begin to look whenever somebody is away."""
        self._greenlet = gevent.spawn(self._run)

    def stop(self) -> None:
        """Move nothing more."""
        if self._greenlet is not None:
            self._greenlet.kill()

    def wake(self) -> None:
        """Look now: others are away than before, or a node is there again."""
        for node in self._nodes.values():
            node.due, node.again = 0.0, True
        self._changed = True
        self._wake.set()

    def _run(self) -> None:
        while True:
            try:
                wait = self.look()
            except Exception:
                # It outlives any fault, as the dispatcher does.
                log.exception("fault", where="moving")
                self._services.metrics.faults.labels("moving").inc()
                wait = LOOK_SECONDS
            self._wake.wait(timeout=wait)
            self._wake.clear()
            if self._changed:
                self._changed = False
                gevent.sleep(self._turn())

    def _turn(self) -> float:
        """Give how long others are let go first, seconds."""
        names = [member.name for member in self._services.standing.members]
        place = names.index(self._services.name) if self._services.name in names else len(names)
        return min(place * TURN_SECONDS, LOOK_SECONDS)

    def look(self) -> float | None:
        """Have each node looked at whose time it is; give when the next one's is.

        That is in so many seconds; None: nobody is away, and nothing is to be done. Waits for none.
        """
        services = self._services
        now = services.clock.now()
        away = services.standing.away
        self._said &= away
        if not away:
            self._nodes.clear()
            return None
        links = {link.name: link for link in services.live_links()}
        self._nodes = {name: self._nodes.get(name) or _Node() for name in links}
        for name, node in self._nodes.items():
            if node.due <= now and not node.looking:
                node.looking = True
                node.due = now + LOOK_SECONDS
                services.spawn(self._look_at, links[name], node, away)
        wait = min((node.due - now for node in self._nodes.values()), default=LOOK_SECONDS)
        return max(wait, LISTING_SECONDS)

    # --- one node ------------------------------------------------------------------------------

    def _look_at(self, link: SwitchLink, node: _Node, away: frozenset[str]) -> None:
        node.again = False
        try:
            if not self._is_listed(link.name):
                wait = LISTING_SECONDS
            elif self._move_all(link, node, away):
                wait = LOOK_SECONDS
            else:
                wait = QUIET_SECONDS
            node.due = 0.0 if node.again else self._services.clock.now() + wait
        except EslError as error:
            # Its link comes back, or the next look is better.
            log.warning("not_moved", node=link.name, error=str(error))
        finally:
            node.looking = False
            # When it is looked at next is known now.
            self._wake.set()

    def _move_all(self, link: SwitchLink, node: _Node, away: frozenset[str]) -> bool:
        """Move what can be moved; whether anything is left that has to be looked at again."""
        answer = link.api("show", "channels", "as", "json")
        try:
            listed = msgspec.json.decode(answer, type=_Listing).rows
        except msgspec.DecodeError as error:
            raise CommandRefused(f"show channels: {error}") from error
        contexts = {self._services.settings.route.context, TRIGGER_CONTEXT}
        # A leg that one of ours calls has our context too.
        rows = [one for one in listed if one.context in contexts and _is_asked_for(one)]
        there = {one.uuid for one in listed}
        node.told = {leg: at for leg, at in node.told.items() if leg in there}
        # Whoever is away now may have got legs since of those who were there.
        before = node.paths if node.away == away else {}
        node.paths, node.away = {}, away
        left = False
        for some in _in_parts(rows):
            paths = self._paths(link, some, before, away)
            node.paths.update(paths)
            theirs = [row for row in some if paths.get(row.uuid) in away]
            left = left or bool(theirs) or "" in paths.values()
            self._move(link, node, theirs, there)
            self._say_nameless(link, node, some, before)
        return left

    def _paths(
        self,
        link: SwitchLink,
        rows: Sequence[_Row],
        before: Mapping[str, str],
        away: frozenset[str],
    ) -> dict[str, str]:
        """Give whose each leg is; that of one who is there is not asked again."""
        known = {row.uuid: before.get(row.uuid, "") for row in rows}
        asked = [leg for leg, path in known.items() if not path or path in away]
        answers = _ask(link, [commands.api("uuid_getvar", leg, SOCKET_PATH) for leg in asked])
        for leg, answer in zip(asked, answers, strict=True):
            if answer.startswith(NO_LEG):
                del known[leg]
            else:
                known[leg] = "" if answer in NO_VALUE else answer
        return known

    def _move(self, link: SwitchLink, node: _Node, rows: Sequence[_Row], there: set[str]) -> None:
        now = self._services.clock.now()
        rows = [row for row in rows if node.told.get(row.uuid, 0.0) + AGAIN_SECONDS <= now]
        triggers = [row for row in rows if row.context == TRIGGER_CONTEXT]
        returns = [row for row in rows if row.context != TRIGGER_CONTEXT]
        moves = [*triggers, *self._idle(link, returns, there)]
        built = [(row, command) for row in moves if (command := self._command(row)) is not None]
        # Whose they are, for the log; a trigger call is nobody's yet.
        asked = [row.uuid for row, _ in built if row.context != TRIGGER_CONTEXT]
        said = _ask(link, [commands.api("uuid_getvar", leg, REQUEST_VARIABLE) for leg in asked])
        requests = dict(zip(asked, said, strict=True))
        answers = _ask(link, [command for _, command in built])
        for (row, _), answer in zip(built, answers, strict=True):
            node.told[row.uuid] = now
            request = requests.get(row.uuid, "")
            with about(request=request if commands.is_uuid(request) else None):
                self._told(link, node, row, answer)

    def _told(self, link: SwitchLink, node: _Node, row: _Row, answer: str) -> None:
        kind = "trigger" if row.context == TRIGGER_CONTEXT else "return"
        if answer.startswith("+OK"):
            self._moved(link, node, row.uuid, kind)
        elif not answer.startswith("-ERR No such channel"):
            log.error("leg_not_moved", leg=row.uuid, node=link.name, answer=answer[:80])

    def _idle(self, link: SwitchLink, rows: Sequence[_Row], there: set[str]) -> Iterator[_Row]:
        """Give the return legs that call nobody and talk with nobody."""
        said = _ask(link, [commands.api("uuid_getvar", row.uuid, STAGE_VARIABLE) for row in rows])
        found = [stages.read(text) for text in said]
        calling = {
            row.uuid: destination_legs(row.uuid, stage.dialled)
            for row, stage in zip(rows, found, strict=True)
            if stage is not None and stage.state is Return.BRIDGING
        }
        unsure = [leg for legs in calling.values() if there.isdisjoint(legs) for leg in legs]
        # The listing is a moment late.
        answers = [
            answer
            for some in _in_parts(unsure)
            for answer in _ask(link, [commands.api("uuid_exists", leg) for leg in some])
        ]
        there = there | {leg for leg, a in zip(unsure, answers, strict=True) if a == "true"}
        for row in rows:
            if there.isdisjoint(calling.get(row.uuid, ())):
                yield row

    def _command(self, row: _Row) -> bytes | None:
        route = self._services.settings.route
        try:
            if row.context == TRIGGER_CONTEXT:
                return commands.transfer(row.uuid, row.dest, TRIGGER_CONTEXT)
            return commands.transfer(row.uuid, route.extension, route.context)
        except UnsafeText as error:
            log.warning("leg_not_moved", leg=row.uuid, error=str(error))
            return None

    # --- what is said --------------------------------------------------------------------------

    def _moved(self, link: SwitchLink, node: _Node, leg: str, kind: str) -> None:
        controller = node.paths[leg]
        if controller not in self._said:
            self._said.add(controller)
            log.warning("moving_legs", controller=controller)
        self._services.metrics.legs_moved.labels(kind).inc()
        log.info("leg_moved", leg=leg, kind=kind, node=link.name, controller=controller)

    def _say_nameless(
        self, link: SwitchLink, node: _Node, rows: Sequence[_Row], before: Mapping[str, str]
    ) -> None:
        """Say once that legs of a node cannot be told apart: its list has no names."""
        nameless = [
            row.uuid
            for row in rows
            # Of one that has just begun to run the dialplan nothing is said.
            if row.state == EXECUTING and before.get(row.uuid) == node.paths.get(row.uuid) == ""
        ]
        if nameless and not node.nameless:
            node.nameless = True
            log.error(
                "legs_not_told_apart",
                node=link.name,
                legs=len(nameless),
                hint="the list that its dialplan has names no controllers: nobody can tell whose "
                "legs these are, and none is moved; see fs-config/README.md",
            )


def _is_asked_for(row: _Row) -> bool:
    return row.call_uuid in ("", row.uuid) and commands.is_uuid(row.uuid)


def _in_parts(items: Sequence[T]) -> Iterator[Sequence[T]]:
    for first in range(0, len(items), AT_ONCE):
        yield items[first : first + AT_ONCE]


def _ask(link: SwitchLink, questions: Sequence[bytes]) -> list[str]:
    """Ask a node as one, and give what each question had printed."""
    frames = link.request_all(questions) if questions else []
    return [frame.text for frame in frames]
