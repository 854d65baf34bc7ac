"""What `callbackd check --switch` asks a node; whether it is safe is judged in `guard.switch`.

It only asks: nothing that is sent here changes anything, and no password that comes with an answer
is kept. What a node cannot say is left open, and is told as such.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial
from typing import Final, TypeVar

import msgspec

from controller.commands.check_node import TRIGGER
from controller.commands.findings import Finding
from controller.commands.nodes import Ask
from controller.esl import configuration as told
from controller.esl.errors import CommandRefused, UnsafeText
from controller.esl.gateways import CannotTell
from controller.guard.switch import MODULES, judge
from controller.guard.switch_facts import (
    Actions,
    Facts,
    Level,
    Password,
    Profile,
    leads_to,
    password_is,
)
from controller.settings import Node, Settings

#: Addresses that nobody has (RFC 5737): a list that has all of them lets anybody in.
_STRANGERS: Final = ("192.0.2.241", "198.51.100.241", "203.0.113.241")
#: So many dialplan contexts are followed, and no more.
_MOST_CONTEXTS: Final = 30

_T = TypeVar("_T")


def safety(
    settings: Settings, node: Node, gateways: Collection[str], ask: Ask
) -> Iterator[Finding]:
    """Say what is unsafe about a node; `gateways`: those of our channels. Raises `EslError`."""
    home = settings.route.context
    facts = ask_facts(ask, password=password_is(node.password), gateways=gateways, home=home)
    dangers = judge(facts)
    for one in dangers:
        well = one.level is not Level.UNSAFE
        yield Finding(
            subject=one.subject, node=node.name, well=well, text=one.text, remedy=one.remedy
        )
    if all(one.level is not Level.UNSAFE for one in dangers):
        ours = " ".join(one.name for one in facts.profiles or () if one.ours) or "none"
        text = f"nothing unsafe was found; SIP profiles that do callbacks: {ours}"
        yield Finding(subject="switch", node=node.name, well=True, text=text)


def ask_facts(ask: Ask, *, password: Password, gateways: Collection[str], home: str) -> Facts:
    """Ask a node for all that it is judged by. Raises `EslError` where it does not answer.

    `password`: of its event socket, as we have it. `gateways`: those of our channels, and `home`
    the context of our return calls: by them its profiles and contexts are told from others'.
    """
    event_socket = _found_out(lambda: told.ask_settings(ask, "event_socket.conf"))
    profiles = _found_out(lambda: _profiles(ask, gateways))
    contexts = _contexts(ask, (home, TRIGGER), profiles or ())
    profiles = None if profiles is None else tuple(_whose(one, contexts) for one in profiles)
    lists = {name for one in profiles or () for name, _, _ in one.lists}
    lists |= {name for one in profiles or () for name in one.proxies}
    lists |= set((event_socket or {}).get("apply-inbound-acl", ()))
    return Facts(
        password=password,
        release=_found_out(lambda: told.ask_release(ask)),
        event_socket=event_socket,
        expands=_found_out(lambda: told.ask_expansion(ask)),
        sessions_per_second=_found_out(lambda: told.ask_limit(ask, "sps")),
        sessions=_found_out(lambda: told.ask_limit(ask, "max_sessions")),
        profiles=profiles,
        open_lists={name: _open(ask, name) for name in sorted(lists) if name},
        contexts=contexts,
        modules=_found_out(lambda: _modules(ask)),
        home=home,
        trigger=TRIGGER,
    )


def _found_out(ask: Callable[[], _T]) -> _T | None:
    """Give what a node says; None: it does not say, or not to us, or it cannot be asked."""
    try:
        return ask()
    except (CannotTell, CommandRefused, UnsafeText):
        return None


def _profiles(ask: Ask, gateways: Collection[str]) -> tuple[Profile, ...]:
    written = _found_out(lambda: told.ask_profiles(ask)) or {}
    return tuple(_profile(ask, n, written.get(n), gateways) for n in told.ask_running_profiles(ask))


def _profile(
    ask: Ask, name: str, xml: told.ProfileXml | None, gateways: Collection[str]
) -> Profile:
    runs = _found_out(lambda: told.ask_running_profile(ask, name)) or {}
    of_it = xml.gateways if xml is not None else {}
    return Profile(
        name=name,
        ours=bool(set(of_it) & set(gateways)),
        settings=None if xml is None else xml.settings,
        gateways=of_it,
        context=runs.get("context"),
        requests_per_second=_count(runs.get("max-recv-rps")),
        session_seconds=_count(runs.get("session-to")),
    )


def _count(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdigit() else None


def _contexts(
    ask: Ask, ours: tuple[str, ...], profiles: Collection[Profile]
) -> dict[str, Actions | None]:
    """Ask for all contexts that calls of profiles can get to; one that cannot be read is left out.

    What cannot be read leads nowhere, as far as is known.
    """
    names = list(dict.fromkeys((*ours, *(name for one in profiles for name in one.contexts))))
    found: dict[str, Actions | None] = {}
    for name in names:
        if len(found) == _MOST_CONTEXTS:
            break
        actions = _found_out(partial(told.ask_context, ask, name))
        found[name] = actions
        names += [new for new in leads_to(actions or ()) if new not in names]
    return found


def _whose(profile: Profile, contexts: Mapping[str, Actions | None]) -> Profile:
    """A profile is ours too where its calls come to the context of trigger calls at once."""
    leads = {new for name in profile.contexts for new in leads_to(contexts.get(name) or ())}
    ours = profile.ours or TRIGGER in profile.contexts or TRIGGER in leads
    return msgspec.structs.replace(profile, ours=ours)


def _open(ask: Ask, name: str) -> bool | None:
    return _found_out(lambda: all(told.ask_yes(ask, "acl", one, name) for one in _STRANGERS))


def _modules(ask: Ask) -> frozenset[str]:
    return frozenset(name for name in MODULES if told.ask_yes(ask, "module_exists", name))
