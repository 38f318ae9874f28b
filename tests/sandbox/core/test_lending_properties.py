"""What must hold of loans after any sequence of requests, orders, settings and hours gone by.

Amounts are added up as fractions from the rows of the histories, with none of the engine's own
sums. The feed is wild, so that accounts are liquidated too.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

from helpers import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from test_futures_properties import (
    ASSETS,
    FUNDS,
    HOUR,
    LEVERAGE,
    PERP,
    SPOT,
    Play,
    limits,
    signed,
    takes,
    who,
)

from bpkit.sandbox.core.exchange import EngineAccount, Refusal
from bpkit.sandbox.server.endpoints import select

CODES = {
    *("INSUFFICIENT_FUNDS", "INSUFFICIENT_MARGIN", "INVALID_ORDER"),
    *("BORROW_REQUIRES_LEND_REDEEM", "LEND_REQUIRES_BORROW_REPAY"),
}
FLAGS = ("autoBorrow", "autoBorrowRepay", "autoLend", "autoLendRedeem")
SWITCHES = ("autoLend", "autoRepayBorrows", "autoBorrowSettlements")
WEIGHTS = {"USDC": Fraction(1), "SOL": Fraction("0.9")}
SIGNS = {"Lend": 1, "BorrowRepay": 1, "Borrow": -1, "LendRedeem": -1}


class Bank(Play):
    def order(self, who: int, fields: dict[str, Any]) -> None:
        account = self.people[who]
        before = self.loans(account), self.exchange.balances(account)
        try:
            self.exchange.execute(account, fields)
        except Refusal as refusal:
            assert refusal.code in CODES
            assert (self.loans(account), self.exchange.balances(account)) == before

    def request(self, who: int, asset: str, side: str, quantity: Decimal) -> None:
        account = self.people[who]
        before = self.loans(account)
        try:
            self.exchange.lending.execute(account, asset, side, quantity)
        except Refusal as refusal:
            assert refusal.code in CODES and self.loans(account) == before
            return
        if side == "Borrow" and before[asset] <= 0:
            self.check_enough(account)

    def switch(self, who: int, name: str, on: bool) -> None:
        account = self.people[who]
        account.settings[name] = on
        self.exchange.lending.follow_settings(account)

    def check(self) -> None:
        super().check()
        for account in self.people:
            self.check_loans(account)
        for asset, pool in self.exchange.lending.pools.items():
            held = [self.loans(account)[asset] for account in self.people]
            assert Fraction(pool.lent) == sum(max(one, Fraction(0)) for one in held)
            assert Fraction(pool.borrowed) == -sum(min(one, Fraction(0)) for one in held)

    def loans(self, account: EngineAccount) -> dict[str, Fraction]:
        shown = {row["symbol"]: row["netQuantity"] for row in self.exchange.loans(account)}
        return {asset: Fraction(shown.get(asset, 0)) for asset in ASSETS}

    def moved(self, account: EngineAccount, asset: str, interest: bool) -> Fraction:
        """What the rows of the history add up to: interest, or all that is none."""
        rows = [one.wire() for one in account.movements if one.asset == asset]
        return sum(
            (
                SIGNS[row["eventType"]] * Fraction(row["quantity"])
                for row in rows
                if (row["source"] == "Interest") == interest
            ),
            Fraction(0),
        )

    def check_loans(self, account: EngineAccount) -> None:
        """The rows add up to the loans; so does the interest; each hour has been charged once."""
        for asset, held in self.loans(account).items():
            interest = self.moved(account, asset, True)
            assert held == self.moved(account, asset, False) + interest
            paid = [one.wire() for one in account.interest if one.asset == asset]
            assert interest == sum((Fraction(row["quantity"]) for row in paid), Fraction(0))
            assert len({row["timestamp"] for row in paid}) == len(paid)
            past = [loan.history() for loan in account.every_loan if loan.asset == asset]
            total = sum((Fraction(row["cumulativeInterest"]) for row in past), Fraction(0))
            assert interest == total
            for row in paid:
                assert (Fraction(row["quantity"]) > 0) == (row["paymentType"] == "Lend")

    def check_balances(self, account: EngineAccount) -> None:
        """Fills, settlements and loans explain every balance, open spot orders every lock."""
        key, balances = account.public_key, account.balances
        owned = {asset: Fraction(FUNDS[key].get(asset, Decimal(0))) for asset in ASSETS}
        owned["USDC"] += self.settled(account)
        for fill in select(self.exchange.fills(account), {"symbol": SPOT}):
            owned["SOL"] += signed(fill)
            owned["USDC"] -= signed(fill) * Fraction(fill["price"])
            owned[fill["feeSymbol"]] -= Fraction(fill["fee"])
        locked, wanted = self.waiting(account)
        for asset in ASSETS:
            assert balances.available(asset) >= 0
            assert Fraction(balances.locked(asset)) == locked[asset]
            assert Fraction(account.wanted.get(asset, 0)) == wanted[asset]
            held = Fraction(balances.available(asset)) + locked[asset]
            assert held == owned[asset] - self.moved(account, asset, False)

    def waiting(self, account: EngineAccount) -> tuple[dict[str, Fraction], dict[str, Fraction]]:
        """What open orders lock, and what those that may borrow need."""
        borrowing = {one.id for one in account.orders if "autoBorrow" in one.request.auto}
        sums = dict.fromkeys(ASSETS, Fraction(0)), dict.fromkeys(ASSETS, Fraction(0))
        for order in select(self.exchange.open_orders(account), {"symbol": SPOT}):
            left = Fraction(order["quantity"]) - Fraction(order["executedQuantity"])
            asset = "USDC" if order["side"] == "Bid" else "SOL"
            needed = left * Fraction(order["price"]) if order["side"] == "Bid" else left
            sums[order["id"] in borrowing][asset] += needed
        return sums

    def check_enough(self, account: EngineAccount) -> None:
        """Equity covers the initial margin: of futures, of borrows, and of what may be borrowed."""
        held, (_, wanted) = self.loans(account), self.waiting(account)
        prices = {"USDC": Fraction(1), "SOL": self.mark(SPOT)}
        flow = sum(
            (
                signed(fill) * Fraction(fill["price"])
                for fill in select(self.exchange.fills(account), {"symbol": PERP})
            ),
            Fraction(0),
        )
        equity = self.mark(PERP) * self.net(account) - flow - self.realised(account)
        risk = self.exposure(account) * self.mark(PERP)
        for asset in ASSETS:
            available = Fraction(account.balances.available(asset))
            own = available + max(held[asset], Fraction(0))
            owed = max(-held[asset], Fraction(0))
            equity += prices[asset] * (own * WEIGHTS[asset] - owed)
            risk += prices[asset] * (owed + max(Fraction(0), wanted[asset] - own))
        assert equity >= risk / LEVERAGE[account.public_key]


flags = st.dictionaries(st.sampled_from(FLAGS), st.booleans(), max_size=4)
spot = st.tuples(st.one_of(limits, takes), flags).map(
    lambda both: both[0] | both[1] | {"symbol": SPOT}
)
amounts = st.one_of(st.integers(1, 2_000), st.integers(1, 200_000)).map(
    lambda cents: Decimal(cents) / 100
)
steps = st.one_of(
    st.tuples(st.just("order"), who, spot),
    st.tuples(st.just("order"), who, spot),
    st.tuples(st.just("order"), who, st.one_of(limits, takes)),
    st.tuples(
        st.just("request"), who, st.sampled_from(ASSETS), st.sampled_from(["Lend", "Borrow"]),
        amounts,
    ),
    st.tuples(st.just("switch"), who, st.sampled_from(SWITCHES), st.booleans()),
    st.tuples(st.just("cancel_all"), who, st.sampled_from([SPOT, PERP])),
    st.tuples(st.just("advance"), st.integers(1, 90)),
)  # fmt: skip


@settings(max_examples=examples(100))
@given(st.lists(steps, min_size=5, max_size=35))
def test_what_must_hold_of_loans(happening: list[tuple[Any, ...]]) -> None:
    bank = Bank()
    for name, *arguments in happening:
        step: Callable[..., None] = getattr(bank, name)
        step(*arguments)
        bank.check()


@settings(max_examples=examples(20))
@given(st.lists(steps, min_size=5, max_size=20), st.integers(2, 9))
def test_loans_do_not_depend_on_the_steps(happening: list[tuple[Any, ...]], pieces: int) -> None:
    """The second bank advances in pieces, and ends with the same accounts."""
    once, cut = Bank(), Bank()
    for name, *arguments in [*happening, ("advance", 200)]:
        for bank in (once, cut):
            if name == "advance" and bank is cut:
                start, span = bank.exchange.now_us, arguments[0] * HOUR // 60
                for place in range(1, pieces + 1):
                    bank.exchange.advance_to(start + span * place // pieces)
            else:
                getattr(bank, name)(*arguments)
    for one, other in zip(once.people, cut.people, strict=True):
        assert once.exchange.balances(one) == cut.exchange.balances(other)
        assert once.exchange.loans(one) == cut.exchange.loans(other)
        assert one.movements == other.movements and one.interest == other.interest
