"""O2, S1, M2: files are sent with their progress; sounds are heard and picked; rows are added."""

from __future__ import annotations

from playwright.sync_api import FilePayload, expect

from controller.admin.model import Kind
from controller.admin.sounding import MOST_BYTES
from tests.browser.conftest import Pages
from tests.sounding import recording
from tests.web.world import ADMIN

SOUND = "/sounds/of/en/heard-acme"


def test_s1_a_recording_is_uploaded_in_place_of_another_and_heard(pages: Pages) -> None:
    """S1: the page says how far it is, and shows what is heard then."""
    window = pages.window()
    window.open(SOUND)
    before = window.page.get_attribute("audio", "src")
    audio = FilePayload(name="my <i>tone.ogg", mimeType="audio/ogg", buffer=recording(700))
    window.page.set_input_files("#file", files=[audio])
    with window.page.expect_request("**/sounds/upload/**") as sent:
        window.page.get_by_role("button", name="Upload").click()
    assert sent.value.headers["content-type"] == "application/octet-stream"
    window.page.wait_for_url("**?done=saved")
    expect(window.page.get_by_text("my <i>tone.ogg")).to_be_visible()
    assert window.page.get_attribute("audio", "src") != before
    seconds = window.page.evaluate(
        """async () => {
          const audio = document.querySelector("audio");
          const over = new Promise((done) => audio.addEventListener("ended", done));
          await audio.play();
          await over;
          return audio.duration;
        }"""
    )
    assert seconds == 0.25


def test_s1_what_is_no_recording_is_said_to_be_none(pages: Pages) -> None:
    """S1, G1: on the page, as text; what is too large is not even sent."""
    window = pages.window()
    window.expected = {422}
    window.open(SOUND)
    bad = FilePayload(name="a.wav", mimeType="audio/wav", buffer=b"<img src=x onerror=alert(1)>")
    window.page.set_input_files("#file", files=[bad])
    upload = window.page.get_by_role("button", name="Upload")
    upload.click()
    answer = window.page.locator("[data-answer]")
    expect(answer).to_contain_text("by its content this is no WAV")
    expect(answer).to_be_focused()
    expect(upload).to_be_enabled()
    expect(window.page.locator("progress")).to_be_hidden()
    assert window.axe() == ""
    large = FilePayload(name="a.wav", mimeType="audio/wav", buffer=b"\0" * (MOST_BYTES + 1))
    sent: list[str] = []
    window.page.on("request", lambda request: sent.append(request.url))
    window.page.set_input_files("#file", files=[large])
    upload.click()
    expect(answer).to_contain_text("too large")
    assert sent == []


def test_s1_a_sound_is_picked_by_keyboard_or_its_path_typed(pages: Pages) -> None:
    """S1: nothing but the keyboard is needed, and the focus is back where it was."""
    window = pages.window()
    window.open("/extensions/of/1001")
    field, dialog = window.page.locator("#warning_sound"), window.page.locator("#dialog")
    opener = window.page.locator("#field-warning_sound button")
    opener.focus()
    window.page.keyboard.press("Enter")
    expect(dialog.locator("input[type=search]")).to_be_focused()
    window.page.keyboard.type("heard-A")
    expect(dialog.locator("[data-fill][data-value]")).to_have_count(1)
    # It searches, and sends no form of the page.
    with window.page.expect_response("**/sounds/pick?found*"):
        window.page.keyboard.press("Enter")
    window.settle()
    dialog.locator("[data-fill][data-value]").focus()
    window.page.keyboard.press("Enter")
    expect(dialog).to_be_hidden()
    expect(field).to_be_focused()
    assert field.input_value() == "heard-acme"
    opener.click()
    dialog.locator("#sound-path").fill("/usr/share/bye.wav")
    window.page.keyboard.press("Enter")
    expect(dialog).to_be_hidden()
    assert field.input_value() == "/usr/share/bye.wav"
    opener.click()
    expect(dialog).to_be_visible()
    window.page.keyboard.press("Escape")
    expect(opener).to_be_focused()


def test_m2_a_file_of_rates_is_tried_and_then_imported(pages: Pages) -> None:
    """M2: bad lines are told; nothing is written before it is meant, and asked for once more."""
    window = pages.window()
    window.open("/price-lists/of/retail")
    window.page.click("details.more > summary")
    bad = FilePayload(name="a.csv", mimeType="text/csv", buffer=b"prefix,per_minute\n+44,<b>\n")
    window.page.set_input_files("#file", files=[bad])
    window.page.click("button[value=try]")
    answer = window.page.locator("[data-answer]")
    expect(answer).to_contain_text("1 line is bad")
    expect(answer).to_contain_text("'<b>' is no amount")
    # What the bar at the top half hides while one scrolls is no small target.
    window.page.evaluate("scrollTo(0, 0)")
    assert window.axe() == ""
    good = FilePayload(name="a.csv", mimeType="text/csv", buffer=b"prefix,per_minute\n+44,0.02\n")
    window.page.set_input_files("#file", files=[good])
    window.page.click("button[value=try]")
    expect(answer).to_contain_text("nothing was written")
    window.page.click("button[value=import]")
    window.page.click("#dialog button.danger")
    expect(answer).to_contain_text("Imported: 1 new")
    answer.get_by_role("link").click()
    expect(window.page.locator("#rates table")).to_contain_text("+44")
    page = pages.world.directory.list(ADMIN, Kind.RATE, {"prefix": "+44"})
    assert [item.values["per_minute"] for item in page.items] == [20_000]


def test_m2_what_counts_for_a_number_is_shown_on_the_page(pages: Pages) -> None:
    window = pages.window()
    window.open("/price-lists/of/retail")
    window.page.fill("input[name=number]", "+49 (30) 123-456")
    window.page.keyboard.press("Enter")
    expect(window.page.locator("#found-rate")).to_contain_text("+4930123456")
    expect(window.page.locator("#found-rate")).to_contain_text("0.0125 EUR")
    assert window.axe() == ""


def test_o2_rows_are_added_and_saved(pages: Pages) -> None:
    """O2: working hours, a row for each; the new one has the focus."""
    window = pages.window()
    window.open("/channels/of/pstn")
    rows = window.page.locator("#field-hours [data-row]")
    expect(rows).to_have_count(1)
    for place, day in enumerate(("mon", "sat")):
        row = rows.nth(place)
        row.locator("select").first.select_option(day)
        row.locator("input").first.fill("08:00")
        row.locator("input").last.fill("18:00")
        window.page.click("#field-hours [data-adds]")
        expect(rows.nth(place + 1).locator("select").first).to_be_focused()
        expect(rows.nth(place + 1).locator("input").first).to_have_value("")
    window.page.click("button[value=save]")
    window.page.wait_for_url("**?done=saved")
    values = pages.world.directory.get(ADMIN, Kind.CHANNEL, "pstn").values
    assert list(values["hours"]) == ["mon 08:00-18:00", "sat 08:00-18:00"]
    expect(rows).to_have_count(3)


def test_o2_the_secret_of_a_token_is_on_the_page_that_made_it_alone(pages: Pages) -> None:
    """O2: in no address, and gone when one goes back to it."""
    window = pages.window()
    window.open("/tokens/new")
    window.page.fill("#name", "billing")
    window.page.check("input[value=read_only]")
    window.page.click("button[value=save]")
    secret = window.page.input_value("#secret")
    assert pages.world.directory.authenticate(secret) is not None
    assert secret not in window.page.url
    assert window.axe() == ""
    window.page.get_by_role("link", name="I have it").click()
    window.page.wait_for_url("**/tokens/of/billing")
    assert secret not in window.page.content()
