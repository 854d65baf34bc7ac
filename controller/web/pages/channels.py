"""Channels: the trunks to the public network (I2-I7, T4)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from controller.admin.model import Kind
from controller.policy.channels import HiddenIdentity, Transport
from controller.web.pages import options
from controller.web.pages.forms import Field, Section, Widget
from controller.web.pages.records import Column, Look, RecordPages
from controller.web.pages.words import N_

_HEADERS: Final = (
    ("from", N_("From")),
    ("p-asserted-identity", N_("P-Asserted-Identity")),
    ("remote-party-id", N_("Remote-Party-ID")),
    ("p-preferred-identity", N_("P-Preferred-Identity")),
)
_FORMATS: Final = (
    ("plus", N_("With a plus: +4930123456")),
    ("digits", N_("Digits, the country's code first: 4930123456")),
    ("national", N_("As its country dials it: 030123456")),
)

_WHO: Final = Section(
    name="who",
    title=N_("Which it is"),
    fields=(
        Field(
            name="name",
            label=N_("Name"),
            help=N_("The name of its gateway in FreeSWITCH."),
        ),
        Field(
            name="description",
            label=N_("Description"),
            help=N_("For you: which carrier, which contract."),
        ),
    ),
)
_INBOUND: Final = Section(
    name="inbound",
    title=N_("Calls that come in"),
    intro=N_("How calls that come over this channel are told from others, and read."),
    fields=(
        Field(
            name="addresses",
            label=N_("Addresses"),
            help=N_(
                "From where its calls come, each on a line: 192.0.2.10 or 192.0.2.0/24; calls from "
                "anywhere else are not this channel's."
            ),
            widget=Widget.LINES,
        ),
        Field(
            name="identity",
            label=N_("Who rings"),
            help=N_(
                "Which SIP headers say who rings; the first one that is there counts. Choose "
                "another than From only where the carrier checks it."
            ),
            widget=Widget.ORDER,
            options=_HEADERS,
            default=N_("From"),
        ),
        Field(
            name="country",
            label=N_("Country"),
            help=N_(
                "By whose dial plan it writes numbers that are not international, such as DE; "
                "empty is the extension's own."
            ),
            suggestions="list-countries",
        ),
        Field(
            name="rewrite",
            label=N_("Numbers that are read otherwise"),
            help=N_(
                "How numbers that it sends begin, and what is put in place of that before they are "
                "read; the longest beginning that fits counts."
            ),
            widget=Widget.ROWS,
            columns=(N_("Begins with"), N_("Becomes")),
        ),
        Field(
            name="refusal_cause",
            label=N_("How trigger calls are refused"),
            help=N_("Busy may make a carrier try another way; rejected does not."),
            widget=Widget.CHOICE,
            options=(
                ("USER_BUSY", N_("Busy (486)")),
                ("CALL_REJECTED", N_("Rejected (603)")),
            ),
        ),
        Field(
            name="trust_callers",
            label=N_("Callers are trusted"),
            help=N_(
                "On: the numbers and names it says are true, and may be shown to others where an "
                "extension wants that."
            ),
            widget=Widget.CHECK,
        ),
    ),
)
_OUTBOUND: Final = Section(
    name="outbound",
    title=N_("Calls that go out"),
    intro=N_("When and for which numbers this channel is used."),
    fields=(
        Field(
            name="enabled",
            label=N_("Used for calls that go out"),
            help=N_("Off: no call goes out over it; calls still come in."),
            widget=Widget.CHECK,
        ),
        Field(
            name="destinations",
            label=N_("Destinations"),
            help=N_(
                "Which numbers it takes, and what a minute costs there, each on a line: "
                "+49 = 0.0125; + is all numbers. Empty is all numbers, at no cost. The longest "
                "beginning that fits wins, then the priority, then the lower cost."
            ),
            widget=Widget.PRICED,
            unit=N_("a minute, all in one currency"),
        ),
        Field(
            name="priority",
            label=N_("Priority"),
            help=N_("Of channels that fit equally well the one with the lower number comes first."),
            widget=Widget.NUMBER,
        ),
        Field(
            name="concurrent_calls",
            label=N_("Calls at a time"),
            help=N_(
                "How many go out over it at the same time at most, over all nodes; empty is any "
                "number."
            ),
            widget=Widget.NUMBER,
            unit=N_("calls"),
        ),
        Field(
            name="progress_seconds",
            label=N_("Wait for the carrier"),
            help=N_("A call that nobody says anything of for so long goes on to the next channel."),
            widget=Widget.NUMBER,
            unit=N_("seconds"),
        ),
        Field(
            name="hours",
            label=N_("Hours"),
            help=N_(
                "When it is used; none is always. An end before its beginning goes into the night, "
                "and a whole day is 00:00 to 24:00."
            ),
            widget=Widget.HOURS,
        ),
        Field(
            name="time_zone",
            label=N_("Time zone of the hours"),
            help=N_("By its name in the IANA's list, such as Europe/Berlin."),
            suggestions="list-zones",
        ),
    ),
)
_FORMAT: Final = Section(
    name="format",
    title=N_("How numbers are sent"),
    intro=N_("How this carrier wants to be told who is called, and by whom."),
    fields=(
        Field(
            name="number_format",
            label=N_("The number that is called"),
            help=N_("How the carrier wants it written; as a country dials it needs the country."),
            widget=Widget.CHOICE,
            options=_FORMATS,
        ),
        Field(
            name="dial_prefix",
            label=N_("Digits before it"),
            help=N_("What the carrier wants before each number that is called; mostly nothing."),
        ),
        Field(
            name="caller_id_format",
            label=N_("The number that is shown"),
            help=N_("How the carrier wants the CallerID written."),
            widget=Widget.CHOICE,
            options=_FORMATS,
        ),
        Field(
            name="domain",
            label=N_("Domain of P-Asserted-Identity"),
            help=N_("Where the carrier wants one of its own; empty is the service's."),
        ),
        Field(
            name="hidden_identity",
            label=N_("Where the CallerID is hidden"),
            help=N_("What becomes of P-Asserted-Identity then."),
            widget=Widget.CHOICE,
            options=(
                (HiddenIdentity.OMIT.value, N_("It is left out")),
                (HiddenIdentity.PRIVATE.value, N_("It is sent, marked as private")),
            ),
        ),
    ),
)
_GATEWAY: Final = Section(
    name="gateway",
    title=N_("How the switch reaches it"),
    intro=N_(
        "For gateways whose files callbackd writes (callbackd switch config). Leave the host empty "
        "where the gateway is written by hand. The password is in the service's settings "
        "(channel_passwords), never here."
    ),
    fields=(
        Field(
            name="proxy",
            label=N_("Host"),
            help=N_("Where calls are sent: a name or an address, with a port if need be."),
        ),
        Field(
            name="transport",
            label=N_("Transport"),
            help=N_("How SIP travels there."),
            widget=Widget.CHOICE,
            options=tuple((one.value, one.value.upper()) for one in Transport),
        ),
        Field(
            name="username",
            label=N_("User name"),
            help=N_("What the carrier knows us by; empty where it knows us by our address."),
        ),
        Field(
            name="register",
            label=N_("Register"),
            help=N_("On: the switch registers with the carrier; that needs host and user name."),
            widget=Widget.CHECK,
        ),
        Field(
            name="ping_seconds",
            label=N_("Ask whether it is there"),
            help=N_("How often the switch asks (OPTIONS); empty is never."),
            widget=Widget.NUMBER,
            unit=N_("seconds"),
        ),
    ),
)
_COST: Final = Section(
    name="cost",
    title=N_("What it costs you"),
    fields=(
        Field(
            name="cost_list",
            label=N_("Price list"),
            help=N_("By which its calls cost you, the operator; empty: nobody knows."),
            suggestions="list-price-lists",
        ),
    ),
)

CHANNELS: Final = Look(
    kind=Kind.CHANNEL,
    path="/channels",
    one=N_("Channel"),
    many=N_("Channels"),
    intro=N_("The trunks to the public network; each is a gateway of FreeSWITCH."),
    sections=(_WHO, _INBOUND, _OUTBOUND, _FORMAT, _GATEWAY, _COST),
    columns=(
        Column("name", N_("Name")),
        Column("description", N_("Description")),
        Column("priority", N_("Priority")),
        Column("proxy", N_("Host")),
        Column("cost_list", N_("Costs by")),
        Column("enabled", N_("Calls out"), switch=True),
    ),
    template="channel.html",
)


class ChannelPages(RecordPages):
    """Their pages."""

    def lists(self) -> Mapping[str, Iterable[tuple[str, str]]]:
        """Give what is offered while fields are typed."""
        return {
            "list-price-lists": self.names(Kind.PRICE_LIST),
            "list-zones": options.time_zones(),
            "list-countries": options.countries(),
        }
