"""Every Arrow type there and back, in its exact type, past SQL; and as SQL sees it, or refuses it by name."""

from __future__ import annotations

import datetime
import decimal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyralog
import pytest

RunPython = Callable[..., "subprocess.CompletedProcess[str]"]

TEXTS = ["a", None, "", "more than twelve bytes", "a"]
BYTES = [b"a", None, b"", b"\0\xff", b"more than twelve bytes"]
DAYS = [None, 0, 1, -1, 19000]
LISTS = [[1, None, 3], None, [], [4], [5, 6]]
FIXED = [[1, None, 3], None, [4, 5, 6]]


def _numbers() -> Iterator[pa.Array]:
    yield pa.nulls(4)
    yield pa.array([True, None, False], pa.bool_())
    for bits in (8, 16, 32, 64):
        top = 1 << (bits - 1)
        yield pa.array([-top, None, top - 1], getattr(pa, f"int{bits}")())
        yield pa.array([0, None, 2 * top - 1], getattr(pa, f"uint{bits}")())
    for kind in (pa.float16(), pa.float32(), pa.float64()):
        yield pa.array([1.5, None, -0.0, float("inf"), float("nan")], pa.float64()).cast(kind)
    d = decimal.Decimal
    yield pa.array([d("12345.67"), None, d("-0.01")], pa.decimal32(7, 2))
    yield pa.array([d("1234567890123.456"), None, d("-0.001")], pa.decimal64(16, 3))
    yield pa.array([d("1234567890123456789012345678.0123456789"), None], pa.decimal128(38, 10))
    yield pa.array(
        [d("12345678901234567890123456789012345678901234567890123456.01234567890123456789"), None],
        pa.decimal256(76, 20),
    )


def _times() -> Iterator[pa.Array]:
    yield pa.array([datetime.date(2024, 2, 29), None], pa.date32())
    yield pa.array([datetime.date(2024, 2, 29), None], pa.date64())
    for kind in (pa.time32("s"), pa.time32("ms"), pa.time64("us"), pa.time64("ns")):
        yield pa.array([0, None, 86399], kind)
    for unit in ("s", "ms", "us", "ns"):
        yield pa.array(DAYS, pa.timestamp(unit))
        yield pa.array(DAYS, pa.timestamp(unit, "UTC"))
        yield pa.array(DAYS, pa.timestamp(unit, "Europe/Berlin"))
        yield pa.array(DAYS, pa.duration(unit))
    yield pa.array([pa.MonthDayNano([1, -2, 3001]), None], pa.month_day_nano_interval())


def _bytes() -> Iterator[pa.Array]:
    for kind in (pa.string(), pa.large_string(), pa.string_view()):
        yield pa.array(TEXTS, kind)
    for kind in (pa.binary(), pa.large_binary(), pa.binary_view()):
        yield pa.array(BYTES, kind)
    yield pa.array([b"abc", None, b"xyz"], pa.binary(3))


def _encoded() -> Iterator[pa.Array]:
    for bits in (8, 16, 32, 64):
        for index in (getattr(pa, f"int{bits}")(), getattr(pa, f"uint{bits}")()):
            indices = pa.array([0, 1, None, 0], index)
            yield pa.DictionaryArray.from_arrays(indices, pa.array(["x", "y"]))
            yield pa.DictionaryArray.from_arrays(indices, pa.array([7, 8], pa.int64()))
            yield pa.DictionaryArray.from_arrays(indices, pa.array(["never", "x"]), ordered=True)
    for ends in (pa.int16(), pa.int32(), pa.int64()):
        yield pa.RunEndEncodedArray.from_arrays(pa.array([2, 3, 7], ends), pa.array(["x", None, "y"]))


def _nested() -> Iterator[pa.Array]:
    for kind in (pa.list_, pa.large_list, pa.list_view, pa.large_list_view):
        yield pa.array(LISTS, kind(pa.int32()))
    yield pa.array([[1], [], None], pa.list_(pa.field("element", pa.int8(), nullable=False)))
    yield pa.array(FIXED, pa.list_(pa.float32(), 3))
    yield pa.array([{"a": 1, "b": "x"}, None, {"a": None, "b": None}], pa.struct({"a": pa.int8(), "b": pa.string()}))
    yield pa.array([[("k", 1), ("l", None)], None, []], pa.map_(pa.string(), pa.int32()))
    yield pa.array([[("k", 1), ("l", None)], None, []], pa.map_(pa.string(), pa.int32(), keys_sorted=True))
    kinds = pa.array([0, 1, 0], pa.int8())
    yield pa.UnionArray.from_sparse(kinds, [pa.array([1, None, None], pa.int32()), pa.array(["", "x", ""])], ["i", "s"])
    offsets = pa.array([0, 0, 1], pa.int32())
    yield pa.UnionArray.from_dense(kinds, offsets, [pa.array([1, None], pa.int32()), pa.array(["x"])], ["i", "s"])


