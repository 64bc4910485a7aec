#include "sql/sequence.h"

#include <span>

#include "duckdb/catalog/catalog_entry/scalar_function_catalog_entry.hpp"
#include "duckdb/catalog/catalog_entry/schema_catalog_entry.hpp"
#include "duckdb/execution/expression_executor_state.hpp"
#include "duckdb/function/scalar/sequence_utils.hpp"
#include "duckdb/parser/parsed_data/create_sequence_info.hpp"
#include "duckdb/planner/expression/bound_function_expression.hpp"
#include "duckdb/transaction/duck_transaction.hpp"
#include "sql/connection_state.h"
#include "sql/errors.h"
#include "sql/transaction.h"

namespace pyralog::sql {
namespace {

// A sequence that has given all its values cannot be said in CREATE SEQUENCE: it starts at its last
// value, and gives that to nobody.
struct ExhaustedSequenceInfo final : public duckdb::CreateSequenceInfo {
  std::string ToString() const override {
    const std::string name = duckdb::KeywordHelper::WriteQuoted(schema, '"') + "." +
                             duckdb::KeywordHelper::WriteQuoted(this->name, '"');
    return duckdb::CreateSequenceInfo::ToString() + "\nSELECT nextval(" +
           duckdb::KeywordHelper::WriteQuoted(name, '\'') + ")";
  }
};

bool IsOwn(const duckdb::SequenceCatalogEntry& sequence) {
  return sequence.catalog.GetCatalogType() == kCatalogName;
}

// nullptr: nextval(NULL) and currval(NULL).
duckdb::SequenceCatalogEntry* SequenceOf(const duckdb::ExpressionState& state) {
  const auto& call = state.expr.Cast<duckdb::BoundFunctionExpression>();
  if (!call.bind_info) return nullptr;
  return &call.bind_info->Cast<duckdb::NextvalBindData>().sequence;
}

void SetAllNull(duckdb::Vector& result) {
  result.SetVectorType(duckdb::VectorType::CONSTANT_VECTOR);
  duckdb::ConstantVector::SetNull(result, true);
}

duckdb::shared_ptr<ConnectionState> StateOf(duckdb::ClientContext& context) {
  return context.registered_state->Get<ConnectionState>(ConnectionState::kKey);
}

void NextValues(duckdb::DataChunk& arguments, duckdb::ExpressionState& state,
                duckdb::Vector& result) {
  duckdb::SequenceCatalogEntry* sequence = SequenceOf(state);
  if (sequence == nullptr) return SetAllNull(result);
  duckdb::ClientContext& context = state.GetContext();
  result.SetVectorType(duckdb::VectorType::FLAT_VECTOR);
  const std::span<int64_t> values(duckdb::FlatVector::GetData<int64_t>(result), arguments.size());
  if (!IsOwn(*sequence)) {
    auto& transaction = duckdb::DuckTransaction::Get(context, sequence->catalog);
    for (int64_t& value : values) value = sequence->NextValue(transaction);
    return;
  }
  if (values.empty()) return;
  const catalog::SequenceDef& definition = static_cast<SequenceEntry*>(sequence)->definition();
  lsm::Transaction& asking = SqlTransaction::Get(context, sequence->catalog).state().storage();
  auto& sequences = SqlCatalog::Of(sequence->catalog).storage().sequences();
  ThrowIfError(sequences.Next(definition, asking, values));
  if (const auto session = StateOf(context)) {
    session->NoteSequenceValue(definition.id, values.back());
  }
}

void CurrentValues(duckdb::DataChunk& arguments, duckdb::ExpressionState& state,
                   duckdb::Vector& result) {
  duckdb::SequenceCatalogEntry* sequence = SequenceOf(state);
  if (sequence == nullptr) return SetAllNull(result);
  result.SetVectorType(duckdb::VectorType::FLAT_VECTOR);
  const std::span<int64_t> values(duckdb::FlatVector::GetData<int64_t>(result), arguments.size());
  if (!IsOwn(*sequence)) {
    for (int64_t& value : values) value = sequence->CurrentValue();
    return;
  }
  const auto session = StateOf(state.GetContext());
  const catalog::SequenceDef& definition = static_cast<SequenceEntry*>(sequence)->definition();
  const auto last = session == nullptr ? std::nullopt : session->LastSequenceValue(definition.id);
  if (!last) {
    ThrowStatus(
        MakeError(ErrorCode::kInvalidArgument, "currval: this session has no value of sequence \"" +
                                                   sequence->name + "\" yet; call nextval first"));
  }
  for (int64_t& value : values) value = *last;
}

void Replace(duckdb::SchemaCatalogEntry& schema, const duckdb::CatalogTransaction& transaction,
             const std::string& name, duckdb::scalar_function_t function) {
  const duckdb::EntryLookupInfo lookup(duckdb::CatalogType::SCALAR_FUNCTION_ENTRY, name);
  auto entry = schema.LookupEntry(transaction, lookup);
  if (!entry) return;
  for (auto& known : entry->Cast<duckdb::ScalarFunctionCatalogEntry>().functions.functions) {
    known.SetFunctionCallback(function);
    known.SetInitStateCallback(nullptr);
  }
}

}  // namespace

SequenceEntry::SequenceEntry(SqlCatalog& catalog, duckdb::SchemaCatalogEntry& schema,
                             duckdb::CreateSequenceInfo& info,
                             std::shared_ptr<const catalog::SequenceDef> definition)
    : duckdb::SequenceCatalogEntry(catalog, schema, info),
      own_catalog_(catalog),
      definition_(std::move(definition)) {}

duckdb::unique_ptr<duckdb::CreateInfo> SequenceEntry::GetInfo() const {
  const auto next = ValueOrThrow(own_catalog_.storage().sequences().Peek(*definition_));
  duckdb::unique_ptr<duckdb::CreateSequenceInfo> info;
  if (next) {
    info = duckdb::make_uniq<duckdb::CreateSequenceInfo>();
  } else {
    info = duckdb::make_uniq<ExhaustedSequenceInfo>();
  }
  info->catalog = own_catalog_.GetName();
  info->schema = schema.name;
  info->name = name;
  info->start_value =
      next.value_or(definition_->increment > 0 ? definition_->max : definition_->min);
  info->increment = definition_->increment;
  info->min_value = definition_->min;
  info->max_value = definition_->max;
  info->cycle = definition_->cycle;
  return info;
}

std::string SequenceEntry::ToSQL() const {
  auto info = GetInfo();
  info->catalog.clear();
  return info->ToString();
}

std::unique_ptr<duckdb::CatalogEntry> MakeSequenceEntry(
    SqlCatalog& catalog, duckdb::SchemaCatalogEntry& schema,
    const std::shared_ptr<const catalog::SequenceDef>& definition) {
  duckdb::CreateSequenceInfo info;
  info.schema = schema.name;
  info.name = definition->name;
  info.start_value = definition->start;
  info.increment = definition->increment;
  info.min_value = definition->min;
  info.max_value = definition->max;
  info.cycle = definition->cycle;
  auto entry = std::make_unique<SequenceEntry>(catalog, schema, info, definition);
  entry->internal = definition->owned;  // made and dropped with its table
  return entry;
}

catalog::SequenceDef SequenceFromInfo(const duckdb::CreateSequenceInfo& info,
                                      const std::string& schema) {
  catalog::SequenceDef definition;
  definition.schema = schema;
  definition.name = info.name;
  definition.start = info.start_value;
  definition.increment = info.increment;
  definition.min = info.min_value;
  definition.max = info.max_value;
  definition.cycle = info.cycle;
  return definition;
}

void ReplaceSequenceFunctions(duckdb::DatabaseInstance& instance) {
  const auto transaction = duckdb::CatalogTransaction::GetSystemTransaction(instance);
  auto& schema = duckdb::Catalog::GetSystemCatalog(instance).GetSchema(transaction, DEFAULT_SCHEMA);
  Replace(schema, transaction, "nextval", NextValues);
  Replace(schema, transaction, "currval", CurrentValues);
}

}  // namespace pyralog::sql
