"""What followers of the public streams see: the same book and trades as REST shows, at any time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

import pytest
from account_histories import order_history
from helpers import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from bpkit.sandbox.core.exchange import Exchange, Refusal
from bpkit.sandbox.core.outbox import Frame
from bpkit.sandbox.core.publisher import made_up_ids
from bpkit.sandbox.server.endpoints.public import PUBLIC
from bpkit.sandbox.simulation.market import load
from bpkit.sandbox.simulation.price_feed import PriceFeed
from bpkit.sandbox.simulation.synthetic import HOUR, MINUTE, SECOND, START_US

MARKETS = {market.symbol: market for market in load()}
SOL, BTC = "SOL_USDC", "BTC_USDC"
WINDOWS = {"200ms": 200_000, "600ms": 600_000, "1000ms": SECOND}
BOOKS = ["depth", "bookTicker", *(f"depth.{name}" for name in WINDOWS)]
Json = dict[str, Any]


def streams(*symbols: str) -> list[str]:
    return [f"{kind}.{symbol}" for symbol in symbols for kind in [*BOOKS, "trade"]]


FEEDS = {symbol: PriceFeed(MARKETS[symbol]) for symbol in (SOL, BTC)}  # what is generated is kept


def feed(symbol: str) -> PriceFeed:
    market = MARKETS[symbol]
    made = PriceFeed(market, spot=market.as_spot() if market.kind == "PERP" else None)
    if symbol in FEEDS:
        made._own = FEEDS[symbol]._own
    return made


class Room:
    """An exchange with two users, and someone who follows its streams."""

    def __init__(self, wanted: Iterable[str] = ()) -> None:
        self.exchange = Exchange(list(MARKETS.values()), feed, START_US)
        funds = {"USDC": Decimal(10**6), "SOL": Decimal(10**4), "BTC": Decimal(100)}
        self.users = [self.exchange.open_account(key, funds) for key in ("ann", "bob")]
        self.snapshots = {symbol: self.exchange.depth(symbol) for symbol in (SOL, BTC)}
        self.exchange.outbox.wanted = {(name, None) for name in wanted}
        self.frames: list[Frame] = []

    def take(self) -> list[Frame]:
        new = self.exchange.outbox.take()
        self.frames += new
        return new

    def of(self, stream: str) -> list[Json]:
        return [frame.data for frame in self.frames if frame.stream == stream]

    def advance(self, span_us: int) -> None:
        self.exchange.advance_to(self.exchange.now_us + span_us)
        self.take()

    def order(self, who: int, side: str, price: int | None, quantity: int, **more: Any) -> Json:
        """Of SOL; ``price`` in ticks and ``quantity`` in steps, both hundredths."""
        fields = {"symbol": SOL, "side": side, "orderType": "Market" if price is None else "Limit"}
        fields["quantity"] = str(Decimal(quantity) / 100)
        if price is not None:
            fields["price"] = str(Decimal(price) / 100)
        try:
            return self.exchange.execute(self.users[who], fields | more)
        except Refusal:
            return {}
        finally:
            self.take()

    def cancel_all(self, who: int) -> None:
        self.exchange.cancel_all(self.users[who], SOL)
        self.take()

    def play(self, step: tuple[Any, ...]) -> None:
        getattr(self, step[0])(*step[1:])


Sides = dict[str, dict[Decimal, Decimal]]


def read(depth: Json) -> Sides:
    """A snapshot of REST: prices and quantities as numbers."""
    return {
        side: {Decimal(price): Decimal(quantity) for price, quantity in depth[name]}
        for side, name in (("b", "bids"), ("a", "asks"))
    }


def follow(snapshot: Json, frames: Sequence[Json], whole: bool = True) -> tuple[Sides, int]:
    """The book after the frames, and its last id. ``whole``: no id may be missing."""
    book, last = read(snapshot), int(snapshot["lastUpdateId"])
    for frame in frames:
        if whole:
            assert frame["U"] == last + 1 <= frame["u"]
        last = frame["u"]
        for side in "ab":
            prices = [Decimal(price) for price, _ in frame[side]]
            assert prices == sorted(set(prices))
            for price, quantity in zip(prices, frame[side], strict=True):
                book[side][price] = Decimal(quantity[1])
                if not book[side][price]:
                    del book[side][price]
    return book, last


def best(book: Sides) -> dict[str, Decimal | None]:
    bid, ask = max(book["b"], default=None), min(book["a"], default=None)
    return {
        "b": bid, "B": None if bid is None else book["b"][bid],
        "a": ask, "A": None if ask is None else book["a"][ask],
    }  # fmt: skip


def numbers(ticker: Json) -> dict[str, Decimal | None]:
    return {name: ticker[name] and Decimal(ticker[name]) for name in "bBaA"}


# What users do. Prices are near 170.74, where SOL is at the start.
orders = st.tuples(
    st.just("order"), st.integers(0, 1), st.sampled_from(["Bid", "Ask"]),
    st.none() | st.integers(17_040, 17_110), st.integers(1, 6_000),
)  # fmt: skip
waits = st.tuples(st.just("advance"), st.integers(1, 20 * SECOND))
cancels = st.tuples(st.just("cancel_all"), st.integers(0, 1))
days = st.lists(st.one_of(orders, orders, waits, waits, cancels), min_size=1, max_size=25)


@settings(max_examples=examples(25))
@given(days)
def test_the_streams_show_what_rest_shows_at_every_moment(day: list[tuple[Any, ...]]) -> None:
    room = Room(streams(SOL))
    for step in day:
        room.play(step)
        shown = room.exchange.depth(SOL)
        assert room.take() == []  # REST has nothing that the streams do not have
        book, last = follow(room.snapshots[SOL], room.of(f"depth.{SOL}"))
        assert (book, last) == (read(shown), int(shown["lastUpdateId"]))
        if tickers := room.of(f"bookTicker.{SOL}"):
            assert numbers(tickers[-1]) == best(book)
    assert all(frame["U"] == frame["u"] for frame in room.of(f"depth.{SOL}"))
    check_tickers(room)
    check_windows(room)
    check_trades(room)


def check_tickers(room: Room) -> None:
    """One after each change of a best price or its quantity, and no other."""
    book, expected = read(room.snapshots[SOL]), []
    for frame in room.of(f"depth.{SOL}"):
        before = best(book)
        for side in "ab":
            for price, quantity in frame[side]:
                book[side][Decimal(price)] = Decimal(quantity)
            book[side] = {price: quantity for price, quantity in book[side].items() if quantity}
        if best(book) != before:
            expected.append((frame["u"], frame["T"], best(book)))
    tickers = room.of(f"bookTicker.{SOL}")
    assert [(one["u"], one["T"], numbers(one)) for one in tickers] == expected


def check_windows(room: Room) -> None:
    """One for each window with a change: its ids, its last time, and what it leads to."""
    for name, width in WINDOWS.items():
        windows = defaultdict(list)
        for frame in room.of(f"depth.{SOL}"):
            if frame["T"] // width < room.exchange.now_us // width:
                windows[frame["T"] // width].append(frame)
        found = room.of(f"depth.{name}.{SOL}")
        expected = [(rows[0]["U"], rows[-1]["u"], rows[-1]["T"]) for rows in windows.values()]
        assert [(one["U"], one["u"], one["T"]) for one in found] == expected
        single = [frame for rows in windows.values() for frame in rows]
        assert follow(room.snapshots[SOL], found) == follow(room.snapshots[SOL], single)


def check_trades(room: Room) -> None:
    """The streams, REST and the fills agree, and no id is missing."""
    sent = room.of(f"trade.{SOL}")
    rest = PUBLIC["get_recent_trades"](room.exchange, {"symbol": SOL, "limit": 1000})
    since = [row for row in rest[::-1] if not sent or row["id"] >= sent[0]["t"]]
    if sent:
        assert [row["id"] for row in since] == [frame["t"] for frame in sent]
        assert [frame["t"] for frame in sent] == list(range(sent[0]["t"], sent[-1]["t"] + 1))
    for row, frame in zip(since, sent, strict=False):
        assert (row["isBuyerMaker"], row["timestamp"]) == (frame["m"], frame["T"] // 1_000)
        assert Decimal(row["price"]) == Decimal(frame["p"])
        assert Decimal(row["quantity"]) == Decimal(frame["q"])
    by_id = {frame["t"]: frame for frame in sent}
    for user in room.users:
        for fill in room.exchange.fills(user):
            frame = by_id[fill["tradeId"]]
            assert frame["b" if fill["side"] == "Bid" else "a"] == fill["orderId"]
            assert (fill["side"] == "Bid") == (frame["m"] == fill["isMaker"])
            assert Decimal(fill["price"]) == Decimal(frame["p"])


@settings(max_examples=examples(15))
@given(days, st.randoms(use_true_random=False))
def test_it_does_not_matter_how_time_is_cut(day: list[tuple[Any, ...]], chance: Any) -> None:
    """The same frames in the same order; and without followers, the same book, ids and fills."""
    whole, cut, alone = Room(streams(SOL, BTC)), Room(streams(SOL, BTC)), Room()
    for step in day:
        whole.play(step)
        alone.play(step)
        if step[0] != "advance":
            cut.play(step)
            continue
        edges = sorted(chance.randint(0, step[1]) for _ in range(chance.randint(1, 6)))
        for start, end in zip([0, *edges], [*edges, step[1]], strict=True):
            cut.advance(end - start)
    assert cut.frames == whole.frames
    for other in (cut, alone):
        assert other.exchange.depth(SOL) == whole.exchange.depth(SOL)
        for mine, its in zip(whole.users, other.users, strict=True):
            assert other.exchange.fills(its) == whole.exchange.fills(mine)
            assert order_history(other.exchange, its) == order_history(whole.exchange, mine)
    assert alone.frames == []


def test_events_are_in_the_order_of_time() -> None:
    """At one time the market's own trade comes before the book that it leaves."""
    room = Room(streams(SOL, BTC))
    room.advance(30 * SECOND)
    single = [frame for frame in room.frames if frame.stream.count(".") == 1]
    times = [frame.data["T"] for frame in single]
    assert times == sorted(times)
    ranks = [(frame.data["T"], frame.data["e"] != "trade") for frame in single]
    assert ranks == sorted(ranks)
    own = FEEDS[SOL].own_trades(START_US, START_US + 30 * SECOND)
    assert len(room.of(f"trade.{SOL}")) == len(own)


