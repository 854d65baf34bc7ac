"""Records over HTTP: made, listed, shown, changed under their version, removed."""

from __future__ import annotations

import re
from typing import Any

import pytest
from sqlalchemy import update

from controller.admin.model import Kind
from controller.admin.shapes import FILTERS
from controller.policy.records import Role
from controller.store import schema
from controller.web.api.resources import COLLECTIONS
from tests.web.world import BASE, PASSWORD, PIN, RFC_3339, World, is_problem

#: One of each kind that can be made in the world, where it then is, and a change of it.
MADE: dict[Kind, tuple[str, dict[str, Any], str, dict[str, Any]]] = {
    Kind.CLIENT: ("/clients", {"name": "new"}, "/clients/new", {"description": "other"}),
    Kind.PRICE_LIST: (
        "/price-lists",
        {"name": "new", "currency": "USD"},
        "/price-lists/new",
        {"currency": "EUR"},
    ),
    Kind.RATE: (
        "/price-lists/retail/rates",
        {
            "prefix": "+442",
            "since": "2099-01-01T00:00:00.000000Z",
            "setup_fee": 5000,
            "per_minute": 12_500,
            "first_block": 60,
            "interval": 6,
        },
        "/price-lists/retail/rates/+442/2099-01-01T00%3A00%3A00.000000Z",
        {"per_minute": 9000, "until": "2100-01-01T00:00:00.000000Z"},
    ),
    Kind.CHANNEL: (
        "/channels",
        {
            "name": "b.2",
            "addresses": ["192.0.2.0/24", "2001:db8::1"],
            "identity": ["p-asserted-identity", "from"],
            "country": "DE",
            "rewrite": {"00": "+", "": "+49"},
            "refusal_cause": "CALL_REJECTED",
            "trust_callers": True,
            "destinations": {"+49": 12_000, "+": 90_000},
            "priority": 5,
            "hours": ["mon-fri 08:00-18:00"],
            "time_zone": "Europe/Berlin",
            "concurrent_calls": 30,
            "number_format": "national",
            "proxy": "sip.example.com:5061",
            "transport": "tls",
            "username": "acct",
            "register": True,
            "ping_seconds": 30,
            "cost_list": "spare",
        },
        "/channels/b.2",
        {"description": "other", "identity": ["from"]},
    ),
    Kind.NUMBER: (
        "/numbers",
        {"number": "+12025550199", "channel": "pstn"},
        "/numbers/+12025550199",
        {"client": "acme"},
    ),
    Kind.EXTENSION: (
        "/extensions",
        {
            "extension": "3001",
            "client": "acme",
            "dids": ["+12025550299"],
            "country": "US",
            "caller_ids": ["+12025550111"],
            "password": PASSWORD,
        },
        "/extensions/3001",
        {"ring_seconds": 9},
    ),
    Kind.CALLERID: (
        "/extensions/1001/callerids",
        {"number": "+12025550399", "pin": PIN},
        "/extensions/1001/callerids/+12025550399",
        {"enabled": False},
    ),
    Kind.ACCOUNT: (
        "/accounts",
        {"extension": "1001", "caller": "+12025550310", "currency": "USD"},
        "/accounts/{id}",
        {"unlimited": True},
    ),
    Kind.SOUND: (
        "/sounds",
        {"name": "over", "language": "de", "path": "/over.wav"},
        "/sounds/de/over",
        {"path": "/other.wav"},
    ),
    Kind.TOKEN: ("/tokens", {"name": "t-1", "role": "read_only"}, "/tokens/t-1", {"expires": 1}),
}

every_kind = pytest.mark.parametrize("kind", Kind, ids=lambda kind: kind.value)


def make(world: World, kind: Kind) -> tuple[str, dict[str, Any]]:
    """Make one, and give where it is and how it was shown."""
    collection, values, path, _ = MADE[kind]
    answer = world.ask("POST", collection, values)
    assert answer.status == 201, answer.body
    made = answer.json
    if kind is Kind.TOKEN:
        secret = made.pop("secret")
        world.told.append(secret)
    path = path.format_map(made)
    assert answer.headers["location"] == BASE + path
    assert answer.headers["etag"] == '"1"'
    return path, made


