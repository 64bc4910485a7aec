"""Rows B3 to B14, B27 and B28 of docs/checklist.md: every Arrow type through a hot table. One test a row."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy
import pyarrow as pa
import pyarrow.ipc
import pyralog
import pytest


def stored(con: pyralog.Connection, table: pa.Table, folder: Path) -> pyralog.Connection:
    """Makes `t` of the rows, writes a segment, opens the database anew, and checks that Arrow gives what went in."""
    con.create_table("t", table)
    con.execute("CHECKPOINT")
    con.close()
    again = pyralog.connect(folder / "db")
    result = again.table("t").to_arrow()
    result.validate(full=True)
    assert result.schema.equals(table.schema, check_metadata=True), result.schema
    for name in table.schema.names:
        assert values(result[name]) == values(table[name]), name
    return again


def values(column: pa.ChunkedArray) -> list[Any]:
    """The values as Python has them, or as their integers where Python's types would round."""
    kind = column.type
    if pa.types.is_duration(kind) or pa.types.is_timestamp(kind) or pa.types.is_time64(kind):
        column = column.cast(pa.int64())
    found: list[Any] = column.to_pylist()
    return found


def test_b3_half_floats(con: pyralog.Connection, folder: Path) -> None:
    halves = numpy.array([0.1, -65504, 6e-8], numpy.float16)
    again = stored(con, pa.table({"a": pa.array(halves)}), folder)
    assert again.execute("SELECT sum(a)::DOUBLE FROM t").fetchone() == (
        pytest.approx(float(halves.astype("f8").sum())),
    )
    with pytest.raises(pyralog.Error):
        again.execute("INSERT INTO t VALUES (0.3::FLOAT)")  # no half float is that


def test_b4_dates(con: pyralog.Connection, folder: Path) -> None:
    days = [dt.date(1969, 12, 31), None, dt.date(2024, 2, 29)]
    again = stored(con, pa.table({"a": pa.array(days, pa.date32()), "b": pa.array(days, pa.date64())}), folder)
    assert again.execute("SELECT count(*) FROM t WHERE a = b AND b > DATE '2000-01-01'").fetchone() == (1,)


def test_b5_times(con: pyralog.Connection, folder: Path) -> None:
    types = [pa.time32("s"), pa.time32("ms"), pa.time64("us"), pa.time64("ns")]
    again = stored(con, pa.table({str(kind): pa.array([0, 86_399, None], kind) for kind in types}), folder)
    assert again.execute('SELECT "time32[s]" FROM t').fetchall()[1] == (dt.time(23, 59, 59),)


def test_b6_timestamps(con: pyralog.Connection, folder: Path) -> None:
    types = [pa.timestamp(unit, zone) for unit in ("s", "ms", "us", "ns") for zone in (None, "UTC", "America/New_York")]
    again = stored(con, pa.table({str(kind): pa.array([0, 1_700_000_001, None], kind) for kind in types}), folder)
    with pytest.raises(pyralog.Error, match="America/New_York"):  # SQL has no nanoseconds with a zone
        again.execute('SELECT "timestamp[ns, tz=America/New_York]" FROM t').fetchall()


def test_b7_durations(con: pyralog.Connection, folder: Path) -> None:
    table = pa.table({unit: pa.array([1001, -1, None], pa.duration(unit)) for unit in ("s", "ms", "us", "ns")})
    again = stored(con, table, folder)
    assert again.execute("SELECT us FROM t").fetchone() == (dt.timedelta(microseconds=1001),)
    with pytest.raises(pyralog.Error, match="ns"):
        again.execute("SELECT ns FROM t").fetchall()  # 1001 ns are no microseconds


def test_b8_intervals(con: pyralog.Connection, folder: Path) -> None:
    months = pa.array([pa.MonthDayNano([1, 2, 3]), None, pa.MonthDayNano([0, -1, 5000])])
    again = stored(con, pa.table({"a": months}), folder)
    with pytest.raises(pyralog.Error, match="nanoseconds"):
        again.execute("SELECT a FROM t").fetchall()


def test_b10_unions(con: pyralog.Connection, folder: Path) -> None:
    kinds = pa.array([0, 1, 0], pa.int8())
    sparse = pa.UnionArray.from_sparse(kinds, [pa.array([1, None, 3]), pa.array(["a", "b", "c"])], ["n", "s"])
    dense = pa.UnionArray.from_dense(
        kinds, pa.array([0, 0, 1], pa.int32()), [pa.array([1, 3]), pa.array(["b"])], ["n", "s"]
    )
    again = stored(con, pa.table({"sparse": sparse, "dense": dense}), folder)
    assert again.execute("SELECT sparse.n, dense.s FROM t").fetchall() == [(1, None), (None, "b"), (3, None)]


def test_b11_dictionaries(con: pyralog.Connection, folder: Path) -> None:
    colors = pa.array(["red", "blue", None] * 100_000).dictionary_encode()
    again = stored(con, pa.table({"a": colors}), folder)
    assert again.execute("SELECT a, count(*) FROM t WHERE a = 'red' GROUP BY a").fetchall() == [("red", 100_000)]
    for path in (folder / "db" / "hot").glob("*/*.arrow"):
        with pa.memory_map(str(path)) as source:
            assert pa.types.is_dictionary(pyarrow.ipc.open_file(source).schema.field("a").type)


def test_b12_binary(con: pyralog.Connection, folder: Path) -> None:
    types = [pa.binary(), pa.large_binary(), pa.binary_view(), pa.binary(3)]
    table = pa.table({str(kind): pa.array([b"abc", None, b"\0\1\2"], kind) for kind in types})
    again = stored(con, table, folder)
    assert again.execute('SELECT "fixed_size_binary[3]" FROM t').fetchall() == [(b"abc",), (None,), (b"\0\1\2",)]


def test_b13_decimals(con: pyralog.Connection, folder: Path) -> None:
    wide = Decimal("1" * 50 + ".125")
    table = pa.table(
        {
            "narrow": pa.array([Decimal("1.500"), None], pa.decimal128(38, 3)),
            "wide": pa.array([wide, None], pa.decimal256(76, 3)),
        }
    )
    again = stored(con, table, folder)
    assert again.execute("SELECT narrow, wide FROM t").fetchone() == (Decimal("1.500"), str(wide))


def test_b14_nulls(con: pyralog.Connection, folder: Path) -> None:
    again = stored(con, pa.table({"a": pa.nulls(3), "i": [1, 2, 3]}), folder)
    assert again.execute("SELECT count(*), count(a) FROM t").fetchone() == (3, 0)


def test_b27_metadata(con: pyralog.Connection, folder: Path) -> None:
    field = pa.field("a", pa.int32(), nullable=False, metadata={"unit": "m/s"})
    schema = pa.schema([field], metadata={"source": "a sensor", "\u00e4": "\u00f6"})
    stored(con, pa.table([[1, 2]], schema=schema), folder)


def test_b28_tensors(con: pyralog.Connection, folder: Path) -> None:
    array = numpy.arange(24, dtype=numpy.float32).reshape(2, 3, 4)
    tensors = pa.FixedShapeTensorArray.from_numpy_ndarray(array)
    again = stored(con, pa.table({"a": tensors}), folder)
    chunk = again.table("t").to_arrow()["a"].combine_chunks()
    if isinstance(chunk, pa.ChunkedArray):
        chunk = chunk.chunk(0)
    numpy.testing.assert_array_equal(chunk.to_numpy_ndarray(), array)
    assert again.execute("SELECT a[4] FROM t").fetchall() == [(3.0,), (15.0,)]
