"""The API as a table: one row an operation.

Everything that differs between two operations and is not a parameter stands here, once: the method,
the path, the instruction that is signed, the shape of the answer, and whether it changes anything.
The client, the guard and the sandbox read the same rows.

Source: Backpack Exchange OpenAPI (profile of 2026-08-03).
"""

from __future__ import annotations

from typing import NamedTuple


class Operation(NamedTuple):
    """One operation of the exchange, under the name that the documentation gives it."""

    name: str  # the documentation's operation id: get_klines
    section: str  # the section of the documentation: Markets
    method: str  # GET, POST, DELETE
    path: str
    instruction: str | None  # what a signed request starts with; None: public
    answer: str  # the kind of answer, and so of its frame: klines

    @property
    def mutates(self) -> bool:
        """Does it change anything at the exchange? Whatever is not a GET counts as if it did."""
        return self.method != "GET"

    @property
    def signed(self) -> bool:
        """Does it need a key?"""
        return self.instruction is not None

    @property
    def parameters_in(self) -> str:
        """Where the parameters travel: ``query`` for GET, ``body`` for everything else."""
        return "query" if self.method == "GET" else "body"


_ROWS = (
    Operation("get_status", "System", "GET", "/api/v1/status", None, "status"),
    Operation("ping", "System", "GET", "/api/v1/ping", None, "text"),
    Operation("get_time", "System", "GET", "/api/v1/time", None, "time"),
    Operation("get_assets", "Assets", "GET", "/api/v1/assets", None, "assets"),
    Operation("get_markets", "Markets", "GET", "/api/v1/markets", None, "markets"),
    Operation("get_market", "Markets", "GET", "/api/v1/market", None, "market"),
    Operation("get_ticker", "Markets", "GET", "/api/v1/ticker", None, "ticker"),
    Operation("get_tickers", "Markets", "GET", "/api/v1/tickers", None, "tickers"),
    Operation("get_depth", "Markets", "GET", "/api/v1/depth", None, "depth"),
    Operation("get_klines", "Markets", "GET", "/api/v1/klines", None, "klines"),
    Operation("get_mark_prices", "Markets", "GET", "/api/v1/markPrices", None, "mark_prices"),
    Operation("get_open_interest", "Markets", "GET", "/api/v1/openInterest", None, "open_interest"),
    Operation(
        "get_funding_interval_rates",
        "Markets",
        "GET",
        "/api/v1/fundingRates",
        None,
        "funding_rates",
    ),
    Operation("get_recent_trades", "Trades", "GET", "/api/v1/trades", None, "trades"),
    Operation("get_historical_trades", "Trades", "GET", "/api/v1/trades/history", None, "trades"),
    Operation("get_account", "Account", "GET", "/api/v1/account", "accountQuery", "account"),
    Operation("get_balances", "Capital", "GET", "/api/v1/capital", "balanceQuery", "balances"),
    Operation(
        "get_deposit_address",
        "Capital",
        "GET",
        "/wapi/v1/capital/deposit/address",
        "depositAddressQuery",
        "deposit_address",
    ),
    Operation("get_order", "Orders", "GET", "/api/v1/order", "orderQuery", "order"),
    Operation("execute_order", "Orders", "POST", "/api/v1/order", "orderExecute", "order"),
    Operation("cancel_order", "Orders", "DELETE", "/api/v1/order", "orderCancel", "order"),
    Operation("get_open_orders", "Orders", "GET", "/api/v1/orders", "orderQueryAll", "orders"),
    Operation("execute_order_batch", "Orders", "POST", "/api/v1/orders", "orderExecute", "batch"),
    Operation(
        "cancel_open_orders", "Orders", "DELETE", "/api/v1/orders", "orderCancelAll", "orders"
    ),
    Operation(
        "get_order_history",
        "History",
        "GET",
        "/wapi/v1/history/orders",
        "orderHistoryQueryAll",
        "order_history",
    ),
    Operation(
        "get_fills",
        "History",
        "GET",
        "/wapi/v1/history/fills",
        "fillHistoryQueryAll",
        "fills",
    ),
)
OPERATIONS: dict[str, Operation] = {row.name: row for row in _ROWS}
