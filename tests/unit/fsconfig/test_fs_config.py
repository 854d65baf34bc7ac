"""What an operator drops into a FreeSWITCH is well formed, safe, and as measured.

No FreeSWITCH is needed here; tests/live loads the same files into a real one.
"""

import ipaddress
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.commands.switch import config
from controller.guard.switch import judge
from controller.guard.switch_facts import Facts, Password, Profile
from controller.runtime.parting import DIALPLAN_VARIABLE, PARTS_ALONE
from controller.settings import Listen

FS_CONFIG = Path(__file__).resolve().parents[3] / "fs-config"
FILES = sorted(FS_CONFIG.rglob("*.xml"))
DIALPLANS = sorted((FS_CONFIG / "dialplan").rglob("*.xml"))
GATEWAYS = sorted((FS_CONFIG / "sip_profiles" / "callback_public").glob("*.xml"))

# What FreeSWITCH's own preprocessor replaces before its XML parser sees the text.
GLOBAL = re.compile(r"\$\$\{([^}]*)\}")
COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
# A variable in whose name there is no other one.
INNERMOST = re.compile(r"\$\{([^${}]*)\}")


def variables() -> dict[str, str]:
    """Read the globals that vars.xml and callback_vars.xml set."""
    found: dict[str, str] = {}
    for name in ("vars.xml", "callback_vars.xml"):
        for element in ET.parse(FS_CONFIG / name).getroot().iter("X-PRE-PROCESS"):
            if element.get("cmd") == "set":
                key, _, value = element.get("data", "").partition("=")
                found[key] = value
    return found


def expanded(path: Path) -> ET.Element:
    """Parse a file as FreeSWITCH does: globals replaced first, once, without recursion."""
    known = variables()
    return ET.fromstring(GLOBAL.sub(lambda m: known.get(m[1], ""), path.read_text("utf-8")))


def params(path: Path) -> dict[str, str]:
    """Read the `param` elements of a file."""
    return {p.get("name", ""): p.get("value", "") for p in expanded(path).iter("param")}


def extensions(context: str) -> dict[str, ET.Element]:
    """Read the extensions of one context of callback.xml, in order."""
    root = expanded(FS_CONFIG / "dialplan" / "callback.xml")
    found = {c.get("name", ""): c for c in root.iter("context")}
    return {e.get("name", ""): e for e in found[context].iter("extension")}


def conditions(extension: ET.Element) -> list[tuple[str, str]]:
    """List the conditions of an extension as (field, expression)."""
    return [(c.get("field", ""), c.get("expression", "")) for c in extension.iter("condition")]


def actions(extension: ET.Element) -> list[tuple[str, str]]:
    """List the actions of an extension as (application, data); several variables as one each."""
    found: list[tuple[str, str]] = []
    for action in extension.iter("action"):
        application, data = action.get("application", ""), action.get("data", "")
        found += _each(data) if application == "multiset" else [(application, data)]
    return found


def _each(data: str) -> Iterator[tuple[str, str]]:
    """Take what `multiset` sets apart (mod_dptools.c): of an empty value it makes no variable."""
    for part in data.split(" "):
        name, equals, value = part.partition("=")
        assert equals, part
        yield ("set", part) if value else ("unset", name)


def all_actions() -> Iterator[tuple[str, str]]:
    """Go through the actions of every dialplan file."""
    for path in DIALPLANS:
        for element in expanded(path).iter("action"):
            yield element.get("application", ""), element.get("data", "")


def value(field: str, fields: dict[str, str]) -> str:
    """Give what a condition looks at: a field by its name, or a text with variables in it."""
    if "$" not in field:
        return fields.get(field, "")
    while found := INNERMOST.search(field):
        name, _, offset = found[1].partition(":")
        known = fields.get(name, "")[int(offset or 0) :]
        field = field[: found.start()] + known + field[found.end() :]
    return field


