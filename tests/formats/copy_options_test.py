"""Options of COPY TO: each does what it says, an unknown one is refused; the page lists the registry."""

from __future__ import annotations

import gzip
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest

Rows = Callable[[str], list[dict[str, Any]]]
ROOT = Path(__file__).resolve().parents[2]
SOME = "(SELECT i AS a, 'x' || i AS b FROM range(10000) t(i))"


@pytest.mark.parametrize("name", ["o.parquet", "o.csv", "o.tsv", "o.json", "o.arrow", "o.arrows", "o.feather", "o.npy"])
def test_an_unknown_option_is_refused_by_name(name: str, tmp_path: Path, rows: Rows) -> None:
    with pytest.raises(AssertionError, match=r"(?i)nonsense"):
        rows(f"COPY {SOME} TO '{name}' (NONSENSE 1)")
    assert not (tmp_path / name).exists()
    rows(f"COPY {SOME} TO '{name}'")
    if name != "o.arrows":
        assert rows(f"SELECT count(*) AS n, max(a) AS a FROM '{name}'") == [{"n": 10000, "a": 9999}]


@pytest.mark.parametrize("codec", ["UNCOMPRESSED", "SNAPPY", "GZIP", "ZSTD", "BROTLI", "LZ4_RAW"])
def test_parquet_compression(codec: str, tmp_path: Path, rows: Rows) -> None:
    rows(f"COPY {SOME} TO 'o.parquet' (COMPRESSION {codec}, ROW_GROUP_SIZE 4096)")
    file = pq.ParquetFile(tmp_path / "o.parquet")
    assert file.metadata.row_group(0).column(1).compression == codec.replace("LZ4_RAW", "LZ4")
    assert file.num_row_groups == 3
    assert file.read()["a"].to_pylist() == list(range(10000))


def test_csv_options(tmp_path: Path, rows: Rows) -> None:
    rows(
        "COPY (SELECT 1 AS a, NULL AS b, 'x;y' AS c, DATE '2024-02-29' AS d) TO 'o.csv' (DELIMITER ';', HEADER false, "
        "NULLSTR 'NA', DATEFORMAT '%d.%m.%Y', QUOTE '|', FORCE_QUOTE (a))"
    )
    assert (tmp_path / "o.csv").read_text() == "|1|;NA;|x;y|;29.02.2024\n"
    rows("COPY (SELECT 1 AS a) TO 'o.csv.gz'")
    assert gzip.decompress((tmp_path / "o.csv.gz").read_bytes()) == b"a\n1\n"


def test_json_options(tmp_path: Path, rows: Rows) -> None:
    rows("COPY (SELECT 1 AS a UNION ALL SELECT 2) TO 'o.json' (ARRAY true)")
    assert (tmp_path / "o.json").read_text().split() == ["[", '{"a":1},', '{"a":2}', "]"]


def test_arrow_options(tmp_path: Path, rows: Rows) -> None:
    rows(f"COPY {SOME} TO 'o.arrow' (ROW_GROUP_SIZE 4096)")
    assert pa.ipc.open_file(tmp_path / "o.arrow").num_record_batches == 3
    rows(f"COPY {SOME} TO 'o.feather' (COMPRESSION zstd)")
    assert (tmp_path / "o.feather").stat().st_size < (tmp_path / "o.arrow").stat().st_size
    assert feather.read_table(str(tmp_path / "o.feather")).num_rows == 10000
    rows(f"COPY {SOME} TO 'o.arrows' (STREAM true)")
    assert pa.ipc.open_stream(tmp_path / "o.arrows").read_all().num_rows == 10000
    for bad in ("COMPRESSION nope", "STREAM 7", "ROW_GROUP_SIZE 'x'"):
        with pytest.raises(AssertionError, match="error: "):
            rows(f"COPY {SOME} TO 'bad.arrow' ({bad})")
        assert not (tmp_path / "bad.arrow").exists()


def test_partitioned_writes(tmp_path: Path, rows: Rows) -> None:
    for name in ("parquet", "csv", "arrow", "npy"):
        rows(f"COPY (SELECT i AS a, i % 2 AS p FROM range(10) t(i)) TO 'lake_{name}' (FORMAT {name}, PARTITION_BY (p))")
        assert sorted(path.name for path in (tmp_path / f"lake_{name}").iterdir()) == ["p=0", "p=1"]
        column = "value" if name == "npy" else "a"
        assert rows(f"SELECT p, sum({column})::INT AS s FROM 'lake_{name}/' GROUP BY p ORDER BY p") == [
            {"p": 0, "s": 20},
            {"p": 1, "s": 25},
        ]


def test_the_page_lists_the_registry() -> None:
    done = subprocess.run(
        [os.environ["PYRALOG_BINARY"], "formats", "--out", "markdown"], capture_output=True, text=True, check=True
    )
    page = (ROOT / "docs/formats.md").read_text()
    listed = page.split("<!-- pyralog formats -->\n")[1].split("<!-- end -->")[0]
    assert listed.strip() == done.stdout.strip(), "put the output of `pyralog formats --out markdown` there"
