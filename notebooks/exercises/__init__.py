"""The notebooks' exercises, graded by the learner's own exchange.

    from exercises import exercise

    exercise("02.1").check()       # Right, Wrong, Not tried yet or Cannot tell, with the reason
    exercise("02.1").hint()        # three steps
    exercise("02.1").solution()

Each notebook's exercises are in the module of its number: ``n02`` for notebook 02. A teacher can
write more with ``Exercise``, ``right``, ``wrong`` and ``untried``. In IPython, importing this also
explains missing names and forgotten brackets, and shortens bpkit's own errors.
"""

from __future__ import annotations

from .grading import Exercise, LearnerState, Verdict, right, untried, wrong
from .n00 import EXERCISES as N00
from .n01 import EXERCISES as N01
from .n02 import EXERCISES as N02
from .n03 import EXERCISES as N03
from .n04 import EXERCISES as N04
from .n05 import EXERCISES as N05
from .n06 import EXERCISES as N06
from .n07 import EXERCISES as N07
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
    *N09,
    *N10,
)

_session = Session(EXERCISES)
exercise, progress = _session.exercise, _session.progress
install()
