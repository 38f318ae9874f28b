"""The events of the private streams, and their order, on the small markets."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from test_exchange import Floor
from test_positions import HOUR, NOW, PERP, SECOND, Pit

from bpkit.sandbox.core.exchange import Exchange, Refusal
from bpkit.sandbox.core.stream_frames import EMISSION_US
from bpkit.sandbox.core.transfers import Transfers
from bpkit.sandbox.undo import all_or_nothing

ORDERS, POSITIONS = "account.orderUpdate", "account.positionUpdate"
BALANCES = "account.balanceUpdate"
SPOT = "SOL_USDC"


def listen(exchange: Exchange, *keys: str, streams: tuple[str, ...] = ()) -> None:
    private = [(one, key) for one in (ORDERS, BALANCES, POSITIONS) for key in keys]
    exchange.outbox.wanted = {*private, *((stream, None) for stream in streams)}


@pytest.fixture
def floor() -> Floor:
    made = Floor()
    listen(made.exchange, "ann")
    return made


@pytest.fixture
def pit() -> Pit:
    made = Pit()
    made.perp.bids, made.perp.asks = [(9990, 10_000)], [(10010, 10_000)]
    listen(made.exchange, "ann")
    return made


def sent(exchange: Exchange, account: str = "ann") -> list[dict[str, Any]]:
    return [frame.data for frame in exchange.outbox.take() if frame.account == account]


def short(exchange: Exchange, account: str = "ann") -> list[str]:
    """Each frame in a few words: what it is, and the numbers that matter."""
    return [_short(data) for data in sent(exchange, account)]


def _short(data: dict[str, Any]) -> str:
    if data["e"] == "balanceUpdate":
        return f"{data['a']} {data['A']} {data['L']}"
    if data["e"].startswith("position"):
        return f"{data['e']} {data['q']} {data['p']}"
    return " ".join(str(data[name]) for name in ("e", "X", "z", "l", "L", "R") if name in data)


# --- the life of an order -------------------------------------------------------------------------


def test_a_limit_order_rests_and_is_cancelled(floor: Floor) -> None:
    answer = floor.order(floor.ann, "Bid", price="99.50", quantity="2", clientId=5)
    accepted, balance = sent(floor.exchange)
    assert accepted == {
        "E": floor.exchange.now_us + EMISSION_US, "O": "USER", "Q": "199.0000", "S": "Bid",
        "T": floor.exchange.now_us, "V": "RejectTaker", "X": "New", "Z": "0", "c": 5,
        "e": "orderAccepted", "f": "GTC", "i": answer["id"], "o": "LIMIT", "p": "99.50",
        "q": "2.00", "r": False, "s": SPOT, "t": None, "y": False, "z": "0",
    }  # fmt: skip
    assert balance == {
        "A": "801", "E": floor.exchange.now_us + EMISSION_US, "L": "199", "S": "0",
        "T": floor.exchange.now_us, "a": "USDC", "e": "balanceUpdate",
    }  # fmt: skip
    floor.exchange.cancel(floor.ann, SPOT, answer["id"])
    assert short(floor.exchange) == ["orderCancelled Cancelled 0", "USDC 1000 0"]


def test_a_loan_sends_the_balance_that_it_changes(pit: Pit) -> None:
    """Ann has 1000 USDC and 10 SOL. 12 SOL sold at 99.99 bring 1199.88 less a thousandth."""
    lending = pit.exchange.lending
    lending.execute(pit.ann, "USDC", "Lend", Decimal(100))
    assert short(pit.exchange) == ["USDC 900 0"]
    lending.execute(pit.ann, "USDC", "Borrow", Decimal(40))
    assert short(pit.exchange) == ["USDC 940 0"]
    pit.order(pit.ann, "Ask", symbol=SPOT, quantity="12", autoBorrow=True, autoLend=True)
    accepted, filled, *balances = short(pit.exchange)
    assert accepted.startswith("orderAccepted") and filled.startswith("orderFill")
    assert balances == ["SOL 0 0"]  # 2 were borrowed; the USDC are lent at once
    assert lending.pools["USDC"].lent == Decimal("1258.68012")  # 60 + 1199.88 * 0.999


def test_an_order_is_filled_in_two_trades(floor: Floor) -> None:
    """With running totals; the balances of both assets after each, in alphabetical order."""
    floor.order(floor.ann, "Bid", quantity="7")
    frames = sent(floor.exchange)
    assert [_short(one) for one in frames] == [
        "orderAccepted New 0",
        "orderFill PartiallyFilled 5.00 5.00 100.01",
        "SOL 14.995 0",
        "USDC 499.95 0",
        "orderFill Filled 7.00 2.00 100.02",
        "SOL 16.993 0",
        "USDC 299.91 0",
    ]
    fills = [one for one in frames if one["e"] == "orderFill"]
    assert [one["Z"] for one in fills] == ["500.0500", "700.0900"]
    assert {one["Q"] for one in frames if "X" in one} == {"700.09"}
    assert [(one["t"], one["m"], one["n"], one["N"]) for one in fills] == [
        (1, False, "0.005", "SOL"), (2, False, "0.002", "SOL"),
    ]  # fmt: skip


def test_the_rest_of_a_marketable_limit_order_waits(floor: Floor) -> None:
    floor.order(floor.ann, "Bid", price="100.01", quantity="6")
    assert short(floor.exchange) == [
        "orderAccepted New 0",
        "USDC 399.94 600.06",
        "orderFill PartiallyFilled 5.00 5.00 100.01",
        "SOL 14.995 0",
        "USDC 399.94 100.01",
    ]


def test_a_resting_order_is_filled_by_others(floor: Floor) -> None:
    floor.order(floor.ann, "Bid", price="100", quantity="1")
    sent(floor.exchange)
    floor.order(floor.bob, "Ask", quantity="0.4")
    floor.feed.print(3, 10000, 60, sold=True)
    floor.advance(5)
    frames = sent(floor.exchange)
    assert [_short(one) for one in frames] == [
        "orderFill PartiallyFilled 0.40 0.40 100.00",
        "SOL 10.39968 0",
        "USDC 900 60",
        "orderFill Filled 1.00 0.60 100.00",
        "SOL 10.9992 0",
        "USDC 900 0",
    ]
    start = floor.exchange.now_us - 5 * SECOND
    assert [one["T"] - start for one in frames] == [0, 0, 0, 3 * SECOND, 3 * SECOND, 3 * SECOND]
    assert all(one["E"] == one["T"] + EMISSION_US for one in frames)


@pytest.mark.parametrize(
    ("fields", "fills", "reason"),
    [
        ({"price": "100.01", "timeInForce": "IOC"}, 1, "IMMEDIATE_OR_CANCEL"),
        ({"price": "100.01", "timeInForce": "FOK"}, 0, "FILL_OR_KILL"),
        ({"price": "104"}, 0, "PRICE_BAND"),
        ({}, 2, "INSUFFICIENT_LIQUIDITY"),
        (
            {"slippageTolerance": "0", "slippageToleranceType": "TickSize"},
            1,
            "SLIPPAGE_TOLERANCE_EXCEEDED",
        ),
    ],
)
def test_an_order_expires(floor: Floor, fields: dict[str, Any], fills: int, reason: str) -> None:
    """It is accepted first, and keeps what it was filled; the lock of a limit order ends."""
    floor.exchange.open_account("rich", {"USDC": Decimal(10) ** 6})
    listen(floor.exchange, "rich")
    floor.order(floor.exchange.accounts["rich"], "Bid", quantity="20", **fields)
    frames = sent(floor.exchange, "rich")
    orders = [one for one in frames if "X" in one]
    assert [one["e"] for one in orders] == ["orderAccepted", *["orderFill"] * fills, "orderExpired"]
    assert (orders[-1]["X"], orders[-1]["R"], orders[-1]["t"]) == ("Expired", reason, None)
    assert ("l" in orders[-1], "n" in orders[-1]) == (False, False)
    assert orders[-1]["z"] == (orders[-2]["z"] if fills else "0")
    if "price" in fields:
        assert frames[-1]["L"] == "0" and frames[-1]["a"] == "USDC"


def test_self_trade_prevention_expires_the_maker(floor: Floor) -> None:
    floor.order(floor.ann, "Ask", price="100", quantity="1")
    sent(floor.exchange)
    floor.order(floor.ann, "Bid", price="100", quantity="1", selfTradePrevention="RejectMaker")
    assert short(floor.exchange) == [
        "orderAccepted New 0",
        "USDC 900 100",
        "orderExpired Expired 0 SELF_TRADE_PREVENTION",
        "SOL 10 0",
    ]


def test_a_refused_order_sends_no_event(floor: Floor) -> None:
    with pytest.raises(Refusal):
        floor.order(floor.ann, "Bid", price="99", quantity="1000")
    assert sent(floor.exchange) == []


def test_a_command_that_fails_sends_no_event(floor: Floor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Events before the failure are taken back. Later changes are complete."""
    monkeypatch.setattr(floor.feed, "record", None)
    with pytest.raises(TypeError), all_or_nothing():
        floor.order(floor.ann, "Bid", price="100.01", quantity="1")
    assert sent(floor.exchange) == []
    monkeypatch.undo()
    floor.order(floor.ann, "Bid", price="99", quantity="1")
    assert short(floor.exchange) == ["orderAccepted New 0", "USDC 901 99"]


