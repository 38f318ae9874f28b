"""The X-ray of a request: its pieces are the text that is signed, and its bytes are what leaves."""

from __future__ import annotations

import re
import socket
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlsplit

import pandas as pd
import pytest
from helpers import PLACED, VECTORS, Scripted
from requests import PreparedRequest
from requests.structures import CaseInsensitiveDict

from bpkit import Client, serialize
from bpkit.doctor.explain import ORIGINS, Explanation
from bpkit.operations import OPERATIONS, Operation
from bpkit.signing import DEMO_PUBLIC_KEY, DEMO_SECRET, Key

HTTP_METHODS = {"GET", "POST", "DELETE", "PATCH"}
REFUSED = {"quantity_as_json_float", "quantity_small_float_no_exponent"}  # bpkit sends no floats
CASES = [
    case
    for case in VECTORS["cases"]
    if case["method"] in HTTP_METHODS and case["name"] not in REFUSED
]
TEXTS = {case["name"]: case for case in CASES}
SIGNATURE = TEXTS["seed_limit_order_sol_usdc"]["signature"]


def operation_of(case: dict[str, Any]) -> Operation:
    """By instruction too: a strategy and an order could share a path."""
    (found,) = [
        one
        for one in OPERATIONS.values()
        if (one.method, one.path, one.instruction)
        == (case["method"], case["path"], case["instruction"])
    ]
    return found


def fields_of(case: dict[str, Any]) -> Any:
    given = case["fields"]
    return (
        [serialize.fields(one) for one in given]
        if isinstance(given, list)
        else serialize.fields(given)
    )


def explained(
    operation: Operation,
    fields: Any,
    *,
    url: str | None = None,
    headers: dict[str, str] | None = None,
    timestamp: int = 1750000000000,
    window: int = 5000,
    **changed: Any,
) -> Explanation:
    """Of a request as it is before it is sent, to a host that is not this machine."""
    request = PreparedRequest()
    request.url = f"https://api.example{operation.path}" if url is None else url
    if operation.parameters_in == "body":
        request.body = serialize.body(fields)
    elif fields:
        request.url += f"?{serialize.query(fields)}"
    request.headers = CaseInsensitiveDict({"Accept": "*/*"} if headers is None else headers)
    if operation.instruction is not None:
        request.headers.update({"X-Timestamp": str(timestamp), "X-Window": str(window)})
        if headers is None:
            request.headers.update({"X-API-Key": DEMO_PUBLIC_KEY, "X-Signature": SIGNATURE})
    return Explanation(operation, fields, request, **changed)


def of_case(name: str, **changed: Any) -> Explanation:
    case = TEXTS[name]
    times = {"timestamp": case["timestamp"], "window": case["window"]}
    return explained(operation_of(case), fields_of(case), **times | changed)


