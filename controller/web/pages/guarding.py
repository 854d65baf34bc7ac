"""What keeps pages safe: what a browser may do with them, and that forms are our own.

A form is taken where the browser itself says that it comes from our pages (`Sec-Fetch-Site`, or
`Origin` of those that do not say), and, of somebody who is logged in, where it has the secret of
his session.
"""

from __future__ import annotations

import hmac
from typing import Final

from flask import Request, Response

from controller.web.api.problems import Refusal

#: The field of a form, and the header, that have a session's secret.
FIELD: Final = "csrf"
HEADER: Final = "X-CSRF-Token"
#: What changes nothing.
SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})

#: Everything is ours, and nothing stands in the page itself: no script, no style, no event handler.
POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "media-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)


def guard(response: Response) -> Response:
    """Say what a browser may do with a page."""
    response.headers["Content-Security-Policy"] = POLICY
    response.headers.setdefault("Cache-Control", "no-store")
    response.headers["Permissions-Policy"] = "camera=(), geolocation=(), microphone=()"
    # `no-referrer` would make browsers say `Origin: null` of our own forms.
    response.headers["Referrer-Policy"] = "same-origin"
    return response


def check_origin(request: Request) -> None:
    """Check that what changes something comes from a page of ours. Raises `Refusal`."""
    if request.method in SAFE:
        return
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        ours = site == "same-origin"
    else:
        origin = request.headers.get("Origin")
        # Neither: it is no browser, or one so old that it has no business here.
        ours = origin is not None and origin.partition("://")[2] == request.host
    if not ours:
        raise Refusal(403, "the form came from another site; open the page here and send it again")


def check_token(request: Request, expected: str) -> None:
    """Check that a form has the secret of the session. Raises `Refusal`."""
    if request.method in SAFE:
        return
    said = request.headers.get(HEADER) or request.form.get(FIELD, "")
    if not hmac.compare_digest(said.encode(), expected.encode()):
        raise Refusal(403, "the page is from an earlier log-in; open it again and repeat it")
