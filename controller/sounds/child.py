"""The process that converts one sound and ends: `python -m controller.sounds.child`.

It reads the file from its standard input, and writes what it became to its standard output.
"""

from __future__ import annotations

import resource
import sys
from typing import Final

import msgspec

from controller.sounds.model import Converted, SoundError

#: The most memory that it may have, bytes; a sound of five minutes takes a tenth of it.
MOST_MEMORY: Final = 1 << 30
#: The most time of a processor, seconds.
MOST_CPU_SECONDS: Final = 60


class Answer(msgspec.Struct, frozen=True):
    """What became of a file: the sound, or what is wrong with it."""

    converted: Converted | None = None
    error: str | None = None


def main() -> None:
    """Convert what comes in."""
    for limit, wanted in (
        (resource.RLIMIT_AS, MOST_MEMORY),
        (resource.RLIMIT_CPU, MOST_CPU_SECONDS),
        # It writes no file, and leaves no core with somebody's voice in it.
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(limit)[1]
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(limit, (most, most))
    data = sys.stdin.buffer.read()
    # After the limits: these are large, and the decoders come with them.
    from controller.sounds.converting import convert  # noqa: PLC0415

    try:
        answer = Answer(converted=convert(data))
    except SoundError as error:
        answer = Answer(error=str(error))
    sys.stdout.buffer.write(msgspec.msgpack.encode(answer))


if __name__ == "__main__":
    main()
