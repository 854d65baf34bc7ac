"""What every section of the settings is made of: its types, and what it shows of itself.

The sentence of each setting stands above it (`#:`), what its type means in `description`: the
reference (docs/reference/settings.md) is made of both.
"""

from __future__ import annotations

import ipaddress
from typing import Annotated, Final

import msgspec

Port = Annotated[int, msgspec.Meta(ge=0, le=65535)]
PositiveSeconds = Annotated[float, msgspec.Meta(gt=0, le=3600)]
Name = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^[A-Za-z0-9_.-]{1,64}\Z", description="Letters, digits, _ . and -, at most 64."
    ),
]
#: Shorter than what is sent is leased for.
AnswerSeconds = Annotated[float, msgspec.Meta(gt=0, le=60)]
Path_ = Annotated[str, msgspec.Meta(min_length=1)]
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

#: This machine.
LOOPBACK: Final = ("127.0.0.0/8", "::1/128")
#: What is shown of no setting, by its name.
SECRET: Final = frozenset({"password", "secret", "url", "channel_passwords", "options"})


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What all sections have in common: a field that nobody reads is an error."""

    def __repr__(self) -> str:
        """Show the fields but those that are secrets: what is shown may be logged."""
        shown = (
            f"{name}={getattr(self, name)!r}" if name not in SECRET else f"{name}=…"
            for name in self.__struct_fields__
        )
        return f"{type(self).__name__}({', '.join(shown)})"
