"""Every answer of the sandbox against the facts of the official specification.

``data/contract_exceptions.json`` lists where the live API is known to differ from it, with the
evidence; an exception that no answer needs is an error too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, get_args

import pytest
import requests
from helpers import Plain
from specification import RANGES, Problem, Specification

from bpkit import enums, parameters
from bpkit.operations import OPERATIONS, UNDOCUMENTED
from bpkit.sandbox import Sandbox
from bpkit.sandbox.server import parsing
from bpkit.sandbox.server.service import NOT_SIMULATED

NOON = 1_788_264_000  # seconds: the time of the sandbox's market at its start
EXCEPTIONS = {
    (place, entry["what"])
    for entry in json.loads(
        (Path(__file__).parents[2] / "data/contract_exceptions.json").read_text("utf-8")
    )
    for place in entry["places"]
}
DOCUMENTED = [one for one in OPERATIONS.values() if one.documented]
ERROR = "ApiErrorResponse"
# They never answer 200: they need a session or a vault's key, or are not simulated.
NEVER_200 = {
    *NOT_SIMULATED,
    *(one.name for one in DOCUMENTED if one.instruction == UNDOCUMENTED),
    *("get_vault_pending_redeems", "get_vault_nav"),
}
# --- every answer that can be provoked ------------------------------------------------------------


class Answer(NamedTuple):
    name: str  # of the operation; "" where there is none
    status: int
    headers: requests.structures.CaseInsensitiveDict[str]
    text: str


class Asker:
    """Asks, and keeps every answer."""

    def __init__(self, plain: Plain) -> None:
        self.plain = plain
        self.answers: list[Answer] = []

    def keep(self, name: str, response: requests.Response) -> requests.Response:
        self.answers.append(Answer(name, response.status_code, response.headers, response.text))
        return response

    def ask(self, name: str, **fields: object) -> Any:
        """The JSON of the answer, or None."""
        response = self.keep(name, self.plain.call(name, fields))
        is_json = response.headers.get("Content-Type", "").startswith("application/json")
        return response.json() if is_json else None

    def order(self, **changes: object) -> Any:
        """The guide's order with ``changes``; None takes a field away."""
        order: dict[str, object] = {
            "symbol": "SOL_USDC",
            "side": "Bid",
            "orderType": "Limit",
            "price": "170.50",
            "quantity": "1.0",
        }
        order |= changes
        return self.ask("execute_order", **{k: v for k, v in order.items() if v is not None})

    def market(self, **changes: object) -> Any:
        return self.order(orderType="Market", price=None, **changes)


SPOT, PERP, CLOSED = "SOL_USDC", "SOL_USDC_PERP", "HNT_USDC"


def ask_markets(ask: Asker) -> None:
    for name in ("get_status", "ping", "get_time", "get_assets", "get_markets", "get_tickers"):
        ask.ask(name)
    ask.ask("get_assets", country="DE")
    for kind in get_args(enums.MarketType):
        for name in ("get_markets", "get_mark_prices", "get_open_orders", "get_fills"):
            ask.ask(name, marketType=kind)
    ask.ask("get_markets", marketType=["SPOT", "PERP"])
    for market in ask.ask("get_markets"):
        symbol = market["symbol"]
        ask.ask("get_market", symbol=symbol)
        ask.ask("get_ticker", symbol=symbol)
        ask.ask("get_ticker", symbol=symbol, interval="1w")
        ask.ask("get_depth", symbol=symbol)
        ask.ask("get_klines", symbol=symbol, interval="1m", startTime=NOON - 600)
        ask.ask("get_recent_trades", symbol=symbol, limit=50)
        ask.ask("get_historical_trades", symbol=symbol, limit=50, offset=10)
        ask.ask("get_mark_prices", symbol=symbol)
        ask.ask("get_open_interest", symbol=symbol)
        ask.ask("get_funding_interval_rates", symbol=symbol, limit=5, offset=1)
    for interval in get_args(enums.KlineInterval):
        start = NOON - (100 if interval == "1s" else 3_000_000)
        ask.ask("get_klines", symbol=SPOT, interval=interval, startTime=start, endTime=NOON)
    for limit in get_args(enums.DepthLimit):
        ask.ask("get_depth", symbol=SPOT, limit=limit)
    ask.ask("get_tickers", interval="1w")
    ask.ask("get_open_interest")
    ask.ask("get_mark_prices")
    ask.ask("get_funding_interval_rates", symbol="NOPE")


