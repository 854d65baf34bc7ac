"""O4, O5: legs of a controller that is dead or stands still are moved to another one."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any, cast

import gevent
import msgspec
import pytest
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from controller.callback import stage as stages
from controller.callback.stage import Stage
from controller.callback.states import Return
from controller.callback.uuids import destination_legs
from controller.esl.errors import NotConnected
from controller.esl.wire import Frame
from controller.metrics import Metrics
from controller.runtime.moving import (
    AGAIN_SECONDS,
    AT_ONCE,
    LISTING_SECONDS,
    LOOK_SECONDS,
    QUIET_SECONDS,
    TURN_SECONDS,
    Mover,
)
from controller.settings import Settings

FROZEN, LIVING = "alpha", "beta"
DID = "12025550100"


#: The callback of all return legs.
REQUEST = "0b8c1f2e-6f0d-4a53-9d0e-3f5f3c0f6a01"


class Leg(msgspec.Struct):
    """A leg as a switch has it. `path`: its controller; `calls`: whose leg it is called by."""

    context: str
    dest: str
    path: str = ""
    stage: str = ""
    calls: str = ""
    state: str = "CS_EXECUTE"
    unlisted: bool = False


class Switch:
    """A node and the link to it. A leg that is moved is the living one's from then on."""

    def __init__(self, name: str = "fs1") -> None:
        self.name = name
        self.legs: dict[str, Leg] = {}
        #: What was asked at a time, and what was moved.
        self.asked: list[list[str]] = []
        self.moved: list[str] = []
        self.down = False
        self.listing: str | None = None
        self.moves = True
        self.on_asked: Callable[[list[str]], None] = lambda questions: None

    def api(self, *words: str) -> str:
        """Answer one question."""
        return self.request_all([f"api {' '.join(words)}\n\n".encode()])[0].body.decode()

    def request_all(self, questions: Sequence[bytes]) -> list[Frame]:
        """Answer questions that come as one."""
        if self.down:
            raise NotConnected("no link to node")
        lines = [question.decode().removeprefix("api ").strip() for question in questions]
        self.asked.append(lines)
        self.on_asked(lines)
        return [Frame({}, self._answer(line.split()).encode()) for line in lines]

    def _answer(self, words: list[str]) -> str:
        name = words[0]
        if name == "show":
            return self._listed()
        leg = self.legs.get(words[1])
        if name == "uuid_exists":
            return str(leg is not None).lower()
        if leg is None:
            return "-ERR No such channel!"
        if name == "uuid_getvar":
            value = {
                "socket_path": leg.path,
                "callback_stage": leg.stage,
                "callback_request": REQUEST,
            }[words[2]]
            return value or "_undef_"
        assert name == "uuid_transfer"
        self.moved.append(" ".join(words[1:]))
        if self.moves:
            leg.path = LIVING
        return "+OK"

    def _listed(self) -> str:
        if self.listing is not None:
            return self.listing
        rows = [
            {
                "uuid": uuid,
                "context": leg.context,
                "dest": leg.dest,
                "state": leg.state,
                "call_uuid": leg.calls or ("" if leg.context == "callback_trigger" else uuid),
                "application": "socket",
            }
            for uuid, leg in self.legs.items()
            if not leg.unlisted
        ]
        # As the switch has it, which lists no rows where there are none.
        return json.dumps({"row_count": len(rows), **({"rows": rows} if rows else {})})

    def questions(self, about: str) -> list[str]:
        """What was asked that names something."""
        return [line for lines in self.asked for line in lines if about in line]


