"""Whatever is proven is true: of random requests with random mistakes, alone and two at once.

The requests are signed by a signer that is written out here. A finding that is proven names only
mistakes that were made; and what it expects, signed and sent as its remedies say, is accepted by
the sandbox's own verification, which shares no code with the doctor.
"""

from __future__ import annotations

import json
import re
from base64 import b64decode, b64encode, urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any
from urllib.parse import quote

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from helpers import DEMO_SECRET, examples
from hypothesis import given, settings
from hypothesis import strategies as st

from bpkit.doctor import Finding, diagnose, diagnosis
from bpkit.operations import OPERATIONS, Operation
from bpkit.sandbox.server import auth

PRIVATE = Ed25519PrivateKey.from_private_bytes(b64decode(DEMO_SECRET))
KEY = "5+yQgwU0ZdJ/9s+GXfuPFfo7yQQpl9CgvQedJXne30o="
MS = 1750793021519
SIGNED = [row for row in OPERATIONS.values() if row.instruction]


@dataclass
class Sent:
    """What is sent: the parameters by name (a list has several values), and the four headers."""

    operation: Operation
    fields: dict[str, Any]
    key: str = KEY
    time: str = str(MS)
    window: str = "5000"
    spell: Callable[[str], str] = field(default=str)  # of the signature
    listed: bool = False  # the body is a list

    @property
    def target(self) -> str:
        if self.operation.method != "GET":
            return self.operation.path
        pairs = [f"{name}={quote(value, safe='')}" for name, value in self.pairs(list)]
        return f"{self.operation.path}?{'&'.join(pairs)}"

    @property
    def body(self) -> bytes:
        if self.operation.method == "GET":
            return b""
        return json.dumps([self.fields] if self.listed else self.fields).encode()

    def pairs(self, order: Callable[[Any], list[str]] = sorted) -> list[tuple[str, str]]:
        found = []
        for name in order(self.fields):
            value = self.fields[name]
            found += [(name, text(one)) for one in (value if isinstance(value, list) else [value])]
        return found

    def headers(self, signature: bytes) -> dict[str, str]:
        shown = self.spell(b64encode(signature).decode())
        return {"X-API-Key": self.key, "X-Signature": shown, "X-Timestamp": self.time,
                "X-Window": self.window}  # fmt: skip

    def is_accepted(self, signed: str) -> bool:
        """By the sandbox, if this text is signed."""
        signature = PRIVATE.sign(signed.encode())
        headers = {name.lower(): value for name, value in self.headers(signature).items()}
        query = self.target.partition("?")[2]
        try:
            auth.verify(self.operation, query, headers, self.body, MS, lambda key: key == KEY)
        except auth.Denied:
            return False
        takes_list = self.operation.name == "execute_order_batch"
        return self.operation.method == "GET" or self.listed == takes_list


def text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


@dataclass
class Text:
    """The text that is signed, in its parts."""

    head: str | None
    pairs: list[tuple[str, str]]
    tail: list[tuple[str, str]]
    whole: Callable[[str], str] = field(default=str)

    def __str__(self) -> str:
        head = [] if self.head is None else [("instruction", self.head)]
        made = "&".join(f"{name}={value}" for name, value in (*head, *self.pairs, *self.tail))
        return self.whole(made)

    def spell(self, change: Callable[[str], str]) -> None:
        self.pairs = [(name, change(value)) for name, value in self.pairs]


def right(sent: Sent) -> Text:
    return Text(sent.operation.instruction, sent.pairs(),
                [("timestamp", sent.time), ("window", sent.window)])  # fmt: skip


# --- mistakes -------------------------------------------------------------------------------------
# Each changes what is sent (before it is signed) or what is signed. With it: the causes that it can
# truly be called.

Change = Callable[[Any, Random], None]
SENDING: dict[str, tuple[Change, set[str]]] = {}
SIGNING: dict[str, tuple[Change, set[str]]] = {}


