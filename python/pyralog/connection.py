"""Connections and cursors."""

from __future__ import annotations

import atexit
import os
import re
import sys
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import FrameType, TracebackType
from typing import Any, Literal

from pyralog import _pyralog, exceptions
from pyralog.exceptions import InterfaceError, ProgrammingError
from pyralog.result import Column, Result, Row
from pyralog.table import Table, stream_of
from pyralog.tables import Resolver, Source, table_of

Parameters = Sequence[Any] | Mapping[str, Any] | None
Durability = Literal["full", "normal", "off"]

_open_connections: weakref.WeakSet[Connection] = weakref.WeakSet()
_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]?)(i?)b?\s*", re.IGNORECASE)


def _bytes(size: int | str) -> int:
    """Give a number of bytes: ``"4GB"`` is 4 * 1000**3, ``"4GiB"`` is 4 * 1024**3."""
    if isinstance(size, int):
        return size
    match = _SIZE.fullmatch(size)
    if match is None:
        raise ProgrammingError(f"'{size}' is no size; give bytes, or a text such as '4GB'", "INVALID_ARGUMENT")
    base = 1024 if match[3] else 1000
    return int(float(match[1]) * base ** " kmgt".index(match[2].lower() or " "))


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _table_name(name: str) -> str:
    """Quote ``t`` or ``schema.t``."""
    return ".".join(_quoted(part) for part in name.split("."))


