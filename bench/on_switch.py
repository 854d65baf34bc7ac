"""What a callback costs a real FreeSWITCH and whoever drives it, against two peers.

Ours, with everything on (SQL, Redis, credit, guards, metrics, call records), a Lua script inside
the switch that does the same calls and stores nothing, and a bare greenswitch script. Each makes
the same callbacks through SIP: a trigger call that is refused, the return call, a password, a
number, two seconds of talking, goodbye. Measured is the work (user and system) of the switch's
process and of the driver's, without what they do when there is no call. Drivers take turns on one
switch; the peers' calls leave no record.

What is counted (frames, commands) is counted in a run of its own, through a proxy, and memory on a
switch of its own for each: what one more talking call takes, between few and many.

There has to be a FreeSWITCH (`freeswitch` on the PATH, or FREESWITCH_BIN), with mod_lua, and SIPp.
"""

from __future__ import annotations

import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from bench.on_switch_phones import Keys, Phone, resident, worked
from bench.on_switch_site import DIDS, PIN, Site, driving, records
from bench.on_switch_tap import Count
from tests.live.net import HOST, wait_until

CALLS: Final = int(os.environ.get("BENCH_CALLS", "40"))
REPEATS: Final = int(os.environ.get("BENCH_REPEATS", "3"))
#: Callbacks asked for in a second.
RATE: Final = 4.0
TALK_SECONDS: Final = 2
#: How long what is done without calls is measured, seconds.
IDLE_SECONDS: Final = 6.0
#: How many talk when memory is measured, and for how long they do, seconds.
TALKING: Final = (20, 80)
LONG_SECONDS: Final = 90
PATIENCE_SECONDS: Final = 180.0


WHAT: Final = "CPU of switch and driver per callback"


def run() -> dict[str, Any]:
    """Measure all three; where there is no such switch, say what is missing."""
    freeswitch = os.environ.get("FREESWITCH_BIN") or shutil.which("freeswitch")
    sipp = shutil.which("sipp")
    if not freeswitch or not sipp:
        return _skipped("no sipp" if freeswitch else "no freeswitch")
    with tempfile.TemporaryDirectory(prefix="cb-") as root:
        folder = Path(root)
        with Site(freeswitch, folder / "cpu") as site:
            if site.switch.api("module_exists mod_lua").strip() != "true":
                return _skipped("a freeswitch without mod_lua")
            spent = _spent(site, sipp, folder)
            counts = {name: _counted(name, site, sipp, folder) for name in DIDS if name != "lua"}
        memory = {name: _memory(name, freeswitch, sipp, folder / f"m-{name}") for name in DIDS}
    return _results(spent, counts, memory)


def _skipped(why: str) -> dict[str, Any]:
    return {"what": f"{WHAT}: skipped, {why}", "skipped": why}


def _compared(what: str, unit: str, ours: float, peer: str, theirs: float) -> dict[str, Any]:
    ratio = round(ours / theirs, 2) if theirs else ""
    return {
        "what": what, "unit": unit, "value": ours, "peer": peer, "peer_value": theirs,
        "ratio": ratio,
    }  # fmt: skip


def _results(
    spent: dict[str, dict[str, float]],
    counts: dict[str, dict[str, Any]],
    memory: dict[str, dict[str, float]],
) -> dict[str, Any]:
    ours, lua, bare = (spent[name] for name in ("ours", "lua", "greenswitch"))
    inside, outside, key = "Lua in the switch", "bare greenswitch", "kb_per_call"
    return {
        **_compared(WHAT, "ms", ours["both_ms"], inside, lua["both_ms"]),
        "others": [
            _compared("the same", "ms", ours["both_ms"], outside, bare["both_ms"]),
            _compared("of it the switch's", "ms", ours["switch_ms"], inside, lua["switch_ms"]),
            _compared("the same", "ms", ours["switch_ms"], outside, bare["switch_ms"]),
            _compared("of it the driver's", "ms", ours["driver_ms"], outside, bare["driver_ms"]),
            *(
                _compared(
                    f"{name} between them", unit, counts["ours"][name], outside,
                    counts["greenswitch"][name],
                )
                for name, unit in (("frames", ""), ("kb", "KB"), ("commands", ""))
            ),
            *(
                _compared(
                    "the switch's memory per talking call", "KB", memory["ours"][key], peer,
                    memory[name][key],
                )
                for name, peer in (("lua", inside), ("greenswitch", outside))
            ),
        ],
        "spent": spent,
        "counts": counts,
        "memory": memory,
        "calls": CALLS,
        "repeats": REPEATS,
    }  # fmt: skip


# --- calls -------------------------------------------------------------------------------------


def _caller(number: int) -> str:
    return f"1212{5_550_000 + number}"


def _destination(number: int) -> str:
    return f"1646{5_550_000 + number}"


