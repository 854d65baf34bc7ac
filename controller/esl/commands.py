"""What we say to FreeSWITCH: the only place where text for it is made.

Every builder gives the whole command as bytes, ready to be sent. A value that would mean
something else to FreeSWITCH than itself raises `UnsafeText`, and nothing is sent: a control
character would end the command, `${` would be expanded, and in a dial string
`, | [ ] { } < > ' ^^ :_: %[` all mean something (switch_ivr_originate.c,
switch_utils.c: switch_separate_string). So values are checked against what they may hold, never
escaped and hoped for.

Quotes do not keep a comma in `originate`: its words are split at blanks first, which takes the
quotes away, and `{a='x,b=1'}` then sets `b` (seen on 1.11.1). A dial string with a comma in a value
therefore names another separator, `{^^~a=x,b=1~…}`, which no value may hold.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from controller.esl.errors import UnsafeText
from controller.esl.events import DIGITS_VARIABLE

_UUID: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z_.-]{0,127}\Z", re.ASCII)
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,127}\Z", re.ASCII)
_WORD: Final = re.compile(r"[A-Za-z0-9_.-]{1,128}\Z", re.ASCII)
_SUBCLASS: Final = re.compile(r"[a-z_]{1,64}::[a-z_]{1,64}\Z", re.ASCII)
_DIALLED: Final = re.compile(r"\+?[0-9]{1,32}\Z", re.ASCII)
#: What the dialplan takes for a list (fs-config/dialplan/callback.xml).
_HOSTS: Final = re.compile(r"[0-9A-Za-z._:/|-]{0,16384}\Z", re.ASCII)
_CAUSE: Final = re.compile(r"[A-Z0-9_]{1,64}\Z", re.ASCII)
_PLAIN: Final = re.compile(r"[A-Za-z0-9_.:+/=-]*\Z", re.ASCII)
#: A sound: a path or a stream (`tone_stream://%(200,100,500)`), in one word of so many letters.
LONGEST_SOUND: Final = 512
_SOUND: Final = re.compile(rf"[A-Za-z0-9_./:%(),;=@~!+-]{{1,{LONGEST_SOUND}}}\Z", re.ASCII)
#: What `say` may be told: its module (and the language, where it has another name), what it is
#: that is said, how, and the words. Names as in switch_ivr_say.c; it takes them in any case.
_SAY_MODULE: Final = re.compile(
    r"[a-z]{2}(_[A-Za-z]{2})?(:[A-Za-z]{2}([_-][A-Za-z]{2})?)?\Z", re.ASCII
)
_SAY_KIND: Final = re.compile(
    r"(number|items|currency|time_measurement|telephone_number|name_spelled)\Z"
)
_SAY_METHOD: Final = re.compile(r"(pronounced|iterated|counted)\Z")
_SAY_GENDER: Final = re.compile(r"(masculine|feminine|neuter)\Z")
_SAY_TEXT: Final = re.compile(r"[+-]?[A-Za-z0-9]([A-Za-z0-9.:]{0,31})\Z", re.ASCII)
#: What a variable's value in a dial string must not hold, wherever it stands.
_UNSAFE_IN_DIAL_STRING: Final = re.compile(r"[][{}<>|'\"\\^$%`~]|:_:")
#: But an address of SIP in its brackets, of letters that mean nothing there, is taken as it is: it
#: arrives so in the header that it is for, in the braces and in the brackets (seen on 1.11.1).
_SIP_ADDRESS: Final = re.compile(r"<sip:[A-Za-z0-9_.+-]{1,64}@[A-Za-z0-9.-]{1,140}>\Z", re.ASCII)
#: What parts the common variables where a value holds a comma.
_OTHER_SEPARATOR: Final = "~"


def _checked(pattern: re.Pattern[str], value: str, what: str) -> str:
    if not pattern.match(value):
        raise UnsafeText(f"not a {what}: {value!r:.80}")
    return value


def _printable(value: str, what: str) -> str:
    if not value.isprintable():
        raise UnsafeText(f"{what} holds a control character: {value!r:.80}")
    return value


def _line(line: str) -> bytes:
    return (_printable(line, "a command") + "\n\n").encode()


# --- the connection ------------------------------------------------------------------------

CONNECT: Final = b"connect\n\n"
EXIT: Final = b"exit\n\n"


def auth(password: str) -> bytes:
    """Build the answer to `auth/request`."""
    return _line(f"auth {password}")


def linger(seconds: int) -> bytes:
    """Build the wish to get the events after a hang-up, for `seconds`."""
    return _line(f"linger {int(seconds)}")


def filter_events(header: str, value: str) -> bytes:
    """Build `filter`: of all events only those pass that match one of the filters."""
    return _line(
        f"filter {_checked(_NAME, header, 'header name')} {_checked(_WORD, value, 'word')}"
    )


def subscribe(names: Iterable[str]) -> bytes:
    """Build `event json …` for events by name; a module's own are named `sofia::gateway_state`."""
    names = list(names)
    words = [_checked(_NAME, name, "event name") for name in names if "::" not in name]
    own = [_checked(_SUBCLASS, name, "event name") for name in names if "::" in name]
    # After CUSTOM all words are those of modules (mod_event_socket.c, parse_command).
    return _line(" ".join(["event json", *words, *(["CUSTOM", *own] if own else [])]))


