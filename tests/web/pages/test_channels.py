"""Channels on pages (O2, I2-I7)."""

from __future__ import annotations

from typing import Any, Final

import msgspec
import pytest

from controller.admin.model import Kind
from controller.web.pages.channels import CHANNELS
from tests.web.pages.forms import check_unchanged, check_whole, fields
from tests.web.pages.site import Site
from tests.web.world import ADMIN

#: A channel that says everything.
WHOLE: Final[dict[str, Any]] = {
    "name": "carrier-1",
    "description": "The <first> one",
    "addresses": ["192.0.2.0/24", "2001:db8::1"],
    "identity": ["p-asserted-identity", "from"],
    "country": "DE",
    "rewrite": {"00": "+", "0": "+49", "": "+1", "9": ""},
    "refusal_cause": "CALL_REJECTED",
    "trust_callers": True,
    "enabled": False,
    "destinations": {"+49": 12_500, "+": 30_000, "+1": 0},
    "priority": 3,
    "hours": ["mon-fri 08:00-18:00", "sat 22:00-02:00", "sun-sun 00:00-24:00"],
    "time_zone": "Europe/Berlin",
    "concurrent_calls": 30,
    "progress_seconds": 20,
    "number_format": "national",
    "caller_id_format": "plus",
    "domain": "example.com",
    "hidden_identity": "private",
    "proxy": "sip.example.com:5070",
    "transport": "tls",
    "username": "us",
    "register": True,
    "ping_seconds": 30,
    "cost_list": "spare",
}


@pytest.fixture
def whole(site: Site) -> Site:
    """A world with that channel."""
    site.world.make(Kind.CHANNEL, **WHOLE)
    return site


def said(site: Site, key: str) -> Any:
    """Give what a channel says, as JSON has it."""
    values = site.world.directory.get(ADMIN, Kind.CHANNEL, key).values
    return msgspec.json.decode(msgspec.json.encode(values))


def test_o2_every_field_of_a_channel_is_on_its_page() -> None:
    check_whole(CHANNELS)


def test_o2_a_channel_that_is_sent_back_as_it_was_shown_stays(whole: Site) -> None:
    """O2: whatever it says: rows, orders, prices, hours."""
    check_unchanged(whole, "/channels/of/carrier-1", Kind.CHANNEL, "carrier-1")
    check_unchanged(whole, "/channels/of/pstn", Kind.CHANNEL, "pstn")


def test_o2_a_channel_of_very_many_destinations_is_one_form(site: Site) -> None:
    """O2: as many as one may have."""
    many = {f"+1{number:014}": 10**12 + number for number in range(10_000)}
    site.world.make(Kind.CHANNEL, name="many", destinations=many)
    sent = fields(site.get("/channels/of/many").text)
    answer = site.post("/channels/of/many", {**sent, "description": "many"})
    assert answer.location == "/channels/of/many?done=saved", answer.status
    assert said(site, "many")["destinations"] == many


def test_o2_a_channel_is_made_of_what_is_typed(site: Site) -> None:
    """O2: the form of one that says everything makes another one just like it."""
    site.world.make(Kind.CHANNEL, **WHOLE)
    sent = fields(site.get("/channels/of/carrier-1").text)
    answer = site.post("/channels/new", {**sent, "name": "carrier-2"})
    assert answer.status_code == 303, answer.text
    made = said(site, "carrier-2")
    # A day to itself is that day.
    hours = [*WHOLE["hours"][:2], "sun 00:00-24:00"]
    assert made == {**WHOLE, "name": "carrier-2", "hours": hours, "dial_prefix": ""}


def test_o2_rows_are_changed_and_left_empty(whole: Site) -> None:
    answer = whole.post(
        "/channels/of/carrier-1",
        {
            "version": "1",
            "identity": ["remote-party-id", "", "remote-party-id", "from"],
            "rewrite.0": ["000", "", ""],
            "rewrite.1": ["+", "", ""],
            "destinations": "+44 20 = 0,02\r\n+43; 0.01\r\n\r\n+",
            "hours.0": ["mon", ""],
            "hours.1": ["", ""],
            "hours.2": ["8:00", ""],
            "hours.3": ["18:00", ""],
            "do": "save",
        },
    )
    assert answer.location == "/channels/of/carrier-1?done=saved", answer.text
    values = said(whole, "carrier-1")
    assert values["identity"] == ["remote-party-id", "from"]
    assert values["rewrite"] == {"000": "+"}
    assert values["destinations"] == {"+4420": 20_000, "+43": 10_000, "+": 0}
    assert values["hours"] == ["mon 08:00-18:00"]


