"""M1, M8: entries of accounts over HTTP; the audit log; who asks."""

from __future__ import annotations

from typing import Any

import pytest

from controller.admin.model import Kind
from tests.web.world import BASE, PASSWORD, PIN, RFC_3339, World, is_problem


def entries(world: World) -> str:
    """Give the path of the entries of acme's account."""
    return f"/accounts/{world.acme_account}/entries"


def balance(world: World) -> int:
    """Give what is on acme's account."""
    left: int = world.get(f"/accounts/{world.acme_account}").json["balance"]
    return left


def test_m1_an_entry_is_added_and_the_balance_is_the_sum(world: World) -> None:
    body = {"key": "k-1", "amount": -2_000_000, "kind": "correction", "order_number": "7"}
    answer = world.ask("POST", entries(world), body)
    assert answer.status == 201
    line = answer.json
    assert RFC_3339.match(line.pop("created"))
    assert line == {
        "position": 2,
        "key": "k-1",
        "kind": "correction",
        "amount": -2_000_000,
        "left_after": 3_000_000,
        "order_number": "7",
        "notes": "",
        "actor": "admin",
        "call": None,
    }
    assert balance(world) == 3_000_000
    there = world.get(answer.headers["location"])
    assert [found["key"] for found in there.json["items"]] == ["k-1"]


def test_m1_the_same_key_again_changes_nothing(world: World) -> None:
    body = {"key": "k-1", "amount": 1_000_000}
    first = world.ask("POST", entries(world), body)
    again = world.ask("POST", entries(world), body)
    assert (first.status, again.status) == (201, 200)
    assert (again.json, again.headers["location"]) == (first.json, first.headers["location"])
    assert balance(world) == 6_000_000
    other = world.ask("POST", entries(world), {**body, "amount": 2_000_000})
    is_problem(other, 409, "conflict")
    assert balance(world) == 6_000_000


def test_m1_the_header_may_stand_for_the_key(world: World) -> None:
    body = {"amount": 1_000_000}
    for said, status in (("k-9", 201), ('"k-9"', 200), ("k-10", 201)):
        answer = world.ask("POST", entries(world), body, headers={"Idempotency-Key": said})
        assert (answer.status, answer.json["key"]) == (status, said.strip('"'))
    both = {"Idempotency-Key": "k-11"}
    assert world.ask("POST", entries(world), {**body, "key": "k-11"}, headers=both).status == 201
    differ = world.ask("POST", entries(world), {**body, "key": "k-12"}, headers=both)
    assert is_problem(differ, 422, "invalid")["field"] == "key"
    for bad in ("", " ", "a b", "x" * 65, '"', "k\u00e9".encode().decode("latin-1")):
        answer = world.ask("POST", entries(world), body, headers={"Idempotency-Key": bad})
        assert is_problem(answer, 422, "invalid")["field"] == "key", bad
    assert is_problem(world.ask("POST", entries(world), body), 422, "invalid")["field"] == "key"
    assert balance(world) == 8_000_000


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"amount": 0}, "amount"),
        ({"amount": -1}, "amount"),
        ({"amount": 1.5}, "amount"),
        ({"amount": 10**15 + 1}, "amount"),
        ({"amount": "1"}, "amount"),
        ({"amount": 10**30}, "amount"),
        ({}, "amount"),
        ({"amount": 1, "kind": "gift"}, "kind"),
        ({"amount": 1, "left_after": 5}, "left_after"),
        ({"amount": 1, "notes": "\0"}, "notes"),
    ],
)
def test_an_entry_that_cannot_be_names_its_field(
    world: World, body: dict[str, Any], field: str
) -> None:
    answer = world.ask("POST", entries(world), {"key": "k", **body})
    assert is_problem(answer, 422, "invalid")["field"] == field
    assert balance(world) == 5_000_000


def test_m8_the_ledger_is_read_page_by_page(world: World) -> None:
    for number in range(4):
        body = {"key": f"k{number}", "amount": 1}
        assert world.ask("POST", entries(world), body).status == 201
    path, found = f"{entries(world)}?limit=2", []
    while path:
        answer = world.get(path)
        found += [line["position"] for line in answer.json["items"]]
        after = answer.json["next"]
        path = f"{entries(world)}?limit=2&after={after}" if after else ""
        assert ("link" in answer.headers) == bool(after)
    assert found == [1, 2, 3, 4, 5]
    for bad in ("-1", "x", "1.0", "9" * 40, ""):
        is_problem(world.get(f"{entries(world)}?after={bad}"), 400, "parameter")


