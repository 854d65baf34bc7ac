"""Who may do what. An administrator everything; a client what is its own, and its to decide."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, ParamSpec

from controller.admin.model import Actor, Forbidden, Kind
from controller.policy.records import Role

_P = ParamSpec("_P")

#: What a client makes and removes by itself.
CLIENT_MAKES: Final = frozenset({Kind.CALLERID, Kind.SOUND})
#: What a client changes of its own records: these kinds, and of these two these fields alone.
CLIENT_CHANGES: Final = frozenset({Kind.CALLERID, Kind.SOUND, Kind.EXTENSION, Kind.CLIENT})
CLIENT_FIELDS: Final = frozenset({"contact_name", "description"})
#: What of an extension is the operator's to decide: whose it is, how it is reached, where calls
#: may go and how long (toll fraud is paid by the operator first).
OPERATOR_FIELDS: Final = frozenset(
    {
        "client",
        # Or a client could undo what the operator switched off.
        "enabled",
        "dids",
        "country",
        "return_countries",
        "destination_countries",
        "return_prefixes",
        "destination_prefixes",
        "blocked_countries",
        "blocked_prefixes",
        "return_types",
        "destination_types",
        "blocked_types",
        "longest_call_seconds",
        # D4: each of them is as long as one may be.
        "further_calls",
        "callbacks_per_number",
        "callbacks_per_block",
        "callbacks_per_did",
        "callbacks_per_extension",
        "unanswered_per_block",
        "unanswered_per_extension",
        "concurrent_calls",
        "most_spent_per_hour",
        "most_spent_per_day",
        "on_sequential_numbers",
        "on_many_extensions",
        "on_short_answers",
        "on_sudden_spend",
        "minimum_credit",
        "return_call_exposure",
        "stop_after_unanswered",
        # I7: what carriers go by; an identity of the operator's choice.
        "p_asserted_identity",
        "p_preferred_identity",
        # I2: a number that is shown must be the operator's to give.
        "caller_id_number_from",
        "caller_id_number",
    }
)
#: What nobody sees who sees one client only. Prices are the operator's, his costs among them; what
#: a call has cost is in the ledger of whoever paid.
UNSCOPED_ONLY: Final = frozenset({Kind.CHANNEL, Kind.TOKEN, Kind.PRICE_LIST, Kind.RATE})


def allowed(check: Callable[_P, object], *args: _P.args, **named: _P.kwargs) -> bool:
    """Whether one of the checks here lets somebody: for whoever shows what he could do."""
    try:
        check(*args, **named)
    except Forbidden:
        return False
    return True


def may_make(actor: Actor, kind: Kind) -> None:
    """Check that a kind may be made or removed. Raises `Forbidden`."""
    _may_write(actor)
    if actor.role is Role.CLIENT and kind not in CLIENT_MAKES:
        raise Forbidden(
            f"a token of role `client` makes and removes {_list(CLIENT_MAKES)} only; "
            f"ask the operator for the {kind.word}"
        )


def may_change(actor: Actor, kind: Kind, fields: Iterable[str]) -> None:
    """Check that these fields of a kind may be changed. Raises `Forbidden`."""
    _may_write(actor)
    if actor.role is Role.ADMIN:
        return
    if kind not in CLIENT_CHANGES:
        raise Forbidden(f"a token of role `client` changes no {kind.word}")
    refused = set(fields)
    if kind is Kind.CLIENT:
        refused -= CLIENT_FIELDS
    elif kind is Kind.EXTENSION:
        refused &= OPERATOR_FIELDS
    else:
        refused &= {"client"}
    if refused:
        raise Forbidden(f"{sorted(refused)[0]}: is the operator's to decide; ask him")


def may_enter(actor: Actor) -> None:
    """Check that entries of accounts may be made. Raises `Forbidden`."""
    _may_write(actor)
    if actor.role is not Role.ADMIN:
        raise Forbidden("entries of accounts are made by administrators")


def may_audit(actor: Actor) -> None:
    """Check that the audit log may be read. Raises `Forbidden`."""
    if actor.client is not None:
        raise Forbidden("the audit log is for tokens that see all clients")


def may_ask(actor: Actor) -> None:
    """Check that callbacks may be asked for and cancelled. Raises `Forbidden`."""
    _may_write(actor)


def may_hang_up(actor: Actor) -> None:
    """Check that calls in progress may be ended; which, is looked up. Raises `Forbidden`."""
    _may_write(actor)


def may_stop(actor: Actor, *, everywhere: bool) -> None:
    """Check that callbacks may be stopped, and resumed (O6). Raises `Forbidden`."""
    _may_write(actor)
    if everywhere and actor.role is not Role.ADMIN:
        raise Forbidden("callbacks are stopped everywhere, and resumed, by administrators")


def may_release(actor: Actor) -> None:
    """Check that lock-outs may be released (A3); of which, is looked up. Raises `Forbidden`."""
    _may_write(actor)


def may_release_suspicion(actor: Actor) -> None:
    """Check that suspicions of fraud may be released (G3). Raises `Forbidden`."""
    _may_write(actor)
    if actor.role is not Role.ADMIN:
        raise Forbidden("what looks like fraud is released by administrators; ask the operator")


def may_see_nodes(actor: Actor) -> None:
    """Check that nodes and controllers may be seen: they are the operator's. Raises `Forbidden`."""
    if actor.client is not None:
        raise Forbidden("nodes and controllers are for tokens that see all clients")


def may_drain(actor: Actor) -> None:
    """Check that nodes may be drained, and resumed. Raises `Forbidden`."""
    _may_write(actor)
    if actor.role is not Role.ADMIN:
        raise Forbidden("nodes are drained, and resumed, by administrators")


def may_keep_users(actor: Actor) -> None:
    """Check that users may be seen, made and changed. Raises `Forbidden`."""
    if actor.role is not Role.ADMIN:
        raise Forbidden("users are seen and kept by administrators")


def may_keep_persons(actor: Actor) -> None:
    """Check that what is kept about a person may be exported and erased. Raises `Forbidden`."""
    if actor.role is not Role.ADMIN:
        raise Forbidden("what is kept about a person is exported and erased by administrators")


def may_name_channels(actor: Actor, field: str = "over") -> None:
    """Check that channels may be named (`UNSCOPED_ONLY`), in this field. Raises `Forbidden`."""
    if actor.client is not None:
        raise Forbidden(f"{field}: channels are the operator's; leave it out")


def _may_write(actor: Actor) -> None:
    if actor.role is Role.READ_ONLY:
        raise Forbidden("a token of role `read_only` changes nothing")


def _list(kinds: Iterable[Kind]) -> str:
    return " and ".join(sorted(f"{kind.value}s" for kind in kinds))
