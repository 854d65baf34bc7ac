"""Whole return calls as simulated callers have them: a table that a person can read.

Each row of `table/*.txt` is one call: what is set, what the caller does and when, what the called
ones and the store do, what goes wrong, and what the caller must hear. The rows are played to the
real machine by a switch, a runtime and a store that live in virtual time; nothing sleeps.

- `language` is what a row may say, and reads it; `moments` is how "2 s into password_enter" reads.
- `given` makes a policy and a store of a row's settings.
- `clock` is the time, `sounding` what runs on the leg, `leg` the switch and the runtime around it.
- `acting` does what a row's caller does (and what goes wrong), when its moment has come.
- `playing` plays one row.
"""
