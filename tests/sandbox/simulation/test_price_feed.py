"""The simulated market: what must hold for any seed, and what the default seed promises."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from bpkit.sandbox.simulation.candles import WIDTHS, Candle, bucket
from bpkit.sandbox.simulation.market import load
from bpkit.sandbox.simulation.price_feed import PriceFeed
from bpkit.sandbox.simulation.synthetic import (
    DAY,
    DEFAULT_SEED,
    FIRST_US,
    HOUR,
    MINUTE,
    SECOND,
    START_US,
    SyntheticTrades,
    Trade,
)

INTERVALS = [*WIDTHS, "1month"]
MARKETS = {market.symbol: market for market in load()}
OPEN = [symbol for symbol, market in MARKETS.items() if market.open]
PERPS = [symbol for symbol in OPEN if MARKETS[symbol].kind == "PERP"]


def at(text: str) -> int:
    """``2024-02-29T12:00`` (UTC) in microseconds."""
    moment = datetime.fromisoformat(text).replace(tzinfo=UTC)
    return int(moment.timestamp()) * SECOND + moment.microsecond


def feed(symbol: str = "SOL_USDC", seed: str | None = None) -> PriceFeed:
    perp = MARKETS[symbol]
    spot = MARKETS.get(perp.spot_symbol, perp.as_spot()) if symbol in PERPS else None
    return (
        PriceFeed(MARKETS[symbol], spot=spot)
        if seed is None
        else PriceFeed(MARKETS[symbol], seed, spot)
    )


def engine_trade(into: PriceFeed, time_us: int, price: int, quantity: int = 7) -> Trade:
    trade = Trade(into.next_id(time_us), time_us, price, quantity, False)
    into.record(trade)
    return trade


def with_records() -> PriceFeed:
    """Engine trades that are the first, the last, the highest and the lowest of their spans."""
    mine = feed()
    for time_us in (
        START_US - 1, START_US, START_US, START_US + MINUTE - 1, START_US + HOUR, START_US + HOUR,
        at("2026-09-01T00:00"), at("2026-08-31T23:59:59.999999"), at("2026-09-03T05:00:00.000001"),
    ):  # fmt: skip
        engine_trade(mine, time_us, 20_000)
        engine_trade(mine, time_us, 9_000)
    return mine


def summed(start_us: int, end_us: int, trades: list[Trade]) -> Candle:
    """A candle from its definition."""
    prices = [trade.price for trade in trades]
    four = (prices[0], max(prices), min(prices), prices[-1]) if prices else (None,) * 4
    volume = sum(trade.quantity for trade in trades)
    quote_volume = sum(trade.price * trade.quantity for trade in trades)
    return Candle(start_us, end_us, *four, volume, quote_volume, len(trades))


def joined(start_us: int, end_us: int, parts: Iterable[Candle]) -> Candle:
    """A candle from smaller ones, by definition."""
    parts = list(parts)
    assert parts[0].start_us == start_us and parts[-1].end_us == end_us
    assert all(one.end_us == two.start_us for one, two in pairwise(parts))
    full = [part for part in parts if part.trades]
    four = (None,) * 4
    if full:
        high, low = max(part.high for part in full), min(part.low for part in full)
        four = (full[0].open, high, low, full[-1].close)
    sums = [sum(part[place] for part in parts) for place in (6, 7, 8)]
    return Candle(start_us, end_us, *four, *sums)


# Buckets


def test_the_sixteen_intervals_of_the_exchange() -> None:
    names = "1s 1m 3m 5m 15m 30m 1h 2h 4h 6h 8h 12h 1d 3d 1w 1month"
    assert list(INTERVALS) == names.split()


@pytest.mark.parametrize(
    ("interval", "time", "start", "end"),
    [
        ("1s", "2026-09-01T12:34:56.789", "2026-09-01T12:34:56", "2026-09-01T12:34:57"),
        ("1m", "2026-09-02T06:56:10", "2026-09-02T06:56", "2026-09-02T06:57"),
        ("3m", "2026-09-01T12:34:56", "2026-09-01T12:33", "2026-09-01T12:36"),
        ("15m", "2026-09-01T12:45", "2026-09-01T12:45", "2026-09-01T13:00"),
        ("30m", "2026-09-01T12:59:59.999999", "2026-09-01T12:30", "2026-09-01T13:00"),
        ("6h", "2026-09-01T05:59", "2026-09-01T00:00", "2026-09-01T06:00"),
        ("8h", "2026-09-01T15:59:59", "2026-09-01T08:00", "2026-09-01T16:00"),
        ("12h", "2026-09-01T12:00", "2026-09-01T12:00", "2026-09-02T00:00"),
        ("1d", "2024-02-29T12:00", "2024-02-29T00:00", "2024-03-01T00:00"),
        # 2024-01-01 is day 19,723 since the epoch: 3 * 6,574 + 1.
        ("3d", "2024-01-01T00:00", "2023-12-31T00:00", "2024-01-03T00:00"),
        ("1w", "2024-01-01T00:00", "2024-01-01T00:00", "2024-01-08T00:00"),  # a Monday
        ("1w", "2024-01-07T23:59:59.999999", "2024-01-01T00:00", "2024-01-08T00:00"),
        ("1w", "2026-09-01T12:00", "2026-08-31T00:00", "2026-09-07T00:00"),  # a Tuesday
        ("1w", "2024-02-29T00:00", "2024-02-26T00:00", "2024-03-04T00:00"),  # a Thursday
        ("1month", "2024-02-29T23:59:59", "2024-02-01T00:00", "2024-03-01T00:00"),
        ("1month", "2024-01-31T00:00", "2024-01-01T00:00", "2024-02-01T00:00"),
        ("1month", "2026-12-31T23:59", "2026-12-01T00:00", "2027-01-01T00:00"),
        ("1month", "2027-02-01T00:00", "2027-02-01T00:00", "2027-03-01T00:00"),
    ],
)
def test_bucket(interval: str, time: str, start: str, end: str) -> None:
    assert bucket(interval, at(time)) == (at(start), at(end))


def test_an_unknown_interval_is_refused() -> None:
    with pytest.raises(KeyError):
        bucket("7m", START_US)


# What the default seed promises. Any change in what is drawn would break it.


def test_the_constants() -> None:
    assert at("2024-01-01T00:00") == FIRST_US
    assert at("2026-09-01T12:00") == START_US


# Recorded from the feed itself on 2026-11-27: a market must be tomorrow what it was yesterday.
# The last trade before START_US, the best and the last level of each side, open interest, funding
# rate, mark and index price; the candle of the day before; the opening prices of four days.
Recorded = dict[str, Any]
RECORDED: dict[str, Recorded] = {
    "SOL_USDC": {
        "trade": Trade(11225184, 1788263987294000, 17074, 22, False),
        "bids": [(17070, 748), (16772, 1019)], "asks": [(17074, 336), (17396, 3713)],
        "open_interest": 0, "funding": ["0.000004097", "0.0000125", "-0.000000075"],
        "mark": None, "index": None,
        "day": (16618, 17263, 16366, 17074, 4214469, 71217362874, 11520),
        "openings": [17970461, 16748969, 16792257, 24536676],
    },
    "BTC_USDC": {
        "trade": Trade(14031481, 1788263996972000, 775048, 3977, False),
        "bids": [(775044, 9775), (761363, 88265)], "asks": [(775048, 4901), (790256, 91222)],
        "open_interest": 0, "funding": ["0.000049277", "-0.000066819", "0.0000125"],
        "mark": None, "index": None,
        "day": (780193, 783127, 765403, 775048, 72906917, 56445326879732, 14400),
        "openings": [866120133, 776090330, 783270807, 860852660],
    },
    "USDT_USDC": {
        "trade": Trade(5612592, 1788263992948000, 9997, 292, False),
        "bids": [(9996, 376), (9802, 1165)], "asks": [(9997, 506), (10180, 1571)],
        "open_interest": 0, "funding": ["-0.000000154", "-0.000004485", "0.0000125"],
        "mark": None, "index": None,
        "day": (9998, 10001, 9995, 9997, 2774387, 27738322062, 5761),
        "openings": [9995218, 9998901, 9999050, 9997241],
    },
    "SOL_USDC_PERP": {
        "trade": Trade(11225185, 1788263996735000, 17066, 2088, True),
        "bids": [(17066, 3049), (16734, 18994)], "asks": [(17070, 1463), (17377, 15439)],
        "open_interest": 18810000, "funding": ["0.000048016", "0.0000125", "0.0000125"],
        "mark": "170.72", "index": "170.73854700",
        "day": (16616, 17259, 16363, 17066, 21117562, 356988969731, 11521),
        "openings": [17970461, 16748969, 16792257, 24536676],
    },
    "ETH_USDC_PERP": {
        "trade": Trade(14031480, 1788263990864000, 242660, 25027, True),
        "bids": [(242660, 28966), (238552, 322009)], "asks": [(242664, 65740), (246995, 910598)],
        "open_interest": 33798400, "funding": ["-0.000039570", "0.0000125", "0.0000125"],
        "mark": "2426.96", "index": "2426.68388188",
        "day": (238890, 244524, 237597, 242660, 561759783, 135411435085521, 14399),
        "openings": [262014156, 238069342, 244065920, 332689875],
    },
}  # fmt: skip


@pytest.mark.parametrize("symbol", RECORDED)
def test_the_market_is_the_recorded_one(symbol: str) -> None:
    mine = feed(symbol)
    bids, asks = mine.levels(START_US)
    openings = SyntheticTrades(MARKETS[symbol], DEFAULT_SEED).opening
    today = START_US // DAY
    found = {
        "trade": mine.latest(START_US, 1)[0],
        "bids": [bids[0], bids[-1]],
        "asks": [asks[0], asks[-1]],
        "open_interest": mine.open_interest(START_US),
        "funding": [f"{mine.funding_rate(START_US + n * HOUR):f}" for n in range(3)],
        "mark": str(mine.mark_price(START_US)) if symbol in PERPS else None,
        "index": str(mine.index_price(START_US)) if symbol in PERPS else None,
        "day": mine.window(START_US - DAY, START_US)[2:],
        "openings": [openings(today + days) for days in (-300, -1, 1, 300)],
    }
    assert found == RECORDED[symbol]


def test_where_sol_stands_at_the_start() -> None:
    assert 17_060 <= feed().last_price(START_US) <= 17_095


def test_sol_falls_through_170_50_after_three_minutes_and_comes_back() -> None:
    mine = feed()
    early = mine.trades(START_US, START_US + 2 * MINUTE)
    dip = mine.trades(START_US + 3 * MINUTE, START_US + 10 * MINUTE)
    low = [trade for trade in dip if trade.price <= 17_050]
    assert early and all(trade.price > 17_050 for trade in early)
    assert min(trade.price for trade in low) <= 17_047
    assert sum(trade.quantity for trade in low if trade.buyer_is_maker) >= 300  # 3 SOL
    after = mine.trades(low[-1].time_us, START_US + HOUR)
    assert any(trade.price > 17_080 for trade in after)


def test_a_bid_at_170_50_is_met_within_five_minutes() -> None:
    met = feed().touches(START_US, START_US + 5 * MINUTE, 17_050, None)
    assert sum(trade.quantity for trade in met if trade.buyer_is_maker) >= 300


def test_the_day_before_the_start_looks_like_a_day() -> None:
    day = feed().window(START_US - DAY, START_US)
    assert 0.03 <= (day.high - day.low) / day.close <= 0.06


@pytest.mark.parametrize(
    ("symbol", "price", "percent"),
    [("BTC_USDC", "77400", 1), ("ETH_USDC", "2420", 1), ("USDT_USDC", "0.9998", 0.1)],
)
def test_the_others_stand_near_their_reference(symbol: str, price: str, percent: float) -> None:
    last = MARKETS[symbol].price(feed(symbol).last_price(START_US))
    assert abs(float(last / Decimal(price)) - 1) * 100 < percent


# Trades


@pytest.mark.parametrize("symbol", OPEN)
def test_a_day_of_trades(symbol: str) -> None:
    """Rates and volumes a minute as asked for: perps trade 5 times the volume of spot."""
    rates = {"SOL": (8, 30), "BTC": (10, 0.5), "ETH": (10, 8), "USDT": (4, 2_000),
             "BONK": (4, 16_000_000), "kPEPE": (4, 16_000)}  # fmt: skip
    market = MARKETS[symbol]
    start = at("2026-08-30T00:00")
    trades = feed(symbol).trades(start, start + DAY)
    rate, volume = rates[market.base]
    assert len(trades) == rate * 1_440
    sold = sum(trade.quantity for trade in trades)
    expected = volume * 1_440 * (5 if symbol in PERPS else 1)
    assert 0.85 < float(market.quantity(sold)) / expected < 1.15
    times = [trade.time_us for trade in trades]
    assert times == sorted(set(times)) and all(time % 1_000 == 0 for time in times)
    assert start <= times[0] and times[-1] < start + DAY
    sizes = sorted(trade.quantity for trade in trades)
    assert sizes[0] >= 1 and sizes[len(sizes) // 2] < sum(sizes) / len(sizes) / 2  # mostly small
    takers = sum(trade.buyer_is_maker for trade in trades) / len(trades)
    assert 0.45 < takers < 0.55


def test_buyers_pay_the_ask_and_sellers_get_the_bid() -> None:
    """Between neighbours of opposite sides lies the spread: 1 to 4 ticks, on average."""
    day = feed().trades(START_US - DAY, START_US)
    pairs = [(a, b) for a, b in pairwise(day) if a.buyer_is_maker != b.buyer_is_maker]
    spreads = [(a.price - b.price) * (-1 if a.buyer_is_maker else 1) for a, b in pairs]
    assert 1 < sum(spreads) / len(spreads) < 4


def test_busy_hours_have_more_trades() -> None:
    hours = feed().candles("1h", at("2026-08-30T00:00"), at("2026-08-31T00:00"), START_US)
    assert hours[15].trades > 2 * hours[5].trades


def test_days_join_without_a_jump() -> None:
    mine = feed()
    for day in range(at("2025-03-01T00:00"), at("2025-03-11T00:00"), DAY):
        before, after = mine.last_price(day - 1), mine.trades(day, day + HOUR)[0].price
        assert abs(before - after) / before < 0.005


def test_prices_stay_plausible_for_eleven_years() -> None:
    """A walk that is drawn back to its reference, not one that runs away."""
    sol, usdt = feed(), feed("USDT_USDC")
    for year in range(2024, 2036):
        day = at(f"{year}-06-15T00:00")
        assert 5_000 < sol.last_price(day) < 50_000
        assert 9_950 < usdt.last_price(day) < 10_050


@pytest.mark.parametrize("base", ["SOL", "BTC", "ETH"])
def test_a_perp_moves_with_its_spot(base: str) -> None:
    spot, perp = feed(f"{base}_USDC"), feed(f"{base}_USDC_PERP")
    for time_us in range(START_US - 3 * DAY, START_US + DAY, 5 * HOUR):
        ratio = perp.last_price(time_us) / spot.last_price(time_us)
        assert abs(ratio - 1) < 0.002
    assert perp.latest(START_US, 5) != spot.latest(START_US, 5)


def test_a_closed_market_has_no_feed() -> None:
    with pytest.raises(ValueError, match="HNT_USDC"):
        PriceFeed(MARKETS["HNT_USDC"])


def test_the_same_seed_gives_the_same_feed_in_any_order_of_calls() -> None:
    one, two = feed("SOL_USDC_PERP"), feed("SOL_USDC_PERP")
    days = [FIRST_US, at("2025-05-05T05:00"), START_US, at("2030-01-01T23:00")]
    first = [one.trades(day, day + HOUR) for day in days]
    second = [two.trades(day, day + HOUR) for day in reversed(days)][::-1]
    assert first == second and all(first)
    ask = [
        lambda mine: mine.levels(START_US),
        lambda mine: mine.open_interest(START_US),
        lambda mine: mine.index_price(START_US),
        lambda mine: mine.funding_rate(START_US),
        lambda mine: mine.candles("1d", START_US - 9 * DAY, START_US, START_US),
    ]
    assert [call(one) for call in ask] == [call(two) for call in reversed(ask)][::-1]


def test_another_seed_gives_another_feed() -> None:
    one, two = feed(), feed(seed="another")
    assert one.latest(START_US, 20) != two.latest(START_US, 20)
    assert one.levels(START_US) != two.levels(START_US)


def test_trades_start_inclusive_and_end_exclusive() -> None:
    mine = feed()
    one, two, three = mine.latest(START_US, 3)[::-1]
    assert mine.trades(one.time_us, three.time_us) == [one, two]
    assert mine.trades(one.time_us + 1, three.time_us + 1) == [two, three]
    assert mine.trades(START_US, START_US) == []
    assert mine.trades(FIRST_US - DAY, FIRST_US) == []


@pytest.mark.parametrize("make", [feed, with_records])
def test_latest_is_trades_reversed(make: type[PriceFeed]) -> None:
    mine = make()
    everything = mine.trades(START_US - 4 * DAY, START_US + 1)[::-1]
    assert mine.latest(START_US, 1_000) == everything[:1_000]
    assert mine.latest(START_US, 1_000, 7_500) == everything[7_500:8_500]  # across midnight
    assert mine.latest(START_US, 3, 30_000) == everything[30_000:30_003]
    assert mine.latest(START_US, 0) == []
    last = everything[0]
    assert mine.latest(last.time_us, 1) == [last]
    assert mine.latest(last.time_us - 1, 1)[0].time_us < last.time_us


def test_latest_ends_where_the_history_begins() -> None:
    mine = feed()
    noon = FIRST_US + DAY // 2
    everything = mine.trades(FIRST_US, noon + 1)[::-1]
    assert mine.latest(noon, len(everything) + 500) == everything
    assert mine.latest(noon, 5, len(everything)) == []
    assert mine.latest(FIRST_US - 1, 5) == []


def test_before_any_trade_the_last_price_is_the_opening() -> None:
    mine = feed()
    first = mine.trades(FIRST_US, FIRST_US + MINUTE)[0]
    assert mine.last_price(FIRST_US - 1) == pytest.approx(first.price, rel=0.005)


def test_a_look_at_the_end_invents_few_days(monkeypatch: pytest.MonkeyPatch) -> None:
    invented: list[int] = []
    inner = SyntheticTrades.day
    monkeypatch.setattr(
        SyntheticTrades, "day", lambda self, n: invented.append(n) or inner(self, n)
    )
    mine = feed()
    mine.last_price(START_US)
    mine.latest(START_US, 1_000)
    assert len(invented) == 1
    mine.latest(START_US, 1_000, 100_000)  # a week and more earlier: the days between are skipped
    assert len(invented) <= 3
    mine.trades(START_US - HOUR, START_US)
    assert len(invented) <= 3  # kept


# Ids and recorded trades


def test_ids_are_consecutive_over_days_and_with_the_engines_trades() -> None:
    mine = with_records()
    trades = mine.trades(at("2026-08-31T00:00"), at("2026-09-04T00:00"))
    first = 1 + 973 * 11_520  # days from 2024-01-01 to 2026-08-31: 366 + 365 + 242
    assert [trade.id for trade in trades] == list(range(first, first + 4 * 11_520 + 18))
    assert [trade.time_us for trade in trades] == sorted(trade.time_us for trade in trades)
    assert mine.trades(FIRST_US, FIRST_US + MINUTE)[0].id == 1


def test_the_engines_trades_are_counted_when_they_happen() -> None:
    mine = feed()
    own = mine.trades(START_US, START_US + MINUTE)
    before = mine.latest(START_US, 1)[0].id
    times = [START_US, START_US, START_US + 1, own[2].time_us, own[2].time_us, own[5].time_us + 1]
    made = [engine_trade(mine, time_us, 17_000) for time_us in times]
    # Three, then own[0] to own[2]; at one time the feed's trade is first. Then own[3] to own[5].
    assert [trade.id - before for trade in made] == [1, 2, 3, 7, 8, 12]
    trades = mine.trades(START_US, START_US + MINUTE)
    assert [trade.id - before for trade in trades] == list(range(1, len(own) + 7))
    assert set(made) < set(trades)
    assert [trade[1:] for trade in trades if trade not in made] == [trade[1:] for trade in own]


def test_the_next_id_is_one_more_than_the_last() -> None:
    mine = feed()
    for trade in mine.trades(START_US, START_US + MINUTE):
        assert mine.next_id(trade.time_us) == trade.id + 1
        assert mine.next_id(trade.time_us - 1) == trade.id
    at_us = trade.time_us + 5
    assert engine_trade(mine, at_us, 17_000).id == trade.id + 1
    assert mine.next_id(at_us) == trade.id + 2
    assert mine.latest(at_us, 1)[0].id == trade.id + 1


def test_own_trades_leave_the_recorded_ones_out_but_count_them() -> None:
    mine = with_records()
    both = mine.trades(START_US - HOUR, START_US + 2 * HOUR)
    own = mine.own_trades(START_US - HOUR, START_US + 2 * HOUR)
    assert own == [trade for trade in both if trade.price not in (20_000, 9_000)]
    assert mine.own_trades(own[0].time_us, own[1].time_us) == [own[1]]


def test_a_recorded_trade_shows_everywhere() -> None:
    mine = feed()
    before = mine.window(START_US - HOUR, START_US + 1)
    trade = engine_trade(mine, START_US, 17_500, 40)
    assert mine.last_price(START_US) == 17_500
    assert mine.last_price(START_US - 1) != 17_500
    assert mine.latest(START_US, 2)[0] == trade
    assert mine.trades(START_US, START_US + 1) == [trade]
    after = mine.window(START_US - HOUR, START_US + 1)
    assert (after.trades, after.volume) == (before.trades + 1, before.volume + 40)
    assert after.quote_volume == before.quote_volume + 17_500 * 40
    assert (after.open, after.close) == (before.open, 17_500)
    second = mine.candles("1s", START_US, START_US + 1, START_US + SECOND)[0]
    assert second.open == 17_500 and second.trades >= 1


def test_recorded_trades_are_in_the_order_of_their_times() -> None:
    mine = feed()
    one = engine_trade(mine, START_US, 17_002)
    two = engine_trade(mine, START_US, 17_003)
    late = engine_trade(mine, START_US + 2, 17_001)
    assert mine.trades(START_US, START_US + 3) == [one, two, late]


# Candles


@pytest.mark.parametrize("make", [feed, with_records])
@pytest.mark.parametrize(
    ("large", "small", "start", "end"),
    [
        ("1m", "1s", "2026-09-01T11:50", "2026-09-01T12:10"),
        ("3m", "1m", "2026-08-31T23:00", "2026-09-01T14:00"),
        ("5m", "1m", "2026-08-31T23:00", "2026-09-01T14:00"),
        ("15m", "5m", "2026-08-31T23:00", "2026-09-01T14:00"),
        ("30m", "15m", "2026-08-31T23:00", "2026-09-01T14:00"),
        ("1h", "1m", "2026-08-31T00:00", "2026-09-03T06:00"),
        ("2h", "1h", "2026-08-31T00:00", "2026-09-03T06:00"),
        ("4h", "2h", "2026-08-31T00:00", "2026-09-03T08:00"),
        ("6h", "3m", "2026-08-31T00:00", "2026-09-03T06:00"),
        ("8h", "30m", "2026-08-31T00:00", "2026-09-03T08:00"),
        ("12h", "1h", "2026-08-31T00:00", "2026-09-03T12:00"),
        ("1d", "1h", "2026-08-31T00:00", "2026-09-04T00:00"),
        ("3d", "1d", "2026-08-30T00:00", "2026-09-05T00:00"),
        ("1w", "1d", "2026-08-24T00:00", "2026-09-07T00:00"),
        ("1month", "1d", "2026-08-01T00:00", "2026-10-01T00:00"),
    ],
)
def test_large_candles_are_their_small_ones(
    make: type[PriceFeed], large: str, small: str, start: str, end: str
) -> None:
    mine, first, last = make(), at(start), at(end)
    whole = mine.candles(large, first, last, last)
    parts = mine.candles(small, whole[0].start_us, last, last)
    assert whole[0].start_us <= first and whole[-1].end_us >= last - 3 * DAY
    assert sum(part.trades for part in parts) > 0
    for candle in whole:
        inside = [part for part in parts if candle.start_us <= part.start_us < candle.end_us]
        assert candle == joined(candle.start_us, candle.end_us, inside)


@pytest.mark.parametrize("make", [feed, with_records])
@pytest.mark.parametrize("interval", ["1s", "1m", "5m", "1h", "4h", "1d"])
def test_candles_are_their_trades(make: type[PriceFeed], interval: str) -> None:
    """Quote volume too: the sum of price times quantity, in ticks * steps."""
    mine = make()
    width = bucket(interval, START_US)[1] - bucket(interval, START_US)[0]
    start = bucket(interval, START_US)[0] - 2 * width
    for candle in mine.candles(interval, start, start + 5 * width, START_US + 9 * DAY):
        trades = mine.trades(candle.start_us, candle.end_us)
        assert candle == summed(candle.start_us, candle.end_us, trades)


@pytest.mark.parametrize("make", [feed, with_records])
@pytest.mark.parametrize(
    ("start_us", "end_us"),
    [
        (START_US - DAY, START_US),
        (START_US - DAY + 1, START_US + 1),
        (START_US - 7 * DAY + 123_456, START_US + 123_456),
        (FIRST_US - DAY, FIRST_US + HOUR),
        (START_US, START_US + 2),
        (START_US, START_US),
    ],
)
def test_a_window_is_its_trades(make: type[PriceFeed], start_us: int, end_us: int) -> None:
    mine = make()
    assert mine.window(start_us, end_us) == summed(start_us, end_us, mine.trades(start_us, end_us))


def test_engine_trades_open_close_and_bound_their_candles() -> None:
    """with_records() prints 20000, then 9000, at 00:00 of the day and at its last microsecond."""
    mine = with_records()
    day = at("2026-09-01T00:00")
    first = mine.candles("1d", day, day + 1, day + DAY)[0]
    assert (first.open, first.high, first.low) == (20_000, 20_000, 9_000)
    eve = mine.candles("1d", day - DAY, day, day + DAY)[0]
    assert (eve.high, eve.low, eve.close) == (20_000, 9_000, 9_000)
    minute = mine.candles("1m", START_US, START_US + 1, START_US + MINUTE)[0]
    assert (minute.open, minute.close) == (20_000, 9_000)


def test_a_second_without_trades_is_empty() -> None:
    seconds = feed().candles("1s", START_US, START_US + MINUTE, START_US + MINUTE)
    empty = [second for second in seconds if second.trades == 0]
    assert len(seconds) == 60 and 0 < len(empty) < 60
    assert {second[2:] for second in empty} == {(None, None, None, None, 0, 0, 0)}


def test_the_start_is_floored_and_the_end_is_exclusive() -> None:
    mine, now = feed(), at("2026-09-02T07:06:10")
    found = mine.candles("1m", at("2026-09-02T06:56:10"), now, now)
    assert found[0].start_us == at("2026-09-02T06:56")  # as the exchange answers this very question
    assert found[-1].start_us == at("2026-09-02T07:05") and len(found) == 10
    starts = [c.start_us for c in mine.candles("1h", START_US, START_US + HOUR, START_US + DAY)]
    assert starts == [START_US]
    starts = [c.start_us for c in mine.candles("1m", START_US, START_US + 1, START_US + DAY)]
    assert starts == [START_US]


@pytest.mark.parametrize("interval", INTERVALS)
def test_only_closed_candles(interval: str) -> None:
    mine = feed()
    start, end = bucket(interval, START_US - 1)
    assert mine.candles(interval, start, end, end - 1) == []
    closed = mine.candles(interval, start, end, end)
    assert [(candle.start_us, candle.end_us) for candle in closed] == [(start, end)]
    assert mine.candles(interval, end, start, end + DAY) == []


@pytest.mark.parametrize("interval", INTERVALS)
def test_no_candle_from_before_the_beginning(interval: str) -> None:
    until = FIRST_US + (HOUR if interval in ("1s", "1m", "5m") else 32 * DAY)
    found = feed().candles(interval, FIRST_US - 5 * DAY, until, until)
    first = "2024-01-03T00:00" if interval == "3d" else "2024-01-01T00:00"
    assert found[0].start_us == at(first)


# Touches


@pytest.mark.parametrize(
    ("below", "above"),
    [(17_050, None), (None, 17_150), (17_000, 17_300), (None, None), (1, 99_999)],
)
@pytest.mark.parametrize(
    ("start_us", "end_us"),
    [
        (START_US, START_US + 10 * MINUTE),
        (START_US - 2 * DAY + 1, START_US + DAY),
        (START_US - HOUR, START_US + HOUR),
        (START_US + DAY // 2 - 1, START_US + DAY // 2),
        (START_US, START_US),
    ],
)
def test_touches_is_a_filter_of_the_feeds_own_trades(
    below: int | None, above: int | None, start_us: int, end_us: int
) -> None:
    mine = feed()
    made = [engine_trade(mine, START_US, 17_000), engine_trade(mine, START_US + 1, 17_300)]
    expected = [
        trade
        for trade in mine.trades(start_us, end_us)
        if trade not in made
        and (
            (below is not None and trade.price <= below)
            or (above is not None and trade.price >= above)
        )
    ]
    assert mine.touches(start_us, end_us, below, above) == expected


def test_touches_includes_both_bounds() -> None:
    mine = feed()
    one, two = mine.trades(START_US, START_US + MINUTE)[:2]
    assert one in mine.touches(START_US, START_US + MINUTE, one.price, None)
    assert two in mine.touches(START_US, START_US + MINUTE, None, two.price)


# Books


@pytest.mark.parametrize("symbol", OPEN)
def test_a_book_is_never_crossed_and_stands_around_the_price(symbol: str) -> None:
    mine = feed(symbol)
    widest = 2 if symbol == "USDT_USDC" else 4
    for time_us in range(START_US - DAY, START_US, 47 * MINUTE):
        bids, asks = mine.levels(time_us)
        last = mine.last_price(time_us)
        assert 1 <= asks[0][0] - bids[0][0] <= widest
        sold = mine.latest(time_us, 1)[0].buyer_is_maker
        assert last == (bids[0][0] if sold else asks[0][0])  # who sold met the best bid
        for side, sign in ((bids, -1), (asks, 1)):
            prices = [sign * price for price, _ in side]
            assert prices == sorted(set(prices)) and 30 <= len(side) <= 110
            assert all(type(price) is int and type(steps) is int for price, steps in side)
            assert min(steps for _, steps in side) >= 1
            assert abs(side[-1][0] / last - 1) < 0.0225  # 2 %, the spread, and a stir beyond


@pytest.mark.parametrize("symbol", OPEN)
def test_a_book_has_about_sixty_levels_on_each_side(symbol: str) -> None:
    mine = feed(symbol)
    times = range(START_US - 2 * DAY, START_US, 47 * MINUTE)
    counts = [len(side) for time_us in times for side in mine.levels(time_us)]
    assert 55 < sum(counts) / len(counts) < 70


def test_a_book_grows_wider_and_larger_farther_out() -> None:
    for side in feed("BTC_USDC").levels(START_US):
        near, far = side[:20], side[40:60]
        assert abs(near[0][0] - near[-1][0]) < abs(far[0][0] - far[-1][0])
        assert sum(steps for _, steps in near) < sum(steps for _, steps in far)


def test_a_book_does_not_follow_what_others_trade() -> None:
    mine = feed()
    before = mine.levels(START_US + SECOND)
    mine.record(Trade(mine.next_id(START_US), START_US, 20_000, 500, False))
    assert mine.levels(START_US + SECOND) == before


# Perps


@pytest.mark.parametrize("symbol", PERPS)
def test_open_interest_wanders_slowly_below_its_limit(symbol: str) -> None:
    mine = feed(symbol)
    limit = Decimal(MARKETS[symbol].raw["openInterestLimit"]) / MARKETS[symbol].step
    seen = [mine.open_interest(START_US + hour * HOUR) for hour in range(24 * 30)]
    assert all(limit / 25 < level < limit / 16 for level in seen)
    assert len(set(seen)) > 100
    steps = [abs(one - two) / one for one, two in pairwise(seen)]
    assert max(steps) < 0.05
    later = mine.open_interest(START_US + SECOND)
    assert mine.open_interest(START_US) == pytest.approx(later, rel=1e-3)


def test_funding_is_often_the_base_rate_and_never_far() -> None:
    mine = feed("ETH_USDC_PERP")
    rates = [mine.funding_rate(START_US + hour * HOUR) for hour in range(500)]
    assert 0.4 < rates.count(Decimal("0.0000125")) / 500 < 0.8
    assert all(abs(rate) <= Decimal("0.00008") for rate in rates)
    assert min(rates) < 0 and max(rates) > Decimal("0.00004")
    assert all(rate.as_tuple().exponent >= -9 for rate in rates)
    assert mine.funding_rate(START_US - HOUR + 1) == mine.funding_rate(START_US)


def test_spot_and_perp_have_funding_and_interest_of_their_own() -> None:
    sol, eth = feed("SOL_USDC_PERP"), feed("ETH_USDC_PERP")
    hours = [START_US + hour * HOUR for hour in range(48)]
    assert [sol.funding_rate(hour) for hour in hours] != [eth.funding_rate(hour) for hour in hours]
    assert feed("SOL_USDC").open_interest(START_US) == 0
