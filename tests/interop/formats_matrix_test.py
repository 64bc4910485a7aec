"""What Pyralog writes, pyarrow, DuckDB and Polars read equal, and the other way round: SQL types, nulls, no rows."""

from __future__ import annotations

import datetime as dt
import decimal
import json
import math
import os
import subprocess
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import polars
import pyarrow as pa
import pyarrow.csv
import pyarrow.feather
import pyarrow.parquet as pq
import pytest

D = decimal.Decimal
UTC = dt.UTC

# SQL type: two values as SQL text and as Python has them.
TYPES: dict[str, tuple[list[str], list[Any]]] = {
    "BOOLEAN": (["true", "false"], [True, False]),
    "TINYINT": (["-128", "127"], [-128, 127]),
    "SMALLINT": (["-32768", "32767"], [-32768, 32767]),
    "INTEGER": (["-2147483648", "2147483647"], [-(2**31), 2**31 - 1]),
    "BIGINT": (["-9223372036854775808", "9223372036854775807"], [-(2**63), 2**63 - 1]),
    "UTINYINT": (["0", "255"], [0, 255]),
    "USMALLINT": (["0", "65535"], [0, 65535]),
    "UINTEGER": (["0", "4294967295"], [0, 2**32 - 1]),
    "UBIGINT": (["0", "18446744073709551615"], [0, 2**64 - 1]),
    "HUGEINT": (["-12345678901234567890123", "1"], [D("-12345678901234567890123"), D(1)]),
    "FLOAT": (["0.5", "'-inf'"], [0.5, -math.inf]),
    "DOUBLE": (["0.1", "1e300"], [0.1, 1e300]),
    "DECIMAL(4,1)": (["-999.9", "0.1"], [D("-999.9"), D("0.1")]),
    "DECIMAL(18,6)": (["123456789012.654321", "-0.000001"], [D("123456789012.654321"), D("-0.000001")]),
    "DECIMAL(38,10)": (
        ["1234567890123456789012345678.0123456789", "0"],
        [D("1234567890123456789012345678.0123456789"), D(0)],
    ),
    "VARCHAR": (["'äöü 🎈 \"q\", ;'", "'x'"], ['äöü 🎈 "q", ;', "x"]),
    "BLOB": (["'\\x00\\xFF'", "'abc'"], [b"\x00\xff", b"abc"]),
    "DATE": (["'2024-02-29'", "'1900-01-01'"], [dt.date(2024, 2, 29), dt.date(1900, 1, 1)]),
    "TIME": (["'23:59:59.999999'", "'00:00:00'"], [dt.time(23, 59, 59, 999999), dt.time()]),
    "TIMESTAMP": (
        ["'2024-02-29 12:34:56.789012'", "'1969-12-31 23:59:59'"],
        [dt.datetime(2024, 2, 29, 12, 34, 56, 789012), dt.datetime(1969, 12, 31, 23, 59, 59)],
    ),
    "TIMESTAMPTZ": (
        ["'2024-07-01 12:00:00+02'", "'2024-01-01 00:00:00Z'"],
        [dt.datetime(2024, 7, 1, 10, tzinfo=UTC), dt.datetime(2024, 1, 1, tzinfo=UTC)],
    ),
    "TIMESTAMP_S": (
        ["'2024-02-29 12:34:56'", "'1969-12-31 23:59:59'"],
        [dt.datetime(2024, 2, 29, 12, 34, 56), dt.datetime(1969, 12, 31, 23, 59, 59)],
    ),
    "TIMESTAMP_MS": (
        ["'2024-02-29 12:34:56.789'", "'1969-12-31 23:59:59.999'"],
        [dt.datetime(2024, 2, 29, 12, 34, 56, 789000), dt.datetime(1969, 12, 31, 23, 59, 59, 999000)],
    ),
    "TIMESTAMP_NS": (
        ["'2024-02-29 12:34:56.789012345'", "'1969-12-31 23:59:59.999999999'"],
        [1709210096789012345, -1],
    ),
    "TIME_NS": (["'23:59:59.999999999'", "'00:00:00.000000001'"], [86399999999999, 1]),
    "TIMETZ": (["'12:34:56.789012+05:30'", "'00:00:00-15:59'"], ["12:34:56.789012+05:30", "00:00:00-15:59"]),
    "INTERVAL": (
        ["INTERVAL '14 months -3 days 4.000005 seconds'", "INTERVAL '0 days'"],
        [pa.MonthDayNano([14, -3, 4_000_005_000]), pa.MonthDayNano([0, 0, 0])],
    ),
    "BIT": (["'0101'", "'1'"], ["0101", "1"]),
    "ENUM('low', 'high')": (["'high'", "'low'"], ["high", "low"]),
    "UUID": (
        ["'01234567-89ab-cdef-0123-456789abcdef'", "'ffffffff-ffff-ffff-ffff-ffffffffffff'"],
        [uuid.UUID("01234567-89ab-cdef-0123-456789abcdef"), uuid.UUID(int=2**128 - 1)],
    ),
    "INTEGER[]": (["[1, NULL, 3]", "[]"], [[1, None, 3], []]),
    "INTEGER[2]": (["[1, 2]", "[3, 4]"], [[1, 2], [3, 4]]),
    "STRUCT(a INTEGER, b VARCHAR[])": (
        ["{'a': 1, 'b': ['x', NULL]}", "{'a': NULL, 'b': []}"],
        [{"a": 1, "b": ["x", None]}, {"a": None, "b": []}],
    ),
    "MAP(VARCHAR, INTEGER)": (["MAP {'k': 1, 'l': 2}", "MAP {}"], [{"k": 1, "l": 2}, {}]),
}


