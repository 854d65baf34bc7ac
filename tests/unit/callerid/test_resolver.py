"""What is shown: the default number to destinations, the DID on the return call."""

from __future__ import annotations

from controller.callerid.resolver import Shown, for_destination, for_return_call
from controller.policy.model import Policy

POLICY = Policy(
    extension="100",
    dids=("+12025550100", "+12025550102"),
    country="US",
    caller_ids=("+442079460000",),
    default_caller_id="+442079460000",
    caller_id_name="Acme",
)


def test_i5_a_destination_sees_the_default_number_even_one_that_is_no_did() -> None:
    assert for_destination(POLICY) == Shown("+442079460000", "Acme", "I5")


def test_t8_the_return_call_shows_the_number_that_was_rung() -> None:
    assert for_return_call(POLICY, "+12025550102") == Shown("+12025550102", "Acme", "T8")
