"""The page of nodes, controllers and channels (O2, O4)."""

from __future__ import annotations

import re

import pytest

from controller.admin.model import Kind
from controller.store.drains import read_drains
from controller.store.nodes_seen import NodeSeen, NodesSeen
from tests.live_calls import put
from tests.web.pages.site import Site


def row(page: str, name: str) -> str:
    """Give the words of the row of a thing."""
    found = next(
        part for part in page.split("<tr>") if f"<span>{name} " in part or f">{name}<" in part
    )
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", found))


def test_o2_nodes_and_controllers_say_how_they_are(site: Site) -> None:
    page = site.get("/nodes").text
    assert "Well It gets calls." in row(page, "fs1")
    assert "Down There is no link to it: it gets no calls." in row(page, "fs2")
    assert "These get no calls: fs2." in page
    assert "Serving It takes calls." in row(page, "one")
    assert "Away It is dead, or stands still" in row(page, "two")


def test_o2_a_node_that_is_full_gets_no_calls(site: Site) -> None:
    """It is not said that all is well while new calls find no place."""
    for which in range(10):
        put(site.world.engine, 100 + which, "menu", extension="1001", now=site.world.now)
    NodesSeen(site.world.engine).saw(NodeSeen("fs1", site.world.now, most_sessions=5))
    page = site.get("/nodes").text
    assert "Full It has as many legs as it may" in row(page, "fs1")
    assert "These get no calls: fs2. These are full, and get calls when some are over: fs1." in page


def test_o2_channels_say_where_they_cannot_be_used(site: Site) -> None:
    """On the nodes that there is a link to: of others nothing is known here."""
    site.world.make(Kind.CHANNEL, name="spare")
    site.world.make(Kind.CHANNEL, name="resting", enabled=False)
    page = site.get("/nodes").text
    assert "On fs1" in page
    assert "On fs2" not in page
    assert "no trouble is known" in row(page, "pstn")
    assert "down: the switch" in row(page, "spare")
    assert "switched off" in row(page, "resting")


def test_o4_a_node_is_drained_with_a_reason_and_resumed(site: Site) -> None:
    answer = site.post("/nodes/of/fs1/drain", {"reason": "new <b>disk</b>"})
    assert (answer.status_code, answer.location) == (303, "/nodes?done=drained")
    page = site.get("/nodes").text
    assert "Drained by user:ada" in page
    assert "new &lt;b&gt;disk&lt;/b&gt;" in page
    answer = site.post("/nodes/of/fs1/resume", {})
    assert answer.location == "/nodes?done=resumed"
    assert read_drains(site.world.engine) == ()
    assert site.post("/nodes/of/fs1/resume", {}).status_code == 404


def test_o4_who_drains_the_last_one_is_told_what_that_means(site: Site) -> None:
    """O4: fs2 is down."""
    words = "nobody is called back until one does"
    assert words in site.get("/nodes/of/fs1/drain").text
    assert words in site.get("/nodes/of/fs1/drain", headers={"HX-Request": "true"}).text
    assert words in site.post("/nodes/of/fs1/drain", {"reason": "x" * 300}).text
    assert words not in site.get("/nodes/of/fs2/drain").text


def test_o4_a_reason_that_cannot_be_is_said(site: Site) -> None:
    page = site.post("/nodes/of/fs1/drain", {"reason": "x" * 300})
    assert page.status_code == 422
    assert 'role="alert"' in page.text
    assert site.post("/nodes/of/no%00where/drain", {}).status_code == 404
    assert read_drains(site.world.engine) == ()


def test_o2_what_has_not_changed_is_not_sent_again(site: Site) -> None:
    page = site.get("/nodes").text
    tag = page.partition("/nodes/now?was=")[2][:16]
    assert site.get(f"/nodes/now?was={tag}").status_code == 204
    site.post("/nodes/of/fs1/drain", {"reason": "moving"})
    part = site.get(f"/nodes/now?was={tag}")
    assert part.status_code == 200
    assert "moving" in part.text
    assert "<html" not in part.text


@pytest.mark.parametrize("path", ["/nodes", "/nodes/now", "/nodes/of/fs1/drain"])
def test_o2_clients_see_no_nodes(site: Site, path: str) -> None:
    answer = site.get(path, "acme")
    assert answer.status_code == 403
    assert "fs1" not in answer.text
    for what in ("drain", "resume"):
        assert site.post(f"/nodes/of/fs1/{what}", {}, "acme").status_code == 403


def test_o2_who_changes_nothing_drains_nothing(site: Site) -> None:
    page = site.get("/nodes", "rod").text
    assert "Drain" not in page.replace("drained gets", "")
    assert site.get("/nodes/of/fs1/drain", "rod").status_code == 403
    assert site.post("/nodes/of/fs1/drain", {}, "rod").status_code == 403
    assert read_drains(site.world.engine) == ()


def test_a_form_of_another_session_drains_nothing(site: Site) -> None:
    assert site.post("/nodes/of/fs1/drain", {}, token="csrf-of-rod").status_code == 403
    assert read_drains(site.world.engine) == ()
