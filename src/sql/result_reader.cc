#include "sql/result_reader.h"

#include <algorithm>
#include <utility>

#include "sql/collector.h"
#include "sql/errors.h"
#include "sql/result_batch.h"

namespace pyralog::sql {
namespace {

// Rows of a streamed batch, unless the result ends first: large enough that work per batch does not
// show, small enough to stay in the cache.
constexpr int64_t kStreamedRows = 65536;

class ResultReader final : public arrow::RecordBatchReader {
 public:
  ResultReader(duckdb::unique_ptr<duckdb::QueryResult> result, ResultForm form,
               ErrorTranslator translate, std::shared_ptr<void> owner)
      : owner_(std::move(owner)),
        batch_rows_(form.batch_rows.value_or(kStreamedRows)),
        rows_(std::move(form.schema), result->types, std::max(batch_rows_, kResultBatchRows)),
        translate_(std::move(translate)),
        result_(std::move(result)) {}

  std::shared_ptr<arrow::Schema> schema() const override { return rows_.schema(); }

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
  const int64_t batch_rows_;
  ResultBatch rows_;
  const ErrorTranslator translate_;
  duckdb::unique_ptr<duckdb::QueryResult> result_;  // null: at the end
  bool at_end_ = false;
};

arrow::Status ResultReader::ReadBatch(std::shared_ptr<arrow::RecordBatch>* batch) {
  while (rows_.rows() < batch_rows_ && !rows_.IsFull()) {
    duckdb::unique_ptr<duckdb::DataChunk> chunk;
    duckdb::ErrorData error;
    if (!result_->TryFetch(chunk, error)) {
      return translate_(result_->HasError() ? result_->GetErrorObject() : error);
    }
    if (chunk == nullptr || chunk->size() == 0) {
      at_end_ = true;  // a result that has ended must not be asked again
      break;
    }
    ARROW_RETURN_NOT_OK(rows_.Append(*chunk));
  }
  if (rows_.rows() == 0) return arrow::Status::OK();
  return rows_.Finish().Value(batch);
}

// Rows that come as Arrow already.
class ArrowReader final : public WholeReader {
 public:
  ArrowReader(duckdb::unique_ptr<duckdb::QueryResult> result, ArrowRows* rows,
              ErrorTranslator translate, std::shared_ptr<void> owner)
      : owner_(std::move(owner)),
        schema_(rows->schema()),
        translate_(std::move(translate)),
        result_(std::move(result)),
        rows_(rows) {}

  std::shared_ptr<arrow::Schema> schema() const override { return schema_; }

  arrow::Status ReadNext(std::shared_ptr<arrow::RecordBatch>* batch) override {
    batch->reset();
    if (result_ == nullptr) return arrow::Status::OK();
    return Read([&](duckdb::ErrorData* error) { return rows_->Next(batch, error); },
                [&] { return *batch == nullptr; });
  }
  arrow::Result<arrow::RecordBatchVector> Rest() override {
    arrow::RecordBatchVector batches;
    if (result_ == nullptr) return batches;
    ARROW_RETURN_NOT_OK(Read([&](duckdb::ErrorData* error) { return rows_->Rest(&batches, error); },
                             [] { return true; }));
    return batches;
  }
  arrow::Status Close() override {
    Release();
    return arrow::Status::OK();
  }

 private:
  template <class Call, class AtEnd>
  arrow::Status Read(Call call, AtEnd at_end) {
    const arrow::Status status = Guard([&] {
      duckdb::ErrorData error;
      return call(&error) ? arrow::Status::OK() : translate_(error);
    });
    if (!status.ok() || at_end()) {
      Release();
    } else if (rows_->ended()) {
      owner_.reset();  // what is left is in memory
    }
    return status;
  }
  void Release() {
    result_.reset();
    owner_.reset();
  }

  std::shared_ptr<void> owner_;
  const std::shared_ptr<arrow::Schema> schema_;
  const ErrorTranslator translate_;
  duckdb::unique_ptr<duckdb::QueryResult> result_;  // null: at the end
  ArrowRows* const rows_;                           // of result_
};

}  // namespace

arrow::Result<std::shared_ptr<arrow::RecordBatchReader>> MakeResultReader(
    duckdb::unique_ptr<duckdb::QueryResult> result, ResultForm form, ErrorTranslator translate,
    std::shared_ptr<void> owner) {
  if (ArrowRows* const rows = ArrowRowsOf(*result)) {
    return std::make_shared<ArrowReader>(std::move(result), rows, std::move(translate),
                                         std::move(owner));
  }
  return std::make_shared<ResultReader>(std::move(result), std::move(form), std::move(translate),
                                        std::move(owner));
}

}  // namespace pyralog::sql
