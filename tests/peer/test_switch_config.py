"""`callbackd switch` against simulated switches: files taken up, compared, and what goes wrong."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gevent
import pytest
from click.testing import CliRunner

from controller.cli import main
from controller.simulator import Behaviour, Phone, Simulator
from tests.peer.world import DIALPLAN, PATIENCE

BY_HAND = (
    '<include>\n<gateway name="{0}">\n<param name="proxy" value="192.0.2.99"/>\n'
    '<param name="register" value="false"/>\n</gateway>\n</include>\n'
)


class Machine:
    """One node with the directory of its gateways."""

    def __init__(self, folder: Path, name: str) -> None:
        self.name = name
        self.directory = folder / name
        self.directory.mkdir()
        (self.directory / "office.xml").write_text(BY_HAND.format("office"))
        self.switch = Simulator(dialplan=DIALPLAN, node=name, gateways=self.directory)
        self.switch.start()

    def proxies(self) -> dict[str, str]:
        """Give where each gateway that runs sends its calls."""
        return {name: one.proxy for name, one in self.switch.gateways.items()}


class Site:
    """Two nodes, and a command line beside them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.nodes = [Machine(folder, name) for name in ("sim1", "sim2")]
        self.passwords: dict[str, str] = {}

    def run(self, *words: str, status: int = 0) -> str:
        """Run a command to its end; give all that it says."""
        nodes = ", ".join(
            f'{{ name = "{one.name}", port = {one.switch.address[1]} }}' for one in self.nodes
        )
        passwords = ", ".join(f"{name} = {json.dumps(p)}" for name, p in self.passwords.items())
        settings = {
            "CALLBACKD_DATA_DIR": str(self.folder / "data"),
            "CALLBACKD_NODES": f"[{nodes}]",
            "CALLBACKD_CHANNEL_PASSWORDS": f"{{ {passwords} }}",
            "CALLBACKD_ROUTE__INTERNAL_GATEWAY": "office",
            "CALLBACKD_ROUTE__INTERNAL_LENGTHS": "[4]",
        }
        # In this process: the simulated switches answer while the command waits.
        with gevent.Timeout(PATIENCE):
            done = CliRunner().invoke(main, words, env=settings)
        assert done.exit_code == status, done.output
        assert not [one for one in self.passwords.values() if one in done.output]
        return done.output

    def config(self, node: Machine, *options: str, status: int = 0) -> str:
        """Write the files of a machine, and have its switch take them up."""
        return self.run(
            *("switch", "config", "--directory", str(node.directory), "--node", node.name),
            *options,
            status=status,
        )

    def compared(self, status: int = 0) -> dict[tuple[str, str], dict[str, Any]]:
        """Compare; give what was found by node and gateway."""
        said = self.run("switch", "compare", "--json", status=status)
        # What follows the JSON are the remedies.
        found, _ = json.JSONDecoder().raw_decode(said)
        return {(one["node"], one["gateway"]): one for one in found}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    yield made
    for node in made.nodes:
        node.switch.stop()


@pytest.fixture
def trunk(site: Site) -> Site:
    """A channel, and its gateway on the first node."""
    site.run("channel", "add", "trunk", "--proxy", "192.0.2.10")
    site.config(site.nodes[0])
    return site


def test_each_machine_is_brought_to_what_is_wanted_and_compared(trunk: Site) -> None:
    one, two = trunk.nodes
    assert one.proxies() == {"office": "192.0.2.99", "trunk": "192.0.2.10"}
    assert two.proxies() == {"office": "192.0.2.99"}
    found = trunk.compared(status=1)
    assert {key: each["found"] for key, each in found.items()} == {
        ("sim1", "office"): "by hand",
        ("sim1", "trunk"): "as wanted",
        ("sim2", "office"): "by hand",
        ("sim2", "trunk"): "missing",
    }
    trunk.config(two)
    assert two.proxies()["trunk"] == "192.0.2.10"
    assert {each["found"] for each in trunk.compared().values()} == {"as wanted", "by hand"}


