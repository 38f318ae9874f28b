"""The exercises of notebook 01, Public queries: the order book, candles and times."""

from __future__ import annotations

from copy import deepcopy
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from .grading import (
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
    answers = [(learner.call("top_bid", deepcopy(book)), book) for book in books]
    if all(_is(answer, book["bids"][0][0]) for answer, book in answers):
        return untried()
    for answer, book in answers:
        if not _is(answer, book["bids"][-1][0]):
            return wrong(_other_than_the_top(answer, book))
    return right(f"{answers[0][0]} is the most that anybody would pay for a SOL now.")


def _is(answer: object, price: str) -> bool:
    if isinstance(answer, float):
        return answer == float(price)
    return exact(answer) == Decimal(price)


def _other_than_the_top(answer: object, book: dict[str, Any]) -> str:
    prices = f"bids at {', '.join(price for price, _ in book['bids'])}"
    if answer is None:
        return "`top_bid` answers None: it has no `return`, or not on every way through it."
    if isinstance(answer, list) and answer in [*book["bids"], *book["asks"]]:
        return f"`top_bid` answers {shown(answer)}: that is a price and a quantity, not a price."
    if any(_is(answer, price) for price, _ in book["asks"]):
        return f"`top_bid` answers {shown(answer)}: somebody *sells* there. Bids are who buys."
    if _is(answer, max(price for price, _ in book["bids"])):
        return (
            f"Of {prices} `top_bid` answers {shown(answer)}. Text is compared letter by letter, "
            'and "9" comes after "1".'
        )
    if any(_is(answer, quantity) for _, quantity in book["bids"]):
        return f"`top_bid` answers {shown(answer)}: that is a quantity, not a price."
    return f"Of {prices} `top_bid` answers {shown(answer)}, and that is not the highest."


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
            return right("The request arrived with startTime=1788220800, and was answered.")
    return wrong(_other_than_wanted(*tried[-1]))


def _other_than_wanted(asked: dict[str, str], entry: dict[str, Any]) -> str:
    start = asked.get("startTime", "")
    said = f"What arrived was startTime={start}"
    if entry["status"] != 200:
        return f"{said}, and the exchange refused it: {entry['verdict']}"
    for name in ("symbol", "interval"):
        if asked.get(name) != WANTED[name]:
            return f"It asked for the {name} {asked.get(name)}, not for {WANTED[name]}."
    if start == WANTED["startTime"]:
        return "It should ask for symbol, interval and startTime, and nothing else."
    if abs(int(start) - START) < 10**8:
        return f"{said}, in seconds: that is {_utc(int(start))}. Asked for: 2026-09-01 00:00 UTC."
    if len(start) > len(WANTED["startTime"]):
        return f"{said}. In seconds, that is thousands of years ahead; nothing was traded there."
    return f"{said}. In seconds, that is another year than 2026."


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
    return right("The same moment on every machine, and everybody can see that it is UTC.")


def _one_moment(learner: LearnerState, text: str, where: str) -> Verdict | None:
    answer, said = learner.call("moment", text), f'`moment("{text}")`'
    meant = datetime.fromisoformat(text)
    if not isinstance(answer, datetime):
        return wrong(f"{said} answers {shown(answer)}, which is no datetime.")
    if answer.utcoffset() is None:
        if answer == meant:
            return untried()
        return wrong(f"{said} answers {answer}, which still does not say its zone.")
    off = answer - meant.replace(tzinfo=UTC)
    if off and abs(off) < timedelta(seconds=1):
        return wrong(f"{said} answers {answer}: the fraction of the second is lost.")
    if off:
        return wrong(
            f"{where}, {said} answers {answer}. The exchange meant {text.replace('T', ' ')} UTC, "
            f"so that is {_hours(off)}."
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
        return wrong(f"{shown(answer)} is a float. A count of ticks is whole, and a Decimal exact.")
    count = exact(answer)
    if count is None or isinstance(answer, str):
        return wrong(f"`spread_in_ticks` is {shown(answer)}, which is no int and no Decimal.")
    book = learner.ask("get_depth", symbol="BTC_USDC", limit=1000)
    if not book["asks"] or not book["bids"]:
        return cannot_tell("A side of the book is empty, so there is no spread now.")
    tick = Decimal(learner.ask("get_market", symbol="BTC_USDC")["filters"]["price"]["tickSize"])
    bids = [Decimal(price) for price, _ in book["bids"]]
    ask = Decimal(book["asks"][0][0])
    if count * tick == ask - bids[-1]:
        return right(f"{ask} - {bids[-1]} = {ask - bids[-1]} USDC, or {count} ticks of {tick}.")
    return wrong(_other_than_the_spread(count, tick, ask, bids))


def _other_than_the_spread(count: Decimal, tick: Decimal, ask: Decimal, bids: list[Decimal]) -> str:
    if count < 0:
        return f"{count} is below zero: the best ask is always above the best bid."
    if count == ask - bids[-1]:
        return f"{count} is the spread in USDC. How many ticks of {tick} is that?"
    if count * Decimal("0.01") == ask - bids[-1]:
        return f"{count} would be right for a tick of 0.01, as SOL has it. BTC_USDC has {tick}."
    if ask - count * tick in bids[:-1]:
        low = ask - count * tick
        return f"{count} ticks below the best ask is the bid at {low}, and others pay more."
    return f"{count} ticks of {tick} are {count * tick} USDC. That is not the spread now."


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
            "Print the bids of a book. Which of them would you like to sell to?",
            "Both sides rise by price, so the highest bid is at the other end of its list.",
            "In Python, [-1] is the last of a list, however long it is.",
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
            "The exchange did answer: there are no candles since then. When is 'then'?",
            "1788220800000 is the right moment in milliseconds. Candles count otherwise.",
            "startTime is in seconds: a thousandth of that number, and whole.",
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
            "The text does not say its zone, so neither does the datetime. The exchange means UTC.",
            "`astimezone` would *convert*, from the zone of your machine. Nothing is to be "
            "converted here: the zone is only to be said.",
            "`.replace(tzinfo=...)` of a datetime puts a zone into it, such as UTC, and moves no "
            "hand of the clock.",
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
            "The spread is the best ask less the best bid. At which end of its list is each?",
            "Make a Decimal of each price, so that the difference is exact. The table of markets "
            "above has the tick of BTC_USDC.",
            'Divide the difference of the two by Decimal("0.1"), the tickSize.',
        ),
        solution="""\
from decimal import Decimal

btc = bp.get_depth("BTC_USDC", limit=5)
best_ask, best_bid = Decimal(btc["asks"][0][0]), Decimal(btc["bids"][-1][0])
spread_in_ticks = (best_ask - best_bid) / Decimal("0.1")
spread_in_ticks""",
    ),
)
