"""Several who write at once: one wins, the others are told so, and nothing is lost."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event
from typing import Any

import pytest
from sqlalchemy import Engine, event

from controller.admin.directory import Directory
from controller.admin.model import AdminError, Conflict, Kind, NotFound, Stale
from controller.policy.records import Account, AuthorisedCaller, Client
from controller.store.extensions import Extensions
from tests.seed import ADMIN, directory
from tests.unit.admin.given import NEW, create, two_clients

#: How often two try: each round they begin at once, and what comes of it is the same.
ROUNDS = 8


def at_once(*actions: Callable[[], Any]) -> list[Any]:
    """Do things at the same time; give what each gave, or how it was refused."""
    barrier = Barrier(len(actions))

    def do(action: Callable[[], Any]) -> Any:
        barrier.wait(60)
        try:
            return action()
        except AdminError as error:
            return error

    with ThreadPoolExecutor(len(actions)) as pool:
        return list(pool.map(do, actions))


def kinds(outcomes: Sequence[Any]) -> Counter[str]:
    return Counter(type(outcome).__name__ for outcome in outcomes)


def extension(number: int, *dids: str) -> dict[str, Any]:
    return NEW[Kind.EXTENSION][0] | {"extension": str(number), "dids": list(dids)}


def test_of_those_who_make_the_same_record_at_once_one_does(store: Directory) -> None:
    two_clients(store)
    for kind, (values, key) in NEW.items():
        outcomes = at_once(*[lambda: create(store, kind, values)] * 3)  # noqa: B023
        assert kinds(outcomes) == {"Item": 1, "Conflict": 2}, kind
        made = next(outcome for outcome in outcomes if not isinstance(outcome, AdminError))
        assert store.get(ADMIN, kind, key or made.key) == made


def test_of_those_who_want_the_same_did_at_once_one_gets_it(
    engine: Engine, store: Directory
) -> None:
    """Also where each wants several, and names them in another order."""
    two_clients(store)
    for turn in range(ROUNDS):
        dids = [f"+1202555{turn:02}{index:02}" for index in range(10, 16)]
        one, two = 1000 + 2 * turn, 1001 + 2 * turn
        outcomes = at_once(
            lambda: create(store, Kind.EXTENSION, extension(one, *dids)),  # noqa: B023
            lambda: create(store, Kind.EXTENSION, extension(two, *reversed(dids))),  # noqa: B023
        )
        assert kinds(outcomes) == {"Item": 1, "Conflict": 1}
        winner = str(one if isinstance(outcomes[1], Conflict) else two)
        owners = {
            policy.extension
            for did in dids
            if (policy := Extensions(engine).by_did(did).policy) is not None
        }
        assert owners == {winner}


#: How a number is taken away that an extension shows: of what kind it is, and what is done.
TAKING: dict[str, tuple[str, Callable[[Directory, str, str], object]]] = {
    "given up": (
        "did",
        lambda store, owner, did: store.change(
            ADMIN, Kind.EXTENSION, owner, {"dids": [did.replace("+1203", "+1204")]}
        ),
    ),
    "gone with its extension": (
        "did",
        lambda store, owner, did: store.delete(ADMIN, Kind.EXTENSION, owner),
    ),
    "another client's": (
        "number",
        lambda store, owner, number: store.change(ADMIN, Kind.NUMBER, number, {"client": "other"}),
    ),
    "removed": ("number", lambda store, owner, number: store.delete(ADMIN, Kind.NUMBER, number)),
}


@pytest.mark.parametrize("how", TAKING)
def test_i2_of_who_shows_a_number_and_who_takes_it_away_at_once_one_does(
    store: Directory, how: str
) -> None:
    """Else a number would be shown that is not the client's any more."""
    two_clients(store)
    kind, take = TAKING[how]
    for turn in range(ROUNDS):
        number, owner, another = f"+120355501{turn:02}", str(1000 + turn), str(2000 + turn)
        own = number if kind == "did" else f"+120355502{turn:02}"
        create(store, Kind.EXTENSION, extension(int(owner), own))
        create(store, Kind.EXTENSION, extension(int(another), f"+120355503{turn:02}"))
        if kind == "number":
            create(store, Kind.NUMBER, {"number": number, "channel": "pstn", "client": "acme"})
        custom = {"caller_id_number_from": "custom", "caller_id_number": number}
        outcomes = at_once(
            lambda: store.change(ADMIN, Kind.EXTENSION, another, custom),  # noqa: B023
            lambda: take(store, owner, number),  # noqa: B023
        )
        assert [isinstance(outcome, Conflict) for outcome in outcomes].count(True) == 1, outcomes
        assert not any(isinstance(outcome, NotFound | Stale) for outcome in outcomes)


