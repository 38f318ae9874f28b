"""Every answer of the sandbox against the official specification: ``pytest --openapi=PATH``.

The specification (OpenAPI 3.0) is Backpack's, and so is not part of this repository. Where the wire
is known to differ from it, ``data/contract_exceptions.json`` says so, with the evidence; an
exception that no answer needs is an error too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import requests
from conftest import Plain

from bpkit.operations import OPERATIONS, UNDOCUMENTED, Operation
from bpkit.sandbox import Sandbox
from bpkit.sandbox.server import parameters
from bpkit.sandbox.server.endpoints.signed import NOT_SIMULATED

NOON = 1_788_264_000  # seconds: where the sandbox's market stands
EXCEPTIONS = {
    (place, entry["what"])
    for entry in json.loads(
        (Path(__file__).parents[2] / "data/contract_exceptions.json").read_text("utf-8")
    )
    for place in entry["places"]
}
DOCUMENTED = [one for one in OPERATIONS.values() if one.documented]
# What never says yes: it needs a session, or a vault's own key, or is not simulated.
NEVER_200 = {
    *NOT_SIMULATED,
    *(one.name for one in DOCUMENTED if one.instruction == UNDOCUMENTED),
    *("get_vault_pending_redeems", "get_vault_nav"),
}
Schema = dict[str, Any]
Problem = tuple[str, str]
REST = "additionalProperties"


# --- the specification ----------------------------------------------------------------------------


class Specification:
    """The parsed file; ``problems`` holds a value against one of its schemas."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document

    def operation(self, operation: Operation) -> dict[str, Any]:
        found: dict[str, Any] = self.document["paths"][operation.path][operation.method.lower()]
        return found

    def resolve(self, schema: Schema) -> tuple[str, Schema]:
        """(its name or "", the schema itself) of what may be a reference."""
        if "$ref" not in schema:
            return "", schema
        name = schema["$ref"].rsplit("/", 1)[1]
        return name, self.document["components"]["schemas"][name]

    def parts(self, schema: Schema, value: Any, owner: str = "") -> Iterator[tuple[str, Schema]]:
        """A schema and all that it is composed of for this value, each with its name."""
        name, schema = self.resolve(schema)
        owner = name or owner
        yield owner, schema
        for one in schema.get("allOf", []):
            yield from self.parts(one, value, owner)
        if "oneOf" in schema or "anyOf" in schema:
            mapping = schema["discriminator"]["mapping"]
            chosen = value.get(schema["discriminator"]["propertyName"])
            if chosen in mapping:
                yield from self.parts({"$ref": mapping[chosen]}, value, owner)
            else:
                yield owner, {"enum": sorted(mapping)}

    def problems(self, schema: Schema, value: Any, place: str = "answer") -> Iterator[Problem]:
        """What of the value is not as the schema says. Names that it does not have count too."""
        if value is None:
            yield place, "null"
            return
        parts = list(self.parts(schema, value))
        for _, part in parts:
            yield from _plain_problems(part, value, place)
        if isinstance(value, list):
            items = next(part["items"] for _, part in parts if "items" in part)
            for one in value:
                yield from self.problems(items, one, place)
        elif isinstance(value, dict):
            yield from self._object_problems(parts, value)

    def _object_problems(
        self, parts: list[tuple[str, Schema]], value: dict[str, Any]
    ) -> Iterator[Problem]:
        known = {
            name: (owner, schema)
            for owner, part in parts
            for name, schema in part.get("properties", {}).items()
        }
        for owner, part in parts:
            for name in part.get("required", []):
                if name not in value:
                    yield f"{owner}.{name}", "missing"
        name_of_all = next((owner for owner, _ in parts if owner), "")
        rest = next((part[REST] for _, part in parts if REST in part), None)
        for name, one in value.items():
            if name in known:
                yield from self.problems(known[name][1], one, f"{known[name][0]}.{name}")
            elif rest is not None:
                yield from self.problems(rest, one, "*")
            else:
                yield f"{name_of_all}.{name}", "not in the specification"


