"""Which sounds the switch has, how long they last, and what it can say."""

from __future__ import annotations

import re

#: Where the stock packages put their sounds; the switch's ``sound_prefix``.
SOUND_PREFIX = "/usr/share/freeswitch/sounds/en/us/callie"

_FILE_STRING = "file_string://"
_TONE = re.compile(r"%\((\d+),(\d+),")
# The directory of a file's rate, which is not in the name that is played.
_RATE = re.compile(r"/(8000|16000|32000|48000)/")
# mod_say_en.c: a number is whole, money has cents; anything else is an error in the log.
_SAYABLE = {
    "number": re.compile(r"\d+"),
    "currency": re.compile(r"-?\d+(\.\d+)?"),
    "time_measurement": re.compile(r"\d+(:\d+){0,2}"),
}


class Sounds:
    """The sounds of one switch: all there are, but for what is ``missing``.

    ``durations``: seconds by part of a name; ``missing``: parts of names; ``modules``: what is
    loaded, as our ``modules.conf.xml`` does; a language is said if its module is among them.
    """

    def __init__(self) -> None:
        self.durations: dict[str, float] = {}
        self.missing: set[str] = set()
        self.default_duration = 0.3
        self.modules = {
            "mod_commands",
            "mod_console",
            "mod_dialplan_xml",
            "mod_dptools",
            "mod_event_socket",
            "mod_logfile",
            "mod_say_en",
            "mod_sndfile",
            "mod_sofia",
            "mod_tone_stream",
        }

    def duration(self, file: str) -> float:
        """How long a sound lasts, in seconds."""
        if file.startswith(_FILE_STRING):
            parts = file.removeprefix(_FILE_STRING).split("!")
            return sum(self.duration(part) for part in parts if not self.is_missing(part))
        if file.startswith("silence_stream://"):
            digits = file[17:].split(",", maxsplit=1)[0]
            return int(digits) / 1000 if digits.isdigit() else self.default_duration
        if file.startswith("tone_stream://"):
            return sum(int(on) + int(off) for on, off in _TONE.findall(file)) / 1000
        for part, seconds in self.durations.items():
            if part in file:
                return seconds
        if file.startswith("say:"):
            # About one file for each digit or letter, which is so for what is said one by one.
            said = file.rsplit(" ", maxsplit=1)[-1]
            return self.default_duration * sum(char.isalnum() for char in said)
        return self.default_duration

    def is_missing(self, file: str) -> bool:
        """Whether the switch has no such sound; of a chain, none of its sounds."""
        if file.startswith(_FILE_STRING):
            # Seen on 1.11.1: those that are missing are passed over.
            parts = file.removeprefix(_FILE_STRING).split("!")
            return all(self.is_missing(part) for part in parts)
        return any(part in file for part in self.missing)

    def exists(self, path: str) -> bool:
        """Whether there is a file at a path: ``file_exists``, which looks nowhere else."""
        plain = _RATE.sub("/", path)
        return path.startswith("/") and not (self.is_missing(path) or self.is_missing(plain))

    def can_say(self, data: str) -> bool:
        """Whether ``say`` says anything: ``<language> <type> <method> [<gender>] <text>``."""
        words = data.split()
        if len(words) not in {4, 5}:
            return False
        shape = _SAYABLE.get(words[1].lower())
        module = "mod_say_" + words[0].partition(":")[0]
        return module in self.modules and (shape is None or bool(shape.fullmatch(words[-1])))