def test_the_stream_of_one_market_is_another_stream(floor: Floor) -> None:
    floor.exchange.outbox.wanted = {(f"{ORDERS}.{SPOT}", "ann"), (f"{ORDERS}.{PERP}", "ann")}
    floor.order(floor.ann, "Bid", price="99", quantity="1")
    frames = floor.exchange.outbox.take()
    assert [(one.stream, one.account) for one in frames] == [(f"{ORDERS}.{SPOT}", "ann")]
    listen(floor.exchange, "ann")
    floor.exchange.outbox.wanted = {*floor.exchange.outbox.wanted, (f"{ORDERS}.{SPOT}", "ann")}
    floor.order(floor.ann, "Bid", price="99", quantity="1")
    both = [one for one in floor.exchange.outbox.take() if one.stream.startswith(ORDERS)]
    assert [one.stream for one in both] == [ORDERS, f"{ORDERS}.{SPOT}"]
    assert both[0].data == both[1].data


def test_nobody_gets_the_events_of_another_account(floor: Floor) -> None:
    floor.order(floor.bob, "Bid", quantity="1")
    assert floor.exchange.outbox.take() == []


def test_what_changed_before_the_subscription_is_not_sent(floor: Floor) -> None:
    floor.exchange.outbox.wanted = ()
    floor.order(floor.ann, "Ask", price="110", quantity="1")
    listen(floor.exchange, "ann")
    floor.order(floor.ann, "Bid", price="99", quantity="1")
    assert short(floor.exchange) == ["orderAccepted New 0", "USDC 901 99"]


