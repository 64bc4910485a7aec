"""Files that change between two statements of one connection."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pyralog
import pytest

# Longer than a footer has to be old to be kept.
OLD = 2.2


def write(path: Path, values: list[int]) -> os.stat_result:
    pq.write_table(pa.table({"x": pa.array(values, pa.int64())}), path)
    return path.stat()


def answer(connection: pyralog.Connection, path: Path, value: int) -> tuple[object, ...]:
    row = connection.execute(f"SELECT count(*) FILTER (x = {value}), min(x) FROM read_parquet('{path}')").fetchone()
    assert row is not None
    found = connection.execute(f"SELECT count(*) FROM read_parquet('{path}') WHERE x = {value}").fetchone()
    assert found is not None
    return (*row, *found)


def test_a_file_written_over_in_place_is_read_anew(tmp_path: Path) -> None:
    # Of one size and inode, and mostly within one second: what DuckDB's own tag of a version tells apart.
    path = tmp_path / "f.parquet"
    with pyralog.connect() as connection:
        inodes, sizes = set(), set()
        for first in range(0, 100, 10):
            state = write(path, [first + 1, first + 2, first + 3])
            inodes.add(state.st_ino)
            sizes.add(state.st_size)
            assert answer(connection, path, first + 2) == (1, first + 1, 1)
        assert (len(inodes), len(sizes)) == (1, 1)


def test_a_file_of_the_same_time_and_size_is_read_anew(tmp_path: Path) -> None:
    path = tmp_path / "f.parquet"
    with pyralog.connect() as connection:
        state = write(path, [1, 2, 3])
        time.sleep(OLD)
        assert answer(connection, path, 2) == (1, 1, 1)
        write(path, [7, 8, 9])
        os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
        time.sleep(OLD)
        assert answer(connection, path, 8) == (1, 7, 1)


def test_an_older_file_in_its_place_is_read(tmp_path: Path) -> None:
    path, older = tmp_path / "f.parquet", tmp_path / "older.parquet"
    with pyralog.connect() as connection:
        write(older, [7, 8, 9])
        write(path, [1, 2, 3])
        time.sleep(OLD)
        assert answer(connection, path, 2) == (1, 1, 1)
        older.rename(path)
        assert answer(connection, path, 8) == (1, 7, 1)


def test_what_one_key_opened_is_closed_to_another(tmp_path: Path) -> None:
    path = tmp_path / "f.parquet"
    with pyralog.connect() as connection:
        connection.execute("SET force_mbedtls_unsafe = 'true'")
        connection.execute("PRAGMA add_parquet_key('right', '0123456789112345')")
        connection.execute("PRAGMA add_parquet_key('wrong', '9123456789112345')")
        connection.execute(f"COPY (SELECT 7 AS x) TO '{path}' (ENCRYPTION_CONFIG {{footer_key: 'right'}})")
        time.sleep(OLD)

        def rows(key: str) -> list[tuple[object, ...]]:
            call = f"read_parquet('{path}', encryption_config = {{footer_key: '{key}'}})"
            return connection.execute(f"SELECT count(*), min(x) FROM {call}").fetchall()

        assert rows("right") == [(1, 7)]
        with pytest.raises(pyralog.DataError, match="key"):
            rows("wrong")
        with pytest.raises(pyralog.NotSupportedError, match="its footer is encrypted"):
            connection.execute(f"SELECT count(*) FROM read_parquet('{path}')")
        assert rows("right") == [(1, 7)]


def test_nan_is_found_in_files_whose_bounds_leave_it_out(tmp_path: Path) -> None:
    path = tmp_path / "f.parquet"
    pq.write_table(pa.table({"f": [1.5, 0.0, float("nan")], "g": pa.array([1, 2, 3], pa.float32())}), path)
    nan = "'nan'::DOUBLE"
    conditions = ["f > 1.5", f"f = {nan}", "isnan(f)", "f >= 2", f"f BETWEEN 2 AND {nan}", f"f IN (3, {nan})"]
    with pyralog.connect() as connection:
        for condition in conditions:
            rows = connection.execute(f"SELECT count(*) FROM '{path}' WHERE {condition}").fetchall()
            assert rows == [(1,)], condition
        assert connection.execute(f"SELECT isnan(max(f)), min(f), max(g) FROM '{path}'").fetchall() == [(True, 0, 3)]


def test_null_is_distinct_in_row_groups_of_nulls(tmp_path: Path) -> None:
    path = tmp_path / "f.parquet"
    values = [None] * 10 + [5] * 5 + [None] * 5
    pq.write_table(pa.table({"b": pa.array(values, pa.int32())}), path, row_group_size=10)
    with pyralog.connect() as connection:
        for condition in ["b IS DISTINCT FROM 5 OR b = 5", "b IS DISTINCT FROM 5 OR b IS DISTINCT FROM 6"]:
            rows = connection.execute(f"SELECT count(*) FROM '{path}' WHERE {condition}").fetchall()
            assert rows == [(20,)], condition
        rows = connection.execute(f"SELECT count(*) FROM '{path}' WHERE b IS DISTINCT FROM 5 OR b > 7").fetchall()
        assert rows == [(15,)]
        pq.write_table(pa.table({"b": pa.nulls(3, pa.int32())}), path)
        assert (
            connection.execute(f"SELECT b FROM '{path}' WHERE b IS DISTINCT FROM 5 OR b = 5").fetchall()
            == [(None,)] * 3
        )
        pq.write_table(pa.table({"b": pa.array([5, None], pa.int32())}), path)
        assert connection.execute(f"SELECT b FROM '{path}' WHERE b IS DISTINCT FROM 5 OR b <> 5").fetchall() == [
            (None,)
        ]
