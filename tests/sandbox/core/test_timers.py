"""The streams that follow the clock. Expected numbers are added up from the feed's trades."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from bpkit.sandbox.core.exchange import Exchange
from bpkit.sandbox.core.timers import due
from bpkit.sandbox.formatting import plain
from bpkit.sandbox.simulation.market import load
from bpkit.sandbox.simulation.price_feed import PriceFeed
from bpkit.sandbox.simulation.synthetic import DAY, HOUR, MINUTE, SECOND, START_US, Trade

MARKETS = {market.symbol: market for market in load()}
SPOT, PERP = "SOL_USDC", "SOL_USDC_PERP"
SOL = MARKETS[SPOT]
CENTS = Decimal("0.0001")  # a tick times a step of SOL_USDC


def made() -> Exchange:
    def feed(symbol: str) -> PriceFeed:
        market = MARKETS[symbol]
        return PriceFeed(market, spot=market.as_spot() if market.kind == "PERP" else None)

    return Exchange(list(MARKETS.values()), feed, START_US)


@pytest.fixture
def exchange() -> Exchange:
    return made()


def run(
    exchange: Exchange, names: list[str], after_us: int, until_us: int, coarse: bool = False
) -> list[tuple[int, dict[str, Any]]]:
    """(when, data) of everything that the streams send in a span."""
    exchange.outbox.wanted = {(name, None) for name in names}
    sent = []
    for at_us, send in due(exchange, after_us, until_us, coarse):
        send()
        sent += [(at_us, frame.data) for frame in exchange.outbox.take()]
    return sent


def trades(exchange: Exchange, start_us: int, end_us: int) -> list[Trade]:
    return exchange.feed(SPOT).trades(start_us, end_us)


def test_a_ticker_each_second(exchange: Exchange) -> None:
    """At .548, whether or not anything has changed; of the day since a whole minute."""
    sent = run(exchange, [f"ticker.{SPOT}"], START_US + 548_000, START_US + 3 * SECOND)
    assert [at - START_US for at, _ in sent] == [1_548_000, 2_548_000]
    at, data = sent[0]
    rows = trades(exchange, START_US - DAY, at + 1)
    assert data == {
        "E": at + 1_000,
        "V": plain(sum(one.price * one.quantity for one in rows) * CENTS),
        "c": plain(Decimal(rows[-1].price) / 100),
        "e": "ticker",
        "h": plain(Decimal(max(one.price for one in rows)) / 100),
        "l": plain(Decimal(min(one.price for one in rows)) / 100),
        "n": len(rows),
        "o": plain(Decimal(rows[0].price) / 100),
        "s": SPOT,
        "v": plain(Decimal(sum(one.quantity for one in rows)) / 100),
    }


def test_the_day_of_a_ticker_moves_by_whole_minutes(exchange: Exchange) -> None:
    """So its numbers may fall when a minute begins, and only then."""
    falls = set()
    for minute in range(START_US, START_US + 4 * MINUTE, MINUTE):
        sent = run(exchange, [f"ticker.{SPOT}"], minute - 2 * SECOND, minute + 2 * SECOND)
        counts = [data["n"] for _, data in sent]
        assert counts == [
            len(trades(exchange, at // MINUTE * MINUTE - DAY, at + 1)) for at, _ in sent
        ]
        steps = zip(sent[1:], pairwise(counts), strict=True)
        falls |= {at % MINUTE for (at, _), (old, new) in steps if new < old}
    assert falls == {548_000}


def test_mark_prices_at_whole_seconds(exchange: Exchange) -> None:
    names = [f"markPrice.{PERP}", "markPrice.BTC_USDC_PERP", f"markPrice.{SPOT}"]
    sent = run(exchange, names, START_US, START_US + 2 * SECOND)
    assert [(at - START_US, data["s"]) for at, data in sent] == [
        (SECOND, "BTC_USDC_PERP"),
        (SECOND, PERP),
        (2 * SECOND, "BTC_USDC_PERP"),
        (2 * SECOND, PERP),
    ]
    at, data = sent[1]
    feed, end = exchange.feed(PERP), START_US + HOUR
    assert data == {
        "E": at + 1_000, "T": at, "e": "markPrice", "f": plain(feed.funding_rate(end)),
        "i": plain(feed.index_price(at)), "n": end // 1_000, "p": plain(feed.mark_price(at)),
        "s": PERP,
    }  # fmt: skip


def test_open_interest_each_minute(exchange: Exchange) -> None:
    names = [f"openInterest.{PERP}", f"openInterest.{SPOT}"]
    sent = run(exchange, names, START_US, START_US + 2 * MINUTE)
    assert [at - START_US for at, _ in sent] == [MINUTE, 2 * MINUTE]
    steps = exchange.feed(PERP).open_interest(START_US + MINUTE)
    assert sent[0][1] == {
        "E": START_US + MINUTE + 1_000, "e": "openInterest",
        "o": plain(Decimal(steps) / 100), "s": PERP,
    }  # fmt: skip


def test_a_candle_when_a_trade_has_changed_it(exchange: Exchange) -> None:
    """At most once a second; then the closed one, 0.51 s after its end."""
    sent = run(exchange, [f"kline.1m.{SPOT}"], START_US + SECOND, START_US + 61 * SECOND)
    shown = [(at - START_US, data) for at, data in sent]
    closed = [(at, data) for at, data in shown if data["X"]]
    assert [at for at, _ in closed] == [MINUTE + 510_000]
    seconds = {-((START_US + 510_000 - one.time_us) // SECOND) for one in
               trades(exchange, START_US + 510_001, START_US + 60_510_001)}  # fmt: skip
    running = [at for at, data in shown if not data["X"]]
    candidates = {second * SECOND + 510_000 for second in seconds}
    assert running and set(running) <= candidates
    assert candidates - set(running) <= {MINUTE + 510_000}  # its trades were of the minute before
    for at, data in shown:
        start = START_US if data["t"].endswith("12:00:00") else START_US + MINUTE
        rows = trades(exchange, start, min(START_US + at + 1, start + MINUTE))
        assert data["n"] == len(rows)
        assert data["c"] == plain(Decimal(rows[-1].price) / 100)
        assert data["v"] == plain(Decimal(sum(one.quantity for one in rows)) / 100)
    last = closed[0][1]
    assert (last["t"], last["T"]) == ("2026-09-01T12:00:00", "2026-09-01T12:01:00")


def test_a_running_candle_names_its_end(exchange: Exchange) -> None:
    (_, first), *_ = run(exchange, [f"kline.1month.{SPOT}"], START_US, START_US + MINUTE)
    assert (first["t"], first["T"], first["X"]) == (
        "2026-09-01T00:00:00", "2026-10-01T00:00:00", False,
    )  # fmt: skip


def test_a_closed_candle_may_have_no_trade(exchange: Exchange) -> None:
    sent = run(exchange, [f"kline.1s.{SPOT}"], START_US, START_US + 5 * SECOND)
    empty = [data for _, data in sent if data["n"] == 0]
    assert empty and all(data["X"] for data in empty)
    assert all(data["o"] is data["h"] is data["l"] is data["c"] is None for data in empty)


def test_a_candle_has_the_users_trades(exchange: Exchange) -> None:
    ann = exchange.open_account("ann", {"USDC": Decimal(1000)})
    order = {"symbol": SPOT, "side": "Bid", "orderType": "Market", "quantity": "1"}
    exchange.execute(ann, order)
    before = run(made(), [f"kline.1m.{SPOT}"], START_US, START_US + MINUTE + SECOND)[-1][1]
    after = run(exchange, [f"kline.1m.{SPOT}"], START_US, START_US + MINUTE + SECOND)[-1][1]
    assert after["X"] and before["X"] and after["n"] > before["n"]


def test_a_long_span_has_whole_minutes(exchange: Exchange) -> None:
    names = [f"ticker.{SPOT}", f"markPrice.{PERP}", f"kline.1s.{SPOT}"]
    names += [f"kline.1m.{SPOT}", f"kline.1h.{SPOT}"]
    sent = run(exchange, names, START_US, START_US + 3 * MINUTE, coarse=True)
    kinds: dict[str, list[int]] = {}
    for at, data in sent:
        kind = data["e"] + (" closed" if data.get("X") else "")
        kinds.setdefault(kind, []).append((at - START_US) % MINUTE)
        if data.get("X"):
            assert data["t"].endswith(":00")
    assert kinds["ticker"] == [548_000] * 3
    assert kinds["markPrice"] == [0] * 3
    assert kinds["kline closed"] == [510_000] * 4  # of an hour and a minute before the span, too
    assert kinds["kline"] == [510_000] * 2  # of the hour: none has changed it at its start


def test_a_span_may_be_cut_anywhere(exchange: Exchange) -> None:
    names = [f"ticker.{SPOT}", f"markPrice.{PERP}", f"kline.1m.{SPOT}", f"openInterest.{PERP}"]
    whole = run(exchange, names, START_US, START_US + 2 * MINUTE)
    pieces = []
    edges = [START_US, *(START_US + part for part in (510_000, 548_000, SECOND, 60_510_000)),
             START_US + 2 * MINUTE]  # fmt: skip
    for after, until in pairwise(edges):
        pieces += run(exchange, names, after, until)
    assert pieces == whole


@pytest.mark.parametrize(
    "name",
    ["ticker.NOPE_USDC", "ticker.HNT_USDC", "kline.7m.SOL_USDC", "kline.1m.NOPE", "kline.1m",
     "depth.SOL_USDC", "trade.SOL_USDC", "liquidation", f"openInterest.{SPOT}"],
)  # fmt: skip
def test_other_streams_have_no_timer(exchange: Exchange, name: str) -> None:
    """Among them an unknown symbol, a closed market and an unknown interval."""
    exchange.outbox.wanted = {(name, None), ("ticker.SOL_USDC", "ann")}
    assert due(exchange, START_US, START_US + 2 * MINUTE, False) == []