class Transaction:
    """A ``with`` block that is one transaction: committed at its end, rolled back when an exception leaves it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def __enter__(self) -> Connection:
        self._connection.begin()
        return self._connection

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._connection.in_transaction:
            return  # the block has ended it itself
        if kind is None:
            self._connection.commit()
        else:
            self._connection.rollback()


class Connection:
    """One user's conversation with a database: one statement at a time, one open transaction at most.

    Made by `connect`. Every statement outside of a transaction commits by itself. A connection may go from thread to
    thread, but a second thread that uses it while a statement runs gets an OperationalError at once;
    `duplicate` makes one for each thread. A child process must connect anew.

    The exceptions are attributes, as PEP 249 proposes: ``connection.IntegrityError``.
    """

    Warning = exceptions.Warning
    Error = exceptions.Error
    InterfaceError = exceptions.InterfaceError
    DatabaseError = exceptions.DatabaseError
    DataError = exceptions.DataError
    OperationalError = exceptions.OperationalError
    IntegrityError = exceptions.IntegrityError
    InternalError = exceptions.InternalError
    ProgrammingError = exceptions.ProgrammingError
    NotSupportedError = exceptions.NotSupportedError

    def __init__(self, core: _pyralog.Connection, scan_variables: bool = True) -> None:
        self._core = core
        self._registered: dict[str, Source] = {}
        #: Whether names that are no tables are looked up among the caller's variables.
        self.scan_variables = scan_variables
        _open_connections.add(self)

    # ---- Statements ----

    def execute(self, sql: str, parameters: Parameters = None) -> Result:
        """Run SQL and give the rows of its last statement.

        Parameters
        ----------
        sql
            One statement, or several without parameters. FROM may name a table, a file, a registered object, or a
            variable of the caller that holds a frame or an Arrow object (tables come first).
        parameters
            A list or tuple for ``?`` and ``$1``, a dict for ``$name``.

        Raises
        ------
        ProgrammingError
            The statement, a name in it or its parameters are wrong.
        IntegrityError
            A constraint does not allow a row.
        DataError
            A value does not fit.
        OperationalError
            Conflict (``retryable``), interrupt, disk, memory, damage, state of the transaction; or the connection is
            closed, or in use by another thread.
        NotSupportedError
            The statement is known, but not offered.
        """
        return self._run(sql, parameters, sys._getframe(1))

    def sql(self, sql: str, parameters: Parameters = None) -> Result:
        """Run SQL, as `execute` does; in an interactive session the result shows itself as a box."""
        return self._run(sql, parameters, sys._getframe(1))

    def executemany(self, sql: str, parameters: Any) -> Result:
        """Run a statement once for each set of parameters, all of them or none.

        Parameters
        ----------
        sql
            One statement; its rows are not kept.
        parameters
            An iterable of lists, tuples or dicts; or a frame or Arrow object whose columns are the parameters, in order
            or by name. To add many rows to a table, `append` is faster.

        Raises
        ------
        Error
            As `execute`; outside of a transaction nothing has been done then.
        """
        return self._run_many(sql, parameters, sys._getframe(1))

    def _resolver(self, frame: FrameType | None) -> Resolver | None:
        visible = frame if self.scan_variables else None
        return Resolver(self._registered, visible) if visible is not None or self._registered else None

    def _run(self, sql: str, parameters: Parameters, frame: FrameType | None) -> Result:
        if not isinstance(sql, str):
            raise ProgrammingError(f"a statement is a str, not {type(sql).__name__}", "INVALID_ARGUMENT")
        rows, changes = self._core.run(sql, parameters, self._resolver(frame))
        return Result(rows, changes, self)

    def _run_many(self, sql: str, parameters: Any, frame: FrameType | None) -> Result:
        resolver = self._resolver(frame)
        if _is_arrow(parameters):
            bulk = _INSERT.fullmatch(sql)  # one statement for all rows does the same
            if bulk is not None and bulk["values"].count("?") == _width_of(parameters):
                into = f"{bulk['into']} SELECT * FROM __pyralog_rows"
                source = Resolver({"__pyralog_rows": table_of(parameters)}, None)
                return Result(None, self._core.run(into, None, source)[1])
        rows = _sets_of(parameters)
        if self.in_transaction:
            return Result(None, self._core.run_many(sql, rows, resolver))
        with self.transaction():
            return Result(None, self._core.run_many(sql, rows, resolver))

    # ---- Transactions ----

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open."""
        return self._core.in_transaction()

    def begin(self) -> Connection:
        """Begin a transaction: what follows sees one snapshot, and is committed or rolled back as one.

        Raises
        ------
        OperationalError
            One is open already.
        """
        self._core.run_plain("BEGIN")
        return self

    def commit(self) -> Connection:
        """Commit the open transaction; without one there is nothing to do.

        Raises
        ------
        OperationalError
            Another transaction has committed first (``code`` is ``"CONFLICT"``, ``retryable`` is true), or the system
            failed. Nothing is committed then.
        """
        if self.in_transaction:
            self._core.run_plain("COMMIT")
        return self

    def rollback(self) -> Connection:
        """Undo the open transaction; without one there is nothing to do."""
        if self.in_transaction:
            self._core.run_plain("ROLLBACK")
        return self

    def transaction(self) -> Transaction:
        """Give a ``with`` block that commits at its end and rolls back when an exception leaves it."""
        return Transaction(self)

    # ---- Tables from Python ----

    def register(self, name: str, data: Any) -> Connection:
        """Make an object a table of this connection, under a name, until `unregister`.

        Parameters
        ----------
        name
            Must not be a table's or view's. Case does not matter.
        data
            A frame, a pyarrow table, batch, reader or dataset, a dict of columns, or anything with
            ``__arrow_c_stream__`` or ``__arrow_c_array__``. It is read when a statement names it; a reader can be read
            once.

        Raises
        ------
        ProgrammingError
            The name is taken.
        NotSupportedError
            The object cannot be read as a table.
        """
        source = table_of(data)
        if name.lower() not in self._registered and self._is_taken(name):
            raise ProgrammingError(
                f"there is a table or view '{name}', which statements would read; choose another name", "ALREADY_EXISTS"
            )
        self._registered[name.lower()] = source
        return self

    def unregister(self, name: str) -> Connection:
        """Forget a registered object.

        Raises
        ------
        ProgrammingError
            There is none of this name.
        """
        if self._registered.pop(name.lower(), None) is None:
            raise ProgrammingError(f"no object is registered as '{name}'", "NOT_FOUND")
        return self

    def _is_taken(self, name: str) -> bool:
        sql = (
            "SELECT count(*) FROM information_schema.tables WHERE lower(table_name) = lower($1) "
            "AND table_schema = ANY (current_schemas(true))"
        )
        rows, _ = self._core.run(sql, [name], None)
        assert rows is not None
        return bool(rows.fetch(1)[0][0])

    def append(self, table: str, data: Any) -> int:
        """Add the rows of an object to a table, and give their number. Columns go by name.

        Parameters
        ----------
        table
            ``t`` or ``schema.t``. Columns that the object lacks take their default.
        data
            As in `register`.

        Raises
        ------
        Error
            As `execute`. Outside of a transaction nothing has been added then.
        """
        name = "__pyralog_rows"
        resolver = Resolver({name: table_of(data)}, None)
        _, changes = self._core.run(f"INSERT INTO {_table_name(table)} BY NAME SELECT * FROM {name}", None, resolver)
        return changes or 0

    def create_table(self, name: str, data: Any, *, key: Sequence[str] = ()) -> Table:
        """Make a table of an Arrow schema, exactly: every type, extension types and metadata are kept.

        Parameters
        ----------
        name
            ``t`` or ``schema.t``.
        data
            A ``pyarrow.Schema`` (or anything else that only has ``__arrow_c_schema__``) for a table without rows; or
            an object as in `register`, whose rows are the first.
        key
            The columns of the primary key.

        Raises
        ------
        ProgrammingError
            There is a table of this name, or a column is named twice.
        NotSupportedError
            A type cannot be stored, or cannot be a key; the message names the column.
        OperationalError
            The connection has an open transaction, in which this takes no part.
        """
        self._core.append_arrow(name, stream_of(data), list(key))
        return Table(self._core, name)

    def table(self, name: str) -> Table:
        """Give a stored table past SQL: its rows go in and come out as Arrow, in their exact types.

        Parameters
        ----------
        name
            ``t`` or ``schema.t``. Views and external tables are read by SQL.

        Raises
        ------
        ProgrammingError
            There is no such table.
        """
        table = Table(self._core, name)
        table.__arrow_c_schema__()
        return table

    # ---- The connection itself ----

    def cursor(self) -> Cursor:
        """Give a cursor of PEP 249. Cursors of one connection share its transaction."""
        return Cursor(self)

    def duplicate(self) -> Connection:
        """Connect again to the same database, with a transaction of its own: one for each thread."""
        made = Connection(self._core.duplicate(), self.scan_variables)
        made._registered = dict(self._registered)
        return made

    def interrupt(self) -> None:
        """Cancel the statement that runs, from another thread: it raises an OperationalError (``"INTERRUPTED"``)."""
        self._core.interrupt()

    @property
    def closed(self) -> bool:
        """Whether the connection was closed."""
        return self._core.closed()

    @property
    def recovery_notice(self) -> str:
        """One line about what opening had to repair, or nothing."""
        return self._core.recovery_notice()

    def close(self) -> None:
        """Close the connection. An open transaction is rolled back. Closing twice does nothing.

        Raises
        ------
        OperationalError
            The log could not be closed cleanly; the next opening recovers it.
        """
        _open_connections.discard(self)
        self._core.close()

    def __enter__(self) -> Connection:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


