"""The simulator writes call records as mod_json_cdr does; see tests/unit/esl/records (M7)."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from controller.esl.events import decode_event
from controller.esl.records import decode_record
from controller.simulator import Behaviour, Phone
from tests.unit.simulator.peer import Bench

REAL = Path(__file__).parents[1] / "esl" / "records" / "plain.cdr.json"
OURS = "callback_leg=return,callback_call=c,callback_request=q,callback_channel=pstn"


def ended(bench: Bench, variables: str = OURS, outcome: Any = "answer") -> dict[str, Any]:
    """Have somebody called who is hung up on; give the last event."""
    bench.switch.phone(Phone(number="1", calls=[Behaviour(on_call=outcome, after=0)]))
    dialled = f"{{origination_uuid=u,{variables}}}sofia/gateway/pstn/1"
    bench.client.api(f"originate {dialled} &park()")
    bench.client.api("uuid_kill u")
    return bench.client.event("CHANNEL_HANGUP_COMPLETE")


@pytest.mark.parametrize("outcome", ["answer", "busy"])
def test_m7_a_record_tells_what_the_event_does(
    make_bench: Callable[..., Bench], tmp_path: Path, outcome: str
) -> None:
    bench = make_bench(records=tmp_path)
    assert bench.client.api("module_exists mod_json_cdr") == "true"
    event = decode_event(json.dumps(ended(bench, outcome=outcome)).encode())
    (path,) = tmp_path.glob("*.cdr.json")
    assert path.name == "u.cdr.json"
    record = decode_record(path.read_bytes())
    assert record is not None
    for name in ("uuid", "hangup_cause", "leg", "call", "request", "channel", "position"):
        assert getattr(record, name) == getattr(event, name), name
    for name in ("start_uepoch", "answer_uepoch", "end_uepoch"):
        assert getattr(record, name) == getattr(event, name), name


def test_m7_a_record_has_the_shape_of_a_real_one(
    make_bench: Callable[..., Bench], tmp_path: Path
) -> None:
    ended(make_bench(records=tmp_path))
    (path,) = tmp_path.glob("*.cdr.json")
    body = path.read_bytes()
    assert body.endswith(b"}\n")
    made, real = json.loads(body), json.loads(REAL.read_bytes())
    assert made.keys() == real.keys() - {"app_log"}
    assert made["channel_data"].keys() == real["channel_data"].keys()
    for name in ("caller_profile", "times"):
        assert made["callflow"][0][name].keys() == real["callflow"][0][name].keys()
    times = {name for name in real["variables"] if name.endswith(("epoch", "sec"))}
    assert times <= made["variables"].keys()


def test_a4_of_a_leg_without_process_cdr_there_is_no_record(
    make_bench: Callable[..., Bench], tmp_path: Path
) -> None:
    """A4: a password that was being typed would be in it (seen on 1.11.1)."""
    ended(make_bench(records=tmp_path), OURS + ",process_cdr=false")
    assert not list(tmp_path.glob("*.json"))
