"""O5: another charging engine that fails, or is late, is told of."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest

from controller.credit.engine import Unavailable
from controller.metrics import Metrics
from controller.runtime.charges import Charges
from controller.settings import Credit
from controller.store.charging_elsewhere import ChargingElsewhere


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
