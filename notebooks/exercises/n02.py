"""The exercises of notebook 02, Signing by hand: seven requests that the exchange must accept.

Each asks for something that the notebook's own cells never ask for, so that the log shows it.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from requests.exceptions import RequestException

from bpkit.signing import text_to_sign

from .grading import CHANGE, Exercise, LearnerState, Verdict, right, sent, shown, untried, wrong
from .log_queries import (
    at_first,
    is_accepted,
    must_be_accepted,
    refusal,
    refused,
    unknown_path,
)

MOMENT = 1750000000000  # the notebook's fixed time, in milliseconds


# --- 02.1 -----------------------------------------------------------------------------------------


def copied(learner: LearnerState) -> Verdict:
    """Was a request for the fills accepted?"""
    first = at_first("Invalid signature", "mangled")
    must_be_accepted(learner, learner.log("get_fills"), {"symbol": "ETH_USDC"}, first)
    return right("You signed &timestamp, the exchange read &timestamp, and it answered.")


# --- 02.2 -----------------------------------------------------------------------------------------

ORDERS = {"symbol": "ETH_USDC", "limit": "20", "sortDirection": "Asc"}
# Neither sorted nor in reverse order.
OTHERS = {"marketType": "SPOT", "symbol": "BTC_USDC", "offset": 5, "limit": 10}
UNSORTED = (  # the text that the starter makes
    "instruction=orderHistoryQueryAll&marketType=SPOT&symbol=BTC_USDC&offset=5&limit=10"
    f"&timestamp={MOMENT}&window=5000"
)


def in_order(learner: LearnerState) -> Verdict:
    """Was it accepted, and does the learner's function work for other parameters too?"""
    first = at_first("Invalid signature", "unsorted")
    entries = learner.log("get_order_history")
    as_at_first = entries and refusal(entries[-1]) == first and not any(map(is_accepted, entries))
    if as_at_first and learner.call("text_for", dict(OTHERS), MOMENT) != UNSORTED:
        return refused(entries[-1])  # in another order than at first, and not in the right one
    must_be_accepted(learner, entries, ORDERS, first)
    text = learner.call("text_for", dict(OTHERS), MOMENT)
    if not is_accepted(entries[-1]):  # an earlier cell was accepted, and this one is not
        return refused(entries[-1])
    fields: dict[str, Any] = {name: str(value) for name, value in OTHERS.items()}
    wanted = text_to_sign("orderHistoryQueryAll", fields, MOMENT, 5000)
    if text == wanted:
        return right("The exchange answered, and `text_for` sorts any other parameters too.")
    return wrong(
        "Your request was accepted, but `text_for` is not right for every dict. From a dict with "
        f"{', '.join(OTHERS)} it makes:\n{_middle(text)}"
    )


def _middle(text: object) -> str:
    """The part between the instruction and the timestamp, if the text has both."""
    if not isinstance(text, str):
        return f"{shown(text)}."
    middle = text.partition("&")[2].partition("&timestamp")[0]
    return f"`{middle}`" if middle else shown(text)


# --- 02.3 -----------------------------------------------------------------------------------------

DEPOSITS = {"excludePlatform": "true", "limit": "7"}
NO_BOOLEAN = (
    'failed to parse parameter `excludePlatform`: failed to parse "boolean": provided string was '
    "not `true` or `false`"
)


def one_spelling(learner: LearnerState) -> Verdict:
    """Were the deposits asked for, with the boolean written alike in text and URL?"""
    entries = learner.log("get_deposits")
    if entries and refusal(entries[-1]) == NO_BOOLEAN and not any(map(is_accepted, entries)):
        value = sent(entries[-1]).get("excludePlatform")
        said = f"The exchange received excludePlatform={value}. It reads only true and false."
        if value == "True" and not learner.has_changed():
            return untried(f"{said} {CHANGE}")
        return wrong(f"{said} Change the value that is sent and the value that is signed.")
    must_be_accepted(learner, entries, DEPOSITS, "")
    return right("You sent excludePlatform=true, and you signed excludePlatform=true.")


# --- 02.4 -----------------------------------------------------------------------------------------


def with_window(learner: LearnerState) -> Verdict:
    """Was it accepted, and does the text have the window of the header, whatever it is?"""
    first = at_first("Invalid signature", "no_window")
    wanted, entries = {"symbol": "SOL_USDC_PERP"}, learner.log("get_positions")
    must_be_accepted(learner, entries, wanted, first)
    if not is_accepted(entries[-1]):  # an earlier cell was accepted, and this one is not
        return refused(entries[-1])
    for window in (20000, 1000):
        text = learner.call("position_text", MOMENT, window)
        expected = text_to_sign("positionQuery", dict(wanted), MOMENT, window)
        if text != expected:
            return wrong(
                f"Your request was accepted. But for a window of {window} your text is not right.\n"
                f"yours:    {_end(text)}\nexpected: {_end(expected)}"
            )
    return right("The window in the text is the window in the header.")


