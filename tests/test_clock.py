"""The clock: how far it is off, and what is said and done about it."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from helpers import Scripted

from bpkit import ApiError, Client, GuardError, InputError, Key, TransportError
from bpkit.clock import ClockReading, advice, moment, reading
from bpkit.operations import OPERATIONS
from bpkit.signing import DEMO_SECRET
from bpkit.transport import Transport

NOW = 1_788_264_000_000
EXPIRED = '{"code":"INVALID_CLIENT_REQUEST","message":"Request has expired"}'
MS = timedelta(milliseconds=1)


def test_a_reading_is_the_middle_of_the_question() -> None:
    """Asked at 1000, answered at 1400, the exchange said 6200: half way it was 1200 here."""
    assert reading(1000, 6200, 1400) == ClockReading(5000 * MS, 200 * MS)
    assert reading(1000, 200, 1000).offset == -800 * MS


def test_a_reading_says_which_way() -> None:
    behind = str(reading(1000, 6200, 1400))
    assert behind == "This machine's clock is 5 s behind the exchange's, within 0.2 s"
    assert "5 s ahead of" in str(reading(10_000, 5_000, 10_000))
    assert "agrees" in str(reading(1000, 1300, 1400))
    assert str(reading(1000, 1400, 1400)).endswith("agrees with the exchange's, within 0.2 s")
    assert "is 1000 s behind" in str(ClockReading(timedelta(milliseconds=999_700), MS))
    assert "is 3600 s ahead of" in str(ClockReading(timedelta(hours=-1), MS))
    assert "is 0.0123 s behind" in str(ClockReading(timedelta(microseconds=12_345), MS))


@pytest.mark.parametrize("offset, uncertainty, off", [
    (0, 1, False), (1000, 1, False), (1001, 1, True), (-1000, 1, False), (-1001, 1, True),
    (1500, 2000, False), (2000, 2000, False), (2001, 2000, True),
])  # fmt: skip
def test_a_clock_is_off_beyond_a_second_and_the_uncertainty(
    offset: int, uncertainty: int, off: bool
) -> None:
    assert ClockReading(offset * MS, uncertainty * MS).is_off is off


def test_a_reading_is_never_exact() -> None:
    """Milliseconds are cut off: without a measurable delay, half of one is still open."""
    assert reading(1000, 1000, 1000) == ClockReading(0 * MS, MS / 2)


@pytest.mark.parametrize(
    "system, words",
    [
        ("Linux", "timedatectl"),
        ("Darwin", "System Settings"),
        ("Windows", "w32tm"),
        ("", "network"),
    ],
)
def test_what_to_do_depends_on_the_system(system: str, words: str) -> None:
    said = advice(reading(1000, 31_000, 1000), system)
    assert "30 s behind" in said and words in said and "measure_clock(apply=True)" in said


def test_a_clock_that_is_right_is_not_blamed() -> None:
    said = advice(reading(1000, 1100, 1400), "Linux")
    assert "timedatectl" not in said and "window" in said


def test_a_moment_keeps_its_milliseconds() -> None:
    assert moment(1_788_264_000_123) == datetime(2026, 9, 1, 12, 0, 0, 123_000, tzinfo=UTC)


def transport(scripted: Scripted) -> Transport:
    return Transport(scripted.url, Key(DEMO_SECRET), clock=lambda: NOW, sleep=lambda seconds: None)


def test_a_refused_time_is_explained_by_the_exchanges_own(scripted: Scripted) -> None:
    """It is asked again each time: clocks drift, and machines sleep."""
    door = transport(scripted)
    for seconds in (31, 90):
        scripted.answers.clear()
        scripted.says(400, EXPIRED)
        scripted.says(200, str(NOW + seconds * 1000), "text/plain")
        with pytest.raises(ApiError, match=f"{seconds} s behind the exchange's") as caught:
            door.send(OPERATIONS["get_balances"], {})
        assert caught.value.finding.cause == "clock" and caught.value.finding.proven
    asked = [request["target"] for request in scripted.requests]
    assert asked == ["/api/v1/capital", "/api/v1/time"] * 2


@pytest.mark.parametrize("said", ["Expired request", "Timestamp must be within 10 minutes"])
def test_a_refused_time_is_known_in_capitals_too(said: str, scripted: Scripted) -> None:
    scripted.says(400, json.dumps({"code": "INVALID_CLIENT_REQUEST", "message": said}))
    scripted.says(200, str(NOW + 31_000), "text/plain")
    with pytest.raises(ApiError, match="31 s behind the exchange's"):
        transport(scripted).send(OPERATIONS["get_balances"], {})


def test_a_correction_that_has_aged_is_seen_through(scripted: Scripted) -> None:
    """Corrected by 7 s, while the exchange is 67 s ahead by now: 60 s are missing."""
    scripted.says(200, str(NOW + 7_000), "text/plain")
    door = transport(scripted)
    door.measure_clock(apply=True)
    scripted.answers.clear()
    scripted.says(400, EXPIRED)
    scripted.says(200, str(NOW + 67_000), "text/plain")
    with pytest.raises(ApiError, match="60 s behind"):
        door.send(OPERATIONS["get_balances"], {})


def test_a_time_that_cannot_be_asked_for_hides_nothing(scripted: Scripted) -> None:
    scripted.says(400, EXPIRED)
    scripted.says(200, "<html>", "text/html")
    with pytest.raises(ApiError, match="Request has expired"):
        transport(scripted).send(OPERATIONS["get_balances"], {})


def test_a_correction_is_applied_when_asked_for(scripted: Scripted) -> None:
    scripted.says(200, str(NOW + 31_000), "text/plain")
    scripted.says(200, str(NOW + 31_000), "text/plain")
    scripted.says(200, "{}")
    door = transport(scripted)
    assert door.measure_clock() == ClockReading(31_000 * MS, MS / 2)
    assert door.prepare(OPERATIONS["get_balances"], {}).headers["X-Timestamp"] == str(NOW)
    assert "corrected" in str(door.measure_clock(apply=True))
    door.send(OPERATIONS["get_balances"], {})
    assert scripted.requests[-1]["headers"]["x-timestamp"] == str(NOW + 31_000)


HOUR = 3_600_000


@pytest.mark.parametrize(
    "far, there",
    [
        (600_001, "2026-09-01 12:10:00 UTC"),
        (-600_001, "2026-09-01 11:49:59 UTC"),
        (365 * 24 * HOUR, "2027-09-01 12:00:00 UTC"),
        (-24 * HOUR, "2026-08-31 12:00:00 UTC"),
    ],
)
def test_a_correction_of_more_than_ten_minutes_is_refused(
    far: int, there: str, scripted: Scripted
) -> None:
    """A server that is wrong must not date the signatures; the correction of before is kept."""
    scripted.says(200, str(NOW + 7_000), "text/plain")
    scripted.says(200, str(NOW + far), "text/plain")
    door = transport(scripted)
    door.measure_clock(apply=True)
    with pytest.raises(GuardError) as caught:
        door.measure_clock(apply=True)
    (said,) = caught.value.args
    assert "This machine's clock says 2026-09-01 12:00:00 UTC" in said
    assert f"the exchange says {there}" in said and "nothing is applied" in said
    assert "set it right" in said and "the server's time is wrong" in said
    assert door.prepare(OPERATIONS["get_balances"], {}).headers["X-Timestamp"] == str(NOW + 7_000)
    found = door.measure_clock()  # without apply it only reports
    assert found == ClockReading(far * MS, MS / 2)
    assert "measure_clock" not in advice(found, "Linux")


@pytest.mark.parametrize("far", [600_000, -600_000])
def test_a_correction_of_ten_minutes_is_applied(far: int, scripted: Scripted) -> None:
    scripted.says(200, str(NOW + far), "text/plain")
    door = transport(scripted)
    found = door.measure_clock(apply=True)
    assert found.applied and "measure_clock(apply=True)" in advice(found, "Linux")
    assert door.prepare(OPERATIONS["get_balances"], {}).headers["X-Timestamp"] == str(NOW + far)


@pytest.mark.parametrize("apply", ["x", "", 1, 0, None])
def test_apply_is_a_bool(apply: Any, scripted: Scripted) -> None:
    with pytest.raises(InputError) as caught:
        Client(scripted.url).measure_clock(apply)
    assert (caught.value.field, caught.value.value) == ("apply", apply)
    assert scripted.requests == []


def test_a_correction_is_not_added_twice(scripted: Scripted) -> None:
    scripted.says(200, str(NOW - 7_000), "text/plain")
    door = transport(scripted)
    for _ in range(2):
        assert door.measure_clock(apply=True).offset == -7_000 * MS
    assert door.prepare(OPERATIONS["get_balances"], {}).headers["X-Timestamp"] == str(NOW - 7_000)


def test_a_lost_order_carries_the_corrected_time(scripted: Scripted) -> None:
    scripted.says(200, str(NOW + 31_000), "text/plain")
    scripted.cuts()
    door = transport(scripted)
    door.measure_clock(apply=True)
    with pytest.raises(TransportError) as caught:
        door.send(OPERATIONS["cancel_order"], {"symbol": "SOL_USDC", "orderId": "1"})
    assert caught.value.time == datetime(2026, 9, 1, 12, 0, 31, tzinfo=UTC)
    assert caught.value.window == 5000


@pytest.mark.parametrize(
    "said", ["soon", "1788264000000000000", "1788264000", "9" * 5000, "", "9" * 13, "0" * 13]
)
def test_an_answer_that_is_no_time(said: str, scripted: Scripted) -> None:
    scripted.says(200, said, "text/plain")
    with pytest.raises(TransportError, match="get_time: the answer .*is not a time in Unix"):
        transport(scripted).measure_clock()


@pytest.mark.parametrize(
    "said", ["1", "0", "-1788264000000", "17882640000000000", "{}", "[]", "9" * 13]
)
def test_a_time_that_is_none_is_not_answered(said: str, scripted: Scripted) -> None:
    scripted.says(200, said, "text/plain")
    with pytest.raises(TransportError, match="get_time: the answer .*is not a time in Unix"):
        Client(scripted.url).get_time()


def test_this_machine_and_its_sandbox_agree(bp: Client) -> None:
    before = time.monotonic()
    found = bp.measure_clock()
    asked = timedelta(seconds=time.monotonic() - before)
    assert abs(found.offset) <= asked + MS and found.uncertainty <= asked + MS
