"""The simulated switch, as `callbackd simulate` runs it, with events in plain text framed too.

Peers subscribe to those (`myevents`); a controller asks for JSON, and the simulator frames nothing
else. `python -m bench.switch_process simulate …` takes what `callbackd` does.
"""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote

from controller.simulator import links
from controller.simulator.events import array

#: What mod_event_socket leaves as it is.
SAFE: Final = "/()*!,.~_-"


def frame(event: dict[str, Any]) -> bytes:
    """Give an event as `event plain` brings it: a head with its length, and its fields."""
    lines = [f"{name}: {quote(array(value), safe=SAFE)}\n" for name, value in event.items()]
    body = ("".join(lines) + "\n").encode()
    return b"Content-Length: %d\nContent-Type: text/event-plain\n\n%b" % (len(body), body)


if __name__ == "__main__":
    from controller.cli import main

    links.plain_frame = frame  # type: ignore[attr-defined]
    main()
