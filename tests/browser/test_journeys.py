"""What operators come for, from its beginning to its end: in a browser, on a service that runs.

The switch is the simulated one; all else is as it is installed.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Browser, expect

from controller.simulator.phones import Behaviour, Keys, Phone, TriggerCall
from tests.browser.conftest import SLOW
from tests.browser.pictures import take
from tests.browser.service import Service, serving
from tests.browser.window import Window

DID, CALLER, CALLEE = "+12025550100", "+12125550177", "+16465550188"
PASSWORD: Final = "a long road to nowhere"
PIN: Final = "2468"


@pytest.fixture
def service(tmp_path: Path, browser: Browser) -> Iterator[Service]:
    """The service, with nothing set up; without a browser it is not started."""
    with serving(tmp_path) as made:
        yield made


@pytest.fixture
def window(service: Service, browser: Browser) -> Iterator[Window]:
    """A window in which nobody is logged in."""
    context = browser.new_context(viewport={"width": 1400, "height": 900}, locale="en-US")
    context.set_default_timeout(SLOW * 1000)
    made = Window(context, service.address, None)
    yield made
    context.close()
    made.check()


def phone(number: str, *keys: Keys) -> Phone:
    """Give a phone that answers, presses these keys, and talks until the other side hangs up."""
    return Phone(number=number.removeprefix("+"), calls=[Behaviour(keys=list(keys))])


def dials(number: str) -> Keys:
    """Give the keys of a destination, pressed when it is asked for."""
    return Keys(press=f"{number}#", when="heard", what="enter_destination", after=0.5)


def ring(service: Service, caller: str, *phones: Phone) -> None:
    """Have somebody ring the access number until he is refused."""
    call = TriggerCall(id="c1", caller=caller, did=DID.removeprefix("+"))
    service.call(call, *phones)


def enter(window: Window, link: str) -> None:
    """Become the first administrator, by the link."""
    window.page.goto(link)
    window.page.fill("#name", "ada")
    window.page.fill("#password", PASSWORD)
    window.page.fill("#again", PASSWORD)
    window.page.click("main button.main")
    window.page.wait_for_url("**/first/channel")


def save(window: Window, following: str) -> None:
    """Save a step of the first set-up."""
    window.page.get_by_role("button", name="Save and go on").click()
    window.page.wait_for_url(f"**/first/{following}")


def set_up(service: Service, *options: str) -> None:
    """Set up by commands what is not the point of a journey."""
    service.run("channel", "add", "pstn")
    service.run("number", "add", "+12025550111", "--channel", "pstn", "--client", "main")
    service.run(
        *("extension", "add", "1001", "--did", DID, "--country", "US"),
        *("--caller-id", "+12025550111", "--ring-seconds", "1", "--delay-seconds", "1"),
        *options,
    )


def until_shown(window: Window, path: str, text: str) -> None:
    """Look at a page again and again until it has a text."""
    for _ in range(SLOW):
        window.open(path)
        if window.page.get_by_text(text).count():
            return
        window.page.wait_for_timeout(1000)
    raise AssertionError(f"{text!r} is not on {path}: {window.page.inner_text('main')}")


def test_o2_from_nothing_to_an_extension_that_calls_back(service: Service, window: Window) -> None:
    """O2: the link that `serve` prints, a password, three steps, a try, and then a real call."""
    enter(window, service.first_link())
    window.page.fill("#name", "pstn")
    save(window, "number")
    window.page.fill("#number", "+1 (202) 555-0100")
    save(window, "extension")
    window.page.fill("#extension", "1001")
    window.page.fill("#password", PIN)
    save(window, "try")
    window.page.fill("#caller", CALLER)
    window.page.fill("#to", CALLEE)
    window.page.get_by_role("button", name="Try").click()
    window.settle()
    expect(window.page.locator("#result")).to_contain_text("It works")
    take(window.page, "journey-first-try")
    window.page.get_by_role("link", name="Go on: FreeSWITCH").click()
    expect(window.page.locator("#state-title + ul")).to_contain_text("fs1: connected, and well")
    # What was tried is what comes.
    ring(service, CALLER, phone(CALLER, Keys(press=f"{PIN}#"), dials("6465550188")), phone(CALLEE))
    window.open("/live")
    until_shown(window, "/live", CALLER)
    expect(window.page.locator("#live-talking")).to_have_text("1", timeout=SLOW * 1000)
    take(window.page, "journey-first-call")
    # Who has been here once is not led to the first set-up any more.
    assert window.page.url.endswith("/live")
    # And the link was for once.
    window.expected = {404}
    assert window.open(service.first_link().removeprefix(service.address)).status == 404


def test_t10_why_a_customer_got_no_callback_and_what_helps(
    service: Service, window: Window
) -> None:
    """T10, I9: his number in the search, what happened to his call, what is to be done, done."""
    enter(window, service.first_link())
    set_up(service, "--return-calls", "authorized")
    ring(service, CALLER)
    until_shown(window, f"/callbacks?number=%2B{CALLER[1:]}", CALLER)
    # As he says it on the telephone.
    window.page.fill("#find", "(212) 555-0177")
    window.page.keyboard.press("Enter")
    # There is one thing of it, which is what he wants to see.
    window.page.wait_for_url("**/callbacks/*")
    expect(window.page.locator("#why")).to_contain_text("authorised CallerIDs")
    take(window.page, "journey-why")
    window.open("/callerids/new?extension=1001")
    window.page.fill("[name=number]", CALLER)
    window.page.locator("form.record button.main").click()
    window.page.wait_for_url("**?done=made")
    window.page.fill("#find", CALLER)
    window.page.keyboard.press("Enter")
    window.page.wait_for_url("**/find?**")
    window.page.get_by_role("link", name="Would it be called back?").click()
    window.page.wait_for_url("**/explain?**")
    expect(window.page.locator("main")).to_contain_text("is called back")


def test_m6_a_customer_who_is_on_the_phone_is_topped_up(service: Service, window: Window) -> None:
    """M6: he is found on the live page; the end of his call moves while he talks."""
    enter(window, service.first_link())
    set_up(service)
    service.run("price-list", "add", "usual", "--currency", "USD")
    since = "2026-01-01T00:00:00Z"
    service.run("rate", "add", "usual", "+", "--per-minute", "0.60", "--since", since)
    service.run("account", "add", "1001", "--currency", "USD", "--price-list", "usual")
    service.run("account", "top-up", "1001", "1.20", "--order", "A-16")
    ring(service, CALLER, phone(CALLER, dials("6465550188")), phone(CALLEE))
    until_shown(window, "/live", CALLER)
    expect(window.page.locator("#live-talking")).to_have_text("1", timeout=SLOW * 1000)
    window.open("/accounts")
    window.page.get_by_role("link", name="1001").first.click()
    window.page.wait_for_url("**/accounts/of/*")
    expect(window.page.get_by_text("On the phone now")).to_be_visible()
    before = held(window)
    # As many whole seconds of both legs as there is credit for.
    assert before.startswith("1.")
    window.page.get_by_role("link", name="Top up or correct").click()
    window.page.fill("#amount", "10")
    window.page.fill("#order_number", "A-17")
    window.page.get_by_role("button", name="Go on…").click()
    expect(window.page.locator("main")).to_contain_text("Add 10.00")
    take(window.page, "journey-top-up")
    window.page.get_by_role("button", name="Yes, enter it").click()
    window.page.wait_for_url("**?entered=*")
    expect(window.page.locator("main [role=status]").first).to_contain_text("Added: 10.00")
    # More is held for him than he had: his call goes on beyond what was its end.
    account = window.page.url.removeprefix(service.address).partition("?")[0]
    for _ in range(SLOW):
        window.open(account)
        if held(window) not in ("", before):
            break
        window.page.wait_for_timeout(500)
    assert held(window) not in ("", before)


def held(window: Window) -> str:
    """Give what the page of an account says is held for who is on the phone."""
    found = window.page.get_by_text("holds ")
    return found.first.inner_text().rpartition("holds ")[2] if found.count() else ""