def _extensions() -> Iterator[pa.Array]:
    yield pa.array([b"0123456789abcdef", None], pa.uuid())
    yield pa.ExtensionArray.from_storage(pa.json_(), pa.array(['{"a": 1}', None]))
    yield pa.ExtensionArray.from_storage(pa.bool8(), pa.array([1, None, 0], pa.int8()))
    tensor = pa.fixed_shape_tensor(pa.float32(), [2, 2], dim_names=["y", "x"])
    yield pa.ExtensionArray.from_storage(tensor, pa.array([[1, 2, 3, 4], None], pa.list_(pa.float32(), 4)))
    opaque = pa.opaque(pa.int32(), "kind", "vendor")
    yield pa.ExtensionArray.from_storage(opaque, pa.array([1, None], pa.int32()))


def samples() -> list[pa.Array]:
    return [*_numbers(), *_times(), *_bytes(), *_encoded(), *_nested(), *_extensions()]


def _nested_in(values: pa.Array) -> dict[str, pa.Array]:
    """Give the values in a list, a struct and a map, row by row."""
    offsets = pa.array(range(len(values) + 1), pa.int32())
    keys = pa.array(["k"] * len(values))
    return {
        "v": values,
        "l": pa.ListArray.from_arrays(offsets, values),
        "s": pa.StructArray.from_arrays([values], fields=[pa.field("x", values.type, metadata={"inner": "yes"})]),
        "m": pa.MapArray.from_arrays(offsets, keys, values),
    }


def _table_of(values: pa.Array) -> pa.Table:
    columns = _nested_in(values)
    fields = [pa.field(name, column.type, metadata={"column": name}) for name, column in columns.items()]
    return pa.table(list(columns.values()), schema=pa.schema(fields, metadata={b"note": b"\0\xff"}))


def _same(got: pa.Table, expected: pa.Table) -> None:
    assert got.schema.equals(expected.schema, check_metadata=True), f"{got.schema}\n{expected.schema}"
    got.validate(full=True)
    assert got.num_rows == expected.num_rows
    for name in expected.column_names:
        a, b = got[name], expected[name]
        assert a.type == b.type
        assert [str(_value(x)) for x in a] == [str(_value(x)) for x in b], name


def _value(scalar: Any) -> Any:
    return scalar.value if isinstance(scalar, pa.ExtensionScalar) else _python(scalar)


def _python(scalar: Any) -> Any:
    try:
        return scalar.as_py()
    except (ValueError, OverflowError):  # Python has no nanoseconds
        return scalar.cast(pa.int64()).as_py()


ALL = samples()


@pytest.mark.parametrize("i", range(len(ALL)), ids=[str(values.type) for values in ALL])
def test_every_type_comes_back(i: int, tmp_path: Path) -> None:
    whole = _table_of(ALL[i])
    chunked = pa.concat_tables([whole.slice(1), whole.slice(0, 0), whole.slice(0, 1)])
    con = pyralog.connect(tmp_path / "db")
    table = con.create_table("t", whole)
    assert table.append(chunked) == whole.num_rows
    expected = pa.concat_tables([whole, chunked])
    _same(table.to_arrow(), expected)
    _same(pa.table(table), expected)
    con.close()
    con = pyralog.connect(tmp_path / "db")
    _same(con.table("t").to_arrow(), expected)
    assert con.table("t").schema.equals(whole.schema, check_metadata=True)
    con.execute("VACUUM t")
    _same(con.table("t").to_arrow(), expected)
    con.close()


# Types of which SQL cannot say or take every value here.
NOT_BY_SQL = {
    "time64[ns]": False,
    "timestamp[ns, tz=UTC]": True,
    "timestamp[ns, tz=Europe/Berlin]": True,
    "duration[ns]": True,
    "month_day_nano_interval": True,
    "map<string, int32, keys_sorted>": True,
}


