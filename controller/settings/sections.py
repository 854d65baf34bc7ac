"""The settings by section: what each is, its bounds in its type, its default here and nowhere else.

What sections must keep together is in `checks`.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Final

import msgspec

from controller.guard.locking import Rules
from controller.guard.often import Rates
from controller.policy.fields import ConcurrentCalls, Prefix, Rate

#: Language, dialect and voice, as FreeSWITCH's sets have them.
_VOICE: Final = r"^[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+){1,2}\Z"

Port = Annotated[int, msgspec.Meta(ge=0, le=65535)]
PositiveSeconds = Annotated[float, msgspec.Meta(gt=0, le=3600)]
Name = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_.-]{1,64}\Z")]
#: Shorter than what is sent is leased for.
AnswerSeconds = Annotated[float, msgspec.Meta(gt=0, le=60)]
Path_ = Annotated[str, msgspec.Meta(min_length=1)]
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

#: This machine.
LOOPBACK: Final = ("127.0.0.0/8", "::1/128")
#: What is shown of no setting, by its name.
_SECRET: Final = frozenset({"password", "secret", "url", "channel_passwords"})


class _Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What all sections have in common: a field that nobody reads is an error."""

    def __repr__(self) -> str:
        """Show the fields but those that are secrets: what is shown may be logged."""
        shown = (
            f"{name}={getattr(self, name)!r}" if name not in _SECRET else f"{name}=…"
            for name in self.__struct_fields__
        )
        return f"{type(self).__name__}({', '.join(shown)})"


class Database(_Section, frozen=True):
    """Where the system of record is. Without a URL: a SQLite file in `data_dir`.

    `sqlite:////absolute/path` or `postgresql://user:password@host/database`; of several servers,
    `host:port,host:port`, the primary is found.
    """

    url: str = ""


class Redis(_Section, frozen=True):
    """Where policies are cached. Without a URL: a server of our own, with its socket in `data_dir`.

    `redis://`, `rediss://`, `unix://`, or `redis+sentinel://host:port,host:port/service`. The
    environment's `REDIS_URL` counts too, where nothing else is said.
    """

    url: str = ""
    #: The most memory that a server of our own takes, as Redis writes it.
    maxmemory: Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,9}(kb|mb|gb)\Z")] = "512mb"


class Listen(_Section, frozen=True):
    """Where FreeSWITCH's `socket` application connects to.

    It has neither TLS nor a password: an address of a private network, and only the switches'
    addresses in `allow` (networks, CIDR).
    """

    host: str = "127.0.0.1"
    port: Port = 8084
    #: Where the switches reach this controller, "host:port", for the lists that they keep. Empty:
    #: `host` and `port`, where that is an address that means the same to them.
    advertise: str = ""
    allow: tuple[str, ...] = LOOPBACK
    max_connections: Annotated[int, msgspec.Meta(ge=1)] = 10_000
    silent_seconds: PositiveSeconds = 5.0


class Web(_Section, frozen=True):
    """Where pages, API, /metrics, /livez and /readyz are served. It has no TLS: a proxy has.

    Networks are written as CIDR.
    """

    host: str = "127.0.0.1"
    port: Port = 8085
    #: Whether there are pages: for people, in a browser.
    pages: bool = True
    #: The reverse proxies in front of it: what they say of whom they ask for is believed, and
    #: whether he came over TLS (X-Forwarded-For, X-Forwarded-Proto), and nobody else's word.
    proxies: tuple[str, ...] = ()
    #: Who may read /metrics, and what /readyz says beyond yes and no.
    metrics_allow: tuple[str, ...] = LOOPBACK
    #: Connections at a time, those that only wait for their next request among them.
    max_connections: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 500


class Node(_Section, frozen=True):
    """One FreeSWITCH: its event socket."""

    name: Name = "fs1"
    host: str = "127.0.0.1"
    port: Port = 8021
    password: str = "ClueCon"  # noqa: S105  (FreeSWITCH's own default; `check` speaks of it)
    #: M7: where this FreeSWITCH writes its call records (`json_cdr.conf.xml`), as we see it. Empty:
    #: we cannot read them.
    records_dir: str = ""


