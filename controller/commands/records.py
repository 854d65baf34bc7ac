"""The commands that every kind of record has: add, show, list, set, remove."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

import click

from controller.commands import completing
from controller.commands.common import (
    Context,
    Opened,
    confirm,
    json_option,
    limit_option,
    opened,
    pages,
    pass_context,
)
from controller.commands.fields import FieldsCommand, collect, edited, edits, options
from controller.commands.shown import echo_item, echo_list, public

if TYPE_CHECKING:
    from controller.admin.model import Item

#: How often a list is read again that somebody else changed between reading and writing.
_TRIES: Final = 5


class Named:
    """How a record of a kind is named on the command line: by its key fields, as arguments."""

    def __init__(self, kind: str, *arguments: str) -> None:
        self.kind = kind
        self.arguments = arguments

    def parameters(self, *, new: bool = False) -> list[click.Parameter]:
        """Give the parameters that name a record; one that is `new` completes nothing."""
        made: list[click.Parameter] = []
        for place, field in enumerate(self.arguments):
            last = place == len(self.arguments) - 1
            complete = None
            if not last:
                complete = completing.of_field(field)
            elif not new:
                within = self.arguments[place - 1] if place else None
                complete = completing.names(self.kind, field, within)
            made.append(click.Argument([field], shell_complete=complete))
        return made

    def also(self) -> list[click.Parameter]:
        """Give what more is needed to name a record that is there: options with a default."""
        return []

    def key(self, store: Opened, given: dict[str, Any]) -> str:
        """Give the key of the record that is named."""
        del store
        return "/".join(given[field] for field in self.arguments)


def group(name: str, text: str) -> click.Group:
    """Make a group of commands."""
    return click.Group(name, help=text)


def add_commands(to: click.Group, named: Named, columns: Sequence[str]) -> None:
    """Add the commands of a kind to its group; `columns` are what a list shows."""
    for command in (
        adding(named),
        _showing(named),
        _listing(named, columns),
        _setting(named),
        _removing(named),
    ):
        to.add_command(command)


def _the(kind: str) -> str:
    words = {
        "callerid": "authorised CallerID",
        "number": "public number",
        "price_list": "price list",
    }
    return words.get(kind, kind)


def _a(kind: str) -> str:
    return f"{'an' if _the(kind)[0] in 'aeiou' else 'a'} {_the(kind)}"


def make(
    name: str, callback: Callable[..., None], text: str, params: list[Any], lazily: Any = None
) -> FieldsCommand:
    """Put a command together."""
    return FieldsCommand(
        name,
        callback=pass_context(callback),
        params=[*params, json_option()],
        help=text,
        make=lazily or list,
    )


def adding(
    named: Named,
    create: Callable[[Opened, dict[str, Any]], Item] | None = None,
) -> FieldsCommand:
    """Make the command `add`."""
    kind = named.kind

    def add(context: Context, /, as_json: bool, **given: Any) -> None:
        from controller.admin.model import Kind

        values = collect(kind, given)
        with opened(context.settings()) as store:
            item = (
                create(store, values)
                if create is not None
                else store.directory.create(store.actor, Kind(kind), values)
            )
        echo_item(item, as_json=as_json)

    return make(
        "add",
        add,
        f"Add {_a(kind)}.",
        named.parameters(new=True),
        lambda: options(kind, change=False, without=named.arguments),
    )


def _showing(named: Named) -> click.Command:
    def show(context: Context, /, as_json: bool, **given: Any) -> None:
        from controller.admin.model import Kind

        with opened(context.settings()) as store:
            item = store.directory.get(store.actor, Kind(named.kind), named.key(store, given))
        echo_item(item, as_json=as_json)

    return make("show", show, f"Show {_a(named.kind)}.", [*named.parameters(), *named.also()])


def _listing(named: Named, columns: Sequence[str]) -> click.Command:
    kind = named.kind

    def list_(context: Context, /, as_json: bool, limit: int | None, **given: Any) -> None:
        from controller.admin.model import Kind

        filters = {name: value for name, value in given.items() if value is not None}
        with opened(context.settings()) as store:

            def fetch(after: Any, most: int) -> Any:
                return store.directory.list(
                    store.actor, Kind(kind), filters, after=after, limit=most
                )

            found: Iterator[list[dict[str, Any]]] = (
                [public(item) for item in items] for items in pages(fetch, limit)
            )
            echo_list(found, columns, as_json=as_json)

    def filters() -> list[click.Parameter]:
        from controller.admin.model import Kind
        from controller.admin.shapes import FILTERS

        made: list[click.Parameter] = []
        for field, how in FILTERS[Kind(kind)].items():
            if field == "enabled":
                made.append(
                    click.Option(["--enabled/--no-enabled"], default=None, help="Those that are.")
                )
                continue
            says = {"prefix": "begins so", "part": "has this in it"}.get(how, "is this")
            made.append(
                click.Option(
                    [f"--{field.replace('_', '-')}"],
                    help=f"Those whose {field} {says}.",
                    shell_complete=completing.of_field(field),
                )
            )
        return made

    return make("list", list_, f"List {_the(kind)}s.", [limit_option()], filters)


def _setting(named: Named) -> click.Command:
    kind = named.kind
    given_as_name = {param.name for param in (*named.parameters(), *named.also())}

    def set_(context: Context, /, as_json: bool, if_version: int | None, **given: Any) -> None:
        values, changes = collect(kind, given), edits(given)
        values = {name: values[name] for name in values if name not in given_as_name}
        if not values and not changes:
            raise click.ClickException("nothing is to be changed; --help lists what can be")
        with opened(context.settings()) as store:
            item = _change(store, kind, named.key(store, given), values, changes, if_version)
        echo_item(item, as_json=as_json)

    return make(
        "set",
        set_,
        f"Change {_a(kind)}: only what is given.",
        [*named.parameters(), *named.also(), _version_option()],
        lambda: options(kind, change=True, without=named.arguments),
    )


def _change(
    store: Opened,
    kind: str,
    key: str,
    values: dict[str, Any],
    changes: dict[str, tuple[Any, Any]],
    version: int | None,
) -> Item:
    from controller.admin.model import Kind, Stale

    directory, actor = store.directory, store.actor
    if not changes:
        return directory.change(actor, Kind(kind), key, values, version=version)
    for tried in range(_TRIES):
        item = directory.get(actor, Kind(kind), key)
        patch = dict(values)
        for name, (added, removed) in changes.items():
            patch[name] = edited(name, item.values[name], added, removed)
        try:
            return directory.change(
                actor, Kind(kind), key, patch, version=item.version if version is None else version
            )
        except Stale:
            # The list was changed meanwhile: what is added is added to what it is now.
            if version is not None or tried == _TRIES - 1:
                raise
    raise AssertionError


def _version_option() -> click.Option:
    return click.Option(
        ["--if-version"], type=int, metavar="N", help="Only if that is still its version."
    )


def _removing(named: Named) -> click.Command:
    kind = named.kind

    def remove(
        context: Context, /, as_json: bool, yes: bool, if_version: int | None, **given: Any
    ) -> None:
        from controller.admin.model import Kind

        with opened(context.settings()) as store:
            key = named.key(store, given)
            # What is not there needs no answer.
            item = store.directory.get(store.actor, Kind(kind), key)
            confirm(f"Remove {_the(kind)} {key}?", yes=yes)
            store.directory.delete(store.actor, Kind(kind), key, version=if_version)
        if as_json:
            echo_item(item, as_json=True)
        else:
            click.echo(f"removed {_the(kind)} {key}")

    params = [
        *named.parameters(),
        *named.also(),
        click.Option(["--yes"], is_flag=True, help="Do not ask."),
        _version_option(),
    ]
    return make("remove", remove, f"Remove {_a(kind)}.", params)
