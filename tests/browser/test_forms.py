"""O2: forms, dialogs and the menu, as somebody uses them: by mouse, by keyboard, on a telephone."""

from __future__ import annotations

from playwright.sync_api import expect

from controller.admin.model import Kind
from tests.browser.conftest import Pages
from tests.browser.window import NARROW, Window
from tests.web.world import ADMIN

EDIT = "/clients/of/acme"


def typed(pages: Pages) -> Window:
    """Give a window in which something was typed and not saved."""
    window = pages.window()
    window.open(EDIT)
    expect(window.page.locator(".unsaved")).to_be_hidden()
    window.page.fill("#description", "changed")
    return window


def test_o2_who_leaves_what_is_not_saved_is_asked_first(pages: Pages) -> None:
    """O2: and stays where he was, with what he typed."""
    window = typed(pages)
    expect(window.page.locator(".unsaved")).to_be_visible()
    window.page.click(".menu a[href='/channels']", no_wait_after=True)
    window.page.wait_for_timeout(100)
    assert [one.partition(":")[0] for one in window.asked] == ["beforeunload"]
    assert window.page.input_value("#description") == "changed"


def test_o2_what_is_put_back_is_no_change(pages: Pages) -> None:
    window = typed(pages)
    window.page.fill("#description", "acme-said")
    expect(window.page.locator(".unsaved")).to_be_hidden()
    window.page.click(".menu a[href='/channels']")
    window.page.wait_for_url("**/channels")
    assert window.asked == []


def test_o2_what_is_saved_is_not_asked_about(pages: Pages) -> None:
    """O2: it is said that it was saved, and who changed it when is in its history."""
    window = typed(pages)
    window.page.click("button[value=save]")
    window.page.wait_for_url("**?done=saved")
    assert window.asked == []
    expect(window.page.get_by_role("status").first).to_have_text("Saved.")
    values = pages.world.directory.get(ADMIN, Kind.CLIENT, "acme").values
    assert values["description"] == "changed"
    window.page.locator("#history-title").scroll_into_view_if_needed()
    change = window.page.locator(".change").first
    expect(change.locator("summary")).to_contain_text("user:ada")
    change.locator("summary").click()
    row = change.locator("tbody tr")
    expect(row).to_contain_text("acme-said")
    expect(row).to_contain_text("changed")


def test_o2_what_is_wrong_stands_beside_its_field(pages: Pages) -> None:
    """O2: the field says so to whoever cannot see it, and is led to from above."""
    window = typed(pages)
    window.expected = {422}
    hour = window.page.locator("[name='callbacks.hour']")
    hour.fill("ten")
    window.page.click("button[value=save]")
    window.settle()
    error = window.page.locator("#callbacks-error")
    expect(error).to_be_visible()
    described = window.page.locator("fieldset", has=hour).get_attribute("aria-describedby")
    assert "callbacks-error" in (described or "")
    assert window.page.input_value("#description") == "changed"
    assert window.page.input_value("[name='callbacks.hour']") == "ten"
    expect(window.page.get_by_role("alert")).to_contain_text("Not saved")
    assert window.axe() == ""
    window.page.click("[role=alert] a")
    assert window.page.url.endswith("#field-callbacks")
    # It is corrected, and saved.
    hour.fill("10")
    window.page.click("button[value=save]")
    window.page.wait_for_url("**?done=saved*")


