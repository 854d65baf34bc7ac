"""O2: the running API does what its description says, whatever is sent (schemathesis).

Each operation gets the examples that its schemas define, edge by edge, and some random ones; the
same in each run. They go to a world of its own, in which the paths lead to something.
"""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
from hypothesis import HealthCheck, settings

from controller.store.database import Away, open_database
from controller.web.api.application import create_api
from controller.web.api.openapi import document
from controller.web.api.records import Run
from controller.web.api.sounds import UPLOADED_AS
from tests.unit.store.called import uuid
from tests.web.server import Running, running
from tests.web.test_isolation import NEW
from tests.web.world import BASE, PARTS, SINCE, World, check_secret_free

schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed")
# Files are sent as they are, whatever they are said to be.
schemathesis.serializer.alias(list(UPLOADED_AS[1:]), UPLOADED_AS[0])

#: How many random examples each operation gets besides the edges of its schemas.
RANDOM: Final = 20

#: What refuses a request that cannot be; a fault of ours does not.
REFUSED: Final = ["400", "401", "403", "404", "405", "409", "412", "415", "422", "428"]

CONFIG: Final = {
    "seed": 20261124,
    "generation": {
        "max-examples": RANDOM,
        "deterministic": True,
        "database": "none",
        # The token is ours in every request; what comes of others is a check of its own.
        "with-security-parameters": False,
    },
    "checks": {
        # A description cannot say that a country is one, that a number is assigned, or which of
        # two records is there: what it allows may be refused for good reasons.
        "positive_data_acceptance": {"enabled": False},
        "negative_data_rejection": {"expected-statuses": REFUSED},
        # RFC 6585: a missing If-Match is 428, which is not among its defaults.
        "missing_required_header": {"expected-statuses": REFUSED},
        "not_a_server_error": {"expected-statuses": ["2xx", "3xx", "4xx"]},
    },
}

#: Stands for acme's account, whose name is not known before.
ACCOUNT: Final = "11111111-1111-4111-8111-111111111111"
#: Stands for acme's callback.
CALLBACK: Final = "22222222-2222-4222-8222-222222222222"
#: What paths lead to: something that is there in `World`, and something that is not.
THERE: Final[dict[str, list[str]]] = {
    "/clients": ["acme", "bolt", "zeta"],
    "/price-lists": ["retail", "spare", "zeta"],
    "prefix": ["+", "+49", "+43"],
    "since": [SINCE, "2099-01-01T00:00:00Z"],
    "/channels": ["pstn", "zeta"],
    "/numbers": ["+12025550111", "+12025550110", "+12025550188"],
    "/extensions": ["1001", "2001", "9001"],
    "/accounts": [ACCOUNT, "00000000-0000-4000-8000-000000000000"],
    "/sounds": ["acme", "heard-acme", "shared", "zeta"],
    "/tokens": ["acme-reads", "zeta"],
    "/calls": [uuid(1), uuid(2), uuid(9)],
    "/callbacks": [CALLBACK, "00000000-0000-4000-8000-000000000000"],
    "/stops": ["acme", "bolt", "1001", "2001", "9001"],
    "/lockouts": ["1001", "2001", "9001"],
    "/nodes": ["fs1", "fs2", "fs9"],
    "/suspicions": ["7700001", "7700002", "7700099"],
    "/persons": ["+12025550510", "+12025550320", "+12025550588"],
    "dids": ["+12025550210", "+12025550220", "+12025550288"],
    "locked": ["+12025550610", "+12025550620", "+12025550688"],
    "scope": ["client", "extension"],
    "callerids": ["+12025550310", "+12025550320", "+12025550388"],
    "language": ["en", "de"],
}
#: What explanations are asked about.
EXPLAINED: Final[dict[str, list[str]]] = {
    "extension": THERE["/extensions"],
    "to": ["+12125550199", "2125550199", "911", "411", "2040", "+12025550210", "+442079460000"],
    "did": THERE["dids"],
    "over": THERE["/channels"],
}


