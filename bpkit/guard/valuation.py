"""Estimate the value of a write in USDC, from its price, the order book or the open position.

If in doubt, the estimate is too high. But a market order is valued with the order book as it is
now: the market may move before the order arrives. What cannot be valued raises GuardError. Pure,
except for ``read``, which asks the exchange.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

from ..errors import BpkitError, GuardError, MissingKeyError, RateLimitError
from ..serialize import Fields

Reader = Callable[[str, dict[str, Any]], Any]  # (name of a read, its fields) -> its answer
Level = tuple[Decimal, Decimal]  # (price, quantity)

_ZERO = Decimal(0)
_AMOUNT = re.compile(r"\d+\.?\d*|\.\d+", re.ASCII)
_LONGEST = 60  # characters of an amount: ``limits`` counts exactly up to there
_SIZES = ("netExposureNotional", "netExposureQuantity", "netQuantity")


class Valuation:
    """The value of each part of one request, in USDC. What it needs, it reads once.

    ``name``: the write operation. ``parts``: the fields of each order of a batch, or of the one
    request. Every method raises GuardError. RateLimitError and MissingKeyError of a read pass
    through.
    """

    def __init__(self, name: str, parts: Sequence[Fields], read: Reader) -> None:
        self._name, self._parts, self._reader = name, parts, read
        self._answers: dict[tuple[str, str], Any] = {}
        self._sides: dict[tuple[str, str], list[Level]] = {}
        self._bought: dict[str, Decimal] = {}

    def nothing(self, fields: Fields) -> Decimal:
        """Cancels, settings and redemptions count nothing."""
        return _ZERO

    def asset(self, fields: Fields) -> Decimal:
        """``quantity`` of the asset ``symbol``."""
        return self._number(fields, "quantity") * self._price_of(str(fields["symbol"]))

    def order(self, fields: Fields) -> Decimal:
        """An order, a strategy or a request for quotes.

        The stop-loss and take-profit prices of an order do not count: they only undo it.
        """
        symbol, values = str(fields["symbol"]), []
        quote = _split_symbol(symbol)[1:2]
        if not quote:
            raise self._unknown(f"{symbol} is not BASE_QUOTE, BASE_QUOTE_PERP or BASE_QUOTE_RFQ")
        if "quoteQuantity" in fields:
            values.append(self._number(fields, "quoteQuantity"))
        quantity, notional = self._size(fields)
        if quantity:
            values += [self._highest_cost(fields, quantity), notional]
        if not values:
            raise self._unknown("no quantity is named")
        return max(values) * self._price_of(quote[0])

    def quote_price(self, fields: Fields) -> Decimal:
        """The last price of the quote asset of an order, in USDC. ``order`` has read it before."""
        return self._price_of(_split_symbol(str(fields["symbol"]))[1])

    def _size(self, fields: Fields) -> tuple[Decimal, Decimal]:
        """(quantity, notional); 0 for what the fields do not say.

        ``triggerQuantity`` is an amount, or a share of the open position such as "80%".
        """
        quantity = self._number(fields, "quantity") if "quantity" in fields else _ZERO
        if "triggerQuantity" not in fields:
            return quantity, _ZERO
        given = str(fields["triggerQuantity"])
        if not given.endswith("%"):
            return max(quantity, self._number(fields, "triggerQuantity")), _ZERO
        share = self._number({"triggerQuantity": given[:-1]}, "triggerQuantity") / 100
        notional, whole = self._position(str(fields["symbol"]))
        return max(quantity, share * whole), share * notional

    def _position(self, symbol: str) -> tuple[Decimal, Decimal]:
        """(notional, quantity) without sign; the larger one of the two quantities in the answer."""
        rows = self._read("get_positions", symbol)
        with self._as_documented("get_positions"):
            own = [row for row in rows if row["symbol"] == symbol]
            sizes = [{name: row[name].removeprefix("-") for name in _SIZES} for row in own]
        if len(sizes) != 1:
            raise self._unknown(f"get_positions shows no single position in {symbol}")
        notional, *quantities = (self._number(sizes[0], name, zero=True) for name in _SIZES)
        if not any(quantities):
            raise self._unknown(f"there is no open position in {symbol}")
        return notional, max(quantities)

    def _highest_cost(self, fields: Fields, quantity: Decimal) -> Decimal:
        """The most that a quantity may trade for, in the quote asset.

        A limit order to buy costs its limit at most. Every other order may trade at the market's
        price or at its trigger price; an order to sell gets the best bid if that is higher.
        """
        limit = self._number(fields, "price") if _has_limit(fields) else _ZERO
        trigger = self._number(fields, "triggerPrice") if "triggerPrice" in fields else _ZERO
        if _buys(fields):
            return quantity * (limit or max(trigger, self._worst_ask(fields, quantity)))
        bids = self._levels(fields, "bids")
        if not bids and not limit:
            raise self._unknown(f"the order book of {fields['symbol']} has no bids")
        return quantity * max(limit, trigger, bids[0][0] if bids else _ZERO)

    def _worst_ask(self, fields: Fields, quantity: Decimal) -> Decimal:
        """The worst price that an order to buy may reach in the order book.

        The exchange does not document in which order it carries out a batch. So all other orders
        of the batch that buy in this market count as carried out before.
        """
        left = quantity + self._all_bought(str(fields["symbol"])) - self._bought_by(fields)
        for price, size in self._levels(fields, "asks"):
            left -= size
            if left <= 0:
                return price
        batch = " for all orders of this batch" if len(self._parts) > 1 else ""
        raise self._unknown(f"the order book of {fields['symbol']} has too few asks{batch}")

    def _all_bought(self, symbol: str) -> Decimal:
        """The most that all parts together can take from the asks of a market."""
        if symbol not in self._bought:
            buys = [part for part in self._parts if part["symbol"] == symbol and _buys(part)]
            self._bought[symbol] = sum(map(self._bought_by, buys), _ZERO)
        return self._bought[symbol]

    def _bought_by(self, fields: Fields) -> Decimal:
        """The most that one order to buy can take from the asks."""
        asks, (quantity, _) = self._levels(fields, "asks"), self._size(fields)
        if _has_limit(fields):
            limit = self._number(fields, "price")
            quantity = min(quantity, sum((size for price, size in asks if price <= limit), _ZERO))
        if "quoteQuantity" in fields and asks:
            quantity = max(quantity, self._number(fields, "quoteQuantity") / asks[0][0])
        return quantity

    def _levels(self, fields: Fields, side: str) -> list[Level]:
        """One side of the order book, best price first. (The exchange lists bids worst first.)"""
        symbol = str(fields["symbol"])
        if (symbol, side) not in self._sides:
            answer = self._read("get_depth", symbol, limit=1000)
            with self._as_documented("get_depth"):
                rows = [{"price": row[0], "quantity": row[1]} for row in answer[side]]
            levels = [(self._number(row, "price"), self._number(row, "quantity")) for row in rows]
            self._sides[symbol, side] = sorted(levels, reverse=side == "bids")
        return self._sides[symbol, side]

    def _price_of(self, asset: str) -> Decimal:
        """The last price of one unit of an asset, in USDC."""
        if asset == "USDC":
            return Decimal(1)
        answer = self._read("get_ticker", f"{asset}_USDC")
        with self._as_documented("get_ticker"):
            last = {"lastPrice": answer["lastPrice"]}
        return self._number(last, "lastPrice")

    def _read(self, name: str, symbol: str, **more: int) -> Any:
        if (name, symbol) not in self._answers:
            try:
                self._answers[name, symbol] = self._reader(name, {"symbol": symbol, **more})
            except (RateLimitError, MissingKeyError):
                raise  # they say what to do: wait, or pass a key
            except BpkitError as error:
                raise self._unknown(str(error).rstrip(".")) from error
            except (ValueError, RecursionError) as error:
                raise self._unknown(f"the answer to {name} is not JSON") from error
        return self._answers[name, symbol]

    @contextmanager
    def _as_documented(self, name: str) -> Iterator[None]:
        try:
            yield
        except (AttributeError, IndexError, KeyError, TypeError):
            raise self._unknown(f"the answer to {name} is not as documented") from None

    def _number(self, fields: Mapping[str, Any], name: str, *, zero: bool = False) -> Decimal:
        """The amount under a name: plain text above zero, such as "170.50". Nothing else is one."""
        value = fields.get(name)
        if not isinstance(value, str) or len(value) > _LONGEST or not _AMOUNT.fullmatch(value):
            raise self._unknown(f"{name}={value!r:.80} is not an amount")
        number = Decimal(value)
        if not number and not zero:
            raise self._unknown(f"{name}={value!r} is not above zero")
        return number

    def _unknown(self, reason: str) -> GuardError:
        return GuardError(
            f"{self._name} cannot be valued, so no limit can hold it: {reason}. Nothing was sent."
        )


def _buys(fields: Fields) -> bool:
    return fields["side"] == "Bid"


def _has_limit(fields: Fields) -> bool:
    return "price" in fields and fields.get("orderType") != "Market"


def _split_symbol(symbol: str) -> list[str]:
    """[base, quote] or [base, quote, "PERP" or "RFQ"]; [] for a symbol with no certain quote asset.

    A ``_PREDICTION`` is not valued: what is sold short of it may cost more than its price.
    """
    parts = symbol.split("_")
    known = len(parts) == 2 or (len(parts) == 3 and parts[2] in ("PERP", "RFQ"))
    return parts if known and all(parts) else []


def only_reduces(fields: Fields) -> bool:
    """Can it only make a position in a perpetual smaller?

    ``reduceOnly`` is documented as "Futures only": on spot it says nothing.
    """
    perpetual = _split_symbol(str(fields.get("symbol")))[2:] == ["PERP"]
    return perpetual and fields.get("reduceOnly") is True