def plain(value: Any) -> Any:
    """The one form that each library's value is brought to."""
    if isinstance(value, bool) or value is None or isinstance(value, float | str | int):
        return value
    if isinstance(value, D):
        return str(value.normalize()) if value else "0"
    if isinstance(value, uuid.UUID):
        return value.hex
    if isinstance(value, dt.datetime):
        return value.astimezone(UTC).isoformat() if value.tzinfo else value.isoformat()
    if isinstance(value, dict):
        if set(value) == {"key", "value"} and isinstance(value["key"], list):
            return dict(zip(value["key"], value["value"], strict=True))
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | polars.Series):
        items = [plain(item) for item in value]
        pairs = items and all(isinstance(item, list) and len(item) == 2 and isinstance(item[0], str) for item in items)
        entries = items and all(isinstance(item, dict) and set(item) == {"key", "value"} for item in items)
        if entries:
            return {item["key"]: item["value"] for item in items}
        return dict(items) if pairs else items
    return value


def same(got: list[Any], want: list[Any], sql_type: str) -> bool:
    """Whether the values are equal; what a library has no type for is compared as what it gives."""

    def fit(one: Any, other: Any) -> Any:
        one = plain(one)
        if isinstance(one, bytes) and isinstance(other, uuid.UUID):
            return one.hex()
        if isinstance(one, str) and isinstance(other, uuid.UUID):
            return one.replace("-", "")
        if sql_type.startswith("MAP") and one == []:
            return {}
        return one

    return [fit(one, other) for one, other in zip(got, want, strict=True)] == [plain(value) for value in want]


def pyralog(folder: Path, statement: str) -> list[dict[str, Any]]:
    """The rows that a statement gives."""
    command = [os.environ["PYRALOG_BINARY"], "sql", "--out", "jsonl", "-c", statement]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, f"{statement}: {done.stderr}"
    return [json.loads(line) for line in done.stdout.split("\n") if line]


def values_of(sql_type: str) -> str:
    """A SELECT of both values and a null between them."""
    first, second = (f"CAST({text} AS {sql_type})" for text in TYPES[sql_type][0])
    return f"SELECT i, v FROM (VALUES (1, {first}), (2, NULL), (3, {second})) t(i, v) ORDER BY i"


