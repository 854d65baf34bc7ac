"""An extension's page (O2): every setting in its section, the essentials, calling back by hand."""

from __future__ import annotations

from typing import Any, Final

import msgspec
import pytest

from controller.admin.callback_shapes import State, StopScope
from controller.admin.model import Kind
from controller.admin.rights import OPERATOR_FIELDS
from controller.admin.shapes import INPUTS
from controller.web.pages.extension_sections import EXTENSIONS, GROUPS
from controller.web.pages.extensions import ExtensionPages
from controller.web.pages.forms import Form, Section, Widget
from controller.web.pages.timeline import TimelinePages
from tests import abuse
from tests.web.pages.forms import check_unchanged, check_whole, fields
from tests.web.pages.site import Site, desks
from tests.web.world import ADMIN, PASSWORD, World

PATH: Final = "/extensions/of/1001"
#: What is typed into each field, and what is stored then. Each goes by itself.
TYPED: Final[dict[str, tuple[dict[str, Any], Any]]] = {
    "client": ({"client": "main", "caller_ids": "", "hide_caller_id": "on"}, "main"),
    "dids": (
        {"dids": "+1 (202) 555-0210\r\n+12025550211, +12025550212"},
        ["+12025550210", "+12025550211", "+12025550212"],
    ),
    "country": ({"country": "GB"}, "GB"),
    "language": ({"language": "pt-BR"}, "pt-BR"),
    "description": (
        {"description": "Ours, \N{LATIN SMALL LETTER E WITH ACUTE} <b>"},
        "Ours, é <b>",
    ),
    "enabled": ({"enabled": ""}, False),
    "ring_seconds": ({"ring_seconds": "8"}, 8),
    "early_hang_up": ({"early_hang_up": "callback"}, "callback"),
    "early_hang_up_seconds": ({"early_hang_up_seconds": "3"}, 3),
    "return_calls": ({"return_calls": "authorized"}, "authorized"),
    "fixed_number": (
        {"return_calls": "fixed", "fixed_number": "+1 202 555 0777"},
        "+12025550777",
    ),
    "delay_seconds": ({"delay_seconds": "0"}, 0),
    "expiry_seconds": ({"expiry_seconds": "1200"}, 1200),
    "quiet_from": ({"quiet_from": "22:00", "quiet_until": "07:30"}, "22:00"),
    "quiet_until": ({"quiet_from": "22:00", "quiet_until": "07:30"}, "07:30"),
    "time_zone": ({"time_zone": "Europe/Berlin"}, "Europe/Berlin"),
    "retries_busy": ({"retries_busy": "2"}, 2),
    "retries_no_answer": ({"retries_no_answer": "3"}, 3),
    "retries_failed": ({"retries_failed": "4"}, 4),
    "retry_seconds": ({"retry_seconds": "90"}, 90),
    "retry_causes": (
        {
            "retry_causes.0": ["NO_USER_RESPONSE", "SWITCH_CONGESTION", ""],
            "retry_causes.1": ["busy", "never", ""],
        },
        {"NO_USER_RESPONSE": "busy", "SWITCH_CONGESTION": "never"},
    ),
    "return_ring_seconds": ({"return_ring_seconds": "25"}, 25),
    "human_check": ({"human_check": ["", "on"]}, True),
    "dial_seconds": ({"dial_seconds": "60"}, 60),
    "destination_ring_seconds": ({"destination_ring_seconds": "20"}, 20),
    "further_calls": ({"further_calls": "5"}, 5),
    "say_time_left": ({"say_time_left": ["", "on"]}, True),
    "sound_before_disconnecting": ({"sound_before_disconnecting": "/bye.wav"}, "/bye.wav"),
    "password": ({"password": "4711471147"}, True),
    "caller_passwords": ({"caller_passwords": ["", "on"]}, True),
    "credit_query": ({"credit_query": ["", "on"]}, True),
    "credit_query_again": (
        {"credit_query": ["", "on"], "credit_query_again": ["", "on"]},
        True,
    ),
    "return_countries": ({"return_countries": "US\r\nDE, FR"}, ["US", "DE", "FR"]),
    "return_prefixes": ({"return_prefixes": "+49 30"}, ["+4930"]),
    "return_types": ({"return_types": ["", "fixed", "mobile"]}, ["fixed", "mobile"]),
    "destination_countries": ({"destination_countries": "US\nCA"}, ["US", "CA"]),
    "destination_prefixes": ({"destination_prefixes": "+4420\n+4421"}, ["+4420", "+4421"]),
    "destination_types": ({"destination_types": ["", "voip"]}, ["voip"]),
    "blocked_countries": ({"blocked_countries": "CU"}, ["CU"]),
    "blocked_prefixes": ({"blocked_prefixes": "+1 900"}, ["+1900"]),
    "blocked_types": ({"blocked_types": ["", "toll_free", "unknown"]}, ["toll_free", "unknown"]),
    **{
        name: (
            {f"{name}.minute": "", f"{name}.hour": "3", f"{name}.day": "9"},
            {"minute": None, "hour": 3, "day": 9},
        )
        for name in (
            "callbacks_per_number",
            "callbacks_per_block",
            "callbacks_per_did",
            "callbacks_per_extension",
            "unanswered_per_block",
            "unanswered_per_extension",
        )
    },
    "stop_after_unanswered": ({"stop_after_unanswered": "5"}, 5),
    "concurrent_calls": ({"concurrent_calls": "2"}, 2),
    "longest_call_seconds": ({"longest_call_seconds": "600"}, 600),
    "on_sequential_numbers": ({"on_sequential_numbers": "block"}, "block"),
    "on_many_extensions": ({"on_many_extensions": "ignore"}, "ignore"),
    "on_short_answers": ({"on_short_answers": "block"}, "block"),
    "on_sudden_spend": ({"on_sudden_spend": "ignore"}, "ignore"),
    "minimum_credit": ({"minimum_credit": "0,5"}, 500_000),
    "return_call_exposure": ({"return_call_exposure": "0.000001"}, 1),
    "most_spent_per_hour": ({"most_spent_per_hour": "12.50"}, 12_500_000),
    "most_spent_per_day": ({"most_spent_per_day": "100"}, 100_000_000),
    "caller_id_name_from": ({"caller_id_name_from": "equipment"}, "equipment"),
    "caller_id_name": ({"caller_id_name": "Acme & Co"}, "Acme & Co"),
    "caller_id_number_from": ({"caller_id_number_from": "equipment"}, "equipment"),
    "caller_id_number": (
        {"caller_id_number_from": "custom", "caller_id_number": "+1 202 555 0210"},
        "+12025550210",
    ),
    "caller_ids": (
        {"caller_ids": "+12025550110\n+1 202 555 0111"},
        ["+12025550110", "+12025550111"],
    ),
    "default_caller_id": (
        {"caller_ids": "+12025550110\n+12025550111", "default_caller_id": "+12025550111"},
        "+12025550111",
    ),
    "caller_id_choice": ({"caller_id_choice": "sticky"}, "sticky"),
    "hide_caller_id": ({"hide_caller_id": ["", "on"]}, True),
    "p_asserted_identity": ({"p_asserted_identity": ["", "on"]}, True),
    "p_preferred_identity": (
        {"p_preferred_identity": "sip:line@example.com"},
        "sip:line@example.com",
    ),
    "warning_seconds": ({"warning_seconds": "30"}, 30),
    "warning_sound": (
        {"warning_sound": "tone_stream://%(200,0,440)"},
        "tone_stream://%(200,0,440)",
    ),
    "prompts": (
        {"prompts.goodbye": "/bye.wav", "prompts.sorry": " /sorry.wav "},
        {"goodbye": "/bye.wav", "sorry": "/sorry.wav"},
    ),
}
#: What every field can be at the same time, so that none has its default.
WHOLE: Final[dict[str, Any]] = {
    name: value
    for name, (_, value) in TYPED.items()
    if name not in ("client", "enabled", "caller_id_name_from", "caller_id_number_from", "password")
} | {
    "return_calls": "fixed",
    "caller_id_name_from": "custom",
    "caller_id_number_from": "custom",
    "caller_ids": ["+12025550110", "+12025550111"],
    "default_caller_id": "+12025550111",
    "dids": ["+12025550210", "+12025550211"],
}


