"""Whether a vulnerability is known in what is installed: every pin of constraints.txt is asked for.

The database is OSV's, asked by pip-audit. Where it cannot be reached nothing is known, which is
said, and fails nothing: the tests run without a network. What is found fails.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

PINS: Final = Path(__file__).parents[1] / "constraints.txt"
#: How long the database may take to answer one question, and all of them, seconds.
ANSWER_SECONDS: Final = 15
ALL_SECONDS: Final = 600
#: Vulnerabilities that do not concern us, by id, each with the reason and until when that holds.
ACCEPTED: Final[dict[str, str]] = {}

#: What pip-audit ends with where it was not answered.
_AWAY: Final = re.compile(
    r"requests\.exceptions\.\w+|ServiceError|ConnectionError|Could not connect|"
    r"urllib3\.exceptions\.\w+"
)


class Verdict:
    """What came of it: whether it is well, and what is said."""

    def __init__(self, *, well: bool, lines: list[str]) -> None:
        self.well = well
        self.lines = lines


def judge(output: str, errors: str, pins: int) -> Verdict:
    """Say what pip-audit's answer means; `pins`: how many were asked for."""
    try:
        asked: list[dict[str, Any]] = json.loads(output)["dependencies"]
    except (ValueError, KeyError, TypeError):
        # It may have been cut short by the network, or not have run at all.
        last = (errors.strip().splitlines() or ["it said nothing"])[-1][:160]
        if _AWAY.search(errors):
            return Verdict(well=True, lines=[f"audit: SKIPPED, OSV cannot be reached: {last}"])
        return Verdict(well=False, lines=[f"audit: pip-audit did not run: {last}"])
    found, left_out = [], []
    for one in asked:
        name = f"{one.get('name')} {one.get('version', '')}".strip()
        if "skip_reason" in one:
            left_out.append(name)
        for known in one.get("vulns", ()):
            if not ACCEPTED.keys() & {known["id"], *known.get("aliases", ())}:
                fixed = ", ".join(known.get("fix_versions", ())) or "no release yet"
                found.append(f"audit: {name}: {known['id']}, fixed in {fixed}")
    looked_at = len(asked) - len(left_out)
    lines = [*found, f"audit: {looked_at} of {pins} pins looked at, {len(found)} vulnerabilities"]
    if left_out:
        lines.append(f"audit: not known there: {', '.join(left_out)}")
    if not looked_at:
        lines.append("audit: SKIPPED, nothing could be looked at")
    return Verdict(well=not found, lines=lines)


def main() -> int:
    """Ask, and say what is known; the exit status is 1 where something was found."""
    pins = sum("==" in line for line in PINS.read_text(encoding="utf-8").splitlines())
    command = [
        *(sys.executable, "-m", "pip_audit", "--requirement", str(PINS)),
        # The pins are all there is: nothing has to be resolved, downloaded or installed.
        *("--no-deps", "--disable-pip", "--vulnerability-service", "osv"),
        *("--format", "json", "--progress-spinner", "off", "--timeout", str(ANSWER_SECONDS)),
    ]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=ALL_SECONDS
        )
    except subprocess.TimeoutExpired:
        verdict = Verdict(
            well=True, lines=[f"audit: SKIPPED, OSV did not answer in {ALL_SECONDS} s"]
        )
    else:
        verdict = judge(done.stdout, done.stderr, pins)
    print("\n".join(verdict.lines))
    return 0 if verdict.well else 1


if __name__ == "__main__":
    sys.exit(main())
