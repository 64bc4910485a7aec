#include "sql/external_write.h"

#include <array>
#include <cctype>
#include <string>
#include <string_view>

#include "duckdb/catalog/catalog.hpp"
#include "duckdb/main/client_context_state.hpp"
#include "duckdb/main/config.hpp"
#include "duckdb/parser/parsed_data/copy_info.hpp"
#include "duckdb/parser/statement/copy_statement.hpp"
#include "duckdb/parser/statement/delete_statement.hpp"
#include "duckdb/parser/statement/insert_statement.hpp"
#include "duckdb/parser/statement/merge_into_statement.hpp"
#include "duckdb/parser/statement/update_statement.hpp"
#include "duckdb/parser/tableref/basetableref.hpp"
#include "duckdb/planner/extension_callback.hpp"
#include "sql/errors.h"
#include "sql/external_entry.h"

namespace pyralog::sql {
namespace {

struct Target {
  std::string catalog;
  std::string schema;
  std::string table;  // empty: the statement writes to no table by name
};

Target TargetOf(const duckdb::TableRef& table) {
  if (table.type != duckdb::TableReferenceType::BASE_TABLE) return {};
  const auto& base = table.Cast<duckdb::BaseTableRef>();
  return {base.catalog_name, base.schema_name, base.table_name};
}

Target TargetOf(const duckdb::SQLStatement& statement) {
  switch (statement.type) {
    case duckdb::StatementType::INSERT_STATEMENT: {
      const auto& insert = statement.Cast<duckdb::InsertStatement>();
      return {insert.catalog, insert.schema, insert.table};
    }
    case duckdb::StatementType::UPDATE_STATEMENT:
      return TargetOf(*statement.Cast<duckdb::UpdateStatement>().table);
    case duckdb::StatementType::DELETE_STATEMENT:
      return TargetOf(*statement.Cast<duckdb::DeleteStatement>().table);
    case duckdb::StatementType::MERGE_INTO_STATEMENT:
      return TargetOf(*statement.Cast<duckdb::MergeIntoStatement>().target);
    case duckdb::StatementType::COPY_STATEMENT: {
      const auto& info = *statement.Cast<duckdb::CopyStatement>().info;
      if (!info.is_from) return {};
      return {info.catalog, info.schema, info.table};
    }
    default:
      return {};
  }
}

// Whether the text begins as a statement that writes. Long ones (rows in their text) are left to
// DuckDB's words, because a statement that may be looked at again is copied first.
bool MayWrite(std::string_view text) {
  constexpr size_t kLongText = 64 << 10;
  constexpr std::array<std::string_view, 7> kWords = {"insert", "update", "delete",  "merge",
                                                      "copy",   "with",   "truncate"};
  if (text.size() > kLongText) return false;
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front())))
    text.remove_prefix(1);
  for (const std::string_view word : kWords) {
    if (duckdb::StringUtil::CIEquals(std::string(text.substr(0, word.size())), std::string(word)))
      return true;
  }
  return false;
}

class WriteRefusal final : public duckdb::ClientContextState {
 public:
  static constexpr char kKey[] = "pyralog_external_write";

  void QueryBegin(duckdb::ClientContext& context) override {
    may_write_ = MayWrite(context.GetCurrentQuery());
  }
  bool CanRequestRebind() override { return may_write_; }

  duckdb::RebindQueryInfo OnPlanningError(duckdb::ClientContext& context,
                                          duckdb::SQLStatement& statement,
                                          duckdb::ErrorData& error) override {
    const Target target = TargetOf(statement);
    if (target.table.empty()) return duckdb::RebindQueryInfo::DO_NOT_REBIND;
    const auto entry = duckdb::Catalog::GetEntry(
        context, target.catalog, target.schema,
        duckdb::EntryLookupInfo(duckdb::CatalogType::TABLE_ENTRY, target.table),
        duckdb::OnEntryNotFound::RETURN_NULL);
    const auto* external = dynamic_cast<const ExternalTableEntry*>(entry.get());
    if (external != nullptr) {
      ThrowStatus(MakeError(
          ErrorCode::kNotSupported,
          "external table \"" + external->name +
              "\" cannot be written: its rows are the files at " + external->definition().location +
              "; write files there (COPY ... TO), or create a table of these rows"));
    }
    return duckdb::RebindQueryInfo::DO_NOT_REBIND;
  }

 private:
  bool may_write_ = false;
};

class AddWriteRefusal final : public duckdb::ExtensionCallback {
 public:
  void OnConnectionOpened(duckdb::ClientContext& context) override {
    context.registered_state->Insert(WriteRefusal::kKey, duckdb::make_shared_ptr<WriteRefusal>());
  }
};

}  // namespace

void RegisterExternalWriteRefusal(duckdb::DatabaseInstance& instance) {
  duckdb::ExtensionCallback::Register(duckdb::DBConfig::GetConfig(instance),
                                      duckdb::make_shared_ptr<AddWriteRefusal>());
}

}  // namespace pyralog::sql
