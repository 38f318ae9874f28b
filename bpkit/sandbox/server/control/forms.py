"""What a control call may have: its JSON, money as text, times and spans; and what it answers."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

from ..advance import Advance
from ..answers import Response

PREFIX = "/sandbox/v1"
HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SPAN = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d{1,6})?)s)?", re.ASCII)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_UNITS = (86_400, 3_600, 60, 1)  # seconds, in the order of that expression

EXAMPLE = 'write {"name": "value"}'

Json = dict[str, Any]


class Refused(Exception):
    """A call that is refused. ``field``: that of the body, the query or the path that is wrong."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        field: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.field = status, code, message, field
        self.headers = dict(headers or {})


class Call(NamedTuple):
    """A call that was read. ``names``: the parts of its path, such as ``symbol``.

    ``file``: the body of a call that takes a file. ``gzip``: may the answer be compressed?
    """

    names: dict[str, str]
    query: dict[str, str]
    body: Json
    file: bytes = b""
    gzip: bool = False


class Answer(NamedTuple):
    """``value``: what the JSON says; bytes: the JSON itself; None: there is no body."""

    status: int
    value: Any = None
    headers: Mapping[str, str] = {}


class Later(NamedTuple):
    """The answer comes when the advance is done. ``entry``: its row of the log."""

    advance: Advance
    answer: Callable[[], Answer]
    entry: Json | None = None


@dataclass(frozen=True)
class Owner:
    """What the server does not have by itself.

    ``new_key``: a secret, or None for a new one -> public key and secret; ValueError: it is not a
    secret. ``amounts_of``: see ``inputs``. ``public_key`` and ``sign``: of the demo key.
    """

    version: str
    token: str = field(repr=False)
    new_key: Callable[[str | None], tuple[str, str]]
    amounts_of: Callable[[Mapping[str, str], Collection[str]], dict[str, Decimal]]
    public_key: str
    sign: Callable[[str], str]


def wrong(field: str | None, message: str) -> Refused:
    """The refusal of a value."""
    return Refused(400, "INVALID_VALUE", message, field)


@contextmanager
def asked(field: str) -> Iterator[None]:
    """A ValueError within is about this field."""
    try:
        yield
    except ValueError as error:
        raise wrong(field, str(error)) from None


def error_of(refused: Refused) -> Answer:
    """The answer to a call that is refused."""
    said = {"code": refused.code, "message": refused.message, "field": refused.field}
    return Answer(refused.status, {"error": said}, refused.headers)


def json_answer(answer: Answer) -> Response:
    """The parts of an answer, as the server sends them."""
    headers = {**HEADERS, **answer.headers}
    if answer.value is None:
        return Response(answer.status, headers, b"")
    body = answer.value
    if not isinstance(body, bytes):
        body = json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"
    kind = {"Content-Type": "application/json; charset=utf-8"}
    return Response(answer.status, kind | headers, body)


# --- bodies and queries ---------------------------------------------------------------------------


def read_body(raw: bytes, content_type: str, fields: Collection[str] | None) -> Json:
    """The fields of a body. ``fields``: those that are known; None: there may be no body.

    Numbers with a point are Decimal. Raises Refused.
    """
    if not raw:
        return {}
    if fields is None:
        raise wrong(None, "this call takes no body; send none")
    check_content_type(content_type)
    body = _parsed(raw)
    if not isinstance(body, dict):
        raise Refused(400, "INVALID_JSON", f"the body is not a JSON object; {EXAMPLE}")
    _check_known(body, fields)
    return body


def check_content_type(content_type: str) -> None:
    """Refuse a body of another type: a page of the web can send those that forms have."""
    if content_type.partition(";")[0].strip().lower() != "application/json":
        raise Refused(415, "JSON_NEEDED", "a body needs the header Content-Type: application/json")


def read_query(text: str, fields: Collection[str]) -> dict[str, str]:
    """Raises Refused."""
    query: dict[str, str] = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        if name in query:
            raise wrong(name, f"{name[:40]!r} comes twice; write it once")
        query[name] = value
    _check_known(query, fields)
    return query


