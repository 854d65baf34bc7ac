"""The types of settings: their bounds and how they are written, in one place.

What a type can say is checked while a document is read, and stands in the API's description. What
it cannot (that a country exists, that two fields go together) is said by `rules`.
"""

from __future__ import annotations

from enum import StrEnum
from itertools import pairwise
from typing import Annotated, Final

import iso4217
import msgspec
from msgspec import Meta

#: Money: one unit of a currency is a million.
MICRO: Final = 1_000_000
#: The largest amount; a sum of millions of them is still a 64-bit integer.
MOST_MICROS: Final = 10**15

ExtensionNumber = Annotated[
    str, Meta(pattern=r"^[0-9]{1,10}\Z", description="The internal number, 1-10 digits.")
]
ClientName = Annotated[
    str,
    Meta(
        pattern=r"^[a-z0-9][a-z0-9-]{0,31}\Z",
        description="A client: small letters, digits and dashes, at most 32.",
    ),
]
ChannelName = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9_.-]{1,64}\Z",
        description="A channel, by the name of its FreeSWITCH gateway.",
    ),
]
Number = Annotated[
    str, Meta(pattern=r"^\+[1-9][0-9]{4,14}\Z", description="E.164, such as +12025550100.")
]
Country = Annotated[
    str, Meta(pattern=r"^[A-Z]{2}\Z", description="ISO 3166, two capitals, such as US.")
]
Currency = Annotated[
    str, Meta(pattern=r"^[A-Z]{3}\Z", description="ISO 4217, three capitals, such as EUR.")
]
Language = Annotated[
    str,
    Meta(
        pattern=r"^[a-z]{2}(-[A-Z]{2})?\Z",
        description="ISO 639, with a country where it counts: en, pt-BR.",
    ),
]
#: No apostrophe: it ends a quoted value in a dial string, and each call would fail.
ShownName = Annotated[
    str,
    Meta(
        pattern=r"^[\w .&()/+-]{0,40}\Z",
        description="At most 40 letters, digits, spaces and . & ( ) / + - are shown.",
    ),
]
#: G1: of the streams that a switch can play, those that fetch nothing and run nothing: a client may
#: set sounds, and a switch may have modules that do (`shell_stream`).
Sound = Annotated[
    str,
    Meta(
        pattern=r"^([A-Za-z0-9_./%(),;=@~+-]{1,512}"
        r"|(tone|silence|local)_stream://[A-Za-z0-9_./%(),;=@~+-]{1,490})\Z",
        description="A sound file's path on the switch, no spaces, no quotes; or tone_stream://, "
        "silence_stream://, local_stream://.",
    ),
]
SipAddress = Annotated[
    str,
    Meta(
        pattern=r"^sip:[A-Za-z0-9_.+-]{1,64}@[A-Za-z0-9.-]{1,128}\Z",
        description="sip:user@domain",
    ),
]
Prefix = Annotated[
    str,
    Meta(
        pattern=r"^\+[1-9][0-9]{0,14}\Z",
        description="The beginning of E.164 numbers, such as +1900.",
    ),
]
PromptName = Annotated[
    str,
    Meta(
        pattern=r"^[a-z][a-z0-9_]{0,63}\Z",
        description="A prompt: small letters, digits and _, at most 64.",
    ),
]
TimeOfDay = Annotated[
    str, Meta(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]\Z", description="A time of day: 07:30.")
]
TimeZone = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9_+/-]{1,64}\Z",
        description="A time zone of the IANA's list, such as Europe/Berlin.",
    ),
]
HangupCause = Annotated[
    str,
    Meta(
        pattern=r"^[A-Z][A-Z0-9_]{1,63}\Z",
        description="A hang-up cause by FreeSWITCH's name, such as USER_BUSY.",
    ),
]
Network = Annotated[
    str,
    Meta(
        pattern=r"^[0-9A-Fa-f.:]{2,45}(/[0-9]{1,3})?\Z",
        description="An address or a network: 192.0.2.10 or 192.0.2.0/24.",
    ),
]
#: How numbers that a trunk sends begin, and with what they ought to.
Beginning = Annotated[
    str, Meta(pattern=r"^\+?[0-9]{0,15}\Z", description="A plus and digits, such as 00 or +49.")
]
#: Which numbers a channel takes: how they begin; the plus alone is all of them.
Beginnings = Annotated[
    str,
    Meta(
        pattern=r"^\+([1-9][0-9]{0,14})?\Z",
        description="The beginning of E.164 numbers, such as +49; + is all of them.",
    ),
]
#: When a channel is used: days and times of its time zone.
WorkingHours = Annotated[
    str,
    Meta(
        pattern=r"^(mon|tue|wed|thu|fri|sat|sun)(-(mon|tue|wed|thu|fri|sat|sun))?"
        r" ([01][0-9]|2[0-3]):[0-5][0-9]-(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)\Z",
        description="Days and times: mon-fri 08:00-18:00; sat 22:00-02:00 goes into the night.",
    ),
]
#: What is put before each number that is sent to a trunk.
DialPrefix = Annotated[
    str, Meta(pattern=r"^[0-9]{0,15}\Z", description="Digits put before each number, at most 15.")
]
#: A host of SIP: a name or an address, and its port where it is not the usual one.
SipHost = Annotated[
    str,
    Meta(
        pattern=r"^([A-Za-z0-9]([A-Za-z0-9.-]{0,126}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\])"
        r"(:[0-9]{1,5})?\Z",
        description="A host, with its port where it is another than usual: sip.example.com:5070.",
    ),
]
Domain = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9]([A-Za-z0-9.-]{0,126}[A-Za-z0-9])?\Z",
        description="A domain: example.com.",
    ),
]
SipUser = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9_.+~@-]{1,64}\Z",
        description="A name that a trunk knows us by: letters, digits and _ . + ~ @ -.",
    ),
]
#: What a record's name may be where it is one for programs and people.
RecordName = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}\Z",
        description="Letters, digits, _ . and -, at most 64.",
    ),
]
#: As people type it on telephones too: no capitals.
UserName = Annotated[
    str,
    Meta(
        pattern=r"^[a-z0-9][a-z0-9_.@-]{0,63}\Z",
        description="Small letters, digits, _ . @ and -, at most 64.",
    ),
]
#: As short as it is since a rate's key has it, with a beginning and a time.
PriceListName = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,31}\Z",
        description="A price list: letters, digits, _ . and -, at most 32.",
    ),
]
Moment = Annotated[
    str,
    Meta(
        pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}"
        r"(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})\Z",
        description="A time (RFC 3339), such as 2027-01-31T12:00:00Z.",
        extra_json_schema={"format": "date-time"},
    ),
]
EntryKey = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9_.:/+-]{1,64}\Z",
        description="Letters, digits and _ . : / + -, at most 64.",
    ),
]
SpeedDial = Annotated[str, Meta(pattern=r"^[0-9]{1,2}\Z", description="One or two digits.")]
Line = Annotated[
    str,
    Meta(
        max_length=200,
        pattern=r"^[^\x00-\x1f\x7f\u2028\u2029]*\Z",
        description="One line of text.",
    ),
]
Notes = Annotated[
    str,
    Meta(
        max_length=2000,
        pattern=r"^[^\x00-\x08\x0b-\x1f\x7f]*\Z",
        description="Text of any lines.",
    ),
]
Micros = Annotated[
    int,
    Meta(ge=-MOST_MICROS, le=MOST_MICROS, description="Money: a millionth of the currency's unit."),
]
PositiveMicros = Annotated[
    int,
    Meta(ge=0, le=MOST_MICROS, description="Money: a millionth of the currency's unit."),
]
#: G3: calls at a time.
ConcurrentCalls = Annotated[int, Meta(ge=1, le=100_000)]
#: How often: callbacks in a time.
Times = Annotated[int, Meta(ge=0, le=1_000_000)]


