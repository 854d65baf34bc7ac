"""Sounds on pages (O2, S1)."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from werkzeug.test import TestResponse

from controller.admin.model import Kind
from controller.sounds.model import MOST_BYTES
from controller.web.api import turns
from controller.web.pages.sounds import SOUNDS, SoundPages
from tests.sounding import recording
from tests.unit.sounds.given import samples
from tests.web.pages.forms import check_unchanged, check_whole, fields
from tests.web.pages.site import Site, desks
from tests.web.world import ADMIN, World


def send(
    site: Site,
    data: bytes,
    who: str = "ada",
    *,
    key: str = "en/heard-acme",
    name: str = "a.ogg",
    version: str = "1",
    csrf: str | None = None,
) -> TestResponse:
    """Send a file as the page's script does."""
    path = f"/sounds/upload/{key}?version={version}&filename={quote(name)}"
    return site.send(path, data, who, token=csrf)


def said(site: Site, key: str = "en/heard-acme") -> dict[str, Any]:
    """Give what is known of a sound."""
    return site.world.directory.get(ADMIN, Kind.SOUND, key).values


def test_o2_every_field_of_a_sound_is_on_its_page(site: Site) -> None:
    check_whole(SOUNDS)
    check_unchanged(site, "/sounds/of/en/heard-acme", Kind.SOUND, "en/heard-acme")
    check_unchanged(site, "/sounds/of/en/shared", Kind.SOUND, "en/shared")


def test_s1_sounds_are_found_by_part_of_their_name_and_heard_in_the_list(site: Site) -> None:
    text = site.get("/sounds?name=EARD-a&language=en&client=acme").text
    assert "/sounds/of/en/heard-acme" in text
    assert '<audio controls preload="none" src="/sounds/audio/en/heard-acme?is=' in text
    assert "heard-bolt" not in text
    # A file of the switch is not heard here: it is not ours.
    assert site.get("/sounds?name=shared").text.count("<audio") == 0


def test_s1_a_sound_is_made_uploaded_heard_and_replaced(site: Site) -> None:
    """S1: by whoever owns it; the page goes on to the sound."""
    made = site.post("/sounds/new", {"name": "bye", "language": "fr", "path": ""}, "acme")
    assert made.location == "/sounds/of/fr/bye?done=made"
    assert said(site, "fr/bye")["client"] == "acme"
    page = site.get("/sounds/of/fr/bye", "acme")
    assert "Nothing was uploaded yet" in page.text
    assert "data-upload" in page.text
    answer = send(site, recording(500), "acme", key="fr/bye", name="My <file>.ogg")
    assert (answer.status_code, answer.text) == (204, "")
    assert answer.headers["HX-Redirect"] == "/sounds/of/fr/bye?done=saved"
    page = site.get("/sounds/of/fr/bye", "acme")
    assert "My &lt;file&gt;.ogg" in page.text
    assert "<file>" not in page.text
    first = site.get("/sounds/audio/fr/bye", "acme")
    assert first.content_type == "audio/wav"
    assert samples(first.data)[1] == 16000
    assert send(site, recording(600), "acme", key="fr/bye", version="2").status_code == 204
    second = site.get("/sounds/audio/fr/bye", "acme")
    assert second.data != first.data


def test_s1_a_browser_gets_the_part_it_asks_for(site: Site) -> None:
    """S1: it seeks by ranges, and asks whether it is still the same."""
    whole = site.get("/sounds/audio/en/heard-acme")
    assert (whole.status_code, whole.headers["Accept-Ranges"]) == (200, "bytes")
    part = site.get("/sounds/audio/en/heard-acme", headers={"Range": "bytes=10-19"})
    assert (part.status_code, part.data) == (206, whole.data[10:20])
    assert part.headers["Content-Range"] == f"bytes 10-19/{len(whole.data)}"
    past = site.get("/sounds/audio/en/heard-acme", headers={"Range": "bytes=99999999-"})
    assert past.status_code == 416
    same = site.get("/sounds/audio/en/heard-acme", headers={"If-None-Match": whole.headers["ETag"]})
    assert (same.status_code, same.data) == (304, b"")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "the file is empty"),
        (b"<script>alert(1)</script>", "by its content this is no WAV"),
    ],
)
def test_g1_what_is_no_sound_is_said_to_be_none(site: Site, data: bytes, words: str) -> None:
    before = said(site)
    answer = send(site, data)
    assert answer.status_code == 422
    assert words in answer.text
    assert "<script>" not in answer.text
    assert "<html" not in answer.text
    assert said(site) == before


