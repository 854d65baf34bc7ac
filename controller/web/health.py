"""/metrics for Prometheus, /livez and /readyz for whoever runs us, and the API beside them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

import msgspec
from gevent.pywsgi import WSGIServer
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from controller.web.serving import Handler

JSON: Final = "application/json"
#: Paths of the API begin so.
API: Final = "/api/"

StartResponse = Callable[[str, list[tuple[str, str]]], Any]
Application = Callable[[dict[str, Any], Any], Iterable[bytes]]


class HealthServer:
    """Serves the three pages, and an application under `/api/`.

    `readiness` gives what is checked, by name, and None where it is well, else what is wrong; so
    does `degraded`, of what is missed and keeps no call from being taken. `api` is a WSGI
    application; None: there is no API.
    """

    def __init__(
        self,
        address: tuple[str, int],
        registry: CollectorRegistry,
        readiness: Callable[[], dict[str, str | None]],
        api: Application | None = None,
        degraded: Callable[[], dict[str, str | None]] = dict,
    ) -> None:
        self._registry = registry
        self._readiness = readiness
        self._api = api
        self._degraded = degraded
        self._server = WSGIServer(
            address, self._serve, log=None, error_log=None, handler_class=Handler
        )

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
        if self._api is not None and environ.get("PATH_INFO", "").startswith(API):
            return self._api(environ, start_response)
        method = environ.get("REQUEST_METHOD")
        if method in ("GET", "HEAD"):
            status, kind, body = self._page(environ.get("PATH_INFO", ""))
            headers = [("Content-Type", kind)]
        else:
            status, headers, body = "405 Method Not Allowed", [("Allow", "GET, HEAD")], b""
        start_response(status, [*headers, ("Content-Length", str(len(body)))])
        # The server sends what it is given, and a body after HEAD would be read as an answer.
        return [] if method == "HEAD" else [body]

    def _page(self, path: str) -> tuple[str, str, bytes]:
        if path == "/metrics":
            return "200 OK", CONTENT_TYPE_LATEST, generate_latest(self._registry)
        if path == "/livez":
            return "200 OK", JSON, _json({"alive": True})
        if path == "/readyz":
            checks = self._readiness()
            ready = all(wrong is None for wrong in checks.values())
            status = "200 OK" if ready else "503 Service Unavailable"
            shown = {name: wrong or "ok" for name, wrong in (checks | self._degraded()).items()}
            return status, JSON, _json({"ready": ready, "checks": shown})
        return "404 Not Found", JSON, _json({"error": "no such page"})


def _json(body: object) -> bytes:
    return msgspec.json.encode(body) + b"\n"
