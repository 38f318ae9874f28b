"""Show a public query, a signed GET and a signed order in the terminal (``bpkit tour``)."""

from __future__ import annotations

from .. import Client


def tour() -> None:
    """Make the three calls to a new sandbox, and print what happens."""
    from ..sandbox import Sandbox

    with Sandbox() as sandbox, Client(sandbox.url, sandbox.key) as bp:
        print("An exchange now runs on this machine. No money, no internet.\n")

        print("1. A public query: how many contracts are open on SOL?")
        _call('bp.get_open_interest("SOL_USDC_PERP")')
        print(f"   {bp.get_open_interest('SOL_USDC_PERP')[0]['openInterest']} SOL\n")

        print("2. A signed GET: where would a deposit go?")
        _call('bp.explain("get_deposit_address", "Solana").text')
        print(f"   {bp.explain('get_deposit_address', 'Solana').text}")
        _call('bp.get_deposit_address("Solana")')
        print(f"   {bp.get_deposit_address('Solana')['address']}\n")

        print("3. A signed order: buy 1 SOL, for 170.50 USDC at most.")
        _call('bp.execute_order("SOL_USDC", "Bid", "Limit", price="170.50", quantity="1")')
        order = bp.execute_order("SOL_USDC", "Bid", "Limit", price="170.50", quantity="1")
        print(f"   status {order['status']}: it waits in the book; the best ask is {_best_ask(bp)}")
        print(f"   locked for it: {bp.get_balances()['USDC']['locked']} USDC")
        _call("sandbox.advance(minutes=5)")
        sandbox.advance(minutes=5)
        (fill,) = bp.get_fills(order_id=order["id"])
        print(f"   filled: {fill['quantity']} SOL at {fill['price']}", end=", ")
        print(f"fee {fill['fee']} {fill['feeSymbol']}")
        print(f"   now in the account: {bp.get_balances()['SOL']['available']} SOL\n")

    print("Next: python -m bpkit operations lists everything that can be called.")


def _call(code: str) -> None:
    print(f"   >>> {code}")


def _best_ask(bp: Client) -> str:
    return str(bp.get_depth("SOL_USDC", 5)["asks"][0][0])
