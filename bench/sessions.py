"""What a session costs that only waits: memory, and CPU; and what a call costs beside very many.

Callers are asked for a number and type none: each has its leg, its connection and its place in the
conversation. When all are there it is seen what the controller holds and works; then a few others
converse beside them (as in `conversations`, faster), and it is seen what a call costs now.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import Any, Final

import msgspec

from bench.conversations import Quick, controller, said
from bench.processes import cpu_seconds, free_port, memory, process
from bench.sessions_side import Crowd

#: How many wait.
SESSIONS: Final = tuple(
    int(count) for count in os.environ.get("BENCH_WAITING", "100,1000,10000").split(",")
)
#: For how long nothing happens, and then others call, seconds; and how many of these a second.
IDLE_SECONDS: Final = float(os.environ.get("BENCH_IDLE_SECONDS", "10"))
SECONDS: Final = float(os.environ.get("BENCH_SECONDS", "16"))
RATE: Final = float(os.environ.get("BENCH_RATE", "5"))
PACE: Final = float(os.environ.get("BENCH_PACE", "0.25"))
#: So many come before memory is looked at: what is loaded and made once is there then.
WARM: Final = 20
#: What was made for those that came and went is given back by then, seconds.
SETTLE_SECONDS: Final = 3.0
#: KB a session, and what a call costs beside the most of them in parts of beside the fewest.
GOAL_KB: Final = 40
GOAL_COST: Final = 1.25


def measure(idle: int) -> dict[str, Any]:
    """Let so many wait, and some converse."""
    call_seconds = Crowd(port=0, sessions=1, seconds=0, pace=PACE, idle=0, warm=0).call_seconds
    plan = Crowd(
        port=free_port(),
        sessions=max(round(RATE * call_seconds), 1),
        seconds=SECONDS,
        pace=PACE,
        idle=idle,
        warm=min(WARM, idle // 2),
    )
    # Those who wait, those who converse, and who takes their place.
    calls = idle + int(plan.sessions * (3 + SECONDS / call_seconds)) + 10
    command = [sys.executable, "-m", "bench.sessions_side", msgspec.json.encode(plan).decode()]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with process(*command, core=1, **pipes) as switch:
        node = said(switch, "ready")

        def go() -> None:
            switch.stdin.write("go\n")
            switch.stdin.flush()

        held = controller(plan.port, node, Quick, calls, dial_seconds=300)
        with held as pid, switch.stdin, switch.stdout:
            go()
            said(switch, "warm")
            time.sleep(SETTLE_SECONDS)
            empty, before = memory(pid), cpu_seconds(pid)
            go()
            there = said(switch, "idle")
            time.sleep(SETTLE_SECONDS)
            came = cpu_seconds(pid) - before
            full = memory(pid)
            began, before = time.monotonic(), cpu_seconds(pid)
            time.sleep(IDLE_SECONDS)
            waiting = (cpu_seconds(pid) - before) / (time.monotonic() - began)
            go()
            said(switch, "steady")
            before = cpu_seconds(pid)
            lost = said(switch, "lost")
            found = said(switch, "found")
            spent = cpu_seconds(pid) - before
    return {
        "sessions": there,
        "let_go": lost,
        "kb_per_session": round((full - empty) / 1024 / (there - plan.warm), 1),
        "memory_mb": round(full / 2**20, 1),
        "idle_core_percent": round(waiting * 100, 2),
        "ms_to_come": round(came / (there - plan.warm) * 1000, 1),
        "cpu_ms_per_call": round(
            (spent - waiting * found["seconds"]) / max(found["calls_ended"], 1) * 1000, 1
        ),
        "answers": found["overall"],
    }


def run() -> dict[str, Any]:
    """Measure each number of sessions."""
    runs = [measure(idle) for idle in SESSIONS]
    fewest, most = runs[0], runs[-1]
    ratio = round(most["cpu_ms_per_call"] / fewest["cpu_ms_per_call"], 3)
    memory_rows = [
        {
            "what": f"memory of one of {one['sessions']:,} that wait",
            "unit": "KB",
            "value": one["kb_per_session"],
            "goal": f"at most {GOAL_KB}",
            "met": one["kb_per_session"] <= GOAL_KB,
        }
        for one in runs
    ]
    idle_rows = [
        {
            "what": f"CPU while {one['sessions']:,} wait",
            "unit": "% of a core",
            "value": one["idle_core_percent"],
        }
        for one in runs
    ]
    lost_rows = [
        {
            "what": f"of {one['sessions']:,} that waited, let go too early",
            "unit": "sessions",
            "value": one["let_go"],
            "goal": "none",
            "met": False,
        }
        for one in runs
        if one["let_go"]
    ]
    return {
        "what": f"CPU per call beside {most['sessions']:,} that wait",
        "unit": "ms",
        "value": most["cpu_ms_per_call"],
        "peer": f"beside {fewest['sessions']:,}",
        "peer_value": fewest["cpu_ms_per_call"],
        "ratio": ratio,
        "goal": f"at most {GOAL_COST}",
        # Beside those who were let go meanwhile nothing was measured.
        "met": ratio <= GOAL_COST and not most["let_go"],
        "others": [*memory_rows, *idle_rows, *lost_rows],
        "runs": runs,
    }
