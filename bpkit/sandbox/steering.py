"""Steer a sandbox: set its prices, keep its state and go back to it, or begin again."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

from .server.service import Service, uninterrupted

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MOVES = ("last", "mark", "index")


class Steering:
    """Methods of a Sandbox."""

    _service: Service

    def snapshot(self) -> dict[str, Any]:
        """The whole state of the exchange: accounts, orders, positions, books, trades, the time.

        It is JSON: ``json.dump`` it to a file, and give ``restore`` what ``json.load`` reads. It
        has no secret keys, no log and no faults. ``version``: of bpkit. ``engine``: the number of
        its state; only the same number can be restored. ``seed`` and ``time``: of the market.
        """
        return self._service.snapshot()

    def restore(self, snapshot: Mapping[str, Any]) -> None:
        """Go back to a snapshot of this or another sandbox.

        The same calls as after the snapshot then have the same results. Accounts keep their keys.
        Faults and the log stay as they are. WebSockets are closed, code 1001: a client must
        subscribe again. A book (``bp.order_book``) that has seen later updates stays stale and says
        so: open another. A market that follows the clock goes on from the snapshot's time.

        ValueError: the snapshot is of another version of the engine, or was changed; or ``play`` or
        an advance runs. Then nothing has changed.
        """
        uninterrupted(partial(self._service.restore, snapshot))

    def reset(self, *, seed: str | None = None) -> None:
        """Begin again, as a new sandbox: faster, and with the same address and key.

        The market's time is that of the start. Faults, the log and accounts that were opened later
        are gone. WebSockets are closed as by ``restore``. ``seed``: the same unless given.
        ValueError: it is not text; or ``play`` or an advance runs.
        """
        if seed is not None and not isinstance(seed, str):
            raise ValueError(f'seed={seed!r} is not text; write reset(seed="7")')
        uninterrupted(partial(self._service.reset, seed))

    def set_price(
        self, symbol: str, price: str | Decimal, moves: Collection[str] = MOVES
    ) -> dict[str, Any]:
        """Let a market's price jump at once, and hold it there until ``clear_path``.

        Nothing is traded in between: a stop in the gap fills at the new price or worse. ``price``:
        in the quote asset, rounded to the tick. ``moves``: see ``set_path``.

        Returns ``symbol``, ``price`` (text), and how many conditional orders were triggered
        (``triggers``) and trades of users made (``fills``) at once. ValueError: no such market, the
        market is closed, a wrong price, or wrong ``moves``.
        """
        exchange = self._service.exchange
        return self._service.command(lambda: exchange.set_price(symbol, price, moves))

    def set_path(self, symbol: str, path: str | Mapping[str, Any]) -> dict[str, Any]:
        """Let a market's price follow a path, one price a second of market time.

            sandbox.set_path("SOL_USDC_PERP", "170 -> 150 in 5m; hold 1m; jump 140; -> 155 in 10m")
            sandbox.set_path("SOL_USDC_PERP", "-20% in 5m; back in 5m")
            sandbox.set_path("SOL_USDC_PERP", "crash")
            sandbox.set_path("SOL_USDC_PERP", {"steps": "jump -5%", "moves": ["mark"]})
            sandbox.advance(minutes=5)

        Names: crash ("-20% in 5m"), spike ("+20% in 1m; back in 1m"), gap ("jump -10%"), drift
        ("+5% in 1d"), whipsaw ("-3% in 1m; +3% in 1m"), flat ("hold 1h"). They may have numbers:
        "crash 30% in 10m".

        As a dict: ``steps`` (text, or a list such as ``{"from": "170", "to": "150", "in": "5m"}``,
        ``{"hold": "1m"}``, ``{"jump": "140"}``) or ``name`` with ``percent`` and ``in``;
        ``moves``: which prices follow, of "last", "mark" and "index" (all unless given); ``after``:
        "hold" (unless given; the price stays at the last one) or "tape" (it goes on with the
        market's own moves). A path of SOL_USDC that moves the index moves that of SOL_USDC_PERP.

        It replaces the path that these prices follow. Returns ``symbol``, ``ends`` (when its last
        step ends, UTC) and ``steps`` (their number). ValueError names the step and what to write.
        """
        exchange = self._service.exchange
        answer = self._service.command(lambda: exchange.set_path(symbol, path))
        return answer | {"ends": EPOCH + timedelta(microseconds=answer["ends"])}

    def clear_path(self, symbol: str) -> None:
        """End a market's path: its prices go on from where they are, with the market's own moves.

        It also ends ``set_price``. ValueError: the market follows no path.
        """
        exchange = self._service.exchange
        self._service.command(lambda: exchange.clear_path(symbol))
