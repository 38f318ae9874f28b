"""Pages of histories, against the whole history filtered and cut by hand."""

from __future__ import annotations

import random
from decimal import Decimal
from typing import Any

import pytest

from bpkit.sandbox.core.exchange import EngineAccount, Exchange
from bpkit.sandbox.inputs import feeds
from bpkit.sandbox.server.endpoints import Page
from bpkit.sandbox.server.endpoints.histories import FILLS, ORDERS
from bpkit.sandbox.simulation.market import load
from bpkit.sandbox.simulation.synthetic import DEFAULT_SEED, START_US
from bpkit.sandbox.undo import all_or_nothing

SYMBOLS = ("SOL_USDC", "SOL_USDC_PERP")
MINUTE_MS = 60_000


def a_history(chance: random.Random) -> tuple[Exchange, EngineAccount]:
    """Orders that are filled at once, in parts, later, or never; some of them wait in between."""
    markets = load()
    where = Exchange(markets, feeds(markets, DEFAULT_SEED), START_US)
    ann = where.open_account("ann", {"USDC": Decimal(100_000), "SOL": Decimal(100)})
    for number in range(40):
        order = {"symbol": SYMBOLS[number % 2], "side": chance.choice(["Bid", "Ask"])}
        if number % 3:
            order |= {"orderType": "Market", "quantity": str(chance.choice([1, 20, 90]) / 10)}
        else:
            price = "170.5" if order["side"] == "Bid" else "170.9"
            order |= {"orderType": "Limit", "price": price, "quantity": "0.5", "clientId": number}
        where.execute(ann, order)
        where.advance_to(where.now_us + chance.choice([0, 20_000_000]))
    return where, ann


def expected(rows: list[dict[str, Any]], values: dict[str, Any], time: str) -> Page:
    """``rows``: all of them, newest first, as they are shown."""
    start = "2026-09-01T12:00:00.000"
    for name, wanted in values.items():
        if name in ("from", "to"):
            minutes = (wanted - START_US // 1_000) // MINUTE_MS
            edge = f"{start[:14]}{minutes:02d}{start[16:]}"
            rows = [row for row in rows if (row[time] >= edge) == (name == "from")]
        elif name == "symbol":
            rows = [row for row in rows if row["symbol"] == wanted]
        elif name == "marketType":
            types = {symbol: symbol.partition("_USDC_")[2] or "SPOT" for symbol in SYMBOLS}
            rows = [row for row in rows if types[row["symbol"]] in wanted]
        elif name == "orderId":
            rows = [row for row in rows if row.get("orderId", row.get("id")) == wanted]
    rows = rows[::-1] if values.get("sortDirection") == "Asc" else rows
    limit, offset = values.get("limit", 100), values.get("offset", 0)
    return Page(rows[offset : offset + limit], len(rows), limit, offset)


@pytest.mark.parametrize("seed", range(3))
def test_a_page_is_a_piece_of_the_whole_history(seed: int) -> None:
    chance = random.Random(seed)
    where, ann = a_history(chance)
    fills = where.fills(ann)
    orders = [order.history() for order in reversed(ann.orders)]
    ids = [row["id"] for row in orders] + ["", "7", "nonsense", "9" * 5_000, "٣"]
    seen = set()
    for _ in range(300):
        options: dict[str, Any] = {
            "symbol": chance.choice(SYMBOLS),
            "marketType": chance.choice(["SPOT", "PERP", ["PERP"], ["SPOT", "PERP"]]),
            "orderId": chance.choice(ids), "sortDirection": chance.choice(["Asc", "Desc"]),
            "limit": chance.randint(0, 30), "offset": chance.randint(0, 60),
        }  # fmt: skip
        edges = {
            name: START_US // 1_000 + chance.randint(0, 14) * MINUTE_MS for name in ("from", "to")
        }
        values = {name: value for name, value in options.items() if chance.random() < 0.3}
        assert ORDERS.page(where, ann, values) == expected(orders, values, "createdAt")
        values |= {name: value for name, value in edges.items() if chance.random() < 0.3}
        page = FILLS.page(where, ann, values)
        assert page == expected(fills, values, "timestamp"), values
        seen.add(len(page.rows))
    assert len(seen) > 10


def test_an_order_that_has_ended_is_packed_and_reads_as_before() -> None:
    where, ann = a_history(random.Random(7))
    order = {"symbol": "SOL_USDC", "side": "Bid", "orderType": "Limit", "price": "160"}
    order |= {"quantity": "1", "clientId": 12}
    id = where.execute(ann, order)["id"]
    last = ann.orders[-1]
    request = last.request
    with pytest.raises(RuntimeError), all_or_nothing():
        where.cancel(ann, "SOL_USDC", id)
        raise RuntimeError
    assert last.unpacked() is last and last.request is request
    with all_or_nothing():
        where.cancel(ann, "SOL_USDC", id)
        assert last.unpacked() is last  # the command's answer still needs it
    assert last.unpacked() is not last
    assert (last.id, last.request, last.remaining) == (id, request, 100)
    assert last.request is not request
    with pytest.raises(AttributeError):
        last.nonsense  # noqa: B018
