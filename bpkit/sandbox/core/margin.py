"""Margin: equity, initial and maintenance margin, and the liquidation price of an account.

Equity: the available balances at their last price times their collateral weight, plus what closing
all positions at the mark would pay. What is lent counts like what is available; what is borrowed is
taken off at its whole price. Amounts that spot orders lock do not count. The weights are those of
``get_collateral_parameters``; their curves for large amounts are left out.

Initial margin of a market: the exposure at the mark, times the larger of the market's function and
1 / leverage limit. Exposure is the position plus the open orders of the worse side, without
reduce-only orders. Maintenance margin: the position at the mark, times the market's function.

What is borrowed needs both too: at the last price, times the asset's functions. For the initial
margin, what open orders with ``autoBorrow`` may still borrow counts as borrowed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import ROUND_DOWN, Decimal
from typing import Any

from ..formatting import plain
from ..simulation.market import Market
from ..simulation.tables import table
from .book import NO_MATCH, Match
from .fees import Tier, futures_fee
from .holdings import Holding, holding, owing
from .ledger import ZERO, exact, fine, fitted
from .orders import EngineAccount, OrderRequest
from .positions import EnginePosition, fraction
from .settlement import QUOTE

NO_POSITION_MMF = "0.007"  # recorded from an account without positions

FINEST = Decimal("1e-18")

Json = dict[str, Any]


PARAMETERS: dict[str, Json] = {row["symbol"]: row for row in table("collateral")}
WEIGHTS = {asset: Decimal(row["haircutFunction"]["weight"]) for asset, row in PARAMETERS.items()}


class Margin:
    """Margin of accounts; changes nothing. ``mark``: the price of a market's symbol now.

    ``debt_mark``: the same, for what is borrowed; None: there is one price.
    """

    def __init__(
        self,
        markets: Mapping[str, Market],
        mark: Callable[[str], Decimal],
        debt_mark: Callable[[str], Decimal] | None = None,
    ) -> None:
        self._markets, self._mark, self._debt_mark = markets, mark, debt_mark or mark

    # Margin that is needed

    def exposure(self, account: EngineAccount, symbol: str) -> int:
        """The exposure in steps, without a sign."""
        return _worst(account.net(symbol), *account.waiting.steps(symbol))

    def initial(self, account: EngineAccount) -> Decimal:
        """Initial margin of all positions, borrows and open orders, in USDC."""
        return self._initial(account, self._exposures(account))

    def maintenance(self, account: EngineAccount) -> Decimal:
        """Maintenance margin of all positions and borrows, in USDC."""
        with fine():
            held = sum((self._maintenance(one) for one in account.positions.values()), ZERO)
            for asset, loan in account.loans.items():
                notional = self._owed(asset, loan.borrowed)
                held += notional * fraction(PARAMETERS[asset]["mmfFunction"], notional)
            return held

    # Equity

    def equity(self, account: EngineAccount) -> Decimal:
        """The account's equity, in USDC."""
        with fine():
            return self._collateral(account) + self._worth(account)

    def is_short(self, account: EngineAccount) -> bool:
        """Is its equity below its maintenance margin?"""
        if not account.positions and not account.borrows:
            return False
        if not account.loans and self.cash_is_enough(account):
            return False
        return self.equity(account) < self.maintenance(account)

    def cash_is_enough(self, account: EngineAccount) -> bool:
        """Is its USDC alone enough for the maintenance margin? To value other assets is slow."""
        needed = self.maintenance(account)
        with fine():
            return account.balances.available(QUOTE) + self._worth(account) >= needed

    def allows(
        self, account: EngineAccount, request: OrderRequest, match: Match, tier: Tier
    ) -> bool:
        """Is there enough margin for a futures order? An order that only reduces needs none.

        ``match``: its fills. The check is for the account after the order: fees paid, fills at
        their prices, and the rest of the order filled at its limit. ``tier``: of its fees.
        """
        symbol, market, sign = request.market.symbol, request.market, request.sign
        net, (bids, asks) = account.net(symbol), account.waiting.steps(symbol)
        rest = _rest(request, match)
        after = _worst(
            net + sign * match.executed,
            bids + (rest if sign > 0 else 0),
            asks + (rest if sign < 0 else 0),
        )
        if _only_reduces(net, sign, match.executed, rest, bids if sign > 0 else asks):
            return True
        with fine():
            mark, gain = self._mark(symbol), ZERO
            for fill in match.fills:
                price, size = market.price(fill.price), market.quantity(fill.quantity)
                gain += sign * size * (mark - price)
                gain -= futures_fee(tier, price * size, is_maker=False)
            if rest and request.price is not None:
                price, size = market.price(request.price), market.quantity(rest)
                gain += min(ZERO, sign * size * (mark - price))
                gain -= futures_fee(tier, price * size, is_maker=True)
            exposures = self._exposures(account) | {symbol: after}
            needed = self._initial(account, exposures)
            return self.equity(account) + gain >= needed

    def free(self, account: EngineAccount, asset: str) -> Decimal:
        """The amount of an asset that may be locked, spent or withdrawn: what margin does not need.

        It is cut to 18 decimals if the margin limits it.
        """
        available = account.balances.available(asset)
        needed = self.initial(account)
        weight = self.weight(asset)
        if needed == 0 or weight == 0:
            return available
        with fine():
            cost = weight * self.price(asset) * (2 if asset in account.wanted else 1)
            spare = (self.equity(account) - needed) / cost
            return max(ZERO, min(available, spare.quantize(FINEST, ROUND_DOWN)))

    def surplus(
        self, account: EngineAccount, changed: Mapping[str, Holding] | None = None
    ) -> Decimal:
        """Equity less initial margin, in USDC. ``changed``: holdings of some assets that take the
        place of the account's own."""
        after = changed or {}
        with fine():
            gain = sum(
                (
                    self._value(asset, one) - self._value(asset, holding(account, asset))
                    for asset, one in after.items()
                ),
                ZERO,
            )
            needed = self._initial(account, self._exposures(account), after)
            return self.equity(account) + gain - needed

    def liquidation_price(self, account: EngineAccount, position: EnginePosition) -> Decimal:
        """The mark at which the account would be liquidated if no other price changed. 0: none.

        An estimate: it uses the maintenance fraction of the present notional.
        """
        with fine():
            mark, size = self._mark(position.market.symbol), position.quantity
            function = position.market.raw["mmfFunction"]
            rate = fraction(function, abs(size * mark))
            others = self.maintenance(account) - self._maintenance(position)
            price = (size * mark - self.equity(account) + others) / (size - abs(size) * rate)
            return fitted(price) if price > 0 else ZERO

    # Answers

    def summary(self, account: EngineAccount) -> Json:
        """``MarginAccountSummary``. Locked equity: initial margin, and what spot orders lock."""
        names = sorted({*account.balances.assets(), *account.loans})
        rows = [self._row(account, asset) for asset in names]
        with fine():
            assets = sum((Decimal(row["collateralValue"]) for row in rows), ZERO)
            pnl = sum((self._unrealised(one) for one in account.positions.values()), ZERO)
            owed = sum(
                (self._owed(one, loan.borrowed) for one, loan in account.loans.items()), ZERO
            )
            held = assets - owed - self._collateral(account)
            net, needed = assets - owed + self._worth(account), self.initial(account)
            exposed = self._exposed(self._exposures(account))
            locked = min(net, needed + held)
            risk = exposed + sum((self._owed(*one) for one in owing(account).items()), ZERO)
            imf = needed / risk if risk else 1 / account.leverage_limit
            size = sum((self._notional(one) for one in account.positions.values()), owed)
            mmf = self.maintenance(account) / size if size else Decimal(NO_POSITION_MMF)
            shown = {
                "assetsValue": assets,
                "borrowLiability": owed,
                "imf": imf,
                "liabilitiesValue": owed,
                "mmf": mmf,
                "netEquity": net,
                "netEquityAvailable": net - locked,
                "netEquityLocked": locked,
                "netExposureFutures": exposed,
                "pnlUnrealized": pnl,
                "unsettledEquity": ZERO,
            }
            ratio = plain(fitted(net / risk)) if risk else None
        return {name: plain(fitted(value)) for name, value in shown.items()} | {
            "collateral": [row for row in rows if _counts(row)],
            "marginFraction": ratio,
        }

    def _row(self, account: EngineAccount, asset: str) -> Json:
        price, weight = self.price(asset), self.weight(asset)
        available, locked = account.balances.available(asset), account.balances.locked(asset)
        lent = account.loans[asset].lent if asset in account.loans else ZERO
        with exact():
            total = available + locked + lent
            return {
                "assetMarkPrice": plain(price),
                "availableQuantity": plain(available),
                "balanceNotional": plain(total * price),
                "collateralValue": plain(total * price * weight),
                "collateralWeight": plain(weight),
                "lendQuantity": plain(lent),
                "openOrderQuantity": plain(locked),
                "symbol": asset,
                "totalQuantity": plain(total),
            }

    # Parts

    def _exposures(self, account: EngineAccount) -> dict[str, int]:
        symbols = account.positions.keys() | account.waiting.futures.keys()
        return {symbol: self.exposure(account, symbol) for symbol in sorted(symbols)}

    def _initial(
        self,
        account: EngineAccount,
        exposures: Mapping[str, int],
        changed: Mapping[str, Holding] | None = None,
    ) -> Decimal:
        with fine():
            total, least = ZERO, 1 / account.leverage_limit
            for symbol, steps in exposures.items():
                market = self._markets[symbol]
                notional = market.quantity(steps) * self._mark(symbol)
                total += notional * max(least, fraction(market.raw["imfFunction"], notional))
            for asset, quantity in owing(account, changed).items():
                notional = self._owed(asset, quantity)
                rate = fraction(PARAMETERS[asset]["imfFunction"], notional)
                total += notional * max(least, rate)
            return total

    def _exposed(self, exposures: Mapping[str, int]) -> Decimal:
        with fine():
            sizes = (
                self._markets[one].quantity(n) * self._mark(one) for one, n in exposures.items()
            )
            return sum(sizes, ZERO)

    def _maintenance(self, position: EnginePosition) -> Decimal:
        with fine():
            notional = self._notional(position)
            return notional * fraction(position.market.raw["mmfFunction"], notional)

    def _notional(self, position: EnginePosition) -> Decimal:
        with fine():
            return abs(position.quantity * self._mark(position.market.symbol))

    def _unrealised(self, position: EnginePosition) -> Decimal:
        return position.unrealised(self._mark(position.market.symbol))

    def _worth(self, account: EngineAccount) -> Decimal:
        with fine():
            return sum(
                (one.worth(self._mark(one.market.symbol)) for one in account.positions.values()),
                ZERO,
            )

    def _collateral(self, account: EngineAccount) -> Decimal:
        with fine():
            held = sum(
                (
                    account.balances.available(asset) * self.weight(asset) * self.price(asset)
                    for asset in account.balances.assets()
                ),
                ZERO,
            )
            for asset, loan in account.loans.items():
                held += self._value(asset, Holding(ZERO, loan.lent, loan.borrowed))
            return held

    def _value(self, asset: str, held: Holding) -> Decimal:
        """What a holding adds to the equity."""
        with fine():
            own = held.available + held.lent
            gross = own * self.weight(asset) * self.price(asset) if own else ZERO
            return gross - self._owed(asset, held.borrowed)

    def _owed(self, asset: str, quantity: Decimal) -> Decimal:
        """The worth of a borrowed quantity."""
        with fine():
            return quantity * self._debt_price(asset) if quantity else ZERO

    def _debt_price(self, asset: str) -> Decimal:
        return Decimal(1) if asset == QUOTE else self._debt_mark(f"{asset}_{QUOTE}")

    def price(self, asset: str) -> Decimal:
        """The last price of an asset in USDC; 0 if it has no open market."""
        market = self._markets.get(f"{asset}_{QUOTE}")
        if asset == QUOTE:
            return Decimal(1)
        return ZERO if market is None or not market.open else self._mark(market.symbol)

    def weight(self, asset: str) -> Decimal:
        """The collateral weight of an asset; 0 if it has no price."""
        market = self._markets.get(f"{asset}_{QUOTE}")
        if asset != QUOTE and (market is None or not market.open):
            return ZERO
        return WEIGHTS.get(asset, ZERO)


def _counts(row: Json) -> bool:
    return row["collateralWeight"] != "0" and row["totalQuantity"] != "0"


def _worst(net: int, bids: int, asks: int) -> int:
    return max(abs(net + bids), abs(net - asks))


def _rest(request: OrderRequest, match: Match) -> int:
    """Steps of an order that will rest in the book."""
    waits = request.price is not None and request.time_in_force == "GTC"
    if not waits or match.stopped != NO_MATCH or request.quantity is None or request.reduce_only:
        return 0
    return request.quantity - match.executed


def _only_reduces(net: int, sign: int, executed: int, rest: int, waiting: int) -> bool:
    """Does an order only reduce a position, now and when its rest is filled too?

    An order that goes through zero opens a position. ``waiting``: orders that rest on the same
    side already. All in steps.
    """
    if sign * net >= 0:
        return executed == rest == 0
    return executed + rest + waiting <= abs(net)