@pytest.mark.parametrize("i", range(len(ALL)), ids=[str(values.type) for values in ALL])
def test_sql_keeps_values_or_refuses_by_name(con: pyralog.Connection, i: int) -> None:
    whole = _table_of(ALL[i])
    con.create_table("t", whole)
    copy = con.create_table("u", whole[:0])
    try:
        assert con.execute("INSERT INTO u FROM t").rowcount == whole.num_rows
    except pyralog.DataError as error:
        assert NOT_BY_SQL.get(_short(ALL[i].type), False), error
        assert 'column "' in str(error) and _short(ALL[i].type).split("[")[0].split("<")[0] in str(error)
        assert copy.to_arrow().num_rows == 0
        return
    assert not NOT_BY_SQL.get(_short(ALL[i].type), False)
    _same(copy.to_arrow(), whole)


def _short(kind: pa.DataType) -> str:
    """Give the type's name as Pyralog writes it."""
    text = str(kind)
    return "map<string, int32, keys_sorted>" if isinstance(kind, pa.MapType) and kind.keys_sorted else text


def test_types_that_cannot_be_stored(con: pyralog.Connection) -> None:
    kind = pa.dictionary(pa.int8(), pa.dictionary(pa.int8(), pa.string(), ordered=True))
    with pytest.raises(pyralog.NotSupportedError, match=r'column "b".*ordered dictionaries themselves'):
        con.create_table("t", pa.schema({"a": pa.int8(), "b": kind}))
    with pytest.raises(pyralog.ProgrammingError, match="no table"):
        con.table("t")


def test_keys_defaults_and_casts(con: pyralog.Connection) -> None:
    con.execute("CREATE SCHEMA s")
    table = con.create_table("s.t", {"id": [1, 2], "name": ["a", "b"]}, key=["id"])
    assert repr(table) == "<pyralog.Table s.t>"
    assert table.append(pa.table({"name": ["c"], "id": pa.array([3], pa.int8())})) == 1
    assert table.append({"id": [4]}) == 1
    assert table.to_arrow(["name"]).to_pylist() == [{"name": n} for n in ("a", "b", "c", None)]
    with pytest.raises(pyralog.IntegrityError):
        table.append({"id": [9, 1]})
    with pytest.raises(pyralog.DataError, match="id"):
        table.append({"id": ["x"]})
    with pytest.raises(pyralog.ProgrammingError, match="none"):
        table.append({"none": [1]})
    with pytest.raises(pyralog.ProgrammingError, match="none"):
        table.to_arrow(["none"])
    with pytest.raises(pyralog.ProgrammingError):
        con.create_table("s.t", {"id": [1]})
    with pytest.raises(pyralog.NotSupportedError, match="cannot be read as a table"):
        table.append(5)
    assert con.execute("SELECT count(*) FROM s.t").fetchone() == (4,)
    assert con.execute("DESCRIBE s.t").fetchall()[0][:4] == ("id", "BIGINT", "NO", "PRI")


def test_a_bad_value_stores_nothing(con: pyralog.Connection) -> None:
    table = con.create_table("t", pa.schema({"s": pa.string()}))
    bad = pa.Array.from_buffers(pa.string(), 1, [None, pa.py_buffer(b"\0\0\0\0\2\0\0\0"), pa.py_buffer(b"\xff\xfe")])
    with pytest.raises(pyralog.DataError, match='column "s"'):
        table.append(pa.table({"s": pa.chunked_array([["good"], bad])}))
    assert table.to_arrow().num_rows == 0


def test_they_take_no_part_in_a_transaction(con: pyralog.Connection) -> None:
    table = con.create_table("t", {"a": [1]})
    with con.transaction():
        for call in (table.to_arrow, lambda: table.append({"a": [2]}), lambda: con.create_table("u", {"a": [1]})):
            with pytest.raises(pyralog.OperationalError, match="takes no part"):
                call()
    assert table.to_arrow().to_pylist() == [{"a": 1}]


def test_a_reader_sees_one_snapshot(con: pyralog.Connection) -> None:
    table = con.create_table("t", {"a": [1, 2]})
    reader = table.to_reader()
    table.append({"a": [3]})
    con.execute("DELETE FROM t WHERE a = 1")
    assert reader.read_all().to_pylist() == [{"a": 1}, {"a": 2}]
    left = table.to_reader()
    con.close()
    with pytest.raises(Exception, match="connection is closed"):
        left.read_all()


_REGISTERED = """
import pyarrow as pa, pyralog, sys

class Celsius(pa.ExtensionType):
    def __init__(self):
        super().__init__(pa.float32(), "test.celsius")
    def __arrow_ext_serialize__(self):
        return b"degrees"
    @classmethod
    def __arrow_ext_deserialize__(cls, storage_type, serialized):
        assert serialized == b"degrees"
        return cls()

pa.register_extension_type(Celsius())
"""


