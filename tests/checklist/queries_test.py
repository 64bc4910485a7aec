"""Area E of docs/checklist.md, SQL and queries: one test a row, named after its id."""

from __future__ import annotations

import datetime as dt
import re
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import numpy
import pyarrow as pa
import pyarrow.parquet as pq
import pyralog
import pytest
from checklist_page import rows, statement

Command = Callable[..., str]

USERS = """
    CREATE TABLE users (id BIGINT PRIMARY KEY, name VARCHAR, balance DOUBLE, age INTEGER);
    INSERT INTO users SELECT i, 'user ' || i % 10, i / 4, i % 80 FROM range(1000) r(i);
"""


def plan(con: pyralog.Connection, sql: str) -> str:
    """The plan of a query, without its frames."""
    return " ".join(re.sub("[│─┌┐└┘├┤┬┴┼]", " ", str(con.execute(sql).fetchall()[0][1])).split())


def figure(text: str, name: str) -> int:
    """A number that EXPLAIN ANALYZE tells."""
    found = re.search(rf"{name}: (\d+)", text)
    assert found is not None, text
    return int(found[1])


@pytest.fixture
def wide(con: pyralog.Connection) -> pyralog.Connection:
    """A table `t` of ten columns and a million rows in segments, and the same rows in t.parquet."""
    columns = ", ".join(f"i + {n} AS c{n}" for n in range(10))
    con.execute(f"CREATE TABLE t AS SELECT {columns} FROM range(1_000_000) r(i)")
    con.execute("CHECKPOINT")
    con.execute("COPY t TO 't.parquet' (ROW_GROUP_SIZE 100_000)")
    con.execute("CREATE EXTERNAL TABLE cold STORED AS parquet LOCATION 't.parquet'")
    return con


def test_e1_statements_of_the_page_are_run() -> None:
    text = (Path(__file__).parent / "statements_test.py").read_text()
    for row in rows():
        if row.id.startswith("P") and not row.state.startswith("later"):
            assert f'statement("{row.id}"' in text, row.id


def test_e2_group_by_and_having(con: pyralog.Connection) -> None:
    con.execute("CREATE TABLE users (name VARCHAR, balance DOUBLE)")
    con.execute("INSERT INTO users VALUES ('ann', 60), ('ann', 70), ('bob', 100), ('eve', NULL)")
    assert con.execute(statement("E2")).fetchall() == [("ann", 130.0)]


def test_e3_joins_windows_and_aggregates_as_duckdb_has_them(con: pyralog.Connection) -> None:
    witness = duckdb.connect()
    setup = """
        CREATE TABLE orders AS
            SELECT i AS id, i % 97 AS customer, (i * 7919 % 1000) / 10 AS amount FROM range(5000) r(i);
        CREATE TABLE customers AS SELECT i AS id, 'c' || i AS name, i % 5 AS region FROM range(90) r(i);
    """
    con.execute(setup)
    witness.execute(setup)
    queries = [
        "SELECT name, sum(amount), count(*) FROM orders o JOIN customers c ON o.customer = c.id GROUP BY name",
        "SELECT c.id, o.id FROM customers c FULL JOIN orders o ON o.customer = c.id WHERE o.id IS NULL OR o.id < 300",
        "SELECT id, rank() OVER (PARTITION BY customer ORDER BY amount DESC, id) AS place FROM orders",
        "SELECT id, sum(amount) OVER (ORDER BY id ROWS BETWEEN 3 PRECEDING AND CURRENT ROW) FROM orders WHERE id < 900",
        "SELECT region, median(amount) FROM orders o, customers c WHERE o.customer = c.id GROUP BY ROLLUP (region)",
        "SELECT id FROM customers c WHERE NOT EXISTS (SELECT 1 FROM orders WHERE customer = c.id AND amount > 99)",
    ]
    for query in queries:
        assert sorted(con.execute(query).fetchall(), key=str) == sorted(witness.execute(query).fetchall(), key=str)


