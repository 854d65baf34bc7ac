"""`callbackd extension`: extensions and their policies."""

from __future__ import annotations

from controller.commands.records import Named, add_commands, group

extension = group("extension", "Extensions: how each is reached, and all its settings.")
add_commands(
    extension,
    Named("extension", "extension"),
    ("extension", "enabled", "client", "country", "dids", "caller_ids", "description"),
)
