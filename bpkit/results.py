"""Answers: a list or dict (or a text, or a number) that knows its DataFrame.

Nothing is renamed and nothing is converted: money is text, as it came. ``.df`` is the same answer
as a DataFrame; ``frames.FRAMES`` has the contract of each kind. ``.to_frame(exact=True)`` has the
same columns, with Decimal where ``.df`` has float64. ``.status`` is the HTTP status, ``.headers``
are the headers. At the end of a notebook cell an answer shows itself as a table.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from decimal import Decimal, InvalidOperation
from difflib import get_close_matches
from html import escape
from typing import TYPE_CHECKING, Any

from .clock import is_plausible
from .errors import InputError
from .operations import OPERATIONS, Operation

if TYPE_CHECKING:
    import pandas as pd


class Answer:
    """What all answers share. An answer without a body (202, 204) is empty, and so false.

    A copy of an answer, a slice and a sum of rows have ``.df`` too. What Python makes a plain list
    of (``sorted(rows)``, ``[row for row in rows if ...]``) gets it from ``rows.like(...)``.
    """

    kind: str
    status: int
    headers: Mapping[str, str]

    @property
    def df(self) -> pd.DataFrame:
        """The answer as a DataFrame: columns, dtypes, units and order as in ``bpkit.frames``."""
        return self.to_frame()

    def to_frame(self, *, exact: bool = False) -> pd.DataFrame:
        """``.df``, or with ``exact`` the same columns with Decimal in place of float64.

        Those columns have the dtype object, and None for null. Their sums are exact, but slow.
        """
        from .frames import frame

        return frame(self.kind, self, exact=exact)

    if not TYPE_CHECKING:  # or a type checker would take every misspelt name for one

        def __getattr__(self, name: str) -> Any:
            """Only called for a name that does not exist, and for a property that has raised."""
            if hasattr(type(self), name):
                return object.__getattribute__(self, name)  # raises the property's own error
            raise AttributeError(f"an answer has no .{name}{_as_field(self, name)}")

    def _visible_frame(self) -> tuple[pd.DataFrame, str]:
        """What is shown of the frame, and a note of what is not ("" if all of it is)."""
        return self.df, ""

    def _repr_html_(self) -> str | None:
        try:
            shown, note = self._visible_frame()
        except (AttributeError, TypeError, ValueError):
            return None  # an odd value must not hide an answer: it is shown as text
        from .frames.display import as_html

        table = as_html(shown)
        return f"{table}<p>{note}</p>" if table and note else table

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        try:
            shown, note = self._visible_frame()
        except (AttributeError, TypeError, ValueError):
            cycle = True
        if cycle:
            return printer.text(repr(self))
        from .frames.display import as_text

        printer.text(as_text(shown) + (f"\n{note}" if note else ""))


# Answer must be the first base class: IPython has its own printers for list and dict, and would use
# those.


class Rows(Answer, list[Any]):
    """A list of rows. Shown without the columns in which no row has a value.

    A slice, a copy and a sum know their frame as well. ``sorted(rows)`` is a plain list, and so is
    ``[row for row in rows if ...]``: ``rows.like(...)`` makes an answer of it.
    """

    def __getitem__(self, place: Any) -> Any:
        if isinstance(place, str):
            raise TypeError(
                f"this answer is a list of {len(self)} rows, so it has no {place!r}; "
                f"write answer[0][{place!r}] for one row, or answer.df[{place!r}]"
            )
        found = super().__getitem__(place)
        return self.like(found) if isinstance(place, slice) else found

    def __add__(self, more: list[Any]) -> Rows:
        return self.like(list.__add__(self, more))

    def __radd__(self, before: list[Any]) -> Rows:
        return self.like(list.__add__(before, self))

    def copy(self) -> Rows:
        """The same rows as another list, with the same ``.df``, status and headers."""
        return self.like(self)

    def like(self, rows: Iterable[Any]) -> Rows:
        """These rows as an answer of the same kind, with its ``.df``, status and headers.

        For example ``fills.like(row for row in fills if row["side"] == "Bid").df``, or
        ``fills.like(sorted(fills, key=...))``. Raises InputError if it gets no rows.
        """
        if not isinstance(rows, Iterable) or isinstance(rows, (str, Mapping)):
            raise InputError(
                "rows", rows, "is not a list of rows; for one row write rows.like([row])"
            )
        made = Rows(rows)
        vars(made).update(vars(self))
        return made

    def _visible_frame(self) -> tuple[pd.DataFrame, str]:
        made = self.df
        filled = made.loc[:, made.notna().any()]
        hidden = made.shape[1] - filled.shape[1]
        if not hidden or filled.empty:  # without any row or value, the columns say what could be
            return made, ""
        return filled, f"and {hidden} column{'' if hidden == 1 else 's'} without a value"


class Record(Answer, dict[str, Any]):
    """One object. Shown as a table of field and value, without the fields that are null.

    A record with nested values shows its frame; ``get_collateral`` its totals, and then the frame.
    """

    def __missing__(self, name: object) -> Any:
        meant = _meant(str(name), self)
        hint = f"did you mean {meant!r}? " if meant else ""
        raise KeyError(_Readable(f"{name!r}: {hint}This answer has {', '.join(self) or 'nothing'}"))

    def copy(self) -> Record:
        """The same fields as another dict, with the same ``.df``, status and headers."""
        made = Record(self)
        vars(made).update(vars(self))
        return made

    def _fields(self) -> dict[str, str]:
        """What the table shows; nothing for a record with nested values, which its frame shows."""
        nested = [name for name, value in self.items() if isinstance(value, (dict, list))]
        if nested and self.kind not in _TOTALS:
            return {}
        shown = {
            name: value for name, value in self.items() if value is not None and name not in nested
        }
        return {name: str(value) if isinstance(value, str) else json.dumps(value, default=str)
                for name, value in shown.items()}  # fmt: skip

    def _repr_html_(self) -> str | None:
        fields = self._fields()
        if not fields:
            return super()._repr_html_()
        left = ' style="text-align: left;"'
        rows = "".join(
            f"<tr><th{left}>{escape(name)}</th><td{left}>{escape(value)}</td></tr>"
            for name, value in fields.items()
        )
        note = self._null_note("<p>", "</p>")
        frame = super()._repr_html_() if self.kind in _TOTALS else None
        return f'<table class="dataframe"><tbody>{rows}</tbody></table>{note}{frame or ""}'

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        fields = self._fields()
        if not fields:
            return super()._repr_pretty_(printer, cycle)
        width = max(map(len, fields))
        lines = [f"{name:<{width}}  {value}" for name, value in fields.items()]
        printer.text("\n".join(lines) + self._null_note("\n", ""))
        if self.kind in _TOTALS:
            printer.text("\n\n")
            super()._repr_pretty_(printer, cycle)

    def _null_note(self, before: str, after: str) -> str:
        nulls = sum(value is None for value in self.values())
        what = "1 field that is" if nulls == 1 else f"{nulls} fields that are"
        return f"{before}and {what} null{after}" if nulls else ""


class Text(Answer, str):
    """A plain text, such as ``pong``."""

    _repr_html_ = None  # type: ignore[assignment]

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(str.__repr__(self))


class Number(Answer, int):
    """A whole number, such as the exchange's time in milliseconds."""

    _repr_html_ = None  # type: ignore[assignment]

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(int.__repr__(self))


