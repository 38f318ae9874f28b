"""Deposits, withdrawals, and the address book for withdrawals.

Nothing leaves this machine. Withdrawals go to ``outside`` and deposits come from there, so that the
sum of an asset never changes. The owner of the sandbox sets the addresses to which an account may
withdraw; on the exchange this is done on its website, not through the API.

An account may have a secret for two factor authentication. Then it may also withdraw to other
addresses, with ``twoFactorToken``; its delay for withdrawals holds for these.

The shapes are those of a deposit and a withdrawal recorded on 2025-07-23 and 2025-08-13. It is not
documented whether ``quantity`` includes the fee. Here it does: the account pays ``quantity``, the
exchange keeps ``fee``, and the rest arrives.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal
from typing import Any, NamedTuple, get_args

from ...enums import Blockchain
from ..formatting import iso, plain
from ..simulation.synthetic import HOUR
from ..simulation.tables import ASSETS
from ..undo import Undoable, UndoDict, UndoList
from . import two_factor
from .exchange import EngineAccount, Exchange, Refusal
from .ledger import Balances, exact
from .rules import bad_request

OUTSIDE_FUNDS = Decimal(10) ** 15  # of every asset
CONFIRMED_AFTER_US = 60_000_000  # a minute of the market's time
LONGEST_DELAY = 8_760  # hours: a year
FIRST_DEPOSIT_ID, FIRST_WITHDRAWAL_ID = 6_695_353, 5_479_929

Json = dict[str, Any]


class Deposit(NamedTuple):
    """A deposit; it is confirmed at once."""

    id: int
    symbol: str
    quantity: Decimal
    blockchain: str
    to_address: str
    time_us: int

    def wire(self) -> Json:
        """A row of the deposit history: ``Deposit``."""
        return {
            "createdAt": iso(self.time_us),
            "fiatAmount": None,
            "fiatCurrency": None,
            "fromAddress": f"SANDBOX-{self.blockchain}-outside",
            "id": self.id,
            "institutionBic": None,
            "platformMemo": None,
            "quantity": plain(self.quantity),
            # As recorded, unlike the blockchain of a withdrawal: "ethereum", "hyperEVM", "xRP".
            "source": self.blockchain[0].lower() + self.blockchain[1:],
            "status": "confirmed",
            "symbol": self.symbol,
            "toAddress": self.to_address,
            "transactionHash": _hash(f"deposit {self.id}"),
        }


@dataclass(frozen=True)
class Withdrawal:
    """A withdrawal: pending for a minute of the market's time, then confirmed. ``trigger_us``: when
    that minute begins, if the account has a delay."""

    id: int
    symbol: str
    quantity: Decimal
    fee: Decimal
    blockchain: str
    address: str
    client_id: str | None
    created_us: int
    trigger_us: int | None = None

    def wire(self, now_us: int) -> Json:
        """``Withdrawal``, as it is at that time."""
        begin_us = self.created_us if self.trigger_us is None else self.trigger_us
        confirmed = now_us >= begin_us + CONFIRMED_AFTER_US
        sent = _hash(f"withdrawal {self.id}") if confirmed else None
        return {
            **dict.fromkeys(("accountIdentifier", "bankIdentifier", "bankName")),
            "blockchain": self.blockchain,
            "clientId": self.client_id,
            "createdAt": iso(self.created_us),
            "fee": plain(self.fee),
            **dict.fromkeys(("fiatFee", "fiatState", "fiatSymbol")),
            "id": self.id,
            "identifier": sent,
            "isInternal": False,
            "providerId": None,
            "quantity": plain(self.quantity),
            "status": "confirmed" if confirmed else "pending",
            "subaccountId": None,
            "symbol": self.symbol,
            "toAddress": self.address,
            "transactionHash": sent,
            "triggerAt": None if self.trigger_us is None else iso(self.trigger_us),
        }


class Delay(NamedTuple):
    """The delay of an account's withdrawals, in hours; from ``next_us`` on it is ``next_hours``."""

    hours: int
    next_hours: int
    next_us: int

    def at(self, now_us: int) -> int:
        """The delay at that time, in hours."""
        return self.next_hours if now_us >= self.next_us else self.hours


