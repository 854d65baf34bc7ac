"""A call that is tried and not made, step by step in words: what explaining says of it (I9)."""

from __future__ import annotations

from typing import Final

import msgspec

from controller.admin.explained import ExplainedCallback, ExplainedCallerId, ExplainedRoute
from controller.admin.explaining_call import PlayedCall
from controller.admin.model import Item
from controller.callback.transcript import Words
from controller.callerid.model import Tried
from controller.web.pages.story import decided, heard
from controller.web.pages.words import N_, _

#: Where it is put right that there is no call, by why there is none; else at the extension.
_REMEDIES: Final = {
    "no_channel": ("/channels", N_("See the channels")),
    "stopped": ("/stops", N_("See the stop switch")),
    "locked_out": ("/lockouts", N_("See the lock-outs")),
}
#: What a transcript has of keys that it does not keep.
_TYPED: Final = {
    "(password)": N_("•••• (the password)"),
    "(no number)": N_("(something that is no number)"),
    "(no choice)": N_("(something that is no choice)"),
}
_EXTENSION: Final = N_("See the extension")


class Trial(msgspec.Struct, frozen=True):
    """What was asked about an extension, and answered. None: it was not asked."""

    extension: Item
    back: ExplainedCallback
    call: PlayedCall | None = None
    route: ExplainedRoute | None = None
    seen: ExplainedCallerId | None = None


class Line(msgspec.Struct, frozen=True):
    """A line of the return call: `hears`, `types`, `called` or `decided`."""

    what: str
    text: str


class Part(msgspec.Struct, frozen=True):
    """A step of the call.

    Attributes:
        title: what happens in it.
        state: `good`, `warn`, `bad`, or `none`: it does not come to that.
        said: what comes of it.
        tried: the rules that were asked.
        path, remedy: where it is put right, and how that is called; empty: nothing is to be done.
        lines: what is heard and typed in it.

    """

    title: str
    state: str
    said: str
    tried: tuple[Tried, ...] = ()
    path: str = ""
    remedy: str = ""
    lines: tuple[Line, ...] = ()


def parts_of(trial: Trial) -> tuple[Part, ...]:
    """Give the steps of a call, in order; after one that fails there is nothing more to tell."""
    back, values = trial.back, trial.extension.values
    rung = _text(
        N_("%(did)s rings for %(count)s seconds and is refused as busy: nobody pays for that."),
        did=back.did,
        count=values["ring_seconds"],
    )
    parts = [Part(_("You ring"), "good", rung)]
    if not back.answer:
        return (*parts, _refused(_("You are called back"), trial, back, back.refusal))
    shown = _text(N_("Your telephone shows %(number)s."), number=back.shown or back.did)
    parts.append(Part(_("You are called back"), "good", f"{_said(back.said)} {shown}", back.tried))
    if trial.call is not None:
        parts.append(_answered(trial, trial.call))
    if trial.route is None or trial.seen is None:
        return tuple(parts)
    dialled = _("You dial")
    if not trial.route.answer:
        return (*parts, _refused(dialled, trial, trial.route, trial.route.refusal))
    parts.append(Part(dialled, "good", _said(trial.route.said), trial.route.tried))
    sees = _("They see")
    if not trial.seen.answer:
        return (*parts, _refused(sees, trial, trial.seen, trial.seen.refusal))
    rules = tuple(rule for channel in trial.seen.channels[:1] for rule in channel.tried)
    return (*parts, Part(sees, "good", _said(trial.seen.said), rules))


def works(parts: tuple[Part, ...]) -> bool:
    """Whether nothing of it fails."""
    return all(part.state != "bad" for part in parts)


def _answered(trial: Trial, call: PlayedCall) -> Part:
    """Tell the return call, sentence by sentence; mind that nothing secret was asked (A1, A2)."""
    title, lines = _("You answer"), tuple(line for one in call.lines if (line := _line(one)))
    if any((one.what, one.text) == ("typed", "(password)") for one in call.lines):
        return Part(title, "good", _("This is what you hear, and what you type."), lines=lines)
    said = _("No password is asked for: whoever is called back can call at your expense.")
    return Part(title, "warn", said, (), _page(trial.extension), _(_EXTENSION), lines)


def _line(one: Words) -> Line | None:
    match one.what:
        case "said":
            return Line("hears", heard(one.text))
        case "typed":
            return Line("types", _(_TYPED[one.text]) if one.text in _TYPED else one.text)
        case "called":
            return Line("called", _text(N_("%(number)s is called."), number=one.text))
        case "decided":
            return Line("decided", decided(one.text))
    # How it was kept is of no call that is made.
    return None


def _refused(
    title: str,
    trial: Trial,
    answer: ExplainedCallback | ExplainedRoute | ExplainedCallerId,
    refusal: str | None,
) -> Part:
    path, remedy = _REMEDIES.get(refusal or "", (_page(trial.extension), _EXTENSION))
    return Part(title, "bad", _said(answer.said), answer.tried, path, _(remedy))


def _page(extension: Item) -> str:
    return f"/extensions/of/{extension.key}"


def _said(text: str) -> str:
    """Write a sentence as sentences are written."""
    return text[:1].upper() + text[1:].rstrip(".") + "."


def _text(words: str, **values: object) -> str:
    return _(words) % values