def test_a_type_that_only_one_process_knows(tmp_path: Path, run_python: RunPython) -> None:
    """What another process takes for its storage is still itself where it is known."""
    folder = tmp_path / "db"
    done = run_python(
        _REGISTERED
        + """
rows = pa.ExtensionArray.from_storage(Celsius(), pa.array([1.5, None], pa.float32()))
with pyralog.connect(sys.argv[1]) as con:
    con.create_table("t", pa.table({"c": rows}))
""",
        str(folder),
    )
    assert done.returncode == 0, done.stderr
    for _ in range(2):
        with pyralog.connect(folder) as con:
            field = con.table("t").schema.field("c")
            assert field.type == pa.float32()
            assert field.metadata == {
                b"ARROW:extension:name": b"test.celsius",
                b"ARROW:extension:metadata": b"degrees",
            }
            con.execute("INSERT INTO t VALUES (2.5)")
            con.execute("VACUUM t")
    done = run_python(
        _REGISTERED
        + """
with pyralog.connect(sys.argv[1]) as con:
    table = con.table("t").to_arrow()
    assert table.schema.field("c").type == Celsius(), table.schema
    assert table["c"].combine_chunks().storage.to_pylist() == [1.5, None, 2.5, 2.5], table
""",
        str(folder),
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("key", [[], ["id"]])
def test_sql_leaves_other_columns_as_they_are(con: pyralog.Connection, key: list[str]) -> None:
    """Rows with values that SQL cannot read are updated, deleted and altered where it need not read them."""
    rows = pa.table(
        {
            "id": [1, 2, 3],
            "n": [0, 0, 0],
            "x": pa.array([pa.MonthDayNano([1, 2, 3]), None, pa.MonthDayNano([0, 0, 1])]),
            "d": pa.array([1, None, 3], pa.duration("ns")),
            "k": pa.array(["a", None, "b"]).dictionary_encode(),
        }
    )
    table = con.create_table("t", rows, key=key)
    with pytest.raises(pyralog.DataError, match='column "x"'):
        con.execute("FROM t").fetchall()
    con.execute("UPDATE t SET n = 7 WHERE id = 1")
    con.execute("UPDATE t SET k = 'c' WHERE x IS NULL")
    con.execute("DELETE FROM t WHERE id = 3")
    con.execute("ALTER TABLE t RENAME COLUMN d TO took")
    con.execute("ALTER TABLE t ADD COLUMN e INTEGER DEFAULT 3")
    con.execute("ALTER TABLE t ALTER n TYPE VARCHAR")
    back = table.to_arrow()
    assert [back.schema.field(name).type for name in ("x", "took", "k")] == [
        rows[name].type for name in ("x", "d", "k")
    ]
    assert sorted((list(row.values()) for row in back.to_pylist()), key=lambda row: row[0]) == [
        [1, "7", rows["x"][0].as_py(), rows["d"][0].as_py(), "a", 3],
        [2, "0", None, None, "c", 3],
    ]


def test_texts_that_repeat_keep_their_type(tmp_path: Path) -> None:
    """Segments hold such texts as codes; every type of text comes back as itself, and SQL finds the rows."""
    texts = pa.array([None if i % 11 == 0 else f"text {i % 150}" for i in range(130_000)])
    kinds = {
        "a": texts,
        "b": texts.cast(pa.large_string()),
        "c": texts.cast(pa.string_view()),
        "d": texts.dictionary_encode().cast(pa.dictionary(pa.uint8(), pa.string())),
        "e": pa.ExtensionArray.from_storage(pa.json_(), texts),
        "f": pa.ExtensionArray.from_storage(pa.opaque(pa.string_view(), "t", "v"), texts.cast(pa.string_view())),
        "g": pa.ListArray.from_arrays(pa.array(range(130_001), pa.int32()), texts),
    }
    rows = pa.table(kinds)
    with pyralog.connect(tmp_path / "db") as con:
        con.create_table("t", rows)
    with pyralog.connect(tmp_path / "db") as con:
        con.execute("CHECKPOINT; VACUUM t")
        back = con.table("t").to_arrow()
        assert back.schema.equals(rows.schema)
        for name in kinds:
            assert [str(_value(x)) for x in back[name]] == [str(_value(x)) for x in rows[name]], name
        found = con.execute(
            "SELECT count(*), count(DISTINCT a) FROM t WHERE a = b AND b = c AND c = d AND d = e::VARCHAR "
            "AND e::VARCHAR = f AND f = g[1] AND d = 'text 7'"
        )
        assert found.fetchone() == (sum(x == "text 7" for x in texts.to_pylist()), 1)
