"""Answers to the exercises of notebook 09."""

from exercises.n09_hour import HOUR

_TIDY = "def tidy(bp):\n"
_MOVE = "def should_move(price, wanted):\n"
_LATER = "def patiently(call, wait):\n"
_TRY = """\
        try:
            return call()
        except ApiError as error:
"""
_OTHERS = "            if error.code != 'TOO_MANY_REQUESTS':\n                raise\n"

_FOLLOW = f"{HOUR.solution}\n"
# Its own bid is in a variable.
_REMEMBERS = """\
def follow(bp, minutes, wait, highest):
    bid, pause = None, 1
    while minutes > 0:
        wanted = min(wanted_price(bp), highest)
        try:
            if bid and not is_near(bid["price"], wanted):
                bp.cancel_order(SYMBOL, order_id=bid["id"])
                bid = None
            if not bid:
                bid = bp.execute_order(
                    SYMBOL, "Bid", "Limit", price=wanted, quantity=QUANTITY
                )
        except TransportError as error:
            pass
        except ApiError:
            bid, pause = None, 2
        wait(pause)
        minutes, pause = minutes - pause, 1
    stop(bp, wait)
"""


def _follow(old: str, new: str, program: str = _FOLLOW) -> str:
    assert program.count(old) == 1, old
    return program.replace(old, new)


WRONG = {
    "09.1": [
        (f"{_TIDY}    for one in bp.get_open_orders(SYMBOL):\n"
         '        if one["clientId"]:\n'
         '            bp.cancel_order(SYMBOL, order_id=one["id"])', "placed by hand"),
        (f"{_TIDY}    pass", "had two bids. After `tidy`, both still wait"),
        (f'{_TIDY}    bp.cancel_order(SYMBOL, order_id=my_bids(bp)[0]["id"])',
         "one of them still waits"),
        (f"{_TIDY}    for bid in my_bids(bp):\n"
         '        bp.cancel_order(SYMBOL, order_id=bid["orderId"])', "`tidy` raised KeyError"),
        ("by_program = set()\n"
         f"{_TIDY}    for bid in my_bids(bp):\n"
         "        if not by_program or bid['clientId'] in by_program:\n"
         "            bp.cancel_order(SYMBOL, order_id=bid['id'])\n"
         "    by_program.add(0)", "had two bids and was started again. After `tidy`, both"),
        (f"{_TIDY}    while bp.get_open_orders(SYMBOL):\n"
         "        for bid in my_bids(bp):\n"
         "            bp.cancel_order(SYMBOL, order_id=bid['id'])", "runs on and on"),
        ("tidy = my_bids(bp)", "should be a function"),
    ],
    "09.2": [
        (f"{_MOVE}    return price > wanted", "`should_move` raised TypeError"),
        (f"{_MOVE}    return float(price) > wanted or float(wanted) - float(price) > 0.2",
         'should_move("170.20", Decimal("170.40"))` is True. The bid is exactly 0.20 below'),
        (f"{_MOVE}    return Decimal(price) > wanted", "more than 0.20 below the wanted price"),
        (f"{_MOVE}    return wanted - Decimal(price) > FAR", "The bid is above the wanted price"),
        (f"{_MOVE}    return Decimal(price) != wanted", "only 0.15 below"),
        (f"{_MOVE}    return price > str(wanted) or wanted - Decimal(price) > FAR",
         "Compare numbers, not text"),
        (f"{_MOVE}    return 'down' if Decimal(price) > wanted else 'stay'", "returned 'stay'"),
        (f"{_MOVE}    while price:\n        pass", "runs on and on"),
    ],
    "09.3": [
        (f"{_LATER}    return call()", "429 came once, and `call` was called once, not twice"),
        (f"{_LATER}    for pause in (1, 2, 4):\n{_TRY}            wait(pause)\n    return call()",
         "The price was not a multiple of the tick, and the order was sent 4 times"),
        (f"{_LATER}    for pause in (1, 1, 1):\n{_TRY}{_OTHERS}            wait(pause)\n"
         "    return call()", "The pauses were [1, 1, 1], and should be [1, 2, 4]"),
        (f"{_LATER}    for pause in (1, 2, 4):\n        try:\n            return call()\n"
         "        except BpkitError as error:\n"
         "            if isinstance(error, ApiError) and error.code != 'TOO_MANY_REQUESTS':\n"
         "                raise\n            wait(pause)\n    return call()",
         "The reply was lost, and the order was sent twice. It may be in the book twice."),
        (f"{_LATER}    for pause in (1, 2, 4):\n{_TRY}{_OTHERS}            wait(pause)",
         "429 came three times, and `call` was called 3 times, not 4"),
        (f"{_LATER}    pause = 1\n    while True:\n{_TRY}{_OTHERS}            wait(pause)\n"
         "            pause *= 2", "429 came each time, and `patiently` runs on and on"),
        (f"{_LATER}    for pause in (1, 2, 4):\n        try:\n            return call()\n"
         "        except ApiError as error:\n"
         "            if error.code != 'TOO_MANY_REQUESTS':\n                return None\n"
         "            wait(pause)\n    return call()", "no ApiError was raised"),
        (f"{_LATER}    call()", "should return the order, and returned None"),
        (f"{_LATER}    while True:\n        try:\n            call()\n        except:\n"
         "            pass", "runs on and on"),
    ],
    "09.4": [
        # Each of these is right but for one thing.
        (_follow("min(wanted_price(bp), highest)", "wanted_price(bp)"),
         "At 12:11 (the time of the exchange): A bid at 170.48 was sent. That is above `highest`"),
        (_follow("min(2 * pause, 8)", "1"), "has answered 4 requests with 429"),
        (_follow("        except ApiError:\n            pause = min(2 * pause, 8)\n", ""),
         "At 12:39 (the time of the exchange): `follow` raised ApiError"),
        (_follow("        except TransportError:\n            pass\n", ""),
         "`follow` raised TransportError"),
        (_follow("    stop(bp, wait)\n", ""), "still in the book"),
        (_follow("minutes > 0", "minutes > 8"), "It should run until 13:00"),
        (_follow("minutes > 0", "True"), "should have ended at 13:00"),
        (_follow("        wait(pause)\n", ""), "does not call `wait`"),
        (_follow("wait(pause)", "wait(pause / 2)"), "whole minutes"),
        (_follow("wait(pause)", "wait(5)"), "`wait(5)` was called, though"),
        (_follow("min(2 * pause, 8)", "15"), "8 minutes are the most"),
        (_follow("if not is_near", "if False and not is_near"), "it should be at"),
        (_follow("quantity=QUANTITY", 'quantity="0.2"'), "raised GuardError"),
        (_follow("quantity=QUANTITY", 'quantity="0.05"'), "A bid for 0.05 SOL was sent"),
        (_follow('"Bid", "Limit", price=wanted,', '"Bid", "Market",'), "A Market Bid was sent"),
        (_follow("    for bid in my_bids(bp):\n", "    for bid in my_bids(sandbox):\n"),
         "raised AttributeError"),
        (_follow("def follow(bp,", "def follow(other,"), "No bid has arrived"),
        # It places first, and cancels after that.
        ("""\
def follow(bp, minutes, wait, highest):
    for _ in range(minutes):
        bids, wanted = my_bids(bp), min(wanted_price(bp), highest)
        if not bids or not is_near(bids[0]["price"], wanted):
            bp.execute_order(SYMBOL, "Bid", "Limit", price=wanted, quantity=QUANTITY)
            for bid in bids:
                bp.cancel_order(SYMBOL, order_id=bid["id"])
        wait(1)
    stop(bp, wait)""", "sent before the old one was cancelled"),
        # What is in a variable is wrong after each accident.
        (_REMEMBERS, "The reply to the first one was lost"),
        (_follow("            pass\n", "            bid = bp.reconcile(error).order\n", _REMEMBERS),
         "stopped and started again"),
        (_follow("            pass\n", "            bid = bp.reconcile(error).order\n", _REMEMBERS)
         .replace("bid, pause = None, 2", "pause = 2"),
         "The step has ended, and no bid is in the book"),
        # A lost order that is seen by chance, and never asked for.
        (_follow("settle(bp) and ", "").replace(
            "    stop(bp, wait)\n",
            "    for bid in my_bids(bp):\n"
            "        bp.cancel_order(SYMBOL, order_id=bid['id'])\n"),
         "by luck"),
        # It cannot be stopped.
        ("""\
def follow(bp, minutes, wait, highest):
    while True:
        try:
            run(bp, 1, wait)
        except:
            pass""", "above `highest`"),
        (_follow("        except ApiError:", "        except BaseException as error:")
         .replace("pause = min(2 * pause, 8)", "pause = 4 if isinstance(error, ApiError) else 1")
         .replace("        wait(pause)\n", "        try:\n            wait(pause)\n"
                  "        except:\n            continue\n"), "A bare `except:` catches"),
        ("def follow(bp, minutes, wait, highest):\n    while True: pass", "runs on and on"),
        ("def follow(bp, minutes):\n    run(bp, minutes, wait)", "raised TypeError"),
        ("follow = run(bp, 0, wait)", "should be a function"),
    ],
}  # fmt: skip