@every_kind
def test_what_is_made_is_where_it_is_said_to_be(world: World, kind: Kind) -> None:
    path, made = make(world, kind)
    answer = world.get(path)
    assert (answer.status, answer.json, answer.headers["etag"]) == (200, made, '"1"')
    assert made["version"] == 1
    assert RFC_3339.match(made["created"])
    assert RFC_3339.match(made["changed"])


@every_kind
def test_what_is_there_cannot_be_made_again(world: World, kind: Kind) -> None:
    make(world, kind)
    collection, values, _, _ = MADE[kind]
    is_problem(world.ask("POST", collection, values), 409, "conflict")


@every_kind
def test_a_change_is_of_the_version_that_was_read(world: World, kind: Kind) -> None:
    path, made = make(world, kind)
    patch = MADE[kind][3]
    problem = is_problem(world.patch(path, patch, match=None), 428, "precondition")
    assert "If-Match" in problem["detail"]
    is_problem(world.patch(path, patch, match='"7"'), 412, "stale")
    assert world.get(path).json == made
    answer = world.patch(path, patch, match='"1"')
    assert (answer.status, answer.headers["etag"]) == (200, '"2"')
    # Where a sound is played from follows from its path.
    follows = {"switch_path": patch["path"]} if kind is Kind.SOUND else {}
    expected = {**made, **patch, **follows, "version": 2, "changed": answer.json["changed"]}
    assert answer.json == expected
    assert answer.json["changed"] > made["changed"]
    is_problem(world.patch(path, patch, match='"1"'), 412, "stale")


def test_t4_a_channels_table_is_merged_and_its_lists_are_replaced(world: World) -> None:
    path, made = make(world, Kind.CHANNEL)
    patch = {
        "rewrite": {"0": "+44", "00": None},
        "destinations": {"+43": 0, "+": None},
        "addresses": ["192.0.2.1"],
        "hours": [],
        "country": None,
        "number_format": None,
        "concurrent_calls": None,
    }
    answer = world.patch(path, patch)
    expected = {
        "rewrite": {"": "+49", "0": "+44"},
        "destinations": {"+49": 12_000, "+43": 0},
        "addresses": ["192.0.2.1"],
        "hours": [],
        "country": None,
        "number_format": "digits",
        "concurrent_calls": None,
    }
    assert answer.json == {**made, **expected, "version": 2, "changed": answer.json["changed"]}
    for wrong, says in (
        ({"identity": []}, "identity"),
        ({"addresses": ["192.0.2.1/24"]}, "write 192.0.2.10 or 192.0.2.0/24"),
        ({"country": "XX"}, "write two capitals of ISO 3166"),
        ({"destinations": {"49": 1}}, "destinations"),
        ({"destinations": {"+49": "1"}}, "destinations"),
        ({"hours": ["mon 08:00-08:00"]}, "would end as they begin"),
        ({"proxy": None}, "set proxy"),
        ({"username": None}, "a gateway that registers needs it"),
    ):
        problem = is_problem(world.patch(path, wrong, match="*"), 422, "invalid")
        assert says in str(problem)


def test_i2_what_an_extension_shows_is_the_clients_and_stays_so(world: World) -> None:
    path, made = make(world, Kind.EXTENSION)
    shows = {"caller_id_number_from": "custom", "caller_id_number": "+12025550299"}
    patch = shows | {"caller_id_choice": "sticky", "hide_caller_id": True}
    answer = world.patch(path, patch)
    assert answer.json == {**made, **patch, "version": 2, "changed": answer.json["changed"]}
    foreign = is_problem(world.patch(path, {"caller_id_number": "+12025550777"}), 409, "conflict")
    assert "caller_id_number: +12025550777 is no public number of client acme" in str(foreign)
    is_problem(world.patch(path, {"caller_id_number": None}), 422, "invalid")
    # Another extension of the client's shows it too.
    other = {"extension": "3002", "dids": ["+12025550298"]}
    values = {**MADE[Kind.EXTENSION][1], **other, **shows}
    assert world.ask("POST", "/extensions", values).status == 201
    for answer in (
        world.patch(path, {"dids": ["+12025550297"], "caller_id_number": "+12025550297"}),
        world.ask("DELETE", path),
    ):
        assert "callbackd extension set 3002" in str(is_problem(answer, 409, "conflict"))


