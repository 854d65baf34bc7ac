"""`callbackd check`: whether everything that a call needs is there, and what to do where not."""

from __future__ import annotations

import datetime
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
import msgspec

from controller.commands.check_credit import credit
from controller.commands.check_doors import doors, files
from controller.commands.check_host import host
from controller.commands.check_node import needs
from controller.commands.check_ranges import ranges
from controller.commands.check_redis import redis
from controller.commands.check_store import Known, database
from controller.commands.common import Context, as_json, pass_context
from controller.commands.findings import Finding, told
from controller.commands.nodes import Ask, asking
from controller.commands.shown import echo_json
from controller.settings import Node, Settings, SettingsError, load

if TYPE_CHECKING:
    from controller.policy.channels import Channel
    from controller.store.spoken import Spoken

#: What FreeSWITCH has as its event socket's password before anybody changes it.
_STOCK_PASSWORD: Final = "ClueCon"  # noqa: S105
#: So many findings with one remedy are named; of a hundred sounds that are not there, nobody reads
#: each, nor what comes after them.
_FEW: Final = 3
#: What writes the call records of a switch.
_RECORDS_MODULE: Final = "mod_json_cdr"


@click.command("check")
@click.option(
    "--switch",
    "only_switch",
    is_flag=True,
    help="G1: ask each node what is unsafe about it, instead.",
)
@as_json
@pass_context
def check(context: Context, /, only_switch: bool, as_json: bool) -> None:
    """Look whether calls will find what they need, and say what to do where they will not.

    Looks at the settings, what is open to whom, this machine, the database, Redis, the controllers,
    each node's event socket, its release, modules, dialplan and clock, the sounds and say modules
    there for the languages in use, and the gateways of channels. Ends with status 1 if something
    is missing; a warning is no error. It changes nothing.

    With --switch it asks each node how it is set up instead, and says what is unsafe there; status
    1 then means that something is.
    """
    found = find(context, only_switch=only_switch)
    if as_json:
        findings = list(found)
        well = all(finding.well for finding in findings)
        echo_json({"well": well, "findings": [told(one) for one in findings]})
    else:
        well = _show(found, "UNSAFE " if only_switch else "MISSING")
    if not well:
        sys.exit(1)


def _show(found: Iterable[Finding], not_well: str) -> bool:
    """Show each finding as it comes, and tell whether all is well.

    Of those that differ in their texts alone the first are shown, how many more there are, and
    once what to do. Where the next thing hangs, or ends in an error, the last line says what came
    before it.
    """
    well, last, alike = True, None, 0
    try:
        for finding in found:
            if last is None or _kind(finding) != _kind(last):
                _close(last, alike, not_well)
                last, alike = finding, 0
            alike += 1
            well = well and finding.well
            if alike <= _FEW:
                click.echo(f"{_whose(finding, not_well)}: {finding.text}")
    finally:
        _close(last, alike, not_well)
    return well


def _kind(finding: Finding) -> tuple[str, str, str | None, str]:
    return finding.level, finding.subject, finding.node, finding.remedy


def _close(last: Finding | None, alike: int, not_well: str) -> None:
    """Say what is to be said once, after so many findings that are alike."""
    if last is None:
        return
    if alike > _FEW:
        more = f"and {alike - _FEW} more like these (--json names each)"
        click.echo(f"{_whose(last, not_well)}: {more}")
    if last.remedy:
        click.echo(f"         {last.remedy}")


def _whose(finding: Finding, not_well: str) -> str:
    mark = {"ok": "ok     ", "warning": "warning"}.get(finding.level, not_well)
    where = f"{finding.subject} of {finding.node}" if finding.node else finding.subject
    return f"{mark}  {where}"


def find(context: Context, *, only_switch: bool = False) -> Iterator[Finding]:
    """Look at everything, one after the other; `only_switch`: at what is unsafe about switches."""
    try:
        settings = load(context.config, os.environ)
    except SettingsError as error:
        yield Finding(subject="settings", well=False, text=str(error), remedy="correct the setting")
        return
    yield Finding(subject="settings", well=True, text=context.config or "defaults and environment")
    if only_switch:
        yield from _switches(settings)
        return
    yield from doors(settings)
    yield from files(settings, context.config)
    yield from host(settings)
    yield from ranges(settings, datetime.datetime.now(datetime.UTC).date())
    yield from _told(settings)
    yield from redis(settings)
    yield from credit(settings)
    known: Known | None = None
    for finding, found in database(settings, others=True):
        known = found
        yield finding
    if known is not None:
        yield from known.others
        yield from _emergency(settings, known)
    yield from _nodes(settings, lambda node, ask: _node(settings, node, known, ask))


