"""Read a ``.gitignore``: which files it ignores, as far as notebook 10 needs it.

Names, ``*``, folders, the topmost folder and ``!`` are understood, as git's manual has them
(gitignore, "Pattern format"); of ``**`` only the one at the beginning.
"""

from __future__ import annotations

import re
from fnmatch import fnmatchcase


def ignored(text: str, path: str) -> bool:
    """Would git ignore this file, by these lines?"""
    parts = path.split("/")
    for depth in range(1, len(parts)):
        if _decision(text, parts[:depth], folder=True)[0]:
            return True  # what lies in a folder that is left out cannot be brought back
    return _decision(text, parts, folder=False)[0]


def _decision(text: str, parts: list[str], folder: bool) -> tuple[bool, str]:
    """Is it ignored, and by which line? The last line that matches counts."""
    found = False, ""
    for line in text.splitlines():
        pattern = line.rstrip(" ")
        if not pattern or pattern.startswith("#"):
            continue
        bare = pattern.removeprefix("!")
        if bare.endswith("/") and not folder:
            continue
        if _fits(bare.removesuffix("/"), parts):
            found = not pattern.startswith("!"), line
    return found


def _fits(pattern: str, parts: list[str]) -> bool:
    pattern = pattern.removeprefix("**/")
    if "/" not in pattern:
        return fnmatchcase(parts[-1], pattern)
    wanted = pattern.removeprefix("/").split("/")
    return len(wanted) == len(parts) and all(map(fnmatchcase, parts, wanted))


def deciding_line(text: str, path: str) -> str:
    """The line that makes git ignore a file, or its folder."""
    parts = path.split("/")
    depths = range(1, len(parts) + 1)
    found = [_decision(text, parts[:depth], folder=depth < len(parts)) for depth in depths]
    return next((line for out, line in found if out), "")


def what_is_wrong(text: str) -> str:
    """What is wrong with the line that was meant to ignore ``.env``."""
    for line in text.splitlines():
        bare = line.strip().strip("\"'")
        if bare == ".env" and line.strip() != bare:
            return "Quotes are part of a name there: take them away."
        if bare == ".env" and line != line.lstrip():
            return "A space before a name is part of the name."
        if bare.removeprefix("**/") == ".env/":
            return "A name that ends with a slash means a folder, and `.env` is a file."
        if bare == "/.env":
            return "A slash at the beginning means: only in the topmost folder."
        if bare == "./.env":
            return "git knows no `./` before a name: take it away."
        if bare == "!.env":
            return "A `!` brings back what a line before has left out."
        if re.search(r"^\.env\s+\S", line):
            return "A name needs a line of its own. Everything after it is part of the name."
    if re.search(r"^#.*\.env\b", text, re.MULTILINE):
        return "A line that begins with `#` is only a comment."
    return "No line names it."