def test_e4_filters_are_in_the_scan(con: pyralog.Connection) -> None:
    con.execute(USERS)
    text = plan(con, "EXPLAIN SELECT name FROM users WHERE age > 70 AND balance < 100")
    assert "FILTER" not in text and "age>70" in text and "balance<100" in text


def test_e5_only_columns_asked_for_are_read(wide: pyralog.Connection) -> None:
    wide.execute("SET explain_output = 'all'")
    all_columns = figure(plan(wide, "EXPLAIN ANALYZE SELECT sum(COLUMNS(*)) FROM t"), "Bytes Read")
    one = figure(plan(wide, "EXPLAIN ANALYZE SELECT sum(c3) FROM t"), "Bytes Read")
    assert (all_columns, one) == (80_000_000, 8_000_000)
    assert "Projections: c3" in plan(wide, "EXPLAIN ANALYZE SELECT sum(c3) FROM cold")


def test_e6_units_that_cannot_match_are_not_read(wide: pyralog.Connection) -> None:
    text = plan(wide, "EXPLAIN ANALYZE SELECT sum(c1) FROM t WHERE c0 BETWEEN 250_000 AND 260_000")
    assert "Units Read: 1 of 9" in text and "Units Pruned: 8" in text


def test_e7_a_limit_ends_the_scan(wide: pyralog.Connection) -> None:
    wide.execute("SET threads = 1")
    text = plan(wide, "EXPLAIN ANALYZE SELECT c0 FROM t LIMIT 10")
    assert "Units Read: 1 of 9" in text


def test_e8_threads_share_a_query(wide: pyralog.Connection) -> None:
    wide.execute("SET threads = 2")
    query = "SELECT sum(hash(c0, c1, c2, c3, c4)), count(*) FROM t"
    both = wide.execute(query).fetchall()
    wide.execute("SET threads = 1")
    assert wide.execute(query).fetchall() == both


def test_e9_top_ten_over_partitions(con: pyralog.Connection) -> None:
    con.execute(
        "CREATE TABLE s AS SELECT i % 40 AS product_id, i % 12 + 1 AS month, i AS amount FROM range(12_000) r(i)"
    )
    con.execute("COPY s TO 'sales' (FORMAT parquet, PARTITION_BY (month))")
    con.execute("CREATE EXTERNAL TABLE sales STORED AS parquet LOCATION 'sales' PARTITIONED BY (month INT)")
    found = con.execute(statement("E9")).fetchall()
    wanted = con.execute("SELECT product_id, sum(amount) FROM s GROUP BY ALL ORDER BY 2 DESC LIMIT 10").fetchall()
    assert found == wanted and len(found) == 10


def test_e10_partitions_that_cannot_match_are_not_opened(con: pyralog.Connection) -> None:
    con.execute("CREATE TABLE s AS SELECT 2023 AS year, i % 12 + 1 AS month, i AS amount FROM range(1200) r(i)")
    con.execute("COPY s TO 'sales' (FORMAT parquet, PARTITION_BY (year, month))")
    con.execute("CREATE EXTERNAL TABLE sales STORED AS parquet LOCATION 'sales' PARTITIONED BY (year INT, month INT)")
    assert con.execute(statement("E10")).fetchone() == (100,)
    assert "Scanning Files: 1/12" in plan(con, f"EXPLAIN ANALYZE {statement('E10')}")


def test_e11_parameters(con: pyralog.Connection) -> None:
    con.execute(USERS)
    assert con.execute("SELECT name FROM users WHERE id = $1", [7]).fetchall() == [("user 7",)]
    con.execute("UPDATE users SET balance = $2 WHERE id = $1", [7, 1.5])
    con.execute("DELETE FROM users WHERE id > $1", [7])
    con.execute("INSERT INTO users SELECT id + 100, name, balance, age FROM users WHERE id = $1", [7])
    assert con.execute("SELECT id, balance FROM users WHERE id > 6 ORDER BY id").fetchall() == [(7, 1.5), (107, 1.5)]


