"""The tour: hot rows in Pyralog's own store, cold files where they lie, one SQL over both, and a crash in between.

Run it with `./dev demo`. The data are the npm package vega-datasets: 3,376 airports as CSV, three million flights as
Parquet, a film list as JSON, 231,083 flights as an Arrow file. Each statement is printed before its result; a statement
that does not do what the tour says ends it with exit code 1.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BINARY = os.environ["PYRALOG_BINARY"]
DATA = Path(os.environ["PYRALOG_DEMO_DATA"])
BOLD, DIM, OFF = ("\033[1m", "\033[2m", "\033[0m") if sys.stdout.isatty() else ("", "", "")


def say(text: str) -> None:
    """A line of the story."""
    print(f"\n{BOLD}{text}{OFF}", flush=True)


def fail(text: str) -> None:
    """Ends the tour."""
    print(f"demo: {text}", file=sys.stderr)
    sys.exit(1)


class Tour:
    """A database in a folder of its own, driven through the command line as a user would."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "data").symlink_to(DATA)
        self.db = "travel"

    def run(self, sql: str, out: str = "box") -> subprocess.CompletedProcess[str]:
        """Runs statements with `pyralog sql`, in the tour's folder."""
        return subprocess.run(
            [BINARY, "sql", "--db", self.db, "--out", out, "-c", sql],
            cwd=self.folder,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            check=False,
        )

    def show(self, sql: str) -> str:
        """Prints a statement and its result."""
        print(f"\n{BOLD}pyralog>{OFF} {sql}", flush=True)
        start = time.monotonic()
        done = self.run(sql)
        print(done.stdout.rstrip())
        if done.stderr.strip():
            print(done.stderr.rstrip())
        print(f"{DIM}({time.monotonic() - start:.2f} s, program start included){OFF}", flush=True)
        if done.returncode != 0:
            fail(f"exit code {done.returncode}")
        return done.stdout

    def show_error(self, sql: str) -> str:
        """Prints a statement that must fail, and what it says."""
        print(f"\n{BOLD}pyralog>{OFF} {sql}", flush=True)
        done = self.run(sql)
        print((done.stdout + done.stderr).rstrip(), flush=True)
        if done.returncode != 1:
            fail(f"exit code {done.returncode}, and 1 was wanted")
        return done.stderr

    def value(self, sql: str) -> str:
        """The single value of a query."""
        done = self.run(sql, out="csv")
        if done.returncode != 0:
            fail(done.stderr)
        return done.stdout.splitlines()[-1]


def hot_table(tour: Tour) -> None:
    """Airports in a table with a key: corrected, upserted, atomic."""
    say("1. Hot: airports in a table with a key")
    tour.show(
        "CREATE TABLE airports (iata VARCHAR PRIMARY KEY, name VARCHAR NOT NULL, city VARCHAR, state VARCHAR,\n"
        "  country VARCHAR, latitude DOUBLE CHECK (latitude BETWEEN -90 AND 90), longitude DOUBLE)"
    )
    tour.show("INSERT INTO airports SELECT * FROM 'data/airports.csv'")
    tour.show("SELECT iata, name, city, state FROM airports WHERE iata = 'SFO'")
    tour.show("UPDATE airports SET name = 'San Francisco Intl' WHERE iata = 'SFO' RETURNING iata, name")
    tour.show(
        "INSERT INTO airports VALUES\n"
        "  ('SFO', 'San Francisco International', 'San Francisco', 'CA', 'USA', 37.619, -122.3749),\n"
        "  ('BER', 'Berlin Brandenburg', 'Berlin', NULL, 'Germany', 52.3667, 13.5033)\n"
        "  ON CONFLICT (iata) DO UPDATE SET name = excluded.name RETURNING iata, name"
    )
    say("A transaction is all or nothing: the second statement breaks a CHECK, so the first one is undone too.")
    tour.show_error(
        "BEGIN; UPDATE airports SET country = 'Deutschland' WHERE iata = 'BER';\n"
        "INSERT INTO airports VALUES ('XXX', 'Nowhere', NULL, NULL, NULL, 123.0, 0.0); COMMIT"
    )
    tour.show("SELECT iata, country FROM airports WHERE iata IN ('BER', 'XXX')")
    if tour.value("SELECT country FROM airports WHERE iata = 'BER'") != "Germany":
        fail("half a transaction is visible")


