"""How FreeSWITCH takes a dial string apart, so that tests read back what our builders wrote.

After switch_separate_string (switch_utils.c), switch_event_create_brackets (switch_event.c), the
words of originate_function (mod_commands.c) and the parts of switch_ivr_originate. It is lenient
where the switch is: what a hostile value makes of a string is what a test wants to see.
"""

from __future__ import annotations

import msgspec

_UNESCAPED = {"n": "\n", "r": "\r", "t": "\t", "s": " "}


class Dialled(msgspec.Struct):
    """A dial string as the switch sees it: common variables, and each route with its own."""

    variables: dict[str, str]
    routes: list[tuple[dict[str, str], str]]


def _cleaned(part: str, separator: str) -> str:
    """Drop quotes, resolve escapes, drop spaces at the ends that no quotes held."""
    part = part.lstrip(" ")
    kept: list[str] = []
    keep, quoted, i = 0, False, 0
    while i < len(part):
        char, following = part[i], part[i + 1 : i + 2]
        if char == "\\" and following and (following in "'\"\\" + separator + "".join(_UNESCAPED)):
            kept.append(_UNESCAPED.get(following, following))
            keep = len(kept)
            i += 1
        elif char == "'" and (quoted or "'" in part[i + 1 :]):
            quoted = not quoted
            keep = len(kept) if quoted else keep
        else:
            kept.append(char)
            keep = len(kept) if char != " " or quoted else keep
        i += 1
    return "".join(kept[:keep])


def words(text: str) -> list[str]:
    """Split at blanks outside quotes, as an api command does; this takes the quotes away."""
    found: list[str] = []
    current, quoted, escaped = "", False, False
    for char in text + " ":
        if char == " " and not quoted and not escaped:
            if current:
                found.append(current)
            current = ""
            continue
        if char == "'" and not escaped:
            quoted = not quoted
        escaped = char == "\\" and not escaped
        current += char
    if current.strip():
        found.append(current)
    return [_cleaned(word, "") for word in found]


def parts(text: str, separator: str, limit: int = 1024) -> list[str]:
    """Split at a separator outside quotes; `^^` and a character name another separator."""
    if text.startswith("^^") and len(text) > 3:
        separator, text = text[2], text[3:]
    found: list[str] = []
    start, quoted, i = 0, False, 0
    while i < len(text) and len(found) + 1 < limit:
        if text[i] == "\\":
            i += 1
        elif text[i] == "'" and (quoted or "'" in text[i + 1 :]):
            quoted = not quoted
        elif text[i] == separator and not quoted:
            found.append(text[start:i])
            start = i + 1
        i += 1
    if text[start:]:
        found.append(text[start:])
    return [_cleaned(part, separator) for part in found]


def bracketed(text: str, opening: str, closing: str) -> tuple[dict[str, str], str]:
    """Take variables in brackets off the front; quotes do not hide a bracket."""
    depth, end = 1, 0
    while depth:
        end += 1
        depth += (text[end] == opening) - (text[end] == closing)
    variables: dict[str, str] = {}
    for pair in parts(text[1:end], ","):
        halves = parts(pair, "=", 2)
        if len(halves) == 2:
            variables[halves[0]] = halves[1]
    return variables, text[end + 1 :]


def dialled(text: str) -> Dialled:
    """Read a dial string as `bridge` does."""
    if text.startswith("<") or ":_:" in text:
        raise ValueError("an enterprise originate")
    common: dict[str, str] = {}
    while text.startswith("{"):
        more, text = bracketed(text, "{", "}")
        common |= more
    routes: list[tuple[dict[str, str], str]] = []
    for route in parts(text, "|"):
        own: dict[str, str] = {}
        while route.startswith("["):
            more, route = bracketed(route, "[", "]")  # noqa: PLW2901  (it is eaten from the front)
            own |= more
        routes += [(own, leg) for leg in parts(route, ",")]
    return Dialled(common, routes)
