"""What one callback costs, in counts that no machine changes, against `budget.toml` (O3)."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest
from sqlalchemy import Connection, Engine, event

from controller.cache.client import RedisHandle
from controller.credit.model import Price
from controller.runtime.offload import Offload
from controller.simulator.listener import Command, Listener
from tests.peer.money import CENT
from tests.peer.world import PASSWORD, World, answering, talking, typed, until
from tests.unit.store.paying import account, listed

BUDGET: Final = Path(__file__).with_name("budget.toml")
#: Callbacks that are counted; of each figure the least counts: what comes now and then, by itself,
#: may fall into one of them.
CALLBACKS: Final = 3
#: How many more are made on a busy machine, where something fell into each of them.
MORE: Final = 3
#: What was heard and typed is written whenever the store has time for it, with what came meanwhile:
#: where all takes longer, more often than this, each a statement, a commit and a turn.
TRANSCRIPTS: Final = re.compile(r"^(INSERT INTO callback_transcript |Transcripts\.)")
WRITTEN: Final = 2
#: How often what is done all the time has been seen, until all of it is known.
OFTEN: Final = 4
#: By how much a budget may be more than what is used, before it is to be lowered.
SLACK: Final = 0.1


class Meter:
    """Counts what a controller of this process does; `world` itself asks its own engine."""

    def __init__(self, world: World) -> None:
        self._own = world.engine.pool
        self.seen: Counter[tuple[str, str]] = Counter()

    def note(self, what: str, text: str = "") -> None:
        """Count one thing."""
        self.seen[what, text] += 1

    def statement(self, connection: Connection, _cursor: object, text: str, *_rest: object) -> None:
        """A statement."""
        if connection.engine.pool is not self._own and not text.startswith("BEGIN"):
            self.note("statements", text)

    def commit(self, connection: Connection) -> None:
        """What was written is to be kept."""
        if connection.engine.pool is not self._own:
            # What looks at all times writes nothing, or seldom.
            self.note("commits")


@pytest.fixture
def meter(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Meter]:
    """What counts, for as long as the test goes on."""
    made = Meter(world)

    def watch(where: type[Any], name: str, note: Callable[..., None]) -> None:
        before = getattr(where, name)

        def instead(self: object, *args: Any, **kwargs: Any) -> Any:
            given = before(self, *args, **kwargs)
            note(given, *args)
            return given

        monkeypatch.setattr(where, name, instead)

    def turn(_given: object, _waiting: object, job: Any) -> None:
        made.note("turns", getattr(job.function, "__qualname__", str(job.function)))

    def asked(_given: object, *command: object) -> None:
        # A script by its hash, or what is read: its keys are of this call only.
        text = str(command[1]) if str(command[0]).startswith("EVAL") else ""
        made.note("round_trips", f"{command[0]} {text[:40]}")

    def commanded(command: Command, *_rest: object) -> None:
        made.note("commands", " ".join(command.line.split()[:2]))

    def told(_given: object, data: bytes) -> None:
        if b"Content-Type: text/event-" in data:
            name = data.partition(b"Event-Name: ")[2].partition(b"\n")[0]
            made.note("events", name.decode())

    watch(Offload, "_run", turn)
    watch(RedisHandle, "execute", asked)
    watch(Listener, "read", commanded)
    watch(Listener, "send", told)
    heard: tuple[tuple[str, Callable[..., None]], ...] = (
        ("before_cursor_execute", made.statement),
        ("commit", made.commit),
    )
    for name, note in heard:
        event.listen(Engine, name, note)
    yield made
    for name, note in heard:
        event.remove(Engine, name, note)


def called_back(world: World, last: int) -> None:
    """One callback to its end, of a caller and to a destination that nobody has called yet."""
    caller, friend = f"1212555{last:04}", f"1646555{last:04}"
    world.phone(caller, answering(typed(PASSWORD), typed(friend)))
    world.phone(friend, talking(0.5))
    world.ring("+" + caller)
    before = len([r for r in world.requests.all() if r.state == "done"])
    world.ended(before + 1)
    world.idle()


def test_o3_a_callback_costs_what_its_budget_allows(world: World, meter: Meter) -> None:
    """O3: what one takes of the switch, the database and Redis does not grow unseen."""
    world.extension(password=PASSWORD)
    listed(world.engine, "usual", Price("+1", 60 * CENT))
    account(world.engine, "account", 100_000 * CENT, extension="1001")
    world.controller()
    # What is read once, is.
    called_back(world, 0)
    # The end of that one comes first; then what is done while there is no call.
    for _ in range(2):
        meter.seen.clear()
        until(lambda: meter.seen["round_trips", "GET "] >= OFTEN)
    always = {key for key in meter.seen if key[0] != "commits"}
    budget = tomllib.loads(BUDGET.read_text("utf-8"))["callback"]
    trails: list[dict[tuple[str, str], int]] = []
    used: dict[str, int] = {}
    for last in range(1, CALLBACKS + MORE + 1):
        meter.seen.clear()
        called_back(world, last)
        trails.append({key: n for key, n in meter.seen.items() if key not in always})
        used = {what: min(map(partial(in_all, what), trails)) for what in budget}
        if last >= CALLBACKS and all(n <= budget[what] for what, n in used.items()):
            break
    trail = min(trails, key=partial(in_all, "statements"))
    seen = "\n".join(f"{n} {what} {text[:160]}" for (what, text), n in sorted(trail.items()))
    over = {what: n for what, n in used.items() if n > budget[what]}
    assert not over, f"more than {BUDGET.name} allows, {budget}:\n{seen}"
    loose = {what: n for what, n in used.items() if n < budget[what] * (1 - SLACK)}
    assert not loose, f"lower the figures in {BUDGET.name}, {budget}"


def in_all(what: str, trail: dict[tuple[str, str], int]) -> int:
    """How much of one kind there was."""
    late = sum(
        max(0, n - WRITTEN)
        for (kind, text), n in trail.items()
        if kind == ("turns" if what == "turns" else "statements") and TRANSCRIPTS.search(text)
    )
    much = sum(n for (kind, _), n in trail.items() if kind == what)
    return much - late if what in ("statements", "commits", "turns") else much
