"""`callbackd trace`: one callback, whichever of its ids somebody has (O3)."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.shell_completion import ShellComplete
from sqlalchemy import Engine

from controller.callback.uuids import destination_legs, leg_uuids
from controller.cli import main
from controller.settings import Settings
from controller.store.database import open_database
from controller.store.destinations import Called, Destinations
from controller.store.notices import Notices
from controller.store.plans import write_plan
from controller.store.requests import Request, Requests
from controller.store.streams import Streams
from tests.unit.store.asked import asking, begun, stored
from tests.unit.store.called import FREE, keep_leg, uuid
from tests.unit.store.placed import PLAN

from .running import Run, ok, refused, said, told

NUMBER = "+12125550199"
ATTEMPT = uuid(0xA1)
#: Of the return leg that was answered, on the second channel.
LEG = leg_uuids(ATTEMPT)[1]
SECOND = 1_000_000


@pytest.fixture
def engine(stocked: Run, data: Path) -> Iterator[Engine]:
    """The store of the commands, with extension 100."""
    made = open_database(Settings(data_dir=str(data)).database_url)
    yield made
    made.dispose()


@pytest.fixture
def requests(engine: Engine) -> Requests:
    return Requests(engine)


@pytest.fixture
def one(engine: Engine, requests: Requests) -> Request:
    """A callback that was tried once, and talked with somebody."""
    made = stored(requests, NUMBER, due=0, now=0, leg=uuid(0x11))
    requests.lease_due("alpha", 1, 2, 1)
    begun(requests, made, holder="alpha", attempt=ATTEMPT, channels=("pstn", "gsm"), now=SECOND)
    requests.answered(made.id, 10**15, now=2 * SECOND, channel="gsm", holder="alpha")
    plan = write_plan(PLAN)
    Destinations(engine).keep([Called(made.id, LEG, 1, "+442079460000", plan, 3 * SECOND)])
    return made


def line(at: int, event: str, **values: Any) -> str:
    """Give a line as `serve` logs it, so many seconds after 1970."""
    when = f"1970-01-01T00:00:0{at}.500000Z"
    return json.dumps({**values, "event": event, "level": "info", "timestamp": when})


def test_o3_each_id_of_a_callback_finds_it(stocked: Run, one: Request, engine: Engine) -> None:
    """O3: its own, a try's, a leg's that rings or talks, and that of a record."""
    keep_leg(engine, 7, request=one.id, call=ATTEMPT, **FREE)
    talks = destination_legs(LEG, 1)[0]
    whole = ok(stocked("trace", one.id))
    for name in (ATTEMPT, LEG, talks, uuid(0x11), uuid(7), one.id.upper(), f" {ATTEMPT} "):
        assert ok(stocked("trace", name)) == whole, name
    assert f"try 1        {ATTEMPT} on fs1, its legs: {ATTEMPT} {LEG}\n" in whole
    assert "controller   alpha has it\n" in whole
    assert "today        callbackd explain callback --did +12025550101" in whole


@pytest.mark.parametrize("name", ["x", uuid(0xDEAD), "+12125550100", "0; DROP TABLE", "\x00"])
def test_o3_what_is_nothings_id_is_said_to_be(stocked: Run, one: Request, name: str) -> None:
    refused(stocked("trace", name))


def test_o3_a_number_has_its_last_callbacks_listed(
    stocked: Run, one: Request, requests: Requests
) -> None:
    none = requests.refuse(asking(NUMBER, now=5), "stopped")
    for name in (NUMBER, "12125550199", "+1 (212) 555-0199"):
        assert [row.split()[2] for row in told(ok(stocked("trace", name)))[1:]] == [
            none.id,
            one.id,
        ]
    assert [row["id"] for row in said(stocked("trace", NUMBER, "--limit", "1", "--json"))] == [
        none.id
    ]


def test_o3_what_became_of_it_comes_with_what_to_do(stocked: Run, requests: Requests) -> None:
    made = requests.refuse(asking(NUMBER, now=5), "not_authorised")
    lines = ok(stocked("trace", made.id))
    assert "why          The number is not on the extension's list" in lines
    assert "what to do   Add the number to the authorised CallerIDs" in lines


def test_m7_who_was_told_and_who_asked_are_in_it(
    stocked: Run, one: Request, engine: Engine
) -> None:
    """M7, T11: notices of the extension, streams that have not all records, the audit log."""
    notices, streams = Notices(engine), Streams(engine)
    for extension, key in (("100", "ours"), ("200", "theirs")):
        body = {"extension": extension}
        notices.leave(kind="limit_reached", key=key, body=body, now=4 * SECOND)
    streams.lease("billing", holder="alpha", now=0, until=1)
    streams.failed("billing", "HTTP 503", holder="alpha", now=1)
    keep_leg(engine, 7, request=one.id, call=ATTEMPT, **FREE)
    printed = ok(stocked("trace", one.id))
    assert "notice      Notice limit_reached (ours): not sent yet" in printed
    assert "theirs" not in printed
    assert "stream       billing has not taken 1 of its records: HTTP 503\n" in printed
    assert "record      Record of the destination 1" in printed
    asked = said(stocked("callback", "ask", "100", "+12125550177", "--json"))
    assert "audit       cli:" in ok(stocked("trace", asked["id"]))


def test_o3_lines_of_logs_are_put_where_they_belong(
    stocked: Run, one: Request, tmp_path: Path
) -> None:
    """O3: JSON lines, whatever stands before them; of journalctl -o json; packed; of stdin."""
    plain, packed = tmp_path / "a.log", tmp_path / "b.log.gz"
    plain.write_text(
        f"callbackd-1  | {line(1, 'return_call', request=one.id, by='alpha')}\n"
        f"{line(1, 'another', request=uuid(0xBAD))}\nno line of ours, of {one.id}\n"
        f'{{"event": "{one.id}"}}\n'
        + line(3, "fault", leg=LEG, by="beta", exception="Traceback\n  x\nKeyError: 'y'")
    )
    journal = json.dumps({"MESSAGE": line(2, "leg_moved", leg=LEG), "_PID": "1"})
    packed.write_bytes(gzip.compress(journal.encode()))
    logs = ("--log", str(plain), "--log", str(packed), "--log", "-")
    found = ok(stocked("trace", one.id, *logs, types=line(0, "trigger", attempt=ATTEMPT)))
    parts = [row[25:] for row in found.splitlines() if row.startswith("1970")]
    kinds = [part.split(" ")[0] for part in parts]
    assert [part[12:] for part in parts if part.startswith("log")] == [
        f"trigger attempt={ATTEMPT}",
        "alpha: return_call",
        f"leg_moved leg={LEG}",
        f"beta: fault leg={LEG}",
    ]
    assert kinds.index("trigger") < kinds.index("log") < kinds.index("try")
    assert "logged by    alpha beta\n" in found
    assert f"{' ' * 37}KeyError: 'y'\n" in found
    assert "another" not in found
    events = said(stocked("trace", one.id, "--log", str(plain), "--json"))
    assert events["controllers"] == ["alpha", "beta"]
    assert events["legs"] == {ATTEMPT: list(leg_uuids(ATTEMPT)[:2])}
    assert [e["kind"] for e in events["happened"]].count("log") == 2
    missing = stocked("trace", one.id, "--log", str(tmp_path / "none"))
    assert missing.exit_code == 2


def test_o3_a_log_that_says_nothing_of_it_is_said_to(
    stocked: Run, one: Request, tmp_path: Path
) -> None:
    """O3: it is of another time, or written for people; a broken one is no traceback."""
    console, broken = tmp_path / "a.log", tmp_path / "b.gz"
    console.write_text(f"2026-11-30 [info] return_call request={one.id}\n")
    found = stocked("trace", one.id, "--log", str(console))
    assert f"{console}: no line about it (JSON is read)" in found.stderr
    assert "no line about it" not in stocked("trace", one.id).stderr
    packed = bytearray(gzip.compress(bytes(range(256)) * 99))
    packed[12:40] = b"\xff" * 28
    broken.write_bytes(packed)
    refused(stocked("trace", one.id, "--log", str(broken)), str(broken))


def test_o3_an_option_that_nothing_would_read_is_refused(
    stocked: Run, one: Request, tmp_path: Path
) -> None:
    for words in ((NUMBER, "--log", "-"), (one.id, "--limit", "20")):
        result = stocked("trace", *words)
        assert result.exit_code == 2
        assert words[1] in result.stderr


def test_g1_nothing_of_a_log_does_anything_to_a_terminal(
    stocked: Run, one: Request, tmp_path: Path
) -> None:
    log = tmp_path / "a.log"
    log.write_text(line(1, "x\x1b[2J", request=one.id, name="\x1b]0;y\x07"))
    assert "\x1b" not in ok(stocked("trace", one.id, "--log", str(log)))


def test_the_ids_of_callbacks_are_completed(
    one: Request, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CALLBACKD_DATA_DIR", str(data))
    shell = ShellComplete(main, {}, "callbackd", "_CALLBACKD_COMPLETE")
    offered = [item.value for item in shell.get_completions(["trace"], one.id[:6])]
    assert offered == [one.id]
