"""The invented pool of lent and borrowed assets, behind the public borrow and lend answers.

What is lent stays the same; how much of it is borrowed rises and falls with the week. The rate is
the usual broken line: it rises gently up to the optimal utilization, then steeply. Nobody can
borrow or lend in the sandbox, so that nothing but time changes these numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal
from typing import Any

from ..formatting import iso, plain
from .synthetic import DAY, HOUR
from .tables import table

OPTIMAL, HIGHEST = Decimal("0.8"), Decimal("0.95")  # utilizations
RATE_AT_OPTIMAL, RATE_AT_FULL = Decimal("0.08"), Decimal("0.6")  # a year, as fractions
FEE = Decimal("0.15")  # of what borrowers pay
WEEK_HOURS = 168
DIGITS = Decimal("0.00000001")
# interval -> how many rows, and how far they are apart (microseconds)
SPANS = {"1d": (24, HOUR), "1w": (28, 6 * HOUR), "1month": (30, DAY), "1year": (52, 7 * DAY)}

Json = dict[str, Any]


def markets(prices: Mapping[str, Decimal], now_us: int) -> list[Json]:
    """``BorrowLendMarket`` rows. ``prices``: of each asset, in USDC."""
    return [_market(pool, prices[pool["symbol"]], now_us) for pool in _pools()]


def history(interval: str, symbol: str | None, now_us: int) -> list[Json]:
    """``BorrowLendHistory`` rows of an asset, oldest first; of all of them without ``symbol``.

    The shape has no symbol, so that rows of several assets cannot be told apart: they follow each
    other in the order of ``markets``.
    """
    count, width = SPANS[interval]
    last = now_us // width
    return [
        _state(pool, at * width)
        for pool in _pools()
        if symbol in (None, pool["symbol"])
        for at in range(last - count + 1, last + 1)
    ]


def apy(now_us: int) -> Json:
    """``ApyRates``: the same rates as in ``markets``, and a fixed rate for staking."""
    rates = [
        {
            "symbol": pool["symbol"],
            "borrowRate": state["borrowInterestRate"],
            "lendRate": state["lendInterestRate"],
        }
        for pool in _pools()
        for state in [_state(pool, now_us)]
    ]
    return {"borrowLend": rates, "staking": table("catalogue")["stakingApy"]}


def _pools() -> list[dict[str, str]]:
    pools: list[dict[str, str]] = table("catalogue")["lending"]
    return pools


def _market(pool: Mapping[str, str], price: Decimal, now_us: int) -> Json:
    return _state(pool, now_us) | {
        "symbol": pool["symbol"],
        "state": "Open",
        "assetMarkPrice": plain(price),
        "fee": plain(FEE),
        "maxUtilization": plain(HIGHEST),
        "openBorrowLendLimit": pool["openBorrowLendLimit"],
        "optimalUtilization": plain(OPTIMAL),
        "stepSize": pool["stepSize"],
        "throttleUpdateFraction": "0.1",
        "throttleUtilizationBound": "0.97",
        "throttleUtilizationThreshold": "0.9",
    }


def _state(pool: Mapping[str, str], at_us: int) -> Json:
    """What changes with time."""
    lent = Decimal(pool["lentQuantity"])
    borrowed = (lent * _wave(pool, at_us)).quantize(Decimal(pool["stepSize"]), ROUND_DOWN)
    utilization = (borrowed / lent).quantize(DIGITS, ROUND_HALF_UP)
    paid = rate(utilization)
    earned = (paid * utilization * (1 - FEE)).quantize(DIGITS, ROUND_HALF_UP)
    return {
        "borrowInterestRate": plain(paid),
        "borrowedQuantity": plain(borrowed),
        "lendInterestRate": plain(earned),
        "lentQuantity": plain(lent),
        "timestamp": iso(at_us) + "Z",
        "utilization": plain(utilization),
    }


def rate(utilization: Decimal) -> Decimal:
    """What borrowers pay a year, as a fraction, at that utilization (0 to 1)."""
    if utilization <= OPTIMAL:
        value = RATE_AT_OPTIMAL * utilization / OPTIMAL
    else:
        steep = (RATE_AT_FULL - RATE_AT_OPTIMAL) / (1 - OPTIMAL)
        value = RATE_AT_OPTIMAL + steep * (utilization - OPTIMAL)
    return value.quantize(DIGITS, ROUND_HALF_UP)


def _wave(pool: Mapping[str, str], at_us: int) -> Decimal:
    """Up and down once a week, in straight lines, by the whole hour."""
    lowest, highest = Decimal(pool["lowest"]), Decimal(pool["highest"])
    hour = at_us // HOUR % WEEK_HOURS
    half = WEEK_HOURS // 2
    return lowest + (highest - lowest) * (half - abs(hour - half)) / half
