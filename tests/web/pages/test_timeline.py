"""A callback's page: its timeline, its money, why it ended (T10, I9, M7, O3)."""

from __future__ import annotations

import re

import msgspec
import pytest
from sqlalchemy import update

from controller.admin.callback_shapes import WholeCallback
from controller.store.schema import callback_request
from controller.store.schema_callbacks import callback_destination
from controller.web.pages.story import heard, story
from controller.web.pages.timeline import drawn
from tests.unit.store.called import uuid
from tests.web.pages.site import Site
from tests.web.pages.stories import (
    CALLER,
    DIALLED,
    HOSTILE,
    SECOND,
    hold,
    refused,
    rows,
    talked,
)
from tests.web.pages.telling import main, said
from tests.web.world import ADMIN, HASH, PASSWORD, PIN


def whole(site: Site, id_: str) -> WholeCallback:
    """Give a callback as the desk does."""
    return site.world.callbacks.get(ADMIN, id_)


def test_o3_a_callback_is_told_from_its_trigger_to_its_end(site: Site) -> None:
    """O3: in order of time, in words; the switch's own word stands beside them."""
    page = said(site.get(f"/callbacks/{talked(site.world)}").text)
    sentences = (
        "People talked: the caller was connected with whom he dialled.",
        "+12125550199 rang +12025550210; it was never answered, and cost nothing.",
        "It came over channel pstn.",
        "A callback to +12125550199 was due; it waited 4 s.",
        "Try 1: +12125550199 was called.",
        "By switch fs1.",
        "Over these channels, in order: pstn, gsm.",
        "Try 1 ended: The caller's line was busy.",
        "Channel pstn failed: the line was busy (USER_BUSY).",
        "Try 2: +12125550199 was called.",
        "The caller answered, after 6 s.",
        "Over channel gsm.",
        "Channel pstn failed: the trunk is down (GATEWAY_DOWN).",
        "The caller heard: To accept, press 1.",
        "The caller typed: 1",
        "The caller typed a password; it is kept nowhere.",
        "The password was wrong, or none was typed.",
        "The password was right.",
        "The caller heard: The account balance is... (12.30 EUR) (the sound /menu.wav)",
        "The caller typed: 2025550188#",
        "The destination +12025550188 was called.",
        "+12025550188 answered: people talk.",
        "The conversation with +12025550188 is over, after 1 min: somebody hung up.",
        "The call was hung up.",
        "The switch says: somebody hung up (NORMAL_CLEARING).",
    )
    place = 0
    for sentence in sentences:
        found = page.find(sentence, place)
        assert found >= 0, sentence
        place = found
    # The transcript and the destination tell the same thing once.
    assert page.count("The destination +12025550188 was called.") == 1
    assert page.count("people talk.") == 1


def test_i9_what_was_shown_stands_with_the_rule_that_decided(site: Site) -> None:
    """I9: for each way, with each rule that was asked, and channels that were not used."""
    page = said(site.get(f"/callbacks/{talked(site.world)}").text)
    assert "It showed +12025550101 “Acme” I4" in page
    assert "I4 Channel : a number of pstn's" in page
    assert "sip:100@pstn.example" in page
    assert "fax : It is switched off." in page
    assert "sat : There is no number to show on it." in page
    assert "I5 Default number : of the default: none is set" in page


def test_m7_each_leg_stands_with_its_rate_and_who_paid(site: Site) -> None:
    """M7: and what all came to; what nobody was charged for is said."""
    made = talked(site.world)
    page = site.get(f"/callbacks/{made}")
    text = said(page.text)
    assert "0.0345 EUR" in text
    assert "0.01 EUR a minute to +44…, 0.02 EUR at the beginning" in text
    assert "at least 60 s, then by 30 s" in text
    assert "0.001 EUR beyond what was held" in text
    assert "0.0645 EUR; cost 0.012 EUR, margin 0.0525 EUR" in text
    assert f'href="/accounts/of/{site.world.acme_account}"' in page.text
    assert f'href="/calls/{uuid(0xE002)}"' in page.text


def test_m4_what_is_held_is_shown_while_it_is(site: Site) -> None:
    """M4: it is no charge, and it is gone when it is over."""
    world = site.world
    assert "Credit held now" not in said(site.get(f"/callbacks/{world.acme_callback}").text)
    hold(world, world.acme_callback)
    assert "Credit held now 0.25 EUR" in said(site.get(f"/callbacks/{world.acme_callback}").text)
    assert "Credit held now 0.25 EUR" in said(
        site.get(f"/callbacks/{world.acme_callback}", "acme").text
    )


