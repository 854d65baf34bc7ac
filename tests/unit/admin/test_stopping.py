"""O6: one switch stops all callbacks, everywhere, of a client, of an extension; who may use it."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Engine

from controller.admin.callback_shapes import Stopped, StopScope
from controller.admin.directory import Directory
from controller.admin.model import Actor, Audited, Forbidden, Invalid, Kind, NotFound
from controller.admin.stopping import Stopping
from controller.policy.model import Policy
from controller.policy.records import Role
from controller.store.extensions import Extensions
from controller.store.stops import is_stopped, read_stops
from tests.seed import ADMIN
from tests.unit.admin.given import ACME_LOOKS, LOOKS, two_clients

EVERYWHERE, CLIENT, EXTENSION = StopScope.EVERYWHERE, StopScope.CLIENT, StopScope.EXTENSION
SCOPES = ((EVERYWHERE, ""), (CLIENT, "acme"), (EXTENSION, "100"))
#: Tokens of `two_clients`, as they show themselves.
ACME = Actor(name="acme-token", role=Role.CLIENT, client="acme")
OTHER = Actor(name="other-token", role=Role.CLIENT, client="other")
OPERATOR = Actor(name="cli:root", role=Role.ADMIN)


class Clock:
    """The time: each look at it is a microsecond later."""

    def __init__(self) -> None:
        self.now = 1_800_000_000_000_000

    def __call__(self) -> int:
        self.now += 1
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def stopping(engine: Engine, store: Directory, clock: Clock) -> Stopping:
    """The switch; acme has extensions 100 and 101, other has 200."""
    two_clients(store)
    return Stopping(engine, now=clock)


def stopped(engine: Engine) -> set[str]:
    """Give the extensions that are stopped, as calls find it."""
    extensions = Extensions(engine)
    found = {name: extensions.get(name) for name in ("100", "101", "200")}
    stops = extensions.stops()
    return {name for name, policy in found.items() if policy and is_stopped(stops, policy)}


def last(store: Directory) -> Audited:
    """Give the last line of the audit log."""
    return store.audit(ADMIN, limit=1).items[0]


def names(stopping: Stopping, actor: Actor = ADMIN) -> list[tuple[str, str]]:
    """Give what somebody sees to be stopped."""
    return [(stop.scope.value, stop.name) for stop in stopping.stops(actor)]


@pytest.mark.parametrize(
    ("scope", "name", "those"),
    [
        (EVERYWHERE, "", {"100", "101", "200"}),
        (CLIENT, "acme", {"100", "101"}),
        (EXTENSION, "100", {"100"}),
        (EXTENSION, "200", {"200"}),
    ],
)
@pytest.mark.parametrize("hang_up", [False, True])
def test_o6_callbacks_are_stopped_where_it_is_said_and_resumed(
    stopping: Stopping, engine: Engine, scope: StopScope, name: str, those: set[str], hang_up: bool
) -> None:
    assert stopped(engine) == set()
    stop, new = stopping.stop(ADMIN, scope, name, hang_up=hang_up, reason="fraud")
    assert new
    assert stop == Stopped(
        scope=scope, name=name, hang_up=hang_up, reason="fraud", actor="test", since=stop.since
    )
    assert stopping.stops(ADMIN) == (stop,)
    assert stopped(engine) == those
    assert [one.hang_up for one in read_stops(engine)] == [hang_up]
    assert stopping.resume(ADMIN, scope, name) == stop
    assert stopped(engine) == set()
    assert stopping.stops(ADMIN) == ()


def test_o6_each_stop_is_taken_away_by_itself(stopping: Stopping, engine: Engine) -> None:
    for scope, name in SCOPES:
        stopping.stop(ADMIN, scope, name)
    assert names(stopping) == [("client", "acme"), ("everywhere", ""), ("extension", "100")]
    stopping.resume(ADMIN, EVERYWHERE, "whatever")
    assert stopped(engine) == {"100", "101"}
    stopping.resume(ADMIN, CLIENT, "acme")
    assert stopped(engine) == {"100"}


@pytest.mark.parametrize(("scope", "name"), SCOPES)
def test_o6_what_is_stopped_already_is_as_is_said_now(
    stopping: Stopping, store: Directory, scope: StopScope, name: str
) -> None:
    first, _ = stopping.stop(ADMIN, scope, name)
    said = last(store)
    assert stopping.stop(ADMIN, scope, name) == (first, False)
    assert last(store) == said
    changed, new = stopping.stop(ADMIN, scope, name, hang_up=True)
    # It is stopped since then.
    assert (changed.hang_up, changed.since, new) == (True, first.since, False)
    assert stopping.stops(ADMIN) == (changed,)


@pytest.mark.parametrize("actor", [ADMIN, ACME])
def test_o6_what_is_not_there_cannot_be_stopped(stopping: Stopping, actor: Actor) -> None:
    for scope, name in (
        (CLIENT, "nobody"),
        (CLIENT, ""),
        (CLIENT, "\x00"),
        (EXTENSION, "777"),
        (EXTENSION, "10/0"),
        (EXTENSION, "\udcff"),
    ):
        with pytest.raises(NotFound, match=rf"^there is no {scope.value} "):
            stopping.stop(actor, scope, name)
    assert stopping.stops(ADMIN) == ()


def test_o6_what_is_not_stopped_cannot_be_resumed(stopping: Stopping) -> None:
    for (scope, name), where in zip(
        (*SCOPES, (EXTENSION, "777")),
        ("everywhere", "client acme", "extension 100", "extension 777"),
        strict=True,
    ):
        with pytest.raises(NotFound) as caught:
            stopping.resume(ADMIN, scope, name)
        assert str(caught.value) == f"{where}: callbacks are not stopped there"
    for name in ("\x00", "\udcff"):
        with pytest.raises(NotFound):
            stopping.resume(ADMIN, EXTENSION, name)


def test_o6_what_was_removed_while_it_was_stopped_can_be_resumed(
    stopping: Stopping, store: Directory
) -> None:
    stopping.stop(ADMIN, EXTENSION, "101")
    store.delete(ADMIN, Kind.EXTENSION, "101")
    with pytest.raises(NotFound, match=r"^there is no extension 101"):
        stopping.resume(ACME, EXTENSION, "101")
    stopping.resume(ADMIN, EXTENSION, "101")
    assert stopping.stops(ADMIN) == ()


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"hang_up": "yes"}, "hang_up"),
        ({"hang_up": None}, "hang_up"),
        ({"reason": "two\nlines"}, "reason"),
        ({"reason": "x" * 201}, "reason"),
        ({"reason": 1}, "reason"),
        ({"reason": "\udcff"}, "reason"),
        ({"since": 1}, "since"),
    ],
)
def test_a_stop_that_cannot_be_names_its_field(
    stopping: Stopping, values: dict[str, Any], field: str
) -> None:
    with pytest.raises(Invalid) as caught:
        stopping.put(ADMIN, EVERYWHERE, "", values)
    assert caught.value.field == field
    assert stopping.stops(ADMIN) == ()


# --- who may ---------------------------------------------------------------------------------


def test_o6_a_client_stops_and_resumes_his_own(stopping: Stopping, engine: Engine) -> None:
    for scope, name, those in (
        (CLIENT, "acme", {"100", "101"}),
        (EXTENSION, "101", {"101"}),
    ):
        stop, new = stopping.stop(ACME, scope, name, hang_up=True, reason="ours")
        assert (new, stop.actor, stopped(engine)) == (True, ACME.name, those)
        changed, _ = stopping.stop(ACME, scope, name, reason="ours still")
        assert (changed.reason, changed.hang_up) == ("ours still", False)
        stopping.resume(ACME, scope, name)
        assert stopped(engine) == set()


def test_o6_nothing_is_stopped_everywhere_but_by_the_operator(
    stopping: Stopping, engine: Engine
) -> None:
    stopping.stop(OPERATOR, EVERYWHERE)
    for actor in (ACME, OTHER, LOOKS, ACME_LOOKS):
        for action in (stopping.stop, stopping.resume):
            with pytest.raises(Forbidden):
                action(actor, EVERYWHERE)
    assert len(stopped(engine)) == 3
    stopping.resume(ADMIN, EVERYWHERE)


def test_o2_what_is_anothers_cannot_be_told_from_what_is_not_there(stopping: Stopping) -> None:
    stopping.stop(OTHER, EXTENSION, "200")
    stopping.stop(OTHER, CLIENT, "other")
    for scope, theirs, nobodys in ((CLIENT, "other", "nobody"), (EXTENSION, "200", "777")):
        for name in (theirs, nobodys):
            for action in (stopping.stop, stopping.resume):
                with pytest.raises(NotFound, match=rf"^there is no {scope.value} {name}$"):
                    action(ACME, scope, name)
    assert len(stopping.stops(OTHER)) == 2
    assert stopping.stops(ACME) == stopping.stops(ACME_LOOKS) == ()


def test_o2_who_only_looks_stops_nothing(stopping: Stopping) -> None:
    stopping.stop(ACME, CLIENT, "acme")
    for actor in (LOOKS, ACME_LOOKS):
        for scope, name in SCOPES:
            for action in (stopping.stop, stopping.resume):
                with pytest.raises(
                    Forbidden, match=r"^a token of role `read_only` changes nothing"
                ):
                    action(actor, scope, name)
    assert names(stopping, LOOKS) == names(stopping, ACME_LOOKS) == [("client", "acme")]


@pytest.mark.parametrize(("scope", "name"), SCOPES[1:])
def test_o6_what_the_operator_stopped_is_his(
    stopping: Stopping, engine: Engine, scope: StopScope, name: str
) -> None:
    stop, _ = stopping.stop(OPERATOR, scope, name, hang_up=True, reason="unpaid")
    # Nor does it become the client's by being stopped once more.
    for action in (stopping.resume, stopping.stop, stopping.resume):
        with pytest.raises(Forbidden) as caught:
            action(ACME, scope, name)
        assert str(caught.value) == f"{scope.value} {name} was stopped by the operator; ask him"
    assert stopping.stops(ADMIN) == (stop,)
    # He sees it, and why.
    assert stopping.stops(ACME) == (stop,)
    assert "100" in stopped(engine)


@pytest.mark.parametrize(("scope", "name"), SCOPES[1:])
def test_o6_the_operator_takes_a_clients_stop_over(
    stopping: Stopping, scope: StopScope, name: str
) -> None:
    first, _ = stopping.stop(ACME, scope, name, reason="ours")
    taken, new = stopping.stop(OPERATOR, scope, name, reason="ours")
    assert (taken.actor, new) == (OPERATOR.name, False)
    assert taken.since > first.since
    with pytest.raises(Forbidden):
        stopping.resume(ACME, scope, name)
    stopping.resume(ADMIN, scope, name)


def test_o6_a_client_has_several_tokens(stopping: Stopping, store: Directory, clock: Clock) -> None:
    stopping.stop(ACME, CLIENT, "acme")
    store.issue_token(ADMIN, {"name": "second", "role": "client", "client": "acme"})
    second = Actor(name="second", role=Role.CLIENT, client="acme")
    changed, _ = stopping.stop(second, CLIENT, "acme", reason="later")
    assert changed.actor == "second"
    stopping.resume(ACME, CLIENT, "acme")


def test_o6_a_name_that_was_the_operators_gives_a_client_nothing(
    stopping: Stopping, engine: Engine, store: Directory, clock: Clock
) -> None:
    store.issue_token(ADMIN, {"name": "ops", "role": "admin"})
    stopping.stop(Actor(name="ops", role=Role.ADMIN), CLIENT, "acme")
    store.delete(ADMIN, Kind.TOKEN, "ops")
    later = Directory(engine, passwords=_no_passwords, now=clock)
    later.issue_token(ADMIN, {"name": "ops", "role": "client", "client": "acme"})
    with pytest.raises(Forbidden):
        stopping.resume(Actor(name="ops", role=Role.CLIENT, client="acme"), CLIENT, "acme")


def _no_passwords() -> Any:
    raise NotImplementedError


def test_o6_a_client_sees_what_stops_him_and_no_more(stopping: Stopping) -> None:
    for scope, name in (*SCOPES, (CLIENT, "other"), (EXTENSION, "200"), (EXTENSION, "101")):
        stopping.stop(ADMIN, scope, name)
    assert names(stopping, ACME) == [
        ("client", "acme"), ("everywhere", ""), ("extension", "100"), ("extension", "101"),
    ]  # fmt: skip
    assert names(stopping, OTHER) == [
        ("client", "other"), ("everywhere", ""), ("extension", "200"),
    ]  # fmt: skip
    assert len(names(stopping, LOOKS)) == 6


# --- the audit log ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scope", "name", "key", "client"),
    [
        (EVERYWHERE, "", "everywhere", None),
        (CLIENT, "acme", "client/acme", "acme"),
        (EXTENSION, "100", "extension/100", "acme"),
    ],
)
def test_o2_who_stopped_what_and_resumed_it_is_in_the_audit_log(
    stopping: Stopping,
    store: Directory,
    scope: StopScope,
    name: str,
    key: str,
    client: str | None,
) -> None:
    stop, _ = stopping.stop(ADMIN, scope, name, reason="fraud")
    said = last(store)
    assert (said.actor, said.action, said.kind, said.key) == (ADMIN.name, "create", "stop", key)
    assert (said.at, said.client, said.before) == (stop.since, client, None)
    assert said.after == {"hang_up": False, "reason": "fraud"}
    stopping.stop(OPERATOR, scope, name, hang_up=True, reason="fraud")
    said = last(store)
    assert (said.actor, said.action, said.key, said.client) == ("cli:root", "change", key, client)
    assert (said.before, said.after) == ({"hang_up": False}, {"hang_up": True})
    stopping.resume(ADMIN, scope, name)
    said = last(store)
    assert (said.actor, said.action, said.key, said.client) == (ADMIN.name, "delete", key, client)
    assert (said.before, said.after) == ({"hang_up": True, "reason": "fraud"}, None)


# --- the one rule ----------------------------------------------------------------------------


def test_o6_a_stop_counts_by_its_scope_and_name_together(
    stopping: Stopping, engine: Engine
) -> None:
    """A client may be called as an extension is."""
    policy = Policy(extension="7", client="100", dids=("+12025550107",), country="US")
    stopping.stop(ADMIN, EXTENSION, "100")
    assert not is_stopped(read_stops(engine), policy)
