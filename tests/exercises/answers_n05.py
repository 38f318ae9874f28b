"""Answers to the exercises of notebook 05."""

_FIRST = """\
def place_once(bp, **order):
    try:
        return bp.execute_order(**order)
    except TransportError as error:
"""
_AGAIN = "        return bp.execute_order(**order)"
_OPEN = """\
        for one in bp.get_open_orders(order["symbol"]):
            if one["clientId"] == order["client_id"]:
                return one
"""
_HISTORY = """\
        for one in bp.get_order_history(symbol=order["symbol"]):
            if one["clientId"] == order["client_id"]:
                return one
"""

_KINDS = "def what_now(error):\n    if isinstance(error, TransportError):\n        return 'look'\n"
_BLOCK = 'with sandbox.fault("clock_skew", seconds=75):\n    '
_LATE = "late = Client(sandbox.url, sandbox.key)\n"

WRONG = {
    "05.1": [
        (f"{_FIRST}        time.sleep(0.1)\n{_AGAIN}", "had 2 orders"),
        (f"{_FIRST}        return None", "only when the first"),
        (f"{_FIRST}        raise", "has the order. `place_once` raised TransportError"),
        (f"{_FIRST}{_OPEN}{_AGAIN}", "not among the open orders"),
        (f"{_FIRST}{_HISTORY}{_AGAIN}", "by luck"),
        (
            f"{_FIRST}        found = bp.reconcile(error, wait=False)\n"
            f"        if found.order:\n            return found.order\n{_AGAIN}",
            "have arrived",
        ),
        (
            f"{_FIRST}        if not bp.get_open_orders(order['symbol']):\n    {_AGAIN}",
            "you saw is another one",
        ),
        ("def place_once(bp, **order):\n    pass", "no order was sent"),
        # In the reader's own account, and not in the check's.
        (
            "def place_once(client, **order):\n    return bp.execute_order(**order)",
            "with the client that `place_once` gets",
        ),
        (
            f"{_FIRST}        return bp.reconcile(error)",
            "only when the first one cannot arrive any more.",
        ),
        (
            "def place_once(bp, **order):\n"
            "    bp.execute_order(**order)\n    bp.execute_order(**order)",
            "Without any accident",
        ),
    ],
    "05.2": [
        ('causes = ["wrong_instruction"]', "one of the two causes"),
        ('causes = "unsorted + no_window"', "'unsorted' is not a cause"),
        ('causes = ["wrong_instruction", "no_window", "clock"]', "'clock' is not a cause"),
        ('causes = "The window is missing from the text."', "`.cause`"),
        ("causes = None", "no name of a cause"),
    ],
    "05.3": [
        (
            f"{_LATE}{_BLOCK}late.measure_clock()\n    late.get_account()",
            "still signed by your own clock",
        ),
        (
            f"{_LATE}late.measure_clock(apply=True)\n{_BLOCK}late.get_account()",
            "Ask inside the block",
        ),
        (
            f"{_LATE}{_BLOCK}bp.measure_clock(apply=True)\n    late.get_account()",
            "only those of the client that measured",
        ),
        (
            f"{_LATE}{_BLOCK}late.measure_clock()\nlate.get_account()",
            "outside the block",
        ),
        (
            f"late = Client(sandbox.url, sandbox.key, window=60000)\n{_BLOCK}late.get_account()",
            "at most 60 s",
        ),
        (
            f"{_LATE}{_BLOCK}try:\n        late.get_account()\n    except ApiError:\n"
            "        late.get_account()",
            "refused twice",
        ),
    ],
    "05.4": [
        ("def what_now(error):\n    return 'fix'", "429 TOO_MANY_REQUESTS"),
        ("def what_now(error):\n    return 'look'", "a price between two ticks"),
        (f"{_KINDS}    return 'fix'", "429 TOO_MANY_REQUESTS"),
        (
            f"{_KINDS}    if isinstance(error, ApiError):\n        return 'fix'\n    return 'wait'",
            "an InputError of bpkit",
        ),
        (
            f"{_KINDS}    if getattr(error, 'status', 0) in (429, 503):\n        return 'wait'\n"
            "    return 'fix'",
            "400 TRADING_PAUSED",
        ),
        (
            "def what_now(error):\n    if getattr(error, 'code', '') in "
            "('TOO_MANY_REQUESTS', 'MAINTENANCE', 'TRADING_PAUSED'):\n"
            "        return 'wait'\n    return 'fix'",
            "a 502 from the edge",
        ),
        ("def what_now(error):\n    return error.status", "AttributeError"),
        (f"{_KINDS}    return 'send again'", "Answer with"),
        (
            f"{_KINDS}    if error.code in ('TOO_MANY_REQUESTS', 'MAINTENANCE'):\n"
            "        return 'wait'\n    return 'fix'",
            "AttributeError",
        ),
    ],
}

# Other ways that are right too.
RIGHT = {
    "05.1": [
        # By hand: wait until it cannot come any more, then look where nothing is hidden.
        f"{_FIRST}        time.sleep(error.window / 1000 + 1)\n{_HISTORY}{_AGAIN}",
        # Away with whatever has arrived.
        f"{_FIRST}        found = bp.reconcile(error)\n"
        "        if found.state == 'rested':\n"
        "            bp.cancel_order(order['symbol'], client_id=order['client_id'])\n"
        "        elif found.state == 'filled':\n            return found.order\n"
        f"{_AGAIN}",
    ],
    "05.2": [
        'causes = ["no_window", "wrong_instruction"]',
        'causes = "wrong_instruction, no_window"',
    ],
    "05.3": [
        f"{_LATE}{_BLOCK}bp.measure_clock(apply=True)\n    bp.get_account()",
        # A first try that was wrong does not count.
        f"{_LATE}{_BLOCK}late.measure_clock()\n    late.measure_clock(apply=True)\n"
        "    late.get_account()",
    ],
}