def ask_market_refusals(ask: Asker) -> None:
    for name, known in parameters.PARAMETERS.items():
        if OPERATIONS[name].method == "GET" and "symbol" in known:
            good = {"interval": "1m", "startTime": 0} if name == "get_klines" else {}
            ask.ask(name, symbol="NOPE", **good)
            ask.ask(name, limit="x", clientId="x", interval="x", marketType="x")
    klines = {"symbol": SPOT, "interval": "1m", "startTime": NOON}
    ask.ask("get_klines", **klines, endTime=NOON - 1)
    ask.ask("get_klines", **klines, priceType="Mark")
    ask.ask("get_recent_trades", symbol=SPOT, limit=1001)
    ask.ask("get_historical_trades", symbol=SPOT, limit=1001)
    ask.ask("get_funding_interval_rates", symbol=PERP, limit=10_001)
    ask.ask("get_tickers", interval="1m")
    ask.ask("get_markets", marketType="x")
    ask.keep("", ask.plain.get("/nope"))
    ask.keep("", ask.plain.session.put(ask.plain.url + "/api/v1/order", timeout=10))
    ask.keep("execute_order", ask.plain.session.post(ask.plain.url + "/api/v1/order", timeout=10))


def ask_orders(ask: Asker, sandbox: Sandbox) -> None:
    resting = ask.order(clientId=7, postOnly=True, timeInForce="GTC", brokerId=1)
    ask.ask("get_order", symbol=SPOT, orderId=resting["id"])
    ask.ask("get_order", symbol=SPOT, clientId=7)
    ask.ask("get_open_orders")
    ask.ask("get_open_orders", symbol=SPOT)
    ask.ask("get_account")
    ask.ask("get_balances")
    for side in ("Bid", "Ask"):
        ask.market(side=side, quantity="0.03")
        ask.market(side=side, quantity=None, quoteQuantity="20.5")
    asks = ask.ask("get_depth", symbol=SPOT, limit="5")["asks"]
    some = str(Decimal(asks[0][1]) + 1)
    ask.order(price=asks[0][0], quantity=some, timeInForce="FOK")  # Expired
    ask.order(price=asks[0][0], quantity=some, timeInForce="IOC")  # Expired, with a fill
    asks = ask.ask("get_depth", symbol=SPOT, limit="5")["asks"]
    ask.order(price=asks[0][0], quantity=str(Decimal(asks[0][1]) + 1))  # PartiallyFilled
    for prevention in ("RejectTaker", "RejectMaker", "RejectBoth"):  # against those two
        ask.order(side="Ask", price="170", quantity="10", selfTradePrevention=prevention)
    ask.order(price="176", quantity="0.1")  # PriceOutOfBounds
    ask.market(side="Bid", quantity="900")  # more than the account has
    own = ask.order(side="Ask", price="180")
    ask.ask("cancel_order", symbol=SPOT, orderId=own["id"])
    ask.order(side="Ask", price="180", clientId=4_294_967_295)
    ask.ask("cancel_order", symbol=SPOT, clientId=4_294_967_295)
    ask.order()
    sandbox.advance(minutes=5)
    ask.order(price="160")
    ask.ask("cancel_open_orders", symbol=SPOT, orderType="RestingLimitOrder")
    ask.ask("cancel_open_orders", symbol=SPOT)
    ask_batch(ask, sandbox)


def ask_batch(ask: Asker, sandbox: Sandbox) -> None:
    limit = {"symbol": SPOT, "side": "Bid", "orderType": "Limit", "price": "150", "quantity": "1"}
    market = {"symbol": SPOT, "side": "Ask", "orderType": "Market", "quantity": "0.5"}
    batches: list[Any] = [
        [limit, market, limit | {"price": "150.001"}, limit | {"symbol": PERP}],
        [limit] * 51,
        [],
        limit,
        [limit | {"side": "Buy"}],
    ]
    for batch in batches:
        ask.keep("execute_order_batch", ask.plain.call("execute_order_batch", batch))
    ask.ask("cancel_open_orders", symbol=SPOT)


