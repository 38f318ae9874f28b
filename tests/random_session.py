"""Random sessions with a sandbox's service: no socket, no clock, nothing of this machine.

``python tests/random_session.py SEED COUNT`` prints a checksum of every answer and every frame.
"""

from __future__ import annotations

import hashlib
import json
import sys
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import urlencode

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent.parent))

from bpkit.operations import OPERATIONS
from bpkit.parameters import PARAMETERS
from bpkit.sandbox.core.conflicts import Conflicts
from bpkit.sandbox.core.exchange import Exchange
from bpkit.sandbox.inputs import amounts_of, feeds
from bpkit.sandbox.server.restarts import Origin
from bpkit.sandbox.server.service import Service
from bpkit.sandbox.simulation import market
from bpkit.sandbox.simulation.synthetic import DEFAULT_SEED, SECOND, START_US

NOW = 1_788_264_000_000  # ms: for signatures
SECRETS = [b64encode(bytes([number] * 32)).decode() for number in (1, 2, 3)]
FUNDS = {"USDC": "20000", "SOL": "60", "BTC": "0.2", "ETH": "0.00009"}  # the ETH is dust
SPOT, PERP = ("SOL_USDC", "BTC_USDC"), ("SOL_USDC_PERP", "ETH_USDC_PERP")
STREAMS = [
    f"{kind}.{symbol}"
    for kind in ("trade", "bookTicker", "depth", "depth.600ms", "ticker", "kline.1m", "markPrice")
    for symbol in ("SOL_USDC", "SOL_USDC_PERP")
]
PRIVATE = ["account.orderUpdate", "account.balanceUpdate", "account.positionUpdate"]
# For the required parameters of what is asked.
ASKED: dict[str, Any] = {
    "symbol": "SOL_USDC", "interval": "1m", "startTime": START_US // SECOND - 600,
    "blockchain": "Solana", "side": "Bid", "marketSymbol": "SOL_USDC", "borrow": "1",
    "mintSymbol": "BP", "vaultId": "1", "clientId": 3, "price": "170",
}  # fmt: skip
Command = tuple[str, int, dict[str, Any]]  # an operation or what the owner does, by whom, fields


class Listening:
    """A socket that keeps what it is sent. ``ends``: how it was ended."""

    path = "/"

    def __init__(self) -> None:
        self.streams: dict[Any, Any] = {}
        self.texts: list[str] = []
        self.ends: list[str] = []

    def send(self, text: str) -> None:
        self.texts.append(text)

    def end(self, how: str) -> None:
        self.ends.append(how)


def new_service(seed: str = DEFAULT_SEED, conflicts: Conflicts | None = None) -> Service:
    """A service at its start, with the accounts of SECRETS."""
    markets = market.load()

    def fresh(seed: str, conflicts: Conflicts) -> Exchange:
        return Exchange(markets, feeds(markets, seed), START_US, conflicts=conflicts)

    origin = Origin("0", seed, fresh)
    service = Service(fresh(seed, conflicts or Conflicts()), lambda: NOW, origin=origin)
    for secret in SECRETS:
        key = public_key(secret)
        service.open_first_account(key, amounts_of(FUNDS, service.exchange.assets))
        service.capital.allow(service.exchange.accounts[key], "Solana", "there")
    service.hub.post = lambda acts: [act() for act in acts] and None
    return service


def public_key(secret: str) -> str:
    private = Ed25519PrivateKey.from_private_bytes(b64decode(secret))
    return b64encode(private.public_key().public_bytes_raw()).decode()


def signature(secret: str, parts: list[str]) -> str:
    private = Ed25519PrivateKey.from_private_bytes(b64decode(secret))
    text = "&".join([*parts, f"timestamp={NOW}&window=60000"])
    return b64encode(private.sign(text.encode())).decode()


def listen(service: Service) -> Listening:
    """A socket that has subscribed public streams, and the private ones of the first account."""
    socket = Listening()
    service.hub.opened(socket)
    key = public_key(SECRETS[0])
    signed = [key, signature(SECRETS[0], ["instruction=subscribe"]), str(NOW), "60000"]
    frame = {"method": "SUBSCRIBE", "params": STREAMS + PRIVATE, "signature": signed}
    assert service.hub.receive(socket, json.dumps(frame)) is None
    return socket


