"""Options made of a record's fields: their names, types, bounds and defaults, never by hand.

A field that a later release adds is an option by itself. They are made when a command is asked for
its own help or runs, not when `callbackd` starts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

import click
import msgspec

from controller.commands import completing
from controller.commands.common import secret
from controller.commands.types import Amount, Expires, Pair, Parts, When
from controller.commands.words import ALIASES, HELP

if TYPE_CHECKING:
    from msgspec.structs import FieldInfo

#: Before the name of a field: what an option does to it.
ADD: Final = "add__"
REMOVE: Final = "remove__"
NONE: Final = "no__"
#: Amounts of money that are written as such, `0.0125`.
_AMOUNTS: Final = frozenset(
    {
        ("rate", "per_minute"),
        ("rate", "setup_fee"),
        ("account", "low_credit"),
        ("extension", "minimum_credit"),
        ("extension", "return_call_exposure"),
        ("extension", "most_spent_per_hour"),
        ("extension", "most_spent_per_day"),
    }
)
#: Times.
_TIMES: Final = frozenset({("rate", "since"), ("rate", "until")})
#: What is called the same where there is one of it: working hours.
_ALIKE: Final = frozenset({"hours"})


class FieldsCommand(click.Command):
    """A command some of whose options are made of fields, the first time they are asked for."""

    def __init__(
        self, *arguments: Any, make: Callable[[], Sequence[click.Parameter]], **more: Any
    ) -> None:
        super().__init__(*arguments, **more)
        self._make: Callable[[], Sequence[click.Parameter]] | None = make

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Give all parameters; arguments first, those of every command last."""
        if self._make is not None:
            own = list(self._make())
            arguments = [p for p in self.params if isinstance(p, click.Argument)]
            options = [p for p in self.params if not isinstance(p, click.Argument)]
            self.params = [*arguments, *own, *options]
            self._make = None
        return super().get_params(ctx)


# --- from fields to options ------------------------------------------------------------------


def options(kind: str, *, change: bool, without: Sequence[str]) -> list[click.Parameter]:
    """Give the options that make a record (`change`: that change one)."""
    made: list[click.Parameter] = []
    for field in fields(kind, change=change):
        if field.name not in without:
            made += _options(kind, field, change=change)
    if change:
        names = [
            field.name.replace("_", "-")
            for field in fields(kind, change=True)
            if not field.required
        ]
        made.append(
            click.Option(
                ["--reset", "reset"],
                multiple=True,
                type=click.Choice(names),
                metavar="FIELD",
                help="Bring this field's default back; repeat.",
            )
        )
    return made


def fields(kind: str, *, change: bool) -> list[FieldInfo]:
    """Give the fields that make a record, or that can be changed."""
    from controller.admin.model import Kind
    from controller.admin.shapes import INPUTS, PATCHES

    known = msgspec.structs.fields(INPUTS[Kind(kind)])
    changeable = set(PATCHES[Kind(kind)].__struct_fields__)
    return [field for field in known if not change or field.name in changeable]


def _options(kind: str, field: FieldInfo, *, change: bool) -> Iterator[click.Option]:
    from msgspec import inspect

    wanted, described = bare(inspect.type_info(field.type))
    dashed = field.name.replace("_", "-")
    common: dict[str, Any] = {
        "required": field.required and not change,
        "help": _help(kind, field, wanted, described, change=change),
        "shell_complete": completing.of_field(field.name),
    }
    if _is_secret(kind, field.name):
        yield click.Option([f"--{dashed}", field.name], metavar="DIGITS|-", **common)
        if change:
            text = f"It has no {dashed} any more."
            yield click.Option(
                [f"--no-{dashed}", NONE + field.name], is_flag=True, default=None, help=text
            )
        return
    if isinstance(wanted, inspect.BoolType):
        yield click.Option([f"--{dashed}/--no-{dashed}", field.name], default=None, **common)
        return
    if (kind, field.name) == ("token", "expires"):
        yield click.Option([f"--{dashed}", field.name], type=Expires(), **common)
        return
    if (kind, field.name) in _AMOUNTS or (kind, field.name) in _TIMES:
        typed: Any = When()
        if (kind, field.name) in _AMOUNTS:
            typed, wanted = Amount(), inspect.AnyType()
            unit = "In the currency's unit, such as 0.0125."
            common["help"] = _help(kind, field, wanted, unit, change=change)
        yield click.Option([f"--{dashed}", field.name], type=typed, **common)
        return
    if not isinstance(wanted, inspect.VarTupleType | inspect.DictType):
        yield click.Option(
            [f"--{dashed}", field.name], type=_type(wanted), metavar=_metavar(wanted), **common
        )
        return
    one = singular(dashed)
    common["multiple"] = True
    pairs = isinstance(wanted, inspect.DictType)
    kind_of: Any
    if isinstance(wanted, inspect.DictType):
        kind_of = Pair(numbers=isinstance(bare(wanted.value_type)[0], inspect.IntType))
    else:
        kind_of = _type(bare(wanted.item_type)[0])
    yield click.Option(
        [f"--{one}", *ALIASES.get(field.name, ()), field.name], type=kind_of, **common
    )
    if change:
        more, less = (
            (f"More {one}", f"Some {one} less")
            if one == dashed
            else (f"One {one} more", f"One {one} less")
        )
        common["help"] = more + (", or another in its place." if pairs else ".")
        yield click.Option([f"--add-{one}", ADD + field.name], type=kind_of, **common)
        common["help"] = less + (": by what stands before the `=`." if pairs else ".")
        kind_of = click.STRING if pairs else kind_of
        yield click.Option([f"--remove-{one}", REMOVE + field.name], type=kind_of, **common)


