"""Converts a sound in a process of its own: a file that breaks its decoder breaks that only.

The process may have so much memory and so much time, and knows none of our secrets. It blocks
until that is done: it is called in a thread.
"""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Final

import msgspec

from controller.sounds.child import Answer
from controller.sounds.model import MOST_BYTES, Converted, SoundError

#: How long a conversion may take, seconds; one of five minutes of sound takes about one.
MOST_SECONDS: Final = 90
#: What in our environment is nobody else's: the database's password may be there.
_OURS: Final = ("CALLBACKD_", "REDIS_URL", "PG")


def convert(data: bytes) -> Converted:
    """Convert a file. Raises `SoundError`, which says what is wrong with it and what to do."""
    if len(data) > MOST_BYTES:
        raise SoundError(f"audio: is larger than {MOST_BYTES >> 20} MB; upload a shorter one")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
    # One thread: each further one would take its share of the memory before it does anything.
    environment |= {"OPENBLAS_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "controller.sounds.child"],
            input=data,
            capture_output=True,
            env=environment,
            timeout=MOST_SECONDS,
            check=False,
        )
        answer = msgspec.msgpack.decode(done.stdout, type=Answer)
    except (subprocess.TimeoutExpired, msgspec.MsgspecError):
        answer = Answer()
    if answer.converted is None:
        raise SoundError(
            answer.error
            or "audio: the file broke its decoder, or took more time or memory than any sound "
            "does; make it anew, as WAV"
        )
    return answer.converted