def _check_known(given: Collection[str], fields: Collection[str]) -> None:
    for name in given:
        if name not in fields:
            known = f"write one of {', '.join(fields)}" if fields else "this call takes none"
            raise Refused(
                400, "UNKNOWN_FIELD", f"{name[:40]!r} is not a field here; {known}", name[:40]
            )


def _parsed(raw: bytes) -> Any:
    try:
        return json.loads(
            raw.decode(),
            parse_float=Decimal,
            parse_constant=_no_number,
            object_pairs_hook=_distinct,
        )
    except (ValueError, RecursionError) as error:  # not UTF-8, not JSON, or nested too deep
        why = "it is nested too deep" if isinstance(error, RecursionError) else str(error)[:200]
        raise Refused(400, "INVALID_JSON", f"the body is not JSON: {why}; {EXAMPLE}") from None


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is not a number in JSON")


def _distinct(pairs: list[tuple[str, Any]]) -> Json:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name comes twice")
    return found


# --- values ---------------------------------------------------------------------------------------


def money(name: str, value: object) -> str:
    """A price or a quantity. Its text is read elsewhere."""
    if value is None:
        raise wrong(name, f'{name} is missing; write text: "{name}": "150"')
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        raise wrong(name, f'{name}={value} is a JSON number; money is text: "{value}"')
    return text(name, value)


def text(name: str, value: object) -> str:
    """A text that must be there."""
    if value is None:
        raise wrong(name, f'{name} is missing; write text: "{name}": "..."')
    if not isinstance(value, str):
        raise wrong(name, f"{name}={as_json(value)} is not text; write it in quotes")
    return value


def new_name(value: object) -> str:
    """The name of an account or of a snapshot."""
    name = text("name", value)
    if not _NAME.fullmatch(name):
        said = f"name={name[:70]!r} is not a name: 1 to 64 letters, digits, dots, _ and -"
        raise wrong("name", f"{said}; the first is a letter or a digit")
    return name


def flag(name: str, value: object) -> bool:
    """true or false."""
    if not isinstance(value, bool):
        raise wrong(name, f"{name}={as_json(value)} is not true or false")
    return value


def span_us(name: str, value: object) -> int:
    """A number of seconds, or text such as "5m" or "1h30m", in microseconds. It is above 0."""
    seconds = _seconds(value)
    if seconds is None or not 0 < seconds <= 10**12:
        said = f"{name}={as_json(value)} is not a span above 0"
        raise wrong(name, f'{said}; write 300, "5m" or "1h30m"')
    return int(seconds * 1_000_000)


def _seconds(value: object) -> Decimal | None:
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return Decimal(value)
    found = _SPAN.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return None
    parts = zip(found.groups(), _UNITS, strict=True)
    try:
        return sum((Decimal(part) * unit for part, unit in parts if part), Decimal(0))
    except InvalidOperation:
        return None


def time_us(name: str, value: object) -> int:
    """A time, as ISO text with a zone or as a whole number of milliseconds, in microseconds."""
    try:
        if isinstance(value, str):
            moment = datetime.fromisoformat(value)
            if moment.tzinfo is not None:
                return (moment - EPOCH) // timedelta(microseconds=1)
        elif isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**14:
            return value * 1_000
    except (ValueError, OverflowError):
        pass
    example = '"2026-09-02T00:00:00Z", or milliseconds'
    raise wrong(name, f"{name}={as_json(value)} is not a time with a zone; write {example}")


def iso(at_us: int) -> str:
    """A time as text, UTC: ``2026-09-01T12:00:00Z``."""
    return (EPOCH + timedelta(microseconds=at_us)).isoformat().replace("+00:00", "Z")


def number(name: str, value: object, most: int) -> int:
    """A whole number of a query, from 0 to ``most``."""
    if not (isinstance(value, str) and re.fullmatch("[0-9]{1,15}", value) and int(value) <= most):
        raise wrong(name, f"{name}={as_json(value)} is not a whole number from 0 to {most}")
    return int(value)


def as_json(value: object) -> str:
    """A value as JSON, for a message."""
    return json.dumps(value, default=str)[:100]
