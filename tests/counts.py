"""Count what makes the notebooks readable: ``python tests/counts.py [NOTEBOOK ...]``.

A row for each notebook: cells, code cells, the median and the longest code cell in lines, the share
of code cells directly after prose, the share with an output, pictures, words, words a sentence, and
the sentences of more than 25 words, which are printed below the table.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from statistics import mean, median
from typing import Any

import nbformat
from render import notebooks

LONGEST = 25  # words of a sentence
END = re.compile(r"(?<=[.?!])[\"')*]*(?:\s+|$)")


def sentences(markdown: str) -> Iterator[str]:
    """The sentences of a text: of its paragraphs, list items and table cells, without code blocks.

    Inline code is one word, whatever is in it; of a link its text counts.
    """
    text = re.sub(r"^( *)```.*?^\1```", "\n\n", markdown, flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"<summary>(.*?)</summary>", r"\n\n\1\n\n", text, flags=re.DOTALL)
    text = re.sub(r"<code>.*?</code>|`[^`]+`", "CODE", text)
    text = re.sub(r"!\[[^\]]*\]\([^)]*\)|<[^>]+>", "", text)
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text)
    for block in re.split(r"\n\s*\n|\n(?=\s*(?:[-*>#|]|\d+\.) ?)", text):
        for part in block.split("|") if block.lstrip().startswith("|") else [block]:
            plain = re.sub(r"^\s*(?:[-*>#]+|\d+\.)\s+", "", part)
            yield from (one.strip() for one in END.split(plain) if words(one))


def words(sentence: str) -> list[str]:
    return re.findall(r"[\w'./,-]*\w[\w'./,-]*", sentence)


def counts(notebook: Any) -> dict[str, Any]:
    """One row of the table, and the sentences that are too long."""
    cells = notebook.cells
    code = [cell for cell in cells if cell.cell_type == "code"]
    lines = [len(cell.source.splitlines()) for cell in code]
    prose = [cell.source for cell in cells if cell.cell_type == "markdown"]
    after = sum(before.cell_type == "markdown" for before, cell in pairwise(cells) if cell in code)
    said = [one for source in prose for one in sentences(source)]
    lengths = [len(words(one)) for one in said]
    return {
        "cells": len(cells),
        "code": len(code),
        "median": median(lines),
        "longest": max(lines),
        "after prose": round(100 * after / len(code)),
        "output": round(100 * sum(bool(cell.outputs) for cell in code) / len(code)),
        "pictures": sum("image/png" in str(cell.outputs) for cell in code)
        + sum(source.count("](images/") for source in prose),
        "words": sum(lengths),
        "a sentence": round(mean(lengths), 1),
        "too long": [one for one in said if len(words(one)) > LONGEST],
    }


def main() -> int:
    paths = [*map(Path, sys.argv[1:])] or [path for path in notebooks() if path.name[0].isdigit()]
    rows = {path.stem: counts(nbformat.read(path, as_version=4)) for path in paths}
    heads = [*next(iter(rows.values()))]
    print(f"{'':24}" + "".join(f"{head:>12}" for head in heads))
    for name, row in rows.items():
        shown = row | {"too long": len(row["too long"])}
        print(f"{name:24}" + "".join(f"{value:>12}" for value in shown.values()))
    for name, row in rows.items():
        for one in row["too long"]:
            print(f"\n{name}: {len(words(one))} words: {' '.join(one.split())}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