def _end(text: object) -> str:
    """The text from the timestamp on, if it has one."""
    _, found, end = str(text).partition("&timestamp=")
    return f"...{found}{end}" if found and isinstance(text, str) else shown(text)


# --- 02.5 -----------------------------------------------------------------------------------------


def milliseconds(learner: LearnerState) -> Verdict:
    """Was a request for the withdrawals accepted?"""
    message = "Invalid timestamp: must be within 10 minutes of current time"
    entries = learner.log("get_withdrawals")
    times = re.findall(r"timestamp=(\d+)", (entries[-1]["finding"] or "") if entries else "")
    if len(set(times)) == 2 and not any(map(is_accepted, entries)):  # only one of them is right
        said = entries[-1]["verdict"].removeprefix("INVALID_CLIENT_REQUEST: ")
        return wrong(
            f"The exchange refused it: {said}. You signed the time {times[0]}, but X-Timestamp had "
            f"the time {times[1]}. Both need the same time, in milliseconds. Change `now`: the text "
            "and the header use it."
        )
    must_be_accepted(learner, entries, {"limit": "7"}, at_first(message, "time_unit"))
    return right("The text and the header have whole milliseconds, and the exchange answered.")


# --- 02.6 -----------------------------------------------------------------------------------------


def in_base64(learner: LearnerState) -> Verdict:
    """Was a request for the collateral accepted? If not: which spelling was sent?"""
    entries, signature = learner.log("get_collateral"), learner.get("signature_text")
    if isinstance(signature, bytes) and len(signature) == 64 and not any(map(is_accepted, entries)):
        said = "X-Signature was 64 raw bytes. A header is text, so write the bytes in base64."
        return replace(wrong(said), explains=RequestException)
    if entries and isinstance(signature, str) and not any(map(is_accepted, entries)):
        problem = _spelling(signature)
        if problem:
            return wrong(f"The exchange refused it: {problem}")
    first = at_first("Invalid X-Signature header", "signature_form")
    must_be_accepted(learner, entries, {}, first)
    return right("You sent 64 bytes as 88 characters of base64, and the exchange could read them.")


def _spelling(signature: str) -> str:
    """What is wrong with the form of a signature, or "". The starter's mistake (hex) is left out."""
    if signature.startswith(("b'", 'b"')):
        return (
            f"X-Signature was {signature[:8]}... Python shows bytes with a b and quotation marks, "
            "and your cell sent these, too."
        )
    if len(signature) == 172:
        return "X-Signature had 172 characters. You wrote the hex in base64, and not the 64 bytes."
    if "-" in signature or "_" in signature:
        return "X-Signature was in the base64 for URLs, with - and _. The exchange reads + and /."
    if len(signature) not in (88, 128):
        return f"X-Signature had {len(signature)} characters. 64 bytes in base64 have 88."
    return ""


# --- 02.7 -----------------------------------------------------------------------------------------


def alone(learner: LearnerState) -> Verdict:
    """Was the account asked for, signed? A path that does not exist counts as a try."""
    entries = [entry for entry in learner.log() if entry["operation"] in ("get_account", None)]
    if entries and entries[-1]["operation"] is None and not any(map(is_accepted, entries)):
        return unknown_path(entries[-1])
    first = at_first("Missing X-API-Key header", "missing_header")
    must_be_accepted(learner, entries, {}, first)
    return right("You wrote and signed a whole request by yourself.")


def _get(path: str, params: str, headers: str) -> str:
    """The end of most starters: the request, by hand."""
    return f"""\
requests.get(
    f"{{sandbox.url}}{path}",
    params={params},
    headers={headers},
).json()"""