def call(service: Service, who: int, name: str, fields: Any) -> bytes:
    """Send a signed request; its status and its body."""
    operation, headers = OPERATIONS[name], {"content-type": "application/json"}
    if operation.instruction is not None:
        parts = []
        for one in fields if isinstance(fields, list) else [fields]:
            parts.append(f"instruction={operation.instruction}")
            for key in sorted(one):
                value = one[key]
                parts.append(f"{key}={str(value).lower() if isinstance(value, bool) else value}")
        headers |= {
            "x-api-key": public_key(SECRETS[who]),
            "x-signature": signature(SECRETS[who], parts),
            "x-timestamp": str(NOW),
            "x-window": "60000",
        }
    get = operation.method == "GET"
    query, body = (urlencode(fields), b"") if get else ("", json.dumps(fields).encode())
    answer = service.answer(operation.method, operation.path, query, headers, body)
    assert answer.status != 500, service.log[-1]
    return b"%d %s" % (answer.status, answer.body)


def everything(service: Service) -> dict[str, bytes]:
    """The answer to every question, for each account."""
    asked = {}
    for name, operation in OPERATIONS.items():
        required = [key for key, one in PARAMETERS.get(name, {}).items() if one.required]
        if operation.method != "GET" or not set(required) <= ASKED.keys():
            continue
        symbols = [*SPOT, *PERP, "SOL"] if "symbol" in required else [""]
        for who in range(len(SECRETS) if operation.instruction is not None else 1):
            for symbol in symbols:
                fields = {key: ASKED[key] for key in required} | (
                    {"symbol": symbol} if "symbol" in required else {}
                )
                asked[f"{name} {who} {symbol}"] = call(service, who, name, fields)
    return asked


def carry_out(service: Service, command: Command) -> bytes:
    """A command: an operation, or what the owner of the sandbox does."""
    name, who, fields = command
    exchange = service.exchange
    if name == "advance":
        service.carry_out(lambda: exchange.advance_to(exchange.now_us + fields["us"]))
        return b""
    if name == "deposit":
        account = exchange.accounts[public_key(SECRETS[who])]
        amount = amounts_of({"SOL": fields["quantity"]}, exchange.assets)["SOL"]
        row = service.carry_out(lambda: service.capital.deposit(account, "SOL", amount, "Solana"))
        return json.dumps(row).encode()
    if name == "path":
        path = {key: fields[key] for key in ("steps", "moves", "after")}
        try:
            row = service.carry_out(lambda: exchange.set_path(fields["symbol"], path))
        except ValueError as error:  # a spot market has no mark
            return str(error).encode()
        return json.dumps(row).encode()
    return call(service, who, name, fields.get("batch", fields))


# --- random commands ------------------------------------------------------------------------------


def commands(seed: int, count: int) -> Iterator[Command]:
    """The same for the same seed, whatever the exchange answers."""
    chance = Random(seed)
    kinds: list[Callable[[Random], tuple[str, dict[str, Any]]]] = [
        *[_spot] * 6, *[_perp] * 5, _batch, _cancel, _cancel, _cancel_all, _settings, _deposit,
        _withdrawal, *[_advance] * 4, _look, _loan, _loan, _strategy, _dust, _path,
    ]  # fmt: skip
    for _ in range(count):
        who = chance.randrange(len(SECRETS))
        name, fields = chance.choice(kinds)(chance)
        yield name, who, fields


USUAL = {
    "SOL_USDC": (17_074, 2), "BTC_USDC": (774_000, 1), "SOL_USDC_PERP": (17_072, 2),
    "ETH_USDC_PERP": (242_000, 2),
}  # fmt: skip


def _price(chance: Random, symbol: str) -> str:
    """Near the price at the start: most cross or rest near the best ones."""
    ticks, digits = USUAL[symbol]
    ticks += round(ticks * chance.choice((0, 0, 1, -1, 3, -3, 20, -20)) / 1000) + chance.randint(
        -9, 9
    )
    return f"{ticks // 10**digits}.{ticks % 10**digits:0{digits}}"


def _order(chance: Random, symbol: str) -> dict[str, Any]:
    unit = "0.00" if symbol == "BTC_USDC" else "0." if symbol == "ETH_USDC_PERP" else ""
    order: dict[str, Any] = {
        "symbol": symbol,
        "side": chance.choice(("Bid", "Ask")),
        "quantity": f"{unit}{chance.randint(1, 9)}",
    }
    if chance.random() < 0.6:
        order |= {"orderType": "Limit", "price": _price(chance, symbol)}
        order |= {"timeInForce": "IOC"} if chance.random() < 0.1 else {}
        order |= {"postOnly": True} if chance.random() < 0.1 else {}
    else:
        order["orderType"] = "Market"
    if chance.random() < 0.1:
        order |= {"autoBorrow": True, "autoBorrowRepay": True}
    if chance.random() < 0.1:
        order |= {"autoLend": True, "autoLendRedeem": True}
    if chance.random() < 0.5:
        order["clientId"] = chance.randrange(8)
    if chance.random() < 0.2:
        order["selfTradePrevention"] = chance.choice(("RejectMaker", "RejectBoth"))
    return order


