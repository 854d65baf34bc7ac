"""The whole configuration as one document (YAML or JSON), or as lines (JSON Lines).

What is written of a record is what is not its default, in the order of its model: two exports of
the same configuration are the same text, and what changed between two is what `diff` shows. The
authorised CallerIDs stand with their extension; in JSON Lines they are lines of their own, since
there may be a million of them. Ledgers and tokens are not configuration.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Protocol

import msgspec
from msgspec import inspect

from controller.admin.bulk import Bulk
from controller.admin.model import Actor, Invalid, Kind
from controller.admin.shapes import KEYS, MODELS, SECRETS
from controller.admin.texts import Unreadable, Writer, read_json, read_lines, read_tree
from controller.policy.records import Account

#: The version that is written and read.
VERSION: Final = 1
#: The sections, in the order in which one may refer to another.
SECTIONS: Final[dict[str, Kind]] = {
    "clients": Kind.CLIENT,
    "price_lists": Kind.PRICE_LIST,
    "rates": Kind.RATE,
    "channels": Kind.CHANNEL,
    "numbers": Kind.NUMBER,
    "sounds": Kind.SOUND,
    "extensions": Kind.EXTENSION,
    "accounts": Kind.ACCOUNT,
}
#: Where an extension's authorised CallerIDs stand; `caller_ids` are the numbers it shows.
CALLERS: Final = "authorised_callers"
#: The kinds in the order in which they are imported.
ORDER: Final = (
    Kind.CLIENT,
    Kind.PRICE_LIST,
    Kind.RATE,
    Kind.CHANNEL,
    Kind.NUMBER,
    Kind.SOUND,
    Kind.EXTENSION,
    Kind.CALLERID,
    Kind.ACCOUNT,
)

_WHOLE: Final = re.compile(r"-?[0-9]{1,18}\Z", re.ASCII)
_SAID: Final = {"on": True, "yes": True, "true": True, "off": False, "no": False, "false": False}


class Given(msgspec.Struct, frozen=True):
    """A record as a document has it: where it stands, and its fields."""

    place: str
    kind: Kind
    values: dict[str, Any]


class Source(Protocol):
    """A document that can be gone through again and again, kind by kind."""

    def problems(self) -> list[str]:
        """Give what is wrong with the document itself."""
        ...

    def given(self, kind: Kind) -> Iterator[Given]:
        """Give the records of a kind."""
        ...


def open_document(path: Path, written_as: str) -> Source:
    """Open a document. Raises `Unreadable`, `OSError`."""
    return Lines(path) if written_as == "jsonl" else Tree(read_tree(path, written_as))


# --- reading ---------------------------------------------------------------------------------


class Tree:
    """A document that was read as a whole."""

    def __init__(self, tree: Any) -> None:  # noqa: ANN401  (whatever a file had)
        self._problems: list[str] = []
        self._given: dict[Kind, list[Given]] = {kind: [] for kind in ORDER}
        if not isinstance(tree, dict):
            raise Unreadable("is no configuration: write `version: 1`, and sections under it")
        _check_version(tree.get("version"))
        for section, records in tree.items():
            if section == "version" or records is None:
                continue
            if section not in SECTIONS:
                self._problems.append(
                    f"{section}: there is no such section; there are: {', '.join(SECTIONS)}"
                )
            elif not isinstance(records, list):
                self._problems.append(f"{section}: is no list; begin each record with `- `")
            else:
                for index, values in enumerate(records):
                    self._add(f"{section}[{index}]", SECTIONS[section], values)

    def _add(self, place: str, kind: Kind, values: Any) -> None:  # noqa: ANN401
        if not isinstance(values, dict):
            self._problems.append(f"{place}: is no record; write `field: value` lines")
            return
        place += _named(kind, values)
        callers = values.get(CALLERS) if kind is Kind.EXTENSION else None
        if callers is not None:
            values = {name: value for name, value in values.items() if name != CALLERS}
            self._add_callers(place, values, callers)
        self._given[kind].append(Given(place, kind, values))

    def _add_callers(self, place: str, extension: dict[str, Any], callers: Any) -> None:  # noqa: ANN401
        if not isinstance(callers, list):
            self._problems.append(f"{place}: {CALLERS}: is no list; begin each with `- `")
            return
        for index, values in enumerate(callers):
            inner = f"{place}: {CALLERS}[{index}]"
            if not isinstance(values, dict):
                self._problems.append(f"{inner}: is no record; write `field: value` lines")
            elif "extension" in values:
                self._problems.append(
                    f"{inner}: extension: is the one it stands under; leave it out"
                )
            else:
                self._given[Kind.CALLERID].append(
                    Given(
                        inner + _named(Kind.CALLERID, values),
                        Kind.CALLERID,
                        {"extension": extension.get("extension"), **values},
                    )
                )

    def problems(self) -> list[str]:
        """Give what is wrong with the document itself."""
        return self._problems

    def given(self, kind: Kind) -> Iterator[Given]:
        """Give the records of a kind."""
        return iter(self._given[kind])


class _Head(msgspec.Struct):
    kind: Any = None
    version: Any = None


class Lines:
    """A file of JSON Lines, read anew for each kind: no more of it is kept than a line."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._heads = msgspec.json.Decoder(_Head)

    def problems(self) -> list[str]:
        """Give what is wrong with lines before their fields are looked at."""
        found = []
        known = {kind.value for kind in ORDER}
        for number, line in read_lines(self._path):
            try:
                head = self._heads.decode(line)
                if head.kind == "document":
                    _check_version(head.version)
                elif head.kind not in known:
                    found.append(
                        f'line {number}: "kind" is {str(head.kind)[:40]!r}; write one of '
                        f"{', '.join(sorted(known))}"
                    )
            except Unreadable as error:
                found.append(f"line {number}: {error}")
            except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
                found.append(f"line {number}: is no JSON object; write one record in a line")
        return found

    def given(self, kind: Kind) -> Iterator[Given]:
        """Give the records of a kind; lines that are none are for `problems` to tell."""
        for number, line in read_lines(self._path):
            try:
                if self._heads.decode(line).kind != kind.value:
                    continue
                values = read_json(line)
            except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
                continue
            except Unreadable as error:
                raise Unreadable(f"line {number}: {error}") from error
            del values["kind"]
            yield Given(f"line {number}{_named(kind, values)}", kind, values)


