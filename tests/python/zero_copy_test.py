"""Numbers of a segment become Arrow without a copy where rows follow one another; elsewhere they are the same."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyralog
import pytest

ROWS = 300_000


@pytest.fixture
def connection(tmp_path: Path) -> pyralog.Connection:
    connection = pyralog.connect(tmp_path / "db")
    connection.execute(
        f"CREATE TABLE t AS SELECT i, (i % 1000)::INTEGER AS k, i / 8 AS d, "
        f"CASE WHEN i % 5000 = 17 THEN NULL ELSE i::SMALLINT END AS n FROM (SELECT * FROM range(30000)) r(i), "
        f"range({ROWS // 30000}) ORDER BY ALL"
    )
    connection.execute("CHECKPOINT")
    return connection


def addresses(table: pa.Table, column: str) -> list[int]:
    return [chunk.buffers()[1].address for chunk in table[column].chunks]


def expected(values: range) -> list[int]:
    return [i for i in values for _ in range(ROWS // 30000)]


def test_a_scan_shares_the_memory_of_the_segment(connection: pyralog.Connection) -> None:
    first = connection.sql("SELECT * FROM t").to_arrow()
    second = connection.sql("SELECT d, i, k FROM t").to_arrow()
    for column in ("i", "k", "d"):
        assert addresses(first, column) == addresses(second, column)
    assert first["i"].to_pylist() == expected(range(30000))
    assert first["n"].to_pylist() == [None if i % 5000 == 17 else i for i in expected(range(30000))]
    first.validate(full=True)


def test_rows_that_are_picked_are_copied(connection: pyralog.Connection) -> None:
    whole = connection.sql("SELECT i FROM t").to_arrow()
    picked = connection.sql("SELECT i, n FROM t WHERE k <> 500").to_arrow()
    assert set(addresses(whole, "i")).isdisjoint(addresses(picked, "i"))
    assert picked["i"].to_pylist() == [i for i in expected(range(30000)) if i % 1000 != 500]
    picked.validate(full=True)


def test_the_rows_outlive_changes_and_the_database(connection: pyralog.Connection) -> None:
    before = connection.sql("SELECT i, k FROM t").to_arrow()
    connection.execute("UPDATE t SET k = -1 WHERE i >= 10000")
    connection.execute("DELETE FROM t WHERE i % 2 = 0")
    after = connection.sql("SELECT i, k FROM t ORDER BY i").to_arrow()
    assert after["i"].to_pylist() == [i for i in expected(range(30000)) if i % 2 == 1]
    assert after["k"].to_pylist() == [i % 1000 if i < 10000 else -1 for i in expected(range(30000)) if i % 2 == 1]
    connection.execute("DROP TABLE t")
    connection.close()
    assert before["i"].to_pylist() == expected(range(30000))
    assert before["k"].to_pylist() == [i % 1000 for i in expected(range(30000))]
