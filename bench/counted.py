"""A controller that counts what it asks of its database and of Redis, and by which of its code.

`python -m bench.counted FILE …` is `python -m controller …`. At SIGUSR1 it writes what it has
counted so far to FILE, as JSON: statements, transactions and round trips, each by who asked.
"""

from __future__ import annotations

import json
import signal
import sys
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import Any, Final

from redis.connection import AbstractConnection
from sqlalchemy import Engine, event

from controller.cli import main

_PACKAGE: Final = str(Path(__file__).parents[1] / "controller") + "/"
#: What only hands on.
_THROUGH: Final = (
    "store/database.py",
    "store/prepared.py",
    "runtime/offload.py",
    "cache/client.py",
    "cache/connections.py",
)

statements: Counter[str] = Counter()
transactions: Counter[str] = Counter()
trips: Counter[str] = Counter()


def _asker() -> str:
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        file = frame.f_code.co_filename
        if file.startswith(_PACKAGE) and not file.endswith(_THROUGH):
            return f"{file.removeprefix(_PACKAGE)}:{frame.f_code.co_qualname}"
        frame = frame.f_back
    return "?"


def _count() -> None:
    def executed(_connection: Any, _cursor: Any, statement: str, *_: object) -> None:  # noqa: ANN401
        words = " ".join(statement.split())
        if not words.startswith("BEGIN"):
            statements[f"{_asker()}  {words[:80]}"] += 1

    def begun(_connection: Any) -> None:  # noqa: ANN401
        transactions[_asker()] += 1

    event.listen(Engine, "before_cursor_execute", executed)
    event.listen(Engine, "begin", begun)
    send = AbstractConnection.send_packed_command

    def sent(self: Any, *arguments: Any, **more: Any) -> Any:  # noqa: ANN401
        trips[_asker()] += 1
        return send(self, *arguments, **more)  # type: ignore[no-untyped-call]

    AbstractConnection.send_packed_command = sent  # type: ignore[method-assign]


def _tell(path: Path) -> None:
    counted = {"statements": statements, "transactions": transactions, "trips": trips}
    whole = path.with_suffix(".part")
    whole.write_text(json.dumps(counted))
    whole.rename(path)


if __name__ == "__main__":
    told = Path(sys.argv.pop(1))
    _count()
    signal.signal(signal.SIGUSR1, lambda *_: _tell(told))
    main()
