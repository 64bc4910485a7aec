"""The tree keeps its layers; and the checker sees what it is there to see."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]

CMAKE = """
pyralog_layer(base LIBS PyArrow::arrow)
pyralog_layer(io DEPS base)
pyralog_layer(codec DEPS base)
pyralog_layer(formats DEPS io codec)
pyralog_layer(lsm DEPS io codec)
pyralog_layer(catalog DEPS formats lsm)
pyralog_layer(sql DEPS catalog LIBS DuckDB::duckdb)
"""


def load_layers() -> ModuleType:
    spec = importlib.util.spec_from_file_location("layers", ROOT / "tools/layers.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["layers"] = module
    spec.loader.exec_module(module)
    return module


layers = load_layers()


def findings(root: Path, files: dict[str, str], cmake: str = CMAKE) -> list[str]:
    """What the checker says about a tree of these files."""
    (root / "CMakeLists.txt").write_text(cmake)
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return [finding.text(root) for finding in layers.check(root)]


def test_the_tree_keeps_its_layers() -> None:
    errors = [finding.text(ROOT) for finding in layers.check(ROOT) if not finding.warning]
    assert errors == []


def test_the_order_is_the_one_in_cmake() -> None:
    assert list(layers.read_layers(ROOT / "CMakeLists.txt")) == layers.ORDER


def test_a_clean_tree_has_no_findings(tmp_path: Path) -> None:
    files = {
        "src/io/a.cc": '#include "io/a.h"\n#include "base/b.h"\n#include <pyralog/error.h>\n',
        "src/sql/scan.cc": '#include <duckdb.hpp>\n#include "duckdb/catalog/catalog.hpp"\n#include "lsm/engine.h"\n',
        "include/pyralog/a.h": '#include <arrow/api.h>\n#include "pyralog/error.h"\n',
    }
    assert findings(tmp_path, files) == []


@pytest.mark.parametrize(
    ("name", "include", "expected"),
    [
        ("src/base/a.h", '"io/env.h"', '"io/env.h": base stands below io'),
        ("src/lsm/a_test.cc", '"catalog/catalog.h"', '"catalog/catalog.h": lsm stands below catalog'),
        ("src/lsm/a.cc", '"formats/registry.h"', '"formats/registry.h": lsm must not know formats'),
        ("src/codec/a.cc", '"io/env.h"', '"io/env.h": codec must not know io'),
        ("src/catalog/a.cc", "<duckdb.hpp>", "<duckdb.hpp>: only src/sql may include DuckDB"),
        ("src/io/a.cc", '"../base/b.h"', '"../base/b.h": includes start at src/ or include/'),
        ("include/pyralog/a.h", '"sql/x.h"', '"sql/x.h": a public header includes only public headers and Arrow'),
        ("python/src/a.cc", '"sql/x.h"', '"sql/x.h": the Python module stands on the public headers alone'),
    ],
)
def test_a_wrong_include_is_found(tmp_path: Path, name: str, include: str, expected: str) -> None:
    assert findings(tmp_path, {name: f"// comment\n#include {include}\n"}) == [f"{name}:2: {expected}"]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("io DEPS base", "io DEPS base catalog", "layer 'io' depends on 'catalog', which stands above it"),
        ("lsm DEPS io codec", "lsm DEPS formats", "layer 'lsm' must not know 'formats', and reaches it by its DEPS"),
        ("lsm DEPS io", "lsm DEPS io LIBS DuckDB::duckdb", "layer 'lsm' links DuckDB::duckdb; only 'sql' may"),
        ("io DEPS base", "io DEPS basis", "layer 'io' depends on 'basis', which is no layer"),
    ],
)
def test_a_wrong_link_is_found(tmp_path: Path, old: str, new: str, expected: str) -> None:
    assert old in CMAKE
    assert any(line.endswith(expected) for line in findings(tmp_path, {}, CMAKE.replace(old, new)))


def test_long_files_and_functions_are_found(tmp_path: Path) -> None:
    body = "  x();\n" * 118
    text = (
        "namespace a {\nclass B {\n  int F() const {\n"
        + body
        + "  }\n};\n\nint G(\n    int b) {\n"
        + body
        + "  y();\n}\n}\n"
    )
    found = findings(tmp_path, {"src/io/a.cc": text, "src/io/b.cc": "int a;\n" * 1001, "src/io/c.cc": "//\n" * 600})
    assert found == [
        "src/io/a.cc:3: warning: a function of 120 lines (at most 120)",
        "src/io/a.cc:125: a function of 122 lines (at most 120)",
        "src/io/b.cc:1: 1001 lines (at most 1000)",
        "src/io/c.cc:1: warning: 600 lines (at most 1000)",
    ]


def test_braces_in_strings_and_initialisers_are_no_functions() -> None:
    text = """const char* kText = "{ ) {";
std::map<int, F> kMap = {
  {1, [](int a) { return a; }},
};
// ) {
int F(char c) {
  return c == '{';
}
"""
    assert list(layers.functions(text)) == [(6, 3)]
