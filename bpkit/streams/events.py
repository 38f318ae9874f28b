"""``bp.stream``: live events in a plain ``for`` loop, and what has come as a DataFrame."""

from __future__ import annotations

import time
import weakref
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from math import inf
from typing import TYPE_CHECKING, Any, TypeGuard

from ..errors import BpkitError, InputError, StreamError
from ..results import Rows, same
from . import names
from .connection import Arrival, Connection
from .event import Event
from .missed import Memory, missed, what_to_ask

if TYPE_CHECKING:
    import pandas as pd

    from ..client import Client

KEPT = 100_000  # events that are kept; then the oldest tenth goes


class Events:
    """The events of some streams, from the beginning of the ``with`` block to its end.

    ``for event in events`` gives what has come and waits for more, each event once: a second
    ``for`` goes on where the first one ended. ``events.data`` is the same without problems.
    ``events.df`` and ``events["trade.SOL_USDC"].df`` are frames of what has come,
    ``events.problems.df`` says when the connection was lost, and what is missing. All of this can
    also be read after the block. ``len(events)`` counts the data. The newest 100,000 events are
    kept. Made by ``bp.stream``, which says more.
    """

    def __init__(
        self,
        client: Client,
        streams: Sequence[object],
        seconds: float | None,
        count: int | None,
        reconnect: bool,
    ) -> None:
        every = names.check_names(streams)
        # A stream of all markets has the events of one market too; twice would be once too often.
        self.streams = [
            one for one in every if not any(names.belongs(one, to) for to in every if to != one)
        ]
        _check(seconds, count, reconnect)
        self._client, self._seconds, self._count = client, seconds, count
        self._connection = Connection(client, self.streams, reconnect=reconnect)
        self._state = "new"  # then open, then closed
        self._begun, self._begun_at = 0.0, datetime.now(UTC)
        self._memory = Memory()
        self._came: list[Event] = []
        self._gone = 0  # how many of the oldest are not kept any more
        self._next = 0  # the event that a ``for`` reads next; those that are gone count
        self._last: int | None = None  # where a ``for`` ends: the first event after its time
        self._data = 0

    def __enter__(self) -> Events:
        if self._state != "new":
            was = "is open already" if self._state == "open" else "has ended"
            raise StreamError(self.streams, f"This block {was}; call bp.stream again.")
        _check_markets(self._client, self.streams)
        self._state = "closed"
        self._finish = weakref.finalize(self, self._connection.close)  # also when Python ends
        self._connection.open()
        self._begun, self._begun_at = time.monotonic(), datetime.now(UTC)
        self._state = "open"
        return self

    def __exit__(self, *error: object) -> None:
        self._state = "closed"
        self._finish()
        while self._pull(0):
            pass

    def __iter__(self) -> Iterator[Event]:
        """What has come and was not read, and then what comes, until the time or count is over."""
        while True:
            while self._next < self._end:
                if self._next < self._gone:
                    lost, self._next = self._gone - self._next, self._gone
                    yield _dropped(lost)
                self._next += 1
                yield self._came[self._next - 1 - self._gone]
            if self._last is not None or not self._pull(self._left):
                return

    @property
    def data(self) -> Iterator[Event]:
        """The same as the ``for`` loop, without the events that say what happened to them."""
        return (event for event in self if event.kind == "data")

    def wait(self, *, seconds: float = 30, **wanted: Any) -> Event | None:
        """The first event with all these values: ``events.wait(order_id="1", status="Filled")``.

        It looks at all that has come since the block began, and then waits for at most ``seconds``.
        None: it did not come, or ``count`` is reached and no more is taken. Numbers and texts are
        compared by value. What it passes over is not lost: a ``for`` still gives it. Raises
        InputError for a name that no event has.
        """
        _check_wanted(wanted)
        if not _is_number(seconds) or not 0 <= seconds < inf:
            raise InputError("seconds", seconds, "is not a number of seconds, 0 or more")
        place, until = 0, time.monotonic() + seconds
        while True:
            for event in self._came[max(place - self._gone, 0) :]:
                if event.kind == "data" and all(
                    same(value, getattr(event, name)) for name, value in wanted.items()
                ):
                    return event
            place = self._gone + len(self._came)
            if not self._pull(until - time.monotonic()):
                return None

    @property
    def df(self) -> pd.DataFrame:
        """All data that has come, oldest first: one row for each event.

        The columns are those of the types of the streams; with several streams there is also
        ``stream``. Numbers are float64, times UTC.
        """
        types = "+".join(dict.fromkeys(names.split(one).type for one in self.streams))
        several = "s" if len(self.streams) > 1 else ""
        return _rows(self._of_kind("data"), f"stream{several}:{types}").df

    @property
    def problems(self) -> Rows:
        """What happened to the streams: lost, back, gap, dropped, refused; ``.df`` is a table."""
        return _rows([one for one in self._all() if one.kind != "data"], "stream:problems")

    def __getitem__(self, stream: str) -> Rows:
        """The data of one stream that has come: a list of events with a ``.df``.

        ``account.orderUpdate.SOL_USDC`` is also a part of ``account.orderUpdate``. Raises
        InputError for a stream that was not asked for.
        """
        if not isinstance(stream, str) or not any(names.belongs(stream, to) for to in self.streams):
            remedy = f"was not asked for; there are {', '.join(self.streams)}"
            raise InputError("stream", stream, remedy)
        name = names.split(stream)
        found = [
            one
            for one in self._of_kind("data")
            if names.split(one.stream)[:2] == name[:2] and name.symbol in ("", one.symbol)
        ]
        return _rows(found, f"stream:{name.type}")

    def __len__(self) -> int:
        self._all()
        return self._data

    def __bool__(self) -> bool:
        return True

    def __repr__(self) -> str:
        if "_data" not in vars(self):  # a traceback may show a failed __init__
            return "<Events, not made>"
        problems = len(self._came) - self._data + self._gone
        told = f", {problems} problem{'s' * (problems != 1)}" if problems else ""
        return f"<{', '.join(self.streams)}: {self._data} events{told}, {self._state}>"

    # --- what comes -------------------------------------------------------------------------------

    def _of_kind(self, kind: str) -> list[Event]:
        return [one for one in self._all() if one.kind == kind]

    @property
    def _left(self) -> float:
        """How many seconds a ``for`` may still wait."""
        return inf if self._seconds is None else self._begun + self._seconds - time.monotonic()

    @property
    def _end(self) -> int:
        """The event before which a ``for`` has to wait."""
        return self._gone + len(self._came) if self._last is None else self._last

    def _all(self) -> list[Event]:
        """What has come, also what nobody has read."""
        while self._pull(0):
            pass
        return self._came

    def _pull(self, seconds: float) -> bool:
        """Take one arrival. False: none came in time, or no more are wanted."""
        if self._state == "new":
            reason = "Nothing is subscribed yet; write: with bp.stream(...) as events:"
            raise StreamError(self.streams, reason)
        if self._is_full():
            return False
        arrival = self._connection.take(seconds)
        if arrival is None:
            return False
        if self._last is None and self._seconds is not None and self._left <= 0:
            late = arrival.received - self._begun_at > timedelta(seconds=self._seconds)
            self._last = self._end if late else None
        self._accept(arrival)
        return True

    def _is_full(self) -> bool:
        return self._count is not None and self._data >= self._count

    def _accept(self, arrival: Arrival) -> None:
        kind, stream, raw, received = arrival
        if kind == "data":
            return self._add_data(stream, raw, received)
        if kind == "dropped":
            self._memory.dropped(stream)
        self._add(Event(kind, stream, raw, received, note=_note(arrival)))
        if kind == "back" and self._state == "open":
            self._memory.back()
            for one in self.streams:
                self._fill(one, received)
        return None

    def _fill(self, stream: str, received: datetime) -> None:
        """Add what the stream missed, if REST has it; else an event that says what to ask."""
        failed = ""
        try:
            found = missed(self._client, self._memory, stream)
        except BpkitError as error:
            found, failed = None, f" REST was asked for it in vain ({error.args[0]})."
        if found is None:
            note = f"What came while the connection was lost is missing.{failed} "
            self._add(Event("gap", stream, {}, received, note=note + what_to_ask(stream)))
        for raw in found or []:
            if not self._is_full():
                self._add_data(stream, raw, received, filled=True)

    def _add_data(
        self, stream: str, raw: dict[str, Any], received: datetime, filled: bool = False
    ) -> None:
        if stream not in self.streams:
            return
        jump = self._memory.jump(stream, raw)
        if not self._memory.note(stream, raw):
            return
        if jump:
            first, last = jump
            said = f"The trades {first} to {last}" if first < last else f"The trade {first}"
            note = f"{said} did not come. {what_to_ask(stream)}"
            self._add(Event("gap", stream, {"first": first, "last": last}, received, note=note))
        self._data += 1
        self._add(Event("data", stream, raw, received, "", filled))

    def _add(self, event: Event) -> None:
        self._came.append(event)
        if len(self._came) > KEPT:
            del self._came[: KEPT // 10]
            self._gone += KEPT // 10


def _check(seconds: object, count: object, reconnect: object) -> None:
    """Raises InputError."""
    if seconds is not None and not (_is_number(seconds) and 0 < seconds < inf):
        raise InputError("seconds", seconds, "is not a number above 0; None is without an end")
    if count is not None and not (type(count) is int and count > 0):
        raise InputError("count", count, "is not a whole number above 0; None is without a limit")
    if not isinstance(reconnect, bool):
        raise InputError("reconnect", reconnect, "is not True or False")


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _check_wanted(wanted: dict[str, Any]) -> None:
    """Raises InputError."""
    known = {"stream", "type", "filled"} | names.all_attributes()
    if not wanted:
        raise InputError("wait", None, 'needs a value to wait for, such as status="Filled"')
    for name in wanted:
        if name not in known:
            near = get_close_matches(name, known, 1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise InputError(name, wanted[name], f"is a value that no event has{hint}")


def _check_markets(client: Client, streams: Sequence[str]) -> None:
    """The exchange is silent about a market that is not there, so it is looked up. InputError."""
    for stream in streams:
        symbol = names.market_of(stream)
        if symbol is None:
            continue
        try:
            market = client.market(symbol)
        except InputError as error:
            said = error.remedy.removesuffix(" If it is new: fresh=True")
            said = f"which is not a market; {said.removeprefix('is not a market; ')}"
            raise InputError("streams", stream, f"has {symbol!r}, {said}") from None
        if market.state == "Closed" and not names.is_private(stream):
            remedy = f"would stay silent: the market {symbol} is closed (orderBookState)"
            raise InputError("streams", stream, remedy)
        if market.kind == "SPOT" and names.split(stream).type in names.NOT_OF_SPOT:
            remedy = f"would stay silent: {symbol} is a spot market; name one as SOL_USDC_PERP"
            raise InputError("streams", stream, remedy)


def _rows(events: list[Event], kind: str) -> Rows:
    made = Rows(events)
    made.kind, made.status, made.headers = kind, 0, {}
    return made


def _dropped(count: int) -> Event:
    note = f"{count} events were dropped, because nobody read them."
    return Event("dropped", "", {"count": count}, datetime.now(UTC), note=note)


def _note(arrival: Arrival) -> str:
    """What happened to the streams, as a sentence."""
    data = arrival.data
    if arrival.kind == "lost":
        then = "It is not opened again." if data["final"] else "It is opened again."
        return f"The connection is lost: {data['reason']}. {then}"
    if arrival.kind == "back":
        return f"The connection is back after {data['seconds']:.1f} seconds."
    if arrival.kind == "dropped":
        return f"{data['count']} events were dropped, because nobody read them."
    what = ", ".join(data["streams"]) or "a subscription"
    return f"The exchange refuses {what}: {data['code']} {data['message']}."
