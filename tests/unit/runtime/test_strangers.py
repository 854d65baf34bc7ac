"""G1: whoever names a switch that we are not linked to is none of ours."""

from __future__ import annotations

from typing import Any, TypeVar

import pytest
from structlog.testing import capture_logs

from controller.esl.channel_data import ChannelData
from controller.esl.switch import SwitchLink
from controller.runtime.strangers import LOG_SECONDS, LOOK_SECONDS, Strangers, is_linked

ONE = "8c2e8bbf-6963-48b9-9906-7c58066908ef"
TWO = "1d07d9a9-920a-4a35-b9ee-2658933f40b0"
OTHER = "00000000-920a-4a35-b9ee-2658933f40b0"

Link = TypeVar("Link", bound=SwitchLink)


def link(core: str, *, up: bool, kind: type[Link] = SwitchLink) -> Link:  # type: ignore[assignment]
    """Give a link as it is once it has been told so much."""
    never: Any = None
    made = kind("fs", "127.0.0.1", 1, "x", on_event=never, on_up=never, on_down=never, events=())
    made.core = core
    if up:
        made.up.set()
    return made


@pytest.mark.parametrize(
    ("core", "links", "known"),
    [
        (ONE, [(ONE, True), (TWO, True)], True),
        (TWO, [(ONE, True), (TWO, True)], True),
        (OTHER, [(ONE, True), (TWO, True)], False),
        (None, [(ONE, True)], False),
        ("", [(ONE, True)], False),
        # A link that is down just now: its switch may be another one by now.
        (ONE, [(ONE, False)], True),
        (OTHER, [(ONE, False)], True),
        (OTHER, [(ONE, True), (TWO, False)], True),
        # One that was never up, and one that did not say which run of the switch it is.
        (OTHER, [("", False)], True),
        (OTHER, [("", True)], True),
        ("-ERR no reply", [("-ERR no reply", True)], True),
        (OTHER, [("-ERR no reply", True)], True),
        (OTHER, [], False),
    ],
)
def test_g1_known_is_who_names_a_linked_switch_or_may_be_one(
    core: str | None, links: list[tuple[str, bool]], known: bool
) -> None:
    """G1, O5: all others are strangers, and no switch is one for its link's being down."""
    assert is_linked(core, [link(name, up=up) for name, up in links]) == known


def data(**headers: str) -> ChannelData:
    """Give what a leg says of itself."""
    return ChannelData({name.replace("_", "-"): value for name, value in headers.items()})


def test_g1_strangers_are_counted_and_named_once_a_minute() -> None:
    """G1: a flood of them is no flood of the log."""
    clock, refused = [0.0], list[str]()
    links: list[SwitchLink] = [link(ONE, up=True)]
    strangers = Strangers(lambda: links, now=lambda: clock[0], on_refused=refused.append)
    with capture_logs() as logs:
        for _ in range(100):
            assert strangers.is_one(
                data(Core_UUID=OTHER, FreeSWITCH_Hostname="fs%0Afs"), "192.0.2.7"
            )
        assert not strangers.is_one(data(Core_UUID=ONE), "192.0.2.7")
        clock[0] = LOG_SECONDS
        assert strangers.is_one(data(), "192.0.2.8")
    assert refused == ["switch"] * 101
    assert [(entry["peer"], entry["switch"]) for entry in logs] == [
        ("192.0.2.7", None),
        ("192.0.2.8", None),
    ]
    # Repeated or odd, it is no name of a switch.
    assert strangers.is_one(data(Core_UUID=f"ARRAY::{ONE}|:{ONE}"), "192.0.2.7")


class Watched(SwitchLink):
    """A link of which it is known how often it was asked for a sign of life."""

    looked = 0

    def look(self) -> None:
        self.looked += 1
        super().look()


def test_o5_a_stranger_may_be_a_switch_that_is_back_before_its_link_has_missed_it() -> None:
    """O5: what its link is worth is asked at once, and not with each leg of a flood."""
    clock = [0.0]
    links = [link(ONE, up=True, kind=Watched), link(TWO, up=True, kind=Watched)]
    strangers = Strangers(lambda: links, now=lambda: clock[0], on_refused=lambda reason: None)
    assert not strangers.is_one(data(Core_UUID=TWO), "192.0.2.7")
    for _ in range(100):
        assert strangers.is_one(data(Core_UUID=OTHER), "192.0.2.7")
    assert [one.looked for one in links] == [1, 1]
    clock[0] = LOOK_SECONDS
    assert strangers.is_one(data(Core_UUID=OTHER), "192.0.2.7")
    assert [one.looked for one in links] == [2, 2]
