"""The faults that are on now, and what each does to a request and to its answer.

They stand one behind the other between a client and the exchange; the one that began last stands
nearest to the client. Each lets a request pass and looks at its answer, or answers itself. Three of
them are the exchange's own: its clock, and whether it takes orders.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from ..core.rules import Refusal
from .answers import Response, error, success
from .faults import MARKETS, Fault, Visit

Pass = Callable[[], Response]


class Faults:
    """Those that are on now."""

    def __init__(self) -> None:
        self._on: list[Fault] = []

    def begin(self, fault: Fault) -> None:
        """It meets requests before all others do."""
        self._on.append(fault)

    def end(self, fault: Fault) -> None:
        """It is over."""
        self._on.remove(fault)

    def carry(self, visit: Visit, exchange: Callable[[Visit], Response]) -> Response:
        """Through all faults to the exchange, and its answer back."""
        go_on: Pass = partial(_reach, visit, exchange)
        for fault in self._on:
            go_on = partial(_pass, fault, visit, go_on)
        return go_on()

    def exchange_ms(self, visit: Visit) -> int:
        """What the exchange's clock shows, in Unix milliseconds."""
        for fault in self._of(visit, "clock_skew"):
            fault.hit(visit)
            return visit.now_ms + round(fault.seconds * 1000)
        return visit.now_ms

    def refusal(self, visit: Visit, symbol: str) -> Refusal | None:
        """Why a market takes no orders now, or None."""
        for fault in self._of(visit, "trading_paused", "cancel_only"):
            if fault.name == "trading_paused":
                fault.hit(visit)
                return Refusal(400, "TRADING_PAUSED", "Trading is paused")
            if fault.symbols is None or symbol in fault.symbols:
                fault.hit(visit)
                return Refusal(400, "INVALID_MARKET", "Market is cancel only")
        return None

    def shown(self, visit: Visit, result: Any) -> Any:
        """The result of an operation as it looks while these faults are on."""
        if visit.operation is None or visit.operation.name not in MARKETS:
            return result
        for fault in self._of(visit, "cancel_only"):
            fault.hit(visit)
            single = isinstance(result, dict)
            rows = [_cancel_only(fault, row) for row in ([result] if single else result)]
            result = rows[0] if single else rows
        return result

    def _of(self, visit: Visit, *names: str) -> Iterator[Fault]:
        """Innermost first."""
        return (one for one in self._on[::-1] if one.name in names and one.concerns(visit))


def _cancel_only(fault: Fault, market: dict[str, Any]) -> dict[str, Any]:
    concerned = fault.symbols is None or market["symbol"] in fault.symbols
    if not concerned or market["orderBookState"] != "Open":
        return market
    return market | {"orderBookState": "CancelOnly"}


# --- on the way -----------------------------------------------------------------------------------


def _reach(visit: Visit, exchange: Callable[[Visit], Response]) -> Response:
    visit.reached = True
    return exchange(visit)


def _pass(fault: Fault, visit: Visit, go_on: Pass) -> Response:
    way = _WAYS.get(fault.name)
    return way(fault, visit, go_on) if way and fault.concerns(visit) else go_on()


def _rate_limit(fault: Fault, visit: Visit, go_on: Pass) -> Response:
    fault.hit(visit, "429 TOO_MANY_REQUESTS")
    return error(429, "TOO_MANY_REQUESTS", "Too many requests")


def _maintenance(fault: Fault, visit: Visit, go_on: Pass) -> Response:
    operation = visit.operation
    if operation is not None and operation.name in ("ping", "get_time"):
        return go_on()
    fault.hit(visit, "maintenance")
    if operation is not None and operation.name == "get_status":
        return success(operation, {"message": None, "status": "Maintenance"})
    return error(503, "MAINTENANCE", "System under maintenance")


def _bad_gateway(fault: Fault, visit: Visit, go_on: Pass) -> Response:
    fault.hit(visit, "502 from the edge")
    return _edge("502 Bad Gateway")


def _gateway_timeout(fault: Fault, visit: Visit, go_on: Pass) -> Response:
    answer = go_on()
    fault.hit(visit, "504 from the edge")
    return _edge("504 Gateway Timeout")._replace(delay=answer.delay, cut=answer.cut)


def _edge(title: str) -> Response:
    page = f"<!DOCTYPE html><html><head><title>{title}</title></head><body>{title}</body></html>"
    headers = {"Content-Type": "text/html", "X-Cache": "Error from cloudfront"}
    return Response(int(title[:3]), headers, page.encode())


def _slow(fault: Fault, visit: Visit, go_on: Pass) -> Response:
    answer = go_on()
    fault.hit(visit, f"reply {fault.seconds:g} s late")
    return answer._replace(delay=answer.delay + fault.seconds)


def _lost_request(fault: Fault, visit: Visit, go_on: Pass) -> Response:
    fault.hit(visit, "request lost")
    return Response(0, {}, b"", cut=True)


def _lost_reply(fault: Fault, visit: Visit, go_on: Pass) -> Response:
    answer = go_on()
    fault.hit(visit, "reply lost")
    return Response(0, {}, b"", answer.delay, cut=True)


def _truncated(fault: Fault, visit: Visit, go_on: Pass) -> Response:
    answer = go_on()
    # The first half of a text, as of the time, would be another text, and no broken one.
    if not answer.headers.get("Content-Type", "").startswith("application/json"):
        return answer
    fault.hit(visit, "reply broken off")
    return answer._replace(body=answer.body[: len(answer.body) // 2])


def _no_body(fault: Fault, visit: Visit, go_on: Pass) -> Response:
    answer = go_on()
    if not 200 <= answer.status < 300:
        return answer
    fault.hit(visit, "202 without a body")
    headers = {name: value for name, value in answer.headers.items() if name != "Content-Type"}
    return answer._replace(status=202, headers=headers, body=b"")


def _stale_cache(fault: Fault, visit: Visit, go_on: Pass) -> Response:
    place = (visit.path, visit.query)
    if place in fault.kept:
        answer, since = fault.kept[place]
        fault.hit(visit, "answered from a cache")
        age = str(max(0, visit.now_ms - since) // 1000)
        return answer._replace(
            headers=answer.headers | {"X-Cache": "Hit from cloudfront", "Age": age}
        )
    answer = go_on()
    if answer.status in (200, 204):
        fault.kept[place] = (answer._replace(delay=0), visit.now_ms)
    return answer


_WAYS: dict[str, Callable[[Fault, Visit, Pass], Response]] = {
    "rate_limit": _rate_limit,
    "maintenance": _maintenance,
    "bad_gateway": _bad_gateway,
    "gateway_timeout": _gateway_timeout,
    "slow": _slow,
    "lost_request": _lost_request,
    "lost_reply": _lost_reply,
    "truncated": _truncated,
    "no_body": _no_body,
    "stale_cache": _stale_cache,
}
