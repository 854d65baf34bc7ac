"""Knows of each node which sounds it lacks, and tells an operator before a caller meets it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import structlog

from controller.esl.errors import EslError
from controller.esl.switch import SwitchLink
from controller.metrics import Metrics
from controller.prompts.segments import Places
from controller.runtime.sound_check import CannotTell, Missing, SoundReport, check_sounds
from controller.store.database import Away
from controller.store.spoken import Spoken

log: Any = structlog.get_logger("sounds")

#: How many missing things the log names; `callbackd check` names all of them.
NAMED: Final = 10


class SoundWatch:
    """What the nodes lack, as far as they were asked.

    `spoken` gives the languages in use and the extensions' sounds; it may raise `Away`. `absent`
    is by node what `segments` has to know.
    """

    def __init__(self, *, spoken: Callable[[], Spoken], places: Places, metrics: Metrics) -> None:
        self._spoken = spoken
        self._places = places
        self._metrics = metrics
        self._reports: dict[str, SoundReport] = {}
        self.absent: dict[str, frozenset[str]] = {}

    @property
    def fault(self) -> str | None:
        """What is degraded, in a sentence; None while nothing is missing."""
        lacking = [
            f"{node} lacks {len(report.missing)} sounds or say modules"
            for node, report in sorted(self._reports.items())
            if report.missing
        ]
        return "; ".join([*lacking, "see callbackd check"]) if lacking else None

    def ask(self, *links: SwitchLink) -> None:
        """Ask nodes; what one lacks is logged when it is another thing than before.

        What callers are told is read once for all of them: it is of every extension.
        """
        try:
            spoken = self._spoken()
        except Away as error:
            log.warning("sounds_not_checked", error=str(error))
            return
        for link in links:
            self._ask(link, spoken)

    def forget(self, node: str) -> None:
        """A node is no more: nothing is missing there."""
        self.absent.pop(node, None)
        if self._reports.pop(node, None) is not None:
            self._metrics.prompts_missing.remove(node)

    def _ask(self, link: SwitchLink, spoken: Spoken) -> None:
        try:
            report = check_sounds(
                link.api,
                languages=spoken.languages,
                places=self._places,
                sounds=spoken.sounds,
            )
        except (EslError, CannotTell) as error:
            # Asked again later; what was known before is as good as it was.
            log.warning("sounds_not_checked", node=link.name, error=str(error))
            return
        before = self._reports.get(link.name, SoundReport())
        self._reports[link.name] = report
        self.absent[link.name] = report.absent
        self._metrics.prompts_missing.labels(link.name).set(len(report.missing))
        if report.missing and report.missing != before.missing:
            _tell(link.name, report.missing)
        elif before.missing and not report.missing:
            log.info("sounds_complete", node=link.name)


def _tell(node: str, missing: tuple[Missing, ...]) -> None:
    remedies = list(dict.fromkeys(one.remedy for one in missing))
    log.warning(
        "sounds_missing",
        node=node,
        count=len(missing),
        missing=[one.what for one in missing[:NAMED]],
        remedies=remedies[:NAMED],
        all="callbackd check",
    )
