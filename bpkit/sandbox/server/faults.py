"""Let things go wrong on purpose: a fault, its options, and the faults that are on.

Active faults form a chain. The fault started last acts first on a request and last on its answer.
Each lets the request pass and may change the answer, or answers itself. Three faults belong to the
exchange instead: its clock, and whether its markets take orders. ``socket_faults`` has those of
WebSockets.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator
from decimal import Decimal, InvalidOperation
from difflib import get_close_matches
from functools import partial
from typing import Any

from ...operations import OPERATIONS
from ..core.rules import Refusal
from .answers import Response
from .fault_table import FAULTS, MARKETS, SIGNED, SUBSCRIBE, GoOn
from .record import RequestRecord

Probability = str | int | float | Decimal


class Fault:
    """One fault: its ``name``, and ``hits``: how many requests, sockets or frames it has hit.

    ``id`` and ``seed``, of its chances, are set when it begins.
    """

    def __init__(
        self,
        name: str,
        markets: Collection[str],
        *,
        operations: Collection[str] | None = None,
        times: int | None = None,
        seconds: float | None = None,
        symbols: Collection[str] | None = None,
        account: str | None = None,
        probability: Probability = 1,
    ) -> None:
        """``markets``: the symbols that exist. ``account``: a public key.

        ValueError: see ``Sandbox.fault``.
        """
        if not isinstance(name, str) or name not in FAULTS:
            raise ValueError(_unknown_fault(name))
        if times is not None and (type(times) is not int or times < 1):
            raise ValueError(f"times={times!r} is not a count of hits; write 1 or more")
        self.name, self.hits = name, 0
        self.id, self.seed, self._chances = "", "", 0
        self.kind = FAULTS[name]
        self.times = times
        self.operations = _operations(name, operations)
        self.asked = None if operations is None else self.operations
        self.seconds = _seconds(name, seconds)
        self.symbols = _symbols(name, symbols, markets)
        self.account = _account(name, account, self.operations)
        self.probability = _probability(probability)
        self.kept: dict[Any, Any] = {}  # what its action remembers

    def __repr__(self) -> str:
        return f"<Fault {self.name}: hits={self.hits}>"

    def concerns(self, record: RequestRecord) -> bool:
        """May the fault hit this request?"""
        if self in record.faults:
            return True
        if self._is_used_up():
            return False
        if self not in record.meets:
            record.meets[self] = self._meets(record)
        return record.meets[self]

    def _meets(self, record: RequestRecord) -> bool:
        name = record.operation.name if record.operation else None
        if self.operations is not None and name not in self.operations:
            return False
        return self.account in (None, record.api_key) and self._has_chance()

    def _has_chance(self) -> bool:
        """Does it happen this time? The n-th answer depends on the seed, the fault's id and n."""
        if self.probability == 1:
            return True
        self._chances += 1
        text = f"{self.seed}/{self.id}/{self._chances}"
        drawn = int.from_bytes(hashlib.sha256(text.encode()).digest(), "big")  # below 2**256
        numerator, denominator = self.probability.as_integer_ratio()
        return drawn * denominator < numerator << 256

    def touches(self, operation: str) -> bool:
        """Was the fault started for this operation?"""
        return self.operations is None or operation in self.operations

    def concerns_market(self, symbol: str) -> bool:
        """Is this one of the markets that the fault was started for?"""
        return self.symbols is None or symbol in self.symbols

    def strikes(self) -> bool:
        """Count the hit of a socket or of a frame, if ``times`` allows one more."""
        if self._is_used_up() or not self._has_chance():
            return False
        self.hits += 1
        return True

    def _is_used_up(self) -> bool:
        return self.times is not None and self.hits >= self.times

    def hit(self, record: RequestRecord, remark: str | None = None) -> None:
        """Count a request, once. ``remark``: for its verdict in the log."""
        if self not in record.faults:
            record.faults[self] = self.name
            self.hits += 1
        if remark is not None:
            record.remarks.append(remark)

    def act(self, record: RequestRecord, go_on: GoOn) -> Response:
        """The answer to a request that meets this fault."""
        if self.kind.action is None or not self.concerns(record):
            return go_on()
        return self.kind.action(self, record, go_on)


