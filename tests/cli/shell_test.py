"""The shell, as a person at a terminal meets it."""

from __future__ import annotations

import stat
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from terminal import Terminal

ENDLESS = "SELECT count(*) FROM range(10000000) a, range(10000000) b;"


@pytest.fixture
def shell(binary: str, tmp_path: Path) -> Iterator[Terminal]:
    terminal = Terminal(binary, tmp_path, "db")
    yield terminal
    if terminal.process.poll() is None:
        terminal.process.kill()
        terminal.close()


def test_statements_and_errors(shell: Terminal) -> None:
    shell.ask("CREATE TABLE t (a INTEGER, b VARCHAR);")
    shell.ask("INSERT INTO t VALUES (1, 'größe 漢字');", "1 row changed")
    shell.ask("SELECT * FROM t;", "│       a │ b", "│ integer │ varchar", "│       1 │ größe 漢字 │")
    shell.ask("SELEC 1;", "error: INVALID_ARGUMENT: ")
    shell.send("SELECT 'a;\r")
    shell.expect("...> ")
    shell.ask("b' AS x, 2 AS y;", "│ a;\\nb   │       2 │")
    shell.ask("SELECT repeat('wide ', 100) AS w;", "… │")
    assert shell.leave() == 0


def test_types_are_shown_as_sql_writes_them(shell: Terminal) -> None:
    values = {
        "'10:00:00+01'::TIMETZ": "10:00:00+01",
        "'101'::BIT": "101",
        "INTERVAL '1 day 2 hours'": "1 day 02:00:00",
        "'ab'::BLOB || '\\x00'::BLOB": "ab\\x00",
        "{'a': 1, 'b': ['x', NULL]}": "{'a': 1, 'b': [x, NULL]}",
        "MAP {'k': 1}": "{k=1}",
        "'infinity'::TIMESTAMP": "infinity",
        "DATE '0044-03-15 (BC)'": "0044-03-15 (BC)",
        "'nan'::DOUBLE": "nan",
        "(-2)::HUGEINT ** 3 - 2**100": "-1.2676506002282294e+30",
        "170141183460469231731687303715884105727": "170141183460469231731687303715884105727",
    }
    for value, shown in values.items():
        shell.ask(f"SELECT {value} AS x;", "├", f" {shown} ")


def test_dot_commands(shell: Terminal) -> None:
    shell.ask(".help", ".databases", ".tables", prompt="history.\r\ndb> ")
    shell.ask(".help timer", ".timer [on, off]")
    shell.ask("CREATE TABLE stock (id INTEGER); CREATE VIEW few AS SELECT * FROM stock;")
    shell.ask(".tables", "few", "view", "stock", "table")
    shell.ask(".tables sto", "stock")
    shell.ask(".schema stock", "CREATE TABLE stock(id INTEGER);")
    shell.ask(".schemas", "main")
    shell.ask(".databases", "pyralog")
    shell.ask(".formats", "parquet")
    shell.ask(".tabels", "did you mean .tables?")
    shell.ask(".ma", ".ma may be .maxrows, .maxwidth")
    shell.ask(".mode", "box")
    shell.ask(".mode jsonl")
    shell.ask("SELECT 1 AS a;", '{"a":1}')
    shell.ask(".mode jsnol", "error: INVALID_ARGUMENT: ", "did you mean json")
    shell.ask(".timer on")
    shell.ask("SELECT 1 AS a;", " s, ", " 1 row\r\n")
    shell.ask(".timer off")
    shell.ask(".maxrows 2")
    shell.ask(".mo box")
    shell.ask("SELECT * FROM range(9);", "... 9 rows (2 shown)")
    shell.ask(".width 3")
    shell.ask("SELECT 'abcdef' AS x;", "│ ab… │")
    shell.ask(".changes off")
    assert "changed" not in shell.ask("INSERT INTO stock VALUES (1);")
    shell.ask(".nullvalue -")
    shell.ask(".headers off")
    shell.ask("SELECT NULL;", " - │")
    shell.ask(".show", "changes: off", "maxrows: 2", "nullvalue: '-'")
    shell.ask(".print a  b", "a  b")
    shell.ask(".shell echo out $((6 * 7))", "out 42")
    shell.ask(".read missing.sql", "error: NOT_FOUND: missing.sql")
    shell.send(".quit 7\r")
    assert shell.close() == 7