def _check_version(version: Any) -> None:  # noqa: ANN401
    if version is None:
        raise Unreadable(f"version: is missing; write `version: {VERSION}` first")
    if str(version) != str(VERSION):
        raise Unreadable(
            f"version: is {str(version)[:40]}, and this release reads {VERSION}; it was perhaps "
            "written by a newer one"
        )


def _named(kind: Kind, values: dict[str, Any]) -> str:
    names = ("extension", "caller") if kind is Kind.ACCOUNT else KEYS[kind]
    if kind is Kind.CALLERID and "extension" not in values:
        names = ("number",)
    parts = [str(values[name])[:40] for name in names if isinstance(values.get(name), str | int)]
    return f" ({'/'.join(parts)})" if parts else ""


# --- what a field wants to be ----------------------------------------------------------------


def typed(kind: Kind, values: dict[str, Any]) -> dict[str, Any]:
    """Give the fields of a record as their types want them: a document has text where it can.

    Null is the default, but for a password: there it is none. What cannot be made fit is left as
    it is, for the model to refuse by name. Raises `Invalid` for what is no text.
    """
    clear = SECRETS.get(kind, ("", ""))[1]
    made = {}
    for name, value in values.items():
        if value is None and name not in (clear, *_REQUIRED[kind]):
            continue
        try:
            made[name] = _fit(value, _TYPES[kind].get(name))
        except UnicodeEncodeError as error:
            raise Invalid(f"{name}: has half a character; write it anew") from error
    return made


def _fit(value: Any, wanted: Any) -> Any:  # noqa: ANN401  (anything, and its type)
    match wanted:
        case inspect.IntType():
            return int(value) if isinstance(value, str) and _WHOLE.match(value) else value
        case inspect.BoolType():
            return _SAID.get(value.lower(), value) if isinstance(value, str) else value
        case inspect.VarTupleType(item_type=item):
            return [_fit(inner, _bare(item)) for inner in value] if _is(list, value) else value
        case inspect.DictType(value_type=item):
            if _is(dict, value):
                return {_fit(key, None): _fit(inner, _bare(item)) for key, inner in value.items()}
            return value
        case inspect.StructType(fields=fields):
            types = {field.encode_name: _bare(field.type) for field in fields}
            if _is(dict, value):
                return {key: _fit(inner, types.get(key)) for key, inner in value.items()}
            return value
    if isinstance(value, str):
        value.encode()
        return value
    # `1001` in JSON, where an extension's number is meant; True is an int too, and is not.
    return str(value) if type(value) is int else value


