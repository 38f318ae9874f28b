"""Fees by tier: what an account pays for a trade depends on what it has traded before.

The tiers are those that ``get_fee_tiers`` shows. Our guess is how they are reached: by the volume
of the account's own fills in the 30 whole days (UTC) before today, separately for spot markets and
for futures.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from ..simulation.market import Market
from ..simulation.synthetic import DAY
from ..simulation.tables import table
from .ledger import EXACT, ZERO, exact, raised

if TYPE_CHECKING:
    from .orders import EngineAccount

DAYS = 30
LISTS = {"SPOT": "spot", "PERP": "futures"}  # kind of market -> its list of tiers
FREE_OF_FEES = ("USDT_USDC",)


class Tier(NamedTuple):
    """``volume``: the least, in USDC. ``maker`` and ``taker``: of the notional of a future; on a
    spot market, of what is received."""

    volume: Decimal
    maker: Decimal
    taker: Decimal


def _tiers(kind: str) -> list[Tier]:
    rows = table("catalogue")["feeTiers"][LISTS[kind]]
    return [
        Tier(
            Decimal(row["volume"]),
            Decimal(row["makerFee"]).scaleb(-4),
            Decimal(row["takerFee"]).scaleb(-4),
        )
        for row in rows
    ]


TIERS = {kind: _tiers(kind) for kind in LISTS}


def tier(account: EngineAccount, kind: str, now_us: int) -> Tier:
    """The tier of an account in the markets of a kind (SPOT or PERP)."""
    today, traded = now_us // DAY, account.traded[kind]
    past = [amount for day, amount in traded.items() if today - DAYS <= day < today]
    if not past:
        return TIERS[kind][0]
    with exact():
        volume = sum(past, ZERO)
    return next(one for one in reversed(TIERS[kind]) if volume >= one.volume)


def spot_rate(account: EngineAccount, market: Market, now_us: int, is_maker: bool) -> Decimal:
    """The part of what is received that a fill on a spot market costs."""
    if market.symbol in FREE_OF_FEES:
        return ZERO
    one = tier(account, "SPOT", now_us)
    return one.maker if is_maker else one.taker


def futures_fee(one: Tier, notional: Decimal, is_maker: bool) -> Decimal:
    """The fee of a fill of a future, in the quote asset, rounded up to 6 decimals."""
    with exact():
        return raised(notional * (one.maker if is_maker else one.taker))


def count(account: EngineAccount, market: Market, notional: Decimal, now_us: int) -> None:
    """Add a fill to the account's volume. Every market here is quoted in USDC."""
    today = now_us // DAY
    traded = account.traded[market.kind]
    if today not in traded:
        for day in [day for day in traded if day < today - DAYS]:
            del traded[day]
    traded[today] = EXACT.add(traded.get(today, ZERO), notional)
