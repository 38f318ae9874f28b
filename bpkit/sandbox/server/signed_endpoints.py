"""What each signed operation answers: one function an operation, from parameters to JSON values.

They take (exchange, account, values); those of deposits and withdrawals take (transfers, account,
values). ``values`` comes from ``parsing``. A refusal is raised as ``Refusal``.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, NamedTuple

from ..core.exchange import EngineAccount, Exchange, Refusal
from ..core.transfers import Transfers, deposit_address
from ..formatting import plain
from ..simulation.tables import ASSETS
from .public_endpoints import Page, Values, page


class Empty(NamedTuple):
    """Status 200, and no body."""


def _update_settings(exchange: Exchange, account: EngineAccount, values: Values) -> Empty:
    """All or nothing: a bad limit leaves the rest as it was, too."""
    limit = values.get("leverageLimit")
    if limit is not None:
        before, account.leverage_limit = account.leverage_limit, _leverage(exchange, Decimal(limit))
        if exchange.margin.initial(account) > exchange.margin.equity(account):
            account.leverage_limit = before
            raise Refusal(400, "INSUFFICIENT_MARGIN", "Positions need more leverage than that")
    account.settings |= {name: values[name] for name in account.settings if name in values}
    return Empty()


def _leverage(exchange: Exchange, limit: Decimal) -> Decimal:
    """Refusal: below 1, or above what the most lenient market allows (1 / its smallest imf)."""
    bases = [
        Decimal(market.raw["imfFunction"]["base"])
        for market in exchange.markets.values()
        if market.kind == "PERP"
    ]
    highest = int(1 / min(bases))
    if not 1 <= limit <= highest:
        message = f"Leverage limit must be between 1 and {highest}"
        raise Refusal(400, "INVALID_CLIENT_REQUEST", message)
    return limit


def _max_borrow(exchange: Exchange, account: EngineAccount, values: Values) -> Any:
    if values["symbol"] not in ASSETS:
        raise Refusal(400, "INVALID_ASSET", "Invalid asset")
    return {"maxBorrowQuantity": "0", "symbol": values["symbol"]}


def _no_vault_key(status: int, code: str) -> Callable[[Exchange, EngineAccount, Values], Any]:
    """What is for a vault's own key: there are no vaults, so that no key is one's."""

    def refuse(exchange: Exchange, account: EngineAccount, values: Values) -> Any:
        raise Refusal(status, code, "Only the vault's own account may ask for this")

    return refuse


def _nothing_yet(exchange: Exchange, account: EngineAccount, values: Values) -> Page:
    """The history of what cannot happen here."""
    return page([], values)


def _history(exchange: Exchange, account: EngineAccount, values: Values) -> Page:
    rows = exchange.order_history(
        account,
        order_id=values.get("orderId"),
        symbol=values.get("symbol"),
        market_types=values.get("marketType"),
        ascending=values.get("sortDirection") == "Asc",
    )
    return page([] if "strategyId" in values else rows, values)


def _fills(exchange: Exchange, account: EngineAccount, values: Values) -> Page:
    rows = exchange.fills(
        account,
        order_id=values.get("orderId"),
        symbol=values.get("symbol"),
        from_ms=values.get("from"),
        to_ms=values.get("to"),
        market_types=values.get("marketType"),
        fill_type=values.get("fillType"),
        ascending=values.get("sortDirection") == "Asc",
    )
    return page([] if "strategyId" in values else rows, values)


def _max_order(exchange: Exchange, account: EngineAccount, values: Values) -> Any:
    flags = {name: value for name, value in values.items() if isinstance(value, bool)}
    return exchange.max_order_quantity(
        account, values["symbol"], values["side"], values.get("price"), **flags
    )


def _position_history(exchange: Exchange, account: EngineAccount, values: Values) -> Any:
    rows = exchange.position_history(
        account,
        symbol=values.get("symbol"),
        state=values.get("state"),
        market_types=values.get("marketType"),
        ascending=values.get("sortDirection") == "Asc",
    )
    return page(rows, values).rows  # this history has no page headers


def _funding_payments(exchange: Exchange, account: EngineAccount, values: Values) -> Page:
    ascending = values.get("sortDirection") == "Asc"
    return page(exchange.funding_payments(account, values.get("symbol"), ascending), values)


def _settlements(exchange: Exchange, account: EngineAccount, values: Values) -> Page:
    ascending = values.get("sortDirection") == "Asc"
    return page(exchange.settlements(account, values.get("source"), ascending), values)


def _named(values: Values) -> dict[str, Any]:
    return {
        "symbol": values["symbol"],
        "order_id": values.get("orderId"),
        "client_id": values.get("clientId"),
    }


SIGNED: dict[str, Callable[[Exchange, EngineAccount, Any], Any]] = {
    "get_account": lambda exchange, account, values: exchange.account_summary(account),
    "get_balances": lambda exchange, account, values: exchange.balances(account),
    "update_account_settings": _update_settings,
    "get_max_borrow_quantity": _max_borrow,
    "get_deposit_address": lambda exchange, account, values: {
        "address": deposit_address(account, values["blockchain"])
    },
    "get_order": lambda exchange, account, values: exchange.order(account, **_named(values)),
    "cancel_order": lambda exchange, account, values: exchange.cancel(account, **_named(values)),
    "execute_order": lambda exchange, account, values: exchange.execute(account, values),
    "execute_order_batch": lambda exchange, account, values: exchange.execute_batch(
        account, values
    ),
    "get_open_orders": lambda exchange, account, values: exchange.open_orders(
        account, values.get("symbol"), values.get("marketType")
    ),
    "cancel_open_orders": lambda exchange, account, values: exchange.cancel_all(
        account, values["symbol"], values.get("orderType")
    ),
    "get_order_history": _history,
    "get_fills": _fills,
    "get_collateral": lambda exchange, account, values: exchange.collateral(account),
    "get_max_order_quantity": _max_order,
    "get_positions": lambda exchange, account, values: exchange.positions(
        account, values.get("symbol"), values.get("marketType")
    ),
    "get_position_history": _position_history,
    "get_funding_payments": _funding_payments,
    "get_settlement_history": _settlements,
    "get_borrow_lend_positions": lambda exchange, account, values: [],
    "get_vault_pending_redeems": _no_vault_key(403, "FORBIDDEN"),
    "get_vault_nav": _no_vault_key(401, "UNAUTHORIZED"),
    **dict.fromkeys(
        (
            "get_dust_history", "get_borrow_lend_history", "get_interest_history",
            "get_borrow_lend_position_history", "get_strategies_history", "get_rfq_history",
            "get_quote_history", "get_rfq_fill_history", "get_quote_fill_history",
            "get_vault_mint_history", "get_vault_redeem_history",
        ),
        _nothing_yet,
    ),
}  # fmt: skip

# --- deposits and withdrawals ---------------------------------------------------------------------


def _max_withdrawal(transfers: Transfers, account: EngineAccount, values: Values) -> Any:
    return {
        "autoBorrow": values.get("autoBorrow"),
        "autoLendRedeem": values.get("autoLendRedeem"),
        "maxWithdrawalQuantity": plain(transfers.most(account, values["symbol"])),
        "symbol": values["symbol"],
    }


def _deposits(transfers: Transfers, account: EngineAccount, values: Values) -> Any:
    rows = transfers.deposits(account, values.get("from"), values.get("to"))
    return page(rows, values).rows  # this history has no page headers


def _withdrawals(transfers: Transfers, account: EngineAccount, values: Values) -> Any:
    rows = transfers.withdrawals(
        account, values.get("id"), values.get("clientId"), values.get("from"), values.get("to")
    )
    return page(rows, values).rows


CAPITAL: dict[str, Callable[[Transfers, EngineAccount, Values], Any]] = {
    "get_max_withdrawal_quantity": _max_withdrawal,
    "get_deposits": _deposits,
    "get_withdrawals": _withdrawals,
    "request_withdrawal": lambda transfers, account, values: transfers.request(account, values),
}

# --- what is not simulated ------------------------------------------------------------------------

# Answered 501 once the body is a JSON object and the signature is good, so that signing can be
# practised on them.
NOT_SIMULATED = frozenset(
    (
        "convert_dust", "execute_borrow_lend", "issue_two_factor_token",
        "get_strategy", "strategy_create", "cancel_strategy", "get_open_strategies",
        "cancel_open_strategies",
        "submit_quote", "get_open_rfqs", "submit_rfq", "accept_quote", "refresh_rfq", "cancel_rfq",
        "vault_mint", "vault_redeem", "vault_redeem_cancel",
    )
)  # fmt: skip
