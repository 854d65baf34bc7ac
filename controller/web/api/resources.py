"""What there is under `/api/v1`: one line for each kind of record, and what its parameters are.

The rest follows from the shapes: a kind's key is the last parts of its path, its filters are
query parameters. A new kind is one more line in `COLLECTIONS`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

import msgspec
from msgspec import Meta

from controller.admin.audit import AuditKind
from controller.admin.callback_shapes import Id, ScopeName, Source, State
from controller.admin.model import MOST_ITEMS, Kind, NotFound
from controller.admin.shapes import FILTERS, KEYS, VIEWS
from controller.credit.model import Side
from controller.guard.locking import LockKind
from controller.guard.patterns import Pattern
from controller.policy.fields import ChannelName, ExtensionNumber, Moment, Number
from controller.policy.records import EntryKind
from controller.policy.rules import plain

#: Where the API is.
BASE: Final = "/api/v1"

#: Where the records of each kind are; the fields of the key that the path lacks come behind it.
COLLECTIONS: Final[dict[Kind, str]] = {
    Kind.CLIENT: "/clients",
    Kind.PRICE_LIST: "/price-lists",
    Kind.RATE: "/price-lists/{price_list}/rates",
    Kind.CHANNEL: "/channels",
    Kind.NUMBER: "/numbers",
    Kind.EXTENSION: "/extensions",
    Kind.CALLERID: "/extensions/{extension}/callerids",
    Kind.ACCOUNT: "/accounts",
    Kind.SOUND: "/sounds",
    Kind.TOKEN: "/tokens",
}

#: What those are part of that stand under another one.
PARENTS: Final[dict[Kind, Kind]] = {Kind.CALLERID: Kind.EXTENSION, Kind.RATE: Kind.PRICE_LIST}

#: What is listed in a second place too, whatever it is part of.
FLAT: Final[dict[Kind, str]] = {Kind.CALLERID: "/callerids"}

#: The ledger of an account.
ENTRIES: Final = "/accounts/{id}/entries"
#: Entries as CSV (M8): of one account, out; of any, in.
ENTRIES_EXPORT: Final = "/accounts/{id}/entries/export"
ENTRIES_IMPORT: Final = "/entries/import"
#: What entries can be filtered by.
ENTRY_FILTERS: Final[dict[str, Any]] = {
    "kind": EntryKind,
    # Made then or later; before.
    "since": Moment,
    "until": Moment,
}

#: Rates of a list (M2), all together.
FIND_RATE: Final = "/price-lists/{price_list}/rates/find"
RATES_IMPORT: Final = "/price-lists/{price_list}/rates/import"
RATES_EXPORT: Final = "/price-lists/{price_list}/rates/export"
FIND_RATE_PARAMETERS: Final[dict[str, Any]] = {"number": Number, "at": Moment}

AccountId = Annotated[
    str, Meta(pattern=r"^[0-9a-f-]{36}\Z", description="An account, as it was named when made.")
]
Prefix = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9_.:/+-]{1,64}\Z", description="Those whose value begins with this one."
    ),
]
Part = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9_.:/+-]{1,64}\Z",
        description="Those that have this in it; capital or small letters are the same.",
    ),
]
Limit = Annotated[int, Meta(ge=1, le=MOST_ITEMS, description="The most that one page holds.")]
#: Places to go on from: keys, positions and ids are none longer.
Cursor = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9_.:/+-]{1,80}\Z",
        description="Where to go on: the `next` of the page before.",
    ),
]
Position = Annotated[
    int, Meta(ge=0, le=2**53, description="Where to go on: the `next` of the page before.")
]
Word = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_.:/+@-]{1,80}\Z")]

#: What pages of the audit log can be filtered by.
AUDIT_FILTERS: Final[dict[str, Any]] = {
    "kind": AuditKind,
    "key": Word,
    "actor": Word,
    "action": Word,
}

#: Callbacks (T10, T11), and what they can be filtered by.
CALLBACKS: Final = "/callbacks"
CALLBACK: Final = "/callbacks/{id}"
CALLBACK_FILTERS: Final[dict[str, Any]] = {
    "extension": ExtensionNumber,
    # Whom to call, or who asked.
    "number": Number,
    "state": State,
    "outcome": Annotated[
        str, Meta(pattern=r"^[a-z_]{1,32}\Z", description="How it ended, or why there was none.")
    ],
    "source": Source,
    # Asked for then or later; before.
    "since": Moment,
    "until": Moment,
}

#: Legs that are over (M7, O5), one by one and as a file; and what they can be filtered by.
CALLS: Final = "/calls"
CALL: Final = "/calls/{leg}"
CALLS_EXPORT: Final = "/calls/export"
CALL_FILTERS: Final[dict[str, Any]] = {
    "extension": ExtensionNumber,
    # Who asked for the callback.
    "caller": Number,
    # Whom the leg called.
    "number": Annotated[
        str,
        Meta(pattern=r"^\+?[0-9]{1,15}\Z", description="E.164, or as the platform has it."),
    ],
    "side": Side,
    "channel": ChannelName,
    "account": AccountId,
    "request": Id,
    "cause": Annotated[
        str, Meta(pattern=r"^[A-Z0-9_]{1,64}\Z", description="As the switch says why it ended.")
    ],
    # Begun then or later; before.
    "since": Moment,
    "until": Moment,
    "charged": bool,
    "uncovered": bool,
}
Order = Annotated[Literal["newest", "oldest"], Meta(description="Which come first.")]
FileFormat = Annotated[
    Literal["csv", "jsonl"], Meta(description="CSV, or JSON lines: a record in each.")
]

#: Stops (O6).
STOPS: Final = "/stops"
STOP: Final = "/stops/{scope}/{name}"
EVERYWHERE: Final = "/stops/everywhere"
#: What a stop's path says: the scope that is named, and its name.
STOP_PATH: Final[dict[str, Any]] = {
    "scope": Literal["client", "extension"],
    "name": ScopeName,
}

#: The types of filters that do not compare a whole value.
_COMPARED: Final[dict[str, Any]] = {"prefix": Prefix, "part": Part}

#: The audio of a sound (S1).
AUDIO: Final = "/sounds/{language}/{name}/audio"
#: What a rate can be where audio is asked for, as text.
AudioRate = Annotated[
    Literal["8000", "16000"], Meta(description="Samples a second; 16000 where nothing is said.")
]
FileName = Annotated[
    str,
    Meta(
        max_length=200,
        pattern=r"^[^\x00-\x1f\x7f\u2028\u2029]*\Z",
        description="How the file was called; kept to be shown, and used for nothing else.",
    ),
]

#: Lock-outs (A3), and what they can be filtered by.
LOCKOUTS: Final = "/lockouts"
LOCKOUT_FILTERS: Final[dict[str, Any]] = {
    "kind": LockKind,
    "extension": ExtensionNumber,
    "locked": bool,
}
#: Where each kind is, and what its path says.
LOCKOUT_PATHS: Final[dict[LockKind, tuple[str, dict[str, Any]]]] = {
    LockKind.NUMBER: (
        "/lockouts/number/{extension}/{number}",
        {"extension": ExtensionNumber, "number": Number},
    ),
    LockKind.EXTENSION: ("/lockouts/extension/{extension}", {"extension": ExtensionNumber}),
    LockKind.DID: ("/lockouts/did/{did}", {"did": Number}),
}

#: What looks like fraud (G3), and what it can be filtered by.
SUSPICIONS: Final = "/suspicions"
SUSPICION: Final = "/suspicions/{id}"
SuspicionId = Annotated[
    str, Meta(pattern=r"^[1-9][0-9]{0,17}\Z", description="A suspicion, as it is listed.")
]
SUSPICION_FILTERS: Final[dict[str, Any]] = {
    "open": bool,
    "pattern": Pattern,
    "extension": ExtensionNumber,
}

#: What is kept about one person (O7), and what is said where it is erased.
PERSON: Final = "/persons/{number}"
PERSON_ERASED: Final[dict[str, Any]] = {"with_callerid": bool}

#: Switches and controllers (O4).
NODES: Final = "/nodes"
NODE: Final = "/nodes/{name}"
NodeName = Annotated[
    str, Meta(pattern=r"^[A-Za-z0-9_.-]{1,64}\Z", description="A node, by its name.")
]
CONTROLLERS: Final = "/controllers"

#: What can be asked why (I9), and where.
EXPLAIN: Final[dict[str, str]] = {
    name: f"/explain/{name}" for name in ("callerid", "route", "callback")
}
Dialled = Annotated[
    str,
    Meta(
        pattern=r"^\+?[0-9 ()./-]{1,40}\Z",
        description="A number: E.164, or as it is dialled in the extension's country.",
    ),
]
#: What a trunk says of whoever rings may be anything.
Said = Annotated[
    str,
    Meta(
        pattern=r"^[^\x00-\x1f\x7f\u2028\u2029]{1,80}\Z",
        description="As the trunk says it.",
    ),
]
#: What each question says; True: it has to.
EXPLAIN_PARAMETERS: Final[dict[str, dict[str, tuple[Any, bool]]]] = {
    "callerid": {
        "extension": (ExtensionNumber, True),
        "to": (Dialled, True),
        "caller": (Said, False),
        "name": (Said, False),
        "over": (ChannelName, False),
    },
    "route": {
        "extension": (ExtensionNumber, True),
        "to": (Dialled, True),
        "caller": (Said, False),
        "name": (Said, False),
        "over": (ChannelName, False),
        "at": (Moment, False),
    },
    "callback": {
        "did": (Dialled, True),
        "caller": (Said, False),
        "hidden": (bool, False),
        "name": (Said, False),
        "over": (ChannelName, False),
        "at": (Moment, False),
    },
}

#: Parameters that are no field of the record, or are told more of than the field is.
_PARAMETERS: Final[dict[tuple[Kind, str], Any]] = {
    (Kind.ACCOUNT, "id"): AccountId,
    (Kind.EXTENSION, "did"): Number,
}

_NAMED: Final = re.compile(r"\{(\w+)\}")


def names(path: str) -> tuple[str, ...]:
    """Give the names of the parameters of a path."""
    return tuple(_NAMED.findall(path))


def rule(path: str) -> str:
    """Give a path as Flask writes it."""
    return BASE + _NAMED.sub(r"<\1>", path)


def item_path(kind: Kind) -> str:
    """Give the path of one record of a kind."""
    collection = COLLECTIONS[kind]
    there = names(collection)
    return collection + "".join(f"/{{{name}}}" for name in KEYS[kind] if name not in there)


def parameter(kind: Kind, field: str) -> Any:  # noqa: ANN401  (a type)
    """Give the type of a field where it is part of a path or a filter."""
    if (kind, field) in _PARAMETERS:
        return _PARAMETERS[kind, field]
    shown = next(found for found in msgspec.structs.fields(VIEWS[kind]) if found.name == field)
    return without_null(shown.type)


def filters(kind: Kind) -> dict[str, Any]:
    """Give the types of the filters that a list of a kind takes."""
    return {
        name: parameter(kind, name) if compared == "is" else _COMPARED[compared]
        for name, compared in FILTERS[kind].items()
    }


def key_of(kind: Kind, path: Mapping[str, str]) -> str:
    """Give the key that a path names. Raises `NotFound` for what can be no key."""
    for name, value in path.items():
        try:
            msgspec.convert(value, parameter(kind, name))
        except msgspec.ValidationError:
            # Not even asked for: a NUL, say, is nothing that every database takes.
            raise NotFound(f"there is no such {kind.word}") from None
    return "/".join(path[name] for name in KEYS[kind])


def above(kind: Kind, path: Mapping[str, str]) -> str:
    """Give the key of what a kind is part of, as its path says it. Raises `NotFound`."""
    for name, value in path.items():
        try:
            msgspec.convert(value, parameter(kind, name))
        except msgspec.ValidationError:
            raise NotFound(f"there is no such {PARENTS[kind].word}") from None
    return "/".join(path.values())


def read_text(name: str, text: str, wanted: Any) -> Any:  # noqa: ANN401
    """Give the value of a parameter of this type. Raises `ValueError`, which names it."""
    if wanted is bool:
        if text not in ("true", "false"):
            raise ValueError(f"{name}: write true or false")
        return text == "true"
    try:
        if get_args(wanted)[:1] == (int,):
            # Only what is written plainly: no signs, spaces, underscores or other digits.
            value: Any = int(text) if re.fullmatch(r"[0-9]{1,18}", text, re.ASCII) else text
        else:
            value = text
        return msgspec.convert(value, wanted)
    except msgspec.ValidationError as error:
        raise ValueError(f"{name}: {plain(str(error))}") from error


def without_null(wanted: Any) -> Any:  # noqa: ANN401
    """Give a type without None."""
    # Of a type with bounds `| None` is one of typing's own.
    if get_origin(wanted) not in (Union, type(int | None)):
        return wanted
    rest = [one for one in get_args(wanted) if one is not type(None)]
    return rest[0] if len(rest) == 1 else Union[tuple(rest)]  # noqa: UP007
