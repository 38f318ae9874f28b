"""Answers to the exercises of notebook 02."""

from exercises.n02 import EXERCISES

_STARTER = {one.id: one.starter for one in EXERCISES}
_SOLVED = {one.id: one.solution for one in EXERCISES}


def _starter(id: str, *changes: tuple[str, str]) -> str:
    return _changed(_STARTER[id], *changes)


def _solved(id: str, *changes: tuple[str, str]) -> str:
    return _changed(_SOLVED[id], *changes)


def _in_ipython(id: str, code: str) -> str:
    """The cell, with IPython's list of the cells that were run: the starter, and this one."""
    return f"{code}\nIn = ['', {_STARTER[id]!r}, {code!r}]"


def _changed(code: str, *changes: tuple[str, str]) -> str:
    for old, new in changes:
        assert old in code, old
        code = code.replace(old, new)
    return code


_SORTED_BY_HAND = (
    '{"symbol": "ETH_USDC", "limit": 20, "sortDirection": "Asc"}',
    '{"limit": 20, "sortDirection": "Asc", "symbol": "ETH_USDC"}',
)
_HEX = "private_key.sign(text.encode()).hex()"
_MS = "time.time_ns() // 1_000_000"
_ACCOUNT = "/api/v1/account"

WRONG = {
    "02.1": [
        (_solved("02.1", ("&timestamp", "timestamp")), "Invalid signature"),
        (_solved("02.1", ("&timestamp={now}", "")), "The timestamp is missing from the text"),
        (_solved("02.1", ("&symbol=ETH_USDC", "")), "No parameter of the query was signed"),
        (_solved("02.1", ("fillHistoryQueryAll", "fillHistory")), "instruction=fillHistory"),
        (_solved("02.1", ("ETH_USDC", "SOL_USDC")), "asked for symbol=SOL_USDC"),
        (_solved("02.1", ("* 1000", "")), "not in whole milliseconds"),
        (
            _in_ipython("02.1", _starter("02.1", ("int(time.time() * 1000)", _MS))),
            "HTML has damaged",
        ),
    ],
    "02.2": [
        (_starter("02.2", _SORTED_BY_HAND), "not right for every dict"),
        (
            _starter("02.2", ("params.items()", "reversed(params.items())"),
                     ('{"symbol": "ETH_USDC", "limit": 20, "sortDirection": "Asc"}',
                      '{"symbol": "ETH_USDC", "sortDirection": "Asc", "limit": 20}')),
            "not right for every dict",
        ),
        (
            _solved("02.2", ("sorted(params.items())", "sorted(params.items(), reverse=True)"),
                    ('"limit": 20, ', "")),
            "The exchange refused it",
        ),
        (_solved("02.2", ('"limit": 20, ', "")), "had no limit"),
        (_solved("02.2", ('"&{name}', '"{name}')), "Invalid signature"),
    ],
    "02.3": [
        (_starter("02.3", ("=deposit_params,", '=deposit_params | {"excludePlatform": "true"},')),
         "A boolean is spelled with a capital letter"),
        (_starter("02.3", ('"excludePlatform": True, ', "")), "had no excludePlatform"),
        (_starter("02.3", ("True", "1")), "received excludePlatform=1"),
        (_starter("02.3", ("True", '"false"')), "asked for excludePlatform=false"),
        (_starter("02.3", ("True", '"true"'), ("7", "20")), "asked for limit=20"),
        (_in_ipython("02.3", _starter("02.3", ("True", '"True"'))),
         "Change the value that is sent"),
    ],
    "02.4": [
        (_starter("02.4", ("{now}", "{now}&window=20000")), "for a window of 1000"),
        (_starter("02.4", ("{now}", "{now}&window=5000")), "Another window was signed"),
        (
            _starter("02.4", ("{now}", "{now}&window=5000"), ("20000", "5000")),
            "for a window of 20000",
        ),
        (
            _solved("02.4", ("{now}&window={window}", "{window}&window={now}")),
            "The exchange refused it",
        ),
    ],
    "02.5": [
        (_starter("02.5", ("timestamp={now}", "timestamp={now * 1000}")), "You signed the time"),
        (_starter("02.5", ("_text, now", "_text, now * 1000")), "Both need the same time"),
        (
            _starter("02.5", ("int(time.time())", "time.time() * 1000")),
            "Invalid X-Timestamp header",
        ),
        (_solved("02.5", ("* 1000", "* 1000 - 60_000")), "Request has expired"),
        (
            _in_ipython("02.5", _starter("02.5", ("time.time()", "time.time() / 1000"))),
            "not in whole milliseconds",
        ),
    ],
    "02.6": [
        (_starter("02.6", (_HEX, "str(base64.b64encode(private_key.sign(text.encode())))")),
         "a b and quotation marks"),
        (_starter("02.6", (_HEX, f"base64.b64encode({_HEX}.encode()).decode()")), "wrote the hex"),
        (
            _starter("02.6", (_HEX, "base64.b64encode(text.encode()).decode()")),
            "64 bytes in base64 have 88",
        ),
        ("signature_text = private_key.sign(text.encode())", "64 raw bytes"),
        (
            _in_ipython("02.6", _starter("02.6", (".hex()", ".hex().upper()"))),
            "X-Signature is not",
        ),
        (_solved("02.6", ("collateralQuery", "balanceQuery")), "Another instruction"),
    ],
    "02.7": [
        (_solved("02.7", ("accountQuery", "balanceQuery")), "Another instruction"),
        (
            _starter("02.7", ("= {}", '= {"X-API-Key": public_key}')),
            "Missing X-Signature header",
        ),
        (_solved("02.7", (_ACCOUNT, "/api/v1/accounts"), (".json()", ".text")), "not know GET"),
        (
            _solved("02.7", ("{})", '{"symbol": "SOL_USDC"})')),
            "could not find out which text",
        ),
        (
            _in_ipython("02.7", _starter("02.7", ("{}", '{"X-Window": "5000"}'))),
            "Missing X-API-Key header",
        ),
        (
            _in_ipython("02.7", 'account_headers = sign_now("accountQuery", {})'),
            "did not send this request",
        ),
    ],
}  # fmt: skip

# Other ways that are right too.
RIGHT = {
    "02.1": [
        'bp.get_fills("ETH_USDC")',
        # A first try that was wrong does not count.
        _solved("02.1", ("&timestamp", "timestamp")) + "\n" + _SOLVED["02.1"],
    ],
    "02.2": [
        _starter("02.2", ("for name, value in params.items()", "for name, value in pairs"),
                 ("    pairs = ", "    pairs = sorted(params.items())\n    pairs = ")),
    ],
    "02.3": [_starter("02.3", ("True", '"true"'))],
    "02.4": [
        _starter("02.4", ('timestamp={now}"', 'timestamp={now}" + "&window=" + str(window)')),
    ],
    "02.5": [_starter("02.5", ("int(time.time())", _MS))],
    "02.6": [
        _starter("02.6", (_HEX, "sandbox.key.sign(text)")),
        # Bytes are sent as they are, without the b and the quotes.
        _starter("02.6", (_HEX, "base64.b64encode(private_key.sign(text.encode()))")),
    ],
    "02.7": [
        "bp.get_account()",
        _solved("02.7", (_ACCOUNT, "/api/v1/accounts"), (".json()", ".text"))
        + "\n" + _SOLVED["02.7"],
    ],
}  # fmt: skip
