"""Check what an account may borrow, lend, redeem and withdraw; change nothing.

A check is of the pool's limits, and of the margin of the account as it would be afterwards.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import ROUND_DOWN, Decimal
from typing import TYPE_CHECKING

from .book import Match
from .fees import spot_rate
from .holdings import Holding, holding
from .ledger import ZERO, exact, fine
from .orders import EngineAccount, OrderRequest
from .pools import FINEST, Pool
from .rules import Refusal, bad_request

if TYPE_CHECKING:
    from .engine import Engine

MOST = 2**120


class Credit:
    """``pools``: the lending market of each asset."""

    def __init__(self, engine: Engine, pools: dict[str, Pool]) -> None:
        self._engine, self._pools = engine, pools

    def refusal(
        self, account: EngineAccount, asset: str, side: str, quantity: Decimal
    ) -> Refusal | None:
        """The refusal of a request to borrow or redeem (side Borrow), to lend or repay (side Lend).

        A request does one of the two: it does not go through zero.
        """
        if asset not in self._pools:
            return bad_request(f"{asset} cannot be borrowed or lent", "INVALID_ASSET")
        pool, held = self._pools[asset], holding(account, asset)
        back = held.borrowed if side == "Lend" else held.lent
        if quantity <= 0:
            return bad_request("Quantity must be positive", "INVALID_QUANTITY")
        if quantity != back and not _is_whole(quantity, pool.step):
            return bad_request("Quantity decimal too long", "INVALID_QUANTITY")
        if side == "Lend":
            return self._lend_refusal(pool, held, quantity)
        return self._borrow_refusal(account, pool, held, quantity)

    def _lend_refusal(self, pool: Pool, held: Holding, quantity: Decimal) -> Refusal | None:
        if quantity > held.available:
            return bad_request("Insufficient funds", "INSUFFICIENT_FUNDS")
        if held.borrowed:
            if quantity <= held.borrowed:
                return None
            return bad_request("Lend requires borrow repay", "LEND_REQUIRES_BORROW_REPAY")
        if quantity > pool.lendable(self._engine.now_us):
            return bad_request("Lend limit exceeded", "LEND_LIMIT")
        return None

    def _borrow_refusal(
        self, account: EngineAccount, pool: Pool, held: Holding, quantity: Decimal
    ) -> Refusal | None:
        now_us = self._engine.now_us
        if held.lent:
            if quantity <= held.lent:
                return pool.refusal(now_us, ZERO, quantity)
            return bad_request("Borrow requires lend redeem", "BORROW_REQUIRES_LEND_REDEEM")
        refused = pool.refusal(now_us, quantity)
        if refused is None and not self._allows(account, pool.asset, _with_loan(held, quantity)):
            return bad_request("Insufficient margin", "INSUFFICIENT_MARGIN")
        return refused

    def may_settle(self, account: EngineAccount, asset: str, borrow: Decimal) -> bool:
        """May the account borrow what it must pay beyond all that it has of the asset?"""
        pool, owed = self._pools.get(asset), holding(account, asset).borrowed
        with exact():
            after = Holding(ZERO, ZERO, owed + borrow)
        if pool is None or pool.refusal(self._engine.now_us, borrow) is not None:
            return False
        return self._allows(account, asset, after)

    def most_borrowed(self, account: EngineAccount, asset: str) -> Decimal:
        """The largest quantity that a request may have on the side Borrow; 0 without a market."""
        if asset not in self._pools:
            return ZERO
        pool, held = self._pools[asset], holding(account, asset)
        borrow, redeem = pool.room(self._engine.now_us)
        if held.lent:
            return held.lent if held.lent <= redeem else floored(redeem, pool.step)
        return _most(
            lambda amount: (
                amount <= borrow and self._allows(account, asset, _with_loan(held, amount))
            ),
            pool.step,
        )

    def order_refusal(
        self, account: EngineAccount, request: OrderRequest, match: Match, need: Decimal
    ) -> Refusal | None:
        """The refusal of a spot order of an account that borrows, or that the order lets borrow or
        redeem. The check is for the account after the order, filled to its end.

        An order that makes the margin no worse is never refused for it.
        """
        asset, market = request.pays, request.market
        held = holding(account, asset)
        refused = self._source_refusal(request.auto, asset, held, need)
        if refused is not None:
            return refused
        locks = "autoBorrow" not in request.auto
        with fine():
            got = _received(request, match, self._engine.mark(market.symbol), locks)
            got *= 1 - spot_rate(account, market, self._engine.now_us, is_maker=False)
        receives = market.base if request.side == "Bid" else market.quote
        after = {
            asset: held.paid(need),
            receives: holding(account, receives).received(got, "autoBorrowRepay" in request.auto),
        }
        margin = self._engine.margin
        if margin.surplus(account, after) >= min(ZERO, margin.surplus(account)):
            return None
        return bad_request("Insufficient margin", "INSUFFICIENT_MARGIN")

    def _source_refusal(
        self, flags: tuple[str, ...], asset: str, held: Holding, need: Decimal
    ) -> Refusal | None:
        """Why an amount cannot come from what is available, lent, or borrowed; None: it can."""
        after = held.paid(need)
        with exact():
            redeem, borrow = held.lent - after.lent, after.borrowed - held.borrowed
        if redeem and "autoLendRedeem" not in flags:
            if "autoBorrow" in flags:
                return bad_request("Borrow requires lend redeem", "BORROW_REQUIRES_LEND_REDEEM")
            return bad_request("Insufficient funds", "INSUFFICIENT_FUNDS")
        if borrow and ("autoBorrow" not in flags or asset not in self._pools):
            return bad_request("Insufficient funds", "INSUFFICIENT_FUNDS")
        if not redeem and not borrow:
            return None
        return self._pools[asset].refusal(self._engine.now_us, borrow, redeem)

    def withdrawable(self, account: EngineAccount, asset: str, flags: tuple[str, ...]) -> Decimal:
        """The amount that may leave the account if the flags are on, cut to 12 decimals."""
        held = holding(account, asset)

        def fits(amount: Decimal) -> bool:
            if self._source_refusal(flags, asset, held, amount) is not None:
                return False
            return self._allows(account, asset, held.paid(amount))

        return _most(fits, FINEST)

    def lendable(self, account: EngineAccount, asset: str) -> Decimal:
        """The quantity of an asset that the account can lend, beyond what it has available."""
        if asset not in self._pools or holding(account, asset).borrowed:
            return ZERO
        return self._pools[asset].lendable(self._engine.now_us)

    def _allows(self, account: EngineAccount, asset: str, after: Holding) -> bool:
        return self._engine.margin.surplus(account, {asset: after}) >= 0


def _with_loan(held: Holding, borrowed: Decimal) -> Holding:
    """After a borrow whose amount is available."""
    with exact():
        return Holding(held.available + borrowed, held.lent, held.borrowed + borrowed)


def _received(request: OrderRequest, match: Match, mark: Decimal, locks: bool) -> Decimal:
    """What an order brings, before fees: its fills at their prices. What rests of an order that
    locks nothing counts at its limit, but as worth no more than it costs at the mark."""
    market, executed = request.market, match.executed
    rest = 0
    if not locks and request.price is not None and request.quantity is not None:
        rest = request.quantity - executed
    limit = mark if request.price is None else min(mark, market.price(request.price))
    if request.side == "Bid":
        return market.quantity(executed) + market.quantity(rest) * limit / mark
    return market.notional(match.cost) + market.quantity(rest) * limit


def _is_whole(amount: Decimal, unit: Decimal) -> bool:
    with exact():
        return not amount % unit


def floored(amount: Decimal, unit: Decimal) -> Decimal:
    """Rounded down to a multiple of ``unit``."""
    with fine():
        return (amount / unit).to_integral_value(ROUND_DOWN) * unit


def _most(fits: Callable[[Decimal], bool], unit: Decimal) -> Decimal:
    """The largest multiple of ``unit`` that fits, if all below one that fits do so too."""

    def fitting(count: int) -> bool:
        with exact():
            return fits(count * unit)

    low, high = 0, 1
    while high < MOST and fitting(high):
        low, high = high, high * 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fitting(middle) else (low, middle)
    with exact():
        return low * unit
