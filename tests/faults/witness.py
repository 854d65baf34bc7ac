"""What the switches saw, of each leg: read from their journals while they are written."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import msgspec

from tests.faults.messages import Seen

SECOND = 1_000_000


class SwitchLeg(msgspec.Struct):
    """A leg as its switch saw it; times are microseconds since 1970, 0 where it was not.

    `called`: when it began; `times`: how often one of this uuid began; `gone`: when it was over,
    whatever ended it; `died`: it ended with its switch. `ended`: the switch's own time of the end.
    """

    leg: str
    node: str
    role: str
    number: str
    called: int
    times: int = 1
    call: str = ""
    request: str = ""
    position: str = ""
    answered: int = 0
    ended: int = 0
    gone: int = 0
    cause: str = ""
    refused: str = ""
    gave_up: bool = False
    died: bool = False
    did: str = ""
    bridged: list[int] = []
    heard: list[tuple[int, str]] = []
    pressed: list[tuple[int, str]] = []


def at(moment: int) -> str:
    """Write a moment as it stands in the logs, in short."""
    whole, rest = divmod(moment, SECOND)
    return f"{whole % 100_000}.{rest // 1000:03}"


def of_leg(leg: SwitchLeg) -> str:
    """Name a leg, and its times."""
    return f"{leg.role} {leg.leg[:8]} {leg.number} on {leg.node} {at(leg.called)}-{at(leg.gone)}"


class Journals:
    """The journals of all switches, as far as they were read."""

    def __init__(self, paths: dict[str, Path]) -> None:
        self._paths = paths
        self._read: dict[str, int] = dict.fromkeys(paths, 0)
        self._lock = threading.Lock()
        self.legs: dict[str, SwitchLeg] = {}
        #: Legs that had no end in their switch's schedule for a moment.
        self.bare: list[Seen] = []
        #: When each node started.
        self.starts: dict[str, list[int]] = {name: [] for name in paths}
        self._reports: dict[str, Seen] = {}

    def read(self) -> None:
        """Read what was written since."""
        with self._lock:
            for node, path in self._paths.items():
                if not path.exists():
                    continue
                with path.open("rb") as file:
                    file.seek(self._read[node])
                    data = file.read()
                end = data.rfind(b"\n") + 1
                self._read[node] += end
                for line in data[:end].splitlines():
                    self._take(msgspec.json.decode(line, type=Seen))

    def live(self) -> list[SwitchLeg]:
        """Give the legs that are alive, as far as the journals say."""
        self.read()
        with self._lock:
            return [leg for leg in self.legs.values() if not leg.gone]

    def killed(self, node: str, at: int) -> None:
        """Take it that a node was killed then: its legs are gone."""
        self.read()
        with self._lock:
            for leg in self.legs.values():
                if leg.node == node and not leg.gone and leg.called <= at:
                    leg.gone, leg.died = at, True

    def report(self, key: str, node: str, seconds: float) -> dict[str, str] | None:
        """Wait for a report of a node; None where it does not come."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.read()
            if (found := self._reports.get(f"{node}/{key}")) is not None:
                return found.detail
            time.sleep(0.05)
        return None

    def _take(self, seen: Seen) -> None:
        if seen.what == "started":
            self.starts[seen.node].append(seen.at)
            # Whatever ended it: what it had is gone.
            for leg in self.legs.values():
                if leg.node == seen.node and not leg.gone:
                    leg.gone, leg.died = seen.at, True
        elif seen.what == "report":
            self._reports[f"{seen.node}/{seen.detail['report']}"] = seen
        elif seen.what == "bare":
            self.bare.append(seen)
        elif seen.what == "called":
            self._called(seen)
        elif seen.leg in self.legs:
            self._saw(self.legs[seen.leg], seen)

    def _called(self, seen: Seen) -> None:
        before = self.legs.get(seen.leg)
        if before is not None:
            before.times += 1
            return
        self.legs[seen.leg] = SwitchLeg(
            leg=seen.leg,
            node=seen.node,
            role=seen.role,
            number=seen.number,
            called=seen.at,
            call=seen.call,
            request=seen.request,
            position=seen.position,
            did=seen.detail.get("did", ""),
        )

    @staticmethod
    def _saw(leg: SwitchLeg, seen: Seen) -> None:
        leg.answered = seen.answered or leg.answered
        match seen.what:
            case "bridged":
                leg.bridged.append(seen.at)
            case "heard":
                leg.heard.append((seen.at, seen.detail.get("file", "")))
            case "pressed":
                leg.pressed.append((seen.at, seen.detail.get("digits", "")))
            case "refused":
                leg.refused = seen.detail.get("cause", "")
                leg.gave_up = seen.gave_up
            case "ended":
                leg.gone, leg.ended = seen.at, seen.ended
                leg.cause = seen.detail.get("cause", "")
