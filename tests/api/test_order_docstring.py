"""The docstring of ``execute_order`` names every parameter, and what it says of triggers is so."""

from __future__ import annotations

from inspect import signature

from bpkit import Client
from bpkit.sandbox import Sandbox

PERP = "SOL_USDC_PERP"


def test_every_parameter_is_named() -> None:
    text = Client.execute_order.__doc__ or ""
    names = list(signature(Client.execute_order).parameters)[1:]
    assert len(names) == 27
    assert [name for name in names if f"``{name}``" not in text] == []


def test_what_waits_when_the_position_closes(sandbox: Sandbox) -> None:
    bp = Client(sandbox.url, sandbox.key)
    bp.execute_order(
        PERP, "Bid", "Market", quantity="1", take_profit_trigger_price="190",
        stop_loss_trigger_price="150",
    )  # fmt: skip
    below = {"trigger_price": "169", "trigger_quantity": "1"}
    stays = bp.execute_order(PERP, "Ask", "Market", **below)
    bp.execute_order(PERP, "Ask", "Market", **below, reduce_only=True)
    assert len(bp.get_open_orders(PERP)) == 4
    bp.execute_order(PERP, "Ask", "Market", quantity="1")  # by hand
    assert [order["id"] for order in bp.get_open_orders(PERP)] == [stays["id"]]
    ended = [row["expiryReason"] for row in bp.get_order_history(PERP)]
    assert ended.count("StopWithoutPosition") == 3
    sandbox.advance(days=1)
    assert bp.get_positions(PERP)[0]["netQuantity"] == "-1"  # it has opened a new one
