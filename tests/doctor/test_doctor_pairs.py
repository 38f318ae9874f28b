"""Two mistakes at once: every pair that can be made is named.

Each mistake changes one step of the signer written out here. Where the text is told (``signed=``),
naming it costs no mathematics, so every pair is tried; a part of them is proven from the signature
alone.
"""

from __future__ import annotations

import json
import re
from base64 import b64decode, b64encode
from hashlib import sha256
from itertools import combinations
from random import Random
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from helpers import DEMO_SECRET

from bpkit.doctor import Finding, diagnose, diagnosis

PRIVATE = Ed25519PrivateKey.from_private_bytes(b64decode(DEMO_SECRET))
KEY = "5+yQgwU0ZdJ/9s+GXfuPFfo7yQQpl9CgvQedJXne30o="
PUBLIC = PRIVATE.public_key().public_bytes_raw()
OTHER_KEY = b64encode(bytes(range(32))).decode()
MS = "1750793021519"
ORDER = {
    "symbol": "SOL_USDC", "side": "Bid", "orderType": "Limit", "price": "170.50",
    "quantity": "0.00001", "postOnly": True, "clientId": 42,
}  # fmt: skip


def snake(name: str) -> str:
    return re.sub("([A-Z])", lambda found: f"_{found[0].lower()}", name)


# What each mistake changes: steps of the signer, or (in capitals) of the sender.
MISTAKES: dict[str, dict[str, Any]] = {
    "wrong_instruction": {"instruction": "orderCancel"},
    "no_instruction": {"instruction": None},
    "capital_boolean": {"true": "True"},
    "different_values": {"price": "170.5"},
    "exponent": {"quantity": "1e-05"},
    "parameters_left_out": {"drop": ["clientId"]},
    "body_not_signed": {"drop": list(ORDER)},
    "unsorted": {"order": lambda names: names},
    "names": {"name": snake},
    "time_unit": {"timestamp": "1750793021"},
    "no_timestamp": {"timestamp": None},
    "no_window": {"window": None},
    "window_differs": {"window": "60000"},
    "signed_the_body_as_json": {"json": True},
    "mangled": {"copy": lambda text: text.replace("&times", "\N{MULTIPLICATION SIGN}")},
    "punctuation": {"end": "\n"},
    "hashed": {"digest": lambda text: sha256(text.encode()).hexdigest()},
    "signature_form": {"SIGNATURE": lambda text: b64decode(text).hex()},
    "key_form": {"KEY": b64decode(KEY).hex()},
    "wrong_pair": {"KEY": OTHER_KEY},
    "clock": {"NOW": int(MS) + 9000},
    "client_id": {"CLIENT": "42"},
}
# The second has nothing left to go wrong in when the first is made.
EMPTY = {
    frozenset(pair)
    for pair in (
        *(("body_not_signed", other) for other in (
            "capital_boolean", "different_values", "exponent", "parameters_left_out", "unsorted",
            "names", "signed_the_body_as_json")),
        *(("signed_the_body_as_json", other) for other in (
            "capital_boolean", "different_values", "exponent", "parameters_left_out", "unsorted",
            "names")),
        ("no_timestamp", "mangled"),
    )
}  # fmt: skip


def text_of(steps: dict[str, Any]) -> str:
    """The text that somebody signs who makes these mistakes."""
    names = [name for name in ORDER if name not in steps.get("drop", ())]
    names = steps.get("order", sorted)(names)
    values = {**ORDER, "postOnly": steps.get("true", "true")}
    values |= {name: steps[name] for name in ("price", "quantity") if name in steps}
    rename = steps.get("name", str)
    parts = [f"{rename(name)}={values[name]}" for name in names]
    if steps.get("json"):
        parts = [json.dumps(sent(steps))]
    instruction = steps.get("instruction", "orderExecute")
    head = [] if instruction is None else [f"instruction={instruction}"]
    tail = {"timestamp": steps.get("timestamp", MS), "window": steps.get("window", "5000")}
    parts = [*head, *parts, *(f"{name}={tail[name]}" for name in tail if tail[name])]
    text = steps.get("copy", str)("&".join(parts)) + steps.get("end", "")
    return steps.get("digest", str)(text)


def sent(steps: dict[str, Any]) -> dict[str, Any]:
    return {**ORDER, "clientId": steps.get("CLIENT", 42)}


def ask(steps: dict[str, Any], told: bool) -> Finding:
    text = text_of(steps)
    signature = b64encode(PRIVATE.sign(text.encode())).decode()
    headers = {
        "X-API-Key": steps.get("KEY", KEY),
        "X-Signature": steps.get("SIGNATURE", str)(signature),
        "X-Timestamp": MS,
        "X-Window": "5000",
    }
    return diagnose(
        method="POST", url="/api/v1/order", headers=headers, body=json.dumps(sent(steps)),
        now=steps.get("NOW"), signed=text if told else None,
        public_key=KEY if steps.get("KEY") == OTHER_KEY else None,
    )  # fmt: skip


PAIRS = [
    pair
    for pair in combinations(MISTAKES, 2)
    if not MISTAKES[pair[0]].keys() & MISTAKES[pair[1]].keys() and frozenset(pair) not in EMPTY
]


def names_both(found: Finding, pair: tuple[str, str], steps: dict[str, Any]) -> None:
    assert found.proven
    assert set(found.cause.split(" + ")) == set(pair), text_of(steps)
    assert found.signed == text_of(steps)
    assert found.remedy.endswith(".") and "\n" not in found.remedy


@pytest.mark.parametrize("cause", MISTAKES)
def test_each_alone(cause: str) -> None:
    found = ask(MISTAKES[cause], told=False)
    assert (found.cause, found.proven, found.signed) == (cause, True, text_of(MISTAKES[cause]))


@pytest.mark.parametrize("first", MISTAKES)
def test_each_with_each_other(first: str) -> None:
    for pair in PAIRS:
        if pair[0] == first:
            steps = MISTAKES[pair[0]] | MISTAKES[pair[1]]
            names_both(ask(steps, told=True), pair, steps)


SOME = Random(5).sample(PAIRS, 16)


@pytest.mark.parametrize("pair", SOME, ids=" + ".join)
def test_pairs_from_the_signature_alone(
    pair: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = MISTAKES[pair[0]] | MISTAKES[pair[1]]
    if pair not in SOME[:3]:  # that mathematics finds them, three show as well as all
        made = PUBLIC, text_of(steps).encode()
        monkeypatch.setattr(diagnosis, "verify", lambda key, signature, text: (key, text) == made)
    names_both(ask(steps, told=False), pair, steps)


def test_there_are_pairs_enough() -> None:
    assert len(PAIRS) > 180