def test_o2_what_cannot_be_undone_is_asked_for_by_keyboard(pages: Pages) -> None:
    """O2: Enter alone removes nothing; who leaves the question is where he was."""
    pages.world.make(Kind.CLIENT, name="corner")
    window = pages.window()
    window.open("/clients/of/corner")
    remove = window.page.locator("button[value=remove]")
    dialog = window.page.locator("#dialog")
    for leave in ("Enter", "Escape"):
        remove.focus()
        window.page.keyboard.press("Enter")
        expect(dialog).to_be_visible()
        expect(dialog).to_contain_text("corner")
        assert window.axe() == ""
        assert window.page.evaluate("document.activeElement.closest('#dialog') !== null")
        window.page.keyboard.press(leave)
        expect(dialog).to_be_hidden()
        assert window.page.evaluate("document.activeElement.value") == "remove"
    assert pages.world.directory.get(ADMIN, Kind.CLIENT, "corner")
    window.page.keyboard.press("Enter")
    # Where he is in it is set after it is shown.
    expect(dialog.locator(":focus")).to_have_count(1)
    window.page.keyboard.press("Shift+Tab")
    window.page.keyboard.press("Enter")
    window.page.wait_for_url("**/clients?done=removed")


def test_o2_a_dialog_keeps_the_focus_and_fills_its_field(pages: Pages) -> None:
    """S1: a sound is picked from the field that needs one."""
    window = pages.window()
    window.open("/extensions/of/1001")
    field = window.page.locator("#warning_sound")
    window.page.locator("#field-warning_sound button").click()
    dialog = window.page.locator("#dialog")
    expect(dialog).to_be_visible()
    assert window.axe() == ""
    for _ in range(20):
        window.page.keyboard.press("Tab")
        where = window.page.evaluate(
            "document.activeElement === document.body || "
            "document.activeElement.closest('#dialog') !== null"
        )
        assert where, "what is behind a dialog is not reached"
    dialog.locator("input[type=search]").fill("shared")
    dialog.locator("[data-fill][data-value]").first.wait_for()
    expect(dialog.locator("[data-fill][data-value]")).to_have_count(1)
    dialog.locator("[data-fill][data-value]").click()
    expect(dialog).to_be_hidden()
    expect(field).to_be_focused()
    assert field.input_value() != ""
    expect(window.page.locator(".unsaved")).to_be_visible()


def test_o2_the_menu_on_a_telephone_opens_and_closes_by_keyboard(pages: Pages) -> None:
    window = pages.window()
    window.show(NARROW, "light")
    window.open("/clients")
    summary = window.page.locator(".menu > summary")
    link = window.page.locator(".menu a[href='/channels']")
    expect(link).to_be_hidden()
    summary.focus()
    window.page.keyboard.press("Enter")
    expect(link).to_be_visible()
    assert window.axe() == ""
    assert window.too_wide() == []
    window.page.keyboard.press("Escape")
    expect(link).to_be_hidden()
    expect(summary).to_be_focused()
    window.page.keyboard.press("Enter")
    window.page.mouse.click(NARROW / 2, 890)
    expect(link).to_be_hidden()
    summary.click()
    link.click()
    window.page.wait_for_url("**/channels")
    expect(window.page.locator(".menu a[aria-current=page]")).to_have_attribute("href", "/channels")


def test_o2_the_way_out_is_logging_out(pages: Pages) -> None:
    window = pages.window()
    window.open("/clients")
    window.page.click(".who > summary")
    expect(window.page.get_by_role("button", name="Log out")).to_be_visible()
    assert window.axe() == ""


def test_o2_what_checks_see_would_fail(pages: Pages) -> None:
    """Else it would prove nothing that they find nothing."""
    window = pages.window()
    window.open(EDIT)
    assert window.axe() == ""
    window.page.evaluate("document.querySelector('label[for=description]').remove()")
    assert "label" in window.axe()
    window.page.evaluate("document.querySelector('main').style.minWidth = '3000px'")
    assert window.too_wide()
    window.page.evaluate("document.body.append(Object.assign(new Image(), {src: '//x.invalid/'}))")
    script = "Object.assign(document.createElement('script'), {textContent: 'window.__hit = 1'})"
    window.page.evaluate(f"document.body.append({script})")
    window.page.wait_for_timeout(200)
    assert window.page.evaluate("window.__hit") is None
    said = "\n".join(window.faults)
    assert "Content Security Policy" in said
    assert "x.invalid" in said
    window.faults.clear()