def test_e12_parameters_in_copy(con: pyralog.Connection) -> None:
    con.execute("CREATE TABLE events AS SELECT DATE '2024-01-01' + i::INTEGER AS date FROM range(100) r(i)")
    con.execute(statement("E12"), [dt.date(2024, 2, 1)])
    assert pq.read_table("old.parquet").num_rows == 31


def test_e13_copy_without_parentheses(con: pyralog.Connection) -> None:
    con.execute("CREATE TABLE t AS SELECT i FROM range(5) r(i)")
    con.execute(statement("E13"))
    assert pq.read_table("f").num_rows == 5


def test_e14_compression_with_a_level(con: pyralog.Connection) -> None:
    con.execute("CREATE TABLE t AS SELECT i FROM range(5000) r(i)")
    con.execute(statement("E14"))
    assert pq.ParquetFile("f").metadata.row_group(0).column(0).compression == "ZSTD"
    with pytest.raises(pyralog.Error):
        con.execute(statement("E14").replace("level=3", "level=99"))


def test_e15_subscript_0_is_an_error(con: pyralog.Connection) -> None:
    con.execute("CREATE TABLE models (model_id INTEGER, embedding_array FLOAT[3])")
    con.execute("INSERT INTO models VALUES (1, [0.6, 0.1, 0.2]), (2, [0.4, 0.9, 0.9])")
    with pytest.raises(pyralog.Error, match="subscripts start at 1"):
        con.execute(statement("E15"))
    assert con.execute(statement("E15").replace("[0]", "[1]")).fetchall() == [(1,)]


def test_e16_in_lists_on_a_table_of_embeddings(con: pyralog.Connection) -> None:
    con.execute("CREATE TABLE user_embeddings (user_id BIGINT PRIMARY KEY, embedding FLOAT[4])")
    con.execute("INSERT INTO user_embeddings SELECT i, [i, i, i, i]::FLOAT[4] FROM range(10) r(i)")
    table = con.execute(statement("E16")).to_arrow()
    assert sorted(table["user_id"].to_pylist()) == [1, 2, 3]
    assert table.schema.field("embedding").type == pa.list_(pa.field("item", pa.float32()), 4) or (
        pa.types.is_fixed_size_list(table.schema.field("embedding").type)
    )


def test_e17_between_and_group_by_time(con: pyralog.Connection) -> None:
    con.execute("CREATE TABLE climate (time TIMESTAMP, lat DOUBLE, temperature DOUBLE)")
    con.execute("INSERT INTO climate VALUES ('2025-01-02', 40, 3), ('2025-01-02', 45, 5), ('2025-01-01', -50, 9)")
    assert con.execute(statement("E17")).fetchall() == [(dt.datetime(2025, 1, 2), 4.0)]


def test_e18_a_view_over_hot_and_cold(wide: pyralog.Connection) -> None:
    wide.execute(
        "CREATE VIEW every AS SELECT c0 FROM t WHERE c0 >= 500_000 UNION ALL SELECT c0 FROM cold WHERE c0 < 500_000"
    )
    assert wide.execute("SELECT count(*), count(DISTINCT c0) FROM every").fetchone() == (1_000_000, 1_000_000)


PUBLISHED = """
    CREATE TABLE PUBLISHERS (PubID VARCHAR, Publisher VARCHAR);
    CREATE TABLE AUTHORS (AuthorID VARCHAR, AuthorName VARCHAR, AuthorBDay DATE);
    CREATE TABLE BOOKS (ISBN VARCHAR, AuthorID VARCHAR, PubID VARCHAR, Title VARCHAR);
    INSERT INTO PUBLISHERS VALUES ('03-4472822', 'Random House'), ('04-7733903', 'Wiley and Sons');
    INSERT INTO AUTHORS VALUES ('345-28-2938', 'Haile Selassie', '1992-08-14'),
        ('663-59-1254', 'Hannah Arendt', '1906-03-12');
    INSERT INTO BOOKS VALUES ('1-34532-482-1', '345-28-2938', '03-4472822', 'Cold Fusion for Dummies'),
        ('1-38278-293-4', '663-59-1254', '04-7733903', 'Beads, Baskets & Revolution');
"""