def _nodes(settings: Settings, look: Callable[[Node, Ask], Iterator[Finding]]) -> Iterator[Finding]:
    """Look at the switches of the settings, and at those that announce themselves."""
    from controller.cache.address import CacheSettingsError
    from controller.commands.node import announced_nodes

    try:
        announced = announced_nodes(settings)
    except CacheSettingsError:
        announced = None
    if announced is None:
        yield Finding(
            subject="nodes", well=False,
            text="Redis cannot be asked which switches announce themselves: they are not looked at",
            remedy="see to redis.url and its server, and check again",
        )  # fmt: skip
    elif not settings.nodes and not announced:
        yield Finding(
            subject="nodes", well=False, text="no switch announces itself",
            remedy="run callbackd switch announce beside each, in a network of discovery.allow",
        )  # fmt: skip
    for node in (*settings.nodes, *(announced or ())):
        yield from _asked(node, partial(look, node))


def _switches(settings: Settings) -> Iterator[Finding]:
    """G1: what is unsafe about each node."""
    from controller.commands.check_switch import safety

    gateways = {settings.route.internal_gateway} - {""}
    for finding, known in database(settings):
        gateways |= {one.name for one in (known.channels if known is not None else ())}
        if finding.remedy and not _has_none_yet(settings):
            # Without the channels the profiles that only make our calls are taken for others'.
            yield msgspec.structs.replace(finding, well=True)
    yield from _nodes(settings, lambda node, ask: safety(settings, node, gateways, ask))


def _has_none_yet(settings: Settings) -> bool:
    """Whether there is no database, and no channel with it: `serve` makes one in `data_dir`."""
    if settings.database.url:
        return False
    try:
        return not settings.sqlite_path.exists()
    except OSError:
        return False


def _told(settings: Settings) -> Iterator[Finding]:
    """Whom call records and notices are told: nothing is sent, and no file is made."""
    urls = {"notices.url": settings.notices.url}
    for stream in settings.records.streams:
        where = f"records.streams: {stream.name}"
        urls[where] = stream.url
        if not stream.file:
            continue
        wrong = _unwritable(Path(stream.file))
        yield Finding(
            subject="records",
            well=wrong is None,
            text=f"{where}: {stream.file} {wrong or 'can be written'}",
            remedy="" if wrong is None else "see that the service's user can write it",
        )
    for where, url in urls.items():
        if url:
            open_ = url.startswith("http:")
            yield Finding(
                subject="records" if where != "notices.url" else "notices",
                well=True,
                text=f"{where} is signed" + (", and not encrypted" if open_ else ""),
                remedy="write https, unless nobody is in between" if open_ else "",
            )


def _unwritable(path: Path) -> str | None:
    """Say why a file cannot be appended to; None: it can."""
    try:
        there = path.exists()
    except OSError as error:
        return f"cannot be looked at: {error.strerror}"
    if not there:
        if not path.parent.is_dir():
            return "cannot be made: there is no such directory"
        return None if os.access(path.parent, os.W_OK | os.X_OK) else "cannot be made there"
    if not path.is_file():
        return "is no regular file"
    return None if os.access(path, os.R_OK | os.W_OK) else "cannot be written"


def _emergency(settings: Settings, known: Known) -> Iterator[Finding]:
    """Emergency calls have a channel: it is there, and a call can go out over it."""
    name = settings.route.emergency_channel
    if name and name not in {channel.name for channel in known.channels}:
        yield Finding(
            subject="settings",
            well=False,
            text=f"route.emergency_channel: there is no channel {name}, and callers are told that "
            "emergency calls cannot be made",
            remedy=f"name another one, or make it: callbackd channel add {name}",
        )


def _node(settings: Settings, node: Node, known: Known | None, ask: Ask) -> Iterator[Finding]:
    """What a node has of what calls need; `known` None: the database could not be read."""
    if node.password == _STOCK_PASSWORD:
        text = "the event socket has FreeSWITCH's own password"
        remedy = "set another one in event_socket.conf.xml, and here: [[nodes]] password"
        yield Finding(subject="password", node=node.name, well=True, text=text, remedy=remedy)
    yield from needs(settings, node, ask)
    yield from _call_records(node, ask)
    if known is None:
        # What is needed in any case is looked for: English, and the setting's own gateway.
        yield Finding(
            subject="sounds",
            node=node.name,
            well=True,
            text="sounds and gateways were not compared with what extensions and channels need, "
            "which the database would say",
            remedy="see to the database, and check again",
        )
    yield from _sounds(settings, node, None if known is None else known.spoken, ask)
    yield from _gateways(settings, node, () if known is None else known.channels, ask)


