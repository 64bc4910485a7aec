"""Compressed text, told by name and by first bytes; tabs; Feather of both versions."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.feather as feather
import pytest

Rows = Callable[[str], list[dict[str, Any]]]

CSV = b"a,b\n1,x\n2,y\n"
LINES = b'{"a":1,"b":"x"}\n{"a":2,"b":"y"}\n'
WANT = [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]


def packed(data: bytes, codec: str) -> bytes:
    """The text as gzip or zstd."""
    return gzip.compress(data) if codec == "gzip" else bytes(pa.Codec("zstd").compress(data, asbytes=True))


@pytest.mark.parametrize("codec", ["gzip", "zstd"])
@pytest.mark.parametrize(("suffix", "text"), [(".csv", CSV), (".json", LINES), (".jsonl", LINES)])
def test_compressed_text(codec: str, suffix: str, text: bytes, tmp_path: Path, rows: Rows) -> None:
    named = f"t{suffix}.{'gz' if codec == 'gzip' else 'zst'}"
    (tmp_path / named).write_bytes(packed(text, codec))
    (tmp_path / f"u{suffix}").write_bytes(packed(text, codec))
    for name in (named, f"u{suffix}"):
        assert rows(f"FROM '{name}'") == WANT
    rows(f"CREATE EXTERNAL TABLE e STORED AS {suffix[1:]} LOCATION 'u{suffix}'")
    assert rows("FROM e WHERE a = 2") == WANT[1:]
    rows("CREATE TABLE t (a BIGINT, b VARCHAR)")
    if suffix == ".csv":
        rows("COPY t FROM 'u.csv'")
        assert rows("FROM t") == WANT


@pytest.mark.parametrize("codec", ["gzip", "zstd"])
@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_damaged_compressed_text_is_an_error(codec: str, suffix: str, tmp_path: Path, rows: Rows) -> None:
    # Longer than what is looked at of a file's head; a cut text would be rows, but fewer.
    numbers = [(i, i * 7919 % 1000003) for i in range(200_000)]
    text = "".join(f"{i},t{n}\n" if suffix == "csv" else f'{{"a":{i},"b":"t{n}"}}\n' for i, n in numbers)
    whole = packed(text.encode(), codec)
    path = tmp_path / f"t.{suffix}.{'gz' if codec == 'gzip' else 'zst'}"
    cuts = [whole[:-1], whole[:-20], whole[: len(whole) // 2], whole[: len(whole) * 9 // 10]]
    if codec == "gzip":
        flipped = bytearray(whole)
        flipped[-6] ^= 1  # of the checksum
        cuts.append(bytes(flipped))
    for data in cuts:
        path.write_bytes(data)
        with pytest.raises(AssertionError, match=r"DAMAGED: .*: (it is|Truncated|zlib)"):
            rows(f"SELECT count(*) FROM '{path.name}'")
    path.write_bytes(whole)
    assert rows(f"SELECT count(*) AS n FROM '{path.name}'") == [{"n": 200_000}]


def test_a_suffix_that_is_not_true_is_an_error(tmp_path: Path, rows: Rows) -> None:
    (tmp_path / "t.csv.gz").write_bytes(CSV)
    with pytest.raises(AssertionError, match=r"DAMAGED: .*t\.csv\.gz: its name ends in \.gz"):
        rows("FROM 't.csv.gz'")


@pytest.mark.parametrize(("suffix", "codec"), [("csv.gz", "gzip"), ("csv.zst", "zstd"), ("json.gz", "gzip")])
def test_compressed_text_is_written(suffix: str, codec: str, tmp_path: Path, rows: Rows) -> None:
    rows(f"COPY (FROM (VALUES (1, 'x'), (2, 'y')) t(a, b)) TO 'o.{suffix}' (COMPRESSION {codec})")
    assert rows(f"FROM 'o.{suffix}'") == WANT


def test_tabs_part_columns_and_commas_do_not(tmp_path: Path, rows: Rows) -> None:
    (tmp_path / "t.tsv").write_text("a,b\tc\n1,2\t3\n")
    (tmp_path / "one.tsv").write_text("a\n1,2\n")
    assert rows("FROM 't.tsv'") == [{"a,b": "1,2", "c": 3}]
    assert rows("FROM 'one.tsv'") == [{"a": "1,2"}]
    assert rows("FROM read_csv('t.tsv', sep = ',')") == [{"a": 1, "b\tc": "2\t3"}]
    (tmp_path / "t.txt").write_text("a,b\tc\n1,2\t3\n")
    assert rows("FROM read_tsv('t.txt')") == [{"a,b": "1,2", "c": 3}]
    rows("CREATE EXTERNAL TABLE e STORED AS TSV LOCATION 't.txt'")
    assert rows("FROM e") == [{"a,b": "1,2", "c": 3}]
    rows("COPY (SELECT 'x,y' AS a, 2 AS b) TO 'o.tsv'")
    assert (tmp_path / "o.tsv").read_text() == "a\tb\nx,y\t2\n"
    rows("CREATE TABLE t (a VARCHAR, b INT)")
    rows("COPY t FROM 'o.tsv' (FORMAT tsv)")
    assert rows("FROM t") == [{"a": "x,y", "b": 2}]


FEATHER = pa.table(
    {
        "i": pa.array([1, None, 3], pa.int16()),
        "f": pa.array([0.5, 1.5, None]),
        "t": pa.array(["ä", None, ""]),
        "b": pa.array([True, None, False]),
        "y": pa.array([b"\0", b"", None]),
        "d": pa.array([1, None, 3], pa.date32()),
        "s": pa.array([1, None, 3], pa.timestamp("ms")),
        "z": pa.array([1, None, 3], pa.timestamp("us", "Europe/Berlin")),
        "c": pa.array(["p", None, "p"]).dictionary_encode(),
    }
)


@pytest.mark.parametrize(("version", "codec"), [(1, None), (2, "uncompressed"), (2, "lz4"), (2, "zstd")])
def test_feather(version: int, codec: str | None, tmp_path: Path, rows: Rows) -> None:
    feather.write_feather(FEATHER, str(tmp_path / "t.feather"), version=version, compression=codec)
    for source in ("'t.feather'", "read_feather('t.feather')"):
        assert rows(f"SELECT i, f, t, b, d, s, c FROM {source} WHERE i = 3 OR t IS NULL") == [
            {"i": None, "f": 1.5, "t": None, "b": None, "d": None, "s": None, "c": None},
            {
                "i": 3,
                "f": None,
                "t": "",
                "b": False,
                "d": "1970-01-04",
                "s": "1970-01-01T00:00:00.003",
                "c": "p",
            },
        ]
    assert rows(
        "SELECT count(*) AS n, count(y) AS y, max(z) > TIMESTAMPTZ '1970-01-01 00:00:00+00' AS z FROM 't.feather'"
    ) == [{"n": 3, "y": 2, "z": True}]


def test_feather_is_written(tmp_path: Path, rows: Rows) -> None:
    rows("COPY (SELECT i FROM range(5) t(i)) TO 'o.feather' (COMPRESSION lz4)")
    assert feather.read_table(str(tmp_path / "o.feather"))["i"].to_pylist() == [0, 1, 2, 3, 4]


def test_the_look_at_a_compressed_file_is_cancelled(tmp_path: Path, rows: Rows) -> None:
    block = b"1234567,some text that repeats\n" * 100_000
    with gzip.open(tmp_path / "t.csv.gz", "wb", compresslevel=1) as file:
        for _ in range(40):
            file.write(block)
    with pytest.raises(AssertionError, match=r"INTERRUPTED.*statement_timeout"):
        rows("SET statement_timeout = '5ms'; SELECT count(*) AS n FROM 't.csv.gz'")
    assert rows("SELECT count(*) AS n FROM 't.csv.gz'") == [{"n": 4_000_000}]
