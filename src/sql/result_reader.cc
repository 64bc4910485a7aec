#include "sql/result_reader.h"

#include <algorithm>
#include <utility>

#include "arrow/c/bridge.h"
#include "duckdb/common/arrow/arrow_appender.hpp"
#include "duckdb/common/arrow/arrow_converter.hpp"
#include "sql/errors.h"

namespace pyralog::sql {
namespace {

// Rows of a batch, unless the result ends first: large enough that work per batch does not show,
// small enough to stay in the cache.
constexpr int64_t kBatchRows = 65536;

class ResultReader final : public arrow::RecordBatchReader {
 public:
  ResultReader(duckdb::unique_ptr<duckdb::QueryResult> result,
               std::shared_ptr<arrow::Schema> schema, ExtensionTypes extension_types,
               ErrorTranslator translate, std::shared_ptr<void> owner)
      : owner_(std::move(owner)),
        schema_(std::move(schema)),
        extension_types_(std::move(extension_types)),
        translate_(std::move(translate)),
        result_(std::move(result)) {}

  std::shared_ptr<arrow::Schema> schema() const override { return schema_; }

  arrow::Status ReadNext(std::shared_ptr<arrow::RecordBatch>* batch) override {
    batch->reset();
    if (result_ == nullptr) return arrow::Status::OK();
    const arrow::Status status = Guard([&] { return ReadBatch(batch); });
    if (!status.ok() || at_end_) Release();
    return status;
  }

  arrow::Status Close() override {
    Release();
    return arrow::Status::OK();
  }

 private:
  arrow::Status ReadBatch(std::shared_ptr<arrow::RecordBatch>* batch);

  void Release() {
    result_.reset();
    owner_.reset();
  }

  std::shared_ptr<void> owner_;
  const std::shared_ptr<arrow::Schema> schema_;
  const ExtensionTypes extension_types_;
  const ErrorTranslator translate_;
  duckdb::unique_ptr<duckdb::QueryResult> result_;  // null: at the end
  bool at_end_ = false;
};

arrow::Status ResultReader::ReadBatch(std::shared_ptr<arrow::RecordBatch>* batch) {
  duckdb::unique_ptr<duckdb::ArrowAppender> appender;
  int64_t rows = 0;
  while (rows < kBatchRows) {
    duckdb::unique_ptr<duckdb::DataChunk> chunk;
    duckdb::ErrorData error;
    if (!result_->TryFetch(chunk, error)) {
      return translate_(result_->HasError() ? result_->GetErrorObject() : error);
    }
    if (chunk == nullptr || chunk->size() == 0) {
      at_end_ = true;  // a result that has ended must not be asked again
      break;
    }
    if (appender == nullptr) {
      appender = duckdb::make_uniq<duckdb::ArrowAppender>(
          result_->types, chunk->size(), result_->client_properties, extension_types_);
    }
    appender->Append(*chunk, 0, chunk->size(), chunk->size());
    rows += static_cast<int64_t>(chunk->size());
  }
  if (appender == nullptr) return arrow::Status::OK();
  ArrowArray array = appender->Finalize();
  return arrow::ImportRecordBatch(&array, schema_).Value(batch);
}

}  // namespace

arrow::Result<std::shared_ptr<arrow::Schema>> ResultSchema(duckdb::QueryResult& result) {
  return Guard([&]() -> arrow::Result<std::shared_ptr<arrow::Schema>> {
    ArrowSchema schema;
    duckdb::ArrowConverter::ToArrowSchema(&schema, result.types, result.names,
                                          result.client_properties);
    return arrow::ImportSchema(&schema);
  });
}

BatchAssembler::BatchAssembler(duckdb::ClientContext& context,
                               duckdb::vector<duckdb::LogicalType> types,
                               const duckdb::vector<std::string>& names)
    : types_(std::move(types)),
      properties_(context.GetClientProperties()),
      extension_types_(duckdb::ArrowTypeExtensionData::GetExtensionTypes(context, types_)) {
  ArrowSchema schema;
  duckdb::ArrowConverter::ToArrowSchema(&schema, types_, names, properties_);
  schema_ = ValueOrThrow(arrow::ImportSchema(&schema));
}

BatchAssembler::~BatchAssembler() = default;

void BatchAssembler::Append(duckdb::DataChunk& rows) {
  if (appender_ == nullptr) {
    appender_ = duckdb::make_uniq<duckdb::ArrowAppender>(types_, rows.size(), properties_,
                                                         extension_types_);
  }
  appender_->Append(rows, 0, rows.size(), rows.size());
}

void BatchAssembler::Discard() { appender_.reset(); }

arrow::Result<std::shared_ptr<arrow::RecordBatch>> BatchAssembler::Finish() {
  if (appender_ == nullptr) return nullptr;
  ArrowArray array = appender_->Finalize();
  appender_.reset();
  return arrow::ImportRecordBatch(&array, schema_);
}

arrow::Result<std::shared_ptr<arrow::RecordBatchReader>> MakeResultReader(
    duckdb::unique_ptr<duckdb::QueryResult> result, std::shared_ptr<arrow::Schema> schema,
    duckdb::ClientContext& context, ErrorTranslator translate, std::shared_ptr<void> owner) {
  return Guard([&]() -> arrow::Result<std::shared_ptr<arrow::RecordBatchReader>> {
    auto extension_types =
        duckdb::ArrowTypeExtensionData::GetExtensionTypes(context, result->types);
    return std::make_shared<ResultReader>(std::move(result), std::move(schema),
                                          std::move(extension_types), std::move(translate),
                                          std::move(owner));
  });
}

}  // namespace pyralog::sql
