"""Grade an exercise: ``Exercise``, ``LearnerState`` and ``Verdict``.

An author writes an ``Exercise``. Its ``grade`` is a function that takes a ``LearnerState`` and
returns a ``Verdict``. It reads the exchange's log if that is enough, and else the learner's names.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from weakref import WeakKeyDictionary

from bpkit.client import Client
from bpkit.errors import ApiError, TransportError
from bpkit.operations import OPERATIONS

from .cells import Cell, made_by, newest
from .name_errors import RUN_ABOVE, not_there
from .verdicts import (
    CANNOT_TELL,
    CHANGE,
    RIGHT,
    UNTRIED,
    WIDTH,
    WRONG,
    Decided,
    Verdict,
    cannot_tell,
    right,
    untried,
    wrong,
)

__all__ = [
    "CANNOT_TELL", "CHANGE", "LONGEST", "RIGHT", "UNTRIED", "WIDTH", "WRONG", "Decided",
    "Exercise", "LearnerState", "Verdict", "cannot_tell", "described", "exact", "right", "sent",
    "shown", "untried", "wrong",
]  # fmt: skip

LONGEST = 80  # characters of a value, or of an error, that are worth repeating
STOPPED = "The cell that you ran last stopped with an error: {}"
SAME = "The cell has changed, but its result is the same as at first."


@dataclass(frozen=True)
class Exercise:
    """One exercise of a notebook.

    ``id``: notebook and number, "02.1". ``starter``: the learner's cell as the notebook has it, to
    the character; it runs without raising. ``solution``: the code that could stand there instead.
    ``hints``: from a nudge to nearly everything.
    """

    id: str
    title: str
    grade: Callable[[LearnerState], Verdict]
    hints: tuple[str, str, str]
    solution: str
    starter: str


class LearnerState:
    """The learner's names, and the learner's exchange. Raises Decided if something is missing.

    ``names``: the global names of the notebook.
    """

    def __init__(self, exercise: Exercise, names: Mapping[str, Any]) -> None:
        self._exercise, self._names = exercise, names
        self._seen_running = self._own_is_missing = self._has_read_log = False

    def __getitem__(self, name: str) -> Any:
        """The value of one of the learner's names. If it is missing, the verdict is "Cannot tell"."""
        if name in self._names:
            return self._names[name]
        if name in made_by(self._exercise.starter) | made_by(self._exercise.solution):
            self._own_is_missing = True
            raise Decided(cannot_tell(f"`{name}` is not there yet. Run the cell above this one."))
        raise Decided(cannot_tell(not_there(name)))

    def get(self, name: str, default: Any = None) -> Any:
        """The value of one of the learner's names, or ``default``."""
        return self._names.get(name, default)

    def has_changed(self) -> bool:
        """Did the learner certainly run another cell than the starter?"""
        cell = self._newest()
        return cell is not None and cell.code != self._exercise.starter.strip()

    def must_have_ended(self) -> None:
        """Raise Decided if the newest cell stopped with an error: its names are older than it."""
        cell = self._newest()
        if cell is not None and cell.stop is not None:
            raise Decided(self._stopped(untried(), cell))

    def _newest(self) -> Cell | None:
        return newest(self._exercise.id, self._exercise.starter, self._names)

    def stopped_early(self) -> Verdict | None:
        """ "Wrong", if the newest cell stopped with an error that the exchange did not send."""
        cell = self._newest()
        if cell is None or cell.stop is None or isinstance(cell.stop.error, ApiError):
            return None
        return wrong(STOPPED.format(described(cell.stop.error)))

    def settled(self, verdict: Verdict) -> Verdict:
        """The verdict that the learner reads.

        If the newest cell stopped with an error, the verdict says so, because the learner's names
        are older than that cell. The exchange's log is newer if the cell had sent something. "Not
        tried yet" is "Wrong" if the learner has changed the cell.
        """
        cell = self._newest()
        if cell is None or verdict.outcome == RIGHT:
            return verdict
        stop = cell.stop
        if stop and not (
            (stop.sent and self._has_read_log) or isinstance(stop.error, verdict.explains)
        ):
            return self._stopped(verdict, cell)
        if verdict.outcome == UNTRIED and self.has_changed():
            return wrong(SAME if verdict == untried() else verdict.reason)
        return verdict

    def _stopped(self, verdict: Verdict, cell: Cell) -> Verdict:
        if verdict.outcome == CANNOT_TELL and not self._own_is_missing:
            return verdict
        assert cell.stop is not None
        said = STOPPED.format(described(cell.stop.error))
        if cell.code == self._exercise.starter.strip():
            return cannot_tell(f"{said}\n{RUN_ABOVE}")
        return wrong(said)

    def call(self, name: str, *args: Any) -> Any:
        """The result of the learner's function ``name``. If it raises, the verdict is "Wrong"."""
        function = self[name]
        if not callable(function):
            raise Decided(wrong(f"`{name}` should be a function, and is {shown(function)}."))
        try:
            return function(*args)
        except (Exception, SystemExit) as error:
            given = ", ".join(map(shown, args))
            given = given if len(given) <= LONGEST else "..."
            raise Decided(wrong(f"`{name}({given})` raised {described(error)}")) from error

    @property
    def sandbox(self) -> Any:
        """The learner's exchange, running: an object with ``log``, ``url`` and ``key``."""
        sandbox = self["sandbox"]
        if not all(hasattr(sandbox, part) for part in ("log", "url", "key")):
            raise Decided(
                cannot_tell(f"`sandbox` is not an exchange: {shown(sandbox)}. {RUN_ABOVE}")
            )
        if not self._seen_running and not _listens(sandbox.url):
            raise Decided(cannot_tell(f"The sandbox was stopped. {RUN_ABOVE}"))
        self._seen_running = True
        return sandbox

    def log(self, operation: str | None = None) -> list[dict[str, Any]]:
        """What the learner sent, oldest first, as in ``sandbox.log``, without ``ask``'s requests.

        ``operation``: only these. The requests of the notebook's own cells are included.
        """
        sandbox, self._has_read_log = self.sandbox, True
        own, entries = list(_OWN.get(sandbox, ())), []
        for entry in reversed(sandbox.log):
            if entry in own:
                own.remove(entry)
            elif operation in (None, entry["operation"]):
                entries.append(entry)
        return entries[::-1]

    def ask(self, operation: str, **parameters: Any) -> Any:
        """What the exchange answers to a read, signed with ``sandbox.key``: ``ask("get_account")``.

        It does not appear in ``log``. If no answer comes, the verdict is "Cannot tell".
        """
        assert not OPERATIONS[operation].mutates, "grading only reads"
        sandbox = self.sandbox
        before = len(sandbox.log)
        try:
            with Client(sandbox.url, sandbox.key) as client:
                return getattr(client, operation)(**parameters)
        except (ApiError, TransportError) as error:
            raise Decided(
                cannot_tell(f"The exchange did not say what it knows: {described(error)}")
            ) from error
        finally:
            _OWN.setdefault(sandbox, []).extend(sandbox.log[before:])


