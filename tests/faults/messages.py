"""What the laboratory tells its switches, and what they write: light, so that all may read it."""

from __future__ import annotations

import msgspec

from controller.simulator.phones import TriggerCall


class Told(msgspec.Struct):
    """What a switch is told at its start.

    `controllers`: the dialplan's static list. `journal`: where it writes what is seen; `kept`: the
    directory of the second copy of each record; `orders`: the named pipe.
    """

    name: str
    port: int
    seed: int
    dialplan: str
    controllers: str
    journal: str
    records: str
    kept: str
    orders: str


class Order(msgspec.Struct):
    """One line of the pipe: a call to place, or the question what there is (`report`)."""

    call: TriggerCall | None = None
    report: str = ""


class Seen(msgspec.Struct, omit_defaults=True):
    """One line of the journal: what was seen of a leg, when, microseconds since 1970.

    `call`, `request`, `position`: what the leg says of itself, as in call records. `answered` and
    `ended`: the switch's own times of it, 0 where it is not. `gave_up`: the dialplan refused it,
    because no controller came.
    """

    at: int
    node: str
    core: str
    what: str
    leg: str = ""
    role: str = ""
    number: str = ""
    call: str = ""
    request: str = ""
    position: str = ""
    answered: int = 0
    ended: int = 0
    gave_up: bool = False
    detail: dict[str, str] = {}
