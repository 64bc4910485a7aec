#include "sql/session_tables.h"

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include "duckdb/function/replacement_scan.hpp"
#include "duckdb/main/config.hpp"
#include "duckdb/main/extension/extension_loader.hpp"
#include "duckdb/parser/expression/constant_expression.hpp"
#include "duckdb/parser/expression/function_expression.hpp"
#include "duckdb/parser/tableref/table_function_ref.hpp"
#include "formats/format.h"
#include "pyralog/error.h"
#include "sql/catalog.h"
#include "sql/connection_state.h"
#include "sql/errors.h"
#include "sql/external_scan.h"

namespace pyralog::sql {
namespace {

constexpr char kFunction[] = "pyralog_session_table";

// Rows of a scan task over what is in memory: 60 vectors, as in a hot segment.
constexpr int64_t kTaskRows = 122'880;

using Batches = std::vector<std::shared_ptr<arrow::RecordBatch>>;

// Columns of another reader's batches, by position.
class ColumnsReader final : public arrow::RecordBatchReader {
 public:
  ColumnsReader(std::shared_ptr<arrow::RecordBatchReader> from,
                std::shared_ptr<arrow::Schema> schema, std::vector<int> positions)
      : from_(std::move(from)), schema_(std::move(schema)), positions_(std::move(positions)) {}

  std::shared_ptr<arrow::Schema> schema() const override { return schema_; }

  arrow::Status ReadNext(std::shared_ptr<arrow::RecordBatch>* batch) override {
    std::shared_ptr<arrow::RecordBatch> whole;
    ARROW_RETURN_NOT_OK(from_->ReadNext(&whole));
    batch->reset();
    if (whole == nullptr) return arrow::Status::OK();
    arrow::ArrayVector columns;
    for (const int position : positions_) columns.push_back(whole->column(position));
    *batch = arrow::RecordBatch::Make(schema_, whole->num_rows(), std::move(columns));
    return arrow::Status::OK();
  }

 private:
  const std::shared_ptr<arrow::RecordBatchReader> from_;
  const std::shared_ptr<arrow::Schema> schema_;
  const std::vector<int> positions_;
};

class ReaderTask final : public formats::ScanTask {
 public:
  explicit ReaderTask(std::shared_ptr<arrow::RecordBatchReader> reader)
      : reader_(std::move(reader)) {}
  arrow::Result<std::shared_ptr<arrow::RecordBatchReader>> Open() override { return reader_; }

 private:
  const std::shared_ptr<arrow::RecordBatchReader> reader_;
};

class BatchesTask final : public formats::ScanTask {
 public:
  BatchesTask(std::shared_ptr<arrow::Schema> schema, Batches batches)
      : schema_(std::move(schema)), batches_(std::move(batches)) {}
  arrow::Result<std::shared_ptr<arrow::RecordBatchReader>> Open() override {
    return arrow::RecordBatchReader::Make(batches_, schema_);
  }

 private:
  const std::shared_ptr<arrow::Schema> schema_;
  const Batches batches_;
};

class SessionRelation final : public formats::Relation {
 public:
  SessionRelation(std::string name, std::shared_ptr<const ArrowTable> table)
      : name_(std::move(name)),
        table_(std::move(table)),
        schema_(formats::WithDistinctNames(table_->schema)) {}

  const std::shared_ptr<arrow::Schema>& schema() const override { return schema_; }
  std::optional<int64_t> row_count() const override { return table_->rows; }
  arrow::Result<formats::ScanPlan> Scan(const batch::ScanRequest& request) override;

 private:
  // Where the columns of the table at `wanted` are in what the reader gives.
  arrow::Result<std::vector<int>> Positions(const arrow::Schema& given,
                                            const std::vector<int>& wanted) const;