def _meant(name: str, names: Iterable[str]) -> str | None:
    """The one of the names that is most like this one; None if none is like it."""
    known = {one.lower(): one for one in names}
    near = get_close_matches(name.lower(), known, 1)
    return known[near[0]] if near else None


def _as_field(answer: object, name: str) -> str:
    """How to read what somebody read as ``answer.name``, if there is such a field."""
    if isinstance(answer, Record) and (meant := _meant(name, answer)):
        return f"; a field is read in brackets: answer[{meant!r}]"
    row = answer[0] if isinstance(answer, Rows) and answer else None
    if isinstance(row, dict) and (meant := _meant(name, row)):
        return f"; it is a list of rows: write answer[0][{meant!r}], or answer.df[{meant!r}]"
    return ""


class _Readable(str):
    """A message that KeyError shows as it is, since it shows the repr of what it gets."""

    __repr__ = str.__str__


# Makes an answer of an operation, what was sent, the status, the headers and the content. Raises
# ValueError if it cannot.
Reader = Callable[[Operation, Any, int, Mapping[str, str], bytes], Any]


def read_reply(
    operation: Operation, sent: Any, status: int, headers: Mapping[str, str], content: bytes
) -> Any:
    """The answer to what was ``sent``. Raises ValueError if the reply is not an answer to it.

    A known write of ``bp.request`` gets no frame, but its answer must be what every method needs.
    """
    known = OPERATIONS.get(operation.name, operation) if operation.mutates else operation
    answer: Any = read(known.answer, status, headers, content)
    if not content.strip() and not _may_be_empty(known, status):
        raise ValueError("it is empty, and that must not be read as 'none'")
    if operation.answer == "time" and not (isinstance(answer, int) and is_plausible(answer)):
        raise ValueError("it is not a time in Unix milliseconds")
    if operation.mutates and isinstance(answer, (dict, list)):
        _check_about(sent, answer, known.answer == "batch")
    return answer if known is operation else _plain(content)


