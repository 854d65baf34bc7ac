"""The API's description of itself: valid, whole, and served as it is."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from controller.admin.model import Kind
from controller.admin.shapes import INPUTS, PATCHES, VIEWS
from tests.web.world import BASE, World

validator = pytest.importorskip("openapi_spec_validator", reason="the validator is not installed")


@pytest.fixture
def described(still: World) -> Any:
    answer = still.get("/openapi.json", token=None)
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    return answer.json


def test_it_is_valid(described: Any) -> None:
    assert described["openapi"].startswith("3.1")
    validator.validate(described)


def test_it_is_served_as_it_was_made(still: World) -> None:
    first, second = still.get("/openapi.json", token=None), still.get("/openapi.json")
    assert first.whole == second.whole
    known = still.get("/openapi.json", token=None, If_None_Match=first.headers["etag"])
    assert (known.status, known.body) == (304, b"")


def test_it_has_every_route_and_no_other(still: World, described: Any) -> None:
    routes = {
        (re.sub(r"<(\w+)>", r"{\1}", rule.rule).removeprefix(BASE), method.lower())
        for rule in still.app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    there = {
        (path, method)
        for path, item in described["paths"].items()
        for method in item
        if method != "parameters"
    }
    assert there == routes


def operations(described: Any) -> list[tuple[str, str, Any]]:
    """Give path, method and operation of all."""
    return [
        (path, method, operation)
        for path, item in described["paths"].items()
        for method, operation in item.items()
        if method != "parameters"
    ]


def test_each_operation_says_what_can_come_of_it(described: Any) -> None:
    for path, method, operation in operations(described):
        said = set(operation["responses"])
        public = path == "/openapi.json"
        assert {"400", "500"} <= said, (path, method)
        assert public or {"401", "403", "503"} <= said, (path, method)
        assert (operation.get("security") == []) == public
        imported = path.endswith("/import")
        if method in ("post", "patch"):
            assert {"413", "415", "422", "409"} <= said
            assert imported or "404" in said
        if method == "patch":
            assert {"412", "428"} <= said
            by_name = {parameter["name"]: parameter for parameter in operation["parameters"]}
            assert by_name["If-Match"]["required"] is True
            types = set(operation["requestBody"]["content"])
            assert types == {"application/json", "application/merge-patch+json"}
        if method == "post" and not imported:
            assert "Location" in operation["responses"]["201"]["headers"]
        if "{" in path:
            assert "404" in said


def test_no_parameter_can_be_null(described: Any) -> None:
    """There is no null in an address or a header: what is not said is left out."""
    for path, method, operation in operations(described):
        for one in operation.get("parameters", ()):
            assert "null" not in json.dumps(one["schema"]), (path, method, one["name"])


def test_ids_of_operations_are_their_own(described: Any) -> None:
    ids = [operation["operationId"] for _, _, operation in operations(described)]
    assert len(set(ids)) == len(ids)


def test_each_kind_is_described_by_its_structs(described: Any) -> None:
    schemas = described["components"]["schemas"]
    for kind in Kind:
        for struct in (INPUTS[kind], PATCHES[kind], VIEWS[kind]):
            made = schemas[struct.__name__]
            assert list(made["properties"]) == list(struct.__struct_fields__)
        assert "additionalProperties" not in schemas[VIEWS[kind].__name__]
        assert schemas[INPUTS[kind].__name__]["additionalProperties"] is False
    assert "extension" not in schemas["AuthorisedCallerInput"]["required"]


def test_patterns_are_such_as_ecma_262_has(described: Any) -> None:
    text = json.dumps(described)
    patterns = re.findall(r'"pattern": "((?:[^"\\]|\\.)*)"', text)
    assert patterns
    for pattern in patterns:
        assert r"\\Z" not in pattern
        assert r"\\w" not in pattern
        assert pattern.startswith("^")
        assert pattern.endswith("$")


def test_no_schema_has_a_secret_that_can_be_read(described: Any) -> None:
    schemas = described["components"]["schemas"]
    for name, schema in schemas.items():
        fields = set(schema.get("properties", ()))
        assert not {field for field in fields if "hash" in field}, name
        if not name.endswith(("Input", "Patch")):
            assert not fields & {"password", "pin"}, name
        assert ("secret" in fields) == (name == "IssuedToken")


def test_a_name_in_any_script_is_as_it_is_described(world: World) -> None:
    name = "Caf\u00e9 \u6771\u4eac (1)"
    assert world.patch("/clients/acme", {"contact_name": name}).json["contact_name"] == name
    described = world.get("/openapi.json").json
    pattern = described["components"]["schemas"]["Client"]["properties"]["contact_name"]["pattern"]
    assert re.match(pattern, name)
    assert not re.match(pattern, "it's")
