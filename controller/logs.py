"""Structured logs to standard error: one line an event, as JSON or for people."""

from __future__ import annotations

import sys
from typing import Any, Final

import structlog

#: Where a line says which controller wrote it: the logs of several may be looked at together.
CONTROLLER: Final = "by"
#: What all lines say besides.
_SAID: Final[dict[str, str]] = {}


def configure(*, json: bool, level: str) -> None:
    """Set up the logs. `level` is `debug`, `info`, `warning` or `error`."""
    processors: list[Any] = [
        structlog.contextvars.merge_contextvars,
        _signed,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if json:
        processors += [
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ]
    else:
        processors.append(
            structlog.dev.ConsoleRenderer(
                colors=sys.stderr.isatty(),
                # The usual one shows the values of local variables: a password could be one.
                exception_formatter=structlog.dev.plain_traceback,
            )
        )
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )


def name(controller: str) -> None:
    """Have all lines from now on say which controller writes them."""
    _SAID[CONTROLLER] = controller


def _signed(_logger: object, _method: str, values: Any) -> Any:  # noqa: ANN401  (structlog's own)
    values.update(_SAID)
    return values
