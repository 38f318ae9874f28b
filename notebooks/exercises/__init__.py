"""The notebooks' exercises, graded by the exchange of the learner's own.

    from exercises import exercise

    exercise("02.1").check()       # Right, Wrong, Not tried yet or Cannot tell, with the reason
    exercise("02.1").hint()        # three steps
    exercise("02.1").solution()

Each notebook's exercises stand in a module of its number. In IPython, importing this also explains
names that are missing because cells were run out of order, and shortens what bpkit itself raises.
"""

from __future__ import annotations

from .grading import Exercise, Look, Verdict
from .n00 import EXERCISES as N00
from .n01 import EXERCISES as N01
from .n02 import EXERCISES as N02
from .n03 import EXERCISES as N03
from .n04 import EXERCISES as N04
from .n05 import EXERCISES as N05
from .n06 import EXERCISES as N06
from .n08 import EXERCISES as N08
from .name_errors import install
from .session import Attempt, Session

__all__ = ["EXERCISES", "Attempt", "Exercise", "Look", "Verdict", "exercise", "progress"]

EXERCISES: tuple[Exercise, ...] = (
    *N00,
    *N01,
    *N02,
    *N03,
    *N04,
    *N05,
    *N06,
    *N08,
)

_session = Session(EXERCISES)
exercise, progress = _session.exercise, _session.progress
install()
