"""What holds wherever policies are cached: Valkey, Redis, Redis with Sentinel, nowhere."""

from __future__ import annotations

from collections.abc import Callable

import gevent
import pytest

from controller.policy.changes import Change
from tests.redis_servers import until
from tests.unit.cache.given import (
    DID,
    NOBODYS,
    OTHER_DID,
    Cache,
    MemorySource,
    StoreAway,
    version_of,
)

Begin = Callable[[], Cache]


def test_what_was_read_once_is_not_read_from_the_store_again(
    controller: Begin, source: MemorySource
) -> None:
    source.write()
    cache = controller()
    assert [cache.version() for _ in range(3)] == [1, 1, 1]
    assert version_of(cache.policies.get("100")) == 1
    assert source.reads == [DID, "100"]
    assert cache.looked_up() == {"process": 2, "redis": 0, "store": 2}


def test_what_one_controller_read_another_has_from_redis(
    controller: Begin, source: MemorySource, place: str | None
) -> None:
    source.write()
    one, two = controller(), controller()
    assert (one.version(), two.version()) == (1, 1)
    assert len(source.reads) == (2 if place is None else 1)


def test_a_policy_from_redis_is_the_very_one_that_was_stored(
    controller: Begin, source: MemorySource
) -> None:
    source.write("7", (OTHER_DID, DID))
    one, two = controller(), controller()
    assert one.policies.get("7") == two.policies.get("7") == source.policies["7"]
    assert two.policies.by_dids((DID,)) == (DID, source.policies["7"])


def test_the_writer_sees_its_change_at_its_next_look_up(
    controller: Begin, source: MemorySource
) -> None:
    cache = controller()
    for version in range(1, 30):
        cache.policies.announce(source.write())
        assert cache.version() == version
        assert version_of(cache.policies.get("100")) == version


def test_another_controller_sees_an_announced_change_without_asking_the_store_for_it(
    controller: Begin, source: MemorySource, place: str | None
) -> None:
    source.write()
    one, two = controller(), controller()
    assert two.version() == 1
    one.policies.announce(source.write())
    until(lambda: two.version() == 2, "the other sees it", pause=gevent.sleep)
    if place is not None:
        until(
            lambda: two.counted("cache_changes_total", how="message") == 1,
            "the message came",
            pause=gevent.sleep,
        )


def test_a_change_that_nobody_announced_is_seen_after_one_tick(
    controller: Begin, source: MemorySource
) -> None:
    source.write()
    one, two = controller(), controller()
    assert (one.version(), two.version()) == (1, 1)
    source.write()
    one.policies.tick()
    assert one.version() == 2
    two.policies.tick()
    assert two.version() == 2
    assert two.counted("cache_changes_total", how="poll") == 1


def test_that_a_number_is_nobodys_is_kept_too(controller: Begin, source: MemorySource) -> None:
    cache = controller()
    assert [cache.version(NOBODYS) for _ in range(10)] == [None] * 10
    assert source.reads == [NOBODYS]


def test_a_number_that_was_nobodys_is_found_as_soon_as_it_is_somebodys(
    controller: Begin, source: MemorySource
) -> None:
    cache = controller()
    assert cache.version() is None
    assert cache.policies.get("100") is None
    cache.policies.announce(source.write())
    assert cache.version() == 1
    assert version_of(cache.policies.get("100")) == 1


def test_a_deleted_extension_is_gone_at_once(controller: Begin, source: MemorySource) -> None:
    source.write()
    cache = controller()
    assert cache.version() == 1
    cache.policies.announce(source.delete("100"))
    assert cache.version() is None
    assert cache.policies.get("100") is None


def test_a_did_that_moves_is_never_that_of_both_extensions(
    controller: Begin, source: MemorySource
) -> None:
    source.write("100", (DID, OTHER_DID))
    cache = controller()
    for name in (DID, OTHER_DID):
        cache.version(name)
    cache.policies.announce(source.write("100", (DID,)))
    assert cache.version(OTHER_DID) is None
    cache.policies.announce(source.write("200", (OTHER_DID,)))
    found = cache.policies.by_dids((OTHER_DID,))
    assert found is not None
    assert (found[1].extension, found[1].dids) == ("200", (OTHER_DID,))
    found = cache.policies.by_dids((DID,))
    assert found is not None
    assert (found[1].extension, found[1].dids) == ("100", (DID,))