def _asked(node: Node, look: Callable[[Ask], Iterator[Finding]]) -> Iterator[Finding]:
    """Connect to a node and look at it."""
    from controller.esl.errors import AuthenticationFailed, EslError
    from controller.runtime.sound_check import CannotTell

    where = f"{node.host}:{node.port}"
    try:
        with asking(node) as ask:
            yield Finding(subject="node", node=node.name, well=True, text=f"{where} answers")
            yield from look(ask)
    except AuthenticationFailed as error:
        remedy = (
            "see [[nodes]] password, and password and apply-inbound-acl in event_socket.conf.xml"
        )
        yield Finding(subject="node", node=node.name, well=False, text=str(error), remedy=remedy)
    except CannotTell as error:
        remedy = "load mod_commands in modules.conf.xml"
        yield Finding(subject="sounds", node=node.name, well=False, text=str(error), remedy=remedy)
    except EslError as error:
        remedy = "see that FreeSWITCH runs, and [[nodes]] host and port"
        yield Finding(subject="node", node=node.name, well=False, text=str(error), remedy=remedy)


def _call_records(node: Node, ask: Ask) -> Iterator[Finding]:
    """M7: what ended while no controller saw it is charged by the switch's own records."""
    directory = node.records_dir
    if ask("module_exists", _RECORDS_MODULE) != "true":
        yield Finding(
            subject="call records",
            node=node.name,
            well=not directory,
            text=f"{_RECORDS_MODULE} is not loaded: when a call ends while no controller sees it, "
            "what it cost is estimated",
            remedy=f"load {_RECORDS_MODULE} in modules.conf.xml, with our json_cdr.conf.xml",
        )
    if directory and not os.access(directory, os.R_OK | os.W_OK | os.X_OK):
        yield Finding(
            subject="call records",
            node=node.name,
            well=False,
            text=f"{directory} cannot be read, or no file can be removed there",
            remedy="let us write there, or leave [[nodes]] records_dir out and run `callbackd "
            "switch records` on the machine of the switch",
        )


def _sounds(settings: Settings, node: Node, spoken: Spoken | None, ask: Ask) -> Iterator[Finding]:
    from controller.prompts.segments import Places
    from controller.runtime.sound_check import check_sounds

    report = check_sounds(
        ask,
        languages=spoken.languages if spoken is not None else (),
        places=Places(
            directory=settings.prompts.directory,
            home=settings.prompts.language,
            voices=settings.prompts.voices,
        ),
        sounds=spoken.sounds if spoken is not None else (),
    )
    for one in report.missing:
        kind = one.kind.replace("_", " ")
        text = f"{kind} {one.what}" + (f" ({one.language})" if one.language else "")
        yield Finding(subject="sounds", node=node.name, well=False, text=text, remedy=one.remedy)
    if spoken is not None and not report.missing:
        languages = sorted({"en", *spoken.languages})
        text = f"all there, in {', '.join(languages)}"
        yield Finding(subject="sounds", node=node.name, well=True, text=text)


def _gateways(
    settings: Settings, node: Node, channels: Sequence[Channel], ask: Ask
) -> Iterator[Finding]:
    from controller.esl.gateways import CannotTell, ask_gateways
    from controller.gateways.model import GatewayError, wanted

    try:
        needed = wanted(channels, settings.route.internal_gateway)
        # The one that was made last is told first.
        there = {one.name: one for one in reversed(ask_gateways(ask))}
    except GatewayError as error:
        yield Finding(
            subject="gateways", node=node.name, well=False, text=str(error), remedy="rename it"
        )
        return
    except CannotTell as error:
        remedy = "load mod_sofia in modules.conf.xml"
        yield Finding(
            subject="gateways", node=node.name, well=False, text=str(error), remedy=remedy
        )
        return
    ours = {one.name for one in needed.gateways}
    well = []
    for name in sorted({*ours, *needed.by_hand}):
        found = there.get(name)
        if found is None:
            remedy = "callbackd switch config --directory DIRECTORY, on the machine of the switch"
            if name not in ours:
                remedy = (
                    "write it into the SIP profile by hand, or set the channel's proxy: callbackd "
                    "channel set"
                )
            text = f"{name} of {needed.by_hand.get(name, f'channel {name}')} is not there"
            yield Finding(subject="gateways", node=node.name, well=False, text=text, remedy=remedy)
        elif not found.usable:
            # It is there, and the trunk may come back any moment.
            remedy = "see that the trunk can be reached, and what it knows us by: sofia status"
            text = f"{name} is {found.status} ({found.state}): no call goes over it"
            yield Finding(subject="gateways", node=node.name, well=True, text=text, remedy=remedy)
        else:
            well.append(name)
    if well:
        yield Finding(
            subject="gateways", node=node.name, well=True, text=f"there and up: {', '.join(well)}"
        )
