"""The examination, step by step: what was sent, what should have been signed, what was."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import NamedTuple

from ..errors import InputError, KeyFormatError
from ..operations import OPERATIONS, Operation
from ..signing import DEFAULT_WINDOW, Key, verify
from . import compare, forms
from . import form_errors as faults
from .causes import CAUSES, in_order
from .draft import right
from .finding import Finding
from .form_errors import Fault
from .keys import mask_of
from .received import SUBSCRIBE, Arrival, Raw, arrival, encoded, operation_of, raw
from .search import Match, search
from .subscription import MARK, with_headers

MOST_MS = 10**15  # either way: beyond the year 30,000
MOST_CHARACTERS = 100_000  # of query and body; a batch of fifty orders has about 10,000
_TOO_LONG = f"Send less at once, because nothing above {MOST_CHARACTERS:,} characters is examined."


class _Case(NamedTuple):
    """All that is known of one request."""

    arrival: Arrival
    expected: str  # the text that must have been signed
    keys: list[tuple[str, bytes]]  # the mistake that it would be ("": none), and a public key
    signatures: list[tuple[bytes, bytes | None]]  # and the text that came as one with it
    said: str | None  # the text that somebody says was signed
    faults: list[Fault]
    mask: Callable[[str], str]


def diagnose(
    request: object | None = None,
    *,
    method: str | None = None,
    url: str | None = None,
    headers: Mapping[str, str] | None = None,
    body: bytes | str | None = None,
    signed: str | None = None,
    public_key: str | None = None,
    now: int | None = None,
    earlier: Collection[str] = (),
) -> Finding:
    """Why is this request's signature refused? Proven, with the public key alone.

    ``request``: any object with .method, .url, .headers and .body, such as a prepared request of
    requests; or give the pieces. ``url``: a full one, or a path with its query. ``signed``: the
    text that you say you signed. ``public_key``: base64, when X-API-Key is not among the headers or
    to compare with it. ``now``: the exchange's time when the request came, in Unix milliseconds;
    without it the clock is not judged. ``earlier``: signatures (base64) that were used before.

    Nothing is sent. Raises InputError where there is no URL, or no method and the path has several,
    and for what has another type.
    """
    _must_be_told_well(signed, public_key, now, earlier)
    left = raw(request, method, url, headers, body)
    operation = operation_of(left)
    if operation is None or not operation.instruction:
        return _not_signable(left, operation)
    if len(left.query) + len(left.body) > MOST_CHARACTERS:
        return _finding("unknown", False, remedy=_TOO_LONG)
    if operation is SUBSCRIBE:
        left, early = with_headers(left)
        if early:
            return _finding(early)
    return _examine(left, operation, signed, public_key, now, earlier)


def _must_be_told_well(signed: object, public_key: object, now: object, earlier: object) -> None:
    """Raises InputError, which shows no text: there may be a secret in it."""
    for field, text in (("signed", signed), ("public_key", public_key)):
        if not isinstance(text, str | None):
            raise InputError(field, type(text).__name__, "pass text")
    if now is not None and (type(now) is not int or not -MOST_MS < now < MOST_MS):
        shown = now if isinstance(now, str | float) else type(now).__name__
        raise InputError("now", shown, "pass Unix milliseconds as an int, such as 1750793021519")
    if (
        not isinstance(earlier, Collection)
        or isinstance(earlier, str | bytes)
        or not all(isinstance(one, str) for one in earlier)
    ):
        raise InputError("earlier", type(earlier).__name__, "pass a list of texts in base64")


def _not_signable(left: Raw, operation: Operation | None) -> Finding:
    if operation is not None:
        return _finding("undocumented" if operation.signed else "public")
    others = sorted({row.method for row in OPERATIONS.values() if row.path == left.path})
    known = f"Use {' or '.join(others)}, because this path has no other method."
    return _finding("unknown_path", remedy=known if others else "")


def _examine(
    left: Raw,
    operation: Operation,
    signed: str | None,
    public_key: str | None,
    now: int | None,
    earlier: Collection[str],
) -> Finding:
    wanted = {"X-API-Key": public_key, "X-Signature": signed, "X-Timestamp": None}
    if lacking := faults.missing(left, wanted):
        return _finding("missing_header", remedy=f"Send {' and '.join(lacking)}, too.")
    headers = left.headers
    key, signature = headers.get("x-api-key", ""), headers.get("x-signature", "")
    window = headers.get("x-window", str(DEFAULT_WINDOW))
    read = arrival(left, operation, headers["x-timestamp"], window)
    if read is None:
        return _finding("bad_body")
    expected, mask = right(read).text, mask_of(key, signature, public_key or "")
    if _is_reused(signature, earlier):
        return _finding("reused", expected=mask(expected))
    found = [*_form_faults(left), *faults.faults(read, now)]
    keys = _keys(key, public_key)
    case = _Case(read, expected, keys, _signatures(signature, keys), signed, found, mask)
    return _judge(case)


def _form_faults(left: Raw) -> list[Fault]:
    """Of the two texts in base64, and of a frame's list."""
    found: list[Fault] = []
    for name, length, cause in (
        ("x-api-key", 32, "key_form"),
        ("x-signature", 64, "signature_form"),
    ):
        text = left.headers.get(name)
        if text and not forms.is_plain(text, length):
            found.append(Fault(cause, True))
    if MARK in left.headers:
        found.append(Fault("websocket", True))
    return found


