"""The values of Arrow's integration JSON and of pyarrow's arrays in one plain form, to be compared with ==.

Format: https://arrow.apache.org/docs/format/Integration.html
"""

from __future__ import annotations

import decimal
import itertools
import re
import struct
from collections.abc import Callable
from typing import Any

import pyarrow as pa

Json = dict[str, Any]


def json_columns(document: Json) -> list[list[Any]]:
    """The values of each column, the batches one behind the other."""
    dictionaries = {entry["id"]: entry["data"]["columns"][0] for entry in document.get("dictionaries", [])}
    fields = document["schema"]["fields"]
    columns: list[list[Any]] = [[] for _ in fields]
    for batch in document["batches"]:
        for values, field, column in zip(columns, fields, batch["columns"], strict=True):
            values.extend(_json_values(field, column, dictionaries))
    return columns


def _valid(column: Json) -> list[int]:
    return column.get("VALIDITY") or [1] * column["count"]


def _json_values(field: Json, column: Json, dictionaries: dict[int, Json]) -> list[Any]:
    if "dictionary" in field:
        plain = {key: value for key, value in field.items() if key != "dictionary"}
        words = _json_values(plain, dictionaries[field["dictionary"]["id"]], dictionaries)
        return [words[int(i)] if ok else None for i, ok in zip(column["DATA"], _valid(column), strict=True)]
    kind = field["type"]["name"]
    if kind == "null":
        return [None] * column["count"]
    children = [
        _json_values(child, values, dictionaries)
        for child, values in zip(field["children"], column.get("children", []), strict=True)
    ]
    if kind == "union":
        return _json_union(field["type"], column, children)
    if kind == "struct":
        values: list[Any] = [list(row) for row in zip(*children, strict=True)] or [[]] * column["count"]
    elif kind in ("list", "largelist", "map"):
        offsets = [int(offset) for offset in column["OFFSET"]] or [0]
        values = [children[0][begin:end] for begin, end in itertools.pairwise(offsets)]
    elif kind == "fixedsizelist":
        size = field["type"]["listSize"]
        values = [children[0][i * size : (i + 1) * size] for i in range(column["count"])]
    else:
        values = [_json_scalar(field["type"], value) for value in column["DATA"]]
    return [value if ok else None for value, ok in zip(values, _valid(column), strict=True)]


def _json_union(kind: Json, column: Json, children: list[list[Any]]) -> list[Any]:
    child_of = {code: index for index, code in enumerate(kind["typeIds"])}
    offsets = column.get("OFFSET") or range(column["count"])
    return [children[child_of[code]][int(at)] for code, at in zip(column["TYPE_ID"], offsets, strict=True)]


def _json_scalar(kind: Json, value: Any) -> Any:
    match kind["name"]:
        case "bool":
            return bool(value)
        case "floatingpoint" if kind["precision"] == "SINGLE":
            return struct.unpack("f", struct.pack("f", value))[0]
        case "floatingpoint":
            return float(value)
        case "utf8" | "largeutf8":
            return value
        case "binary" | "largebinary" | "fixedsizebinary":
            return bytes.fromhex(value)
        case "interval" if kind["unit"] == "DAY_TIME":
            return (value["days"], value["milliseconds"])
        case "interval" if kind["unit"] == "MONTH_DAY_NANO":
            return (value["months"], value["days"], value["nanoseconds"])
    return int(value)  # integers, decimals (unscaled), dates, times, durations, months


def arrow_values(array: pa.Array) -> list[Any]:
    """The values of an array in the same form."""
    kind = array.type
    if isinstance(array, pa.ExtensionArray):
        return arrow_values(array.storage)
    if pa.types.is_dictionary(kind):
        words = arrow_values(array.dictionary)
        return [None if i is None else words[i] for i in array.indices.to_pylist()]
    if pa.types.is_union(kind):
        return _arrow_union(array)
    if pa.types.is_null(kind):
        return [None] * len(array)
    return [value if ok else None for value, ok in zip(_arrow_plain(array), _arrow_valid(array), strict=True)]


def _arrow_valid(array: pa.Array) -> list[bool]:
    bitmap = array.buffers()[0]
    if bitmap is None:
        return [True] * len(array)
    return [bool(bitmap[i // 8] >> (i % 8) & 1) for i in range(array.offset, array.offset + len(array))]


def _arrow_union(array: pa.UnionArray) -> list[Any]:
    children = [arrow_values(array.field(i)) for i in range(array.type.num_fields)]
    child_of = {code: index for index, code in enumerate(array.type.type_codes)}
    begin, end = array.offset, array.offset + len(array)
    codes, offsets = (buffer or b"" for buffer in array.buffers()[1:3])  # its own accessors crash on empty unions
    places = memoryview(offsets).cast("i")[begin:end] if array.type.mode == "dense" else range(len(array))
    return [children[child_of[code]][at] for code, at in zip(memoryview(codes)[begin:end], places, strict=True)]


def _numbers(code: str) -> Callable[[pa.Array], list[Any]]:
    """Reads the values buffer as numbers of this struct code; groups of them as tuples."""
    size = struct.calcsize("<" + code)

    def read(array: pa.Array) -> list[Any]:
        data = memoryview(array.buffers()[1] or b"")
        rows = [struct.unpack_from("<" + code, data, (array.offset + i) * size) for i in range(len(array))]
        return [row[0] if len(row) == 1 else row for row in rows]

    return read


INTERVAL = re.compile(r"P(?:(-?\d+)M)?(?:(-?\d+)D)?(?:T(-?)(\d+)(?:\.(\d+))?S)?$")


def interval_of_text(kind: Json, text: str | None) -> Any:
    """The value of an ISO 8601 text. pyarrow has no Python type for intervals of months and of days."""
    if text is None:
        return None
    match = INTERVAL.match(text)
    assert match is not None, text
    months, days, sign, seconds, fraction = match.groups()
    millis = int(seconds or 0) * 1000 + int((fraction or "").ljust(3, "0"))
    if kind["unit"] == "YEAR_MONTH":
        return int(months or 0)
    return (int(days or 0), -millis if sign else millis)


def _arrow_plain(array: pa.Array) -> list[Any]:
    kind = array.type
    if pa.types.is_struct(kind):
        children = [arrow_values(array.field(i)) for i in range(kind.num_fields)]
        return [list(row) for row in zip(*children, strict=True)] or [[] for _ in range(len(array))]
    if pa.types.is_fixed_size_list(kind):
        items = arrow_values(array.values)
        begin, size = array.offset, kind.list_size
        return [items[(begin + i) * size : (begin + i + 1) * size] for i in range(len(array))]
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_map(kind):
        items = _map_items(array) if pa.types.is_map(kind) else arrow_values(array.values)
        offsets = array.offsets.to_pylist()
        return [items[begin:end] for begin, end in itertools.pairwise(offsets)]
    if pa.types.is_decimal(kind):
        exact = decimal.Context(prec=100)  # files hold values beyond the precision that they declare
        return [None if v is None else int(v.scaleb(kind.scale, exact)) for v in array.to_pylist()]
    if str(kind) == "month_day_nano_interval":
        return _numbers("iiq")(array)
    if pa.types.is_temporal(kind):
        return _numbers("i" if kind.bit_width == 32 else "q")(array)
    return list(array.to_pylist())


def _map_items(array: pa.MapArray) -> list[Any]:
    keys, items = arrow_values(array.keys), arrow_values(array.items)
    return [list(entry) for entry in zip(keys, items, strict=True)]
