"""Where a controller is reached by others: what it listens on says so, or does not."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from controller.settings import Settings


def is_anywhere(host: str) -> bool:
    """Whether a host to listen on is every address of the machine, and so none in particular."""
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return not host


def reached_at(host: str, port: int) -> str:
    """Give "host:port" of what listens there; empty where that is no address in particular."""
    if is_anywhere(host):
        return ""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def is_this_machine(host: str) -> bool:
    """Whether a host is the machine that says so, and so another one on each."""
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return host == "localhost"


def for_switches(settings: Settings, port: int) -> str:
    """Give where the switches reach a controller that listens on this port, "host:port".

    Empty where nobody knows: it listens on every address, or on one that only this machine has,
    while there are switches elsewhere.
    """
    listen = settings.listen
    if listen.advertise:
        return listen.advertise
    elsewhere = [node.host for node in settings.nodes if not is_this_machine(node.host)]
    if is_this_machine(listen.host) and (elsewhere or settings.discovery.allow):
        return ""
    return reached_at(listen.host, port)


def beside(address: str, host: str, port: int) -> str:
    """Give "host:port" of what listens on a host and port of the machine that `address` reaches."""
    if not is_anywhere(host):
        return reached_at(host, port)
    there = address.rpartition(":")[0].strip("[]")
    return reached_at(there, port) if there else ""


def welcome(host: str, port: int, secret: str) -> str:
    """Give the link by which somebody sets his password, on this machine.

    Through a proxy it has another beginning, which only the proxy knows.
    """
    return f"http://{reached_at(host, port) or f'127.0.0.1:{port}'}/welcome/{secret}"