def test_i2_of_two_who_come_to_show_each_others_did_neither_waits_for_ever(
    store: Directory,
) -> None:
    two_clients(store)
    one, two = ((str(digit), f"+120355504{digit:02}") for digit in (51, 52))
    for name, did in (one, two):
        create(store, Kind.EXTENSION, extension(int(name), did))
    for _ in range(ROUNDS):
        outcomes = at_once(
            *(
                lambda name=name, number=number: store.change(
                    ADMIN,
                    Kind.EXTENSION,
                    name,
                    {"caller_id_number_from": "custom", "caller_id_number": number},
                )
                for name, number in ((one[0], two[1]), (two[0], one[1]))
            )
        )
        assert kinds(outcomes) == {"Item": 2}
        for name, _ in (one, two):
            reset = {"caller_id_number_from": None, "caller_id_number": None}
            store.change(ADMIN, Kind.EXTENSION, name, reset)


def test_what_many_write_in_another_order_is_written_once(store: Directory) -> None:
    two_clients(store)
    for turn in range(ROUNDS):
        callers = [
            AuthorisedCaller(extension="100", number=f"+121255{turn:02}{index:03}")
            for index in range(40)
        ]
        outcomes = at_once(
            lambda: store.apply(ADMIN, Kind.CALLERID, callers),  # noqa: B023
            lambda: store.apply(ADMIN, Kind.CALLERID, callers[::-1]),  # noqa: B023
        )
        # The second finds them all the same, or learns that it was too late.
        assert kinds(outcomes) in (
            Counter({"Applied": 2}),
            Counter({"Applied": 1, "Conflict": 1}),
        )
        made = sum(getattr(outcome, "created", 0) for outcome in outcomes)
        assert made == len(callers)


def test_rows_are_written_in_one_order_so_that_two_never_wait_for_each_other(
    engine: Engine, store: Directory
) -> None:
    """Else each of two could have what the other wants next, and one of them would fail."""
    two_clients(store)
    rows: dict[str, list[str]] = {}

    def note(_: object, __: object, statement: str, parameters: Any, *___: object) -> None:
        table = re.match(r"INSERT INTO (did|authorised_caller|account) ", statement)
        if table is not None:
            some = parameters if isinstance(parameters, list) else [parameters]
            keys = [re.findall(r"'(\+?\d{3,})'", repr(row)) for row in some]
            rows.setdefault(table[1], []).extend(max(key, key=len) for key in keys)

    event.listen(engine, "before_cursor_execute", note)
    numbers = [f"+1212555019{digit}" for digit in "7319"]
    create(store, Kind.EXTENSION, extension(109, *numbers))
    callers = [AuthorisedCaller(extension="109", number=number) for number in numbers]
    store.apply(ADMIN, Kind.CALLERID, callers)
    accounts = [Account(extension="109", caller=number, currency="USD") for number in numbers]
    store.apply(ADMIN, Kind.ACCOUNT, accounts)
    assert rows["did"] == rows["authorised_caller"] == sorted(numbers)
    assert [key[-12:] for key in rows["account"]] == sorted(numbers)
    # The order in which they were named is kept all the same.
    assert store.get(ADMIN, Kind.EXTENSION, "109").values["dids"] == tuple(numbers)


def test_of_changes_at_the_same_time_none_is_lost(store: Directory) -> None:
    two_clients(store)
    patches: list[dict[str, Any]] = [
        {"ring_seconds": 9},
        {"delay_seconds": 9},
        {"description": "nine"},
        {"dids": ["+12025550100", "+12025550199"]},
    ]
    actions = [
        lambda patch=patch: store.change(ADMIN, Kind.EXTENSION, "100", patch) for patch in patches
    ]
    outcomes = at_once(*actions)
    assert kinds(outcomes) == {"Item": 4}
    found = store.get(ADMIN, Kind.EXTENSION, "100")
    assert found.version == 5
    assert sorted(outcome.version for outcome in outcomes) == [2, 3, 4, 5]
    for patch in patches:
        for name, value in patch.items():
            kept = found.values[name]
            assert (list(kept) if isinstance(kept, tuple) else kept) == value
    said = [entry for entry in store.audit(ADMIN).items if entry.action == "change"]
    assert len(said) == 4


def test_of_those_who_change_what_they_read_at_once_one_does(store: Directory) -> None:
    two_clients(store)
    for version in range(1, ROUNDS):
        outcomes = at_once(
            *(
                lambda n=n: store.change(
                    ADMIN,
                    Kind.EXTENSION,
                    "100",
                    {"description": f"{version}-{n}"},  # noqa: B023
                    version=version,  # noqa: B023
                )
                for n in range(3)
            )
        )
        assert kinds(outcomes) == {"Item": 1, "Stale": 2}
        (won,) = (outcome for outcome in outcomes if not isinstance(outcome, Stale))
        assert store.get(ADMIN, Kind.EXTENSION, "100") == won


