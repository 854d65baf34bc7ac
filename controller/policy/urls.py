"""URLs that something is posted to, as they may be written."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

#: Nothing that ends a line of a request, or would have to be encoded.
_PLAIN: Final = re.compile(r"[!-~]{1,1000}\Z", re.ASCII)
#: Long enough not to be guessed.
_SECRET: Final = re.compile(r"[ -~]{16,128}\Z", re.ASCII)


def trouble(url: str, secret: str) -> str | None:
    """Say what is wrong with a URL, and the secret by which requests to it are signed.

    It is not shown: it may hold a secret too. None: nothing is wrong.
    """
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        good = False
    if not good or not _PLAIN.match(url):
        return "is no URL; write https://host/path"
    if parts.username is not None or parts.password is not None or parts.fragment:
        return "a user, a password and a fragment are not sent; leave them out"
    if not _SECRET.match(secret):
        return "its requests are signed: set secret, 16 to 128 letters"
    return None
