"""Send one request, and say how far it got: not sent, sent without an answer, or answered.

The connection notes when the first byte of the request leaves, so this does not depend on which
exception a library raises. A connection is not used again after a failure, after an interim answer
(a status below 200), or after a byte that belongs to no answer.
"""

from __future__ import annotations

import http.client
import io
import json
import re
import socket
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, NamedTuple

import requests
from requests.adapters import HTTPAdapter

from .failures import Failure, failure
from .route import Route, route_to

CHUNK = 65_536  # bytes that are read, and then decoded, at a time


class Answered(NamedTuple):
    """An answer of any status. ``content``: the decoded bytes."""

    status: int
    phrase: str
    headers: Mapping[str, str]
    content: bytes

    @property
    def retry_after(self) -> float | None:
        """The seconds that the exchange says to wait, if it says so."""
        told = self.headers.get("Retry-After", "").strip()
        return float(told) if re.fullmatch(r"\d{1,9}", told, re.ASCII) else None


class _Progress(threading.local):
    """How far the request of this thread is."""

    stage = "setup"  # then "connect", then "sent": from then on, it may have arrived
    deadline = 0.0  # of time.monotonic


_PROGRESS = _Progress()


class Connection:
    """The kept connections to one host. Threads may share it.

    ``connect_timeout``: seconds. ``most``: the most bytes of a decoded answer.
    """

    def __init__(self, url: str, loopback: bool, connect_timeout: float, most: int) -> None:
        self.route = Route() if loopback else route_to(url)
        self._url, self._connect_timeout, self._most = url, connect_timeout, most
        self._proxies = {"https": self.route.proxy} if self.route.proxy else {}
        self._adapter = _Adapter(pool_maxsize=16)  # as many as a download sends at once

    def send(self, request: requests.PreparedRequest, seconds: float) -> Answered:
        """The answer, complete after at most ``seconds``. Raises Failure.

        The system limits the search for the host's address; the deadline does not.
        """
        _PROGRESS.stage, _PROGRESS.deadline = "setup", time.monotonic() + seconds
        parts, size = [], 0
        try:
            if self.route.verify is not True:
                self.route.check()
            response = self._adapter.send(
                request, stream=True, timeout=(min(self._connect_timeout, seconds), seconds),
                verify=self.route.verify, proxies=self._proxies,
            )  # fmt: skip
            # Below 200, the answer itself is still to come. Closed unread, the connection is gone.
            with response:
                while response.status_code >= 200 and (
                    part := response.raw.read(CHUNK, decode_content=True)
                ):
                    parts.append(part)
                    size += len(part)
                    if size > self._most:
                        reason = f"the answer is longer than {self._most} bytes"
                        raise Failure(reason, sent=True)
        except Exception as error:
            self.close()
            stage = _PROGRESS.stage
            raise failure(error, stage, self._url, self.route, seconds) from None
        content = b"".join(parts)
        return Answered(response.status_code, response.reason or "", response.headers, content)

    @property
    def sent(self) -> bool:
        """May some of this thread's last request have left?"""
        return _PROGRESS.stage == "sent"

    def close(self) -> None:
        """Close the connections that are open; others open when they are needed."""
        self._adapter.close()


class _Adapter(HTTPAdapter):
    """requests' own adapter, with connections that note their progress."""

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options)
        _track(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        if proxy not in self.proxy_manager:
            _track(super().proxy_manager_for(proxy, **options))
        return self.proxy_manager[proxy]


def _track(manager: Any) -> None:
    """Add ``_Tracked`` to the connections of a manager of urllib3, also of one for SOCKS."""
    manager.pool_classes_by_scheme = {
        scheme: type(pool.__name__, (pool,), {"ConnectionCls": _tracked(pool.ConnectionCls)})
        for scheme, pool in manager.pool_classes_by_scheme.items()
    }


def _tracked(kind: type) -> type:
    return type(kind.__name__, (_Tracked, kind), {})


class _Response(http.client.HTTPResponse):
    """An answer that is read before the deadline."""

    def __init__(self, sock: Any, *args: Any, **options: Any) -> None:
        super().__init__(sock, *args, **options)
        raw = _Socket()
        raw.sock, raw.source = sock, self.fp.detach()
        self.fp = _Reader(raw)


class _Tracked:
    """What is added to urllib3's connections: plain, encrypted, and through a proxy."""

    sock: Any
    response_class = _Response  # http.client makes an answer with this
    _connecting = False

    def connect(self) -> None:
        _PROGRESS.stage, self._connecting = "connect", True
        try:
            super().connect()  # type: ignore[misc]
        finally:
            self._connecting = False

    def send(self, data: Any) -> None:
        if self.sock is None:
            self.connect()
        if not self._connecting:  # what is sent while it connects is for a proxy
            if time.monotonic() > _PROGRESS.deadline and _PROGRESS.stage != "sent":
                raise TimeoutError
            _PROGRESS.stage = "sent"
        super().send(data)  # type: ignore[misc]


class _Socket(io.RawIOBase):
    """The bytes of a socket, until the deadline or the end of the answer."""

    sock: Any
    source: io.RawIOBase
    ended = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if self.ended:
            return 0
        left = _PROGRESS.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self.sock.settimeout(left)
        return self.source.readinto(buffer)


class _Reader(io.BufferedReader):
    """What http.client reads an answer from. It closes this where the answer ends."""

    def close(self) -> None:
        if self.closed:
            return
        raw: Any = self.raw
        raw.ended = True
        surplus = self.peek(1)  # bytes that belong to no answer
        super().close()
        raw.source.close()
        if surplus and _PROGRESS.stage == "sent":  # not the answer of a proxy to a tunnel
            with suppress(OSError):  # urllib3 sees that it has ended, and opens another
                raw.sock.shutdown(socket.SHUT_RDWR)


def first_part(content: bytes, request: requests.PreparedRequest) -> str:
    """The first 200 characters of an answer, without what only the sender may know."""
    return without_secrets(content[:4096].decode(errors="replace"), request)[:200]


def without_secrets(text: str, request: requests.PreparedRequest) -> str:
    """An answer that may repeat its request, without the signature and the second factor."""
    hidden = [request.headers.get("X-Signature")]
    with suppress(ValueError, TypeError):
        sent = json.loads(request.body or "null")
        hidden.append(sent.get("twoFactorToken") if isinstance(sent, dict) else None)
    for secret in filter(None, hidden):
        text = text.replace(str(secret), "(hidden)")
    return text
