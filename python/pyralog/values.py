"""What Python has no type of its own for."""

from __future__ import annotations

import datetime
import re
import zoneinfo
from typing import NamedTuple


class Interval(NamedTuple):
    """A span of months, days and nanoseconds, none of which is a fixed number of the others.

    An INTERVAL without months comes as a ``datetime.timedelta``; one with months as this.
    """

    months: int = 0
    days: int = 0
    nanoseconds: int = 0


_OFFSET = re.compile(r"([+-])(\d\d):?(\d\d)")


def zone_of(name: str) -> datetime.tzinfo:
    """Give the time zone of an Arrow timestamp: a name of the zone database, or an offset such as ``+02:00``."""
    if name.upper() in ("UTC", "ETC/UTC", "Z", "GMT", "+00:00"):
        return datetime.UTC
    offset = _OFFSET.fullmatch(name)
    if offset:
        sign = -1 if offset[1] == "-" else 1
        return datetime.timezone(sign * datetime.timedelta(hours=int(offset[2]), minutes=int(offset[3])))
    return zoneinfo.ZoneInfo(name)
