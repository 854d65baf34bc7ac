"""O7: one person's records are exported and erased; what has to stay does so without the number."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, String, func, insert, select, update

from controller.admin.directory import Directory
from controller.admin.model import Actor, Conflict, Forbidden, Invalid, Kind, NotFound, Unavailable
from controller.admin.persons import PersonDesk, Trace
from controller.policy.model import Policy
from controller.policy.records import Role
from controller.policy.spelled import spelled, without
from controller.settings import Retention
from controller.store import ledger, mentions, schema
from controller.store.charging import SqlCharging
from controller.store.database import open_database
from controller.store.notices import Notices
from controller.store.requests import Requests
from controller.store.schema_callbacks import callback_destination, callback_transcript
from controller.store.streams import Streams
from tests.databases import new_file
from tests.seed import ADMIN, directory, keep
from tests.unit.examples import many
from tests.unit.store import paying
from tests.unit.store.asked import asking, begun, stored
from tests.unit.store.called import keep_leg

HIM, OTHER, DID = "+12125550199", "+12125550177", "+12025550101"
DIGITS: Final = HIM.removeprefix("+")
OLD, NOW = 10**15, paying.NOW
CLIENT = Actor(name="acme", role=Role.CLIENT, client="main")


class Redis:
    """What is counted, as a list; `away`: it cannot be reached."""

    def __init__(self) -> None:
        self.there: list[str] = []
        self.away = False

    def find(self, number: str) -> Sequence[Trace] | None:
        from controller.cache.traces import Trace as Found

        return None if self.away else [Found(key) for key in self.there]

    def erase(self, number: str) -> int | None:
        if self.away:
            return None
        gone, self.there = len(self.there), []
        return gone


class World:
    """A store in which a person has called, was called, pays and is named everywhere."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.store: Directory = directory(engine)
        self.requests = Requests(engine)
        self.redis = Redis()
        self.desk = self.make()
        keep(engine, _policy("100"), _policy("200", "+12025550201"))

    def make(self, **more: Any) -> PersonDesk:
        """Make a desk."""
        return PersonDesk(
            self.engine,
            run=lambda function, *given: function(*given),
            now=lambda: NOW,
            announce=lambda change: None,
            traces=self.redis,
            **more,
        )

    def erase(self, **more: Any) -> Any:
        """Erase him."""
        return self.desk.erase(ADMIN, HIM, **more)

    # --- what he does ------------------------------------------------------------------------

    def calls(self, number: str = HIM, destination: str = OTHER, at: int = OLD) -> str:
        """Have a number call back, and call a destination; give the callback."""
        request = stored(self.requests, number, now=at, due=at)
        (leased,) = self.requests.lease_due("a", at, at + 300, 1)
        assert begun(self.requests, leased, attempt=f"try-{request.id[:8]}", until=at + 300)
        with self.engine.begin() as connection:
            connection.execute(
                insert(callback_destination).values(
                    request=request.id, leg="leg", position=1, number=destination, begun=at + 1,
                    plan="{}", ended=at + 5,
                )
            )  # fmt: skip
            for line, (what, text) in enumerate(
                (("typed", destination[2:]), ("called", destination), ("typed", "1#"))
            ):
                connection.execute(
                    insert(callback_transcript).values(
                        request=request.id, at=at, line=line, leg="leg", what=what, text=text
                    )
                )
        self.requests.finish(
            request.id, outcome="completed", cause="X", destination=destination, now=at + 9
        )
        return request.id

    def pays(self, number: str = HIM, money: int = 1_000_000_000) -> str:
        """Give a number an entry and an account of its own, from which two legs are charged."""
        key = f"100/{number}"
        self.store.create(ADMIN, Kind.CALLERID, {"extension": "100", "number": number})
        paying.listed(self.engine)
        account = self.store.create(
            ADMIN,
            Kind.ACCOUNT,
            {"extension": "100", "caller": number, "currency": "USD", "price_list": "usual"},
        ).key
        values = {"key": "first", "amount": money, "notes": f"paid by {number}"}
        self.store.add_entry(ADMIN, account, values)
        request = self.calls(number, paying.ABROAD, OLD + 10**9)
        charging = SqlCharging(self.engine, lambda: NOW)
        call = f"try-{request[:8]}"
        known = {"request": request, "caller": number}
        charging.begin(paying.beginning(call, **known))
        charging.dial(paying.dialling(call, request=request))
        charging.settle(paying.ending(call, 1, 20, request=request))
        charging.settle(paying.ending(call, 0, 70, request=request))
        assert self.store.get(ADMIN, Kind.CALLERID, key).key == key
        return account

    def is_named(self) -> None:
        """Name him wherever else there may be a number."""
        self.calls(OTHER, HIM, OLD + 10**8)
        joined = self.requests.refuse(asking(OTHER, now=OLD), "blocked")
        keep_leg(self.engine, 1, caller=HIM, number=OTHER, shown=HIM)
        keep_leg(self.engine, 2, caller=OTHER, number=HIM)
        entry = {
            "extension": "200", "number": OTHER, "callback_number": HIM,
            "speed_dials": {"1": HIM, "2": "+12125550111"}, "presets": {"+12025550201": HIM},
            "notes": f"his brother's, 00{DIGITS}",
        }  # fmt: skip
        self.store.create(ADMIN, Kind.CALLERID, entry)
        notices = Notices(self.engine)
        notices.leave(kind="low_credit", key="k", body={"owner": f"100/{HIM}"}, now=OLD)
        notice = notices.lease(holder="a", now=OLD, until=OLD + 1)
        assert notice is not None
        notices.taken(notice.id, now=OLD)
        with self.engine.begin() as connection:
            connection.execute(
                update(schema.callback_request)
                .where(schema.callback_request.c.id == joined.id)
                .values(last_caller=HIM, last_name="HIS NAME")
            )
            connection.execute(
                insert(schema.suspicion).values(
                    pattern="short_answers", subject=f"200/{HIM}", blocks=True, first=1, last=2,
                    times=1, said=f"{HIM} answered", released=OLD,
                )
            )  # fmt: skip

    # --- what there is -----------------------------------------------------------------------

    def rows(self, table: Any) -> list[dict[str, Any]]:
        """Give the rows of a table."""
        with self.engine.connect() as connection:
            return [dict(row) for row in connection.execute(select(table)).mappings()]

    def balances(self) -> dict[str, tuple[int, int]]:
        """Give of each account what is on it, and the sum of its entries."""
        ids = [row["id"] for row in self.rows(schema.account)]
        entries = schema.account_entry
        with self.engine.connect() as connection:
            left = ledger.balances(connection, ids)
            sums = dict(
                connection.execute(
                    select(entries.c.account, func.sum(entries.c.amount)).group_by(
                        entries.c.account
                    )
                ).all()
            )
        return {one: (left[one], int(sums.get(one, 0))) for one in ids}


