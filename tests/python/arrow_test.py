"""Arrow comes in and goes out as it is; so do frames and arrays."""

from __future__ import annotations

from typing import Any

import numpy
import pandas
import polars
import pyarrow as pa
import pyralog
import pytest


def example() -> pa.Table:
    return pa.table(
        {
            "i": pa.array([1, None, 3], pa.int32()),
            "s": pa.array(["a", None, "ünï"], pa.string()),
            "f": pa.array([0.5, float("inf"), None], pa.float64()),
            "b": pa.array([b"\0", None, b""], pa.binary()),
            "l": pa.array([[1, None], [], None], pa.list_(pa.int64())),
            "t": pa.array(
                [{"x": 1, "y": "p"}, None, {"x": None, "y": None}], pa.struct({"x": pa.int8(), "y": pa.string()})
            ),
            "d": pa.array(["x", None, "x"]).dictionary_encode(),
            "m": pa.array([[("k", 1)], [], None], pa.map_(pa.string(), pa.int32())),
            "n": pa.nulls(3),
        }
    )


def in_many_shapes() -> list[Any]:
    table = example()
    chunked = pa.concat_tables([table.slice(0, 1), table.slice(1, 0), table.slice(1, 2)])
    wide = pa.concat_tables([table, table, table]).combine_chunks()
    return [table, chunked, wide.slice(3, 3), wide.slice(6)]


@pytest.mark.parametrize("shape", range(4))
def test_rows_come_back(con: pyralog.Connection, shape: int) -> None:
    data = in_many_shapes()[shape]
    back = con.execute("SELECT * FROM data").to_arrow()
    assert back.to_pylist(maps_as_pydicts="strict") == example().to_pylist(maps_as_pydicts="strict")
    assert con.execute("FROM data").fetchall() == [
        tuple(row.values()) for row in example().to_pylist(maps_as_pydicts="strict")
    ]
    assert len(data) == 3


@pytest.mark.parametrize("shape", range(4))
def test_rows_go_through_a_table(con: pyralog.Connection, shape: int) -> None:
    data = in_many_shapes()[shape].drop_columns(["n"])
    con.execute("CREATE TABLE t AS FROM data LIMIT 0")
    assert con.append("t", data) == 3
    back = con.execute("FROM t").to_arrow()
    assert back.to_pylist(maps_as_pydicts="strict") == example().drop_columns(["n"]).to_pylist(maps_as_pydicts="strict")
    assert back.schema.names == data.schema.names


def test_append_goes_by_name(con: pyralog.Connection) -> None:
    con.execute("CREATE TABLE t (a INTEGER PRIMARY KEY, b VARCHAR DEFAULT 'none')")
    assert con.append("t", pa.table({"b": ["x"], "a": [1]})) == 1
    assert con.append("main.t", {"a": [2, 3]}) == 2
    assert con.execute("FROM t ORDER BY a").fetchall() == [(1, "x"), (2, "none"), (3, "none")]
    with pytest.raises(pyralog.ProgrammingError, match="c"):
        con.append("t", {"c": [1]})
    with pytest.raises(pyralog.IntegrityError):
        con.append("t", {"a": [7, 7]})
    with pytest.raises(pyralog.DataError):
        con.append("t", {"a": [2**40]})
    with pytest.raises(pyralog.NotSupportedError, match="int cannot be read as a table"):
        con.append("t", 5)
    assert con.execute("SELECT count(*) FROM t").fetchall() == [(3,)]


def test_sources_of_every_kind(con: pyralog.Connection) -> None:
    table = pa.table({"a": [1, 2, 3], "b": ["x", "y", None]})
    con.register("mapping", {"a": [1, 2, 3], "b": ["x", "y", None]})
    sources = {
        "arrow_table": table,
        "batch": table.to_batches()[0],
        "struct_array": table.to_struct_array().combine_chunks(),
        "reader": table.to_reader(),
        "polars_frame": polars.from_arrow(table),
        "lazy_frame": polars.DataFrame(table).lazy(),
        "pandas_frame": table.to_pandas(),
        "arrow_frame": table.to_pandas(types_mapper=pandas.ArrowDtype),
        "dataset": pa.dataset.dataset(table) if hasattr(pa, "dataset") else table,
        "result": con.duplicate().execute("SELECT * FROM (VALUES (1, 'x'), (2, 'y'), (3, NULL)) t(a, b)"),
    }
    for name, source in sources.items():
        con.register(name, source)
    for name in ["mapping", *sources]:
        assert con.execute(f"SELECT b, a FROM {name} WHERE a > 1").fetchall() == [("y", 2), (None, 3)], name


