"""O5, M3: another charging engine that fails is told of, and a late one holds for nobody."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest

from controller.credit.engine import Unavailable
from controller.credit.model import Begin, Granted
from controller.metrics import Metrics
from controller.runtime.charges import Charges
from controller.settings import Credit
from controller.store.charging_elsewhere import ChargingElsewhere
from tests.unit.store.paying import beginning


@pytest.fixture
def services() -> Any:
    """A controller's, as far as an engine of somebody else is asked."""
    return SimpleNamespace(
        settings=SimpleNamespace(credit=Credit(engine="acme:engine")),
        metrics=Metrics(),
        clock=SimpleNamespace(micros=lambda: 7),
        charging=None,
    )


@pytest.fixture
def charges(services: Any) -> Iterator[Charges]:
    """What asks it."""
    made = Charges(services)
    services.charges = made
    yield made
    made.close()


@pytest.mark.parametrize(
    ("raised", "shown"),
    [
        (ConnectionRefusedError("https://acme/+12125550100?key=s3cret"), "ConnectionRefusedError"),
        (Unavailable("https://acme/+12125550100?key=s3cret"), "Unavailable"),
    ],
)
def test_what_its_errors_say_is_for_the_log_and_not_for_everybody(
    charges: Charges, raised: Exception, shown: str
) -> None:
    """Whoever may look at `/readyz` need not be who may read numbers and keys."""

    def begin(*_: object) -> None:
        raise raised

    elsewhere = ChargingElsewhere.__new__(ChargingElsewhere)
    elsewhere.provider = cast(Any, SimpleNamespace(begin=begin))
    with pytest.raises(Unavailable) as error:
        charges.write(elsewhere.begin, cast(Any, None))
    charges.note_fault("begin", error.value)
    assert charges.fault == f"acme:engine failed at begin: {shown} (engine_away in the log)"


def test_m3_what_is_held_too_late_is_released_when_the_answer_comes(
    services: Any, charges: Charges
) -> None:
    """M3: nobody is called for it, and its money would be away until somebody asks for the call."""
    goes_on, released = threading.Event(), threading.Event()
    held: set[str] = set()

    def begin(call: Begin) -> Granted:
        goes_on.wait()
        held.add(call.call)
        return Granted(charged=True, return_seconds=60)

    def release(call: str, now: int) -> None:
        if call in held:
            held.remove(call)
            released.set()

    services.settings.credit = Credit(engine="acme:engine", engine_seconds=0.05)
    services.charging = SimpleNamespace(begin=begin, release=release)
    try:
        with pytest.raises(Unavailable, match=r"said nothing for 0\.05 s"):
            charges.begin(beginning("one"))
        # The hold has not been made yet: there is nothing to release.
        charges.release("one")
    finally:
        goes_on.set()
    assert released.wait(30)
    assert not held
    # One that comes in time is held.
    services.settings.credit = Credit(engine="acme:engine")
    assert charges.begin(beginning("two")) == Granted(charged=True, return_seconds=60)
    assert held == {"two"}