def matches(extension: ET.Element, **fields: str) -> bool:
    """Tell whether all conditions of an extension hold, as the switch's regexes do."""
    return all(
        re.search(expression, value(field, fields), re.ASCII)
        for field, expression in conditions(extension)
    )


def first_match(context: str, **fields: str) -> str:
    """Name the extension that takes the call."""
    found = (n for n, e in extensions(context).items() if matches(e, **fields) and _ends(e))
    return next(found)


def _ends(extension: ET.Element) -> bool:
    return extension.get("continue") != "true"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(FS_CONFIG)))
def test_every_file_is_well_formed_before_and_after_the_preprocessor(path: Path) -> None:
    """O5: a switch that starts again after a crash must find a configuration it can read."""
    ET.parse(path)
    expanded(path)


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(FS_CONFIG)))
def test_no_comment_confuses_the_preprocessor(path: Path) -> None:
    """O5: it works line by line, and drops or obeys these words inside comments too."""
    for comment in COMMENT.findall(path.read_text("utf-8")):
        assert not comment.startswith("<!--#")
        assert not re.search(r"x-pre-process|</?include>|<\?|\$\$\{", comment, re.IGNORECASE)
    for line in path.read_text("utf-8").splitlines():
        if "<include>" in line or "</include>" in line:
            assert line.strip() in {"<include>", "</include>"}


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(FS_CONFIG)))
def test_every_global_is_set_somewhere(path: Path) -> None:
    """O1: a global that nobody sets becomes an empty string without a word."""
    of_the_switch = {"local_ip_v4", "sounds_dir"}
    assert set(GLOBAL.findall(path.read_text("utf-8"))) <= variables().keys() | of_the_switch


def list_condition() -> tuple[str, str]:
    """Give the condition by which a leg gets its list of controllers."""
    field = "${callback_controllers_${uuid:-1}};" + variables()["callback_controllers"]
    return field, r"^(?:([0-9A-Za-z._:/|-]+);.*|[^;]*;(.*))$"


def test_the_return_call_loop_is_the_one_that_was_measured() -> None:
    """O5: let go and taken up any number of times; every connection uses up one `socket`."""
    loop = extensions("callback")["return_call"]
    assert conditions(loop) == [
        ("destination_number", "^return_call$"),
        ("${callback_leg}", "^return$"),
        ("${cb_hops}", "^x{0,20}$"),
        list_condition(),
    ]
    assert actions(loop) == [
        ("set", f"{DIALPLAN_VARIABLE}={PARTS_ALONE}"),
        ("set", "cb_hops=${cb_hops}x"),
        ("set", "socket_resume=true"),
        ("set", "hangup_after_bridge=false"),
        ("set", "continue_on_fail=true"),
        ("unset", "socket_path"),
        ("unset", "DP_MATCH"),
        ("socket", "$1$2 async full"),
        ("sleep", "250"),
        ("transfer", "return_call XML callback"),
    ]


def test_g3_a_controllers_turn_at_a_return_call_has_an_end_and_an_old_settings_file_none() -> None:
    """G3: `socket` takes it away, so it is set before each; of an empty one the call would end."""
    names = list(extensions("callback"))
    assert names.index("return_call_longest") < names.index("return_call")
    longest = extensions("callback")["return_call_longest"]
    assert longest.get("continue") == "true"
    limit = int(variables()["callback_longest_call"])
    assert actions(longest) == [("set", f"park_timeout={limit}:ALLOTTED_TIMEOUT")]
    ((field, expression),) = conditions(longest)
    assert field == f"${{callback_leg}}:{limit}"
    assert re.search(expression, f"return:{limit}")
    for other in ("return:", "return:0", f"trigger:{limit}", f":{limit}", "return:-1"):
        assert not re.search(expression, other)


def test_the_return_call_gives_up_with_a_sentence() -> None:
    """O5: no controller anywhere: the person hears something, and no leg is left behind."""
    lost = actions(extensions("callback")["return_call_lost"])
    assert [name for name, _ in lost] == ["playback", "playback", "hangup"]


