"""The examples of the user's pages run as they stand.

- A block ```console: each line `$ COMMAND` runs in bash, in order, in one folder for the page; the lines below it are
  all that it prints (a line `...` stands for any lines).
- A block ```sql: its statements run on the page's database `docs`; after a first line `-- fails: CODE` the last one
  fails with that code.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = ["quick-start.md", "sql.md", "durability.md"]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    binary = os.environ.get("PYRALOG_BINARY") or shutil.which("pyralog")
    assert binary is not None, "PYRALOG_BINARY names no program"
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "pyralog").symlink_to(binary)
    return dict(os.environ, PATH=f"{tmp_path}/bin:{os.environ['PATH']}", LC_ALL="C.UTF-8")


def steps(block: str) -> list[tuple[str, str]]:
    """The commands of a console block, each with what it is to print."""
    found: list[tuple[str, str]] = []
    for line in block.splitlines():
        if line.startswith("$ "):
            found.append((line[2:], ""))
        elif found and found[-1][0].endswith("\\"):
            found[-1] = (f"{found[-1][0]}\n{line}", "")
        else:
            command, output = found[-1]
            found[-1] = (command, f"{output}{line}\n")
    return found


def matches(expected: str, printed: str) -> bool:
    pattern = "".join(
        "(?:.*\n)*" if line == "...\n" else re.escape(line) for line in expected.splitlines(keepends=True)
    )
    return re.fullmatch(pattern, printed) is not None


def run(command: list[str], folder: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("page", PAGES)
def test_examples(page: str, tmp_path: Path, environment: dict[str, str]) -> None:
    folder = tmp_path / "work"
    folder.mkdir()
    blocks = BLOCK.findall((ROOT / "docs" / page).read_text())
    assert any(kind in ("console", "sql") for kind, _ in blocks), "the page has no examples"
    for kind, block in blocks:
        if kind == "console":
            for command, expected in steps(block):
                printed = run(["bash", "-c", command], folder, environment).stdout
                assert matches(expected, printed), f"$ {command}\n{printed}"
        elif kind == "sql":
            fails = re.match(r"-- fails: (\w+)\n", block)
            done = run(["pyralog", "sql", "--db", "docs", "--out", "csv", "-c", block], folder, environment)
            if fails:
                assert f"error: {fails.group(1)}:" in done.stdout, f"{block}\n{done.stdout}"
            else:
                assert done.returncode == 0, f"{block}\n{done.stdout}"