class EarlyHangUp(StrEnum):
    """T2: what a caller gets who hangs up before X."""

    IGNORE = "ignore"
    CALLBACK = "callback"


class ReturnCalls(StrEnum):
    """T3: who is called back."""

    AUTHORIZED = "authorized"
    CALLER = "caller"
    FIXED = "fixed"


class Again(StrEnum):
    """T5: as which kind of failure a hang-up cause counts: each has its own number of retries."""

    BUSY = "busy"
    NO_ANSWER = "no_answer"
    FAILED = "failed"
    NEVER = "never"


class IdentityHeader(StrEnum):
    """Where a trunk says who rings."""

    FROM = "from"
    P_ASSERTED_IDENTITY = "p-asserted-identity"
    REMOTE_PARTY_ID = "remote-party-id"
    P_PREFERRED_IDENTITY = "p-preferred-identity"


class ShownFrom(StrEnum):
    """I1, I2: where a name or a number that is shown comes from."""

    SERVER = "server"
    EQUIPMENT = "equipment"
    CUSTOM = "custom"


class Choice(StrEnum):
    """I3: which of several numbers."""

    RANDOM = "random"
    STICKY = "sticky"


class NumberType(StrEnum):
    """G2: the kinds of number that cost no more than a call, as their countries' plans have them.

    Where a plan cannot tell which are mobiles (North America's), they are `fixed_or_mobile`.
    """

    FIXED = "fixed"
    MOBILE = "mobile"
    FIXED_OR_MOBILE = "fixed_or_mobile"
    VOIP = "voip"
    TOLL_FREE = "toll_free"
    VOICEMAIL = "voicemail"
    UNKNOWN = "unknown"


class OnPattern(StrEnum):
    """G3: what is done about calls that look like fraud: nothing, tell, tell and make none."""

    IGNORE = "ignore"
    FLAG = "flag"
    BLOCK = "block"


class Rate(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """G3: at most so many in a minute, an hour, a day; None is no limit."""

    minute: Times | None = None
    hour: Times | None = None
    day: Times | None = None

    @property
    def trouble(self) -> str | None:
        """Say which window's number cannot be reached, and what to write; None: each can be."""
        known = [
            (name, value)
            for name, value in (("minute", self.minute), ("hour", self.hour), ("day", self.day))
            if value is not None
        ]
        for (shorter, fewer), (longer, more) in pairwise(known):
            if fewer > more:
                return (
                    f"{fewer} in a {shorter} cannot be reached where {more} in a {longer} are the "
                    f"most; write at most {more} for the {shorter}"
                )
        return None


def is_currency(code: str) -> bool:
    """Whether this is a currency of ISO 4217."""
    return code in _CURRENCIES


def currency_digits(code: str) -> int:
    """Give how many digits a currency has after its point. Raises `KeyError` for none."""
    return _CURRENCIES[code]


_CURRENCIES: Final = {
    currency.code: currency.exponent
    for currency in iso4217.Currency
    # Gold and its like are in the list, and are not counted in anything.
    if currency.exponent is not None
}