def test_what_is_removed_is_not_referred_to_whoever_comes_first(store: Directory) -> None:
    two_clients(store)
    for turn in range(ROUNDS):
        create(store, Kind.CLIENT, {"name": "third"})
        values = {"name": f"s{turn}", "path": "/s.wav", "client": "third"}
        outcomes = at_once(
            lambda: store.delete(ADMIN, Kind.CLIENT, "third"),
            lambda: create(store, Kind.SOUND, values),  # noqa: B023
        )
        assert kinds(outcomes) in (
            Counter({"NoneType": 1, "Conflict": 1}),
            Counter({"Conflict": 1, "Item": 1}),
        )
        if isinstance(outcomes[0], Conflict):
            store.delete(ADMIN, Kind.SOUND, f"en/s{turn}")
            store.delete(ADMIN, Kind.CLIENT, "third")
        assert store.list(ADMIN, Kind.SOUND, {"client": "third"}).items == ()


def test_i8_a_number_is_not_assigned_while_it_moves_to_another_client(store: Directory) -> None:
    two_clients(store)
    free, own = "+12025550159", "+12025550110"
    create(store, Kind.NUMBER, {"number": free, "channel": "pstn", "client": "acme"})
    for _ in range(ROUNDS):
        outcomes = at_once(
            lambda: store.change(ADMIN, Kind.EXTENSION, "100", {"caller_ids": [free]}),
            lambda: store.change(ADMIN, Kind.NUMBER, free, {"client": "other"}),
        )
        assert kinds(outcomes) == {"Item": 1, "Conflict": 1}
        assigned = store.get(ADMIN, Kind.EXTENSION, "100").values["caller_ids"]
        owner = store.get(ADMIN, Kind.NUMBER, free).values["client"]
        assert (tuple(assigned), owner) in (((free,), "acme"), ((own,), "other"))
        store.change(ADMIN, Kind.EXTENSION, "100", {"caller_ids": [own]})
        store.change(ADMIN, Kind.NUMBER, free, {"client": "acme"})


def test_who_is_removed_and_changed_at_once_is_gone_or_was_changed_before(
    store: Directory,
) -> None:
    two_clients(store)
    for _ in range(ROUNDS):
        create(store, *_new(Kind.CALLERID))
        key = NEW[Kind.CALLERID][1]
        outcomes = at_once(
            lambda: store.delete(ADMIN, Kind.CALLERID, key),  # noqa: B023
            lambda: store.change(ADMIN, Kind.CALLERID, key, {"notes": "x"}),  # noqa: B023
        )
        assert outcomes[0] is None
        assert isinstance(outcomes[1], NotFound) or outcomes[1].version == 2
        with pytest.raises(NotFound):
            store.get(ADMIN, Kind.CALLERID, key)


def _new(kind: Kind) -> tuple[Kind, dict[str, Any]]:
    return kind, NEW[kind][0]


def test_a_change_waits_for_the_one_that_is_under_way_and_builds_on_it(
    engine: Engine, store: Directory
) -> None:
    """Not by luck: the first is held just before its commit."""
    two_clients(store)
    commits, may_commit = Event(), Event()

    def hold(_: object) -> None:
        commits.set()
        assert may_commit.wait(60)

    first = directory(engine.execution_options())
    with ThreadPoolExecutor(2) as pool:
        event.listen(engine, "commit", hold, once=True)
        early = pool.submit(first.change, ADMIN, Kind.EXTENSION, "100", {"ring_seconds": 8})
        assert commits.wait(60)
        late = pool.submit(store.change, ADMIN, Kind.EXTENSION, "100", {"delay_seconds": 8})
        # Readers go on, with what is committed.
        assert store.get(ADMIN, Kind.EXTENSION, "100").version == 1
        may_commit.set()
        assert early.result().version == 2
        found = late.result()
    assert (found.version, found.values["ring_seconds"], found.values["delay_seconds"]) == (3, 8, 8)


def test_a_bulk_that_comes_too_late_says_so(engine: Engine, store: Directory) -> None:
    two_clients(store)
    outcomes = at_once(
        *[lambda: store.apply(ADMIN, Kind.CLIENT, [Client(name=f"c{n}") for n in range(20)])] * 3
    )
    assert sum(getattr(outcome, "created", 0) for outcome in outcomes) == 20
    assert all(type(outcome).__name__ in ("Applied", "Conflict") for outcome in outcomes)
