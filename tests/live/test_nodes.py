"""O4: what a real switch says of itself, and what it says when it refuses calls."""

from __future__ import annotations

import json

from .conftest import Bench
from .net import wait_until
from .test_callback import ASK_PIN, CALLER, DID, SETTINGS, refused


def test_o4_a_switch_that_is_paused_is_left_alone_and_calls_when_it_goes_on(bench: Bench) -> None:
    """The callback counts no try: whoever rang is called when the switch takes calls again."""
    (controller,) = bench.serve(SETTINGS)
    phone = bench.phones.expect(CALLER)
    bench.switch.api("fsctl pause outbound")
    try:
        refused(bench.phones.ring(DID, CALLER))
        wait_until(
            "the switch has refused it",
            lambda: any(r["cause"] == "NODE_REFUSED" for r in controller.requests()),
            every=0.5,
        )
    finally:
        bench.switch.api("fsctl resume outbound")
    phone.media.wait_for(ASK_PIN)
    (node,) = json.loads(controller.run("node", "list", "--json"))
    assert node["calling"] + node["answered"] == 1
    bench.switch.api("hupall")


def test_o4_a_switch_tells_how_many_calls_it_has_and_may_have(bench: Bench) -> None:
    """HEARTBEAT, every 20 seconds; it is there for all controllers."""
    (controller,) = bench.serve(SETTINGS)

    def said() -> bool:
        (node,) = json.loads(controller.run("node", "list", "--json"))
        return node["most_sessions"] == 1000 and node["sessions"] is not None

    wait_until("it has told", said, every=2.0)
    (node,) = json.loads(controller.run("node", "list", "--json"))
    assert node["version"].startswith("1.")
    assert node["health"] in ("well", "short")
    assert 0 <= node["idle"] <= 100
