"""Files that a page's script sends as they are: no form around them, read when it is their turn."""

from __future__ import annotations

from typing import Final

from flask import Response, make_response, render_template, request

from controller.web.api.reading import upload

#: As what they are sent.
TYPE: Final = "application/octet-stream"


def read(most: int) -> bytes:
    """Read the file that was sent. Raises `Refusal`: it is larger, or it broke off."""
    return upload(request, most, TYPE)


def go(path: str) -> Response:
    """Have the script go on to a page: as htmx does, by a header."""
    return Response(status=204, headers={"HX-Redirect": path})


def wrong(message: str) -> Response:
    """Say what is wrong with the file."""
    return make_response(render_template("_wrong_file.html", message=message), 422)
