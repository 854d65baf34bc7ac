"""Sounds and who plays them (S1): a setting names one that is there, and what is played stays."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import ColumnElement, Connection, and_, or_, select

from controller.admin.model import Actor
from controller.admin.shapes import Uploaded
from controller.policy.model import Policy
from controller.policy.records import SoundFile
from controller.policy.sounds import file_of, is_name, named_in
from controller.sounds.model import KINDS, MOST_BYTES, MOST_SECONDS
from controller.store import schema
from controller.store.kept import Stored
from controller.store.sounds import audio_infos

__all__ = [
    "KINDS",
    "MOST_BYTES",
    "MOST_SECONDS",
    "NO_PLACES",
    "Player",
    "SoundPlaces",
    "moved_sounds",
    "players",
    "shown",
    "sound_used",
    "unknown_sounds",
]

_AT_A_TIME: Final = 500


def _nobody_knows(path: str) -> dict[str, bool]:
    """Give which nodes have a file, where none is asked."""
    del path
    return {}


class SoundPlaces(msgspec.Struct, frozen=True):
    """Where uploaded sounds are: the directory on the nodes, and which of them have a file."""

    directory: str = ""
    nodes: Callable[[str], dict[str, bool]] = _nobody_knows


#: Where nobody knows of any.
NO_PLACES: Final = SoundPlaces()


class Player(msgspec.Struct, frozen=True):
    """An extension that plays a sound, and the setting that says so."""

    extension: str
    client: str
    field: str


def unknown_sounds(
    connection: Connection, records: Sequence[tuple[Stored | None, Policy]]
) -> list[tuple[int, str]]:
    """Give the settings that newly name a sound which is not there for whoever would play it."""
    wanted: dict[str, list[tuple[int, str, str]]] = {}
    for index, (before, after) in enumerate(records):
        known = set()
        if before is not None and before.value.client == after.client:
            known = set(named_in(before.value))
        for field, value in named_in(after):
            if is_name(value) and (field, value) not in known:
                wanted.setdefault(value, []).append((index, field, after.client))
    owners = _owners(connection, wanted)
    return [
        (
            index,
            f"{field}: client {client} has no sound {name}; upload it first (callbackd sound "
            f"upload FILE --name {name}), or write the path of a file that the switch has, with "
            "its ending: .wav",
        )
        for name, claims in wanted.items()
        for index, field, client in claims
        if not owners.get(name, set()) & {None, client}
    ]


def _owners(connection: Connection, names: Iterable[str]) -> dict[str, set[str | None]]:
    """Give whose the sounds of these names are; they stay until the transaction is over."""
    table, keys = schema.sound, sorted(names)
    found: dict[str, set[str | None]] = {}
    for start in range(0, len(keys), _AT_A_TIME):
        some = keys[start : start + _AT_A_TIME]
        rows = connection.execute(
            select(table.c.name, table.c.client)
            .where(table.c.name.in_(some))
            .order_by(table.c.language, table.c.name)
            # Whoever removes one looks for who plays it, and waits for us before he does.
            .with_for_update(read=True)
        )
        for name, client in rows:
            found.setdefault(name, set()).add(client)
    return found


def moved_sounds(
    connection: Connection, records: Sequence[tuple[Stored | None, SoundFile]]
) -> list[tuple[int, str]]:
    """Give the sounds that would be taken from an extension which plays them."""
    found = []
    for index, (before, after) in enumerate(records):
        if before is None or after.client in (None, before.value.client):
            continue
        for player in players(connection, before, by_path=False):
            if player.client != after.client:
                found.append(
                    (
                        index,
                        f"client: extension {player.extension} of client {player.client} plays it "
                        f"({player.field}); change that first",
                    )
                )
                break
    return found


def sound_used(connection: Connection, actor: Actor, stored: Stored) -> str | None:
    """Give what keeps a sound from being removed, and what to do about it; or None."""
    found = players(connection, stored, client=actor.client)
    if not found:
        return None
    player = found[0]
    return f"extension {player.extension} plays it ({player.field}); change that first"


def players(
    connection: Connection, stored: Stored, *, client: str | None = None, by_path: bool = True
) -> list[Player]:
    """Give who plays a sound, by its name or by its path.

    `client`: only of this client; what somebody else's extension plays is not told, not even that
    there is one.
    """
    sound: SoundFile = stored.value
    table = schema.extension
    names = [_quoted(sound.name)] if is_name(sound.name) else []
    ends: list[str] = []
    if by_path and sound.path is not None:
        names.append(_quoted(sound.path))
    if by_path and stored.more["audio"] is not None:
        file = "/" + file_of(sound.language, sound.name, stored.more["audio"])
        ends.append(f'{file}"')
    looks: list[ColumnElement[bool]] = [
        table.c.policy.contains(text, autoescape=True) for text in [*names, *ends]
    ]
    if not looks:
        return []
    condition = or_(*looks)
    if client is not None:
        condition = and_(condition, table.c.client == client)
    rows = connection.execute(
        select(table.c.extension, table.c.client, table.c.policy)
        .where(condition)
        .order_by(table.c.extension)
    )
    found = []
    for extension, owner, document in rows:
        for field, value in _said(document):
            named = value == sound.name and sound.client in (None, owner) and is_name(value)
            at = by_path and (
                value == sound.path or any(value.endswith(end.removesuffix('"')) for end in ends)
            )
            if named or at:
                found.append(Player(extension=extension, client=owner, field=field))
                break
    return found


def _quoted(text: str) -> str:
    return msgspec.json.encode(text).decode()


class _Sounding(msgspec.Struct):
    """What a stored policy says of sounds, whatever else is in it."""

    sound_before_disconnecting: Any = None
    warning_sound: Any = None
    prompts: Any = None


def _said(document: str) -> list[tuple[str, str]]:
    said = msgspec.json.decode(document, type=_Sounding)
    prompts = said.prompts if isinstance(said.prompts, dict) else {}
    fields: list[tuple[str, Any]] = [
        ("sound_before_disconnecting", said.sound_before_disconnecting),
        ("warning_sound", said.warning_sound),
        *((f"prompts.{name}", value) for name, value in sorted(prompts.items())),
    ]
    return [(field, value) for field, value in fields if isinstance(value, str)]


def shown(
    connection: Connection,
    actor: Actor,
    found: Sequence[Stored],
    places: SoundPlaces,
    *,
    whole: bool,
) -> list[dict[str, Any]]:
    """Give what is shown of sounds beyond their fields; `whole`: who plays them, too."""
    infos = audio_infos(connection, [s.more["audio"] for s in found if s.more["audio"]])
    made = []
    for stored in found:
        audio, path = stored.more["audio"], stored.value.path
        uploaded = None
        # Gone: somebody uploads another at this moment.
        if audio in infos:
            path = f"{places.directory}/{file_of(stored.value.language, stored.value.name, audio)}"
            uploaded = msgspec.to_builtins(
                Uploaded(
                    id=audio,
                    milliseconds=infos[audio].milliseconds,
                    size=sum(file.size for file in infos[audio].files),
                    uploaded_name=stored.more["uploaded_name"],
                )
            )
        used = players(connection, stored, client=actor.client) if whole else None
        made.append(
            {
                "uploaded": uploaded,
                "switch_path": path,
                # Switches are shown to no client.
                "nodes": places.nodes(path) if uploaded and path and actor.client is None else {},
                "used_by": None if used is None else [player.extension for player in used],
            }
        )
    return made
