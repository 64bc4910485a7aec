"""The page of mistakes says what is printed: each message there is what the program says."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

PAGE = Path(os.environ.get("PYRALOG_SOURCE_DIR", Path(__file__).parents[2])) / "docs" / "errors.md"
FILES = {
    "people.csv": "name,age\nann,31\nbob,old\n",
    "broken.parquet": "this is no Parquet file\n",
    "notes.xyz": "some notes\n",
}
ENTRY = re.compile(
    r"^### (?P<title>.+?)\n\n```sql(?P<mode>[a-z ]*)\n(?P<sql>.+?)\n```\n"
    r"```text\n(?P<message>.+?)\n```\n\n(?P<advice>\S.*?)\n",
    re.DOTALL | re.MULTILINE,
)


@dataclass(frozen=True)
class Mistake:
    """One entry of the page."""

    title: str
    mode: str
    sql: str
    message: str


def mistakes() -> list[Mistake]:
    """The entries, in the order of the page."""
    text = PAGE.read_text()
    found = [Mistake(m["title"], m["mode"].strip(), m["sql"], m["message"]) for m in ENTRY.finditer(text)]
    assert len(found) == text.count("\n### "), "an entry does not have the form of the others"
    return found


@pytest.fixture(scope="module")
def template(binary: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the tables and files of the page."""
    folder = tmp_path_factory.mktemp("errors")
    setup = re.search(r"```sql setup\n(.+?)\n```", PAGE.read_text(), re.DOTALL)
    assert setup is not None
    subprocess.run([binary, "sql", "--db", "db", "-c", setup[1]], cwd=folder, check=True)
    for name, text in FILES.items():
        (folder / name).write_text(text)
    return folder


@pytest.mark.parametrize("mistake", mistakes(), ids=lambda mistake: mistake.title)
def test_message(binary: str, template: Path, tmp_path: Path, mistake: Mistake) -> None:
    """The statement fails with the message that the page shows."""
    folder = tmp_path / "here"
    shutil.copytree(template, folder)
    options = ["--readonly"] if mistake.mode == "readonly" else []
    command = [binary, "sql", "--db", "db", *options]
    holder = None
    if mistake.mode == "locked":
        holder = subprocess.Popen(
            [*command, "-f", "-"],
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert holder.stdin is not None and holder.stdout is not None
        holder.stdin.write("SELECT 1;\n")
        holder.stdin.flush()
        assert holder.stdout.readline()  # it has the database open now
    done = subprocess.run(
        [*command, "-c", mistake.sql],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if holder is not None:
        holder.communicate()
    assert done.returncode != 0
    printed = done.stderr.replace(str(folder), "/here")
    assert "\n".join(line.rstrip() for line in printed.splitlines()).rstrip() == mistake.message


def test_page_has_enough() -> None:
    """The page keeps its promise of sixty."""
    assert len(mistakes()) >= 60