def ask_order_refusals(ask: Asker) -> None:
    """One order for each rule, and for each field of a wrong type."""
    for changes in (
        {"price": "170.505"}, {"quantity": "0.001"}, {"quantity": "0"}, {"price": "0"},
        {"price": "1000"}, {"price": "1"}, {"price": None}, {"quantity": None},
        {"quoteQuantity": "5"}, {"quantity": "59"}, {"side": "Ask", "quantity": "900"},
        {"price": "175", "postOnly": True}, {"postOnly": True, "timeInForce": "IOC"},
        {"symbol": CLOSED}, {"symbol": PERP}, {"symbol": "NOPE"}, {"triggerPrice": "1"},
        {"triggerPrice": "1", "triggerQuantity": "1"}, {"reduceOnly": True},
        {"price": "9" * 40}, {"price": 1}, {"clientId": "1"}, {"side": None},
    ):  # fmt: skip
        ask.order(**changes)
    ask.market()
    ask.market(quantity=None)
    ask.market(quantity="1", quoteQuantity="1")
    ask.market(quantity=None, quoteQuantity="0.0001")
    ask.ask("execute_order", symbol=SPOT, side="Bid", orderType="Market", price="1", quantity="1")
    for name in ("get_order", "cancel_order"):
        ask.ask(name, symbol=SPOT, orderId="1")
        ask.ask(name, symbol=SPOT, orderId="1", clientId=1)
        ask.ask(name, symbol=SPOT)
        ask.ask(name, symbol="NOPE", orderId="1")
    ask.ask("cancel_open_orders", symbol="NOPE")


def ask_account(ask: Asker) -> None:
    for blockchain in get_args(enums.Blockchain):
        ask.ask("get_deposit_address", blockchain=blockchain)
    ask.ask("get_deposit_address", blockchain="Nowhere")
    for name in ("get_order_history", "get_fills"):
        ask.ask(name)
        ask.ask(name, limit=2, offset=1, sortDirection="Asc")
        ask.ask(name, symbol="ETH_USDC")
        ask.ask(name, strategyId="1")
        ask.ask(name, limit=1001)
        ask.ask(name, sortDirection="up")
    for fill_type in get_args(enums.FillType):
        ask.ask("get_fills", fillType=fill_type, **{"from": 0, "to": NOON * 2000})


def ask_reference_data(ask: Asker) -> None:
    for name in (
        *("get_collateral_parameters", "get_borrow_lend_markets", "get_apy_rates", "get_wallets"),
        *("get_prediction_events", "get_prediction_tags", "get_market_sessions", "get_securities"),
        *("get_vaults", "get_vault_history", "get_fee_tiers", "get_market_holidays"),
        *("get_country", "get_country_permissions", "get_borrow_lend_markets_history"),
    ):
        ask.ask(name)  # two of them without an interval
    ask.ask("get_apy_rates", tierId=3)
    ask.ask("get_prediction_events", resolved="true", limit=1001)
    for interval in ("1d", "1w", "1month", "1year"):
        ask.ask("get_borrow_lend_markets_history", interval=interval)
        ask.ask("get_borrow_lend_markets_history", interval=interval, symbol="SOL")
        ask.ask("get_vault_history", interval=interval, vaultId=1)


def ask_capital(ask: Asker, sandbox: Sandbox) -> None:
    wish = {"symbol": "USDC", "blockchain": "Solana", "address": "a", "quantity": "20"}
    sandbox.allow_withdrawal_address(sandbox.key, "Solana", "a")
    sandbox.deposit(sandbox.key, "USDC", "100")
    sandbox.deposit(sandbox.key, "ETH", "0.5", "Ethereum")
    ask.ask("request_withdrawal", **wish, clientId="w")
    sandbox.advance(minutes=2)
    ask.ask("request_withdrawal", **wish)
    for change in (
        *({"address": "b"}, {"quantity": "0"}, {"quantity": "99999"}, {"autoBorrow": True}),
        *({"blockchain": "Tron"}, {"symbol": "NOPE"}, {"clientId": "x" * 256}, {"quantity": 1}),
    ):
        ask.ask("request_withdrawal", **wish | change)
    for name in ("get_deposits", "get_withdrawals"):
        ask.ask(name)
        ask.ask(name, limit=1, offset=1, **{"from": 0, "to": NOON * 2000})
        ask.ask(name, limit=1001)
    for name in ("get_max_borrow_quantity", "get_max_withdrawal_quantity"):
        ask.ask(name, symbol="SOL")
        ask.ask(name, symbol="NOPE")
        ask.ask(name)
    ask.ask("get_max_withdrawal_quantity", symbol="SOL", autoBorrow="true", autoLendRedeem="false")
    ask.ask("update_account_settings", autoLend=False, leverageLimit="5")
    ask.ask("update_account_settings", leverageLimit="0")
    ask.ask("update_account_settings", leverageLimit=5)
    ask.ask("get_account")


