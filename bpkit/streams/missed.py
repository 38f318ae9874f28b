"""What a stream missed while the connection was lost: read it from REST, or say what to ask.

``Memory`` knows what has come, so it finds what is missing and drops what comes twice.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from . import names

if TYPE_CHECKING:
    from ..client import Client

MOST = 1000  # rows of an answer of REST
_KEYS = 10_000  # events by which a repeated one is recognised
OVERLAP_US = 2_000_000
_SHUT = {"Filled", "Cancelled", "Expired", "TriggerFailed"}
Raw = dict[str, Any]


class Memory:
    """What the streams have shown so far."""

    def __init__(self) -> None:
        self.now = 0  # the exchange's time, in Unix microseconds, of the newest event
        self.since = 0  # from when on events may be missing; set when the connection is back
        self.trade: dict[str, int] = {}  # stream -> the last trade's id
        self.candle: dict[str, datetime] = {}  # stream -> start of the last candle
        self.shut: dict[str, datetime] = {}  # stream -> start of the last candle that was closed
        self.orders: dict[str, tuple[Any, ...]] = {}  # open orders: id -> status, filled so far
        self.done: dict[str, tuple[Any, ...]] = {}  # the same of orders that are not open any more
        self.positions: dict[str, str] = {}  # open positions: symbol -> id
        self.balances: dict[str, tuple[Any, ...]] = {}
        self._keys: deque[Any] = deque()
        self._known: set[Any] = set()

    def jump(self, stream: str, raw: Raw) -> tuple[int, int] | None:
        """The first and the last id of the trades between the last one and this, if any."""
        last, this = self.trade.get(stream), raw.get("t")
        if last is None or not isinstance(this, int) or this <= last + 1:
            return None
        return last + 1, this - 1

    def note(self, stream: str, raw: Raw) -> bool:
        """Remember an event. False: it was there already."""
        kind = names.split(stream).type
        key = _key(kind, raw)
        if key in self._known or (kind in _NOTES and not _NOTES[kind](self, stream, raw)):
            return False
        when = raw.get("E")
        if isinstance(when, int) and when > self.now:
            self.now = when
        if key is not None:
            self._keys.append(key)
            self._known.add(key)
            if len(self._keys) > _KEYS:
                self._known.discard(self._keys.popleft())
        return True

    def dropped(self, stream: str) -> None:
        """Events of the stream were dropped: what is missing is known, and not looked for."""
        self.trade.pop(stream, None)

    def back(self) -> None:
        """The connection is back. What is filled in now is newer, and must not change ``since``.

        The streams are not in order of time among themselves, so an older event may be missing.
        """
        self.since = max(self.now - OVERLAP_US, 0)

    # Each of these remembers an event of its kind. False: it was there already.

    def _trade(self, stream: str, raw: Raw) -> bool:
        last, this = self.trade.get(stream), raw.get("t")
        if isinstance(this, int):
            if last is not None and this <= last:
                return False
            self.trade[stream] = this
        return True

    def _candle(self, stream: str, raw: Raw) -> bool:
        if isinstance(raw.get("t"), str):
            start, shut = names.iso(raw["t"]), self.shut.get(stream)
            if raw.get("X"):
                if shut is not None and start <= shut:
                    return False
                self.shut[stream] = start
            self.candle[stream] = start
        return True

    def _order(self, stream: str, raw: Raw) -> bool:
        name, status = str(raw.get("i")), raw.get("X")
        state = status, names.number(raw.get("z") or 0)
        if status in _SHUT:
            self.orders.pop(name, None)
            self.done[name] = state
            if len(self.done) > _KEYS:
                del self.done[next(iter(self.done))]
        elif status is not None:
            self.orders[name] = state
        return True

    def _position(self, stream: str, raw: Raw) -> bool:
        symbol = str(raw.get("s"))
        if raw.get("e") == "positionClosed":
            self.positions.pop(symbol, None)
        else:
            self.positions[symbol] = str(raw.get("i"))
        return True

    def _balance(self, stream: str, raw: Raw) -> bool:
        self.balances[str(raw.get("a"))] = _amounts(raw)
        return True


_NOTES: dict[str, Callable[[Memory, str, Raw], bool]] = {
    "trade": Memory._trade,
    "kline": Memory._candle,
    "account.orderUpdate": Memory._order,
    "account.positionUpdate": Memory._position,
    "account.balanceUpdate": Memory._balance,
}


def _key(kind: str, raw: Raw) -> Any:
    """What two deliveries of one event of the account have in common; None: nothing is known."""
    if not names.is_private(kind) or raw.get("T") is None:
        return None
    if kind == "account.orderUpdate" and raw.get("t") is not None:
        return kind, str(raw.get("i")), raw["t"]
    same = raw.get("i", raw.get("R", raw.get("a")))
    return kind, str(same), raw["T"], raw.get("e"), raw.get("A"), raw.get("L")


def _amounts(raw: Raw) -> tuple[Any, ...]:
    return tuple(names.number(raw.get(letter) or 0) for letter in "ALS")


# --- ask REST -------------------------------------------------------------------------------------


def missed(client: Client, memory: Memory, stream: str) -> list[Raw] | None:
    """The events that REST has of what the stream missed, oldest first. None: it cannot be known.

    Raises what the methods of a Client raise.
    """
    ask = _ASK.get(names.split(stream).type)
    raws = None if ask is None else ask(client, memory, stream)
    if raws is not None and memory.now:  # REST does not always say when
        raws = [{"E": memory.now, **raw} for raw in raws]
    return raws


def what_to_ask(stream: str) -> str:
    """What the user can do about what a stream missed and REST did not fill."""
    name = names.split(stream)
    symbol = repr(name.symbol) if name.symbol else ""
    if name.type in _INSTEAD:
        return f"Ask {_INSTEAD[name.type].format(symbol)}."
    if names.keeps_newest(stream):
        return "Its next event has the newest values."
    return "No answer of REST has them."


_INSTEAD = {
    "trade": "bp.get_historical_trades({})",
    "depth": "bp.get_depth({})",
    "kline": 'bp.get_klines({}, interval, start_time="...")',
    "account.orderUpdate": "bp.get_open_orders({0}), bp.get_order_history({0}), bp.get_fills({0})",
    "account.positionUpdate": "bp.get_positions({})",
    "account.balanceUpdate": "bp.get_balances()",
    "account.rfqUpdate": "bp.get_open_rfqs()",
}


def _trades(client: Client, memory: Memory, stream: str) -> list[Raw] | None:
    last = memory.trade.get(stream)
    if last is None:
        return None
    symbol = names.split(stream).symbol
    rows = client.get_recent_trades(symbol, limit=MOST)
    new = sorted((row for row in rows if row["id"] > last), key=lambda row: row["id"])
    return [
        names.as_raw("trade", {**row, "symbol": symbol, "tradeId": row["id"]})
        | {"T": row["timestamp"] * 1000}
        for row in new
    ]


def _candles(client: Client, memory: Memory, stream: str) -> list[Raw] | None:
    """The candles that were closed. The last one of the answer may still run."""
    last = memory.candle.get(stream)
    if last is None:
        return None
    name = names.split(stream)
    rows = client.get_klines(name.symbol, name.option, start_time=last)  # type: ignore[arg-type]
    if len(rows) >= MOST:
        return None  # there may be more
    shut = memory.shut.get(stream)
    return [
        names.as_raw("kline", {**row, "symbol": name.symbol, "isClosed": True})
        | {"E": names.to_micros(names.iso(row["end"]))}
        for row in rows[:-1]
        if shut is None or names.iso(row["start"]) > shut
    ]


def _orders(client: Client, memory: Memory, stream: str) -> list[Raw] | None:
    """The fills, and then the state of each order that has changed.

    Known are the orders that the stream has shown, those with a fill, and the new ones.
    """
    if not memory.since:
        return None
    since = names.micros(memory.since)
    symbol = names.split(stream).symbol or None
    fills = client.get_fills(symbol, from_=memory.since // 1000, limit=MOST)[::-1]
    if len(fills) == MOST:
        return None  # there may be more
    past = {row["id"]: row for row in client.get_order_history(symbol, limit=100)[::-1]}
    still = {row["id"]: row for row in client.get_open_orders(symbol)}
    ids = dict.fromkeys([*memory.orders, *(str(row["orderId"]) for row in fills)])
    ids |= dict.fromkeys(one for one, row in (past | still).items() if _created(row) >= since)
    raws = [_fill(row) for row in fills]
    for one in ids:
        row = still.get(one) or past.get(one)
        if row is None:
            row = next(iter(client.get_order_history(order_id=one)), None)
        if row is not None and _state(row) != (memory.orders.get(one) or memory.done.get(one)):
            raws.append(names.as_raw("account.orderUpdate", {**row, "orderId": row["id"]}))
    return raws


def _fill(row: Mapping[str, Any]) -> Raw:
    named = {name: row.get(name) for name in ("symbol", "side", "orderId", "clientId", "tradeId")}
    named |= {name: row.get(name) for name in ("fee", "feeSymbol", "isMaker")}
    named |= {"fillPrice": row.get("price"), "fillQuantity": row.get("quantity")}
    when = {"T": names.to_micros(names.iso(row["timestamp"]))}
    return names.as_raw("account.orderUpdate", named) | {"e": "orderFill"} | when


def _created(row: Mapping[str, Any]) -> datetime:
    """When an order was made: open orders have milliseconds, the history has a text."""
    made = row["createdAt"]
    return names.iso(made) if isinstance(made, str) else names.millis(made)


def _state(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return row.get("status"), names.number(row.get("executedQuantity") or 0)


def _positions(client: Client, memory: Memory, stream: str) -> list[Raw]:
    """Those that were closed. The open ones come by themselves when the stream is subscribed."""
    symbol = names.split(stream).symbol or None
    still = {row["symbol"] for row in client.get_positions(symbol)}
    gone = [one for one in memory.positions if one not in still]
    return [{"e": "positionClosed", "s": one, "i": memory.positions[one], "q": "0"} for one in gone]


def _balances(client: Client, memory: Memory, stream: str) -> list[Raw]:
    """Those that differ from what the stream has shown."""
    raws = [
        names.as_raw("account.balanceUpdate", {**row, "symbol": asset})
        for asset, row in client.get_balances().items()
    ]
    return [raw for raw in raws if _amounts(raw) != memory.balances.get(raw["a"])]


_ASK: dict[str, Callable[[Client, Memory, str], list[Raw] | None]] = {
    "trade": _trades,
    "kline": _candles,
    "account.orderUpdate": _orders,
    "account.positionUpdate": _positions,
    "account.balanceUpdate": _balances,
}