# Other ways that are right too.
RIGHT = {
    "09.1": [
        f"{_TIDY}    for one in bp.get_open_orders(SYMBOL):\n"
        '        if bp.journal.is_used(one["clientId"]):\n'
        '            bp.cancel_order(SYMBOL, client_id=one["clientId"])',
        f"{_TIDY}    while my_bids(bp):\n"
        "        bp.cancel_order(SYMBOL, order_id=my_bids(bp)[0]['id'])",
    ],
    "09.2": [f"{_MOVE}    return not 0 <= wanted - Decimal(price) <= FAR"],
    "09.3": [
        f"{_LATER}    pause = 1\n    while True:\n{_TRY}"
        "            if error.code != 'TOO_MANY_REQUESTS' or pause > 4:\n                raise\n"
        "            wait(pause)\n            pause *= 2",
    ],
    "09.4": [
        # The notebook's own functions, with another place for the bid.
        """\
from functools import partial

def follow(bp, minutes, wait, highest):
    global wanted_price
    lesson = wanted_price
    wanted_price = lambda bp: min(lesson(bp), highest)
    try:
        run(bp, minutes, wait)
    finally:
        stop(bp, wait)
        wanted_price = lesson""",
        # It takes a bid that may have arrived away, and begins again.
        _follow("            pass\n", "            stop(bp, wait)\n"),
    ],
}
