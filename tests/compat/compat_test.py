"""Every build opens the databases of every earlier one: each folder here holds one, with the script that made it."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

BINARY = os.environ["PYRALOG_BINARY"]
VERSIONS = sorted(path.parent for path in Path(__file__).parent.glob("*/make.sql"))


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [BINARY, *arguments], cwd=folder, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False
    )


def test_there_is_a_database_of_a_version() -> None:
    assert VERSIONS


@pytest.mark.parametrize("version", VERSIONS, ids=lambda path: str(path.name))
def test_answers_are_what_they_were(version: Path, tmp_path: Path) -> None:
    shutil.copytree(version / "database", tmp_path / "database")
    verified = run(tmp_path, "verify", "database")
    assert verified.returncode == 0, verified.stderr
    done = run(tmp_path, "sql", "--db", "database", "--out", "jsonl", "-f", str(version / "answers.sql"))
    assert done.returncode == 0, done.stderr
    assert done.stdout == (version / "answers.jsonl").read_text()


@pytest.mark.parametrize("version", VERSIONS, ids=lambda path: str(path.name))
def test_the_script_still_makes_the_same_rows(version: Path, tmp_path: Path) -> None:
    made = run(tmp_path, "sql", "--db", "database", "-f", str(version / "make.sql"))
    assert made.returncode == 0, made.stderr
    done = run(tmp_path, "sql", "--db", "database", "--out", "jsonl", "-f", str(version / "answers.sql"))
    assert done.stdout == (version / "answers.jsonl").read_text()


def test_a_newer_database_is_refused_by_name(tmp_path: Path) -> None:
    shutil.copytree(VERSIONS[-1] / "database", tmp_path / "database")
    current = tmp_path / "database" / "CURRENT"
    current.write_text(current.read_text().replace("pyralog 1\n", "pyralog 2\n"))
    done = run(tmp_path, "sql", "--db", "database", "-c", "SELECT 1")
    assert done.returncode == 3
    assert "newer build" in done.stderr
