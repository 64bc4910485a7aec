"""max-mapper/csv-spectrum: twelve CSV files equal to their answers, as strings."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from outside_data import Tally, cat, suite_folder


def as_texts(path: Path) -> list[dict[str, str]] | str:
    """The rows with each value as text, as `pyralog cat` types it."""
    done = cat(path, "--out", "jsonl")
    return rows_of(done.stdout.decode()) if done.returncode == 0 else done.stderr.decode()


def as_varchar(path: Path) -> list[dict[str, str]] | str:
    """The rows with each column read as VARCHAR."""
    sql = f"FROM read_csv('{path}', all_varchar = true)"
    command = [os.environ["PYRALOG_BINARY"], "sql", "--out", "jsonl", "-c", sql]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return rows_of(done.stdout) if done.returncode == 0 else done.stderr


def rows_of(lines: str) -> list[dict[str, str]]:
    rows = [json.loads(line) for line in lines.split("\n") if line]
    return [{key: "" if value is None else str(value) for key, value in row.items()} for row in rows]


@pytest.mark.parametrize("read", [as_texts, as_varchar], ids=["typed", "varchar"])
def test_csv_spectrum(read: type) -> None:
    folder = suite_folder("csv-spectrum")
    count = Tally("csv-spectrum")
    for path in sorted(folder.glob("csvs/*.csv")):
        answer = json.loads((folder / "json" / f"{path.stem}.json").read_text())
        want = answer if isinstance(answer, list) else [answer]
        for row, fields in zip(want, count.expected["corrected"].get(path.stem, []), strict=False):
            row.update(fields)
        got = read(path)
        if got == want:
            count.passed()
        else:
            count.failed(path.name, f"got {got}, want {want}")
    count.report()
