#include "sql/collector.h"

#include <algorithm>
#include <mutex>
#include <utility>

#include "arrow/array/concatenate.h"
#include "arrow/array/util.h"
#include "arrow/util/key_value_metadata.h"
#include "duckdb/execution/operator/helper/physical_result_collector.hpp"
#include "duckdb/execution/physical_plan_generator.hpp"
#include "duckdb/main/client_config.hpp"
#include "duckdb/main/prepared_statement_data.hpp"
#include "sql/arrow_types.h"
#include "sql/collector_columns.h"
#include "sql/errors.h"

namespace pyralog::sql {
namespace {

using duckdb::idx_t;
using BatchPtr = std::shared_ptr<arrow::RecordBatch>;

// Collects the chunks of one thread.
class ResultBatch {
 public:
  ResultBatch(std::shared_ptr<arrow::Schema> schema,
              const duckdb::vector<duckdb::LogicalType>& types)
      : schema_(std::move(schema)) {
    for (const auto& type : types) columns_.push_back(MakeColumnCollector(ResultLayoutOf(type)));
  }
  int64_t rows() const { return rows_; }
  arrow::Status Append(duckdb::DataChunk& chunk) {
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
  arrow::Result<BatchPtr> Finish() {
    std::vector<std::shared_ptr<arrow::ArrayData>> data;
    for (auto& column : columns_) {
      ARROW_ASSIGN_OR_RAISE(auto column_data, column->Finish());
      data.push_back(std::move(column_data));
    }
    return arrow::RecordBatch::Make(schema_, std::exchange(rows_, 0), std::move(data));
  }

 private:
  const std::shared_ptr<arrow::Schema> schema_;
  std::vector<std::unique_ptr<ColumnCollector>> columns_;
  int64_t rows_ = 0;
};

// A batch with its place: DuckDB's batch index of the rows' source, or 0 where one thread collects
// all.
struct PlacedBatch {
  idx_t place;
  BatchPtr batch;
};

// Neighbours that are small together become one batch.
arrow::Result<std::vector<BatchPtr>> JoinSmallBatches(std::vector<PlacedBatch> placed) {
  std::vector<BatchPtr> result;
  for (size_t i = 0; i < placed.size();) {
    std::vector<BatchPtr> group;
    int64_t rows = 0;
    do {
      rows += placed[i].batch->num_rows();
      group.push_back(std::move(placed[i++].batch));
    } while (i < placed.size() && rows + placed[i].batch->num_rows() <= kResultBatchRows / 2);
    if (group.size() > 1) {
      ARROW_ASSIGN_OR_RAISE(group[0], arrow::ConcatenateRecordBatches(group));
    }
    result.push_back(std::move(group[0]));
  }
  return result;
}

class ArrowBatchesResult final : public duckdb::QueryResult {
 public:
  ArrowBatchesResult(const duckdb::PhysicalResultCollector& collector,
                     duckdb::ClientContext& context, std::shared_ptr<arrow::Schema> result_schema,
                     std::vector<BatchPtr> result_batches)
      : QueryResult(duckdb::QueryResultType::ARROW_RESULT, collector.statement_type,
                    collector.properties, collector.types, collector.names,
                    context.GetClientProperties()),
        schema(std::move(result_schema)),
        batches(std::move(result_batches)) {}

  std::string ToString() override { return "Arrow batches"; }

  std::shared_ptr<arrow::Schema> schema;
  std::vector<BatchPtr> batches;

 protected:
  duckdb::unique_ptr<duckdb::DataChunk> FetchInternal() override {
    throw duckdb::InvalidInputException("this result is Arrow batches: read it with ReadArrow");
  }
};

struct CollectorGlobalState final : duckdb::GlobalSinkState {
  std::mutex mutex;
  std::vector<PlacedBatch> batches;  // guarded by mutex
  duckdb::unique_ptr<ArrowBatchesResult> result;
};

struct CollectorLocalState final : duckdb::LocalSinkState {
  CollectorLocalState(std::shared_ptr<arrow::Schema> schema,
                      const duckdb::vector<duckdb::LogicalType>& types)
      : batch(std::move(schema), types) {}
  void FinishBatch() {
    if (batch.rows() > 0) finished.push_back({place, ValueOrThrow(batch.Finish())});
  }

