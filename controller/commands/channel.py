"""`callbackd channel`: trunks to the public network."""

from __future__ import annotations

from controller.commands.records import Named, add_commands, group

channel = group("channel", "Channels: trunks to the public network, by their gateways.")
add_commands(
    channel,
    Named("channel", "name"),
    ("name", "enabled", "priority", "concurrent_calls", "description"),
)
