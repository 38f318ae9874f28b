"""What must hold of all money and all lists of an exchange: see ``conservation``."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from typing import TYPE_CHECKING

from bpkit.sandbox.core.engine import MARKET_MAKER_FUNDS
from bpkit.sandbox.core.exchange import EngineAccount
from bpkit.sandbox.core.lending import CASH
from bpkit.sandbox.core.transfers import OUTSIDE_FUNDS

if TYPE_CHECKING:
    from conservation import Session

ASSETS = ("USDC", "SOL", "BTC", "ETH")
PERP = ("SOL_USDC_PERP", "ETH_USDC_PERP")


def check(session: Session) -> None:
    """Of all accounts, pools, venues and strategies."""
    accounts = list(session.exchange.accounts.values())
    check_sums(session, accounts)
    check_pools(session, accounts)
    check_venues(session, accounts)
    for account in accounts:
        check_account(session, account)
    check_strategies(session)


def check_sums(session: Session, accounts: list[EngineAccount]) -> None:
    exchange = session.exchange
    everybody = [
        exchange.market_maker,
        exchange.fees,
        exchange.lending.cash,
        session.capital.outside,
    ]
    everybody += [account.balances for account in accounts]
    for asset in ASSETS:
        held = sum(
            Fraction(one.available(asset)) + Fraction(one.locked(asset)) for one in everybody
        )
        start = Fraction(MARKET_MAKER_FUNDS + CASH + OUTSIDE_FUNDS)
        start += sum(Fraction(funds.get(asset, 0)) for funds in session.funds.values())
        assert held == start, f"{asset}: {held - start} too much"


def check_pools(session: Session, accounts: list[EngineAccount]) -> None:
    lending = session.exchange.lending
    loans = [loan for account in accounts for loan in account.loans.values()]
    for asset, pool in lending.pools.items():
        open = [Fraction(loan.quantity) for loan in loans if loan.asset == asset]
        assert Fraction(pool.lent) == sum(max(one, Fraction(0)) for one in open)
        assert Fraction(pool.borrowed) == -sum(min(one, Fraction(0)) for one in open)
    with_loan = {account.public_key for account in accounts if account.loans}
    assert set(lending.users) == with_loan
    wishing = {
        one.public_key for one in accounts
        if one.settings["autoLend"] or one.settings["autoRepayBorrows"]
    }  # fmt: skip
    assert set(lending.automatic) == wishing


def check_venues(session: Session, accounts: list[EngineAccount]) -> None:
    exchange, settlement = session.exchange, session.exchange.settlement
    waiting = {id for one in exchange.venues.values() for id in (*one.users, *one.triggers)}
    assert waiting == {id for account in accounts for id in account.open}
    assert set(settlement.holders) == {one.public_key for one in accounts if one.positions}
    held = Counter(symbol for one in accounts for symbol in one.positions)
    assert dict(settlement.held) == held
    assert not any(venue.entries for venue in exchange.venues.values())


def check_account(session: Session, account: EngineAccount) -> None:
    balances = account.balances
    locked, wanted, steps = Counter[str](), Counter[str](), Counter[tuple[str, str]]()
    for order in account.open.values():
        request = order.request
        owes = wanted if "autoBorrow" in request.auto else locked
        owes[request.pays] += request.hold(order.remaining)
        if request.future and not request.reduce_only:
            steps[request.market.symbol, request.side] += order.remaining
    for asset in ASSETS:
        assert balances.available(asset) >= 0
        assert balances.locked(asset) == locked[asset]
        assert account.wanted.get(asset, 0) == wanted[asset]
    for symbol in PERP:
        assert account.waiting.steps(symbol) == (steps[symbol, "Bid"], steps[symbol, "Ask"])
    check_loans(session, account)
    check_histories(session, account)


def check_loans(session: Session, account: EngineAccount) -> None:
    interest = Counter[str]()
    for row in account.interest:
        interest[row.loan_id] += Fraction(row.quantity)
    moved = Counter[str]()
    for row in account.movements:
        sign = 1 if row.event in ("Lend", "BorrowRepay") else -1
        moved[row.loan_id] += sign * Fraction(row.quantity)
    for loan in account.every_loan:
        open = account.loans.get(loan.asset) is loan
        assert open == (loan.state == "Open") == bool(loan.quantity)
        assert Fraction(loan.quantity) == moved[loan.id]
        assert Fraction(loan.interest) == interest[loan.id]
        assert (loan.quantity > 0) == (loan.side == "Lend") or not loan.quantity


def check_histories(session: Session, account: EngineAccount) -> None:
    """Fills, settlements, loans, dust and transfers explain each balance."""
    first = session.funds[account.public_key]
    changes = {asset: Fraction(0) for asset in ASSETS}
    for fill in account.fills:
        market = fill.order.market
        if market.kind == "SPOT":
            quantity = Fraction(market.step) * fill.quantity
            sign = 1 if fill.order.unpacked().request.side == "Bid" else -1
            changes[market.base] += sign * quantity
            changes["USDC"] -= sign * quantity * Fraction(market.tick) * fill.price
            changes[fill.fee_symbol] -= Fraction(fill.fee)
    changes["USDC"] += sum(Fraction(row.quantity) for row in account.settlements)
    for row in account.movements:
        if row.source != "Interest":
            sign = -1 if row.event in ("Lend", "BorrowRepay") else 1
            changes[row.asset] += sign * Fraction(row.quantity)
    for dust in account.dust:
        changes[dust.symbol] -= Fraction(dust.quantity)
        changes["USDC"] += Fraction(dust.received)
    for here in session.capital._deposits.get(account.public_key, []):
        changes[here.symbol] += Fraction(here.quantity)
    for away in session.capital._withdrawals.get(account.public_key, []):
        changes[away.symbol] -= Fraction(away.quantity)
    for asset, change in changes.items():
        held = Fraction(account.balances.available(asset)) + Fraction(
            account.balances.locked(asset)
        )
        assert held == Fraction(first.get(asset, 0)) + change, (account.public_key, asset)


def check_strategies(session: Session) -> None:
    exchange = session.exchange
    for one in exchange.strategies._active.values():
        assert one.due_us > exchange.now_us and one.end is None
        if one.status == "Running":
            assert exchange.accounts.get(one.owner.public_key) is one.owner
    for account in exchange.accounts.values():
        for one in account.strategies:
            assert one.executed <= one.steps
