"""The exercises of notebook 01, Public queries: the order book, candles and times."""

from __future__ import annotations

from copy import deepcopy
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from .grading import (
    WRONG,
    Decided,
    Exercise,
    LearnerState,
    Verdict,
    cannot_tell,
    exact,
    right,
    sent,
    shown,
    untried,
    wrong,
)
from .zones import ZONES, time_zone

# --- 01.1 -----------------------------------------------------------------------------------------

# Two levels, and prices whose order as text is not their order as numbers.
SMALL = {"asks": [["10.02", "3"], ["10.03", "1"]], "bids": [["9.98", "4"], ["10.01", "2"]]}
MARKETS = ("SOL_USDC", "ETH_USDC")


def top_bid(learner: LearnerState) -> Verdict:
    """Does the function return the highest bid of two markets, and of a small book?"""
    books = [learner.ask("get_depth", symbol=symbol, limit=5) for symbol in MARKETS]
    books.append(deepcopy(books[0]))  # an answer still, with its frame
    books[-1].update(SMALL)
    answers = [(_top_of(learner, book), book) for book in books]
    if not learner.has_changed() and all(
        _is(answer, book["bids"][0][0]) for answer, book in answers
    ):
        return untried()
    for answer, book in answers:
        if not _is(answer, book["bids"][-1][0]):
            return wrong(_other_than_the_top(answer, book))
    return right(f"{answers[0][0]} is the highest price that a buyer offers for one SOL now.")


def _top_of(learner: LearnerState, book: dict[str, Any]) -> Any:
    """What the function returns. If it raises, the verdict also says how long the book is."""
    try:
        return learner.call("top_bid", deepcopy(book))
    except Decided as decided:
        if decided.verdict.outcome != WRONG or "raised" not in decided.verdict.reason:
            raise
        number = len(book["bids"])
        raise Decided(wrong(f"{decided.verdict.reason}\nThis book has {number} bids.")) from decided


def _is(answer: object, price: str) -> bool:
    if isinstance(answer, float):
        return answer == float(price)
    return exact(answer) == Decimal(price)


def _other_than_the_top(answer: object, book: dict[str, Any]) -> str:
    prices = f"bids at {', '.join(price for price, _ in book['bids'])}"
    returned = f"`top_bid` returned {shown(answer)}"
    if answer is None:
        return f"{returned}. It has no `return`, or a path through it has none."
    if isinstance(answer, list) and answer in [*book["bids"], *book["asks"]]:
        return f"{returned}. That is a price and a quantity, not a price alone."
    if any(_is(answer, price) for price, _ in book["asks"]):
        return f"{returned}. Somebody *sells* at this price. A bid is an order to buy."
    if _is(answer, max(price for price, _ in book["bids"])):
        return (
            f'For {prices}, {returned}. Python compares text letter by letter, and "9" comes after '
            '"1".'
        )
    if any(_is(answer, quantity) for _, quantity in book["bids"]):
        return f"{returned}. That is a quantity, not a price."
    return f"For {prices}, {returned}, which is not the highest."


# --- 01.2 -----------------------------------------------------------------------------------------

START = 1788220800  # 2026-09-01T00:00Z, in seconds
WANTED = {"symbol": "ETH_USDC", "interval": "1h", "startTime": str(START)}
STARTERS_OWN = WANTED | {"startTime": str(START * 1000)}


def seconds(learner: LearnerState) -> Verdict:
    """Did a request for these candles arrive, and was it answered?"""
    entries = [(sent(entry), entry) for entry in learner.log("get_klines")]
    tried = [
        (asked, entry)
        for asked, entry in entries
        if (asked.get("symbol") == "ETH_USDC" or asked.get("startTime") == str(START))
        and asked != STARTERS_OWN
    ]
    if not tried:
        return untried()
    for asked, entry in tried:
        if entry["status"] == 200 and asked == WANTED:
            return right(
                "The request arrived with startTime=1788220800, and the exchange answered it."
            )
    return wrong(_other_than_wanted(*tried[-1]))


