"""A whole conversation on a real switch, its keys as RFC 2833 events, in and between prompts."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

from .conftest import Bench
from .controllers import Controller
from .net import wait_until
from .phones import Phone
from .sounds import make
from .test_callback import (
    ASK_NUMBER,
    ASK_PIN,
    CALLER,
    DESTINATION,
    DID,
    ENGAGED,
    GOODBYE,
    SETTINGS,
    WRONG_PIN,
    is_about,
    record,
    refused,
)

#: Digits of which nothing else here is made.
PIN = "7391468"
MENU = "callback/credit_menu.wav"
MONEY = [
    "ivr/ivr-account_balance_is.wav",
    "digits/12.wav",
    "currency/dollars.wav",
    "currency/and.wav",
    "digits/50.wav",
    "currency/cents.wav",
]


def transcript(controller: Controller) -> list[dict[str, Any]]:
    """Wait for the end of the one call's transcript, and give it."""
    (request,) = controller.requests()

    def lines() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = controller.show(request["id"])["transcript"]
        return found

    wait_until("the transcript ends", lambda: lines()[-1]["what"] == "ended", every=0.5)
    return lines()


def said_at(lines: list[dict[str, Any]], prompt: str) -> datetime:
    """Give when a prompt was begun for the first time."""
    line = next(line for line in lines if (line["what"], line["text"]) == ("said", prompt))
    return datetime.fromisoformat(line["at"])


def written(folder: Path) -> bytes:
    """Give all that is in files below a folder."""
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def listed(bench: Bench, amount: str) -> Controller:
    """Put the caller on the extension's list, with a PIN and some credit."""
    controller = bench.controllers[0]
    controller.run("callerid", "add", "1001", f"+{CALLER}", "--pin", PIN)
    controller.run("account", "add", f"1001/+{CALLER}", "--currency", "USD")
    controller.run("account", "top-up", f"1001/+{CALLER}", amount, "--order", "A-1")
    return controller


def wrong_twice_then_right(phone: Phone) -> None:
    """Type the PIN as people do."""
    for times, pin in enumerate(("739146", f"{PIN}1"), 1):
        phone.media.wait_for(ASK_PIN, times)
        phone.media.dial(f"{pin}#")
        phone.media.wait_for(WRONG_PIN, times)
    phone.media.wait_for(ASK_PIN, 3)
    # A pause of four seconds ends it, too (A3).
    phone.media.dial(PIN)


def test_a_conversation_with_all_that_people_do(bench: Bench) -> None:
    """A2, A3, C1, C2, D2, D4: wrong, wrong, right; the credit; two destinations, one dropped."""
    make(bench.switch.folder / "sounds")
    bench.serve(
        {**SETTINGS, "caller-passwords": "", "credit-query": "", "further-calls": 1}
        | {"dial-seconds": 60}
    )
    controller = listed(bench, "12.50")
    phone = bench.phones.expect(CALLER)
    first = bench.phones.expect(DESTINATION)
    second = bench.phones.expect(ENGAGED, "answer_and_hang_up", talk_ms="1500")
    refused(bench.phones.ring(DID, CALLER))

    wrong_twice_then_right(phone)
    phone.media.wait_for(MENU)
    phone.media.dial("1")
    phone.media.wait_for(MONEY[-1])
    # C1, D2: a number that begins with a choice, dialled while the menu is still being said.
    phone.media.wait_for(MENU, 2)
    phone.media.dial(f"{DESTINATION[1:]}#")

    wait_until("they talk", lambda: bench.switch.count("bridged_calls") == 1)
    # D4: of a key pressed four times, two are enough, and the caller stays.
    phone.media.dial("****")
    first.wait_message("BYE")
    first.finish()
    phone.media.wait_for(ASK_NUMBER)
    phone.media.dial(f"{ENGAGED[1:]}#")
    second.finish()
    phone.media.wait_for(GOODBYE)
    phone.finish()

    heard = phone.media.names()
    assert heard[heard.index(MONEY[0]) :][: len(MONEY)] == MONEY
    assert first.media.names() == []
    assert record(bench) == ("done", "completed")
    lines = transcript(controller)
    typed = [line["text"] for line in lines if line["what"] == "typed"]
    assert typed[:5] == ["(password)"] * 3 + ["1", f"{DESTINATION[1:]}#"]
    assert typed[-1].endswith(f"{ENGAGED[1:]}#")
    called = [line["text"] for line in lines if line["what"] == "called"]
    assert called == [f"+{DESTINATION}", f"+{ENGAGED}"]
    # A4: in no file of ours, at the most talkative, nor in what the switch says of the leg.
    assert PIN.encode() not in written(bench.folder / "data")
    assert PIN not in json.dumps(lines)
    assert PIN not in str(bench.legs.wait("return"))


def test_everything_is_typed_ahead_in_one_go(bench: Bench) -> None:
    """D2: a telephone that sends a stored row of keys: the PIN, then at once the number."""
    bench.serve(SETTINGS)
    phone = bench.phones.expect(CALLER)
    far = bench.phones.expect(DESTINATION, "answer_and_hang_up", talk_ms="500")
    refused(bench.phones.ring(DID, CALLER))
    phone.media.wait_for(ASK_PIN)
    phone.media.dial(f"{SETTINGS['password']}#{DESTINATION[1:]}#")
    far.finish()
    phone.media.wait_for(GOODBYE)
    phone.finish()
    # Whether the question is begun depends on how long the check takes; no key may be lost to it.
    assert record(bench) == ("done", "completed")
    assert bench.controllers[0].requests()[0]["destination"] == f"+{DESTINATION}"


def test_d1_whoever_types_no_number_hears_goodbye_in_time(bench: Bench) -> None:
    """D1, D2: `*` clears, nonsense is told, and the time for all of it is one."""
    bench.serve({**SETTINGS, "dial-seconds": 8})
    phone = bench.phones.expect(CALLER)
    refused(bench.phones.ring(DID, CALLER))
    phone.media.wait_for(ASK_PIN)
    phone.media.dial(f"{SETTINGS['password']}#")
    phone.media.wait_for(ASK_NUMBER)
    phone.media.dial("123*456#")
    phone.media.wait_for("ivr/ivr-please_check_number_try_again.wav")
    phone.media.wait_for(GOODBYE)
    phone.finish()
    lines = transcript(bench.controllers[0])
    took = said_at(lines, "goodbye") - said_at(lines, "destination_enter")
    assert is_about(took.total_seconds(), 8)
    assert record(bench) == ("done", "dial_time_over")
