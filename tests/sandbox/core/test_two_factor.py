"""Two factor authentication and the delay of withdrawals.

That an address which is not exempt needs a token, and the delay, are documented. That the token is
a TOTP by the clock of the signatures, and each refusal's text, are guesses.
"""

from __future__ import annotations

from typing import Any

import pytest
import requests
from helpers import Plain
from test_exchange import Floor

from bpkit import Key
from bpkit.sandbox import Sandbox
from bpkit.sandbox.core import two_factor
from bpkit.sandbox.core.transfers import Transfers

RFC_SECRET = b"12345678901234567890"
BASE32 = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"  # the same
ADDRESS = "0x0a00000000000000000000000000000000000001"
WISH = {"address": ADDRESS, "blockchain": "Ethereum", "quantity": "10", "symbol": "USDC"}


# --- codes ----------------------------------------------------------------------------------------


RFC_4226 = (
    "755224", "287082", "359152", "969429", "338314",
    "254676", "287922", "162583", "399871", "520489",
)  # fmt: skip


def test_the_codes_of_rfc_4226() -> None:
    """Appendix D."""
    assert tuple(two_factor.code(RFC_SECRET, counter) for counter in range(10)) == RFC_4226


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (59, "94287082"),
        (1_111_111_109, "07081804"),
        (1_111_111_111, "14050471"),
        (1_234_567_890, "89005924"),
        (2_000_000_000, "69279037"),
        (20_000_000_000, "65353130"),
    ],
)
def test_the_codes_of_rfc_6238(seconds: int, expected: str) -> None:
    """Appendix B, SHA-1: 8 digits. The last 6 of them are the code of 6 digits."""
    counter = seconds * 1_000 // two_factor.STEP_MS
    assert two_factor.code(RFC_SECRET, counter, digits=8) == expected
    assert two_factor.counter_of(RFC_SECRET, expected[2:], seconds * 1_000) == counter


def test_a_code_is_good_for_one_step_more() -> None:
    """287082 is the code of 30 to 60 s."""
    good = [
        seconds
        for seconds in range(120)
        if two_factor.counter_of(RFC_SECRET, "287082", seconds * 1_000) is not None
    ]
    assert good == list(range(90))
    for token in ("", "28708", "2870820", "\u0662" * 6, "755225"):
        assert two_factor.counter_of(RFC_SECRET, token, 59_000) is None


def test_a_secret_is_base32() -> None:
    assert two_factor.secret_of(BASE32) == RFC_SECRET
    assert two_factor.secret_of("gezd gnbv gy3t qojq gezd gnbv gy3t qojq") == RFC_SECRET
    assert two_factor.secret_of("MY======") == two_factor.secret_of("MY") == b"f"
    bad: list[Any] = ["", "1!", "GEZDGNB1", None, 7]
    for secret in bad:
        with pytest.raises(ValueError, match="secret is not text in base32") as caught:
            two_factor.secret_of(secret)
        assert not secret or str(secret) not in str(caught.value)


# --- withdrawals ----------------------------------------------------------------------------------


def told(response: requests.Response, status: int = 200) -> Any:
    assert response.status_code == status, response.text
    return response.json()


def test_a_token_opens_the_way_to_any_address(sandbox: Sandbox, plain: Plain) -> None:
    refused = told(plain.call("request_withdrawal", WISH | {"twoFactorToken": "287082"}), 403)
    assert refused["code"] == "FORBIDDEN"  # the account has no secret
    sandbox.set_two_factor_secret(sandbox.key, BASE32)
    refused = told(plain.call("request_withdrawal", WISH), 403)
    assert refused["code"] == "FORBIDDEN"
    token = sandbox.two_factor_token(sandbox.key)
    wrong = str((int(token) + 1) % 10**6).zfill(6)
    refused = told(plain.call("request_withdrawal", WISH | {"twoFactorToken": wrong}), 403)
    assert refused == {"code": "INVALID_TWO_FACTOR_CODE", "message": "Invalid two factor code"}
    row = told(plain.call("request_withdrawal", WISH | {"twoFactorToken": token}))
    assert (row["status"], row["triggerAt"]) == ("pending", None)
    refused = told(plain.call("request_withdrawal", WISH | {"twoFactorToken": token}), 403)
    assert refused["code"] == "INVALID_TWO_FACTOR_CODE"  # each is good once
    sandbox.set_two_factor_secret(sandbox.key, None)
    refused = told(plain.call("request_withdrawal", WISH | {"twoFactorToken": token}), 403)
    assert refused["code"] == "FORBIDDEN"


def test_an_exempt_address_needs_no_token(sandbox: Sandbox, plain: Plain) -> None:
    sandbox.set_two_factor_secret(sandbox.key, BASE32)
    sandbox.allow_withdrawal_address(sandbox.key, "Ethereum", ADDRESS)
    told(plain.call("request_withdrawal", WISH))
    told(plain.call("request_withdrawal", WISH | {"twoFactorToken": "1"}))  # it is not looked at


