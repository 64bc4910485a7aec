"""Checks that includes and link dependencies go one way, and that files and functions stay small.

    layers.py [ROOT] [--sizes]

The layers are the pyralog_layer() calls of CMakeLists.txt, in order. A layer may name in DEPS only layers above it, and
may include only what its DEPS reach. Tests and benchmarks of a layer follow the same rule. Beyond that:

- codec and batch do not know io, lsm does not know formats, frame and models do not know each other;
- only src/sql includes or links DuckDB;
- include/pyralog/ includes nothing of src/.

Every finding is a line FILE:LINE: message; any makes the exit code 1. With --sizes long functions and files that are
still allowed are listed too, as warnings.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ORDER = [
    "base", "io", "codec", "batch", "formats", "lsm", "catalog", "sql", "frame", "models", "server", "cli",
]  # fmt: skip
# Pairs that the order alone would allow.
STRANGERS = {("codec", "io"), ("batch", "io"), ("lsm", "formats"), ("models", "frame")}
DUCKDB_FOLDER = "sql"

FUNCTION_WARN, FUNCTION_FAIL = 60, 120
FILE_WARN, FILE_FAIL = 500, 1000

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
SOURCES = {".cc", ".h", ".inc"}


@dataclass(frozen=True)
class Finding:
    """One broken rule (or, as a warning, one long function or file) and where it is."""

    path: Path
    line: int
    message: str
    warning: bool = False

    def text(self, root: Path) -> str:
        kind = "warning: " if self.warning else ""
        return f"{self.path.relative_to(root)}:{self.line}: {kind}{self.message}"


def sources(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix in SOURCES) if folder.is_dir() else []


def read_layers(cmake: Path) -> dict[str, tuple[int, list[str], list[str]]]:
    """The pyralog_layer() calls: name -> (line, DEPS, LIBS)."""
    layers: dict[str, tuple[int, list[str], list[str]]] = {}
    text = re.sub(r"#[^\n]*", "", cmake.read_text())
    for call in re.finditer(r"\bpyralog_layer\(([^)]*)\)", text):
        words = call.group(1).split()
        line = text.count("\n", 0, call.start()) + 1
        parts: dict[str, list[str]] = {"": []}
        current = ""
        for word in words:
            if word in ("DEPS", "LIBS", "PCH", "ONLY"):
                current = word
                parts.setdefault(current, [])
            else:
                parts[current].append(word)
        layers[parts[""][0]] = (line, parts.get("DEPS", []), parts.get("LIBS", []))
    return layers


def check_cmake(cmake: Path, layers: dict[str, tuple[int, list[str], list[str]]]) -> Iterator[Finding]:
    known = [name for name in layers if name in ORDER]
    for name in layers.keys() - set(ORDER):
        yield Finding(cmake, layers[name][0], f"layer '{name}' is not in the order of tools/layers.py")
    if known != sorted(known, key=ORDER.index):
        yield Finding(cmake, layers[known[0]][0], f"the layers must be listed in the order {' '.join(ORDER)}")
    for name, (line, deps, libs) in layers.items():
        if name not in ORDER:
            continue
        for dep in deps:
            if dep not in ORDER:
                yield Finding(cmake, line, f"layer '{name}' depends on '{dep}', which is no layer")
            elif ORDER.index(dep) >= ORDER.index(name):
                yield Finding(cmake, line, f"layer '{name}' depends on '{dep}', which stands above it")
        for lib in libs:
            if lib.startswith("DuckDB::") and name != DUCKDB_FOLDER:
                yield Finding(cmake, line, f"layer '{name}' links {lib}; only '{DUCKDB_FOLDER}' may")
        for dep in sorted(reachable(name, layers) - {name}):
            if (name, dep) in STRANGERS:
                yield Finding(cmake, line, f"layer '{name}' must not know '{dep}', and reaches it by its DEPS")


def reachable(name: str, layers: dict[str, tuple[int, list[str], list[str]]]) -> set[str]:
    """The layer itself and all that its DEPS lead to."""
    seen: set[str] = set()
    todo = [name]
    while todo:
        layer = todo.pop()
        if layer in seen or layer not in layers:
            continue
        seen.add(layer)
        todo += layers[layer][1]
    return seen


def includes(path: Path) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(path.read_text(errors="replace").splitlines(), start=1):
        found = INCLUDE.match(line)
        if found:
            yield number, found.group(2)


def layer_of(include: str) -> str | None:
    first = include.split("/", 1)[0]
    return first if "/" in include and first in ORDER else None


def is_duckdb(include: str) -> bool:
    return include.startswith("duckdb/") or include in ("duckdb.hpp", "duckdb.h", "duckdb_extension.h")


def check_includes(root: Path, layers: dict[str, tuple[int, list[str], list[str]]]) -> Iterator[Finding]:
    for name in ORDER:
        allowed = reachable(name, layers) | {name}
        for path in sources(root / "src" / name):
            for line, include in includes(path):
                target = layer_of(include)
                if include.startswith(".."):
                    yield Finding(path, line, f'"{include}": includes start at src/ or include/')
                elif is_duckdb(include) and name != DUCKDB_FOLDER:
                    yield Finding(path, line, f"<{include}>: only src/{DUCKDB_FOLDER} may include DuckDB")
                elif target and target not in allowed:
                    if ORDER.index(target) > ORDER.index(name):
                        yield Finding(path, line, f'"{include}": {name} stands below {target}')
                    else:
                        yield Finding(path, line, f'"{include}": {name} must not know {target}')
    for path in sources(root / "include"):
        for line, include in includes(path):
            if is_duckdb(include) or layer_of(include) or include.startswith(".."):
                yield Finding(path, line, f'"{include}": a public header includes only public headers and Arrow')
    for path in sources(root / "python"):
        for line, include in includes(path):
            if is_duckdb(include) or layer_of(include):
                yield Finding(path, line, f'"{include}": the Python module stands on the public headers alone')
    for path in sorted((root / "src").iterdir()) if (root / "src").is_dir() else []:
        if path.is_dir() and path.name not in ORDER and sources(path):
            yield Finding(path, 1, "this folder is no layer")


# A comment, a string or a character literal; raw strings first.
NOISE = re.compile(
    r'R"([^(\s]{0,16})\(.*?\)\1"|//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|(?<![0-9A-Za-z_])\'(?:\\.|[^\'\\\n])+\'',
    re.DOTALL,
)
SCOPE = re.compile(
    r"\b(namespace|class|struct|union|enum|extern)\b(?!.*\)\s*(const|noexcept|override|final|\s)*$)", re.DOTALL
)


def functions(text: str) -> Iterator[tuple[int, int]]:
    """First line and number of lines of each function body's definition, signature included.

    A brace that opens at file, namespace or class level after a parameter list begins a function; what it holds
    (blocks, lambdas, local classes) belongs to it.
    """
    code = NOISE.sub(lambda match: "\n" * match.group().count("\n"), text)
    code = re.sub(r"^\s*#(?:[^\n\\]|\\.|\\\n)*", "", code, flags=re.MULTILINE)
    line = 1
    start = 0  # where the present statement began
    stack: list[tuple[str, int]] = []  # kind of brace, line where its statement began
    for position, character in enumerate(code):
        if character == "\n":
            line += 1
        elif character == "{":
            head = code[start:position]
            first = line - head.lstrip().count("\n")
            inside = stack[-1][0] if stack else "scope"
            if inside != "scope":
                kind = "block"
            elif SCOPE.search(head):
                kind = "scope"
            elif ")" in head and not re.search(r"=\s*$", head):
                kind = "function"
            else:
                kind = "block"
            stack.append((kind, first))
            start = position + 1
        elif character == "}":
            if stack:
                kind, first = stack.pop()
                if kind == "function":
                    yield first, line - first + 1
            start = position + 1
        elif character == ";":
            start = position + 1


def check_sizes(root: Path) -> Iterator[Finding]:
    for folder in ("src", "include", "python", "tests", "bench", "fuzz"):
        for path in sources(root / folder):
            text = path.read_text(errors="replace")
            lines = text.count("\n")
            if lines > FILE_WARN:
                yield Finding(path, 1, f"{lines} lines (at most {FILE_FAIL})", lines <= FILE_FAIL)
            for line, length in functions(text):
                if length > FUNCTION_WARN:
                    message = f"a function of {length} lines (at most {FUNCTION_FAIL})"
                    yield Finding(path, line, message, length <= FUNCTION_FAIL)


def check(root: Path) -> list[Finding]:
    """All findings in the tree at `root`, warnings included."""
    cmake = root / "CMakeLists.txt"
    layers = read_layers(cmake)
    return [*check_cmake(cmake, layers), *check_includes(root, layers), *check_sizes(root)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", nargs="?", type=Path, default=Path(__file__).resolve().parent.parent)
    parser.add_argument("--sizes", action="store_true", help="list long functions and files that are allowed, too")
    options = parser.parse_args()
    findings = check(options.root)
    errors = [finding for finding in findings if not finding.warning]
    for finding in findings if options.sizes else errors:
        print(finding.text(options.root))
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
