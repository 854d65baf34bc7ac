"""The language of the table: what means nothing is refused, and why is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from .given import Store
from .language import Row, read_rows, read_tables
from .moments import BadScript
from .playing import play

GOOD = """
[a-row] What it shows.
spec    D1
caller  1 s into destination_enter: hang up
hears   destination_enter...
calls   nobody
ends    hung_up
lasts   at most 2 s
"""


def row(**changes: str | None) -> Row:
    """Give a good row with some of its words changed; None: without that word."""
    kept = [line for line in GOOD.splitlines() if line.partition(" ")[0] not in changes]
    added = [f"{word} {text}" for word, text in changes.items() if text is not None]
    (made,) = read_rows("\n".join([*kept, *added]))
    return made


def test_a_row_is_read_as_it_is_written() -> None:
    made = row()
    assert (made.id, made.title, made.spec) == ("a-row", "What it shows.", ("D1",))
    assert (made.hears, made.calls, made.ends) == (("destination_enter...",), (), "hung_up")
    assert play(made).hears == made.hears


NONSENSE = [
    ("spec", "D7", "'D7' is no rule of SPEC.md"),
    ("spec", "", "names no rule"),
    ("spec", None, "has no 'spec'"),
    ("hears", None, "has no 'hears'"),
    ("hears", "destination_entr", "'destination_entr' is nothing that a caller hears"),
    ("hears", "credit_is (12.5 EUR)", r"'\(12.5 EUR\)' is nothing"),
    ("calls", "2125550123", r"'2125550123' is no number; write \+1"),
    ("ends", "finished", "'finished' is no outcome; write one of check_failed, "),
    ("lasts", "a while", 'write "at most 40 s"'),
    ("lasts", "40 to 30 s", "nothing is that long"),
    ("caller", "1234#", "does not say when"),
    ("caller", "soon: 1234#", "'soon' is no moment; write"),
    ("caller", "-1 s later: 1", "'-1 s later' is no moment"),
    ("caller", "end of the_prompt: 1", "'the_prompt' is no prompt, and none of answering"),
    ("caller", "end of talking: shout", "a caller cannot do 'shout'"),
    ("caller", "end of talking: 12A", "a caller cannot do '12A'"),
    ("caller", "end of talking: 12 every 0 s", "nobody presses all at once"),
    ("caller", "2 s later: 1", "later than what"),
    ("caller", "end of talking: hang up\n 1 s later: 1", "comes after the caller has hung up"),
    ("trouble", "end of talking: rain", "'rain' is no trouble; write one of controller dies"),
    ("far", "+12125550123 is lazy", "'is lazy' is no fate; write"),
    ("far", "+12125550123 does not answer after 9 s", "set by destination_ring_seconds"),
    ("far", "next door is busy", "'next' is no number"),
    ("sounds", "whistle lasts 2 s", "write "),
    ("rings", "somebody", "'somebody' is no number"),
    ("weather", "fine", "'weather' is none of caller, calls"),
]


@pytest.mark.parametrize(("word", "text", "why"), NONSENSE)
def test_nonsense_is_refused_by_place_and_reason(word: str, text: str | None, why: str) -> None:
    with pytest.raises(BadScript, match=rf"row:2: \[a-row\] .*{why}"):
        row(**{word: text})


UNHEARD_OF = [
    ("set", "dial_seconds 1", "cannot be set: .*dial_seconds"),
    ("set", "dail_seconds 10", "cannot be set: .*dail_seconds"),
    ("set", "password abc", "a password is digits"),
    ("list", "12125550188 pin 1", "is no entry of a list"),
    ("store", "on fire", "'on fire' is nothing that a store does"),
]


@pytest.mark.parametrize(("word", "text", "why"), UNHEARD_OF)
def test_what_cannot_be_set_is_refused(word: str, text: str, why: str) -> None:
    with pytest.raises(BadScript, match=why):
        Store(row(**{word: text}))


def test_a_move_that_is_never_made_is_an_error_and_not_a_silent_success() -> None:
    asleep = row(caller="end of human_check: 1")
    with pytest.raises(BadScript, match=r"row:2: \[a-row\] it never came to 'end of human_check"):
        play(asleep)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("spec D1", r'row:1: a row begins with "\[its-id\] what it shows"'),
        ("[A row] x", "its id in a-z"),
        ("[a]", "its id in a-z"),
        ("[a] x\n  D1", "'D1' goes on with nothing"),
        ("[a] x\nspec D1\nspec D2", "'spec' stands there twice"),
    ],
)
def test_what_is_no_row_is_refused(text: str, why: str) -> None:
    with pytest.raises(BadScript, match=why):
        list(read_rows(text))


def test_an_id_is_given_once(tmp_path: Path) -> None:
    for name in ("one.txt", "two.txt"):
        (tmp_path / name).write_text(GOOD, encoding="utf-8")
    with pytest.raises(BadScript, match=r"two.txt:2: there is a row 'a-row' in one.txt:2"):
        read_tables(tmp_path)
