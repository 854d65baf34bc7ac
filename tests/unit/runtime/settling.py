"""A controller's services as far as legs that are over go: the engine and its database are real."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import msgspec
from sqlalchemy import Engine, insert, select

from controller.callback.uuids import destination_legs
from controller.credit.model import Begin, Dial, Granted, LegEnd
from controller.esl.errors import NotConnected
from controller.esl.events import LegOver
from controller.metrics import Metrics
from controller.runtime.charges import Charges
from controller.runtime.settling import Settling
from controller.runtime.unsettled import Unsettled
from controller.settings import Credit, Node, Settings
from controller.store import schema
from controller.store.charging import SqlCharging
from controller.store.schema_money import call_leg, credit_hold
from controller.store.sightings import Sightings
from tests.unit.store.paying import (
    ABROAD,
    NOW,
    SECOND,
    account,
    beginning,
    dialling,
    extended,
    listed,
)

CALL = "1b0c7a3e-54f4-4a35-9b3a-6f1d2f7b8d02"
REQUEST = f"of-{CALL}"[:36]
#: The destination's leg over its first way.
FAR = destination_legs(CALL, 1)[0]


class Link:
    """The link to a node: which legs that has."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.alive: set[str] = set()
        self.down = False
        #: What it says instead.
        self.says = ""
        #: Of which legs it was asked.
        self.asked: list[str] = []
        #: Done with each question.
        self.on_asked: Callable[[], None] = lambda: None

    def api(self, command: str, leg: str) -> str:
        """Say whether there is a leg."""
        assert command == "uuid_exists"
        self.asked.append(leg)
        self.on_asked()
        if self.down:
            raise NotConnected("no link")
        return self.says or ("true" if leg in self.alive else "false")