def cold_files(tour: Tour) -> None:
    """Files queried where they lie, and joined with the hot table."""
    say("2. Cold: three million flights, queried where they lie")
    tour.show("SELECT count(*) AS flights, min(date) AS first, max(date) AS last FROM 'data/flights-3m.parquet'")
    tour.show("CREATE EXTERNAL TABLE flights STORED AS parquet LOCATION 'data/flights-3m.parquet'")
    say("3. One SQL over both: the hot airports and the cold flights")
    tour.show(
        "SELECT a.iata, a.name, count(*) AS flights, round(avg(f.delay), 1) AS mean_delay\n"
        "FROM flights f JOIN airports a ON f.origin = a.iata\n"
        "WHERE f.date >= '2001-06-01' AND f.date < '2001-07-01'\n"
        "GROUP BY ALL ORDER BY mean_delay DESC LIMIT 5"
    )
    tour.show(
        'SELECT "Major Genre" AS genre, count(*) AS films\n'
        "FROM 'data/movies.json' GROUP BY ALL ORDER BY films DESC LIMIT 3"
    )
    tour.show("SELECT avg(delay) AS mean_delay, count(*) AS flights FROM 'data/flights-200k.arrow'")


KILL_SQL = """
CREATE TABLE IF NOT EXISTS ledger (id BIGINT PRIMARY KEY, account VARCHAR, amount BIGINT);
"""


def killed_process(tour: Tour) -> None:
    """SIGKILL in the middle of commits; what was acknowledged is there, nothing is half."""
    say("4. A crash: a process writes transfers, two rows each, and is killed in the middle")
    tour.show(KILL_SQL.strip().rstrip(";"))
    statements = "".join(
        f"BEGIN; INSERT INTO ledger VALUES ({2 * i}, 'from', -{i});"
        f" INSERT INTO ledger VALUES ({2 * i + 1}, 'to', {i}); COMMIT;"
        f" SELECT {i} AS acknowledged;\n"
        for i in range(20000)
    )
    script = tour.folder / "transfers.sql"
    script.write_text(statements)
    log = tour.folder / "acknowledged.csv"
    with log.open("w") as out:
        process = subprocess.Popen(
            [BINARY, "sql", "--db", tour.db, "--out", "csv", "-f", str(script)],
            cwd=tour.folder,
            stdout=out,
            stderr=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL,
        )
        time.sleep(0.8)
        process.send_signal(signal.SIGKILL)
        process.wait()
    acknowledged = len(re.findall(r"^\d+$", log.read_text(), re.MULTILINE))
    print(f"{DIM}killed with SIGKILL after {acknowledged:,} acknowledged transfers{OFF}")
    tour.show(
        "SELECT count(*) AS rows, count(*) / 2 AS transfers, sum(amount) AS balance, count(*) % 2 AS halves FROM ledger"
    )
    rows = int(tour.value("SELECT count(*) FROM ledger"))
    balance = tour.value("SELECT coalesce(sum(amount), 0) FROM ledger")
    if rows % 2 != 0 or balance != "0" or rows // 2 < acknowledged or acknowledged == 0:
        fail(f"{rows} rows, balance {balance}, {acknowledged} acknowledged")
    print(f"All {acknowledged:,} acknowledged transfers are there, and no half one.")


def storage(tour: Tour) -> None:
    """What lies on disk, what was read, what was skipped."""
    say("5. What lies where: recent rows are in the log until they are flushed; CHECKPOINT does it now")
    tour.show(
        "CREATE TABLE june AS SELECT * FROM flights WHERE date >= '2001-06-01' AND date < '2001-07-01' ORDER BY date"
    )
    tour.show("CHECKPOINT")
    tour.show(
        "SELECT storage_type, table_name, format, rows, size_bytes FROM storage_stats\n"
        "WHERE kind IN ('segment', 'file') ORDER BY ALL"
    )
    say("Each segment is an Arrow IPC file; any Arrow reader opens it:")
    import pyarrow.ipc

    for path in sorted((tour.folder / tour.db / "hot").glob("*/*.arrow")):
        with pyarrow.ipc.open_file(path) as reader:
            rows = sum(reader.get_batch(i).num_rows for i in range(reader.num_record_batches))
            names = ", ".join(reader.schema.names)
        print(f"  pyarrow reads {path.relative_to(tour.folder)}: {rows:,} rows of {names}")
    say("6. What was read and what was skipped: of the hot table's units of 122,880 rows, the last days need few")
    plan = tour.show("EXPLAIN ANALYZE SELECT max(delay) FROM june WHERE date >= '2001-06-29'")
    pruned = re.search(r"Units Pruned: (\d+)", plan)
    if pruned is None or int(pruned.group(1)) == 0:
        fail("nothing was pruned")


def main() -> int:
    """Runs the tour in a fresh folder and leaves nothing behind."""
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="pyralog-demo-") as folder:
        tour = Tour(Path(folder))
        hot_table(tour)
        cold_files(tour)
        killed_process(tour)
        storage(tour)
    say(f"Done in {time.monotonic() - start:.0f} s. To try next:")
    print(
        "  build/release/pyralog sql --db mine          a shell on a database of your own; .help says what it can\n"
        "  build/release/pyralog cat FILE --limit 5     any Parquet, CSV, JSON or Arrow file as rows\n"
        "  build/release/pyralog inspect mine           what a database is made of\n"
        "  ./dev test                                   all tests\n"
        "  README.md, docs/                             the rest"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