@pytest.mark.parametrize("hops", ["x", "x" * 21])
@pytest.mark.parametrize(
    ("talked_to", "cause", "left", "taken_by"),
    [
        ("d-1", "ALLOTTED_TIMEOUT", {"callback_farewell": "custom/over.wav"}, "return_call_cut"),
        ("d-1", "NORMAL_CLEARING", {"callback_goodbye": "bye.wav"}, "return_call_over"),
        ("d-1", "", {"callback_goodbye": "bye.wav"}, "return_call_over"),
        # Another sentence than the one that was left, or none: a controller says it.
        ("d-1", "ALLOTTED_TIMEOUT", {"callback_goodbye": "bye.wav"}, ""),
        ("d-1", "NORMAL_CLEARING", {"callback_farewell": "custom/over.wav"}, ""),
        ("d-1", "ALLOTTED_TIMEOUT", {}, ""),
        # Nobody has talked since: it was busy, or it is to be called.
        ("", "ALLOTTED_TIMEOUT", {"callback_farewell": "custom/over.wav"}, ""),
        ("", "NORMAL_CLEARING", {"callback_goodbye": "bye.wav"}, ""),
    ],
)
def test_the_dialplan_says_the_last_words_after_a_conversation(
    talked_to: str, cause: str, left: dict[str, str], taken_by: str, hops: str
) -> None:
    """M5, D4: what the controller has left, without asking any; but only if people have talked."""
    who = first_match(
        "callback",
        destination_number="return_call",
        cb_hops=hops,
        callback_leg="return",
        last_bridge_to=talked_to,
        bridge_hangup_cause=cause,
        **left,
    )
    loop = "return_call" if len(hops) <= 20 else "return_call_lost"
    assert who == (taken_by or loop)


@pytest.mark.parametrize(
    ("name", "said"), [("return_call_cut", "time_over"), ("return_call_over", "goodbye")]
)
def test_no_key_cuts_the_last_words_and_no_controller_takes_the_leg_away(
    name: str, said: str
) -> None:
    """M5, D2, O5: what was said is told with the leg's end; a leg of nobody's is not moved."""
    assert actions(extensions("callback")[name]) == [
        ("set", f"callback_said={said}"),
        ("set", "playback_terminators=none"),
        ("set", "socket_path=-"),
        ("playback", "$1"),
        ("hangup", "NORMAL_CLEARING"),
    ]


def test_g1_while_a_controller_has_a_leg_no_argument_is_expanded() -> None:
    """G1: `set` expands by itself; what else needs a value has expansion on again."""
    for name, extension in extensions("callback_trigger").items():
        found = actions(extension)
        if any(application == "socket" for application, _ in found):
            at = [application for application, _ in found].index("socket")
            assert found[at - 1] == ("set", "app_disable_expand_variables=true"), name
            assert found[at + 1] == ("unset", "app_disable_expand_variables"), name
    # The return call has it from `originate` on.
    for name, extension in extensions("callback").items():
        expands = True
        for action, data in actions(extension):
            expands = expands and (action, data) != ("unset", "app_disable_expand_variables")
            assert not expands or action == "set" or "${" not in data, name


@pytest.mark.parametrize(
    ("hops", "leg", "taken_by"),
    [
        ("", "return", "return_call"),
        ("x" * 20, "return", "return_call"),
        ("x" * 21, "return", "return_call_lost"),
        ("", "", "not_ours"),
        ("", "destination", "not_ours"),
    ],
)
def test_who_gets_into_the_return_call(hops: str, leg: str, taken_by: str) -> None:
    """O5, G1: at most 21 passes, and only for a leg that the controller originated."""
    who = first_match("callback", destination_number="return_call", cb_hops=hops, callback_leg=leg)
    assert who == taken_by


