"""The switch (once), and what each test gets on top of it: phones, controllers, ended legs."""

import json
import os
import shutil
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path

import pytest

from controller.guard.lists import SLOTS

from .carrier import Carrier
from .controllers import Controller
from .eventsocket import HangupWatch
from .net import HOST, OTHER_HOST, free_ports
from .office import Office
from .phones import Phones
from .switch import PASSWORD, Switch

# On a machine that stalls Redis may answer late; wrong passwords are counted more strictly then
# (A3), and whoever is to err three times is locked out after two.
LOCKOUTS = "[lockouts.number]\nfailures = 6\n"
# Seconds after which the switch refuses a trigger call by itself; short, for the tests' sake.
TRIGGER_LIMIT_S = 12


@dataclass
class Site:
    """What stays for all tests: the switch, its trunks, and where it looks for controllers."""

    switch: Switch
    carriers: list[Carrier]
    controller_ports: list[int]
    sipp: str


@dataclass
class Bench:
    """What one test works with."""

    site: Site
    folder: Path
    phones: Phones
    legs: HangupWatch
    controllers: list[Controller] = field(default_factory=list)

    @property
    def switch(self) -> Switch:
        """Give the switch."""
        return self.site.switch

    def serve(
        self,
        settings: Mapping[str, str | int],
        count: int = 1,
        sections: str = "",
        advertise: Sequence[str] = (),
    ) -> list[Controller]:
        """Add an extension with these settings (a flag's is empty), and start controllers.

        `sections`: of the controllers' settings, besides the usual ones; `advertise`: where the
        first ones say that the switch reaches them.
        """
        for port, told in zip_longest(self.site.controller_ports[:count], advertise):
            folder = self.folder / f"controller-{port}"
            data, events = self.folder / "data", self.switch.event_port
            self.controllers.append(
                Controller(
                    *(folder, data, port, events, PASSWORD, LOCKOUTS + sections),
                    advertise=told or "",
                )
            )
        shown = str(settings.get("caller-id", settings["did"]))
        named = {"extension": "1001", "dids": [settings["did"]], "caller_ids": [shown]}
        others = {
            name.replace("-", "_"): value or True
            for name, value in settings.items()
            if name not in {"did", "caller-id"}
        }
        document = {
            "version": 1,
            "channels": [{"name": "pstn"}, {"name": "pstn2", "priority": 20}],
            "numbers": [{"number": shown, "channel": "pstn", "client": "main"}],
            "extensions": [{**named, **others}],
        }
        file = self.folder / "config.json"
        file.write_text(json.dumps(document), "utf-8")
        self.controllers[0].run("import", str(file))
        for controller in self.controllers:
            controller.start()
        return self.controllers

    def holder(self, leg: str) -> Controller | None:
        """Give the controller that a leg is with, or is being connected to; None: nobody knows."""
        name = self.switch.api(f"uuid_getvar {leg} socket_path")
        return next((one for one in self.controllers if one.name == name), None)

    def channels(self) -> list[dict[str, str]]:
        """Give the legs that the switch has, as it lists them."""
        listed = json.loads(self.switch.api("show channels as json"))
        rows: list[dict[str, str]] = listed.get("rows", [])
        return rows

    def one_leg(self) -> str:
        """Give the uuid of the one leg that the switch has."""
        (row,) = self.channels()
        return row["uuid"]

    def one_holder(self) -> Controller:
        """Give the controller that the one leg is with."""
        found = self.holder(self.one_leg())
        assert found is not None
        return found

    def close(self) -> None:
        """End everything of this test."""
        for controller in self.controllers:
            controller.stop()
        self.phones.close()
        self.legs.close()
        self.switch.api("hupall")


def program(name: str, variable: str | None = None) -> str:
    """Find a program, or skip the test with the reason."""
    found = (variable and os.environ.get(variable)) or shutil.which(name)
    if not found:
        also = f", and {variable} names none" if variable else ""
        pytest.skip(f"no `{name}` on the PATH{also}: these tests need a real one")
    return found


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Start the switch with two trunks and two places for a controller."""
    freeswitch = program("freeswitch", "FREESWITCH_BIN")
    sipp = program("sipp")
    ports = free_ports(2)
    switch = Switch(
        freeswitch,
        tmp_path_factory.mktemp("switch"),
        {
            "callback_controllers": "|".join(f"{HOST}:{port}" for port in ports),
            "callback_trigger_limit": str(TRIGGER_LIMIT_S),
            "callback_trunks_cidr": f"{HOST}/32,{OTHER_HOST}/32",
        },
    )
    carriers = [Carrier(switch.sip_port) for _ in range(2)]
    try:
        names = ("callback_pstn_proxy", "callback_pstn2_proxy")
        switch.set_variables(
            {name: f"{HOST}:{c.port}" for name, c in zip(names, carriers, strict=True)}
        )
        with switch:
            yield Site(switch, carriers, ports, sipp)
    finally:
        for carrier in carriers:
            carrier.close()


@pytest.fixture
def bench(site: Site, tmp_path: Path) -> Iterator[Bench]:
    """Give one test its bench; afterwards the switch must have no leg and no call left."""
    # What controllers of an earlier test told it is gone with them, as with a switch that starts.
    for slot in SLOTS:
        site.switch.api(f"global_setvar callback_controllers_{slot}=")
    phones = Phones(tmp_path / "phones", site.sipp, site.switch.sip_port, site.carriers)
    made = Bench(site, tmp_path, phones, HangupWatch(site.switch.event_port, PASSWORD))
    try:
        yield made
        site.switch.wait_idle()
    finally:
        made.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the ends of the controllers' logs to a failure."""
    report = yield
    if call.excinfo is not None:
        for made in getattr(item, "funcargs", {}).values():
            if isinstance(made, Bench | Office):
                for controller in made.controllers:
                    report.sections.append((f"log of {controller.name}", controller.tail()))
    return report
