"""What rules say of a call, in the words of the extension's form (I9): its fields and choices."""

from __future__ import annotations

import re
from typing import Final

from controller.admin.model import Kind
from controller.policy.fields import ReturnCalls
from controller.web.pages.extension_sections import EXTENSIONS
from controller.web.pages.forms import Form
from controller.web.pages.words import _

_MODES: Final = re.compile("`({})`".format("|".join(ReturnCalls)))
_CHOICES: Final = dict(
    next(
        field.options
        for section in EXTENSIONS.sections
        for field in section.fields
        if field.name == "return_calls"
    )
)
#: It knows the fields' names; nothing is written in it.
_FORM: Final = Form(Kind.EXTENSION, EXTENSIONS.sections)


def told(text: str) -> str:
    """Write what came of a rule as the form has it; what it names no field of stays as it is."""
    named = _MODES.sub(lambda found: f"“{_(_CHOICES[found[1]])}”", text)
    return _FORM.in_words(named)
