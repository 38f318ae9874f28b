"""Every reason for a refused signature that the doctor knows, with its remedy."""

from __future__ import annotations

from typing import NamedTuple


class Cause(NamedTuple):
    """One reason. Titles and remedies are one sentence each; a remedy begins with a verb."""

    title: str
    remedy: str


CAUSES: dict[str, Cause] = {
    # What shows before any mathematics.
    "missing_header": Cause(
        "A header that every signed request needs is missing.",
        "Send X-API-Key, X-Signature, X-Timestamp and X-Window with every signed request.",
    ),
    "unknown_path": Cause(
        "No operation of the exchange has this method and path.",
        "Compare the method and the path with the documentation, letter by letter.",
    ),
    "public": Cause(
        "This operation is public, so no signature is looked at.",
        "Look for the reason elsewhere, because this operation needs no signature.",
    ),
    "undocumented": Cause(
        "No instruction is documented for this operation, so it cannot be signed.",
        "Use the exchange's website for this operation.",
    ),
    "bad_body": Cause(
        "The body is no JSON object, so the exchange cannot read its parameters.",
        "Send the parameters as a JSON object, made by json.dumps and not by str or urlencode.",
    ),
    "reused": Cause(
        "This signature has been used before.",
        "Sign every request anew with the time of its own sending, a retry too.",
    ),
    "clock": Cause(
        "The timestamp is not within the time that the exchange accepts.",
        "Set the computer's clock, or sign by the time that get_time returns.",
    ),
    "time_unit": Cause(
        "The timestamp is not in whole milliseconds.",
        "Use Unix milliseconds (13 digits) both in the text and in X-Timestamp.",
    ),
    "window_limit": Cause(
        "X-Window is not a whole number from 1 to 60000.",
        "Send an X-Window of 1 to 60000 milliseconds, as plain digits.",
    ),
    "both_ids": Cause(
        "Both orderId and clientId were sent.",
        "Send only one of orderId and clientId.",
    ),
    "client_id": Cause(
        "The clientId is not a whole JSON number from 0 to 4294967295.",
        "Send clientId as a JSON integer below 4294967296, without quotes.",
    ),
    # The key and the signature themselves.
    "swapped": Cause(
        "X-API-Key holds the secret.",
        "Send the public key in X-API-Key and make a new key, because this secret has left your "
        "computer.",
    ),
    "wrong_pair": Cause(
        "The key in X-API-Key is not of the same pair as the secret that signed.",
        "Copy the secret and the public key again from one and the same API key.",
    ),
    "key_form": Cause(
        "X-API-Key is not the public key's 32 bytes in plain base64.",
        "Send the public key as base64 of 32 bytes (44 characters, no quotes, no white space).",
    ),
    "signature_form": Cause(
        "X-Signature is not the signature's 64 bytes in plain base64.",
        "Send the base64 of the 64 bytes as text, as base64.b64encode(signature).decode() gives.",
    ),
    "websocket": Cause(
        "The signature of a subscription is not as the stream wants it.",
        "Send a list of four strings (public key, signature, timestamp, window) and sign "
        "instruction=subscribe without the names of the streams.",
    ),
    # The text.
    "wrong_instruction": Cause(
        "Another instruction was signed than this method and path need.",
        "Sign the instruction that the documentation names for this method and path.",
    ),
    "no_instruction": Cause(
        "The text does not begin with instruction=<name>.",
        "Begin the text with instruction=<name>.",
    ),
    "capital_boolean": Cause(
        "A boolean is spelled with a capital letter.",
        "Write true and false in lower case, both in the text and in the request.",
    ),
    "exponent": Cause(
        "A number is written with an exponent, such as 1e-05.",
        "Write numbers out, with format(Decimal(x), 'f'), and send them as text.",
    ),
    "different_values": Cause(
        "A value was signed in another spelling than it was sent in.",
        "Turn each value into text once, and both sign and send that text.",
    ),
    "nested": Cause(
        "A nested value was signed as it was sent, and not as compact JSON with sorted names.",
        "Sign a nested value as compact JSON with its names in alphabetical order.",
    ),
    "names": Cause(
        "The names that were signed are not spelled as those that were sent.",
        "Sign the names exactly as they are sent, such as orderType.",
    ),
    "parameters_not_sent": Cause(
        "Parameters were signed that were not sent.",
        "Sign only what is sent, and leave None out of both.",
    ),
    "query_not_signed": Cause(
        "No parameter of the query was signed.",
        "Sign the query's parameters too, between the instruction and the timestamp.",
    ),
    "body_not_signed": Cause(
        "No parameter of the body was signed.",
        "Sign the body's parameters too, between the instruction and the timestamp.",
    ),
    "parameters_left_out": Cause(
        "Some parameters were sent that were not signed.",
        "Sign every parameter that is sent, False and 0 too.",
    ),
    "wrong_place": Cause(
        "Parameters were signed that do not travel where this method has them.",
        "Put the parameters of a GET into the query, and those of any other method into a JSON "
        "body.",
    ),
    "signed_the_body_as_json": Cause(
        "JSON was signed, where name=value pairs are wanted.",
        "Sign name=value pairs joined by &, although JSON is what is sent.",
    ),
    "batch": Cause(
        "The orders of the batch are not signed as the exchange reads them.",
        "Begin each order with its own instruction=orderExecute, keep the orders as they are sent, "
        "and put timestamp and window once at the end.",
    ),
    "unsorted": Cause(
        "The parts of the text are not in the order that the exchange wants.",
        "Sort the parameters by name, and put timestamp and then window behind them.",
    ),
    "timestamp_differs": Cause(
        "The text has another timestamp than X-Timestamp.",
        "Ask the clock once, and use that number both in the text and in X-Timestamp.",
    ),
    "no_timestamp": Cause(
        "The timestamp is missing from the text.",
        "End the text with &timestamp=<ms>&window=<ms>.",
    ),
    "no_window": Cause(
        "The window is missing from the text.",
        "End the text with &window=<ms>, even where no X-Window is sent (then it is 5000).",
    ),
    "window_differs": Cause(
        "Another window was signed than X-Window says (without that header it is 5000).",
        "Sign the same window that X-Window says.",
    ),
    "encoding": Cause(
        "The text was signed in another encoding than the exchange reads.",
        "Sign the raw values in UTF-8, and percent-encode them in the URL only.",
    ),
    "mangled": Cause(
        "An & of the text was damaged by HTML, as in \N{MULTIPLICATION SIGN}tamp.",
        "Type &timestamp= by hand instead of copying it from a web page.",
    ),
    "punctuation": Cause(
        "The text has a character too many, or other signs between its parts.",
        "Join name=value pairs with & alone, with nothing before, behind or around them.",
    ),
    "hashed": Cause(
        "The text was hashed or encoded before it was signed.",
        "Sign the UTF-8 bytes of the text itself, because ED25519 does its own hashing.",
    ),
    "other_recipe": Cause(
        "The text follows another exchange's recipe, with the method, path or key in it.",
        "Sign only the instruction, the parameters, the timestamp and the window.",
    ),
    "other_text": Cause(
        "Another text was signed.",
        "Compare the two texts from the place where they part.",
    ),
    # What remains.
    "none": Cause(
        "The signature is right.",
        "Look at what a signature cannot show: the key's permissions, its list of IP addresses, "
        "and whether it is of this account and this environment.",
    ),
    "unknown": Cause(
        "The signature fits no text that was tried.",
        "Check first that the secret and the public key are a pair, and then pass the text that "
        "you signed as signed=.",
    ),
}  # fmt: skip


def in_order(slugs: set[str]) -> tuple[str, ...]:
    """As they stand in the table."""
    return tuple(slug for slug in CAUSES if slug in slugs)
