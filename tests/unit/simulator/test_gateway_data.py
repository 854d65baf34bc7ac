"""What `callbackd switch config` asks of a switch beyond its list of gateways."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import gevent
import pytest

from controller.simulator import Simulator

DIALPLAN = Path(__file__).parents[3] / "fs-config" / "dialplan"
GATEWAY = """<include>
  <gateway name="trunk">
    <param name="proxy" value="192.0.2.10"/>
    <param name="register" value="false"/>
    <variables>
      <variable name="in" value="1" direction="inbound"/>
      <variable name="out" value="2" direction="outbound"/>
      <variable name="both" value="3"/>
    </variables>
  </gateway>
</include>
"""


@pytest.fixture
def switch(tmp_path: Path) -> Iterator[Simulator]:
    (tmp_path / "trunk.xml").write_text(GATEWAY)
    made = Simulator(dialplan=DIALPLAN, gateways=tmp_path)
    yield made.start()
    made.stop()


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("trunk ivar in", "1"),
        ("trunk ivar both", "3"),
        ("trunk ivar out", ""),
        ("trunk ivar none", ""),
        ("nobody ivar in", ""),
        ("", ""),
    ],
)
def test_a_gateway_s_variables_are_told(switch: Simulator, asked: str, said: str) -> None:
    """sofia_gateway_data_function; what prints nothing is `-ERR no reply` on the socket."""
    assert switch.api.run(f"sofia_gateway_data {asked}") == said


def test_one_that_was_taken_down_is_told_for_a_second(switch: Simulator) -> None:
    """Seen on 1.11.1: in the list, and not when it is asked for by its name."""
    switch.api.run("sofia profile callback_public killgw trunk")
    switch.api.run("sofia profile callback_public rescan")
    assert switch.api.run("sofia xmlstatus gateway").count("<name>trunk</name>") == 2
    with gevent.Timeout(10):
        while switch.api.run("sofia xmlstatus gateway").count("<name>trunk</name>") != 1:
            gevent.sleep(0.05)


def test_only_one_that_registers_is_told_to(switch: Simulator) -> None:
    register = "sofia profile callback_public register"
    assert switch.api.run(f"{register} trunk").startswith("-ERR NOREG")
    assert switch.api.run(f"{register} nobody") == "Invalid gateway!\n"


def test_xml_that_cannot_be_read_is_told_by_reloadxml(switch: Simulator, tmp_path: Path) -> None:
    """Seen on 1.11.1: with +OK all the same."""
    assert switch.api.run("reloadxml") == "+OK [Success]\n"
    (tmp_path / "broken.xml").write_text("<include>\n<gateway>\n</include>\n")
    assert switch.api.run("reloadxml").startswith("+OK [[error near line")
