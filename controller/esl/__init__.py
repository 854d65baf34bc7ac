"""Talking to FreeSWITCH over the event socket, both ways: the switch connects to us, we to it.

`wire` frames bytes, `events` types what arrives, `commands` makes what leaves, `session` is the
outbound side (one leg), `server` accepts those, `switch` is the inbound link to a node.
"""