def _is(kind: type, value: Any) -> bool:  # noqa: ANN401
    return isinstance(value, kind)


def _bare(wanted: inspect.Type) -> inspect.Type:
    """Give a type without its description, and without that it may be null."""
    while True:
        if isinstance(wanted, inspect.Metadata):
            wanted = wanted.type
        elif isinstance(wanted, inspect.UnionType):
            wanted = next(t for t in wanted.types if not isinstance(t, inspect.NoneType))
        else:
            return wanted


_FIELDS: Final = {kind: msgspec.structs.fields(MODELS[kind]) for kind in ORDER}
_TYPES: Final = {
    kind: {field.name: _bare(inspect.type_info(field.type)) for field in fields}
    for kind, fields in _FIELDS.items()
}
for _kind, (_, _clear) in SECRETS.items():
    _TYPES[_kind][f"{_clear}_set"] = inspect.BoolType()
_REQUIRED: Final = {
    kind: tuple(field.name for field in fields if field.required)
    for kind, fields in _FIELDS.items()
}


# --- writing ---------------------------------------------------------------------------------


def export(directory: Bulk, actor: Actor, writer: Writer, *, nested: bool, secrets: bool) -> None:
    """Write the whole configuration.

    `nested`: authorised CallerIDs stand under their extension; else by themselves, after it.
    `secrets`: with the hashes of passwords; without, it is said only that there is one.
    """
    writer.begin(VERSION)
    for section, kind in SECTIONS.items():
        callers = _Callers(directory, actor, secrets=secrets)
        accounts = kind is Kind.ACCOUNT
        for record in _accounts(directory, actor) if accounts else directory.walk(actor, kind):
            values = written(kind, record, secrets=secrets)
            if kind is Kind.EXTENSION and nested:
                own = list(callers.of(values["extension"]))
                if own:
                    values[CALLERS] = own
            writer.record(section, kind.value, values)
        if kind is Kind.EXTENSION and not nested:
            for caller in directory.walk(actor, Kind.CALLERID):
                values = written(Kind.CALLERID, caller, secrets=secrets)
                writer.record(section, Kind.CALLERID.value, values)
    writer.end()


def _accounts(directory: Bulk, actor: Actor) -> list[Account]:
    """Give the accounts by whose they are: their own keys are random, and differ elsewhere."""
    # Where the owner is gone there is a ledger that is kept, and nothing that could be made.
    found = [record for record in directory.walk(actor, Kind.ACCOUNT) if record.extension]
    return sorted(found, key=lambda account: (account.extension, account.caller or ""))


class _Callers:
    """The authorised CallerIDs, read once along with the extensions: both are in one order."""

    def __init__(self, directory: Bulk, actor: Actor, *, secrets: bool) -> None:
        self._walk = directory.walk(actor, Kind.CALLERID)
        self._next: Any = None
        self._secrets = secrets

    def of(self, extension: str) -> Iterator[dict[str, Any]]:
        if self._next is None:
            self._next = next(self._walk, None)
        # One whose extension was made meanwhile has been passed by: the next export has both.
        while self._next is not None and self._next.extension <= extension:
            if self._next.extension == extension:
                values = written(Kind.CALLERID, self._next, secrets=self._secrets)
                del values["extension"]
                yield values
            self._next = next(self._walk, None)


def written(kind: Kind, record: Any, *, secrets: bool) -> dict[str, Any]:  # noqa: ANN401
    """Give a record as a document has it: without what is the default."""
    values: dict[str, Any] = msgspec.to_builtins(record)
    for field in _FIELDS[kind]:
        if not field.required and getattr(record, field.name) == _default(field):
            del values[field.name]
    if kind is Kind.EXTENSION and record.caller_ids[:1] == (record.default_caller_id,):
        # It is the first one's, unless another is named.
        del values["default_caller_id"]
    if kind in SECRETS and not secrets:
        stored, clear = SECRETS[kind]
        if values.pop(stored, None) is not None:
            values[f"{clear}_set"] = True
    return values


def _default(field: msgspec.structs.FieldInfo) -> Any:  # noqa: ANN401
    if field.default_factory is not msgspec.NODEFAULT:
        return field.default_factory()
    return field.default
