"""apache/arrow-testing's golden files: each stream and each file equal to its JSON, value by value."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from arrow_json import arrow_values, interval_of_text, json_columns
from outside_data import Tally, cat, suite_folder


@pytest.mark.parametrize("form", ["stream", "arrow_file"])
def test_golden_files_equal_their_json(form: str) -> None:
    folder = suite_folder("arrow-testing") / "arrow-ipc-stream/integration"
    count = Tally("arrow-testing")
    for answer in sorted(folder.glob("*/*.json.gz")):
        path = answer.with_name(answer.name.removesuffix("json.gz") + form)
        document = json.loads(gzip.decompress(answer.read_bytes()))
        wrong = difference(columns_of(path, document["schema"]["fields"]), json_columns(document))
        if wrong:
            count.failed(str(path.relative_to(folder)), wrong)
        else:
            count.passed()
    count.report()


def columns_of(path: Path, fields: list[dict[str, Any]]) -> list[list[Any]] | str:
    """The values of each column that `pyralog cat` gives; or why there are none."""
    done = cat(path, "--out", "arrow")
    if done.returncode != 0:
        return str(done.stderr.decode())
    table = pa.ipc.open_stream(done.stdout).read_all()
    columns: list[list[Any]] = []
    for i, field in enumerate(fields):
        if field["type"]["name"] == "interval" and field["type"]["unit"] != "MONTH_DAY_NANO":
            lines = cat(path, "--out", "jsonl").stdout.decode().split("\n")[:-1]
            columns.append([interval_of_text(field["type"], json.loads(line)[field["name"]]) for line in lines])
        else:
            columns.append([value for chunk in table.column(i).chunks for value in arrow_values(chunk)])
    return columns


def difference(got: list[list[Any]] | str, want: list[list[Any]]) -> str:
    """The first column and row that differ; "" when none does. NaN equals NaN, 0.0 is not -0.0."""
    if isinstance(got, str) or repr(got) == repr(want):
        return got if isinstance(got, str) else ""
    for column, (left, right) in enumerate(zip(got, want, strict=False)):
        for row, (one, other) in enumerate(zip(left, right, strict=False)):
            if repr(one) != repr(other):
                return f"column {column}, row {row}: got {one!r}, want {other!r}"
    return f"{len(got)} columns with {[len(c) for c in got]} rows, want {[len(c) for c in want]}"
