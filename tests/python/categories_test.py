"""Categories, as pandas and Arrow have them, in stored tables: all of them, used or not, in their order."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyralog
import pytest


def _frame(*, ordered: bool) -> pd.DataFrame:
    sizes = pd.Categorical(["mid", None, "low", "mid"], categories=["low", "mid", "high"], ordered=ordered)
    counts = pd.Categorical([3, 1, None, 1], categories=[9, 3, 1], ordered=ordered)
    return pd.DataFrame({"id": [1, 2, 3, 4], "size": sizes, "count": counts})


@pytest.mark.parametrize("ordered", [True, False])
@pytest.mark.parametrize("created_with_rows", [True, False])
def test_a_frame_comes_back(tmp_path: Path, *, ordered: bool, created_with_rows: bool) -> None:
    frame = _frame(ordered=ordered)
    rows = pa.Table.from_pandas(frame)
    con = pyralog.connect(tmp_path / "db")
    table = con.create_table("t", rows if created_with_rows else rows.schema)
    if not created_with_rows:
        assert table.append(frame) == len(frame)
    for _ in range(2):
        back = table.to_arrow()
        assert back.equals(rows, check_metadata=True)
        pd.testing.assert_frame_equal(back.to_pandas(), frame)
        assert con.execute("SELECT size, count FROM t ORDER BY id").fetchall()[0] == ("mid", 3)
        con.execute("VACUUM t")
        con.close()
        con = pyralog.connect(tmp_path / "db")
        table = con.table("t")
    con.close()


@pytest.mark.parametrize("ordered", [True, False])
def test_more_rows_of_the_same_categories(con: pyralog.Connection, *, ordered: bool) -> None:
    frame = _frame(ordered=ordered)
    table = con.create_table("t", frame)
    for _ in range(3):
        table.append(frame[frame["size"] == "mid"])
    whole = pd.concat([frame, *[frame[frame["size"] == "mid"]] * 3], ignore_index=True)
    pd.testing.assert_frame_equal(table.to_arrow().to_pandas(), whole)


def test_no_rows_and_no_values(con: pyralog.Connection) -> None:
    frame = _frame(ordered=True)
    none = con.create_table("none", frame[:0])
    pd.testing.assert_frame_equal(none.to_arrow().to_pandas(), frame[:0])
    nulls = frame[frame["size"].isna()].reset_index(drop=True)
    table = con.create_table("nulls", nulls)
    pd.testing.assert_frame_equal(table.to_arrow().to_pandas(), nulls)


def test_an_order_is_held_to(con: pyralog.Connection) -> None:
    table = con.create_table("t", _frame(ordered=True))
    wider = _frame(ordered=True)
    wider["size"] = wider["size"].cat.set_categories(["none", "low", "mid", "high"], ordered=True)
    table.append(wider)
    assert list(table.to_arrow().to_pandas()["size"].cat.categories) == ["none", "low", "mid", "high"]
    other = _frame(ordered=True)
    other["size"] = other["size"].cat.set_categories(["high", "mid", "low"], ordered=True)
    with pytest.raises(pyralog.DataError, match=r'column "size".*\'mid\', \'high\''):
        table.append(other)
    con.execute("INSERT INTO t VALUES (5, 'none', 9)")
    with pytest.raises(pyralog.DataError, match=r'column "size".*\'huge\''):
        con.execute("INSERT INTO t VALUES (6, 'huge', 9)")
    assert table.to_arrow().num_rows == 9


def test_chunks_with_dictionaries_of_their_own(con: pyralog.Connection) -> None:
    kind = pa.dictionary(pa.int8(), pa.string(), ordered=True)
    chunks = [
        pa.DictionaryArray.from_arrays(pa.array([0, 1], pa.int8()), ["a", "c"], ordered=True),
        pa.DictionaryArray.from_arrays(pa.array([1, None], pa.int8()), ["a", "b", "c"], ordered=True),
        pa.DictionaryArray.from_arrays(pa.array([0], pa.int8()), ["c"], ordered=True),
    ]
    table = con.create_table("t", pa.table({"v": pa.chunked_array(chunks, kind)}))
    back = table.to_arrow()["v"]
    assert back.type == kind
    assert back.to_pylist() == ["a", "c", "b", None, "c"]
    assert all(chunk.dictionary.to_pylist() == ["a", "b", "c"] for chunk in back.chunks)


def test_an_order_stays_with_other_types_of_indices_and_values(con: pyralog.Connection) -> None:
    wide = pa.dictionary(pa.int32(), pa.large_string(), ordered=True)
    table = con.create_table("t", pa.schema([("s", pa.dictionary(pa.int8(), pa.string(), ordered=True))]))

    def rows(entries: list[str], indices: list[int | None]) -> pa.Table:
        values = pa.array(entries, pa.large_string())
        array = pa.DictionaryArray.from_arrays(pa.array(indices, pa.int32()), values, ordered=True)
        assert array.type == wide
        return pa.table({"s": array})

    table.append(rows(["low", "mid", "high"], [2, None, 0]))
    back = table.to_arrow().column("s").combine_chunks()
    assert back.dictionary.to_pylist() == ["low", "mid", "high"]
    assert back.to_pylist() == ["high", None, "low"]
    with pytest.raises(pyralog.DataError, match="'low', 'high', and those given in the order 'high', 'low'"):
        table.append(rows(["high", "low"], [0]))
    assert len(table.to_arrow()) == 3
