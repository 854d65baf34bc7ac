"""A callback's page: what happened, from the call that rang to why it ended (T10, I9, M7, O3)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial
from typing import Final

from flask import Flask, render_template

from controller.admin.callback_shapes import State, WholeCallback
from controller.web.pages import shown
from controller.web.pages.calls import add_words
from controller.web.pages.causes import cause
from controller.web.pages.charts import Phase, TimeLine, time_line
from controller.web.pages.desks import Desks
from controller.web.pages.entering import actor
from controller.web.pages.outcomes import tone, why
from controller.web.pages.remedies import remedy
from controller.web.pages.story import story, tenths
from controller.web.pages.words import _

_MICROS: Final = 1_000_000
#: A callback that waited so many times as long as all its calls took is drawn without its waiting,
#: or nothing could be seen of these.
_MOST_WAITING: Final = 4


class TimelinePages:
    """The page of a callback."""

    def __init__(self, desks: Desks) -> None:
        self._desks = desks

    def register(self, app: Flask) -> None:
        """Add the view."""
        add_words(app)
        app.add_url_rule("/callbacks/<id>", "callback.timeline", self.show)

    def show(self, id: str) -> str:  # noqa: A002  (a part of the path)
        """Show a callback."""
        desk = self._desks.callbacks
        callback = self._desks.run(desk.get, actor(), id)
        held = self._desks.run(desk.held, actor(), id)
        line, without_waiting = drawn(callback, time.time_ns() // 1000)
        return render_template(
            "timeline.html",
            callback=callback,
            moments=story(callback),
            held=[one for one in held if one.ended is None],
            why=why(callback.state.value, callback.outcome),
            tone=tone(callback.state.value, callback.outcome),
            remedy=partial(remedy, who=actor()),
            line=line,
            without_waiting=without_waiting,
        )


def drawn(callback: WholeCallback, now: int) -> tuple[TimeLine | None, bool]:
    """Give the bars of a callback, and whether its waiting is left out for being so long.

    `now`: until when those go on that are not over.
    """
    if callback.state is State.REFUSED:
        return None, False
    last = max(
        now if callback.ended is None else callback.ended,
        callback.created,
        *(one.ended or one.begun for one in callback.tries),
        *(one.ended or one.begun for one in callback.destinations),
    )
    waiting = list(_waiting(callback, last))
    tries = list(_tries(callback, last))
    destinations = list(_destinations(callback, last))
    calls = sum(phase.ended - phase.begun for phase in (*tries, *destinations))
    waited = sum(phase.ended - phase.begun for phase in waiting[:1])
    too_long = bool(tries) and waited > _MOST_WAITING * max(calls, _MICROS)
    lanes = [
        (_("Trigger call"), [] if too_long else list(_trigger(callback))),
        (_("Waiting"), waiting[1:] if too_long else waiting),
        (_("Return call"), tries),
        (_("Destination"), destinations),
    ]
    return time_line([lane for lane in lanes if lane[1]], shown.seconds), too_long


def _trigger(callback: WholeCallback) -> Iterator[Phase]:
    if callback.rang_milliseconds is not None:
        begun = callback.created - callback.rang_milliseconds * 1000
        text = _("It rang %(time)s") % {"time": tenths(callback.rang_milliseconds)}
        yield Phase(begun, callback.created, "ringing", text)


def _waiting(callback: WholeCallback, last: int) -> Iterator[Phase]:
    since = callback.created
    for one in callback.tries:
        if one.begun > since:
            yield _waited(since, one.begun)
        since = max(since, one.ended or last)
    if callback.state is State.PENDING or not callback.tries:
        yield _waited(since, last)


def _waited(begun: int, ended: int) -> Phase:
    lasted = shown.seconds((ended - begun) / _MICROS)
    return Phase(begun, ended, "waiting", _("It waited %(time)s") % {"time": lasted})


def _tries(callback: WholeCallback, last: int) -> Iterator[Phase]:
    for number, one in enumerate(callback.tries, start=1):
        ended = last if one.ended is None else one.ended
        rang = ended if one.answered is None else one.answered
        values = {"try": number, "time": shown.seconds((rang - one.begun) / _MICROS)}
        yield Phase(one.begun, rang, "ringing", _("Try %(try)s rang %(time)s") % values)
        if one.answered is not None:
            lasted = shown.seconds((ended - one.answered) / _MICROS)
            said = _("The caller was on the line %(time)s") % {"time": lasted}
            yield Phase(one.answered, ended, "talking", said)


def _destinations(callback: WholeCallback, last: int) -> Iterator[Phase]:
    for one in callback.destinations:
        if one.plan is not None and one.plan.refusal:
            continue
        ended = last if one.ended is None else one.ended
        rang = ended if one.connected is None else one.connected
        values = {"number": one.number, "time": shown.seconds((rang - one.begun) / _MICROS)}
        yield Phase(one.begun, rang, "ringing", _("%(number)s rang %(time)s") % values)
        if one.connected is not None:
            lasted = shown.seconds((ended - one.connected) / _MICROS)
            if one.ended is not None:
                said = _("People talked %(time)s: %(cause)s") % {
                    "time": lasted,
                    "cause": cause(one.cause),
                }
            elif callback.ended is None:
                said = _("People have talked %(time)s so far") % {"time": lasted}
            else:
                said = _("People talked, nobody knows for how long")
            yield Phase(one.connected, ended, "talking", said)
