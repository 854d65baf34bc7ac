"""O7: a controller erases what is old by itself, in batches, as the settings say."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest
import structlog
from sqlalchemy.exc import IntegrityError, OperationalError

from controller.admin.people_shapes import FORGOTTEN, IDLE
from controller.credit.engine import Unavailable
from controller.metrics import Metrics
from controller.runtime import forgetting
from controller.runtime.forgetting import AT_ONCE, CALLBACKS_AT_ONCE, Forgetting
from controller.settings import RecordStream, Retention, Settings
from controller.settings.sections import Credit, Notices, Records

DAY = 86_400_000_000
NOW = 1_000 * DAY


class Store:
    """A store that has so many of each kind to erase, and says what it was asked."""

    def __init__(self, settings: Settings, **there: int) -> None:
        self.there = there
        self.asked: list[tuple[Any, ...]] = []
        self.faults: list[str] = []
        self.metrics = Metrics()
        self.away: str | None = None
        self.broken: str | None = None
        self.services = SimpleNamespace(
            settings=settings,
            metrics=self.metrics,
            clock=SimpleNamespace(micros=lambda: NOW),
            reads=SimpleNamespace(run=lambda function, *given: function(*given)),
            write=lambda function, *given: function(*given),
            note_store_fault=self.faults.append,
        )
        self.forgetting = Forgetting(cast(Any, self.services), cast(Any, self))

    def _erase(self, kind: str, limit: int, *told: Any) -> int:
        if self.away == kind:
            raise OperationalError("DELETE", {}, Exception("away"))
        if self.broken == kind:
            raise IntegrityError("DELETE", {}, Exception("is referred to"))
        self.asked.append((kind, *told))
        done = min(self.there.get(kind, 0), limit)
        self.there[kind] = self.there.get(kind, 0) - done
        return done

    def floor(self, names: list[str], now: int) -> int | None:
        if self.broken == "floor":
            raise IntegrityError("SELECT", {}, Exception("x"))
        return None if not names else 7

    def callbacks(self, before: int, limit: int, elsewhere: Sequence[str]) -> int:
        return self._erase("callback", limit, before, *elsewhere)

    def call_records(self, before: int, limit: int, taken: int | None) -> int:
        return self._erase("call_record", limit, before, taken)

    def audit_entries(self, before: int, limit: int) -> int:
        return self._erase("audit_entry", limit, before)

    def suspicions(self, before: int, limit: int) -> int:
        return self._erase("suspicion", limit, before)

    def notices(self, before: int, limit: int, *, told: bool) -> int:
        return self._erase("notice", limit, before, told)

    def log_ins(self, now: int, *, idle: int, failed: int) -> int:
        return self._erase("log_in", AT_ONCE, now, idle, failed)

    def erased(self, kind: str) -> float | None:
        """Give what the metric says of a kind."""
        return self.metrics.registry.get_sample_value("callbackd_erased_total", {"kind": kind})


def test_o7_what_is_not_set_is_kept_for_ever() -> None:
    store = Store(Settings(), callback=5, call_record=5, audit_entry=5, suspicion=5, notice=5)
    store.forgetting.look()
    assert store.asked == [
        ("notice", NOW - 30 * DAY, False),
        ("log_in", NOW, NOW - IDLE, NOW - FORGOTTEN),
    ]
    assert store.there["callback"] == 5


def test_o7_each_kind_is_erased_after_its_own_days() -> None:
    retention = Retention(
        callbacks_days=90, call_records_days=365, audit_days=180, suspicions_days=20,
        notices_days=10,
    )  # fmt: skip
    stream = RecordStream(name="billing", file="/records")
    settings = Settings(
        retention=retention,
        records=Records(streams=(stream,)),
        notices=Notices(url="https://example.com", secret="s" * 32),
    )
    store = Store(settings)
    store.forgetting.look()
    assert store.asked == [
        ("callback", NOW - 90 * DAY),
        ("call_record", NOW - 365 * DAY, 7),
        ("audit_entry", NOW - 180 * DAY),
        ("suspicion", NOW - 20 * DAY),
        ("notice", NOW - 10 * DAY, True),
        ("log_in", NOW, NOW - IDLE, NOW - FORGOTTEN),
    ]


def test_o7_batch_after_batch_is_erased_counted_and_logged_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(forgetting, "REST_SECONDS", 0)
    many = 2 * CALLBACKS_AT_ONCE + 1
    store = Store(Settings(retention=Retention(callbacks_days=90)), callback=many, notice=3)
    with structlog.testing.capture_logs() as logged:
        store.forgetting.look()
        store.forgetting.look()
    assert store.there == {"callback": 0, "notice": 0, "log_in": 0}
    assert [kind for kind, *_ in store.asked[:3]] == ["callback"] * 3
    assert (store.erased("callback"), store.erased("notice")) == (many, 3)
    assert store.erased("log_in") is None
    assert logged == [{"event": "erased", "log_level": "info", "callback": many, "notice": 3}]


def test_o7_one_that_is_stopped_erases_no_further_batch() -> None:
    store = Store(Settings(retention=Retention(callbacks_days=90)), callback=5)
    store.forgetting.stop()
    store.forgetting.look()
    assert store.asked == []


def test_o7_o5_where_the_store_is_away_the_rest_is_left_for_the_next_time() -> None:
    store = Store(Settings(retention=Retention(callbacks_days=90, audit_days=9)), callback=5)
    store.away = "audit_entry"
    store.forgetting.look()
    assert store.faults == ["retention"]
    assert store.erased("callback") == 5
    store.away = None
    store.forgetting.look()
    assert ("audit_entry", NOW - 9 * DAY) in store.asked


@pytest.mark.parametrize("broken", ["callback", "floor", "audit_entry"])
def test_o7_a_kind_that_fails_keeps_no_other_from_being_erased(broken: str) -> None:
    retention = Retention(callbacks_days=90, call_records_days=90, audit_days=9, suspicions_days=9)
    store = Store(Settings(retention=retention))
    store.broken = broken
    with structlog.testing.capture_logs() as logged:
        store.forgetting.look()
    kind = "call_record" if broken == "floor" else broken
    kinds = {"callback", "call_record", "audit_entry", "suspicion", "notice", "log_in"}
    assert {asked for asked, *_ in store.asked} == kinds - {kind}
    assert [(line["event"], line["kind"]) for line in logged] == [("fault", kind)]
    labels = {"where": "retention"}
    assert store.metrics.registry.get_sample_value("callbackd_faults_total", labels) == 1
    # So does one at which the store is away: it may be that one statement is too slow.
    store.broken, store.away, store.asked = None, "callback", []
    store.forgetting.look()
    assert store.faults == ["retention"]
    assert {asked for asked, *_ in store.asked} == kinds - {"callback"}


def test_o7_m7_callbacks_for_which_another_engine_holds_are_left() -> None:
    retention = Retention(callbacks_days=90, audit_days=9)
    settings = Settings(retention=retention, credit=Credit(engine="prepaid:engine"))
    store = Store(settings, callback=1, audit_entry=1)
    held = [SimpleNamespace(request="held")]
    store.services.charging = SimpleNamespace(overdue=lambda until: held if until > NOW else [])
    store.services.charges = SimpleNamespace(read=lambda function, *given: function(*given))
    store.forgetting.look()
    assert store.asked[0] == ("callback", NOW - 90 * DAY, "held")

    def unavailable(until: int) -> None:
        raise Unavailable("x")

    # Where it cannot be asked they all are, and nothing else is.
    store.services.charging, store.asked = SimpleNamespace(overdue=unavailable), []
    store.forgetting.look()
    assert [kind for kind, *_ in store.asked] == ["audit_entry", "notice", "log_in"]
    assert store.faults == ["retention"]
