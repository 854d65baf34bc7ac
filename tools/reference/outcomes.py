"""docs/reference/outcomes.md: every word that a callback or a call can end with, and what to do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from controller.commands import outcomes as told
from controller.web.pages import causes, outcomes, remedies
from controller.web.pages.menu import MENU
from controller.web.pages.remedies import Remedy
from tools.reference.page import Page, anchor_of, plain

_LABELS: Final = {entry.path: entry.label for group in MENU for entry in group.entries}


def page() -> str:
    """Give the page."""
    made = Page(
        "Outcomes",
        "Made of `controller/web/pages/outcomes.py` and `remedies.py`, and of "
        "`controller/commands/outcomes.py`, by `make reference`.",
        "`callbackd callback list`, `/api/v1/callbacks`, the pages, call records and metrics all "
        "have these words. What stands in quotation marks below is a field or a heading of a page; "
        "[policy.md](policy.md) has all fields. “Below” is the page of the callback, or `callbackd "
        "callback show ID`.",
    )
    made.heading("How a callback ended", 2, "ended")
    made.say(
        "The `outcome` of a callback that is `done`; of one that is `pending` again, of its last "
        "try."
    )
    _add(made, "ended", outcomes.ENDED, told.ENDED)
    made.heading("Why nobody is called back", 2, "refused")
    made.say(
        "The `outcome` of a callback with the state `refused`, from the start; or of one that is "
        "`done`, where it came to that while it was pending."
    )
    _add(made, "refused", outcomes.REFUSED, told.REFUSED)
    made.heading("Why a call was not placed", 2, "unplaced")
    made.say("The `refusal` of a call's plan: a return call, or one to a destination.")
    _add(made, "unplaced", outcomes.UNPLACED, told.UNPLACED, dialled=True)
    made.heading("Why a channel was not used", 2, "passed")
    made.say("The `reason` of a channel that a call's plan has passed over.")
    _list(made, outcomes.PASSED)
    made.heading("Where a callback is", 2, "states")
    _list(made, outcomes.STATES)
    made.heading("Why a leg ended", 2, "causes")
    made.say(
        "The `cause` of a leg is FreeSWITCH's own word. These come of ordinary calls; any other is "
        "shown by its name."
    )
    _list(made, causes.CAUSES)
    return made.text()


def words() -> dict[str, Mapping[str, str]]:
    """Give all words that have a heading, by where they stand."""
    return {
        "ended": outcomes.ENDED,
        "refused": outcomes.REFUSED,
        "unplaced": outcomes.UNPLACED,
    }


def _add(
    made: Page,
    where: str,
    sentences: Mapping[str, str],
    short: Mapping[str, str],
    *,
    dialled: bool = False,
) -> None:
    for word, sentence in sentences.items():
        made.heading(f"`{word}`", 3, anchor_of(where, word))
        made.say(plain(sentence))
        todo = remedy_of(word, dialled=dialled)
        made.facts(
            (
                ("What to do", _what(todo) if todo else ""),
                ("As commands say it", plain(short.get(word, ""))),
            )
        )


def remedy_of(word: str, *, dialled: bool) -> Remedy | None:
    """Give what can be done; `dialled`: it is said of a number that a caller dials."""
    found = remedies.REMEDIES.get(word)
    return remedies.DIALLED.get(word, found) if dialled else found


def _what(todo: Remedy) -> str:
    places = [_LABELS[path] for path in todo.places]
    where = f" Pages: {', '.join(places)}." if places else ""
    return plain(todo.text) + where + (" For the operator alone." if todo.operator else "")


def _list(made: Page, sentences: Mapping[str, str]) -> None:
    made.say("\n".join(f"- `{word}`: {plain(text)}" for word, text in sentences.items()))
