"""A client with a journal: orders survive a crash, and limits hold over restarts."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers import DEMO_SECRET, Scripted

from bpkit import (
    ApiError,
    Arming,
    Client,
    GuardError,
    InputError,
    JournalError,
    Key,
    TransportError,
)
from bpkit.guard import journal as journals
from bpkit.sandbox import Sandbox

ARMING = Arming(orders=True, per_order="200", per_session="300", per_day="300")


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "orders.jsonl"
    for one in [*journals._OPEN.values()]:
        while one.users:
            one.close()


def events(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("ascii").splitlines()]


def names(path: Path) -> list[str]:
    return [one["event"] for one in events(path)]


def buy(bp: Client, price: str = "100.00", quantity: str = "1", **more: Any) -> Any:
    return bp.execute_order("SOL_USDC", "Bid", "Limit", price=price, quantity=quantity, **more)


def client(server: Sandbox | Scripted, path: Path, **options: Any) -> Client:
    return Client(server.url, Key(DEMO_SECRET), journal=path, **options)


def test_each_write_has_a_line_before_and_after_it(sandbox: Sandbox, path: Path) -> None:
    with client(sandbox, path, armed=ARMING) as bp:
        order = buy(bp)
        with pytest.raises(ApiError):
            buy(bp, price="17.00")
        bp.cancel_order("SOL_USDC", order_id=order["id"])
        bp.get_balances()
        assert bp.unanswered == [] and bp.spent == 0
        assert bp.journal is not None and bp.journal.path == str(path)
    _, sent, answered, *more = events(path)
    assert sent["sent"]["clientId"] == order["clientId"] and sent["worth"] == "100.00"
    assert (answered["id"], answered["orders"][0]["orderId"]) == (sent["id"], order["id"])
    assert [one["event"] for one in more] == [
        "sending", "refused", "sending", "answered", "counted", "closed",
    ]  # fmt: skip
    assert more[-2]["counts"] == "0" and more[-2]["seen_in"] == "cancel_order"
    text = path.read_text("ascii")
    assert DEMO_SECRET[:20] not in text and "X-Signature" not in text


CRASH = """
import os, sys
from bpkit import Client, Key
import bpkit.network.connection as connection
url, secret, path, when = sys.argv[1:]
bp = Client(url, Key(secret), journal=path)
send = connection.Connection.send
def crash(self, request, *rest):
    if request.method == "POST" and when == "before":
        os._exit(9)
    answer = send(self, request, *rest)
    if request.method == "POST":
        os._exit(9)
    return answer
