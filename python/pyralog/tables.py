"""Python objects as tables: what the engine reads for a name that is no table of the catalog."""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable, Mapping
from types import FrameType
from typing import Any

from pyralog.exceptions import NotSupportedError, ProgrammingError


class Source:
    """One object, as the engine reads it (src/tables.h).

    Parameters
    ----------
    value
        What ``open_table`` gives for the columns that are asked for: an object with ``__arrow_c_stream__``.
    """

    def __init__(
        self,
        open_table: Callable[[list[str] | None], Any],
        *,
        rows: int | None = None,
        in_memory: bool = False,
        schema: Any = None,
    ) -> None:
        self._open = open_table
        self._schema = schema
        self.rows = rows
        self.in_memory = in_memory

    def schema(self) -> Any:
        """Give an object with ``__arrow_c_schema__``, or None: the first stream tells."""
        return self._schema

    def open(self, columns: list[str] | None) -> Any:
        """Give an object with ``__arrow_c_stream__`` that has at least these columns (None: all)."""
        return self._open(columns)


class _Once:
    """The rows of an object that can be read once, for all statements that name it."""

    def __init__(self, value: Any, what: str) -> None:
        self._value = weakref.ref(value)
        self._what = what
        self._given = False

    def open(self, columns: list[str] | None) -> Any:
        value = self._value()
        if self._given or value is None:
            raise ProgrammingError(
                f"this {self._what} was read already: a stream can be read once; make a table of it first",
                "INVALID_ARGUMENT",
            )
        self._given = True
        return value


# By the object's id, as long as it lives: sources of streams.
_streams: dict[int, tuple[weakref.ref[Any], Source]] = {}


def _stream_source(value: Any, kind: str) -> Source:
    known = _streams.get(id(value))
    if known is not None and known[0]() is value:
        return known[1]
    key = id(value)
    source = Source(_Once(value, kind).open, schema=getattr(value, "schema", None))
    if not hasattr(source.schema(), "__arrow_c_schema__"):
        source = Source(_Once(value, kind).open)
    _streams[key] = (weakref.ref(value, lambda _: _streams.pop(key, None)), source)
    return source


def _kind(value: Any) -> str:
    kind = type(value)
    return f"{kind.__module__}.{kind.__qualname__}"


def _polars_lazy(frame: Any) -> Source:
    def collect(columns: list[str] | None) -> Any:
        return (frame if columns is None else frame.select(columns)).collect()

    return Source(collect)


def _dataset(dataset: Any) -> Source:
    return Source(lambda columns: dataset.scanner(columns=columns).to_reader(), schema=dataset.schema)


def _of_batch(value: Any) -> Source:
    import pyarrow

    if isinstance(value, pyarrow.RecordBatch):
        return _in_memory(pyarrow.Table.from_batches([value]))
    batch = pyarrow.record_batch(value)
    return _in_memory(pyarrow.Table.from_batches([batch]))


def _in_memory(value: Any) -> Source:
    return Source(lambda columns: value, rows=len(value), in_memory=True)


def _pandas(frame: Any) -> Source:
    # The frame's own stream has an index without a name when its numbers have gaps, so a filter would add a column.
    unnamed = all(name is None for name in frame.index.names)
    if unnamed and _is_default(frame.index):
        return _in_memory(frame)

    def convert(columns: list[str] | None) -> Any:
        import pyarrow

        return pyarrow.Table.from_pandas(frame, preserve_index=not unnamed)

    return Source(convert, rows=len(frame), in_memory=True)


def _is_default(index: Any) -> bool:
    pandas = sys.modules["pandas"]
    return isinstance(index, pandas.RangeIndex) and index.start == 0 and index.step == 1


def _of_mapping(value: Mapping[str, Any]) -> Source:
    import pyarrow

    return _in_memory(pyarrow.table(dict(value)))


