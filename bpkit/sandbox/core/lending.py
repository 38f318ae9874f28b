"""Lend and borrow: by request, by orders, and by an account's settings; charge interest each hour.

The other side of every loan is ``cash``, as the market maker is the other side of trades. A borrow
pays from it into the balance of the account, a lend the other way. Interest changes the loan, not
the balance. The fee, a part of what accounts pay as interest, goes from ``cash`` to the exchange's
fees. What the simulated others pay and receive is not booked.

What an order, a settlement or a liquidation needs is paid with what is available, then with what is
lent, then with a borrow.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from ..simulation.synthetic import HOUR
from ..simulation.tables import table
from ..undo import Undoable, UndoDict
from .credit import Credit, floored
from .holdings import holding
from .ledger import ZERO, Balances, exact
from .loans import InterestPayment, Loan, Movement
from .orders import EngineAccount, EngineOrder
from .pools import Pool
from .settlement import QUOTE

if TYPE_CHECKING:
    from .engine import Engine

CASH = Decimal(10) ** 15  # of every asset that can be lent
SPOT_MARGIN = "SpotMargin"  # the source of what an order does


class Lending(Undoable):
    """The loans of all accounts. ``pools``: the lending market of each asset. ``users``: the
    accounts with a loan, by key; ``automatic``: those whose settings lend or repay."""

    def __init__(self, engine: Engine, seed: str) -> None:
        rows = [row for row in table("catalogue")["lending"] if row["symbol"] in engine.assets]
        self.pools = UndoDict({row["symbol"]: Pool(row, seed) for row in rows})
        self.cash = Balances(dict.fromkeys(self.pools, CASH))
        self.users: UndoDict[str, EngineAccount] = UndoDict()
        self.automatic: UndoDict[str, EngineAccount] = UndoDict()
        self.credit = Credit(engine, self.pools)
        self._engine = engine

    # By request

    def execute(self, account: EngineAccount, asset: str, side: str, quantity: Decimal) -> None:
        """Borrow or redeem (side Borrow), lend or repay (side Lend). Refusal: it is not allowed."""
        refused = self.credit.refusal(account, asset, side, quantity)
        if refused is not None:
            raise refused
        change = quantity if side == "Lend" else quantity.copy_negate()
        self.move(account, asset, change, "Manual")
        self._engine.account_streams.balances(account)

    # By orders and withdrawals

    def fund(
        self,
        account: EngineAccount,
        asset: str,
        amount: Decimal,
        source: str,
        order_id: str | None = None,
    ) -> None:
        """Make an amount available: redeem what is missing, and borrow the rest."""
        held = holding(account, asset)
        after = held.paid(amount)
        with exact():
            redeem, borrow = after.lent - held.lent, held.borrowed - after.borrowed
        for change in (redeem, borrow):
            self.move(account, asset, change, source, order_id)

    def use_proceeds(self, order: EngineOrder, asset: str, amount: Decimal) -> None:
        """Repay or lend what a fill has brought, as far as the order's flags say so."""
        account, flags = order.owner, order.request.auto
        held = holding(account, asset)
        if held.borrowed:
            back = min(amount, held.borrowed) if "autoBorrowRepay" in flags else ZERO
            self.move(account, asset, back, SPOT_MARGIN, order.id)
            with exact():
                amount -= back
        if "autoLend" in flags and amount <= self.credit.lendable(account, asset):
            self.move(account, asset, amount, SPOT_MARGIN, order.id)

    # By debts and settings

    def cover(self, account: EngineAccount, asset: str, missing: Decimal) -> None:
        """Raise an amount for a settlement as far as possible: redeem what is lent of the asset;
        borrow the rest if autoBorrowSettlements is on."""
        redeem = min(missing, holding(account, asset).lent)
        self.move(account, asset, redeem.copy_negate(), "Reconciliation")
        with exact():
            borrow = missing - redeem
        if not borrow or not account.settings["autoBorrowSettlements"]:
            return
        if self.credit.may_settle(account, asset, borrow):
            self.move(account, asset, borrow.copy_negate(), "Reconciliation")

    def redeem_all(self, account: EngineAccount, source: str) -> None:
        """Make everything available that the account has lent."""
        for asset, loan in sorted(account.loans.items()):
            self.move(account, asset, loan.lent.copy_negate(), source)

    def repay(self, account: EngineAccount, asset: str, source: str) -> None:
        """Repay a borrow with what is available of the asset."""
        held = holding(account, asset)
        self.move(account, asset, min(held.available, held.borrowed), source)

    def follow_settings(self, account: EngineAccount) -> None:
        """Repay and lend what is available, as the account's settings say. This is done when they
        are changed, and each hour."""
        lends, repays = account.settings["autoLend"], account.settings["autoRepayBorrows"]
        if not lends and not repays:
            self.automatic.pop(account.public_key, None)
            return
        self.automatic[account.public_key] = account
        for asset, pool in self.pools.items():
            if repays:
                self.repay(account, asset, "AutoBorrowRepay")
            if lends:
                most = min(account.balances.available(asset), self.credit.lendable(account, asset))
                self.move(account, asset, floored(most, pool.step), "AutoLend")
        self._engine.account_streams.balances(account)

    # Interest

    def next_us(self, after_us: int) -> int | None:
        """The end of the next hour, if any account has a loan or settings that act."""
        return (after_us // HOUR + 1) * HOUR if self.users or self.automatic else None

    def act(self) -> None:
        """Charge the interest of the hour that ends, then follow the settings."""
        now_us = self._engine.now_us
        rates = {asset: pool.rates(now_us) for asset, pool in self.pools.items()}
        for account in list(self.users.values()):
            for asset, loan in account.loans.items():
                pool, side = self.pools[asset], rates[asset]
                rate = side.lend if loan.quantity > 0 else side.borrow
                self._charge(account, loan, pool.interest(loan.quantity, side), rate)
        for pool in self.pools.values():
            if pool.lent or pool.borrowed:
                pool.close_hour(now_us)
        for account in list(self.automatic.values()):
            self.follow_settings(account)

    def _charge(self, account: EngineAccount, loan: Loan, interest: Decimal, rate: Decimal) -> None:
        now_us, pool = self._engine.now_us, self.pools[loan.asset]
        with exact():
            loan.interest += interest
            loan.rates, loan.hours = loan.rates + rate, loan.hours + 1
        if not interest:
            return
        market = loan.asset if loan.asset == QUOTE else f"{loan.asset}_{QUOTE}"
        row = InterestPayment(now_us, loan.id, loan.asset, market, interest, rate)
        account.interest.append(row)
        self._change(account, loan, interest, "Interest")
        if interest < 0:
            fee = pool.fee_of(interest.copy_abs())
            self.cash.spend(loan.asset, fee)
            self._engine.fees.gain(loan.asset, fee)

    # Parts

    def move(
        self,
        account: EngineAccount,
        asset: str,
        change: Decimal,
        source: str,
        order_id: str | None = None,
    ) -> None:
        """Lend or repay (above 0), or borrow or redeem; 0: nothing. It must not go through zero."""
        if not change:
            return
        loan = account.loans.get(asset)
        if loan is None:
            side, id = "Lend" if change > 0 else "Borrow", self._engine.next_id()
            loan = Loan(id, asset, side, source, self._engine.now_us)
            account.loans[asset] = loan
            account.every_loan.append(loan)
            self.users[account.public_key] = account
        if change > 0:
            account.balances.spend(asset, change)
            self.cash.gain(asset, change)
        else:
            self.cash.spend(asset, change.copy_negate())
            account.balances.gain(asset, change.copy_negate())
        self._change(account, loan, change, source, order_id)
        if not loan.quantity:
            loan.state = "Closed"
            del account.loans[asset]
            if not account.loans:
                del self.users[account.public_key]

    def _change(
        self,
        account: EngineAccount,
        loan: Loan,
        change: Decimal,
        source: str,
        order_id: str | None = None,
    ) -> None:
        before = loan.quantity
        with exact():
            loan.quantity += change
        account.balances.touch()  # interest changes the margin, and no balance
        self.pools[loan.asset].change(before, loan.quantity)
        opens = (change > 0) == (loan.side == "Lend")
        event = loan.side if opens else {"Lend": "LendRedeem", "Borrow": "BorrowRepay"}[loan.side]
        row = Movement(
            self._engine.now_us, event, loan.id, loan.asset,
            change.copy_abs(), loan.quantity, source, order_id,
        )  # fmt: skip
        account.movements.append(row)
