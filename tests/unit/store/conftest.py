"""A database of its own for each test, of both kinds: a real file, and a real server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from controller.policy.model import Policy
from controller.store.database import open_database
from controller.store.extensions import Extensions
from controller.store.requests import Requests


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    made = open_database(database_url)
    yield made
    made.dispose()


@pytest.fixture
def extensions(engine: Engine) -> Extensions:
    return Extensions(engine)


@pytest.fixture
def requests(engine: Engine) -> Requests:
    return Requests(engine)


@pytest.fixture
def policy() -> Policy:
    return Policy(
        extension="100",
        dids=("+12025550102", "+12025550101"),
        country="US",
        caller_ids=("+12025550100",),
        default_caller_id="+12025550100",
        password_hash="$argon2id$x",
        ring_seconds=7,
        return_countries=("US", "GB"),
        sound_before_disconnecting="/over.wav",
    )