def _is_reused(signature: str, earlier: Collection[str]) -> bool:
    own = {signature, *(b64encode(raw).decode() for raw, _ in forms.signature_bytes(signature))}
    return not own.isdisjoint(earlier)


def _keys(sent: str, given: str | None) -> list[tuple[str, bytes]]:
    """The keys that may have signed, each with the mistake that it means: likely ones first."""
    found = dict.fromkeys(forms.key_bytes(sent) or forms.key_bytes(given or ""), "")
    for one in forms.key_bytes(sent):
        try:
            derived = Key(b64encode(one).decode()).public_key
        except KeyFormatError:
            continue
        found.setdefault(forms.key_bytes(derived)[0], "swapped")
    for one in forms.key_bytes(given or ""):
        found.setdefault(one, "wrong_pair")
    rows = [(cause, key) for key, cause in found.items()]
    return sorted(rows, key=lambda row: ("", "wrong_pair", "swapped").index(row[0]))


def _signatures(text: str, keys: list[tuple[str, bytes]]) -> list[tuple[bytes, bytes | None]]:
    """The signatures that the text could mean; a text behind one counts only if it was signed."""
    return [
        (one, behind)
        for one, behind in forms.signature_bytes(text)
        if behind is None or any(verify(key, one, behind) for _, key in keys)
    ]


# --- the judgement --------------------------------------------------------------------------------


def _judge(case: _Case) -> Finding:
    found = _judged(case)
    if not case.arrival.nested:
        return found
    # The signed text may be proven; that another is expected is not.
    return replace(found, proven=False, remedy=_joined([found.remedy, _GUESS]))


_GUESS = "How nested values are signed is not documented, so that the expected text is a guess."


def _judged(case: _Case) -> Finding:
    if case.said is not None and not case.signatures:
        return _compared(case, case.said, "")
    texts = [text for text in (case.said, *_attached(case)) if text is not None]
    for text in texts:
        for candidate in dict.fromkeys((text, text.strip())):
            who = _signer(case, encoded(candidate))
            if who is not None:
                return _compared(case, candidate, who)
    return _searched(case)


def _attached(case: _Case) -> list[str]:
    """The texts that came as one with the signature."""
    return [
        text.decode(errors="surrogateescape") for _, text in case.signatures if text is not None
    ]


def _signer(case: _Case, text: bytes) -> str | None:
    """Empty for the key that was sent, or the mistake that another key means; None: nobody's."""
    for cause, key in case.keys:
        if any(verify(key, signature, text) for signature, _ in case.signatures):
            return cause
    return None