# The requests of ``ask``, by sandbox.
_OWN: MutableMapping[Any, list[dict[str, Any]]] = WeakKeyDictionary()


def _listens(url: str) -> bool:
    """Does a server accept connections there? Nothing is sent, so the log does not show it."""
    parts = urlsplit(url)
    try:
        with socket.create_connection((parts.hostname or "", parts.port or 80), timeout=2):
            return True
    except OSError:
        return False


def sent(entry: Mapping[str, Any]) -> Any:
    """The parameters of a logged request: from its query as text, or from the JSON of its body.

    A body that is not JSON gives an empty dict.
    """
    if not entry["body"]:
        return dict(parse_qsl(entry["query"], keep_blank_values=True))
    try:
        return json.loads(entry["body"])
    except ValueError:
        return {}


def exact(value: object) -> Decimal | None:
    """The learner's number as a Decimal: from text, int or Decimal. None for anything else."""
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        return None
    try:
        number = Decimal(value)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def shown(value: object) -> str:
    """A value as a reason shows it: its repr, cut if it is long."""
    text = " ".join(repr(value).split()) if "\n" in repr(value) else repr(value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."


def described(error: BaseException) -> str:
    """Type and first line of an error, cut if it is long."""
    said = error.msg if isinstance(error, SyntaxError) else str(error)  # not where the file lies
    first = (said.splitlines() or [""])[0]
    if len(first) > 3 * LONGEST:
        first = f"{first[: 3 * LONGEST - 3]}..."
    return f"{type(error).__name__}: {first}" if first else type(error).__name__