class Transfers(Undoable):
    """Deposits and withdrawals of all accounts. ``outside``: the balances outside the exchange."""

    def __init__(self, exchange: Exchange) -> None:
        self.outside = Balances(dict.fromkeys(ASSETS, OUTSIDE_FUNDS))
        self._exchange = exchange
        self._deposit_id, self._withdrawal_id = FIRST_DEPOSIT_ID, FIRST_WITHDRAWAL_ID
        # by public key, oldest first
        self._deposits: UndoDict[str, UndoList[Deposit]] = UndoDict()
        self._withdrawals: UndoDict[str, UndoList[Withdrawal]] = UndoDict()
        self._allowed: UndoList[tuple[str, str, str]] = UndoList()  # key, blockchain, address
        # by public key: secrets in base32, the counter of the last token that was good, delays
        self._secrets: UndoDict[str, str] = UndoDict()
        self._used: UndoDict[str, int] = UndoDict()
        self._delays: UndoDict[str, Delay] = UndoDict()

    # For the owner of the sandbox

    def deposit(
        self, account: EngineAccount, symbol: str, quantity: Decimal, blockchain: str
    ) -> Json:
        """Deposit money. ValueError: the asset cannot be deposited on the blockchain, or the
        quantity is too small or has too many decimals."""
        token = way_in(symbol, blockchain)
        if quantity < Decimal(token["minimumDeposit"]):
            raise ValueError(f"the minimum deposit of {symbol} is {token['minimumDeposit']}")
        if _decimals(quantity) > token["nativeDecimals"]:
            raise ValueError(
                f"{symbol} has at most {token['nativeDecimals']} decimals on {blockchain}"
            )
        self.outside.spend(symbol, quantity)
        account.balances.gain(symbol, quantity)
        self._exchange.account_streams.balances(account)
        address = deposit_address(account, blockchain)
        row = Deposit(
            self._deposit_id, symbol, quantity, blockchain, address, self._exchange.now_us
        )
        self._deposit_id += 1
        self._deposits.setdefault(account.public_key, UndoList()).append(row)
        return row.wire()

    def allow(self, account: EngineAccount, blockchain: str, address: str) -> None:
        """Add an address to the account's book, exempt from two factor authentication.

        ValueError: unknown blockchain.
        """
        if blockchain not in get_args(Blockchain):
            raise ValueError(f"{blockchain!r} is not one of {', '.join(get_args(Blockchain))}")
        self._allowed.append((account.public_key, blockchain, address))

    def close_account(self, account: EngineAccount) -> None:
        """Close an account: orders and strategies are cancelled, and what it has goes ``outside``.

        ValueError: it has an open position, or has borrowed or lent something.
        """
        if held := [*account.positions, *account.loans]:
            said = f"has open positions or loans ({', '.join(held)}); close them first"
            raise ValueError(f"{account.name} {said}")
        strategies = self._exchange.strategies
        for one in strategies.running(account):
            strategies.cancel_all(account, one["symbol"])
        for symbol in {order.request.market.symbol: None for order in account.open.values()}:
            self._exchange.cancel_all(account, symbol)
        for asset in account.balances.assets():
            amount = account.balances.available(asset)
            account.balances.spend(asset, amount)
            self.outside.gain(asset, amount)
        kept: tuple[UndoDict[str, Any], ...] = (
            self._deposits, self._withdrawals, self._secrets, self._used, self._delays
        )  # fmt: skip
        for rows in kept:
            rows.pop(account.public_key, None)
        self._allowed[:] = [one for one in self._allowed if one[0] != account.public_key]
        self._exchange.forget(account)

    def set_secret(self, account: EngineAccount, secret: str | None) -> None:
        """Set the account's secret for two factor authentication, or remove it (None).

        ValueError: it is not base32.
        """
        if secret is None:
            self._secrets.pop(account.public_key, None)
            return
        two_factor.secret_of(secret)
        self._secrets[account.public_key] = secret
        self._used.pop(account.public_key, None)

    def token(self, account: EngineAccount, now_ms: int) -> str:
        """The account's two factor token of that time. ValueError: it has no secret."""
        secret = self._secrets.get(account.public_key)
        if secret is None:
            raise ValueError("the account has no secret; call set_two_factor_secret first")
        return two_factor.code(two_factor.secret_of(secret), now_ms // two_factor.STEP_MS)

    def set_delay(self, account: EngineAccount, hours: int) -> None:
        """Set the delay of withdrawals to addresses that are not exempt. The first one holds at
        once, another one when the present delay has passed.

        ValueError: not 0 to LONGEST_DELAY hours.
        """
        if type(hours) is not int or not 0 <= hours <= LONGEST_DELAY:
            raise ValueError(f"hours={hours!r} is not a whole number from 0 to {LONGEST_DELAY}")
        now_us = self._exchange.now_us
        present = self._delay(account)
        self._delays[account.public_key] = Delay(present, hours, now_us + present * HOUR)

    # For an account

    def request(self, account: EngineAccount, wish: Mapping[str, Any], now_ms: int = 0) -> Json:
        """Withdraw: ``Withdrawal``. ``wish``: the documented names; types have been checked.
        ``now_ms``: by the clock that signatures are checked with.

        Refusal 403: the address is not exempt, and there is no token, or a wrong one; 400: the
        quantity is not allowed.
        """
        symbol, blockchain = wish["symbol"], wish["blockchain"]
        token = _token(symbol, blockchain)
        if token is None or not token["withdrawEnabled"]:
            raise bad_request(f"{symbol} cannot be withdrawn on {blockchain}", "INVALID_ASSET")
        exempt = (account.public_key, blockchain, wish["address"]) in self._allowed
        if not exempt:
            self._check_token(account, wish.get("twoFactorToken"), now_ms)
        quantity = self._quantity(account, wish, token)
        fee = Decimal(token["withdrawalFee"])
        self._exchange.lending.fund(account, symbol, quantity, "Withdrawal")
        with exact():
            account.balances.spend(symbol, quantity)
            self._exchange.fees.gain(symbol, fee)
            self.outside.gain(symbol, quantity - fee)
        self._exchange.account_streams.balances(account)
        now_us, delay = self._exchange.now_us, 0 if exempt else self._delay(account)
        row = Withdrawal(
            self._withdrawal_id,
            symbol,
            quantity,
            fee,
            blockchain,
            wish["address"],
            wish.get("clientId"),
            now_us,
            now_us + delay * HOUR if delay else None,
        )
        self._withdrawal_id += 1
        self._withdrawals.setdefault(account.public_key, UndoList()).append(row)
        return row.wire(now_us)

    def most(self, account: EngineAccount, symbol: str, flags: tuple[str, ...] = ()) -> Decimal:
        """The amount that can be withdrawn, cut to the decimals of the asset's blockchains.

        ``flags``: those of autoBorrow and autoLendRedeem that are on.
        """
        if symbol not in ASSETS:
            raise bad_request("Invalid asset", "INVALID_ASSET")
        digits = max(token["nativeDecimals"] for token in ASSETS[symbol]["tokens"])
        with exact():
            unit = Decimal(1).scaleb(-digits)
            most = self._exchange.withdrawable(account, symbol, flags)
            return (most / unit).to_integral_value(ROUND_DOWN) * unit

    def deposit_rows(self, account: EngineAccount) -> Sequence[Deposit]:
        """The account's deposits, oldest first."""
        return self._deposits.get(account.public_key, [])

    def withdrawals(
        self,
        account: EngineAccount,
        id: int | None = None,
        client_id: str | None = None,
        from_ms: int | None = None,
        to_ms: int | None = None,
    ) -> list[Json]:
        """Newest first, from ``from_ms`` up to but not including ``to_ms``."""
        return [
            row.wire(self._exchange.now_us)
            for row in reversed(self._withdrawals.get(account.public_key, []))
            if id in (None, row.id)
            and client_id in (None, row.client_id)
            and _within(row.created_us, from_ms, to_ms)
        ]

    def _check_token(self, account: EngineAccount, token: str | None, now_ms: int) -> None:
        """Each token is good once, as RFC 6238 demands."""
        secret = self._secrets.get(account.public_key)
        if secret is None or token is None:
            message = "Address is not in the address book as exempt from two factor authentication"
            raise Refusal(403, "FORBIDDEN", message)
        counter = two_factor.counter_of(two_factor.secret_of(secret), token, now_ms)
        if counter is None or counter <= self._used.get(account.public_key, -1):
            raise Refusal(403, "INVALID_TWO_FACTOR_CODE", "Invalid two factor code")
        self._used[account.public_key] = counter

    def _delay(self, account: EngineAccount) -> int:
        """The delay now, in hours."""
        delay = self._delays.get(account.public_key)
        return 0 if delay is None else delay.at(self._exchange.now_us)

    def _quantity(
        self, account: EngineAccount, wish: Mapping[str, Any], token: Mapping[str, Any]
    ) -> Decimal:
        quantity = Decimal(wish["quantity"])
        if _decimals(quantity) > token["nativeDecimals"]:
            raise bad_request("Quantity decimal too long")
        if quantity < Decimal(token["minimumWithdrawal"]):
            raise bad_request("Quantity is below the minimum allowed value")
        if quantity > self._exchange.withdrawable(account, wish["symbol"], flags_of(wish)):
            raise bad_request("Insufficient funds", "INSUFFICIENT_FUNDS")
        return quantity


def deposit_address(account: EngineAccount, blockchain: str) -> str:
    """An address that no wallet accepts, so that nobody sends real money to it by mistake."""
    tail = hashlib.sha256(f"{account.public_key}/{blockchain}".encode()).hexdigest()[:8]
    return f"SANDBOX-{blockchain}-send-nothing-here-{tail}"


def blockchain_of(symbol: str) -> str:
    """The first blockchain of an asset of the sandbox."""
    return str(ASSETS[symbol]["tokens"][0]["blockchain"])


def _token(symbol: str, blockchain: str) -> dict[str, Any] | None:
    """The entry of an asset and a blockchain in ``assets.json``, or None."""
    tokens = ASSETS[symbol]["tokens"] if symbol in ASSETS else []
    return next((token for token in tokens if token["blockchain"] == blockchain), None)


def way_in(symbol: str, blockchain: str) -> dict[str, Any]:
    """The entry of an asset and a blockchain. ValueError: it cannot be deposited there."""
    token = _token(symbol, blockchain)
    if token is None or not token["depositEnabled"]:
        ways = [str(one["blockchain"]) for one in ASSETS[symbol]["tokens"] if one["depositEnabled"]]
        remedy = f"write one of {', '.join(ways)}" if ways else "it cannot be deposited at all"
        raise ValueError(f"{symbol} cannot be deposited on {blockchain}; {remedy}")
    return token


def _decimals(quantity: Decimal) -> int:
    """The number of decimals, without trailing zeros."""
    return len(format(quantity, "f").partition(".")[2].rstrip("0"))


def flags_of(wish: Mapping[str, Any]) -> tuple[str, ...]:
    """Those of autoBorrow and autoLendRedeem that are on."""
    return tuple(name for name in ("autoBorrow", "autoLendRedeem") if wish.get(name))


def _within(time_us: int, from_ms: int | None, to_ms: int | None) -> bool:
    return (from_ms is None or time_us >= from_ms * 1_000) and (
        to_ms is None or time_us < to_ms * 1_000
    )


def _hash(text: str) -> str:
    """A made-up transaction hash, which is on no blockchain."""
    return f"SANDBOX-{hashlib.sha256(text.encode()).hexdigest()[:32]}"
