"""Diagnose a request: read it, build the right text, and find the text that was signed."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import NamedTuple

from ..errors import InputError, KeyFormatError
from ..operations import Operation
from ..signing import DEFAULT_WINDOW, Key, key_fault, verify
from .compare import causes_of, first_difference
from .finding import CAUSES, Finding, in_order
from .fit import doubts, other_path
from .form_errors import FormError, form_errors, missing_headers
from .keys import is_plain, key_bytes, mask_of, signature_bytes, signature_origin
from .received import (
    BAD_LIST,
    SUBSCRIBE,
    RawRequest,
    ReceivedRequest,
    encoded,
    operation_of,
    raw_request,
    received,
    with_headers,
)
from .search import Match, search
from .signed_text import right_text

MAX_CHARACTERS = 100_000  # of query and body; a batch of fifty orders has about 10,000
_TOO_LONG = f"Send less at once. More than {MAX_CHARACTERS:,} characters are not examined."
_GUESS = "How nested values are signed is not documented, so the expected text is a guess."
_NO_SIGNATURE = (
    "The text is right. Only the key or the signature can be wrong: pass X-Signature too."
)
_CHECK_PAIR = "Check that the secret and the public key are a pair."


class _Case(NamedTuple):
    """All that is known of one request."""

    request: ReceivedRequest
    expected: str  # the text that must be signed
    keys: list[tuple[str, bytes]]  # public keys, each with its cause ("": it is the right key)
    signatures: list[tuple[bytes, bytes | None]]  # each with the text that follows it
    claimed: str | None  # the text that the user says was signed
    errors: list[FormError]
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
    """Why is this request's signature refused? The public key is enough to prove it.

    ``request``: any object with .method, .url, .headers and .body, such as a prepared request of
    requests, or a mapping with these names. Or give the parts, by name; they replace those of
    ``request``. ``url``: a full URL, or a path with its query. ``signed``: the text
    that you say you signed. ``public_key``: base64, if X-API-Key is not among the headers or is to
    be compared with it. ``now``: the exchange's time when the request came, in Unix milliseconds;
    without it the clock is not checked. ``earlier``: signatures (base64) that were used before.

    Nothing is sent. Raises InputError without a URL, without a method if the path has several, and
    for a part of another type or name.
    """
    _check_types(signed, public_key, now, earlier)
    raw = raw_request(request, method, url, headers, body)
    operation = operation_of(raw)
    if operation is None or not operation.instruction:
        return _not_signable(raw, operation)
    if len(raw.query) + len(raw.body) > MAX_CHARACTERS:
        return _finding("unknown", False, remedy=_TOO_LONG)
    if operation is SUBSCRIBE:
        raw, cause = with_headers(raw)
        if cause:
            return _finding(cause)
    return _examine(raw, operation, signed, public_key, now, earlier)


def _check_types(signed: object, public_key: object, now: object, earlier: object) -> None:
    """Raises InputError, which shows no text: there may be a secret in it."""
    for field, text in (("signed", signed), ("public_key", public_key)):
        if not isinstance(text, str | None):
            raise InputError(field, type(text).__name__, "pass text")
    if now is not None and type(now) is not int:
        shown = now if isinstance(now, str | float) else type(now).__name__
        raise InputError("now", shown, "pass Unix milliseconds as an int, such as 1750793021519")
    if (
        not isinstance(earlier, Collection)
        or isinstance(earlier, str | bytes)
        or not all(isinstance(one, str) for one in earlier)
    ):
        raise InputError("earlier", type(earlier).__name__, "pass a list of texts in base64")


def _not_signable(raw: RawRequest, operation: Operation | None) -> Finding:
    if operation is not None:
        return _finding("undocumented" if operation.signed else "public")
    return _finding("unknown_path", remedy=other_path(raw))


def _examine(
    raw: RawRequest,
    operation: Operation,
    signed: str | None,
    public_key: str | None,
    now: int | None,
    earlier: Collection[str],
) -> Finding:
    given = {"X-API-Key": public_key, "X-Signature": signed, "X-Timestamp": None}
    if missing := missing_headers(raw, given):
        return _finding("missing_header", remedy=f"Send {' and '.join(missing)} too.")
    key, signature = raw.headers.get("x-api-key", ""), raw.headers.get("x-signature", "")
    window = raw.headers.get("x-window", str(DEFAULT_WINDOW))
    request = received(raw, operation, raw.headers["x-timestamp"], window)
    if request is None:
        return _finding("bad_body")
    expected, mask = right_text(request).text, mask_of(key, signature, public_key or "")
    if _is_reused(signature, earlier):
        return _finding("reused", expected=mask(expected))
    errors = [*_header_errors(raw), *form_errors(request, now)]
    keys = _keys(key, public_key)
    signatures = _signatures(signature, keys)
    return _diagnose_case(_Case(request, expected, keys, signatures, signed, errors, mask))


def _header_errors(raw: RawRequest) -> list[FormError]:
    """In the form of the key and the signature, and in the list of a subscription."""
    key, signature = raw.headers.get("x-api-key"), raw.headers.get("x-signature")
    found = []
    if key and not is_plain(key, 32):
        fault = key_fault(key)
        said = f"X-API-Key {fault}. {CAUSES['key_form'].remedy}" if fault else ""
        found.append(FormError("key_form", True, said))
    origin = signature_origin(signature or "")
    if signature and (origin or not is_plain(signature, 64)):
        found.append(FormError("signature_form", True, origin))
    if BAD_LIST in raw.headers:
        found.append(FormError("websocket", True))
    return found


def _is_reused(signature: str, earlier: Collection[str]) -> bool:
    own = {signature, *(b64encode(one).decode() for one, _ in signature_bytes(signature))}
    return not own.isdisjoint(earlier)


def _keys(sent: str, given: str | None) -> list[tuple[str, bytes]]:
    """The public keys that may have signed, each with its cause: likely ones first."""
    found = dict.fromkeys(key_bytes(sent) or key_bytes(given or ""), "")
    found |= {one: "wrong_pair" for one in key_bytes(given or "") if one not in found}
    for one in key_bytes(sent):
        try:
            derived = Key(b64encode(one).decode()).public_key  # if the secret was sent
        except KeyFormatError:
            continue
        found.setdefault(key_bytes(derived)[0], "swapped")
    return [(cause, key) for key, cause in found.items()]


def _signatures(text: str, keys: list[tuple[str, bytes]]) -> list[tuple[bytes, bytes | None]]:
    """The signatures that the text can mean; one with a text after it must have signed it."""
    return [
        (one, after)
        for one, after in signature_bytes(text)
        if after is None or any(verify(key, one, after) for _, key in keys)
    ]


# --- the cause ------------------------------------------------------------------------------------


def _diagnose_case(case: _Case) -> Finding:
    found = _find_cause(case)
    if not case.request.nested:
        return found
    # That this text was signed may be proven; that another is expected is not.
    return replace(found, proven=False, remedy=f"{found.remedy} {_GUESS}")


def _find_cause(case: _Case) -> Finding:
    if case.claimed is not None and not case.signatures:
        return _compared(case, case.claimed, "")
    attached = [text.decode(errors="surrogateescape") for _, text in case.signatures if text]
    for text in attached if case.claimed is None else (case.claimed, *attached):
        for candidate in dict.fromkeys((text, text.strip())):
            signer = _signer(case, encoded(candidate))
            if signer is not None:
                return _compared(case, candidate, signer)
    return _searched(case)


def _signer(case: _Case, text: bytes) -> str | None:
    """The cause of the key that signed this text ("": the right key). None: no key did."""
    return next((cause for cause, key in case.keys if _verifier(case, key)(text)), None)


def _verifier(case: _Case, key: bytes) -> Callable[[bytes], bool]:
    return lambda text: any(verify(key, signature, text) for signature, _ in case.signatures)


def _compared(case: _Case, text: str, signer: str) -> Finding:
    """The signed text is known. Which mistake leads to it?"""
    signed = encoded(text)
    if text == case.expected and not case.signatures and not case.errors:
        return replace(_with_texts(case, ("unknown",), False, signed), remedy=_NO_SIGNATURE)
    match = search(case.request, [lambda trial: trial == signed]).match
    return _finding_from(case, signer, match or Match(("other_text",), signed))


def _searched(case: _Case) -> Finding:
    """Nothing is known of the signed text: try all mistakes, with every key."""
    if not case.signatures or not case.keys:
        return _unexplained(case, 0)
    match, tried = search(case.request, [_verifier(case, key) for _, key in case.keys])
    return (
        _finding_from(case, case.keys[match.key][0], match) if match else _unexplained(case, tried)
    )


def _finding_from(case: _Case, signer: str, match: Match) -> Finding:
    """``signer``: the cause of the key that signed, or ""."""
    if match.causes == ("other_text",):
        method = case.request.operation.method
        causes = causes_of(_readable(match.text), right_text(case.request), method)
        match = match._replace(causes=causes)
    errors = {one.cause: one.proven for one in case.errors}
    if signer == "swapped":
        errors.pop("key_form", None)
    certain = {cause for cause, proven in errors.items() if proven} | {*match.causes, signer}
    causes = in_order(certain) or in_order(set(errors))
    proven = bool(in_order(certain)) or not causes
    return _with_texts(case, causes or ("none",), proven, match.text)


def _unexplained(case: _Case, tried: int) -> Finding:
    proven = in_order({one.cause for one in case.errors if one.proven})
    found = _with_texts(case, proven or ("unknown",), bool(proven), None)
    if not tried:
        return found
    claimed = ", nor to the text that you say you signed" if case.claimed is not None else ""
    remedy = (
        "The signature belongs neither to the right text nor to any of "
        f"{tried - 1} others with known mistakes{claimed}. "
    )
    remedy += _CHECK_PAIR if claimed else CAUSES["unknown"].remedy
    return replace(found, remedy=f"{found.remedy} {remedy}" if proven else remedy)


def _with_texts(case: _Case, causes: tuple[str, ...], proven: bool, text: bytes | None) -> Finding:
    expected = case.mask(case.expected)
    if text is None:
        signed, place = None, None
    else:
        plain = _readable(text)
        digest = "hashed" in causes and re.fullmatch("[0-9a-f]{64}", plain)
        signed = plain if digest else case.mask(plain)
        place = first_difference(signed, expected) or first_difference(plain, case.expected)
    return Finding(" + ".join(causes), proven, signed, expected, place, _remedy(case, causes))


def _readable(text: bytes) -> str:
    """As text; bytes that are not text, such as a hash, in hex."""
    try:
        return text.decode()
    except UnicodeDecodeError:
        return text.hex()


def _remedy(case: _Case, causes: tuple[str, ...]) -> str:
    own = {one.cause: one.remedy for one in case.errors if one.remedy}
    operation = case.request.operation
    own["wrong_instruction"] = own["no_instruction"] = (
        f"Begin the text with instruction={operation.instruction}, which is what "
        f"{f'{operation.method} {operation.path}'.strip()} needs."
    )
    if causes == ("none",):
        own["none"] = f"{doubts(case.request)} {CAUSES['none'].remedy}".strip()
    return " ".join(own.get(cause, CAUSES[cause].remedy) for cause in causes)


def _finding(
    cause: str, proven: bool = True, *, expected: str | None = None, remedy: str = ""
) -> Finding:
    return Finding(cause, proven, None, expected, None, remedy or CAUSES[cause].remedy)
