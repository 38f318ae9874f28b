"""Answers are the documented JSON, know their DataFrame, and are shown as tables in notebooks."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Callable
from decimal import Decimal
from html.parser import HTMLParser
from typing import Any

import pandas as pd
import pytest
from IPython.core.formatters import DisplayFormatter

from bpkit import operations
from bpkit.errors import InputError
from bpkit.results import Answer, Number, Record, Rows, Text, read

KLINES = (
    '[{"close":"99.95","end":"2026-09-02 06:57:00","high":"99.95","low":"99.88","open":"99.88",'
    '"quoteVolume":"2790.2136","start":"2026-09-02 06:56:00","trades":"8","volume":"27.93"}]'
)
STATUS = '{"message":null,"status":"Ok"}'
DEPTH = '{"asks":[["20.9","522.15"]],"bids":[],"lastUpdateId":"7","timestamp":1785948116439400}'
ADDRESS = '{"address":"8mVX"}'
ORDER = '{"id":"5","symbol":"SOL_USDC","price":"0.10","quantity":"1","status":"New"}'
COLLATERAL = (
    '{"netEquity":"28.49145","marginFraction":null,"collateral":[{"symbol":"USDT",'
    '"totalQuantity":"30","collateralWeight":"0.95"}]}'
)


def answer(kind: str, text: str, status: int = 200) -> Answer:
    return read(kind, status, {"X-Total": "2"}, text.encode())


def shown(thing: object) -> dict[str, str]:
    """What a notebook would show at the end of a cell: MIME type -> text."""
    formatter = DisplayFormatter()
    formatter.active_types = ["text/plain", "text/html"]
    return formatter.format(thing)[0]


class Cells(HTMLParser):
    """The texts of a table's cells, as a browser reads them, and every tag that it meets."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.cells: list[str] = []
        self.tags: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag: str, attributes: object) -> None:
        self.tags.add(tag)
        if tag in ("th", "td"):
            self.cells.append("")

    def handle_data(self, data: str) -> None:
        if self.cells:
            self.cells[-1] += data


def words(made: dict[str, str]) -> list[str]:
    """The texts of the cells in HTML."""
    return [cell.strip() for cell in Cells(made["text/html"].split("<p>")[0]).cells]


# --- plain JSON -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind, text, sort, plain",
    [
        ("klines", KLINES, Rows, list),
        ("status", STATUS, Record, dict),
        ("depth", DEPTH, Record, dict),
        ("time", "1788285151083", Number, int),
    ],
)
def test_an_answer_is_its_json(kind: str, text: str, sort: type, plain: type) -> None:
    made = answer(kind, text)
    assert type(made) is sort and isinstance(made, plain)
    assert made == json.loads(text)
    assert json.loads(json.dumps(made)) == json.loads(text)
    assert (made.status, made.headers["X-Total"]) == (200, "2")


def test_a_plain_text() -> None:
    made = answer("text", "pong")
    assert type(made) is Text and made == "pong" and f"{made}!" == "pong!"
    assert json.dumps(made) == '"pong"'


def test_the_parts_of_an_answer_are_plain() -> None:
    rows = answer("klines", KLINES)
    assert type(rows[0]) is dict and rows[0]["close"] == "99.95"
    assert type(answer("depth", DEPTH)["asks"]) is list


def test_money_is_never_a_float() -> None:
    assert str(answer("deposit_address", '{"amount":0.1000}')["amount"]) == "0.1000"


@pytest.mark.parametrize("body", ["", " \n"])
@pytest.mark.parametrize("status", [200, 202, 204])
@pytest.mark.parametrize(
    "kind, plain",
    [
        ("order", {}), ("ticker", {}), ("empty", {}), ("withdrawal_delay", {}), ("orders", []),
        ("batch", []), ("strategies", []),
    ],
)  # fmt: skip
def test_empty_answers_are_false(kind: str, plain: object, status: int, body: str) -> None:
    made = answer(kind, body, status)
    assert made == plain and not made
    assert (made.status, len(made.df)) == (status, 0)
    shown(made)


@pytest.mark.parametrize(
    "kind, body",
    [
        ("order", '{"id": "1"'), ("order", "5"), ("status", "5"), ("order", "null"),
        ("orders", '"text"'), ("klines", "<html>"), ("time", ""),
        ("time", "soon"), ("country", "<html>"),
    ],
)  # fmt: skip
def test_a_body_that_is_not_the_expected_json_is_refused(kind: str, body: str) -> None:
    with pytest.raises(ValueError):
        answer(kind, body)


