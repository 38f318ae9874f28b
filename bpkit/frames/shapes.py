"""Where the rows of an answer are, for every shape that an answer can have.

What is nested in a list lies flat afterwards: a row for each inner object, with the fields of the
outer one repeated. An outer object whose inner list is empty keeps one row. Where both have a field
of the same name, one of the two gets a prefix.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import Any

Row = Mapping[str, Any]


def rows(answer: Any) -> list[Row]:
    """A list of rows; an answer without a body has none."""
    return list(answer)


def record(answer: Any) -> list[Row]:
    """One row; an empty answer (202, 204) has none."""
    return [answer] if answer else []


def anything(answer: Any) -> list[Row]:
    """Rows of a list, one of an object; what is neither stands in a column ``value``."""
    parts = answer if isinstance(answer, list) else record(answer)
    return [part if isinstance(part, Mapping) else {"value": part} for part in parts]


def balances(answer: Mapping[str, Row]) -> list[Row]:
    """The keys, which are the assets, become the column ``symbol``, in alphabetical order."""
    return [{"symbol": symbol, **(answer[symbol] or {})} for symbol in sorted(answer)]


def collateral(answer: Row) -> list[Row]:
    """A row an asset. The account's totals (``netEquity`` and so on) stay in the record."""
    return list(answer.get("collateral") or [])


def apy(answer: Row) -> list[Row]:
    """A row an asset, from both lists: what it costs to borrow, and what lending and staking earn.

    An asset that one list names twice has two rows.
    """
    found: dict[tuple[Any, int], dict[str, Any]] = {}
    for part in answer.values():
        times: Counter[Any] = Counter()
        for row in part if isinstance(part, list) else []:
            symbol = row.get("symbol")
            found.setdefault((symbol, times[symbol]), {}).update(row)
            times[symbol] += 1
    return list(found.values())


def depth(answer: Row) -> list[Row]:
    """A ladder as traders read it: the highest ask on top, the lowest bid at the bottom."""
    levels = [("Ask", level) for level in answer.get("asks") or []][::-1]
    levels += [("Bid", level) for level in answer.get("bids") or []][::-1]
    return [{"side": side, "price": price, "quantity": size} for side, (price, size) in levels]


def markets(answer: Iterable[Row]) -> list[Row]:
    """A row a market, the filters laid flat."""
    return [_filters(row) for row in answer]


def market(answer: Any) -> list[Row]:
    """The one market, the filters laid flat."""
    return markets(record(answer))


def _filters(row: Row) -> dict[str, Any]:
    """A market's two groups of filters, laid flat: their inner names are unambiguous."""
    flat = without(row, "filters")
    for name, group in (row.get("filters") or {}).items():
        if isinstance(group, Mapping):
            flat |= group
        elif group is not None:
            flat[name] = group
    return flat


def tokens(answer: Iterable[Row]) -> list[Row]:
    """One row for each blockchain that an asset lives on, or one row if it lives on none.

    Asset and token both have a ``displayName``; the asset's becomes ``assetName``.
    """
    found: list[Row] = []
    for asset in answer:
        shared = without(asset, "tokens")
        shared["assetName"] = shared.pop("displayName", None)
        found += [{**token, **shared} for token in asset.get("tokens") or [{}]]
    return found


def securities(answer: Iterable[Row]) -> list[Row]:
    """A row for each session in which a security trades; its own name is ``securityName``."""
    return [
        _beside(session, without(security, "sessions"), "security", {"name"})
        for security in answer
        for session in security.get("sessions") or [{}]
    ]


def predictions(answer: Iterable[Row]) -> list[Row]:
    """A row a prediction market; what its event has under the same name is ``event...``."""
    both = {"quoteVolume", "imgUrl", "resolutionDelaySecs"}
    return [
        _beside(market, without(event, "predictionMarkets"), "event", both)
        for event in answer
        for market in event.get("predictionMarkets") or [{}]
    ]


def rfqs(answer: Iterable[Row]) -> list[Row]:
    """A row a quote, with the fields of the request; the quote's are ``quote...`` where both are.

    A request without a quote has one row. The two share their ``rfqId``.
    """
    found: list[Row] = []
    for entry in answer:
        request = without(entry, "rfq", "quotes") | dict(entry.get("rfq") or {})
        for quote in entry.get("quotes") or [{}]:
            both = {"rfqId": quote.get("rfqId")} | request
            own = without(quote, "rfqId")
            found.append(_beside(both, own, "quote", {"clientId", "status", "createdAt"}))
    return found


def without(row: Row, *names: str) -> dict[str, Any]:
    """The row's other fields."""
    return {name: value for name, value in row.items() if name not in names}


def _beside(row: Row, other: Row, prefix: str, both: Collection[str]) -> Row:
    """The fields of two objects; ``other``'s get the prefix where the names are in both."""
    renamed = {
        prefix + name[:1].upper() + name[1:] if name in both or name in row else name: value
        for name, value in other.items()
    }
    return {**row, **renamed}
