"""Answers to the exercises of notebook 10."""

ETH = 'bp.execute_order("ETH_USDC", '
STOP = "def stop(client):\n    "
ARMED = "from bpkit import Arming\nplan = Arming(orders=True, "

WRONG = {
    "10.1": [
        ('gitignore = ".env/\\n.venv/"', "means a folder"),
        ('gitignore = "**/.env/\\n.venv/"', "means a folder"),
        ('gitignore = "# .env\\n.venv/"', "only a comment"),
        ('gitignore = "/.env\\n.venv/"', "only in the topmost folder"),
        ('gitignore = ".env*\\n.venv/"', "`.env.example` too, by the line `.env*`"),
        ('gitignore = ".env\\n.env.example"', "`.env.example` too, by the line `.env.example`"),
        ("gitignore = '\".env\"\\n.venv/'", "Quotes are part"),
        ('gitignore = "  .env"', "A space before a name"),
        ('gitignore = "./.env"', "knows no `./`"),
        ('gitignore = ".env\\n!.env"', "brings back"),
        ('gitignore = ".env  # my key"', "needs a line of its own"),
        ('gitignore = ".venv/"', "No line names it"),
        ('gitignore = "*"', "`.env.example` too, by the line `*`"),
        ('gitignore = [".env"]', "should be text"),
        ('gitignore = ".env\\nnotebooks/"', "by the line `notebooks/`"),
    ],
    "10.2": [
        ('env = """\nPUBLIC_KEY=" {public} "\nSECRET_KEY=" {secret} "\n"""', "white space"),
        ('env = """\nPUBLIC_KEY={secret}\nSECRET_KEY={public}\n"""', "are swapped"),
        ('env = "PUBLIC_KEY: {public}\\nSECRET_KEY={secret}"', "`.env` has no PUBLIC_KEY"),
        ('env = "API_KEY={public}\\nSECRET_KEY={secret}"', "`.env` has no PUBLIC_KEY"),
        ('env = "PUBLIC_KEY={public} SECRET_KEY={secret}"', "has no SECRET_KEY"),
        ('env = "PUBLIC_KEY={public}"', "`{secret}` should be in the text once"),
        (
            "env = f'PUBLIC_KEY={sandbox.key.public_key}\\n' + 'SECRET_KEY={secret}'",
            "Keep keys out of a notebook",
        ),
        ('env = {"PUBLIC_KEY": "{public}"}', "should be text"),
    ],
    "10.3": [
        (
            ARMED + 'withdrawals=True, per_order="10", per_session="30", symbols=["SOL_USDC"])',
            "It allows orders and withdrawals",
        ),
        (ARMED + 'per_order="100", per_session="100", symbols=["SOL_USDC"])', "0.5 SOL passes"),
        (
            ARMED + 'per_order="8", per_session="30", symbols=["SOL_USDC"])',
            "The first order of 0.05 SOL does not pass. execute_order: 8.55",
        ),
        (
            ARMED + 'per_order="10", per_session="20", symbols=["SOL_USDC"])',
            "The third order of 0.05 SOL does not pass",
        ),
        (ARMED + 'per_order="10", per_session="50", symbols=["SOL_USDC"])', "34.20 USDC in all"),
        (ARMED + 'per_order="10", per_session="30")', "An order in ETH_USDC passes"),
        (
            ARMED + 'per_order="10", per_session="30", symbols=["SOL_USDC", "SOL_USDC_PERP"])',
            "The client is armed for SOL_USDC, SOL_USDC_PERP; the plan is for SOL_USDC alone",
        ),
        (
            ARMED + 'per_order="10", per_session="30", '
            'symbols=["SOL_USDC", "BTC_USDC", "BTC_USDC_PERP"])',
            "armed for BTC_USDC, BTC_USDC_PERP, SOL_USDC; the plan is for SOL_USDC alone",
        ),
        (ARMED + 'per_order="10", per_session="30", symbols=["SOL"])', "armed for SOL only"),
        ('plan = dict(orders=True, per_order="10", per_session="30")', "should be an Arming"),
    ],
    "10.4": [
        (
            ETH + '"Bid", "Limit", price="2000", quantity="0.0001")',
            "only because its price is low",
        ),
        (
            ETH + '"Bid", "Limit", price="2400", quantity="0.0001", post_only=True)',
            "Your price is 2400",
        ),
        (
            ETH + '"Bid", "Limit", price="2000", quantity="0.1", post_only=True)',
            "The order is for 0.1 ETH",
        ),
        (
            ETH + '"Bid", "Limit", price="2500", quantity="0.0001", post_only=True)',
            "would immediately match",
        ),
        (
            ETH + '"Ask", "Limit", price="2900", quantity="0.0001", post_only=True)',
            "it sells",
        ),
        (
            'fitted = bp.market("ETH_USDC").order("Bid", price="2000.005", quote="20")\n'
            "bp.execute_order(**fitted, post_only=True)",
            "The order is for 0.01 ETH",
        ),
        (ETH + '"Bid", "Market", quantity="0.0001")', "`Market`"),
        (
            ETH + '"Bid", "Limit", price="2000", quantity="0.00001", post_only=True)',
            "The exchange refused it",
        ),
        (  # one that was not as it should be is no better for being cancelled
            ETH + '"Bid", "Limit", price="2000", quantity="0.1", post_only=True)\n'
            'bp.cancel_open_orders("ETH_USDC")',
            "The order is for 0.1 ETH",
        ),
        (
            ETH + '"Bid", "Limit", price="400", quantity="0.0001", post_only=True)',
            "too far from the last active price",
        ),
    ],
    "10.5": [
        (
            STOP + 'for symbol in ("SOL_USDC", "BTC_USDC"):\n'
            "        client.cancel_open_orders(symbol)",
            "a bid still waits in SOL_USDC_PERP",
        ),
        (
            STOP + "for order in bp.get_open_orders():\n"
            '        bp.cancel_open_orders(order["symbol"])',
            "Does `stop` use the client that it is given?",
        ),
        (STOP + "client.close()", "nothing was cancelled"),
        (STOP + "client.cancel_open_orders()", "`stop(client)` raised TypeError"),
        (
            STOP + 'symbol = client.get_open_orders()[0]["symbol"]\n'
            "    client.cancel_open_orders(symbol)\n"
            '    client.cancel_open_orders("BTC_USDC")',
            "a bid still waits in SOL_USDC_PERP",
        ),
        (
            STOP + "while True:\n"
            '        client.cancel_open_orders(client.get_open_orders()[0]["symbol"])',
            "raised IndexError",
        ),
        ("stop = 1", "should be a function"),
        # The market has moved: the judge's own bids have to rest all the same.
        (
            f'sandbox.advance(days=20)\n{STOP}client.cancel_open_orders("BTC_USDC")',
            "a bid still waits in SOL_USDC and in SOL_USDC_PERP",
        ),
        (
            STOP + 'for symbol in {order["symbol"] for order in client.get_open_orders()}:\n'
            "        client.cancel_open_orders(symbol)\n"
            '    client.execute_order("SOL_USDC", "Bid", "Market", quantity="0.01")',
            "also sent orders",
        ),
    ],
}

