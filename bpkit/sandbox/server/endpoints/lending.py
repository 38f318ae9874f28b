"""Operations of borrowing and lending: public rates, requests, positions and histories."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from ...core.exchange import EngineAccount, Exchange
from ...core.rules import bad_request
from ...formatting import plain
from ...simulation.synthetic import DAY, HOUR
from ...simulation.tables import ASSETS, table
from . import Empty, Page, Row, Values, page

# interval of the lending history -> number of rows, and their distance in microseconds
SPANS = {"1d": (24, HOUR), "1w": (28, 6 * HOUR), "1month": (30, DAY), "1year": (52, 7 * DAY)}

# --- public ---------------------------------------------------------------------------------------


def _history(exchange: Exchange, values: Values) -> list[Row]:
    """Oldest first. The shape has no symbol: assets follow each other as in the markets."""
    count, width = SPANS[values["interval"]]
    last = exchange.now_us // width
    return [
        pool.history(at * width)
        for asset, pool in exchange.lending.pools.items()
        if values.get("symbol", asset) == asset
        for at in range(last - count + 1, last + 1)
    ]


def _apy_rates(exchange: Exchange, values: Values) -> Row:
    rates = {asset: pool.rates(exchange.now_us) for asset, pool in exchange.lending.pools.items()}
    shown = [
        {"symbol": asset, "borrowRate": plain(one.borrow), "lendRate": plain(one.lend)}
        for asset, one in rates.items()
    ]
    return {"borrowLend": shown, "staking": table("catalogue")["stakingApy"]}


LENDING_PUBLIC: dict[str, Callable[[Exchange, Values], Any]] = {
    "get_borrow_lend_markets": lambda exchange, values: exchange.lending_markets(),
    "get_borrow_lend_markets_history": _history,
    "get_apy_rates": _apy_rates,
}

# --- signed ---------------------------------------------------------------------------------------


def _execute(exchange: Exchange, account: EngineAccount, values: Values) -> Empty:
    exchange.lending.execute(account, values["symbol"], values["side"], Decimal(values["quantity"]))
    return Empty()


def _max_borrow(exchange: Exchange, account: EngineAccount, values: Values) -> Row:
    asset = values["symbol"]
    if asset not in ASSETS:
        raise bad_request("Invalid asset", "INVALID_ASSET")
    most = exchange.lending.credit.most_borrowed(account, asset)
    return {"maxBorrowQuantity": plain(most), "symbol": asset}


def _paged(rows: list[Any], values: Values, shown: Callable[[Any], Row]) -> Page:
    """A page of rows that are oldest first; the newest first unless ``sortDirection`` is Asc."""
    found = page(rows if values.get("sortDirection") == "Asc" else rows[::-1], values)
    return found._replace(rows=[shown(row) for row in found.rows])


def _movements(exchange: Exchange, account: EngineAccount, values: Values) -> Page:
    sources = values["sources"].split(",") if "sources" in values else None
    found = [
        row
        for row in account.movements
        if values.get("type", row.event) == row.event
        and (sources is None or row.source in sources)
        and values.get("positionId", row.loan_id) == row.loan_id
        and values.get("symbol", row.asset) == row.asset
    ]
    return _paged(found, values, lambda row: row.wire())


def _interest(exchange: Exchange, account: EngineAccount, values: Values) -> Page:
    """No interest is charged on unrealised profit and loss, so one source has no rows."""
    found = [
        row
        for row in account.interest
        if values.get("source", "BorrowLend") == "BorrowLend"
        and values.get("asset", row.asset) == row.asset
        and values.get("symbol", row.market) == row.market
        and values.get("positionId", row.loan_id) == row.loan_id
    ]
    return _paged(found, values, lambda row: row.wire())


def _past_positions(exchange: Exchange, account: EngineAccount, values: Values) -> Page:
    found = [
        loan
        for loan in account.every_loan
        if values.get("symbol", loan.asset) == loan.asset
        and values.get("side", loan.side) == loan.side
        and values.get("state", loan.state) == loan.state
    ]
    return _paged(found, values, lambda loan: loan.history())


LENDING_SIGNED: dict[str, Callable[[Exchange, EngineAccount, Values], Any]] = {
    "execute_borrow_lend": _execute,
    "get_max_borrow_quantity": _max_borrow,
    "get_borrow_lend_positions": lambda exchange, account, values: exchange.loans(account),
    "get_borrow_lend_history": _movements,
    "get_interest_history": _interest,
    "get_borrow_lend_position_history": _past_positions,
}
