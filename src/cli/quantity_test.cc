#include "cli/quantity.h"

#include <gtest/gtest.h>

#include "cli/nearest.h"
#include "pyralog/error.h"

namespace pyralog::cli {
namespace {

TEST(QuantityTest, Sizes) {
  EXPECT_EQ(*ParseSize("4096"), 4096U);
  EXPECT_EQ(*ParseSize("1GiB"), uint64_t{1} << 30);
  EXPECT_EQ(*ParseSize("1.5 kb"), 1500U);
  EXPECT_EQ(*ParseSize("2m"), uint64_t{2} << 20);
  for (const char* bad : {"", "-1", "0", "1 stone", "GiB", "1e30", "inf", "0x10"}) {
    EXPECT_EQ(GetErrorCode(ParseSize(bad).status()), ErrorCode::kInvalidArgument) << bad;
  }
}

TEST(QuantityTest, Durations) {
  using std::chrono::milliseconds;
  EXPECT_EQ(*ParseDuration("20s"), milliseconds(20'000));
  EXPECT_EQ(*ParseDuration("1.5"), milliseconds(1'500));
  EXPECT_EQ(*ParseDuration("500ms"), milliseconds(500));
  EXPECT_EQ(*ParseDuration("2m"), milliseconds(120'000));
  for (const char* bad : {"", "0", "soon", "-1s", "9999999h"}) {
    EXPECT_EQ(GetErrorCode(ParseDuration(bad).status()), ErrorCode::kInvalidArgument) << bad;
  }
}

TEST(QuantityTest, SizesAsText) {
  EXPECT_EQ(SizeText(0), "0 B");
  EXPECT_EQ(SizeText(1023), "1023 B");
  EXPECT_EQ(SizeText(1536), "1.5 KiB");
  EXPECT_EQ(SizeText((uint64_t{1} << 20) - 1), "1.0 MiB");
  EXPECT_EQ(SizeText(~uint64_t{0}), "16.0 EiB");
}

TEST(NearestTest, Distances) {
  EXPECT_EQ(EditDistance("", "abc"), 3);
  EXPECT_EQ(EditDistance("tables", "tables"), 0);
  EXPECT_EQ(EditDistance("tabels", "tables"), 1);
  EXPECT_EQ(EditDistance("kitten", "sitting"), 3);
}

TEST(NearestTest, SuggestsOnlyWhatIsNear) {
  constexpr std::string_view kWords[] = {"tables", "schema", "mode"};
  EXPECT_EQ(NearestWord("tabels", kWords), "tables");
  EXPECT_EQ(NearestWord("mod", kWords), "mode");
  EXPECT_EQ(NearestWord("quit", kWords), "");
  EXPECT_EQ(NearestWord("", kWords), "");
}

}  // namespace
}  // namespace pyralog::cli
