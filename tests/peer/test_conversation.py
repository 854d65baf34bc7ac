"""Conversations on the simulated switch: who may, what he hears, whom he reaches (A, C, D, T9)."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from typing import Any

import gevent
import pytest
import redis

from controller.admin.callbacks import Callbacks
from controller.admin.model import Kind
from controller.guard.ranges import shipped
from controller.settings import Route
from controller.simulator import HangUp, Keys
from controller.store.passwords import load_pepper
from controller.store.requests import Request
from tests.peer.world import (
    CALLER,
    DID,
    FRIEND,
    OTHER,
    PASSWORD,
    PATIENCE,
    World,
    answering,
    kill,
    talking,
    typed,
)
from tests.seed import ADMIN, directory

#: A password that nothing else is made of.
PIN = "739146825"


def at(sound: str, press: str, after: float = 0.1) -> Keys:
    """Keys pressed when a sound is heard next."""
    return Keys(when="heard", what=sound, press=press, after=after)


def listed(world: World, number: str = CALLER, **values: Any) -> None:
    """Put a caller on the list of extension 1001."""
    pepper = load_pepper(world.directory / "pepper")
    directory(world.engine, pepper).create(
        ADMIN, Kind.CALLERID, {"extension": "1001", "number": f"+{number}", **values}
    )


def credited(world: World, amount: int, currency: str = "USD", **values: Any) -> None:
    """Give extension 1001, or a caller of it, an account with an amount."""
    store = directory(world.engine)
    values = {"extension": "1001", "currency": currency, **values}
    account = store.create(ADMIN, Kind.ACCOUNT, values)
    kind = "top_up" if amount > 0 else "correction"
    store.add_entry(ADMIN, account.key, {"key": "first", "amount": amount, "kind": kind})


def transcript(world: World, request: Request, *whats: str) -> list[str]:
    """Wait until a call's transcript has its end, and give what of it is asked for."""
    callbacks = Callbacks(world.engine, now=lambda: 0, expiry_seconds=900, ranges=shipped())
    with gevent.Timeout(PATIENCE):
        while True:
            lines = callbacks.get(ADMIN, request.id).transcript
            if lines and lines[-1].what == "ended":
                return [
                    f"{line.what}: {line.text}" for line in lines if not whats or line.what in whats
                ]
            gevent.sleep(0.05)


def test_a2_c1_c2_d3_d4_a_member_hears_his_credit_and_calls_twice(world: World) -> None:
    """A2 his own password, C1 the menu, C2 his credit, D3 speed dial, D4 `**`, D3 redial."""
    world.extension(
        password="1111", caller_passwords=True, credit_query=True, further_calls=1, dial_seconds=60
    )
    listed(world, pin=PIN, speed_dials={"7": f"+{FRIEND}"})
    credited(world, 12_500_000, caller=f"+{CALLER}")
    world.controller()
    world.phone(
        CALLER,
        answering(
            typed(PIN),
            at("credit_menu", "1"),
            at("credit_menu", "2"),
            at("enter_destination", "7#"),
            Keys(when="bridge", press="**", after=0.5),
            at("enter_destination", "*0#"),
        ),
    )
    world.phone(FRIEND, answering(), talking(0.3))
    world.ring()
    (request,) = world.ended()
    world.idle()
    assert request.outcome == "completed"
    assert request.destination == f"+{FRIEND}"
    assert world.heard("say:") == ["say:en currency pronounced 12.50"]
    assert len(world.switch.seen("bridged", role="return")) == 2
    assert transcript(world, request, "said", "typed", "called") == [
        "said: password_enter",
        "typed: (password)",
        "said: credit_menu",
        "typed: 1",
        "said: credit_is (12.50 USD)",
        "said: credit_menu",
        "typed: 2",
        "said: destination_enter",
        "typed: 7#",
        f"called: +{FRIEND}",
        "said: destination_enter",
        "typed: *0#",
        f"called: +{FRIEND}",
        "said: goodbye",
    ]


