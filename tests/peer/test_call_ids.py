"""O3: whoever searches the log for a callback's id finds all of it, and nobody's number."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
from click.testing import CliRunner

from controller.callback.uuids import leg_uuids
from controller.cli import main
from controller.simulator import JournalEntry
from tests.peer.money import Money
from tests.peer.world import CALLER, DID, FRIEND, World, answering, kill, talking, typed, until

PASSWORD = "73914682015734"


def test_o3_one_search_by_a_callbacks_id_finds_all_of_it(world: World) -> None:
    """O3, A4: the trigger call, the return call and the destination."""
    legs: dict[str, str] = {}

    def note(entry: JournalEntry) -> None:
        legs[entry.leg] = entry.role

    world.switch.on_journal(note)
    Money(world, password=PASSWORD)
    # The switch has it on each leg, for its own records.
    variables: dict[str, str | None] = {}

    def hung_up(entry: JournalEntry) -> None:
        leg = world.switch.legs.get(entry.leg)
        if leg is not None and leg.role != "phone":
            variables[entry.leg] = leg.get("callback_request") or variables.get(entry.leg)

    world.switch.on_journal(hung_up)
    process = world.process(0)
    world.phone(CALLER, answering(typed(PASSWORD), typed(FRIEND)))
    world.phone(FRIEND, talking(0.5))
    trigger = world.ring()
    (request,) = world.ended()
    world.idle()
    assert kill(process, 15) == 0
    until(lambda: b'"stopped"' in world.logged[-1])
    lines: list[dict[str, Any]] = [msgspec.json.decode(line) for line in world.logged]
    (attempt,) = [one.id for one in world.requests.attempts_of(request.id)]

    assert set(variables.values()) == {request.id}
    found = [line for line in lines if line.get("request") == request.id]
    said = {line["event"] for line in found}
    assert said >= {"trigger", "return_call", "state", "leg_settled", "callback_ended"}
    assert {line["attempt"] for line in found if "attempt" in line} == {attempt}
    # Each leg that there was, by its own uuid beside.
    ours = {leg for leg, role in legs.items() if role != "phone"}
    assert trigger in ours
    assert {line["leg"] for line in found if "leg" in line} >= ours
    # What names anything of the call has the id, but for what comes before there is one.
    ids = {*ours, *leg_uuids(attempt)}
    for line in lines:
        if ids & {value for value in line.values() if isinstance(value, str)}:
            early = line.get("leg") == trigger and line["event"] == "state"
            assert line.get("request") == request.id or early, line
    whole = b"".join(world.logged).decode()
    for secret in (PASSWORD, CALLER, FRIEND, DID):
        assert secret not in whole, [line for line in whole.splitlines() if secret in line]

    # And `callbackd trace` puts them where they belong, by whatever id somebody has.
    log = world.directory / "serve.log"
    log.write_bytes(b"".join(world.logged))
    told = [traced(world, name, log) for name in (request.id, attempt, trigger, *sorted(ours))]
    assert len(set(told)) == 1
    (moments,) = {tuple(re.findall(r"^[0-9-]+ [0-9:.]+  ([a-z]+)", one, re.M)) for one in told}
    assert {
        "trigger", "try", "typed", "destination", "money", "record", "log", "end",
    } <= set(moments)  # fmt: skip
    assert "log         controller0: trigger leg=" in told[0]
    assert "The caller typed a password" in told[0]
    assert f"destination +{FRIEND} was called" in told[0]
    assert PASSWORD not in told[0]


def traced(world: World, name: str, log: Path) -> str:
    """Give what `callbackd trace` prints of something that has this id."""
    env = {"CALLBACKD_DATA_DIR": str(world.directory)}
    result = CliRunner().invoke(main, ["trace", name, "--log", str(log)], env=env)
    assert result.exit_code == 0, result.output
    return result.stdout