TYPES: dict[str, Callable[[Any], bool]] = {
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "integer": lambda value: type(value) is int,
    "number": lambda value: type(value) in (int, float),
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
}
RANGES = {
    "uint8": (0, 2**8 - 1),
    "uint16": (0, 2**16 - 1),
    "uint32": (0, 2**32 - 1),
    "uint64": (0, 2**64 - 1),
    "int32": (-(2**31), 2**31 - 1),
    "int64": (-(2**63), 2**63 - 1),
}
FORMATS = {
    "decimal": r"-?(0|[1-9]\d*)(\.\d+)?",
    "naive-date-time": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3}|\.\d{6})?",
    "naive-time": r"\d\d:\d\d:\d\d",
    "date-time": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)",
}


def _plain_problems(part: Schema, value: Any, place: str) -> Iterator[Problem]:
    """Type, enumeration, format, length."""
    if "type" in part and not TYPES[part["type"]](value):
        yield place, f"{value!r} is no {part['type']}"
        return
    if "enum" in part and value not in part["enum"]:
        yield place, f"{value!r} is none of {part['enum']}"
    if "format" in part and not _is_of_format(part["format"], value):
        yield place, f"{value!r} is no {part['format']}"
    if "maxLength" in part and not part["minLength"] <= len(value) <= part["maxLength"]:
        yield place, f"{value!r} is of the wrong length"


def _is_of_format(name: str, value: Any) -> bool:
    if name in RANGES:
        low, high = RANGES[name]
        return bool(low <= value <= high)
    return re.fullmatch(FORMATS[name], value) is not None  # KeyError: a format not thought of


@pytest.fixture(scope="session")
def spec(pytestconfig: pytest.Config) -> Specification:
    path = pytestconfig.getoption("--openapi")
    if path is None:
        pytest.skip("give --openapi=PATH: the official specification is not in this repository")
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    with open(path, encoding="utf-8") as file:
        return Specification(yaml.load(file, loader))


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
    for kind in parameters.MARKET_TYPE.values:
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
    for interval in parameters.INTERVAL.values:
        start = NOON - (100 if interval == "1s" else 3_000_000)
        ask.ask("get_klines", symbol=SPOT, interval=interval, startTime=start, endTime=NOON)
    for limit in parameters.DEPTH_LIMIT.values:
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
    for blockchain in parameters.BLOCKCHAIN.values:
        ask.ask("get_deposit_address", blockchain=blockchain)
    ask.ask("get_deposit_address", blockchain="Nowhere")
    for name in ("get_order_history", "get_fills"):
        ask.ask(name)
        ask.ask(name, limit=2, offset=1, sortDirection="Asc")
        ask.ask(name, symbol="ETH_USDC")
        ask.ask(name, strategyId="1")
        ask.ask(name, limit=1001)
        ask.ask(name, sortDirection="up")
    for fill_type in parameters.FILL_TYPE.values:
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


def ask_what_never_happens(ask: Asker) -> None:
    """Empty histories, and what is refused whatever is asked."""
    for name, operation in OPERATIONS.items():
        known = parameters.PARAMETERS.get(name, {})
        if operation.signed and operation.paged and "sortDirection" in known:
            ask.ask(name, limit=3, offset=1, sortDirection="Asc")
            ask.ask(name, sortDirection="x")
        if name in NOT_SIMULATED:
            ask.ask(name)
            ask.ask(name, anything="at all")
    ask.ask("get_borrow_lend_positions")
    ask.ask("get_vault_pending_redeems", vaultId=1)
    ask.ask("get_vault_nav")


def ask_without_a_right(ask: Asker, stranger: Plain) -> None:
    """Each signed operation with an unknown key, and with a signature over something else."""
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
            wrong = ask.plain.call(operation.name, given, sign={"wrong": 1})
            ask.keep(operation.name, wrong)


@pytest.fixture(scope="session")
def answers(spec: Specification) -> list[Answer]:
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
        ask_capital(ask, sandbox)
        ask_account(ask)
        ask_what_never_happens(ask)
        ask_without_a_right(ask, stranger)
    return ask.answers


# --- answers --------------------------------------------------------------------------------------