# --- conditional orders ---------------------------------------------------------------------------


def test_a_trigger_fires(pit: Pit) -> None:
    """The new order names its parent, which sends no event."""
    stop = pit.order(
        pit.ann, "Ask", symbol=SPOT, price="96.5", triggerPrice="97", triggerQuantity="2"
    )
    (placed,) = sent(pit.exchange)
    assert (placed["e"], placed["X"], placed["P"], placed["Y"]) == (
        "triggerPlaced", "TriggerPending", "97.00", "2",
    )  # fmt: skip
    pit.spot.bids = [(9690, 10_000)]
    pit.spot.print(7, 9700)
    pit.advance(10)
    frames = sent(pit.exchange)
    assert [_short(one) for one in frames] == [
        "orderAccepted New 0",
        "SOL 8 2",
        "orderFill Filled 2.00 2.00 96.90",
        "SOL 8 0",
        "USDC 1193.6062 0",
    ]
    assert all(one["I"] == stop["id"] != one["i"] for one in frames if "X" in one)
    assert {one["T"] for one in frames} == {NOW + 7 * SECOND}


def test_a_trigger_fails(pit: Pit) -> None:
    pit.order(pit.bob, "Ask", symbol=SPOT, triggerPrice="97", triggerQuantity="2")
    listen(pit.exchange, "bob")
    pit.spot.print(7, 9700)
    pit.advance(10)
    (failed,) = sent(pit.exchange, "bob")
    assert (failed["e"], failed["X"], failed["R"]) == (
        "triggerFailed", "TriggerFailed", "INSUFFICIENT_FUNDS",
    )  # fmt: skip