def _other_than_wanted(asked: dict[str, str], entry: dict[str, Any]) -> str:
    start = asked.get("startTime", "")
    said = f"The request that arrived had startTime={start}"
    if entry["status"] != 200:
        return f"{said}, and the exchange refused it. Write a whole number. It answered: {entry['verdict']}"
    for name in ("symbol", "interval"):
        if asked.get(name) != WANTED[name]:
            return f"The request asked for the {name} {asked.get(name)}, not for {WANTED[name]}."
    if start == WANTED["startTime"]:
        return "The request should have symbol, interval and startTime, and nothing else."
    if abs(int(start) - START) < 10**8:
        return f"{said}. That is {_utc(int(start))}. The task asks for 2026-09-01 00:00 UTC."
    if len(start) > len(WANTED["startTime"]):
        return f"{said}. Read as seconds, that is far in the future, and nothing was traded there."
    return f"{said}. Read as seconds, that is not in 2026."


def _utc(moment: int) -> str:
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d %H:%M} UTC"


# --- 01.3 -----------------------------------------------------------------------------------------

# Times as the exchange writes them, in summer and in winter, with and without a fraction.
TEXTS = ("2026-09-01T12:03:53.926", "2026-09-01T12:00:00", "2026-01-15T23:30:00.250")


def moment(learner: LearnerState) -> Verdict:
    """Does the function return the right time, whatever the machine's time zone is?"""
    for zone, meaning in ZONES.items():
        with time_zone(zone) as set_:
            where = f"On a machine that is {meaning}" if set_ else "On this machine"
            for text in TEXTS:
                verdict = _one_moment(learner, text, where)
                if verdict is not None:
                    return verdict
    return right("`moment` returns the same moment on every machine, with the zone UTC.")


def _one_moment(learner: LearnerState, text: str, where: str) -> Verdict | None:
    answer, said = learner.call("moment", text), f'`moment("{text}")`'
    meant = datetime.fromisoformat(text)
    if not isinstance(answer, datetime):
        return wrong(f"{said} returned {shown(answer)}, which is not a datetime.")
    if answer.utcoffset() is None:
        if answer == meant and not learner.has_changed():
            return untried()
        return wrong(f"{said} returned {answer}, which still has no zone.")
    off = answer - meant.replace(tzinfo=UTC)
    if off and abs(off) < timedelta(seconds=1):
        return wrong(f"{said} returned {answer}. The fraction of the second is lost.")
    if off:
        return wrong(
            f"{where}, {said} returned {answer}. The exchange meant {text.replace('T', ' ')} UTC, "
            f"so this is {_hours(off)}."
        )
    return None


def _hours(off: timedelta) -> str:
    hours = abs(off) / timedelta(hours=1)
    return f"{hours:g} hours too {'late' if off > timedelta(0) else 'early'}"


# --- 01.4 -----------------------------------------------------------------------------------------


def spread(learner: LearnerState) -> Verdict:
    """Is it the present spread of BTC_USDC in ticks?"""
    answer = learner["spread_in_ticks"]
    if answer is None:
        return untried()
    if isinstance(answer, float):
        return wrong(
            f"`spread_in_ticks` is {shown(answer)}, a float. A number of ticks is whole: use an int, "
            "or a Decimal, which is exact."
        )
    count = exact(answer)
    if count is None or isinstance(answer, str):
        return wrong(
            f"`spread_in_ticks` is {shown(answer)}, which is neither an int nor a Decimal."
        )
    book = learner.ask("get_depth", symbol="BTC_USDC", limit=1000)
    if not book["asks"] or not book["bids"]:
        return cannot_tell("One side of the book is empty, so there is no spread now.")
    tick = Decimal(learner.ask("get_market", symbol="BTC_USDC")["filters"]["price"]["tickSize"])
    bids = [Decimal(price) for price, _ in book["bids"]]
    ask = Decimal(book["asks"][0][0])
    if count * tick == ask - bids[-1]:
        return right(f"{ask} - {bids[-1]} = {ask - bids[-1]} USDC, or {count:f} ticks of {tick}.")
    return wrong(_other_than_the_spread(count, tick, ask, bids))


