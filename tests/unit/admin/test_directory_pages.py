"""Lists: filters, pages in the order of keys, and pages while others write."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from controller.admin.directory import Directory
from controller.admin.model import MOST_ITEMS, Actor, Invalid, Item, Kind
from controller.admin.shapes import FILTERS
from controller.policy.records import AuthorisedCaller, Client
from tests.seed import ADMIN, directory
from tests.unit.admin.given import ACME, create, two_clients
from tests.unit.examples import many

COUNT = itertools.count(1000)


def walk(
    store: Directory,
    kind: Kind,
    limit: int,
    *,
    actor: Actor = ADMIN,
    between: Callable[[], object] = lambda: None,
    **filters: str | bool,
) -> list[Item]:
    """Give what all pages have."""
    found: list[Item] = []
    after = None
    while True:
        page = store.list(actor, kind, filters, after=after, limit=limit)
        assert len(page.items) <= limit
        found += page.items
        if page.next is None:
            return found
        last = page.items[-1]
        owner = f"{last.values['owner']}/" if kind is Kind.ACCOUNT else ""
        assert page.next == owner + last.key
        after = page.next
        between()


def keys(items: Any) -> list[str]:
    return [item.key for item in items]


def test_pages_of_every_kind_are_the_list(store: Directory) -> None:
    two_clients(store)
    for index in range(3):
        create(store, Kind.CHANNEL, {"name": f"c{index}"})
        create(store, Kind.CALLERID, {"extension": "200", "number": f"+1212555019{index}"})
    for kind in Kind:
        whole = store.list(ADMIN, kind, limit=MOST_ITEMS)
        assert whole.next is None
        assert len(set(keys(whole.items))) == len(whole.items) >= 2
        for limit in (1, 2, len(whole.items)):
            assert walk(store, kind, limit) == list(whole.items), (kind, limit)


def test_a_page_has_at_least_one_and_at_most_so_many(store: Directory) -> None:
    two_clients(store)
    for limit in (0, -5):
        assert len(store.list(ADMIN, Kind.CLIENT, limit=limit).items) == 1
    assert len(store.list(ADMIN, Kind.CLIENT, limit=10**30).items) == 3


def test_a_place_that_is_none_is_refused(store: Directory) -> None:
    two_clients(store)
    for kind, places in (
        (Kind.CLIENT, ("a/b", "\x00", "\ud800", "x" * 300)),
        (Kind.CALLERID, ("100", "100/1/2", "\n/\n")),
        (Kind.SOUND, ("en", "")),
        # Accounts are in the order of whose they are, and a key alone is no place among them.
        (Kind.ACCOUNT, ("0" * 36, "\n/x", "x" * 201 + "/y", "")),
    ):
        for place in places:
            with pytest.raises(Invalid, match=r"^after: .*take the `next` of the page before"):
                store.list(ADMIN, kind, after=place)
    # One that is gone is a place all the same.
    assert keys(store.list(ADMIN, Kind.CLIENT, after="b").items) == ["main", "other"]
    assert store.list(ADMIN, Kind.CLIENT, after="zzz").items == ()


def test_accounts_are_in_the_order_of_whose_they_are(store: Directory) -> None:
    two_clients(store)
    for number in range(9, 2, -1):
        caller = f"+1212555019{number}"
        create(store, Kind.CALLERID, {"extension": "100", "number": caller})
        create(store, Kind.ACCOUNT, {"extension": "100", "caller": caller, "currency": "EUR"})
    create(store, Kind.ACCOUNT, {"extension": "100", "currency": "EUR"})
    # Whose they were stays said of those that are nobody's any more, and another may have the name.
    for _ in range(2):
        create(store, Kind.CALLERID, {"extension": "100", "number": "+12125550180"})
        create(
            store,
            Kind.ACCOUNT,
            {"extension": "100", "caller": "+12125550180", "currency": "EUR"},
        )
        store.delete(ADMIN, Kind.CALLERID, "100/+12125550180")
    for limit in (1, 3):
        found = walk(store, Kind.ACCOUNT, limit)
        assert len(set(keys(found))) == 12
        owners = [item.values["owner"] for item in found]
        assert owners == sorted(owners)
        assert owners.count("100/+12125550180") == 2
        some = walk(store, Kind.ACCOUNT, limit, owner="100/+1212555019")
        assert len(some) == 7
    # Of an account that is gone its place stays.
    assert keys(store.list(ADMIN, Kind.ACCOUNT, after="199/zzz").items) == [
        item.key for item in found if item.values["owner"].startswith("2")
    ]


@settings(max_examples=many(20), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    before=st.sets(st.integers(0, 99), min_size=1, max_size=12),
    meanwhile=st.lists(st.integers(0, 99), max_size=12),
    limit=st.integers(1, 5),
)
def test_pages_skip_nothing_and_repeat_nothing_while_others_write(
    engine: Engine, before: set[int], meanwhile: list[int], limit: int
) -> None:
    store = directory(engine)
    # Each example has an extension of its own; what others have does not come in.
    extension = str(next(COUNT))
    two = two_clients if not store.list(ADMIN, Kind.CHANNEL).items else None
    if two is not None:
        two(store)
    create(
        store,
        Kind.EXTENSION,
        {
            "extension": extension,
            "client": "acme",
            "dids": [f"+1202555{extension}"],
            "country": "US",
            "caller_ids": ["+12025550151"],
        },
    )

    def caller(number: int) -> AuthorisedCaller:
        return AuthorisedCaller(extension=extension, number=f"+121255501{number:02}")

    store.apply(ADMIN, Kind.CALLERID, [caller(number) for number in before])
    left = iter(meanwhile)
    written: set[int] = set()

    def write() -> None:
        number = next(left, None)
        if number is None:
            return
        if number in before:
            # It was there all the time; something of it changes.
            key = f"{extension}/+121255501{number:02}"
            store.change(ADMIN, Kind.CALLERID, key, {"notes": str(number)})
        elif number not in written:
            store.apply(ADMIN, Kind.CALLERID, [caller(number)])
            written.add(number)

    found = keys(walk(store, Kind.CALLERID, limit, between=write, extension=extension))
    assert len(set(found)) == len(found)
    numbers = [int(key[-2:]) for key in found]
    assert numbers == sorted(numbers)
    assert before <= set(numbers) <= before | written


# --- filters ---------------------------------------------------------------------------------

SELECTED: list[tuple[Kind, dict[str, str | bool], list[str]]] = [
    (Kind.CLIENT, {"enabled": True}, ["acme", "main"]),
    (Kind.CLIENT, {"enabled": False}, ["other"]),
    (Kind.PRICE_LIST, {"currency": "USD"}, ["usd"]),
    (Kind.RATE, {"price_list": "usd"}, ["usd/+1/2020-01-01T00:00:00.000000Z"]),
    (Kind.RATE, {"prefix": "+1"}, ["usd/+1/2020-01-01T00:00:00.000000Z"]),
    (Kind.RATE, {"price_list": "trunk", "prefix": "+1"}, []),
    (Kind.NUMBER, {"client": "acme"}, ["+12025550110", "+12025550151"]),
    (Kind.NUMBER, {"channel": "none"}, []),
    (Kind.NUMBER, {"channel": "pstn", "client": "other"}, ["+12025550120"]),
    (Kind.NUMBER, {"number": "+1202555015"}, ["+12025550151"]),
    (Kind.NUMBER, {"number": "12025550151"}, []),
    (Kind.EXTENSION, {"client": "acme"}, ["100", "101"]),
    (Kind.EXTENSION, {"client": "main"}, []),
    (Kind.EXTENSION, {"enabled": False}, ["101"]),
    (Kind.EXTENSION, {"did": "+12025550200"}, ["200"]),
    (Kind.EXTENSION, {"did": "+12025550200", "client": "acme"}, []),
    (Kind.CALLERID, {"extension": "100"}, ["100/+12125550101"]),
    (Kind.CALLERID, {"enabled": True}, ["100/+12125550101", "200/+12125550102"]),
    (Kind.CALLERID, {"number": "+12125550102"}, ["200/+12125550102"]),
    (Kind.CALLERID, {"pin_set": True}, ["200/+12125550102"]),
    (Kind.CALLERID, {"pin_set": False}, ["100/+12125550101"]),
    (Kind.SOUND, {"language": "en"}, ["en/acme", "en/other", "en/shared"]),
    (Kind.SOUND, {"language": "de"}, []),
    (Kind.SOUND, {"client": "acme"}, ["en/acme"]),
    # S1: by part of its name, whether small or capital, whatever the database.
    (Kind.SOUND, {"name": "a"}, ["en/acme", "en/shared"]),
    (Kind.SOUND, {"name": "HAR"}, ["en/shared"]),
    (Kind.SOUND, {"name": "ah"}, []),
    (Kind.SOUND, {"name": "%"}, []),
    (Kind.SOUND, {"name": "_cme"}, []),
    (Kind.SOUND, {"name": "\\"}, []),
    (Kind.SOUND, {"name": ""}, ["en/acme", "en/other", "en/shared"]),
    (Kind.TOKEN, {"role": "client"}, ["acme-token", "other-token"]),
    (Kind.TOKEN, {"role": "admin"}, []),
    (Kind.TOKEN, {"client": "acme"}, ["acme-token"]),
]


def test_a_list_is_filtered_by_what_it_says(store: Directory) -> None:
    two_clients(store)
    store.change(ADMIN, Kind.CLIENT, "other", {"enabled": False})
    store.change(ADMIN, Kind.EXTENSION, "101", {"enabled": False})
    store.change(ADMIN, Kind.CALLERID, "200/+12125550102", {"pin": "4711"})
    for kind, filters, expected in SELECTED:
        assert sorted(keys(store.list(ADMIN, kind, filters).items)) == expected, (kind, filters)
    tried = {(kind, name) for kind, filters, _ in SELECTED for name in filters}
    accounts = {(Kind.ACCOUNT, name) for name in FILTERS[Kind.ACCOUNT]}
    assert tried | accounts == {(kind, name) for kind in Kind for name in FILTERS[kind]}


def test_accounts_are_found_by_whose_they_are(store: Directory) -> None:
    made = two_clients(store)[Kind.ACCOUNT]
    own = create(store, Kind.ACCOUNT, {"extension": "100", "currency": "EUR"}).key
    for filters, expected in (
        ({"extension": "100"}, {own, made["acme"]}),
        ({"owner": "100"}, {own, made["acme"]}),
        ({"owner": "100/"}, {made["acme"]}),
        ({"owner": "200/+12125550102"}, {made["other"]}),
        ({"currency": "EUR"}, {own}),
        ({"currency": "USD", "extension": "200"}, {made["other"]}),
    ):
        assert set(keys(store.list(ADMIN, Kind.ACCOUNT, filters).items)) == expected, filters


def test_a_filter_that_there_is_not_is_refused_with_those_there_are(store: Directory) -> None:
    for kind in Kind:
        with pytest.raises(Invalid, match=r"^colour: .* it has: ") as caught:
            store.list(ADMIN, kind, {"colour": "red"})
        assert (", ".join(FILTERS[kind]) or "none") in str(caught.value)
    for filters in ({"name": "\x00"}, {"name": "\ud800"}, {"client": "a\nb"}):
        with pytest.raises(Invalid, match=r"^(name|client): cannot be read"):
            store.list(ADMIN, Kind.SOUND, filters)
    with pytest.raises(Invalid, match=r"^enabled: write true or false"):
        store.list(ADMIN, Kind.CLIENT, {"enabled": "yes"})
    for kind, name in ((Kind.SOUND, "name"), (Kind.EXTENSION, "did"), (Kind.TOKEN, "role")):
        with pytest.raises(Invalid, match=rf"^{name}: write text"):
            store.list(ADMIN, kind, {name: True})


def test_a_filter_widens_nothing_for_a_client(store: Directory) -> None:
    two_clients(store)
    for kind, filters in (
        (Kind.EXTENSION, {"client": "other"}),
        (Kind.EXTENSION, {"did": "+12025550200"}),
        (Kind.CALLERID, {"extension": "200"}),
        (Kind.NUMBER, {"client": "other"}),
        (Kind.ACCOUNT, {"owner": "200"}),
        (Kind.SOUND, {"client": "other"}),
    ):
        assert store.list(ACME, kind, filters).items == (), (kind, filters)


def test_an_export_walks_over_all_with_their_hashes(
    store: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    two_clients(store)
    monkeypatch.setattr("controller.admin.bulk.MOST_ITEMS", 2)
    store.apply(ADMIN, Kind.CLIENT, [Client(name=f"c{n}") for n in range(5)])
    assert [client.name for client in store.walk(ADMIN, Kind.CLIENT)] == keys(
        store.list(ADMIN, Kind.CLIENT).items
    )
    store.change(ADMIN, Kind.CALLERID, "100/+12125550101", {"pin": "1234"})
    (caller,) = store.walk(ADMIN, Kind.CALLERID, {"extension": "100"})
    assert caller.pin_hash.startswith("$argon2id$")
    assert [caller.extension for caller in store.walk(ACME, Kind.CALLERID)] == ["100"]
