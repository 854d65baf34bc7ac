"""What the site has besides docs/: the project's own files that its pages link to.

MkDocs reads this as a hook (mkdocs.yml). A page of docs/ says `../fs-config/README.md`, as a
code-hosting page wants it; in the site that file is below `project/`, and so are those that it
links to itself. What the tests of docs/ read in comments is left out. What draws diagrams is a file
of docs/ too: the theme would fetch it from another server.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT: Final = Path(__file__).parents[1]
#: The target of a link or picture; the addresses of others have a colon.
LINK: Final = re.compile(r"(?<=\]\()(?P<path>[^)#:\s]+)(?=(?:#[^)\s]*)?\))")
#: What is said to the tests: how a page is tried, and why a block is not.
FOR_TESTS: Final = re.compile(r" *<!-- (?:tried with|not run|fails): .*-->\n")
#: Where a block begins, or ends.
FENCE: Final = re.compile(r" *(````*)")
_DOCS: Final = "docs/"
_OTHERS: Final = "project/"
#: Mermaid's own build with fewer kinds of diagram (npm's @mermaid-js/tiny 11.17.2, MIT), as it is.
MERMAID: Final = "javascripts/mermaid.tiny.js"


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the files that pages link to outside of docs/, and those that these link to."""
    looked_at: set[str] = set()
    waiting = {_DOCS + file.src_uri for file in files.documentation_pages()}
    while waiting:
        page = waiting.pop()
        looked_at.add(page)
        for path in linked(page, (ROOT / page).read_text("utf-8")):
            if not path.startswith(_DOCS) and path not in looked_at and (ROOT / path).is_file():
                files.append(File.generated(config, _OTHERS + path, abs_src_path=str(ROOT / path)))
                if path.endswith(".md"):
                    waiting.add(path)
                looked_at.add(path)
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Let a page's links lead to where the files are in the site."""
    source = page.file.src_uri
    is_other = source.startswith(_OTHERS)
    where = source.removeprefix(_OTHERS) if is_other else _DOCS + source

    def moved(link: re.Match[str]) -> str:
        path = of_project(where, link["path"])
        there = path.removeprefix(_DOCS) if path.startswith(_DOCS) else _OTHERS + path
        # What there is not is left as it is: MkDocs says so then.
        if files.get_file_from_path(there) is None:
            return link["path"]
        return posixpath.relpath(there, posixpath.dirname(source) or ".")

    return "".join(
        line if shown else LINK.sub(moved, line)
        for line, shown in lines_of(markdown)
        if shown or not FOR_TESTS.match(line)
    )


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> str:
    """Give a page with diagrams, and no other, what draws them, before the theme looks for it."""
    if '<pre class="mermaid">' not in output:
        return output
    where = posixpath.relpath(MERMAID, posixpath.dirname(page.file.dest_uri) or ".")
    return output.replace("</head>", f'<script src="{where}"></script></head>', 1)


def lines_of(markdown: str) -> Iterator[tuple[str, bool]]:
    """Give the lines of a page, and whether each is shown as it is: it is in a block."""
    block = ""
    for line in markdown.splitlines(keepends=True):
        fence = FENCE.match(line)
        yield line, bool(block)
        if fence and block in ("", fence[1]):
            block = "" if block else fence[1]


def linked(page: str, text: str) -> Iterator[str]:
    """Give the paths in the project that a page links to."""
    return (of_project(page, link["path"]) for link in LINK.finditer(text))


def of_project(page: str, path: str) -> str:
    """Give a link's path in the project, by the page that it stands on."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(page), path))
