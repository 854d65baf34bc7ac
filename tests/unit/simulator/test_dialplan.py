"""The dialplan interpreter: conditions, captures, breaks, variables."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from controller.simulator.dialplan import Dialplan, expand
from controller.simulator.legs import Leg
from controller.simulator.profile import CallerProfile


def leg(destination: str = "15550100", **variables: Any) -> Leg:
    profile = CallerProfile(
        uuid="u",
        direction="inbound",
        channel_name="c",
        destination=destination,
        context="public",
        source="s",
        cid_number="+1212",
    )
    globals_ = {"list_u": "of the switch", "own": "hidden", "uuid": "hidden"}
    switch: Any = SimpleNamespace(global_value=lambda name: globals_.get(name, ""))
    return Leg(switch, profile, dict(variables), "trigger")


def actions(tmp_path: Path, xml: str, on: Leg, **globals_: str) -> Any:
    file = tmp_path / "d.xml"
    file.write_text(f'<include><context name="public">{xml}</context></include>')
    ran: list[tuple[str, str]] = []
    found = Dialplan(file, globals_).actions(on, lambda _, name, data: ran.append((name, data)))
    return found if not ran else (found, ran)


def test_captures_and_globals_are_put_in_when_the_extension_is_found(tmp_path: Path) -> None:
    xml = """<extension name="a"><condition field="destination_number" expression="^1(\\d{3})">
      <action application="set" data="a=$1 b=$${there} c=${cb_hops} d=$${nowhere}"/>
    </condition></extension>"""
    on = leg()
    assert actions(tmp_path, xml, on, there="x") == [("set", "a=555 b=x c=${cb_hops} d=")]
    assert on.variables["DP_MATCH"] == ["1555", "555"]


def test_variables_are_put_in_when_the_action_runs_and_again_in_their_values() -> None:
    on = leg(a="${b}", b="1", c="12345")
    assert expand(on, "${a}-${c:1:2}-${c:-2}-${none}-${destination_number}") == "1-23-45--15550100"


def test_a_variable_of_the_switch_stands_behind_those_of_the_leg() -> None:
    """Seen on 1.11.1; a name may be made of variables, and they are looked up first."""
    assert expand(leg(), "${list_${uuid:-1}};${list_${none}}") == "of the switch;"
    assert expand(leg(own="ours"), "${own} ${uuid}") == "ours u"


def test_an_api_call_in_an_argument_is_left_as_it_is() -> None:
    assert expand(leg(), "${expr(1+1)}") == "${expr(1+1)}"


def test_the_first_extension_that_matches_wins(tmp_path: Path) -> None:
    xml = """
      <extension name="no"><condition field="${cb_hops}" expression="^x+$">
        <action application="log"/></condition></extension>
      <extension name="yes"><condition field="${cb_hops}" expression="^$">
        <action application="info"/></condition></extension>
      <extension name="late"><condition><action application="park"/></condition></extension>"""
    assert actions(tmp_path, xml, leg()) == [("info", "")]
    assert actions(tmp_path, xml, leg(cb_hops="xx")) == [("log", "")]


def test_a_condition_that_fails_ends_its_extension_unless_it_says_otherwise(
    tmp_path: Path,
) -> None:
    xml = """<extension name="a">
      <condition field="destination_number" expression="^9" break="{}">
        <action application="no"/><anti-action application="anti"/></condition>
      <condition><action application="next"/></condition></extension>"""
    assert actions(tmp_path, xml.format("on-false"), leg()) == [("anti", "")]
    assert actions(tmp_path, xml.format("never"), leg()) == [("anti", ""), ("next", "")]
    assert actions(tmp_path, xml.format("on-true"), leg()) == [("anti", ""), ("next", "")]
    assert actions(tmp_path, xml.format("on-true"), leg("9")) == [("no", "")]
    assert actions(tmp_path, xml.format("always"), leg("9")) == [("no", "")]


def test_continue_goes_on_and_inline_runs_at_once(tmp_path: Path) -> None:
    xml = """
      <extension name="a" continue="true"><condition>
        <action application="set" data="a=1" inline="true"/><action application="one"/>
      </condition></extension>
      <extension name="b"><condition><action application="two"/></condition></extension>"""
    assert actions(tmp_path, xml, leg()) == ([("one", ""), ("two", "")], [("set", "a=1")])


def test_nothing_that_matches_is_nothing(tmp_path: Path) -> None:
    assert actions(tmp_path, "", leg()) is None


@pytest.mark.parametrize("value", ["", "x", "x" * 20])
def test_the_loop_counts_with_a_string(tmp_path: Path, value: str) -> None:
    xml = """<extension name="a"><condition field="${cb_hops}" expression="^x{0,20}$">
      <action application="go"/></condition></extension>"""
    assert actions(tmp_path, xml, leg(cb_hops=value)) == [("go", "")]
    assert actions(tmp_path, xml, leg(cb_hops=value + "x" * 21)) is None
