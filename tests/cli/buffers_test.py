"""`pyralog inspect --buffers` adds up the Arrow buffers of a file's columns."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy
import pyarrow as pa
import pyarrow.feather
import pyarrow.ipc
import pyarrow.parquet as pq
import pytest

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def write(path: Path, table: pa.Table, rows: int, **options: object) -> None:
    with pyarrow.ipc.new_file(path, table.schema, options=pyarrow.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table, max_chunksize=rows)


def told(text: str) -> dict[str, list[int]]:
    """Values, nulls and bytes of validity, offsets and data by column."""
    found = re.findall(r"^ +(\S+) .*?((?: +\d+){5})$", text, re.MULTILINE)
    return {name: [int(number) for number in numbers.split()] for name, numbers in found}


def test_nested_columns_show_what_is_within(pyralog: Run, tmp_path: Path) -> None:
    table = pa.table(
        {
            "l": pa.array([[1, 2], None, [3]], pa.list_(pa.field("item", pa.int16()))),
            "s": pa.array([{"x": 1.5, "y": "a"}, None, {"x": None, "y": "bc"}]),
            "m": pa.array([[("k", 1)], [], None], pa.map_(pa.string(), pa.int8())),
            "d": pa.array(["red", "blue", "red"]).dictionary_encode(),
            "n": pa.nulls(3),
            "f": pa.array([[1, 2], None, [3, 4]], pa.list_(pa.float32(), 2)),
        }
    )
    write(tmp_path / "t.arrow", table, 10)
    done = pyralog("inspect", "t.arrow", "--buffers")
    found = told(done.stdout)
    assert done.returncode == 0
    assert found["l"] == [3, 1, 1, 16, 0]
    assert found["item"][0] >= 3  # of the lists, or of the arrays of fixed size
    assert found["s"] == [3, 1, 1, 0, 0]
    assert found["y"][3:] == [16, 3]
    assert found["m"] == [3, 1, 1, 16, 0]
    assert found["dictionary"] == [2, 0, 0, 12, 7]
    assert found["n"] == [3, 3, 0, 0, 0]


def test_batches_are_added_up(pyralog: Run, tmp_path: Path) -> None:
    # pyarrow writes parts of a column as multiples of 64 bytes.
    table = pa.table({"i": numpy.arange(1280), "j": numpy.arange(1280, dtype=numpy.int16)})
    write(tmp_path / "t.arrow", table, 128)
    done = pyralog("inspect", "t.arrow", "--buffers")
    assert done.stdout.startswith("buffers         12800 bytes in 10 batches\n")
    assert told(done.stdout) == {"i": [1280, 0, 0, 0, 10_240], "j": [1280, 0, 0, 0, 2560]}


def test_compressed_buffers_are_told_as_they_are_in_memory(pyralog: Run, tmp_path: Path) -> None:
    write(tmp_path / "t.arrow", pa.table({"i": numpy.zeros(10_000, numpy.int64)}), 10_000, compression="zstd")
    assert told(pyralog("inspect", "t.arrow", "--buffers").stdout) == {"i": [10_000, 0, 0, 0, 80_000]}


@pytest.mark.filterwarnings("ignore:Feather V1")
def test_other_files_that_are_arrays(pyralog: Run, tmp_path: Path) -> None:
    numpy.save(tmp_path / "a.npy", numpy.arange(100, dtype=numpy.float32))
    assert [*told(pyralog("inspect", "a.npy", "--buffers").stdout).values()] == [[100, 0, 0, 0, 400]]
    pyarrow.feather.write_feather(pa.table({"b": [True, None]}), tmp_path / "f.feather", version=1)
    assert told(pyralog("inspect", "f.feather", "--buffers").stdout)["b"][:2] == [2, 1]


def test_what_has_no_such_buffers_is_refused(pyralog: Run, tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": [1]}), tmp_path / "t.parquet")
    done = pyralog("inspect", "t.parquet", "--buffers")
    assert done.returncode == 2 and "NOT_SUPPORTED: t.parquet" in done.stderr and "Apache Parquet" in done.stderr
    done = pyralog("inspect", ".", "--buffers")
    assert done.returncode == 2 and "wants a file" in done.stderr
