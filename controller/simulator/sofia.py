"""``sofia``: what the switch says of its gateways, and how they are read anew and taken away.

FreeSWITCH: ``sofia_function`` and ``cmd_profile`` in ``mod_sofia.c``. Seen on 1.11.1: ``rescan``
reads the files itself and adds what is new; a gateway that is there stays as it is, whatever its
file says now, or that it is gone; ``killgw`` takes it away at once, and calls over it go on. The
list still has it for a second, beside the one that was made in its place.
"""

from __future__ import annotations

import time
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import TYPE_CHECKING

from controller.simulator.gateways import (
    Gateway,
    State,
    list_as_xml,
    one_as_xml,
    read_gateways,
)

if TYPE_CHECKING:
    from controller.simulator.switch import Simulator

#: The registration's state is looked at once a second; it is sent at the first look, and the answer
#: counts at the next.
_LOOK_SECONDS = 1.0
_USAGE = (
    "USAGE:\nsofia <status|xmlstatus> gateway <name>\n"
    "sofia profile <name> <rescan|killgw|register>\n"
)


class Sofia:
    """The one profile of one switch, with its gateways.

    ``directory``: where their files are, as the profile includes them; without one there are two,
    ``pstn`` and ``pstn2``.
    """

    def __init__(self, simulator: Simulator, profile: str, directory: Path | None) -> None:
        self._simulator = simulator
        #: Its name.
        self.profile = profile
        self._directory = directory
        #: By name, the oldest first.
        self.gateways: dict[str, Gateway] = {}
        #: Taken down, and not gone yet.
        self._leaving: list[Gateway] = []
        if directory is None:
            for name, port in (("pstn", "5090"), ("pstn2", "5091")):
                self.gateways[name] = Gateway(name=name, port=port)
        else:
            for gateway in read_gateways(directory, simulator.globals):
                gateway.registration = "REGED"
                self.gateways.setdefault(gateway.name, gateway)

    def run(self, text: str) -> str:
        """Run what follows ``sofia``; what it prints."""
        match text.split():
            case ["xmlstatus"]:
                return self._simulator.configuration.profiles_as_xml()
            case ["xmlstatus", "profile", name]:
                if name != self.profile:
                    return "Invalid Profile!\n"
                return self._simulator.configuration.profile_as_xml()
            case ["xmlstatus", "gateway"]:
                return list_as_xml(self.gateways, self.profile, self._leaving)
            case [("xmlstatus" | "status") as form, "gateway", name]:
                gateway = self.gateways.get(name)
                if gateway is None:
                    return "Invalid Gateway!\n"
                show = one_as_xml if form == "xmlstatus" else Gateway.as_text
                return show(gateway, self.profile)
            case ["profile", name, *_] if name != self.profile:
                return f"Invalid Profile [{name}]"
            case ["profile", _, "rescan"]:
                return self._rescan()
            case ["profile", _, "killgw", name]:
                return self._kill(name)
            case ["profile", _, "register", name]:
                return self._register_again(name)
            case _:
                return _USAGE

    def data(self, text: str) -> str:
        """Run what follows ``sofia_gateway_data``: ``<name> ivar <variable>``; nothing for none."""
        match text.split():
            case [name, ("ivar" | "var"), variable] if name in self.gateways:
                return self.gateways[name].variables.get(variable, "")
            case _:
                return ""

    def reading(self) -> str:
        """What comes of reading the files, as ``reloadxml`` says it: ``Success``, or why not."""
        return self._read()[1]

    def set_state(self, name: str, state: State) -> None:
        """Set a gateway's state; a new name is a new gateway."""
        gateway = self.gateways.setdefault(name, Gateway(name=name))
        before = gateway.status
        gateway.state = state
        if gateway.status != before:
            gateway.since = time.time()
            self._tell(gateway)

    def _read(self) -> tuple[list[Gateway], str]:
        if self._directory is None:
            return [], "Success"
        try:
            return list(read_gateways(self._directory, self._simulator.globals)), "Success"
        except ET.ParseError as error:
            # Nothing of it is read, and what runs goes on.
            return [], f"[error near line {error.position[0]}]: unexpected closing tag"

    def _rescan(self) -> str:
        found, said = self._read()
        for gateway in found:
            if gateway.name not in self.gateways:
                self.gateways[gateway.name] = gateway
                self._moved("add", gateway)
                if gateway.register:
                    self._simulator.spawn_later(_LOOK_SECONDS, self._register, gateway)
        return f"Reload XML [{said}]\n+OK scan complete\n"

    def _kill(self, name: str) -> str:
        gateway = self.gateways.pop(name, None)
        if gateway is None:
            return "-ERR no such gateway.\n"
        self._leaving.append(gateway)
        self._simulator.spawn_later(_LOOK_SECONDS, self._left, gateway)
        return "+OK gateway marked for deletion.\n"

    def _left(self, gateway: Gateway) -> None:
        self._leaving.remove(gateway)
        self._moved("delete", gateway)

    def _register_again(self, name: str) -> str:
        gateway = self.gateways.get(name)
        if gateway is None:
            return "Invalid gateway!\n"
        if not gateway.register:
            return f"-ERR NOREG gateway [{name}] can't be registered!\n"
        # It stays UP meanwhile, and so does what is said of it here.
        return "+OK\n"

    def _register(self, gateway: Gateway) -> None:
        follows = {"UNREGED": ("TRYING", "REGISTER"), "REGISTER": ("REGED",)}
        for state in follows[gateway.registration]:
            gateway.registration = state
            self._tell(gateway)
        if gateway.registration == "REGISTER":
            self._simulator.spawn_later(_LOOK_SECONDS, self._register, gateway)
        else:
            gateway.since = time.time()

    def _tell(self, gateway: Gateway) -> None:
        """Tell whoever wants to know: ``sofia_reg_fire_custom_gateway_state_event``."""
        event = self._simulator.head.make("CUSTOM sofia::gateway_state")
        event["Gateway"] = gateway.name
        event["State"] = gateway.state_name
        event["Ping-Status"] = gateway.status
        if gateway.ping:
            answer = ("408", "Request Timeout") if gateway.status == "DOWN" else ("200", "OK")
            event["Status"], event["Phrase"] = answer
        self._simulator.links.publish(event)

    def _moved(self, how: str, gateway: Gateway) -> None:
        event = self._simulator.head.make(f"CUSTOM sofia::gateway_{how}")
        event["Gateway"], event["profile-name"] = gateway.name, self.profile
        self._simulator.links.publish(event)
