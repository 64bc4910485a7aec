"""Arrow dictionaries with an order and without, with entries that no row uses: in a segment, and in the log."""

import sys

import pyarrow as pa
import pyralog


def rows(first: int, sizes: list[str | None], order: list[str]) -> pa.Table:
    """Give a row for each size: in a column, and in a list of structs."""
    places = pa.array([None if size is None else order.index(size) for size in sizes], pa.int8())
    ordered = pa.DictionaryArray.from_arrays(places, order, ordered=True)
    plain = pa.DictionaryArray.from_arrays(places, [f"{entry} plain" for entry in order])
    offsets = pa.array(range(len(sizes) + 1), pa.int32())
    lists = pa.ListArray.from_arrays(offsets, pa.StructArray.from_arrays([ordered, plain], ["o", "p"]))
    ids = pa.array(range(first, first + len(sizes)))
    return pa.table({"id": ids, "o": ordered, "p": plain, "l": lists})


con = pyralog.connect(sys.argv[1])
table = con.create_table("t", rows(0, ["mid", None, "low", "mid"], ["low", "mid", "high"]), key=["id"])
con.execute("CHECKPOINT")
table.append(rows(4, ["high", "mid"], ["mid", "high"]))
table.append(rows(6, ["low"], ["none", "low", "mid", "high", "never"]))
con.close()
