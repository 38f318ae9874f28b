"""The exercises of notebook 02, Signing by hand: seven requests that the exchange must accept.

Each asks for something that the notebook's own cells never ask for, so that the log shows it.
"""

from __future__ import annotations

from typing import Any

from bpkit.signing import text_to_sign

from .grading import Exercise, LearnerState, Verdict, right, sent, shown, untried, wrong
from .log_queries import at_first, is_accepted, must_be_accepted, refusal, refused

MOMENT = 1750000000000  # the notebook's fixed time, in milliseconds


# --- 02.1 -----------------------------------------------------------------------------------------


def copied(learner: LearnerState) -> Verdict:
    """Was a request for the fills accepted?"""
    first = at_first("Invalid signature", "mangled")
    must_be_accepted(learner.log("get_fills"), {"symbol": "ETH_USDC"}, first)
    return right("The exchange read &timestamp, as you signed it, and answered.")


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
    must_be_accepted(entries, ORDERS, first)
    text = learner.call("text_for", dict(OTHERS), MOMENT)
    fields: dict[str, Any] = {name: str(value) for name, value in OTHERS.items()}
    wanted = text_to_sign("orderHistoryQueryAll", fields, MOMENT, 5000)
    if text == wanted:
        return right("The exchange answered, and the next parameters will be in order too.")
    return wrong(
        "Your request was accepted, but `text_for` puts only those parameters into order. Of "
        f"{', '.join(OTHERS)} it makes {_middle(text)}"
    )


def _middle(text: object) -> str:
    """Between the instruction and the timestamp, where there is such a place."""
    if not isinstance(text, str):
        return f"{shown(text)}."
    return text.partition("&")[2].partition("&timestamp")[0] or shown(text)


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
        said = f"What arrived was excludePlatform={value}, and that is neither true nor false"
        if value == "True":
            return untried(f"{said}. Change what is sent, too, and run this one once more.")
        return wrong(f"{said}, as the exchange spells them.")
    must_be_accepted(entries, DEPOSITS, "")
    return right("excludePlatform=true was sent, and excludePlatform=true was signed.")


# --- 02.4 -----------------------------------------------------------------------------------------


def with_window(learner: LearnerState) -> Verdict:
    """Was it accepted, and does the text have the window of the header, whatever it is?"""
    first = at_first("Invalid signature", "no_window")
    must_be_accepted(learner.log("get_positions"), {"symbol": "SOL_USDC_PERP"}, first)
    for window in (20000, 1000):
        text = learner.call("position_text", MOMENT, window)
        wanted = text_to_sign("positionQuery", {"symbol": "SOL_USDC_PERP"}, MOMENT, window)
        if text != wanted:
            return wrong(
                f"Your request was accepted, but for a window of {window} the text ends with "
                f"{shown(str(text)[-22:])}. The header would say {window}."
            )
    return right("The window is signed, and it is the one that the header says.")


# --- 02.5 -----------------------------------------------------------------------------------------


def milliseconds(learner: LearnerState) -> Verdict:
    """Was a request for the withdrawals accepted?"""
    message = "Invalid timestamp: must be within 10 minutes of current time"
    entries = learner.log("get_withdrawals")
    differ = entries and len((entries[-1]["finding"] or "").splitlines()) > 2
    if differ and not any(map(is_accepted, entries)):  # only one of text and header was changed
        return refused(entries[-1])
    must_be_accepted(entries, {"limit": "7"}, at_first(message, "time_unit"))
    return right("Whole milliseconds, in the text and in the header, and the exchange answered.")


# --- 02.6 -----------------------------------------------------------------------------------------


def in_base64(learner: LearnerState) -> Verdict:
    """Was a request for the collateral accepted? If not: which spelling was sent?"""
    entries, signature = learner.log("get_collateral"), learner.get("signature_text")
    if isinstance(signature, bytes) and len(signature) == 64 and not any(map(is_accepted, entries)):
        return wrong("X-Signature was 64 raw bytes. A header is text, so spell them in base64.")
    if entries and isinstance(signature, str) and not any(map(is_accepted, entries)):
        problem = _spelling(signature)
        if problem:
            return wrong(f"The exchange refused it: {problem}")
    first = at_first("Invalid X-Signature header", "signature_form")
    must_be_accepted(entries, {}, first)
    return right("64 bytes in base64: 88 letters, and the exchange could read them.")


def _spelling(signature: str) -> str:
    """What is wrong with the form of a signature, or "". The starter's mistake (hex) is left out."""
    if signature.startswith(("b'", 'b"')):
        return (
            f"X-Signature was {signature[:8]}...: the b and the quotes are how Python *shows* "
            "bytes, and they were sent along."
        )
    if len(signature) == 172:
        return "X-Signature had 172 letters: base64 of the hex, not of the 64 bytes themselves."
    if "-" in signature or "_" in signature:
        return "X-Signature was in the alphabet for URLs, with - and _. Wanted is + and /."
    if len(signature) not in (88, 128):
        return f"X-Signature had {len(signature)} letters. 64 bytes in base64 have 88."
    return ""


