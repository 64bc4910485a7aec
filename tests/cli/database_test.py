"""Databases that cannot be opened, are damaged, or take no writes; inspect and verify."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., "subprocess.CompletedProcess[str]"]

SECTOR = 512  # bytes of a log that are written at once


@pytest.fixture
def stock(sql: Run, tmp_path: Path) -> Path:
    """A database with rows in segments and rows in the log."""
    done = sql(
        "CREATE TABLE stock (id INTEGER PRIMARY KEY, name VARCHAR NOT NULL, count INTEGER);"
        "INSERT INTO stock SELECT range, 'item ' || range, range * 2 FROM range(10000); CHECKPOINT;"
        "INSERT INTO stock VALUES (-1, 'recent', 0);"
        "CREATE VIEW few AS SELECT * FROM stock WHERE count < 10"
    )
    assert (done.returncode, done.stderr) == (0, "")
    return tmp_path / "db"


def one_file(folder: Path, pattern: str) -> Path:
    """The largest file of this pattern."""
    return max(folder.glob(pattern), key=lambda path: path.stat().st_size)


def flip(path: Path, offset: int) -> None:
    """Flips the lowest bit of a byte."""
    data = bytearray(path.read_bytes())
    data[offset] ^= 1
    path.write_bytes(data)


def killed(binary: str, folder: Path, statements: str) -> None:
    """Runs statements and kills the process behind them, so that the log is not closed."""
    command = [binary, "sql", "--db", str(folder), "-f", "-"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(f"{statements}; SELECT 'done' AS x;\n".encode())
        process.stdin.flush()
        assert process.stdout.readline() == b"x\n"
        process.send_signal(signal.SIGKILL)


def test_a_missing_database_is_made_only_for_writing(pyralog: Run, tmp_path: Path) -> None:
    for arguments in (["sql", "--readonly", "--db", "none", "-c", "SELECT 1"], ["verify", "none"]):
        done = pyralog(*arguments)
        assert done.returncode == 3
        assert done.stderr.startswith("error: NOT_FOUND: ") and "none" in done.stderr
    assert pyralog("inspect", "none").returncode == 2
    assert list(tmp_path.iterdir()) == []
    assert pyralog("sql", "--db", "none", "-c", "SELECT 1").returncode == 0
    assert (tmp_path / "none" / "CURRENT").exists()


def test_a_file_is_no_database(pyralog: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    done = pyralog("sql", "--db", "file", "-c", "SELECT 1")
    assert done.returncode == 3
    assert done.stderr.startswith("error: INVALID_ARGUMENT: ") and "FROM 'file'" in done.stderr
    assert (tmp_path / "file").read_text() == "x"


def test_the_second_process_is_told_that_the_database_is_in_use(binary: str, pyralog: Run, stock: Path) -> None:
    command = [binary, "sql", "--db", str(stock), "-f", "-"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(b"SELECT 1 AS x;\n")
        process.stdin.flush()
        assert process.stdout.readline() == b"x\n"
        for arguments in (["sql", "--db", "db", "-c", "SELECT 1"], ["verify", "db"], ["inspect", "db"]):
            done = pyralog(*arguments)
            assert done.returncode == 3
            assert done.stderr.startswith("error: LOCKED: ") and "db" in done.stderr
        process.stdin.close()
        assert process.wait(30) == 0
    assert pyralog("sql", "--db", "db", "-c", "SELECT 1").returncode == 0


def test_read_only(sql: Run, stock: Path) -> None:
    assert sql("SELECT count(*) AS n FROM stock", "--readonly").stdout == "n\n10001\n"
    done = sql("INSERT INTO stock VALUES (-2, 'no', 0)", "--readonly")
    assert done.returncode == 1 and done.stderr.startswith("error: READ_ONLY: ")
    assert sql("DROP TABLE stock", "--readonly").returncode == 1
    assert sql("SELECT count(*) AS n FROM stock").stdout == "n\n10001\n"


@pytest.mark.parametrize("durability", ["full", "normal", "off"])
def test_a_clean_end_keeps_everything(sql: Run, durability: str) -> None:
    for i in range(3):
        done = sql(f"CREATE TABLE IF NOT EXISTS t (a INTEGER); INSERT INTO t VALUES ({i})", "--durability", durability)
        assert (done.returncode, done.stderr) == (0, "")
    assert sql("SELECT sum(a) AS s FROM t").stdout == "s\n3\n"


def test_inspect_tells_what_the_database_is_made_of(pyralog: Run, stock: Path) -> None:
    done = pyralog("inspect", "db")
    assert (done.returncode, done.stderr) == (0, "")
    for part in (
        "table main.stock: 10001 rows",
        "view main.few",
        "NOT NULL",
        "VARCHAR",
        ".arrow",
        "10000 rows",
        "wal/",
    ):
        assert part in done.stdout, done.stdout
    assert "recovery: nothing had to be repaired" in done.stdout


def test_verify_finds_nothing_wrong(pyralog: Run, stock: Path) -> None:
    done = pyralog("verify", "db")
    assert (done.returncode, done.stderr) == (0, "")


def test_stats_counts_files_and_rows(pyralog: Run, stock: Path) -> None:
    done = pyralog("stats", "db", "--out", "jsonl")
    assert (done.returncode, done.stderr) == (0, "")
    tables = {row["name"]: row for row in map(json.loads, done.stdout.splitlines())}
    assert tables["stock"]["stored_rows"] == 10000 and tables["stock"]["files"] >= 1
    assert tables["(log and lists)"]["bytes"] > 0
    assert "│ stock" in pyralog("stats", "db", "--out", "box").stdout
    assert pyralog("stats", "none").returncode == 3


def test_a_cut_segment_is_reported(pyralog: Run, sql: Run, stock: Path) -> None:
    segment = one_file(stock, "hot/*/*.arrow")
    segment.write_bytes(segment.read_bytes()[: segment.stat().st_size // 2])
    for done, codes in ((pyralog("verify", "db"), {2}), (sql("SELECT sum(count), max(name) FROM stock"), {1, 3})):
        assert done.returncode in codes
        assert done.stderr.startswith("error: DAMAGED: ") and segment.name in done.stderr


def test_a_flipped_bit_in_a_segment_is_reported(pyralog: Run, sql: Run, stock: Path) -> None:
    segment = one_file(stock, "hot/*/*.arrow")
    flip(segment, segment.stat().st_size // 2)
    query = "SELECT sum(count), sum(id), max(name) FROM stock"
    for done, codes in ((pyralog("verify", "db"), {2}), (sql(query), {1, 3})):
        assert done.returncode in codes
        assert done.stderr.startswith("error: DAMAGED: ") and segment.name in done.stderr


def test_a_flipped_bit_in_the_log_is_reported(pyralog: Run, sql: Run, stock: Path) -> None:
    log = max(stock.glob("wal/*.wal"))
    flip(log, SECTOR + 40)
    for done, code in ((pyralog("verify", "db"), 2), (sql("SELECT 1"), 3), (pyralog("inspect", "db"), 3)):
        assert done.returncode == code
        assert done.stderr.startswith("error: DAMAGED: ") and log.name in done.stderr
        assert "restore the database from a backup" in done.stderr


def test_a_torn_log_tail_is_cut_and_told(binary: str, sql: Run, tmp_path: Path) -> None:
    killed(binary, tmp_path / "db", "CREATE TABLE t (a INTEGER); INSERT INTO t VALUES (1), (2)")
    log = max((tmp_path / "db").glob("wal/*.wal"))
    data = bytearray(log.read_bytes())
    end = max(at for at in range(0, len(data), SECTOR) if any(data[at : at + SECTOR])) + SECTOR
    data[end : end + 100] = b"x" * 100  # a sector that was not written to its end
    log.write_bytes(data)
    done = sql("SELECT count(*) AS n FROM t")
    assert (done.returncode, done.stdout) == (0, "n\n2\n")
    notices = done.stderr.splitlines()
    assert len(notices) == 1 and notices[0].startswith("notice: ") and log.name in notices[0] and str(end) in notices[0]
    again = sql("SELECT count(*) AS n FROM t")
    assert (again.returncode, again.stdout, again.stderr) == (0, "n\n2\n", "")


def test_opening_takes_less_than_a_second(sql: Run, stock: Path) -> None:
    start = time.monotonic()
    assert sql("SELECT 1").returncode == 0
    assert time.monotonic() - start < 5  # the machine is shared
