"""`callbackd sound`: sounds that the switch has, by name."""

from __future__ import annotations

from typing import Any

import click

from controller.commands.common import Opened
from controller.commands.records import Named, add_commands, group


class _NamedSound(Named):
    """A sound has its name once in each language."""

    def also(self) -> list[click.Parameter]:
        """Give the option that says which language's is meant."""
        return [
            click.Option(
                ["--language"], default="en", show_default=True, help="The one in this language."
            )
        ]

    def key(self, store: Opened, given: dict[str, Any]) -> str:
        """Give the key of the sound that is named."""
        del store
        return f"{given['language']}/{given['name']}"


sound = group("sound", "Sounds: files of the switch, by name and language.")
add_commands(
    sound, _NamedSound("sound", "name"), ("name", "language", "path", "client", "description")
)
