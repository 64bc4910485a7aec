"""apache/parquet-testing: valid files equal to what pyarrow reads, bad ones refused, variants equal to their cases."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from arrow_json import arrow_values
from outside_data import Tally, cat, suite_folder
from variant_text import same_variant, variants_of_case


def test_valid_files_equal_what_pyarrow_reads() -> None:
    folder = suite_folder("parquet-testing/data")
    count = Tally("parquet-testing-data")
    for path in sorted(folder.rglob("*.parquet")):
        case = str(path.relative_to(folder))
        if count.skip_reason(case):
            continue
        answer = count.expected["answers"].get(case)
        done = cat(path, "--out", "arrow" if answer is None else "jsonl")
        if case in count.expected["damaged"]:
            check_refused(count, case, done.returncode, done.stderr)
        elif done.returncode != 0:
            count.failed(case, done.stderr.decode())
        elif wrong := difference(done.stdout, path) if answer is None else other_lines(done.stdout, answer):
            count.failed(case, wrong)
        else:
            count.passed()
    count.report()


def other_lines(got: bytes, want: list[object]) -> str:
    """What JSON Lines say, where they are not these values."""
    lines = [json.loads(line) for line in got.decode().split("\n") if line]
    return "" if lines == want else f"got {lines}"


def check_refused(count: Tally, case: str, code: int, error: bytes) -> None:
    """One line that names the file, and the exit code of refusal."""
    if code == 2 and error.startswith(b"error: ") and error.strip().count(b"\n") == 0:
        count.passed(refused=True)
    else:
        count.failed(case, f"exit code {code}: {error.decode()}")


def difference(stream: bytes, path: Path) -> str:
    """Where the rows or types differ from pyarrow's; "" when they do not."""
    got = pa.ipc.open_stream(stream).read_all()
    want = pq.ParquetFile(path, page_checksum_verification=True).read()
    if got.num_columns != want.num_columns or got.num_rows != want.num_rows:
        return f"got {got.num_columns} columns, {got.num_rows} rows; want {want.num_columns}, {want.num_rows}"
    for i, (left, right) in enumerate(zip(got.columns, want.columns, strict=True)):
        if left.type != right.type:
            return f"column {i} is {left.type}, want {right.type}"
        values = [[value for chunk in column.chunks for value in arrow_values(chunk)] for column in (left, right)]
        if repr(values[0]) != repr(values[1]):
            return f"column {i}, {got.schema.field(i)}, has other values"
    return ""


def test_bad_files_are_refused() -> None:
    folder = suite_folder("parquet-testing/bad_data")
    count = Tally("parquet-testing-bad_data")
    for path in sorted(folder.glob("*.parquet")):
        if count.skip_reason(path.name):
            continue
        done = cat(path, "--out", "arrow")
        check_refused(count, path.name, done.returncode, done.stderr)
    count.report()


def test_shredded_variants_equal_their_cases() -> None:
    folder = suite_folder("parquet-testing/shredded_variant")
    count = Tally("parquet-testing-shredded_variant")
    for case in json.loads((folder / "cases.json").read_text()):
        name = case.get("parquet_file")
        if name is None:
            continue  # a number that the suite left out
        done = cat(folder / name, "--out", "jsonl")
        if "error_message" in case:
            check_refused(count, name, done.returncode, done.stderr)
            continue
        rows = [json.loads(line, parse_float=str) for line in done.stdout.decode().split("\n") if line]
        got, want = [row["var"] for row in rows], variants_of_case(case)
        if len(got) == len(want) and all(map(same_variant, got, want)):
            count.passed()
        else:
            count.failed(name, f"got {got}, want {want} {done.stderr.decode()}")
    count.report()