def test_an_undocumented_answer_may_be_a_text() -> None:
    made = answer("country", '"CH"')
    assert type(made) is Text and made == "CH"
    assert made.df["value"].tolist() == ["CH"]


# --- frames ---------------------------------------------------------------------------------------


def test_df_follows_the_kind() -> None:
    assert answer("klines", KLINES).df.index.name == "start"
    assert answer("order", "", 202).df.columns[0] == "id"
    assert answer("text", "pong").df.loc[0, "text"] == "pong"
    assert answer("time", "0").df.loc[0, "time"] == pd.Timestamp("1970-01-01", tz="UTC")


def test_an_exact_frame_has_decimals() -> None:
    rows = answer("orders", f"[{ORDER}]")
    assert rows.df.loc[0, "price"] == 0.1
    exact = rows.to_frame(exact=True)
    assert type(exact.loc[0, "price"]) is Decimal and str(exact.loc[0, "price"]) == "0.10"
    assert exact.loc[0, "triggerPrice"] is None
    assert list(exact.columns) == list(rows.df.columns)
    pd.testing.assert_frame_equal(rows.to_frame(), rows.df)


@pytest.mark.parametrize("kind, text", [("time", "5"), ("text", "pong"), ("order", ORDER)])
def test_every_answer_can_be_exact(kind: str, text: str) -> None:
    made = answer(kind, text)
    assert list(made.to_frame(exact=True).columns) == list(made.df.columns)


def test_each_df_is_a_new_frame() -> None:
    rows = answer("klines", KLINES)
    first = rows.df
    first["close"] = 0.0
    assert rows.df["close"].iloc[0] == 99.95


@pytest.mark.parametrize(
    "kind, text", [("klines", KLINES), ("depth", DEPTH), ("time", "5"), ("text", "pong")]
)
@pytest.mark.parametrize(
    "again",
    [copy.copy, copy.deepcopy]
    + [lambda it, p=p: pickle.loads(pickle.dumps(it, p)) for p in range(2, 6)],
)
def test_copies_keep_all(kind: str, text: str, again: object) -> None:
    made = answer(kind, text)
    second = again(made)
    assert type(second) is type(made) and second == made
    assert (second.kind, second.status, second.headers) == (kind, 200, {"X-Total": "2"})
    pd.testing.assert_frame_equal(second.df, made.df)


def test_the_table_of_operations_is_an_answer() -> None:
    made = operations()
    assert {"name", "method", "path", "mutates"} <= made[0].keys()
    assert made.df.loc["execute_order", ["method", "mutates"]].tolist() == ["POST", True]
    assert not made.df.loc["get_order", "mutates"]


# --- in a notebook --------------------------------------------------------------------------------


def test_rows_show_their_frame() -> None:
    rows = answer("klines", KLINES)
    made = shown(rows)
    assert made["text/html"] == rows.df._repr_html_()
    assert made["text/plain"] == str(rows.df)
    assert "99.95" in made["text/plain"] and "{" not in made["text/plain"]


def test_columns_without_a_value_are_counted_not_shown() -> None:
    second = ORDER.replace('"5"', '"6"').replace('"0.10"', "null")
    rows = answer("orders", f"[{ORDER},{second}]")
    made = shown(rows)
    # An order has 32 columns.
    assert made["text/plain"] == (
        "   id  symbol    status  price  quantity\n"
        "0  5   SOL_USDC  New       0.1       1.0\n"
        "1  6   SOL_USDC  New       NaN       1.0\n"
        "and 27 columns without a value"
    )
    filled = rows.df[["id", "symbol", "status", "price", "quantity"]]
    assert words(made) == words({"text/html": filled._repr_html_()})
    assert made["text/html"].endswith("</div><p>and 27 columns without a value</p>")
    assert rows.df.shape == (2, 32)


MARKS = (
    '[{"symbol":"SOL_USDC_PERP","markPrice":"170.5","fundingRate":"0.000012345",'
    '"nextFundingTimestamp":null},{"symbol":"X","markPrice":"1","fundingRate":"-0.0000001"},'
    '{"symbol":"Y","markPrice":"1","fundingRate":null}]'
)