def test_m1_a_ledger_is_only_added_to(world: World) -> None:
    for method in ("PUT", "PATCH", "DELETE"):
        is_problem(world.ask(method, entries(world), {}), 405)
    is_problem(world.ask("DELETE", f"/accounts/{world.acme_account}"), 409, "conflict")
    is_problem(world.patch(f"/accounts/{world.acme_account}", {"currency": "USD"}), 422, "invalid")


def test_an_account_that_is_none_is_404(world: World) -> None:
    for name in ("x", "00000000-0000-0000-0000-000000000000", world.acme_account.upper()):
        is_problem(world.get(f"/accounts/{name}/entries"), 404)
        is_problem(world.ask("POST", f"/accounts/{name}/entries", {"key": "k", "amount": 1}), 404)


# --- the audit log -------------------------------------------------------------------------------


def test_o2_the_audit_log_says_who_changed_what_from_what_to_what(world: World) -> None:
    world.patch("/extensions/1001", {"ring_seconds": 9, "password": PASSWORD[::-1]}, token="acme")
    found = world.get("/audit?limit=1").json["items"][0]
    assert RFC_3339.match(found.pop("at"))
    del found["id"]
    assert found == {
        "actor": "acme",
        "action": "change",
        "kind": "extension",
        "key": "1001",
        "client": "acme",
        "before": {"ring_seconds": 5, "password_set": True},
        "after": {"ring_seconds": 9, "password_set": True},
    }


@pytest.mark.parametrize(
    "query",
    ["kind=extension&key=1001", "key=1001/%2B12025550310", "key=1001/+12025550310", "key=en/acme"],
)
def test_the_audit_log_is_filtered(world: World, query: str) -> None:
    assert len(world.get(f"/audit?{query}").json["items"]) == 1
    assert world.get(f"/audit?{query}&actor=cli:test&action=create").json["items"]
    assert not world.get(f"/audit?{query}&actor=nobody").json["items"]
    assert not world.get(f"/audit?{query}&action=delete").json["items"]


def test_what_the_audit_log_cannot_be_asked_is_named(world: World) -> None:
    for query, field in (
        ("kind=thing", "kind"),
        ("actor=%00", "actor"),
        ("after=x", "after"),
        ("before=3", "before"),
        ("limit=0", "limit"),
    ):
        assert is_problem(world.get(f"/audit?{query}"), 400, "parameter")["field"] == field


def test_the_audit_log_goes_on_to_older_changes(world: World) -> None:
    newest = world.get("/audit?limit=3").json
    older = world.get(f"/audit?limit=3&after={newest['next']}").json
    ids = [change["id"] for change in (*newest["items"], *older["items"])]
    assert ids == sorted(ids, reverse=True)
    assert len(set(ids)) == 6


def test_a4_no_password_is_in_the_audit_log_whatever_is_done_with_it(world: World) -> None:
    path = "/extensions/1001/callerids/+12025550310"
    for body in ({"pin": PIN}, {"pin": None}, {"pin": PIN}):
        assert world.patch(path, body).status == 200
    for body in ({"password": None}, {"password": PASSWORD}):
        assert world.patch("/extensions/1001", body).status == 200
    answer = world.ask("POST", "/tokens", {"name": "t", "role": "admin"})
    world.told.append(answer.json["secret"])
    world.ask("DELETE", "/tokens/t")
    world.ask("DELETE", path)
    kinds = {change["kind"] for change in world.get("/audit?limit=1000").json["items"]}
    assert kinds == {*Kind, "callback", "stop"}
    world.check()


def test_who_asks_is_told_who_he_is(world: World) -> None:
    for token, role, client in (
        ("admin", "admin", None),
        ("acme", "client", "acme"),
        ("acme-reads", "read_only", "acme"),
        ("reads", "read_only", None),
    ):
        answer = world.get("/whoami", token=token)
        assert answer.json == {"name": token, "role": role, "client": client}
    assert BASE == "/api/v1"
