"""Who asks: `Authorization: Bearer` and the secret of a token."""

from __future__ import annotations

import re
from collections.abc import Callable
from hashlib import sha256
from typing import Final

from controller.admin.model import Actor
from controller.web.api.problems import unauthorised

#: How long a token that was good is taken without asking again; one that is revoked or expired
#: works no longer than that.
TRUSTED_SECONDS: Final = 1.0
#: How many are remembered.
MOST_REMEMBERED: Final = 1024

_BEARER: Final = re.compile(r"bearer +([A-Za-z0-9._~+/-]{1,256}=*) *\Z", re.IGNORECASE | re.ASCII)


class Tokens:
    """Authenticates requests. `authenticate` is asked at most once a second for each token.

    `clock` gives seconds that never go back.
    """

    def __init__(
        self, authenticate: Callable[[str], Actor | None], clock: Callable[[], float]
    ) -> None:
        self._authenticate = authenticate
        self._clock = clock
        # By digest: a secret is kept nowhere. Only good ones: bad ones could push them out.
        self._known: dict[bytes, tuple[float, Actor]] = {}

    def actor(self, header: str | None) -> Actor:
        """Give whose token this is. Raises `Refusal` where it is none, or not any more."""
        bearer = _BEARER.match(header or "")
        if bearer is None:
            raise unauthorised()
        digest = sha256(bearer[1].encode()).digest()
        # Before it is asked: what is answered was true then, and may not be by now.
        asked = self._clock()
        until, actor = self._known.get(digest, (asked, None))
        if asked < until:
            assert actor is not None
            return actor
        actor = self._authenticate(bearer[1])
        if actor is None:
            self._known.pop(digest, None)
            raise unauthorised()
        if len(self._known) >= MOST_REMEMBERED:
            self._known.clear()
        self._known[digest] = (asked + TRUSTED_SECONDS, actor)
        return actor
