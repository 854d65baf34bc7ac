"""The rooms: imports go one way, and no file is longer than a reader has patience for."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import msgspec
import pytest

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "controller").rglob("*.py"))

PURE = (
    "callback", "policy", "numbers", "callerid", "credit", "gateways", "guard", "prompts",
    "routing",
)  # fmt: skip
#: What waits, remembers, tells the time or rolls dice.
IMPURE = {
    "asyncio", "datetime", "gevent", "random", "redis", "secrets", "select", "signal", "socket",
    "sqlalchemy", "sqlite3", "subprocess", "threading", "time", "valkey",
}  # fmt: skip

#: Pure files that need the calendar, and ask it for no time of their own.
CALENDAR = {
    "controller/policy/moments.py",
    "controller/policy/quiet.py",
    "controller/routing/hours.py",
}

LONGEST = 400
#: Files that may be longer, each with its reason.
LONGER: dict[str, str] = {}


class Import(msgspec.Struct, frozen=True):
    """One import of a file; `inside` is whether it stands in a function."""

    module: str
    inside: bool
    line: int


@cache
def tree(path: Path) -> ast.Module:
    """Parse a file once."""
    return ast.parse(path.read_text(encoding="utf-8"))


def name_of(path: Path) -> str:
    """Give a file's path inside the project."""
    return path.relative_to(ROOT).as_posix()


def imports(path: Path) -> Iterator[Import]:
    """Give every import of a file, those for types included, by absolute name."""
    package = path.relative_to(ROOT).parent.parts
    inside = {
        id(node)
        for function in ast.walk(tree(path))
        if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef))
        for node in ast.walk(function)
    }
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(alias.name, id(node) in inside, node.lineno)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            module = ".".join(part for part in (base, node.module) if part)
            yield Import(module, id(node) in inside, node.lineno)
            for alias in node.names:
                # `from controller import simulator` imports a room too.
                yield Import(f"{module}.{alias.name}", id(node) in inside, node.lineno)


def room_files(*rooms: str) -> list[Path]:
    """Give the files of rooms."""
    return [path for path in FILES if path.relative_to(ROOT).parts[1] in rooms]


def room(module: str) -> str | None:
    """Give the room of ours that a module is in, or None."""
    parts = module.split(".")
    return parts[1] if parts[0] == "controller" and len(parts) > 1 else None


def strangers(path: Path, allowed: tuple[str, ...]) -> list[str]:
    """Give the imports of a file that are of rooms of ours which it may not use."""
    rooms = {path.relative_to(ROOT).parts[1], *allowed}
    return [
        f"{name_of(path)}:{found.line} imports {found.module}"
        for found in imports(path)
        if room(found.module) not in (None, "__version__") and room(found.module) not in rooms
    ]


def test_the_rooms_that_are_tested_are_there() -> None:
    for name in (*PURE, *MAY_USE):
        assert room_files(name), name


@pytest.mark.parametrize("path", room_files(*PURE), ids=name_of)
def test_a_pure_room_uses_pure_rooms_and_nothing_that_waits_or_remembers(path: Path) -> None:
    assert strangers(path, PURE) == []
    used = {found.module.partition(".")[0] for found in imports(path)}
    if name_of(path) in CALENDAR:
        asked = {node.attr for node in ast.walk(tree(path)) if isinstance(node, ast.Attribute)}
        assert asked & {"now", "utcnow", "today", "time"} == set()
        used.discard("datetime")
    assert used & IMPURE == set()


#: What each other room may use of ours. `settings` and `metrics` are single files.
MAY_USE = {
    "esl": (),
    # Asking is decided by what it finds there; it finds and keeps, and decides nothing. A plan is
    # kept with the call that it is of. Credit is decided by what is locked meanwhile.
    "store": ("policy", "callback", "callerid", "routing", "credit", "guard"),
    "cache": ("numbers", "policy", "guard"),
    "gateways": ("policy",),
    # Converting and copying: of what it keeps it is told.
    "sounds": ("policy",),
    "admin": (*PURE, "store", "sounds"),
    "web": (*PURE, "admin"),
    "commands": (*PURE, "admin", "store", "cache", "settings", "sounds"),
    "runtime": (*PURE, "esl", "store", "cache", "settings", "metrics", "sounds"),
    "simulator": ("esl",),
}

#: Files that may use more: some commands ask the switches, as the controller does.
ALSO = {
    "controller/commands/announcing.py": ("esl",),
    "controller/commands/bundle_parts.py": ("esl", "release"),
    "controller/commands/check.py": ("esl", "runtime"),
    "controller/commands/check_host.py": ("open_files",),
    "controller/commands/check_node.py": ("esl",),
    "controller/commands/check_switch.py": ("esl",),
    "controller/commands/gateway_nodes.py": ("esl",),
    "controller/commands/log_lines.py": ("logs",),
    "controller/commands/nodes.py": ("esl",),
    "controller/commands/switch.py": ("esl",),
    "controller/commands/switch_records.py": ("runtime",),
    # A callback is told in the sentences of its page, and in no others.
    "controller/commands/trace.py": ("logs", "web"),
}


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        (path, (*allowed, *ALSO.get(name_of(path), ())))
        for name, allowed in MAY_USE.items()
        for path in room_files(name)
    ],
    ids=lambda value: name_of(value) if isinstance(value, Path) else "",
)
def test_a_room_uses_the_rooms_below_it_only(path: Path, allowed: tuple[str, ...]) -> None:
    assert strangers(path, allowed) == []


@pytest.mark.parametrize("path", room_files("esl"), ids=name_of)
def test_the_event_socket_knows_of_no_callback(path: Path) -> None:
    assert not [found for found in imports(path) if "callback" in found.module]


@pytest.mark.parametrize("path", room_files("web"), ids=name_of)
def test_the_web_knows_no_sql_and_no_switch(path: Path) -> None:
    used = {found.module.partition(".")[0] for found in imports(path)}
    assert used & {"sqlalchemy", "redis", "greenswitch"} == set()


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_production_imports_no_simulator_and_no_demo(path: Path) -> None:
    """Only the commands `simulate` and `demo` do, and only when they are called."""
    if path.relative_to(ROOT).parts[1] in ("simulator", "demo"):
        return
    for found in imports(path):
        if room(found.module) in ("simulator", "demo"):
            where = f"{name_of(path)}:{found.line}"
            assert name_of(path) == "controller/cli.py", where
            assert found.inside, where


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_a_file_is_no_longer_than_400_lines(path: Path) -> None:
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= LONGEST or LONGER.get(name_of(path)), f"{name_of(path)}: {lines} lines"


def undocumented(node: ast.AST, prefix: str) -> Iterator[str]:
    """Give what is public under a node, not in a function, and says nothing of itself."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            continue
        name = f"{prefix}.{child.name}"
        if child.name.startswith("_"):
            continue
        if ast.get_docstring(child) is None and not is_protocol_member(node):
            yield name
        if isinstance(child, ast.ClassDef):
            yield from undocumented(child, name)


def is_protocol_member(owner: ast.AST) -> bool:
    """Whether a class is a Protocol, whose members are named and typed and do nothing."""
    return isinstance(owner, ast.ClassDef) and any(
        isinstance(base, ast.Name) and base.id == "Protocol" for base in owner.bases
    )


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_everything_public_says_what_it_is(path: Path) -> None:
    assert ast.get_docstring(tree(path)), f"{name_of(path)} says nothing of itself"
    assert list(undocumented(tree(path), name_of(path))) == []