# --- 02.7 -----------------------------------------------------------------------------------------


def alone(learner: LearnerState) -> Verdict:
    """Was the account asked for, signed? A path that does not exist counts as a try."""
    entries = [entry for entry in learner.log() if entry["operation"] in ("get_account", None)]
    if entries and entries[-1]["operation"] is None and not any(map(is_accepted, entries)):
        said = f"{entries[-1]['method']} {entries[-1]['path']}"
        return wrong(f"The exchange knows no {said}: {entries[-1]['verdict']}.")
    first = at_first("Missing X-API-Key header", "missing_header")
    must_be_accepted(entries, {}, first)
    return right("You asked, and signed, all by yourself.")


def _get(path: str, params: str, headers: str) -> str:
    """The end of most starters: the request, by hand."""
    return f"""\
requests.get(
    f"{{sandbox.url}}{path}",
    params={params},
    headers={headers},
).json()"""


_FILLS = _get("/wapi/v1/history/fills", '{"symbol": "ETH_USDC"}', "headers_for(text, now)")
_HISTORY = _get("/wapi/v1/history/orders", "wanted", "headers_for(text_for(wanted, now), now)")
_POSITIONS = _get(
    "/api/v1/position",
    '{"symbol": "SOL_USDC_PERP"}',
    "headers_for(position_text(now, 20000), now, window=20000)",
)
_WITHDRAWALS = _get("/wapi/v1/capital/withdrawals", '{"limit": 7}', "headers_for(text, now)")
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
wanted = {"excludePlatform": True, "limit": 7}
requests.get(
    f"{sandbox.url}/wapi/v1/capital/deposits",
    params=wanted,
    headers=sign_now("depositQueryAll", wanted),
).text"""
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
text = f"instruction=withdrawalQueryAll&limit=7&timestamp={now}&window=5000"
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
text = f"instruction=fillHistoryQueryAll&symbol=ETH_USDC&timestamp={now}&window=5000"
"""
    + _FILLS
)
_COPIED = _TYPED.replace("&times", "\N{MULTIPLICATION SIGN}")  # as HTML reads it

_ALONE = """\
requests.get(
    f"{sandbox.url}/api/v1/account",
    headers={},
).json()"""


EXERCISES = (
    Exercise(
        id="02.1",
        title="Copied from the web",
        grade=copied,
        starter=_COPIED,
        hints=(
            "Read the text aloud, sign by sign. There is one that no keyboard has.",
            "It stands where the parameter ends and the time begins.",
            "A web page made one sign of `&times`. Type `&timestamp` there by hand.",
        ),
        solution=_TYPED,
    ),
    Exercise(
        id="02.2",
        title="In the order they came",
        grade=in_order,
        starter=_UNSORTED,
        hints=(
            "In which order does the exchange put the parameters before it checks a signature?",
            "Mend the function and not the dict, so that it is right for the next request too. "
            "`sign_now` above does it.",
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
            "The dict is used twice, for sending and for signing. Spell the value once, where "
            "both take it from.",
            "`spelled`, from the part about booleans, makes the right text of `True`.",
        ),
        solution=_DEPOSITS.replace("True", "spelled(True)"),
    ),
    Exercise(
        id="02.4",
        title="A window left out",
        grade=with_window,
        starter=_NO_WINDOW,
        hints=(
            "Compare the end of this text with the end of those above.",
            "The window has to stand in the text as well, and it must be the number that the "
            "header says. The function is given that number.",
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
            "Which moment does the exchange read? Divide `now` by 1000: so many seconds after the "
            "beginning of 1970.",
            "`time.time()` counts seconds, with a fraction. Wanted are whole milliseconds, in the "
            "text and in the header.",
            "Multiply by 1000 first, and make it an `int` then, as the cells above do.",
        ),
        solution=_SECONDS.replace("time.time()", "time.time() * 1000"),
    ),
    Exercise(
        id="02.6",
        title="In the wrong letters",
        grade=in_base64,
        starter=_HEX,
        hints=(
            "The message names the header. How long is `signature_text`, and how long is "
            "`signature` from the lesson?",
            "`.hex()` spells each byte with two of sixteen letters. The exchange reads base64.",
            "`base64.b64encode` gives bytes, which Python shows as b'...'; `.decode()` makes them "
            "plain text. `headers_for` does both.",
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
            "There are no parameters, so the text has only three pieces.",
            "The pieces are the instruction, the time and the window. `headers_for` makes the "
            "headers of such a text; `sign_now` with an empty dict writes the text as well.",
            'The headers are sign_now("accountQuery", {}).',
        ),
        solution=_ALONE.replace("headers={}", 'headers=sign_now("accountQuery", {})'),
    ),
)
