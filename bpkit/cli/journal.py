"""Show a journal of writes to a person, or archive it (``bpkit journal orders.jsonl``)."""

from __future__ import annotations

import sys
import textwrap
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from ..clock import moment
from ..errors import BpkitError, JournalError, hide_secrets, shown_fields
from ..guard.journal import open_journal
from ..guard.journal_lines import Attempt, Lines, attempts_of, read_lines, spent_on
from .report import WIDTH


def run(
    path: str,
    *,
    archive: bool = False,
    out: Callable[[str], object] = print,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> int:
    """Print a journal, also while a program writes to it; or archive it.

    Returns 0, or 1 if it cannot be read or archived.
    """
    try:
        lines = _read(path)
        if archive:
            out(f"Renamed to {_archive(path, lines)}; {path} now has what is still needed.")
        else:
            show(path, lines, now().date().isoformat(), out)
    except BpkitError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def show(path: str, lines: Lines, today: str, out: Callable[[str], object]) -> None:
    """The open writes, then how many lines of each kind there are, then the sum of ``today``."""
    attempts = attempts_of(lines.events, path)
    found = [one for one in attempts.values() if one.open]
    if found:
        out(f"Open: {len(found)}. What became of them is not known; bp.reconcile() looks for them.")
        for one in found:
            _show_attempt(one, out)
    else:
        out("Open: none. What became of every write is known.")
    counts = Counter(str(one["event"]) for one in lines.events)
    out(f"Lines: {', '.join(f'{number} {name}' for name, number in counts.items()) or 'none'}")
    if lines.torn:
        out("The last line is not whole: it is being written, or a crash has torn it.")
    out(f"Today ({today} in UTC): {spent_on(attempts, today):f} USDC count against per_day")


def _show_attempt(one: Attempt, out: Callable[[str], object]) -> None:
    when = moment(one.signed).isoformat(sep=" ", timespec="milliseconds").removesuffix("+00:00")
    out(_fit(f"  {when} UTC  {one.operation}: {one.why}"))
    for fields in one.sent if one.is_batch else [one.sent]:
        out(_fit(f"    {shown_fields(fields)}"))


def _fit(text: str) -> str:
    return textwrap.fill(
        text, WIDTH, subsequent_indent=" " * 6, break_long_words=False, break_on_hyphens=False
    )


def _read(path: str) -> Lines:
    try:
        return read_lines(Path(path).read_bytes(), path)
    except OSError as error:
        raise JournalError(
            f"{hide_secrets(path)} cannot be read: {error.strerror}. Pass the path of a journal, "
            "such as orders.jsonl."
        ) from error


def _archive(path: str, lines: Lines) -> str:
    """The path of the old file. It is opened as the client of its first line would open it."""
    first = next((one for one in lines.events if one["event"] == "opened"), None)
    if first is None:
        raise JournalError(f"{path} has no line yet, so there is nothing to archive.")
    journal = open_journal(path, url=first["url"], public_key=first["public_key"])
    try:
        return journal.archive()
    finally:
        journal.close()
