"""O4: the lists by which switches know which controllers there are."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.guard.lists import MOST, NONE, SLOTS, entry, is_address, lists_of, unknown
from controller.guard.members import LEAVING, SERVING, Member

#: What the dialplan takes for a list.
SHAPE = re.compile(r"[0-9A-Za-z._:/|-]+\Z")

members = st.lists(
    st.builds(
        Member,
        name=st.from_regex(r"[A-Za-z0-9_.-]{1,12}", fullmatch=True),
        run=st.just(""),
        state=st.sampled_from([SERVING, SERVING, SERVING, LEAVING]),
        address=st.builds("10.0.{}.{}:8084".format, st.integers(0, 9), st.integers(1, 254)),
        busy=st.sampled_from([False, False, True]),
        legs=st.integers(0, 100),
    ),
    max_size=40,
    unique_by=(lambda one: one.name, lambda one: one.address),
)


def member(name: str, address: str = "", **more: object) -> Member:
    """Give a controller by its name, each with an address of its own."""
    number = 1 + sum(map(ord, name)) % 250
    return Member(name=name, run="", address=address or f"10.0.0.{number}:8084", **more)  # type: ignore[arg-type]


@given(members)
def test_o4_every_controller_that_takes_legs_is_in_each_list_once(known: list[Member]) -> None:
    """O4: and nobody else is."""
    serving = [one for one in known if one.state == SERVING]
    lists = lists_of(known)
    if not serving:
        assert lists is None
        return
    assert lists is not None
    assert list(lists) == list(SLOTS)
    for text in lists.values():
        assert SHAPE.match(text)
        assert sorted(text.split("|")) == sorted(f"{one.address}/{one.name}" for one in serving)


@given(members)
def test_o4_the_first_places_are_spread(known: list[Member]) -> None:
    """O4: within one of each other; so are the second ones behind the same first."""
    lists = lists_of([one for one in known if not one.busy])
    if lists is None:
        return
    entries = [text.split("|") for text in lists.values()]
    first = Counter(dict.fromkeys(entries[0], 0) | Counter(one[0] for one in entries))
    assert max(first.values()) - min(first.values()) <= 1
    for begin in first:
        others = {one: 0 for one in entries[0] if one != begin}
        second = Counter(others | Counter(e[1] for e in entries if e[0] == begin and others))
        assert not others or max(second.values()) - min(second.values()) <= 1


@given(members)
def test_o4_who_lags_comes_last(known: list[Member]) -> None:
    """O4: and still takes a call where all others refuse it."""
    for text in (lists_of(known) or {}).values():
        busy = {one.name: one.busy for one in known}
        order = [busy[one.rpartition("/")[2]] for one in text.split("|")]
        assert order == sorted(order)


@given(members, st.randoms(use_true_random=False))
def test_o4_whoever_makes_the_lists_makes_the_same(known: list[Member], order: object) -> None:
    """O4: every controller writes them, and the last one may have written any of them."""
    other = [one.__replace__() if hasattr(one, "__replace__") else one for one in known]
    order.shuffle(other)  # type: ignore[attr-defined]
    assert lists_of(other) == lists_of(known)


def test_o4_a_controller_alone_is_in_all_lists() -> None:
    """O4: with one there is nothing to spread."""
    assert lists_of([member("a", "10.0.0.1:8084")]) == dict.fromkeys(SLOTS, "10.0.0.1:8084/a")


def test_o4_no_list_is_longer_than_the_switch_takes() -> None:
    """O4: of the 51st and all behind it FreeSWITCH makes one host that is none."""
    many = [member(f"c{n:02d}", f"10.0.1.{n + 1}:8084") for n in range(60)]
    lists = lists_of(many)
    assert lists is not None
    entries = [text.split("|") for text in lists.values()]
    assert {len(one) for one in entries} == {MOST}
    assert all(len(set(one)) == MOST for one in entries)


@pytest.mark.parametrize(
    ("others", "names"),
    [
        ([Member(name="b", run="")], ("b",)),
        ([Member(name="b", run="", address="10.0.0.2:8084; x")], ("b",)),
        ([Member(name="b", run="", address="10.0.0.2")], ("b",)),
        ([Member(name="b c", run="", address="10.0.0.2:8084")], ("b c",)),
        # Both listen on their own loopback: no switch gets to both.
        ([Member(name="b", run="", address="10.0.0.1:8084")], ("a", "b")),
    ],
)
def test_o4_where_one_cannot_be_told_of_there_are_no_lists(
    others: list[Member], names: tuple[str, ...]
) -> None:
    """O4, G1: he would get no call; the dialplan then goes by the list of its settings."""
    known = [member("a", "10.0.0.1:8084"), *others]
    assert lists_of(known) == NONE
    assert unknown(known) == names


def test_o4_who_leaves_need_not_be_known() -> None:
    """O4: he takes no legs; and when nobody does the lists stay for who comes back."""
    leaving = Member(name="b", run="", state=LEAVING)
    assert lists_of([member("a", "10.0.0.1:8084"), leaving]) == dict.fromkeys(
        SLOTS, "10.0.0.1:8084/a"
    )
    assert lists_of([leaving]) is None
    assert lists_of([]) is None


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("10.0.0.1:8084", "10.0.0.1:8084/a"),
        ("cb-1.example.net:8084", "cb-1.example.net:8084/a"),
        # Seen on 1.11.1: what stands in brackets is looked up as a name.
        ("[fd00::5]:8084", "fd00::5:8084/a"),
        ("fd00::5:8084", None),
        ("[fe80::1%eth0]:8084", None),
        ("10.0.0.1:0", None),
        ("10.0.0.1:65536", None),
        ("10.0.0.1:8084|10.0.0.2:8084", None),
        ("${api(x)}:8084", None),
        ("10.0.0.1:8084\n", None),
        ("", None),
    ],
)
def test_o4_what_is_an_address_and_how_a_switch_is_told_of_it(
    address: str, said: str | None
) -> None:
    """O4, G1: nothing but an address gets into a list."""
    assert entry(Member(name="a", run="", address=address)) == said
    assert is_address(address) is (said is not None)
