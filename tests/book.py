"""Build a book of the committed notebooks: pages to read anywhere, also without internet.

``python tests/render.py --html FOLDER`` calls it. It needs Sphinx with myst-nb and the theme furo,
which the extra ``book`` installs. No notebook is executed: the book shows what is committed.
"""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import nbformat

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted(path.relative_to(ROOT) for path in ROOT.glob("notebooks/*.ipynb"))
PAGES = [
    Path(name)
    for name in (
        "bpkit/sandbox/PARITY.md",
        "bpkit/sandbox/RECIPES.md",
        "notebooks/exercises/README.md",
    )
]
LINK = re.compile(r"(?<!!)\[([^\]]*)\]\((?!\w+:)([^)#]+)[^)]*\)")  # to a file of the project

CONFIGURATION = """\
project = html_title = "Backpack notebooks"
extensions = ["myst_nb"]
language = "en"
nb_execution_mode = "off"
nb_merge_streams = True
myst_heading_anchors = 4
html_theme = "furo"
html_static_path = ["static"]
html_css_files = ["book.css"]
html_copy_source = html_show_sphinx = html_show_copyright = False
# A link to an <a id="..."> works, but myst does not know it.
suppress_warnings = ["myst.xref_missing"]
"""

STYLE = """\
.cell_output { overflow-x: auto; }
.cell_output table { border: 0; border-collapse: collapse; font-size: 0.8em; white-space: nowrap; }
.cell_output th, .cell_output td { border: 0; padding: 0.2em 0.7em; text-align: right; }
.cell_output tr:nth-child(even) { background: var(--color-background-secondary); }
.cell_output thead { border-bottom: 1px solid var(--color-foreground-border); }
.highlight .nn { text-decoration: none !important; }
@media (max-width: 40em) { .cell_output pre { white-space: pre-wrap; } }
"""

FIRST_PAGE = """\
# Backpack notebooks

A course that teaches the Backpack Exchange API from Python, on an exchange that runs on your own
machine. These pages show the notebooks with their outputs. To run them yourself, get the project
and follow its README.

```{{toctree}}
:caption: The course
:maxdepth: 1

{notebooks}
```

```{{toctree}}
:caption: More
:maxdepth: 1

{others}
```
"""


def build(folder: Path) -> int:
    """Write the book into ``folder``, where ``index.html`` is its first page. The exit code."""
    try:
        import furo  # noqa: F401  Sphinx would not say how to install it
        import myst_nb  # noqa: F401
        from sphinx.cmd.build import main
    except ModuleNotFoundError as error:
        print(f'{error}. Install what a book needs: pip install -e ".[book]"', file=sys.stderr)
        return 2
    with TemporaryDirectory() as source:
        arrange(Path(source))
        code = main(["-q", "-W", "--keep-going", "-b", "html", source, str(folder)])
    if code == 0:
        print(f"Open {folder / 'index.html'} in a browser.")
    return code


def arrange(source: Path) -> None:
    """Write the files that Sphinx makes the book of, each where the others link to it."""
    for path in (*NOTEBOOKS, *PAGES):
        (source / path.parent).mkdir(parents=True, exist_ok=True)
    for path in NOTEBOOKS:
        notebook = nbformat.read(ROOT / path, as_version=4)
        for cell in notebook.cells:
            _describe(cell)
            if cell.cell_type == "markdown":
                cell.source = _linked(cell.source, path)
        nbformat.write(notebook, source / path)
    for path in PAGES:
        (source / path).write_text(_linked((ROOT / path).read_text("utf-8"), path), "utf-8")
    shutil.copytree(ROOT / "notebooks/images", source / "notebooks/images")
    (source / "static").mkdir()
    for name, text in (
        ("conf.py", CONFIGURATION),
        ("static/book.css", STYLE),
        ("index.md", FIRST_PAGE.format(notebooks=_listed(NOTEBOOKS), others=_listed(PAGES))),
    ):
        (source / name).write_text(text, "utf-8")


def _linked(markdown: str, path: Path) -> str:
    """The text of a page without its links to files that are not in the book."""

    def kept(found: re.Match[str]) -> str:
        target = (ROOT / path.parent / found[2]).resolve().relative_to(ROOT)
        return found[0] if target in (*NOTEBOOKS, *PAGES) else found[1]

    return LINK.sub(kept, markdown)


def _listed(paths: list[Path]) -> str:
    return "\n".join(str(path.with_suffix("")) for path in paths)


def _describe(cell: Any) -> None:
    """Put the alternative text of a cell's picture where myst-nb looks for it."""
    for output in cell.get("outputs", []):
        alt = output.get("metadata", {}).get("image/png", {}).get("alt")
        if alt:
            cell.metadata["mystnb"] = {"image": {"alt": alt}}
