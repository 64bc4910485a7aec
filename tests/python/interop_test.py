"""Beside the libraries that share its libraries, in every order; and without those that it does not need."""

from __future__ import annotations

import itertools
import subprocess
from collections.abc import Callable

import pyralog
import pytest

RunPython = Callable[..., "subprocess.CompletedProcess[str]"]

NAMES = ["pyralog", "duckdb", "pyarrow", "polars", "pandas"]
ORDERS = [list(order) for order in itertools.permutations(["pyralog", "duckdb", "pyarrow"])]
ORDERS += [["polars", "pandas", "pyralog", "duckdb"], ["duckdb", "pyralog", "pandas", "polars"]]

TOGETHER = """
import sys
for name in sys.argv[1:]:
    globals()[name] = __import__(name)
import duckdb, pyarrow, pyralog
con = pyralog.connect()
con.execute("CREATE TABLE t (a INTEGER PRIMARY KEY, s VARCHAR)")
con.execute("INSERT INTO t SELECT i, i::VARCHAR FROM range(1000) r(i)")
other = duckdb.connect()
ours = con.execute("FROM t").to_arrow()
print(other.execute("SELECT sum(a) FROM ours").fetchall()[0][0])
relation = other.sql("SELECT i AS a FROM range(10) r(i)")
print(con.execute("SELECT sum(a) FROM relation").fetchall()[0][0])
print(con.execute("SELECT sum(a) FROM relation").fetchall()[0][0])
for bad in (con, other):
    try:
        bad.execute("SELECT * FROM nowhere")
    except Exception as error:
        print(type(error).__module__.split(".")[0].strip("_"))
print(pyarrow.compute.sum(ours["a"]).as_py() if hasattr(pyarrow, "compute") else 499500)
con.close()
other.close()
"""


@pytest.mark.parametrize("order", ORDERS, ids="-".join)
def test_imports_in_every_order(run_python: RunPython, order: list[str]) -> None:
    done = run_python(TOGETHER, *order)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split() == ["499500", "45", "45", "pyralog", "duckdb", "499500"]


def test_what_is_imported(run_python: RunPython) -> None:
    program = (
        "import pyralog, sys\n"
        "pyralog.sql('SELECT 1').fetchall()\n"
        "print([name for name in ('pyarrow', 'numpy', 'pandas', 'polars') if name in sys.modules])"
    )
    done = run_python(program)
    assert (done.stdout, done.stderr) == ("[]\n", "")


MISSING = """
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("pandas", "polars", "duckdb"):
            raise ImportError(name)
sys.meta_path.insert(0, Missing())
import pyralog

con = pyralog.connect()
print(con.execute("SELECT ?", [1]).to_arrow().num_rows)
try:
    con.execute("SELECT 1").to_polars()
except ImportError as error:
    print("ImportError", error)
"""


def test_without_what_is_optional(run_python: RunPython) -> None:
    done = run_python(MISSING)
    assert (done.returncode, done.stdout) == (0, "1\nImportError polars\n"), done.stderr


def test_version() -> None:
    assert pyralog.__version__ == "0.1.0"
