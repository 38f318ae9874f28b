"""Signed operations: account, orders, histories, positions, deposits and withdrawals.

Each function takes (exchange, account, values), those of deposits and withdrawals take (transfers,
account, values, now_ms). They return JSON values in the shapes of the exchange.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from ...core.exchange import Check, EngineAccount, Exchange, Refusal
from ...core.rules import bad_request, find_market
from ...core.transfers import Transfers, deposit_address, flags_of
from ...formatting import plain
from . import Empty, Page, Row, Values, histories, page, select
from .lending import LENDING_SIGNED

Signed = Callable[[Exchange, EngineAccount, Values], Any]

# --- account --------------------------------------------------------------------------------------


def _update_settings(exchange: Exchange, account: EngineAccount, values: Values) -> Empty:
    """All or nothing: if the limit is refused, the other settings stay as they were."""
    limit = values.get("leverageLimit")
    if limit is not None:
        before, account.leverage_limit = account.leverage_limit, _leverage(exchange, Decimal(limit))
        if exchange.margin.initial(account) > exchange.margin.equity(account):
            account.leverage_limit = before
            raise bad_request("Positions need more leverage than that", "INSUFFICIENT_MARGIN")
    account.settings |= {name: values[name] for name in account.settings if name in values}
    exchange.lending.follow_settings(account)
    return Empty()


def _leverage(exchange: Exchange, limit: Decimal) -> Decimal:
    """Refusal: below 1, or above the highest of all markets (1 / the smallest imf)."""
    bases = [
        Decimal(market.raw["imfFunction"]["base"])
        for market in exchange.markets.values()
        if market.kind == "PERP"
    ]
    highest = int(1 / min(bases))
    if not 1 <= limit <= highest:
        raise bad_request(f"Leverage limit must be between 1 and {highest}")
    return limit


def _convert_dust(exchange: Exchange, account: EngineAccount, values: Values) -> Empty:
    exchange.convert_dust(account, values.get("symbol"))
    return Empty()


def _max_order(exchange: Exchange, account: EngineAccount, values: Values) -> Row:
    flags = {name: value for name, value in values.items() if isinstance(value, bool)}
    return exchange.max_order_quantity(
        account, values["symbol"], values["side"], values.get("price"), **flags
    )


def _vault_key_only(status: int, code: str) -> Signed:
    """A refusal: these operations are for a vault's own key, and there are no vaults."""

    def refuse(exchange: Exchange, account: EngineAccount, values: Values) -> Any:
        raise Refusal(status, code, "Only the vault's own account may ask for this")

    return refuse


# --- orders and positions that are open -----------------------------------------------------------


def _ids(values: Values) -> dict[str, Any]:
    return {
        "symbol": values["symbol"],
        "order_id": values.get("orderId"),
        "client_id": values.get("clientId"),
    }


def _strategy(values: Values) -> tuple[str, str | None, int | None]:
    return values["symbol"], values.get("strategyId"), values.get("clientStrategyId")


def _open(list_all: Callable[[Exchange, EngineAccount], list[Row]]) -> Signed:
    """A list of what is open. Refusal: unknown symbol."""

    def listed(exchange: Exchange, account: EngineAccount, values: Values) -> list[Row]:
        if "symbol" in values:
            find_market(exchange.markets, values["symbol"])
        return select(list_all(exchange, account), values)

    return listed


# --- histories ------------------------------------------------------------------------------------


def _empty_history(exchange: Exchange, account: EngineAccount, values: Values) -> Page:
    """The history of something that cannot happen here."""
    return page([], values)


