"""PEP 249, section by section."""

from __future__ import annotations

import datetime
import pickle
import warnings
from pathlib import Path

import pandas
import polars
import pyralog
import pytest


def test_module_constants() -> None:
    assert (pyralog.apilevel, pyralog.threadsafety, pyralog.paramstyle) == ("2.0", 1, "qmark")


def test_exceptions_form_the_tree() -> None:
    assert issubclass(pyralog.Warning, Exception)
    assert issubclass(pyralog.Error, Exception)
    assert pyralog.InterfaceError.__bases__ == (pyralog.Error,)
    assert pyralog.DatabaseError.__bases__ == (pyralog.Error,)
    for name in ("DataError", "OperationalError", "IntegrityError", "InternalError", "ProgrammingError"):
        assert getattr(pyralog, name).__bases__ == (pyralog.DatabaseError,)
        assert getattr(pyralog.Connection, name) is getattr(pyralog, name)
    assert pyralog.NotSupportedError.__bases__ == (pyralog.DatabaseError,)


def test_exceptions_survive_pickling() -> None:
    error = pickle.loads(pickle.dumps(pyralog.OperationalError("told", "CONFLICT")))
    assert (type(error), str(error), error.code, error.retryable) == (
        pyralog.OperationalError,
        "told",
        "CONFLICT",
        True,
    )


def test_constructors() -> None:
    assert pyralog.Date(2024, 2, 29) == datetime.date(2024, 2, 29)
    assert pyralog.Time(1, 2, 3) == datetime.time(1, 2, 3)
    assert pyralog.Timestamp(2024, 2, 29, 1, 2, 3) == datetime.datetime(2024, 2, 29, 1, 2, 3)
    assert pyralog.Binary(b"ab") == b"ab"
    ticks = datetime.datetime(2024, 2, 29, 1, 2, 3).timestamp()
    assert pyralog.DateFromTicks(ticks) == datetime.date(2024, 2, 29)
    assert pyralog.TimeFromTicks(ticks) == datetime.time(1, 2, 3)
    assert pyralog.TimestampFromTicks(ticks) == datetime.datetime(2024, 2, 29, 1, 2, 3)


def test_cursor_fetches(con: pyralog.Connection) -> None:
    cursor = con.cursor()
    assert cursor.connection is con
    assert (cursor.description, cursor.rowcount, cursor.arraysize) == (None, -1, 1)
    cursor.execute("SELECT i FROM range(6) t(i)")
    assert cursor.fetchone() == (0,)
    assert cursor.fetchmany() == [(1,)]
    assert cursor.fetchmany(2) == [(2,), (3,)]
    cursor.arraysize = 5
    assert cursor.fetchmany() == [(4,), (5,)]
    assert cursor.fetchone() is None
    assert cursor.fetchmany(3) == [] == cursor.fetchall()
    assert list(cursor.execute("SELECT 1 UNION ALL SELECT 2 ORDER BY 1")) == [(1,), (2,)]
    cursor.setinputsizes([1])
    cursor.setoutputsize(1, 0)


def test_description_has_seven_items_and_comparable_types(con: pyralog.Connection) -> None:
    result = con.execute(
        "SELECT 1::INTEGER AS n, 'x' AS s, 'x'::BLOB AS b, DATE '2024-01-01' AS d, now() AS t, 1.5::DECIMAL(9, 2) AS m"
    )
    description = result.description
    assert description is not None
    assert all(len(column) == 7 for column in description)
    names = {column[0]: column for column in description}
    assert names["n"][1] == pyralog.NUMBER and names["n"][1] != pyralog.STRING
    assert names["s"][1] == pyralog.STRING
    assert names["b"][1] == pyralog.BINARY
    assert names["d"][1] == pyralog.DATETIME == names["t"][1]
    assert names["m"][1] == pyralog.NUMBER
    assert names["m"][4:6] == (9, 2)
    assert names["n"][1] == "int32"
    assert {pyralog.NUMBER: 1}[pyralog.NUMBER] == 1


def test_statements_without_rows(con: pyralog.Connection) -> None:
    cursor = con.cursor()
    cursor.execute("CREATE TABLE t (a INTEGER)")
    assert (cursor.description, cursor.rowcount) == (None, -1)
    with pytest.raises(pyralog.InterfaceError, match="gave no rows"):
        cursor.fetchone()
    cursor.execute("INSERT INTO t VALUES (1), (2), (3)")
    assert (cursor.description, cursor.rowcount) == (None, 3)
    assert cursor.execute("UPDATE t SET a = 9 WHERE a > ?", [1]).rowcount == 2
    assert cursor.execute("DELETE FROM t RETURNING a").fetchall() == [(1,), (9,), (9,)]


def test_executemany(con: pyralog.Connection) -> None:
    con.execute("CREATE TABLE t (a INTEGER PRIMARY KEY, b VARCHAR)")
    cursor = con.cursor()
    assert cursor.executemany("INSERT INTO t VALUES (?, ?)", [(1, "x"), [2, None]]).rowcount == 2
    cursor.executemany("INSERT INTO t VALUES ($a, $b)", iter([{"a": 3, "b": "z"}]))
    assert con.execute("SELECT * FROM t ORDER BY a").fetchall() == [(1, "x"), (2, None), (3, "z")]


def test_executemany_does_all_or_nothing(con: pyralog.Connection) -> None:
    con.execute("CREATE TABLE t (a INTEGER PRIMARY KEY)")
    with pytest.raises(pyralog.IntegrityError) as caught:
        con.executemany("INSERT INTO t VALUES (?)", [(1,), (2,), (1,)])
    assert caught.value.code == "CONSTRAINT"
    assert not con.in_transaction
    assert con.execute("SELECT count(*) FROM t").fetchall() == [(0,)]


