"""The views over the audio of sounds (S1): upload it, or another in its place; listen to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from flask import Flask, Response, request

from controller.admin.model import Actor, Item, Kind
from controller.admin.sounding import MOST_BYTES
from controller.web.api.reading import Condition, condition, query, upload
from controller.web.api.records import Run, actor, matching, meant, whole
from controller.web.api.resources import AUDIO, AudioRate, FileName, key_of, rule
from controller.web.api.turns import Turns, sender

if TYPE_CHECKING:
    from controller.admin.directory import Directory

#: As what a file may be sent; by its content it is known.
UPLOADED_AS: Final = (
    "application/octet-stream",
    "application/ogg",
    "audio/flac",
    "audio/mp3",
    "audio/mpeg",
    "audio/ogg",
    "audio/opus",
    "audio/vnd.wave",
    "audio/wav",
    "audio/wave",
    "audio/x-flac",
    "audio/x-wav",
)
#: As what it is given back.
WAV: Final = "audio/wav"


class AudioViews:
    """The audio of sounds."""

    def __init__(self, directory: Directory, run: Run, turns: Turns) -> None:
        self._directory = directory
        self._run = run
        self._turns = turns

    def register(self, app: Flask) -> None:
        """Add the views to an application."""
        app.add_url_rule(rule(AUDIO), "audio.put", self.put, methods=["PUT"])
        app.add_url_rule(rule(AUDIO), "audio.get", self.get, methods=["GET"])

    def put(self, **path: str) -> Response:
        """Take a file as the audio of a sound, in place of what it had."""
        said = query(request, {"filename": FileName})
        key = key_of(Kind.SOUND, path)
        read = matching()
        # What somebody may not send is not read: it is found before.
        self._run(self._directory.get, actor(), Kind.SOUND, key)
        with self._turns.body(sender(actor())):
            data = upload(request, MOST_BYTES, *UPLOADED_AS)
            name = said.get("filename", "")
            with self._turns.turn():
                return whole(self._run(self._upload, actor(), key, data, name, read))

    def _upload(self, who: Actor, key: str, data: bytes, name: str, read: Condition) -> Item:
        version = meant(self._directory, who, Kind.SOUND, key, read)
        return self._directory.upload(who, key, data, uploaded_name=name, version=version)

    def get(self, **path: str) -> Response:
        """Give the audio of a sound, as the switch plays it."""
        said = query(request, {"rate": AudioRate})
        known = condition(request.headers.get("If-None-Match"), weak=True)
        rate = int(said.get("rate", "16000"))
        found = self._run(self._directory.listen, actor(), key_of(Kind.SOUND, path), rate)
        tag = f"{found.audio[:32]}-{rate}"
        if known is not None and known.has(tag):
            return Response(status=304, headers={"ETag": f'"{tag}"'})
        return Response(found.data, headers={"ETag": f'"{tag}"'}, content_type=WAV)
