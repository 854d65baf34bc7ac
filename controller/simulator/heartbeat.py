"""What a switch says of itself every 20 seconds, as 1.11.1 was seen to.

FreeSWITCH: ``send_heartbeat`` in ``src/switch_core.c``.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

import gevent

if TYPE_CHECKING:
    from controller.simulator.switch import Simulator

#: FreeSWITCH's own default, `event-heartbeat-interval`.
SECONDS: Final = 20.0


def beat(simulator: Simulator) -> None:
    """Say it now, to whoever listens."""
    core = simulator.configuration.core
    up = int((time.time() - simulator.started) * 1000)
    event = simulator.head.make("HEARTBEAT")
    event["Event-Info"] = "System Ready"
    event["FreeSWITCH-Version"] = simulator.version
    event["Uptime-msec"] = str(up)
    event["Session-Count"] = str(len(simulator.legs))
    event["Max-Sessions"] = core.get("max-sessions", "1000")
    event["Session-Per-Sec"] = core.get("sessions-per-second", "30")
    event["Session-Since-Startup"] = str(simulator.total)
    event["Session-Peak-Max"] = str(simulator.peak)
    event["Idle-CPU"] = f"{simulator.configuration.idle:.6f}"
    simulator.links.publish(event)


def beat_on(simulator: Simulator) -> None:
    """Say it again and again."""
    while True:
        gevent.sleep(SECONDS)
        beat(simulator)
