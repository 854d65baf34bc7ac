"""Sounds: listen, upload, and pick one for a setting (S1)."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

import msgspec
from flask import Flask, Response, make_response, render_template, request

from controller.admin.model import Actor, Invalid, Item, Kind
from controller.admin.sounding import KINDS, MOST_BYTES, MOST_SECONDS
from controller.policy.sounds import is_name
from controller.prompts.catalogue import languages
from controller.web.api.turns import sender
from controller.web.pages import uploads
from controller.web.pages.entering import actor
from controller.web.pages.forms import Field, Section
from controller.web.pages.records import Column, Filter, Look, RecordPages, read_version
from controller.web.pages.words import N_, _

#: So many are offered where one is picked; who looks for another writes more of its name.
OFFERED: Final = 30

_CLIENT: Final = Field(
    name="client",
    label=N_("Client"),
    help=N_("Whose extensions may play it; empty is everybody's."),
    suggestions="list-clients",
)
SOUNDS: Final = Look(
    kind=Kind.SOUND,
    path="/sounds",
    one=N_("Sound"),
    many=N_("Sounds"),
    intro=N_(
        "What callers hear: recordings that are uploaded here and brought to every switch, and "
        "files that the switches have. Settings name a sound; the caller hears it in his language."
    ),
    sections=(
        Section(
            name="sound",
            title=N_("What it is"),
            fields=(
                Field(
                    name="name",
                    label=N_("Name"),
                    help=N_("By which settings call it: letters, digits, _ and -."),
                ),
                Field(
                    name="language",
                    label=N_("Language"),
                    help=N_("In which it is spoken, such as en or pt-BR; one name may have many."),
                    suggestions="list-languages",
                ),
                Field(
                    name="path",
                    label=N_("File of the switch"),
                    help=N_(
                        "The path of a file that every switch has, instead of one that is "
                        "uploaded; it takes the place of what was uploaded."
                    ),
                ),
                _CLIENT,
                Field(
                    name="description",
                    label=N_("Description"),
                    help=N_("What is said in it, so that others find it."),
                ),
            ),
        ),
    ),
    columns=(Column("name", N_("Name")),),
    filters=(
        Filter("name", N_("Part of the name")),
        Filter("language", N_("Language")),
        Filter("client", N_("Client"), everyone=False),
    ),
    template="sound.html",
    list_template="sounds.html",
)


class Offered(msgspec.Struct, frozen=True):
    """A sound to be picked. `value`: what a setting says that plays it; "": none can."""

    item: Item
    value: str
    audio: str


class SoundPages(RecordPages):
    """Their pages."""

    def register(self, app: Flask) -> None:
        """Add the views."""
        super().register(app)
        for endpoint, path, method, view in (
            ("audio", "/sounds/audio/<language>/<name>", "GET", self.audio),
            ("upload", "/sounds/upload/<language>/<name>", "POST", self.upload),
            ("pick", "/sounds/pick", "GET", self.pick),
        ):
            app.add_url_rule(path, f"sound.{endpoint}", view, methods=[method])

    # --- the form -----------------------------------------------------------------------------

    def sections(self, item: Item | None) -> tuple[Section, ...]:
        """Give its form: a client's own sounds are its own, and nothing is asked of that."""
        if actor().client is None:
            return self.look.sections
        return tuple(
            msgspec.structs.replace(some, fields=tuple(f for f in some.fields if f is not _CLIENT))
            for some in self.look.sections
        )

    def given(self, values: dict[str, Any]) -> dict[str, Any]:
        """Make a client's sound its own."""
        own = actor().client
        return values if own is None else {**values, "client": own}

    def begun(self) -> dict[str, Any]:
        """Give what the address says: `/sounds/new?name=bye&language=fr`."""
        names = ("name", "language", "client")
        return {name: request.args[name] for name in names if request.args.get(name)}

    def fixed(self, item: Item) -> Mapping[str, str]:
        """Give all fields of a sound that is everybody's to a client."""
        why = _("It is everybody's, and the operator's to change.")
        return {} if _is_own(item) else dict.fromkeys(item.values, why)

    def may_remove(self, item: Item) -> bool:
        """Whether whoever asks may remove it."""
        return _is_own(item) and super().may_remove(item)

    def lists(self) -> Mapping[str, Iterable[tuple[str, str]]]:
        """Give what is offered while fields are typed."""
        own = actor().client
        return {
            "list-languages": [(code, "") for code in languages()],
            "list-clients": self.names(Kind.CLIENT) if own is None else (),
        }

    def more(self, item: Item | None) -> dict[str, Any]:
        """Give what there is to hear, and who may put something else there."""
        if item is None:
            return {}
        return {
            "audio": _audio(item),
            "upload_path": f"/sounds/upload/{quote(item.key)}",
            "may_upload": self.may_remove(item),
            "can_upload": is_name(item.values["name"]),
            "most_bytes": MOST_BYTES,
            "most_seconds": MOST_SECONDS,
            "kinds": KINDS,
        }

    def more_of_list(self, items: Sequence[Item]) -> dict[str, Any]:
        """Give what there is to hear."""
        return {"audio_of": _audio}

    # --- audio --------------------------------------------------------------------------------

    def audio(self, language: str, name: str) -> Response:
        """Give what is heard: all of it, or the part that a browser asks for."""
        key = f"{language}/{name}"
        found = self.desks.run(self.desks.directory.listen, actor(), key)
        response = Response(io.BytesIO(found.data), content_type="audio/wav")
        response.set_etag(found.audio[:32])
        response.headers["Cache-Control"] = "private, no-cache"
        response.make_conditional(request, accept_ranges=True, complete_length=len(found.data))
        return response

    def upload(self, language: str, name: str) -> Response:
        """Take a file as its audio, in place of what it has."""
        key, version = f"{language}/{name}", read_version(request.args.get("version", ""))
        # What somebody may not send is not read: it is found before.
        item = self._get(key)
        turns = self.desks.shares.sounds
        with turns.body(sender(actor())):
            data = uploads.read(MOST_BYTES)
            try:
                with turns.turn():
                    self.desks.run(
                        self.desks.directory.upload,
                        actor(),
                        key,
                        data,
                        uploaded_name=request.args.get("filename", ""),
                        version=version,
                    )
            except Invalid as wrong:
                return uploads.wrong(str(wrong).removeprefix("audio: "))
        return uploads.go(f"{self.path_of(item.key)}?done=saved")

    # --- picking ------------------------------------------------------------------------------

    def pick(self) -> Response:
        """Give what the dialog of a field shows: sounds by part of their name, or a path."""
        said = {name: request.args.get(name, "").strip() for name in ("q", "language", "client")}
        who = _who_plays(said["client"])
        asked = {"name": said["q"], "language": said["language"]}
        error, more = "", False
        items: tuple[Item, ...] = ()
        try:
            page = self.desks.run(
                self.desks.directory.list,
                who,
                Kind.SOUND,
                {name: value for name, value in asked.items() if value},
                limit=OFFERED,
            )
            items, more = page.items, page.next is not None
        except Invalid as wrong:
            error = str(wrong)
        part = "_found_sounds.html" if "found" in request.args else "_pick_sound.html"
        return make_response(
            render_template(
                part,
                field=request.args.get("for", ""),
                said=said,
                offered=[Offered(item, _value(item), _audio(item)) for item in items],
                more=more,
                error=error,
                known_languages=languages(),
            )
        )


def _who_plays(client: str) -> Actor:
    """Give whose sounds there are to pick from: what this client's extensions can play (S1).

    That is what the client itself sees, and never more than whoever asks. "": all that he sees.
    """
    who = actor()
    if who.client is not None or not client:
        return who
    # PostgreSQL takes no NUL.
    return msgspec.structs.replace(who, client=client if client.isprintable() else "-")


def _is_own(item: Item) -> bool:
    return actor().client in (None, item.values["client"])


def _audio(item: Item) -> str:
    """Give where a sound is heard; "": nothing of it was uploaded."""
    uploaded = item.values["uploaded"]
    if uploaded is None:
        return ""
    # Another upload is another address: no browser plays the one before.
    return f"/sounds/audio/{quote(item.key)}?is={uploaded['id'][:12]}"


def _value(item: Item) -> str:
    """Give what a setting says that plays a sound: its name, or its path where no name can be."""
    there = item.values["uploaded"] is not None or item.values["path"] is not None
    if not there:
        return ""
    return item.values["name"] if is_name(item.values["name"]) else item.values["switch_path"] or ""
