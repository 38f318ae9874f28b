"""A Backpack exchange on this machine, for practice and tests: same paths, same JSON, no money.

What it does **not** simulate: requests for quotes, vaults (both answered 501 NOT_IMPLEMENTED, once
their signature is good), prediction markets, rate limits (but see ``Sandbox.fault``), and other
people: a simulated market trades beside you and does not react to you, though your orders fill
against its quotes and your trades appear in its history. Only the rules of the markets are real;
prices and all other numbers are made up. PARITY.md, in this folder, lists every behaviour with its
evidence: seen on the wire, documented, or our guess.

What it does: verifies ED25519 signatures from the raw bytes, has an order book per market with
price-time priority, locks and releases balances to the last digit, charges fees, keeps futures
positions with cross margin, funding and liquidation, keeps conditional orders, runs strategies
(TWAP), lends and borrows for hourly interest, converts dust, takes deposits and withdrawals, and
answers with the exchange's own JSON. The same port serves WebSocket streams. ``core/exchange.py``
says what is left out of orders and positions. ``Sandbox.fault`` lets something go wrong on purpose.
If a signature is refused, ``Sandbox.log`` and a header that only the sandbox sends say why.

    from bpkit import Client
    from bpkit.sandbox import Sandbox

    sandbox = Sandbox()
    bp = Client(sandbox.url, sandbox.key)
    sandbox.advance(minutes=5)
"""

from __future__ import annotations

import time
import weakref
from collections import deque
from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from functools import partial
from types import TracebackType
from typing import Any

from .. import __version__
from ..signing import DEMO_SECRET, Key
from .core.conflicts import Conflicts
from .core.exchange import EngineAccount, Exchange
from .core.transfers import blockchain_of
from .inputs import (
    amounts_of,
    check_options,
    checked_host,
    checked_key,
    checked_names,
    checked_token,
    feeds,
    finding,
    new_key,
)
from .server import play
from .server.advance import watch
from .server.control.clock import set_speed
from .server.control.forms import Owner
from .server.fault_table import FAULTS
from .server.faults import Fault, Probability
from .server.http import HOST, Server
from .server.record import Rows
from .server.restarts import Origin
from .server.service import Service
from .simulation import market
from .simulation.synthetic import DEFAULT_SEED, START_US
from .steering import Steering

__all__ = ["FAULTS", "Conflicts", "Sandbox"]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

REMEMBERED = 1000  # signatures that were good

# What the demo account starts with: enough for every lesson.
FUNDS = {"USDC": "10000", "SOL": "20", "BTC": "0.1", "ETH": "1", "USDT": "1000"}


