"""Assets, Markets, Trades: markets, prices, candles, order books. Public: no key needed."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from ..enums import DepthLimit, KlineInterval, MarketType, PriceType, TickerInterval
from ..results import Record, Rows
from .section import Section


class Assets(Section):
    """The assets, and how they count as collateral."""

    def get_assets(self, country: str | None = None) -> Rows:
        """Every asset, with the blockchains it can be deposited from and withdrawn to.

        Rows: symbol, displayName, coingeckoId, tokens (a list). ``.df``: one row for each asset and
        blockchain; minimums and fees in the asset. ``country``: only what the exchange offers
        there. Docs: Assets, Get assets.
        """
        return self._call("get_assets", locals())

    def get_collateral_parameters(self) -> Rows:
        """How much of each asset counts as collateral.

        Rows: symbol, ``haircutFunction`` (how much less than its value it counts), ``imfFunction``
        and ``mmfFunction`` (initial and maintenance margin fractions). Docs: Assets, Get
        collateral.
        """
        return self._call("get_collateral_parameters", locals())


class Markets(Section):
    """Markets, prices, candles, rates; prediction markets and securities."""

    def get_markets(self, market_type: MarketType | Sequence[MarketType] | None = None) -> Rows:
        """Every market with its filters (tickSize, stepSize, minQuantity ...), closed ones too.

        The answer may be up to five minutes old; that of ``get_market`` is not. Docs: Markets, Get
        markets.
        """
        return self._call("get_markets", locals())

    def get_market(self, symbol: str) -> Record:
        """One market with its filters. Docs: Markets, Get market."""
        return self._call("get_market", locals())

    def get_ticker(self, symbol: str, interval: TickerInterval | None = None) -> Record:
        """Price change, range and volume over the last ``1d`` (default) or ``1w``.

        ``priceChangePercent`` is a fraction: 0.04 is 4 %. Empty for a market without trades. It may
        be 20 seconds old: to watch a price, use ``get_depth`` or ``get_recent_trades``. Docs:
        Markets, Get ticker.
        """
        return self._call("get_ticker", locals())

    def get_tickers(self, interval: TickerInterval | None = None) -> Rows:
        """``get_ticker`` of all markets that have trades. Docs: Markets, Get tickers."""
        return self._call("get_tickers", locals())

    def get_depth(self, symbol: str, limit: DepthLimit | None = None) -> Record:
        """The order book: ``asks`` and ``bids`` as [price, quantity].

        Both rise by price: the best ask comes first, **the best bid comes last**. ``timestamp`` in
        microseconds, ``lastUpdateId`` as text. ``limit``: levels a side. ``.df``: one table with
        the highest ask first. Docs: Markets, Get depth.
        """
        return self._call("get_depth", locals())

    def get_klines(
        self,
        symbol: str,
        interval: KlineInterval,
        start_time: datetime | str | int,
        end_time: datetime | str | int | None = None,
        price_type: PriceType | None = None,
    ) -> Rows:
        """Candles, oldest first.

        An answer has at most 1000, beginning with the oldest (not documented, but seen by others).
        For more, ask again from the last one. ``start_time`` (rounded down to the interval) and
        ``end_time``: aware datetimes, ISO texts with a zone, or whole Unix seconds. The index of
        ``.df`` is ``start`` in UTC; prices are NaN if nothing was traded. The live exchange allows
        30 such requests a minute. Docs: Markets, Get K-lines.
        """
        return self._call("get_klines", locals())

    def get_mark_prices(
        self, symbol: str | None = None, market_type: MarketType | None = None
    ) -> Rows:
        """Mark price, index price and hourly funding rate (a fraction) of futures: always a list.

        Docs: Markets, Get all mark prices.
        """
        return self._call("get_mark_prices", locals())

    def get_open_interest(self, symbol: str | None = None) -> Rows:
        """Open contracts, in the base asset: a list, also for one symbol.

        Docs: Markets, Get open interest.
        """
        return self._call("get_open_interest", locals())

    def get_funding_interval_rates(
        self, symbol: str, limit: int | None = None, offset: int | None = None
    ) -> Rows:
        """Funding rates of a future, newest first; the first interval may still be running.

        Fractions for each hour. ``limit`` up to 10000. Docs: Markets, Get funding interval rates.
        """
        return self._call("get_funding_interval_rates", locals())

    def get_prediction_events(
        self,
        symbol: str | None = None,
        *,
        tag_slug: str | None = None,
        event_slug: str | None = None,
        series_slug: str | None = None,
        resolved: bool | None = None,
        limit: int | None = None,
        offset: int | None = None,
    ) -> Rows:
        """Events of prediction markets, each with its ``predictionMarkets``.

        Filters: a market's ``symbol``, the slug of a tag, an event or a series, and whether the
        event is ``resolved``. ``quoteVolume``: of 24 hours, in the quote asset. ``limit``:
        100 by default, up to 1000. Docs: Markets, Get prediction events.
        """
        return self._call("get_prediction_events", locals())

    def get_prediction_tags(self) -> Rows:
        """The tags of prediction events: rows of slug and title.

        Docs: Markets, Get prediction tags.
        """
        return self._call("get_prediction_tags", locals())

    def get_market_sessions(self) -> Rows:
        """The trading hours of securities, by the name of the session.

        ``startTime`` and ``endTime`` are in the session's own ``timezone``; weekdays are 1 (Monday)
        to 7. Docs: Markets, Get market sessions.
        """
        return self._call("get_market_sessions", locals())

    def get_securities(self) -> Rows:
        """Securities that you can trade, with the ``sessions`` of each and their quantity filters.

        Docs: Markets, Get securities.
        """
        return self._call("get_securities", locals())

    def get_market_holidays(self) -> Any:
        """The days on which markets of securities are closed.

        Not in the official specification: the shape of the answer is not known.
        """
        return self._call("get_market_holidays", locals())


class Trades(Section):
    """Public trades."""

    def get_recent_trades(self, symbol: str, limit: int | None = None) -> Rows:
        """The latest trades, newest first. ``limit``: 100 by default, up to 1000.

        ``isBuyerMaker`` True: the taker sold. Docs: Trades, Get recent trades.
        """
        return self._call("get_recent_trades", locals())

    def get_historical_trades(
        self, symbol: str, limit: int | None = None, offset: int | None = None
    ) -> Rows:
        """Older trades, newest first; ``offset`` skips rows.

        The live exchange allows 30 such requests a minute. Docs: Trades, Get historical trades.
        """
        return self._call("get_historical_trades", locals())