class Site:
    """A mover among controllers, with its switches, and a clock that goes when it is told."""

    def __init__(self, *switches: Switch) -> None:
        self.switches = switches or (Switch(),)
        self.clock = 1000.0
        self.listed = True
        self.metrics = Metrics()
        self.standing = SimpleNamespace(
            away=frozenset({FROZEN}), members=(SimpleNamespace(name=LIVING),), on_change=[]
        )
        self._greenlets: list[Any] = []
        services = SimpleNamespace(
            name=LIVING,
            settings=Settings(),
            standing=self.standing,
            metrics=self.metrics,
            clock=SimpleNamespace(now=lambda: self.clock),
            live_links=lambda: list(self.switches),
            spawn=lambda *work: self._greenlets.append(gevent.spawn(*work)),
        )
        self.mover = Mover(cast(Any, services), lambda node: self.listed)

    @property
    def switch(self) -> Switch:
        """The first of them."""
        return self.switches[0]

    def look(self, later: float = 0.0) -> float | None:
        """Have it look, so much later, and wait until all was done."""
        self.clock += later
        self.mover.look()
        for greenlet in self._greenlets:
            greenlet.get(timeout=5)
        self._greenlets.clear()
        return self.mover.look()

    def count(self, kind: str) -> float:
        """How many legs of a kind it says to have moved."""
        value = self.metrics.registry.get_sample_value("callbackd_legs_moved_total", {"kind": kind})
        return value or 0.0


def asks(state: Return = Return.PASSWORD, dialled: int = 0) -> str:
    """Give what a leg says of where it is."""
    return stages.write(Stage(state=state, dialled=dialled))


def dialogue(path: str = FROZEN, stage: str | None = None, **values: Any) -> Leg:
    """A return leg in dialogue."""
    said = asks() if stage is None else stage
    return Leg("callback", "return_call", path=path, stage=said, **values)


def trigger(path: str = FROZEN, dest: str = DID) -> Leg:
    """A trigger leg that rings."""
    return Leg("callback_trigger", dest, path=path)


def test_o5_legs_of_who_is_away_go_through_the_dialplan_again() -> None:
    """O5: in dialogue and ringing; each once, counted, and said, with one line for whose it was."""
    site = Site()
    site.switch.legs = {"a": dialogue(), "b": trigger(), "new": dialogue(stage="")}
    with capture_logs([merge_contextvars]) as logs:
        site.look()
        site.look(LOOK_SECONDS)
    assert sorted(site.switch.moved) == [
        "a return_call XML callback",
        f"b {DID} XML callback_trigger",
        "new return_call XML callback",
    ]
    assert (site.count("return"), site.count("trigger")) == (2, 1)
    assert [entry["controller"] for entry in logs if entry["event"] == "moving_legs"] == [FROZEN]
    of = {e["leg"]: e.get("request") for e in logs if e["event"] == "leg_moved"}
    assert of == {"a": REQUEST, "b": None, "new": REQUEST}
    moved = [(e["leg"], e["kind"]) for e in logs if e["event"] == "leg_moved"]
    assert sorted(moved) == [("a", "return"), ("b", "trigger"), ("new", "return")]


def test_o5_legs_of_others_are_not_touched() -> None:
    """O5: another controller's, another dialplan's, one that rings out, one of no name."""
    site = Site()
    site.switch.legs = {
        "living": dialogue(LIVING),
        "unknown": dialogue("gamma"),
        "shared": Leg("default", "1000", path=FROZEN),
        "rings": dialogue("", stage="", state="CS_CONSUME_MEDIA"),
        "nameless": trigger(""),
    }
    site.look()
    site.look(LOOK_SECONDS)
    assert site.switch.moved == []
    assert site.switch.questions("shared") == []


def test_o5_who_is_there_is_asked_for_once() -> None:
    """O5: hundreds of conversations with living controllers cost a node nothing more."""
    site = Site()
    site.switch.legs = {"living": dialogue(LIVING), "rings": dialogue("", stage="")}
    for _ in range(3):
        site.look(QUIET_SECONDS)
    assert len(site.switch.questions("living")) == 1
    assert len(site.switch.questions("rings")) == 3


@pytest.mark.parametrize("position", range(5))
def test_o5_who_talks_is_left_talking_and_moved_after(position: int) -> None:
    """O5: and so is one whose destination rings, over whichever way; it calls nobody then."""
    site = Site()
    called = destination_legs("a", 2)[position]
    site.switch.legs = {
        "a": dialogue(stage=asks(Return.BRIDGING, 2)),
        called: Leg("callback", "12125550123", calls="a"),
    }
    site.look()
    site.look(LOOK_SECONDS)
    assert site.switch.moved == []
    # The called leg is no leg of a controller's.
    assert site.switch.questions(f"uuid_getvar {called}") == []
    del site.switch.legs[called]
    site.look(LOOK_SECONDS)
    assert site.switch.moved == ["a return_call XML callback"]