def sending(*causes: str) -> Callable[[Change], Change]:
    return lambda change: SENDING.setdefault(change.__name__, (change, set(causes)))[0]


def signing(*causes: str) -> Callable[[Change], Change]:
    return lambda change: SIGNING.setdefault(change.__name__, (change, set(causes)))[0]


@sending("reserved")
def time_as_parameter(sent: Sent, chance: Random) -> None:
    sent.fields |= {"timestamp": sent.time, "window": sent.window}


@sending("reserved", "wrong_instruction")
def all_as_parameters(sent: Sent, chance: Random) -> None:
    own = chance.choice([sent.operation.instruction, "placeOrder"])
    sent.fields |= {"instruction": own, "timestamp": sent.time, "window": sent.window}


@sending("window_limit")
def a_wide_window(sent: Sent, chance: Random) -> None:
    sent.window = chance.choice(["0", "60001", "5s"])


@sending("time_unit")
def seconds(sent: Sent, chance: Random) -> None:
    sent.time = chance.choice([sent.time[:10], sent.time + "000"])


@sending("key_form")
def key_in_hex(sent: Sent, chance: Random) -> None:
    sent.key = b64decode(KEY).hex()


@sending("wrong_pair")
def another_key(sent: Sent, chance: Random) -> None:
    sent.key = b64encode(bytes(range(32))).decode()


@sending("signature_form")
def signature_in_another_form(sent: Sent, chance: Random) -> None:
    sent.spell = chance.choice([
        lambda one: b64decode(one).hex(), lambda one: urlsafe_b64encode(b64decode(one)).decode(),
        lambda one: f"b'{one}'", lambda one: one.rstrip("="),
    ])  # fmt: skip


@sending("client_id")
def client_id_as_text(sent: Sent, chance: Random) -> None:
    if "clientId" in sent.fields and sent.operation.section == "Order":
        sent.fields["clientId"] = "x42" if sent.operation.method == "GET" else "42"


@sending("both_ids")
def two_ids(sent: Sent, chance: Random) -> None:
    sent.fields |= {"orderId": "1", "clientId": 42}


@sending("misfit")
def list_for_object(sent: Sent, chance: Random) -> None:
    sent.listed = not sent.listed and sent.operation.method != "GET"


@signing("wrong_instruction")
def another_instruction(signed: Text, chance: Random) -> None:
    invented = ["placeOrder", "createOrder", "getBalances", "balancesQuery", "orderexecute"]
    signed.head = chance.choice([*invented, *(str(row.instruction) for row in SIGNED)])


@signing("no_instruction")
def without_instruction(signed: Text, chance: Random) -> None:
    signed.head = chance.choice([None, ""])


@signing("capital_boolean")
def capitals(signed: Text, chance: Random) -> None:
    signed.spell(lambda value: {"true": "True", "false": "False"}.get(value, value))


@signing("different_values", "exponent")
def floats(signed: Text, chance: Random) -> None:
    signed.spell(lambda value: str(float(value)) if re.fullmatch(r"\d+\.\d+", value) else value)


@signing("parameters_left_out", "query_not_signed", "body_not_signed", "list")
def one_is_forgotten(signed: Text, chance: Random) -> None:
    if signed.pairs:
        lost = chance.choice(signed.pairs)[0]
        signed.pairs = [pair for pair in signed.pairs if pair[0] != lost]


@signing("query_not_signed", "body_not_signed", "parameters_left_out")
def all_are_forgotten(signed: Text, chance: Random) -> None:
    signed.pairs = []


@signing("parameters_not_sent")
def none_is_signed(signed: Text, chance: Random) -> None:
    if all(name != "offset" for name, _ in signed.pairs):
        signed.pairs = sorted([*signed.pairs, ("offset", "None")], key=lambda pair: pair[0])


@signing("list", "parameters_left_out", "parameters_not_sent")
def a_list_as_one(signed: Text, chance: Random) -> None:
    way = chance.choice([repr, json.dumps, ",".join, lambda many: many[0], lambda many: many[-1]])
    groups: dict[str, list[str]] = {}
    for name, value in signed.pairs:
        groups.setdefault(name, []).append(value)
    signed.pairs = [
        (name, way(many) if len(many) > 1 else many[0]) for name, many in groups.items()
    ]