def bare(wanted: Any) -> tuple[Any, str]:
    """Give a type without description and null, and the description."""
    from msgspec import inspect

    described = ""
    while True:
        if isinstance(wanted, inspect.Metadata):
            described = described or str((wanted.extra_json_schema or {}).get("description", ""))
            wanted = wanted.type
        elif isinstance(wanted, inspect.UnionType):
            wanted = next(t for t in wanted.types if not isinstance(t, inspect.NoneType))
        else:
            return wanted, described


def singular(plural: str) -> str:
    """Give the word for one of several: `did`, `return-country`, `blocked-prefix`, `address`."""
    if plural in _ALIKE:
        return plural
    for end, one in (("ies", "y"), ("xes", "x"), ("sses", "ss"), ("s", "")):
        if plural.endswith(end):
            return plural.removesuffix(end) + one
    return plural


def _type(wanted: Any) -> Any:
    from msgspec import inspect

    match wanted:
        case inspect.IntType():
            return click.INT
        case inspect.EnumType(cls=words):
            return click.Choice([word.value for word in words])
        case inspect.StructType(fields=parts):
            return Parts(tuple(part.encode_name for part in parts))
    return click.STRING


def _metavar(wanted: Any) -> str | None:
    from msgspec import inspect

    return "TEXT" if isinstance(wanted, inspect.StrType) else None


def _help(kind: str, field: FieldInfo, wanted: Any, described: str, *, change: bool) -> str:
    from msgspec import inspect

    said = HELP.get(f"{kind}.{field.name}") or HELP.get(field.name)
    inner = wanted
    notes = []
    if isinstance(wanted, inspect.VarTupleType):
        inner, described = bare(wanted.item_type)
        notes.append("repeat for several")
    if isinstance(wanted, inspect.DictType):
        notes.append("KEY=VALUE, repeat for several")
    text = " ".join(part for part in (said, described) if part)
    if isinstance(inner, inspect.IntType) and inner.ge is not None and inner.le is not None:
        notes.append(f"{inner.ge}-{inner.le}")
    default = _default(field)
    if not change and default not in (None, "", (), {}) and not isinstance(default, msgspec.Struct):
        notes.append(f"default: {_word(default)}")
    text = text or f"Its {field.name.replace('_', ' ')}."
    return f"{text} [{'; '.join(notes)}]" if notes else text


def _default(field: FieldInfo) -> Any:
    if field.default_factory is not msgspec.NODEFAULT:
        return field.default_factory()
    return None if field.default is msgspec.NODEFAULT else field.default


def _word(value: Any) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(_word, value))
    return ("on" if value else "off") if isinstance(value, bool) else str(value)


def _is_secret(kind: str, name: str) -> bool:
    from controller.admin.model import Kind
    from controller.admin.shapes import SECRETS

    return SECRETS.get(Kind(kind), ("", ""))[1] == name


# --- from options to values ------------------------------------------------------------------


def collect(kind: str, given: dict[str, Any]) -> dict[str, Any]:
    """Give the fields that options set; None where a default is brought back."""
    values: dict[str, Any] = {}
    for field in fields(kind, change=False):
        value = given.get(field.name)
        if given.get(NONE + field.name):
            if value is not None:
                raise click.UsageError(
                    f"--no-{field.name} and --{field.name} contradict each other"
                )
            values[field.name] = None
        if value is None or value == ():
            continue
        if _is_secret(kind, field.name):
            value = secret(value, field.name)
        values[field.name] = _plain(field.name, value)
    for dashed in given.get("reset") or ():
        name = dashed.replace("-", "_")
        if name in values or given.get(ADD + name) or given.get(REMOVE + name):
            raise click.UsageError(f"--reset {name}: it is set as well; say one of them")
        values[name] = None
    return values


def edits(given: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Give what is added to lists and taken from them, by field."""
    found: dict[str, tuple[Any, Any]] = {}
    for name, added in given.items():
        if name.startswith(ADD):
            field = name.removeprefix(ADD)
            pair = (added or (), given.get(REMOVE + field) or ())
            if pair != ((), ()):
                if given.get(field):
                    raise click.UsageError(f"{field}: set it as a whole, or add and remove")
                found[field] = pair
    return found


def edited(name: str, now: Any, added: Any, removed: Any) -> Any:
    """Give a list or table with some added and some taken away."""
    left = dict(now) if isinstance(now, dict) else list(now)
    for item in removed:
        if item not in left:
            raise click.ClickException(f"{name}: {item} is none of them")
        if isinstance(left, dict):
            del left[item]
        else:
            left.remove(item)
    if isinstance(left, dict):
        return {**left, **_plain(name, added)}
    return left + [item for item in added if item not in left]


def _plain(name: str, value: Any) -> Any:
    if isinstance(value, tuple):
        if value and isinstance(value[0], tuple):
            made = dict(value)
            if len(made) != len(value):
                raise click.ClickException(f"{name}: one of them is given twice")
            return made
        return [_plain(name, item) for item in value] if value else {}
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise click.ClickException(f"{name}: is not UTF-8") from error
    return value