def complaints(spec: Specification, answer: Answer) -> set[Problem]:
    """Everything in which an answer is not as the specification says."""
    if answer.status >= 400 and answer.headers["Content-Type"].startswith("text/plain"):
        return {(str(answer.status), "plain text")}
    if not OPERATIONS[answer.name].documented:
        return set()
    documented = spec.operation(OPERATIONS[answer.name])["responses"]
    response = documented.get(str(answer.status))
    if response is None:  # its body is at least an error as others are
        error = {"$ref": "#/components/schemas/ApiErrorResponse"}
        found = set(spec.problems(error, json.loads(answer.text)))
        every = answer.status in (401, 501)  # an unknown key; what is not simulated
        place = str(answer.status) if every else f"{answer.name} {answer.status}"
        return found | {(place, "undocumented status")}
    return {
        *_header_problems(spec, response, answer),
        *_body_problems(spec, response, answer),
    }


def _header_problems(spec: Specification, response: Any, answer: Answer) -> Iterator[Problem]:
    for name, header in response.get("headers", {}).items():
        given: Any = answer.headers.get(name)
        if given is None:
            yield name, "missing header"
        elif header["schema"]["type"] == "integer":
            whole = int(given) if given.isdecimal() else given
            yield from spec.problems(header["schema"], whole, name)


def _body_problems(spec: Specification, response: Any, answer: Answer) -> Iterator[Problem]:
    if "content" not in response:
        if answer.text:
            yield answer.name, "a body where there is none"
        return
    [(content_type, content)] = response["content"].items()
    if answer.headers["Content-Type"] != content_type:
        yield answer.name, f"Content-Type {answer.headers['Content-Type']}"
    is_json = content_type.startswith("application/json")
    yield from spec.problems(content["schema"], json.loads(answer.text) if is_json else answer.text)


@pytest.mark.parametrize("name", [operation.name for operation in DOCUMENTED])
def test_answers(spec: Specification, answers: list[Answer], name: str) -> None:
    own = [answer for answer in answers if answer.name == name]
    assert any(answer.status == 200 for answer in own) == (name not in NEVER_200) and own
    assert not {answer.status for answer in own} & {500, 503}
    for answer in own:
        assert not complaints(spec, answer) - EXCEPTIONS, (answer.status, answer.text)


def test_every_exception_is_needed(spec: Specification, answers: list[Answer]) -> None:
    found = set().union(*(complaints(spec, answer) for answer in answers))
    assert found == EXCEPTIONS


def test_enough_was_asked(answers: list[Answer]) -> None:
    """Every state that spot orders without conditions can have, and every kind of refusal."""
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
        *("INSUFFICIENT_MARGIN", "INVALID_ASSET", "FORBIDDEN"),
    }
    statuses = {200, 204, 400, 401, 403, 404, 405, 415, 501}
    assert {answer.status for answer in answers} == statuses


# --- would it notice? -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"surprise": 1}, ("OrderType.surprise", "not in the specification")),
        ({"price": 170.5}, ("LimitOrder.price", "170.5 is no string")),
        ({"price": "1e2"}, ("LimitOrder.price", "'1e2' is no decimal")),
        ({"price": None}, ("LimitOrder.price", "null")),
        ({"createdAt": "1"}, ("LimitOrder.createdAt", "'1' is no integer")),
        ({"createdAt": True}, ("LimitOrder.createdAt", "True is no integer")),
        ({"clientId": 2**32}, ("LimitOrder.clientId", "4294967296 is no uint32")),
        ({"postOnly": "true"}, ("LimitOrder.postOnly", "'true' is no boolean")),
        ({"side": "Buy"}, ("LimitOrder.side", "'Buy' is none of ['Bid', 'Ask']")),
        ({"slippageTolerance": None}, ("OrderType.slippageTolerance", "not in the specification")),
        ({"id": ...}, ("LimitOrder.id", "missing")),
        ({"orderType": "Stop"}, ("answer", "none of ['Limit', 'Market']")),
    ],
)
def test_a_changed_order_is_noticed(
    spec: Specification, answers: list[Answer], change: dict[str, Any], problem: Problem
) -> None:
    schema = {"$ref": "#/components/schemas/OrderType"}
    order = next(
        json.loads(answer.text)
        for answer in answers
        if (answer.name, answer.status) == ("execute_order", 200)
    )
    assert set(spec.problems(schema, order)) <= EXCEPTIONS
    changed = {key: value for key, value in (order | change).items() if value is not ...}
    found = set(spec.problems(schema, changed)) - {
        one for one in EXCEPTIONS if one[0].split(".")[-1] not in change
    }
    assert any(place == problem[0] and what.endswith(problem[1]) for place, what in found), found