@every_kind
def test_what_is_changed_to_what_it_is_keeps_its_version(world: World, kind: Kind) -> None:
    path, made = make(world, kind)
    same = {name: made[name] for name in MADE[kind][3]}
    answer = world.patch(path, same)
    assert (answer.status, answer.json) == (200, made)


@every_kind
def test_what_is_removed_is_no_more(world: World, kind: Kind) -> None:
    path, _ = make(world, kind)
    is_problem(world.ask("DELETE", path, headers={"If-Match": '"4"'}), 412, "stale")
    answer = world.ask("DELETE", path, headers={"If-Match": '"1"'})
    assert (answer.status, answer.body) == (204, b"")
    assert "content-type" not in answer.headers
    is_problem(world.get(path), 404)
    is_problem(world.ask("DELETE", path), 404)
    is_problem(world.patch(path, {}), 404)


@every_kind
def test_what_is_removed_of_any_version_needs_none(world: World, kind: Kind) -> None:
    path, _ = make(world, kind)
    assert world.ask("DELETE", path).status == 204


@every_kind
def test_what_is_known_is_not_sent_again(world: World, kind: Kind) -> None:
    path, _ = make(world, kind)
    for known in ('"1"', 'W/"1"', "*", '"9", "1"'):
        answer = world.get(path, If_None_Match=known)
        assert (answer.status, answer.body) == (304, b""), known
        assert answer.headers["etag"] == '"1"'
    for other in ('"2"', '"x"', '"01"', '"99999999999999999999"'):
        assert world.get(path, If_None_Match=other).status == 200, other


@every_kind
def test_head_is_get_without_its_body(world: World, kind: Kind) -> None:
    path, _ = make(world, kind)
    for where in (path, MADE[kind][0]):
        whole, head = world.get(where), world.ask("HEAD", where)
        assert (head.status, head.headers, head.body) == (200, whole.headers, b"")


@every_kind
def test_a_method_that_is_not_there_is_405_and_says_which_are(world: World, kind: Kind) -> None:
    path, _ = make(world, kind)
    for where, allowed in (
        (MADE[kind][0], "GET, HEAD, OPTIONS, POST"),
        (path, "DELETE, GET, HEAD, OPTIONS, PATCH"),
    ):
        for method in ("PUT", "TRACE", "BREW"):
            answer = world.ask(method, where)
            is_problem(answer, 405)
            assert answer.headers["allow"] == allowed
        options = world.ask("OPTIONS", where, token=None)
        assert (options.status, options.body) == (200, b"")
        assert sorted(options.headers["allow"].split(", ")) == allowed.split(", ")


def test_if_match_takes_one_of_several_and_no_weak_one(world: World) -> None:
    path = "/clients/acme"
    assert world.patch(path, {"description": "2"}, match='"5", "1"').json["version"] == 2
    is_problem(world.patch(path, {"description": "3"}, match='"5", "7"'), 412, "stale")
    for never in ('W/"2"', '""', '"abc"', '"99999999999999999999999"', '"٢"', '"2 "'):
        is_problem(world.patch(path, {"description": "3"}, match=never), 412, "stale")
    for unreadable in ("2", '"2', "", "*, *", '"2",', "W/2"):
        is_problem(world.patch(path, {"description": "3"}, match=unreadable), 400, "precondition")
    assert world.patch(path, {"description": "3"}, match="*").json["version"] == 3


# --- lists ---------------------------------------------------------------------------------------


def follow(world: World, path: str, token: str = "admin") -> list[dict[str, Any]]:
    """Read a list to its end by its links."""
    found: list[dict[str, Any]] = []
    while True:
        answer = world.get(path, token=token)
        assert answer.status == 200, answer.body
        found += answer.json["items"]
        link = answer.headers.get("link")
        assert (link is None) == (answer.json["next"] is None)
        if link is None:
            return found
        linked = re.fullmatch(r'<(/api/v1/[^>]+)>; rel="next"', link)
        assert linked is not None
        path = linked[1]


