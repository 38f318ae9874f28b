"""Fetch all rows of a history, not only one page: ``fetch_all(bp.get_fills, "SOL_USDC")``."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from numbers import Integral
from typing import Any

from ..client import Client
from ..errors import InputError, TransportError, missing_extra
from ..operations import OPERATIONS
from ..reconcile.pages import OVERLAP, PAGE, PageJoin, pages
from ..results import Rows

Progress = Callable[[int, int | None], object]  # (rows fetched, rows in all; None: not known)
_TRIES = 5  # how often the walk begins again if rows vanish


def fetch_all(
    method: Callable[..., Any],
    /,
    *args: Any,
    limit: int = PAGE,
    most: int | None = None,
    progress: bool | Progress = False,
    **filters: Any,
) -> Rows:
    """Every row that ``method`` can give, as one answer: ``fetch_all(bp.get_fills, "SOL_USDC")``.

    ``method``: a method of a Client that takes ``limit`` and ``offset``. All other arguments are
    passed on to it. ``limit``: the rows of a page, 2 or more. ``most``: stop after so many rows;
    public trades go back for years. ``progress``: True for a progress bar (tqdm; it is silent if
    stderr is not a terminal and no notebook runs), or a function that is called after each page
    with the rows fetched and the rows in all (None while that is not known). In its last call the
    two are equal.

    The rows are those that were there at the first page, each once, in the exchange's order; some
    that arrived later may be among them. Equal rows that have no id and are not counted by the
    exchange cannot be told apart: their number is right only if no new one arrives. ``.headers``
    are those of the last page.

    Raises InputError for a method without pages, TransportError if rows vanish faster than they are
    read or if the same page comes for another ``offset`` (then nothing shows whether there are more
    rows), and whatever ``method`` raises.
    """
    name = _paged(method)
    if "offset" in filters:
        raise InputError("offset", filters["offset"], "leave it out: every row is fetched")
    _whole("limit", limit, OVERLAP + 1, "pages overlap by one row")
    if most is not None:
        _whole("most", most, 1, "or leave it out")

    def ask(offset: int) -> Rows:
        answer = method(*args, limit=limit, offset=offset, **filters)
        if answer and not isinstance(answer, Rows):
            raise TransportError(name, "the answer is not a list of rows", sent=True, mutates=False)
        return answer

    in_front = filters.get("sort_direction") != "Asc"
    with (
        progress_bar(name, " rows") if progress is True else nullcontext(progress or None) as report
    ):
        for _ in range(_TRIES):
            join = _walk(ask, limit, in_front, most, report)
            if join.joins:
                return _answer(join, most)
    reason = "the rows changed faster than they could be read"
    if join.same:
        reason = (
            f"the exchange gave the same {len(join.page)} rows for one offset and for another, so "
            f"it may have more that cannot be read. bp.{name}(limit={limit}) gives these"
        )
    raise TransportError(name, reason, sent=True, mutates=False)


def _walk(
    ask: Callable[[int], Rows],
    limit: int,
    in_front: bool,
    most: int | None,
    report: Progress | None,
) -> PageJoin:
    """Read from the first page to the end, or to the first ``most`` rows."""
    for join in pages(ask, limit, in_front=in_front):
        if not join.joins:
            break
        done, total = join.progress
        if most is not None and (done >= most or (total or 0) > most):
            done, total = min(done, most), most
        if report is not None:
            report(done, total)
        if done == most:
            break
    return join


def _answer(join: PageJoin, most: int | None) -> Rows:
    made = Rows(join.rows[:most])
    made.kind, made.status, made.headers = join.page.kind, join.page.status, join.page.headers
    return made


@contextmanager
def progress_bar(name: str, unit: str, a_minute: int | None = None) -> Iterator[Progress]:
    """A progress bar of tqdm, as a function of what is done and of all. MissingExtraError.

    ``a_minute``: how much may be done in a minute; the time left follows from it, not from the
    first requests, which need not wait.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # in a notebook without ipywidgets: the bar is text
            from tqdm.auto import tqdm  # type: ignore[import-untyped]
    except ImportError:
        raise missing_extra("progress=True", "tqdm", "progress") from None
    paced = None if a_minute is None else "{l_bar}{bar}| {n_fmt}/{total_fmt} [{elapsed}{postfix}]"
    disable = False if _in_notebook() else None
    with tqdm(desc=name, unit=unit, disable=disable, bar_format=paced) as bar:

        def report(done: int, total: int | None) -> None:
            if total != bar.total:
                bar.reset(total)
            if a_minute is not None and total is not None:
                bar.set_postfix_str(f"{-(-(total - done) // a_minute)} min left", refresh=False)
            bar.update(done - bar.n)

        yield report


def _in_notebook() -> bool:
    """Is this the kernel of a notebook? Its stderr is not a terminal, but a person sees it."""
    ipython = sys.modules.get("IPython")
    return getattr(ipython and ipython.get_ipython(), "kernel", None) is not None


def _whole(field: str, value: object, least: int, why: str) -> None:
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise InputError(field, value, f"give a whole number of rows, {least} or more ({why})")


def _paged(method: Callable[..., Any]) -> str:
    """The operation's name. Raises InputError if ``method`` is not a Client's method with pages."""
    name = getattr(method, "__name__", method)
    of_client = isinstance(getattr(method, "__self__", None), Client)
    if of_client and name in OPERATIONS and OPERATIONS[name].paged:
        return str(name)
    if name == "get_klines":
        remedy = (
            'has no pages; write: from bpkit.history import candles; candles(bp, "SOL_USDC", ...)'
        )
        raise InputError("method", name, remedy)
    remedy = "is not a method with pages; pass one such as bp.get_fills (operations() lists them)"
    raise InputError("method", name, remedy)
