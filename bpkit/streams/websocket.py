"""Open one WebSocket: proxy, certificates, no redirect; and say in words why it ended.

On this computer no proxy is used, whatever the environment says.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

from ..errors import hide_secrets, missing_extra
from ..network.failures import Failure, failure
from ..network.route import Route, route_to

if TYPE_CHECKING:
    from websockets.exceptions import ConnectionClosed
    from websockets.sync.client import ClientConnection

MOST_BYTES = 2**24  # of one frame
OPENING = 10.0  # seconds to connect and to shake hands
CLOSING = 1.0  # seconds for the server to answer a Close

# The library would log frames, and so signatures. ``logging.config`` does not find this logger, so
# no configuration can switch it on.
_SILENT = logging.Logger("bpkit.streams.silent")
_SILENT.disabled = True


class Lost(Exception):
    """A socket is of no more use. ``reason``: why, in words. ``again``: can another one help?"""

    def __init__(self, reason: str, again: bool = True) -> None:
        super().__init__(reason)
        self.reason, self.again = reason, again


@cache
def library() -> Any:
    """What connects. Raises MissingExtraError."""
    try:
        from websockets.exceptions import InvalidStatus
        from websockets.sync.client import ClientConnection, connect
    except ImportError:
        raise missing_extra("A stream", "websockets", "streams") from None

    class Straight(ClientConnection):
        """A connection that follows no redirect: it would lead to another host."""

        def handshake(self, *args: Any, **options: Any) -> None:
            try:
                super().handshake(*args, **options)
            except InvalidStatus as error:
                status = error.response.status_code
                again = status == 429 or status >= 500
                reason = f"the server answered with {status} and opened no stream"
                raise Lost(reason, again) from None

    def straight(url: str, **options: Any) -> Any:
        return connect(url, create_connection=Straight, **options)

    return straight


@contextmanager
def websocket(url: str, loopback: bool) -> Iterator[ClientConnection]:
    """An open socket, which is closed at the end. Raises Lost. ``loopback``: on this computer?"""
    route = Route() if loopback else route_to(f"http{url.removeprefix('ws')}")
    options: dict[str, Any] = {"compression": None} if loopback else {}
    with ExitStack() as stack:
        try:
            options |= {"proxy": route.proxy_url}
            if url.startswith("wss"):
                options["ssl"] = route.context()
            opened = library()(
                url, open_timeout=OPENING, close_timeout=CLOSING, ping_interval=None,
                max_size=MOST_BYTES, max_queue=1024, user_agent_header="bpkit", logger=_SILENT,
                **options,
            )  # fmt: skip
            socket = stack.enter_context(opened)
        except Exception as error:
            raise _not_opened(error, url, route) from None
        yield socket


def _not_opened(error: Exception, url: str, route: Route) -> Lost:
    """Why there is no connection. The library's text is left out: it may have a password."""
    if isinstance(error, Lost):
        return error
    kind, where = type(error).__name__, f"the proxy {route.shown_proxy}"
    if isinstance(error, ImportError):
        return Lost(f"{where} needs a package: pip install python-socks", again=False)
    if kind == "InvalidProxyStatus":
        status = error.response.status_code  # type: ignore[attr-defined]
        return Lost(f"{where} refused the tunnel to {url} with {status}", status >= 500)
    if kind == "InvalidProxy" or (route.proxy and isinstance(error, ValueError)):
        return Lost(f"the address of the proxy is not valid: {route.shown_proxy}", again=False)
    if isinstance(error, OSError | EOFError | Failure):
        why = failure(error, "connect", url, route, OPENING)
        return Lost(why.reason, why.again)
    return Lost(f"no WebSocket was opened at {url} ({kind})")


def call(function: Callable[..., Any], *args: Any) -> Any:
    """What a function of a socket returns; None: nothing came in time. Raises Lost."""
    try:
        return function(*args)
    except TimeoutError:
        return None
    except _closed() as closed:  # called only if there is an error: an import takes time
        if closed.rcvd is None:
            raise Lost("the connection was cut") from None
        code, reason = closed.rcvd.code, hide_secrets(closed.rcvd.reason[:80])
        raise Lost(f"the exchange closed it ({code}{' ' + reason if reason else ''})") from None


def _closed() -> type[ConnectionClosed]:
    from websockets.exceptions import ConnectionClosed

    return ConnectionClosed