  ResultBatch batch;
  idx_t place = 0;
  std::vector<PlacedBatch> finished;
};

enum class Collection { kOneThread, kAnyOrder, kByBatchIndex };

class ArrowCollector final : public duckdb::PhysicalResultCollector {
 public:
  ArrowCollector(duckdb::PhysicalPlan& plan, duckdb::PreparedStatementData& data,
                 Collection collection)
      : PhysicalResultCollector(plan, data),
        schema_(ResultSchema(types, names)),
        collection_(collection) {}

  duckdb::unique_ptr<duckdb::GlobalSinkState> GetGlobalSinkState(
      duckdb::ClientContext&) const override {
    return duckdb::make_uniq<CollectorGlobalState>();
  }
  duckdb::unique_ptr<duckdb::LocalSinkState> GetLocalSinkState(
      duckdb::ExecutionContext&) const override {
    return duckdb::make_uniq<CollectorLocalState>(schema_, types);
  }
  duckdb::SinkResultType Sink(duckdb::ExecutionContext&, duckdb::DataChunk& chunk,
                              duckdb::OperatorSinkInput& input) const override {
    auto& local = input.local_state.Cast<CollectorLocalState>();
    if (collection_ == Collection::kByBatchIndex) {
      const idx_t place = local.partition_info.batch_index.GetIndex();
      if (place != local.place) local.FinishBatch();
      local.place = place;
    }
    ThrowIfError(local.batch.Append(chunk));
    if (local.batch.rows() > kResultBatchRows - STANDARD_VECTOR_SIZE) local.FinishBatch();
    return duckdb::SinkResultType::NEED_MORE_INPUT;
  }
  duckdb::SinkCombineResultType Combine(duckdb::ExecutionContext&,
                                        duckdb::OperatorSinkCombineInput& input) const override {
    auto& global = input.global_state.Cast<CollectorGlobalState>();
    auto& local = input.local_state.Cast<CollectorLocalState>();
    local.FinishBatch();
    const std::lock_guard lock(global.mutex);
    for (PlacedBatch& batch : local.finished) global.batches.push_back(std::move(batch));
    return duckdb::SinkCombineResultType::FINISHED;
  }
  duckdb::SinkFinalizeType Finalize(duckdb::Pipeline&, duckdb::Event&,
                                    duckdb::ClientContext& context,
                                    duckdb::OperatorSinkFinalizeInput& input) const override {
    auto& global = input.global_state.Cast<CollectorGlobalState>();
    // Within one place they are of one thread, in order already.
    std::stable_sort(global.batches.begin(), global.batches.end(),
                     [](const PlacedBatch& a, const PlacedBatch& b) { return a.place < b.place; });
    auto batches = ValueOrThrow(JoinSmallBatches(std::move(global.batches)));
    global.result =
        duckdb::make_uniq<ArrowBatchesResult>(*this, context, schema_, std::move(batches));
    return duckdb::SinkFinalizeType::READY;
  }
  duckdb::unique_ptr<duckdb::QueryResult> GetResult(duckdb::GlobalSinkState& state) const override {
    return std::move(state.Cast<CollectorGlobalState>().result);
  }
  bool ParallelSink() const override { return collection_ != Collection::kOneThread; }
  bool SinkOrderDependent() const override { return collection_ == Collection::kOneThread; }
  duckdb::OperatorPartitionInfo RequiredPartitionInfo() const override {
    if (collection_ == Collection::kByBatchIndex)
      return duckdb::OperatorPartitionInfo::BatchIndex();
    return duckdb::OperatorPartitionInfo::NoPartitionInfo();
  }