def ask_futures(ask: Asker, sandbox: Sandbox) -> None:
    future = {"symbol": PERP, "price": None, "orderType": "Market"}
    trigger = {"triggerPrice": "100", "triggerQuantity": "1", "triggerBy": "MarkPrice"}
    ask.order(**future, quantity="5", clientId=9)
    ask.order(symbol=PERP, price="150", quantity="1", reduceOnly=False)
    ask.order(**future, side="Ask", quantity="1", reduceOnly=True)
    ask.order(**future, side="Ask", quantity=None, **trigger)
    ask.order(symbol=PERP, side="Ask", price="99", quantity=None, **trigger)
    ask.order(**future, quantity="1", takeProfitTriggerPrice="300", stopLossTriggerPrice="90")
    ask.order(**future, quantity="1", slippageTolerance="1", slippageToleranceType="Percent")
    ask.order(**future, quantity="90000")  # more than its margin
    for name in ("get_positions", "get_collateral", "get_open_orders", "get_account"):
        ask.ask(name)
    ask.ask("get_positions", symbol=PERP, marketType="PERP")
    ask.ask("get_positions", symbol=SPOT)
    ask.ask("get_positions", symbol="NOPE")
    ask.ask("get_max_order_quantity", symbol=PERP, side="Bid")
    ask.ask("get_max_order_quantity", symbol=SPOT, side="Ask", price="171", reduceOnly="false")
    ask.ask("get_max_order_quantity", symbol=PERP, side="Up")
    sandbox.advance(hours=3)
    ask.ask("cancel_open_orders", symbol=PERP, orderType="ConditionalOrder")
    ask.ask("get_positions")
    ask.order(**future, side="Ask", quantity="100", reduceOnly=True)
    for name in ("get_position_history", "get_funding_payments", "get_settlement_history"):
        ask.ask(name)
        ask.ask(name, limit=1, sortDirection="Asc")
        ask.ask(name, limit=1001)
    for state in ("Open", "Closed"):
        ask.ask("get_position_history", state=state, symbol=PERP, marketType="PERP")
    for source in parameters.PARAMETERS["get_settlement_history"]["source"].kind.values:
        ask.ask("get_settlement_history", source=source)
    ask.ask("cancel_open_orders", symbol=PERP)


def ask_strategies(ask: Asker, sandbox: Sandbox) -> None:
    wish: dict[str, Any] = {"symbol": SPOT, "side": "Ask", "strategyType": "Scheduled"}
    wish |= {"quantity": "0.3", "duration": 30_000, "interval": 10_000}
    slippage = {"slippageTolerance": "1", "slippageToleranceType": "Percent"}
    made = ask.ask("strategy_create", **wish, clientStrategyId=7)
    ask.ask("strategy_create", **wish, **slippage, randomizedIntervalQuantity=True)
    far = {"symbol": PERP, "price": "199", "timeInForce": "IOC"}
    ask.ask("strategy_create", **wish | far, reduceOnly=False)
    for change in ({"quantity": None}, {"interval": 0}, {"symbol": "NOPE"}, {"price": 1}):
        ask.ask("strategy_create", **wish | change)
    ask.ask("get_open_strategies")
    ask.ask("get_open_strategies", symbol=SPOT, marketType="SPOT", strategyType="Scheduled")
    sandbox.advance(seconds=10)
    ids: list[dict[str, Any]] = [{"strategyId": made["id"]}, {"clientStrategyId": 7}, {}]
    for name in ("get_strategy", "cancel_strategy"):
        for one in ids:
            ask.ask(name, symbol=SPOT, **one)
    ask.ask("cancel_open_strategies", symbol=SPOT)
    sandbox.advance(minutes=1)
    ask.ask("get_strategies_history")
    ask.ask("get_strategies_history", strategyId=made["id"], limit=1)
    for name in ("get_order_history", "get_fills"):
        ask.ask(name, strategyId=made["id"])


