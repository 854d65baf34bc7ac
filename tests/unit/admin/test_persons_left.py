"""O7: what an erase leaves as it is, and says so; what comes while it runs."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec
import pytest
from sqlalchemy import Engine, UniqueConstraint, insert, select, update

from controller.admin.model import Conflict, Kind, Unavailable
from controller.admin.persons import PersonDesk
from controller.admin.persons_hindered import CONFIGURED
from controller.credit.engine import Unavailable as NotAnswering
from controller.credit.model import Held
from controller.store import mentions, schema
from controller.store.extensions import Extensions
from controller.store.notices import Notices
from controller.store.schema_callbacks import callback_destination
from tests.seed import ADMIN
from tests.unit.admin.test_persons import (
    DIGITS,
    HIM,
    NOW,
    OLD,
    OTHER,
    World,
    alone,
    assert_hindered,
    where,
    world,
)
from tests.unit.store.asked import stored
from tests.unit.store.called import keep_leg

__all__ = ["alone", "world"]

THIRD, FOURTH = "+12125550155", "+442079460158"


def test_o7_m1_a_key_and_an_author_of_the_ledger_stay_and_are_told_of(
    world: World, engine: Engine
) -> None:
    """They never change: all else is erased, and it is told how many entries still have it."""
    account = world.pays()
    entries = schema.account_entry
    with engine.begin() as connection:
        last, left = connection.execute(
            select(entries.c.position, entries.c.left_after).order_by(entries.c.position.desc())
        ).first() or (0, 0)
        connection.execute(
            insert(entries).values(
                account=account, position=last + 1, key=f"order {HIM}", kind="top_up", amount=1,
                left_after=left + 1, order_number=f"of 00{DIGITS}", notes=f"of {HIM}",
                actor=f"till of {HIM}", created=1,
            )
        )  # fmt: skip
    done = world.erase(with_callerid=True)
    assert done.left == 1
    assert where(engine) == {"account_entry.key", "account_entry.actor"}
    (audited,) = [row for row in world.rows(schema.audit) if row["action"] == "erase"]
    assert audited["key"] == done.pseudonym
    again = world.erase(with_callerid=True)
    assert (again.changed, again.left) == ({}, 1)


def found_free_before(monkeypatch: pytest.MonkeyPatch, happens: Callable[[], object]) -> None:
    """Have something happen after everything was found free, and before anything is erased."""
    monkeypatch.setattr(PersonDesk, "_check_free", lambda *given: happens())


def test_o7_what_is_configured_meanwhile_is_never_a_pseudonym(
    alone: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would be no policy any more, and no callback of that extension would be made."""
    alone.calls()
    entry = {"extension": "100", "number": HIM}
    patch = {"return_calls": "fixed", "fixed_number": HIM}
    suspicion = insert(schema.suspicion).values(
        pattern="many_extensions", subject=HIM, blocks=True, first=1, last=2, times=1, said="x"
    )

    def configures() -> None:
        if alone.rows(schema.suspicion):
            return
        alone.store.change(ADMIN, Kind.EXTENSION, "100", patch)
        alone.store.create(ADMIN, Kind.CALLERID, entry)
        account = {"extension": "100", "caller": HIM, "currency": "USD"}
        alone.store.create(ADMIN, Kind.ACCOUNT, account)
        Notices(alone.engine).leave(kind="low_credit", key="k", body={"owner": HIM}, now=NOW)
        with alone.engine.begin() as connection:
            connection.execute(suspicion)

    found_free_before(monkeypatch, configures)
    done = alone.erase()
    assert where(alone.engine) == {
        "account.caller", "account.owner", "authorised_caller.number", "extension.policy",
        "notice.body", "suspicion.subject",
    }  # fmt: skip
    assert (done.callbacks, done.left) == (1, 5)
    policy = Extensions(alone.engine).get("100")
    assert policy is not None
    assert policy.fixed_number == HIM


