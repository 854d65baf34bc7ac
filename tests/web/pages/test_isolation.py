"""O2: a client's pages never show another client's data, on any route; nor does he change any.

Every route of the application is tried; one that is new and not told of in `routes` fails here.
"""

from __future__ import annotations

from html import unescape
from typing import Any
from urllib.parse import quote, unquote

import pytest
from sqlalchemy import select
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from controller.admin.model import Kind
from controller.store import schema
from tests.web.pages.routes import (
    FORMS,
    NOBODYS,
    OWN,
    STREAMS,
    forms_of,
    group,
    marks,
    path_of,
    rules,
    send,
    things,
)
from tests.web.pages.site import Site
from tests.web.world import ADMIN, PASSWORD, PIN

#: Who asks, and whose things he asks for.
STRANGERS = [("bolt", "acme"), ("acme", "bolt")]
#: Views that answer a stranger's form with what came of it, and that is nothing.
MAY = {"callerid.bulk"}
#: What is kept of who asks, and changes by asking.
_OF_ASKING = {"session"}


def stored(site: Site) -> dict[str, list[Any]]:
    """Give all that is in the database."""
    with site.world.engine.connect() as connection:
        return {
            table.name: sorted(map(tuple, connection.execute(select(table))), key=repr)
            for table in schema.metadata.sorted_tables
            if table.name not in _OF_ASKING
        }


def check_tells_nothing(site: Site, answer: TestResponse, owner: str, asked: str) -> None:
    """Check that an answer tells nothing of its owner that was not said in asking."""
    body = unescape(answer.get_data().decode(errors="replace"))
    whole, asked = f"{body}\n{answer.headers}", f"{asked} {unquote(asked)}"
    told = [one for one in marks(site.world, owner) if one not in asked and one in whole]
    assert not told, asked


def gets(site: Site) -> list[Rule]:
    """Give the routes that can be read to their end."""
    return [rule for rule in rules(site, "GET") if rule.endpoint not in STREAMS]


def owned(rule: Rule) -> bool:
    """Whether the path of a route names something that is somebody's."""
    return bool(rule.arguments) and group(rule) not in NOBODYS


def others(site: Site) -> list[Rule]:
    """Give the routes by which somebody changes more than his own log-in."""
    return [rule for rule in rules(site, "POST") if group(rule) not in OWN]


def test_every_route_is_covered(site: Site) -> None:
    """Else a view that is new would be tried by nobody."""
    for rule in gets(site):
        assert path_of(site, rule, "acme")
    for rule in rules(site, "POST"):
        assert str(rule.endpoint) in FORMS, rule
        assert forms_of(site, rule, "acme")


def test_what_is_asked_here_is_there(site: Site) -> None:
    """Else it would prove nothing that it is not shown to others."""
    for rule in gets(site):
        if rule.endpoint in ("first.start", "welcome"):
            continue
        answer = site.get(path_of(site, rule, "acme"))
        assert answer.status_code in (200, 303), (rule, answer.status)


@pytest.mark.parametrize(("who", "owner"), STRANGERS)
def test_o2_nothing_of_another_client_is_shown(site: Site, who: str, owner: str) -> None:
    """O2: what is his is answered as what is not there, and no list has it."""
    before = stored(site)
    for rule in gets(site):
        path = path_of(site, rule, owner)
        for headers in ({}, {"HX-Request": "true"}):
            answer = site.get(path, who, headers=headers)
            if owned(rule):
                assert answer.status_code in (403, 404), (path, answer.status_code)
            check_tells_nothing(site, answer, owner, path)
        # Nor without saying whose.
        if not rule.arguments:
            check_tells_nothing(site, site.get(path.partition("?")[0], who), owner, "")
    assert stored(site) == before
    assert site.faults == 0


def begun(site: Site, path: str, who: str) -> TestResponse:
    """Ask for what goes on and on, and give it with the first thing that it says."""
    answer = site.get(path, who)
    if answer.content_type.startswith("text/event-stream"):
        first = next(answer.iter_encoded())
        answer.close()
        answer.set_data(first)
    return answer


def events(site: Site, client: str) -> list[str]:
    """Give the streams of what a client has."""
    known = things(site.world, client)
    asked = ("", f"?extension={known['extension']}", f"?number={quote(known['asked'])}")
    paths = [path_of(site, rule, client) for rule in rules(site, "GET") if rule.endpoint in STREAMS]
    assert len(paths) == len(STREAMS)
    return [f"{path}{query}" for path in paths for query in asked]


