"""A disk that is full, for real: a small file system in memory."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder with room for 48 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", str(folder)]
    mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    if mounted.returncode != 0:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_is_told_and_left_by_deleting(pyralog: Run, small_disk: Path) -> None:
    def run(statements: str) -> subprocess.CompletedProcess[str]:
        return pyralog("sql", "--db", small_disk / "db", "-c", statements)

    def insert(first: int) -> subprocess.CompletedProcess[str]:
        # Of random text, which takes its 2 MB.
        return run(
            f"INSERT INTO t SELECT range, md5(range::VARCHAR) || sha256(range::VARCHAR)"
            f" FROM range({first}, {first + 20_000})"
        )

    def count() -> int:
        done = run("SELECT count(*) FROM t")
        assert (done.returncode, done.stderr) == (0, "")
        return int(done.stdout.splitlines()[1])

    assert run("CREATE TABLE t (k BIGINT PRIMARY KEY, v VARCHAR)").returncode == 0
    rows = 0
    done = insert(rows)
    while done.returncode == 0:
        rows += 20_000
        assert rows < 1_000_000, "the disk is never full"
        done = insert(rows)
    assert done.returncode in (1, 3)
    assert done.stderr.startswith("error: NO_SPACE: ") and "free space" in done.stderr
    assert rows > 100_000
    assert count() == rows
    # Others fill what is left, so that there is no room at all.
    (small_disk / "other").write_bytes(b"")
    subprocess.run(["dd", "if=/dev/zero", f"of={small_disk}/other", "bs=4096"], capture_output=True, check=False)
    assert count() == rows
    deleted = run("DELETE FROM t WHERE k % 20 <> 0")
    assert (deleted.returncode, deleted.stderr) == (0, "")
    assert count() == rows // 20
    assert insert(rows).returncode == 0
    assert count() == rows // 20 + 20_000
    verified = pyralog("verify", small_disk / "db")
    assert verified.returncode == 0, verified.stderr
