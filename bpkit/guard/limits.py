"""What a client may do where money is real: shown in code, and held to a sum.

``Arming`` says it; ``WriteGuard`` holds a client to it: before a write leaves, its kind, its market
and its value (see ``valuation``) are looked at. What cannot be valued is not sent.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal, localcontext
from threading import Lock
from typing import cast

from ..enums import Amount
from ..errors import GuardError, InputError
from ..operations import Operation
from ..parameters import AMOUNT, SYMBOL, Parameter
from ..serialize import Fields, convert
from .valuation import WORTH, Appraiser, Look, closes

KINDS: dict[str, str] = {
    **dict.fromkeys(
        ("execute_order", "execute_order_batch", "cancel_order", "cancel_open_orders",
         "strategy_create", "cancel_strategy", "cancel_open_strategies",
         "submit_rfq", "submit_quote", "accept_quote", "refresh_rfq", "cancel_rfq"),
        "orders"),
    **dict.fromkeys(
        ("request_withdrawal", "create_withdrawal_delay", "update_withdrawal_delay",
         "issue_two_factor_token"),
        "withdrawals"),
    **dict.fromkeys(
        ("update_account_settings", "execute_borrow_lend", "convert_dust",
         "vault_mint", "vault_redeem", "vault_redeem_cancel"),
        "account"),
}  # fmt: skip
_NOTHING = Decimal(0)
# Nothing is rounded, whatever the thread's own context says.
_EXACT = Context(prec=1000)
_FLAGS = ("orders", "withdrawals", "account")


@dataclass(frozen=True)
class Arming:
    """What a client may do where money is real; all else is refused there, and nothing is sent.

    ``orders``: place and cancel orders, strategies, requests for quotes and quotes.
    ``withdrawals``: request withdrawals. ``account``: settings, lending and borrowing, dust,
    vaults. ``per_order``: the largest value of one order (withdrawal, loan ...), and
    ``per_session``: the largest sum of them over the client's life; both in USDC, text, Decimal or
    int, and both needed. Raises InputError.

    ``symbols``: the markets (for withdrawals, loans, dust and vaults: the assets); left out, all.
    Where a write names none, that of its request for quotes or of its vault is looked up, and what
    is not found is refused. With ``symbols``, what concerns the whole account is refused: settings,
    the delay of withdrawals, all dust at once. Only a two-factor token is not held by them.

    An order or a strategy with ``reduceOnly`` in a perpetual is held by kind and ``symbols`` alone:
    it can only make a position smaller, so a position can always be closed, however large it is and
    whatever is spent. What is refused as a whole counts no longer; the orders of a batch that were
    refused one by one ("Err") stay counted.
    """

    orders: bool = False
    withdrawals: bool = False
    account: bool = False
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
        """What is armed: some of orders, withdrawals, account."""
        return [kind for kind in _FLAGS if getattr(self, kind)]

    def __repr__(self) -> str:
        # A traceback may show one whose making has just failed: caps as they were given.
        parts = [f"{kind}=True" for kind in self.kinds]
        for name in ("per_order", "per_session"):
            cap = getattr(self, name)
            parts.append(f'{name}="{cap:f}"' if isinstance(cap, Decimal) else f"{name}={cap!r}")
        if self.symbols is not None:
            some = self.symbols
            parts.append(f"symbols={sorted(some) if isinstance(some, frozenset) else some!r}")
        return f"Arming({', '.join(parts)})"


class WriteGuard:
    """Holds the writes of one client to its arming, and counts what they are worth.

    ``where``: the host, for messages. ``loopback``: it is this machine, where a client without
    an arming may do everything; one with an arming is held to it there too. ``look(name, fields)``
    answers a read. May be used by several threads.
    """

    def __init__(self, arming: Arming | None, where: str, loopback: bool, look: Look) -> None:
        if arming is not None and not isinstance(arming, Arming):
            raise InputError(
                "armed",
                arming,
                'is no Arming; pass Arming(orders=True, per_order="20", per_session="100")',
            )
        self.arming, self._where, self._loopback, self._look = arming, where, loopback, look
        self._spent, self._lock = _NOTHING, Lock()

    def admit(self, operation: Operation, fields: Fields | Sequence[Fields]) -> Decimal:
        """Before a write is sent: what it takes, in USDC, of the session's cap, and now has taken.

        Raises GuardError for what is not armed, above a cap, or cannot be valued. What it looks up
        may raise RateLimitError or MissingKeyError.
        """
        if not operation.mutates or (self.arming is None and self._loopback):
            return _NOTHING
        arming, name = self._armed_for(operation.name), operation.name
        with localcontext(_EXACT):
            value = self._counted(name, [fields] if isinstance(fields, Mapping) else fields, arming)
            self._reserve(name, value, cast(Decimal, arming.per_session))
        return value

    def give_back(self, value: Decimal) -> None:
        """What was certainly not carried out (not sent, or refused by the exchange) counts no
        longer. ``value``: what ``admit`` returned for it. Raises ValueError for more than that."""
        with self._lock, localcontext(_EXACT):
            if not _NOTHING <= value <= self._spent:
                raise ValueError(f"{value} USDC cannot be given back: {self._spent} are spent")
            self._spent -= value

    @property
    def spent(self) -> Decimal:
        """What counts against the session's cap so far, in USDC."""
        return self._spent

    def __repr__(self) -> str:
        arming: Arming | None = getattr(self, "arming", None)  # None too where the making failed
        if arming is None:
            free = getattr(self, "_loopback", False)
            return f"WriteGuard({'everything allowed' if free else 'reads only'})"
        return f"WriteGuard(spent {self._spent:f} of per_session={arming.per_session:f} USDC)"

    def _armed_for(self, name: str) -> Arming:
        kind = KINDS.get(name)
        if kind is None:
            raise GuardError(
                f"{name} changes something at {self._where}, and nothing can arm a client for it. "
                "Nothing was sent."
            )
        if self.arming is None:
            raise GuardError(
                f"{name} changes something at {self._where}, with real money, and this client only "
                "reads there. Nothing was sent. Arm it where you make it: Client(..., "
                f'armed=Arming({kind}=True, per_order="20", per_session="100")).'
            )
        if kind not in self.arming.kinds:
            raise GuardError(
                f"{name} needs {kind}=True, and this client is armed for "
                f"{' and '.join(self.arming.kinds)} only. Nothing was sent."
            )
        return self.arming

    def _counted(self, name: str, parts: Sequence[Fields], arming: Arming) -> Decimal:
        """What counts against the session; each part is within per_order. Raises GuardError."""
        if not parts:
            raise GuardError(f"{name} holds no order. Nothing was sent.")
        appraiser = Appraiser(name, parts, self._look)
        if arming.symbols is not None:
            for part in parts:  # all of them, before any is valued
                _allow(name, appraiser.concerns(part), arming.symbols)
        total, per_order = _NOTHING, cast(Decimal, arming.per_order)
        for place, part in enumerate(parts):
            if closes(name, part):
                # It cannot open anything, whatever its size. Held to a cap, or to a book that is
                # thin, it would be refused just when it is needed: to get out.
                continue
            value = WORTH[name](appraiser, part)
            if value > per_order:
                which = f" orders[{place}]:" if len(parts) > 1 else ""
                raise GuardError(
                    f"{name}:{which} {value:f} USDC is above per_order={per_order:f} USDC. "
                    "Nothing was sent."
                )
            total += value
        return total

    def _reserve(self, name: str, value: Decimal, cap: Decimal) -> None:
        with self._lock:
            if self._spent + value > cap:
                raise GuardError(
                    f"{name}: spent {self._spent:f} of per_session={cap:f} USDC; {value:f} more "
                    f"would exceed it, {cap - self._spent:f} remain. Nothing was sent."
                )
            self._spent += value


def _allow(name: str, concerned: list[str | None], symbols: Collection[str]) -> None:
    for symbol in concerned:
        if symbol not in symbols:
            raise GuardError(
                f"{name}: {symbol or 'all symbols'}: this client is armed for "
                f"{', '.join(sorted(symbols))} only. Nothing was sent."
                + ("" if symbol else " For what concerns all, arm it without symbols.")
            )


def _cap(name: str, value: Amount | None) -> Decimal:
    if value is None:
        raise InputError(name, None, f'is missing; say how much, in USDC, such as {name}="20"')
    return Decimal(str(convert(Parameter(AMOUNT), name, value)))


def _symbols(given: object) -> frozenset[str] | None:
    if given is None:
        return None
    if isinstance(given, str):
        raise InputError("symbols", given, f"is one text; put it into a list: [{given!r}]")
    if not isinstance(given, Collection) or isinstance(given, Mapping):
        raise InputError("symbols", given, 'is no list; pass one such as ["SOL_USDC"]')
    if not given:
        raise InputError("symbols", given, "is empty; name markets, or leave it out for all")
    for one in given:
        convert(Parameter(SYMBOL), "symbols", one)
    return frozenset(given)
