"""Answers to the exercises of notebook 00."""

WRONG = {
    "00.1": [
        ('price = bp.get_ticker("SOL_USDC")["lastPrice"]\ntwo = float(price) * 2', "a float"),
        ('price = float(bp.get_ticker("SOL_USDC")["lastPrice"])\ntwo = price * 2', "a float"),
        (
            "from decimal import Decimal\n"
            'price = float(bp.get_ticker("SOL_USDC")["lastPrice"])\ntwo = Decimal(price) * 2',
            "`price` is 170.",
        ),
        (
            "from decimal import Decimal\n"
            'price = bp.get_ticker("SOL_USDC")["lastPrice"]\ntwo = Decimal(float(price)) * 2',
            "A float came in between",
        ),
        (
            'price = bp.get_ticker("SOL_USDC")["lastPrice"]\ntwo = int(float(price)) * 2',
            "not two times",
        ),
        ('price = bp.get_ticker("SOL_USDC")["lastPrice"]\ntwo = [price, price]', "not a Decimal"),
        (
            "from fractions import Fraction\n"
            'price = bp.get_ticker("SOL_USDC")["lastPrice"]\ntwo = Fraction(price) * 2',
            "which is not a Decimal",
        ),
        ('price = bp.get_ticker("SOL_USDC")\ntwo = 341', "not a price"),
    ],
    "00.2": [
        (
            'bp.execute_order("SOL_USDC", "Ask", "Limit", price="169.00", quantity="2")',
            "The side that buys is `Bid`",
        ),
        (
            'bp.execute_order("SOL_USDC", "Bid", "Limit", price="171", quantity="2")',
            "filled at once",
        ),
        (
            'bp.execute_order("SOL_USDC", "Bid", "Limit", price="168.00", quantity="2")',
            "The price should be 169.00, not 168.00",
        ),
        (
            'bp.execute_order("SOL_USDC", "Bid", "Limit", price="169.00", quantity="1")',
            "The quantity should be 2, not 1",
        ),
        ('bp.execute_order("SOL_USDC", "Bid", "Market", quantity="2")', "`Market`"),
        (
            'bp.execute_order("ETH_USDC", "Bid", "Limit", price="169.00", quantity="2")',
            "The market should be SOL_USDC, not ETH_USDC",
        ),
        (
            'bp.execute_order("SOL_USDC", "Bid", "Limit", price="169.001", quantity="2")',
            "The exchange refused it",
        ),
        (
            'bp.execute_order("SOL_USDC", "Bid", "Limit", price="169.00", quantity="2")\n'
            'bp.cancel_open_orders("SOL_USDC")',
            "does not wait any more",
        ),
        # The second one stops with an error before it is sent. Outside of a notebook nobody sees
        # that, and the verdict names the order that it is about.
        (
            'bp.execute_order("SOL_USDC", "Ask", "Limit", price="169.00", quantity="2")\n'
            'bp.execute_order("SOL_USDC", "Bid", "Limit", price=169.00, quantity="2")',
            "had symbol SOL_USDC, side Ask, orderType Limit, price 169.00, quantity 2. An `Ask` "
            "sells SOL. The side that buys is `Bid`.",
        ),
    ],
}

# Other ways that are right too.
RIGHT = {
    "00.1": [
        'from decimal import Decimal\nprice = Decimal(bp.get_ticker("SOL_USDC")["lastPrice"])\n'
        "two = price * 2",
        'from decimal import Decimal\nprice = bp.get_ticker("SOL_USDC")["lastPrice"]\n'
        "two = str(Decimal(price) + Decimal(price))",
    ],
    "00.2": [
        'bp.execute_order("SOL_USDC", "Bid", "Limit", price="169", quantity="2", post_only=True)',
        # A first try that was wrong does not count.
        'bp.execute_order("SOL_USDC", "Bid", "Limit", price="171", quantity="2")\n'
        'bp.execute_order("SOL_USDC", "Bid", "Limit", price="169", quantity="2.0")',
        # It waited, and then somebody sold.
        'bp.execute_order("SOL_USDC", "Bid", "Limit", price="169", quantity="2")\n'
        "sandbox.advance(hours=7)",
    ],
}
