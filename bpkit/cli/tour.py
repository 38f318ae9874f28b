"""The three journeys in a terminal: a public query, a signed GET, a signed order. For
``python -m bpkit tour``."""

from __future__ import annotations

from .. import Client
from ..serialize import fields
from ..signing import text_to_sign


def tour() -> None:
    """Walk them against a sandbox of its own, and print what happens."""
    from ..sandbox import Sandbox

    with Sandbox() as sandbox, Client(sandbox.url, sandbox.key) as bp:
        print("An exchange of your own now runs on this machine. No money, no internet.\n")

        print("1. A public query: how many contracts are open on SOL?")
        _call('bp.get_open_interest("SOL_USDC_PERP")')
        print(f"   {bp.get_open_interest('SOL_USDC_PERP')[0]['openInterest']} SOL\n")

        print("2. A signed GET: where would a deposit go?")
        signed = text_to_sign(
            "depositAddressQuery", fields({"blockchain": "Solana"}), 1750000000000, 5000
        )
        print(f"   What is signed: {signed}")
        _call('bp.get_deposit_address("Solana")')
        print(f"   {bp.get_deposit_address('Solana')['address']}\n")

        print("3. A signed order: buy 1 SOL, for 170.50 USDC at most.")
        _call('bp.execute_order("SOL_USDC", "Bid", "Limit", price="170.50", quantity="1")')
        order = bp.execute_order("SOL_USDC", "Bid", "Limit", price="170.50", quantity="1")
        print(f"   status {order['status']}: it rests, {_best_ask(bp)} is the best offer")
        print(f"   locked for it: {bp.get_balances()['USDC']['locked']} USDC")
        _call("sandbox.advance(minutes=5)")
        sandbox.advance(minutes=5)
        (fill,) = bp.get_fills(order_id=order["id"])
        print(f"   filled: {fill['quantity']} SOL at {fill['price']}", end=", ")
        print(f"fee {fill['fee']} {fill['feeSymbol']}")
        print(f"   now in the account: {bp.get_balances()['SOL']['available']} SOL\n")

    print("Next: open notebooks/00_start_here.ipynb, where each step is taken by hand first.")


def _call(code: str) -> None:
    print(f"   >>> {code}")


def _best_ask(bp: Client) -> str:
    return str(bp.get_depth("SOL_USDC", 5)["asks"][0][0])