def test_the_trigger_call_rings_and_sets_its_last_resort_before_any_controller() -> None:
    """T1, O5: 180 first; the switch refuses by itself, later than the longest X."""
    first = extensions("callback_trigger")["trigger"]
    limit = int(variables()["callback_trigger_limit"])
    assert limit > 60
    assert actions(first) == [
        ("ring_ready", ""),
        ("sched_hangup", f"+{limit} USER_BUSY"),
        ("set", "cb_hops=x"),
        ("set", "callback_leg=trigger"),
        ("set", "socket_resume=true"),
        ("unset", "socket_path"),
        ("unset", "DP_MATCH"),
        ("set", "process_cdr=false"),
        ("set", "app_disable_expand_variables=true"),
        ("socket", "$1$2 async full"),
        ("unset", "app_disable_expand_variables"),
        ("sleep", "250"),
        ("transfer", "${destination_number} XML callback_trigger"),
    ]


@pytest.mark.parametrize(
    ("hops", "taken_by"),
    [("", "trigger"), ("x", "trigger_again"), ("x" * 20, "trigger_again")],
)
def test_the_trigger_loop_counts(hops: str, taken_by: str) -> None:
    """T1, O5: the same counted loop, without a second limit or a second 180."""
    assert first_match("callback_trigger", destination_number="12025550100", cb_hops=hops) == (
        taken_by
    )


def test_a_trigger_without_any_controller_is_refused_as_busy() -> None:
    """T1, O5: as a controller would have refused it."""
    name = first_match("callback_trigger", destination_number="+12025550100", cb_hops="x" * 21)
    assert name == "trigger_refused"
    assert actions(extensions("callback_trigger")[name]) == [("hangup", "USER_BUSY")]


@pytest.mark.parametrize(
    "number",
    [
        "",
        "return_call",
        "gw+pstn",
        "123",
        "1234567890123456",
        "12025550100${system(id)}",
        "${system(id)}",
        "12025550100 XML callback",
        "\uff11\uff12\uff10\uff12\uff15\uff15\uff15\uff10\uff11\uff10\uff10",
    ],
)
def test_only_digits_are_a_did(number: str) -> None:
    """G1: what is dialled becomes an argument of `transfer`, so nothing else may get there."""
    assert first_match("callback_trigger", destination_number=number) == "trigger_unknown"


def test_a_loose_pattern_of_the_operator_still_lets_only_digits_in() -> None:
    """G1: callback_dids is an operator's regex; the fixed shape beside it does not rely on it."""
    for path in DIALPLANS:
        for extension in expanded(path).iter("extension"):
            uses = any("${destination_number}" in data for _, data in actions(extension))
            if uses:
                shapes = [e for f, e in conditions(extension) if f == "destination_number"]
                assert "^\\+?[0-9]{5,15}$" in shapes


def test_the_trigger_call_is_never_answered() -> None:
    """T1: neither answered nor given early media, in any file."""
    forbidden = {"answer", "pre_answer", "playback", "bridge", "echo", "park", "respond"}
    for name, extension in extensions("callback_trigger").items():
        assert not forbidden & {a for a, _ in actions(extension)}, name
    shared = expanded(FS_CONFIG / "dialplan" / "public" / "00_callback.xml")
    assert not forbidden & {a.get("application") for a in shared.iter("action")}


def test_socket_resume_is_set_before_every_socket() -> None:
    """O5: without it the next controller comes only when the running application has ended."""
    for context in ("callback", "callback_trigger"):
        for name, extension in extensions(context).items():
            seen: list[tuple[str, str]] = []
            for action in actions(extension):
                if action[0] == "socket":
                    assert ("set", "socket_resume=true") in seen, name
                seen.append(action)


def sockets() -> Iterator[tuple[str, ET.Element, tuple[str, str]]]:
    """Go through the uses of `socket`: the extension, and the condition that it stands under."""
    for context in ("callback", "callback_trigger"):
        for name, extension in extensions(context).items():
            for condition in extension.iter("condition"):
                if any(a.get("application") == "socket" for a in condition.iter("action")):
                    found = (condition.get("field", ""), condition.get("expression", ""))
                    yield name, condition, found


