"""``python -m pyralog`` and the command ``pyralog``: the shell, where it is installed with the package."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def main() -> int:
    """Become the program `pyralog`. Gives the exit code only when there is none."""
    program = Path(__file__).resolve().parent / "bin" / "pyralog"
    if not program.exists():
        print("pyralog: the program was not installed with the package; build it with ./dev build", file=sys.stderr)
        return 1
    import importlib.util

    found = importlib.util.find_spec("pyarrow")
    environment = dict(os.environ)
    if found is not None and found.submodule_search_locations:
        folders = [next(iter(found.submodule_search_locations)), environment.get("LD_LIBRARY_PATH", "")]
        environment["LD_LIBRARY_PATH"] = os.pathsep.join(filter(None, folders))
    os.execve(program, ["pyralog", *sys.argv[1:]], environment)
    return 1


if __name__ == "__main__":
    sys.exit(main())
