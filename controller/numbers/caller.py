"""Who rang: read from the identity headers, of which each trunk says which to believe.

`caller_id_number` of FreeSWITCH is not used: it is made from whichever identity header comes
last, trusted or not (sofia.c). What a header says is taken as it is or refused: nothing is ever
repaired. A wish for privacy counts wherever it stands, trusted or not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from controller.numbers import withheld
from controller.numbers.e164 import BadNumber, parse
from controller.numbers.names import shown_name
from controller.numbers.withheld import Withheld
from controller.policy.fields import IdentityHeader

#: The most that is kept of what was said.
LONGEST_SAID: Final = 100


class Caller(msgspec.Struct, frozen=True):
    """Who rang. Either a number, or the reason why there is none to call back.

    `reason`: `hidden` (SPEC T4), or why the number is none (`not_digits`, `not_a_number`). `said`:
    what was said that is no number, quoted and cut short, for the operator to see and nobody to
    use. `name`: what came beside the number, where it may be shown to others (I1).
    """

    number: str | None = None
    reason: str | None = None
    said: str | None = None
    name: str = ""


class Identity(msgspec.Struct, frozen=True):
    """What one header says of the caller.

    Attributes:
        user: the user part of its address, empty where that has none; None: it cannot be read.
        display: the name beside it.
        host: the address's.
        private: it asks for privacy itself (Remote-Party-ID).
        unnamed: it asks that the name is not shown, whatever of the number (likewise).
        raw: how it came, for `Caller.said` alone.

    """

    user: str | None
    display: str | None = None
    host: str | None = None
    private: bool = False
    unnamed: bool = False
    raw: str = ""


# --- from headers to identities --------------------------------------------------------------

#: No angle bracket but the address's own: what a name may hold is the caller's choice, and the
#: switch's encoding does not tell `%3C` from `<`.
_NAME_ADDRESS: Final = re.compile(
    r'(?:"(?P<quoted>(?:[^"\\<>]|\\[^<>])*)"\s*|(?P<words>[^"<>,:;@]*))'
    r'<(?P<uri>[^<>]*)>(?P<rest>(?:\s*;\s*[\w.!%*+`\'~-]+(?:\s*=\s*(?:"[^"<>]*"|[^"<>,;\s]*))?)*)\Z'
)
_SIP: Final = re.compile(
    r"sips?:(?:(?P<user>[^@<>\"]*)@)?(?P<host>[^@<>\";?,\s]*)(?:[;?][^@<>\",\s]*)?\Z",
    re.IGNORECASE,
)
_TEL: Final = re.compile(r"tel:(?P<user>[^@<>\"]*)\Z", re.IGNORECASE)
_SCHEME: Final = re.compile(r"(sips?|tel):", re.IGNORECASE)
_PRIVACY: Final = re.compile(r';\s*privacy\b\s*(?:=\s*"?([^";]*))?', re.IGNORECASE)
_PARTY: Final = re.compile(r';\s*party\s*=\s*"?([^";,\s]*)', re.IGNORECASE)
#: No address is longer, and what is matched against it takes time.
_LONGEST: Final = 1000
#: What Remote-Party-ID says where the name is not to be seen, and where the number may be.
_UNNAMED: Final = frozenset({"name", "name-network"})
_OPEN: Final = _UNNAMED | {"off", "no", "none"}


def read_identity(header: IdentityHeader, text: str, raw: str) -> Identity | None:
    """Read a header as the switch gives it: decoded (`text`), and as it came (`raw`).

    P-Asserted-Identity may be a user alone, or with its host: it is what the profile's
    `p-asserted-id-parse` makes of it. None: it is there, and is not of the caller.
    """
    wishes: set[str] = set()
    if header is IdentityHeader.REMOTE_PARTY_ID:
        for found in _PRIVACY.finditer(text):
            wishes |= {wish.strip().lower() for wish in (found[1] or "?").split(",")}
    private, unnamed = not wishes <= _OPEN, not wishes.isdisjoint(_UNNAMED)
    unreadable = Identity(user=None, private=private, unnamed=unnamed, raw=raw)
    text = text.strip()
    named = _NAME_ADDRESS.match(text) if len(text) <= _LONGEST else None
    if named is not None:
        display, uri, rest = named["quoted"] or named["words"], named["uri"], named["rest"]
    elif "<" not in text and '"' not in text:
        display, uri, rest = None, text, text
        if header is IdentityHeader.P_ASSERTED_IDENTITY and _SCHEME.match(text) is None:
            uri = f"sip:{uri}" if "@" in uri else f"sip:{uri}@"
    else:
        return unreadable
    party = _PARTY.search(rest)
    if header is IdentityHeader.REMOTE_PARTY_ID and party and party[1].lower() != "calling":
        return None
    address = _SIP.match(uri)
    if address is not None:
        user, host = address["user"] or "", address["host"] or None
    else:
        address = _TEL.match(uri)
        if address is None:
            return unreadable
        user, host = address["user"], None
    return Identity(
        user=user, display=display, host=host, private=private, unnamed=unnamed, raw=raw
    )


# --- from identities to a caller -------------------------------------------------------------

_HIDDEN: Final = Caller(reason="hidden")
#: Parameters of a user part that say nothing about which number it is: how the number was checked,
#: ported or routed. Any other (`ext`, `phone-context`) makes it another number, or none.
_NUMBER: Final = re.compile(
    r"(\+?[0-9]{1,32})(?:;(?:verstat|cpc|oli|isup-oli|npdi|rn|tag)(?:=[A-Za-z0-9+._-]*)?)*\Z",
    re.ASCII | re.IGNORECASE,
)
_INVALID: Final = ".invalid"


def identify(
    identities: Mapping[IdentityHeader, Identity],
    *,
    country: str,
    order: Sequence[IdentityHeader] = (IdentityHeader.FROM,),
    privacy: Iterable[str | None] = (),
    rewrite: Mapping[str, str] | None = None,
) -> Caller:
    """Decide who rang, by the first header of `order` that is there; without any, he is hidden.

    `privacy` are the values of Privacy and of the switch's own hide flags; any wish but `none`
    hides the caller, and so does any header that asks for it, even where another one names a
    number. `rewrite`: how numbers begin, and what is put in place of the longest such beginning
    before they are read by the dial plan of `country`. The name is that of the same header.
    """
    # None: there is no such header; what is there and cannot be read is a wish as well.
    if any(wish and wish.strip().lower() not in _NO_WISH for wish in privacy):
        return _HIDDEN
    if any(_asks(identity) for identity in identities.values()):
        return _HIDDEN
    counts = next((identities[header] for header in order if header in identities), None)
    if counts is None or _names_nobody(counts):
        return _HIDDEN
    from_ = identities.get(IdentityHeader.FROM)
    if from_ is not None and _names_nobody(from_):
        return _HIDDEN
    found = _NUMBER.match(counts.user or "")
    if found is None:
        return Caller(reason="not_digits", said=_quoted(counts.raw))
    try:
        number = parse(_rewritten(found[1], rewrite or {}), country)
    except BadNumber as error:
        return Caller(reason=error.reason, said=_quoted(counts.raw))
    unnamed = any(identity.unnamed for identity in identities.values())
    return Caller(number=number, name="" if unnamed else shown_name(counts.display))


#: What the switch's flags and Privacy say where the number may be seen.
_NO_WISH: Final = frozenset({"", "none", "false", "no", "off"})


def _asks(identity: Identity) -> bool:
    """Whether a header asks for privacy, by itself or by what stands in a place of its own."""
    if identity.private or (identity.display is not None and withheld.name_hides(identity.display)):
        return True
    return Withheld.ASKED in _said(identity)


def _names_nobody(identity: Identity) -> bool:
    """Whether a header that ought to name the caller says that nobody knows him."""
    if identity.user is not None and not identity.user.strip():
        return True
    return Withheld.UNKNOWN in _said(identity)


def _said(identity: Identity) -> set[Withheld | None]:
    user, host = identity.user or "", (identity.host or "").rstrip(".").lower()
    said = {withheld.says(user.partition(";")[0])}
    # RFC 3323: `anonymous@anonymous.invalid`, and the host alone says as much.
    if host.endswith(_INVALID):
        said.add(withheld.says(host.removesuffix(_INVALID)))
    return said


def _rewritten(number: str, rewrite: Mapping[str, str]) -> str:
    # A number with a plus is international as it is: what is for all others is not for it.
    fits = [
        beginning
        for beginning in rewrite
        if number.startswith(beginning) and (beginning or number[:1] != "+")
    ]
    if not fits:
        return number
    longest = max(fits, key=len)
    return rewrite[longest] + number.removeprefix(longest)


def _quoted(raw: str) -> str:
    text = ascii(raw[:LONGEST_SAID])
    return text if len(text) <= LONGEST_SAID else text[: LONGEST_SAID - 3] + "..."
