"""docs/reference/policy.md: every setting of what the operator keeps.

Labels and sentences are those of the pages (`controller.web.pages`), where every field has one; the
rules are those that the commands' help names.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import click
import msgspec

from controller.admin import rights
from controller.admin.model import Actor, Kind
from controller.admin.people_shapes import UserInput
from controller.admin.shapes import FIXED, INPUTS, KEYS, MODELS, SECRETS
from controller.cli import main
from controller.commands.types import Amount
from controller.commands.words import HELP
from controller.policy.records import Entry, Role
from controller.web.pages.accounts import ACCOUNTS
from controller.web.pages.callerids import CALLERIDS
from controller.web.pages.channels import CHANNELS
from controller.web.pages.clients import CLIENTS
from controller.web.pages.extension_sections import EXTENSIONS
from controller.web.pages.fields import Field, Section, Widget
from controller.web.pages.numbers import NUMBERS
from controller.web.pages.prices import PRICE_LISTS
from controller.web.pages.rates import RATES
from controller.web.pages.records import Look
from controller.web.pages.sounds import SOUNDS
from controller.web.pages.tokens import TOKENS
from controller.web.pages.users import NEW
from tools.reference.page import Page, anchor_of
from tools.reference.sentences import of_fields, parted
from tools.reference.words import default_of, has_words, in_words, unit_of, written

#: The kinds in the order of the page, with what their pages look like.
LOOKS: Final[tuple[Look, ...]] = (
    EXTENSIONS, CALLERIDS, CLIENTS, CHANNELS, NUMBERS, ACCOUNTS, PRICE_LISTS, RATES, SOUNDS, TOKENS,
)  # fmt: skip
#: How amounts of money are written where people type them.
_UNITS_THEMSELVES: Final = "the currency's unit itself, such as 0.0125"
_MICROS: Final = "a millionth of the currency's unit"
#: What commands call otherwise than the field is called.
_CALLED: Final = {
    ("account", "extension"): "owner",
    ("account", "caller"): "owner",
    ("entry", "order_number"): "order",
}
#: Somebody who sees one client only, to be asked what he may do.
_CLIENT: Final = Actor(name="client", role=Role.CLIENT, client="main")


class Said(msgspec.Struct, frozen=True):
    """How a command sets a field; `money`: in the currency's unit."""

    text: str = ""
    money: bool = False


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A setting: its field in the API, what it is called, its sentence, and what else is known."""

    name: str
    label: str
    sentence: str
    rule: str
    field: msgspec.structs.FieldInfo
    facts: tuple[tuple[str, str], ...]

    @property
    def in_words(self) -> bool:
        """Whether all that its type asks for is said."""
        return has_words(self.field.type)


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """Settings under a heading; `title` "": there is one part only."""

    title: str
    intro: str
    rows: tuple[Row, ...]


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of record: as what anchors begin with, its heading, what it is, and its settings."""

    name: str
    title: str
    intro: str
    parts: tuple[Part, ...]

    @property
    def rows(self) -> tuple[Row, ...]:
        """All its settings."""
        return tuple(row for part in self.parts for row in part.rows)


def records() -> Iterator[Record]:
    """Give all kinds of record, with their settings."""
    for look in LOOKS:
        yield _record(look)
    yield Record(
        name="entry",
        title="Entry of an account",
        intro="One line of an account's ledger: a top-up or a correction. It is never changed and "
        "never removed. Administrators alone make entries.",
        parts=(_of_struct("entry", Entry, ("account", "top-up"), {}),),
    )
    yield Record(
        name="user",
        title="User",
        intro="Who may log in to the pages. Users are kept by administrators, on the pages and by "
        "`callbackd user`, and not through the API.",
        parts=(_of_struct("user", UserInput, ("user", "add"), _by_name((NEW,))),),
    )


def page() -> str:
    """Give the page."""
    made = Page(
        "Policy",
        "Made of `controller/policy` and of the pages' words by `make reference`.",
        "What the operator keeps: each kind of record, and each of its settings. The heading is "
        "the field's name, in the API, in exports and in the audit log. As an option of a command "
        "a list is set by repeating its option; `set` has `--add-…`, `--remove-…` and "
        "`--reset FIELD` besides. Whether two settings can stand together is checked when they are "
        "written; what is wrong is said with the field's name.",
        "What is an administrator's to change a client cannot: a token or a user of role "
        "`client`. Readers (`read_only`) change nothing.",
    )
    for record in records():
        made.heading(record.title, 2, anchor_of(record.name))
        made.say(record.intro)
        for part in record.parts:
            if part.title:
                made.heading(part.title, 3, anchor_of(record.name, "section", part.title))
            if part.intro:
                made.say(part.intro)
            for row in part.rows:
                made.heading(f"`{row.name}`", 4, anchor_of(record.name, row.name))
                made.say(f"{f'**{row.label}.** ' if row.label else ''}{row.sentence}")
                made.facts(row.facts)
    return made.text()


# --- records -----------------------------------------------------------------------------------


