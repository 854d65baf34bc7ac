"""Two clients with everything that a client can have, and who acts."""

from __future__ import annotations

from typing import Any, Final

from controller.admin.directory import Directory
from controller.admin.model import Actor, Item, Kind
from controller.policy.records import Role
from tests.filled import filled
from tests.seed import ADMIN

ACME: Final = Actor(name="acme's", role=Role.CLIENT, client="acme")
OTHER: Final = Actor(name="other's", role=Role.CLIENT, client="other")
LOOKS: Final = Actor(name="looks", role=Role.READ_ONLY)
ACME_LOOKS: Final = Actor(name="acme looks", role=Role.READ_ONLY, client="acme")
EVERYBODY: Final = (ADMIN, ACME, OTHER, LOOKS, ACME_LOOKS)

#: A record of each kind that fits into `two_clients`, and its key.
NEW: Final[dict[Kind, tuple[dict[str, Any], str]]] = {
    Kind.CLIENT: ({"name": "third", "contact_name": "Third"}, "third"),
    Kind.PRICE_LIST: (
        {"name": "eur", "currency": "EUR"},
        "eur",
    ),
    Kind.RATE: (
        {
            "price_list": "usd",
            "prefix": "+49",
            "since": "2100-01-01T00:00:00.000000Z",
            "setup_fee": 5000,
            "per_minute": 12_500,
            "first_block": 60,
            "interval": 6,
        },
        "usd/+49/2100-01-01T00:00:00.000000Z",
    ),
    Kind.CHANNEL: (
        {
            "name": "second",
            "description": "The other trunk",
            "addresses": ["192.0.2.0/24", "2001:db8::1"],
            "identity": ["p-asserted-identity", "from"],
            "country": "DE",
            "rewrite": {"00": "+", "": "+49"},
            "refusal_cause": "CALL_REJECTED",
            "trust_callers": True,
            "enabled": False,
            "destinations": {"+49": 12_000, "+": 90_000},
            "priority": 5,
            "hours": ["mon-fri 08:00-18:00", "sat 22:00-02:00"],
            "time_zone": "Europe/Berlin",
            "concurrent_calls": 30,
            "progress_seconds": 8,
            "number_format": "national",
            "dial_prefix": "0",
            "caller_id_format": "plus",
            "domain": "sip.example.com",
            "hidden_identity": "private",
            "proxy": "sip.example.com:5061",
            "transport": "tls",
            "username": "acct",
            "register": True,
            "ping_seconds": 30,
            "cost_list": "usd",
        },
        "second",
    ),
    Kind.NUMBER: (
        {"number": "+12025550159", "channel": "pstn", "client": "acme"},
        "+12025550159",
    ),
    Kind.EXTENSION: (
        {
            "extension": "109",
            "client": "acme",
            "dids": ["+12025550109", "+12025550108"],
            "country": "US",
            "caller_ids": ["+12025550151"],
        },
        "109",
    ),
    Kind.CALLERID: (
        {"extension": "100", "number": "+12125550109", "speed_dials": {"1": "+12125550188"}},
        "100/+12125550109",
    ),
    Kind.ACCOUNT: ({"extension": "101", "currency": "EUR"}, ""),
    Kind.SOUND: (
        {"name": "new", "language": "de", "path": "/new.wav", "client": "acme"},
        "de/new",
    ),
    Kind.TOKEN: ({"name": "page", "role": "read_only", "client": "acme"}, "page"),
}

#: What changes of each kind, by nobody's objection.
CHANGE: Final[dict[Kind, dict[str, Any]]] = {
    Kind.CLIENT: {"contact_name": "Changed"},
    Kind.PRICE_LIST: {"description": "Changed"},
    Kind.RATE: {"description": "Changed", "until": "2101-01-01T00:00:00.000000Z"},
    Kind.CHANNEL: {"description": "Changed"},
    Kind.NUMBER: {"description": "Changed"},
    Kind.EXTENSION: {"ring_seconds": 9, "caller_id_name": "Changed"},
    Kind.CALLERID: {"notes": "Changed\ntwice", "enabled": False},
    Kind.ACCOUNT: {"description": "Changed", "unlimited": True},
    Kind.SOUND: {"path": "/changed.wav"},
    Kind.TOKEN: {"expires": 5},
}


def create(store: Directory, kind: Kind, values: dict[str, Any]) -> Item:
    """Make a record of any kind as the administrator."""
    if kind is Kind.TOKEN:
        return store.issue_token(ADMIN, values)[0]
    return store.create(ADMIN, kind, values)


def two_clients(store: Directory) -> dict[Kind, dict[str, str]]:
    """Make the clients `acme` and `other`, and give the keys of what each has; "" is nobody's."""
    return filled(store, _two_clients)


def _two_clients(store: Directory) -> dict[Kind, dict[str, str]]:
    keys: dict[Kind, dict[str, str]] = {kind: {} for kind in Kind}

    def made(kind: Kind, whose: str, **values: object) -> str:
        keys[kind][whose] = create(store, kind, values).key
        return keys[kind][whose]

    keys[Kind.PRICE_LIST][""] = create(
        store, Kind.PRICE_LIST, {"name": "usd", "currency": "USD"}
    ).key
    create(store, Kind.PRICE_LIST, {"name": "trunk", "currency": "EUR"})
    for prefix in ("+44", "+"):
        create(store, Kind.RATE, {"price_list": "trunk", "prefix": prefix, "per_minute": 9000})
    keys[Kind.RATE][""] = create(
        store,
        Kind.RATE,
        {"price_list": "usd", "prefix": "+1", "since": "2020-01-01T00:00:00Z", "per_minute": 9000},
    ).key
    keys[Kind.CHANNEL][""] = create(store, Kind.CHANNEL, {"name": "pstn"}).key
    made(Kind.NUMBER, "", number="+12025550199", channel="pstn")
    for whose, digit in (("acme", 1), ("other", 2)):
        made(Kind.CLIENT, whose, name=whose)
        number = f"+120255501{digit}0"
        made(Kind.NUMBER, whose, number=number, channel="pstn", client=whose)
        extension = made(
            Kind.EXTENSION,
            whose,
            extension=f"{digit}00",
            client=whose,
            dids=[f"+12025550{digit}00"],
            country="US",
            caller_ids=[number],
        )
        caller = made(Kind.CALLERID, whose, extension=extension, number=f"+1212555010{digit}")
        made(
            Kind.ACCOUNT,
            whose,
            extension=extension,
            caller=caller.partition("/")[2],
            currency="USD",
        )
        made(Kind.SOUND, whose, name=whose, path=f"/{whose}.wav", client=whose)
        made(Kind.TOKEN, whose, name=f"{whose}-token", role="client", client=whose)
    made(Kind.SOUND, "", name="shared", path="/shared.wav")
    create(
        store,
        Kind.NUMBER,
        {"number": "+12025550151", "channel": "pstn", "client": "acme"},
    )
    create(
        store,
        Kind.EXTENSION,
        {
            "extension": "101",
            "client": "acme",
            "dids": ["+12025550101"],
            "country": "US",
            "caller_ids": ["+12025550151"],
        },
    )
    return keys