def test_a5_whoever_rings_from_elsewhere_says_for_whom_and_proves_it(world: World) -> None:
    """A5: from then on the member's language, speed dials and credit count."""
    world.extension(caller_passwords=True)
    listed(world, OTHER, pin=PIN, speed_dials={"1": f"+{FRIEND}"})
    world.controller()
    world.phone(
        CALLER,
        answering(
            at("enter_the_phone", f"{OTHER[1:]}#"),
            at("enter_pin", "1234#"),
            at("enter_the_phone", "2125550000#"),
            at("enter_pin", f"{PIN}#"),
            at("enter_the_phone", f"{OTHER[1:]}#"),
            at("enter_pin", f"{PIN}#"),
            at("enter_destination", "1#"),
        ),
    )
    world.phone(FRIEND, talking(0.3))
    world.ring()
    (request,) = world.ended()
    world.idle()
    assert request.outcome == "completed"
    # A3: a wrong password of one who is on the list, and any of one who is not, sound alike.
    wrong = world.heard("invalid")
    assert len(wrong) == 2
    assert wrong[0] == wrong[1]


def test_t9_a_machine_that_answers_is_asked_for_nothing_else(world: World) -> None:
    world.extension(password=PASSWORD, human_check=True)
    world.controller()
    world.switch.applications.sounds.default_duration = 0.1
    world.phone(CALLER, answering())
    world.ring()
    (request,) = world.ended()
    world.idle()
    assert request.outcome == "no_human"
    # G4: it is as if nobody had answered.
    assert [attempt.counts for attempt in world.requests.attempts_of(request.id)] == [True]
    assert not world.switch.seen("question")
    assert not world.heard("goodbye")


def test_t9_a_human_being_presses_1(world: World) -> None:
    world.extension(human_check=True)
    world.controller()
    world.phone(CALLER, answering(at("to_accept", "51"), typed(FRIEND)))
    world.phone(FRIEND, talking(0.3))
    world.ring()
    (request,) = world.ended()
    world.idle()
    assert request.outcome == "completed"