def test_e19_a_join_of_three_in_the_old_form(con: pyralog.Connection) -> None:
    con.execute(PUBLISHED)
    with pytest.raises(pyralog.Error, match="single quotes: 'Random House'"):
        con.execute(statement("E19"))
    with pytest.raises(pyralog.Error, match="ANY_VALUE"):
        con.execute(statement("E19").replace('"', "'"))
    good = statement("E19").replace('"', "'").replace("SELECT AuthorName", "SELECT any_value(AuthorName)")
    assert con.execute(good).fetchall() == [("Haile Selassie",)]


def test_e20_a_date_and_a_year(con: pyralog.Connection) -> None:
    con.execute(PUBLISHED)
    with pytest.raises(pyralog.Error, match=r"year\(column\) > 1970"):
        con.execute(statement("E20"))
    assert con.execute(statement("E20").replace("AuthorBDay >", "year(AuthorBDay) >")).fetchall() == [
        ("Haile Selassie",)
    ]


def test_e21_time_limit_and_interrupt(con: pyralog.Connection) -> None:
    endless = "SELECT sum(hash(a.i * b.i)) FROM range(10_000_000) a(i), range(10_000_000) b(i)"
    con.execute("SET statement_timeout = '200ms'")
    with pytest.raises(pyralog.OperationalError, match="statement_timeout"):
        con.execute(endless).fetchall()
    con.execute("SET statement_timeout = 0")
    threading.Timer(0.2, con.interrupt).start()
    begun = time.monotonic()
    with pytest.raises((pyralog.OperationalError, KeyboardInterrupt)):
        con.execute(endless).fetchall()
    assert time.monotonic() - begun < 30
    assert con.execute("SELECT 1").fetchone() == (1,)


def test_e22_hot_and_cold_in_one_statement(con: pyralog.Connection) -> None:
    con.execute("CREATE TABLE events (user_id BIGINT, timestamp TIMESTAMP)")
    con.execute("INSERT INTO events SELECT 7, now()::TIMESTAMP - INTERVAL 1 day * i FROM range(20) r(i)")
    con.execute(
        "COPY (SELECT 7::BIGINT AS user_id, TIMESTAMP '2023-05-01' AS timestamp, 2023 AS year) TO 'old.parquet'"
    )
    con.execute("CREATE EXTERNAL TABLE events_archive STORED AS parquet LOCATION 'old.parquet'")
    assert len(con.execute(statement("E22"), [7]).fetchall()) == 8


def test_e23_embeddings_in_sql(con: pyralog.Connection) -> None:
    con.execute("CREATE TABLE e AS SELECT i AS id, [i, 2 * i, 3]::FLOAT[3] AS v FROM range(100) r(i)")
    (nearest, next_one) = con.execute(statement("E23")).fetchall()
    assert nearest == (4, 4.0, 0.0) and next_one == (3, 3.0, pytest.approx(5**0.5))
    vectors = con.execute("SELECT v FROM e").to_arrow()["v"].combine_chunks().flatten().to_numpy().reshape(-1, 3)
    distances = numpy.linalg.norm(vectors - numpy.array([4, 8, 3]), axis=1)
    found = con.execute("SELECT array_distance(v, [4, 8, 3]::FLOAT[3]) AS d FROM e").to_numpy()["d"]
    numpy.testing.assert_allclose(found, distances, rtol=1e-6)