# --- applications on a leg -----------------------------------------------------------------


def execute(application: str, argument: str, event_uuid: str) -> bytes:
    """Build `sendmsg` with an application to execute on the leg of the connection.

    The argument travels as the message's body, so that its length says where it ends.
    `event_uuid` comes back as `Application-UUID` when the application has ended.
    """
    body = _printable(argument, "an application's argument").encode()
    head = (
        "sendmsg\ncall-command: execute\nexecute-app-name: "
        f"{_checked(_NAME, application, 'application name')}\n"
        f"Event-UUID: {_checked(_UUID, event_uuid, 'Event-UUID')}\n"
    )
    if not body:
        return (head + "\n").encode()
    return f"{head}content-type: text/plain\ncontent-length: {len(body)}\n\n".encode() + body


def set_variables(leg: str, values: Mapping[str, str]) -> bytes:
    """Build `uuid_setvar_multi`: a leg's variables are these now; an empty one is taken away.

    It is done at once, and not at the leg's next tick. `set` would be an application, of whose
    beginning and end the switch tells with all that it knows of the leg: a tenth of what a callback
    costs it. A value may hold letters, digits and `_ . : + / = -` only.
    """
    for name, value in values.items():
        _checked(_NAME, name, "variable name")
        _checked(_PLAIN, value, f"plain value for {name}")
    said = ";".join(f"{name}={value}" for name, value in values.items())
    return _line(f"api uuid_setvar_multi {_checked(_UUID, leg, 'leg')} {said}")


def is_plain(value: str) -> bool:
    """Whether `set_variables` takes a value."""
    return _PLAIN.match(value) is not None


def set_sound(leg: str, name: str, sound: str) -> bytes:
    """Build `uuid_setvar` of a sound, for the dialplan to play; it may hold what parts several."""
    _checked(_NAME, name, "variable name")
    return _line(
        f"api uuid_setvar {_checked(_UUID, leg, 'leg')} {name} {_checked(_SOUND, sound, 'sound')}"
    )


def get_variable(name: str) -> bytes:
    """Build `getvar`: the reply's `Reply-Text` is a variable of the connection's leg, now."""
    return _line(f"getvar {_checked(_NAME, name, 'variable name')}")


def hangup(cause: str) -> bytes:
    """Build the leg's end, with a cause by FreeSWITCH's name (`USER_BUSY`).

    Not as an application, of which the switch would tell (switch_ivr.c, switch_ivr_parse_event).
    """
    _checked(_CAUSE, cause, "hang-up cause")
    return f"sendmsg\ncall-command: hangup\nhangup-cause: {cause}\n\n".encode()


def end_on_keys(realm: str, keys: str, leg: str, event_uuid: str) -> bytes:
    """Build `bind_digit_action`: in this realm, these keys end another leg, by its uuid."""
    if not re.fullmatch(r"[0-9*#]{1,8}", keys, re.ASCII):
        raise UnsafeText(f"not keys: {keys!r:.80}")
    action = f"api:uuid_kill,{_checked(_UUID, leg, 'leg')} NORMAL_CLEARING,self,self"
    data = f"{_checked(_WORD, realm, 'realm')},{keys},{action}"
    return execute("bind_digit_action", data, event_uuid)


def can_be_played(sound: str) -> bool:
    """Whether a sound's name can be told to the switch, alone and among others."""
    return _SOUND.match(sound) is not None and "!" not in sound


def playback(sounds: Sequence[str], event_uuid: str) -> bytes:
    """Build `playback` of one sound or, as one file string, of several after each other."""
    return execute("playback", file_string(sounds), event_uuid)


