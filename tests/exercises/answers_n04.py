"""Answers to the exercises of notebook 04."""

_SUM = """\
try:
    bp.execute_order("SOL_USDC", "Bid", "Limit", price=price, quantity="1", client_id=41)
except BpkitError as error:
    print(error)"""

_FIT = 'bp.execute_order("BTC_USDC", "Bid", "Limit", price=price, quantity=quantity, client_id=42)'

_BY_HAND = """\
bid = {"symbol": "SOL_USDC", "side": "Bid", "orderType": "Limit", "price": "168.50",
       "quantity": "1", "clientId": 43}
"""
_POST = """
answer = requests.post(f"{sandbox.url}/api/v1/order", json=tidy, headers=headers, timeout=10)"""
_SIGN = 'headers = signed_headers("orderExecute", bid)\n'

_BATCH = """
answers = bp.execute_order_batch([
    {"symbol": "SOL_USDC", "side": "Bid", "orderType": "Limit",
     "price": price, "quantity": quantity, "clientId": number}
    for price, quantity, number in steps
])"""
# The starter, as every learner has run it first.
_FOUR = (
    'steps = [("168.00", "1", 441), ("167.00", "1.5", 442), ("166.00", "1.005", 443), '
    f'("165.00", "2", 444)]{_BATCH}\n'
)
_MENDED = _FOUR.replace("1.005", "1")


def _bid(price: str, more: str) -> str:
    return f'bp.execute_order("SOL_USDC", "Bid", "Limit", price={price}, quantity="0.1", {more})'


_BEST = 'bp.get_depth("SOL_USDC", limit=5)["bids"][-1][0]'
_46 = (
    'bp.execute_order("ETH_USDC", "Bid", "Limit", price="2300.00", quantity="0.1", client_id=46)\n'
)

WRONG = {
    "04.1": [
        (f"price = round(168.1 + 0.2, 2)\n{_SUM}", "still a float"),
        (f"price = str(168.1 + 0.2)\n{_SUM}", "Price decimal too long"),
        (f"price = Decimal(168.1 + 0.2)\n{_SUM}", "so that there is no such error"),
        (
            f'price = bp.market("SOL_USDC").round_price(Decimal(168.1 + 0.2), "Bid")\n{_SUM}',
            "a hair",
        ),
        (f'price = "168.1"\n{_SUM}', "168.1, and not 168.30"),
        (
            f'price = "168.30"\n{_SUM.replace("Bid", "Ask")}',
            "an Ask on SOL_USDC; the task is a Bid",
        ),
        (f'price = "168.30"\n{_SUM.replace("USDC", "USDC_PERP")}', "a Bid on SOL_USDC_PERP; the"),
        (f'price = "168.1"\n{_SUM}\nprice = 168.1 + 0.2\n{_SUM}', "still a float"),
        (
            f"price = str(168.1 + 0.2)\n{_SUM}\nprice = round(168.1 + 0.2, 2)\n{_SUM}",
            "still a float",
        ),
    ],
    "04.2": [
        (
            'price, quantity = Decimal("77123.456").quantize(Decimal("0.1")), '
            f'Decimal("0.012345678").quantize(Decimal("0.00001"))\n{_FIT}',
            "A price of 77123.5 is more than you want",
        ),
        (
            'bitcoin = bp.market("BTC_USDC")\n'
            'price = bitcoin.round_price("77123.456", toward="nearest")\n'
            f'quantity = bitcoin.round_quantity("0.012345678")\n{_FIT}',
            "A price of 77123.5 is more than you want",
        ),
        (
            'bitcoin = bp.market("BTC_USDC")\n'
            'price = bitcoin.round_price("77123.456", "Bid")\n'
            f'quantity = bitcoin.round_quantity("0.012345678", up=True)\n{_FIT}',
            "A quantity of 0.01235 is more",
        ),
        (f'price, quantity = "77123.4", "0.01235"\n{_FIT}', "A quantity of 0.01235 is more"),
        (f'price, quantity = "77123.45", "0.01234"\n{_FIT}', "The price is not on the tick"),
        (f'price, quantity = "77123.4", "0.012345"\n{_FIT}', "The quantity is not on the step"),
        (f'price, quantity = "77123", "0.01"\n{_FIT}', "77123.4 is valid"),
        (
            f'price, quantity = "77123", "0.01"\n{_FIT}\nprice = 77123.4\n'
            f"try:\n    {_FIT}\nexcept BpkitError as error:\n    print(error)",
            "`price` is a float now",
        ),
        (f'price, quantity = "77123.4", "0.01234"\n{_FIT.replace("BTC", "SOL")}', "on SOL_USDC"),
    ],
    "04.3": [
        (f'{_BY_HAND}{_SIGN}tidy = {{**bid, "price": 168.5}}{_POST}', "The price must be text"),
        (
            f'{_BY_HAND}headers = signed_headers("orderExecute", order)\ntidy = bid{_POST}',
            "quite another",
        ),
        (f"{_BY_HAND}{_SIGN}tidy = bid{_POST}".replace("json=", "data="), "with `json=`"),
        (
            f'{_BY_HAND}headers = signed_headers("orderCancel", bid)\ntidy = bid{_POST}',
            "Another instruction was signed",
        ),
        (
            f'{_BY_HAND}{_SIGN}tidy = {{**bid, "price": "168.500"}}{_POST}',
            "in another spelling",
        ),
        (f'{_BY_HAND}bid["price"] = "168"\n{_SIGN}tidy = bid{_POST}', "accepted it at 168."),
    ],
    "04.4": [
        (f"{_FOUR}{_MENDED}", "waits 2 times"),
        (f'{_FOUR}steps = [("166.00", "1.005", 443)]{_BATCH}', "443 does not wait"),
        (f'{_FOUR}steps = [("166.00", "1.01", 443)]{_BATCH}', "is for 1.01 SOL"),
        (f'{_FOUR}steps = [("165.00", "1", 443)]{_BATCH}', "waits at 165"),
        (_MENDED.replace('"2", 444', '"1", 444'), "444 is for 1 SOL"),
    ],
    "04.5": [
        (_bid('"170.61"', "client_id=45, post_only=True"), "choose the other side"),
        (_bid(_BEST, "client_id=45"), "by luck"),
        (
            _bid(_BEST.replace("-1", "0"), "client_id=45, post_only=True"),
            "the last of the bids",
        ),
        (
            _bid('"171.00"', "client_id=45, post_only=True").replace("Bid", "Ask"),
            "The side that buys",
        ),
        (
            'bp.execute_order("SOL_USDC", "Bid", "Market", quantity="0.1", client_id=45)',
            "A Market order never waits",
        ),
        (
            'bp.execute_order("SOL_USDC", "Bid", "Market", quote_quantity="20", client_id=45)',
            "A Market order never waits",
        ),
        (
            _bid('"160.00"', "client_id=45, post_only=True").replace("USDC", "USDC_PERP"),
            "a Bid on SOL_USDC_PERP; the task",
        ),
    ],
    "04.6": [
        (f'{_46}bp.cancel_open_orders("ETH_USDC")', "on SOL_USDC"),
        (f'{_46}bp.cancel_open_orders("BTC_USDC")', "still waits"),
        (f'{_46}{_46}bp.cancel_order("ETH_USDC", client_id=46)', "bp.get_open_orders()"),
        # An error is a try, too.
        (
            f"{_46}try:\n    bp.cancel_open_orders()\nexcept TypeError:\n    pass",
            "needs the name of a market",
        ),
    ],
}
# Something must wait on SOL_USDC that was not cancelled, whatever was tried before.
WRONG["04.6"] = [
    ('bp.execute_order("SOL_USDC", "Bid", "Limit", price="160.00", quantity="1")\n' + code, words)
    for code, words in WRONG["04.6"]
]

