"""An example of each operation of the API, as a command of curl.

A test sends every one of them, in the order of the page, to an API with two clients in it
(tests/web/test_reference.py): what is made in one is looked at, changed and removed in those after.
"""

from __future__ import annotations

import json
import shlex
from typing import Any, Final

import msgspec

#: What stands for the ids that a service makes: a shell puts a variable in its place.
VARIABLES: Final = ("ACCOUNT", "CALLBACK", "LEG", "SUSPICION")


class Example(msgspec.Struct, frozen=True, kw_only=True):
    """What an example fills in.

    Attributes:
        path: the values of the path's parameters; `$NAME` is a variable of the shell.
        query: what stands behind the path.
        body: what is sent as JSON.
        file: the file that is sent in its place, with its type.
        match: the version for If-Match.
        key: the key for Idempotency-Key.
        save: the file that the answer goes to.

    """

    path: dict[str, str] = {}
    query: str = ""
    body: dict[str, Any] | None = None
    file: tuple[str, str] | None = None
    match: str = ""
    key: str = ""
    save: str = ""


_CLIENT: Final = {"name": "globex"}
_LIST: Final = {"name": "wholesale"}
_RATE: Final = {"price_list": "retail", "prefix": "+44", "since": "2027-01-01T00:00:00.000000Z"}
_CHANNEL: Final = {"name": "carrier2"}
_NUMBER: Final = {"number": "+12025550199"}
_EXTENSION: Final = {"extension": "1002"}
_CALLER: Final = {"extension": "1001", "number": "+12025550166"}
_ACCOUNT: Final = {"id": "$ACCOUNT"}
_SOUND: Final = {"language": "en", "name": "goodbye"}
_TOKEN: Final = {"name": "billing"}
_STOPPED: Final = {"scope": "extension", "name": "1001"}
_NODE: Final = {"name": "fs1"}
_CALLBACK: Final = {"id": "$CALLBACK"}
_PERSON: Final = {"number": "+12025550310"}
_RATES: Final = {"price_list": "retail"}