class Sandbox(Steering):
    """A running exchange. ``Client(sandbox.url, sandbox.key)`` trades on it.

    Its market's time is 2026-09-01 12:00 UTC until ``advance`` or ``play`` moves it; the same calls
    give the same answers on every machine. ``seed``: another text gives another market. ``port``: 0
    for any free one; OSError if it is in use. ``follow_clock``: the market follows this machine's
    clock instead, and ``advance`` and ``play`` are refused. Signatures are always checked by this
    machine's clock. ``conflicts``: which source to follow if sources contradict each other.
    ``funds``: what the account of ``key`` has at first, such as ``{"USDC": "500"}``.

    Programs in any language steer it over HTTP: ``GET /`` shows how. They need ``token``: unless
    given, that of the environment's BPKIT_SANDBOX_TOKEN, or a random one. ``speed``: seconds of
    market time that pass in a second from now on, until a program sets another speed. ``host``: the
    address at which it listens. Another than 127.0.0.1 lets other machines in, and needs a token;
    then ``names`` are those by which they may call this machine, such as ["sandbox"].

    It ends with ``stop()``, with its ``with`` block, when nothing refers to it any more, or with
    the process.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        seed: str = DEFAULT_SEED,
        follow_clock: bool = False,
        conflicts: Conflicts | None = None,
        funds: Mapping[str, str] | None = None,
        speed: float | None = None,
        host: str = HOST,
        names: Collection[str] = (),
        token: str | None = None,
    ) -> None:
        check_options(seed, follow_clock, conflicts)
        if speed is not None and follow_clock:
            raise ValueError("follow_clock is a speed of 1; give either follow_clock or speed")
        host, only_here = checked_host(host)
        self._token = checked_token(token, only_here)
        markets = market.load()

        def fresh(seed: str, conflicts: Conflicts) -> Exchange:
            start_us = _now_us() if follow_clock else START_US
            return Exchange(markets, feeds(markets, seed), start_us, conflicts=conflicts, seed=seed)

        exchange = fresh(seed, conflicts or Conflicts())
        self.key = Key(DEMO_SECRET)
        self._still = not follow_clock
        accepted: deque[str] = deque(maxlen=REMEMBERED)
        self._service = Service(
            exchange,
            lambda: time.time_ns() // 1_000_000,
            _now_us if follow_clock else None,
            partial(finding, accepted),
            accepted,
            Origin(__version__, seed, fresh),
            names=checked_names(host, names),
        )
        amounts = amounts_of(FUNDS if funds is None else funds, exchange.assets)
        self._service.open_first_account(self.key.public_key, amounts)
        owner = Owner(
            __version__, self._token, new_key, amounts_of, self.key.public_key, self.key.sign
        )
        server = Server(self._service, owner, port, host)
        self.url = server.url
        # A re-run cell drops the old sandbox: its thread and its port must go with it.
        self._end = weakref.finalize(self, _stop, self._service, server)
        if speed:
            try:
                set_speed(server.control.state, speed)
            except BaseException:
                self.stop()
                raise

    @property
    def token(self) -> str:
        """The secret that calls under ``/sandbox/v1`` need: ``Authorization: Bearer <token>``."""
        return self._token

    @property
    def now(self) -> datetime:
        """The market's time, UTC."""
        return EPOCH + timedelta(microseconds=self._service.now_us())

    @property
    def log(self) -> list[dict[str, Any]]:
        """The requests that arrived, oldest first, and what became of each.

        time, method, path, query, body, operation, signedBy (the key whose signature was good, or
        None), status (as sent; 0 if the connection was cut), verdict ("answered", the reason of the
        refusal, or, if a fault hit it, what was done and what then went wrong: "carried out, reply
        lost"), fault (the names of those that hit it, or None), finding (what was wrong with a
        refused signature, and what to do, or None). The last 10,000 are kept. A text is cut after
        10,000 bytes, with a note at its end; in all but the newest 300 rows after 500.

        A frame that a client sends on a WebSocket has a row, too: its method is SUBSCRIBE or
        UNSUBSCRIBE, its body the frame without its signature, its status 101, and its verdict
        "accepted" or the error. A call that steers the sandbox over HTTP has one with ``control``
        True, and with the seed. ``n`` counts the rows.
        """
        with self._service.lock:
            return Rows(self._service.log)

    def advance(
        self, *, seconds: float = 0, minutes: float = 0, hours: float = 0, days: float = 0
    ) -> None:
        """Let the market's time pass: candles close, trades happen, open orders fill.

        Requests are answered meanwhile: they see the moment that the time has reached, and orders
        take their place there. If it takes longer than a second, a bar shows how far it is (if tqdm
        is installed, and stderr is a terminal or this is a notebook).

        Ctrl+C stops the time where it is, and raises KeyboardInterrupt. After any error,
        everything up to ``sandbox.now`` has happened, and nothing after it. ValueError: the market
        follows the clock or runs at a speed, another advance runs, or the span is not above 0.
        """
        if not self._still:
            raise ValueError("this sandbox follows the clock; its time cannot be moved by hand")
        now_us = self._service.now_us()
        span_us = play.span_us("advance", now_us, days, hours, minutes, seconds)
        if span_us == 0:
            raise ValueError("time only moves forward; write advance(minutes=5), not 0:00:00")
        watch(self._service.begin_advance(now_us + span_us))

    def play(
        self, speed: float = 60, *, seconds: float = 0, minutes: float = 0, hours: float = 0
    ) -> AbstractContextManager[None]:
        """Let the market's time run beside your code: ``with sandbox.play(minutes=5): ...``

        ``speed``: seconds of market time in a second, at most 3,600. With a span, exactly that much
        passes: the time stops when it is reached, and if you leave the block earlier, the rest
        passes at once. Without one, the time stops when you leave the block. It also stops there if
        the block ends with an exception. Your code sees the same events at every speed, though not
        the same number of them at a given moment.

        ``advance`` is refused within the block. ValueError: ``follow_clock``, a wrong speed or
        span, or another block of ``play`` is running.
        """
        if not self._still:
            raise ValueError("this sandbox follows the clock; its time runs without play()")
        span_us = play.span_us("play", self._service.now_us(), 0, hours, minutes, seconds)
        return play.Play(self._service, speed, span_us or None)

    def fault(
        self,
        name: str,
        *,
        operations: Collection[str] | None = None,
        times: int | None = None,
        seconds: float | None = None,
        symbols: Collection[str] | None = None,
        account: Key | None = None,
        probability: Probability = 1,
    ) -> AbstractContextManager[Fault]:
        """Let something go wrong: ``with sandbox.fault("lost_reply", times=1) as fault: ...``

        ``name``: one of ``bpkit.sandbox.FAULTS``, which says what each of them does.
        ``operations``: the names of those it may hit; all that it can touch unless given.
        ``times``: how many requests, sockets or frames it hits at most. ``seconds``: for ``slow``
        (2) how late, at most 600; for ``clock_skew`` (30) how far the exchange's clock is ahead,
        below 0 if it is behind. ``symbols``: for ``cancel_only`` which markets; all unless given.
        ``account``: it hits only requests that name this account's key. ``probability``: how often
        it acts on what it may hit, from 0 to 1, such as "0.25". Which ones depends on the seed.

        It is on within its block, for all connections. ``fault.hits`` counts what it has hit:
        requests; sockets, for ``ws_cut``, ``ws_close``, ``ws_dead`` and ``ws_refused``; frames, for
        the other names that begin with ``ws_``. Blocks may be nested: the innermost acts first on a
        request. ValueError: no such fault, operation or market, or an option that the fault does
        not take.
        """
        markets = self._service.exchange.markets
        one = Fault(
            name,
            markets,
            operations=operations,
            times=times,
            seconds=seconds,
            symbols=symbols,
            account=None if account is None else self._account(account).public_key,
            probability=probability,
        )
        return self._service.under(one)

    def open_account(self, funds: Mapping[str, str] | None = None, key: Key | None = None) -> Key:
        """Open another account, with a new key and no funds unless they are given.

        ``funds``: ``{"USDC": "500"}``. Returns its key; raises ValueError if the key has an
        account.
        """
        key = Key.for_sandbox() if key is None else checked_key(key)
        exchange = self._service.exchange
        if exchange.account(key.public_key) is not None:
            raise ValueError(f"{key!r} has an account already")
        amounts = amounts_of({} if funds is None else funds, exchange.assets)
        self._service.command(lambda: exchange.open_account(key.public_key, amounts))
        return key

    def open_first_accounts(self, count: int) -> list[tuple[str, str, str]]:
        """Open accounts with funds for a class: name, public key and secret of each.

        Unlike others they stay after ``reset``, with the same keys.
        """
        amounts, made = amounts_of(FUNDS, self._service.exchange.assets), []
        for _ in range(count):
            public_key, secret = new_key(None)
            with self._service.lock:
                self._service.open_first_account(public_key, amounts)
            made.append((self._service.exchange.accounts[public_key].name, public_key, secret))
        return made

    def deposit(
        self, key: Key, symbol: str, quantity: str, blockchain: str | None = None
    ) -> dict[str, Any]:
        """Let money arrive in an account, as if somebody had sent it to its deposit address.

        ``quantity``: text, in units of the asset. ``blockchain``: the asset's first one unless
        given. Returns the row of ``get_deposits``. ValueError: no such account, asset or
        blockchain, or less than the minimum deposit.
        """
        amount = amounts_of({symbol: quantity}, self._service.exchange.assets)[symbol]
        account, chain = self._account(key), blockchain or blockchain_of(symbol)
        capital = self._service.capital
        return self._service.command(lambda: capital.deposit(account, symbol, amount, chain))

    def allow_withdrawal_address(self, key: Key, blockchain: str, address: str) -> None:
        """Add an address to an account's address book, exempt from two factor authentication.

        On the exchange you do this on its website. ``request_withdrawal`` to any other address is
        refused (403 FORBIDDEN), unless it has a two factor token: see ``set_two_factor_secret``.
        ValueError: no such account or blockchain.
        """
        account, capital = self._account(key), self._service.capital
        self._service.command(lambda: capital.allow(account, blockchain, address))

    def set_two_factor_secret(self, key: Key, secret: str | None) -> None:
        """Give an account a secret for two factor authentication; None removes it.

        ``secret``: base32, as an authenticator app shows it: "JBSWY3DPEHPK3PXP". Then the account
        can withdraw to an address that is not exempt, with ``two_factor_token``: the 6 digits that
        an authenticator (TOTP, RFC 6238) shows for this secret now, by this machine's clock. Each
        token is good once. ValueError: no such account, or the secret is not base32.
        """
        account, capital = self._account(key), self._service.capital
        self._service.command(lambda: capital.set_secret(account, secret))

    def two_factor_token(self, key: Key) -> str:
        """The token that an authenticator shows for an account's secret now.

        ValueError: no such account, or it has no secret.
        """
        return self._service.capital.token(self._account(key), self._service.clock())

    def set_withdrawal_delay(self, key: Key, hours: int) -> None:
        """Delay an account's withdrawals to addresses that are not exempt; 0 ends this.

        On the exchange you do this on its website. ``triggerAt`` of a withdrawal shows when it is
        sent. The first delay holds at once, another one when the present delay has passed.
        ValueError: no such account, or not 0 to 8,760 hours.
        """
        account, capital = self._account(key), self._service.capital
        self._service.command(lambda: capital.set_delay(account, hours))

    def stop(self) -> None:
        """Close the port. The accounts and their balances are gone."""
        self._end()

    def _account(self, key: Key) -> EngineAccount:
        account = self._service.exchange.account(checked_key(key).public_key)
        if account is None:
            raise ValueError(f"{key!r} has no account here")
        return account

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def __repr__(self) -> str:
        state = "running" if self._end.alive else "stopped"
        return f"<Sandbox {state}, its market at {self.now:%Y-%m-%d %H:%M:%S} UTC>"


def _stop(service: Service, server: Server) -> None:
    for running in (service.play, service.advance):
        if running is not None:
            running.stop()
    server.stop()


def _now_us() -> int:
    return time.time_ns() // 1000