def test_open_another_database(shell: Terminal, tmp_path: Path) -> None:
    shell.ask("CREATE TABLE first (a INTEGER);")
    shell.ask(".open other", prompt="other> ")
    shell.ask("CREATE TABLE second (a INTEGER);", prompt="other> ")
    shell.ask(".open db")
    answer = shell.ask(".tables", "first")
    assert "second" not in answer
    (tmp_path / "file").write_text("x")
    shell.ask(".open file", "error: INVALID_ARGUMENT: ")
    shell.ask(".tables", "first")


def test_prompt_shows_the_transaction(shell: Terminal) -> None:
    shell.ask("BEGIN;", prompt="db*> ")
    shell.ask("CREATE TABLE t (a INTEGER);", prompt="db*> ")
    shell.ask("SELECT error('no');", "error: ", prompt="db!> ")
    shell.ask("ROLLBACK;")
    shell.ask(".prompt 'sql%t $ ' 'more> '", prompt="sql $ ")
    shell.ask("BEGIN;", prompt="sql* $ ")
    shell.ask("SELECT", prompt="more> ")


def test_ctrl_c_cancels_the_statement_and_keeps_the_shell(shell: Terminal) -> None:
    shell.send(ENDLESS + "\r")
    time.sleep(0.5)
    shell.send("\x03")
    shell.expect("error: INTERRUPTED: ", "db> ")
    shell.ask("SELECT 40 + 2 AS x;", "│      42 │")
    shell.send("SELECT 'half a\r")
    shell.expect("...> ")
    shell.send("\x03")
    shell.expect("^C", "db> ")
    for _ in range(3):
        shell.send("\x03")
        shell.expect("^C", "db> ")
    shell.ask("SELECT 40 + 3 AS x;", "│      43 │")
    shell.send(".exit\r")
    assert shell.close() == 0


def test_progress_is_shown_and_wiped_away(shell: Terminal) -> None:
    shell.send(ENDLESS + "\r")
    shell.expect("0:01")
    shell.send("\x03")
    shell.expect("\r\x1b[K", "error: INTERRUPTED: ", "db> ")
    shell.ask(".progress off")
    shell.send(ENDLESS + "\r")
    time.sleep(1.5)
    shell.send("\x03")
    assert "0:01" not in shell.expect("error: INTERRUPTED: ", "db> ")


def test_completion(shell: Terminal, tmp_path: Path) -> None:
    (tmp_path / "größen.csv").write_text("a\n1\n")
    shell.ask("CREATE TABLE warehouse (zzquantity INTEGER, zzquality INTEGER);")
    shell.ask("SELECT 1 AS one FROM wareh\t WHERE zzquanti\t = 1;", "0 rows")
    shell.ask("SELECT 2 AS two", prompt="...> ")
    shell.ask("FROM wareh\t WHERE zzquanti\t = 1;", "two", "0 rows")
    shell.send("SELECT zzqua\t\t")  # what both begin with is there: they are listed
    shell.expect("zzquality", "zzquantity", "SELECT zzqua")
    shell.send("\x03")
    shell.expect("^C", "db> ")
    shell.ask("SELECT * FROM 'grö\t;", "│      1 │")
    shell.ask("sel\t1 AS x;", "│       1 │")
    # A column of a keyword's name is offered once, without quotes.
    shell.ask("CREATE TABLE words (name VARCHAR);")
    shell.send("SELECT nam\t\t")
    assert '"name"' not in shell.expect("name ", "names", "SELECT nam")
    shell.send("\x03")
    shell.expect("^C", "db> ")
    shell.ask(".mod\t mark\t")
    shell.ask(".mode", "markdown\r\n")
    shell.send(".read gr\t")
    shell.expect("ößen.csv")
    shell.send("\x03")
    shell.expect("^C", "db> ")
    shell.send(".t\t")
    shell.expect(".tables", ".timer")


