"""What the phones saw of each call, gathered from the simulator's journal, and whether it is so."""

from __future__ import annotations

from typing import Any

import msgspec

from controller.demo.scripts import ASKED, CALLER_ID, Script
from controller.simulator.phones import JournalEntry
from controller.store.requests import Request


class Seen(msgspec.Struct):
    """One call as its phones saw it."""

    script: Script
    trigger: str = "-"
    returned: str = "-"
    destination: str = "-"
    shown_on_return: str = ""
    shown_to_destination: str = ""
    trigger_answered: bool = False
    return_calls: int = 0
    questions: int = 0
    heard: str = ""
    joined: str | None = None
    cut: bool = False
    outcome: str = ""
    legs: set[str] = msgspec.field(default_factory=set)
    legs_over: set[str] = msgspec.field(default_factory=set)

    @property
    def ended(self) -> bool:
        """Whether the controller has said how it ended, and no phone of it is in a call."""
        return bool(self.outcome) and self.legs == self.legs_over

    def faults(self) -> list[str]:
        """Give what is not as the script says."""
        script, faults = self.script, []

        def expect(what: str, seen: object, wanted: object) -> None:
            if seen != wanted:
                faults.append(f"{what}: {seen!r}, not {wanted!r}")

        expect("outcome", self.outcome, script.outcome)
        expect("trigger call", self.trigger, script.trigger)
        expect("trigger call answered", self.trigger_answered, False)
        expect("return calls", self.return_calls, 1 if script.returned else 0)
        if not script.prices or self.questions < script.questions:
            expect("questions", self.questions, script.questions)
        expect("connected with", self.joined, script.connected)
        expect("cut by the switch", self.cut, script.cut)
        did = script.did.removeprefix("+")
        if script.returned:
            expect("shown on the return call", self.shown_on_return, did)
        if script.connected:
            expect(
                "shown to the destination", self.shown_to_destination, CALLER_ID.removeprefix("+")
            )
        if script.last_heard and script.last_heard not in self.heard:
            faults.append(f"heard last: {self.heard!r}, not {script.last_heard!r}")
        return faults


class Watch:
    """All calls."""

    def __init__(self, scripts: list[Script]) -> None:
        self.calls = [Seen(script=script) for script in scripts]
        self._by_number: dict[str, Seen] = {}
        for seen in self.calls:
            for number in (seen.script.caller, *(p.number for p in seen.script.phones)):
                self._by_number[number.removeprefix("+")] = seen

    def journal(self, entry: JournalEntry) -> None:
        """Take what a phone saw."""
        seen = self._by_number.get(entry.number.removeprefix("+"))
        if seen is None:
            return
        seen.legs.add(entry.leg)
        if entry.what == "ended":
            # Not always a leg's last word: `unbridged` can follow.
            seen.legs_over.add(entry.leg)
        if entry.role == "trigger":
            self._trigger(seen, entry)
        elif entry.role == "return":
            self._return(seen, entry)
        else:
            self._destination(seen, entry)

    @staticmethod
    def _trigger(seen: Seen, entry: JournalEntry) -> None:
        if entry.what == "answered":
            seen.trigger_answered = True
        if entry.what == "refused":
            seen.trigger = "refused" if entry.detail.get("cause") == "USER_BUSY" else "failed"
        elif entry.what == "ended" and seen.trigger != "refused":
            seen.trigger = "gave up"
        elif entry.what == "ringing":
            seen.trigger = "ringing"

    @staticmethod
    def _return(seen: Seen, entry: JournalEntry) -> None:
        detail: dict[str, Any] = entry.detail
        if entry.what == "called":
            seen.return_calls += 1
            seen.shown_on_return = detail.get("caller_id_number", "")
        elif entry.what == "question":
            seen.questions += 1
        elif entry.what == "heard" and not detail.get("file", "").startswith("silence_stream"):
            seen.heard = detail.get("file", "")
            seen.questions += any(asked in seen.heard for asked in ASKED)
        if entry.what == "heard":
            return
        states = {"question": "asked", "pressed": "typing", "bridged": "talking"}
        seen.returned = states.get(entry.what, entry.what)
        if entry.what in ("ended", "refused"):
            seen.returned = detail.get("cause", entry.what).lower()

    @staticmethod
    def _destination(seen: Seen, entry: JournalEntry) -> None:
        if entry.what == "called":
            seen.shown_to_destination = entry.detail.get("caller_id_number", "")
        elif entry.what == "bridged":
            seen.joined = "+" + entry.number.removeprefix("+")
        elif entry.what == "ended":
            seen.cut = entry.detail.get("cause") == "ALLOTTED_TIMEOUT"
        seen.destination = "talking" if entry.what == "bridged" else entry.what

    def requests(self, found: list[Request]) -> None:
        """Take what the controller keeps.

        A request that names no number is the hidden caller's: those are told apart by their count.
        """
        hidden = [s for s in self.calls if s.script.outcome == "hidden"]
        for request in found:
            if request.state not in ("done", "refused"):
                continue
            seen = self._by_number.get((request.number or "").removeprefix("+"))
            if seen is not None:
                seen.outcome = request.outcome or "?"
        kept = sum(1 for r in found if r.number is None and r.outcome == "hidden")
        for seen in hidden[:kept]:
            seen.outcome = "hidden"

    @property
    def ended(self) -> int:
        """How many calls have ended."""
        return sum(1 for seen in self.calls if seen.ended)
