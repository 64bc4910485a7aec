"""Dot commands and modes in scripts."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def test_results_go_to_files_whose_names_say_the_mode(pyralog: Run, tmp_path: Path) -> None:
    script = """.mode box
.once one.csv
SELECT 1 AS a, 'x,y' AS b;
.once two.parquet
SELECT * FROM range(3);
.once three.json
SELECT 3 AS c;
.output all.md
SELECT 4 AS d;
SELECT 5 AS e;
.output
.mode line
SELECT 6 AS f;
.once six.csv
SELECT 6 AS f;
.once |cat >piped
SELECT 7 AS g;
"""
    done = pyralog("sql", stdin=script)
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "f = 6\n")
    assert (tmp_path / "one.csv").read_text() == 'a,b\n1,"x,y"\n'
    assert pq.read_table(tmp_path / "two.parquet").column(0).to_pylist() == [0, 1, 2]
    assert json.loads((tmp_path / "three.json").read_text()) == [{"c": 3}]
    assert (tmp_path / "all.md").read_text() == "| d |\n| ---: |\n| 4 |\n| e |\n| ---: |\n| 5 |\n"
    assert (tmp_path / "six.csv").read_text() == "f = 6\n"  # a mode that was asked for stays
    assert (tmp_path / "piped").read_text() == "g = 7\n"


def test_a_parquet_file_holds_one_result(pyralog: Run, tmp_path: Path) -> None:
    done = pyralog("sql", "-c", ".mode parquet\n.output x.parquet\nSELECT 1 AS a;SELECT 2 AS a;")
    assert done.returncode == 1 and "a Parquet file holds one result" in done.stderr
    assert pq.read_table(tmp_path / "x.parquet").column("a").to_pylist() == [1]


def test_import_makes_the_table_or_appends_to_it(pyralog: Run, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("id,name\n1,tea\n")
    pq.write_table(pa.table({"id": [2], "name": ["juice"]}), tmp_path / "t.parquet")
    script = (
        '.import t.csv stock\n.import t.parquet stock\n.import t.csv "main.other"\nSELECT * FROM stock ORDER BY id;'
    )
    done = pyralog("sql", stdin=script)
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "id,name\n1,tea\n2,juice\n")
    assert pyralog("sql", "-c", ".import t.csv").returncode == 1
    assert "missing.csv" in pyralog("sql", "-c", ".import missing.csv t").stderr


def test_insert_statements_make_the_rows_again(pyralog: Run) -> None:
    table = "CREATE TABLE t (a INTEGER, b VARCHAR, c DOUBLE, d BLOB, e INTEGER[], f DATE, g BOOLEAN);"
    rows = (
        "(1, 'it''s', 'nan', '\\xFF'::BLOB, [1, NULL], '2024-02-29', true), (NULL, NULL, -0.5, NULL, NULL, NULL, NULL)"
    )
    made = pyralog("sql", "-c", f"{table} INSERT INTO t VALUES {rows};\n.mode insert t\nSELECT * FROM t;").stdout
    again = pyralog("sql", "-c", f"{table} {made}\n.mode insert t\nSELECT * FROM t;").stdout
    assert again == made and made.count("INSERT INTO") == 2


def test_bail_off_goes_on_and_ends_with_the_failure(pyralog: Run) -> None:
    done = pyralog("sql", "-c", ".bail off\nSELEC;\nSELECT 1 AS a;\n.nonsense\nSELECT 2 AS a;")
    assert (done.returncode, done.stdout) == (1, "a\n1\na\n2\n")
    assert done.stderr.count("error: ") == 2


def test_echo(pyralog: Run) -> None:
    done = pyralog("sql", "--echo", "-c", "SELECT 1\nAS a;\n.print x")
    assert done.stdout == "SELECT 1\nAS a;\na\n1\n.print x\nx\n"


def test_exit_codes_of_scripts(pyralog: Run) -> None:
    done = pyralog("sql", "-c", "SELECT 1 AS a;\n.exit 9\nSELECT 2 AS b;")
    assert (done.returncode, done.stdout) == (9, "a\n1\n")
    assert pyralog("sql", "-c", ".exit 256").returncode == 1


def test_headers_and_null(pyralog: Run) -> None:
    query = "SELECT 1 AS a, NULL AS b"
    assert pyralog("sql", "--no-headers", "-c", query).stdout == "1,\n"
    assert pyralog("sql", "--out", "list", "--null", "-", "-c", query).stdout == "a|b\n1|-\n"
    assert pyralog("sql", "--out", "tsv", "-c", query).stdout == "a\tb\n1\t\n"


def test_safe_mode_reaches_nothing_beyond_the_database(pyralog: Run, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a\n1\n")
    (tmp_path / "t.sql").write_text("SELECT 1;")
    pq.write_table(pa.table({"a": [1]}), tmp_path / "t.parquet")
    assert pyralog("sql", "--db", "db", "--safe", "-c", "CREATE TABLE t (a INTEGER); SELECT * FROM t").returncode == 0
    before = sorted(path.name for path in tmp_path.iterdir())
    for line in (
        ".read t.sql",
        ".import t.csv t",
        ".output x",
        ".once x",
        ".once |cat",
        ".shell touch x",
        ".cd /",
        ".open other",
        ".pager touch x",
        "SELECT * FROM 't.csv'",
        "SELECT * FROM read_parquet('t.parquet')",
        "SELECT * FROM read_text('t.csv')",
        "SELECT * FROM glob('*')",
        "COPY t TO 'x.csv'",
        "COPY t TO 'x.arrow' (FORMAT arrow)",
        "COPY t FROM 't.csv'",
        "CREATE EXTERNAL TABLE e STORED AS PARQUET LOCATION 't.parquet'",
        "ATTACH 'x.duckdb'",
        "EXPORT DATABASE 'x'",
        "SET enable_external_access = true",
        "SET threads = 1",
    ):
        done = pyralog("sql", "--db", "db", "--safe", "-c", line)
        assert done.returncode == 1 and done.stderr.startswith("error: "), line
    assert sorted(path.name for path in tmp_path.iterdir()) == before
