"""Stored tables past SQL: rows go in and come out as Arrow, in their exact types."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pyralog import _pyralog
from pyralog.tables import table_of

if TYPE_CHECKING:
    import pyarrow


def stream_of(data: Any) -> Any:
    """Give an object with ``__arrow_c_stream__`` that has the rows; of a schema: one without rows."""
    has_rows = hasattr(data, "__arrow_c_stream__") or hasattr(data, "__arrow_c_array__")
    if hasattr(data, "__arrow_c_schema__") and not has_rows:
        import pyarrow

        return pyarrow.RecordBatchReader.from_batches(pyarrow.schema(data), [])
    source = table_of(data)
    return _empty_stream(source.open(None)) if source.rows == 0 else source.open(None)


def _empty_stream(data: Any) -> Any:
    """Give a stream of one batch without rows: a table's own has none, and so no entries of dictionaries."""
    import pyarrow

    table = data if isinstance(data, pyarrow.Table) else pyarrow.table(data)
    columns = [column.combine_chunks() for column in table.columns]
    batch = pyarrow.RecordBatch.from_arrays(columns, schema=table.schema)
    return pyarrow.RecordBatchReader.from_batches(table.schema, [batch])


class Table:
    """A stored table, as `Connection.table` and `Connection.create_table` give it.

    Reading sees the rows that were committed when it began. Each `append` is a transaction of its own. While the
    connection has an open transaction, which neither would see, both raise an OperationalError.
    """

    def __init__(self, core: _pyralog.Connection, name: str) -> None:
        self._core = core
        #: As it was given: ``t`` or ``schema.t``.
        self.name = name

    def _scan(self, columns: Sequence[str] | None = None) -> _pyralog.Rows:
        return self._core.scan(self.name, list(columns or ()))

    def __arrow_c_schema__(self) -> object:
        return self._scan().schema()

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Give the rows as an Arrow stream. Only the schema that they have can be asked for."""
        return self._scan().stream()

    @property
    def schema(self) -> pyarrow.Schema:
        """The table's Arrow schema, with its metadata."""
        import pyarrow

        return pyarrow.schema(self)

    def to_reader(self, columns: Sequence[str] | None = None) -> pyarrow.RecordBatchReader:
        """Give the rows as a ``pyarrow.RecordBatchReader`` that streams them.

        Parameters
        ----------
        columns
            Which columns, in this order; None: all.

        Raises
        ------
        ProgrammingError
            There is no such table any more, or no such column.
        """
        import pyarrow

        return pyarrow.RecordBatchReader._import_from_c_capsule(self._scan(columns).stream())

    def to_arrow(self, columns: Sequence[str] | None = None) -> pyarrow.Table:
        """Read the rows into a ``pyarrow.Table``. Parameters and errors are those of `to_reader`."""
        return self.to_reader(columns).read_all()

    def append(self, data: Any) -> int:
        """Add rows, and give their number. Columns go by name; those that are not given take their default.

        Parameters
        ----------
        data
            As in `Connection.register`. Values of another type are cast where that changes none.

        Raises
        ------
        DataError
            A value does not fit its column exactly, or breaks a rule of its type.
        IntegrityError
            A constraint does not allow a row.
        ProgrammingError
            There is no such column.
        """
        return self._core.append_arrow(self.name, stream_of(data), None)

    def __repr__(self) -> str:
        return f"<pyralog.Table {self.name}>"