def test_commit_and_rollback(con: pyralog.Connection) -> None:
    con.execute("CREATE TABLE t (a INTEGER)")
    con.commit()  # nothing is open: nothing to do
    con.rollback()
    con.begin()
    assert con.in_transaction
    con.cursor().execute("INSERT INTO t VALUES (1)")
    con.rollback()
    con.begin()
    con.cursor().execute("INSERT INTO t VALUES (2)")
    con.commit()
    assert not con.in_transaction
    assert con.execute("SELECT a FROM t").fetchall() == [(2,)]


def test_transaction_block(con: pyralog.Connection) -> None:
    con.execute("CREATE TABLE t (a INTEGER)")
    with con.transaction():
        con.execute("INSERT INTO t VALUES (1)")
    with pytest.raises(ZeroDivisionError), con.transaction():
        con.execute("INSERT INTO t VALUES (2)")
        raise ZeroDivisionError
    with con.transaction():
        con.execute("INSERT INTO t VALUES (3)")
        con.rollback()  # the block may end it itself
    assert con.execute("SELECT a FROM t").fetchall() == [(1,)]
    with pytest.raises(pyralog.OperationalError), con.transaction(), con.transaction():
        pass
    assert not con.in_transaction


def test_pandas_reads_through_it(con: pyralog.Connection) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pandas knows SQLAlchemy and sqlite best
        frame = pandas.read_sql("SELECT i, i * 2 AS d FROM range(3) t(i) WHERE i > ?", con, params=[0])
    assert frame.to_dict("list") == {"i": [1, 2], "d": [2, 4]}


def test_polars_reads_through_it(con: pyralog.Connection) -> None:
    frame = polars.read_database("SELECT i FROM range(3) t(i)", con)
    assert frame["i"].to_list() == [0, 1, 2]


def test_conflicts_are_retryable(con: pyralog.Connection) -> None:
    con.execute("CREATE TABLE t (k INTEGER PRIMARY KEY, v INTEGER)")
    con.execute("INSERT INTO t VALUES (1, 0)")
    other = con.duplicate()
    con.begin()
    con.execute("UPDATE t SET v = 1 WHERE k = 1")
    other.execute("UPDATE t SET v = 2 WHERE k = 1")
    with pytest.raises(pyralog.OperationalError) as caught:
        con.commit()
    assert (caught.value.code, caught.value.retryable) == ("CONFLICT", True)
    assert con.execute("SELECT v FROM t").fetchall() == [(2,)]
    other.close()


@pytest.mark.parametrize(
    ("sql", "kind", "code"),
    [
        ("SELEC 1", "ProgrammingError", "INVALID_ARGUMENT"),
        ("SELECT * FROM nowhere", "ProgrammingError", "NOT_FOUND"),
        ("SELECT nothing FROM range(1)", "ProgrammingError", "INVALID_ARGUMENT"),
        ("SELECT 'x'::INTEGER", "DataError", "INVALID_ARGUMENT"),
        ("SELECT 300::TINYINT", "DataError", "INVALID_ARGUMENT"),
        ("CREATE TABLE t (a INTEGER NOT NULL); INSERT INTO t VALUES (NULL)", "IntegrityError", "CONSTRAINT"),
        ("CREATE TABLE t (a INTEGER); CREATE TABLE t (a INTEGER)", "ProgrammingError", "ALREADY_EXISTS"),
        ("INSTALL httpfs", "NotSupportedError", "NOT_SUPPORTED"),
        ("COMMIT", "OperationalError", "TRANSACTION"),
    ],
)
def test_exceptions_by_code(con: pyralog.Connection, sql: str, kind: str, code: str) -> None:
    with pytest.raises(getattr(pyralog, kind)) as caught:
        con.execute(sql)
    assert (type(caught.value).__name__, caught.value.code) == (kind, code)
    assert not caught.value.retryable
    assert con.execute("SELECT 1").fetchall() == [(1,)]


def test_closed_cursors_and_connections_say_so(tmp_path: Path) -> None:
    con = pyralog.connect(tmp_path / "db")
    cursor = con.cursor()
    with pytest.raises(pyralog.InterfaceError, match="no statement was executed"):
        cursor.fetchall()
    cursor.close()
    with pytest.raises(pyralog.InterfaceError, match="the cursor is closed"):
        cursor.execute("SELECT 1")
    rows = con.execute("SELECT * FROM range(1000000)")
    with con:
        pass
    con.close()  # a second time does nothing
    assert con.closed
    for use in (
        lambda: con.execute("SELECT 1"),
        con.begin,
        con.commit,
        con.duplicate,
        rows.fetchall,
        lambda: con.in_transaction,
        lambda: con.append("t", {"a": [1]}),
    ):
        with pytest.raises(pyralog.OperationalError, match="connection is closed"):
            use()
    con.interrupt()  # of nothing: nothing


def test_close_rolls_back_and_frees_the_folder(tmp_path: Path) -> None:
    with pyralog.connect(tmp_path / "db") as con:
        con.execute("CREATE TABLE t (a INTEGER)")
        con.begin()
        con.execute("INSERT INTO t VALUES (1)")
        left = con.execute("SELECT * FROM range(1000000)")
    with pyralog.connect(tmp_path / "db", durability="normal") as con:  # other options: nobody has it open
        assert con.execute("SELECT count(*) FROM t").fetchall() == [(0,)]
    with pytest.raises(pyralog.OperationalError):
        left.fetchall()
