#include "sql/collector.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <limits>
#include <thread>
#include <utility>

#include "arrow/array/concatenate.h"
#include "duckdb/execution/operator/helper/physical_result_collector.hpp"
#include "duckdb/execution/physical_plan_generator.hpp"
#include "duckdb/main/client_config.hpp"
#include "duckdb/main/materialized_query_result.hpp"
#include "duckdb/main/prepared_statement_data.hpp"
#include "duckdb/storage/buffer_manager.hpp"
#include "sql/errors.h"
#include "sql/kept_memory.h"
#include "sql/result_batch.h"
#include "sql/settings.h"

namespace pyralog::sql {
namespace {

using duckdb::idx_t;
using BatchPtr = std::shared_ptr<arrow::RecordBatch>;

// What may wait for a reader: enough for a few batches of each thread.
constexpr int64_t kBoundBytes = int64_t{16} << 20;
// A batch ends with the row that makes its texts this long.
constexpr int64_t kBatchBytes = int64_t{8} << 20;
constexpr idx_t kMostKeptBytes = idx_t{1} << 30;
// A thread without work looks for some all the time for kBusy, as the next task often comes within
// microseconds of the last, then waits ever longer, up to kLongestPause.
constexpr auto kBusy = std::chrono::microseconds(200);
constexpr auto kLongestPause = std::chrono::microseconds(1000);

// Neighbours that are small together become one batch.
arrow::Result<std::vector<BatchPtr>> JoinSmallBatches(std::vector<BatchPtr> batches) {
  std::vector<BatchPtr> result;
  for (size_t i = 0; i < batches.size();) {
    std::vector<BatchPtr> group;
    int64_t rows = 0;
    do {
      rows += batches[i]->num_rows();
      group.push_back(std::move(batches[i++]));
    } while (i < batches.size() && rows + batches[i]->num_rows() <= kResultBatchRows / 2);
    if (group.size() > 1) {
      ARROW_ASSIGN_OR_RAISE(group[0], arrow::ConcatenateRecordBatches(group));
    }
    result.push_back(std::move(group[0]));
  }
  return result;
}

struct CollectorLocalState final : duckdb::LocalSinkState {
  CollectorLocalState(std::shared_ptr<arrow::Schema> schema,
                      const duckdb::vector<duckdb::LogicalType>& types, int64_t most_rows)
      : batch(std::move(schema), types, most_rows) {}
  void FinishBatch(BatchQueue& queue) {
    if (batch.rows() > 0) queue.Push(place, ValueOrThrow(batch.Finish()));
  }

  ResultBatch batch;
  idx_t place = 0;
  idx_t first_open = 0;
};

// What DuckDB asks the operator for in the end; the rows have gone their own way.
class EmptyResult final : public duckdb::QueryResult {
 public:
  EmptyResult(const duckdb::PhysicalResultCollector& collector, duckdb::ClientContext& context)
      : QueryResult(duckdb::QueryResultType::ARROW_RESULT, collector.statement_type,
                    collector.properties, collector.types, collector.names,
                    context.GetClientProperties()) {}
  std::string ToString() override { return "no rows"; }

 protected:
  duckdb::unique_ptr<duckdb::DataChunk> FetchInternal() override { return nullptr; }
};

struct CollectorGlobalState final : duckdb::GlobalSinkState {
  duckdb::unique_ptr<duckdb::QueryResult> result;
};

enum class Collection { kOneThread, kAnyOrder, kByBatchIndex };

class ArrowCollector final : public duckdb::PhysicalResultCollector {
 public:
  ArrowCollector(duckdb::PhysicalPlan& plan, duckdb::PreparedStatementData& data,
                 Collection collection, int64_t most_rows, std::shared_ptr<arrow::Schema> schema,
                 std::shared_ptr<BatchQueue> queue)
      : PhysicalResultCollector(plan, data),
        schema_(std::move(schema)),
        collection_(collection),
        most_rows_(most_rows),
        queue_(std::move(queue)) {}

