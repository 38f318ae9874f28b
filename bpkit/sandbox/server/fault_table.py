"""The table of faults: what each one does, and how it is known that the exchange does it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from ...operations import OPERATIONS
from . import rest_faults, socket_faults
from .answers import Response
from .record import RequestRecord

if TYPE_CHECKING:
    from .faults import Fault

DAY = 86_400  # seconds
MAX_SKEW, MAX_DELAY = 3_650 * DAY, 600  # seconds
SUBSCRIBE = "subscribe"  # what the log calls a frame that subscribes
MARKETS = frozenset({"get_markets", "get_market"})

GoOn = Callable[[], Response]  # the rest of the chain, and the exchange at its end


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


_NONE: frozenset[str] = frozenset()
_ORDERS = frozenset({"execute_order", "execute_order_batch", "strategy_create"})
SIGNED = frozenset(one.name for one in OPERATIONS.values() if one.signed) | {SUBSCRIBE}
_WRITES = frozenset(one.name for one in OPERATIONS.values() if one.mutates)

FAULTS = {
    "clock_skew": FaultKind(
        "the exchange's clock, for the time and for signatures, is `seconds` (30) ahead of this "
        "machine's, or behind it if they are negative",
        "documented: that timestamps are checked; how far a clock may be off: guess",
        None,
        SIGNED | {"get_time"},
        (30.0, -MAX_SKEW, MAX_SKEW),
    ),
    "rate_limit": FaultKind(
        "429 `TOO_MANY_REQUESTS` before anything is done, without Retry-After",
        "documented: status and code; seen: no Retry-After; the text: guess",
        rest_faults.rate_limit,
    ),
    "maintenance": FaultKind(
        "503 `MAINTENANCE` before anything is done; the status says Maintenance; ping and time "
        "still answer",
        "documented: status, code, and the word; the text, and what still answers: guess",
        rest_faults.maintenance,
    ),
    "bad_gateway": FaultKind(
        "502 with HTML from the edge, before anything is done",
        "guess: 502 is documented for one operation; a real one may have been carried out",
        rest_faults.bad_gateway,
    ),
    "gateway_timeout": FaultKind(
        "504 with HTML from the edge, after the request was carried out",
        "guess: edges do this",
        rest_faults.gateway_timeout,
    ),
    "slow": FaultKind(
        "the answer comes `seconds` (2) late, though the request was carried out at once",
        "guess: networks do this",
        rest_faults.slow,
        seconds=(2.0, 0, MAX_DELAY),
    ),
    "lost_request": FaultKind(
        "the connection is cut before the request reaches the exchange: nothing was done",
        "guess: networks do this",
        rest_faults.lost_request,
    ),
    "lost_reply": FaultKind(
        "the connection is cut after the request was carried out",
        "guess: networks do this",
        rest_faults.lost_reply,
    ),
    "truncated": FaultKind(
        "the JSON of the answer breaks off in the middle, after the request was carried out",
        "guess: proxies do this",
        rest_faults.truncated,
    ),
    "no_body": FaultKind(
        "202 without a body to a command that was carried out",
        "documented: for cancels; of other commands: guess",
        rest_faults.no_body,
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
        rest_faults.stale_cache,
        frozenset(OPERATIONS) - SIGNED,
    ),
    "ws_cut": FaultKind(
        "sockets are cut without a Close frame: at once, and those that open later as they open",
        "guess: networks do this",
        None,
        _NONE,
    ),
    "ws_close": FaultKind(
        "sockets get a Close frame, code 1001, and are cut if they do not answer it in 5 s: at "
        "once, and those that open later as they open",
        "documented: a Close frame, then 30 s, before a server shuts down; the code: guess",
        None,
        _NONE,
    ),
    "ws_silent": FaultKind(
        "sockets stay open and answer pings, but nothing else is sent",
        "guess: a stream may be silent for long, so this looks healthy",
        None,
        _NONE,
    ),
    "ws_dead": FaultKind(
        "sockets stay open, but nothing arrives and nothing is sent, no pong either: at once, and "
        "those that open later as they open. They stay dead after the block",
        "guess: networks do this",
        None,
        _NONE,
    ),
    "ws_drop": FaultKind(
        "of each `depth` stream the first frame is missing, and then each second one",
        "guess: no gap was seen in 350,000 frames",
        None,
        _NONE,
    ),
    "ws_duplicate": FaultKind(
        "each frame comes twice",
        "guess: after a reconnect some clients have seen this",
        None,
        _NONE,
    ),
    "ws_reorder": FaultKind(
        "in each `depth` stream each frame comes after the next one; the last one comes when the "
        "block ends",
        "guess: seen only between two streams",
        None,
        _NONE,
    ),
    "ws_refused": FaultKind(
        "the handshake of a WebSocket is answered 503",
        "guess: the official client tests for it",
        None,
        _NONE,
    ),
    "ws_stale_snapshot": FaultKind(
        "`get_depth` answers with the depth as it was when the fault began",
        "guess: REST comes from another machine than the streams",
        socket_faults.stale_snapshot,
        frozenset({"get_depth"}),
    ),
}
