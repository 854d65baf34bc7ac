"""S1: sounds are uploaded, replaced, listened to, found and, where nobody plays them, removed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
import pytest
from sqlalchemy import Engine, func, select

from controller.admin.directory import Directory
from controller.admin.document import Tree
from controller.admin.importing import Importer, Refused
from controller.admin.model import Actor, Conflict, Forbidden, Invalid, Kind, NotFound, Stale
from controller.admin.sounding import SoundPlaces
from controller.policy.records import Role
from controller.store import schema
from controller.store.passwords import Passwords
from controller.store.sounds import SoundSource
from tests.seed import ADMIN
from tests.sounding import recording
from tests.unit.sounds.given import samples

from .given import ACME, ACME_LOOKS, LOOKS, OTHER, two_clients

PLACES = SoundPlaces("/var/sounds", lambda path: {"fs1": path.startswith("/var/sounds/")})


@pytest.fixture
def store(engine: Engine) -> Directory:
    """A directory of two clients, which knows where sounds lie and that fs1 has them."""
    ticks = iter(range(1, 10_000))
    made = Directory(
        engine,
        passwords=lambda: Passwords(bytes(32)),
        now=lambda: next(ticks),
        places=PLACES,
    )
    two_clients(made)
    return made


def uploaded(store: Directory, name: str = "bye", hertz: float = 440, **values: Any) -> Any:
    store.create(ADMIN, Kind.SOUND, {"name": name, **values})
    key = f"{values.get('language', 'en')}/{name}"
    return store.upload(ADMIN, key, recording(hertz), uploaded_name="Bye now.ogg")


def count(engine: Engine, table: Any) -> int:
    with engine.connect() as connection:
        return connection.execute(select(func.count()).select_from(table)).scalar_one()


def play(store: Directory, value: str | None, extension: str = "100", field: str = "") -> None:
    field = field or "sound_before_disconnecting"
    store.change(ADMIN, Kind.EXTENSION, extension, {field: value})


# --- upload and listen ---------------------------------------------------------------------------


def test_s1_what_is_uploaded_is_kept_as_it_is_played(store: Directory, engine: Engine) -> None:
    item = uploaded(store, client="acme")
    audio = item.values["uploaded"]
    assert item.version == 2
    assert (item.values["path"], item.values["used_by"]) == (None, [])
    assert (audio["milliseconds"], audio["uploaded_name"]) == (250, "Bye now.ogg")
    path = f"/var/sounds/en/bye-{audio['id'][:8]}.wav"
    assert item.values["switch_path"] == path
    assert item.values["nodes"] == {"fs1": True}
    sizes = []
    for rate in (8000, 16000):
        heard = store.listen(ADMIN, "en/bye", rate)
        assert heard.audio == audio["id"]
        assert samples(heard.data)[1] == rate
        sizes.append(len(heard.data))
    assert sum(sizes) == audio["size"]
    assert store.listen(ADMIN, "en/bye").data == store.listen(ADMIN, "en/bye", 16000).data
    table = SoundSource(engine, "/var/sounds").table()
    assert table.resolve("bye", client="acme", language="de") == path


def test_s1_another_upload_takes_the_place_of_the_first(store: Directory, engine: Engine) -> None:
    first = uploaded(store)
    second = store.upload(ADMIN, "en/bye", recording(800))
    assert second.version == 3
    assert second.values["switch_path"] != first.values["switch_path"]
    assert second.values["uploaded"]["uploaded_name"] == ""
    # Of the first nothing is left.
    assert (count(engine, schema.audio), count(engine, schema.audio_file)) == (1, 2)
    # The same again changes nothing.
    assert store.upload(ADMIN, "en/bye", recording(800)).version == 3


def test_s1_what_two_sounds_share_stays_while_one_of_them_has_it(
    store: Directory, engine: Engine
) -> None:
    uploaded(store)
    uploaded(store, "hello")
    assert count(engine, schema.audio) == 1
    store.delete(ADMIN, Kind.SOUND, "en/bye")
    assert store.listen(ADMIN, "en/hello").data
    store.delete(ADMIN, Kind.SOUND, "en/hello")
    assert (count(engine, schema.audio), count(engine, schema.audio_file)) == (0, 0)


def test_s1_a_path_takes_the_place_of_an_upload_and_the_other_way_round(
    store: Directory, engine: Engine
) -> None:
    uploaded(store)
    item = store.change(ADMIN, Kind.SOUND, "en/bye", {"path": "/s/bye.wav"})
    assert (item.values["uploaded"], item.values["switch_path"]) == (None, "/s/bye.wav")
    assert item.values["nodes"] == {}
    assert count(engine, schema.audio) == 0
    with pytest.raises(NotFound, match=r"the switch has it at /s/bye\.wav"):
        store.listen(ADMIN, "en/bye")
    item = store.upload(ADMIN, "en/bye", recording())
    assert item.values["path"] is None
    assert item.values["uploaded"]["milliseconds"] == 250


def test_s1_nothing_was_uploaded_yet(store: Directory) -> None:
    item = store.create(ADMIN, Kind.SOUND, {"name": "bye"})
    assert (item.values["uploaded"], item.values["switch_path"]) == (None, None)
    with pytest.raises(NotFound, match=r"nothing that was uploaded\Z"):
        store.listen(ADMIN, "en/bye")
    with pytest.raises(NotFound):
        store.listen(ADMIN, "en/nothing")


def test_g1_what_is_no_sound_is_refused_and_nothing_is_kept(
    store: Directory, engine: Engine
) -> None:
    store.create(ADMIN, Kind.SOUND, {"name": "bye"})
    with pytest.raises(Invalid, match="by its content this is no") as caught:
        store.upload(ADMIN, "en/bye", b"Dear Sir", uploaded_name="bye.wav")
    assert caught.value.field == "audio"
    assert store.get(ADMIN, Kind.SOUND, "en/bye").version == 1
    assert count(engine, schema.audio) == 0


@pytest.mark.parametrize("name", ["a\nb", "\x00", "x" * 201, "\ud800", "\u2028"])
def test_g1_the_name_of_a_file_is_a_line_and_no_more(store: Directory, name: str) -> None:
    store.create(ADMIN, Kind.SOUND, {"name": "bye"})
    with pytest.raises(Invalid, match=r"^filename: "):
        store.upload(ADMIN, "en/bye", recording(), uploaded_name=name)


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "..", "a/b", "a b", "", "-x", "a\0b", "x" * 65]
)
def test_g1_a_sounds_name_is_no_path(store: Directory, name: str) -> None:
    with pytest.raises(Invalid, match=r"^name: "):
        store.create(ADMIN, Kind.SOUND, {"name": name})
    with pytest.raises(NotFound):
        store.upload(ADMIN, f"en/{name}", recording())


def test_s1_a_sound_that_no_setting_could_name_is_not_uploaded(store: Directory) -> None:
    store.create(ADMIN, Kind.SOUND, {"name": "bye.old", "path": "/bye.wav"})
    with pytest.raises(Conflict, match="a point in its name"):
        store.upload(ADMIN, "en/bye.old", recording())


def test_o2_of_two_who_upload_at_once_the_second_is_told(store: Directory) -> None:
    uploaded(store)
    with pytest.raises(Stale, match="has version 2 now, and not 1"):
        store.upload(ADMIN, "en/bye", recording(800), version=1)
    assert store.upload(ADMIN, "en/bye", recording(800), version=2).version == 3


def test_o4_two_who_upload_the_same_at_once_both_have_it(store: Directory, engine: Engine) -> None:
    for name in ("a", "b", "c", "d"):
        store.create(ADMIN, Kind.SOUND, {"name": name})
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda n: store.upload(ADMIN, f"en/{n}", recording()), "abcd"))
    assert len({item.values["uploaded"]["id"] for item in made}) == 1
    assert count(engine, schema.audio_file) == 2


# --- who may -------------------------------------------------------------------------------------


def test_o2_a_client_manages_its_own_sounds_and_hears_everybodys(store: Directory) -> None:
    store.create(ACME, Kind.SOUND, {"name": "own", "client": "acme"})
    item = store.upload(ACME, "en/own", recording())
    # Switches are shown to no client.
    assert item.values["nodes"] == {}
    assert store.listen(ACME, "en/own").data
    for actor in (LOOKS, ACME_LOOKS):
        assert store.listen(actor, "en/own").data
        with pytest.raises(Forbidden):
            store.upload(actor, "en/own", recording())
    with pytest.raises(NotFound):
        store.listen(OTHER, "en/own")
    with pytest.raises(NotFound):
        store.upload(OTHER, "en/own", recording())
    with pytest.raises(Forbidden, match="everybody's; ask the operator"):
        store.upload(ACME, "en/shared", recording())
    store.delete(ACME, Kind.SOUND, "en/own")


def test_o2_the_log_says_which_audio_came_and_went_and_has_none_of_it(
    store: Directory, engine: Engine
) -> None:
    first = uploaded(store, client="acme").values["uploaded"]
    second = store.upload(ACME, "en/bye", recording(800)).values["uploaded"]
    store.delete(ACME, Kind.SOUND, "en/bye")
    removed, replaced, came, _ = store.audit(ADMIN, {"kind": "sound"}).items[:4]
    named = {"audio": first["id"], "uploaded_name": "Bye now.ogg"}
    assert (came.action, came.before, came.after) == ("change", {}, named | {"milliseconds": 250})
    assert (replaced.actor, replaced.client, replaced.before) == (ACME.name, "acme", named)
    assert replaced.after == {
        "audio": second["id"],
        "uploaded_name": "",
        "milliseconds": 250,
    }
    assert removed.before is not None
    assert removed.before["audio"] == second["id"]
    with engine.connect() as connection:
        table = schema.audit
        longest = connection.execute(
            select(func.max(func.length(table.c.after))).where(table.c.kind == "sound")
        ).scalar()
    assert longest is not None
    assert longest < 500


# --- found ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("part", "found"),
    [
        ("good", ["Good-evening", "goodbye"]),
        ("BYE", ["bye_bye", "goodbye"]),
        ("-", ["Good-evening"]),
        ("_", ["bye_bye"]),
        ("%", []),
        ("nothing", []),
    ],
)
def test_s1_a_sound_is_found_by_part_of_its_name(
    store: Directory, part: str, found: list[str]
) -> None:
    for name in ("goodbye", "Good-evening", "bye_bye"):
        store.create(ADMIN, Kind.SOUND, {"name": name, "language": "de"})
    page = store.list(ADMIN, Kind.SOUND, {"name": part, "language": "de"})
    assert sorted(item.values["name"] for item in page.items) == found
    assert {item.values["used_by"] for item in page.items} <= {None}


# --- named in settings ---------------------------------------------------------------------------


def test_s1_a_setting_that_names_no_sound_is_refused_with_its_name_and_what_to_do(
    store: Directory,
) -> None:
    with pytest.raises(Conflict) as caught:
        play(store, "bye")
    assert str(caught.value) == (
        "sound_before_disconnecting: client acme has no sound bye; upload it first (callbackd "
        "sound upload FILE --name bye), or write the path of a file that the switch has, with its "
        "ending: .wav"
    )
    uploaded(store, client="other")
    with pytest.raises(Conflict, match="client acme has no sound bye"):
        play(store, "bye")
    play(store, "bye", "200")
    uploaded(store, language="de")
    play(store, "bye")
    # A path is whatever the switch has.
    play(store, "/bye.wav")


def test_s1_what_an_extension_says_already_keeps_nobody_from_changing_the_rest(
    store: Directory, engine: Engine
) -> None:
    """A policy of an older release may say a word that was a file's name then."""
    with engine.begin() as connection:
        table = schema.extension
        row = connection.execute(
            select(table.c.policy).where(table.c.extension == "100")
        ).scalar_one()
        policy = msgspec.json.decode(row) | {"sound_before_disconnecting": "ring"}
        connection.execute(
            table.update()
            .where(table.c.extension == "100")
            .values(policy=msgspec.json.encode(policy).decode())
        )
    store.change(ADMIN, Kind.EXTENSION, "100", {"ring_seconds": 9})


