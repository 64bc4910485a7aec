#include "sql/prepared_statement.h"

#include <utility>

#include "duckdb/main/prepared_statement_data.hpp"
#include "pyralog/error.h"
#include "sql/catalog.h"
#include "sql/errors.h"
#include "sql/parameter_value.h"
#include "sql/statement_type.h"

namespace pyralog::sql {
namespace {

// The version of our catalog that a statement was bound at.
std::optional<uint64_t> CatalogVersion(const duckdb::StatementProperties& properties) {
  const auto read = properties.read_databases.find(kCatalogName);
  if (read != properties.read_databases.end() && read->second.catalog_version.IsValid()) {
    return read->second.catalog_version.GetIndex();
  }
  const auto modified = properties.modified_databases.find(kCatalogName);
  if (modified == properties.modified_databases.end() ||
      !modified->second.identity.catalog_version.IsValid()) {
    return std::nullopt;
  }
  return modified->second.identity.catalog_version.GetIndex();
}

}  // namespace

SqlPreparedStatement::SqlPreparedStatement(std::shared_ptr<SessionConnection> connection,
                                           std::string_view sql)
    : connection_(std::move(connection)), sql_(sql) {}

arrow::Result<std::unique_ptr<PreparedStatement>> SqlPreparedStatement::Make(
    std::shared_ptr<SessionConnection> connection, std::string_view sql) {
  std::unique_ptr<SqlPreparedStatement> made(new SqlPreparedStatement(std::move(connection), sql));
  ARROW_RETURN_NOT_OK(made->PrepareAnew());
  return made;
}

arrow::Status SqlPreparedStatement::PrepareAnew() {
  // These refer to the statement that is replaced, and to its connection.
  short_rows_.reset();
  short_plan_.reset();
  ARROW_ASSIGN_OR_RAISE(auto statements, connection_->Parse(sql_));
  if (statements.size() != 1) {
    return MakeError(ErrorCode::kInvalidArgument, "one statement can be prepared at a time, not " +
                                                      std::to_string(statements.size()));
  }
  is_commit_ = IsCommit(*statements[0]);
  return Guard([&]() -> arrow::Status {
    ConnectionState::Of(*connection_->connection().context)->StartPreparing();
    statement_ = connection_->connection().Prepare(std::move(statements[0]));
    if (statement_->HasError()) return StatusOf(statement_->GetErrorObject());
    generation_ = connection_->generation();
    const auto& properties = statement_->data->properties;
    keeps_plan_ = !properties.always_require_rebind && properties.bound_all_parameters;
    catalog_version_ = CatalogVersion(properties);
    schema_.reset();
    if (keeps_plan_) {
      duckdb::ClientContext& context = *connection_->connection().context;
      short_plan_ = ShortPlan::Make(context, statement_->data);
      if (short_plan_ != nullptr) {
        const auto& data = *statement_->data;
        const std::string zone = context.GetClientProperties().time_zone;
        short_rows_ =
            std::make_unique<ResultBatch>(ResultSchema(data.types, data.names, zone), data.types);
      }
    }
    const auto types = statement_->GetExpectedParameterTypes();
    parameters_.clear();
    values_.clear();
    for (const auto& [name, index] : statement_->named_param_map) {
      const auto type = types.find(name);
      parameters_.push_back({name, index, std::nullopt});
      if (type != types.end() && type->second.IsComplete()) parameters_.back().type = type->second;
    }
    return arrow::Status::OK();
  });
}

bool SqlPreparedStatement::IsOutdated() {
  if (generation_ != connection_->generation()) return true;
  return keeps_plan_ && catalog_version_ &&
         *catalog_version_ != connection_->instance().catalog().newest_version();
}

arrow::Status SqlPreparedStatement::SetParameters(const Params& params) {
  if (params.size() != parameters_.size()) {
    return NameParameters(statement_->named_param_map, params).status();  // says what is wrong
  }
  for (const Parameter& parameter : parameters_) {
    if (parameter.index > params.size() || params[parameter.index - 1] == nullptr) {
      return MakeError(ErrorCode::kInvalidArgument,
                       "there is no value for parameter $" + parameter.name);
    }
    ARROW_ASSIGN_OR_RAISE(duckdb::Value value, ParameterValue(*params[parameter.index - 1]));
    if (parameter.type) value = CastIfExact(std::move(value), *parameter.type);
    values_[parameter.name] = duckdb::BoundParameterData(std::move(value));
  }
  return arrow::Status::OK();
}

arrow::Status SqlPreparedStatement::Begin(const Params& params) {
  ARROW_RETURN_NOT_OK(connection_->Prepare());
  if (IsOutdated()) ARROW_RETURN_NOT_OK(PrepareAnew());
  return Guard([&] { return SetParameters(params); });
}

arrow::Result<SessionConnection::Result> SqlPreparedStatement::RunLong(
    SessionConnection::Rows wanted) {
  // A kept plan scans no table: its rows are few, and cheaper to get at once.
  const auto rows = keeps_plan_ ? SessionConnection::Rows::kChunks : wanted;
  return connection_->Run(*statement_, sql_, values_, is_commit_, rows);
}

arrow::Result<bool> SqlPreparedStatement::RunShort(const ShortPlan::Visitor& visit) {
  const bool profiled = connection_->connection().context->config.enable_profiler;
  if (short_plan_ == nullptr || profiled) return false;
  return connection_->Run(*short_plan_, sql_, values_, visit);
}

std::vector<std::string> SqlPreparedStatement::parameter_names() const {
  std::vector<std::string> names(parameters_.size());
  for (const Parameter& parameter : parameters_) {
    if (parameter.index >= 1 && parameter.index <= names.size()) {
      names[parameter.index - 1] = parameter.name;
    }
  }
  return names;
}

arrow::Result<StatementResult> SqlPreparedStatement::Run(const Params& params) {
  StatementResult result;
  switch (statement_->data->properties.return_type) {
    case duckdb::StatementReturnType::QUERY_RESULT: {
      ARROW_ASSIGN_OR_RAISE(result.rows, Query(params));
      break;
    }
    case duckdb::StatementReturnType::CHANGED_ROWS: {
      ARROW_ASSIGN_OR_RAISE(result.changes, Execute(params));
      break;
    }
    case duckdb::StatementReturnType::NOTHING: {
      ARROW_RETURN_NOT_OK(Execute(params).status());
      break;
    }
  }
  return result;
}

arrow::Result<std::shared_ptr<arrow::RecordBatchReader>> SqlPreparedStatement::Query(
    const Params& params) {
  ARROW_RETURN_NOT_OK(Begin(params));
  if (short_rows_ != nullptr) short_rows_->Discard();  // of a run that failed
  const auto collect = [this](duckdb::DataChunk& rows) { ThrowIfError(short_rows_->Append(rows)); };
  ARROW_ASSIGN_OR_RAISE(const bool done, RunShort(collect));
  if (done) {
    arrow::RecordBatchVector batches;
    if (short_rows_->rows() > 0) {
      ARROW_ASSIGN_OR_RAISE(batches.emplace_back(), short_rows_->Finish());
    }
    return arrow::RecordBatchReader::Make(std::move(batches), short_rows_->schema());
  }
  ARROW_ASSIGN_OR_RAISE(auto result, RunLong(SessionConnection::Rows::kArrow));
  if (!keeps_plan_) schema_.reset();  // types may follow the parameters'
  return connection_->Read(std::move(result), &schema_);
}

arrow::Result<int64_t> SqlPreparedStatement::Execute(const Params& params) {
  ARROW_RETURN_NOT_OK(Begin(params));
  const auto& data = *statement_->data;
  ChangeCounter counter(data.statement_type, data.properties);
  const auto count = [&](duckdb::DataChunk& rows) { counter.Add(rows); };
  ARROW_ASSIGN_OR_RAISE(const bool done, RunShort(count));
  if (done) return counter.changes();
  ARROW_ASSIGN_OR_RAISE(auto result, RunLong(SessionConnection::Rows::kStream));
  return connection_->CountChanges(std::move(result));
}

}  // namespace pyralog::sql
