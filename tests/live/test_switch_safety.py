"""G1, G3: what strangers can do to a real switch that is set up as fs-config has it, and not."""

import json
import os
import socket
import struct
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .conftest import Bench, program
from .controllers import COMMAND, ROOT
from .net import HOST, PATIENCE_S, wait_until
from .switch import PASSWORD, Switch

CALLER = "12025550199"
LEG = "5e1f7a30-0000-4000-8000-000000000001"
TONE = "&playback(tone_stream://%(20000,0,400))"
#: What an operator might have done to the files: of which one, what in place of what.
CHANGES = {
    "autoload_configs/event_socket.conf.xml": [
        ('"127.0.0.1"/>', '"0.0.0.0"/>'),
        ('<param name="apply-inbound-acl" value="callback_event_socket"/>', ""),
    ],
    "autoload_configs/switch.conf.xml": [
        ('"api-expansion" value="false"', '"api-expansion" value="true"'),
        ('"sessions-per-second" value="50"', '"sessions-per-second" value="1000"'),
    ],
    "autoload_configs/modules.conf.xml": [
        ('<load module="mod_say_en"/>', '<load module="mod_say_en"/><load module="mod_lua"/>')
    ],
    "sip_profiles/callback_public.xml": [
        ('<param name="apply-inbound-acl" value="callback_trunks"/>', ""),
        ('"context" value="callback_trigger"', '"context" value="public"'),
        ('"enable-chat" value="false"', '"enable-chat" value="true"'),
        ('"disable-register" value="true"', '"disable-register" value="false"'),
        ('"accept-blind-reg" value="false"', '"accept-blind-reg" value="true"'),
        ('"disable-transfer" value="true"', '"disable-transfer" value="false"'),
        ('"manage-presence" value="false"', '"manage-presence" value="true"'),
        ('"extended-info-parsing" value="false"', '"extended-info-parsing" value="true"'),
        ('"disable-rtp-auto-adjust" value="$${callback_rtp_strict}"', '"x" value=""'),
        ('"rtp-timeout-sec" value="120"', '"rtp-timeout-sec" value="0"'),
        ('"session-timeout" value="1800"', '"session-timeout" value="0"'),
        ('"max-recv-requests-per-second" value="500"', '"x" value=""'),
    ],
}
PUBLIC = """<include>
  <context name="public">
    <extension name="all">
      <condition field="destination_number" expression="^(.*)$">
        <action application="transfer" data="$1 XML default"/>
      </condition>
    </extension>
  </context>
  <context name="default">
    <extension name="out">
      <condition field="destination_number" expression="^(.*)$">
        <action application="bridge" data="sofia/gateway/pstn/$1"/>
      </condition>
    </extension>
  </context>
</include>
"""


def check(switch: Switch, folder: Path, *words: str) -> tuple[int, list[dict[str, Any]]]:
    """Run `callbackd check --switch`, or with other words; give its status and what it found."""
    nodes = (
        f'[{{ name = "fs1", host = "{HOST}", port = {switch.event_port}, '
        f'password = "{PASSWORD}" }}]'
    )
    done = subprocess.run(
        [*COMMAND, "check", *(words or ("--switch",)), "--json"],
        cwd=ROOT,
        env={**os.environ, "CALLBACKD_DATA_DIR": str(folder), "CALLBACKD_NODES": nodes},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert PASSWORD not in done.stdout + done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)["findings"]
    return done.returncode, found


def test_g1_nothing_is_unsafe_about_a_switch_with_these_files(bench: Bench, tmp_path: Path) -> None:
    """G1: and all could be found out; a release that is open to something is a warning."""
    status, found = check(bench.switch, tmp_path)
    assert (status, [one for one in found if not one["well"]]) == (0, [])
    assert {one["subject"] for one in found if one["remedy"]} <= {"release"}


