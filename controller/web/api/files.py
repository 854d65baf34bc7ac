"""CSV over HTTP: a file that comes is imported as a whole or not at all; one that goes is CSV."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TYPE_CHECKING, BinaryIO, Final, TextIO

from flask import Response, request
from gevent.lock import BoundedSemaphore

from controller.admin.csv_lines import BadFile, Report
from controller.admin.model import Unavailable
from controller.web.api import shown
from controller.web.api.problems import Refusal, malformed
from controller.web.api.reading import query, upload

if TYPE_CHECKING:
    from controller.web.api.records import Run

#: As what a file is sent, and given.
CSV: Final = "text/csv"
#: The largest file that is read, bytes: some hundred thousand rates.
MOST_CSV_BYTES: Final = 32 << 20
#: How long an import waits for those before it, seconds.
TURN_SECONDS: Final = 20.0


class Imports:
    """Takes files, one at a time: each takes memory and a thread for seconds.

    Whoever stops callbacks meanwhile finds a thread free.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._turn = BoundedSemaphore(1)

    def take(
        self, allowed: Callable[[], object], load: Callable[[Callable[[], BinaryIO], bool], Report]
    ) -> Response:
        """Import the file that the request has; `load` does it, of what opens it and `dry_run`.

        `allowed` raises where somebody may not: what he sends is not read then.
        """
        dry_run = bool(query(request, {"dry_run": bool}).get("dry_run", False))
        self._run(allowed)
        if not self._turn.acquire(timeout=TURN_SECONDS):
            raise Unavailable("another file is being imported; send it again in a moment")
        try:
            data = upload(request, MOST_CSV_BYTES, CSV)
            report = self._run(load, lambda: io.BytesIO(data), dry_run)
        except BadFile as error:
            raise malformed(f"the file {error}") from error
        finally:
            self._turn.release()
        if report.bad and not dry_run:
            lines = len({found.line for found in report.bad})
            some = f"{lines} lines are" if lines > 1 else "1 line is"
            raise Refusal(422, f"{some} bad, and nothing was written", name="lines", bad=report.bad)
        return shown.answer(shown.imported(report, dry_run=dry_run))


def given(run: Run, save: Callable[[TextIO], None], name: str) -> Response:
    """Give a file that `save` writes; `name` is what it is to be called."""

    def written() -> bytes:
        stream = io.StringIO(newline="")
        save(stream)
        return stream.getvalue().encode()

    return Response(
        run(written),
        headers={"Content-Disposition": f'attachment; filename="{name}.csv"'},
        content_type=f"{CSV}; charset=utf-8",
    )
