"""Opening databases."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pyralog
import pytest

RunPython = Callable[..., "subprocess.CompletedProcess[str]"]


def test_data_outlives_the_connection(tmp_path: Path) -> None:
    with pyralog.connect(tmp_path / "db", durability="normal", memory_limit="1GiB", config={"threads": 2}) as con:
        con.execute("CREATE TABLE t (a INTEGER); INSERT INTO t VALUES (1)")
    with pyralog.connect(str(tmp_path / "db"), read_only=True) as con:
        assert con.execute("FROM t").fetchall() == [(1,)]
        assert con.recovery_notice == ""
        with pytest.raises(pyralog.OperationalError) as caught:
            con.execute("INSERT INTO t VALUES (2)")
        assert caught.value.code == "READ_ONLY"


def test_databases_in_memory_are_apart() -> None:
    with pyralog.connect() as one, pyralog.connect(":memory:") as other:
        one.execute("CREATE TABLE t (a INTEGER)")
        with pytest.raises(pyralog.ProgrammingError):
            other.execute("FROM t")
        assert one.duplicate().execute("FROM t").fetchall() == []


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"durability": "maybe"}, "durability is 'full', 'normal' or 'off', not 'maybe'"),
        ({"memory_limit": "much"}, "'much' is no size"),
        ({"config": {"colour": 1}}, "there is no option 'colour'; there are threads, memtable_size"),
    ],
)
def test_wrong_options(options: dict[str, object], words: str) -> None:
    with pytest.raises(pyralog.ProgrammingError, match=words):
        pyralog.connect(**options)  # type: ignore[arg-type]


def test_one_folder_has_one_set_of_options(tmp_path: Path) -> None:
    with pyralog.connect(tmp_path / "db"), pytest.raises(pyralog.ProgrammingError, match="with another durability"):
        pyralog.connect(tmp_path / "db", durability="off")


def test_one_folder_has_one_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pyralog.connect("new") as one, pyralog.connect("new") as other, pyralog.connect(tmp_path / "new") as third:
        one.execute("CREATE TABLE t (a INTEGER)")
        assert other.execute("FROM t").fetchall() == third.execute("FROM t").fetchall() == []


def test_a_database_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(pyralog.Error) as caught:
        pyralog.connect(tmp_path / "none", read_only=True)
    assert caught.value.code == "NOT_FOUND"
    assert not (tmp_path / "none").exists()


def test_another_process_is_told(tmp_path: Path, run_python: RunPython) -> None:
    program = (
        "import pyralog, sys\ntry: pyralog.connect(sys.argv[1])\nexcept pyralog.OperationalError as e: print(e.code)"
    )
    with pyralog.connect(tmp_path / "db"):
        done = run_python(program, str(tmp_path / "db"))
    assert (done.stdout, done.stderr) == ("LOCKED\n", "")
