"""Limits for live trading: which writes a client may send, in which markets, up to which value.

``Arming`` says what is allowed. ``WriteGuard`` checks every write against it before it is sent.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal, localcontext
from threading import Lock
from typing import Literal, NamedTuple, cast

from ..enums import Amount
from ..errors import GuardError, InputError
from ..operations import Operation
from ..parameters import AMOUNT, SYMBOL, Parameter
from ..serialize import Fields, convert
from .valuation import Reader, Valuation, only_reduces

_ZERO = Decimal(0)
# Nothing is rounded, whatever the decimal context of the thread is.
_EXACT = Context(prec=1000)
_FLAGS = ("orders", "withdrawals", "account", "unlisted")


@dataclass(frozen=True)
class Arming:
    """What a client may do with real money. A client without one only reads on a live host.

        arming = Arming(orders=True, per_order="20", per_session="100", symbols=["SOL_USDC"])
        bp = Client(LIVE_URL, Key.from_env(), armed=arming)

    This client may place and cancel orders in SOL_USDC: each is worth 20 USDC at most, and all
    that it ever places are worth 100 USDC at most. Anything else raises GuardError and is not sent.

    ``orders``: place and cancel orders and strategies; ask for quotes. ``withdrawals``: withdraw;
    change the delay of withdrawals. ``account``: settings, borrowing and lending, dust, vaults.
    ``unlisted``: any write of ``bp.request`` that bpkit does not know; **no limit applies to it**.
    At least one of them must be True.

    ``per_order``: the highest value of one order, withdrawal, loan or deposit in a vault.
    ``per_session``: the highest sum of these values, for as long as this client exists. Both are
    needed, in USDC, as text, int or Decimal.

    ``symbols``: the only markets allowed (for withdrawals, loans, dust and vaults: the only
    assets); None: all. With ``symbols``, a write that names no market is refused: settings, the
    delay of withdrawals, all dust at once, refreshing or cancelling a request for quotes, taking
    money out of a vault.

    How it counts:

    - ``per_session`` counts everything that is placed, buys and sales alike. A cancel gives
      nothing back. Nor does an order that never fills, or one whose answer was lost. Only a request
      that the exchange refuses as a whole, or that certainly never left, is given back. A single
      order that is refused inside a batch ("Err") still counts. ``bp.spent`` shows the sum.
    - A limit order to buy counts quantity * price. A market order to buy counts quantity * the
      worst price that it would reach in the order book now. A sale counts quantity * its own price
      or the best bid, whichever is higher. The market may move before the order arrives.
    - Other assets than USDC count at their last price in USDC.
    - Cancels, settings, dust, and taking money out of a vault count 0.
    - An order or a strategy with ``reduceOnly`` in a perpetual counts 0, because it can only make a
      position smaller. So you can always close a position, whatever is spent.
    - What cannot be valued is refused. ``submit_quote`` and ``accept_quote`` never can be, because
      their fields name no amount: use the exchange's website for them.

    Fees do not count, nor does what another client or the website does. A new client starts at 0
    again. Raises InputError.
    """

    orders: bool = False
    withdrawals: bool = False
    account: bool = False
    unlisted: bool = False
    per_order: Amount | None = None
    per_session: Amount | None = None
    symbols: Collection[str] | None = None

    def __post_init__(self) -> None:
        for kind in _FLAGS:
            if not isinstance(getattr(self, kind), bool):
                raise InputError(kind, getattr(self, kind), "is not True or False")
        if not self.kinds:
            raise InputError("orders", False, f"arms nothing; pass {' or '.join(_FLAGS)} as True")
        per_order = _cap("per_order", self.per_order)
        per_session = _cap("per_session", self.per_session)
        if per_session < per_order:
            raise InputError("per_session", f"{per_session:f}", f"is below per_order={per_order:f}")
        object.__setattr__(self, "per_order", per_order)
        object.__setattr__(self, "per_session", per_session)
        object.__setattr__(self, "symbols", _symbols(self.symbols))

    @property
    def kinds(self) -> list[str]:
        """What is armed: some of orders, withdrawals, account, unlisted."""
        return [kind for kind in _FLAGS if getattr(self, kind)]

    def __repr__(self) -> str:
        # A traceback may show an Arming whose making has just failed, with the caps as given.
        parts = [f"{kind}=True" for kind in self.kinds]
        for name in ("per_order", "per_session"):
            cap = getattr(self, name)
            parts.append(f'{name}="{cap:f}"' if isinstance(cap, Decimal) else f"{name}={cap!r}")
        if self.symbols is not None:
            some = self.symbols
            parts.append(f"symbols={sorted(some) if isinstance(some, frozenset) else some!r}")
        return f"Arming({', '.join(parts)})"


class Write(NamedTuple):
    """How one write operation is limited.

    ``kind``: the flag of an Arming that allows it. ``value``: how it is valued; None: it cannot
    be, so no Arming allows it. ``symbols``: what is compared with the symbols of an Arming: its
    "own" field ``symbol``, "all" (it concerns the whole account, or its fields name no market),
    or nothing ("none": it moves no money, or bpkit does not know what it moves).
    """

    kind: str
    value: Callable[[Valuation, Fields], Decimal] | None
    symbols: Literal["own", "all", "none"]


WRITES = {
    "execute_order": Write("orders", Valuation.order, "own"),
    "execute_order_batch": Write("orders", Valuation.order, "own"),
    "cancel_order": Write("orders", Valuation.nothing, "own"),
    "cancel_open_orders": Write("orders", Valuation.nothing, "own"),
    "strategy_create": Write("orders", Valuation.order, "own"),
    "cancel_strategy": Write("orders", Valuation.nothing, "own"),
    "cancel_open_strategies": Write("orders", Valuation.nothing, "own"),
    "submit_rfq": Write("orders", Valuation.order, "own"),
    "refresh_rfq": Write("orders", Valuation.nothing, "all"),
    "cancel_rfq": Write("orders", Valuation.nothing, "all"),
    "submit_quote": Write("orders", None, "all"),
    "accept_quote": Write("orders", None, "all"),
    "request_withdrawal": Write("withdrawals", Valuation.asset, "own"),
    "create_withdrawal_delay": Write("withdrawals", Valuation.nothing, "all"),
    "update_withdrawal_delay": Write("withdrawals", Valuation.nothing, "all"),
    "issue_two_factor_token": Write("withdrawals", Valuation.nothing, "none"),
    "update_account_settings": Write("account", Valuation.nothing, "all"),
    "execute_borrow_lend": Write("account", Valuation.asset, "own"),
    "convert_dust": Write("account", Valuation.nothing, "own"),
    "vault_mint": Write("account", Valuation.asset, "own"),
    "vault_redeem": Write("account", Valuation.nothing, "all"),
    "vault_redeem_cancel": Write("account", Valuation.nothing, "all"),
}
# A write of bp.request that bpkit does not know.
_UNLISTED = Write("unlisted", Valuation.nothing, "none")


class WriteGuard:
    """Check the writes of one client against its Arming, and add up their values.

    ``where``: the host, for messages. ``loopback``: it is this computer, where a client without an
    Arming may do everything. (A client with one is held to it there too.) ``read(name, fields)``
    returns the answer to a read. Threads may share it.
    """

    def __init__(self, arming: Arming | None, where: str, loopback: bool, read: Reader) -> None:
        if arming is not None and not isinstance(arming, Arming):
            example = 'Arming(orders=True, per_order="20", per_session="100")'
            raise InputError("armed", arming, f"is not an Arming; pass {example}")
        self._arming, self._where, self._loopback, self._reader = arming, where, loopback, read
        self._spent, self._lock = _ZERO, Lock()

    def admit(self, operation: Operation, fields: Fields | Sequence[Fields]) -> Decimal:
        """Check a write before it is sent. Count its value, and return it in USDC.

        Raises GuardError if the write is not armed, is above a limit, or cannot be valued. Reading
        the order book or a price for it may raise RateLimitError or MissingKeyError.
        """
        if self._arming is None and self._loopback:
            return _ZERO
        name, parts = operation.name, [fields] if isinstance(fields, Mapping) else fields
        arming = self._armed_for(name)
        with localcontext(_EXACT):
            value = self._value_of(name, parts, arming)
            self._spend(name, value, cast(Decimal, arming.per_session))
        return value

    def give_back(self, value: Decimal) -> None:
        """Stop counting a write that was certainly not carried out (never sent, or refused).

        ``value``: what ``admit`` returned for it.
        """
        with self._lock, localcontext(_EXACT):
            self._spent -= value

    @property
    def spent(self) -> Decimal:
        """What counts against ``per_session`` so far, in USDC."""
        return self._spent

    def _armed_for(self, name: str) -> Arming:
        write = WRITES.get(name, _UNLISTED)
        if write.value is None:
            raise GuardError(
                f"{name} cannot be valued from its own fields, so no limit can hold it, and it is "
                f"not sent to {self._where}. Nothing was sent. Use the exchange's website for it."
            )
        if self._arming is None:
            raise GuardError(
                f"{name} changes something at {self._where}, with real money, and this client only "
                "reads there. Nothing was sent. To allow it, make the client with Client(..., "
                f'armed=Arming({write.kind}=True, per_order="20", per_session="100")).'
            )
        if write.kind not in self._arming.kinds:
            raise GuardError(
                f"{name} needs {write.kind}=True, and this client is armed for "
                f"{' and '.join(self._arming.kinds)} only. Nothing was sent."
            )
        return self._arming

    def _value_of(self, name: str, parts: Sequence[Fields], arming: Arming) -> Decimal:
        """The value of all parts together; each is within ``per_order``. Raises GuardError."""
        if arming.symbols is not None:
            for part in parts:  # all of them, before any is valued
                _check_symbol(name, part, arming.symbols)
        value_of = cast(Callable[[Valuation, Fields], Decimal], WRITES.get(name, _UNLISTED).value)
        valuation = Valuation(name, parts, self._reader)
        total, per_order = _ZERO, cast(Decimal, arming.per_order)
        for place, part in enumerate(parts):
            if only_reduces(part):
                # Held to a limit, it would be refused just when it is needed: to get out.
                continue
            value = value_of(valuation, part)
            if value > per_order:
                which = f" orders[{place}]:" if len(parts) > 1 else ""
                raise GuardError(
                    f"{name}:{which} {value:f} USDC is above per_order={per_order:f} USDC. "
                    "Nothing was sent."
                )
            total += value
        return total

    def _spend(self, name: str, value: Decimal, cap: Decimal) -> None:
        with self._lock:
            if self._spent + value > cap:
                raise GuardError(
                    f"{name}: spent {self._spent:f} of per_session={cap:f} USDC; {value:f} more "
                    f"would exceed it, {cap - self._spent:f} remain. Nothing was sent."
                )
            self._spent += value


def _check_symbol(name: str, fields: Fields, symbols: Collection[str]) -> None:
    kind = WRITES.get(name, _UNLISTED).symbols
    symbol = fields.get("symbol") if kind == "own" else None
    if kind == "none" or symbol in symbols:
        return
    armed = f"this client is armed for {', '.join(sorted(symbols))} only. Nothing was sent."
    if symbol is None:
        raise GuardError(
            f"{name} names no market or asset, and {armed} Use a client that is armed without "
            "symbols for it."
        )
    raise GuardError(f"{name}: {symbol}: {armed}")


def _cap(name: str, value: Amount | None) -> Decimal:
    if value is None:
        raise InputError(name, None, f'is missing; say how much, in USDC, such as {name}="20"')
    return Decimal(str(convert(Parameter(AMOUNT), name, value)))


def _symbols(given: object) -> frozenset[str] | None:
    if given is None:
        return None
    if isinstance(given, str):
        raise InputError("symbols", given, f"is one text; put it into a list: [{given!r}]")
    if not isinstance(given, Collection):
        raise InputError("symbols", given, 'is not a list; pass one such as ["SOL_USDC"]')
    if not given:
        raise InputError("symbols", given, "is empty; name markets, or leave it out for all")
    for one in given:
        convert(Parameter(SYMBOL), "symbols", one)
    return frozenset(given)
