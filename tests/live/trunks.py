"""More trunks than the switch has from the start, for the tests of one module."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .carrier import Carrier
from .conftest import Site
from .net import HOST, wait_until
from .office import Office

GATEWAY = """<include>
  <gateway name="{name}">
    <param name="proxy" value="{proxy}"/>
    <param name="register" value="false"/>
    <param name="caller-id-in-from" value="true"/>
    <param name="context" value="callback_trigger"/>
  </gateway>
</include>
"""


class Trunks:
    """All trunks of the switch by their names, those that it has from the start among them."""

    def __init__(self, site: Site, names: Sequence[str]) -> None:
        self.site = site
        self.directory = site.switch.folder / "conf" / "sip_profiles" / "callback_public"
        self.carriers = dict(zip(("pstn", "pstn2"), site.carriers, strict=True))
        self._files = set(self.directory.iterdir())
        self._new = {name: Carrier(site.switch.sip_port) for name in names}
        self.carriers |= self._new

    def proxy(self, name: str) -> str:
        """Give where calls of a trunk are sent."""
        return f"{HOST}:{self.carriers[name].port}"

    def by_hand(self, name: str) -> None:
        """Write the gateway of one that is no channel; whoever makes the others has it read."""
        text = GATEWAY.format(name=name, proxy=self.proxy(name))
        (self.directory / f"{name}.xml").write_text(text, "utf-8")

    def close(self) -> None:
        """Leave the switch as it was."""
        switch = self.site.switch
        made = set(self.directory.iterdir()) - self._files
        for path in made:
            path.unlink()
            switch.api(f"sofia profile callback_public killgw {path.stem}")
        switch.api("reloadxml")
        try:
            wait_until("the gateways are gone", lambda: not self._running(made))
        finally:
            for carrier in self._new.values():
                carrier.close()
            for carrier in self.carriers.values():
                carrier.forget()

    def _running(self, files: set[Path]) -> list[str]:
        status = self.site.switch.api("sofia status")
        return [path.stem for path in files if f"::{path.stem}\t" in status]


@contextmanager
def opened(
    trunks: Trunks, folder: Path, extensions: list[dict[str, Any]], **more: Any
) -> Iterator[Office]:
    """Open an office whose channels go over these trunks, and close both."""
    try:
        site = trunks.site
        office = Office(
            folder,
            site.controller_ports[0],
            site.switch.event_port,
            extensions,
            gateways=trunks.directory,
            **more,
        )
        try:
            yield office
        finally:
            office.controller.stop()
    finally:
        trunks.close()