class Bench:
    """One controller, one node, and the account of extension 100: a cent a second at home."""

    def __init__(self, engine: Engine, records: Path | None = None) -> None:
        self.engine = engine
        self.now = NOW
        self.link = Link("fs1")
        self.up = True
        self.legs: dict[str, Any] = {}
        self.later: list[tuple[Callable[..., None], tuple[Any, ...]]] = []
        #: The ends of legs that are looked at for what looks like fraud (G3).
        self.over: list[LegEnd] = []
        node = Node(name="fs1", records_dir="" if records is None else str(records))
        self.services = cast(
            Any,
            SimpleNamespace(
                settings=Settings(nodes=(node,), credit=Credit(records_seconds=60)),
                clock=SimpleNamespace(micros=lambda: self.now),
                metrics=Metrics(),
                charging=SqlCharging(engine, lambda: self.now),
                placing=SimpleNamespace(flush_called=lambda request, position: None),
                watching=SimpleNamespace(call_ended=self.over.append),
                reads=SimpleNamespace(run=lambda function, *given: function(*given)),
                files=SimpleNamespace(run=lambda function, *given: function(*given)),
                write=lambda function, *given: function(*given),
                keep=lambda function, *given: function(*given),
                insist=lambda what, call: call(),
                spawn=lambda function, *given: function(*given),
                legs=SimpleNamespace(get=self.legs.get),
                live_links=lambda: [self.link] if self.up else [],
                store_fault=None,
            ),
        )
        self.services.charges = Charges(self.services)
        self.settling = self.services.settling = Settling(self.services)
        #: When it is to be looked again, microseconds since 1970, and how that is done.
        self.unsettled_later: list[tuple[int, Callable[[], None]]] = []

        def later(seconds: float, function: Callable[[], None]) -> None:
            self.unsettled_later.append((self.now + int(seconds * SECOND), function))

        self.unsettled = Unsettled(self.services, Sightings(engine), later)
        listed(engine)
        extended(engine, "100")
        account(engine, "home", 1_000_000 * 1000)

    def let(self, credit: Credit) -> None:
        """Change the settings."""
        self.services.settings = msgspec.structs.replace(self.services.settings, credit=credit)

    # --- a call ------------------------------------------------------------------------------

    def call(self) -> None:
        """Have a return call made and answered at `NOW`, and somebody else called after 30 s."""
        self.begin()
        self.made()
        dial: Dial = dialling(CALL, request=REQUEST)
        assert isinstance(self.services.charging.dial(dial), Granted)
        with self.engine.begin() as connection:
            connection.execute(
                insert(schema.callback_destination).values(
                    request=REQUEST, leg=CALL, position=1, number=ABROAD, plan="{}",
                    begun=NOW + 31 * SECOND, channel="pstn", connected=NOW + 40 * SECOND,
                )
            )  # fmt: skip

    def begin(self) -> None:
        """Hold for a return call, and no more."""
        begin: Begin = beginning(CALL, request=REQUEST)
        assert isinstance(self.services.charging.begin(begin), Granted)

    def made(self, call: str = CALL) -> None:
        """Have a return call written that node fs1 is to make, and it answered at `NOW`."""
        request = f"of-{call}"[:36]
        with self.engine.begin() as connection:
            connection.execute(
                insert(schema.callback_request).values(
                    id=request, extension="100", did="+12025550100", number=f"+1212555{len(call)}",
                    source="call", state="answered", attempt=call, attempts=1, joined=0,
                    created=NOW, due=NOW, expires=NOW,
                )
            )  # fmt: skip
            connection.execute(
                insert(schema.callback_attempt).values(
                    id=call, request=request, extension="100", number="+12125550199",
                    node="fs1", channels='["pstn"]', begun=NOW - 5 * SECOND, answered=NOW,
                    channel="pstn",
                )
            )  # fmt: skip

    def after(self, seconds: int) -> None:
        """Let time pass, and look."""
        self.now += seconds * SECOND
        self.unsettled.look()

    # --- what is kept ------------------------------------------------------------------------

    @property
    def rows(self) -> dict[str, Any]:
        """The legs that are kept, by uuid."""
        with self.engine.connect() as connection:
            return {row.leg: row for row in connection.execute(select(call_leg)).all()}

    @property
    def held(self) -> int | None:
        """What is held, micro-units; None: nothing any more."""
        with self.engine.connect() as connection:
            row = connection.execute(select(credit_hold.c.amount, credit_hold.c.ended)).one()
        return None if row.ended is not None else int(row.amount)


def ending(of: str = CALL, seconds: int = 90, **values: Any) -> LegOver:
    """The last event of a return leg that was answered at `NOW`, unless told otherwise."""
    given: dict[str, Any] = {
        "uuid": of,
        "hangup_cause": "NORMAL_CLEARING",
        "start_uepoch": str(NOW - 5 * SECOND),
        "answer_uepoch": str(NOW),
        "end_uepoch": str(NOW + seconds * SECOND),
        "leg": "return",
        "request": REQUEST,
        "call": CALL,
        "channel": "pstn",
    }
    return LegOver(**given | values)


def write_record(directory: Path, event: LegOver, *, age: float = 10.0) -> Path:
    """Write the record of a leg, so many seconds ago."""
    names = {"leg": "callback_leg", "request": "callback_request", "call": "callback_call"}
    names |= {"position": "callback_position", "channel": "callback_channel"}
    variables = {
        names.get(field, field): getattr(event, field)
        for field in (*names, "uuid", "hangup_cause", "start_uepoch", "answer_uepoch", "end_uepoch")
        if getattr(event, field) is not None
    }
    return put(directory / f"{event.uuid}.cdr.json", json.dumps({"variables": variables}), age=age)


def put(path: Path, text: str, *, age: float = 10.0) -> Path:
    """Write a file, so many seconds ago."""
    path.write_text(text + "\n", encoding="utf-8")
    when = path.stat().st_mtime - age
    os.utime(path, (when, when))
    return path
