"""/metrics for Prometheus, /livez and /readyz for whoever runs us."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import msgspec
from gevent.pywsgi import WSGIServer
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

StartResponse = Callable[[str, list[tuple[str, str]]], Any]


class HealthServer:
    """Serves the three pages.

    `readiness` gives what is checked, by name, and None where it is well, else what is wrong.
    """

    def __init__(
        self,
        address: tuple[str, int],
        registry: CollectorRegistry,
        readiness: Callable[[], dict[str, str | None]],
    ) -> None:
        self._registry = registry
        self._readiness = readiness
        self._server = WSGIServer(address, self._serve, log=None, error_log=None)

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
        path = environ.get("PATH_INFO", "")
        if environ.get("REQUEST_METHOD") not in ("GET", "HEAD"):
            start_response("405 Method Not Allowed", [("Allow", "GET, HEAD")])
            return [b""]
        if path == "/metrics":
            body = generate_latest(self._registry)
            start_response("200 OK", [("Content-Type", CONTENT_TYPE_LATEST)])
            return [body]
        if path == "/livez":
            return self._json(start_response, "200 OK", {"alive": True})
        if path == "/readyz":
            checks = self._readiness()
            ready = all(wrong is None for wrong in checks.values())
            status = "200 OK" if ready else "503 Service Unavailable"
            shown = {name: wrong or "ok" for name, wrong in checks.items()}
            return self._json(start_response, status, {"ready": ready, "checks": shown})
        return self._json(start_response, "404 Not Found", {"error": "no such page"})

    @staticmethod
    def _json(start_response: StartResponse, status: str, body: object) -> Iterable[bytes]:
        start_response(status, [("Content-Type", "application/json")])
        return [msgspec.json.encode(body) + b"\n"]
