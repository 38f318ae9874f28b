"""Make the data of stream events, as the exchange's WebSocket sends them.

The keys of each dict are in the order of the wire: sorted by byte, except those of a candle. Times
are int microseconds: ``T`` of the engine, ``E`` of the emission. How a number is spelled depends on
the stream: padded to the decimals of the tick and the step (depth, bookTicker, trade, liquidation,
orderUpdate), or without trailing zeros, as in REST (all others).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal

from ..formatting import iso, plain
from ..simulation.candles import Candle
from ..simulation.market import Market
from ..simulation.synthetic import Trade
from .book import Side
from .ledger import EXACT, Balances, exact
from .orders import CONVERSION, LIQUIDATION, EngineOrder, OrderFill
from .outbox import Data
from .positions import EnginePosition, fraction

Level = tuple[int, int]  # ticks, steps

EMISSION_US = 1_000  # from the engine's time of an event to its emission
ORIGINS = {
    None: "USER",
    LIQUIDATION: "LIQUIDATION_AUTOCLOSE",
    CONVERSION: "COLLATERAL_CONVERSION",
}
# Letters of the conditions of an order. The prices are padded; a quantity may be "80%".
CONDITION_PRICES = {
    "P": "triggerPrice", "a": "takeProfitTriggerPrice", "b": "stopLossTriggerPrice",
    "j": "takeProfitLimitPrice", "k": "stopLossLimitPrice",
}  # fmt: skip
CONDITION_TEXTS = {
    "B": "triggerBy", "Y": "triggerQuantity", "d": "takeProfitTriggerBy", "g": "stopLossTriggerBy",
}  # fmt: skip

# Public streams


def depth(
    market: Market,
    first: int,
    last: int,
    bids: Iterable[Level],
    asks: Iterable[Level],
    time_us: int,
) -> Data:
    """``depth``: the levels that changed, with their whole quantity now; 0 removes a level.

    ``first`` and ``last``: the ids of the first and the last change that the event contains.
    """
    return {
        "E": time_us + EMISSION_US,
        "T": time_us,
        "U": first,
        "a": [[_price(market, ticks), _quantity(market, steps)] for ticks, steps in asks],
        "b": [[_price(market, ticks), _quantity(market, steps)] for ticks, steps in bids],
        "e": "depth",
        "s": market.symbol,
        "u": last,
    }


def book_ticker(
    market: Market, bid: Level | None, ask: Level | None, last: int, time_us: int
) -> Data:
    """``bookTicker``: the best bid and ask. None: that side is empty."""
    return {
        "A": None if ask is None else _quantity(market, ask[1]),
        "B": None if bid is None else _quantity(market, bid[1]),
        "E": time_us + EMISSION_US,
        "T": time_us,
        "a": None if ask is None else _price(market, ask[0]),
        "b": None if bid is None else _price(market, bid[0]),
        "e": "bookTicker",
        "s": market.symbol,
        "u": last,
    }


def trade(market: Market, trade: Trade, buyer_id: str, seller_id: str, time_us: int) -> Data:
    """``trade``, with the ids of both orders."""
    return {
        "E": time_us + EMISSION_US,
        "T": time_us,
        "a": seller_id,
        "b": buyer_id,
        "e": "trade",
        "m": trade.buyer_is_maker,
        "p": _price(market, trade.price),
        "q": _quantity(market, trade.quantity),
        "s": market.symbol,
        "t": trade.id,
    }


def kline(market: Market, candle: Candle, closed: bool, time_us: int) -> Data:
    """``kline``: a candle up to now. Its four prices are None if it has no trade. The keys are
    not sorted: ``E``, ``e`` and ``s`` come first."""
    return {
        "E": time_us + EMISSION_US,
        "e": "kline",
        "s": market.symbol,
        "T": iso(candle.end_us, 0),
        "X": closed,
        "c": _plain_price(market, candle.close),
        "h": _plain_price(market, candle.high),
        "l": _plain_price(market, candle.low),
        "n": candle.trades,
        "o": _plain_price(market, candle.open),
        "t": iso(candle.start_us, 0),
        "v": plain(EXACT.multiply(market.step, candle.volume)),
    }


def ticker(market: Market, day: Candle, time_us: int) -> Data:
    """``ticker``: the last day as one candle."""
    return {
        "E": time_us + EMISSION_US,
        "V": plain(_notional(market, day.quote_volume)),
        "c": _plain_price(market, day.close),
        "e": "ticker",
        "h": _plain_price(market, day.high),
        "l": _plain_price(market, day.low),
        "n": day.trades,
        "o": _plain_price(market, day.open),
        "s": market.symbol,
        "v": plain(EXACT.multiply(market.step, day.volume)),
    }


def mark_price(
    market: Market, mark: Decimal, index: Decimal, rate: Decimal, next_funding_us: int, time_us: int
) -> Data:
    """``markPrice``: mark and index price, and the funding rate of the interval that is running.

    ``n``: its end, in milliseconds.
    """
    return {
        "E": time_us + EMISSION_US,
        "T": time_us,
        "e": "markPrice",
        "f": plain(rate),
        "i": plain(index),
        "n": next_funding_us // 1_000,
        "p": plain(mark),
        "s": market.symbol,
    }


def open_interest(market: Market, steps: int, time_us: int) -> Data:
    """``openInterest``, in the base asset."""
    return {
        "E": time_us + EMISSION_US,
        "e": "openInterest",
        "o": plain(EXACT.multiply(market.step, steps)),
        "s": market.symbol,
    }


def liquidation(market: Market, side: Side, price: int, quantity: int, time_us: int) -> Data:
    """``liquidation``: a fill of a liquidation order. ``side``: of that order."""
    return {
        "E": time_us + EMISSION_US,
        "S": side,
        "T": time_us,
        "e": "liquidation",
        "p": _price(market, price),
        "q": _quantity(market, quantity),
        "s": market.symbol,
    }


# Private streams


def order(order: EngineOrder, event: str, time_us: int, fill: OrderFill | None = None) -> Data:
    """``orderUpdate``: an order after an event. ``fill``: the trade of an ``orderFill``.

    ``triggerPlaced`` has no ``T``, and a conditional order no ``y``, as in the one recorded sample.
    """
    request, market = order.request, order.request.market
    data = _conditions(order) | {
        "E": time_us + EMISSION_US,
        "O": ORIGINS[request.system],
        "Q": _quote_quantity(order),
        "S": request.side,
        "V": request.prevention,
        "X": order.status,
        "Z": format(_notional(market, order.executed_quote), "f") if order.executed else "0",
        "e": event,
        "f": request.time_in_force,
        "i": order.id,
        "o": request.kind.upper(),
        "r": request.reduce_only is True,
        "s": market.symbol,
        "t": None,
        "z": _quantity(market, order.executed) if order.executed else "0",
    }
    if event != "triggerPlaced":
        data["T"] = time_us
    if request.quantity is not None:
        data["q"] = _quantity(market, request.quantity) if request.quantity else "0"
    if request.price is not None:
        data["p"] = _price(market, request.price)
        data |= {} if request.conditional else {"y": request.post_only}
    strategy = None if request.strategy is None else int(request.strategy)
    optional = {"H": strategy, "I": order.related, "R": reason(order.expiry)}
    optional["c"] = request.client_id
    data |= {letter: value for letter, value in optional.items() if value is not None}
    if fill is not None:
        data |= _fill(fill)
    return dict(sorted(data.items()))


def reason(expiry: str | None) -> str | None:
    """An expiry reason of REST in the spelling of the stream: ``ImmediateOrCancel`` ->
    ``IMMEDIATE_OR_CANCEL``. The one that is documented is ``PRICE_BAND``."""
    if expiry is None:
        return None
    if expiry == "PriceOutOfBounds":
        return "PRICE_BAND"
    return re.sub(r"(?<!^)(?=[A-Z])", "_", expiry).upper()


def position(
    position: EnginePosition, mark: Decimal, exposure: int, time_us: int, event: str | None = None
) -> Data:
    """``positionUpdate``. ``exposure``: steps, with open orders. ``event`` None: the state that a
    new subscriber gets, without ``e``. A closed position has the price when it was closed."""
    market = position.market
    if position.closed_us is not None:
        mark, exposure = position.mark, 0
    with exact():
        notional = market.quantity(exposure) * mark
        held = abs(position.quantity * mark)
    data = {
        "B": plain(position.entry()),
        "E": time_us + EMISSION_US,
        "M": plain(mark),
        "P": plain(position.unrealised(mark)),
        "Q": _quantity(market, exposure),
        "T": time_us,
        "b": plain(position.break_even()),
        "e": event,
        "f": plain(fraction(market.raw["imfFunction"], notional)),
        "i": int(position.id),
        "l": "0",
        "m": plain(fraction(market.raw["mmfFunction"], held)),
        "n": plain(notional),
        "p": plain(position.settled),
        "q": _quantity(market, position.steps),
        "s": market.symbol,
    }
    if event is None:
        del data["e"]
    return data


def balance(balances: Balances, asset: str, time_us: int) -> Data:
    """``balanceUpdate``: what is available, locked and staked of an asset now."""
    return {
        "A": plain(balances.available(asset)),
        "E": time_us + EMISSION_US,
        "L": plain(balances.locked(asset)),
        "S": "0",
        "T": time_us,
        "a": asset,
        "e": "balanceUpdate",
    }


# Parts


def _price(market: Market, ticks: int) -> str:
    """With the decimals of the tick: ``98.90``."""
    return format(EXACT.multiply(market.tick, ticks), "f")


def _quantity(market: Market, steps: int) -> str:
    """With the decimals of the step; 0 too: ``0.00``."""
    return format(EXACT.multiply(market.step, steps), "f")


def _plain_price(market: Market, ticks: int | None) -> str | None:
    return None if ticks is None else plain(EXACT.multiply(market.tick, ticks))


def _notional(market: Market, tick_steps: int) -> Decimal:
    """With the decimals of the tick and the step together."""
    return EXACT.multiply(EXACT.multiply(market.tick, market.step), tick_steps)


def _quote_quantity(order: EngineOrder) -> str:
    """``Q``: price times quantity of a limit order; of a market order what it pays or receives,
    with at least the decimals of the tick."""
    request, market = order.request, order.request.market
    if request.conditional:
        return "0"
    if request.price is not None and request.quantity is not None:
        return format(_notional(market, request.price * request.quantity), "f")
    amount = request.quote_quantity
    with exact():
        if amount is None:
            amount = order.quoted()
        return format(amount + market.tick * 0, "f")


def _conditions(order: EngineOrder) -> Data:
    conditions, market = order.request.conditions, order.request.market
    with exact():
        prices = {
            letter: format(Decimal(conditions[name]) + market.tick * 0, "f")
            for letter, name in CONDITION_PRICES.items()
            if name in conditions
        }
    texts = {
        letter: conditions[name] for letter, name in CONDITION_TEXTS.items() if name in conditions
    }
    return prices | texts


def _fill(fill: OrderFill) -> Data:
    market = fill.order.request.market
    return {
        "L": _price(market, fill.price),
        "N": fill.fee_symbol,
        "l": _quantity(market, fill.quantity),
        "m": fill.is_maker,
        "n": plain(fill.fee),
        "t": fill.trade_id,
    }