def _policy(extension: str, did: str = DID) -> Policy:
    number = f"+1202555{extension}0"
    return Policy(
        extension=extension, dids=(did,), country="US", caller_ids=(number,),
        default_caller_id=number, password_hash="$argon2id$x",
    )  # fmt: skip


@pytest.fixture
def world(engine: Engine) -> World:
    return World(engine)


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[World]:
    """A world over SQLite: for what is decided before a database is asked for anything."""
    engine = open_database(new_file(tmp_path / "alone.sqlite3"))
    yield World(engine)
    engine.dispose()


def standing(connection: Connection, digits: str = DIGITS) -> Iterator[str]:
    """Give where digits stand in any text of any table, ids and JSON too."""
    for table in schema.metadata.sorted_tables:
        for row in connection.execute(select(table)).mappings():
            for column in table.columns:
                if isinstance(column.type, String) and digits in (row[column.name] or ""):
                    yield f"{table.name}.{column.name}: {row[column.name]}"


def where(engine: Engine) -> set[str]:
    """Give the columns in which he stands."""
    with engine.connect() as connection:
        return {found.partition(":")[0] for found in standing(connection)}


# --- erase -------------------------------------------------------------------------------------


def test_o7_m1_nothing_of_his_number_is_left_in_any_table_and_balances_stay(
    world: World, engine: Engine
) -> None:
    account = world.pays()
    world.is_named()
    world.redis.there = ["one", "two"]
    before = where(engine)
    assert {name.partition(".")[0] for name in before} == {
        "account", "account_entry", "audit", "authorised_caller", "call_leg", "callback_attempt",
        "callback_destination", "callback_request", "callback_transcript", "notice", "suspicion",
    }  # fmt: skip
    balances = world.balances()
    left, total = balances[account]
    assert left == total
    assert left not in (0, 1_000_000_000)
    done = world.erase(with_callerid=True)
    assert where(engine) == set()
    assert world.balances() == balances
    assert (done.callbacks, done.callerids, done.counted) == (1, 2, 2)
    with engine.connect() as connection:
        stands = {found.partition(".")[0] for found in standing(connection, done.pseudonym)}
    assert stands == {
        "account", "account_entry", "audit", "authorised_caller", "call_leg",
        "callback_destination", "callback_request", "callback_transcript", "notice", "suspicion",
    }  # fmt: skip


