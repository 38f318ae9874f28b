"""Write the columns, dtypes and index of every kind of frame to tests/data/frames.json.

``python tests/frames/write_snapshot.py``, after a change of ``bpkit.frames`` that is intended. The
diff of the file is what changes for users.
"""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import Any

import pandas as pd
from frame_samples import ANSWERS

from bpkit.frames import FRAMES, frame

SNAPSHOT = Path(__file__).parents[1] / "data/frames.json"
# The snapshot's words for two dtypes. Text is str with pandas 3, and object with pandas 2.
WORDS = {"text": str(pd.Series(dtype="str").dtype), "utc": "datetime64[us, UTC]"}


def columns(kind: str) -> dict[str, str]:
    """Column -> dtype of a frame without rows; the index is among them."""
    made = frame(kind, ANSWERS[kind][1] if kind in ANSWERS else None)
    made = made.reset_index() if made.index.name else made
    found = {name: str(dtype) for name, dtype in made.dtypes.items()}
    for name, convert in FRAMES[kind].columns:
        word = {"texts": "text", "iso_times": "utc", "ms_times": "utc"}.get(convert.__name__)
        if found[name] == WORDS.get(word):
            found[name] = word
    return found


def snapshot() -> dict[str, Any]:
    """Kind -> its index and its columns. Kinds that share a contract are one entry."""
    found: dict[Any, list[str]] = {}
    for kind, contract in FRAMES.items():
        found.setdefault(contract, []).append(kind)
    return {
        " ".join(kinds): {"index": contract.index, "columns": columns(kinds[0])}
        for contract, kinds in found.items()
    }


def text() -> str:
    """The snapshot as JSON, with as many columns in a line as fit."""
    entries = []
    for kinds, entry in snapshot().items():
        names = json.dumps(entry["columns"], separators=(", ", ":"))
        lines = textwrap.fill(names, 98, initial_indent="  ", subsequent_indent="  ")
        head = f' "{kinds}": {{"index": {json.dumps(entry["index"])}, "columns":'
        entries.append(f"{head}\n{lines}}}")
    return "{\n" + ",\n".join(entries) + "\n}\n"


if __name__ == "__main__":
    SNAPSHOT.write_text(text(), "utf-8")
