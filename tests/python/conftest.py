"""The package as the tests import it: out of the build folder."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

BUILD = Path(os.environ.get("PYRALOG_BUILD_DIR", Path(__file__).resolve().parents[2] / "build/release"))
sys.path.insert(0, str(BUILD / "python"))

import pyralog  # noqa: E402

RunPython = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def con() -> Iterator[pyralog.Connection]:
    """A connection to a database in memory."""
    connection = pyralog.connect()
    yield connection
    connection.close()


@pytest.fixture
def run_python(tmp_path: Path) -> RunPython:
    """Runs a program text in a Python of its own, which finds the package; never waits longer than a minute."""

    def run(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", program, *arguments],
            cwd=tmp_path,
            env=dict(os.environ, PYTHONPATH=str(BUILD / "python")),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run
