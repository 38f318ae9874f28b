"""Convert dust: sell a balance that is too small for an order to the market maker, for USDC.

Documented: the balance, with what is lent, must be less than the least quantity of the spot market,
and without a symbol all such balances are converted. Our guess: what is lent is redeemed, even from
a pool without supply; what is borrowed is no dust; the price is the last price, there is no fee,
and the USDC are cut to 6 decimals.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from ..formatting import iso, plain
from ..simulation.market import Market
from .holdings import holding
from .ledger import cut, exact
from .rules import bad_request

if TYPE_CHECKING:
    from .engine import Engine
    from .orders import EngineAccount

USDC = "USDC"


class DustConversion(NamedTuple):
    """``quantity`` of an asset became ``received`` USDC."""

    id: int
    symbol: str
    quantity: Decimal
    received: Decimal
    time_us: int

    def wire(self) -> dict[str, Any]:
        """A row of the history: ``DustConversion``."""
        return {
            "id": self.id,
            "quantity": plain(self.quantity),
            "symbol": self.symbol,
            "timestamp": iso(self.time_us),
            "usdcReceived": plain(self.received),
        }


def convert(engine: Engine, account: EngineAccount, symbol: str | None) -> None:
    """Convert the dust of an asset, or all of it. Refusal: that balance is not dust."""
    if symbol is None:
        for asset in sorted({*account.balances.assets(), *account.loans}):
            if _is_dust(engine, account, asset):
                _sell(engine, account, asset)
    elif _is_dust(engine, account, symbol):
        _sell(engine, account, symbol)
    else:
        raise bad_request(f"The balance of {symbol} is not dust", "INVALID_QUANTITY")
    engine.account_streams.balances(account)


@exact()
def _is_dust(engine: Engine, account: EngineAccount, asset: str) -> bool:
    market = _market(engine, asset)
    held = holding(account, asset)
    total = held.available + held.lent + account.balances.locked(asset)
    if market is None or total == 0 or held.borrowed:
        return False
    return total < Decimal(market.raw["filters"]["quantity"]["minQuantity"])


def _market(engine: Engine, asset: str) -> Market | None:
    """The open spot market of an asset against USDC."""
    market = engine.markets.get(f"{asset}_{USDC}")
    return market if market is not None and market.open else None


def _sell(engine: Engine, account: EngineAccount, asset: str) -> None:
    """No order can lock so little, so all that is not lent is available."""
    lent = holding(account, asset).lent
    engine.lending.move(account, asset, lent.copy_negate(), "DustConversion")
    quantity = account.balances.available(asset)
    with exact():
        received = cut(quantity * engine.mark(f"{asset}_{USDC}"))
    account.balances.spend(asset, quantity)
    engine.market_maker.gain(asset, quantity)
    engine.market_maker.spend(USDC, received)
    account.balances.gain(USDC, received)
    engine.last_dust_id += 1
    account.dust.append(
        DustConversion(engine.last_dust_id, asset, quantity, received, engine.now_us)
    )
