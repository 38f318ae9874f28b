"""What a write is worth in USDC: by its own price, by the book, or by what is open.

Never knowingly too low. A market order is valued by the book as it is now: the market may move
until the order arrives. What cannot be valued raises GuardError. Pure, but for ``look``, which
reads what the exchange publishes, and what is the account's own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import ROUND_CEILING, Decimal
from typing import Any

from ..errors import BpkitError, GuardError, MissingKeyError, RateLimitError
from ..serialize import Fields

Look = Callable[[str, dict[str, Any]], Any]  # (name of a read, its fields) -> its answer
Level = tuple[Decimal, Decimal]  # (price, quantity) of a book

_NOTHING = Decimal(0)
_PERCENT = Decimal("0.01")
_FINEST = Decimal("0.00000001")  # of a quantity that comes of a division
_AMOUNT = re.compile(r"\d+\.?\d*|\.\d+", re.ASCII)
_LONGEST = 60  # characters of an amount: ``arming`` counts exactly up to there
_SIZES = ("netExposureNotional", "netExposureQuantity", "netQuantity")


class Appraiser:
    """What one request is worth, in USDC. What it looks up, it looks up once.

    ``name``: of the write; ``parts``: what it sends, a mapping for each order of a batch. Every
    method raises GuardError. RateLimitError and MissingKeyError of a look pass through as they are.
    """

    def __init__(self, name: str, parts: Sequence[Fields], look: Look) -> None:
        self._name, self._parts, self._look = name, parts, look
        self._answers: dict[tuple[str, str], Any] = {}
        self._sides: dict[tuple[str, bool], list[Level]] = {}
        self._bought: dict[str, Decimal] = {}

    def concerns(self, fields: Fields) -> list[str | None]:
        """The markets or assets that a part names, or that are looked up; None stands for all."""
        if self._name in _OF_REQUESTS:
            return [self._symbol(row["rfq"]) for row in self._requests(fields)]
        if self._name in _OF_VAULTS:
            return [self._asset_of_vault(fields)]
        if self._name in _OF_ALL or (self._name == "convert_dust" and "symbol" not in fields):
            return [None]
        return [] if self._name in _OF_NONE else [self._symbol(fields)]

    def nothing(self, fields: Fields) -> Decimal:
        """Takes back, or sets, or moves nothing that has a size of its own."""
        return _NOTHING

    def asset(self, fields: Fields) -> Decimal:
        """``quantity`` of the asset ``symbol``."""
        return self._number(fields, "quantity") * self._price_of(self._symbol(fields))

    def order(self, fields: Fields) -> Decimal:
        """An order, a strategy or a request for quotes.

        Stop-loss and take-profit prices that come with it do not count: they only undo the order.
        """
        unit, values = self._quote_unit(self._symbol(fields)), []
        if "quoteQuantity" in fields:
            values.append(self._number(fields, "quoteQuantity"))
        quantity, notional = self._size(fields)
        if quantity:
            values += [self._at_most(fields, quantity), notional]
        return self._largest(values) * unit

    def quote(self, fields: Fields) -> Decimal:
        """A quote for somebody's request: they choose the side, so the higher price counts."""
        [row, *others] = self._requests(fields)
        if others:
            raise self._unknown(f"get_open_rfqs shows rfqId={fields['rfqId']} more than once")
        return self._of_request(row, max(self._number(fields, one) for one in _QUOTED.values()))

    def acceptance(self, fields: Fields) -> Decimal:
        """A trade with one quote for one's own request."""
        found = []
        for row in self._requests(fields):
            with self._as_documented("get_open_rfqs"):
                quotes = [one for one in row["quotes"] if one["quoteId"] == fields.get("quoteId")]
                found += [(row, self._number(one, _QUOTED[row["rfq"]["side"]])) for one in quotes]
        if len(found) != 1:
            raise self._unknown(f"get_open_rfqs shows no one quote {fields.get('quoteId')!r}")
        return self._of_request(*found[0])

    def _requests(self, fields: Fields) -> list[Any]:
        """The open requests, with their quotes, that ``rfqId`` or ``clientId`` names."""
        by_own = "rfqId" not in fields and self._name != "submit_quote"  # whose own is its quote's
        name = "clientId" if by_own else "rfqId"
        if fields.get(name) is None:
            raise self._unknown(f"no {name} is named")
        rows = self._ask("get_open_rfqs", {name: fields[name]} if name == "rfqId" else {})
        with self._as_documented("get_open_rfqs"):
            found = [row for row in rows if row["rfq"].get(name) == fields[name]]
        if not found:
            raise self._unknown(f"get_open_rfqs shows none with {name}={fields[name]}")
        return found

    def _of_request(self, row: Any, price: Decimal) -> Decimal:
        with self._as_documented("get_open_rfqs"):
            request = {one: value for one, value in row["rfq"].items() if value is not None}
        values = [self._number(request, "quantity") * price] if "quantity" in request else []
        values += [self._number(request, "quoteQuantity")] if "quoteQuantity" in request else []
        return self._largest(values) * self._quote_unit(self._symbol(request))

    def _asset_of_vault(self, fields: Fields) -> str:
        """That which a vault is paid into and out in."""
        rows, number = self._ask("get_vaults", {}), fields.get("vaultId")
        with self._as_documented("get_vaults"):
            found = [row for row in rows if row["id"] == number]
        if len(found) != 1:
            raise self._unknown(f"get_vaults shows no one vault {number!r}")
        return self._symbol(found[0])

    def _size(self, fields: Fields) -> tuple[Decimal, Decimal]:
        """(quantity, notional) as far as they are named: zero for what is not.

        An order that waits for ``triggerPrice`` has ``triggerQuantity``: an amount, or a share of
        the position.
        """
        quantity = self._number(fields, "quantity") if "quantity" in fields else _NOTHING
        if "triggerPrice" not in fields and "triggerQuantity" not in fields:
            return quantity, _NOTHING
        given = str(fields.get("triggerQuantity"))
        if not given.endswith("%"):
            return max(quantity, self._number(fields, "triggerQuantity")), _NOTHING
        share = self._number({"triggerQuantity": given[:-1]}, "triggerQuantity") * _PERCENT
        notional, whole = self._position(self._symbol(fields))
        return max(quantity, share * whole), share * notional

    def _position(self, symbol: str) -> tuple[Decimal, Decimal]:
        """(notional, quantity), both without sign; of two quantities told, the larger."""
        rows = self._ask("get_positions", {"symbol": symbol})
        with self._as_documented("get_positions"):
            own = [row for row in rows if row["symbol"] == symbol]
            sizes = [{one: row[one].removeprefix("-") for one in _SIZES} for row in own]
        if len(sizes) != 1:
            raise self._unknown(f"get_positions shows no one position in {symbol}")
        notional, *quantities = (self._number(sizes[0], one, zero=True) for one in _SIZES)
        if not any(quantities):
            raise self._unknown(f"there is no position in {symbol}")
        return notional, max(quantities)

    def _at_most(self, fields: Fields, quantity: Decimal) -> Decimal:
        """What it may trade for as things stand, in the quote asset.

        A limit to buy is just that. A limit to sell is the lowest: it trades at the best bid where
        that is higher, or at what triggers it. A market order walks the book; one to buy that waits
        may find the book of now as well as one that begins at what triggers it.
        """
        buys, limited = self._buys(fields), _limited(fields)
        limit = self._number(fields, "price") if limited else _NOTHING
        if buys and limited:
            return quantity * limit
        waits = "triggerPrice" in fields
        trigger = self._number(fields, "triggerPrice") if waits else _NOTHING
        if buys:
            return max(quantity * trigger, self._by_book(fields, quantity))
        if not limited and not waits:
            return self._by_book(fields, quantity)
        levels = self._levels(fields)
        if not limited and not levels:
            raise self._unknown(f"the book of {fields['symbol']} is empty on that side")
        return quantity * max(limit, trigger, levels[0][0] if levels else _NOTHING)

    def _by_book(self, fields: Fields, quantity: Decimal) -> Decimal:
        """What the book would give or take for a quantity now, from its best price on.

        In which order a batch is carried out is not documented. So an order that buys is valued as
        if all others that buy there went first. One that sells finds no more than the best bids:
        what others sell before it only makes it smaller.
        """
        levels, start = self._levels(fields), _NOTHING
        if self._buys(fields):
            start = self._all_bought(self._symbol(fields)) - self._taken(fields)
        there = _held(levels)
        if start + quantity > there:
            first = f", of which other orders may take {start:f} first" if start else ""
            raise self._unknown(
                f"the book of {fields['symbol']} holds {there:f} on that side only{first}"
            )
        return _cost(levels, start + quantity) - _cost(levels, start)

    def _all_bought(self, symbol: str) -> Decimal:
        """What all parts together can take from the asks of a market."""
        if symbol not in self._bought:
            there = [part for part in self._parts if part.get("symbol") == symbol]
            taken = [self._taken(part) for part in there if self._buys(part)]
            self._bought[symbol] = sum(taken, _NOTHING)
        return self._bought[symbol]

    def _taken(self, fields: Fields) -> Decimal:
        """The most that an order to buy can take from the asks, as if it were the first: one that
        comes later finds dearer ones, and takes no more."""
        levels, (quantity, _) = self._levels(fields), self._size(fields)
        if _limited(fields):
            limit = self._number(fields, "price")
            quantity = min(quantity, _held([one for one in levels if one[0] <= limit]))
        if "quoteQuantity" not in fields:
            return quantity
        return max(quantity, _for_quote(levels, self._number(fields, "quoteQuantity")))

    def _buys(self, fields: Fields) -> bool:
        side = fields.get("side")
        if side not in ("Bid", "Ask"):
            raise self._unknown(f"side={side!r} is neither Bid nor Ask")
        return bool(side == "Bid")

    def _levels(self, fields: Fields) -> list[Level]:
        """(price, quantity) that the order meets, best first. The exchange lists bids worst first,
        so they are put in order here."""
        symbol, buys = self._symbol(fields), self._buys(fields)
        if (symbol, buys) not in self._sides:
            answer = self._ask("get_depth", {"symbol": symbol, "limit": 1000})
            with self._as_documented("get_depth"):
                rows = answer["asks" if buys else "bids"]
                named = [{"price": one[0], "size": one[1]} for one in rows]
            levels = [(self._number(one, "price"), self._number(one, "size")) for one in named]
            self._sides[symbol, buys] = sorted(levels, reverse=not buys)
        return self._sides[symbol, buys]

    def _quote_unit(self, symbol: object) -> Decimal:
        """What one of a market's quote asset is worth."""
        parts = _parts(symbol)
        if not parts:
            raise self._unknown(f"{symbol} is not BASE_QUOTE, BASE_QUOTE_PERP or BASE_QUOTE_RFQ")
        return self._price_of(parts[1])

    def _price_of(self, asset: str) -> Decimal:
        """Of one of an asset, in USDC: the last price."""
        if asset == "USDC":
            return Decimal(1)
        answer = self._ask("get_ticker", {"symbol": f"{asset}_USDC"})
        with self._as_documented("get_ticker"):
            last = {"lastPrice": answer["lastPrice"]}
        return self._number(last, "lastPrice")

    def _ask(self, name: str, fields: dict[str, Any]) -> Any:
        key = name, repr(fields)
        if key not in self._answers:
            try:
                self._answers[key] = self._look(name, fields)
            except (RateLimitError, MissingKeyError):
                raise  # they say what to do: wait, or name a key
            except BpkitError as error:
                raise self._unknown(str(error).rstrip(".")) from error
            except (ValueError, RecursionError) as error:
                raise self._unknown(f"the answer to {name} is no JSON") from error
        return self._answers[key]

    @contextmanager
    def _as_documented(self, name: str) -> Iterator[None]:
        try:
            yield
        except (AttributeError, IndexError, KeyError, TypeError, ValueError):
            raise self._unknown(f"{name} answered otherwise than documented") from None

    def _number(self, fields: Mapping[str, Any], name: str, *, zero: bool = False) -> Decimal:
        """The amount under a name: plain text above zero, such as "170.50". Nothing else is one."""
        value = fields.get(name)
        if not isinstance(value, str) or len(value) > _LONGEST or not _AMOUNT.fullmatch(value):
            raise self._unknown(f"{name}={value!r:.80} is no amount")
        number = Decimal(value)
        if not number and not zero:
            raise self._unknown(f"{name}={value!r} is not above zero")
        return number

    def _symbol(self, fields: Mapping[str, Any]) -> str:
        symbol = fields.get("symbol")
        if not isinstance(symbol, str) or not symbol:
            raise self._unknown("no symbol is named")
        return symbol

    def _largest(self, values: list[Decimal]) -> Decimal:
        if not values:
            raise self._unknown("no quantity is named")
        return max(values)

    def _unknown(self, reason: str) -> GuardError:
        valued = WORTH[self._name] is not Appraiser.nothing
        lacking = "valued, so no cap can hold it" if valued else "held to the symbols armed"
        return GuardError(f"{self._name} cannot be {lacking}: {reason}. Nothing was sent.")