  const std::string name_;
  const std::shared_ptr<const ArrowTable> table_;
  const std::shared_ptr<arrow::Schema> schema_;  // every name once
};

arrow::Result<std::vector<int>> SessionRelation::Positions(const arrow::Schema& given,
                                                           const std::vector<int>& wanted) const {
  const arrow::Schema& schema = *table_->schema;
  const bool all = given.num_fields() == schema.num_fields();
  std::vector<int> positions;
  for (const int column : wanted) {
    const arrow::Field& field = *schema.field(column);
    const int position = all ? column : given.GetFieldIndex(field.name());
    if (position < 0 || !given.field(position)->type()->Equals(*field.type())) {
      return MakeError(ErrorCode::kInvalidArgument,
                       name_ + ": column '" + field.name() + "' was announced as " +
                           field.type()->ToString() + ", but the rows came as " + given.ToString());
    }
    positions.push_back(position);
  }
  return positions;
}

// The batches cut into tasks of about the same size.
void CutIntoTasks(const std::shared_ptr<arrow::Schema>& schema, const Batches& batches,
                  std::vector<std::shared_ptr<formats::ScanTask>>* tasks) {
  Batches task;
  int64_t rows = 0;
  const auto finish = [&] {
    if (!task.empty()) tasks->push_back(std::make_shared<BatchesTask>(schema, std::move(task)));
    task.clear();
    rows = 0;
  };
  for (const auto& batch : batches) {
    for (int64_t offset = 0; offset < batch->num_rows();) {
      const int64_t count = std::min(kTaskRows - rows, batch->num_rows() - offset);
      task.push_back(batch->Slice(offset, count));
      offset += count;
      rows += count;
      if (rows == kTaskRows) finish();
    }
  }
  finish();
}

arrow::Result<formats::ScanPlan> SessionRelation::Scan(const batch::ScanRequest& request) {
  ARROW_ASSIGN_OR_RAISE(const std::vector<int> wanted, formats::ColumnPositions(*schema_, request));
  ScanOptions options;
  options.limit = request.limit;
  // Names tell columns apart only where each is there once.
  if (schema_->Equals(*table_->schema)) {
    for (const int column : wanted) options.columns.push_back(schema_->field(column)->name());
    options.filter = request.filter;
  }
  ARROW_ASSIGN_OR_RAISE(auto reader, table_->open(options));
  ARROW_ASSIGN_OR_RAISE(auto positions, Positions(*reader->schema(), wanted));
  formats::ScanPlan plan;
  plan.schema = formats::ProjectSchema(*schema_, wanted);
  reader = std::make_shared<ColumnsReader>(std::move(reader), plan.schema, std::move(positions));
  if (table_->in_memory) {
    ARROW_ASSIGN_OR_RAISE(const Batches batches, reader->ToRecordBatches());
    CutIntoTasks(plan.schema, batches, &plan.tasks);
  } else {
    plan.tasks.push_back(std::make_shared<ReaderTask>(std::move(reader)));
  }
  return plan;
}

SessionTables* TablesOf(duckdb::ClientContext& context) {
  const auto state = ConnectionState::Of(context);
  return state == nullptr ? nullptr : &state->tables();
}

duckdb::unique_ptr<duckdb::TableRef> ReplaceBySessionTable(
    duckdb::ClientContext& context, duckdb::ReplacementScanInput& input,
    duckdb::optional_ptr<duckdb::ReplacementScanData> data) {
  SessionTables* tables = TablesOf(context);
  if (tables == nullptr || !input.schema_name.empty()) return nullptr;
  if (tables->Find(input.table_name) == nullptr) return nullptr;
  auto call = duckdb::make_uniq<duckdb::FunctionExpression>(
      kFunction, duckdb::vector<duckdb::unique_ptr<duckdb::ParsedExpression>>());
  call->children.push_back(
      duckdb::make_uniq<duckdb::ConstantExpression>(duckdb::Value(input.table_name)));
  auto ref = duckdb::make_uniq<duckdb::TableFunctionRef>();
  ref->function = std::move(call);
  ref->alias = input.table_name;
  return ref;
}

std::shared_ptr<formats::Relation> OpenSessionTable(duckdb::ClientContext& context,
                                                    const std::string& name) {
  SessionTables* tables = TablesOf(context);
  auto table = tables == nullptr ? nullptr : tables->Found(name);
  // Somebody called the function by its name.
  if (table == nullptr && tables != nullptr) table = tables->Find(name);
  if (table == nullptr) {
    ThrowStatus(
        MakeError(ErrorCode::kNotFound, "the session has no table from outside '" + name + "'"));
  }
  return std::make_shared<SessionRelation>(name, std::move(table));
}

}  // namespace

std::shared_ptr<const ArrowTable> SessionTables::Found(const std::string& name) const {
  const auto found = found_.find(name);
  return found == found_.end() ? nullptr : found->second;
}

std::shared_ptr<const ArrowTable> SessionTables::Find(const std::string& name) {
  if (resolver_ == nullptr) return nullptr;
  std::shared_ptr<const ArrowTable> table = ValueOrThrow(resolver_(name));
  if (table != nullptr) found_[name] = table;
  return table;
}

void RegisterSessionTables(duckdb::DatabaseInstance& instance) {
  duckdb::ExtensionLoader loader(instance, kCatalogName);
  loader.RegisterFunction(NamedRelationReader(kFunction, OpenSessionTable));
  auto& scans = duckdb::DBConfig::GetConfig(instance).replacement_scans;
  scans.insert(scans.begin(), duckdb::ReplacementScan(ReplaceBySessionTable));
}

}  // namespace pyralog::sql
