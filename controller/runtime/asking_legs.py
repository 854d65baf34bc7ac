"""Asks a switch for one leg: since when it is answered, and how far its call has come."""

from __future__ import annotations

import msgspec

from controller.esl.switch import SwitchLink


class Asked(msgspec.Struct, frozen=True):
    """What a switch says of a leg: microseconds since it was answered, 0 where it is not."""

    since: int
    stage: str | None


class _Dump(
    msgspec.Struct,
    frozen=True,
    rename={
        "now": "Event-Date-Timestamp",
        "answered": "Caller-Channel-Answered-Time",
        "stage": "variable_callback_stage",
    },
):
    now: str = ""
    answered: str = ""
    stage: str | None = None


def asked(link: SwitchLink, uuid: str) -> Asked | None:
    """Ask a switch for a leg; None: it has none of that uuid."""
    try:
        dump = msgspec.json.decode(link.api("uuid_dump", uuid, "json"), type=_Dump)
    except msgspec.DecodeError:
        return None
    now, answered = (
        int(text) if text.isascii() and text.isdigit() and len(text) < 20 else 0
        for text in (dump.now, dump.answered)
    )
    return Asked(max(now - answered, 1) if answered and now else 0, dump.stage)