def make(
    name: str,
    site: Site,
    sipp: str,
    folder: Path,
    numbers: Sequence[int],
    talk_seconds: float,
    rate: float = RATE,
    talking: Callable[[Keys], None] | None = None,
) -> None:
    """Make callbacks, and see them through; `talking(keys)` is called when all of them talk."""
    answers = [(f"{PIN}#", f"{_destination(number)[1:]}#") for number in numbers]
    keys = Keys(answers)
    folder = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=folder))
    patience = str(int(PATIENCE_SECONDS * 1000))
    phones = []
    try:
        back = Phone(
            folder / "return", sipp, "answer", None, len(numbers), [str(p) for p in keys.ports],
            rtp_port="[field0]", ring_ms="200", patience_ms=patience, extra_headers="",
        )  # fmt: skip
        far = Phone(
            folder / "far", sipp, "answer_and_hang_up", None, len(numbers),
            rtp_port=str(keys.called_port), ring_ms="200", talk_ms=str(int(talk_seconds * 1000)),
            patience_ms=patience, extra_headers="",
        )  # fmt: skip
        phones += [back, far]
        for number in numbers:
            site.carrier.connect(_caller(number), back.port)
            site.carrier.connect(_destination(number), far.port)
        time.sleep(0.5)
        ring = Phone(
            folder / "trigger", sipp, "trigger", f"{HOST}:{site.switch.sip_port}", len(numbers),
            [f'"Bob" <sip:{_caller(number)}@{HOST}>' for number in numbers], rate,
            rtp_port=str(keys.ports[0]), did=DIDS[name], refusal="486", patience_ms=patience,
            extra_headers="", from_="[field0]",
        )  # fmt: skip
        phones.append(ring)
        ring.finish(PATIENCE_SECONDS)
        if talking is not None:
            wait_until(
                "all talk",
                lambda: site.switch.count("calls") >= len(numbers),
                PATIENCE_SECONDS,
                0.5,
            )
            talking(keys)
            site.switch.api("hupall")
        else:
            far.finish(PATIENCE_SECONDS)
            back.finish(PATIENCE_SECONDS)
        site.switch.wait_idle()
    finally:
        for phone in phones:
            phone.close()
        keys.close()
        site.carrier.forget()


# --- work --------------------------------------------------------------------------------------


def _spent(site: Site, sipp: str, folder: Path) -> dict[str, dict[str, float]]:
    """Give the work per callback of each driver, as medians, milliseconds."""
    seen: dict[str, list[dict[str, float]]] = {name: [] for name in DIDS}
    number = 0
    for turn in range(REPEATS):
        for name in DIDS:
            records(site.switch, on=name == "ours")
            own = folder / f"{name}-{turn}"
            own.mkdir()
            with driving(name, site, own) as pid:
                make(name, site, sipp, own, range(number, number + 4), TALK_SECONDS)
                idle, seconds = _work(site, pid), time.monotonic()
                time.sleep(IDLE_SECONDS)
                before, begun = _work(site, pid), time.monotonic()
                rates = [(b - a) / (begun - seconds) for a, b in zip(idle, before, strict=True)]
                first = number + 4
                make(name, site, sipp, own, range(first, first + CALLS), TALK_SECONDS)
                after, took = _work(site, pid), time.monotonic() - begun
            number += CALLS + 4
            switch, driver = (
                (b - a - rate * took) / CALLS * 1000
                for a, b, rate in zip(before, after, rates, strict=True)
            )
            seen[name].append(
                {
                    "both_ms": switch + driver,
                    "switch_ms": switch,
                    "driver_ms": driver,
                    "idle_switch_ms_per_second": rates[0] * 1000,
                    "idle_driver_ms_per_second": rates[1] * 1000,
                }
            )
    return {
        name: {key: round(statistics.median(one[key] for one in found), 1) for key in found[0]}
        for name, found in seen.items()
    }


def _work(site: Site, driver: int | None) -> tuple[float, float]:
    return worked(site.switch.pid), 0.0 if driver is None else worked(driver)


# --- counts ------------------------------------------------------------------------------------


def _counted(name: str, site: Site, sipp: str, folder: Path) -> dict[str, Any]:
    """Count what goes between the switch and a driver, per callback."""
    calls, count = 10, Count()
    records(site.switch, on=name == "ours")
    own = folder / f"{name}-counted"
    own.mkdir()
    with driving(name, site, own, count) as _:
        make(name, site, sipp, own, range(900_000, 900_002), TALK_SECONDS)
        time.sleep(2)
        before = count.copy()
        make(name, site, sipp, own, range(900_010, 900_010 + calls), TALK_SECONDS)
        time.sleep(2)
        return count.since(before, calls)


# --- memory ------------------------------------------------------------------------------------


def _memory(name: str, freeswitch: str, sipp: str, folder: Path) -> dict[str, float]:
    """Give what a talking call takes of the switch, between few and many, on one of its own."""
    folder.mkdir()
    found: list[int] = []
    with Site(freeswitch, folder / "site") as site:
        records(site.switch, on=name == "ours")
        with driving(name, site, folder):
            for calls in TALKING:

                def look(keys: Keys) -> None:
                    time.sleep(5)
                    found.append(resident(site.switch.pid))

                numbers = range(calls * 1000, calls * 1000 + calls)
                make(name, site, sipp, folder, numbers, LONG_SECONDS, rate=2.0, talking=look)
    few, many = found
    return {
        "kb_per_call": round((many - few) / 1024 / (TALKING[1] - TALKING[0]), 1),
        "few_kb": few // 1024,
        "many_kb": many // 1024,
    }
