"""What is asked of a switch before it is judged, and what follows of it at once (G1). Pure.

None stands for what could not be found out. Names and values are FreeSWITCH's own, defaults those
of mod_sofia.c and mod_event_socket.c of 1.11.1.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Final

import msgspec

#: All values of a setting, in order, by its name in lower case.
Settings = Mapping[str, tuple[str, ...]]
#: The actions of a dialplan context, in order: (application, argument).
Actions = tuple[tuple[str, str], ...]

#: What FreeSWITCH has before anybody changes it, and what our files have.
KNOWN_PASSWORDS: Final = frozenset({"", "ClueCon", "CHANGE-ME"})
_SHORT: Final = 16
_FEW: Final = 8
_TRUE: Final = frozenset({"yes", "on", "true", "t", "enabled", "active", "allow"})
#: Where an application of the dialplan leads on: `transfer ${destination_number} XML default`.
_ONWARD: Final = re.compile(r"(\S+)\s+\S+\s+([A-Za-z0-9_.+-]{1,128})\s*\Z", re.ASCII)
#: A way out of the switch in a dial string.
_OUT: Final = re.compile(r"(^|[\s\]}>,|])sofia/", re.ASCII)


class Password(StrEnum):
    """How hard a password is to guess."""

    KNOWN = "known"
    SHORT = "short"
    GOOD = "good"


class Admission(StrEnum):
    """Whose calls a profile takes."""

    ANYBODY = "anybody"
    LISTED = "listed"
    PASSWORD = "password"  # noqa: S105  (no password)


class Level(StrEnum):
    """How bad it is."""

    UNSAFE = "unsafe"
    #: Nobody gets in by it, and it should be otherwise.
    ADVICE = "advice"
    UNKNOWN = "unknown"


class Danger(msgspec.Struct, frozen=True):
    """One thing that is unsafe, or could be.

    Attributes:
        subject: `password`, `release`, `event socket`, `core`, `profile`, `dialplan` or `modules`.
        level: how bad it is.
        text: what was found.
        remedy: what to do.
    """

    subject: str
    level: Level
    text: str
    remedy: str


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """One SIP profile that runs.

    Attributes:
        ours: calls of ours go over it, or trigger calls come to it.
        settings: as its XML has them; None: the XML has no such profile, or could not be read.
        gateways: by name, the context that calls of a gateway's come to; empty: none of its own.
        context: where its calls come to.
        requests_per_second: above which it drops all; 0: it never does.
        session_seconds: of the session timer; 0: there is none.
    """

    name: str
    ours: bool
    settings: Settings | None
    gateways: Mapping[str, str] = {}
    context: str | None = None
    requests_per_second: int | None = None
    session_seconds: int | None = None

    def said(self, name: str, default: str = "") -> str:
        """Give a setting: of several the last."""
        return (self.settings or {}).get(name, (default,))[-1]

    def on(self, name: str, *, default: bool = False) -> bool:
        """Whether a setting is on (switch_true)."""
        return is_true(self.said(name)) if name in (self.settings or {}) else default

    def number(self, name: str) -> int:
        """Give a setting that is a number; what is none counts nothing, as in atoi."""
        text = self.said(name)
        return int(text) if text.isascii() and text.isdigit() else 0

    @property
    def lists(self) -> tuple[tuple[str, str, str], ...]:
        """The access lists of its calls: each with the contexts of who passes and of who fails."""
        found: list[tuple[str, str, str]] = []
        for value in (self.settings or {}).get("apply-inbound-acl", ()):
            if value.lower() == "none":
                found = []
            elif value:
                name, _, contexts = value.partition(":")
                passed, _, failed = contexts.partition(":")
                found.append((name, passed, failed))
        return tuple(found)

    @property
    def proxies(self) -> tuple[str, ...]:
        """The access lists of who may say for others where they call from (X-AUTH-IP)."""
        return tuple(
            value
            for value in (self.settings or {}).get("apply-proxy-acl", ())
            if value and value.lower() != "none"
        )

    @property
    def contexts(self) -> tuple[str, ...]:
        """Where its calls can come to first, its own context before those of gateways and lists."""
        own = self.context if self.context is not None else self.said("context", "default")
        others = [*self.gateways.values()]
        others += [context for _, *both in self.lists for context in both]
        return tuple(dict.fromkeys(name for name in (own, *others) if name))


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a switch.

    Attributes:
        password: of its event socket.
        release: its version.
        event_socket: the settings of the event socket.
        expands: whether `${api(…)}` is run.
        sessions_per_second, sessions: above which it refuses calls.
        profiles: its SIP profiles that run.
        open_lists: of the access lists that are named, those that let anybody in; None stands for
            each that could not be asked.
        contexts: by name, what each dialplan context does that a call from outside can come to;
            None: the XML has no such context.
        modules: of those that were asked for, which are loaded.
        home, trigger: the contexts of return calls and of trigger calls.
    """

    password: Password
    release: str | None = None
    event_socket: Settings | None = None
    expands: bool | None = None
    sessions_per_second: int | None = None
    sessions: int | None = None
    profiles: tuple[Profile, ...] | None = None
    open_lists: Mapping[str, bool | None] = {}
    contexts: Mapping[str, Actions | None] = {}
    modules: frozenset[str] | None = None
    home: str = "callback"
    trigger: str = "callback_trigger"

    @property
    def shared(self) -> bool:
        """Whether the switch has other work too, as far as that is known."""
        return self.profiles is None or not all(one.ours for one in self.profiles)

    def lets_anybody(self, name: str) -> bool:
        """Whether an access list is known to let anybody in."""
        return self.open_lists.get(name) is True

    def admission(self, profile: Profile) -> Admission:
        """Whose calls a profile takes (sofia.c, sofia_handle_sip_i_invite)."""
        lists = profile.lists
        asks = profile.on("auth-calls")
        if any(self.lets_anybody(name) for name, _, _ in lists) or (
            lists and any(self.lets_anybody(name) for name in profile.proxies)
        ):
            return Admission.ANYBODY
        if asks and not profile.on("auth-calls-acl-only"):
            return Admission.ANYBODY if profile.on("accept-blind-auth") else Admission.PASSWORD
        if not lists and not asks:
            return Admission.ANYBODY
        # Whoever is on no list goes on where the last list names a context for him.
        last = lists[-1][2] if lists else ""
        return Admission.ANYBODY if last and not asks else Admission.LISTED