def test_texts_are_on_the_left_and_numbers_on_the_right() -> None:
    fills = answer(
        "fills",
        '[{"symbol":"SOL_USDC","side":"Bid","price":"9.5","orderId":"7","tradeId":3},'
        '{"symbol":"X","side":"Ask","price":"170.25","orderId":null,"tradeId":44}]',
    )
    made = shown(fills)
    assert made["text/plain"] == (
        "   symbol    side   price  orderId  tradeId\n"
        "0  SOL_USDC  Bid     9.50  7              3\n"
        "1  X         Ask   170.25  NaN           44\n"
        "and 7 columns without a value"
    )
    left = ' style="text-align: left;"'
    assert (
        made["text/html"].split("<tbody>")[1].split("</tbody>")[0].split()
        == (
            f"<tr> <th>0</th> <td{left}>SOL_USDC</td> <td{left}>Bid</td> <td>9.50</td> "
            f"<td{left}>7</td> <td>3</td> </tr> "
            f"<tr> <th>1</th> <td{left}>X</td> <td{left}>Ask</td> <td>170.25</td> "
            f"<td{left}>NaN</td> <td>44</td> </tr>"
        ).split()
    )
    assert f"<th{left}>symbol</th>" in made["text/html"] and "<th>price</th>" in made["text/html"]
    assert fills.df.columns[1] == "symbol" and fills.df["symbol"].tolist() == ["SOL_USDC", "X"]


def test_a_wide_text_does_not_cut_a_short_one() -> None:
    made = shown(answer("fills", json.dumps([{"orderId": "7"}, {"orderId": "8" * 60}])))
    assert made["text/plain"].splitlines()[1:3] == ["0  7" + 48 * " ", "1  " + 46 * "8" + "..."]


def test_funding_rates_are_shown_with_all_their_digits() -> None:
    marks = answer("mark_prices", MARKS)
    made = shown(marks)
    assert made["text/plain"] == (
        "               markPrice   fundingRate\n"
        "symbol                                \n"
        "SOL_USDC_PERP      170.5   0.000012345\n"
        "X                    1.0  -0.000000100\n"
        "Y                    1.0           NaN\n"
        "and 2 columns without a value"
    )
    assert words(made)[-9:] == [
        "SOL_USDC_PERP", "170.5", "0.000012345", "X", "1.0", "-0.000000100", "Y", "1.0", "NaN"
    ]  # fmt: skip
    assert '<th style="text-align: left;">SOL_USDC_PERP</th>' in made["text/html"]
    assert marks.df["fundingRate"].tolist()[:2] == [0.000012345, -0.0000001]
    assert shown(answer("mark_prices", "[]"))["text/plain"].startswith("Empty DataFrame\n")


def test_an_undocumented_rate_is_shown_as_it_came() -> None:
    made = shown(answer("unknown", '[{"fundingRate":0.000012345},{"fundingRate":null}]'))
    assert made["text/plain"] == "   fundingRate\n0  0.000012345\n1         None"


def test_one_column_without_a_value() -> None:
    made = shown(answer("prediction_tags", '[{"slug":"sky","title":null}]'))
    assert made["text/plain"].splitlines()[-1] == "and 1 column without a value"
    assert "title" not in made["text/html"]


def test_zero_false_and_the_empty_text_are_values() -> None:
    made = shown(answer("deposits", '[{"fiatAmount":0,"platformMemo":""}]'))
    assert "fiatAmount" in made["text/html"] and "platformMemo" in made["text/html"]
    assert "createdAt" not in made["text/html"]
    flag = shown(answer("vaults", '[{"mintsEnabled":false}]'))
    assert "False" in flag["text/plain"] and "mintsEnabled" in flag["text/plain"]


@pytest.mark.parametrize("text", ["[]", "[{}]", '[{"id":null}]'])
def test_rows_without_any_value_show_all_columns(text: str) -> None:
    rows = answer("orders", text)
    made = shown(rows)
    assert words(made) == words({"text/html": rows.df._repr_html_()})
    assert made["text/plain"].split() == str(rows.df).split()


def test_an_index_is_shown_with_what_has_a_value() -> None:
    made = shown(answer("mark_prices", '[{"symbol":"X_PREDICTION","markPrice":"0.4"}]'))
    assert Cells(made["text/html"]).cells[0].strip() == ""
    assert "X_PREDICTION" in made["text/html"] and "fundingRate" not in made["text/html"]
    assert made["text/plain"].splitlines()[-1] == "and 3 columns without a value"


