"""Write a service's exchange into a snapshot, restore it, and begin again.

A snapshot is ``{"version", "engine", "seed", "time", "state", "sha256"}``. ``version`` is that of
bpkit, ``engine`` the number of the state: only the same number can be restored. ``sha256`` is a
checksum: a file that was changed is refused.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from decimal import Decimal
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple

from ..core import snapshot
from ..core.conflicts import Conflicts
from ..core.exchange import Exchange
from ..core.transfers import Transfers
from ..formatting import iso

if TYPE_CHECKING:
    from .advance import Advance
    from .faults import ActiveFaults
    from .play import Play
    from .record import Log
    from .subscriptions import Hub

FIELDS = ("version", "engine", "seed", "time", "state")
Json = dict[str, Any]


class OtherVersion(ValueError):
    """The snapshot is of another version of the engine."""


class Origin(NamedTuple):
    """Where exchanges come from. ``version``: of bpkit. ``seed``: of the present exchange.
    ``fresh``: makes another one, without accounts; its time is that of a start."""

    version: str
    seed: str
    fresh: Callable[[str, Conflicts], Exchange]


class Restarts:
    """The part of a service that replaces its exchange.

    ``first``: public key -> funds of the accounts that are there after a reset. ``behind_us``: how
    far the market is behind the clock that it follows.
    """

    exchange: Exchange
    capital: Transfers
    lock: threading.RLock
    play: Play | None
    advance: Advance | None
    faults: ActiveFaults
    log: Log
    hub: Hub
    _market_clock: Callable[[], int] | None

    def __init__(self, origin: Origin | None) -> None:
        self._origin, self.behind_us = origin, 0
        self.first: dict[str, dict[str, Decimal]] = {}

    @property
    def origin(self) -> Origin:
        """ValueError: the service was made without one."""
        if self._origin is None:
            raise ValueError("this service was made without an origin: it has only one exchange")
        return self._origin

    @property
    def seed(self) -> str:
        """Of the present exchange's market; "" if the service was made without an origin."""
        return "" if self._origin is None else self._origin.seed

    def open_first_account(self, public_key: str, funds: Mapping[str, Decimal]) -> None:
        """Open an account that each reset opens again, with the same funds."""
        self.exchange.open_account(public_key, funds)
        self.first[public_key] = dict(funds)

    def snapshot(self) -> Json:
        """The whole state of the exchange, as JSON."""
        with self.lock:
            saved = {
                "version": self.origin.version,
                "engine": snapshot.ENGINE,
                "seed": self.origin.seed,
                "time": f"{iso(self.exchange.now_us, 6)}Z",
                "state": snapshot.pack(self.exchange, self.capital),
            }
        return saved | {"sha256": _checksum(saved)}

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Make the exchange what it was when the snapshot was made. All sockets are closed.

        ValueError: an advance or ``play`` runs, or this is not a snapshot, or it was changed;
        OtherVersion: it is of another version of the engine. Then nothing has changed.
        """
        self._check_still("restore")
        _check(saved, self.origin.version)
        exchange = self.origin.fresh(saved["seed"], Conflicts())  # filled without the lock:
        capital = Transfers(exchange)  # it takes seconds if there are many orders
        snapshot.unpack(saved["state"], exchange, capital)
        with self.lock:
            self._check_still("restore")
            self._replace(exchange, capital, saved["seed"])

    def reset(self, seed: str | None = None) -> None:
        """Begin again: a new exchange, with the first accounts. All sockets are closed.

        Faults and the log are gone. ``seed``: the same unless given. ValueError: an advance or
        ``play`` runs.
        """
        with self.lock:
            self._check_still("reset")
            seed = self.origin.seed if seed is None else seed
            exchange = self.origin.fresh(seed, self.exchange.conflicts)
            for public_key, funds in self.first.items():
                exchange.open_account(public_key, funds)
            self._replace(exchange, Transfers(exchange), seed)
            self.faults.clear()
            self.log.clear()

    def _check_still(self, name: str) -> None:
        if self.advance is not None:
            raise ValueError(f"advance() moves the time now; wait until it is done, then {name}()")
        if self.play is not None:
            raise ValueError(f"play() moves the time now; leave its block before {name}()")

    def _replace(self, exchange: Exchange, capital: Transfers, seed: str) -> None:
        self.exchange, self.capital = exchange, capital
        self._origin = self.origin._replace(seed=seed)
        if self._market_clock is not None:
            self.behind_us = self._market_clock() - exchange.now_us
        self.hub.close_all()


def _check(saved: Mapping[str, Any], version: str) -> None:
    """Raises OtherVersion, ValueError."""
    fields = (*FIELDS, "sha256")
    if not isinstance(saved, Mapping) or not set(fields) <= saved.keys():
        raise ValueError(
            f"this is not a snapshot, an object with {', '.join(fields)}; give one that "
            "snapshot() made"
        )
    if saved["engine"] != snapshot.ENGINE:
        raise OtherVersion(
            f"engine={saved['engine']!r} (bpkit {saved['version']}) made this snapshot, and this "
            f"is engine {snapshot.ENGINE} (bpkit {version}); restore it with that bpkit"
        )
    if saved["sha256"] != _checksum(saved):
        raise ValueError("the snapshot was changed after it was made; take the file as it was")


def _checksum(saved: Mapping[str, Any]) -> str:
    """Of all fields, whatever their order; within the state only lists matter."""
    text = json.dumps([saved[name] for name in FIELDS], sort_keys=True, separators=(",", ":"))
    return sha256(text.encode()).hexdigest()
