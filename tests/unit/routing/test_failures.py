"""I4, O5: a channel that fails again and again is left alone for a while, and tried again."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from controller.routing import failures
from controller.routing.failures import WELL, Failures, failed, is_set_aside, may_call, tried

NOW = 1000.0


def after(*times: float) -> Failures:
    """Give the state after failures at these times."""
    state = WELL
    for time in times:
        state = failed(state, time)
    return state


def test_three_failures_in_a_row_within_a_minute_set_it_aside() -> None:
    assert may_call(after(NOW, NOW + 1), NOW + 1)
    state = after(NOW, NOW + 1, NOW + 2)
    assert is_set_aside(state, NOW + 2)
    assert not may_call(state, NOW + 16.9)
    assert may_call(state, NOW + 17)
    assert not is_set_aside(state, NOW + 17)


def test_three_failures_in_more_than_a_minute_are_none() -> None:
    assert may_call(after(NOW, NOW + 30, NOW + 60), NOW + 60)
    assert not may_call(after(NOW, NOW + 30, NOW + 59.9), NOW + 60)
    assert not may_call(after(NOW, NOW + 30, NOW + 60, NOW + 61), NOW + 61)


def test_each_further_failure_sets_it_aside_for_twice_as_long_up_to_five_minutes() -> None:
    state, lasted = after(NOW, NOW, NOW), []
    for _ in range(7):
        lasted.append(state.seconds)
        state = failed(state, state.until)
    assert lasted == [15, 30, 60, 120, 240, 300, 300]


def test_calls_that_were_sent_before_it_was_set_aside_say_nothing_new() -> None:
    state = after(NOW, NOW, NOW)
    assert failed(state, NOW + 14.9) == state
    assert failed(state, NOW + 15).seconds == 30


def test_one_call_tries_it_and_the_others_wait_for_what_becomes_of_it() -> None:
    state = after(NOW, NOW, NOW)
    assert tried(state, NOW + 5) == state
    trying = tried(state, NOW + 15)
    assert not may_call(trying, NOW + 15)
    assert not is_set_aside(trying, NOW + 15)
    assert tried(trying, NOW + 20) == trying
    # Nothing came of it: it went out over another channel.
    assert may_call(trying, NOW + 75)
    assert failed(trying, NOW + 20) == Failures(seconds=30, until=NOW + 50)


def test_a_channel_that_is_well_is_on_no_trial() -> None:
    assert tried(WELL, NOW) == WELL
    assert tried(after(NOW), NOW) == after(NOW)


class Model:
    """The rule as it is said, by all that ever happened."""

    def __init__(self) -> None:
        self.row: list[float] = []
        self.aside: list[tuple[float, float]] = []
        self.trial = 0.0

    def failed(self, now: float) -> None:
        """A failure."""
        if not self.aside:
            self.row.append(now)
            recent = [time for time in self.row if time > now - 60]
            if len(recent) >= 3:
                self.aside.append((now, now + 15))
        elif now >= self.aside[-1][1]:
            lasts = min(15 * 2 ** len(self.aside), 300)
            self.aside.append((now, now + lasts))
            self.trial = 0.0

    def worked(self) -> None:
        """A call went through."""
        self.row, self.aside, self.trial = [], [], 0.0

    def may_call(self, now: float) -> bool:
        """Whether calls may go out."""
        return not self.aside or (now >= self.aside[-1][1] and now >= self.trial)

    def tried(self, now: float) -> None:
        """A call is sent."""
        if self.aside and self.may_call(now):
            self.trial = now + 60


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["failed", "failed", "failed", "worked", "tried", "asked"]),
            st.sampled_from([0.0, 0.5, 14.0, 15.0, 20.0, 59.5, 60.0, 301.0]),
        ),
        max_size=60,
    )
)
def test_any_history_is_as_the_rule_says(steps: list[tuple[str, float]]) -> None:
    state, model, now = WELL, Model(), NOW
    for what, gap in steps:
        now += gap
        match what:
            case "failed":
                state = failed(state, now)
                model.failed(now)
            case "worked":
                state = WELL
                model.worked()
            case "tried":
                state = tried(state, now)
                model.tried(now)
        assert may_call(state, now) is model.may_call(now)
        assert is_set_aside(state, now) is bool(model.aside and now < model.aside[-1][1])
        assert len(state.times) < failures.MOST_FAILURES
        assert state.seconds <= failures.LONGEST_SECONDS
