"""The private events of an account add up to what REST shows, to the digit, after any session.

The last event of each order and balance, and of each open position, has the numbers of REST's order
history, fills, balances and positions.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from typing import Any

from account_histories import order_history
from helpers import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from test_futures_properties import FUNDS, PERP, SPOT, Play, common, steps, who

from bpkit.sandbox.core.exchange import EngineAccount, Refusal
from bpkit.sandbox.core.transfers import Transfers
from bpkit.sandbox.formatting import iso

PRIVATE = ("account.orderUpdate", "account.balanceUpdate", "account.positionUpdate")
ENDED = ("Filled", "Cancelled", "Expired", "TriggerFailed")


class Listener:
    """One account's picture, made of its frames alone."""

    def __init__(self, funds: dict[str, Decimal]) -> None:
        self.orders: dict[str, dict[str, Any]] = {}  # id -> the last frame
        self.fills: list[dict[str, Any]] = []
        self.balances = {asset: (amount, Decimal(0)) for asset, amount in funds.items()}
        self.positions: dict[str, dict[str, Any]] = {}  # symbol -> the last frame
        self.parents: set[str] = set()
        self.time = 0

    def hear(self, data: dict[str, Any]) -> None:
        assert list(data) == sorted(data)
        time_us = data.get("T", data["E"] - 1_000)
        assert time_us >= self.time
        self.time = time_us
        kinds = {"order": self.order, "balance": self.balance, "position": self.position}
        kinds["trigger"] = self.order
        kinds[re.match("[a-z]+", data["e"])[0]](data)  # type: ignore[index]

    def order(self, data: dict[str, Any]) -> None:
        """The running totals grow by this fill, and by nothing else."""
        last = self.orders.get(data["i"])
        assert (last is None) == (data["e"] in ("orderAccepted", "triggerPlaced"))
        last = last or {"X": "New", "z": "0", "Z": "0"}
        assert last["X"] not in ENDED
        more, paid = Decimal(0), Decimal(0)
        if data["e"] == "orderFill":
            self.fills.append(data)
            more = Decimal(data["l"])
            paid = more * Decimal(data["L"])
        else:
            assert data["t"] is None and not {"l", "L", "m", "n", "N"} & data.keys()
        assert Decimal(data["z"]) == Decimal(last["z"]) + more
        assert Decimal(data["Z"]) == Decimal(last["Z"]) + paid
        self.orders[data["i"]] = data
        if data["e"] == "orderAccepted" and "I" in data:
            self.parents.add(data["I"])

    def balance(self, data: dict[str, Any]) -> None:
        now = (Decimal(data["A"]), Decimal(data["L"]))
        assert self.balances.get(data["a"], (0, 0)) != now  # only what has changed
        self.balances[data["a"]] = now

    def position(self, data: dict[str, Any]) -> None:
        last = self.positions.pop(data["s"], None)
        if data["e"] == "positionOpened":
            assert last is None
        else:
            assert last is not None and last["i"] == data["i"]
        if data["e"] == "positionClosed":
            assert Decimal(data["q"]) == 0
        else:
            self.positions[data["s"]] = data