@pytest.mark.parametrize("how", ["name", "path"])
def test_s1_a_sound_that_is_played_is_not_removed_and_says_by_whom(
    store: Directory, how: str
) -> None:
    item = uploaded(store)
    value = "bye" if how == "name" else item.values["switch_path"]
    play(store, value)
    play(store, value, "200")
    assert store.get(ADMIN, Kind.SOUND, "en/bye").values["used_by"] == ["100", "200"]
    # What others play is nobody's business.
    assert store.get(ACME, Kind.SOUND, "en/bye").values["used_by"] == ["100"]
    with pytest.raises(Conflict) as caught:
        store.delete(ADMIN, Kind.SOUND, "en/bye")
    assert str(caught.value) == (
        "sound en/bye cannot be removed: extension 100 plays it (sound_before_disconnecting); "
        "change that first"
    )
    play(store, None)
    with pytest.raises(Conflict, match="extension 200 plays it"):
        store.delete(ADMIN, Kind.SOUND, "en/bye")
    play(store, None, "200")
    store.delete(ADMIN, Kind.SOUND, "en/bye")


def test_s1_a_sound_of_the_switch_is_not_removed_while_its_path_or_name_is_played(
    store: Directory,
) -> None:
    for value in ("/shared.wav", "shared"):
        play(store, value)
        with pytest.raises(Conflict, match="extension 100 plays it"):
            store.delete(ADMIN, Kind.SOUND, "en/shared")
    play(store, "/Shared.wav")
    store.delete(ADMIN, Kind.SOUND, "en/shared")