def read(kind: str, status: int, headers: Mapping[str, str], content: bytes) -> Answer:
    """The answer in these bytes. Raises ValueError if they are not the expected JSON.

    An error that came with 200 must not be taken for an order, so the answer to an order must look
    like one (see ``_PLACED``). Other kinds of answer pass in any shape.
    """
    empty = not content.strip()
    if kind == "plain":
        return _plain(content)
    if kind == "text":
        made: Answer = Text(content.decode())
    elif empty and kind != "time":
        made = Rows() if kind in _LISTS else Record()
    else:
        try:
            value = json.loads(content, parse_float=Decimal)
        except (ValueError, RecursionError):
            raise ValueError("it is not JSON") from None
        if isinstance(value, list):
            made = Rows(value)
        elif isinstance(value, dict):
            made = Record(value)
        elif kind == "time" and isinstance(value, int):
            made = Number(value)
        elif kind in _LOOSE and isinstance(value, str):
            made = Text(value)
        else:
            raise ValueError("it is neither an object nor a list")
    if not empty and kind in _PLACED and not _PLACED[kind](made):
        raise ValueError("it is not what was placed")
    made.kind, made.status, made.headers = kind, status, headers
    return made


def _plain(content: bytes) -> Any:
    """JSON without a frame, or the text itself."""
    try:
        return json.loads(content, parse_float=Decimal)
    except ValueError:
        return content.decode(errors="replace")


def _may_be_empty(operation: Operation, status: int) -> bool:
    """May the body be empty? 204 says that there is nothing, 202 that a cancel is accepted."""
    nothing = operation.method == "GET" and status == 204
    cancelled = operation.method == "DELETE" and status in (202, 204)
    return operation.answer in ("empty", "plain") or nothing or cancelled


def _check_about(sent: Any, answer: Any, batch: bool) -> None:
    """Raise ValueError if the answer to a write is about something else than what was sent."""
    rows = [answer] if isinstance(answer, dict) else answer
    wants = sent if batch else [sent] * len(rows)
    if len(rows) != len(wants):
        raise ValueError(f"it is about {len(rows)} orders, and {len(wants)} were sent")
    for want, row in zip(wants, rows, strict=True):
        if isinstance(want, Mapping) and isinstance(row, dict) and row.get("operation") != "Err":
            for name, other in _SHOWN_AS.items():
                shown = row.get(other)
                if name not in want or shown is None or str(want[name]) == str(shown):
                    continue
                if not _shows(name, want, row):
                    raise ValueError(
                        f"it is about something else: {name} was {want[name]!r}, "
                        f"and the answer has {other} {shown!r}"
                    )


def _shows(name: str, want: Mapping[str, Any], row: Mapping[str, Any]) -> bool:
    """Does the row show the field of this name as it was sent, though in other characters?"""
    sent, shown = want[name], row[_SHOWN_AS[name]]
    if name == "address":
        return same_address(sent, shown)
    if name == "quantity" and "triggerPrice" in want:
        return True  # the quantity of an order that waits for its trigger price says nothing
    if name == "quantity" and "address" in want:
        # It is not documented whether the quantity of a withdrawal is shown with its fee.
        with suppress(InvalidOperation):
            fee = abs(Decimal(str(sent)) - Decimal(str(shown)))
            return fee == 0 or same(fee, row.get("fee"))
    return name in ("price", "quantity") and same(sent, shown)


def same(sent: object, shown: object) -> bool:
    """Are two values equal as numbers, or else as texts?"""
    try:
        return Decimal(str(sent)) == Decimal(str(shown))
    except InvalidOperation:
        return str(sent) == str(shown)


def same_address(sent: object, shown: object) -> bool:
    """Are two addresses of a blockchain equal? Only hex addresses ignore case."""
    one, other = str(sent), str(shown)
    hexadecimal = re.fullmatch(r"0x[0-9a-fA-F]+", one)
    return one == other or bool(hexadecimal and one.lower() == other.lower())


# A field of a write -> the field of the answer that must show the same.
_SHOWN_AS = {
    "symbol": "symbol", "side": "side", "clientId": "clientId",
    "clientStrategyId": "clientStrategyId", "orderId": "id", "strategyId": "id",
    "address": "toAddress", "blockchain": "blockchain", "price": "price", "quantity": "quantity",
}  # fmt: skip


_IDS = ("id", "rfqId", "quoteId")


def _is_placed(row: object, ids: Iterable[str] = _IDS) -> bool:
    """Does it have a status, and an id by which it can be found again?"""
    return (
        isinstance(row, Mapping)
        and isinstance(row.get("status"), str)
        and any(isinstance(row.get(name), str | int) for name in ids)
    )


def _is_batch(made: Answer) -> bool:
    """Each row is an order where the operation is Ok, and has a code where it is Err."""
    return isinstance(made, Rows) and all(
        isinstance(row, dict)
        and (
            (row.get("operation") == "Ok" and _is_placed(row, ["id"]))
            or (row.get("operation") == "Err" and "code" in row)
        )
        for row in made
    )


_PLACED: dict[str, Callable[[Answer], bool]] = {
    "batch": _is_batch,
    **dict.fromkeys(("order", "withdrawal", "strategy", "rfq", "quote"), _is_placed),
}
_LISTS = {"orders", "batch", "strategies"}  # kinds whose answer is a list even without a body
_TOTALS = {"collateral"}  # kinds whose record says more than its frame
_LOOSE = {"country", "two_factor_token"}  # kinds whose shape is not documented
