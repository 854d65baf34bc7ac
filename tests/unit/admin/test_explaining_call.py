"""I9: a return call is played through and not made, by the machine that real ones go by."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from controller.admin.explaining_call import PlayedCall
from controller.admin.model import Actor, Forbidden, Invalid, Kind, NotFound
from tests.seed import ADMIN, directory
from tests.unit.admin.test_explaining import (
    ACME,
    CALLEE,
    CALLER,
    DID,
    OTHERS_DID,
    change,
    copied,
    explaining,
    fill,
    filled,
    reading_only,
)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store that is filled; others are copies of it."""
    return filled(tmp_path_factory.mktemp("whole") / "callbackd.sqlite3", fill)


@pytest.fixture
def engine(whole: Path, tmp_path: Path) -> Iterator[Engine]:
    """A store of its own for each test."""
    with copied(whole, tmp_path / "callbackd.sqlite3") as made:
        yield made


def played(engine: Engine, to: str = CALLEE, actor: Actor = ADMIN, **more: Any) -> PlayedCall:
    """Play a call of 1001; nothing is written."""
    asked = {"did": DID, "caller": CALLER, **more}
    with reading_only(engine):
        return explaining(engine).call(actor, to=to, **asked)


def lines(call: PlayedCall) -> list[tuple[str, str]]:
    """Give its lines."""
    return [(one.what, one.text) for one in call.lines]


@pytest.mark.parametrize(
    ("to", "keys", "number"),
    [
        (CALLEE, "2125550199", CALLEE),
        ("(212) 555-0199#", "2125550199", CALLEE),
        ("+44 20 7946 0000", "011442079460000", "+442079460000"),
    ],
)
def test_i9_d3_a_number_is_dialled_as_it_is_dialled_there(
    engine: Engine, to: str, keys: str, number: str
) -> None:
    change(directory(engine), password="1234", destination_countries=["US", "GB"])
    call = played(engine, to)
    assert call.connected
    assert lines(call) == [
        ("said", "password_enter"),
        ("typed", "(password)"),
        ("decided", "password_right"),
        ("said", "destination_enter"),
        ("typed", f"{keys}#"),
        ("called", number),
    ]


def test_i9_d3_speed_dials_and_platform_numbers_are_those_of_calls(engine: Engine) -> None:
    dials = {"extension": "1001", "number": CALLER, "speed_dials": {"5": CALLEE}}
    directory(engine).create(ADMIN, Kind.CALLERID, dials)
    assert ("called", CALLEE) in lines(played(engine, "5"))
    assert ("called", "2001") in lines(played(engine, "2001"))


def test_t7_g2_what_calls_refuse_is_refused(engine: Engine) -> None:
    for to, why in (
        (OTHERS_DID, "not_called own_number"),
        ("+442079460000", "number_not_allowed"),
    ):
        call = played(engine, to)
        assert not call.connected
        assert ("decided", why) in lines(call)


def test_i4_without_a_channel_the_caller_is_told_so(engine: Engine) -> None:
    for channel in ("pstn", "backup"):
        directory(engine).change(ADMIN, Kind.CHANNEL, channel, {"enabled": False})
    call = played(engine)
    assert not call.connected
    assert lines(call)[-1][0] == "said"


def test_i9_who_dials_nothing_is_left_at_the_question(engine: Engine) -> None:
    assert lines(played(engine, "")) == [("said", "destination_enter")]


def test_c1_who_may_hear_his_credit_is_offered_it(engine: Engine) -> None:
    store = directory(engine)
    change(store, credit_query=True)
    store.create(ADMIN, Kind.CALLERID, {"extension": "1001", "number": CALLER})
    account = store.create(ADMIN, Kind.ACCOUNT, {"extension": "1001", "currency": "USD"})
    store.add_entry(ADMIN, account.key, {"key": "first", "amount": 5_000_000})
    call = played(engine)
    assert lines(call)[:2] == [("said", "credit_menu"), ("typed", "2")]
    assert call.connected


def test_o2_a_client_plays_calls_of_his_own(engine: Engine) -> None:
    assert played(engine, actor=ACME).connected
    with pytest.raises(NotFound):
        played(engine, actor=ACME, did=OTHERS_DID)
    with pytest.raises(Forbidden):
        played(engine, actor=ACME, over="pstn")


@pytest.mark.parametrize("to", ["letters", "1" * 25, "${x}", "12;34"])
def test_g1_what_has_no_keys_is_refused(engine: Engine, to: str) -> None:
    with pytest.raises(Invalid, match="to: "):
        played(engine, to)


def test_i9_a_number_of_nobody_reaches_no_extension(engine: Engine) -> None:
    with pytest.raises(Invalid, match="reaches no extension"):
        played(engine, did="+12025550999")
