"""The event socket: framing, events, commands, both kinds of connection."""