def test_a_change_of_everything_is_seen_in_everything(
    controller: Begin, source: MemorySource
) -> None:
    source.write("100", (DID,))
    source.write("200", (OTHER_DID,))
    one, two = controller(), controller()
    assert [cache.version(did) for cache in (one, two) for did in (DID, OTHER_DID)] == [1, 2, 1, 2]
    one.policies.announce(source.write_all())
    assert [one.version(DID), one.version(OTHER_DID)] == [3, 3]
    two.policies.tick()
    assert [two.version(DID), two.version(OTHER_DID)] == [3, 3]
    two.until_well()


def test_of_several_readings_the_first_that_is_a_did_counts(
    controller: Begin, source: MemorySource
) -> None:
    source.write("100", (DID,))
    source.write("200", (OTHER_DID,))
    by_dids = controller().policies.by_dids
    assert by_dids((NOBODYS, OTHER_DID, DID)) == (OTHER_DID, source.policies["200"])
    assert by_dids((NOBODYS,)) is None
    assert by_dids(()) is None


@pytest.mark.parametrize(
    "text", ["", "+", "100", "+0123456", "+1202555010\u0661", "+12025550101\n", "*", "+1" * 40]
)
def test_text_that_is_no_number_is_nobodys_and_never_a_key(
    controller: Begin, source: MemorySource, text: str
) -> None:
    cache = controller()
    assert cache.policies.by_dids((text,)) is None
    assert source.reads == []


@pytest.mark.parametrize("text", ["", "12345678901", "1*", "\u0661\u0662", "100\n", "e:100"])
def test_text_that_is_no_extension_is_nobodys_and_never_a_key(
    controller: Begin, source: MemorySource, text: str
) -> None:
    cache = controller()
    assert cache.policies.get(text) is None
    assert source.reads == []


def test_while_the_store_is_away_what_is_known_is_given(
    controller: Begin, source: MemorySource, place: str | None
) -> None:
    source.write()
    cache = controller()
    cache.version()
    source.fails = True
    assert cache.version() == 1
    if place is not None:
        cache.forget_local()
        assert cache.version() == 1
        assert cache.looked_up()["redis"] == 1


def test_what_the_store_raises_is_raised_as_it_is(controller: Begin, source: MemorySource) -> None:
    cache = controller()
    source.fails = True
    with pytest.raises(StoreAway):
        cache.version()
    with pytest.raises(StoreAway):
        cache.policies.get("100")
    source.fails = False
    assert cache.version() is None


def test_where_the_log_of_changes_is_cut_off_all_is_forgotten(
    controller: Begin, source: MemorySource
) -> None:
    source.write()
    one, two = controller(), controller()
    assert (one.version(), two.version()) == (1, 1)
    source.write()
    source.log.clear()
    source.forgotten = source.seq
    one.policies.tick()
    two.policies.tick()
    assert (one.version(), two.version()) == (2, 2)
    one.until_well()
    two.until_well()


def test_a_database_restored_from_a_backup_brings_back_what_it_says(
    controller: Begin, source: MemorySource
) -> None:
    source.write()
    backup = dict(source.policies)
    one, two = controller(), controller()
    for _ in range(3):
        one.policies.announce(source.write())
    assert one.version() == 4
    source.policies, source.seq, source.log = backup, 1, source.log[:1]
    for cache in (one, two):
        cache.policies.tick()
        assert cache.version() == 1
    one.policies.announce(source.write())
    assert one.version() == 2
    two.policies.tick()
    assert two.version() == 2


def test_a_database_that_is_another_one_has_policies_of_its_own(
    controller: Begin, source: MemorySource
) -> None:
    source.write()
    source.write()
    cache = controller()
    assert cache.version() == 2
    source.lineage += "b"
    source.policies.clear()
    source.seq, source.log = 0, []
    source.write()
    cache.policies.tick()
    assert cache.version() == 1
    cache.until_well()
    assert cache.version() == 1


def test_a_made_up_change_costs_a_reading_and_no_more(
    controller: Begin, source: MemorySource
) -> None:
    source.write()
    one, two = controller(), controller()
    assert (one.version(), two.version()) == (1, 1)
    one.policies.announce(Change(10**12, ("100",), (DID,)))
    assert (one.version(), two.version()) == (1, 1)
    for cache in (one, two):
        cache.policies.tick()
        cache.until_well()
        assert cache.version() == 1
    reads = len(source.reads)
    for cache in (one, two):
        cache.forget_local()
    one.version()
    two.version()
    one.forget_local()
    one.version()
    assert len(source.reads) - reads <= 3
