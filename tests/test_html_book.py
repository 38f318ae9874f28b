"""The book that ``python tests/render.py --html FOLDER`` writes. It needs the extra ``book``."""

from __future__ import annotations

import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

pytest.importorskip("myst_nb")

ROOT = Path(__file__).parents[1]


class Page(HTMLParser):
    """The tags of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def all(self, name: str, wanted: str = "") -> list[str]:
        """The values of this attribute, of all tags or of those of one kind."""
        return [own.get(name) or "" for tag, own in self.tags if wanted in ("", tag)]


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[Path, Page]:
    folder = tmp_path_factory.mktemp("book").resolve()
    command = [sys.executable, "tests/render.py", "--html", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert (done.returncode, done.stderr) == (0, "")
    return {path: Page(path.read_text("utf-8")) for path in folder.rglob("*.html")}


def of_notebooks(pages: dict[Path, Page]) -> dict[str, Page]:
    return {path.stem: page for path, page in pages.items() if path.parent.name == "notebooks"}


def test_every_notebook_is_a_page_with_search_back_and_next(pages: dict[Path, Page]) -> None:
    made = of_notebooks(pages)
    assert sorted(made) == sorted(path.stem for path in ROOT.glob("notebooks/*.ipynb"))
    for page in made.values():
        assert "q" in page.all("name", "input")
        assert {"next-page", "prev-page"} & {*page.all("class", "a")}


def test_every_picture_has_a_text(pages: dict[Path, Page]) -> None:
    for name, page in of_notebooks(pages).items():
        assert [text for text in page.all("alt", "img") if "_images" in text or not text] == [], (
            name
        )


def test_every_link_leads_somewhere(pages: dict[Path, Page]) -> None:
    lost = []
    for path, page in pages.items():
        for link in filter(None, page.all("href", "a")):
            parts = urlsplit(link)
            if parts.scheme:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            known = pages[target].all("id") if target in pages else []
            if not target.exists() or (parts.fragment and parts.fragment not in known):
                lost.append((path.name, link))
    assert lost == []