def exact(column: Any) -> list[Any]:
    """The values; with nanoseconds, for which Python has no type, their number since the beginning."""
    if column.type in (pa.timestamp("ns"), pa.time64("ns")):
        numbers = list(column.cast(pa.int64()).to_pylist())
        if any(value is not None and value % 1000 for value in numbers):
            return numbers
    return list(column.to_pylist())


def by_duckdb(path: Path) -> list[Any]:
    with duckdb.connect() as connection:
        table: Any = connection.execute(f"SELECT v FROM '{path}' ORDER BY i").to_arrow_table()
        return exact(table["v"])


Read = Callable[[Path], list[Any]]
READERS: dict[str, dict[str, Read]] = {
    "parquet": {
        "pyarrow": lambda path: exact(pq.read_table(path)["v"]),
        "duckdb": by_duckdb,
        "polars": lambda path: exact(polars.read_parquet(path)["v"].to_arrow()),
    },
    "arrow": {
        "pyarrow": lambda path: exact(pa.ipc.open_file(path).read_all()["v"]),
        "polars": lambda path: exact(polars.read_ipc(path)["v"].to_arrow()),
    },
    "arrows": {
        "pyarrow": lambda path: exact(pa.ipc.open_stream(path).read_all()["v"]),
        "polars": lambda path: exact(polars.read_ipc_stream(path)["v"].to_arrow()),
    },
}
# What Parquet has no type for is there as text.
AS_TEXT = {("parquet", "INTERVAL"): ["1 year 2 months -3 days 00:00:04.000005", "00:00:00"]}


@pytest.mark.parametrize("sql_type", TYPES)
@pytest.mark.parametrize(("form", "reader"), [(form, name) for form, readers in READERS.items() for name in readers])
def test_what_is_written_is_read_equal(form: str, reader: str, sql_type: str, tmp_path: Path) -> None:
    options = "FORMAT arrow, STREAM true" if form == "arrows" else f"FORMAT {form}"
    pyralog(tmp_path, f"COPY ({values_of(sql_type)}) TO 'o.{form}' ({options})")
    want = AS_TEXT.get((form, sql_type), TYPES[sql_type][1])
    if reader == "polars" and sql_type == "INTERVAL" and form != "parquet":
        pytest.skip("Polars does not read intervals of Arrow")
    got = READERS[form][reader](tmp_path / f"o.{form}")
    assert same(got, [want[0], None, want[1]], sql_type), got
    pyralog(tmp_path, f"COPY (FROM ({values_of(sql_type)}) WHERE i > 3) TO 'e.{form}' ({options})")
    assert READERS[form][reader](tmp_path / f"e.{form}") == []


# Where the SQL engine's JSON is not exact; docs/formats.md says so.
INEXACT_JSON = {
    "FLOAT": "JSON has no infinity, and the writer writes one",
    "DECIMAL(18,6)": "the reader takes JSON's numbers for doubles",
    "DECIMAL(38,10)": "the reader takes JSON's numbers for doubles",
    "BLOB": "the writer's escapes are text to the reader",
    "MAP(VARCHAR, INTEGER)": "objects with keys of their own become one struct",
    "BIT": "the reader refuses BIT",
}


def source_of(form: str, path: Path, sql_type: str) -> str:
    """The reader's call. Text has no types: who wants more digits than a double has declares them."""
    if form not in ("json", "csv"):
        return f"'{path}'"
    if form == "json" and sql_type in INEXACT_JSON:
        pytest.skip(INEXACT_JSON[sql_type])
    declared = sql_type.replace("'", "''")
    return f"read_{form}('{path}', columns = {{i: 'INTEGER', v: '{declared}'}})"


def expected_json(sql_type: str) -> list[Any]:
    """What `--out jsonl` makes of the values: the answer of the same SELECT without any file."""
    return [row["v"] for row in pyralog(Path.cwd(), values_of(sql_type))]


