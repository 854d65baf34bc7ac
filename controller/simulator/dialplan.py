"""A small interpreter of the XML dialplan: contexts, extensions, conditions, actions.

FreeSWITCH: ``src/mod/dialplans/mod_dialplan_xml/mod_dialplan_xml.c``,
``switch_channel_expand_variables`` in ``src/switch_channel.c``. Not here: nested conditions,
``regex="all|any|xor"``, times of day, and ``${api(arguments)}``, which stays as it is written, as
with ``api-expansion=false``.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from controller.simulator.legs import Leg

Action = tuple[str, str]

_GLOBAL = re.compile(r"\$\$\{([^}]*)\}")
_VARIABLE = re.compile(r"(?<!\$)\$\{([A-Za-z0-9_.\-]+)(?::(-?\d+))?(?::(-?\d+))?\}")
_CAPTURE = re.compile(r"(?<!\\)\$(\d)")
_DEPTH = 20  # values may name variables again, but not for ever


class Condition(msgspec.Struct, frozen=True):
    """One condition and what is done if it holds (``actions``) or not (``anti``)."""

    field: str
    expression: str
    stop: str
    actions: list[tuple[str, str, bool]]
    anti: list[tuple[str, str, bool]]


class Extension(msgspec.Struct, frozen=True):
    """A named list of conditions. ``more``: the search goes on after it (``continue``)."""

    name: str
    more: bool
    conditions: list[Condition]


def value_of(leg: Leg, name: str) -> str:
    """A variable of the leg, a field of its caller profile, a global variable: else nothing."""
    found = leg.get(name)
    if found is not None:
        return found
    profile = leg.profile
    fields = {
        "destination_number": profile.destination,
        "caller_id_number": profile.cid_number,
        "caller_id_name": profile.cid_name,
        "ani": profile.ani,
        "rdnis": profile.rdnis,
        "context": profile.context,
        "dialplan": profile.dialplan,
        "network_addr": profile.network_addr,
        "chan_name": profile.channel_name,
        "source": profile.source,
        "username": profile.username,
        "uuid": profile.uuid,
    }
    return fields[name] if name in fields else leg.simulator.global_value(name)


def expand(leg: Leg, text: str, depth: int = 0) -> str:
    """Replace ``${name}`` and ``${name:offset:length}``; values are expanded again.

    A name may hold variables too, ``${list_${uuid:-1}}``: they are replaced before it is looked up.
    """
    if "${" not in text or depth > _DEPTH:
        return text

    def replace(match: re.Match[str]) -> str:
        value = expand(leg, value_of(leg, match[1]), depth + 1)
        if match[2] is not None:
            value = value[int(match[2]) :]
        if match[3] is not None:
            value = value[: int(match[3])]
        return value

    replaced = _VARIABLE.sub(replace, text)
    return text if replaced == text else expand(leg, replaced, depth + 1)


class Dialplan:
    """The contexts of one file, or of all ``*.xml`` of a directory.

    ``variables``: the switch's globals (``$${name}``); an unknown one is empty, as in FreeSWITCH.
    Raises `xml.etree.ElementTree.ParseError` for what is no XML, `OSError` for what is not there.
    """

    def __init__(self, path: Path, variables: Mapping[str, str]) -> None:
        self._variables = variables
        self.contexts: dict[str, list[Extension]] = {}
        for file in sorted(path.glob("*.xml")) if path.is_dir() else [path]:
            root = ET.fromstring(file.read_bytes())  # noqa: S314 - the operator's own file
            for context in root.iter("context"):
                found = self.contexts.setdefault(context.get("name", ""), [])
                found.extend(self._extension(item) for item in context.iter("extension"))

    def _text(self, text: str | None) -> str:
        return _GLOBAL.sub(lambda match: self._variables.get(match[1], ""), text or "")

    def _actions(self, condition: ET.Element, tag: str) -> list[tuple[str, str, bool]]:
        return [
            (
                self._text(item.get("application")),
                self._text(item.get("data") or item.text),
                item.get("inline") == "true",
            )
            for item in condition.findall(tag)
        ]

    def _extension(self, item: ET.Element) -> Extension:
        conditions = []
        for condition in item.findall("condition"):
            child = condition.find("expression")
            expression = condition.get("expression") if child is None else child.text
            conditions.append(
                Condition(
                    self._text(condition.get("field")),
                    self._text(expression),
                    condition.get("break", "on-false"),
                    self._actions(condition, "action"),
                    self._actions(condition, "anti-action"),
                )
            )
        return Extension(item.get("name", ""), item.get("continue") == "true", conditions)

    def actions(self, leg: Leg, run_inline: Callable[[Leg, str, str], None]) -> list[Action] | None:
        """What the leg's context does with its destination; None if nothing matches.

        Captures (``$1``) are put in now, variables when an action runs. Actions with
        ``inline="true"`` run now, through ``run_inline``.
        """
        found: list[Action] = []
        for extension in self.contexts.get(leg.profile.context, []):
            matched = False
            for application, data, inline in self._matching(leg, extension):
                matched = True
                if inline:
                    run_inline(leg, application, data)
                else:
                    found.append((application, data))
            if matched and not extension.more:
                break
        return found or None

    def _matching(self, leg: Leg, extension: Extension) -> Iterator[tuple[str, str, bool]]:
        for condition in extension.conditions:
            match = self._test(leg, condition)
            for application, data, inline in condition.actions if match else condition.anti:
                yield application, self._captured(match, data), inline
            if (
                condition.stop == "always"
                or (condition.stop == "on-true" and match)
                or (condition.stop not in {"never", "on-true"} and not match)
            ):
                return

    @staticmethod
    def _captured(match: re.Match[str] | bool, data: str) -> str:
        if not isinstance(match, re.Match):
            return data
        groups = [match[0], *(group or "" for group in match.groups())]
        return _CAPTURE.sub(lambda at: groups[int(at[1])] if int(at[1]) < len(groups) else "", data)

    @staticmethod
    def _test(leg: Leg, condition: Condition) -> re.Match[str] | bool:
        if not condition.field and not condition.expression:
            return True
        field = condition.field
        value = expand(leg, field) if "${" in field else value_of(leg, field)
        expression = expand(leg, condition.expression)
        match = re.search(expression, value)
        # switch_regex: captures are kept in a variable, but only if there are any.
        if "(" in expression:
            leg.set("DP_MATCH", None)
            if match:
                leg.set("DP_MATCH", [match[0], *(group or "" for group in match.groups())])
        return match or False