def test_o4_every_socket_takes_the_list_of_its_leg_anew() -> None:
    """O4: what stands in `$1$2` is what this condition found, and nothing of an earlier one."""
    assert [name for name, _, _ in sockets()] == ["return_call", "trigger", "trigger_again"]
    for name, element, condition in sockets():
        assert condition == list_condition(), name
        last = list(element.iter("action"))[-3:]
        taken = [a.get("data") for a in element.iter("action") if a.get("application") == "socket"]
        assert taken == ["$1$2 async full"], name
        assert last[-1].get("application") == "transfer", name


@pytest.mark.parametrize(
    ("known", "taken"),
    [
        ("192.0.2.1:8084/one", "192.0.2.1:8084/one"),
        ("192.0.2.1:8084/one|cb-2.example.net:8086/two_2", None),
        ("fd00::5:8084/one", None),
        ("", ""),
        ("192.0.2.1:8084/one async full", ""),
        ("%{uuid}", ""),
        ("<API Execute Permission Denied>", ""),
    ],
)
def test_o4_a_list_that_is_none_is_not_taken(known: str, taken: str | None) -> None:
    """O4, G1: a leg takes the list of its uuid's last digit; else that of the settings."""
    static = variables()["callback_controllers"]
    field, expression = list_condition()
    uuid = "9b2d6a00-5d7e-4a6a-8f5e-3c1d2b4a597e"
    about = {"uuid": uuid, "callback_controllers_e": known, "callback_controllers_7": "wrong:1/x"}
    found = re.search(expression, value(field, about), re.ASCII)
    assert found is not None
    chosen = (found[1] or "") + (found[2] or "")
    assert chosen == (static if taken == "" else taken or known)


def test_o4_what_stands_for_controllers_is_where_one_listens_by_default() -> None:
    """O4: a host without a port takes the one of the host before it, or none."""
    for host in variables()["callback_controllers"].split("|"):
        assert re.fullmatch(r"[0-9A-Za-z.-]+:\d{2,5}(/[0-9A-Za-z_.-]+)?", host), host
    assert variables()["callback_controllers"] == f"{Listen().host}:{Listen().port}"


def test_o4_no_entry_misleads_whoever_asks_whom_a_leg_is_with() -> None:
    """O4: `socket` leaves socket_path as it was where an entry has no name."""
    for name, element, _ in sockets():
        done = actions(element)
        at = [application for application, _ in done].index("socket")
        assert ("unset", "socket_path") in done[:at], name
        assert ("unset", "DP_MATCH") in done[:at], name


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(FS_CONFIG)))
def test_nothing_needs_api_expansion(path: Path) -> None:
    """G1: no ${name(…)} anywhere, so that the switch may run with api-expansion=false."""
    text = COMMENT.sub("", path.read_text("utf-8"))
    assert not re.search(r"\$\{[^}]*[(\s]", text)
    assert "exec-set" not in text
    assert 'cmd="exec"' not in text


def test_applications_stay_within_the_known_few() -> None:
    """G1: nothing here executes, reads or writes anything but the call itself."""
    known = {"set", "multiset", "unset", "ring_ready", "sched_hangup", "socket", "sleep"}
    assert {name for name, _ in all_actions()} <= known | {"transfer", "hangup", "playback"}


def test_the_event_socket_is_not_open_to_the_world() -> None:
    """G1: it is the whole switch, in clear text."""
    settings = params(FS_CONFIG / "autoload_configs" / "event_socket.conf.xml")
    address = ipaddress.ip_address(settings["listen-ip"])
    assert address.is_loopback
    assert settings["listen-port"] == "8021"
    assert settings["apply-inbound-acl"] == "callback_event_socket"
    assert settings["password"] == "CHANGE-ME"


def test_the_access_lists_deny_by_default() -> None:
    """G1: a trunk or a controller is named, or it is nobody."""
    lists = {e.get("name"): e for e in expanded(FS_CONFIG / "callback_acl.xml").iter("list")}
    assert set(lists) == {"callback_trunks", "callback_event_socket"}
    for element in lists.values():
        assert element.get("default") == "deny"
        for node in element.iter("node"):
            for cidr in node.get("cidr", "").split(","):
                assert ipaddress.ip_network(cidr).prefixlen >= 8