def stored(site: Site, extension: str = "1001") -> dict[str, Any]:
    """Give what is stored of an extension, as the API says it."""
    values = site.world.directory.get(ADMIN, Kind.EXTENSION, extension).values
    found: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(values))
    return found


# --- every field --------------------------------------------------------------------------------


def test_o2_every_setting_of_an_extension_has_a_field_and_a_sentence() -> None:
    """O2: none is missing, and each is in one section of the page, once."""
    check_whole(EXTENSIONS)
    names = [field.name for section in EXTENSIONS.sections for field in section.fields]
    assert len(names) == len(set(names))
    assert [group.name for group in GROUPS] == [
        "basics",
        "behaviour",
        "security",
        "callerid",
        "sounds",
    ]
    # Anchors and fields are all ids of one page.
    anchors = {group.name for group in GROUPS} | {s.name for s in EXTENSIONS.sections}
    assert not anchors & set(names)


def test_o2_every_field_says_its_default() -> None:
    """O2: but for those that have none."""
    for section in Form(Kind.EXTENSION, EXTENSIONS.sections).shown():
        for one in section.fields:
            without = one.field.name in ("extension", "dids", "country")
            assert bool(one.default) != without, one.field.name


def test_o2_seconds_and_money_say_their_unit() -> None:
    """O2: a number alone says nothing."""
    for section in EXTENSIONS.sections:
        for field in section.fields:
            if field.name.endswith("_seconds"):
                assert field.unit == "seconds", field.name
            if field.widget in (Widget.MONEY, Widget.NUMBER, Widget.COUNT):
                assert field.unit, field.name


