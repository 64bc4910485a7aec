"""A database in the test's folder, through the package and through the command."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

BUILD = Path(os.environ.get("PYRALOG_BUILD_DIR", Path(__file__).resolve().parents[2] / "build/release"))
sys.path.insert(0, str(BUILD / "python"))

import pyralog  # noqa: E402

Command = Callable[..., str]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that relative paths start from."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def con(folder: Path) -> Iterator[pyralog.Connection]:
    """A connection to the database `db` in the test's folder."""
    connection = pyralog.connect("db")
    yield connection
    connection.close()


@pytest.fixture
def command(folder: Path) -> Command:
    """Runs `pyralog ARGUMENTS` in the test's folder and gives what it wrote to stdout."""
    binary = os.environ.get("PYRALOG_BINARY") or shutil.which("pyralog")
    assert binary is not None, "PYRALOG_BINARY names no program"

    def run(*arguments: str | Path, code: int = 0, **variables: str) -> str:
        done = subprocess.run(
            [binary, *map(str, arguments)],
            cwd=folder,
            env=dict(os.environ, **variables),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == code, done.stderr
        return done.stdout if code == 0 else done.stderr

    return run
