"""Answers to the exercises of notebook 03."""

from exercises.n03 import EXERCISES

_STARTER = {one.id: one.starter for one in EXERCISES}
_SOLVED = {one.id: one.solution for one in EXERCISES}
_FILLS = "/wapi/v1/history/fills"


def _changed(code: str, *changes: tuple[str, str]) -> str:
    for old, new in changes:
        assert old in code, old
        code = code.replace(old, new)
    return code


def _orders(
    instruction: str, path: str = "/wapi/v1/history/orders", symbol: str = "ETH_USDC"
) -> str:
    return f'eth_orders = signed_get("{path}", "{instruction}", {{"symbol": "{symbol}"}})'


def _fills(path: str, params: str) -> str:
    return f'last_fills = signed_get("{path}", "fillHistoryQueryAll", {params})'


def _my_orders(params: str) -> str:
    return _changed(_STARTER["03.3"], ('{"symbol": symbol, "marketType": market_type}', params))


def _every_order(body: str) -> str:
    lines = "\n".join(f"    {line}" for line in body.splitlines())
    return f"def every_order():\n{lines}\n\nlen(every_order())"


def _age(answer: str) -> str:
    old = 'now.replace(tzinfo=None) - datetime.fromisoformat(fill["timestamp"])'
    code = "from datetime import UTC\n" + _changed(_STARTER["03.5"], (old, answer))
    return code.rpartition("\n")[0]  # the last line may raise, as the learner would see


def _in_ipython(id: str, code: str) -> str:
    """The cell, with IPython's list of the cells that were run: the starter, and this one."""
    return f"{code}\nIn = ['', {_STARTER[id]!r}, {code!r}]"


_TIME = 'datetime.fromisoformat(fill["timestamp"])'

