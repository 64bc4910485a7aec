"""Names in FROM that are no tables: registered objects, then the caller's variables."""

from __future__ import annotations

from typing import Any

import numpy
import pandas
import polars
import pyarrow as pa
import pyralog
import pytest

module_table = pa.table({"a": [7]})


def test_local_and_global_variables(con: pyralog.Connection) -> None:
    local = polars.DataFrame({"a": [1, 2]})
    assert con.sql("SELECT sum(a) FROM local").fetchall() == [(3,)]
    assert con.execute("SELECT a FROM module_table").fetchall() == [(7,)]
    assert con.cursor().execute("SELECT count(*) FROM local").fetchall() == [(2,)]
    assert pyralog.sql("SELECT max(a) FROM local").fetchall() == [(2,)]
    assert pyralog.execute("SELECT min(a) FROM local WHERE a > ?", [1]).fetchall() == [(2,)]
    del local
    with pytest.raises(pyralog.ProgrammingError, match="local") as caught:
        con.sql("FROM local")
    assert caught.value.code == "NOT_FOUND"


def test_dicts_of_columns(con: pyralog.Connection) -> None:
    columns = {"a": numpy.arange(3), "b": ["x", None, "y"]}
    assert con.execute("SELECT sum(a), count(b) FROM columns").fetchall() == [(3, 2)]
    uneven = {"a": [1, 2], "b": [1]}
    with pytest.raises(pyralog.ProgrammingError, match=r'variable "uneven" is a dict that is no table.*length'):
        con.execute("FROM uneven")
    assert uneven


@pytest.mark.parametrize(
    ("value", "advice"),
    [
        (polars.Series("x", [1]), "thing.to_frame()"),
        (pandas.Series([1]), "thing.to_frame()"),
        (numpy.zeros(2), "{'x': thing}"),
        (numpy.zeros((2, 2)), "{'x': thing[:, 0]}"),
        ([{"a": 1}], "pyarrow.Table.from_pylist(thing)"),
        (pa.array([1]), "pyarrow.table({'x': thing})"),
        (pa.chunked_array([[1]]), "pyarrow.table({'x': thing})"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_nearly_a_table_says_what_makes_one(con: pyralog.Connection, value: Any, advice: str) -> None:
    thing = value
    with pytest.raises(pyralog.ProgrammingError, match=r'variable "thing" is a .*, which is no table') as caught:
        con.execute("FROM thing")
    assert str(caught.value).endswith(advice) or f"make one: {advice}" in str(caught.value)
    assert thing is value


def test_only_the_caller_s_variables(con: pyralog.Connection) -> None:
    hidden = pa.table({"a": [1]})

    def inner() -> None:
        con.execute("FROM hidden")

    with pytest.raises(pyralog.ProgrammingError):
        inner()
    assert hidden.num_rows == 1


def test_tables_come_first(con: pyralog.Connection) -> None:
    t = pa.table({"a": [1]})
    con.execute("CREATE TABLE t AS SELECT 2 AS a")
    assert con.execute("FROM t").fetchall() == [(2,)]
    con.execute("DROP TABLE t")
    assert con.execute("FROM t").fetchall() == [(1,)]
    assert t.num_rows == 1


def test_joins_and_subqueries(con: pyralog.Connection) -> None:
    people = pa.table({"id": [1, 2], "name": ["ann", "bob"]})
    con.execute("CREATE TABLE visits (person INTEGER, day DATE)")
    con.execute("INSERT INTO visits VALUES (1, '2024-01-01'), (1, '2024-01-02')")
    rows = con.execute(
        "SELECT name, (SELECT count(*) FROM visits WHERE person = id) "
        "FROM people p JOIN people q USING (id, name) ORDER BY id"
    )
    assert rows.fetchall() == [("ann", 2), ("bob", 0)]
    assert con.execute("CREATE TABLE kept AS FROM people WHERE id = $1", [2]).rowcount == -1
    assert con.execute("FROM kept").fetchall() == [(2, "bob")]
    assert people.num_rows == 2


def test_the_switch(con: pyralog.Connection) -> None:
    frame = pa.table({"a": [1]})
    con.scan_variables = False
    with pytest.raises(pyralog.ProgrammingError, match="frame"):
        con.execute("FROM frame")
    with pyralog.connect(scan_variables=False) as other:
        with pytest.raises(pyralog.ProgrammingError):
            other.execute("FROM frame")
        other.register("frame", frame)
        assert other.execute("FROM frame").fetchall() == [(1,)]


def test_registered_objects(con: pyralog.Connection) -> None:
    con.register("Mine", pa.table({"a": [1]}))
    mine = pa.table({"a": [2]})
    assert con.execute("FROM mine").fetchall() == [(1,)]
    con.register("mine", mine)  # in its place
    assert con.execute("FROM MINE").fetchall() == [(2,)]
    assert con.duplicate().execute("FROM mine").fetchall() == [(2,)]
    con.unregister("MINE")
    with pytest.raises(pyralog.ProgrammingError, match="no object is registered"):
        con.unregister("mine")
    con.execute("CREATE TABLE taken (a INTEGER)")
    with pytest.raises(pyralog.ProgrammingError, match="there is a table or view 'taken'"):
        con.register("taken", mine)


def test_a_variable_of_another_kind_is_no_table(con: pyralog.Connection) -> None:
    number = 5
    with pytest.raises(pyralog.ProgrammingError) as caught:
        con.execute("FROM number")
    assert caught.value.code == "NOT_FOUND"
    assert number == 5


def test_a_view_over_a_variable_is_refused(con: pyralog.Connection) -> None:
    frame = pa.table({"a": [1]})
    with pytest.raises(pyralog.NotSupportedError, match='made over "frame"'):
        con.execute("CREATE VIEW v AS FROM frame")
    con.execute("CREATE TEMP VIEW v AS FROM frame")
    assert con.execute("FROM v").fetchall() == [(1,)]
    assert frame.num_rows == 1


def test_parameters_and_variables_in_a_repeated_statement(con: pyralog.Connection) -> None:
    found: list[Any] = []
    for frame in (pa.table({"a": [1, 2]}), pa.table({"a": [5]}), pa.table({"a": ["x"]})):
        found += con.execute("SELECT a, $1 FROM frame", [frame.num_rows]).fetchall()
    assert found == [(1, 2), (2, 2), (5, 1), ("x", 1)]
