"""Answers to the exercises of notebook 06."""


def _returns(value: str) -> str:
    return f"def trade_returns(trades):\n    return {value}"


def _hourly(high: str, volume: str, close: str = "last") -> str:
    return (
        "def hourly(minutes):\n"
        f'    rules = {{"open": "first", "high": "{high}", "low": "min", "close": "{close}",'
        f' "volume": "{volume}"}}\n'
        '    return minutes.resample("1h").agg(rules)'
    )


def _daily(value: str) -> str:
    return f"def daily_volume(hours, zone):\n    return {value}"


def _average(value: str, bought: str = 'fills[fills["side"] == "Bid"]') -> str:
    return f"def average_price(fills):\n    bought = {bought}\n    return {value}"


def _fees(value: str) -> str:
    return f"def fees_in_usdc(fills):\n    return {value}"


def _funding(value: str) -> str:
    return f"def funding_of(quantity, mark_price, rate):\n    return {value}"


_COST = '(bought["price"] * bought["quantity"]).sum()'
_UTC_DAYS = 'hours["volume"].resample("1D").sum()'

WRONG = {
    "06.1": [
        (_returns('-trades["price"].pct_change().dropna()'), "not the size"),
        (_returns('trades["price"].pct_change().dropna()[::-1]'), "turned round after"),
        (_returns('trades[::-1]["price"].pct_change().dropna()[::-1]'), "The oldest should"),
        (_returns('trades[::-1]["price"].pct_change().dropna() * 100'), "These are percent"),
        (_returns('trades[::-1]["price"].diff().dropna()'), "These are differences in USDC"),
        (_returns("None"), "Yours are []"),
        (_returns('trades["prices"].pct_change()'), "`trade_returns(...)` raised KeyError"),
    ],
    "06.2": [
        (_hourly("max", "mean"), "`volume` should be 12, and is 4.0"),
        (_hourly("mean", "sum"), "`high` should be 109, and is 106.0"),
        (_hourly("max", "last"), "`volume` should be 12, and is 6.0"),
        (_hourly("last", "sum"), "`high` should be 109, and is 105.0"),
        (_hourly("max", "sum", "max"), "`close` should be 102, and is 103.0"),
        (
            _hourly("max", "sum").replace('"1h"', '"1h", label="right"'),
            "the hour that begins at 10:00 is called 11:00",
        ),
        (
            _hourly("max", "sum").replace('resample("1h")', "groupby(minutes.index.hour)"),
            "an hour is called 10, whatever its day",
        ),
        ("def hourly(minutes):\n    return minutes['volume'].resample('1h').sum()", "'open'"),
    ],
    "06.3": [
        (_daily(f"{_UTC_DAYS}.tz_convert(zone)"), "convert the hours before they are added up"),
        (
            _daily('hours.tz_localize(None).tz_localize(zone)["volume"].resample("1D").sum()'),
            "still those of UTC",
        ),
        (
            _daily('hours.tz_convert("Asia/Tokyo")["volume"].resample("1D").sum()'),
            "For the days of America/New_York",
        ),
        (_daily('hours["volume"].resample("1D", offset="9h").sum()'), "leaves out an `offset`"),
        (_daily('hours["volumes"].sum()'), "`daily_volume(...)` raised KeyError"),
        (
            _daily('hours.tz_convert(zone)["volume"].resample("1D").mean()'),
            "For the days of Asia/Tokyo",
        ),
    ],
    "06.4": [
        (_average(f"{_COST} / len(bought)"), "Divide by the SOL"),
        (_average(_COST), "what all of it cost"),
        (_average(f'{_COST} / bought["quantity"].sum()', "fills"), "Sales are in it"),
        (_average('bought["price"].sum() / len(bought)', "fills"), "Sales are in it, and each"),
        (
            _average(f'{_COST} / (bought["quantity"] - bought["fee"]).sum()'),
            "The fees are in it",
        ),
        (_average(f'float({_COST} / bought["quantity"].sum())'), "105.0 is no Decimal"),
        (_average("bought"), "should give one number"),
    ],
    "06.5": [
        (_fees('(fills["fee"] * fills["price"]).sum()'), "was multiplied by a price"),
        (_fees('fills["fee"][fills["feeSymbol"] == "USDC"].sum()'), "of the sales alone"),
        (_fees('fills["fee"][fills["feeSymbol"] == "SOL"].sum()'), "That is in SOL"),
        (
            _fees('(fills["fee"] * fills["price"])[fills["feeSymbol"] == "SOL"].sum()'),
            "of the purchases alone",
        ),
        (_fees("0.67"), "is no Decimal"),
    ],
    "06.6": [
        (
            _funding("-quantity * mark_price * abs(rate)"),
            "Long 2 SOL at a rate below zero, you receive",
        ),
        (
            _funding("-abs(quantity) * mark_price * rate"),
            "Short 2 SOL at a rate above zero, you receive",
        ),
        (_funding("-quantity * mark_price"), "yours is -300"),
        (_funding("-quantity * mark_price * rate * 100"), "yours is -3"),
        (
            _funding("-float(quantity) * float(mark_price) * float(rate)"),
            "Leave the Decimals as they are",
        ),
        (
            _funding("quantities * mark_price"),
            "`funding_of(Decimal('2'), Decimal('150'), Decimal('0.0001'))` raised NameError",
        ),
    ],
}

RIGHT = {
    "06.1": [
        _returns('trades.sort_values("timestamp")["price"].pct_change().dropna()'),
        _returns('trades["price"][::-1].pct_change()'),
    ],
    "06.2": [
        _hourly("max", "sum").replace('resample("1h")', 'groupby(minutes.index.floor("1h"))'),
        _hourly("max", "sum") + ".reset_index()",
        _hourly("max", "sum") + '.tz_convert("Asia/Tokyo")',
    ],
    "06.3": [
        _daily('hours["volume"].groupby(hours.index.tz_convert(zone).date).sum()'),
    ],
    "06.5": [
        "def fees_in_usdc(fills):\n"
        "    return sum(\n"
        '        fill.fee * fill.price if fill.feeSymbol == "SOL" else fill.fee\n'
        "        for fill in fills.itertuples()\n"
        "    )",
    ],
    "06.6": [_funding("quantity * mark_price * -rate")],
}