def file_string(sounds: Sequence[str]) -> str:
    """Give one argument that plays the sounds in order (`file_string://a!b`, mod_file_string)."""
    if not sounds:
        raise UnsafeText("no sound to play")
    for sound in sounds:
        _checked(_SOUND, sound, "sound")
    if len(sounds) == 1:
        return sounds[0]
    for sound in sounds:
        if "!" in sound:
            raise UnsafeText(f"a sound in a list cannot hold '!': {sound!r:.80}")
    return "file_string://" + "!".join(sounds)


def say(
    module: str, kind: str, method: str, text: str, event_uuid: str, *, gender: str | None = None
) -> bytes:
    """Build `say`: a number, money, a length of time, letters, in the words of a language.

    The switch finds `module` as a language's name in its XML; one that it has not is no error to
    it, and nothing is heard.
    """
    words = [
        _checked(_SAY_MODULE, module, "say module"),
        _checked(_SAY_KIND, kind, "kind of thing to say"),
        _checked(_SAY_METHOD, method, "way to say it"),
    ]
    if gender is not None:
        words.append(_checked(_SAY_GENDER, gender, "gender"))
    words.append(_checked(_SAY_TEXT, text, "text to say"))
    return execute("say", " ".join(words), event_uuid)


def play_and_get_digits(
    *,
    sounds: Sequence[str],
    event_uuid: str,
    min_digits: int,
    max_digits: int,
    timeout_ms: int,
    digit_timeout_ms: int,
    terminators: str = "#",
) -> bytes:
    r"""Build `play_and_get_digits` with one try (mod_dptools.c).

    One try, since the machine counts them: it has to know of each. `min_digits` and `max_digits`
    are numbers of keys; `timeout_ms` is how long the first key may take after the sounds, and
    `digit_timeout_ms` each further one. The regex takes digits and `*`; what is typed is judged
    by us, and what does not match would be asked for again by the switch.
    """
    if not 1 <= min_digits <= max_digits <= 128:
        raise UnsafeText(f"cannot collect {min_digits} to {max_digits} digits")
    _checked(re.compile(r"[0-9A-D*#]{1,16}\Z"), terminators, "set of terminators")
    argument = (
        f"{min_digits} {max_digits} 1 {int(timeout_ms)} {terminators} {file_string(sounds)} "
        f"silence_stream://10 {DIGITS_VARIABLE} "
        rf"[0-9*]+ {int(digit_timeout_ms)}"
    )
    return execute("play_and_get_digits", argument, event_uuid)


# --- dial strings --------------------------------------------------------------------------


class Route(msgspec.Struct, frozen=True):
    """One way out of the switch: a gateway and the number sent to it, with its own variables."""

    gateway: str
    number: str
    variables: Mapping[str, str] = {}


def dial_string(common: Mapping[str, str], routes: Sequence[Route]) -> str:
    """Build `{common}[own]sofia/gateway/g/number|[own]…`: routes are tried in order.

    Raises `UnsafeText` where a value could be read as anything but a value. A value with a space
    is quoted; one with a comma is taken in the common braces only, with another separator there.
    Spaces at the ends of a value are left out, and so is a variable whose value is empty.
    """
    if not routes:
        raise UnsafeText("a dial string needs a route")
    legs = []
    for route in routes:
        own = _variables(route.variables, ",")
        legs.append(
            (f"[{own}]" if own else "")
            + f"sofia/gateway/{_checked(_WORD, route.gateway, 'gateway name')}"
            + f"/{_checked(_DIALLED, route.number, 'number to dial')}"
        )
    separator = _OTHER_SEPARATOR if any("," in value for value in common.values()) else ","
    braces = _variables(common, separator)
    if separator != ",":
        braces = f"^^{separator}{braces}"
    return (f"{{{braces}}}" if braces else "") + "|".join(legs)


def _variables(variables: Mapping[str, str], separator: str) -> str:
    parts = []
    for name, value in variables.items():
        _checked(_NAME, name, "variable name")
        _printable(value, f"the value of {name}")
        if _UNSAFE_IN_DIAL_STRING.search(value) and not _SIP_ADDRESS.match(value):
            raise UnsafeText(f"the value of {name} means something in a dial string: {value!r:.80}")
        if separator in value:
            raise UnsafeText(f"the value of {name} holds a comma: it must be common to all routes")
        # What the switch would drop is not sent: how it reads `a=' '` differs by the way it came.
        kept = value.strip(" ")
        if kept:
            quoted = f"'{kept}'" if " " in kept else kept
            parts.append(f"{name}={quoted}")
    return separator.join(parts)


