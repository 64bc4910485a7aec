"""`pyralog cat` and `pyralog inspect FILE`: foreign files, good and bad."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

Run = Callable[..., "subprocess.CompletedProcess[str]"]

TABLE = pa.table({"id": [1, 2, 3], "name": ["tea", None, "größe, x"], "tags": [["a"], [], None]})
ROWS = [
    {"id": 1, "name": "tea", "tags": ["a"]},
    {"id": 2, "name": None, "tags": []},
    {"id": 3, "name": "größe, x", "tags": None},
]


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """The same rows in each format."""
    pq.write_table(TABLE, tmp_path / "t.parquet", row_group_size=2)
    with pa.ipc.new_file(str(tmp_path / "t.arrow"), TABLE.schema) as writer:
        writer.write_table(TABLE)
    with pa.ipc.new_stream(str(tmp_path / "t.arrows"), TABLE.schema) as stream:
        stream.write_table(TABLE)
    (tmp_path / "t.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    (tmp_path / "t.csv").write_text('id,name\n1,tea\n2,\n3,"größe, x"\n')
    return tmp_path


def refused(done: subprocess.CompletedProcess[str], code: str, path: str) -> None:
    """The input was refused with one line on stderr."""
    assert done.returncode == 2, done.stderr
    assert done.stderr.count("\n") == 1 and done.stderr.endswith("\n")
    assert done.stderr.startswith(f"error: {code}: {path}: ")


@pytest.mark.parametrize("name", ["t.parquet", "t.arrow", "t.arrows", "t.jsonl"])
def test_rows(pyralog: Run, files: Path, name: str) -> None:
    done = pyralog("cat", name, "--out", "jsonl")
    assert (done.returncode, done.stderr) == (0, "")
    assert [json.loads(line) for line in done.stdout.splitlines()] == ROWS
    limited = pyralog("cat", name, "--out", "jsonl", "--limit", "2")
    assert [json.loads(line) for line in limited.stdout.splitlines()] == ROWS[:2]
    assert pyralog("cat", name, "--limit", "0").stdout == "id,name,tags\n"


def test_csv_and_named_formats(pyralog: Run, files: Path) -> None:
    assert pyralog("cat", "t.csv").stdout == 'id,name\n1,tea\n2,\n3,"größe, x"\n'
    (files / "t.csv").rename(files / "plain")
    refused(pyralog("cat", "plain"), "NOT_SUPPORTED", "plain")
    assert pyralog("cat", "plain", "--format", "csv", "--limit", "1").stdout == "id,name\n1,tea\n"
    refused(pyralog("cat", "plain", "--format", "nonsense"), "NOT_SUPPORTED", "plain")
    refused(pyralog("cat", "plain", "--format", "csv", "--select", "x"), "NOT_FOUND", "plain")


def test_uris_and_patterns(pyralog: Run, files: Path) -> None:
    assert pyralog("cat", f"file://{files}/t.parquet", "--limit", "1").returncode == 0
    pq.write_table(TABLE, files / "u.parquet")
    assert len(pyralog("cat", "*.parquet").stdout.splitlines()) == 7
    refused(pyralog("cat", "ftp://user:secret@host/x"), "NOT_SUPPORTED", "ftp://user:secret@host/x")


def test_what_is_no_file(pyralog: Run, files: Path) -> None:
    os.mkfifo(files / "fifo")
    (files / "loop").symlink_to("loop")
    for command in ("cat", "inspect"):
        refused(pyralog(command, "missing.parquet"), "NOT_FOUND", "missing.parquet")
        refused(pyralog(command, "fifo"), "INVALID_ARGUMENT", "fifo")
        refused(pyralog(command, "/dev/zero"), "INVALID_ARGUMENT", "/dev/zero")
        refused(pyralog(command, "."), "INVALID_ARGUMENT", ".")
        assert pyralog(command, "loop").returncode == 2


@pytest.mark.parametrize("name", ["t.parquet", "t.arrow"])
def test_damaged_files_are_refused(pyralog: Run, files: Path, name: str) -> None:
    whole = (files / name).read_bytes()
    for cut in range(0, len(whole), max(1, len(whole) // 20)):
        (files / name).write_bytes(whole[:cut])
        done = pyralog("cat", name)
        assert done.returncode == 2 and done.stderr.startswith("error: ") and done.stderr.count("\n") == 1


def test_the_memory_limit_is_kept(pyralog: Run, files: Path) -> None:
    big = pa.table({"text": ["x" * 1000] * 200_000})
    pq.write_table(big, files / "big.parquet", row_group_size=200_000)
    assert (files / "big.parquet").stat().st_size < 5_000_000
    refused(pyralog("cat", "big.parquet", "--memory-limit", "16MiB", "--limit", "1"), "MEMORY_LIMIT", "big.parquet")


def test_the_timeout_ends_it(binary: str, files: Path) -> None:
    start = time.monotonic()
    # Nobody reads the pipe, so that writing never ends.
    big = pa.table({"n": list(range(1_000_000))})
    pq.write_table(big, files / "big.parquet")
    with subprocess.Popen(
        [binary, "cat", "big.parquet", "--timeout", "500ms"],
        cwd=files,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.wait(30) == 2
        assert process.stderr is not None
        assert process.stderr.read().startswith("error: INTERRUPTED: big.parquet: ")
    assert time.monotonic() - start < 20


def test_inspect_tells_what_a_file_is_made_of(pyralog: Run, files: Path) -> None:
    done = pyralog("inspect", "t.parquet")
    assert done.returncode == 0
    for part in ("Apache Parquet", "row groups      2", "rows            3", "columns         3", "id    int64"):
        assert part in done.stdout, done.stdout
    for part in ("codec", "snappy", "RLE_DICTIONARY", "row group", "größe, x"):
        assert part in done.stdout, done.stdout
    assert re.search(r"^  id +snappy .* 0 +1 +3$", done.stdout, re.MULTILINE), done.stdout
    assert "record batches  1" in pyralog("inspect", "t.arrow").stdout
    text = pyralog("inspect", "t.csv").stdout
    assert "rows            3" in text and "name  string" in text


def test_inspect_of_a_folder_that_is_no_database(pyralog: Run, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    refused(pyralog("inspect", "folder"), "INVALID_ARGUMENT", "folder")


def test_formats_lists_each_format(pyralog: Run) -> None:
    done = pyralog("formats", "--out", "jsonl")
    names = [json.loads(line)["name"] for line in done.stdout.splitlines()]
    assert {"parquet", "csv", "json", "arrow_ipc"} <= set(names)
