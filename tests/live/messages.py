"""SIP messages as they were seen: their first line, headers and the rest."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Message:
    """A SIP message as one side saw it."""

    at: datetime
    sent: bool
    text: str

    @property
    def start(self) -> str:
        """Give the first line."""
        return self.text.splitlines()[0]

    def pairs(self) -> list[tuple[str, str]]:
        """List all headers, name and value, in order."""
        head = self.text.replace("\r\n", "\n").partition("\n\n")[0]
        lines = (line.partition(":") for line in head.splitlines()[1:])
        return [(name.strip(), value.strip()) for name, _, value in lines]

    def headers(self, name: str) -> list[str]:
        """List the values of a header, in order."""
        return [value for key, value in self.pairs() if key.lower() == name.lower()]