EXAMPLES: Final[dict[str, Example]] = {
    "list_clients": Example(query="enabled=true"),
    "create_client": Example(
        body={"name": "globex", "description": "Globex Ltd", "contact_name": "Globex"}
    ),
    "get_client": Example(path=_CLIENT),
    "change_client": Example(path=_CLIENT, match="1", body={"callbacks": {"hour": 100}}),
    "delete_client": Example(path=_CLIENT),
    "list_price_lists": Example(query="currency=EUR"),
    "create_price_list": Example(body={"name": "wholesale", "currency": "EUR"}),
    "get_price_list": Example(path=_LIST),
    "change_price_list": Example(path=_LIST, match="1", body={"description": "for resellers"}),
    "delete_price_list": Example(path=_LIST),
    "list_rates": Example(path=_RATES, query="prefix=%2B4"),
    "create_rate": Example(
        path=_RATES,
        body={
            "prefix": "+44",
            "since": "2027-01-01T00:00:00Z",
            "per_minute": 15000,
            "first_block": 60,
            "interval": 1,
        },
    ),
    "get_rate": Example(path=_RATE),
    "change_rate": Example(path=_RATE, match="1", body={"per_minute": 14000}),
    "delete_rate": Example(path=_RATE),
    "list_channels": Example(),
    "create_channel": Example(
        body={"name": "carrier2", "addresses": ["192.0.2.10"], "country": "US", "priority": 20}
    ),
    "get_channel": Example(path=_CHANNEL),
    "change_channel": Example(path=_CHANNEL, match="1", body={"enabled": False}),
    "delete_channel": Example(path=_CHANNEL),
    "list_numbers": Example(query="channel=pstn"),
    "create_number": Example(body={"number": "+12025550199", "channel": "pstn", "client": "acme"}),
    "get_number": Example(path=_NUMBER),
    "change_number": Example(path=_NUMBER, match="1", body={"client": None}),
    "delete_number": Example(path=_NUMBER),
    "list_extensions": Example(query="client=acme&limit=50"),
    "create_extension": Example(
        body={
            "extension": "1002",
            "client": "acme",
            "dids": ["+12025550150"],
            "country": "US",
            "caller_ids": ["+12025550110"],
            "password": "47114711",
        }
    ),
    "get_extension": Example(path=_EXTENSION),
    "change_extension": Example(
        path=_EXTENSION, match="1", body={"ring_seconds": 7, "delay_seconds": None}
    ),
    "delete_extension": Example(path=_EXTENSION),
    "list_callerids": Example(path={"extension": "1001"}),
    "create_callerid": Example(
        path={"extension": "1001"}, body={"number": "+12025550166", "pin": "246824"}
    ),
    "get_callerid": Example(path=_CALLER),
    "change_callerid": Example(
        path=_CALLER, match="1", body={"speed_dials": {"1": "+12125550199"}}
    ),
    "delete_callerid": Example(path=_CALLER),
    "list_all_callerids": Example(query="pin_set=true"),
    "list_accounts": Example(query="extension=1001"),
    "create_account": Example(
        body={"extension": "1001", "caller": "+12025550310", "currency": "EUR"}
    ),
    "get_account": Example(path=_ACCOUNT),
    "change_account": Example(path=_ACCOUNT, match="1", body={"low_credit": 2000000}),
    "delete_account": Example(path=_ACCOUNT),
    "list_entries": Example(path=_ACCOUNT, query="kind=top_up"),
    "create_entry": Example(
        path=_ACCOUNT,
        key="invoice-4711",
        body={"kind": "top_up", "amount": 25000000, "order_number": "4711"},
    ),
    "export_entries": Example(path=_ACCOUNT, save="entries.csv"),
    "import_entries": Example(query="dry_run=true", file=("entries.csv", "text/csv")),
    "list_sounds": Example(query="language=en"),
    "create_sound": Example(body={"name": "goodbye", "language": "en", "client": "acme"}),
    "get_sound": Example(path=_SOUND),
    "change_sound": Example(path=_SOUND, match="1", body={"description": "Goodbye."}),
    "upload_sound": Example(
        path=_SOUND, match="*", query="filename=goodbye.wav", file=("goodbye.wav", "audio/wav")
    ),
    "listen_to_sound": Example(path=_SOUND, query="rate=8000", save="goodbye-8000.wav"),
    "delete_sound": Example(path=_SOUND),
    "list_tokens": Example(query="role=read_only"),
    "create_token": Example(body={"name": "billing", "role": "read_only"}),
    "get_token": Example(path=_TOKEN),
    "change_token": Example(path=_TOKEN, match="1", body={"expires": 1830000000}),
    "delete_token": Example(path=_TOKEN),
    "list_callbacks": Example(query="extension=1001&state=pending"),
    "ask_callback": Example(
        key="form-4711", body={"extension": "1001", "number": "+12125550199", "delay_seconds": 60}
    ),
    "get_callback": Example(path=_CALLBACK),
    "cancel_callback": Example(path=_CALLBACK),
    "list_stops": Example(),
    "stop_everywhere": Example(body={"reason": "the carrier is at work", "hang_up": False}),
    "resume_everywhere": Example(),
    "stop": Example(path=_STOPPED, body={"reason": "looks like fraud", "hang_up": True}),
    "resume": Example(path=_STOPPED),
    "list_lockouts": Example(query="locked=true"),
    "release_number": Example(path={"extension": "1001", "number": "+12025550610"}),
    "release_extension": Example(path={"extension": "1001"}),
    "release_did": Example(path={"did": "+12025550210"}),
    "explain_callerid": Example(query="extension=1001&to=%2B12125550199"),
    "explain_route": Example(query="extension=1001&to=%2B12125550199&at=2027-01-31T22:00:00Z"),
    "explain_callback": Example(query="did=%2B12025550210&caller=%2B12125550177"),
    "find_rate": Example(path=_RATES, query="number=%2B493012345678"),
    "import_rates": Example(path=_RATES, query="dry_run=true", file=("rates.csv", "text/csv")),
    "export_rates": Example(path=_RATES, save="rates.csv"),
    "list_calls": Example(query="extension=1001&since=2026-01-01T00:00:00Z"),
    "export_calls": Example(query="format=jsonl", save="calls.jsonl"),
    "get_call": Example(path={"leg": "$LEG"}),
    "list_suspicions": Example(query="open=true"),
    "release_suspicion": Example(path={"id": "$SUSPICION"}),
    "list_nodes": Example(),
    "drain_node": Example(path=_NODE, body={"reason": "new kernel"}),
    "resume_node": Example(path=_NODE),
    "list_controllers": Example(),
    "export_person": Example(path=_PERSON, save="person.json"),
    "erase_person": Example(path=_PERSON, query="with_callerid=true"),
    "list_audit": Example(query="kind=extension&key=1001"),
    "whoami": Example(),
    "openapi": Example(),
}


#: Longer than that a command goes on in another line.
_WIDE: Final = 90


def curl(operation: str, method: str, path: str) -> str:
    """Give the command. Raises `KeyError` for an operation that has no example."""
    example = EXAMPLES[operation]
    for name, value in example.path.items():
        path = path.replace(f"{{{name}}}", value)
    said = [f"-X {method}"] if method != "GET" else []
    if operation != "openapi":
        said.append('-H "Authorization: Bearer $TOKEN"')
    if example.match:
        version = example.match if example.match == "*" else f'"{example.match}"'
        said.append(f"-H {shlex.quote(f'If-Match: {version}')}")
    if example.key:
        said.append(f"-H 'Idempotency-Key: {example.key}'")
    if example.file is not None:
        name, type_ = example.file
        said += [f"-H 'Content-Type: {type_}'", f"--data-binary @{name}"]
    if example.body is not None:
        said += ["-H 'Content-Type: application/json'", f"-d {shlex.quote(_json(example.body))}"]
    if example.save:
        said.append(f"-o {example.save}")
    query = f"?{example.query}" if example.query else ""
    lines = [" ".join(["curl -sS", *said[:2]]), *said[2:], f'"$API{path}{query}"']
    whole = " ".join(lines)
    return whole if len(whole) < _WIDE else " \\\n    ".join(lines)


def _json(body: dict[str, Any]) -> str:
    return json.dumps(body, ensure_ascii=False)
