"""Steer a sandbox: keep its state and go back to it, or begin again."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from .server.service import Service, uninterrupted


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
        """Go back to a snapshot, of this or another sandbox: what follows is the same as then.

        Accounts keep their keys. Faults and the log stay as they are. WebSockets are closed, code
        1001: a client must subscribe again, because its books are not true any more. A market that
        follows the clock goes on from the snapshot's time.

        ValueError: the snapshot is of another version of the engine, or was changed; or ``play`` or
        an advance runs. Then nothing has changed.
        """
        uninterrupted(partial(self._service.restore, snapshot))

    def reset(self, *, seed: str | None = None) -> None:
        """Begin again, as a new sandbox: faster, and with the same address and key.

        The market's time is that of the start. Faults, the log and accounts that were opened later
        are gone. WebSockets are closed, code 1001. ``seed``: the same unless given. ValueError:
        it is not text; or ``play`` or an advance runs.
        """
        if seed is not None and not isinstance(seed, str):
            raise ValueError(f'seed={seed!r} is not text; write reset(seed="7")')
        uninterrupted(partial(self._service.reset, seed))
