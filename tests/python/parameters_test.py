"""Every Python value goes in and comes back as itself, or is refused by name."""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import math
import uuid
import zoneinfo
from typing import Any

import numpy
import pandas
import pyarrow
import pyralog
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

UTC = dt.UTC
D = decimal.Decimal


class Colour(enum.Enum):
    RED = "red"


class Size(enum.IntEnum):
    LARGE = 3


@pytest.fixture(scope="module")
def shared() -> pyralog.Connection:
    return pyralog.connect()


VALUES: list[tuple[Any, str]] = [
    (None, '"NULL"'),
    (True, "BOOLEAN"),
    (False, "BOOLEAN"),
    (0, "BIGINT"),
    (-(2**63), "BIGINT"),
    (2**63 - 1, "BIGINT"),
    (2**63, "UBIGINT"),
    (2**64 - 1, "UBIGINT"),
    (2**64, "HUGEINT"),
    (-(2**63) - 1, "HUGEINT"),
    (10**38 - 1, "HUGEINT"),
    (1.5, "DOUBLE"),
    (-0.0, "DOUBLE"),
    (math.inf, "DOUBLE"),
    (D("1.50"), "DECIMAL(3,2)"),
    (D("-0.001"), "DECIMAL(3,3)"),
    (D("1E+5"), "DECIMAL(6,0)"),
    (D("0"), "DECIMAL(1,0)"),
    (D("12345678901234567890123456789012345.678"), "DECIMAL(38,3)"),
    ("", "VARCHAR"),
    ("naïve 😀 \0 end", "VARCHAR"),
    (b"", "BLOB"),
    (bytes(range(256)), "BLOB"),
    (dt.date(1, 1, 1), "DATE"),
    (dt.date(9999, 12, 31), "DATE"),
    (dt.time(23, 59, 59, 999999), "TIME"),
    (dt.datetime(1, 1, 1), "TIMESTAMP"),
    (dt.datetime(9999, 12, 31, 23, 59, 59, 999999), "TIMESTAMP"),
    (dt.datetime(1969, 12, 31, 23, 59, 59, 999999), "TIMESTAMP"),
    (dt.datetime(2024, 2, 29, 12, tzinfo=UTC), "TIMESTAMP WITH TIME ZONE"),
    (dt.timedelta(0), "INTERVAL"),
    (dt.timedelta(days=-3, seconds=5, microseconds=7), "INTERVAL"),
    (pyralog.Interval(14, 3, 5000), "INTERVAL"),
    (uuid.UUID("12345678-1234-5678-1234-567812345678"), "UUID"),
    (uuid.UUID(int=0), "UUID"),
    (uuid.UUID(int=2**128 - 1), "UUID"),
    ([], '"NULL"[]'),
    ([1, 2, None], "BIGINT[]"),
    ([[1], [], None, [2, 3]], "BIGINT[][]"),
    (["a", None], "VARCHAR[]"),
    ([D("1.5"), D("10.25")], "DECIMAL(4,2)[]"),
    ([dt.date(2024, 1, 1)], "DATE[]"),
    ([uuid.UUID(int=7), None], "UUID[]"),
    ([2**64, 2**65], "HUGEINT[]"),
    ({"a": 1, "b": [True], "c": {"d": None, "e": "x"}}, 'STRUCT(a BIGINT, b BOOLEAN[], c STRUCT(d "NULL", e VARCHAR))'),
    ([{"a": 1}, {"a": None}], "STRUCT(a BIGINT)[]"),
]


@pytest.mark.parametrize(("value", "kind"), VALUES, ids=[f"{kind}-{i}" for i, (_, kind) in enumerate(VALUES)])
def test_values_come_back_as_themselves(shared: pyralog.Connection, value: Any, kind: str) -> None:
    ((back, found),) = shared.execute("SELECT $1, typeof($1)", [value]).fetchall()
    assert found == kind
    if kind.startswith("UUID"):
        assert str(back) == str(value) or back == [None if one is None else str(one) for one in value]
        return
    assert back == value
    if not isinstance(value, pyralog.Interval):
        assert type(back) is type(value)
    if isinstance(value, float):
        assert math.copysign(1, back) == math.copysign(1, value)


def test_nan_comes_back(shared: pyralog.Connection) -> None:
    ((back,),) = shared.execute("SELECT ?", [math.nan]).fetchall()
    assert math.isnan(back)


def test_decimals_keep_their_scale(shared: pyralog.Connection) -> None:
    ((back,),) = shared.execute("SELECT ?", [D("1.50")]).fetchall()
    assert str(back) == "1.50"


