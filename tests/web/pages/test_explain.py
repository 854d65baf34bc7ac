"""Why a customer got no callback, and what would happen now (I9, T10)."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest

from controller.admin.callback_shapes import StopScope
from controller.admin.model import Kind
from tests.web.pages.site import Site
from tests.web.pages.stories import CALLER, DID, HOSTILE, refused, talked
from tests.web.pages.telling import main, said
from tests.web.world import ADMIN


def ask(site: Site, who: str = "ada", **said_: str) -> str:
    """Ask, and give what is said."""
    page = site.get(f"/explain?{urlencode(said_)}", who)
    assert page.status_code == 200
    return said(main(page.text))


def only_authorised(site: Site) -> None:
    """Have acme's extension call back those of its list alone."""
    patch = {"return_calls": "authorized"}
    site.world.directory.change(ADMIN, Kind.EXTENSION, "1001", patch)


def test_t10_a_number_that_got_no_callback_is_told_why_and_what_would_be_now(site: Site) -> None:
    """T10: what happened comes first; the access number is that which he rang."""
    only_authorised(site)
    refused(site.world)
    text = ask(site, number="(212) 555-0199")
    assert "no callback The number is not among the extension's authorised CallerIDs" in text
    assert "If he rang +12025550210 now He would not be called back." in text
    mode = "“Authorised CallerIDs only, at their own callback number if they have one”"
    assert f"T3 Who is called back : {mode}: +12125550199 is not on the list" in text
    site.world.make(Kind.CALLERID, extension="1001", number=CALLER)
    text = ask(site, number=CALLER)
    assert "It is an authorised CallerID of: 1001" in text
    assert "He would be called back. +12125550199 is called back 3 seconds after the call." in text
    assert "He sees +12025550210" in text
    assert "Over which channels (fs1) pstn: dialled as 12125550199 · priority 10" in text


def test_i9_what_stops_a_callback_is_said_rule_by_rule(site: Site) -> None:
    """I9: with the id of the rule."""
    site.world.stopping.stop(ADMIN, StopScope.EXTENSION, "1001", reason="holidays")
    text = ask(site, number=CALLER, did=DID)
    assert "Nothing is known of a callback to +12125550199" in text
    assert "Callbacks are stopped, or were when it was to be made." in text
    assert "O6 Stop switch : callbacks are stopped of extension 1001: holidays" in text


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"number": CALLER}, "Say which access number he rings"),
        ({"number": CALLER, "did": "+12025550999"}, "The number that was rung belongs to no"),
        ({"number": CALLER, "did": "x"}, "'x' is no telephone number"),
        ({"number": "12", "did": DID}, "“12” is no telephone number."),
        ({"hidden": "true"}, "Say which access number was rung."),
        ({"hidden": "true", "did": DID}, "The caller hides his number"),
        ({"number": CALLER, "did": DID, "over": "nowhere"}, "nowhere"),
    ],
)
def test_i9_whatever_is_asked_is_answered(site: Site, asked: dict[str, str], sentence: str) -> None:
    """I9: also where nobody could be called back, or something is wrong."""
    assert sentence in ask(site, **asked)


def test_a3_a_lock_out_is_said_where_it_matters(site: Site) -> None:
    """A3: with the way to where it is released."""
    page = site.get("/explain?number=%2B12025550610&did=%2B12025550210").text
    assert "too many passwords were wrong: none of his is heard for" in said(page)
    assert "Locked out until" in said(page)
    assert 'href="/lockouts?extension=1001"' in page


def test_i9_how_a_destination_is_called_and_what_it_sees(site: Site) -> None:
    """I9: both at once, since who asks wants both."""
    text = ask(site, extension="1001", to="(212) 555-0177")
    assert "How +12125550177 would be called" in text
    assert "+12125550177 is a number of the public network." in text
    assert "over pstn." in text
    assert "What +12125550177 would see" in text
    assert "On pstn +12025550110 “acme”" in text
    assert "I6 Hidden : a CallerID is sent" in text
    text = ask(site, extension="1001", to="112")
    assert "It would not be called. It is an emergency number" in text
    assert "no extension 9999" in ask(site, extension="9999", to="2125550177")
    assert "Say whose call it is" in ask(site, to="2125550177")


def test_o2_a_client_asks_about_its_own_without_trunks(site: Site) -> None:
    """O2: another's extension and access number are not there."""
    talked(site.world)
    own = ask(site, "acme", number=CALLER)
    assert "He would be called back." in own
    assert "pstn" not in own
    assert "fs1" not in own
    other = ask(site, "bolt", number=CALLER, did=DID)
    assert "+12025550210 reaches no extension of yours" in other
    assert "Nothing is known of a callback to +12125550199" in other
    assert "1001" not in other
    assert "there is no extension 1001" in ask(site, "bolt", extension="1001", to="2125550177")
    shown = ask(site, "acme", extension="1001", to="2125550177")
    assert "On channel 1" in shown
    assert "pstn" not in shown
    # Channels are not a client's to name: what it says of one is not asked.
    assert "He would be called back." in ask(site, "acme", number=CALLER, over="pstn")


def test_g1_what_was_typed_is_text(site: Site) -> None:
    """G1: in each field."""
    for asked in (
        {"number": HOSTILE, "did": HOSTILE},
        {"number": CALLER, "did": DID, "name": HOSTILE, "over": HOSTILE},
        {"extension": HOSTILE, "to": HOSTILE, "caller": HOSTILE},
    ):
        page = site.get(f"/explain?{urlencode(asked)}")
        assert page.status_code == 200
        assert "<script>alert" not in page.text


def test_i9_rules_name_fields_as_the_form_does(site: Site) -> None:
    """I9: and not as the API does; what a trunk said is shown as it came."""
    site.world.directory.change(ADMIN, Kind.EXTENSION, "1001", {"blocked_prefixes": ["+1212555"]})
    text = ask(site, number=CALLER, did=DID)
    assert "it is blocked (“Never to these beginnings”: +1212555)" in text
    text = ask(site, number="return_calls `fixed`", did=DID)
    assert "“return_calls `fixed`” is no telephone number." in text