def test_one_result_feeds_the_next_statement(con: pyralog.Connection) -> None:
    rows = con.execute("SELECT i AS a FROM range(100000) t(i)")
    con.execute("CREATE TABLE t (a BIGINT)")  # what is left of the rows is kept
    assert con.append("t", rows) == 100_000
    own = con.execute("FROM t")
    assert con.execute("SELECT sum(a) FROM own").fetchall() == [(4_999_950_000,)]


def test_a_stream_can_be_read_once(con: pyralog.Connection) -> None:
    reader = pa.table({"a": [1, 2]}).to_reader()
    con.execute("EXPLAIN FROM reader")  # reads nothing
    assert con.execute("FROM reader").fetchall() == [(1,), (2,)]
    with pytest.raises(pyralog.ProgrammingError, match="read already"):
        con.execute("FROM reader")
    again = pa.table({"a": [1, 2]}).to_reader()
    with pytest.raises(pyralog.ProgrammingError, match="read already"):
        con.execute("SELECT * FROM again a JOIN again b USING (a)").fetchall()


def test_polars_and_pandas_out(con: pyralog.Connection) -> None:
    sql = "SELECT i, i::VARCHAR AS s, CASE WHEN i > 0 THEN i END AS n FROM range(3) t(i)"
    frame = con.execute(sql).to_polars()
    assert frame.rows() == [(0, "0", None), (1, "1", 1), (2, "2", 2)]
    pandas_frame = con.execute(sql).to_pandas()
    assert pandas_frame["s"].tolist() == ["0", "1", "2"]
    assert pandas_frame["n"].isna().tolist() == [True, False, False]
    assert con.execute(sql).to_pandas(types_mapper=pandas.ArrowDtype)["n"].dtype == pandas.ArrowDtype(pa.int64())


def test_numpy_out(con: pyralog.Connection) -> None:
    arrays = con.execute("SELECT i, i / 2 AS half FROM range(4) t(i)").to_numpy()
    assert list(arrays) == ["i", "half"]
    assert arrays["i"].dtype == numpy.int64 and arrays["half"].tolist() == [0.0, 0.5, 1.0, 1.5]
    with pytest.raises(pyralog.InterfaceError, match="one name"):
        con.execute("SELECT 1 AS a, 2 AS a").to_numpy()


def test_streams_go_to_whoever_takes_capsules(con: pyralog.Connection) -> None:
    result = con.execute("SELECT * FROM range(200000) t(i)")
    assert pa.schema(result) == pa.schema({"i": pa.int64()})
    assert result.fetchmany(2) == [(0,), (1,)]
    reader = result.to_reader()
    first = reader.read_next_batch()
    assert first.column(0)[0].as_py() == 2
    assert sum(batch.num_rows for batch in reader) + first.num_rows == 199_998
    assert result.fetchall() == []


def test_buffers_are_handed_over_as_they_are(con: pyralog.Connection) -> None:
    result = con.execute("SELECT i FROM range(50000) t(i)")
    result._open().read_all()
    one = pa.RecordBatchReader.from_stream(result)
    batches = list(one)
    del result, one
    assert sum(batch.num_rows for batch in batches) == 50_000
    assert batches[0].column(0).buffers()[1].address % 8 == 0


def test_empty_results_have_their_columns(con: pyralog.Connection) -> None:
    result = con.execute("SELECT 1 AS a, 'x' AS b WHERE false")
    assert result.columns == ["a", "b"]
    assert result.to_arrow().schema.names == ["a", "b"]
    assert con.execute("SELECT 1 AS a WHERE false").to_polars().shape == (0, 1)


def test_duplicate_names(con: pyralog.Connection) -> None:
    data = pa.table([[1], [2]], names=["a", "a"])
    assert con.execute("FROM data").fetchall() == [(1, 2)]
    assert con.execute("SELECT a_1 FROM data").fetchall() == [(2,)]


