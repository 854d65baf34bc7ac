"""The site of the documentation: it is built strictly, and asks no other server for anything."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import pytest
from mkdocs.commands.build import build
from mkdocs.config import load_config
from pymdownx.slugs import slugify

from tests.docs.blocks import PAGES, ROOT, read
from tools.site import LINK, MERMAID, of_project

#: Of each element that a browser fetches something for, the attribute that says what.
FETCHED: Final = {
    "script": "src", "link": "href", "img": "src", "iframe": "src", "source": "src", "video": "src",
    "audio": "src", "object": "data", "embed": "src", "use": "href",
}  # fmt: skip
#: Links to something that a browser fetches: not, say, `rel=next`.
FETCHED_LINKS: Final = {"stylesheet", "icon", "preload", "preconnect", "dns-prefetch", "manifest"}


class Fetches(HTMLParser):
    """What a browser fetches to show a page, and whether a diagram is drawn on it."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.styles: list[str] = []
        self.diagrams = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.styles.append(given.get("style") or "")
        self.diagrams += "mermaid" in (given.get("class") or "").split()
        if tag == "link" and not FETCHED_LINKS & set((given.get("rel") or "").split()):
            return
        if (where := given.get(FETCHED.get(tag, ""))) is not None:
            self.found.append(where)


class Warnings(logging.Handler):
    """What is warned of while the site is built."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(record.getMessage())


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site; what was warned of fails whoever asks for it."""
    place = tmp_path_factory.mktemp("site")
    warnings = Warnings()
    logger = logging.getLogger("mkdocs")
    logger.addHandler(warnings)
    try:
        build(load_config(str(ROOT / "mkdocs.yml"), site_dir=str(place), strict=False))
    finally:
        logger.removeHandler(warnings)
    assert warnings.said == []
    return place


def test_the_site_is_built_without_a_warning(site: Path) -> None:
    """Links, anchors, and pages that the navigation does not name: each is a warning."""
    assert (site / "index.html").is_file()
    assert (site / "project" / "fs-config" / "index.html").is_file()
    assert (site / "search" / "search_index.json").is_file()
    assert load_config(str(ROOT / "mkdocs.yml")).strict


def test_no_page_asks_another_server_for_anything(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) > 30
    for page in pages:
        fetches = Fetches()
        fetches.feed(page.read_text("utf-8"))
        assert fetches.found, page
        # Without it the theme would fetch the library from elsewhere; it is a large one.
        drawn = [where for where in fetches.found if where.endswith(MERMAID)]
        assert len(drawn) == bool(fetches.diagrams), page
        for where in [*fetches.found, *of_styles("".join(fetches.styles))]:
            assert is_here(site, page, where), f"{page.name}: {where}"
    for style in site.rglob("*.css"):
        for where in of_styles(style.read_text("utf-8")):
            assert is_here(site, style, where), f"{style.name}: {where}"


def of_styles(text: str) -> list[str]:
    return re.findall(r"(?:url\(|@import\s)\s*[\"']?([^\"')\s]+)", text)


def is_here(site: Path, page: Path, where: str) -> bool:
    """Whether what a page fetches is a file of the site, or stands in the page itself."""
    address = urlsplit(where)
    if address.scheme == "data" or (where.startswith("#") and len(where) > 1):
        return True
    if address.scheme or address.netloc:
        return False
    root = site if address.path.startswith("/") else page.parent
    return (root / address.path.lstrip("/")).resolve().is_file()


def test_what_is_fetched_from_elsewhere_is_found(tmp_path: Path) -> None:
    (tmp_path / "here.css").touch()
    page = tmp_path / "page.html"
    fetches = Fetches()
    fetches.feed(
        '<link rel=stylesheet href=here.css><link rel=next href=gone.html><p style="background:'
        "url(//elsewhere.example/x)\"><script src='https://elsewhere.example/x.js'></script>"
    )
    found = [*fetches.found, *of_styles("".join(fetches.styles))]
    assert [is_here(tmp_path, page, where) for where in found] == [True, False, False]


# --- as a code-hosting page shows it -------------------------------------------------------------

slug = slugify(case="lower")


def anchors(name: str) -> set[str]:
    """Give the anchors of a page's headings."""
    headings = re.findall(r"^#+ (.+)$", read(name).prose, re.MULTILINE)
    # Some pages name them.
    named = set(re.findall(r'<a id="([\w-]+)">', read(name).prose))
    return named | {slug(re.sub(r"[`*]|\]\([^)]*\)|\[", "", heading), "-") for heading in headings}


@pytest.mark.parametrize("name", [*PAGES, "CHANGELOG.md"])
def test_each_link_leads_to_a_file_and_a_heading(name: str) -> None:
    """Of all pages, those included that are not in the site: README.md."""
    prose = read(name).prose
    for link in LINK.finditer(prose):
        assert (ROOT / of_project(name, link["path"])).exists(), link["path"]
    for path, anchor in re.findall(r"\]\(([^)#:\s]*)#([^)\s]+)\)", prose):
        there = of_project(name, path) if path else name
        if there.endswith(".md"):
            assert anchor in anchors(there), f"{path}#{anchor}"


def lists_without_a_blank(name: str) -> Iterator[int]:
    """Give the lines at which a list begins right behind a sentence: it is none in the site."""
    lines = read(name).prose.splitlines()
    for number, (before, line) in enumerate(pairwise(lines), 2):
        begins = re.match(r"(?:[-*+]|\d+\.) \S", line)
        if begins and before.strip() and not re.match(r" |(?:[-*+]|\d+\.) |#|\|", before):
            yield number


@pytest.mark.parametrize("name", PAGES)
def test_a_list_is_one_in_the_site_too(name: str) -> None:
    assert list(lists_without_a_blank(name)) == []


def test_the_readme_begins_with_the_two_commands_and_is_short() -> None:
    first = read("README.md").blocks[0]
    assert [line.split("  ")[0] for line in first.lines] == ["make demo", "make test"]
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) <= 200
