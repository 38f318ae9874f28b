"""The causes of a refused signature, and the finding that is shown."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import NamedTuple


class Cause(NamedTuple):
    """``title``: what is wrong, in one sentence. ``remedy``: what to do, last if there is more."""

    title: str
    remedy: str


CAUSES: dict[str, Cause] = {
    # What the request shows without its signature.
    "missing_header": Cause(
        "A header that every signed request needs is missing.",
        "Send X-API-Key, X-Signature, X-Timestamp and X-Window with every signed request.",
    ),
    "unknown_path": Cause(
        "No operation in the documentation has this method and path.",
        "Compare the method and the path with the documentation, letter by letter.",
    ),
    "public": Cause(
        "This operation is public, so its signature is not checked.",
        "Look for another reason, because this operation needs no signature.",
    ),
    "undocumented": Cause(
        "No instruction is documented for this operation, so it cannot be signed.",
        "Use the exchange's website for this operation.",
    ),
    "bad_body": Cause(
        "The body is not a JSON object, so the exchange cannot read its parameters.",
        "Send the parameters as a JSON object. Make it with json.dumps, not with str or urlencode.",
    ),
    "misfit": Cause(
        "This path does not take a body of this form.",
        "Send one JSON object. Only POST /api/v1/orders takes a list.",
    ),
    "reserved": Cause(
        "The instruction, the timestamp or the window is used as a parameter.",
        "Send timestamp and window only as headers, and do not send the instruction. Sign the "
        "instruction once at the beginning, and timestamp and window once at the end.",
    ),
    "reused": Cause(
        "This signature has been used before.",
        "Sign every request again with the time at which it is sent. Do the same for a retry.",
    ),
    "clock": Cause(
        "The timestamp is outside the time that the exchange accepts.",
        "Set the computer's clock, or sign with the time that get_time returns.",
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
        "X-API-Key contains the secret.",
        "This secret has left your computer. Make a new key, and send its public key in X-API-Key.",
    ),
    "wrong_pair": Cause(
        "The key in X-API-Key and the secret that signed are not a pair.",
        "Copy the secret and the public key again, both from the same API key.",
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
        "The signature of a subscription does not have the form that the stream needs.",
        "Send a list of four strings: public key, signature, timestamp, window. Sign "
        "instruction=subscribe without the names of the streams.",
    ),
    # The text.
    "wrong_instruction": Cause(
        "Another instruction was signed than this method and path need.",
        "Sign the instruction that the documentation gives for this method and path.",
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
        "Write numbers without an exponent, with format(Decimal(x), 'f'). Send them as text.",
    ),
    "different_values": Cause(
        "A value was signed in another spelling than it was sent in.",
        "Turn each value into text once. Sign that text, and send the same text.",
    ),
    "list": Cause(
        "A parameter with several values was not signed once for each value.",
        "Send and sign name=value once for each value, in the same order.",
    ),
    "nested": Cause(
        "A nested value was signed as it was sent, and not as compact JSON with sorted names.",
        "Sign a nested value as compact JSON with its names in alphabetical order.",
    ),
    "names": Cause(
        "The names that were signed are not spelled like the names that were sent.",
        "Sign the names exactly as they are sent, such as orderType.",
    ),
    "parameters_not_sent": Cause(
        "Parameters were signed that were not sent.",
        "Sign only what is sent. Leave None out of both.",
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
        "Parameters were signed that were sent in the wrong place for this method.",
        "Put the parameters of a GET into the query. Put those of any other method into a JSON "
        "body.",
    ),
    "signed_the_body_as_json": Cause(
        "JSON was signed instead of name=value pairs.",
        "Sign name=value pairs joined by &, also if JSON is sent.",
    ),
    "batch": Cause(
        "The orders of the batch are not signed as the exchange reads them.",
        "Begin each order with its own instruction=orderExecute. Keep the orders as they are sent. "
        "Put timestamp and window once at the end.",
    ),
    "unsorted": Cause(
        "The parts of the text are not in the order that the exchange needs.",
        "Sort the parameters by name. Put timestamp and then window after them.",
    ),
    "timestamp_differs": Cause(
        "The text has another timestamp than X-Timestamp.",
        "Read the clock once. Use that number both in the text and in X-Timestamp.",
    ),
    "no_timestamp": Cause(
        "The timestamp is missing from the text.",
        "End the text with &timestamp=<ms>&window=<ms>.",
    ),
    "no_window": Cause(
        "The window is missing from the text.",
        "End the text with &window=<ms>. If no X-Window is sent, it is 5000.",
    ),
    "window_differs": Cause(
        "Another window was signed than X-Window has (without that header it is 5000).",
        "Sign the same window that X-Window has.",
    ),
    "encoding": Cause(
        "Values were signed in another encoding than the exchange reads.",
        "Sign the raw values in UTF-8. Percent-encode them in the URL only.",
    ),
    "mangled": Cause(
        "HTML has damaged an & of the text, as in \N{MULTIPLICATION SIGN}tamp.",
        "Type &timestamp= by hand. Do not copy it from a web page.",
    ),
    "punctuation": Cause(
        "The text has extra characters before or after it.",
        "Join name=value pairs with & only. Put nothing before, after or around them.",
    ),
    "hashed": Cause(
        "The text was hashed before it was signed.",
        "ED25519 does its own hashing. Sign the UTF-8 bytes of the text itself.",
    ),
    "other_recipe": Cause(
        "The text follows the rules of another exchange, and has the method, path or key in it.",
        "Sign only the instruction, the parameters, the timestamp and the window.",
    ),
    "other_text": Cause(
        "Another text was signed.",
        "Compare the two texts from the first character where they differ.",
    ),
    # What remains.
    "none": Cause(
        "The signature is right.",
        "Check what a signature cannot show: the key's permissions, its list of IP addresses, and "
        "whether it belongs to this account and this environment.",
    ),
    "unknown": Cause(
        "The signature fits no text that was tried.",
        "Pass the text that you signed as signed=: then the difference is shown. Check also that "
        "the secret and the public key are a pair.",
    ),
}  # fmt: skip


def in_order(causes: set[str]) -> tuple[str, ...]:
    """In the order of the table."""
    return tuple(cause for cause in CAUSES if cause in causes)


_BEFORE, _AFTER = 34, 46  # characters of a long text that are shown around the difference
_WHOLE = 400  # characters that are shown of an expected text alone
_SYMBOLS = {code: 0x2400 + code for code in range(32)} | {127: 0x2421}


@dataclass(frozen=True)
class Finding:
    """Why a signature is refused. It never contains a secret or the signature.

    ``cause``: a key of ``CAUSES``, or several joined by " + "; "none" if the signature is right,
    "unknown" if it fits no text. ``proven``: shown by mathematics or by the text itself.
    ``signed``: the text that was signed, if it was found. ``expected``: the text that the exchange
    needs. ``place``: the first character where they differ, counted from 1. ``remedy``: what to
    do, in one or more sentences.
    """

    cause: str
    proven: bool
    signed: str | None
    expected: str | None
    place: int | None
    remedy: str

    @property
    def title(self) -> str:
        """What is wrong: one sentence for each cause."""
        return " ".join(CAUSES[cause].title for cause in self.cause.split(" + "))

    def __str__(self) -> str:
        return "\n".join((self._head, *self._texts, self.remedy))

    def _repr_html_(self) -> str:
        lines = [f"<b>{escape(self._head)}</b>"]
        if self._texts:
            coloured = "\n".join(self._coloured())
            lines.append(f'<pre style="margin:0">{coloured}</pre>')
        return "<br>".join((*lines, escape(self.remedy)))

    @property
    def _head(self) -> str:
        known = self.proven or self.cause == "unknown"
        return self.title if known else f"Not proven: {self.title}"

    @property
    def _texts(self) -> list[str]:
        """The two texts around the difference, and a caret under it; nothing if they are equal."""
        if self.expected is None:
            return []
        if self.signed is None:
            return [f"expected: {_cut(self.expected, 0, _WHOLE)}"]
        if self.place is None:
            return []
        at = self.place - 1
        caret = " " * (len("expected: ") + at - _start(at) + (3 if _start(at) else 0)) + "^"
        return [f"signed:   {_cut(self.signed, at)}", f"expected: {_cut(self.expected, at)}", caret]

    def _coloured(self) -> list[str]:
        lines = self._texts
        if len(lines) < 3:
            return [escape(line) for line in lines]
        at = len(lines[2]) - 1
        left, right = lines[0], lines[1]
        same = 0
        while same < min(len(left), len(right)) - at and left[-1 - same] == right[-1 - same]:
            same += 1
        return [_marked(line, at, len(line) - same) for line in (left, right)]


def _start(at: int) -> int:
    """The first character that is shown if the text differs at ``at``."""
    return at - _BEFORE if at > _BEFORE + 3 else 0


def _cut(text: str, at: int, after: int = _AFTER) -> str:
    """The text around ``at``; a symbol of the same width for each character that is invisible."""
    start, stop = _start(at), at + after
    shown = text[start:stop].translate(_SYMBOLS).encode("utf-8", "replace").decode()
    return f"{'...' if start else ''}{shown}{'...' if stop < len(text) else ''}"


def _marked(line: str, start: int, stop: int) -> str:
    inner = escape(line[start:stop])
    mark = f'<span style="background:#f6b8b0;color:#000">{inner}</span>' if inner else ""
    return f"{escape(line[:start])}{mark}{escape(line[max(start, stop) :])}"
