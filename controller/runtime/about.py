"""Which call a log line is about (O3): known for as long as something is done for that call.

The one id of a call is that of its callback, `request`: it is that of the API, of the pages, of
call records, and `callback_request` on both legs of the switch. Beside it stand `attempt`, one try
of it, and `leg`, the uuid of a leg. Until a trigger call is over there is no callback: its lines
have its `leg` alone, and the last of them, `trigger`, has both.

A greenlet begins with nothing: gevent hands no context on. `Services.spawn` does.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from structlog.contextvars import bind_contextvars, clear_contextvars, get_contextvars

#: The variable of both legs that has it.
REQUEST_VARIABLE: Final = "callback_request"


@contextmanager
def about(
    *, request: str | None = None, attempt: str | None = None, leg: str | None = None
) -> Iterator[None]:
    """Have lines say which call they are about, while something is done for it.

    They say that alone: amid what is done for one call another may have to be seen to, of which
    less is known. With nothing given they are about no call. Afterwards all is as it was before.
    """
    before = get_contextvars()
    clear_contextvars()
    bind_contextvars(**_known(request, attempt, leg))
    try:
        yield
    finally:
        clear_contextvars()
        bind_contextvars(**before)


def all_about(
    *, request: str | None = None, attempt: str | None = None, leg: str | None = None
) -> None:
    """Have all lines of this greenlet say it: it has to do with one call, until it ends."""
    bind_contextvars(**_known(request, attempt, leg))


def _known(request: str | None, attempt: str | None, leg: str | None) -> dict[str, str]:
    given = {"request": request, "attempt": attempt, "leg": leg}
    return {name: value for name, value in given.items() if value}
