"""What is known of a return leg at a moment: everything that the machine goes by."""

from __future__ import annotations

import uuid

import msgspec

from controller.callback.states import Return
from controller.policy.model import Policy


class ReturnSession(msgspec.Struct, frozen=True):
    """A return leg.

    Attributes:
        leg: its uuid.
        request: the callback request that it belongs to.
        gateways: where destinations are called, in order.
        step: the number of the application under way, or of the last one.
        tries, dialled, talked, deadline, destination: as in `stage.Stage`.
        outcome: how the call ended, once that is decided.
        asked: when the last question was asked, seconds since 1970.
        hasty: questions in a row that ended before anybody can have heard them.

    """

    leg: str
    request: str
    policy: Policy
    gateways: tuple[str, ...]
    state: Return = Return.NEW
    timer: int = 0
    step: int = 0
    tries: int = 0
    dialled: int = 0
    talked: int = 0
    deadline: float = 0.0
    destination: str = ""
    outcome: str | None = None
    asked: float = 0.0
    hasty: int = 0

    @property
    def destination_legs(self) -> tuple[str, ...]:
        """The uuids of the legs to the current destination, one for each gateway.

        They are made from the leg's own uuid and the step, so that any controller knows them.
        """
        seed = uuid.uuid5(uuid.NAMESPACE_OID, self.leg)
        return tuple(
            str(uuid.uuid5(seed, f"{self.dialled}/{position}"))
            for position in range(len(self.gateways))
        )