OTHER: list[tuple[Any, Any]] = [
    (bytearray(b"ab"), b"ab"),
    (memoryview(b"ab"), b"ab"),
    ((1, 2), [1, 2]),
    ([1, 2.5], [1.0, 2.5]),
    (Colour.RED, "red"),
    (Size.LARGE, 3),
    (numpy.bool_(True), True),
    (numpy.int8(-5), -5),
    (numpy.uint64(2**64 - 1), 2**64 - 1),
    (numpy.float32(1.5), 1.5),
    (numpy.float16(0.5), 0.5),
    (numpy.float64(0.1), 0.1),
    (numpy.str_("x"), "x"),
    (numpy.datetime64("2024-01-01"), dt.date(2024, 1, 1)),
    (numpy.datetime64("2024-01-01T01:02:03"), dt.datetime(2024, 1, 1, 1, 2, 3)),
    (numpy.datetime64("NaT"), None),
    (numpy.timedelta64(5, "ms"), dt.timedelta(milliseconds=5)),
    (numpy.array([1.5, 2.5], dtype="float32"), [1.5, 2.5]),
    (numpy.arange(6, dtype="int16").reshape(2, 3), [[0, 1, 2], [3, 4, 5]]),
    (numpy.arange(6)[::2], [0, 2, 4]),
    (numpy.array([True, False]), [True, False]),
    (numpy.array(["a", "b"]), ["a", "b"]),
    (numpy.empty((0, 3)), []),
    (pandas.NaT, None),
    (pandas.NA, None),
    (pandas.Timestamp("2024-01-01 10:00"), dt.datetime(2024, 1, 1, 10)),
    (pandas.Timedelta("1 day"), dt.timedelta(days=1)),
    (pyarrow.scalar(5, pyarrow.int8()), 5),
    (
        dt.datetime(2024, 7, 1, 12, tzinfo=zoneinfo.ZoneInfo("Europe/Berlin")),
        dt.datetime(2024, 7, 1, 10, tzinfo=UTC),
    ),
    (
        dt.datetime(1, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=-5))),
        dt.datetime(1, 1, 1, 5, tzinfo=UTC),
    ),
]


@pytest.mark.parametrize(
    ("value", "expected"), OTHER, ids=[f"{type(value).__name__}-{i}" for i, (value, _) in enumerate(OTHER)]
)
def test_values_of_other_types(shared: pyralog.Connection, value: Any, expected: Any) -> None:
    ((back,),) = shared.execute("SELECT ?", [value]).fetchall()
    assert back == expected


REFUSED: list[tuple[Any, str]] = [
    (2**127, "HUGEINT"),
    (D("NaN"), "not finite"),
    (D("1E+38"), "39 digits"),
    (dt.time(1, tzinfo=UTC), "a time with a zone"),
    ("\ud800", "lone surrogate"),
    (object(), "a parameter of type object is not supported"),
    (1j, "complex"),
    ({1, 2}, "set"),
    ({1: 2}, "keys are text"),
    ({}, "empty dict"),
    ([1, "a"], "both int64 and string"),
    ([2**53 + 1, 0.5], "which no float holds exactly"),
    ([{"a": 1}, {"b": 1}], "different keys"),
    (numpy.datetime64("2024-01-01T00:00:00.123456789"), ""),
    (numpy.complex64(1), "numpy.complex64"),
    (pandas.Timedelta("1ns"), "nanoseconds"),
    (pyralog.Interval(0, 0, 1), "below a microsecond"),
]


@pytest.mark.parametrize(
    ("value", "words"), REFUSED, ids=[f"{type(value).__name__}-{i}" for i, (value, _) in enumerate(REFUSED)]
)
def test_what_has_no_counterpart_is_refused(shared: pyralog.Connection, value: Any, words: str) -> None:
    if not words:
        ((back,),) = shared.execute("SELECT ?::VARCHAR", [value]).fetchall()
        assert back == "2024-01-01 00:00:00.123456789"
        return
    with pytest.raises(pyralog.Error, match=words) as caught:
        shared.execute("SELECT ?", [value]).fetchall()
    assert caught.value.code in ("INVALID_ARGUMENT", "NOT_SUPPORTED")


def test_the_parameter_is_named(shared: pyralog.Connection) -> None:
    with pytest.raises(pyralog.ProgrammingError, match=r"parameter \$2: a parameter of type object"):
        shared.execute("SELECT ?, ?", [1, object()])
    with pytest.raises(pyralog.ProgrammingError, match=r"parameter \$x: a parameter of type object"):
        shared.execute("SELECT $x", {"x": object()})


def test_by_position_and_by_name(shared: pyralog.Connection) -> None:
    assert shared.execute("SELECT ?, ?", (1, 2)).fetchall() == [(1, 2)]
    assert shared.execute("SELECT $2, $1, $2", [1, 2]).fetchall() == [(2, 1, 2)]
    assert shared.execute("SELECT $low + $High, $low", {"high": 2, "low": 1}).fetchall() == [(3, 1)]


