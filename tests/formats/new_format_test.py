"""A format is one folder and one line: a copy of the formats folder gets both, and everything else finds it."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# Rows of one column: the lines of a file that starts with "TOY\n".
TOY = """\
#include "arrow/array/builder_binary.h"
#include "formats/format.h"

namespace pyralog::formats {
namespace {

class Lines : public Relation, public ScanTask, public std::enable_shared_from_this<Lines> {
 public:
  explicit Lines(std::string text) : text_(std::move(text)) {}
  const std::shared_ptr<arrow::Schema>& schema() const override { return schema_; }
  arrow::Result<ScanPlan> Scan(const batch::ScanRequest&) override {
    return ScanPlan{.schema = schema_, .tasks = {shared_from_this()}};
  }
  arrow::Result<std::shared_ptr<arrow::RecordBatchReader>> Open() override {
    arrow::StringBuilder lines;
    for (size_t at = 4; at < text_.size();) {
      const size_t end = std::min(text_.size(), text_.find('\\n', at));
      ARROW_RETURN_NOT_OK(lines.Append(text_.substr(at, end - at)));
      at = end + 1;
    }
    ARROW_ASSIGN_OR_RAISE(auto column, lines.Finish());
    const int64_t rows = column->length();
    return arrow::RecordBatchReader::Make({arrow::RecordBatch::Make(schema_, rows, {column})}, schema_);
  }

 private:
  const std::string text_;
  const std::shared_ptr<arrow::Schema> schema_ = arrow::schema({arrow::field("line", arrow::utf8())});
};

class ToyDataset : public Dataset {
 public:
  ToyDataset(const FormatInfo& info, std::shared_ptr<Relation> lines) : info_(info), lines_(std::move(lines)) {}
  const FormatInfo& format() const override { return info_; }
  arrow::Result<std::shared_ptr<Relation>> OpenRelation(const std::string&) override { return lines_; }

 private:
  const FormatInfo& info_;
  const std::shared_ptr<Relation> lines_;
};

class ToyFormat : public Format {
 public:
  ToyFormat() {
    info_.name = "toy";
    info_.suffixes = {".toy"};
    info_.signatures = {{0, "TOY\\n", ""}};
  }
  const FormatInfo& info() const override { return info_; }
  arrow::Result<std::shared_ptr<Dataset>> Open(const SourcePtr& source, const Options&) const override {
    ARROW_ASSIGN_OR_RAISE(std::string text, source->Head(source->size()));
    return std::make_shared<ToyDataset>(info_, std::make_shared<Lines>(std::move(text)));
  }

 private:
  FormatInfo info_;
};

}  // namespace

const Format& toy_format() {
  static const ToyFormat& format = *new ToyFormat();
  return format;
}

}  // namespace pyralog::formats
"""

MAIN = """\
#include <iostream>

#include "arrow/table.h"
#include "formats/registry.h"

namespace formats = pyralog::formats;

static arrow::Status Run(const char* path) {
  for (const formats::Format* format : formats::AllFormats()) std::cout << format->info().name << "\\n";
  ARROW_ASSIGN_OR_RAISE(auto source, formats::Source::Open(pyralog::io::PosixEnv(), path));
  ARROW_ASSIGN_OR_RAISE(auto dataset, formats::OpenDataset(source));
  ARROW_ASSIGN_OR_RAISE(auto relation, dataset->OpenRelation(""));
  ARROW_ASSIGN_OR_RAISE(auto plan, relation->Scan({}));
  ARROW_ASSIGN_OR_RAISE(auto reader, plan.tasks.front()->Open());
  ARROW_ASSIGN_OR_RAISE(auto table, reader->ToTable());
  std::cout << dataset->format().name << ": " << table->num_rows() << " rows\\n";
  return arrow::Status::OK();
}

int main(int, char** arguments) { return Run(arguments[1]).ok() ? 0 : 1; }
"""

CMAKE = f"""\
cmake_minimum_required(VERSION 3.25)
project(toy NONE)
set(PYRALOG_PCH OFF)
list(APPEND CMAKE_MODULE_PATH "{ROOT}/cmake")
include(PyralogBuild)
pyralog_formats(names)
file(WRITE "${{CMAKE_BINARY_DIR}}/names" "${{names}}")
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the formats folder with a format more."""
    shutil.copytree(ROOT / "src/formats", tmp_path / "src/formats")
    (tmp_path / "src/formats/toy").mkdir()
    (tmp_path / "src/formats/toy/toy.cc").write_text(TOY)
    with (tmp_path / "src/formats/formats.def").open("a") as definitions:
        definitions.write("PYRALOG_FORMAT(toy)\n")
    return tmp_path


def test_the_build_finds_it(tree: Path) -> None:
    (tree / "CMakeLists.txt").write_text(CMAKE)
    subprocess.run(["cmake", "-G", "Ninja", "-S", tree, "-B", tree / "build"], check=True, capture_output=True)
    names = (tree / "build/names").read_text().split(";")
    assert names[-1] == "toy"
    assert "parquet" in names


def test_a_line_without_folder_is_said(tree: Path) -> None:
    shutil.rmtree(tree / "src/formats/toy")
    (tree / "CMakeLists.txt").write_text(CMAKE)
    done = subprocess.run(
        ["cmake", "-G", "Ninja", "-S", tree, "-B", tree / "build"], capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert "names 'toy'" in done.stderr


def test_the_registry_reads_its_files(tree: Path) -> None:
    build = Path(os.environ["PYRALOG_BUILD_DIR"])
    arrow = next(Path(ROOT / "build/venv/lib").glob("python*/site-packages/pyarrow"))
    (tree / "main.cc").write_text(MAIN)
    (tree / "x.toy").write_text("TOY\none\ntwo\n")
    sources = [tree / "main.cc", tree / "src/formats/registry.cc", tree / "src/formats/toy/toy.cc"]
    # The copy's registry comes before the build's; all else is linked as it was built.
    libraries = [build / f"libpyralog_{layer}.a" for layer in ("formats", "io", "base")]
    shared = [next(arrow.glob(f"lib{name}.so.*")) for name in ("arrow_dataset", "parquet", "arrow_compute", "arrow")]
    flags = ["-std=c++20", "-O0", f"-I{tree}/src", f"-I{ROOT}/src", f"-I{ROOT}/include", f"-isystem{arrow}/include"]
    linked = [str(file) for file in (*sources, *libraries, *shared)]
    ending = [
        "-Wl,--allow-multiple-definition",
        "-lxxhash",
        "-lpthread",
        f"-Wl,-rpath,{arrow}",
        "-o",
        str(tree / "toy"),
    ]
    subprocess.run(["g++", *flags, *linked, *ending], check=True)
    done = subprocess.run([tree / "toy", tree / "x.toy"], capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert lines[-2:] == ["toy", "toy: 2 rows"]
    assert "parquet" in lines