class Route(_Section, frozen=True):
    """How calls leave. Which channels they go over is the channels' own (`callbackd channel`)."""

    #: D3: the gateway to the platform's own extensions, and how many digits these have. Such
    #: numbers go nowhere else.
    internal_gateway: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_.-]{0,64}\Z")] = ""
    internal_lengths: tuple[Annotated[int, msgspec.Meta(ge=3, le=10)], ...] = ()
    #: Beginnings of E.164 numbers that are the platform's too, and never leave it.
    internal_prefixes: tuple[Prefix, ...] = ()
    #: The service's domain, for P-Asserted-Identity (I7). Empty: the host of the channel's proxy.
    domain: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9.-]{0,128}\Z")] = ""
    #: Emergency numbers besides those that a country's dial plan has, as they are dialled.
    emergency_numbers: tuple[Annotated[str, msgspec.Meta(pattern=r"^[0-9]{3,6}\Z")], ...] = ()
    #: The channel that emergency calls go over, and the number that they show. Empty: the caller is
    #: told that they cannot be made here.
    emergency_channel: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_.-]{0,64}\Z")] = ""
    emergency_caller_id: Annotated[str, msgspec.Meta(pattern=r"^(\+[1-9][0-9]{4,14})?\Z")] = ""
    #: The dialplan extension and context that return calls are sent into.
    extension: Name = "return_call"
    context: Name = "callback"
    #: The country by whose dial plan the trunk writes our DIDs, ISO 3166.
    country: str = "US"


class Prompts(_Section, frozen=True):
    """Where the switches have their sounds: below one directory, by language, dialect and voice.

    `directory` is that directory, FreeSWITCH's `sounds_dir`; it goes before `en/us/callie` and the
    like. Empty: it is found from the switch's own `sound_prefix`, which is that of `language`.
    """

    directory: str = ""
    #: The language of the switch's own `sound_prefix`.
    language: Annotated[str, msgspec.Meta(pattern=r"^[a-z]{2}(-[A-Z]{2})?\Z")] = "en"
    #: By language, its directory, where it is not the usual one: `de = "de/de/anna"`.
    voices: dict[str, Annotated[str, msgspec.Meta(pattern=_VOICE)]] = {}


class Sounds(_Section, frozen=True):
    """Where uploaded sounds are, on each machine that has a switch. Empty: `sounds` in `data_dir`.

    The controller brings them there on its own machine; the switch reads them there, on each.
    """

    directory: str = ""


class Discovery(_Section, frozen=True):
    """Switches that announce themselves in Redis (`callbackd switch announce`), and are believed.

    Whoever can write to Redis can announce anything, and is sent the password: name the networks
    that your switches are in, and nothing else.
    """

    #: Networks (CIDR) whose announcements are believed. None: nothing is discovered.
    allow: tuple[str, ...] = ()
    #: Of the event sockets of switches that are announced.
    password: str = ""
    #: Controllers and switches of one group find each other; others on this Redis do not.
    group: Name = "callbackd"


class Presence(_Section, frozen=True):
    """How controllers know of each other (O4).

    One that has not been heard of for so long, and does not answer either, is dead or stands still:
    others take what it has.
    """

    lease_seconds: Annotated[int, msgspec.Meta(ge=2, le=60)] = 8


class Dispatcher(_Section, frozen=True):
    """How return calls are made."""

    #: Return calls being set up at a time, by this controller.
    max_calling: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 50
    #: A return call that could not be made for so long is not made any more.
    expiry_seconds: Annotated[int, msgspec.Meta(ge=1, le=86_400)] = 900
    #: Return calls being set up at a time on one node, and by way of one channel first, by all
    #: controllers together.
    max_calling_per_node: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 100
    max_calling_per_channel: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 50
    #: How often requests are looked for that other controllers stored.
    poll_seconds: PositiveSeconds = 1.0
    #: How often nodes are asked for the calls that should be alive on them.
    reconcile_seconds: PositiveSeconds = 30.0
    #: When no controller has had a link to a node for so long, its calls are ended as unknown.
    node_lost_seconds: PositiveSeconds = 120.0


class Credit(_Section, frozen=True):
    """How much of a call is held for at once (M3, M4), seconds; of each, more is held in time."""

    #: Of a conversation.
    slice_seconds: Annotated[int, msgspec.Meta(ge=30, le=3600)] = 300
    #: Of a return call's dialogue, before its first destination.
    dialogue_seconds: Annotated[int, msgspec.Meta(ge=30, le=3600)] = 120
    #: Of the return call after a conversation that was cut: the caller hears why.
    tail_seconds: Annotated[int, msgspec.Meta(ge=5, le=300)] = 15
    #: M7: for so long the switch's record of a leg is waited for that nobody saw end; then its end
    #: is estimated. It is never longer than a slice.
    records_seconds: Annotated[int, msgspec.Meta(ge=5, le=3600)] = 120