# Other ways that are right too.
RIGHT = {
    "10.1": [
        'gitignore = ".venv/\\n*.env"',
        'gitignore = ".env*\\n!.env.example"',
        'gitignore = "**/.env   "',
    ],
    "10.2": [
        'env = \'PUBLIC_KEY = "{public}"\\nSECRET_KEY = "{secret}"\'',
        "env = 'SECRET_KEY={secret}\\n\\n# mine\\nPUBLIC_KEY={public}\\n'",
    ],
    "10.3": [
        ARMED + 'per_order="8.55", per_session="25.65", symbols=["SOL_USDC"])',
        ARMED + "per_order=9, per_session=34, symbols={'SOL_USDC'})",
    ],
    "10.4": [
        ETH + '"Bid", "Limit", price="2000", quantity="0.0001", post_only=True)',
        # Placed, seen, cancelled: the whole way, before the check.
        ETH + '"Bid", "Limit", price="2000", quantity="0.0001", post_only=True)\n'
        'bp.cancel_open_orders("ETH_USDC")',
        # A first try that was wrong does not count.
        ETH + '"Bid", "Limit", price="2400", quantity="0.0001", post_only=True)\n' + ETH + '"Bid", '
        '"Limit", price="2000", quantity="0.0001", post_only=True)',
    ],
    "10.5": [
        STOP + "for order in client.get_open_orders():\n"
        '        client.cancel_order(order["symbol"], order_id=order["id"])',
        STOP + "while orders := client.get_open_orders():\n"
        '        client.cancel_open_orders(orders[0]["symbol"])',
        STOP + "for market in client.get_markets():\n"
        '        client.cancel_open_orders(market["symbol"])',
    ],
}