# --- requests -------------------------------------------------------------------------------------


def described(spec: Specification, schema: Schema) -> tuple[str, str, list[str], bool]:
    """(type, format, enumeration, many?) of a parameter."""
    many = schema.get("type") == "array"
    merged: Schema = {}
    for _, part in spec.parts(schema["items"] if many else schema, None):
        merged |= part
    return merged["type"], merged.get("format", ""), merged.get("enum", []), many


def understood(parameter: parameters.Parameter) -> tuple[str, str, list[str], bool]:
    """The same of a parameter of the sandbox."""
    kind = parameter.kind
    if kind.json_type is dict:
        return "object", "", [], parameter.many
    base, _, form = ("string", "", "") if kind.values else kind.name.partition("_")
    return base, form, list(kind.values), parameter.many


def wanted(spec: Specification, operation: Operation) -> dict[str, tuple[bool, Any]]:
    """Name -> (required?, what it is), from the specification."""
    whole = spec.operation(operation)
    if operation.method == "GET":
        return {
            one["name"]: (one["required"], described(spec, one["schema"]))
            for one in whole.get("parameters", [])
            if one["in"] == "query"
        }
    [content] = whole["requestBody"]["content"].values()
    schema = content["schema"]
    _, body = spec.resolve(schema["items"] if schema.get("type") == "array" else schema)
    return {
        name: (name in body.get("required", []), described(spec, one))
        for name, one in body["properties"].items()
    }


@pytest.mark.parametrize(
    "operation",
    [operation for operation in DOCUMENTED if operation.name not in NOT_SIMULATED],
    ids=lambda operation: operation.name,
)
def test_parameters(spec: Specification, operation: Operation) -> None:
    known = parameters.PARAMETERS.get(operation.name, {})
    asked = wanted(spec, operation)
    if operation.name == "request_withdrawal":  # the exchange has more assets than the sandbox
        required, (kind, form, assets, many) = asked["symbol"]
        own = [symbol for symbol in parameters.CUSTODY_ASSET.values if symbol in assets]
        assert len(assets) > 1000
        asked["symbol"] = required, (kind, form, own, many)
    assert {
        name: (parameter.required, understood(parameter)) for name, parameter in known.items()
    } == asked


def test_a_longest_client_id(spec: Specification) -> None:
    payload = spec.document["components"]["schemas"]["AccountWithdrawalPayload"]
    assert payload["properties"]["clientId"]["maxLength"] == 255
    parse = parameters.PARAMETERS["request_withdrawal"]["clientId"].kind.from_text
    assert parse("x" * 255) == "x" * 255
    with pytest.raises(ValueError, match="maxLength"):
        parse("x" * 256)


# They need a key as the rest does, and list no header: an omission of the specification.
WITHOUT_HEADERS = {"vault_mint", "vault_redeem", "vault_redeem_cancel", "get_vault_nav"}


@pytest.mark.parametrize("operation", DOCUMENTED, ids=lambda operation: operation.name)
def test_the_table_of_operations(spec: Specification, operation: Operation) -> None:
    whole = spec.operation(operation)
    assert whole["operationId"] == operation.name
    text = whole.get("description", "")
    instructions = re.findall(r"instruction:\*\*\s+`(\w+)`", text, re.IGNORECASE)
    assert instructions == ([operation.instruction] if operation.instruction else [])
    headers = {one["name"] for one in whole.get("parameters", []) if one["in"] == "header"}
    lists = {"X-API-KEY", "X-SIGNATURE", "X-TIMESTAMP", "X-WINDOW"} <= headers
    assert lists == (bool(operation.instruction) and operation.name not in WITHOUT_HEADERS)


@pytest.mark.parametrize("name", RANGES)
def test_whole_numbers_end_where_their_format_ends(spec: Specification, name: str) -> None:
    kinds = {
        parameter.kind
        for known in parameters.PARAMETERS.values()
        for parameter in known.values()
        if parameter.kind.name == f"integer_{name}"
    }
    low, high = RANGES[name]
    for kind in kinds:
        assert (kind.from_text(str(low)), kind.from_text(str(high))) == (low, high)
        for beyond in (low - 1, high + 1):
            with pytest.raises(ValueError, match=r"digit|too large"):
                kind.from_text(str(beyond))
