"""The simulator is held to the recordings: same frames, same order, same fields, same values.

All recordings are played at the same time, once, for all tests.
"""

import re
from pathlib import Path
from typing import Any

import gevent
import pytest

from tests.replay.player import RECORDINGS, Run


@pytest.fixture(scope="module")
def runs() -> dict[Path, Run]:
    """All recordings, played at once."""
    made = {path: Run(path) for path in RECORDINGS}
    gevent.joinall([gevent.spawn(run.play) for run in made.values()], raise_error=True)
    return made


each = pytest.mark.parametrize(
    "path", RECORDINGS, ids=[f"{path.parent.name}-{path.stem}" for path in RECORDINGS]
)


@each
def test_the_same_frames_come_in_the_same_order(runs: dict[Path, Run], path: Path) -> None:
    run = runs[path]
    for stream, recorded, came in run.pairs():
        wanted = [seen.about for seen in recorded]
        assert [seen.about for seen in came] == wanted, (stream, run.trouble)
    assert not run.trouble


# Fields that may differ, each with its reason. (None so far.)
DIFFERENT_FIELDS: dict[str, str] = {}


@each
def test_every_frame_has_the_fields_of_the_recorded_one(runs: dict[Path, Run], path: Path) -> None:
    wrong = []
    for stream, recorded, came in runs[path].pairs():
        for old, new in zip(recorded, came, strict=False):
            missing = old.fields - new.fields - DIFFERENT_FIELDS.keys()
            added = new.fields - old.fields - DIFFERENT_FIELDS.keys()
            if missing or added:
                wrong.append((stream, old.about[:2], "missing", missing, "added", added))
    assert not wrong


# Values that belong to one run: moments, ports, uuids, and what the SIP stack makes up.
OWN = re.compile(
    r"Event-Date|Event-Sequence|Core-UUID|FreeSWITCH-|Time$|_u?epoch$|_stamp$|duration$|[mu]?sec$"
    r"|session_id|_tag$|_via$|sdp|ssrc|call_id|cseq|media_port|transfer_|Transfer-Source|full_from"
    r"|full_to|rtp_audio_|Unique-ID|UUID|Job-Command-Arg|uuid|_bond$|last_bridge_to|originate"
)


def known(value: Any) -> Any:
    """A value without this run's port."""
    return re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:port", str(value))


@each
def test_what_the_fields_say_is_what_was_recorded(runs: dict[Path, Run], path: Path) -> None:
    wrong = {}
    for stream, recorded, came in runs[path].pairs():
        for old, new in zip(recorded, came, strict=False):
            for name, value in old.values.items():
                mine = new.values.get(name)
                if not OWN.search(name) and known(mine) != known(value):
                    wrong[stream, old.about[0], name] = (value, mine)
    assert not wrong


@each
def test_events_are_as_big_as_the_recorded_ones(runs: dict[Path, Run], path: Path) -> None:
    for stream, recorded, came in runs[path].pairs():
        for old, new in zip(recorded, came, strict=False):
            size, wanted = len(str(new.values)), len(str(old.values))
            assert abs(size - wanted) <= max(40, 0.02 * wanted), (stream, old.about)


def test_the_recordings_are_there() -> None:
    assert len(RECORDINGS) == 30