class Session(Play):
    """Everybody listens, and may be sent money or send it away."""

    def __init__(self) -> None:
        super().__init__()
        self.transfers = Transfers(self.exchange)
        self.heard = {key: Listener(funds) for key, funds in FUNDS.items()}
        self.liquidations: list[dict[str, Any]] = []
        wanted = {(stream, key) for stream in PRIVATE for key in FUNDS}
        self.exchange.outbox.wanted = wanted | {("liquidation", None)}
        for account in self.people:
            self.transfers.allow(account, "Solana", "there")

    def deposit(self, who: int, symbol: str, quantity: int) -> None:
        self.transfers.deposit(self.people[who], symbol, Decimal(quantity), "Solana")

    def withdraw(self, who: int, symbol: str, quantity: int) -> None:
        wish = {"symbol": symbol, "blockchain": "Solana", "address": "there"}
        try:
            self.transfers.request(self.people[who], wish | {"quantity": str(quantity)})
        except Refusal as refusal:
            assert refusal.code == "INSUFFICIENT_FUNDS"

    def cancel(self, who: int, which: int) -> None:
        mine = self.exchange.open_orders(self.people[who])
        if mine:
            one = mine[which % len(mine)]
            self.exchange.cancel(self.people[who], one["symbol"], one["id"])

    def order(self, who: int, fields: dict[str, Any]) -> None:
        with suppress(Refusal):
            self.exchange.execute(self.people[who], fields)

    # What must hold

    def check(self) -> None:
        for frame in self.exchange.outbox.take():
            if frame.account is None:
                self.liquidations.append(frame.data)
            else:
                self.heard[frame.account].hear(frame.data)
        for account in self.people:
            heard = self.heard[account.public_key]
            self.check_orders(account, heard)
            self.check_fills(account, heard)
            assert self.exchange.balances(account) == {
                asset: {"available": text(free), "locked": text(locked), "staked": "0"}
                for asset, (free, locked) in sorted(heard.balances.items())
                if free or locked
            }
            self.check_positions(account, heard)
        self.check_liquidations()

    def check_orders(self, account: EngineAccount, heard: Listener) -> None:
        rows = order_history(self.exchange, account)
        assert {row["id"] for row in rows} == heard.orders.keys()
        for row in rows:
            data = heard.orders[row["id"]]
            status = data["X"]
            if status == "TriggerPending" and row["id"] in heard.parents:
                status = "Filled"  # the order that it placed says so
            assert row["status"] == status
            assert row["orderType"].upper() == data["o"]
            assert (row["side"], row["symbol"], row["timeInForce"]) == (
                data["S"], data["s"], data["f"],
            )  # fmt: skip
            reason = data.get("R", "").replace("_", "").replace("PRICEBAND", "PRICEOUTOFBOUNDS")
            assert (row["expiryReason"] or "").upper() == reason
            for name, letter in (
                ("executedQuantity", "z"), ("executedQuoteQuantity", "Z"), ("quantity", "q"),
                ("quoteQuantity", "Q"), ("price", "p"), ("triggerPrice", "P"),
            ):  # fmt: skip
                if row[name] is not None:
                    assert Decimal(row[name]) == Decimal(data[letter]), (name, row, data)

    def check_fills(self, account: EngineAccount, heard: Listener) -> None:
        rows = list(reversed(self.exchange.fills(account)))
        assert [row["tradeId"] for row in rows] == [data["t"] for data in heard.fills]
        for row, data in zip(rows, heard.fills, strict=True):
            assert (row["orderId"], row["side"], row["symbol"], row["timestamp"]) == (
                data["i"], data["S"], data["s"], iso(data["T"]),
            )  # fmt: skip
            assert (row["feeSymbol"], row["isMaker"]) == (data["N"], data["m"])
            for name, letter in (("quantity", "l"), ("price", "L"), ("fee", "n")):
                assert Decimal(row[name]) == Decimal(data[letter])
            assert (row["systemOrderType"] is None) == (data["O"] == "USER")

    def check_positions(self, account: EngineAccount, heard: Listener) -> None:
        rows = self.exchange.positions(account)
        assert {row["symbol"] for row in rows} == heard.positions.keys()
        for row in rows:
            data = heard.positions[row["symbol"]]
            assert (row["positionId"], row["entryPrice"], row["breakEvenPrice"]) == (
                str(data["i"]), data["B"], data["b"],
            )  # fmt: skip
            assert row["pnlRealized"] == data["p"]
            assert Decimal(row["netQuantity"]) == Decimal(data["q"])

    def check_liquidations(self) -> None:
        expected: dict[Any, Decimal] = defaultdict(Decimal)
        for heard in self.heard.values():
            for data in heard.fills:
                if data["O"] == "LIQUIDATION_AUTOCLOSE":
                    expected[data["T"], data["S"], data["L"]] += Decimal(data["l"])
        found: dict[Any, Decimal] = defaultdict(Decimal)
        for data in self.liquidations:
            found[data["T"], data["S"], data["p"]] += Decimal(data["q"])
        assert found == expected


def text(amount: Decimal) -> str:
    return format(amount.normalize(), "f") if amount else "0"


money = st.tuples(st.sampled_from(["deposit", "withdraw"]), who, st.sampled_from(["USDC", "SOL"]),
                  st.integers(2, 400))  # fmt: skip
by_quote = st.fixed_dictionaries(
    common
    | {
        "symbol": st.just(SPOT),
        "orderType": st.just("Market"),
        "quoteQuantity": st.integers(200, 90_000).map(lambda cents: str(Decimal(cents) / 100)),
    }
)
waiting = st.fixed_dictionaries(
    common
    | {
        "symbol": st.just(PERP),
        "orderType": st.just("Limit"),
        "price": st.integers(94, 106).map(str),
        "triggerPrice": st.integers(96, 104).map(str),
        "triggerQuantity": st.sampled_from(["50%", "100%"]),
        "reduceOnly": st.just(True),
    }
)
more = st.one_of(
    money,
    st.tuples(st.just("cancel"), who, st.integers(0, 5)),
    st.tuples(st.just("order"), who, by_quote | waiting),
)


@settings(max_examples=examples(80))
@given(st.lists(steps | steps | steps | more, min_size=5, max_size=35))
def test_the_frames_add_up_to_what_rest_shows(happening: list[tuple[Any, ...]]) -> None:
    session = Session()
    for name, *arguments in happening:
        step: Callable[..., None] = getattr(session, name)
        step(*arguments)
        session.check()
