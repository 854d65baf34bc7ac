"""M2: price lists and rates: what they must find, what of them stays, and which rate counts."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from sqlalchemy import Engine

from controller.admin.directory import Directory
from controller.admin.model import Conflict, Forbidden, Invalid, Kind, NotFound
from controller.policy.moments import counted, written
from controller.store.passwords import Passwords
from tests.seed import ADMIN
from tests.unit.admin.given import ACME, ACME_LOOKS, LOOKS, two_clients

NOW = counted("2027-06-01T12:00:00Z")
PAST = "2027-01-01T00:00:00.000000Z"
FUTURE = "2028-01-01T00:00:00.000000Z"


@pytest.fixture
def store(engine: Engine) -> Directory:
    """A directory in the middle of 2027, with two clients, and lists in three currencies."""
    ticks = itertools.count(NOW)
    made = Directory(engine, passwords=lambda: Passwords(b"0" * 32), now=lambda: next(ticks))
    two_clients(made)
    for name, currency in (("eur", "EUR"), ("kwd", "KWD"), ("jpy", "JPY")):
        made.create(ADMIN, Kind.PRICE_LIST, {"name": name, "currency": currency})
    return made


def rate(store: Directory, prefix: str, since: str | None = PAST, **more: Any) -> str:
    """Make a rate of the list `eur`, and give its key."""
    values = {"price_list": "eur", "prefix": prefix, "per_minute": 60_000, **more}
    if since is not None:
        values["since"] = since
    return store.create(ADMIN, Kind.RATE, values).key


def account(store: Directory, **more: Any) -> str:
    """Make the account of extension 100, in EUR, and give its id."""
    values = {"extension": "100", "currency": "EUR", **more}
    return store.create(ADMIN, Kind.ACCOUNT, values).key


def test_m2_a_rate_that_does_not_say_begins_now(store: Directory) -> None:
    made = store.get(ADMIN, Kind.RATE, rate(store, "+49", None)).values
    assert NOW <= counted(made["since"]) <= NOW + 1000
    assert (made["until"], made["setup_fee"], made["first_block"], made["interval"]) == (
        None, 0, 1, 1,
    )  # fmt: skip


def test_m2_a_rate_is_found_by_its_time_however_it_is_written(store: Directory) -> None:
    key = rate(store, "+49", "2027-01-01T01:00:00+01:00")
    assert key == f"eur/+49/{PAST}"
    for text in ("2027-01-01T00:00:00Z", "2026-12-31T19:00:00-05:00"):
        assert store.get(ADMIN, Kind.RATE, f"eur/+49/{text}").key == key
    for wrong in ("2027-01-01", "now", "", "x/y"):
        with pytest.raises(NotFound):
            store.get(ADMIN, Kind.RATE, f"eur/+49/{wrong}")


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"until": PAST}, "until: is not after since"),
        ({"since": "2027-02-30T00:00:00Z"}, "since: there is no such time; write 2027-01-31T"),
        ({"until": "tomorrow"}, "until: "),
        ({"prefix": "49"}, "prefix: "),
        ({"prefix": "+0"}, "prefix: "),
        ({"per_minute": -1}, "per_minute: "),
        ({"per_minute": 0.5}, "per_minute: "),
        ({"first_block": 0}, "first_block: "),
        ({"interval": 3601}, "interval: "),
        ({"price_list": "a" * 33}, "price_list: "),
    ],
)
def test_m2_what_a_rate_cannot_be_is_said_by_its_field(
    store: Directory, values: dict[str, Any], says: str
) -> None:
    with pytest.raises(Invalid) as caught:
        rate(store, **{"prefix": "+49", "since": PAST, **values})
    assert str(caught.value).startswith(says)


def test_m2_what_names_a_list_needs_it(store: Directory) -> None:
    for kind, values, field in (
        (Kind.RATE, {"price_list": "none", "prefix": "+49", "per_minute": 1}, "price_list"),
        (Kind.ACCOUNT, {"extension": "100", "currency": "EUR", "price_list": "none"}, "price_list"),
        (Kind.CHANNEL, {"name": "new", "cost_list": "none"}, "cost_list"),
    ):
        with pytest.raises(Conflict, match=rf"^{field}: there is no price list none; make it"):
            store.create(ADMIN, kind, values)
    with pytest.raises(Conflict, match=r"^cost_list: there is no price list none"):
        store.change(ADMIN, Kind.CHANNEL, "pstn", {"cost_list": "none"})


def test_m2_an_account_and_its_list_have_one_currency(store: Directory) -> None:
    with pytest.raises(Conflict, match=r"^price_list: kwd is in KWD, and the account in EUR"):
        account(store, price_list="kwd")
    key = account(store)
    with pytest.raises(Conflict, match=r"^price_list: jpy is in JPY"):
        store.change(ADMIN, Kind.ACCOUNT, key, {"price_list": "jpy"})
    changed = store.change(ADMIN, Kind.ACCOUNT, key, {"price_list": "eur", "low_credit": 5})
    assert (changed.values["price_list"], changed.values["low_credit"]) == ("eur", 5)
    assert "low_told" not in changed.values
    with pytest.raises(Invalid, match="low_told"):
        store.change(ADMIN, Kind.ACCOUNT, key, {"low_told": True})
    # A channel may cost in any.
    assert store.change(ADMIN, Kind.CHANNEL, "pstn", {"cost_list": "kwd"}).values["cost_list"]


def test_m2_the_currency_of_a_list_stays_while_it_means_something(store: Directory) -> None:
    other = {"currency": "CHF"}
    assert store.change(ADMIN, Kind.PRICE_LIST, "jpy", other).values["currency"] == "CHF"
    key = rate(store, "+49", FUTURE)
    with pytest.raises(Conflict, match=r"^currency: is EUR, and it has rates"):
        store.change(ADMIN, Kind.PRICE_LIST, "eur", other)
    store.delete(ADMIN, Kind.RATE, key)
    used = account(store, price_list="eur")
    with pytest.raises(Conflict, match=r"^currency: is EUR, and the account of 100 uses it"):
        store.change(ADMIN, Kind.PRICE_LIST, "eur", other)
    store.delete(ADMIN, Kind.ACCOUNT, used)
    store.change(ADMIN, Kind.CHANNEL, "pstn", {"cost_list": "eur"})
    with pytest.raises(Conflict, match=r"^currency: is EUR, and the channel pstn uses it"):
        store.change(ADMIN, Kind.PRICE_LIST, "eur", other)
    with pytest.raises(Invalid, match=r"^currency: 'XXX' is none"):
        store.change(ADMIN, Kind.PRICE_LIST, "kwd", {"currency": "XXX"})


def test_m2_a_list_in_use_is_not_removed_and_one_of_no_use_goes_with_its_rates(
    store: Directory,
) -> None:
    rate(store, "+49")
    rate(store, "+1", FUTURE)
    key = account(store, price_list="eur")
    with pytest.raises(Conflict, match="price list eur cannot be removed: the account of 100 uses"):
        store.delete(ADMIN, Kind.PRICE_LIST, "eur")
    store.change(ADMIN, Kind.ACCOUNT, key, {"price_list": None})
    store.delete(ADMIN, Kind.PRICE_LIST, "eur")
    assert store.list(ADMIN, Kind.RATE, {"price_list": "eur"}).items == ()
    assert store.list(ADMIN, Kind.RATE, {"price_list": "usd"}).items


def test_m2_a_rate_that_has_begun_is_history(store: Directory) -> None:
    account(store, price_list="eur")
    key = rate(store, "+49")
    for field in ("per_minute", "setup_fee", "first_block", "interval"):
        with pytest.raises(Conflict, match=rf"^{field}: this rate has begun .*; add one with a la"):
            store.change(ADMIN, Kind.RATE, key, {field: 7})
    ended = store.change(ADMIN, Kind.RATE, key, {"until": FUTURE, "description": "old"})
    assert (ended.values["until"], ended.values["description"]) == (FUTURE, "old")
    with pytest.raises(Conflict, match=rf"has begun.*callbackd rate set eur \+49 {PAST} --until"):
        store.delete(ADMIN, Kind.RATE, key)
    coming = rate(store, "+49", FUTURE)
    assert store.change(ADMIN, Kind.RATE, coming, {"per_minute": 7}).values["per_minute"] == 7
    store.delete(ADMIN, Kind.RATE, coming)


def test_m2_a_rate_by_which_nobody_is_charged_may_be_removed(store: Directory) -> None:
    store.delete(ADMIN, Kind.RATE, rate(store, "+49"))


def test_m2_the_longest_beginning_counts_and_of_those_the_one_that_began_last(
    store: Directory,
) -> None:
    rate(store, "+", per_minute=900_000)
    rate(store, "+49", per_minute=60_000)
    rate(store, "+49", "2027-05-01T00:00:00Z", per_minute=120_000, until="2027-07-01T00:00:00Z")
    rate(store, "+4930", FUTURE, per_minute=30_000)
    begun = ""
    for at, prefix, per_minute in (
        (None, "+49", 120_000),
        ("2027-04-30T23:59:59.999999Z", "+49", 60_000),
        ("2027-05-01T00:00:00Z", "+49", 120_000),
        ("2027-07-01T00:00:00Z", "+49", 60_000),
        (FUTURE, "+4930", 30_000),
    ):
        found = store.find_rate(LOOKS, "eur", "+4930123456", at=None if at is None else counted(at))
        assert found.rate is not None
        assert (found.rate.prefix, found.rate.per_minute) == (prefix, per_minute), at
        assert (found.price_list, found.currency) == ("eur", "EUR")
        begun = written(found.rate.since)
    assert begun == FUTURE


def test_m2_what_a_call_costs_is_told_for_a_second_a_minute_and_five(store: Directory) -> None:
    rate(store, "+49", per_minute=100_000, setup_fee=5000, first_block=30, interval=60)
    found = store.find_rate(ADMIN, "eur", "+4930123456")
    assert [(cost.seconds, cost.amount) for cost in found.costs] == [
        (1, 55_000), (60, 155_000), (300, 555_000),
    ]  # fmt: skip


def test_m2_a_number_without_a_rate_has_none(store: Directory) -> None:
    rate(store, "+49")
    found = store.find_rate(ADMIN, "eur", "+442079460000")
    assert (found.rate, found.costs) == (None, [])
    with pytest.raises(Invalid, match=r"^number: '49' is no telephone number; write it as \+1202"):
        store.find_rate(ADMIN, "eur", "49")
    with pytest.raises(NotFound, match=r"^there is no price list none"):
        store.find_rate(ADMIN, "none", "+442079460000")


def test_o2_prices_are_the_operators(store: Directory) -> None:
    key = rate(store, "+49")
    own = account(store, price_list="eur")
    for actor in (ACME, ACME_LOOKS):
        for look in (
            lambda: store.get(actor, Kind.PRICE_LIST, "eur"),  # noqa: B023
            lambda: store.get(actor, Kind.RATE, key),  # noqa: B023
            lambda: store.find_rate(actor, "eur", "+4930123456"),  # noqa: B023
            lambda: store.export_rates(actor, "eur"),  # noqa: B023
        ):
            with pytest.raises(NotFound):
                look()
        assert store.list(actor, Kind.PRICE_LIST).items == ()
        assert store.list(actor, Kind.RATE).items == ()
        # By which list it is charged, whoever owns the account knows.
        assert store.get(actor, Kind.ACCOUNT, own).values["price_list"] == "eur"
        with pytest.raises(Forbidden):
            store.change(actor, Kind.ACCOUNT, own, {"price_list": None})
    assert store.get(LOOKS, Kind.RATE, key).key == key
    with pytest.raises(Forbidden):
        store.change(LOOKS, Kind.RATE, key, {"description": "x"})