def test_o2_the_table_of_this_test_has_every_field() -> None:
    """O2: what is typed below is tried for each of them."""
    assert set(TYPED) | {"extension"} == set(INPUTS[Kind.EXTENSION].__struct_fields__)


@pytest.mark.parametrize("section", EXTENSIONS.sections, ids=lambda section: section.name)
def test_o2_what_is_typed_into_a_field_is_stored(site: Site, section: Section) -> None:
    """O2: whatever its widget; and it stands in the page then."""
    for name in (field.name for field in section.fields if field.name in TYPED):
        before = stored(site)
        shown = fields(site.get(PATH).text)
        sent, value = TYPED[name]
        answer = site.post(PATH, {**shown, **sent, "do": "save"})
        assert answer.status_code == 303, (name, answer.text)
        assert answer.location == f"{PATH}?done=saved", name
        assert stored(site)["password_set" if name == "password" else name] == value
        # As it was: each is tried by itself, among those that have their defaults.
        was = {one: before.get(one) for one in {key.partition(".")[0] for key in sent}}
        site.world.directory.change(ADMIN, Kind.EXTENSION, "1001", was)


def test_o2_a_form_that_is_sent_back_as_it_was_changes_nothing(site: Site) -> None:
    """O2: neither where all is as it comes, nor where nothing is."""
    check_unchanged(site, PATH, Kind.EXTENSION, "1001")
    site.world.directory.change(ADMIN, Kind.EXTENSION, "1001", WHOLE)
    now = stored(site)
    assert {name: now[name] for name in WHOLE} == WHOLE
    check_unchanged(site, PATH, Kind.EXTENSION, "1001")


def test_o2_a_field_that_is_emptied_has_its_default_again(site: Site) -> None:
    """O2: all of them at once."""
    before = stored(site)
    site.world.directory.change(ADMIN, Kind.EXTENSION, "1001", WHOLE)
    kept = {"version", "extension", "dids", "country", "client", "description", "csrf"}
    kept |= {"caller_ids", "sound_before_disconnecting", "enabled", "default_caller_id"}
    sent = fields(site.get(PATH).text)
    emptied = {name: value if name in kept else "" for name, value in sent.items()}
    for name in ("early_hang_up", "return_calls", "caller_id_choice"):
        # One of these is always chosen.
        emptied[name] = before[name]
    emptied |= {"caller_id_name_from": "custom", "caller_id_number_from": "server"}
    emptied |= {name: "flag" for name in sent if name.startswith("on_")}
    answer = site.post(PATH, {**emptied, "do": "save"})
    assert answer.status_code == 303, answer.text
    now = stored(site)
    changed = {name for name in now if now[name] != before[name]}
    assert changed == {name for name in kept & set(WHOLE) if WHOLE[name] != before[name]}


