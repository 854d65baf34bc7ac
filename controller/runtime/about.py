"""Which call a log line is about (O3): known for as long as something is done for that call.

The one id of a call is that of its callback, `request`: it is that of the API, of the pages, of
call records, and `callback_request` on both legs of the switch. Beside it stand `attempt`, one try
of it, and `leg`, the uuid of a leg. Until a trigger call is over there is no callback: its lines
have its `leg` alone, and the last of them, `trigger`, has both.

A greenlet begins with nothing: gevent hands no context on. `Services.spawn` does.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Final

from structlog.contextvars import bind_contextvars, bound_contextvars

#: The variable of both legs that has it.
REQUEST_VARIABLE: Final = "callback_request"


def about(
    *, request: str | None = None, attempt: str | None = None, leg: str | None = None
) -> AbstractContextManager[None]:
    """Have lines say which call they are about, while something is done for it."""
    return bound_contextvars(**_known(request, attempt, leg))


def all_about(
    *, request: str | None = None, attempt: str | None = None, leg: str | None = None
) -> None:
    """Have all lines of this greenlet say it: it has to do with one call, until it ends."""
    bind_contextvars(**_known(request, attempt, leg))


def _known(request: str | None, attempt: str | None, leg: str | None) -> dict[str, str]:
    given = {"request": request, "attempt": attempt, "leg": leg}
    return {name: value for name, value in given.items() if value}
