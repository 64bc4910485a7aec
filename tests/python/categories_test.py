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


def _nested(entries: list[str], of_rows: list[int | None], *, outer: list[int], lists: bool = False) -> pa.Array:
    """Make a dictionary of structs, or of lists, with an ordered dictionary in them: `outer` picks its entries."""
    inner = pa.DictionaryArray.from_arrays(pa.array(outer, pa.int8()), entries, ordered=True)
    if lists:
        values: pa.Array = pa.ListArray.from_arrays(pa.array(range(len(outer) + 1), pa.int32()), inner)
    else:
        values = pa.StructArray.from_arrays([inner, pa.array(outer, pa.int64())], names=["size", "n"])
    return pa.DictionaryArray.from_arrays(pa.array(of_rows, pa.int8()), values)


@pytest.mark.parametrize("lists", [True, False])
def test_an_order_inside_the_entries_of_another(tmp_path: Path, *, lists: bool) -> None:
    con = pyralog.connect(tmp_path / "db")
    first = _nested(["low", "mid", "high"], [1, None, 0, 1], outer=[2, 0], lists=lists)
    table = con.create_table("t", pa.table({"v": first}))
    rows = first.to_pylist()
    for _ in range(3):
        back = table.to_arrow().column("v").combine_chunks()
        assert back.equals(first)
        assert con.execute("SELECT count(v) FROM t").fetchone() == (3,)
        con.execute("CHECKPOINT")
        con.close()
        con = pyralog.connect(tmp_path / "db")
        table = con.table("t")
    # Some of the entries, with some of the order.
    fewer = _nested(["low", "high"], [0], outer=[0], lists=lists)
    if not lists:  # the struct's number is the inner index: another value
        fewer = fewer.take(pa.array([0]))
    table.append(pa.table({"v": fewer}))
    rows += fewer.to_pylist()
    # All of them and more, with more of the order.
    more = _nested(["none", "low", "mid", "high"], [2, 0], outer=[3, 1, 0] if lists else [2, 0, 1], lists=lists)
    if lists:
        table.append(pa.table({"v": more}))
        rows += more.to_pylist()
        back = table.to_arrow().column("v").combine_chunks()
        assert back.to_pylist() == rows
        assert back.dictionary.equals(more.dictionary)
    else:
        with pytest.raises(pyralog.DataError, match=r'column "v".*among its entries'):
            table.append(pa.table({"v": more}))
    # Another order.
    other = _nested(["high", "mid", "low"], [0], outer=[0, 2], lists=lists)
    with pytest.raises(pyralog.DataError, match=r'column "v": a dictionary among its entries is ordered, and'):
        table.append(pa.table({"v": other}))
    value = "['odd']" if lists else "{'size': 'odd', 'n': 5}"
    with pytest.raises(pyralog.DataError, match=r'column "v"'):
        con.execute(f"INSERT INTO t VALUES ({value})")
    con.execute("INSERT INTO t SELECT v FROM t WHERE v IS NOT NULL LIMIT 2")
    assert table.to_arrow().column("v").null_count == 1
    assert table.to_arrow().column("v").to_pylist()[: len(rows)] == rows
    con.close()
