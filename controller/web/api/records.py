"""The views over records, the same for every kind: list, make, show, change, remove."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, ParamSpec, Protocol, TypeVar
from urllib.parse import quote, urlencode

from flask import Flask, Response, g, request

from controller.admin.model import Actor, Conflict, Invalid, Item, Kind, Page, Stale
from controller.web.api import shown
from controller.web.api.problems import Refusal, bad_parameter
from controller.web.api.reading import (
    JSON,
    MERGE_PATCH,
    NO_VERSION,
    Condition,
    body,
    condition,
    query,
)
from controller.web.api.resources import (
    BASE,
    COLLECTIONS,
    FLAT,
    PARENTS,
    Cursor,
    Limit,
    above,
    filters,
    item_path,
    key_of,
    names,
    rule,
)

if TYPE_CHECKING:
    from controller.admin.directory import Directory

P = ParamSpec("P")
R = TypeVar("R")

#: How many records a page has where nothing is said.
USUAL_ITEMS: Final = 100
#: How often a change of any version is tried where others change the record meanwhile.
MOST_TRIES: Final = 5


class Run(Protocol):
    """What runs a function that blocks, gives what it gives and raises what it raises."""

    def __call__(self, function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run it."""
        ...


class Records:
    """The views over one kind of record."""

    def __init__(self, kind: Kind, directory: Directory, run: Run) -> None:
        self._kind = kind
        self._directory = directory
        self._run = run
        #: What of the key the path of the collection says.
        self._above = names(COLLECTIONS[kind])

    def register(self, app: Flask) -> None:
        """Add the views to an application."""
        kind = self._kind
        for name, path, method, view in (
            ("list", COLLECTIONS[kind], "GET", self.list),
            ("create", COLLECTIONS[kind], "POST", self.create),
            ("get", item_path(kind), "GET", self.get),
            ("change", item_path(kind), "PATCH", self.change),
            ("delete", item_path(kind), "DELETE", self.delete),
        ):
            app.add_url_rule(rule(path), f"{kind.value}.{name}", view, methods=[method])
        if kind in FLAT:
            app.add_url_rule(rule(FLAT[kind]), f"{kind.value}.list_all", self.list, methods=["GET"])

    def list(self, **path: str) -> Response:
        """Give a page of records."""
        wanted = {name: type_ for name, type_ in filters(self._kind).items() if name not in path}
        said = query(request, {**wanted, "after": Cursor, "limit": Limit})
        after, limit = said.pop("after", None), said.pop("limit", USUAL_ITEMS)
        try:
            page = self._run(self._page, actor(), path, said, after, limit)
        except Invalid as error:
            raise bad_parameter(str(error), error.field) from error
        answered = {"items": [shown.record(item) for item in page.items], "next": page.next}
        return shown.answer(answered, headers=next_link(page.next))

    def _page(
        self,
        who: Actor,
        path: Mapping[str, str],
        said: Mapping[str, Any],
        after: str | None,
        limit: int,
    ) -> Page:
        if path:
            # What is part of nothing is not an empty list.
            self._directory.get(who, PARENTS[self._kind], above(self._kind, path))
        return self._directory.list(who, self._kind, {**said, **path}, after=after, limit=limit)

    def create(self, **path: str) -> Response:
        """Make a record."""
        query(request, {})
        values = body(request, JSON)
        for name, value in path.items():
            if values.setdefault(name, value) != value:
                raise Invalid(f"{name}: the path says {value}; write the same, or leave it out")
        if path:
            above(self._kind, path)
        if self._kind is Kind.TOKEN:
            item, secret = self._run(self._directory.issue_token, actor(), values)
            made = {**shown.record(item), "secret": secret}
        else:
            item = self._run(self._directory.create, actor(), self._kind, values)
            made = shown.record(item)
        headers = {"Location": self._place(item), "ETag": shown.etag(item)}
        return shown.answer(made, 201, headers)

    def get(self, **path: str) -> Response:
        """Give a record."""
        query(request, {})
        known = condition(request.headers.get("If-None-Match"), weak=True)
        key = key_of(self._kind, path)
        item = self._run(self._directory.get, actor(), self._kind, key)
        if known is not None and known.has(str(item.version)):
            return Response(status=304, headers={"ETag": shown.etag(item)})
        return whole(item)

    def change(self, **path: str) -> Response:
        """Change some fields of a record (RFC 7396)."""
        query(request, {})
        key = key_of(self._kind, path)
        read = matching()
        patch = body(request, JSON, MERGE_PATCH)
        return whole(self._run(self._change, actor(), key, patch, read))

    def _change(self, who: Actor, key: str, patch: Mapping[str, Any], read: Condition) -> Item:
        if not any(isinstance(value, dict) for value in patch.values()):
            version = meant(self._directory, who, self._kind, key, read)
            return self._directory.change(who, self._kind, key, patch, version=version)
        # The directory sets fields as a whole; of an object inside, the patch names what changes.
        for _ in range(MOST_TRIES):
            there = self._directory.get(who, self._kind, key)
            merged = {name: _merged(there.values.get(name), new) for name, new in patch.items()}
            version = there.version if read.any or there.version in read.versions else NO_VERSION
            try:
                return self._directory.change(who, self._kind, key, merged, version=version)
            except Stale:
                if not read.any:
                    raise
        raise Conflict(f"{self._kind.word} {key} is being changed by others; try again")

    def delete(self, **path: str) -> Response:
        """Remove a record."""
        query(request, {})
        key = key_of(self._kind, path)
        read = condition(request.headers.get("If-Match"), weak=False)
        self._run(self._delete, actor(), key, read)
        return Response(status=204)

    def _delete(self, who: Actor, key: str, read: Condition | None) -> None:
        version = None if read is None else meant(self._directory, who, self._kind, key, read)
        self._directory.delete(who, self._kind, key, version=version)

    def _place(self, item: Item) -> str:
        named = zip(names(item_path(self._kind)), item.key.split("/"), strict=True)
        return BASE + item_path(self._kind).format_map({n: quote(v, safe="+") for n, v in named})


