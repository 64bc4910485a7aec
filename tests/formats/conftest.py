"""The command, and a folder of files that other programs wrote."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Rows = Callable[[str], list[dict[str, Any]]]


@pytest.fixture
def rows(tmp_path: Path) -> Rows:
    """Runs a statement in the test's folder, on the database `db`, and gives its rows."""

    def run(statement: str) -> list[dict[str, Any]]:
        command = [os.environ["PYRALOG_BINARY"], "sql", "--db", "db", "--out", "jsonl", "-c", statement]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.split("\n") if line]  # values may hold U+2028

    return run
