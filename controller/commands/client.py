"""`callbackd client`: who owns extensions."""

from __future__ import annotations

from controller.commands.records import Named, add_commands, group

client = group("client", "Clients: who owns extensions.")
add_commands(client, Named("client", "name"), ("name", "enabled", "contact_name", "description"))
