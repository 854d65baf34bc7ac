"""The API commands, as ``api`` and ``bgapi`` run them.

FreeSWITCH: ``src/mod/applications/mod_commands/mod_commands.c``.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import gevent

from controller.simulator import session
from controller.simulator.causes import cause_name
from controller.simulator.dialstring import DialStringError, parse
from controller.simulator.events import Event, stamp
from controller.simulator.listener import Command
from controller.simulator.originate import dial

if TYPE_CHECKING:
    from controller.simulator.legs import Leg
    from controller.simulator.switch import Simulator

#: From the leg's own connection to the answer of `originate`, seconds.
_ORIGINATE_LAG = 0.018
_NO_CHANNEL = "-ERR No such channel!\n"


class Api:
    """All API commands of one switch."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator
        self._table: dict[str, Callable[[str], str]] = {
            "acl": simulator.configuration.allows,
            "create_uuid": lambda _: simulator.new_uuid(),
            "echo": lambda text: text,
            "file_exists": lambda path: str(simulator.applications.sounds.exists(path)).lower(),
            "fsctl": simulator.configuration.control,
            "global_getvar": self._global_getvar,
            "global_setvar": self._global_setvar,
            "hostname": lambda _: simulator.node,
            "hupall": self._hupall,
            "module_exists": self._module_exists,
            "originate": self._originate,
            "reloadxml": self._reloadxml,
            "sched_api": self._sched_api,
            "sched_broadcast": self._sched_broadcast,
            "sched_del": self._sched_del,
            "sched_hangup": self._sched_hangup,
            "show": self._show,
            "sofia": simulator.sofia.run,
            "sofia_gateway_data": simulator.sofia.data,
            "status": self._status,
            "strepoch": lambda _: str(int(time.time())),
            "uuid_break": self._uuid_break,
            "uuid_broadcast": self._uuid_broadcast,
            "uuid_displace": self._uuid_displace,
            "uuid_dump": self._uuid_dump,
            "uuid_exists": self._uuid_exists,
            "uuid_getvar": self._uuid_getvar,
            "uuid_kill": self._uuid_kill,
            "uuid_setvar": self._uuid_setvar,
            "uuid_setvar_multi": self._uuid_setvar_multi,
            "uuid_transfer": self._uuid_transfer,
            "version": self._version,
            "xml_locate": simulator.configuration.locate,
        }

    def run(self, text: str) -> str:
        """Run a command line; what it prints."""
        name, _, rest = text.strip().partition(" ")
        command = self._table.get(name)
        if command is None:
            return f"-ERR {name} Command not found!\n"
        return command(rest.strip())

    def background(self, job: str, text: str) -> None:
        """Run a command and tell the result by BACKGROUND_JOB."""
        answer = self.run(text)
        name, _, rest = text.strip().partition(" ")
        if name == "originate" and answer.startswith("+OK"):
            # The leg connects to its controller first, in every recording.
            gevent.sleep(_ORIGINATE_LAG)
        simulator = self._simulator
        event: Event = simulator.head.make("BACKGROUND_JOB")
        event["Job-UUID"] = job
        event["Job-Command"] = name
        if rest:
            event["Job-Command-Arg"] = rest
        event["Content-Length"] = str(len(answer.encode("utf-8", "surrogateescape")))
        event["_body"] = answer
        simulator.links.publish(event)

    def _leg(self, uuid: str) -> Leg | None:
        leg = self._simulator.legs.get(uuid)
        return leg if leg is not None and leg.cause is None else None

    # -- calls -------------------------------------------------------------------------------

    def _originate(self, text: str) -> str:
        dialled, _, rest = first_word(text)
        if not dialled or not rest:
            return "-USAGE: <call url> <exten>|&<application_name>(<app_args>)\n"
        target = rest[1:].partition("'")[0] if rest.startswith("'") else rest
        try:
            parsed = parse(dialled)
        except DialStringError:
            return "-ERR CHAN_NOT_IMPLEMENTED\n"
        result = dial(self._simulator, parsed, None)
        if result.leg is None:
            return f"-ERR {result.end}\n"
        session.start(self._simulator, result.leg, target)
        return f"+OK {result.leg.uuid}\n"

    def _global_getvar(self, name: str) -> str:
        simulator = self._simulator
        return simulator.head.core_uuid if name == "core_uuid" else simulator.global_value(name)

    def _global_setvar(self, text: str) -> str:
        """``name=value``; ``name=value=before``: only where it has been that."""
        name, *values = (part.strip(" ") for part in text.split("=", 2))
        if not name:
            return "-USAGE: <var>=<value> [=<value2>]\n"
        if len(values) < 2 or self._global_getvar(name) == values[1]:
            self._simulator.marks.pop(name.lower(), None)
            if values and values[0]:
                self._simulator.marks[name.lower()] = values[0]
        return "+OK"

    def _module_exists(self, name: str) -> str:
        if name == "mod_json_cdr" and self._simulator.records is not None:
            return "true"
        return str(name in self._simulator.applications.sounds.modules).lower() if name else ""

    def _uuid_exists(self, text: str) -> str:
        return "true" if text in self._simulator.legs else "false"

    def _uuid_kill(self, text: str) -> str:
        uuid, _, cause = text.partition(" ")
        leg = self._leg(uuid)
        if leg is None:
            return _NO_CHANNEL
        leg.hangup(cause_name(cause) if cause else "NORMAL_CLEARING")
        return "+OK\n"

    def _hupall(self, text: str) -> str:
        cause = cause_name(text.split(" ", maxsplit=1)[0]) if text else "MANAGER_REQUEST"
        for leg in list(self._simulator.legs.values()):
            leg.hangup(cause)
        return f"+OK hangup all channels with cause {cause}\n"

    def _uuid_transfer(self, text: str) -> str:
        words = [word for word in text.split() if word not in {"-bleg", "-both"}]
        leg = self._leg(words[0]) if words else None
        if leg is None:
            return _NO_CHANNEL
        if len(words) < 2:
            return "-USAGE: <uuid> [-bleg|-both] <dest-exten> [<dialplan>] [<context>]\n"
        leg.transfer = (words[1], words[3] if len(words) > 3 else leg.profile.context)
        leg.wake()
        return "+OK\n"

    def _uuid_getvar(self, text: str) -> str:
        uuid, _, name = text.partition(" ")
        leg = self._leg(uuid)
        if leg is None:
            return _NO_CHANNEL
        return leg.get(name.strip()) or "_undef_"

    def _uuid_setvar(self, text: str) -> str:
        uuid, _, rest = text.partition(" ")
        leg = self._leg(uuid)
        if leg is None:
            return _NO_CHANNEL
        name, _, value = rest.partition(" ")
        leg.set(name, value)
        return "+OK\n"

    def _uuid_setvar_multi(self, text: str) -> str:
        uuid, _, rest = text.partition(" ")
        leg = self._leg(uuid)
        if leg is None:
            return _NO_CHANNEL
        for one in rest.split(";"):
            name, _, value = one.partition("=")
            leg.set(name, value or None)
        return "+OK\n"

    def _uuid_dump(self, text: str) -> str:
        uuid, _, _ = text.partition(" ")
        leg = self._leg(uuid)
        if leg is None:
            return _NO_CHANNEL
        event = self._simulator.head.make("CHANNEL_DATA")
        leg.add_data(event)
        return json.dumps(event)

    def _uuid_break(self, text: str) -> str:
        leg = self._leg(text.split(" ", maxsplit=1)[0])
        if leg is None:
            return _NO_CHANNEL
        leg.breaks += 1
        leg.wake()
        return "+OK\n"

    def _uuid_broadcast(self, text: str) -> str:
        uuid, _, rest = text.partition(" ")
        path, _, which = rest.rpartition(" ") if rest.endswith(("leg", "both")) else (rest, "", "")
        leg = self._leg(uuid)
        if leg is None:
            return "-ERR invalid uuid\n"
        self._broadcast(leg, path, which or "aleg")
        return "+OK Message sent\n"

    @staticmethod
    def _broadcast(leg: Leg, path: str, which: str) -> None:
        name, _, data = path.partition("::") if "::" in path else ("playback", "", path)
        targets = [leg] if which != "bleg" else []
        if which in {"bleg", "both"} and leg.partner is not None:
            targets.append(leg.partner)
        for target in targets:
            headers = {"call-command": "execute", "execute-app-name": name}
            command = Command("sendmsg", {**headers, "execute-app-arg": data})
            if target.session is not None:
                target.enqueue(command)
            else:
                target.note("heard", file=data)

    def _uuid_displace(self, text: str) -> str:
        """A sound into what the leg hears; no application, and a conversation goes on."""
        words = text.split(" ")
        if len(words) < 3 or words[1] not in {"start", "stop"}:
            return "-USAGE: <uuid> [start|stop] <path> [<limit>] [mux]\n"
        leg = self._leg(words[0])
        if leg is None:
            return "-ERR Cannot locate session!\n"
        if words[1] == "start":
            if not leg.media or self._simulator.applications.sounds.is_missing(words[2]):
                return "-ERR Cannot displace session!\n"
            leg.note("heard", file=words[2])
            leg.line.on("heard", words[2])
        return "+OK Success\n"

    # -- schedule ----------------------------------------------------------------------------

    @staticmethod
    def _when(text: str) -> int | None:
        digits = text.lstrip("+@")
        if not digits.isdigit():
            return None
        return int(digits) if text.startswith("+") else int(digits) - int(time.time())

    def _sched_hangup(self, text: str) -> str:
        words = text.split()
        when = self._when(words[0]) if len(words) >= 2 else None
        if when is None:
            return "-USAGE: [+]<time> <uuid> [<cause>]\n"
        if self._leg(words[1]) is None:
            return _NO_CHANNEL
        cause = cause_name(words[2]) if len(words) > 2 else "ALLOTTED_TIMEOUT"
        self._simulator.scheduler.hangup(when, words[1], cause)
        return "+OK\n"

    def _sched_broadcast(self, text: str) -> str:
        when_text, _, rest = text.partition(" ")
        uuid, _, sound = rest.partition(" ")
        when = self._when(when_text)
        if when is None or not sound:
            return "-USAGE: [[+]<time>|@time] <uuid> <path> [aleg|bleg|both]\n"
        if self._leg(uuid) is None:
            return _NO_CHANNEL
        self._simulator.scheduler.add(when, uuid, lambda: self._uuid_broadcast(f"{uuid} {sound}"))
        return "+OK\n"

    def _sched_api(self, text: str) -> str:
        words = text.split(maxsplit=2)
        if len(words) < 3:
            return "-ERR Invalid syntax. USAGE: [+@]<time> <group_name> <command_string>[&]\n"
        # What is no time is one long ago: seen on 1.11.1, it is run at once.
        when = self._when(words[0]) or 0
        task = self._simulator.scheduler.add(when, words[1], lambda: self.run(words[2]))
        return f"+OK Added: {task}\n"

    def _sched_del(self, text: str) -> str:
        scheduler = self._simulator.scheduler
        count = int(scheduler.cancel(int(text))) if text.isdigit() else scheduler.cancel_group(text)
        return f"+OK Deleted: {count}\n"

    # -- the switch --------------------------------------------------------------------------

    def _reloadxml(self, _: str) -> str:
        self._simulator.reload_dialplan()
        return f"+OK [{self._simulator.sofia.reading()}]\n"

    def _version(self, text: str) -> str:
        version = self._simulator.version
        if text == "short":
            return f"{version}\n"
        return f"FreeSWITCH Version {version}+simulated~64bit ({version} 64bit)\n"

    def _status(self, _: str) -> str:
        seconds = int(time.time() - self._simulator.started)
        count = len(self._simulator.legs)
        return (
            f"UP 0 years, 0 days, {seconds // 3600} hours, {seconds // 60 % 60} minutes, "
            f"{seconds % 60} seconds, 0 milliseconds, 0 microseconds\n"
            f"FreeSWITCH (Version {self._simulator.version} 64bit) is ready\n"
            f"{self._simulator.total} session(s) since startup\n"
            f"{count} session(s) - peak {self._simulator.peak}, last 5min {self._simulator.peak}\n"
            "0 session(s) per Sec out of max 1000, peak 0, last 5min 0\n"
            "10000 session(s) max\nmin idle cpu 0.00/99.00\n"
        )

    def _show(self, text: str) -> str:
        words = text.split()
        what = words[0] if words else ""
        if what not in {"calls", "channels"}:
            return "-USAGE: codec|endpoint|application|api|calls|channels\n"
        legs = list(self._simulator.legs.values())
        if what == "calls":  # a bridged pair is one call
            legs = [leg for leg in legs if leg.partner is None or leg.session is not None]
        if "count" in words:
            return f"\n{len(legs)} total.\n"
        rows = [self._row(leg) for leg in legs]
        if "json" in words:
            return json.dumps({"row_count": len(rows), **({"rows": rows} if rows else {})})
        lines = [",".join(rows[0])] if rows else []
        lines += [",".join(row.values()) for row in rows]
        return "\n".join([*lines, "", f"{len(rows)} total.\n"])

    def _row(self, leg: Leg) -> dict[str, str]:
        profile = leg.profile
        first = leg.profiles[-1].times.created
        return {
            "uuid": leg.uuid,
            "direction": profile.direction,
            "created": stamp(first),
            "created_epoch": str(first // 1_000_000),
            "name": profile.channel_name,
            "state": leg.state,
            "cid_name": profile.cid_name,
            "cid_num": profile.cid_number,
            "ip_addr": profile.network_addr,
            "dest": profile.destination,
            "application": leg.get("current_application") or "",
            "application_data": leg.get("current_application_data") or "",
            "dialplan": profile.dialplan,
            "context": profile.context,
            "read_codec": "PCMU" if leg.media else "",
            "read_rate": "8000" if leg.media else "",
            "read_bit_rate": "64000" if leg.media else "",
            "write_codec": "PCMU" if leg.media else "",
            "write_rate": "8000" if leg.media else "",
            "write_bit_rate": "64000" if leg.media else "",
            "secure": "",
            "hostname": self._simulator.node,
            "presence_id": "",
            "presence_data": "",
            "accountcode": "",
            "callstate": leg.call_state,
            "callee_name": profile.callee_name,
            "callee_num": profile.callee_number,
            "callee_direction": "",
            "call_uuid": leg.call_uuid,
            "sent_callee_name": "",
            "sent_callee_num": "",
            "initial_cid_name": profile.cid_name,
            "initial_cid_num": profile.cid_number,
            "initial_ip_addr": profile.network_addr,
            "initial_dest": profile.destination,
            "initial_dialplan": profile.dialplan,
            "initial_context": profile.context,
        }


def first_word(text: str) -> tuple[str, str, str]:
    """Split at the first blank that is in no quotes and no brackets."""
    depth = 0
    quoted = False
    for index, char in enumerate(text):
        if char == "'":
            quoted = not quoted
        elif not quoted and char in "{[":
            depth += 1
        elif not quoted and char in "}]":
            depth -= 1
        elif char == " " and not quoted and depth <= 0:
            return text[:index], " ", text[index + 1 :].strip()
    return text, "", ""
