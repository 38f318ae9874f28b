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
from . import Empty, Row, Values, histories

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


LENDING_SIGNED: dict[str, Callable[[Exchange, EngineAccount, Values], Any]] = {
    "execute_borrow_lend": _execute,
    "get_max_borrow_quantity": _max_borrow,
    "get_borrow_lend_positions": lambda exchange, account, values: exchange.loans(account),
    "get_borrow_lend_history": histories.MOVEMENTS.page,
    "get_interest_history": histories.INTEREST.page,
    "get_borrow_lend_position_history": histories.LOANS.page,
}
