"""A callback told from its beginning to its end: what happened, in words, in order of time.

Pure: of what a desk gives, what a page shows. What is typed is as masked as its transcript is (A4).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import msgspec

from controller.admin.callback_shapes import (
    CallPlan,
    DestinationTry,
    Source,
    State,
    TranscriptEntry,
    Try,
    WholeCallback,
)
from controller.prompts.catalogue import FALLBACK, catalogue
from controller.web.pages import shown
from controller.web.pages.causes import cause
from controller.web.pages.outcomes import said, tone, unplaced, why
from controller.web.pages.words import N_, _, ngettext

_MICROS: Final = 1_000_000
#: The transcript and what is kept of a destination tell the same thing within so long.
_NEAR: Final = 5 * _MICROS
#: What was said, piece by piece: names of prompts, and amounts in brackets.
_PIECES: Final = re.compile(r"\([^)]*\)|\S+")
_SOUND: Final = "sound:"

#: What the transcript says was typed, where that is no digits.
TYPED: Final[dict[str, str]] = {
    "(password)": N_("The caller typed a password; it is kept nowhere."),
    "(another key)": N_("The caller pressed another key."),
    "(no number)": N_("The caller typed something that is no number; it is not kept."),
    "(no choice)": N_("The caller typed something that is no choice; it is not kept."),
}
#: What the transcript says was decided, where it is no outcome.
DECIDED: Final[dict[str, str]] = {
    "password_right": N_("The password was right."),
    "password_wrong": N_("The password was wrong, or none was typed."),
    "connected": N_("The destination answered: people talk."),
    "taken_over": N_("Another controller went on with the call."),
    "number_not_allowed": N_(
        "The number may not be called; the caller was told so. “Why?” says which rule forbids it."
    ),
    "number_wrong": N_("What was typed is no number; the caller was told so."),
    "redial_unknown": N_("There is no number to dial again."),
    "speed_dial_unknown": N_("There is no such speed dial."),
    "emergency_not_connected": N_("It is an emergency number, and those are not connected here."),
}


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened.

    Attributes:
        at: when, microseconds since 1970; None: after everything before it, nobody knows when.
        kind: its class: `trigger`, `waiting`, `try`, `heard`, `typed`, `decided`, `destination`,
            `end`.
        text: in a sentence.
        more: what is to be said besides, in sentences.
        plan: how a call was placed (I9).
        tone: the class of its mark.

    """

    at: int
    kind: str
    text: str
    more: tuple[str, ...] = ()
    plan: CallPlan | None = None
    tone: str = ""


def story(callback: WholeCallback) -> list[Moment]:
    """Tell a callback: all that is known of it, in order."""
    told = [*_trigger(callback), *_waiting(callback)]
    for number, one in enumerate(callback.tries, start=1):
        told += _try(one, number, callback.number)
    for destination in callback.destinations:
        told += _destination(destination, is_over=callback.ended is not None)
    told += _transcript(callback.transcript, callback.destinations)
    # Sorting keeps the order of what happened at one moment: that of its telling.
    told.sort(key=lambda moment: moment.at)
    return [*told, *_end(callback)]


# --- its beginning -------------------------------------------------------------------------------


def _trigger(callback: WholeCallback) -> Iterator[Moment]:
    more = []
    if callback.rang_milliseconds is not None:
        more.append(_("It rang %(time)s.") % {"time": tenths(callback.rang_milliseconds)})
    if callback.channel:
        more.append(_("It came over channel %(channel)s.") % {"channel": callback.channel})
    if callback.source is Source.API:
        text = _("%(who)s asked for a callback to %(number)s.") % {
            "who": callback.actor or _("Somebody"),
            "number": callback.number or callback.caller or shown.NOTHING,
        }
        if callback.key:
            more.append(_("With the key %(key)s.") % {"key": callback.key})
    else:
        values = {"who": callback.caller or _("Somebody"), "did": callback.did}
        if callback.outcome == "hung_up_early":
            text = _("%(who)s rang %(did)s, and hung up by himself; it cost nothing.") % values
        else:
            text = _("%(who)s rang %(did)s; it was never answered, and cost nothing.") % values
        if callback.caller is None and callback.said:
            more.append(_("The trunk said of the caller: %(said)s") % {"said": callback.said})
        elif callback.caller is None:
            more.append(_("The caller's number was hidden, or there was none."))
    if callback.joined:
        more.append(
            ngettext(
                "It was asked for %(count)s more time while it was open.",
                "It was asked for %(count)s more times while it was open.",
                callback.joined,
            )
            % {"count": callback.joined}
        )
    yield Moment(at=callback.created, kind="trigger", text=text, more=tuple(more))


