#include "sql/short_plan.h"

#include <algorithm>
#include <utility>

#include "duckdb/catalog/catalog.hpp"
#include "duckdb/catalog/catalog_entry/scalar_function_catalog_entry.hpp"
#include "duckdb/catalog/catalog_entry/schema_catalog_entry.hpp"
#include "duckdb/common/exception.hpp"
#include "duckdb/main/attached_database.hpp"
#include "duckdb/main/client_context.hpp"
#include "duckdb/main/database_manager.hpp"
#include "duckdb/parallel/event.hpp"
#include "duckdb/transaction/meta_transaction.hpp"
#include "sql/catalog.h"
#include "sql/connection_state.h"
#include "sql/statement_type.h"

namespace pyralog::sql {
namespace {

using OpType = duckdb::PhysicalOperatorType;

// With more rows than this the executor's threads are worth their price.
constexpr duckdb::idx_t kMostRows = 1000;

class NoEvent final : public duckdb::Event {
 public:
  using Event::Event;
  void Schedule() override {}
};

bool IsStreaming(const duckdb::PhysicalOperator& op) {
  switch (op.type) {
    case OpType::PROJECTION:
    case OpType::FILTER:
    case OpType::EXPRESSION_SCAN:
    case OpType::EXTENSION:
      return !op.IsSink() && !op.IsSource() && !op.RequiresFinalExecute() &&
             !op.RequiresOperatorFinalize() && op.children.size() == 1;
    default:
      return false;
  }
}

bool IsSmallSource(const duckdb::PhysicalOperator& op) {
  switch (op.type) {
    case OpType::DUMMY_SCAN:
    case OpType::COLUMN_DATA_SCAN:
    case OpType::EMPTY_RESULT:
      return op.IsSource() && op.children.empty() && op.estimated_cardinality <= kMostRows;
    default:
      return false;
  }
}

bool IsOwnSink(const duckdb::PhysicalOperator& op) {
  const bool known = op.type == OpType::EXTENSION || op.type == OpType::MERGE_INTO;
  return known && op.IsSink() && op.IsSource() && op.children.size() == 1;
}

bool IsQueryOrChange(duckdb::StatementType type) {
  return type == duckdb::StatementType::SELECT_STATEMENT || ChangesRows(type);
}

bool IsOwnDatabaseOnly(const duckdb::StatementProperties& properties) {
  const auto is_own = [](const auto& database) { return database.first == kCatalogName; };
  return std::ranges::all_of(properties.read_databases, is_own) &&
         std::ranges::all_of(properties.modified_databases, is_own);
}

duckdb::unique_ptr<duckdb::FunctionData> NoteWantsExecutor(
    duckdb::ClientContext& context, duckdb::ScalarFunction& function,
    duckdb::vector<duckdb::unique_ptr<duckdb::Expression>>& arguments) {
  const auto state = ConnectionState::Of(context);
  if (state != nullptr) state->NoteWantsExecutor();
  return nullptr;
}

[[noreturn]] void ThrowBlocked(const duckdb::PhysicalOperator& op) {
  throw duckdb::InternalException("%s waits, which a short plan does not expect", op.GetName());
}

}  // namespace

void NoteFunctionsThatWantExecutor(duckdb::DatabaseInstance& instance) {
  const auto transaction = duckdb::CatalogTransaction::GetSystemTransaction(instance);
  auto& schema = duckdb::Catalog::GetSystemCatalog(instance).GetSchema(transaction, DEFAULT_SCHEMA);
  const duckdb::EntryLookupInfo lookup(duckdb::CatalogType::SCALAR_FUNCTION_ENTRY, "current_query");
  auto entry = schema.LookupEntry(transaction, lookup);
  if (!entry) return;
  for (auto& function : entry->Cast<duckdb::ScalarFunctionCatalogEntry>().functions.functions) {
    function.SetBindCallback(NoteWantsExecutor);
  }
}

// One run of a stage: the states, and the way of the rows. The operators hold the global states
// until it ends; a sink holds its own until the next stage has read from it.
class ShortPlan::Run {
 public:
  Run(ShortPlan& plan, const Stage& stage, const Visitor& visit)
      : plan_(plan), stage_(stage), visit_(visit), context_(plan.context_, plan.thread_, nullptr) {
    for (const auto& step : stage.steps) {
      step->op.op_state = step->op.GetGlobalOperatorState(plan.context_);
      states_.push_back(step->op.GetOperatorState(context_));
    }
    if (stage.sink == nullptr) return;
    stage.sink->sink_state = stage.sink->GetGlobalSinkState(plan.context_);
    sink_state_ = stage.sink->GetLocalSinkState(context_);
    if (stage.sink->RequiredPartitionInfo().AnyRequired()) {
      sink_state_->partition_info.batch_index = 0;
      sink_state_->partition_info.min_batch_index = 0;
    }
  }
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;
  ~Run() {
    for (const auto& step : stage_.steps) step->op.op_state.reset();
  }

  void ToTheEnd() {
    ReadSource();
    if (stage_.sink != nullptr) FinishSink();
  }

 private:
  void ReadSource() {
    duckdb::PhysicalOperator& source = stage_.source->op;
    duckdb::DataChunk& rows = stage_.source->rows;
    const auto global = source.GetGlobalSourceState(plan_.context_);
    const auto local = source.GetLocalSourceState(context_, *global);
    duckdb::OperatorSourceInput input{*global, *local, interrupt_};
    while (true) {
      rows.Reset();
      const auto result = source.GetData(context_, rows, input);
      if (result == duckdb::SourceResultType::BLOCKED) ThrowBlocked(source);
      const bool is_last = result == duckdb::SourceResultType::FINISHED;
      if (!Push(0, rows) || is_last) return;
    }
  }

