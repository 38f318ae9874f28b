"""Transport: what is sent, what is tried again, what every kind of answer becomes."""

from __future__ import annotations

import json
import logging
import pickle
import socket
import threading
import traceback
from base64 import b64decode
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import requests
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from helpers import PLACED, Scripted, least_answer

from bpkit import (
    LIVE_URL,
    ApiError,
    Arming,
    Client,
    InputError,
    Key,
    RateLimit,
    RateLimitError,
    TransportError,
)
from bpkit.operations import OPERATIONS
from bpkit.signing import DEMO_PUBLIC_KEY, DEMO_SECRET
from bpkit.transport import Transport


@pytest.fixture
def bp(scripted: Scripted) -> Client:
    return Client(scripted.url, Key(DEMO_SECRET))


pytestmark = pytest.mark.usefixtures("waits")


def place(bp: Client) -> object:
    return bp.execute_order("SOL_USDC", "Bid", "Limit", price="170.50", quantity="1")


WRITES: list[Callable[[Client], object]] = [
    place,
    lambda bp: bp.execute_order_batch(
        [{"symbol": "SOL_USDC", "side": "Bid", "orderType": "Market", "quantity": "1"}]
    ),
    lambda bp: bp.cancel_order("SOL_USDC", order_id="1"),
    lambda bp: bp.cancel_open_orders("SOL_USDC"),
]


def verify(request: dict, instruction_text: str) -> None:
    """The signature belongs to this text, with the headers' own timestamp and window."""
    headers = request["headers"]
    text = f"{instruction_text}&timestamp={headers['x-timestamp']}&window={headers['x-window']}"
    Ed25519PublicKey.from_public_bytes(b64decode(headers["x-api-key"])).verify(
        b64decode(headers["x-signature"]), text.encode()
    )


def test_a_public_get_is_plain(bp: Client, scripted: Scripted) -> None:
    scripted.says(200, "[]")
    bp.get_recent_trades("SOL_USDC", limit=5)
    (request,) = scripted.requests
    assert request["method"] == "GET"
    assert request["target"] == "/api/v1/trades?limit=5&symbol=SOL_USDC"
    assert not [name for name in request["headers"] if name.startswith("x-")]


def test_a_signed_get_is_signed_from_its_query(bp: Client, scripted: Scripted) -> None:
    scripted.says(200, '{"address":"x"}')
    bp.get_deposit_address("Solana")
    (request,) = scripted.requests
    assert request["target"] == "/wapi/v1/capital/deposit/address?blockchain=Solana"
    assert request["headers"]["x-api-key"] == DEMO_PUBLIC_KEY
    assert request["headers"]["x-window"] == "5000"
    verify(request, "instruction=depositAddressQuery&blockchain=Solana")


def test_a_signed_post_is_signed_from_its_body(bp: Client, scripted: Scripted) -> None:
    scripted.says(200, PLACED)
    bp.execute_order(
        "SOL_USDC", "Bid", "Limit",
        price=Decimal("170.50"), quantity="1.0", client_id=0, post_only=False,
    )  # fmt: skip
    (request,) = scripted.requests
    assert json.loads(request["body"]) == {
        "symbol": "SOL_USDC", "side": "Bid", "orderType": "Limit", "price": "170.50",
        "quantity": "1.0", "clientId": 0, "postOnly": False,
    }  # fmt: skip
    assert request["headers"]["content-type"] == "application/json; charset=utf-8"
    verify(
        request,
        "instruction=orderExecute&clientId=0&orderType=Limit&postOnly=false&price=170.50"
        "&quantity=1.0&side=Bid&symbol=SOL_USDC",
    )


def test_a_delete_has_a_body(bp: Client, scripted: Scripted) -> None:
    scripted.says(200, PLACED)
    bp.cancel_order("SOL_USDC", client_id=7)
    (request,) = scripted.requests
    assert (request["method"], request["target"]) == ("DELETE", "/api/v1/order")
    assert json.loads(request["body"]) == {"symbol": "SOL_USDC", "clientId": 7}
    verify(request, "instruction=orderCancel&clientId=7&symbol=SOL_USDC")


def test_a_batch_names_its_instruction_before_each_order(bp: Client, scripted: Scripted) -> None:
    scripted.says(200, least_answer("execute_order_batch"))
    one = {"symbol": "SOL_USDC", "side": "Bid", "orderType": "Limit", "price": "1", "quantity": "2"}
    bp.execute_order_batch([{**one, "clientId": 7}, {**one, "price": "3", "clientId": 7}])
    (request,) = scripted.requests
    part = (
        "instruction=orderExecute&clientId=7&orderType=Limit&price={}&quantity=2&side=Bid"
        "&symbol=SOL_USDC"
    )
    verify(request, f"{part.format(1)}&{part.format(3)}")


