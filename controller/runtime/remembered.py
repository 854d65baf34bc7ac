"""What was seen last: so many names are known, and of more the oldest are forgotten."""

from __future__ import annotations

from collections import OrderedDict


class Remembered:
    """At most `most` names."""

    def __init__(self, most: int) -> None:
        self._most = most
        # A plain dict takes longer to find its oldest, the more went before it.
        self._names: OrderedDict[str, None] = OrderedDict()

    def __contains__(self, name: str) -> bool:
        return name in self._names

    def add(self, name: str) -> bool:
        """Remember a name; whether it was not known."""
        if name in self._names:
            return False
        self._names[name] = None
        if len(self._names) > self._most:
            self._names.popitem(last=False)
        return True


class Known:
    """What this controller has kept itself: the store need not be asked whether it is so.

    `answered`: attempts, of which it is kept that they were; `ended`: requests that are over for
    good. Neither ever becomes untrue.
    """

    def __init__(self, most: int = 10_000) -> None:
        self.answered = Remembered(most)
        self.ended = Remembered(most)
