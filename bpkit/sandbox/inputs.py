"""What the owner of a sandbox gives it: options, amounts, keys; the price feeds of its markets; and
what is wrong with a signature."""

from __future__ import annotations

import ipaddress
import os
import re
import secrets
from base64 import b64encode
from collections.abc import Callable, Collection, Mapping
from decimal import Decimal, InvalidOperation

from ..doctor import diagnose
from ..signing import SANDBOX_TAG, Key
from .core.conflicts import Conflicts
from .simulation.market import Market
from .simulation.price_feed import PriceFeed

TOKEN = "BPKIT_SANDBOX_TOKEN"  # the variable of the environment
_NAME = r"[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?|\[[0-9A-Fa-f:.]+\]"
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


def new_key(secret: str | None) -> tuple[str, str]:
    """Public key and secret, base64: of a new key, or of this secret. ValueError: it is bad."""
    if secret is None:
        random = os.urandom(32 - len(SANDBOX_TAG))
        secret = b64encode(SANDBOX_TAG + random).decode()
    try:
        return Key(secret).public_key, secret
    except ValueError as error:
        said, secret = " ".join(str(error).split()), ""  # a traceback may show this frame
    raise ValueError(said)


def checked_token(given: object, loopback: bool) -> str:
    """The token for control calls: ``given``, that of the environment, or a random one.

    ValueError: it cannot be sent in a header, is easy to guess, or is missing where other machines
    reach the sandbox.
    """
    token = os.environ.get(TOKEN) or None if given is None else given
    if token is None and loopback:
        return secrets.token_urlsafe(24)
    if token is None:
        raise ValueError(
            "other machines could steer this sandbox: give it a token of 8 letters or more with "
            f"--token or token=, or set {TOKEN}"
        )
    if not isinstance(token, str) or not re.fullmatch("[!-~]{8,}", token):  # it is not repeated
        raise ValueError("the token is not text of 8 or more letters, digits or signs, in ASCII")
    return token


def checked_host(host: object) -> tuple[str, bool]:
    """The address to listen at, and whether only this machine reaches it. ValueError."""
    try:
        address = ipaddress.ip_address(host) if isinstance(host, str) else None
    except ValueError:
        address = None
    if address is None:
        raise ValueError(f'host={host!r} is not an address; write "127.0.0.1" or "0.0.0.0"')
    return str(address), address.is_loopback


def checked_names(host: str, names: object) -> list[str]:
    """The names of this machine that a request may have in its Host header. ValueError."""
    if isinstance(names, str) or not isinstance(names, Collection):
        raise ValueError(f'names={names!r} is not a list; write ["sandbox"]')
    for name in names:
        if not isinstance(name, str) or not re.fullmatch(_NAME, name):
            raise ValueError(f"{name!r} is not the name of a machine; write it without a port")
    return [*names, f"[{host}]" if ":" in host else host]


def checked_key(key: object) -> Key:
    """The key. ValueError: it is not a Key."""
    if not isinstance(key, Key):  # it may be a secret, so it is not repeated
        raise ValueError("key is not a Key; pass sandbox.key, or Key.generate()")
    return key


def finding(
    accepted: Collection[str],
    method: str,
    path: str,
    query: str,
    headers: Mapping[str, str],
    body: bytes,
    now_ms: int,
) -> str | None:
    """What is wrong with a request whose signature was refused.

    ``accepted``: signatures that were good before.
    """
    url = f"{path}?{query}" if query else path
    if method == "SUBSCRIBE":
        url = f"ws://sandbox{path}"
    signature = headers.get("x-signature", "")
    earlier = [signature] if signature in accepted else []
    found = diagnose(
        method=method, url=url, headers=headers, body=body, now=now_ms, earlier=earlier
    )
    return None if found.cause == "none" else str(found)


def check_options(seed: object, follow_clock: object, conflicts: object) -> None:
    """ValueError: one of them has another type."""
    if not isinstance(seed, str):
        raise ValueError(f'seed={seed!r} is not text; write seed="7"')
    if not isinstance(follow_clock, bool):
        raise ValueError(f"follow_clock={follow_clock!r} is not True or False")
    if conflicts is not None and not isinstance(conflicts, Conflicts):
        raise ValueError(
            f"conflicts={conflicts!r} is not a Conflicts; write Conflicts(auth_status=401)"
        )