class ActiveFaults:
    """The faults that are on now."""

    def __init__(self) -> None:
        self._on: list[Fault] = []
        self.started: list[Fault] = []  # all that were ever on, for a test that wants to know
        self._begun = 0

    def __iter__(self) -> Iterator[Fault]:
        """The fault started last comes first."""
        return iter(self._on[::-1])

    @property
    def next_id(self) -> str:
        """The id of the fault that begins next."""
        return f"f{self._begun + 1}"

    def start(self, fault: Fault, seed: str) -> None:
        """The fault is on; it acts before all others. ``seed``: of its chances."""
        fault.id, fault.seed = self.next_id, seed
        self._begun += 1
        self._on.append(fault)
        self.started.append(fault)

    def end(self, fault: Fault) -> bool:
        """The fault is off. Was it on?"""
        if fault not in self._on:
            return False
        self._on.remove(fault)
        return True

    def clear(self) -> None:
        """All faults are off, and what they kept back is gone."""
        for fault in self._on:
            fault.kept.clear()
        self._on.clear()
        self._begun = 0

    def answer(
        self, record: RequestRecord, exchange: Callable[[RequestRecord], Response]
    ) -> Response:
        """The answer of the exchange, or what the active faults make of it."""

        def reach() -> Response:
            record.reached = True
            return exchange(record)

        go_on: GoOn = reach
        for fault in self._on:
            go_on = partial(fault.act, record, go_on)
        return go_on()

    def exchange_ms(self, record: RequestRecord) -> int:
        """The exchange's clock, in Unix milliseconds."""
        for fault in self._active(record, "clock_skew"):
            fault.hit(record)
            return record.now_ms + round(fault.seconds * 1000)
        return record.now_ms

    def check_market(self, record: RequestRecord, symbol: str) -> None:
        """Refusal: a fault keeps this market from taking orders."""
        for fault in self._active(record, "trading_paused", "cancel_only"):
            if fault.name == "trading_paused":
                fault.hit(record)
                raise Refusal(400, "TRADING_PAUSED", "Trading is paused")
            if fault.concerns_market(symbol):
                fault.hit(record)
                raise Refusal(400, "INVALID_MARKET", "Market is cancel only")

    def check_market_of_strategy(self, symbol: str) -> None:
        """Refusal: a fault keeps this market from taking the order of a strategy."""
        for fault in self:
            stops = fault.name == "trading_paused" or (
                fault.name == "cancel_only" and fault.concerns_market(symbol)
            )
            if stops and fault.touches("strategy_create") and fault.strikes():
                raise Refusal(400, "INVALID_MARKET", "The market takes no orders now")

    def show(self, record: RequestRecord, result: Any) -> Any:
        """The result of an operation, with the markets that a fault makes CancelOnly."""
        if record.operation is None or record.operation.name not in MARKETS:
            return result
        for fault in self._active(record, "cancel_only"):
            fault.hit(record)
            single = isinstance(result, dict)
            rows = [_cancel_only(fault, row) for row in ([result] if single else result)]
            result = rows[0] if single else rows
        return result

    def _active(self, record: RequestRecord, *names: str) -> Iterator[Fault]:
        """The fault started last comes first."""
        return (one for one in self if one.name in names and one.concerns(record))


def _cancel_only(fault: Fault, market: dict[str, Any]) -> dict[str, Any]:
    if not fault.concerns_market(market["symbol"]) or market["orderBookState"] != "Open":
        return market
    return market | {"orderBookState": "CancelOnly"}


# --- options ------------------------------------------------------------------------------------


def _unknown_fault(name: object) -> str:
    alike = get_close_matches(name, FAULTS, 1) if isinstance(name, str) else []
    hint = f" Did you mean {alike[0]!r}?" if alike else ""
    return f"{name!r} is not a fault.{hint} There are {', '.join(FAULTS)}"


def _are_texts(given: object) -> bool:
    texts = isinstance(given, Collection) and not isinstance(given, str)
    return texts and bool(given) and all(isinstance(one, str) for one in given)  # type: ignore[attr-defined]


def _operations(name: str, given: Collection[str] | None) -> frozenset[str] | None:
    touched = FAULTS[name].operations
    if given is None:
        return touched
    if not _are_texts(given):
        raise ValueError(f'operations={given!r} is not a list of names; write ["execute_order"]')
    for one in given:
        if one not in OPERATIONS and one != SUBSCRIBE:
            raise ValueError(f"{one!r} is not an operation; bpkit.operations() lists them")
        if touched is not None and one not in touched:
            raise ValueError(f"{name} never touches {one}; leave it out")
    return frozenset(given)


def _account(name: str, given: str | None, operations: frozenset[str] | None) -> str | None:
    if given is None:
        return None
    if FAULTS[name].operations == frozenset():
        raise ValueError(f"{name} takes no account: it hits sockets, or frames for many of them")
    if operations is not None and not operations & SIGNED:
        raise ValueError(f"account={given!r} of {name}: what it touches is never signed")
    return given


def _probability(given: Probability) -> Decimal:
    """Exact: the text "0.1", and the number 0.1 too, are a tenth."""
    known = isinstance(given, str | int | float | Decimal) and not isinstance(given, bool)
    try:
        found = Decimal(str(given)) if known else Decimal(-1)
    except InvalidOperation:
        found = Decimal(-1)
    # A tiny number would make a fraction of a billion digits.
    if not found.is_finite() or not 0 <= found <= 1 or found.as_tuple().exponent < -18:  # type: ignore[operator]
        raise ValueError(
            f"probability={given!r} is not from 0 to 1, with 18 decimals at most; write text: "
            '"0.25"'
        )
    return found


def _seconds(name: str, given: float | None) -> float:
    bounds = FAULTS[name].seconds
    if bounds is None:
        if given is not None:
            raise ValueError(f"{name} takes no seconds; leave them out")
        return 0
    usual, least, most = bounds
    seconds = usual if given is None else given
    number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
    if not number or not least <= seconds <= most:  # NaN is refused, too
        raise ValueError(f"seconds={given!r} of {name} is not a number from {least} to {most}")
    return seconds


def _symbols(
    name: str, given: Collection[str] | None, markets: Collection[str]
) -> frozenset[str] | None:
    if given is None:
        return None
    if name != "cancel_only":
        raise ValueError(f"{name} takes no symbols; leave them out")
    if not _are_texts(given):
        raise ValueError(f'symbols={given!r} is not a list of symbols; write ["SOL_USDC"]')
    for symbol in given:
        if symbol not in markets:
            raise ValueError(f"{symbol!r} is not a market here; there are {', '.join(markets)}")
    return frozenset(given)
