"""Pages of an account's histories: find the rows, cut the page, then spell only what it shows.

A history may have 100,000 rows. Its rows are kept by the engine, oldest first, and times and ids
never fall from one to the next, so that a span of time and an order's fills are found by halves.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import Any, NamedTuple

from ...core.exchange import EngineAccount, EngineOrder, Exchange
from ...core.orders import OrderFill
from ...core.transfers import Transfers
from . import FILTERS, Page, Row, Values, limit_and_offset

Rows = Sequence[Any]


class History(NamedTuple):
    """``rows``: those of an account, oldest first. ``spell``: the JSON of one. ``fields``: what a
    filter looks at in a row, by the names of ``FILTERS``. ``of_order``: the rows of an order.
    ``of``: the rows of each symbol and of each type of market.

    The functions get the exchange, or of deposits the transfers, and the account first.
    """

    rows: Callable[[Any, EngineAccount], Rows]
    spell: Callable[[Any, EngineAccount, Any], Row]
    fields: Mapping[str, Callable[[Any], Any]] = {}
    of_order: Callable[[EngineAccount, str], Rows] | None = None
    of: Callable[[EngineAccount], Mapping[str, Rows]] | None = None

    def page(self, engine: Any, account: EngineAccount, values: Values) -> Page:
        """A page, newest first unless ``sortDirection`` is Asc. Refusal: a limit above 1000."""
        found = self._found(engine, account, values)
        limit, offset = limit_and_offset(values)
        if values.get("sortDirection") == "Asc":
            shown = found[offset : offset + limit]
        else:
            end = max(0, len(found) - offset)
            shown = found[max(0, end - limit) : end][::-1]
        spelled = [self.spell(engine, account, row) for row in shown]
        return Page(spelled, len(found), limit, offset)

    def shown(self, engine: Any, account: EngineAccount, values: Values) -> list[Row]:
        """The rows of a page, for a history without page headers."""
        return self.page(engine, account, values).rows

    def _found(self, engine: Any, account: EngineAccount, values: Values) -> Rows:
        """The rows that match the parameters, oldest first."""
        if "orderId" in values and self.of_order is not None:
            rows = self.of_order(account, values["orderId"])
        elif self.of is not None and (indexed := _indexed(values)) is not None:
            name, key = indexed
            rows = self.of(account).get(key, ())
            values = {one: values[one] for one in values if one != name}
        else:
            rows = self.rows(engine, account)
        rows = _within(rows, values.get("from"), values.get("to"))
        for name, wanted in values.items():
            if name in FILTERS:
                field, matches = FILTERS[name]
                get = self.fields[field]
                rows = [row for row in rows if matches(get(row), wanted)]
        return rows


def _indexed(values: Values) -> tuple[str, str] | None:
    """The name and value of a parameter whose rows ``of`` has."""
    for name in ("symbol", "marketType"):
        wanted = values.get(name)
        if isinstance(wanted, list) and len(set(wanted)) == 1:
            wanted = wanted[0]
        if isinstance(wanted, str):
            return name, wanted
    return None


def _within(rows: Rows, from_ms: int | None, to_ms: int | None) -> Rows:
    """The rows of a span of time; ``to_ms`` is exclusive."""
    if from_ms is None and to_ms is None:
        return rows
    first, last = (
        None if ms is None else bisect_left(rows, ms * 1_000, key=attrgetter("time_us"))
        for ms in (from_ms, to_ms)
    )
    return rows[first:last]


def _order(account: EngineAccount, order_id: str) -> EngineOrder | None:
    """The order of that id, open or not."""
    wanted = len(order_id), order_id  # ids rise as numbers do
    place = bisect_left(account.orders, wanted, key=lambda order: (len(order.id), order.id))
    found = account.orders[place : place + 1]
    return found[0] if found and found[0].id == order_id else None


def _one_order(account: EngineAccount, order_id: str) -> list[EngineOrder]:
    order = _order(account, order_id)
    return [] if order is None else [order]


def _fills_of(account: EngineAccount, order_id: str) -> list[OrderFill]:
    """The fills of an order: from the time when it was made until they are what was executed."""
    order, found = _order(account, order_id), []
    left = 0 if order is None else order.executed
    if order is not None and left:
        place = bisect_left(account.fills, order.created_us, key=attrgetter("time_us"))
        while left:
            if account.fills[place].order is order:
                found.append(account.fills[place])
                left -= found[-1].quantity
            place += 1
    return found


def _symbol_of_order(order: EngineOrder) -> str:
    return order.market.symbol


ORDERS = History(
    lambda exchange, account: account.orders,
    lambda exchange, account, order: order.history(),
    {"symbol": _symbol_of_order, "strategyId": lambda order: order.request.strategy},
    _one_order,
    lambda account: account.orders_of,
)
FILLS = History(
    lambda exchange, account: account.fills,
    lambda exchange, account, fill: fill.wire(),
    {
        "symbol": lambda fill: fill.order.market.symbol,
        "systemOrderType": lambda fill: fill.order.request.system,
        "strategyId": lambda fill: fill.order.request.strategy,
    },
    _fills_of,
    lambda account: account.fills_of,
)
FUNDING = History(
    lambda exchange, account: account.funding,
    lambda exchange, account, payment: payment.wire(account.user_id),
    {"symbol": attrgetter("symbol")},
)
SETTLEMENTS = History(
    lambda exchange, account: account.settlements,
    lambda exchange, account, settlement: settlement.wire(account.user_id),
    {"source": attrgetter("source")},
)
POSITIONS = History(
    lambda exchange, account: account.every_position,
    Exchange.position_row,
    {
        "symbol": lambda position: position.market.symbol,
        "state": lambda position: "Open" if position.closed_us is None else "Closed",
    },
)
DEPOSITS = History(
    Transfers.deposit_rows,
    lambda transfers, account, deposit: deposit.wire(),
)
DUST = History(
    lambda exchange, account: account.dust,
    lambda exchange, account, row: row.wire(),
    {"id": attrgetter("id"), "symbol": attrgetter("symbol")},
)
STRATEGIES = History(
    lambda exchange, account: exchange.strategies.ended(account),
    lambda exchange, account, strategy: strategy.history(),
    {"symbol": attrgetter("request.market.symbol"), "strategyId": attrgetter("id")},
)
MOVEMENTS = History(
    lambda exchange, account: account.movements,
    lambda exchange, account, row: row.wire(),
    {
        "symbol": attrgetter("asset"),
        "type": attrgetter("event"),
        "source": attrgetter("source"),
        "positionId": attrgetter("loan_id"),
    },
)
INTEREST = History(
    lambda exchange, account: account.interest,
    lambda exchange, account, row: row.wire(),
    {
        "symbol": attrgetter("market"),
        "asset": attrgetter("asset"),
        "positionId": attrgetter("loan_id"),
        # None is charged on unrealised profit and loss, which would be another source.
        "source": lambda row: "BorrowLend",
    },
)
LOANS = History(
    lambda exchange, account: account.every_loan,
    lambda exchange, account, loan: loan.history(),
    {
        "symbol": attrgetter("asset"),
        "side": attrgetter("side"),
        "state": attrgetter("state"),
    },
)
