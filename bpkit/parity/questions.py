"""The questions of the probe as data: what is asked, what is looked at, and which row it checks.

They are in the order in which they are asked: first those on which downloads rest.
"""

from __future__ import annotations

from typing import NamedTuple

from .sending import DEPTH, MARKETS, STATUS, TICKERS, TIME, Ask, ask


class Question(NamedTuple):
    """``row``: how the row of PARITY.md begins. ``looks``: names of ``looks.LOOKS``.

    ``needs``: why it cannot be asked by GET; then it is never seen. ``claim``: what the row says,
    in a few words.
    """

    name: str
    row: str
    claim: str
    asks: tuple[Ask, ...]
    looks: tuple[str, ...]
    needs: str = ""


def _q(name: str, row: str, claim: str, looks: str, *asks: Ask) -> Question:
    return Question(name, row, claim, asks, tuple(looks.split("; ")))


SPOT, PERP, UNKNOWN = "SOL_USDC", "SOL_USDC_PERP", "NO_SUCH_MARKET"
ACCOUNT, HISTORY = ask("get_account", key="own"), "names; types; list; pages; cache"
CANDLES = ask("get_klines", symbol=SPOT, interval="1m", startTime="{now-5d}")
HOURS = ask("get_klines", symbol=SPOT, interval="1h", startTime="{now-3h}")
TICKER, TRADES = ask("get_ticker", symbol=SPOT), ask("get_recent_trades", symbol=SPOT)
UNSIGNED = ask("get_account")
INTEREST = ask("get_open_interest", symbol=PERP)
RATES = ask("get_funding_interval_rates", symbol=PERP, limit="3")
LATER_RATES = ask("get_funding_interval_rates", symbol=PERP, limit="3", offset="1")
STRANGER = ask("get_account", key="stranger")

_KLINES, _MOST = "`get_klines` begins with the candle", "The end time is not included"
_ALIGNED = "Candles of `3d` begin"
_UNKNOWN = "The candles, trades, ticker and open interest of an unknown symbol"
_CLOSED = "The depth, candles and trades of a closed market"
_CACHE, _NULL = "Each operation has its caching header", "A candle without trades has null prices"
_AUTH = "Which status has the refusal of a signature"
_PAGES = "Page headers count from 1"
_JSON = "JSON is compact"

FIRST = (
    _q("klines-most", _MOST, "at most 1,000 candles", "most", CANDLES),
    _q("klines-start", _KLINES, "the first candle holds the start time; oldest first",
       "begins; sorted start", CANDLES),
    _q("klines-end", _MOST, "the end time is not included", "end",
       ask("get_klines", symbol=SPOT, interval="1h", startTime="{hour-8h}", endTime="{hour-3h}")),
    _q("klines-running", _KLINES, "the running candle is left out", "running", HOURS),
    _q("klines-3d", _ALIGNED, "multiples of three days since 1970-01-01", "aligned",
       ask("get_klines", symbol=SPOT, interval="3d", startTime="{now-20d}")),
    _q("klines-1w", _ALIGNED, "Mondays, 00:00", "aligned",
       ask("get_klines", symbol=SPOT, interval="1w", startTime="{now-40d}")),
    _q("klines-1month", _ALIGNED, "the first day, 00:00", "aligned",
       ask("get_klines", symbol=SPOT, interval="1month", startTime="{now-100d}")),
    _q("klines-null", _NULL, "null", "nulls",
       ask("get_klines", symbol="{quiet}", interval="1s", startTime="{now-200s}",
           endTime="{now-20s}")),
    _q("klines-unknown", _UNKNOWN, '400 "Invalid market symbol"', "status; error",
       ask("get_klines", symbol=UNKNOWN, interval="1h", startTime="{now-3h}")),
    _q("klines-closed", _CLOSED, "404", "status; error",
       ask("get_klines", symbol="{closed}", interval="1h", startTime="{now-3h}")),
    _q("trades-unknown", _UNKNOWN, '400 "Invalid market symbol"', "status; error",
       ask("get_recent_trades", symbol=UNKNOWN)),
    _q("trades-closed", _CLOSED, "404", "status; error",
       ask("get_recent_trades", symbol="{closed}")),
    _q("ticker-unknown", _UNKNOWN, '400 "Invalid market symbol"', "status; error",
       ask("get_ticker", symbol=UNKNOWN)),
    _q("ticker-closed", "A market without trades has no ticker", "204", "status",
       ask("get_ticker", symbol="{closed}")),
    _q("interest-unknown", _UNKNOWN, '400 "Invalid market symbol"', "status; error",
       ask("get_open_interest", symbol=UNKNOWN)),
    _q("interest-closed", "The open interest of a closed market", "an empty list",
       "status; error; count", ask("get_open_interest", symbol="{closed}")),
    _q("trades-limit", "A limit is at most 1,000", "1,001 is refused", "status; error; count",
       ask("get_recent_trades", symbol=SPOT, limit="1001")),
    _q("rates-limit", "A limit is at most 1,000", "10,001 is refused", "status; error",
       ask("get_funding_interval_rates", symbol=PERP, limit="10001")),
    _q("unknown-parameter", "A parameter that the operation does not have", "it is ignored",
       "status; error; names", ask("get_time", parity="1")),
    _q("slash", "An unknown path is 404", 'a slash at the end is 404 "not found"',
       "status; error; content-type", ask("get_time", path="/")),
    _q("auth-status", _AUTH, "400", "status", UNSIGNED),
    _q("auth-missing", "Other headers are refused", '"Missing X-API-Key header"', "error",
       UNSIGNED),
    _q("auth-unknown-key", "An unknown key is 401", "401 UNAUTHORIZED", "status; error", STRANGER),
)  # fmt: skip

