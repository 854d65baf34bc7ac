"""What every call asks is read again and again, and known while the store is away (O5)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import structlog
from sqlalchemy.exc import OperationalError
from structlog.testing import LogCapture

from controller.runtime.offload import Offload
from controller.runtime.recent import Recent, Recents


class Value:
    """A value that somebody else changes, or that cannot be read."""

    def __init__(self, value: int) -> None:
        self.value: int | Exception = value
        self.faults = 0
        self.changes = 0
        self.recent = Recent(self.load, on_fault=self._fault)
        self.recent.on_change = self._changed

    def load(self) -> int:
        if isinstance(self.value, Exception):
            raise self.value
        return self.value

    def _fault(self) -> None:
        self.faults += 1

    def _changed(self) -> None:
        self.changes += 1

    def again(self) -> int:
        """Read it once more; give what is known now."""
        self.recent.take(self.recent.read())
        return self.recent.get()


@pytest.fixture
def log() -> Iterator[LogCapture]:
    before, captured = structlog.get_config(), LogCapture()
    structlog.configure(processors=[captured])
    yield captured
    structlog.configure(**before)


def away() -> Exception:
    return OperationalError("", None, Exception("the store is away"))


def test_who_wants_to_know_is_told_of_another_value_alone() -> None:
    value = Value(1)
    value.recent.begin()
    assert (value.again(), value.changes) == (1, 0)
    value.value = 2
    assert (value.again(), value.changes) == (2, 1)


def test_o5_while_the_store_is_away_what_was_known_last_counts(log: LogCapture) -> None:
    """It is told once for each time, and is no fault; anything else is one."""
    value = Value(1)
    value.recent.begin()
    value.value = away()
    assert [value.again(), value.again()] == [1, 1]
    assert [entry["event"] for entry in log.entries] == ["not_read"]
    assert value.faults == 0
    value.value = 1
    value.again()
    value.value = ValueError("cannot be read")
    assert [value.again(), value.again()] == [1, 1]
    assert [entry["event"] for entry in log.entries] == ["not_read", "fault"]
    assert value.faults == 1


def test_o5_one_that_cannot_be_read_keeps_no_other_from_being_read() -> None:
    pool = Offload(1)
    one, other = Value(1), Value(2)
    recents = Recents((one.recent, other.recent), reads=pool)
    recents.start()
    one.value, other.value = ValueError("cannot be read"), 3
    found = pool.run(recents._read)
    assert isinstance(found[0], ValueError)
    assert found[1] == 3
    recents.stop()
    pool.close()


def test_what_cannot_be_read_at_the_beginning_is_raised_there() -> None:
    pool = Offload(1)
    value = Value(1)
    value.value = away()
    with pytest.raises(OperationalError):
        Recents((value.recent,), reads=pool).start()
    pool.close()
