"""The notebooks' exercises, graded by the learner's own exchange.

    from exercises import exercise, progress

    exercise("02.1").check()       # Right, Wrong, Not tried yet or Cannot tell, with the reason
    exercise("02.1").hint()        # three steps
    exercise("02.1").solution()
    progress()                     # how many exercises are right, of each notebook
    progress().df                  # one row for each exercise

Each notebook's exercises are in the module of its number: ``n02`` for notebook 02. README.md shows
how to write one. ``python -m exercises grade`` grades the notebooks of a class. In IPython,
importing this also explains errors: missing names, misspelt columns, and those of bpkit.
"""

from __future__ import annotations

from . import cells
from .grading import Exercise, LearnerState, Verdict, right, untried, wrong
from .n00 import EXERCISES as N00
from .n01 import EXERCISES as N01
from .n02 import EXERCISES as N02
from .n03 import EXERCISES as N03
from .n04 import EXERCISES as N04
from .n05 import EXERCISES as N05
from .n06 import EXERCISES as N06
from .n07 import EXERCISES as N07
from .n08 import EXERCISES as N08
from .n09 import EXERCISES as N09
from .n10 import EXERCISES as N10
from .name_errors import install
from .session import Attempt, Session

__all__ = [
    "EXERCISES", "Attempt", "Exercise", "LearnerState", "Verdict", "exercise", "progress",
    "right", "untried", "wrong",
]  # fmt: skip

EXERCISES: tuple[Exercise, ...] = (
    *N00,
    *N01,
    *N02,
    *N03,
    *N04,
    *N05,
    *N06,
    *N07,
    *N08,
    *N09,
    *N10,
)

_session = Session(EXERCISES)
exercise, progress = _session.exercise, _session.progress
install()
cells.watch_this()