 private:
  const std::shared_ptr<arrow::Schema> schema_;
  const Collection collection_;
};

duckdb::unique_ptr<duckdb::PhysicalOperator> MakeArrowCollector(
    duckdb::ClientContext& context, duckdb::PreparedStatementData& data) {
  auto& plan = *data.physical_plan;
  auto collection = Collection::kByBatchIndex;
  if (!duckdb::PhysicalPlanGenerator::PreserveInsertionOrder(context, plan.Root())) {
    collection = Collection::kAnyOrder;
  } else if (!duckdb::PhysicalPlanGenerator::UseBatchIndex(context, plan.Root())) {
    collection = Collection::kOneThread;
  }
  return duckdb::make_uniq<ArrowCollector>(plan, data, collection);
}

// Chunks of a result that was not collected as Arrow, fetched as they are asked for.
class ChunkReader final : public arrow::RecordBatchReader {
 public:
  ChunkReader(duckdb::unique_ptr<duckdb::QueryResult> result, std::shared_ptr<arrow::Schema> schema)
      : result_(std::move(result)), schema_(std::move(schema)), batch_(schema_, result_->types) {}

  std::shared_ptr<arrow::Schema> schema() const override { return schema_; }
  arrow::Status ReadNext(BatchPtr* batch) override {
    return Guard([&]() -> arrow::Status {
      batch->reset();
      while (result_ && batch_.rows() <= kResultBatchRows - STANDARD_VECTOR_SIZE) {
        auto chunk = result_->FetchRaw();
        if (result_->HasError()) return StatusOf(result_->GetErrorObject());
        if (!chunk || chunk->size() == 0) {
          result_.reset();
        } else {
          ARROW_RETURN_NOT_OK(batch_.Append(*chunk));
        }
      }
      if (batch_.rows() == 0) return arrow::Status::OK();
      return batch_.Finish().Value(batch);
    });
  }
  arrow::Status Close() override {
    result_.reset();
    return arrow::Status::OK();
  }

 private:
  duckdb::unique_ptr<duckdb::QueryResult> result_;
  const std::shared_ptr<arrow::Schema> schema_;
  ResultBatch batch_;
};

}  // namespace

std::shared_ptr<arrow::Schema> ResultSchema(const duckdb::vector<duckdb::LogicalType>& types,
                                            const duckdb::vector<std::string>& names) {
  arrow::FieldVector fields;
  for (size_t i = 0; i < types.size(); ++i) {
    std::shared_ptr<const arrow::KeyValueMetadata> metadata;
    if (types[i].id() == duckdb::LogicalTypeId::UUID) {
      metadata = arrow::key_value_metadata({"ARROW:extension:name", "ARROW:extension:metadata"},
                                           {"arrow.uuid", ""});
    }
    fields.push_back(
        arrow::field(names[i], ResultLayoutOf(types[i]).arrow, true, std::move(metadata)));
  }
  return arrow::schema(std::move(fields));
}

void UseArrowResults(duckdb::ClientContext& context) {
  duckdb::ClientConfig::GetConfig(context).get_result_collector = MakeArrowCollector;
}

arrow::Result<std::shared_ptr<arrow::RecordBatchReader>> ReadArrow(
    duckdb::unique_ptr<duckdb::QueryResult> result) {
  return Guard([&]() -> arrow::Result<std::shared_ptr<arrow::RecordBatchReader>> {
    if (result->HasError()) return StatusOf(result->GetErrorObject());
    if (auto* const collected = dynamic_cast<ArrowBatchesResult*>(result.get())) {
      return arrow::RecordBatchReader::Make(std::move(collected->batches),
                                            std::move(collected->schema));
    }
    auto schema = ResultSchema(result->types, result->names);
    return std::make_shared<ChunkReader>(std::move(result), std::move(schema));
  });
}

}  // namespace pyralog::sql