def test_t10_a_refusal_is_told_with_its_reason(site: Site) -> None:
    """T10: there are no bars, since nobody was called."""
    page = site.get(f"/callbacks/{refused(site.world)}")
    text = said(page.text)
    assert "The number is not among the extension's authorised CallerIDs" in text
    assert "There was no leg that could be charged for." in text
    assert "<svg" not in main(page.text)


def test_o3_how_long_it_rang_is_told_and_drawn(site: Site) -> None:
    """O3: trigger, refusal, return call; of one that nobody kept nothing is said."""
    id_ = talked(site.world, rang_milliseconds=5_049)
    page = site.get(f"/callbacks/{id_}")
    assert "and cost nothing. It rang 5.0 s." in said(page.text)
    line, _ = drawn(whole(site, id_), 0)
    assert line is not None
    assert line.lanes[0].name == "Trigger call"
    assert [bar.said for bar, _ in line.lanes[0].bars] == ["It rang 5.0 s"]
    assert "It rang" not in said(site.get(f"/callbacks/{refused(site.world)}").text)


def test_t2_who_hangs_up_is_not_told_to_have_been_refused(site: Site) -> None:
    id_ = refused(site.world, "hung_up_early", rang_milliseconds=812)
    text = said(site.get(f"/callbacks/{id_}").text)
    assert "rang +12025550210, and hung up by himself; it cost nothing. It rang 0.8 s." in text
    assert "never answered" not in text


def test_t4_a_hidden_caller_is_none(site: Site) -> None:
    """T4: what the trunk said instead is shown, and nothing is made of it."""
    id_ = refused(site.world, "hidden", number=None)
    text = said(site.get(f"/callbacks/{id_}").text)
    assert "Somebody rang +12025550210" in text
    assert "The caller's number was hidden, or there was none." in text


def test_t11_who_asked_through_the_api_is_told(site: Site) -> None:
    """T11: by whom, and with which key."""
    text = said(site.get(f"/callbacks/{site.world.acme_callback}").text)
    assert "cli:test asked for a callback to +12025550510." in text
    assert "With the key acme-1." in text
    assert "It is still to be made." in text
    assert "A callback to +12025550510 is to be made." in text


def test_t6_how_often_it_was_joined_is_told(site: Site) -> None:
    """T6: in words that go with the count."""
    rows(site.world, 1, joined=1)
    rows(site.world, 1, joined=3)
    texts = [
        said(site.get(f"/callbacks/{one.id}").text)
        for one in site.world.callbacks.list(ADMIN, {"number": CALLER}).items
    ]
    assert any("It was asked for 1 more time while it was open." in text for text in texts)
    assert any("It was asked for 3 more times while it was open." in text for text in texts)


# --- the picture -----------------------------------------------------------------------------


def test_o3_both_legs_are_bars_on_one_axis(site: Site) -> None:
    """O3: from when it was asked for to its end."""
    line, without_waiting = drawn(whole(site, talked(site.world)), site.world.now)
    assert line is not None
    assert not without_waiting
    assert [lane.name for lane in line.lanes] == ["Waiting", "Return call", "Destination"]
    waiting, tries, destination = line.lanes
    assert line.ended - line.begun == 113 * SECOND
    part = 100 / 113
    assert [kind for _, kind in tries.bars] == ["ringing", "ringing", "talking"]
    assert [bar.x for bar, _ in tries.bars] == pytest.approx(
        [4 * part, 20 * part, 26 * part], abs=0.01
    )
    assert [bar.said for bar, _ in tries.bars] == [
        "Try 1 rang 6 s",
        "Try 2 rang 6 s",
        "The caller was on the line 1 min 27 s",
    ]
    assert [bar.width for bar, _ in waiting.bars] == pytest.approx([4 * part, 10 * part], abs=0.01)
    assert destination.bars[1][0].said == "People talked 1 min: somebody hung up"