  duckdb::unique_ptr<duckdb::GlobalSinkState> GetGlobalSinkState(
      duckdb::ClientContext& context) const override {
    auto state = duckdb::make_uniq<CollectorGlobalState>();
    state->result = duckdb::make_uniq<EmptyResult>(*this, context);
    return state;
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
      if (place != local.place) local.FinishBatch(*queue_);
      local.place = place;
      Publish(&local);
    }
    if (local.batch.rows() == 0 && !queue_->MayBegin(local.place, input.interrupt_state))
      return duckdb::SinkResultType::BLOCKED;
    ThrowIfError(local.batch.Append(chunk));
    if (local.batch.IsFull() || local.batch.bytes() >= kBatchBytes) local.FinishBatch(*queue_);
    return duckdb::SinkResultType::NEED_MORE_INPUT;
  }
  duckdb::SinkNextBatchType NextBatch(duckdb::ExecutionContext&,
                                      duckdb::OperatorSinkNextBatchInput& input) const override {
    auto& local = input.local_state.Cast<CollectorLocalState>();
    local.FinishBatch(*queue_);
    Publish(&local);
    return duckdb::SinkNextBatchType::READY;
  }
  duckdb::SinkCombineResultType Combine(duckdb::ExecutionContext&,
                                        duckdb::OperatorSinkCombineInput& input) const override {
    auto& local = input.local_state.Cast<CollectorLocalState>();
    local.FinishBatch(*queue_);
    if (collection_ == Collection::kByBatchIndex) Publish(&local);
    return duckdb::SinkCombineResultType::FINISHED;
  }
  duckdb::SinkFinalizeType Finalize(duckdb::Pipeline&, duckdb::Event&, duckdb::ClientContext&,
                                    duckdb::OperatorSinkFinalizeInput&) const override {
    queue_->CompleteBefore(std::numeric_limits<uint64_t>::max());
    return duckdb::SinkFinalizeType::READY;
  }
  duckdb::unique_ptr<duckdb::QueryResult> GetResult(duckdb::GlobalSinkState& state) const override {
    return std::move(state.Cast<CollectorGlobalState>().result);
  }
  bool IsStreaming() const override { return true; }
  bool ParallelSink() const override { return collection_ != Collection::kOneThread; }
  bool SinkOrderDependent() const override { return collection_ == Collection::kOneThread; }
  duckdb::OperatorPartitionInfo RequiredPartitionInfo() const override {
    if (collection_ == Collection::kByBatchIndex)
      return duckdb::OperatorPartitionInfo::BatchIndex();
    return duckdb::OperatorPartitionInfo::NoPartitionInfo();
  }

 private:
  // Tells the queue which places are complete, as far as this thread knows.
  void Publish(CollectorLocalState* local) const {
    const idx_t first_open = local->partition_info.min_batch_index.GetIndex();
    if (first_open != local->first_open) queue_->CompleteBefore(first_open);
    local->first_open = first_open;
  }

  const std::shared_ptr<arrow::Schema> schema_;
  const Collection collection_;
  const int64_t most_rows_;  // of a batch
  const std::shared_ptr<BatchQueue> queue_;
};

Collection CollectionFor(duckdb::ClientContext& context, duckdb::PhysicalOperator& plan) {
  using duckdb::PhysicalPlanGenerator;
  if (!PhysicalPlanGenerator::PreserveInsertionOrder(context, plan)) return Collection::kAnyOrder;
  if (!PhysicalPlanGenerator::UseBatchIndex(context, plan)) return Collection::kOneThread;
  return Collection::kByBatchIndex;
}

// Of the memory limit an eighth at most.
void LimitKeptMemory(duckdb::ClientContext& context) {
  const auto limit = duckdb::BufferManager::GetBufferManager(context).GetMaxMemory();
  KeptMemory::OfProcess().Limit(static_cast<int64_t>(std::min<idx_t>(limit / 8, kMostKeptBytes)));
}

class ArrowRowsResult final : public duckdb::QueryResult {
 public:
  ArrowRowsResult(const duckdb::PendingQueryResult& pending, duckdb::ClientContext& context,
                  std::unique_ptr<ArrowRows> result_rows)
      : QueryResult(duckdb::QueryResultType::ARROW_RESULT, pending.statement_type,
                    pending.properties, pending.types, pending.names,
                    context.GetClientProperties()),
        rows(std::move(result_rows)) {}
  std::string ToString() override { return "Arrow batches"; }

  const std::unique_ptr<ArrowRows> rows;

 protected:
  duckdb::unique_ptr<duckdb::DataChunk> FetchInternal() override {
    throw duckdb::InvalidInputException("this result is Arrow batches: take them by ArrowRowsOf");
  }
};

}  // namespace

ArrowRows::ArrowRows(std::shared_ptr<arrow::Schema> schema, std::shared_ptr<BatchQueue> queue,
                     duckdb::unique_ptr<duckdb::PendingQueryResult> pending)
    : schema_(std::move(schema)), queue_(std::move(queue)), pending_(std::move(pending)) {}