@pytest.mark.parametrize(("who", "owner"), STRANGERS)
def test_o2_no_stream_tells_of_another_client(site: Site, who: str, owner: str) -> None:
    """O2: neither what is seen at first, nor what is asked for by his extension or number."""
    for path in events(site, owner):
        answer = begun(site, path, who)
        assert answer.status_code in (200, 404), path
        check_tells_nothing(site, answer, owner, path)
        # Nor anybody who is not logged in; and there is something to be told.
        assert site.get(path, None).status_code == 303
        for sees in ("ada", "rod", owner):
            assert getattr(site.world, f"{owner}_callback") in begun(site, path, sees).text, path
    assert site.faults == 0


@pytest.mark.parametrize(("who", "owner"), STRANGERS)
def test_o2_nothing_of_another_client_is_changed(site: Site, who: str, owner: str) -> None:
    """O2: by none of the forms, each of which would be good, were it his own."""
    before = stored(site)
    for rule in others(site):
        path = path_of(site, rule, owner)
        for form in forms_of(site, rule, owner) if rule.endpoint != "sound.make" else ():
            answer = send(site, path, form, who)
            assert answer.status_code >= 400 or rule.endpoint in MAY, (path, form, answer.status)
            check_tells_nothing(site, answer, owner, f"{path} {form}")
            assert stored(site) == before, (path, form)
    assert site.faults == 0


def test_o2_what_a_client_makes_is_his_whatever_his_form_says(site: Site) -> None:
    """O2: a sound is the one thing that is made without saying whose."""
    send(site, "/sounds/new", {"name": "taken", "path": "/x.wav", "client": "acme"}, "bolt")
    assert site.world.directory.get(ADMIN, Kind.SOUND, "en/taken").values["client"] == "bolt"


def test_o2_who_only_reads_changes_nothing(site: Site) -> None:
    """O2: by any form; and no page offers him one that would be refused."""
    before = stored(site)
    for rule in others(site):
        path = path_of(site, rule, "acme")
        for form in forms_of(site, rule, "acme"):
            answer = send(site, path, form, "rod")
            # A form of which he may change nothing has nothing in it.
            nothing = answer.status_code == 303 and answer.location.endswith("?done=nothing")
            assert answer.status_code >= 400 or nothing, (path, form, answer.status)
    assert stored(site) == before


def test_o2_who_only_reads_sees_everything_but_secrets(site: Site) -> None:
    for rule in gets(site):
        answer = site.get(path_of(site, rule, "acme"), "rod")
        assert answer.status_code in (200, 303, 403) or rule.endpoint == "welcome", rule
        for secret in (PASSWORD, PIN, "argon2id$"):
            assert secret not in answer.get_data().decode(errors="replace")


def test_o2_nobody_is_told_anything_and_changes_nothing(site: Site) -> None:
    """O2: without a log-in there is the log-in, whatever is asked for."""
    before = stored(site)
    opened = site.app.extensions["open"]
    for rule in gets(site):
        if rule.endpoint in opened:
            continue
        path = path_of(site, rule, "acme")
        answer = site.get(path, None)
        assert answer.status_code == 303
        assert answer.location.startswith("/login")
        part = site.get(path, None, headers={"HX-Request": "true"})
        assert (part.status_code, part.text) == (204, "")
    for rule in rules(site, "POST"):
        if rule.endpoint in opened:
            continue
        for form in forms_of(site, rule, "acme"):
            answer = send(site, path_of(site, rule, "acme"), form, None)
            assert answer.status_code == 303
            assert answer.location.startswith("/login")
    assert stored(site) == before


def test_o2_a_form_without_the_secret_of_the_log_in_changes_nothing(site: Site) -> None:
    """O2: nor one that comes from another site, on any route."""
    before = stored(site)
    opened = site.app.extensions["open"]
    for rule in rules(site, "POST"):
        path = path_of(site, rule, "acme")
        for form in forms_of(site, rule, "acme"):
            if rule.endpoint not in opened:
                wrong = {name: said for name, said in form.items() if name} | {"csrf": "x"}
                assert site.post(path, wrong).status_code == 403, path
            foreign = send(site, path, form, "ada", site_of="cross-site")
            assert foreign.status_code == 403, path
    assert stored(site) == before


def test_o2_the_forms_that_are_tried_here_are_good(site: Site) -> None:
    """Else it would prove nothing that they are refused."""
    for rule in others(site):
        # Of acme nothing is stopped; and what is pending is not on the telephone.
        if rule.endpoint == "callbacks.hang_up":
            continue
        owner = "bolt" if rule.endpoint == "stop.resume" else "acme"
        path, form = path_of(site, rule, owner), forms_of(site, rule, owner)[0]
        answer = send(site, path, form, "ada")
        good = answer.status_code < 400 and "done=nothing" not in str(answer.location)
        assert good, (rule, form, answer.status, unescape(answer.text)[-3000:])