def actor() -> Actor:
    """Give who asks."""
    found: Actor = g.actor
    return found


def matching() -> Condition:
    """Give which versions a change is about. Raises `Refusal` where the request does not say."""
    read = condition(request.headers.get("If-Match"), weak=False)
    if read is None:
        raise Refusal(
            428,
            "say which version is changed: If-Match with the ETag of what was read, or * for any",
            name="precondition",
        )
    return read


def meant(directory: Directory, who: Actor, kind: Kind, key: str, read: Condition) -> int | None:
    """Give the version that is meant; None: any. One of several is the one that is there."""
    if read.any:
        return None
    if len(read.versions) == 1:
        return next(iter(read.versions))
    version = directory.get(who, kind, key).version
    return version if version in read.versions else NO_VERSION


def next_link(after: str | int | None) -> dict[str, str]:
    """Give the header that says where a list goes on: as it was asked for, from there."""
    if after is None:
        return {}
    asked = [
        part for part in request.query_string.split(b"&") if part and not part.startswith(b"after=")
    ]
    behind = urlencode({"after": after}, quote_via=quote, safe="").encode()
    said = b"&".join([*asked, behind]).decode("ascii", "ignore")
    return {"Link": f'<{quote(request.path, safe="/+")}?{said}>; rel="next"'}


def _merged(old: Any, new: Any) -> Any:  # noqa: ANN401
    """Merge a value as RFC 7396 says; null at the top is left for the directory to understand."""
    if not isinstance(new, dict):
        return new
    values = dict(old) if isinstance(old, dict) else {}
    for name, value in new.items():
        if value is None:
            values.pop(name, None)
        else:
            values[name] = _merged(values.get(name), value)
    return values


def whole(item: Item) -> Response:
    """Give a record as an answer, with its tag."""
    return shown.answer(shown.record(item), headers={"ETag": shown.etag(item)})
