"""The page and the tests agree: what is told to hold has a test that runs it."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from checklist_page import Row, rows

EXPECTED = (
    {f"B{number}" for number in range(1, 41)}
    | {f"E{number}" for number in range(1, 32)}
    | {f"P{number}" for number in (*range(13, 18), *range(43, 58))}
)


def ids_with_tests() -> dict[str, str]:
    """Ids of rows to the names of their tests: `test_b1_...` is that of B1."""
    names: dict[str, str] = {}
    for path in sorted(Path(__file__).parent.glob("*_test.py")):
        for node in ast.parse(path.read_text()).body:
            match = isinstance(node, ast.FunctionDef) and re.match(r"test_([bep]\d+)_", node.name)
            if match and isinstance(node, ast.FunctionDef):
                names[match[1].upper()] = node.name
    return names


def test_every_row_is_there_once() -> None:
    ids = [row.id for row in rows()]
    assert len(ids) == len(set(ids))
    assert set(ids) == EXPECTED


@pytest.mark.parametrize("row", rows(), ids=lambda row: row.id)
def test_row_has_a_state_and_a_test(row: Row) -> None:
    assert re.fullmatch(r"yes|partly \(.+\)|later \(.+\)", row.state)
    assert (row.id in ids_with_tests()) == (not row.state.startswith("later"))


def test_every_test_has_a_row() -> None:
    assert set(ids_with_tests()) <= {row.id for row in rows()}
