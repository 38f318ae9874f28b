"""Answers to the exercises of notebook 01."""

_CANDLES = """\
requests.get(f"{sandbox.url}/api/v1/klines", params={"symbol": "%s", "interval": "%s", %s})"""
_TICKS = """\
from decimal import Decimal
btc = bp.get_depth("BTC_USDC", limit=5)
asks, bids = [[Decimal(price) for price, _ in btc[side]] for side in ("asks", "bids")]
spread_in_ticks = """
_MOMENT = "from datetime import UTC, datetime, timedelta, timezone\ndef moment(text):\n    return "

WRONG = {
    "01.1": [
        ('def top_bid(book):\n    return book["asks"][0][0]', "Somebody *sells* at this price"),
        ('def top_bid(book):\n    return book["bids"][-1]', "a price and a quantity"),
        ('def top_bid(book):\n    print(book["bids"][-1][0])', "no `return`"),
        ('def top_bid(book):\n    return book.df["price"].max()', "Somebody *sells* at this price"),
        ('def top_bid(book):\n    return book["bids"][-1][1]', "a quantity, not a price"),
        ('def top_bid(book):\n    return max(book["bids"])[0]', "letter by letter"),
        ('def top_bid(book):\n    return book["bids"][4][0]', "This book has 2 bids"),
        ('def top_bid(book):\n    return book["bids"][1][0]', "not the highest"),
        ('top_bid = "170.7"', "should be a function"),
    ],
    "01.2": [
        (_CANDLES % ("ETH_USDC", "1h", '"startTime": 1788220800.5'), "Write a whole number"),
        (_CANDLES % ("ETH_USDC", "1h", '"startTime": "2026-09-01T00:00Z"'), "refused it"),
        # Midnight of a machine two hours ahead; and half a thousandth.
        (_CANDLES % ("ETH_USDC", "1h", '"startTime": 1788213600'), "2026-08-31 22:00 UTC"),
        (_CANDLES % ("ETH_USDC", "1h", '"startTime": 178822080'), "not in 2026"),
        (_CANDLES % ("ETH_USDC", "1h", '"startTime": 17882208000'), "far in the future"),
        (_CANDLES % ("ETH_USDC", "1m", '"startTime": 1788220800'), "interval 1m"),
        (_CANDLES % ("SOL_USDC", "1h", '"startTime": 1788220800'), "symbol SOL_USDC"),
    ],
    "01.3": [
        (f"{_MOMENT}datetime.fromisoformat(text).astimezone(UTC)", "9 hours too early"),
        (f"{_MOMENT}datetime.fromisoformat(text).astimezone()", "9 hours too early"),
        (
            f"{_MOMENT}datetime.fromisoformat(text).replace(tzinfo=timezone(timedelta(hours=2)))",
            "2 hours too early",
        ),
        (
            f"{_MOMENT}datetime.fromisoformat(text[:19]).replace(tzinfo=UTC)",
            "The fraction of the second is lost",
        ),
        (
            f'{_MOMENT}datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%f").replace(tzinfo=UTC)',
            "raised ValueError",
        ),
        (f'{_MOMENT}text + "Z"', "not a datetime"),
        (f"{_MOMENT}datetime.fromisoformat(text) - timedelta(hours=1)", "still has no zone"),
    ],
    "01.4": [
        (f'{_TICKS}(asks[0] - bids[0]) / Decimal("0.1")', "other buyers offer more"),
        (f"{_TICKS}asks[0] - bids[-1]", "the spread in USDC"),
        (
            f'{_TICKS}(asks[0] - bids[-1]) / Decimal("0.01")',
            "40 would be right for a tick of 0.01",
        ),
        (f"{_TICKS}float(asks[0] - bids[-1]) / 0.1", ", a float. "),
        (f'{_TICKS}(bids[-1] - asks[0]) / Decimal("0.1")', "below zero"),
        (f'{_TICKS}str((asks[0] - bids[-1]) / Decimal("0.1"))', "neither an int nor a Decimal"),
        (f"{_TICKS}3", "not the spread now"),
    ],
}

# Other ways that are right too.
RIGHT = {
    "01.1": [
        'def top_bid(book):\n    return max(float(price) for price, _ in book["bids"])',
        'def top_bid(book):\n    return book.df.query("side == \'Bid\'")["price"].max()',
    ],
    "01.2": [
        'bp.get_klines("ETH_USDC", "1h", start_time="2026-09-01T00:00Z")',
        _CANDLES % ("ETH_USDC", "1h", '"startTime": "1788220800"')
        + "\n"
        + _CANDLES % ("ETH_USDC", "1m", '"startTime": 1788220800'),
    ],
    "01.3": [
        f'{_MOMENT}datetime.fromisoformat(text + "Z")',
        'import pandas as pd\ndef moment(text):\n    return pd.Timestamp(text, tz="UTC")',
    ],
    "01.4": [f"{_TICKS}round((float(asks[0]) - float(bids[-1])) / 0.1)"],
}
