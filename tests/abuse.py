"""What nothing may take for anything else (G1): the cases of abuse-cases.json, as they are sent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

#: The cases as they stand in the file, by its lists.
CASES: Final[dict[str, list[str]]] = {
    name: cases
    for name, cases in json.loads(
        (Path(__file__).parent / "unit" / "abuse-cases.json").read_text(encoding="utf-8")
    ).items()
    if isinstance(cases, list)
}
#: A case that says what it is, and is not written out.
_LONG: Final = "a string of 5000 digits"

#: Why nobody is called back whose number is one of these, in an extension of the United States.
REASONS: Final[dict[str, str]] = {
    "": "hidden",
    "anonymous": "hidden",
    "Anonymous": "hidden",
    "restricted": "hidden",
    "unavailable": "hidden",
    "+1212%0Avariable_evil:%20yes": "not_digits",
    "+12125550199;ext=1": "not_digits",
    "+12125550199;phone-context=evil.example": "not_digits",
    "\uff11\uff12\uff11\uff12\uff15\uff15\uff15\uff10\uff11\uff19\uff19": "not_digits",
    "+1${system(id)}": "not_digits",
    "12125550199,sofia/gateway/x/19005550100": "not_digits",
    "12125550199|sofia/gateway/x/19005550100": "not_digits",
    "12125550199]sofia/gateway/x/1": "not_digits",
    "%[execute_on_answer=system]12125550199": "not_digits",
    "+19005550100": "costly_number",
    "+8811234567": "not_a_number",
    "+8821234567": "not_a_number",
    "+9791234567": "not_a_number",
    "+4470123456789": "not_a_number",
    "0": "not_digits",
    _LONG: "not_digits",
}


def written(case: str) -> str:
    """Give a case as it is sent."""
    return "1" * 5000 if case == _LONG else case


#: Each list as it is sent.
NUMBERS: Final = [written(case) for case in CASES["caller_id_number"]]
NAMES: Final = CASES["caller_id_name"]
DIGITS: Final = CASES["digits"]