def test_the_window_is_the_clients(scripted: Scripted) -> None:
    scripted.says(200, "{}")
    Client(scripted.url, Key(DEMO_SECRET), window=60000).get_balances()
    assert scripted.requests[0]["headers"]["x-window"] == "60000"
    verify(scripted.requests[0], "instruction=balanceQuery")


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_read_is_tried_again_with_growing_waits(
    status: int, bp: Client, scripted: Scripted, waits: list[float]
) -> None:
    scripted.says(status, "busy", "text/plain")
    scripted.says(status, "busy", "text/plain")
    scripted.says(200, "{}")
    assert bp.get_balances() == {}
    assert len(scripted.requests) == 3
    assert waits == [0.25, 0.5]


def test_a_read_gives_up_and_says_why(bp: Client, scripted: Scripted, waits: list[float]) -> None:
    scripted.says(503, '{"code":"MAINTENANCE","message":"back soon"}')
    with pytest.raises(ApiError, match="get_balances: 503 MAINTENANCE: back soon"):
        bp.get_balances()
    assert len(scripted.requests) == 4
    assert waits == [0.25, 0.5, 1.0]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 500])
def test_a_read_that_is_refused_is_not_tried_again(
    status: int, bp: Client, scripted: Scripted
) -> None:
    scripted.says(status, '{"code":"X","message":"y"}')
    with pytest.raises(ApiError):
        bp.get_balances()
    assert len(scripted.requests) == 1


def test_a_lost_read_is_tried_again(bp: Client, scripted: Scripted) -> None:
    scripted.cuts()
    scripted.says(200, "[]")
    assert bp.get_open_orders() == []
    assert len(scripted.requests) == 2


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_write_is_never_tried_again(
    status: int, write: Callable[[Client], object], bp: Client, scripted: Scripted
) -> None:
    scripted.says(status, '{"code":"TOO_MANY_REQUESTS","message":"slow down"}')
    with pytest.raises(ApiError) as caught:
        write(bp)
    assert caught.value.status == status
    assert len(scripted.requests) == 1


@pytest.mark.parametrize("write", WRITES)
def test_a_lost_write_says_that_nobody_knows(
    write: Callable[[Client], object], bp: Client, scripted: Scripted
) -> None:
    scripted.cuts()
    with pytest.raises(TransportError, match="The outcome is UNKNOWN") as caught:
        write(bp)
    assert len(scripted.requests) == 1
    assert caught.value.sent and caught.value.mutates


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize(
    "status, body",
    [
        (500, ""),
        (502, "<html>Bad Gateway</html>"),
        (504, "upstream timed out"),
        (408, "Request Timeout"),
        (499, "Client Closed Request"),
        (400, '{"code":"SERVER_ERROR","message":"oops"}'),
        (500, '{"code":"SERVER_ERROR","message":"oops"}'),
        (400, '{"code":"TIMEOUT","message":"Timed out"}'),
    ],
)
def test_a_failure_on_the_way_leaves_a_write_open(
    status: int, body: str, write: Callable[[Client], object], bp: Client, scripted: Scripted
) -> None:
    scripted.says(status, body)
    with pytest.raises(TransportError, match=f"the answer was {status}.*UNKNOWN"):
        write(bp)
    assert len(scripted.requests) == 1


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize(
    "status, body",
    [
        (500, '{"code":"INTERNAL_ERROR","message":"a gateway\'s JSON"}'),
        (503, '{"code":"ServiceUnavailable","message":"another\'s"}'),
        (504, '{"code":"","message":"timeout"}'),
        (303, ""),
        (302, "moved"),
        (304, ""),
    ],
)
def test_what_is_not_the_exchanges_own_no_leaves_a_write_open(
    status: int, body: str, write: Callable[[Client], object], bp: Client, scripted: Scripted
) -> None:
    scripted.says(status, body)
    with pytest.raises(TransportError, match=f"the answer was {status}.*UNKNOWN") as caught:
        write(bp)
    assert len(scripted.requests) == 1 and bp.unanswered == [caught.value]


