"""The answer: the documented JSON, a list or a dict (or a text, or a number), that knows its frame.

Nothing is renamed and nothing converted: money is text, as it came. ``.df`` is the same answer as a
DataFrame; the contract of each kind stands in ``frames.FRAMES``. ``.to_frame(exact=True)`` has the
same columns, with Decimal where ``.df`` has float64. ``.status`` is the HTTP status, ``.headers``
are the headers. At the end of a notebook cell an answer shows itself as a table.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from decimal import Decimal
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


class Answer:
    """What all answers share. An answer without a body (202, 204) is empty, and so false."""

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

    def _shown(self) -> tuple[pd.DataFrame, str]:
        """What is shown of the frame, and a note of what is not ("" where all of it is)."""
        return self.df, ""

    def _repr_html_(self) -> str | None:
        try:
            shown, note = self._shown()
        except (
            AttributeError,
            TypeError,
            ValueError,
        ):  # an odd value must not hide an answer: show it as text
            return None
        table = shown._repr_html_()  # type: ignore[operator]  # pandas' stubs miss it
        return f"{table}<p>{note}</p>" if table and note else table

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        try:
            shown, note = self._shown()
        except (AttributeError, TypeError, ValueError):
            cycle = True
        if cycle:
            return printer.text(repr(self))
        printer.text(f"{shown}\n{note}" if note else str(shown))


# Answer stands first among the bases: IPython asks them in their order how to print, and has a way
# of its own for every list and dict.


class Rows(Answer, list[Any]):
    """A list of rows. Shown without the columns in which no row has a value.

    A slice of it, and the sum of two, know their frame as well.
    """

    def __getitem__(self, place: Any) -> Any:
        found = super().__getitem__(place)
        return self._like(found) if isinstance(place, slice) else found

    def __add__(self, more: list[Any]) -> Rows:
        return self._like(list.__add__(self, more))

    def _like(self, rows: list[Any]) -> Rows:
        made = Rows(rows)
        vars(made).update(vars(self))
        return made

    def _shown(self) -> tuple[pd.DataFrame, str]:
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
        rows = "".join(
            f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>"
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
        frame = f"\n\n{self.df}" if self.kind in _TOTALS else ""
        printer.text("\n".join(lines) + self._null_note("\n", "") + frame)

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


def read(kind: str, status: int, headers: Mapping[str, str], content: bytes) -> Answer:
    """The answer that the bytes hold. Raises ValueError where they are no JSON but should be."""
    made = _made(kind, content)
    if content.strip() and kind in _PLACED and not _PLACED[kind](made):
        raise ValueError("whatever that is, it is not what was placed")
    made.kind, made.status, made.headers = kind, status, headers
    return made


def _is_one(made: Answer) -> bool:
    return isinstance(made, Record) and "status" in made and any(name in made for name in _IDS)


def _is_batch(made: Answer) -> bool:
    """An order where the operation is Ok, a code where it is Err."""
    return isinstance(made, Rows) and all(
        isinstance(row, dict)
        and (
            (row.get("operation") == "Ok" and "id" in row and "status" in row)
            or (row.get("operation") == "Err" and "code" in row)
        )
        for row in made
    )


# What becomes of money must not be read out of something else, such as an error that came with 200.
# Other kinds pass in any shape.
_IDS = ("id", "rfqId", "quoteId")
_PLACED: dict[str, Callable[[Answer], bool]] = {
    "batch": _is_batch,
    **dict.fromkeys(("order", "withdrawal", "strategy", "rfq", "quote"), _is_one),
}


def _made(kind: str, content: bytes) -> Answer:
    if kind == "text":
        return Text(content.decode())
    if not content.strip() and kind != "time":
        return Rows() if kind in _LISTS else Record()
    value = json.loads(content, parse_float=Decimal)
    if isinstance(value, list):
        return Rows(value)
    if isinstance(value, dict):
        return Record(value)
    if kind == "time" and isinstance(value, int):
        return Number(value)
    if kind in _LOOSE and isinstance(value, str):
        return Text(value)
    raise ValueError("neither an object nor a list")


_LISTS = {"orders", "batch", "strategies"}  # kinds whose answer is a list even where no body came
_TOTALS = {"collateral"}  # kinds whose record says more than its frame
_LOOSE = {"country", "two_factor_token"}  # kinds of which no shape is documented, nor any to guess
