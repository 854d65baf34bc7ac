"""What goes wrong, as RFC 9457 says it: problem+json, whatever it is and wherever it comes up."""

from __future__ import annotations

from typing import Final

import msgspec
from flask import Response
from msgspec import UNSET, UnsetType
from werkzeug.http import HTTP_STATUS_CODES

from controller.admin.csv_lines import Bad
from controller.admin.model import (
    AdminError,
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    Stale,
    Unavailable,
)

PROBLEM_JSON: Final = "application/problem+json"
#: How long a client waits before it asks again, where the database or Redis is away; seconds.
RETRY_SECONDS: Final = 2
#: The same for a token that is missing, unknown and expired: which one is nobody's business.
CHALLENGE: Final = 'Bearer realm="callbackd"'
_NOTHING_ADDED: Final = "about:blank"


class Problem(msgspec.Struct, kw_only=True):
    """What went wrong. `type` says it to programs, `detail` to people; `field` is what it is about.

    `bad`: of a file, what is wrong with each of its lines.

    A `type` of `about:blank` says no more than the status does.
    """

    type: str
    title: str
    status: int
    detail: str | UnsetType = UNSET
    field: str | UnsetType = UNSET
    bad: tuple[Bad, ...] | UnsetType = UNSET


class Refusal(Exception):
    """A request that is not done; it is answered with a problem.

    `name` is the last part of the problem's type, None where the status says it all.
    """

    def __init__(
        self,
        status: int,
        detail: str | None = None,
        *,
        name: str | None = None,
        field: str | None = None,
        headers: dict[str, str] | None = None,
        bad: tuple[Bad, ...] | None = None,
    ) -> None:
        super().__init__(detail or HTTP_STATUS_CODES[status])
        self.status = status
        self.detail = detail
        self.name = name
        self.field = field
        self.headers = headers or {}
        self.bad = bad


def malformed(detail: str) -> Refusal:
    """Give the refusal of a body that cannot be read."""
    return Refusal(400, detail, name="malformed")


def bad_parameter(detail: str, field: str | None = None) -> Refusal:
    """Give the refusal of a query parameter."""
    return Refusal(400, detail, name="parameter", field=field)


def unauthorised() -> Refusal:
    """Give the refusal of whoever shows no token that is good."""
    detail = "a token is needed: Authorization: Bearer and its secret"
    return Refusal(401, detail, headers={"WWW-Authenticate": CHALLENGE})


def too_many(seconds: int) -> Refusal:
    """Give the refusal of whoever has shown too many wrong tokens, for so many seconds."""
    detail = "too many tokens that are not good; ask again later"
    return Refusal(429, detail, headers={"Retry-After": str(seconds)})


def away() -> Refusal:
    """Give the refusal while the database is away."""
    return Refusal(503, "the database cannot be reached; ask again", headers=_LATER)


_LATER: Final = {"Retry-After": str(RETRY_SECONDS)}

#: What each error of the administration is here: its status, and the name of its type.
_STATUS: Final[dict[type[AdminError], tuple[int, str | None]]] = {
    Invalid: (422, "invalid"),
    Forbidden: (403, None),
    NotFound: (404, None),
    Conflict: (409, "conflict"),
    Stale: (412, "stale"),
    Unavailable: (503, None),
}


def of_admin(error: AdminError) -> Refusal:
    """Give the refusal that an error of the administration is."""
    status, name = _STATUS[type(error)]
    return Refusal(
        status,
        str(error),
        name=name,
        field=getattr(error, "field", None),
        headers=_LATER if status == 503 else None,
    )


def answer(refusal: Refusal) -> Response:
    """Give a refusal as an answer."""
    problem = Problem(
        type=_NOTHING_ADDED if refusal.name is None else f"/problems/{refusal.name}",
        title=_TITLES.get(refusal.name or "", HTTP_STATUS_CODES[refusal.status]),
        status=refusal.status,
        detail=UNSET if refusal.detail is None else refusal.detail,
        field=UNSET if refusal.field is None else refusal.field,
        bad=UNSET if refusal.bad is None else refusal.bad,
    )
    return Response(
        msgspec.json.encode(problem),
        status=refusal.status,
        headers=refusal.headers,
        content_type=PROBLEM_JSON,
    )


#: What each type of problem is, in general.
_TITLES: Final = {
    "invalid": "A field cannot be so",
    "conflict": "It contradicts what is there",
    "stale": "The record was changed since it was read",
    "malformed": "The body cannot be read",
    "lines": "Lines of the file cannot be so",
    "parameter": "A query parameter cannot be so",
    "precondition": "If-Match is missing or cannot be read",
}