  // Hands rows to the step with this number, and what that gives to the next. False: no more rows
  // are wanted.
  bool Push(size_t number, duckdb::DataChunk& rows) {
    if (rows.size() == 0) return true;
    if (number == stage_.steps.size()) return Deliver(rows);
    Step& step = *stage_.steps[number];
    while (true) {
      step.rows.Reset();
      const auto result =
          step.op.Execute(context_, rows, step.rows, *step.op.op_state, *states_[number]);
      if (result == duckdb::OperatorResultType::BLOCKED) ThrowBlocked(step.op);
      if (!Push(number + 1, step.rows)) return false;
      if (result == duckdb::OperatorResultType::FINISHED) return false;
      if (result != duckdb::OperatorResultType::HAVE_MORE_OUTPUT) return true;
    }
  }

  bool Deliver(duckdb::DataChunk& rows) {
    if (stage_.sink == nullptr) {
      visit_(rows);
      return true;
    }
    duckdb::OperatorSinkInput input{*stage_.sink->sink_state, *sink_state_, interrupt_};
    const auto result = stage_.sink->Sink(context_, rows, input);
    if (result == duckdb::SinkResultType::BLOCKED) ThrowBlocked(*stage_.sink);
    return result == duckdb::SinkResultType::NEED_MORE_INPUT;
  }

  void FinishSink() {
    duckdb::PhysicalOperator& sink = *stage_.sink;
    duckdb::OperatorSinkCombineInput combine{*sink.sink_state, *sink_state_, interrupt_};
    const auto combined = sink.Combine(context_, combine);
    if (combined == duckdb::SinkCombineResultType::BLOCKED) ThrowBlocked(sink);
    duckdb::OperatorSinkFinalizeInput finalize{*sink.sink_state, interrupt_};
    const auto finalized = sink.Finalize(*plan_.pipeline_, *plan_.event_, plan_.context_, finalize);
    if (finalized == duckdb::SinkFinalizeType::BLOCKED) ThrowBlocked(sink);
  }

  ShortPlan& plan_;
  const Stage& stage_;
  const Visitor& visit_;
  duckdb::ExecutionContext context_;
  std::vector<duckdb::unique_ptr<duckdb::OperatorState>> states_;
  duckdb::unique_ptr<duckdb::LocalSinkState> sink_state_;
  duckdb::InterruptState interrupt_;
};

ShortPlan::ShortPlan(duckdb::ClientContext& context,
                     duckdb::shared_ptr<duckdb::PreparedStatementData> statement)
    : context_(context),
      statement_(std::move(statement)),
      thread_(context),
      executor_(context),
      pipeline_(duckdb::make_shared_ptr<duckdb::Pipeline>(executor_)),
      event_(duckdb::make_shared_ptr<NoEvent>(executor_)) {}

std::unique_ptr<ShortPlan> ShortPlan::Make(
    duckdb::ClientContext& context, duckdb::shared_ptr<duckdb::PreparedStatementData> statement) {
  if (statement == nullptr || statement->physical_plan == nullptr) return nullptr;
  const auto state = ConnectionState::Of(context);
  if (state->wants_executor()) return nullptr;
  if (!IsQueryOrChange(statement->statement_type)) return nullptr;
  if (!IsOwnDatabaseOnly(statement->properties)) return nullptr;
  std::unique_ptr<ShortPlan> plan(new ShortPlan(context, std::move(statement)));
  return plan->Analyze() ? std::move(plan) : nullptr;
}

std::unique_ptr<ShortPlan::Step> ShortPlan::StepOf(duckdb::PhysicalOperator& op) {
  auto step = std::make_unique<Step>(op);
  step->rows.Initialize(context_, op.types);
  return step;
}

bool ShortPlan::Analyze() {
  duckdb::PhysicalOperator* op = &statement_->physical_plan->Root();
  duckdb::PhysicalOperator* sink = nullptr;
  while (true) {
    Stage stage;
    stage.sink = sink;
    for (; IsStreaming(*op); op = &op->children[0].get()) stage.steps.push_back(StepOf(*op));
    std::ranges::reverse(stage.steps);
    stage.source = StepOf(*op);
    stages_.insert(stages_.begin(), std::move(stage));
    if (!IsOwnSink(*op)) return IsSmallSource(*op);
    sink = op;
    op = &op->children[0].get();
  }
}

void ShortPlan::CheckDatabases() {
  auto& transaction = duckdb::MetaTransaction::Get(context_);
  auto& manager = duckdb::DatabaseManager::Get(context_);
  for (const auto& [name, modified] : statement_->properties.modified_databases) {
    auto database = manager.GetDatabase(context_, name);
    if (!database || database->IsReadOnly()) {
      throw duckdb::InvalidInputException(
          "Cannot execute statement of type \"%s\" on database \"%s\" which is attached in "
          "read-only mode!",
          duckdb::StatementTypeToString(statement_->statement_type), name);
    }
    transaction.ModifyDatabase(*database, modified.modifications);
  }
}

bool ShortPlan::Execute(Values& values, const Visitor& visit) {
  if (statement_->RequireRebind(context_, &values)) return false;
  CheckDatabases();
  statement_->Bind(values);
  struct SinkStates {
    ~SinkStates() {
      for (const Stage& stage : stages) {
        if (stage.sink != nullptr) stage.sink->sink_state.reset();
      }
    }
    const std::vector<Stage>& stages;
  } states{stages_};
  for (const Stage& stage : stages_) Run(*this, stage, visit).ToTheEnd();
  return true;
}

}  // namespace pyralog::sql
