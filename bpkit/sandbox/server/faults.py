"""What can go wrong on the way to an exchange and back, by name, and how far each fault reaches.

``dial.py`` says what becomes of a request that meets one.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from ...operations import OPERATIONS, Operation
from .answers import Response

DAY = 86_400  # seconds
MAX_SKEW, MAX_DELAY = 3_650 * DAY, 600  # seconds


class Described(NamedTuple):
    """What a fault does, and how it is known that the exchange does it (as in PARITY.md)."""

    sentence: str
    evidence: str


FAULTS = {
    "clock_skew": Described(
        "the exchange's clock, for the time and for signatures, is `seconds` (30) ahead of this "
        "machine's, or behind it where they are negative",
        "documented: that timestamps are judged; how far a clock may be off: guess",
    ),
    "rate_limit": Described(
        "429 `TOO_MANY_REQUESTS` before anything is done, without Retry-After",
        "documented: status and code; seen: no Retry-After; the text: guess",
    ),
    "maintenance": Described(
        "503 `MAINTENANCE` before anything is done; the status says Maintenance; ping and time "
        "still answer",
        "documented: status, code, and the word; the text, and what still answers: guess",
    ),
    "bad_gateway": Described(
        "502 with HTML from the edge, before anything is done",
        "guess: 502 is documented for one operation; a real one may have been carried out",
    ),
    "gateway_timeout": Described(
        "504 with HTML from the edge, after it was carried out",
        "guess: as edges do",
    ),
    "slow": Described(
        "the answer comes `seconds` (2) late, though it was carried out at once",
        "guess: as networks do",
    ),
    "lost_request": Described(
        "the connection is cut before the exchange looks: nothing was done",
        "guess: as networks do",
    ),
    "lost_reply": Described(
        "the connection is cut after it was carried out",
        "guess: as networks do",
    ),
    "truncated": Described(
        "the JSON of the answer breaks off in the middle, after it was carried out",
        "guess: as proxies do",
    ),
    "no_body": Described(
        "202 without a body to a command that was carried out",
        "documented: for cancels; of other commands: guess",
    ),
    "trading_paused": Described(
        "orders are refused, 400 `TRADING_PAUSED`; cancels and reads work",
        "documented: the code; status and text: guess",
    ),
    "cancel_only": Described(
        "open markets (or those of `symbols`) are CancelOnly: new orders are refused, 400 "
        "`INVALID_MARKET`; what rests stays, and may be cancelled",
        "documented: the state; status, code and text, and that what rests still fills: guess",
    ),
    "stale_cache": Described(
        "public reads go on answering what they answered when they were first asked",
        "seen: that answers may be cached, and X-Cache; that they grow this old: guess",
    ),
}

ORDERS = frozenset({"execute_order", "execute_order_batch"})
MARKETS = frozenset({"get_markets", "get_market"})
# The operations that a fault can touch at all; it touches every request where nothing stands here.
_TOUCHED = {
    "clock_skew": frozenset(one.name for one in OPERATIONS.values() if one.signed) | {"get_time"},
    "no_body": frozenset(one.name for one in OPERATIONS.values() if one.mutates),
    "trading_paused": ORDERS,
    "cancel_only": ORDERS | MARKETS,
    "stale_cache": frozenset(one.name for one in OPERATIONS.values() if not one.signed),
}
_SECONDS = {"clock_skew": (30.0, -MAX_SKEW, MAX_SKEW), "slow": (2.0, 0, MAX_DELAY)}


@dataclass
class Visit:
    """One request, and what became of it."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]  # names in lower case
    body: bytes
    now_ms: int  # of its arrival, by this machine's clock
    operation: Operation | None  # None: there is no such path or method
    exchange_ms: int = 0  # the exchange's clock, once it has looked at it
    signed_by: str | None = None
    reached: bool = False  # has the exchange looked at the request?
    refusal: str | None = None  # why it was refused
    denied: bool = False  # was it refused for its signature?
    met: list[Fault] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    @property
    def verdict(self) -> str:
        """``answered``, the reason of a refusal, or what was done and what then went wrong."""
        if not self.remarks:
            return self.refusal or "answered"
        done = "carried out" if self.refusal is None else f"refused ({self.refusal})"
        return ", ".join([done if self.reached else "nothing was done", *self.remarks])


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
        """``markets``: the symbols that there are. ValueError: see ``Sandbox.fault``."""
        if not isinstance(name, str) or name not in FAULTS:
            raise ValueError(f"{name!r} is no fault; there are {', '.join(FAULTS)}")
        if times is not None and (type(times) is not int or times < 1):
            raise ValueError(f"times={times!r} is no count of requests: 1 or more")
        self.name, self.hits = name, 0
        self._times = times
        self._operations = _operations(name, operations)
        self.seconds = _seconds(name, seconds)
        self.symbols = _symbols(name, symbols, markets)
        self.kept: dict[tuple[str, str], tuple[Response, int]] = {}  # answers, and when (ms)

    def __repr__(self) -> str:
        return f"<Fault {self.name}: hits={self.hits}>"

    def concerns(self, visit: Visit) -> bool:
        """Is this request one that the fault may hit?"""
        if self in visit.met:
            return True
        if self._times is not None and self.hits >= self._times:
            return False
        name = visit.operation.name if visit.operation else None
        return self._operations is None or name in self._operations

    def hit(self, visit: Visit, remark: str | None = None) -> None:
        """Count a request, once. ``remark``: for its verdict in the log."""
        if self not in visit.met:
            visit.met.append(self)
            self.hits += 1
        if remark is not None:
            visit.remarks.append(remark)


def _are_texts(given: object) -> bool:
    texts = isinstance(given, Collection) and not isinstance(given, str)
    return texts and bool(given) and all(isinstance(one, str) for one in given)  # type: ignore[attr-defined]


def _operations(name: str, given: Collection[str] | None) -> frozenset[str] | None:
    touched = _TOUCHED.get(name)
    if given is None:
        return touched
    if not _are_texts(given):
        raise ValueError(f'operations={given!r} is no list of names: ["execute_order"]')
    for one in given:
        if one not in OPERATIONS:
            raise ValueError(f"{one!r} is no operation; bpkit.operations() lists them")
        if touched is not None and one not in touched:
            raise ValueError(f"{name} never touches {one}")
    return frozenset(given)


def _seconds(name: str, given: float | None) -> float:
    if name not in _SECONDS:
        if given is not None:
            raise ValueError(f"{name} takes no seconds")
        return 0
    usual, least, most = _SECONDS[name]
    seconds = usual if given is None else given
    number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
    if not number or not least <= seconds <= most:  # NaN is not, either
        raise ValueError(f"seconds={given!r} of {name} is no number from {least} to {most}")
    return seconds


def _symbols(
    name: str, given: Collection[str] | None, markets: Collection[str]
) -> frozenset[str] | None:
    if given is None:
        return None
    if name != "cancel_only":
        raise ValueError(f"{name} takes no symbols")
    if not _are_texts(given):
        raise ValueError(f'symbols={given!r} is no list of symbols: ["SOL_USDC"]')
    for symbol in given:
        if symbol not in markets:
            raise ValueError(f"{symbol!r} is no market here; there are {', '.join(markets)}")
    return frozenset(given)