_FILLS = _get("/wapi/v1/history/fills", '{"symbol": "ETH_USDC"}', "headers_for(fills_text, now)")
_HISTORY = _get("/wapi/v1/history/orders", "wanted", "headers_for(text_for(wanted, now), now)")
_POSITIONS = _get(
    "/api/v1/position",
    '{"symbol": "SOL_USDC_PERP"}',
    "headers_for(position_text(now, 20000), now, window=20000)",
)
_WITHDRAWALS = _get(
    "/wapi/v1/capital/withdrawals", '{"limit": 7}', "headers_for(withdrawals_text, now)"
)
_UNSORTED = (
    """\
def text_for(params, now):
    pairs = "".join(f"&{name}={value}" for name, value in params.items())
    return f"instruction=orderHistoryQueryAll{pairs}&timestamp={now}&window=5000"

wanted = {"symbol": "ETH_USDC", "limit": 20, "sortDirection": "Asc"}
now = int(time.time() * 1000)
"""
    + _HISTORY
)
_DEPOSITS = """\
deposit_params = {"excludePlatform": True, "limit": 7}
deposits = requests.get(
    f"{sandbox.url}/wapi/v1/capital/deposits",
    params=deposit_params,
    headers=sign_now("depositQueryAll", deposit_params),
)
print(*deposits.text.split(": "), sep="\\n")"""
_NO_WINDOW = (
    """\
def position_text(now, window):
    return f"instruction=positionQuery&symbol=SOL_USDC_PERP&timestamp={now}"

now = int(time.time() * 1000)
"""
    + _POSITIONS
)
_SECONDS = (
    """\
now = int(time.time())
withdrawals_text = f"instruction=withdrawalQueryAll&limit=7&timestamp={now}&window=5000"
"""
    + _WITHDRAWALS
)
_HEX = """\
now = int(time.time() * 1000)
text = f"instruction=collateralQuery&timestamp={now}&window=5000"
signature_text = private_key.sign(text.encode()).hex()
requests.get(
    f"{sandbox.url}/api/v1/capital/collateral",
    headers={
        "X-API-Key": public_key,
        "X-Signature": signature_text,
        "X-Timestamp": str(now),
        "X-Window": "5000",
    },
).json()"""
_TYPED = (
    """\
now = int(time.time() * 1000)
fills_text = f"instruction=fillHistoryQueryAll&symbol=ETH_USDC&timestamp={now}&window=5000"
"""
    + _FILLS
)
_COPIED = _TYPED.replace("&times", "\N{MULTIPLICATION SIGN}")  # as HTML reads it

_ALONE = """\
account_headers = {}

requests.get(f"{sandbox.url}/api/v1/account", headers=account_headers).json()"""


EXERCISES = (
    Exercise(
        id="02.1",
        title="Copied from the web",
        grade=copied,
        starter=_COPIED,
        hints=(
            "Read the text aloud, character by character. One of them is on no keyboard.",
            "Look between the parameter and the time.",
            "A web page turned `&times` into one character. Type `&timestamp` there by hand.",
        ),
        solution=_TYPED,
    ),
    Exercise(
        id="02.2",
        title="Not in alphabetical order",
        grade=in_order,
        starter=_UNSORTED,
        hints=(
            "In which order does the exchange put the parameters before it checks a signature?",
            "Change the function and not the dict, so that it is right for the next request, too. "
            "Look at how `sign_now` does it.",
            "`sorted(params.items())` gives the same pairs in alphabetical order of the names.",
        ),
        solution=_UNSORTED.replace("in params.items()", "in sorted(params.items())"),
    ),
    Exercise(
        id="02.3",
        title="True is not true",
        grade=one_spelling,
        starter=_DEPOSITS,
        hints=(
            "Read the refusal: which two spellings does the exchange take?",
            "Your cell uses the dict twice: to send and to sign. Change the value in the dict, and "
            "both change.",
            "`spelled`, from the part about booleans, makes the right text from `True`.",
        ),
        solution=_DEPOSITS.replace("True", "spelled(True)"),
    ),
    Exercise(
        id="02.4",
        title="A window left out",
        grade=with_window,
        starter=_NO_WINDOW,
        hints=(
            "Compare the end of this text with the end of the texts in the lesson.",
            "The window belongs in the text, too, and it must be the number in the header. The "
            "function gets that number as `window`.",
            "End the text with `&window=` and the number, as `{window}` in the f-string.",
        ),
        solution=_NO_WINDOW.replace("{now}", "{now}&window={window}"),
    ),
    Exercise(
        id="02.5",
        title="The year 1970",
        grade=milliseconds,
        starter=_SECONDS,
        hints=(
            "The exchange reads `now` as milliseconds since 1970. Which date is that?",
            "`time.time()` gives seconds, with a fraction. The text and the header need whole "
            "milliseconds.",
            "Multiply by 1000 first, and then make an `int`, as `sign_now` does.",
        ),
        solution=_SECONDS.replace("time.time()", "time.time() * 1000"),
    ),
    Exercise(
        id="02.6",
        title="Not in base64",
        grade=in_base64,
        starter=_HEX,
        hints=(
            "The message names the header. How long is `signature_text`, and how long is "
            "`signature` from the lesson?",
            "`.hex()` writes each byte as two characters, from 0 to f. The exchange reads base64.",
            "`base64.b64encode` gives bytes, which Python shows as b'...'. `.decode()` turns them "
            "into text. `headers_for` uses both.",
        ),
        solution=_HEX.replace(
            "private_key.sign(text.encode()).hex()",
            "base64.b64encode(private_key.sign(text.encode())).decode()",
        ),
    ),
    Exercise(
        id="02.7",
        title="On your own",
        grade=alone,
        starter=_ALONE,
        hints=(
            "The request has no parameters, so the text has only three pieces.",
            "The pieces are the instruction, the time and the window. `headers_for` makes the "
            "headers for a text. `sign_now` with an empty dict writes the text, too.",
            'The headers are sign_now("accountQuery", {}).',
        ),
        solution=_ALONE.replace("= {}", '= sign_now("accountQuery", {})'),
    ),
)
