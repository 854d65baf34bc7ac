"""T10, T11, O6: callbacks and the switch that stops them, on the command line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.shell_completion import ShellComplete

from controller.admin.explaining_channels import PASSED, REFUSALS
from controller.callback.asking import REASONS
from controller.callback.limits import UNPAID
from controller.callerid.model import Shown, Tried
from controller.cli import main
from controller.commands.outcomes import ENDED, REFUSED, UNPLACED, why
from controller.policy.endings import ENDINGS
from controller.routing.model import Passed, Plan, Way
from controller.settings import Settings
from controller.store.database import open_database
from controller.store.destinations import Called, Connected, Destinations, Over
from controller.store.plans import write_plan
from controller.store.requests import Requests
from controller.store.transcripts import TranscriptLine, Transcripts
from tests.unit.store.asked import asking, begun, stored
from tests.unit.store.placed import NO_WAY, PLAN

from .running import Run, ok, refused, said, shown, told

NUMBER = "+12125550199"
ASK = ("callback", "ask", "100", NUMBER)


@pytest.fixture
def requests(stocked: Run, data: Path) -> Iterator[Requests]:
    """The store of the commands, with extension 100."""
    engine = open_database(Settings(data_dir=str(data)).database_url)
    yield Requests(engine)
    engine.dispose()


def listed(run: Run, *options: str) -> list[Any]:
    """Give what a list has."""
    found: list[Any] = said(run("callback", "list", "--json", *options))
    return found


# --- asking ----------------------------------------------------------------------------------


def test_t11_a_callback_is_asked_for(stocked: Run) -> None:
    made = said(stocked(*ASK, "--json"))
    assert (made["extension"], made["number"], made["did"]) == ("100", NUMBER, "+12025550100")
    assert (made["state"], made["source"], made["key"]) == ("pending", "api", None)
    assert made["actor"].startswith("cli:")
    assert made["created"].endswith("Z")
    assert listed(stocked) == [made]
    printed = ok(stocked("callback", "ask", "100", "(212) 555-0188", "--delay-seconds", "60"))
    assert ": +12125550188 is pending, due 20" in printed


def test_t11_the_same_key_again_changes_nothing(stocked: Run) -> None:
    keyed = (*ASK, "--key", "form/7")
    first = said(stocked(*keyed, "--json"))
    assert first["key"] == "form/7"
    again = stocked(*keyed)
    assert first["id"] in ok(again)
    assert again.stderr == f"callback {first['id']} was there already\n"
    assert said(stocked(*keyed, "--json")) == first
    refused(stocked("callback", "ask", "100", "+12125550188", "--key", "form/7"), "key: form/7")


def test_t10_one_that_is_refused_is_kept_and_says_why(stocked: Run) -> None:
    printed = ok(stocked("callback", "ask", "100", "+19005550199"))
    assert "refused, costly_number: The number is of a kind that costs more" in printed
    (one,) = listed(stocked)
    assert shown(ok(stocked("callback", "show", one["id"])))["why"] == REFUSED["costly_number"]


def test_what_cannot_be_asked_for_is_an_error(stocked: Run) -> None:
    refused(stocked("callback", "ask", "200", NUMBER), "there is no extension 200")
    refused(stocked("callback", "ask", "100", "123"), "number: '123' is no telephone number")
    refused(stocked(*ASK, "--did", "+12025550177"), "did: +12025550177 does not reach", "100")
    refused(stocked(*ASK, "--delay-seconds", "-1"), "delay_seconds: ")
    refused(stocked(*ASK, "--key", "a b"), "key: ")
    refused(stocked("callback", "ask", "100", "\udcff" * 9), "number: ")
    assert stocked(*ASK, "--delay-seconds", "x").exit_code == 2
    assert listed(stocked) == []


# --- looking ---------------------------------------------------------------------------------


def test_t10_the_operator_sees_callbacks_and_what_got_none(
    stocked: Run, requests: Requests
) -> None:
    assert ok(stocked("callback", "list")) == ""
    assert listed(stocked) == []
    made = stored(requests, NUMBER, due=2, now=1_000_000)
    none = requests.refuse(asking(None, now=2_000_000), "hidden")
    assert told(ok(stocked("callback", "list"))) == [
        "created id extension number state outcome",
        f"1970-01-01 00:00:02 {none.id} 100 - refused hidden",
        f"1970-01-01 00:00:01 {made.id} 100 {NUMBER} pending -",
    ]
    assert [one["outcome"] for one in listed(stocked)] == ["hidden", None]
    assert listed(stocked)[1]["id"] == made.id
    assert len(listed(stocked, "--limit", "1")) == 1
    for limit in ("0", "100001"):
        assert stocked("callback", "list", "--limit", limit).exit_code == 2


def test_a_list_is_filtered(stocked: Run, requests: Requests) -> None:
    made = stored(requests, NUMBER, now=1_000_000).id
    none = requests.refuse(asking(None, extension="20", now=2_000_000), "hidden").id
    asked = said(stocked("callback", "ask", "100", "+12125550188", "--json"))["id"]
    for options, expected in (
        (("--extension", "20"), [none]),
        (("--number", NUMBER), [made]),
        (("--state", "pending"), [asked, made]),
        (("--outcome", "hidden"), [none]),
        (("--source", "api"), [asked]),
        (("--since", "1h"), [asked]),
        (("--until", "1d"), [none, made]),
        (("--since", "1970-01-01T00:00:02Z", "--until", "1970-01-02"), [none]),
        (("--since", "1970-01-01T01:00:02+01:00", "--until", "1970-01-01T00:00:02.000001"), [none]),
    ):
        assert [one["id"] for one in listed(stocked, *options)] == expected, options
    refused(stocked("callback", "list", "--number", "212"), "number: write it as E.164")
    for bad in (("--since", "soon"), ("--since", "9999999999d"), ("--state", "x"), ("--until", "")):
        assert stocked("callback", "list", *bad).exit_code == 2, bad


def test_t10_a_callback_is_shown_with_its_tries_and_what_became_of_it(
    stocked: Run, requests: Requests
) -> None:
    made = stored(requests, NUMBER, due=0, now=0)
    requests.lease_due("a", 1, 2, 1)
    begun(requests, made, attempt="try", channels=("pstn", "gsm"), now=1_000_000)
    lines = shown(ok(stocked("callback", "show", made.id)))
    assert (lines["state"], lines["why"], lines["created"]) == (
        "calling",
        "It is being called.",
        "1970-01-01 00:00:00",
    )
    assert lines["try"] == "1        1970-01-01 00:00:01 on fs1 by pstn gsm: under way"
    requests.answered(made.id, 10**15, now=2_000_000)
    ended: dict[str, Any] = {"cause": "NORMAL_CLEARING", "destination": "+12125550177"}
    requests.finish(made.id, outcome="completed", now=3_000_000, **ended)
    printed = ok(stocked("callback", "show", made.id))
    assert shown(printed)["why"] == "A conversation took place."
    assert printed.splitlines()[-1] == (
        "try 1        1970-01-01 00:00:01 on fs1 by pstn gsm: answered 1970-01-01 00:00:02, "
        "completed (NORMAL_CLEARING) 1970-01-01 00:00:03"
    )
    whole = said(stocked("callback", "show", made.id, "--json"))
    assert whole["outcome"] == "completed"
    assert whole["tries"][0]["channels"] == ["pstn", "gsm"]
    assert whole["tries"][0]["answered"] == "1970-01-01T00:00:02.000000Z"
    assert whole["transcript"] == []
    # A list is the same without them.
    parts = {"tries", "destinations", "legs", "totals", "transcript"}
    assert listed(stocked) == [{k: v for k, v in whole.items() if k not in parts}]
    for name in ("x", "00000000-0000-4000-8000-000000000000"):
        refused(stocked("callback", "show", name), f"there is no callback {name}")


def test_i9_how_each_call_went_is_shown_with_its_reasons(
    stocked: Run, requests: Requests, data: Path
) -> None:
    made = stored(requests, NUMBER, due=0, now=0)
    requests.lease_due("a", 1, 2, 1)
    begun(requests, made, attempt="try", plan=PLAN, now=1_000_000)
    failed = {"pstn": "NORMAL_TEMPORARY_FAILURE"}
    requests.answered(made.id, 10**15, now=2_000_000, channel="gsm", causes=failed)
    engine = open_database(Settings(data_dir=str(data)).database_url)
    hidden = Shown(hidden=True, rule="I6")
    Destinations(engine).keep(
        [
            Called(made.id, "leg", 1, "+12125550177", write_plan(NO_WAY), 3_000_000),
            Over(made.id, "leg", 1, "no_channel", "{}", 3_000_000),
            Called(
                made.id, "leg", 2, "+12125550166",
                write_plan(Plan(ways=(Way(channel="gsm", number="+12125550166", shown=hidden),))),
                4_000_000,
            ),
            Connected(made.id, "leg", 2, "gsm", 5_000_000),
            Over(made.id, "leg", 2, "NORMAL_CLEARING", "{}", 6_000_000),
            Called(made.id, "leg", 3, "+12125550155", "{", 7_000_000),
        ]
    )  # fmt: skip
    engine.dispose()
    printed = ok(stocked("callback", "show", made.id))
    assert printed.partition("\ntry 1")[2].splitlines() == [
        "        1970-01-01 00:00:01 on fs1 by pstn gsm: answered 1970-01-01 00:00:02 over gsm, "
        "under way",
        "             pstn: 0012125550177 for +1 at 9000, shows +12025550101 as 12025550101 (I4) "
        "and Acme (I1), P-Asserted-Identity sip:100@pstn.example, "
        "P-Preferred-Identity sip:office@example.com: NORMAL_TEMPORARY_FAILURE",
        "               I2: pstn says no true numbers",
        "               I4: a number of pstn's",
        "             gsm: +12125550177 for +, shows +12025550102 as +12025550102 (I5)",
        "             fax: not used. It is switched off.",
        "             sat: not used. There is no number to show on it (I2).",
        "               I5: of the default: none is set",
        "destination  1970-01-01 00:00:03 +12125550177: no_channel 1970-01-01 00:00:03",
        "             No channel takes the number, or none could be used.",
        "             fax: not used. The switch says that it is down.",
        "destination  1970-01-01 00:00:04 +12125550166: talked from 1970-01-01 00:00:05 over gsm, "
        "NORMAL_CLEARING 1970-01-01 00:00:06",
        "             gsm: +12125550166 for +, shows no number (I6)",
        "destination  1970-01-01 00:00:07 +12125550155: under way",
    ]
    whole = said(stocked("callback", "show", made.id, "--json"))
    assert whole["tries"][0]["plan"]["ways"][0]["shown"]["rule"] == "I4"
    assert whole["destinations"][1]["connected"] == "1970-01-01T00:00:05.000000Z"
    assert whole["destinations"][0]["plan"]["refusal"] == "no_channel"
    assert whole["destinations"][2]["plan"] is None


def test_g1_nothing_of_a_plan_does_anything_to_a_terminal(stocked: Run, requests: Requests) -> None:
    nasty = "\x1b[31m\u202e"
    shown = Shown(number=nasty, name=nasty, rule=nasty, name_rule=nasty)
    plan = Plan(
        ways=(Way(channel=nasty, number=nasty, shown=shown, tried=(Tried(nasty, nasty),)),),
        passed=(Passed(nasty, nasty),),
        refusal=nasty,
    )
    made = stored(requests, NUMBER, due=0, now=0)
    requests.lease_due("a", 1, 2, 1)
    begun(requests, made, attempt="try", plan=plan, now=1_000_000)
    requests.answered(made.id, 10**15, now=2_000_000, channel=nasty, causes={nasty: nasty})
    printed = ok(stocked("callback", "show", made.id))
    assert "\x1b" not in printed
    assert "\u202e" not in printed


def test_t10_what_happened_on_its_calls_is_shown_in_order(
    stocked: Run, requests: Requests, data: Path
) -> None:
    made, another = stored(requests, NUMBER, due=0, now=0), stored(requests, "+12125550188")
    engine = open_database(Settings(data_dir=str(data)).database_url)
    kept = Transcripts(engine)
    # As controllers write them: of one moment, and a later controller's first.
    kept.add(
        [
            TranscriptLine(made.id, 3_000_000, 1, "second", "called", "+12125550177"),
            TranscriptLine(another.id, 1_000_000, 1, "third", "said", "not his"),
        ]
    )
    kept.add(
        [
            TranscriptLine(made.id, 1_000_001, 8, "first", "typed", "a password"),
            TranscriptLine(made.id, 1_000_001, 7, "first", "said", "password_enter"),
        ]
    )
    engine.dispose()
    printed = ok(stocked("callback", "show", made.id))
    assert printed.splitlines()[-4:] == [
        "why          It is still to be made.",
        "1970-01-01 00:00:01 said     password_enter",
        "1970-01-01 00:00:01 typed    a password",
        "1970-01-01 00:00:03 called   +12125550177",
    ]
    whole = said(stocked("callback", "show", made.id, "--json"))
    assert whole["transcript"] == [
        {"at": "1970-01-01T00:00:01.000001Z", "what": "said", "text": "password_enter"},
        {"at": "1970-01-01T00:00:01.000001Z", "what": "typed", "text": "a password"},
        {"at": "1970-01-01T00:00:03.000000Z", "what": "called", "text": "+12125550177"},
    ]
    assert all("transcript" not in one for one in listed(stocked))


def test_t10_no_line_of_a_transcript_does_anything_to_a_terminal(
    stocked: Run, requests: Requests, data: Path
) -> None:
    made = stored(requests, NUMBER)
    engine = open_database(Settings(data_dir=str(data)).database_url)
    Transcripts(engine).add(
        [TranscriptLine(made.id, 0, 0, "leg", "typed", "\x1b[31m\u202e1\n2\x00")]
    )
    engine.dispose()
    printed = ok(stocked("callback", "show", made.id))
    assert printed.splitlines()[-1] == "1970-01-01 00:00:00 typed     [31m 1 2 "


def test_t10_what_the_trunk_said_is_shown_and_does_nothing_to_a_terminal(
    stocked: Run, requests: Requests
) -> None:
    from controller.numbers.caller import Caller

    nasty = Caller(reason="not_digits", said="\x1b[31m\u202e<b>")
    made = requests.refuse(asking(None, caller=nasty), "not_digits")
    printed = ok(stocked("callback", "show", made.id))
    assert "\x1b" not in printed
    assert "\u202e" not in printed
    assert shown(printed)["said"] == "[31m <b>"


def test_t10_every_outcome_has_its_words_here_and_in_the_docs() -> None:
    assert set(REFUSED) == set(REASONS)
    assert {ending.outcome for ending in ENDINGS.values()} <= {*ENDED, *REFUSED}
    assert not set(ENDED) & set(REFUSED)
    # What is refused over money is asked of the account, and not of the channels.
    assert set(UNPLACED) - UNPAID == set(REFUSALS)
    page = (Path(__file__).parents[3] / "docs" / "calls.md").read_text(encoding="utf-8")
    table = page.partition("## What became of a call")[2].partition("\n## ")[0]
    for outcome in (*ENDED, *REFUSED, *UNPLACED, *PASSED):
        assert f"`{outcome}`" in table, outcome


def test_t10_what_became_of_it_is_said_in_words() -> None:
    assert why("pending", None) == "It is still to be made."
    assert why("pending", "busy") == "It is still to be made. The last try: The line was busy."
    assert why("done", "quiet_hours") == REFUSED["quiet_hours"]
    assert why("done", "no_channel") == ENDED["no_channel"]
    assert why("done", "special_number") == UNPLACED["special_number"]
    # Of a later release.
    assert why("done", "moon") == "moon"
    assert why("done", None) == "-"


# --- cancelling ------------------------------------------------------------------------------


def test_t11_what_is_pending_is_cancelled(stocked: Run, requests: Requests) -> None:
    made = said(stocked(*ASK, "--json"))["id"]
    assert ok(stocked("callback", "cancel", made)) == f"cancelled callback {made}\n"
    refused(stocked("callback", "cancel", made), "cannot be cancelled: it is done")
    refused(stocked("callback", "cancel", "x"), "there is no callback x")
    again = said(stocked(*ASK, "--json"))["id"]
    gone = said(stocked("callback", "cancel", again, "--json"))
    assert (gone["id"], gone["state"], gone["outcome"]) == (again, "done", "cancelled")


# --- the switch ------------------------------------------------------------------------------


def test_o6_callbacks_are_stopped_and_resumed(stocked: Run) -> None:
    assert ok(stocked("stops")) == ""
    assert said(stocked("stops", "--json")) == []
    for options, where in (
        ((), "everywhere"),
        (("--client", "main"), "of client main"),
        (("--extension", "100"), "of extension 100"),
    ):
        printed = ok(stocked("stop", *options))
        assert printed == f"stopped callbacks {where}; calls in progress end as they would\n"
        again = stocked("stop", *options, "--hang-up", "--reason", "fraud")
        assert ok(again) == f"stopped callbacks {where}; calls in progress end at once\n"
        assert again.stderr == "they were stopped already\n"
        assert said(stocked(*ASK, "--json"))["outcome"] == "stopped"
        assert ok(stocked("resume", *options)) == f"resumed callbacks {where}\n"
        refused(stocked("resume", *options), "callbacks are not stopped there")
    assert said(stocked(*ASK, "--json"))["state"] == "pending"


def test_o6_what_is_stopped_is_listed_with_who_did_it_and_why(stocked: Run) -> None:
    made = said(stocked("stop", "--client", "main", "--hang-up", "--reason", "fraud", "--json"))
    assert (made["scope"], made["name"], made["hang_up"], made["reason"]) == (
        "client",
        "main",
        True,
        "fraud",
    )
    everywhere = said(stocked("stop", "--json"))
    assert said(stocked("stops", "--json")) == [made, everywhere]
    lines = told(ok(stocked("stops")))
    assert lines[0] == "scope name since hang up actor reason"
    assert lines[1].startswith("client main 20")
    assert lines[1].endswith(f"yes {made['actor']} fraud")
    assert lines[2].endswith(f"no {made['actor']} -")
    assert said(stocked("resume", "--client", "main", "--json")) == made
    audited = said(stocked("audit", "list", "--kind", "stop", "--json"))
    assert [line["action"] for line in audited] == ["delete", "create", "create"]


def test_o6_what_is_not_there_cannot_be_stopped(stocked: Run) -> None:
    refused(stocked("stop", "--client", "nobody"), "there is no client nobody")
    refused(stocked("stop", "--extension", "7"), "there is no extension 7")
    refused(stocked("stop", "--reason", "two\nlines"), "reason: ")
    for command in ("stop", "resume"):
        both = stocked(command, "--client", "main", "--extension", "100")
        assert both.exit_code == 2
        assert "name a client or an extension, and not both" in both.stderr
    assert said(stocked("stops", "--json")) == []


# --- the shell -------------------------------------------------------------------------------


def test_what_the_commands_name_is_completed(
    stocked: Run, requests: Requests, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CALLBACKD_DATA_DIR", str(data))
    made = stored(requests, NUMBER, now=1)
    none = requests.refuse(asking(None, now=2), "hidden")
    shell = ShellComplete(main, {}, "callbackd", "_CALLBACKD_COMPLETE")
    for line, words in (
        ("callback ", ["ask", "cancel", "list", "show"]),
        ("callback ask 1", ["100"]),
        ("callback show ", [none.id, made.id]),
        (f"callback show {made.id[:8]}", [made.id]),
        # What can be cancelled alone.
        ("callback cancel ", [made.id]),
        ("callback list --extension 1", ["100"]),
        ("callback list --state a", ["answered"]),
        ("stop --client m", ["main"]),
        ("stop --extension 1", ["100"]),
        ("resume --client m", ["main"]),
        ("sto", ["stop", "stops"]),
        ("audit list --kind c", ["client", "channel", "callerid", "callback"]),
    ):
        *before, incomplete = line.split(" ")
        offered = [item.value for item in shell.get_completions(before, incomplete)]
        assert offered == words, line


def test_completion_of_callbacks_is_silent_where_there_is_no_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CALLBACKD_DATA_DIR", str(tmp_path / "nowhere"))
    shell = ShellComplete(main, {}, "callbackd", "_CALLBACKD_COMPLETE")
    assert shell.get_completions(["callback", "show"], "") == []
    assert not (tmp_path / "nowhere").exists()
    monkeypatch.setenv("CALLBACKD_DATABASE__URL", "nonsense")
    assert shell.get_completions(["callback", "show"], "") == []


@pytest.mark.parametrize(
    "arguments", [ASK, ("callback", "list"), ("callback", "show", "x"), ("stop",), ("stops",)]
)
def test_o1_a_bad_setting_ends_each_command_by_its_name(
    run: Run, arguments: tuple[str, ...]
) -> None:
    refused(run(*arguments, CALLBACKD_LISTEN__PORT="x"), "listen.port: ")
    refused(run(*arguments, CALLBACKD_DATABASE__URL="nonsense"), "database.url: ")
