#include "formats/registry.h"

#include <sys/stat.h>

#include <set>

#include "formats/testing.h"

namespace pyralog::formats {
namespace {

using io::ExpectError;

TEST(Registry, FindsByNameAndAliasInAnyCase) {
  ASSERT_NE(FindFormat("parquet"), nullptr);
  EXPECT_EQ(FindFormat("PARQUET"), FindFormat("parquet"));
  EXPECT_EQ(FindFormat("Arrow"), FindFormat("arrow_ipc"));
  EXPECT_EQ(FindFormat("nothing"), nullptr);
  ExpectError(FormatNamed("nothing"), ErrorCode::kNotSupported, "parquet, csv, json");
}

TEST(Registry, KnowsSuffixes) {
  EXPECT_EQ(FormatOfPath("a/b.CSV"), FindFormat("csv"));
  EXPECT_EQ(FormatOfPath("b.csv.gz"), FindFormat("csv"));
  EXPECT_EQ(FormatOfPath("b.jsonl.zst"), FindFormat("json"));
  EXPECT_EQ(FormatOfPath("b.parquet.gz"), nullptr);
  EXPECT_EQ(FormatOfPath(".csv"), nullptr);
  EXPECT_EQ(FormatOfPath("csv"), nullptr);
}

TEST(Registry, NamesAndSuffixesAreUnique) {
  std::set<std::string> names;
  for (const Format* format : AllFormats()) {
    EXPECT_TRUE(names.insert(format->info().name).second);
    for (const std::string& alias : format->info().aliases) EXPECT_TRUE(names.insert(alias).second);
    for (const std::string& suffix : format->info().suffixes) {
      EXPECT_EQ(FormatOfPath("x" + suffix), format) << suffix;
    }
  }
}

TEST(Registry, AFileSaysMoreThanItsName) {
  io::TempDir dir;
  ASSERT_OK_AND_ASSIGN(const auto bytes, WriteToString(*FindFormat("parquet"), {SomeRows(0, 3)}));
  ASSERT_OK(io::WriteWholeFile(io::PosixEnv(), dir / "data.csv", bytes));
  ASSERT_OK(io::WriteWholeFile(io::PosixEnv(), dir / "text.csv", "a,b\n1,2\n"));
  ASSERT_OK(io::WriteWholeFile(io::PosixEnv(), dir / "unknown", "a,b\n1,2\n"));
  const auto detect = [&](const std::string& name) -> arrow::Result<const Format*> {
    ARROW_ASSIGN_OR_RAISE(const auto source, Source::Open(io::PosixEnv(), dir / name));
    return DetectFormat(*source);
  };
  EXPECT_EQ(detect("data.csv").ValueOrDie(), FindFormat("parquet"));
  EXPECT_EQ(detect("text.csv").ValueOrDie(), FindFormat("csv"));
  ExpectError(detect("unknown"), ErrorCode::kNotSupported, "unknown");
}

TEST(Source, RefusesWhatIsNoRegularFile) {
  io::TempDir dir;
  ExpectError(Source::Open(io::PosixEnv(), dir.path()), ErrorCode::kInvalidArgument);
  ExpectError(Source::Open(io::PosixEnv(), dir / "missing"), ErrorCode::kNotFound, "missing");
  ASSERT_EQ(::mkfifo((dir / "fifo").c_str(), 0600), 0);
  ExpectError(Source::Open(io::PosixEnv(), dir / "fifo"), ErrorCode::kInvalidArgument, "FIFO");
  ExpectError(Source::Open(io::PosixEnv(), "/dev/null"), ErrorCode::kInvalidArgument);
}

TEST(Source, ReadsWithinItsBoundsOnly) {
  io::TempDir dir;
  ASSERT_OK(io::WriteWholeFile(io::PosixEnv(), dir / "f", "0123456789"));
  ASSERT_OK_AND_ASSIGN(const auto source, Source::Open(io::PosixEnv(), dir / "f"));
  EXPECT_EQ(source->Read(2, 3).ValueOrDie(), "234");
  EXPECT_EQ(source->Head(100).ValueOrDie(), "0123456789");
  ExpectError(source->Read(8, 3), ErrorCode::kDamaged, "10 bytes");
  ExpectError(source->Read(UINT64_MAX, 2), ErrorCode::kDamaged);
  const auto file = source->AsRandomAccess();
  // A range that a header claims is not allocated beyond what there is.
  ASSERT_OK_AND_ASSIGN(const auto tail, file->ReadAt(8, int64_t{1} << 50));
  EXPECT_EQ(tail->ToString(), "89");
  EXPECT_FALSE(file->ReadAt(-1, 1).ok());
}

}  // namespace
}  // namespace pyralog::formats
