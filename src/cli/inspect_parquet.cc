#include "cli/inspect_parquet.h"

#include <algorithm>
#include <exception>
#include <set>
#include <vector>

#include "arrow/compute/api_scalar.h"
#include "arrow/compute/exec.h"
#include "arrow/compute/initialize.h"
#include "arrow/scalar.h"
#include "arrow/util/compression.h"
#include "cli/display_width.h"
#include "cli/quantity.h"
#include "fmt/format.h"
#include "parquet/arrow/reader.h"
#include "parquet/file_reader.h"
#include "parquet/metadata.h"
#include "parquet/statistics.h"
#include "pyralog/error.h"

namespace pyralog::cli {
namespace {

constexpr int kMostRowGroups = 20;
constexpr int kWidestStatistic = 24;

using TextRow = std::vector<std::string>;

// What the row groups say of one column.
struct ColumnFacts {
  std::set<std::string> codecs;
  std::set<std::string> encodings;
  int64_t stored = 0;  // bytes
  int64_t plain = 0;   // bytes before the codec
  int64_t nulls = 0;
  bool nulls_known = true;
  std::shared_ptr<arrow::Scalar> least;
  std::shared_ptr<arrow::Scalar> greatest;
  bool range_known = true;
};

// The least (or greatest) of two values of one type; `a` may be null.
arrow::Result<std::shared_ptr<arrow::Scalar>> Extreme(const std::shared_ptr<arrow::Scalar>& a,
                                                      const std::shared_ptr<arrow::Scalar>& b,
                                                      bool least) {
  if (a == nullptr) return b;
  ARROW_ASSIGN_OR_RAISE(const arrow::Datum found, least ? arrow::compute::MinElementWise({a, b})
                                                        : arrow::compute::MaxElementWise({a, b}));
  return found.scalar();
}

arrow::Status AddStatistics(const ::parquet::ColumnChunkMetaData& chunk, ColumnFacts* facts) {
  const std::shared_ptr<::parquet::Statistics> statistics =
      chunk.is_stats_set() ? chunk.statistics() : nullptr;
  if (statistics == nullptr || !statistics->HasNullCount()) {
    facts->nulls_known = false;
  } else {
    facts->nulls += statistics->null_count();
  }
  if (statistics == nullptr || !statistics->HasMinMax()) {
    // A chunk of nothing but nulls has no range, and takes none away.
    const bool only_nulls = statistics != nullptr && statistics->num_values() == 0;
    if (!only_nulls) facts->range_known = false;
    return arrow::Status::OK();
  }
  std::shared_ptr<arrow::Scalar> least;
  std::shared_ptr<arrow::Scalar> greatest;
  arrow::Status made = ::parquet::arrow::StatisticsAsScalars(*statistics, &least, &greatest);
  if (made.ok()) made = Extreme(facts->least, least, true).Value(&facts->least);
  if (made.ok()) made = Extreme(facts->greatest, greatest, false).Value(&facts->greatest);
  if (!made.ok()) facts->range_known = false;  // of a type that has no order here
  return arrow::Status::OK();
}

arrow::Result<ColumnFacts> FactsOf(const ::parquet::FileMetaData& footer, int column) {
  ColumnFacts facts;
  for (int group = 0; group < footer.num_row_groups(); ++group) {
    const auto row_group = footer.RowGroup(group);
    const auto chunk = row_group->ColumnChunk(column);
    facts.codecs.insert(arrow::util::Codec::GetCodecAsString(chunk->compression()));
    for (const auto encoding : chunk->encodings()) {
      facts.encodings.insert(::parquet::EncodingToString(encoding));
    }
    facts.stored += chunk->total_compressed_size();
    facts.plain += chunk->total_uncompressed_size();
    ARROW_RETURN_NOT_OK(AddStatistics(*chunk, &facts));
  }
  return facts;
}

std::string Joined(const std::set<std::string>& words) {
  std::string joined;
  for (const std::string& word : words) joined += (joined.empty() ? "" : "+") + word;
  return joined;
}

std::string Bytes(int64_t bytes) {
  return SizeText(static_cast<uint64_t>(std::max<int64_t>(0, bytes)));
}

std::string ValueOf(const std::shared_ptr<arrow::Scalar>& scalar, bool known) {
  if (!known || scalar == nullptr) return "?";
  return CutToWidth(Printable(scalar->ToString(), LineBreaks::kEscape), kWidestStatistic);
}

arrow::Result<std::string> ColumnsText(const ::parquet::FileMetaData& footer) {
  std::vector<TextRow> rows = {
      {"column", "codec", "encodings", "stored", "plain", "nulls", "least", "greatest"}};
  for (int column = 0; column < footer.num_columns(); ++column) {
    ARROW_ASSIGN_OR_RAISE(const ColumnFacts facts, FactsOf(footer, column));
    rows.push_back(
        {Printable(footer.schema()->Column(column)->path()->ToDotString(), LineBreaks::kEscape),
         Joined(facts.codecs), Joined(facts.encodings), Bytes(facts.stored), Bytes(facts.plain),
         facts.nulls_known ? std::to_string(facts.nulls) : "?",
         ValueOf(facts.least, facts.range_known), ValueOf(facts.greatest, facts.range_known)});
  }
  return AlignedText(rows);
}

std::string RowGroupsText(const ::parquet::FileMetaData& footer) {
  std::vector<TextRow> rows = {{"row group", "rows", "stored", "plain"}};
  const int shown = std::min(footer.num_row_groups(), kMostRowGroups);
  for (int group = 0; group < shown; ++group) {
    const auto row_group = footer.RowGroup(group);
    rows.push_back({std::to_string(group), std::to_string(row_group->num_rows()),
                    Bytes(row_group->total_compressed_size()),
                    Bytes(row_group->total_byte_size())});
  }
  std::string text = AlignedText(rows);
  if (shown < footer.num_row_groups()) {
    text += fmt::format("  ... {} row groups ({} shown)\n", footer.num_row_groups(), shown);
  }
  return text;
}

}  // namespace

arrow::Result<std::string> DescribeParquetLayout(const std::string& path) {
  ARROW_RETURN_NOT_OK(arrow::compute::Initialize());
  try {
    const auto reader = ::parquet::ParquetFileReader::OpenFile(path);
    const auto footer = reader->metadata();
    if (footer->num_row_groups() == 0) return "";
    ARROW_ASSIGN_OR_RAISE(const std::string columns, ColumnsText(*footer));
    return "\n" + columns + "\n" + RowGroupsText(*footer);
  } catch (const std::exception& exception) {  // how the library reports
    return MakeError(ErrorCode::kDamaged, path + ": " + exception.what());
  }
}

}  // namespace pyralog::cli
