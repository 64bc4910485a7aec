#include "sql/system_tables.h"

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "arrow/config.h"
#include "arrow/memory_pool.h"
#include "duckdb/common/enum_util.hpp"
#include "duckdb/storage/buffer_manager.hpp"
#include "formats/registry.h"
#include "pyralog/database.h"
#include "sql/catalog.h"
#include "sql/errors.h"
#include "sql/external_checks.h"
#include "sql/kept_memory.h"
#include "sql/shared_database.h"
#include "sql/system_table.h"
#include "sql/transaction.h"

namespace pyralog::sql {
namespace {

using duckdb::LogicalType;
using duckdb::Value;

Value BytesValue(uint64_t value) { return Value::BIGINT(static_cast<int64_t>(value)); }

Value TextList(const std::vector<std::string>& texts) {
  duckdb::vector<Value> values;
  for (const std::string& text : texts) values.emplace_back(text);
  return Value::LIST(LogicalType::VARCHAR, std::move(values));
}

SqlCatalog& CatalogOf(duckdb::ClientContext& context) {
  return SqlCatalog::Of(duckdb::Catalog::GetCatalog(context, kCatalogName));
}

// ---- external_files ----

SystemRow ExternalFileRow(const catalog::ExternalTableDef& table,
                          const catalog::ExternalTableDef::FileIdentity& file) {
  const arrow::Result<FileStamp> now = StampOf(file.path);
  const bool missing = !now.ok() && GetErrorCode(now.status()) == ErrorCode::kNotFound;
  const bool changed = now.ok() && (now->size != file.size || now->modified_ns != file.modified_ns);
  return {Value(table.schema),
          Value(table.name),
          Value(table.format),
          Value(file.path),
          BytesValue(file.size),
          Value::TIMESTAMP(duckdb::timestamp_t(file.modified_ns / 1000)),
          now.ok() || missing ? Value::BOOLEAN(now.ok()) : Value(LogicalType::BOOLEAN),
          now.ok() ? Value::BOOLEAN(changed) : Value(LogicalType::BOOLEAN)};
}

std::vector<SystemRow> ExternalFileRows(duckdb::ClientContext& context) {
  catalog::Transaction& state = SqlTransaction::Get(context, CatalogOf(context)).state();
  std::vector<SystemRow> rows;
  for (const std::string& schema : ValueOrThrow(state.ListSchemas())) {
    for (const catalog::EntryPtr& entry : ValueOrThrow(state.List(schema))) {
      if (entry->external == nullptr) continue;
      for (const auto& file : entry->external->files) {
        rows.push_back(ExternalFileRow(*entry->external, file));
      }
    }
  }
  return rows;
}

SystemTable ExternalFiles() {
  return {"external_files",
          {{"schema_name", LogicalType::VARCHAR},
           {"table_name", LogicalType::VARCHAR},
           {"format", LogicalType::VARCHAR},
           {"path", LogicalType::VARCHAR},
           {"size_bytes", LogicalType::BIGINT},   // when the table was created
           {"modified", LogicalType::TIMESTAMP},  // when the table was created; UTC
           {"exists", LogicalType::BOOLEAN},      // now; NULL: cannot be asked
           {"changed", LogicalType::BOOLEAN}},    // since the table was created; NULL: no file
          ExternalFileRows};
}

// ---- formats ----

// "50 41 52 31" for PAR1, as file(1) would have it: text where it is text.
std::string SignatureText(const formats::Signature& signature) {
  std::string text;
  for (const char c : signature.head) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7F) {
      text += c;
    } else {
      constexpr char kDigits[] = "0123456789abcdef";
      text += {'\\', 'x', kDigits[byte >> 4], kDigits[byte & 15]};
    }
  }
  return signature.offset == 0 ? text : text + " at " + std::to_string(signature.offset);
}

std::vector<SystemRow> FormatRows(duckdb::ClientContext& context) {
  std::vector<SystemRow> rows;
  for (const formats::Format* format : formats::AllFormats()) {
    const formats::FormatInfo& info = format->info();
    std::vector<std::string> signatures;
    for (const auto& signature : info.signatures) signatures.push_back(SignatureText(signature));
    rows.push_back({Value(info.name), Value(info.title), Value::BOOLEAN(info.can.read),
                    Value::BOOLEAN(info.can.write), Value::BOOLEAN(info.can.projection),
                    Value::BOOLEAN(info.can.filter), TextList(info.suffixes),
                    TextList(info.aliases), TextList(signatures), TextList(info.compressions),
                    Value(info.readers), Value(info.concurrency)});
  }
  return rows;
}

