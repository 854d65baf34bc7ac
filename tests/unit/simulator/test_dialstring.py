"""Dial strings are read as FreeSWITCH reads them."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.simulator.dialstring import DialStringError, parse, parse_variables


def test_common_and_own_variables_and_groups() -> None:
    dialled = parse(
        "{ignore_early_media=true,sip_cid_type=none}"
        "[origination_uuid=a,leg_timeout=5]sofia/gateway/one/123|"
        "[origination_uuid=b]sofia/gateway/two/123"
    )
    assert dialled.variables == {"ignore_early_media": "true", "sip_cid_type": "none"}
    assert [[leg.gateway for leg in group] for group in dialled.groups] == [["one"], ["two"]]
    assert dialled.groups[0][0].variables == {"origination_uuid": "a", "leg_timeout": "5"}
    assert dialled.groups[1][0].number == "123"


def test_a_comma_between_endpoints_lets_both_ring() -> None:
    dialled = parse("sofia/gateway/one/1,sofia/gateway/two/2|sofia/gateway/one/3")
    assert [[leg.number for leg in group] for group in dialled.groups] == [["1", "2"], ["3"]]


def test_quotes_keep_commas_and_blanks() -> None:
    text = "execute_on_answer='sched_hangup +3 ALLOTTED_TIMEOUT',sip_h_X-A='a,b|c',c=1"
    assert parse_variables(text) == {
        "execute_on_answer": "sched_hangup +3 ALLOTTED_TIMEOUT",
        "sip_h_X-A": "a,b|c",
        "c": "1",
    }


def test_another_separator_can_be_named() -> None:
    assert parse_variables("^^:a=1,2:b=3") == {"a": "1,2", "b": "3"}


def test_a_direct_address_has_no_gateway() -> None:
    leg = parse("sofia/external/123@127.0.0.1:5092").groups[0][0]
    assert (leg.gateway, leg.number, leg.port) == ("", "123", "5092")


@pytest.mark.parametrize("text", ["", "sofia/gateway/one", "sofia/gateway/one/", "{a=1", "user/1"])
def test_what_is_no_dial_string_is_refused(text: str) -> None:
    with pytest.raises(DialStringError):
        parse(text)


@given(st.text(alphabet="{}[]'|,=ab/sofia:", max_size=60))
def test_no_text_does_anything_but_parse_or_be_refused(text: str) -> None:
    with contextlib.suppress(DialStringError):
        parse(text)
