"""Makes a file format: the folder src/formats/NAME/ (source, test, page) and its line in formats.def.

    new_format.py NAME

What it makes builds, is listed and refuses every file by name; the reader is yours to write.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

SOURCE = """\
// @NAME@: README.md in this folder says what is read and what is refused.
#include <memory>

#include "formats/format.h"
#include "pyralog/error.h"

namespace pyralog::formats {
namespace {

FormatInfo Make@TYPE@Info() {
  FormatInfo info;
  info.name = "@NAME@";
  info.title = "@NAME@";
  info.suffixes = {".@NAME@"};
  info.can.read = false;
  return info;
}

class @TYPE@Format final : public Format {
 public:
  const FormatInfo& info() const override { return info_; }

  arrow::Result<std::shared_ptr<Dataset>> Open(const SourcePtr& source,
                                               const Options& options) const override {
    ARROW_RETURN_NOT_OK(CheckOptionNames(info_, options, {}));
    return source->Error(ErrorCode::kNotSupported, "@NAME@ files are not read by this build");
  }

 private:
  const FormatInfo info_ = Make@TYPE@Info();
};

}  // namespace

const Format& @NAME@_format() {
  static const @TYPE@Format& format = *new @TYPE@Format;
  return format;
}

}  // namespace pyralog::formats
"""

TEST = """\
#include <gtest/gtest.h>

#include "formats/registry.h"

namespace pyralog::formats {
namespace {

TEST(@TYPE@Format, IsRegistered) {
  const Format* format = FindFormat("@NAME@");
  ASSERT_NE(format, nullptr);
  EXPECT_EQ(FormatOfPath("folder/file.@NAME@"), format);
}

}  // namespace
}  // namespace pyralog::formats
"""

PAGE = """\
# @NAME@

| | |
|---|---|
| names | `@NAME@` |
| recognised by | suffix `.@NAME@` |
| read, write | no, no |
"""


def fill(template: str, name: str) -> str:
    kind = "".join(part.capitalize() for part in name.split("_"))
    return template.replace("@NAME@", name).replace("@TYPE@", kind)


def main() -> int:
    if len(sys.argv) != 2 or not re.fullmatch(r"[a-z][a-z0-9_]*", sys.argv[1]):
        print("usage: ./dev new-format NAME   (lower case, digits, underscores)", file=sys.stderr)
        return 64
    name = sys.argv[1]
    folder = ROOT / "src/formats" / name
    definitions = ROOT / "src/formats/formats.def"
    if folder.exists() or re.search(rf"^PYRALOG_FORMAT\({name}\)", definitions.read_text(), re.MULTILINE):
        print(f"new-format: there is a format '{name}' already", file=sys.stderr)
        return 1
    folder.mkdir(parents=True)
    for file, template in ((f"{name}.cc", SOURCE), (f"{name}_test.cc", TEST), ("README.md", PAGE)):
        (folder / file).write_text(fill(template, name))
    with definitions.open("a") as out:
        out.write(f"PYRALOG_FORMAT({name})\n")
    print(f"src/formats/{name}/ and its line in formats.def are there; ./dev test formats builds and tests them")
    return 0


if __name__ == "__main__":
    sys.exit(main())
