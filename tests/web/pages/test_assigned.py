"""The numbers that an extension may show, and what would be shown (I2 to I6, I8, I9)."""

from __future__ import annotations

from typing import Any, Final

from controller.admin.model import Kind
from tests import abuse
from tests.web.pages.site import Site
from tests.web.world import ADMIN

PATH: Final = "/extensions/assigned/1001"
#: Assigned, and its default; in acme's pool.
FIRST: Final = "+12025550110"
SECOND: Final = "+12025550111"
#: On another channel, in acme's pool.
THIRD: Final = "+12025550112"


def other_channel(site: Site) -> None:
    """Give the world a channel that takes nothing, with a number of acme's on it."""
    site.world.make(Kind.CHANNEL, name="isdn", destinations={"+999": 0})
    site.world.make(
        Kind.NUMBER, number=THIRD, channel="isdn", client="acme", description="<i>desk</i>"
    )


def set_to(site: Site, **values: Any) -> None:
    """Change the extension as an administrator."""
    site.world.directory.change(ADMIN, Kind.EXTENSION, "1001", values)


def stored(site: Site) -> tuple[list[str], str | None]:
    """Give which numbers are assigned, and which is the default."""
    values = site.world.directory.get(ADMIN, Kind.EXTENSION, "1001").values
    return list(values["caller_ids"]), values["default_caller_id"]


def send(site: Site, form: dict[str, Any], who: str = "ada", **more: Any) -> Any:
    """Send one of the page's forms, of the newest version."""
    version = site.world.directory.get(ADMIN, Kind.EXTENSION, "1001").version
    return site.post(PATH, {"version": str(version), **form}, who, **more)


def preview(site: Site, to: str, who: str = "ada", **more: str) -> str:
    """Ask what would be shown when calling a number."""
    page = site.get("/extensions/preview/1001", who, query_string={"to": to, **more})
    assert page.status_code == 200, page.text
    return page.text


# --- assigning ----------------------------------------------------------------------------------


def test_i8_numbers_of_the_pool_are_assigned_and_taken_away(site: Site) -> None:
    """I8: also such as no extension has yet, by whoever owns the extension."""
    for who in ("ada", "acme"):
        page = site.get(PATH, who).text
        assert f'<strong>{FIRST}</strong> <span class="tag good">default</span>' in page
        assert f'name="number" value="{SECOND}"' in page
        done = send(site, {"number": SECOND, "do": "assign"}, who)
        assert done.location == f"{PATH}?done=saved"
        assert stored(site) == ([FIRST, SECOND], FIRST)
        done = send(site, {"default": SECOND}, who)
        assert done.location == f"{PATH}?done=saved"
        assert stored(site) == ([FIRST, SECOND], SECOND)
        page = site.get(PATH, who).text
        assert f"<strong>{SECOND}</strong>" in page
        assert f"<strong>{FIRST}</strong>" not in page
        # The default goes with its number, and the first that is left takes its place.
        assert send(site, {"remove": SECOND}, who).status_code == 303
        assert stored(site) == ([FIRST], FIRST)


def test_i8_several_are_assigned_at_once_by_their_channels(site: Site) -> None:
    """I8: the page has them under the channels that they are on."""
    other_channel(site)
    page = site.get(PATH).text
    assert "On channel isdn" in page
    assert "&lt;i&gt;desk&lt;/i&gt;" in page
    send(site, {"number": [SECOND, THIRD, FIRST, ""], "do": "assign"})
    assert stored(site) == ([FIRST, SECOND, THIRD], FIRST)
    page = site.get(PATH).text
    assert page.index(">isdn<") < page.index(THIRD) < page.index(">pstn<") < page.index(FIRST)
    assert "There are no others." in page


def test_i8_only_numbers_of_the_client_can_be_assigned(site: Site) -> None:
    """I8: and of another client's it is not said that there are such."""
    page = site.get(PATH).text
    assert "+12025550120" not in page
    for number in ("+12025550120", "+12025550999", "<script>"):
        answer = send(site, {"number": number, "do": "assign"}, "acme")
        assert answer.status_code in (409, 422)
        assert "bolt" not in answer.text
        assert "<script>" not in answer.text
    assert stored(site) == ([FIRST], FIRST)
    answer = send(site, {"default": SECOND})
    assert answer.status_code == 422
    assert "is not assigned to this extension" in answer.text


def test_i2_the_last_number_cannot_be_taken_away(site: Site) -> None:
    """I2: nothing would be left to show, and nothing is ever invented."""
    answer = send(site, {"remove": FIRST})
    assert answer.status_code == 422
    assert "no number is assigned" in answer.text
    assert stored(site) == ([FIRST], FIRST)


def test_i3_which_of_several_is_shown_is_chosen_here(site: Site) -> None:
    """I3: in words."""
    assert "each call shows another one, by chance" in site.get(PATH).text
    send(site, {"caller_id_choice": "sticky", "do": "choice"}, "acme")
    page = site.get(PATH).text
    assert "the same destination always sees the same one" in page
    assert 'value="sticky" checked' in page
    assert send(site, {"caller_id_choice": "best", "do": "choice"}).status_code == 422


def test_i8_numbers_are_found_by_how_they_begin(site: Site) -> None:
    """I8: and what is assigned is shown whatever was looked for."""
    other_channel(site)
    page = site.get(f"{PATH}?number=%2B1 202 555 0112").text
    assert f'name="number" value="{THIRD}"' in page
    assert f'name="number" value="{SECOND}"' not in page
    assert f"<strong>{FIRST}</strong>" in page
    assert "No other number begins so." in site.get(f"{PATH}?number=%2B49").text