connection.Connection.send = crash
bp.execute_order("SOL_USDC", "Bid", "Limit", price="100.00", quantity="1")
"""


@pytest.mark.parametrize("when, state", [("before", "not found"), ("after", "rested")])
def test_an_order_survives_a_crash(when: str, state: str, sandbox: Sandbox, path: Path) -> None:
    """The process ends before the first byte, or before it can note the answer."""
    done = subprocess.run(
        [sys.executable, "-c", CRASH, sandbox.url, DEMO_SECRET, str(path), when],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}, check=False,
    )  # fmt: skip
    assert done.returncode == 9 and names(path) == ["opened", "sending"]
    with client(sandbox, path) as bp:
        (lost,) = bp.unanswered
        assert lost.reason == "the process ended before an answer was noted" and lost.unique_id
        first = bp.reconcile(wait=False)
        assert isinstance(first, list)
        if state == "rested":
            assert [one.state for one in first] == ["rested"] and bp.unanswered == []
            assert events(path)[-1]["evidence"][0]["source"] == "get_open_orders"
            return
        # Its signature is valid for 5 seconds, so it may still arrive.
        assert [one.state for one in first] == ["unclear"] and len(bp.unanswered) == 1
        assert "resolved" not in names(path)
    signed = events(path)[1]["signed"]  # three minutes later:
    path.write_text(path.read_text("ascii").replace(str(signed), str(signed - 180_000)), "ascii")
    with client(sandbox, path) as bp:
        (found,) = bp.reconcile()  # type: ignore[misc]
        assert found.state == "not found" and bp.unanswered == []
    assert names(path).count("resolved") == 1


def test_limits_hold_over_restarts(sandbox: Sandbox, path: Path) -> None:
    with client(sandbox, path, armed=ARMING) as bp:
        order = buy(bp, "100.00", "2")
    with client(sandbox, path, armed=ARMING) as bp:
        with pytest.raises(GuardError, match="spent 200.000* of per_day=300 USDC on .* in UTC"):
            buy(bp, "150.00")
        bp.cancel_order("SOL_USDC", order_id=order["id"])
        buy(bp, "150.00")
        assert bp.spent == 150


def test_four_rounds_of_place_and_cancel_leave_the_limits_untouched(sandbox: Sandbox) -> None:
    arming = Arming(orders=True, per_order="15", per_session="60")
    with Client(sandbox.url, sandbox.key, armed=arming) as bp:
        for _ in range(4):
            order = buy(bp, "150.00", "0.1")
            bp.cancel_order("SOL_USDC", order_id=order["id"])
        assert bp.spent == 0


def test_a_grid_that_fills_nothing_costs_nothing_after_its_cancel(sandbox: Sandbox) -> None:
    arming = Arming(orders=True, per_order="100", per_session="850")
    one = {"symbol": "SOL_USDC", "side": "Bid", "orderType": "Limit", "quantity": "0.5"}
    with Client(sandbox.url, sandbox.key, armed=arming) as bp:
        bp.execute_order_batch([one | {"price": "170.00"}] * 10)
        assert bp.spent == 850
        bp.cancel_open_orders("SOL_USDC")
        if bp.spent:  # an exchange may answer 202, and cancel a moment later
            bp.get_order_history("SOL_USDC")
        assert bp.spent == 0


def test_a_lost_answer_is_noted_with_what_came_instead(scripted: Scripted, path: Path) -> None:
    scripted.says(502, "<html>bad gateway", "text/html")
    with client(scripted, path) as bp:
        with pytest.raises(TransportError) as caught:
            buy(bp)
        assert [one.attempt for one in bp.unanswered] == [caught.value.attempt]
        scripted.answers.clear()
        scripted.says(200, "not an order")
        with pytest.raises(TransportError):
            buy(bp)
        assert len(bp.unanswered) == 2
    unknown = [one for one in events(path) if one["event"] == "unknown"]
    assert [(one["status"], one["content_type"], one["first"]) for one in unknown] == [
        (502, "text/html", "<html>bad gateway"), (200, "application/json", "not an order"),
    ]  # fmt: skip


def test_a_number_where_text_is_documented_is_noted_as_text(scripted: Scripted, path: Path) -> None:
    row = '{"id":"1","status":"New","executedQuantity":0.50,"executedQuoteQuantity":5E+1}'
    scripted.says(200, row)
    with client(scripted, path, armed=ARMING) as bp:
        assert buy(bp)["status"] == "New" and bp.unanswered == [] and bp.spent == 100
    (order,) = events(path)[2]["orders"]
    assert (order["executedQuantity"], order["executedQuoteQuantity"]) == ("0.50", "5E+1")


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit, ZeroDivisionError])
def test_a_stop_while_an_answer_is_noted_leaves_the_order_in_doubt(
    stop: type[BaseException], scripted: Scripted, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stops(*args: Any) -> None:
        raise stop

    scripted.says(200, '{"id":"1","status":"New"}')
    with client(scripted, path, armed=ARMING) as bp:
        monkeypatch.setattr(bp._transport.guard, "answered", stops)
        with pytest.raises(stop if stop is not ZeroDivisionError else TransportError):
            buy(bp)
        assert len(bp.unanswered) == 1 and bp.spent == 100
    assert "unknown" in names(path)


def test_what_was_not_sent_is_noted(path: Path) -> None:
    sandbox = Sandbox()
    bp = client(sandbox, path, armed=ARMING)
    sandbox.stop()
    with pytest.raises(TransportError, match="Nothing was sent"):
        buy(bp)
    assert names(path) == ["opened", "sending", "not_sent"] and bp.spent == 0
    assert bp.unanswered == []


def test_a_full_disk_sends_nothing(
    sandbox: Sandbox, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with client(sandbox, path, armed=ARMING) as bp:
        with monkeypatch.context() as patch:

            def full(handle: int) -> None:
                raise OSError(errno.ENOSPC, "No space left on device")

            patch.setattr("bpkit.guard.journal_file.sync_file", full)
            with pytest.raises(JournalError, match="No space left on device. Nothing was sent"):
                buy(bp)
        assert bp.spent == 0 and bp.get_open_orders() == []


def test_a_disk_that_sleeps_sends_nothing(
    sandbox: Sandbox, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with client(sandbox, path, armed=ARMING) as bp:
        now = [bp._transport._clock()]
        monkeypatch.setattr(bp._transport, "_clock", lambda: now[0])

        def slow(handle: int) -> None:
            now[0] += 2600  # milliseconds; the window is 5000

        monkeypatch.setattr("bpkit.guard.journal_file.sync_file", slow)
        with pytest.raises(JournalError, match="the disk took 2600 of the 5000 milliseconds"):
            buy(bp)
        assert names(path) == ["opened", "sending", "not_sent"] and bp.spent == 0
        assert bp.get_open_orders() == [] and events(path)[-1]["stage"] == "disk"


def test_client_ids_of_the_journal_are_not_drawn_again(
    sandbox: Sandbox, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = iter([4, 4, 4, 6])
    monkeypatch.setattr("bpkit.client.secrets.randbelow", lambda most: next(drawn))
    with client(sandbox, path) as bp:
        assert [buy(bp)["clientId"] for _ in range(2)] == [5, 7]


def test_a_withdrawal_is_noted_without_its_second_factor(scripted: Scripted, path: Path) -> None:
    scripted.cuts()
    with client(scripted, path) as bp, pytest.raises(TransportError):
        bp.request_withdrawal(
            address="me", blockchain="Solana", symbol="USDC", quantity="1",
            two_factor_token="987654",
        )  # fmt: skip
    assert "987654" not in path.read_text("ascii") and "(hidden)" in path.read_text("ascii")


def test_a_key_in_a_field_sends_nothing(sandbox: Sandbox, path: Path) -> None:
    with client(sandbox, path) as bp, pytest.raises(JournalError, match="contains the secret"):
        bp.request("POST", "/api/v1/new", {"memo": DEMO_SECRET}, instruction="new")
    assert DEMO_SECRET not in path.read_text("ascii")


def test_what_cannot_be_found_is_unclear_and_closed_by_hand(scripted: Scripted, path: Path) -> None:
    scripted.cuts()
    with client(scripted, path) as bp:
        with pytest.raises(TransportError):
            bp.convert_dust()
        (found,) = bp.reconcile()  # type: ignore[misc]
        assert found.state == "unclear" and "get_dust_history" in found.explanation
        assert bp.journal is not None
        bp.journal.resolved(str(bp.unanswered[0].attempt), ["looked up by hand"])
        assert bp.unanswered == []


def test_nothing_to_reconcile_is_an_empty_list(sandbox: Sandbox, path: Path) -> None:
    with client(sandbox, path) as bp:
        buy(bp)
        assert bp.reconcile() == []


def test_a_journal_needs_a_key_and_a_day_needs_a_journal(sandbox: Sandbox, path: Path) -> None:
    with pytest.raises(InputError, match="journal=.*: needs a key"):
        Client(sandbox.url, journal=path)
    with pytest.raises(InputError, match="per_day='300': needs a journal"):
        Client(sandbox.url, sandbox.key, armed=ARMING)
    assert Client(sandbox.url, sandbox.key).journal is None


def test_a_client_that_was_not_made_leaves_the_journal_closed(sandbox: Sandbox, path: Path) -> None:
    with pytest.raises(InputError, match="is not an Arming"):
        Client(sandbox.url, sandbox.key, journal=path, armed="orders")  # type: ignore[arg-type]
    assert journals._OPEN == {}


@pytest.mark.skipif(os.name != "posix", reason="elsewhere an open file cannot be deleted")
def test_a_journal_that_was_deleted_sends_nothing(sandbox: Sandbox, path: Path) -> None:
    with client(sandbox, path, armed=ARMING) as bp:
        path.unlink()
        with pytest.raises(JournalError, match="was deleted while it was open.*Nothing was sent"):
            buy(bp)
        assert bp.spent == 0 and bp.get_open_orders() == []


def test_closing_twice_is_closing_once(sandbox: Sandbox, path: Path) -> None:
    one, other = client(sandbox, path), client(sandbox, path)
    one.close()
    one.close()
    buy(other)
    with pytest.raises(JournalError, match="is closed" if other.close() is None else "never"):
        buy(other)


def test_the_journal_of_another_sandbox_says_what_to_do(tmp_path: Path) -> None:
    journal = tmp_path / "orders.jsonl"
    with Sandbox() as first:
        Client(first.url, first.key, journal=journal).close()
    with Sandbox() as second, pytest.raises(JournalError, match="a new sandbox needs a new file"):
        Client(second.url, second.key, journal=journal)