def _trigger(chance: Random, order: dict[str, Any]) -> dict[str, Any]:
    more = {
        "triggerPrice": _price(chance, order["symbol"]),
        "triggerQuantity": order.pop("quantity"),
    }
    return order | more


def _spot(chance: Random) -> tuple[str, dict[str, Any]]:
    order = _order(chance, chance.choice(SPOT))
    return "execute_order", _trigger(chance, order) if chance.random() < 0.2 else order


def _perp(chance: Random) -> tuple[str, dict[str, Any]]:
    order = _order(chance, chance.choice(PERP))
    if chance.random() < 0.3:
        by = chance.choice(("LastPrice", "MarkPrice", "IndexPrice"))
        return "execute_order", _trigger(chance, order) | {"triggerBy": by, "reduceOnly": True}
    if chance.random() < 0.3:
        order["stopLossTriggerPrice"] = _price(chance, order["symbol"])
        order["takeProfitTriggerPrice"] = _price(chance, order["symbol"])
    return "execute_order", order | ({"reduceOnly": True} if chance.random() < 0.2 else {})


def _batch(chance: Random) -> tuple[str, dict[str, Any]]:
    return "execute_order_batch", {"batch": [_spot(chance)[1], _perp(chance)[1]]}


def _cancel(chance: Random) -> tuple[str, dict[str, Any]]:
    return "cancel_order", {"symbol": chance.choice(SPOT + PERP), "clientId": chance.randrange(8)}


def _cancel_all(chance: Random) -> tuple[str, dict[str, Any]]:
    return "cancel_open_orders", {"symbol": chance.choice(SPOT + PERP)}


def _settings(chance: Random) -> tuple[str, dict[str, Any]]:
    limit = chance.choice(("5", "10", "20", "50"))
    return "update_account_settings", {"leverageLimit": limit, "autoLend": chance.random() < 0.5}


def _loan(chance: Random) -> tuple[str, dict[str, Any]]:
    wish = {"symbol": chance.choice(("SOL", "USDC")), "side": chance.choice(("Borrow", "Lend"))}
    return "execute_borrow_lend", wish | {"quantity": f"{chance.randint(1, 9)}.25"}


def _strategy(chance: Random) -> tuple[str, dict[str, Any]]:
    wish = _order(chance, chance.choice(SPOT + PERP))
    wish = {name: wish[name] for name in ("symbol", "side", "quantity")}
    times = {"duration": chance.choice((10_000, 600_000)), "interval": chance.choice((1000, 5000))}
    wish |= {"strategyType": "Scheduled", "randomizedIntervalQuantity": chance.random() < 0.5}
    return "strategy_create", wish | times


def _dust(chance: Random) -> tuple[str, dict[str, Any]]:
    return "convert_dust", {}


def _path(chance: Random) -> tuple[str, dict[str, Any]]:
    symbol = chance.choice(("SOL_USDC", "SOL_USDC_PERP"))
    steps = ("-4% in 5m; back in 3m", "jump -1%; hold 20s; +2% in 2m", "-9% in 40s")
    moves = chance.choice((["last", "mark", "index"], ["last"], ["mark"]))
    after = chance.choice(("hold", "tape"))
    return "path", {"symbol": symbol, "steps": chance.choice(steps), "moves": moves, "after": after}


def _deposit(chance: Random) -> tuple[str, dict[str, Any]]:
    return "deposit", {"quantity": f"{chance.randint(1, 99)}.5"}


def _withdrawal(chance: Random) -> tuple[str, dict[str, Any]]:
    wish = {"symbol": "SOL", "blockchain": "Solana", "address": "there"}
    return "request_withdrawal", wish | {"quantity": f"{chance.randint(1, 20)}"}


def _advance(chance: Random) -> tuple[str, dict[str, Any]]:
    return "advance", {
        "us": chance.choice((1, 250_000, SECOND, 17 * SECOND, 59 * SECOND, 700 * SECOND))
    }


def _look(chance: Random) -> tuple[str, dict[str, Any]]:
    name = chance.choice(("get_positions", "get_collateral", "get_balances", "get_fills"))
    return name, {}


def checksum(seed: int, count: int) -> str:
    """Of all answers to a session, of all frames, and of everything that can be asked then."""
    service, digest = new_service(), hashlib.sha256()
    socket = listen(service)
    for command in commands(seed, count):
        digest.update(carry_out(service, command))
    for text in socket.texts:
        digest.update(text.encode())
    for name, answer in everything(service).items():
        digest.update(name.encode() + answer)
    return digest.hexdigest()


if __name__ == "__main__":
    print(checksum(int(sys.argv[1]), int(sys.argv[2])))
