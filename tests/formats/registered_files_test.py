"""External tables and the files that they were made of: VERIFY, REFRESH, hashes; sets of files with other columns."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

Rows = Callable[[str], list[dict[str, Any]]]


def write(path: Path, table: pa.Table) -> None:
    """As what the suffix says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".parquet":
        pq.write_table(table, path)
    elif path.suffix == ".npy":
        np.save(path, table["a"].to_numpy())
    else:
        with pa.ipc.new_file(str(path), table.schema) as out:
            out.write_table(table)


def test_hashed_files_are_as_they_were_or_an_error(tmp_path: Path, rows: Rows) -> None:
    write(tmp_path / "d/1.parquet", pa.table({"a": [1]}))
    write(tmp_path / "d/2.parquet", pa.table({"a": [2]}))
    rows("CREATE EXTERNAL TABLE t STORED AS PARQUET LOCATION 'd' OPTIONS (hash 'blake3')")
    assert rows("SELECT sum(a)::INT AS s FROM t") == [{"s": 3}]
    old = (tmp_path / "d/1.parquet").read_bytes()
    stat = (tmp_path / "d/1.parquet").stat()
    (tmp_path / "d/1.parquet").write_bytes(old.replace(b"PAR1", b"PAR1", 1))
    os.utime(tmp_path / "d/1.parquet", ns=(stat.st_atime_ns, stat.st_mtime_ns + 1000))
    with pytest.raises(AssertionError, match=r"1\.parquet is changed: modification time .* REFRESH EXTERNAL"):
        rows("FROM t")
    assert [row["state"] for row in rows("VERIFY EXTERNAL t")] == ["unchanged", "unchanged"]
    rows("REFRESH EXTERNAL t")
    assert rows("SELECT sum(a)::INT AS s FROM t") == [{"s": 3}]
    write(tmp_path / "d/3.parquet", pa.table({"a": [4]}))
    with pytest.raises(AssertionError, match=r"3\.parquet is new"):
        rows("FROM t")
    rows("REFRESH EXTERNAL TABLE t")
    assert rows("SELECT sum(a)::INT AS s FROM t") == [{"s": 7}]
    (tmp_path / "d/2.parquet").unlink()
    with pytest.raises(AssertionError, match=r"NOT_FOUND: .*2\.parquet is missing"):
        rows("FROM t")


def test_files_that_lost_a_column_say_what_to_do(tmp_path: Path, rows: Rows) -> None:
    write(tmp_path / "t.parquet", pa.table({"a": [1], "b": [2]}))
    rows("CREATE EXTERNAL TABLE \"my t\" STORED AS PARQUET LOCATION 't.parquet'")
    write(tmp_path / "t.parquet", pa.table({"a": [1], "c": [3]}))
    told = r"(?s)files of external table my t.*column named .b.*REFRESH EXTERNAL .my t. takes the columns"
    with pytest.raises(AssertionError, match=told):
        rows('SELECT a FROM "my t"')
    rows('REFRESH EXTERNAL "my t"')
    assert rows('FROM "my t"') == [{"a": 1, "c": 3}]


def test_content_that_changed_behind_its_times_is_found(tmp_path: Path, rows: Rows) -> None:
    path = tmp_path / "t.npy"
    np.save(path, np.array([1, 2], "i8"))
    rows("CREATE EXTERNAL TABLE t STORED AS NPY LOCATION 't.npy' OPTIONS (hash 'blake3')")
    stat = path.stat()
    np.save(path, np.array([1, 3], "i8"))
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert [row["state"] for row in rows("VERIFY EXTERNAL t")] == ["changed: content"]
    with pytest.raises(AssertionError, match="takes blake3"):
        rows("CREATE EXTERNAL TABLE u STORED AS NPY LOCATION 't.npy' OPTIONS (hash 'md5')")


def test_refresh_finds_new_columns(tmp_path: Path, rows: Rows) -> None:
    write(tmp_path / "t.parquet", pa.table({"a": [1]}))
    rows("CREATE EXTERNAL TABLE t STORED AS PARQUET LOCATION 't.parquet'")
    write(tmp_path / "t.parquet", pa.table({"a": ["x"], "b": [2.5]}))
    with pytest.raises(AssertionError, match="error: "):
        rows("FROM t")
    rows("REFRESH EXTERNAL t")
    assert rows("FROM t") == [{"a": "x", "b": 2.5}]
    with pytest.raises(AssertionError, match="NOT_FOUND"):
        rows("REFRESH EXTERNAL nothing")


@pytest.mark.parametrize("suffix", ["parquet", "arrow"])
def test_files_with_other_columns(suffix: str, tmp_path: Path, rows: Rows) -> None:
    write(tmp_path / f"d/1.{suffix}", pa.table({"a": [1], "b": ["x"]}))
    write(tmp_path / f"d/2.{suffix}", pa.table({"c": [2.5], "a": [2]}))
    reader = f"read_{suffix}(['d/1.{suffix}', 'd/2.{suffix}'], union_by_name = true, filename = true)"
    assert rows(f"SELECT a, b, c, filename LIKE '%{suffix}' AS f FROM {reader} ORDER BY a") == [
        {"a": 1, "b": "x", "c": None, "f": True},
        {"a": 2, "b": None, "c": 2.5, "f": True},
    ]
    assert rows(f"SELECT count(*) AS n FROM {reader} WHERE c > 2") == [{"n": 1}]
    rows(f"CREATE EXTERNAL TABLE t STORED AS {suffix} LOCATION 'd' OPTIONS (union_by_name true)")
    assert rows("SELECT a, c FROM t WHERE b IS NULL") == [{"a": 2, "c": 2.5}]


@pytest.mark.parametrize("suffix", ["parquet", "arrow", "npy"])
def test_partitions_by_level(suffix: str, tmp_path: Path, rows: Rows) -> None:
    for year in (2023, 2024):
        for month in ("01", "02"):
            write(tmp_path / f"d/{year}/{month}/x.{suffix}", pa.table({"a": [year]}))
    rows(f"CREATE EXTERNAL TABLE t STORED AS {suffix} LOCATION 'd' PARTITIONED BY (year INT, month INT)")
    assert rows("SELECT month, count(*) AS n FROM t WHERE year = 2024 GROUP BY month ORDER BY month") == [
        {"month": 1, "n": 1},
        {"month": 2, "n": 1},
    ]
    assert rows(f"SELECT count(*) AS n FROM 'd/*/02/*.{suffix}'") == [{"n": 2}]
    assert rows(f"SELECT count(*) AS n FROM 'd/**/*.{suffix}'") == [{"n": 4}]