def tenths(milliseconds: int) -> str:
    """Write how long a call rang, as exactly as it is refused (T1)."""
    return f"{milliseconds / 1000:.1f} s"


def _waiting(callback: WholeCallback) -> Iterator[Moment]:
    if callback.state is State.REFUSED:
        return
    number = callback.number or shown.NOTHING
    first = callback.tries[0].begun if callback.tries else None
    if first is not None:
        waited = (first - callback.created) / _MICROS
        text = _("A callback to %(number)s was due; it waited %(time)s.") % {
            "number": number,
            "time": shown.seconds(max(waited, 0)),
        }
    elif callback.ended is not None:
        text = _("A callback to %(number)s was to be made, and never was.") % {"number": number}
    else:
        text = _("A callback to %(number)s is to be made.") % {"number": number}
    yield Moment(at=callback.created, kind="waiting", text=text)


# --- tries ---------------------------------------------------------------------------------------


def _try(one: Try, number: int, callee: str | None) -> Iterator[Moment]:
    values = {"try": number, "number": callee or shown.NOTHING}
    more = []
    if one.node:
        more.append(_("By switch %(node)s.") % {"node": one.node})
    if one.channels:
        more.append(
            _("Over these channels, in order: %(channels)s.")
            % {"channels": ", ".join(one.channels)}
        )
    yield Moment(
        at=one.begun,
        kind="try",
        text=_("Try %(try)s: %(number)s was called.") % values,
        more=tuple(more),
        plan=one.plan,
    )
    if one.answered is not None:
        rang = shown.seconds((one.answered - one.begun) / _MICROS)
        over = (_("Over channel %(channel)s.") % {"channel": one.channel},) if one.channel else ()
        yield Moment(
            at=one.answered,
            kind="try",
            text=_("The caller answered, after %(time)s.") % {"time": rang},
            more=(*over, *_failed(one.causes)),
            tone="good",
        )
    if one.ended is not None:
        failed = _failed(one.causes) if one.answered is None else ()
        yield Moment(
            at=one.ended,
            kind="try",
            text=_("Try %(try)s ended: %(why)s")
            % {"try": number, "why": said(one.outcome) if one.outcome else shown.NOTHING},
            more=(*failed, *_because(one.cause)),
            tone=tone("done", one.outcome),
        )