def test_what_changed_is_taken_down_and_made_anew_and_the_rest_is_left_alone(trunk: Site) -> None:
    one = trunk.nodes[0]
    trunk.run("channel", "add", "still", "--proxy", "192.0.2.20")
    trunk.config(one)
    before = {name: one.switch.gateways[name] for name in ("office", "still")}
    trunk.run("channel", "set", "trunk", "--proxy", "192.0.2.11", "--ping-seconds", "30")
    differs = trunk.compared(status=1)["sim1", "trunk"]
    assert [each["field"] for each in differs["differences"]] == ["proxy", "ping_seconds"]
    said = trunk.config(one)
    assert "sim1: trunk: taken down" in said
    assert one.proxies()["trunk"] == "192.0.2.11"
    assert all(one.switch.gateways[name] is gateway for name, gateway in before.items())
    assert "sim1: runs as wanted already" in trunk.config(one)


def test_what_is_wanted_no_more_goes_also_after_a_run_that_was_cut_short(trunk: Site) -> None:
    """O5: the file went, and the switch was not told."""
    one = trunk.nodes[0]
    trunk.run("channel", "remove", "trunk", "--yes")
    trunk.config(one, "--no-rescan")
    assert "trunk" in one.proxies()
    assert trunk.compared()["sim1", "trunk"]["found"] == "not wanted"
    said = trunk.config(one)
    assert "sim1: trunk: taken down" in said
    # Nothing of it is told any more when the command ends.
    assert [line.split()[:2] for line in said.splitlines()[-1:]] == [["sim1", "office"]]
    assert one.proxies() == {"office": "192.0.2.99"}
    assert ("sim1", "trunk") not in trunk.compared(status=0)


def test_a_channel_whose_gateway_is_by_hand_again_takes_that_one_up(trunk: Site) -> None:
    one = trunk.nodes[0]
    trunk.run("channel", "set", "trunk", "--reset", "proxy")
    (one.directory / "mine.xml").write_text(BY_HAND.format("trunk"))
    trunk.config(one)
    assert one.proxies() == {"office": "192.0.2.99", "trunk": "192.0.2.99"}
    assert trunk.compared(status=1)["sim1", "trunk"]["found"] == "by hand"


def test_a_password_alone_is_taken_up_by_every_run_until_it_is(site: Site) -> None:
    """A4, O5: the switch tells no password, but of which writing of its file a gateway is."""
    one = site.nodes[0]
    site.run(
        *("channel", "add", "trunk", "--proxy", "192.0.2.10", "--username", "1234"),
        "--register",
    )
    site.passwords = {"trunk": "first-s3cret"}
    site.config(one)
    site.passwords = {"trunk": "second-s3cret"}
    site.config(one, "--no-rescan")
    assert one.switch.gateways["trunk"].password == "first-s3cret"
    site.config(one)
    assert one.switch.gateways["trunk"].password == "second-s3cret"
    assert site.run("switch", "compare", "--node", "sim1").count("REGED") == 1


def test_a_gateway_by_hand_that_becomes_a_channel_s_is_made_anew(site: Site) -> None:
    """It was the same name with other values: the file is out of the way, the gateway runs yet."""
    one = site.nodes[0]
    site.run("channel", "add", "office", "--proxy", "192.0.2.10")
    assert "was not made by" in site.config(one, status=1)
    (one.directory / "office.xml").unlink()
    assert "office: taken down" in site.config(one)
    assert one.proxies() == {"office": "192.0.2.10"}


def test_files_of_another_directory_are_found_out(trunk: Site, tmp_path: Path) -> None:
    """They differ in nothing that the switch tells but in who wrote them, and when."""
    other = tmp_path / "other"
    other.mkdir()
    said = trunk.run(
        *("switch", "config", "--directory", str(other), "--node", "sim1", "--wait", "2"),
        status=1,
    )
    assert "not as its file has it: trunk" in said
    assert "profile callback_public of this node" in said


