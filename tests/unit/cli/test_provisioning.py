"""The commands of every kind of record: what each makes, shows, changes, and will not do."""

from __future__ import annotations

import pwd
from os import getuid
from pathlib import Path
from typing import Any

import click
import msgspec
import pytest
from click.testing import CliRunner
from msgspec import inspect

from controller.admin.audit import AuditKind
from controller.admin.model import Actor, Kind, Stale
from controller.admin.shapes import FILTERS, INPUTS, MODELS, PATCHES, VIEWS
from controller.cli import main
from controller.commands import common, fields, records, types

from .running import ADD, Run, ok, refused, said, shown, told

#: For each kind: how one is made, how it is named, and a change.
KINDS: dict[str, tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = {
    "client": (("acme",), ("acme",), ("--contact-name", "Acme")),
    "channel": (("backup",), ("backup",), ("--description", "second")),
    "number": (
        ("+12025550122", "--channel", "pstn"),
        ("+12025550122",),
        ("--client", "main"),
    ),
    "extension": (
        ("200", "--country", "US", "--did", "+12025550200", "--caller-id", "+12025550111"),
        ("200",),
        ("--ring-seconds", "9"),
    ),
    "callerid": (("100", "+12125550199"), ("100", "+12125550199"), ("--notes", "Bob")),
    "account": (("100", "--currency", "EUR"), ("100",), ("--unlimited",)),
    "sound": (("welcome", "--path", "/a.wav"), ("welcome",), ("--path", "/b.wav")),
    "token": (("web", "--role", "admin"), ("web",), ("--expires", "90d")),
}


@pytest.mark.parametrize("kind", list(KINDS))
def test_each_kind_is_added_shown_listed_changed_and_removed(stocked: Run, kind: str) -> None:
    made, name, change = KINDS[kind]
    added = said(stocked(kind, "add", *made, "--json"))
    added.pop("secret", None)
    assert set(VIEWS[Kind(kind)].__struct_fields__) == set(added)
    assert added["version"] == 1
    assert added["created"] == added["changed"]
    assert said(stocked(kind, "show", *name, "--json")) == added
    # Who plays a sound is not looked for in a list.
    unsaid = {"used_by": None} if kind == "sound" else {}
    assert added | unsaid in said(stocked(kind, "list", "--json"))

    changed = said(stocked(kind, "set", *name, *change, "--if-version", "1", "--json"))
    assert changed["version"] == 2
    # Only what was given is another.
    differ = {field for field in added if changed[field] != added[field]}
    # Where a sound is follows from its path.
    differ -= {"version", "changed", "switch_path"}
    assert differ == {change[0].removeprefix("--").replace("-", "_")}
    assert shown(ok(stocked(kind, "show", *name)))["version"] == "2"

    refused(stocked(kind, "set", *name, *change, "--if-version", "1"), "version 2")
    refused(stocked(kind, "set", *name), "nothing is to be changed")
    refused(stocked(kind, "remove", *name), "there is no terminal to ask on; add --yes")
    refused(stocked(kind, "remove", *name, "--yes", "--if-version", "1"), "changed meanwhile")
    assert said(stocked(kind, "remove", *name, "--yes", "--json")) == changed
    refused(stocked(kind, "show", *name), "there is no")
    refused(stocked(kind, "remove", *name, "--yes"), "there is no")


@pytest.mark.parametrize("kind", list(KINDS))
def test_the_same_is_not_added_twice(stocked: Run, kind: str) -> None:
    ok(stocked(kind, "add", *KINDS[kind][0]))
    refused(stocked(kind, "add", *KINDS[kind][0]), "is there already")


@pytest.mark.parametrize("kind", list(Kind))
def test_every_field_has_an_option_and_every_option_its_help(kind: Kind) -> None:
    """A field that a later release adds is an option by itself."""
    word = kind.value.replace("_", "-")
    group = main.commands[word]
    assert isinstance(group, click.Group)
    for name, shape in (("add", INPUTS), ("set", PATCHES)):
        command = group.commands[name]
        context = click.Context(command)
        params = {param.name: param for param in command.get_params(context)}
        named = {"extension", "caller"} if kind is Kind.ACCOUNT else set()
        assert set(shape[kind].__struct_fields__) - named <= set(params), name
        for param in params.values():
            assert not isinstance(param, click.Option) or param.help, param.name
        assert CliRunner().invoke(main, [word, name, "--help"]).exit_code == 0
    listing = group.commands["list"]
    assert set(FILTERS[kind]) <= {p.name for p in listing.get_params(click.Context(listing))}


def test_the_help_has_bounds_and_defaults() -> None:
    printed = " ".join(CliRunner().invoke(main, ["extension", "add", "--help"]).output.split())
    assert "the trigger call is refused after so long. [1-60; default: 5]" in printed
    assert "one of the client's public numbers. E.164, such as +12025550100. [repeat" in printed
    assert "--country TEXT Numbers written nationally" in printed
    assert "[server|equipment|custom]" in printed
    printed = " ".join(CliRunner().invoke(main, ["channel", "add", "--help"]).output.split())
    assert "[repeat for several; default: from]" in printed
    assert "the next channel is tried. [1-60; default: 15]" in printed
    # Of a field that an extension has too, it says what it is of a channel.
    assert "--time-zone TEXT Of its hours" in printed
    assert "--enabled / --no-enabled Off: no call goes out over it. [default: on]" in printed


def test_every_type_that_a_field_can_have_makes_an_option() -> None:
    """Those of `Policy` that nothing acts on yet will be options one day."""
    known = {
        type(fields.bare(inspect.type_info(field.type))[0]).__name__
        for model in MODELS.values()
        for field in msgspec.structs.fields(model)
    }
    assert known <= {
        "StrType", "IntType", "BoolType", "EnumType", "VarTupleType", "DictType", "StructType",
    }  # fmt: skip
    rate = types.Parts(("minute", "hour"))
    assert rate.convert("minute=3,hour=10", None, None) == {"minute": 3, "hour": 10}
    for wrong in ("minute", "minute=", "day=3", "minute=-1", ""):
        with pytest.raises(click.BadParameter, match="minute=N"):
            rate.convert(wrong, None, None)
    priced = types.Pair(numbers=True)
    assert priced.convert("+49=12000", None, None) == ("+49", 12_000)
    for wrong in ("+49=", "+49=1.5", "+49=x", "+49=1_0", "+49=\u0661", "=" + "9" * 19):
        with pytest.raises(click.BadParameter, match="is no whole number"):
            priced.convert(wrong, None, None)


@pytest.mark.parametrize(
    ("plural", "one"),
    [
        ("dids", "did"),
        ("return-countries", "return-country"),
        ("blocked-prefixes", "blocked-prefix"),
        ("addresses", "address"),
        ("caller-ids", "caller-id"),
        ("fish", "fish"),
        ("hours", "hours"),
    ],
)
def test_an_option_that_is_repeated_is_called_by_one_of_them(plural: str, one: str) -> None:
    assert fields.singular(plural) == one


# --- changing --------------------------------------------------------------------------------


def test_a_list_is_replaced_added_to_and_taken_from(stocked: Run) -> None:
    def dids(*options: str) -> Any:
        return said(stocked("extension", "set", "100", *options, "--json"))["dids"]

    assert dids("--did", "+12025550101", "--did", "+12025550102") == [
        "+12025550101",
        "+12025550102",
    ]
    assert dids("--add-did", "+12025550103", "--remove-did", "+12025550101") == [
        "+12025550102",
        "+12025550103",
    ]
    # What is there already is not added twice.
    assert dids("--add-did", "+12025550103") == ["+12025550102", "+12025550103"]
    refused(
        stocked("extension", "set", "100", "--remove-did", "+12025550199"),
        "dids: +12025550199 is none of them",
    )
    refused(
        stocked(
            "extension", "set", "100", "--remove-did", "+12025550102", "--remove-did",
            "+12025550103",
        ),
        "dids: ",
    )  # fmt: skip


def test_i5_another_number_assigned_is_the_default_where_the_old_one_went(stocked: Run) -> None:
    ok(stocked("number", "add", "+12025550112", "--channel", "pstn", "--client", "main"))
    changed = said(stocked("extension", "set", "100", "--caller-id", "+12025550112", "--json"))
    assert (changed["caller_ids"], changed["default_caller_id"]) == (
        ["+12025550112"],
        "+12025550112",
    )
    refused(
        stocked("extension", "set", "100", "--default-caller-id", "+12025550111"),
        "default_caller_id: +12025550111 is not assigned to this extension",
    )


def test_a_table_is_replaced_added_to_and_taken_from(stocked: Run) -> None:
    ok(stocked("callerid", "add", "100", "+12125550199", "--speed-dial", "1=+12125550101"))

    def dials(*options: str) -> Any:
        return said(stocked("callerid", "set", "100", "+12125550199", *options, "--json"))[
            "speed_dials"
        ]

    assert dials("--add-speed-dial", "22=+12125550122") == {
        "1": "+12125550101",
        "22": "+12125550122",
    }
    assert dials("--remove-speed-dial", "1", "--add-speed-dial", "22=+12125550123") == {
        "22": "+12125550123"
    }
    assert dials("--speed-dial", "3=+12125550103") == {"3": "+12125550103"}
    assert dials("--reset", "speed-dials") == {}
    twice = ("--speed-dial", "3=+12125550103", "--speed-dial", "3=+12125550104")
    refused(stocked("callerid", "set", "100", "+12125550199", *twice), "speed_dials: one of them")
    wrong = ("callerid", "set", "100", "+12125550199", "--speed-dial", "3")
    assert stocked(*wrong).exit_code == 2


def test_t4_a_channel_says_who_is_believed_and_how_it_writes(run: Run) -> None:
    made = said(
        run("channel", "add", "pstn", "--address", "192.0.2.0/24", "--identity",
            "p-asserted-identity", "--identity", "from", "--country", "DE", "--rewrite", "00=+",
            "--refusal-cause", "CALL_REJECTED", "--json")
    )  # fmt: skip
    settings = {
        "addresses": ["192.0.2.0/24"],
        "identity": ["p-asserted-identity", "from"],
        "country": "DE",
        "rewrite": {"00": "+"},
        "refusal_cause": "CALL_REJECTED",
    }
    assert {name: made[name] for name in settings} == settings
    lines = shown(ok(run("channel", "show", "pstn")))
    assert {name: lines[name] for name in settings} == {
        "addresses": "192.0.2.0/24",
        "identity": "p-asserted-identity from",
        "country": "DE",
        "rewrite": "00=+",
        "refusal_cause": "CALL_REJECTED",
    }

    def changed(field: str, *options: str) -> Any:
        return said(run("channel", "set", "pstn", *options, "--json"))[field]

    assert changed(
        "addresses", "--add-address", "2001:db8::1", "--remove-address", "192.0.2.0/24"
    ) == ["2001:db8::1"]
    assert changed(
        "identity", "--remove-identity", "from", "--add-identity", "remote-party-id"
    ) == ["p-asserted-identity", "remote-party-id"]
    # Of several the order is what counts.
    assert changed("identity", "--identity", "from", "--identity", "p-asserted-identity") == [
        "from",
        "p-asserted-identity",
    ]
    assert changed("rewrite", "--add-rewrite", "0=+49") == {"00": "+", "0": "+49"}
    # A number that begins with anything else.
    assert changed("rewrite", "--remove-rewrite", "00", "--add-rewrite", "=+") == {
        "0": "+49",
        "": "+",
    }
    assert changed("rewrite", "--remove-rewrite", "") == {"0": "+49"}
    for field, default in (("addresses", []), ("identity", ["from"]), ("rewrite", {})):
        assert changed(field, "--reset", field) == default


#: How a channel is used for calls that go out: options, and what is kept.
OUTGOING: dict[str, tuple[tuple[str, ...], Any]] = {
    "trust_callers": (("--trust-callers",), True),
    "enabled": (("--no-enabled",), False),
    "destinations": (
        ("--destination", "+49=12000", "--destination", "+=90000"),
        {"+49": 12_000, "+": 90_000},
    ),
    "priority": (("--priority", "5"), 5),
    "hours": (
        ("--hours", "mon-fri 08:00-18:00", "--hours", "sat 22:00-02:00"),
        ["mon-fri 08:00-18:00", "sat 22:00-02:00"],
    ),
    "time_zone": (("--time-zone", "Europe/Berlin"), "Europe/Berlin"),
    "concurrent_calls": (("--concurrent-calls", "30"), 30),
    "progress_seconds": (("--progress-seconds", "8"), 8),
    "country": (("--country", "DE"), "DE"),
    "number_format": (("--number-format", "national"), "national"),
    "dial_prefix": (("--dial-prefix", "0"), "0"),
    "caller_id_format": (("--caller-id-format", "plus"), "plus"),
    "domain": (("--domain", "sip.example.com"), "sip.example.com"),
    "hidden_identity": (("--hidden-identity", "private"), "private"),
    "proxy": (("--proxy", "sip.example.com:5060"), "sip.example.com:5060"),
    "transport": (("--transport", "tcp"), "tcp"),
    "username": (("--username", "acct"), "acct"),
    "register": (("--register",), True),
    "ping_seconds": (("--ping-seconds", "30"), 30),
}


def test_i4_a_channel_says_when_and_for_what_it_is_used(run: Run) -> None:
    options = [option for given, _ in OUTGOING.values() for option in given]
    made = said(run("channel", "add", "pstn", *options, "--json"))
    assert {name: made[name] for name in OUTGOING} == {
        name: kept for name, (_, kept) in OUTGOING.items()
    }
    lines = shown(ok(run("channel", "show", "pstn")))
    assert lines["destinations"] == "+49=12000 +=90000"
    assert lines["hours"] == "mon-fri 08:00-18:00 sat 22:00-02:00"
    assert (lines["enabled"], lines["register"], lines["priority"]) == ("off", "yes", "5")
    assert told(ok(run("channel", "list"))) == [
        "name enabled priority concurrent calls description",
        "pstn off 5 30 -",
    ]

    def changed(field: str, *options: str) -> Any:
        return said(run("channel", "set", "pstn", *options, "--json"))[field]

    assert changed(
        "destinations", "--add-destination", "+49=15000", "--remove-destination", "+",
        "--add-destination", "+43=0",
    ) == {"+49": 15_000, "+43": 0}  # fmt: skip
    assert changed(
        "hours", "--add-hours", "sun 00:00-24:00", "--remove-hours", "sat 22:00-02:00"
    ) == ["mon-fri 08:00-18:00", "sun 00:00-24:00"]
    for field, default in (
        ("destinations", {}), ("hours", []), ("concurrent_calls", None), ("priority", 10),
        ("ping_seconds", None), ("enabled", True), ("register", False), ("dial_prefix", ""),
    ):  # fmt: skip
        assert changed(field, "--reset", field.replace("_", "-")) == default


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--destination", "49=1"), "destinations: is not written as it has to be: The beginning"),
        (("--destination", "+=-1"), "destinations[...]: write a whole number, at least 0"),
        (("--destination", "+=1", "--destination", "+=2"), "destinations: one of them is given"),
        (("--hours", "mon"), "hours[0]: is not written as it has to be: Days and times: mon-fri"),
        (("--priority", "0"), "priority: write a whole number, at least 1"),
        (("--number-format", "national"), "number_format: `national` numbers are written by a"),
        (("--register", "--proxy", "x"), "username: a gateway that registers needs it; set it"),
        (("--ping-seconds", "30"), "ping_seconds: is of a gateway that we write"),
    ],
)
def test_i4_a_wrong_setting_of_a_channel_is_refused_by_its_name(
    run: Run, options: tuple[str, ...], says: str
) -> None:
    refused(run("channel", "add", "pstn", *options), says)
    assert said(run("channel", "list", "--json")) == []


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--address", "192.0.2.1/24"), "addresses: '192.0.2.1/24' is no network; write 192.0"),
        (("--address", "trunk.example"), "addresses[0]: is not written as it has to be"),
        (("--country", "XX"), "country: 'XX' is no country; write two capitals of ISO 3166"),
        (("--rewrite", "0=x"), "rewrite[...]: is not written as it has to be: A plus and digits"),
        (("--identity", "from", "--identity", "from"), "identity: from stands twice"),
    ],
)
def test_t4_a_wrong_setting_of_a_channel_is_refused_by_its_name(
    run: Run, options: tuple[str, ...], says: str
) -> None:
    refused(run("channel", "add", "pstn", *options), says)
    assert said(run("channel", "list", "--json")) == []


