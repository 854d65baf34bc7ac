"""Dial strings: ``{common}[per leg]endpoint,endpoint|endpoint``.

FreeSWITCH: ``switch_ivr_originate`` in ``src/switch_ivr_originate.c``.
"""

import msgspec


class Endpoint(msgspec.Struct, frozen=True):
    """One leg to dial: its own variables, and where it goes.

    ``gateway`` is empty for a direct address (``sofia/<profile>/<number>@<host>``).
    """

    variables: dict[str, str]
    text: str
    gateway: str
    number: str
    port: str = "5060"


class DialString(msgspec.Struct, frozen=True):
    """The variables of all legs, and groups tried one after the other; a group rings at once."""

    variables: dict[str, str]
    groups: list[list[Endpoint]]


class DialStringError(ValueError):
    """The text is no dial string this switch can call."""


_OPEN = {"{": "}", "[": "]", "<": ">"}


def split_outside(text: str, separator: str) -> list[str]:
    """Split at a character that is in no quotes and in no brackets."""
    parts: list[str] = []
    current: list[str] = []
    closing: list[str] = []
    quoted = False
    for char in text:
        if char == "'":
            quoted = not quoted
        elif not quoted and closing and char == closing[-1]:
            closing.pop()
        elif not quoted and char in "{[":
            closing.append(_OPEN[char])
        if char == separator and not quoted and not closing:
            parts.append("".join(current))
            current = []
        else:
            current.append(char)
    parts.append("".join(current))
    return parts


def parse_variables(text: str) -> dict[str, str]:
    """``a=1,b='x,y'`` as a dict; ``^^:`` at the start names another separator."""
    separator = ","
    if text.startswith("^^") and len(text) > 2:
        separator, text = text[2], text[3:]
    found: dict[str, str] = {}
    for part in split_outside(text, separator):
        name, equals, value = part.strip().partition("=")
        if not name or not equals:
            continue
        if len(value) > 1 and value[0] == value[-1] == "'":
            value = value[1:-1]
        found[name] = value
    return found


def _closing(text: str, opening: str) -> int:
    depth = 0
    quoted = False
    for index, char in enumerate(text):
        if char == "'":
            quoted = not quoted
        elif not quoted and char == opening:
            depth += 1
        elif not quoted and char == _OPEN[opening]:
            depth -= 1
            if depth == 0:
                return index
    raise DialStringError(f"unclosed {opening}")


def _take(text: str, opening: str) -> tuple[dict[str, str], str]:
    found: dict[str, str] = {}
    text = text.strip()
    while text.startswith(opening):
        end = _closing(text, opening)
        found.update(parse_variables(text[1:end]))
        text = text[end + 1 :].strip()
    return found, text


def parse_endpoint(text: str) -> Endpoint:
    """One ``[variables]sofia/gateway/<name>/<number>``. Raises `DialStringError`."""
    variables, address = _take(text, "[")
    parts = address.split("/")
    if parts[0] != "sofia" or len(parts) < 3:
        raise DialStringError(f"no endpoint: {address}")
    if parts[1] == "gateway":
        if len(parts) != 4 or not parts[3]:
            raise DialStringError(f"no number: {address}")
        return Endpoint(variables, address, parts[2], parts[3])
    number, _, host = parts[2].partition("@")
    port = host.rpartition(":")[2] if ":" in host else "5060"
    return Endpoint(variables, address, "", number, port)


def parse(text: str) -> DialString:
    """Read a dial string. Raises `DialStringError`."""
    variables, rest = _take(text, "{")
    groups = [
        [parse_endpoint(leg) for leg in split_outside(group, ",")]
        for group in split_outside(rest, "|")
    ]
    return DialString(variables, groups)
