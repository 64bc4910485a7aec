"""COPY with its options: what goes out comes in again, with and without parentheses."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

SETUP = "CREATE TABLE t AS SELECT range AS k, 'g' || range % 3 AS g FROM range(1000);"


Run = Callable[..., "subprocess.CompletedProcess[str]"]


def rows(done: subprocess.CompletedProcess[str]) -> list[str]:
    """The lines of a result without its header."""
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[1:]


@pytest.mark.parametrize(
    "options",
    [
        "FORMAT PARQUET COMPRESSION ZSTD(level=3)",
        "WITH FORMAT parquet COMPRESSION zstd",
        "FORMAT PARQUET, COMPRESSION ZSTD(3)",
        "(FORMAT PARQUET, COMPRESSION ZSTD, COMPRESSION_LEVEL 3)",
    ],
)
@pytest.mark.parametrize("source", ["t", "(SELECT k, g FROM t)", "t(k, g)"])
def test_compressed_parquet(sql: Run, tmp_path: Path, options: str, source: str) -> None:
    """Both forms write the same."""
    assert rows(sql(f"{SETUP} COPY {source} TO 'o.parquet' {options}")) == []
    file = pq.ParquetFile(tmp_path / "o.parquet")
    assert file.metadata.num_rows == 1000
    assert file.metadata.row_group(0).column(0).compression == "ZSTD"


def test_options_without_parentheses(sql: Run, tmp_path: Path) -> None:
    """Flags, lists and texts are options too."""
    rows(sql(f"{SETUP} COPY t TO 'out' FORMAT PARQUET PARTITION_BY (g) OVERWRITE_OR_IGNORE"))
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["g=g0", "g=g1", "g=g2"]
    rows(sql("COPY t TO 'o.csv' FORMAT CSV HEADER DELIMITER ';' QUOTE '\"'"))
    assert (tmp_path / "o.csv").read_text().splitlines()[:2] == ["k;g", "0;g0"]
    rows(sql("CREATE TABLE back(k BIGINT, g VARCHAR); COPY back FROM 'o.csv' DELIMITER ';' HEADER"))
    assert rows(sql("SELECT count(*) FROM (FROM back EXCEPT FROM t)")) == ["0"]


def test_partitioned(sql: Run, tmp_path: Path) -> None:
    """PARTITION_BY with APPEND and OVERWRITE."""
    copy = "COPY t TO 'out' (FORMAT PARQUET, PARTITION_BY (g)"
    rows(sql(f"{SETUP} {copy})"))
    assert sql(f"{copy})").returncode == 1  # not over what is there
    rows(sql(f"{copy}, APPEND)"))
    assert rows(sql("SELECT count(*) FROM 'out/*/*.parquet'")) == ["2000"]
    rows(sql(f"{copy}, OVERWRITE)"))
    assert rows(sql("SELECT count(*), count(DISTINCT g) FROM 'out/*/*.parquet'")) == ["1000,3"]


def test_per_thread_output(sql: Run, tmp_path: Path) -> None:
    """A folder of files."""
    rows(sql(f"{SETUP} COPY t TO 'out' (FORMAT PARQUET, PER_THREAD_OUTPUT)"))
    assert list((tmp_path / "out").glob("*.parquet"))
    assert rows(sql("SELECT count(*) FROM 'out/*.parquet'")) == ["1000"]


def test_returns_files_and_statistics(sql: Run) -> None:
    """RETURN_FILES names them, RETURN_STATS describes them."""
    files = rows(sql(f"{SETUP} COPY t TO 'o.parquet' (RETURN_FILES)"))
    assert files[0].startswith("1000,") and "o.parquet" in files[0]
    stats = rows(sql("COPY t TO 'o2.parquet' (RETURN_STATS)"))
    assert stats[0].startswith("o2.parquet,1000,")


def test_from_with_columns_and_errors(sql: Run, tmp_path: Path) -> None:
    """Named columns, lines that are skipped, lines that are kept aside."""
    (tmp_path / "p.csv").write_text("name,age\nann,31\nbob,old\ncat,7\n")
    create = "CREATE TABLE p(age INTEGER, name VARCHAR, note VARCHAR DEFAULT 'none');"
    done = sql(f"{create} COPY p(name, age) FROM 'p.csv' (HEADER)")
    assert done.returncode == 1 and "old" in done.stderr
    assert rows(sql("SELECT count(*) FROM p")) == ["0"]
    rows(sql("COPY p(name, age) FROM 'p.csv' (HEADER, IGNORE_ERRORS)"))
    assert rows(sql("SELECT name, age, note FROM p ORDER BY name")) == ["ann,31,none", "cat,7,none"]
    rejects = sql(
        "DELETE FROM p; COPY p(name, age) FROM 'p.csv' (HEADER, STORE_REJECTS);"
        "SELECT line, column_name FROM reject_errors"
    )
    assert rows(rejects) == ["3,age"]


def test_database(sql: Run) -> None:
    """COPY FROM DATABASE goes both ways."""
    rows(sql(f"{SETUP} ATTACH 'other.duckdb' AS other; COPY FROM DATABASE pyralog TO other"))
    rows(sql("DROP TABLE t; ATTACH 'other.duckdb' AS other; COPY FROM DATABASE other TO pyralog;"))
    assert rows(sql("SELECT count(*), sum(k) FROM t")) == ["1000,499500"]
