"""What docs/reference/api.md shows is sent as it is shown, and is done, or refused, as it says."""

from __future__ import annotations

import re
import shlex
from typing import Any, Final

import pytest

from tests.sounding import recording
from tests.web.world import BASE, Answer, World
from tools.reference import api, api_who

#: What a token is called here of each kind of whoever asks.
TOKENS: Final = {
    "admin": "admin",
    "reader": "reads",
    "client": "acme",
    "client's reader": "acme-reads",
}
#: The files that examples send.
FILES: Final = {
    "entries.csv": b"account,key,amount\n1001,invoice-4712,12.50\n",
    "rates.csv": b"prefix,per_minute\n+44,0.015\n",
}
OPERATIONS: Final = list(api.operations())
#: Whoever asks is not told that a record of others is there, and cannot reach what is none.
REFUSED: Final = frozenset({403, 404})


class Asking:
    """Sends commands of curl to the API of a world, as one of its tokens."""

    def __init__(self, world: World, token: str) -> None:
        self._world = world
        self._token = token
        self._variables = {
            "ACCOUNT": world.acme_account,
            "CALLBACK": world.acme_callback,
            "LEG": world.acme_leg,
            "SUSPICION": "7700001",
        }

    def send(self, command: str) -> Answer:
        """Send what a command would. Only what our examples have is understood."""
        words = iter(shlex.split(command.replace("\\\n", " ")))
        method, path, headers, sent = "GET", "", {}, None
        assert (next(words), next(words)) == ("curl", "-sS")
        for word in words:
            match word:
                case "-X":
                    method = next(words)
                case "-H":
                    name, _, value = next(words).partition(": ")
                    headers[name] = value
                case "-d":
                    sent = next(words).encode()
                case "--data-binary":
                    sent = self._file(next(words).removeprefix("@"))
                case "-o":
                    next(words)
                case _:
                    assert word.startswith("$API/"), word
                    path = word.removeprefix("$API")
        asked = headers.pop("Authorization", None)
        assert asked in (None, "Bearer $TOKEN")
        return self._world.ask(
            method,
            re.sub(r"\$([A-Z]+)", lambda found: self._variables[found[1]], path),
            token=None if asked is None else self._token,
            headers=headers,
            raw=sent,
        )

    def made(self, one: api.Operation, answer: Answer) -> None:
        """Have what was made stand for what examples call by a variable; and forget it again."""
        if one.id == "create_account" and answer.status == 201:
            self._variables["ACCOUNT"] = str(answer.json["id"])
        if one.id == "delete_account":
            self._variables["ACCOUNT"] = self._world.acme_account
        if one.id == "create_token" and answer.status == 201:
            self._world.told.append(str(answer.json["secret"]))

    @staticmethod
    def _file(name: str) -> bytes:
        return FILES[name] if name in FILES else recording()


@pytest.fixture
def asking(request: pytest.FixtureRequest, world: World) -> Asking:
    return Asking(world, TOKENS[request.param])


def documented(one: api.Operation) -> set[int]:
    return {int(status) for status in one.said["responses"]}


@pytest.mark.parametrize("asking", ["admin"], indirect=True)
def test_every_example_does_what_it_says(asking: Asking) -> None:
    for one in OPERATIONS:
        answer = asking.send(one.example)
        assert 200 <= answer.status < 300, (one.id, answer.status, answer.body)
        assert answer.status in documented(one), one.id
        asking.made(one, answer)


@pytest.mark.parametrize("asking", [name for name in TOKENS if name != "admin"], indirect=True)
def test_who_may_is_who_is_let(asking: Asking, request: pytest.FixtureRequest) -> None:
    """Sent by everybody: who may not is refused, who may is not, though there may be nothing."""
    who = request.node.callspec.params["asking"]
    for one in OPERATIONS:
        answer = asking.send(one.example)
        asking.made(one, answer)
        if one.id == "openapi":
            assert answer.status == 200
        elif who in api_who.may(one.id):
            assert answer.status != 403, (one.id, answer.body)
        else:
            empty = answer.status == 200 and answer.json["items"] == []
            assert empty or answer.status in REFUSED, (one.id, answer.status, answer.body)


def test_the_page_shows_these_examples() -> None:
    text = api.page()
    shown: list[Any] = re.findall(r"^```sh\n(curl .*?)\n```", text, re.MULTILINE | re.DOTALL)
    assert shown == [one.example for one in OPERATIONS]
    assert f"under `{BASE}`" in text
