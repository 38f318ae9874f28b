"""What test modules import: a client and a server of their own, and constants.

The fixtures are in ``conftest``. pytest keeps a module of that name for each folder, so no test
imports from it.
"""

from __future__ import annotations

import json
import threading
import time
from base64 import b64decode, b64encode
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import requests
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import settings
from watch import Watch

from bpkit.operations import OPERATIONS, Operation

# The secret that the exchange's own Python guide prints; it opens the sandbox's first account.
DEMO_SECRET = "TDSkv44jf/iD/QCKkyCdixO+p1sfLXxk+PZH7mW/ams="

VECTORS = json.loads((Path(__file__).parent / "data/signing_vectors.json").read_text("utf-8"))

WATCH = Watch()
WATCH.install()


def examples(count: int) -> int:
    """How many examples a property is given; ten times as many in the thorough profile."""
    return 10 * count if settings.get_current_profile_name() == "thorough" else count


class Plain:
    """A client of plain ``requests`` with its own signer, independent of bpkit's client.

    ``call(name, fields)`` sends one operation and returns the answer as it arrived. ``fields`` of a
    batch is a list. ``sign``: sign these fields instead, as a client with a mistake does.
    """

    def __init__(self, url: str, secret: str = DEMO_SECRET) -> None:
        self.url, self.session = url, requests.Session()
        self._private = Ed25519PrivateKey.from_private_bytes(b64decode(secret))
        self.public_key = b64encode(self._private.public_key().public_bytes_raw()).decode()

    def get(self, target: str) -> requests.Response:
        """Send an unsigned GET of a path with its query."""
        return self.session.get(self.url + target, timeout=10)

    def call(self, name: str, fields: Any = None, sign: Any = None) -> requests.Response:
        operation, fields = OPERATIONS[name], {} if fields is None else fields
        headers = self.headers(operation, fields if sign is None else sign)
        url = self.url + operation.path
        if operation.method == "GET":
            return self.session.get(url, params=fields, headers=headers, timeout=10)
        return self.session.request(operation.method, url, json=fields, headers=headers, timeout=10)

    def headers(self, operation: Operation, fields: Any) -> dict[str, str]:
        if operation.instruction is None:
            return {}
        parts: list[str] = []
        for one in fields if isinstance(fields, list) else [fields]:
            parts.append(f"instruction={operation.instruction}")
            for name in sorted(one):
                value = one[name]
                parts.append(f"{name}={str(value).lower() if isinstance(value, bool) else value}")
        timestamp = time.time_ns() // 1_000_000
        text = f"{'&'.join(parts)}&timestamp={timestamp}&window=60000"
        return {
            "X-API-Key": self.public_key,
            "X-Signature": b64encode(self._private.sign(text.encode())).decode(),
            "X-Timestamp": str(timestamp),
            "X-Window": "60000",
        }

    def __enter__(self) -> Plain:
        return self

    def __exit__(self, *error: object) -> None:
        self.session.close()


PLACED = '{"id":"1","rfqId":"1","quoteId":"1","status":"New"}'  # the smallest answer
PLACING = ("order", "withdrawal", "strategy", "rfq", "quote")


def least_answer(name: str, orders: int = 2) -> str:
    """The smallest answer that an operation accepts. ``orders``: how many a batch has."""
    kind = OPERATIONS[name].answer
    if kind == "batch":
        return json.dumps([{"operation": "Ok", "id": "1", "status": "New"}] * orders)
    if kind == "time":
        return "1788264000000"
    return PLACED if kind in PLACING else "{}"


class Scripted:
    """A server that gives the answers of the test, and remembers the requests.

    ``answers``: a list of (status, headers, body), or None to cut the connection without an answer.
    The last one is repeated; if there is none, the connection is cut.
    """

    def __init__(self) -> None:
        self.answers: list[tuple[int, dict[str, str], bytes] | None] = []
        self.requests: list[dict[str, Any]] = []
        self.connections = 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                outer.connections += 1
                super().setup()

            def respond(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                outer.requests.append(
                    {
                        "method": self.command,
                        "target": self.path,
                        "headers": {name.lower(): value for name, value in self.headers.items()},
                        "body": body,
                    }
                )
                answer = outer.answers[0] if outer.answers else None
                if len(outer.answers) > 1:
                    del outer.answers[0]
                if answer is None:
                    self.close_connection = True
                    return
                status, headers, content = answer
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                if status != 204:
                    self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                if status != 204:
                    self.wfile.write(content)

            do_GET = do_POST = do_DELETE = do_PATCH = do_PUT = respond

            def log_message(self, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        serve = self._server.serve_forever
        threading.Thread(target=serve, args=(0.01,), daemon=True).start()

    def says(self, status: int, body: str = "", content_type: str = "application/json") -> None:
        """Add an answer."""
        self.answers.append((status, {"Content-Type": content_type}, body.encode()))

    def cuts(self) -> None:
        self.answers.append(None)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