def test_o2_whoever_was_first_is_not_overwritten(site: Site) -> None:
    """O2: what is there now is shown, and it can be done again."""
    set_to(site, ring_seconds=9)
    answer = send(site, {"version": "1", "number": SECOND, "do": "assign"})
    assert answer.status_code == 409
    assert "Somebody else changed this extension" in answer.text
    assert '<input type="hidden" name="version" value="2">' in answer.text
    for version in ("", "9" * 5000):
        form = {"version": version, "number": SECOND, "do": "assign"}
        assert send(site, form).status_code == 409
    assert stored(site) == ([FIRST], FIRST)


def test_o2_who_only_reads_has_nothing_to_press(site: Site) -> None:
    """O2: he sees the numbers and what would be shown."""
    page = site.get(PATH, "rod").text
    assert f"<strong>{FIRST}</strong>" in page
    for button in ('name="remove"', 'name="default"', 'value="assign"', 'value="choice"'):
        assert button not in page
    assert send(site, {"number": SECOND, "do": "assign"}, "rod").status_code == 403
    assert stored(site) == ([FIRST], FIRST)
    assert FIRST in preview(site, "+12025550123", "rod")


def test_g1_a_form_of_another_session_changes_nothing(site: Site) -> None:
    """G1: the form must have the secret of whoever sends it."""
    for token in ("csrf-of-bolt", ""):
        form = {"number": SECOND, "do": "assign"}
        assert send(site, form, "acme", token=token).status_code == 403
    assert stored(site) == ([FIRST], FIRST)


# --- what would be shown ------------------------------------------------------------------------


def test_i9_the_only_number_on_the_channel_is_shown(site: Site) -> None:
    """I4, I9: the number, the name, the channel, and why."""
    page = preview(site, "(202) 555-0123")
    assert "+12025550123 would see:" in page
    assert "On pstn" in page
    assert f'<p class="number">{FIRST}</p>' in page
    assert '<p class="name">acme</p>' in page
    assert f"{FIRST}, the only number on pstn" in page


def test_i9_one_of_several_is_an_example(site: Site) -> None:
    """I3, I9: at random it is said to be one; sticky it is that one."""
    set_to(site, caller_ids=[FIRST, SECOND])
    assert "each call shows another of these 2 by chance" in preview(site, "+12025550123")
    set_to(site, caller_id_choice="sticky")
    page = preview(site, "+12025550123")
    assert "Always this one for this destination, of these 2." in page
    assert page == preview(site, "+12025550123")


def test_i9_the_default_is_shown_where_the_channel_has_none(site: Site) -> None:
    """I5, I9: whatever channel it is on."""
    other_channel(site)
    set_to(site, caller_ids=[THIRD], default_caller_id=THIRD)
    page = preview(site, "+12025550123")
    assert f'<p class="number">{THIRD}</p>' in page
    assert "no number is on pstn: the default" in page


def test_i9_what_is_hidden_is_said(site: Site) -> None:
    """I6, I9: neither number nor name."""
    set_to(site, hide_caller_id=True)
    page = preview(site, "+12025550123")
    assert '<p class="number">Anonymous</p>' in page
    assert "no CallerID is sent" in page
    assert '<p class="name">' not in page


def test_i9_the_callers_own_number_needs_a_channel_that_is_trusted(site: Site) -> None:
    """I2, I9: who rang, and over which channel, can be said."""
    set_to(site, caller_id_number_from="equipment")
    site.world.directory.change(ADMIN, Kind.CHANNEL, "pstn", {"trust_callers": True})
    rang = {"caller": "+12025550188", "over": "pstn"}
    assert "+12025550188 rang" in preview(site, "+12025550123", **rang)
    assert FIRST in preview(site, "+12025550123")
    rang["over"] = "nowhere"
    assert "there is no channel nowhere" in preview(site, "+12025550123", **rang)


def test_i9_why_there_would_be_no_call_is_said(site: Site) -> None:
    """G2, I9: by the rule that says so."""
    page = preview(site, "+4930123456")
    assert "There would be no call." in page
    assert "calls go to US only" in page
    assert "Where calls may go" in page


def test_i9_what_is_no_number_yet_is_no_fault(site: Site) -> None:
    """I9: it is asked while somebody types; and G1: whatever he types."""
    assert "Type a number" in preview(site, "")
    assert "is no telephone number" in preview(site, "+1")
    for text in (*abuse.NUMBERS, *abuse.NAMES, *abuse.DIGITS):
        for more in ({}, {"caller": text, "name": text}):
            page = preview(site, text, **more)
            assert "<script>" not in page
    assert site.faults == 0


def test_i9_a_client_is_told_without_channels_names(site: Site) -> None:
    """O2, I9: who carries his calls is the operator's business."""
    page = preview(site, "+12025550123", "acme", over="pstn", caller="+12025550188")
    assert f'<p class="number">{FIRST}</p>' in page
    assert "pstn" not in page
    assert "On channel 1" in page
    assert 'name="over"' not in site.get(PATH, "acme").text
    assert 'name="over"' in site.get(PATH).text


def test_i9_the_preview_is_on_the_extensions_page_too(site: Site) -> None:
    """I9: asked for as it is typed."""
    page = site.get("/extensions/of/1001").text
    assert 'hx-get="/extensions/preview/1001"' in page
    assert f"<strong>{FIRST}</strong>" in page
    assert f'href="{PATH}"' in page


def test_o2_what_cannot_be_assigned_is_said_in_words(site: Site) -> None:
    """I8, O2: without commands, ids of rules and names of programs."""
    path = "/extensions/assigned/1001"
    page = site.post(path, {"version": "1", "number": "+12025550199"})
    assert page.status_code == 409
    assert "is no public number of client acme; define it on a channel first<" in page.text
    page = site.post(path, {"version": "1", "default": "+12025550199"})
    assert "write one of “Assigned numbers”" in page.text