@pytest.mark.parametrize(
    ("typed", "name", "said"),
    [
        ({"destinations": "+49 0.01"}, "destinations", "with what a minute costs"),
        ({"destinations": "+49 = 1\n+49 = 2"}, "destinations", "stands twice"),
        ({"destinations": "+49 = -1"}, "destinations", "with what a minute costs"),
        ({"destinations": "+49 = 0.1234567"}, "destinations", "six digits"),
        ({"rewrite.0": ["0", "0"], "rewrite.1": ["+", "+1"]}, "rewrite", "stands twice"),
        ({"rewrite.0": ["x"], "rewrite.1": ["+"]}, "rewrite", ""),
        (
            {"hours.0": ["mon"], "hours.1": [""], "hours.2": ["08:00"], "hours.3": [""]},
            "hours",
            "both times",
        ),
        (
            {"hours.0": ["mon"], "hours.1": [""], "hours.2": ["25:00"], "hours.3": ["26:00"]},
            "hours",
            "",
        ),
        ({"identity": [""]}, "identity", ""),
        ({"time_zone": "Mars/Base"}, "time_zone", "no time zone"),
        ({"proxy": "a b"}, "proxy", ""),
        ({"cost_list": "nothing"}, "cost_list", "no price list"),
    ],
)
def test_o2_what_cannot_be_read_stands_beside_its_field(
    whole: Site, typed: dict[str, object], name: str, said: str
) -> None:
    before = whole.world.directory.get(ADMIN, Kind.CHANNEL, "carrier-1")
    page = whole.post("/channels/of/carrier-1", {"version": "1", **typed, "do": "save"})
    assert page.status_code in (409, 422)
    assert f'id="{name}-error"' in page.text
    assert said in page.text
    assert whole.world.directory.get(ADMIN, Kind.CHANNEL, "carrier-1") == before


def test_g1_hostile_words_of_a_channel_are_text(site: Site) -> None:
    site.world.make(Kind.CHANNEL, name="x", description='"><script>alert(1)</script>')
    for path in ("/channels", "/channels/of/x"):
        assert "<script>alert" not in site.get(path).text
    page = site.post(
        "/channels/of/x", {"rewrite.0": ['"><b>'], "rewrite.1": ["<i>"], "version": "1"}
    )
    assert page.status_code == 422
    assert "<b>" not in page.text
    assert "&#34;&gt;&lt;b&gt;" in page.text


def test_o2_a_channel_in_use_is_not_removed(site: Site) -> None:
    page = site.post("/channels/of/pstn", {"version": "1", "do": "remove"})
    assert page.status_code == 409
    assert "cannot be removed" in page.text
    assert site.world.directory.get(ADMIN, Kind.CHANNEL, "pstn")


@pytest.mark.parametrize("who", ["acme", "bolt"])
def test_o2_channels_are_no_clients_business(whole: Site, who: str) -> None:
    """O2: neither seen nor changed, and in no menu."""
    assert whole.get("/channels", who).status_code == 403
    assert whole.get("/channels/new", who).status_code == 403
    assert whole.post("/channels/new", {"name": "mine"}, who).status_code == 403
    for answer in (
        whole.get("/channels/of/carrier-1", who),
        whole.post("/channels/of/carrier-1", {"do": "remove", "version": "1"}, who),
    ):
        assert answer.status_code == 404
        assert "192.0.2" not in answer.text
    assert 'href="/channels"' not in whole.get("/sounds", who).text


def test_o2_who_only_reads_sees_a_channel_and_no_buttons(whole: Site) -> None:
    page = whole.get("/channels/of/carrier-1", "rod")
    assert "192.0.2.0/24" in page.text
    assert '<button class="main"' not in page.text
    assert fields(page.text).keys() <= {"csrf", "version"}
    assert whole.post("/channels/of/carrier-1", {"description": "x"}, "rod").status_code == 303
    assert whole.post("/channels/of/carrier-1", {"do": "remove"}, "rod").status_code == 403
    assert whole.post("/channels/new", {"name": "mine"}, "rod").status_code == 403
    assert whole.world.directory.get(ADMIN, Kind.CHANNEL, "carrier-1").version == 1


def test_g1_a_form_of_another_session_changes_nothing(whole: Site) -> None:
    answer = whole.post("/channels/of/pstn", {"description": "x", "version": "1"}, token="wrong")
    assert answer.status_code == 403
    assert whole.world.directory.get(ADMIN, Kind.CHANNEL, "pstn").values["description"] == "all"
