"""Runs the commands of a page as its reader would: in one shell, one after the other."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from tests.docs.blocks import Command
from tests.docs.runner import Runner
from tests.docs.worlds import World

#: How long all commands of a page may take, seconds; nothing is measured by it.
PATIENCE: Final = 120.0
#: What is typed where a command asks: a password, or a PIN.
_TYPED: Final = "2468\n"
#: An answer that says no is a failure for curl too.
_CURLRC: Final = "fail-with-body\nsilent\nshow-error\nmax-time = 60\n"


def apart(commands: Iterable[Command]) -> tuple[list[Command], list[Command]]:
    """Tell commands that can be run from those whose program is not on this machine.

    What every system has beside `sh` is there; only curl may not be.
    """
    there: list[Command] = []
    away: list[Command] = []
    has_curl = shutil.which("curl") is not None
    for command in commands:
        (there if has_curl or "curl" not in command.text else away).append(command)
    return there, away


def run(commands: Sequence[Command], world: World, runner: Runner) -> list[str]:
    """Run commands; say which did not end as they should."""
    script, outputs = [], world.directory.parent / "outputs"
    outputs.mkdir()
    (world.directory / ".curlrc").write_text(_CURLRC, "utf-8")
    typed = outputs / "typed"
    typed.write_text(_TYPED, "utf-8")
    for number, command in enumerate(commands):
        # What it sets counts for those that come after it: braces are no shell of their own.
        script.append(
            f'{{ {_here(command.text, world)}\n}} <"{typed}" >"{outputs}/{number}" 2>&1\n'
            f'echo $? >"{outputs}/{number}.status"\n'
        )
    file = outputs / "script.sh"
    file.write_text("".join(script), "utf-8")
    # One that does not end is the first that has no status.
    with contextlib.suppress(subprocess.TimeoutExpired):
        subprocess.run(
            ["sh", str(file)],
            cwd=world.directory,
            env={
                "PATH": f"{runner.programs}{os.pathsep}{os.environ['PATH']}",
                "HOME": str(world.directory),
                "LANG": "C.UTF-8",
                **world.environment,
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PATIENCE,
            check=False,
        )
    faults = []
    for number, command in enumerate(commands):
        status = outputs / f"{number}.status"
        ended = status.read_text().strip() if status.exists() else "was not run"
        if ended == "was not run" or (ended != "0") != command.fails:
            where = f"{command.block.page}:{command.line}: {command.text}"
            said = (outputs / str(number)).read_text("utf-8", "replace") if status.exists() else ""
            faults.append(f"{where}\n  status {ended}: {said}")
    return faults


def _here(text: str, world: World) -> str:
    """Write a command as it is here: what stands for something else, and where things listen."""
    for word, value in world.words.items():
        text = re.sub(rf"(?<![\w-]){re.escape(word)}(?![\w-])", _always(value), text)
    return text


def _always(value: str) -> Callable[[object], str]:
    return lambda _: value