bool ArrowRows::Step(duckdb::ErrorData* error) {
  const auto state = pending_->ExecuteTask();
  if (duckdb::PendingQueryResult::IsExecutionFinished(state)) {
    const auto pending = std::move(pending_);
    if (pending->HasError()) {
      *error = pending->GetErrorObject();
      return false;
    }
    const auto ended = pending->Execute();  // outside of a transaction it is committed
    if (!ended->HasError()) return true;
    *error = ended->GetErrorObject();
    return false;
  }
  if (state == duckdb::PendingExecutionResult::RESULT_NOT_READY) {
    idle_since_.reset();
  } else {
    Pause();
  }
  return true;
}

// Other threads have the work, or wait for somebody to take rows.
void ArrowRows::Pause() {
  const auto now = std::chrono::steady_clock::now();
  if (!idle_since_) idle_since_ = now;
  const auto idle = std::chrono::duration_cast<std::chrono::microseconds>(now - *idle_since_);
  if (idle < kBusy) return std::this_thread::yield();
  queue_->Wait(std::min(idle / 2, kLongestPause));
}

bool ArrowRows::Advance(duckdb::ErrorData* error) {
  while (!ended() && !queue_->HasBatches()) {
    if (!Step(error)) return false;
  }
  return true;
}

bool ArrowRows::Next(BatchPtr* batch, duckdb::ErrorData* error) {
  batch->reset();
  if (taken_.empty()) {
    if (!Advance(error)) return false;
    for (auto& next : ValueOrThrow(JoinSmallBatches(queue_->Take()))) taken_.push_back(next);
  }
  if (taken_.empty()) return true;
  *batch = std::move(taken_.front());
  taken_.pop_front();
  return true;
}

bool ArrowRows::Rest(std::vector<BatchPtr>* batches, duckdb::ErrorData* error) {
  queue_->TakeBoundAway();
  auto all = std::exchange(taken_, {});
  const auto take = [&] {
    for (auto& batch : queue_->Take()) all.push_back(std::move(batch));
  };
  while (!ended()) {
    if (!Step(error)) return false;
    take();  // waiting ends when there are rows
  }
  take();
  *batches = ValueOrThrow(
      JoinSmallBatches({std::make_move_iterator(all.begin()), std::make_move_iterator(all.end())}));
  return true;
}

// What the planner has made last.
struct ArrowCollection::Planned {
  std::shared_ptr<arrow::Schema> schema;
  std::shared_ptr<BatchQueue> queue;
};

ArrowCollection::ArrowCollection(duckdb::ClientContext& context)
    : context_(context), planned_(std::make_shared<Planned>()) {
  LimitKeptMemory(context);
  duckdb::ClientConfig::GetConfig(context).get_result_collector =
      [planned = planned_](
          duckdb::ClientContext& client,
          duckdb::PreparedStatementData& data) -> duckdb::unique_ptr<duckdb::PhysicalOperator> {
    auto& plan = *data.physical_plan;
    planned->schema = ResultSchema(data.types, data.names, client.GetClientProperties().time_zone);
    planned->queue = std::make_shared<BatchQueue>(kBoundBytes);
    return duckdb::make_uniq<ArrowCollector>(plan, data, CollectionFor(client, plan.Root()),
                                             BatchRows(client).value_or(kResultBatchRows),
                                             planned->schema, planned->queue);
  };
}

ArrowCollection::~ArrowCollection() {
  duckdb::ClientConfig::GetConfig(context_).get_result_collector = nullptr;
}

duckdb::unique_ptr<duckdb::QueryResult> ArrowCollection::Start(
    duckdb::unique_ptr<duckdb::PendingQueryResult> pending) {
  if (pending->HasError())
    return duckdb::make_uniq<duckdb::MaterializedQueryResult>(pending->GetErrorObject());
  const duckdb::PendingQueryResult& described = *pending;
  auto rows = std::make_unique<ArrowRows>(planned_->schema, planned_->queue, std::move(pending));
  auto result = duckdb::make_uniq<ArrowRowsResult>(described, context_, std::move(rows));
  duckdb::ErrorData error;
  if (!result->rows->Advance(&error))
    return duckdb::make_uniq<duckdb::MaterializedQueryResult>(std::move(error));
  return result;
}

ArrowRows* ArrowRowsOf(duckdb::QueryResult& result) {
  auto* const arrow = dynamic_cast<ArrowRowsResult*>(&result);
  return arrow == nullptr ? nullptr : arrow->rows.get();
}

}  // namespace pyralog::sql