def test_a_node_that_is_not_told_of_the_files_keeps_the_others_from_nothing(trunk: Site) -> None:
    """Without --node all are asked; the one that reads another directory is named."""
    one = trunk.nodes[0]
    trunk.run("channel", "set", "trunk", "--proxy", "192.0.2.11")
    said = trunk.run(
        *("switch", "config", "--directory", str(one.directory), "--wait", "2"), status=1
    )
    assert one.proxies()["trunk"] == "192.0.2.11"
    assert "Error: sim2: after 2 seconds not made: trunk" in said


def test_xml_that_cannot_be_read_takes_nothing_down(trunk: Site) -> None:
    """O5: the switch says +OK to it; what runs goes on."""
    one = trunk.nodes[0]
    broken = one.directory / "broken.xml"
    broken.write_text("<include>\n<gateway name='broken'>\n</include>\n")
    trunk.run("channel", "set", "trunk", "--proxy", "192.0.2.11")
    assert "sim1: its XML cannot be read: [[error near line" in trunk.config(one, status=1)
    assert one.proxies()["trunk"] == "192.0.2.10"
    broken.unlink()
    trunk.config(one)
    assert one.proxies()["trunk"] == "192.0.2.11"


def test_a_profile_that_there_is_not_is_named(trunk: Site) -> None:
    one = trunk.nodes[0]
    said = trunk.config(one, "--profile", "external", status=1)
    assert "gateway trunk runs on profile callback_public" in said
    trunk.run("channel", "remove", "trunk", "--yes")
    trunk.config(one)
    trunk.run("channel", "add", "new", "--proxy", "192.0.2.10")
    assert "Invalid Profile [external]" in trunk.config(one, "--profile", "external", status=1)


def test_a_gateway_that_is_down_is_as_wanted_and_told(trunk: Site) -> None:
    one = trunk.nodes[0]
    one.switch.gateway("trunk", "down")
    trunk.config(trunk.nodes[1])
    found = trunk.compared()["sim1", "trunk"]
    assert (found["found"], found["status"]) == ("as wanted", "DOWN")
    assert "trunk runs and is DOWN" in trunk.config(one)


def test_check_tells_of_gateways_that_are_missing_and_down(trunk: Site) -> None:
    one = trunk.nodes[0]
    trunk.run("channel", "add", "by-hand")
    one.switch.gateway("trunk", "down")
    said = json.loads(trunk.run("check", "--json", status=1))
    found = {
        (each["node"], each["well"], each["text"]): each["remedy"]
        for each in said["findings"]
        if each["subject"] == "gateways"
    }
    assert {key: remedy.partition(" ")[0] for key, remedy in found.items()} == {
        ("sim1", False, "by-hand of channel by-hand is not there"): "write",
        ("sim1", True, "trunk is DOWN (NOREG): no call goes over it"): "see",
        ("sim1", True, "there and up: office"): "",
        ("sim2", False, "by-hand of channel by-hand is not there"): "write",
        ("sim2", False, "trunk of channel trunk is not there"): "callbackd",
        ("sim2", True, "there and up: office"): "",
    }


def test_a_call_in_progress_goes_on(trunk: Site) -> None:
    one = trunk.nodes[0]
    answers = Behaviour(on_call="answer", after=0.05)
    one.switch.phone(Phone(number="12025550199", calls=[answers]))
    leg = one.switch.api.run("originate sofia/gateway/trunk/12025550199 &park()")
    assert leg.startswith("+OK"), leg
    trunk.run("channel", "set", "trunk", "--proxy", "192.0.2.11")
    trunk.config(one)
    assert one.switch.api.run(f"uuid_exists {leg.split()[1]}") == "true"
