"""The settings of what is around a controller: the stores, the doors, the switches, the sounds.

Each has its bounds in its type and its default here and nowhere else.
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from controller.policy.fields import Prefix
from controller.settings.section import LOOPBACK, Name, Port, PositiveSeconds, Section

#: Language, dialect and voice, as FreeSWITCH's sets have them.
_VOICE: Final = r"^[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+){1,2}\Z"


class Database(Section, frozen=True):
    """Where the system of record is."""

    #: `sqlite:////absolute/path` or `postgresql://user:password@host/database`; of several servers,
    #: `host:port,host:port`, the primary is found. Empty: a SQLite file in `data_dir`.
    url: str = ""


class Redis(Section, frozen=True):
    """Where policies are cached and controllers count together.

    Without a URL it is a Valkey of the controller's own, with its socket in `data_dir`.
    """

    #: `redis://`, `rediss://`, `unix://`, or `redis+sentinel://host:port,host:port/service`. The
    #: variable `REDIS_URL` counts too, where nothing else is said.
    url: str = ""
    #: The most memory that a Valkey of our own takes, as Redis writes it.
    maxmemory: Annotated[
        str,
        msgspec.Meta(
            pattern=r"^[0-9]{1,9}(kb|mb|gb)\Z", description="A number and kb, mb or gb: 512mb."
        ),
    ] = "512mb"


class Listen(Section, frozen=True):
    """Where FreeSWITCH's `socket` application connects to.

    It has neither TLS nor a password: an address of a private network, and only the switches'
    addresses in `allow`.
    """

    #: The address that it listens on: a private one, which only the switches reach.
    host: str = "127.0.0.1"
    #: The port that it listens on; on one host each controller has its own.
    port: Port = 8084
    #: Where the switches reach this controller, `host:port`, for the lists that they keep. Empty:
    #: `host` and `port`, where that is an address that means the same to them; it is needed where
    #: the controller listens on every address.
    advertise: str = ""
    #: The switches' networks (CIDR); nobody else is taken.
    allow: tuple[str, ...] = LOOPBACK
    #: Legs at a time.
    max_connections: Annotated[int, msgspec.Meta(ge=1)] = 10_000
    #: A peer that connects and says nothing for so long is dropped.
    silent_seconds: PositiveSeconds = 5.0


class Web(Section, frozen=True):
    """Where pages, API, `/metrics`, `/livez` and `/readyz` are served. It has no TLS: a proxy has.

    Networks are written as CIDR.
    """

    #: The address that it listens on.
    host: str = "127.0.0.1"
    #: The port that it listens on; on one host each controller has its own.
    port: Port = 8085
    #: Whether there are pages: for people, in a browser.
    pages: bool = True
    #: The networks of the reverse proxies in front of it: what they say of whom they ask for is
    #: believed, and whether he came over TLS (`X-Forwarded-For`, `X-Forwarded-Proto`), and nobody
    #: else's word.
    proxies: tuple[str, ...] = ()
    #: The networks that may read `/metrics`, and what `/readyz` says beyond yes and no.
    metrics_allow: tuple[str, ...] = LOOPBACK
    #: Connections at a time, those that only wait for their next request among them; who is too
    #: many hears 503.
    max_connections: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 500


class Node(Section, frozen=True):
    """One FreeSWITCH: its event socket.

    Every switch is named that connects to this controller, also one that comes when another
    controller is away.
    """

    #: What the switch is called here, in commands, logs and metrics; each has its own.
    name: Name = "fs1"
    #: Where its event socket (mod_event_socket) listens.
    host: str = "127.0.0.1"
    #: The port of its event socket.
    port: Port = 8021
    #: The password of its event socket.
    password: str = "ClueCon"  # noqa: S105  (FreeSWITCH's own default; `check` speaks of it)
    #: M7: the directory in which this FreeSWITCH writes its call records (`json_cdr.conf.xml`), as
    #: this machine sees it. Empty: they cannot be read here.
    records_dir: str = ""


class Route(Section, frozen=True):
    """How calls leave. Which channels they go over is the channels' own (`callbackd channel`)."""

    #: D3: the gateway to the platform's own extensions. Needs `internal_lengths`.
    internal_gateway: Annotated[
        str,
        msgspec.Meta(
            pattern=r"^[A-Za-z0-9_.-]{0,64}\Z",
            description="A gateway's name: letters, digits, _ . and -, at most 64.",
        ),
    ] = ""
    #: D3: how many digits the platform's own extensions have. What is dialled so goes to
    #: `internal_gateway` and nowhere else.
    internal_lengths: tuple[Annotated[int, msgspec.Meta(ge=3, le=10)], ...] = ()
    #: Beginnings of numbers that are the platform's too: they go by `internal_gateway`, which has
    #: to be set, and never leave it.
    internal_prefixes: tuple[Prefix, ...] = ()
    #: I7: the service's domain, for P-Asserted-Identity (`sip:1001@domain`), where its channel has
    #: none. Empty: the host of the channel's `proxy`, or `localhost`.
    domain: Annotated[
        str,
        msgspec.Meta(pattern=r"^[A-Za-z0-9.-]{0,128}\Z", description="A domain: example.com."),
    ] = ""
    #: Emergency numbers besides 112, 911 and those of the extension's country, as they are dialled.
    emergency_numbers: tuple[
        Annotated[str, msgspec.Meta(pattern=r"^[0-9]{3,6}\Z", description="3 to 6 digits.")], ...
    ] = ()
    #: The channel that emergency calls go over. Empty: the caller is told that they cannot be made
    #: here. Needs `emergency_caller_id`.
    emergency_channel: Annotated[
        str,
        msgspec.Meta(
            pattern=r"^[A-Za-z0-9_.-]{0,64}\Z",
            description="A channel's name: letters, digits, _ . and -, at most 64.",
        ),
    ] = ""
    #: The number that emergency calls show. Needs `emergency_channel`.
    emergency_caller_id: Annotated[
        str,
        msgspec.Meta(
            pattern=r"^(\+[1-9][0-9]{4,14})?\Z", description="E.164, such as +12025550100."
        ),
    ] = ""
    #: The dialplan's extension that return calls are sent into.
    extension: Name = "return_call"
    #: The dialplan's context that return calls are sent into.
    context: Name = "callback"
    #: The country by whose dial plan the trunk writes our DIDs where not internationally, ISO 3166.
    country: str = "US"


