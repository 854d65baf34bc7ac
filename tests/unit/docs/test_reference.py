"""The pages of docs/reference are those of the code, and say something of all of it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import pytest

from controller.commands import outcomes as told
from controller.policy.model import Policy
from controller.settings import load
from controller.settings.section import SECRET
from controller.web.api.schemas import components
from tools.reference import (
    api,
    api_examples,
    api_who,
    api_words,
    commands,
    metrics,
    outcomes,
    policy,
    settings,
)
from tools.reference.__main__ import DIRECTORY, PAGES, main
from tools.reference.page import Page, anchor_of
from tools.reference.sentences import lead, parted
from tools.reference.words import has_words

_ANCHOR = re.compile(r'<a id="([^"]+)"></a>')
_LINK = re.compile(r"\]\(([^)#]*)#([^)]+)\)")
#: How headings of the docs are linked to that have no anchor written out.
_SLUG = re.compile(r"[^\w\- ]")


@cache
def made(name: str) -> str:
    """Make a page once."""
    return PAGES[name]()


@pytest.mark.parametrize("name", PAGES)
def test_the_page_of_the_docs_is_made_of_the_code(name: str) -> None:
    if (DIRECTORY / name).read_text(encoding="utf-8") != made(name):
        pytest.fail(f"docs/reference/{name} is older than the code: run make reference")


def test_there_is_no_page_that_nothing_makes() -> None:
    assert {path.name for path in DIRECTORY.glob("*")} == set(PAGES)


def test_the_pages_are_written_where_they_are_asked_for(tmp_path: Path) -> None:
    main(tmp_path / "pages")
    assert (tmp_path / "pages" / "metrics.md").read_text(encoding="utf-8") == made("metrics.md")


def anchors(path: Path) -> list[str]:
    """Give what a page can be linked to by."""
    text = path.read_text(encoding="utf-8")
    found = _ANCHOR.findall(text)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return found + [_SLUG.sub("", heading.lower()).replace(" ", "-") for heading in headings]


@pytest.mark.parametrize("name", PAGES)
def test_every_link_leads_somewhere_and_no_anchor_is_there_twice(name: str) -> None:
    path = DIRECTORY / name
    text = path.read_text(encoding="utf-8")
    written = _ANCHOR.findall(text)
    assert len(set(written)) == len(written)
    assert anchor_of("listen.host") == "listen-host"
    for page, anchor in _LINK.findall(text):
        target = (path.parent / page).resolve() if page else path
        assert anchor in anchors(target), (page, anchor)


def test_two_headings_cannot_have_one_anchor() -> None:
    page = Page("Twice")
    page.heading("One", 2, "one")
    with pytest.raises(ValueError, match="one"):
        page.heading("One again", 2, "one")


@pytest.mark.parametrize("name", PAGES)
def test_what_is_shown_is_no_html_and_no_table_that_breaks(name: str) -> None:
    text = re.sub(r"```.*?```", "", made(name), flags=re.DOTALL)
    text = re.sub(r"`[^`\n]*`", "", text)
    assert not re.findall(r"<(?!a id=|/a>|!-- )", text)
    assert not re.findall(r"^\|", text, re.MULTILINE)


# --- sentences -----------------------------------------------------------------------------------


def silent(named: Iterable[tuple[str, str]]) -> list[str]:
    """Give the names of what has no sentence: one that has a capital and an end."""
    whole = re.compile(r"[^a-z].*[.!?:)]\Z", re.DOTALL)
    return [name for name, sentence in named if not whole.match(sentence)]


def all_settings() -> list[settings.Setting]:
    return [setting for section in settings.sections() for setting in section.settings]


def test_every_setting_has_a_sentence_and_words_for_its_type() -> None:
    known = all_settings()
    assert len(known) > 70
    assert silent((one.name, parted(one.sentence)[1]) for one in known) == []
    assert [one.name for one in known if not has_words(one.field.type)] == []


def test_every_section_says_what_it_is() -> None:
    found = [(one.name, lead(one.struct)) for one in settings.sections()]
    assert silent(found) == []


def test_every_variable_sets_the_setting_that_it_stands_with() -> None:
    """Each is set to what it would be anyway: a variable that means nothing is an error."""
    for setting in all_settings():
        default = setting.field.default
        if setting.listed or not isinstance(default, str | int | float):
            continue
        value = str(default).lower() if isinstance(default, bool) else str(default)
        made = load(None, {setting.variable: value})
        found: object = made
        for name in setting.name.split("."):
            found = getattr(found, name)
        assert found == default, setting.name


def test_what_is_secret_is_said_to_be(tmp_path: Path) -> None:
    known = {one.name for one in all_settings() if one.secret}
    assert {"database.url", "redis.url", "nodes.password", "notices.secret"} <= known
    assert {name.rpartition(".")[2] for name in known} == SECRET
    secret = tmp_path / "secret"
    secret.write_text("redis://192.0.2.1:6379\n")
    assert "`CALLBACKD_REDIS__URL_FILE`" in made("settings.md")
    assert load(None, {"CALLBACKD_REDIS__URL_FILE": str(secret)}).redis.url.endswith(":6379")
    assert "`CALLBACKD_CHANNEL_PASSWORDS__NAME_FILE`" in made("settings.md")
    named = load(None, {"CALLBACKD_CHANNEL_PASSWORDS__PSTN_FILE": str(secret)})
    assert named.channel_passwords == {"pstn": "redis://192.0.2.1:6379"}


def test_o2_every_setting_of_a_record_has_a_sentence_and_words_for_its_type() -> None:
    for record in policy.records():
        rows = record.rows
        assert silent((f"{record.name}.{row.name}", row.sentence) for row in rows) == []
        assert [row.name for row in rows if not row.in_words] == [], record.name


def test_o2_every_field_of_a_policy_is_there_by_page_and_command() -> None:
    extension = next(record for record in policy.records() if record.name == "extension")
    fields = {*Policy.__struct_fields__} - {"password_hash"} | {"password"}
    assert {row.name for row in extension.rows} == fields
    for row in extension.rows:
        facts = dict(row.facts)
        assert row.label, row.name
        assert facts["Command"].endswith("of `callbackd extension add`"), row.name
        assert facts["Default"], row.name


def test_every_command_and_every_option_has_a_sentence() -> None:
    known = list(commands.entries())
    assert len(known) > 80
    assert silent((one.name, one.sentences.partition("\n")[0]) for one in known) == []
    without = [
        f"{entry.name} {option.opts[0]}"
        for entry in known
        for option in entry.options()
        if not (option.help or "").strip()
    ]
    assert without == []


def test_every_metric_has_a_sentence() -> None:
    known = list(metrics.metrics())
    assert silent((one.name, one.sentence) for one in known) == []
    assert len({one.name for one in known}) == len(known)
    names = {name for one in known for name in one.series}
    assert {"callbackd_node_up", "callbackd_calls_total", "callbackd_talk_seconds_sum"} <= names


def test_every_alert_stands_with_a_metric() -> None:
    text = made("metrics.md")
    alerts = [one for one in metrics.asking() if one.kind == "Alerts"]
    assert alerts
    # `up` is Prometheus' own.
    assert [one.name for one in alerts if one.name not in text and "up" not in one.terms] == []


def test_t10_every_word_of_commands_is_there_and_says_what_to_do() -> None:
    there = outcomes.words()
    assert set(told.ENDED) <= set(there["ended"])
    assert set(told.REFUSED) <= set(there["refused"])
    assert set(told.UNPLACED) <= set(there["unplaced"])
    for where, sentences in there.items():
        assert silent(sentences.items()) == []
        for word in set(sentences) - {"completed", "cancelled"}:
            assert outcomes.remedy_of(word, dialled=where == "unplaced"), word


def test_every_operation_of_the_api_says_who_may_and_has_an_example() -> None:
    known = list(api.operations())
    assert len({one.id for one in known}) == len(known) > 70
    for one in known:
        assert api_who.in_words(one.id), one.id
        assert one.example.startswith("curl "), one.id
        assert "{" not in one.example.partition("$API")[2], one.id
    assert set(api_examples.EXAMPLES) == {one.id for one in known}


def test_every_field_that_the_api_answers_with_is_in_words() -> None:
    text = made("api.md")
    shapes = text[text.index('<a id="shapes"></a>') :]
    assert "anything" not in shapes
    assert "`controller." not in shapes
    fields = re.findall(r"^- `\w+`: .*$", shapes, re.MULTILINE)
    assert len(fields) > 200
    # Its type, and then a sentence.
    known = {
        f"{shape}.{field}"
        for shape, schema in components().items()
        for field in schema.get("properties", ())
    }
    known |= {name.partition(".")[2] for name in known}
    assert set(api_words.FIELDS) <= known
    assert [one for one in fields if not re.search(r"[a-z`)\d]\. .*[.`:)]\Z", one)] == []
