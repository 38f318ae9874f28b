"""What each fault of requests does: change an answer, or answer instead of the exchange."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .answers import Response, error, success
from .record import RequestRecord

if TYPE_CHECKING:
    from .fault_table import GoOn
    from .faults import Fault


def rate_limit(fault: Fault, record: RequestRecord, go_on: GoOn) -> Response:
    """Refuse the request before anything is done."""
    fault.hit(record, "429 TOO_MANY_REQUESTS")
    return error(429, "TOO_MANY_REQUESTS", "Too many requests")


def maintenance(fault: Fault, record: RequestRecord, go_on: GoOn) -> Response:
    """Refuse it, unless it asks for the status, a ping or the time."""
    operation = record.operation
    if operation is not None and operation.name in ("ping", "get_time"):
        return go_on()
    fault.hit(record, "maintenance")
    if operation is not None and operation.name == "get_status":
        return success(operation, {"message": None, "status": "Maintenance"})
    return error(503, "MAINTENANCE", "System under maintenance")


def bad_gateway(fault: Fault, record: RequestRecord, go_on: GoOn) -> Response:
    """The edge answers instead of the exchange."""
    fault.hit(record, "502 from the edge")
    return _edge("502 Bad Gateway")


def gateway_timeout(fault: Fault, record: RequestRecord, go_on: GoOn) -> Response:
    """The edge answers after the request was carried out."""
    answer = go_on()
    if answer.cut:  # a connection that is cut stays cut
        return answer
    fault.hit(record, "504 from the edge")
    return _edge("504 Gateway Timeout")._replace(delay=answer.delay)


def _edge(title: str) -> Response:
    page = f"<!DOCTYPE html><html><head><title>{title}</title></head><body>{title}</body></html>"
    headers = {"Content-Type": "text/html", "X-Cache": "Error from cloudfront"}
    return Response(int(title[:3]), headers, page.encode())


def slow(fault: Fault, record: RequestRecord, go_on: GoOn) -> Response:
    """The answer is late."""
    answer = go_on()
    fault.hit(record, f"reply {fault.seconds:g} s late")
    return answer._replace(delay=answer.delay + fault.seconds)


def lost_request(fault: Fault, record: RequestRecord, go_on: GoOn) -> Response:
    """Cut the connection before the request reaches the exchange."""
    fault.hit(record, "request lost")
    return Response(0, {}, b"", cut=True)


def lost_reply(fault: Fault, record: RequestRecord, go_on: GoOn) -> Response:
    """Cut the connection after the request was carried out."""
    answer = go_on()
    fault.hit(record, "reply lost")
    return Response(0, {}, b"", answer.delay, cut=True)


def truncated(fault: Fault, record: RequestRecord, go_on: GoOn) -> Response:
    """Send half of the JSON."""
    answer = go_on()
    # Half of a plain text, such as the time, would be another valid text.
    if not answer.headers.get("Content-Type", "").startswith("application/json"):
        return answer
    fault.hit(record, "reply broken off")
    return answer._replace(body=answer.body[: len(answer.body) // 2])


def no_body(fault: Fault, record: RequestRecord, go_on: GoOn) -> Response:
    """202 without a body instead of a success."""
    answer = go_on()
    if not 200 <= answer.status < 300:
        return answer
    fault.hit(record, "202 without a body")
    headers = {name: value for name, value in answer.headers.items() if name != "Content-Type"}
    return answer._replace(status=202, headers=headers, body=b"")


def stale_cache(fault: Fault, record: RequestRecord, go_on: GoOn) -> Response:
    """Repeat the first answer to the same request."""
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
