"""G1: what no client of ours would send. Each gets its 4xx, and none a 500."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

import pytest
from sqlalchemy.exc import OperationalError
from structlog.testing import capture_logs

from controller.numbers.e164 import is_e164
from controller.web.api.reading import MOST_BYTES
from tests import abuse
from tests.unit.store.called import uuid
from tests.web.world import SINCE, World, is_problem

CLIENT = b'{"name":"new","description":%s}'
JSON = {"Content-Type": "application/json"}

MALFORMED = {
    "nothing": b"",
    "no JSON": b"name=new",
    "cut short": b'{"name":"new"',
    "more behind": b'{"name":"new"} {}',
    "a list": b'[{"name":"new"}]',
    "a string": b'"new"',
    "null": b"null",
    "a key twice": b'{"name":"new","name":"new"}',
    "a key twice, written otherwise": b'{"name":"new","\\u006eame":"newer"}',
    "a key twice inside": CLIENT % b'[{"a":{"b":1,"b":1}}]',
    "NaN": CLIENT % b"NaN",
    "infinity": CLIENT % b"-Infinity",
    "a number without end": CLIENT % b"1e999",
    "half a surrogate pair": CLIENT % b'"\\ud800"',
    "half a surrogate pair as a key": b'{"name":"new","\\udfff":1}',
    "the other half first": CLIENT % b'"\\udc00\\ud800"',
    "a surrogate in UTF-8": CLIENT % b'"\xed\xa0\x80"',
    "no UTF-8": CLIENT % b'"\xff"',
    "Latin-1": CLIENT % "\u00fc".encode("latin-1"),
    "UTF-16": '{"name":"new"}'.encode("utf-16"),
    "a byte order mark": b'\xef\xbb\xbf{"name":"new"}',
    "NUL": b'{"name":"new"}\0',
    "a control character": CLIENT % b'"\x00"',
    "nested deeply": b'{"name":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "objects nested deeply": b'{"name":' * 50_000 + b"1" + b"}" * 50_000,
    "nested more than anything is": CLIENT % (b"[" * 32 + b"]" * 32),
    "nested in objects more than anything is": CLIENT % (b'{"a":' * 500 + b"1" + b"}" * 500),
    "a huge integer": CLIENT % (b"9" * 10_000),
    "a comment": b'{"name":"new"} // new',
    "single quotes": b"{'name':'new'}",
    "a comma too many": b'{"name":"new",}',
    "a leading zero": CLIENT % b"01",
}

ODD = {
    "no such field": b'{"name":"new","nothing":1}',
    "a long name of a field": b'{"name":"new","' + b"x" * 100_000 + b'":1}',
    "nested a little": CLIENT % (b"[" * 30 + b"]" * 30),
    "a big integer": CLIENT % b"123456789012345678901234567890",
    "NUL, written": CLIENT % b'"\\u0000"',
    "a line separator": CLIENT % '"\u2028"'.encode(),
    "a name with NUL": b'{"name":"ne\\u0000w"}',
    "a name with a line's end": b'{"name":"new\\n"}',
    "a name that is a number": b'{"name":1}',
    "too long": CLIENT % (b'"' + b"x" * 201 + b'"'),
    "empty": b"{}",
    "a field that is empty": b'{"name":"new","":1}',
}


@pytest.mark.parametrize("method", ["POST", "PATCH"])
@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED)
def test_what_is_no_json_object_is_400(still: World, method: str, body: bytes) -> None:
    path = "/clients" if method == "POST" else "/clients/acme"
    answer = still.ask(method, path, raw=body, headers={**JSON, "If-Match": "*"})
    problem = is_problem(answer, 400, "malformed")
    assert len(problem["detail"]) < 500
    assert still.faults == 0


@pytest.mark.parametrize("body", ODD.values(), ids=ODD)
def test_what_is_no_client_is_422(still: World, body: bytes) -> None:
    is_problem(still.ask("POST", "/clients", raw=body, headers=JSON), 422, "invalid")
    assert still.faults == 0


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/jsonx",
        "application/json; charset=utf-16",
        "application/json; charset=latin-1",
        "application/problem+json",
        "application/json, text/plain",
        "\u00fc",
        ";",
        "application/merge-patch+json",
    ],
)
def test_another_type_of_body_is_415(still: World, content_type: str | None) -> None:
    headers = {} if content_type is None else {"Content-Type": content_type}
    is_problem(still.ask("POST", "/clients", raw=b'{"name":"new"}', headers=headers), 415)


def test_a_body_has_a_most(world: World) -> None:
    def of(size: int) -> bytes:
        return b'{"name":"new"' + b" " * (size - 14) + b"}"

    is_problem(world.ask("POST", "/clients", raw=of(MOST_BYTES + 1), headers=JSON), 413)
    assert world.ask("POST", "/clients", raw=of(MOST_BYTES), headers=JSON).status == 201


PATHS = {
    "NUL": "%00",
    "NUL behind": "1001%00",
    "a line's end": "1001%0a",
    "a line's end alone": "%0d%0a",
    "no UTF-8": "%ff",
    "a surrogate": "%ed%a0%80",
    "other digits": "%D9%A1",
    "full-width digits": "%EF%BC%91",
    "a stroke": "1001%2f",
    "up": "%2e%2e",
    "a space": "1001%20",
    "a percent": "%25",
    "half an escape": "%zz",
    "SQL": "1001'%20OR%20'1'='1",
    "HTML": "%3Cscript%3E",
    "long": "1" * 7000,
    "digits": "9" * 11,
    "a wildcard": "1%25",
    "a tab": "%09",
    "emoji": "%F0%9F%98%80",
}


@pytest.mark.parametrize("part", PATHS.values(), ids=PATHS)
def test_what_can_be_no_key_is_404(still: World, part: str) -> None:
    for collection in (
        "/clients",
        "/channels",
        "/numbers",
        "/extensions",
        "/extensions/1001/callerids",
        "/accounts",
        "/sounds/en",
        "/tokens",
    ):
        path = f"{collection}/{part}"
        is_problem(still.get(path), 404)
        is_problem(still.patch(path, {}), 404)
        is_problem(still.ask("DELETE", path), 404)
    for path in (f"/extensions/{part}/callerids", f"/accounts/{part}/entries"):
        is_problem(still.get(path), 404)
        is_problem(still.ask("POST", path, {"number": "+12025550377"}), 404)
    is_problem(still.get(f"/sounds/{part}/acme"), 404)


QUERIES = {
    "NUL": "%00",
    "no UTF-8": "%ff",
    "a surrogate": "%ed%a0%80",
    "SQL": "'%20OR%201=1",
    "a wildcard": "%25",
    "another wildcard": "_",
    "a backslash": "%5c",
    "a line's end": "acme%0a",
    "long": "a" * 7000,
    "empty": "",
}


@pytest.mark.parametrize("value", QUERIES.values(), ids=QUERIES)
@pytest.mark.parametrize(
    "field",
    ["/numbers?client", "/numbers?number", "/clients?enabled", "/audit?key",
     "/audit?after", "/sounds?name", "/tokens?role", "/clients?limit"],
)  # fmt: skip
def test_no_query_is_a_fault_or_finds_what_it_should_not(
    still: World, field: str, value: str
) -> None:
    answer = still.get(f"{field}={value}")
    if answer.status == 200:
        assert answer.json["items"] == []
    else:
        is_problem(answer, 400, "parameter")
    assert still.faults == 0


@pytest.mark.parametrize("query", ["%ff=1", "=1", "&&=&", "%00", "a=1&a=2", "?", "limit%3D1"])
def test_what_names_no_parameter_is_400(still: World, query: str) -> None:
    is_problem(still.get(f"/clients?{query}"), 400, "parameter")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("If-None-Match", '"' + "9" * 6000 + '"'),
        ("If-None-Match", "W/" * 3000),
        ("If-None-Match", '"\u00fc"'),
        ("If-None-Match", ",".join(['"1"'] * 1500) + "x"),
        ("Host", "a b"),
        ("Host", "\u00fc"),
        ("Host", ""),
        ("Range", "bytes=0-1"),
        ("Accept", "text/html"),
        ("Accept-Encoding", "br"),
        ("Content-Length", "5"),
        ("Cookie", "session=\u00fc; x"),
        ("X-HTTP-Method-Override", "DELETE"),
        ("X-Forwarded-For", "\u00fc"),
        ("Origin", "https://example.com"),
        ("Content-Type", "\u00fc/\u00fc; charset=\u00fc"),
    ],
)
def test_no_header_is_a_fault(still: World, name: str, value: str) -> None:
    answer = still.ask("GET", "/clients/acme", headers={name: value})
    assert answer.status in (200, 400), answer.body
    assert "access-control-allow-origin" not in answer.headers
    assert still.get("/clients/acme").status == 200


# --- when we are at fault ------------------------------------------------------------------------


def fail(world: World, error: Exception | None) -> None:
    """Make whatever the API works with fail from now on; None: no more."""
    world.errors[:] = [] if error is None else [error]


def every_route(world: World) -> list[tuple[str, str, Any]]:
    """Give every route with something that can be sent to it."""
    found: list[tuple[str, str, Any]] = []
    for rule in world.app.url_map.iter_rules():
        if rule.endpoint in ("openapi", "whoami"):
            continue
        path = rule.rule.replace("/suspicions/<id>", "/suspicions/7700002")
        path = path.replace("/nodes/<name>", "/nodes/fs1")
        path = path.replace("<id>", world.acme_account).replace("<extension>", "1001")
        path = path.replace("<number>", "+12025550310").replace("<language>", "en")
        path = path.replace("<name>", "acme").replace("<scope>", "client")
        path = path.replace("<did>", "+12025550210").replace("<price_list>", "retail")
        path = path.replace("<prefix>", "+49").replace("<since>", SINCE)
        path = path.replace("<leg>", uuid(1))
        assert "<" not in path, "what is this part of a path?"
        if rule.endpoint == "explain.callback":
            path += "?did=+12025550210&hidden=true"
        elif rule.endpoint.startswith("explain."):
            path += "?extension=1001&to=911"
        elif rule.endpoint == "rate.find":
            path += "?number=+4930123456"
        methods = (rule.methods or set()) - {"OPTIONS", "HEAD"}
        # A file is none of JSON.
        post: Any = b"" if rule.endpoint.endswith(".import") else {}
        bodies: dict[str, Any] = {"POST": post, "PATCH": {}, "PUT": {}}
        found += [(method, path, bodies.get(method)) for method in methods]
    assert len(found) > 30
    return found


def test_a_fault_of_ours_is_500_logged_once_counted_and_tells_nothing(world: World) -> None:
    for method, path, body in every_route(world):
        fail(world, RuntimeError("a secret of ours"))
        before = world.faults
        with capture_logs() as logs:
            answer = world.ask(method, path, body, headers={"If-Match": "*"})
        problem = is_problem(answer, 500)
        assert set(problem) == {"type", "title", "status"}
        assert world.faults == before + 1
        assert [entry["event"] for entry in logs] == ["api_fault"]
        assert b"secret" not in answer.whole
        # O7: the path may hold somebody's number.
        assert "2025550310" not in repr([{**entry, "exc_info": None} for entry in logs])
    fail(world, None)


def test_o5_the_database_away_is_503_and_says_when_to_ask_again(world: World) -> None:
    for method, path, body in every_route(world):
        fail(world, OperationalError("SELECT a secret", {}, Exception("a secret")))
        with capture_logs() as logs:
            answer = world.ask(method, path, body, headers={"If-Match": "*"})
        is_problem(answer, 503)
        assert int(answer.headers["retry-after"]) > 0
        assert b"secret" not in answer.whole
        assert logs == []
    assert world.faults == 0
    fail(world, None)


def test_o5_the_database_away_is_503_where_the_token_is_asked_for(world: World) -> None:
    def authenticate(secret: str) -> None:
        raise OperationalError("SELECT", {}, Exception("gone"))

    world.directory.authenticate = authenticate  # type: ignore[method-assign]
    is_problem(world.get("/clients"), 503)
    assert world.get("/openapi.json").status == 200


def test_nothing_is_printed(world: World, capfd: pytest.CaptureFixture[str]) -> None:
    for answer in (
        world.get("/clients"),
        world.get("/nothing"),
        world.ask("POST", "/clients", raw=b"{", headers=JSON),
    ):
        assert answer.status < 500
    assert capfd.readouterr() == ("", "")


# --- what callers, carriers and clients make up (abuse-cases.json) --------------------------------


def harmless(answer: Any) -> None:
    """Check that an answer is JSON that nobody takes for a page, and no fault."""
    assert answer.status < 500
    if answer.status >= 400:
        assert answer.json["status"] == answer.status
    assert answer.headers["content-type"].split(";")[0] in (
        "application/json",
        "application/problem+json",
    )
    # What an answer repeats of what was said is written as JSON has it.
    assert all(line.isprintable() for line in answer.body.decode().split("\n"))


def test_g1_a_hostile_number_is_no_record_and_is_never_called(world: World) -> None:
    """G1, T10, T11: 422, or a number that is E.164 and nothing else; and a reason is kept."""
    for number in abuse.NUMBERS:
        _try_number(world, number)
    assert world.faults == 0


def _try_number(world: World, number: str) -> None:
    asked = world.ask("POST", "/callbacks", {"extension": "1001", "number": number})
    harmless(asked)
    if asked.status < 300:
        assert (asked.json["state"], asked.json["number"]) == ("refused", number)
        assert asked.json["outcome"] in ("costly_number", "risky_range", "not_a_number")
    for path, values in (
        ("/extensions/1001/callerids", {"number": number}),
        ("/extensions/1001/callerids", {"number": "+12025550377", "callback_number": number}),
        ("/extensions/1001/callerids", {"number": "+12025550378", "speed_dials": {"1": number}}),
        ("/numbers", {"number": number, "channel": "pstn", "client": "acme"}),
    ):
        made = world.ask("POST", path, values)
        harmless(made)
        assert made.status in (201, 409, 422)
        assert made.status == 422 or is_e164(number), (path, values)
    for field in ("fixed_number", "caller_id_number", "default_caller_id"):
        harmless(world.patch("/extensions/1001", {field: number}))
        assert world.get("/extensions/1001").json[field] in (None, "+12025550110", number)
        assert world.get("/extensions/1001").json[field] != number or is_e164(number)
    for path in (
        f"/explain/callerid?extension=1001&to={quote(number)}",
        f"/explain/callback?did=%2B12025550210&caller={quote(number)}",
        f"/extensions/1001/callerids/{quote(number, safe='')}",
        f"/lockouts?extension=1001&number={quote(number)}",
    ):
        harmless(world.get(path))


def test_g1_a_hostile_name_is_shown_to_nobody_and_a_text_is_itself(world: World) -> None:
    """G1, I1: none is a name that is shown; notes are what was written, or 422; no query breaks."""
    for name in abuse.NAMES:
        _try_name(world, name)
    assert world.faults == 0


def _try_name(world: World, name: str) -> None:
    is_problem(world.patch("/extensions/1001", {"caller_id_name": name}), 422, "invalid")
    is_problem(world.patch("/clients/acme", {"contact_name": name}), 422, "invalid")
    for path, field in (
        ("/extensions/1001", "description"),
        ("/clients/acme", "description"),
        ("/extensions/1001/callerids/%2B12025550310", "notes"),
    ):
        before = world.get(path).json[field]
        changed = world.patch(path, {field: name})
        harmless(changed)
        assert changed.status in (200, 422)
        kept = world.get(path)
        harmless(kept)
        assert kept.json[field] == (name if changed.status == 200 else before)
    for path in (f"/clients/{quote(name, safe='')}", f"/sounds?name={quote(name)}"):
        harmless(world.get(path))
    assert world.get("/clients").status == 200


def test_g1_hostile_digits_are_no_number_and_no_name_of_one(world: World) -> None:
    """G1, D3: where a number is dialled they are told to be wrong, or refused by their kind."""
    for digits in abuse.DIGITS:
        _try_digits(world, digits)
    assert world.faults == 0


def _try_digits(world: World, digits: str) -> None:
    told = world.get(f"/explain/callerid?extension=1001&to={quote(digits)}")
    harmless(told)
    assert told.status >= 400 or told.json["shown"] is None
    harmless(world.patch("/extensions/1001", {"password": digits}))
    number = "+12025550310"
    for values in (
        {"pin": digits},
        {"speed_dials": {digits: number}},
        {"presets": {digits: number}},
    ):
        harmless(world.patch(f"/extensions/1001/callerids/{quote(number)}", values))
    shown = world.get(f"/extensions/1001/callerids/{quote(number)}").json
    assert all(re.fullmatch("[0-9]{1,2}", name) for name in shown["speed_dials"])
    assert all(is_e164(did) for did in shown["presets"])
