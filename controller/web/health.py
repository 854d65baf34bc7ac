"""/metrics for Prometheus, /livez and /readyz for whoever runs us, the API and the pages beside.

Anybody who can connect may ask whether the process is alive and ready. What it counts, and what is
wrong with it, is for the networks that the operator names.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import msgspec
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from controller.web.peers import PEER, Network, Peers, is_in
from controller.web.serving import Server

JSON: Final = "application/json"
#: Paths of the API begin so.
API: Final = "/api/"
#: What is asked for by programs, and served here.
OWN: Final = frozenset({"/metrics", "/livez", "/readyz"})

#: This machine.
LOOPBACK: Final = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))

StartResponse = Callable[[str, list[tuple[str, str]]], Any]
Application = Callable[[dict[str, Any], Any], Iterable[bytes]]


class HealthServer:
    """Serves those three, an application under `/api/`, and another one under everything else.

    `readiness` gives what is checked, by name, and None where it is well, else what is wrong; so
    does `degraded`, of what is missed and keeps no call from being taken. `api` is a WSGI
    application, and so are `pages`; None: there is none. `watchers`: who may read /metrics, and
    what /readyz says beyond yes and no; `proxies`: whose word is believed on who asks, and whether
    he came over TLS. `run` names this run of the process, for other controllers that ask whether it
    lives.
    """

    def __init__(
        self,
        address: tuple[str, int],
        registry: CollectorRegistry,
        readiness: Callable[[], dict[str, str | None]],
        api: Application | None = None,
        degraded: Callable[[], dict[str, str | None]] = dict,
        *,
        pages: Application | None = None,
        run: str = "",
        watchers: Sequence[Network] = LOOPBACK,
        proxies: Sequence[Network] = (),
        max_connections: int = 500,
    ) -> None:
        self._registry = registry
        self._run = {"run": run} if run else {}
        self._readiness = readiness
        self._api = api
        self._pages = pages
        self._degraded = degraded
        self._watchers = tuple(watchers)
        self._peers = Peers(proxies)
        self._server = Server(address, self._serve, max_connections=max_connections)

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        address = self._server.address
        return str(address[0]), int(address[1])

    def start(self) -> None:
        """Begin to serve. Raises `OSError` where the address cannot be had."""
        self._server.start()

    def close(self) -> None:
        """Stop serving."""
        self._server.stop(timeout=1)

    def _serve(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        environ[PEER] = self._peers.of(environ)
        # We have no TLS ourselves.
        environ["wsgi.url_scheme"] = "https" if self._peers.is_over_tls(environ) else "http"
        path = environ.get("PATH_INFO", "")
        if self._api is not None and path.startswith(API):
            return self._api(environ, start_response)
        if self._pages is not None and path not in OWN:
            return self._pages(environ, start_response)
        method = environ.get("REQUEST_METHOD")
        if method in ("GET", "HEAD"):
            status, kind, body = self._page(environ)
            headers = [("Content-Type", kind)]
        else:
            status, headers, body = "405 Method Not Allowed", [("Allow", "GET, HEAD")], b""
        start_response(status, [*headers, ("Content-Length", str(len(body)))])
        # The server sends what it is given, and a body after HEAD would be read as an answer.
        return [] if method == "HEAD" else [body]

    def _watches(self, environ: dict[str, Any]) -> bool:
        """Whether this peer is one that the operator has named for it."""
        return is_in(environ[PEER], self._watchers) and not self._peers.is_forwarded_by_a_stranger(
            environ
        )

    def _page(self, environ: dict[str, Any]) -> tuple[str, str, bytes]:
        path = environ.get("PATH_INFO", "")
        if path == "/metrics":
            if not self._watches(environ):
                return "403 Forbidden", JSON, _json({"error": "not from there: web.metrics_allow"})
            return "200 OK", CONTENT_TYPE_LATEST, generate_latest(self._registry)
        if path == "/livez":
            return "200 OK", JSON, _json({"alive": True} | self._run)
        if path == "/readyz":
            checks = self._readiness()
            ready = all(wrong is None for wrong in checks.values())
            status = "200 OK" if ready else "503 Service Unavailable"
            if not self._watches(environ):
                return status, JSON, _json({"ready": ready})
            shown = {name: wrong or "ok" for name, wrong in (checks | self._degraded()).items()}
            return status, JSON, _json({"ready": ready, "checks": shown})
        return "404 Not Found", JSON, _json({"error": "no such page"})


def _json(body: object) -> bytes:
    return msgspec.json.encode(body) + b"\n"
