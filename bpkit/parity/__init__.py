"""Ask a live exchange, by GET alone, whether the sandbox answers as it does; write a report.

``questions`` is the table, ``sending`` the only way out, ``redaction`` decides what is kept of an
answer, ``looks`` finds facts in it, ``verdicts`` compares them, ``report`` writes them down.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from ..errors import without_locals
from ..signing import Key
from .questions import QUESTIONS, Question
from .redaction import Redactor
from .report import Last, contradicted, written
from .sending import MOST, PAUSE, SETUP, Asker, Stopped
from .verdicts import CANNOT_TELL, NOT_SEEN, Verdict, compared

CANDLES_A_MINUTE = 30  # requests for candles and old trades; so many at most in a run
_CANDLES = {"get_klines", "get_historical_trades"}
_HEADING = """\
Asked on {when} by bpkit {version} {with_key}: {sent} requests, GET alone.{stopped} The sandbox was
asked the same; shapes, words and order are compared, never values. A verdict has the date of the
answers that it rests on.

This report may be shown to others. Of answers about the account it has only names of fields, words
of closed lists, errors and a few headers. Left out are: keys, signatures, ids, amounts, addresses,
markets and the number of rows."""


class Result(NamedTuple):
    """What a run gives.

    ``text``: the report, "" if there is none. ``status``: 0, nothing is contradicted; 1, something
    is; 2, it could not finish. ``why``: of a 2.
    """

    text: str
    status: int
    why: str = ""


class Side(NamedTuple):
    """One of the two exchanges: where it is, and the key of an account there, or None."""

    url: str
    key: Key | None


@without_locals
def probe(
    exchange: Side,
    sandbox: Side,
    *,
    version: str,
    names: Sequence[str] = (),
    last: str = "",
    say: Callable[[str], object] = print,
    sleep: Callable[[float], None] = time.sleep,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Result:
    """Ask both, and write the report. ``names``: of questions; () means as many as fit.

    ``last``: the text of the last report. Questions that were never asked come first, then those
    whose answers are the oldest. Raises ValueError for an unknown name.
    """
    redactor = Redactor()
    asker = Asker(exchange.url, _keys(exchange), redactor, pause=PAUSE, most=MOST, sleep=sleep)
    ours = Asker(sandbox.url, _keys(sandbox), Redactor())
    before = Last(last, asker.url)
    planned, cost = _plan(names, before, exchange.key is not None)
    say(
        f"{len(planned)} of {len(QUESTIONS)} questions for {asker.url}: at most {cost} requests, "
        f"GET alone, one a second: {cost} seconds."
    )
    verdicts = {one.name: _not_asked(one, exchange.key is not None) for one in QUESTIONS}
    why, day = "", f"{now():%Y-%m-%d}"
    try:
        asker.prepare()
        ours.prepare()
        for question in planned:
            verdicts[question.name] = _asked(question, asker, ours, day)
    except Stopped as stop:
        why = str(stop)
    heading = _HEADING.format(
        when=f"{now():%Y-%m-%d %H:%M} UTC", version=version, sent=asker.sent,
        with_key="with a key" if exchange.key else "without a key",
        stopped=f" It could not finish: {why}." if why else "",
    )  # fmt: skip
    return _checked(exchange, asker, redactor, heading, verdicts, before, why)


def _keys(side: Side) -> dict[str, Key]:
    """A stranger's key has no account anywhere."""
    return {"stranger": Key.generate(), **({} if side.key is None else {"own": side.key})}


def _plan(names: Sequence[str], last: Last, with_key: bool) -> tuple[list[Question], int]:
    """The questions of this run, and the most requests that they take."""
    known = {one.name: one for one in QUESTIONS}
    for name in names:
        if name not in known:
            raise ValueError(f"there is no question {name!r}; there are: {', '.join(known)}")
    wanted = [one for one in QUESTIONS if one.asks and (not names or one.name in names)]
    wanted = [one for one in wanted if with_key or all(ask.key != "own" for ask in one.asks)]
    wanted.sort(key=lambda one: last.dates.get(one.name, ""))
    chosen: list[Question] = []
    requests = {one: 1 for one in SETUP}
    for question in wanted:
        more = requests | dict.fromkeys(question.asks, 2)
        candles = sum(more[one] for one in more if one.operation in _CANDLES)
        if sum(more.values()) <= MOST and candles <= CANDLES_A_MINUTE:
            requests = more
            chosen.append(question)
    return chosen, sum(requests.values())


def _not_asked(question: Question, with_key: bool) -> Verdict:
    if question.needs:
        return Verdict(NOT_SEEN, "", f"it needs {question.needs}; only GET is sent")
    if not with_key and any(one.key == "own" for one in question.asks):
        return Verdict(NOT_SEEN, "", "it needs a key: --key")
    return Verdict(NOT_SEEN, "", f"not asked in this run: --rows {question.name}")


def _asked(question: Question, asker: Asker, ours: Asker, day: str) -> Verdict:
    """Raises Stopped."""
    if not all(asker.known(one) and ours.known(one) for one in question.asks):
        return Verdict(CANNOT_TELL, day, "there is no such market to ask for")
    twice = [asker.answers(question.name, one, 2) for one in question.asks]
    own = [ours.answers(question.name, one, 1)[0] for one in question.asks]
    if any(answer is None for pair in twice for answer in pair):
        return Verdict(CANNOT_TELL, day, "a request got no answer")
    return compared(question, twice, own, day)


def _checked(
    exchange: Side, asker: Asker, redactor: Redactor, heading: str,
    verdicts: dict[str, Verdict], last: Last, why: str,
) -> Result:  # fmt: skip
    """The report, after a search for what must not be in it."""
    text = written(asker.url, heading, verdicts, last)
    bare = {name: one._replace(found="") for name, one in verdicts.items()}
    skeleton = written(asker.url, heading, bare, last)
    key = exchange.key
    if key is not None and (key.is_in(text) or key.public_key in text):
        return Result("", 2, "no report: a key was in it")
    if leak := redactor.leak(text, skeleton, asker.signatures - {""}):
        return Result("", 2, f"no report: a private text of {leak} was in it")
    if why:
        return Result(text, 2, why)
    return Result(text, int(bool(contradicted(text))))