SIGNED: dict[str, Signed] = {
    **LENDING_SIGNED,
    "get_account": lambda exchange, account, values: exchange.account_summary(account),
    "get_balances": lambda exchange, account, values: exchange.balances(account),
    "get_collateral": lambda exchange, account, values: exchange.collateral(account),
    "update_account_settings": _update_settings,
    "get_max_order_quantity": _max_order,
    "get_deposit_address": lambda exchange, account, values: {
        "address": deposit_address(account, values["blockchain"])
    },
    "get_order": lambda exchange, account, values: exchange.order(account, **_ids(values)),
    "cancel_order": lambda exchange, account, values: exchange.cancel(account, **_ids(values)),
    "cancel_open_orders": lambda exchange, account, values: exchange.cancel_all(
        account, values["symbol"], values.get("orderType")
    ),
    "get_open_orders": _open(Exchange.open_orders),
    "get_positions": _open(Exchange.positions),
    "get_order_history": histories.ORDERS.page,
    "get_fills": histories.FILLS.page,
    "get_funding_payments": histories.FUNDING.page,
    "get_settlement_history": histories.SETTLEMENTS.page,
    "get_position_history": histories.POSITIONS.shown,
    "get_strategy": lambda exchange, account, values: exchange.strategies.one(
        account, *_strategy(values)
    ),
    "cancel_strategy": lambda exchange, account, values: exchange.strategies.cancel(
        account, *_strategy(values)
    ),
    "cancel_open_strategies": lambda exchange, account, values: exchange.strategies.cancel_all(
        account, values["symbol"]
    ),
    "get_open_strategies": _open(lambda exchange, account: exchange.strategies.running(account)),
    "convert_dust": _convert_dust,
    "get_dust_history": histories.DUST.page,
    "get_strategies_history": histories.STRATEGIES.page,
    "get_vault_pending_redeems": _vault_key_only(403, "FORBIDDEN"),
    "get_vault_nav": _vault_key_only(401, "UNAUTHORIZED"),
    **dict.fromkeys(
        (
            "get_rfq_history", "get_quote_history",
            "get_rfq_fill_history", "get_quote_fill_history",
            "get_vault_mint_history", "get_vault_redeem_history",
        ),
        _empty_history,
    ),
}  # fmt: skip

# --- new orders -----------------------------------------------------------------------------------


def _execute(exchange: Exchange, account: EngineAccount, order: Values, check: Check) -> Row:
    check(order["symbol"])
    return exchange.execute(account, order)


def _create_strategy(exchange: Exchange, account: EngineAccount, wish: Values, check: Check) -> Row:
    check(wish["symbol"])
    return exchange.strategies.create(account, wish)


# They also take ``check``: a Refusal if the symbol's market takes no orders now.
ORDERS: dict[str, Callable[[Exchange, EngineAccount, Any, Check], Any]] = {
    "execute_order": _execute,
    "execute_order_batch": Exchange.execute_batch,
    "strategy_create": _create_strategy,
}

# --- deposits and withdrawals ---------------------------------------------------------------------


def _max_withdrawal(
    transfers: Transfers, account: EngineAccount, values: Values, now_ms: int
) -> Row:
    return {
        "autoBorrow": values.get("autoBorrow"),
        "autoLendRedeem": values.get("autoLendRedeem"),
        "maxWithdrawalQuantity": plain(transfers.most(account, values["symbol"], flags_of(values))),
        "symbol": values["symbol"],
    }


def _withdrawals(
    transfers: Transfers, account: EngineAccount, values: Values, now_ms: int
) -> list[Row]:
    rows = transfers.withdrawals(
        account, values.get("id"), values.get("clientId"), values.get("from"), values.get("to")
    )
    return page(rows, values).rows


# They also take the exchange's clock in Unix milliseconds, which two factor tokens need.
TRANSFERS: dict[str, Callable[[Transfers, EngineAccount, Values, int], Any]] = {
    "get_max_withdrawal_quantity": _max_withdrawal,
    "get_deposits": lambda transfers, account, values, now_ms: histories.DEPOSITS.shown(
        transfers, account, values
    ),
    "get_withdrawals": _withdrawals,
    "request_withdrawal": lambda transfers, account, values, now_ms: transfers.request(
        account, values, now_ms
    ),
}