def test_d2_what_is_typed_ahead_counts_across_checks_and_questions(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """D2: a destination typed while the password is checked is neither lost nor asked for."""
    world.extension(password=PASSWORD)
    checks, keyed = world.controller().services.passwords, threading.Event()
    check = checks.check

    def late(digits: str, hashed: str) -> bool:
        # It takes as long as he takes to type on.
        assert keyed.wait(PATIENCE)
        return check(digits, hashed)

    monkeypatch.setattr(checks, "check", late)
    everything = Keys(
        when="heard", what="enter_pin", press=f"{PASSWORD}#{FRIEND[1:]}#", after=0.1, gap=0.1
    )
    world.phone(CALLER, answering(everything))
    world.phone(FRIEND, talking(0.3))
    world.ring()
    world.wait(lambda: world.switch.seen("pressed"))
    keyed.set()
    (request,) = world.ended()
    world.idle()
    assert request.outcome == "completed"
    assert request.destination == f"+{FRIEND}"
    assert not world.heard("enter_destination")


def test_a3_d2_a_pause_ends_a_password_and_a_number_too(world: World) -> None:
    """A3, D2: `#` is not asked of anybody."""
    world.extension(password=PASSWORD)
    world.controller()
    keys = (at("enter_pin", PASSWORD), at("enter_destination", FRIEND))
    world.phone(CALLER, answering(*keys))
    world.phone(FRIEND, talking(0.3))
    world.ring()
    (request,) = world.ended()
    world.idle()
    assert (request.outcome, request.destination) == ("completed", f"+{FRIEND}")
    assert not world.heard("invalid")


def test_d5_a_preset_destination_is_connected_without_dialling(world: World) -> None:
    world.extension()
    listed(world, presets={f"+{DID}": f"+{FRIEND}"})
    world.controller()
    world.phone(CALLER, answering())
    world.phone(FRIEND, talking(0.3))
    world.ring()
    (request,) = world.ended()
    world.idle()
    assert (request.outcome, request.destination) == ("completed", f"+{FRIEND}")
    assert not world.heard("enter")


def test_d6_how_long_the_call_may_last_is_said_before_it_is_made(world: World) -> None:
    world.extension(say_time_left=True, longest_call_seconds=3661)
    world.controller()
    world.phone(CALLER, answering(typed(FRIEND)))
    world.phone(FRIEND, talking(0.3))
    world.ring()
    (request,) = world.ended()
    world.idle()
    assert request.outcome == "completed"
    (said,) = world.heard("time_left_is")
    units = [part.rpartition("/")[2] for part in said.split("!")[1:]]
    assert units == ["1.wav", "hour.wav", "1.wav", "minute.wav", "1.wav", "second.wav"]


def test_d3_an_extension_of_the_platform_is_called_inside(world: World) -> None:
    """D3: by its own gateway, with the caller's own number, whatever is shown on public calls."""
    world.extension()
    world.switch.gateway("pbx", "up")
    route = Route(internal_gateway="pbx", internal_lengths=(4,))
    world.controller(route=route)
    world.phone(CALLER, answering(typed("1002")))
    world.phone("1002", talking(0.3))
    world.ring()
    (request,) = world.ended()
    world.idle()
    assert (request.outcome, request.destination) == ("completed", "1002")
    (called,) = world.switch.seen("called", role="destination")
    assert called.detail["gateway"] == "pbx"
    assert called.detail["caller_id_number"] == CALLER


def test_s2_an_extensions_own_prompt_takes_the_place_of_the_stock_one(world: World) -> None:
    world.extension(prompts={"destination_enter": "own/where-to.wav"}, dial_seconds=5)
    world.controller()
    world.phone(CALLER, answering(hang_up=HangUp(when="heard", what="own/where-to", after=0.1)))
    world.ring()
    (request,) = world.ended()
    assert request.outcome == "hung_up"
    assert not world.heard("enter_destination")


def test_s2_a_member_is_spoken_to_in_his_language(world: World) -> None:
    """S2: and in English where the switch lacks it, but never not at all."""
    world.extension(credit_query=True)
    listed(world, language="de")
    credited(world, 5_000_000, "EUR")
    world.switch.applications.sounds.modules.add("mod_say_de")
    world.controller()
    world.phone(CALLER, answering(at("credit_menu", "1"), at("credit_menu", "2")))
    world.ring()
    world.wait(lambda: world.heard("enter_destination"))
    assert all("/de/de/" in file for file in world.heard("callback/credit_menu"))
    assert any("say:de" in said for said in world.heard("say:"))


def test_a3_whoever_is_locked_out_is_called_back_when_he_is_heard_again(world: World) -> None:
    """A3: after three wrong passwords the next callback waits for the end of the lock-out."""
    world.extension(password=PASSWORD)
    world.controller()
    world.phone(CALLER, answering(typed("1111"), typed("2222"), typed("3333")))
    world.ring()
    (request,) = world.ended()
    world.idle()
    assert request.outcome == "password_failed"
    assert world.heard("locked_out")
    world.ring()
    with gevent.Timeout(PATIENCE):
        while True:
            rows = [row for row in world.requests.all() if row.id != request.id]
            # It was looked at, and put off until the lock-out is over.
            if rows and rows[0].due - rows[0].created > 30_000_000:
                break
            gevent.sleep(0.02)
    assert rows[0].state == "pending"
    assert len(world.switch.seen("called", role="return")) == 1


def test_a4_a_password_is_nowhere_when_the_call_is_over(world: World) -> None:
    """A4: not in the log at its most talkative, nor the database, Redis, metrics, transcript."""
    world.extension(password=PIN, caller_passwords=True)
    listed(world, OTHER, pin=PIN)
    process = world.process()
    world.phone(
        CALLER,
        answering(
            at("enter_the_phone", f"{OTHER[1:]}#"),
            at("enter_pin", f"{PIN}1#"),
            # Typed ahead: these keys come as events, and are told to nobody either.
            Keys(
                when="heard",
                what="enter_the_phone",
                press=f"{OTHER[1:]}#{PIN}#{FRIEND[1:]}#",
                after=0.3,
                gap=0.1,
            ),
        ),
    )
    world.phone(FRIEND, talking(0.3))
    world.ring()
    (request,) = world.ended()
    world.idle()
    assert request.outcome == "completed"
    lines = transcript(world, request)
    assert "typed: (password)" in lines
    metrics = world.fetch("/metrics")
    assert "callbackd_password_checks_total" in metrics
    world.wait(lambda: b"lockouts" in in_redis(world.directory))
    cached = in_redis(world.directory)
    assert kill(process, signal.SIGTERM) == 0
    written = {
        "transcript": "\n".join(lines).encode(),
        "metrics": metrics.encode(),
        "redis": cached,
        "log": b"".join(world.logged),
        **{str(path): path.read_bytes() for path in _files(world.directory)},
    }
    assert len(written["log"]) > 1000
    assert [name for name, data in written.items() if PIN.encode() in data] == []


def in_redis(folder: Path) -> bytes:
    """Give all that the controller's own Redis holds, as it would write it to a disk."""
    (socket,) = [path for path in folder.rglob("*") if path.is_socket()]
    with redis.Redis(unix_socket_path=str(socket)) as client:
        return b"".join(key + (client.dump(key) or b"") for key in client.scan_iter())


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]
