"""What a switch says of its own configuration, typed: `xml_locate`, `sofia xmlstatus`, `fsctl`.

`xml_locate` gives the XML as it was last read (`reloadxml`), preprocessed, without comments, with
passwords; those of settings are dropped here at once. What a module made of it at its start may be
older: `sofia xmlstatus profile` and `fsctl` tell what runs. All seen on 1.11.1.

What is XML is read as the list of gateways is: elements and text, and nothing that declares
anything.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator, Mapping
from typing import Final

import msgspec

from controller.esl.gateways import CannotTell, read_xml

#: What asks a switch: an api command and its words; gives what it printed.
Ask = Callable[..., str]
#: The settings of a module or a profile: all values of a name (in lower case), in order.
Settings = Mapping[str, tuple[str, ...]]

#: How `xml_locate` says that it found nothing.
_NOTHING: Final = "can't find anything"
_SECRET: Final = re.compile(r"pass|secret|token|key", re.IGNORECASE)
#: `fsctl sps`: `+OK sessions per second: 50`.
_NUMBER: Final = re.compile(r"\+OK [a-z ]{1,40}: ([0-9]{1,9})\s*\Z", re.ASCII)
_EXPANSION: Final = re.compile(r"\+OK api_expansion is (on|off)\s*\Z")
_RELEASE: Final = re.compile(r"([0-9]{1,4}\.[0-9]{1,4}\.[0-9]{1,4}[A-Za-z0-9.+~-]{0,64})\s*\Z")


class ProfileXml(msgspec.Struct, frozen=True):
    """One SIP profile, as the XML has it.

    Attributes:
        settings: its params.
        gateways: by name, the context of its calls; empty: none is named.
    """

    settings: Settings
    gateways: Mapping[str, str]


def ask_settings(ask: Ask, name: str) -> Settings:
    """Ask for the settings of a module or of the core, by its file: `switch.conf`.

    Raises `CannotTell`, and what `ask` raises.
    """
    return _params(_located(ask, "configuration", "configuration", "name", name).find("settings"))


def ask_profiles(ask: Ask) -> dict[str, ProfileXml]:
    """Ask for all SIP profiles of the XML, by name. Raises `CannotTell`, and as `ask`."""
    root = _located(ask, "configuration", "configuration", "name", "sofia.conf")
    found = {}
    for one in root.iter("profile"):
        gateways = {
            gateway.get("name", ""): _last(_params(gateway), "context")
            for gateway in one.iter("gateway")
        }
        found[one.get("name", "")] = ProfileXml(_params(one.find("settings")), gateways)
    return found


def ask_context(ask: Ask, name: str) -> tuple[tuple[str, str], ...] | None:
    """Ask for a dialplan context: all its actions in order, as (application, argument).

    None: the XML has no such context. Raises `CannotTell`, and what `ask` raises.
    """
    answer = ask("xml_locate", "dialplan", "context", "name", name)
    if answer.strip() == _NOTHING:
        return None
    return tuple(
        (one.get("application", ""), one.get("data") or one.text or "")
        for one in _read(answer).iter()
        if one.tag in ("action", "anti-action")
    )


def ask_running_profiles(ask: Ask) -> tuple[str, ...]:
    """Ask which SIP profiles run, by name. Raises `CannotTell`, and what `ask` raises.

    One that listens in several ways is told for each of them.
    """
    names = (
        (one.findtext("name") or "").strip()
        for one in _read(ask("sofia", "xmlstatus"))
        if one.tag == "profile" and (one.findtext("state") or "").startswith("RUNNING")
    )
    return tuple(dict.fromkeys(names))


def ask_running_profile(ask: Ask, name: str) -> dict[str, str]:
    """Ask what a profile runs with, as the switch names it. Raises `CannotTell`, and as `ask`."""
    info = _read(ask("sofia", "xmlstatus", "profile", name)).find("profile-info")
    if info is None:
        raise CannotTell(f"nothing about profile {name}")
    return {one.tag: (one.text or "").strip() for one in info}


def ask_release(ask: Ask) -> str:
    """Ask for the release: `1.11.1-release`. Raises `CannotTell`, and what `ask` raises."""
    answer = ask("version", "short")
    found = _RELEASE.match(answer)
    if found is None:
        raise CannotTell(f"no version: {answer!r:.80}")
    return found[1]


def ask_expansion(ask: Ask) -> bool:
    """Ask whether `${api(…)}` is run. Raises `CannotTell`, and what `ask` raises."""
    answer = ask("fsctl", "api_expansion")
    found = _EXPANSION.match(answer)
    if found is None:
        raise CannotTell(f"fsctl says {answer!r:.80}")
    return found[1] == "on"


def ask_limit(ask: Ask, name: str) -> int:
    """Ask for a limit of the core: `sps`, `max_sessions`. Raises `CannotTell`, and as `ask`."""
    answer = ask("fsctl", name)
    found = _NUMBER.match(answer)
    if found is None:
        raise CannotTell(f"fsctl says {answer!r:.80}")
    return int(found[1])


def ask_yes(ask: Ask, *words: str) -> bool:
    """Ask what is answered with true or false. Raises `CannotTell`, and what `ask` raises."""
    answer = ask(*words).strip()
    if answer not in ("true", "false"):
        raise CannotTell(f"{words[0]} says {answer!r:.80}")
    return answer == "true"


def _located(ask: Ask, *words: str) -> ET.Element:
    answer = ask("xml_locate", *words)
    if answer.strip() == _NOTHING:
        raise CannotTell(f"its XML has no {words[-1]}")
    return _read(answer)


def _read(answer: str) -> ET.Element:
    return read_xml(answer, "XML")


def _params(element: ET.Element | None) -> Settings:
    found: dict[str, tuple[str, ...]] = {}
    for name, value in _pairs(element):
        found[name] = (*found.get(name, ()), value)
    return found


def _pairs(element: ET.Element | None) -> Iterator[tuple[str, str]]:
    for one in () if element is None else element.iter("param"):
        name = one.get("name", "").lower()
        if not _SECRET.search(name):
            yield name, one.get("value", "")


def _last(settings: Settings, name: str) -> str:
    return settings.get(name, ("",))[-1]