def test_s1_a_word_that_stands_elsewhere_in_a_policy_plays_nothing(store: Directory) -> None:
    uploaded(store)
    store.change(ADMIN, Kind.EXTENSION, "100", {"description": "bye"})
    store.delete(ADMIN, Kind.SOUND, "en/bye")


def test_s1_a_sound_is_taken_from_nobody_who_plays_it(store: Directory) -> None:
    uploaded(store)
    play(store, "bye")
    with pytest.raises(Conflict, match=r"^client: extension 100 of client acme plays it"):
        store.change(ADMIN, Kind.SOUND, "en/bye", {"client": "other"})
    store.change(ADMIN, Kind.SOUND, "en/bye", {"client": "acme"})
    store.change(ADMIN, Kind.SOUND, "en/bye", {"client": None})


def test_s1_what_is_named_while_it_is_removed_is_there_or_is_refused(
    store: Directory, engine: Engine
) -> None:
    """Whoever comes first: never does an extension name what is gone."""
    for _ in range(8):
        uploaded(store)
        with ThreadPoolExecutor(2) as pool:
            naming = pool.submit(play, store, "bye")
            removing = pool.submit(store.delete, ADMIN, Kind.SOUND, "en/bye")
            failed = [one.exception() for one in (naming, removing)]
        assert sum(error is not None for error in failed) == 1
        assert all(isinstance(error, Conflict) for error in failed if error is not None)
        if failed[0] is None:
            play(store, None)
            store.delete(ADMIN, Kind.SOUND, "en/bye")


