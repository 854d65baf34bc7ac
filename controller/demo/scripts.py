"""What each call of the demo is to do, and how it has to end.

A script says what the phones do and what has to come of it, on both sides: the outcome that the
controller keeps, and what the phones themselves saw. The two are checked apart, so that a
controller that is wrong about a call does not pass.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec

from controller.simulator.phones import Behaviour, HangUp, Keys, Phone, TriggerCall

#: Whose callers are on a list, each with an account of his own.
LISTED: Final = "1004"
#: Micro-units of USD: plenty, ten seconds by `NO_RETURN_FEE`, and too little to be called back.
CREDIT: Final = 12_500_000
TEN_SECONDS: Final = 100_000
TOO_LITTLE: Final = 50_000
#: Two price lists: one by which both legs cost something, and one by which only the destination's
#: does. By the latter it does not matter to anybody's credit for how long a machine makes him wait.
USUAL: Final = "usual"
NO_RETURN_FEE: Final = "no-return-fee"
#: By list and beginning of the number, what a minute costs; each second is counted.
PER_MINUTE: Final[dict[str, dict[str, int]]] = {
    USUAL: {"+": 300_000},
    NO_RETURN_FEE: {"+1212556": 0, "+": 600_000},
}
#: Shown to destinations.
CALLER_ID: Final = "+12025550111"
PASSWORD: Final = "2468"  # noqa: S105  (of the demo's own extensions, for three minutes)

#: How often who is on credit dials a number, if he must: on a machine that stalls it may take too
#: long to hold for it, and he is asked again.
TRIES: Final = 3

#: What is heard where keys are waited for: a number, a choice.
ASKED: Final = ("enter_destination", "credit_menu")
#: The extensions of the demo: with a password, without, with very little time, and one whose
#: callers have passwords and credit of their own and may call again.
EXTENSIONS: Final[dict[str, dict[str, Any]]] = {
    "1001": {"dids": ("+12025550101",), "password": PASSWORD},
    "1002": {"dids": ("+12025550102",)},
    "1003": {"dids": ("+12025550103",), "longest_call_seconds": 3},
    "1004": {
        "dids": ("+12025550104",),
        "return_calls": "authorized",
        "caller_passwords": True,
        "credit_query": True,
        "further_calls": 1,
        "dial_seconds": 20,
    },
}
COMMON: Final[dict[str, Any]] = {
    "country": "US",
    "caller_ids": (CALLER_ID,),
    "caller_id_name": "Acme",
    "ring_seconds": 2,
    "delay_seconds": 1,
    "return_ring_seconds": 5,
    "dial_seconds": 6,
    "destination_ring_seconds": 5,
}


#: What an extension has whose caller errs on purpose. Each such call has one of its own: wrong
#: passwords of many calls on one extension lock it (A3), and then the next caller is not asked.
ERRING: Final[dict[str, Any]] = {"password": PASSWORD}


class Script(msgspec.Struct, frozen=True, kw_only=True):
    """One call: what the phones do, and what has to come of it.

    Attributes:
        kind: what happens, in a few words.
        extension: the extension whose DID is rung.
        did: that DID, E.164.
        outcome: what the controller has to keep.
        trigger: how the trigger call has to end for the caller: `refused` or `gave up`.
        returned: whether a return call has to reach the caller's phone.
        connected: the destination that has to be joined with the caller, or None.
        questions: how many questions the caller has to hear; more where somebody pays, if credit
            was not held in time: then he dials again.
        last_heard: part of the file that the caller has to hear last, or None.
        cut: whether the switch has to end the destination's leg by itself.
        recorded: whether the switch keeps a record of each leg: of one that ends while a password
            is read it keeps none.
        own: what the extension has that is this call's alone.
        prices, credit: by what it is charged, and the micro-units on the account that pays; None:
            nobody pays.

    """

    id: str
    kind: str
    extension: str
    did: str
    caller: str
    outcome: str
    trigger: str = "refused"
    returned: bool = True
    connected: str | None = None
    questions: int = 0
    last_heard: str | None = None
    cut: bool = False
    recorded: bool = True
    own: dict[str, Any] = {}
    prices: str | None = None
    credit: int = 0
    call: TriggerCall
    phones: tuple[Phone, ...] = ()

    @property
    def payer(self) -> tuple[str, str | None]:
        """Give whose account pays: an extension's, or where it has a list its caller's."""
        return self.extension, self.caller if self.extension == LISTED else None


def _password(press: str) -> Keys:
    return Keys(when="question", press=press, after=0.3, gap=0.08)


def _at(sound: str, press: str) -> Keys:
    return Keys(when="heard", what=sound, press=press, after=0.3, gap=0.08)


def _dial(number: str) -> Keys:
    return _at("enter_destination", _typed(number))


def _answering(*keys: Keys, hang_up: HangUp | None = None) -> Behaviour:
    return Behaviour(on_call="answer", after=0.5, keys=list(keys), hang_up=hang_up)


def _talks(seconds: float) -> Behaviour:
    return Behaviour(on_call="answer", after=0.5, hang_up=HangUp(when="bridge", after=seconds))


def _patient() -> Behaviour:
    return Behaviour(on_call="answer", after=0.5)


#: Made with (position, moment): one script of each kind.
Maker = Callable[[int, float], Script]


def _numbers(position: int) -> tuple[str, str, str]:
    return (
        f"+1212556{position:04d}",
        f"+1646557{position:04d}",
        f"+1646558{position:04d}",
    )


def _typed(number: str) -> str:
    return number.removeprefix("+1") + "#"


def _make(
    position: int,
    at: float,
    *,
    kind: str,
    outcome: str,
    extension: str | None = None,
    mine: Behaviour | None = None,
    other: Behaviour | None = None,
    third: Behaviour | None = None,
    hang_up_after: float | None = None,
    headers: dict[str, str] | None = None,
    **expected: Any,  # noqa: ANN401
) -> Script:
    caller, first, second = _numbers(position)
    if extension is None:
        extension, did = f"2{position:04d}", f"+1202555{2000 + position:04d}"
    else:
        did = EXTENSIONS[extension]["dids"][0]
    phones = [
        Phone(number=number.removeprefix("+"), calls=[behaviour])
        for number, behaviour in ((caller, mine), (first, other), (second, third))
        if behaviour is not None
    ]
    call = TriggerCall(
        id=f"c{position}",
        at=at,
        caller=caller,
        did=did.removeprefix("+"),
        hang_up_after=hang_up_after,
        headers=headers or {},
    )
    return Script(
        id=call.id,
        kind=kind,
        extension=extension,
        did=did,
        caller=caller,
        outcome=outcome,
        call=call,
        phones=tuple(phones),
        **expected,
    )


def _password_and_call(position: int, at: float) -> Script:
    _, first, _ = _numbers(position)
    return _make(
        position, at, kind="password, call, destination hangs up", extension="1001",
        outcome="completed", connected=first, questions=2, last_heard="goodbye",
        mine=_answering(_password(PASSWORD + "#"), _dial(first)), other=_talks(2.0),
    )  # fmt: skip


def _caller_hangs_up_talking(position: int, at: float) -> Script:
    _, first, _ = _numbers(position)
    return _make(
        position, at, kind="caller hangs up while talking", extension="1002",
        outcome="completed", connected=first, questions=1,
        mine=_answering(_dial(first), hang_up=HangUp(when="bridge", after=1.5)),
        other=_patient(),
    )  # fmt: skip


def _cut_by_switch(position: int, at: float) -> Script:
    _, first, _ = _numbers(position)
    return _make(
        position, at, kind="cut by the switch at its limit", extension="1003",
        outcome="completed", connected=first, questions=1, last_heard="disconnected", cut=True,
        mine=_answering(_dial(first)), other=_patient(),
    )  # fmt: skip


def _cut_by_credit(position: int, at: float) -> Script:
    _, first, _ = _numbers(position)
    return _make(
        position, at, kind="cut by the switch when the credit is over",
        outcome="completed", connected=first, questions=1, last_heard="disconnected", cut=True,
        prices=NO_RETURN_FEE, credit=TEN_SECONDS,
        mine=_answering(*[_dial(first)] * TRIES), other=_patient(),
    )  # fmt: skip


def _too_little_credit(position: int, at: float) -> Script:
    return _make(
        position, at, kind="too little credit for a return call",
        outcome="no_credit", returned=False, prices=USUAL, credit=TOO_LITTLE, mine=_patient(),
    )  # fmt: skip


def _second_number(position: int, at: float) -> Script:
    _, first, second = _numbers(position)
    return _make(
        position, at, kind="destination busy, another answers", extension="1002",
        outcome="completed", connected=second, questions=2, last_heard="goodbye",
        mine=_answering(_dial(first), _dial(second)),
        other=Behaviour(on_call="busy", after=0.3), third=_talks(1.5),
    )  # fmt: skip


def _password_at_second_try(position: int, at: float) -> Script:
    _, first, _ = _numbers(position)
    return _make(
        position, at, kind="password right at the second try", own=ERRING,
        outcome="completed", connected=first, questions=3, last_heard="goodbye",
        mine=_answering(
            _password("1111#"), _password(PASSWORD + "#"), _dial(first)
        ),
        other=_talks(1.5),
    )  # fmt: skip


def _credit_and_two_numbers(position: int, at: float) -> Script:
    _, first, second = _numbers(position)
    return _make(
        position, at, kind="credit, call dropped with **, another", extension=LISTED,
        outcome="completed", connected=second, questions=5, last_heard="goodbye",
        prices=USUAL, credit=CREDIT,
        mine=_answering(
            _password(PASSWORD + "#"),
            _at("credit_menu", "1"),
            _at("credit_menu", "2"),
            _dial(first),
            Keys(when="bridge", press="**", after=0.8, gap=0.1),
            *[_dial(second)] * TRIES,
        ),
        other=_patient(), third=_talks(1.5),
    )  # fmt: skip


def _password_wrong(position: int, at: float) -> Script:
    return _make(
        position, at, kind="password wrong three times", own=ERRING,
        outcome="password_failed", questions=3, last_heard="goodbye",
        mine=_answering(_password("1111#"), _password("2222#"), _password("3333#")),
    )  # fmt: skip


def _never_dials(position: int, at: float) -> Script:
    return _make(
        position, at, kind="never dials a number", extension="1002",
        outcome="dial_time_over", questions=1, last_heard="goodbye", mine=_answering(),
    )  # fmt: skip


def _hangs_up_at_question(position: int, at: float) -> Script:
    return _make(
        position, at, kind="hangs up at the question", extension="1001",
        outcome="hung_up", questions=1, recorded=False,
        mine=_answering(hang_up=HangUp(when="question", after=0.5)),
    )  # fmt: skip


def _busy(position: int, at: float) -> Script:
    return _make(
        position, at, kind="return call busy", extension="1002", outcome="busy",
        mine=Behaviour(on_call="busy", after=0.3),
    )  # fmt: skip


def _no_answer(position: int, at: float) -> Script:
    return _make(
        position, at, kind="return call not answered", extension="1002", outcome="no_answer",
        mine=Behaviour(on_call="no_answer"),
    )  # fmt: skip


def _hung_up_early(position: int, at: float) -> Script:
    return _make(
        position, at, kind="caller gives up before X", extension="1002",
        outcome="hung_up_early", trigger="gave up", returned=False, hang_up_after=0.8,
        mine=_patient(),
    )  # fmt: skip


def _hidden(position: int, at: float) -> Script:
    return _make(
        position, at, kind="hidden CallerID", extension="1002", outcome="hidden",
        returned=False, headers={"Privacy": "id"}, mine=_patient(),
    )  # fmt: skip


MAKERS: Final[tuple[Maker, ...]] = (
    _password_and_call,
    _credit_and_two_numbers,
    _cut_by_credit,
    _too_little_credit,
    _second_number,
    _cut_by_switch,
    _caller_hangs_up_talking,
    _password_at_second_try,
    _busy,
    _password_wrong,
    _no_answer,
    _never_dials,
    _hung_up_early,
    _hidden,
    _hangs_up_at_question,
)


def make_scripts(calls: int, rate: float) -> list[Script]:
    """Make `calls` scripts, of all kinds in turn, `rate` a second."""
    return [
        MAKERS[position % len(MAKERS)](position, 0.5 + position / rate) for position in range(calls)
    ]
