"""How property tests run here.

No time limit on an example, since the machine may be busy. The gate (`CI` is set) takes the same
examples each time, so that it says of one commit what it said before; by hand they are new ones.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

settings.register_profile(
    "unit",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    print_blob=True,
    derandomize=bool(os.environ.get("CI")),
)
settings.load_profile("unit")