_INSERT = re.compile(
    r"\s*(?P<into>INSERT\s+INTO\s+[\w.\"]+(?:\s*\([\w\s,\"]*\))?)"
    r"\s*VALUES\s*(?P<values>\(\s*\?(?:\s*,\s*\?)*\s*\))\s*;?\s*",
    re.IGNORECASE,
)


def _is_arrow(data: Any) -> bool:
    return hasattr(data, "__arrow_c_stream__") or hasattr(data, "__arrow_c_array__")


def _width_of(data: Any) -> int | None:
    """Count the columns, where the object tells."""
    shape = getattr(data, "shape", None)
    return shape[1] if isinstance(shape, tuple) and len(shape) == 2 else None


def _sets_of(parameters: Any) -> Iterable[Any]:
    """Give the sets of parameters one after the other."""
    if isinstance(parameters, (str, bytes, Mapping)):
        raise ProgrammingError(
            f"executemany takes an iterable of lists, tuples or dicts, not {type(parameters).__name__}",
            "INVALID_ARGUMENT",
        )
    if _is_arrow(parameters):
        return _rows_of(parameters)
    sets: Iterator[Any] = iter(parameters)
    return sets


def _rows_of(data: Any) -> Iterator[Row]:
    with connect() as scratch:
        scratch.register("rows", data)
        result = scratch.execute("FROM rows")
        while batch := result.fetchmany(4096):
            yield from batch


