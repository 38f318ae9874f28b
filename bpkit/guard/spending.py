"""Count what the writes of a client have cost or may still cost, as answers about them arrive.

A write counts its full value when it is sent. It counts less only if an answer of the exchange
shows that it cannot cost more: an order that was cancelled, expired or refused counts what was
filled. What is not known counts in full. Pure: no clock, no network. Threads may share it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Context, Decimal, localcontext
from threading import RLock
from typing import Any, NamedTuple

from ..network.refusals import leaves_open

# Nothing is rounded, whatever the decimal context of the thread is.
EXACT = Context(prec=1000)
Money = Decimal | list[Decimal] | None  # USDC: of one write, of each order of a batch, not valued
Row = Mapping[str, Any]

_ZERO = Decimal(0)
_AMOUNT = re.compile(r"\d{1,40}(\.\d{1,40})?", re.ASCII)
_PLACES = ("execute_order", "execute_order_batch")
_SHOWS_ORDERS = {
    "get_order", "cancel_order", "get_open_orders", "cancel_open_orders", "get_order_history",
}  # fmt: skip
_ENDS = ("Filled", "Cancelled", "Expired", "TriggerFailed")


@dataclass(eq=False)
class Total:
    """A sum in USDC: of one client, or of one day."""

    value: Decimal = _ZERO


@dataclass(eq=False)
class Part:
    """One order of a batch, or one write. Amounts in USDC.

    ``rate``: USDC for one unit of the quote asset; None: not known. ``counts``: what it has cost or
    may still cost.
    """

    fields: Row = field(repr=False)  # a second factor may be among them
    worth: Decimal
    rate: Decimal | None
    counts: Decimal
    order_id: str | None = None
    executed: Decimal = _ZERO  # in the base asset, the most that was seen
    fills: dict[str, tuple[Decimal, Decimal]] = field(default_factory=dict)  # (base, quote) by id


@dataclass(eq=False)
class Admitted:
    """A write that may be sent, and what it counts.

    ``id``: 16 hexadecimal digits, which name this attempt. ``signed``: the time for its signature,
    in Unix milliseconds; ``day``: the UTC date of that. ``unique``: its client id was made at
    random for it alone. ``parts``: empty if nothing limits it.
    """

    id: str
    name: str
    signed: int
    day: str
    batch: bool
    unique: bool
    parts: list[Part]
    totals: tuple[Total, ...] = ()

    @property
    def worth(self) -> Money:
        """What it was valued at; None: it was not valued."""
        return self._money([part.worth for part in self.parts])

    @property
    def counts(self) -> Money:
        """What it counts now; None: it was not valued."""
        return self._money([part.counts for part in self.parts])

    @property
    def value(self) -> Decimal:
        """What all parts were valued at, together."""
        with localcontext(EXACT):
            return sum((part.worth for part in self.parts), _ZERO)

    def _money(self, each: list[Decimal]) -> Money:
        if not each:
            return None
        return each if self.batch else each[0]


class _Seen(NamedTuple):
    """What a row says of an order: the most that it counts, and whether that is final."""

    counts: Decimal
    executed: Decimal
    final: bool


class Spending:
    """What is counted, and by which ids the exchange names it.

    ``report(attempt, order_id, counts, seen_in)`` is called when an answer to another call lowers
    what a write counts.
    """

    def __init__(self, report: Callable[[str, str | None, Money, str], None] | None = None) -> None:
        self.lock = RLock()
        self._report = report
        self._days: dict[str, Total] = {}
        self._attempts: dict[str, Admitted] = {}  # whose count may still fall
        self._orders: dict[str, Part] = {}  # by the exchange's id
        self._own: dict[tuple[str, str], Part] = {}  # by (symbol, client id), if it is unique
        self._of: dict[Part, Admitted] = {}

    def day(self, day: str) -> Total:
        """What counts of the writes that were signed on a UTC date."""
        return self._days.setdefault(day, Total())

    def add(self, admitted: Admitted) -> None:
        """Count a write from now on."""
        with self.lock, localcontext(EXACT):
            admitted.totals = (*admitted.totals, self.day(admitted.day))
            for total in admitted.totals:
                total.value += sum((part.counts for part in admitted.parts), _ZERO)
            if not any(part.counts for part in admitted.parts):
                return
            self._attempts[admitted.id] = admitted
            for part in admitted.parts:
                self._of[part] = admitted
                if admitted.name in _PLACES and part.counts:
                    self._index(part, admitted)

    def answered(self, admitted: Admitted, answer: Any) -> None:
        """The exchange answered a write: keep the ids of its orders, and count what it says."""
        with self.lock, localcontext(EXACT):
            if admitted.name not in _PLACES:
                self._forget(admitted)  # what the exchange carries out at once counts in full
                return
            rows = answer if isinstance(answer, Sequence) else [answer]
            if len(rows) == len(admitted.parts):
                for part, row in zip(admitted.parts, rows, strict=True):
                    self._placed(part, row)

    def give_back(self, admitted: Admitted) -> None:
        """Stop counting a write that was certainly not carried out."""
        with self.lock, localcontext(EXACT):
            for part in admitted.parts:
                self._set(part, _ZERO)
            self._forget(admitted)

    def found(self, attempt: str, gone: Sequence[bool]) -> Money:
        """What a write counts after a search; ``gone``: whether each part can never arrive."""
        with self.lock, localcontext(EXACT):
            admitted = self._attempts.get(attempt)
            if admitted is None or len(gone) != len(admitted.parts):
                return None
            for part, never in zip(admitted.parts, gone, strict=True):
                if never:
                    self._end(part, _ZERO)
            return admitted.counts

    def saw(self, name: str, answer: Any) -> None:
        """An answer to any call: it may show orders that are counted."""
        if name != "get_fills" and name not in _SHOWS_ORDERS:
            return
        rows = answer if isinstance(answer, Sequence) else [answer]
        look = self._saw_fill if name == "get_fills" else self._saw_order
        with self.lock, localcontext(EXACT):
            if self._orders or self._own:
                for row in rows:
                    if isinstance(row, Mapping):
                        look(row, name)

    # --- all below is called with the lock held, in the exact context -----------------------------

    def _placed(self, part: Part, row: object) -> None:
        if not isinstance(row, Mapping) or part not in self._of:
            return
        if row.get("operation") == "Err":
            code = row.get("code")
            if not leaves_open(400, code if isinstance(code, str) else None):
                self._end(part, _ZERO)
            return
        if part.order_id is None and isinstance(row.get("id"), str):
            self._named(part, row["id"])
        self._take(part, row)

    def _saw_order(self, row: Row, seen_in: str) -> None:
        part = self._orders.get(str(row.get("id")))
        if part is None:
            part = self._by_own_id(row)
            if part is None:
                return
            self._named(part, str(row["id"]))
        before = part.counts
        admitted = self._of[part]
        self._take(part, row)
        if part.counts != before and self._report:
            self._report(admitted.id, part.order_id, admitted.counts, seen_in)

    def _by_own_id(self, row: Row) -> Part | None:
        """The order whose answer was lost, if the row has its unique id, and is not its exit."""
        part = self._own.get((str(row.get("symbol")), str(row.get("clientId"))))
        if part is None or not isinstance(row.get("id"), str):
            return None
        same = row.get("side") == part.fields.get("side")
        waits = (row.get("triggerPrice") is None) == ("triggerPrice" not in part.fields)
        return part if same and waits else None

    def _saw_fill(self, row: Row, seen_in: str) -> None:
        """Fills prove something only if they make up the whole order: then nothing is left."""
        part = self._orders.get(str(row.get("orderId")))
        size = None if part is None else _amount(part.fields.get("quantity"))
        base, price = _amount(row.get("quantity")), _amount(row.get("price"))
        if part is None or None in (size, base, price, part.rate, row.get("tradeId")):
            return
        assert size is not None and base is not None and price is not None
        assert part.rate is not None
        part.fills[str(row["tradeId"])] = (base, base * price)
        if sum(one for one, _ in part.fills.values()) == size and not _is_conditional(part):
            admitted = self._of[part]
            self._end(part, sum((quote for _, quote in part.fills.values()), _ZERO) * part.rate)
            if self._report:
                self._report(admitted.id, part.order_id, admitted.counts, seen_in)

    def _take(self, part: Part, row: Row) -> None:
        seen = _counts_of(part, row)
        if seen is None:
            return
        part.executed = seen.executed
        if seen.final:
            self._end(part, seen.counts)
        else:
            self._set(part, seen.counts)

    def _set(self, part: Part, counts: Decimal) -> None:
        admitted = self._of.get(part)
        if admitted is not None:
            for total in admitted.totals:
                total.value += counts - part.counts
            part.counts = counts

    def _end(self, part: Part, counts: Decimal) -> None:
        """It can never count anything else."""
        self._set(part, counts)
        admitted = self._of.pop(part, None)
        if part.order_id is not None:
            self._orders.pop(part.order_id, None)
        self._drop_own_id(part)
        if admitted and not any(one in self._of for one in admitted.parts):
            self._attempts.pop(admitted.id, None)

    def _forget(self, admitted: Admitted) -> None:
        for part in admitted.parts:
            if part in self._of:
                self._end(part, part.counts)

    def _index(self, part: Part, admitted: Admitted) -> None:
        if part.order_id is not None:
            self._orders[part.order_id] = part
        elif admitted.unique:
            self._own[_own_id(part)] = part

    def _named(self, part: Part, order_id: str) -> None:
        part.order_id = order_id
        self._drop_own_id(part)
        self._orders[order_id] = part

    def _drop_own_id(self, part: Part) -> None:
        if self._own.get(_own_id(part)) is part:
            del self._own[_own_id(part)]


def _own_id(part: Part) -> tuple[str, str]:
    return str(part.fields.get("symbol")), str(part.fields.get("clientId"))


def _counts_of(part: Part, row: Row) -> _Seen | None:
    """What a row shows that an order counts; None if it shows nothing new or nothing certain."""
    executed, quote = (
        _amount(row.get("executedQuantity")),
        _amount(row.get("executedQuoteQuantity")),
    )
    if executed is None or quote is None or executed < part.executed:
        return None
    if bool(executed) != bool(quote) or row.get("triggeredAt") is not None:
        return None
    ended = row.get("status") in _ENDS
    if not executed:
        # A conditional order whose price was reached is Filled with nothing executed: another
        # order came from it.
        gone = ended and row["status"] != "Filled"
        return _Seen(_ZERO, executed, final=True) if gone else None
    if part.rate is None or _is_conditional(part):
        return None
    if ended:
        return _Seen(quote * part.rate, executed, final=True)
    price, size = _amount(part.fields.get("price")), _amount(part.fields.get("quantity"))
    if price is None or size is None or executed > size:
        return None
    return _Seen((quote + (size - executed) * price) * part.rate, executed, final=False)


def _is_conditional(part: Part) -> bool:
    return "triggerPrice" in part.fields


def _amount(value: object) -> Decimal | None:
    """An amount in plain text, such as "170.50". Nothing else is one."""
    return Decimal(value) if isinstance(value, str) and _AMOUNT.fullmatch(value) else None
