"""Deposits, withdrawals, and the address book for withdrawals.

Nothing leaves this machine. Withdrawals go to ``outside`` and deposits come from there, so that the
sum of an asset never changes. The owner of the sandbox sets the addresses to which an account may
withdraw; on the exchange this is done on its website, not through the API.

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
from ..simulation.tables import ASSETS
from ..undo import Undoable, UndoDict, UndoList
from .exchange import EngineAccount, Exchange, Refusal
from .ledger import Balances, exact
from .rules import bad_request

OUTSIDE_FUNDS = Decimal(10) ** 15  # of every asset
CONFIRMED_AFTER_US = 60_000_000  # a minute of the market's time
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
    """A withdrawal: pending for a minute of the market's time, then confirmed."""

    id: int
    symbol: str
    quantity: Decimal
    fee: Decimal
    blockchain: str
    address: str
    client_id: str | None
    created_us: int

    def wire(self, now_us: int) -> Json:
        """``Withdrawal``, as it is at that time."""
        confirmed = now_us >= self.created_us + CONFIRMED_AFTER_US
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
            "triggerAt": None,
        }


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

    # For the owner of the sandbox

    def deposit(
        self, account: EngineAccount, symbol: str, quantity: Decimal, blockchain: str
    ) -> Json:
        """Deposit money. ValueError: the asset cannot be deposited on the blockchain, or the
        quantity is too small or has too many decimals."""
        token = _token(symbol, blockchain)
        if token is None or not token["depositEnabled"]:
            raise ValueError(f"{symbol} cannot be deposited on {blockchain}")
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

    # For an account

    def request(self, account: EngineAccount, wish: Mapping[str, Any]) -> Json:
        """Withdraw: ``Withdrawal``. ``wish``: the documented names; types have been checked.

        Refusal 403: the address is not in the account's book; 400: the quantity is not allowed.
        """
        symbol, blockchain = wish["symbol"], wish["blockchain"]
        _check_simulated(wish)
        token = _token(symbol, blockchain)
        if token is None or not token["withdrawEnabled"]:
            raise bad_request(f"{symbol} cannot be withdrawn on {blockchain}", "INVALID_ASSET")
        if (account.public_key, blockchain, wish["address"]) not in self._allowed:
            message = "Address is not in the address book as exempt from two factor authentication"
            raise Refusal(403, "FORBIDDEN", message)
        quantity = self._quantity(account, wish["quantity"], symbol, token)
        fee = Decimal(token["withdrawalFee"])
        with exact():
            account.balances.spend(symbol, quantity)
            self._exchange.fees.gain(symbol, fee)
            self.outside.gain(symbol, quantity - fee)
        self._exchange.account_streams.balances(account)
        now_us = self._exchange.now_us
        row = Withdrawal(
            self._withdrawal_id,
            symbol,
            quantity,
            fee,
            blockchain,
            wish["address"],
            wish.get("clientId"),
            now_us,
        )
        self._withdrawal_id += 1
        self._withdrawals.setdefault(account.public_key, UndoList()).append(row)
        return row.wire(now_us)

    def most(self, account: EngineAccount, symbol: str) -> Decimal:
        """The amount that can be withdrawn, cut to the decimals of the asset's blockchains."""
        if symbol not in ASSETS:
            raise bad_request("Invalid asset", "INVALID_ASSET")
        digits = max(token["nativeDecimals"] for token in ASSETS[symbol]["tokens"])
        with exact():
            unit = Decimal(1).scaleb(-digits)
            return (self._exchange.withdrawable(account, symbol) / unit).to_integral_value(
                ROUND_DOWN
            ) * unit

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

    def _quantity(
        self, account: EngineAccount, text: str, symbol: str, token: Mapping[str, Any]
    ) -> Decimal:
        quantity = Decimal(text)
        if _decimals(quantity) > token["nativeDecimals"]:
            raise bad_request("Quantity decimal too long")
        if quantity < Decimal(token["minimumWithdrawal"]):
            raise bad_request("Quantity is below the minimum allowed value")
        if quantity > self._exchange.withdrawable(account, symbol):
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


def _decimals(quantity: Decimal) -> int:
    """The number of decimals, without trailing zeros."""
    return len(format(quantity, "f").partition(".")[2].rstrip("0"))


def _check_simulated(wish: Mapping[str, Any]) -> None:
    for name in ("autoBorrow", "autoLendRedeem"):
        if wish.get(name):
            raise Refusal(501, "NOT_IMPLEMENTED", f"The sandbox does not simulate `{name}`")


def _within(time_us: int, from_ms: int | None, to_ms: int | None) -> bool:
    return (from_ms is None or time_us >= from_ms * 1_000) and (
        to_ms is None or time_us < to_ms * 1_000
    )


def _hash(text: str) -> str:
    """A made-up transaction hash, which is on no blockchain."""
    return f"SANDBOX-{hashlib.sha256(text.encode()).hexdigest()[:32]}"
