"""Hashes of passwords that cost nothing."""

from __future__ import annotations

from typing import Final

from argon2 import PasswordHasher

HASHER: Final = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