@pytest.mark.parametrize("path", [*COLLECTIONS.values(), "/callerids", "/audit"])
def test_a_list_is_read_page_by_page_and_loses_nothing(world: World, path: str) -> None:
    path = path.format(extension="1001", price_list="retail")
    for number in ("+12025550312", "+12025550311", "+442079460000"):
        world.make(Kind.CALLERID, extension="1001", number=number)
    whole = follow(world, path)
    assert len(whole) > (0 if path == "/channels" else 1)
    assert follow(world, f"{path}?limit=1") == whole
    assert follow(world, f"{path}?limit=2") == whole
    assert follow(world, f"{path}?limit=1000") == whole


def test_a_link_keeps_what_was_asked_for(still: World) -> None:
    found = follow(still, "/numbers?client=acme&limit=1&number=%2B1202")
    assert [item["number"] for item in found] == ["+12025550110", "+12025550111"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("/clients?enabled=true", ["acme", "bolt", "main"]),
        ("/clients?enabled=false", []),
        ("/numbers?client=bolt", ["+12025550120", "+12025550121"]),
        ("/numbers?channel=pstn&number=%2B120255501101", []),
        ("/numbers?number=%2B1202555011", ["+12025550110", "+12025550111"]),
        ("/numbers?number=+12025550111", ["+12025550111"]),
        ("/extensions?did=%2B12025550220", ["2001"]),
        ("/extensions?client=acme&enabled=true", ["1001"]),
        ("/callerids?extension=2001", ["2001"]),
        ("/callerids?number=%2B12025550310", ["1001"]),
        ("/extensions/1001/callerids?number=%2B1202", ["1001"]),
        ("/extensions/1001/callerids?enabled=false", []),
        ("/accounts?extension=1001&currency=EUR", ["1001"]),
        ("/accounts?owner=20", ["2001"]),
        ("/accounts?currency=USD", []),
        ("/sounds?language=en&name=ac", ["acme", "heard-acme"]),
        ("/sounds?client=bolt", ["bolt", "heard-bolt"]),
        ("/tokens?role=admin", ["admin"]),
        ("/tokens?client=acme", ["acme", "acme-reads"]),
    ],
)
def test_a_list_is_filtered(still: World, query: str, found: list[str]) -> None:
    assert still.get(query).keys == found


def test_each_filter_of_each_kind_is_taken(still: World) -> None:
    values = {"enabled": "true", "role": "admin", "currency": "EUR", "language": "en"}
    values["pin_set"] = "true"
    plain = {"number": "%2B12025550110", "did": "%2B12025550210", "extension": "1001"}
    for kind, names in FILTERS.items():
        for name in names:
            collection = "/callerids" if kind is Kind.CALLERID else COLLECTIONS[kind]
            if (kind, name) == (Kind.RATE, "price_list"):
                continue  # The path says it.
            collection = collection.format(price_list="retail")
            value = {**values, **plain}.get(name, "acme")
            answer = still.get(f"{collection}?{name}={value}")
            assert answer.status == 200, (kind, name, answer.body)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("nothing=1", "nothing"),
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("limit=-1", "limit"),
        ("limit=1_0", "limit"),
        ("limit=%D9%A1", "limit"),
        ("limit=" + "9" * 5000, "limit"),
        ("limit=", "limit"),
        ("limit=1&limit=2", "limit"),
        ("enabled=yes", "enabled"),
        ("enabled=True", "enabled"),
        ("enabled", "enabled"),
        ("client=No!", "client"),
        ("client=%00", "client"),
        ("did=2025550100", "did"),
        ("after=%00", "after"),
        ("after=1001/x/y", "after"),
        ("after=", "after"),
    ],
)
def test_a_parameter_that_cannot_be_so_is_named(still: World, query: str, field: str) -> None:
    problem = is_problem(still.get(f"/extensions?{query}"), 400, "parameter")
    assert problem["field"] == field
    assert field in problem["detail"]


@pytest.mark.parametrize(
    "path", ["/clients/acme", "/whoami", "/openapi.json", "/audit", "/extensions/1001/callerids"]
)
def test_nothing_takes_a_parameter_that_it_does_not_know(still: World, path: str) -> None:
    problem = is_problem(still.get(f"{path}?colour=red&extension=1001"), 400, "parameter")
    assert "colour" in problem["detail"]
    for method, body in (("POST", {"name": "x"}), ("PATCH", {}), ("DELETE", None)):
        for where in ("/clients", "/clients/acme"):
            answer = still.ask(method, f"{where}?colour=red", body, headers={"If-Match": "*"})
            assert answer.status in (400, 405)
    assert still.get("/clients/acme").json["version"] == 1