def test_collateral_shows_the_totals_and_then_the_assets() -> None:
    record = answer("collateral", COLLATERAL)
    made = shown(record)
    assert made["text/plain"] == (f"netEquity  28.49145\nand 1 field that is null\n\n{record.df}")
    assert made["text/html"].startswith(
        '<table class="dataframe"><tbody><tr><th style="text-align: left;">netEquity</th>'
        '<td style="text-align: left;">28.49145</td></tr></tbody></table>'
        "<p>and 1 field that is null</p><div>"
    )
    assets = {"text/html": made["text/html"].split("</p>")[1]}
    assert words(assets) == words({"text/html": record.df._repr_html_()})
    assert record["netEquity"] == "28.49145" and record.df.index.tolist() == ["USDT"]


def test_a_record_shows_field_and_value() -> None:
    made = shown(answer("account", '{"autoLend":false,"limitOrders":3,"spotMakerFee":"8"}'))
    assert Cells(made["text/html"]).cells == [
        "autoLend", "false", "limitOrders", "3", "spotMakerFee", "8"
    ]  # fmt: skip
    assert made["text/plain"].splitlines() == [
        "autoLend      false",
        "limitOrders   3",
        "spotMakerFee  8",
    ]


@pytest.mark.parametrize(
    "nulls, note",
    [(0, None), (1, "and 1 field that is null"), (12, "and 12 fields that are null")],
)
def test_nulls_are_counted_not_shown(nulls: int, note: str | None) -> None:
    fields = {"id": "5", "zero": 0, "off": False, "status": ""}
    fields |= {f"null{number}": None for number in range(nulls)}
    made = shown(answer("order", json.dumps(fields)))
    assert "null0" not in made["text/plain"] + made["text/html"]
    assert Cells(made["text/html"]).cells[::2] == ["id", "zero", "off", "status"]
    lines = made["text/plain"].splitlines()
    assert len(lines) == (4 if note is None else 5)
    if note is None:
        assert "null" not in made["text/plain"] + made["text/html"]
    else:
        assert lines[-1] == note
        assert made["text/html"].endswith(f"<p>{note}</p>")


def test_the_values_of_a_record_are_text_not_markup() -> None:
    evil = '<script>alert("1")</script> & <b>'
    made = shown(answer("deposit_address", json.dumps({"address": evil, f"name{evil}": "x"})))
    page = Cells(made["text/html"])
    assert page.tags == {"table", "tbody", "tr", "th", "td"}
    assert page.cells == ["address", evil, f"name{evil}", "x"]
    assert evil in made["text/plain"]


def test_the_values_of_rows_are_text_not_markup() -> None:
    page = Cells(shown(answer("tickers", '[{"symbol":"<script>x</script>"}]'))["text/html"])
    assert "script" not in page.tags and "<script>x</script>" in "".join(page.cells)


@pytest.mark.parametrize(
    "kind, text",
    [
        ("depth", DEPTH),
        ("balances", '{"SOL":{"available":"20","locked":"0","staked":"0"}}'),
        ("market", '{"symbol":"SOL_USDC","filters":{"price":{"tickSize":"0.01"}}}'),
        ("status", '{"message":null,"status":null}'),
        ("order", ""),
    ],
)
def test_a_record_that_is_nested_or_empty_shows_its_frame(kind: str, text: str) -> None:
    record = answer(kind, text)
    made = shown(record)
    assert words(made) == words({"text/html": record.df._repr_html_()})
    assert made["text/plain"].split() == str(record.df).split()


@pytest.mark.parametrize(
    "kind, text, plain", [("text", "pong", "'pong'"), ("time", "1788285151083", "1788285151083")]
)
def test_texts_and_numbers_have_no_table(kind: str, text: str, plain: str) -> None:
    assert shown(answer(kind, text)) == {"text/plain": plain}


@pytest.mark.parametrize(
    "kind, text",
    [
        ("klines", '[{"close":"twelve"}]'),  # ValueError
        ("trades", '["a text"]'),  # AttributeError
        ("depth", '{"asks":[["1"]],"bids":[]}'),  # ValueError
        ("balances", '{"SOL":["1"]}'),  # TypeError
    ],
)
def test_an_answer_whose_frame_fails_shows_as_text(kind: str, text: str) -> None:
    made = answer(kind, text)
    with pytest.raises((ValueError, AttributeError, TypeError)):
        made.to_frame()
    assert shown(made) == {"text/plain": repr(json.loads(text))}


def test_answers_inside_other_things_show_too() -> None:
    assert "99.95" in shown([answer("klines", KLINES)])["text/plain"]
    assert "8mVX" in shown({"to": answer("deposit_address", ADDRESS)})["text/plain"]