def test_o5_a_destination_that_is_not_listed_yet_is_asked_for() -> None:
    """O5: what a switch lists is a moment late; the leg itself is not."""
    site = Site()
    called = destination_legs("a", 1)[3]
    site.switch.legs = {
        "a": dialogue(stage=asks(Return.BRIDGING, 1)),
        called: Leg("callback", "12125550123", calls="a", unlisted=True),
    }
    site.look()
    assert site.switch.moved == []


def test_o5_who_has_come_back_to_another_is_left_there() -> None:
    """O5: of a conversation that ended, the switch itself has connected the leg to a living one."""
    site = Site()
    called = destination_legs("a", 1)[0]
    site.switch.legs = {
        "a": dialogue(stage=asks(Return.BRIDGING, 1)),
        called: Leg("callback", "12125550123", calls="a"),
    }
    site.look()
    del site.switch.legs[called]
    site.switch.legs["a"].path = LIVING
    site.look(LOOK_SECONDS)
    assert site.switch.moved == []


def test_o5_the_lists_come_first() -> None:
    """O5: where they name the frozen one still, nothing is moved; they are looked at again soon."""
    site = Site()
    site.listed = False
    site.switch.legs = {"a": dialogue()}
    assert site.look() == LISTING_SECONDS
    assert site.switch.asked == []
    site.listed = True
    site.look(LISTING_SECONDS)
    assert site.switch.moved == ["a return_call XML callback"]


def test_o5_who_goes_away_while_a_node_is_looked_at_has_his_legs_moved_at_once() -> None:
    """O5: two that stand on one machine are judged in the same moment."""
    site = Site()
    site.switch.legs = {"a": dialogue("gamma")}

    def gamma_goes(_: list[str]) -> None:
        site.switch.on_asked = lambda questions: None
        site.standing.away = frozenset({FROZEN, "gamma"})
        site.mover.wake()

    site.switch.on_asked = gamma_goes
    site.look()
    site.look(LISTING_SECONDS)
    assert site.switch.moved == ["a return_call XML callback"]


def test_o5_a_leg_that_has_changed_hands_is_moved_from_whoever_has_it_now() -> None:
    """O5: a living one handed it to one who stands still later, while somebody else was away."""
    site = Site()
    site.switch.legs = {"a": dialogue(LIVING)}
    site.look()
    site.switch.legs["a"].path = "gamma"
    site.standing.away = frozenset({FROZEN, "gamma"})
    site.mover.wake()
    site.look()
    assert site.switch.moved == ["a return_call XML callback"]


def test_o5_a_leg_that_does_not_move_is_told_again_after_a_while() -> None:
    """O5: one that the switch connects to a dead machine moves late, and is not told for ever."""
    site = Site()
    site.switch.moves = False
    site.switch.legs = {"a": dialogue()}
    for _ in range(int(3 * AGAIN_SECONDS / LOOK_SECONDS)):
        site.look(LOOK_SECONDS)
    assert len(site.switch.moved) == 3


def test_o5_who_hangs_up_meanwhile_is_over() -> None:
    """O5: before he is asked for, and before he is moved: nobody else is kept waiting."""
    site = Site()
    site.switch.legs = {"a": dialogue(), "b": dialogue(), "c": trigger()}

    def hang_up(lines: list[str]) -> None:
        if lines[0].startswith("show"):
            gevent.spawn(site.switch.legs.pop, "a").get()
        if lines[0].startswith("uuid_transfer"):
            site.switch.legs.pop("b", None)

    site.switch.on_asked = hang_up
    with capture_logs() as logs:
        site.switch.listing = site.switch._listed()
        site.look()
    assert site.switch.moved == [f"c {DID} XML callback_trigger"]
    assert [e for e in logs if e["log_level"] == "error"] == []
    assert site.count("return") == 0


def test_o5_of_hundreds_so_many_are_asked_for_at_a_time() -> None:
    """O5: between them the link answers others; and all are moved in one look."""
    site = Site()
    stage = asks(Return.BRIDGING, 1)
    site.switch.legs = {f"leg{n}": dialogue(stage=stage) for n in range(330)}
    site.switch.legs |= {f"rings{n}": trigger() for n in range(30)}
    site.look()
    assert len(site.switch.moved) == 360
    assert max(len(lines) for lines in site.switch.asked) == AT_ONCE