def test_an_early_hint_is_no_answer(bp: Client) -> None:
    """103, and then the real answer: which requests does not wait for."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                filled = b'{"id":"1","status":"Filled"}'
                connection.sendall(
                    b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 28\r\n\r\n"
                    + filled
                )

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(TransportError, match="UNKNOWN"):
            place(Client(f"http://127.0.0.1:{server.getsockname()[1]}", Key(DEMO_SECRET)))
        thread.join()


@pytest.mark.parametrize(
    "body",
    [
        "{}",
        "[]",
        '{"code":"INVALID_ORDER","message":"no"}',
        '{"status":"Maintenance","message":null}',
        '{"id":"1"}',
    ],
)
def test_what_is_no_order_is_not_taken_for_one(body: str, bp: Client, scripted: Scripted) -> None:
    scripted.says(200, body)
    writes: list[Callable[[Client], object]] = [
        place,
        lambda bp: bp.cancel_order("SOL_USDC", order_id="1"),
        lambda bp: bp.strategy_create("SOL_USDC", "Bid", "Scheduled"),
        lambda bp: bp.submit_rfq("SOL_USDC_RFQ", "Bid", quantity="1"),
        lambda bp: bp.submit_quote("1", bid_price="1", ask_price="2"),
        lambda bp: bp.request_withdrawal(
            symbol="SOL", quantity="1", blockchain="Solana", address="a"
        ),
    ]
    for write in writes:
        with pytest.raises(TransportError, match="UNKNOWN"):
            write(bp)


def test_an_order_that_is_answered_by_204_is_open(bp: Client, scripted: Scripted) -> None:
    scripted.says(204)
    with pytest.raises(TransportError, match="UNKNOWN"):
        place(bp)


@pytest.mark.parametrize(
    "rows",
    [
        "[]",
        '[{"operation":"Ok","id":"1","status":"New"}]',
        "[1,2]",
        '[{"id":"1"},{"id":"2"}]',
        '[{"operation":"Ok"},{"operation":"Ok"}]',
        '[{"operation":"Ok","status":"New"},{"operation":"Ok","status":"New"}]',
        '[{"operation":"Ok","id":"1"},{"operation":"Ok","id":"2"}]',
        '[{"operation":"Err"},{"operation":"Err"}]',
        '[{"operation":"Huh","id":"1","status":"New"},{"operation":"Err","code":"X"}]',
    ],
)
def test_a_batch_has_an_answer_for_each_order(rows: str, bp: Client, scripted: Scripted) -> None:
    scripted.says(200, rows)
    one = {"symbol": "SOL_USDC", "side": "Bid", "orderType": "Market", "quantity": "1"}
    with pytest.raises(TransportError, match="UNKNOWN") as caught:
        bp.execute_order_batch([one, one])
    assert len(caught.value.parameters) == 2


@pytest.mark.parametrize(
    "status, code",
    [
        (503, "MAINTENANCE"),
        (503, "TRADING_PAUSED"),
        (503, "TOO_MANY_REQUESTS"),
        (501, "NOT_IMPLEMENTED"),
        (408, "INVALID_ORDER"),
        (499, "INVALID_ORDER"),
    ],
)
def test_the_exchanges_own_code_is_a_clear_no(
    status: int, code: str, bp: Client, scripted: Scripted
) -> None:
    scripted.says(status, f'{{"code":"{code}","message":"not now"}}')
    with pytest.raises(ApiError, match=f"{status} {code}"):
        place(bp)
    assert bp.unanswered == []


def test_an_order_that_is_answered_with_nothing_is_open(bp: Client, scripted: Scripted) -> None:
    scripted.says(200, "")
    with pytest.raises(TransportError, match="UNKNOWN"):
        place(bp)


def test_a_host_without_an_address() -> None:
    bp = Client(
        "https://no-such-host.invalid", Key.generate(), trusted_host="no-such-host.invalid",
        armed=Arming(orders=True, per_order="200", per_session="200"),
    )  # fmt: skip
    with pytest.raises(
        TransportError, match=r"no-such-host.invalid was not found \(DNS\).*Nothing was sent"
    ) as caught:
        place(bp)
    assert not caught.value.sent


@pytest.mark.parametrize("code", ["5", '["a"]', "null"])
def test_a_code_that_is_no_text(code: str, bp: Client, scripted: Scripted) -> None:
    scripted.says(400, f'{{"code":{code},"message":"odd"}}')
    with pytest.raises(ApiError) as caught:
        place(bp)
    assert (caught.value.code, caught.value.message) == (None, "odd")


def test_a_redirect_to_nowhere(bp: Client, scripted: Scripted) -> None:
    scripted.answers = [(302, {"Location": "http://[::1"}, b"")]
    with pytest.raises(TransportError, match="UNKNOWN"):
        place(bp)


def test_an_answer_nested_too_deeply(bp: Client, scripted: Scripted) -> None:
    scripted.says(200, "[" * 100_000)
    with pytest.raises(TransportError, match="UNKNOWN"):
        place(bp)


def test_every_argument_of_an_order_goes_where_its_name_says(
    bp: Client, scripted: Scripted
) -> None:
    """Names from the official specification; each value differs from all others."""
    scripted.says(200, PLACED)
    bp.execute_order(
        "S", "Ask", "Limit", price="1", quantity="2", client_id=3, time_in_force="IOC",
        post_only=True, self_trade_prevention="RejectBoth", reduce_only=False, auto_lend=True,
        auto_lend_redeem=False, auto_borrow=False, auto_borrow_repay=True, broker_id=4,
        trigger_price="5", trigger_quantity="6%", trigger_by="MarkPrice",
        take_profit_trigger_price="7", take_profit_limit_price="8",
        take_profit_trigger_by="LastPrice", stop_loss_trigger_price="9",
        stop_loss_limit_price="10", stop_loss_trigger_by="IndexPrice", slippage_tolerance="11",
        slippage_tolerance_type="Percent",
    )  # fmt: skip
    assert json.loads(scripted.requests[0]["body"]) == {
        "symbol": "S", "side": "Ask", "orderType": "Limit", "price": "1", "quantity": "2",
        "clientId": 3, "timeInForce": "IOC", "postOnly": True,
        "selfTradePrevention": "RejectBoth", "reduceOnly": False, "autoLend": True,
        "autoLendRedeem": False, "autoBorrow": False, "autoBorrowRepay": True, "brokerId": 4,
        "triggerPrice": "5", "triggerQuantity": "6%", "triggerBy": "MarkPrice",
        "takeProfitTriggerPrice": "7", "takeProfitLimitPrice": "8",
        "takeProfitTriggerBy": "LastPrice", "stopLossTriggerPrice": "9",
        "stopLossLimitPrice": "10", "stopLossTriggerBy": "IndexPrice", "slippageTolerance": "11",
        "slippageToleranceType": "Percent",
    }  # fmt: skip


def test_every_argument_of_the_histories_goes_where_its_name_says(
    bp: Client, scripted: Scripted
) -> None:
    scripted.says(200, "[]")
    bp.get_fills(
        "S", order_id="1", strategy_id="2", from_=1700000000003, to=1700000000004,
        fill_type="User", market_type=["SPOT", "PERP"], limit=5, offset=6, sort_direction="Asc",
    )  # fmt: skip
    bp.get_order_history(
        "S", order_id="1", strategy_id="2", market_type="SPOT", limit=5, offset=6,
        sort_direction="Desc",
    )  # fmt: skip
    fills, orders = (request["target"].split("?")[1] for request in scripted.requests)
    assert fills == (
        "fillType=User&from=1700000000003&limit=5&marketType=SPOT&marketType=PERP&offset=6"
        "&orderId=1&sortDirection=Asc&strategyId=2&symbol=S&to=1700000000004"
    )
    assert orders == (
        "limit=5&marketType=SPOT&offset=6&orderId=1&sortDirection=Desc&strategyId=2&symbol=S"
    )


def test_each_attempt_is_signed_afresh(scripted: Scripted) -> None:
    moments = iter([1_000_000_000_000, 1_000_000_000_250])
    transport = Transport(
        scripted.url, Key(DEMO_SECRET), clock=lambda: next(moments), sleep=lambda seconds: None
    )
    scripted.says(503)
    scripted.says(200, "{}")
    transport.send(OPERATIONS["get_balances"], {})
    sent = [request["headers"]["x-timestamp"] for request in scripted.requests]
    assert sent == ["1000000000000", "1000000000250"]
    for request in scripted.requests:
        verify(request, "instruction=balanceQuery")


def test_a_connection_is_kept(bp: Client, scripted: Scripted) -> None:
    scripted.says(200, "{}")
    for _ in range(5):
        bp.get_balances()
    assert scripted.connections == 1


def test_an_answer_that_does_not_come(scripted: Scripted) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # listens, never answers
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        bp = Client(url, Key(DEMO_SECRET), timeout=(1, 0.05))
        with pytest.raises(TransportError, match=r"no answer within 0.05 seconds.*UNKNOWN"):
            place(bp)


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        url = f"http://127.0.0.1:{gone.getsockname()[1]}"
    with pytest.raises(TransportError, match=r"nothing listens.*Nothing was sent") as caught:
        place(Client(url, Key(DEMO_SECRET)))
    assert not caught.value.sent


def test_loopback_ignores_proxies(monkeypatch: pytest.MonkeyPatch, scripted: Scripted) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    scripted.says(200, "{}")
    assert Client(scripted.url, Key(DEMO_SECRET)).get_balances() == {}


def test_a_live_client_takes_the_proxy_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:1")
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    sent: dict = {}

    def send(adapter: object, request: requests.PreparedRequest, **options: object) -> None:
        sent.update(options)
        raise requests.ConnectionError

    monkeypatch.setattr("requests.adapters.HTTPAdapter.send", send)
    with pytest.raises(TransportError):
        Client(LIVE_URL).get_status()
    assert sent["proxies"]["https"] == "http://127.0.0.1:1"
    assert sent["verify"] is True


def test_no_redirect_is_followed(bp: Client, scripted: Scripted) -> None:
    scripted.answers = [(307, {"Location": "https://evil.example/"}, b"")]
    with pytest.raises(
        ApiError, match="redirect to 'https://evil.example/', which is not followed"
    ):
        bp.get_balances()
    assert len(scripted.requests) == 1


# --- answers --------------------------------------------------------------------------------------


def test_plain_texts(bp: Client, scripted: Scripted) -> None:
    scripted.says(200, "pong", "text/plain; charset=utf-8")
    assert bp.ping() == "pong"
    scripted.answers.clear()
    scripted.says(200, "1788285151083", "text/plain; charset=utf-8")
    assert bp.get_time() == 1788285151083


@pytest.mark.parametrize("status", [202, 204])
def test_answers_without_a_body_are_empty(status: int, bp: Client, scripted: Scripted) -> None:
    scripted.says(status, "")
    cancelled = bp.cancel_order("SOL_USDC", order_id="1")
    assert (cancelled, cancelled.status) == ({}, status)
    assert not cancelled and len(cancelled.df) == 0
    every = bp.cancel_open_orders("SOL_USDC")
    assert (every, every.status) == ([], status)


@pytest.mark.parametrize(
    "read",
    [
        lambda bp: bp.get_open_orders(),
        lambda bp: bp.get_order_history(),
        lambda bp: bp.get_balances(),
        lambda bp: bp.cancel_order("SOL_USDC", order_id="1"),
    ],
)
def test_an_empty_answer_is_not_read_as_none(
    read: Callable[[Client], object], bp: Client, scripted: Scripted
) -> None:
    """Who looks for a lost order must not be told that there is none by an answer that was cut."""
    scripted.says(200, "")
    with pytest.raises(TransportError):
        read(bp)


def test_a_read_cut_in_the_middle_is_tried_again(scripted: Scripted) -> None:
    bp = Client(scripted.url, Key(DEMO_SECRET))
    cut = {"Transfer-Encoding": "chunked", "Connection": "close"}
    scripted.answers.append((200, cut, b"ff\r\nshort"))
    scripted.says(200, "[]")
    assert bp.get_open_orders() == []


def test_a_read_whose_answer_breaks_off_is_tried_again(bp: Client, scripted: Scripted) -> None:
    """The connection ends inside a chunk of 255 bytes."""
    headers = {"Transfer-Encoding": "chunked", "Connection": "close"}
    scripted.answers.append((200, headers, b"ff\r\nshort"))
    scripted.says(200, "[]")
    assert bp.get_open_orders() == [] and len(scripted.requests) == 2


def test_no_ticker(bp: Client, scripted: Scripted) -> None:
    scripted.says(204)
    assert bp.get_ticker("SOL_USDC") == {}


@pytest.mark.parametrize(
    "status, content_type, body, code, message",
    [
        (400, "application/json", '{"code":"INVALID_ORDER","message":"no"}', "INVALID_ORDER", "no"),
        (400, "text/plain", "failed to parse parameter `limit`", None, "failed to parse parameter"),
        (404, "text/plain", "not found", None, "not found"),
        (403, "text/html", "<html><body>blocked</body></html>", None, "Forbidden (not from the"),
        (405, "text/plain", "", None, "Method Not Allowed"),
        (400, "application/json", '["odd"]', None, '["odd"]'),
    ],
)
def test_every_kind_of_no_is_an_api_error(
    status: int, content_type: str, body: str, code: str | None, message: str,
    bp: Client, scripted: Scripted,
) -> None:  # fmt: skip
    scripted.says(status, body, content_type)
    with pytest.raises(ApiError) as caught:
        place(bp)
    error = caught.value
    assert (error.operation, error.status, error.code) == ("execute_order", status, code)
    assert error.message.startswith(message)
    assert error.body == body


def test_an_expired_order_is_not_an_expired_signature(bp: Client, scripted: Scripted) -> None:
    scripted.says(400, '{"code":"INVALID_ORDER","message":"Order has expired"}')
    with pytest.raises(ApiError) as caught:
        place(bp)
    assert caught.value.finding is None and len(scripted.requests) == 1


@pytest.mark.parametrize(
    "message, found",
    [("Invalid signature", True), ("Invalid X-Window", True), ("Invalid market symbol", False)],
)
def test_a_finding_comes_with_a_refused_signature_only(
    message: str, found: bool, bp: Client, scripted: Scripted
) -> None:
    scripted.says(400, json.dumps({"code": "INVALID_CLIENT_REQUEST", "message": message}))
    with pytest.raises(ApiError) as caught:
        place(bp)
    assert (caught.value.finding is not None) == found and len(scripted.requests) == 1


@pytest.mark.parametrize("body", ['{"id": "1"', "<html>", '"text"'])
def test_a_broken_success_is_an_unknown_outcome(body: str, bp: Client, scripted: Scripted) -> None:
    scripted.says(200, body)
    with pytest.raises(TransportError, match="UNKNOWN"):
        place(bp)


# --- the rate limit -------------------------------------------------------------------------------


def test_clients_of_one_key_share_its_rate_limit(scripted: Scripted) -> None:
    scripted.says(200, "[]")
    limit = RateLimit(requests=3, wait=False)
    one, two = (Client(scripted.url, Key(DEMO_SECRET), rate_limit=limit) for _ in range(2))
    one.get_open_orders(), two.get_open_orders(), one.get_order_history()
    with pytest.raises(RateLimitError, match="limit of 3 requests .* Nothing was sent") as caught:
        two.get_fills()
    assert len(scripted.requests) == 3 and 0 < caught.value.wait <= 60
    Client(scripted.url, Key.generate(), rate_limit=limit).get_fills()  # another key has its own


def test_who_asks_unsigned_is_counted_by_the_host(scripted: Scripted) -> None:
    """The exchange cannot tell whose they are, so every client's count together."""
    scripted.says(200, "[]")
    limit = RateLimit(history=1, wait=False)
    clients = [Client(scripted.url, key, rate_limit=limit) for key in (Key(DEMO_SECRET), None)]
    start = "2026-09-01T00:00Z"
    clients[0].get_klines("SOL_USDC", "1h", start_time=start)
    with pytest.raises(RateLimitError):
        clients[1].get_klines("SOL_USDC", "1h", start_time=start)