def test_exits_are_placed_and_name_their_entry(pit: Pit) -> None:
    entry = pit.order(
        pit.ann, "Bid", quantity="1", takeProfitTriggerPrice="110", takeProfitLimitPrice="109",
        stopLossTriggerPrice="90", stopLossTriggerBy="MarkPrice",
    )  # fmt: skip
    orders = [one for one in sent(pit.exchange) if "X" in one]
    assert [one["e"] for one in orders] == [
        "orderAccepted", "orderFill", "triggerPlaced", "triggerPlaced",
    ]  # fmt: skip
    assert {letter: orders[0].get(letter) for letter in "abjkdg"} == {
        "a": "110.00", "b": "90.00", "j": "109.00", "k": None, "d": None, "g": "MarkPrice",
    }  # fmt: skip
    profit, loss = orders[2:]
    assert (profit["I"], profit["P"], profit["Y"], profit["p"], profit["r"], profit["o"]) == (
        entry["id"], "110.00", "1", "109.00", True, "LIMIT",
    )  # fmt: skip
    assert (loss["P"], loss["B"], loss["o"], "p" in loss) == ("90.00", "MarkPrice", "MARKET", False)


# --- positions ------------------------------------------------------------------------------------


def test_the_life_of_a_position(pit: Pit) -> None:
    pit.order(pit.ann, "Bid", quantity="2")
    pit.order(pit.ann, "Ask", quantity="1")
    pit.order(pit.ann, "Ask", quantity="3")
    assert short(pit.exchange) == [
        "orderAccepted New 0",
        "orderFill Filled 2.00 2.00 100.10",
        "USDC 999.8999 0",
        "positionOpened 2.00 0",
        "orderAccepted New 0",
        "orderFill Filled 1.00 1.00 99.90",
        "USDC 999.64995 0",
        "positionAdjusted 1.00 -0.2",
        "orderAccepted New 0",
        "orderFill Filled 3.00 3.00 99.90",
        "USDC 999.3001 0",
        "positionClosed 0.00 -0.4",
        "positionOpened -2.00 0",
    ]


def test_a_position_is_whole(pit: Pit) -> None:
    """Against REST: the numbers of both are the same."""
    pit.order(pit.ann, "Bid", price="95", quantity="3")
    pit.order(pit.ann, "Bid", quantity="2")
    frame, row = sent(pit.exchange)[-1], pit.position(pit.ann)
    names = {
        "B": "entryPrice", "M": "markPrice", "P": "pnlUnrealized", "b": "breakEvenPrice",
        "f": "imf", "m": "mmf", "n": "netExposureNotional", "p": "pnlRealized", "s": "symbol",
    }  # fmt: skip
    assert {letter: frame[letter] for letter in names} == {
        letter: row[name] for letter, name in names.items()
    }
    assert (frame["q"], frame["Q"], frame["i"]) == ("2.00", "5.00", int(row["positionId"]))
    assert (row["netQuantity"], row["netExposureQuantity"]) == ("2", "5")


def test_a_snapshot_has_no_event(pit: Pit) -> None:
    assert pit.exchange.position_snapshots(pit.ann) == []
    pit.order(pit.ann, "Bid", quantity="2")
    frame = sent(pit.exchange)[-1]
    (state,) = pit.exchange.position_snapshots(pit.ann)
    assert state == {letter: value for letter, value in frame.items() if letter != "e"}
    assert pit.exchange.position_snapshots(pit.ann, PERP) == [state]
    assert pit.exchange.position_snapshots(pit.ann, "BTC_USDC_PERP") == []


