"""The settings by section: what each is, its bounds in its type, its default here and nowhere else.

What is around a controller has its sections in `surroundings`; what sections must keep together is
in `checks`. The sentence of each setting stands above it (`#:`): the reference is made of these.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Final

import msgspec

from controller.guard.locking import Rules
from controller.guard.often import Rates
from controller.policy.fields import ConcurrentCalls, Rate
from controller.settings.section import (
    AnswerSeconds,
    Name,
    Network,
    Path_,
    PositiveSeconds,
    Section,
)
from controller.settings.surroundings import (
    Database,
    Listen,
    Node,
    Prompts,
    Redis,
    Route,
    Sounds,
    Web,
)

#: A module, and what makes an engine in it; and the same in words.
_FACTORY: Final = r"^([A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*)?\Z"
_FACTORY_WORDS: Final = "A module and what is called in it: package.module:factory."


class Discovery(Section, frozen=True):
    """Switches that announce themselves in Redis (`callbackd switch announce`), and are believed.

    Whoever can write to Redis can announce anything, and is sent the password: name the networks
    that your switches are in, and nothing else.
    """

    #: Networks (CIDR) whose announcements are believed. None: nothing is discovered. Needs
    #: `password` and `redis.url`.
    allow: tuple[str, ...] = ()
    #: The password of the event sockets of switches that are announced.
    password: str = ""
    #: Controllers and switches of one group find each other; others on this Redis do not.
    group: Name = "callbackd"


class Presence(Section, frozen=True):
    """How controllers know of each other (O4).

    One that has not been heard of for so long, and does not answer either, is dead or stands still:
    others take what it has.
    """

    #: After so long without a sign in Redis, and no answer over the web, a controller counts as
    #: dead or frozen.
    lease_seconds: Annotated[int, msgspec.Meta(ge=2, le=60)] = 8


class Dispatcher(Section, frozen=True):
    """How return calls are made."""

    #: Return calls being set up at a time, by this controller.
    max_calling: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 50
    #: How long a callback is tried, where its extension does not say.
    expiry_seconds: Annotated[int, msgspec.Meta(ge=1, le=86_400)] = 900
    #: Return calls being set up at a time on one node, by all controllers together.
    max_calling_per_node: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 100
    #: Return calls being set up at a time by way of one channel first, by all controllers together.
    max_calling_per_channel: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 50
    #: How often requests are looked for that other controllers stored.
    poll_seconds: PositiveSeconds = 1.0
    #: How often nodes are asked for the calls that should be alive on them.
    reconcile_seconds: PositiveSeconds = 30.0
    #: When no controller has had a link to a node for so long, its calls are ended as unknown.
    node_lost_seconds: PositiveSeconds = 120.0


class Credit(Section, frozen=True):
    """How much of a call is held for at once (M3, M4); of each, more is held in time."""

    #: M4: so much of a conversation is held for at once; more in time, while there is credit.
    slice_seconds: Annotated[int, msgspec.Meta(ge=30, le=3600)] = 300
    #: M3: so much of a return call's dialogue is held for, before its first destination.
    dialogue_seconds: Annotated[int, msgspec.Meta(ge=30, le=3600)] = 120
    #: M5: so much of the return call is held for after a conversation that was cut: the caller
    #: hears why.
    tail_seconds: Annotated[int, msgspec.Meta(ge=5, le=300)] = 15
    #: M7: for so long the switch's record of a leg is waited for that nobody saw end; then its end
    #: is estimated. It is never longer than a slice less `dispatcher.reconcile_seconds`.
    records_seconds: Annotated[int, msgspec.Meta(ge=5, le=3600)] = 120
    #: Who decides over credit in the place of callbackd's own accounts, `package.module:factory`,
    #: as `docs/credit-engine.md` says. Empty: they do.
    engine: Annotated[str, msgspec.Meta(pattern=_FACTORY, description=_FACTORY_WORDS)] = ""
    #: What that engine is made with: names and texts, as it likes.
    options: dict[str, str] = msgspec.field(default_factory=dict)
    #: How long that engine may take to answer; then nothing is called, and a caller dials anew.
    engine_seconds: Annotated[float, msgspec.Meta(gt=0, le=60)] = 5.0


class RecordStream(Section, frozen=True):
    """Where call records go, one after the other: a file, or a server (webhook)."""

    #: By that it is known how far the stream has come; a new one begins with the oldest record.
    name: Name
    #: JSON lines are appended here; an absolute path. It may be rotated.
    file: str = ""
    #: Some records are posted here at a time; http or https. One of `file` and `url` is set.
    url: str = ""
    #: What the posted records are signed with.
    secret: str = ""
    #: How long the server may take to answer.
    timeout_seconds: AnswerSeconds = 10.0


class Records(Section, frozen=True):
    """Who is told of call records."""

    #: The streams, each with a name of its own.
    streams: tuple[RecordStream, ...] = ()


class Notices(Section, frozen=True):
    """Which server is told at once what operators should know.

    That credit is low, that a limit was reached, and what looks like fraud.
    """

    #: Where notices are posted; http or https. Empty: nobody is told.
    url: str = ""
    #: What notices are signed with.
    secret: str = ""
    #: How long the server may take to answer.
    timeout_seconds: AnswerSeconds = 10.0


#: No more different ones are kept of what is looked at.
Different = Annotated[int, msgspec.Meta(ge=2, le=100)]


class Guard(Section, frozen=True):
    """What is known for fraud, how often callbacks are made, and what looks like fraud (G2, G3).

    What is done about that is each extension's own.
    """

    #: G2: a file of ranges that are known for fraud, in the form of `guard/ranges.toml` and in its
    #: place; read at start. Empty: what is shipped.
    risky_ranges: str = ""
    #: G3: at most so many callbacks on each node in any minute, hour and day:
    #: `{ minute = 60, hour = 600 }`. Those beyond wait.
    callbacks_per_node: Rate = Rate()
    #: G3: the same for all callbacks together.
    callbacks: Rate = Rate()
    #: G3: return calls at a time, all together; those beyond wait. Not set: as many as there are.
    concurrent_calls: ConcurrentCalls | None = None
    #: G3: so many numbers of one block that ring one extension within an hour look like fraud.
    sequential_numbers: Different = 5
    #: G3: so many extensions that one number rings within an hour look like fraud.
    many_extensions: Different = 4
    #: G3: so many return calls to one number within an hour that are answered and over at once look
    #: like fraud.
    short_answers: Different = 3
    #: G3: so many times what an extension spends on the average in an hour in which it spends look
    #: like fraud.
    sudden_spend_times: Annotated[int, msgspec.Meta(ge=2, le=1000)] = 10

    @property
    def rates(self) -> Rates:
        """How often callbacks are made whosever they are."""
        return Rates(node=self.callbacks_per_node, together=self.callbacks)


class Retention(Section, frozen=True):
    """For how many days records about persons are kept (O7).

    What money still needs is kept for longer: what is held for, a record that a stream has not
    taken, a notice that was not taken. Balances stay, with every entry.
    """

    #: O7: callbacks, from when they were asked for, with their tries, transcripts and destinations.
    #: Not set: for ever.
    callbacks_days: Annotated[int, msgspec.Meta(ge=2, le=36_500)] | None = None
    #: O7: records of legs, from when they began, and the number in what the ledger says of them.
    #: Not set: for ever. Sudden spending (G3) is told by those of 28 days.
    call_records_days: Annotated[int, msgspec.Meta(ge=30, le=36_500)] | None = None
    #: O7: lines of the audit log. Not set: for ever.
    audit_days: Annotated[int, msgspec.Meta(ge=1, le=36_500)] | None = None
    #: O7: what looked like fraud, from when it was released. Not set: for ever.
    suspicions_days: Annotated[int, msgspec.Meta(ge=2, le=36_500)] | None = None
    #: O7: notices, from when they were taken; without `notices.url`, from when they were left.
    notices_days: Annotated[int, msgspec.Meta(ge=1, le=36_500)] = 30


class Settings(Section, frozen=True):
    """The tree."""

    #: This controller's name in leases and logs; it must be its own. Empty: host and process.
    name: Annotated[
        str,
        msgspec.Meta(
            pattern=r"^[A-Za-z0-9_.-]{0,64}\Z",
            description="Letters, digits, _ . and -, at most 64.",
        ),
    ] = ""
    #: Where the database and the passwords' pepper are. Back both up together: without the pepper
    #: no password is right, and the service does not start.
    data_dir: Path_ = "callbackd-data"
    #: SIGTERM: how long a good moment may be awaited to hand a dialogue over.
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
    channel_passwords: dict[Name, Annotated[str, msgspec.Meta(min_length=1, max_length=128)]] = (
        msgspec.field(default_factory=dict)
    )
    lockouts: Rules = Rules()
    guard: Guard = Guard()
    retention: Retention = Retention()

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