# Writes that name no market or asset: where theirs is looked up, and what concerns all or none.
_OF_REQUESTS = ("submit_quote", "accept_quote", "refresh_rfq", "cancel_rfq")
_OF_VAULTS = ("vault_redeem", "vault_redeem_cancel")
_OF_ALL = ("update_account_settings", "create_withdrawal_delay", "update_withdrawal_delay")
_OF_NONE = ("issue_two_factor_token",)  # moves nothing: the withdrawal that it is for is held
_REDUCING = ("execute_order", "execute_order_batch", "strategy_create")  # they know reduceOnly
# Whose price the maker names for whoever asked: one who buys pays the maker's ask.
_QUOTED = {"Bid": "askPrice", "Ask": "bidPrice"}
WORTH: dict[str, Callable[[Appraiser, Fields], Decimal]] = {
    **dict.fromkeys(
        ("execute_order", "execute_order_batch", "strategy_create", "submit_rfq"),
        Appraiser.order),
    **dict.fromkeys(
        ("execute_borrow_lend", "vault_mint", "request_withdrawal"), Appraiser.asset),
    **dict.fromkeys(
        ("cancel_order", "cancel_open_orders", "cancel_strategy", "cancel_open_strategies",
         "refresh_rfq", "cancel_rfq", "update_account_settings", "convert_dust", "vault_redeem",
         "vault_redeem_cancel", "create_withdrawal_delay", "update_withdrawal_delay",
         "issue_two_factor_token"),
        Appraiser.nothing),
    "submit_quote": Appraiser.quote,
    "accept_quote": Appraiser.acceptance,
}  # fmt: skip


