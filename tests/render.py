"""Execute every notebook and write its outputs back, or check that nothing would change.

The outputs are kept and the execution counts are not, because no cell has run when a reader opens
the file: `[ ]` beside a cell is true.

    python tests/render.py [NOTEBOOK ...]            # after a change: run, write, commit
    python tests/render.py --check [NOTEBOOK ...]    # do they produce what is committed?
    python tests/render.py --html FOLDER             # a book of what is committed, to read

Texts are compared to the character, pictures pixel by pixel.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from base64 import b64decode
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from difflib import unified_diff
from io import BytesIO
from pathlib import Path
from typing import Any

import nbformat
from book import build
from nbclient import NotebookClient

FOLDER = Path(__file__).parents[1] / "notebooks"
METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
os.environ["EXERCISES_PROGRESS"] = ""  # the kernels neither read nor write the reader's progress
PIXELS = 0.01  # mean difference, of 1, that another machine's fonts may make


def notebooks() -> list[Path]:
    return sorted(FOLDER.glob("*.ipynb"))


def executed(path: Path) -> Any:
    """The notebook, run from the top in a fresh kernel, without what differs by machine."""
    notebook = nbformat.read(path, as_version=4)
    notebook.metadata = nbformat.from_dict(METADATA)
    for cell in notebook.cells:
        cell.metadata = nbformat.from_dict(
            {name: value for name, value in cell.metadata.items() if name == "tags"}
        )
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    client = NotebookClient(
        notebook, timeout=60, record_timing=False, coalesce_streams=True,
        resources={"metadata": {"path": str(FOLDER)}},
    )  # fmt: skip
    client.execute()
    notebook.metadata = nbformat.from_dict(METADATA)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            for one in (cell, *cell.outputs):
                if "execution_count" in one:
                    one.execution_count = None
    return notebook


def differences(old: Any, new: Any) -> Iterator[str]:
    """What differs between two runs of a notebook, in words."""
    if len(old.cells) != len(new.cells):
        yield "the number of cells"
    for place, (before, after) in enumerate(zip(old.cells, new.cells, strict=False)):
        yield from (f"cell {place}: {one}" for one in cell_differences(before, after))


def cell_differences(before: Any, after: Any) -> Iterator[str]:
    """What differs between two runs of a cell, in words."""
    if before.cell_type == "code":
        one, two = _pictures(before), _pictures(after)
        if len(one) != len(two) or not all(map(_alike, one, two)):
            yield "the picture"
    texts = [_text(cell).splitlines(keepends=True) for cell in (before, after)]
    if texts[0] != texts[1]:
        yield "\n" + "".join(unified_diff(*texts, "committed", "produced"))


def _pictures(cell: Any) -> list[bytes]:
    return [
        b64decode(output.data["image/png"])
        for output in cell.outputs
        if "image/png" in output.get("data", {})
    ]


def _text(cell: Any) -> str:
    """The cell as lines of JSON, without the bytes of pictures."""
    plain = json.loads(json.dumps(cell))
    for output in plain.get("outputs", []):
        if "image/png" in output.get("data", {}):
            output["data"]["image/png"] = "a picture"
    return json.dumps(plain, indent=1, ensure_ascii=False, sort_keys=True)


def _alike(one: bytes, two: bytes) -> bool:
    if one == two:
        return True
    from matplotlib.image import imread  # it takes a second, and few pictures differ

    first, second = imread(BytesIO(one)), imread(BytesIO(two))
    return first.shape == second.shape and float(abs(first - second).mean()) < PIXELS


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("notebook", type=Path, nargs="*", help="default: all of them")
    parser.add_argument(
        "--check", action="store_true", help="change nothing; exit 1 on a difference"
    )
    parser.add_argument("--html", type=Path, metavar="FOLDER", help="write a book there instead")
    chosen = parser.parse_args()
    if chosen.html:
        return build(chosen.html)
    stale, paths = False, chosen.notebook or notebooks()
    with ProcessPoolExecutor(2) as pool:  # a kernel mostly waits
        made = [*pool.map(executed, paths)]
    for path, new in zip(paths, made, strict=True):
        found = list(differences(nbformat.read(path, as_version=4), new))
        stale |= bool(found)
        print(f"{path.name}: {'changed' if found else 'as committed'}", *found, sep="\n  ")
        if not chosen.check:
            nbformat.write(new, path)
    return 1 if stale and chosen.check else 0


if __name__ == "__main__":
    sys.exit(main())