def test_a4_the_password_is_never_shown_and_can_be_taken_away(site: Site) -> None:
    """A4: only whether there is one."""
    page = site.get(PATH).text
    assert "set; type to replace it" in page
    assert PASSWORD not in page
    assert "argon2" not in page
    sent = {**fields(page), "password-remove": "1", "do": "save"}
    assert site.post(PATH, sent).location == f"{PATH}?done=saved"
    assert stored(site)["password_set"] is False


# --- making, listing ----------------------------------------------------------------------------


def test_o2_an_extension_is_made_listed_and_removed(site: Site) -> None:
    """O2: with what the form begins with."""
    page = site.get("/extensions/new?client=acme&country=US")
    assert page.status_code == 200
    sent = {
        **fields(page.text),
        "extension": "1002",
        "dids": "+12025550219",
        "caller_ids": "+12025550111",
        "do": "save",
    }
    made = site.post("/extensions/new", sent)
    assert made.location == "/extensions/of/1002?done=made"
    now = stored(site, "1002")
    assert (now["client"], now["country"]) == ("acme", "US")
    assert now["default_caller_id"] == "+12025550111"
    listed = site.get("/extensions?client=acme").text
    assert "/extensions/of/1002" in listed
    assert "/extensions/of/2001" not in listed
    assert "/extensions/of/1002" in site.get("/extensions?did=%2B12025550219").text
    assert "/extensions/of/1002" not in site.get("/extensions?enabled=false").text
    removed = site.post("/extensions/of/1002", {"version": "1", "do": "remove"})
    assert removed.location == "/extensions?done=removed"


def test_o2_what_is_offered_while_fields_are_typed_is_on_the_page(site: Site) -> None:
    """O2: countries, languages, time zones, hang-up causes, clients, public numbers."""
    page = site.get(PATH).text
    for name, value in (
        ("list-clients", "bolt"),
        ("list-countries", "DE"),
        ("list-languages", "pt-BR"),
        ("list-zones", "Europe/Berlin"),
        ("list-causes", "USER_BUSY"),
        ("list-numbers", "+12025550111"),
    ):
        offered = page.partition(f'<datalist id="{name}">')[2].partition("</datalist>")[0]
        assert f'value="{value}"' in offered, name
    assert "+12025550120" not in page


# --- what is wrong ------------------------------------------------------------------------------


#: What is typed, at which field it is wrong, and what is said there.
WRONG: Final[list[tuple[dict[str, Any], str, str]]] = [
    ({"ring_seconds": "many"}, "ring_seconds", "write a whole number"),
    ({"ring_seconds": "61"}, "ring_seconds", "60"),
    ({"dids": "+12025550210\n12"}, "dids", "no. 2: "),
    ({"dids": "+12025550220"}, "dids", "reaches extension 2001 already"),
    ({"callbacks_per_number.hour": "-1"}, "callbacks_per_number", "hour: "),
    (
        {"callbacks_per_number.minute": "5", "callbacks_per_number.hour": "2"},
        "callbacks_per_number",
        "cannot be reached",
    ),
    ({"return_countries": "US\nXX"}, "return_countries", "is no country"),
    (
        {"return_calls": "fixed"},
        "fixed_number",
        "“Calls back” as “Always the same number, whoever rings” needs the number",
    ),
    ({"time_zone": "Moon/Sea"}, "time_zone", "is no time zone"),
    (
        {"quiet_from": "22:00"},
        "quiet_until",
        "set both “Quiet hours begin” and “Quiet hours end”, or neither",
    ),
    ({"credit_query_again": ["", "on"]}, "credit_query_again", "User can interrogate"),
    ({"minimum_credit": "a lot"}, "minimum_credit", "write an amount"),
    ({"minimum_credit": "-1"}, "minimum_credit", "write an amount, at least 0.00"),
    ({"most_spent_per_day": "1e9"}, "most_spent_per_day", "write an amount"),
    (
        {"most_spent_per_day": "1000000000.01"},
        "most_spent_per_day",
        "write an amount, at most 1000000000.00",
    ),
    ({"caller_ids": "+12025550120"}, "caller_ids", "no public number of client acme"),
    ({"default_caller_id": "+12025550111"}, "default_caller_id", "is not assigned"),
    (
        {"retry_causes.0": ["NONSENSE"], "retry_causes.1": ["busy"]},
        "retry_causes",
        "no hang-up cause",
    ),
    ({"prompts.goodbye": "/b ye.wav"}, "prompts", "no spaces"),
    ({"password": "12"}, "password", "4 to 20 digits"),
    ({"client": "nobody"}, "client", "no client nobody"),
]