@signing("unsorted")
def another_order(signed: Text, chance: Random) -> None:
    signed.pairs = signed.pairs[::-1]


@signing("unsorted", "reserved")
def all_sorted(signed: Text, chance: Random) -> None:
    if signed.head is not None:
        head = ("instruction", signed.head)
        signed.pairs = sorted([head, *signed.pairs, *signed.tail], key=lambda pair: pair[0])
        signed.head, signed.tail = None, []


@signing("unsorted")
def tail_exchanged(signed: Text, chance: Random) -> None:
    signed.tail = signed.tail[::-1]


@signing("no_window")
def window_forgotten(signed: Text, chance: Random) -> None:
    signed.tail = [pair for pair in signed.tail if pair[0] != "window"]


@signing("no_timestamp")
def time_forgotten(signed: Text, chance: Random) -> None:
    signed.tail = [pair for pair in signed.tail if pair[0] != "timestamp"]


@signing("window_differs")
def another_window(signed: Text, chance: Random) -> None:
    signed.tail = [(name, "60000" if name == "window" else value) for name, value in signed.tail]


@signing("timestamp_differs", "time_unit")
def another_time(signed: Text, chance: Random) -> None:
    other = chance.choice([str(MS + 3), str(MS)[:10]])
    signed.tail = [(name, other if name == "timestamp" else value) for name, value in signed.tail]


@signing("names")
def snake_names(signed: Text, chance: Random) -> None:
    def snake(name: str) -> str:
        return re.sub("([A-Z])", lambda found: f"_{found[0].lower()}", name)

    signed.pairs = [(snake(name), value) for name, value in signed.pairs]


@signing("encoding")
def percent(signed: Text, chance: Random) -> None:
    signed.spell(lambda value: quote(value, safe=""))


@signing("punctuation")
def more_characters(signed: Text, chance: Random) -> None:
    signed.whole = chance.choice([
        lambda whole: whole + "\n", lambda whole: "?" + whole,
        lambda whole: whole.replace("&timestamp", "&&timestamp"),
    ])  # fmt: skip


@signing("mangled")
def damaged(signed: Text, chance: Random) -> None:
    signed.whole = lambda whole: whole.replace("&times", "\N{MULTIPLICATION SIGN}")


MISTAKES = SENDING | SIGNING
# --- remedies: what is changed in what is sent ----------------------------------------------------


def remedied(sent: Sent, causes: set[str]) -> Sent:
    better = replace(sent, fields=dict(sent.fields))
    if "reserved" in causes:
        for name in ("instruction", "timestamp", "window"):
            better.fields.pop(name, None)
    if "both_ids" in causes:
        del better.fields["orderId"]
    if "client_id" in causes:
        better.fields["clientId"] = 42
    if causes & {"key_form", "wrong_pair"}:
        better.key = KEY
    if "signature_form" in causes:
        better.spell = str
    if "time_unit" in causes:
        better.time = str(MS)
    if "window_limit" in causes:
        better.window = "5000"
    if "misfit" in causes:
        better.listed = sent.operation.name == "execute_order_batch"
    return better


VALUES: dict[str, st.SearchStrategy[Any]] = {
    "symbol": st.sampled_from(["SOL_USDC", "BTC_USDC_PERP"]),
    "price": st.sampled_from(["170.50", "0.00001", "100000", "3"]),
    "quantity": st.sampled_from(["1", "0.10", "1e-05"]),
    "side": st.sampled_from(["Bid", "Ask"]),
    "postOnly": st.booleans(),
    "limit": st.sampled_from([0, 10, 1000]),
    "clientId": st.integers(0, 2**32 - 1),
    "address": st.text("a/+&=% \u4e2d,[]'\"", max_size=5),
    "note": st.sampled_from(["true", "True", "None", "", "a,b", "[1]", "x y"]),
}
MANY = st.lists(st.sampled_from(["SPOT", "PERP", "IPERP"]), min_size=2, max_size=3)