def test_history_has_whole_statements_once(shell: Terminal, binary: str, tmp_path: Path) -> None:
    shell.ask("SELECT 11 AS x;", "│      11 │")
    shell.send("SELECT\r  22\r")
    shell.expect("...> ", "...> ")
    shell.ask("AS y;", "│      22 │")
    shell.ask("SELECT 11 AS x;", "│      11 │")
    shell.send("\x1b[A\x1b[A")  # the entry before the last, whose cursor is on its last line
    shell.expect("AS y;")
    shell.ask("", "│      22 │")
    shell.send("\x1b[A")
    shell.expect("AS y;")
    # Up a line within it: the cursor is behind 22.
    shell.ask("\x1b[A\x7f\x7f33", "│      33 │")
    assert shell.leave() == 0
    lines = (tmp_path / "state" / "pyralog" / "history").read_text().splitlines()
    assert lines[-1].startswith("SELECT\\n") and "33" in lines[-1]
    again = Terminal(binary, tmp_path, "db")
    again.send("\x1b[A")
    again.expect("33", "AS y;")
    again.ask("", "│      33 │")
    assert again.leave() == 0
    lines = (tmp_path / "state" / "pyralog" / "history").read_text().splitlines()
    assert lines.count("SELECT 11 AS x;") == 1


def test_history_is_private_and_holds_no_secrets(shell: Terminal, binary: str, tmp_path: Path) -> None:
    shell.ask("SELECT 'remembered' AS x;")
    shell.ask("SELECT 'my password is x' AS x;")
    shell.ask("CREATE SECRET s (TYPE s3,", prompt="...> ")
    shell.ask("KEY_ID 'AKIA');")
    assert shell.leave() == 0
    history = tmp_path / "state" / "pyralog" / "history"
    assert stat.S_IMODE(history.stat().st_mode) == 0o600
    text = history.read_text()
    assert "remembered" in text and "password" not in text and "AKIA" not in text
    again = Terminal(binary, tmp_path, prompt="pyralog> ")
    again.send("\x1b[A\r")  # the line before
    again.expect("remembered", "pyralog> ")
    assert again.leave() == 0


def test_the_pager_gets_what_is_taller_than_the_terminal(binary: str, tmp_path: Path) -> None:
    terminal = Terminal(binary, tmp_path, "db", PAGER="sed 's/^/paged /'")
    assert "paged" not in terminal.ask("SELECT * FROM range(3);", "│      2 │")
    terminal.ask("SELECT * FROM range(40);", "paged │     39 │")
    terminal.ask(".pager off")
    assert "paged" not in terminal.ask("SELECT * FROM range(40);", "│     39 │")
    terminal.ask(".pager head -n 1")
    terminal.ask(".mode csv")
    terminal.ask("SELECT * FROM range(100000000);", "range")  # who leaves the pager ends the statement
    terminal.ask("SELECT 40 + 2 AS x;", "42")
    assert terminal.leave() == 0


def test_the_init_file_runs_first(binary: str, tmp_path: Path) -> None:
    folder = tmp_path / "config" / "pyralog"
    folder.mkdir(parents=True)
    (folder / "init.sql").write_text(".mode jsonl\nCREATE TABLE made (a INTEGER);\nSELEC;\nSELECT 'never' AS x;\n")
    first = Terminal(binary, tmp_path, "db")
    assert "error: INVALID_ARGUMENT" in first.greeting and "never" not in first.greeting
    first.ask("SELECT count(*) AS n FROM made;", '{"n":0}')
    assert first.leave() == 0
    for arguments in (["--no-init"], ["--safe"]):
        other = Terminal(binary, tmp_path, "other", *arguments, prompt="other> ")
        other.ask("SELECT * FROM made;", "error: NOT_FOUND", prompt="other> ")
        assert other.leave() == 0
    (tmp_path / "own.sql").write_text(".mode csv\n")
    own = Terminal(binary, tmp_path, "db", PYRALOG_INIT=str(tmp_path / "own.sql"))
    own.ask(".mode", "csv")
    assert own.leave() == 0