def test_o7_m1_an_entry_keeps_all_but_the_number(world: World) -> None:
    account = world.pays()
    before = world.store.entries(ADMIN, account).items
    done = world.erase(with_callerid=True)
    after = world.store.entries(ADMIN, account).items
    assert [line.notes for line in before] == [
        f"paid by {HIM}",
        "20 s",
        f"{HIM} 70 s",
    ]
    assert [line.notes for line in after] == [
        f"paid by {done.pseudonym}", "20 s", f"{done.pseudonym} 70 s",
    ]  # fmt: skip
    blank = [msgspec.structs.replace(line, notes="") for line in before]
    assert [msgspec.structs.replace(line, notes="") for line in after] == blank
    shown = world.store.get(ADMIN, Kind.ACCOUNT, account).values
    assert (shown["extension"], shown["caller"]) == (None, None)
    assert shown["owner"] == f"100/{done.pseudonym}"


def test_o7_his_own_callbacks_go_and_those_of_others_stay_without_him(world: World) -> None:
    own = world.calls()
    others = world.calls(OTHER, HIM, OLD + 10**8)
    world.erase()
    assert world.requests.get(own) is None
    kept = world.requests.get(others)
    assert kept is not None
    assert (kept.caller, kept.number) == (OTHER, OTHER)
    lines = [(row["what"], row["text"][:1]) for row in world.rows(callback_transcript)]
    # What was typed to reach him is gone as well, though those digits alone are in many countries.
    assert sorted(lines) == [("called", "~"), ("typed", "("), ("typed", "1")]
    (destination,) = world.rows(callback_destination)
    assert re.fullmatch(r"~[a-z]{11}", destination["number"])


def test_o7_the_pseudonym_is_one_everywhere_and_another_each_time(alone: World) -> None:
    keep_leg(alone.engine, 1, caller=HIM, number=HIM)
    first = alone.erase().pseudonym
    (leg,) = alone.rows(schema.call_leg)
    assert {leg["caller"], leg["number"]} == {first}
    assert len(first) == len(HIM)
    keep_leg(alone.engine, 2, caller=HIM, number=HIM)
    assert alone.erase().pseudonym != first


def test_o7_others_keep_what_is_theirs(world: World) -> None:
    world.is_named()
    world.calls()
    world.erase(with_callerid=True)
    (entry,) = world.rows(schema.authorised_caller)
    assert (entry["number"], entry["callback_number"]) == (OTHER, None)
    assert (entry["speed_dials"], entry["presets"]) == ('{"2":"+12125550111"}', "{}")
    assert re.fullmatch(r"his brother's, ~[a-z]{11}", entry["notes"])
    assert {row["last_name"] for row in world.rows(schema.callback_request)} == {None}


