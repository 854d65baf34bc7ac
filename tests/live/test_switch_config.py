"""Gateways of channels on a real FreeSWITCH: made, changed and taken away while calls go on."""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .conftest import Bench
from .controllers import COMMAND, ROOT
from .net import HOST, wait_until
from .phones import Phone
from .registrar import Registrar
from .switch import PASSWORD

DID = "12025550100"
CALLER = "12025550199"
OTHER = "12025550198"
#: What XML, the switch's preprocessor and its variables could stumble over.
ODD = "p$${domain} \"<&>' \u00e9 x-pre-process ${x} \\ %20"


class Operator:
    """Somebody with a shell on the switch's machine, and the commands."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.directory = bench.switch.folder / "conf" / "sip_profiles" / "callback_public"
        self.passwords: dict[str, str] = {}

    def run(self, *words: str, status: int = 0) -> str:
        """Run a command to its end, and give all that it says."""
        settings = {
            "CALLBACKD_DATA_DIR": str(self.bench.folder / "data"),
            "CALLBACKD_NODES": (
                f'[{{ name = "fs1", host = "{HOST}", port = {self.bench.switch.event_port}, '
                f'password = "{PASSWORD}" }}]'
            ),
            "CALLBACKD_CHANNEL_PASSWORDS": "{"
            + ", ".join(f"{name} = {json.dumps(p)}" for name, p in self.passwords.items())
            + "}",
        }
        done = subprocess.run(
            [*COMMAND, *words],
            cwd=ROOT,
            env={**os.environ, **settings},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=90,
            check=False,
        )
        assert done.returncode == status, done.stdout
        for password in self.passwords.values():
            assert password not in done.stdout
        return done.stdout

    def config(self, *options: str, status: int = 0, directory: Path | None = None) -> str:
        """Write the files, and have them taken up."""
        where = str(directory or self.directory)
        return self.run("switch", "config", "--directory", where, *options, status=status)

    def compared(self, status: int = 0) -> dict[str, Any]:
        """Compare; give the gateways by their names."""
        return {
            one["gateway"]: one
            for one in json.loads(
                self.run("switch", "compare", "--json", status=status).partition("\nfs1: ")[0]
            )
        }

    def uptime(self, name: str) -> int:
        """Give for how many microseconds a gateway has been up; -1: it is not there."""
        found = re.search(
            r"<uptime-usec>(\d+)<", self.bench.switch.api(f"sofia xmlstatus gateway {name}")
        )
        return int(found[1]) if found else -1

    def call(self, gateway: str, number: str) -> Phone:
        """Call a number over a gateway; give the phone that has answered."""
        phone = self.bench.phones.expect(number)
        said = self.bench.switch.api(
            f"originate {{callback_leg=test}}sofia/gateway/{gateway}/{number} &park()"
        )
        assert said.startswith("+OK"), said
        return phone


@pytest.fixture
def operator(bench: Bench) -> Iterator[Operator]:
    """An operator, who leaves the switch as it was."""
    made = Operator(bench)
    # Written by hand, and there from the start.
    for name in ("pstn", "pstn2"):
        made.run("channel", "add", name)
    before = sorted(made.directory.iterdir())
    yield made
    bench.switch.api("hupall")
    for path in set(made.directory.iterdir()) - set(before):
        path.unlink()
        bench.switch.api(f"sofia profile callback_public killgw {path.stem}")
    bench.switch.api("reloadxml")
    wait_until(
        "only those by hand are left",
        lambda: bench.switch.api("sofia xmlstatus gateway").count("<name>") == len(before),
    )


def test_a_gateway_is_made_changed_and_taken_away_while_calls_go_on(operator: Operator) -> None:
    bench, (one, two) = operator.bench, operator.bench.site.carriers
    by_hand = operator.uptime("pstn2")
    proxy = f"{HOST}:{one.port}"
    operator.run("channel", "add", "trunk", "--proxy", proxy, "--ping-seconds", "5")
    assert operator.compared(status=1)["trunk"]["found"] == "missing"
    assert re.search(r"^added .*trunk\.xml", operator.config(), re.MULTILINE)
    there = operator.compared()
    assert (there["trunk"]["found"], there["trunk"]["status"]) == ("as wanted", "UP")
    assert there["pstn"]["found"] == "by hand"
    first = operator.call("trunk", CALLER)
    assert one.called == [CALLER]

    operator.run("channel", "set", "trunk", "--proxy", f"{HOST}:{two.port}")
    assert operator.compared(status=1)["trunk"]["differences"] == [
        {"field": "proxy", "wanted": f"sip:{HOST}:{two.port}", "running": f"sip:{proxy}"}
    ]
    said = operator.config()
    assert f"proxy: {proxy} -> {HOST}:{two.port}" in said
    assert "trunk: taken down and made anew" in said
    assert operator.compared()["trunk"]["found"] == "as wanted"
    second = operator.call("trunk", OTHER)
    assert two.called == [OTHER]
    assert bench.switch.count("channels") == 2
    assert operator.config().count("runs as wanted already") == 1

    operator.run("channel", "remove", "trunk", "--yes")
    assert re.search(r"^removed .*trunk\.xml", operator.config(), re.MULTILINE)
    assert "trunk" not in operator.compared()
    refused = bench.switch.api(f"originate sofia/gateway/trunk/{CALLER} &park()")
    assert refused.startswith("-ERR INVALID_GATEWAY")
    # Both calls go on, and end as they would.
    assert bench.switch.count("channels") == 2
    assert not first.messages("BYE")
    assert not second.messages("BYE")
    bench.switch.api("hupall")
    first.finish()
    second.finish()
    assert operator.uptime("pstn2") > by_hand


@pytest.fixture
def registrar() -> Iterator[Registrar]:
    """A trunk that wants a name with a domain, and an odd password."""
    made = Registrar("1234@acme.example", ODD)
    yield made
    made.close()


def test_a_gateway_registers_with_any_password_and_anew_when_it_changes(
    operator: Operator, registrar: Registrar
) -> None:
    """A4, T1: what is in the file is what the trunk is told; its calls reach the DID."""
    bench = operator.bench
    operator.passwords = {"trunk": ODD}
    operator.run(
        *("channel", "add", "trunk", "--proxy", f"{HOST}:{registrar.port}", "--register"),
        *("--username", registrar.username, "--domain", "acme.example"),
    )
    operator.config()
    there = operator.compared()["trunk"]
    assert (there["found"], there["status"], there["state"]) == ("as wanted", "UP", "REGED")
    assert registrar.right == [ODD]
    registrar.call(DID, CALLER, bench.switch.sip_port)
    bench.switch.api("hupall")
    assert bench.legs.wait("trigger")["Caller-Destination-Number"] == DID

    registrar.password = "another"
    registrar.right.clear()
    operator.passwords = {"trunk": "another"}
    assert "changed" in operator.config()
    there = operator.compared()["trunk"]
    assert (there["found"], there["status"]) == ("as wanted", "UP")
    # It may be at its second registration.
    assert there["state"] in {"REGED", "REGISTER"}
    wait_until("it is registered", lambda: registrar.right.count("another") >= 2)

    # The old one signs off as the new one signs on, at the same address: whichever comes last.
    registrar.right.clear()
    operator.run("channel", "set", "trunk", "--domain", "other.example")
    operator.config()
    wait_until("off, on, and on again", lambda: len(registrar.right) >= 3)
    assert registrar.contact is not None
    registrar.call(OTHER, CALLER, bench.switch.sip_port)


def test_a_password_that_is_wrong_is_told_of(operator: Operator, registrar: Registrar) -> None:
    operator.passwords = {"trunk": "wrong"}
    operator.run(
        *("channel", "add", "trunk", "--proxy", f"{HOST}:{registrar.port}", "--register"),
        *("--username", registrar.username),
    )
    said = operator.config()
    assert re.search(r"trunk runs and is DOWN \(FAIL", said)
    assert registrar.refused >= 1
    assert "trunk is DOWN" in operator.run("check", status=1)


def test_a_file_that_cannot_be_read_takes_nothing_down(operator: Operator) -> None:
    """O5: XML of somebody else's is broken: all that runs goes on."""
    proxy = f"{HOST}:{operator.bench.site.carriers[0].port}"
    operator.run("channel", "add", "trunk", "--proxy", proxy)
    operator.config()
    broken = operator.directory / "broken.xml"
    broken.write_text("<include>\n<gateway name='broken'>\n</include>\n")
    operator.run("channel", "set", "trunk", "--domain", "example.org")
    before = operator.uptime("trunk")
    assert "its XML cannot be read" in operator.config(status=1)
    assert operator.uptime("trunk") > before
    broken.unlink()
    # The file is as it should be by now; what runs is not, and is brought to it.
    said = operator.config()
    assert re.search(r"^unchanged .*trunk\.xml", said, re.MULTILINE)
    assert "trunk: taken down and made anew" in said
    assert operator.compared()["trunk"]["found"] == "as wanted"


def test_a_password_alone_is_taken_up_also_after_a_run_that_did_not_come_to_its_end(
    operator: Operator, registrar: Registrar
) -> None:
    """O5, A4: nothing that the switch tells of differs; it runs of another writing of its file."""
    operator.passwords = {"trunk": "wrong"}
    operator.run(
        *("channel", "add", "trunk", "--proxy", f"{HOST}:{registrar.port}", "--register"),
        *("--username", registrar.username),
    )
    operator.config()
    operator.passwords = {"trunk": ODD}
    operator.config("--no-rescan")
    assert registrar.right == []
    said = operator.config()
    assert re.search(r"^unchanged .*trunk\.xml", said, re.MULTILINE)
    assert registrar.right[0] == ODD


def test_a_directory_that_the_switch_does_not_read_is_found_out(
    operator: Operator, tmp_path: Path
) -> None:
    operator.run("channel", "add", "trunk", "--proxy", "192.0.2.10", "--transport", "tls")
    said = operator.config("--wait", "2", status=1, directory=tmp_path)
    assert "not made: trunk" in said
    assert "tls=true" in said
    assert "Invalid Profile" in operator.config("--profile", "nobody", status=1)
