"""What may be sent to a switch, whatever was said in a call: the judge of `bench.fuzz_calls`.

A command is taken apart by the simulator's own parser, and has to be what was meant: one of the
applications that we use, with an argument of its kind; a dial string of as many legs as there are
ways, with the variables that we name and no other, each with a value that it may have. What is
called and shown has to be a number or a name of this input.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from typing import Final

import msgspec

from bench.fuzz import Fault
from controller.numbers.e164 import is_e164
from controller.routing.model import Plan
from controller.runtime.dialling import ANONYMOUS, FINAL_CAUSES
from controller.simulator.api import first_word
from controller.simulator.dialstring import DialString, parse
from controller.simulator.listener import Command


def demand(holds: object, what: str) -> None:
    """Raise `Fault` where something does not hold."""
    if not holds:
        raise Fault(what)


UUID: Final = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_SOUND: Final = r"[A-Za-z0-9_./:%(),;=@~+-]+"
_STEP: Final = re.compile(r"(step-[0-9]{1,6}|part-[0-9]{1,6}|variable)\Z")
#: What each application may be told.
ARGUMENTS: Final[Mapping[str, str]] = {
    "playback": rf"(?:file_string://)?{_SOUND}(?:!{_SOUND})*",
    "say": r"[a-z]{2}(?::[A-Za-z-]+)? [a-z_]+ [a-z]+ [A-Za-z0-9.:+-]+",
    "play_and_get_digits": rf"[0-9]+ [0-9]+ 1 [0-9]+ # (?:file_string://)?{_SOUND}(?:!{_SOUND})* "
    r"silence_stream://10 callback_digits \[0-9\*\]\+ [0-9]+",
    "clear_digit_action": "all",
    "bind_digit_action": rf"talk,\*\*,api:uuid_kill,(?P<leg>{UUID}) NORMAL_CLEARING,self,self",
    "digit_action_set_realm": "talk",
    "bridge": ".+",
}
#: What each variable may be.
_VARIABLE: Final = (
    r"(?:callback_stage=[A-Za-z0-9_.:+/=-]{0,300}|playback_terminators=(?:none|any)"
    r"|socket_resume=(?:true)?|sensitive_dtmf=(?:true)?|process_cdr=(?:false)?|cb_hops=x"
    r"|callback_digits=|callback_request=[0-9a-f-]{36}|callback_charged=[0-9]{0,9}|last_bridge_to="
    r"|callback_(?:farewell|goodbye)=[A-Za-z0-9_.:+/=-]{0,512})"
)
LINES: Final = re.compile(
    rf"connect|exit|linger [0-9]+|filter Unique-ID {UUID}|sendmsg"
    r"|event json( [A-Z_]+)+"
    rf"|api uuid_setvar_multi (?P<set>{UUID}) {_VARIABLE}(?:;{_VARIABLE})*"
    rf"|api uuid_setvar (?P<sound>{UUID}) callback_(?:farewell|goodbye) "
    rf"(?:file_string://)?{_SOUND}(?:!{_SOUND})*"
)
_HEADERS: Final = {"call-command", "execute-app-name", "event-uuid"}
_CAUSE: Final = re.compile(r"[A-Z0-9_]{3,40}\Z")
_LENGTH: Final = {"content-type", "content-length"}

#: The variables of a dial string that are ours, and what each may be.
_NUMBER: Final = r"[0-9]{1,5}"
COMMON: Final[Mapping[str, str]] = {
    "callback_leg": "return|destination",
    "callback_call": UUID,
    "callback_request": UUID,
    "callback_position": _NUMBER,
    "originate_timeout": _NUMBER,
    "leg_timeout": _NUMBER,
    "outbound_redirect_fatal": "true",
    "ignore_early_media": "true",
    "app_disable_expand_variables": "true",
    "sip_cid_type": "none",
    "fail_on_single_reject": re.escape(",".join(FINAL_CAUSES)),
    "execute_on_answer": r"sched_hangup \+[0-9]{1,6} ALLOTTED_TIMEOUT",
    "hangup_after_bridge": "false",
    "sip_copy_custom_headers": "false",
    "digits_dialed_filter": r"\(\.\+\)",
    "playback_terminators": "any",
}
_RETURN: Final = set(COMMON) - {"callback_position"}
_DESTINATION: Final = set(COMMON) - {
    "hangup_after_bridge", "sip_copy_custom_headers", "digits_dialed_filter",
    "playback_terminators",
}  # fmt: skip
_OWN: Final = {
    "origination_uuid", "callback_channel", "leg_progress_timeout",
    "origination_caller_id_number", "origination_caller_id_name",
}  # fmt: skip
_NAME: Final = re.compile(r"[\w .&()/+-]{1,40}\Z")


class Meant(msgspec.Struct, frozen=True, kw_only=True):
    """What a dial string is to say.

    Attributes:
        plan: how the number is called, as it was planned.
        numbers: that may be shown, E.164.
        names: that may be shown.
        identities: the values of identity headers, by their names.
        legs: the uuids of its legs, in order.

    """

    plan: Plan
    numbers: Collection[str]
    names: Collection[str]
    identities: Mapping[str, str]
    legs: tuple[str, ...]


def judge_dial_string(text: str, meant: Meant, *, role: str) -> None:
    """Have a dial string be what was meant, leg by leg and variable by variable."""
    demand(text.isprintable(), f"not printable: {text!r}")
    read: DialString = parse(text)
    said = read.variables
    demand(set(said) == (_RETURN if role == "return" else _DESTINATION), f"variables {said}")
    for name, value in said.items():
        demand(re.fullmatch(COMMON[name], value), f"{name}={value!r}")
    demand(said["callback_leg"] == role, f"a leg {said['callback_leg']}")
    ways = meant.plan.ways
    demand(len(read.groups) == len(ways), f"{len(read.groups)} ways, and {len(ways)} were meant")
    for group, way, leg in zip(read.groups, ways, meant.legs, strict=True):
        demand(len(group) == 1, f"{len(group)} legs at once")
        (called,) = group
        demand((called.gateway, called.number) == (way.channel, way.number), f"calls {called}")
        demand(re.fullmatch(r"\+?[0-9]{5,15}", called.number), f"dials {called.number!r}")
        _judge_way(called.variables, way.channel, leg, meant)


def _judge_way(said: Mapping[str, str], channel: str, leg: str, meant: Meant) -> None:
    demand(said["origination_uuid"] == leg, f"another leg: {said}")
    demand(said["callback_channel"] == channel, f"another channel: {said}")
    demand(re.fullmatch(_NUMBER, said["leg_progress_timeout"]), f"waits {said}")
    known = set(said) - set(meant.identities)
    number, name = said["origination_caller_id_number"], said["origination_caller_id_name"]
    if number == ANONYMOUS["origination_caller_id_number"]:
        demand(known == _OWN | set(ANONYMOUS), f"variables {said}")
        demand({key: said[key] for key in ANONYMOUS} == ANONYMOUS, f"hidden: {said}")
    else:
        demand(known - {"sip_from_display"} == _OWN, f"variables {said}")
        demand(number.lstrip("+") in {own[1:] for own in meant.numbers}, f"shows {number!r}")
        demand(name == number or name in meant.names, f"shows {name!r}")
        demand(_NAME.match(name), f"shows {name!r}")
        demand(said.get("sip_from_display", name) == name, f"shows {said}")
    for header in set(said) & set(meant.identities):
        demand(said[header] == meant.identities[header], f"{header}={said[header]!r}")


def judge_originate(command: bytes, commands: list[Command], meant: Meant, job: str) -> None:
    """Have the command that makes a return call be one command, and what was meant."""
    demand(len(commands) == 1, f"{len(commands)} commands in {command!r}")
    (one,) = commands
    demand(one.headers == {"job-uuid": job} and not one.body, f"headers {one}")
    prefix = "bgapi originate "
    demand(one.line.startswith(prefix), f"says {one.line!r}")
    dialled, _, rest = first_word(one.line.removeprefix(prefix))
    demand(rest == "return_call XML callback", f"goes to {rest!r}")
    judge_dial_string(dialled, meant, role="return")


def judge_command(
    command: Command,
    bridged: Callable[[str], None],
    legs: Callable[[], Collection[str]],
    own: str = "",
) -> None:
    """Have a command on a leg be one of ours; `bridged` judges a dial string.

    `legs` gives those of the destination: no other one may be ended. `own` is the leg itself, where
    its variables may be set: no other one's.
    """
    line = LINES.fullmatch(command.line)
    demand(line, f"says {command.line!r}")
    assert line is not None
    demand({line["set"], line["sound"]} <= {None, own}, f"of another leg: {command.line!r}")
    if command.line != "sendmsg":
        demand(not command.headers and not command.body, f"more than a line: {command}")
        return
    if command.headers["call-command"] == "hangup":
        demand(set(command.headers) == {"call-command", "hangup-cause"}, f"headers {command}")
        demand(_CAUSE.match(command.headers["hangup-cause"]), f"headers {command}")
        demand(not command.body, f"more than a head: {command}")
        return
    wanted = _HEADERS | (_LENGTH if command.body else set())
    demand(set(command.headers) == wanted, f"headers {command.headers}")
    demand(command.headers["call-command"] == "execute", f"headers {command.headers}")
    demand(_STEP.match(command.headers["event-uuid"]), f"headers {command.headers}")
    name, argument = command.headers["execute-app-name"], command.argument()
    demand(name in ARGUMENTS, f"executes {name!r}")
    found = re.fullmatch(ARGUMENTS[name], argument)
    demand(found is not None and argument.isprintable(), f"{name} {argument!r}")
    demand(not {"$", "`"} & set(argument) and "%[" not in argument, f"{name} {argument!r}")
    if name == "bridge":
        bridged(argument)
    elif name == "bind_digit_action" and found is not None:
        demand(found["leg"] in legs(), f"ends another leg: {argument!r}")


def judge_kept(said: str | None, did: str, name: str, number: str | None) -> None:
    """Have what is kept of who rang be harmless to look at, and short; and a number be one."""
    demand(number is None or is_e164(number), f"keeps the number {number!r}")
    demand(name == "" or _NAME.match(name), f"keeps the name {name!r}")
    plain = said is None or (said.isascii() and said.isprintable() and len(said) <= 100)
    demand(plain, f"keeps {said!r}")
    demand(said is None or said[:1] in "'\"", f"keeps {said!r} without quotes")
    digits = re.fullmatch(r"\+?[0-9]{0,16}", did)
    quoted = did.isascii() and did.isprintable() and did[:1] in "'\"" and len(did) <= 16
    demand(digits or quoted, f"keeps the DID {did!r}")
