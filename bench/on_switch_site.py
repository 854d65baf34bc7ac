"""The switch of `on_switch`, and whoever drives callbacks on it: ours, and two peers."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec

from bench.conversations import Quick
from bench.on_switch_tap import Count, Tap
from controller.admin.model import Kind
from controller.store.database import open_database
from controller.store.extensions import Extensions
from controller.store.passwords import load_pepper
from tests.live.carrier import Carrier
from tests.live.controllers import Controller
from tests.live.eventsocket import EventSocket
from tests.live.net import HOST, free_ports, wait_until
from tests.live.switch import PASSWORD, Switch, replaced
from tests.seed import ADMIN, directory

HERE: Final = Path(__file__).resolve().parent
ROOT: Final = HERE.parent
#: The numbers that are rung, by driver.
DIDS: Final = {"ours": "12025550100", "lua": "12025550190", "greenswitch": "12025550191"}
SHOWN: Final = "+12025550111"
PIN: Final = "2580"
#: X, and from its end to the return call, seconds.
RING_SECONDS: Final = 1
#: Two legs of sound for each call; below the ports that the system gives to connections.
RTP_PORTS: Final = (32_000, 32_766)
#: What the peers have in the dialplan, before our own extensions.
PEERS: Final = """
    <extension name="bench_lua">
      <condition field="destination_number" expression="^\\+?{lua}$">
        <action application="lua" data="{here}_trigger.lua {ring} {here}_return.lua"/>
      </condition>
    </extension>
    <extension name="bench_greenswitch">
      <condition field="destination_number" expression="^\\+?{greenswitch}$">
        <action application="ring_ready"/>
        <action application="socket" data="{host}:{port} async full"/>
      </condition>
    </extension>
"""


class BenchSwitch(Switch):
    """A switch as fs-config/ has it, with the peers' two numbers besides, and with Lua."""

    def __init__(
        self, binary: str, folder: Path, variables: dict[str, str], peer_port: int
    ) -> None:
        super().__init__(binary, folder, variables)
        shipped = ROOT / "fs-config" / "autoload_configs"
        for name in ("logfile.conf.xml", "switch.conf.xml"):
            # As much is logged as is shipped.
            shutil.copy(shipped / name, folder / "conf" / "autoload_configs" / name)
        self._edit(
            "switch.conf.xml",
            (r'name="rtp-start-port" value="([^"]*)"', str(RTP_PORTS[0])),
            (r'name="rtp-end-port" value="([^"]*)"', str(RTP_PORTS[1])),
        )
        self._edit("modules.conf.xml", (r"(<load module=\"mod_json_cdr\"/>)", _with_lua()))
        dialplan = folder / "conf" / "dialplan" / "callback.xml"
        peers = PEERS.format(
            **{name: did for name, did in DIDS.items() if name != "ours"},
            here=HERE / "on_switch", ring=RING_SECONDS, host=HOST, port=peer_port,
        )  # fmt: skip
        text = dialplan.read_text("utf-8")
        head = '<context name="callback_trigger">'
        dialplan.write_text(replaced(text, f"({head})", head + peers), "utf-8")

    @property
    def pid(self) -> int:
        """Give its process."""
        assert self._process is not None
        return self._process.pid


def _with_lua() -> str:
    return '<load module="mod_json_cdr"/>\n    <load module="mod_lua"/>'


class Site:
    """A switch that runs, and the trunk of it."""

    def __init__(self, freeswitch: str, folder: Path) -> None:
        self.listen, self.peer_port, self.told_port = free_ports(3)
        self.switch = BenchSwitch(
            freeswitch,
            folder / "switch",
            {"callback_controllers": f"{HOST}:{self.told_port}"},
            self.peer_port,
        )
        self.carrier = Carrier(self.switch.sip_port)
        proxy = f"{HOST}:{self.carrier.port}"
        self.switch.set_variables({"callback_pstn_proxy": proxy, "callback_pstn2_proxy": proxy})
        self.folder = folder

    def __enter__(self) -> Site:
        """Start it."""
        self.switch.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:  # noqa: ANN401
        """Stop it."""
        self.switch.__exit__(None, None, None)
        self.carrier.close()


