"""What a file is, by its content, and whether all of it is there.

Neither its name nor what its sender says of it counts. The decoders play what there is of half a
file, and say nothing: whether a file ends where it should is seen here, before they get it.
"""

from __future__ import annotations

import struct
from enum import StrEnum
from typing import Final

from controller.sounds.model import KINDS, SoundError

#: The size that whoever writes a WAV into a pipe puts in place of the one that he cannot know yet.
_STREAMED: Final = 0xFFFFFFFF
#: More parts than a file has that anybody made with a purpose.
_MOST_CHUNKS: Final = 10_000
_MOST_TAGS: Final = 16

_UPLOAD_WHOLE: Final = "upload the whole file again"

#: Kilobits per second of MPEG frames by index: versions 1 and 2, layers I, II and III.
_BITRATES: Final = {
    (1, 1): (0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (1, 2): (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (1, 3): (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (2, 1): (0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (2, 2): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (2, 3): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_MPEG_RATES: Final = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}


class Container(StrEnum):
    """The kinds of file that are taken."""

    WAV = "WAV"
    OGG = "OGG"
    MP3 = "MP3"
    FLAC = "FLAC"


def examine(data: bytes) -> tuple[Container, bytes]:
    """Give what a file is, and of it what its decoder is to have. Raises `SoundError`."""
    if not data:
        raise SoundError("audio: the file is empty; upload one with sound in it")
    if data[:4] == b"RIFF" and data[8:12] == b"WAVE":
        _check_wav(data)
        return Container.WAV, data
    if data[:4] == b"OggS":
        _check_ogg(data)
        return Container.OGG, data
    if data[:4] == b"fLaC":
        return Container.FLAC, data
    bare = _without_tags(data)
    if _frame_length(bare, 0) is not None:
        _check_mp3(bare)
        return Container.MP3, bare
    raise SoundError(
        f"audio: by its content this is no {KINDS}, whatever it is called; convert it to WAV first"
    )


def _truncated(kind: Container) -> SoundError:
    return SoundError(f"audio: the {kind.value} file ends before its end; {_UPLOAD_WHOLE}")


def _broken(kind: Container, what: str) -> SoundError:
    return SoundError(f"audio: the {kind.value} file is broken ({what}); make it anew")


# --- WAV -----------------------------------------------------------------------------------------


def _check_wav(data: bytes) -> None:
    place, described = 12, False
    for _ in range(_MOST_CHUNKS):
        if len(data) - place < 8:
            raise _broken(Container.WAV, "it has no part that holds sound")
        name, size = struct.unpack_from("<4sI", data, place)
        place += 8
        if name == b"data":
            if not described:
                raise _broken(Container.WAV, "it does not say how its sound is written")
            if size != _STREAMED and size > len(data) - place:
                raise _truncated(Container.WAV)
            return
        described = described or name == b"fmt "
        # Parts of an odd size are filled up.
        place += size + size % 2
    raise _broken(Container.WAV, "it has more parts than anybody could mean")


# --- OGG -----------------------------------------------------------------------------------------


def _check_ogg(data: bytes) -> None:
    place, flags = 0, 0
    while place < len(data):
        if data[place : place + 4] != b"OggS":
            raise _broken(Container.OGG, f"no page begins at byte {place}")
        if len(data) - place < 27:
            raise _truncated(Container.OGG)
        flags, segments = data[place + 5], data[place + 26]
        table = data[place + 27 : place + 27 + segments]
        place += 27 + segments + sum(table)
        if len(table) < segments or place > len(data):
            raise _truncated(Container.OGG)
    if not flags & 0x04:
        # The last page of a stream says that it is the last.
        raise _truncated(Container.OGG)


# --- MP3 -----------------------------------------------------------------------------------------


def _without_tags(data: bytes) -> bytes:
    """Give an MP3 without its ID3 tags: pictures and texts that no decoder needs to read."""
    place = 0
    for _ in range(_MOST_TAGS):
        if data[place : place + 3] != b"ID3":
            break
        head = data[place : place + 10]
        if len(head) < 10 or any(byte & 0x80 for byte in head[6:]):
            raise _broken(Container.MP3, "its ID3 tag has no size")
        size = head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9]
        place += 10 + size + (10 if head[5] & 0x10 else 0)
        if place > len(data):
            raise SoundError(
                f"audio: the file's ID3 tag says that it is {size} bytes long, and the file ends "
                f"before; {_UPLOAD_WHOLE}, or take the tag out"
            )
    else:
        raise _broken(Container.MP3, f"it has more than {_MOST_TAGS} ID3 tags")
    # Some writers leave room behind the tag.
    rest = data[place:]
    return rest.lstrip(b"\0") if place else rest


def _frame_length(data: bytes, place: int) -> int | None:
    """Give how long the MPEG frame is that begins here; None: none does."""
    if len(data) - place < 4 or data[place] != 0xFF or data[place + 1] & 0xE0 != 0xE0:
        return None
    version, layer = data[place + 1] >> 3 & 3, 4 - (data[place + 1] >> 1 & 3)
    bitrate, rate = data[place + 2] >> 4, data[place + 2] >> 2 & 3
    # A bit rate of 0 is free: the frame's length is known to nobody.
    if version == 1 or layer == 4 or bitrate in (0, 15) or rate == 3:
        return None
    bits = _BITRATES[1 if version == 3 else 2, layer][bitrate] * 1000
    hertz, padding = _MPEG_RATES[version][rate], data[place + 2] >> 1 & 1
    if layer == 1:
        return (12 * bits // hertz + padding) * 4
    samples = 72 if layer == 3 and version != 3 else 144
    return samples * bits // hertz + padding


def _check_mp3(data: bytes) -> None:
    place, frames = 0, 0
    while (length := _frame_length(data, place)) is not None:
        if place + length > len(data):
            raise _truncated(Container.MP3)
        place += length
        frames += 1
    # What lies behind the frames is a tag, or nothing that a decoder would play.
    counted = _counted_frames(data)
    if counted is not None and frames - 1 < counted:
        raise _truncated(Container.MP3)


def _counted_frames(data: bytes) -> int | None:
    """Give how many frames the first frame says that there are behind it, if it says so."""
    length = _frame_length(data, 0) or 0
    for mark in (b"Xing", b"Info"):
        place = data.find(mark, 4, min(length, 64))
        if place > 0 and len(data) >= place + 12:
            flags, frames = struct.unpack_from(">II", data, place + 4)
            return int(frames) if flags & 1 else None
    return None
