#include "sql/collector.h"

#include <algorithm>
#include <mutex>
#include <utility>

#include "arrow/array/concatenate.h"
#include "duckdb/execution/operator/helper/physical_result_collector.hpp"
#include "duckdb/execution/physical_plan_generator.hpp"
#include "duckdb/main/client_config.hpp"
#include "duckdb/main/prepared_statement_data.hpp"
#include "sql/errors.h"
#include "sql/result_batch.h"
#include "sql/settings.h"

namespace pyralog::sql {
namespace {

using duckdb::idx_t;
using BatchPtr = std::shared_ptr<arrow::RecordBatch>;

// A batch with its place: DuckDB's batch index of the rows' source, or 0 where one thread collects
// all.
struct PlacedBatch {
  idx_t place;
  BatchPtr batch;
};

// Neighbours that are small together become one batch.
arrow::Result<std::vector<BatchPtr>> JoinSmallBatches(std::vector<PlacedBatch> placed,
                                                      int64_t most_rows) {
  std::vector<BatchPtr> result;
  for (size_t i = 0; i < placed.size();) {
    std::vector<BatchPtr> group;
    int64_t rows = 0;
    do {
      rows += placed[i].batch->num_rows();
      group.push_back(std::move(placed[i++].batch));
    } while (i < placed.size() && rows + placed[i].batch->num_rows() <= most_rows / 2);
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
    throw duckdb::InvalidInputException(
        "this result is Arrow batches: take them with TakeCollectedRows");
  }
};

struct CollectorGlobalState final : duckdb::GlobalSinkState {
  std::mutex mutex;
  std::vector<PlacedBatch> batches;  // guarded by mutex
  duckdb::unique_ptr<ArrowBatchesResult> result;
};

struct CollectorLocalState final : duckdb::LocalSinkState {
  CollectorLocalState(std::shared_ptr<arrow::Schema> schema,
                      const duckdb::vector<duckdb::LogicalType>& types, int64_t most_rows)
      : batch(std::move(schema), types, most_rows) {}
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
  ArrowCollector(duckdb::ClientContext& context, duckdb::PhysicalPlan& plan,
                 duckdb::PreparedStatementData& data, Collection collection)
      : PhysicalResultCollector(plan, data),
        schema_(ResultSchema(types, names, context.GetClientProperties().time_zone)),
        most_rows_(BatchRows(context).value_or(kResultBatchRows)),
        collection_(collection) {}

  duckdb::unique_ptr<duckdb::GlobalSinkState> GetGlobalSinkState(
      duckdb::ClientContext&) const override {
    return duckdb::make_uniq<CollectorGlobalState>();
  }
  duckdb::unique_ptr<duckdb::LocalSinkState> GetLocalSinkState(
      duckdb::ExecutionContext&) const override {
    return duckdb::make_uniq<CollectorLocalState>(schema_, types, most_rows_);
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
    if (local.batch.IsFull()) local.FinishBatch();
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
    auto batches = ValueOrThrow(JoinSmallBatches(std::move(global.batches), most_rows_));
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
  const int64_t most_rows_;
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
  return duckdb::make_uniq<ArrowCollector>(context, plan, data, collection);
}

}  // namespace

void CollectArrow(duckdb::ClientContext& context, bool on) {
  auto& collector = duckdb::ClientConfig::GetConfig(context).get_result_collector;
  if (on) {
    collector = MakeArrowCollector;
  } else {
    collector = nullptr;
  }
}

std::optional<CollectedRows> TakeCollectedRows(duckdb::QueryResult& result) {
  auto* const collected = dynamic_cast<ArrowBatchesResult*>(&result);
  if (collected == nullptr) return std::nullopt;
  return CollectedRows{std::move(collected->schema), std::move(collected->batches)};
}

}  // namespace pyralog::sql
