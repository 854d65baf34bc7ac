"""G1: what is unsafe about a switch is named, each with what to do; what is safe is not."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from controller.guard.releases import FAULTS, faults_of, numbers_of
from controller.guard.switch import MODULES, judge
from controller.guard.switch_facts import (
    Actions,
    Admission,
    Facts,
    Level,
    Password,
    Profile,
    is_true,
    leads_to,
    password_is,
)
from controller.guard.switch_profiles import PARTS_ALONE

SETTINGS = {
    "apply-inbound-acl": ("trunks",),
    "auth-calls": ("false",),
    "enable-chat": ("false",),
    "disable-register": ("true",),
    "disable-transfer": ("true",),
    "disable-rtp-auto-adjust": ("true",),
    "rtp-timeout-sec": ("120",),
}
OURS = Profile(
    name="callback_public",
    ours=True,
    settings=SETTINGS,
    gateways={"pstn": "callback_trigger"},
    context="callback_trigger",
    requests_per_second=500,
    session_seconds=1800,
)
#: A PBX's own: phones that give a password, and call out.
PHONES = Profile(
    name="internal",
    ours=False,
    settings={"auth-calls": ("true",)},
    context="default",
    requests_per_second=1000,
    session_seconds=0,
)
OUT: Actions = (("bridge", "{a=b}sofia/gateway/pstn/$1"),)
TRIGGER: Actions = (("sched_hangup", "+75 USER_BUSY"), ("socket", "127.0.0.1:8084"))
CONTEXTS: dict[str, Actions | None] = {
    "callback": (
        ("set", "park_timeout=14400:ALLOTTED_TIMEOUT"),
        ("multiset", f"{PARTS_ALONE} socket_resume=true"),
        ("socket", "127.0.0.1:8084"),
    ),
    "callback_trigger": TRIGGER,
    "public": (("transfer", "${destination_number} XML callback_trigger"),),
    "default": OUT,
}
BEFORE: Actions = (
    ("set", "park_timeout=14400:ALLOTTED_TIMEOUT"),
    ("multiset", "cb_hops=x socket_resume=true"),
)
SAFE = Facts(
    password=Password.GOOD,
    release="1.11.3-release",
    event_socket={"listen-ip": ("127.0.0.1",), "apply-inbound-acl": ("controllers",)},
    expands=False,
    sessions_per_second=50,
    sessions=1000,
    profiles=(OURS,),
    open_lists={"trunks": False, "controllers": False, "anybody": True, "asked": None},
    contexts=CONTEXTS,
    modules=frozenset(),
)


def facts(**other: Any) -> Facts:
    """Give a safe switch but for this."""
    return msgspec.structs.replace(SAFE, **other)


def ours(**settings: str) -> Profile:
    """Give our profile but for these settings, with `_` for `-`; an empty one is left out."""
    changed = {name.replace("_", "-"): (value,) for name, value in settings.items()}
    kept = {name: value for name, value in {**SETTINGS, **changed}.items() if value != ("",)}
    return msgspec.structs.replace(OURS, settings=kept)


def found(what: Facts) -> list[tuple[str, Level]]:
    """Judge; everything that is said has to say what to do."""
    dangers = judge(what)
    assert all(one.text and one.remedy for one in dangers)
    return [(one.subject, one.level) for one in dangers]


def test_a_safe_switch_is_said_nothing_of() -> None:
    assert judge(SAFE) == ()


@pytest.mark.parametrize(
    ("other", "subject", "level"),
    [
        ({"password": Password.KNOWN}, "password", Level.UNSAFE),
        ({"password": Password.SHORT}, "password", Level.UNSAFE),
        ({"event_socket": {"listen-ip": ("0.0.0.0",)}}, "event socket", Level.UNSAFE),
        ({"event_socket": {"listen-ip": ("::",)}}, "event socket", Level.UNSAFE),
        (
            {"event_socket": {"listen-ip": ("10.0.0.1",), "apply-inbound-acl": ("anybody",)}},
            "event socket",
            Level.UNSAFE,
        ),
        (
            {"event_socket": {"listen-ip": ("10.0.0.1",), "apply-inbound-acl": ("asked",)}},
            "event socket",
            Level.UNKNOWN,
        ),
        (
            {"event_socket": {"listen-ip": ("8.8.8.8",), "apply-inbound-acl": ("controllers",)}},
            "event socket",
            Level.ADVICE,
        ),
        ({"expands": True}, "core", Level.UNSAFE),
        ({"sessions_per_second": 1000}, "core", Level.ADVICE),
        ({"sessions": 0}, "core", Level.ADVICE),
        ({"modules": frozenset({"mod_xml_rpc"})}, "modules", Level.UNSAFE),
        ({"modules": frozenset({"mod_shell_stream"})}, "modules", Level.UNSAFE),
        ({"modules": frozenset({"mod_lua"})}, "modules", Level.ADVICE),
        ({"modules": frozenset({"mod_conference"})}, "modules", Level.ADVICE),
        ({"contexts": {**CONTEXTS, "callback": ()}}, "dialplan", Level.ADVICE),
        # That of before: it asks a controller for the last sentence.
        ({"contexts": {**CONTEXTS, "callback": BEFORE}}, "dialplan", Level.ADVICE),
        ({"contexts": {**CONTEXTS, "callback_trigger": ()}}, "dialplan", Level.ADVICE),
        (
            {"contexts": {**CONTEXTS, "callback_trigger": (*OUT, *TRIGGER)}},
            "dialplan",
            Level.UNSAFE,
        ),
    ],
)
def test_each_of_these_is_named(other: dict[str, Any], subject: str, level: Level) -> None:
    assert found(facts(**other)) == [(subject, level)]


@pytest.mark.parametrize(
    "other",
    [
        {"event_socket": {}},
        {"event_socket": {"listen-ip": ("::1",)}},
        {"event_socket": {"listen-ip": ("10.0.0.1",), "apply-inbound-acl": ("controllers",)}},
        # All lists have to let somebody in.
        {
            "event_socket": {
                "listen-ip": ("10.0.0.1",),
                "apply-inbound-acl": ("anybody", "controllers"),
            }
        },
    ],
)
def test_an_event_socket_that_strangers_cannot_reach_is_safe(other: dict[str, Any]) -> None:
    assert judge(facts(**other)) == ()


@pytest.mark.parametrize(
    ("settings", "level"),
    [
        ({"apply_inbound_acl": ""}, Level.UNSAFE),
        ({"apply_inbound_acl": "anybody"}, Level.UNSAFE),
        ({"apply_inbound_acl": "none"}, Level.UNSAFE),
        ({"apply_inbound_acl": "trunks::default"}, Level.UNSAFE),
        ({"apply_proxy_acl": "anybody"}, Level.UNSAFE),
        ({"auth_calls": "true", "accept_blind_auth": "true"}, Level.UNSAFE),
        ({"apply_inbound_acl": "asked"}, Level.UNKNOWN),
        ({"disable_transfer": "false"}, Level.UNSAFE),
        ({"disable_transfer": ""}, Level.UNSAFE),
        ({"extended_info_parsing": "true"}, Level.UNSAFE),
        ({"disable_register": ""}, Level.ADVICE),
        ({"enable_chat": ""}, Level.ADVICE),
        ({"proxy_message": "true"}, Level.ADVICE),
        ({"manage_presence": "passive"}, Level.ADVICE),
        ({"disable_rtp_auto_adjust": ""}, Level.ADVICE),
        ({"rtp_timeout_sec": ""}, Level.ADVICE),
        ({"rtp_timeout_sec": "0"}, Level.ADVICE),
        ({"enable_timer": "false"}, Level.ADVICE),
        ({"record_template": "x.wav"}, Level.ADVICE),
        ({"inbound_use_callid_as_uuid": "true"}, Level.ADVICE),
    ],
)
def test_each_of_these_settings_of_our_profile_is_named(
    settings: dict[str, str], level: Level
) -> None:
    profile = ours(**settings)
    # Where strangers get to the context of a list, too.
    contexts = {**CONTEXTS, "default": ()}
    assert found(facts(profiles=(profile,), contexts=contexts)) == [("profile", level)]


@pytest.mark.parametrize(
    ("settings", "whose"),
    [
        ({}, Admission.LISTED),
        ({"apply_inbound_acl": ""}, Admission.ANYBODY),
        ({"auth_calls": "true"}, Admission.PASSWORD),
        ({"auth_calls": "true", "apply_inbound_acl": ""}, Admission.PASSWORD),
        ({"auth_calls": "true", "auth_calls_acl_only": "true"}, Admission.LISTED),
        ({"apply_inbound_acl": "trunks:inside"}, Admission.LISTED),
        ({"apply_inbound_acl": "trunks::outside"}, Admission.ANYBODY),
        # X-AUTH-IP is looked at after an access list only.
        ({"apply_inbound_acl": "", "auth_calls": "true", "apply_proxy_acl": "anybody"},
         Admission.PASSWORD),
    ],
)  # fmt: skip
def test_whose_calls_a_profile_takes(settings: dict[str, str], whose: Admission) -> None:
    """As sofia.c decides it."""
    assert SAFE.admission(ours(**settings)) is whose


def test_running_limits_of_a_profile_are_named() -> None:
    for changed in ({"requests_per_second": 0}, {"session_seconds": 0}):
        profile = msgspec.structs.replace(OURS, **changed)
        assert found(facts(profiles=(profile,))) == [("profile", Level.ADVICE)]


def test_phones_of_other_work_on_a_shared_switch_are_no_danger() -> None:
    """They register, and call out when they have given a password; ${api()} is theirs, too."""
    assert found(facts(profiles=(OURS, PHONES))) == []
    assert found(facts(profiles=(OURS, PHONES), expands=True)) == [("core", Level.ADVICE)]


@pytest.mark.parametrize(
    ("settings", "subjects"),
    [
        ({"auth-calls": ("false",)}, {"profile", "dialplan"}),
        ({"auth-calls": ("true",), "accept-blind-auth": ("1",)}, {"profile", "dialplan"}),
        ({"auth-calls": ("true",), "accept-blind-reg": ("true",)}, {"profile"}),
        ({"auth-calls": ("true",), "extended-info-parsing": ("yes",)}, {"profile"}),
    ],
)
def test_other_work_that_strangers_get_into_is_unsafe(
    settings: dict[str, tuple[str, ...]], subjects: set[str]
) -> None:
    phones = msgspec.structs.replace(PHONES, settings=settings)
    unsafe = [one for one in judge(facts(profiles=(OURS, phones))) if one.level is Level.UNSAFE]
    assert {one.subject for one in unsafe} == subjects


def test_a_trunk_whose_calls_can_be_passed_on_to_a_context_that_calls_out_is_a_warning() -> None:
    """Which numbers are passed on stands in conditions, which are not judged."""
    trunk = msgspec.structs.replace(OURS, name="external", context="public", gateways={"pstn": ""})
    assert judge(facts(profiles=(trunk,))) == ()
    public: Actions = (("transfer", "$1 XML default"), *(CONTEXTS["public"] or ()))
    contexts = {**CONTEXTS, "public": public}
    assert found(facts(profiles=(trunk,), contexts=contexts)) == [("dialplan", Level.ADVICE)]
    fixed = {**CONTEXTS, "public": (("transfer", "1000 XML default"),)}
    assert judge(facts(profiles=(trunk,), contexts=fixed)) == ()


def test_a_stock_switch_whose_public_context_passes_extensions_on_is_a_warning() -> None:
    """The stock profile external takes calls from anybody, for the numbers of its own phones."""
    external = Profile(
        name="external",
        ours=False,
        settings={"auth-calls": ("false",)},
        gateways={"example.com": "public"},
        context="public",
    )
    contexts = {**CONTEXTS, "public": (("transfer", "$1 XML default"),)}
    said = found(facts(profiles=(OURS, external), contexts=contexts))
    assert said == [("profile", Level.ADVICE), ("dialplan", Level.ADVICE)]
    # As soon as it calls out by itself, and where calls of ours come in, too.
    at_once = {**contexts, "public": OUT}
    said = found(facts(profiles=(OURS, external), contexts=at_once))
    assert said == [("profile", Level.UNSAFE), ("dialplan", Level.UNSAFE)]
    mine = msgspec.structs.replace(ours(apply_inbound_acl=""), context="public")
    said = found(facts(profiles=(mine,), contexts=contexts))
    assert said == [("profile", Level.UNSAFE), ("dialplan", Level.UNSAFE)]


def test_contexts_that_lead_to_each_other_are_followed_once() -> None:
    loop: dict[str, Actions | None] = {
        **CONTEXTS,
        "a": (("transfer", "$1 XML b"),),
        "b": (("execute_extension", "${destination_number} XML a"),),
    }
    trunk = msgspec.structs.replace(OURS, context="a")
    assert judge(facts(profiles=(trunk,), contexts=loop)) == ()


@pytest.mark.parametrize(
    "unknown",
    ["release", "event_socket", "expands", "sessions_per_second", "sessions", "profiles",
     "modules"],
)  # fmt: skip
def test_what_could_not_be_found_out_is_said_so(unknown: str) -> None:
    said = judge(facts(**{unknown: None}))
    assert {one.level for one in said} == {Level.UNKNOWN}
    assert all("cannot be found out" in one.text for one in said)


def test_a_profile_or_a_context_that_could_not_be_read_is_said_so() -> None:
    hidden = msgspec.structs.replace(OURS, settings=None)
    assert found(facts(profiles=(hidden,))) == [("profile", Level.UNKNOWN)]
    assert found(facts(contexts={**CONTEXTS, "callback": None})) == [("dialplan", Level.UNKNOWN)]
    # Nobody says that it takes calls from anybody.
    other = msgspec.structs.replace(PHONES, settings=None)
    said = found(facts(profiles=(OURS, other)))
    assert said == [("profile", Level.UNKNOWN), ("dialplan", Level.ADVICE)]


@pytest.mark.parametrize(
    ("release", "open_to"),
    [
        ("1.11.3-release", 0),
        ("1.11.3-dev", 0),
        ("1.12.0", 0),
        ("2.0.0", 0),
        ("1.11.1-release", 1),
        ("1.10.12-release", 2),
        ("1.10.11", 2),
        ("1.10.10", 3),
        ("1.10.7", 3),
        ("1.10.6", 8),
        ("1.10.5", 9),
        ("1.8.7", 9),
    ],
)
def test_what_a_release_is_open_to(release: str, open_to: int) -> None:
    """Numbers are compared as numbers: 1.10.12 comes after 1.10.7."""
    assert len(faults_of(release)) == open_to
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)
    assert all(numbers_of(fault.fixed) for fault in FAULTS)


def test_a_fault_whose_door_is_shut_is_a_warning_and_else_unsafe() -> None:
    assert found(facts(release="1.11.1-release")) == [("release", Level.ADVICE)]
    chats = (ours(enable_chat="true"),)
    assert ("release", Level.UNSAFE) in found(facts(release="1.11.1-release", profiles=chats))
    # Of MESSAGE and of the event socket: one is near, the other is not.
    both = judge(facts(release="1.10.12-release", profiles=chats))
    assert [one.level for one in both if one.subject == "release"] == [Level.UNSAFE, Level.ADVICE]
    reached = facts(release="1.10.12-release", event_socket={"listen-ip": ("0.0.0.0",)})
    (unsafe,) = [one for one in judge(reached) if (one.subject, one.level) == ("release", "unsafe")]
    assert "CVE-2026-49840" in unsafe.text
    assert "1.11.1" in unsafe.remedy


@pytest.mark.parametrize(
    ("password", "how"),
    [
        ("ClueCon", Password.KNOWN),
        ("CHANGE-ME", Password.KNOWN),
        ("", Password.KNOWN),
        ("hunter2", Password.SHORT),
        ("aaaaaaaaaaaaaaaaaaaaaaaa", Password.SHORT),
        ("only-for-this-test", Password.GOOD),
        ("pQ3rT8vX1zB5nM7kL2wY9cD4", Password.GOOD),
    ],
)
def test_how_hard_a_password_is_to_guess(password: str, how: Password) -> None:
    assert password_is(password) is how


def test_true_is_what_freeswitch_takes_for_it() -> None:
    """switch_utils.h, switch_true."""
    for text in ("true", "YES", "on", "t", "enabled", "active", "allow", "1", "-1", "20"):
        assert is_true(text)
    for text in ("false", "no", "", "0", "-0", "f", "tru", "\u0661"):
        assert not is_true(text)


@pytest.mark.parametrize(
    ("action", "contexts"),
    [
        (("transfer", "${destination_number} XML default"), ("default",)),
        (("transfer", "$1 XML default"), ("default",)),
        (("transfer", "1000 XML default"), ()),
        (("transfer", "$1"), ()),
        (("transfer", "$1 XML ${context}"), ()),
        (("set", "$1 XML default"), ()),
    ],
)
def test_where_a_call_goes_on_to(action: tuple[str, str], contexts: tuple[str, ...]) -> None:
    assert leads_to((action,)) == contexts


def test_each_module_is_asked_for_once() -> None:
    assert len(set(MODULES)) == len(MODULES)
