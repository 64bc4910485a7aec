"""Every build opens the databases of every earlier one: each folder here holds one, with the script that made it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

BINARY = os.environ["PYRALOG_BINARY"]
PACKAGE = Path(os.environ.get("PYRALOG_BUILD_DIR", Path(BINARY).parent)) / "python"
HERE = Path(__file__).parent
VERSIONS = sorted({path.parent for path in HERE.glob("*/make.*")})


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [BINARY, *arguments], cwd=folder, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False
    )


def run_python(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = dict(os.environ, PYTHONPATH=str(PACKAGE))
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,
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
    if (version / "make.sql").exists():
        made = run(tmp_path, "sql", "--db", "database", "-f", str(version / "make.sql"))
    else:
        made = run_python(tmp_path, str(version / "make.py"), "database")
    assert made.returncode == 0, made.stderr
    done = run(tmp_path, "sql", "--db", "database", "--out", "jsonl", "-f", str(version / "answers.sql"))
    assert done.stdout == (version / "answers.jsonl").read_text()


ENTRIES_OF_DICTIONARIES = """
import pyarrow, pyralog
rows = pyralog.connect("database").table("t").to_arrow()
entries = ["none", "low", "mid", "high", "never"]
inner = rows["l"].combine_chunks().flatten()
for ordered in (rows["o"].combine_chunks(), inner.field("o")):
    assert ordered.type == pyarrow.dictionary(pyarrow.int8(), pyarrow.string(), ordered=True)
    assert ordered.dictionary.to_pylist() == entries
    assert ordered.to_pylist() == ["mid", None, "low", "mid", "high", "mid", "low"]
for plain in (rows["p"].combine_chunks(), inner.field("p")):
    assert plain.dictionary.to_pylist() == ["low plain", "mid plain", "high plain"]
    assert plain.to_pylist()[3:] == ["mid plain", "high plain", "mid plain", "low plain"]
"""


def test_entries_of_dictionaries_are_what_they_were(tmp_path: Path) -> None:
    shutil.copytree(HERE / "0.1.0-dictionaries" / "database", tmp_path / "database")
    read = run_python(tmp_path, "-c", ENTRIES_OF_DICTIONARIES)
    assert read.returncode == 0, read.stderr


def test_a_newer_database_is_refused_by_name(tmp_path: Path) -> None:
    shutil.copytree(VERSIONS[-1] / "database", tmp_path / "database")
    current = tmp_path / "database" / "CURRENT"
    current.write_text(current.read_text().replace("pyralog 1\n", "pyralog 2\n"))
    done = run(tmp_path, "sql", "--db", "database", "-c", "SELECT 1")
    assert done.returncode == 3
    assert "newer build" in done.stderr