class Page(HTMLParser):
    """What a browser would show of it: (tag, style) of every element, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[tuple[str, str]] = []
        self.spans: list[tuple[str, str]] = []  # (background, text) of what is coloured
        self.texts: dict[str, str] = {}  # all text inside of a kind of tag
        self.feed(html)
        self.close()
        assert self.open == [], "every element is closed"

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        style = dict(attributes).get("style") or ""
        self.tags.append(tag)
        self.open.append((tag, style))
        if tag == "span":
            found = re.search("background: (#[0-9a-f]{6}); color: #111111", style)
            assert found, "a background needs a text colour of its own"
            self.spans.append((found[1], ""))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop()[0] == tag

    def handle_data(self, text: str) -> None:
        for tag in {tag for tag, _ in self.open}:
            self.texts[tag] = self.texts.get(tag, "") + text
        if self.open and self.open[-1][0] == "span":
            colour, before = self.spans[-1]
            self.spans[-1] = (colour, before + text)


# --- the text and its pieces ----------------------------------------------------------------------


@pytest.mark.parametrize("name", TEXTS)
def test_the_pieces_are_the_text_that_is_signed(name: str) -> None:
    shown, expected = of_case(name), TEXTS[name]["text"]
    assert shown.text == expected
    assert "".join(row["piece"] for row in shown.pieces) == expected
    for row in shown.pieces:
        assert expected[row["place"] - 1 :].startswith(row["piece"])
        assert row["piece"].removeprefix("&") == f"{row['name']}={row['value']}"
        assert row["origin"] in ORIGINS


def test_an_order_piece_by_piece() -> None:
    shown = of_case("batch_single_order")
    assert shown.pieces[:2] == [
        {"order": 1, "place": 1, "piece": "instruction=orderExecute", "name": "instruction",
         "value": "orderExecute", "origin": "instruction"},
        {"order": 1, "place": 25, "piece": "&orderType=Limit", "name": "orderType",
         "value": "Limit", "origin": "body"},
    ]  # fmt: skip
    # 24 + 16 + 13 + 13 + 9 + 16 characters stand before the timestamp; with its "&" it has 24.
    assert shown.pieces[-2:] == [
        {"order": None, "place": 92, "piece": "&timestamp=1750793021519", "name": "timestamp",
         "value": "1750793021519", "origin": "X-Timestamp"},
        {"order": None, "place": 116, "piece": "&window=5000", "name": "window", "value": "5000",
         "origin": "X-Window"},
    ]  # fmt: skip


def origins(shown: Explanation) -> list[str]:
    return [f"{row['name']} {row['origin']}" for row in shown.pieces]


def test_parameters_of_a_query() -> None:
    assert origins(of_case("seed_deposit_address_solana")) == [
        "instruction instruction", "blockchain query", "timestamp X-Timestamp", "window X-Window",
    ]  # fmt: skip


def test_what_bpkit_chose_is_told_from_what_you_gave() -> None:
    shown = explained(OPERATIONS["execute_order"], {"symbol": "SOL_USDC", "clientId": 42}, made=[0])
    assert origins(shown) == [
        "instruction instruction", "clientId made here", "symbol body", "timestamp X-Timestamp",
        "window X-Window",
    ]  # fmt: skip
    given = explained(OPERATIONS["execute_order"], {"symbol": "SOL_USDC", "clientId": 42})
    assert "clientId body" in origins(given)


def test_a_batch_counts_its_orders() -> None:
    shown = of_case("batch_with_booleans", made=[1])
    assert [row["order"] for row in shown.pieces] == [1] * 8 + [2] * 9 + [None] * 2
    chosen = [(row["order"], row["origin"]) for row in shown.pieces if row["name"] == "clientId"]
    assert chosen == [(1, "body"), (2, "made here")]
    both = of_case("batch_with_booleans", made=[0, 1])
    assert [row["origin"] for row in both.pieces].count("made here") == 2


def test_no_batch_has_no_orders_to_count() -> None:
    shown = of_case("seed_limit_order_sol_usdc")
    assert {row["order"] for row in shown.pieces} == {None}
    assert "order" not in repr(shown).split("\n\n")[2].splitlines()[0]


def test_a_list_gives_a_piece_for_each_item() -> None:
    pieces = [row["piece"] for row in of_case("query_array_repeated_keys").pieces]
    assert pieces[1:4] == ["&marketType=PERP", "&marketType=SPOT", "&symbol=SOL_USDC"]


def test_an_ampersand_inside_of_a_value_parts_nothing() -> None:
    shown = of_case("query_value_ampersand")
    assert shown.pieces[1]["piece"] == "&clientId=a&limit=1"
    assert "clientId=a%26limit%3D1 " in shown.wire.decode()


def test_the_pieces_have_a_frame() -> None:
    made = of_case("batch_single_order").pieces.df
    assert list(made.columns) == ["order", "place", "piece", "name", "value", "origin"]
    assert made["order"].dtype == made["place"].dtype == pd.Int64Dtype()
    assert made["value"].tolist()[1] == "Limit" and made["order"].isna().sum() == 2


def test_a_public_operation_signs_nothing() -> None:
    shown = explained(OPERATIONS["get_ticker"], {"symbol": "SOL_USDC"})
    assert shown.text is None and shown.pieces == [] and len(shown.pieces.df) == 0
    assert repr(shown) == (
        "get_ticker: GET https://api.example/api/v1/ticker?symbol=SOL_USDC\n\n"
        "get_ticker is public: nothing is signed.\n\n"
        "What would be sent:\n"
        "GET /api/v1/ticker?symbol=SOL_USDC HTTP/1.1\nHost: api.example\nAccept: */*\n\n"
        "Nothing was sent."
    )
    page = Page(shown._repr_html_())
    assert "nothing is signed" in page.texts["p"] and page.spans == []


# --- what it shows --------------------------------------------------------------------------------


def test_as_text() -> None:
    operation, fields = OPERATIONS["execute_order"], {"symbol": "SOL_USDC", "clientId": 42}
    shown = explained(operation, fields, headers={}, made=[0])
    assert (
        repr(shown)
        == """\
execute_order: POST https://api.example/api/v1/order

The text that is signed, 88 characters:
instruction=orderExecute&clientId=42&symbol=SOL_USDC&timestamp=1750000000000&window=5000

place  piece                     origin
    1  instruction=orderExecute  instruction
   25  &clientId=42              made here
   37  &symbol=SOL_USDC          body
   53  &timestamp=1750000000000  X-Timestamp
   77  &window=5000              X-Window

