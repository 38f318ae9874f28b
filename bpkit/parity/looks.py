"""What is looked at in an answer: functions from redacted answers to facts, name -> text.

A fact that cannot be seen in these answers is missing. Facts are shapes, words and order: the
values of two exchanges differ.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from .redaction import Seen, few, kinds

Facts = dict[str, str]
_PAGE_HEADERS = ("x-current-page", "x-page-count", "x-page-size")


def facts_of(look: str, answers: Sequence[Seen]) -> Facts:
    """The facts of one look, such as "status" or "sorted start". All but "overlap" look at the
    first answer."""
    name, _, field = look.partition(" ")
    if name == "overlap":
        return _overlap(answers)
    return LOOKS[name](answers[0], field)


def rows_of(body: Any) -> list[dict[str, Any]]:
    """The objects of an answer: the rows of a list, or the one object."""
    found = body if isinstance(body, list) else [body]
    return [one for one in found if isinstance(one, dict)]


def _status(seen: Seen, field: str) -> Facts:
    return {"status": str(seen.status)}


def _content_type(seen: Seen, field: str) -> Facts:
    return {"content type": seen.headers.get("content-type", "none")}


def _error(seen: Seen, field: str) -> Facts:
    """Code and text of a refusal."""
    if seen.status < 300:
        return {"text of the error": "none: it is answered"}
    if isinstance(seen.body, dict):
        return {"text of the error": f"{seen.body.get('code')}: {seen.body.get('message')}"}
    return {"text of the error": f"{seen.body}"}


def _headers(seen: Seen, field: str) -> Facts:
    """Which of some headers are there: ``headers x-page-count,age``."""
    return {f"header {name}": "there" if name in seen.headers else "not there"
            for name in field.split(",")}  # fmt: skip


def _noted(seen: Seen, field: str) -> Facts:
    """As ``headers``, but only for the reader: no row says anything about them."""
    return {f"noted {name}": value for name, value in _headers(seen, field).items()}


def _cache(seen: Seen, field: str) -> Facts:
    return {"cache-control": seen.headers.get("cache-control", "not there")}


def _pages(seen: Seen, field: str) -> Facts:
    """The page headers. How many pages there are is only looked at if there are no rows."""
    facts = {name: seen.headers.get(name, "not there") for name in _PAGE_HEADERS}
    count = facts.pop("x-page-count")
    if seen.body == []:
        return facts | {"x-page-count without rows": count}
    return facts | {"x-page-count": "a number" if count.isdecimal() else count}


def _list(seen: Seen, field: str) -> Facts:
    if seen.status >= 300:
        return {}
    return {"answer": "a list" if isinstance(seen.body, list) else "no list"}


def _names(seen: Seen, field: str) -> Facts:
    """The names of the fields in order; of nested objects, too."""
    facts: Facts = {}
    if seen.status < 300:
        for path, value in _objects("", seen.body):
            facts.setdefault(f"names in order{path}", ", ".join(value))
    return facts


def _types(seen: Seen, field: str) -> Facts:
    """The kinds of the values of each field, without null."""
    found: dict[str, set[str]] = {}
    if seen.status < 300:
        for path, value in _objects("", seen.body):
            for name, one in value.items():
                if one is not None and not isinstance(one, (dict, list)):
                    found.setdefault(f"type of {path[4:]}.{name}".replace(" .", " "), set()).add(
                        kinds(one)
                    )
    return {name: " or ".join(sorted(some)) for name, some in found.items()}


def _decimals(seen: Seen, field: str) -> Facts:
    """Have numbers in text trailing zeros?"""
    if seen.private:
        return {}
    texts = [text for text in _texts(seen.body) if re.fullmatch(r"-?\d+\.\d+", text)]
    some = "some have trailing zeros" if any(text.endswith("0") for text in texts) else "no zeros"
    return {"decimals": some} if texts else {}


def _compact(seen: Seen, field: str) -> Facts:
    return {"JSON": "compact" if seen.compact else "with spaces"} if seen.is_json else {}


def _count(seen: Seen, field: str) -> Facts:
    if not isinstance(seen.body, list):
        return {}
    return {"count": few(len(seen.body)) if seen.private else str(len(seen.body))}


def _sorted(seen: Seen, field: str) -> Facts:
    """Ascending or descending by a field."""
    return {f"sorted by {field}": seen.orders[field]} if field in seen.orders else {}


def _words(seen: Seen, field: str) -> Facts:
    """Are the words of a field those of the documentation?"""
    values = [row[field] for row in rows_of(seen.body) if row.get(field)]
    known = not any(str(value).startswith("<") for value in values)
    return {f"words of {field}": "documented" if known else "some others"} if values else {}


def _overlap(answers: Sequence[Seen]) -> Facts:
    """Does the second answer, with an offset of 1, begin with the second row of the first?"""
    first, second = (rows_of(one.body) for one in answers)
    if len(first) < 2 or not second:
        return {}
    return {"an offset of 1": "leaves out the first row" if second[0] == first[1] else "does not"}


# --- candles --------------------------------------------------------------------------------------


def _most(seen: Seen, field: str) -> Facts:
    """How many candles came, if there were more minutes."""
    starts = list(_starts(seen))
    if not starts:
        return {}
    asked = (seen.now - int(seen.parameters["startTime"])) // 60
    return {"most candles": str(len(starts)) if len(starts) < asked - 2 else "all were given"}


def _begins(seen: Seen, field: str) -> Facts:
    starts = list(_starts(seen))
    if not starts:
        return {}
    late = starts[0] - int(seen.parameters["startTime"])
    width = 60 if seen.parameters["interval"] == "1m" else 3600
    if -width < late <= 0:
        return {"the first candle": "holds the start time"}
    return {"the first candle": "begins after it" if 0 < late < 2 * width else "is far from it"}


def _end(seen: Seen, field: str) -> Facts:
    starts = list(_starts(seen))
    if not starts:
        return {}
    end = int(seen.parameters["endTime"])
    where = "begins at the end time" if starts[-1] == end else "begins before the end time"
    return {"the last candle": "begins after the end time" if starts[-1] > end else where}


def _running(seen: Seen, field: str) -> Facts:
    starts = list(_starts(seen))
    left = 3600 - seen.now % 3600  # seconds; near the hour's end it may have ended meanwhile
    if not starts or left < 120:
        return {}
    return {"the running candle": "is given" if starts[-1] + 3600 > seen.now else "is left out"}


def _aligned(seen: Seen, field: str) -> Facts:
    """Where candles of days begin."""
    starts = [datetime.fromtimestamp(one, UTC) for one in _starts(seen)]
    how: Callable[[datetime], str] = {
        "3d": lambda one: f"day {int(one.timestamp()) // 86400 % 3} of 3 since 1970, {one:%H:%M}",
        "1w": lambda one: f"{one:%A}, {one:%H:%M}",
        "1month": lambda one: f"day {one.day} of the month, {one:%H:%M}",
    }[seen.parameters["interval"]]
    return {"candles begin on": "; ".join(sorted({how(one) for one in starts}))} if starts else {}


def _nulls(seen: Seen, field: str) -> Facts:
    """What the prices are where nothing was traded."""
    quiet = [row for row in rows_of(seen.body) if row.get("trades") in ("0", 0)]
    names = [name for row in quiet for name in ("open", "close") if row.get(name) is not None]
    return {"prices without trades": "numbers" if names else "null"} if quiet else {}


def _starts(seen: Seen) -> Iterator[int]:
    """The opening times of candles, in Unix seconds."""
    for row in rows_of(seen.body):
        if re.fullmatch(r"\d{4}-\d\d-\d\d.\d\d:\d\d:\d\d", str(row.get("start"))):
            yield int(datetime.fromisoformat(f"{row['start']}+00:00").timestamp())


def _objects(path: str, value: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every object in an answer, with the names that lead to it: " of filters.price"."""
    for row in rows_of(value):
        yield path, row
        for name, one in row.items():
            if isinstance(one, (dict, list)):
                yield from _objects(f"{path}.{name}" if path else f" of {name}", one)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, (dict, list)):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _texts(one)


LOOKS: dict[str, Callable[[Seen, str], Facts]] = {
    "status": _status, "content-type": _content_type, "error": _error, "headers": _headers,
    "noted": _noted,
    "cache": _cache, "pages": _pages, "list": _list, "names": _names, "types": _types,
    "decimals": _decimals, "compact": _compact, "count": _count, "sorted": _sorted,
    "words": _words, "most": _most, "begins": _begins, "end": _end, "running": _running,
    "aligned": _aligned, "nulls": _nulls,
}  # fmt: skip
