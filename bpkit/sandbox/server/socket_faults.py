"""What the faults of WebSockets do: to the sockets, to the frames, and to the depth in REST.

``ws_cut``, ``ws_close`` and ``ws_dead`` hit sockets: those that are open when the fault begins, and
those that open while it is on. ``ws_silent``, ``ws_drop``, ``ws_duplicate`` and ``ws_reorder`` hit
frames; a frame counts once, however many sockets have subscribed it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from ..core.exchange import Exchange
from ..core.outbox import Frame
from .answers import Response, success
from .record import RequestRecord

if TYPE_CHECKING:
    from .fault_table import GoOn
    from .faults import Fault
    from .subscriptions import Socket

ENDINGS = {"ws_cut": "cut", "ws_close": "close", "ws_dead": "dead"}
MOST_LEVELS = 1000  # of a side, in an answer of REST


# --- sockets --------------------------------------------------------------------------------------


def endings(faults: Iterable[Fault], sockets: Iterable[Socket]) -> Iterator[Callable[[], None]]:
    """What happens to these sockets: the first fault that hits one of them ends it."""
    on = [fault for fault in faults if fault.name in ENDINGS]
    for socket in sockets:
        hit = next((fault for fault in on if fault.strikes()), None)
        if hit is not None:
            yield partial(socket.end, ENDINGS[hit.name])


def refuses(faults: Iterable[Fault]) -> Fault | None:
    """The fault that refuses a handshake, if one does."""
    return next((one for one in faults if one.name == "ws_refused" and one.strikes()), None)


# --- frames ---------------------------------------------------------------------------------------


def passed(faults: Iterable[Fault], frames: list[Frame]) -> list[Frame]:
    """The frames as they are sent: some may be missing, come twice or in another order."""
    for fault in faults if frames else ():
        change = _CHANGES.get(fault.name)
        if change is not None:
            frames = [one for frame in frames for one in change(fault, frame)]
    return frames


def silent(faults: Iterable[Fault]) -> bool:
    """Is an error not sent?"""
    return any(one.name == "ws_silent" and one.strikes() for one in faults)


def kept_back(fault: Fault) -> list[Frame]:
    """The frames that still wait for their successor when the fault ends."""
    return list(fault.kept.values()) if fault.name == "ws_reorder" else []


def _silence(fault: Fault, frame: Frame) -> list[Frame]:
    return [] if fault.strikes() else [frame]


def _drop(fault: Fault, frame: Frame) -> list[Frame]:
    if not _is_depth(frame):
        return [frame]
    count = fault.kept[frame.stream] = fault.kept.get(frame.stream, 0) + 1
    return [] if count % 2 == 1 and fault.strikes() else [frame]


def _duplicate(fault: Fault, frame: Frame) -> list[Frame]:
    return [frame, frame] if fault.strikes() else [frame]


def _reorder(fault: Fault, frame: Frame) -> list[Frame]:
    if not _is_depth(frame):
        return [frame]
    earlier = fault.kept.pop(frame.stream, None)
    if earlier is not None:
        return [frame, earlier]
    if not fault.strikes():
        return [frame]
    fault.kept[frame.stream] = frame
    return []


def _is_depth(frame: Frame) -> bool:
    return frame.stream.startswith("depth.")


_CHANGES: dict[str, Callable[[Fault, Frame], list[Frame]]] = {
    "ws_silent": _silence,
    "ws_drop": _drop,
    "ws_duplicate": _duplicate,
    "ws_reorder": _reorder,
}


# --- the depth in REST ----------------------------------------------------------------------------


def remember_depths(fault: Fault, exchange: Exchange) -> None:
    """Keep the depth of each open market, as it is when the fault begins."""
    if fault.name == "ws_stale_snapshot":
        markets = [one for one in exchange.markets.values() if one.open]
        fault.kept |= {one.symbol: exchange.depth(one.symbol) for one in markets}


def stale_snapshot(fault: Fault, record: RequestRecord, go_on: GoOn) -> Response:
    """The depth as it was when the fault began, if it has changed since then."""
    answer = go_on()
    query = parse_qs(record.query)
    depth = fault.kept.get(query.get("symbol", [""])[0])
    if record.operation is None or answer.status != 200 or depth is None:
        return answer
    if json.loads(answer.body)["lastUpdateId"] == depth["lastUpdateId"]:
        return answer
    fault.hit(record, "answered with an older depth")
    limit = int(query.get("limit", [str(MOST_LEVELS)])[0])
    sides = {"asks": depth["asks"][:limit], "bids": depth["bids"][-limit:]}
    return success(record.operation, depth | sides)