def test_candles_have_a_rate_limit_of_their_own(scripted: Scripted) -> None:
    scripted.says(200, "[]")
    bp = Client(scripted.url, rate_limit=RateLimit(history=1, wait=False))
    bp.get_klines("SOL_USDC", "1h", start_time="2026-09-01T00:00Z")
    with pytest.raises(RateLimitError, match="get_historical_trades: the limit of 1 request "):
        bp.get_historical_trades("SOL_USDC")
    bp.get_recent_trades("SOL_USDC")


def test_another_attempt_counts_too(scripted: Scripted) -> None:
    scripted.says(503, "busy", "text/plain")
    bp = Client(scripted.url, Key(DEMO_SECRET), rate_limit=RateLimit(requests=2, wait=False))
    with pytest.raises(RateLimitError):
        bp.get_balances()
    assert len(scripted.requests) == 2


def test_an_order_that_the_rate_limit_held_back_counts_nowhere(scripted: Scripted) -> None:
    scripted.says(200, PLACED)
    arming = Arming(orders=True, per_order="200", per_session="200")
    bp = Client(
        scripted.url, Key(DEMO_SECRET), armed=arming, rate_limit=RateLimit(requests=1, wait=False)
    )
    bp.get_balances()
    with pytest.raises(RateLimitError):
        place(bp)
    assert bp.spent == 0 and len(scripted.requests) == 1


