"""Pyralog: hot tables and open files under one SQL, in this process.

>>> import pyralog
>>> con = pyralog.connect()
>>> con.execute("SELECT 41 + 1 AS answer").fetchall()
[(42,)]
"""

from __future__ import annotations

import sys
from typing import Any

from pyralog import _libraries as _libraries  # before the module, which needs them
from pyralog import _pyralog
from pyralog.connection import Connection, Cursor, Parameters, Transaction, connect
from pyralog.dbapi import (
    BINARY,
    DATETIME,
    NUMBER,
    ROWID,
    STRING,
    Binary,
    Date,
    DateFromTicks,
    Time,
    TimeFromTicks,
    Timestamp,
    TimestampFromTicks,
    apilevel,
    paramstyle,
    threadsafety,
)
from pyralog.exceptions import (
    DatabaseError,
    DataError,
    Error,
    IntegrityError,
    InterfaceError,
    InternalError,
    NotSupportedError,
    OperationalError,
    ProgrammingError,
    Warning,
)
from pyralog.result import Result
from pyralog.table import Table
from pyralog.values import Interval

__version__: str = _pyralog.version()

__all__ = [
    "BINARY",
    "DATETIME",
    "NUMBER",
    "ROWID",
    "STRING",
    "Binary",
    "Connection",
    "Cursor",
    "DataError",
    "DatabaseError",
    "Date",
    "DateFromTicks",
    "Error",
    "IntegrityError",
    "InterfaceError",
    "InternalError",
    "Interval",
    "NotSupportedError",
    "OperationalError",
    "ProgrammingError",
    "Result",
    "Table",
    "Time",
    "TimeFromTicks",
    "Timestamp",
    "TimestampFromTicks",
    "Transaction",
    "Warning",
    "__version__",
    "apilevel",
    "connect",
    "default_connection",
    "execute",
    "paramstyle",
    "sql",
    "threadsafety",
]

_default: Connection | None = None


def default_connection() -> Connection:
    """Give the connection that `sql` and `execute` of the module use: to a database in memory."""
    global _default
    if _default is None or _default.closed:
        _default = connect()
    return _default


def execute(sql: str, parameters: Parameters = None) -> Result:
    """Run SQL on the default connection, as `Connection.execute` does."""
    return default_connection()._run(sql, parameters, sys._getframe(1))


def sql(sql: str, parameters: Parameters = None) -> Result:
    """Run SQL on the default connection, as `Connection.sql` does."""
    return default_connection()._run(sql, parameters, sys._getframe(1))


def append(table: str, data: Any) -> int:
    """Add rows to a table of the default connection, as `Connection.append` does."""
    return default_connection().append(table, data)
