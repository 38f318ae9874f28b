"""How much simulated people lend and borrow of an asset, hour by hour, from a seed."""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache
from random import Random
from typing import Any

from .synthetic import HOUR

DAY_HOURS = 24
WANDER = 1_000  # a drift is between -WANDER and WANDER
LENT_PART = 20  # what is lent drifts by at most a twentieth
BORROWED_PART = 10  # what part of it is borrowed drifts by at most a tenth of what is lent


@lru_cache(maxsize=4_096)
def _knot(name: str, day: int) -> int:
    return Random(f"{name}|{day}").randint(-WANDER, WANDER)


def _drift(name: str, hour: int) -> int:
    """A number from -24,000 to 24,000 that moves in straight lines, to a new one each day."""
    day, rest = divmod(hour, DAY_HOURS)
    return _knot(name, day) * (DAY_HOURS - rest) + _knot(name, day + 1) * rest


def others(seed: str, row: dict[str, Any], at_us: int) -> tuple[Decimal, Decimal]:
    """What simulated people have lent and borrowed in the hour of ``at_us``, in the asset.

    ``row``: the asset's lending market in ``catalogue.json``; its quantities are the usual ones.
    Both are whole multiples of its step.
    """
    hour, full = at_us // HOUR, DAY_HOURS * WANDER
    name, step = f"{seed}|lending|{row['symbol']}", Decimal(row["stepSize"])
    usual, part = Decimal(row["lentQuantity"]) // step, Decimal(row["utilization"])
    lent = int(usual) * (full * LENT_PART + _drift(f"{name}|lent", hour)) // (full * LENT_PART)
    share = int(part * full * BORROWED_PART) + _drift(f"{name}|borrowed", hour)
    return lent * step, lent * share // (full * BORROWED_PART) * step