@cache
def narrowed() -> Any:
    """Give the description with what paths lead to, and with bodies that are good."""
    made = msgspec.json.decode(msgspec.json.encode(document()))
    for path, item in made["paths"].items():
        changing = (item.get(method, {}).get("parameters", ()) for method in ("patch", "put"))
        for parameter in (one for some in changing for one in some if one["in"] == "header"):
            parameter["schema"] = {"type": "string", "enum": ["*", '"1"', '"2"', 'W/"1"']}
        for parameter in item.get("parameters", ()):
            name = parameter["name"]
            collection = "/" + path.split("/")[1]
            if name in ("language", "scope", "prefix", "since"):
                collection = name
            elif path.endswith("{number}") and name == "number" and "callerids" in path:
                collection = "callerids"
            elif path.startswith("/lockouts/") and name in ("number", "did"):
                collection = "locked" if name == "number" else "dids"
            parameter["schema"] = {"type": "string", "enum": THERE[collection]}
        if path.startswith("/explain/"):
            for parameter in item["get"]["parameters"]:
                if parameter["name"] in EXPLAINED:
                    parameter["schema"] = {"type": "string", "enum": EXPLAINED[parameter["name"]]}
    schemas = made["components"]["schemas"]
    named = {"callerid": "AuthorisedCallerInput", "number": "PublicNumberInput",
             "sound": "SoundFileInput", "entries": "Entry", "price_list": "PriceListInput",
             "rate": "CallRateInput"}  # fmt: skip
    for kind, body in NEW.items():
        schemas[named.get(kind, f"{kind.title()}Input")]["examples"] = [body]
    return made


def described(**more: Any) -> Any:
    """Give the description as schemathesis reads it."""
    config = schemathesis.Config.from_dict({**CONFIG, **more})
    return schemathesis.openapi.from_dict(narrowed(), config=config)


#: The edges of each schema are the same whoever asks; a client is tried with random ones only.
ADMINS: Final = described()
CLIENTS: Final = described(phases={"coverage": {"enabled": False}})


class Stage:
    """What the API works with, behind which the world changes."""

    def __init__(self) -> None:
        self.world: World | None = None
        self.faults = 0

    def parts(self) -> list[Any]:
        """Give the parts that the API is made with."""
        return [Part(self, name) for name in PARTS]

    def fault(self) -> None:
        """Count."""
        self.faults += 1


class Part:
    """A part of the world that is there."""

    def __init__(self, stage: Stage, name: str) -> None:
        self._stage = stage
        self._name = name

    def __getattr__(self, name: str) -> Any:
        return getattr(getattr(self._stage.world, self._name), name)


@pytest.fixture(scope="module")
def stage() -> Stage:
    return Stage()


@pytest.fixture(scope="module")
def server(stage: Stage) -> Iterator[Running]:
    def make(run: Run) -> Any:
        # Wrong tokens are tried with each example: a minute lies between any two requests.
        clock = itertools.count(step=61.0).__next__
        return create_api(*stage.parts(), run=run, away=Away, on_fault=stage.fault, clock=clock)

    with running(make) as made:
        yield made


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> World:
    """The world as it is at first; the others are copies of it."""
    engine = open_database(f"sqlite:///{tmp_path_factory.mktemp('web')}/first.sqlite3")
    made = World(engine)
    # Its last connection writes all into the one file.
    engine.dispose()
    return made


@pytest.fixture
def world(first: World, stage: Stage, tmp_path: Path) -> Iterator[World]:
    url = f"sqlite:///{tmp_path}/callbackd.sqlite3"
    shutil.copy(str(first.engine.url.database), tmp_path / "callbackd.sqlite3")
    engine = open_database(url)
    made = World(engine, like=first)
    stage.world = made
    yield made
    made.check()
    engine.dispose()


@pytest.fixture(scope="module")
def session() -> Iterator[Any]:
    requests = pytest.importorskip("requests")
    with requests.Session() as made:
        made.trust_env = False
        yield made


@pytest.fixture
def call(world: World, stage: Stage, server: Running, session: Any) -> Callable[[Any, str], None]:
    """What sends an example with somebody's token, and checks all that is described."""
    host, port = server.address

    def send(case: Any, token: str) -> None:
        there = {ACCOUNT: world.acme_account, CALLBACK: world.acme_callback}
        named = (case.path_parameters or {}).get("id")
        if named in there:
            case.path_parameters["id"] = there[named]
        before = stage.faults
        headers = {"Authorization": f"Bearer {world.tokens[token]}"}
        answer = case.call_and_validate(
            base_url=f"http://{host}:{port}{BASE}", headers=headers, session=session
        )
        assert stage.faults == before
        check_secret_free(answer.content, world.tokens.values())

    return send


#: One world for all examples of an operation: what one changes the next one meets.
one_world = settings(max_examples=RANDOM, suppress_health_check=list(HealthCheck))


@ADMINS.parametrize()  # type: ignore[untyped-decorator]
@one_world
def test_each_operation_does_as_it_is_described(
    case: Any, call: Callable[[Any, str], None]
) -> None:
    call(case, "admin")


@CLIENTS.parametrize()  # type: ignore[untyped-decorator]
@one_world
def test_each_operation_does_so_for_a_client_too(
    case: Any, call: Callable[[Any, str], None]
) -> None:
    call(case, "acme")
