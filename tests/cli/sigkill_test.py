"""SIGKILL in the middle of commits, twenty times: what was acknowledged is there, and nothing is half."""

from __future__ import annotations

import random
import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

Run = Callable[..., "subprocess.CompletedProcess[str]"]

KILLS = 20
SECONDS = 40.0
ROWS = 5  # of each transaction, in two tables
SETTINGS = (
    ["--durability", "full"],
    ["--durability", "normal"],
    ["--durability", "full", "--memtable-size", "32KiB"],  # flushes and merges run beside the commits
)


def transactions(first: int, count: int) -> str:
    """Transactions that insert into two tables and count themselves in a third; each is acknowledged by its number."""
    return "".join(
        f"BEGIN; INSERT INTO a SELECT {ROWS * n} + range, {n}, repeat('v', {n % 50}) FROM range({ROWS - 1});"
        f" INSERT INTO b VALUES ({n}, {n}); UPDATE counter SET n = {n + 1} WHERE id = 0;"
        f" DELETE FROM b WHERE id = {n - 40}; COMMIT; SELECT {n} AS acknowledged;\n"
        for n in range(first, first + count)
    )


def run_and_kill(binary: str, folder: Path, first: int, settings: list[str], seconds: float) -> int:
    """Runs transactions, kills the process some time after its first acknowledgement; the last acknowledged number."""
    script = folder / "script.sql"
    script.write_text(transactions(first, 5000))
    log = folder / "acknowledged.csv"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [binary, "sql", "--db", str(folder / "db"), *settings, "-f", str(script)],
            stdout=out,
            stderr=subprocess.PIPE,
        )
        deadline = time.monotonic() + 10
        while log.stat().st_size == 0 and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.005)
        time.sleep(seconds)
        process.kill()
        _, errors = process.communicate()
    assert errors == b""
    acknowledged = [int(line) for line in re.findall(rb"^(\d+)\n", log.read_bytes(), re.MULTILINE)]
    assert acknowledged == list(range(first, first + len(acknowledged)))
    return first + len(acknowledged) - 1


def check(sql: Run, last_acknowledged: int) -> int:
    """Compares the tables with what was acknowledged; the number of transactions that are there."""
    done = sql(
        f"SELECT (SELECT n FROM counter) AS n, (SELECT count(*) FROM a) AS a,"
        f" (SELECT count(DISTINCT txn) FROM a) AS txns,"
        f" (SELECT count(*) FROM (SELECT txn FROM a GROUP BY txn HAVING count(*) <> {ROWS - 1})) AS halves,"
        f" (SELECT count(*) FROM b) AS b, (SELECT coalesce(min(id), 0) FROM b) AS first_b,"
        f" (SELECT coalesce(sum(id), 0) FROM a) AS keys"
    )
    assert done.returncode == 0, done.stderr
    n, a, txns, halves, b, first_b, keys = map(int, done.stdout.splitlines()[1].split(","))
    assert n - 1 in (last_acknowledged, last_acknowledged + 1), (
        "an acknowledged transaction is missing, or one came too much"
    )
    assert (a, txns, halves) == (n * (ROWS - 1), n, 0)
    assert (b, first_b) == (min(n, 40), max(0, n - 40))
    assert keys == sum(ROWS * i + j for i in range(n) for j in range(ROWS - 1))
    return n


def test_acknowledged_transactions_survive_sigkill(binary: str, sql: Run, pyralog: Run, tmp_path: Path) -> None:
    setup = sql(
        "CREATE TABLE a (id BIGINT PRIMARY KEY, txn BIGINT, v VARCHAR);"
        "CREATE TABLE b (id BIGINT PRIMARY KEY, txn BIGINT);"
        "CREATE TABLE counter (id INTEGER PRIMARY KEY, n BIGINT); INSERT INTO counter VALUES (0, 0)"
    )
    assert setup.returncode == 0, setup.stderr
    seed = random.randrange(1 << 30)
    print(f"seed {seed}")
    chance = random.Random(seed)
    start = time.monotonic()
    kills = total = 0
    while kills < KILLS and time.monotonic() - start < SECONDS:
        last = run_and_kill(binary, tmp_path, total, SETTINGS[kills % len(SETTINGS)], chance.uniform(0.02, 0.4))
        total = check(sql, last)
        kills += 1
    print(f"{kills} kills, {total} transactions")
    assert total > kills, "hardly anything was committed"
    assert kills >= KILLS // 2, "the machine is too slow for this test to mean anything"
    assert pyralog("verify", "db").returncode == 0
