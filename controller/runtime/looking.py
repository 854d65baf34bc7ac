"""What looks at something again and again, asked or not: begun and ended together."""

from __future__ import annotations

import time

from sqlalchemy import Engine

from controller.runtime.forgetting import Forgetting
from controller.runtime.loop_lag import LoopLag
from controller.runtime.lost_nodes import LostNodes
from controller.runtime.services import Services
from controller.runtime.tallying import Tallying
from controller.store.erasing import Erasing
from controller.store.nodes_seen import NodesSeen
from controller.store.tallies import Tallies


class Looking:
    """The lookers of one controller: at lost nodes, at what waits, at what is old, at the loop."""

    def __init__(self, services: Services, engine: Engine) -> None:
        self.nodes_seen = NodesSeen(engine)
        self._lookers = (
            LostNodes(services, self.nodes_seen),
            Tallying(services, Tallies(engine)),
            Forgetting(services, Erasing(engine)),
            LoopLag(services.metrics, time.monotonic),
        )

    def start(self) -> None:
        """Begin to look."""
        for looker in self._lookers:
            looker.start()

    def stop(self) -> None:
        """Look no more."""
        for looker in self._lookers:
            looker.stop()
