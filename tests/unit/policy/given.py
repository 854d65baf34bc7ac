"""What tests of policies begin with."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from hypothesis import strategies as st

from controller.policy.model import Policy
from controller.policy.rules import NOT_YET, check

#: The least that makes an extension.
LEAST: Final[dict[str, Any]] = {
    "extension": "100",
    "dids": ["+12025550100"],
    "country": "US",
    "caller_ids": ["+12025550150"],
}

#: Settings other than their defaults, and what they need.
SET: Final[dict[str, dict[str, Any]]] = {
    "early_hang_up": {"early_hang_up": "callback", "early_hang_up_seconds": 2},
    "return_calls": {"return_calls": "authorized"},
    "fixed_number": {"return_calls": "fixed", "fixed_number": "+12125550199"},
    "retries": {"retries_busy": 2, "retries_no_answer": 1, "retries_failed": 20},
    "retry_causes": {"retry_causes": {"SUBSCRIBER_ABSENT": "busy", "USER_BUSY": "never"}},
    "retry_seconds": {"retry_seconds": 61, "expiry_seconds": 60},
    "quiet_hours": {
        "quiet_from": "22:00",
        "quiet_until": "07:30",
        "time_zone": "Europe/Berlin",
    },
    "prefixes": {"return_prefixes": ["+4420"], "destination_prefixes": ["+4420", "+33"]},
    "blocked": {"blocked_countries": ["GB"], "blocked_prefixes": ["+1900"]},
    "return_types": {"return_types": ["mobile"]},
    "destination_types": {"destination_types": ["fixed", "mobile"]},
    "blocked_types": {"blocked_types": ["voip"]},
    "stop_after_unanswered": {"stop_after_unanswered": 1},
    "callbacks_per_number": {"callbacks_per_number": {"minute": 1}},
    "callbacks_per_block": {"callbacks_per_block": {"hour": 1}},
    "callbacks_per_did": {"callbacks_per_did": {"day": 1}},
    "callbacks_per_extension": {"callbacks_per_extension": {"minute": 1, "day": 2}},
    "on_sequential_numbers": {"on_sequential_numbers": "block"},
    "on_many_extensions": {"on_many_extensions": "ignore"},
    "on_short_answers": {"on_short_answers": "block"},
    "on_sudden_spend": {"on_sudden_spend": "block"},
    "unanswered_per_block": {"unanswered_per_block": {"hour": 1}},
    "unanswered_per_extension": {"unanswered_per_extension": {"day": 1}},
    "concurrent_calls": {"concurrent_calls": 1},
    "most_spent_per_hour": {"most_spent_per_hour": 1},
    "most_spent_per_day": {"most_spent_per_day": 1},
    "minimum_credit": {"minimum_credit": 1},
    "return_call_exposure": {"return_call_exposure": 1},
    "warning": {"warning_seconds": 61, "warning_sound": "/warn.wav"},
    "language": {"language": "pt-BR"},
    "human_check": {"human_check": True},
    "caller_passwords": {"caller_passwords": True},
    "credit_query": {"credit_query": True},
    "credit_query_again": {"credit_query": True, "credit_query_again": True},
    "further_calls": {"further_calls": 1},
    "say_time_left": {"say_time_left": True},
    "prompts": {"prompts": {"goodbye": "/bye.wav"}},
    "caller_id_name_from": {"caller_id_name_from": "equipment"},
    "caller_id_number_from": {"caller_id_number_from": "equipment"},
    "caller_id_number": {
        "caller_id_number_from": "custom",
        "caller_id_number": "+12025550150",
    },
    "caller_ids": {"caller_ids": ["+12025550150", "+12025550151"]},
    "caller_id_choice": {"caller_id_choice": "sticky"},
    "hide_caller_id": {"hide_caller_id": True},
    "p_asserted_identity": {"p_asserted_identity": True},
    "p_preferred_identity": {"p_preferred_identity": "sip:100@example.com"},
}


def policy(**values: object) -> Policy:
    """Give a policy checked as each is, but for what nothing acts on yet."""
    made = msgspec.convert({**LEAST, "default_caller_id": "+12025550150", **values}, Policy)
    check(made)
    return made


def json_values() -> st.SearchStrategy[Any]:
    """Give anything that JSON can say, and half characters, which some JSON readers let pass."""
    texts = st.text(max_size=12) | st.text("+0123456789sipAUS@.:\ud800\x00\n", max_size=8)
    return st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | texts,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
        max_leaves=6,
    )


def settings_of_any_kind() -> st.SearchStrategy[dict[str, Any]]:
    """Give dictionaries that are nearly a policy's."""
    # Half of those that nothing acts on yet would be refused by name, and hide all others.
    acted_on = sorted(set(Policy.__struct_fields__) - set(NOT_YET))
    fields = st.sampled_from(acted_on) | st.sampled_from(Policy.__struct_fields__)
    some = st.dictionaries(fields | st.text(max_size=6), json_values(), max_size=3)
    plausible = st.sampled_from(list(SET.values()))
    return st.one_of(
        some, st.builds(lambda more: {**LEAST, **more}, some), plausible.map(lambda v: LEAST | v)
    )
