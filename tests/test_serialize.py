"""One spelling, both signed and sent."""

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum
from urllib.parse import parse_qsl

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpkit import InputError, serialize
from bpkit.parameters import AMOUNT, BOOLEAN, PARAMETERS, SECONDS, TEXT, U32, Parameter

NOON = 1_788_264_000  # 2026-09-01T12:00:00Z, by `date -ud 2026-09-01T12:00 +%s`


class Market(str, Enum):  # noqa: UP042
    """Text, as some programs write their constants."""

    SOL = "SOL_USDC"


@pytest.mark.parametrize(
    "value, signed, sent",
    [
        ("170.50", "170.50", b'"170.50"'),
        (Decimal("170.50"), "170.50", b'"170.50"'),
        (Decimal("1E-8"), "0.00000001", b'"0.00000001"'),
        (Decimal("1E+3"), "1000", b'"1000"'),
        (True, "true", b"true"),
        (False, "false", b"false"),
        (0, "0", b"0"),
        (4294967295, "4294967295", b"4294967295"),
        (np.int64(7), "7", b"7"),
        (np.uint8(7), "7", b"7"),
        (np.array(7), "7", b"7"),
        (np.bool_(True), "true", b"true"),
        (np.bool_(False), "false", b"false"),
        (np.str_("0.10"), "0.10", b'"0.10"'),
        (Market.SOL, "SOL_USDC", b'"SOL_USDC"'),  # str() and f"{}" would write Market.SOL
        ("naïve-测试", "naïve-测试", '"naïve-测试"'.encode()),
    ],
)
def test_a_value_is_spelled_once(value: object, signed: str, sent: bytes) -> None:
    fields = serialize.fields({"x": value})
    assert list(serialize.pairs(fields)) == [("x", signed)]
    assert serialize.body(fields) == b'{"x":' + sent + b"}"


def test_none_is_left_out_and_false_and_zero_stay() -> None:
    assert serialize.fields({"a": None, "b": False, "c": 0, "d": ""}) == {
        "b": False,
        "c": 0,
        "d": "",
    }


@pytest.mark.parametrize(
    "value, remedy",
    [
        (170.5, '"170.5"'),
        (1e-05, '"0.00001"'),
        (float("nan"), '"170.50"'),
        (float("inf"), '"170.50"'),
        (float("-inf"), '"170.50"'),
        (np.float64(0.1), '"0.1"'),
        (np.float32(0.1), '"0.1"'),
        (np.float16(0.5), '"0.5"'),
        (np.longdouble("0.25"), '"0.25"'),
    ],
)
def test_a_float_is_refused_with_what_to_write(value: float, remedy: str) -> None:
    with pytest.raises(InputError, match="is a float") as caught:
        serialize.fields({"price": value})
    assert caught.value.field == "price"
    assert caught.value.remedy.endswith(remedy)


@pytest.mark.parametrize("value", [Decimal("NaN"), Decimal("Infinity"), {1, 2}, b"1", object()])
def test_what_has_no_spelling_is_refused(value: object) -> None:
    with pytest.raises(InputError, match="quantity="):
        serialize.fields({"quantity": value})


MANY = [np.array([5]), np.array(["5"]), pd.Series(["5"]), pd.Index([5]), pd.DataFrame({"a": [5]})]
ODD = [np.timedelta64(5, "s"), pd.Timedelta("5s"), np.datetime64("2026-09-01"), pd.NaT, pd.NA,
       np.bytes_(b"5"), np.complex128(5j), *MANY]  # fmt: skip