def _held(levels: list[Level]) -> Decimal:
    return sum((size for _, size in levels), _NOTHING)


def _cost(levels: list[Level], quantity: Decimal) -> Decimal:
    cost = _NOTHING
    for price, size in levels:
        cost += price * min(size, quantity)
        quantity -= min(size, quantity)
    return cost


def _for_quote(levels: list[Level], left: Decimal) -> Decimal:
    """How much of the base asset an amount of the quote asset buys, rounded up."""
    quantity = _NOTHING
    for price, size in levels:
        if price * size >= left:
            part = (left / price).quantize(_FINEST, rounding=ROUND_CEILING)
            return (quantity + part).normalize()
        quantity, left = quantity + size, left - price * size
    return quantity


def _limited(fields: Fields) -> bool:
    """Has it a price of its own?"""
    return "price" in fields and fields.get("orderType") != "Market"


def _parts(symbol: object) -> list[str]:
    """Base, quote and what follows; nothing for a symbol that says no quote asset for certain.

    What is sold short of a ``_PREDICTION`` may cost more than its price, so that is not valued.
    """
    parts = str(symbol).split("_")
    known = len(parts) == 2 or (len(parts) == 3 and parts[2] in ("PERP", "RFQ"))
    return parts if known and all(parts) else []


def closes(name: str, fields: Fields) -> bool:
    """Is it an order that can only make a position in a perpetual smaller?

    ``reduceOnly`` is documented as just that, "Futures only", for orders and strategies. On spot,
    and in an operation whose payload has no such field, it says nothing.
    """
    reduces = name in _REDUCING and fields.get("reduceOnly") is True
    return reduces and _parts(fields.get("symbol"))[2:] == ["PERP"]