def test_the_dedicated_switch_expands_no_api() -> None:
    """G1: values are expanded again, so text from outside could otherwise run a command."""
    assert params(FS_CONFIG / "autoload_configs" / "switch.conf.xml")["api-expansion"] == "false"


def test_the_modules_are_those_that_the_callback_uses() -> None:
    """O1, G1: every module here is used, and nothing that listens or runs scripts is loaded."""
    root = expanded(FS_CONFIG / "autoload_configs" / "modules.conf.xml")
    modules = {e.get("module") for e in root.iter("load")}
    assert modules >= {"mod_event_socket", "mod_sofia", "mod_commands", "mod_dptools"}
    assert modules >= {"mod_dialplan_xml", "mod_sndfile", "mod_tone_stream"}
    assert not modules & {"mod_xml_rpc", "mod_verto", "mod_lua", "mod_v8", "mod_xml_curl"}


def test_m7_call_records_are_files_of_all_legs_and_go_to_no_server() -> None:
    """M7: a server that does not answer would hold up the end of every leg."""
    modules = expanded(FS_CONFIG / "autoload_configs" / "modules.conf.xml")
    assert "mod_json_cdr" in {e.get("module") for e in modules.iter("load")}
    settings = params(FS_CONFIG / "autoload_configs" / "json_cdr.conf.xml")
    assert settings["log-b-leg"] == "true"
    assert "url" not in settings


def test_the_public_profile_takes_calls_and_nothing_else() -> None:
    """G1: no MESSAGE, SUBSCRIBE, PUBLISH, REGISTER, REFER, nor API commands inside INFO."""
    profile = params(FS_CONFIG / "sip_profiles" / "callback_public.xml")
    wanted = {
        "context": "callback_trigger",
        "apply-inbound-acl": "callback_trunks",
        "enable-chat": "false",
        "auth-messages": "true",
        "proxy-message": "false",
        "manage-presence": "false",
        "auth-subscriptions": "true",
        "disable-register": "true",
        "accept-blind-reg": "false",
        "accept-blind-auth": "false",
        "disable-transfer": "true",
        "extended-info-parsing": "false",
    }
    assert {name: profile.get(name) for name in wanted} == wanted
    assert "record-template" not in profile


def test_g1_sound_is_heard_from_where_the_trunk_said_and_nowhere_else() -> None:
    """G1: else it follows whoever sends to its port first, and takes digits from there."""
    path = FS_CONFIG / "sip_profiles" / "callback_public.xml"
    assert params(path)["disable-rtp-auto-adjust"] == "true"
    assert "$${callback_rtp_strict}" in path.read_text("utf-8")


def test_g3_calls_and_requests_are_limited_where_the_switch_can() -> None:
    """G3: what the core and the stack refuse goes together, and leaves room for what is allowed."""
    core = params(FS_CONFIG / "autoload_configs" / "switch.conf.xml")
    profile = params(FS_CONFIG / "sip_profiles" / "callback_public.xml")
    assert 0 < int(core["sessions-per-second"]) <= 200
    assert int(profile["max-proceeding"]) == int(core["max-sessions"])
    # INVITE, ACK, BYE and some retransmission of each call; all is dropped beyond.
    requests = int(profile["max-recv-requests-per-second"])
    assert 8 * int(core["sessions-per-second"]) < requests <= 2_000


