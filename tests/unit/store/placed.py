"""Plans of calls, as routing makes them."""

from __future__ import annotations

from controller.callerid.model import Shown, Tried
from controller.routing.model import Passed, Plan, Way

SHOWN = Shown(number="+12025550101", name="Acme", rule="I4", name_rule="I1", pool=("+12025550101",))
OTHER = Shown(number="+12025550102", rule="I5")
#: How it was found that there is no number to show.
FOUND = (Tried("I5", "of the default: none is set"),)
PLAN = Plan(
    ways=(
        Way(
            channel="pstn",
            number="0012125550177",
            shown=SHOWN,
            caller_id="12025550101",
            p_asserted="sip:100@pstn.example",
            p_preferred="sip:office@example.com",
            beginning="+1",
            cost=9000,
            tried=(Tried("I2", "pstn says no true numbers"), Tried("I4", "a number of pstn's")),
        ),
        Way(channel="gsm", number="+12125550177", shown=OTHER, caller_id="+12025550102"),
    ),
    passed=(
        Passed("fax", "off"),
        Passed("sat", "no_caller_id", FOUND),
    ),
)
NO_WAY = Plan(passed=(Passed("fax", "down"),), refusal="no_channel")