def test_the_exchanges_limits_hold_on_a_live_host_and_none_here(scripted: Scripted) -> None:
    """2000 a minute, 30 for candles and historical trades: the exchange's API FAQ."""
    assert Client(LIVE_URL)._transport.rate_limit == RateLimit(requests=2000, history=30, wait=True)
    assert Client(scripted.url)._transport.rate_limit is None


# --- what is needed to look for a lost order ------------------------------------------------------


def test_a_lost_order_says_how_to_find_it(bp: Client, scripted: Scripted) -> None:
    scripted.cuts()
    before = datetime.now(UTC) - timedelta(milliseconds=1)
    with pytest.raises(TransportError) as caught:
        bp.execute_order("SOL_USDC", "Bid", "Limit", price="170.50", quantity="1", client_id=7)
    error = caught.value
    assert error.parameters == {
        "symbol": "SOL_USDC", "side": "Bid", "orderType": "Limit", "price": "170.50",
        "quantity": "1", "clientId": 7,
    }  # fmt: skip
    assert (error.operation, error.client_id, error.window) == ("execute_order", 7, 5000)
    assert error.time is not None and before <= error.time <= datetime.now(UTC)
    assert scripted.requests[0]["headers"]["x-timestamp"] == str(
        (error.time - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    )


def test_a_broken_answer_says_how_to_find_the_order(bp: Client, scripted: Scripted) -> None:
    scripted.says(200, '{"id": "1')
    with pytest.raises(TransportError) as caught:
        place(bp)
    sent = json.loads(scripted.requests[0]["body"])
    assert caught.value.parameters == sent
    assert caught.value.client_id == sent["clientId"]
    assert caught.value.time is not None


def test_an_error_says_whose_order_it_was_and_whether_its_number_is_its_alone(
    bp: Client, scripted: Scripted
) -> None:
    scripted.cuts()
    with pytest.raises(TransportError) as random:
        place(bp)
    with pytest.raises(TransportError) as given:
        bp.execute_order("SOL_USDC", "Bid", "Limit", price="1", quantity="1", client_id=7)
    assert (random.value.unique_id, given.value.unique_id) == (True, False)
    assert (given.value.url, given.value.public_key) == (scripted.url, DEMO_PUBLIC_KEY)
    scripted.answers = [(200, {}, b"[]")]
    one = {"symbol": "SOL_USDC", "side": "Bid", "orderType": "Market", "quantity": "1"}
    for orders, unique in ([one, one], True), ([one, {**one, "clientId": 7}], False):
        with pytest.raises(TransportError) as batch:
            bp.execute_order_batch(orders)
        assert batch.value.unique_id is unique


def test_an_interrupted_order_is_kept(
    bp: Client, scripted: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl+C while it is on its way: it may have been carried out."""
    monkeypatch.setattr("http.client.HTTPConnection.getresponse", interrupt)
    with pytest.raises(KeyboardInterrupt) as caught:
        place(bp)
    (lost,) = bp.unanswered
    assert lost.unique_id and lost.reason == "it was interrupted"
    assert "UNKNOWN" in caught.value.__notes__[0]


def test_what_was_interrupted_before_it_left_counts_nowhere(
    scripted: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    arming = Arming(orders=True, per_order="200", per_session="200")
    bp = Client(scripted.url, Key(DEMO_SECRET), armed=arming)
    monkeypatch.setattr(bp._transport, "prepare", interrupt)
    with pytest.raises(KeyboardInterrupt):
        place(bp)
    assert bp.spent == 0 and bp.unanswered == []
    monkeypatch.undo()
    monkeypatch.setattr("http.client.HTTPConnection.getresponse", interrupt)
    with pytest.raises(KeyboardInterrupt):
        place(bp)
    assert str(bp.spent) == "170.50"


def test_what_is_interrupted_while_it_is_read_is_kept(
    bp: Client, scripted: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripted.says(200, PLACED)
    monkeypatch.setattr("bpkit.results.read", interrupt)
    with pytest.raises(KeyboardInterrupt):
        place(bp)
    assert len(bp.unanswered) == 1


def test_every_write_without_an_answer_is_kept(bp: Client, scripted: Scripted) -> None:
    scripted.cuts()
    for number in (1, 2):
        with pytest.raises(TransportError):
            bp.cancel_order("SOL_USDC", client_id=number)
    assert [error.client_id for error in bp.unanswered] == [1, 2]


def test_the_last_hundred_writes_without_an_answer_are_kept(bp: Client, scripted: Scripted) -> None:
    scripted.cuts()
    for number in range(101):
        with pytest.raises(TransportError):
            bp.cancel_order("SOL_USDC", client_id=number)
    assert [error.client_id for error in bp.unanswered] == list(range(1, 101))


def test_numbers_of_your_own_may_begin_anew(scripted: Scripted) -> None:
    """After a restart a counter gives the same numbers again."""
    scripted.cuts()
    bp = Client(scripted.url, Key(DEMO_SECRET), new_id=iter(range(1, 9)).__next__)
    with pytest.raises(TransportError) as caught:
        place(bp)
    assert (caught.value.client_id, caught.value.unique_id) == (1, False)


@pytest.mark.parametrize("number", [-1, 2**32, 1.5, "x", None, True])
def test_a_number_that_is_none_is_not_sent(number: Any, scripted: Scripted) -> None:
    bp = Client(scripted.url, Key(DEMO_SECRET), new_id=lambda: number)
    with pytest.raises(InputError, match="new_id"):
        place(bp)
    with pytest.raises(InputError, match="new_id=5"):
        Client(scripted.url, new_id=5)  # type: ignore[arg-type]
    assert scripted.requests == []


@pytest.mark.parametrize("wrong", [{"symbol": "BTC_USDC"}, {"side": "Ask"}, {"clientId": 8}])
def test_an_answer_to_another_order_is_not_taken_for_ones_own(
    wrong: dict, bp: Client, scripted: Scripted
) -> None:
    mine = {"symbol": "SOL_USDC", "side": "Bid", "clientId": 7, "orderType": "Market"}
    order = {**mine, "quantity": "1"}
    answer = {"id": "1", "status": "New", "operation": "Ok", **mine}
    scripted.says(200, json.dumps({**answer, **wrong}))
    with pytest.raises(TransportError, match="UNKNOWN"):
        bp.execute_order("SOL_USDC", "Bid", "Market", quantity="1", client_id=7)
    scripted.answers.clear()
    scripted.says(200, json.dumps([answer, {**answer, **wrong}]))
    with pytest.raises(TransportError, match="UNKNOWN"):
        bp.execute_order_batch([order, order])
    scripted.answers.clear()
    scripted.says(200, json.dumps([answer, {"operation": "Err", "code": "X", "message": "y"}]))
    assert len(bp.execute_order_batch([order, order])) == 2


def test_one_client_never_sends_more_than_its_rate_limit(scripted: Scripted) -> None:
    """Signed and unsigned together."""
    scripted.says(200, "[]")
    bp = Client(scripted.url, Key(DEMO_SECRET), rate_limit=RateLimit(requests=3, wait=False))
    bp.get_assets(), bp.get_open_orders(), bp.get_assets()
    for method in (bp.get_assets, bp.get_open_orders):
        with pytest.raises(RateLimitError, match="limit of 3 requests of its kind"):
            method()
    assert len(scripted.requests) == 3


def interrupt(*args: object, **options: object) -> None:
    raise KeyboardInterrupt


def test_nothing_to_reconcile(bp: Client) -> None:
    with pytest.raises(InputError, match="every write of this client was answered"):
        bp.reconcile()


def test_every_order_gets_a_number_of_its_own(bp: Client, scripted: Scripted) -> None:
    scripted.says(200, PLACED)
    for _ in range(50):
        place(bp)
    numbers = [json.loads(request["body"])["clientId"] for request in scripted.requests]
    assert len(set(numbers)) == 50
    assert all(isinstance(one, int) and 0 < one < 2**32 for one in numbers)


def test_the_id_of_a_withdrawal_is_a_text(bp: Client, scripted: Scripted) -> None:
    """The documentation has a number for an order, and a text of at most 255 for a withdrawal."""
    scripted.cuts()
    with pytest.raises(TransportError):
        bp.request_withdrawal(symbol="USDC", quantity="5", blockchain="Solana", address="a")
    sent = json.loads(scripted.requests[0]["body"])["clientId"]
    assert isinstance(sent, str) and 0 < int(sent) < 2**32


def test_a_second_factor_is_in_no_error(bp: Client, scripted: Scripted) -> None:
    scripted.cuts()
    with pytest.raises(TransportError) as caught:
        bp.request_withdrawal(
            symbol="USDC", quantity="5", blockchain="Solana", address="a", two_factor_token="831724"
        )
    assert json.loads(scripted.requests[0]["body"])["twoFactorToken"] == "831724"
    assert caught.value.parameters["twoFactorToken"] == "(hidden)"  # type: ignore[call-overload]
    assert b"831724" not in pickle.dumps(caught.value)


def test_errors_survive_pickling() -> None:
    for error in (
        ApiError("get_order", 404, "RESOURCE_NOT_FOUND", "Not Found", "{}", "a finding"),
        RateLimitError("get_klines", 30, 12.5),
        TransportError(
            "execute_order", "lost", sent=True, mutates=True, parameters={"clientId": 7},
            time=datetime(2026, 9, 1, tzinfo=UTC), window=5000, url="u", public_key="k",
            unique_id=True,
        ),
        TransportError("execute_order_batch", "lost", sent=True, mutates=True, parameters=[{}]),
    ):  # fmt: skip
        again = pickle.loads(pickle.dumps(error))
        assert (str(again), vars(again)) == (str(error), vars(error))


def test_the_secret_is_in_no_error_and_no_log(
    bp: Client, scripted: Scripted, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    scripted.cuts()
    try:
        place(bp)
    except TransportError as error:
        seen = traceback.TracebackException.from_exception(error, capture_locals=True)
        assert DEMO_SECRET not in "".join(seen.format())
    scripted.answers.clear()
    scripted.says(400, "no")
    try:
        place(bp)
    except ApiError as error:
        seen = traceback.TracebackException.from_exception(error, capture_locals=True)
        assert DEMO_SECRET not in "".join(seen.format())
    assert DEMO_SECRET not in repr(bp) + caplog.text