def ask_dust(ask: Asker, sandbox: Sandbox) -> None:
    """All BTC leave but 0.000005; 0.00001 would be an order."""
    sandbox.allow_withdrawal_address(sandbox.key, "Bitcoin", "a")
    wish = {"symbol": "BTC", "blockchain": "Bitcoin", "address": "a", "quantity": "0.099995"}
    ask.ask("request_withdrawal", **wish)
    ask.ask("convert_dust", symbol="SOL")
    ask.ask("convert_dust", symbol="NOPE")
    ask.ask("convert_dust", symbol="BTC")
    ask.ask("convert_dust")
    ask.ask("get_dust_history")
    ask.ask("get_dust_history", id=1, symbol="BTC", limit=1)
    secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
    sandbox.set_two_factor_secret(sandbox.key, secret)
    sandbox.set_withdrawal_delay(sandbox.key, 1)
    wish = {"symbol": "USDC", "blockchain": "Solana", "address": "b", "quantity": "20"}
    token = sandbox.two_factor_token(sandbox.key)
    for given in ("x", token):
        ask.ask("request_withdrawal", **wish, twoFactorToken=given)


def ask_lending(ask: Asker, sandbox: Sandbox) -> None:
    lend = {"symbol": "SOL", "side": "Lend", "quantity": "5"}
    borrow = {"symbol": "ETH", "side": "Borrow", "quantity": "0.5"}
    ask.ask("execute_borrow_lend", **lend)
    ask.ask("execute_borrow_lend", **borrow)
    for change in ({"quantity": "0"}, {"quantity": "90000"}, {"symbol": "HNT"}, {"side": "Up"}):
        ask.ask("execute_borrow_lend", **borrow | change)
    sandbox.advance(hours=2)
    ask.ask("execute_borrow_lend", **lend | {"side": "Borrow"})
    ask.ask("get_borrow_lend_positions")
    ask.ask("get_collateral")
    for name in ("get_borrow_lend_history", "get_interest_history"):
        ask.ask(name)
        ask.ask(name, limit=1, sortDirection="Asc", positionId="1", symbol="SOL")
    ask.ask("get_borrow_lend_history", type="Lend", sources="Manual,Interest")
    ask.ask("get_interest_history", asset="ETH", source="BorrowLend")
    for state, side in (("Open", "Lend"), ("Closed", "Borrow")):
        ask.ask("get_borrow_lend_position_history", state=state, side=side)
    ask.ask("get_borrow_lend_position_history")


def ask_what_never_happens(ask: Asker) -> None:
    """Empty histories, and operations that are always refused."""
    for name, operation in OPERATIONS.items():
        known = parameters.PARAMETERS.get(name, {})
        if operation.signed and operation.paged and "sortDirection" in known:
            ask.ask(name, limit=3, offset=1, sortDirection="Asc")
            ask.ask(name, sortDirection="x")
        if name in NOT_SIMULATED:
            ask.ask(name)
            ask.ask(name, anything="at all")
    ask.ask("get_vault_pending_redeems", vaultId=1)
    ask.ask("get_vault_nav")


UNRELATED = ("get_fills", "execute_order", "execute_order_batch")


def ask_without_a_right(ask: Asker, stranger: Plain) -> None:
    """Each signed operation with an unknown key, and with a signature over something else.

    To explain a signature over an unrelated text costs the sandbox most: one GET, one body and one
    batch do it. The others sign no parameters.
    """
    fields: dict[str, Any] = {
        "get_deposit_address": {"blockchain": "Solana"},
        "execute_order": {"symbol": SPOT, "side": "Bid", "orderType": "Market"},
        "execute_order_batch": [],
        "get_max_order_quantity": {"symbol": SPOT, "side": "Bid"},
        "request_withdrawal": {
            "symbol": "SOL", "blockchain": "Solana", "address": "a", "quantity": "1"
        },
        "create_withdrawal_delay": {"withdrawalDelayHours": 1, "twoFactorToken": "1"},
        "update_withdrawal_delay": {"withdrawalDelayHours": 1, "twoFactorToken": "1"},
        "get_borrow_lend_estimated_liquidation_price": {"borrow": "e30="},
        "get_vault_pending_redeems": {"vaultId": 1},
        "update_account_settings": {"autoLend": True},
    }  # fmt: skip
    for operation in OPERATIONS.values():
        if operation.signed:
            given = fields.get(operation.name, {"symbol": SPOT})
            ask.keep(operation.name, stranger.call(operation.name, given))
            signed = {"wrong": 1} if operation.name in UNRELATED else {}
            wrong = ask.plain.call(operation.name, given, sign=signed)
            ask.keep(operation.name, wrong)