def _record(look: Look) -> Record:
    kind = look.kind
    fields = {field.name: field for field in msgspec.structs.fields(INPUTS[kind])}
    options = _options(kind.value, (kind.value.replace("_", "-"), "add"))
    parts = []
    for section in look.sections:
        shown = [field for field in section.fields if field.name in fields]
        rows = tuple(_row(kind, fields.pop(one.name), one, options) for one in shown)
        title = section.title if len(look.sections) > 1 else ""
        parts.append(Part(title=title, intro=section.intro, rows=rows))
    if fields:
        # What no page has.
        rows = tuple(_row(kind, field, None, options) for field in fields.values())
        parts.append(Part(title="Besides", intro="", rows=rows))
    return Record(name=kind.value, title=look.one, intro=look.intro, parts=tuple(parts))


def _row(
    kind: Kind, field: msgspec.structs.FieldInfo, shown: Field | None, options: Mapping[str, Said]
) -> Row:
    helped = HELP.get(f"{kind.value}.{field.name}") or HELP.get(field.name, "")
    rule, text = parted(helped or of_fields(MODELS[kind]).get(field.name, ""))
    return Row(
        name=field.name,
        label=shown.label if shown else "",
        sentence=shown.help if shown and shown.help else text,
        rule=rule,
        field=field,
        facts=tuple(_facts(field, shown, options, rule, _who(kind, field.name))),
    )


def _who(kind: Kind, name: str) -> str:
    if name in (*KEYS[kind], *FIXED.get(kind, ())):
        made = rights.allowed(rights.may_make, _CLIENT, kind)
        return f"nobody: it never changes; set by administrators{' and clients' if made else ''}"
    both = rights.allowed(rights.may_change, _CLIENT, kind, [name])
    return "administrators and clients" if both else "administrators"


def _of_struct(
    name: str, struct: type[Any], command: tuple[str, ...], shown: Mapping[str, Field]
) -> Part:
    options = _options(name, command)
    rows = []
    for field in msgspec.structs.fields(struct):
        one = shown.get(field.name)
        rule, text = parted(of_fields(struct).get(field.name, ""))
        rows.append(
            Row(
                name=field.name,
                label=one.label if one else "",
                sentence=one.help if one else text,
                rule=rule,
                field=field,
                facts=tuple(_facts(field, one, options, rule, "")),
            )
        )
    return Part(title="", intro="", rows=tuple(rows))


def _by_name(sections: tuple[Section, ...]) -> dict[str, Field]:
    return {field.name: field for section in sections for field in section.fields}


# --- what is known of a field --------------------------------------------------------------------


def _facts(
    field: msgspec.structs.FieldInfo,
    shown: Field | None,
    options: Mapping[str, Said],
    rule: str,
    who: str,
) -> Iterator[tuple[str, str]]:
    kind = in_words(field.type)
    option = options.get(field.name, Said())
    yield "Type", kind
    if shown and shown.options:
        yield "Choices", "; ".join(f"`{value}`: {words}" for value, words in shown.options if value)
    if _MICROS in kind:
        places = [*(["on the page"] if shown else []), *(["as an option"] if option.money else [])]
        typed = f"; {' and '.join(places)} {_UNITS_THEMSELVES}" if places else ""
        yield "Unit", f"in the API {_MICROS}{typed}"
    elif shown and shown.widget is Widget.INSTANT:
        yield "Unit", "in the API seconds since 1970; else a time, UTC"
    else:
        yield "Unit", (shown.unit if shown else "") or unit_of(field.name)
    yield "Default", _default(field, shown)
    if shown and shown.when:
        name, _, value = shown.when.partition("=")
        yield "Counts only where", f"`{name}` is `{'true' if value == 'on' else value}`"
    if any(field.name == clear for _, clear in SECRETS.values()):
        yield (
            "Secret",
            f"it is written and never shown; `{field.name}_set` says whether there is one",
        )
    yield "Command", option.text
    yield "Changed by", who
    yield "Rule", rule


def _default(field: msgspec.structs.FieldInfo, shown: Field | None) -> str:
    default = default_of(field)
    if default is msgspec.NODEFAULT:
        return "none, it has to be set"
    if shown and shown.default:
        return shown.default
    return written(default)


def _options(record: str, path: tuple[str, ...]) -> dict[str, Said]:
    """Give how each field is set by a command: the option, or the argument."""
    found: click.Command = main
    for name in path:
        assert isinstance(found, click.Group)
        found = found.commands[name]
    command = " ".join(("callbackd", *path))
    said = {}
    for one in found.get_params(click.Context(found)):
        if isinstance(one, click.Option):
            names = ", ".join(f"`{name}`" for name in (*one.opts, *one.secondary_opts))
        else:
            names = f"argument `{one.make_metavar(click.Context(found))}`"
        said[str(one.name)] = Said(f"{names} of `{command}`", isinstance(one.type, Amount))
    for (kind, field), name in _CALLED.items():
        if kind == record:
            said[field] = said[name]
    return said
