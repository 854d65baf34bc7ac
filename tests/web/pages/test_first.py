"""The first set-up: from nothing to an extension that is tried (O2, I9)."""

from __future__ import annotations

from collections.abc import Iterator
from html import unescape
from typing import Any

import pytest

from controller.admin.model import Kind
from controller.store.database import open_database
from controller.web.pages.first_steps import STEPS
from tests.web.pages.forms import fields
from tests.web.pages.site import Site
from tests.web.world import ADMIN, PASSWORD, World

EXTENSION = {"extension": "1001", "dids": "+1 202 555 0100", "country": "US", "password": PASSWORD}


class Empty(World):
    """A world in which nothing was set up; there are users, two of whom are clients'."""

    def _fill(self) -> None:
        """Make their clients."""
        for client in ("acme", "bolt"):
            self.make(Kind.CLIENT, name=client)


@pytest.fixture
def bare(database_url: str) -> Iterator[Site]:
    """The pages over nothing."""
    engine = open_database(database_url)
    yield Site(Empty(engine))
    engine.dispose()


def step(site: Site, name: str, form: dict[str, Any]) -> str:
    """Do a step, and give where it leads."""
    answer = site.post(f"/first/{name}", form)
    assert answer.status_code == 303, unescape(answer.text)
    return str(answer.location)


def set_up(site: Site) -> None:
    """Do all steps."""
    assert step(site, "channel", {"name": "trunk", "proxy": "sip.example.com"}) == "/first/number"
    assert step(site, "number", {"number": "+1 (202) 555-0100"}) == "/first/extension"
    assert step(site, "extension", EXTENSION) == "/first/try"


def test_o2_who_has_nothing_yet_is_led_to_the_first_set_up(bare: Site) -> None:
    """O2: from the start, once; he may go away, and whoever cannot set up is not led there."""
    assert bare.get("/live").location == "/first"
    assert bare.get("/live?later").status_code != 303
    assert bare.get("/live", "rod").status_code != 303
    assert bare.get("/first").location == "/first/channel"


def test_o2_who_has_an_extension_is_not_led_there(site: Site) -> None:
    assert site.get("/live").status_code != 303


def test_o2_each_step_is_saved_and_it_goes_on_where_somebody_was(bare: Site) -> None:
    """O2: what there is tells where; nothing else is kept."""
    assert step(bare, "channel", {"name": "trunk", "proxy": "sip.example.com"}) == "/first/number"
    assert bare.get("/first").location == "/first/number"
    assert bare.get("/first/extension").location == "/first/number"
    assert bare.get("/first/try").location == "/first/number"
    assert bare.get("/first/switch").location == "/first/number"
    assert step(bare, "number", {"number": "+1 (202) 555-0100"}) == "/first/extension"
    # The number is rung too, mostly, and says the country.
    page = bare.get("/first/extension").text
    assert "+12025550100</textarea>" in page
    assert 'value="US"' in page
    assert step(bare, "extension", EXTENSION) == "/first/try"
    extension = bare.world.directory.get(ADMIN, Kind.EXTENSION, "1001").values
    assert extension["caller_ids"] == ("+12025550100",)
    assert extension["dids"] == ("+12025550100",)
    assert extension["password_set"] is True
    number = bare.world.directory.get(ADMIN, Kind.NUMBER, "+12025550100").values
    assert (number["channel"], number["client"]) == ("trunk", "main")


def test_o2_what_is_offered_is_taken_where_nothing_else_is_typed(bare: Site) -> None:
    step(bare, "channel", {"name": "trunk"})
    step(bare, "number", {"number": "+12025550100"})
    offered = {"extension": "1001", "dids": "+12025550100", "country": "US", "password": ""}
    assert step(bare, "extension", offered) == "/first/try"
    assert bare.world.directory.get(ADMIN, Kind.EXTENSION, "1001").values["country"] == "US"


def test_o2_a_step_is_gone_back_to_and_changed(bare: Site) -> None:
    """O2: and nothing is lost by it."""
    set_up(bare)
    page = bare.get("/first/channel").text
    assert 'value="sip.example.com"' in page
    changed = {
        **{"version": "1", "key": "trunk"},
        **{"proxy": "sip2.example.com", "username": "", "register": ""},
    }
    assert step(bare, "channel", changed) == "/first/number"
    channel = bare.world.directory.get(ADMIN, Kind.CHANNEL, "trunk").values
    assert channel["proxy"] == "sip2.example.com"
    # Somebody else has changed it since.
    stale = bare.post("/first/channel", {**changed, "proxy": "sip3.example.com"})
    assert stale.status_code == 409
    assert "Somebody else saved it while this page was open" in stale.text
    assert 'value="sip3.example.com"' in stale.text


def test_o2_of_two_who_do_the_same_step_the_second_is_told(bare: Site) -> None:
    """O2: what the first one made is not changed by a page that never showed it."""
    other = fields(bare.get("/first/channel").text)
    step(bare, "channel", {"name": "trunk", "proxy": "sip.example.com"})
    late = bare.post("/first/channel", {**other, "name": "mine", "proxy": "sip2.example.com"})
    assert late.status_code == 409
    assert "Somebody else did this step while this page was open" in late.text
    channel = bare.world.directory.get(ADMIN, Kind.CHANNEL, "trunk").values
    assert channel["proxy"] == "sip.example.com"
    # What is there now is below, and who saves that has seen it.
    now = fields(late.text)
    assert (now["key"], now["version"]) == (["trunk"], ["1"])
    assert now["proxy"] == ["sip.example.com"]
    assert step(bare, "channel", {**now, "proxy": "sip3.example.com"}) == "/first/number"


