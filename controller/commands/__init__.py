"""The commands of provisioning: a small file per group, over what they share.

Nothing heavy is loaded before a command runs, so that `callbackd --help` answers at once: each
imports what it needs inside.
"""
