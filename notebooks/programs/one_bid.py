"""Keep one small bid for SOL below the market, for an hour. Then cancel it, and say what we hold.

The program remembers nothing. Each step asks the exchange and the journal, so a restart is a step
like every other. Notebook 09 explains each function.
"""

import tempfile
from decimal import Decimal

from bpkit import ApiError, Arming, Client, GuardError, TransportError
from bpkit.sandbox import Sandbox

SYMBOL, QUANTITY = "SOL_USDC", "0.1"
BELOW = Decimal("0.50")  # USDC: we want to bid this much below the best bid
FAR = Decimal("0.20")  # USDC: our bid moves if it is further than this from the wanted price


def start(url, key, journal):
    limits = Arming(orders=True, per_order="20", per_session="60", per_day="60", symbols=[SYMBOL])
    return Client(url, key, armed=limits, journal=journal)


def wanted_price(bp):
    best = bp.get_depth(SYMBOL, limit=5)["bids"][-1][0]
    return Decimal(best) - BELOW


def is_near(price, wanted):
    return abs(Decimal(price) - wanted) <= FAR


def my_bids(bp):
    return [one for one in bp.get_open_orders(SYMBOL) if bp.journal.is_used(one["clientId"])]


def settle(bp):
    for outcome in bp.reconcile():
        print(f"{outcome.operation}: {outcome.state}")
    return not bp.unanswered


def step(bp):
    if not settle(bp):
        return
    bids, wanted = my_bids(bp), wanted_price(bp)
    if [is_near(bid["price"], wanted) for bid in bids] == [True]:
        return
    for bid in bids:
        bp.cancel_order(SYMBOL, order_id=bid["id"])
    if not my_bids(bp):
        bp.execute_order(SYMBOL, "Bid", "Limit", price=wanted, quantity=QUANTITY)
        print(f"bid at {wanted}")


def run(bp, minutes, wait):
    pause = 1
    while minutes > 0:
        try:
            step(bp)
            pause = 1
        except TransportError as error:
            print(f"no answer: {error.reason}")
        except ApiError as error:
            pause = min(2 * pause, 8)
            print(f"refused: {error.message}; next step in {pause} minutes")
        wait(pause)
        minutes -= pause


def stop(bp, wait):
    for pause in (1, 2, 4, 8):
        try:
            for bid in my_bids(bp):
                bp.cancel_order(SYMBOL, order_id=bid["id"])
            if settle(bp) and not my_bids(bp):
                break
        except (ApiError, TransportError) as error:
            print(f"not stopped yet: {error}")
        wait(pause)
    print(f"{len(my_bids(bp))} bids wait, and we hold {bp.get_balances()['SOL']['available']} SOL")


def main(url, key, journal, wait):
    with start(url, key, journal) as bp:
        try:
            run(bp, 60, wait)
        except GuardError as error:
            print(error)
        finally:
            stop(bp, wait)


if __name__ == "__main__":
    sandbox = Sandbox()
    where = (sandbox.url, sandbox.key, f"{tempfile.mkdtemp()}/orders.jsonl")
    main(*where, wait=lambda minutes: sandbox.advance(minutes=minutes))
