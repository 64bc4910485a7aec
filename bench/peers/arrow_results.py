"""Results as Arrow tables in a process of their own: one command a line on stdin, one JSON answer a line on stdout.

arrow_results.py duckdb|pyralog

{"op": "open", "path": P, "threads": N, "statements": [SQL, ...]}  a new database, filled
{"op": "query", "sql": SQL}                                       its result as a pyarrow table, timed
"""

from __future__ import annotations

import gc
import json
import sys
import time
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc


class Peer:
    """A database of one of the two engines."""

    def __init__(self, engine: str) -> None:
        self.engine = engine
        self.connection: Any = None

    def open(self, path: str, threads: int, statements: list[str]) -> dict[str, object]:
        if self.engine == "duckdb":
            import duckdb

            self.connection = duckdb.connect(path, config={"threads": threads})
            version = duckdb.__version__
        else:
            import pyralog

            self.connection = pyralog.connect(path)
            self.connection.execute(f"SET threads = {threads}")
            version = pyralog.__version__
        for statement in statements:
            self.connection.execute(statement)
        self.connection.execute("CHECKPOINT")
        return {"version": version}

    def query(self, sql: str) -> dict[str, object]:
        gc.collect()
        start = time.perf_counter()
        table: pa.Table
        if self.engine == "duckdb":
            table = self.connection.sql(sql).to_arrow_table()
        else:
            table = self.connection.sql(sql).to_arrow()
        seconds = time.perf_counter() - start
        answer = [
            str(table.num_rows),
            str(pc.sum(table["i"]).as_py()),
            str(pc.sum(table["k"]).as_py()),
            str(pc.sum(pc.binary_length(table["s"].cast(pa.string()))).as_py()),
        ]
        return {"seconds": seconds, "row": answer}


def main() -> int:
    peer = Peer(sys.argv[1])
    operations: dict[str, Callable[..., dict[str, object]]] = {"open": peer.open, "query": peer.query}
    for line in sys.stdin:
        command = json.loads(line)
        operation = operations[command.pop("op")]
        try:
            answer = operation(**command)
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