def document(charged: bool) -> dict[str, Any]:
    """Give what the controller serves: one extension, with a password, and who pays for it."""
    extension = {
        "extension": "1001",
        "dids": [f"+{DIDS['ours']}"],
        "caller_ids": [SHOWN],
        "country": "US",
        "ring_seconds": RING_SECONDS,
        "delay_seconds": 1,
    }
    pays = {
        "price_lists": [{"name": "usual", "currency": "USD"}],
        "rates": [
            {
                "price_list": "usual",
                "prefix": "+1",
                "since": "2026-01-01T00:00:00Z",
                "per_minute": 10_000,
            }
        ],
        "accounts": [{"extension": "1001", "currency": "USD", "price_list": "usual"}],
    }
    return {
        "version": 1,
        "channels": [{"name": "pstn", "addresses": [f"{HOST}/32"]}],
        "numbers": [{"number": SHOWN, "channel": "pstn", "client": "main"}],
        "extensions": [extension],
        **(pays if charged else {}),
    }


@contextmanager
def driving(
    name: str, site: Site, folder: Path, count: Count | None = None
) -> Iterator[int | None]:
    """Have callbacks of the switch driven; give the process that does, None: the switch itself.

    `count`: what goes between the two is counted there, which costs.
    """
    event, listen, peer = site.switch.event_port, site.listen, site.peer_port
    taps = []
    if count is not None and name != "lua":
        event, own = free_ports(2)
        taps.append(Tap(count, event, site.switch.event_port, link=True))
        front = site.told_port if name == "ours" else site.peer_port
        taps.append(Tap(count, front, own, link=False))
        listen = peer = own
    try:
        if name == "ours":
            with _ours(site, folder, event, listen, told=site.told_port if taps else listen) as pid:
                yield pid
        elif name == "greenswitch":
            with _greenswitch(event, peer, site.peer_port) as pid:
                yield pid
        else:
            yield None
    finally:
        for tap in taps:
            tap.close()


@contextmanager
def _ours(site: Site, folder: Path, event: int, listen: int, told: int) -> Iterator[int]:
    made = Controller(
        folder / "controller", folder / "data", listen, event, PASSWORD,
        records=site.switch.records, advertise=f"{HOST}:{told}",
    )  # fmt: skip
    file = folder / "document.json"
    file.write_text(json.dumps(document(charged=True)), "utf-8")
    made.run("import", str(file))
    _give_password(folder / "data")
    made.start()
    try:
        made.top_up("1001", 1_000_000_000, "bench")
        assert made._process is not None
        yield made._process.pid
    finally:
        made.stop()


def _give_password(data: Path) -> None:
    """Give the extension a password that is checked as any is, and as quickly as argon2id can.

    What a real one takes is chosen, and the same on any machine that checks it.
    """
    engine = open_database(f"sqlite:///{data / 'callbackd.sqlite3'}")
    policy = Extensions(engine).get("1001")
    assert policy is not None
    hashed = Quick(load_pepper(data / "pepper")).hash(PIN)
    directory(engine).apply(
        ADMIN, Kind.EXTENSION, [msgspec.structs.replace(policy, password_hash=hashed)]
    )
    engine.dispose()


@contextmanager
def _greenswitch(event: int, peer: int, told: int) -> Iterator[int]:
    made = subprocess.Popen(
        [sys.executable, "-m", "bench.on_switch_peer", str(peer), str(told), str(event), PASSWORD,
         str(RING_SECONDS)],
        cwd=ROOT, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        wait_until("the peer listens", lambda: _listens(peer))
        yield made.pid
    finally:
        made.terminate()
        made.wait()


def _listens(port: int) -> bool:
    needle = f":{port:04X} "
    lines = Path("/proc/net/tcp").read_text().splitlines()
    return any(needle in line and line.split()[3] == "0A" for line in lines)


def records(switch: Switch, on: bool) -> None:
    """Have the switch write records of calls, or none."""
    link = EventSocket(switch.event_port, PASSWORD)
    link.api(f"{'load' if on else 'unload'} mod_json_cdr")
    link.close()