def test_o2_what_is_wrong_stands_at_its_field(site: Site) -> None:
    """O2: also where it is one of a list, or a part of a field; and nothing was stored."""
    before, shown = stored(site), fields(site.get(PATH).text)
    for sent, name, said in WRONG:
        page = site.post(PATH, {**shown, **sent, "do": "save"})
        assert page.status_code in (409, 422), (name, page.location)
        error = page.text.partition(f'id="{name}-error"')[2].partition("</p>")[0]
        assert said in error, name
        # The menu of sections says where to look.
        assert '<span class="count">1</span>' in page.text
    assert stored(site) == before


@pytest.mark.parametrize("client", ["acme\N{ZERO WIDTH SPACE}", "a\0b", "a\N{NO-BREAK SPACE}b"])
def test_o2_a_client_that_cannot_be_read_is_wrong_at_its_field(site: Site, client: str) -> None:
    """O2: as it may be pasted; what was typed is still there."""
    page = site.post("/extensions/new", {"extension": "7777", "client": client})
    assert page.status_code == 422
    assert 'id="client-error"' in page.text
    assert 'value="7777"' in page.text


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        (
            {"caller_ids": "+12025550199"},
            "+12025550199 is no public number of client acme; define it on a channel first<",
        ),
        ({"warning_sound": "gone"}, "client acme has no sound gone; upload it first, or write the"),
        ({"client": "bolt"}, "is no public number of client bolt: it is acme&#39;s<"),
        ({"caller_ids": ""}, "no call could be made (nothing is ever invented)"),
    ],
)
def test_o2_pages_name_no_commands_and_no_rules_by_their_ids(
    site: Site, typed: dict[str, str], says: str
) -> None:
    """O2: who has a page in front of him puts it right there."""
    page = site.post("/extensions/of/1001", {"version": "1", **typed})
    assert page.status_code in (409, 422)
    assert says in page.text
    assert "callbackd " not in page.text.partition("<main")[2]
    assert "(I8)" not in page.text


def test_o2_whoever_was_first_is_not_overwritten(site: Site) -> None:
    """O2: what was typed is kept, and the page says what to do."""
    sent = fields(site.get(PATH).text)
    site.world.directory.change(ADMIN, Kind.EXTENSION, "1001", {"ring_seconds": 9})
    page = site.post(PATH, {**sent, "description": "late", "do": "save"})
    assert page.status_code == 409
    assert "Somebody else saved it" in page.text
    # Of versions nobody has heard.
    assert "has version" not in page.text
    assert 'value="late"' in page.text
    assert stored(site)["ring_seconds"] == 9


# --- who may what -------------------------------------------------------------------------------


def test_o2_a_client_sees_and_does_not_change_what_the_operator_decides(site: Site) -> None:
    """O2: such a field is greyed out with a word why, and not read if it is sent all the same."""
    page = site.get(PATH, "acme").text
    sent = fields(page)
    asked = {name for name in INPUTS[Kind.EXTENSION].__struct_fields__ if name in sent}
    assert not asked & OPERATOR_FIELDS
    words = page.count('<span class="why">The operator decides this.</span>')
    assert words == len(OPERATOR_FIELDS)
    before = stored(site)
    forged = {"longest_call_seconds": "86400", "enabled": "", "destination_countries": "CU"}
    answer = site.post(PATH, {**sent, **forged, "ring_seconds": "7", "do": "save"}, "acme")
    assert answer.location == f"{PATH}?done=saved"
    now = stored(site)
    assert {name for name in now if now[name] != before[name]} == {"ring_seconds"}
    check = site.world.directory.get(ADMIN, Kind.EXTENSION, "1001")
    assert check.values["ring_seconds"] == 7


def test_o2_who_only_reads_has_nothing_to_press(site: Site) -> None:
    """O2: and what he sends changes nothing."""
    page = site.get(PATH, "rod").text
    assert 'value="save"' not in page
    assert 'value="remove"' not in page
    assert "change nothing" in page
    assert 'id="ask"' not in page
    before = stored(site)
    site.post(PATH, {"version": "1", "ring_seconds": "9", "do": "save"}, "rod")
    for who in ("rod", "acme"):
        assert site.post(PATH, {"version": "1", "do": "remove"}, who).status_code == 403
    assert stored(site) == before
    assert site.get("/extensions/new", "rod").status_code == 403
    assert site.get("/extensions/new", "acme").status_code == 403


