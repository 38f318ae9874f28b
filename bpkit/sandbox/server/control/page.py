"""The page that ``GET /`` shows: what this is, how to sign, how to steer it, what was refused.

It is text of 80 columns, for a terminal; in a browser the same text, with links. It shows neither
the token nor a secret.
"""

from __future__ import annotations

import html
import re
import textwrap
from collections.abc import Iterator
from typing import Any

from ..answers import Response
from ..service import NOT_SIMULATED
from .clock import State, clock, status
from .forms import HEADERS, PREFIX, Answer, json_answer
from .table import ROUTES, Route

WIDTH = 80
WINDOW = 60_000  # ms for which the signed example is valid
REFUSALS = 5
_EXAMPLES = {"symbol": "SOL_USDC", "accounts": "bob", "snapshots": "before"}
_URL = re.compile(r"https?://[^\s'\"<>]+")
_CSP = "default-src 'none'; style-src 'unsafe-inline'"
_STYLE = (
    "body{margin:2em auto;max-width:52em;padding:0 1em}"
    "pre{white-space:pre-wrap;overflow-wrap:anywhere}"
)


def first_page(state: State, base: str, accept: str, now_ms: int) -> Response:
    """For a browser, for a program that asks for JSON, or for a terminal.

    ``base``: the address by which the sandbox was reached. ``accept``: what the client takes.
    """
    kinds = [part.partition(";")[0].strip().lower() for part in accept.split(",")]
    kind = next((one for one in kinds if one in ("text/html", "application/json")), "text/plain")
    if kind == "application/json":
        return json_answer(Answer(200, status(state)))
    text = "\n".join(lines(state, base, now_ms)) + "\n"
    headers = HEADERS | {"Content-Type": f"{kind}; charset=utf-8", "Vary": "Accept"}
    if kind == "text/html":
        text = _in_html(text, state.owner.version)
        headers["Content-Security-Policy"] = _CSP
    return Response(200, headers, text.encode())


def lines(state: State, base: str, now_ms: int) -> Iterator[str]:
    """The page as text."""
    yield from _beginning(state, base)
    yield from _signing(state, base, now_ms)
    yield from _steering(state, base)
    yield from _ending(state, base)


def _beginning(state: State, base: str) -> Iterator[str]:
    now = clock(state)
    speed = now.get("speed")
    runs = {0: "it does not pass", 1: "as fast as a clock", None: "it advances now"}
    title = f"bpkit sandbox {state.owner.version}"
    yield from (title, "=" * len(title), "")
    yield from _wrapped(
        "This is not Backpack, and there is no money here. It is an exchange with the same paths, "
        "the same JSON and real signatures, for practice and for tests."
    )
    yield from ("", f"address      {base}")
    how = runs.get(speed, f"{speed} seconds pass in each second")
    yield f"market time  {now['time']} ({how})"
    yield f"seed         {state.service.seed}"
    yield f"demo key     {state.owner.public_key}"
    yield "             (its secret was printed at the start, and is in Backpack's guide)"


def _signing(state: State, base: str, now_ms: int) -> Iterator[str]:
    signed = f"instruction=balanceQuery&timestamp={now_ms}&window={WINDOW}"
    yield from _headline("Sign a request")
    yield "1. Begin with instruction=<name>; the documentation has the name of each call."
    yield "2. Add the parameters in alphabetical order, each as &name=value."
    yield "3. Add &timestamp=<Unix time in ms>&window=<ms>; the window is often 5000."
    yield "4. Sign the UTF-8 bytes of this text with ED25519; write the result in base64."
    yield "5. Send it in X-Signature, with X-API-Key, X-Timestamp and X-Window."
    yield from ("", "A request that needs no signature:", "")
    yield f"  curl '{base}/api/v1/ticker?symbol=SOL_USDC'"
    yield ""
    yield from _wrapped(
        "A request that the demo key has signed; it is valid for one minute. The text that was "
        "signed:"
    )
    yield from ("", f"  {signed}", "")
    yield f"  curl '{base}/api/v1/capital' \\"
    yield f"    -H 'X-API-Key: {state.owner.public_key}' \\"
    yield f"    -H 'X-Timestamp: {now_ms}' -H 'X-Window: {WINDOW}' \\"
    yield f"    -H 'X-Signature: {state.owner.sign(signed)}'"
    yield ""
    yield from _wrapped(
        "If a signature is refused, the answer has the header X-Sandbox-Finding. It says what is "
        "wrong with the request, and what to do. The log has it, too."
    )


