"""Let things go wrong on purpose: a fault, its options, and the faults that are on.

Active faults form a chain. The fault started last acts first on a request and last on its answer.
Each lets the request pass and may change the answer, or answers itself. Three faults belong to the
exchange instead: its clock, and whether its markets take orders. ``socket_faults`` has those of
WebSockets.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from difflib import get_close_matches
from functools import partial
from typing import Any

from ...operations import OPERATIONS
from ..core.rules import Refusal
from .answers import Response
from .fault_table import FAULTS, MARKETS, SUBSCRIBE, GoOn
from .record import RequestRecord


class Fault:
    """One fault: its ``name``, and ``hits``: how many requests, sockets or frames it has hit."""

    def __init__(
        self,
        name: str,
        markets: Collection[str],
        *,
        operations: Collection[str] | None = None,
        times: int | None = None,
        seconds: float | None = None,
        symbols: Collection[str] | None = None,
    ) -> None:
        """``markets``: the symbols that exist. ValueError: see ``Sandbox.fault``."""
        if not isinstance(name, str) or name not in FAULTS:
            raise ValueError(_unknown_fault(name))
        if times is not None and (type(times) is not int or times < 1):
            raise ValueError(f"times={times!r} is not a count of hits: 1 or more")
        self.name, self.hits = name, 0
        self.kind = FAULTS[name]
        self._times = times
        self._operations = _operations(name, operations)
        self.seconds = _seconds(name, seconds)
        self.symbols = _symbols(name, symbols, markets)
        self.kept: dict[Any, Any] = {}  # what its action remembers

    def __repr__(self) -> str:
        return f"<Fault {self.name}: hits={self.hits}>"

    def concerns(self, record: RequestRecord) -> bool:
        """May the fault hit this request?"""
        if self in record.faults:
            return True
        if self._is_used_up():
            return False
        name = record.operation.name if record.operation else None
        return self._operations is None or name in self._operations

    def concerns_market(self, symbol: str) -> bool:
        """Is this one of the markets that the fault was started for?"""
        return self.symbols is None or symbol in self.symbols

    def strikes(self) -> bool:
        """Count the hit of a socket or of a frame, if ``times`` allows one more."""
        if self._is_used_up():
            return False
        self.hits += 1
        return True

    def _is_used_up(self) -> bool:
        return self._times is not None and self.hits >= self._times

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

    def __iter__(self) -> Iterator[Fault]:
        """The fault started last comes first."""
        return iter(self._on[::-1])

    def start(self, fault: Fault) -> None:
        """The fault is on; it acts before all others."""
        self._on.append(fault)
        self.started.append(fault)

    def end(self, fault: Fault) -> None:
        """The fault is off. It may be off already."""
        if fault in self._on:
            self._on.remove(fault)

    def clear(self) -> None:
        """All faults are off, and what they kept back is gone."""
        for fault in self._on:
            fault.kept.clear()
        self._on.clear()

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
        raise ValueError(f'operations={given!r} is not a list of names: ["execute_order"]')
    for one in given:
        if one not in OPERATIONS and one != SUBSCRIBE:
            raise ValueError(f"{one!r} is not an operation; bpkit.operations() lists them")
        if touched is not None and one not in touched:
            raise ValueError(f"{name} never touches {one}")
    return frozenset(given)


def _seconds(name: str, given: float | None) -> float:
    bounds = FAULTS[name].seconds
    if bounds is None:
        if given is not None:
            raise ValueError(f"{name} takes no seconds")
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
        raise ValueError(f"{name} takes no symbols")
    if not _are_texts(given):
        raise ValueError(f'symbols={given!r} is not a list of symbols: ["SOL_USDC"]')
    for symbol in given:
        if symbol not in markets:
            raise ValueError(f"{symbol!r} is not a market here; there are {', '.join(markets)}")
    return frozenset(given)