class Prompts(Section, frozen=True):
    """Where the switches have their sounds: below one directory, by language, dialect and voice."""

    #: Where the sounds of all languages lie, FreeSWITCH's `sounds_dir`; it goes before
    #: `en/us/callie` and the like. Without spaces, quotes and `!`, which the switch cannot be told.
    #: Empty: beside the switch's own `sound_prefix`.
    directory: str = ""
    #: The language of the switch's own `sound_prefix`.
    language: Annotated[
        str,
        msgspec.Meta(
            pattern=r"^[a-z]{2}(-[A-Z]{2})?\Z",
            description="ISO 639, with a country where it counts: en, pt-BR.",
        ),
    ] = "en"
    #: By language, its directory below the others, where it is not the usual one:
    #: `{ de = "de/de/anna" }`.
    voices: dict[
        str,
        Annotated[
            str,
            msgspec.Meta(
                pattern=_VOICE, description="A path of two or three parts, such as de/de/anna."
            ),
        ],
    ] = msgspec.field(default_factory=dict)


class Sounds(Section, frozen=True):
    """Where uploaded sounds are, on each machine that has a switch.

    The controller brings them there on its own machine; the switch reads them there, on each.
    """

    #: The same absolute path on every machine with a switch, without spaces, quotes and `!`. Empty:
    #: `sounds` in `data_dir`.
    directory: str = ""