@pytest.mark.parametrize("sql_type", TYPES)
@pytest.mark.parametrize("form", ["parquet", "arrow", "arrows", "json", "csv"])
def test_what_is_written_is_read_back(form: str, sql_type: str, tmp_path: Path) -> None:
    options = "FORMAT arrow, STREAM true" if form == "arrows" else f"FORMAT {form}"
    pyralog(tmp_path, f"COPY ({values_of(sql_type)}) TO 'o.{form}' ({options})")
    source = source_of(form, tmp_path / f"o.{form}", sql_type)
    back = pyralog(tmp_path, f"SELECT CAST(v AS {sql_type}) AS v FROM {source} ORDER BY i")
    assert [row["v"] for row in back] == expected_json(sql_type)


def arrow_table(sql_type: str) -> pa.Table:
    """The values as another program has them: DuckDB's Python package makes them of the same SQL."""
    with duckdb.connect() as connection:
        return connection.execute(values_of(sql_type)).to_arrow_table()


def polars_frame(sql_type: str) -> polars.DataFrame:
    frame = polars.from_arrow(arrow_table(sql_type))
    assert isinstance(frame, polars.DataFrame)
    return frame


def write_ipc(table: pa.Table, path: Path) -> None:
    with pa.ipc.new_file(str(path), table.schema) as out:
        out.write_table(table)


WRITERS: dict[str, Callable[[str, Path], object]] = {
    "pyarrow.parquet": lambda kind, path: pq.write_table(arrow_table(kind), path),
    "pyarrow.arrow": lambda kind, path: write_ipc(arrow_table(kind), path),
    "pyarrow.feather": lambda kind, path: pyarrow.feather.write_feather(arrow_table(kind), str(path)),
    "polars.parquet": lambda kind, path: polars_frame(kind).write_parquet(path),
    "polars.arrow": lambda kind, path: polars_frame(kind).write_ipc(path),
    "duckdb.parquet": lambda kind, path: duckdb.execute(f"COPY ({values_of(kind)}) TO '{path}' (FORMAT parquet)"),
    "duckdb.json": lambda kind, path: duckdb.execute(f"COPY ({values_of(kind)}) TO '{path}' (FORMAT json)"),
    "duckdb.csv": lambda kind, path: duckdb.execute(f"COPY ({values_of(kind)}) TO '{path}' (FORMAT csv)"),
}


# What DuckDB's package makes of these values is not what they were.
INEXACT_WRITERS = {
    ("TIMETZ", "pyarrow"): "DuckDB's Arrow loses the offset",
    ("TIMETZ", "polars"): "DuckDB's Arrow loses the offset",
    ("TIMETZ", "duckdb.parquet"): "DuckDB's Parquet writer turns the time into one of UTC",
    ("BIT", "pyarrow"): "DuckDB's Arrow has the bytes that a BIT lies in",
    ("BIT", "polars"): "DuckDB's Arrow has the bytes that a BIT lies in",
    ("INTERVAL", "polars"): "Polars does not read intervals of Arrow",
}


@pytest.mark.parametrize("sql_type", [kind for kind in TYPES if kind != "HUGEINT"])
@pytest.mark.parametrize("writer", WRITERS)
def test_what_others_write_is_read_equal(writer: str, sql_type: str, tmp_path: Path) -> None:
    path = tmp_path / f"o.{writer.rpartition('.')[2]}"
    inexact = INEXACT_WRITERS.get((sql_type, writer)) or INEXACT_WRITERS.get((sql_type, writer.partition(".")[0]))
    if inexact is not None:
        pytest.skip(inexact)
    try:
        WRITERS[writer](sql_type, path)
    except (pa.ArrowNotImplementedError, polars.exceptions.PolarsError, duckdb.Error) as error:
        pytest.skip(f"{writer} does not write it: {error}")
    value = f"CAST(v AS {sql_type})"
    if sql_type == "UUID" and writer.startswith(("pyarrow", "polars")):
        value = "v"
    if sql_type == "TIMESTAMP_S":
        value = "CAST(CAST(v AS TIMESTAMP) AS TIMESTAMP_S)"  # Parquet and Polars have no seconds
    source = source_of(path.suffix[1:], path, sql_type)
    back = [row["v"] for row in pyralog(tmp_path, f"SELECT {value} AS v FROM {source} ORDER BY i")]
    assert back == expected_json(sql_type)


