"""What is written and what is shown of each kind, as Structs: made of the models, never by hand.

`INPUTS` is what is given to make one, `PATCHES` what changes one (every field may be left out,
null brings its default back), `VIEWS` what is shown. The API describes itself with them.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec
from msgspec import NODEFAULT, UNSET, Meta, UnsetType

from controller.admin.model import Kind
from controller.policy.channels import Channel
from controller.policy.fields import Moment
from controller.policy.model import Policy
from controller.policy.prices import CallRate, PriceList
from controller.policy.records import (
    RECORDS_NOT_YET,
    Account,
    AuthorisedCaller,
    Client,
    PublicNumber,
    SoundFile,
    Token,
)
from controller.policy.rules import NOT_YET

Password = Annotated[
    str,
    Meta(
        pattern=r"^[0-9]{4,20}\Z",
        description="4 to 20 digits; stored as argon2id, and shown nowhere.",
    ),
]

#: The model of each kind.
MODELS: Final[dict[Kind, type[Any]]] = {
    Kind.CLIENT: Client,
    Kind.PRICE_LIST: PriceList,
    Kind.RATE: CallRate,
    Kind.CHANNEL: Channel,
    Kind.NUMBER: PublicNumber,
    Kind.EXTENSION: Policy,
    Kind.CALLERID: AuthorisedCaller,
    Kind.ACCOUNT: Account,
    Kind.SOUND: SoundFile,
    Kind.TOKEN: Token,
}

#: The fields that name a record among its kind; they never change. An account's is made for it.
KEYS: Final[dict[Kind, tuple[str, ...]]] = {
    Kind.CLIENT: ("name",),
    Kind.PRICE_LIST: ("name",),
    Kind.RATE: ("price_list", "prefix", "since"),
    Kind.CHANNEL: ("name",),
    Kind.NUMBER: ("number",),
    Kind.EXTENSION: ("extension",),
    Kind.CALLERID: ("extension", "number"),
    Kind.ACCOUNT: ("id",),
    Kind.SOUND: ("language", "name"),
    Kind.TOKEN: ("name",),
}

#: What else never changes: whose money it is, and in what; what a token may do.
FIXED: Final[dict[Kind, tuple[str, ...]]] = {
    Kind.ACCOUNT: ("extension", "caller", "currency"),
    Kind.TOKEN: ("role", "client"),
}

#: Fields that are times, which may be written in several ways.
TIMES: Final[dict[Kind, tuple[str, ...]]] = {Kind.RATE: ("since", "until")}

#: What is now where nothing is said.
NOW: Final[dict[Kind, str]] = {Kind.RATE: "since"}

#: What is secret: the field of the model, and the one in which it is given in clear.
SECRETS: Final[dict[Kind, tuple[str, str]]] = {
    Kind.EXTENSION: ("password_hash", "password"),
    Kind.CALLERID: ("pin_hash", "pin"),
}


class Uploaded(msgspec.Struct, frozen=True):
    """What was uploaded, as it is kept: WAV, mono, at each rate that telephones have.

    `id` says what it is: another upload has another one. `size` is of its files together, bytes.
    """

    id: str
    milliseconds: int
    size: int
    uploaded_name: str


#: What a kind's view has beyond its model.
_ADDED: Final[dict[Kind, list[tuple[str, Any]]]] = {
    Kind.ACCOUNT: [
        ("id", str),
        ("owner", str),
        ("balance", Annotated[int, Meta(description="The sum of the entries, micro-units.")]),
    ],
    Kind.SOUND: [
        ("uploaded", Uploaded | None),
        (
            "switch_path",
            Annotated[
                str | None,
                Meta(description="Where the switch plays it from; null: nothing was uploaded yet."),
            ],
        ),
        (
            "nodes",
            Annotated[
                dict[str, bool],
                Meta(description="Which switches have what was uploaded, as far as is known."),
            ],
        ),
        (
            "used_by",
            Annotated[
                list[str] | None,
                Meta(description="Which extensions play it; null in lists: it is not looked for."),
            ],
        ),
    ],
}


def not_shown(kind: Kind) -> set[str]:
    """Give the fields that nothing acts on yet: they can only have their defaults."""
    return set(NOT_YET if kind is Kind.EXTENSION else RECORDS_NOT_YET.get(MODELS[kind], ()))


def _fields(kind: Kind) -> list[msgspec.structs.FieldInfo]:
    hidden = {SECRETS[kind][0]} if kind in SECRETS else set()
    hidden |= not_shown(kind)
    return [field for field in msgspec.structs.fields(MODELS[kind]) if field.name not in hidden]


def _title(kind: Kind) -> str:
    return MODELS[kind].__name__ if kind is not Kind.EXTENSION else "Extension"


def _default(field: msgspec.structs.FieldInfo) -> Any:  # noqa: ANN401
    if field.default_factory is not NODEFAULT:
        return msgspec.field(default_factory=field.default_factory)
    return field.default


def _input(kind: Kind) -> type[msgspec.Struct]:
    fields: list[Any] = [
        (field.name, field.type) if field.required else (field.name, field.type, _default(field))
        for field in _fields(kind)
        if field.name != NOW.get(kind)
    ]
    if kind in NOW:
        fields.append((NOW[kind], Moment | None, None))
    if kind in SECRETS:
        fields.append((SECRETS[kind][1], Password | None, None))
    return msgspec.defstruct(
        f"{_title(kind)}Input", fields, kw_only=True, forbid_unknown_fields=True
    )


def _patch(kind: Kind) -> type[msgspec.Struct]:
    still = {*KEYS[kind], *FIXED.get(kind, ())}
    fields: list[Any] = [
        (field.name, field.type | None | UnsetType, UNSET)
        for field in _fields(kind)
        if field.name not in still
    ]
    if kind in SECRETS:
        fields.append((SECRETS[kind][1], Password | None | UnsetType, UNSET))
    return msgspec.defstruct(
        f"{_title(kind)}Patch", fields, kw_only=True, forbid_unknown_fields=True
    )


def _view(kind: Kind) -> type[msgspec.Struct]:
    fields: list[Any] = [(field.name, field.type) for field in _fields(kind)]
    fields += _ADDED.get(kind, [])
    if kind in SECRETS:
        fields.append((f"{SECRETS[kind][1]}_set", bool))
    when = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
    fields += [("version", int), ("created", when), ("changed", when)]
    return msgspec.defstruct(_title(kind), fields, kw_only=True)


INPUTS: Final = {kind: _input(kind) for kind in Kind}
PATCHES: Final = {kind: _patch(kind) for kind in Kind}
VIEWS: Final = {kind: _view(kind) for kind in Kind}

#: What lists can be filtered by: field and how it is compared (`is`, `prefix`, `part`).
FILTERS: Final[dict[Kind, dict[str, str]]] = {
    Kind.CLIENT: {"enabled": "is"},
    Kind.PRICE_LIST: {"currency": "is"},
    Kind.RATE: {"price_list": "is", "prefix": "prefix"},
    Kind.CHANNEL: {},
    Kind.NUMBER: {"channel": "is", "client": "is", "number": "prefix"},
    Kind.EXTENSION: {"client": "is", "enabled": "is", "did": "is"},
    Kind.CALLERID: {"extension": "is", "enabled": "is", "number": "prefix", "pin_set": "is"},
    Kind.ACCOUNT: {
        "extension": "is",
        "owner": "prefix",
        "currency": "is",
        "price_list": "is",
    },
    Kind.SOUND: {"language": "is", "client": "is", "name": "part"},
    Kind.TOKEN: {"role": "is", "client": "is"},
}
