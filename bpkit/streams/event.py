"""One event of ``bp.stream``: what a stream sent, or what happened to the connection."""

from __future__ import annotations

from datetime import datetime
from difflib import get_close_matches
from textwrap import shorten
from typing import Any

from . import names

_WIDE = 92  # characters: a line this long fits an output cell
_WORDS = ("event_type", "symbol", "side", "order_type", "status")  # shown without their names


class Event:
    """``kind``: data; lost, back, gap, dropped or refused say what happened to the connection.

    ``stream``: its name; "" if it concerns all. ``time``: UTC, when it happened by the exchange's
    clock. ``received``: UTC, when it arrived by this computer's clock. ``raw``: the event as it was
    sent. ``filled``: was it missed, and then read from REST? If REST does not say when it happened,
    its time is that of the newest event before it.

    What the letters of ``raw`` mean has the names of REST, as the parameters of a Client have them:
    ``event.price``, ``event.order_id``. Money and quantities are Decimal, times are UTC, ids are
    text (that of a trade is an int). A name that other events have is None here.

    ``note``: of a problem, what happened and what you can do, as a sentence. ``seconds``: of
    "back", how long nothing came. ``count``: of "dropped", how many events.
    """

    __slots__ = ("filled", "kind", "note", "raw", "received", "stream")

    def __init__(
        self,
        kind: str,
        stream: str,
        raw: dict[str, Any],
        received: datetime,
        note: str = "",
        filled: bool = False,
    ) -> None:
        self.kind, self.stream, self.raw, self.received = kind, stream, raw, received
        self.note, self.filled = note, filled

    @property
    def type(self) -> str:
        """The type of its stream, such as ``trade``; "" if it is not data."""
        return names.split(self.stream).type if self.kind == "data" else ""

    @property
    def time(self) -> datetime:
        """When it happened: the engine's time, else that of its emission, else of its arrival."""
        return names.micros(self._micros)

    @property
    def _micros(self) -> int:
        if self.kind == "data":
            for letter in ("T", "E"):
                value = self.raw.get(letter)
                if isinstance(value, int):
                    return value
        return names.to_micros(self.received)

    @property
    def row(self) -> dict[str, Any]:
        """What a frame shows of it: the names of REST, with the values as they came."""
        made: dict[str, Any] = {"time": self._micros, "stream": self.stream}
        if self.kind != "data":
            seconds, count = self.raw.get("seconds"), self.raw.get("count")
            return made | {
                "kind": self.kind, "note": self.note, "seconds": seconds, "count": count,
            }  # fmt: skip
        for letter, (name, _) in names.LETTERS.get(self.type, {}).items():
            made[name] = self.raw.get(letter)
        if "orderType" in made and made["orderType"] is not None:
            made["orderType"] = names.capitalised(made["orderType"])
        return made | {"filled": True if self.filled else None}

    def __getattr__(self, name: str) -> Any:
        """Only called for what is not above: the names of REST."""
        if name.startswith("_") or name in Event.__slots__:  # while it is copied
            raise AttributeError(name)
        if name in ("seconds", "count"):
            return self.raw.get(name) if self.kind != "data" else None
        if name not in names.all_attributes():
            raise AttributeError(self._unknown(name))
        letter, convert = names.by_attribute(self.type).get(name, ("", str))
        value = self.raw.get(letter)
        return None if value is None else convert(value)

    def _unknown(self, name: str) -> str:
        own = [*names.by_attribute(self.type), *Event.__slots__, "time"]
        near = get_close_matches(name, own, 1) or get_close_matches(name, names.all_attributes(), 1)
        hint = f"; did you mean {near[0]!r}?" if near else f"; it has {', '.join(own)}"
        return f"an event of {self.stream or self.kind!r} has no {name!r}{hint}"

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *names.by_attribute(self.type)]

    def __repr__(self) -> str:
        head = self.stream if self.kind == "data" else f"{self.kind} {self.stream}".strip()
        shown = f"<{head} {self.time:%H:%M:%S.%f}"[:-3]
        if self.kind != "data":
            return f"{shorten(f'{shown} {self.note}', _WIDE - 1, placeholder=' ...')}>"
        for part in self._parts():
            if len(shown) + len(part) > _WIDE - 6:  # a blank, and the end
                return f"{shown} ...>"
            shown += f" {part}"
        return f"{shown}>"

    def _parts(self) -> list[str]:
        """The fields that it has, in the order of the table."""
        parts = ["filled"] if self.filled else []
        for name in names.by_attribute(self.type):
            value = getattr(self, name)
            if value is None or (name == "symbol" and self.stream.endswith(value)):
                continue
            if isinstance(value, list):
                parts.append(f"{name}: {len(value)}")
            elif isinstance(value, datetime):
                parts.append(f"{name}={value:%m-%d %H:%M:%S}")
            else:
                parts.append(f"{value}" if name in _WORDS else f"{name}={value}")
        return parts
