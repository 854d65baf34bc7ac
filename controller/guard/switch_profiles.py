"""What is unsafe about SIP profiles, and about where their calls come to (G1). Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from controller.guard.switch_facts import (
    Admission,
    Danger,
    Facts,
    Level,
    Profile,
    calls_out,
    leads_to,
    unknown,
)

#: More than this is no limit: what a node can do is far below.
_MOST_REQUESTS: Final = 2_000
#: What a dialplan says of itself that says the last words of a call by itself (`runtime.parting`).
PARTS_ALONE: Final = "callback_dialplan=2"


def profiles(facts: Facts) -> Iterator[Danger]:
    """Judge the SIP profiles: whose calls each takes, and what else ours do."""
    if facts.profiles is None:
        remedy = "see that mod_sofia is loaded: fs_cli -x 'sofia status'"
        yield unknown("profile", "which SIP profiles run", remedy)
        return
    for profile in facts.profiles:
        if profile.settings is None:
            remedy = f"compare it with fs-config/sip_profiles/callback_public.xml: {profile.name}"
            yield unknown("profile", f"how {profile.name} is set", remedy)
            continue
        yield from _anywhere(facts, profile)
        if profile.ours:
            yield from _ours(profile)


def _say(profile: Profile, level: Level, text: str, remedy: str) -> Danger:
    where = f"in the SIP profile {profile.name}; then sofia profile {profile.name} restart"
    return Danger("profile", level, f"{profile.name} {text}", f"{remedy} {where}")


def _anywhere(facts: Facts, profile: Profile) -> Iterator[Danger]:
    if facts.admission(profile) is Admission.ANYBODY:
        text = "takes calls from anybody, with whatever CallerID"
        remedy = "name the trunks' addresses as apply-inbound-acl, with auth-calls=false,"
        out = any(context in profile.contexts for context, _ in _ways_out(facts, profile))
        level = Level.UNSAFE if profile.ours or out else Level.ADVICE
        yield _say(profile, level, text, remedy)
    unasked = [name for name, _, _ in profile.lists if facts.open_lists.get(name) is None]
    if unasked:
        remedy = "see that acl.conf.xml denies all but the trunks by default"
        what = f"whom access list {' '.join(unasked)} of {profile.name} lets in"
        yield unknown("profile", what, remedy)
    if profile.on("accept-blind-reg") and not profile.on("disable-register"):
        text = "registers anybody, without a password"
        yield _say(profile, Level.UNSAFE, text, "set accept-blind-reg=false")
    if profile.on("extended-info-parsing"):
        text = "runs api commands that come in an INFO"
        yield _say(profile, Level.UNSAFE, text, "set extended-info-parsing=false")


#: What a profile of ours should not do: the setting, how it should be, how it is where nothing is
#: said, how bad it is otherwise, and what that is.
_SHOULD: Final = (
    ("disable-register", True, False, Level.ADVICE, "takes REGISTER"),
    (
        "disable-transfer",
        True,
        False,
        Level.UNSAFE,
        "takes REFER: who is called sends our leg to wherever he likes, at our cost",
    ),
    ("enable-chat", False, True, Level.ADVICE, "takes MESSAGE"),
    ("proxy-message", False, False, Level.ADVICE, "passes MESSAGE on"),
    ("proxy-refer", False, False, Level.ADVICE, "passes REFER on"),
    ("enable-3pcc", False, False, Level.ADVICE, "takes an INVITE that offers nothing"),
    (
        "inbound-use-callid-as-uuid",
        False,
        False,
        Level.ADVICE,
        "lets a caller choose by what his leg is known",
    ),
    (
        "disable-rtp-auto-adjust",
        True,
        False,
        Level.ADVICE,
        "gives the sound of a call, and its keys, to whoever sends to its port first",
    ),
    ("enable-timer", True, True, Level.ADVICE, "has no session timer"),
)


def _ours(profile: Profile) -> Iterator[Danger]:
    for name, wanted, by_default, level, text in _SHOULD:
        if profile.on(name, default=by_default) is not wanted:
            yield _say(profile, level, text, f"set {name}={str(wanted).lower()}")
    if profile.said("manage-presence", "false").lower() not in ("false", "no", "off", "0", ""):
        text = "takes SUBSCRIBE and PUBLISH"
        yield _say(profile, Level.ADVICE, text, "set manage-presence=false")
    if profile.said("record-template"):
        text = "records a call when a header of an INFO says so"
        yield _say(profile, Level.ADVICE, text, "leave record-template out")
    if profile.number("rtp-timeout-sec") == 0:
        text = "keeps, and pays for, calls whose phones have vanished"
        yield _say(profile, Level.ADVICE, text, "set rtp-timeout-sec=120")
    if profile.session_seconds == 0 and profile.on("enable-timer", default=True):
        text = "has no session timer"
        yield _say(profile, Level.ADVICE, text, "set session-timeout=1800")
    requests = profile.requests_per_second
    if requests is not None and not 0 < requests <= _MOST_REQUESTS:
        text = f"takes {requests or 'any number of'} requests in a second"
        yield _say(profile, Level.ADVICE, text, "set max-recv-requests-per-second=500")


def _reached(facts: Facts, contexts: Iterable[str]) -> tuple[str, ...]:
    """Give those contexts and all that a call goes on to from there with what was dialled."""
    found = list(dict.fromkeys(contexts))
    for name in found:
        found += [new for new in leads_to(facts.contexts.get(name) or ()) if new not in found]
    return tuple(found)


def _ways_out(facts: Facts, profile: Profile) -> list[tuple[str, str]]:
    """Give what calls of a profile can call: the context, and the dial string."""
    return [
        (name, data)
        for name in _reached(facts, profile.contexts)
        for data in calls_out(facts.contexts.get(name) or ())
    ]


def dialplan(facts: Facts) -> Iterator[Danger]:
    """Judge where calls from outside can get to, and whether ours are there."""
    for profile in facts.profiles or ():
        admission = None if profile.settings is None else facts.admission(profile)
        out = _ways_out(facts, profile)
        # Whoever has given a password is a user of the switch's, who may call.
        if out and (profile.ours or admission is not Admission.PASSWORD):
            name, data = out[0]
            more = f" ({len(out)} of them)" if len(out) > 1 else ""
            remedy = (
                f"let no context of {profile.name} ({' '.join(profile.contexts)}) lead to a bridge "
                "for who is not known: our DIDs go to callback_trigger, and nothing else anywhere"
            )
            at_once = any(context in profile.contexts for context, _ in out)
            if not at_once:
                more += "; which numbers get there stands in conditions, which are not judged"
            text = (
                f"a call that comes in on {profile.name} can go out again, at our cost: context "
                f"{name}, bridge {data[:80]!r}{more}"
            )
            # Two of these are enough: one alone may be meant so.
            wrong = (admission is Admission.ANYBODY, at_once, profile.ours)
            level = Level.UNSAFE if wrong.count(True) >= 2 else Level.ADVICE
            yield Danger("dialplan", level, text, remedy)
    if facts.profiles is None:
        return
    #: Of one that is not the one that is shipped it is said once.
    said: set[str] = set()
    for name, wanted, what in (
        (facts.home, ("set", "park_timeout="), "no longest time of a controller's turn"),
        (facts.home, ("multiset", PARTS_ALONE), "no last words: it asks a controller for them"),
        (facts.trigger, ("sched_hangup", "+"), "no end of its own for a trigger call"),
    ):
        if name in said:
            continue
        actions = facts.contexts.get(name)
        if actions is None:
            remedy = f"see that fs-config/dialplan/callback.xml is there, with context {name}"
            said.add(name)
            yield unknown("dialplan", f"what context {name} does", remedy)
        elif not any((done, data[: len(wanted[1])]) == wanted for done, data in actions):
            said.add(name)
            remedy = "copy dialplan/callback.xml and callback_vars.xml of fs-config anew"
            yield Danger("dialplan", Level.ADVICE, f"context {name} has {what}", remedy)