def test_without_html_tables_the_text_remains() -> None:
    with pd.option_context("display.notebook_repr_html", False):
        assert "text/html" not in shown(answer("orders", f"[{ORDER}]"))
        assert "99.95" in shown(answer("klines", KLINES))["text/plain"]
        assert "text/html" not in shown(answer("klines", KLINES))


def test_a_slice_and_a_sum_keep_their_frame() -> None:
    rows = operations()
    assert rows[:3].df.index.tolist() == [one["name"] for one in list(rows)[:3]]
    assert len((rows[:3] + rows[3:5]).df) == 5
    answered = answer("klines", KLINES, 203)
    for made in (answered[:1], answered + answered):
        assert (made.kind, made.status, made.headers) == ("klines", 203, {"X-Total": "2"})
    assert rows[1] == list(rows)[1]


TWO = '[{"symbol":"SOL_USDC","side":"Bid"},{"symbol":"BTC_USDC","side":"Ask"}]'


@pytest.mark.parametrize(
    "change, symbols",
    [
        (lambda rows: rows.copy(), ["SOL_USDC", "BTC_USDC"]),
        (lambda rows: rows[::-1], ["BTC_USDC", "SOL_USDC"]),
        (lambda rows: rows + list(rows[:1]), ["SOL_USDC", "BTC_USDC", "SOL_USDC"]),
        (lambda rows: list(rows[1:]) + rows, ["BTC_USDC", "SOL_USDC", "BTC_USDC"]),
        (lambda rows: rows.like(sorted(rows, key=lambda row: row["symbol"])),
         ["BTC_USDC", "SOL_USDC"]),
        (lambda rows: rows.like(row for row in rows if row["side"] == "Ask"), ["BTC_USDC"]),
        (lambda rows: rows.like([]), []),
    ],
)  # fmt: skip
def test_rows_of_an_answer_keep_its_frame(
    change: Callable[[Rows], Rows], symbols: list[str]
) -> None:
    rows = answer("orders", TWO, 203)
    assert isinstance(rows, Rows)
    made = change(rows)
    assert type(made) is Rows and made is not rows
    assert (made.kind, made.status, made.headers) == ("orders", 203, {"X-Total": "2"})
    assert made.df["symbol"].tolist() == symbols
    assert list(made.df.columns) == list(rows.df.columns)
    assert [row["symbol"] for row in rows] == ["SOL_USDC", "BTC_USDC"]


@pytest.mark.parametrize("value", [5, None, "Bid", {"symbol": "SOL_USDC"}])
def test_only_rows_become_rows(value: Any) -> None:
    rows = answer("orders", TWO)
    assert isinstance(rows, Rows)
    with pytest.raises(InputError) as caught:
        rows.like(value)
    assert caught.value.args[0] == (
        f"rows={value!r}: is not a list of rows; for one row write rows.like([row])"
    )


def test_an_empty_record_has_no_field() -> None:
    empty: Any = answer("empty", "")
    with pytest.raises(KeyError) as caught:
        empty["status"]
    assert str(caught.value) == "'status': This answer has nothing"


def test_a_copy_of_a_record_keeps_its_frame() -> None:
    record = answer("order", ORDER, 203)
    assert isinstance(record, Record)
    made = record.copy()
    made["price"] = "7"
    assert type(made) is Record and record["price"] == "0.10"
    assert (made.kind, made.status, made.df.loc[0, "price"]) == ("order", 203, 7.0)


# --- a field that is read as an attribute ---------------------------------------------------------


@pytest.mark.parametrize(("kind", "text", "name", "said"), [
    ("order", ORDER, "price", "has no .price; a field is read in brackets: answer['price']"),
    ("order", ORDER, "Quantitty", "a field is read in brackets: answer['quantity']"),
    ("klines", KLINES, "close", "write answer[0]['close'], or answer.df['close']"),
    ("order", ORDER, "zebra", "an answer has no .zebra"),
    ("klines", "[]", "close", "an answer has no .close"),
    ("text", "pong", "close", "an answer has no .close"),
])  # fmt: skip
def test_an_attribute_that_is_a_field(kind: str, text: str, name: str, said: str) -> None:
    with pytest.raises(AttributeError) as caught:
        getattr(answer(kind, text), name)
    assert str(caught.value).endswith(said)


def test_the_error_of_a_property_is_its_own() -> None:
    class Odd(Record):
        @property
        def worth(self) -> str:
            raise AttributeError("the property's own")

    with pytest.raises(AttributeError, match="the property's own"):
        Odd().worth  # noqa: B018
    assert not hasattr(answer("klines", "[]"), "_repr_mimebundle_")