# Public, too; with a key they come after those of the account.
LATER = (
    _q("pages-public", _PAGES, "a page has as many rows as the limit", "pages", RATES, LATER_RATES),
    _q("offset", "`get_funding_interval_rates` is hourly", "an offset of 1 leaves out one row",
       "overlap; sorted intervalEndTimestamp", RATES, LATER_RATES),
    _q("klines-cache", _CACHE, "public, s-maxage=60", "cache; noted age,x-cache", CANDLES),
    _q("ticker-cache", _CACHE, "public, s-maxage=20", "cache; noted age,x-cache", TICKERS),
    _q("markets-cache", _CACHE, "as recorded", "cache; noted age,x-cache", MARKETS),
    _q("compression", "Answers are never compressed", "never", "headers content-encoding", MARKETS),
    _q("depth-cache", _CACHE, "as recorded", "cache", DEPTH),
    _q("status-type", "`get_status` is JSON", "JSON", "content-type; names", STATUS),
    _q("time-type", "`get_status` is JSON", "the time is plain text", "content-type", TIME),
    _q("json", _JSON, "compact, without trailing zeros", "compact; decimals; names", TICKERS),
    _q("markets", "`get_markets` and `get_market` show", "names in alphabetical order",
       "names; types", MARKETS),
    _q("trades", "`get_recent_trades` and `get_historical_trades`", "100, newest first",
       "count; sorted timestamp; names", TRADES),
    _q("interest", "`get_open_interest` is a list", "a list, even of one market",
       "list; names; types; cache", INTEREST),
    _q("auth-order", "The order of the checks is", "the key is checked before the time", "error",
       ask("get_account", key="stranger", age=3600)),
    _q("auth-base64", "A signature that is not the base64", '"Invalid X-Signature header"', "error",
       ask("get_account", key="stranger", headers={"X-Signature": "AAAA"})),
    _q("auth-bad-key", "Other headers are refused", '"Invalid X-API-Key header"', "error",
       ask("get_account", key="stranger", headers={"X-API-Key": "AAAA"})),
    _q("auth-no-instruction", "Operations without a documented instruction",
       "401 UNAUTHORIZED (asked without a signature)", "status; error",
       ask("get_withdrawal_delay")),
    _q("klines-no-start", "A parameter of a wrong type", "the framework's words", "status; error",
       ask("get_klines", symbol=SPOT, interval="1h")),
    _q("offset-type", "A parameter of a wrong type", "the framework's words", "status; error",
       ask("get_historical_trades", symbol=SPOT, offset="x")),
    _q("old-trades-closed", _CLOSED, "404", "status; error",
       ask("get_historical_trades", symbol="{closed}")),
    *(
        _q(operation, row, "names in order, types", "names; types; list; cache", ask(operation))
        for operation, row in (
            ("get_assets", "`get_assets` has the documented shape"),
            ("get_collateral_parameters", "`get_collateral_parameters` has"),
            ("get_borrow_lend_markets", "`get_borrow_lend_markets` and `get_apy_rates`"),
            ("get_apy_rates", "`get_borrow_lend_markets` and `get_apy_rates`"),
            ("get_fee_tiers", "`get_fee_tiers` has the lists"),
            ("get_market_holidays", "`get_market_holidays`, `get_country`"),
            ("get_country", "`get_market_holidays`, `get_country`"),
            ("get_country_permissions", "`get_market_holidays`, `get_country`"),
            ("get_market_sessions", "`get_market_sessions` and `get_securities`"),
            ("get_securities", "`get_market_sessions` and `get_securities`"),
            ("get_prediction_events", "`get_prediction_events` is an empty page"),
            ("get_vaults", "`get_vaults`, `get_vault_history` are empty"),
            ("get_prediction_tags", "`get_prediction_events` is an empty page"),
            ("get_wallets", "`get_wallets` has addresses"),
        )
    ),
    _q("lend-history", "`get_borrow_lend_markets_history` covers", "oldest first, hourly",
       "sorted timestamp; count; names; list",
       ask("get_borrow_lend_markets_history", interval="1d", symbol="USDC")),
)  # fmt: skip