def test_the_clock_is_that_of_the_signatures(sandbox: Sandbox, plain: Plain) -> None:
    """The market's time moves by a year and changes nothing; the exchange's clock does."""
    sandbox.set_two_factor_secret(sandbox.key, BASE32)
    sandbox.advance(days=365)
    token = sandbox.two_factor_token(sandbox.key)
    with sandbox.fault("clock_skew", seconds=-90):
        answer = plain.call("request_withdrawal", WISH | {"twoFactorToken": token})
        assert told(answer, 403)["code"] == "INVALID_TWO_FACTOR_CODE"
    told(plain.call("request_withdrawal", WISH | {"twoFactorToken": token}))


def test_a_withdrawal_that_is_refused_uses_no_token(sandbox: Sandbox, plain: Plain) -> None:
    sandbox.set_two_factor_secret(sandbox.key, BASE32)
    token = {"twoFactorToken": sandbox.two_factor_token(sandbox.key)}
    refused = told(plain.call("request_withdrawal", WISH | token | {"quantity": "999999"}), 400)
    assert refused["code"] == "INSUFFICIENT_FUNDS"
    told(plain.call("request_withdrawal", WISH | token))


def test_the_log_hides_tokens(sandbox: Sandbox, plain: Plain) -> None:
    sandbox.set_two_factor_secret(sandbox.key, BASE32)
    token = sandbox.two_factor_token(sandbox.key)
    plain.call("request_withdrawal", WISH | {"twoFactorToken": token})
    plain.call("request_withdrawal", WISH | {"twoFactorToken": int(token) + 10**6})  # a number
    assert token not in str(sandbox.log)
    assert [row["body"].count('"***"') for row in sandbox.log] == [1, 1]
    assert "found ***" in sandbox.log[1]["verdict"]


def test_owners_mistakes(sandbox: Sandbox) -> None:
    with pytest.raises(ValueError, match="has no account here"):
        sandbox.set_two_factor_secret(Key.generate(), BASE32)
    with pytest.raises(ValueError, match="call set_two_factor_secret first"):
        sandbox.two_factor_token(sandbox.key)
    with pytest.raises(ValueError, match="secret is not text in base32"):
        sandbox.set_two_factor_secret(sandbox.key, "not base32")
    hours: list[Any] = [-1, 8_761, 1.5, True, "1"]
    for one in hours:
        with pytest.raises(ValueError, match=f"hours={one!r} is not a whole number from 0 to"):
            sandbox.set_withdrawal_delay(sandbox.key, one)


# --- the delay ------------------------------------------------------------------------------------


def test_a_delay_holds_for_addresses_that_are_not_exempt(sandbox: Sandbox, plain: Plain) -> None:
    sandbox.set_two_factor_secret(sandbox.key, BASE32)
    sandbox.set_withdrawal_delay(sandbox.key, 24)
    token = {"twoFactorToken": sandbox.two_factor_token(sandbox.key)}
    row = told(plain.call("request_withdrawal", WISH | token))
    assert (row["status"], row["triggerAt"]) == ("pending", "2026-09-02T12:00:00.000")
    assert told(plain.call("get_balances"))["USDC"]["available"] == "9990"
    sandbox.advance(hours=24, seconds=59)
    assert told(plain.call("get_withdrawals")) == [row]
    sandbox.advance(seconds=1)
    assert told(plain.call("get_withdrawals"))[0]["status"] == "confirmed"
    sandbox.allow_withdrawal_address(sandbox.key, "Ethereum", ADDRESS)
    assert told(plain.call("request_withdrawal", WISH))["triggerAt"] is None


def test_a_change_waits_for_the_present_delay() -> None:
    """Documented: it takes effect after the current delay period ends."""
    floor = Floor()
    capital, ann = Transfers(floor.exchange), floor.ann
    capital.set_secret(ann, BASE32)
    seen = []

    def delay() -> float | None:
        token = capital.token(ann, len(seen) * 60_000)
        row = capital.request(ann, WISH | {"twoFactorToken": token}, len(seen) * 60_000)
        seen.append(row)
        if row["triggerAt"] is None:
            return None
        day, clock = row["triggerAt"].split("T")
        hours = 24 * int(day[-2:]) + int(clock[:2])
        return hours - 24 * int(row["createdAt"][8:10]) - int(row["createdAt"][11:13])

    assert delay() is None
    capital.set_delay(ann, 10)
    assert delay() == 10
    capital.set_delay(ann, 2)
    assert delay() == 10
    floor.advance(10 * 3_600 - 1)
    assert delay() == 10
    floor.advance(10 * 3_600)
    assert delay() == 2
    capital.set_delay(ann, 0)
    floor.advance(12 * 3_600)
    assert delay() is None