# Every unit of what counts time, as Arrow has it.
UNITS: dict[str, list[int | None]] = {"s": [0, None, -1, 86399], "ms": [0, None, -1, 86399999]}
UNITS["us"] = UNITS["ns"] = [0, None, -1000, 86399999999000]
TEMPORAL = [
    *(pa.timestamp(unit) for unit in UNITS),
    *(pa.timestamp(unit, zone) for unit in UNITS for zone in ("UTC", "Europe/Berlin")),
    *(pa.duration(unit) for unit in UNITS),
    pa.time32("s"),
    pa.time32("ms"),
    pa.time64("us"),
    pa.time64("ns"),
]
NANOSECONDS = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}


def nanoseconds(column: Any, unit: str) -> list[int | None]:
    """Since the beginning of time, or of the day, or of the duration; whatever the unit, of numbers `unit`."""
    if column.type == pa.month_day_nano_interval():
        assert all(value is None or (value.months, value.days) == (0, 0) for value in column.to_pylist())
        return [None if value is None else value.nanoseconds for value in column.to_pylist()]
    numbers = column.cast(pa.int32()).cast(pa.int64()) if pa.types.is_time32(column.type) else column.cast(pa.int64())
    scale = NANOSECONDS[getattr(column.type, "unit", unit)]
    return [None if value is None else value * scale for value in numbers.to_pylist()]


def temporal_table(kind: pa.DataType) -> pa.Table:
    values = UNITS[kind.unit]
    if pa.types.is_time(kind):
        top = {"s": 86399, "ms": 86399999, "us": 86399999999, "ns": 86399999999000}
        values = [0, None, 1000, top[kind.unit]]
    return pa.table({"i": [1, 2, 3, 4], "v": pa.array(values, kind)})


def polars_of(kind: pa.DataType) -> polars.DataFrame:
    frame = polars.from_arrow(temporal_table(kind))
    assert isinstance(frame, polars.DataFrame)
    return frame


TEMPORAL_WRITERS: dict[str, Callable[[pa.DataType, Path], object]] = {
    "pyarrow.parquet": lambda kind, path: pq.write_table(temporal_table(kind), path),
    "pyarrow.arrow": lambda kind, path: write_ipc(temporal_table(kind), path),
    "pyarrow.feather": lambda kind, path: pyarrow.feather.write_feather(temporal_table(kind), str(path)),
    "polars.parquet": lambda kind, path: polars_of(kind).write_parquet(path),
    "polars.arrow": lambda kind, path: polars_of(kind).write_ipc(path),
}


@pytest.mark.parametrize("kind", TEMPORAL, ids=str)
@pytest.mark.parametrize("writer", TEMPORAL_WRITERS)
def test_every_unit_of_time_goes_through(writer: str, kind: pa.DataType, tmp_path: Path) -> None:
    """From another's file into a table, and out again as Arrow and Parquet."""
    path = tmp_path / f"o.{writer.rpartition('.')[2]}"
    TEMPORAL_WRITERS[writer](kind, path)
    want = nanoseconds(temporal_table(kind)["v"], kind.unit)
    unit = "ms" if kind.unit == "s" and writer.startswith("polars") else kind.unit  # Polars has no seconds
    # Parquet has no durations: there they are numbers of their unit, and INTERVAL is text.
    for form in ("arrow",) if pa.types.is_duration(kind) else ("arrow", "parquet"):
        out = tmp_path / f"back.{form}"
        pyralog(tmp_path, f"CREATE TABLE t AS FROM '{path}'; COPY (FROM t ORDER BY i) TO '{out}' (FORMAT {form})")
        back = pq.read_table(out)["v"] if form == "parquet" else pa.ipc.open_file(out).read_all()["v"]
        assert nanoseconds(back, unit) == want, back.type
