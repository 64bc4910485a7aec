"""Anonymous memory of the process while it works under a memory limit: what `./dev bench memory` calls.

A statement may take its limit and 150 MiB more. Each runs in a `pyralog` of its own; what it takes is the peak of
RssAnon, looked at a hundred times a second. Pages of mapped files are not counted: the system takes them back when it
likes.

    load     100,000,000 rows into a table with a key (1,000,000 at small scale), 1 GiB
    update   30,000,000 rows of them (300,000), 256 MiB
    delete   the same rows, 256 MiB
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BINARY = Path(os.environ.get("PYRALOG_BINARY", ROOT / "build/release/pyralog"))
ALLOWANCE = 150  # MiB beside the limit


def anonymous_mib(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) / 1024
    return 0.0  # it has just ended


def run(database: Path, limit: int, sql: str) -> tuple[float, float, str]:
    """Seconds, peak MiB of RssAnon, and what was printed."""
    script = f"SET memory_limit = '{limit}MiB';\n{sql}\n"
    start, peak = time.monotonic(), 0.0
    with tempfile.TemporaryFile("w+") as text, tempfile.TemporaryFile("w+") as output:
        text.write(script)
        text.seek(0)
        child = subprocess.Popen([BINARY, database], stdin=text, stdout=output, stderr=subprocess.STDOUT)
        while child.poll() is None:
            try:
                peak = max(peak, anonymous_mib(child.pid))
            except OSError:
                break
            time.sleep(0.01)
        code = child.wait()
        output.seek(0)
        said = output.read()
    if code != 0:
        sys.exit(f"memory: exit code {code}: {said}")
    return time.monotonic() - start, peak, said


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", choices=["small", "full"], default="full")
    scale = parser.parse_args().scale
    rows = 100_000_000 if scale == "full" else 1_000_000
    part = rows * 3 // 10
    steps = [
        (
            "load",
            1024,
            "CREATE TABLE t (id BIGINT PRIMARY KEY, v DOUBLE, s VARCHAR);\n"
            f"INSERT INTO t SELECT i, hash(i) / 1e9, 'label ' || (hash(i) % 1000) FROM range({rows}) r(i);\n"
            "SELECT count(*), max(id) FROM t;",
            f"{rows}",
        ),
        (
            "update",
            256,
            f"UPDATE t SET v = -1 WHERE id < {part};\nSELECT count(*) FROM t WHERE v = -1;",
            f"{part}",
        ),
        (
            "delete",
            256,
            f"DELETE FROM t WHERE id < {part};\nSELECT count(*) FROM t;",
            f"{rows - part}",
        ),
    ]
    work = Path(os.environ.get("PYRALOG_BENCH_DIR", ROOT / "build/bench"))
    work.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="memory_", dir=work))
    try:
        for name, limit, sql, answer in steps:
            seconds, peak, said = run(folder / "db", limit, sql)
            if answer not in said:
                sys.exit(f"memory: {name}: {answer} expected, got {said}")
            allowed = limit + ALLOWANCE
            verdict = "met" if peak <= allowed else "missed"
            print(f"{name:7} limit {limit} MiB: peak RssAnon {peak:.0f} of {allowed} MiB, {seconds:.1f} s: {verdict}")
    finally:
        shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