instruction  the documentation's name for this operation: signed, but not sent
body         your parameter, sent in the JSON body
made here    chosen by bpkit, since you gave none; sent as if it were yours
X-Timestamp  the time of the signature in Unix milliseconds, sent as a header
X-Window     the milliseconds for which the signature is valid, sent as a header

What would be sent:
POST /api/v1/order HTTP/1.1
Host: api.example
X-Timestamp: 1750000000000
X-Window: 5000

{"symbol":"SOL_USDC","clientId":42}

Nothing was sent."""
    )


def test_a_batch_as_text_has_a_column_of_orders() -> None:
    table = repr(of_case("batch_single_order")).split("\n\n")[2].splitlines()
    assert table[:2] == [
        "order  place  piece                     origin",
        "    1      1  instruction=orderExecute  instruction",
    ]
    assert table[-1] == "         116  &window=5000              X-Window"


def test_what_a_terminal_would_obey_is_spelled_out() -> None:
    fields = {"address": "a\x1b[2Jb\nc", "symbol": "S\x9b2JL"}  # JSON leaves the latter as it is
    shown = repr(explained(OPERATIONS["request_withdrawal"], fields))
    assert "\x1b" not in shown and "\x9b" not in shown and r'"S\x9b2JL"' in shown
    assert r"&address=a\x1b[2Jb\nc" in shown


@pytest.mark.parametrize("name", ["seed_limit_order_sol_usdc", "batch_three_mixed"])
def test_the_coloured_text_is_the_text(name: str) -> None:
    shown = of_case(name, made=[0])
    page = Page(shown._repr_html_())
    coloured = page.spans[: len(shown.pieces)]
    assert "".join(text for _, text in coloured) == TEXTS[name]["text"]
    assert [colour for colour, _ in coloured] == [ORIGINS[row["origin"]] for row in shown.pieces]
    # Then the legend, once for each, and the table of pieces.
    legend = page.spans[len(coloured) : -len(coloured)]
    used = {row["origin"] for row in shown.pieces}
    assert legend == [(colour, origin) for origin, colour in ORIGINS.items() if origin in used]
    assert "Nothing was sent." in page.texts["p"]
    assert "POST /api/v1/order" in page.texts["pre"] and '"side":"Bid"' in page.texts["pre"]


def test_everything_in_it_is_text_not_markup() -> None:
    nasty = '<script>alert(1)</script><b title="x">&amp;\''
    fields = {"address": nasty, "symbol": "SOL", "<i>": "1"}
    shown = explained(OPERATIONS["request_withdrawal"], fields, headers={"X-<u>": "<s>"})
    page = Page(shown._repr_html_())
    assert set(page.tags) & {"script", "i", "u", "s"} == set()
    assert page.tags.count("b") == 1, "the name of the operation"
    assert nasty in page.spans[2][1], "a browser reads it back as it was"
    assert page.texts["pre"].count("<script>") == 1 and "X-<u>: <s>" in page.texts["pre"]
    reads = explained(OPERATIONS["get_ticker"], {}, url="https://api.example/a?b=<script>")
    assert "script" not in Page(reads._repr_html_()).tags


def luminance(colour: str) -> float:
    """Of #rrggbb, as WCAG 2 defines it."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("origin", ORIGINS)
def test_every_colour_can_be_read_on_and_seen(origin: str) -> None:
    background = luminance(ORIGINS[origin])
    assert (background + 0.05) / (luminance("#111111") + 0.05) >= 7, "WCAG's AAA"
    assert background < 0.85, "not to be taken for a white page"


def test_every_origin_has_a_colour_of_its_own() -> None:
    assert list(ORIGINS) == ["instruction", "query", "body", "made here", "X-Timestamp", "X-Window"]
    assert len(set(ORIGINS.values())) == 6


# --- secrets --------------------------------------------------------------------------------------


def everywhere(shown: Explanation) -> str:
    return repr(vars(shown)) + repr(shown) + shown._repr_html_() + shown.wire.decode()


def test_the_signature_is_shown_only_where_that_is_safe() -> None:
    shown = of_case("seed_limit_order_sol_usdc", window=2500)
    assert SIGNATURE[:20] not in everywhere(shown)
    assert shown.headers["X-Signature"] == (
        "(64 bytes in base64, not shown: for 2.5 s anybody who has it can send this request)"
    )
    assert shown.headers["X-API-Key"] == DEMO_PUBLIC_KEY
    here = of_case("seed_limit_order_sol_usdc", show_signature=True)
    assert here.headers["X-Signature"] == SIGNATURE and SIGNATURE in here.wire.decode()


