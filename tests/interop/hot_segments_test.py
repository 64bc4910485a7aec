"""Stock pyarrow, Polars and DuckDB open every hot segment, with no Pyralog installed, and read what SQL reads."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import duckdb
import polars
import pyarrow as pa
import pyarrow.ipc
import pytest

BINARY = os.environ["PYRALOG_BINARY"]
DATA = Path(os.environ["PYRALOG_DEMO_DATA"])


def run(folder: Path, sql: str) -> str:
    done = subprocess.run(
        [BINARY, "sql", "--db", "db", "--out", "csv", "-c", sql],
        cwd=folder,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's tables, flushed: strings with nulls, times, numbers; updated and deleted rows among them."""
    folder = tmp_path_factory.mktemp("segments")
    run(
        folder,
        f"""
        CREATE TABLE airports (iata VARCHAR PRIMARY KEY, name VARCHAR NOT NULL, city VARCHAR, state VARCHAR,
            country VARCHAR, latitude DOUBLE, longitude DOUBLE);
        INSERT INTO airports SELECT * FROM '{DATA}/airports.csv';
        CREATE TABLE june AS SELECT * FROM '{DATA}/flights-3m.parquet' WHERE date >= '2001-06-01';
        CREATE TABLE kinds AS SELECT i::TINYINT AS a, i::SMALLINT AS b, i AS c, i::DECIMAL(9, 2) AS d, i % 2 = 0 AS e,
            DATE '2001-01-01' + i::INTEGER AS f, i::FLOAT AS g, ('x' || i)::BLOB AS h, [i, NULL] AS k, {{'p': i}} AS l
            FROM range(100) r(i);
        CHECKPOINT;
        """,
    )
    return folder


def segments(folder: Path) -> list[Path]:
    return sorted((folder / "db" / "hot").glob("*/*.arrow"))


def test_there_is_a_segment_for_each_table(folder: Path) -> None:
    assert {path.parent.name for path in segments(folder)} == {"1", "2", "3"}


def rows_of(path: Path) -> pa.Table:
    with pa.memory_map(str(path)) as source:
        return pyarrow.ipc.open_file(source).read_all()


def test_pyarrow_reads_what_sql_reads(folder: Path) -> None:
    airports = next(t for t in map(rows_of, segments(folder)) if "iata" in t.schema.names)
    airports.validate(full=True)
    assert airports.num_rows == 3376
    wanted = run(folder, "SELECT count(*), count(state), max(name), sum(latitude)::DECIMAL(18, 6) FROM airports")
    count, states, name, latitude = wanted.splitlines()[1].split(",")
    assert int(count) == 3376
    assert int(states) == 3376 - airports["state"].null_count
    assert name == max(airports["name"].to_pylist())
    assert abs(float(latitude) - sum(airports["latitude"].to_pylist())) < 1e-3


def test_polars_reads_every_segment(folder: Path) -> None:
    for path in segments(folder):
        table = rows_of(path)
        frame = polars.read_ipc(path)
        assert frame.shape == (table.num_rows, table.num_columns)
        for name in table.schema.names:
            assert frame[name].null_count() == table[name].null_count, f"{path.name}: {name}"


def test_duckdb_reads_every_segment(folder: Path) -> None:
    connection = duckdb.connect()
    for path in segments(folder):
        table = rows_of(path)
        connection.register("segment", table)
        for name in table.schema.names:
            found = connection.execute(f'SELECT count(*), count("{name}") FROM segment').fetchall()
            assert found == [(table.num_rows, table.num_rows - table[name].null_count)], f"{path.name}: {name}"
