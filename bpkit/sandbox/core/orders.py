"""Orders, fills and accounts of the engine, and the JSON that shows them.

There are three shapes: the answer to an order (also used for open orders), a row of the order
history, and a fill. A field that does not apply is None.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from decimal import Decimal
from functools import lru_cache
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from ..formatting import iso, plain
from ..simulation.market import Market
from ..undo import Undoable, UndoDict, UndoList, UndoTable, fresh
from .book import Side
from .ledger import EXACT, ZERO, Balances, exact
from .loans import InterestPayment, Loan, Movement
from .positions import EnginePosition, FundingPayment, Settlement
from .waiting import ByMarket, Waiting

if TYPE_CHECKING:
    from .dust import DustConversion
    from .strategy import Strategy

CONDITIONS = (
    "stopLossLimitPrice", "stopLossTriggerBy", "stopLossTriggerPrice",
    "takeProfitLimitPrice", "takeProfitTriggerBy", "takeProfitTriggerPrice",
    "triggerBy", "triggerPrice", "triggerQuantity",
)  # fmt: skip
_NO_CONDITIONS = dict.fromkeys(CONDITIONS)
LIQUIDATION = "LiquidatePositionOnBook"
CONVERSION = "CollateralConversion"
SETTINGS = ("autoBorrowSettlements", "autoLend", "autoRepayBorrows")


@dataclass(frozen=True, slots=True)
class OrderRequest:
    """What was ordered. ``price`` in ticks, ``quantity`` in steps, ``quote_quantity`` as sent.

    A Limit order has a price and a quantity; a Market order has a quantity or a quote quantity. A
    conditional order has a quantity of 0: its ``triggerQuantity`` is in ``conditions``, which has
    the documented fields as sent. ``system``: the kind of an order of the exchange itself.
    ``auto``: those of autoBorrow, autoBorrowRepay, autoLend and autoLendRedeem that are on.
    """

    market: Market
    side: Side
    kind: str  # Limit or Market
    price: int | None
    quantity: int | None
    quote_quantity: Decimal | None
    time_in_force: str
    post_only: bool
    prevention: str
    client_id: int | None
    reduce_only: bool | None = None
    conditions: Mapping[str, str] = field(default_factory=dict)
    slippage: tuple[Decimal, str] | None = None  # tolerance, TickSize or Percent
    system: str | None = None
    strategy: str | None = None  # the id of the strategy that placed it
    auto: tuple[str, ...] = ()

    @property
    def future(self) -> bool:
        """Is it for a future? Then margin is needed, and nothing is locked."""
        return self.market.kind == "PERP"

    @property
    def conditional(self) -> bool:
        """Does it wait for a price?"""
        return "triggerPrice" in self.conditions

    @property
    def sign(self) -> int:
        """What one filled step adds to a position: 1 or -1."""
        return 1 if self.side == "Bid" else -1

    @property
    def pays(self) -> str:
        """The asset that leaves the account."""
        return self.market.quote if self.side == "Bid" else self.market.base

    @property
    def budget(self) -> int | None:
        """The quote quantity in ticks * steps, rounded down."""
        if self.quote_quantity is None:
            return None
        with exact():
            return int(self.quote_quantity // self.market.notional(1))

    def hold(self, steps: int) -> Decimal:
        """The amount of ``pays`` that ``steps`` of a resting order need; 0 for a future."""
        with exact():
            if self.price is None or self.future:
                return Decimal(0)
            if self.side == "Ask":
                return self.market.quantity(steps)
            return self.market.notional(self.price * steps)


@dataclass(eq=False)
class EngineAccount(Undoable):
    """An account: balances, open orders by id, positions, and its histories, oldest first.
    ``opened`` and ``ended`` change ``open``, and ``waiting``, which has its sums. ``orders_of`` and
    ``fills_of`` have the same rows as ``orders`` and ``fills``.

    ``positions``: the open ones, by symbol; ``every_position``: closed ones too.
    ``leverage_limit``: the largest ratio of positions to equity. ``settings``: switches by their
    documented names. ``traded``: kind of market -> day since the epoch -> volume in USDC.
    ``loans``: the open ones, by asset; ``every_loan``: closed ones too. ``wanted``: asset -> what
    open orders with autoBorrow, which lock nothing, may still pay. ``name``: for the owner of the
    sandbox.
    """

    public_key: str
    balances: Balances
    open: UndoTable[EngineOrder] = field(default_factory=UndoTable)
    orders: UndoList[EngineOrder] = field(default_factory=UndoList)
    fills: UndoList[OrderFill] = field(default_factory=UndoList)
    orders_of: ByMarket[EngineOrder] = field(default_factory=ByMarket)
    fills_of: ByMarket[OrderFill] = field(default_factory=ByMarket)
    leverage_limit: Decimal = Decimal(10)
    settings: UndoDict[str, bool] = field(
        default_factory=lambda: UndoDict(dict.fromkeys(SETTINGS, False))
    )
    user_id: int = 0
    name: str = ""
    positions: UndoDict[str, EnginePosition] = field(default_factory=UndoDict)
    every_position: UndoList[EnginePosition] = field(default_factory=UndoList)
    settlements: UndoList[Settlement] = field(default_factory=UndoList)
    funding: UndoList[FundingPayment] = field(default_factory=UndoList)
    waiting: Waiting = field(default_factory=Waiting)
    strategies: UndoList[Strategy] = field(default_factory=UndoList)
    dust: UndoList[DustConversion] = field(default_factory=UndoList)
    traded: UndoDict[str, UndoDict[int, Decimal]] = field(
        default_factory=lambda: UndoDict(SPOT=UndoDict(), PERP=UndoDict())
    )
    loans: UndoDict[str, Loan] = field(default_factory=UndoDict)
    every_loan: UndoList[Loan] = field(default_factory=UndoList)
    movements: UndoList[Movement] = field(default_factory=UndoList)
    interest: UndoList[InterestPayment] = field(default_factory=UndoList)
    wanted: UndoDict[str, Decimal] = field(default_factory=UndoDict)

    @property
    def borrows(self) -> bool:
        """Has it borrowed anything?"""
        return bool(self.loans) and any(loan.quantity < 0 for loan in self.loans.values())

    def hold(self, request: OrderRequest, steps: int) -> None:
        """Lock what ``steps`` of a resting order need; with autoBorrow, only remember it."""
        amount = request.hold(steps)
        if "autoBorrow" not in request.auto:
            self.balances.lock(request.pays, amount)
        elif amount:
            self.wanted[request.pays] = EXACT.add(self.wanted.get(request.pays, ZERO), amount)

    def release(self, request: OrderRequest, steps: int) -> None:
        """Undo ``hold`` for steps that are filled or that have ended."""
        amount = request.hold(steps)
        if "autoBorrow" not in request.auto:
            self.balances.release(request.pays, amount)
        elif amount:
            left = EXACT.subtract(self.wanted[request.pays], amount)
            if left:
                self.wanted[request.pays] = left
            else:
                del self.wanted[request.pays]

    def net(self, symbol: str) -> int:
        """The net quantity of its position, in steps; 0 without one."""
        return self.positions[symbol].steps if symbol in self.positions else 0

    def opened(self, order: EngineOrder) -> None:
        """An order is open now."""
        self.open[order.id] = order
        self.waiting.add(order)

    def ended(self, order: EngineOrder) -> None:
        """An order is not open, or no longer."""
        if self.open.pop(order.id, None) is not None:
            self.waiting.remove(order)


OWN = ("price", "quantity", "client_id", "quote_quantity")  # in a request: not shared with others
PACKED = ("request", "id", "created_us", "executed", "executed_quote", "planned")
_COMMON = [one.name for one in fields(OrderRequest) if one.name not in (*OWN, "conditions")]
_common_values = attrgetter(*_COMMON)


def _shared(request: OrderRequest) -> OrderRequest:
    """A request without OWN: one object for all that are alike. Conditions are never shared."""
    return request if request.conditions else _without_own(_common_values(request))


@lru_cache(maxsize=4_096)
def _without_own(values: tuple[Any, ...]) -> OrderRequest:
    blank: dict[str, Any] = dict.fromkeys(OWN)
    return OrderRequest(**dict(zip(_COMMON, values, strict=True)), **blank)


@dataclass(eq=False, slots=True)
class EngineOrder(Undoable):
    """An accepted order. ``executed`` in steps, ``executed_quote`` in ticks * steps.

    ``planned``: ticks * steps that it is about to match at once; it is known when it is accepted.

    An order that has ended is packed: the attributes PACKED become a short text and a part of the
    request that many orders share. They can still be read; to read many, take ``unpacked()``.
    """

    id: str
    owner: EngineAccount
    request: OrderRequest
    created_us: int
    status: str = "New"
    expiry: str | None = None
    executed: int = 0
    executed_quote: int = 0
    related: str | None = None
    triggered_us: int | None = None
    planned: int = 0
    _text: bytes | None = field(default=None, init=False)
    _kind: OrderRequest | None = field(default=None, init=False)

    def pack(self) -> None:
        """Keep it in a fifth of the memory: it has ended, and will hardly be read."""
        request = self.request
        numbers = [self.id, self.created_us, self.executed, self.executed_quote, self.planned]
        numbers += [getattr(request, name) for name in OWN]
        self._text = b" ".join(b"-" if one is None else str(one).encode() for one in numbers)
        self._kind = _shared(request)
        for name in PACKED:
            delattr(self, name)

    def unpacked(self) -> EngineOrder:
        """The order itself; if it is packed, a copy that is not."""
        if self._text is None or self._kind is None:
            return self
        parts = [None if part == "-" else part for part in self._text.decode().split()]
        id, created, executed, quote, planned, price, quantity, client, budget = parts
        request = replace(
            self._kind,
            price=_whole(price),
            quantity=_whole(quantity),
            client_id=_whole(client),
            quote_quantity=None if budget is None else Decimal(budget),
        )
        return fresh(
            EngineOrder, str(id), self.owner, request, int(created or 0), self.status, self.expiry,
            int(executed or 0), int(quote or 0), self.related, self.triggered_us, int(planned or 0),
        )  # fmt: skip

    def __getattr__(self, name: str) -> Any:
        """An attribute that is packed."""
        if name not in PACKED or self._text is None:
            raise AttributeError(name)
        if name == "id":
            return self._text.partition(b" ")[0].decode()
        return getattr(self.unpacked(), name)

    @property
    def market(self) -> Market:
        """Where it trades."""
        return (self._kind or self.request).market

    @property
    def remaining(self) -> int:
        """The steps that are not filled; 0 for a market order with a quote quantity."""
        return 0 if self.request.quantity is None else self.request.quantity - self.executed

    def wire(self) -> dict[str, Any]:
        """The answer to an order: ``OrderType``."""
        if self._text is not None:
            return self.unpacked().wire()
        shown = self._common() | {
            "createdAt": self.created_us // 1_000,
            "reduceOnly": self.request.reduce_only,
            "relatedOrderId": self.related,
            "triggeredAt": None if self.triggered_us is None else self.triggered_us // 1_000,
        }
        if self.request.kind == "Limit":
            return shown | {"postOnly": self.request.post_only, "price": self._price()}
        return shown | {"quoteQuantity": self._quote_quantity()} | self._slippage()

    def history(self) -> dict[str, Any]:
        """A row of the order history: ``Order``."""
        if self._text is not None:
            return self.unpacked().history()
        limit = self.request.kind == "Limit"
        shown = self._common() | self._slippage()
        if self.request.conditional and self.status != "TriggerPending":
            shown["quantity"] = None
        return shown | {
            "createdAt": iso(self.created_us),
            "expiryReason": self.expiry,
            "postOnly": self.request.post_only if limit else None,
            "price": self._price(),
            "quoteQuantity": self._quote_quantity(),
            "systemOrderType": self.request.system,
        }

    def _slippage(self) -> dict[str, str | None]:
        tolerance, kind = self.request.slippage or (None, None)
        shown = None if tolerance is None else plain(tolerance)
        return {"slippageTolerance": shown, "slippageToleranceType": kind}

    @exact()
    def _common(self) -> dict[str, Any]:
        request, market = self.request, self.request.market
        quantity = None if request.quantity is None else plain(market.quantity(request.quantity))
        return (
            _NO_CONDITIONS
            | dict(request.conditions)
            | {
                "clientId": request.client_id,
                "executedQuantity": plain(market.quantity(self.executed)),
                "executedQuoteQuantity": plain(market.notional(self.executed_quote)),
                "id": self.id,
                "orderType": request.kind,
                "quantity": quantity,
                "selfTradePrevention": request.prevention,
                "side": request.side,
                "status": self.status,
                "strategyId": request.strategy,
                "symbol": market.symbol,
                "timeInForce": request.time_in_force,
            }
        )

    @exact()
    def _price(self) -> str | None:
        price = self.request.price
        return None if price is None else plain(self.request.market.price(price))

    @exact()
    def _quote_quantity(self) -> str:
        """As sent; price * quantity of a limit order; otherwise what was executed, rounded up."""
        request, market = self.request, self.request.market
        if request.quote_quantity is not None:
            return plain(request.quote_quantity)
        if request.price is not None and request.quantity is not None:
            return plain(market.notional(request.price * request.quantity))
        return plain(self.quoted())

    @exact()
    def quoted(self) -> Decimal:
        """The quote quantity that the exchange gives to a market order with a quantity: what the
        order pays or receives, rounded up to the decimals of the tick."""
        market = self.request.market
        return _round_up(market.notional(max(self.planned, self.executed_quote)), market.tick)


class OrderFill(NamedTuple):
    """An order's part in one trade. ``price`` in ticks, ``quantity`` in steps."""

    order: EngineOrder
    trade_id: int
    time_us: int
    price: int
    quantity: int
    fee: Decimal
    fee_symbol: str
    is_maker: bool

    @exact()
    def wire(self) -> dict[str, Any]:
        """A row of the fill history: ``OrderFill``. Its ``clientId`` is text."""
        order = self.order.unpacked()
        request = order.request
        return {
            "clientId": None if request.client_id is None else str(request.client_id),
            "fee": plain(self.fee),
            "feeSymbol": self.fee_symbol,
            "isMaker": self.is_maker,
            "orderId": order.id,
            "price": plain(request.market.price(self.price)),
            "quantity": plain(request.market.quantity(self.quantity)),
            "side": request.side,
            "symbol": request.market.symbol,
            "systemOrderType": request.system,
            "timestamp": iso(self.time_us),
            "tradeId": self.trade_id,
        }


def _whole(text: str | None) -> int | None:
    return None if text is None else int(text)


def _round_up(amount: Decimal, tick: Decimal) -> Decimal:
    """Round up to the decimals of the tick: 3.81428 with a tick of 0.01 becomes 3.82."""
    exponent = tick.as_tuple().exponent
    unit = Decimal(1).scaleb(min(0, exponent if isinstance(exponent, int) else 0))
    whole, rest = divmod(amount, unit)
    return (whole + (1 if rest else 0)) * unit
