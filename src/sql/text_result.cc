#include "sql/text_result.h"

#include <string>
#include <utility>
#include <vector>

#include "arrow/array/builder_binary.h"
#include "duckdb/common/vector_operations/vector_operations.hpp"
#include "sql/errors.h"

namespace pyralog::sql {
namespace {

class TextRows final : public TextResult {
 public:
  TextRows(duckdb::unique_ptr<duckdb::QueryResult> result,
           duckdb::shared_ptr<duckdb::ClientContext> context, ErrorTranslator translate,
           std::shared_ptr<void> owner)
      : owner_(std::move(owner)),
        context_(std::move(context)),
        translate_(std::move(translate)),
        result_(std::move(result)) {
    arrow::FieldVector fields;
    for (size_t i = 0; i < result_->types.size(); ++i) {
      names_.push_back(result_->names[i]);
      types_.push_back(result_->types[i].ToString());
      fields.push_back(arrow::field(names_.back(), arrow::large_utf8()));
    }
    schema_ = arrow::schema(std::move(fields));
  }

  const std::vector<std::string>& names() const override { return names_; }
  const std::vector<std::string>& types() const override { return types_; }

  arrow::Result<std::shared_ptr<arrow::RecordBatch>> Next() override {
    return Guard([&]() -> arrow::Result<std::shared_ptr<arrow::RecordBatch>> {
      ARROW_ASSIGN_OR_RAISE(const auto chunk, Fetch());
      if (chunk == nullptr) return nullptr;
      arrow::ArrayVector columns;
      for (duckdb::Vector& column : chunk->data) {
        ARROW_ASSIGN_OR_RAISE(columns.emplace_back(), TextOf(column, chunk->size()));
      }
      return arrow::RecordBatch::Make(schema_, static_cast<int64_t>(chunk->size()),
                                      std::move(columns));
    });
  }

  arrow::Result<int64_t> CountRest() override {
    return Guard([&]() -> arrow::Result<int64_t> {
      int64_t rows = 0;
      while (true) {
        ARROW_ASSIGN_OR_RAISE(const auto chunk, Fetch());
        if (chunk == nullptr) return rows;
        rows += static_cast<int64_t>(chunk->size());
      }
    });
  }

 private:
  // nullptr at the end, behind which a result must not be asked again.
  arrow::Result<duckdb::unique_ptr<duckdb::DataChunk>> Fetch() {
    if (result_ == nullptr) return nullptr;
    duckdb::unique_ptr<duckdb::DataChunk> chunk;
    duckdb::ErrorData error;
    if (!result_->TryFetch(chunk, error)) {
      const arrow::Status status =
          translate_(result_->HasError() ? result_->GetErrorObject() : error);
      Release();
      return status;
    }
    if (chunk != nullptr && chunk->size() > 0) return chunk;
    Release();
    return nullptr;
  }

  void Release() {
    result_.reset();
    owner_.reset();
  }

  arrow::Result<std::shared_ptr<arrow::Array>> TextOf(duckdb::Vector& column, duckdb::idx_t rows) {
    duckdb::Vector text(duckdb::LogicalType::VARCHAR, rows);
    duckdb::VectorOperations::Cast(*context_, column, text, rows);
    duckdb::UnifiedVectorFormat format;
    text.ToUnifiedFormat(rows, format);
    const auto* values = duckdb::UnifiedVectorFormat::GetData<duckdb::string_t>(format);
    arrow::LargeStringBuilder builder;
    ARROW_RETURN_NOT_OK(builder.Reserve(static_cast<int64_t>(rows)));
    for (duckdb::idx_t row = 0; row < rows; ++row) {
      const duckdb::idx_t at = format.sel->get_index(row);
      if (!format.validity.RowIsValid(at)) {
        ARROW_RETURN_NOT_OK(builder.AppendNull());
        continue;
      }
      const duckdb::string_t& value = values[at];
      ARROW_RETURN_NOT_OK(builder.Append(value.GetData(), static_cast<int64_t>(value.GetSize())));
    }
    return builder.Finish();
  }

  std::shared_ptr<void> owner_;
  const duckdb::shared_ptr<duckdb::ClientContext> context_;
  const ErrorTranslator translate_;
  std::vector<std::string> names_;
  std::vector<std::string> types_;
  std::shared_ptr<arrow::Schema> schema_;
  duckdb::unique_ptr<duckdb::QueryResult> result_;  // null: at the end
};

class NoRows final : public TextResult {
 public:
  const std::vector<std::string>& names() const override { return none_; }
  const std::vector<std::string>& types() const override { return none_; }
  arrow::Result<std::shared_ptr<arrow::RecordBatch>> Next() override { return nullptr; }
  arrow::Result<int64_t> CountRest() override { return 0; }

 private:
  const std::vector<std::string> none_;
};

}  // namespace

arrow::Result<std::unique_ptr<TextResult>> MakeTextResult(
    duckdb::unique_ptr<duckdb::QueryResult> result,
    duckdb::shared_ptr<duckdb::ClientContext> context, ErrorTranslator translate,
    std::shared_ptr<void> owner) {
  return Guard([&]() -> arrow::Result<std::unique_ptr<TextResult>> {
    return std::make_unique<TextRows>(std::move(result), std::move(context), std::move(translate),
                                      std::move(owner));
  });
}

std::unique_ptr<TextResult> EmptyTextResult() { return std::make_unique<NoRows>(); }

}  // namespace pyralog::sql
