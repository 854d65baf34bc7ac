"""Between values, as the API shows and takes them, and what is typed into a field."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any, Final

from controller.admin.callers_csv import BETWEEN
from controller.policy.fields import MICRO
from controller.web.pages import rows, shown
from controller.web.pages.fields import Field, Sent, Typed, Widget, Wrong
from controller.web.pages.words import N_, _

#: What a field's secret is said to be where it is to be taken away.
REMOVE: Final = "-remove"
#: The parts of how often (`policy.fields.Rate`).
RATE_PARTS: Final = ("minute", "hour", "day")
_PARTS: Final = {"minute": N_("%s a minute"), "hour": N_("%s an hour"), "day": N_("%s a day")}
#: Units of one.
_ONE: Final = {"seconds": N_("second"), "times": N_("time"), "calls": N_("call")}
_MOST_DIGITS: Final = 18
_LINE_END: Final = re.compile(r"\r\n?")
_WHOLE: Final = re.compile(r"-?[0-9]+\Z", re.ASCII)
_AMOUNT: Final = re.compile(r"[+-]?([0-9]+([.,][0-9]*)?|[.,][0-9]+)\Z", re.ASCII)
#: What may be a thousand as well as one.
_THOUSAND: Final = re.compile(r"[+-]?[1-9][0-9]{0,2},[0-9]{3}\Z", re.ASCII)
#: Shorter than what decimals would be rounded at.
_LONGEST_AMOUNT: Final = 27


def typed_of(field: Field, value: Any) -> Typed:  # noqa: ANN401
    """Give what stands in a field that has this value (as the API shows it)."""
    match field.widget:
        case Widget.SECRET:
            return Typed()
        case Widget.CHECK:
            return Typed(chosen=("on",) if value else ())
        case Widget.CHOICES:
            # As they are shown: of what is chosen the order says nothing.
            chosen = [str(one) for one in value or ()]
            known = [name for name, _ in field.options if name in chosen]
            return Typed(chosen=(*known, *(name for name in chosen if name not in known)))
        case Widget.ORDER:
            return Typed(chosen=tuple(str(one) for one in value or ()))
        case Widget.LINES | Widget.NUMBERS:
            return Typed(text="\n".join(str(one) for one in value or ()))
        case Widget.PAIRS:
            lines = (f"{name} = {said}" for name, said in (value or {}).items())
            return Typed(text="\n".join(lines))
        case Widget.MONEY:
            # As it is written in a field, and not as it is read: no unit, a plain point.
            return Typed(text=_money(value))
        case Widget.RATE:
            parts = {part: (value or {}).get(part) for part in RATE_PARTS}
            return Typed(parts={n: "" if v is None else str(v) for n, v in parts.items()})
        case Widget.SOUNDS:
            return Typed(parts={name: (value or {}).get(name, "") for name, _ in field.options})
        case Widget.ROWS:
            return Typed(rows=tuple((str(n), str(said)) for n, said in (value or {}).items()))
        case Widget.HOURS:
            return Typed(rows=rows.hours_rows(value or ()))
        case Widget.PRICED:
            costs = (f"{name} = {_money(cost)}" for name, cost in (value or {}).items())
            return Typed(text="\n".join(costs))
        case Widget.MOMENT:
            return Typed(text="" if value is None else rows.moment_words(str(value)))
        case Widget.INSTANT:
            return Typed(text="" if value is None else rows.instant_words(int(value)))
        case Widget.LONG:
            return Typed(text="" if value is None else _LINE_END.sub("\n", str(value)))
        case _:
            return Typed(text="" if value is None else str(value))


def in_words(field: Field, value: Any) -> str:  # noqa: ANN401
    """Write what a field is, to be read on one line. What is switched on or off is not for it."""
    typed = typed_of(field, value)
    labels = dict(field.options)

    def label(name: str) -> str:
        return _(labels[name]) if name in labels else name

    if typed.chosen:
        return ", ".join(map(label, typed.chosen))
    if typed.parts:
        said = _PARTS if field.widget is Widget.RATE else {n: f"{label(n)}: %s" for n in labels}
        return ", ".join(_(said[n]).replace("%s", text) for n, text in typed.parts.items() if text)
    if field.widget is Widget.HOURS:
        return ", ".join(map(rows.hours_words, typed.rows))
    if typed.rows:
        none = shown.NOTHING
        return ", ".join(f"{name or none} → {label(text) or none}" for name, text in typed.rows)
    text = label(typed.text) if labels else ", ".join(typed.text.splitlines())
    counted = field.widget in (Widget.NUMBER, Widget.COUNT, Widget.MOMENT, Widget.INSTANT)
    return with_unit(text, field.unit) if text and counted else text


def with_unit(text: str, unit: str) -> str:
    """Write a number with its unit, as it is marked for translation: `1 second`, `2 seconds`."""
    return f"{text} {_(_ONE.get(unit, unit) if text == '1' else unit)}" if unit else text


def _money(value: int | None) -> str:
    return "" if value is None else shown.money(value).strip()


def typed_by(field: Field, sent: Sent) -> Typed | None:
    """Give what a browser sent of a field; None: it was not on the form."""
    said = sent.getlist(field.name)
    match field.widget:
        case Widget.CHECK | Widget.CHOICES:
            # An empty one is always sent: none chosen is not the same as none to choose from.
            return Typed(chosen=tuple(one for one in said if one)) if said else None
        case Widget.ORDER:
            return Typed(chosen=tuple(dict.fromkeys(one for one in said if one))) if said else None
        case Widget.ROWS | Widget.HOURS:
            count = rows.HOURS_PARTS if field.widget is Widget.HOURS else 2
            lists = [sent.getlist(f"{field.name}.{column}") for column in range(count)]
            return Typed(rows=rows.filled(lists)) if any(lists) else None
        case Widget.RATE:
            parts = {part: sent.getlist(f"{field.name}.{part}") for part in RATE_PARTS}
            if not any(parts.values()):
                return None
            return Typed(parts={name: "".join(text[:1]) for name, text in parts.items()})
        case Widget.SOUNDS:
            heard = {name: sent.getlist(f"{field.name}.{name}") for name, _ in field.options}
            if not any(heard.values()):
                return None
            return Typed(parts={name: "".join(text[:1]) for name, text in heard.items()})
        case Widget.SECRET:
            gone = (REMOVE,) if any(sent.getlist(field.name + REMOVE)) else ()
            return Typed(text=said[0], chosen=gone) if said else None
        case _:
            # Browsers end lines as mail does. Spaces around it stay: whether it is what stood there
            # is seen by them too.
            return Typed(text=said[0].replace("\r\n", "\n")) if said else None


def value_of(field: Field, typed: Typed) -> Any:  # noqa: ANN401
    """Give the value that was typed, as the API takes it; None: nothing, so its default.

    Spaces around it are none of it, but for text of several lines. What is no value of the record
    is the record's to say. Raises `Wrong` where it cannot be read.
    """
    text = typed.text.strip()
    match field.widget:
        case Widget.CHECK:
            return bool(typed.chosen)
        case Widget.CHOICES | Widget.ORDER:
            return list(typed.chosen)
        case Widget.LINES:
            return _lines(text)
        case Widget.NUMBERS:
            return [BETWEEN.sub("", line) for line in _lines(text)]
        case Widget.TELEPHONE:
            return BETWEEN.sub("", text) or None
        case Widget.PHONE:
            return BETWEEN.sub("", text) or None
        case Widget.PAIRS:
            return dict(_pair(line) for line in text.splitlines() if line.strip())
        case Widget.NUMBER | Widget.COUNT:
            return _whole(text)
        case Widget.MONEY:
            return _micros(text)
        case Widget.RATE:
            found = {part: _whole(said.strip()) for part, said in typed.parts.items()}
            return {part: count for part, count in found.items() if count is not None}
        case Widget.SOUNDS:
            return {name: path for name, said in typed.parts.items() if (path := said.strip())}
        case Widget.ROWS:
            return rows.pairs_of(typed.rows)
        case Widget.HOURS:
            return rows.hours_of(typed.rows)
        case Widget.PRICED:
            costs = rows.priced(line.strip() for line in text.splitlines() if line.strip())
            return {name: _micros(cost) for name, cost in costs}
        case Widget.MOMENT:
            return rows.moment_of(text) if text else None
        case Widget.INSTANT:
            return rows.instant_of(text) if text else None
        case Widget.LONG:
            return typed.text or None
        case _:
            return text or None


def beginning_of(text: str) -> str:
    """Give how numbers begin that are looked for, of what was typed: all have a plus."""
    digits = BETWEEN.sub("", text)
    return f"+{digits}" if digits.isascii() and digits.isdigit() else digits


def _lines(text: str) -> list[str]:
    parts = (part.strip() for line in text.splitlines() for part in line.split(","))
    return [part for part in parts if part]


def _pair(line: str) -> tuple[str, str]:
    name, equals, value = line.partition("=")
    if not equals or not name.strip() or not value.strip():
        raise Wrong(_("write one on each line, as: name = value"))
    return name.strip(), value.strip()


def _whole(text: str) -> int | None:
    if not text:
        return None
    if not (_WHOLE.match(text) and len(text) <= _MOST_DIGITS):
        raise Wrong(_("write a whole number"))
    return int(text)


def _micros(text: str) -> int | None:
    if not text:
        return None
    if _THOUSAND.match(text):
        # A thousand here, and one there.
        raise Wrong(_("can be read in two ways; write a point, such as 1000.00 or 1.00"))
    if not (_AMOUNT.match(text) and len(text) <= _LONGEST_AMOUNT):
        raise Wrong(_("write an amount, such as 12.50"))
    # A comma is a point.
    amount = Decimal(text.replace(",", ".")) * MICRO
    if abs(amount) > 10**_MOST_DIGITS:
        raise Wrong(_("write an amount, such as 12.50"))
    if amount != amount.to_integral_value():
        raise Wrong(_("write at most six digits behind the point"))
    return int(amount)
