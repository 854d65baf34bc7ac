"""Who may come in: bearer tokens, and no answer that says why one may not."""

from __future__ import annotations

import pytest

from controller.admin.model import Actor, Kind
from controller.policy.records import Role
from controller.web.api.problems import Refusal
from controller.web.api.tokens import MOST_REMEMBERED, TRUSTED_SECONDS, Tokens
from tests.web.world import ADMIN, World, is_problem


def bearer(secret: str) -> dict[str, str]:
    """Give the header that shows a secret."""
    return {"Authorization": f"Bearer {secret}"}


def test_missing_unknown_expired_and_removed_are_one_answer(world: World) -> None:
    expired = world.issue("old", Role.ADMIN, expires=world.now // 1_000_000)
    removed = world.issue("gone", Role.ADMIN)
    world.directory.delete(ADMIN, Kind.TOKEN, "gone")
    said = [
        world.ask("GET", "/clients", token=None, headers=headers)
        for headers in (
            {},
            bearer("cbd_nobody"),
            bearer(expired),
            bearer(removed),
            bearer(""),
            bearer("a b"),
            bearer("x" * 5000),
            bearer("\u00fc"),
            {"Authorization": world.tokens["admin"]},
            {"Authorization": f"Basic {world.tokens['admin']}"},
            {"Authorization": f"Bearer {world.tokens['admin']},Bearer x"},
            {"Authorization": "Bearer"},
            {"Authorization": ""},
        )
    ]
    is_problem(said[0], 401)
    assert said[0].headers["www-authenticate"] == 'Bearer realm="callbackd"'
    assert {answer.whole for answer in said} == {said[0].whole}


def test_the_scheme_is_written_in_any_case(still: World) -> None:
    for scheme in ("bearer", "BEARER", "Bearer"):
        headers = {"Authorization": f"{scheme} {still.tokens['admin']}"}
        assert still.ask("GET", "/clients", token=None, headers=headers).status == 200


def test_every_route_but_the_description_wants_a_token(still: World) -> None:
    seen = 0
    for rule in still.app.url_map.iter_rules():
        path = rule.rule
        for name in rule.arguments:
            path = path.replace(f"<{name}>", "1001")
        for method in (rule.methods or set()) - {"OPTIONS"}:
            answer = still.ask(method, path, token=None)
            seen += 1
            if rule.endpoint == "openapi":
                assert answer.status == 200
            elif method == "HEAD":
                assert answer.status == 401
            else:
                is_problem(answer, 401)
    assert seen > 40


def test_a_token_is_asked_for_before_a_body_is_read(still: World) -> None:
    answer = still.ask("POST", "/clients", token=None, raw=b"x" * 2_000_000)
    is_problem(answer, 401)


def test_a_removed_token_works_no_longer_than_a_second(world: World) -> None:
    world.issue("brief", Role.ADMIN)
    assert world.get("/clients", token="brief").status == 200
    world.directory.delete(ADMIN, Kind.TOKEN, "brief")
    world.clock += TRUSTED_SECONDS * 0.99
    assert world.get("/clients", token="brief").status == 200
    world.clock += TRUSTED_SECONDS * 0.01
    is_problem(world.get("/clients", token="brief"), 401)


def test_a_token_expires_by_itself(world: World) -> None:
    world.issue("brief", Role.ADMIN, expires=world.now // 1_000_000 + 60)
    assert world.get("/clients", token="brief").status == 200
    world.now += 61_000_000
    world.clock += TRUSTED_SECONDS
    is_problem(world.get("/clients", token="brief"), 401)


class Asked:
    """What authenticates: counts, and can be made to take its time."""

    def __init__(self) -> None:
        self.secrets: list[str] = []
        self.takes = 0.0
        self.clock = 0.0

    def __call__(self, secret: str) -> Actor | None:
        self.secrets.append(secret)
        self.clock += self.takes
        return None if secret.startswith("bad") else Actor(name=secret, role=Role.ADMIN)


@pytest.fixture
def asked() -> Asked:
    return Asked()


@pytest.fixture
def tokens(asked: Asked) -> Tokens:
    return Tokens(asked, lambda: asked.clock)


def test_a_good_token_is_asked_for_once_a_second(tokens: Tokens, asked: Asked) -> None:
    for _ in range(5):
        assert tokens.actor("Bearer good").name == "good"
    assert asked.secrets == ["good"]
    asked.clock += TRUSTED_SECONDS
    tokens.actor("Bearer good")
    assert asked.secrets == ["good", "good"]


def test_the_second_is_counted_from_the_question(tokens: Tokens, asked: Asked) -> None:
    """It may be revoked while the answer is under way."""
    asked.takes = TRUSTED_SECONDS
    tokens.actor("Bearer good")
    tokens.actor("Bearer good")
    assert asked.secrets == ["good", "good"]


def test_a_bad_token_is_not_remembered(tokens: Tokens, asked: Asked) -> None:
    for _ in range(2):
        with pytest.raises(Refusal):
            tokens.actor("Bearer bad")
    assert len(asked.secrets) == 2


def test_what_is_remembered_is_bounded_and_is_no_secret(tokens: Tokens) -> None:
    for number in range(3 * MOST_REMEMBERED):
        assert tokens.actor(f"Bearer secret{number}").name == f"secret{number}"
        assert len(tokens._known) <= MOST_REMEMBERED
    assert all(len(digest) == 32 and b"secret" not in digest for digest in tokens._known)
