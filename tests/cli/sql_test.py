"""`pyralog sql`: statements in, results out, and how it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

Run = Callable[..., "subprocess.CompletedProcess[str]"]

VALUES = """SELECT 9007199254740993 AS i, 0.1::DOUBLE AS f, 'nan'::DOUBLE AS nan, '-inf'::FLOAT AS inf,
  12.50::DECIMAL(10,2) AS d, 'größe, "漢字" 🙂' AS s, '' AS e, '\\xAA\\x00'::BLOB AS b, DATE '2020-02-29' AS day,
  TIME '01:02:03' AS t, TIMESTAMP '2020-01-02 03:04:05' AS ts, {'a': [1, NULL], 'b': 'x'} AS n,
  MAP {'k': 1} AS m, NULL::INTEGER AS nothing, true AS yes"""


def test_csv_is_the_default_of_a_pipe(pyralog: Run) -> None:
    done = pyralog("sql", "-c", VALUES)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (
        "i,f,nan,inf,d,s,e,b,day,t,ts,n,m,nothing,yes\n"
        '9007199254740993,0.1,NaN,-Infinity,12.50,"größe, ""漢字"" 🙂","",qgA=,2020-02-29,01:02:03,'
        '2020-01-02 03:04:05,"{""a"":[1,null],""b"":""x""}","{""k"":1}",,true\n'
    )


def test_json_lines(pyralog: Run) -> None:
    done = pyralog("sql", "--out", "jsonl", "-c", VALUES)
    assert done.returncode == 0
    assert json.loads(done.stdout) == {
        "i": 9007199254740993,
        "f": 0.1,
        "nan": "NaN",
        "inf": "-Infinity",
        "d": "12.50",
        "s": 'größe, "漢字" 🙂',
        "e": "",
        "b": "qgA=",
        "day": "2020-02-29",
        "t": "01:02:03",
        "ts": "2020-01-02T03:04:05",
        "n": {"a": [1, None], "b": "x"},
        "m": {"k": 1},
        "nothing": None,
        "yes": True,
    }


def test_arrow_is_a_stream_for_each_result(binary: str) -> None:
    statements = "SELECT 1 AS a, NULL AS n; CREATE TABLE t (x INTEGER); SELECT 'x' AS b FROM range(3)"
    done = subprocess.run([binary, "sql", "--out", "arrow", "-c", statements], capture_output=True, check=True)
    stream = pa.BufferReader(done.stdout)
    assert pa.ipc.open_stream(stream).read_all().column("a").to_pylist() == [1]
    assert pa.ipc.open_stream(stream).read_all().column("b").to_pylist() == ["x"] * 3
    assert stream.tell() == stream.size()


def test_box(pyralog: Run) -> None:
    done = pyralog("sql", "--out", "box", "-c", "SELECT 10 AS n, '漢字' AS text UNION ALL SELECT NULL, 'a' ORDER BY n")
    assert done.stdout == (
        "┌─────────┬─────────┐\n│       n │ text    │\n│ integer │ varchar │\n├─────────┼─────────┤\n"
        "│      10 │ 漢字    │\n│    NULL │ a       │\n└─────────┴─────────┘\n"
    )


def test_box_shows_forty_rows_and_tells_how_many_there_are(pyralog: Run) -> None:
    query = "SELECT * FROM range(1000)"
    assert pyralog("sql", "--out", "box", "-c", query).stdout.endswith(
        "│     39 │\n└────────┘\n... 1000 rows (40 shown)\n"
    )
    assert pyralog("sql", "--out", "box", "--max-rows", "0", "-c", query).stdout.endswith("│    999 │\n└────────┘\n")


def test_box_shows_what_a_terminal_would_act_on(pyralog: Run) -> None:
    done = pyralog("sql", "--out", "box", "-c", "SELECT chr(27) || '[31m' || chr(10) AS x")
    assert "│ \\x1b[31m\\n │" in done.stdout


def test_markdown(pyralog: Run) -> None:
    done = pyralog("sql", "--out", "markdown", "-c", "SELECT 1 AS n, 'a|b' AS t")
    assert done.stdout == "| n | t |\n| ---: | --- |\n| 1 | a\\|b |\n"


def test_line(pyralog: Run) -> None:
    done = pyralog("sql", "--out", "line", "-c", "SELECT 1 AS id, NULL AS name")
    assert done.stdout == "  id = 1\nname = NULL\n"


def test_a_plan_is_plain_text(pyralog: Run) -> None:
    done = pyralog("sql", "--out", "box", "-c", "EXPLAIN SELECT 42 AS answer")
    assert "answer" in done.stdout
    assert "explain_value" not in done.stdout and "│ physical_plan" not in done.stdout


def test_statements_that_change_rows_write_no_rows(sql: Run) -> None:
    statements = """CREATE TABLE t (a INTEGER PRIMARY KEY); INSERT INTO t VALUES (1), (2); UPDATE t SET a = a + 10;
        DELETE FROM t WHERE a = 11; BEGIN; INSERT INTO t VALUES (5); COMMIT;
        CREATE TABLE u AS SELECT * FROM t; SELECT a FROM t ORDER BY a"""
    assert sql(statements).stdout == "a\n5\n12\n"
    assert sql('INSERT INTO t VALUES (7) RETURNING a AS "Count"').stdout == "Count\n7\n"
    assert sql("INSERT INTO t VALUES (8)", "--out", "box").stdout == "1 row changed\n"
    assert sql("DELETE FROM t", "--out", "box").stdout == "4 rows changed\n"
    assert sql("CREATE TABLE v AS SELECT 1 AS x", "--out", "jsonl").stdout == ""


def test_the_first_error_ends_the_run(sql: Run) -> None:
    done = sql("CREATE TABLE t (a INTEGER); SELECT 1 AS one; INSERT INTO nowhere VALUES (1); INSERT INTO t VALUES (1)")
    assert done.returncode == 1
    assert done.stdout == "one\n1\n"
    assert done.stderr.startswith("error: NOT_FOUND: ")
    assert sql("SELECT count(*) AS n FROM t").stdout == "n\n0\n"


@pytest.mark.parametrize(
    ("statements", "code"),
    [
        ("SELEC 1", "INVALID_ARGUMENT"),
        ("SELECT 'open", "INVALID_ARGUMENT"),
        ("SELECT * FROM nowhere", "NOT_FOUND"),
        ("CREATE TABLE t (a INTEGER); CREATE TABLE t (a INTEGER)", "ALREADY_EXISTS"),
        ("CREATE TABLE t (a INTEGER PRIMARY KEY); INSERT INTO t VALUES (1), (1)", "CONSTRAINT"),
        ("CREATE TABLE t (a INTEGER NOT NULL); INSERT INTO t VALUES (NULL)", "CONSTRAINT"),
        ("COMMIT", "TRANSACTION"),
        ("INSTALL httpfs", "NOT_SUPPORTED"),
        (".nonsense", "INVALID_ARGUMENT"),
    ],
)
def test_errors_carry_their_code(pyralog: Run, statements: str, code: str) -> None:
    done = pyralog("sql", "-c", statements)
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: {code}: ")
    assert done.stdout == ""


def test_nothing_hides_behind_a_nul(pyralog: Run) -> None:
    done = pyralog("sql", stdin="SELECT 1 AS a;\0SELECT 2 AS b;\n")
    assert (done.returncode, done.stdout) == (1, "a\n1\n")
    assert done.stderr.startswith("error: INVALID_ARGUMENT: byte 1 of the statement is NUL")


def test_a_commit_that_rolled_back_is_an_error(pyralog: Run) -> None:
    insert = "INSERT INTO t VALUES (1);\n"
    statements = f"CREATE TABLE t (a INTEGER PRIMARY KEY);\nBEGIN;\n{insert}{insert}COMMIT;\n"
    done = pyralog("sql", "--db", "db", "-c", statements)
    assert done.returncode == 1 and "CONSTRAINT" in done.stderr
    assert pyralog("sql", "--db", "db", "-c", "SELECT count(*) AS n FROM t").stdout == "n\n0\n"


def test_an_open_transaction_is_rolled_back_at_the_end(sql: Run) -> None:
    assert sql("CREATE TABLE t (a INTEGER); BEGIN; INSERT INTO t VALUES (1)").returncode == 0
    assert sql("SELECT count(*) AS n FROM t").stdout == "n\n0\n"


def test_inputs_run_in_the_order_given(pyralog: Run, tmp_path: Path) -> None:
    (tmp_path / "two.sql").write_text("-- a file; with a comment\nSELECT 2 AS x;\n")
    done = pyralog(
        "sql",
        "-c",
        "SELECT 1 AS x",
        "-f",
        "two.sql",
        "-c",
        "--comment\nSELECT 3 AS x",
        "-f",
        "-",
        stdin="SELECT 4 AS x",
    )
    assert done.stdout == "x\n1\nx\n2\nx\n3\nx\n4\n"


def test_stdin_is_a_script(pyralog: Run) -> None:
    done = pyralog("db", stdin="SELECT $tag$a;b$tag$ AS x;\n.mode jsonl\nSELECT 1\nAS y;\n.nonsense\nSELECT 2;")
    assert done.stdout == 'x\na;b\n{"y":1}\n'
    assert done.returncode == 1 and "there is no command .nonsense" in done.stderr


def test_each_result_is_there_before_the_next_statement_is_read(binary: str) -> None:
    with subprocess.Popen(
        [binary, "sql", "-f", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        for i in range(3):
            process.stdin.write(f"SELECT {i} AS x;\n")
            process.stdin.flush()
            assert process.stdout.readline() == "x\n"
            assert process.stdout.readline() == f"{i}\n"
        process.stdin.close()
        assert process.wait(30) == 0


def test_a_file_that_cannot_be_read_is_named(pyralog: Run) -> None:
    done = pyralog("sql", "-f", "missing.sql")
    assert done.returncode == 1
    assert done.stderr == "error: NOT_FOUND: missing.sql: No such file or directory\n"
    assert pyralog("sql", "-f", ".").returncode == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["--nonsense"],
        ["sql", "--out", "nonsense"],
        ["sql", "--durability", "some"],
        ["sql", "--memory-limit", "much"],
        ["sql", "-c"],
        ["cat"],
        ["cat", "a", "b"],
        ["cat", "a", "--limit", "-1"],
        ["cat", "a", "--timeout", "soon"],
        ["inspect"],
        ["sqll"],
    ],
)
def test_usage(pyralog: Run, arguments: list[str]) -> None:
    done = pyralog(*arguments)
    assert (done.returncode, done.stdout) == (64, "")
    assert done.stderr.startswith("error: ")


def test_what_is_misspelt_is_answered_with_the_nearest(pyralog: Run) -> None:
    for arguments, nearest in (
        (["sqll"], "did you mean sql?"),
        (["cat", "x", "--limti", "3"], "did you mean --limit?"),
        (["sql", "--durabilty=full"], "did you mean --durability?"),
    ):
        done = pyralog(*arguments)
        assert done.returncode == 64 and nearest in done.stderr


def test_help_and_version(pyralog: Run) -> None:
    assert pyralog("--help").returncode == 0
    assert "--select" in pyralog("cat", "--help").stdout
    version = pyralog("version").stdout
    assert version.splitlines()[0] + "\n" == pyralog("--version").stdout
    for part in ("pyralog ", "DuckDB  v1.5", "Arrow   26.", "SIMD    ", "built   "):
        assert part in version


def test_a_reader_that_leaves_is_no_failure(binary: str) -> None:
    command = f"'{binary}' sql -c 'SELECT * FROM range(10000000)' | head -n 2; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "range\n0\n0\n"
    assert done.stderr == ""


def test_a_full_disk_below_stdout_is_reported(binary: str) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [binary, "sql", "-c", "SELECT 1"], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 1
    assert done.stderr.startswith("error: NO_SPACE: stdout: ")


def test_closed_descriptors_do_no_harm(binary: str, tmp_path: Path) -> None:
    statements = "CREATE TABLE t (a INTEGER); INSERT INTO t VALUES (1); SELECT * FROM t"
    command = f"'{binary}' sql --db db -c '{statements}' <&- >&- 2>&-"
    assert subprocess.run(["bash", "-c", command], cwd=tmp_path, check=False).returncode == 1
    done = subprocess.run(
        [binary, "sql", "--db", "db", "-c", "SELECT * FROM t"], cwd=tmp_path, capture_output=True, check=True
    )
    assert done.stdout == b"a\n1\n"


def test_ctrl_c_ends_a_run_with_130(binary: str) -> None:
    slow = "SELECT 1 AS x; SELECT count(*) FROM range(10000000) a, range(10000000) b; SELECT 2"
    with subprocess.Popen(
        [binary, "sql", "-c", slow], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        assert [process.stdout.readline(), process.stdout.readline()] == ["x\n", "1\n"]
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130
        assert process.stdout.read() == ""
        assert process.stderr.read() == "error: INTERRUPTED: cancelled by Ctrl-C\n"


def test_ctrl_c_while_waiting_for_statements(binary: str) -> None:
    with subprocess.Popen(
        [binary, "sql", "-f", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(b"SELECT 1 AS x;\n")
        process.stdin.flush()
        assert process.stdout.readline() == b"x\n"
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130


def test_the_memory_limit_is_kept(pyralog: Run) -> None:
    query = "SELECT count(*) FROM (SELECT DISTINCT hash(range)::VARCHAR || repeat('x', 100) FROM range(3000000))"
    done = pyralog("sql", "--memory-limit", "8MiB", "--threads", "1", "-c", f"SET temp_directory = ''; {query}")
    assert done.returncode == 1
    assert done.stderr.startswith("error: MEMORY_LIMIT: ")
    assert done.stderr.endswith(
        "; raise memory_limit, lower threads, or let the statement use the disk (temp_directory)\n"
    )


def test_nothing_is_left_running(binary: str, tmp_path: Path) -> None:
    start = time.monotonic()
    environment = dict(os.environ, XDG_STATE_HOME=str(tmp_path))
    subprocess.run([binary, "sql", "-c", "SELECT 1"], env=environment, capture_output=True, check=True)
    assert time.monotonic() - start < 20
    assert list(tmp_path.iterdir()) == []


def test_long_lines_take_linear_time(pyralog: Run) -> None:
    text = "x" * (32 << 20)
    start = time.monotonic()
    done = pyralog("sql", stdin=f"SELECT length('{text}') AS n; " + "SELECT 1;" * 100)
    assert done.stdout.startswith(f"n\n{32 << 20}\n1\n1\n")
    assert time.monotonic() - start < 30


def test_dot_commands_stand_between_statements(pyralog: Run) -> None:
    done = pyralog("sql", "-c", ".mode jsonl\nSELECT '\n.mode csv\n' AS x;\n.mode csv\nSELECT 1 AS a")
    assert done.stdout == '{"x":"\\n.mode csv\\n"}\na\n1\n'
