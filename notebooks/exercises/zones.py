"""Set another time zone for a moment, to check that a time means the same everywhere."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

# Zones as POSIX writes them, which needs no list of zones, and what they mean.
ZONES = {
    "UTC0": "in UTC",
    "JST-9": "9 hours ahead of UTC, as in Tokyo",
    "EST5": "5 hours behind UTC, as in New York in winter",
}


@contextmanager
def time_zone(zone: str) -> Iterator[bool]:
    """Set this process's time zone in a block. Gives False if the system cannot change it."""
    set_zone = getattr(time, "tzset", None)  # not on Windows
    if set_zone is None:
        yield False
        return
    before = os.environ.get("TZ")
    os.environ["TZ"] = zone
    set_zone()
    try:
        yield True
    finally:
        if before is None:
            del os.environ["TZ"]
        else:
            os.environ["TZ"] = before
        set_zone()
