"""What is answered: records, pages, lines of ledgers and of the audit log, as JSON."""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec
from flask import Response
from msgspec import Meta

from controller.admin.callback_shapes import (
    Callback,
    DestinationTry,
    Stopped,
    TranscriptEntry,
    Try,
    WholeCallback,
)
from controller.admin.csv_lines import Bad, Report
from controller.admin.explained import ExplainedCallback, ExplainedCallerId, ExplainedRoute
from controller.admin.lockouts import Lockout
from controller.admin.model import Audited, Item, Kind, Line
from controller.admin.node_shapes import ControllerShown, NodeShown
from controller.admin.rates import FoundRate, RateInEffect
from controller.admin.shapes import VIEWS
from controller.admin.suspicions import Suspicion
from controller.credit.call_record import TIMES as CALL_TIMES
from controller.credit.call_record import CallRecord, CallTotal
from controller.credit.call_record import written as written_call
from controller.policy.moments import written as when
from controller.web.api.reading import JSON

When = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]


def _told(model: type[Any], name: str, *times: str) -> type[msgspec.Struct]:
    """Make a Struct like another one whose times are written out."""
    fields: list[Any] = []
    for field in msgspec.structs.fields(model):
        written: Any = When if field.type is int else When | None
        fields.append((field.name, written if field.name in times else field.type))
    return msgspec.defstruct(name, fields, kw_only=True)


def _page_of(item: type[msgspec.Struct]) -> type[msgspec.Struct]:
    return msgspec.defstruct(
        f"{item.__name__}Page",
        [("items", list[item]), ("next", str | None)],  # type: ignore[valid-type]
        kw_only=True,
    )


LINE: Final = _told(Line, "EntryLine", "created")
AUDITED: Final = _told(Audited, "AuditedChange", "at")
#: A token that was just made: the only time that its secret is told.
ISSUED: Final = msgspec.defstruct(
    "IssuedToken", [("secret", str)], bases=(VIEWS[Kind.TOKEN],), kw_only=True
)
PAGES: Final = {kind: _page_of(view) for kind, view in VIEWS.items()}
_CALLBACK_TIMES: Final = ("created", "due", "expires", "ended")
_TRY_TIMES: Final = ("begun", "answered", "ended")
CALLBACK: Final = _told(Callback, "Callback", *_CALLBACK_TIMES)
_TRY: Final = _told(Try, "CallbackTry", *_TRY_TIMES)
_DESTINATION_TIMES: Final = ("begun", "connected", "ended")
_DESTINATION: Final = _told(DestinationTry, "CallbackDestination", *_DESTINATION_TIMES)
_TRANSCRIPT: Final = _told(TranscriptEntry, "CallbackTranscriptEntry", "at")
CALL: Final = _told(CallRecord, "Call", *CALL_TIMES)
CALL_PAGE: Final = _page_of(CALL)
#: A callback with its tries, whom it called, what that cost, and its transcript.
WHOLE_CALLBACK: Final = msgspec.defstruct(
    "WholeCallback",
    [
        ("tries", list[_TRY]),  # type: ignore[valid-type]
        ("destinations", list[_DESTINATION]),  # type: ignore[valid-type]
        ("legs", list[CALL]),  # type: ignore[valid-type]
        ("totals", list[CallTotal]),
        ("transcript", list[_TRANSCRIPT]),  # type: ignore[valid-type]
    ],
    bases=(CALLBACK,),
    kw_only=True,
)
STOP: Final = _told(Stopped, "Stop", "since")
LINES: Final = _page_of(LINE)
AUDIT_PAGE: Final = _page_of(AUDITED)
CALLBACK_PAGE: Final = _page_of(CALLBACK)
_LOCKOUT_TIMES: Final = ("since", "until", "last")
LOCKOUT: Final = _told(Lockout, "Lockout", *_LOCKOUT_TIMES)
LOCKOUT_PAGE: Final = msgspec.defstruct(
    "LockoutPage",
    [("everywhere", bool)],
    bases=(_page_of(LOCKOUT),),
    kw_only=True,
)
_SUSPICION_TIMES: Final = ("first", "last", "released")
SUSPICION: Final = _told(Suspicion, "Suspicion", *_SUSPICION_TIMES)
SUSPICION_PAGE: Final = _page_of(SUSPICION)
#: What is answered where somebody asks why (I9), and which of it are times.
EXPLAINED_CALLERID: Final = ExplainedCallerId
_EXPLAINED_TIMES: Final[dict[type[msgspec.Struct], tuple[str, ...]]] = {
    ExplainedCallerId: (),
    ExplainedRoute: ("at",),
    ExplainedCallback: ("at", "due", "expires", "locked_until"),
}
EXPLAINED_ROUTE: Final = _told(ExplainedRoute, "ExplainedRoute", *_EXPLAINED_TIMES[ExplainedRoute])
EXPLAINED_CALLBACK: Final = _told(
    ExplainedCallback, "ExplainedCallback", *_EXPLAINED_TIMES[ExplainedCallback]
)
_RATE_TIMES: Final = ("since", "until")
_RATE: Final = _told(RateInEffect, "RateInEffect", *_RATE_TIMES)
#: The rate that counts for a number.
FOUND_RATE: Final = msgspec.defstruct(
    "FoundRate",
    [
        (field.name, {"at": When, "rate": _RATE | None}.get(field.name, field.type))
        for field in msgspec.structs.fields(FoundRate)
    ],
    kw_only=True,
)
#: What an import of a file did, or would do.
IMPORTED: Final = msgspec.defstruct(
    "ImportReport",
    [
        ("dry_run", bool),
        ("created", int),
        ("changed", int),
        ("same", int),
        ("bad", Annotated[list[Bad], Meta(description="Of a dry run: what is wrong.")]),
    ],
    kw_only=True,
)
_NODE_TIMES: Final = ("seen", "drained_since")
NODE: Final = _told(NodeShown, "Node", *_NODE_TIMES)
_CONTROLLER_TIMES: Final = ("since", "away_since")
CONTROLLER: Final = _told(ControllerShown, "Controller", *_CONTROLLER_TIMES)
#: All of them come in one page.
NODE_PAGE: Final = _page_of(NODE)
CONTROLLER_PAGE: Final = _page_of(CONTROLLER)
#: All stops come in one page.
STOPS: Final = _page_of(STOP)


