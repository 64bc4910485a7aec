"""Files, and things that are none, each to a process of its own: exit code 0 or 2, one line, bounded memory."""

from __future__ import annotations

import gzip
import os
import subprocess
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

SECONDS = 20
GIBIBYTE = 1 << 20  # in the KiB of ru_maxrss
# The program itself, and what it maps of the file, come on top of the budget that readers have.
ALLOWED_KIB = GIBIBYTE + (256 << 10)


def read(path: str | Path, *arguments: str) -> str:
    """What was wrong with how `pyralog cat` took this; "" when nothing."""
    command = [os.environ["PYRALOG_BINARY"], "cat", str(path), "--out", "jsonl", f"--timeout={SECONDS}s", *arguments]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        error = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        code = process.returncode = os.waitstatus_to_exitcode(status)
    if code not in (0, 2):
        return f"{path}: exit code {code}: {error[:300]!r}"
    if code == 2 and (not error.startswith(b"error: ") or error.count(b"\n") != 1):
        return f"{path}: {error[:300]!r}"
    if usage.ru_maxrss > ALLOWED_KIB:
        return f"{path}: {usage.ru_maxrss} KiB"
    return ""


def all_of(calls: Iterator[tuple[str | Path, tuple[str, ...]]]) -> int:
    """Reads them side by side; gives their number."""
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda call: read(call[0], *call[1]), calls))
    wrong = [result for result in results if result]
    assert not wrong, "\n".join(wrong)
    return len(results)


def suite() -> Path:
    root = Path(__file__).resolve().parents[2]
    folder = Path(os.environ.get("PYRALOG_SUITES", root.parent / "shared/suites")) / "arrow-testing"
    if not folder.is_dir():
        pytest.skip("no outside test data: 282 files that fuzzers found skipped")
    return folder


FOLDERS = {
    "arrow-ipc-file": ("arrow", 56),
    "arrow-ipc-stream": ("arrow", 81),
    "arrow-ipc-tensor-stream": ("arrow", 3),
    "parquet/fuzzing": ("parquet", 138),
    "parquet/encoding-fuzzing": ("parquet", 5),
}


@pytest.mark.parametrize("folder", FOLDERS)
def test_files_that_fuzzers_found(folder: str) -> None:
    name, total = FOLDERS[folder]
    files = sorted(path for path in (suite() / folder).iterdir() if path.is_file())
    assert all_of((path, ("--format", name)) for path in files) == total


def pack(path: Path, piece: bytes, times: int, head: bytes = b"") -> None:
    """Writes the pieces compressed. This process stays small: its size at a fork is the least that a child shows."""
    codec = "zstd" if path.suffix == ".zst" else "gzip"
    with pa.CompressedOutputStream(str(path), codec) as out:
        out.write(head)
        for _ in range(times):
            out.write(piece)


def test_bombs(tmp_path: Path) -> None:
    """Little that says it is much."""
    pack(tmp_path / "lines.csv.gz", b"1,2\n" * 250_000, 20, b"a,b\n")
    pack(tmp_path / "one.csv.gz", b"1" * 1_000_000, 300, b"a,b\n")
    pack(tmp_path / "one.csv.zst", b"1" * 1_000_000, 300, b"a,b\n")
    pack(tmp_path / "one.json.gz", b"1" * 1_000_000, 300, b'{"a":"')
    pack(tmp_path / "deep.json.gz", b"[" * 1_000_000, 100)
    pack(tmp_path / "once.gz", b"1\n" * 500_000, 100, b"a\n")
    (tmp_path / "twice.csv.gz").write_bytes(gzip.compress((tmp_path / "once.gz").read_bytes()))
    (tmp_path / "once.gz").unlink()
    with zipfile.ZipFile(tmp_path / "zip.csv", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.csv", b"a\n" + b"1\n" * 1_000_000)
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (4294967296,), }"
    (tmp_path / "huge.npy").write_bytes(b"\x93NUMPY\1\0" + len(header).to_bytes(2, "little") + header)
    (tmp_path / "head.npy").write_bytes(b"\x93NUMPY\2\0\xff\xff\xff\x7f" + b" " * 100)
    table = pa.table({"a": pa.array(np.zeros(200_000_000, "i1"))})
    with pa.ipc.new_file(
        str(tmp_path / "zeros.arrow"), table.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")
    ) as out:
        out.write_table(table)
    assert all_of((path, ("--limit", "10")) for path in sorted(tmp_path.iterdir())) == 10


def test_things_that_are_no_files(tmp_path: Path) -> None:
    """Nothing here may be waited on for ever, and no other file be opened."""
    os.mkfifo(tmp_path / "fifo.csv")
    (tmp_path / "folder.parquet").mkdir()
    (tmp_path / "loop.json").symlink_to("loop.json")
    (tmp_path / "gone.arrow").symlink_to("nothing")
    (tmp_path / "zero.npy").symlink_to("/dev/zero")
    (tmp_path / "empty.npy").touch()
    (tmp_path / "up.csv").symlink_to("../" * 40 + "dev/zero")
    names: list[str | Path] = [
        *sorted(tmp_path.iterdir()),
        "/dev/zero",
        "/dev/tty",
        "/proc/self/mem",
        "/proc/self/maps",
        ".",
        "",
        "\n",
    ]
    names += ["../" * 100, "file:///dev/zero", "file://../x", "x" * 10_000, "http://127.0.0.1/x", "%00.csv", "[", "{a"]
    for name in ("csv", "json", "parquet", "arrow", "npy"):
        assert all_of((path, ("--format", name)) for path in names) == len(names)
