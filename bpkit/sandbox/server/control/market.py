"""What the calls of prices, accounts and faults do."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from difflib import get_close_matches
from functools import partial
from itertools import islice

from ...core.exchange import EngineAccount
from ...core.transfers import blockchain_of, way_in
from ...formatting import plain
from ...simulation.market import Market
from ..fault_table import FAULTS
from ..faults import Fault
from .clock import State, active, shown
from .forms import (
    Answer,
    Call,
    Json,
    Refused,
    as_json,
    asked,
    iso,
    money,
    new_name,
    span_us,
    text,
    wrong,
)  # fmt: skip

MOVES = ("last", "mark", "index")


# --- prices ---------------------------------------------------------------------------------------


def _market(state: State, call: Call) -> Market:
    """Refused: there is no such market, or it is closed."""
    symbol, markets = call.names["symbol"], state.service.exchange.markets
    if symbol not in markets:
        near = get_close_matches(symbol.upper(), markets, 1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(markets)}"
        said = f"{symbol[:40]!r} is not a market here; {hint}"
        raise Refused(404, "UNKNOWN_SYMBOL", said, "symbol")
    if not markets[symbol].open:
        raise wrong("symbol", f"the market {symbol} is closed: it has no prices")
    return markets[symbol]


def set_price(state: State, call: Call) -> Answer:
    """Set a price."""
    symbol, price = _market(state, call).symbol, money("price", call.body.get("price"))
    moves, exchange = call.body.get("moves", MOVES), state.service.exchange
    if not isinstance(moves, list | tuple) or not moves or any(one not in MOVES for one in moves):
        said = f"moves={as_json(moves)} is not a list of {', '.join(MOVES)}"
        raise wrong("moves", f'{said}; write ["last"]')
    with asked("price"):
        made = state.service.carry_out(lambda: exchange.set_price(symbol, price, moves))
    return Answer(200, made)


def set_path(state: State, call: Call) -> Answer:
    """Let a price follow a path."""
    symbol, exchange = _market(state, call).symbol, state.service.exchange
    path: object = call.body
    if "path" in call.body:
        path = text("path", call.body["path"])
        if len(call.body) > 1:
            said = "path is the whole path as text, and no other field goes with it"
            raise wrong("path", f'{said}; write "steps" or "name" instead')
    steps = call.body.get("steps")
    for step in steps if isinstance(steps, list) else ():
        for name in ("from", "to", "jump"):
            if isinstance(step, dict) and name in step:
                money(name, step[name])
    with asked("path" if "path" in call.body else "name" if "name" in call.body else "steps"):
        made = state.service.carry_out(lambda: exchange.set_path(symbol, path))
    return Answer(200, made | {"ends": iso(made["ends"])})


def clear_path(state: State, call: Call) -> Answer:
    """End a path."""
    symbol, exchange = _market(state, call).symbol, state.service.exchange
    try:
        state.service.carry_out(lambda: exchange.clear_path(symbol))
    except ValueError as error:
        raise Refused(404, "UNKNOWN_PATH", str(error), "symbol") from None
    return Answer(204)


# --- accounts -------------------------------------------------------------------------------------


def get_accounts(state: State, call: Call) -> Answer:
    """All accounts."""
    rows = [_row(one) for one in state.service.exchange.accounts.values()]
    return Answer(200, {"accounts": rows})


def get_account(state: State, call: Call) -> Answer:
    """An account, with what it has."""
    return Answer(200, _row(named(state, call.names["name"])))


def _row(account: EngineAccount) -> Json:
    has = account.balances
    funds = {asset: plain(has.available(asset) + has.locked(asset)) for asset in has.assets()}
    return {"name": account.name, "public_key": account.public_key, "funds": funds}


def named(state: State, name: str) -> EngineAccount:
    """The account of that name. Refused: there is none."""
    accounts = state.service.exchange.accounts.values()
    found = next((one for one in accounts if one.name == name), None)
    if found is None:
        there = ", ".join(one.name for one in islice(accounts, 40))
        said = f"{name[:64]!r} is not an account here; there are {there}"
        raise Refused(404, "UNKNOWN_ACCOUNT", said, "account")
    return found


def open_account(state: State, call: Call) -> Answer:
    """Open an account. The answer has the secret of its key, if the key was made here."""
    exchange, body = state.service.exchange, call.body
    funds = _funds(state, body.get("funds"))
    name = "" if body.get("name") is None else new_name(body["name"])
    given = None if body.get("secret") is None else text("secret", body["secret"])
    with asked("secret"):
        public_key, secret = state.owner.new_key(given)
    if any(one.name == name for one in exchange.accounts.values()):
        said = f"there is an account {name!r} already; choose another name"
        raise Refused(409, "NAME_TAKEN", said, "name")
    if public_key in exchange.accounts:
        said = f"the key has an account already: {exchange.accounts[public_key].name}; send another"
        raise Refused(409, "NAME_TAKEN", said, "secret")
    opened = state.service.carry_out(partial(exchange.open_account, public_key, funds, name))
    row = _row(opened)
    made = {"secret": secret} if given is None else {}
    return Answer(201, {"name": row["name"], "public_key": public_key, **made, **row})


def _funds(state: State, given: object) -> Mapping[str, Decimal]:
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise wrong("funds", f'funds={as_json(given)} is not an object; write {{"USDC": "1000"}}')
    funds = {asset: money(f"funds.{asset}", amount) for asset, amount in given.items()}
    with asked("funds"):
        return state.owner.amounts_of(funds, state.service.exchange.assets)


def close_account(state: State, call: Call) -> Answer:
    """Close an account."""
    account, capital = named(state, call.names["name"]), state.service.capital
    try:
        state.service.carry_out(lambda: capital.close_account(account))
    except ValueError as error:
        raise Refused(409, "IN_USE", str(error), "name") from None
    return Answer(204)


def deposit(state: State, call: Call) -> Answer:
    """Let money arrive in an account."""
    account, capital = named(state, call.names["name"]), state.service.capital
    symbol = text("symbol", call.body.get("symbol"))
    assets = state.service.exchange.assets
    if symbol not in assets:
        known = ", ".join(sorted(assets))
        raise wrong("symbol", f"{symbol[:40]!r} is not an asset here; there are {known}")
    quantity = money("quantity", call.body.get("quantity"))
    given = call.body.get("blockchain")
    chain = blockchain_of(symbol) if given is None else text("blockchain", given)
    with asked("blockchain"):
        way_in(symbol, chain)
    with asked("quantity"):
        amount = state.owner.amounts_of({symbol: quantity}, assets)[symbol]
        row = state.service.carry_out(lambda: capital.deposit(account, symbol, amount, chain))
    return Answer(201, row)


# --- faults ---------------------------------------------------------------------------------------


def get_faults(state: State, call: Call) -> Answer:
    """Which faults there are, and which are on."""
    known = {name: kind.sentence for name, kind in FAULTS.items()}
    return Answer(200, {"known": known, "active": active(state)})


def begin_fault(state: State, call: Call) -> Answer:
    """Let something go wrong."""
    options = {name: value for name, value in call.body.items() if value is not None}
    name = text("fault", options.pop("fault", None))
    if "seconds" in options:
        options["seconds"] = _seconds(options["seconds"])
    if "account" in options:
        options["account"] = named(state, text("account", options["account"])).public_key
    fault = _made(name, list(state.service.exchange.markets), options)
    state.service.begin_fault(fault)
    return Answer(201, shown(state, fault))


def _seconds(value: object) -> float:
    """A number, which may be below 0, or text such as "5m"."""
    if isinstance(value, str):
        return span_us("seconds", value) / 1_000_000
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise wrong("seconds", f'seconds={as_json(value)} is not a number; write 30 or "30s"')
    return value if isinstance(value, int) else float(value)


def _made(name: str, markets: list[str], options: Json) -> Fault:
    """The field of a refusal is the first option that is wrong by itself, or else the last."""
    with asked("fault"):
        Fault(name, markets)
    for option, value in options.items():
        with asked(option):
            Fault(name, markets, **{option: value})
    with asked(next(reversed(options), "fault")):
        return Fault(name, markets, **options)


def end_fault(state: State, call: Call) -> Answer:
    """End a fault."""
    id = call.names["id"]
    found = next((one for one in state.service.faults if one.id == id), None)
    if found is None:
        there = ", ".join(one["id"] for one in active(state)) or "none"
        said = f"{id[:40]!r} is not a fault that is on; there are: {there}"
        raise Refused(404, "UNKNOWN_FAULT", said, "id")
    state.service.end_fault(found)
    return Answer(200, {"id": id, "hits": found.hits})


def end_faults(state: State, call: Call) -> Answer:
    """End all faults."""
    for fault in list(state.service.faults):
        state.service.end_fault(fault)
    return Answer(204)
