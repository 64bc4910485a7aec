"""NumPy as the witness: each dtype that it writes is read, and what Pyralog writes it reads."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pytest

Rows = Callable[[str], list[dict[str, Any]]]


def read(path: Path) -> pa.Table:
    """The rows as `pyralog cat` gives them."""
    command = [os.environ["PYRALOG_BINARY"], "cat", str(path), "--out", "arrow"]
    done = subprocess.run(command, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return pa.ipc.open_stream(done.stdout).read_all()


NUMBERS = ["b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8"]
TIMES = [f"M8[{unit}]" for unit in ("Y", "M", "W", "D", "h", "m", "s", "ms", "us", "ns", "25s")]
SPANS = [f"m8[{unit}]" for unit in ("W", "D", "h", "m", "s", "ms", "us", "ns")]


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("dtype", [*NUMBERS, *TIMES, *SPANS, "S5", "U5", "V3", "c8", "c16"])
def test_every_dtype_in_both_byte_orders(dtype: str, order: Literal["<", ">"], tmp_path: Path) -> None:
    array = np.arange(-3, 200).astype("f8" if dtype[0] in "fc" else "i8")
    if dtype == "V3":
        array = np.array([b"abc", b"\0\1\2"], "V3")
    array = array.astype(np.dtype(dtype).newbyteorder(order))
    np.save(tmp_path / "a.npy", array)
    column = read(tmp_path / "a.npy")["value"]
    if dtype[0] == "c":
        want: list[Any] = [{"real": float(v.real), "imag": float(v.imag)} for v in array]
    elif dtype == "V3":
        want = [bytes(v) for v in array]
    elif dtype[0] == "M" and dtype[3] in "YMWD":
        want = array.astype("M8[D]").tolist()
    elif dtype[0] in "Mm":
        unit = dtype[3:-1] if dtype[3:-1] in ("ms", "us", "ns") else "s"
        column = pa.chunked_array([chunk.view(pa.int64()) for chunk in column.chunks])
        want = array.astype(f"{dtype[0]}8[{unit}]").astype("i8").tolist()
    else:
        want = array.tolist()
    assert column.to_pylist() == want


@pytest.mark.parametrize("order", "CF")
@pytest.mark.parametrize("shape", [(), (1,), (0,), (7,), (0, 3), (5, 3), (4, 3, 2), (2, 3, 4, 5)])
def test_every_shape_in_both_memory_orders(shape: tuple[int, ...], order: Any, tmp_path: Path) -> None:
    array = np.array(np.arange(np.prod(shape, dtype=int)).reshape(shape), order=order, dtype="i4")
    np.save(tmp_path / "a.npy", array)
    want = array.tolist()
    assert read(tmp_path / "a.npy")["value"].to_pylist() == (want if shape else [want])


@pytest.mark.parametrize("align", [False, True])
def test_records(align: bool, tmp_path: Path) -> None:
    dtype = np.dtype(
        [("a", "i1"), ("größe", ">f8"), ("m", "<i2", (2, 2)), ("r", [("s", "U3"), ("t", "?")])], align=align
    )
    array = np.zeros(3, dtype)
    array["a"], array["größe"], array["r"]["s"] = [1, 2, 3], [0.5, 1.5, 2.5], ["x", "äöü", ""]
    array["m"] = np.arange(12).reshape(3, 2, 2)
    np.save(tmp_path / "a.npy", array)
    table = read(tmp_path / "a.npy")
    assert table.column_names == ["a", "größe", "m", "r"]
    assert table["größe"].to_pylist() == [0.5, 1.5, 2.5]
    assert table["m"].to_pylist() == array["m"].tolist()
    assert table["r"].to_pylist() == [{"s": s, "t": False} for s in ("x", "äöü", "")]


def test_a_long_header_and_the_versions(tmp_path: Path) -> None:
    for version in ((1, 0), (2, 0), (3, 0)):
        with (tmp_path / "a.npy").open("wb") as file:
            np.lib.format.write_array(file, np.arange(3), version=version)
        assert read(tmp_path / "a.npy")["value"].to_pylist() == [0, 1, 2]
    wide = np.zeros(2, [(f"c{i}", "i1") for i in range(2000)])
    np.save(tmp_path / "w.npy", wide)
    assert read(tmp_path / "w.npy").num_columns == 2000


@pytest.mark.parametrize("array", [np.array([{}], object), np.zeros(2, "f8, O"), np.zeros(2, "longdouble")])
def test_what_is_not_read_is_refused(array: Any, tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", array, allow_pickle=True)
    command = [os.environ["PYRALOG_BINARY"], "cat", str(tmp_path / "a.npy")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2 and done.stderr.startswith("error: NOT_SUPPORTED: ")


def test_what_is_copied_is_what_numpy_loads(tmp_path: Path, rows: Rows) -> None:
    rows("COPY (SELECT i::SMALLINT AS i FROM range(100000) t(i) WHERE i < 30000) TO 'i.npy'")
    assert np.array_equal(np.load(tmp_path / "i.npy"), np.arange(30000, dtype="i2"))
    rows("COPY (SELECT [i, i * 2]::FLOAT[2] AS v FROM range(5) t(i)) TO 'v.npy' (FORMAT npy)")
    assert np.array_equal(np.load(tmp_path / "v.npy"), np.array([[i, i * 2] for i in range(5)], "f4"))
    rows(
        "COPY (SELECT i AS id, 'tä' || i AS name, i % 2 = 0 AS even, DATE '2024-01-01' + i::INT AS day, "
        "CASE WHEN i = 1 THEN NULL ELSE TIMESTAMP '2024-01-01' END AS at, {'x': i / 2} AS s "
        "FROM range(3) t(i)) TO 'r.npy'"
    )
    array = np.load(tmp_path / "r.npy")
    assert array.dtype.names == ("id", "name", "even", "day", "at", "s")
    assert array["name"].tolist() == ["tä0", "tä1", "tä2"]
    assert array["day"].astype(str).tolist() == ["2024-01-01", "2024-01-02", "2024-01-03"]
    assert np.isnat(array["at"]).tolist() == [False, True, False]
    assert rows("SELECT id, name, s.x AS x, \"at\" IS NULL AS n FROM 'r.npy' WHERE id = 1") == [
        {"id": 1, "name": "tä1", "x": 0.5, "n": True}
    ]


def test_external_tables_and_copy_from(tmp_path: Path, rows: Rows) -> None:
    for year in (2023, 2024):
        (tmp_path / f"lake/year={year}").mkdir(parents=True)
        np.save(tmp_path / f"lake/year={year}/part.npy", np.arange(4) + year)
    rows("CREATE EXTERNAL TABLE lake STORED AS NPY LOCATION 'lake' PARTITIONED BY (year INT)")
    assert rows("SELECT year, sum(value)::INT AS s FROM lake GROUP BY year ORDER BY year") == [
        {"year": 2023, "s": 8098},
        {"year": 2024, "s": 8102},
    ]
    rows("CREATE TABLE t (value BIGINT)")
    rows("COPY t FROM 'lake/year=2023/part.npy' (FORMAT npy)")
    assert rows("SELECT count(*) AS n FROM t") == [{"n": 4}]
