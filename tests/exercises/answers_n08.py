"""Answers to the exercises of notebook 08."""

EQUITY = "def equity(cash, quantity, entry, mark):\n    return "
LARGEST = "def largest(equity, price, leverage):\n    return "
PROTECT = 'def protect(client):\n    client.execute_order("SOL_USDC_PERP", '
STOP = 'trigger_by="MarkPrice", trigger_price="160", '
CLOSE = "def close_all(client):\n    for position in client.get_positions():\n        "

WRONG = {
    "08.1": [
        (EQUITY + "quantity * (mark - entry)", "That is the profit alone"),
        (EQUITY + "cash + quantity * (entry - mark)", "the wrong way round"),
        (EQUITY + "cash + abs(quantity) * (mark - entry)", "keep the sign of `quantity`"),
        (EQUITY + "cash", "the equity is 209.00, and your function gives Decimal('199')"),
        (EQUITY + "float(cash + quantity * (mark - entry))", "209.0. That is a float"),
        (EQUITY + "cash + quantity * abs(mark - entry)", "A long position loses when"),
        (
            "def equity(cash, quantity, entry, mark):\n    print(cash + quantity * (mark - entry))",
            "Use `return`",
        ),
        (EQUITY + "cash + quantity * (mark - price)", "raised NameError"),
        ("equity = 209", "should be a function"),
    ],
    "08.2": [
        (
            LARGEST + "(equity * leverage / price).quantize(Decimal('0.01'), 'ROUND_UP')",
            "3.52 SOL is more leverage than you want. Round down",
        ),
        (LARGEST + "float(equity * leverage / price)", "Return a Decimal, or its text"),
        (LARGEST + "sol.round_quantity(equity / price)", "3.51 SOL is possible, and your"),
        (LARGEST + "round(equity * leverage / price, 2)", "1.76 SOL is more leverage"),
        (LARGEST + "int(equity * leverage / price)", "gives 3"),
        (LARGEST + "sol.round_quantity(equity * leverage)", "3.51 SOL is possible"),
    ],
    "08.3": [
        (PROTECT + '"Ask", "Market", quantity="5")', "it is 5 SOL instead of 10"),
        (
            PROTECT + f'"Ask", "Market", {STOP}trigger_quantity="10")',
            "After 5 SOL were sold, the stop-loss sold more than there was",
        ),
        (
            PROTECT + '"Ask", "Market", reduce_only=True, trigger_by="MarkPrice", '
            'trigger_price="165", trigger_quantity="100%")',
            "The price is 161, and the position is gone already",
        ),
        (
            PROTECT + f'"Ask", "Market", reduce_only=True, {STOP}trigger_quantity="50%")',
            "you still hold 5 SOL",
        ),
        (
            PROTECT + '"Ask", "Market", reduce_only=True, trigger_by="MarkPrice", '
            'trigger_price="150", trigger_quantity="100%")',
            "you still hold 10 SOL",
        ),
        ("def protect(client):\n    pass", "Does `protect` use the client"),
        (
            PROTECT + f'"Bid", "Market", reduce_only=True, {STOP}trigger_quantity="100%")',
            "its side is Ask",
        ),
        (
            PROTECT + '"Ask", "Market", reduce_only=True, trigger_price="160", '
            'trigger_quantity="100%")',
            "names no price to watch",
        ),
        (
            PROTECT + '"Ask", "Market", reduce_only=True, trigger_by="LastPrice", '
            'trigger_price="160", trigger_quantity="100%")',
            "watches LastPrice",
        ),
        (
            PROTECT + f'"Ask", "Limit", price="160", reduce_only=True, {STOP}'
            'trigger_quantity="100%")',
            "a Market order would sell",
        ),
        (PROTECT + '"Bid", "Market", quantity="1")', "it is 11 SOL instead of 10"),
    ],
    "08.4": [
        (
            CLOSE + 'client.execute_order(position["symbol"], "Ask", "Market", '
            'quantity=abs(Decimal(position["netQuantity"])))',
            "After `close_all` you hold -4 in SOL_USDC_PERP. That is more than before",
        ),
        (
            CLOSE + 'client.execute_order(position["symbol"], "Ask", "Market", '
            'quantity=position["netQuantity"], reduce_only=True)',
            "You held -2 in SOL_USDC_PERP and 0.01 in BTC_USDC_PERP. `close_all(client)` raised",
        ),
        (
            "def close_all(client):\n    position = client.get_positions()[0]\n"
            '    side = "Ask" if Decimal(position["netQuantity"]) > 0 else "Bid"\n'
            '    client.execute_order(position["symbol"], side, "Market", '
            'quantity=abs(Decimal(position["netQuantity"])), reduce_only=True)',
            "After `close_all` you hold 0.01 in BTC_USDC_PERP",
        ),
        ("def close_all(client):\n    pass", "After `close_all` you hold 3 in SOL_USDC_PERP"),
        (
            "def close_all(client):\n    for position in bp.get_positions():\n        pass",
            "Does `close_all` use the client",
        ),
    ],
}

RIGHT = {
    "08.1": [EQUITY + "str(cash + (mark - entry) * quantity)"],
    "08.2": [LARGEST + 'equity * leverage / price // Decimal("0.01") * Decimal("0.01")'],
    "08.3": [
        PROTECT + f'"Ask", "Market", reduce_only=True, {STOP}trigger_quantity="10")',
    ],
}