# Of the account: with a key only.
SIGNED = (
    _q("auth-signature", _AUTH, "400", "status",
       ask("get_account", key="own", headers={"X-Signature": "A" * 86 + "=="})),
    _q("auth-signature-text", "A signature that does not fit the text", '"Invalid signature"',
       "error", ask("get_account", key="own", headers={"X-Signature": "A" * 86 + "=="})),
    _q("order-unknown", "`get_order` and `cancel_order` need exactly one id",
       "404 RESOURCE_NOT_FOUND", "status; error",
       ask("get_order", key="own", symbol=SPOT, orderId="111111111")),
    _q("fills-empty", _PAGES, "an empty history has one page", "pages; count",
       ask("get_fills", key="own", orderId="111111111")),
    _q("orders-empty", _PAGES, "an empty history has one page", "pages; count",
       ask("get_order_history", key="own", orderId="111111111")),
    _q("auth-expired", "After the window", '"Request has expired"', "error",
       ask("get_account", key="own", age=60)),
    _q("auth-ten-minutes", "A timestamp that is more than ten minutes off", "its own message",
       "error", ask("get_account", key="own", age=3600)),
    _q("auth-window", "`X-Window` is 1 to 60,000", '60,001 is "Invalid X-Window header"', "error",
       ask("get_account", key="own", headers={"X-Window": "60001"})),
    _q("auth-no-window", "`X-Window` is 1 to 60,000", "without the header it is 5,000",
       "status; error", ask("get_account", key="own", headers={"X-Window": None})),
    _q("signed-numbers", "Numbers are signed as they are written", "with trailing zeros",
       "status; error",
       ask("get_max_order_quantity", key="own", symbol=SPOT, side="Bid", price="150.250")),
    _q("signed-booleans", "Booleans are signed as", "true", "status; error",
       ask("get_max_order_quantity", key="own", symbol=SPOT, side="Bid", autoBorrow="true")),
    _q("strategy-unknown", "`get_strategy` finds running strategies only", "404 RESOURCE_NOT_FOUND",
       "status; error", ask("get_strategy", key="own", symbol=SPOT, strategyId="111111111")),
    _q("unknown-parameter-signed", "A parameter that the operation does not have",
       "it is ignored, and signed", "status; error", ask("get_account", key="own", parity="1")),
    _q("account", "`get_account` shows fees", "names in order, types", "names; types; cache",
       ACCOUNT),
    _q("settlements", "`get_settlement_history` lists", "documented sources",
       f"words source; {HISTORY}", ask("get_settlement_history", key="own", limit="100")),
    _q("balances", "`get_balances` shows", "names in order, types", "names; types; cache",
       ask("get_balances", key="own")),
    _q("collateral", "`get_collateral` counts", "names in order, types", "names; types; cache",
       ask("get_collateral", key="own")),
    _q("fills", "`get_fills` is newest first", "newest first", f"sorted timestamp; {HISTORY}",
       ask("get_fills", key="own", limit="100")),
    _q("order-history", "`get_order_history` has its own shape", "newest first",
       f"sorted createdAt; {HISTORY}", ask("get_order_history", key="own", limit="100")),
    _q("open-orders", "`get_open_orders` is oldest first", "oldest first",
       "sorted createdAt; names; list", ask("get_open_orders", key="own")),
    _q("positions", "`get_positions` is a list", "names in order, types", "names; types; list",
       ask("get_positions", key="own")),
    _q("position-history", "`get_position_history` has no page headers", "no page headers",
       "headers x-page-count,x-total", ask("get_position_history", key="own")),
    _q("funding", "`get_funding_payments`: longs", "names in order, types", HISTORY,
       ask("get_funding_payments", key="own", limit="100")),
    _q("deposits", "`get_deposits` is newest first", "no page headers",
       "headers x-page-count,x-total; names; sorted createdAt",
       ask("get_deposits", key="own", limit="100")),
    _q("withdrawals", "`get_withdrawals` is newest first", "newest first",
       "headers x-page-count; names; sorted createdAt",
       ask("get_withdrawals", key="own", limit="100")),
    _q("interest-history", "`get_borrow_lend_history`, `get_interest_history`", "newest first",
       f"sorted timestamp; {HISTORY}", ask("get_interest_history", key="own", limit="100")),
    _q("lend-changes", "`get_borrow_lend_history`, `get_interest_history`", "newest first",
       f"sorted timestamp; {HISTORY}", ask("get_borrow_lend_history", key="own", limit="100")),
    _q("lend-position-history", "`get_borrow_lend_history`, `get_interest_history`",
       "names in order, types", HISTORY,
       ask("get_borrow_lend_position_history", key="own", limit="100")),
    _q("lend-positions", "`get_borrow_lend_positions` lists", "names in order, types",
       "names; types; list", ask("get_borrow_lend_positions", key="own")),
    _q("dust", "`get_dust_history` has the documented shape", "names in order, types", HISTORY,
       ask("get_dust_history", key="own", limit="100")),
    _q("strategies", "`get_strategies_history` has the strategies", "newest first", HISTORY,
       ask("get_strategies_history", key="own", limit="100")),
    _q("max-order", "`get_max_order_quantity` has", "fields that were not sent are null", "names",
       ask("get_max_order_quantity", key="own", symbol=SPOT, side="Bid")),
    _q("max-borrow", "`get_max_borrow_quantity` is", "names in order, types", "names; types",
       ask("get_max_borrow_quantity", key="own", symbol="SOL")),
    _q("max-withdrawal", "`get_max_withdrawal_quantity` is", "fields that were not sent are null",
       "names", ask("get_max_withdrawal_quantity", key="own", symbol="USDC")),
)  # fmt: skip

# What no GET can show.
UNSEEN = (
    Question("head", "HEAD is answered like GET", "like GET", (), (), "another method"),
    Question("unknown-method", "An unknown method is 405", "405", (), (), "another method"),
    Question("post-only", "What happens to a post-only order", "refused", (), (), "an order"),
    Question("unknown-cancel", "What is the answer to the cancel", "400", (), (), "a cancel"),
    Question("replay", "The same signed request counts again", "twice", (), (), "an order"),
    Question("body-type", "A body without `Content-Type", "415", (), (), "another method"),
    Question("withdrawal-pays", "A withdrawal takes its quantity", "at once", (), (),
             "a withdrawal"),
)  # fmt: skip

QUESTIONS: tuple[Question, ...] = (*FIRST, *SIGNED, *LATER, *UNSEEN)