def test_t4_a_word_that_is_none_is_refused_with_those_that_are(run: Run) -> None:
    for option in ("--identity", "--refusal-cause"):
        result = run("channel", "add", "pstn", option, "diversion")
        assert result.exit_code == 2
        assert "p-asserted-identity" in result.stderr or "CALL_REJECTED" in result.stderr


def test_a_default_is_brought_back(stocked: Run) -> None:
    ok(stocked("extension", "set", "100", "--ring-seconds", "9", "--description", "x"))
    changed = said(
        stocked("extension", "set", "100", "--reset", "ring-seconds", "--reset", "description",
                "--json")
    )  # fmt: skip
    assert (changed["ring_seconds"], changed["description"]) == (5, "")
    both = ("extension", "set", "100", "--reset", "ring-seconds", "--ring-seconds", "6")
    assert stocked(*both).exit_code == 2


def test_a_password_is_set_kept_and_taken_away(stocked: Run) -> None:
    def is_set(*options: str) -> bool:
        changed = said(stocked("extension", "set", "100", *options, "--json"))["password_set"]
        assert isinstance(changed, bool)
        return changed

    assert is_set("--password", "2468")
    assert is_set("--ring-seconds", "6")
    assert not is_set("--no-password")
    assert is_set("--password", "2468")
    assert not is_set("--reset", "password")
    both = ("extension", "set", "100", "--password", "2468", "--no-password")
    assert stocked(*both).exit_code == 2


