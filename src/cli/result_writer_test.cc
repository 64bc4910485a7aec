#include "cli/result_writer.h"

#include <gtest/gtest.h>

#include "arrow/array.h"
#include "arrow/builder.h"
#include "arrow/io/memory.h"
#include "arrow/record_batch.h"
#include "cli/box_writer.h"
#include "cli/progress_bar.h"

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
            "┌───────┬────────┐\n"
            "│    id │ name   │\n"
            "│ int64 │ string │\n"
            "├───────┼────────┤\n"
            "│     9 │ 茶     │\n"
            "│    10 │ NULL   │\n"
            "└───────┴────────┘\n");
}

TEST(ResultWriterTest, BoxSaysWhatItLeavesOut) {
  const auto ten = Rows({"n"}, {Numbers(1, 10)});
  const std::string box = Written({ten, ten}, {OutputMode::kBox, 3});
  EXPECT_NE(box.find("│     3 │\n└"), std::string::npos) << box;
  EXPECT_TRUE(box.ends_with("... 20 rows (3 shown)\n")) << box;
  EXPECT_EQ(Written({ten, ten}, {OutputMode::kBox, 0}).find("..."), std::string::npos);
  EXPECT_TRUE(Written({Rows({"n"}, {Numbers(1, 0)})}, {OutputMode::kBox}).ends_with("┘\n0 rows\n"));
}

TEST(ResultWriterTest, BoxIsCutToTheTerminal) {
  const auto wide = Rows({"id", "text"}, {Numbers(1, 1), Texts({std::string(100, 'x')})});
  EXPECT_EQ(Written({wide}, {OutputMode::kBox, 40, 23}),
            "┌───────┬─────────────┐\n"
            "│    id │ text        │\n"
            "│ int64 │ string      │\n"
            "├───────┼─────────────┤\n"
            "│     1 │ xxxxxxxxxx… │\n"
            "└───────┴─────────────┘\n");
}

TEST(ResultWriterTest, BoxLeavesOutColumnsThatHaveNoRoom) {
  const arrow::ArrayVector columns(9, Texts({"abcdefghi"}));
  const auto many = Rows({"a", "b", "c", "d", "e", "f", "g", "h", "i"}, columns);
  const std::string box = Written({many}, {OutputMode::kBox, 40, 40});
  EXPECT_NE(box.find("│ … │\n"), std::string::npos) << box;
  EXPECT_TRUE(box.ends_with("... 9 columns (2 shown)\n")) << box;
}

TEST(ResultWriterTest, BoxIsStyledOnATerminal) {
  Display display{OutputMode::kBox};
  display.styled = true;
  display.null_text = "-";
  const std::string box = Written({Stock()}, display);
  EXPECT_NE(box.find("│ \x1b[1mname\x1b[0m   │"), std::string::npos) << box;
  EXPECT_NE(box.find("│ \x1b[2m-\x1b[0m      │"), std::string::npos) << box;
}

TEST(ResultWriterTest, BoxColumnsKeepToTheWidthsGiven) {
  Display display{OutputMode::kBox};
  display.widths = {0, 7};
  const auto wide = Rows({"id", "text"}, {Numbers(1, 1), Texts({std::string(100, 'x')})});
  EXPECT_NE(Written({wide}, display).find("│     1 │ xxxxxx… │\n"), std::string::npos);
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

std::shared_ptr<arrow::RecordBatch> Awkward() {
  return Rows({"n", "a_b"}, {Numbers(1, 2), Texts({"<x> & 'y'|", std::nullopt})});
}

TEST(ResultWriterTest, TabsAndLists) {
  EXPECT_EQ(Written({Stock()}, {OutputMode::kTsv}), "id\tname\n9\t茶\n10\t\n");
  Display list{OutputMode::kList};
  EXPECT_EQ(Written({Stock()}, list), "id|name\n9|茶\n10|\n");
  list.headers = false;
  list.separator = ";";
  EXPECT_EQ(Written({Stock()}, list), "9;茶\n10;\n");
}

TEST(ResultWriterTest, JsonIsOneArray) {
  EXPECT_EQ(Written({Stock()}, {OutputMode::kJson}),
            "[{\"id\":9,\"name\":\"茶\"},\n{\"id\":10,\"name\":null}]\n");
  EXPECT_EQ(Written({Rows({"n"}, {Numbers(1, 0)})}, {OutputMode::kJson}), "[]\n");
}

TEST(ResultWriterTest, Html) {
  EXPECT_EQ(Written({Awkward()}, {OutputMode::kHtml}),
            "<table>\n<tr><th>n</th><th>a_b</th></tr>\n"
            "<tr><td style=\"text-align:right\">1</td><td>&lt;x&gt; &amp; 'y'|</td></tr>\n"
            "<tr><td style=\"text-align:right\">2</td><td class=\"null\">NULL</td></tr>\n"
            "</table>\n");
}

TEST(ResultWriterTest, Latex) {
  EXPECT_EQ(Written({Awkward()}, {OutputMode::kLatex}),
            "\\begin{tabular}{|r|l|}\n\\hline\nn & a\\_b \\\\\n\\hline\n"
            "1 & <x> \\& 'y'| \\\\\n2 & NULL \\\\\n\\hline\n\\end{tabular}\n");
}

TEST(ResultWriterTest, InsertMakesStatements) {
  Display insert{OutputMode::kInsert};
  insert.insert_table = "t";
  EXPECT_EQ(Written({Awkward()}, insert),
            "INSERT INTO \"t\" (\"n\", \"a_b\") VALUES (1, '<x> & ''y''|');\n"
            "INSERT INTO \"t\" (\"n\", \"a_b\") VALUES (2, NULL);\n");
}

TEST(ResultWriterTest, ModesHaveNamesAndSuffixes) {
  EXPECT_EQ(OutputModeNamed("ndjson"), OutputMode::kJsonl);
  EXPECT_EQ(OutputModeNamed(""), std::nullopt);
  EXPECT_EQ(OutputModeOfFile("a/b.parquet"), OutputMode::kParquet);
  EXPECT_EQ(OutputModeOfFile("a.b/c"), std::nullopt);
}

TEST(ProgressTextTest, SaysHowFarItIs) {
  using std::chrono::seconds;
  EXPECT_EQ(ProgressText(0.25, seconds(30), 80),
            "[##########                              ]  25 %  0:30, about 1:30 left");
  EXPECT_EQ(ProgressText(0.01, seconds(3), 80),
            "[                                        ]   1 %  0:03");
  EXPECT_EQ(ProgressText(std::nullopt, seconds(3661), 80), "running, 1:01:01");
  EXPECT_LT(ProgressText(0.5, seconds(3), 40).size(), 40u);
}

TEST(BoxWriterTest, FitsWidths) {
  using Widths = std::vector<int>;
  EXPECT_EQ(FitWidths(Widths{3, 50}, 0), (Widths{3, 50}));
  EXPECT_EQ(FitWidths(Widths{3, 50}, 60), (Widths{3, 50}));
  EXPECT_EQ(FitWidths(Widths{3, 50}, 59), (Widths{3, 49}));
  EXPECT_EQ(FitWidths(Widths{3, 50, 40}, 40), (Widths{3, 13, 13}));
  EXPECT_EQ(FitWidths(Widths{3, 50, 40}, 25), (Widths{3, 11}));
  EXPECT_EQ(FitWidths(Widths{50}, 5), (Widths{10}));  // one column always
}

}  // namespace
}  // namespace pyralog::cli