def test_funding_and_realised_profit_are_sent(pit: Pit) -> None:
    pit.order(pit.ann, "Bid", quantity="2")
    sent(pit.exchange)
    pit.perp.print(5, 10100)
    pit.advance(10)
    assert short(pit.exchange) == ["USDC 1001.6999 0", "positionAdjusted 2.00 1.8"]
    pit.advance(HOUR // 2 // SECOND)
    frames = sent(pit.exchange)
    assert [_short(one) for one in frames] == ["USDC 1001.697375 0", "positionAdjusted 2.00 1.8"]
    assert {one["T"] for one in frames} == {NOW + HOUR // 2}


def test_a_profit_of_zero_is_not_sent(pit: Pit) -> None:
    pit.order(pit.ann, "Bid", quantity="2")
    pit.advance(10)
    sent(pit.exchange)
    pit.advance(20)
    assert sent(pit.exchange) == []


# --- liquidations, conversions, transfers ---------------------------------------------------------


def test_a_liquidation(pit: Pit) -> None:
    """The orders end, then the exchange's own order closes the position, and its fee is taken."""
    poor = pit.exchange.open_account("poor", {"USDC": Decimal(30)})
    poor.leverage_limit = Decimal(50)
    pit.deal(poor, "Bid", "100", "10")
    pit.order(poor, "Ask", price="130", quantity="1")
    listen(pit.exchange, "poor", streams=("liquidation", f"liquidation.{PERP}"))
    pit.perp.bids = [(9800, 10_000)]
    pit.perp.print(5, 9810)
    pit.advance(6)
    frames = pit.exchange.outbox.take()
    private = [one.data for one in frames if one.account]
    assert [_short(one) for one in private if "X" in one] == [
        "orderExpired Expired 0 LIQUIDATION",
        "orderAccepted New 0",
        "orderFill Filled 10.00 10.00 98.00",
    ]
    assert [one["O"] for one in private if "X" in one] == ["USER", *["LIQUIDATION_AUTOCLOSE"] * 2]
    assert _short(private[-2]) == "positionClosed 0.00 -20"
    assert private[-1]["e"] == "balanceUpdate"  # the fee of the liquidation
    assert private[-1]["A"] == pit.usdc(poor) == "0"
    public = [one for one in frames if not one.account]
    assert [one.stream for one in public] == ["liquidation", f"liquidation.{PERP}"]
    assert public[0].data == public[1].data == {
        "E": NOW + 5 * SECOND + EMISSION_US, "S": "Ask", "T": NOW + 5 * SECOND, "e": "liquidation",
        "p": "98.00", "q": "10.00", "s": PERP,
    }  # fmt: skip


def test_collateral_is_converted(pit: Pit) -> None:
    """A debt ends the spot orders, then sells SOL; the fill that made it follows."""
    pit.order(pit.ann, "Ask", symbol=SPOT, price="150", quantity="1")
    pit.deal(pit.ann, "Bid", "100", "15")
    pit.ann.balances.spend("USDC", pit.ann.balances.available("USDC"))
    pit.ann.balances.changes()
    sent(pit.exchange)
    pit.deal(pit.ann, "Ask", "90", "1")
    frames = [one for one in sent(pit.exchange) if "X" in one]
    assert [(one["e"], one["O"], one["s"]) for one in frames] == [
        ("orderAccepted", "USER", PERP),
        ("orderExpired", "USER", SPOT),
        ("orderAccepted", "COLLATERAL_CONVERSION", SPOT),
        ("orderFill", "COLLATERAL_CONVERSION", SPOT),
        ("orderFill", "USER", PERP),
    ]
    assert frames[1]["R"] == "INSUFFICIENT_FUNDS"


def test_deposits_and_withdrawals_are_sent(floor: Floor) -> None:
    transfers = Transfers(floor.exchange)
    transfers.deposit(floor.ann, "SOL", Decimal("2.5"), "Solana")
    assert short(floor.exchange) == ["SOL 12.5 0"]
    transfers.allow(floor.ann, "Solana", "there")
    wish = {"symbol": "SOL", "blockchain": "Solana", "quantity": "3", "address": "there"}
    transfers.request(floor.ann, wish)
    assert short(floor.exchange) == ["SOL 9.5 0"]


def test_nothing_is_made_for_streams_that_nobody_wants(
    pit: Pit, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object) -> None:
        raise AssertionError("this is work for nobody")

    for name in ("order", "balance", "position", "liquidation"):
        monkeypatch.setattr(f"bpkit.sandbox.core.stream_frames.{name}", never)
    pit.exchange.outbox.wanted = ()
    pit.order(pit.ann, "Bid", quantity="2")
    pit.advance(HOUR // 2 // SECOND)
    assert pit.exchange.outbox.take() == []
