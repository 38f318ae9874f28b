"""Things that go wrong on purpose: the table of faults, and what each one does.

Active faults form a chain. The fault started last acts first on a request and last on its answer.
Each lets the request pass and may change the answer, or answers itself. Three faults belong to the
exchange instead: its clock, and whether its markets take orders.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from difflib import get_close_matches
from functools import partial
from typing import Any, NamedTuple

from ...operations import OPERATIONS
from ..core.rules import Refusal
from .answers import Response, error, success
from .record import RequestRecord

DAY = 86_400  # seconds
MAX_SKEW, MAX_DELAY = 3_650 * DAY, 600  # seconds
MARKETS = frozenset({"get_markets", "get_market"})

GoOn = Callable[[], Response]  # the rest of the chain, and the exchange at its end


class Fault:
    """One fault: its ``name``, and ``hits``, the number of requests it has hit."""

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
            raise ValueError(f"times={times!r} is not a count of requests: 1 or more")
        self.name, self.hits = name, 0
        self.kind = FAULTS[name]
        self._times = times
        self._operations = _operations(name, operations)
        self.seconds = _seconds(name, seconds)
        self.symbols = _symbols(name, symbols, markets)
        self.kept: dict[tuple[str, str], tuple[Response, int]] = {}  # answers, and when (ms)

    def __repr__(self) -> str:
        return f"<Fault {self.name}: hits={self.hits}>"

    def concerns(self, record: RequestRecord) -> bool:
        """May the fault hit this request?"""
        if self in record.faults:
            return True
        if self._times is not None and self.hits >= self._times:
            return False
        name = record.operation.name if record.operation else None
        return self._operations is None or name in self._operations

    def concerns_market(self, symbol: str) -> bool:
        """Is this one of the markets that the fault was started for?"""
        return self.symbols is None or symbol in self.symbols

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

    def start(self, fault: Fault) -> None:
        """The fault is on; it acts before all others."""
        self._on.append(fault)

    def end(self, fault: Fault) -> None:
        """The fault is off."""
        self._on.remove(fault)

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
        return (one for one in self._on[::-1] if one.name in names and one.concerns(record))


def _cancel_only(fault: Fault, market: dict[str, Any]) -> dict[str, Any]:
    if not fault.concerns_market(market["symbol"]) or market["orderBookState"] != "Open":
        return market
    return market | {"orderBookState": "CancelOnly"}


# --- actions --------------------------------------------------------------------------------------


def _rate_limit(fault: Fault, record: RequestRecord, go_on: GoOn) -> Response:
    fault.hit(record, "429 TOO_MANY_REQUESTS")
    return error(429, "TOO_MANY_REQUESTS", "Too many requests")


def _maintenance(fault: Fault, record: RequestRecord, go_on: GoOn) -> Response:
    operation = record.operation
    if operation is not None and operation.name in ("ping", "get_time"):
        return go_on()
    fault.hit(record, "maintenance")
    if operation is not None and operation.name == "get_status":
        return success(operation, {"message": None, "status": "Maintenance"})
    return error(503, "MAINTENANCE", "System under maintenance")


def _bad_gateway(fault: Fault, record: RequestRecord, go_on: GoOn) -> Response:
    fault.hit(record, "502 from the edge")
    return _edge("502 Bad Gateway")


def _gateway_timeout(fault: Fault, record: RequestRecord, go_on: GoOn) -> Response:
    answer = go_on()
    if answer.cut:  # a connection that is cut stays cut
        return answer
    fault.hit(record, "504 from the edge")
    return _edge("504 Gateway Timeout")._replace(delay=answer.delay)


def _edge(title: str) -> Response:
    page = f"<!DOCTYPE html><html><head><title>{title}</title></head><body>{title}</body></html>"
    headers = {"Content-Type": "text/html", "X-Cache": "Error from cloudfront"}
    return Response(int(title[:3]), headers, page.encode())


def _slow(fault: Fault, record: RequestRecord, go_on: GoOn) -> Response:
    answer = go_on()
    fault.hit(record, f"reply {fault.seconds:g} s late")
    return answer._replace(delay=answer.delay + fault.seconds)


def _lost_request(fault: Fault, record: RequestRecord, go_on: GoOn) -> Response:
    fault.hit(record, "request lost")
    return Response(0, {}, b"", cut=True)


def _lost_reply(fault: Fault, record: RequestRecord, go_on: GoOn) -> Response:
    answer = go_on()
    fault.hit(record, "reply lost")
    return Response(0, {}, b"", answer.delay, cut=True)


def _truncated(fault: Fault, record: RequestRecord, go_on: GoOn) -> Response:
    answer = go_on()
    # Half of a plain text, such as the time, would be another valid text.
    if not answer.headers.get("Content-Type", "").startswith("application/json"):
        return answer
    fault.hit(record, "reply broken off")
    return answer._replace(body=answer.body[: len(answer.body) // 2])


def _no_body(fault: Fault, record: RequestRecord, go_on: GoOn) -> Response:
    answer = go_on()
    if not 200 <= answer.status < 300:
        return answer
    fault.hit(record, "202 without a body")
    headers = {name: value for name, value in answer.headers.items() if name != "Content-Type"}
    return answer._replace(status=202, headers=headers, body=b"")


def _stale_cache(fault: Fault, record: RequestRecord, go_on: GoOn) -> Response:
    target = (record.path, record.query)
    if target in fault.kept:
        answer, since = fault.kept[target]
        fault.hit(record, "answered from a cache")
        age = str(max(0, record.now_ms - since) // 1000)
        return answer._replace(
            headers=answer.headers | {"X-Cache": "Hit from cloudfront", "Age": age}
        )
    answer = go_on()
    if answer.status in (200, 204):
        fault.kept[target] = (answer._replace(delay=0), record.now_ms)
    return answer


# --- the table ------------------------------------------------------------------------------------


class FaultKind(NamedTuple):
    """What a fault does, and how it is known that the exchange does it (as in PARITY.md).

    ``action``: None if it belongs to the exchange itself. ``operations``: those that it can touch;
    None: every request. ``seconds``: the usual, the least and the most; None: it takes none.
    """

    sentence: str
    evidence: str
    action: Callable[[Fault, RequestRecord, GoOn], Response] | None
    operations: frozenset[str] | None = None
    seconds: tuple[float, float, float] | None = None

    def __repr__(self) -> str:
        return self.sentence


_ORDERS = frozenset({"execute_order", "execute_order_batch"})
_SIGNED = frozenset(one.name for one in OPERATIONS.values() if one.signed)
_WRITES = frozenset(one.name for one in OPERATIONS.values() if one.mutates)

FAULTS = {
    "clock_skew": FaultKind(
        "the exchange's clock, for the time and for signatures, is `seconds` (30) ahead of this "
        "machine's, or behind it if they are negative",
        "documented: that timestamps are checked; how far a clock may be off: guess",
        None,
        _SIGNED | {"get_time"},
        (30.0, -MAX_SKEW, MAX_SKEW),
    ),
    "rate_limit": FaultKind(
        "429 `TOO_MANY_REQUESTS` before anything is done, without Retry-After",
        "documented: status and code; seen: no Retry-After; the text: guess",
        _rate_limit,
    ),
    "maintenance": FaultKind(
        "503 `MAINTENANCE` before anything is done; the status says Maintenance; ping and time "
        "still answer",
        "documented: status, code, and the word; the text, and what still answers: guess",
        _maintenance,
    ),
    "bad_gateway": FaultKind(
        "502 with HTML from the edge, before anything is done",
        "guess: 502 is documented for one operation; a real one may have been carried out",
        _bad_gateway,
    ),
    "gateway_timeout": FaultKind(
        "504 with HTML from the edge, after the request was carried out",
        "guess: edges do this",
        _gateway_timeout,
    ),
    "slow": FaultKind(
        "the answer comes `seconds` (2) late, though the request was carried out at once",
        "guess: networks do this",
        _slow,
        seconds=(2.0, 0, MAX_DELAY),
    ),
    "lost_request": FaultKind(
        "the connection is cut before the request reaches the exchange: nothing was done",
        "guess: networks do this",
        _lost_request,
    ),
    "lost_reply": FaultKind(
        "the connection is cut after the request was carried out",
        "guess: networks do this",
        _lost_reply,
    ),
    "truncated": FaultKind(
        "the JSON of the answer breaks off in the middle, after the request was carried out",
        "guess: proxies do this",
        _truncated,
    ),
    "no_body": FaultKind(
        "202 without a body to a command that was carried out",
        "documented: for cancels; of other commands: guess",
        _no_body,
        _WRITES,
    ),
    "trading_paused": FaultKind(
        "orders are refused, 400 `TRADING_PAUSED`; cancels and reads work",
        "documented: the code; status and text: guess",
        None,
        _ORDERS,
    ),
    "cancel_only": FaultKind(
        "open markets (or those of `symbols`) are CancelOnly: new orders are refused, 400 "
        "`INVALID_MARKET`; open orders stay and may be cancelled",
        "documented: the state; status, code and text, and that open orders still fill: guess",
        None,
        _ORDERS | MARKETS,
    ),
    "stale_cache": FaultKind(
        "public reads repeat the answer that they gave when they were first asked",
        "seen: that answers may be cached, and X-Cache; that they grow this old: guess",
        _stale_cache,
        frozenset(OPERATIONS) - _SIGNED,
    ),
}

# --- options --------------------------------------------------------------------------------------


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
        if one not in OPERATIONS:
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
