"""Puts extensions into a database, with what they need there: client, channel, public numbers."""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Sequence

from sqlalchemy import Engine

from controller.admin.directory import Directory
from controller.admin.model import Actor, Kind
from controller.policy.channels import Channel
from controller.policy.model import Policy
from controller.policy.records import Client, PublicNumber, Role
from controller.store.passwords import Passwords

ADMIN = Actor(name="test", role=Role.ADMIN)
PEPPER = secrets.token_bytes(32)


def directory(engine: Engine, pepper: bytes = PEPPER) -> Directory:
    """A directory whose clock counts from 1: each call of it is a microsecond later."""
    ticks = itertools.count(1)
    return Directory(engine, passwords=lambda: Passwords(pepper), now=lambda: next(ticks))


def keep(
    engine: Engine, *policies: Policy, channels: Sequence[Channel] = (Channel(name="pstn"),)
) -> None:
    """Store extensions as they are, and what they refer to; their numbers on the first channel."""
    store = directory(engine)
    clients = sorted({policy.client for policy in policies})
    numbers = {number: policy.client for policy in policies for number in policy.caller_ids}
    dids = {number for policy in policies for number in policy.dids}
    for policy in policies:
        custom = policy.caller_id_number
        if custom is not None and custom not in dids:
            numbers[custom] = policy.client
    store.apply(ADMIN, Kind.CLIENT, [Client(name=name) for name in clients if name != "main"])
    store.apply(ADMIN, Kind.CHANNEL, channels)
    store.apply(
        ADMIN,
        Kind.NUMBER,
        [
            PublicNumber(number=number, channel=channels[0].name, client=client)
            for number, client in numbers.items()
        ],
    )
    store.apply(ADMIN, Kind.EXTENSION, policies)
