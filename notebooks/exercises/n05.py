"""The exercises of notebook 05, When it fails: four programs that misread a refusal."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

from .grading import CHANGE, Exercise, LearnerState, Verdict, right, shown, untried, wrong
from .n05_accidents import ONCE, WHAT_NOW

__all__ = ["EXERCISES"]


# --- 05.2 -----------------------------------------------------------------------------------------

CAUSES, GUESS = {"wrong_instruction", "no_window"}, {"unsorted"}


def two_causes(learner: LearnerState) -> Verdict:
    """Are both mistakes named, and no other?"""
    found = _names(learner["causes"])
    if found == GUESS:
        return untried()
    if found == CAUSES:
        return right(
            "The signed instruction is the one for open orders, and the text has no window. The "
            "order of the parameters was right all evening."
        )
    if found and found < CAUSES:
        return wrong(
            f"{', '.join(found)} is one of the two causes. If you fix only this one, the exchange "
            "refuses the request again, with the same words."
        )
    extra = sorted(found - CAUSES)
    if not extra:
        return wrong(f"`causes` is {shown(learner['causes'])}: it has no name of a cause in it.")
    return wrong(
        f"{shown(extra[0])} is not a cause here. The doctor's answer has a `.cause`, with the names "
        "and nothing else."
    )


def _names(causes: Any) -> set[str]:
    """Of a text with + or commas, a list of names, or the doctor's whole answer."""
    causes = getattr(causes, "cause", causes)
    if isinstance(causes, str):
        causes = causes.replace(",", "+").split("+")
    if not isinstance(causes, Collection):
        return set()
    return {str(one).strip() for one in causes} - {""}


# --- 05.3 -----------------------------------------------------------------------------------------

SKEWED = "clock_skew"
WINDOW = 5  # seconds for which a signature is valid by default


def under_another_clock(learner: LearnerState) -> Verdict:
    """Was a signed request answered while the exchange's clock was ahead?"""
    own = learner.sandbox.key.public_key
    log = learner.log()
    tried = [at for at, entry in enumerate(log) if entry["operation"] == "get_account"]
    if not tried:
        return untried()
    for at in tried:
        if log[at]["status"] == 200 and log[at]["signedBy"] == own and _skewed(log[at]):
            return right("You signed by the exchange's clock, and the exchange answered.")
    last = log[tried[-1]]
    if not _skewed(last):
        return wrong(
            "You called `get_account` outside the block. Both clocks are right there, so this shows "
            "nothing."
        )
    before = log[: tried[-1]]
    asked = bool(before) and before[-1]["operation"] == "get_time"
    # A client that was refused asks for the time by itself, for what its error says.
    if len(before) > 1 and before[-2]["operation"] == "get_account":
        asked = False
    if _lasted(last) != WINDOW:
        return wrong(
            "The window is the time for which a signature is valid, at most 60 s. The clock is "
            "75 s off."
        )
    if len(tried) > 1 and _at_once(log[tried[-2]], last):
        return wrong(
            "You asked twice, and the exchange refused twice: the clock is 75 s off each time."
        )
    if not asked:
        return untried(f"The exchange refused it: Request has expired. {CHANGE}")
    if _skewed(before[-1]):
        return wrong(
            "You asked the exchange for its time, but this client still signed by your own clock. "
            "apply=True corrects the signatures, but only those of the client that measured."
        )
    return wrong(
        "You asked for the time before the block. Both clocks were right then, so the correction "
        "was zero. Ask inside the block."
    )


def _skewed(entry: dict[str, Any]) -> bool:
    return SKEWED in (entry["fault"] or "")


def _lasted(entry: dict[str, Any]) -> int:
    """The window of a request that came too late, in seconds, as the doctor has it."""
    said = re.search(r"was valid for (\d+)", entry["finding"] or "")
    return int(said[1]) if said else WINDOW


def _at_once(one: dict[str, Any], two: dict[str, Any]) -> bool:
    """By one run of a cell: nobody runs it again within half a second."""
    return _skewed(one) and bool((two["time"] - one["time"]).total_seconds() < 0.5)


EXERCISES = (
    ONCE,
    Exercise(
        id="05.2",
        title="Two at once",
        grade=two_causes,
        starter="""\
pasted = {
    "method": "GET",
    "url": "/wapi/v1/history/fills?symbol=SOL_USDC&limit=20",
    "headers": {
        "X-API-Key": sandbox.key.public_key,
        "X-Timestamp": "1788264000000",
        "X-Window": "5000",
        "X-Signature": "b44z9qpvwkp82vcn/3rWvXIwjKkrjjc2ATuhIpt98QBe"
                       "kBOgTPN3iaoY0c2f204dP9qpbnscvOweNB7frsnfBg==",
    },
}
causes = "unsorted"
causes""",
        hints=(
            "You need no secret to prove what was signed: the public key is in the headers.",
            "`diagnose` takes a dictionary with `method`, `url` and `headers`, such as `pasted`.",
            "The `.cause` of diagnose(pasted) is a text with both names. You can use it as it is.",
        ),
        solution="""\
pasted = {
    "method": "GET",
    "url": "/wapi/v1/history/fills?symbol=SOL_USDC&limit=20",
    "headers": {
        "X-API-Key": sandbox.key.public_key,
        "X-Timestamp": "1788264000000",
        "X-Window": "5000",
        "X-Signature": "b44z9qpvwkp82vcn/3rWvXIwjKkrjjc2ATuhIpt98QBe"
                       "kBOgTPN3iaoY0c2f204dP9qpbnscvOweNB7frsnfBg==",
    },
}
causes = diagnose(pasted).cause
causes""",
    ),
    Exercise(
        id="05.3",
        title="Seventy-five seconds",
        grade=under_another_clock,
        starter="""\
late = Client(sandbox.url, sandbox.key)
with sandbox.fault("clock_skew", seconds=75):
    try:
        print(late.get_account()["spotMakerFee"])
    except ApiError as error:
        print(error.message)""",
        hints=(
            "The exchange checks the time of a signature by its own clock. So sign by that clock.",
            "A client can ask for the exchange's time and correct its signatures: see the section "
            "'The clock'. Which client must ask, and where?",
            "Let the client `late` measure the clock, with apply=True: inside the block, before "
            "the call.",
        ),
        solution="""\
late = Client(sandbox.url, sandbox.key)
with sandbox.fault("clock_skew", seconds=75):
    try:
        late.measure_clock(apply=True)
        print(late.get_account()["spotMakerFee"])
    except ApiError as error:
        print(error.message)""",
    ),
    WHAT_NOW,
)
