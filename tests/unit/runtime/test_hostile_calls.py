"""G1: hostile calls from end to end: what is sent to the switch is what was meant, or nothing.

A slice of `make fuzz`, each case of abuse-cases.json, and what hypothesis makes up.
"""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench import fuzz_calls, fuzz_inputs
from bench.fuzz import Fault
from bench.fuzz_inputs import SHARP, WHOLE, Hostile
from controller.esl import commands
from controller.numbers import caller
from controller.runtime import trigger_leg
from tests import abuse

#: As a hostile value may be written in each header that says who rings.
HEADERS = (
    "{}",
    '"Bob" <sip:{}@h>',
    "<sip:+12125550199@h;{}>",
    '"{}" <sip:+12125550199@h>',
    "tel:{}",
)


def tried(call: Hostile) -> dict[str, int]:
    """Try a call; give what came of it."""
    with fuzz_calls.logs_looked_at():
        return dict(fuzz_calls.attempt(call))


def in_each_header(said: str) -> None:
    """Try a value in each identity header in each form, on a trunk that is believed in it."""
    for place, name in ((1, "asserted"), (2, "remote"), (3, "preferred")):
        for written in HEADERS:
            header: dict[str, Any] = {name: written.format(said).encode()}
            tried(Hostile(**header, trunk=place, policy=1))


def test_g1_hostile_calls_do_what_was_meant_or_nothing() -> None:
    ends = fuzz_calls.fuzz(400, seed=7)
    assert {"callback", "bridged", "hidden", "not_digits", "unknown_did"} <= set(ends)
    assert fuzz_calls.fuzz(40, seed=3) == fuzz_calls.fuzz(40, seed=3)


@pytest.mark.parametrize("case", abuse.CASES["caller_id_number"], ids=ascii)
def test_g1_each_number_in_each_place(case: str) -> None:
    """G1, T4: as From, in each identity header in each form, and as what was rung."""
    sent = abuse.written(case)
    said = sent.encode()
    assert tried(Hostile(user=said)) == {abuse.REASONS[case]: 1}
    in_each_header(sent)
    tried(Hostile(destination=said))
    tried(Hostile(free=dict.fromkeys(fuzz_inputs.FREE, said)))


@pytest.mark.parametrize("case", abuse.NAMES, ids=lambda case: ascii(case)[:30])
def test_g1_each_name_in_each_place(case: str) -> None:
    """G1, I1: it is shown to nobody, also where the trunk's names are believed."""
    said = case.encode()
    ends = tried(Hostile(display=said, trunk=0, policy=1))
    assert (ends["callback"], ends["bridged"]) == (1, 1)
    in_each_header(case)
    tried(Hostile(host=said, privacy=said))
    tried(Hostile(free=dict.fromkeys(fuzz_inputs.FREE, said)))


@pytest.mark.parametrize("case", abuse.DIGITS, ids=ascii)
def test_g1_each_row_of_keys_is_no_number(case: str) -> None:
    """G1, D2, D3: alone, with its end, and before a number, which counts where `*` or `#` is."""
    for keys in (case, f"{case}#", f"{case}#{case}#"):
        assert "bridged" not in tried(Hostile(keys=keys))
    tried(Hostile(keys=f"{case}#2125550123#", policy=1))


@pytest.mark.parametrize(
    ("rung", "kept"),
    [
        (b"12025550100", "+12025550100"),
        (b"2125550199", "+12125550199"),
        (b"4711", "4711"),
        (b"", ""),
        (b"1" * 60, "1" * 16),
        (b"<script>alert(1)</script>", "'<script>alert(1"),
        (b"+1${system(id)}", "'+1${system(id)}"),
        ("\uff11\uff12".encode(), "'\\uff11\\uff12'"),
        (b"4711%0Ax", ""),
    ],
)
def test_t10_g1_a_number_that_is_nobodys_is_kept_as_digits_or_quoted(
    rung: bytes, kept: str
) -> None:
    call = fuzz_calls.Calls(Hostile(destination=rung))
    with fuzz_calls.logs_looked_at():
        call.run()
    assert [asking.did for asking, _, _ in call.book.kept] == [kept]


#: Text made of what means something to somebody, and any text.
texts = st.one_of(
    st.lists(st.sampled_from([*SHARP, *WHOLE]), max_size=5).map("".join), st.text(max_size=40)
)
values = st.one_of(texts.map(lambda text: text.encode("utf-8", "ignore")), st.binary(max_size=40))


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    st.builds(
        Hostile,
        user=st.none() | values,
        display=st.none() | values,
        host=st.none() | values,
        asserted=st.none() | values,
        remote=st.none() | values,
        preferred=st.none() | values,
        privacy=st.none() | values,
        destination=st.just(b"12025550100") | values,
        address=st.just(b"192.0.2.1") | values,
        free=st.dictionaries(st.sampled_from(fuzz_inputs.FREE), values, max_size=3),
        keys=st.just("2125550123#") | texts.map(lambda text: text[:100]),
        answers=st.tuples(texts, texts, texts),
        trunk=st.integers(0, 3),
        policy=st.integers(0, 3),
    )
)
def test_g1_whatever_is_said_what_is_sent_is_what_was_meant(call: Hostile) -> None:
    tried(call)


# --- that it would be found ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("where", "name", "lax", "says"),
    [
        (caller, "shown_name", lambda display: display or "", "name"),
        (trigger_leg, "_nobodys", lambda readings, rung: rung, "DID"),
        (caller, "_quoted", lambda raw: raw, "keeps"),
    ],
)
def test_a_border_that_lets_something_through_is_found(
    monkeypatch: pytest.MonkeyPatch, where: object, name: str, lax: object, says: str
) -> None:
    monkeypatch.setattr(where, name, lax)
    with pytest.raises(Fault, match=says) as found:
        fuzz_calls.fuzz(500, seed=1)
    assert "seed 1, input " in str(found.value)
    assert "Hostile(" in str(found.value)


def test_a_dial_string_with_something_more_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A leg, a variable, a command too many."""
    one = commands.dial_string

    for more in (
        lambda *a: one(*a) + "|sofia/gateway/x/19005550100",
        lambda *a: one(*a).replace("[", "[execute_on_answer=system id,", 1),
        lambda *a: one(*a).replace("{", "{evil=1,", 1),
        lambda *a: one(*a).replace("true", "${true}", 1),
    ):
        monkeypatch.setattr(commands, "dial_string", more)
        with pytest.raises(Fault):
            tried(Hostile())


def test_the_same_input_is_made_again() -> None:
    made = [fuzz_inputs.make(random.Random(5)) for _ in range(2)]
    assert made[0] == made[1]