SystemTable Formats() {
  const auto texts = LogicalType::LIST(LogicalType::VARCHAR);
  return {"formats",
          {{"name", LogicalType::VARCHAR},
           {"title", LogicalType::VARCHAR},
           {"can_read", LogicalType::BOOLEAN},
           {"can_write", LogicalType::BOOLEAN},
           {"projection", LogicalType::BOOLEAN},  // columns that are not wanted are not read
           {"filter", LogicalType::BOOLEAN},      // parts that cannot match are not read
           {"suffixes", texts},
           {"aliases", texts},
           {"signatures", texts},    // what a file begins with; \xNN: a byte
           {"compressions", texts},  // suffixes that may follow
           {"readers", LogicalType::VARCHAR},
           {"concurrency", LogicalType::VARCHAR}},
          FormatRows};
}

// ---- sessions ----

SystemRow SessionRow(const SessionRecord::Facts& facts) {
  const auto started =
      std::chrono::duration_cast<std::chrono::microseconds>(facts.started.time_since_epoch());
  const char* state = facts.is_running       ? "running"
                      : facts.in_transaction ? "idle in transaction"
                                             : "idle";
  return {Value::BIGINT(static_cast<int64_t>(facts.id)),
          Value::TIMESTAMP(duckdb::timestamp_t(started.count())),
          Value(state),
          Value::BOOLEAN(facts.in_transaction),
          facts.snapshot ? BytesValue(*facts.snapshot) : Value(LogicalType::BIGINT),
          BytesValue(facts.statements),
          Value(facts.statement)};
}

std::vector<SystemRow> SessionRows(duckdb::ClientContext& context) {
  std::vector<SystemRow> rows;
  for (const auto& facts : CatalogOf(context).shared().sessions().All()) {
    rows.push_back(SessionRow(facts));
  }
  return rows;
}

SystemTable Sessions() {
  return {"sessions",
          {{"id", LogicalType::BIGINT},
           {"started", LogicalType::TIMESTAMP},       // UTC
           {"state", LogicalType::VARCHAR},           // running, idle, idle in transaction
           {"in_transaction", LogicalType::BOOLEAN},  // opened by BEGIN
           {"snapshot", LogicalType::BIGINT},     // the commit that its transaction sees, or NULL
           {"statements", LogicalType::BIGINT},   // begun so far
           {"statement", LogicalType::VARCHAR}},  // that runs, else that ran last
          SessionRows};
}

// ---- memory ----

std::vector<SystemRow> MemoryRows(duckdb::ClientContext& context) {
  std::vector<SystemRow> rows;
  const auto add = [&](const std::string& component, uint64_t bytes, uint64_t spilled) {
    rows.push_back({Value(component), BytesValue(bytes), BytesValue(spilled)});
  };
  add("memtables", CatalogOf(context).storage().engine().memtable_bytes(), 0);
  for (const auto& info : duckdb::BufferManager::GetBufferManager(context).GetMemoryUsageInfo()) {
    const std::string tag = duckdb::EnumUtil::ToString(info.tag);
    add("query engine: " + duckdb::StringUtil::Lower(tag), info.size, info.evicted_data);
  }
  const int64_t kept = KeptMemory::OfProcess().kept();
  add("arrow", static_cast<uint64_t>(arrow::default_memory_pool()->bytes_allocated() - kept), 0);
  add("kept for results", static_cast<uint64_t>(kept), 0);
  return rows;
}

SystemTable Memory() {
  return {"memory",
          {{"component", LogicalType::VARCHAR},
           {"bytes", LogicalType::BIGINT},
           {"spilled_bytes", LogicalType::BIGINT}},  // on the disk instead
          MemoryRows};
}

}  // namespace

void RegisterSystemTables(duckdb::DatabaseInstance& instance) {
  for (const auto table : {ExternalFiles, Formats, Sessions, Memory}) {
    RegisterSystemTable(instance, table());
  }
  RegisterSystemView(instance, "versions",
                     "SELECT * FROM (VALUES ('Pyralog', '" + Version() + "'), ('DuckDB', '" +
                         duckdb::DuckDB::LibraryVersion() + "'), ('Arrow', '" +
                         arrow::GetBuildInfo().version_string + "')) v(name, version)");
  RegisterSystemView(instance, "settings",
                     "SELECT name, value, description, input_type AS type, lower(scope) AS scope "
                     "FROM duckdb_settings() ORDER BY name");
  RegisterSystemView(
      instance, "storage_summary",
      "SELECT storage_type, schema_name, table_name, kind, count(*) AS files, "
      "sum(size_bytes)::BIGINT AS size_bytes, sum(rows)::BIGINT AS rows, "
      "sum(deleted_rows)::BIGINT AS deleted_rows FROM storage_stats() GROUP BY ALL ORDER BY ALL");
}

}  // namespace pyralog::sql
