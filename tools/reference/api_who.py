"""Who may do what through the API, asked of `admin.rights`; a test asks the API itself as well."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from controller.admin import rights
from controller.admin.model import Actor, Kind
from controller.policy.records import Role

#: Whoever may ask: by what a token of each kind is called here.
ACTORS: Final[dict[str, Actor]] = {
    "admin": Actor(name="admin", role=Role.ADMIN),
    "reader": Actor(name="reader", role=Role.READ_ONLY),
    "client": Actor(name="client", role=Role.CLIENT, client="acme"),
    "client's reader": Actor(name="clients-reader", role=Role.READ_ONLY, client="acme"),
}
_WORDS: Final[dict[frozenset[str], str]] = {
    frozenset(ACTORS): "every token; one of a client sees what is that client's",
    frozenset({"admin"}): "administrators",
    frozenset({"admin", "client"}): "administrators, and clients with what is their own",
    frozenset({"admin", "reader"}): "administrators, and readers of everything; clients see none",
}

Check = Callable[[Actor], None]


def _see_all(actor: Actor) -> None:
    rights.may_see_nodes(actor)


def _everybody(actor: Actor) -> None:
    del actor


#: The checks of operations that are over no record.
_OTHERS: Final[dict[str, Check]] = {
    "ask_callback": rights.may_ask,
    "cancel_callback": rights.may_ask,
    "stop_everywhere": lambda actor: rights.may_stop(actor, everywhere=True),
    "resume_everywhere": lambda actor: rights.may_stop(actor, everywhere=True),
    "stop": lambda actor: rights.may_stop(actor, everywhere=False),
    "resume": lambda actor: rights.may_stop(actor, everywhere=False),
    "upload_sound": lambda actor: rights.may_make(actor, Kind.SOUND),
    "listen_to_sound": _everybody,
    "release_number": rights.may_release,
    "release_extension": rights.may_release,
    "release_did": rights.may_release,
    "find_rate": _see_all,
    "export_rates": _see_all,
    "import_rates": lambda actor: rights.may_make(actor, Kind.RATE),
    "create_entry": rights.may_enter,
    "import_entries": rights.may_enter,
    "release_suspicion": rights.may_release_suspicion,
    "list_nodes": rights.may_see_nodes,
    "list_controllers": rights.may_see_nodes,
    "drain_node": rights.may_drain,
    "resume_node": rights.may_drain,
    "export_person": rights.may_keep_persons,
    "erase_person": rights.may_keep_persons,
    "list_audit": rights.may_audit,
    **dict.fromkeys(
        (
            "list_all_callerids", "list_callbacks", "get_callback", "list_stops", "list_lockouts",
            "explain_callerid", "explain_route", "explain_callback", "list_entries",
            "export_entries", "list_calls", "export_calls", "get_call", "list_suspicions", "whoami",
        ),
        _everybody,
    ),
}  # fmt: skip


def may(operation: str) -> frozenset[str]:
    """Give who may do an operation. Raises `KeyError` for one that nothing is known of."""
    check = _check(operation)
    return frozenset(name for name, actor in ACTORS.items() if rights.allowed(check, actor))


def in_words(operation: str) -> str:
    """Say who may do an operation."""
    if operation == "openapi":
        return "anybody: no token is asked for"
    return _WORDS[may(operation)]


def _check(operation: str) -> Check:
    if operation in _OTHERS:
        return _OTHERS[operation]
    verb, _, name = operation.partition("_")
    kind = Kind(name.removesuffix("s") if verb == "list" else name)
    match verb:
        case "list" | "get":
            return _see_all if kind in rights.UNSCOPED_ONLY else _everybody
        case "create" | "delete":
            return lambda actor: rights.may_make(actor, kind)
        case "change":
            return lambda actor: rights.may_change(actor, kind, ())
    raise KeyError(operation)
