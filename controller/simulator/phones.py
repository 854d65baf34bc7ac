"""The phones at both ends, as data: what they do, and what they saw."""

from typing import Literal

import msgspec

#: ``no_answer`` rings on; of ``silent`` nothing is ever heard.
Outcome = Literal[
    "answer", "busy", "no_answer", "reject", "unreachable", "congestion", "unallocated", "silent"
]
Moment = Literal["question", "answer", "bridge", "heard"]


class TriggerCall(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A call from outside to one of our numbers.

    ``at``: seconds after the simulator's start. ``name``: the display name. ``headers``: SIP
    headers of the INVITE, such as ``Privacy`` or ``P-Asserted-Identity``. ``host``: that of From,
    where it is not the phone's. ``address``: where the INVITE comes from, by which its trunk is
    told. ``hang_up_after``: seconds after which the caller gives up, counted from the INVITE.
    """

    id: str
    caller: str
    did: str
    at: float = 0.0
    name: str = ""
    headers: dict[str, str] = {}
    host: str = ""
    address: str = "127.0.0.1"
    hang_up_after: float | None = None


class Keys(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Keys pressed ``after`` seconds of a moment, ``gap`` seconds from one to the next.

    ``question``: the next ``play_and_get_digits`` or ``read`` that starts on the leg; each entry
    uses up one. ``bridge``: each conversation uses up one entry likewise. ``heard``: a sound with
    ``what`` in its name starts on the leg (a ``say`` is named ``say:`` and its argument); the next
    such, each entry using up one, or with ``count`` the ``count``-th of the whole call.
    """

    press: str
    when: Moment = "question"
    after: float = 0.1
    gap: float = 0.05
    what: str = ""
    count: int | None = None


class HangUp(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The phone hangs up ``after`` seconds of the ``count``-th such moment.

    ``heard``: of the ``count``-th sound with ``what`` in its name.
    """

    when: Moment
    after: float
    count: int = 1
    what: str = ""


class Behaviour(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What a phone does with one call. ``after``: seconds it rings before it does that."""

    on_call: Outcome = "answer"
    after: float = 0.3
    keys: list[Keys] = []
    hang_up: HangUp | None = None


class Phone(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A number; its nth call is met with the nth behaviour, and the last one repeats."""

    number: str
    calls: list[Behaviour] = []


class JournalEntry(msgspec.Struct, kw_only=True):
    """What the phone at a leg's far end saw, ``t`` seconds after the simulator's start.

    ``detail`` holds what belongs to ``what``: ``cause`` and ``sip`` (status), ``caller_id_number``
    and ``caller_id_name`` as shown, ``file``, ``digits`` (``*`` while they are sensitive),
    ``digit`` (a key that came from the other side of a conversation).
    """

    t: float
    leg: str
    role: str
    number: str
    what: str
    call: str | None = None
    detail: dict[str, str] = {}


# What each outcome is to the switch: the cause, and the SIP answer on the wire.
REFUSALS: dict[str, tuple[str, int, str]] = {
    "busy": ("USER_BUSY", 486, "Busy Here"),
    "reject": ("CALL_REJECTED", 603, "Decline"),
    "unreachable": ("NORMAL_TEMPORARY_FAILURE", 503, "Service Unavailable"),
    "congestion": ("NORMAL_TEMPORARY_FAILURE", 503, "Service Unavailable"),
    "unallocated": ("UNALLOCATED_NUMBER", 404, "Not Found"),
}
