"""Frames of pandas as tables."""

from __future__ import annotations

import pandas as pd
import pyralog


def test_an_index_without_a_name_is_no_column(con: pyralog.Connection) -> None:
    frame = pd.DataFrame({"a": range(6), "s": list("abcdef")})
    with_gaps, even = frame[frame.a.isin([0, 1, 4])], frame[frame.a.isin([0, 2, 4])]
    for name, part in {"with_gaps": with_gaps, "even": even, "reversed": frame[::-1]}.items():
        con.register(name, part)
        assert con.execute(f"FROM {name}").to_arrow().column_names == ["a", "s"]
    assert con.execute("SELECT a FROM with_gaps UNION ALL SELECT a FROM even").fetchall() == [
        (0,),
        (1,),
        (4,),
        (0,),
        (2,),
        (4,),
    ]
    con.execute("CREATE TABLE t (a BIGINT, s VARCHAR)")
    con.execute("INSERT INTO t FROM with_gaps")
    con.append("t", even)
    assert con.table("t").append(frame[frame.a > 9]) == 0
    assert con.table("t").append(frame[::-1]) == 6
    assert con.execute("SELECT count(*), max(s) FROM t").fetchall() == [(12, "f")]


def test_an_index_with_a_name_is_a_column(con: pyralog.Connection) -> None:
    frame = pd.DataFrame({"a": range(4), "s": list("abab")})
    for indexed in (frame.set_index("a"), frame.groupby("s").sum(), frame.set_index(["a", "s"])):
        con.register("indexed", indexed)
        columns = set(con.execute("FROM indexed").to_arrow().column_names)
        assert columns == {"a", "s"}
        con.unregister("indexed")