def test_what_somebody_else_added_meanwhile_is_kept(
    stocked: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = fields.edited
    others = ["+12025550105", "+12025550106"]

    def meanwhile(name: str, now: Any, added: Any, removed: Any) -> Any:
        if others:
            # Another command ends between this one's reading and its writing.
            other = others.pop()
            with monkeypatch.context() as undone:
                undone.setattr(records, "edited", real)
                ok(stocked("extension", "set", "100", "--add-did", other))
        return real(name, now, added, removed)

    monkeypatch.setattr(records, "edited", meanwhile)
    changed = said(stocked("extension", "set", "100", "--add-did", "+12025550107", "--json"))
    assert set(changed["dids"]) == {
        "+12025550100", "+12025550105", "+12025550106", "+12025550107",
    }  # fmt: skip


def test_a_list_that_never_stops_changing_is_given_up(
    stocked: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    from controller.admin.directory import Directory

    def stale(*_: object, **__: object) -> None:
        raise Stale("extension 100 was changed meanwhile")

    monkeypatch.setattr(Directory, "change", stale)
    refused(stocked("extension", "set", "100", "--add-did", "+12025550107"), "changed meanwhile")


# --- removing --------------------------------------------------------------------------------


def test_removing_is_asked_for_on_a_terminal(stocked: Run, terminal: None) -> None:
    result = stocked("extension", "remove", "100", types="n\n")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "Remove extension 100?" in result.stderr
    assert "nothing was removed" in result.stderr
    assert said(stocked("extension", "show", "100", "--json"))["extension"] == "100"
    assert ok(stocked("extension", "remove", "100", types="y\n")) == "removed extension 100\n"
    refused(stocked("extension", "show", "100"), "there is no extension 100")


def test_what_is_used_is_not_removed(stocked: Run) -> None:
    refused(stocked("number", "remove", "+12025550111", "--yes"), "extension 100")
    refused(stocked("channel", "remove", "pstn", "--yes"), "+12025550111")
    refused(stocked("client", "remove", "main", "--yes"), "uses it")


# --- lists -----------------------------------------------------------------------------------


def test_lists_are_filtered_and_limited(stocked: Run) -> None:
    ok(stocked("extension", "set", "100", "--no-enabled"))
    for number in ("+12125550101", "+12125550102", "+13125550101"):
        ok(stocked("callerid", "add", "100", number))

    def keys(kind: str, *options: str) -> list[str]:
        field = {"extension": "extension", "callerid": "number"}[kind]
        return [item[field] for item in said(stocked(kind, "list", *options, "--json"))]

    assert keys("extension", "--enabled") == []
    assert keys("extension", "--no-enabled") == ["100"]
    assert keys("extension", "--did", "+12025550100", "--client", "main") == ["100"]
    assert keys("extension", "--did", "+12025550109") == []
    assert keys("callerid", "--number", "+1212") == ["+12125550101", "+12125550102"]
    assert keys("callerid", "--limit", "1") == ["+12125550101"]
    assert stocked("callerid", "list", "--limit", "0").exit_code == 2


def test_a_list_goes_on_over_all_pages(stocked: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("controller.admin.model.MOST_ITEMS", 2)
    numbers = [f"+1212555010{digit}" for digit in range(5)]
    for number in numbers:
        ok(stocked("callerid", "add", "100", number))
    listed = said(stocked("callerid", "list", "--json"))
    assert [item["number"] for item in listed] == numbers
    lines = ok(stocked("callerid", "list")).splitlines()
    assert len(lines) == 6
    # Aligned over the pages, too.
    assert {line.index("on") for line in lines[1:]} == {lines[0].index("enabled")}
    assert len(said(stocked("callerid", "list", "--limit", "3", "--json"))) == 3


def test_what_a_terminal_would_act_on_is_not_printed(stocked: Run) -> None:
    ok(stocked("callerid", "add", "100", "+12125550199", "--notes", "two\nlines \x9b31m"))
    assert told(ok(stocked("callerid", "list")))[1].endswith("- - two lines 31m")


# --- tokens ----------------------------------------------------------------------------------


def test_the_secret_of_a_token_is_printed_once_alone_on_the_last_line(
    stocked: Run, data: Path
) -> None:
    secret = ok(stocked("token", "add", "web", "--role", "client", "--client", "main"))
    secret = secret.splitlines()[-1]
    assert secret.startswith("cbd_")
    assert " " not in secret
    for command in (("show", "web"), ("list",), ("list", "--json")):
        assert secret not in ok(stocked("token", *command))
    assert secret not in ok(stocked("audit", "list", "--json"))
    assert secret.encode() not in b"".join(path.read_bytes() for path in data.iterdir())


def test_a_token_for_programs_has_its_secret_beside_its_record(stocked: Run) -> None:
    made = said(stocked("token", "add", "web", "--role", "admin", "--json"))
    assert made.pop("secret").startswith("cbd_")
    assert made == said(stocked("token", "show", "web", "--json"))


def test_a_token_ends_on_a_day_or_some_time_from_now(
    stocked: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(common, "now", lambda: 1_800_000_000_000_000)

    def expires(text: str) -> int | None:
        made = stocked("token", "add", f"t{text}", "--role", "admin", "--expires", text, "--json")
        seconds = said(made)["expires"]
        assert seconds is None or isinstance(seconds, int)
        return seconds

    assert expires("90d") == 1_800_000_000 + 90 * 86_400
    assert expires("12h") == 1_800_000_000 + 12 * 3600
    assert expires("30m") == 1_800_000_000 + 1800
    # From its beginning, UTC.
    assert expires("2027-01-31") == 1_801_353_600
    assert shown(ok(stocked("token", "show", "t2027-01-31")))["expires"] == "2027-01-31 00:00:00"
    for wrong in ("2027-01-10", "soon", "2027-02-30", "0d", "90"):
        made = stocked("token", "add", "x", "--role", "admin", "--expires", wrong)
        assert made.exit_code == 2, wrong
    assert said(stocked("token", "set", "t90d", "--reset", "expires", "--json"))["expires"] is None


def test_a_token_of_a_client_names_it(stocked: Run) -> None:
    refused(stocked("token", "add", "web", "--role", "client"), "client: ", "name it")


# --- sounds ----------------------------------------------------------------------------------


def test_s1_a_sound_has_its_name_once_in_each_language(stocked: Run) -> None:
    ok(stocked("sound", "add", "welcome", "--path", "/en.wav"))
    ok(stocked("sound", "add", "welcome", "--path", "/pt.wav", "--language", "pt-BR"))
    german = stocked("sound", "show", "welcome", "--language", "pt-BR", "--json")
    assert said(german)["path"] == "/pt.wav"
    ok(stocked("sound", "set", "welcome", "--language", "pt-BR", "--path", "/br.wav"))
    ok(stocked("sound", "remove", "welcome", "--yes"))
    left = said(stocked("sound", "list", "--json"))
    assert [(item["language"], item["path"]) for item in left] == [("pt-BR", "/br.wav")]


# --- who acts --------------------------------------------------------------------------------


def test_o2_the_audit_log_says_who_changed_what(stocked: Run) -> None:
    who = f"cli:{pwd.getpwuid(getuid()).pw_name}"
    ok(stocked("extension", "set", "100", "--ring-seconds", "9", "--password", "2468"))
    newest = said(stocked("audit", "list", "--json"))[0]
    assert (newest["actor"], newest["action"], newest["key"]) == (who, "change", "100")
    assert newest["before"] == {"ring_seconds": 5, "password_set": False}
    assert newest["after"] == {"ring_seconds": 9, "password_set": True}
    assert newest["at"].endswith("Z")
    assert "ring_seconds: 5 -> 9" in ok(stocked("audit", "list"))
    found = said(stocked("audit", "list", "--kind", "extension", "--action", "create", "--json"))
    assert [line["key"] for line in found] == ["100"]
    assert said(stocked("audit", "list", "--actor", "cli:nobody-here", "--json")) == []
    assert len(said(stocked("audit", "list", "--limit", "2", "--json"))) == 2
    assert said(stocked("audit", "list", "--key", "100", "--limit", "1", "--json")) == [newest]


def test_o2_the_audit_log_can_be_asked_for_all_that_it_tells_of(stocked: Run) -> None:
    for kind in AuditKind:
        ok(stocked("audit", "list", "--kind", kind.value))


def test_who_acts_is_whom_the_machine_knows_and_not_what_the_environment_says(
    stocked: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    ok(stocked("client", "add", "acme", LOGNAME="somebody", USER="somebody"))
    assert "somebody" not in said(stocked("audit", "list", "--json"))[0]["actor"]

    def nobody(number: int) -> None:
        raise KeyError(number)

    monkeypatch.setattr(pwd, "getpwuid", nobody)
    # In a container the number may be all there is.
    assert common.actor() == Actor(name=f"cli:{getuid()}", role=common.actor().role)


def test_what_touches_policies_is_announced(prepared: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    told_of: list[Any] = []
    monkeypatch.setattr(common, "announcer", lambda settings, engine: told_of.append)
    ok(prepared(*ADD))
    ok(prepared("sound", "add", "welcome", "--path", "/a.wav"))
    assert [change.extensions for change in told_of] == [("100",)]


def test_a_command_that_needs_no_password_makes_no_pepper(stocked: Run, data: Path) -> None:
    assert not (data / "pepper").exists()
    (data / "pepper").write_bytes(b"short")
    ok(stocked("extension", "show", "100"))
    refused(stocked("extension", "set", "100", "--password", "2468"), "the passwords' pepper")


def test_a_database_that_fails_is_an_error_of_one_line(
    stocked: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sqlite3

    from sqlalchemy.exc import ArgumentError, OperationalError

    from controller.admin.directory import Directory

    failures = [
        OperationalError("SELECT secret", {}, sqlite3.OperationalError("database is locked")),
        ArgumentError("no such thing"),
    ]

    def fail(*_: object, **__: object) -> None:
        raise failures.pop(0)

    monkeypatch.setattr(Directory, "get", fail)
    result = stocked("extension", "show", "100")
    refused(result)
    assert result.stderr == "Error: the database: database is locked\n"
    refused(stocked("extension", "show", "100"), "the database: no such thing")


def test_a_redis_that_cannot_be_is_refused_before_anything_is_changed(run: Run) -> None:
    result = run("client", "add", "acme", CALLBACKD_REDIS__URL="http://192.0.2.1/")
    refused(result, "redis.url")
    listed = msgspec.json.decode(ok(run("client", "list", "--json")))
    assert [client["name"] for client in listed] == ["main"]


def test_a_redis_that_is_not_there_keeps_no_command_from_its_work(run: Run) -> None:
    """The controllers find the change in the store."""
    ok(run("client", "set", "main", "--contact-name", "Acme", CALLBACKD_REDIS__URL="unix:///no"))
    shown = msgspec.json.decode(ok(run("client", "show", "main", "--json")))
    assert shown["contact_name"] == "Acme"
