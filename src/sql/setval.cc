// setval(sequence, value [, is_called]): where a sequence stands.
#include "duckdb/catalog/catalog_search_path.hpp"
#include "duckdb/function/scalar_function.hpp"
#include "duckdb/main/client_data.hpp"
#include "duckdb/parser/parsed_data/create_scalar_function_info.hpp"
#include "duckdb/parser/qualified_name.hpp"
#include "sql/catalog.h"
#include "sql/connection_state.h"
#include "sql/errors.h"
#include "sql/sequence.h"
#include "sql/sql_text.h"
#include "sql/transaction.h"

namespace pyralog::sql {
namespace {

const catalog::SequenceDef& SequenceNamed(duckdb::ClientContext& context,
                                          SqlTransaction& transaction, const std::string& text,
                                          catalog::EntryPtr* found) {
  const auto name = duckdb::QualifiedName::Parse(text);
  std::vector<std::string> schemas = {name.schema};
  if (name.schema.empty()) {
    const auto& path = duckdb::ClientData::Get(context).catalog_search_path->GetDefault();
    schemas = {path.schema, std::string(catalog::kDefaultSchema)};
  }
  for (const std::string& schema : schemas) {
    *found = ValueOrThrow(
        transaction.state().FindObject(catalog::EntryKind::kSequence, schema, name.name));
    if (*found != nullptr) return *(*found)->sequence;
  }
  ThrowStatus(MakeError(ErrorCode::kNotFound, "there is no sequence " + Quoted(text)));
}

void SetSequence(duckdb::ClientContext& context, const std::string& name, int64_t value,
                 bool is_called) {
  auto& catalog = duckdb::Catalog::GetCatalog(context, kCatalogName);
  SqlTransaction& transaction = SqlTransaction::Get(context, catalog);
  catalog::EntryPtr entry;
  const catalog::SequenceDef& sequence = SequenceNamed(context, transaction, name, &entry);
  if (value < sequence.min || value > sequence.max) {
    ThrowStatus(MakeError(ErrorCode::kInvalidArgument,
                          "setval: " + std::to_string(value) + " is not between " +
                              std::to_string(sequence.min) + " and " +
                              std::to_string(sequence.max) + ", the bounds of sequence " +
                              Quoted(sequence.name)));
  }
  const auto next = is_called ? catalog::Sequences::PositionAfter(sequence, value)
                              : catalog::SequencePosition(value);
  ThrowIfError(SqlCatalog::Of(catalog).storage().sequences().Set(
      sequence, transaction.state().storage(), next));
  if (is_called) ConnectionState::Of(context)->NoteSequenceValue(sequence.id, value);
}

void SetValues(duckdb::DataChunk& arguments, duckdb::ExpressionState& state,
               duckdb::Vector& result) {
  result.SetVectorType(duckdb::VectorType::FLAT_VECTOR);
  for (duckdb::idx_t row = 0; row < arguments.size(); ++row) {
    const duckdb::Value name = arguments.GetValue(0, row);
    const duckdb::Value value = arguments.GetValue(1, row);
    const duckdb::Value called =
        arguments.ColumnCount() > 2 ? arguments.GetValue(2, row) : duckdb::Value::BOOLEAN(true);
    if (name.IsNull() || value.IsNull() || called.IsNull()) {
      result.SetValue(row, duckdb::Value(duckdb::LogicalType::BIGINT));
      continue;
    }
    SetSequence(state.GetContext(), name.ToString(), value.GetValue<int64_t>(),
                called.GetValue<bool>());
    result.SetValue(row, value);
  }
}

}  // namespace

void RegisterSetval(duckdb::DatabaseInstance& instance) {
  using duckdb::LogicalType;
  duckdb::ScalarFunctionSet functions("setval");
  for (const bool with_called : {false, true}) {
    duckdb::vector<LogicalType> types = {LogicalType::VARCHAR, LogicalType::BIGINT};
    if (with_called) types.push_back(LogicalType::BOOLEAN);
    duckdb::ScalarFunction function(types, LogicalType::BIGINT, SetValues);
    function.SetVolatile();
    functions.AddFunction(function);
  }
  const auto transaction = duckdb::CatalogTransaction::GetSystemTransaction(instance);
  for (const char* schema : {DEFAULT_SCHEMA, "pg_catalog"}) {
    duckdb::CreateScalarFunctionInfo info(functions);
    info.schema = schema;
    info.internal = true;
    duckdb::Catalog::GetSystemCatalog(instance).CreateFunction(transaction, info);
  }
}

}  // namespace pyralog::sql
