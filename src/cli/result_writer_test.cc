#include "cli/result_writer.h"

#include <gtest/gtest.h>

#include "arrow/array.h"
#include "arrow/builder.h"
#include "arrow/io/memory.h"
#include "arrow/record_batch.h"
#include "cli/box_writer.h"

namespace pyralog::cli {
namespace {

std::shared_ptr<arrow::Array> Texts(const std::vector<std::optional<std::string>>& values) {
  arrow::StringBuilder builder;
  for (const auto& value : values) {
    EXPECT_TRUE((value ? builder.Append(*value) : builder.AppendNull()).ok());
  }
  return builder.Finish().ValueOrDie();
}

std::shared_ptr<arrow::Array> Numbers(int64_t from, int64_t count) {
  arrow::Int64Builder builder;
  for (int64_t i = 0; i < count; ++i) EXPECT_TRUE(builder.Append(from + i).ok());
  return builder.Finish().ValueOrDie();
}

std::shared_ptr<arrow::RecordBatch> Rows(const std::vector<std::string>& names,
                                         const arrow::ArrayVector& columns) {
  arrow::FieldVector fields;
  for (size_t i = 0; i < names.size(); ++i) {
    fields.push_back(arrow::field(names[i], columns[i]->type()));
  }
  return arrow::RecordBatch::Make(arrow::schema(fields), columns.front()->length(), columns);
}

std::string Written(const arrow::RecordBatchVector& batches, const Display& display) {
  auto out = arrow::io::BufferOutputStream::Create().ValueOrDie();
  auto reader = arrow::RecordBatchReader::Make(batches, batches.front()->schema()).ValueOrDie();
  EXPECT_TRUE(WriteResult(*reader, out, display).ok());
  return out->Finish().ValueOrDie()->ToString();
}

std::shared_ptr<arrow::RecordBatch> Stock() {
  return Rows({"id", "name"}, {Numbers(9, 2), Texts({"茶", std::nullopt})});
}

TEST(ResultWriterTest, Box) {
  EXPECT_EQ(Written({Stock()}, {OutputMode::kBox}),
            "┌────┬──────┐\n"
            "│ id │ name │\n"
            "├────┼──────┤\n"
            "│  9 │ 茶   │\n"
            "│ 10 │ NULL │\n"
            "└────┴──────┘\n");
}

TEST(ResultWriterTest, BoxSaysWhatItLeavesOut) {
  const auto ten = Rows({"n"}, {Numbers(1, 10)});
  const std::string box = Written({ten, ten}, {OutputMode::kBox, 3});
  EXPECT_NE(box.find("│ 3 │\n└"), std::string::npos) << box;
  EXPECT_TRUE(box.ends_with("... 20 rows (3 shown)\n")) << box;
  EXPECT_EQ(Written({ten, ten}, {OutputMode::kBox, 0}).find("..."), std::string::npos);
  EXPECT_TRUE(Written({Rows({"n"}, {Numbers(1, 0)})}, {OutputMode::kBox}).ends_with("┘\n0 rows\n"));
}

TEST(ResultWriterTest, BoxIsCutToTheTerminal) {
  const auto wide = Rows({"id", "text"}, {Numbers(1, 1), Texts({std::string(100, 'x')})});
  EXPECT_EQ(Written({wide}, {OutputMode::kBox, 40, 20}),
            "┌────┬─────────────┐\n"
            "│ id │ text        │\n"
            "├────┼─────────────┤\n"
            "│  1 │ xxxxxxxxxx… │\n"
            "└────┴─────────────┘\n");
}

TEST(ResultWriterTest, BoxLeavesOutColumnsThatHaveNoRoom) {
  const arrow::ArrayVector columns(9, Texts({"abcdefghi"}));
  const auto many = Rows({"a", "b", "c", "d", "e", "f", "g", "h", "i"}, columns);
  const std::string box = Written({many}, {OutputMode::kBox, 40, 40});
  EXPECT_NE(box.find("│ … │\n"), std::string::npos) << box;
  EXPECT_TRUE(box.ends_with("... 9 columns (3 shown)\n")) << box;
}

TEST(ResultWriterTest, Csv) {
  const auto rows =
      Rows({"id", "a,b"}, {Numbers(1, 4), Texts({"plain", "say \"hi\"", "", std::nullopt})});
  EXPECT_EQ(Written({rows}, {OutputMode::kCsv}),
            "id,\"a,b\"\n1,plain\n2,\"say \"\"hi\"\"\"\n3,\"\"\n4,\n");
}

TEST(ResultWriterTest, JsonLinesHasEachKeyOnce) {
  const auto rows = Rows({"a", "a"}, {Numbers(1, 1), Texts({"x\ny"})});
  EXPECT_EQ(Written({rows}, {OutputMode::kJsonl}), "{\"a\":1,\"a_1\":\"x\\ny\"}\n");
}

TEST(ResultWriterTest, Markdown) {
  const auto rows = Rows({"id", "a|b"}, {Numbers(1, 1), Texts({"x|y\nz"})});
  EXPECT_EQ(Written({rows}, {OutputMode::kMarkdown}),
            "| id | a\\|b |\n| ---: | --- |\n| 1 | x\\|y\\nz |\n");
}

TEST(ResultWriterTest, Line) {
  EXPECT_EQ(Written({Stock()}, {OutputMode::kLine}),
            "  id = 9\nname = 茶\n\n  id = 10\nname = NULL\n");
}

TEST(BoxWriterTest, FitsWidths) {
  using Widths = std::vector<int>;
  EXPECT_EQ(FitWidths(Widths{3, 50}, 0), (Widths{3, 50}));
  EXPECT_EQ(FitWidths(Widths{3, 50}, 60), (Widths{3, 50}));
  EXPECT_EQ(FitWidths(Widths{3, 50}, 59), (Widths{3, 49}));
  EXPECT_EQ(FitWidths(Widths{3, 50, 40}, 40), (Widths{3, 13, 13}));
  EXPECT_EQ(FitWidths(Widths{3, 50, 40}, 22), (Widths{3, 8}));
  EXPECT_EQ(FitWidths(Widths{50}, 5), (Widths{6}));  // one column always
}

}  // namespace
}  // namespace pyralog::cli
