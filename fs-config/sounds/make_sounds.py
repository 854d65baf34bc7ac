"""Makes our own sounds with a free voice, from the words in the catalogues.

    python fs-config/sounds/make_sounds.py en             # the ones that are here
    python fs-config/sounds/make_sounds.py de --into /usr/share/freeswitch/sounds

It needs callbackd, espeak-ng and sox. A sound that is there is left alone: it may be a better one,
spoken by somebody; `--again` makes it anew.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
from pathlib import Path

from controller.prompts.catalogue import catalogue, known_as, languages

#: espeak-ng's voices, where they are not called as the language is.
VOICES = {
    "en": "en-us+f3",
    "es-AR": "es-419+f3",
    "fr": "fr-fr+f3",
    "he": "he",
    "pt": "pt+f3",
    "pt-BR": "pt-br+f3",
    "zh": "cmn",
}
RATES = (8000, 16000)
WORDS_A_MINUTE = 155
#: The peak of a sound, dB below full scale, as the stock sounds have it.
PEAK = "-4"


def make(text: str, voice: str, path: Path, rate: int) -> None:
    """Speak a text into a file: mono, 16 bit, without silence at its ends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(suffix=".wav") as raw:
        speak = ["espeak-ng", "-v", voice, "-s", str(WORDS_A_MINUTE), "-w", raw.name, text]
        subprocess.run(speak, check=True)
        trim = ["silence", "1", "0.01", "0.5%", "reverse"]
        effects = ["rate", "-h", str(rate), *trim, *trim, "highpass", "80"]
        effects += ["gain", "-n", PEAK, "pad", "0.02", "0.05"]
        subprocess.run(
            ["sox", "-R", raw.name, "-b", "16", "-c", "1", str(path), *effects], check=True
        )


def main() -> None:
    """Make what is not there yet."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("language", choices=languages())
    parser.add_argument("--into", type=Path, default=Path(__file__).parent)
    parser.add_argument("--voice", help="Another voice of espeak-ng.")
    parser.add_argument("--again", action="store_true", help="Make those anew that are there.")
    given = parser.parse_args()
    book = catalogue(given.language)
    voice = given.voice or VOICES.get(given.language) or f"{known_as(given.language)}+f3"
    for file, text in sorted(book.own_sounds.items()):
        folder, _, base = file.rpartition("/")
        for rate in RATES:
            path = given.into / book.voice / folder / str(rate) / base
            if given.again or not path.exists():
                make(text, voice, path, rate)


if __name__ == "__main__":
    main()
