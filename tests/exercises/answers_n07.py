"""Answers to the exercises of notebook 07."""

_ORDER = 'order = bp.execute_order("SOL_USDC", "Bid", "Market", quantity="0.1")\n'
_BLOCK = 'with bp.stream("account.orderUpdate") as mine:\n    '

_SEND = """
signature = [sandbox.key.public_key, sandbox.key.sign(text), stamp, "5000"]
request = {"method": "SUBSCRIBE", "params": [STREAM], "signature": signature}
with connect(address, proxy=None) as socket:
    socket.send(json.dumps(request))
    socket.ping().wait()
"""


def _by_hand(text: str, stream: str = "account.positionUpdate", times: int = 1000) -> str:
    stamp = f"stamp = str(int(time.time() * {times}))\ntext = f'{text}'"
    return stamp + _SEND.replace("STREAM", repr(stream))


def _missing(body: str) -> str:
    """``body``: what is done with each change."""
    return (
        "def missing(last, changes):\n    count = 0\n    for change in changes:\n"
        f"        {body}\n        last = change['u']\n    return count"
    )


def _change(body: str) -> str:
    """``body``: what is done with the Decimals p and q."""
    return (
        "def update_side(side, levels):\n    for price, quantity in levels:\n"
        "        p, q = Decimal(price), Decimal(quantity)\n"
        f"        {body}\n    return side"
    )


def _pressure(bought: str, sold: str) -> str:
    return f"def pressure(trades):\n    return ({bought}, {sold})"


_BOUGHT = "sum(t.quantity for t in trades if not t.is_buyer_maker)"
_SOLD = "sum(t.quantity for t in trades if t.is_buyer_maker)"

WRONG = {
    "07.1": [
        (
            f"{_BLOCK}{_ORDER}    fill = mine.wait(order_id=order['id'], status='New')",
            "it has the status New, and not Filled",
        ),
        (f"{_ORDER}fill = order", "should be an event of account.orderUpdate"),
        (
            f"{_BLOCK}order = bp.execute_order('SOL_USDC', 'Bid', 'Limit', price='100', "
            "quantity='1')\n"
            "    fill = mine.wait(order_id=order['id'], status='Filled', seconds=0.1)",
            "no event with all the values came",
        ),
        (
            f"with bp.stream('account.balanceUpdate') as mine:\n    {_ORDER}"
            "    fill = mine.wait(symbol='SOL', seconds=5)",
            "should be an event of account.orderUpdate",
        ),
    ],
    "07.2": [
        (
            _by_hand("instruction=positionQuery&timestamp={stamp}&window=5000"),
            "Another instruction was signed",
        ),
        (_by_hand("instruction=subscribe&timestamp={stamp}"), "The window is missing"),
        (
            _by_hand("instruction=subscribe&window=5000&timestamp={stamp}"),
            "not in the order that the exchange needs",
        ),
        (
            _by_hand("instruction=subscribe&timestamp={stamp}&window=5000", times=1),
            "not in whole milliseconds",
        ),
        (
            _by_hand("instruction=subscribe&timestamp={stamp}&window=5000", "positionUpdate"),
            "4006: Invalid stream",
        ),
        (
            _by_hand("instruction=subscribe&timestamp={stamp}&window=6000"),
            "Another window was signed",
        ),
    ],
    "07.3": [
        (_missing("count += change['U'] - last - 1"), "one change came twice"),
        (_missing("count += change['U'] != last + 1"), "three updates are missing"),
        (_missing("count += max(change['u'] - last - 1, 0)"), "each change has several ids"),
        (
            "def missing(last, changes):\n    return changes[-1]['u'] - last - len(changes)",
            "IndexError",
        ),
        ("def missing(last, changes):\n    return 0", "update 12 is missing"),
        (_missing("count += max(change['U'] - last - 1, 0)"), "an old change came again"),
    ],
    "07.4": [
        (_change("side[p] = q"), "0.00 removes a level. The side should be {170.49: 3, 170.4: 1}"),
        (_change("side[p] = quantity"), "Some of these prices or quantities are not Decimals"),
        (_change("side[p] = q").replace("return side", "return levels"), "the side, a dict"),
        (_change("side[p] = side.get(p, 0) + q"), "the quantity of a level is replaced"),
        (
            _change("side[p] = q\n        if q == 0:\n            del side[p]").replace(
                "return side", "return None"
            ),
            "returned None",
        ),
        (
            _change("if q == 0:\n            del side[p]\n        else:\n            side[p] = q"),
            "KeyError",
        ),
        (
            "def update_side(side, levels):\n"
            "    return {**side, **{float(p): float(q) for p, q in levels if float(q)}}",
            "170.49: 3",
        ),
        (_change("if q:\n            side[p] = q"), "0.00 removes a level"),
    ],
    "07.5": [
        (_pressure(_SOLD, _BOUGHT), "the takers bought 1.25 and sold 0"),
        (_pressure(_BOUGHT.replace("quantity", "price"), _SOLD), "the takers bought 1.25"),
        (_pressure(_BOUGHT.replace("t.quantity", "1"), _SOLD), "the takers bought 1.25"),
        (_pressure(f"float({_BOUGHT})", f"float({_SOLD})"), "two Decimals"),
        (f"def pressure(trades):\n    return {_BOUGHT}", "two Decimals"),
    ],
}

# Other ways that are right too.
RIGHT = {
    "07.1": [
        f"{_BLOCK}{_ORDER}    fill = mine.wait(event_type='orderFill')",
        f"with bp.stream('account.orderUpdate', count=2) as mine:\n    {_ORDER}"
        "    fill = [*mine][-1]",
    ],
    "07.2": [
        _by_hand("instruction=subscribe&timestamp={stamp}&window=5000"),
        # With bpkit.
        "with bp.stream('account.positionUpdate'):\n    pass",
    ],
    "07.3": [
        "def missing(last, changes):\n"
        "    have = {n for one in changes for n in range(one['U'], one['u'] + 1)}\n"
        "    newest = max(have, default=last)\n"
        "    return len(set(range(last + 1, newest + 1)) - have)",
    ],
    "07.4": [
        _change("side[p] = q").replace(
            "return side", "return {p: q for p, q in side.items() if q}"
        ),
    ],
    "07.5": [_pressure(_BOUGHT, _SOLD)],
}
