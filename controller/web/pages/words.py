"""The words of pages: marked where they stand, translated where they are shown.

A catalogue is `locale/<language>/LC_MESSAGES/callbackd.mo`; where there is none, words stay as they
are written: English.
"""

from __future__ import annotations

import gettext as catalogues
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Final

from flask import g, has_app_context

#: The name of our catalogues, and where they are.
DOMAIN: Final = "callbackd"
LOCALES: Final = Path(__file__).parent / "locale"


def N_(text: str) -> str:  # noqa: N802  (as gettext's tools know it)
    """Mark words that are translated where they are shown."""
    return text


def _(text: str) -> str:
    """Translate words into the language of whoever asks."""
    return _current().gettext(text)


def said(message: str) -> str:
    """Translate what a desk says is wrong: a sentence that is known, also with a bound in it.

    What it says beyond that names records and values, and stays as it is. Commands and the ids of
    rules are for those who type commands.
    """
    message = _RULE.sub(lambda found: found[1] or "", _COMMAND.sub("", message))
    if not message:
        # The empty text stands for a catalogue's own head.
        return message
    for text, known in _BOUNDED:
        found = known.fullmatch(message)
        if found is not None:
            return _(text) % {"bound": found[1]}
    return _CODE.sub(r"“\1”", _(message))


def ngettext(one: str, many: str, count: int) -> str:
    """Translate words that depend on a count."""
    return _current().ngettext(one, many, count)


#: A command that puts something right, as desks say it last or in brackets.
_COMMAND: Final = re.compile(r"\s\(callbackd [^()]*\)|[:;] callbackd .*\Z", re.DOTALL)
#: A rule of the specification.
_RULE: Final = re.compile(r" \([A-Z][0-9]{1,2}\)|( \()[A-Z][0-9]{1,2}: ")
#: What is to be written as it stands.
_CODE: Final = re.compile(r"`([^`]*)`")
#: What desks say with a bound in it (`admin.wording`), and how that is recognised.
_BOUNDED: Final = tuple(
    (text, re.compile(re.escape(text).replace(re.escape("%(bound)s"), "(-?[0-9.]+)")))
    for text in (
        N_("write a whole number, at least %(bound)s"),
        N_("write a whole number, at most %(bound)s"),
        N_("is too long; write at most %(bound)s characters"),
        N_("is too short; write at least %(bound)s characters"),
        N_("are too many; write at most %(bound)s of them"),
        N_("are too few; write at least %(bound)s of them"),
    )
)


@cache
def languages() -> tuple[str, ...]:
    """Give the languages that there are, English first."""
    found = sorted(path.parent.parent.name for path in LOCALES.glob(f"*/LC_MESSAGES/{DOMAIN}.mo"))
    return ("en", *(name for name in found if name != "en"))


def choose(accepted: Sequence[str]) -> str:
    """Give the first of these that there is, also by its first part (`pt-BR`, `pt`), or English."""
    known = set(languages())
    for name in accepted:
        for wanted in (name.replace("-", "_"), name[:2].lower()):
            if wanted in known:
                return wanted
    return "en"


@cache
def _catalogue(language: str) -> catalogues.NullTranslations:
    return catalogues.translation(DOMAIN, LOCALES, [language], fallback=True)


def _current() -> catalogues.NullTranslations:
    return _catalogue(g.get("language", "en") if has_app_context() else "en")