def test_what_a_user_takes_stays_taken_until_the_next_trade() -> None:
    room = Room([f"depth.{SOL}"])
    ask, quantity = room.snapshots[SOL]["asks"][0]
    [trade, *_] = FEEDS[SOL].own_trades(START_US, START_US + MINUTE)
    room.order(0, "Bid", None, int(Decimal(quantity) * 100))
    assert [[row[1] for row in frame["a"]] for frame in room.of(f"depth.{SOL}")] == [["0.00"]]
    room.advance(trade.time_us - 1 - START_US)
    assert room.exchange.depth(SOL)["asks"][0][0] > ask
    room.advance(1)
    bids, asks = FEEDS[SOL].levels(trade.time_us)
    shown = read(room.exchange.depth(SOL))
    for side, levels in (("b", bids), ("a", asks)):
        assert shown[side] == {Decimal(p) / 100: Decimal(q) / 100 for p, q in levels}


def test_an_order_that_a_trade_fills_is_filled_at_its_time() -> None:
    """First the market's trade, then the book, then the fill and the book after it."""
    for steps in ([5 * MINUTE // 6] * 6, [7 * SECOND] * 43):
        room = Room([f"depth.{SOL}", f"trade.{SOL}"])
        order = room.order(0, "Bid", 17_050, 100)
        room.frames.clear()
        for step in steps:
            room.advance(step)
        [fill] = room.exchange.fills(room.users[0])
        [place] = [
            place for place, one in enumerate(room.frames) if one.data.get("b") == order["id"]
        ]
        kinds = [frame.data["e"] for frame in room.frames[place - 2 : place + 2]]
        assert kinds == ["trade", "depth", "trade", "depth"]
        own = room.frames[place - 2].data
        assert {frame.data["T"] for frame in room.frames[place - 2 : place + 2]} == {own["T"]}
        assert Decimal(own["p"]) <= Decimal("170.50")
        assert own["t"] + 1 == room.frames[place].data["t"] == fill["tradeId"]


def test_what_is_due_at_a_time_comes_after_the_events_of_that_time() -> None:
    room = Room([f"ticker.{SOL}"])
    room.exchange.publisher.begin(START_US + 548_000)
    room.exchange.publisher.until(START_US + 548_000)
    assert room.take() == []
    room.exchange.publisher.finish()
    assert [frame.data["e"] for frame in room.take()] == ["ticker"]


def test_what_is_due_at_the_end_of_a_step_is_part_of_it() -> None:
    room = Room([f"ticker.{SOL}"])
    for span_us, count in ((548_000 - 1, 0), (1, 1), (SECOND - 1, 1), (1, 2)):
        room.advance(span_us)
        assert len(room.frames) == count


def test_funding_comes_after_the_book_of_its_time() -> None:
    perp = "SOL_USDC_PERP"
    room = Room()
    order = {"symbol": perp, "side": "Bid", "orderType": "Market", "quantity": "10"}
    room.exchange.execute(room.users[0], order)
    room.advance(HOUR - 5 * SECOND)
    balance = "account.balanceUpdate"
    room.exchange.outbox.wanted = {(f"depth.{perp}", None), (balance, "ann")}
    room.advance(8 * SECOND)
    times = [frame.data["T"] for frame in room.frames]
    assert times == sorted(times) and times[-1] > START_US + HOUR
    assert START_US + HOUR in [frame["T"] for frame in room.of(balance)]


# Steps of more than a minute


def test_a_long_step_publishes_the_book_once_a_minute() -> None:
    room = Room(streams(SOL))
    room.order(0, "Bid", 17_050, 100)
    frames = room.of(f"depth.{SOL}")
    assert len(frames) == 1
    room.advance(10 * MINUTE + 30 * SECOND)
    shown = room.exchange.depth(SOL)
    assert room.take() == []
    book, last = follow(room.snapshots[SOL], room.of(f"depth.{SOL}"))
    assert (book, last) == (read(shown), int(shown["lastUpdateId"]))
    [fill] = room.users[0].fills
    times = [frame["T"] for frame in room.of(f"depth.{SOL}")[1:]]
    minutes = [START_US + number * MINUTE for number in range(1, 11)]
    end = START_US + 10 * MINUTE + 30 * SECOND
    assert times == sorted([*minutes, fill.time_us, fill.time_us, end])
    jumps = [frame for frame in room.of(f"depth.{SOL}") if frame["T"] in minutes]
    assert all(frame["U"] < frame["u"] for frame in jumps)
    check_tickers(room)
    check_windows(room)
    check_trades(room)
    trades = room.of(f"trade.{SOL}")
    assert len(trades) == 1 + len(FEEDS[SOL].own_trades(START_US, end))


def test_a_step_of_more_than_a_day_publishes_the_book_once_an_hour() -> None:
    room = Room([f"depth.{SOL}"])
    day = 24 * 60 * MINUTE
    room.advance(day + MINUTE)
    hours = [START_US + number * 60 * MINUTE for number in range(1, 25)]
    assert [frame["T"] for frame in room.of(f"depth.{SOL}")] == [*hours, START_US + day + MINUTE]
    shown = room.exchange.depth(SOL)
    book, last = follow(room.snapshots[SOL], room.of(f"depth.{SOL}"))
    assert (book, last) == (read(shown), int(shown["lastUpdateId"]))


def test_a_step_of_a_minute_is_not_long() -> None:
    room = Room([f"depth.{SOL}"])
    room.advance(MINUTE)
    assert len(room.of(f"depth.{SOL}")) == len(FEEDS[SOL].book_times(START_US, START_US + MINUTE))


# What nobody wants


def test_nothing_is_made_that_nobody_wants(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise AssertionError("nobody wants it")

    monkeypatch.setattr(PriceFeed, "own_trades", never)
    monkeypatch.setattr(PriceFeed, "book_times", never)
    room = Room()
    room.order(0, "Bid", 17_000, 100)
    room.advance(HOUR)
    assert room.frames == []
    monkeypatch.undo()
    room.exchange.outbox.wanted = {(f"bookTicker.{BTC}", None)}
    room.advance(10 * SECOND)
    assert {frame.stream for frame in room.frames} == {f"bookTicker.{BTC}"}


def test_a_late_subscriber_starts_with_the_next_change() -> None:
    """Between two of its subscriptions the book moves on, and the first id says so."""
    room = Room()
    room.order(0, "Bid", 17_000, 100)
    room.advance(HOUR)
    snapshot = room.exchange.depth(SOL)
    room.exchange.outbox.wanted = {(f"depth.{SOL}", None), (f"depth.600ms.{SOL}", None)}
    room.advance(10 * SECOND)
    for stream in (f"depth.{SOL}", f"depth.600ms.{SOL}"):
        frames = room.of(stream)
        assert frames[0]["U"] == int(snapshot["lastUpdateId"]) + 1
        assert follow(snapshot, frames)[1] == frames[-1]["u"]


# Ids of orders


def test_ids_of_simulated_orders_rise_and_are_no_users() -> None:
    ids = [tuple(map(int, made_up_ids(number))) for number in range(11_225_184, 11_226_184)]
    takers = [taker for _, taker in ids]
    assert takers == sorted(set(takers)) and takers[-1] < 59_669_287_267
    assert all(0 < taker - maker <= 40 * 51 for maker, taker in ids)
    assert made_up_ids(11_225_184) == made_up_ids(11_225_184)


def test_a_trade_names_the_orders_of_both_sides() -> None:
    room = Room([f"trade.{SOL}"])
    sell = room.order(0, "Ask", 17_072, 100)  # between the best bid and the best ask
    buy = room.order(1, "Bid", 17_072, 100)
    [frame] = room.of(f"trade.{SOL}")
    assert (frame["a"], frame["b"], frame["m"]) == (sell["id"], buy["id"], False)
    assert (frame["p"], frame["q"], frame["T"]) == ("170.72", "1.00", START_US)
    market = room.order(1, "Ask", None, 100)
    frame = room.of(f"trade.{SOL}")[-1]
    assert (frame["a"], frame["m"]) == (market["id"], True)
    assert int(frame["b"]) < int(market["id"])
