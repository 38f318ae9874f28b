"""Limits for live trading: which writes a client may send, in which markets, up to which value.

``Arming`` says what is allowed. ``WriteGuard`` checks every write against it before it is sent.
What its writes count afterwards is in ``spending``.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_DOWN, Context, Decimal, localcontext
from typing import Any, Literal, NamedTuple, cast

from ..clock import moment
from ..enums import Amount
from ..errors import GuardError, InputError
from ..operations import Operation
from ..parameters import AMOUNT, SYMBOL, Parameter
from ..serialize import Fields, convert
from .spending import EXACT, Admitted, Money, Part, Spending, Total
from .valuation import Reader, Valuation, only_reduces

_ZERO = Decimal(0)
_LENDS = ("autoBorrow", "autoBorrowRepay", "autoLend", "autoLendRedeem")
_FLAGS = ("orders", "withdrawals", "account", "unlisted")


@dataclass(frozen=True)
class Arming:
    """What a client may do with real money. A client without one only reads on a live host.

        arming = Arming(orders=True, per_order="20", per_session="100", symbols=["SOL_USDC"])
        bp = Client(LIVE_URL, Key.from_env(), armed=arming)

    This client may place and cancel orders in SOL_USDC: each is worth 20 USDC at most, and all
    that are filled or may still be filled are worth 100 USDC at most. Anything else raises
    GuardError and is not sent.

    ``orders``: place and cancel orders and strategies; ask for quotes. ``withdrawals``: withdraw;
    change the delay of withdrawals. ``account``: settings, borrowing and lending (also by an order
    with ``auto_borrow``, ``auto_borrow_repay``, ``auto_lend`` or ``auto_lend_redeem``), dust,
    vaults. ``unlisted``: any write of ``bp.request`` that bpkit does not know; **no limit applies
    to it**. At least one of them must be True.

    ``per_order``: the highest value of one order, withdrawal, loan or deposit in a vault.
    ``per_session``: the highest sum of these values, for as long as this client exists. Both are
    needed, in USDC, as text, int or Decimal. ``per_day``: the highest sum of all that is sent on
    one day in UTC, by the time of the signature, over restarts; it needs a client with a journal.

    ``symbols``: the only markets allowed (for withdrawals, loans, dust and vaults: the only
    assets); None: all. With ``symbols``, a write that names no market is refused: settings, the
    delay of withdrawals, all dust at once, refreshing or cancelling a request for quotes, taking
    money out of a vault.

    How it counts:

    - A limit order to buy counts quantity * price. A market order to buy counts quantity * the
      worst price that it would reach in the order book now. A sale counts quantity * its own price
      or the best bid, whichever is higher. The market may move before the order arrives.
    - Buys and sales alike count in ``per_session`` and ``per_day``: what was filled, and what may
      still be filled. An order counts in full when it is sent. If bpkit then sees that it was
      cancelled, that it expired or was refused (also inside a batch), only its filled part counts.
      Of an order that is partly filled and open, the filled part counts what was paid, and the rest
      counts at its price. ``bp.spent`` shows the sum of the session.
    - bpkit sees this in the answers to your own calls: to the order itself, to a cancel,
      ``get_order``, ``get_open_orders``, ``get_order_history``, ``get_fills``, ``bp.reconcile``. It
      asks nothing by itself. What it has not seen counts in full: an order whose answer was lost, a
      cancel that is accepted but not confirmed, an order that was cancelled on the website.
    - An order whose answer was lost is recognised in later answers only if bpkit chose its id.
      A conditional order counts in full once its price was reached, and so does a strategy.
    - An order counts on the day on which it was signed. If it is filled on the next day, that does
      not count there.
    - Other assets than USDC count at their last price in USDC.
    - Cancels, settings, dust, and taking money out of a vault count 0.
    - An order or a strategy with ``reduceOnly`` in a perpetual counts 0, because it can only make a
      position smaller. So you can always close a position, whatever is spent.
    - What cannot be valued is refused. ``submit_quote`` and ``accept_quote`` never can be, because
      their fields name no amount: use the exchange's website for them.

    Fees do not count, nor does what another client or the website does. (For ``per_day``, all
    clients with the same journal count together.) The sum of the session starts at 0 again with a
    new client. Raises InputError.
    """

    orders: bool = False
    withdrawals: bool = False
    account: bool = False
    unlisted: bool = False
    per_order: Amount | None = None
    per_session: Amount | None = None
    symbols: Collection[str] | None = None
    per_day: Amount | None = None

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
        if self.per_day is not None:
            per_day = _cap("per_day", self.per_day)
            if per_day < per_order:
                raise InputError("per_day", f"{per_day:f}", f"is below per_order={per_order:f}")
            object.__setattr__(self, "per_day", per_day)
        object.__setattr__(self, "symbols", _symbols(self.symbols))

    @property
    def kinds(self) -> list[str]:
        """What is armed: some of orders, withdrawals, account, unlisted."""
        return [kind for kind in _FLAGS if getattr(self, kind)]

    def __repr__(self) -> str:
        # A traceback may show an Arming whose making has just failed, with the caps as given.
        parts = [f"{kind}=True" for kind in self.kinds]
        for name in ("per_order", "per_session", "per_day"):
            cap = getattr(self, name)
            if name == "per_day" and cap is None:
                continue
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
    returns the answer to a read. ``spending``: the sums of the client's journal, None without one.
    ``clock``: the time of the next signature, in Unix milliseconds. Threads may share it. Raises
    InputError.
    """

    def __init__(
        self,
        arming: Arming | None,
        where: str,
        loopback: bool,
        read: Reader,
        *,
        spending: Spending | None = None,
        clock: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        if arming is not None and not isinstance(arming, Arming):
            example = 'Arming(orders=True, per_order="20", per_session="100")'
            raise InputError("armed", arming, f"is not an Arming; pass {example}")
        if arming is not None and arming.per_day is not None and spending is None:
            remedy = 'needs a journal, to count over restarts; pass journal="orders.jsonl" as well'
            raise InputError("per_day", f"{arming.per_day:f}", remedy)
        self._arming, self._where, self._loopback, self._reader = arming, where, loopback, read
        self._spending = Spending() if spending is None else spending
        self._session, self._clock = Total(), clock

    def admit(
        self, operation: Operation, fields: Fields | Sequence[Fields], *, unique_id: bool = False
    ) -> Admitted:
        """Check a write before it is sent, and count its value. Sign it with the time ``.signed``.

        ``unique_id``: its client ids were made at random for it alone. Raises GuardError if the
        write is not armed, is above a limit, or cannot be valued. Reading the order book or a price
        for it may raise RateLimitError or MissingKeyError.
        """
        name, batch = operation.name, not isinstance(fields, Mapping)
        if self._arming is None and self._loopback:
            return self._admitted(name, batch, unique_id)
        parts = cast(Sequence[Fields], fields if batch else [fields])
        arming = self._armed_for(name, parts)
        with localcontext(EXACT):
            valued = self._valued(name, parts, arming)
            with self._spending.lock:
                admitted = self._admitted(name, batch, unique_id, valued)
                self._check_sums(admitted, arming)
                self._spending.add(admitted)
        return admitted

    def give_back(self, admitted: Admitted | None) -> None:
        """Stop counting a write that was certainly not carried out (never sent, or refused)."""
        if admitted is not None and admitted.parts:
            self._spending.give_back(admitted)

    def answered(self, admitted: Admitted, answer: Any) -> None:
        """Count what the answer to a write shows. ``admitted.counts`` then has the result."""
        if admitted.parts:
            self._spending.answered(admitted, answer)

    def saw(self, name: str, answer: Any) -> None:
        """Count what the answer to any other call shows of orders that were sent before."""
        if self._arming is not None:
            self._spending.saw(name, answer)

    def found(self, attempt: str | None, gone: Sequence[bool]) -> Money:
        """What a write counts after it was searched for; None if it is not counted here.

        ``attempt``: the ``id`` of what ``admit`` returned. ``gone``: for each of its orders, is it
        certain that it never arrives?
        """
        return None if attempt is None else self._spending.found(attempt, gone)

    @property
    def spent(self) -> Decimal:
        """What counts against ``per_session`` so far, in USDC."""
        return self._session.value

    def _admitted(
        self, name: str, batch: bool, unique: bool, parts: Sequence[Part] = ()
    ) -> Admitted:
        signed = self._clock()
        return Admitted(
            secrets.token_hex(8), name, signed, moment(signed).date().isoformat(), batch, unique,
            [*parts], (self._session,),
        )  # fmt: skip

    def _armed_for(self, name: str, parts: Sequence[Fields]) -> Arming:
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
        lends = [flag for part in parts for flag in _LENDS if part.get(flag) not in (None, False)]
        for kind, what in [(write.kind, name), *(("account", f"{name}: {one}") for one in lends)]:
            if kind not in self._arming.kinds:
                raise GuardError(
                    f"{what} needs {kind}=True, and this client is armed for "
                    f"{' and '.join(self._arming.kinds)} only. Nothing was sent."
                )
        return self._arming

    def _valued(self, name: str, parts: Sequence[Fields], arming: Arming) -> list[Part]:
        """All parts with their values; each is within ``per_order``. Raises GuardError."""
        if arming.symbols is not None:
            for part in parts:  # all of them, before any is valued
                _check_symbol(name, part, arming.symbols)
        value_of = cast(Callable[[Valuation, Fields], Decimal], WRITES.get(name, _UNLISTED).value)
        valuation = Valuation(name, parts, self._reader)
        valued, per_order = [], cast(Decimal, arming.per_order)
        for place, part in enumerate(parts):
            if only_reduces(part):
                # Held to a limit, it would be refused just when it is needed: to get out.
                valued.append(Part(part, _ZERO, None, _ZERO))
                continue
            _check_fields(name, part, value_of)
            value = value_of(valuation, part)
            if value > per_order:
                which = f" orders[{place}]:" if len(parts) > 1 else ""
                raise GuardError(
                    f"{name}:{which} {value:f} USDC is above per_order={per_order:f} USDC. "
                    f"Nothing was sent.{_how_to_split(part, value, per_order)}"
                )
            rate = valuation.quote_price(part) if value_of is Valuation.order else None
            valued.append(Part(part, value, rate, value))
        return valued

    def _check_sums(self, admitted: Admitted, arming: Arming) -> None:
        day = self._spending.day(admitted.day)
        for total, name, cap, when in (
            (self._session, "per_session", arming.per_session, ""),
            (day, "per_day", arming.per_day, f" on {admitted.day} in UTC"),
        ):
            if isinstance(cap, Decimal) and total.value + admitted.value > cap:
                raise GuardError(
                    f"{admitted.name}: spent {total.value:f} of {name}={cap:f} USDC{when}; "
                    f"{admitted.value:f} more would exceed it, "
                    f"{max(_ZERO, cap - total.value):f} remain. Nothing was sent."
                )


def _how_to_split(fields: Fields, value: Decimal, cap: Decimal) -> str:
    """How to sell what is too large for one order, in parts of two digits; "" for other writes."""
    if fields.get("side") != "Ask":
        return ""
    name = "quantity" if "quantity" in fields else "quoteQuantity"
    if name not in fields:
        return ""
    whole = Decimal(str(fields[name]))
    size = Context(prec=2, rounding=ROUND_DOWN).create_decimal(Context(prec=60).divide(
        whole * cap, value))  # fmt: skip
    parts = whole // size + (1 if whole % size else 0)
    return (
        f" To sell it in parts, send {parts:f} orders with at most {name}={size:f} each (rounded "
        "down to the market's stepSize)."
    )


def _check_fields(name: str, fields: Fields, value_of: object) -> None:
    """Raise GuardError if ``bp.request`` was not given what a value is made from."""
    if value_of is Valuation.nothing:
        return
    symbol, side = fields.get("symbol"), fields.get("side")
    wrong = None if isinstance(symbol, str) else f"symbol={symbol!r:.80} is not text"
    if value_of is Valuation.order and side not in ("Bid", "Ask"):
        wrong = wrong or f"side={side!r:.80} is neither 'Bid' nor 'Ask'"
    if wrong:
        raise GuardError(
            f"{name} cannot be valued, so no limit can hold it: {wrong}. Nothing was sent."
        )


def _check_symbol(name: str, fields: Fields, symbols: Collection[str]) -> None:
    kind = WRITES.get(name, _UNLISTED).symbols
    symbol = fields.get("symbol") if kind == "own" else None
    if kind == "none" or (isinstance(symbol, str) and symbol in symbols):
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
