"""S1: a setting means a sound of the manager by its name, or a path that the switch has."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.policy.model import Policy, PolicyError
from controller.policy.rules import validate
from controller.policy.sounds import SoundRow, SoundTable, file_of, is_name, named_in
from tests.unit.policy.given import LEAST

AUDIO = "0123456789abcdef" * 4


def row(
    name: str,
    language: str = "en",
    client: str | None = None,
    path: str | None = None,
    audio: str | None = AUDIO,
) -> SoundRow:
    return SoundRow(
        language=language,
        name=name,
        client=client,
        path=path,
        audio=None if path is not None else audio,
    )


def resolve(*rows: SoundRow, language: str = "en", client: str = "acme") -> str | None:
    return SoundTable(rows, "/var/sounds").resolve("bye", client=client, language=language)


def test_s1_a_name_means_the_uploaded_sound_and_its_file_changes_with_it() -> None:
    assert resolve(row("bye")) == "/var/sounds/en/bye-01234567.wav"
    assert resolve(row("bye", audio="f" * 64)) == "/var/sounds/en/bye-ffffffff.wav"
    assert resolve(row("bye", path="/s/bye.wav")) == "/s/bye.wav"


@pytest.mark.parametrize(
    "value",
    [
        "/s/bye.wav",
        "ivr/ivr-hello.wav",
        "bye.wav",
        "tone_stream://%(200,100,500)",
        "phrase:hello",
        "a" * 65,
        "",
    ],
)
def test_s1_a_path_is_taken_as_it_is(value: str) -> None:
    assert not is_name(value)
    assert SoundTable([row("bye")], "/d").resolve(value, client="a", language="en") == value


def test_s1_what_is_not_there_or_not_uploaded_yet_is_no_sound() -> None:
    assert resolve() is None
    assert resolve(row("good-bye")) is None
    assert resolve(row("bye", audio=None)) is None


@pytest.mark.parametrize(
    ("there", "language", "found"),
    [
        (("de", "en", "fr"), "de", "de"),
        (("pt", "pt-BR", "en"), "pt-BR", "pt-BR"),
        (("pt", "pt-PT", "en"), "pt-BR", "pt"),
        (("pt-PT", "en"), "pt-BR", "pt-PT"),
        (("pt-BR", "en"), "pt", "pt-BR"),
        (("de", "en", "fr"), "it", "en"),
        (("de", "en-GB", "fr"), "it", "en-GB"),
        (("fr", "de"), "it", "de"),
    ],
)
def test_s1_s2_the_nearest_language_is_played(
    there: tuple[str, ...], language: str, found: str
) -> None:
    rows = [row("bye", one) for one in there]
    for order in (rows, rows[::-1]):
        assert resolve(*order, language=language) == f"/var/sounds/{found}/bye-01234567.wav"


def test_o2_nobody_plays_another_clients_sound() -> None:
    rows = (row("bye", "de", "bolt"), row("bye", "fr"), row("bye", "it", "acme"))
    assert resolve(*rows, language="de") == "/var/sounds/fr/bye-01234567.wav"
    assert resolve(*rows, language="it") == "/var/sounds/it/bye-01234567.wav"
    assert resolve(rows[0], language="de") is None
    assert resolve(*rows, language="de", client="bolt") == "/var/sounds/de/bye-01234567.wav"


def test_s1_tables_are_alike_where_all_in_them_is() -> None:
    assert SoundTable([row("bye")], "/d") == SoundTable([row("bye")], "/d")
    assert hash(SoundTable([row("bye")], "/d")) == hash(SoundTable([row("bye")], "/d"))
    assert SoundTable([row("bye")], "/d") != SoundTable([row("bye")], "/e")
    assert SoundTable([row("bye")], "/d") != SoundTable([], "/d")
    table = SoundTable([row("bye"), row("x", path="/x.wav"), row("y", audio=None)], "/d")
    assert [one.name for one in table.uploaded()] == ["bye"]


def test_s1_every_setting_that_is_a_sound_is_known() -> None:
    policy = Policy(
        extension="1",
        dids=(),
        country="US",
        sound_before_disconnecting="bye",
        warning_sound="warn",
        prompts={"enter_password": "ask"},
    )
    assert named_in(policy) == [
        ("sound_before_disconnecting", "bye"),
        ("warning_sound", "warn"),
        ("prompts.enter_password", "ask"),
    ]


@given(st.text(max_size=70), st.text(max_size=10))
def test_g1_what_is_resolved_is_under_the_directory_or_what_was_written(
    value: str, language: str
) -> None:
    table = SoundTable([row("bye"), row("a")], "/d")
    found = table.resolve(value, client="acme", language=language)
    assert found in (value, None, f"/d/{file_of('en', value, AUDIO)}")


@pytest.mark.parametrize("field", ["sound_before_disconnecting", "prompts"])
@pytest.mark.parametrize(
    "value",
    ["shell_stream:///bin/id", "http_cache://http://x/y", "say:en", "phrase:x", "a:b", "a" * 513],
)
def test_g1_a_sound_is_a_file_or_a_harmless_stream(field: str, value: str) -> None:
    """G1: a client may set sounds; what fetches or runs something is none."""
    set_to: object = {"goodbye": value} if field == "prompts" else value
    with pytest.raises(PolicyError, match=field):
        validate({**LEAST, field: set_to})
    validate({**LEAST, "sound_before_disconnecting": "tone_stream://%(200,100,500)"})
