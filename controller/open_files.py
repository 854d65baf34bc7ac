"""How many files, sockets among them, a controller may have open at a time."""

from __future__ import annotations

import resource
from typing import Final

from controller.settings import Settings

#: What a controller has open besides connections of legs and of browsers.
OTHERS: Final = 200


def needed(settings: Settings) -> int:
    """Give how many it has where as many legs and browsers are there as it lets in."""
    return settings.listen.max_connections + settings.web.max_connections + OTHERS


def allowed() -> int:
    """Give how many a process here may have at the most, which it has to ask for."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return most if most != resource.RLIM_INFINITY else 1 << 30


def allow(settings: Settings) -> int:
    """Let this process have what it needs, as far as it may; give how many those are now.

    What a shell or a unit gives is mostly 1,024, as programs of long ago expect (systemd.exec(5),
    LimitNOFILE); more is to be had by whoever asks.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed(settings):
        return soft if soft != resource.RLIM_INFINITY else 1 << 30
    wanted = min(needed(settings), allowed())
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return wanted