def test_o7_a_longer_number_is_another_persons(alone: World) -> None:
    longer = HIM + "0"
    keep_leg(alone.engine, 1, caller=longer, number=OTHER, shown=None)
    alone.erase()
    (leg,) = alone.rows(schema.call_leg)
    assert leg["caller"] == longer


def test_o7_the_audit_log_says_who_erased_and_not_whom(world: World, engine: Engine) -> None:
    world.calls()
    world.desk.export(ADMIN, HIM)
    done = world.erase()
    erased, exported = world.store.audit(ADMIN, {"kind": "person"}).items
    assert (erased.actor, erased.action, erased.key) == ("test", "erase", done.pseudonym)
    assert erased.after == {"callbacks": 1, "callerids": 0, "changed": done.changed}
    # That he was given his records stays, and who did it.
    assert (exported.action, exported.key) == ("export", done.pseudonym)
    assert where(engine) == set()


def test_o7_asked_again_it_finds_nothing_and_does_no_harm(alone: World) -> None:
    alone.pays()
    alone.erase(with_callerid=True)
    balances = alone.balances()
    again = alone.erase(with_callerid=True)
    assert (again.callbacks, again.callerids, again.changed) == (0, 0, {})
    assert alone.balances() == balances


def test_o7_who_rings_meanwhile_is_called_back_by_his_number(
    alone: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pseudonym is never dialled: what goes on is left alone, and said."""
    alone.calls()
    # As if it came after everything was found free.
    monkeypatch.setattr(PersonDesk, "_check_free", lambda *given: None)
    waiting = stored(alone.requests, HIM, now=NOW, due=NOW)
    calling = alone.calls(OTHER, HIM)
    with alone.engine.begin() as connection:
        connection.execute(update(callback_destination).values(ended=None))
    done = alone.erase()
    kept = alone.requests.get(waiting.id)
    assert kept is not None
    assert (kept.number, kept.caller, kept.state) == (HIM, HIM, "pending")
    called = [row for row in alone.rows(callback_destination) if row["request"] == calling]
    assert [row["number"] for row in called] == [HIM]
    assert (done.callbacks, done.left) == (1, 2)


# --- what hinders ------------------------------------------------------------------------------


def assert_hindered(world: World, why: str, **more: Any) -> None:
    """Check that nothing is erased, and why."""
    world.redis.there = ["counted"]
    with world.engine.connect() as connection:
        before = list(standing(connection))
    with pytest.raises(Conflict, match=why):
        world.erase(**more)
    with world.engine.connect() as connection:
        assert list(standing(connection)) == before
    assert world.redis.there == ["counted"]


def test_o7_nothing_is_erased_while_a_call_of_his_is_under_way(alone: World) -> None:
    alone.calls()
    waiting = stored(alone.requests, HIM, now=OLD + 10, due=OLD + 10).id
    assert_hindered(alone, f"to be made, under way, or .* \\({waiting}\\)")
    alone.requests.cancel(waiting, NOW - 59_000_000)
    assert_hindered(alone, waiting)
    with alone.engine.begin() as connection:
        connection.execute(update(schema.callback_request).values(ended=NOW - 61_000_000))
    assert alone.erase().callbacks == 2


def test_o7_nothing_is_erased_while_somebody_talks_to_him(alone: World) -> None:
    others = alone.calls(OTHER, HIM)
    with alone.engine.begin() as connection:
        connection.execute(update(schema.callback_request).values(state="answered"))
        connection.execute(update(callback_destination).values(ended=None))
    assert_hindered(alone, others)


def test_o7_m7_nothing_is_erased_while_credit_is_held_for_him(world: World) -> None:
    world.pays()
    charging = SqlCharging(world.engine, lambda: NOW)
    charging.begin(paying.beginning("held", caller=HIM))
    assert_hindered(world, "credit is held for a call of his \\(held\\)", with_callerid=True)
    charging.release("held", NOW)
    world.erase(with_callerid=True)


def test_o7_an_authorised_callerid_goes_only_where_that_was_said(alone: World) -> None:
    alone.pays()
    assert_hindered(alone, f"authorised CallerID \\(100/\\{HIM}\\)")


def test_o7_money_of_an_entry_that_is_gone_is_left_only_where_that_was_said(alone: World) -> None:
    account = alone.pays()
    with alone.engine.begin() as connection:
        connection.execute(schema.authorised_caller.delete())
    assert_hindered(alone, f"money on its account \\({account}\\)")
    alone.erase(with_callerid=True)
    assert where(alone.engine) == set()


def test_o7_entries_of_others_are_changed_only_where_that_was_said(alone: World) -> None:
    alone.is_named()
    assert_hindered(alone, f"other authorised CallerIDs name it \\(200/\\{OTHER}\\)")


def test_o7_what_is_configured_is_changed_by_whoever_configured_it(alone: World) -> None:
    alone.calls()
    patch = {"return_calls": "fixed", "fixed_number": HIM}
    alone.store.change(ADMIN, Kind.EXTENSION, "100", patch)
    assert_hindered(alone, "part of the configuration \\(extension 100: policy\\)")


def test_o7_g3_a_suspicion_that_is_open_is_released_first(alone: World) -> None:
    with alone.engine.begin() as connection:
        connection.execute(
            insert(schema.suspicion).values(
                pattern="many_extensions", subject=HIM, blocks=True, first=1, last=2, times=1,
                said="x",
            )
        )  # fmt: skip
    assert_hindered(alone, "callbackd suspicion release 1")


def test_o7_o5_what_others_have_still_to_be_told_is_not_changed(world: World) -> None:
    Notices(world.engine).leave(kind="low_credit", key="k", body={"owner": HIM}, now=OLD)
    assert_hindered(world, "a notice that names it was not taken yet")
    # Where nobody is told of any, none waits.
    world.make(told=False).erase(ADMIN, HIM)
    keep_leg(world.engine, 1, caller=HIM)
    world.desk = world.make(streams=["billing"])
    assert_hindered(world, "a stream has not taken its call records")
    streams = Streams(world.engine)
    streams.lease("billing", holder="a", now=NOW, until=NOW + 1)
    streams.taken("billing", 1, holder="a", now=NOW)
    world.erase()
    assert where(world.engine) == set()


def test_o7_o5_nothing_is_erased_while_redis_is_away(alone: World) -> None:
    alone.calls()
    alone.redis.away = True
    with pytest.raises(Unavailable):
        alone.erase()
    assert where(alone.engine) != set()
    assert alone.desk.export(ADMIN, HIM).counted is None


@pytest.mark.parametrize("number", ["2125550199", "+0", "", "+1212555019912345678", "+1\n"])
def test_g1_o7_what_is_no_number_names_nobody(alone: World, number: str) -> None:
    for ask in (alone.desk.export, alone.desk.erase):
        with pytest.raises(Invalid, match="number: write it as"):
            ask(ADMIN, number)


@pytest.mark.parametrize("actor", [CLIENT, Actor(name="reads", role=Role.READ_ONLY)])
def test_o2_o7_only_administrators_export_and_erase(alone: World, actor: Actor) -> None:
    for ask in (alone.desk.export, alone.desk.erase):
        with pytest.raises(NotFound if actor.client else Forbidden):
            ask(actor, HIM)


# --- export ------------------------------------------------------------------------------------


def test_o7_all_that_is_his_is_exported_and_of_others_only_what_names_him(world: World) -> None:
    account = world.pays()
    own = world.calls()
    world.is_named()
    world.redis.there = ["lockouts:of:x"]
    made = world.desk.export(ADMIN, HIM)
    records = made.records
    assert (made.number, made.counted) == (HIM, ["lockouts:of:x"])
    assert own in {row["id"] for row in records["callback_request"]}
    # The transcript of his call, whoever is named in it.
    mine = [row["text"] for row in records["callback_transcript"] if row["request"] == own]
    assert sorted(mine) == sorted([OTHER[2:], OTHER, "1#"])
    assert [row["id"] for row in records["account"]] == [account]
    assert records["account_entry"][0]["notes"] == f"paid by {HIM}"
    entries = {row.get("number"): row for row in records["authorised_caller"]}
    assert entries[HIM]["pin_hash_set"] is False
    # Another's entry: what names him, and not whose it is.
    assert entries[None]["callback_number"] == HIM
    assert entries[None]["speed_dials"]["1"] == HIM
    (called,) = [row for row in records["call_leg"] if "caller" not in row]
    assert (called["number"], "shown" in called) == (HIM, False)
    assert called["begun"].endswith("Z")
    text = msgspec.json.encode(records).decode()
    assert "argon2" not in text


def test_o7_of_somebody_who_is_unknown_there_is_nothing(alone: World) -> None:
    assert alone.desk.export(ADMIN, "+442079460999").records == {}


# --- how a number is spelled -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (HIM, "~abcdefghijk"),
        (DIGITS, "~abcdefghij"),
        (f"00{DIGITS}#", "~abcdefghijk#"),
        (f"011{DIGITS}", "~abcdefghijk"),
        (f"100/{HIM}", "100/~abcdefghijk"),
        (f'["{HIM}","{HIM}1"]', f'["~abcdefghijk","{HIM}1"]'),
        (f"9{DIGITS}", f"9{DIGITS}"),
        # Not with anything between its digits, as docs/privacy.md says.
        ("+1 212-555-0199", "+1 212-555-0199"),
    ],
)
def test_o7_a_number_is_found_however_it_is_spelled(text: str, left: str) -> None:
    assert without(text, spelled(HIM), "~abcdefghijk") == left


@given(
    st.text(st.sampled_from('+0123456789#/ "a~'), max_size=40),
    st.text("0123456789", min_size=7, max_size=15),
)
@settings(max_examples=many(100), suppress_health_check=[HealthCheck.too_slow])
def test_o7_no_text_gets_longer_and_none_has_the_number_after_it(text: str, digits: str) -> None:
    number = f"+{digits}"
    made = without(text + number, spelled(number), "~" + "x" * len(digits))
    assert len(made) <= len(text + number)
    assert spelled(number).search(made) is None


#: Tables that have nothing of a person in them.
NOBODYS = {
    "channel", "client", "invitation", "node_drain", "node_seen", "pepper", "policy_change",
    "policy_clock", "price_list", "rate", "sound_clock", "stop", "stream", "audio", "caller_id",
}  # fmt: skip


def test_o7_the_docs_say_of_each_table_how_long_it_is_kept() -> None:
    page = (Path(__file__).parents[3] / "docs" / "privacy.md").read_text(encoding="utf-8")
    told = set(re.findall(r"`([a-z_]+)`", page))
    assert set(schema.metadata.tables) - told == NOBODYS
    for name in Retention.__struct_fields__:
        assert f"`retention.{name}`" in page
    for kind in ("callback", "call_record", "audit_entry", "suspicion", "notice", "log_in"):
        assert kind in told


def test_o7_every_text_is_looked_through_but_what_is_made_by_the_program() -> None:
    """A table that comes later is looked through as well; what is not, is said here."""
    left_out = {
        f"{table.name}.{column.name}"
        for table in schema.metadata.sorted_tables
        for column in table.columns
        if isinstance(column.type, String) and column not in set(mentions.texts(table))
    }
    assert left_out == {
        "account.id", "account_entry.account", "account_entry.call", "audio.id",
        "audio_file.audio", "audio_file.sha256", "authorised_caller.pin_hash", "call_leg.call",
        "call_leg.leg", "call_leg.request", "callback_attempt.core", "callback_attempt.id",
        "callback_attempt.request", "callback_destination.leg", "callback_destination.request",
        "callback_key.request", "callback_request.attempt", "callback_request.holder",
        "callback_request.id", "callback_request.leg", "callback_transcript.leg",
        "callback_transcript.request", "credit_hold.account", "credit_hold.call",
        "credit_hold.request", "invitation.digest", "node_seen.core", "notice.holder",
        "pepper.fingerprint", "policy_clock.lineage", "sound.audio", "stream.holder", "token.hash",
        "user.password_hash", "user.recovery", "user.totp", "web_session.digest",
    }  # fmt: skip
