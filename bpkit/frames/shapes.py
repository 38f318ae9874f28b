"""Find the rows in an answer. ``FrameContract``: the rows of a kind of answer, and their columns.

Nested lists are flattened: one row for each inner object, with the fields of the outer object
repeated. An outer object whose inner list is empty has one row. If two objects in one row have a
field of the same name, one of the two gets a prefix; no value is lost.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

Row = dict[str, Any]
Convert = Callable[[list[Any]], Any]


def rows(answer: Any) -> list[Row]:
    """The rows of a list; one row of an object. An answer without a body (202, 204) has none."""
    return list(answer) if isinstance(answer, list) else [answer] if answer else []


def anything(answer: Any) -> list[Row]:
    """The same; a part that is not an object is in a column ``value``."""
    return [part if isinstance(part, Mapping) else {"value": part} for part in rows(answer)]


@dataclass(frozen=True)
class FrameContract:
    """``columns`` in order, each with its conversion; ``rows`` finds the rows in the answer."""

    columns: tuple[tuple[str, Convert], ...] = ()
    rows: Callable[[Any], list[Row]] = rows
    index: str | None = None


def columns(**named: Convert) -> tuple[tuple[str, Convert], ...]:
    """The columns of a contract, in the order in which they are written."""
    return tuple(named.items())


# For an answer that is not documented: every column as it comes, with dtype object.
AS_IT_COMES = FrameContract(rows=anything)


def balances(answer: Mapping[str, Row]) -> list[Row]:
    """The keys, which are assets, become the column ``symbol``, in alphabetical order."""
    return [
        _merge_with_prefix({"symbol": symbol}, answer[symbol] or {}, "balance")
        for symbol in sorted(answer)
    ]


def collateral(answer: Row) -> list[Row]:
    """A row for each asset. The account's totals (``netEquity`` and so on) stay in the record."""
    return list(answer.get("collateral") or [])


def apy(answer: Row) -> list[Row]:
    """A row for each asset, from both lists: the rates of borrowing, lending and staking.

    An asset that is in one list twice has two rows.
    """
    found: dict[tuple[Any, int], Row] = {}
    for name, part in answer.items():
        times: Counter[Any] = Counter()
        for row in part if isinstance(part, list) else []:
            symbol = row.get("symbol")
            before = found.get((symbol, times[symbol]), {"symbol": symbol})
            found[symbol, times[symbol]] = _merge_with_prefix(before, without(row, "symbol"), name)
            times[symbol] += 1
    return list(found.values())


def depth(answer: Row) -> list[Row]:
    """The order book as traders read it: the highest ask first, the lowest bid last."""
    return [
        {"side": side, "price": price, "quantity": quantity}
        for side, name in (("Ask", "asks"), ("Bid", "bids"))
        for price, quantity in reversed(answer.get(name) or [])
    ]


def markets(answer: Any) -> list[Row]:
    """A row for each market; each of its filters has a column."""
    return [_filters(row) for row in rows(answer)]


def _filters(row: Row) -> Row:
    """The market with the filters of all groups as fields.

    Those of ``price`` and ``quantity`` have the documented names. If another group has one of them
    too, its own is prefixed: ``stepSize`` of a group ``lot`` is ``lotStepSize``.
    """
    flat: Row = without(row, "filters")
    groups = dict(row.get("filters") or {})
    for name in sorted(groups, key=lambda name: name not in ("price", "quantity")):
        if isinstance(groups[name], Mapping):
            flat = _merge_with_prefix(flat, groups[name], name)
        elif groups[name] is not None:
            flat = _merge_with_prefix(flat, {name: groups[name]}, "filter")
    return flat


def tokens(answer: Iterable[Row]) -> list[Row]:
    """A row for each blockchain that an asset is on; one row if it is on none.

    Asset and token both have a ``displayName``; the asset's becomes ``assetName``.
    """
    found: list[Row] = []
    for asset in answer:
        name = {"assetName": asset.get("displayName")}
        shared = _merge_with_prefix(name, without(asset, "tokens", "displayName"), "asset")
        found += [
            _merge_with_prefix(shared, token, "token") for token in asset.get("tokens") or [{}]
        ]
    return found


def securities(answer: Iterable[Row]) -> list[Row]:
    """A row for each session in which a security trades; its own name is ``securityName``."""
    return [
        _merge_with_prefix(session, without(security, "sessions"), "security", {"name"})
        for security in answer
        for session in security.get("sessions") or [{}]
    ]


def predictions(answer: Iterable[Row]) -> list[Row]:
    """A row for each prediction market; fields of its event with the same name are ``event...``."""
    both = {"quoteVolume", "imgUrl", "resolutionDelaySecs"}
    return [
        _merge_with_prefix(market, without(event, "predictionMarkets"), "event", both)
        for event in answer
        for market in event.get("predictionMarkets") or [{}]
    ]


def rfqs(answer: Iterable[Row]) -> list[Row]:
    """A row for each quote, with the fields of its request; ``quote...`` if both have a field.

    A request without a quote has one row. Both have the same ``rfqId``.
    """
    found: list[Row] = []
    for entry in answer:
        request = _merge_with_prefix(
            entry.get("rfq") or {}, without(entry, "rfq", "quotes"), "entry"
        )
        for quote in entry.get("quotes") or [{}]:
            both = {"rfqId": quote.get("rfqId"), **request}
            own = without(quote, "rfqId")
            found.append(
                _merge_with_prefix(both, own, "quote", {"clientId", "status", "createdAt"})
            )
    return found


def without(row: Row, *names: str) -> dict[str, Any]:
    """The row's other fields."""
    return {name: value for name, value in row.items() if name not in names}


def _merge_with_prefix(row: Row, other: Row, prefix: str, both: Collection[str] = ()) -> Row:
    """The fields of two objects; those of ``other`` get the prefix if both have the name.

    ``both``: names that both can have, and that are prefixed even if this ``row`` has none.
    """
    made = dict(row)
    for name, value in other.items():
        if name in both:
            name = _with_prefix(prefix, name)
        while name in made:
            name = _with_prefix(prefix, name)
        made[name] = value
    return made


def _with_prefix(prefix: str, name: str) -> str:
    return prefix + name[:1].upper() + name[1:]
