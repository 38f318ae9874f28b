"""What a price means for a loan: its margin, exposure and liquidation price, as JSON."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from ..formatting import plain
from .holdings import holding, owing
from .ledger import ZERO, fine, fitted
from .margin import PARAMETERS, Margin
from .orders import EngineAccount
from .positions import fraction
from .settlement import QUOTE


def liquidation_price(margin: Margin, account: EngineAccount, asset: str) -> Decimal:
    """The price of a borrowed asset at which the account would be liquidated if no other price
    changed; 0: none. An estimate: it uses the maintenance fraction of the present worth."""
    held = holding(account, asset)
    if asset == QUOTE or not held.borrowed:
        return ZERO  # the price of USDC is always 1
    with fine():
        price = margin.price(asset)
        rate = fraction(PARAMETERS[asset]["mmfFunction"], held.borrowed * price)
        own = (held.available + held.lent) * margin.weight(asset)
        slope = own - held.borrowed * (1 + rate)
        if not slope:
            return ZERO
        found = price - (margin.equity(account) - margin.maintenance(account)) / slope
        return fitted(found) if found > 0 else ZERO


def wire(margin: Margin, account: EngineAccount, asset: str) -> dict[str, Any]:
    """``BorrowLendPositionWithMargin``. A lend has no exposure; what open orders may still borrow
    is a part of a borrow's."""
    loan, row = account.loans[asset], PARAMETERS[asset]
    owed, price = owing(account).get(asset, ZERO), margin.price(asset)
    with fine():
        exposed, worth = owed * price, loan.borrowed * price
    return {
        "cumulativeInterest": plain(loan.interest),
        "estLiquidationPrice": plain(liquidation_price(margin, account, asset)),
        "id": loan.id,
        "imf": plain(fraction(row["imfFunction"], exposed)),
        "imfFunction": row["imfFunction"],
        "markPrice": plain(price),
        "mmf": plain(fraction(row["mmfFunction"], worth)),
        "mmfFunction": row["mmfFunction"],
        "netExposureNotional": plain(fitted(exposed)),
        "netExposureQuantity": plain(owed.copy_negate()),
        "netQuantity": plain(loan.quantity),
        "symbol": asset,
    }
