"""Grade an exercise: ``Exercise``, ``LearnerState`` and ``Verdict``.

An author writes an ``Exercise``. Its ``grade`` is a function that takes a ``LearnerState`` and
returns a ``Verdict``. It reads the exchange's log if that is enough, and else the learner's names.
"""

from __future__ import annotations

import ast
import json
import socket
import textwrap
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from weakref import WeakKeyDictionary

from bpkit.client import Client
from bpkit.errors import ApiError, TransportError
from bpkit.operations import OPERATIONS

from .name_errors import RUN_ABOVE, not_there

RIGHT, WRONG, UNTRIED, CANNOT_TELL = "Right", "Wrong", "Not tried yet", "Cannot tell"
WIDTH = 92  # characters of a line that a notebook shows without scrolling
CHANGE = "Change the cell above, run it, and then run this one once more."
LONGEST = 80  # characters of a value, or of an error, that are worth repeating


@dataclass(frozen=True)
class Verdict:
    """The result of a check: one of the four outcomes, and the reason in a sentence or two."""

    outcome: str
    reason: str

    def __repr__(self) -> str:
        return "\n".join(
            textwrap.fill(line, WIDTH, break_long_words=False, break_on_hyphens=False)
            for line in f"{self.outcome}. {self.reason}".splitlines()
        )


def right(text: str) -> Verdict:
    """The exercise is solved. ``text``: what shows that."""
    return Verdict(RIGHT, text)


def wrong(text: str) -> Verdict:
    """The exercise was tried, and is not solved. ``text``: what was found, and what is wrong."""
    return Verdict(WRONG, text)


def untried(text: str = "") -> Verdict:
    """The starter is as it was, or nothing was sent."""
    return Verdict(UNTRIED, text or CHANGE)


def cannot_tell(text: str) -> Verdict:
    """The exercise cannot be graded now. ``text``: why, and which cell to run first."""
    return Verdict(CANNOT_TELL, text)


class Decided(Exception):
    """Raised while an exercise is graded: the verdict is known already."""

    def __init__(self, verdict: Verdict) -> None:
        self.verdict = verdict
        super().__init__(repr(verdict))


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
        self._exercise, self._names, self._seen_running = exercise, names, False
        self._read: set[str] = set()  # the names that were read

    def __getitem__(self, name: str) -> Any:
        """The value of one of the learner's names. If it is missing, the verdict is "Cannot tell"."""
        self._read.add(name)
        if name in self._names:
            return self._names[name]
        if name in _made_by(self._exercise.starter) | _made_by(self._exercise.solution):
            raise Decided(cannot_tell(f"`{name}` is not there yet. Run the cell above this one."))
        raise Decided(cannot_tell(not_there(name)))

    def get(self, name: str, default: Any = None) -> Any:
        """The value of one of the learner's names, or ``default``."""
        return self._names.get(name, default)

    def has_changed(self) -> bool:
        """Is the learner's cell certainly not the starter? Only IPython's list of cells shows it.

        Their cell is the newest that makes all the names that the starter makes.
        """
        wanted, run = _made_on_top(self._exercise.starter), self._names.get("In")
        if not wanted or not isinstance(run, list):
            return False
        for code in reversed(run):
            if wanted <= _made_on_top(str(code)):
                return str(code).strip() != self._exercise.starter.strip()
        return False

    def settled(self, verdict: Verdict) -> Verdict:
        """The verdict, or "Wrong" if it is "Not tried yet" and the learner has changed the cell.

        If only the exchange's log was read, the verdict stays: a cell that sends nothing may still
        do something else.
        """
        own = self._read & _made_on_top(self._exercise.starter)
        if verdict == untried() and own and self.has_changed():
            return wrong("The cell has changed, but what it does is what it did at first.")
        return verdict

    def call(self, name: str, *args: Any) -> Any:
        """The result of the learner's function ``name``. If it raises, the verdict is "Wrong"."""
        function = self[name]
        if not callable(function):
            raise Decided(wrong(f"`{name}` should be a function, and is {shown(function)}."))
        try:
            return function(*args)
        except (Exception, SystemExit) as error:
            given = ", ".join(map(shown, args))
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
        sandbox = self.sandbox
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


def _made_by(code: str) -> set[str]:
    """The names that running this code would make."""
    made = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            made.add(node.id)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            made.add(node.name)
    return made


def _made_on_top(code: str) -> set[str]:
    """The names that this code makes outside of functions. None if it is not plain Python."""
    made: set[str] = set()
    try:
        body = ast.parse(code).body
    except (SyntaxError, ValueError):
        return made
    for statement in body:
        if isinstance(statement, ast.FunctionDef | ast.ClassDef):
            made.add(statement.name)
        else:
            made |= _made_by(ast.unparse(statement))
    return made


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
    text = repr(value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."


def described(error: BaseException) -> str:
    """Type and first line of an error, cut if it is long."""
    first = (str(error).splitlines() or [""])[0]
    if len(first) > 3 * LONGEST:
        first = f"{first[: 3 * LONGEST - 3]}..."
    return f"{type(error).__name__}: {first}" if first else type(error).__name__