def test_o5_a_node_that_does_not_answer_keeps_no_other_up() -> None:
    """O5: its legs are moved when its link is back, at once."""
    broken, well = Switch("fs1"), Switch("fs2")
    broken.down = True
    for switch in (broken, well):
        switch.legs = {"a": dialogue()}
    site = Site(broken, well)
    site.look()
    assert (broken.moved, len(well.moved)) == ([], 1)
    broken.down = False
    site.mover.wake()
    site.look()
    assert len(broken.moved) == 1


@pytest.mark.parametrize("said", ["-ERR Cannot open db!", "{", '{"rows": [1]}', ""])
def test_o5_a_list_of_legs_that_cannot_be_read_is_asked_for_again(said: str) -> None:
    """O5: it is said, and no fault."""
    site = Site()
    site.switch.legs, site.switch.listing = {"a": dialogue()}, said
    with capture_logs() as logs:
        site.look()
    assert [entry["event"] for entry in logs] == ["not_moved"]
    site.switch.listing = None
    site.look(LOOK_SECONDS)
    assert len(site.switch.moved) == 1


@pytest.mark.parametrize("dest", ["", "1 2", "1%0A2", "${hostname}", "a;b"])
def test_g1_a_number_that_is_none_moves_nothing_and_stops_nobody(dest: str) -> None:
    """G1: what was rung comes from outside; all other legs are moved."""
    site = Site()
    site.switch.legs = {"odd": trigger(dest=dest), "odd leg": dialogue(), "a": dialogue()}
    site.look()
    assert site.switch.moved == ["a return_call XML callback"]


def test_o5_that_legs_cannot_be_told_apart_is_said_once() -> None:
    """O5: a list without names: an operator has to know; one that has just begun is none."""
    site = Site()
    site.switch.legs = {"a": trigger("")}
    with capture_logs() as logs:
        site.look()
        assert logs == []
        for _ in range(3):
            site.look(LOOK_SECONDS)
    assert [entry["event"] for entry in logs] == ["legs_not_told_apart"]
    assert logs[0]["node"] == "fs1"


def test_o5_while_nobody_is_away_nothing_is_asked() -> None:
    """O5: and when nothing is left to be moved, it is looked at now and then only."""
    site = Site()
    site.switch.legs = {"a": dialogue(LIVING)}
    assert site.look() == QUIET_SECONDS
    site.standing.away = frozenset()
    assert site.look(QUIET_SECONDS) is None
    assert len(site.switch.questions("show")) == 1


def test_o5_controllers_take_turns() -> None:
    """O5: who comes first moves them; the next one finds no work, and is there if he does not."""
    site = Site()
    members = ("aaa", LIVING, "zzz")
    site.standing.members = tuple(SimpleNamespace(name=name) for name in members)
    assert site.mover._turn() == TURN_SECONDS
    site.standing.members = site.standing.members * 100
    assert site.mover._turn() <= LOOK_SECONDS


def test_o5_it_looks_when_somebody_goes_away_and_outlives_any_fault() -> None:
    """O5: at once; a fault of ours is counted, and the next look is made."""
    site = Site()
    site.standing.away = frozenset()
    site.switch.legs = {"a": dialogue()}
    faults: list[bool] = [True]
    links = site.mover._services.live_links

    def live_links() -> Any:
        if faults and faults.pop():
            site.clock += LOOK_SECONDS
            gevent.spawn_later(0, site.mover.wake)
            raise RuntimeError("a fault of ours")
        return links()

    site.mover._services.live_links = live_links  # type: ignore[method-assign]
    site.mover.start()
    gevent.sleep(0)
    site.standing.away = frozenset({FROZEN})
    with gevent.Timeout(10), capture_logs():
        for function in site.standing.on_change:
            function()
        while not site.switch.moved:
            gevent.sleep(0.01)
    site.mover.stop()
    counted = site.metrics.registry.get_sample_value("callbackd_faults_total", {"where": "moving"})
    assert counted == 1