def unknown(subject: str, what: str, remedy: str) -> Danger:
    """Say that something could not be found out, and how to."""
    return Danger(subject, Level.UNKNOWN, f"{what} cannot be found out", remedy)


def password_is(password: str) -> Password:
    """Say how hard a password is to guess."""
    if password in KNOWN_PASSWORDS:
        return Password.KNOWN
    return Password.SHORT if len(password) < _SHORT or len(set(password)) < _FEW else Password.GOOD


def is_true(text: str) -> bool:
    """Whether FreeSWITCH takes a word for true (switch_true): a number that is not 0, too."""
    number = text.lstrip("+-")
    if number.isascii() and number.isdigit():
        return int(number) != 0
    return text.lower() in _TRUE


def calls_out(actions: Actions) -> tuple[str, ...]:
    """Give the arguments of those actions that place a call to elsewhere."""
    return tuple(data for name, data in actions if name == "bridge" and _OUT.search(data))


def leads_to(actions: Actions) -> tuple[str, ...]:
    """Give the contexts that a call goes on to with what the caller dialled."""
    found = []
    for name, data in actions:
        match = _ONWARD.match(data)
        if name in ("transfer", "execute_extension") and match and "$" in match[1]:
            found.append(match[2])
    return tuple(dict.fromkeys(found))
