"""The variables that a leg gets at its end, for the call record and CHANNEL_HANGUP_COMPLETE.

FreeSWITCH: ``switch_channel_set_timestamps`` in ``src/switch_channel.c``. Seconds are differences
of whole seconds of the clock, so a conversation of 3.5 s may have ``billsec`` 4.
"""

from controller.simulator.causes import Q850
from controller.simulator.events import Value, stamp
from controller.simulator.profile import CallerProfile

_MILLION = 1_000_000


def report_variables(
    cause: str, first: CallerProfile, last: CallerProfile, digits: str
) -> dict[str, Value]:
    """The end-of-call variables. ``digits``: all that were dialled and not sensitive."""
    times = last.times
    start, end = first.times.created, times.hungup
    moments = {
        "start": start,
        "profile_start": times.profile_created,
        "answer": times.answered,
        "bridge": times.bridged,
        "last_hold": 0,
        "resurrect": 0,
        "progress": times.progress,
        "progress_media": 0,
        "end": end,
    }
    found: dict[str, Value] = {
        "hangup_cause": cause,
        "hangup_cause_q850": str(Q850.get(cause, 16)),
        "digits_dialed": digits or "none",
    }
    for name in ("start", "profile_start", "answer", "bridge", "progress", "end"):
        if moments[name]:
            found[f"{name}_stamp"] = stamp(moments[name])
    for name, moment in moments.items():
        found[f"{name}_epoch"] = str(moment // _MILLION)
        found[f"{name}_uepoch"] = str(moment)
        if name == "last_hold":
            found.update(hold_accum_seconds="0", hold_accum_usec="0", hold_accum_ms="0")
    if last.cid_name:
        found["caller_id"] = f'"{last.cid_name}" <{last.cid_number}>'
    else:
        found["caller_id"] = last.cid_number
    spans = {
        "duration": (start, end),
        "bill": (times.answered, end),
        "progress": (start, times.progress),
        "answer": (start, times.answered),
        "wait": (start, times.bridged),
        "progress_media": (start, 0),
        "flow_bill": (start if times.answered else 0, end),
    }
    for unit, divisor in (("sec", _MILLION), ("msec", 1000), ("usec", 1)):
        for name, (begin, finish) in spans.items():
            span = finish // divisor - begin // divisor if begin and finish else 0
            if name == "duration":
                found[{"sec": "", "msec": "m", "usec": "u"}[unit] + name] = str(span)
            else:
                found[name + unit] = str(span)
    return found