def test_o2_another_clients_extension_is_not_there(site: Site) -> None:
    """O2: on no page of it, whatever is done with it."""
    before = stored(site, "2001")
    for path in ("/extensions/of/2001", "/extensions/assigned/2001", "/extensions/preview/2001"):
        page = site.get(path, "acme")
        assert page.status_code == 404, path
        assert "bolt" not in page.text
    asked = site.get("/extensions/preview/2001?to=%2B12025550123", "acme")
    assert asked.status_code == 404
    for path, form in (
        ("/extensions/of/2001", {"version": "1", "description": "mine", "do": "save"}),
        ("/extensions/of/2001", {"version": "1", "do": "remove"}),
        ("/extensions/assigned/2001", {"version": "1", "remove": "+12025550120"}),
        ("/extensions/ask/2001", {"number": "+12025550123"}),
    ):
        assert site.post(path, form, "acme").status_code == 404, path
    assert stored(site, "2001") == before
    site.world.directory.change(ADMIN, Kind.EXTENSION, "1001", {"description": "ours"})
    for path in ("/extensions", PATH, "/extensions/assigned/1001"):
        text = site.get(path, "acme").text
        for mark in site.world.marks:
            assert mark not in text, (path, mark)


def test_g1_hostile_text_is_shown_as_it_is(site: Site) -> None:
    """G1: in the list, in fields, in the head of the page."""
    for text in abuse.NAMES:
        line = text.replace("\n", " ").replace("\0", "").replace("\u2028", "")[:200]
        site.world.directory.change(ADMIN, Kind.EXTENSION, "1001", {"description": line})
        for path in (PATH, "/extensions"):
            page = site.get(path)
            assert page.status_code == 200
            assert "<script>alert" not in page.text
    page = site.post(PATH, {"version": "x", "ring_seconds": '"><script>alert(1)</script>'})
    assert "<script>alert" not in page.text
    for key in ("1001'--", "1001%00", "../1001", "%F0%9F%92%A9"):
        assert site.get(f"/extensions/of/{key}").status_code == 404, key


# --- the essentials -----------------------------------------------------------------------------


def test_o2_the_head_says_what_state_an_extension_is_in(site: Site) -> None:
    """O2, O6: on or off, stopped and why, and what is on its account."""
    page = site.get(PATH).text
    assert '<span class="tag good">on</span>' in page
    assert f'<a href="/accounts/of/{site.world.acme_account}">5.00\N{NO-BREAK SPACE}EUR</a>' in page
    for path in ("/callerids", "/accounts", "/callbacks"):
        assert f'href="{path}?extension=1001"' in page
    assert 'href="/extensions/assigned/1001"' in page
    other = site.get("/extensions/of/2001").text
    assert "Its callbacks are stopped: bolt-stopped." in other
    site.world.stopping.stop(ADMIN, StopScope.CLIENT, "acme", reason="unpaid")
    assert "All callbacks of its client are stopped: unpaid." in site.get(PATH).text
    site.world.directory.change(ADMIN, Kind.CLIENT, "acme", {"enabled": False})
    assert "off: its client is switched off" in site.get(PATH).text
    site.world.directory.change(ADMIN, Kind.EXTENSION, "1001", {"enabled": False})
    assert '<span class="tag bad">off</span>' in site.get(PATH).text


