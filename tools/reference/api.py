"""docs/reference/api.md: every route of the API, made of its own description (OpenAPI)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final

import msgspec

from controller.admin.model import Kind
from controller.admin.shapes import INPUTS, PATCHES
from controller.web.api import parts
from controller.web.api.openapi import document
from controller.web.api.resources import BASE
from tools.reference import api_examples, api_shapes, api_who
from tools.reference.page import Page, anchor_of, plain

#: Sections, in the order of the page: the tag, and what it is called.
_SECTIONS: Final[dict[str, str]] = {
    "client": "Clients",
    "extension": "Extensions",
    "callerid": "Authorised CallerIDs",
    "channel": "Channels",
    "number": "Public numbers",
    "account": "Accounts and their entries",
    "price_list": "Price lists",
    "rate": "Rates",
    "sound": "Sounds",
    "token": "Tokens",
    "callback": "Callbacks",
    "stop": "Stopping callbacks",
    "call": "Calls",
    "explain": "Why",
    "lockout": "Lock-outs",
    "suspicion": "What looks like fraud",
    "node": "Switches",
    "controller": "Controllers",
    "person": "One person's records",
    "general": "Besides",
}
#: What each answer that goes wrong may be, whatever was asked: said once.
_ALWAYS: Final = frozenset({"400", "401", "403", "429", "500", "503"})
_CURL: Final = "tests/web/test_reference.py sends it to an API of its own"


class Operation(msgspec.Struct, frozen=True):
    """An operation of the description."""

    path: str
    method: str
    said: dict[str, Any]
    parameters: tuple[dict[str, Any], ...]

    @property
    def id(self) -> str:
        """Its name."""
        return str(self.said["operationId"])

    @property
    def example(self) -> str:
        """How it is asked for by curl."""
        return api_examples.curl(self.id, self.method, self.path)


@cache
def _document() -> dict[str, Any]:
    return document()


def operations() -> Iterator[Operation]:
    """Give all operations, in the order of the page."""
    found = []
    for path, item in _document()["paths"].items():
        above = tuple(item.get("parameters", ()))
        for method, said in item.items():
            if method != "parameters":
                own = (*above, *said.get("parameters", ()))
                found.append(Operation(path, method.upper(), said, own))
    # What an example makes is removed last.
    for one in found:
        if one.said["tags"][0] not in _SECTIONS or one.id not in api_examples.EXAMPLES:
            raise ValueError(
                f"{one.id}: write its section ({one.said['tags'][0]}) into tools/reference/api.py, "
                "an example into api_examples.py, and who may into api_who.py"
            )
    sections, order = list(_SECTIONS), list(api_examples.EXAMPLES)
    found.sort(key=lambda one: (sections.index(one.said["tags"][0]), order.index(one.id)))
    yield from found


def page() -> str:
    """Give the page."""
    made = Page(
        "API",
        "Made of the API's own description by `make reference`; the description itself is at "
        "`/api/v1/openapi.json` of each controller.",
        f"Everything is under `{BASE}` of the address that "
        "[`web.host` and `web.port`](settings.md#web-host) say, or of the proxy in front of it. "
        "Bodies are JSON unless it is said otherwise. The examples go by two variables:",
        "<!-- not run: there is no token to be had here -->\n```sh\n"
        "API=http://127.0.0.1:8085/api/v1\n"
        "TOKEN=cbd_…    # callbackd token add NAME --role read_only\n```",
    )
    _add_general(made)
    by_tag: dict[str, list[Operation]] = {}
    for one in operations():
        by_tag.setdefault(one.said["tags"][0], []).append(one)
    for tag, title in _SECTIONS.items():
        made.heading(title, 2, anchor_of("tag", tag))
        made.say(
            "\n".join(f"- [`{one.method} {one.path}`](#{anchor_of(one.id)})" for one in by_tag[tag])
        )
        for one in by_tag[tag]:
            _add(made, one)
    api_shapes.add(made, _document()["components"]["schemas"])
    return made.text()


def _add_general(made: Page) -> None:
    made.heading("What holds for all of it", 2, "general")
    made.say(
        "- **Who asks** shows a token: `Authorization: Bearer …`. What its role allows stands with "
        "each operation.\n"
        "- **Versions**: each record has a `version`, which is its `ETag`. PATCH needs `If-Match` "
        'with the version that was read (`"3"`), or `*` for whichever it is; without it the answer '
        "is 428, and 412 where somebody else changed the record. `If-None-Match` on GET gives 304 "
        "where nothing changed.\n"
        "- **Changes** (PATCH) name the fields that change (RFC 7396); null brings a default "
        "back. Of lists the whole list is sent, of tables the names that change.\n"
        "- **Lists** come in pages: `limit` (100, at most 1000) and `after`, which is the `next` "
        "of the page before; the header `Link` has the whole address. `next` is null at the end.\n"
        "- **Money** is a whole number of millionths of the currency's unit: `12500` is 0.0125. "
        "**Times** are RFC 3339, UTC. **Numbers** are E.164: `+12025550100`; in a query the plus "
        "is written `%2B`.\n"
        "- **Asking twice** does no harm where there is an `Idempotency-Key`: the same key again "
        "gives what was made the first time, with 200 in place of 201."
    )
    made.heading("Problems", 3, "problems")
    made.say(
        "What goes wrong is `application/problem+json` (RFC 9457), with `type`, `title`, `status`, "
        "and mostly `detail`, a sentence for people, and `field`, the field that it is about. Any "
        "operation may answer those that are marked; the others stand with theirs."
    )
    said = _document()["components"]["responses"]
    lines = []
    for status, text in sorted(_problems(said).items()):
        lines.append(f"- `{status}`{' (any)' if status in _ALWAYS else ''}: {text}")
    made.say("\n".join(lines))


def _problems(said: Mapping[str, Any]) -> dict[str, str]:
    """Give the problems by status."""
    found = {}
    for one in operations():
        for status, answer in one.said["responses"].items():
            name = answer.get("$ref", "").rpartition("/")[2]
            if name:
                found[status] = said[name]["description"]
    return found


def _add(made: Page, one: Operation) -> None:
    made.heading(f"`{one.method} {one.path}`", 3, anchor_of(one.id))
    made.say(plain(one.said["summary"]))
    made.facts((("Who may", api_who.in_words(one.id)), ("Takes", _body(one))))
    lines = [_parameter(parameter) for parameter in one.parameters]
    if lines:
        made.say("Parameters:")
        made.say("\n".join(lines))
    made.say("Answers:")
    made.say("\n".join(_answers(one)))
    made.say(f"<!-- not run: {_CURL} -->\n```sh\n{one.example}\n```")


def _body(one: Operation) -> str:
    body = one.said.get("requestBody")
    if body is None:
        return ""
    types = body["content"]
    first = next(iter(types.values())).get("schema", {})
    kind = _of_kind(first)
    if kind is not None:
        required = _required(first) if one.method == "POST" else []
        needed = f"; needed are {', '.join(f'`{name}`' for name in required)}" if required else ""
        return f"the settings of [{_a(kind)}](policy.md#{anchor_of(kind.value)}), as JSON{needed}"
    if "$ref" in first:
        return f"{api_shapes.link(first)}, as JSON"
    return f"a file: {', '.join(f'`{name}`' for name in types)}"


def _required(schema: Mapping[str, Any]) -> list[str]:
    name = schema["$ref"].rpartition("/")[2]
    return list(_document()["components"]["schemas"][name].get("required", ()))


def _of_kind(schema: Mapping[str, Any]) -> Kind | None:
    name = schema.get("$ref", "").rpartition("/")[2]
    return next(
        (kind for kind in Kind if name in (INPUTS[kind].__name__, PATCHES[kind].__name__)), None
    )


def _a(kind: Kind) -> str:
    word = kind.word if kind is not Kind.CALLERID else "authorised CallerID"
    return f"{'an' if word[0] in 'aeiou' else 'a'} {word}"


def _parameter(parameter: Mapping[str, Any]) -> str:
    schema = dict(parameter["schema"])
    described = parameter.get("description") or schema.pop("description", "")
    # Of a docstring lines are broken, and in some Pythons indented.
    described = " ".join(described.split())
    kind = api_shapes.in_words(schema)
    place = {"path": "in the path", "header": "a header", "query": "in the query"}[parameter["in"]]
    notes = [place]
    if parameter["required"] and parameter["in"] != "path":
        notes.append("needed")
    if "default" in schema:
        notes.append(f"default `{schema['default']}`")
    return f"- `{parameter['name']}` ({', '.join(notes)}): {kind}. {plain(described)}".rstrip()


def _answers(one: Operation) -> Iterator[str]:
    problems = []
    for status, answer in one.said["responses"].items():
        if "$ref" in answer:
            if status not in _ALWAYS:
                problems.append(status)
            continue
        content = answer.get("content", {})
        kinds = [_content(type_, inside) for type_, inside in content.items()]
        headers = [name for name in answer.get("headers", {}) if name != "Link"]
        also = f"; with {', '.join(f'`{name}`' for name in headers)}" if headers else ""
        said = "" if answer["description"] == parts.SO_IT_IS else answer["description"]
        what = f"{' or '.join(kinds)}{also}." if kinds else ""
        yield f"- `{status}`: {' Body: '.join(part for part in (said, what) if part)}"
    if problems:
        links = ", ".join(f"`{status}`" for status in problems)
        yield f"- {links}: see [problems](#problems), which has those of any operation too"


def _content(type_: str, inside: Mapping[str, Any]) -> str:
    schema = inside.get("schema", {})
    return api_shapes.link(schema) if "$ref" in schema else f"`{type_}`"
