"""I1 to I6: every combination, against what is written here.

The tables are to be read beside SPEC.md. `any` is every value of its column; each combination is of
exactly one line.
"""

from __future__ import annotations

from itertools import product
from typing import Any, Final

import pytest

from controller.callerid.model import Rang, Shown
from tests.unit.callerid.given import CONTACT, OTHER, OUT, policy, shown

ONE, TWO, THREE = "+12025550101", "+12025550102", "+12025550103"
FOUR, FIVE = "+12025550104", "+12025550105"
CUSTOM, DID, SOLD = "+12025550120", "+12025550100", "+12025550130"
CALLER = "+12125550199"

#: The trigger call: who rang, and whether the channel that he rang over is trusted with numbers.
TRIGGER: Final = {
    "trusted": Rang(CALLER, "Bob", trusted=True),
    "trusted, no name": Rang(CALLER, "", trusted=True),
    "untrusted": Rang(CALLER, "Bob"),
    # T4: whatever name came with it.
    "hidden": Rang("", "Bob", trusted=True),
    "hidden, untrusted": Rang("", "Bob"),
    "nobody rang": Rang(),
}

#: What is assigned to the extension, and where the channels define it now. The first is the default
#: number. A call goes out over `out`.
ASSIGNED: Final[dict[str, dict[str, str | None]]] = {
    "three on out": {ONE: OUT, TWO: OUT, THREE: OUT},
    "one on out": {ONE: OUT},
    "three on out, default on other": {FOUR: OTHER, ONE: OUT, TWO: OUT, THREE: OUT},
    "one on out, default on other": {FOUR: OTHER, FIVE: OTHER, ONE: OUT},
    "one on out, one on other": {ONE: OUT, FOUR: OTHER},
    "two on out, one gone": {ONE: OUT, TWO: OUT, THREE: None},
    "one on out, default gone": {FOUR: None, ONE: OUT},
    "none on out, default on other": {FOUR: OTHER, FIVE: OTHER},
    "none on out, default gone": {FOUR: None, FIVE: OTHER},
    "all gone": {FOUR: None, FIVE: None},
    "none": {},
}

#: I3, I4, I5: assigned numbers; what is shown, any of these, or nothing; by which rule.
SERVER: Final = """
three on out                    | ONE TWO THREE | I3
one on out                      | ONE           | I4
three on out, default on other  | ONE TWO THREE | I3
one on out, default on other    | ONE           | I4
one on out, one on other        | ONE           | I4
two on out, one gone            | ONE TWO       | I3
one on out, default gone        | ONE           | I4
none on out, default on other   | FOUR          | I5
none on out, default gone       | nothing       | I5
all gone                        | nothing       | I5
none                            | nothing       | I5
"""

#: I2: number from; trigger call; what is shown, or `as server`; by which rule.
NUMBER: Final = """
server             | any               | as server | -
equipment          | trusted           | CALLER    | I2
equipment          | trusted, no name  | CALLER    | I2
equipment          | untrusted         | as server | -
equipment          | hidden            | as server | -
equipment          | hidden, untrusted | as server | -
equipment          | nobody rang       | as server | -
custom, assigned   | any               | CUSTOM    | I2
custom, own DID    | any               | DID       | I2
custom, not owned  | any               | nothing   | I2
"""
#: What the extension has in each of the lines above.
CUSTOM_NUMBER: Final = {
    "custom, assigned": CUSTOM,
    "custom, own DID": DID,
    "custom, not owned": SOLD,
}

#: I1: name from, and whether one is set; trigger call; the name.
NAME: Final = """
server              | any               | contact name
equipment           | trusted           | Bob
equipment           | trusted, no name  | contact name
equipment           | untrusted         | contact name
equipment           | hidden            | contact name
equipment           | hidden, untrusted | contact name
equipment           | nobody rang       | contact name
custom              | any               | The Shop
custom, none is set | any               | contact name
"""


