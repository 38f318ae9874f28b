"""Keep how far the learner has come: the best verdict and the hints of each exercise, in a file.

The file is ``notebooks/.progress.json``. The environment variable EXERCISES_PROGRESS names another
one; if its value is empty, nothing is read and nothing is written. Each change is written at once,
and keeps what another open notebook has written.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bpkit.guard.file_lock import CannotLock, Held, lock

from .cells import FOLDER
from .verdicts import CANNOT_TELL, RIGHT, UNTRIED, WRONG

if TYPE_CHECKING:
    import pandas as pd

    from .grading import Exercise

VARIABLE = "EXERCISES_PROGRESS"
BETTER = ("-", CANNOT_TELL, UNTRIED, WRONG, RIGHT)  # from the worst to the best
NEVER = {"best": "-", "hints": 0, "last": "-"}
PATIENCE = 5  # seconds to wait until another notebook has written
Rows = dict[str, dict[str, Any]]  # by the id of the exercise


class Kept:
    """The progress in the file, and in memory if there is no file."""

    def __init__(self) -> None:
        self._rows: Rows = {}
        self._complained = False

    def rows(self) -> Rows:
        """What is known of each exercise that was tried or asked about."""
        path = _path()
        if path is not None:
            with suppress(OSError):
                return _read(path)
        return self._rows

    def checked(self, id: str, outcome: str) -> None:
        """Keep the outcome of a check."""
        self._change({id: {**NEVER, "best": outcome, "last": outcome}})

    def hinted(self, id: str, number: int) -> None:
        """Keep that this hint was read."""
        self._change({id: {**NEVER, "hints": number}})

    def _change(self, news: Rows) -> None:
        path, self._rows = _path(), _merged(self._rows, news)
        if path is None:
            return
        try:
            with _alone(path):
                _write(path, _merged(_read(path), news))
        except OSError as error:
            if not self._complained:
                _say(f"Your progress is not kept: {path.name} cannot be written ({error}).")
            self._complained = True


def _path() -> Path | None:
    named = os.environ.get(VARIABLE, str(FOLDER / ".progress.json"))
    return Path(named) if named else None


def _merged(old: Rows, new: Rows) -> Rows:
    """Both, of each exercise the better verdict and the greater number of hints."""
    made = dict(old)
    for id, row in new.items():
        before = made.get(id, NEVER)
        made[id] = {
            "best": max(before["best"], row["best"], key=BETTER.index),
            "hints": max(before["hints"], row["hints"]),
            "last": before["last"] if row["last"] == "-" else row["last"],
        }
    return made


def _read(path: Path) -> Rows:
    """The rows of the file. A file that cannot be understood is put aside, with a message."""
    try:
        rows = json.loads(path.read_text("utf-8"))
        return {str(id): _row(row) for id, row in rows.items()}
    except FileNotFoundError:
        return {}
    except (ValueError, KeyError, TypeError, AttributeError):
        pass
    aside = path.with_name(f"{path.stem}.broken-{time.time_ns()}{path.suffix}")
    os.replace(path, aside)
    _say(
        f"{path.name} could not be read, so your progress begins again. "
        f"The old file is now {aside.name}."
    )
    return {}


def _row(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of the file. Raises KeyError, TypeError or ValueError if it is not one."""
    BETTER.index(row["best"]), BETTER.index(row["last"])
    return {"best": row["best"], "hints": int(row["hints"]), "last": row["last"]}


def _write(path: Path, rows: Rows) -> None:
    """Write another file and put it in place, so that the file is never half written."""
    text = json.dumps(dict(sorted(rows.items())), indent=1)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f"{path.stem}.", suffix=".new")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """In this block no other notebook writes. Some network drives cannot promise that."""
    handle, until = None, time.monotonic() + PATIENCE
    while handle is None:
        try:
            handle = lock(str(path.with_suffix(".lock")))
        except Held:
            if time.monotonic() > until:
                raise OSError("another notebook holds it") from None
            time.sleep(0.01)
        except CannotLock:
            break
    try:
        yield
    finally:
        if handle is not None:
            os.close(handle)


def _say(text: str) -> None:
    print(text, file=sys.stderr)


class Progress:
    """How many exercises are right, in all and for each notebook. ``.df``: each exercise."""

    def __init__(self, exercises: Sequence[Exercise], rows: Rows) -> None:
        self._all = [(one, rows.get(one.id, NEVER)) for one in exercises]

    @property
    def df(self) -> pd.DataFrame:
        """One row for each exercise: id, title, the best verdict, hints read, the last verdict."""
        import pandas as pd  # it is heavy, and a check does not need it

        rows = [{"id": one.id, "title": one.title, **row} for one, row in self._all]
        return pd.DataFrame(rows, columns=["id", "title", "best", "hints", "last"])

    def __repr__(self) -> str:
        count: dict[str, list[bool]] = {}
        for one, row in self._all:
            count.setdefault(_notebook(one.id), []).append(row["best"] == RIGHT)
        width = max(map(len, count), default=0)
        right = sum(map(sum, count.values()))
        return "\n".join(
            [f"{right} of {len(self._all)} exercises are right.", ""]
            + [f"{name:<{width}}  {sum(own):2} of {len(own)}" for name, own in count.items()]
        )


def _notebook(id: str) -> str:
    """ "02 Signing by hand", as its notebook is called; "02" if it is not there."""
    number = id.partition(".")[0]
    for file in sorted(FOLDER.glob(f"{number}_*.ipynb"), key=lambda file: len(file.name)):
        with suppress(OSError, ValueError, LookupError, TypeError):
            first = "".join(json.loads(file.read_text("utf-8"))["cells"][0]["source"])
            return first.partition("\n")[0].removeprefix("# ")
    return number
