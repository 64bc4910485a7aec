#include "sql/result_batch.h"

#include <algorithm>
#include <utility>

#include "pyralog/error.h"
#include "sql/arrow_types.h"
#include "sql/collector_columns.h"

namespace pyralog::sql {
namespace {

// Strings of one batch, well below what 32-bit offsets reach: one more chunk may come.
constexpr int64_t kMostStringBytes = int64_t{256} << 20;

// The zone of a field of a schema, so that columns are made with the types the schema has.
std::string ZoneOf(const arrow::DataType& type) {
  if (type.id() == arrow::Type::TIMESTAMP)
    return static_cast<const arrow::TimestampType&>(type).timezone();
  for (const auto& field : type.fields()) {
    if (auto zone = ZoneOf(*field->type()); !zone.empty()) return zone;
  }
  return {};
}

}  // namespace

std::shared_ptr<arrow::Schema> ResultSchema(const duckdb::vector<duckdb::LogicalType>& types,
                                            const duckdb::vector<std::string>& names,
                                            const std::string& time_zone) {
  arrow::FieldVector fields;
  for (size_t i = 0; i < types.size(); ++i) {
    fields.push_back(arrow::field(names[i], ResultLayoutOf(types[i], time_zone).arrow));
  }
  return arrow::schema(std::move(fields));
}

ResultBatch::ResultBatch(std::shared_ptr<arrow::Schema> schema,
                         const duckdb::vector<duckdb::LogicalType>& types, int64_t most_rows)
    : schema_(std::move(schema)), types_(types), most_rows_(most_rows) {
  MakeColumns();
}

ResultBatch::~ResultBatch() = default;

void ResultBatch::MakeColumns() {
  columns_.clear();
  rows_ = 0;
  for (size_t i = 0; i < types_.size(); ++i) {
    const std::string zone = ZoneOf(*schema_->field(static_cast<int>(i))->type());
    columns_.push_back(MakeColumnCollector(ResultLayoutOf(types_[i], zone)));
  }
}

int64_t ResultBatch::bytes() const {
  int64_t bytes = 0;
  for (const auto& column : columns_) bytes += column->bytes();
  return bytes;
}

bool ResultBatch::IsFull() const {
  if (rows_ > most_rows_ - STANDARD_VECTOR_SIZE) return true;
  return std::ranges::any_of(
      columns_, [](const auto& column) { return column->bytes() >= kMostStringBytes; });
}

arrow::Status ResultBatch::Append(duckdb::DataChunk& chunk) {
  for (size_t i = 0; i < columns_.size(); ++i) {
    const auto status = columns_[i]->Append(chunk.data[i], nullptr, chunk.size());
    if (!status.ok()) {
      return MakeError(GetErrorCode(status),
                       "column \"" + schema_->field(static_cast<int>(i))->name() +
                           "\": " + status.message() + "; cast it, for example to VARCHAR");
    }
  }
  rows_ += static_cast<int64_t>(chunk.size());
  return arrow::Status::OK();
}

arrow::Result<std::shared_ptr<arrow::RecordBatch>> ResultBatch::Finish() {
  std::vector<std::shared_ptr<arrow::ArrayData>> data;
  for (auto& column : columns_) {
    ARROW_ASSIGN_OR_RAISE(auto column_data, column->Finish());
    data.push_back(std::move(column_data));
  }
  return arrow::RecordBatch::Make(schema_, std::exchange(rows_, 0), std::move(data));
}

void ResultBatch::Discard() {
  if (rows_ > 0) MakeColumns();
}

}  // namespace pyralog::sql