# --- what a body says ----------------------------------------------------------------------------


def test_what_cannot_be_is_422_and_names_the_field(world: World) -> None:
    for body, field in (
        ({"ring_seconds": 61}, "ring_seconds"),
        ({"country": "ZZ"}, "country"),
        ({"nothing": 1}, "nothing"),
        ({"dids": ["12025550100"]}, "dids[0]"),
        ({"password": "abcd"}, "password"),
        ({"password": 1234}, "password"),
        ({"country": None}, "country"),
        ({"extension": "7"}, "extension"),
    ):
        problem = is_problem(world.patch("/extensions/1001", body), 422, "invalid")
        assert problem["field"] == field, (body, problem)
        assert problem["detail"].startswith(f"{field}: ")
    assert world.get("/extensions/1001").json["version"] == 1
    problem = is_problem(world.ask("POST", "/clients", {"name": "A b"}), 422, "invalid")
    assert problem["field"] == "name"
    is_problem(world.ask("POST", "/clients", {}), 422, "invalid")


def test_null_brings_a_default_back(world: World) -> None:
    path = "/extensions/1001"
    assert world.patch(path, {"ring_seconds": 9}).json["ring_seconds"] == 9
    assert world.patch(path, {"ring_seconds": None}).json["ring_seconds"] == 5


def test_a_password_is_taken_away_by_null_and_never_shown(world: World) -> None:
    assert world.get("/extensions/1001").json["password_set"] is True
    assert world.patch("/extensions/1001", {"password": None}).json["password_set"] is False
    assert world.patch("/extensions/1001", {"password": PASSWORD}).json["password_set"] is True
    path = "/extensions/1001/callerids/+12025550310"
    assert world.patch(path, {"pin": None}).json["pin_set"] is False
    assert world.patch(path, {"pin": PIN}).json["pin_set"] is True


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/extensions/1001", "password_hash"),
        ("/extensions/1001/callerids/+12025550310", "pin_hash"),
    ],
)
def test_a4_a_hash_cannot_be_written(world: World, path: str, field: str) -> None:
    """Whoever could write one would know the password."""
    known = "$argon2" + "id$v=19$m=65536,t=3,p=4$c29tZXNhbHQ$" + "A" * 43
    for value in (None, "x", known):
        for token in ("admin", "acme"):
            is_problem(world.patch(path, {field: value}, token=token), 422, "invalid")
    assert world.get(path).json["version"] == 1


def test_an_object_inside_is_merged_as_rfc_7396_says(world: World) -> None:
    path = "/extensions/1001/callerids/+12025550310"
    for patch, left in (
        ({"3": "+12025550499"}, {"1": "+12025550410", "2": "+12025550411", "3": "+12025550499"}),
        ({"1": None, "9": None}, {"2": "+12025550411", "3": "+12025550499"}),
        ({"2": "+12025550400"}, {"2": "+12025550400", "3": "+12025550499"}),
        ({}, {"2": "+12025550400", "3": "+12025550499"}),
        (None, {}),
        ({"1": "+12025550410"}, {"1": "+12025550410"}),
    ):
        answer = world.patch(path, {"speed_dials": patch})
        assert answer.status == 200, answer.body
        assert answer.json["speed_dials"] == left
    version = answer.json["version"]
    stale = world.patch(path, {"speed_dials": {"4": "+12025550400"}}, match='"1"')
    is_problem(stale, 412, "stale")
    now = world.patch(path, {"speed_dials": {"4": "+12025550400"}}, match=f'"{version}"')
    assert now.json["speed_dials"] == {"1": "+12025550410", "4": "+12025550400"}
    problem = is_problem(world.patch(path, {"speed_dials": {"100": "x"}}), 422, "invalid")
    assert problem["field"].startswith("speed_dials")