def _other_than_the_spread(count: Decimal, tick: Decimal, ask: Decimal, bids: list[Decimal]) -> str:
    if count < 0:
        return f"{count:f} is below zero, but the best ask is always above the best bid."
    if count == ask - bids[-1]:
        return f"{count:f} is the spread in USDC. How many ticks of {tick} is that?"
    if count * Decimal("0.01") == ask - bids[-1]:
        return (
            f"{count:f} would be right for a tick of 0.01, which SOL_USDC has. The tick of BTC_USDC is "
            f"{tick}."
        )
    if ask - count * tick in bids[:-1]:
        low = ask - count * tick
        return (
            f"{count:f} ticks below the best ask is the bid at {low}, but other buyers offer more."
        )
    return f"{count:f} ticks of {tick} are {count * tick:f} USDC. That is not the spread now."


EXERCISES = (
    Exercise(
        id="01.1",
        title="The wrong end of the book",
        grade=top_bid,
        starter="""\
def top_bid(book):
    return book["bids"][0][0]

top_bid(bp.get_depth("ETH_USDC", limit=5))""",
        hints=(
            "Print the bids of a book. To which of these buyers would you like to sell?",
            "Both sides are sorted by rising price, so the highest bid is at the other end of its "
            "list.",
            "In Python, `[-1]` is the last item of a list, however long the list is.",
        ),
        solution="""\
def top_bid(book):
    return book["bids"][-1][0]

top_bid(bp.get_depth("ETH_USDC", limit=5))""",
    ),
    Exercise(
        id="01.2",
        title="Seconds",
        grade=seconds,
        starter="""\
eth = requests.get(
    f"{sandbox.url}/api/v1/klines",
    params={"symbol": "ETH_USDC", "interval": "1h", "startTime": 1788220800000},
)
len(eth.json())""",
        hints=(
            "The exchange did answer: it has no candles since that moment. Which moment is it?",
            "1788220800000 is the right moment in milliseconds. Candles need another unit.",
            "`startTime` is in seconds. Divide the number by 1000, and write a whole number.",
        ),
        solution="""\
eth = requests.get(
    f"{sandbox.url}/api/v1/klines",
    params={"symbol": "ETH_USDC", "interval": "1h", "startTime": 1788220800},
)
len(eth.json())""",
    ),
    Exercise(
        id="01.3",
        title="A time without a zone",
        grade=moment,
        starter="""\
from datetime import UTC, datetime


def moment(text):
    return datetime.fromisoformat(text)

filled = moment("2026-09-01T12:03:53.926")
print(filled, filled.tzinfo == UTC)""",
        hints=(
            "The text has no zone, so the datetime has no zone. The exchange means UTC.",
            "`astimezone` would *convert* the time from the zone of your machine. Do not convert: "
            "the zone is missing, and nothing else.",
            "The section Candles adds a zone to a datetime with `.replace(tzinfo=...)`. This "
            "changes neither the date nor the time.",
        ),
        solution="""\
from datetime import UTC, datetime


def moment(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)

filled = moment("2026-09-01T12:03:53.926")
print(filled, filled.tzinfo == UTC)""",
    ),
    Exercise(
        id="01.4",
        title="The spread, in ticks",
        grade=spread,
        starter="""\
btc = bp.get_depth("BTC_USDC", limit=5)
spread_in_ticks = None
btc["bids"], btc["asks"]""",
        hints=(
            "The spread is the best ask minus the best bid. At which end of its list is each?",
            "Make a `Decimal` from each price, so that the difference is exact. The table of "
            "markets above shows the tick of BTC_USDC.",
            'Divide the difference by `Decimal("0.1")`, the `tickSize`.',
        ),
        solution="""\
from decimal import Decimal

btc = bp.get_depth("BTC_USDC", limit=5)
best_ask, best_bid = Decimal(btc["asks"][0][0]), Decimal(btc["bids"][-1][0])
spread_in_ticks = (best_ask - best_bid) / Decimal("0.1")
spread_in_ticks""",
    ),
)