def test_columns_of_no_rows_and_no_columns(con: pyralog.Connection) -> None:
    nothing = pa.table({"a": pa.array([], pa.int64())})
    assert con.execute("FROM nothing").fetchall() == []
    hollow = pa.table({})
    with pytest.raises(pyralog.NotSupportedError, match="no columns"):
        con.execute("FROM hollow")


def test_errors_of_a_source_are_told(con: pyralog.Connection) -> None:
    def batches() -> Any:
        yield pa.record_batch({"a": [1]})
        raise RuntimeError("the tape is torn")

    reader = pa.RecordBatchReader.from_batches(pa.schema({"a": pa.int64()}), batches())
    with pytest.raises(pyralog.Error, match="the tape is torn"):
        con.execute("SELECT sum(a) FROM reader").fetchall()
    assert con.execute("SELECT 1").fetchall() == [(1,)]


def test_a_python_generator_streams(con: pyralog.Connection) -> None:
    batches = (pa.record_batch({"a": list(range(i, i + 10))}) for i in range(0, 1000, 10))
    reader = pa.RecordBatchReader.from_batches(pa.schema({"a": pa.int64()}), batches)
    assert con.execute("SELECT count(*), sum(a) FROM reader").fetchall() == [(1000, 499_500)]


def test_executemany_takes_arrow(con: pyralog.Connection) -> None:
    con.execute("CREATE TABLE t (a INTEGER PRIMARY KEY, b VARCHAR)")
    data = pa.table({"a": [1, 2], "b": ["x", None]})
    assert con.executemany("INSERT INTO t VALUES (?, ?)", data).rowcount == 2
    assert con.executemany("INSERT INTO t VALUES (?, ?)", polars.DataFrame({"a": [3], "b": ["z"]})).rowcount == 1
    assert con.executemany("insert into main.t (b, a) values (?, ?)", data.select(["b", "a"]).slice(0, 0)).rowcount == 0
    assert con.executemany("UPDATE t SET b = $2 WHERE a = $1", pa.table({"a": [1], "b": ["u"]})).rowcount == 1
    assert con.execute("FROM t ORDER BY a").fetchall() == [(1, "u"), (2, None), (3, "z")]
    with pytest.raises(pyralog.ProgrammingError):
        con.executemany("INSERT INTO t VALUES (?)", data)
    with pytest.raises(pyralog.IntegrityError):
        con.executemany("INSERT INTO t VALUES (?, ?)", pa.table({"a": [7, 7], "b": ["x", "x"]}))
    assert con.execute("SELECT count(*) FROM t").fetchall() == [(3,)]


def test_rows_go_out_as_arrow_once(con: pyralog.Connection) -> None:
    for read in (pyralog.Result.to_arrow, pyralog.Result.to_polars, pyralog.Result.to_pandas, pa.table):
        result = con.execute("SELECT i FROM range(5) r(i)")
        assert result.fetchone() == (0,)
        assert len(read(result)) == 4
        assert result.fetchall() == []
        with pytest.raises(pyralog.InterfaceError, match="were read as Arrow already"):
            read(result)
    rows = con.sql("SELECT i FROM range(5) r(i)")
    assert con.execute("SELECT count(*) FROM rows").fetchone() == (5,)
    with pytest.raises(pyralog.Error, match="was read already"):
        con.execute("SELECT count(*) FROM rows")


def test_results_show_themselves(con: pyralog.Connection, capsys: pytest.CaptureFixture[str]) -> None:
    result = con.sql("SELECT 1 AS a, 'x' AS name, NULL::INTEGER AS n")
    text = repr(result)
    assert text.splitlines()[1].split() == ["│", "a", "│", "name", "│", "n", "│"]
    assert "NULL" in text
    result.show()
    assert capsys.readouterr().out == text + "\n"
    assert result.fetchall() == [(1, "x", None)]
    many = con.sql("FROM range(100)")
    assert "the first 20 rows" in repr(many)
    with pytest.raises(pyralog.InterfaceError, match="shown"):
        many.to_arrow()
    assert len(many.fetchall()) == 100
    assert repr(con.sql("CREATE TABLE t (a INTEGER)")) == ""
    assert repr(con.sql("INSERT INTO t VALUES (1)")) == "1 rows changed"