def test_e24_nearest_neighbours_exactly(con: pyralog.Connection) -> None:
    rng = numpy.random.default_rng(1)
    vectors = rng.normal(size=(2000, 8)).astype(numpy.float32)
    con.execute("CREATE TABLE e (id BIGINT, v FLOAT[8])")
    fixed = pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), 8)
    con.append("e", pa.table({"id": numpy.arange(2000), "v": fixed}))
    query = vectors[17] + 0.01
    found = con.execute(
        "SELECT id FROM e ORDER BY array_distance(v, $1::FLOAT[8]) LIMIT 10", [query.tolist()]
    ).fetchall()
    wanted = numpy.argsort(numpy.linalg.norm(vectors - query, axis=1))[:10]
    assert [row[0] for row in found] == wanted.tolist()


def test_e25_there_is_no_third_language() -> None:
    row = next(found for found in rows() if found.id == "E25")
    assert "not a goal" in row.result


def test_e26_the_first_batch_comes_before_the_last(con: pyralog.Connection) -> None:
    reader = con.execute("SELECT i, i * 2 AS j FROM range(1_000_000_000_000) r(i)").to_reader()
    assert 0 < reader.read_next_batch().num_rows <= 122_880  # of more than could ever be held


def test_e28_numpy_in_and_out(con: pyralog.Connection) -> None:
    x = numpy.linspace(0, 1, 100_000)
    con.execute("CREATE TABLE t (x DOUBLE, i BIGINT)")
    assert con.append("t", {"x": x, "i": numpy.arange(x.size)}) == x.size
    arrays = con.execute("SELECT x, i FROM t ORDER BY i").to_numpy()
    numpy.testing.assert_array_equal(arrays["x"], x)


def test_e29_bulk_insert(con: pyralog.Connection) -> None:
    con.execute("CREATE TABLE t (i BIGINT PRIMARY KEY, x DOUBLE)")
    frame = pa.table({"i": numpy.arange(300_000), "x": numpy.arange(300_000) / 3})
    assert con.append("t", frame) == 300_000
    assert con.execute("SELECT count(*), max(i) FROM t").fetchone() == (300_000, 299_999)


def test_e30_bytes_beside_sqlite(con: pyralog.Connection, folder: Path) -> None:
    rows = [(i, i % 5, i * 0.5, f"name {i % 100}") for i in range(100_000)]
    witness = sqlite3.connect(folder / "sqlite")
    witness.execute("CREATE TABLE t (id INTEGER, kind INTEGER, x REAL, name TEXT)")
    witness.executemany("INSERT INTO t VALUES (?, ?, ?, ?)", rows)
    witness.commit()
    witness.close()
    columns = list(zip(*rows, strict=True))
    con.register("rows", pa.table({"id": columns[0], "kind": columns[1], "x": columns[2], "name": columns[3]}))
    con.execute("CREATE TABLE t AS SELECT id::INTEGER AS id, kind::TINYINT AS kind, x, name FROM rows")
    con.execute("CHECKPOINT")
    con.execute("COPY t TO 't.parquet' (COMPRESSION zstd)")
    hot = con.execute("SELECT sum(size_bytes) FROM storage_stats WHERE kind = 'segment'").fetchone()
    assert hot is not None
    assert float(hot[0]) < 1.5 * (folder / "sqlite").stat().st_size
    assert Path("t.parquet").stat().st_size < (folder / "sqlite").stat().st_size / 3


def test_e31_nothing_has_to_be_tuned(folder: Path) -> None:
    with pyralog.connect("untuned") as con:
        con.execute(USERS)
        con.execute("UPDATE users SET balance = balance + 1 WHERE age > 40")
        settings: dict[str, str] = dict(
            con.execute("SELECT name, value FROM settings WHERE scope = 'global'").fetchall()
        )
        assert settings["durability"] == "full"
        assert con.execute("SELECT count(*) FROM users WHERE balance > 100").fetchone() is not None
