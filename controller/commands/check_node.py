"""What `callbackd check` says of a node's release, modules, dialplan and clock."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Final

from controller.commands.check_clock import clock
from controller.commands.findings import Finding
from controller.commands.nodes import Ask
from controller.esl import configuration as told
from controller.esl.errors import CommandRefused, UnsafeText
from controller.esl.gateways import CannotTell
from controller.guard.releases import numbers_of
from controller.settings import Node, Settings

#: The context of trigger calls, as `fs-config` has it.
TRIGGER: Final = "callback_trigger"
#: The release that all of this is tried on; of an older one nobody knows.
TRIED: Final = "1.11.1"
#: Without these no callback is made: `fs-config` loads them. Say modules are of the languages.
NEEDED: Final = {
    "mod_sofia": "makes and takes calls by SIP",
    "mod_dptools": "has the dialplan's applications",
    "mod_dialplan_xml": "reads the dialplan",
    "mod_sndfile": "plays sounds",
    "mod_tone_stream": "plays silence",
}
_CANNOT: Final = (CannotTell, CommandRefused, UnsafeText)


def needs(settings: Settings, node: Node, ask: Ask) -> Iterator[Finding]:
    """Say what a node lacks of what no callback goes without. Raises `EslError`."""
    yield from _release(node, ask)
    yield from _modules(node, ask)
    yield from _dialplan(settings, node, ask)
    yield from _clock(node, ask)


def _release(node: Node, ask: Ask) -> Iterator[Finding]:
    try:
        release = told.ask_release(ask)
    except _CANNOT:
        return
    tried, numbers = numbers_of(TRIED), numbers_of(release)
    old = numbers is not None and tried is not None and numbers < tried
    yield Finding(
        subject="release",
        node=node.name,
        well=True,
        text=f"FreeSWITCH {release}" + (f", and this is tried on {TRIED} and later" if old else ""),
        remedy="update it; what its releases are open to: callbackd check --switch" if old else "",
    )


def _modules(node: Node, ask: Ask) -> Iterator[Finding]:
    for name, what in NEEDED.items():
        try:
            there = told.ask_yes(ask, "module_exists", name)
        except _CANNOT:
            # Without mod_commands nothing can be asked: that is said elsewhere.
            return
        if not there:
            yield Finding(
                subject="modules",
                node=node.name,
                well=False,
                text=f"{name} is not loaded, which {what}",
                remedy=f"load it in modules.conf.xml; at once: fs_cli -x 'load {name}'",
            )


def _dialplan(settings: Settings, node: Node, ask: Ask) -> Iterator[Finding]:
    for context, what in (
        (TRIGGER, "trigger calls come to nobody"),
        (settings.route.context, "return calls end at once"),
    ):
        try:
            actions = told.ask_context(ask, context)
        except _CANNOT:
            return
        if actions is None or not any(name == "socket" for name, _ in actions):
            lacks = "there is no context" if actions is None else "nothing is handed to us in"
            yield Finding(
                subject="dialplan",
                node=node.name,
                well=False,
                text=f"{lacks} {context}: {what}",
                remedy="put fs-config/dialplan into the dialplan, and fs_cli -x reloadxml; another "
                "name of the context is route.context",
            )


def _clock(node: Node, ask: Ask) -> Iterator[Finding]:
    before = time.time()
    try:
        answer = ask("strepoch").strip()
    except (CommandRefused, UnsafeText):
        return
    if answer.isascii() and answer.isdigit():
        yield clock("FreeSWITCH", int(answer), before, time.time(), unit=1.0, node=node.name)
