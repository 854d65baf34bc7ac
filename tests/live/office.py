"""A controller for all tests of a module: what keeps them apart is an extension for each."""

import json
from pathlib import Path
from typing import Any

from .controllers import Controller
from .net import HOST, OTHER_HOST, wait_until
from .switch import PASSWORD

SHOWN = "12025550111"
# The first trunk has defaults; the second is one of which more is known.
CHANNELS: list[dict[str, Any]] = [
    {"name": "pstn", "addresses": [f"{HOST}/32"]},
    {
        "name": "pstn2",
        "addresses": [f"{OTHER_HOST}/32"],
        "identity": ["p-asserted-identity", "from"],
        "refusal_cause": "CALL_REJECTED",
    },
]
NUMBERS = [{"number": f"+{SHOWN}", "channel": "pstn", "client": "main"}]
# X is as short as may be, and so is the delay.
COMMON: dict[str, Any] = {
    "country": "US",
    "ring_seconds": 1,
    "delay_seconds": 1,
    "caller_ids": [f"+{SHOWN}"],
}


class Office:
    """The controller, and what it has kept.

    `gateways`: where the switch has the files of its gateways; those of channels with a proxy are
    written there. `other_port`: where another controller listens, which shares all with the first.
    `sections`: of the document, in place of the usual ones; `settings`, `records`, `host`: as of a
    controller.
    """

    def __init__(
        self,
        folder: Path,
        listen_port: int,
        event_port: int,
        extensions: list[dict[str, Any]],
        *,
        gateways: Path | None = None,
        other_port: int | None = None,
        settings: str = "",
        records: Path | None = None,
        host: str = HOST,
        **sections: list[dict[str, Any]],
    ) -> None:
        self.data = folder / "data"
        ports = {"controller": listen_port, "other": other_port}
        #: The one controller, or both, as those of a bench.
        self.controllers = [
            Controller(
                folder / name, self.data, port, event_port, PASSWORD, settings, records, host
            )
            for name, port in ports.items()
            if port is not None
        ]
        self.controller = self.controllers[0]
        document = {
            "version": 1,
            "channels": CHANNELS,
            "numbers": NUMBERS,
            "extensions": [{**COMMON, **extension} for extension in extensions],
            **sections,
        }
        file = folder / "config.json"
        file.write_text(json.dumps(document), "utf-8")
        self.controller.run("import", str(file))
        if gateways is not None:
            self.controller.run("switch", "config", "--directory", str(gateways))
        for controller in self.controllers:
            controller.start()

    def close(self) -> None:
        """Stop the controllers."""
        for controller in self.controllers:
            controller.stop()

    def requests(self, extension: str) -> list[dict[str, Any]]:
        """List the callbacks of an extension."""
        return [r for r in self.controller.requests() if r["extension"] == extension]

    def callbacks(self, extension: str, count: int = 1) -> list[dict[str, Any]]:
        """Wait until so many callbacks of an extension are over, and give all that is kept.

        Each of them has called somebody, or tried to.
        """
        path = f"/callbacks?extension={extension}"

        def listed() -> list[dict[str, Any]]:
            found: list[dict[str, Any]] = self.controller.ask(path)["items"]
            return found

        def over() -> bool:
            return [r["state"] in {"done", "refused"} for r in listed()] == [True] * count

        wait_until(f"{count} callbacks of {extension} are over", over, every=0.3)
        # What became of destinations is written within a second.
        return [self._whole(one["id"]) for one in listed()]

    def _whole(self, callback: str) -> dict[str, Any]:
        found: list[dict[str, Any]] = []

        def known() -> bool:
            found[:] = [self.controller.ask(f"/callbacks/{callback}")]
            ends = [called["ended"] for called in found[0]["destinations"]]
            return bool(ends) and all(ends)

        wait_until(f"all is kept of {callback}", known, every=0.3)
        return found[0]

    def tries(self, request: str) -> list[dict[str, Any]]:
        """List the tries of a callback."""
        tries: list[dict[str, Any]] = self.controller.show(request)["tries"]
        return tries

    def over(self, extension: str, count: int = 1) -> list[dict[str, Any]]:
        """Wait until so many callbacks of an extension are over, and there is no other."""

        def states() -> list[bool]:
            return [r["state"] in {"done", "refused"} for r in self.requests(extension)]

        what = f"{count} callbacks of {extension} are over"
        wait_until(what, lambda: states() == [True] * count, every=0.3)
        return self.requests(extension)

    def outcomes(self, extension: str, count: int = 1) -> dict[str | None, str]:
        """Wait as `over` does, and give what became of each caller."""
        return {r["caller"]: r["outcome"] for r in self.over(extension, count)}
