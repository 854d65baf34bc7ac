"""S1: what was uploaded is played by a real switch, from the file that is of the call's rate."""

import hashlib
from collections.abc import Iterator

import pytest

from controller.esl import commands
from controller.policy.sounds import file_of
from controller.sounds.converting import convert
from controller.sounds.mirror import Mirror, Wanted
from tests.unit.sounds.given import file, tone

from .conftest import Bench
from .sounds import PITCHES, PROMPTS
from .test_prompts import Leg

#: What is heard where the file of this rate is played.
HEARD = {8000: PROMPTS[1], 16000: PROMPTS[9]}
AUDIO = hashlib.sha256(b"uploaded").hexdigest()


@pytest.fixture
def leg(bench: Bench) -> Iterator[Leg]:
    """A leg of a telephone with 8000 samples a second."""
    found = Leg(bench)
    yield found
    found.close()


def test_s1_the_switch_has_what_was_copied_and_plays_that_of_the_calls_rate(
    leg: Leg, bench: Bench
) -> None:
    """mod_sndfile: `<directory>/<rate>/<file>` before any other."""
    pitches = {name: hertz for hertz, name in PITCHES.items()}
    files = {}
    for made in (0, 1):
        rate = (8000, 16000)[made]
        recorded = file(tone(0.4, hertz=pitches[HEARD[rate]]), "OGG", "VORBIS")
        files[rate] = convert(recorded).files[made].data
    path = file_of("en", "bye", AUDIO)
    digests = {rate: hashlib.sha256(data).hexdigest() for rate, data in files.items()}
    place = bench.folder / "uploaded"
    assert bench.switch.api(f"file_exists {place}/{path}") == "false"
    done = Mirror(place).bring(
        [Wanted(audio=AUDIO, path=path, digests=digests)], lambda _, rate: files[rate]
    )
    assert done.added == 3
    assert bench.switch.api(f"file_exists {place}/{path}") == "true"
    end = leg.execute(commands.playback([f"{place}/{path}"], "step"), "step")
    assert end["Application-Response"] == "FILE PLAYED"
    assert leg.heard() == [HEARD[8000]]