def test_o3_with_these_files_a_real_switch_has_what_it_needs(bench: Bench, tmp_path: Path) -> None:
    """O3: its release, modules, contexts and clock are found out, and nothing is amiss."""
    _, found = check(bench.switch, tmp_path, "--json")
    told = {one["subject"]: one["level"] for one in found if one["node"] == "fs1"}
    assert (told["node"], told["release"], told["clock"]) == ("ok", "ok", "ok")
    assert not {"modules", "dialplan"} & told.keys()


def test_g1_each_thing_that_is_unsafe_is_named_on_a_real_switch(tmp_path: Path) -> None:
    """G1: on a switch of its own, that is set up as no switch should be."""
    switch = Switch(program("freeswitch", "FREESWITCH_BIN"), tmp_path / "switch", {})
    conf = switch.folder / "conf"
    for name, changes in CHANGES.items():
        text = (conf / name).read_text("utf-8")
        for before, after in changes:
            assert before in text, (name, before)
            text = text.replace(before, after)
        (conf / name).write_text(text, "utf-8")
    (conf / "dialplan" / "public.xml").write_text(PUBLIC, "utf-8")
    with switch:
        status, found = check(switch, tmp_path)
    assert status == 1
    named = [(one["subject"], one["text"]) for one in found if not one["well"]]
    warned = [(one["subject"], one["text"]) for one in found if one["well"] and one["remedy"]]
    for subject, words in (
        ("event socket", "0.0.0.0"),
        ("core", "${api"),
        ("profile", "from anybody"),
        ("profile", "registers anybody"),
        ("profile", "INFO"),
        ("profile", "REFER"),
        ("dialplan", "sofia/gateway/pstn/$1"),
    ):
        assert [text for what, text in named if what == subject and words in text], (subject, words)
    for subject, words in (
        ("core", "1000 new calls"),
        ("profile", "takes REGISTER"),
        ("profile", "takes MESSAGE"),
        ("profile", "SUBSCRIBE"),
        ("profile", "sound of a call"),
        ("profile", "vanished"),
        ("profile", "session timer"),
        ("modules", "mod_lua"),
    ):
        assert [text for what, text in warned if what == subject and words in text], (
            subject,
            words,
        )


def stolen(port: int, goes_on: Callable[[], bool]) -> int:
    """Send sound to a port of the switch from nowhere; give how many packets come back."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.bind((HOST, 0))
        stranger.settimeout(0.02)
        got, count = 0, 0
        while goes_on():
            head = struct.pack("!BBHII", 0x80, 8, count % 65_536, 160 * count, 77)
            stranger.sendto(head + b"\xd5" * 160, (HOST, port))
            count += 1
            try:
                stranger.recv(2000)
                got += 1
            except TimeoutError:
                continue
        return got


def test_g1_a_stranger_does_not_get_the_sound_of_a_call(bench: Bench) -> None:
    """G1: whoever is called has sent nothing yet, and hears what is said to him all the same."""
    phone = bench.phones.expect(CALLER)
    said = bench.switch.api(
        f"originate {{origination_uuid={LEG}}}sofia/gateway/pstn/{CALLER} {TONE}"
    )
    assert said.startswith("+OK")
    port = int(bench.switch.api(f"uuid_getvar {LEG} local_media_port"))
    end = time.monotonic() + 1.5
    assert stolen(port, lambda: time.monotonic() < end) == 0
    assert bench.switch.api(f"uuid_getvar {LEG} rtp_auto_adjust_audio") == "_undef_"
    bench.switch.api(f"uuid_kill {LEG}")
    phone.finish()


@pytest.mark.parametrize("what", ["sessions-per-second", "max-recv-rps", "max-dialog"])
def test_g3_the_limits_of_the_files_are_those_that_run(bench: Bench, what: str) -> None:
    """G3: a name that the switch does not know would be passed over without a word."""
    if what == "sessions-per-second":
        wait_until("it says", lambda: "50" in bench.switch.api("fsctl sps"))
        return
    profile = bench.switch.api("sofia xmlstatus profile callback_public")
    wanted = {"max-recv-rps": "500", "max-dialog": "1000"}[what]
    assert f"<{what}>{wanted}</{what}>" in profile
