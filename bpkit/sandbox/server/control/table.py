"""The calls of the log, and the table of all calls."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from ....operations import OPERATIONS
from . import clock, market, snapshots
from .clock import State
from .forms import Answer, Call, Json, Later, number, wrong

ROWS, MOST_ROWS = 100, 1_000  # of the log, in an answer


class Route(NamedTuple):
    """One call. ``path``: below ``PREFIX``. ``says``: what it does. ``example``: what follows the
    path on the page. ``fields``: of its body; None: it has none. ``query``: names in the query.

    ``turn``: how it is carried out. ``lock``: under the service's lock. ``now``: at once, without
    it. ``thread``: in a thread without it, because it takes long or waits for another thread.
    ``open``: it needs no token. ``file``: its body is a file.
    """

    method: str
    path: str
    act: Callable[[State, Call], Answer | Later]
    says: str
    example: str = ""
    fields: tuple[str, ...] | None = None
    query: tuple[str, ...] = ()
    turn: str = "lock"
    open: bool = False
    file: bool = False


def get_log(state: State, call: Call) -> Answer:
    """The requests that arrived, oldest first. ``next``: give it as ``after`` for those to come."""
    query, log = call.query, state.service.log
    after = number("after", query.get("after", "0"), 10**15)
    limit = number("limit", query.get("limit", str(ROWS)), MOST_ROWS)
    wanted = _wanted(state, query)
    rows = (one for one in log if one["n"] > after and _fits(one, wanted))
    found = [
        {"n": one["n"], **one, "time": one["time"].isoformat().replace("+00:00", "Z")}
        for one in islice(rows, limit)
    ]
    newest = max(after, log[-1]["n"]) if log else after
    return Answer(200, {"entries": found, "next": found[-1]["n"] if found else newest})


def _fits(entry: Json, wanted: Json) -> bool:
    known = entry | {"refused": entry["status"] >= 400}
    return all(known[name] == value for name, value in wanted.items())


def _wanted(state: State, query: dict[str, str]) -> Json:
    wanted: Json = {}
    if "operation" in query:
        if query["operation"] not in OPERATIONS:
            said = f"{query['operation'][:40]!r} is not an operation; `bpkit operations` lists them"
            raise wrong("operation", said)
        wanted["operation"] = query["operation"]
    if "account" in query:
        wanted["signedBy"] = market.named(state, query["account"]).public_key
    for name in ("refused", "control"):
        if name in query:
            wanted[name] = _switch(name, query[name])
    return wanted


def _switch(name: str, value: str) -> bool:
    if value not in ("true", "false"):
        raise wrong(name, f"{name}={value[:40]!r} is not true or false")
    return value == "true"


def clear_log(state: State, call: Call) -> Answer:
    """Empty the log."""
    state.service.log.clear()
    return Answer(204)


def get_parity(state: State, call: Call) -> Answer:
    """What the sandbox does, and how that is known."""
    page = (Path(__file__).parents[2] / "PARITY.md").read_bytes()
    return Answer(200, page, {"Content-Type": "text/plain; charset=utf-8"})


PATH = ("path", "steps", "name", "percent", "in", "moves", "after")
FAULT = ("fault", "operations", "times", "seconds", "symbols", "account", "probability")
FILTERS = ("after", "limit", "account", "operation", "refused", "control")
A_PATH, A_DEPOSIT = '{"path": "170 -> 150 in 5m"}', '{"symbol": "USDC", "quantity": "50"}'
AN_ACCOUNT, A_FAULT = '{"name": "bob", "funds": {"USDC": "1000"}}', '{"fault": "slow", "times": 1}'

ROUTES = [
    Route(
        "GET", "/health", clock.health, "see whether it runs; needs no token", turn="now", open=True
    ),
    Route(
        "GET", "/parity", get_parity, "read every behaviour, with its evidence; needs no token",
        turn="now", open=True,
    ),
    Route("GET", "", clock.get_status, "see seed, time, markets, accounts and faults"),
    Route("GET", "/clock", clock.get_clock, "see the market's time"),
    Route(
        "PUT", "/clock", clock.set_clock, "set how fast that time passes; 0 stops it",
        '{"speed": 0}', ("speed",), turn="thread",
    ),
    Route(
        "POST", "/clock/advance", clock.advance, "let time pass", '{"seconds": 300}',
        ("seconds", "to", "wait"),
    ),
    Route(
        "PUT", "/markets/{symbol}/price", market.set_price, "set a price", '{"price": "150"}',
        ("price", "moves"),
    ),
    Route(
        "PUT", "/markets/{symbol}/path", market.set_path, "let a price follow a path", A_PATH, PATH
    ),
    Route("DELETE", "/markets/{symbol}/path", market.clear_path, "end the path"),
    Route("GET", "/accounts", market.get_accounts, "list all accounts"),
    Route(
        "POST", "/accounts", market.open_account, "open an account, and get its key", AN_ACCOUNT,
        ("name", "funds", "secret"),
    ),
    Route("GET", "/accounts/{name}", market.get_account, "see what an account has"),
    Route(
        "POST", "/accounts/{name}/deposits", market.deposit, "let money arrive", A_DEPOSIT,
        ("symbol", "quantity", "blockchain"),
    ),
    Route("DELETE", "/accounts/{name}", market.close_account, "close an account"),
    Route("GET", "/faults", market.get_faults, "list all faults, and those that are on"),
    Route("POST", "/faults", market.begin_fault, "let something go wrong", A_FAULT, FAULT),
    Route("DELETE", "/faults/{id}", market.end_fault, "end a fault, and see how often it hit"),
    Route("DELETE", "/faults", market.end_faults, "end all faults"),
    Route("GET", "/snapshots", snapshots.get_snapshots, "list all snapshots", turn="now"),
    Route(
        "POST", "/snapshots", snapshots.save, "keep the whole state", '{"name": "before"}',
        ("name",), turn="thread",
    ),
    Route("GET", "/snapshots/{name}", snapshots.get_snapshot, "save it to a file", turn="thread"),
    Route(
        "PUT", "/snapshots/{name}", snapshots.put_snapshot, "read one from a file", turn="thread",
        file=True,
    ),
    Route(
        "POST", "/snapshots/{name}/restore", snapshots.restore, "go back to it", turn="thread"
    ),
    Route("DELETE", "/snapshots/{name}", snapshots.delete_snapshot, "forget it", turn="now"),
    Route("GET", "/log", get_log, "list the requests that arrived", query=FILTERS),
    Route("DELETE", "/log", clear_log, "empty the log"),
    Route(
        "POST", "/reset", clock.reset, "begin again, with this seed or another", "", ("seed",),
        turn="thread",
    ),
]  # fmt: skip
