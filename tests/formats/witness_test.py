"""pyarrow as the witness: what it wrote is read as it meant it, and what Pyralog wrote it reads."""

from __future__ import annotations

import base64
import datetime as dt
import decimal
import json
import math
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.ipc
import pyarrow.parquet as pq
import pytest

Rows = Callable[[str], list[dict[str, Any]]]


def write_arrow(table: pa.Table, path: Path, **options: Any) -> None:
    with pa.ipc.new_file(path, table.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table, max_chunksize=64)


def cat(path: Path, *arguments: str) -> list[dict[str, Any]]:
    command = [os.environ["PYRALOG_BINARY"], "cat", str(path), "--out", "jsonl", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.split("\n") if line]


def simple(rows: int = 500) -> pa.Table:
    return pa.table(
        {
            "id": pa.array(range(rows), pa.int64()),
            "name": pa.array([None if i % 7 == 0 else f"näme {i}" for i in range(rows)]),
            "score": pa.array([i / 8 for i in range(rows)]),
            "day": pa.array([dt.date(2024, 1, 1) + dt.timedelta(days=i) for i in range(rows)]),
        }
    )


RECORD = {"a": 1, "b": ["x"]}

VALUES: dict[str, tuple[pa.DataType, list[Any], list[Any]]] = {
    "int8": (pa.int8(), [-128, None, 127], [-128, None, 127]),
    "uint64": (pa.uint64(), [2**64 - 1, 0], [2**64 - 1, 0]),
    "float16": (pa.float16(), [1.5, None], [1.5, None]),
    "float32": (pa.float32(), [0.1, 16777216.0], [0.1, 16777216.0]),
    "float64": (pa.float64(), [0.1, 1e300, math.nan, -math.inf], [0.1, 1e300, "NaN", "-Infinity"]),
    "bool": (pa.bool_(), [True, None, False], [True, None, False]),
    "string": (pa.string(), ['a"b\\\n\u2028', "", None], ['a"b\\\n\u2028', "", None]),
    "string_view": (pa.string_view(), ["a text beyond twelve bytes"], ["a text beyond twelve bytes"]),
    "binary": (pa.binary(), [b"\x00\xff"], [base64.b64encode(b"\x00\xff").decode()]),
    "fixed": (pa.binary(3), [b"abc"], ["YWJj"]),
    "decimal": (pa.decimal128(10, 2), [decimal.Decimal("-12.50")], ["-12.50"]),
    "decimal256": (pa.decimal256(50, 3), [decimal.Decimal("1.5")], ["1.500"]),
    "date32": (pa.date32(), [dt.date(2024, 2, 29), dt.date(1, 1, 1)], ["2024-02-29", "0001-01-01"]),
    "date64": (pa.date64(), [dt.date(1969, 12, 31)], ["1969-12-31"]),
    "time": (pa.time64("us"), [dt.time(1, 2, 3, 4)], ["01:02:03.000004"]),
    "timestamp": (pa.timestamp("ms"), [dt.datetime(1969, 12, 31, 23, 59, 59, 999000)], ["1969-12-31T23:59:59.999"]),
    "zoned": (
        pa.timestamp("us", "Europe/Berlin"),
        [dt.datetime(2024, 7, 1, 12, tzinfo=dt.UTC)],
        ["2024-07-01T12:00:00Z"],
    ),
    "duration": (pa.duration("ms"), [dt.timedelta(seconds=1.5)], ["PT1.5S"]),
    "list": (pa.list_(pa.int32()), [[1, None], [], None], [[1, None], [], None]),
    "struct": (
        pa.struct({"a": pa.int8(), "b": pa.list_(pa.string())}),
        [{"a": 1, "b": ["x"]}, None],
        [{"a": 1, "b": ["x"]}, None],
    ),
    "map": (pa.map_(pa.string(), pa.int64()), [[("k", 1)], []], [{"k": 1}, {}]),
    "vector": (pa.list_(pa.float32(), 2), [[1.0, 2.5], None], [[1.0, 2.5], None]),
    "dictionary": (pa.dictionary(pa.int8(), pa.string()), ["p", None, "p"], ["p", None, "p"]),
}

# What SQL's types make of it: its TIMESTAMP counts microseconds.
IN_SQL = {"timestamp": ["1969-12-31T23:59:59.999000"]}


@pytest.mark.parametrize("name", VALUES)
def test_values_of_arrow_files(name: str, tmp_path: Path, rows: Rows) -> None:
    kind, values, expected = VALUES[name]
    path = tmp_path / "v.arrow"
    write_arrow(pa.table({"c": pa.array(values, kind)}), path)
    assert [row["c"] for row in cat(path)] == expected
    assert [row["c"] for row in rows("SELECT c FROM 'v.arrow'")] == expected


@pytest.mark.parametrize("name", [n for n in VALUES if n not in ("string_view", "date64", "duration")])
@pytest.mark.parametrize("checksums", [False, True])
def test_values_of_parquet_files(name: str, checksums: bool, tmp_path: Path, rows: Rows) -> None:
    kind, values, expected = VALUES[name]
    if kind.id in (pa.types.lib.Type_DECIMAL256,):
        pytest.skip("beyond the digits that SQL has")
    in_sql = IN_SQL.get(name, expected)
    path = tmp_path / "v.parquet"
    pq.write_table(pa.table({"c": pa.array(values, kind)}), path, write_page_checksum=checksums)
    assert [row["c"] for row in cat(path)] == expected
    assert [row["c"] for row in rows("SELECT c FROM 'v.parquet'")] == in_sql