class RecordStream(_Section, frozen=True):
    """Where call records go, one after the other: a file, or a server (webhook).

    `name`: by that it is known how far it has come; a new one begins with the oldest record.
    """

    name: Name
    #: JSON lines are appended here; an absolute path. It may be rotated.
    file: str = ""
    #: Some records are posted here at a time; http or https.
    url: str = ""
    #: What these are signed with.
    secret: str = ""
    #: How long the server may take to answer.
    timeout_seconds: AnswerSeconds = 10.0


class Records(_Section, frozen=True):
    """Who is told of call records."""

    streams: tuple[RecordStream, ...] = ()


class Notices(_Section, frozen=True):
    """Which server is told at once what operators should know.

    That credit is low, that a limit was reached, and what looks like fraud.
    """

    url: str = ""
    secret: str = ""
    timeout_seconds: AnswerSeconds = 10.0


#: No more different ones are kept of what is looked at.
Different = Annotated[int, msgspec.Meta(ge=2, le=100)]


class Guard(_Section, frozen=True):
    """What is known for fraud, how often callbacks are made, and what looks like fraud (G2, G3).

    What is done about that is each extension's own.
    """

    #: A file of ranges that are known for fraud, in the form of `guard/ranges.toml` and in its
    #: place; read at start. Empty: what is shipped.
    risky_ranges: str = ""
    #: Callbacks on each node, and all together: `{ minute = 60, hour = 600 }`. Those beyond wait.
    callbacks_per_node: Rate = Rate()
    callbacks: Rate = Rate()
    #: Return calls at a time, all together; those beyond wait. Not set: as many as there are.
    concurrent_calls: ConcurrentCalls | None = None
    #: So many numbers of one block that ring one extension within an hour.
    sequential_numbers: Different = 5
    #: So many extensions that one number rings within an hour.
    many_extensions: Different = 4
    #: So many return calls to one number within an hour that are answered and over at once.
    short_answers: Different = 3
    #: So many times what an extension spends on the average in an hour in which it spends.
    sudden_spend_times: Annotated[int, msgspec.Meta(ge=2, le=1000)] = 10

    @property
    def rates(self) -> Rates:
        """How often callbacks are made whosever they are."""
        return Rates(node=self.callbacks_per_node, together=self.callbacks)


class Settings(_Section, frozen=True):
    """The tree."""

    #: This controller's name in leases and logs; it must be its own. Empty: host and process.
    name: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_.-]{0,64}\Z")] = ""
    data_dir: Path_ = "callbackd-data"
    #: How long a controller that is told to stop lets its calls go on before it hands them over.
    drain_seconds: Annotated[float, msgspec.Meta(ge=0, le=3600)] = 10.0
    database: Database = Database()
    redis: Redis = Redis()
    listen: Listen = Listen()
    web: Web = Web()
    nodes: tuple[Node, ...] = (Node(),)
    discovery: Discovery = Discovery()
    route: Route = Route()
    prompts: Prompts = Prompts()
    sounds: Sounds = Sounds()
    dispatcher: Dispatcher = Dispatcher()
    presence: Presence = Presence()
    credit: Credit = Credit()
    records: Records = Records()
    notices: Notices = Notices()
    #: By channel, the password by which its trunk knows us (`callbackd switch config`).
    channel_passwords: dict[Name, Annotated[str, msgspec.Meta(min_length=1, max_length=128)]] = {}
    #: How wrong passwords lock (A3), by kind: number, extension, did.
    lockouts: Rules = Rules()
    guard: Guard = Guard()

    @property
    def database_url(self) -> str:
        """The URL of the database, made of `data_dir` where none is set."""
        if self.database.url:
            return self.database.url
        return f"sqlite:///{self.sqlite_path.absolute()}"

    @property
    def sqlite_path(self) -> Path:
        """Where the database is where no URL of one is set."""
        return Path(self.data_dir) / "callbackd.sqlite3"

    @property
    def sounds_directory(self) -> str:
        """Where uploaded sounds are, absolute."""
        return self.sounds.directory or str(Path(self.data_dir).absolute() / "sounds")

    @property
    def pepper_path(self) -> Path:
        """Where the pepper of the passwords is kept."""
        return Path(self.data_dir) / "pepper"

    @property
    def networks(self) -> tuple[Network, ...]:
        """The networks of `listen.allow`."""
        return networks(self.listen.allow)


def networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """Read networks, as CIDR writes them. Raises `ValueError`."""
    return tuple(ipaddress.ip_network(text) for text in texts)