@pytest.fixture(scope="session")
def answers() -> list[Answer]:
    nobody = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
    with Sandbox() as sandbox, Plain(sandbox.url) as plain, Plain(sandbox.url, nobody) as stranger:
        ask = Asker(plain)
        ask_account(ask)  # nothing has happened yet
        ask_markets(ask)
        ask_market_refusals(ask)
        ask_reference_data(ask)
        ask_orders(ask, sandbox)
        ask_order_refusals(ask)
        ask_account(ask)
        ask_futures(ask, sandbox)
        ask_lending(ask, sandbox)
        ask_capital(ask, sandbox)
        ask_strategies(ask, sandbox)
        ask_dust(ask, sandbox)
        ask_account(ask)
        ask_what_never_happens(ask)
        ask_without_a_right(ask, stranger)
    return ask.answers


# --- answers --------------------------------------------------------------------------------------


def complaints(specification: Specification, answer: Answer) -> set[Problem]:
    """Every difference between an answer and the specification."""
    if answer.status >= 400 and answer.headers["Content-Type"].startswith("text/plain"):
        return {(str(answer.status), "plain text")}
    if not OPERATIONS[answer.name].documented:
        return set()
    facts = specification.operations[answer.name]
    if answer.status in facts.get("errors", []):
        return set(specification.problems(ERROR, json.loads(answer.text)))
    if str(answer.status) not in facts["answers"]:  # its body is at least an error as others are
        found = set(specification.problems(ERROR, json.loads(answer.text)))
        every = answer.status in (401, 501)  # an unknown key; what is not simulated
        place = str(answer.status) if every else f"{answer.name} {answer.status}"
        return found | {(place, "undocumented status")}
    word = facts["answers"][str(answer.status)]
    return {
        *(_header_problems(facts, answer) if answer.status == 200 else ()),
        *_body_problems(specification, word, answer),
    }


def _header_problems(facts: dict[str, Any], answer: Answer) -> Iterator[Problem]:
    for name in facts.get("headers", []):
        given = answer.headers.get(name)
        if given is None:
            yield name, "missing header"
        elif name.startswith("X-") and not given.isdecimal():
            yield name, f"{given!r} is not a whole number"


def _body_problems(
    specification: Specification, word: str | None, answer: Answer
) -> Iterator[Problem]:
    if word is None:
        if answer.text:
            yield answer.name, "has a body, and must not"
        return
    wanted = "text/plain" if word == "text" else "application/json"
    if answer.headers["Content-Type"] != f"{wanted}; charset=utf-8":
        yield answer.name, f"Content-Type {answer.headers['Content-Type']}"
    if word != "text":
        yield from specification.problems(word, json.loads(answer.text))


@pytest.mark.parametrize("name", [operation.name for operation in DOCUMENTED])
def test_answers(specification: Specification, answers: list[Answer], name: str) -> None:
    own = [answer for answer in answers if answer.name == name]
    assert any(answer.status == 200 for answer in own) == (name not in NEVER_200) and own
    assert not {answer.status for answer in own} & {500, 503}
    for answer in own:
        assert not complaints(specification, answer) - EXCEPTIONS, (answer.status, answer.text)


def test_every_exception_is_needed(specification: Specification, answers: list[Answer]) -> None:
    found = set().union(*(complaints(specification, answer) for answer in answers))
    assert found == EXCEPTIONS


def test_enough_was_asked(answers: list[Answer]) -> None:
    """Every state of spot orders without conditions, and every kind of refusal."""
    orders = [
        row
        for answer in answers
        if answer.status == 200 and answer.name in ("execute_order", "cancel_order")
        for row in [json.loads(answer.text)]
    ]
    assert {(row["orderType"], row["status"]) for row in orders} >= {
        ("Limit", "New"),
        ("Limit", "PartiallyFilled"),
        ("Limit", "Filled"),
        ("Limit", "Cancelled"),
        ("Limit", "Expired"),
        ("Market", "Filled"),
    }
    history = [
        row
        for answer in answers
        if answer.status == 200 and answer.name == "get_order_history"
        for row in json.loads(answer.text)
    ]
    assert {row["expiryReason"] for row in history} >= {
        *(None, "FillOrKill", "ImmediateOrCancel", "SelfTradePrevention", "PriceOutOfBounds")
    }
    fills = [
        row
        for answer in answers
        if answer.status == 200 and answer.name == "get_fills"
        for row in json.loads(answer.text)
    ]
    assert {row["isMaker"] for row in fills} == {True, False}
    assert {row["clientId"] for row in fills} > {None}
    codes = {
        json.loads(answer.text)["code"]
        for answer in answers
        if answer.status >= 400 and answer.headers["Content-Type"].startswith("application/json")
    }
    assert codes == {
        *("INVALID_CLIENT_REQUEST", "RESOURCE_NOT_FOUND", "UNAUTHORIZED", "NOT_IMPLEMENTED"),
        *("INSUFFICIENT_FUNDS", "INVALID_MARKET", "INVALID_ORDER", "INVALID_PRICE"),
        *("INSUFFICIENT_MARGIN", "INVALID_ASSET", "FORBIDDEN", "BORROW_LIMIT", "INVALID_QUANTITY"),
        "INVALID_TWO_FACTOR_CODE",
    }
    statuses = {200, 204, 400, 401, 403, 404, 405, 415, 501}
    assert {answer.status for answer in answers} == statuses