# Other ways that are right too.
RIGHT = {
    "04.1": [
        f'price = f"{{168.1 + 0.2:.2f}}"\n{_SUM}',
        f'price = Decimal(168.1 + 0.2).quantize(Decimal("0.01"))\n{_SUM}',
    ],
    "04.2": [
        f'price, quantity = "77123.4", "0.01234"\n{_FIT}',
        'fitted = bp.market("BTC_USDC").order("Bid", price="77123.456", quantity="0.012345678")\n'
        "bp.execute_order(**fitted, client_id=42)",
        "from decimal import ROUND_DOWN\n"
        'price = Decimal("77123.456").quantize(Decimal("0.1"), ROUND_DOWN)\n'
        f'quantity = Decimal("0.012345678").quantize(Decimal("0.00001"), ROUND_DOWN)\n{_FIT}',
    ],
    "04.3": [
        # Neither does an order at another price.
        f'{_BY_HAND}bid["price"] = "168"\n{_SIGN}tidy = bid{_POST}\n'
        f"{_BY_HAND}{_SIGN}tidy = bid{_POST}",
        f'{_BY_HAND}bid["price"] = bid["price"].rstrip("0")\n{_SIGN}tidy = bid{_POST}',
        # A first try that was wrong does not count.
        f'{_BY_HAND}{_SIGN}tidy = {{**bid, "price": "168.5"}}{_POST}\n'
        f"{_BY_HAND}{_SIGN}tidy = bid{_POST}",
    ],
    "04.4": [
        f'{_FOUR}steps = [("166.00", "1", 443)]{_BATCH}',
        f'{_FOUR}bp.execute_order("SOL_USDC", "Bid", "Limit", price="166", quantity="1", '
        "client_id=443)",
        f'{_FOUR}{_MENDED}\nbp.cancel_open_orders("SOL_USDC")\n{_MENDED}',
    ],
    "04.5": [
        _bid(_BEST, "client_id=45, post_only=True"),
        # A tick above the best bid is the best bid.
        _bid(f'Decimal({_BEST}) + Decimal("0.01")', "client_id=45, post_only=True"),
        _bid(_BEST, "client_id=45, post_only=True") + '\nbp.cancel_open_orders("SOL_USDC")',
    ],
    "04.6": [
        f'{_46}bp.cancel_open_orders("ETH_USDC")\nbp.cancel_open_orders("SOL_USDC")\n'
        'bp.cancel_open_orders("BTC_USDC")',
    ],
}
