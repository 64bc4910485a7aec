"""Rows as a box of text, for people."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Any

_MAX_COLUMN = 40
_MAX_WIDTH = 160


def _width(text: str) -> int:
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in text)
    marks = sum(unicodedata.combining(character) != 0 for character in text)
    return len(text) + wide - marks


def _text(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return str(value).lower()
    text = str(value)
    text = "".join(character if character.isprintable() else "\N{MIDDLE DOT}" for character in text)
    while _width(text) > _MAX_COLUMN:
        text = text[: -max(2, _width(text) - _MAX_COLUMN + 1)] + "…"
    return text


def _pad(text: str, width: int, right: bool) -> str:
    space = " " * (width - _width(text))
    return space + text if right else text + space


def _fit(widths: Sequence[int]) -> int:
    """Count the columns that fit on a line."""
    used = 1
    for count, width in enumerate(widths):
        used += width + 3
        if used > _MAX_WIDTH:
            return max(1, count)
    return len(widths)


def draw(names: Sequence[str], types: Sequence[str], rows: Sequence[tuple[Any, ...]], more: bool) -> str:
    """Draw rows as a box.

    Parameters
    ----------
    names, types
        Of the columns.
    rows
        The rows to show.
    more
        Whether there are rows that are not shown.
    """
    numeric = [kind.startswith(("int", "uint", "float", "double", "half", "decimal")) for kind in types]
    cells = [[_text(value) for value in row] for row in rows]
    columns = [
        [_text(name), _text(kind), *(row[i] for row in cells)]
        for i, (name, kind) in enumerate(zip(names, types, strict=True))
    ]
    widths = [max(map(_width, column)) for column in columns]
    shown = _fit(widths)
    widths = widths[:shown]

    def rule(left: str, middle: str, right: str) -> str:
        return left + middle.join("─" * (width + 2) for width in widths) + right

    def line(texts: Sequence[str], align: Sequence[bool]) -> str:
        padded = (f" {_pad(text, width, right)} " for text, width, right in zip(texts, widths, align, strict=True))
        return "│" + "│".join(padded) + "│"

    left = [False] * shown
    lines = [rule("┌", "┬", "┐"), line(names and [_text(name) for name in names[:shown]], left)]
    lines += [line([_text(kind) for kind in types[:shown]], left), rule("├", "┼", "┤")]
    lines += [line(row[:shown], numeric[:shown]) for row in cells]
    lines.append(rule("└", "┴", "┘"))
    hidden = len(names) - shown
    if more or hidden or not rows:
        first = f"the first {len(rows)} rows" if more else f"{len(rows)} row{'s' * (len(rows) != 1)}"
        lines.append(f"{first}{f', {hidden} columns are not shown' if hidden else ''}")
    return "\n".join(lines)