# --- would it notice? -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"surprise": 1}, ("OrderType.surprise", "not in the specification")),
        ({"price": 170.5}, ("LimitOrder.price", "170.5 is not of the type string")),
        ({"price": "1e2"}, ("LimitOrder.price", "'1e2' is not of the format decimal")),
        ({"price": None}, ("LimitOrder.price", "null")),
        ({"createdAt": "1"}, ("LimitOrder.createdAt", "'1' is not of the type integer")),
        ({"createdAt": True}, ("LimitOrder.createdAt", "True is not of the type integer")),
        ({"clientId": 2**32}, ("LimitOrder.clientId", "4294967296 is not of the format uint32")),
        ({"postOnly": "true"}, ("LimitOrder.postOnly", "'true' is not of the type boolean")),
        ({"side": "Buy"}, ("LimitOrder.side", "'Buy' is not one of ['Bid', 'Ask']")),
        ({"slippageTolerance": None}, ("OrderType.slippageTolerance", "not in the specification")),
        ({"id": ...}, ("LimitOrder.id", "missing")),
        ({"orderType": "Stop"}, ("answer", "'Stop' is not one of ['Limit', 'Market']")),
    ],
)
def test_a_changed_order_is_noticed(
    specification: Specification, answers: list[Answer], change: dict[str, Any], problem: Problem
) -> None:
    order = next(
        json.loads(answer.text)
        for answer in answers
        if (answer.name, answer.status) == ("execute_order", 200)
    )
    assert set(specification.problems("OrderType", order)) <= EXCEPTIONS
    changed = {key: value for key, value in (order | change).items() if value is not ...}
    found = set(specification.problems("OrderType", changed)) - {
        one for one in EXCEPTIONS if one[0].split(".")[-1] not in change
    }
    assert any(place == problem[0] and what.endswith(problem[1]) for place, what in found), found


# --- requests -------------------------------------------------------------------------------------


def test_a_refusal_names_the_documented_type_of_a_body(specification: Specification) -> None:
    bodies = {name: facts.get("body") for name, facts in specification.operations.items()}
    for name, body in bodies.items():
        if body is not None:
            with pytest.raises(parsing.Unreadable, match=re.escape(f'type "{body}", found 1.')):
                parsing.read(
                    OPERATIONS[name], "", {"content-type": "application/json"}, b"1", set()
                )
    assert sum(body is not None for body in bodies.values()) == 21


def test_a_longest_client_id() -> None:
    parse = partial(
        parsing._from_text, parameters.PARAMETERS["request_withdrawal"]["clientId"].kind
    )
    assert parse("x" * 255) == "x" * 255
    with pytest.raises(ValueError, match="maxLength"):
        parse("x" * 256)


@pytest.mark.parametrize("name", sorted(set(RANGES) - {"uint8"}))
def test_whole_numbers_end_where_their_format_ends(name: str) -> None:
    kinds = {
        parameter.kind
        for known in parameters.PARAMETERS.values()
        for parameter in known.values()
        if parameter.kind.name == f"integer_{name}"
    }
    low, high = RANGES[name]
    assert kinds
    for kind in kinds:
        parse = partial(parsing._from_text, kind)
        assert (parse(str(low)), parse(str(high))) == (low, high)
        for beyond in (low - 1, high + 1):
            with pytest.raises(ValueError, match=r"digit|too large"):
                parse(str(beyond))