@pytest.mark.parametrize(
    ("sql", "parameters", "words"),
    [
        ("SELECT ?", [], "takes 1 parameters, 0 were given"),
        ("SELECT ?", [1, 2], "takes 1 parameters, 2 were given"),
        ("SELECT 1", [1], "takes 0 parameters, 1 were given"),
        ("SELECT $a", {"b": 1}, r"no value for parameter \$a"),
        ("SELECT $a", {"a": 1, "b": 1}, r"has no parameter \$b"),
        ("SELECT $a", [1], r"by name, as \$a: give a dict"),
        ("SELECT ?", {"a": 1}, "by position: give a list"),
        ("SELECT ?", "x", "a list, a tuple or a dict, not str"),
        ("SELECT ?", 5, "a list, a tuple or a dict, not int"),
        ("SELECT $a", {1: 1}, "names of parameters are text, not int"),
        ("SELECT 1; SELECT ?", [1], "one statement"),
    ],
)
def test_parameters_that_do_not_fit(shared: pyralog.Connection, sql: str, parameters: Any, words: str) -> None:
    with pytest.raises(pyralog.ProgrammingError, match=words):
        shared.execute(sql, parameters)


def test_a_statement_is_text(shared: pyralog.Connection) -> None:
    with pytest.raises(pyralog.ProgrammingError, match="a statement is a str, not bytes"):
        shared.execute(b"SELECT 1")  # type: ignore[arg-type]


PLAIN = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**126), 2**126),
    st.floats(allow_nan=False),
    st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**20), max_value=10**20),
    st.text(st.characters(exclude_categories=["Cs"])),
    st.binary(),
    st.dates(),
    st.times(),
    st.datetimes(),
    st.datetimes(timezones=st.just(UTC)),
    st.timedeltas(),
)


@settings(max_examples=300, deadline=None)
@given(value=PLAIN)
def test_any_value_comes_back(shared: pyralog.Connection, value: Any) -> None:
    ((back, listed),) = shared.execute("SELECT $1, $2", [value, [value, None]]).fetchall()
    assert back == value
    assert listed == [value, None]


@settings(max_examples=50, deadline=None)
@given(values=st.lists(st.one_of(st.none(), st.integers(-(2**62), 2**62)), max_size=50))
def test_any_list_comes_back(shared: pyralog.Connection, values: list[int | None]) -> None:
    assert shared.execute("SELECT ?", [values]).fetchall() == [(values,)]
    assert shared.execute("SELECT ?", [{"deep": [values, None]}]).fetchall() == [({"deep": [values, None]},)]


def test_repeated_statements_follow_the_schema(shared: pyralog.Connection) -> None:
    con = shared.duplicate()
    con.execute("CREATE SCHEMA one; CREATE SCHEMA two; CREATE TABLE one.t (a INTEGER); CREATE TABLE two.t (a VARCHAR)")
    con.execute("INSERT INTO one.t VALUES (1); INSERT INTO two.t VALUES ('b')")
    found = []
    for schema in ("one", "two", "one"):
        con.execute(f"USE {schema}")
        found += con.execute("SELECT a, $1 FROM t", [schema]).fetchall()
    assert found == [(1, "one"), ("b", "two"), (1, "one")]
    con.close()


VALUES_IN_SQL: list[tuple[str, Any]] = [
    ("170141183460469231731687303715884105727::HUGEINT // 10", 2**127 // 10),
    ("sum(i) FROM range(10) t(i)", 45),
    ("1.5::FLOAT", 1.5),
    ("'2024-01-01 00:00:00+02'::TIMESTAMPTZ", dt.datetime(2023, 12, 31, 22, tzinfo=UTC)),
    ("INTERVAL '14 months 3 days'", pyralog.Interval(14, 3, 0)),
    ("TIMESTAMP '2024-01-02' - TIMESTAMP '2024-01-01'", dt.timedelta(days=1)),
    ("MAP {'a': 1, 'b': 2}", {"a": 1, "b": 2}),
    ("MAP {[1]: 2}", [([1], 2)]),
    ("[1, 2]::INTEGER[2]", [1, 2]),
    ("{'a': [{'b': 1}]}", {"a": [{"b": 1}]}),
    ("'x'::ENUM('x', 'y')", "x"),
    ("union_value(n := 2)", 2),
    ("TIMESTAMP_S '2024-01-01 10:00:00'", dt.datetime(2024, 1, 1, 10)),
    ("'{\"a\": 1}'::JSON", '{"a": 1}'),
]


@pytest.mark.parametrize(("sql", "expected"), VALUES_IN_SQL)
def test_values_of_sql(shared: pyralog.Connection, sql: str, expected: Any) -> None:
    assert shared.execute(f"SELECT {sql}").fetchall() == [(expected,)]


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("DATE '10000-01-01'", "years 1 to 9999"),
        ("'-infinity'::TIMESTAMP", "years 1 to 9999"),
        ("TIME '24:00:00'", "24:00:00"),
        ("TIMESTAMP_NS '2024-01-01 00:00:00.123456789'", "nanoseconds"),
    ],
)
def test_values_that_python_cannot_hold(shared: pyralog.Connection, sql: str, words: str) -> None:
    with pytest.raises(pyralog.DataError, match=words):
        shared.execute(f"SELECT {sql}").fetchall()
    assert shared.execute(f"SELECT ({sql})::VARCHAR").fetchone() is not None
    assert shared.execute(f"SELECT {sql} AS x").to_arrow().num_rows == 1
