"""A3, G3: what guessing passwords comes to by the usual rules: so many guesses, and no more."""

from __future__ import annotations

from collections.abc import Callable

from controller.guard.locking import (
    DidRule,
    ExtensionRule,
    NumberRule,
    Rule,
    Rules,
    Tally,
    targets,
    wrong,
)
from controller.guard.patterns import Known, Pattern, Seen, Subject, rings, sighting
from controller.policy.fields import OnPattern
from controller.settings import Guard
from tests.unit.policy.given import policy

START = 1_795_000_000_000
DAY = 86_400_000
PINS = 10_000
CALLER = "+12125550199"


def guesses(rule: Rule, until: Callable[[int, int], bool]) -> tuple[int, int]:
    """Guess as soon as it may be, one a second; give how many guesses, and how many days."""
    tally, now, count = Tally(), START, 0
    while not until(count, now):
        tally = wrong(tally, rule, now)
        count += 1
        now = max(now + 1000, tally.until)
    return count, (now - START) // DAY


def test_a3_10000_pins_on_one_extension_take_years_from_one_telephone() -> None:
    count, _ = guesses(NumberRule(), lambda count, now: now >= START + DAY)
    assert count <= 18
    count, _ = guesses(NumberRule(), lambda count, now: now >= START + 365 * DAY)
    assert count <= 18 + 3 * 365
    _, days = guesses(NumberRule(), lambda count, now: count >= PINS)
    assert days > 8 * 365


def test_a3_10000_pins_on_one_extension_take_months_from_any_number_of_telephones() -> None:
    """Each guess from a number of its own: the extension and the DID are locked all the same."""
    for rule, a_day in ((ExtensionRule(), 135), (DidRule(), 270)):
        count, _ = guesses(rule, lambda count, now: now >= START + DAY)
        assert count <= a_day
    _, days = guesses(ExtensionRule(), lambda count, now: count >= PINS)
    assert days > 100


def test_a3_g3_one_pin_on_10000_extensions_is_what_no_lock_sees_and_a_pattern_does() -> None:
    """Each is wrong once, and locks nothing; that one number rings so many is told, or stopped."""
    rules, tallies = Rules(), dict[str, Tally]()
    for extension in range(PINS):
        did = f"+1212{extension:07d}"
        for target in targets(f"{extension:05d}", (CALLER,), did):
            tally = wrong(tallies.get(target.key, Tally()), rules.of(target.kind), START)
            tallies[target.key] = tally
    assert all(tally.level == 0 for tally in tallies.values())

    many = Subject(Pattern.MANY_EXTENSIONS, CALLER)
    for on in (OnPattern.FLAG, OnPattern.BLOCK):
        made = policy(extension="1001", on_many_extensions=on.value)
        assert many in [seen.subject for seen in rings(made, CALLER, START * 1000, Known())]
        threshold = Guard().many_extensions
        assert threshold < 10
        found = sighting(Seen(many, "1001", START * 1000), threshold, threshold, made)
        assert found is not None
        assert found.blocks == (on is OnPattern.BLOCK)
