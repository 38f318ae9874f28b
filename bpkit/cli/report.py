"""One line of ``python -m bpkit doctor``: what was checked, what was found, and what to do."""

from __future__ import annotations

import textwrap
from typing import NamedTuple

WIDTH = 92


class Line(NamedTuple):
    """The result of one check.

    ``mark``: ok; fix, if it failed; skip, if it could not be made. ``what`` was checked and what
    was found (``said``). ``remedy``: what to do, one step a line, "" if there is nothing to do.
    """

    mark: str
    what: str
    said: str
    remedy: str = ""

    def __str__(self) -> str:
        head = f"{self.mark:<4}  {self.what:<8}  "
        indent = " " * len(head)
        parts = [self.said, *self.remedy.splitlines()]
        return "\n".join(
            textwrap.fill(
                _plain(part), WIDTH, initial_indent=start, subsequent_indent=indent,
                break_long_words=False, break_on_hyphens=False,
            )
            for part, start in zip(parts, [head, *[indent] * len(parts)], strict=False)
        )  # fmt: skip


def _plain(text: str) -> str:
    """In one line. A server's words may contain characters that move a terminal's cursor."""
    return " ".join("".join(one if one.isprintable() else " " for one in text).split())