def lines(table: str) -> list[tuple[str, ...]]:
    """Read a table."""
    rows = table.strip().splitlines()
    return [tuple(cell.strip() for cell in row.split("|")) for row in rows]


def line(table: str, *keys: str) -> tuple[str, ...]:
    """Find the one line that is of these values."""
    found = [
        row[len(keys) :]
        for row in lines(table)
        if all(cell in (key, "any") for cell, key in zip(row, keys, strict=False))
    ]
    assert len(found) == 1, (keys, found)
    return found[0]


def numbers_of(written: str) -> set[str]:
    """Give the numbers that a line names."""
    return set() if written == "nothing" else {globals()[name] for name in written.split()}


def asked(trigger: str, assigned: str, number_from: str, name_from: str, hidden: bool) -> Any:
    """Give every decision that there may be, whichever of several numbers is taken."""
    by = policy(
        *ASSIGNED[assigned],
        number_from=number_from.partition(",")[0],
        caller_id_number=CUSTOM_NUMBER.get(number_from),
        name_from=name_from.partition(",")[0],
        caller_id_name="The Shop" if name_from == "custom" else "",
        hide_caller_id=hidden,
    )
    channels = {number: on for number, on in ASSIGNED[assigned].items() if on is not None}
    if number_from == "custom, assigned":
        channels[CUSTOM] = OTHER
    rang = TRIGGER[trigger]
    return [shown(by, channels, own=(DID,), rang=rang, index=index) for index in range(3)]


@pytest.mark.parametrize("assigned", ASSIGNED)
@pytest.mark.parametrize("number_from", sorted({row[0] for row in lines(NUMBER)}))
def test_i1_to_i5_every_combination_shows_what_is_written(number_from: str, assigned: str) -> None:
    name_froms = sorted({row[0] for row in lines(NAME)})
    for trigger, name_from in product(TRIGGER, name_froms):
        written, rule = line(NUMBER, number_from, trigger)
        if written == "as server":
            written, rule = line(SERVER, assigned)
        (name,) = line(NAME, name_from, trigger)
        decisions = asked(trigger, assigned, number_from, name_from, hidden=False)
        case = (number_from, assigned, trigger, name_from)
        if written == "nothing":
            assert {one.shown for one in decisions} == {None}, case
        else:
            assert {one.shown.number for one in decisions} == numbers_of(written), case
            for one in decisions:
                assert one.shown.rule == rule, case
                assert one.shown.name == (CONTACT if name == "contact name" else name), case
                assert one.shown.name_rule == "I1", case
                assert not one.shown.hidden, case
                assert set(one.shown.pool) == (numbers_of(written) if rule == "I3" else set())
        # I9: each rule that was asked is told, in order.
        rules = ["I6", "I2"] + [rule] * (rule != "I2") + ["I1"] * (written != "nothing")
        assert {tuple(tried.rule for tried in one.tried) for one in decisions} == {tuple(rules)}


@pytest.mark.parametrize("assigned", ASSIGNED)
@pytest.mark.parametrize("number_from", sorted({row[0] for row in lines(NUMBER)}))
def test_i6_whatever_else_is_set_nothing_is_shown(number_from: str, assigned: str) -> None:
    for trigger, name_from in product(TRIGGER, sorted({row[0] for row in lines(NAME)})):
        for one in asked(trigger, assigned, number_from, name_from, hidden=True):
            assert one.shown == Shown(number="", name="", hidden=True, rule="I6")
            assert [tried.rule for tried in one.tried] == ["I6"]


def test_the_tables_have_a_line_for_each_combination() -> None:
    assert len(lines(SERVER)) == len(ASSIGNED)
    assert {row[0] for row in lines(SERVER)} == set(ASSIGNED)
    for table in (NUMBER, NAME):
        assert {row[1] for row in lines(table)} == {*TRIGGER, "any"}
    assert {row[0] for row in lines(NUMBER)} == {"server", "equipment", *CUSTOM_NUMBER}
