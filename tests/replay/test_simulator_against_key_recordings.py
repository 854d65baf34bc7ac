"""The simulator is held to our own recordings of keys, as it is to the given ones.

They were made on another version and with another phone, which the values leave room for.
"""

import re
from pathlib import Path

import gevent
import pytest

from tests.replay.player import KEY_RECORDINGS, Run
from tests.replay.test_simulator_against_recordings import OWN, known


@pytest.fixture(scope="module")
def runs() -> dict[Path, Run]:
    """All of them, played at once."""
    made = {path: Run(path) for path in KEY_RECORDINGS}
    gevent.joinall([gevent.spawn(run.play) for run in made.values()], raise_error=True)
    return made


each = pytest.mark.parametrize("path", KEY_RECORDINGS, ids=[path.stem for path in KEY_RECORDINGS])


def test_the_recordings_are_there() -> None:
    assert [path.stem for path in KEY_RECORDINGS] == [
        "keys-between-applications",
        "prompt-cut-by-a-key",
        "two-stars-drop-the-destination",
    ]


@each
def test_the_same_frames_come_in_the_same_order(runs: dict[Path, Run], path: Path) -> None:
    run = runs[path]
    for stream, recorded, came in run.pairs():
        wanted = [seen.about for seen in recorded]
        assert [seen.about for seen in came] == wanted, (stream, run.trouble)
    assert not run.trouble


# How long a key was held, where the cut sounds were cut, and what the phone calls itself.
OTHERS = re.compile(
    r"Line-Number$|^DTMF-Duration$|^variable_playback_(last|ms|samples|seconds)"
    r"|sip_contact_port|sip_recover_contact"
)


@each
def test_every_frame_says_what_was_recorded(runs: dict[Path, Run], path: Path) -> None:
    wrong: dict[tuple[object, ...], object] = {}
    for stream, recorded, came in runs[path].pairs():
        for old, new in zip(recorded, came, strict=True):
            if old.fields != new.fields:
                wrong[stream, old.about[:2], "fields"] = (old.fields ^ new.fields, "")
            for name, value in old.values.items():
                mine = new.values.get(name)
                own = OWN.search(name) or OTHERS.search(name)
                if not own and known(mine) != known(value):
                    wrong[stream, old.about[:2], name] = (value, mine)
    assert not wrong
