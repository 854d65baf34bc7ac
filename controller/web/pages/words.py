"""The words of pages: marked where they stand, translated where they are shown.

A catalogue is `locale/<language>/LC_MESSAGES/callbackd.mo`; where there is none, words stay as they
are written: English.
"""

from __future__ import annotations

import gettext as catalogues
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


def ngettext(one: str, many: str, count: int) -> str:
    """Translate words that depend on a count."""
    return _current().ngettext(one, many, count)


def languages() -> list[str]:
    """Give the languages that there are, English first."""
    found = sorted(path.parent.parent.name for path in LOCALES.glob(f"*/LC_MESSAGES/{DOMAIN}.mo"))
    return ["en", *(name for name in found if name != "en")]


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