def test_o2_a_step_changes_what_it_showed_and_no_other(bare: Site) -> None:
    step(bare, "channel", {"name": "trunk", "proxy": "sip.example.com"})
    shown = fields(bare.get("/first/channel").text)
    # It comes first in the list, and has the same version.
    bare.world.make(Kind.CHANNEL, name="another")
    late = bare.post("/first/channel", {**shown, "proxy": "sip2.example.com"})
    assert late.status_code == 409
    assert bare.world.directory.get(ADMIN, Kind.CHANNEL, "another").values["proxy"] is None


def test_o2_a_step_says_what_is_wrong_as_other_forms_do(bare: Site) -> None:
    """A4: a password that was typed is asked for again, and fields are called as they are there."""
    step(bare, "channel", {"name": "trunk"})
    step(bare, "number", {"number": "+12025550100"})
    page = bare.post("/first/extension", {**EXTENSION, "dids": "555"}).text
    assert "type it once more" in page
    assert PASSWORD not in page
    label = next(f.label for f in STEPS[Kind.EXTENSION].fields if f.name == "dids")
    assert f'href="#field-dids">{label}</a>' in page


@pytest.mark.parametrize(
    ("name", "form", "field"),
    [
        ("channel", {"name": "no spaces here"}, "name"),
        ("channel", {"name": "trunk", "register": "on"}, "proxy"),
        ("number", {"number": "555"}, "number"),
        ("number", {"number": ""}, "number"),
        ("extension", {**EXTENSION, "dids": ""}, "dids"),
        ("extension", {**EXTENSION, "country": "XX"}, "country"),
        ("extension", {**EXTENSION, "country": ""}, "country"),
        ("extension", {**EXTENSION, "extension": ""}, "extension"),
        ("extension", {**EXTENSION, "password": "12"}, "password"),
    ],
)
def test_o2_what_is_wrong_stands_beside_its_field(
    bare: Site, name: str, form: dict[str, str], field: str
) -> None:
    """O2: nothing is made then, and what was typed is still there."""
    if name != "channel":
        step(bare, "channel", {"name": "trunk"})
    if name == "extension":
        step(bare, "number", {"number": "+12025550100"})
    page = bare.post(f"/first/{name}", form)
    assert page.status_code == 422
    assert f'id="{field}-error"' in page.text
    assert bare.get("/first").location == f"/first/{name}"


def test_i9_what_was_set_up_is_tried_without_a_call(bare: Site) -> None:
    """I9: a trigger call, the callback, the destination, and what it sees; nothing is kept."""
    set_up(bare)
    page = unescape(bare.get("/first/try?caller=%2B12025550177&to=2025550188").text)
    assert "is refused as busy" in page
    assert "+12025550177 is called back 3 seconds after the call" in page
    assert "Please enter your pin number" in page
    assert "•••• (the password)" in page
    assert "Please enter the destination telephone number" in page
    assert "+12025550188 is called" in page
    assert "+12025550100" in page
    assert "It works, as far as this service is concerned" in page
    assert bare.world.callbacks.list(ADMIN).items == ()


def test_i9_it_is_told_where_a_call_ends_and_where_that_is_put_right(bare: Site) -> None:
    set_up(bare)
    bare.world.directory.change(ADMIN, Kind.CHANNEL, "trunk", {"enabled": False})
    page = unescape(bare.get("/first/try?caller=%2B12025550177&to=2025550188").text)
    assert "It does not work yet" in page
    assert "nobody is called back: no_channel" in page.replace("Nobody", "nobody")
    assert 'href="/channels"' in page
    assert "They see" not in page


def test_i9_a_number_that_is_none_is_said_beside_its_field(bare: Site) -> None:
    set_up(bare)
    page = bare.get("/first/try?caller=%2B12025550177&to=%3Cscript%3E")
    assert page.status_code == 422
    assert 'id="to-error"' in page.text
    assert "<script>" not in page.text


def test_a1_it_is_minded_that_there_is_no_password(bare: Site) -> None:
    """A1: whoever is called back could call at the operator's expense."""
    step(bare, "channel", {"name": "trunk"})
    step(bare, "number", {"number": "+12025550100"})
    step(bare, "extension", {**EXTENSION, "password": ""})
    page = bare.get("/first/try?caller=%2B12025550177").text
    assert "No password is asked for" in page


def test_o2_what_is_to_be_done_in_freeswitch_is_said_with_what_was_set_up(bare: Site) -> None:
    """O2: its commands and files, and no password."""
    set_up(bare)
    page = unescape(bare.get("/first/switch").text)
    assert "callbackd switch config --directory" in page
    assert r"callback_dids=^\+?(12025550100)$" in page
    assert PASSWORD not in page
    assert "not connected" in page


@pytest.mark.parametrize("who", ["rod", "acme"])
@pytest.mark.parametrize("name", ["channel", "number", "extension", "try", "switch"])
def test_o2_the_first_set_up_is_an_administrators(site: Site, who: str, name: str) -> None:
    assert site.get(f"/first/{name}", who).status_code == 403
    assert site.get("/first", who).status_code == 403
    if name in ("channel", "number", "extension"):
        assert site.post(f"/first/{name}", {"name": "mine"}, who).status_code == 403


def test_o2_a_step_of_another_log_in_makes_nothing(bare: Site) -> None:
    assert bare.post("/first/channel", {"name": "trunk"}, token="x").status_code == 403
    assert bare.get("/first").location == "/first/channel"