def source_of(value: Any) -> Source | None:
    """Give the object as a table, or None when it is of no kind that has rows and columns.

    Parameters
    ----------
    value
        A pandas or Polars frame, a pyarrow table, batch, reader or dataset, a result of Pyralog, or anything else with
        ``__arrow_c_stream__`` or ``__arrow_c_array__``.
    """
    kind = _kind(value)
    if kind == "polars.lazyframe.frame.LazyFrame":
        return _polars_lazy(value)
    if kind.startswith("pyarrow._dataset."):
        return _dataset(value)
    if kind in ("pyarrow.lib.Table", "polars.dataframe.frame.DataFrame"):
        return _in_memory(value)
    if _is_pandas(value):
        return _pandas(value)
    if isinstance(value, type):
        return None
    if hasattr(value, "__arrow_c_stream__"):
        once = hasattr(value, "__next__") or hasattr(value, "read_next_batch") or hasattr(value, "get_next")
        if once:
            return _stream_source(value, kind)
        return Source(lambda columns: value)
    if hasattr(value, "__arrow_c_array__"):
        return _of_batch(value)
    return None


def _is_pandas(value: Any) -> bool:
    pandas = sys.modules.get("pandas")
    return pandas is not None and isinstance(value, pandas.DataFrame) and hasattr(value, "__arrow_c_stream__")


def table_of(value: Any) -> Source:
    """Give the object as a table; what has no rows and columns is an error.

    Raises
    ------
    NotSupportedError
        It is of no kind that can be read as a table.
    """
    source = source_of(value)
    if source is None and isinstance(value, Mapping):
        return _of_mapping(value)
    if source is None:
        raise NotSupportedError(
            f"an object of type {_kind(value)} cannot be read as a table; give a frame, a pyarrow table, or anything "
            "with __arrow_c_stream__",
            "NOT_SUPPORTED",
        )
    return source


# Kinds of variables that hold values, but no table, and what makes one of them.
_MADE_BY = {
    "polars.series.series.Series": "{name}.to_frame()",
    "pandas.core.series.Series": "{name}.to_frame()",
    "pandas.Series": "{name}.to_frame()",
    "numpy.ndarray": "a dict of its columns, such as {{'x': {name}}}",
    "builtins.list": "pyarrow.Table.from_pylist({name}), or a dict of its columns",
    "builtins.tuple": "a dict of its columns",
}


def _of_variable(name: str, value: Any) -> Source | None:
    """Give a variable as a table; None when it has nothing to do with tables, as if it were not there."""
    kind = _kind(value)
    advice = _MADE_BY.get(kind)
    if kind.startswith("pyarrow.lib.") and kind.endswith("Array"):
        advice = "pyarrow.table({{'x': {name}}})"
    if kind == "numpy.ndarray" and value.ndim != 1:
        advice = "a dict of its columns, such as {{'x': {name}[:, 0]}}"
    if advice is not None:
        raise ProgrammingError(
            f'variable "{name}" is a {kind.removeprefix("builtins.")}, which is no table; '
            f"make one: {advice.format(name=name)}",
            "INVALID_ARGUMENT",
        )
    if type(value) is dict and value and all(isinstance(key, str) for key in value):
        try:
            return _of_mapping(value)
        except Exception as error:
            raise ProgrammingError(
                f'variable "{name}" is a dict that is no table, whose values are columns of one length: {error}',
                "INVALID_ARGUMENT",
            ) from error
    return source_of(value)


class Resolver:
    """Finds tables by name for one statement: what was registered, then the caller's variables."""

    def __init__(self, registered: Mapping[str, Source], frame: FrameType | None) -> None:
        self._registered = registered
        self._frame = frame
        self._found: dict[str, Source | None] = {}

    def __call__(self, name: str) -> Source | None:
        if name not in self._found:
            self._found[name] = self._find(name)
        return self._found[name]

    def _find(self, name: str) -> Source | None:
        registered = self._registered.get(name.lower())
        if registered is not None:
            return registered
        if self._frame is not None:
            for variables in (self._frame.f_locals, self._frame.f_globals):
                if name in variables:
                    return _of_variable(name, variables[name])
        return None