def test_m1_the_extensions_own_account_is_found_among_many(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """M1, M9: however many of its authorised CallerIDs have accounts of their own."""
    for count in range(4):
        number = f"+1202555{1000 + count}"
        site.world.make(Kind.CALLERID, extension="1001", number=number)
        site.world.make(Kind.ACCOUNT, extension="1001", caller=number, currency="EUR")
    monkeypatch.setattr("controller.admin.directory.MOST_ITEMS", 1)
    page = site.get(PATH)
    assert page.status_code == 200
    assert f'<a href="/accounts/of/{site.world.acme_account}">5.00' in page.text


# --- calling somebody back ----------------------------------------------------------------------


def waking(world: World) -> tuple[Site, list[float]]:
    """Give the pages over a world, and when the dispatcher was told that something is due."""
    told: list[float] = []
    given = msgspec.structs.replace(desks(world), on_callback=told.append)
    return Site(world, [ExtensionPages(EXTENSIONS, given), TimelinePages(given)]), told


def ask(site: Site, form: dict[str, str], who: str = "ada", **more: Any) -> Any:
    """Ask for a callback as htmx does: for a part of the page."""
    browser = site._browser(who)
    return browser.post(
        "/extensions/ask/1001",
        data={"csrf": f"csrf-of-{who}", **form},
        headers={"Sec-Fetch-Site": "same-origin", "HX-Request": "true"},
        **more,
    )


def test_t11_somebody_is_called_back_by_hand(world: World) -> None:
    """T11: by the same queue, at once; the same click twice asks once."""
    site, told = waking(world)
    form = {"number": "202 555 0188", "delay_seconds": "30", "key": "page-1"}
    page = ask(site, form)
    assert page.status_code == 200
    assert "+12025550188 is called soon." in page.text
    found = world.callbacks.list(ADMIN, {"number": "+12025550188"}).items
    assert [one.state for one in found] == [State.PENDING]
    assert told == [found[0].due / 1_000_000]
    assert found[0].actor == "user:ada"
    assert f'href="/callbacks/{found[0].id}"' in page.text
    assert site.get(f"/callbacks/{found[0].id}").status_code == 200
    ask(site, form)
    assert len(world.callbacks.list(ADMIN, {"number": "+12025550188"}).items) == 1
    again = ask(site, {**form, "key": "page-2"})
    assert "is open already" in again.text
    assert 'hx-swap-oob="true"' in again.text


def test_t11_without_a_script_the_callbacks_own_page_follows(world: World) -> None:
    """T11: the form is one of HTML."""
    site, told = waking(world)
    answer = site.post("/extensions/ask/1001", {"number": "+12025550188"}, "acme")
    found = world.callbacks.list(ADMIN, {"number": "+12025550188"}).items[0]
    assert answer.status_code == 303
    assert answer.location == f"/callbacks/{found.id}?done=asked"
    assert site.get(answer.location, "acme").status_code == 200
    assert found.actor == "user:acme"
    assert len(told) == 1
    assert site.post("/extensions/ask/1001", {"number": "12"}, "acme").status_code == 422


def test_t10_why_nobody_is_called_back_is_said(world: World) -> None:
    """T10: the reason, and where what happened is to be seen."""
    site, told = waking(world)
    page = ask(site, {"number": "+4930123456"})
    assert "Nobody is called back." in page.text
    assert "The extension calls nobody back in that country." in page.text
    leads = page.text.partition('href="')[2].partition('"')[0]
    assert "The extension calls nobody back in that country." in site.get(leads).text
    assert told == []


UNASKED: Final = [
    ({"number": ""}, "write the number that is to be called"),
    ({"number": "123"}, "is no telephone number"),
    ({"number": "+12025550188", "delay_seconds": "soon"}, "whole number of seconds"),
    ({"number": "+12025550188", "delay_seconds": "999999"}, "86400"),
    ({"number": "+12025550188", "did": "+12025550220"}, "does not reach extension 1001"),
    ({"number": "<script>alert(1)</script>"}, "&lt;script&gt;"),
]


def test_t11_what_cannot_be_asked_for_is_said(world: World) -> None:
    """T11: in the part of the page that asked, and as text."""
    site, told = waking(world)
    before = len(world.callbacks.list(ADMIN).items)
    for form, said in UNASKED:
        page = ask(site, form)
        assert said in page.text
        assert "<script>" not in page.text
    assert len(world.callbacks.list(ADMIN).items) == before
    assert told == []


def test_o2_who_may_not_ask_is_refused(world: World) -> None:
    """O2: who only reads, and whose form is not of his session."""
    site, told = waking(world)
    form = {"number": "+12025550188"}
    assert site.post("/extensions/ask/1001", form, "rod").status_code == 403
    assert site.post("/extensions/ask/1001", form, token="csrf-of-bolt").status_code == 403
    assert site.post("/extensions/ask/1001", form, token="").status_code == 403
    assert world.callbacks.list(ADMIN, {"number": "+12025550188"}).items == ()
    assert told == []