def record(item: Item) -> dict[str, Any]:
    """Give a record as it is shown."""
    return {
        **item.values,
        "version": item.version,
        "created": when(item.created),
        "changed": when(item.changed),
    }


def line(entry: Line) -> dict[str, Any]:
    """Give a line of a ledger as it is shown."""
    return _written(entry, ("created",))


def audited(change: Audited) -> dict[str, Any]:
    """Give a line of the audit log as it is shown."""
    return _written(change, ("at",))


def callback(found: Callback) -> dict[str, Any]:
    """Give a callback as it is shown; a whole one with all that is known of its calls."""
    made = _written(found, _CALLBACK_TIMES)
    if isinstance(found, WholeCallback):
        made["tries"] = [_written(one, _TRY_TIMES) for one in found.tries]
        made["destinations"] = [_written(one, _DESTINATION_TIMES) for one in found.destinations]
        made["legs"] = [call(one) for one in found.legs]
        made["totals"] = list(found.totals)
        made["transcript"] = [_written(line, ("at",)) for line in found.transcript]
    return made


def call(found: CallRecord) -> dict[str, Any]:
    """Give a leg that is over, as it is shown."""
    return written_call(found)


def stop(found: Stopped) -> dict[str, Any]:
    """Give a stop as it is shown."""
    return _written(found, ("since",))


def node(found: NodeShown) -> dict[str, Any]:
    """Give a node as it is shown."""
    return _written(found, _NODE_TIMES)


def controller(found: ControllerShown) -> dict[str, Any]:
    """Give a controller as it is shown."""
    return _written(found, _CONTROLLER_TIMES)


def lockout(found: Lockout) -> dict[str, Any]:
    """Give a lock-out as it is shown."""
    return _written(found, _LOCKOUT_TIMES)


def suspicion(found: Suspicion) -> dict[str, Any]:
    """Give what looks like fraud, as it is shown."""
    return _written(found, _SUSPICION_TIMES)


def explained(found: ExplainedCallerId | ExplainedRoute | ExplainedCallback) -> dict[str, Any]:
    """Give why something is so, as it is shown."""
    return _written(found, _EXPLAINED_TIMES[type(found)])


def found_rate(found: FoundRate) -> dict[str, Any]:
    """Give the rate that counts for a number, as it is shown."""
    rate = None if found.rate is None else _written(found.rate, _RATE_TIMES)
    return _written(found, ("at",)) | {"rate": rate}


def imported(report: Report, *, dry_run: bool) -> dict[str, Any]:
    """Give what an import did, as it is shown."""
    done = msgspec.structs.asdict(report.applied)
    return {"dry_run": dry_run, **done, "bad": list(report.bad)}


def _written(value: msgspec.Struct, times: tuple[str, ...]) -> dict[str, Any]:
    made = msgspec.structs.asdict(value)
    return made | {name: when(made[name]) for name in times if made[name] is not None}


def etag(item: Item) -> str:
    """Give the tag of a record's version."""
    return f'"{item.version}"'


def answer(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:  # noqa: ANN401
    """Give a value as an answer of JSON."""
    return Response(
        msgspec.json.encode(value), status=status, headers=headers or {}, content_type=JSON
    )
