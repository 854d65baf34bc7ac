"""When calls were seen alive, in real databases (M7): for those whose end nobody sees."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from sqlalchemy import Engine, insert

from controller.store import schema, sightings
from controller.store.destinations import Called, Connected, Destinations, Over
from controller.store.plans import write_plan
from controller.store.sightings import UNKNOWN, Sighted, Sightings

from .placed import PLAN

CHANNELS = ("pstn", "gsm")
#: So many calls; of each an attempt of its name, and a destination.
MANY = 100


def called(engine: Engine, *calls: str) -> None:
    """Have return calls made that are answered, and a destination called from each."""
    with engine.begin() as connection:
        for number, call in enumerate(calls):
            connection.execute(
                insert(schema.callback_request).values(
                    id=f"of-{call}", extension="100", did="+12025550100",
                    number=f"+1212{number:07d}", source="call", state="answered", attempt=call,
                    attempts=1, joined=0, created=1, due=1, expires=1,
                )
            )  # fmt: skip
            connection.execute(
                insert(schema.callback_attempt).values(
                    id=call, request=f"of-{call}", extension="100", number="+12125550199",
                    node="fs1", channels='["pstn","gsm"]', begun=10, answered=20, channel="gsm",
                )
            )  # fmt: skip
    plan = write_plan(PLAN)
    Destinations(engine).keep(
        [Called(f"of-{call}", call, 1, "+12125550177", plan, 30) for call in calls]
    )


def test_m7_what_is_known_of_calls_is_found_by_call(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sightings, "_AT_ONCE", 2)
    called(engine, "a", "b", "c", "d", "e")
    made = Sightings(engine)
    destinations = Destinations(engine)
    destinations.keep([Connected("of-a", "a", 1, "gsm", 40), Connected("of-b", "b", 1, "gsm", 40)])
    made.saw(["a", "c"], [("of-a", "a", 1)], 50)
    destinations.keep(
        [
            Over("of-b", "b", 1, "NORMAL_CLEARING", "{}", 60),
            Over("of-c", "c", 1, UNKNOWN, "{}", 60),
            Over("of-d", "d", 1, None, "{}", 60),
        ]
    )
    found = made.of(["a", "b", "c", "d", "nobody's"])
    assert found.keys() == {"a", "b", "c", "d"}
    first = found["a"]
    assert (first.request, first.node, first.channels) == ("of-a", "fs1", CHANNELS)
    assert (first.begun, first.answered, first.channel, first.seen) == (10, 20, "gsm", 50)
    assert [found[call].destinations for call in "abcd"] == [
        (Sighted("a", 1, CHANNELS, 30, "gsm", 40, 50, None),),
        (Sighted("b", 1, CHANNELS, 30, "gsm", 40, None, 60),),
        # Whoever found them gone does not know when they ended.
        (Sighted("c", 1, CHANNELS, 30, None, None, None, None),),
        (Sighted("d", 1, CHANNELS, 30, None, None, None, None),),
    ]
    assert [found[call].seen for call in "bcd"] == [None, 50, None]


def test_m7_many_who_write_of_the_same_calls_wait_for_no_circle(engine: Engine) -> None:
    """M7, O4: two controllers that look, and one whose calls end, in whatever order each has."""
    calls = [f"{number:03}" for number in range(MANY)]
    called(engine, *calls)
    others = [(f"of-{call}", call, 1) for call in calls]
    barrier = Barrier(3)
    made, destinations = Sightings(engine), Destinations(engine)

    def look(order: int) -> Iterator[None]:
        for at in range(100, 110):
            made.saw(calls[::order], others[::order], at)
            yield

    def end() -> Iterator[None]:
        for at in range(100, 110):
            connected = [Connected(*other, "gsm", at) for other in reversed(others)]
            over = [Over(*other, "X", "{}", at) for other in others[::10]]
            destinations.keep([*connected, *over])
            yield

    def all_at_once(steps: Iterator[None]) -> None:
        try:
            for _ in steps:
                barrier.wait()
        except BaseException:
            barrier.abort()
            raise

    with ThreadPoolExecutor(3) as pool:
        for done in [pool.submit(all_at_once, steps) for steps in (look(1), look(-1), end())]:
            done.result()
    assert {trace.seen for trace in made.of(calls).values()} == {109}
