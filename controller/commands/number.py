"""`callbackd number`: the public numbers that may be shown."""

from __future__ import annotations

from controller.commands.records import Named, add_commands, group

number = group("number", "Public numbers: what may be shown, on which channel, by whom.")
add_commands(number, Named("number", "number"), ("number", "channel", "client", "description"))