def test_g1_what_is_too_large_is_not_taken(site: Site) -> None:
    answer = send(site, b"\0" * (MOST_BYTES + 1))
    assert answer.status_code == 413
    assert str(MOST_BYTES) in answer.text


@pytest.mark.parametrize("name", ["a\nb.ogg", "x" * 201, "\x00.ogg", "../\x7f"])
def test_g1_a_hostile_name_of_a_file_is_refused(site: Site, name: str) -> None:
    before = said(site)
    assert send(site, recording(), name=name).status_code == 422
    assert said(site) == before


def test_g1_a_name_with_a_path_is_only_words(site: Site) -> None:
    """It is no file of ours that is called so."""
    name = '../../etc/passwd"><img src=x onerror=alert(1)>'
    assert send(site, recording(510), name=name).status_code == 204
    text = site.get("/sounds/of/en/heard-acme").text
    assert "<img" not in text
    assert said(site)["switch_path"].startswith("/en/heard-acme-")


def test_g1_an_upload_needs_the_secret_of_the_session(site: Site) -> None:
    before = said(site)
    assert send(site, recording(520), csrf="wrong").status_code == 403
    assert send(site, recording(520), csrf="").status_code == 403
    assert said(site) == before


def test_o2_an_upload_replaces_what_was_looked_at(site: Site) -> None:
    assert send(site, recording(530), version="2").status_code == 412
    assert send(site, recording(530), version="").status_code == 412


def test_o2_who_may_not_upload_is_told_so(site: Site) -> None:
    """O2: neither a reader, nor another client, nor a client what is everybody's."""
    before = said(site)
    assert send(site, recording(540), "rod").status_code == 403
    assert send(site, recording(540), "bolt").status_code == 404
    assert send(site, recording(540), "acme", key="en/shared").status_code == 403
    assert said(site) == before
    assert "data-upload" not in site.get("/sounds/of/en/heard-acme", "rod").text


def test_o2_a_client_hears_its_own_and_everybodys(site: Site) -> None:
    text = site.get("/sounds", "acme").text
    assert "heard-acme" in text
    assert "shared" in text
    assert "bolt" not in text
    assert site.get("/sounds/of/en/heard-bolt", "acme").status_code == 404
    assert site.get("/sounds/audio/en/heard-bolt", "acme").status_code == 404
    picked = site.get("/sounds/pick?for=x&q=heard", "acme").text
    assert "heard-acme" in picked
    assert "bolt" not in picked


def test_o2_a_clients_sound_is_its_own(site: Site) -> None:
    """O2: whatever it sends."""
    sent = {"name": "mine", "language": "en", "path": "/a.wav"}
    assert "client" not in fields(site.get("/sounds/new", "acme").text)
    assert site.post("/sounds/new", {**sent, "client": "bolt"}, "acme").status_code == 303
    assert said(site, "en/mine")["client"] == "acme"
    site.post("/sounds/of/en/mine", {"client": "bolt", "version": "1"}, "acme")
    assert said(site, "en/mine")["client"] == "acme"
    everybodys = site.get("/sounds/of/en/shared", "acme")
    assert fields(everybodys.text).keys() <= {"csrf", "version"}
    assert "data-upload" not in everybodys.text
    for form in ({"do": "remove", "version": "1"}, {"path": "/x.wav", "version": "1"}):
        site.post("/sounds/of/en/shared", form, "acme")
    assert said(site, "en/shared")["path"] == "/everybody.wav"


