"""Who asks: `Authorization: Bearer` and the secret of a token.

Wrong ones are limited by the peer that shows them. Guessing 256 bits is hopeless at any speed; what
is limited is what it costs us, since each one is looked up in the database.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from hashlib import sha256
from typing import Any, Final

import structlog

from controller.admin.model import Actor
from controller.web.api.failures import SECONDS, Failures
from controller.web.api.problems import too_many, unauthorised

log: Any = structlog.get_logger("api")

#: How long a token that was good is taken without asking again; one that is revoked or expired
#: works no longer than that.
TRUSTED_SECONDS: Final = 1.0
#: How many are remembered.
MOST_REMEMBERED: Final = 1024

_BEARER: Final = re.compile(r"bearer +([A-Za-z0-9._~+/-]{1,256}=*) *\Z", re.IGNORECASE | re.ASCII)


class Tokens:
    """Authenticates requests. `authenticate` is asked at most once a second for each token.

    `clock` gives seconds that never go back. `on_wrong` is told of each token that is not taken,
    and whether it was refused unseen, because of those before it.
    """

    def __init__(
        self,
        authenticate: Callable[[str], Actor | None],
        clock: Callable[[], float],
        on_wrong: Callable[[bool], None] = lambda unseen: None,
    ) -> None:
        self._authenticate = authenticate
        self._clock = clock
        self._on_wrong = on_wrong
        # By digest: a secret is kept nowhere. Only good ones: bad ones could push them out.
        self._known: dict[bytes, tuple[float, Actor]] = {}
        self._failures = Failures()

    def actor(self, header: str | None, peer: str = "") -> Actor:
        """Give whose token this is. Raises `Refusal` where it is none, or not any more.

        A `peer` that has shown too many wrong ones is refused for a while, but for the tokens that
        were good before: behind one proxy, honest clients and others may have one address.
        """
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
        wait = self._failures.wait(peer, asked)
        if wait and actor is None:
            self._on_wrong(True)
            raise too_many(wait)
        actor = self._authenticate(bearer[1])
        if actor is None:
            self._known.pop(digest, None)
            if self._failures.note(peer, asked):
                log.warning(
                    "wrong_tokens",
                    peer=peer,
                    refused_seconds=SECONDS,
                    remedy="is it a proxy of yours? then name it in web.proxies",
                )
            self._on_wrong(False)
            raise unauthorised()
        if len(self._known) >= MOST_REMEMBERED:
            self._known.clear()
        self._known[digest] = (asked + TRUSTED_SECONDS, actor)
        return actor
