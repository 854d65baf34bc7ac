"""What tests of the resolver begin with."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any, Final

from controller.callerid.model import Decision, Numbers, Rang
from controller.callerid.resolver import resolve
from controller.policy.fields import Choice, ShownFrom
from controller.policy.model import Policy
from controller.policy.rules import effective

EXTENSION: Final = "100"
DESTINATION: Final = "+442079460000"
#: The channel that routes the call, and another one.
OUT: Final = "out"
OTHER: Final = "other"
CONTACT: Final = "Acme Ltd"
NOBODY: Final = Rang()


def policy(
    *assigned: str,
    default: str | None = None,
    number_from: str = "server",
    name_from: str = "custom",
    choice: str = "random",
    **more: Any,
) -> Policy:
    """Give a policy as calls go by it; the default is the first assigned number, unless given."""
    return effective(
        Policy(
            extension=EXTENSION,
            dids=("+12025550100",),
            country="US",
            caller_ids=assigned,
            default_caller_id=default or next(iter(assigned), None),
            caller_id_number_from=ShownFrom(number_from),
            caller_id_name_from=ShownFrom(name_from),
            caller_id_choice=Choice(choice),
            **more,
        ),
        contact_name=CONTACT,
        client_enabled=True,
    )


def shown(
    by: Policy,
    channels: Mapping[str, str],
    *,
    own: tuple[str, ...] = (),
    rang: Rang = NOBODY,
    channel: str = OUT,
    destination: str = DESTINATION,
    index: int = 0,
) -> Decision:
    """Ask the resolver; of several numbers it takes the one at `index`, or the last."""
    return resolve(
        by,
        Numbers(channels, frozenset(own)),
        rang,
        channel=channel,
        destination=destination,
        pick=lambda count: min(index, count - 1),
    )


def dice(seed: int) -> random.Random:
    """Give randomness that is the same each time."""
    return random.Random(seed)
