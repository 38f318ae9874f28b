"""``bpkit parity``: the sandbox is compared with a second one, also with one that is changed."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers import DEMO_SECRET

from bpkit import LIVE_URL, GuardError, Key
from bpkit.cli.parity import reference
from bpkit.network.connection import Answered, Connection
from bpkit.operations import OPERATIONS
from bpkit.parity import CANDLES_A_MINUTE, Result, Side, probe
from bpkit.parity.questions import FIRST, LATER, QUESTIONS, SIGNED, UNSEEN
from bpkit.parity.redaction import Redactor
from bpkit.parity.report import Last
from bpkit.parity.sending import MOST, SETUP, Asker, GetOnly
from bpkit.parity.verdicts import Verdict
from bpkit.sandbox import Conflicts, Sandbox
from bpkit.sandbox.core.conflicts import CHOICES

FOLDER = Path(__file__).parents[2] / "bpkit/parity"
PARITY = (FOLDER.parent / "sandbox/PARITY.md").read_text("utf-8")
EVERY = [one.name for one in (*FIRST, *SIGNED, *LATER)]
KLINES, ACCOUNT = "/api/v1/klines", "/api/v1/account"


@pytest.fixture(scope="module")
def ours() -> Iterator[Sandbox]:
    with reference() as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def theirs() -> Iterator[Sandbox]:
    """It plays the live exchange."""
    with reference() as sandbox:
        yield sandbox


def run(theirs: Sandbox, ours: Sandbox, *, key: bool = True, **options: Any) -> Result:
    options = {"say": lambda text: None, "sleep": lambda seconds: None} | options
    side = Side(theirs.url, theirs.key if key else None)
    return probe(side, Side(ours.url, ours.key), version="0", **options)


def whole(theirs: Sandbox, ours: Sandbox) -> Result:
    """After so many runs that every question was asked."""
    result = run(theirs, ours)
    for _ in range(2):
        result = run(theirs, ours, last=result.text)
    return result


def verdicts(result: Result, theirs: Sandbox) -> dict[str, str]:
    return Last(result.text, theirs.url).verdicts


def contradicted(result: Result, theirs: Sandbox) -> set[str]:
    found = verdicts(result, theirs)
    return {name for name, verdict in found.items() if verdict == "contradicted"}


Change = Callable[[str, Any, dict[str, str]], tuple[int, Any] | None]


@pytest.fixture
def alter(monkeypatch: pytest.MonkeyPatch, theirs: Sandbox) -> Callable[[Change], None]:
    """Let ``theirs`` give other answers: ``change(path, body, headers)`` may return another status
    and body, or change the headers in place."""

    def by(change: Change) -> None:
        real = Connection.send

        def send(self: Connection, request: Any, seconds: float) -> Answered:
            answer = real(self, request, seconds)
            if not request.url.startswith(theirs.url):
                return answer
            headers = {name.lower(): value for name, value in answer.headers.items()}
            body: Any = answer.content.decode()
            if "json" in headers.get("content-type", ""):
                body = json.loads(body)
            other = change(request.url.removeprefix(theirs.url), body, headers)
            status, body = (answer.status, body) if other is None else other
            text = body if isinstance(body, str) else json.dumps(body, separators=(",", ":"))
            return Answered(status, "", headers, text.encode())

        monkeypatch.setattr(Connection, "send", send)

    return by


# --- nothing but GET ------------------------------------------------------------------------------


def test_no_question_changes_anything() -> None:
    asks = [one for question in QUESTIONS for one in question.asks]
    assert len(asks) > 80
    assert {OPERATIONS[one.operation].mutates for one in [*asks, *SETUP]} == {False}


@pytest.mark.parametrize("method", ["POST", "DELETE", "PATCH", "PUT", "HEAD", "OPTIONS", "get"])
def test_no_other_method_leaves(theirs: Sandbox, method: str) -> None:
    connection = GetOnly(theirs.url, True, 1.0, 1000)
    request = type("Request", (), {"method": method, "url": theirs.url, "body": None})()
    before = len(theirs.log)
    with pytest.raises(GuardError, match="only reads"):
        connection.send(request, 1.0)
    request.method, request.body = "GET", b"{}"
    with pytest.raises(GuardError, match="only reads"):
        connection.send(request, 1.0)
    assert len(theirs.log) == before


def test_there_is_no_other_way_out() -> None:
    """One call of ``send`` with a connection, which is a GetOnly; no session, no client."""
    calls = [
        (file.name, ast.unparse(node.func))
        for file in FOLDER.glob("*.py")
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(".send")
    ]
    assert sorted(calls) == [
        ("sending.py", "self._connection.send"),
        ("sending.py", "super().send"),
    ]


# --- what it finds --------------------------------------------------------------------------------


# There are neither prediction markets nor vaults here, so no names of their fields.
EMPTY = dict.fromkeys(("get_prediction_events", "get_vaults"), "cannot tell")


def test_an_identical_sandbox_contradicts_nothing(theirs: Sandbox, ours: Sandbox) -> None:
    before = len(theirs.log)
    result = whole(theirs, ours)
    seen = theirs.log[before:]
    assert len(seen) > 150 and {row["method"] for row in seen} == {"GET"}
    found = verdicts(result, theirs)
    assert {name: found[name] for name in EVERY} == dict.fromkeys(EVERY, "confirmed") | EMPTY
    assert {found[one.name] for one in UNSEEN} == {"not seen"}
    assert (result.status, result.why) == (0, "")


def test_another_market_at_another_time_contradicts_nothing(ours: Sandbox) -> None:
    """Other values, an account without any history: shapes, words and order are the same."""
    with Sandbox(seed="another", follow_clock=True, funds={"USDT": "12.5"}) as theirs:
        result = whole(theirs, ours)
        found = verdicts(result, theirs)
    assert result.status == 0
    unknown = {name for name in EVERY if found[name] == "cannot tell"}
    assert unknown == {
        "settlements", "fills", "order-history", "open-orders", "positions", "funding",
        "interest-history", "lend-positions", "dust", "strategies", "lend-changes",
        "lend-position-history", *EMPTY,
    }  # fmt: skip


# The questions of the only switch that a GET can see, and the switches that need an order.
VISIBLE = {"auth-status", "auth-signature"}
UNSEEN_SWITCHES = {"post_only": "expire", "unknown_cancel": 404}


def test_a_switched_conflict_is_found_and_nothing_else(ours: Sandbox) -> None:
    with reference(conflicts=Conflicts(auth_status=401)) as theirs:
        result = whole(theirs, ours)
        assert contradicted(result, theirs) == VISIBLE
    assert result.status == 1
    row = next(one.row for one in QUESTIONS if one.name == "auth-status")
    assert {one.name for one in QUESTIONS if one.row == row} == VISIBLE


def test_what_needs_an_order_is_not_seen(ours: Sandbox) -> None:
    assert {"auth_status", *UNSEEN_SWITCHES} == set(CHOICES)
    with reference(conflicts=Conflicts(**UNSEEN_SWITCHES)) as theirs:
        result = whole(theirs, ours)
        assert contradicted(result, theirs) == set()
        found = verdicts(result, theirs)
    assert (found["post-only"], found["unknown-cancel"]) == ("not seen", "not seen")


def _klines(wanted: str, change: Callable[[list[Any]], Any]) -> Change:
    return lambda path, body, headers: (
        (200, change(body)) if re.search(wanted, path.removeprefix(KLINES)) else None
    )


def _next(rows: list[Any]) -> list[Any]:
    """With the candle after the last one."""
    return [*rows, {**rows[-1], "start": rows[-1]["end"]}]


def _refused(prefix: str, status: int, body: Any) -> Change:
    return lambda path, _, headers: (status, body) if path.startswith(prefix) else None


def _header(prefix: str, name: str, value: str) -> Change:
    return lambda path, _, headers: headers.update({name: value}) if path == prefix else None


def _rows(prefix: str, change: Callable[[Any], Any]) -> Change:
    return lambda path, body, _: (
        (200, [change(row) for row in body])
        if path.startswith(prefix) and isinstance(body, list)
        else None
    )


MOVED = {"code": "RESOURCE_NOT_FOUND", "message": "Not Found"}
PLANTS: dict[str, tuple[Change, set[str]]] = {
    "the end is included": (_klines("endTime=.*interval=1h", _next),
                            {"klines-end"}),
    "500 candles": (_klines("interval=1m&", lambda rows: rows[:500]), {"klines-most"}),
    "the newest candles": (
        _klines("interval=1m&", lambda rows: [{**rows[0], "start": "2026-09-01 13:00:00"}, *rows]),
        {"klines-start", "klines-most"},
    ),
    "the running candle": (_klines(r"^\?interval=1h&startTime=\d+&symbol=SOL", _next),
                           {"klines-running"}),
    "weeks from Sunday": (
        _klines("interval=1w", lambda rows: [
            {**row, "start": f"2026-08-{day} 00:00:00"} for row in rows for day in (16, 23)
        ]), {"klines-1w"}),
    "three days from 1970-01-02": (
        _klines("interval=3d", lambda rows: [{**rows[0], "start": "1970-01-02 00:00:00"}]),
        {"klines-3d"}),
    "zeros for null": (
        _klines("interval=1s", lambda rows: [
            {**row, "open": row["open"] or "0"} for row in rows
        ]), {"klines-null"}),
    "no candles of what is unknown": (
        _klines("interval=1h.*symbol=NO_SUCH", lambda rows: []), {"klines-unknown"}),
    "another text": (
        _refused("/api/v1/ticker?symbol=NO_SUCH", 400, {"code": "X", "message": "No market"}),
        {"ticker-unknown"}),
    "a ticker of a closed market": (
        _refused("/api/v1/ticker?symbol=HNT", 404, MOVED), {"ticker-closed"}),
    "trades of a closed market": (
        _refused("/api/v1/trades?symbol=HNT", 200, []), {"trades-closed"}),
    "a limit is lowered": (
        _refused("/api/v1/trades?limit=1001&symbol=SOL_USDC", 200, [{"id": 1}] * 1000),
        {"trades-limit"}),
    "an unknown parameter is refused": (
        _refused("/api/v1/time?parity", 400, MOVED), {"unknown-parameter"}),
    "a slash is ignored": (_refused("/api/v1/time/", 200, "1"), {"slash"}),
    "another cache": (
        _header("/api/v1/tickers", "cache-control", "no-store"), {"ticker-cache"}),
    "answers are compressed": (
        _header("/api/v1/markets", "content-encoding", "gzip"), {"compression"}),
    "text instead of JSON": (_header("/api/v1/status", "content-type", "text/html"),
                             {"status-type"}),
    "another order of names": (
        _rows("/api/v1/markets", lambda row: dict(reversed(row.items()))), {"markets"}),
    "numbers as numbers": (
        _rows("/api/v1/openInterest?symbol=SOL", lambda row: {**row, "openInterest": 5.5}),
        {"interest"}),
    "trailing zeros": (
        _rows("/api/v1/tickers", lambda row: {**row, "high": "1.50"}), {"json"}),
    "trades oldest first": (
        lambda path, body, _: (200, body[::-1]) if path == "/api/v1/trades?symbol=SOL_USDC"
        else None, {"trades"}),
    "another size of pages": (
        lambda path, _, headers: headers.update({"x-page-size": "100"})
        if path.startswith("/api/v1/fundingRates") else None, {"pages-public"}),
    "an offset of pages": (
        lambda path, body, _: (200, [{**row, "fundingRate": "7"} for row in body])
        if path.startswith("/api/v1/fundingRates") and "offset=1" in path else None, {"offset"}),
    "an unknown order is 400": (
        _refused("/api/v1/order?", 400, MOVED), {"order-unknown"}),
    "fills oldest first": (
        lambda path, body, _: (200, body[::-1]) if path.startswith("/wapi/v1/history/fills")
        else None, {"fills"}),
    "an unknown source": (
        _rows("/wapi/v1/history/settlement", lambda row: {**row, "source": "Newcomer"}),
        {"settlements"}),
    "numbers are signed in another form": (
        lambda path, _, headers: (400, {"code": "X", "message": "Invalid signature"})
        if "price=150.250" in path else None, {"signed-numbers"}),
    "a null more": (
        lambda path, body, _: (200, {**body, "more": None})
        if path.startswith("/api/v1/account/limits/order?side") else None, {"max-order"}),
    "newest hours first": (
        lambda path, body, _: (200, body[::-1])
        if path.startswith("/api/v1/borrowLend/markets/history") else None, {"lend-history"}),
}  # fmt: skip


@pytest.mark.parametrize("plant", PLANTS)
def test_what_differs_is_found(
    theirs: Sandbox, ours: Sandbox, alter: Callable[[Change], None], plant: str
) -> None:
    change, expected = PLANTS[plant]
    alter(change)
    result = run(theirs, ours, names=sorted(expected))
    assert contradicted(result, theirs) == expected and result.status == 1


def test_all_that_differs_is_found_and_nothing_else(
    theirs: Sandbox, ours: Sandbox, alter: Callable[[Change], None]
) -> None:
    plants = [plant for name, plant in PLANTS.items() if name != "the newest candles"]
    for change, _ in plants:
        alter(change)
    expected = set[str]().union(*(names for _, names in plants))
    assert contradicted(whole(theirs, ours), theirs) == expected


def test_what_differs_from_answer_to_answer_is_not_compared(
    theirs: Sandbox, ours: Sandbox, alter: Callable[[Change], None]
) -> None:
    count = iter(range(100))

    def change(path: str, body: Any, headers: dict[str, str]) -> None:
        if path == "/api/v1/tickers":
            headers["cache-control"] = f"max-age={next(count)}"

    alter(change)
    result = run(theirs, ours, names=["ticker-cache"])
    assert verdicts(result, theirs)["ticker-cache"] == "cannot tell"
    assert "not compared, because two answers differ: cache-control" in result.text


# --- how much it asks -----------------------------------------------------------------------------


def test_sixty_requests_one_a_second(theirs: Sandbox, ours: Sandbox) -> None:
    pauses: list[float] = []
    said: list[str] = []
    before = len(theirs.log)
    run(theirs, ours, sleep=pauses.append, say=said.append)
    seen = theirs.log[before:]
    assert 55 < len(seen) <= MOST == 60
    assert pauses == [1.0] * (len(seen) - 1)
    candles = [row for row in seen if row["operation"] in ("get_klines", "get_historical_trades")]
    assert 15 < len(candles) <= CANDLES_A_MINUTE == 30
    assert said == [
        f"33 of {len(QUESTIONS)} questions for {theirs.url}: at most {len(seen)} requests, GET "
        f"alone, one a second: {len(seen)} seconds."
    ]


def test_it_stops_at_the_first_429(theirs: Sandbox, ours: Sandbox) -> None:
    before = len(theirs.log)
    with theirs.fault("rate_limit", operations=["get_recent_trades"]):
        result = run(theirs, ours)
    assert [row["status"] for row in theirs.log[before:]].count(429) == 1
    assert theirs.log[-1]["status"] == 429
    assert (result.status, result.why) == (2, "the exchange answered 429")
    assert "It could not finish: the exchange answered 429." in result.text
    found = verdicts(result, theirs)
    assert (found["klines-end"], found["ticker-unknown"]) == ("confirmed", "not seen")


def test_it_does_not_begin_in_maintenance(theirs: Sandbox, ours: Sandbox) -> None:
    before = len(theirs.log)
    with theirs.fault("maintenance"):
        result = run(theirs, ours)
    assert len(theirs.log) == before + 1
    assert (result.status, result.why) == (2, "the status of the exchange is not Ok")


def test_a_lost_answer_is_no_verdict_and_two_are_the_end(theirs: Sandbox, ours: Sandbox) -> None:
    with theirs.fault("lost_reply", operations=["get_ticker"], times=1):
        result = run(theirs, ours, names=["ticker-unknown", "ticker-closed"])
    found = verdicts(result, theirs)
    assert (found["ticker-unknown"], found["ticker-closed"]) == ("cannot tell", "confirmed")
    with theirs.fault("lost_reply", operations=["get_ticker"]):
        result = run(theirs, ours, names=["ticker-unknown"])
    assert (result.status, result.why) == (2, "two requests in a row got no answer")


# --- nothing private ------------------------------------------------------------------------------

MARKS = {
    "text": "Marked-Name", "number": 918273645, "decimal": "918273.645546", "digits": "91827364554",
    "time": "2019-08-07T06:05:04.918", "base64": "TUFSS0VEIFZBTFVFUyBPRiBBTiBBQ0NPVU5U",
    "address": "9182marked7364address5546",
}  # fmt: skip


def marked(value: Any) -> Any:
    """The same JSON with marked values: nothing else, but names that are fields."""
    if isinstance(value, list):
        return [marked(one) for one in value] or [{"id": MARKS["digits"], "memo": MARKS["text"]}]
    if isinstance(value, dict):
        return {name: marked(one) for name, one in value.items()} | MARKS
    return value if value is None or isinstance(value, bool) else MARKS["decimal"]


def private(path: str, body: Any, headers: dict[str, str]) -> tuple[int, Any] | None:
    """Answers about the account, full of marks."""
    if not isinstance(body, (list, dict)) or path.split("?")[0] in PUBLIC_PATHS:
        return None
    headers |= {"x-total": "918273", "set-cookie": MARKS["text"], "x-account": MARKS["digits"]}
    if isinstance(body, dict) and "code" in body:
        said = f"the account {MARKS['digits']} of max@marked.example at 9.182.73.64 is refused"
        return 400, {"code": "REFUSED", "message": said, "userId": MARKS["number"]}
    if path.startswith("/api/v1/capital?") or path == "/api/v1/capital":
        return 200, {name: MARKS | {MARKS["text"]: 1} for name in ("MARKEDCOIN", "kMARKEDCOIN")}
    return 200, marked(body)


PUBLIC_PATHS = {
    one.path
    for one in OPERATIONS.values()
    if not one.signed and not one.name.startswith("get_country")
}  # fmt: skip
NEVER = [*map(str, MARKS.values()), "marked.example", "9.182.73.64", "MARKEDCOIN", "918273"]


def test_no_value_of_an_account_is_in_the_report(
    theirs: Sandbox, ours: Sandbox, alter: Callable[[Change], None]
) -> None:
    alter(private)
    text = ""
    for _ in range(3):
        result = run(theirs, ours, last=text)
        text = result.text
        assert text, result.why
        assert [mark for mark in NEVER if mark in text] == []
        assert theirs.key.public_key not in text and "Signature" in text
    assert "REFUSED: the account <digits 11> of <text> at <text> is refused" in text.replace(
        "&lt;", "<"
    )


def test_a_traceback_shows_no_value_either(
    theirs: Sandbox,
    ours: Sandbox,
    alter: Callable[[Change], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import traceback

    alter(private)

    def broken(*arguments: Any) -> None:
        raise RuntimeError("a defect")

    for place in ("bpkit.parity.compared", "bpkit.parity.redaction._kind"):
        with monkeypatch.context() as patch:
            patch.setattr(place, broken)
            with pytest.raises(RuntimeError) as caught:
                run(theirs, ours, names=["account", "balances"])
        shown = "".join(
            traceback.TracebackException.from_exception(caught.value, capture_locals=True).format()
        )
        assert "a defect" in shown and [mark for mark in NEVER if mark in shown] == []


def test_a_leak_is_no_report(
    theirs: Sandbox,
    ours: Sandbox,
    alter: Callable[[Change], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """If the redaction had a hole, the search of the finished text finds it."""
    leak = Verdict("confirmed", "2026-11-27", MARKS["address"])
    monkeypatch.setattr("bpkit.parity.compared", lambda *given: leak)
    alter(private)
    result = run(theirs, ours, names=["account"])
    assert result == Result("", 2, "no report: a private text of the question account was in it")
    leak = leak._replace(found=theirs.key.public_key)
    monkeypatch.setattr("bpkit.parity.compared", lambda *given: leak)
    assert run(theirs, ours, names=["account"]).why == "no report: a key was in it"


def test_a_signature_is_no_part_of_a_report(
    theirs: Sandbox, ours: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[str] = []
    real = Connection.send

    def send(self: Connection, request: Any, seconds: float) -> Answered:
        sent.append(request.headers.get("X-Signature", ""))
        return real(self, request, seconds)

    monkeypatch.setattr(Connection, "send", send)
    leak = lambda *given: Verdict("confirmed", "2026-11-27", f"{sent[-2]}.")  # noqa: E731
    monkeypatch.setattr("bpkit.parity.compared", leak)
    result = run(theirs, ours, names=["account"])
    assert len(sent[-2]) == 88
    assert result == Result("", 2, "no report: a private text of the signatures was in it")


def test_a_long_token_of_an_error_is_hidden(
    theirs: Sandbox, ours: Sandbox, alter: Callable[[Change], None]
) -> None:
    """An edge may repeat what was sent to it."""
    alter(_refused(ACCOUNT, 400, {"code": "X", "message": "not " + "Ab1+" * 22}))
    result = run(theirs, ours, names=["account", "auth-signature-text"])
    assert "Ab1+" not in result.text and "X: not &lt;base64 88>" in result.text


HEADERS = {
    "Content-Type": "application/json", "Cache-Control": "no-store", "Allow": "GET",
    "X-Current-Page": "1", "X-Page-Count": "3", "X-Page-Size": "100", "X-Total": "250",
    "Set-Cookie": "session=1", "CF-Ray": "abc-FRA",
}  # fmt: skip


def test_what_is_kept_of_an_answer_about_the_account() -> None:
    body = {
        "id": "91827364554", "again": "91827364554", "fee": "918.273645", "count": 7,
        "at": "2026-09-01T12:00:00.123", "then": "2026-09-01 12:00:00", "hash": "QUJD" * 11,
        "memo": "for Max", "side": "Bid", "none": None, "yes": True, "list": ["x", 0.5],
        "byAsset": {"SOL": "1"},
    }  # fmt: skip
    answer = Answered(200, "OK", HEADERS, json.dumps(body).encode())
    seen = Redactor().seen("fills", "get_fills", answer, {}, 0)
    assert seen.body == {
        "id": "<digits 11 #1>", "again": "<digits 11 #1>", "fee": "<decimal 3.6 #2>",
        "count": "<number digits 1 #3>", "at": "<iso ms #4>", "then": "<iso s space #5>",
        "hash": "<base64 44 #6>", "memo": "<text #7>", "side": "Bid", "none": None, "yes": True,
        "list": ["<text #8>", "<number decimal 1.1 #9>"], "byAsset": ["<digits 1 #10>"],
    }  # fmt: skip
    assert seen.headers == {
        "content-type": "application/json", "cache-control": "no-store", "allow": "GET",
        "x-current-page": "1", "x-page-count": "3", "x-page-size": "100", "x-total": "many",
        "set-cookie": "", "cf-ray": "",
    }  # fmt: skip
    text = Answered(200, "OK", {}, b"the account of Max")
    assert Redactor().seen("fills", "get_fills", text, {}, 0).body == "<text #1>"


def test_public_data_is_kept_as_it_is_but_not_where_you_are() -> None:
    body = b'[{"price":"170.5","symbol":"SOL_USDC"}]'
    kept = Redactor().seen("trades", "get_recent_trades", Answered(200, "", {}, body), {}, 0)
    assert kept.body == [{"price": "170.5", "symbol": "SOL_USDC"}]
    country = Answered(200, "", {}, b'{"country":"Liechtenstein"}')
    assert Redactor().seen("x", "get_country", country, {}, 0).body == {"country": "<text #1>"}
    blocked = Answered(403, "", {}, b"not from 203.0.113.7 or 2001:db8:0:1::7, error 1020")
    assert Redactor().seen("x", "get_assets", blocked, {}, 0).body == (
        "not from <text> or <text>, error 1020"
    )
    page = Answered(403, "", {}, b"<html><p>your address: 203.0.113.7</html>")
    assert Redactor().seen("x", "get_assets", page, {}, 0).body == "<html>"


# --- the table and the report ---------------------------------------------------------------------


def test_every_question_has_its_row() -> None:
    rows = re.findall(r"^\| (?:<a id=[^>]*></a>)?(.*)", PARITY, re.MULTILINE)
    for question in QUESTIONS:
        assert len([row for row in rows if row.startswith(question.row)]) == 1, question.name
        assert bool(question.asks) != bool(question.needs)
    assert len({one.name for one in QUESTIONS}) == len(QUESTIONS)


def test_runs_complete_one_another(theirs: Sandbox, ours: Sandbox) -> None:
    first = run(theirs, ours, key=False)
    assert "There is no earlier report" in first.text
    asked = {name for name, date in Last(first.text, theirs.url).dates.items() if date}
    second = run(theirs, ours, key=False, last=first.text)
    both = {name for name, date in Last(second.text, theirs.url).dates.items() if date}
    assert asked < both == {one.name for one in (*FIRST, *LATER)}
    assert "- `get_wallets`: not seen -> confirmed" in second.text
    assert "- `klines-end`" not in second.text


def test_what_changed_is_on_top(
    theirs: Sandbox, ours: Sandbox, alter: Callable[[Change], None]
) -> None:
    first = run(theirs, ours, names=["slash"])
    alter(PLANTS["a slash is ignored"][0])
    second = run(theirs, ours, names=["slash"], last=first.text)
    assert second.text.split("## ")[1] == "What changed\n\n- `slash`: confirmed -> contradicted\n\n"
    assert second.text.split("## ")[2] == "Contradicted\n\n- `slash`\n\n"
    assert second.status == 1
    other = first.text.replace(theirs.url, "https://api.example")
    assert "There is no earlier report" in run(theirs, ours, names=["slash"], last=other).text


def test_the_live_exchange_may_be_asked() -> None:
    """No request is sent. A key of a sandbox is not taken there; a stranger's is."""
    asker = Asker(LIVE_URL, {"stranger": Key.generate()}, Redactor())
    assert (asker.url, asker.sent) == ("https://api.backpack.exchange", 0)
    with pytest.raises(GuardError, match="demo key"):
        Asker(LIVE_URL, {"own": Key(DEMO_SECRET)}, Redactor())


def test_an_unknown_name_is_refused(theirs: Sandbox, ours: Sandbox) -> None:
    with pytest.raises(ValueError, match="there is no question 'nope'; there are: klines-most, "):
        run(theirs, ours, names=["nope"])
