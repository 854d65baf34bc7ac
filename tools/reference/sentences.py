"""The sentences that stand in the code: above fields (`#:`), and in docstrings (`Attributes:`).

Both say what a field is; a field that has neither has no sentence, and a test fails for it.
"""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from typing import Any, Final

_COMMENT: Final = re.compile(r"\s*#: ?(.*)")
#: `name: text` and `one, two: text`, where an attribute begins.
_ATTRIBUTE: Final = re.compile(r"([a-z_0-9]+(?:, [a-z_0-9]+)*): (.*)")
#: Rules of the specification, where a sentence begins with them: `T5: `, `I1, I2: `.
_RULES: Final = re.compile(r"((?:[A-Z][0-9]{1,2})(?:, [A-Z][0-9]{1,2})*): ")


def of_fields(struct: type[Any]) -> dict[str, str]:
    """Give the sentence of each field of a Struct that has one, those it inherits among them."""
    found: dict[str, str] = {}
    for base in reversed(struct.__mro__):
        if base.__module__.startswith("controller."):
            found |= _attributes(inspect.getdoc(base) or "") | _comments(base)
    return found


def lead(struct: type[Any]) -> str:
    """Give what a Struct says of itself, as paragraphs; its attributes are left out."""
    return (inspect.getdoc(struct) or "").partition("\nAttributes:")[0].strip()


def parted(sentence: str) -> tuple[str, str]:
    """Part the rules that a sentence begins with from the sentence, which then has a capital."""
    rules = _RULES.match(sentence)
    text = sentence[rules.end() :] if rules else sentence
    return (rules[1] if rules else ""), text[:1].upper() + text[1:]


def _comments(struct: type[Any]) -> dict[str, str]:
    source = textwrap.dedent(inspect.getsource(struct))
    lines = source.splitlines()
    (parsed,) = ast.parse(source).body
    assert isinstance(parsed, ast.ClassDef)
    found = {}
    for node in parsed.body:
        if not isinstance(node, ast.AnnAssign) or not isinstance(node.target, ast.Name):
            continue
        said: list[str] = []
        at = node.lineno - 2
        while at >= 0 and (comment := _COMMENT.fullmatch(lines[at])):
            said.insert(0, comment[1])
            at -= 1
        if said:
            found[node.target.id] = " ".join(said)
    return found


def _attributes(doc: str) -> dict[str, str]:
    _, there, listed = doc.partition("\nAttributes:")
    found: dict[str, str] = {}
    names: list[str] = []
    for line in listed.splitlines() if there else ():
        begun = _ATTRIBUTE.fullmatch(line.strip())
        # What goes on with a sentence is further in than where attributes begin.
        if begun and line.startswith("    ") and not line.startswith("     "):
            names = begun[1].split(", ")
            found |= dict.fromkeys(names, begun[2])
        elif line.strip():
            for name in names:
                found[name] += " " + line.strip()
    return found
