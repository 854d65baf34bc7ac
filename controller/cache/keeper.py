"""Keeps one server running for exactly as long as the controller that started it lives.

Run as a program of its own: `keeper.py LOCK COMMAND [ARGUMENT …]`, in the server's directory. Its
standard input is a pipe that the controller holds and never writes to: at its end, however the
controller ended, the server ends too. LOCK is a descriptor of the lock that says that a server is
here; the server holds it too, so that nobody starts another one beside it.

It says `ready` on its standard output when the server answers, or else why it does not.
Only the standard library is used: it has to be small and to begin at once.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

#: Names in the server's directory.
SOCKET: Final = "redis.sock"
LOG: Final = "server.log"
#: How long a server may take until it answers, and until it has ended, seconds.
START_SECONDS: Final = 5.0
STOP_SECONDS: Final = 2.0
#: How much is told of what a server said that did not start.
SAID_BYTES: Final = 2_000

_PR_SET_PDEATHSIG: Final = 1


def main(lock: int, command: list[str]) -> int:
    """Run the server. Gives 0 where it was ended by us, else 1."""
    # A Ctrl-C in the controller's terminal, or a stop of its whole group, is for the controller:
    # it lets its calls end first, and needs the server for that.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    # What the server makes is nobody else's either.
    os.umask(0o077)
    with Path(LOG).open("wb") as said:
        try:
            server = subprocess.Popen(  # noqa: S603  (the controller chose the command)
                command,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                pass_fds=(lock,),
                preexec_fn=_end_with_parent,  # noqa: PLW1509  (there is one thread)
            )
        except OSError as error:
            _say(f"{command[0]}: {error}")
            return 1
    try:
        if not _begin(server):
            return 1
        while server.poll() is None:
            readable, _, _ = select.select([sys.stdin.fileno(), woken], [], [])
            if woken in readable:
                os.read(woken, 64)
            if sys.stdin.fileno() in readable and not os.read(sys.stdin.fileno(), 64):
                return 0
        return 1
    finally:
        _end(server)


def _end_with_parent() -> None:
    # Should we be killed ourselves, the server must not stay behind without anybody's care.
    with contextlib.suppress(AttributeError, OSError):  # Linux only
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _begin(server: subprocess.Popen[bytes]) -> bool:
    until = time.monotonic() + START_SECONDS
    while server.poll() is None and time.monotonic() < until:
        if _answers():
            _say("ready")
            return True
        # The controller may be gone already.
        readable, _, _ = select.select([sys.stdin.fileno()], [], [], 0.01)
        if readable:
            return False
    said = Path(LOG).read_bytes()[-SAID_BYTES:].decode(errors="replace").strip()
    ended = server.poll()
    what = "did not answer in time" if ended is None else f"ended with status {ended}"
    _say(f"the server {what} and said: {said or 'nothing'}")
    return False


def _answers() -> bool:
    with socket.socket(socket.AF_UNIX) as asking:
        asking.settimeout(1.0)
        try:
            asking.connect(SOCKET)
            asking.sendall(b"PING\r\n")
            return asking.recv(64).startswith(b"+PONG")
        except OSError:
            return False


def _say(text: str) -> None:
    with contextlib.suppress(OSError):  # nobody may be there to hear it
        os.write(1, text.encode())
    # The end of it is the end of the pipe; what is printed later has nobody who reads it.
    with Path(os.devnull).open("wb") as nothing:
        os.dup2(nothing.fileno(), 1)
        os.dup2(nothing.fileno(), 2)


def _end(server: subprocess.Popen[bytes]) -> None:
    server.terminate()
    try:
        server.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2:]))