class Cursor:
    """A cursor of PEP 249: runs statements of its connection, and holds the rows of the last one."""

    def __init__(self, connection: Connection) -> None:
        #: How many rows `fetchmany` gives unless told.
        self.arraysize = 1
        self._connection = connection
        self._result: Result | None = None
        self._closed = False

    @property
    def connection(self) -> Connection:
        """The connection that made it."""
        return self._connection

    def _open(self) -> Connection:
        if self._closed:
            raise InterfaceError("the cursor is closed", "INVALID_ARGUMENT")
        return self._connection

    def _rows(self) -> Result:
        self._open()
        if self._result is None:
            raise InterfaceError("no statement was executed", "INVALID_ARGUMENT")
        return self._result

    def execute(self, sql: str, parameters: Parameters = None) -> Cursor:
        """Run a statement, as `Connection.execute` does."""
        self._result = None  # given up before the next one runs
        self._result = self._open()._run(sql, parameters, sys._getframe(1))
        return self

    def executemany(self, sql: str, parameters: Any) -> Cursor:
        """Run a statement for each set of parameters, as `Connection.executemany` does."""
        self._result = None
        self._result = self._open()._run_many(sql, parameters, sys._getframe(1))
        return self

    @property
    def description(self) -> list[Column] | None:
        """The columns of the last statement; None: it gave no rows."""
        return self._result.description if self._result is not None else None

    @property
    def rowcount(self) -> int:
        """How many rows the last statement changed; -1: not known, or none was executed."""
        return self._result.rowcount if self._result is not None else -1

    def fetchone(self) -> Row | None:
        """Give the next row, or None."""
        return self._rows().fetchone()

    def fetchmany(self, size: int | None = None) -> list[Row]:
        """Give the next rows, at most ``size`` (``arraysize``)."""
        return self._rows().fetchmany(self.arraysize if size is None else size)

    def fetchall(self) -> list[Row]:
        """Give all rows that are left."""
        return self._rows().fetchall()

    def to_arrow(self) -> Any:
        """Read all rows that are left into a ``pyarrow.Table``."""
        return self._rows().to_arrow()

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        return self._rows().__arrow_c_stream__(requested_schema)

    def __iter__(self) -> Iterator[Row]:
        return self

    def __next__(self) -> Row:
        return next(self._rows())

    def setinputsizes(self, sizes: Sequence[Any]) -> None:
        """Do nothing, as PEP 249 allows."""

    def setoutputsize(self, size: int, column: int | None = None) -> None:
        """Do nothing, as PEP 249 allows."""

    def close(self) -> None:
        """Give up the rows; the connection stays open."""
        if self._result is not None:
            self._result.close()
        self._result = None
        self._closed = True

    def __enter__(self) -> Cursor:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


_CONFIG = ("threads", "memtable_size")


def connect(
    path: str | os.PathLike[str] = ":memory:",
    read_only: bool = False,
    *,
    durability: Durability = "full",
    memory_limit: int | str = 0,
    config: Mapping[str, Any] | None = None,
    scan_variables: bool = True,
) -> Connection:
    """Open or create the database in a folder, and connect to it.

    Parameters
    ----------
    path
        The folder; ``":memory:"`` is a database that ends with its last connection. A folder that is open in this
        process already is shared, and must be opened with the same options.
    read_only
        Refuse every change; the database must exist.
    durability
        ``"full"``: an acknowledged commit survives power loss. ``"normal"``: it survives a killed process. ``"off"``:
        no log, what was closed cleanly survives.
    memory_limit
        For queries and caches, in bytes or as ``"4GB"``; 0: three quarters of the machine's memory.
    config
        ``threads`` (of queries), ``memtable_size`` (bytes of recent rows that are kept in memory).
    scan_variables
        Whether FROM may name the caller's variables.

    Raises
    ------
    OperationalError
        Another process has the database (``"LOCKED"``), it is damaged (``"DAMAGED"``) or of a newer version
        (``"FORMAT_VERSION"``), or the system failed.
    ProgrammingError
        An option is wrong, or there is no such database to read.
    """
    options = dict(config or {})
    for name in options:
        if name not in _CONFIG:
            raise ProgrammingError(f"there is no option '{name}'; there are {', '.join(_CONFIG)}", "INVALID_ARGUMENT")
    memtable = options.get("memtable_size")
    core = _pyralog.open(
        os.fspath(path),
        read_only,
        durability,
        _bytes(memory_limit),
        int(options.get("threads", 0)),
        None if memtable is None else _bytes(memtable),
    )
    return Connection(core, scan_variables)


@atexit.register
def _close_all() -> None:
    """Close what is open when the interpreter ends, so that logs are closed cleanly."""
    for connection in list(_open_connections):
        try:
            connection.interrupt()  # a statement of a thread that nobody waits for
            connection.close()
        except exceptions.Error as error:
            if error.code != "TRANSACTION":
                print(f"pyralog: {error}", file=sys.stderr)