SPELLED: dict[str, tuple[Parameter, object, list[object], list[object]]] = {
    # a parameter; what is sent; values that mean it; others, each of which is refused
    "a flag": (Parameter(BOOLEAN), True, [True, np.True_], [1, np.int64(1), np.float64(1), "True"]),
    "a whole number": (
        Parameter(U32), 5, [5, np.int64(5), np.uint8(5), np.array(5)],
        [True, np.True_, 5.0, np.float64(5), np.float32(5), "5", np.str_("5"), Decimal(5)],
    ),
    "an amount": (
        Parameter(AMOUNT), "5", ["5", np.str_("5"), 5, np.int64(5), Decimal(5)],
        [True, np.True_, 5.0, np.float64(5), np.float32(5)],
    ),
    "a choice": (
        PARAMETERS["get_depth"]["limit"], 5, [5, np.int64(5), np.int8(5), Decimal(5)],
        [True, np.True_, "5", np.str_("5"), 7],
    ),
    "a text": (Parameter(TEXT), "5", ["5", np.str_("5")], [5, np.int64(5), True, np.True_, 5.0]),
    "a time": (
        Parameter(SECONDS), NOON,
        [NOON, np.int64(NOON), pd.Timestamp(NOON, unit="s", tz="UTC"), "2026-09-01T12:00Z",
         np.str_("2026-09-01T12:00Z")],
        [float(NOON), np.float64(NOON), True, np.True_, pd.Timestamp(NOON, unit="s"),
         np.datetime64(NOON, "s"), np.timedelta64(NOON, "s"), Decimal(NOON)],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SPELLED)
def test_a_scalar_of_numpy_is_taken_like_pythons_own(name: str) -> None:
    parameter, sent, same, others = SPELLED[name]
    for value in same:
        made = serialize.convert(parameter, "x", value)
        assert made == sent and type(made) is type(sent), repr(value)
    for value in [*others, *ODD]:
        with pytest.raises(InputError) as caught:
            serialize.convert(parameter, "x", value)
        assert caught.value.field == "x"


@pytest.mark.parametrize("value", MANY)
def test_a_column_in_place_of_a_value_is_refused_with_what_to_write(value: object) -> None:
    with pytest.raises(InputError, match="holds many values; pass one, or a list: .*values"):
        serialize.convert(Parameter(TEXT, many=True), "x", value)
    with pytest.raises(InputError, match="holds many values"):
        serialize.fields({"x": value})


def test_an_id_from_a_frame_is_text_and_the_refusal_says_how_to_pass_it() -> None:
    with pytest.raises(InputError, match=r'; pass int\("51"\)'):
        serialize.convert(Parameter(U32), "client_id", "51")


def test_an_object_is_signed_as_compact_sorted_json_and_sent_as_an_object() -> None:
    inner = {"z": Decimal("1E+1"), "a": True, "none": None, "m": {"y": 0, "x": "é"}}
    fields = serialize.fields({"recipientInformation": inner, "address": "a"})
    signed = '{"a":true,"m":{"x":"é","y":0},"z":"10"}'
    assert list(serialize.pairs(fields)) == [("address", "a"), ("recipientInformation", signed)]
    sent = '{"recipientInformation":{"z":"10","a":true,"m":{"y":0,"x":"é"}},"address":"a"}'
    assert serialize.body(fields) == sent.encode()


@pytest.mark.parametrize(
    "inner, field",
    [
        ({"a": 0.1}, "outer.a"),
        ({"a": {"b": [0.1]}}, "outer.a.b"),
        ({"a": Decimal("NaN")}, "outer.a"),
        ({5: "a"}, "outer.5"),
    ],
)
def test_a_fault_inside_an_object_is_named_by_its_place(inner: object, field: str) -> None:
    with pytest.raises(InputError) as caught:
        serialize.fields({"outer": inner})
    assert caught.value.field == field


def test_query_is_sorted_and_percent_encoded() -> None:
    fields = serialize.fields({"symbol": "SOL_USDC", "clientId": "a+b&c=d/é"})
    assert serialize.query(fields) == "clientId=a%2Bb%26c%3Dd%2F%C3%A9&symbol=SOL_USDC"


def test_a_list_repeats_its_name() -> None:
    fields = serialize.fields({"marketType": ["PERP", "SPOT"]})
    assert serialize.query(fields) == "marketType=PERP&marketType=SPOT"


@given(st.dictionaries(st.text(min_size=1), st.text() | st.integers() | st.booleans()))
def test_what_arrives_in_the_query_is_what_was_signed(params: dict[str, object]) -> None:
    fields = serialize.fields(params)
    if any(
        0xD800 <= ord(c) < 0xE000 for text in map(str, [*params, *params.values()]) for c in text
    ):
        return  # lone surrogates have no UTF-8
    assert parse_qsl(serialize.query(fields), keep_blank_values=True) == list(
        serialize.pairs(fields)
    )


def seconds(field: str, when: object) -> object:
    """As start_time of get_klines is converted."""
    return serialize.convert(Parameter(SECONDS), field, when)


@pytest.mark.parametrize(
    "when",
    [
        datetime(2026, 9, 1, 12, tzinfo=UTC),
        datetime(2026, 9, 1, 14, tzinfo=timezone(timedelta(hours=2))),
        pd.Timestamp("2026-09-01 12:00", tz="UTC"),
        pd.Timestamp("2026-09-01 08:00", tz="America/New_York"),
        "2026-09-01T12:00Z",
        "2026-09-01 14:00:00+02:00",
    ],
)
def test_a_moment_in_the_unit_of_its_endpoint(when: datetime | str) -> None:
    assert seconds("start_time", when) == NOON
    assert serialize.milliseconds("from_", when) == NOON * 1000


def test_whole_numbers_of_the_right_unit_pass_and_of_the_wrong_one_do_not() -> None:
    assert seconds("start_time", NOON) == NOON
    assert serialize.milliseconds("from_", NOON * 1000) == NOON * 1000
    with pytest.raises(InputError, match="whole Unix seconds"):
        seconds("start_time", NOON * 1000)
    with pytest.raises(InputError, match="whole Unix milliseconds"):
        serialize.milliseconds("from_", NOON)


def test_a_unix_time_is_of_1973_or_later() -> None:
    """100,000,000 s after 1970: 1973-03-03T09:46:40Z, by `date -ud @100000000`."""
    assert seconds("start_time", 100_000_000) == 100_000_000
    assert serialize.milliseconds("from_", 100_000_000_000) == 100_000_000_000
    with pytest.raises(InputError, match="since 1973"):
        seconds("start_time", 99_999_999)
    with pytest.raises(InputError, match="since 1973"):
        serialize.milliseconds("from_", 99_999_999_999)


def test_a_fraction_of_a_second_is_not_rounded_up() -> None:
    late = datetime(2026, 9, 1, 12, 0, 0, 999_999, tzinfo=UTC)
    assert seconds("start_time", late) == NOON
    assert serialize.milliseconds("from_", late) == NOON * 1000 + 999


@pytest.mark.parametrize(
    "when, remedy",
    [
        (datetime(2026, 9, 1, 12), "say which: datetime"),
        ("2026-09-01", "has no time zone"),
        ("2026-09-01T12:00", "has no time zone"),
        ("yesterday", "is not an ISO time"),
        (date(2026, 9, 1), "is not a time"),
        (1788264000.5, "is not a time"),
        (True, "is not a time"),
    ],
)
def test_a_time_that_could_mean_several_is_refused(when: object, remedy: str) -> None:
    with pytest.raises(InputError, match=remedy) as caught:
        seconds("start_time", when)
    assert caught.value.field == "start_time"
