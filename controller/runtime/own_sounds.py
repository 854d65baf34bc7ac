"""An extension's own sounds: what takes the place of a prompt, by its path or by its name (S1, S2).

A sound that is gone since the policy named it is no reason for silence: the stock prompt is said.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from controller.callback.said import SOUND, Prompt
from controller.esl.commands import can_be_played
from controller.policy.model import Policy
from controller.policy.sounds import SoundTable

#: What is said in place of a sound that there is not any more.
STOCK: Final = "time_over"
#: M6: what is heard before the end where the operator has chosen nothing; every switch can make it.
WARNING: Final = "tone_stream://%(300,200,600)"


def own_prompts(sounds: SoundTable, policy: Policy, language: str) -> Mapping[str, str]:
    """Give the files that take the place of prompts, by the prompts' names."""
    if not policy.prompts:
        return {}
    found = {name: _path(sounds, value, policy, language) for name, value in policy.prompts.items()}
    return {name: path for name, path in found.items() if path is not None}


def own_sounds(
    sounds: SoundTable, prompts: tuple[Prompt, ...], policy: Policy, language: str
) -> tuple[Prompt, ...]:
    """Give prompts with the operator's sounds as files."""
    return tuple(_found(sounds, prompt, policy, language) for prompt in prompts)


def warning_sound(sounds: SoundTable, policy: Policy, language: str) -> str:
    """Give the sound that is heard before the credit ends (M6)."""
    path = _path(sounds, policy.warning_sound, policy, language)
    return WARNING if path is None else path


def _found(sounds: SoundTable, prompt: Prompt, policy: Policy, language: str) -> Prompt:
    if not isinstance(prompt, str) or not prompt.startswith(SOUND):
        return prompt
    path = _path(sounds, prompt.removeprefix(SOUND), policy, language)
    return STOCK if path is None else f"{SOUND}{path}"


def _path(sounds: SoundTable, value: str | None, policy: Policy, language: str) -> str | None:
    """Give the path that a setting means; None: there is none, or none that the switch can be told.

    `value` None: nothing was chosen. An uploaded sound may lie below a directory with a blank in
    its name.
    """
    if value is None:
        return None
    path = sounds.resolve(value, client=policy.client, language=language)
    return path if path is not None and can_be_played(path) else None
