"""Uploaded sounds come to every node (S1): copied here, and asked for on each node.

Each controller copies them into `sounds.directory` on its own machine; a node elsewhere has
`callbackd sound mirror` for it. Whether a node has them only it can tell: it is asked over its
link, when that comes up, when sounds change, and again while it lacks some.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import gevent
import structlog
from gevent.event import Event as Flag

from controller.esl.errors import EslError
from controller.esl.switch import SwitchLink
from controller.metrics import Metrics
from controller.policy.sounds import SoundTable
from controller.runtime.offload import Offload
from controller.runtime.recent import Recent
from controller.settings import tellable
from controller.sounds.mirror import Brought, Mirror, bring
from controller.store.database import Away
from controller.store.sounds import SoundSource

log: Any = structlog.get_logger("sounds")

#: How often the directory is looked through where no sound was changed, and a node is asked again
#: that lacks some, seconds.
LOOK_SECONDS: Final = 10.0
#: How often each node is asked for all of them: somebody may have removed one.
ASK_ALL_SECONDS: Final = 600.0
#: How many missing sounds the log names.
_NAMED: Final = 10


class Delivery:
    """What is copied here, and which node has what. `links` is by node name."""

    def __init__(
        self,
        source: SoundSource,
        sounds: Recent[SoundTable],
        *,
        directory: str,
        links: dict[str, SwitchLink],
        metrics: Metrics,
        now: Callable[[], float],
    ) -> None:
        self._source = source
        self._sounds = sounds
        self._directory = directory
        self._links = links
        self._metrics = metrics
        self._now = now
        self._mirror = Mirror(Path(directory))
        self._thread = Offload(1)
        self._brought = Brought()
        #: By node: the paths that it has, and those that it lacks, as it answered last.
        self._has: dict[str, set[str]] = {}
        self._lacks: dict[str, set[str]] = {}
        self._asked_all = now()
        self._wake = Flag()
        self._greenlet: Any = None

    def start(self) -> None:
        """Copy what there is, and from then on what is changed."""
        self._sounds.on_change = self._wake.set
        self._greenlet = gevent.spawn(self._run)

    def stop(self) -> None:
        """Copy no more."""
        if self._greenlet is not None:
            self._greenlet.kill()
        self._thread.close()

    def link_up(self, link: SwitchLink) -> None:
        """A node is there, perhaps after it was set up anew: it is asked for all of them."""
        self._has.pop(link.name, None)
        self._wake.set()

    def forget(self, node: str) -> None:
        """A node is no more: nothing is missing there."""
        self._has.pop(node, None)
        if self._lacks.pop(node, None) is not None:
            self._metrics.sounds_missing.remove(node)

    def nodes(self, path: str) -> dict[str, bool]:
        """Give which nodes have a file, as far as they were asked for it."""
        known = {}
        for name in list(self._links):  # a thread asks, and nodes come and go
            if path in self._has.get(name, ()):
                known[name] = True
            elif path in self._lacks.get(name, ()):
                known[name] = False
        return known

    @property
    def fault(self) -> str | None:
        """What is degraded, in a sentence; None while all is where it should be."""
        if not tellable(self._directory) and self._sounds.get().uploaded():
            return (
                f"no switch can be told {self._directory!r}; set sounds.directory to an absolute "
                "path without spaces and quotes"
            )
        said = [
            f"{node} lacks {len(lacking)} of {self._directory}"
            for node, lacking in sorted(self._lacks.items())
            if lacking
        ]
        if said:
            said[-1] += (
                "; on a machine without a controller run callbackd sound mirror --watch, and let "
                "the switch's user read it"
            )
        return "; ".join([*self._brought.faults[:1], *said]) or None

    def _run(self) -> None:
        while True:
            try:
                self._deliver()
            except Away:
                # The store's own fault is told where it is written to.
                log.warning("sounds_not_copied", reason="the database is away")
            except Exception:
                # It outlives any fault, as the dispatcher does.
                log.exception("fault", where="delivery")
                self._metrics.faults.labels("delivery").inc()
            self._wake.wait(timeout=LOOK_SECONDS)
            self._wake.clear()

    def _deliver(self) -> None:
        brought = self._thread.run(bring, self._mirror, self._source)
        if brought.added or brought.removed:
            log.info("sounds_copied", added=brought.added, removed=brought.removed)
        if brought.faults and brought.faults != self._brought.faults:
            log.error("sounds_not_copied", faults=brought.faults[:_NAMED])
        self._brought = brought
        if self._now() - self._asked_all >= ASK_ALL_SECONDS:
            self._asked_all = self._now()
            self._has.clear()
        table = self._sounds.get()
        wanted = {path for row in table.uploaded() if (path := table.path_of(row)) is not None}
        for link in list(self._links.values()):
            if link.up.is_set():
                self._ask(link, wanted if tellable(self._directory) else set())

    def _ask(self, link: SwitchLink, wanted: set[str]) -> None:
        """Ask a node for those that it is not known to have."""
        has = self._has.setdefault(link.name, set())
        has &= wanted
        lacking = set()
        for path in sorted(wanted - has):
            try:
                answer = link.api("file_exists", path).strip()
            except EslError as error:
                # Asked again when it is back; what is known of it counts until then.
                log.warning("sounds_not_asked", node=link.name, error=str(error))
                return
            if self._has.get(link.name) is not has:
                # The link came up anew meanwhile: all of it is asked again.
                return
            if answer == "true":
                has.add(path)
            else:
                lacking.add(path)
        before = self._lacks.get(link.name, set())
        self._lacks[link.name] = lacking
        self._metrics.sounds_missing.labels(link.name).set(len(lacking))
        if lacking - before:
            log.warning(
                "uploaded_sounds_missing",
                node=link.name,
                count=len(lacking),
                missing=sorted(lacking)[:_NAMED],
            )
        elif before and not lacking:
            log.info("uploaded_sounds_complete", node=link.name)
