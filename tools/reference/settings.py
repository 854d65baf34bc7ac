"""docs/reference/settings.md: every setting, of `controller.settings`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec
from msgspec import inspect

from controller.policy.fields import Rate
from controller.settings.section import SECRET
from controller.settings.sections import Settings
from tools.reference.page import Page, anchor_of
from tools.reference.sentences import lead, of_fields, parted
from tools.reference.words import default_of, in_words, inner, unit_of, written

_PREFIX: Final = "CALLBACKD_"


class Setting(msgspec.Struct, frozen=True):
    """A setting: its name in the file, its field, and the section that it stands in.

    `listed`: it is part of a table that there may be several of (`[[nodes]]`).
    """

    name: str
    field: msgspec.structs.FieldInfo
    owner: type[Any]
    listed: bool = False

    @property
    def sentence(self) -> str:
        """What it is; "" where nobody has said it."""
        return of_fields(self.owner).get(self.field.name, "")

    @property
    def secret(self) -> bool:
        """Whether it is shown nowhere."""
        return self.field.name in SECRET

    @property
    def named(self) -> bool:
        """Whether it is a table whose names are the operator's."""
        return isinstance(inner(self.field.type), inspect.DictType)

    @property
    def variable(self) -> str:
        """The variable of the environment that sets it, or the whole list that it is part of."""
        name = self.name.rpartition(".")[0] if self.listed else self.name
        return _PREFIX + name.upper().replace(".", "__")


class Section(msgspec.Struct, frozen=True):
    """A section: its name, its Struct, and its settings."""

    name: str
    struct: type[Any]
    settings: tuple[Setting, ...]
    listed: bool = False


def sections() -> Iterator[Section]:
    """Give all sections, in the order of the tree; the first has what stands in none."""
    own = []
    below: list[Section] = []
    for field in msgspec.structs.fields(Settings):
        inside = _section(field.type)
        if inside is None:
            own.append(Setting(field.name, field, Settings))
        else:
            below += _sections(field.name, *inside)
    yield Section("", Settings, tuple(own))
    yield from below


def _sections(name: str, struct: type[Any], listed: bool) -> Iterator[Section]:
    own = []
    below: list[Section] = []
    for field in msgspec.structs.fields(struct):
        inside = _section(field.type)
        path = f"{name}.{field.name}"
        if inside is None:
            own.append(Setting(path, field, struct, listed))
        else:
            below += _sections(path, *inside)
    if own or not below:
        yield Section(name, struct, tuple(own), listed)
    yield from below


def _section(wanted: Any) -> tuple[type[Any], bool] | None:  # noqa: ANN401
    found = inner(wanted)
    if isinstance(found, inspect.StructType) and found.cls is not Rate:
        return found.cls, False
    if isinstance(found, inspect.VarTupleType):
        item = found.item_type
        if isinstance(item, inspect.StructType):
            return item.cls, True
    return None


def page() -> str:
    """Give the page."""
    made = Page(
        "Settings",
        "Made of `controller/settings` by `make reference`.",
        "A TOML file gives the settings (`callbackd --config FILE …`, or the variable "
        "`CALLBACKD_CONFIG`), and environment variables go before it. Two underscores part section "
        "and field: `CALLBACKD_LISTEN__PORT=9084`. Lists and tables are written in variables as in "
        'TOML (`["192.0.2.0/24"]`), all else as plain text. A setting that is wrong or unknown is '
        "an error at start that names it. Without a file and variables the defaults work by "
        "themselves.",
        'What is secret can be in a file of its own: `{ file = "/run/secrets/fs1" }` in the place '
        "of a value, or the variable with `_FILE` behind its name, which then holds the path. The "
        "content of the file, without the line break at its end, is the value. That works for "
        "every setting; of those that are secret the variable is named below. No log, error, "
        "answer or command shows a secret.",
        "Empty and none are defaults that say: nothing is set.",
    )
    for section in sections():
        _add(made, section)
    return made.text()


def _add(made: Page, section: Section) -> None:
    if not section.name:
        made.heading("The service itself", 2, "service")
    elif section.listed:
        made.heading(f"`[[{section.name}]]`", 2, anchor_of("section", section.name))
        made.say(
            f"{lead(section.struct)}\n\nThere may be several, each with a table of its own; as a "
            f"variable the whole list is `{section.settings[0].variable}`, written as TOML has it "
            "in one line."
        )
    else:
        made.heading(f"`[{section.name}]`", 2, anchor_of("section", section.name))
        made.say(lead(section.struct))
    for setting in section.settings:
        rules, sentence = parted(setting.sentence)
        made.heading(f"`{setting.name}`", 3, anchor_of(setting.name))
        made.say(sentence)
        made.facts(_facts(setting, rules))


def _facts(setting: Setting, rules: str) -> Iterator[tuple[str, str]]:
    default = default_of(setting.field)
    yield "Type", in_words(setting.field.type)
    yield "Unit", unit_of(setting.field.name)
    yield "Default", "none, it has to be set" if default is msgspec.NODEFAULT else written(default)
    variable = f"{setting.variable}__NAME" if setting.named else setting.variable
    if not setting.listed:
        also = " for the one of this name, which is then in small letters" if setting.named else ""
        yield "Variable", f"`{variable}`{also}"
    if setting.secret and not setting.listed:
        yield "Secret", f"shown nowhere; from a file by `{variable}_FILE`"
    elif setting.secret:
        yield "Secret", 'shown nowhere; from a file by `{ file = "/path" }`'
    yield "Rule", rules
