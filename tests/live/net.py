"""Free ports on the loopback interface, and waiting."""

import random
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack

HOST = "127.0.0.1"
# The address of a second trunk; every address of 127.0.0.0/8 is this machine.
OTHER_HOST = "127.0.0.2"
# How long is waited for what must come. Nothing is measured by it.
PATIENCE_S = 60.0


def free_ports(count: int) -> list[int]:
    """Choose ports that are free for UDP and TCP now; all are held until the last is chosen.

    They are below those that the system gives to connections: none is taken before it is used.
    """
    ports: list[int] = []
    with ExitStack() as held:
        while len(ports) < count:
            udp = held.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            tcp = held.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
            port = random.randrange(10_000, 32_000)
            try:
                udp.bind((HOST, port))
                tcp.bind((HOST, port))
            except OSError:
                continue
            ports.append(port)
    return ports


def free_media_port() -> int:
    """Choose a port that is free, as is the one two above it: SIPp takes both, and ends if not."""
    while True:
        (port,) = free_ports(1)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as above:
            try:
                above.bind((HOST, port + 2))
            except OSError:
                continue
        return port


def wait_until(
    what: str, ready: Callable[[], bool], seconds: float = PATIENCE_S, every: float = 0.05
) -> None:
    """Wait until something holds, or fail with its name."""
    end = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > end:
            raise TimeoutError(f"not within {seconds} s: {what}")
        time.sleep(every)
