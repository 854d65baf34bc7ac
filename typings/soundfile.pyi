"""What is used of soundfile, which has no types of its own."""

from types import TracebackType
from typing import IO, Any

class LibsndfileError(RuntimeError):
    @property
    def error_string(self) -> str: ...

class SoundFile:
    format: str
    subtype: str
    channels: int
    samplerate: int
    frames: int
    def __init__(self, file: IO[bytes]) -> None: ...
    def read(self, frames: int, dtype: str, always_2d: bool) -> Any: ...
    def __enter__(self) -> SoundFile: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...

def write(
    file: IO[bytes], data: Any, samplerate: int, *, format: str, subtype: str | None = None
) -> None: ...
