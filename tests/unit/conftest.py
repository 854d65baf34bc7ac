"""How property tests run here.

No time limit on an example, since the machine may be busy. The gate (`CI` is set) takes the same
examples each time, so that it says of one commit what it said before; by hand they are new ones.
On a second Python fewer do (`TEST_EXAMPLES=few`): it is the same code.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

from tests.unit.examples import many

settings.register_profile(
    "unit",
    deadline=None,
    max_examples=many(100),
    suppress_health_check=[HealthCheck.too_slow],
    print_blob=True,
    derandomize=bool(os.environ.get("CI")),
)
settings.load_profile("unit")