def test_o3_what_nobody_knows_the_end_of_is_given_none(site: Site) -> None:
    """O3: of a destination whose switch died no length is told; of one that talks, how long yet."""
    id_ = talked(site.world)
    with site.world.engine.begin() as connection:
        connection.execute(update(callback_destination).values(ended=None, cause=None))
    text = site.get(f"/callbacks/{id_}").text
    assert "Nobody knows when that ended." in text
    assert "People talked, nobody knows for how long" in text
    with site.world.engine.begin() as connection:
        connection.execute(
            update(callback_request)
            .where(callback_request.c.id == id_)
            .values(state="answered", ended=None)
        )
    text = site.get(f"/callbacks/{id_}").text
    assert "Nobody knows when that ended." not in text
    assert re.search("People have talked .* so far", text)


def test_o3_one_that_waited_for_hours_is_drawn_without_its_waiting(site: Site) -> None:
    """O3: or its calls could not be seen."""
    id_ = talked(site.world)
    found = whole(site, id_)
    early = found.created - 8 * 3_600 * SECOND
    line, without_waiting = drawn(msgspec.structs.replace(found, created=early), 0)
    assert without_waiting
    assert line is not None
    assert line.begun == found.tries[0].begun


def test_o3_what_is_drawn_has_a_name_and_is_a_list_too(site: Site) -> None:
    """O3: whoever sees no picture has all of it; nothing is drawn with a style (CSP)."""
    page = site.get(f"/callbacks/{talked(site.world)}").text
    assert 'role="img" aria-labelledby="picture-title picture-desc"' in page
    assert '<ol class="moments">' in page
    assert " style=" not in page
    assert "<style" not in page


# --- who sees what ---------------------------------------------------------------------------


def test_a4_no_password_is_shown_as_the_transcript_has_none(site: Site) -> None:
    """A4: what was typed is as masked here as it is kept."""
    page = site.get(f"/callbacks/{talked(site.world)}").text
    assert "(password)" not in page
    for secret in (PASSWORD, PIN, HASH.decode()):
        assert secret not in page


def test_o2_a_client_sees_no_trunk_no_switch_and_no_cost(site: Site) -> None:
    """O2: they are the operator's."""
    page = said(site.get(f"/callbacks/{talked(site.world)}", "acme").text)
    assert "Try 2: +12125550199 was called." in page
    assert "It showed +12025550101 “Acme”" in page
    for word in ("fs1", "pstn", "gsm", "fax", "GATEWAY_DOWN", "margin", "0.012", "By switch"):
        assert word not in page, word


def test_o2_another_clients_callback_is_not_there(site: Site) -> None:
    """O2: it looks as one that never was."""
    made = talked(site.world)
    other = site.get(f"/callbacks/{made}", "bolt")
    assert other.status_code == 404
    never = site.get(f"/callbacks/{uuid(7)}", "bolt")
    assert never.status_code == 404
    assert other.text.replace(made, "") == never.text.replace(uuid(7), "")
    assert site.get("/callbacks/nonsense%00", "bolt").status_code == 404


def test_g1_what_others_wrote_is_text(site: Site) -> None:
    """G1: a caller's name, a channel, a cause, a reason."""
    refusal = refused(site.world, HOSTILE[:32], number=None, channel=HOSTILE)
    told = talked(site.world, channel=HOSTILE)
    for id_ in (refusal, told):
        page = site.get(f"/callbacks/{id_}").text
        assert "<script>alert" not in page
        assert "&lt;script&gt;alert" in page


# --- its words -------------------------------------------------------------------------------


def test_s2_prompts_are_told_as_they_are_heard() -> None:
    """S2: sounds by their names, and amounts as they are."""
    assert heard("human_check") == "To accept, press 1."
    assert heard("no_such_prompt") == "no_such_prompt"
    assert heard("sound:/end.wav (30 s)") == "(the sound /end.wav) (30 s)"


def test_o3_a_transcript_is_told_where_nothing_is_known_of_a_destination(site: Site) -> None:
    """O3: a controller that died may not have kept it."""
    found = whole(site, talked(site.world))
    alone = msgspec.structs.replace(found, destinations=())
    told = [moment.text for moment in story(alone)]
    assert f"The destination {DIALLED} was called." in told
    assert "The destination answered: people talk." in told
    assert "The conversation is over: somebody hung up." in told


def test_o3_moments_are_in_order(site: Site) -> None:
    """O3: and the end is the last of them."""
    told = story(whole(site, talked(site.world)))
    assert [moment.at for moment in told] == sorted(moment.at for moment in told)
    assert told[0].kind == "trigger"
    assert told[-1].kind == "end"
