"""The command as the tests drive it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def binary() -> str:
    """The program under test."""
    path = os.environ.get("PYRALOG_BINARY") or shutil.which("pyralog")
    if path is None:
        pytest.fail("PYRALOG_BINARY names no program")
    return path


@pytest.fixture
def pyralog(binary: str, tmp_path: Path) -> Run:
    """Runs the program in the test's folder; never waits longer than a minute."""

    def run(*arguments: str | Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [binary, *map(str, arguments)],
            cwd=tmp_path,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


@pytest.fixture
def sql(pyralog: Run) -> Run:
    """Runs statements on the database `db` in the test's folder."""

    def run(statements: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return pyralog("sql", "--db", "db", *arguments, "-c", statements)

    return run