def test_the_signature_is_found_in_any_spelling_of_its_name() -> None:
    shown = of_case("seed_limit_order_sol_usdc", headers={"x-signature": SIGNATURE})
    assert SIGNATURE not in everywhere(shown)


@pytest.mark.parametrize("name", ["request_withdrawal", "get_withdrawals", "execute_order_batch"])
def test_a_two_factor_token_is_hidden_everywhere(name: str) -> None:
    inner = {"twoFactorToken": "918273", "symbol": "SOL", "quantity": "1"}
    fields = [inner, inner] if name == "execute_order_batch" else inner
    shown = explained(OPERATIONS[name], fields, show_signature=True)
    assert "918273" not in everywhere(shown)
    assert "&twoFactorToken=(hidden)&timestamp" in (shown.text or "")
    assert "".join(row["piece"] for row in shown.pieces) == shown.text
    query = re.escape("?quantity=1&symbol=SOL&twoFactorToken=%28hidden%29 ")
    body = re.escape('"twoFactorToken":"(hidden)","symbol":"SOL","quantity":"1"}')
    assert re.search(f"{query}|{body}", shown.wire.decode())
    # A token has six digits: with the signature each could be tried until it fits.
    assert SIGNATURE not in everywhere(shown)
    assert inner["twoFactorToken"] == "918273", "what was given is left alone"


def test_a_token_inside_of_an_object_is_hidden_too() -> None:
    fields = {"recipientInformation": {"twoFactorToken": "918273"}, "symbol": "EUR"}
    assert "918273" not in everywhere(explained(OPERATIONS["request_withdrawal"], fields))


# --- what leaves ----------------------------------------------------------------------------------


def test_the_bytes_of_a_request() -> None:
    shown = of_case("seed_deposit_address_solana", headers={"Accept": "*/*"}, timestamp=175)
    assert shown.wire == (
        b"GET /wapi/v1/capital/deposit/address?blockchain=Solana HTTP/1.1\r\n"
        b"Host: api.example\r\nAccept: */*\r\n"
        b"X-Timestamp: 175\r\nX-Window: 5000\r\n\r\n"
    )
    body = of_case("body_null_omitted", headers={"Content-Length": "91"}, timestamp=176).wire
    assert body == (
        b"POST /api/v1/order HTTP/1.1\r\nHost: api.example\r\nContent-Length: 91\r\n"
        b"X-Timestamp: 176\r\nX-Window: 5000\r\n\r\n"
        b'{"symbol":"SOL_USDC","side":"Bid","orderType":"Limit","price":"150.25","quantity":"0.5"}'
    )


@pytest.mark.parametrize(
    ("url", "host"),
    [("https://api.example:443", "api.example"), ("https://api.example:80", "api.example:80"),
     ("http://127.0.0.1:8080", "127.0.0.1:8080"), ("http://[::1]:80", "[::1]")],
)  # fmt: skip
def test_a_port_is_named_where_it_is_not_the_usual_one(url: str, host: str) -> None:
    """RFC 9110, 4.2.3 and 7.2: the default port of the scheme may be left out, as clients do."""
    shown = explained(OPERATIONS["get_status"], {}, url=url)
    assert shown.wire.startswith(f"GET / HTTP/1.1\r\nHost: {host}\r\n".encode())


def send(url: str, request: bytes) -> None:
    address = urlsplit(url)
    with socket.create_connection((address.hostname, address.port), timeout=5) as line:
        line.sendall(request)
        assert line.recv(1000).startswith(b"HTTP/1.1 200")


CALLS: dict[str, tuple[list[Any], dict[str, Any]]] = {
    "get_ticker": (["SOL_USDC"], {}),
    "get_status": ([], {}),
    "get_withdrawals": ([], {"limit": 5, "offset": 0}),
    "execute_order": (["SOL_USDC", "Bid", "Limit"], {"price": "170.50", "quantity": "1"}),
    "cancel_order": (["SOL_USDC"], {"order_id": "1"}),
}


@pytest.mark.parametrize("name", CALLS)
def test_what_is_explained_is_what_leaves(
    name: str, scripted: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bytes, sent as they are, arrive as the client's own request does."""
    scripted.says(200, PLACED)
    monkeypatch.setattr("bpkit.transport.time.time_ns", lambda: 1_750_000_000_000_000_000)
    args, parameters = CALLS[name]
    with Client(scripted.url, Key(DEMO_SECRET), new_id=lambda: 7) as bp:
        shown = bp.explain(name, *args, **parameters)
        assert scripted.requests == [], "nothing was sent"
        getattr(bp, name)(*args, **parameters)
    send(scripted.url, shown.wire)
    real, told = scripted.requests
    assert told == real
