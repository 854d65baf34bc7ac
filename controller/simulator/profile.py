"""The caller profile of a leg: who calls whom, and when what happened.

FreeSWITCH: ``switch_caller_profile_event_set_data`` in ``src/switch_caller.c``. A transfer makes a
new profile; its times of answer and progress are those of the leg.
"""

import msgspec

from controller.simulator.events import Event


class Times(msgspec.Struct):
    """Moments in microseconds; 0 is "not yet"."""

    profile_created: int = 0
    created: int = 0
    answered: int = 0
    progress: int = 0
    hungup: int = 0
    bridged: int = 0


class CallerProfile(msgspec.Struct, kw_only=True):
    """One caller profile. Empty fields are left out of events, as the switch does."""

    uuid: str
    direction: str
    channel_name: str
    destination: str
    context: str
    source: str
    logical_direction: str = ""
    username: str = ""
    dialplan: str = ""
    cid_name: str = ""
    cid_number: str = ""
    orig_cid_name: str = ""
    orig_cid_number: str = ""
    callee_name: str = ""
    callee_number: str = ""
    network_addr: str = ""
    ani: str = ""
    transfer_source: str = ""
    rdnis: str = ""
    index: int = 1
    hide_name: bool = False
    hide_number: bool = False
    times: Times = msgspec.field(default_factory=Times)

    def add_to(self, event: Event, prefix: str, *, zero_times: bool = False) -> None:
        """Add the profile's fields under a prefix (``Caller``, ``Channel`` or ``Other-Leg``)."""
        other = prefix == "Other-Leg"
        for name, value in (
            ("Direction", self.direction),
            ("Logical-Direction", self.logical_direction or self.direction),
            ("Username", self.username),
            ("Dialplan", self.dialplan),
            ("Caller-ID-Name", self.cid_name),
            ("Caller-ID-Number", self.cid_number),
            ("Orig-Caller-ID-Name", self.orig_cid_name),
            ("Orig-Caller-ID-Number", self.orig_cid_number),
            ("Callee-ID-Name", self.callee_name),
            ("Callee-ID-Number", self.callee_number),
            ("Network-Addr", self.network_addr),
            ("ANI", self.ani),
            ("Destination-Number", self.destination),
            ("Unique-ID", self.uuid),
            ("Source", self.source),
            ("Transfer-Source", "" if other else self.transfer_source),
            ("Context", self.context),
            ("RDNIS", self.rdnis),
            ("Channel-Name", self.channel_name),
            ("Profile-Index", "" if other else str(self.index)),
        ):
            if value:
                event[f"{prefix}-{name}"] = value
        times = Times(progress=self.times.progress) if zero_times else self.times
        for name, moment in (
            ("Profile-Created-Time", times.profile_created),
            ("Channel-Created-Time", times.created),
            ("Channel-Answered-Time", times.answered),
            ("Channel-Progress-Time", times.progress),
            ("Channel-Progress-Media-Time", 0),
            ("Channel-Hangup-Time", times.hungup),
            ("Channel-Transfer-Time", 0),
            ("Channel-Resurrect-Time", 0),
            ("Channel-Bridged-Time", times.bridged),
            ("Channel-Last-Hold", 0),
            ("Channel-Hold-Accum", 0),
        ):
            event[f"{prefix}-{name}"] = str(moment)
        event[f"{prefix}-Screen-Bit"] = "true"
        event[f"{prefix}-Privacy-Hide-Name"] = str(self.hide_name).lower()
        event[f"{prefix}-Privacy-Hide-Number"] = str(self.hide_number).lower()