def _compared(case: _Case, text: str, who: str) -> Finding:
    """The signed text is known: which mistake writes it?"""
    signed = encoded(text)
    if text == case.expected and not case.signatures and not case.faults:
        return replace(_texts(case, ("unknown",), False, signed), remedy=_NO_SIGNATURE)
    found = search(case.arrival, [lambda trial: trial == signed]).match
    return _conclusion(case, who, found or Match(compare.names(text, case.expected), signed))


_NO_SIGNATURE = (
    "Pass X-Signature too, because the text is right, so that only the key or the signature can be "
    "wrong."
)


def _searched(case: _Case) -> Finding:
    """Nothing is known of the signed text: try all mistakes, with every key."""
    if not case.signatures or not case.keys:
        return _unexplained(case, 0)
    match, tried = search(case.arrival, [_verifier(case, key) for _, key in case.keys])
    return _conclusion(case, case.keys[match.key][0], match) if match else _unexplained(case, tried)


def _verifier(case: _Case, key: bytes) -> Callable[[bytes], bool]:
    return lambda text: any(verify(key, signature, text) for signature, _ in case.signatures)


def _conclusion(case: _Case, who: str, match: Match) -> Finding:
    """``who``: the mistake of the key, or ""."""
    known = {one.cause: one for one in case.faults}
    if who == "swapped":
        known.pop("key_form", None)
    certain = {cause for cause, one in known.items() if one.proven} | set(match.causes)
    certain |= {who} if who else set()
    causes = in_order(certain or set(known)) or ("none",)
    return _texts(case, causes, bool(certain) or not known, match.text)


def _unexplained(case: _Case, tried: int) -> Finding:
    proven = {one.cause for one in case.faults if one.proven}
    if proven and not case.signatures:
        return _texts(case, in_order(proven), True, None)
    own = " nor to the text that you say you signed" if case.said is not None else ""
    remedy = (
        "Check that the secret and the public key are a pair, because the signature belongs "
        f"neither to the right text nor to any of {max(tried - 1, 0)} others with known "
        f"mistakes{own}."
    )
    if not proven:
        return replace(_texts(case, ("unknown",), False, None), remedy=remedy)
    found = _texts(case, in_order(proven), True, None)
    return replace(found, remedy=_joined([found.remedy, remedy]))


def _texts(case: _Case, causes: tuple[str, ...], proven: bool, text: bytes | None) -> Finding:
    expected = case.mask(case.expected)
    if text is None:
        signed, place = None, None
    else:
        plain = _readable(text)
        digest = "hashed" in causes and re.fullmatch("([0-9a-f]{64}){1,2}", plain)
        signed = plain if digest else case.mask(plain)
        place = compare.place(signed, expected) or compare.place(plain, case.expected)
    return Finding(" + ".join(causes), proven, signed, expected, place, _remedy(case, causes))


def _readable(text: bytes) -> str:
    """As text; what is no text, such as a digest, in hex."""
    try:
        return text.decode()
    except UnicodeDecodeError:
        return text.hex()


def _remedy(case: _Case, causes: tuple[str, ...]) -> str:
    """One sentence for them all."""
    own = {one.cause: one.remedy for one in case.faults if one.remedy}
    operation = case.arrival.operation
    own["wrong_instruction"] = own["no_instruction"] = (
        f"Begin the text with instruction={operation.instruction}, which is what "
        f"{operation.method} {operation.path} needs."
    )
    return _joined([own.get(cause, CAUSES[cause].remedy) for cause in causes])


def _joined(remedies: list[str]) -> str:
    first, *others = [one.removesuffix(".") for one in dict.fromkeys(remedies)]
    return "; ".join((first, *(one[0].lower() + one[1:] for one in others))) + "."


def _finding(
    cause: str, proven: bool = True, *, expected: str | None = None, remedy: str = ""
) -> Finding:
    return Finding(cause, proven, None, expected, None, remedy or CAUSES[cause].remedy)
