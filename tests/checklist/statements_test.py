"""Area P of docs/checklist.md: its statements run as the page has them. One test a row, named after its id."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pyralog
import pytest
from checklist_page import statement


@pytest.fixture
def events(con: pyralog.Connection) -> pyralog.Connection:
    """Tables `events` (ten days around 2025-01-01) and `events_archive` (the days before, in Parquet)."""
    con.execute("CREATE TABLE events (user_id BIGINT, date DATE, timestamp TIMESTAMP, product VARCHAR, revenue DOUBLE)")
    con.execute("""INSERT INTO events SELECT i % 2, DATE '2024-12-27' + i::INTEGER,
        now()::TIMESTAMP - INTERVAL 1 day * i, 'p' || i % 3, i FROM range(10) r(i)""")
    con.execute("""COPY (SELECT i % 2 AS user_id, DATE '2024-12-22' + i::INTEGER AS date,
        TIMESTAMP '2023-01-01' AS timestamp, 'p' || i % 3 AS product,
        i::DOUBLE AS revenue, 2023 AS year FROM range(5) r(i)) TO 'archived.parquet'""")
    return con


@pytest.fixture
def accounts(con: pyralog.Connection) -> Iterator[pyralog.Connection]:
    con.execute("CREATE TABLE accounts (id INTEGER PRIMARY KEY, balance INTEGER)")
    con.execute("INSERT INTO accounts VALUES (1, 500), (2, 500)")
    yield con


@pytest.fixture
def climate(con: pyralog.Connection) -> pyralog.Connection:
    """A table of the columns that an array with these dimensions has."""
    con.execute("CREATE TABLE climate (time TIMESTAMP, lat DOUBLE, lon DOUBLE, temperature DOUBLE)")
    con.execute("""INSERT INTO climate VALUES ('2019-12-31', 0, 0, 90), ('2020-01-01', -10, 0, 10),
        ('2025-01-01', 10, 5, 20), ('2025-01-01', 40, 5, 3), ('2025-01-02', 50, 5, 7), ('2025-01-02', 30, 5, 9)""")
    return con


def test_p13_sum_by_product(con: pyralog.Connection) -> None:
    con.execute("CREATE TABLE sales (product VARCHAR, revenue INTEGER, year INTEGER)")
    con.execute("INSERT INTO sales VALUES ('a', 1, 2025), ('a', 2, 2025), ('b', 5, 2025), ('b', 9, 2024)")
    assert sorted(con.execute(statement("P13")).fetchall()) == [("a", 3), ("b", 5)]


def test_p14_average_in_a_band(climate: pyralog.Connection) -> None:
    assert climate.execute(statement("P14")).fetchall() == [(15.0,)]


def test_p15_averages_by_time(climate: pyralog.Connection) -> None:
    found = climate.execute(statement("P15")).fetchall()
    assert found == [(dt.datetime(2025, 1, 1), 3.0), (dt.datetime(2025, 1, 2), 8.0)]


def test_p16_rows_since_a_date(events: pyralog.Connection) -> None:
    assert len(events.execute(statement("P16")).fetchall()) == 5


def test_p17_sums_over_an_archive(events: pyralog.Connection) -> None:
    events.execute("COPY (SELECT * FROM events) TO 'lake' (FORMAT parquet, PARTITION_BY (date))")
    events.execute(
        "CREATE EXTERNAL TABLE events_archive STORED AS parquet LOCATION 'lake/**/*.parquet' PARTITIONED BY (date DATE)"
    )
    assert sorted(events.execute(statement("P17")).fetchall()) == [("p0", 15.0), ("p1", 7.0), ("p2", 13.0)]


def test_p43_update_of_a_row(con: pyralog.Connection) -> None:
    con.execute("CREATE TABLE users (id BIGINT PRIMARY KEY, last_login TIMESTAMPTZ)")
    con.execute("INSERT INTO users VALUES (1, NULL), (2, NULL)")
    assert con.execute(statement("P43"), [2]).rowcount == 1
    assert con.execute("SELECT id FROM users WHERE last_login IS NOT NULL").fetchall() == [(2,)]


def test_p44_an_interval_without_a_space(con: pyralog.Connection) -> None:
    con.execute("CREATE TABLE active_sessions (timestamp TIMESTAMPTZ)")
    con.execute("INSERT INTO active_sessions VALUES (now()), (now() - INTERVAL '1 hour')")
    assert con.execute(statement("P44")).fetchone() == (1,)


def test_p45_a_transfer(accounts: pyralog.Connection) -> None:
    accounts.execute(statement("P45"))
    assert accounts.execute("FROM accounts ORDER BY id").fetchall() == [(1, 400), (2, 600)]


def test_p46_a_row_with_a_path(con: pyralog.Connection) -> None:
    con.execute("CREATE TABLE ml_models (name VARCHAR, path VARCHAR, format VARCHAR)")
    con.execute(statement("P46"))
    assert con.execute("FROM ml_models").fetchall() == [("llama-7b", "/models/llama-7b.safetensors", "safetensors")]


def test_p47_register_external(con: pyralog.Connection, folder: Path) -> None:
    (folder / "transactions/2020").mkdir(parents=True)
    pq.write_table(pa.table({"id": [1, 2]}), folder / "transactions/2020/a.parquet")
    con.execute(statement("P47"))
    assert con.execute("FROM transactions_2020").fetchall() == [(1,), (2,)]
    for kind in ("ARRAY", "SNAPSHOT"):
        with pytest.raises(pyralog.NotSupportedError):
            con.execute(f"REGISTER EXTERNAL {kind} x LOCATION 'y'")


def sales(folder: Path, path: str) -> None:
    """A Parquet file with twenty products."""
    target = folder / path
    target.parent.mkdir(parents=True)
    amounts = [Decimal("0.250") * i for i in range(20)]
    pq.write_table(
        pa.table(
            {
                "date": pa.array([dt.date(2023, 12, 24)] * 20),
                "product_id": pa.array(range(20), pa.int32()),
                "amount": pa.array(amounts, pa.decimal128(18, 3)),
                "user_id": pa.array(range(20), pa.int32()),
            }
        ),
        target,
    )


@pytest.fixture
def sales_2023(con: pyralog.Connection, folder: Path) -> pyralog.Connection:
    for month in (11, 12):
        sales(folder, f"datalake/sales/year=2023/month={month}/a.parquet")
    con.execute(statement("P48"))
    return con


def test_p48_an_external_table_with_columns(sales_2023: pyralog.Connection) -> None:
    names = sales_2023.execute("SELECT * FROM sales_2023 LIMIT 0").columns
    assert [getattr(name, "name", name) for name in names] == [
        "date",
        "product_id",
        "amount",
        "user_id",
        "year",
        "month",
    ]


def test_p49_the_ten_products_with_most_revenue(sales_2023: pyralog.Connection) -> None:
    found = sales_2023.execute(statement("P49")).fetchall()
    assert found == [(i, Decimal("0.250") * i) for i in range(19, 9, -1)]


def test_p50_recent_rows_and_archived_rows(events: pyralog.Connection) -> None:
    events.execute("CREATE EXTERNAL TABLE events_archive STORED AS parquet LOCATION 'archived.parquet'")
    assert len(events.execute(statement("P50"), [0]).fetchall()) == 4
    assert len(events.execute(statement("P50", 1), [0]).fetchall()) == 3


def test_p51_old_rows_to_a_file(events: pyralog.Connection) -> None:
    events.execute(statement("P51"), [dt.date(2025, 1, 1)])
    assert pq.read_table("old.parquet").num_rows == 5


def test_p52_a_table_of_such_files(events: pyralog.Connection, folder: Path) -> None:
    (folder / "archive/events").mkdir(parents=True)
    (folder / "archived.parquet").rename(folder / "archive/events/old.parquet")
    events.execute(statement("P52"))
    assert events.execute("SELECT count(*) FROM events_archive").fetchone() == (5,)


def test_p53_old_rows_go(events: pyralog.Connection) -> None:
    assert events.execute(statement("P53"), [dt.date(2025, 1, 1)]).rowcount == 5
    assert events.execute("SELECT count(*) FROM events").fetchone() == (5,)


def test_p54_archived_rows_come_back(events: pyralog.Connection) -> None:
    events.execute("COPY (SELECT * EXCLUDE (year) FROM 'archived.parquet') TO 'same.parquet'")
    events.execute("CREATE EXTERNAL TABLE events_archive STORED AS parquet LOCATION 'same.parquet'")
    assert events.execute(statement("P54"), [dt.date(2024, 12, 24)]).rowcount == 3


def test_p55_folders_that_name_no_column(con: pyralog.Connection, folder: Path) -> None:
    for month in (1, 2):
        for day in (1, 15):
            target = folder / f"archive/events/2024/{month:02d}/{day:02d}"
            target.mkdir(parents=True)
            pq.write_table(pa.table({"user_id": [month * 100 + day]}), target / "a.parquet")
    con.execute(statement("P55"))
    assert sorted(con.execute(statement("P55", 1)).fetchall()) == [(101, 2024, 1, 1), (115, 2024, 1, 15)]
    assert "Scanning Files: 2/4" in str(con.execute(f"EXPLAIN ANALYZE {statement('P55', 1)}").fetchall())


def test_p56_compression_with_a_level(events: pyralog.Connection, folder: Path) -> None:
    (folder / "archive").mkdir()
    events.execute(statement("P56"))
    assert pq.ParquetFile("archive/events.parquet").metadata.row_group(0).column(0).compression == "ZSTD"


def test_p57_hot_and_cold_storage(events: pyralog.Connection) -> None:
    events.execute("CREATE EXTERNAL TABLE events_archive STORED AS parquet LOCATION 'archived.parquet'")
    events.execute("CHECKPOINT")
    found = {kind: (size, files) for kind, size, files in events.execute(statement("P57")).fetchall()}
    assert set(found) == {"native_lsm", "external"}
    assert found["external"] == (Path("archived.parquet").stat().st_size / 1024**3, 1)