def bridge(common: Mapping[str, str], routes: Sequence[Route], event_uuid: str) -> bytes:
    """Build `bridge` of the leg to the first route that answers."""
    return execute("bridge", dial_string(common, routes), event_uuid)


# --- the inbound link ----------------------------------------------------------------------


def api(command: str, *arguments: str) -> bytes:
    """Build `api`; arguments are single words."""
    words = [_checked(_NAME, command, "api command")]
    words += [_checked(re.compile(r"[A-Za-z0-9_.:+/=@-]{1,256}\Z"), a, "word") for a in arguments]
    return _line("api " + " ".join(words))


def is_uuid(text: str) -> bool:
    """Whether a leg of that uuid can be named in a command."""
    return _UUID.match(text) is not None


def transfer(leg: str, extension: str, context: str) -> bytes:
    """Build `uuid_transfer`: a leg goes to an extension of the dialplan, whatever it does now.

    Whoever holds it stays connected, and does not hold it any more.
    """
    _checked(_UUID, leg, "leg")
    if not _DIALLED.match(extension):
        _checked(_WORD, extension, "dialplan extension")
    return api("uuid_transfer", leg, extension, "XML", _checked(_WORD, context, "dialplan context"))


def end_later(leg: str, seconds: int, name: str, cause: str) -> bytes:
    """Build `sched_api … uuid_kill`: a leg's end in so many seconds, known by a name.

    The switch would run at once what has no time that it can read: it has one here.
    """
    if seconds < 1:
        raise UnsafeText(f"not a time to come: {seconds}")
    _checked(_UUID, leg, "leg"), _checked(_CAUSE, cause, "hang-up cause")
    return api("sched_api", f"+{int(seconds)}", _task(name), "uuid_kill", leg, cause)


def play_later(leg: str, seconds: int, name: str, sound: str) -> bytes:
    """Build `sched_api … uuid_displace … mux`: in so many seconds a leg hears a sound.

    Mixed into what it hears: `uuid_broadcast` would mute a conversation both ways meanwhile, and
    hold its end up (seen on 1.11.1).
    """
    if seconds < 1:
        raise UnsafeText(f"not a time to come: {seconds}")
    return _line(
        f"api sched_api +{int(seconds)} {_task(name)} uuid_displace {_checked(_UUID, leg, 'leg')} "
        f"start {_checked(_SOUND, sound, 'sound')} 0 mux"
    )


def forget_task(name: str) -> bytes:
    """Build `sched_del`: nothing of that name happens any more."""
    return api("sched_del", _task(name))


def _task(name: str) -> str:
    # One that is all digits would be the number of a task, whosever.
    if name.isdigit():
        raise UnsafeText(f"not a name of a task: {name!r:.80}")
    return _checked(_UUID, name, "name of a task")


def set_global(name: str, value: str = "") -> bytes:
    """Build `global_setvar`: a variable of the whole switch until it ends; empty removes it."""
    return api("global_setvar", f"{_checked(_NAME, name, 'variable name')}={value}")


def set_controllers(name: str, hosts: str) -> bytes:
    """Build `global_setvar` with a list for `socket` (`host:port/name|…`); empty removes it.

    The switch expands what a variable holds: nothing in a list is anything but an address.
    """
    value = _checked(_HOSTS, hosts, "list of controllers")
    return _line(f"api global_setvar {_checked(_NAME, name, 'variable name')}={value}")


def originate(
    common: Mapping[str, str],
    routes: Sequence[Route],
    *,
    extension: str,
    context: str,
    job_uuid: str,
) -> bytes:
    """Build `bgapi originate` into a dialplan extension.

    The leg goes into the dialplan and not straight to `&socket`, so that the switch finds the
    next controller by itself when one dies. `job_uuid` comes back in BACKGROUND_JOB.
    """
    command = (
        f"bgapi originate {dial_string(common, routes)} "
        f"{_checked(_WORD, extension, 'dialplan extension')} XML "
        f"{_checked(_WORD, context, 'dialplan context')}"
    )
    _printable(command, "a command")
    return f"{command}\nJob-UUID: {_checked(_UUID, job_uuid, 'Job-UUID')}\n\n".encode()