def _failed(causes: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(
        _("Channel %(channel)s failed: %(cause)s (%(name)s).")
        % {"channel": channel, "cause": cause(name), "name": name}
        for channel, name in causes.items()
    )


def _because(name: str | None) -> tuple[str, ...]:
    if not name:
        return ()
    return (_("The switch says: %(cause)s (%(name)s).") % {"cause": cause(name), "name": name},)


# --- destinations --------------------------------------------------------------------------------


def _destination(one: DestinationTry, *, is_over: bool) -> Iterator[Moment]:
    # Where its switch died nobody tells how it went on.
    lost = (_("Nobody knows when that ended."),) if is_over and one.ended is None else ()
    refusal = one.plan.refusal if one.plan is not None else None
    if refusal:
        yield Moment(
            at=one.begun,
            kind="destination",
            text=_("%(number)s was not called: %(why)s")
            % {"number": one.number, "why": unplaced(refusal)},
            plan=one.plan,
            tone="bad",
        )
        return
    yield Moment(
        at=one.begun,
        kind="destination",
        text=_("The destination %(number)s was called.") % {"number": one.number},
        more=lost if one.connected is None else (),
        plan=one.plan,
    )
    if one.connected is not None:
        over = (_("Over channel %(channel)s.") % {"channel": one.channel},) if one.channel else ()
        yield Moment(
            at=one.connected,
            kind="destination",
            text=_("%(number)s answered: people talk.") % {"number": one.number},
            more=(*over, *_failed(one.causes), *lost),
            tone="good",
        )
    if one.ended is None:
        return
    if one.connected is not None:
        text = _("The conversation with %(number)s is over, after %(time)s: %(cause)s.") % {
            "number": one.number,
            "time": shown.seconds((one.ended - one.connected) / _MICROS),
            "cause": cause(one.cause),
        }
    else:
        text = _("%(number)s was not reached: %(cause)s.") % {
            "number": one.number,
            "cause": cause(one.cause),
        }
    yield Moment(
        at=one.ended,
        kind="destination",
        text=text,
        more=_failed(one.causes) if one.connected is None else (),
        tone="" if one.connected is not None else "bad",
    )


# --- the transcript ------------------------------------------------------------------------------


def _transcript(
    lines: Sequence[TranscriptEntry], destinations: Sequence[DestinationTry]
) -> Iterator[Moment]:
    """Tell a transcript, but for what destinations tell better."""
    begun = [one.begun for one in destinations]
    connected = [one.connected for one in destinations if one.connected is not None]
    ended = [one.ended for one in destinations if one.ended is not None]
    for line in lines:
        head = line.text.partition(" ")[0]
        match line.what, head:
            case "called", _head:
                told = _near(line.at, begun)
            case "decided", "connected":
                told = _near(line.at, connected)
            case "decided", "talked" | "not_reached" | "not_called":
                told = _near(line.at, [*ended, *begun])
            case "ended", _head:
                # The callback itself says how.
                told = True
            case _:
                told = False
        if not told:
            yield _line(line)


def _near(at: int, others: Sequence[int]) -> bool:
    return any(abs(at - other) < _NEAR for other in others)


def _line(line: TranscriptEntry) -> Moment:
    match line.what:
        case "said":
            kind, text = "heard", _("The caller heard: %(what)s") % {"what": heard(line.text)}
        case "typed":
            known = TYPED.get(line.text)
            kind = "typed"
            text = (
                _("The caller typed: %(digits)s") % {"digits": line.text}
                if known is None
                else _(known)
            )
        case "called":
            kind = "destination"
            text = _("The destination %(number)s was called.") % {"number": line.text}
        case _:
            kind, text = "decided", decided(line.text)
    return Moment(at=line.at, kind=kind, text=text)


def heard(text: str) -> str:
    """Give what was said in words: prompts as they are spoken in English, sounds by name."""
    prompts = catalogue(FALLBACK).prompts
    pieces = []
    for piece in _PIECES.findall(text):
        if piece.startswith(_SOUND):
            pieces.append(_("(the sound %(name)s)") % {"name": piece.removeprefix(_SOUND)})
        elif piece in prompts:
            pieces.append(prompts[piece].text)
        else:
            pieces.append(piece)
    return " ".join(pieces)


def decided(text: str) -> str:
    """Give what a line of the transcript says was decided."""
    head, _space, rest = text.partition(" ")
    match head:
        case "not_called":
            return _("It was not called: %(why)s") % {"why": unplaced(rest)}
        case "talked":
            return _("The conversation is over: %(cause)s.") % {"cause": cause(rest)}
        case "not_reached" if rest:
            return _("It was not reached: %(cause)s.") % {"cause": cause(rest)}
        case "hang":
            return _("The call was hung up.")
    known = DECIDED.get(text)
    return said(text) if known is None else _(known)


# --- its end -------------------------------------------------------------------------------------


def _end(callback: WholeCallback) -> Iterator[Moment]:
    if callback.ended is None and callback.state is not State.REFUSED:
        return
    yield Moment(
        at=callback.created if callback.ended is None else callback.ended,
        kind="end",
        text=why(callback.state.value, callback.outcome),
        more=_because(callback.cause),
        tone=tone(callback.state.value, callback.outcome),
    )