@pytest.mark.parametrize("codec", ["snappy", "zstd", "gzip", "brotli", "lz4", "none"])
def test_parquet_codecs(codec: str, tmp_path: Path, rows: Rows) -> None:
    pq.write_table(simple(), tmp_path / "t.parquet", compression=codec, row_group_size=100)
    assert rows("SELECT count(*) AS n, sum(id)::INT AS s FROM 't.parquet'") == [{"n": 500, "s": 124750}]


@pytest.mark.parametrize("codec", [None, "lz4", "zstd"])
def test_arrow_codecs(codec: str | None, tmp_path: Path, rows: Rows) -> None:
    write_arrow(simple(), tmp_path / "t.arrow", compression=codec)
    assert rows("SELECT count(name) AS n, max(day) AS d FROM 't.arrow' WHERE id >= 490") == [
        {"n": 8, "d": "2025-05-14"}
    ]


def test_csv_and_json_lines(tmp_path: Path, rows: Rows) -> None:
    pa.csv.write_csv(simple(), tmp_path / "t.csv")
    text = "".join(json.dumps({"id": i, "tags": [i, None]}) + "\n" for i in range(100))
    (tmp_path / "t.jsonl").write_text(text)
    assert rows("SELECT count(*) AS n, max(day) AS d FROM 't.csv'") == [{"n": 500, "d": "2025-05-14"}]
    assert rows("SELECT id, tags FROM 't.jsonl' WHERE id = 42") == [{"id": 42, "tags": [42, None]}]


def test_hive_data_set(tmp_path: Path, rows: Rows) -> None:
    table = simple().append_column("year", pa.array([2023 + i % 2 for i in range(500)], pa.int32()))
    pq.write_to_dataset(table, tmp_path / "lake", partition_cols=["year"])
    rows("CREATE EXTERNAL TABLE lake STORED AS PARQUET LOCATION 'lake' PARTITIONED BY (year INT)")
    assert rows("SELECT year, count(*) AS n FROM lake GROUP BY year ORDER BY year") == [
        {"year": 2023, "n": 250},
        {"year": 2024, "n": 250},
    ]


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("o.parquet", "FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 2048"),
        ("o.arrow", "FORMAT arrow"),
        ("o.arrow", "FORMAT arrow, COMPRESSION lz4, ROW_GROUP_SIZE 100"),
        ("o.arrows", "FORMAT arrow, STREAM true"),
        ("o.csv", "FORMAT csv"),
    ],
)
def test_copy_is_read_by_pyarrow(name: str, options: str, tmp_path: Path, rows: Rows) -> None:
    pq.write_table(simple(5000), tmp_path / "t.parquet")
    rows("CREATE TABLE t AS SELECT * FROM 't.parquet'")
    rows(f"COPY t TO '{name}' ({options})")
    path = tmp_path / name
    if name.endswith(".parquet"):
        back = pq.read_table(path)
    elif name.endswith(".arrow"):
        back = pa.ipc.open_file(path).read_all()
    elif name.endswith(".arrows"):
        back = pa.ipc.open_stream(path).read_all()
    else:
        back = pa.csv.read_csv(path, convert_options=pa.csv.ConvertOptions(strings_can_be_null=True))
    expected = simple(5000)
    assert back.num_rows == 5000
    for column in expected.column_names:
        assert pc.all(pc.fill_null(pc.equal(back[column].cast(expected[column].type), expected[column]), True)).as_py()
        assert back[column].null_count == expected[column].null_count
    if "ROW_GROUP_SIZE 2048" in options:
        assert pq.ParquetFile(path).num_row_groups == 3
    if "ROW_GROUP_SIZE 100" in options:
        assert pa.ipc.open_file(path).num_record_batches == 50


def test_one_statement_joins_hot_and_cold(tmp_path: Path, rows: Rows) -> None:
    pq.write_table(simple(), tmp_path / "cold.parquet")
    rows("CREATE TABLE hot (id BIGINT PRIMARY KEY, tag VARCHAR)")
    rows("INSERT INTO hot VALUES (3, 'c'), (499, 'z'), (900, 'none')")
    rows("CREATE EXTERNAL TABLE cold STORED AS PARQUET LOCATION 'cold.parquet'")
    assert rows("SELECT tag, score FROM hot JOIN cold USING (id) ORDER BY id") == [
        {"tag": "c", "score": 0.375},
        {"tag": "z", "score": 62.375},
    ]


def test_registering_costs_a_kilobyte(tmp_path: Path, rows: Rows) -> None:
    pq.write_table(simple(200_000), tmp_path / "big.parquet")
    rows("CREATE TABLE t (a INT)")
    before = sum(f.stat().st_size for f in (tmp_path / "db").rglob("*") if f.is_file())
    rows("CREATE EXTERNAL TABLE big STORED AS PARQUET LOCATION 'big.parquet'")
    after = sum(f.stat().st_size for f in (tmp_path / "db").rglob("*") if f.is_file())
    assert after - before <= 2048  # log sectors of 512 bytes, opening and closing included
