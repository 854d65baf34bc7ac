"""The pieces by themselves: entries, answers in the process, floors, the command's announcement."""

from __future__ import annotations

import pytest

from controller.cache import entries
from controller.cache.announcer import announce
from controller.cache.local import LOCAL_SECONDS, MOST_ANSWERS, MOST_FLOORS, Floors, LocalAnswers
from controller.policy.changes import Change, Snapshot
from tests.redis_servers import Server
from tests.unit.cache.conftest import Opens
from tests.unit.cache.given import DID, NOBODYS, MemorySource, policy

EPOCH = b"0123456789abcdef"


@pytest.mark.parametrize("found", [policy("7", (DID, NOBODYS), 9), None])
def test_an_entry_reads_as_it_was_written(found: object) -> None:
    snapshot = Snapshot(12, policy("7", (DID, NOBODYS), 9) if found else None)
    raw = entries.write(snapshot, f"d:{DID}", EPOCH)
    assert entries.read(raw, f"d:{DID}", EPOCH) == snapshot
    assert entries.read(raw, f"d:{DID}", b"f" * 16) is None
    with pytest.raises(entries.Unreadable):
        entries.read(raw, f"d:{NOBODYS}", EPOCH)


def test_every_beginning_of_an_entry_is_read_or_refused_and_never_taken_for_another() -> None:
    raw = entries.write(Snapshot(12, policy()), f"d:{DID}", EPOCH)
    for length in range(len(raw)):
        try:
            found = entries.read(raw[:length], f"d:{DID}", EPOCH)
        except (entries.Unreadable, entries.OtherRelease):
            continue
        assert found is None


def test_what_an_unreadable_entry_holds_is_in_no_error() -> None:
    raw = entries.write(Snapshot(12, policy()), f"d:{DID}", EPOCH)
    with pytest.raises(entries.Unreadable) as caught:
        entries.read(raw.replace(b'"US"', b'"12025550123"'), f"d:{DID}", EPOCH)
    assert "12025550123" not in str(caught.value)


@pytest.mark.parametrize("raw", [None, b"", b"x" * 48, EPOCH + b"1" * 31, EPOCH + b"1" * 33])
def test_a_record_that_cannot_be_read_is_none(raw: bytes | None) -> None:
    assert entries.read_standing(raw) is None


def test_an_answer_is_given_for_a_second_from_when_its_reading_began() -> None:
    time = 5.0
    answers = LocalAnswers(lambda: time)
    answers.use(True)
    snapshot = Snapshot(1, policy())
    answers.put("a", snapshot, 4.5, answers.generation)
    assert answers.get("a") is snapshot
    time = 4.5 + LOCAL_SECONDS
    assert answers.get("a") is None
    assert len(answers) == 0


def test_the_oldest_answer_goes_where_there_are_too_many() -> None:
    answers = LocalAnswers(lambda: 0.0)
    answers.use(True)
    for number in (*range(MOST_ANSWERS), 0, MOST_ANSWERS):
        answers.put(str(number), Snapshot(1, None), 0.0, answers.generation)
    assert len(answers) == MOST_ANSWERS
    assert answers.get("1") is None
    assert answers.get("0") is not None


def test_more_floors_than_can_be_remembered_count_for_every_key() -> None:
    floors = Floors()
    for number in range(MOST_FLOORS + 1):
        floors.raise_to(Change(number + 1, (str(number),)))
    assert floors.of("e:nobody") == MOST_FLOORS + 1
    floors.forget(floors.copy())
    assert floors.of("e:nobody") == 0


def test_a_command_tells_running_controllers_of_its_change(
    cached: Opens, shared_valkey: Server, source: MemorySource
) -> None:
    source.write()
    cache = cached(shared_valkey.url)
    cache.policies.tick()
    assert cache.version() == 1
    change = source.write()
    assert announce(shared_valkey.url, source.lineage, change)
    assert cache.version() == 2


def test_a_command_goes_on_where_redis_is_not_there() -> None:
    assert not announce("unix:///nowhere.sock", "a", Change(1, ("100",), (DID,)))
    assert not announce("redis://127.0.0.1:1", "a", Change(1, ("100",), (DID,)))


def test_a_change_of_very_many_keys_is_applied_in_parts(
    cached: Opens, shared_valkey: Server, source: MemorySource
) -> None:
    source.write()
    cache = cached(shared_valkey.url)
    cache.policies.tick()
    assert cache.version() == 1
    change = source.write()
    many = tuple(f"+1202{number:07}" for number in range(3_500))
    source.log[-1] = Change(change.seq, change.extensions, (*many, *change.dids))
    cache.policies.announce(source.log[-1])
    assert cache.version() == 2
    cache.forget_local()
    assert cache.version() == 2
    assert cache.looked_up()["redis"] == 1
