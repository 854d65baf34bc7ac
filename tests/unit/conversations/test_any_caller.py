"""Whatever a caller types, and whatever goes wrong: his call ends in time, and is recorded."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from controller.callback.limits import longest_without_talking

from .given import Store
from .language import OUTCOMES, Far, Fate, Row
from .moments import Edge, Moment, Move, Trouble
from .playing import play

SETTINGS = (
    *("human_check", "caller_passwords", "credit_query", "credit_query, credit_query_again"),
    *("say_time_left", "further_calls 2", "dial_seconds 5", "password 86420"),
)
STORE = (
    *("credit 12.50 EUR", "is away", "does not answer", "locks out after 2 wrong"),
    *("answers after 2 s", "passwords take 2 s", "passwords cannot be checked"),
    *("last dialled +12125550124", "time is not known"),
)
MEMBERS = (
    "+12125550199 pin 97531 speed 7 +12125550124",
    "+12125550199 speed 12 +12125550124 preset +12125550123",
    "+12125550188 pin 97531",
)
#: Answers, beginnings of answers, and keys that mean nothing.
KEYS = (
    *("1", "1#", "2", "2#", "#", "*", "**", "*0#", "7#", "12#", "86420#", "97531#", "86420"),
    *("2125550123#", "2125550188#", "2125550123", "9005550100#", "2125550188#97531#7#"),
    *("186420#2125550123#", "12345#", "5550", "86420#1#7#", "2125550123212555012321255"),
)
seconds = st.sampled_from([0.01, 0.1, 0.3, 1.0, 2.1, 4.5, 11.0])
later = st.builds(Moment, st.just(Edge.BEFORE), st.just(""), seconds)
typing = st.builds(Move, later, st.sampled_from(KEYS), st.sampled_from([0.1, 0.2, 1.0]))
hanging_up = st.builds(Move, later, hangs_up=st.just(True))
troubles = st.builds(
    Move, later, trouble=st.sampled_from([Trouble.CONTROLLER_DIES, Trouble.CONNECTION_BREAKS])
)
fars = st.builds(
    Far, st.sampled_from(Fate), st.sampled_from([0.5, 3.0]), st.sampled_from([None, 1.0, 20.0])
)
calls = st.builds(
    Row,
    id=st.just("any"),
    title=st.just("any"),
    where=st.just("any"),
    spec=st.just(("D1",)),
    settings=st.lists(st.sampled_from(SETTINGS), unique=True).map(
        lambda chosen: (
            "longest_call_seconds 60",
            *(s for each in chosen for s in each.split(", ")),
        )
    ),
    members=st.sampled_from([(), *((line,) for line in MEMBERS)]),
    rings=st.sampled_from(["+12125550199", ""]),
    store=st.lists(st.sampled_from(STORE), unique=True).map(tuple),
    moves=st.builds(
        lambda moves, end: (*moves, *end),
        st.lists(typing, max_size=12),
        st.lists(hanging_up, max_size=1),
    ),
    troubles=st.lists(troubles, max_size=4).map(tuple),
    far=st.dictionaries(
        st.sampled_from(["+12125550123", "+12125550124"]), st.lists(fars, min_size=1).map(tuple)
    ),
)


@given(calls)
def test_any_call_ends_in_time_and_is_recorded_once(row: Row) -> None:
    got = play(row, to_the_last_move=False)
    policy = Store(row).policy
    talking = (policy.further_calls + 1) * (policy.longest_call_seconds + 1)
    # Whoever goes on with a call asks once more what was being asked.
    most = (1 + len(row.troubles)) * (longest_without_talking(policy) + talking)
    assert got.lasts <= most
    assert got.record.outcome in OUTCOMES - {"no_controller", "stuck"}
    assert (got.record.outcome == "completed") == ("[talking]" in "".join(got.hears))
