"""What docs/checklist.md says: its rows, and the statements in them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs/checklist.md"
ROW = re.compile(r"^\| (?P<id>[A-Z]\d+) \| (?P<what>.+?) \| (?P<how>.+?) \| (?P<result>.+?) \| (?P<state>.+?) \|$")


@dataclass(frozen=True)
class Row:
    """One line of a table of the page."""

    id: str
    what: str
    how: str
    result: str
    state: str


def rows() -> list[Row]:
    """All rows, in the order of the page."""
    lines = [line for line in PAGE.read_text().splitlines() if re.match(r"\| [A-Z]\d+ ", line)]
    found = [ROW.match(line.replace("\\|", "\0")) for line in lines]
    bad = [line for line, match in zip(lines, found, strict=True) if match is None]
    assert not bad, f"not of the form of the others: {bad}"
    return [
        Row(**{key: value.replace("\0", "|") for key, value in match.groupdict().items()}) for match in found if match
    ]


def statement(row: str, number: int = 0) -> str:
    """The statement that the page shows for a row."""
    how = next(found.how for found in rows() if found.id == row)
    found: list[str] = re.findall(r"`([^`]+)`", how)
    return found[number]
