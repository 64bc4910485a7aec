"""What PEP 249 asks of a module beside connections: its constants, type objects and constructors."""

from __future__ import annotations

import datetime
import time as _time

apilevel = "2.0"
# Threads may share the module. A connection is for one thread at a time: a second one is refused, not made to wait.
threadsafety = 1
paramstyle = "qmark"


class TypeCode(str):
    """The Arrow type of a result's column, as text; equal to the type object of PEP 249 that it belongs to."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        if isinstance(other, TypeObject):
            return other == self
        return str.__eq__(self, other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = str.__hash__


class TypeObject:
    """A family of types, compared with ``==`` to the type code of a column."""

    def __init__(self, name: str, *starts: str) -> None:
        self._name = name
        self._starts = starts

    def __eq__(self, other: object) -> bool:
        if isinstance(other, TypeObject):
            return self is other
        return isinstance(other, str) and other.startswith(self._starts)

    def __hash__(self) -> int:
        return hash(self._name)

    def __repr__(self) -> str:
        return f"pyralog.{self._name}"


STRING = TypeObject("STRING", "string", "large_string", "extension<arrow.json")
BINARY = TypeObject("BINARY", "binary", "large_binary", "fixed_size_binary")
NUMBER = TypeObject("NUMBER", "int", "uint", "float", "double", "halffloat", "decimal", "bool")
DATETIME = TypeObject("DATETIME", "date", "time", "duration", "month")
ROWID = TypeObject("ROWID", "rowid")

Date = datetime.date
Time = datetime.time
Timestamp = datetime.datetime
Binary = bytes


def DateFromTicks(ticks: float) -> datetime.date:
    """Give the local date of a number of seconds since 1970."""
    return datetime.date(*_time.localtime(ticks)[:3])


def TimeFromTicks(ticks: float) -> datetime.time:
    """Give the local time of day of a number of seconds since 1970."""
    return datetime.time(*_time.localtime(ticks)[3:6])


def TimestampFromTicks(ticks: float) -> datetime.datetime:
    """Give the local date and time of a number of seconds since 1970."""
    return datetime.datetime(*_time.localtime(ticks)[:6])
