"""Reading digits: ``play_and_get_digits`` and ``read``.

Digits typed during the prompt count, and the first one stops it; a terminator or the pause
between digits ends. FreeSWITCH: ``switch_play_and_get_digits`` and ``switch_ivr_read`` in
``src/switch_ivr_play_say.c``, ``switch_ivr_collect_digits_count`` in ``src/switch_ivr.c``.
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Literal

import msgspec

if TYPE_CHECKING:
    from controller.simulator.applications import Applications
    from controller.simulator.legs import Leg

Status = Literal["success", "timeout", "failure", "too_small"]


class Question(msgspec.Struct):
    """The arguments of one reading; times in milliseconds."""

    fewest: int
    most: int
    tries: int
    timeout: int
    terminators: str
    file: str
    invalid: str
    variable: str
    regex: str
    digit_timeout: int


def _matches(regex: str, typed: str) -> bool:
    try:
        return not regex or re.search(regex, typed) is not None
    except re.error:  # the switch logs it, and nothing matches
        return False


def _number(text: str) -> int:
    return int(text) if text.isdigit() else 0


def _begun(leg: Leg, question: Question) -> None:
    leg.note("question", file=question.file)
    leg.line.on("question")


def play_and_get_digits(applications: Applications, leg: Leg, data: str) -> None:
    """``<min> <max> <tries> <timeout> <terminators> <file> <invalid> [<var> [<regex> …]]``."""
    words = data.split()
    if len(words) < 7:
        return
    words += [""] * (10 - len(words))
    question = Question(
        fewest=_number(words[0]),
        most=_number(words[1]),
        tries=_number(words[2]),
        timeout=_number(words[3]),
        terminators="" if words[4] == "none" else words[4],
        file=words[5],
        invalid=words[6],
        variable=words[7],
        regex=words[8],
        digit_timeout=_number(words[9]),
    )
    _begun(leg, question)
    _ask(applications, leg, question)


def read(applications: Applications, leg: Leg, data: str) -> None:
    """``<min> <max> <file> <variable> <timeout> [<terminators> [<digit timeout>]]``."""
    words = data.split()
    if len(words) < 5:
        return
    words += [""] * (7 - len(words))
    question = Question(
        fewest=_number(words[0]),
        most=_number(words[1]),
        tries=1,
        timeout=_number(words[4]),
        terminators=words[5] or "#",
        file=words[2],
        invalid="",
        variable=words[3],
        regex="",
        digit_timeout=_number(words[6]),
    )
    _begun(leg, question)
    _read_once(applications, leg, question)


def _ask(applications: Applications, leg: Leg, question: Question) -> None:
    if question.regex and question.variable:
        leg.set(f"{question.variable}_invalid", None)
    for _ in range(question.tries):
        if not leg.ready():
            break
        status, typed = _read_once(applications, leg, question)
        if status == "timeout" and len(typed) >= question.fewest:
            status = "success"
        if question.fewest == 0 and not typed and leg.get("read_terminator_used"):
            return
        if status == "success" and typed:
            if _matches(question.regex, typed):
                return
            leg.set(question.variable, None)
            leg.set(f"{question.variable}_invalid", typed)
        if not leg.ready():
            break
        if question.invalid:
            # Digits typed during this sound do not stop it; they stay for the next try.
            applications.play(leg, question.invalid)


def _read_once(applications: Applications, leg: Leg, question: Question) -> tuple[Status, str]:
    most = max(question.most, question.fewest)
    leg.set("read_result", None)
    if question.variable:
        leg.set(question.variable, None)
    typed = ""
    if applications.sounds.is_missing(question.file):
        # Seen on 1.11.1: the question is over at once, and nothing was asked.
        leg.set("read_result", "failure")
        return "failure", ""
    if question.file and question.file != "silence":
        first: list[str] = []

        def take(key: str) -> bool:
            first.append(key)
            return True

        applications.play(leg, question.file, take)
        typed = "".join(first)
    status: Status = "success" if leg.ready() else "failure"
    terminator = ""
    if leg.ready() and len(typed) < most:
        status, typed, terminator = _collect(leg, question, typed, most)
    if terminator:
        leg.set("read_terminator_used", terminator)
    if question.fewest and len(typed) < question.fewest:
        status = "too_small"
    leg.set("read_result", status if status in {"success", "timeout"} else "failure")
    if most == 1 and len(typed) == 1 and typed in question.terminators:
        typed = ""
    if question.variable and typed:
        leg.set(question.variable, typed)
    return status, typed


def _collect(leg: Leg, question: Question, typed: str, most: int) -> tuple[Status, str, str]:
    """``switch_ivr_collect_digits_count``: the digits, and the terminator that ended them."""
    if typed and typed in question.terminators:
        return "success", "", typed
    pause = question.digit_timeout or question.timeout
    limit = pause if typed else question.timeout
    since = time.monotonic()
    while True:
        left = since + limit / 1000 - time.monotonic() if limit else None
        leg.wait(left, lambda: bool(leg.keys))
        if not leg.ready():
            return "failure", typed, ""
        if not leg.keys:
            return "timeout", typed, ""
        limit, since = pause, time.monotonic()
        while (digit := leg.key()) is not None:
            if digit in question.terminators:
                return "success", typed, digit
            typed += digit
            if len(typed) >= most:
                return "success", typed, ""
