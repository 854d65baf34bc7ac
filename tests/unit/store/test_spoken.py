"""S1, S2: in which languages callers are spoken to, and with which sounds of the extensions."""

from __future__ import annotations

import msgspec
from sqlalchemy import Engine

from controller.admin.model import Kind
from controller.policy.model import Policy
from controller.policy.records import AuthorisedCaller, SoundFile
from controller.store.spoken import OwnSound, read_spoken
from tests.seed import ADMIN, directory, keep


def test_s1_s2_all_that_is_said_is_known_before_a_caller_hears_it(
    engine: Engine, policy: Policy
) -> None:
    store = directory(engine)
    store.apply(ADMIN, Kind.SOUND, [SoundFile(name="wait", path="/sounds/wait.wav")])
    another = msgspec.structs.replace(
        policy,
        extension="200",
        dids=("+12025550103",),
        language="de",
        prompts={"sorry": "wait", "goodbye": "/over.wav"},
        sound_before_disconnecting=None,
    )
    keep(engine, policy, another)
    caller = AuthorisedCaller(extension="100", number="+12125550199", language="pt-BR")
    store.apply(ADMIN, Kind.CALLERID, [caller])
    spoken = read_spoken(engine, "/uploaded")
    assert spoken.languages == {"en", "de", "pt-BR"}
    # Of a sound that several have, one is enough.
    assert set(spoken.sounds) == {
        OwnSound("100", "sound_before_disconnecting", "/over.wav", "/over.wav"),
        OwnSound("200", "prompts.sorry", "wait", "/sounds/wait.wav"),
    }


def test_s2_without_extensions_nothing_is_said(engine: Engine) -> None:
    spoken = read_spoken(engine, "/uploaded")
    assert spoken.languages == set()
    assert spoken.sounds == ()
