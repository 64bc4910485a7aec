"""The rows of a statement."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pyralog import _pyralog, box
from pyralog.dbapi import TypeCode
from pyralog.exceptions import InterfaceError

if TYPE_CHECKING:
    import numpy
    import pandas
    import polars
    import pyarrow

Row = tuple[Any, ...]
Column = tuple[str, TypeCode, None, None, int | None, int | None, None]

_SHOWN_ROWS = 20


class Result:
    """What a statement gave: rows that are read once, from first to last.

    Rows stream from the database while they are fetched. When the connection runs another statement first, what is left
    of them is read into memory; nothing is lost. A result that nobody keeps is given up.

    ``fetch...``, iteration, ``to_...`` and ``__arrow_c_stream__`` all go on where the last one stopped. Once what was
    left went out as Arrow, there is nothing more to go out so: asking again is an ``InterfaceError``.
    """

    def __init__(self, rows: _pyralog.Rows | None, changes: int | None, connection: object = None) -> None:
        self._connection = connection  # lives as long as its rows are read
        self._rows = rows
        self._changes = changes
        self._columns = rows.columns() if rows is not None else []
        self._ahead: list[Row] = []  # rows that were fetched to be shown
        self._streamed = False  # the rows that were left went out as Arrow

    @property
    def description(self) -> list[Column] | None:
        """Name, type, precision and scale of each column, as PEP 249 orders them; None: there are no rows to fetch."""
        if self._rows is None:
            return None
        return [
            (name, TypeCode(kind), None, None, precision, scale, None) for name, kind, precision, scale in self._columns
        ]

    @property
    def columns(self) -> list[str]:
        """The names of the columns."""
        return [column[0] for column in self._columns]

    @property
    def rowcount(self) -> int:
        """How many rows the statement changed; -1 when it changes none, or gives rows."""
        return -1 if self._changes is None else self._changes

    def _open(self) -> _pyralog.Rows:
        if self._rows is None:
            raise InterfaceError("the statement gave no rows", "INVALID_ARGUMENT")
        return self._rows

    def fetchone(self) -> Row | None:
        """Give the next row, or None at the end.

        Raises
        ------
        InterfaceError
            The statement gave no rows.
        DataError
            A value has no Python counterpart.
        """
        rows = self.fetchmany(1)
        return rows[0] if rows else None

    def fetchmany(self, size: int = 1) -> list[Row]:
        """Give the next rows, at most ``size``; none at the end. Raises what ``fetchone`` raises."""
        if size < 0:
            raise InterfaceError(f"fetchmany takes a size of 0 or more, not {size}", "INVALID_ARGUMENT")
        rows = self._open()
        taken, self._ahead = self._ahead[:size], self._ahead[size:]
        return taken + rows.fetch(size - len(taken)) if size > len(taken) else taken

    def fetchall(self) -> list[Row]:
        """Give all rows that are left. Raises what ``fetchone`` raises."""
        rows = self._open()
        taken, self._ahead = self._ahead, []
        return taken + rows.fetch(-1)

    def __iter__(self) -> Iterator[Row]:
        return self

    def __next__(self) -> Row:
        row = self.fetchone()
        if row is None:
            raise StopIteration
        return row

    # ---- Arrow and what is made of it ----

    def __arrow_c_schema__(self) -> object:
        return self._open().schema()

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Give the rows as an Arrow stream, without a copy. Only the schema that they have can be asked for."""
        self._refuse_shown()
        rows = self._open()
        if self._streamed:
            raise InterfaceError(
                "the rows of this result were read as Arrow already; keep what to_arrow() gave, or run the statement "
                "again",
                "INVALID_ARGUMENT",
            )
        self._streamed = True
        return rows.stream()

    def _refuse_shown(self) -> None:
        if self._ahead:
            raise InterfaceError(
                "rows of this result were taken out to be shown; run the statement again to have them as Arrow",
                "INVALID_ARGUMENT",
            )

    def to_reader(self) -> pyarrow.RecordBatchReader:
        """Give the rows as a ``pyarrow.RecordBatchReader`` that streams them."""
        import pyarrow

        return pyarrow.RecordBatchReader.from_stream(self)

    def to_arrow(self) -> pyarrow.Table:
        """Read all rows that are left into a ``pyarrow.Table``."""
        self._open().read_all()
        return self.to_reader().read_all()

    def to_polars(self) -> polars.DataFrame:
        """Read all rows that are left into a ``polars.DataFrame``."""
        import polars

        self._open().read_all()
        frame = polars.DataFrame(self)
        assert isinstance(frame, polars.DataFrame)
        return frame

    def to_pandas(self, **options: Any) -> pandas.DataFrame:
        """Read all rows that are left into a ``pandas.DataFrame``.

        Parameters
        ----------
        **options
            Of ``pyarrow.Table.to_pandas``, such as ``types_mapper=pandas.ArrowDtype``.
        """
        return self.to_arrow().to_pandas(**options)

    def to_numpy(self) -> dict[str, numpy.ndarray[Any, Any]]:
        """Read all rows that are left into one numpy array for each column.

        Raises
        ------
        InterfaceError
            Two columns have one name.
        """
        table = self.to_arrow()
        if len(set(table.column_names)) < table.num_columns:
            raise InterfaceError("two columns have one name; name them apart with AS", "INVALID_ARGUMENT")
        return {name: column.to_numpy() for name, column in zip(table.column_names, table.columns, strict=True)}

    # ---- For people ----

    def _draw(self, limit: int) -> str:
        if self._rows is None:
            return "" if self._changes is None else f"{self._changes} rows changed"
        if len(self._ahead) <= limit:
            self._ahead += self._rows.fetch(limit + 1 - len(self._ahead))
        types = [column[1] for column in self._columns]
        return box.draw(self.columns, types, self._ahead[:limit], len(self._ahead) > limit)

    def show(self, limit: int = _SHOWN_ROWS) -> None:
        """Print the next rows as a box. They stay to be fetched as rows.

        Parameters
        ----------
        limit
            How many rows at most.
        """
        print(self._draw(limit))

    def __repr__(self) -> str:
        return self._draw(_SHOWN_ROWS)

    def close(self) -> None:
        """Give up the rows that were not fetched."""
        if self._rows is not None:
            self._ahead = []
            self._rows.drop("the result is closed")