def test_o7_nothing_is_erased_while_a_call_goes_on_on_which_somebody_talked_to_him(
    alone: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its end writes the last destination down: also where the caller has dialled another since."""
    others = alone.calls(OTHER, HIM)
    requests = schema.callback_request
    with alone.engine.begin() as connection:
        connection.execute(update(requests).values(state="answered", destination=None, ended=None))
        connection.execute(update(callback_destination).values(ended=NOW - 600_000_000))
    assert_hindered(alone, others)
    found_free_before(monkeypatch, lambda: None)
    assert alone.erase().left == 1
    (destination,) = alone.rows(callback_destination)
    assert destination["number"] == HIM


def test_o7_the_name_of_an_account_elsewhere_keeps_no_number(world: World) -> None:
    """It is what another's charging engine calls the account: often by the number."""
    for which, account in enumerate((f"100+{DIGITS}", DIGITS), 1):
        keep_leg(world.engine, which, caller=OTHER, account=f"elsewhere:{account}")
    world.desk = world.make(streams=["billing"])
    assert_hindered(world, "a stream has not taken its call records")
    world.desk = world.make()
    by = world.erase().pseudonym
    accounts = [row["account"] for row in world.rows(schema.call_leg)]
    assert accounts == [f"elsewhere:100+{by[:-1]}", f"elsewhere:{by[:-1]}"]


def test_o7_a_conflict_erases_nothing_in_redis_whenever_it_is_found(
    alone: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where a call began while Redis was asked: of what is refused nothing is gone."""
    alone.redis.there = ["counted"]

    def rings(name: str) -> Any:
        asked = getattr(alone.redis, name)

        def ask(number: str) -> Any:
            stored(alone.requests, HIM, now=NOW, due=NOW)
            return asked(number)

        return ask

    for name in ("find", "erase"):
        monkeypatch.setattr(alone.redis, name, rings(name))
    with pytest.raises(Conflict, match="nothing was erased"):
        alone.erase()
    assert alone.redis.there == ["counted"]


def test_o7_o5_where_redis_goes_away_meanwhile_that_is_said(
    alone: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_leg(alone.engine, 1, caller=HIM)
    monkeypatch.setattr(alone.redis, "erase", lambda number: None)
    with pytest.raises(Unavailable, match="all else was erased"):
        alone.erase()
    assert where(alone.engine) == set()


def test_o7_keys_that_spell_a_number_in_two_ways_stay_two(world: World) -> None:
    """Of one actor no two callbacks have the same key, and no two notices have."""
    requests, keys = schema.callback_request, schema.callback_key
    first, second = world.calls(OTHER, THIRD), world.calls(THIRD, FOURTH, OLD + 10**8)
    notices = Notices(world.engine)
    with world.engine.begin() as connection:
        for id_, key in ((first, HIM), (second, f"00{DIGITS}")):
            of = requests.c.id == id_
            connection.execute(update(requests).where(of).values(actor="shop", key=key))
            for actor in (f"till {key}", "shop"):
                connection.execute(
                    insert(keys).values(actor=actor, key=f"x{key}", request=id_, did="", caller="")
                )
    for key in (HIM, f"00{DIGITS}"):
        notices.leave(kind="low_credit", key=f"low:{key}", body={}, now=1)
    world.desk = world.make(told=False)
    assert world.erase().left == 0
    assert where(world.engine) == set()
    assert len({row["key"] for row in world.rows(requests)}) == 2
    assert len({(row["actor"], row["key"]) for row in world.rows(keys)}) == 4
    assert len({row["key"] for row in world.rows(schema.notice)}) == 2


def test_o7_every_text_that_is_unique_gets_a_pseudonym_of_its_own() -> None:
    """Of tables in which an erase changes something; what is unique there and no number of his."""
    unique = set[str]()
    for table in schema.metadata.sorted_tables:
        if table.name in CONFIGURED:
            continue
        sets = [table.primary_key.columns, *(i.columns for i in table.indexes if i.unique)]
        sets += [c.columns for c in table.constraints if isinstance(c, UniqueConstraint)]
        names = {column.name for columns in sets for column in columns}
        unique |= {str(c) for c in mentions.texts(table) if c.name in names}
    assert unique - mentions._UNIQUE == {
        # These never change.
        "account_entry.key",
        # Of calls that go on, of suspicions that are open, and of an entry that is there: left.
        "account.caller", "account.extension", "authorised_caller.extension",
        "authorised_caller.number", "callback_request.extension", "callback_request.number",
        "suspicion.pattern", "suspicion.subject",
        # Digests, and words of the program.
        "log_in_failure.name", "stream.name",
    }  # fmt: skip


def test_o7_m7_nothing_is_erased_while_another_engine_holds_for_him(alone: World) -> None:
    """What is settled there late has to find its callback."""
    of = Held(
        call="c", request=alone.calls(), account="x", amount=1, charged=0, position=0,
        return_seconds=1, destination_seconds=0, serial=1, until=1,
    )  # fmt: skip
    for held in (of, msgspec.structs.replace(of, request="y", account=f"100+{DIGITS}")):
        alone.desk = alone.make(elsewhere=partial(list, [held]))
        assert_hindered(alone, "credit is held for a call of his \\(c\\)")

    def unavailable() -> Any:
        raise NotAnswering("x")

    alone.desk = alone.make(elsewhere=unavailable)
    with pytest.raises(Unavailable, match=r"engine cannot be asked .*nothing was erased"):
        alone.erase()
    assert where(alone.engine) != set()
    other = msgspec.structs.replace(of, request="y", account="z")
    alone.desk = alone.make(elsewhere=partial(list, [other]))
    assert alone.erase().callbacks == 1


def test_o7_a_large_database_is_read_a_part_at_a_time(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL ends a statement after a minute; a table may have a key of several columns."""
    world.is_named()
    with world.engine.connect() as connection:
        whole = [(found.table, found.key) for found in mentions.find(connection, HIM)]
        for page in (1, 2, 3):
            monkeypatch.setattr(mentions, "PAGE", page)
            parts = [(found.table, found.key) for found in mentions.find(connection, HIM)]
            assert sorted(parts) == sorted(whole)
    world.redis.there = []
    world.erase(with_callerid=True)
    assert where(world.engine) == set()


# --- what is handed out ------------------------------------------------------------------------


def test_o7_no_number_of_others_is_handed_out(alone: World) -> None:
    """A row of another person that names him says nothing more of that one, or of third ones."""
    entry = {
        "extension": "200", "number": OTHER, "callback_number": THIRD,
        "speed_dials": {"1": HIM, "2": FOURTH}, "presets": {"+12025550201": HIM},
        "notes": f"his brother's, 00{DIGITS}; his mother's {FOURTH}",
    }  # fmt: skip
    alone.store.create(ADMIN, Kind.CALLERID, entry)
    keep_leg(alone.engine, 1, caller=OTHER, number=HIM, account=f"elsewhere:{THIRD}")
    alone.calls(OTHER, HIM)
    with alone.engine.begin() as connection:
        connection.execute(
            update(schema.callback_request).values(actor=f"of {THIRD}", key=f"{FOURTH} 1")
        )
        connection.execute(
            insert(schema.suspicion).values(
                pattern="short_answers", subject=OTHER, blocks=True, first=1, last=2, times=1,
                said=f"{HIM} was called by {OTHER}", released=1,
            )
        )  # fmt: skip
    records = alone.desk.export(ADMIN, HIM).records
    told = msgspec.json.encode(records).decode()
    for number in (OTHER, THIRD, FOURTH):
        assert number.removeprefix("+") not in told
    (caller,) = records["authorised_caller"]
    assert (caller["speed_dials"], caller["notes"]) == ({"1": HIM}, f"00{DIGITS}")
    (audited,) = records["audit"]
    assert audited["after"]["speed_dials"] == {"1": HIM}
    (suspected,) = records["suspicion"]
    assert suspected["said"] == HIM


def test_o7_what_was_changed_of_his_own_entry_is_his(alone: World) -> None:
    entry = {"extension": "100", "number": HIM, "speed_dials": {"1": OTHER}}
    alone.store.create(ADMIN, Kind.CALLERID, entry)
    (audited,) = alone.desk.export(ADMIN, HIM).records["audit"]
    assert audited["after"]["speed_dials"] == {"1": OTHER}