WRONG = {
    "03.1": [
        (_orders("orderQuery"), "instruction=orderQuery&"),
        (_orders("orderHistoryQuery"), "instruction=orderHistoryQueryAll"),
        (_orders("fillHistoryQueryAll"), "Another instruction"),
        (_orders("orderQueryAll", path="/api/v1/orders"), "You changed the path"),
        (_orders("orderQueryAll", path="/api/v1/history/orders"), "not know GET"),
        (
            'eth_orders = signed_get("/wapi/v1/history/orders", "orderHistoryQueryAll", {})',
            "orders of other markets",
        ),
        (_orders("orderHistoryQueryAll", symbol="SOL_USDC"), "asked for symbol=SOL_USDC"),
        (_in_ipython("03.1", _orders("orderQueryAll", symbol="SOL_USDC")), "Another instruction"),
    ],
    "03.2": [
        (_fills(f"{_FILLS}?limit=3", '{"symbol": "SOL_USDC", "limit": 3}'), "sent the limit twice"),
        (_fills(_FILLS, '{"symbol": "SOL_USDC"}'), "had no limit"),
        (_fills(_FILLS, '{"symbol": "SOL_USDC", "Limit": 3}'), "It sent symbol=SOL_USDC&Limit=3"),
        (_fills(_FILLS, '{"limit": 3}'), "had no symbol"),
        (_fills(_FILLS, '{"symbol": "SOL_USDC", "limit": 5}'), "asked for limit=5"),
        (
            _changed(_SOLVED["03.2"], ("fillHistoryQueryAll", "fillQueryAll")),
            "The exchange refused it",
        ),
        (
            _in_ipython("03.2", _fills(f"{_FILLS}?limit=5", '{"symbol": "SOL_USDC"}')),
            "were sent that were not signed",
        ),
    ],
    "03.3": [
        (_my_orders('{"symbol": symbol}'), "should send symbol=SOL_USDC&marketType=SPOT"),
        (
            _my_orders('{"symbol": symbol, "marketType": market_type or ""}'),
            "`my_orders('SOL_USDC')` sent",
        ),
        (
            _my_orders('{"symbol": symbol, "marketType": market_type or "SPOT"}'),
            "should send symbol=SOL_USDC.",
        ),
        ("def my_orders(symbol):\n    return signed_get(\"/api/v1/orders\", \"orderQueryAll\", "
         "{\"symbol\": symbol})", "raised TypeError"),
        (
            _in_ipython("03.3", _my_orders('{"symbol": symbol} | {"marketType": market_type}')),
            "Parameters were signed that were not sent",
        ),
        (_changed(_SOLVED["03.3"], ("return signed_get", "signed_get")), "returned None"),
        ("def my_orders(symbol, market_type=None):\n    return []", "did not ask the exchange"),
    ],
    "03.4": [
        (_every_order("return bp.get_order_history(limit=1000)"), "pages of more than two rows"),
        (_every_order("return bp.get_order_history()"), "pages of more than two rows"),
        (
            _every_order(
                "return bp.get_order_history(limit=2) + bp.get_order_history(limit=2, offset=2)"
            ),
            "Some are missing",
        ),
        (
            _every_order(
                "rows = []\nfor number in range(3):\n"
                "    rows += bp.get_order_history(limit=2, offset=number)\nreturn rows"
            ),
            "number of rows",
        ),
        (
            _every_order(
                "return [bp.get_order_history(limit=2, offset=start) for start in (0, 2, 4)]"
            ),
            "a list of pages?",
        ),
        (
            _every_order(
                "rows = []\nwhile page := bp.get_order_history(limit=2, offset=len(rows)):\n"
                "    rows += page\nreturn rows[::-1]"
            ),
            "newest first",
        ),
        (_every_order("rows = bp.get_order_history(limit=2)").rpartition("\n")[0], "returns None"),
        (
            _in_ipython("03.4", _every_order("rows = bp.get_order_history(limit=2)\nreturn rows")),
            "the first page only",
        ),
        (_every_order("return bp.get_order_history(limit=2).df"), "of the type DataFrame"),
    ],
    "03.5": [
        (_age(f"now - {_TIME}"), "raised TypeError"),
        (_age(f"now - {_TIME}.astimezone(UTC)"), "ahead of UTC, as in Tokyo"),
        (
            _age(f"now.replace(tzinfo=UTC) - {_TIME}.replace(tzinfo=UTC) - timedelta(hours=9)"),
            "Asked at 07:10",
        ),
        (_age(f"(now - {_TIME}.replace(tzinfo=UTC)).total_seconds()"), "not a timedelta"),
        (_age(f"datetime.now(UTC) - {_TIME}.replace(tzinfo=UTC)"), "`age` says"),
        (_age("timedelta(minutes=10)"), "says 0:10:00 for a fill at 2026-09-01T08:45"),
        (
            _in_ipython("03.5", _age(f"now - {_TIME}.replace(tzinfo=now.tzinfo)")),
            "It counts the nine hours",
        ),
    ],
}  # fmt: skip

# Other ways that are right too.
RIGHT = {
    "03.1": ['bp.get_order_history("ETH_USDC")'],
    "03.2": [
        _fills(_FILLS, '{"limit": 3, "symbol": "SOL_USDC"}'),
        'bp.get_fills("SOL_USDC", limit=3)',
    ],
    "03.3": [
        _changed(
            _STARTER["03.3"],
            (
                "    return",
                "    params = {name: v for name, v in params.items() if v is not None}\n    return",
            ),
        ),
    ],
    "03.4": [
        _every_order(
            "rows, total = [], 1\nwhile len(rows) < total:\n"
            "    page = bp.get_order_history(limit=2, offset=len(rows))\n"
            '    total = int(page.headers["X-Total"])\n    rows += page\nreturn rows'
        ),
        _every_order(
            "from bpkit.history import fetch_all\n"
            "return fetch_all(bp.get_order_history, limit=2)"
        ),
    ],
    "03.5": [
        _age(f"now.astimezone(UTC).replace(tzinfo=None) - {_TIME}"),
        _age('now - datetime.fromisoformat(fill["timestamp"] + "+00:00")'),
    ],
}  # fmt: skip
