"""Steer the sandbox over HTTP: which calls there are, who may call, errors, and the log of it.

Everything is under ``/sandbox/v1``, and ``/`` is a page for a person. No fault touches these
calls. ``table`` lists them; ``clock``, ``market`` and ``snapshots`` carry them out; ``forms`` reads
what they contain.
"""

from __future__ import annotations

import hmac
import logging
import re
import zlib
from collections.abc import Mapping
from urllib.parse import unquote

from .. import handshake
from ..answers import Response
from ..parsing import Unreadable
from ..record import LONGEST, RequestRecord
from ..service import Service
from .clock import State
from .forms import (
    PREFIX,
    Answer,
    Call,
    Later,
    Owner,
    Refused,
    check_content_type,
    error_of,
    json_answer,
    read_body,
    read_query,
    wrong,
)
from .page import first_page
from .table import ROUTES, Route

MOST_BYTES, MOST_FILE = 1_000_000, 256_000_000  # of a body; of a snapshot that is sent
_SECRET = re.compile(r"[A-Za-z0-9+/_\\-]{40,}=")  # a key in base64
_MAYBE_SECRET = re.compile(r"[A-Za-z0-9+/_\\-]{40,}={0,2}")  # it may have lost its last letter
_PATHS = [
    (re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", route.path)), route) for route in ROUTES
]
_log = logging.getLogger(__name__)


def is_control(path: str) -> bool:
    """Does the path belong to the sandbox itself, and not to the exchange?"""
    return path == "/" or path.startswith("/sandbox/")


def turn(method: str, path: str) -> str:
    """How a call is carried out: under the service's ``lock``; at once (``now``); or in a
    ``thread`` without the lock, because it takes long or waits for another thread."""
    route = _routes(path).get(method)
    return "lock" if route is None else route.turn


def most_bytes(method: str, path: str) -> int:
    """How long the body of a call may be."""
    route = _routes(path).get(method)
    return MOST_FILE if route is not None and route.file else MOST_BYTES


class Control:
    """The calls by which a service is steered. ``url``: for the page, if a request has no Host."""

    def __init__(self, service: Service, owner: Owner, url: str) -> None:
        self.state = State(service, owner)
        self._service, self._url = service, url

    def begin(
        self, method: str, path: str, query: str, headers: Mapping[str, str], body: bytes
    ) -> Response | Later:
        """Carry out a call. ``headers``: names in lower case. Never raises."""
        record = RequestRecord(method, path, query, headers, b"", self._service.clock(), None)
        route = _routes(path).get(method)
        try:
            outcome = self._carry_out(record, route, body)
        except Refused as refused:
            record.refusal = f"{refused.code}: {refused.message}"
            outcome = json_answer(error_of(refused))
        except Exception as defect:
            outcome = json_answer(self._defect(record, defect))
        if path == "/" or (route is not None and route.open):
            return outcome
        status = 200 if isinstance(outcome, Later) else outcome.status
        record.body = b"(a file)" if route is not None and route.file else body[: LONGEST + 1]
        entry = record.log_entry(Response(status, {}, b"")) | {"control": True}
        entry |= {"seed": self._service.seed}
        entry["body"] = _MAYBE_SECRET.sub("(hidden)", entry["body"])
        for name in ("path", "query", "verdict"):
            entry[name] = _SECRET.sub("(hidden)", entry[name])
        with self._service.lock:
            self._service.note(entry)
        return outcome._replace(entry=entry) if isinstance(outcome, Later) else outcome

    def finish(self, later: Later) -> Response:
        """The answer, when the advance is done. Never raises."""
        try:
            later.advance.wait()
            return json_answer(later.answer())
        except Exception as defect:
            answer = self._defect(None, defect)
            if later.entry is not None:
                failed = f"a defect of the sandbox: {defect!r}"
                later.entry.update(status=answer.status, verdict=failed)
            return json_answer(answer)

    def _carry_out(
        self, record: RequestRecord, route: Route | None, body: bytes
    ) -> Response | Later:
        """Raises Refused."""
        headers = record.headers
        try:
            handshake.check_host(headers.get("host", ""), self._service.names)
        except Unreadable as error:
            raise Refused(421, "WRONG_HOST", error.text) from None
        if record.path == "/":
            if record.method not in ("GET", "HEAD"):
                raise _wrong_method(record.method, ["GET"])
            host = headers.get("host")
            base = f"http://{host}" if host else self._url
            return first_page(self.state, base, headers.get("accept", ""), record.now_ms)
        if route is None or not route.open:
            self._check_token(headers.get("authorization", ""))
        if route is None:
            routes = _routes(record.path)
            if routes:
                raise _wrong_method(record.method, list(routes))
            raise Refused(404, "UNKNOWN_PATH", f"there is no {record.path[:200]}; GET / lists all")
        outcome = route.act(self.state, _call(record, route, body))
        return outcome if isinstance(outcome, Later) else json_answer(outcome)

    def _check_token(self, authorization: str) -> None:
        kind, _, token = authorization.partition(" ")
        given = token.strip().encode()
        if kind.lower() == "bearer" and hmac.compare_digest(given, self.state.owner.token.encode()):
            return
        said = "is wrong" if given else "is missing"
        raise Refused(
            401,
            "TOKEN_NEEDED",
            f"the token {said}; send the header Authorization: Bearer <token>, with the token "
            "that you gave the sandbox, or that it printed at its start (in Python: sandbox.token)",
            headers={"WWW-Authenticate": "Bearer"},
        )

    def _defect(self, record: RequestRecord | None, defect: Exception) -> Answer:
        _log.exception("the sandbox failed at a control call", exc_info=defect)
        if record is not None:
            record.refusal = f"a defect of the sandbox: {defect!r}"
        said = f"the sandbox failed; this is a defect of it: {defect!r}"
        return error_of(Refused(500, "DEFECT", said))


def _routes(path: str) -> dict[str, Route]:
    """Method -> route, of a path. HEAD is a GET whose body is not sent."""
    below = path.removeprefix(PREFIX) if path.startswith(PREFIX) else "?"
    below = "" if below == "/" else below
    found = {route.method: route for pattern, route in _PATHS if pattern.fullmatch(below)}
    return found | ({"HEAD": found["GET"]} if "GET" in found else {})


def _wrong_method(method: str, allowed: list[str]) -> Refused:
    names = [one for one in allowed if one != "HEAD"]
    allow = ", ".join(names)
    said = f"{method[:20]} is not possible here; use {' or '.join(names)}"
    return Refused(405, "WRONG_METHOD", said, headers={"Allow": allow})


def _call(record: RequestRecord, route: Route, body: bytes) -> Call:
    """Raises Refused."""
    if len(body) > most_bytes(route.method, record.path):
        raise too_large(route.method, record.path)
    found = next(pattern for pattern, one in _PATHS if one is route).fullmatch(
        record.path.removeprefix(PREFIX)
    )
    names = {} if found is None else {name: unquote(one) for name, one in found.groupdict().items()}
    query, headers = read_query(record.query, route.query), record.headers
    gzip = "gzip" in headers.get("accept-encoding", "")
    content_type = headers.get("content-type", "")
    if not route.file:
        return Call(names, query, read_body(body, content_type, route.fields), gzip=gzip)
    check_content_type(content_type)
    if headers.get("content-encoding", "").lower() == "gzip":
        body = _unpacked(body)
    return Call(names, query, {}, body, gzip)


def too_large(method: str, path: str) -> Refused:
    """The refusal of a body that is too long."""
    most = most_bytes(method, path)
    return Refused(413, "TOO_LARGE", f"the body has more than {most:,} bytes")


def _unpacked(body: bytes) -> bytes:
    """Of gzip, and not longer than a file may be: a small one could fill the memory."""
    try:
        reader = zlib.decompressobj(16 + zlib.MAX_WBITS)
        whole = reader.decompress(body, MOST_FILE)
    except zlib.error:
        raise wrong(
            None, "the body is not gzip; send it as it was, or without compression"
        ) from None
    if reader.unconsumed_tail or not reader.eof:
        raise Refused(413, "TOO_LARGE", f"the file is broken off, or above {MOST_FILE:,} bytes")
    return whole


def refusal(refused: Refused) -> Response:
    """The answer to a call that is refused before its body is read."""
    return json_answer(error_of(refused))