# --- documents -----------------------------------------------------------------------------------


def imported(store: Directory, engine: Engine, tree: dict[str, Any]) -> Any:
    importer = Importer(store, engine, ADMIN, passwords=lambda: Passwords(bytes(32)))
    return importer.run(Tree(tree), dry_run=False)


EXTENSION = {
    "extension": "300",
    "dids": ["+12025550300"],
    "country": "US",
    "client": "acme",
    "caller_ids": ["+12025550151"],
    "sound_before_disconnecting": "bye",
}


def test_s1_a_document_may_name_a_sound_that_it_has(store: Directory, engine: Engine) -> None:
    tree = {"version": 1, "sounds": [{"name": "bye"}], "extensions": [EXTENSION]}
    done = imported(store, engine, tree)
    assert (done[Kind.SOUND].created, done[Kind.EXTENSION].created) == (1, 1)
    # What was uploaded meanwhile stays.
    store.upload(ADMIN, "en/bye", recording())
    assert imported(store, engine, tree)[Kind.SOUND].same == 1
    assert store.listen(ADMIN, "en/bye").data


@pytest.mark.parametrize("sounds", [[], [{"name": "bye", "client": "other"}], [{"name": "hello"}]])
def test_s1_a_document_that_names_a_sound_which_is_not_there_is_refused(
    store: Directory, engine: Engine, sounds: list[dict[str, Any]]
) -> None:
    with pytest.raises(Refused) as caught:
        imported(store, engine, {"version": 1, "sounds": sounds, "extensions": [EXTENSION]})
    (problem,) = caught.value.problems
    assert "client acme has no sound bye" in str(problem)


def test_o2_a_read_only_token_of_a_client_sees_what_it_may(store: Directory) -> None:
    uploaded(store, client="acme")
    reader = Actor(name="r", role=Role.READ_ONLY, client="acme")
    assert store.get(reader, Kind.SOUND, "en/bye").values["uploaded"]["milliseconds"] == 250
