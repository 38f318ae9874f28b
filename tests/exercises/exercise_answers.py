"""What learners might answer, collected from ``answers_nNN.py``, one file a notebook.

``WRONG``: id -> [(code in place of the starter, words of the reason), ...].
``RIGHT``: id -> [code that solves it in another way, ...]; a notebook need not have any.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

WRONG: dict[str, list[tuple[str, str]]] = {}
RIGHT: dict[str, list[str]] = {}
for _file in sorted(Path(__file__).parent.glob("answers_n[0-9][0-9].py")):
    _module = import_module(_file.stem)
    WRONG.update(_module.WRONG)
    RIGHT.update(getattr(_module, "RIGHT", {}))
