"""Asks a node which of the sounds and say modules that callers need it lacks.

It is asked when its link comes up and every now and then, so that what is missing is met by an
operator and not by a caller. `absent` of what was found goes to `segments`, which says in English
what cannot be said in the caller's language.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Final

import msgspec

from controller.esl.errors import UnsafeText
from controller.prompts.catalogue import FALLBACK, Catalogue, catalogue, known_as
from controller.prompts.segments import Places
from controller.store.spoken import OwnSound

#: Where mod_sndfile looks for a file of a sound set: below a directory of its rate, or as named.
RATES: Final = ("8000", "16000", "32000", "48000", "")

#: What asks a node: an api command and its words, and what it printed.
Ask = Callable[..., str]

_SOUND_PREFIX: Final = re.compile(r"<language [^>]*\bsound-(?:prefix|path)=\"([^\"]*)\"")


class CannotTell(RuntimeError):
    """The node does not answer what it is asked: it has no mod_commands, or an old one."""


class Missing(msgspec.Struct, frozen=True):
    """One thing that a node lacks.

    Attributes:
        kind: `file`, `own_sound`, `extension_sound`, `say_module`, `language` or `catalogue`.
        what: its name, as it is played.
        language: whose it is; None: it is an extension's.
        remedy: what to do.
    """

    kind: str
    what: str
    language: str | None
    remedy: str


class SoundReport(msgspec.Struct, frozen=True):
    """What was found on one node; `absent` is for `segments`."""

    missing: tuple[Missing, ...] = ()
    absent: frozenset[str] = frozenset()


class _Node:
    """A node's files, as its formats find them."""

    def __init__(self, ask: Ask) -> None:
        self.ask = ask
        self.sound_prefix = ask("global_getvar", "sound_prefix").strip().rstrip("/")
        #: The rate that the last file was found at comes first: most are of one set.
        self._rates = list(RATES)

    def says(self, *words: str) -> bool:
        """Ask what is answered with true or false. Raises `CannotTell`."""
        answer = self.ask(*words).strip()
        if answer not in ("true", "false"):
            raise CannotTell(f"{words[0]} says {answer!r:.80}; is mod_commands loaded?")
        return answer == "true"

    def has(self, file: str) -> bool:
        """Whether it can play a file. What is a stream, or cannot be asked, counts as there."""
        if "://" in file:
            return True
        path = file if file.startswith("/") else f"{self.sound_prefix}/{file}"
        folder, _, base = path.rpartition("/")
        if "." not in base:
            base += ".wav"
        for rate in self._rates:
            try:
                found = self.says("file_exists", "/".join(filter(None, (folder, rate, base))))
            except UnsafeText:
                return True
            if found:
                self._rates.remove(rate)
                self._rates.insert(0, rate)
                return True
        return False


def check_sounds(
    ask: Ask, *, languages: Iterable[str], places: Places, sounds: Sequence[OwnSound] = ()
) -> SoundReport:
    """Ask a node for all that is needed to speak these languages, and for extensions' sounds.

    English is always among them, since it is what is said where another language cannot be.
    Raises `CannotTell`, and what `ask` raises.
    """
    node = _Node(ask)
    missing: list[Missing] = []
    absent: set[str] = set()
    spoken = {FALLBACK}
    for language in sorted(languages):
        name = known_as(language)
        if name is None:
            remedy = "English is said; set the extension's language to one that there is"
            missing.append(Missing("catalogue", language, language, remedy))
        else:
            spoken.add(name)
    for language in sorted(spoken):
        book = catalogue(language)
        files = _files(node, language, book, places)
        speech = _speech(node, language, book)
        missing += (*files, *speech)
        absent |= {one.what for one in files}
        if speech:
            absent.add(f"say:{book.module}")
    for sound in sounds:
        if sound.file is not None and node.has(sound.file):
            continue
        missing.append(_own_sound(sound))
        absent.add(sound.file or sound.value)
    return SoundReport(tuple(missing), frozenset(absent))


def _own_sound(sound: OwnSound) -> Missing:
    setting = f"{sound.setting} of extension {sound.extension}"
    if sound.file is None:
        remedy = f"upload a sound of this name, or change {setting}"
        return Missing("extension_sound", sound.value, None, remedy)
    remedy = f"see that this switch has the file, or change {setting}"
    return Missing("extension_sound", sound.file, None, remedy)


def _files(node: _Node, language: str, book: Catalogue, places: Places) -> list[Missing]:
    prefix = places.prefix(language)
    voice = places.voice(language)
    own = book.own_sounds
    found = []
    for file in sorted(book.played):
        if node.has(prefix + file):
            continue
        if file not in own:
            kind, remedy = "file", f"install the sounds of {voice}, or name others: prompts.voices"
        elif language == FALLBACK:
            kind, remedy = "own_sound", f"copy fs-config/sounds/{voice} to the switch's {voice}"
        else:
            kind = "own_sound"
            remedy = f"English is said; record or make (fs-config/README.md): {own[file]}"
        found.append(Missing(kind, prefix + file, language, remedy))
    return found


def _speech(node: _Node, language: str, book: Catalogue) -> list[Missing]:
    """What `say` lacks: it plays from where the switch's XML has the language."""
    module = f"mod_say_{book.module}"
    if not node.says("module_exists", module):
        remedy = f"load {module} in modules.conf.xml and add lang/{book.module}.xml"
        return [Missing("say_module", module, language, remedy)]
    answer = node.ask("xml_locate", "languages", "language", "name", book.module)
    prefix = _SOUND_PREFIX.search(answer)
    if "<language" not in answer and "can't find anything" in answer:
        remedy = f"add lang/{book.module}.xml, like lang/en.xml: without it nothing is said"
        return [Missing("language", book.module, language, remedy)]
    where = prefix[1].rstrip("/") if prefix is not None else node.sound_prefix
    remedy = f"say takes it from the sound-prefix of language {book.module}: install it there"
    return [
        Missing("file", f"{where}/{file}", language, remedy)
        for file in sorted(book.said)
        if not node.has(f"{where}/{file}")
    ]
