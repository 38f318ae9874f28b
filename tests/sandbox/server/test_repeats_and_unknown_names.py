"""What a signature does not protect from: the same request again, and names that mean nothing.

Nothing of this was seen on the exchange. The expected values are guesses, which PARITY.md lists.
"""

from __future__ import annotations

from helpers import Plain

from bpkit.operations import OPERATIONS
from bpkit.sandbox import Sandbox

ORDER = {
    "symbol": "SOL_USDC", "side": "Bid", "orderType": "Limit", "price": "150", "quantity": "1",
}  # fmt: skip


def test_the_same_request_counts_twice_in_its_window(plain: Plain) -> None:
    """Two orders from one signature: only the window protects from a repetition."""
    headers = plain.headers(OPERATIONS["execute_order"], ORDER)
    first, again = (
        plain.session.post(f"{plain.url}/api/v1/order", json=ORDER, headers=headers)
        for _ in range(2)
    )
    assert first.status_code == again.status_code == 200
    assert first.json()["id"] != again.json()["id"]
    assert len(plain.call("get_open_orders").json()) == 2
    assert plain.call("get_balances").json()["USDC"]["locked"] == "300"  # 2 * 150


def test_after_its_window_it_is_refused(sandbox: Sandbox, plain: Plain) -> None:
    headers = plain.headers(OPERATIONS["execute_order"], ORDER)
    first = plain.session.post(f"{plain.url}/api/v1/order", json=ORDER, headers=headers)
    with sandbox.fault("clock_skew", seconds=61):  # its window is 60 seconds
        again = plain.session.post(f"{plain.url}/api/v1/order", json=ORDER, headers=headers)
    assert (first.status_code, again.status_code) == (200, 400)
    assert again.json()["message"] == "Request has expired"
    assert len(plain.call("get_open_orders").json()) == 1


def test_a_name_that_the_operation_does_not_have_changes_nothing(plain: Plain) -> None:
    """In a query and in a body; also a name of another operation, and one with a wrong type."""
    usual = plain.call("get_fills", {"limit": 5})
    more = plain.call("get_fills", {"limit": 5, "nonsense": "1", "price": "x"})
    assert more.status_code == usual.status_code == 200 and more.json() == usual.json()
    assert plain.get("/api/v1/ping?nonsense=1").text == "pong"
    order = plain.call("execute_order", ORDER | {"nonsense": 1, "blockchain": "Solana"})
    assert order.status_code == 200
    assert not {"nonsense", "blockchain"} & order.json().keys()


def test_such_a_name_is_signed_like_every_other(plain: Plain) -> None:
    for name, fields in (("get_fills", {"limit": 5}), ("execute_order", ORDER)):
        refused = plain.call(name, fields | {"nonsense": "1"}, sign=fields)
        assert refused.json()["message"] == "Invalid signature"
    assert plain.call("get_open_orders").json() == []


def test_a_required_name_in_another_case_is_missing(plain: Plain) -> None:
    answer = plain.get("/api/v1/ticker?Symbol=SOL_USDC")
    assert answer.status_code == 400 and "parameter `symbol`" in answer.text
