"""The examples of docs/python.md run as they stand, and its mistakes say what the page says."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

RunPython = Callable[..., "subprocess.CompletedProcess[str]"]

PAGE = (Path(__file__).resolve().parents[2] / "docs/python.md").read_text()
EXAMPLES = re.findall(r"^```python\n(.*?)^```(?:\n\n```text\n(.*?)^```)?", PAGE, re.DOTALL | re.MULTILINE)
MISTAKES = re.findall(
    r"^### ([^\n]*)\n\n```python mistake\n(.*?)^```\n```text\n(.*?)^```\n\n\S", PAGE, re.DOTALL | re.MULTILINE
)
PRELUDE = """
import polars, pyarrow, pyralog
con = pyralog.connect()
con.execute("CREATE TABLE stock (id INTEGER PRIMARY KEY, name VARCHAR, count INTEGER)")
con.execute("INSERT INTO stock VALUES (1, 'tea', 20)")
try:
    exec(compile(MISTAKE, "mistake", "exec"))
except pyralog.Error as error:
    print(f"{type(error).__name__} ({error.code}): {error}".splitlines()[0])
"""


def test_there_are_examples_and_mistakes() -> None:
    assert len(EXAMPLES) >= 7
    assert len(MISTAKES) == PAGE.count("```python mistake") >= 10


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_example(run_python: RunPython, number: int) -> None:
    program, output = EXAMPLES[number]
    done = run_python(program)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == output


@pytest.mark.parametrize(("program", "said"), [mistake[1:] for mistake in MISTAKES], ids=[one[0] for one in MISTAKES])
def test_mistake(run_python: RunPython, program: str, said: str) -> None:
    done = run_python(f"MISTAKE = {program!r}{PRELUDE}")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == said
