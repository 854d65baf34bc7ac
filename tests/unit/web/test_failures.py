"""Wrong tokens are limited by peer, for a minute, in bounded memory; good ones go on."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from controller.admin.model import Actor
from controller.policy.records import Role
from controller.web.api.failures import MOST, MOST_PEERS, SECONDS, Failures
from controller.web.api.problems import Refusal
from controller.web.api.tokens import Tokens


def test_ten_are_looked_up_and_then_none_for_the_rest_of_a_minute() -> None:
    failures = Failures()
    assert [failures.note("a", 100.0 + n) for n in range(MOST)] == [False] * (MOST - 1) + [True]
    assert failures.wait("a", 110.0) == SECONDS - 10
    assert failures.wait("a", 100.0 + SECONDS - 0.1) == 1
    assert failures.wait("a", 100.0 + SECONDS) == 0
    assert failures.wait("b", 110.0) == 0
    # And then from the beginning.
    assert not failures.note("a", 100.0 + SECONDS)
    assert failures.wait("a", 100.0 + SECONDS) == 0


def test_fewer_than_ten_a_minute_are_never_refused() -> None:
    failures = Failures()
    for n in range(200):
        now = n * SECONDS / (MOST - 1)
        assert failures.wait("a", now) == 0
        failures.note("a", now)


def test_what_is_remembered_is_bounded_and_who_failed_first_goes_first() -> None:
    failures = Failures()
    for _ in range(MOST):
        failures.note("first", 0.0)
    for n in range(MOST_PEERS):
        failures.note(f"peer{n}", 1.0)
        assert len(failures) <= MOST_PEERS
    assert failures.wait("first", 2.0) == 0
    for _ in range(MOST):
        failures.note("last", 3.0)
    assert failures.wait("last", 3.0) > 0


class Asked:
    """What authenticates, and how often it did."""

    def __init__(self) -> None:
        self.count = 0
        self.clock = 0.0
        self.good = {"good"}
        self.wrong: list[bool] = []
        self.tokens = Tokens(self.authenticate, lambda: self.clock, self.wrong.append)

    def authenticate(self, secret: str) -> Actor | None:
        self.count += 1
        return Actor(name=secret, role=Role.ADMIN) if secret in self.good else None

    def status(self, secret: str, peer: str = "192.0.2.7") -> int:
        """Show a token; give what is answered."""
        try:
            self.tokens.actor(f"Bearer {secret}", peer)
        except Refusal as refusal:
            return refusal.status
        return 200


def test_who_guesses_costs_ten_lookups_a_minute() -> None:
    asked = Asked()
    with capture_logs() as logs:
        said = [asked.status(f"guess{n}") for n in range(50)]
    assert said == [401] * MOST + [429] * (50 - MOST)
    assert asked.count == MOST
    assert asked.wrong == [False] * MOST + [True] * (50 - MOST)
    # Once, and no word of what was guessed.
    assert [(entry["event"], entry["peer"]) for entry in logs] == [("wrong_tokens", "192.0.2.7")]
    assert "guess" not in repr(logs)
    asked.clock += SECONDS
    assert asked.status("guess") == 401


def test_somebody_elses_guesses_are_not_ours() -> None:
    asked = Asked()
    for n in range(MOST):
        asked.status(f"guess{n}")
    assert asked.status("good", peer="192.0.2.8") == 200


def test_a_token_that_was_good_goes_on_behind_the_same_address() -> None:
    """Behind one proxy or one NAT: nobody locks the others out."""
    asked = Asked()
    assert asked.status("good") == 200
    for n in range(2 * MOST):
        asked.status(f"guess{n}")
    asked.clock += 30.0
    assert asked.status("good") == 200
    # It was asked for anew; once it is good no more it is as any other.
    asked.good.clear()
    asked.clock += 1.0
    assert asked.status("good") == 401
    assert asked.status("good") == 429


@pytest.mark.parametrize("header", [None, "", "Bearer", "Basic eA==", "Bearer a b"])
def test_what_shows_no_token_is_no_guess(header: str | None) -> None:
    asked = Asked()
    for _ in range(3 * MOST):
        with pytest.raises(Refusal) as refused:
            asked.tokens.actor(header, "192.0.2.7")
        assert refused.value.status == 401
    assert asked.status("good") == 200
