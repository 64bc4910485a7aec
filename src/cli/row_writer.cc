#include "cli/row_writer.h"

#include <algorithm>
#include <cctype>
#include <iterator>
#include <utility>

namespace pyralog::cli {
namespace {

constexpr size_t kFlushBytes = 256 << 10;

std::string Lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

}  // namespace

bool IsNumberType(std::string_view sql_type) {
  constexpr std::string_view kNumbers[] = {
      "TINYINT",  "SMALLINT", "INTEGER",  "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT",
      "UINTEGER", "UBIGINT",  "UHUGEINT", "FLOAT",  "DOUBLE",  "BIGNUM",   "DECIMAL"};
  if (sql_type.ends_with(']')) return false;  // a list of numbers
  const std::string_view name = sql_type.substr(0, sql_type.find('('));
  return std::find(std::begin(kNumbers), std::end(kNumbers), name) != std::end(kNumbers);
}

std::vector<ColumnShape> ShapesOf(const std::vector<std::string>& names,
                                  const std::vector<std::string>& types) {
  std::vector<ColumnShape> shapes;
  for (size_t i = 0; i < names.size(); ++i) {
    // The values of an ENUM, and the names of a STRUCT's fields, keep their case.
    const size_t name_end = std::min(types[i].find('('), types[i].size());
    shapes.push_back({names[i], Lower(types[i].substr(0, name_end)) + types[i].substr(name_end),
                      IsNumberType(types[i])});
  }
  return shapes;
}

arrow::Status StreamingRowWriter::Write(const arrow::RecordBatch& text) {
  std::vector<const arrow::LargeStringArray*> columns;
  for (const auto& column : text.columns()) {
    columns.push_back(static_cast<const arrow::LargeStringArray*>(column.get()));
  }
  std::vector<Cell> row(columns.size());
  for (int64_t i = 0; i < text.num_rows(); ++i) {
    for (size_t c = 0; c < columns.size(); ++c) {
      const bool is_null = columns[c]->IsNull(i);
      row[c] = {is_null ? std::string_view(null_text_) : columns[c]->GetView(i), is_null};
    }
    AppendRow(row);
    if (pending_.size() >= kFlushBytes) ARROW_RETURN_NOT_OK(Flush());
  }
  return arrow::Status::OK();
}

arrow::Status StreamingRowWriter::Finish() {
  AppendEnd();
  return Flush();
}

arrow::Status StreamingRowWriter::Flush() {
  if (pending_.empty()) return arrow::Status::OK();
  ARROW_RETURN_NOT_OK(out_->Write(pending_.data(), static_cast<int64_t>(pending_.size())));
  pending_.clear();
  return arrow::Status::OK();
}

}  // namespace pyralog::cli
