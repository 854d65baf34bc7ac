"""S1 over HTTP: sounds are uploaded as they are, and listened to in the browser."""

from __future__ import annotations

import pytest

from controller.sounds.model import MOST_BYTES
from controller.web.api import turns
from tests.sounding import recording
from tests.unit.sounds.given import samples
from tests.web.server import Line, api, head, running
from tests.web.world import Answer, World, is_problem

AUDIO = "/sounds/en/bye/audio"


def put(
    world: World, data: bytes, path: str = AUDIO, token: str = "admin", **headers: str
) -> Answer:
    said = {"If-Match": "*"} | {name.replace("_", "-"): value for name, value in headers.items()}
    return world.ask("PUT", path, token=token, raw=data, headers=said)


@pytest.fixture
def bye(world: World) -> World:
    """A world with a sound of acme's that nothing was uploaded for."""
    made = world.ask("POST", "/sounds", {"name": "bye", "client": "acme"}, token="acme")
    assert (made.status, made.json["uploaded"], made.json["switch_path"]) == (201, None, None)
    return world


@pytest.mark.parametrize(
    ("kind", "how"), [("WAV", "PCM_16"), ("MP3", "MPEG_LAYER_III"), ("OGG", "OPUS")]
)
def test_s1_a_file_is_uploaded_as_it_is_and_listened_to(bye: World, kind: str, how: str) -> None:
    """As `curl -T` sends it: without a word of what it is."""
    answer = put(bye, recording(500, kind, how), f"{AUDIO}?filename=My%20file.{kind}", "acme")
    assert (answer.status, answer.headers["etag"]) == (200, '"2"')
    audio = answer.json["uploaded"]
    assert (audio["milliseconds"], audio["uploaded_name"]) == (250, f"My file.{kind}")
    assert answer.json == bye.get("/sounds/en/bye", token="acme").json
    heard = bye.get(AUDIO, token="acme-reads")
    assert (heard.status, heard.headers["content-type"]) == (200, "audio/wav")
    assert samples(heard.body)[1] == 16000
    assert samples(bye.get(f"{AUDIO}?rate=8000").body)[1] == 8000
    unchanged = bye.get(AUDIO, If_None_Match=heard.headers["etag"])
    assert (unchanged.status, unchanged.body) == (304, b"")
    put(bye, recording(600))
    assert bye.get(AUDIO, If_None_Match=heard.headers["etag"]).status == 200
    is_problem(bye.get(f"{AUDIO}?rate=44100"), 400, "parameter")


def test_o2_an_upload_says_which_version_it_replaces(bye: World) -> None:
    is_problem(bye.ask("PUT", AUDIO, raw=recording()), 428, "precondition")
    is_problem(put(bye, recording(), If_Match='"2"'), 412, "stale")
    assert put(bye, recording(), If_Match='"1", "2"').status == 200
    assert put(bye, recording(600), If_Match='"2"').json["version"] == 3


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "the file is empty"),
        (b"<script>alert(1)</script>", "by its content this is no WAV"),
        (recording()[:-10], "ends before its end"),
    ],
)
def test_g1_what_is_no_sound_is_422_with_what_is_wrong(bye: World, data: bytes, said: str) -> None:
    """Whatever it is said to be."""
    answer = put(bye, data, Content_Type="audio/wav")
    is_problem(answer, 422, "invalid")
    assert answer.json["field"] == "audio"
    assert said in answer.json["detail"]
    is_problem(bye.get(AUDIO), 404)


def test_g1_what_is_too_large_is_not_read_to_its_end(bye: World) -> None:
    answer = put(bye, b"\0" * (MOST_BYTES + 1))
    is_problem(answer, 413)
    assert str(MOST_BYTES) in answer.json["detail"]


def test_g1_a_body_of_another_type_is_no_file(bye: World) -> None:
    is_problem(put(bye, b"{}", Content_Type="application/json"), 415)
    is_problem(put(bye, b"a=b", Content_Type="application/x-www-form-urlencoded"), 415)
    # By its content it is known what it is, not by what it is called.
    assert put(bye, recording(), Content_Type="audio/mpeg").status == 200


@pytest.mark.parametrize(
    "path",
    [
        "/sounds/en/..%2f..%2fetc/audio",
        "/sounds/en/../audio",
        "/sounds/../en/audio",
        "/sounds/en/a%00b/audio",
        "/sounds/EN/bye/audio",
        "/sounds/en/nothing/audio",
    ],
)
def test_g1_a_path_leads_to_a_sound_or_nowhere(bye: World, path: str) -> None:
    for answer in (put(bye, recording(), path), bye.get(path)):
        assert answer.status == 404, answer.body


@pytest.mark.parametrize("name", ["a%0ab", "a%00", "x" * 201, "%ff"])
def test_g1_a_files_name_is_one_line(bye: World, name: str) -> None:
    is_problem(put(bye, recording(), f"{AUDIO}?filename={name}"), 400, "parameter")


def test_o2_who_may_not_upload_is_told_so(bye: World) -> None:
    is_problem(put(bye, recording(), token="reads"), 403)
    is_problem(put(bye, recording(), token="acme-reads"), 403)
    is_problem(put(bye, recording(), token="bolt"), 404)
    is_problem(put(bye, recording(), "/sounds/en/shared/audio", "acme"), 403)


def test_s1_a_sound_is_found_by_part_of_its_name(bye: World) -> None:
    assert bye.get("/sounds?name=eard-A").keys == ["heard-acme"]
    assert bye.get("/sounds?name=bye").keys == ["bye"]
    assert bye.get("/sounds?name=bye").json["items"][0]["used_by"] is None


def test_s1_a_sound_that_is_played_says_by_whom_and_stays(bye: World) -> None:
    put(bye, recording())
    named = {"sound_before_disconnecting": "bye"}
    assert bye.patch("/extensions/1001", named, token="acme").status == 200
    assert bye.get("/sounds/en/bye").json["used_by"] == ["1001"]
    answer = bye.ask("DELETE", "/sounds/en/bye", token="acme")
    is_problem(answer, 409, "conflict")
    assert "extension 1001 plays it (sound_before_disconnecting)" in answer.json["detail"]
    wrong = bye.patch("/extensions/1001", {"sound_before_disconnecting": "by"}, token="acme")
    is_problem(wrong, 409, "conflict")
    assert wrong.json["detail"].startswith("sound_before_disconnecting: client acme has no sound")
    bye.patch("/extensions/1001", {"sound_before_disconnecting": None}, token="acme")
    assert bye.ask("DELETE", "/sounds/en/bye", token="acme").status == 204


def test_g1_who_sends_slowly_keeps_nobody_elses_sound_waiting(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """G1: one client has one body here at a time, and whoever sends all of his is served."""
    data = recording()
    size = f"Content-Length: {len(data)}"

    def sending(client: str) -> bytes:
        path = f"/api/v1/sounds/en/heard-{client}/audio"
        return head(world, "PUT", path, "If-Match: *", size, token=client)

    with running(api(world)) as server, Line(server) as slow, Line(server) as more:
        slow.say(sending("acme"), data[:100])
        with Line(server) as other:
            other.say(sending("bolt"), data)
            assert other.hear()[0] == 200
        monkeypatch.setattr(turns, "TURN_SECONDS", 0.01)
        more.say(sending("acme"), data)
        status, headers, _ = more.hear()
        assert (status, headers["retry-after"]) == (503, "2")
        slow.say(data[100:])
        assert slow.hear()[0] == 200
