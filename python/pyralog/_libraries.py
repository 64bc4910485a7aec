"""Makes Arrow's libraries known to the loader.

The module finds them in the pyarrow package beside it. Where pyarrow is installed somewhere else they are loaded here,
without importing pyarrow, which takes its time.
"""

from __future__ import annotations

import ctypes
import importlib.util
from pathlib import Path

_NAMES = ("arrow", "arrow_compute", "parquet", "arrow_acero", "arrow_dataset")


def load() -> None:
    """Load what `_pyralog` is linked with, if it does not lie beside this package."""
    here = Path(__file__).resolve().parent.parent / "pyarrow"
    found = importlib.util.find_spec("pyarrow")
    if found is None or not found.submodule_search_locations:
        raise ImportError("pyralog needs pyarrow, whose Arrow libraries it shares: pip install 'pyarrow==26.*'")
    folder = Path(next(iter(found.submodule_search_locations)))
    if folder == here:
        return
    for name in _NAMES:
        for file in sorted(folder.glob(f"lib{name}.so.*")):
            ctypes.CDLL(str(file))


load()
