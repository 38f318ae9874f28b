"""Add up all money after random commands: ``python tests/conservation.py [COUNT] [SEED]``.

Accounts trade, lend, borrow, run strategies, convert dust, deposit and withdraw; prices jump and
follow paths; time passes; accounts are closed; some commands are cut off in the middle; now and
then the exchange goes through a snapshot. After each batch the sums are made from the histories.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent.parent))

from sums import ASSETS, PERP, check

from bpkit.sandbox import undo
from bpkit.sandbox.core import snapshot
from bpkit.sandbox.core.exchange import EngineAccount, Exchange, Refusal
from bpkit.sandbox.core.transfers import Transfers
from bpkit.sandbox.inputs import feeds
from bpkit.sandbox.server.endpoints.signed import _update_settings
from bpkit.sandbox.simulation.market import load
from bpkit.sandbox.simulation.synthetic import HOUR, SECOND, START_US

SESSION = 4_000  # commands with one exchange: histories grow
BATCH = 200  # commands between two checks
PEOPLE = 5
SPOT = ("SOL_USDC", "BTC_USDC", "ETH_USDC")
FUNDS = {
    asset: Decimal(text) for asset, text in zip(ASSETS, ("20000", "60", "0.2", "4"), strict=True)
}
FLAGS = ("autoBorrow", "autoBorrowRepay", "autoLend", "autoLendRedeem")
SWITCHES = ("autoLend", "autoRepayBorrows", "autoBorrowSettlements")
SIZES = {"SOL": ("0.01", 600), "BTC": ("0.00001", 9_000), "ETH": ("0.0001", 9_000)}
CHAINS = {"SOL": "Solana", "USDC": "Solana", "BTC": "Bitcoin", "ETH": "Ethereum"}
MARKETS = load()


class CutOff(BaseException):
    """A command ends here, in the middle."""


class Cutting(list[Any]):
    """A log of inverses that is cut off at the change number ``after``, before it is made."""

    def __init__(self, log: list[Any], after: int) -> None:
        self._log, self._left = log, after

    def append(self, inverse: Any) -> None:
        if self._left <= 0:
            raise CutOff
        self._left -= 1
        self._log.append(inverse)


class Session:
    """One exchange. ``happened``: how often each command was carried out, refused or cut off.
    ``cut``: the part of the commands that are cut off."""

    cut = 0.03

    def __init__(self, seed: str) -> None:
        self.seed, self.dice, self.happened = seed, Random(seed), Counter[str]()
        self.exchange, self.capital = self.fresh()
        self.funds: dict[str, dict[str, Decimal]] = {}  # key -> what the account began with
        for _ in range(PEOPLE):
            self.open()

    def fresh(self) -> tuple[Exchange, Transfers]:
        exchange = Exchange(MARKETS, feeds(MARKETS, self.seed), START_US, seed=self.seed)
        return exchange, Transfers(exchange)

    def open(self) -> None:
        share = Decimal(self.dice.choice(("1", "1", "0.1", "0.01")))
        funds = {asset: FUNDS[asset] * share for asset in ASSETS if self.dice.random() < 0.8}
        account = self.exchange.open_account(f"key{len(self.funds)}", funds)
        self.funds[account.public_key] = funds
        for chain in sorted(set(CHAINS.values())):
            self.capital.allow(account, chain, "there")

    def somebody(self) -> EngineAccount:
        return self.dice.choice(list(self.exchange.accounts.values()))

    # Commands

    def step(self) -> None:
        """One random command, whole or cut off."""
        kind = self.dice.choices(KINDS, WEIGHTS)[0]
        command = getattr(self, kind)
        cut = self.dice.random() < self.cut
        whole = self.dice.random() < 0.05
        seen = self.state(whole) if cut else None
        try:
            with undo.all_or_nothing():
                if cut:
                    log: Any = undo._thread.log
                    undo._thread.log = Cutting(log, self.dice.randrange(60))
                command()
        except (Refusal, CutOff) as why:
            said = "cut off" if isinstance(why, CutOff) else why.code
            self.happened[f"{kind}: {said}"] += 1
            if seen is not None:
                assert self.state(whole) == seen, f"{kind} left something behind"
        except ValueError as error:
            if kind not in ("close", "jump", "path", "clear"):
                raise
            self.happened[f"{kind}: {str(error).split()[-1]}"] += 1
        else:
            self.happened[kind] += 1
        if len(self.exchange.accounts) < PEOPLE:
            self.open()

    def state(self, whole: bool) -> Any:
        """All of it, or what is quick to compare."""
        if whole:
            self.sort_tables()
            packed = snapshot.pack(self.exchange, self.capital)
            counts = [kind[0] == "itertools.count" for kind in packed["shapes"]]  # of quotes' ids
            return [row for row in packed["things"] if not counts[row[0]]]
        exchange = self.exchange
        return [
            (one.balances.wire(), [loan.quantity for loan in one.loans.values()], list(one.open),
             len(one.fills), len(one.orders), len(one.movements), dict(one.wanted),
             [(held.steps, held.funding) for held in one.positions.values()])
            for one in exchange.accounts.values()
        ] + [exchange.last_id, exchange.now_us, exchange.fees.wire()]  # fmt: skip

    def sort_tables(self) -> None:
        """What is undone may leave another order in tables whose order has no meaning."""
        exchange = self.exchange
        tables: list[Any] = [exchange.settlement.holders, exchange.shortfalls.unsure]
        tables += [venue.book._orders for venue in exchange.venues.values()]
        tables += [account.waiting._by_client for account in exchange.accounts.values()]
        for table in tables:
            table._sort()

    def price(self, symbol: str) -> str:
        """Near the last one; some cross the book."""
        market, last = self.exchange.markets[symbol], self.exchange.mark(symbol)
        off = self.dice.choice((0, 1, -1, 3, -3, 10, -10, 30, -30)) + self.dice.random()
        ticks = int(last / market.tick * (1_000 + Decimal(off)) / 1_000)
        return str(max(1, ticks) * market.tick)

    def size(self, symbol: str) -> str:
        step, most = SIZES[symbol.split("_")[0]]
        return str(Decimal(step) * self.dice.randint(1, self.dice.choice((3, most, most * 5))))

    def wish(self, symbol: str) -> dict[str, Any]:
        dice = self.dice
        wish: dict[str, Any] = {
            "symbol": symbol,
            "side": dice.choice(("Bid", "Ask")),
            "quantity": self.size(symbol),
        }
        if dice.random() < 0.5:
            wish |= {name: True for name in FLAGS if dice.random() < 0.5}
        if dice.random() < 0.15:
            wish["selfTradePrevention"] = dice.choice(("RejectMaker", "RejectBoth"))
        return wish

    def order(self) -> None:
        self.place(self.dice.choice(SPOT + SPOT + PERP))

    def place(self, symbol: str) -> None:
        dice, wish = self.dice, self.wish(symbol)
        if dice.random() < 0.6:
            wish |= {"orderType": "Limit", "price": self.price(symbol)}
            wish |= dice.choice(
                ({}, {}, {}, {"timeInForce": "IOC"}, {"timeInForce": "FOK"}, {"postOnly": True})
            )
        else:
            wish["orderType"] = "Market"
            if symbol in SPOT and dice.random() < 0.2:
                wish["quoteQuantity"] = str(dice.randint(1, 900))
                del wish["quantity"]
        if symbol in PERP and dice.random() < 0.25:
            wish["reduceOnly"] = True
        if dice.random() < 0.15 and "quantity" in wish:
            wish |= {"triggerQuantity": wish.pop("quantity"), "triggerPrice": self.price(symbol)}
            if symbol in PERP:
                wish["triggerBy"] = dice.choice(("LastPrice", "MarkPrice", "IndexPrice"))
        elif symbol in PERP and dice.random() < 0.2:
            wish |= {
                f"{name}TriggerPrice": self.price(symbol) for name in ("takeProfit", "stopLoss")
            }
        if dice.random() < 0.3:
            wish["clientId"] = dice.randrange(6)
        self.exchange.execute(self.somebody(), wish)

    def deal(self) -> None:
        """Two accounts trade with each other."""
        symbol = self.dice.choice(SPOT + PERP)
        price, quantity = self.price(symbol), self.size(symbol)
        order = {"symbol": symbol, "orderType": "Limit", "price": price, "quantity": quantity}
        flags = {name: True for name in FLAGS if self.dice.random() < 0.3}
        self.exchange.execute(self.somebody(), order | flags | {"side": "Bid"})
        self.exchange.execute(self.somebody(), order | flags | {"side": "Ask"})

    def cancel(self) -> None:
        symbol = self.dice.choice(SPOT + PERP)
        self.exchange.cancel(self.somebody(), symbol, client_id=self.dice.randrange(6))

    def cancel_all(self) -> None:
        self.exchange.cancel_all(self.somebody(), self.dice.choice(SPOT + PERP))

    def loan(self) -> None:
        asset, account = self.dice.choice(ASSETS), self.somebody()
        side, loan = self.dice.choice(("Borrow", "Lend")), account.loans.get(asset)
        amount = Decimal(self.dice.randint(1, 900)) / self.dice.choice((1, 100, 100, 1_000))
        if loan is not None and self.dice.random() < 0.4:
            amount = abs(loan.quantity)  # all of it
        self.exchange.lending.execute(account, asset, side, amount)

    def settings(self) -> None:
        values: dict[str, Any] = {name: self.dice.random() < 0.4 for name in SWITCHES}
        if self.dice.random() < 0.5:
            values["leverageLimit"] = self.dice.choice(("2", "10", "30", "50"))
        _update_settings(self.exchange, self.somebody(), values)

    def strategy(self) -> None:
        dice, symbol = self.dice, self.dice.choice(SPOT + PERP)
        interval = dice.choice((1_000, 7_000, 60_000, 3_600_000))
        times = {
            "interval": interval,
            "duration": interval * dice.randint(1, 9) + dice.randint(0, 999),
        }
        wish = self.wish(symbol) | times | {"strategyType": "Scheduled"}
        wish["randomizedIntervalQuantity"] = dice.random() < 0.5
        if dice.random() < 0.4:
            wish["price"] = self.price(symbol)
        if symbol in PERP and dice.random() < 0.3:
            wish["reduceOnly"] = True
        self.exchange.strategies.create(self.somebody(), wish)

    def end_strategies(self) -> None:
        self.exchange.strategies.cancel_all(self.somebody(), self.dice.choice(SPOT + PERP))

    def dust(self) -> None:
        self.exchange.convert_dust(self.somebody(), self.dice.choice((None, *ASSETS)))

    def deposit(self) -> None:
        asset = self.dice.choice(("SOL", "USDC"))
        amount = Decimal(self.dice.randint(100, 90_000)) / 100
        self.capital.deposit(self.somebody(), asset, amount, CHAINS[asset])

    def withdraw(self) -> None:
        account, asset = self.somebody(), self.dice.choice(("SOL", "USDC"))
        flags = {
            name: True for name in ("autoBorrow", "autoLendRedeem") if self.dice.random() < 0.5
        }
        amount = Decimal(self.dice.randint(100, 300_000)) / 100
        if self.dice.random() < 0.2:
            most = self.capital.most(account, asset, tuple(flags))
            amount = most.quantize(Decimal("0.000001"), "ROUND_DOWN")
        wish = {"symbol": asset, "blockchain": CHAINS[asset], "address": "there"}
        self.capital.request(account, wish | flags | {"quantity": str(amount)})

    def look(self) -> None:
        account, exchange = self.somebody(), self.exchange
        exchange.collateral(account)
        exchange.positions(account)
        exchange.loans(account)
        exchange.max_order_quantity(account, self.dice.choice(SPOT + PERP), "Ask", autoBorrow=True)
        exchange.lending.credit.most_borrowed(account, self.dice.choice(ASSETS))

    def advance(self) -> None:
        span = self.dice.choice((1, SECOND // 3, SECOND, 7 * SECOND, 60 * SECOND, 60 * SECOND))
        self.exchange.advance_to(self.exchange.now_us + span)

    def to_the_hour(self) -> None:
        self.exchange.advance_to((self.exchange.now_us // HOUR + 1) * HOUR)

    def jump(self) -> None:
        symbol = self.dice.choice(SPOT + PERP)
        off = self.dice.choice((1, -1, 3, -3, 10, -10, 25, -25, 60, -40))
        price = self.exchange.mark(symbol) * (100 + off) / 100
        tick = self.exchange.markets[symbol].tick
        moves = self.dice.choice((["last", "mark", "index"], ["last"], ["mark"]))
        self.exchange.set_price(symbol, max(tick, price // tick * tick), moves)

    def path(self) -> None:
        steps = self.dice.choice(
            ("-4% in 5m; back in 3m", "jump -8%; hold 20s; +9% in 2m", "-9% in 40s")
        )
        path = {"steps": steps, "after": self.dice.choice(("hold", "tape"))}
        self.exchange.set_path(self.dice.choice(SPOT + PERP), path)

    def clear(self) -> None:
        self.exchange.clear_path(self.dice.choice(SPOT + PERP))

    def close(self) -> None:
        self.capital.close_account(self.somebody())

    # Snapshots

    def restart(self) -> None:
        """Go on with what a snapshot gives back, which gives the same snapshot again."""
        saved = snapshot.pack(self.exchange, self.capital)
        exchange, capital = self.fresh()
        snapshot.unpack(saved, exchange, capital)
        assert snapshot.pack(exchange, capital) == saved
        self.exchange, self.capital = exchange, capital
        self.happened["restart"] += 1


USE = {
    "order": 30, "deal": 8, "cancel": 3, "cancel_all": 3, "loan": 12, "settings": 3, "strategy": 5,
    "end_strategies": 1, "dust": 3, "deposit": 1, "withdraw": 2, "look": 0.5, "advance": 7,
    "to_the_hour": 0.2, "jump": 1, "path": 0.3, "clear": 0.3, "close": 1,
}  # fmt: skip
KINDS, WEIGHTS = list(USE), list(USE.values())


def run(number: int, seed: str) -> Counter[str]:
    """So many commands. Returns what happened how often. AssertionError: a sum is wrong."""
    happened = Counter[str]()
    for first in range(0, number, SESSION):
        session = Session(f"{seed}/{first}")
        last = min(SESSION, number - first)
        for place in range(1, last + 1):
            try:
                session.step()
                if place % BATCH == 0 or place == last:
                    check(session)
                    if session.dice.random() < 0.2:
                        session.restart()
            except Exception as error:
                raise AssertionError(f"seed {seed}/{first}, command {place}") from error
        happened += session.happened
        happened["liquidations"] += session.exchange.liquidated
        happened["triggered"] += session.exchange.triggered
    return happened


def main() -> None:
    number, seed = (*sys.argv[1:], *("100000", "1")[len(sys.argv) - 1 :])
    begun = time.monotonic()
    for name, times in sorted(run(int(number), seed).items()):
        print(f"{name:50}{times:9}")
    print(f"{'seconds':50}{time.monotonic() - begun:9.0f}")


if __name__ == "__main__":
    main()
