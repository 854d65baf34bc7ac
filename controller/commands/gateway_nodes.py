"""What runs on the nodes: compared with what is wanted, and brought to it without a restart.

Seen on 1.11.1. `rescan` makes gateways that are new and leaves all others as they are; one that is
to be another is taken down first (`killgw`). Its calls in progress go on, and it is told of for a
second yet, two where it registered. XML that cannot be read is told by `reloadxml` alone, which
says `+OK` to it; `rescan` then goes on with what was read before.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from controller.commands.nodes import Ask
from controller.esl import gateways as told
from controller.gateways.comparing import Compared, Found, Running, compare
from controller.gateways.files import REVISION
from controller.gateways.model import Wanted
from controller.policy.channels import Transport

#: How often a node is asked whether it has come to what is wanted, seconds.
_EVERY: Final = 0.25


class NodeFault(Exception):
    """A node that does not come to what is wanted; the message says why, and what to do."""


def look(ask: Ask, wanted: Wanted, profile: str) -> list[Compared]:
    """Compare what runs on a node with what is wanted there. Raises `EslError`."""
    return compare(wanted, running(ask), profile)


def running(ask: Ask) -> list[Running]:
    """Give the gateways that run on a node. Raises `EslError`."""
    return [
        Running(
            name=one.name,
            profile=one.profile,
            proxy=one.proxy,
            transport=one.transport,
            username=one.username,
            password=one.has_password,
            # <sip:user@domain>
            domain=one.sender.partition("@")[2].removesuffix(">"),
            ping_seconds=one.ping_seconds,
            status=one.status,
            state=one.state,
        )
        for one in told.ask_gateways(ask)
    ]


class _Seen(msgspec.Struct, frozen=True):
    """What a node has.

    Attributes:
        compared: all of it.
        absent: of ours, what does not run.
        stale: of ours, what runs otherwise than its file has it.
        left: what was ours, and is wanted no more.

    """

    compared: list[Compared]
    absent: list[str]
    stale: list[str]
    left: list[str]

    @property
    def well(self) -> bool:
        return not (self.absent or self.stale or self.left)


class Taking:
    """Brings one node to what is wanted there. Its methods raise `EslError` and `NodeFault`."""

    def __init__(
        self,
        ask: Ask,
        wanted: Wanted,
        revisions: Mapping[str, str],
        profile: str,
        tell: Callable[[str], None],
    ) -> None:
        self._ask = ask
        self._wanted = wanted
        self._ours = {one.name: one for one in wanted.gateways}
        self._revisions = revisions
        self._profile = profile
        self._tell = tell
        #: What was ours and was taken down for good.
        self._gone: list[str] = []

    def bring(self, seconds: float, sleep: Callable[[float], None]) -> list[Compared]:
        """Have the node take up the files, and wait until it runs what they say.

        One that registers is waited for until it does, or fails to.
        """
        self._check_elsewhere()
        before = self._see()
        if before.well:
            self._tell("runs as wanted already")
            return before.compared
        self._gone = before.left
        self._read_anew(before)
        deadline = time.monotonic() + seconds
        while True:
            after = self._see()
            late = time.monotonic() > deadline
            if after.well and (late or not any(self._registering(c) for c in after.compared)):
                break
            if late:
                raise NodeFault(self._still(after, seconds))
            sleep(_EVERY)
        for name in before.stale:
            if self._ours[name].register:
                # The old one has signed off by now, perhaps after the new one had signed on.
                self._ask("sofia", "profile", self._profile, "register", name)
        return after.compared

    def _check_elsewhere(self) -> None:
        for one in running(self._ask):
            if one.name in self._ours and one.profile != self._profile:
                raise NodeFault(
                    f"gateway {one.name} runs on profile {one.profile}, and not on "
                    f"{self._profile} alone: take it out there, or name that profile with "
                    "--profile"
                )

    def _see(self) -> _Seen:
        there = running(self._ask)
        compared = compare(self._wanted, there, self._profile)
        names = [one.name for one in there if one.profile == self._profile]
        has = {name: self._revision(name) for name in names}
        return _Seen(
            compared,
            absent=[name for name in self._ours if name not in has],
            stale=[
                one.name
                for one in compared
                if one.name in self._ours
                and one.name in has
                and (one.found is Found.DIFFERENT or has[one.name] != self._revisions[one.name])
            ],
            left=[
                name
                for name, revision in has.items()
                if (revision and name not in self._ours)
                # It is told for a while yet, beside one by hand if there is one.
                or (name in self._gone and names.count(name) > (name in self._wanted.by_hand))
            ],
        )

    def _revision(self, name: str) -> str:
        """Give of which writing of its file a gateway is; empty: of none of ours."""
        answer = self._ask("sofia_gateway_data", name, "ivar", REVISION)
        return "" if answer.startswith("-ERR") else answer

    def _read_anew(self, before: _Seen) -> None:
        """Have the switch read its XML, take down what is to change or to go, and make the rest."""
        answer = self._ask("reloadxml")
        if answer.strip() != "+OK [Success]":
            raise NodeFault(
                f"its XML cannot be read: {answer.removeprefix('+OK').strip()}; nothing was taken "
                "down; correct it and run the command again"
            )
        if before.stale:
            self._tell(
                f"{' '.join(before.stale)}: taken down and made anew; calls in progress go on, and "
                "for a moment no new ones go over it (two seconds where it registers)"
            )
        if before.left:
            self._tell(f"{' '.join(before.left)}: taken down; calls in progress go on")
        for name in (*before.stale, *before.left):
            self._ask("sofia", "profile", self._profile, "killgw", name)
        answer = self._ask("sofia", "profile", self._profile, "rescan")
        if "+OK scan complete" not in answer:
            raise NodeFault(
                f"profile {self._profile} cannot be read anew: {answer.strip():.200}; see that it "
                "runs, or name another one with --profile"
            )

    @staticmethod
    def _registering(one: Compared) -> bool:
        return (
            one.found is Found.AS_WANTED
            and not one.up
            and one.registers
            and one.state not in told.FAILED_STATES
        )

    def _still(self, seen: _Seen, seconds: float) -> str:
        faults = []
        if seen.absent:
            names = " ".join(seen.absent)
            tls = [n for n in seen.absent if self._ours[n].transport is Transport.TLS]
            also = f"; {' '.join(tls)}: needs a profile that has tls=true" if tls else ""
            faults.append(f"not made: {names}{also}")
        if seen.stale:
            faults.append(f"not as its file has it: {' '.join(seen.stale)}")
        if seen.left:
            names = " ".join(seen.left)
            faults.append(f"not gone: {names} (another file may have it)")
        return (
            f"after {seconds:g} seconds {'; '.join(faults)}. See that profile {self._profile} of "
            "this node includes the files of this directory, that its user may read them, and "
            "what its log says of them; a node that reads another directory is named apart, with "
            "--node"
        )