def _steering(state: State, base: str) -> Iterator[str]:
    yield from _headline("Steer it")
    yield from _wrapped(
        "These calls need the token that you gave the sandbox, or that it printed at its start (in "
        "Python: sandbox.token). Put it into the variable BPKIT_SANDBOX_TOKEN of your shell, then "
        "copy this:"
    )
    yield from (
        "",
        f"  SANDBOX={base}{PREFIX}",
        "  steer() {",
        '    method=$1; path=$2; shift 2; curl -sS -X "$method" "$SANDBOX$path" \\',
        '      -H "Authorization: Bearer $BPKIT_SANDBOX_TOKEN" \\',
        '      -H "Content-Type: application/json" "$@"; }',
        "",
    )
    yield from _wrapped(
        "Then each of these lines works, from the top to the bottom. The names in brackets are the "
        "fields that a call takes. Bodies and answers are JSON, money is text; a span is a number "
        'of seconds, or text such as "5m". An error says what to write.'
    )
    for route in ROUTES:
        fields = ", ".join(route.fields or route.query)
        yield ""
        yield from _wrapped(f"{route.says}{f' ({fields})' if fields else ''}")
        yield f"  {_example(state, route)}"


def _example(state: State, route: Route) -> str:
    names = {**_EXAMPLES, "id": state.service.faults.next_id}
    names["name"] = names.get(route.path.split("/")[1], "") if route.path else ""
    path = re.sub(r"\{(\w+)\}", lambda found: names[found[1]], route.path)
    if route.file:
        return f"steer {route.method} {path.replace('before', 'after')} -d @before.json"
    if route.path == "/snapshots/{name}" and route.method == "GET":
        return f"steer GET {path} > before.json"
    return f"steer {route.method} {path or '/'}" + (
        f" -d '{route.example}'" if route.example else ""
    )


def _ending(state: State, base: str) -> Iterator[str]:
    yield from _headline("What is not simulated")
    left_out = ", ".join(sorted(NOT_SIMULATED)) or "nothing that is documented"
    yield from _wrapped(
        f"These operations are answered with 501: {left_out}. Prices are made up, and no "
        "other people trade. Every behaviour, with its evidence:"
    )
    yield f"  {base}{PREFIX}/parity"
    yield from _headline("What was refused last")
    refused = [one for one in reversed(state.service.log) if one["status"] >= 400][:REFUSALS]
    if not refused:
        yield "Nothing yet."
    for entry in refused:
        yield from _refusal(entry)


def _refusal(entry: dict[str, Any]) -> Iterator[str]:
    what = f"{entry['time']:%H:%M:%S} {entry['method']} {entry['path']}: {entry['status']}"
    yield from _wrapped(_printable(f"{what} {entry['verdict']}"[:400]), "  ")
    for line in (entry["finding"] or "").splitlines():
        yield from _wrapped(_printable(line), "  ", "  ")


def _printable(text: str) -> str:
    """What a client sent must not steer the terminal of who reads the page."""
    return "".join(sign if sign.isprintable() else "?" for sign in text)


def _headline(text: str) -> list[str]:
    return ["", "", text, "-" * len(text), ""]


def _wrapped(text: str, indent: str = "", first: str = "") -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent=first, subsequent_indent=indent)


def _in_html(text: str, version: str) -> str:
    safe = html.escape(text, quote=False)
    linked = _URL.sub(lambda found: f'<a href="{found[0]}">{found[0]}</a>', safe)
    return (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>bpkit sandbox {version}</title><style>{_STYLE}</style></head>"
        f"<body><pre>{linked}</pre></body></html>"
    )
