"""What is used of soxr, which has no types of its own."""

from typing import Any

class ResampleStream:
    def __init__(
        self, in_rate: float, out_rate: float, num_channels: int, *, dtype: str
    ) -> None: ...
    def resample_chunk(self, x: Any, last: bool = False) -> Any: ...
