"""What the owner of a sandbox gives it: amounts, keys; and the price feeds of its markets."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from decimal import Decimal, InvalidOperation

from ..signing import Key
from .simulation.market import Market
from .simulation.price_feed import PriceFeed

MOST, DECIMALS = 10**12, 18  # of an asset, when an account is opened or a deposit arrives


def amounts_of(funds: Mapping[str, str], assets: Collection[str]) -> dict[str, Decimal]:
    """Asset -> amount, in units of the asset. ValueError: an unknown asset, or not an amount."""
    if not isinstance(funds, Mapping):
        raise ValueError(f'funds={funds!r} is not a mapping; write {{"USDC": "500"}}')
    amounts = {}
    for asset, text in funds.items():
        if asset not in assets:
            raise ValueError(
                f"{asset!r} is not an asset here; there are {', '.join(sorted(assets))}"
            )
        try:
            amounts[asset] = (
                Decimal(text) if isinstance(text, str | int | Decimal) else Decimal("NaN")
            )
        except InvalidOperation:
            amounts[asset] = Decimal("NaN")
        if not amounts[asset].is_finite() or not 0 <= amounts[asset] <= MOST:
            raise ValueError(
                f'{asset}={text!r} is not an amount from 0 to {MOST:,}; write text: "500"'
            )
        if _is_too_fine(amounts[asset]):
            raise ValueError(f"{asset}={text!r} has more than {DECIMALS} decimals")
    return amounts


def _is_too_fine(amount: Decimal) -> bool:
    """Has it more than DECIMALS decimals? Its digits are counted: arithmetic would round them."""
    _, digits, exponent = amount.as_tuple()
    surplus = -DECIMALS - int(exponent)
    return surplus > 0 and any(digits[-surplus:])


def feeds(markets: list[Market], seed: str) -> Callable[[str], PriceFeed]:
    """symbol -> its price feed, made when it is first needed, so that a start is fast.

    The index of a perp needs a spot market. It has one even if none is listed.
    """
    by_symbol = {one.symbol: one for one in markets}
    for one in markets:
        by_symbol.setdefault(one.spot_symbol, one.as_spot())

    def feed(symbol: str) -> PriceFeed:
        one = by_symbol[symbol]
        return PriceFeed(one, seed, by_symbol[one.spot_symbol] if one.kind == "PERP" else None)

    return feed


def checked_key(key: object) -> Key:
    """The key. ValueError: it is not a Key."""
    if not isinstance(key, Key):  # it may be a secret, so it is not repeated
        raise ValueError("key is not a Key; pass sandbox.key, or Key.generate()")
    return key