def test_g1_check_switch_finds_nothing_unsafe_in_these_files() -> None:
    """G1: what the command judges by and what is shipped are the same."""
    public = expanded(FS_CONFIG / "sip_profiles" / "callback_public.xml")
    settings = {p.get("name", "").lower(): (p.get("value", ""),) for p in public.iter("param")}
    core = params(FS_CONFIG / "autoload_configs" / "switch.conf.xml")
    socket = params(FS_CONFIG / "autoload_configs" / "event_socket.conf.xml")
    modules = expanded(FS_CONFIG / "autoload_configs" / "modules.conf.xml")
    facts = Facts(
        password=Password.GOOD,
        release="1.11.3-release",
        event_socket={name: (value,) for name, value in socket.items()},
        expands=core["api-expansion"] == "true",
        sessions_per_second=int(core["sessions-per-second"]),
        sessions=int(core["max-sessions"]),
        profiles=(
            Profile(
                name="callback_public",
                ours=True,
                settings=settings,
                gateways={"pstn": "callback_trigger"},
                requests_per_second=int(settings["max-recv-requests-per-second"][0]),
                session_seconds=int(settings["session-timeout"][0]),
            ),
        ),
        open_lists={"callback_trunks": False, "callback_event_socket": False},
        contexts={
            name: tuple(
                (one.get("application", ""), one.get("data", ""))
                for extension in extensions(name).values()
                for one in extension.iter("action")
            )
            for name in ("callback", "callback_trigger")
        },
        modules=frozenset(e.get("module", "") for e in modules.iter("load")),
    )
    assert judge(facts) == ()


def test_prompts_play_and_lost_calls_end() -> None:
    """A3, M5: the soft timer keeps digit time-outs going; media and session timers end a call."""
    profile = params(FS_CONFIG / "sip_profiles" / "callback_public.xml")
    assert profile["rtp-timer-name"] == "soft"
    assert 30 <= int(profile["rtp-timeout-sec"]) <= 300
    assert int(profile["rtp-hold-timeout-sec"]) >= int(profile["rtp-timeout-sec"])
    assert profile["enable-timer"] == "true"
    assert int(profile["session-timeout"]) >= int(profile["minimum-session-expires"]) >= 90


def test_the_profile_adds_no_identity_of_its_own() -> None:
    """I6, I7: what leaves is what the controller decided, each header once."""
    profile = params(FS_CONFIG / "sip_profiles" / "callback_public.xml")
    assert profile["caller-id-type"] == "none"
    assert profile["pass-callee-id"] == profile["cid-in-1xx"] == "false"
    assert profile["send-display-update"] == "false"


def test_the_profile_keeps_what_says_who_calls() -> None:
    """T4: of P-Asserted-Identity the whole; a `tel:` without its parameters is another number."""
    profile = params(FS_CONFIG / "sip_profiles" / "callback_public.xml")
    assert profile["p-asserted-id-parse"] == "verbatim"


def test_the_gateways_are_those_that_the_controller_knows() -> None:
    """I1, I2: the chosen CallerID goes into From; a gateway's context is the trigger's."""
    names = []
    for path in GATEWAYS:
        gateway = next(expanded(path).iter("gateway"))
        settings = params(path)
        names.append(gateway.get("name"))
        assert settings["caller-id-in-from"] == "true"
        assert settings["register"] == "false"
        assert settings["context"] == "callback_trigger"
        assert int(settings["ping"]) >= 5
    assert names == ["pstn", "pstn2"]


def test_the_profile_reads_the_gateways_of_switch_config() -> None:
    """Its name is the command's default, and its directory holds more than what is here."""
    path = FS_CONFIG / "sip_profiles" / "callback_public.xml"
    profile = expanded(path)
    (default,) = [p.default for p in config.params if p.name == "profile"]
    assert profile.get("name") == default
    (gateways,) = profile.iter("gateways")
    assert [(one.get("cmd"), one.get("data")) for one in gateways] == [
        ("include", f"{default}/*.xml")
    ]


def test_only_the_trigger_context_can_be_reached_from_outside() -> None:
    """G1: context `callback` is named by no profile, no gateway and no file but its own."""
    for path in FILES:
        contexts = {
            p.get("value") for p in expanded(path).iter("param") if p.get("name") == "context"
        }
        assert contexts <= {"callback_trigger"}, path
    for name, data in all_actions():
        if name == "transfer" and data.endswith(" callback"):
            assert data == "return_call XML callback"
