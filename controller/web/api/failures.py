"""Wrong tokens: whoever shows too many of them is not asked for a while."""

from __future__ import annotations

import math
from collections import OrderedDict
from typing import Final

#: So many wrong tokens of one peer are looked up within `SECONDS`; what comes then is refused.
MOST: Final = 10
SECONDS: Final = 60.0
#: So many peers are remembered; then who failed first is forgotten first.
MOST_PEERS: Final = 4096


class Failures:
    """Counts the wrong tokens of each peer, in this process, in bounded memory.

    Times are seconds that never go back, and come as arguments.
    """

    def __init__(self) -> None:
        # By peer: when its first wrong token came, and how many there were since. In that order.
        self._peers: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._peers)

    def wait(self, peer: str, now: float) -> int:
        """Give for how many seconds no token of this peer is looked up; 0: it may show one."""
        since, count = self._peers.get(peer, (now, 0))
        left = since + SECONDS - now
        return math.ceil(left) if count >= MOST and left > 0 else 0

    def note(self, peer: str, now: float) -> bool:
        """Count a wrong token. Gives whether it was the one too many."""
        since, count = self._peers.get(peer, (now, 0))
        if count == 0 or now - since >= SECONDS:
            self._peers.pop(peer, None)
            since, count = now, 0
            if len(self._peers) >= MOST_PEERS:
                self._peers.popitem(last=False)
        self._peers[peer] = (since, count + 1)
        return count + 1 == MOST
