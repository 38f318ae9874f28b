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
        (_returns('trades["price"].pct_change().dropna()[::-1]'), "reversed the rows after"),
        (_returns('trades[::-1]["price"].pct_change().dropna()[::-1]'), "Put the oldest first"),
        (_returns('trades[::-1]["price"].pct_change().dropna() * 100'), "These are percent"),
        (_returns('trades[::-1]["price"].diff().dropna()'), "These are differences in USDC"),
        (_returns("None"), "`trade_returns` returned None. A function returns a value only with"),
        (_returns('trades[::-1]["price"]'), "These are the prices"),
        (_returns('trades[::-1]["price"].pct_change().sum()'), "should return all returns"),
        (_returns('trades["prices"].pct_change()'), "`trade_returns(...)` raised KeyError"),
    ],
    "06.2": [
        (_hourly("max", "mean"), "`volume` should be 12. Yours is 4.0"),
        (_hourly("mean", "sum"), "`high` should be 109. Yours is 106.0"),
        (_hourly("max", "last"), "`volume` should be 12. Yours is 6.0"),
        (_hourly("last", "sum"), "`high` should be 109. Yours is 105.0"),
        (_hourly("max", "sum", "max"), "`close` should be 102. Yours is 103.0"),
        (
            _hourly("max", "sum").replace('"1h"', '"1h", label="right"'),
            "the hour from 10:00 has the time 11:00",
        ),
        (
            _hourly("max", "sum").replace('resample("1h")', "groupby(minutes.index.hour)"),
            "the first hour has the name 10, without a day",
        ),
        (
            "def hourly(minutes):\n    return minutes['volume'].resample('1h').sum()",
            "missing: open",
        ),
    ],
    "06.3": [
        (_daily(f"{_UTC_DAYS}.tz_convert(zone)"), "before you add them up"),
        (
            _daily('hours.tz_localize(None).tz_localize(zone)["volume"].resample("1D").sum()'),
            "still the days of UTC. `tz_localize`",
        ),
        (
            _daily('hours.tz_convert("Asia/Tokyo")["volume"].resample("1D").sum()'),
            "The days in America/New_York have",
        ),
        (_daily('hours["volume"].resample("1D", offset="9h").sum()'), "pandas ignores `offset`"),
        (_daily('hours["volumes"].sum()'), "`daily_volume(...)` raised KeyError"),
        (
            _daily('hours.tz_convert(zone)["volume"].resample("1D").mean()'),
            "The days in Asia/Tokyo have",
        ),
    ],
    "06.4": [
        (_average(f"{_COST} / len(bought)"), "Divide by the quantity, not"),
        (_average(_COST), "the cost of all purchases"),
        (_average(f'{_COST} / bought["quantity"].sum()', "fills"), "counted the sales too. Take"),
        (_average('bought["price"].sum() / len(bought)', "fills"), "a small fill counts as much"),
        (
            _average(f'{_COST} / (bought["quantity"] - bought["fee"]).sum()'),
            "You subtracted the fees",
        ),
        (_average(f'float({_COST} / bought["quantity"].sum())'), "105.0 is not a Decimal"),
        (_average("bought"), "should return one number. Yours returned a DataFrame"),
        (_average('bought["price"].mean()'), "110.0 is not a Decimal. Keep the Decimals"),
        (_average('bought["price"].sum() / bought["quantity"].sum()'), "You added up the prices"),
        (
            _average('bought["price"].sum() * bought["quantity"].sum() / bought["quantity"].sum()'),
            "the sum of two prices",
        ),
        (_average(f'{_COST} / fills["quantity"].sum()'), "the quantity of all fills"),
        (
            "def average_price(fills):\n    print(fills['price'].mean())",
            "`average_price` returned None",
        ),
    ],
    "06.5": [
        (_fees('(fills["fee"] * fills["price"]).sum()'), "multiplied a fee by a price"),
        (_fees('fills["fee"][fills["feeSymbol"] == "USDC"].sum()'), "only the fees of the sales"),
        (_fees('fills["fee"][fills["feeSymbol"] == "SOL"].sum()'), "the sum of the fees in SOL"),
        (
            _fees('(fills["fee"] * fills["price"])[fills["feeSymbol"] == "SOL"].sum()'),
            "only the fees of the purchases",
        ),
        (_fees("0.67"), "is not a Decimal"),
        (
            _fees(
                '(fills["fee"] * fills["price"].where(fills["feeSymbol"] == "USDC", Decimal(1)))'
                ".sum()"
            ),
            "Multiply the fees in SOL instead",
        ),
        (_fees('fills["fee"] * fills["price"]'), "one number. Yours returned a Series"),
    ],
    "06.6": [
        (
            _funding("-quantity * mark_price * abs(rate)"),
            "long 2 SOL, and the rate is below zero, so you receive",
        ),
        (
            _funding("-abs(quantity) * mark_price * rate"),
            "short 2 SOL, and the rate is above zero, so you receive",
        ),
        (_funding("-quantity * mark_price"), "Yours is -320"),
        (_funding("-quantity * mark_price * rate * 100"), "Yours is -0.4"),
        (
            _funding("-float(quantity) * float(mark_price) * float(rate)"),
            "Keep the Decimals as they are",
        ),
        (
            _funding("quantities * mark_price"),
            "`funding_of(Decimal('2'), Decimal('160'), Decimal('0.0000125'))` raised NameError",
        ),
        (
            _funding('(-quantity * mark_price * rate).quantize(Decimal("0.01"))'),
            "USDC. Yours is 0.",
        ),
        (
            "def funding_of(quantity, mark_price, rate):\n    -quantity * mark_price * rate",
            "Yours is None. A function returns a value only with the word `return`",
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
