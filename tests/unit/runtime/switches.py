"""A switch as a dispatcher sees it: legs by uuid, marks, jobs and what becomes of them.

It reads the bytes that a controller sends, and does as FreeSWITCH was seen to do: a job tries its
gateways one after the other, refuses a uuid that is alive, and says how it ended to every link. It
holds its own limits (ringing, the longest call), so that none of them is a controller's to keep.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from controller.esl.events import Event, JobAnswered, LegOver
from controller.simulator.dialstring import DialString, parse

MICROS: Final = 1_000_000
#: How long the dialplan looks for a controller before it gives a leg up, seconds.
NOBODY_SECONDS: Final = 6

DUPLICATE: Final = "DESTINATION_OUT_OF_ORDER"


class Job(msgspec.Struct, eq=False):
    """An `originate` that the switch has taken: it rings on one gateway at a time."""

    attempt: str
    request: str
    dialled: DialString
    until: int
    gateway: int = -1

    @property
    def number(self) -> str:
        """Whom it calls."""
        return "+" + self.dialled.groups[0][0].number

    def variable(self, name: str) -> str:
        """Give one of the variables of all its legs."""
        return self.dialled.variables[name]


class Phone(msgspec.Struct, frozen=True):
    """What a telephone does: it rings for a while, then it refuses by a cause, or is taken up.

    `cause` empty: it is taken up, and somebody talks for a while. Seconds; longer than a limit of
    the switch, and that ends it.
    """

    cause: str = ""
    rings: float = 1000.0
    talks: float = 1000.0


class Leg(msgspec.Struct, eq=False):
    """A leg that rings or is answered.

    `until`: when the switch itself ends it; `then`: when its telephone does what it does.
    `holder`: the controller that has it, by name; None: it rings, or looks for one.
    """

    uuid: str
    job: Job
    until: int
    then: int
    answered: int | None = None
    holder: str | None = None


class Around(msgspec.Struct, eq=False):
    """What a switch is in the middle of: the time, and whoever hears of its legs."""

    now: Callable[[], int]
    phone: Callable[[str], Phone]
    rings: Callable[[Node, Leg], None]
    says: Callable[[Node, Event], None]
    answered: Callable[[Node, Leg], None]
    over: Callable[[Node, Leg], None]
    note: Callable[[str], None]


class Node:
    """One switch. Its `core` is another one after each start."""

    def __init__(self, name: str, around: Around) -> None:
        self.name = name
        self._around = around
        self.starts = 0
        self.legs: dict[str, Leg] = {}
        self.marks: set[str] = set()
        #: Attempts that it took, ever, and those of them that are over in this run.
        self.received: set[str] = set()
        self.over: set[str] = set()

    @property
    def core(self) -> str:
        """Which run of it this is."""
        return f"{self.name}-{self.starts}"

    def restart(self) -> None:
        """Die and come back: without a leg, a job or a mark."""
        self.starts += 1
        legs, self.legs = self.legs, {}
        self.marks.clear()
        for leg in legs.values():
            self._around.over(self, leg)

    # --- what a controller says --------------------------------------------------------------

    def take(self, data: bytes) -> str:
        """Carry out what was sent in one piece; give what the last command printed."""
        printed = ""
        for command in data.decode().split("\n\n"):
            if command.startswith("bgapi originate "):
                self._originate(command.removeprefix("bgapi originate "))
            elif command:
                printed = self._api(command.removeprefix("api "))
        return printed

    def _api(self, text: str) -> str:
        name, _, rest = text.partition(" ")
        if name == "uuid_exists":
            return "true" if rest in self.legs else "false"
        if name == "global_getvar":
            return "1" if rest in self.marks else ""
        if name == "global_setvar":
            mark, _, value = rest.partition("=")
            (self.marks.add if value else self.marks.discard)(mark)
            return "+OK"
        assert name == "uuid_kill", text
        uuid, _, cause = rest.partition(" ")
        self.end(uuid, cause)
        return "+OK"

    def _originate(self, text: str) -> None:
        line, _, attempt = text.partition("\nJob-UUID: ")
        dialled = parse(line.rpartition(" return_call XML ")[0])
        seconds = int(dialled.variables["originate_timeout"])
        request = dialled.variables["callback_request"]
        job = Job(attempt, request, dialled, self._around.now() + seconds * MICROS)
        self.received.add(attempt)
        self._next_gateway(job, "NORMAL_TEMPORARY_FAILURE")

    # --- what becomes of a job ---------------------------------------------------------------

    def _next_gateway(self, job: Job, cause: str) -> None:
        """Try the next gateway; where there is none, the job ends by the last one's cause."""
        job.gateway += 1
        if job.gateway == len(job.dialled.groups):
            self._job_over(job, f"-ERR {cause}")
            return
        uuid = job.dialled.groups[job.gateway][0].variables["origination_uuid"]
        if uuid in self.legs:
            self._around.note("a duplicate is refused")
            self._next_gateway(job, DUPLICATE)
            return
        seconds = int(job.variable("leg_timeout"))
        until = min(job.until, self._around.now() + seconds * MICROS)
        then = self._around.now() + int(self._around.phone(job.number).rings * MICROS)
        leg = self.legs[uuid] = Leg(uuid, job, until, then)
        self._around.rings(self, leg)

    def _job_over(self, job: Job, answer: str) -> None:
        if not any(leg.job.attempt == job.attempt for leg in self.legs.values()):
            self.over.add(job.attempt)
        self._around.says(self, JobAnswered(job_uuid=job.attempt, body=f"{answer}\n"))

    def answer(self, uuid: str) -> None:
        """The person takes the call: it runs into the dialplan, and its own limit counts."""
        leg, now = self.legs[uuid], self._around.now()
        seconds = int(leg.job.variable("execute_on_answer").split("+")[1].split(" ")[0])
        leg.answered, leg.until = now, now + seconds * MICROS
        leg.then = now + int(self._around.phone(leg.job.number).talks * MICROS)
        self._job_over(leg.job, f"+OK {uuid}")
        self._around.answered(self, leg)

    def end(self, uuid: str, cause: str) -> None:
        """A leg ends: refused, not answered, or hung up."""
        leg = self.legs.pop(uuid, None)
        if leg is None:
            return
        self._around.says(
            self,
            LegOver(
                uuid=uuid,
                hangup_cause=cause,
                answer_uepoch=str(leg.answered or 0),
                leg="return",
                request=leg.job.request,
                channel=leg.job.dialled.groups[leg.job.gateway][0].variables["callback_channel"],
            ),
        )
        if leg.answered is not None:
            self.over.add(leg.job.attempt)
        elif cause in leg.job.variable("fail_on_single_reject").split(","):
            self._job_over(leg.job, f"-ERR {cause}")
        else:
            self._next_gateway(leg.job, cause)
        self._around.over(self, leg)

    def next_moment(self) -> int | None:
        """Give when something happens to a leg by itself next."""
        return min((min(leg.until, leg.then) for leg in self.legs.values()), default=None)

    def pass_time(self) -> None:
        """Do what is due: a telephone does what it does, and no limit is passed."""
        now = self._around.now()
        for leg in list(self.legs.values()):
            if leg.until <= now:
                self.end(leg.uuid, "NO_ANSWER" if leg.answered is None else "ALLOTTED_TIMEOUT")
            elif leg.then <= now and leg.answered is not None:
                self.end(leg.uuid, "NORMAL_CLEARING")
            elif leg.then <= now:
                cause = self._around.phone(leg.job.number).cause
                if cause:
                    self.end(leg.uuid, cause)
                else:
                    self.answer(leg.uuid)
