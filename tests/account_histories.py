"""The histories of an account as the endpoints answer them: all rows, newest first."""

from __future__ import annotations

from typing import Any

from bpkit.sandbox.core.exchange import EngineAccount, Exchange
from bpkit.sandbox.server.endpoints import histories
from bpkit.sandbox.server.endpoints.histories import History


def _all(history: History, exchange: Exchange, account: EngineAccount) -> list[dict[str, Any]]:
    page = history.page(exchange, account, {"limit": 1000})
    assert page.total <= 1000
    return page.rows


def order_history(exchange: Exchange, account: EngineAccount) -> list[dict[str, Any]]:
    return _all(histories.ORDERS, exchange, account)


def position_history(exchange: Exchange, account: EngineAccount) -> list[dict[str, Any]]:
    return _all(histories.POSITIONS, exchange, account)


def funding_payments(exchange: Exchange, account: EngineAccount) -> list[dict[str, Any]]:
    return _all(histories.FUNDING, exchange, account)


def dust_history(exchange: Exchange, account: EngineAccount) -> list[dict[str, Any]]:
    return _all(histories.DUST, exchange, account)


def shown(exchange: Exchange, account: EngineAccount, name: str) -> Any:
    """One of an account's lists by its name: a history from above, or a method of the engine."""
    history = globals().get(name)
    return history(exchange, account) if history else getattr(exchange, name)(account)
