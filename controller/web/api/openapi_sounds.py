"""The description of the audio of sounds."""

from __future__ import annotations

from typing import Any, Final

from controller.admin.model import Kind
from controller.admin.shapes import VIEWS
from controller.web.api import parts
from controller.web.api.resources import AUDIO, AudioRate, FileName, names, parameter
from controller.web.api.schemas import schema
from controller.web.api.sounds import UPLOADED_AS, WAV

_TAG: Final = Kind.SOUND.value


def paths() -> dict[str, Any]:
    """Give the path, with its operations."""
    return {
        AUDIO: {
            "parameters": [
                parts.in_path(name, parameter(Kind.SOUND, name)) for name in names(AUDIO)
            ],
            "get": _listen(),
            "put": _upload(),
        }
    }


def _listen() -> dict[str, Any]:
    return parts.operation(
        "listen_to_sound",
        "Give the audio of a sound as the switch plays it: WAV, 16 bits, mono.",
        {
            200: {
                "description": "The audio.",
                "headers": parts.ETAG_HEADER,
                "content": {WAV: {}},
            },
            304: {"description": "It is as it was.", "headers": parts.ETAG_HEADER},
        },
        404,
        tag=_TAG,
        parameters=[
            parts.parameter("query", "rate", schema(AudioRate)),
            parts.tags("If-None-Match", required=False),
        ],
    )


def _upload() -> dict[str, Any]:
    return parts.operation(
        "upload_sound",
        "Upload the audio of a sound, or another in its place: WAV, MP3, OGG or FLAC. It is known "
        "by its content, and converted.",
        {200: parts.told(VIEWS[Kind.SOUND], headers=parts.ETAG_HEADER)},
        *(404, 409, 412, 428),
        *parts.OF_BODIES,
        tag=_TAG,
        parameters=[
            parts.parameter("query", "filename", schema(FileName)),
            parts.tags("If-Match", required=True),
        ],
        body={"required": True, "content": {type_: {} for type_ in UPLOADED_AS}},
    )
