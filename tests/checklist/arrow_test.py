"""Area B of docs/checklist.md, the memory format: one test a row, named after its id."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import duckdb
import numpy
import pandas
import polars
import pyarrow as pa
import pyarrow.feather
import pyarrow.ipc
import pyarrow.parquet as pq
import pyralog
import pytest
from checklist_page import statement

Command = Callable[..., str]


def segments(folder: Path) -> list[Path]:
    """The files with the rows of hot tables."""
    return sorted((folder / "db" / "hot").glob("*/*.arrow"))


def only_segment(folder: Path) -> Path:
    found = segments(folder)
    assert len(found) == 1
    return found[0]


def buffers(command: Command, files: list[Path]) -> dict[str, list[int]]:
    """Values, nulls and bytes of validity, offsets and data of each column, as `inspect --buffers` tells them."""
    sums: dict[str, list[int]] = {}
    for file in files:
        text = command("inspect", file, "--buffers")
        for name, numbers in re.findall(r"^ +(\w+) .*?((?: +\d+){5})$", text, re.MULTILINE):
            found = [int(number) for number in numbers.split()]
            sums[name] = [a + b for a, b in zip(sums.get(name, [0] * 5), found, strict=True)]
    return sums


def test_b1_batches_from_storage_to_python(con: pyralog.Connection) -> None:
    con.execute("CREATE TABLE t AS SELECT i, 'row ' || i AS name FROM range(1000) r(i)")
    reader = pa.RecordBatchReader.from_stream(con.execute("FROM t"))
    batch = reader.read_next_batch()
    assert isinstance(batch, pa.RecordBatch) and batch.schema.names == ["i", "name"] and batch.num_rows == 1000
    assert polars.DataFrame(con.execute("FROM t")).shape == (1000, 2)


def test_b2_primitive_types(con: pyralog.Connection) -> None:
    types = [pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64()]
    columns = {str(kind): pa.array([2**kind.bit_width // 2 - 1, 0, None], kind) for kind in types}
    columns |= {str(kind): pa.array([0.1, -1.5, None], kind) for kind in (pa.float32(), pa.float64())}
    table = pa.table(columns | {"bool": pa.array([True, False, None])})
    con.execute(
        "CREATE TABLE t (int8 TINYINT, int16 SMALLINT, int32 INTEGER, int64 BIGINT, uint8 UTINYINT, uint16 USMALLINT,"
        " uint32 UINTEGER, uint64 UBIGINT, float FLOAT, double DOUBLE, bool BOOLEAN)"
    )
    con.append("t", table)
    con.execute("CHECKPOINT")
    result = con.execute("FROM t").to_arrow()
    assert result.schema.types == table.schema.types
    assert result.equals(table)


def test_b15_nulls_are_bits(con: pyralog.Connection, command: Command, folder: Path) -> None:
    con.execute("CREATE TABLE t AS SELECT unnest([1, NULL, 3, NULL, 5]) AS a")
    assert con.execute("SELECT sum(a) FROM t").fetchone() == (9,)
    con.execute("CHECKPOINT")
    assert buffers(command, segments(folder))["a"][:3] == [5, 2, 1]


def test_b16_a_null_takes_a_bit(con: pyralog.Connection, command: Command, folder: Path) -> None:
    con.execute("CREATE TABLE t AS SELECT CASE WHEN i % 10 = 0 THEN i END AS a FROM range(1_000_000) r(i)")
    con.execute("CHECKPOINT")
    values, nulls, validity, _, data = buffers(command, segments(folder))["a"]
    assert (values, nulls, data) == (1_000_000, 900_000, 8_000_000)
    assert validity <= 125_000 + 16  # a bit each, rounded up in each batch


def test_b17_buffers_of_a_batch(con: pyralog.Connection, command: Command, folder: Path) -> None:
    con.execute("CREATE TABLE users (user_id BIGINT, name VARCHAR, balance DOUBLE)")
    con.execute("INSERT INTO users VALUES (1, 'Alice', 100.5), (2, 'Bob', NULL), (3, 'Charlie', 300.25)")
    con.execute("CHECKPOINT")
    assert buffers(command, segments(folder)) == {
        "user_id": [3, 0, 0, 0, 24],
        "name": [3, 0, 0, 0, 48],  # views of 16 bytes, which hold texts of up to 12 themselves
        "balance": [3, 1, 1, 0, 24],
    }


def test_b18_a_column_is_a_view_of_the_mapping(con: pyralog.Connection, folder: Path) -> None:
    con.execute("CREATE TABLE t AS SELECT i FROM range(100_000) r(i)")
    con.execute("CHECKPOINT")
    path = only_segment(folder)
    with pa.memory_map(str(path)) as source:
        column = pyarrow.ipc.open_file(source).get_batch(0).column(0)
        values = column.to_numpy(zero_copy_only=True)
        mapped = [line.split()[0] for line in Path("/proc/self/maps").read_text().splitlines() if str(path) in line]
        bounds = [[int(end, 16) for end in area.split("-")] for area in mapped]
        address = values.__array_interface__["data"][0]
        assert any(low <= address and address + values.nbytes <= high for low, high in bounds)
        assert values.sum() == 100_000 * 99_999 // 2
        del values, column


def test_b19_opening_reads_the_footer_only(command: Command, folder: Path) -> None:
    batch = pa.record_batch({"i": numpy.arange(1 << 20)})
    with pyarrow.ipc.new_file(folder / "big.arrow", batch.schema) as writer:
        for _ in range(64):  # 512 MiB
            writer.write_batch(batch)
    program = (
        "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True);"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    binary = os.environ["PYRALOG_BINARY"]
    done = subprocess.run(
        [sys.executable, "-c", program, binary, "inspect", "big.arrow"], capture_output=True, text=True, check=True
    )
    assert "record batches  64" in done.stdout
    assert int(done.stdout.splitlines()[-1]) < 256 << 10  # KiB


def test_b20_another_process_maps_the_rows(con: pyralog.Connection) -> None:
    path = Path("/dev/shm") / f"pyralog-checklist-{os.getpid()}.arrow"
    try:
        con.execute(f"COPY (SELECT i, i * 2 AS j FROM range(200_000) r(i)) TO '{path}'")
        program = (
            "import pyarrow, pyarrow.ipc, sys\n"
            "table = pyarrow.ipc.open_file(pyarrow.memory_map(sys.argv[1])).read_all()\n"
            "print(table.num_rows, sum(table['j'].to_pylist()), pyarrow.total_allocated_bytes())"
        )
        done = subprocess.run(
            [sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True, timeout=60
        )
        assert done.stdout.split() == ["200000", str(200_000 * 199_999), "0"]
    finally:
        path.unlink(missing_ok=True)


@pytest.fixture
def segment(con: pyralog.Connection, folder: Path) -> Path:
    """A segment with numbers, texts and nulls, of a database that is closed."""
    con.execute("CREATE TABLE t AS SELECT i, CASE WHEN i % 3 > 0 THEN 'row ' || i END AS s FROM range(1000) r(i)")
    con.execute("CHECKPOINT")
    con.close()
    return only_segment(folder)


def test_b21_pandas_reads_a_segment(segment: Path) -> None:
    frame = pandas.read_feather(segment)
    assert (len(frame), frame["i"].sum(), frame["s"].notna().sum()) == (1000, 499_500, 666)


def test_b22_duckdb_reads_a_segment(segment: Path) -> None:
    rows = pyarrow.feather.read_table(segment)
    assert rows is not None  # DuckDB finds it by name
    assert duckdb.execute("SELECT count(*), sum(i), count(s) FROM rows").fetchall() == [(1000, 499_500, 666)]


def test_b23_a_reader_that_is_not_arrows_own_reads_a_segment(segment: Path) -> None:
    frame = polars.read_ipc(segment)
    assert (len(frame), frame["i"].sum(), frame["s"].count()) == (1000, 499_500, 666)


def test_b24_file_and_stream(con: pyralog.Connection, command: Command, folder: Path) -> None:
    con.execute("COPY (SELECT i FROM range(10) r(i)) TO 'x.arrow'")
    con.execute("COPY (FROM 'x.arrow') TO 'x.arrows'")
    con.execute("COPY (FROM 'x.arrows') TO 'y.arrow'")
    with pa.OSFile("x.arrows") as source:
        assert pyarrow.ipc.open_stream(source).read_all().num_rows == 10
    assert pyarrow.ipc.open_file("y.arrow").read_all() == pyarrow.ipc.open_file("x.arrow").read_all()
    assert command("cat", "y.arrow") == command("cat", "x.arrows")


def test_b25_batches_have_64k_rows(con: pyralog.Connection) -> None:
    con.execute("CREATE TABLE t AS SELECT i FROM range(400_000) r(i)")

    def rows(sql: str) -> list[int]:
        return [batch.num_rows for batch in con.execute(sql).to_reader()]

    assert max(rows("FROM t")) <= 122_880
    con.execute(statement("B25"))
    for sql in ("FROM t", "SELECT i FROM t ORDER BY i DESC", "SELECT i FROM range(400_000) r(i)"):
        found = rows(sql)
        assert max(found) == 65_536 and sum(found) == 400_000, sql
    con.execute("SET batch_size = 200_000")
    assert 122_880 < max(rows("SELECT i FROM range(400_000) r(i)")) <= 200_000
    with pytest.raises(pyralog.Error, match="65536 to 1048576"):
        con.execute("SET batch_size = 100")


def test_b26_small_batches_become_large_ones(con: pyralog.Connection, folder: Path) -> None:
    con.execute("CREATE TABLE t (i BIGINT)")
    batches = [pa.record_batch({"i": numpy.arange(n * 100, n * 100 + 100)}) for n in range(10_000)]
    con.append("t", pa.RecordBatchReader.from_batches(batches[0].schema, batches))
    con.execute("CHECKPOINT")
    sizes = []
    for path in segments(folder):
        reader = pyarrow.ipc.open_file(path)
        sizes += [reader.get_batch(i).num_rows for i in range(reader.num_record_batches)]
    assert sum(sizes) == 1_000_000
    assert len([size for size in sizes if size < 65_536]) <= len(segments(folder))  # the last of each


def test_b29_storage_is_native(command: Command) -> None:
    libraries = subprocess.run(["ldd", os.environ["PYRALOG_BINARY"]], capture_output=True, text=True, check=True).stdout
    assert "libarrow.so" in libraries
    assert "libpython" not in libraries


NUMBERS = "CREATE TABLE t AS SELECT (i % 1000)::INTEGER AS a, (i % 7 + 1)::INTEGER AS b FROM range(200_000) r(i)"


@pytest.fixture
def numbers(con: pyralog.Connection) -> tuple[numpy.ndarray, numpy.ndarray]:
    """The columns of `t` as numpy makes them."""
    con.execute(NUMBERS)
    i = numpy.arange(200_000)
    return i % 1000, i % 7 + 1


def test_b30_arithmetic(con: pyralog.Connection, numbers: tuple[numpy.ndarray, numpy.ndarray]) -> None:
    a, b = numbers
    found = con.execute(statement("B30")).to_numpy()
    for name, values in zip("pqrs", (a + b, a - b, a * b, a / b), strict=True):
        numpy.testing.assert_array_equal(found[name], values)


def test_b31_comparison(con: pyralog.Connection, numbers: tuple[numpy.ndarray, numpy.ndarray]) -> None:
    a, b = numbers
    wanted = [(c.sum()) for c in (a == b, a != b, a < b, a > b, a <= b, a >= b)]
    assert list(con.execute(statement("B31")).fetchall()[0]) == wanted


def test_b32_aggregation(con: pyralog.Connection, numbers: tuple[numpy.ndarray, numpy.ndarray]) -> None:
    a, _ = numbers
    assert con.execute(statement("B32")).fetchone() == (a.sum(), a.min(), a.max(), a.mean())


def test_b33_filter_and_take(con: pyralog.Connection, numbers: tuple[numpy.ndarray, numpy.ndarray]) -> None:
    a, b = numbers
    assert con.execute(statement("B33")).to_numpy()["b"].tolist() == b[a > 990].tolist()
    con.execute("CREATE TABLE k AS SELECT i AS id, i * i AS v FROM range(1000) r(i)")
    assert con.execute(statement("B33", 1)).fetchall() == [(49,), (9,), (49,)]


def test_b34_sort_and_partition(con: pyralog.Connection, numbers: tuple[numpy.ndarray, numpy.ndarray]) -> None:
    a, b = numbers
    assert con.execute(statement("B34")).to_numpy()["a"].tolist() == numpy.sort(a).tolist()
    counts: dict[int, int] = dict(con.execute(statement("B34", 1)).fetchall())
    assert counts == {key: int((b == key).sum()) for key in range(1, 8)}


def test_b35_strings(con: pyralog.Connection) -> None:
    assert con.execute(statement("B35")).fetchone() == ("row", "hot row", True)


def test_b36_scalar_code_gives_the_same(con: pyralog.Connection, command: Command) -> None:
    con.execute(NUMBERS)
    con.execute("DELETE FROM t WHERE a % 13 = 0")
    con.close()
    query = "SELECT count(*), sum(a), sum(b) FROM t WHERE a BETWEEN 100 AND 800 AND b <> 3"
    answers = {level: command("sql", "--db", "db", "-c", query, PYRALOG_SIMD=level) for level in ("scalar", "avx2", "")}
    assert len(set(answers.values())) == 1
    assert "scalar" in command("version", PYRALOG_SIMD="scalar")
    assert "scalar, avx2 or avx512" in command("version", PYRALOG_SIMD="mmx", code=1)


@pytest.mark.parametrize("threads", [1, 2, 4, 8])
def test_b37_any_number_of_threads_gives_the_same(con: pyralog.Connection, threads: int) -> None:
    con.execute("CREATE TABLE t AS SELECT i, (i * 7 % 1000)::INTEGER AS a FROM range(600_000) r(i)")
    con.execute(f"SET threads = {threads}")
    assert con.execute("SELECT sum(a), count(*) FROM t WHERE a < 500").fetchone() == (74_850_000, 300_000)


def test_b38_units_of_a_table_are_read_side_by_side(con: pyralog.Connection) -> None:
    con.execute("CREATE TABLE t AS SELECT i FROM range(600_000) r(i)")
    con.execute("SET threads = 4")
    assert con.execute("SELECT sum(i), min(i), max(i) FROM t").fetchone() == (179_999_700_000, 0, 599_999)


def test_b39_runs_are_small_in_parquet(con: pyralog.Connection) -> None:
    con.execute("CREATE TABLE t AS SELECT 42 AS a FROM range(1_000_000) r(i)")
    con.execute("COPY t TO 't.parquet' (COMPRESSION uncompressed)")
    assert pq.read_table("t.parquet").num_rows == 1_000_000
    assert Path("t.parquet").stat().st_size < 4_000_000 / 100


def test_b40_a_boolean_takes_a_bit(con: pyralog.Connection, command: Command, folder: Path) -> None:
    con.execute("CREATE TABLE t AS SELECT i % 3 = 0 AS a FROM range(800_000) r(i)")
    con.execute("CHECKPOINT")
    values, _, _, _, data = buffers(command, segments(folder))["a"]
    assert (values, data) == (800_000, 100_000)


def test_b9_nested_columns(con: pyralog.Connection) -> None:
    inner = pa.struct([("a", pa.int32()), ("tags", pa.list_(pa.string()))])
    table = pa.table(
        {
            "list": pa.array([[1, None], None, []], pa.list_(pa.int64())),
            "struct": pa.array([{"a": 1, "tags": ["x", None]}, {"a": None, "tags": None}, None], inner),
            "map": pa.array([[("k", 1)], None, [("k", None)]], pa.map_(pa.string(), pa.int32())),
        }
    )
    con.execute("CREATE TABLE t (list BIGINT[], struct STRUCT(a INTEGER, tags VARCHAR[]), map MAP(VARCHAR, INTEGER))")
    con.append("t", table)
    con.execute("CHECKPOINT")
    result = con.execute("FROM t").to_arrow()
    assert result.to_pylist() == table.to_pylist()
    assert [str(kind) for kind in result.schema.types] == [
        str(kind).replace("element:", "item:") for kind in table.schema.types
    ]