def test_a_merge_patch_may_be_called_so(world: World) -> None:
    headers = {"If-Match": "*", "Content-Type": "application/merge-patch+json; charset=UTF-8"}
    answer = world.ask("PATCH", "/clients/acme", headers=headers, raw=b'{"description":"x"}')
    assert (answer.status, answer.json["description"]) == (200, "x")
    headers["Content-Type"] = "application/merge-patch+json"
    is_problem(world.ask("POST", "/clients", headers=headers, raw=b'{"name":"x"}'), 415)


# --- callerids -----------------------------------------------------------------------------------


def test_a_callerid_belongs_to_the_extension_of_its_path(world: World) -> None:
    path = "/extensions/1001/callerids"
    problem = is_problem(
        world.ask("POST", path, {"number": "+12025550377", "extension": "2001"}), 422, "invalid"
    )
    assert problem["field"] == "extension"
    answer = world.ask("POST", path, {"number": "+12025550377", "extension": "1001"})
    assert (answer.status, answer.json["extension"]) == (201, "1001")
    is_problem(world.get("/extensions/2001/callerids/+12025550377"), 404)
    assert world.get("/extensions/1001/callerids/%2B12025550377").status == 200


def test_callerids_of_no_extension_are_404_and_no_empty_list(world: World) -> None:
    is_problem(world.get("/extensions/9/callerids"), 404)
    is_problem(world.get("/extensions/none/callerids"), 404)
    answer = world.ask("POST", "/extensions/9/callerids", {"number": "+12025550377"})
    assert is_problem(answer, answer.status, "conflict" if answer.status == 409 else None)
    assert answer.status in (404, 409)


# --- tokens --------------------------------------------------------------------------------------


def test_a_token_tells_its_secret_once(world: World) -> None:
    answer = world.ask("POST", "/tokens", {"name": "once", "role": "client", "client": "acme"})
    secret = answer.json["secret"]
    world.told.append(secret)
    bearer = {"Authorization": f"Bearer {secret}"}
    answer = world.ask("GET", "/whoami", token=None, headers=bearer)
    assert answer.json == {"name": "once", "role": "client", "client": "acme"}
    assert "secret" not in world.get("/tokens/once").json


def test_roles_are_what_the_directory_says(world: World) -> None:
    for token in ("reads", "acme-reads", "acme"):
        is_problem(world.ask("POST", "/clients", {"name": "x"}, token=token), 403)
        is_problem(world.ask("POST", "/tokens", {"name": "x", "role": "admin"}, token=token), 403)
        is_problem(world.patch("/clients/acme", {"enabled": False}, token=token), 403)
        is_problem(world.ask("DELETE", "/clients/acme", token=token), 403)
    assert world.patch("/clients/acme", {"description": "ours"}, token="acme").status == 200
    assert world.issue("later", Role.READ_ONLY)
    assert world.get("/clients", token="later").status == 200


# --- every answer --------------------------------------------------------------------------------


def test_no_answer_is_kept_by_anybody_or_taken_for_another_type(still: World) -> None:
    for method, path in (
        ("GET", "/clients"),
        ("GET", "/nothing"),
        ("PUT", "/clients"),
        ("OPTIONS", "/clients"),
        ("DELETE", "/channels/pstn"),
        ("GET", "/openapi.json"),
        ("GET", "/api/"),
        ("GET", "/api/v2/clients"),
    ):
        for token in ("admin", None):
            answer = still.ask(method, path, token=token)
            assert answer.headers["cache-control"] == "no-store"
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert not {name for name in answer.headers if name.startswith("access-control")}
            assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    "path", ["/", "/nothing", "/clients/", "//clients", "/clients//acme", "/clients/a/b", "/api/"]
)
def test_where_there_is_nothing_is_404_and_nothing_is_sent_elsewhere(
    still: World, path: str
) -> None:
    answer = still.ask("GET", path if path == "/api/" else f"{BASE}{path}")
    is_problem(answer, 404)
    assert "location" not in answer.headers


def test_a_policy_of_a_newer_release_is_named_and_no_fault(world: World) -> None:
    """As an older controller meets it in a rolling upgrade."""
    with world.engine.begin() as connection:
        connection.execute(
            update(schema.extension).values(policy='{"version": 99, "oldest_reader": 99}')
        )
    problem = is_problem(world.get("/extensions"), 409, "conflict")
    assert "newer release" in problem["detail"]
    assert world.faults == 0
