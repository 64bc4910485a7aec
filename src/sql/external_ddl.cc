#include "sql/external_ddl.h"

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "catalog/catalog.h"
#include "duckdb/catalog/catalog_search_path.hpp"
#include "duckdb/main/client_data.hpp"
#include "duckdb/main/config.hpp"
#include "duckdb/parser/parser_extension.hpp"
#include "formats/registry.h"
#include "sql/catalog.h"
#include "sql/errors.h"
#include "sql/external_checks.h"
#include "sql/external_definition.h"
#include "sql/external_parser.h"
#include "sql/external_scan.h"
#include "sql/sql_text.h"
#include "sql/transaction.h"

namespace pyralog::sql {
namespace {

using duckdb::LogicalType;
using duckdb::Value;
using Row = std::vector<Value>;

struct ParsedExternal : duckdb::ParserExtensionParseData {
  explicit ParsedExternal(ExternalStatement parsed) : statement(std::move(parsed)) {}
  duckdb::unique_ptr<duckdb::ParserExtensionParseData> Copy() const override {
    return duckdb::make_uniq<ParsedExternal>(statement);
  }
  std::string ToString() const override { return "EXTERNAL TABLE " + statement.name; }

  ExternalStatement statement;
};

duckdb::ParserExtensionParseResult Parse(duckdb::ParserExtensionInfo* info,
                                         const std::string& query) {
  auto parsed = ParseExternalStatement(query);
  if (!parsed.ok()) {
    // A result without a statement is a syntax error.
    if (GetErrorCode(parsed.status()) == ErrorCode::kNotSupported) ThrowStatus(parsed.status());
    return duckdb::ParserExtensionParseResult(parsed.status().message());
  }
  if (!*parsed) return {};
  return duckdb::ParserExtensionParseResult(duckdb::make_uniq<ParsedExternal>(std::move(**parsed)));
}

// What the statement does when it runs, and the rows that it gives.
struct ExternalAction : duckdb::TableFunctionInfo {
  ExternalStatement statement;
  std::string schema;
  std::optional<catalog::ExternalTableDef> definition;  // of a CREATE that has something to do
};

SqlTransaction& TransactionOf(duckdb::ClientContext& context) {
  return SqlTransaction::Get(context, duckdb::Catalog::GetCatalog(context, kCatalogName));
}

void Create(SqlTransaction& own, const ExternalAction& action) {
  if (!action.definition) return;
  const std::string& name = action.statement.name;
  const catalog::EntryPtr existing = ValueOrThrow(own.state().Find(action.schema, name));
  if (existing != nullptr) {
    if (!action.statement.or_replace || existing->kind != catalog::EntryKind::kExternalTable) {
      ThrowStatus(MakeError(ErrorCode::kAlreadyExists,
                            std::string(catalog::EntryKindName(existing->kind)) + " " +
                                Quoted(name) + " already exists in schema " +
                                Quoted(action.schema)));
    }
    ThrowIfError(own.state().Drop(action.schema, name, existing->kind));
  }
  ThrowIfError(own.state().CreateExternalTable(*action.definition).status());
  own.NoteWrite();
}

catalog::EntryPtr FindExternal(SqlTransaction& own, const ExternalAction& action) {
  const std::string& name = action.statement.name;
  catalog::EntryPtr existing = ValueOrThrow(own.state().Find(action.schema, name));
  if (existing == nullptr) {
    if (action.statement.if_exists) return nullptr;
    ThrowStatus(MakeError(
        ErrorCode::kNotFound,
        "external table " + Quoted(name) + " does not exist in schema " + Quoted(action.schema)));
  }
  if (existing->kind != catalog::EntryKind::kExternalTable) {
    ThrowStatus(MakeError(ErrorCode::kInvalidArgument,
                          Quoted(name) + " is a " +
                              std::string(catalog::EntryKindName(existing->kind)) +
                              ", not an external table"));
  }
  return existing;
}

void Drop(SqlTransaction& own, const ExternalAction& action) {
  if (FindExternal(own, action) == nullptr) return;
  ThrowIfError(
      own.state().Drop(action.schema, action.statement.name, catalog::EntryKind::kExternalTable));
  own.NoteWrite();
}

// With a hash the content tells, whatever the file's times say.
std::string ContentStateOf(duckdb::ClientContext& context,
                           const catalog::ExternalTableDef::FileIdentity& file) {
  std::string state = StateOf(file);
  const bool told = file.hash.empty() || state == "missing" || state == "changed: size";
  if (told) return state;
  const auto hash = HashOf(file.path, context.interrupted);
  if (!hash.ok() && GetErrorCode(hash.status()) == ErrorCode::kInterrupted) {
    ThrowStatus(hash.status());
  }
  if (!hash.ok()) return "unreadable";
  return *hash == file.hash ? "unchanged" : "changed: content";
}

// One row for each file that was registered or is there now.
std::vector<Row> Verify(duckdb::ClientContext& context, SqlTransaction& own,
                        const ExternalAction& action) {
  const catalog::EntryPtr entry = FindExternal(own, action);
  const catalog::ExternalTableDef& table = *entry->external;
  std::vector<Row> rows;
  std::set<std::string> known;
  for (const auto& file : table.files) {
    rows.push_back({Value(file.path), Value(ContentStateOf(context, file))});
    known.insert(file.path);
  }
  if (known.size() < table.file_count) return rows;  // more files than the catalog lists
  const auto now = Guard([&]() -> arrow::Result<std::vector<std::string>> {
    return FilesOf(context, Value(table.location), formats::FindFormat(table.format));
  });
  if (!now.ok()) return rows;  // none is left: each is listed as missing
  for (const std::string& file : *now) {
    if (!known.contains(file)) rows.push_back({Value(file), Value("new")});
  }
  return rows;
}

// The entry with the files and columns as they are now.
void Refresh(SqlTransaction& own, const ExternalAction& action) {
  const catalog::EntryPtr entry = FindExternal(own, action);
  catalog::Entry next = *entry;
  next.external = std::make_shared<const catalog::ExternalTableDef>(*action.definition);
  ThrowIfError(own.state().Replace(*entry, std::move(next)).status());
  own.NoteWrite();
}

struct ActionData : duckdb::TableFunctionData {
  duckdb::shared_ptr<duckdb::TableFunctionInfo> action;
};

struct ActionState : duckdb::GlobalTableFunctionState {
  std::vector<Row> rows;
  size_t next = 0;
};

duckdb::unique_ptr<duckdb::FunctionData> BindAction(duckdb::ClientContext& context,
                                                    duckdb::TableFunctionBindInput& input,
                                                    duckdb::vector<LogicalType>& types,
                                                    duckdb::vector<std::string>& names) {
  const auto& action = input.info->Cast<ExternalAction>();
  const bool verify = action.statement.kind == ExternalStatement::Kind::kVerify;
  names = verify ? duckdb::vector<std::string>{"file", "state"}
                 : duckdb::vector<std::string>{"Success"};
  types = verify ? duckdb::vector<LogicalType>{LogicalType::VARCHAR, LogicalType::VARCHAR}
                 : duckdb::vector<LogicalType>{LogicalType::BOOLEAN};
  auto data = duckdb::make_uniq<ActionData>();
  data->action = input.table_function.function_info;
  return data;
}

duckdb::unique_ptr<duckdb::GlobalTableFunctionState> RunAction(
    duckdb::ClientContext& context, duckdb::TableFunctionInitInput& input) {
  const auto& action = input.bind_data->Cast<ActionData>().action->Cast<ExternalAction>();
  SqlTransaction& own = TransactionOf(context);
  auto state = duckdb::make_uniq<ActionState>();
  switch (action.statement.kind) {
    case ExternalStatement::Kind::kCreate:
      Create(own, action);
      break;
    case ExternalStatement::Kind::kDrop:
      Drop(own, action);
      break;
    case ExternalStatement::Kind::kRefresh:
      Refresh(own, action);
      break;
    case ExternalStatement::Kind::kVerify:
      state->rows = Verify(context, own, action);
      break;
  }
  return state;
}

void GiveRows(duckdb::ClientContext& context, duckdb::TableFunctionInput& input,
              duckdb::DataChunk& output) {
  auto& state = input.global_state->Cast<ActionState>();
  duckdb::idx_t count = 0;
  for (; state.next < state.rows.size() && count < STANDARD_VECTOR_SIZE; ++state.next, ++count) {
    const Row& row = state.rows[state.next];
    for (size_t i = 0; i < row.size(); ++i) output.SetValue(i, count, row[i]);
  }
  output.SetCardinality(count);
}

std::string SchemaOf(duckdb::ClientContext& context, const ExternalStatement& statement) {
  if (!statement.database.empty() && statement.database != kCatalogName) {
    ThrowNotSupported("an external table in database " + Quoted(statement.database));
  }
  if (!statement.schema.empty()) return statement.schema;
  const auto& path = duckdb::ClientData::Get(context).catalog_search_path->GetDefault();
  return path.catalog == kCatalogName ? path.schema : DEFAULT_SCHEMA;
}

void KeepComments(const catalog::ExternalTableDef& from, catalog::ExternalTableDef* to) {
  for (const catalog::ColumnDef& old : from.columns) {
    for (catalog::ColumnDef& column : to->columns) {
      if (column.name == old.name) column.comment = old.comment;
    }
  }
}

duckdb::ParserExtensionPlanResult Plan(
    duckdb::ParserExtensionInfo* info, duckdb::ClientContext& context,
    duckdb::unique_ptr<duckdb::ParserExtensionParseData> parsed) {
  auto action = duckdb::make_shared_ptr<ExternalAction>();
  action->statement = static_cast<ParsedExternal&>(*parsed).statement;
  action->schema = SchemaOf(context, action->statement);
  catalog::Transaction& state = TransactionOf(context).state();
  if (!ValueOrThrow(state.HasSchema(action->schema))) {
    ThrowStatus(
        MakeError(ErrorCode::kNotFound, "schema " + Quoted(action->schema) + " does not exist"));
  }
  const bool writes = action->statement.kind != ExternalStatement::Kind::kVerify;
  if (action->statement.kind == ExternalStatement::Kind::kCreate) {
    const auto existing = ValueOrThrow(state.Find(action->schema, action->statement.name));
    const bool nothing_to_do = existing != nullptr && action->statement.if_not_exists &&
                               existing->kind == catalog::EntryKind::kExternalTable;
    if (!nothing_to_do) {
      action->definition = DefinitionOfExternal(context, action->schema, action->statement);
    }
  }
  if (action->statement.kind == ExternalStatement::Kind::kRefresh) {
    const auto existing = FindExternal(TransactionOf(context), *action);
    action->definition =
        DefinitionOfExternal(context, action->schema, StatementOfExternal(*existing->external));
    KeepComments(*existing->external, &*action->definition);
  }
  duckdb::ParserExtensionPlanResult result;
  result.function = duckdb::TableFunction("external_table", {}, GiveRows, BindAction, RunAction);
  result.function.function_info = std::move(action);
  result.return_type =
      writes ? duckdb::StatementReturnType::NOTHING : duckdb::StatementReturnType::QUERY_RESULT;
  if (writes) {
    duckdb::StatementProperties properties;
    properties.RegisterDBModify(duckdb::Catalog::GetCatalog(context, kCatalogName), context,
                                duckdb::DatabaseModificationType::CREATE_CATALOG_ENTRY);
    result.modified_databases = properties.modified_databases;
  }
  return result;
}

}  // namespace

void RegisterExternalStatements(duckdb::DatabaseInstance& instance) {
  duckdb::ParserExtension extension;
  extension.parse_function = Parse;
  extension.plan_function = Plan;
  duckdb::ParserExtension::Register(duckdb::DBConfig::GetConfig(instance), extension);
}

}  // namespace pyralog::sql