@st.composite
def requests(draw: st.DrawFn) -> Sent:
    operation = draw(st.sampled_from(SIGNED))
    fields = draw(st.fixed_dictionaries({}, optional=VALUES))
    if operation.method == "GET" and draw(st.booleans()):
        fields["marketType"] = draw(MANY)
    return Sent(operation, fields, listed=operation.name == "execute_order_batch")


def make(
    sent: Sent, mistakes: list[str], chance: Random, told: bool, monkeypatch: pytest.MonkeyPatch
) -> tuple[Finding, set[str]]:
    """The finding, and all causes that the mistakes can truly be called.

    Whether the key made the signature is looked up, which is quicker than the mathematics.
    """
    true: set[str] = set()
    for name in mistakes:
        if name in SENDING:
            SENDING[name][0](sent, chance)
    signed = right(sent)
    if any("reserved" in MISTAKES[name][1] for name in mistakes) and chance.random() < 0.5:
        reserved = ("instruction", "timestamp", "window")
        signed.pairs = [pair for pair in signed.pairs if pair[0] not in reserved]
    for name in mistakes:
        if name in SIGNING:
            SIGNING[name][0](signed, chance)
        true |= MISTAKES[name][1]
    raw = str(signed).encode()
    signature, public = PRIVATE.sign(raw), b64decode(KEY)
    monkeypatch.setattr(
        diagnosis, "verify", lambda key, one, text: (key, one, text) == (public, signature, raw)
    )
    found = diagnose(
        method=sent.operation.method, url=sent.target, headers=sent.headers(signature),
        body=sent.body, signed=str(signed) if told else None, public_key=KEY,
    )  # fmt: skip
    return found, true


@settings(max_examples=examples(60))
@given(
    sent=requests(),
    mistakes=st.lists(st.sampled_from(list(MISTAKES)), min_size=1, max_size=2, unique=True),
    chance=st.integers(0, 10**6).map(Random),
    told=st.booleans(),
)
def test_what_is_proven_is_true_and_its_remedy_works(
    sent: Sent, mistakes: list[str], chance: Random, told: bool
) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        found, true = make(sent, mistakes, chance, told, monkeypatch)
    causes = set(found.cause.split(" + "))
    if not found.proven or causes == {"other_text"}:
        return
    # A capital letter or an exponent in what is sent is a mistake too.
    true |= {"capital_boolean", "exponent", "client_id", "both_ids", "other_text"}
    if true & {"names", "encoding", "capital_boolean", "list"}:  # which can be called so too
        true |= {"different_values", "parameters_left_out", "parameters_not_sent"}
    if "reserved" in true:  # the time as a parameter alone, and the tail exchanged: the same text
        true |= {"unsorted"}
    assert causes <= true | {"none"}, found
    assert found.expected is not None
    better = remedied(sent, causes)
    kept = (better.fields.get("clientId"), better.time, better.window)
    same = kept == (sent.fields.get("clientId"), sent.time, sent.window)
    text = found.expected if same and "both_ids" not in causes else str(right(better))
    assert better.is_accepted(text)
    assert causes != {"none"} or not true or str(right(sent)) == found.signed


def test_every_mistake_is_found_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or the test above would be true of a doctor that proves nothing."""
    for name, (_, causes) in MISTAKES.items():
        listed = name == "a_list_as_one"
        operation = OPERATIONS["get_fills" if listed else "execute_order"]
        fields = {"symbol": "SOL_USDC", "price": "170.50", "postOnly": True, "clientId": 42,
                  "address": "a b"}  # fmt: skip
        if listed:
            fields["marketType"] = ["SPOT", "PERP"]
        found, _ = make(Sent(operation, fields), [name], Random(1), False, monkeypatch)
        assert found.proven and set(found.cause.split(" + ")) <= causes, (name, found)
