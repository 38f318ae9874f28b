"""``python -m exercises grade NOTEBOOK ... [--csv]``: grade the notebooks of a class.

The exit status is 0 if every exercise is right, 1 if not, and 2 if a file could not be graded.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Sequence
from pathlib import Path

COLUMNS = ("notebook", "exercise", "title", "verdict", "reason")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command in ``arguments`` (default: those of the process). Return its exit status."""
    parser = argparse.ArgumentParser("python -m exercises", description=__doc__.split("\n")[0])
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    purpose = "run notebooks from the top in new kernels, and show the verdict of each exercise"
    grade = commands.add_parser(
        "grade", help=purpose, description=purpose, epilog=__doc__.split("\n\n")[1]
    )
    grade.add_argument("notebook", nargs="+", type=Path)
    grade.add_argument("--csv", action="store_true", help="as CSV, with the reasons")
    grade.add_argument(
        "--seconds", type=float, default=60, help="how long a cell may take (default: 60)"
    )
    chosen = parser.parse_args(arguments)
    if not 0 < chosen.seconds < 1e6:
        parser.error(f"--seconds {chosen.seconds:g}: must be more than 0")
    return _grade(chosen.notebook, chosen.csv, chosen.seconds)


def _grade(paths: Sequence[Path], as_csv: bool, seconds: float) -> int:
    from .grade import graded  # it loads the libraries that run notebooks

    writer, width = csv.writer(sys.stdout), max(len(str(path)) for path in [*paths, "notebook"])
    if as_csv:
        writer.writerow(COLUMNS)
    else:
        print(f"{'notebook':{width}}  exercise  {'verdict':14}  title")
    status = 0
    for path in paths:
        for row in graded(path, seconds):
            if as_csv:
                writer.writerow([getattr(row, name) for name in COLUMNS])
            else:
                said = row.reason if row.is_about_the_file else row.title
                print(f"{row.notebook:{width}}  {row.exercise:8}  {row.verdict:14}  {said}")
            status = max(status, 2 if row.is_about_the_file else 0 if row.is_right else 1)
        sys.stdout.flush()
    return status


if __name__ == "__main__":
    sys.exit(main())
