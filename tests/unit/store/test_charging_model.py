"""M1, M4, M7, G3: whatever happens in whatever order, accounts are exact (see `charging_model`)."""

from __future__ import annotations

import random

from sqlalchemy import Engine

from tests.unit.examples import many
from tests.unit.store.charging_model import Faults, Sequence


def test_m1_m4_m7_any_sequence_of_calls_and_faults_leaves_accounts_exact(engine: Engine) -> None:
    faults = Faults(engine)
    seeds = random.Random(7).sample(range(800_000), many(100))
    for seed in seeds:
        Sequence(engine, seed, faults).run(12)


def test_g3_any_sequence_of_calls_and_faults_keeps_within_what_may_be_spent(engine: Engine) -> None:
    """In any 60 minutes and any 24 hours, whoever pays: what was charged, with what is held."""
    faults = Faults(engine)
    seeds = random.Random(8).sample(range(800_000), many(20))
    for seed in seeds:
        Sequence(engine, seed, faults, spends=True).run(25)