def test_s1_a_sound_that_is_played_is_not_removed(site: Site) -> None:
    """S1: its page says by which extension."""
    site.world.directory.change(ADMIN, Kind.EXTENSION, "1001", {"warning_sound": "heard-acme"})
    page = site.get("/sounds/of/en/heard-acme")
    assert '<a href="/extensions/of/1001">1001</a>' in page.text
    answer = site.post("/sounds/of/en/heard-acme", {"version": "1", "do": "remove"})
    assert answer.status_code == 409
    assert "extension 1001 plays it" in answer.text
    site.world.directory.change(ADMIN, Kind.EXTENSION, "1001", {"warning_sound": None})
    answer = site.post("/sounds/of/en/heard-acme", {"version": "1", "do": "remove"})
    assert answer.location == "/sounds?done=removed"
    assert site.get("/sounds/audio/en/heard-acme").status_code == 404


def test_s1_a_sound_is_picked_for_a_field(site: Site) -> None:
    """S1: by its name; one that has a point in it by its path; one with nothing in it not."""
    site.world.make(Kind.SOUND, name="a.b", path="/a-b.wav")
    site.world.make(Kind.SOUND, name="empty")
    text = site.get("/sounds/pick?for=warning_sound").text
    assert text.startswith('<h2 id="dialog-title">')
    assert 'data-fill="warning_sound" data-value="heard-acme"' in text
    assert 'data-fill="warning_sound" data-value="/a-b.wav"' in text
    assert 'data-value="empty"' not in text
    assert 'data-fill="warning_sound" data-from="sound-path"' in text
    assert "autofocus" in text
    part = site.get("/sounds/pick?for=warning_sound&found=1&q=SHAR&language=en").text
    assert "<h2" not in part
    assert 'data-value="shared"' in part
    assert "heard-acme" not in part
    assert "No sound is called so." in site.get("/sounds/pick?found=1&q=zzz").text


def test_s1_of_sounds_those_are_picked_from_that_the_extension_can_play(site: Site) -> None:
    """S1: its client's own, and everybody's; what a call would not find is not offered."""
    page = site.get("/extensions/of/1001").text
    assert page.count('hx-include="#client"') == page.count('hx-get="/sounds/pick') > 3
    dialog = site.get("/sounds/pick?for=warning_sound&client=acme").text
    assert '<input type="hidden" name="client" value="acme">' in dialog
    part = site.get("/sounds/pick?for=warning_sound&found=1&client=acme").text
    for text in (dialog, part):
        assert 'data-value="heard-acme"' in text
        assert 'data-value="shared"' in text
        assert "heard-bolt" not in text
    assert "heard-bolt" in site.get("/sounds/pick?for=warning_sound").text
    # Who is a client is offered no more than his own by it.
    assert "heard-bolt" not in site.get("/sounds/pick?for=x&client=bolt", "acme").text
    for client in ("nobody", "%00", "x" * 5000):
        answer = site.get(f"/sounds/pick?found=1&client={client}")
        assert answer.status_code == 200
        assert "heard-" not in answer.text


def test_g1_what_is_asked_of_the_dialog_is_text(site: Site) -> None:
    asked = quote('"><script>alert(1)</script>')
    for path in (f"for={asked}", f"q={asked}", f"language={asked}", "q=%00", f"q={'x' * 5000}"):
        answer = site.get(f"/sounds/pick?{path}")
        assert answer.status_code == 200
        assert "<script>" not in answer.text


def test_g1_a_hostile_description_is_text(site: Site) -> None:
    site.world.make(Kind.SOUND, name="odd", description="<img src=x>", path="/x.wav")
    for path in ("/sounds", "/sounds/of/en/odd", "/sounds/pick?for=a&q=odd"):
        text = site.get(path).text
        assert "<img" not in text
        assert "&lt;img" in text


def test_s1_sounds_are_converted_one_at_a_time_by_api_and_pages(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S1, G1: whoever waits too long for those before him is told to send it again."""
    monkeypatch.setattr(turns, "TURN_SECONDS", 0.01)
    shared = desks(world)
    site = Site(world, [SoundPages(SOUNDS, shared)])
    before = said(site)
    with shared.shares.sounds.turn():
        answer = send(site, recording(550))
    assert answer.status_code == 503
    assert "other sounds are being converted" in answer.text
    assert said(site) == before
    assert send(site, recording(550)).status_code == 204
