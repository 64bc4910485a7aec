"""Threads, processes and Ctrl-C: errors instead of hangs."""

from __future__ import annotations

import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyralog
import pytest

RunPython = Callable[..., "subprocess.CompletedProcess[str]"]

LONG = "SELECT count(*) FROM range(1000000000) a(i), range(1000) b(j) WHERE a.i % 7 = b.j % 5"


def test_one_connection_for_each_thread(tmp_path: Path) -> None:
    con = pyralog.connect(tmp_path / "db", durability="off")
    con.execute("CREATE TABLE t (thread INTEGER, n INTEGER)")
    failed: list[BaseException] = []

    def work(thread: int) -> None:
        try:
            with con.duplicate() as own:
                for n in range(50):
                    own.execute("INSERT INTO t VALUES (?, ?)", [thread, n])
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert con.execute("SELECT thread, count(*) FROM t GROUP BY ALL ORDER BY ALL").fetchall() == [
        (i, 50) for i in range(4)
    ]
    con.close()


def run_long(con: pyralog.Connection, raised: list[pyralog.Error]) -> None:
    """Runs one long statement in one call; gives the error that ends it."""
    while not raised:
        try:
            con.execute(f"CREATE TABLE long AS {LONG}")
        except pyralog.OperationalError as error:
            if error.code != "TRANSACTION":  # the other thread was using the connection
                raised.append(error)


def until_busy(con: pyralog.Connection, thread: threading.Thread) -> pyralog.Error:
    """Uses the connection until the thread has it; gives the error."""
    while thread.is_alive():
        try:
            con.execute("SELECT 1")
        except pyralog.OperationalError as error:
            return error
        time.sleep(0.001)
    raise AssertionError("the thread has ended")


def test_a_connection_in_use_is_refused_and_can_be_interrupted(con: pyralog.Connection) -> None:
    raised: list[pyralog.Error] = []
    thread = threading.Thread(target=run_long, args=(con, raised))
    thread.start()
    assert "is running a statement" in str(until_busy(con, thread))
    assert sum(range(100_000)) > 0 and thread.is_alive()  # Python goes on beside it
    while thread.is_alive():  # an interrupt before the statement has begun is none
        con.interrupt()
        thread.join(0.01)
    (error,) = raised
    assert error.code == "INTERRUPTED"
    assert con.execute("SELECT 1").fetchall() == [(1,)]


def test_a_source_must_not_use_the_connection_that_reads_it(con: pyralog.Connection) -> None:
    def batches() -> Any:
        yield pa.record_batch({"a": [1]})
        con.execute("SELECT 1")

    reader = pa.RecordBatchReader.from_batches(pa.schema({"a": pa.int64()}), batches())
    with pytest.raises(pyralog.Error, match="is running a statement"):
        con.execute("SELECT sum(a) FROM reader").fetchall()


CTRL_C = f"""
import os, signal, threading, time
import pyralog
con = pyralog.connect()
before = signal.getsignal(signal.SIGINT)

def later():
    time.sleep(0.5)
    os.kill(os.getpid(), signal.SIGINT)

for use in (
    lambda: con.execute("{LONG}").fetchall(),
    lambda: con.execute("{LONG}").to_arrow(),
    lambda: con.execute("SELECT i FROM range(100000000000) t(i)").to_arrow().num_rows,
    lambda: con.executemany("SELECT ?", ([i] for i in range(10**9))),
):
    threading.Thread(target=later).start()
    try:
        use()
    except KeyboardInterrupt:
        print("interrupted")
    con.rollback()
    assert con.execute("SELECT 1").fetchall() == [(1,)]
assert signal.getsignal(signal.SIGINT) is before
"""


def test_ctrl_c_interrupts_and_the_connection_goes_on(run_python: RunPython) -> None:
    done = run_python(CTRL_C)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "interrupted\n" * 4


HANDLER = f"""
import os, signal, threading, time
import pyralog
con = pyralog.connect()
caught = []
signal.signal(signal.SIGINT, lambda *_: caught.append(1))
threading.Thread(target=lambda: (time.sleep(0.3), os.kill(os.getpid(), signal.SIGINT))).start()
try:
    con.execute("{LONG}").fetchall()
except pyralog.OperationalError as error:
    print(error.code, len(caught))
signal.signal(signal.SIGINT, signal.SIG_IGN)
os.kill(os.getpid(), signal.SIGINT)
print(con.execute("SELECT 42").fetchall())
"""


def test_a_handler_of_the_user_s_is_called(run_python: RunPython) -> None:
    done = run_python(HANDLER)
    assert (done.returncode, done.stdout) == (0, "INTERRUPTED 1\n[(42,)]\n"), done.stderr


FORK = """
import os, sys
import pyralog
folder = sys.argv[1]
con = pyralog.connect(folder)
con.execute("CREATE TABLE t (a INTEGER)")
rows = con.execute("SELECT * FROM range(1000000)")
rows.fetchone()
pid = os.fork()
if pid == 0:
    said = []
    for use in (lambda: con.execute("SELECT 1"), rows.fetchone, con.duplicate, con.begin, con.interrupt,
                lambda: pyralog.connect(folder)):
        try:
            use()
        except pyralog.OperationalError as error:
            said.append(error.code)
    del rows
    con.close()
    del con
    with pyralog.connect() as own:
        said.append(own.execute("SELECT 42").fetchall())
    print(said, flush=True)
    sys.exit(0)
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
assert len(rows.fetchall()) == 999_999
con.execute("INSERT INTO t VALUES (1)")
print(con.execute("FROM t").fetchall())
con.close()
"""


def test_a_child_is_told_to_connect_anew(run_python: RunPython, tmp_path: Path) -> None:
    done = run_python(FORK, str(tmp_path / "db"))
    assert done.returncode == 0, done.stderr
    child, parent = done.stdout.splitlines()
    assert child == "['TRANSACTION', 'TRANSACTION', 'TRANSACTION', 'TRANSACTION', 'TRANSACTION', 'LOCKED', [(42,)]]"
    assert parent == "[(1,)]"


LEFT_OPEN = """
import sys
import pyralog

con = pyralog.connect(sys.argv[1])
con.execute("CREATE TABLE IF NOT EXISTS t (a INTEGER)")
con.execute("INSERT INTO t VALUES (1)")
rows = con.execute("SELECT * FROM range(1000000)")
rows.fetchone()
print(con.execute("SELECT count(*) FROM t").fetchall())
"""


def test_what_is_left_open_is_closed_at_the_end(run_python: RunPython, tmp_path: Path) -> None:
    for count in (1, 2):
        done = run_python(LEFT_OPEN, str(tmp_path / "db"))
        assert (done.returncode, done.stdout, done.stderr) == (0, f"[({count},)]\n", "")


def test_signals_have_their_old_handler_afterwards(con: pyralog.Connection) -> None:
    before = signal.getsignal(signal.SIGINT)
    con.execute("SELECT 1").fetchall()
    assert signal.getsignal(signal.SIGINT) is before
