"""Extensions in the database."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from sqlalchemy import Connection, Engine, insert, select
from sqlalchemy.exc import IntegrityError

from controller.policy.model import Policy, PolicyError, validate
from controller.store.database import reader
from controller.store.schema import did as dids
from controller.store.schema import extension as extensions


class Extensions:
    """Adds and finds extensions. Calls block."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._reader = reader(engine)

    def add(self, policy: Policy, now: int) -> None:
        """Add an extension; `now` is microseconds since 1970.

        Raises `PolicyError` where the extension or one of its DIDs is there already.
        """
        values = msgspec.to_builtins(policy)
        numbers = values.pop("dids")
        try:
            with self._engine.begin() as connection:
                connection.execute(
                    insert(extensions).values(
                        extension=policy.extension,
                        policy=msgspec.json.encode(values).decode(),
                        created=now,
                    )
                )
                connection.execute(
                    insert(dids),
                    [
                        {"number": n, "extension": policy.extension, "position": i}
                        for i, n in enumerate(numbers)
                    ],
                )
        except IntegrityError as error:
            raise self._taken(policy) from error

    def _taken(self, policy: Policy) -> PolicyError:
        with self._reader.connect() as connection:
            taken = connection.execute(
                select(dids.c.number, dids.c.extension).where(dids.c.number.in_(policy.dids))
            ).first()
        if taken is not None and taken.extension != policy.extension:
            return PolicyError(
                f"dids: {taken.number} reaches extension {taken.extension} already; "
                "one number reaches one extension"
            )
        return PolicyError(f"extension: {policy.extension} is there already")

    def get(self, number: str) -> Policy | None:
        """Give the policy of an extension, or None."""
        with self._reader.connect() as connection:
            return _load(connection, number)

    def by_dids(self, readings: Sequence[str]) -> tuple[str, Policy] | None:
        """Give the first of these numbers that is a DID, with its extension's policy; or None."""
        with self._reader.connect() as connection:
            for number in readings:
                owner = connection.execute(
                    select(dids.c.extension).where(dids.c.number == number)
                ).scalar()
                policy = None if owner is None else _load(connection, owner)
                if policy is not None:
                    return number, policy
        return None

    def any_password(self) -> bool:
        """Whether any extension has a password."""
        with self._reader.connect() as connection:
            found = connection.execute(
                select(extensions.c.extension)
                .where(extensions.c.policy.like('%"password_hash":"$%'))
                .limit(1)
            )
            return found.first() is not None

    def all(self) -> list[Policy]:
        """Give every extension, by number."""
        with self._reader.connect() as connection:
            numbers = connection.execute(
                select(extensions.c.extension).order_by(extensions.c.extension)
            ).scalars()
            found = [_load(connection, number) for number in numbers.all()]
        return [policy for policy in found if policy is not None]


def _load(connection: Connection, number: str) -> Policy | None:
    row = connection.execute(
        select(extensions.c.policy).where(extensions.c.extension == number)
    ).scalar()
    if row is None:
        return None
    numbers = connection.execute(
        select(dids.c.number).where(dids.c.extension == number).order_by(dids.c.position)
    ).scalars()
    return validate({**msgspec.json.decode(row), "dids": tuple(numbers.all())})
